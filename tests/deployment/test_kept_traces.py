"""Traces found again: by their own id, by what their functions logged, the last so many."""

import pytest

import chainkit as ck
from chainkit.deployment.kept_traces import KeptTraces


def trace(number, *logs):
    spans = [ck.Span(node="pay", what="invocation", start_s=0, end_s=1, logs=logs)]
    return ck.Trace(request=f"1-{number}", outcome="completed", response_s=1, completion_s=1, spans=spans)


def test_a_trace_is_found_by_its_id_or_by_what_it_logged():
    kept = KeptTraces()
    one, two, three = (
        kept.keep(each) for each in (trace(1, "id a-1"), trace(2, "x", '{"id": "a-2"}'), trace(3, "a-22"))
    )

    assert kept.find("1-1") is one
    assert kept.find("a-2") is two
    assert kept.find("a-22") is three
    assert kept.find("a") is None


def test_of_several_with_one_id_the_last_is_found():
    kept = KeptTraces()
    kept.keep(trace(1, "again"))
    last = kept.keep(trace(2, "again"))

    assert kept.find("again") is last


def test_the_oldest_go():
    kept = KeptTraces(most=3)
    for number in range(5):
        kept.keep(trace(number))

    assert [number for number in range(5) if kept.find(f"1-{number}")] == [2, 3, 4]
    assert len(kept) == 3


def test_what_is_not_there_is_told_with_what_is():
    kept = KeptTraces()
    with pytest.raises(ck.ConfigError, match="nothing was sent yet"):
        kept.found("1-1", "orders")
    kept.keep(trace(1))
    with pytest.raises(ck.ConfigError, match="1 requests were sent"):
        kept.found("1-2", "orders")
