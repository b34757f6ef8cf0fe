"""Segment documents keep the rules of X-Ray's page on them, and an X-Ray takes them and gives them back."""

import json
import re

import pytest

import chainkit as ck
from chainkit.tracing.xray import LARGEST_BYTES
from tests.tracing.stories import EVERYTHING, predicted


def all_of(document):
    """Yield a segment and what is in it."""
    yield document
    for inner in document.get("subsegments", ()):
        yield from all_of(inner)


def by_name(documents):
    return {f"{d['name']} {d['annotations']['attempt']}": d for d in documents}


@pytest.mark.parametrize("stories", [[EVERYTHING], *(predicted(name) for name in ("orders", "orders-sfn", "media"))])
def test_the_rules_of_segments_are_kept(stories):
    for trace in stories:
        documents = trace.to_xray()
        parts = [part for document in documents for part in all_of(document)]
        ids = [part["id"] for part in parts]

        assert len({document["trace_id"] for document in documents}) == 1
        assert re.fullmatch("1-[0-9a-f]{8}-[0-9a-f]{24}", documents[0]["trace_id"])
        assert all(re.fullmatch("[0-9a-f]{16}", id_) for id_ in ids)
        assert len({*ids}) == len(ids)
        assert "parent_id" not in documents[0]
        assert {document["parent_id"] for document in documents[1:]} <= {*ids}
        for part in parts:
            assert part["start_time"] <= part["end_time"]
            assert re.fullmatch(r"[\w\s.:/%&#=+\\\-@]{1,200}", part["name"])
            assert all(re.fullmatch(r"\w+", key) for key in part.get("annotations", ()))
            assert part.get("namespace", "aws") == "aws"
            assert not ("throttle" in part and "error" not in part)
        assert all(len(json.dumps(document)) <= LARGEST_BYTES for document in documents)


def test_every_service_that_works_is_a_segment_hung_on_the_call_in_its_callers():
    documents = EVERYTHING.to_xray()
    found = by_name(documents)

    assert [*found] == ["api 1", "order 1", "stock 1", "stock 2", "pay 1", "pay 2"]
    calls = {part["id"]: part["name"] for part in all_of(found["order 1"])}
    assert calls[found["stock 1"]["parent_id"]] == calls[found["stock 2"]["parent_id"]] == "stock"
    assert [(part["name"], part.get("namespace")) for part in all_of(found["order 1"])] == [
        ("order", None), ("init", None), ("stock", "aws"), ("stock", "aws"), ("jobs", "aws"), ("queue wait", None),
        ("dead", "aws"),
    ]  # fmt: skip
    assert calls[found["pay 1"]["parent_id"]] == "queue wait"


def test_a_throttle_is_a_clients_error_and_a_failure_a_fault():
    found = by_name(EVERYTHING.to_xray())
    flags = {name: {k for k in ("error", "throttle", "fault") if d.get(k)} for name, d in found.items()}

    assert flags == {
        "api 1": set(), "order 1": set(), "stock 1": {"error", "throttle"}, "stock 2": set(), "pay 1": {"fault"},
        "pay 2": {"fault"},
    }  # fmt: skip
    (exception,) = found["pay 2"]["cause"]["exceptions"]
    assert (exception["type"], exception["message"]) == ("Down", "no: w")


def test_times_are_seconds_since_1970_of_the_request():
    found = by_name(EVERYTHING.to_xray())

    assert found["api 1"]["start_time"] == 0x6B09DEA5
    assert found["pay 2"]["end_time"] == 0x6B09DEA5 + 61
    assert found["api 1"]["annotations"]["outcome"] == "dead-lettered"


def test_the_state_of_an_execution_is_called_by_its_name():
    spans = [
        ck.Span(node="flow", what="execution", start_s=0, end_s=2),
        ck.Span(node="flow", what="state", start_s=0.5, end_s=1, reason="Charge"),
    ]
    [segment] = ck.Trace(request="1", outcome="completed", response_s=2, completion_s=2, spans=spans).to_xray()

    assert segment["subsegments"][0]["name"] == "state Charge"


def test_a_name_has_only_letters_that_are_taken():
    spans = [ck.Span(node="pay (élan) <3" + "x" * 300, what="invocation", start_s=0, end_s=1)]
    [segment] = ck.Trace(request="1", outcome="completed", response_s=1, completion_s=1, spans=spans).to_xray()

    assert segment["name"].startswith("pay _élan_ _3x")
    assert len(segment["name"]) == 200


def test_a_story_without_spans_is_one_segment():
    [segment] = ck.Trace(request="request 0", outcome="dropped", response_s=1, completion_s=1, spans=[]).to_xray()

    assert (segment["name"], segment["annotations"]) == ("request 0", {"outcome": "dropped"})


def test_what_is_too_large_for_one_document_is_sent_in_parts():
    calls = [ck.Span(node="jobs", what="send", start_s=k / 100, end_s=k / 100, reason="x" * 300) for k in range(300)]
    spans = [ck.Span(node="order", what="invocation", start_s=0, end_s=9), *calls]
    trace = ck.Trace(request="1", outcome="completed", response_s=9, completion_s=9, spans=spans)
    first, *others = trace.to_xray()

    assert all(len(json.dumps(document)) <= LARGEST_BYTES for document in (first, *others))
    assert len(first["subsegments"]) + len(others) == 300
    assert {(o["type"], o["parent_id"], o["trace_id"]) for o in others} == {
        ("subsegment", first["id"], first["trace_id"])
    }


def test_an_x_ray_takes_them_and_gives_them_back():
    with ck.local() as target:
        documents = EVERYTHING.to_xray()
        client = target.client("xray")
        answer = client.put_trace_segments(TraceSegmentDocuments=[json.dumps(document) for document in documents])
        [trace] = client.batch_get_traces(TraceIds=[EVERYTHING.request])["Traces"]

    assert answer["UnprocessedTraceSegments"] == []
    given_back = {segment["Id"]: json.loads(segment["Document"]) for segment in trace["Segments"]}
    assert given_back == {document["id"]: document for document in documents}
