"""The figures of a machine that are kept by names of states, as they fit its definition after an edit."""

from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any

from chainkit.asl_ways import Definition, find, insides, names, ways

ITEMS = 10
"""Of a Map that is new, until something else is said."""


def figures(
    before: Definition,
    after: Definition,
    *,
    choices: Mapping[str, list[float]],
    items: Mapping[str, int],
    result_bytes: Mapping[str, int],
    renamed: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return a machine's settings that are kept by names of states, as they fit a definition after an edit.

    Ways of a Choice that are left keep their proportions, and a new one gets its equal part. A new Choice's ways are
    equally likely, a new Map has ten items, until something else is said.

    Parameters
    ----------
    renamed : old -> new name of states
    """
    renamed = renamed or {}
    was, kinds = _choice_ways(before), {n: find(after, n)[1]["Type"] for n in names(after)}
    old = {renamed.get(name, name): list_ for name, list_ in was.items()}
    had = {renamed.get(name, name): shares for name, shares in choices.items()}
    shares = {}
    for name, now in _choice_ways(after).items():
        if now and (name in had or not old.get(name)):
            then = [(word, renamed.get(target, target)) for word, target in old.get(name, [])]
            shares[name] = _shares(then, now, had.get(name, []))
    known = {renamed.get(name, name) for name in names(before)}
    fresh = {name: ITEMS for name, kind in kinds.items() if kind == "Map" and name not in known}
    kept = {renamed.get(name, name): count for name, count in items.items()}
    sizes = {renamed.get(name, name): size for name, size in result_bytes.items()}
    return {
        "choices": shares,
        "items": {n: k for n, k in (fresh | kept).items() if kinds.get(n) == "Map"},
        "result_bytes": {n: k for n, k in sizes.items() if kinds.get(n) in ("Task", "Map")},
    }


def guessed(before: Definition, after: Definition) -> dict[str, str]:
    """Return old -> new name where exactly one state has another name, and its type is the same."""
    old, new = names(before), names(after)
    gone, come = [n for n in old if n not in new], [n for n in new if n not in old]
    if len(gone) != 1 or len(come) != 1 or find(before, gone[0])[1]["Type"] != find(after, come[0])[1]["Type"]:
        return {}
    return {gone[0]: come[0]}


def _choice_ways(definition: Definition) -> dict[str, list[tuple[str, str]]]:
    """Return (word, target) of each way of each Choice, Default last."""
    found: dict[str, list[tuple[str, str]]] = {}
    for inside in insides(definition):
        found |= {name: [] for name, state in inside.states.items() if state["Type"] == "Choice"}
    for each in ways(definition):
        if each.word in ("rule", "Default") and each.source in found:
            found[each.source].append((each.word, each.target))
    return found


def _shares(old: list[tuple[str, str]], new: list[tuple[str, str]], shares: list[float]) -> list[float]:
    """Return how often each way is taken: equal parts for new ways, the old ones in their proportions.

    >>> _shares([("rule", "a"), ("rule", "b")], [("rule", "a"), ("rule", "c"), ("rule", "b")], [0.5, 0.5])
    [0.333334, 0.333333, 0.333333]
    """
    if len(old) == len(new) == len(shares):
        return list(shares)
    found: dict[int, float] = {}
    if len(old) == len(shares):
        for block in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
            found |= {block.b + k: shares[block.a + k] for k in range(block.size)}
    part, left = 1 / len(new), sum(found.values())
    scale = len(found) * part / left if left else 0.0
    made = [round(found[k] * scale if k in found and left else part, 6) for k in range(len(new))]
    made[0] = round(1 - sum(made[1:]), 6)
    return made
