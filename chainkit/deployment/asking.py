"""Calls to a target, with its refusals as our own errors: what was asked, what it said, what to try."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chainkit.deployment.targets import Target, gone
from chainkit.errors import DeployError

_ADVICE = {
    "accessdenied": "the keys in use may not do this: ask for the permission",
    "unauthorized": "the keys in use may not do this: ask for the permission",
    "expiredtoken": "sign in again, and try again",
    "throttl": "wait a little, and try again: AWS lets so many calls through at a time",
    "limitexceeded": "delete what is not needed, or ask AWS for a higher quota",
}
"""Part of an error code -> what to try."""


def ask(target: Target, client: str, operation: str, **parameters: Any) -> dict[str, Any]:
    """Return the answer of a target to one call.

    Raises
    ------
    DeployError
        If the call is refused, with the target's words, or the target does not answer.
    """
    try:
        answer: dict[str, Any] = getattr(target.client(client), operation)(**parameters)
    except ClientError as error:
        code, text = refused(error), error.response["Error"].get("Message", "")
        fix = next((fix for part, fix in _ADVICE.items() if part in code.lower()), "look at the reason, and try again")
        raise DeployError(target.masked(f"{target}: {operation} was refused: {code}: {text}"), fix=fix) from error
    except BotoCoreError as error:
        raise gone(target, error) from error
    return answer


def pages(target: Target, client: str, operation: str, key: str, **parameters: Any) -> list[Any]:
    """Return what stands under `key` in all pages of the answer to a call; raises as `ask`."""
    found: list[Any] = []
    more: dict[str, Any] = {}
    while True:
        answer = ask(target, client, operation, **parameters, **more)
        found += answer.get(key, [])
        if not answer.get("NextToken"):
            return found
        more = {"NextToken": answer["NextToken"]}


def refused(error: BaseException | None) -> str:
    """Return the code of a refusal, "" if it was none."""
    if isinstance(error, DeployError):
        error = error.__cause__
    return str(error.response["Error"].get("Code", "")) if isinstance(error, ClientError) else ""
