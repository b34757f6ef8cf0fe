"""One resource by its own API calls: create, change, read back, delete. What the calls are, the resource says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jmespath
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ParamValidationError

from chainkit.deployment.differences import Difference, drifted
from chainkit.deployment.targets import Target, gone
from chainkit.errors import DeployError
from chainkit.records import Call, Look, Properties, Resource

_ADVICE = {
    "exist": "something of that name stands there that chainkit did not make: remove it, or rename the chain",
    "inuse": "something of that name stands there that chainkit did not make: remove it, or rename the chain",
    "denied": "the target's keys may not do this: ask for the permission",
    "notfound": "something it refers to has gone: make a new plan",
}
"""Part of an error code -> what to try."""


@dataclass(frozen=True)
class Found:
    """What a target says of a resource."""

    ref: str
    attributes: Mapping[str, Any]
    settings: Mapping[str, Any]
    """Property -> value, as the target writes it."""

    def differences(self, asked: Properties) -> list[Difference]:
        """Return the fields in which this is not what was asked for."""
        compared = [name for name in self.settings if name in asked]
        return [each for name in compared for each in drifted(asked[name], self.settings[name], name)]


def create(target: Target, resource: Resource, properties: Properties) -> Found:
    """Make a resource and read it back.

    Raises
    ------
    DeployError
        If a call is refused, or the resource is not there afterwards.
    """
    answers = _run(target, resource, "create", resource.api.create, properties)
    return _read_back(target, resource, properties, _looked(resource.api.ref, answers, properties))


def update(target: Target, resource: Resource, properties: Properties, ref: str) -> Found:
    """Change a resource and read it back; raises as `create`."""
    _run(target, resource, "update", resource.api.update, {**properties, "Ref": ref})
    return _read_back(target, resource, properties, ref)


def read(target: Target, resource: Resource, properties: Properties, ref: str | None) -> Found | None:
    """Return what stands there, or None if nothing does."""
    ref = ref or _listed(target, resource, properties)
    known = {**properties, "Ref": ref} if ref else dict(properties)
    answers: dict[str, Any] = {}
    for call in resource.api.read:
        try:
            answers |= _run(target, resource, "read", (call,), {**known, "Answers": answers})
        except DeployError as error:
            if not _is_missing(resource, error):
                raise
        except KeyError as error:
            if error.args != ("Ref",):  # known by nothing else, and never told: it was not made
                raise
        if not answers:
            return None
        if ref := _looked(resource.api.ref, answers, properties):
            known["Ref"] = ref
    found = _looked(resource.api.ref, answers, properties)
    if not found:
        return None
    attributes = {
        name: target.attribute(resource.type, name, found, _looked(look, answers, properties))
        for name, look in resource.api.attributes.items()
    }
    settings = {name: _looked(look, answers, properties) for name, look in resource.api.settings.items()}
    return Found(str(found), attributes, settings)


def delete(target: Target, resource: Resource, properties: Properties, ref: str) -> None:
    """Take a resource away; it is well if it was gone already.

    Raises
    ------
    DeployError
        If a call is refused, or the resource is there all the same.
    """
    if not ref and (half := read(target, resource, properties, None)) is not None:
        ref = half.ref
    for call in resource.api.delete if ref else ():
        try:
            _run(target, resource, "delete", (call,), {**properties, "Ref": ref})
        except DeployError as error:
            if not _is_missing(resource, error):
                raise
    if ref and resource.api.delete and read(target, resource, properties, ref) is not None:
        raise DeployError(
            f"delete {resource.id} ({resource.type}): no call was refused, and it is still there",
            fix="delete it by hand, then destroy again",
        )


def _read_back(target: Target, resource: Resource, properties: Properties, ref: str | None) -> Found:
    found = read(target, resource, properties, ref)
    if found is None:
        raise DeployError(
            f"create {resource.id} ({resource.type}): no call was refused, and it is not there",
            fix="this target cannot hold such a resource: remove it from the design, or deploy elsewhere",
        )
    return found


def _run(
    target: Target, resource: Resource, verb: str, calls: Sequence[Call], properties: Properties
) -> dict[str, Any]:
    """Make calls one after another and return their answers, merged; each knows the Ref that those before told."""
    client = target.client(resource.api.client)
    known, answers = dict(properties), dict[str, Any]()
    for call in calls:
        parameters = call.parameters(known)
        if not parameters:
            continue
        where = f"{verb} {resource.id} ({resource.type}): {call.operation}"
        try:
            answers |= getattr(client, call.operation)(**parameters)
        except ClientError as error:
            code, said = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
            fix = next(
                (text for part, text in _ADVICE.items() if part in code.lower()), "correct the design, plan again"
            )
            raise DeployError(f"{where} was refused: {code}: {said}", fix=fix) from error
        except ParamValidationError as error:
            raise DeployError(f"{where} was not sent: {error}", fix="correct the design, plan again") from error
        except (HTTPClientError, BotoCoreError) as error:
            raise gone(target, error) from error
        if ref := _looked(resource.api.ref, answers, properties):
            known["Ref"] = ref
    return answers


def _listed(target: Target, resource: Resource, properties: Properties) -> Any:
    """Return the Ref of a resource that only the answer to its creation named, looked up among the like."""
    answers: dict[str, Any] = {}
    for call in resource.api.find:
        try:
            answers |= getattr(target.client(resource.api.client), call.operation)(**call.parameters(properties))
        except ClientError:  # what it hangs on is not there
            return None
        except (HTTPClientError, BotoCoreError) as error:
            raise gone(target, error) from error
    return _looked(resource.api.found, answers, properties) if resource.api.find else None


def _looked(look: Look, answers: Mapping[str, Any], properties: Properties) -> Any:
    """Return what stands at a place in the answers, None if nothing does."""
    if isinstance(look, str):
        return jmespath.search(look, answers)
    try:
        return look(answers, properties)
    except (KeyError, IndexError, TypeError, StopIteration):  # the answers do not go that far
        return None


def _is_missing(resource: Resource, error: DeployError) -> bool:
    """Tell whether a refusal says that the resource is not there."""
    cause = error.__cause__
    return isinstance(cause, ClientError) and cause.response["Error"].get("Code") in resource.api.missing
