"""Route: function URLs, served at their own host and at /_urls/<id>/<path>; moto stores them but never answers.

Kept from AWS: the form of the URL, one for a function and one for each alias, payload format 2.0, inferred responses,
CORS, 502 when the function fails, 429 when it is throttled. AWS_IAM asks for a signed request; the signature itself is
not verified, and no policy is evaluated, for NONE neither. Assumptions: 504 for a timeout, 413 above 6 MB. Ignored:
RESPONSE_STREAM is stored, and answers as BUFFERED does.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import secrets
import string
import uuid
from dataclasses import dataclass
from dataclasses import replace as replaced
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from moto.awslambda import urls
from moto.awslambda.exceptions import ConflictException, GenericResourcNotFound, InvalidParameterValueException
from moto.awslambda.models import lambda_backends
from moto.awslambda.responses import LambdaResponse

from chainkit.emulation.host import ACCOUNT_ID
from chainkit.emulation.http_api import Call, Response, event_of, message, response_of
from chainkit.emulation.invoke import SYNC_LIMIT_BYTES
from chainkit.emulation.patching import patch
from chainkit.emulation.versions import LATEST, resolve, split

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from moto.awslambda.models import LambdaFunction

    from chainkit.emulation.environments import Outcome
    from chainkit.emulation.host import Host

PREFIX = "/_urls/"
"""Where a URL answers under the emulator's own address."""

_HOST = re.compile(r"([a-z0-9]{32})\.lambda-url\.[a-z0-9-]+\.(?:on\.aws|localhost)(?::\d+)?")
_URLS = "_chainkit_urls"
"""What we write on moto's functions: qualifier -> Url."""

_SETTINGS = ("AuthType", "Cors", "InvokeMode")


@dataclass(frozen=True)
class Url:
    """One function URL."""

    url_id: str
    host: str
    arn: str
    """Of the function, or of the alias."""
    settings: dict[str, Any]
    """AuthType, Cors, InvokeMode."""
    created: str
    modified: str

    def described(self) -> dict[str, Any]:
        """Return what the API says of it."""
        return {
            "FunctionUrl": f"https://{self.host}/",
            "FunctionArn": self.arn,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            **self.settings,
        }


def id_in_host(host: str) -> str:
    """Return the id that the host of a function URL begins with, or ""; who opens it in a browser writes .localhost.

    >>> id_in_host("abcdefghijklmnopqrstuvwxyz012345.lambda-url.us-east-1.on.aws")
    'abcdefghijklmnopqrstuvwxyz012345'
    >>> id_in_host("127.0.0.1:4566")
    ''
    """
    found = _HOST.fullmatch(host)
    return found[1] if found else ""


# --- the API ---


def install(host: Host) -> None:
    """Let Lambda's five operations on function URLs keep one for each qualifier."""

    def create(response: LambdaResponse) -> tuple[int, dict[str, Any], str]:
        latest, qualifier = _addressed(response)
        if qualifier in _urls(latest):
            raise ConflictException(f"Failed to create function url config for [functionArn = {latest.function_arn}]")
        settings = {"InvokeMode": "BUFFERED", **_settings(response)}
        if settings.get("AuthType") not in ("NONE", "AWS_IAM"):
            raise InvalidParameterValueException("AuthType must be NONE or AWS_IAM")
        url_id = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(32))
        arn = latest.function_arn if qualifier == LATEST else f"{latest.function_arn}:{qualifier}"
        now = _written(host.clock.now_s())
        url = Url(url_id, f"{url_id}.lambda-url.{latest.region}.on.aws", arn, settings, now, now)
        _urls(latest)[qualifier] = url
        return 201, {"status": 201}, json.dumps(url.described())

    def update(response: LambdaResponse) -> tuple[int, dict[str, Any], str]:
        latest, qualifier = _addressed(response)
        old = _found(latest, qualifier)
        settings = {**old.settings, **_settings(response)}
        url = Url(old.url_id, old.host, old.arn, settings, old.created, _written(host.clock.now_s()))
        _urls(latest)[qualifier] = url
        return 200, {}, json.dumps(url.described())

    def get(response: LambdaResponse) -> tuple[int, dict[str, Any], str]:
        return 200, {}, json.dumps(_found(*_addressed(response)).described())

    def delete(response: LambdaResponse) -> tuple[int, dict[str, Any], str]:
        latest, qualifier = _addressed(response)
        _found(latest, qualifier)
        del _urls(latest)[qualifier]
        return 204, {"status": 204}, ""

    def list_all(response: LambdaResponse) -> tuple[int, dict[str, Any], str]:
        latest, _ = _addressed(response)
        return 200, {}, json.dumps({"FunctionUrlConfigs": [url.described() for url in _urls(latest).values()]})

    for operation, new in {"create": create, "update": update, "get": get, "delete": delete}.items():
        patch(f"awslambda.responses:LambdaResponse.{operation}_function_url_config", new)
    patch("awslambda.responses:LambdaResponse.list_function_url_configs", list_all)
    urls.url_paths[r"{0}/(?P<api_version>[^/]+)/functions/(?P<function_name>[\w_:%-]+)/urls/?$"] = (
        LambdaResponse.dispatch
    )


def count(region: str) -> int:
    """Return how many function URLs stand in `region`."""
    return sum(1 for _ in _all(region))


def _all(region: str) -> Iterator[Url]:
    for latest in list(lambda_backends[ACCOUNT_ID][region].list_functions()):
        yield from list(_urls(latest).values())


def _urls(latest: LambdaFunction) -> dict[str, Url]:
    found: dict[str, Url] = latest.__dict__.setdefault(_URLS, {})
    return found


def _addressed(response: LambdaResponse) -> tuple[LambdaFunction, str]:
    """Return (unpublished version, qualifier): a URL belongs to the function, or to an alias, never to a version."""
    name, named = split(unquote(response.path.partition("/functions/")[2].split("/")[0]))
    qualifier = response.querystring.get("Qualifier", [named])[0]
    if qualifier and qualifier.isdigit():
        raise InvalidParameterValueException("A function URL takes the name of an alias as its qualifier")
    response.backend.get_function(name, qualifier)
    return response.backend.get_function(name), qualifier or LATEST


def _found(latest: LambdaFunction, qualifier: str) -> Url:
    url = _urls(latest).get(qualifier)
    if url is None:
        raise GenericResourcNotFound
    return url


def _settings(response: LambdaResponse) -> dict[str, Any]:
    return {name: value for name, value in response.json_body.items() if name in _SETTINGS and value is not None}


def _written(at_s: float) -> str:
    return dt.datetime.fromtimestamp(at_s, dt.UTC).isoformat(timespec="milliseconds")


# --- the URL itself ---


class Urls:
    """Answers for all function URLs of this emulator."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def answer(
        self, url_id: str, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        """Answer a request to one URL; `path` begins with /. It belongs to this thread's requests."""
        url = next((each for each in _all(self._host.region) if each.url_id == url_id), None)
        if url is None:
            return message(404, "Not Found")
        lowered = {name.lower(): value for name, value in headers.items()}
        allowed = _cors_headers(url.settings.get("Cors") or {}, lowered.get("origin", ""))
        if method == "OPTIONS" and url.settings.get("Cors"):
            return Response(200, b"", allowed)
        if url.settings["AuthType"] == "AWS_IAM" and not _access_key(lowered, query):
            refusal = json.dumps({"Message": "Forbidden"}).encode()
            return Response(403, refusal, (("content-type", "application/json"), *allowed))
        if len(body) > SYNC_LIMIT_BYTES:
            return message(413, "Request Too Long")
        request_id = str(uuid.uuid4())
        call = Call(url_id, "$default", {}, "$default", {}, method, path, query, lowered, body, request_id)
        invoked = resolve(lambda_backends[ACCOUNT_ID][self._host.region], url.arn)
        event = json.dumps(self._event(url, call))
        response = _answer_of(self._host.invoker.invoke(invoked.function, event, arn=invoked.arn))
        return Response(response.status, response.body, (*response.headers, *allowed))

    def _event(self, url: Url, call: Call) -> dict[str, Any]:
        """Return payload format 2.0 as a function URL gives it; of NONE, AWS says that the account is anonymous."""
        now_s, region = self._host.clock.now_s(), self._host.region
        event = event_of(call, region, now_s)
        event["headers"]["host"] = url.host
        context = event["requestContext"]
        context["domainName"] = url.host
        if url.settings["AuthType"] == "NONE":
            context["accountId"] = "anonymous"
        else:
            context["authorizer"] = {
                "iam": {
                    "accessKey": _access_key(call.headers, call.query),
                    "accountId": ACCOUNT_ID,
                    "callerId": ACCOUNT_ID,
                    "userArn": f"arn:aws:iam::{ACCOUNT_ID}:root",
                    "userId": ACCOUNT_ID,
                }
            }
        return event


def _answer_of(outcome: Outcome) -> Response:
    if outcome.status == "throttled":
        return message(429, "Rate Exceeded.")
    if outcome.status == "timeout":
        return message(504, "Gateway Timeout")
    if outcome.status != "ok":
        return Response(502, b"Internal Server Error")
    result = json.loads(outcome.payload)
    if isinstance(result, dict) and "statusCode" in result:  # where an HTTP API says text/plain, a URL says JSON
        named = {str(name).lower(): value for name, value in (result.get("headers") or {}).items()}
        result["headers"] = {"content-type": "application/json", **named}
        outcome = replaced(outcome, payload=json.dumps(result))
    return response_of(outcome)


def _access_key(headers: Mapping[str, str], query: str) -> str:
    """Return the access key id that a request is signed with, in its header or in its query; "" if it is not.

    >>> _access_key({"authorization": "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/lambda/aws4_request"}, "")
    'AKIA'
    """
    text = headers.get("authorization", "")
    if not text.startswith("AWS4-"):
        text = "Credential=" + parse_qs(query).get("X-Amz-Credential", [""])[0]
    found = re.search(r"Credential=([^/,\s]+)/", text)
    return found[1] if found else ""


def _cors_headers(cors: Mapping[str, Any], origin: str) -> tuple[tuple[str, str], ...]:
    """Return the headers that a URL's CORS settings give to an answer for `origin`; none without settings."""
    origins = cors.get("AllowOrigins") or []
    if not origin or not ({"*", origin} & set(origins)):
        return ()
    is_open = "*" in origins and not cors.get("AllowCredentials")
    headers = [("access-control-allow-origin", "*" if is_open else origin), ("vary", "Origin")]
    lists = {"AllowMethods": "allow-methods", "AllowHeaders": "allow-headers", "ExposeHeaders": "expose-headers"}
    headers += [(f"access-control-{name}", ",".join(cors[key])) for key, name in lists.items() if cors.get(key)]
    if cors.get("AllowCredentials"):
        headers.append(("access-control-allow-credentials", "true"))
    if cors.get("MaxAge") is not None:
        headers.append(("access-control-max-age", str(cors["MaxAge"])))
    return tuple(headers)
