"""OTLP/JSON keeps the rules of its encoding: ids, numbers as text, enums as numbers, one first span."""

import re

import pytest

from tests.tracing.stories import EVERYTHING, predicted


def spans_of(told):
    return [span for resource in told["resourceSpans"] for scope in resource["scopeSpans"] for span in scope["spans"]]


def by_name(told):
    return {(span["name"], number(span, "chainkit.attempt")): span for span in spans_of(told)}


def number(span, key):
    return next(int(each["value"]["intValue"]) for each in span["attributes"] if each["key"] == key)


@pytest.mark.parametrize("stories", [[EVERYTHING], *(predicted(name) for name in ("orders", "orders-sfn", "media"))])
def test_the_rules_of_the_encoding_are_kept(stories):
    for trace in stories:
        told = trace.to_otel()
        spans = spans_of(told)
        ids = [span["spanId"] for span in spans]

        assert len(spans) == len(trace.spans)
        assert len({*ids}) == len(ids)
        assert len({span["traceId"] for span in spans}) == 1
        assert sum("parentSpanId" not in span for span in spans) == 1
        for span in spans:
            assert re.fullmatch("[0-9a-f]{32}", span["traceId"])
            assert re.fullmatch("[0-9a-f]{16}", span["spanId"])
            assert span.get("parentSpanId", ids[0]) in ids
            assert re.fullmatch("[0-9]{19}", span["startTimeUnixNano"])
            assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
            assert span["kind"] in (1, 2, 4, 5)
            assert span["status"].get("code", 0) in (0, 2)
            assert len({each["key"] for each in span["attributes"]}) == len(span["attributes"])
            assert all(isinstance(value, str) for each in span["attributes"] for value in each["value"].values())
            assert {link["spanId"] for link in span.get("links", ())} <= {*ids}


def test_each_service_is_a_resource():
    names = [
        resource["resource"]["attributes"][0]["value"]["stringValue"]
        for resource in EVERYTHING.to_otel()["resourceSpans"]
    ]

    assert names == ["api", "order", "stock", "jobs", "pay", "dead"]


def test_the_id_is_that_of_the_x_ray_trace():
    assert spans_of(EVERYTHING.to_otel())[0]["traceId"] == "6b09dea5558d3a75e0d50ced1e57cbc8"
    assert EVERYTHING.to_xray()[0]["trace_id"] == "1-6b09dea5-558d3a75e0d50ced1e57cbc8"


def test_spans_hang_on_their_callers_with_kinds_and_errors():
    found = by_name(EVERYTHING.to_otel())
    ids = {span["spanId"]: name for name, span in found.items()}
    led = {name: ids.get(span.get("parentSpanId")) for name, span in found.items()}

    assert led["stock invocation", 2] == ("order invocation", 1)
    assert led["pay invocation", 2] == ("jobs queue wait", 1)
    kinds = {
        name: found[name, 1]["kind"] for name in ("api api request", "order invocation", "jobs send", "order init")
    }
    assert kinds == {"api api request": 2, "order invocation": 2, "jobs send": 4, "order init": 1}
    assert found["pay invocation", 1]["kind"] == 5
    assert found["pay invocation", 2]["status"] == {"code": 2, "message": "error: Down: no: w"}
    assert found["order invocation", 1]["status"] == {}


def test_an_attempt_links_to_the_one_before():
    found = by_name(EVERYTHING.to_otel())

    assert found["pay invocation", 2]["links"][0]["spanId"] == found["pay invocation", 1]["spanId"]
    assert "links" not in found["pay invocation", 1]


def test_nanoseconds_are_exact_to_the_microsecond():
    found = by_name(EVERYTHING.to_otel())

    assert found["order invocation", 1]["startTimeUnixNano"] == str(0x6B09DEA5 * 10**9 + 10_000_000)
