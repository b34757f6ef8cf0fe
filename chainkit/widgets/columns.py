"""A comparison as columns, one design beside the other: what the panel shows, as plain values and as text.

The first column is what the others are compared with. A figure is called best only where the interval of its difference
to that of every other column lies on one side of 0.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chainkit.chain import Chain
from chainkit.comparison import COUNTS, MONEY, Comparison
from chainkit.pictures import svg
from chainkit.rewiring import Variant
from chainkit.rewiring.inventory import counted, more
from chainkit.simulation.intervals import TOO_FEW
from chainkit.units import seconds, usd
from chainkit.widgets.tradeoff import Figure, tradeoff

if TYPE_CHECKING:
    import pandas as pd

ROWS: Mapping[str, tuple[str, str]] = {
    "response_p50_s": ("Response", "p50"),
    "response_p95_s": ("Response", "p95"),
    "response_p99_s": ("Response", "p99"),
    "completion_p50_s": ("Completion", "p50"),
    "completion_p95_s": ("Completion", "p95"),
    "completion_p99_s": ("Completion", "p99"),
    "usd_per_month": ("Cost", "a month at this rate"),
    "usd_per_million": ("Cost", "a million requests"),
    "lost": ("Requests", "lost"),
    "failed": ("Requests", "failed"),
}
"""Figure of `Comparison.to_frame` -> its group and name in that."""
Figures = dict[str, dict[str, Figure]]
"""Chain -> figure -> low, value, high."""
BEST = "least of all"
PROMISES = ("delivery", "ordering", "after_last_try")
LISTS = (
    "summary", "added", "gone", "changed", "rewired", "kept", "notes", *PROMISES, "idempotent", "faults",
)  # fmt: skip
NEVER = "never: more than that share is lost or undone"
MOST_CHANGES = 8


@dataclass(frozen=True)
class Design:
    """One column: a chain under a name."""

    name: str
    title: str
    chain: Chain
    code: str
    """Python that gives the chain."""
    variant: Variant | None = None
    """Where it is the same flow wired in another way."""
    is_now: bool = False
    """Whether it is the chain in hand: there is nothing to take."""


def columns(comparison: Comparison, designs: Sequence[Design]) -> dict[str, Any]:
    """Return what the browser draws of a comparison.

    Parameters
    ----------
    comparison : of the designs' chains, by their names
    designs : in the order of the columns; the others are compared with the first

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("two")
    >>> a, b = chain.add(ck.LambdaFunction("a", timeout_s=10)), chain.add(ck.LambdaFunction("b", timeout_s=5))
    >>> _ = chain.connect(a, b, needs_answer=False)
    >>> flow = ck.variants(chain, ["sqs"])["sqs"]
    >>> designs = [Design("now", "this chain", chain, "chain"), Design("sqs", "sqs", flow.chain, "", flow)]
    >>> both = ck.compare({d.name: d.chain for d in designs}, ck.Poisson(rate_per_s=4), requests=2_000, seed=1)
    >>> columns(both, designs)["columns"][1]["added"]
    ['3 links', '1 SQS queue', '1 dead-letter queue']
    """
    first, known = designs[0], figures(comparison)
    said = _verdicts(comparison)
    promises, faults = _promises(comparison), _faults(comparison)
    shown = {name: cells(comparison, name, first.name) for name in known}
    for key in ROWS:
        if (best := _best(comparison, known, key)) is not None:
            shown[best][key]["best"] = BEST
    return {
        "rows": [
            {"key": key, "group": group, "label": label, "verdict": said.get(key, "")}
            for key, (group, label) in ROWS.items()
        ],
        "columns": [
            {**_column(each, first, shown[each.name]), **promises[each.name], "faults": faults[each.name]}
            for each in designs
        ],
        "plots": {key: plot for key in ROWS if key.endswith("_s") and (plot := _plot(known, designs, key))},
    }


def _column(design: Design, first: Design, cells: Mapping[str, Any]) -> dict[str, Any]:
    variant = design.variant
    return {
        "name": design.name, "title": design.title, "is_now": design.is_now, "code": design.code,
        "picture": svg(design.chain), "cells": cells,
        "added": [] if design is first else _counted(first.chain, design.chain),
        "gone": [] if design is first else _counted(design.chain, first.chain),
        "changed": [] if design is first or variant else changes(first.chain, design.chain),
        "rewired": [*variant.rewired] if variant else [], "kept": [*variant.kept] if variant else [],
        "notes": [*variant.notes] if variant else [],
        "summary": [variant.summary] if variant else [],
    }  # fmt: skip


# --- what differs ---


def _counted(before: Chain, after: Chain) -> list[str]:
    """Return what is in one chain and not in the other: "3 links", "2 SQS queues"."""
    return [counted({word: n}) for word, n in more(before, after).items()]


def changes(before: Chain, after: Chain) -> list[str]:
    """Return the settings that differ of services and links that both chains have.

    Examples
    --------
    >>> import chainkit as ck
    >>> one = ck.Chain("one")
    >>> _ = one.add(ck.SqsQueue("jobs"))
    >>> other = one.copy()
    >>> _ = other.set("jobs", visibility_timeout_s=60)
    >>> changes(one, other)
    ['jobs: visibility_timeout_s was 30, is 60']
    """
    lines = []
    for name, old, new in _shared(before, after):
        plain, other = old.to_plain(), new.to_plain()
        keys = dict.fromkeys([*plain, *other])
        pairs = [
            (key, plain.get(key, getattr(old, key, None)), other.get(key, getattr(new, key, None))) for key in keys
        ]
        lines += [f"{name}: {key} was {_short(a)}, is {_short(b)}" for key, a, b in pairs if a != b]
    more = len(lines) - MOST_CHANGES
    return [*lines[:MOST_CHANGES], f"and {more} more"] if more > 0 else lines


def _shared(before: Chain, after: Chain) -> list[tuple[str, Any, Any]]:
    both = [
        (name, service, after.services[name]) for name, service in before.services.items() if name in after.services
    ]
    links = [(key, link, after.links[key]) for key, link in before.links.items() if key in after.links]
    return [each for each in [*both, *links] if each[1] != each[2]]


def _short(value: Any) -> str:
    text = "not set" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:59]}\u2026"


# --- what is promised, and what breaks ---


def _promises(comparison: Comparison) -> dict[str, dict[str, list[str]]]:
    """Return, design by design, what AWS promises of the ways into its functions and machines: promise, then links."""
    table = comparison.guarantees().reset_index()
    found = {}
    for name in comparison.runs:
        own = table[table["variant"] == name]
        found[name] = {key: _by_value(own, key) for key in PROMISES}
        twice = sorted({str(each) for each in own.loc[own["needs_idempotency"].astype(bool), "service"]})
        found[name]["idempotent"] = [", ".join(twice)] if twice else []
    return found


def _by_value(rows: "pd.DataFrame", key: str) -> list[str]:
    """Return each value of a column with the links that have it: "at least once: jobs>pay"."""
    return [f"{value}: {', '.join(map(str, own['link']))}" for value, own in rows.groupby(key, sort=False)]


def _faults(comparison: Comparison) -> dict[str, list[str]]:
    """Return, design by design, one line for each fault: what was lost, failed, took and cost before, and under it."""
    found: dict[str, list[str]] = {name: [] for name in comparison.runs}
    for fault, then in comparison.faults.items():
        table = comparison.under(fault)
        for name, lines in found.items():
            rows = {str(key): dict(row) for key, row in table.loc[name].iterrows()}
            parts = [_moved(key, row, comparison.runs[name].requests) for key, row in rows.items()]
            note = f" ({then.notes[name]})" if then.notes.get(name) else ""
            lines.append(f"{fault}: {', '.join(parts)}{note}")
    return found


def _moved(key: str, row: Mapping[str, Any], requests: int) -> str:
    """Return one figure before and under a fault; where the interval holds 0 no difference was seen."""
    group, label = ROWS[key]
    name = label if group == "Requests" else f"{group.lower()} {label}"
    calm, fault = (_value(key, float(row[each]), requests) for each in ("calm", "fault"))
    return f"{name} {calm} \u2192 {fault}" if calm != fault else f"{name} {calm} as before"


# --- figures ---


def figures(comparison: Comparison) -> Figures:
    """Return low, value, high of every figure of every chain; NaN where there is none."""
    known: Figures = {}
    for name in comparison.runs:
        known[name] = {key: comparison.interval(key, name) for key in ROWS}
    return known


def known_rows(comparison: Comparison) -> list[str]:
    """Return the figures that some chain has: where nobody waits for an answer there is no response."""
    nobody_waits = all(run.program.nobody_waits for run in comparison.runs.values())
    return [key for key in ROWS if not (nobody_waits and key.startswith("response"))]


def cells(comparison: Comparison, name: str, first: str) -> dict[str, dict[str, str]]:
    """Return the cells of one column: value, interval, difference to the first column, and which way it goes."""
    found, requests = {}, comparison.runs[name].requests
    for key in ROWS:
        own = comparison.interval(key, name)
        verdict, words = ("", "") if name == first else told(key, comparison.difference(key, name, first), requests)
        found[key] = {
            "value": _value(key, own[1], requests), "range": _range(key, own, requests),
            "difference": words, "verdict": verdict, "best": "",
        }  # fmt: skip
    return found


def _verdicts(comparison: Comparison) -> dict[str, str]:
    """Return what the intervals say of the figures in which no design wins, and what would decide; nothing of one."""
    if len(comparison.runs) < 2:
        return {}
    found = {key: comparison.verdict(key) for key in known_rows(comparison)}
    return {key: each.text for key, each in found.items() if each.winner is None}


def _best(comparison: Comparison, known: Figures, key: str) -> str | None:
    """Return the chain whose figure is surely less than that of every other, if there is one."""
    return comparison.verdict(key).winner if len(known) > 1 else None


def _value(key: str, value: float, requests: int) -> str:
    if key in COUNTS:
        return f"{_number(100 * value / requests)} %"
    return usd(value) if key in MONEY else seconds(value)


def _range(key: str, of: Figure, requests: int) -> str:
    """Return the words below a value: its 95 % interval, or why there is none."""
    low, value, high = of
    if math.isnan(value):
        return "nobody waits for an answer"
    if key in COUNTS:
        return f"{value:,.0f} of {requests:,}"
    if math.isinf(value):
        return NEVER
    if math.isnan(low):
        return TOO_FEW
    return _from_to(key, low, high)


def told(key: str, difference: tuple[float, float, float, str], requests: int) -> tuple[str, str]:
    """Return which way a difference goes ("less", "more", "same", "open" or ""), and its words.

    Examples
    --------
    >>> told("response_p95_s", (-0.045, -0.038, -0.031, ""), 20_000)
    ('less', '38 ms less (31 to 45)')
    >>> told("usd_per_month", (-1.0, 2.0, 5.0, ""), 20_000)
    ('open', 'no difference seen')
    """
    low, value, high, note = difference
    if math.isnan(value):
        return "", ""
    if low == value == high == 0:
        return "same", "the same"
    if math.isnan(low):
        return "open", f"{note or TOO_FEW} to tell"
    if low <= 0 <= high:
        return "open", "no difference seen"
    word = "less" if value < 0 else "more"
    if math.isinf(value):
        return word, "this one comes to an end" if value < 0 else "never comes to an end"
    near, far = sorted((abs(low), abs(high)))
    scale = 100 / requests if key in COUNTS else 1.0
    amount, unit = _amounts(key, scale * near, scale * abs(value), scale * far)
    return word, f"{amount[1]}{unit} {word} ({amount[0]} to {amount[2]})"


def _from_to(key: str, low: float, high: float) -> str:
    (a, b), unit = _amounts(key, low, high)
    return f"{a} to {b}{unit}"


def _amounts(key: str, *values: float) -> tuple[list[str], str]:
    """Return amounts in one unit, and that unit: dollars stand before each amount."""
    if key in MONEY:
        return [usd(value) for value in values], ""
    if key in COUNTS:
        return [_number(value) for value in values], " points"
    is_short = max(map(abs, (value for value in values if math.isfinite(value))), default=0.0) < 1
    return [_number(value * (1000 if is_short else 1)) for value in values], " ms" if is_short else " s"


def _number(value: float) -> str:
    """Return three figures, without an exponent.

    >>> _number(0.1153), _number(38.0), _number(1234.5), _number(float("inf"))
    ('0.115', '38', '1,234', 'never')
    """
    if math.isinf(value):
        return "never"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) >= 1e-4 else "0"


# --- pictures and text ---


def _plot(known: Figures, designs: Sequence[Design], key: str) -> dict[str, Any] | None:
    """Return the scatter of one time against the cost of a month; None where nobody waits for it."""
    points = [(each.title, known[each.name]["usd_per_month"], known[each.name][key]) for each in designs]
    title = f"{ROWS[key][0].lower()} {ROWS[key][1]}"
    return None if all(math.isnan(y[1]) for _, _, y in points) else tradeoff(points, title)


def text(result: Mapping[str, Any]) -> str:
    """Return the columns as text: a table of values, then what is said of each design."""
    shown = result["columns"]
    table = [["", *(each["title"] for each in shown)]]
    for row in result["rows"]:
        cells = [each["cells"][row["key"]] for each in shown]
        table.append([f"{row['group']} {row['label']}", *(f"{c['value']}{' *' if c['best'] else ''}" for c in cells)])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]
    if any(cell["best"] for each in shown for cell in each["cells"].values()):
        lines.append(f"* {BEST}, beyond chance")
    lines += [f"{row['group']} {row['label']}: {row['verdict']}" for row in result["rows"] if row["verdict"]]
    for each in shown[1:]:
        lines += [
            "",
            f"{each['title']}, beside {shown[0]['title']}:",
            *(f"  {line}" for line in _story(each, result["rows"])),
        ]
    return "\n".join(lines)


def _story(column: Mapping[str, Any], rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Return what is said of one design, line by line."""
    found = [(f"{row['group'].lower()} {row['label']}", column["cells"][row["key"]]["difference"]) for row in rows]
    lines = [f"{name}: {words}" for name, words in found if words]
    for word in ("added", "gone"):
        lines += [f"{word}: {', '.join(column[word])}"] if column[word] else []
    rest = [word for word in LISTS if word not in ("added", "gone", "summary")]
    return lines + [f"{word.replace('_', ' ')}: {line}" for word in rest for line in column[word]]
