"""SQS message move tasks: dead letters back to their queue."""

import itertools
import json
import time

import pytest
from botocore.exceptions import ClientError


def pair(aws, **options):
    """Create a queue with a dead-letter queue; return (URL, ARN) of both."""
    dead_url, dead = aws.queue()
    policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1})
    url, queue = aws.queue(RedrivePolicy=policy, VisibilityTimeout="0", **options)
    return url, queue, dead_url, dead


def bury(aws, root, url, *bodies, **options):
    """Send messages and receive each once too often."""
    client = aws.client("sqs")
    for body in bodies:
        aws.traced("sqs", root).send_message(QueueUrl=url, MessageBody=body, **options)
    for _ in range(2):
        time.sleep(0.01)
        client.receive_message(QueueUrl=url, MaxNumberOfMessages=10)


def tasks(aws, source):
    return aws.client("sqs").list_message_move_tasks(SourceArn=source, MaxResults=10)["Results"]


def test_messages_go_back_to_where_they_came_from_as_new_ones(aws, root):
    url, _, dead_url, dead = pair(aws)
    kind = {"kind": {"DataType": "String", "StringValue": "x"}}
    bury(aws, root, url, "a", "b", MessageAttributes=kind)
    handle = aws.client("sqs").start_message_move_task(SourceArn=dead)["TaskHandle"]
    settled = aws.emulator.settle(root)
    time.sleep(0.2)
    found = aws.client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]
    )["Messages"]
    (task,) = tasks(aws, dead)

    assert settled
    assert sorted(message["Body"] for message in found) == ["a", "b"]
    assert {message["Attributes"]["ApproximateReceiveCount"] for message in found} == {"1"}
    assert found[0]["MessageAttributes"]["kind"]["StringValue"] == "x"
    assert root in found[0]["Attributes"]["AWSTraceHeader"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 2)
    assert (task["ApproximateNumberOfMessagesToMove"], task["SourceArn"]) == (2, dead)
    assert "TaskHandle" not in task
    assert handle
    assert aws.messages(dead_url, wait_s=0) == []
    assert aws.whats(root).count("redrive") == 2


def test_a_redriven_message_reaches_the_repaired_function(aws, root):
    url, queue, _, dead = pair(aws)
    bury(aws, root, url, "a")
    _, function, reports = aws.reporting("def handler(event, context):\n    report(event['Records'][0]['body'])")
    aws.map_queue(queue, function)
    aws.client("sqs").start_message_move_task(SourceArn=dead)
    aws.emulator.settle(root)

    assert aws.messages(reports)[0]["Body"] == '"a"'


def test_a_rate_spreads_the_moves_over_time_that_takes_none(aws, root):
    url, _, _, dead = pair(aws)
    target_url, target = aws.queue()
    bury(aws, root, url, *"abcde")
    aws.client("sqs").start_message_move_task(SourceArn=dead, DestinationArn=target, MaxNumberOfMessagesPerSecond=1)
    aws.emulator.settle(root)
    at_s = [event["at_s"] for event in aws.emulator.story(root) if event["what"] == "redrive"]

    assert len(aws.messages(target_url, 5, wait_s=0)) == 5
    assert all(0.9 < later - earlier < 1.5 for earlier, later in itertools.pairwise(at_s))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (lambda queue, dead: {"SourceArn": queue}, "InvalidParameterValue", "configured as a Dead Letter Queue"),
        (lambda queue, dead: {"SourceArn": dead + "x"}, "ResourceNotFoundException", "SourceArn parameter"),
        (lambda queue, dead: {"SourceArn": dead, "DestinationArn": queue + "x"}, "ResourceNotFoundException", "exist"),
        (lambda queue, dead: {"SourceArn": dead, "MaxNumberOfMessagesPerSecond": 501}, "InvalidParameterValue", "500"),
    ],
)
def test_what_aws_refuses_is_refused(aws, arguments, code, words):
    _, queue, _, dead = pair(aws)

    with pytest.raises(ClientError, match=words) as raised:
        aws.client("sqs").start_message_move_task(**arguments(queue, dead))
    assert raised.value.response["Error"]["Code"] == code


def test_one_task_runs_for_a_source_and_can_be_cancelled(aws, root):
    url, _, _, dead = pair(aws)
    client = aws.client("sqs")
    bury(aws, root, url, *"abc")
    _, function = aws.function("import time\ndef handler(event, context):\n    time.sleep(2)")
    aws.client("lambda").invoke(FunctionName=function, InvocationType="Event")  # while it runs, the clock stays
    handle = client.start_message_move_task(SourceArn=dead, MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
    with pytest.raises(ClientError, match="already a task running"):
        client.start_message_move_task(SourceArn=dead)
    running = tasks(aws, dead)[0]
    moved = client.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"]
    aws.emulator.settle(root)

    assert (running["Status"], running["TaskHandle"]) == ("RUNNING", handle)
    assert moved < 3
    assert tasks(aws, dead)[0]["Status"] == "CANCELLED"
    with pytest.raises(ClientError, match="Task does not exist"):
        client.cancel_message_move_task(TaskHandle=handle)
    with pytest.raises(ClientError, match="TaskHandle is invalid"):
        client.cancel_message_move_task(TaskHandle="nonsense")


def test_a_message_of_which_nobody_knows_from_where_fails_the_task(aws, root):
    _, _, dead_url, dead = pair(aws)
    aws.traced("sqs", root).send_message(QueueUrl=dead_url, MessageBody="by hand")
    aws.client("sqs").start_message_move_task(SourceArn=dead)
    aws.emulator.settle(root)
    (task,) = tasks(aws, dead)

    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert len(aws.messages(dead_url, wait_s=0)) == 1


def test_a_dead_letter_says_which_queue_gave_it_up_and_goes_back_without_saying_so(aws, root):
    url, queue, dead_url, dead = pair(aws)
    bury(aws, root, url, "a")
    client = aws.client("sqs")
    (letter,) = client.receive_message(QueueUrl=dead_url, VisibilityTimeout=0, MessageSystemAttributeNames=["All"])[
        "Messages"
    ]
    (silent,) = client.receive_message(QueueUrl=dead_url, VisibilityTimeout=0)["Messages"]
    client.start_message_move_task(SourceArn=dead)
    assert aws.emulator.settle(root)
    (back,) = client.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"], WaitTimeSeconds=1)["Messages"]

    assert letter["Attributes"]["DeadLetterQueueSourceArn"] == queue
    assert "Attributes" not in silent
    assert "DeadLetterQueueSourceArn" not in back["Attributes"]
