"""EventBridge rules -> targets: patterns, state, inputs, dead letters."""

import json
import uuid

import pytest


@pytest.fixture
def bus(aws):
    name = f"b-{uuid.uuid4().hex[:8]}"
    aws.client("events").create_event_bus(Name=name)
    return name


def rule(aws, bus, target, pattern=None, *, state="ENABLED", **options):
    client, name = aws.client("events"), f"r-{uuid.uuid4().hex[:8]}"
    client.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern or {"source": ["shop"]}), State=state)
    client.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "1", "Arn": target, **options}])


def put(aws, bus, root, detail):
    entry = {"Source": "shop", "DetailType": "Order", "Detail": json.dumps(detail), "EventBusName": bus}
    answer = aws.traced("events", root).put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0
    assert aws.emulator.settle(root)


def test_only_the_matching_event_runs_the_function(aws, bus, root):
    _, function, reports = aws.reporting("def handler(event, context):\n    report(event)")
    pattern = {"source": [{"prefix": "sh"}], "detail": {"usd": [{"numeric": [">", 10]}]}}
    rule(aws, bus, function, pattern)
    put(aws, bus, root, {"usd": 5})
    put(aws, bus, root, {"usd": 20})
    (event,) = aws.bodies(reports, 2, wait_s=0)

    assert event["detail"] == {"usd": 20}
    assert (event["source"], event["detail-type"], event["account"]) == ("shop", "Order", "123456789012")
    assert event["time"].endswith("Z")
    assert "ingestion-time" not in event


def test_a_disabled_rule_sends_nothing(aws, bus, root):
    url, queue = aws.queue()
    rule(aws, bus, queue, state="DISABLED")
    put(aws, bus, root, {})

    assert aws.messages(url, wait_s=0) == []


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"Input": '{"fixed": true}'}, '{"fixed": true}'),
        ({"InputPath": "$.detail.items[0]"}, '{"id": "A"}'),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"id": "$.detail.id", "items": "$.detail.items"},
                    "InputTemplate": '{"order": <id>, "say": "order <id>", "items": <items>}',
                }
            },
            '{"order": "A1", "say": "order A1", "items": [{"id": "A"}]}',
        ),
        (
            {"InputTransformer": {"InputPathsMap": {"id": "$.detail.id"}, "InputTemplate": '"order <id>"'}},
            '"order A1"',
        ),
    ],
)
def test_the_target_gets_the_input_that_the_rule_makes(aws, bus, root, options, text):
    url, queue = aws.queue()
    rule(aws, bus, queue, **options)
    put(aws, bus, root, {"id": "A1", "items": [{"id": "A"}]})

    assert aws.messages(url)[0]["Body"] == text


def test_targets_may_be_a_topic_a_state_machine_or_a_log_group(aws, bus, root):
    url, queue = aws.queue()
    topic = aws.client("sns").create_topic(Name=f"t-{bus}")["TopicArn"]
    aws.client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"}
    )
    done_url, _ = aws.queue()
    definition = {
        "StartAt": "Tell",
        "States": {
            "Tell": {
                "Type": "Task",
                "Resource": "arn:aws:states:::sqs:sendMessage",
                "Parameters": {"QueueUrl": done_url, "MessageBody.$": "$.detail"},
                "End": True,
            }
        },
    }
    machine = aws.client("stepfunctions").create_state_machine(
        name=f"m-{bus}", definition=json.dumps(definition), roleArn=aws.role()
    )["stateMachineArn"]
    aws.client("logs").create_log_group(logGroupName=f"/events/{bus}")
    for target in (topic, machine, f"arn:aws:logs:us-east-1:123456789012:log-group:/events/{bus}"):
        rule(aws, bus, target)
    put(aws, bus, root, {"id": 7})
    logged = aws.client("logs").filter_log_events(logGroupName=f"/events/{bus}")["events"]

    assert aws.bodies(url)[0]["detail"] == {"id": 7}
    assert aws.bodies(done_url) == [{"id": 7}]
    assert json.loads(logged[0]["message"])["detail"] == {"id": 7}


def test_a_target_that_is_gone_is_a_dead_letter_and_the_others_get_theirs(aws, bus, root):
    dead_url, dead = aws.queue()
    url, queue = aws.queue()
    gone = "arn:aws:lambda:us-east-1:123456789012:function:gone"
    rule(aws, bus, gone, DeadLetterConfig={"Arn": dead})
    rule(aws, bus, queue)
    put(aws, bus, root, {"id": 7})
    (letter,) = aws.messages(dead_url)

    assert json.loads(letter["Body"])["detail"] == {"id": 7}
    assert letter["MessageAttributes"]["TARGET_ARN"]["StringValue"] == gone
    assert len(aws.bodies(url)) == 1


def test_an_event_goes_on_to_another_bus_and_to_a_stream(aws, bus, root):
    url, queue = aws.queue()
    other = f"o-{bus}"
    other_arn = aws.client("events").create_event_bus(Name=other)["EventBusArn"]
    aws.client("kinesis").create_stream(StreamName=bus, ShardCount=1)
    rule(aws, bus, other_arn)
    rule(aws, bus, f"arn:aws:kinesis:us-east-1:123456789012:stream/{bus}")
    rule(aws, other, queue)
    put(aws, bus, root, {"id": 7})
    (event,) = aws.bodies(url)

    assert (event["source"], event["detail-type"], event["detail"]) == ("shop", "Order", {"id": 7})
    assert aws.whats(root).count("put record") == 1


@pytest.mark.parametrize(
    "target",
    [
        "arn:aws:ecs:us-east-1:123456789012:cluster/x",
        "arn:aws:events:us-east-1:123456789012:api-destination/x/1",
        "arn:aws:logs:us-east-1:123456789012:log-group:/gone",
        "arn:aws:states:us-east-1:123456789012:stateMachine:gone",
        "arn:aws:sns:us-east-1:123456789012:gone",
    ],
)
def test_no_target_makes_put_events_fail_and_the_failure_is_told(aws, bus, root, target):
    rule(aws, bus, target)
    put(aws, bus, root, {})

    assert [e["status"] for e in aws.emulator.story(root) if e["what"] == "delivery"] == ["error"]


def test_a_bus_that_sends_to_itself_ends(aws, bus, root):
    rule(aws, bus, aws.client("events").describe_event_bus(Name=bus)["Arn"])
    put(aws, bus, root, {})

    assert aws.whats(root).count("dropped") == 1


def test_a_log_group_gets_the_message_that_a_transformer_makes(aws, bus, root):
    group = f"/events/{bus}"
    aws.client("logs").create_log_group(logGroupName=group)
    transformer = {
        "InputPathsMap": {"id": "$.detail.id", "time": "$.time"},
        "InputTemplate": '{"timestamp": <time>, "message": "order <id>"}',
    }
    rule(aws, bus, f"arn:aws:logs:us-east-1:123456789012:log-group:{group}", InputTransformer=transformer)
    put(aws, bus, root, {"id": 7})

    assert aws.client("logs").filter_log_events(logGroupName=group)["events"][0]["message"] == "order 7"


def test_rules_of_one_name_on_two_buses_have_tags_of_their_own(aws, bus):
    client, other = aws.client("events"), f"b-{uuid.uuid4().hex[:8]}"
    client.create_event_bus(Name=other)
    arns = {
        name: client.put_rule(
            Name="same", EventBusName=name, EventPattern='{"source": ["s"]}', Tags=[{"Key": "bus", "Value": name}]
        )["RuleArn"]
        for name in (bus, other)
    }
    client.tag_resource(ResourceARN=arns[other], Tags=[{"Key": "more", "Value": "1"}])
    client.untag_resource(ResourceARN=arns[bus], TagKeys=["bus"])

    assert client.list_tags_for_resource(ResourceARN=arns[bus])["Tags"] == []
    found = client.list_tags_for_resource(ResourceARN=arns[other])["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in found} == {"bus": other, "more": "1"}
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.list_tags_for_resource(ResourceARN=arns[other] + "-gone")
