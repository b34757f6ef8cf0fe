"""EventBridge Scheduler and scheduled rules, on both clocks."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from chainkit.emulation import Emulator
from tests.emulation.conftest import Aws

ALL = "def handler(event, context):\n    report(event)"


@pytest.fixture
def name():
    return f"s-{uuid.uuid4().hex[:8]}"


def at(seconds):
    return f"at({datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S})"


def schedule(aws, name, expression, target, *, root=None, target_options=None, **options):
    client = aws.traced("scheduler", root) if root else aws.client("scheduler")
    client.create_schedule(
        Name=name,
        ScheduleExpression=expression,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": target, "RoleArn": aws.role(), **(target_options or {})},
        **options,
    )


def wait_out(aws, seconds):
    """Let virtual time pass: a request waits for a delayed message that long."""
    root = aws.emulator.root_id()
    url, queue = aws.queue()
    _, function = aws.function("def handler(event, context):\n    return 1")
    mapping = aws.map_queue(queue, function)
    aws.traced("sqs", root).send_message(QueueUrl=url, MessageBody="x", DelaySeconds=seconds)
    assert aws.emulator.settle(root)
    aws.client("lambda").delete_event_source_mapping(UUID=mapping)


def now_s(aws):
    """Return the emulator's time, as a message is stamped with it."""
    url, _ = aws.queue()
    aws.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    message = aws.client("sqs").receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"][0]
    return int(message["Attributes"]["SentTimestamp"]) / 1000


# --- once ---


def test_a_time_of_the_wall_is_due_by_the_wall(aws, name):
    _, function, reports = aws.reporting(ALL)
    schedule(aws, name, at(2), function, target_options={"Input": '{"id": 7}'})

    assert aws.bodies(reports, wait_s=0) == []
    assert aws.bodies(reports, wait_s=8) == [{"id": 7}]
    assert aws.client("scheduler").get_schedule(Name=name)["State"] == "ENABLED"


def test_what_a_request_plans_is_in_flight_and_takes_no_time(aws, name, root):
    _, function, reports = aws.reporting(ALL)
    schedule(aws, name, at(3600), function, root=root, target_options={"Input": "{}"}, ActionAfterCompletion="DELETE")
    settled = aws.emulator.settle(root)

    assert settled
    assert aws.bodies(reports) == [{}]
    assert [event["at_s"] > 3590 for event in aws.emulator.story(root) if event["what"] == "schedule"] == [True]
    with pytest.raises(ClientError, match="does not exist"):
        aws.client("scheduler").get_schedule(Name=name)


def test_what_is_deleted_before_its_time_is_no_longer_in_flight(aws, name, root):
    emulator = Emulator(clock="wall")
    with emulator:
        here = Aws(emulator)
        url, queue = here.queue()
        schedule(here, name, at(3600), queue, root=root, target_options={"Input": "{}"})
        before = emulator.settle(root, timeout_s=0.2)
        here.client("scheduler").delete_schedule(Name=name)

        assert (before, emulator.settle(root, timeout_s=5)) == (False, True)
        assert here.messages(url, wait_s=0) == []


def test_a_disabled_schedule_does_nothing(aws, name, root):
    _, function, reports = aws.reporting(ALL)
    schedule(aws, name, at(1), function, root=root, State="DISABLED")

    assert aws.emulator.settle(root)
    assert aws.bodies(reports, wait_s=0) == []


# --- again and again ---


def test_a_rule_fires_for_each_minute_that_passes_and_never_makes_time_pass(aws, name):
    _, function, reports = aws.reporting(ALL)
    client = aws.client("events")
    arn = client.put_rule(Name=name, ScheduleExpression="rate(1 minute)")["RuleArn"]
    client.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": function}])
    before_s, began_s = now_s(aws), time.time()
    time.sleep(0.3)
    stood_still = now_s(aws) - before_s < time.time() - began_s + 0.5
    wait_out(aws, 200)
    client.remove_targets(Rule=name, Ids=["1"])
    client.delete_rule(Name=name)
    events = aws.bodies(reports, 4, wait_s=1)

    assert stood_still, "a clock that jumped for the rule would be minutes ahead"
    assert len(events) == 3
    assert {(e["detail-type"], e["source"], e["resources"][0]) for e in events} == {
        ("Scheduled Event", "aws.events", arn)
    }
    times = [datetime.fromisoformat(event["time"]) for event in events]
    assert times[1] - times[0] == times[2] - times[1] == timedelta(minutes=1)


def test_a_disabled_rule_misses_its_minutes(aws, name):
    url, queue = aws.queue()
    client = aws.client("events")
    client.put_rule(Name=name, ScheduleExpression="rate(1 minute)", State="DISABLED")
    client.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": queue}])
    wait_out(aws, 130)
    missed = aws.messages(url, wait_s=0)
    client.enable_rule(Name=name)
    wait_out(aws, 70)
    client.disable_rule(Name=name)

    assert missed == []
    assert len(aws.messages(url, 2, wait_s=0)) == 1


def test_events_on_the_bus_do_not_fire_a_rule_that_has_only_a_schedule(aws, name, root):
    url, queue = aws.queue()
    client = aws.client("events")
    client.put_rule(Name=name, ScheduleExpression="rate(1 day)")
    client.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": queue}])
    aws.traced("events", root).put_events(Entries=[{"Source": "shop", "DetailType": "Order", "Detail": "{}"}])
    aws.emulator.settle(root)
    client.disable_rule(Name=name)

    assert aws.messages(url, wait_s=0) == []


def test_a_rate_starts_at_once_and_ends_at_its_end(aws, name):
    url, queue = aws.queue()
    schedule(
        aws,
        name,
        "rate(1 minute)",
        queue,
        EndDate=datetime.now(UTC) + timedelta(seconds=90),
        ActionAfterCompletion="DELETE",
        target_options={"Input": "at <aws.scheduler.scheduled-time>"},
    )
    wait_out(aws, 300)
    texts = [message["Body"] for message in aws.messages(url, 3, wait_s=1)]
    times = [datetime.fromisoformat(text.removeprefix("at ")) for text in texts]

    assert len(times) == 2
    assert times[1] - times[0] == timedelta(minutes=1)
    with pytest.raises(ClientError, match="does not exist"):
        aws.client("scheduler").get_schedule(Name=name)


def test_cron_is_due_at_its_minute_and_an_update_counts(aws, name):
    url, queue = aws.queue()
    schedule(aws, name, "cron(0 0 1 1 ? 2199)", queue)
    aws.client("scheduler").update_schedule(
        Name=name,
        ScheduleExpression="cron(* * * * ? *)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": queue, "RoleArn": aws.role()},
    )
    wait_out(aws, 70)
    aws.client("scheduler").delete_schedule(Name=name)
    event = aws.bodies(url)[0]

    assert event["source"] == "aws.scheduler"
    assert event["time"].endswith(":00Z")


# --- targets ---


def test_a_target_that_is_gone_is_a_dead_letter_at_once(aws, name, root):
    dead_url, dead = aws.queue()
    gone = "arn:aws:lambda:us-east-1:123456789012:function:gone"
    options = {"Input": '{"id": 7}', "DeadLetterConfig": {"Arn": dead}}
    schedule(aws, name, at(1), gone, root=root, target_options=options)
    aws.emulator.settle(root)
    (letter,) = aws.messages(dead_url)
    attributes = {key: value["StringValue"] for key, value in letter["MessageAttributes"].items()}

    assert letter["Body"] == '{"id": 7}'
    assert (attributes["TARGET_ARN"], attributes["RETRY_ATTEMPTS"]) == (gone, "0")
    assert attributes["ERROR_CODE"] == "ResourceNotFoundException"


def test_a_target_that_is_busy_is_tried_again_within_the_policy(aws, name, root):
    dead_url, dead = aws.queue()
    function, _ = aws.function("def handler(event, context):\n    return 1")
    aws.client("lambda").put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    options = {
        "Input": json.dumps({"FunctionName": function, "Payload": "{}"}),
        "DeadLetterConfig": {"Arn": dead},
        "RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600},
    }
    schedule(aws, name, at(1), "arn:aws:scheduler:::aws-sdk:lambda:invoke", root=root, target_options=options)
    aws.emulator.settle(root)
    (letter,) = aws.messages(dead_url)

    assert [event["status"] for event in aws.emulator.story(root) if event["what"] == "invocation"] == ["throttled"] * 3
    assert letter["MessageAttributes"]["RETRY_ATTEMPTS"]["StringValue"] == "2"
    assert letter["MessageAttributes"]["EXHAUSTED_RETRY_CONDITION"]["StringValue"] == "MaximumRetryAttempts"


def test_a_universal_target_calls_the_api(aws, name, root):
    url, _ = aws.queue()
    call = {"QueueUrl": url, "MessageBody": "<aws.scheduler.schedule-arn>"}
    target = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"
    schedule(aws, name, at(1), target, root=root, target_options={"Input": json.dumps(call)})
    aws.emulator.settle(root)

    assert aws.messages(url)[0]["Body"].endswith(f":schedule/default/{name}")


@pytest.mark.parametrize("expression", ["rate(1 minutes)", "cron(0 12 * * * *)", "at(tomorrow)", "soon"])
def test_an_expression_that_aws_refuses_is_refused(aws, name, expression):
    _, queue = aws.queue()

    with pytest.raises(ClientError, match="Invalid Schedule Expression"):
        schedule(aws, name, expression, queue)
    with pytest.raises(ClientError, match="ScheduleExpression is not valid"):
        aws.client("events").put_rule(Name=name, ScheduleExpression=expression)
