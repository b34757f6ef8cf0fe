"""What the deploy panel shows of plans, stacks, load tests and predictions, as plain values."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from chainkit.deployment.measured import Measured
from chainkit.deployment.monthly import by_resource
from chainkit.deployment.plan import Action, Plan
from chainkit.deployment.predicted import SideBySide
from chainkit.deployment.stack import Stack
from chainkit.units import seconds, usd

ACTIONS: Mapping[Action, tuple[str, str]] = {
    "create": ("+", "added"),
    "update": ("~", "changed"),
    "replace": ("!", "replaced"),
    "delete": ("-", "removed"),
}
"""Action of a plan -> its sign, and what is done with a resource."""
SHOWN = ("mean_s", "p50_s", "p95_s", "p99_s")
"""Of a load test's figures."""
Words = dict[str, Any]


def plan_words(plan: Plan | None) -> Words:
    """Return a plan: counts, a row for each change, and the code by which exactly this is approved."""
    if plan is None:
        return {}
    counts = Counter(change.action for change in plan.changes)
    costs = by_resource(plan.chain, plan.bill)
    told = [f"{counts[action]} {word}" for action, (_, word) in ACTIONS.items() if counts[action]]
    same = [f"{counts['keep']} unchanged"] if counts["keep"] else []
    return {
        "title": f"On {plan.target}: {', '.join([*told, *same]) if told else 'nothing to change'}",
        "is_empty": plan.is_empty,
        "code": plan.code,
        "must_be_read": _must_be_read(plan) if plan.target.is_aws else "",
        "month": _month(plan),
        "rows": [
            {
                "sign": ACTIONS[change.action][0], "action": ACTIONS[change.action][1], "id": change.resource.id,
                "type": change.resource.type, "usd": usd(cost) if (cost := costs.get(change.resource.id)) else "",
                "differences": [*map(str, change.differences)],
            }
            for change in plan.changes
            if change.action != "keep"
        ],
    }  # fmt: skip


def _must_be_read(plan: Plan) -> str:
    """Return what somebody confirms before anything is sent to an account."""
    changes = sum(change.action != "keep" for change in plan.changes)
    return f"I have read this plan: {changes} changes on {plan.target}"


def _month(plan: Plan) -> str:
    """Return what a month costs, as the plan says it; "" where nobody knows."""
    if plan.bill is None:
        return ""
    most = f", of at most {usd(plan.target.ceiling_usd)}" if plan.target.ceiling_usd is not None else ""
    until = f" It stands until {plan.expires:%Y-%m-%d %H:%M} UTC." if plan.expires is not None else ""
    on = "" if plan.target.is_aws else " on AWS; here it costs nothing"
    return f"A month costs {usd(plan.bill.total_usd)}{on}{most} ({plan.bill.title}).{until}"


def stack_words(stack: Stack | None) -> Words:
    """Return what stands: how much, where it answers, what the target forgets."""
    if stack is None:
        return {}
    return {
        "title": f"{stack.chain.name} stands on {stack.target}",
        "outputs": [[name, stack.target.masked(str(value))] for name, value in stack.outputs.items()],
        "dropped": [f"{each.resource}.{each.field}" for each in stack.dropped],
    }


def measured_words(measured: Measured | None) -> Words:
    """Return what came of a load test: sentences, and its figures with their intervals."""
    if measured is None:
        return {}
    figures: dict[str, dict[str, Any]] = measured.summary().to_dict("index")  # type: ignore[assignment] # by name
    rows = [
        [name.removesuffix("_s").replace("_", " "), seconds(row["value"]), _range(row["low"], row["high"], row["note"])]
        for name, row in figures.items()
        if name.endswith(SHOWN)
    ]
    return {"said": str(measured).split("\n"), "rows": rows}


def beside_words(beside: SideBySide | None) -> Words:
    """Return predicted beside measured: a sentence, then a row for each figure that is not nothing on both sides."""
    if beside is None:
        return {}
    lines = [line for line in beside.lines if line.predicted or line.measured]
    counts = Counter(line.verdict for line in lines)
    told = ", ".join(f"{counts[verdict]} {_PLURAL[verdict]}" for verdict in _PLURAL if counts[verdict])
    return {
        "said": f"Of {len(lines)} figures {told}." if lines else "There is nothing to compare.",
        "rows": [
            {
                "node": line.node, "figure": line.figure.removesuffix("_s").replace("_", " "),
                "predicted": _amount(line.figure, line.predicted), "measured": _amount(line.figure, line.measured),
                "verdict": line.verdict, "note": line.note,
            }
            for line in lines
        ],
    }  # fmt: skip


_PLURAL = {"agrees": "agree", "differs": "differ", "cannot say": "cannot be told"}


def _amount(figure: str, value: float) -> str:
    """Return a figure for people: a time, or a count for each request.

    >>> _amount("warm_p50_s", 0.2), _amount("invocations", 1.25), _amount("errors", float("nan"))
    ('200 ms', '1.25', '-')
    """
    if math.isnan(value):
        return "-"
    return seconds(value) if figure.endswith("_s") else f"{value:.4g}"


def _range(low: float, high: float, note: str) -> str:
    return note if math.isnan(low) or math.isnan(high) else f"{seconds(low)} to {seconds(high)}"
