"""Filter policies and event patterns, as far as one value of one field decides: what SNS and EventBridge let pass.

Operators: exact, prefix, suffix, equals-ignore-case, anything-but, exists, numeric, wildcard. Source: EventBridge event
pattern operators, AWS agent toolkit orchestration.md (2026); SNS subscription filter policies (2026).
"""

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chainkit.errors import ChainkitError, ConfigError

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
        if rule is not None and not isinstance(rule, str | int | float | bool):
            raise ConfigError(f"filter rule {rule!r} is no value", fix="give text, numbers, true, false or null")
        return bool(rule == value)
    if len(rule) != 1:
        raise ConfigError(f"filter rule {rule!r} has {len(rule)} operators", fix="write one operator per rule")
    operator, operand = next(iter(rule.items()))
    text = str(value)
    match operator:
        case "prefix" if isinstance(operand, str):
            return text.startswith(operand)
        case "suffix" if isinstance(operand, str):
            return text.endswith(operand)
        case "equals-ignore-case" if isinstance(operand, str):
            return text.lower() == operand.lower()
        case "wildcard":
            return fnmatch.fnmatchcase(text, operand.replace("[", "[[]").replace("?", "[?]"))
        case "exists":
            return bool(operand)
        case "anything-but":
            return not passes(operand if isinstance(operand, list) else [operand], value)
        case "numeric" if len(operand) in (2, 4):
            number = value if isinstance(value, int | float) else float("nan")  # which passes no comparison
            return all(_COMPARE[word](number, limit) for word, limit in zip(operand[::2], operand[1::2], strict=True))
    raise ConfigError(
        f"filter rule {rule!r} cannot be read",
        fix="known: prefix, suffix, equals-ignore-case, wildcard, exists, anything-but, numeric",
    )


def flat(pattern: Mapping[str, Any], above: str = "") -> dict[str, list[Any]]:
    """Return an event pattern as rules by field; fields of `detail` go by their own names, nested ones by their path.

    Examples
    --------
    >>> flat({"source": ["shop"], "detail": {"status": ["charged"], "card": {"kind": ["debit"]}}})
    {'source': ['shop'], 'status': ['charged'], 'card.kind': ['debit']}
    """
    found: dict[str, list[Any]] = {}
    for field, rules in pattern.items():
        if isinstance(rules, Mapping):
            found |= flat(rules, "" if not above and field == "detail" else f"{above}{field}.")
        else:
            found[above + field] = rules
    return found


def complaints(policy: Mapping[str, Any] | None, who: str) -> list[ChainkitError]:
    """Return the fields of a filter whose rules are none."""
    found: list[ChainkitError] = []
    for field, rules in (policy or {}).items():
        if not isinstance(rules, list) or not rules:
            problem = f"{who}[{field!r}]={rules!r} is no list of values"
            found.append(ConfigError(problem, fix=f'write what passes as a list: {{"{field}": ["value"]}}'))
            continue
        if field == "$or":
            continue
        for rule in rules:
            try:
                _passes_one(rule, "text")
                _passes_one(rule, 1)
            except ConfigError as error:
                found.append(ConfigError(f"{who}[{field!r}]: {error.problem}", fix=error.fix))
            except (AttributeError, KeyError, TypeError, ValueError):
                problem = f"{who}[{field!r}]: {rule!r} is no rule"
                found.append(ConfigError(problem, fix='write for instance {"numeric": [">", 1]} or {"prefix": "eu-"}'))
    return found
