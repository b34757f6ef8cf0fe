"""SNS -> function and queue: the real event, filters, raw delivery, FIFO, dead letters."""

import json
import uuid

import pytest


@pytest.fixture
def topic(aws):
    return aws.client("sns").create_topic(Name=f"t-{uuid.uuid4().hex[:8]}")["TopicArn"]


def subscribe(aws, topic, protocol, endpoint, **attributes):
    return aws.client("sns").subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint, Attributes=attributes)[
        "SubscriptionArn"
    ]


def publish(aws, topic, root, message="hi", **options):
    aws.traced("sns", root).publish(TopicArn=topic, Message=message, **options)
    assert aws.emulator.settle(root)


def kind(value):
    return {"MessageAttributes": {"kind": {"DataType": "String", "StringValue": value}}}


def test_a_function_gets_the_real_event(aws, topic, root):
    _, function, reports = aws.reporting("def handler(event, context):\n    report(event)")
    arn = subscribe(aws, topic, "lambda", function)
    publish(aws, topic, root, Subject="news", **kind("x"))
    record = aws.bodies(reports)[0]["Records"][0]

    assert record["EventSource"] == "aws:sns"
    assert record["EventSubscriptionArn"] == arn
    assert record["Sns"]["TopicArn"] == topic
    assert (record["Sns"]["Message"], record["Sns"]["Subject"]) == ("hi", "news")
    assert record["Sns"]["MessageAttributes"] == {"kind": {"Type": "String", "Value": "x"}}


def test_a_failing_subscriber_is_retried_as_an_asynchronous_invocation(aws, topic, root):
    _, function = aws.function("def handler(event, context):\n    raise ValueError('no')")
    subscribe(aws, topic, "lambda", function)
    publish(aws, topic, root)

    assert aws.whats(root).count("invocation") == 3
    assert aws.whats(root).count("publish") == 1


def test_a_queue_gets_the_envelope_or_the_raw_message(aws, topic, root):
    url, queue = aws.queue()
    raw_url, raw = aws.queue()
    subscribe(aws, topic, "sqs", queue, RawMessageDelivery="false")
    subscribe(aws, topic, "sqs", raw, RawMessageDelivery="true")
    publish(aws, topic, root, **kind("x"))
    envelope = aws.bodies(url)[0]
    (message,) = aws.messages(raw_url)

    assert (envelope["Message"], envelope["TopicArn"]) == ("hi", topic)
    assert message["Body"] == "hi"
    assert message["MessageAttributes"]["kind"]["StringValue"] == "x"


def test_filter_policies_select_by_attribute_and_by_body(aws, topic, root):
    by_attribute, queue_1 = aws.queue()
    by_body, queue_2 = aws.queue()
    subscribe(aws, topic, "sqs", queue_1, FilterPolicy='{"kind": ["paid"]}', RawMessageDelivery="true")
    subscribe(
        aws,
        topic,
        "sqs",
        queue_2,
        FilterPolicyScope="MessageBody",
        FilterPolicy='{"usd": [{"numeric": [">", 10]}]}',
        RawMessageDelivery="true",
    )
    publish(aws, topic, root, '{"usd": 5}', **kind("paid"))
    publish(aws, topic, root, '{"usd": 20}', **kind("open"))

    assert aws.bodies(by_attribute, 2, wait_s=0) == [{"usd": 5}]
    assert aws.bodies(by_body, 2, wait_s=0) == [{"usd": 20}]
    assert aws.whats(root).count("filtered") == 2


def test_equal_messages_of_a_fifo_topic_are_delivered_once(aws, root):
    topic = aws.client("sns").create_topic(
        Name=f"t-{uuid.uuid4().hex[:8]}.fifo", Attributes={"FifoTopic": "true", "ContentBasedDeduplication": "true"}
    )["TopicArn"]
    url, queue = aws.queue(FifoQueue="true")
    subscribe(aws, topic, "sqs", queue, RawMessageDelivery="true")
    publish(aws, topic, root, MessageGroupId="g")
    publish(aws, topic, root, MessageGroupId="g")

    assert [message["Body"] for message in aws.messages(url, 2, wait_s=0)] == ["hi"]


def test_a_fifo_topic_keeps_the_order_and_what_it_had_before_a_queue_subscribed_is_a_duplicate(aws, root):
    topic = aws.client("sns").create_topic(
        Name=f"t-{uuid.uuid4().hex[:8]}.fifo", Attributes={"FifoTopic": "true", "ContentBasedDeduplication": "true"}
    )["TopicArn"]
    (url, queue), (standard_url, standard) = aws.queue(FifoQueue="true"), aws.queue()
    publish(aws, topic, root, "early", MessageGroupId="g")
    for each in (queue, standard):
        subscribe(aws, topic, "sqs", each, RawMessageDelivery="true")
    for text in ("early", "1", "2", "3"):
        publish(aws, topic, root, text, MessageGroupId="g")

    assert [message["Body"] for message in aws.messages(url, 4, wait_s=0)] == ["1", "2", "3"]
    assert len(aws.messages(standard_url, 4, wait_s=0)) == 3
    assert "duplicate" in aws.whats(root)


@pytest.mark.parametrize("protocol", ["sqs", "lambda"])
def test_a_target_that_is_gone_is_a_dead_letter(aws, topic, root, protocol):
    dead_url, dead = aws.queue()
    url, queue = aws.queue()
    name, function = aws.function("def handler(event, context):\n    return 1")
    endpoint = {"sqs": queue, "lambda": function}[protocol]
    subscribe(aws, topic, protocol, endpoint, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead}))
    aws.client("sqs").delete_queue(QueueUrl=url)
    aws.client("lambda").delete_function(FunctionName=name)
    publish(aws, topic, root)

    assert aws.bodies(dead_url)[0]["Message"] == "hi"
    assert "dead letter" in aws.whats(root)


def test_a_target_that_is_gone_does_not_stop_the_others(aws, topic, root):
    gone_url, gone = aws.queue()
    url, queue = aws.queue()
    subscribe(aws, topic, "sqs", gone)
    subscribe(aws, topic, "sqs", queue)
    aws.client("sqs").delete_queue(QueueUrl=gone_url)
    publish(aws, topic, root)

    assert len(aws.bodies(url)) == 1
    assert "dropped" in aws.whats(root)


def test_a_rule_that_does_not_fit_a_value_lets_the_others_decide(aws, topic, root):
    url, queue = aws.queue()
    policy = {"usd": [{"numeric": [">", 100]}, {"prefix": "many"}], "vip": [True, {"exists": False}]}
    subscribe(aws, topic, "sqs", queue, FilterPolicy=json.dumps(policy), FilterPolicyScope="MessageBody")
    for body in ({"usd": "150"}, {"usd": 150}, {"usd": "many"}, {"usd": None}, [1], "text"):
        publish(aws, topic, root, json.dumps(body))
    passed = [json.loads(each["Message"]) for each in aws.bodies(url, 6, wait_s=1)]

    assert passed == [{"usd": 150}, {"usd": "many"}]


def test_an_attribute_of_bytes_arrives_raw(aws, topic, root):
    url, queue = aws.queue()
    subscribe(aws, topic, "sqs", queue, RawMessageDelivery="true")
    publish(aws, topic, root, MessageAttributes={"raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}})
    (message,) = aws.messages(url)

    assert message["MessageAttributes"]["raw"]["BinaryValue"] == b"\x00\xff"


def test_what_a_fifo_topic_accepts_has_a_number_that_grows(aws, topic):
    client = aws.client("sns")
    options = {"FifoTopic": "true", "ContentBasedDeduplication": "true"}
    fifo = client.create_topic(Name=f"t-{uuid.uuid4().hex[:8]}.fifo", Attributes=options)["TopicArn"]
    first = client.publish(TopicArn=fifo, Message="a", MessageGroupId="g")["SequenceNumber"]
    entries = [{"Id": name, "Message": name, "MessageGroupId": "g"} for name in "bc"]
    batch = client.publish_batch(TopicArn=fifo, PublishBatchRequestEntries=entries)["Successful"]
    numbers = [first, *[entry["SequenceNumber"] for entry in batch]]

    assert numbers == sorted(set(numbers))
    assert {len(number) for number in numbers} == {20}
    assert "SequenceNumber" not in client.publish(TopicArn=topic, Message="a")
