"""Traces from what a target tells: names, waits in queues, and the first outcome that applies."""

import math

import pytest

from chainkit.deployment.stories import trace

NAMES = {"arn:aws:sqs:r:1:jobs": "jobs", "arn:aws:lambda:r:1:function:pay": "pay", "abc": "api"}


def event(what, resource="arn:aws:lambda:r:1:function:pay", at_s=0.0, **more):
    told = {"attempt": 1, "status": "ok", "reason": "", "span_s": None, "ids": [], "logs": []}
    return {"at_s": at_s, "wall_s": at_s, "what": what, "resource": resource, **told, **more}


def of(*events, **more):
    return trace("r", events, NAMES, **{"entry": "pay", "is_awaited": True, "is_settled": True, "status": "ok", **more})


def test_a_resource_has_the_name_of_its_service_with_or_without_a_version():
    told = of(
        event("api request", "abc"),
        event("invocation", "arn:aws:lambda:r:1:function:pay:$LATEST"),
        event("send", "arn:aws:sqs:r:1:other"),
    )

    assert [span.node for span in told.spans] == ["api", "pay", "other"]


def test_a_message_waits_from_when_it_was_sent_until_it_is_received():
    told = of(
        event("send", "arn:aws:sqs:r:1:jobs", at_s=1.0, span_s=0.5, ids=["m"]),
        event("receive", "arn:aws:sqs:r:1:jobs", at_s=4.0, ids=["m"]),
    )

    assert [(s.what, s.start_s, s.end_s) for s in told.spans] == [("send", 1.0, 1.5), ("queue wait", 1.5, 4.0)]


def test_a_message_that_is_received_before_its_sender_has_its_answer_did_not_wait():
    told = of(
        event("send", "arn:aws:sqs:r:1:jobs", at_s=1.0, span_s=0.5, ids=["m"]),
        event("receive", "arn:aws:sqs:r:1:jobs", at_s=1.2, ids=["m"]),
    )

    assert (told.spans[1].start_s, told.spans[1].end_s) == (1.2, 1.2)


def test_the_response_is_that_of_the_entry_and_the_completion_that_of_the_last_effect():
    told = of(event("invocation", span_s=0.5), event("invocation", "arn:aws:lambda:r:1:function:mail", 3.0, span_s=1.0))

    assert (told.response_s, told.completion_s) == (0.5, 4.0)


def test_nobody_waits_for_the_answer_of_a_queue():
    assert math.isnan(of(event("invocation", span_s=0.5), is_awaited=False).response_s)


@pytest.mark.parametrize(
    ("events", "more", "outcome"),
    [
        ([event("invocation")], {}, "completed"),
        ([event("invocation")], {"is_settled": False}, "unfinished"),
        ([event("invocation", status="error")], {"status": "error"}, "failed"),
        ([event("execution", status="error")], {}, "failed"),
        ([event("invocation", status="throttled")], {"status": "error"}, "throttled"),
        ([event("invocation")], {"status": "throttled"}, "throttled"),
        ([event("dead letter")], {"status": "error"}, "dead-lettered"),
        ([event("destination", reason="RetriesExhausted")], {}, "dead-lettered"),
        ([event("destination", reason="Success")], {}, "completed"),
        ([event("dead letter"), event("dropped", status="error", reason="EventAgeExceeded")], {}, "expired"),
        ([event("dead letter"), event("dropped", status="error", reason="RetriesExhausted")], {}, "dropped"),
    ],
)
def test_the_outcome_is_the_first_that_applies(events, more, outcome):
    assert of(*events, **more).outcome == outcome


def test_a_request_of_which_a_branch_was_lost_never_completes():
    assert of(event("dead letter")).completion_s == math.inf
