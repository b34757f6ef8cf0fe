"""Traces beside each other."""

import pytest

import chainkit as ck
from chainkit.records import Span, Trace


def trace(*spans, outcome="completed"):
    made = [Span(node=node, what=what, start_s=0.0, end_s=1.0, attempt=n, status=s) for node, what, n, s in spans]
    return Trace(request="1", outcome=outcome, response_s=1.0, completion_s=1.0, spans=tuple(made))


def test_what_only_one_witness_can_see_is_no_difference():
    run = ("pay", "invocation", 1, "ok")
    found = ck.agreement({"a": trace(run, ("jobs", "queue wait", 1, "ok"), ("pay", "init", 1, "ok")), "b": trace(run)})

    assert found.differences == ()
    assert str(found).endswith("\nall 2 the same")


def test_a_try_more_a_dead_letter_less_and_another_outcome_differ():
    one = trace(("pay", "invocation", 1, "error"), ("dead", "dead letter", 1, "ok"), outcome="dead-lettered")
    two = trace(("pay", "invocation", 1, "error"), ("pay", "invocation", 2, "ok"))
    found = ck.agreement({"one": one, "two": two})

    assert [(row.node, row.what, row.told) for row in found.differences] == [
        ("dead", "dead letter", ("ok", "-")),
        ("pay", "invocation", ("1 error", "1 error, 2 ok")),
        ("", "outcome", ("dead-lettered", "completed")),
    ]
    assert list(found.to_frame().columns) == ["node", "what", "one", "two", "same"]


def test_the_order_in_which_branches_ended_is_no_difference():
    runs = [("a", "invocation", 1, "ok"), ("b", "invocation", 1, "error"), ("b", "invocation", 2, "ok")]

    assert ck.agreement({"one": trace(*runs), "two": trace(*reversed(runs))}).differences == ()


@pytest.mark.parametrize("given", [{}, {"one": 1, "two": 2}, None])
def test_less_than_two_traces_are_refused(given):
    with pytest.raises(ck.ConfigError, match="not at least two traces"):
        ck.agreement(given)
