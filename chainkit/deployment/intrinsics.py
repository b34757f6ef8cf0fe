"""CloudFormation's intrinsic functions, resolved without CloudFormation."""

import re
from collections.abc import Callable, Mapping
from typing import Any

Lookup = Callable[[str, str | None], Any]
"""Logical id or pseudo parameter, and attribute (None for Ref) -> value."""


def resolved(value: Any, lookup: Lookup) -> Any:
    """Return a property with every Ref, Fn::GetAtt, Fn::Sub and Fn::Join in it replaced by what it stands for.

    >>> resolved({"Fn::Sub": "arn:${AWS::Region}:${Jobs.Name}:${!kept}"}, lambda name, attribute: attribute or "here")
    'arn:here:Name:${kept}'
    >>> resolved([{"Fn::Join": ["/", ["a", {"Ref": "B"}]]}], lambda name, attribute: name.lower())
    ['a/b']
    """
    match value:
        case {"Ref": str(name)} if len(value) == 1:
            return lookup(name, None)
        case {"Fn::GetAtt": [str(name), str(attribute)]} if len(value) == 1:
            return lookup(name, attribute)
        case {"Fn::Sub": str(text)} if len(value) == 1:
            return _substituted(text, lookup)
        case {"Fn::Join": [str(separator), list(parts)]} if len(value) == 1:
            return separator.join(str(resolved(part, lookup)) for part in parts)
        case Mapping():
            return {key: resolved(inner, lookup) for key, inner in value.items()}
        case list() | tuple():
            return [resolved(inner, lookup) for inner in value]
    return value


def _substituted(text: str, lookup: Lookup) -> str:
    def found(match: re.Match[str]) -> str:
        if match[1].startswith("!"):
            return f"${{{match[1][1:]}}}"
        name, _, attribute = match[1].partition(".")
        return str(lookup(name, attribute or None))

    return re.sub(r"\$\{([^}]+)\}", found, text)
