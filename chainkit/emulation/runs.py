"""One execution of a state machine while it runs: its threads and events, on our clock, and its end from outside.

The interpreter runs each state in a thread, and others wait for it. It has no way to end those that wait: a stopped
execution would go on until the callback that it waits for arrives. So each event knows its execution, and a wait in an
execution that is over raises `Ended`, through all of the interpreter's code.
"""

from __future__ import annotations

import threading
import weakref
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from chainkit.emulation.clock import Event

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainkit.emulation.clock import Clock, Moment

ENDLESS_S = 99_999_999
"""The interpreter's own "no timeout"."""


class Ended(BaseException):  # no Exception: the interpreter would catch it
    """The execution that this thread works for was stopped, or has run out of time."""


@dataclass
class State:
    """The state that this thread runs."""

    machine: str
    name: str
    began: Moment
    failures: int = 0


STATE: ContextVar[State | None] = ContextVar("state", default=None)


class Run:
    """One execution while it runs.

    Parameters
    ----------
    clock : the emulator's
    machine : ARN of the state machine
    definition : as it was created
    """

    def __init__(self, clock: Clock, machine: str, definition: dict[str, Any]) -> None:
        self.machine = machine
        self.definition = definition
        self.is_over = False
        self.began = Event(clock)
        self.ended = Event(clock)
        self.children: list[Any] = []
        """What the executions of its distributed Maps did, for ResultWriter."""
        self.program: ClockThread | None = None
        self._events: weakref.WeakSet[LimitEvent] = weakref.WeakSet()
        self._lock = threading.Lock()

    def holds(self, event: LimitEvent) -> None:
        """Let `event` end with this run."""
        with self._lock:
            self._events.add(event)
        if self.is_over:
            event.set()

    def end(self) -> None:
        """End every wait of the execution."""
        with self._lock:
            self.is_over = True
            events = list(self._events)
        for event in events:
            event.set()


class Ends:
    """The ends of all executions: who waits for a nested one looks again at each, not twice a second for an hour."""

    def __init__(self) -> None:
        self._number = 0
        self._waiting: set[LimitEvent] = set()
        self._lock = threading.Lock()

    def tell(self) -> None:
        """Say that an execution has ended."""
        with self._lock:
            self._number += 1
            waiting, self._waiting = self._waiting, set()
        for event in waiting:
            event.set()

    def wait(self, clock: Clock, timeout_s: float) -> None:
        """Wait for an end since this thread waited last, at most `timeout_s`; the first time, do not wait."""
        event = LimitEvent(clock)
        with self._lock:
            number, seen = self._number, _SEEN.get()
            if number == seen:
                self._waiting.add(event)
        _SEEN.set(number)
        if number == seen:
            event.wait(timeout_s)


_SEEN: ContextVar[int] = ContextVar("seen", default=-1)

RUN: ContextVar[Run | None] = ContextVar("run", default=None)
"""The execution that this thread works for."""


class LimitEvent(Event):
    """An event whose timeouts are limits: no jump is made for their sake. Its waits end with its execution."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._run = RUN.get()
        if self._run is not None:
            self._run.holds(self)

    def wait(self, timeout: float | None = None) -> bool:  # type: ignore[override]  # threading's own signature
        """Wait as `threading.Event` does."""
        limit_s = None if timeout is None or timeout >= ENDLESS_S else timeout
        is_set = super().wait(limit_s, is_passive=True)
        if self._run is not None and self._run.is_over:
            raise Ended
        return is_set


class ClockThread:
    """`threading.Thread` as far as the interpreter uses it; counts as running and keeps the starter's context."""

    native_id = 0

    def __init__(
        self,
        clock: Clock,
        target: Callable[..., object],
        name: str = "interpreter",
        args: tuple[Any, ...] = (),
        daemon: bool = True,
    ) -> None:
        assert daemon, "the interpreter's threads never keep a process"
        self._clock = clock
        self._work = partial(target, *args)
        self._name = name
        self._done = Event(clock)
        self._is_started = False

    def start(self) -> None:
        """Start the work; the first thread of a run is its program."""
        self._is_started = True
        run = RUN.get()
        if run is not None and run.program is None:
            run.program = self
        self._clock.start(self._run, name=self._name)

    def _run(self) -> None:
        try:
            self._work()
        except Ended:
            pass
        finally:
            self._done.set()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end of the work."""
        self._done.wait(None if timeout is None or timeout >= ENDLESS_S else timeout, is_passive=True)

    def is_alive(self) -> bool:
        """Return whether the work is going on."""
        return self._is_started and not self._done.is_set()
