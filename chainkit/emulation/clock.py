"""One clock for all that waits: it runs with the wall while something runs, and jumps when everybody waits.

The clock counts what runs. A thread counts while it is inside `running` or was begun by `start`; it does not count
while it waits on an `Event` of this clock, in `sleep`, or inside `paused`. When nothing runs and a timer is due later,
the clock jumps to it, so that a two-minute backoff takes no time and order is kept.

The one that wakes a waiter counts it as running at once, under the same lock. Otherwise the clock could jump in the
moment between the end of one thread and the waking of the next.
"""

from __future__ import annotations

import contextvars
import heapq
import itertools
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Moment(NamedTuple):
    """One instant on both clocks, seconds since the epoch."""

    at_s: float
    wall_s: float


@dataclass(order=True)
class Timer:
    """Something due at a virtual instant. A passive timer fires when its time comes, but nobody jumps for its sake."""

    due_s: float
    number: int
    action: Callable[[], None] = field(compare=False)
    is_passive: bool = field(compare=False, default=False)
    is_cancelled: bool = field(compare=False, default=False)


class _Waiter:
    """One thread that waits on an event."""

    def __init__(self, lock: threading.RLock, *, counts: bool) -> None:
        self.condition = threading.Condition(lock)
        self.counts = counts
        self.is_awake = False
        self.by_event = False


class Clock:
    """Virtual seconds since the epoch, timers, and the threads that wait for them.

    Parameters
    ----------
    jumps : False keeps the clock on the wall
    """

    def __init__(self, *, jumps: bool = True) -> None:
        self._jumps = jumps
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._wall_zero_s = time.time() - time.monotonic()
        self._skipped_s = 0.0
        self._running = 0
        self._timers: list[Timer] = []
        self._numbers = itertools.count()
        self._local = threading.local()
        self._is_closed = False
        self.on_jump: list[Callable[[float], None]] = []
        threading.Thread(target=self._tick, name="clock", daemon=True).start()

    # --- the time ---

    def now_s(self) -> float:
        """Return virtual seconds since the epoch; never goes back."""
        return self._wall_zero_s + time.monotonic() + self._skipped_s

    def iso(self) -> str:
        """Return now as AWS writes it: UTC, milliseconds, Z."""
        return datetime.fromtimestamp(self.now_s(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def moment(self) -> Moment:
        """Return now, virtual and by the wall."""
        wall_s = self._wall_zero_s + time.monotonic()
        return Moment(wall_s + self._skipped_s, wall_s)

    # --- what runs ---

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count this thread as running: no jump inside."""
        if self._counts():
            yield
            return
        self._add(1)
        self._local.counts = True
        try:
            yield
        finally:
            self._local.counts = False
            self._add(-1)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do not count this thread: it waits for something that the emulator itself must bring about."""
        if not self._counts():
            yield
            return
        self._local.counts = False
        self._add(-1)
        try:
            yield
        finally:
            self._add(1)
            self._local.counts = True

    def start(self, work: Callable[[], object], *, name: str = "task") -> None:
        """Run `work` in a thread that counts as running, in a copy of the caller's context."""
        self._add(1)
        context = contextvars.copy_context()
        threading.Thread(target=self._run_counted, args=(context, work), name=name, daemon=True).start()

    def _run_counted(self, context: contextvars.Context, work: Callable[[], object]) -> None:
        self._local.counts = True
        try:
            context.run(work)
        finally:
            self._local.counts = False
            self._add(-1)

    def _counts(self) -> bool:
        return getattr(self._local, "counts", False)

    def _add(self, change: int) -> None:
        with self._lock:
            self._running += change
            if self._may_jump():  # else the clock's thread has nothing to do, and waking it would cost each request
                self._changed.notify()

    # --- timers ---

    def call_at(self, due_s: float, work: Callable[[], object], *, is_passive: bool = False) -> Timer:
        """Run `work` in a thread of its own at virtual second `due_s`, in a copy of the caller's context."""
        context = contextvars.copy_context()

        def action() -> None:
            self._running += 1
            threading.Thread(target=self._run_counted, args=(context, work), name="timer", daemon=True).start()

        return self._push(due_s, action, is_passive=is_passive)

    def cancel(self, timer: Timer) -> None:
        """Make sure that `timer` does not fire, unless it has."""
        with self._lock:
            timer.is_cancelled = True
            self._changed.notify()

    def sleep(self, duration_s: float) -> None:
        """Wait `duration_s` virtual seconds."""
        Event(self).wait(duration_s)

    def close(self) -> None:
        """Stop the clock's thread; timers that are left never fire."""
        with self._lock:
            self._is_closed = True
            self._changed.notify()

    def _push(self, due_s: float, action: Callable[[], None], *, is_passive: bool) -> Timer:
        timer = Timer(due_s, next(self._numbers), action, is_passive)
        with self._lock:
            heapq.heappush(self._timers, timer)
            self._changed.notify()
        return timer

    def _tick(self) -> None:
        with self._lock:
            while not self._is_closed:
                while self._timers and (self._timers[0].is_cancelled or self._timers[0].due_s <= self.now_s()):
                    timer = heapq.heappop(self._timers)
                    if not timer.is_cancelled:
                        timer.action()
                if not self._timers:
                    self._changed.wait()
                elif self._may_jump():
                    self._jump(self._timers[0].due_s - self.now_s())
                else:
                    self._changed.wait(min(self._timers[0].due_s - self.now_s(), threading.TIMEOUT_MAX))

    def _may_jump(self) -> bool:
        return self._jumps and self._running == 0 and any(not t.is_passive and not t.is_cancelled for t in self._timers)

    def _jump(self, span_s: float) -> None:
        if span_s <= 0:
            return
        self._skipped_s += span_s
        for listener in self.on_jump:
            listener(span_s)


class Event:
    """`threading.Event` on a virtual clock: the timeout is virtual, and who waits does not count as running."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._is_set = False
        self._waiters: list[_Waiter] = []

    def is_set(self) -> bool:
        """Return whether the event is set."""
        return self._is_set

    def set(self) -> None:
        """Wake all who wait."""
        with self._clock._lock:
            self._is_set = True
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                waiter.by_event = True
                self._wake(waiter)

    def clear(self) -> None:
        """Let later waiters wait again."""
        self._is_set = False

    def wait(self, timeout_s: float | None = None, *, is_passive: bool = False) -> bool:
        """Wait until the event is set or `timeout_s` virtual seconds are over; return whether it was set.

        No jump is made for the sake of a passive wait.
        """
        clock = self._clock
        with clock._lock:
            if self._is_set:
                return True
            waiter = _Waiter(clock._lock, counts=clock._counts())
            self._waiters.append(waiter)
            timer = None
            if timeout_s is not None:
                timer = clock._push(clock.now_s() + timeout_s, lambda: self._wake(waiter), is_passive=is_passive)
            if waiter.counts:
                clock._add(-1)
            while not waiter.is_awake:
                waiter.condition.wait()
            if timer is not None:
                timer.is_cancelled = True
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            return waiter.by_event

    def _wake(self, waiter: _Waiter) -> None:
        """Count the waiter as running before it runs. Holds the clock's lock."""
        if waiter.is_awake:
            return
        waiter.is_awake = True
        if waiter.counts:
            self._clock._running += 1
        waiter.condition.notify()
