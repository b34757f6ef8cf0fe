"""Turns what the kernel wrote down about one request into a `Trace`."""

from collections.abc import Iterator

import numpy as np

from chainkit.chain import Chain
from chainkit.records import Span, Trace
from chainkit.simulation import kernel as k
from chainkit.simulation import primitives as m
from chainkit.simulation.assembler import IntArray, Program
from chainkit.simulation.machine import Tally

OUTCOMES = ("completed", "failed", "throttled", "dead-lettered", "expired", "dropped")
STATUSES = {m.OK: "ok", m.ERROR: "error", m.THROTTLED: "throttled", m.TIMEOUT: "timeout"}


def story(chain: Chain, program: Program, tally: Tally, request: int) -> Trace:
    """Return the trace of the request that a replication wrote down."""
    arrived = next((float(row.view(np.float64)[0]) for row in tally.trace if row[1] == program.labels["entry"]), 0.0)
    spans = tuple(_Reader(chain, program, arrived).spans(tally.trace))
    response_s, completion_s = tally.kept[request - tally.first_request]
    outcome = _outcome(program, tally.trace)
    if outcome == "completed" and np.isnan(completion_s):
        outcome = "unfinished"
    return Trace(
        request=f"request {request}",
        outcome=outcome,
        response_s=float(response_s),
        completion_s=float(completion_s),
        spans=spans,
    )


def _outcome(program: Program, rows: IntArray) -> str:
    """Return the worst outcome among the ends of a request's flows."""
    worst = 0
    code = program.code.reshape(-1, 8)
    for row in rows:
        if row[6] == -1 and code[row[1], 0] == k.END_FLOW:
            outcome = int(code[row[1], 1])
            if outcome < 0:
                status = int(row[3]) & m.STATUS
                outcome = 0 if status == m.OK else (2 if status == m.THROTTLED else 1)
            worst = max(worst, outcome if outcome < k.NO_OUTCOME else 0)
    return OUTCOMES[worst]


class _Reader:
    """Follows a request's frames through the rows: time, row of the program, frame, state, salt."""

    def __init__(self, chain: Chain, program: Program, arrived_s: float) -> None:
        self.chain, self.program, self.arrived_s = chain, program, arrived_s
        self.code = program.code.reshape(-1, 8)
        self.open: dict[int, tuple[float, str, str]] = {}
        """Frame -> (since, node, what): what the frame waits for."""
        self.runs: dict[int, float] = {}
        """Frame -> start of its invocation."""
        self.attempts: dict[tuple[str, str], int] = {}
        self.sent: dict[int, list[tuple[float, str]]] = {}
        """Row at which a call or hand-over starts -> when it was made, and by which link."""

    def spans(self, rows: IntArray) -> Iterator[Span]:
        """Yield the spans in the order in which they end."""
        for row in rows:
            now, pc, frame = float(row.view(np.float64)[0]), int(row[1]), int(row[2])
            if row[6] >= 0:
                yield from self._batch(now, pc, row)
                continue
            if self.sent.get(pc) and self.code[pc, 0] != k.ALIVE:
                since, link = self.sent[pc].pop(0)
                if now > since:
                    yield self._span(self.program.marks[pc][0], "hop", since, now, reason=f"by {link}")
            if frame in self.open:
                since, node, what = self.open.pop(frame)
                if now > since:
                    yield self._span(node, what, since, now)
            yield from self._row(
                now, pc, frame, int(row[3]) & m.STATUS, is_batch=int(row[7]) < -1, is_cold=bool(row[3] & m.COLD)
            )

    def _row(self, now: float, pc: int, frame: int, status: int, *, is_batch: bool, is_cold: bool) -> Iterator[Span]:
        """Read one row of an ordinary frame."""
        op, node = int(self.code[pc, 0]), self.program.marks[pc][0]
        link = self.program.marks[pc][1]
        if op in (k.CALL, k.SPAWN) and link and self.code[pc, 2] >= 0:
            self.sent.setdefault(int(self.code[pc, 1]), []).append((now, link))
        if op == k.ENTER and not is_batch:
            self.runs[frame] = now
        elif (op == k.LEAVE and frame in self.runs) or (op == k.RET and frame in self.runs):
            reason = "cold start" if is_cold else ""
            yield self._span(node, "invocation", self.runs.pop(frame), now, status, is_attempt=True, reason=reason)
        elif op == k.DELAY:
            self.open[frame] = (now, node, "hop" if link else "overhead")
        elif op == k.RETRY and status != m.OK:
            self.open[frame] = (now, node, "retry wait")
        elif op == k.RESPOND:
            yield self._span(node, "answer", self.arrived_s, now, status)
        elif op == k.END_FLOW and int(self.code[pc, 1]) in (k.DEAD_LETTERED, k.EXPIRED, k.DROPPED):
            yield self._span(node, {3: "dead letter", 4: "expired", 5: "dropped"}[int(self.code[pc, 1])], now, now)

    def _batch(self, now: float, pc: int, row: IntArray) -> Iterator[Span]:
        """Read a message's part in a batch: its start, and its settlement."""
        began = float(row.view(np.float64)[5])
        queue = next(
            name for name in self.program.queue_nodes
            if pc in (self.program.labels[f"{name}.batch"], self.program.labels[f"{name}.batch.settle"])
        )  # fmt: skip
        if self.code[pc, 0] == k.SETTLE:
            failed = bool(row[3] & m.FAILED)
            status = int(row[3]) & m.STATUS or (m.ERROR if failed else m.OK)
            node = next(v.target for v in self.chain.links.values() if v.kind == "poll" and v.source == queue)
            yield self._span(node, "invocation", began, now, status, is_attempt=True)
            if status != m.OK:
                hidden = float(getattr(self.chain.service(queue).behaviour(), "visibility_timeout_s", 0.0))
                yield self._span(queue, "hidden", now, max(now, began + hidden))
        else:
            yield self._span(queue, "queue wait", began, now)

    def _span(
        self,
        node: str,
        what: str,
        start: float,
        end: float,
        status: int = 0,
        *,
        is_attempt: bool = False,
        reason: str = "",
    ) -> Span:
        """Return one span, in seconds since the request entered."""
        attempt = 1
        if is_attempt:
            attempt = self.attempts[node, what] = self.attempts.get((node, what), 0) + 1
        return Span(
            node=node,
            what=what,
            start_s=start - self.arrived_s,
            end_s=end - self.arrived_s,
            attempt=attempt,
            status=STATUSES.get(status, "error"),
            reason=reason,
        )
