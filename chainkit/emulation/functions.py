"""Route: Lambda's own API: Invoke in all its kinds, and what moto forgets of a function's configuration.

Kept from AWS: payload limits, 202 for asynchronous calls, 429 for throttles, qualifiers, the log tail,
DeadLetterConfig, one event invoke config per function.
"""

from __future__ import annotations

import base64
import json
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.awslambda.responses import LambdaResponse
from moto.core import responses as core_responses

from chainkit.emulation.invoke import SYNC_LIMIT_BYTES, unqualified
from chainkit.emulation.patching import replace

if TYPE_CHECKING:
    from chainkit.emulation.host import Host

ASYNC_LIMIT_BYTES = 2**20
"""[aws-semantics 1, "async 1 MB"]"""


_DEAD_LETTERS = "_chainkit_dead_letter_config"
"""What we write on moto's functions: moto forgets their DeadLetterConfig."""


def install(host: Host) -> None:
    """Let moto's Invoke run real handlers."""

    def invoke_api(response: LambdaResponse) -> tuple[int, dict[str, str], str]:
        name = unquote(response.path.rstrip("/").rsplit("/", 2)[-2])
        qualifier = response.querystring.get("Qualifier", [None])[0]
        function = response.backend.get_function(name, qualifier)
        kind = response.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        return _respond(host, function, _text(response.body), kind, response.headers.get("X-Amz-Log-Type") == "Tail")

    def invoke_function(
        function: LambdaFunction, body: str, request_headers: Any, response_headers: dict[str, str]
    ) -> bytes:
        # moto's own triggers come this way; streams wait for the result, S3 and log subscriptions do not
        payload = _text(body) or "{}"
        kind = "Event" if is_notification(json.loads(payload)) else "RequestResponse"
        _, headers, payload = _respond(host, function, payload, kind, tail=False)
        response_headers.update(headers)
        return payload.encode()

    replace(LambdaResponse, "invoke", invoke_api, parameters="self")
    replace(LambdaFunction, "invoke", invoke_function, parameters="self body request_headers response_headers")
    replace(core_responses, "gen_amzn_requestid_long", _keep_request_id, parameters="headerdict")
    _install_deletion(host)
    _install_configuration()
    _install_event_invoke_config()


def _keep_request_id(headerdict: dict[str, Any] | None = None) -> str:
    """Return the id of an answer: the invocation's own, which stands in its logs, if it has one."""
    headers = {} if headerdict is None else headerdict
    request_id: str = headers.setdefault("x-amzn-requestid", str(uuid.uuid4()))
    return request_id


def is_notification(event: Any) -> bool:
    """Return whether an event is one that AWS hands over asynchronously: of S3, or of a log subscription."""
    if not isinstance(event, dict):
        return False
    records = event.get("Records")
    is_of_s3 = isinstance(records, list) and bool(records) and records[0].get("eventSource") == "aws:s3"
    return "awslogs" in event or is_of_s3


def _text(body: str | bytes) -> str:
    return body.decode() if isinstance(body, bytes) else body


def _respond(
    host: Host, function: LambdaFunction, payload: str, kind: str, tail: bool
) -> tuple[int, dict[str, str], str]:
    if kind == "DryRun":
        return 204, {"status": "204"}, ""
    limit_bytes = ASYNC_LIMIT_BYTES if kind == "Event" else SYNC_LIMIT_BYTES
    if len(payload.encode()) > limit_bytes:
        return _refuse(413, "RequestTooLargeException", f"Request must be smaller than {limit_bytes} bytes")
    try:
        json.loads(payload or "{}")
    except ValueError as error:
        return _refuse(400, "InvalidRequestContentException", f"Could not parse request body into json: {error}")
    if kind == "Event":
        request_id = host.asynchronous.submit(function, payload or "{}")
        return 202, {"status": "202", "x-amzn-requestid": request_id}, ""
    outcome = host.invoker.invoke(function, payload or "{}")
    if outcome.status == "throttled":
        return _refuse(429, "TooManyRequestsException", "Rate Exceeded.")
    headers = {
        "content-type": "application/json",
        "x-amzn-requestid": outcome.request_id,
        "X-Amz-Executed-Version": str(function.version),
    }
    if outcome.status != "ok":
        headers["x-amz-function-error"] = "Unhandled"
    if tail:
        headers["x-amz-log-result"] = base64.b64encode("\n".join(outcome.logs).encode()[-4096:]).decode()
    return 200, headers, outcome.payload


def _refuse(status: int, error: str, message: str) -> tuple[int, dict[str, str], str]:
    headers = {"status": str(status), "x-amzn-errortype": error, "content-type": "application/json"}
    return status, headers, json.dumps({"Type": "User", "message": message})


def _install_deletion(host: Host) -> None:
    """End the environments of a function with it."""

    def delete(backend: LambdaBackend, function_name: str, qualifier: str | None = None) -> None:
        arn = unqualified(backend.get_function(function_name))
        original(backend, function_name, qualifier)
        host.pool.forget(arn)

    original = replace(LambdaBackend, "delete_function", delete, parameters="self function_name qualifier")


def _install_configuration() -> None:
    """Moto forgets DeadLetterConfig; keep it on the function and show it on read. It updates no EphemeralStorage."""

    def create(function: LambdaFunction, account_id: str, spec: Any, region: str, version: str | int = 1) -> None:
        original_create(function, account_id, spec, region, version)
        setattr(function, _DEAD_LETTERS, spec.get("DeadLetterConfig") or {})

    def update(function: LambdaFunction, config_updates: dict[str, Any]) -> dict[str, Any]:
        if "DeadLetterConfig" in config_updates:
            setattr(function, _DEAD_LETTERS, config_updates["DeadLetterConfig"] or {})
        if "EphemeralStorage" in config_updates:
            function.ephemeral_storage = config_updates["EphemeralStorage"]["Size"]
        return dict(original_update(function, config_updates))

    def read(function: LambdaFunction, on_create: bool = False) -> dict[str, Any]:
        configuration = dict(original_read(function, on_create))
        if config := dead_letter_config(function):
            configuration["DeadLetterConfig"] = config
        return configuration

    original_create = replace(LambdaFunction, "__init__", create, parameters="self account_id spec region version")
    original_update = replace(LambdaFunction, "update_configuration", update, parameters="self config_updates")
    original_read = replace(LambdaFunction, "get_configuration", read, parameters="self on_create")


def _install_event_invoke_config() -> None:
    """Let a second PutFunctionEventInvokeConfig replace the first, and an update change it; moto appends."""

    def put(backend: LambdaBackend, function_name: str, config: dict[str, Any]) -> dict[str, Any]:
        backend.get_function(function_name).event_invoke_config.clear()
        return dict(original_put(backend, function_name, config))

    def update(backend: LambdaBackend, function_name: str, config: dict[str, Any]) -> dict[str, Any]:
        standing = backend.get_function_event_invoke_config(function_name)
        kept = {key: standing[key] for key in standing if key not in ("FunctionArn", "LastModified")}
        return put(backend, function_name, kept | config)

    name = "put_function_event_invoke_config"
    original_put = replace(LambdaBackend, name, put, parameters="self function_name config")
    replace(LambdaBackend, "update_function_event_invoke_config", update, parameters="self function_name config")


def dead_letter_config(function: LambdaFunction) -> dict[str, str]:
    """Return the function's DeadLetterConfig."""
    config: dict[str, str] = getattr(function, _DEAD_LETTERS)
    return config
