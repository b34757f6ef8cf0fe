"""What happened to each request, and whether anything of it is still in flight.

A request is known by the root of its X-Ray trace header. The roots that a thread works for are a context variable; the
header carries them from process to process. A batch holds messages of several requests: it gets a root of its own, an
alias that stands for all of them, so that what is done for the batch stands in the story of each of its requests.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chainkit.emulation.faulting import VISIT, Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from chainkit.emulation.clock import Clock, Moment

ROOTS: ContextVar[tuple[str, ...]] = ContextVar("roots", default=())
"""The requests that this thread works for."""

_ROOT, _PARENT = re.compile(r"Root=([^;\s]+)"), re.compile(r"Parent=([^;\s]+)")


def new_root() -> str:
    """Return a new root: version, 8 hex digits of the time, 24 random ones.

    >>> len(new_root())
    35
    """
    return f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"


@dataclass
class Request:
    """One request: when it entered, what is open, what happened."""

    entered: Moment
    open: int = 0
    opened: int = 0  # how often something was opened: tells whether `open` was 0 all the time
    events: list[dict[str, Any]] = field(default_factory=list)


class Story:
    """The stories of all requests.

    Parameters
    ----------
    clock : gives virtual and wall time
    is_queued : says whether a polled queue holds a message of a root
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._requests: dict[str, Request] = {}
        self._aliases: dict[str, tuple[str, ...]] = {}
        self._visits: dict[str, Visit] = {}
        self._changed = threading.Condition()
        self.is_queued: Callable[[str], bool] = lambda _root: False

    # --- trace headers ---

    def roots_of(self, header: str | None) -> tuple[str, ...]:
        """Return the requests that a trace header names, batches resolved."""
        match = _ROOT.search(header or "")
        if not match:
            return ()
        return self._aliases.get(match[1], (match[1],))

    def header_for(self, roots: tuple[str, ...]) -> str:
        """Return a trace header that names `roots`: the root itself, or an alias for several."""
        root = roots[0] if len(roots) == 1 else new_root()
        if len(roots) != 1:
            self._aliases[root] = roots
        header = f"Root={root};Parent={secrets.token_hex(8)};Sampled=1"
        self.stand_at(header, VISIT.get())
        return header

    def visit_of(self, header: str | None) -> Visit | None:
        """Return where the work stands that sends a trace header; None: outside, or nobody asked."""
        match = _PARENT.search(header or "")
        return self._visits.get(match[1]) if match else None

    def stand_at(self, header: str | None, visit: Visit | None) -> None:
        """Let what sends a trace header stand there."""
        match = _PARENT.search(header or "")
        if match and visit is not None:
            self._visits[match[1]] = visit

    # --- in flight ---

    @contextlib.contextmanager
    def works_for(self, roots: Iterable[str]) -> Iterator[None]:
        """Work for `roots` inside; they are in flight until it ends."""
        kept = tuple(dict.fromkeys(roots))
        token = ROOTS.set(kept)
        self.open(kept)
        try:
            yield
        finally:
            self.close(kept)
            ROOTS.reset(token)

    def carried(self, work: Callable[[], object], roots: tuple[str, ...] | None = None) -> Callable[[], None]:
        """Return `work` as a task for another thread; `roots` (None: this thread's) are in flight until it ends."""
        roots = ROOTS.get() if roots is None else roots
        self.open(roots)

        def task() -> None:
            with self.works_for(roots):
                self.close(roots)
                work()

        return task

    def open(self, roots: tuple[str, ...]) -> None:
        """Count one more thing in flight for each root."""
        with self._changed:
            for root in roots:
                request = self._request(root)
                request.open += 1
                request.opened += 1

    def close(self, roots: tuple[str, ...]) -> None:
        """Count one thing less."""
        with self._changed:
            for root in roots:
                self._request(root).open -= 1
            self._changed.notify_all()

    def settle(self, root: str, timeout_s: float) -> bool:
        """Wait until nothing of `root` is in flight; False after `timeout_s` wall seconds."""
        deadline_s = time.monotonic() + timeout_s
        while self._is_open(root):
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return False
            with self._changed:
                self._changed.wait(min(left_s, 0.02))  # queues tell nobody when they empty
        return True

    def _is_open(self, root: str) -> bool:
        # A message can leave its queue for a batch, or a call for a queue, between two looks: look three times.
        request = self._requests.get(root)
        if request is None:
            return False
        opened = request.opened
        return request.open > 0 or self.is_queued(root) or request.opened != opened or request.open > 0

    def _request(self, root: str) -> Request:
        if root not in self._requests:
            self._requests[root] = Request(self._clock.moment())
        return self._requests[root]

    # --- events ---

    def tell(
        self,
        what: str,
        resource: str,
        *,
        status: str = "ok",
        attempt: int = 1,
        reason: str = "",
        began: Moment | None = None,
        span_s: float | None = None,
        ids: Iterable[str] = (),
        logs: Iterable[str] = (),
        roots: tuple[str, ...] | None = None,
    ) -> None:
        """Add an event to the stories of `roots` (the thread's own if None); it began at `began` (now if None)."""
        began = began or self._clock.moment()
        event = {"what": what, "resource": resource, "attempt": attempt, "status": status, "reason": reason}
        event |= {"span_s": span_s, "ids": list(ids), "logs": list(logs)}
        with self._changed:
            for root in ROOTS.get() if roots is None else roots:
                request = self._request(root)
                at_s = max(began.at_s - request.entered.at_s, 0.0)
                wall_s = max(began.wall_s - request.entered.wall_s, 0.0)
                request.events.append({"at_s": at_s, "wall_s": wall_s, **event})

    def events(self, root: str) -> list[dict[str, Any]]:
        """Return the events of one request by the time at which they began."""
        with self._changed:
            request = self._requests.get(root)
            return sorted(request.events, key=lambda event: event["at_s"]) if request else []
