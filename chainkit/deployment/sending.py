"""How one request enters a stack: by which service, as what, and what comes back at once."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chainkit.chain import Chain
from chainkit.deployment.targets import ROOT, Standing, Target, gone
from chainkit.errors import ConfigError, DeployError
from chainkit.service import references


def entry(chain: Chain, at: str | None) -> tuple[str, str]:
    """Return the service to enter by, and the route where that is an API."""
    if isinstance(at, str) and at in chain.links:
        link = chain.link(at)
        return link.source, getattr(link, "route", "$default")
    if at is None:
        entries = chain.entries()
        if len(entries) != 1:
            raise ConfigError(
                f"chain {chain.name!r}: nothing leads to {', '.join(entries) or 'none of its services'}; "
                "a request enters by one",
                fix="name the service with at=",
            )
        (at,) = entries
    name = chain.service(at).name
    routes = [getattr(link, "route", "$default") for _, link in chain.outgoing(name)]
    return name, next(iter(routes), "$default")


def within(
    target: Target, timeout_s: float, root: str, client: str, operation: str, parameters: dict[str, Any]
) -> tuple[str, str]:
    """Send the event as the request `root`; give up waiting for an answer that takes longer."""
    thread = ThreadPoolExecutor(1, initializer=ROOT.set, initargs=(root,))
    try:
        return thread.submit(_enter, target, client, operation, parameters).result(timeout_s)
    except TimeoutError:
        return "", "ok"  # it is still in flight: the story says so
    finally:
        thread.shutdown(wait=False)


def _enter(target: Target, client: str, operation: str, parameters: dict[str, Any]) -> tuple[str, str]:
    """Send the event; return the text that came back, and ok, error or throttled."""
    if client == "http":
        status, body = target.request(**parameters)
        return body, "throttled" if status == 429 else "error" if status >= 500 else "ok"
    try:
        answer = getattr(target.client(client), operation)(**parameters)
    except ClientError as error:
        code, said = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
        if error.response["ResponseMetadata"].get("HTTPStatusCode") == 429:
            return said, "throttled"
        said = target.masked(f"send: {operation} was refused: {code}: {said}")
        raise DeployError(said, fix="correct the event") from error
    except BotoCoreError as error:
        raise gone(target, error) from error
    text = answer["Payload"].read().decode() if "Payload" in answer else answer.get("output", "")
    is_failed = (
        "FunctionError" in answer or answer.get("FailedEntryCount") or answer.get("status", "SUCCEEDED") != "SUCCEEDED"
    )
    return text, "error" if is_failed else "ok"


def names(chain: Chain, stands: Mapping[str, Standing]) -> dict[str, str]:
    """Return ARN and physical id -> service; a link's resource belongs to the first service it refers to."""
    services = {service.id: name for name, service in chain.services.items()}
    found: dict[str, str] = {}
    for id_, standing in stands.items():
        owners = [services[name] for name in (id_, *references(standing.resource.properties)) if name in services]
        if owners:
            told = [standing.ref, *standing.attributes.values()]
            found |= {str(each): owners[0] for each in told if str(each) not in found or id_ in services}
    return found


def as_json(event: Any) -> str:
    """Return an event as JSON text."""
    try:
        return json.dumps(event, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"send: event={event!r} is not JSON: {error}", fix="give dictionaries, lists, text, numbers"
        ) from None
