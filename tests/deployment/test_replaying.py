"""Replays: archived events go once more through the rules that are named, and are told as one request."""

from datetime import UTC, datetime, timedelta

import pytest

import chainkit as ck
from chainkit.deployment.plan import plan
from chainkit.deployment.replaying import span
from chainkit.deployment.targets import ROOT

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def shop(name, **bus):
    chain = ck.Chain(name)
    chain.add(ck.EventBus("bus", **{"archive_days": 7, **bus}))
    for function in ("pay", "ship"):
        chain.add(ck.LambdaFunction(function, timeout_s=10, duration=0.0))
        chain.connect("bus", function)
    return chain


def runs(trace):
    return sorted(span.node for span in trace.spans if span.what == "invocation")


def test_what_was_archived_is_replayed_to_all_rules_or_to_those_that_are_named(stand):
    stack = stand(shop("replayed"))
    for number in range(3):
        stack.send({"n": number}, at="bus")
    every = stack.replay(since_s=60)
    one = stack.replay("bus", since_s=60, links=["bus>pay"])

    assert (every.state, every.events, every.trace.outcome) == ("COMPLETED", 3, "completed")
    assert runs(every.trace) == ["pay"] * 3 + ["ship"] * 3
    assert runs(one.trace) == ["pay"] * 3
    assert every.name != one.name
    assert repr(one) == "Replayed('bus': COMPLETED, 3 events)"


def test_events_outside_of_the_range_are_not_replayed_and_nothing_is_claimed_of_them(stand):
    stack = stand(shop("earlier"))
    stack.send({"n": 1}, at="bus")
    now = datetime.now(UTC)
    done = stack.replay(begin=now - timedelta(days=2), end=now - timedelta(days=1))

    assert (done.state, done.trace, done.events) == ("COMPLETED", None, None)
    assert ROOT.get() == ""


def test_a_bus_without_an_archive_and_a_link_that_is_no_rule_are_refused(stand):
    stack = stand(shop("none", archive_days=None))

    with pytest.raises(ck.ConfigError, match=r"0 services of 'none' have an archive(.|\n)*set archive_days"):
        stack.replay(since_s=60)
    with pytest.raises(ck.ConfigError, match=r"'bus' has no archive here"):
        stack.replay("bus", since_s=60)
    stack = stand(shop("none"))
    with pytest.raises(ck.ConfigError, match=r"'bus>jobs' is no rule of 'bus'\n  fix: its rules: bus>pay, bus>ship"):
        stack.replay(since_s=60, links=["bus>jobs"])
    with pytest.raises(ck.ConfigError, match=r"timeout_s=-1"):
        stack.replay(since_s=60, timeout_s=-1)


def test_what_the_target_refuses_is_told(target, stand):
    stack = stand(shop("refused-replay"))
    target.client("events").delete_archive(ArchiveName="refused-replay-bus")

    with pytest.raises(ck.DeployError, match=r"replay of 'bus': start_replay was refused: .*does not exist"):
        stack.replay(since_s=60)
    stand(shop("refused-replay"))


def test_an_archive_comes_changes_and_goes_with_the_design(target, stand):
    events = target.client("events")
    stand(shop("kept"))
    found = events.describe_archive(ArchiveName="kept-bus")
    longer, without = shop("kept", archive_days=30), shop("kept", archive_days=None)
    changes = [
        (change.resource.id, change.action) for change in plan(longer, target).changes if change.action != "keep"
    ]
    stand(longer)

    assert (found["RetentionDays"], found["EventSourceArn"]) == (
        7,
        f"arn:aws:events:us-east-1:{target.account_id}:event-bus/kept-bus",
    )
    assert changes == [("BusArchive", "update")]
    assert events.describe_archive(ArchiveName="kept-bus")["RetentionDays"] == 30
    stand(without)
    assert "AWS::Events::Archive" not in target.witness.resources()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "no beginning"),
        ({"begin": NOON, "since_s": 5}, "no beginning"),
        ({"since_s": 0}, "no span of time"),
        ({"since_s": "1 h"}, "no span of time"),
        ({"begin": datetime(2026, 11, 27, 12)}, "no instant with a time zone"),
        ({"begin": "yesterday"}, "no instant with a time zone"),
        ({"begin": NOON, "end": NOON}, "is empty"),
        ({"begin": NOON, "end": NOON - timedelta(hours=1)}, "is empty"),
    ],
)
def test_a_range_that_is_none_is_refused(given, problem):
    with pytest.raises(ck.ConfigError, match=problem):
        span(**{"begin": None, "end": None, "since_s": None, **given})
