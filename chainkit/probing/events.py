"""Checks of EventBridge: rules with every kind of target, archives, schedules, pipes."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from chainkit.probing.checking import check, expect, require, slow_check
from chainkit.probing.machines import call, machine
from chainkit.probing.place import Place

LATE_S = 60
"""AWS: a schedule is as good as its minute."""


@check
def eb_lambda(at: Place) -> None:
    """PutEvents answers without a failure; only the event that matches by number and prefix calls the function."""
    function = at.function("tell")
    function.allow("events")
    pattern = {"detail": {"amount": [{"numeric": [">", 100]}], "sku": [{"prefix": "A-"}]}}
    rule(at, function.arn, pattern=pattern)
    match = {"amount": 500, "sku": "A-1"}
    put(at, {**match, "amount": 50}, {**match, "sku": "B-1"}, match)
    (event,) = function.seen(1, "events", rest_s=2)

    expect("detail", event["detail"], match)
    expect("source and detail-type", (event["source"], event["detail-type"]), (at.prefix, "Order"))


@check
def eb_sqs_transform(at: Place) -> None:
    """An InputTransformer's text arrives, filled with the event's values."""
    url, arn = at.queue("orders")
    transform = {
        "InputPathsMap": {"number": "$.detail.order", "kind": "$.detail-type"},
        "InputTemplate": '{"order": <number>, "says": "<kind> came"}',
    }
    rule(at, arn, InputTransformer=transform)
    put(at, {"order": 7})
    came = at.bodies(url, 1, "the message")

    expect("bodies", came, [{"order": 7, "says": "Order came"}])


@check
def eb_sfn(at: Place) -> None:
    """A rule starts an execution, whose task runs with the event."""
    function = at.function("tell")
    rule(at, machine(at, {"Tell": call(function.arn)}), RoleArn=at.role())
    put(at, {"order": 7})
    (event,) = function.seen(1, "the task", rest_s=1)

    expect("detail", event["detail"], {"order": 7})


@check
def eb_logs(at: Place) -> None:
    """An event is in the log group that a rule names."""
    logs, group = at.aws("logs"), f"/aws/events/{at.name('orders')}"
    logs.create_log_group(logGroupName=group)
    at.later("logs", "delete_log_group", logGroupName=group)
    (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    rule(at, found["arn"].removesuffix(":*"))
    put(at, {"order": 7})
    (line,) = at.until("a log event", lambda: logs.filter_log_events(logGroupName=group)["events"])

    expect("detail", json.loads(line["message"])["detail"], {"order": 7})


@check
def eb_archive_replay(at: Place) -> None:
    """A replay delivers the archived event again."""
    events, bus = at.aws("events"), at.name("bus")
    bus_arn = events.create_event_bus(Name=bus)["EventBusArn"]
    at.later("events", "delete_event_bus", Name=bus)
    archive = events.create_archive(ArchiveName=at.name("archive"), EventSourceArn=bus_arn)["ArchiveArn"]
    at.later("events", "delete_archive", ArchiveName=at.name("archive"))
    url, arn = at.queue("orders")
    rule(at, arn, bus=bus)
    put(at, {"order": 7}, bus=bus)
    (first,) = at.bodies(url, 1, "the event itself")
    at.until("the event is archived", lambda: events.describe_archive(ArchiveName=at.name("archive"))["EventCount"])
    now, hour = datetime.now(UTC), timedelta(hours=1)
    events.start_replay(
        ReplayName=at.name("replay"),
        EventSourceArn=archive,
        EventStartTime=now - hour,
        EventEndTime=now + hour,
        Destination={"Arn": bus_arn},
    )
    (again,) = at.bodies(url, 1, "the replayed event", rest_s=1)

    expect("detail", (first["detail"], again["detail"]), ({"order": 7},) * 2)
    expect("replay-name", (first.get("replay-name"), again.get("replay-name")), (None, at.name("replay")))


@slow_check
def eb_schedule_rule(at: Place) -> None:
    """A rule with rate(1 minute) fires."""
    url, arn = at.queue("ticks")
    rule(at, arn, schedule="rate(1 minute)")
    (event,) = at.bodies(url, 1, "a tick", longer_s=2 * LATE_S)

    expect("detail-type", event["detail-type"], "Scheduled Event")


@check
def scheduler_at(at: Place) -> None:
    """A schedule at(now + 3 s) calls its target once, not before, with its input."""
    function, name = at.function("tell"), at.name("schedule")
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=4)
    at.aws("scheduler").create_schedule(
        Name=name,
        ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": function.arn, "RoleArn": at.role(), "Input": json.dumps({"order": 7})},
    )
    at.later("scheduler", "delete_schedule", Name=name)
    (report,) = function.reports(1, "the call", longer_s=LATE_S, rest_s=1)

    expect("the event", report["value"], {"order": 7})
    early_s = due.timestamp() - report["at_ns"] / 1e9
    require(early_s <= 0, "it is not called before its time", f"{early_s:.1f} s early, it")


@check
def pipe_sqs_lambda(at: Place) -> None:
    """A message that a pipe reads calls the function."""
    function, name = at.function("tell"), at.name("pipe")
    url, arn = at.queue("orders", VisibilityTimeout="60")
    at.aws("pipes").create_pipe(
        Name=name,
        RoleArn=at.role(),
        Source=arn,
        SourceParameters={"SqsQueueParameters": {"BatchSize": 1}},
        Target=function.arn,
    )
    at.later("pipes", "delete_pipe", Name=name)
    at.aws("sqs").send_message(QueueUrl=url, MessageBody="order 7")
    (event,) = function.seen(1, "an invocation", rest_s=1)
    at.drained(url)

    expect("bodies", [record["body"] for record in event], ["order 7"])


def rule(
    at: Place, to: str, *, pattern: Mapping[str, Any] | None = None, bus: str = "default", schedule: str = "", **of: Any
) -> None:
    """Make a rule with one target.

    Parameters
    ----------
    to : ARN of the target
    pattern : what has to match; this check's own source if left out, and besides
    schedule : a rate, instead of a pattern
    of : more fields of the target
    """
    events, name = at.aws("events"), at.name("rule")
    matching = {"EventPattern": json.dumps({"source": [at.prefix], **(pattern or {})})}
    when = {"ScheduleExpression": schedule} if schedule else matching
    events.put_rule(Name=name, EventBusName=bus, **when)
    at.later("events", "delete_rule", Name=name, EventBusName=bus)
    answer = events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "one", "Arn": to, **of}])
    at.later("events", "remove_targets", Rule=name, EventBusName=bus, Ids=["one"])
    expect("targets that were refused", answer.get("FailedEntries", []), [])


def put(at: Place, *details: dict[str, Any], bus: str = "default") -> None:
    """Put events of this check's own source."""
    entries = [
        {"Source": at.prefix, "DetailType": "Order", "Detail": json.dumps(detail), "EventBusName": bus}
        for detail in details
    ]
    answer = at.aws("events").put_events(Entries=entries)
    expect("FailedEntryCount", answer["FailedEntryCount"], 0)
    expect("events with an id", len([entry for entry in answer["Entries"] if entry.get("EventId")]), len(details))
