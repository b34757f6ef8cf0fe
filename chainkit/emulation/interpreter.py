"""moto's Step Functions interpreter, on our clock: its threads count as running, its waits are virtual.

The interpreter runs each state in a thread, and others wait for it. Its modules get our threads and events in place of
Python's, so that the clock knows when an execution only waits. Waits that the design asks for (Wait, Retry) let the
clock jump; limits (timeouts, heartbeats, waiting for a callback from outside) do not.
"""

from __future__ import annotations

import datetime as dt
import importlib
import json
import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3

from chainkit.emulation.clock import Clock, Event
from chainkit.emulation.patching import replace, swap

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainkit.emulation.clock import Moment
    from chainkit.emulation.host import Host

ENDLESS_S = 99_999_999
"""The interpreter's own "no timeout"."""

_PARSER = "moto.stepfunctions.parser."
_THREADING = (
    "asl.component.program.program",
    "asl.component.state.exec.state_map.iteration.inline_iteration_component",
    "asl.component.state.exec.state_map.iteration.job",
    "asl.component.state.exec.state_task.service.state_task_service_callback",
    "asl.component.state.exec.state_parallel.branch_worker",
    "asl.component.state.exec.state_parallel.branches_decl",
    "asl.component.state.exec.execute_state",
    "asl.eval.environment",
)
_DATETIME = (
    "asl.component.state.state",
    "asl.component.state.wait.wait_function.timestamp",
    "asl.eval.event.event_manager",
    "backend.execution",
    "models",
)


@dataclass
class State:
    """The state that this thread runs."""

    machine: str
    name: str
    began: Moment
    failures: int = 0


STATE: ContextVar[State | None] = ContextVar("state", default=None)
MACHINE: ContextVar[str] = ContextVar("machine", default="")
"""ARN of the state machine that this thread works for."""


class LimitEvent(Event):
    """An event whose timeouts are limits: no jump is made for their sake."""

    def wait(self, timeout: float | None = None) -> bool:  # type: ignore[override]  # threading's own signature
        """Wait as `threading.Event` does."""
        return super().wait(None if timeout is None or timeout >= ENDLESS_S else timeout, is_passive=True)


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
        self._done = LimitEvent(clock)
        self._is_started = False

    def start(self) -> None:
        """Start the work."""
        self._is_started = True
        self._clock.start(self._run, name=self._name)

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._done.set()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end of the work."""
        self._done.wait(timeout)

    def is_alive(self) -> bool:
        """Return whether the work is going on."""
        return self._is_started and not self._done.is_set()


def install(host: Host) -> None:
    """Put the interpreter on the clock, join its calls to the requests, give it JSONata."""
    clock = host.clock
    thread, event = partial(ClockThread, clock), partial(LimitEvent, clock)
    for name in _THREADING:
        module = importlib.import_module(_PARSER + name)
        swap(module, "threading", _overlay(threading, Thread=thread, Event=event), expected=threading)
    swap(_module("asl.component.state.exec.execute_state"), "Thread", thread, expected=threading.Thread)
    swap(_module("backend.execution_worker"), "Thread", thread, expected=threading.Thread)
    swap(_module("asl.eval.callback.callback"), "Event", event, expected=threading.Event)
    for name in _DATETIME:
        swap(_module(name), "datetime", _overlay(dt, datetime=_datetime_on(clock)), expected=dt)
    _install_waits(host)
    _install_clients(host)
    _install_jsonata()
    _install_states(host)


def _module(name: str) -> ModuleType:
    return importlib.import_module(_PARSER + name)


def _overlay(module: ModuleType, **changed: Any) -> SimpleNamespace:
    """Return the content of a module with some names changed."""
    return SimpleNamespace(**{**vars(module), **changed})


def _datetime_on(clock: Clock) -> type[dt.datetime]:
    class ClockDatetime(dt.datetime):
        """`datetime` whose now is the clock's."""

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> ClockDatetime:
            return cls.fromtimestamp(clock.now_s(), tz)

    return ClockDatetime


def _install_waits(host: Host) -> None:
    clock = host.clock

    def wait_interval(_wait: Any, env: Any, wait_seconds: float) -> None:
        until_s = clock.now_s() + wait_seconds
        while env.is_running() and (left_s := until_s - clock.now_s()) > 0:
            Event.wait(env.program_state_event, left_s)

    def wait_before_retry(duration_s: float) -> None:
        state = STATE.get()
        if state is not None:
            host.story.tell("retry wait", state.machine, attempt=state.failures, span_s=duration_s, ids=[state.name])
        clock.sleep(duration_s)

    def wait_between_looks(duration_s: float) -> None:
        Event(clock).wait(duration_s, is_passive=True)

    wait_function = _module("asl.component.state.wait.wait_function.wait_function").WaitFunction
    replace(wait_function, "_wait_interval", wait_interval, parameters="self env wait_seconds")
    retrier = _module("asl.component.common.retry.retrier_decl")
    swap(retrier, "time", _overlay(time, sleep=wait_before_retry), expected=time)
    callback = _module("asl.component.state.exec.state_task.service.state_task_service_callback")
    swap(callback, "time", _overlay(time, sleep=wait_between_looks), expected=time)


def _install_clients(host: Host) -> None:
    """Let the interpreter call services with our clients, not with a new one at localhost for each call."""

    def client(*, service_name: str, region_name: str, **_: Any) -> Any:
        return host.clients.get(service_name, region_name)

    swap(_module("asl.utils.boto_client"), "boto3", SimpleNamespace(client=client), expected=boto3)


def _install_jsonata() -> None:
    """Moto's evaluator is None; and it puts strings into expressions without escaping them."""
    evaluator = _module("asl.jsonata.jsonata")

    def evaluate(expression: str) -> Any:
        from jsonata import Jsonata

        return Jsonata(expression).evaluate(None)

    def declare(bindings: dict[str, Any]) -> str:
        return "".join(f"{name}:={evaluator.to_json_str(value)};" for name, value in bindings.items())

    def text_of(parser_rule_context: Any) -> str | None:
        text: str = parser_rule_context.getText()
        if text.startswith('"'):
            return str(json.loads(text))
        return None if text == "null" else text

    parser = _module("asl.parse.preprocessor").Preprocessor
    replace(parser, "_inner_string_of", staticmethod(text_of), parameters="parser_rule_context")
    swap(evaluator, "_eval_jsonata", evaluate, expected=None)
    original = evaluator.encode_jsonata_variable_declarations
    for name in ("asl.eval.states", "asl.eval.variable_store"):
        swap(_module(name), "encode_jsonata_variable_declarations", declare, expected=original)


def _install_states(host: Host) -> None:
    """Tell of each state's end and of each failed try."""
    story = host.story

    def add_event(
        manager: Any,
        context: Any,
        event_type: Any,
        event_details: Any = None,
        timestamp: Any = None,
        update_source_event_id: bool = True,
    ) -> int:
        kind, state = str(getattr(event_type, "value", event_type)), STATE.get()
        if kind.endswith("StateEntered"):
            name = event_details["stateEnteredEventDetails"]["name"]
            STATE.set(State(MACHINE.get(), name, host.clock.moment()))
        elif state is not None and kind.endswith("StateExited"):
            span_s = host.clock.now_s() - state.began.at_s
            attempt = state.failures + 1
            story.tell("state", state.machine, attempt=attempt, began=state.began, span_s=span_s, ids=[state.name])
        elif state is not None and kind in ("TaskFailed", "LambdaFunctionFailed", "TaskTimedOut"):
            state.failures += 1
            details: dict[str, str] = next(iter((event_details or {}).values()), {})
            reason = f"{details.get('error', '')}: {details.get('cause', '')}"
            status = "timeout" if kind == "TaskTimedOut" else "error"
            story.tell("state", state.machine, status=status, attempt=state.failures, reason=reason, ids=[state.name])
        return int(original(manager, context, event_type, event_details, timestamp, update_source_event_id))

    original = replace(
        _module("asl.eval.event.event_manager").EventManager,
        "add_event",
        add_event,
        parameters="self context event_type event_details timestamp update_source_event_id",
    )
