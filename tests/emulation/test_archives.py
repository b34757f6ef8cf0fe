"""EventBridge archives: a replay goes through the rules of the bus to their targets."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest


@pytest.fixture
def bus(aws):
    name = f"b-{uuid.uuid4().hex[:8]}"
    aws.client("events").create_event_bus(Name=name)
    return name


def put(aws, bus, root, detail):
    entry = {"Source": "shop", "DetailType": "Order", "Detail": json.dumps(detail), "EventBusName": bus}
    aws.traced("events", root).put_events(Entries=[entry])
    assert aws.emulator.settle(root)


def archive(aws, bus, **options):
    arn = aws.client("events").describe_event_bus(Name=bus)["Arn"]
    return aws.client("events").create_archive(ArchiveName=f"a-{bus}", EventSourceArn=arn, **options)["ArchiveArn"]


def rule(aws, bus, target):
    client, name = aws.client("events"), f"r-{uuid.uuid4().hex[:8]}"
    arn = client.put_rule(Name=name, EventBusName=bus, EventPattern='{"source": ["shop"]}')["RuleArn"]
    client.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "1", "Arn": target}])
    return arn


def replay(aws, bus, source, root, begin=None, end=None, **destination):
    now = datetime.now(UTC)
    name = f"p-{uuid.uuid4().hex[:8]}"
    aws.traced("events", root).start_replay(
        ReplayName=name,
        EventSourceArn=source,
        EventStartTime=begin or now - timedelta(minutes=1),
        EventEndTime=end or now,
        Destination={"Arn": aws.client("events").describe_event_bus(Name=bus)["Arn"], **destination},
    )
    assert aws.emulator.settle(root)
    return name


def test_a_replay_runs_the_function_and_belongs_to_the_request_that_started_it(aws, bus, root):
    source = archive(aws, bus)
    put(aws, bus, root, {"id": 7})
    _, function, reports = aws.reporting("def handler(event, context):\n    report(event)")
    rule(aws, bus, function)
    other = aws.emulator.root_id()
    name = replay(aws, bus, source, other)
    (event,) = aws.bodies(reports)

    assert (event["detail"], event["replay-name"]) == ({"id": 7}, name)
    assert aws.whats(other).count("invocation") == 1
    assert "invocation" not in aws.whats(root)
    assert "archive" in aws.whats(root)
    assert aws.client("events").describe_replay(ReplayName=name)["State"] == "COMPLETED"


def test_what_is_replayed_is_not_archived_again(aws, bus, root):
    source = archive(aws, bus)
    put(aws, bus, root, {"id": 7})
    for _ in range(2):
        replay(aws, bus, source, root)

    assert aws.client("events").describe_archive(ArchiveName=f"a-{bus}")["EventCount"] == 1


def test_only_the_range_and_the_named_rules_are_replayed(aws, bus, root):
    source = archive(aws, bus)
    put(aws, bus, root, {"id": 1})
    time.sleep(2.1)  # ranges are in whole seconds
    middle = datetime.now(UTC)
    put(aws, bus, root, {"id": 2})
    (named_url, named), (other_url, other) = aws.queue(), aws.queue()
    named_rule = rule(aws, bus, named)
    rule(aws, bus, other)
    replay(aws, bus, source, root, begin=middle, FilterArns=[named_rule])

    assert [event["detail"] for event in aws.bodies(named_url, 2, wait_s=0)] == [{"id": 2}]
    assert aws.bodies(other_url, wait_s=0) == []


def test_the_pattern_of_an_archive_decides_what_is_kept(aws, bus, root):
    archive(aws, bus, EventPattern='{"detail": {"id": [{"numeric": [">", 1]}]}}')
    put(aws, bus, root, {"id": 1})
    put(aws, bus, root, {"id": 2})

    assert aws.client("events").describe_archive(ArchiveName=f"a-{bus}")["EventCount"] == 1
