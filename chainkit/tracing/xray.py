"""A trace as segment documents of AWS X-Ray.

What a service does for a request is a segment; what happens to the request besides (an init, a wait in a queue, a call)
is a subsegment of whoever led to it, and a segment names the subsegment that called it as its parent.

Source: AWS X-Ray Developer Guide, "AWS X-Ray segment documents", read 2026-11: required fields; 16 and 8-24 digits;
letters of names, at most 200; `error` for 4xx, `throttle` for 429, `fault` for 5xx; namespace "aws"; keys of
annotations of letters, digits and underscores; at most 64 kB a document, subsegments beyond sent by themselves.
"""

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chainkit.tracing.identity import began_s, span_id, trace_id
from chainkit.tracing.nesting import WORK, Nesting

if TYPE_CHECKING:
    from chainkit.records import Span, Trace

LARGEST_BYTES = 64_000
LONGEST_NAME = 200
_REFUSED = re.compile(r"[^\w\s.:/%&#=+\\\-@]")
_FLAGS = {"throttled": ("error", "throttle"), "error": ("fault",), "timeout": ("fault",)}

Document = dict[str, Any]


def segments(trace: "Trace", began_at: datetime | None = None) -> list[Document]:
    """Return the documents of a trace, the request's first one at the top; see `Trace.to_xray`."""
    began = began_s(trace, began_at)
    return _Writer(trace, began).documents()


class _Writer:
    """Writes the spans of one trace."""

    def __init__(self, trace: "Trace", began: float) -> None:
        self._trace, self._began, self._id = trace, began, trace_id(trace, began)
        self._nesting = Nesting(trace)
        self._bodies: list[Document] = []

    def documents(self) -> list[Document]:
        found = []
        for k, span in enumerate(self._nesting.spans):
            parent = self._nesting.parents[k]
            body = self._body(k, span)
            self._bodies.append(body)
            if parent is None:
                found.append(self._segment(body, {"outcome": self._trace.outcome}))
            elif span.what not in WORK or self._nesting.spans[parent].node == span.node:
                self._bodies[parent].setdefault("subsegments", []).append(self._besides(body, span, parent))
            else:
                found.append(self._segment(body, {}, self._call(k, span, parent)))
        if not found:
            found = [
                self._segment(self._named(self._trace.request, 0.0, 0.0, "empty"), {"outcome": self._trace.outcome})
            ]
        return [document for segment in found for document in _fitting(segment)]

    def _segment(self, body: Document, told: Document, parent_id: str = "") -> Document:
        body["trace_id"] = self._id
        if told:
            body.setdefault("annotations", {}).update(told)
        if parent_id:
            body["parent_id"] = parent_id
        return body

    def _besides(self, body: Document, span: "Span", parent: int) -> Document:
        """Return a subsegment: of its own service it is called by what it is, of another by that."""
        if self._nesting.spans[parent].node == span.node:
            body["name"] = _name(f"{span.what} {span.reason}" if span.what == "state" else span.what)
        else:
            body["namespace"] = "aws"
        return body

    def _call(self, k: int, span: "Span", parent: int) -> str:
        """Return the id of what called a segment: a subsegment that is there, or one that is put in for it."""
        caller = self._nesting.spans[parent]
        if caller.what not in WORK and caller.what != "state":
            return str(self._bodies[parent]["id"])
        call = self._named(span.node, span.start_s, span.end_s, k, "call")
        call |= {"namespace": "aws", **_flags(span.status)}
        self._bodies[parent].setdefault("subsegments", []).append(call)
        return str(call["id"])

    def _body(self, k: int, span: "Span") -> Document:
        body = self._named(span.node, span.start_s, span.end_s, k)
        body |= _flags(span.status)
        if span.status != "ok" and span.reason:
            kind, _, message = span.reason.partition(": ")
            exception = {"id": span_id(self._id, k, "exception"), "message": message or kind, "type": kind}
            body["cause"] = {"exceptions": [exception]}
        body["annotations"] = {"what": span.what, "attempt": span.attempt, "status": span.status}
        if span.reason:
            body["metadata"] = {"chainkit": {"reason": span.reason}}
        return body

    def _named(self, name: str, start_s: float, end_s: float, *told: object) -> Document:
        return {
            "name": _name(name),
            "id": span_id(self._id, *told),
            "start_time": round(self._began + start_s, 6),
            "end_time": round(self._began + end_s, 6),
        }


def _flags(status: str) -> Document:
    return dict.fromkeys(_FLAGS.get(status, ()), True)


def _name(text: str) -> str:
    """Return a name in the letters that X-Ray takes, as long as it takes."""
    return _REFUSED.sub("_", text)[:LONGEST_NAME] or "_"


def _fitting(document: Document) -> list[Document]:
    """Return a document, with the subsegments that would make it too large beside it."""
    if len(json.dumps(document)) <= LARGEST_BYTES:
        return [document]
    found = [document]
    while len(json.dumps(document)) > LARGEST_BYTES and document.get("subsegments"):
        largest = max(document["subsegments"], key=lambda each: len(json.dumps(each)))
        document["subsegments"].remove(largest)
        alone = {"trace_id": document["trace_id"], "parent_id": document["id"], "type": "subsegment"}
        found += _fitting({**largest, **alone})
    return found
