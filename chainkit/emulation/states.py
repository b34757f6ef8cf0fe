"""Route: Step Functions, Standard and Express, with their tasks.

Kept from AWS [aws-semantics 5]: the interpreter is moto's; repaired are real handlers behind tasks, Wait and Retry on
the clock, JSONata, StartSyncExecution, executions without a name. Ignored: limits of rate, history and running time.
The interpreter is slow to import: it is loaded, and repaired, when first asked for.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
import threading
import uuid
from importlib import import_module
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.stepfunctions import responses
from moto.stepfunctions.responses import StepFunctionResponse

from chainkit.emulation import interpreter
from chainkit.emulation.patching import replace
from chainkit.emulation.story import ROOTS

if TYPE_CHECKING:
    from chainkit.emulation.host import Host


def install(host: Host) -> None:
    """Repair the interpreter when somebody first asks for it, and answer StartSyncExecution."""
    lock = threading.Lock()
    is_ready: list[bool] = []

    def get_backend(account: str, region: str) -> Any:
        with lock:
            if not is_ready:
                _repair(host)
                is_ready.append(True)
        return original(account, region)

    def start_sync_execution(response: StepFunctionResponse) -> ActionResult:
        arn, name = response._get_param("stateMachineArn"), response._get_param("name")
        return ActionResult(run_sync(host, arn, name, response._get_param("input", if_none="{}")))

    original = replace(responses, "get_backend", get_backend, parameters="account region")
    StepFunctionResponse.start_sync_execution = start_sync_execution  # type: ignore[attr-defined]  # moto has none


def run_sync(host: Host, arn: str, name: str | None, text: str) -> dict[str, Any]:
    """Run an Express state machine in this thread and return AWS's answer."""
    backend = responses.get_backend(*arn.split(":")[4:2:-1])
    from moto.stepfunctions.parser.api import StateMachineType, StateMachineTypeNotSupported
    from moto.stepfunctions.parser.backend.execution import SyncExecution

    machine = backend.describe_state_machine(arn)
    if machine.type != "EXPRESS":
        raise StateMachineTypeNotSupported(message="This operation is not supported by this type of state machine")
    name = name or str(uuid.uuid4())
    execution = SyncExecution(
        name=name,
        sm_type=StateMachineType.EXPRESS,
        role_arn=machine.roleArn,
        exec_arn=arn.replace(":stateMachine:", ":express:") + f":{name}:{uuid.uuid4()}",
        account_id=backend.account_id,
        region_name=backend.region_name,
        state_machine=_snapshot(machine),
        start_date=dt.datetime.fromtimestamp(host.clock.now_s(), dt.UTC),
        cloud_watch_logging_session=None,
        activity_store={},
        input_data=text,
    )
    host.story.open(ROOTS.get())  # such a worker starts by itself, and is closed like the others
    execution.start()
    return dict(execution.to_start_sync_execution_output())


def _snapshot(machine: Any) -> Any:
    """Return a copy that later updates do not change; executions and backend hold locks and stay shared."""
    return copy.deepcopy(machine, {id(machine.executions): [], id(machine.backend): machine.backend})


def _repair(host: Host) -> None:
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend

    interpreter.install(host)
    _install_executions(host)
    _install_nested()

    def start_execution(
        backend: Any,
        state_machine_arn: str,
        name: str | None = None,
        execution_input: str | None = None,
        trace_header: str | None = None,
    ) -> Any:
        # moto calls an execution without a name "None", and refuses the second of that name
        return original(backend, state_machine_arn, name or str(uuid.uuid4()), execution_input, trace_header)

    original = replace(
        StepFunctionsParserBackend,
        "start_execution",
        start_execution,
        parameters="self state_machine_arn name execution_input trace_header",
    )


def _install_executions(host: Host) -> None:
    """Let an execution be in flight from its start to its end, and tell of the end."""
    from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

    def start(worker: Any) -> None:
        host.story.open(ROOTS.get())
        original_start(worker)

    def run(worker: Any) -> None:
        began, execution = host.clock.moment(), worker._execution_communication.execution
        interpreter.MACHINE.set(execution.state_machine.arn)
        try:
            original_run(worker)
        finally:
            status = str(getattr(execution.exec_status, "value", execution.exec_status))
            host.story.tell(
                "execution",
                execution.state_machine.arn,
                status={"SUCCEEDED": "ok", "TIMED_OUT": "timeout"}.get(status, "error"),
                reason=f"{execution.error}: {execution.cause}" if execution.error else "",
                began=began,
                span_s=host.clock.now_s() - began.at_s,
                ids=[execution.exec_arn],
            )
            host.story.close(ROOTS.get())

    original_start = replace(ExecutionWorker, "start", start, parameters="self")
    original_run = replace(ExecutionWorker, "_execution_logic", run, parameters="self")


def _install_nested() -> None:
    """Let a task start another state machine: moto sends and reads the API's names in the wrong case."""
    services = "moto.stepfunctions.parser.asl.component.state.exec.state_task.service."
    _install_cases(import_module(services + "state_task_service_sfn").StateTaskServiceSfn)
    _install_cases(import_module(services + "state_task_service_aws_sdk").StateTaskServiceAwsSdk)


def _install_cases(cls: Any) -> None:
    """Let tasks of a class call Step Functions as its API has the names, and see them as a task does."""

    def call(
        task: Any, env: Any, resource_runtime_part: Any, normalised_parameters: dict[str, Any], state_credentials: Any
    ) -> None:
        if _is_ours(task):
            normalised_parameters = {
                name[0].lower() + name[1:]: json.dumps(value) if isinstance(value, dict | list) else value
                for name, value in normalised_parameters.items()
            }
        original_call(task, env, resource_runtime_part, normalised_parameters, state_credentials)

    def raise_case(
        task: Any, response: Any, boto_service_name: str | None = None, service_action_name: str | None = None
    ) -> None:
        if isinstance(response, dict) and _is_ours(task):
            for name in list(response):
                value = response.pop(name)
                is_time = isinstance(value, dt.datetime)
                response[name[0].upper() + name[1:]] = int(value.timestamp() * 1000) if is_time else value

    original_call = replace(
        cls,
        "_eval_service_task",
        call,
        parameters="self env resource_runtime_part normalised_parameters state_credentials",
    )
    replace(cls, "_normalise_response", raise_case, parameters="self response boto_service_name service_action_name")


def _is_ours(task: Any) -> bool:
    """Tell whether a task calls Step Functions."""
    return bool(task.resource.service_name == "states" or task.resource.api_name == "sfn")
