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
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from chainkit.emulation.clock import Event
from chainkit.emulation.definitions import in_words_of_moto
from chainkit.emulation.patching import patch
from chainkit.emulation.runs import RUN, STATE, ClockThread, Ended, LimitEvent, State

if TYPE_CHECKING:
    from types import ModuleType

    from chainkit.emulation.clock import Clock
    from chainkit.emulation.host import Host

_PARSER = "stepfunctions.parser."
_LOOK_S = 60.0
"""How long a task that waits for a job leaves it alone, unless an execution ends."""
_TERMINAL = ("States.DataLimitExceeded", "States.Runtime")
THREADING = (
    "asl.component.program.program",
    "asl.component.state.exec.state_map.iteration.inline_iteration_component",
    "asl.component.state.exec.state_map.iteration.job",
    "asl.component.state.exec.state_task.service.state_task_service_callback",
    "asl.component.state.exec.state_parallel.branch_worker",
    "asl.component.state.exec.state_parallel.branches_decl",
    "asl.component.state.exec.execute_state",
    "asl.eval.environment",
)
DATETIME = (
    "asl.component.state.state",
    "asl.component.state.wait.wait_function.timestamp",
    "asl.eval.event.event_manager",
    "backend.execution",
)


def repair(host: Host) -> None:
    """Put the interpreter on the clock, join its calls to the requests, give it JSONata."""
    clock = host.clock
    thread, event = partial(ClockThread, clock), partial(LimitEvent, clock)
    for name in THREADING:
        patch(f"{_PARSER}{name}:threading", _overlay(threading, Thread=thread, Event=event))
    patch(f"{_PARSER}asl.component.state.exec.execute_state:Thread", thread)
    patch(f"{_PARSER}backend.execution_worker:Thread", thread)
    patch(f"{_PARSER}asl.eval.callback.callback:Event", event)
    for name in DATETIME:
        patch(f"{_PARSER}{name}:datetime", _overlay(dt, datetime=_datetime_on(clock)))
    _repair_ends()
    _repair_waits(host)
    _repair_clients(host)
    _repair_grammar()
    _repair_handlers()
    _repair_paths()
    _repair_jsonata()
    _repair_states(host)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"moto.{_PARSER}{name}")


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


def _repair_ends() -> None:
    """Let an execution that is stopped, or has run out of time, end at once, and write so as the last event."""

    def eval_body(program: Any, env: Any) -> None:
        try:
            original_body(program, env)
        except Ended:
            if env.is_frame():
                raise
            original_body(program, env)  # runs no state now, and writes the last event

    def set_timed_out(env: Any) -> None:
        original_timed_out(env)
        run = RUN.get()
        if run is not None and not env.is_frame():
            run.end()

    original_body = patch(f"{_PARSER}asl.component.program.program:Program._eval_body", eval_body)
    original_timed_out = patch(f"{_PARSER}asl.eval.environment:Environment.set_timed_out", set_timed_out)


def _repair_waits(host: Host) -> None:
    clock = host.clock

    def wait_interval(_wait: Any, env: Any, wait_seconds: float) -> None:
        until_s = clock.now_s() + wait_seconds
        while env.is_running() and (left_s := until_s - clock.now_s()) > 0:
            Event.wait(env.program_state_event, left_s)

    def wait_before_retry(duration_s: float) -> None:
        state = STATE.get()
        if state is not None:
            host.story.tell("retry wait", state.machine, attempt=state.failures, span_s=duration_s, ids=[state.name])
        Event.wait(LimitEvent(clock), duration_s)

    def wait_between_looks(_duration_s: float) -> None:
        host.ends.wait(clock, _LOOK_S)

    patch(f"{_PARSER}asl.component.state.wait.wait_function.wait_function:WaitFunction._wait_interval", wait_interval)
    patch(f"{_PARSER}asl.component.common.retry.retrier_decl:time", _overlay(time, sleep=wait_before_retry))
    service = "asl.component.state.exec.state_task.service.state_task_service_callback"
    patch(f"{_PARSER}{service}:time", _overlay(time, sleep=wait_between_looks))


def _repair_clients(host: Host) -> None:
    """Let the interpreter call services with our clients, not with a new one at localhost for each call."""

    def client(*, service_name: str, region_name: str, **_: Any) -> Any:
        return host.clients.get(service_name, region_name)

    patch(f"{_PARSER}asl.utils.boto_client:boto3", SimpleNamespace(client=client))


def _repair_grammar() -> None:
    """Read definitions with what moto's grammar lacks, and let a Choice without a match fail by its name."""

    def parse(definition: str) -> Any:
        try:
            machine = json.loads(definition)
        except json.JSONDecodeError:
            return original_parse(definition)  # its error says where
        return original_parse(json.dumps(in_words_of_moto(machine)) if isinstance(machine, dict) else definition)

    def choose(choice: Any, env: Any) -> None:
        try:
            original_choose(choice, env)
        except RuntimeError as error:
            if choice.default_state is None:
                cause = f"No choice rule matched in state '{choice.name}', and it has no Default."
                raise failure(env, "States.NoChoiceMatched", cause) from error
            raise

    parse_place = f"{_PARSER}asl.parse.asl_parser:AmazonStateLanguageParser.parse"
    original_parse = patch(parse_place, staticmethod(parse))
    original_choose = patch(f"{_PARSER}asl.component.state.choice.state_choice:StateChoice._eval_state", choose)


def _repair_handlers() -> None:
    """Let Retry and Catch know a missing heartbeat by its name, and States.ALL what it does not match.

    Source: docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html (2026-11).
    """

    def matches(handler: Any, env: Any) -> None:
        error, names = env.stack[-1], {name.error_name for name in handler.error_names}
        if "States.HeartbeatTimeout" in names and getattr(error, "is_heartbeat", False):
            env.stack[-1] = True
        elif "States.ALL" in names and getattr(error, "error_name", None) in _TERMINAL:
            env.stack[-1] = False
        else:
            original_matches(handler, env)

    for kind in ("state_task:StateTask", "state_task_activitiy:StateTaskActivity"):
        _mark_heartbeats(f"{_PARSER}asl.component.state.exec.state_task.{kind}._from_error")
    place = f"{_PARSER}asl.component.common.error_name.error_equals_decl:ErrorEqualsDecl._eval_body"
    original_matches = patch(place, matches)


def _repair_paths() -> None:
    """Let the task that names a function fail as others do where a path leads nowhere: moto calls it "Exception"."""

    def from_error(task: Any, env: Any, ex: Exception) -> Any:
        if type(ex).__name__ == "NoSuchJsonPathError":
            return failure(env, "States.Runtime", str(ex), "TaskFailed").failure_event
        return original(task, env, ex)

    original = patch(
        f"{_PARSER}asl.component.state.exec.state_task.state_task_lambda:StateTaskLambda._from_error", from_error
    )


def _mark_heartbeats(place: str) -> None:
    """Let the error of a state tell that a heartbeat is missing."""

    def from_error(task: Any, env: Any, ex: Exception) -> Any:
        event = original(task, env, ex)
        event.error_name.is_heartbeat = type(ex).__name__ == "HeartbeatTimeoutError"
        return event

    original = patch(place, from_error)


def failure(env: Any, error: str, cause: str, kind: str = "ExecutionFailed") -> Any:
    """Return what the interpreter raises for a state that fails with `error`."""
    names = "asl.component.common.error_name."
    events, types = _module(f"{names}failure_event"), _module(f"{names}states_error_name_type")
    event = events.FailureEvent(
        env=env,
        error_name=_module(f"{names}states_error_name").StatesErrorName(typ=types.StatesErrorNameType.from_name(error)),
        event_type=_module("api").HistoryEventType(kind),
        event_details={f"{kind[0].lower()}{kind[1:]}EventDetails": {"error": error, "cause": cause}},
    )
    return events.FailureEventException(failure_event=event)


def _repair_jsonata() -> None:
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

    patch(f"{_PARSER}asl.parse.preprocessor:Preprocessor._inner_string_of", staticmethod(text_of))
    patch(f"{_PARSER}asl.jsonata.jsonata:_eval_jsonata", evaluate)
    patch(f"{_PARSER}asl.eval.variable_store:encode_jsonata_variable_declarations", declare)


def _repair_states(host: Host) -> None:
    """Tell of each state's end and of each failed try."""

    def add_event(
        manager: Any,
        context: Any,
        event_type: Any,
        event_details: Any = None,
        timestamp: Any = None,
        update_source_event_id: bool = True,
    ) -> int:
        kind, run = str(getattr(event_type, "value", event_type)), RUN.get()
        if run is not None and run.is_over and kind not in _LAST:
            return 0  # a task that still runs has nothing to say any more
        _tell(host, kind, next(iter((event_details or {}).values()), {}))
        number = int(original(manager, context, event_type, event_details, timestamp, update_source_event_id))
        if run is not None and kind == "ExecutionStarted":
            run.began.set()
        return number

    original = patch(f"{_PARSER}asl.eval.event.event_manager:EventManager.add_event", add_event)


_LAST = ("ExecutionAborted", "ExecutionTimedOut")
_FAILED_TRIES = (
    "TaskFailed",
    "LambdaFunctionFailed",
    "TaskTimedOut",
    "ActivityFailed",
    "ActivityTimedOut",
    "MapRunFailed",
)


def _tell(host: Host, kind: str, details: dict[str, Any]) -> None:
    """Put an event of an execution's history into the story, if it is one of a state's."""
    state, run, tell = STATE.get(), RUN.get(), host.story.tell
    if run is not None and kind.endswith("StateEntered"):
        state = State(run.machine, details["name"], host.clock.moment())
        STATE.set(state)
        if kind == "FailStateEntered":  # it has no other event
            tell("state", state.machine, status="error", ids=[state.name])
    elif state is not None and kind.endswith("StateExited"):
        span_s = host.clock.now_s() - state.began.at_s
        tell("state", state.machine, attempt=state.failures + 1, began=state.began, span_s=span_s, ids=[state.name])
    elif state is not None and kind in _FAILED_TRIES:
        state.failures += 1
        reason = f"{details.get('error', '')}: {details.get('cause', '')}"
        status = "timeout" if kind.endswith("TimedOut") else "error"
        tell("state", state.machine, status=status, attempt=state.failures, reason=reason, ids=[state.name])
