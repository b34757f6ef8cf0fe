"""Route: Step Functions, Standard and Express, with their tasks.

Kept from AWS [aws-semantics 5]: the interpreter is moto's; repaired are what the modules beside this one say, and here
StartSyncExecution and how tasks speak to Step Functions and S3. Ignored: limits of rate, history and running time.
The interpreter is slow to import: it is loaded, and repaired, when first asked for.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import threading
import uuid
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.stepfunctions import responses
from moto.stepfunctions.responses import StepFunctionResponse

from chainkit.emulation import callbacks, creation, executions, imports, interpreter, maps
from chainkit.emulation.patching import patch
from chainkit.emulation.story import ROOTS

if TYPE_CHECKING:
    from chainkit.emulation.host import Host

_SERVICES = "stepfunctions.parser.asl.component.state.exec.state_task.service"


def install(host: Host) -> None:
    """Repair the interpreter when somebody first asks for it, and answer StartSyncExecution."""
    lock = threading.Lock()
    is_ready: list[bool] = []

    def get_backend(account: str, region: str) -> Any:
        with lock:
            if not is_ready:
                repair(host)
                is_ready.append(True)
        return original(account, region)

    def start_sync_execution(response: StepFunctionResponse) -> ActionResult:
        arn, name = response._get_param("stateMachineArn"), response._get_param("name")
        return ActionResult(run_sync(host, arn, name, response._get_param("input", if_none="{}")))

    executions.install(host)
    callbacks.install(host)
    original = patch("stepfunctions.responses:get_backend", get_backend)
    patch("stepfunctions.responses:StepFunctionResponse.start_sync_execution", start_sync_execution)


def repair(host: Host) -> None:
    """Repair all of Step Functions; takes the time that the interpreter needs to be imported."""
    imports.import_inside("moto.batch", "utils")  # the interpreter wants one name of it, and it wants all of EC2
    for part in (interpreter, creation, executions, callbacks, maps):
        part.repair(host)
    for kind in ("sfn:StateTaskServiceSfn", "aws_sdk:StateTaskServiceAwsSdk"):
        _repair_cases(f"{_SERVICES}.state_task_service_{kind}")
    place = f"{_SERVICES}.state_task_service_aws_sdk:StateTaskServiceAwsSdk._normalise_service_error_name"
    patch(place, staticmethod(_error_prefix))


def run_sync(host: Host, arn: str, name: str | None, text: str) -> dict[str, Any]:
    """Run an Express state machine in this thread and return AWS's answer."""
    backend = responses.get_backend(*arn.split(":")[4:2:-1])
    from moto.stepfunctions.parser.api import StateMachineTypeNotSupported
    from moto.stepfunctions.parser.backend.execution import SyncExecution

    machine = executions.machine_at(backend, arn)
    if machine.type != "EXPRESS":
        raise StateMachineTypeNotSupported(message="This operation is not supported by this type of state machine")
    name = name or str(uuid.uuid4())
    exec_arn = f"{machine.arn.replace(':stateMachine:', ':express:')}:{name}:{uuid.uuid4()}"
    execution = executions.made(host, backend, SyncExecution, machine, name=name, exec_arn=exec_arn, text=text)
    host.story.open(ROOTS.get())  # such a worker starts by itself, and is closed like the others
    execution.start()
    answer = dict(execution.to_start_sync_execution_output())
    ran_s = (answer["stopDate"] - answer["startDate"]).total_seconds()
    billed_ms = 100 * math.ceil(ran_s * 10)  # what it holds in memory, the other half of a bill, is not measured
    return answer | {"billingDetails": {"billedDurationInMilliseconds": billed_ms}}


def _error_prefix(service_name: str) -> str:
    """Return how errors of a service begin: its name in the words of AWS's SDK for Java, as far as we know."""
    known = {"dynamodb": "DynamoDb", "eventbridge": "EventBridge", "cloudwatchlogs": "CloudWatchLogs"}
    return known.get(service_name.lower(), service_name[:1].upper() + service_name[1:])


def _repair_cases(place: str) -> None:
    """Let tasks call Step Functions as its API has the names, and see answers as a task does."""

    def call(
        task: Any, env: Any, resource_runtime_part: Any, normalised_parameters: dict[str, Any], state_credentials: Any
    ) -> None:
        if _is_ours(task):
            normalised_parameters = {
                name[0].lower() + name[1:]: json.dumps(value) if isinstance(value, dict | list) else value
                for name, value in normalised_parameters.items()
            }
        original_call(task, env, resource_runtime_part, normalised_parameters, state_credentials)

    def see(
        task: Any, response: Any, boto_service_name: str | None = None, service_action_name: str | None = None
    ) -> None:
        if not isinstance(response, dict):
            return
        for name in list(response):
            value = response.pop(name)
            response[name[0].upper() + name[1:] if _is_ours(task) else name] = _plain(value, task)

    original_call = patch(f"{place}._eval_service_task", call)
    patch(f"{place}._normalise_response", see)


def _is_ours(task: Any) -> bool:
    """Tell whether a task calls Step Functions."""
    return bool(task.resource.service_name == "states" or task.resource.api_name == "sfn")


def _plain(value: Any, task: Any) -> Any:
    """Return a part of an answer as JSON: what is read is text, times are texts, and milliseconds of our own API."""
    if hasattr(value, "read"):
        return value.read().decode("utf-8", "replace")
    if isinstance(value, dt.datetime):
        at = value.astimezone(dt.UTC)
        return int(value.timestamp() * 1000) if _is_ours(task) else at.isoformat().replace("+00:00", "Z")
    if isinstance(value, dict):
        return {name: _plain(part, task) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part, task) for part in value]
    return value
