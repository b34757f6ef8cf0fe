"""Route: API Gateway HTTP APIs, served at /_apis/<api id>/<path>; moto stores them but never answers for them.

Kept from AWS: route matching, stages, payload format 2.0, inferred responses, the 30 s integration limit, 5xx when the
function fails. Assumptions: 503 for a throttled function and for a timeout, JSON as the answer of service integrations.
Ignored: authorizers, CORS, request models, mapping of response parameters.
"""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from moto.apigatewayv2.models import Api, apigatewayv2_backends
from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.utils import get_backend as lambda_backend

from chainkit.emulation import integrations
from chainkit.emulation.clock import Event
from chainkit.emulation.host import ACCOUNT_ID
from chainkit.emulation.versions import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.apigatewayv2.models import Integration, Route

    from chainkit.emulation.environments import Outcome
    from chainkit.emulation.host import Host

PREFIX = "/_apis/"


@dataclass(frozen=True)
class Call:
    """One HTTP request to an API, matched to a route."""

    api_id: str
    stage: str
    stage_variables: dict[str, str]
    route_key: str
    parameters: dict[str, str]
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    request_id: str


@dataclass(frozen=True)
class Response:
    """What goes back to the client."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)


def message(status: int, text: str) -> Response:
    """Return an answer of the gateway itself."""
    return Response(status, json.dumps({"message": text}).encode())


class Gateway:
    """Answers for all HTTP APIs of this emulator."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def answer(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Answer a request whose path begins with PREFIX; it belongs to this thread's requests."""
        began = self._host.clock.moment()
        api_id, _, rest = path[len(PREFIX) :].partition("/")
        response = self._route(api_id, method, "/" + rest, query, headers, body)
        self._host.story.tell(
            "api request",
            api_id,
            status="ok" if response.status < 500 else "error",
            reason=f"{method} /{rest} -> {response.status}",
            began=began,
            span_s=self._host.clock.now_s() - began.at_s,
        )
        return response

    def _route(
        self, api_id: str, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        api = apigatewayv2_backends[ACCOUNT_ID][self._host.region].apis.get(api_id)
        if api is None:
            return message(404, "Not Found")
        stage, route_path = _stage(api, path)
        found = match(list(api.routes.values()), method, route_path)
        if stage is None or found is None:
            return message(404, "Not Found")
        route, parameters = found
        variables = api.stages[stage].stage_variables or {}
        integration = api.integrations[route.target.rpartition("/")[2]]
        lowered = {name.lower(): value for name, value in headers.items()}
        request_id = str(uuid.uuid4())
        call = Call(
            api_id, stage, variables, route.route_key, parameters, method, path, query, lowered, body, request_id
        )
        return self._within_limit(integration, call)

    def _within_limit(self, integration: Integration, call: Call) -> Response:
        """Answer 503 when the integration takes longer than its limit; it runs on all the same."""
        done, answers = Event(self._host.clock), [message(503, "Service Unavailable")]

        def work() -> None:
            try:
                answers.append(self._integrate(integration, call))
            finally:
                done.set()

        self._host.clock.start(self._host.story.carried(work), name="integration")
        is_done = done.wait(float(integration.timeout_in_millis or 30_000) / 1000, is_passive=True)
        return answers[-1] if is_done else answers[0]

    def _integrate(self, integration: Integration, call: Call) -> Response:
        if integration.integration_type != "AWS_PROXY":
            return message(500, f"chainkit does not emulate {integration.integration_type} integrations")
        if integration.integration_subtype:
            return self._call_service(integration, call)
        return self._invoke(integration, call)

    def _call_service(self, integration: Integration, call: Call) -> Response:
        if integration.integration_subtype not in integrations.OPERATIONS:
            return message(500, f"chainkit does not emulate {integration.integration_subtype}")
        parameters = integration.request_parameters or {}
        status, answer = integrations.run(self._host, str(integration.integration_subtype), parameters, call)
        return Response(status, json.dumps(answer).encode())

    def _invoke(self, integration: Integration, call: Call) -> Response:
        arn = re.sub(r"^.*functions/|/invocations$", "", integration.integration_uri)
        try:
            invoked = resolve(lambda_backend(ACCOUNT_ID, self._host.region), arn)
        except LambdaClientError:
            return message(500, "Internal Server Error")
        event = json.dumps(event_of(call, self._host.region, self._host.clock.now_s()))
        outcome = self._host.invoker.invoke(invoked.function, event, arn=invoked.arn)
        if outcome.status == "throttled":
            return message(503, "Service Unavailable")
        return response_of(outcome)


# --- routes ---


def _stage(api: Api, path: str) -> tuple[str | None, str]:
    """Return (stage, path that routes match): a named stage is the first part of the path."""
    first, _, rest = path[1:].partition("/")
    if first in api.stages:
        return first, "/" + rest
    return ("$default", path) if "$default" in api.stages else (None, path)


def match(routes: list[Route], method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """Return the most specific route for a request, with its path parameters.

    A full match beats a greedy one, a greedy one beats $default; a method beats ANY.
    """
    best: tuple[tuple[int, ...], Route, dict[str, str]] | None = None
    for route in routes:
        route_method, _, template = route.route_key.partition(" ")
        if route.route_key == "$default":
            rank: tuple[int, ...] = (0,)
            found = re.match("", path)
        elif route_method in (method, "ANY"):
            found = re.fullmatch(_pattern(template), path)
            parts = template.split("/")
            fixed = sum(not part.startswith("{") for part in parts)
            rank = (1, "+}" not in template, fixed, route_method != "ANY")
        else:
            continue
        if found and (best is None or rank > best[0]):
            best = rank, route, found.groupdict()
    return best and (best[1], best[2])


def _pattern(template: str) -> str:
    """Return a regular expression for a route's path.

    >>> re.fullmatch(_pattern("/orders/{id}"), "/orders/7").groupdict()
    {'id': '7'}
    """
    pieces = re.split(r"(\{[^}]+\})", template)
    return "".join(
        f"(?P<{piece[1:-1].rstrip('+')}>{'.+' if piece.endswith('+}') else '[^/]+'})"
        if piece.startswith("{")
        else re.escape(piece)
        for piece in pieces
    )


# --- payload format 2.0 ---


def event_of(call: Call, region: str, now_s: float) -> dict[str, Any]:
    """Return the event that a function gets."""
    text, is_base64 = _body_text(call)
    query: dict[str, str] = {}
    for name, value in parse_qsl(call.query, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": call.route_key,
        "rawPath": call.path,
        "rawQueryString": call.query,
        "headers": {name: value for name, value in call.headers.items() if name != "cookie"},
        "requestContext": _request_context(call, region, now_s),
        "isBase64Encoded": is_base64,
    }
    optional = {
        "cookies": [cookie.strip() for cookie in call.headers.get("cookie", "").split(";") if cookie.strip()],
        "queryStringParameters": query,
        "pathParameters": call.parameters,
        "stageVariables": call.stage_variables,
        "body": text,
    }
    return event | {name: value for name, value in optional.items() if value}


def _request_context(call: Call, region: str, now_s: float) -> dict[str, Any]:
    return {
        "accountId": ACCOUNT_ID,
        "apiId": call.api_id,
        "domainName": f"{call.api_id}.execute-api.{region}.amazonaws.com",
        "domainPrefix": call.api_id,
        "http": {
            "method": call.method,
            "path": call.path,
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": call.headers.get("user-agent", ""),
        },
        "requestId": call.request_id,
        "routeKey": call.route_key,
        "stage": call.stage,
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now_s)),
        "timeEpoch": int(now_s * 1000),
    }


def _body_text(call: Call) -> tuple[str, bool]:
    """Return (body, whether it is base64): binary content is encoded."""
    try:
        return call.body.decode("utf-8"), False
    except UnicodeDecodeError:
        return base64.b64encode(call.body).decode(), True


def response_of(outcome: Outcome) -> Response:
    """Return the HTTP answer for what a function returned."""
    if outcome.status != "ok":
        return message(500, "Internal Server Error")
    result = json.loads(outcome.payload)
    if not isinstance(result, dict) or "statusCode" not in result:
        return Response(200, outcome.payload.encode())
    body = result.get("body", "")
    content = body if isinstance(body, str) else json.dumps(body)
    headers = {str(name).lower(): _header(value) for name, value in (result.get("headers") or {}).items()}
    headers.setdefault("content-type", "text/plain;charset=UTF-8")
    try:
        status = int(result["statusCode"])
        data = base64.b64decode(content) if result.get("isBase64Encoded") else content.encode()
    except ValueError:
        return message(500, "Internal Server Error")
    cookies = [("set-cookie", str(cookie)) for cookie in result.get("cookies") or []]
    return Response(status, data, (*headers.items(), *cookies))


def _header(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
