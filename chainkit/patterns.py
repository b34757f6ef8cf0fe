"""Filter policies and event patterns, as far as one value of one field decides: what SNS and EventBridge let pass.

Operators: exact, prefix, suffix, equals-ignore-case, anything-but, exists, numeric, wildcard. Source: EventBridge event
pattern operators, AWS agent toolkit orchestration.md (2026); SNS subscription filter policies (2026).
"""

import fnmatch
from collections.abc import Callable, Sequence
from typing import Any

from chainkit.errors import ConfigError

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def passes(rules: Sequence[Any], value: Any) -> bool:
    """Tell whether a value passes one field's rules: any of them.

    Examples
    --------
    >>> passes(["charged", {"prefix": "re"}], "refunded"), passes([{"numeric": [">", 1, "<=", 5]}], 7)
    (True, False)
    """
    return any(_passes_one(rule, value) for rule in rules)


def _passes_one(rule: Any, value: Any) -> bool:
    """Tell whether a value passes one rule."""
    if not isinstance(rule, dict):
        return bool(rule == value)
    if len(rule) != 1:
        raise ConfigError(f"filter rule {rule!r} has {len(rule)} operators", fix="write one operator per rule")
    operator, operand = next(iter(rule.items()))
    text = str(value)
    match operator:
        case "prefix":
            return text.startswith(str(operand))
        case "suffix":
            return text.endswith(str(operand))
        case "equals-ignore-case":
            return text.lower() == str(operand).lower()
        case "wildcard":
            return fnmatch.fnmatchcase(text, operand.replace("[", "[[]").replace("?", "[?]"))
        case "exists":
            return bool(operand)
        case "anything-but":
            return not passes(operand if isinstance(operand, list) else [operand], value)
        case "numeric":
            pairs = zip(operand[::2], operand[1::2], strict=True)
            return isinstance(value, int | float) and all(_COMPARE[word](value, limit) for word, limit in pairs)
    raise ConfigError(
        f"filter operator {operator!r} is unknown",
        fix="known: prefix, suffix, equals-ignore-case, wildcard, exists, anything-but, numeric",
    )
