"""Ids and instants: the same each time, and those of a measured request are its own."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

import chainkit as ck
from chainkit.tracing.identity import EPOCH, began_s, span_id, trace_id

ROOT = "1-6b09dea5-558d3a75e0d50ced1e57cbc8"


def story(request="request 7", end_s=1.0):
    spans = [ck.Span(node="pay", what="invocation", start_s=0, end_s=end_s)]
    return ck.Trace(request=request, outcome="completed", response_s=1.0, completion_s=1.0, spans=spans)


def test_a_measured_request_keeps_its_id_and_second():
    assert trace_id(story(ROOT), 5.0) == ROOT
    assert began_s(story(ROOT), None) == 0x6B09DEA5


def test_a_predicted_request_has_a_fixed_instant_and_an_id_of_what_it_says():
    began = began_s(story(), None)

    assert began == EPOCH.timestamp() == 1767225600
    assert trace_id(story(), began) == trace_id(story(), began)
    assert trace_id(story(), began).startswith("1-6955b900-")
    assert len({trace_id(story(), began), trace_id(story("request 8"), began), trace_id(story(end_s=2.0), began)}) == 3


def test_an_instant_is_told_in_any_time_zone():
    noon = datetime(2026, 11, 27, 12, tzinfo=UTC)

    assert (
        began_s(story(), noon)
        == began_s(story(ROOT), noon.astimezone(timezone(timedelta(hours=5))))
        == noon.timestamp()
    )


@pytest.mark.parametrize("wrong", [datetime(2026, 1, 1), 1767225600, "2026-01-01"])
def test_what_is_no_instant_is_refused(wrong):
    with pytest.raises(ck.ConfigError, match="is no instant"):
        story().to_xray(wrong)
    with pytest.raises(ck.ConfigError, match="is no instant"):
        story().to_otel(wrong)


def test_ids_of_spans_differ_and_are_never_zero():
    ids = {span_id("t", k) for k in range(1_000)} | {span_id("u", 1), span_id("t", 1, "call")}

    assert len(ids) == 1_002
    assert all(len(id_) == 16 and int(id_, 16) for id_ in ids)
