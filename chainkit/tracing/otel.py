"""A trace as OpenTelemetry's OTLP/JSON: what a collector takes at /v1/traces.

Source: OpenTelemetry protocol specification, "JSON Protobuf Encoding", and trace.proto, of opentelemetry-proto, read
2026-11: ids in hexadecimal, 32 and 16 digits, never all zero; 64-bit integers as text; enums as integers; names of
fields in lowerCamelCase; no parent for the first span.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from chainkit.tracing.identity import began_s, span_id, trace_id
from chainkit.tracing.nesting import WORK, Nesting

if TYPE_CHECKING:
    from chainkit.records import Span, Trace

INTERNAL, SERVER, PRODUCER, CONSUMER = 1, 2, 4, 5
"""Kinds of spans, as trace.proto numbers them."""
ERROR = 2
"""Status code; that of a span that ended well is not set, as OpenTelemetry asks of libraries."""
_PRODUCES = ("send", "publish", "put record", "notification")

Json = dict[str, Any]


def spans(trace: "Trace", began_at: datetime | None = None) -> Json:
    """Return the request that carries a trace, one resource per service; see `Trace.to_otel`."""
    began = began_s(trace, began_at)
    hexadecimal = trace_id(trace, began).removeprefix("1-").replace("-", "")
    nesting = Nesting(trace)
    of: dict[str, list[Json]] = {}
    attempts: dict[str, str] = {}
    for k, span in enumerate(nesting.spans):
        told = _span(nesting, k, hexadecimal, began)
        if span.what == "invocation":
            if span.node in attempts and span.attempt > 1:
                told["links"] = [{"traceId": hexadecimal, "spanId": attempts[span.node]}]
            attempts[span.node] = told["spanId"]
        of.setdefault(span.node, []).append(told)
    return {"resourceSpans": [_resource(node, told, trace.outcome) for node, told in of.items()]}


def _resource(node: str, told: list[Json], outcome: str) -> Json:
    attributes = [_attribute("service.name", node), _attribute("chainkit.outcome", outcome)]
    return {"resource": {"attributes": attributes}, "scopeSpans": [{"scope": {"name": "chainkit"}, "spans": told}]}


def _span(nesting: Nesting, k: int, trace: str, began: float) -> Json:
    span, parent = nesting.spans[k], nesting.parents[k]
    told: Json = {"traceId": trace, "spanId": span_id(trace, k)}
    if parent is not None:
        told["parentSpanId"] = span_id(trace, parent)
    attributes = [_attribute("chainkit.what", span.what), _attribute("chainkit.attempt", span.attempt)]
    attributes += [_attribute("chainkit.reason", span.reason)] if span.reason else []
    return told | {
        "name": f"{span.node} {span.what}",
        "kind": _kind(nesting, k),
        "startTimeUnixNano": _nano(began, span.start_s),
        "endTimeUnixNano": _nano(began, span.end_s),
        "attributes": attributes,
        "status": {} if span.status == "ok" else {"code": ERROR, "message": _why(span)},
    }


def _kind(nesting: Nesting, k: int) -> int:
    """Return whether a span answers a call, produces or consumes a message, or is a matter of its service."""
    span, parent = nesting.spans[k], nesting.parents[k]
    if span.what in _PRODUCES:
        return PRODUCER
    if span.what not in WORK:
        return INTERNAL
    is_called = parent is None or nesting.spans[parent].what in (*WORK, "state")
    return SERVER if is_called else CONSUMER


def _why(span: "Span") -> str:
    return span.status if not span.reason else f"{span.status}: {span.reason}"


def _nano(began: float, at_s: float) -> str:
    """Return nanoseconds since 1970: whole microseconds of the beginning, so that no digit is made up."""
    return str(round(began * 1_000_000) * 1_000 + round(at_s * 1_000_000_000))


def _attribute(key: str, value: str | int) -> Json:
    return {"key": key, "value": {"stringValue": value} if isinstance(value, str) else {"intValue": str(value)}}
