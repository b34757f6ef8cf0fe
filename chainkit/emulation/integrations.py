"""Route: HTTP API -> queue, bus or state machine, without a function in between.

Kept from AWS: the subtypes below, request parameters with ``$request``, ``$context`` and ``$stageVariables``.
Assumption: the answer is the service's own as JSON, also where the service would speak XML.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from botocore.exceptions import ClientError
from moto.core.exceptions import JsonRESTError, ServiceException

from chainkit.emulation.events import value_at
from chainkit.emulation.states import run_sync

if TYPE_CHECKING:
    from chainkit.emulation.host import Host
    from chainkit.emulation.http_api import Call

OPERATIONS = {
    "SQS-SendMessage": ("sqs", "send_message"),
    "EventBridge-PutEvents": ("events", "put_events"),
    "StepFunctions-StartExecution": ("stepfunctions", "start_execution"),
    "StepFunctions-StartSyncExecution": ("stepfunctions", "start_sync_execution"),
}

_SELECTION = r"(?:request|context|stageVariables)(?:\.[\w\[\]-]+)+"


def run(host: Host, subtype: str, parameters: dict[str, str], call: Call) -> tuple[int, dict[str, Any]]:
    """Call the service and return (HTTP status, its answer)."""
    service, operation = OPERATIONS[subtype]
    values = {name: resolve(value, call) for name, value in parameters.items()}
    try:
        if operation == "start_sync_execution":
            answer = run_sync(host, values["StateMachineArn"], values.get("Name"), values.get("Input", "{}"))
        else:
            answer = getattr(host.clients.get(service, host.region), operation)(**_arguments(service, values))
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], {"message": error.response["Error"]["Message"]}
    except (JsonRESTError, ServiceException) as error:
        return 400, {"message": error.message}
    answer.pop("ResponseMetadata", None)
    return 200, {name: _plain(value) for name, value in answer.items()}


def _arguments(service: str, values: dict[str, str]) -> dict[str, Any]:
    if service == "events":
        entry: dict[str, Any] = dict(values)
        if "Resources" in entry:
            entry["Resources"] = json.loads(entry["Resources"])
        return {"Entries": [entry]}
    if service == "stepfunctions":
        return {name[0].lower() + name[1:]: value for name, value in values.items() if name != "Region"}
    arguments: dict[str, Any] = {name: value for name, value in values.items() if name != "Region"}
    if "DelaySeconds" in arguments:
        arguments["DelaySeconds"] = int(arguments["DelaySeconds"])
    if "MessageAttributes" in arguments:
        arguments["MessageAttributes"] = json.loads(arguments["MessageAttributes"])
    return arguments


def resolve(text: str, call: Call) -> str:
    """Return a request parameter with its selections replaced: ``$request.body.id``, or ``${...}`` within text."""
    if re.fullmatch(rf"\${_SELECTION}", text):
        return _select(text[1:], call)
    return re.sub(rf"\$\{{({_SELECTION})\}}", lambda found: _select(found[1], call), text)


def _select(selection: str, call: Call) -> str:
    source, _, name = selection.removeprefix("request.").partition(".")
    value: Any
    if source == "body":
        body = call.body.decode("utf-8", "replace")
        value = value_at(json.loads(body), f"$.{name}") if name else body
    elif source == "header":
        value = call.headers.get(name.lower())
    elif source == "querystring":
        value = ",".join(parse_qs(call.query, keep_blank_values=True).get(name, []))
    elif source == "path":
        value = call.parameters.get(name) if name else call.path
    elif source == "stageVariables":
        value = call.stage_variables.get(name)
    else:
        known = {"requestId": call.request_id, "apiId": call.api_id, "stage": call.stage, "routeKey": call.route_key}
        value = known.get(name)
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _plain(value: Any) -> Any:
    return value.timestamp() if isinstance(value, datetime) else value
