"""Turns the lives of one request into a `Trace`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainkit.records import Span, Trace
from chainkit.simulation import kernel as k
from chainkit.simulation import primitives as m
from chainkit.simulation.assembler import Program
from chainkit.simulation.lives import Life, Moment, Paths, Story, stories
from chainkit.simulation.memory import Tally
from chainkit.tracing.nesting import edges

OUTCOMES = ("completed", "failed", "throttled", "dead-lettered", "expired", "dropped")
STATUSES = {m.OK: "ok", m.ERROR: "error", m.THROTTLED: "throttled", m.TIMEOUT: "timeout", m.IMPATIENT: "timeout"}
_GIVEN_UP = {k.DEAD_LETTERED: "dead letter", k.EXPIRED: "expired", k.DROPPED: "dropped"}


def story(program: Program, tally: Tally, request: int, links: Mapping[str, Any]) -> Trace:
    """Return the trace of the request that a replication of a chain with these links wrote down."""
    return replace(traces(program, tally, [request])[0], links=edges(links))


def traces(program: Program, tally: Tally, requests: Sequence[int]) -> list[Trace]:
    """Return the traces of requests that a replication wrote down, in their order."""
    told = stories(program, tally.trace, [*requests])
    return [_trace(program, tally, request, told.get(request)) for request in requests]


def _trace(program: Program, tally: Tally, request: int, told: Story | None) -> Trace:
    """Return the trace of one request."""
    response_s, completion_s = tally.kept[request - tally.bounds[0]]
    worst = _worst(program, told) if told is not None else k.COMPLETED
    is_over = worst >= k.DEAD_LETTERED or not np.isnan(completion_s)  # what has lost a branch is lost already
    return Trace(
        request=f"request {request}",
        outcome=OUTCOMES[worst] if is_over else "unfinished",
        response_s=float(response_s),
        completion_s=float(completion_s),
        spans=_numbered(_Teller(program, told).spans()) if told is not None else (),
    )


def _worst(program: Program, told: Story) -> int:
    """Return the worst outcome among the ends of a request's flows."""
    worst = 0
    for _, moment in told.ends():
        if moment.op == k.END_FLOW:
            outcome = int(program.code.reshape(-1, 8)[moment.pc, 1])
            if outcome < 0:
                outcome = {m.OK: k.COMPLETED, m.THROTTLED: k.THROTTLED_}.get(moment.status, k.FAILED_)
            worst = max(worst, outcome if outcome < k.NO_OUTCOME else 0)
    return worst


def _numbered(spans: Iterator[Span]) -> tuple[Span, ...]:
    """Return spans in order, the runs of each function numbered as attempts."""
    attempts: Counter[str] = Counter()
    numbered = []
    for span in sorted(spans, key=lambda each: each.start_s):
        attempts[span.node] += span.what == "invocation"
        numbered.append(replace(span, attempt=attempts[span.node]) if span.what == "invocation" else span)
    return tuple(numbered)


class _Teller:
    """Tells what is worth a bar."""

    def __init__(self, program: Program, told: Story) -> None:
        self.program, self.told, self.paths = program, told, Paths(program)
        self.arrived_s = told.root.born_s

    def spans(self) -> Iterator[Span]:
        """Yield the spans of all lives."""
        for life in self.told.lives:
            if life.moments and life.moments[0].at_s > life.born_s:
                link = self.program.marks[life.born_pc][1]
                yield self._span(self.paths.node(life), "hop", life.born_s, life.moments[0].at_s, reason=f"by {link}")
            for i, moment in enumerate(life.moments):
                yield from self._moment(life, i, moment)

    def _moment(self, life: Life, i: int, moment: Moment) -> Iterator[Span]:
        """Yield what begins in a moment."""
        node = self.program.marks[moment.pc][0]
        to_s = life.moments[i + 1].at_s if i + 1 < len(life.moments) else moment.at_s
        if moment.kind == m.NOTE_BATCHED:
            yield from self._batch(life, i, moment)
        elif moment.kind == m.NOTE_SETTLED:
            if to_s > moment.at_s:
                queue = self.program.marks[life.moments[i + 1].pc][0]
                yield self._span(queue, "hidden", moment.at_s, to_s)
        elif moment.kind != m.NOTE_ROW:
            return
        elif moment.op == k.ENTER:
            yield from self._run(life, i, moment)
        elif moment.op == k.RESPOND:
            yield self._span(node, "answer", self.arrived_s, moment.at_s, moment.status)
        elif moment.op == k.END_FLOW:
            what = _GIVEN_UP.get(int(self.program.code.reshape(-1, 8)[moment.pc, 1]))
            if what is not None:
                yield self._span(self.program.graves.get(moment.pc, node), what, moment.at_s, moment.at_s)
        elif to_s > moment.at_s and moment.op in (k.DELAY, k.RETRY, k.ENQUEUE):
            what = {k.RETRY: "retry wait", k.ENQUEUE: "queue wait"}.get(moment.op) or self.paths.delay(moment.pc)
            reason = "throttled" if moment.op == k.RETRY and moment.status == m.THROTTLED else ""
            yield self._span(node, what, moment.at_s, to_s, reason=reason)

    def _run(self, life: Life, i: int, entered: Moment) -> Iterator[Span]:
        """Yield an invocation, and its init."""
        over = life.later(i, k.LEAVE, k.RET)
        took = life.moments[i + 1] if i + 1 < len(life.moments) else None
        # An invocation that is cut while it waits does not know any longer that it was cold: it did when it began.
        state, init_s = (took.state, took.x) if took is not None and took.kind == m.NOTE_TOOK else (0, 0.0)
        if over is not None:
            node = self.program.marks[entered.pc][0]
            yield from self._invocation(node, entered.at_s, over.at_s, over.status, state, init_s)

    def _batch(self, life: Life, i: int, taken: Moment) -> Iterator[Span]:
        """Yield a message's part in a batch."""
        settled = next((each for each in life.moments[i:] if each.kind == m.NOTE_SETTLED), None)
        batch = taken.other
        if settled is None or batch is None:
            return
        took = next((each for each in batch.moments if each.kind == m.NOTE_TOOK), None)
        status = settled.status or (m.ERROR if settled.state & m.FAILED else m.OK)
        state, init_s = (took.state, took.x) if took is not None else (0, 0.0)
        node = self.program.marks[settled.pc][0]
        yield from self._invocation(node, taken.at_s, settled.at_s, status, state, init_s)

    def _invocation(
        self, node: str, start_s: float, end_s: float, status: int, state: int, init_s: float
    ) -> Iterator[Span]:
        """Yield an invocation, and its init."""
        reason = "cold start" if state & m.COLD else ""
        yield self._span(node, "invocation", start_s, end_s, status, reason=reason)
        if init_s > 0:
            yield self._span(node, "init", start_s, min(start_s + init_s, end_s))

    def _span(self, node: str, what: str, start_s: float, end_s: float, status: int = 0, *, reason: str = "") -> Span:
        """Return one span, in seconds since the request entered."""
        return Span(
            node=node,
            what=what,
            start_s=start_s - self.arrived_s,
            end_s=end_s - self.arrived_s,
            status=STATUSES.get(status, "error"),
            reason=reason,
        )
