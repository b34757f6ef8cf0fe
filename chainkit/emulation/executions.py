"""Step Functions: executions as their API shows them, from StartExecution to their history.

Kept from AWS: executions without a name, of versions and aliases; the definition that an execution began with; errors
of a stopped one; times and empty outputs of every end; pages and order of histories; logs of executions, where the
state machine has them. Not kept: an Express execution can be described, as if it were Standard. Refused:
RedriveExecution.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
import random
import uuid
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult

from chainkit.emulation.patching import patch
from chainkit.emulation.runs import RUN, Run
from chainkit.emulation.story import ROOTS

if TYPE_CHECKING:
    from chainkit.emulation.host import Host

_BACKEND = "stepfunctions.parser.models:StepFunctionsParserBackend"
_ANSWERS = "stepfunctions.responses:StepFunctionResponse"
_PAGE = 1000
"""Events in a page of a history, at most and by default (API reference, GetExecutionHistory, 2026)."""


def install(_host: Host) -> None:
    """Repair what the API says of executions."""
    _install_stop()
    _install_answers()
    _install_history()


def repair(host: Host) -> None:
    """Repair how executions start, and tell of their ends."""
    _repair_start(host)
    _repair_run(host)
    _repair_logs()


def machine_at(backend: Any, arn: str) -> Any:
    """Return the state machine at an ARN: itself, a version of it, or the version that an alias chooses."""
    alias = arn.rpartition(":")[2]
    if len(arn.split(":")) > 7 and not alias.isnumeric():
        ways = backend.describe_state_machine_alias(arn).routing_configuration
        chosen = random.choices(ways, weights=[way["weight"] for way in ways])  # as AWS: at random, by weight
        return backend.describe_state_machine(chosen[0]["stateMachineVersionArn"])
    return backend.describe_state_machine(arn)


def made(host: Host, backend: Any, kind: Any, machine: Any, *, name: str, exec_arn: str, text: str) -> Any:
    """Return an execution, not started, of the definition that `machine` has now."""
    from moto.stepfunctions.parser.api import InvalidExecutionInput, StateMachineType

    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidExecutionInput(message=f"Invalid State Machine Execution Input: '{error}'") from None
    # later updates do not change the copy; executions and backend hold locks and stay shared
    shared = {id(part): part for part in (getattr(machine, "backend", None), machine.executions) if part is not None}
    return kind(
        name=name,
        sm_type=StateMachineType(machine.type),
        role_arn=machine.roleArn,
        exec_arn=exec_arn,
        account_id=backend.account_id,
        region_name=backend.region_name,
        state_machine=copy.deepcopy(machine, shared),
        start_date=dt.datetime.fromtimestamp(host.clock.now_s(), dt.UTC),
        cloud_watch_logging_session=_session(machine, exec_arn),
        activity_store=host.activities.of(backend),
        input_data=text,
    )


def _session(machine: Any, exec_arn: str) -> Any:
    """Return what writes an execution's history to its log group, or None."""
    from moto.stepfunctions.parser.asl.eval.event import logging

    configuration: Any = {"includeExecutionData": False, **machine.loggingConfiguration}
    settings = logging.CloudWatchLoggingConfiguration.from_logging_configuration(machine.arn, configuration)
    return logging.CloudWatchLoggingSession(exec_arn, settings) if settings else None


def _repair_start(host: Host) -> None:
    from moto.stepfunctions.parser.backend.execution import Execution

    def start_execution(
        backend: Any,
        state_machine_arn: str,
        name: str | None = None,
        execution_input: str | None = None,
        trace_header: str | None = None,
    ) -> Any:
        machine, name, text = machine_at(backend, state_machine_arn), name or str(uuid.uuid4()), execution_input or "{}"
        backend._validate_name(name)
        holder = backend.describe_state_machine(getattr(machine, "source_arn", machine.arn))
        if (known := holder._handle_name_input_idempotency(name, text)) is not None:
            return known
        exec_arn = f"{holder.arn.replace(':stateMachine:', ':execution:')}:{name}"
        execution = made(host, backend, Execution, machine, name=name, exec_arn=exec_arn, text=text)
        execution.trace_header = trace_header
        execution.state_machine_arn = holder.arn
        holder.executions.append(execution)
        execution.start()
        return execution

    patch(f"{_BACKEND}.start_execution", start_execution)


def _repair_run(host: Host) -> None:
    """Let an execution be in flight from its start to its end, and tell of the end."""

    def start(worker: Any) -> None:
        host.story.open(ROOTS.get())
        original_start(worker)

    def run(worker: Any) -> None:
        began, execution = host.clock.moment(), worker._execution_communication.execution
        worker.run = now = Run(host.clock, execution.state_machine.arn, json.loads(execution.state_machine.definition))
        token = RUN.set(now)
        try:
            original_run(worker)
            if now.program is not None:
                now.program.join()  # it may still write the last event
            state = worker.env.program_state()
            if execution.status == "ABORTED":
                execution.error, execution.cause = state.error, state.cause
        finally:
            RUN.reset(token)
            _tell_end(host, execution, began)
            now.ended.set()
            host.ends.tell()

    place = "stepfunctions.parser.backend.execution_worker:ExecutionWorker"
    original_start = patch(f"{place}.start", start)
    original_run = patch(f"{place}._execution_logic", run)


def _tell_end(host: Host, execution: Any, began: Any) -> None:
    status = {"SUCCEEDED": "ok", "TIMED_OUT": "timeout"}.get(execution.status, "error")
    host.story.tell(
        "execution",
        execution.state_machine.arn,
        status=status,
        reason=f"{execution.error}: {execution.cause}" if execution.error else "",
        began=began,
        span_s=host.clock.now_s() - began.at_s,
        ids=[execution.exec_arn],
    )
    host.story.close(ROOTS.get())


def _install_stop() -> None:
    def stop_execution(response: Any) -> ActionResult:
        backend = response.stepfunction_backend
        execution = backend.describe_execution(response._get_param("executionArn"))
        run = getattr(execution.exec_worker, "run", None)
        if execution.status == "RUNNING" and run is not None:
            run.began.wait()
            error, cause = response._get_param("error"), response._get_param("cause")
            execution.stop(stop_date=None, error=error, cause=cause)
            run.end()
            run.ended.wait()
        return ActionResult({"stopDate": execution.stop_date})

    patch(f"{_ANSWERS}.stop_execution", stop_execution)


def _install_answers() -> None:
    """Describe executions that have timed out, or that ended with null, and the definitions they began with."""

    def describe(response: Any) -> ActionResult:
        answer: Any = original_describe(response)
        execution = response.stepfunction_backend.describe_execution(response._get_param("executionArn"))
        if execution.status != "RUNNING":
            answer.result["stopDate"] = execution.stop_date
        if execution.status == "SUCCEEDED":
            answer.result["output"] = json.dumps(execution.output)
        if execution.trace_header:
            answer.result["traceHeader"] = execution.trace_header
        return answer  # type: ignore[no-any-return]

    def list_executions(response: Any) -> ActionResult:
        answer: Any = original_list(response)
        for row in answer.result["executions"]:
            if row["status"] == "TIMED_OUT":
                row["stopDate"] = response.stepfunction_backend.describe_execution(row["executionArn"]).stop_date
        return answer  # type: ignore[no-any-return]

    def describe_machine(response: Any) -> ActionResult:
        execution = response.stepfunction_backend.describe_execution(response._get_param("executionArn"))
        machine = execution.state_machine
        return ActionResult(
            {
                "stateMachineArn": execution.state_machine_arn,
                "name": machine.name,
                "definition": machine.definition,
                "roleArn": machine.roleArn,
                "updateDate": machine.update_date,
                "loggingConfiguration": machine.loggingConfiguration,
                "tracingConfiguration": machine.tracingConfiguration,
                "encryptionConfiguration": machine.encryptionConfiguration,
            }
        )

    original_describe = patch(f"{_ANSWERS}.describe_execution", describe)
    original_list = patch(f"{_ANSWERS}.list_executions", list_executions)
    patch(f"{_ANSWERS}.describe_state_machine_for_execution", describe_machine)


def _install_history() -> None:
    def get_execution_history(response: Any) -> ActionResult:
        history: Any = original(response)
        events = list(history.result["events"])
        if response._get_param("reverseOrder"):
            events.reverse()
        if response._get_param("includeExecutionData") is False:
            events = [_without_data(event) for event in events]
        first = int(response._get_param("nextToken") or 0)
        end = first + (response._get_param("maxResults") or _PAGE)
        token = {"nextToken": str(end)} if end < len(events) else {}
        return ActionResult({"events": events[first:end], **token})

    original = patch(f"{_ANSWERS}.get_execution_history", get_execution_history)


def _without_data(event: dict[str, Any]) -> dict[str, Any]:
    return {
        key: {name: part for name, part in value.items() if name not in ("input", "output")}
        if isinstance(value, dict)
        else value
        for key, value in event.items()
    }


def _repair_logs() -> None:
    def publish(session: Any, history_log: dict[str, Any]) -> None:
        settings = session.configuration
        group, stream, logs = settings.log_group_name, settings.log_stream_name, session._logs_client
        if group not in logs.groups:
            return  # as on AWS, an execution does not fail for its logs
        if stream not in logs.groups[group].streams:
            logs.create_log_stream(group, stream)
        at = dt.datetime.fromisoformat(history_log["event_timestamp"])
        timestamp_ms = int(at.timestamp() * 1000)
        line = {**history_log, "event_timestamp": str(timestamp_ms), "type": history_log["type"].value}
        logs.put_log_events(group, stream, [{"timestamp": timestamp_ms, "message": json.dumps(line)}])

    place = "stepfunctions.parser.asl.eval.event.logging:CloudWatchLoggingSession.publish_history_log"
    patch(place, publish)
