"""SQS itself: order and deduplication of FIFO queues, who may be the source of a dead-letter queue, visibility."""

import json
import time

import pytest
from botocore.exceptions import ClientError


def test_equal_messages_are_one_for_five_minutes_also_after_they_were_deleted(aws, root):
    url, _ = aws.queue(FifoQueue="true", ContentBasedDeduplication="true")
    client = aws.traced("sqs", root)
    client.send_message(QueueUrl=url, MessageBody="a", MessageGroupId="g")
    first = aws.messages(url)
    client.send_message(QueueUrl=url, MessageBody="a", MessageGroupId="g")

    assert [message["Body"] for message in first] == ["a"]
    assert aws.messages(url, wait_s=0) == []
    assert aws.whats(root).count("duplicate") == 1


def test_the_scope_of_deduplication_may_be_the_group(aws):
    options = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    url, _ = aws.queue(FifoQueue="true", ContentBasedDeduplication="true", **options)
    for group in ("g", "h", "g"):
        aws.client("sqs").send_message(QueueUrl=url, MessageBody="a", MessageGroupId=group)

    assert len(aws.messages(url, 3, wait_s=0)) == 2


def test_sequence_numbers_rise(aws):
    url, _ = aws.queue(FifoQueue="true", ContentBasedDeduplication="true")
    client = aws.client("sqs")
    numbers = [
        client.send_message(QueueUrl=url, MessageBody=each, MessageGroupId="g")["SequenceNumber"] for each in "abc"
    ]

    assert numbers == sorted(numbers)
    assert len(set(numbers)) == 3


def test_a_group_waits_for_its_first_message_and_another_does_not(aws):
    url, _ = aws.queue(FifoQueue="true", ContentBasedDeduplication="true", VisibilityTimeout="30")
    client = aws.client("sqs")
    for body, group in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        client.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group)
    first = client.receive_message(QueueUrl=url, MaxNumberOfMessages=1)["Messages"][0]
    second = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    client.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    third = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]

    assert [message["Body"] for message in [first, *second, *third]] == ["a1", "b1", "a2"]


def test_a_client_outside_sees_a_message_again_by_the_wall(aws):
    url, _ = aws.queue(VisibilityTimeout="1")
    client = aws.client("sqs")
    client.send_message(QueueUrl=url, MessageBody="a")
    client.receive_message(QueueUrl=url)
    hidden = client.receive_message(QueueUrl=url).get("Messages", [])
    time.sleep(1.1)
    again = client.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"][0]

    assert hidden == []
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def test_a_queue_keeps_its_policy_when_other_attributes_are_set(aws):
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    url, _ = aws.queue(Policy=policy)
    client = aws.client("sqs")

    client.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "1"})
    kept = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    client.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    taken = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    assert (kept["Policy"], kept["DelaySeconds"]) == (policy, "1")
    assert "Policy" not in taken


def test_a_dead_letter_queue_keeps_who_may_use_it_and_refuses_others(aws):
    _, friend = aws.queue()
    _, stranger = aws.queue()
    policy = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [friend]})
    dead_url, dead = aws.queue(RedriveAllowPolicy=policy)
    client = aws.client("sqs")
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 3})}
    urls = {arn: client.get_queue_url(QueueName=arn.rsplit(":", 1)[1])["QueueUrl"] for arn in (friend, stranger)}
    kept = client.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["All"])["Attributes"]
    client.set_queue_attributes(QueueUrl=urls[friend], Attributes=redrive)

    assert kept["RedriveAllowPolicy"] == policy
    with pytest.raises(ClientError, match="RedriveAllowPolicy"):
        client.set_queue_attributes(QueueUrl=urls[stranger], Attributes=redrive)
    left = client.get_queue_attributes(QueueUrl=urls[stranger], AttributeNames=["All"])["Attributes"]
    assert "RedrivePolicy" not in left
