"""EventBridge Pipes: sources, filter, enrichment, templates, targets, failures, stopping."""

import base64
import json
import uuid

import pytest
from botocore.exceptions import ClientError

ALL = "def handler(event, context):\n    report(event)"


def pipe(aws, source, target, **options):
    name = f"p-{uuid.uuid4().hex[:8]}"
    aws.client("pipes").create_pipe(Name=name, Source=source, Target=target, RoleArn=aws.role(), **options)
    return name


def send(aws, root, url, *bodies):
    for body in bodies:
        aws.traced("sqs", root).send_message(QueueUrl=url, MessageBody=body)


def kinesis(aws):
    name = f"s-{uuid.uuid4().hex[:8]}"
    aws.client("kinesis").create_stream(StreamName=name, ShardCount=1)
    return name, f"arn:aws:kinesis:us-east-1:123456789012:stream/{name}"


def test_a_function_gets_an_array_of_messages(aws, root):
    url, queue = aws.queue()
    _, function, reports = aws.reporting(ALL)
    pipe(aws, queue, function)
    send(aws, root, url, "hello")
    settled = aws.emulator.settle(root)
    (events,) = aws.bodies(reports)
    left = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    assert settled
    assert [(event["body"], event["eventSourceARN"]) for event in events] == [("hello", queue)]
    assert left["ApproximateNumberOfMessages"] == left["ApproximateNumberOfMessagesNotVisible"] == "0"
    assert aws.whats(root).count("invocation") == 1


def test_filter_template_and_queue(aws, root):
    url, queue = aws.queue()
    target_url, target = aws.queue()
    name = pipe(
        aws,
        queue,
        target,
        SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": '{"body": {"kind": ["paid"]}}'}]}},
        TargetParameters={"InputTemplate": '{"order": <$.body.id>, "say": "<$.body.kind> by <aws.pipes.pipe-name>"}'},
    )
    send(aws, root, url, '{"kind": "paid", "id": 7}', '{"kind": "open", "id": 8}')
    aws.emulator.settle(root)

    assert aws.bodies(target_url, 2, wait_s=0) == [{"order": 7, "say": f"paid by {name}"}]
    assert aws.whats(root).count("filtered") == 1


def test_a_failing_function_leaves_the_messages_in_the_queue_and_in_the_end_in_its_dead_letter_queue(aws, root):
    dead_url, dead = aws.queue()
    policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 2})
    url, queue = aws.queue(VisibilityTimeout="30", RedrivePolicy=policy)
    _, function = aws.function("def handler(event, context):\n    raise ValueError('no')")
    pipe(aws, queue, function)
    send(aws, root, url, "bad")
    aws.emulator.settle(root)

    assert aws.whats(root).count("invocation") == 2
    assert [message["Body"] for message in aws.messages(dead_url)] == ["bad"]


def test_only_what_the_target_reports_comes_again(aws, root):
    dead_url, dead = aws.queue()
    policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1})
    url, queue = aws.queue(VisibilityTimeout="30", RedrivePolicy=policy)
    _, function = aws.function(
        "def handler(event, context):\n"
        "    return {'batchItemFailures': [{'itemIdentifier': e['messageId']} for e in event if e['body'] == 'bad']}"
    )
    send(aws, root, url, "good", "bad")
    pipe(aws, queue, function)
    aws.emulator.settle(root)

    assert [message["Body"] for message in aws.messages(dead_url, 2, wait_s=0)] == ["bad"]


def test_an_enrichment_changes_what_the_target_gets_and_may_drop_it(aws, root):
    url, queue = aws.queue()
    target_url, target = aws.queue()
    _, function = aws.function("def handler(event, context):\n    return [{'n': len(e)} for e in event if e != 'drop']")
    pipe(aws, queue, target, Enrichment=function, EnrichmentParameters={"InputTemplate": "<$.body>"})
    send(aws, root, url, "hello", "drop")
    aws.emulator.settle(root)

    assert aws.bodies(target_url, 2, wait_s=0) == [{"n": 5}]


def test_a_table_starts_an_execution_for_its_changes(aws, root):
    table = f"t-{uuid.uuid4().hex[:8]}"
    stream = aws.client("dynamodb").create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]["LatestStreamArn"]
    done_url, _ = aws.queue()
    tell = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": done_url, "MessageBody.$": "$"},
        "End": True,
    }
    machine = aws.client("stepfunctions").create_state_machine(
        name=f"m-{table}", definition=json.dumps({"StartAt": "Tell", "States": {"Tell": tell}}), roleArn=aws.role()
    )["stateMachineArn"]
    pipe(
        aws,
        stream,
        machine,
        SourceParameters={"DynamoDBStreamParameters": {"StartingPosition": "LATEST"}},
        TargetParameters={
            "InputTemplate": '{"id": <$.dynamodb.NewImage.id.S>}',
            "StepFunctionStateMachineParameters": {"InvocationType": "FIRE_AND_FORGET"},
        },
    )
    aws.traced("dynamodb", root).put_item(TableName=table, Item={"id": {"S": "A1"}})
    settled = aws.emulator.settle(root)

    assert settled
    assert aws.bodies(done_url) == [[{"id": "A1"}]]
    assert "execution" in aws.whats(root)


def test_a_stream_reaches_a_bus_with_its_data_parsed(aws, root):
    name, stream = kinesis(aws)
    url, queue = aws.queue()
    bus = f"b-{name}"
    bus_arn = aws.client("events").create_event_bus(Name=bus)["EventBusArn"]
    aws.client("events").put_rule(Name=name, EventBusName=bus, EventPattern='{"detail-type": ["Order"]}')
    aws.client("events").put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "1", "Arn": queue}])
    pipe(
        aws,
        stream,
        bus_arn,
        SourceParameters={"KinesisStreamParameters": {"StartingPosition": "LATEST"}},
        TargetParameters={
            "InputTemplate": '{"id": <$.data.id>}',
            "EventBridgeEventBusParameters": {"DetailType": "Order", "Source": "shop"},
        },
    )
    aws.traced("kinesis", root).put_record(StreamName=name, Data=b'{"id": 7}', PartitionKey="k")
    aws.emulator.settle(root)
    (event,) = aws.bodies(url)

    assert (event["source"], event["detail-type"], event["detail"]) == ("shop", "Order", {"id": 7})


def test_what_a_stream_cannot_pass_on_is_a_dead_letter_and_the_rest_goes_on(aws, root):
    name, stream = kinesis(aws)
    dead_url, dead = aws.queue()
    _, function, reports = aws.reporting(
        "import base64\ndef handler(event, context):\n    report(base64.b64decode(event[0]['data']).decode())\n"
        "    1 / (event[0]['sequenceNumber'] != '1')"
    )
    settings = {"StartingPosition": "LATEST", "BatchSize": 1, "MaximumRetryAttempts": 1}
    settings["DeadLetterConfig"] = {"Arn": dead}
    pipe(aws, stream, function, SourceParameters={"KinesisStreamParameters": settings})
    for each in (b"bad", b"good"):
        aws.traced("kinesis", root).put_record(StreamName=name, Data=each, PartitionKey="k")
    aws.emulator.settle(root)

    assert aws.bodies(reports, 4, wait_s=0) == ["bad", "bad", "good"]
    assert aws.bodies(dead_url)[0]["KinesisBatchInfo"]["streamArn"] == stream


def test_a_stopped_pipe_rests_until_it_is_started(aws, root):
    url, queue = aws.queue()
    _, function, reports = aws.reporting(ALL)
    name = pipe(aws, queue, function, DesiredState="STOPPED")
    send(aws, root, url, "hello")
    assert aws.emulator.settle(root, timeout_s=5)
    assert "invocation" not in aws.whats(root)
    aws.client("pipes").start_pipe(Name=name)
    aws.emulator.settle(root)

    assert len(aws.bodies(reports)) == 1


def test_a_target_that_is_not_emulated_is_refused_aloud(aws):
    _, queue = aws.queue()
    target = "arn:aws:events:us-east-1:123456789012:api-destination/x"

    with pytest.raises(ClientError, match="no pipe whose target is arn:aws:firehose"):
        pipe(aws, queue, "arn:aws:firehose:us-east-1:123456789012:deliverystream/x")
    with pytest.raises(ClientError, match="no pipe whose target"):
        pipe(aws, queue, target)


def test_data_of_a_stream_is_encoded_unless_a_template_asks_for_it(aws, root):
    name, stream = kinesis(aws)
    url, queue = aws.queue()
    parameters = {"KinesisStreamParameters": {"StartingPosition": "LATEST"}}
    pipe(aws, stream, queue, SourceParameters=parameters)
    aws.traced("kinesis", root).put_record(StreamName=name, Data=b"raw", PartitionKey="k")
    aws.emulator.settle(root)
    (event,) = aws.bodies(url)

    assert base64.b64decode(event["data"]) == b"raw"
    assert (event["partitionKey"], event["eventSource"]) == ("k", "aws:kinesis")
