"""Event invoke configs: how Lambda tries asynchronous events again, and where their ends go.

Kept from AWS: one config for each function, version or alias, by the qualifier that the event was sent to; Put replaces
all of it, Update the settings that it names. moto keeps a list, reads the first, and knows no qualifier.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from moto.awslambda.exceptions import UnknownEventConfig
from moto.awslambda.models import EventInvokeConfig
from moto.awslambda.responses import LambdaResponse
from moto.core.responses import ActionResult

from chainkit.emulation.patching import patch
from chainkit.emulation.versions import LATEST, split

if TYPE_CHECKING:
    from moto.awslambda.models import LambdaBackend, LambdaFunction

    from chainkit.emulation.host import Host

_CONFIGS = "_chainkit_event_invoke_configs"
"""What we write on moto's functions: qualifier -> EventInvokeConfig."""


def configs(latest: LambdaFunction) -> dict[str, EventInvokeConfig]:
    """Return a function's configs by qualifier; `latest` is its unpublished version."""
    found: dict[str, EventInvokeConfig] = latest.__dict__.setdefault(_CONFIGS, {})
    return found


def config_of(backend: LambdaBackend, arn: str) -> dict[str, Any]:
    """Return the settings in force for what is invoked as `arn`; without any, AWS's defaults hold."""
    name, qualifier = split(arn)
    found = configs(backend.get_function(name)).get(qualifier or LATEST)
    return found.config if found else {}


def install(host: Host) -> None:
    """Let Lambda's five operations on these configs keep one for each qualifier."""

    def put(response: LambdaResponse) -> ActionResult:
        return _store(response, dict(response.json_body))

    def update(response: LambdaResponse) -> ActionResult:
        return _store(response, _found(response).config | response.json_body)

    def get(response: LambdaResponse) -> ActionResult:
        return ActionResult(_found(response).response())

    def delete(response: LambdaResponse) -> tuple[int, dict[str, Any], str]:
        _found(response)
        latest, qualifier = _addressed(response)
        del configs(latest)[qualifier]
        return 204, {"status": 204}, ""

    def list_all(response: LambdaResponse) -> ActionResult:
        latest, _ = _addressed(response)
        return ActionResult({"FunctionEventInvokeConfigs": [each.response() for each in configs(latest).values()]})

    def _store(response: LambdaResponse, settings: dict[str, Any]) -> ActionResult:
        latest, qualifier = _addressed(response)
        now = dt.datetime.fromtimestamp(host.clock.now_s(), dt.UTC)
        config: Any = EventInvokeConfig(f"{latest.function_arn}:{qualifier}", "", settings)
        config.last_modified = now
        configs(latest)[qualifier] = config
        return ActionResult(config.response())

    for operation, new in {"put": put, "update": update, "get": get, "delete": delete}.items():
        patch(f"awslambda.responses:LambdaResponse.{operation}_function_event_invoke_config", new)
    patch("awslambda.responses:LambdaResponse.list_function_event_invoke_configs", list_all)


def _addressed(response: LambdaResponse) -> tuple[LambdaFunction, str]:
    """Return (unpublished version, qualifier) that a request names; both must exist."""
    name, named = split(unquote(response.path.partition("/functions/")[2].split("/")[0]))
    qualifier = response.querystring.get("Qualifier", [named])[0]
    response.backend.get_function(name, qualifier)
    return response.backend.get_function(name), qualifier or LATEST


def _found(response: LambdaResponse) -> EventInvokeConfig:
    latest, qualifier = _addressed(response)
    config = configs(latest).get(qualifier)
    if config is None:
        raise UnknownEventConfig(f"{latest.function_arn}:{qualifier}")
    return config
