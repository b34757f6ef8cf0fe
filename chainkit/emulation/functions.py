"""Route: Lambda's own API: Invoke in all its kinds, and what moto forgets of a function's configuration.

Kept from AWS: payload limits, 202 for asynchronous calls, 429 for throttles, the log tail, and all settings that
create and update name. Stored and read back, without effect: SnapStart, and of LoggingConfig all but the log group (a
cold start says so where JSON is asked for).
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import LambdaBackend, LambdaFunction, lambda_backends
from moto.awslambda.responses import LambdaResponse

from chainkit.emulation.host import ACCOUNT_ID
from chainkit.emulation.invoke import LOG_FORMAT, SYNC_LIMIT_BYTES, unqualified
from chainkit.emulation.patching import patch
from chainkit.emulation.versions import LATEST, Invoked, resolve

if TYPE_CHECKING:
    from chainkit.emulation.host import Host

ASYNC_LIMIT_BYTES = 2**20
"""[aws-semantics 1, "async 1 MB"]"""


_SETTINGS = "_chainkit_settings"
"""What we write on moto's functions: the settings of _FORGOTTEN."""

_INVOKE = re.compile(r"/[\d-]+/functions/([^/]+)/invocations/?")
_REGION = re.compile(r"Credential=[^/]+/[^/]+/([^/]+)/")
_OWN_HEADERS = {"HTTP_X_MOTO_ACCOUNT_ID", "HTTP_TRANSFER_ENCODING"}
"""Headers of requests that moto reads in a way of its own."""

_FORGOTTEN = ("DeadLetterConfig", "LoggingConfig", "SnapStart")
"""What moto takes and forgets."""


def install(host: Host) -> None:
    """Let moto's Invoke run real handlers."""

    def invoke_api(response: LambdaResponse) -> tuple[int, dict[str, str], str]:
        name = unquote(response.path.rstrip("/").rsplit("/", 2)[-2])
        invoked = resolve(response.backend, name, response.querystring.get("Qualifier", [None])[0])
        kind = response.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        is_tail, context = (
            response.headers.get("X-Amz-Log-Type") == "Tail",
            response.headers.get("X-Amz-Client-Context"),
        )
        return _respond(host, invoked, _text(response.body), kind, is_tail, context or "")

    def invoke_old(response: LambdaResponse) -> tuple[int, dict[str, str], str]:
        name = unquote(response.path.rstrip("/").rsplit("/", 2)[-2])
        return _respond(host, resolve(response.backend, name), _text(response.body), "Event", tail=False)

    def invoke_function(
        function: LambdaFunction, body: str, request_headers: Any, response_headers: dict[str, str]
    ) -> bytes:
        # moto's own triggers come this way; streams wait for the result, S3 and log subscriptions do not
        payload = _text(body) or "{}"
        kind = "Event" if is_notification(json.loads(payload)) else "RequestResponse"
        _, headers, payload = _respond(host, Invoked(function, function.function_arn), payload, kind, tail=False)
        response_headers.update(headers)
        return payload.encode()

    patch("awslambda.responses:LambdaResponse.invoke", invoke_api)
    patch("awslambda.responses:LambdaResponse.invoke_async", invoke_old)
    patch("awslambda.models:LambdaFunction.invoke", invoke_function)
    patch("core.responses:gen_amzn_requestid_long", _keep_request_id)
    _install_deletion(host)
    _install_configuration()


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


def direct_invoke(host: Host, environ: dict[str, Any]) -> tuple[int, dict[str, str], str] | None:
    """Answer Invoke without moto's way to it, which takes longer than all the rest; None for what only moto answers.

    That is every other request, and an Invoke of a function that is not there.
    """
    called = _INVOKE.fullmatch(environ["PATH_INFO"])
    if called is None or environ["REQUEST_METHOD"] != "POST" or not _OWN_HEADERS.isdisjoint(environ):
        return None
    scope = _REGION.search(environ.get("HTTP_AUTHORIZATION", ""))
    qualifier = parse_qs(environ.get("QUERY_STRING", "")).get("Qualifier", [None])[0]
    try:
        backend = lambda_backends[ACCOUNT_ID][scope[1] if scope else host.region]
        invoked = resolve(backend, called[1], qualifier)
    except (LambdaClientError, KeyError):
        return None
    payload = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
    kind = environ.get("HTTP_X_AMZ_INVOCATION_TYPE", "RequestResponse")
    is_tail, context = environ.get("HTTP_X_AMZ_LOG_TYPE") == "Tail", environ.get("HTTP_X_AMZ_CLIENT_CONTEXT", "")
    status, headers, text = _respond(host, invoked, payload, kind, is_tail, context)
    headers.pop("status", None)  # one of moto's own, for its server
    _keep_request_id(headers)
    return status, headers, text


def _text(body: str | bytes) -> str:
    return body.decode() if isinstance(body, bytes) else body


def _respond(
    host: Host, invoked: Invoked, payload: str, kind: str, tail: bool, context: str = ""
) -> tuple[int, dict[str, str], str]:
    if kind == "DryRun":
        return 204, {"status": "204"}, ""
    limit_bytes = ASYNC_LIMIT_BYTES if kind == "Event" else SYNC_LIMIT_BYTES
    if (size := len(payload.encode())) > limit_bytes:
        # The name and words are those of AWS's answers; botocore's model calls it RequestTooLargeException.
        text = f"{size} byte payload is too large for the {kind} invocation type (limit {limit_bytes} bytes)"
        return _refuse(413, "RequestEntityTooLargeException", text)
    try:
        json.loads(payload or "{}")
    except ValueError as error:
        return _refuse(400, "InvalidRequestContentException", f"Could not parse request body into json: {error}")
    if kind == "Event":
        request_id = host.asynchronous.submit(invoked.function, payload or "{}", invoked.arn)
        return 202, {"status": "202", "x-amzn-requestid": request_id}, ""
    try:
        client_context = base64.b64decode(context, validate=True).decode()
        json.loads(client_context or "{}")
    except ValueError:
        return _refuse(
            400, "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object."
        )
    outcome = host.invoker.invoke(invoked.function, payload or "{}", arn=invoked.arn, client_context=client_context)
    if outcome.status == "throttled":
        reason = "ReservedFunctionConcurrentInvocationLimitExceeded"  # the only limit that is here
        return _refuse(429, "TooManyRequestsException", "Rate Exceeded.", Reason=reason)
    headers = {
        "content-type": "application/json",
        "x-amzn-requestid": outcome.request_id,
        "X-Amz-Executed-Version": str(invoked.function.version),
    }
    if outcome.status != "ok":
        headers["x-amz-function-error"] = "Unhandled"
    if tail:
        headers["x-amz-log-result"] = base64.b64encode("\n".join(outcome.logs).encode()[-4096:]).decode()
    return 200, headers, outcome.payload


def _refuse(status: int, error: str, message: str, **more: str) -> tuple[int, dict[str, str], str]:
    headers = {"status": str(status), "x-amzn-errortype": error, "content-type": "application/json"}
    return status, headers, json.dumps({"Type": "User", "message": message, **more})


def _install_deletion(host: Host) -> None:
    """End the environments of a function with it."""

    def delete(backend: LambdaBackend, function_name: str, qualifier: str | None = None) -> None:
        arn = unqualified(backend.get_function(function_name))
        original(backend, function_name, qualifier)
        host.pool.forget(arn)

    original = patch("awslambda.models:LambdaBackend.delete_function", delete)


def _install_configuration() -> None:
    """Keep the settings that moto forgets, and let an update change those that it leaves as they were."""

    def create(function: LambdaFunction, account_id: str, spec: Any, region: str, version: str | int = 1) -> None:
        original_create(function, account_id, spec, region, version)
        setattr(function, _SETTINGS, {})
        _keep_settings(function, spec)

    def update(function: LambdaFunction, config_updates: dict[str, Any]) -> dict[str, Any]:
        if "Environment" in config_updates:
            config_updates["Environment"].setdefault("Variables", {})  # without any, AWS removes all
        original_update(function, config_updates)
        _keep_settings(function, config_updates)
        if "EphemeralStorage" in config_updates:
            function.ephemeral_storage = config_updates["EphemeralStorage"]["Size"]
        if "TracingConfig" in config_updates:
            function.tracing_config = config_updates["TracingConfig"]
        if "KMSKeyArn" in config_updates:
            function.kms_key_arn = config_updates["KMSKeyArn"]
        return function.get_configuration()

    def read(function: LambdaFunction, on_create: bool = False) -> dict[str, Any]:
        return {**original_read(function, on_create), **_described(function)}

    original_create = patch("awslambda.models:LambdaFunction.__init__", create)
    original_update = patch("awslambda.models:LambdaFunction.update_configuration", update)
    original_read = patch("awslambda.models:LambdaFunction.get_configuration", read)


def _keep_settings(function: LambdaFunction, changes: dict[str, Any]) -> None:
    """Write down what moto forgets; a version that was published shares the old dictionary, so a new one is made."""
    named = {name: changes[name] or {} for name in _FORGOTTEN if name in changes}
    setattr(function, _SETTINGS, {**getattr(function, _SETTINGS), **named})
    logging = getattr(function, _SETTINGS).get("LoggingConfig", {})
    setattr(function, LOG_FORMAT, logging.get("LogFormat", "Text"))
    function.logs_group_name = logging.get("LogGroup") or f"/aws/lambda/{function.function_name}"


def _described(function: LambdaFunction) -> dict[str, Any]:
    """Return what moto's answer about a function lacks."""
    settings = getattr(function, _SETTINGS)
    described = {
        "LoggingConfig": {
            "LogFormat": "Text",
            **settings.get("LoggingConfig", {}),
            "LogGroup": function.logs_group_name,
        }
    }
    if settings.get("DeadLetterConfig", {}).get("TargetArn"):
        described["DeadLetterConfig"] = settings["DeadLetterConfig"]
    if "SnapStart" in settings:
        applies = settings["SnapStart"].get("ApplyOn", "None")
        is_on = applies == "PublishedVersions" and str(function.version) != LATEST
        described["SnapStart"] = {"ApplyOn": applies, "OptimizationStatus": "On" if is_on else "Off"}
    return described


def dead_letter_config(function: LambdaFunction) -> dict[str, str]:
    """Return the function's DeadLetterConfig."""
    config: dict[str, str] = getattr(function, _SETTINGS).get("DeadLetterConfig", {})
    return config
