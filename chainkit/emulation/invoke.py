"""One run of a function: the core that every route ends in.

Kept from AWS: errors by the exception's own name, timeouts that kill the environment, reserved concurrency, log group
and stream with START, END and REPORT. Ignored: the account's concurrency limit.
"""

from __future__ import annotations

import math
import platform
import sys
import threading
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any

from moto.awslambda.utils import get_backend

from chainkit.emulation.environments import (
    Environment,
    Outcome,
    OutOfMemoryError,
    Pool,
    Spec,
    WorkerGoneError,
    refused_variables,
)
from chainkit.emulation.faulting import LIMITS, Faulting, Injected
from chainkit.emulation.story import ROOTS, Story

if TYPE_CHECKING:
    from moto.awslambda.models import LambdaFunction

    from chainkit.emulation.clock import Clock
    from chainkit.emulation.metrics import Metrics

SYNC_LIMIT_BYTES = 6 * 2**20
"""[aws-semantics 1, "sync 6 MB each way"]"""

RESPONSE_LIMIT_BYTES = 6_291_556
"""The figure in AWS's own refusal of a response: 100 bytes more than a request may have."""

LOG_FORMAT = "_chainkit_log_format"
"""What functions.py writes on moto's functions: the format of LoggingConfig."""

_SIGNALS = {6: "aborted", 9: "killed", 11: "segmentation fault", 15: "terminated"}
"""In the words of Lambda's own log."""


class Invoker:
    """Runs functions, one environment each, within their reserved concurrency."""

    def __init__(self, clock: Clock, story: Story, pool: Pool, metrics: Metrics) -> None:
        self._metrics = metrics
        self._clock = clock
        self._story = story
        self._pool = pool
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()
        self.faults = Faulting()
        self._logs_lock = threading.RLock()  # a log group's subscription may invoke from inside

    def invoke(
        self,
        function: LambdaFunction,
        payload: str,
        *,
        attempt: int = 1,
        arn: str = "",
        request_id: str = "",
        client_context: str = "",
    ) -> Outcome:
        """Run `function` once, for the requests that this thread works for, and return how it went.

        `arn` is what it was invoked as, if that names an alias or a version; `request_id` its id, if it has one, as
        all attempts at an event have the same; `client_context` the caller's, as JSON.
        """
        request_id, began = request_id or str(uuid.uuid4()), self._clock.moment()
        own_arn = unqualified(function)
        with self.faults.injected(own_arn, ROOTS.get()) as injected:
            at_once = 0 if injected.is_throttled else self._take(function, own_arn)
            if at_once:
                try:
                    with self._clock.running():
                        outcome = self._run(
                            function,
                            payload,
                            request_id,
                            attempt,
                            arn or function.function_arn,
                            injected,
                            client_context,
                        )
                finally:
                    with self._lock:
                        self._busy[own_arn] -= 1
            else:
                reason = "injected: throttle" if injected.is_throttled or own_arn in LIMITS else "Rate Exceeded."
                outcome = Outcome("throttled", "", "TooManyRequestsException", reason, request_id)
        self._metrics.invocation(function.function_name, outcome, at_once)
        self._story.tell(
            "invocation",
            function.function_arn,
            status=outcome.status,
            attempt=attempt,
            reason=outcome.reason,
            began=began,
            span_s=self._clock.now_s() - began.at_s,
            ids=[request_id],
            logs=outcome.logs,
        )
        return outcome

    def _take(self, function: LambdaFunction, arn: str) -> int:
        """Return how many of the function run now, this one included; 0 if it may not."""
        reserved = reserved_concurrency(function)
        with self._lock:
            if reserved is not None and self._busy[arn] >= reserved:
                return 0
            self._busy[arn] += 1
            return self._busy[arn]

    def _run(
        self,
        function: LambdaFunction,
        payload: str,
        request_id: str,
        attempt: int,
        arn: str,
        injected: Injected,
        client_context: str,
    ) -> Outcome:
        began = self._clock.moment()
        if not (function.run_time or "python").startswith("python"):
            text = f"chainkit runs Python on this machine, and {function.function_name} asks for {function.run_time}"
            return Outcome.of_error({"errorType": "Runtime.Unsupported", "errorMessage": text}, request_id)
        try:
            environment, is_new = self._pool.acquire(spec_of(function))
        except WorkerGoneError as error:
            return Outcome.of_error({"errorType": "Runtime.ExitError", "errorMessage": str(error)}, request_id)
        init_s, broken, notes = None, None, []
        if is_new:
            try:
                init_s, broken = environment.initialise()
            except TimeoutError:
                broken = {
                    "errorType": "Sandbox.Timedout",
                    "errorMessage": f"RequestId: {request_id} Error: init timed out",
                }
            except WorkerGoneError as error:
                broken = {"errorType": "Runtime.ExitError", "errorMessage": _exit_message(environment, request_id)}
                notes += _memory_notes(error)
            notes = runtime_notes(function) + notes
            status = "error" if broken else "ok"
            reason = broken["errorType"] if broken else "; ".join(notes)
            self._story.tell(
                "init", function.function_arn, status=status, attempt=attempt, reason=reason, began=began, span_s=init_s
            )
        if broken:
            outcome = Outcome.of_error(broken, request_id)
        else:
            trace = self._story.header_for(ROOTS.get()) + injected.orders
            outcome = self._call(environment, payload, request_id, trace, arn, injected, client_context)
        outcome.init_s = init_s
        is_ended = not broken and outcome.status != "timeout"
        outcome.logs = notes + environment.output.take(request_id, is_ended=is_ended) + outcome.logs
        self._write_logs(function, environment, outcome)
        is_usable = not broken and outcome.status != "timeout" and outcome.error_type != "Runtime.ExitError"
        (self._pool.release if is_usable else self._pool.discard)(environment)
        return outcome

    def _call(
        self,
        environment: Environment,
        payload: str,
        request_id: str,
        trace: str,
        arn: str,
        injected: Injected,
        client_context: str,
    ) -> Outcome:
        began_s = self._clock.now_s()
        try:
            with injected.late(self._clock, environment.spec.timeout_s):
                reply = environment.call(request_id, payload, trace, arn, client_context)
        except TimeoutError:
            text = f"Task timed out after {environment.spec.timeout_s:.2f} seconds"
            outcome = Outcome.of_error(
                {"errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {request_id} Error: {text}"},
                request_id,
                status="timeout",
            )
            outcome.reason = text
        except WorkerGoneError as error:
            message = _exit_message(environment, request_id)
            outcome = Outcome.of_error({"errorType": "Runtime.ExitError", "errorMessage": message}, request_id)
            outcome.logs = [f"{message}", *_memory_notes(error), "Runtime.ExitError"]
            if isinstance(error, OutOfMemoryError):
                outcome.reason += f"; {error}"
                outcome.memory_mb = environment.spec.memory_mb
        else:
            outcome = injected.after(_outcome_of(reply, request_id))
        outcome.duration_s = self._clock.now_s() - began_s
        return outcome

    def _write_logs(self, function: LambdaFunction, environment: Environment, outcome: Outcome) -> None:
        """Frame the lines as Lambda does and put them into the function's log group."""
        request_id, spec = outcome.request_id, environment.spec
        if outcome.status == "timeout":
            outcome.logs.append(f"{request_id} {outcome.reason}")
        outcome.logs = [
            f"START RequestId: {request_id} Version: {spec.version}",
            *outcome.logs,
            f"END RequestId: {request_id}",
            report_line(outcome, spec.memory_mb),
        ]
        times_ms = _times_ms(outcome, self._clock.now_s())
        with self._logs_lock:
            backend, group = function.logs_backend, function.logs_group_name
            if group not in backend.groups and not _is_there(function):
                return  # deleted while it ran, and its group after it: nothing is to come back
            backend.ensure_log_group(group)
            if environment.stream not in backend.groups[group].streams:
                backend.create_log_stream(group, environment.stream)
            told = zip(times_ms, outcome.logs, strict=True)
            lines = [{"timestamp": time_ms, "message": line} for time_ms, line in told]
            backend.put_log_events(group, environment.stream, lines)


def _is_there(function: LambdaFunction) -> bool:
    """Tell whether a function has not been deleted."""
    names = (each.function_name for each in get_backend(function.account_id, function.region).list_functions())
    return function.function_name in names


def _times_ms(outcome: Outcome, ended_s: float) -> list[int]:
    """Return when each line of an invocation was written, the last two at its end: milliseconds since 1970."""
    times_s = [ended_s - outcome.duration_s]
    for line in outcome.logs[1:-2]:
        times_s.append(min(max(times_s[-1], getattr(line, "at_s", 0.0)), ended_s))
    return [int(time_s * 1000) for time_s in (*times_s, ended_s, ended_s)]


def report_line(outcome: Outcome, memory_mb: int) -> str:
    """Return the REPORT line of an invocation; init time is billed since 2025-08 [aws-semantics 0.7]."""
    init_s = outcome.init_s or 0.0
    parts = [
        f"REPORT RequestId: {outcome.request_id}",
        f"Duration: {outcome.duration_s * 1000:.2f} ms",
        f"Billed Duration: {math.ceil((outcome.duration_s + init_s) * 1000)} ms",
        f"Memory Size: {memory_mb} MB",
        f"Max Memory Used: {math.ceil(outcome.memory_mb)} MB",
    ]
    if outcome.init_s is not None:
        parts.append(f"Init Duration: {init_s * 1000:.2f} ms")
    if outcome.status == "timeout":
        parts.append("Status: timeout")
    return "\t".join(parts) + "\t"


def spec_of(function: LambdaFunction) -> Spec:
    """Return what an environment for `function` needs."""
    backend = get_backend(function.account_id, function.region)
    layers = [backend.layers_versions_by_arn(layer["Arn"]) for layer in function.layers]
    return Spec(
        arn=unqualified(function),
        name=function.function_name,
        version=str(function.version),
        handler=function.handler or "",
        runtime=function.run_time or "",
        timeout_s=float(function.timeout),
        memory_mb=int(function.memory_size),
        region=function.region,
        variables=tuple(sorted(function.environment_vars.items())),
        code_sha=function.code_sha_256,
        code=function.code_bytes,
        layers=tuple(layer.code_bytes for layer in layers if layer),
    )


def unqualified(function: LambdaFunction) -> str:
    """Return the function's ARN without a version."""
    return ":".join(function.function_arn.split(":")[:7])


def reserved_concurrency(function: LambdaFunction) -> int | None:
    """Return the reserved concurrency of the function, whichever version is invoked."""
    latest = get_backend(function.account_id, function.region).get_function(function.function_name)
    limits = (latest.reserved_concurrency, LIMITS.get(unqualified(function)))
    return min((int(limit) for limit in limits if limit is not None), default=None)


def runtime_notes(function: LambdaFunction) -> list[str]:
    """Return warnings of what differs here from what the function asks for."""
    name, notes = function.function_name, []
    host = "python" + ".".join(platform.python_version_tuple()[:2])
    if function.run_time not in (host, None):
        notes.append(f"[WARNING] chainkit: {name} asks for {function.run_time}, this host runs {host}")
    if refused := refused_variables(function.environment_vars):
        notes.append(f"[WARNING] chainkit: {name} does not get {', '.join(refused)}: its calls go to this emulator")
    if getattr(function, LOG_FORMAT, "Text") != "Text":
        notes.append(f"[WARNING] chainkit: {name} asks for logs in JSON, and has them as text here")
    if sys.platform == "win32":
        notes.append(f"[WARNING] chainkit: the {function.memory_size} MB of {name} are no limit on this system")
    return notes


def _memory_notes(error: WorkerGoneError) -> list[str]:
    """Return the line that tells of too little memory, which AWS's own words do not."""
    return [f"[WARNING] chainkit: out of memory: {error}"] if isinstance(error, OutOfMemoryError) else []


def _exit_message(environment: Environment, request_id: str) -> str:
    code = environment.exit_code()
    text = f"exit status {code}" if code is None or code >= 0 else f"signal: {_SIGNALS.get(-code, str(-code))}"
    return f"RequestId: {request_id} Error: Runtime exited with error: {text}"


def _outcome_of(reply: dict[str, Any], request_id: str) -> Outcome:
    if "error" in reply:
        outcome = Outcome.of_error(reply["error"], request_id)
    elif len(reply["payload"].encode()) > RESPONSE_LIMIT_BYTES:
        text = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT_BYTES} bytes)."
        outcome = Outcome.of_error({"errorType": "Function.ResponseSizeTooLarge", "errorMessage": text}, request_id)
    else:
        outcome = Outcome(payload=reply["payload"], request_id=request_id)
    outcome.memory_mb = reply["memory_mb"]
    return outcome
