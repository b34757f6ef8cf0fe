"""SQS and SQS -> function: batches, windows, partial failures, filters, redrive, who is woken and when."""

import json
import time

import psutil
import pytest

BODIES = "def handler(event, context):\n    report([r['body'] for r in event['Records']])"


def send(aws, url, root, *bodies, **options):
    for body in bodies:
        aws.traced("sqs", root).send_message(QueueUrl=url, MessageBody=body, **options)


def events_of(aws, root, what):
    return [event for event in aws.emulator.story(root) if event["what"] == what]


def test_body_and_attributes_arrive(aws, root):
    url, queue = aws.queue()
    _, function, reports = aws.reporting("def handler(event, context):\n    report(event['Records'][0])")
    aws.map_queue(queue, function)
    send(aws, url, root, "hello", MessageAttributes={"kind": {"DataType": "String", "StringValue": "x"}})
    (record,) = aws.bodies(reports)

    assert record["body"] == "hello"
    assert record["eventSourceARN"] == queue
    assert record["messageAttributes"]["kind"]["stringValue"] == "x"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert root in record["attributes"]["AWSTraceHeader"]


def test_waiting_messages_come_in_batches(aws, root):
    url, queue = aws.queue()
    _, function, reports = aws.reporting(BODIES)
    send(aws, url, root, *[str(i) for i in range(10)])
    aws.map_queue(queue, function, BatchSize=10)
    aws.emulator.settle(root)
    batches = aws.bodies(reports)

    assert batches == [[str(i) for i in range(10)]]


def test_a_window_gathers_what_comes_and_takes_no_time(aws, root):
    url, queue = aws.queue()
    _, function, reports = aws.reporting(BODIES)
    aws.map_queue(queue, function, BatchSize=100, MaximumBatchingWindowInSeconds=1)
    send(aws, url, root, "a")
    send(aws, url, root, "b")
    aws.emulator.settle(root)

    assert sorted(body for batch in aws.bodies(reports, 2, wait_s=1) for body in batch) == ["a", "b"]
    assert any(event["at_s"] >= 1 for event in events_of(aws, root, "receive"))


def test_three_failures_at_a_visibility_of_a_minute_reach_the_dead_letter_queue_in_about_a_second(aws, root):
    dead_url, dead = aws.queue()
    policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 3})
    url, queue = aws.queue(VisibilityTimeout="60", RedrivePolicy=policy)
    _, function = aws.function("def handler(event, context):\n    raise ValueError('no')")
    aws.map_queue(queue, function)
    began_s = time.monotonic()
    send(aws, url, root, "bad")
    settled = aws.emulator.settle(root)
    wall_s = time.monotonic() - began_s
    runs = events_of(aws, root, "invocation")

    assert settled
    assert [run["attempt"] for run in runs] == [1, 2, 3]
    assert 59.9 < runs[1]["at_s"] - runs[0]["at_s"] < 65
    assert events_of(aws, root, "dead letter")[0]["at_s"] >= 180
    assert wall_s < 20, "virtual minutes, not wall minutes"
    assert [message["Body"] for message in aws.messages(dead_url)] == ["bad"]


def test_only_the_reported_message_is_dead_lettered(aws, root):
    dead_url, dead = aws.queue()
    policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 2})
    url, queue = aws.queue(VisibilityTimeout="30", RedrivePolicy=policy)
    _, function = aws.function(
        "def handler(event, context):\n"
        "    bad = [r['messageId'] for r in event['Records'] if r['body'] == 'bad']\n"
        "    return {'batchItemFailures': [{'itemIdentifier': i} for i in bad]}"
    )
    send(aws, url, root, "good", "bad", "fine")
    aws.map_queue(queue, function, FunctionResponseTypes=["ReportBatchItemFailures"])
    settled = aws.emulator.settle(root)

    assert settled
    assert [message["Body"] for message in aws.messages(dead_url, wait_s=1)] == ["bad"]
    assert len(events_of(aws, root, "dead letter")) == 1


@pytest.mark.parametrize("answer", ["{'batchItemFailures': [{'itemIdentifier': ''}]}", "{'batchItemFailures': [{}]}"])
def test_a_malformed_partial_answer_fails_the_whole_batch(aws, root, answer):
    dead_url, dead = aws.queue()
    policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1})
    url, queue = aws.queue(VisibilityTimeout="30", RedrivePolicy=policy)
    _, function = aws.function(f"def handler(event, context):\n    return {answer}")
    send(aws, url, root, "a", "b")
    aws.map_queue(queue, function, FunctionResponseTypes=["ReportBatchItemFailures"])
    aws.emulator.settle(root)

    assert sorted(message["Body"] for message in aws.messages(dead_url, 2)) == ["a", "b"]


def test_a_filter_lets_through_what_matches_and_deletes_the_rest(aws, root):
    url, queue = aws.queue()
    _, function, reports = aws.reporting(BODIES)
    pattern = json.dumps({"body": {"kind": ["paid"], "usd": [{"numeric": [">", 10]}]}})
    send(aws, url, root, '{"kind": "paid", "usd": 20}', '{"kind": "open", "usd": 20}', '{"kind": "paid", "usd": 5}')
    aws.map_queue(queue, function, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    aws.emulator.settle(root)
    attributes = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    assert aws.bodies(reports, 2, wait_s=0) == [['{"kind": "paid", "usd": 20}']]
    assert len(events_of(aws, root, "filtered")) == 2
    assert attributes["ApproximateNumberOfMessages"] == "0"


def test_messages_of_a_group_arrive_in_order(aws, root):
    url, queue = aws.queue(FifoQueue="true", ContentBasedDeduplication="true")
    _, function, reports = aws.reporting(BODIES)
    aws.map_queue(queue, function, BatchSize=2)
    send(aws, url, root, *"12345", MessageGroupId="g")
    aws.emulator.settle(root)
    seen = [body for batch in aws.bodies(reports, 5, wait_s=0) for body in batch]

    assert seen == list("12345")


def test_maximum_concurrency_bounds_the_batches_at_once(aws, root):
    url, queue = aws.queue()
    _, function, reports = aws.reporting(
        "import time\ndef handler(event, context):\n    report([time.time(), time.sleep(0.5), time.time()])"
    )
    send(aws, url, root, *"123456")
    aws.map_queue(queue, function, BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    aws.emulator.settle(root)
    spans = [(begin, end) for begin, _, end in aws.bodies(reports, 6, wait_s=1)]
    at_once = max(sum(begin <= at < end for begin, end in spans) for at, _ in spans)

    assert len(spans) == 6
    assert at_once == 2


def test_a_disabled_mapping_rests_and_wakes_when_enabled(aws, root):
    url, queue = aws.queue()
    _, function, reports = aws.reporting(BODIES)
    mapping = aws.map_queue(queue, function, Enabled=False)
    send(aws, url, root, "a")
    rests = aws.emulator.settle(root, timeout_s=5)
    before = events_of(aws, root, "invocation")
    aws.client("lambda").update_event_source_mapping(UUID=mapping, Enabled=True)
    aws.emulator.settle(root)

    assert (rests, before) == (True, [])
    assert aws.bodies(reports) == [["a"]]


def test_a_deleted_mapping_takes_no_more(aws, root):
    url, queue = aws.queue()
    _, function = aws.function("def handler(event, context):\n    return 1")
    mapping = aws.map_queue(queue, function)
    aws.client("lambda").delete_event_source_mapping(UUID=mapping)
    send(aws, url, root, "a")

    assert aws.emulator.settle(root, timeout_s=5)
    assert [message["Body"] for message in aws.messages(url)] == ["a"]


def test_a_throttled_batch_is_tried_again_within_its_visibility(aws, root):
    url, queue = aws.queue(VisibilityTimeout="60")
    name, function, reports = aws.reporting(
        "import time\ndef handler(event, context):\n    time.sleep(1)\n    report(1)"
    )
    aws.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    send(aws, url, root, "a", "b")
    aws.map_queue(queue, function, BatchSize=1)
    aws.emulator.settle(root)

    assert aws.bodies(reports, 2) == [1, 1]
    assert "throttled" in [run["status"] for run in events_of(aws, root, "invocation")]


def test_a_delayed_message_comes_later_on_the_clock(aws, root):
    url, queue = aws.queue()
    _, function, _ = aws.reporting(BODIES)
    aws.map_queue(queue, function)
    send(aws, url, root, "a", DelaySeconds=300)

    assert aws.emulator.settle(root)
    assert events_of(aws, root, "receive")[0]["at_s"] >= 300


def test_what_an_outside_client_holds_stays_hidden_by_the_wall_while_the_clock_jumps(aws, root):
    held_url, _ = aws.queue()
    url, queue = aws.queue()
    _, function, _ = aws.reporting(BODIES)
    aws.map_queue(queue, function)
    send(aws, held_url, root, "held")
    client = aws.client("sqs")
    client.receive_message(QueueUrl=held_url, VisibilityTimeout=2)
    began_s = time.monotonic()
    send(aws, url, root, "late", DelaySeconds=600)
    aws.emulator.settle(root)
    early = client.receive_message(QueueUrl=held_url).get("Messages", [])
    again = client.receive_message(
        QueueUrl=held_url, WaitTimeSeconds=10, MessageSystemAttributeNames=["ApproximateReceiveCount"]
    )["Messages"]

    assert early == []
    assert again[0]["Attributes"]["ApproximateReceiveCount"] == "2"
    assert time.monotonic() - began_s >= 1.5


SENDING = """
import boto3, os
sqs = boto3.client("sqs")

def send(body):
    sqs.send_message(QueueUrl=os.environ["REPORT_URL"], MessageBody=body)
"""


def test_calls_of_a_batch_belong_to_the_request_whose_record_is_at_hand(aws):
    url, queue = aws.queue()
    code = SENDING + "def handler(event, context):\n    for record in event['Records']:\n        send(record['body'])"
    _, function, _ = aws.reporting(code)
    roots = [aws.emulator.root_id() for _ in range(3)]
    for root in roots:
        send(aws, url, root, root)
    aws.map_queue(queue, function, BatchSize=10)
    for root in roots:
        aws.emulator.settle(root)

    for root in roots:
        assert len(events_of(aws, root, "send")) == 2, "its own message and what was sent for it"
        assert len(events_of(aws, root, "invocation")) == 1, "the batch stands in each story"


def test_calls_of_a_batch_from_other_threads_belong_to_all_its_requests(aws):
    url, queue = aws.queue()
    code = SENDING + (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def handler(event, context):\n"
        "    with ThreadPoolExecutor() as threads:\n"
        "        list(threads.map(lambda record: send(record['body']), event['Records']))"
    )
    _, function, _ = aws.reporting(code)
    roots = [aws.emulator.root_id() for _ in range(2)]
    for root in roots:
        send(aws, url, root, root)
    aws.map_queue(queue, function, BatchSize=10)
    for root in roots:
        aws.emulator.settle(root)

    assert all(len(events_of(aws, root, "send")) == 3 for root in roots)


def test_messages_of_a_busy_group_wait_without_a_busy_loop(aws, root):
    url, queue = aws.queue(FifoQueue="true", ContentBasedDeduplication="true")
    _, function = aws.function("import time\ndef handler(event, context):\n    time.sleep(1)")
    aws.map_queue(queue, function, BatchSize=1)
    send(aws, url, root, "1", "2", MessageGroupId="g")
    server = psutil.Process(aws.emulator._process.pid)
    before_s = sum(server.cpu_times()[:2])
    time.sleep(0.8)
    spent_s = sum(server.cpu_times()[:2]) - before_s
    aws.emulator.settle(root)

    assert spent_s < 0.4


def test_a_mapping_without_its_function_rests(aws, root):
    url, queue = aws.queue()
    name, function = aws.function("def handler(event, context):\n    return 1")
    aws.map_queue(queue, function)
    aws.client("lambda").delete_function(FunctionName=name)
    send(aws, url, root, "a")

    assert aws.emulator.settle(root, timeout_s=5)
    assert aws.whats(root) == ["send", "stuck"]


def test_calls_of_a_batch_outside_the_loop_belong_to_all_its_requests(aws):
    url, queue = aws.queue()
    _, function, _ = aws.reporting("def handler(event, context):\n    report(len(event['Records']))")
    roots = [aws.emulator.root_id() for _ in range(2)]
    for root in roots:
        send(aws, url, root, root)
    aws.map_queue(queue, function, BatchSize=10)
    for root in roots:
        aws.emulator.settle(root)

    assert all(len(events_of(aws, root, "send")) == 2 for root in roots)


def test_a_mapping_is_listed_by_the_name_of_its_function(aws):
    _, queue = aws.queue()
    name, function = aws.function("def handler(event, context):\n    return 1")
    mapping = aws.map_queue(queue, function)
    client = aws.client("lambda")

    for known_as in (name, function):
        listed = client.list_event_source_mappings(FunctionName=known_as)["EventSourceMappings"]
        assert [each["UUID"] for each in listed] == [mapping]
    assert client.list_event_source_mappings(FunctionName="other")["EventSourceMappings"] == []


def test_an_attribute_of_bytes_arrives_as_base64(aws, root):
    url, queue = aws.queue()
    _, function, reports = aws.reporting("def handler(event, context):\n    report(event['Records'][0])")
    aws.map_queue(queue, function)
    send(aws, url, root, "hello", MessageAttributes={"raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}})
    (record,) = aws.bodies(reports)

    assert record["messageAttributes"]["raw"]["binaryValue"] == "AP8="
