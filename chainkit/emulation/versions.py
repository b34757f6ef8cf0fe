"""Versions and aliases: which code an invocation runs, and under which ARN.

Kept from AWS: a published version keeps its code and settings; an alias points at one version, or at two by weight; the
qualifier stands in the name, in the ARN or beside it. A number that was published is not given again. Ignored: limits
on what an alias may weigh, provisioned concurrency.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import LambdaStorage

from chainkit.emulation.patching import patch

if TYPE_CHECKING:
    from moto.awslambda.models import LambdaBackend, LambdaFunction

LATEST = "$LATEST"

_NAMED = re.compile(r"(?:(?:arn:[^:]+:lambda:[^:]+:)?\d{12}:function:)?(?P<name>[^:]+)(?::(?P<qualifier>[^:]+))?")
_HIGHEST = "_chainkit_highest_version"
"""What we write on moto's functions: the highest version ever published."""

_dice = random.Random(0)  # which request of a weighted alias goes where: by chance on AWS, the same in every run here


class Invoked(NamedTuple):
    """A function as it was invoked."""

    function: LambdaFunction
    """The version that runs."""
    arn: str
    """As it was asked for: with the alias or version, if one was named."""


def split(name_or_arn: str) -> tuple[str, str | None]:
    """Return (name, qualifier) of a name or an ARN, whole or partial.

    >>> split("orders:live")
    ('orders', 'live')
    >>> split("arn:aws:lambda:us-east-1:123456789012:function:orders")
    ('orders', None)
    """
    found = _NAMED.fullmatch(name_or_arn)
    return (found["name"], found["qualifier"]) if found else (name_or_arn, None)


def resolve(backend: LambdaBackend, name_or_arn: str, qualifier: str | None = None) -> Invoked:
    """Return what an invocation of this name runs; of a weighted alias, one of its versions.

    Raises moto's UnknownFunctionException, and InvalidParameterValueException for two qualifiers that differ.
    """
    name, named = split(name_or_arn)
    if named and qualifier and named != qualifier:
        text = "The derived qualifier from the function name does not match the specified qualifier."
        raise InvalidParameterValueException(text)
    qualifier = named or qualifier
    function = backend.get_function(name, qualifier)
    arn = backend.get_function(name).function_arn
    alias = backend._lambdas._aliases.get(arn, {}).get(qualifier or "")
    routing: Any = alias.routing_config if alias else None  # moto calls it a string
    chosen = _dice.random()
    for version, weight in ((routing or {}).get("AdditionalVersionWeights") or {}).items():
        chosen -= float(weight)
        if chosen < 0:
            function = backend.get_function(name, version)
            break
    return Invoked(function, f"{arn}:{qualifier}" if qualifier else arn)


def install() -> None:
    """Let a version's number be given once: moto counts the versions that are left."""

    def publish(storage: LambdaStorage, name_or_arn: str, description: str = "") -> LambdaFunction | None:
        standing = storage._functions.get(split(name_or_arn)[0], {}).get("versions", [])
        before = len(standing)
        version: LambdaFunction | None = original(storage, name_or_arn, description)
        if version is not None and len(standing) > before:
            latest = storage._get_latest(version.function_name)
            version.set_version(getattr(latest, _HIGHEST, 0) + 1)
            setattr(latest, _HIGHEST, version.version)
            storage._arns.update({each.function_arn: each for each in standing})
        return version

    original = patch("awslambda.models:LambdaStorage.publish_version", publish)
