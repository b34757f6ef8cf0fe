"""What the figures panel shows of a chain, as plain values: `figures` makes them, js/figures.js draws them.

Numbers come as the text that is read and the place where it is drawn (0 to 100, per cent of the width), so that the
browser decides nothing. All that is measured here is better when it is less.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from chainkit.billing.bill import Bill
from chainkit.checks.findings import SEVERITIES, Finding
from chainkit.simulation.loads import Load
from chainkit.simulation.run import Run
from chainkit.units import seconds, usd
from chainkit.widgets.bottleneck import Share, nearest_limit, shares, table
from chainkit.widgets.reckoning import Reckoning
from chainkit.widgets.state import State

MOST_ERRORS = 5
MOST_BARS = 6
"""Services whose time is drawn."""
OPEN = 3
"""Findings that are open at first."""
LOG_FROM = 20.0
"""The axis of times is logarithmic if the longest is so many times the shortest."""
NEVER_X, LAST_X = 97.0, 90.0
"""Where times that never end are drawn, and the longest that does where there are such, per cent of the width."""
ABOUT = 0.03
"""How far the dollars of a quick look may be off: the first requests start more environments than the rest."""
LEAST = 0.012
"""Width of the narrowest part of the ledger's bar: what is rare is seen too."""
HINT = "There are no figures yet: add a first service, and a link to a second one. Every change is run at once."
OUTCOMES: Mapping[str, str] = {
    "completed": "all that it set off came to its end",
    "failed": "the answer was an error, or work that it set off failed",
    "throttled": "turned away for want of an environment",
    "dead-lettered": "given up, and kept in a dead-letter queue",
    "expired": "given up for its age, and lost",
    "dropped": "given up after its retries, and lost",
    "unfinished": "not over when the run ended",
}
"""Outcome -> what it means; in the order in which they are shown."""
NOTHING: Mapping[str, Any] = {
    "run": None, "headline": [], "percentiles": None, "bill": None, "ledger": None, "bottleneck": None, "say": "",
}  # fmt: skip


def figures(state: State, *, before: "Numbers | None" = None, last: Reckoning | None = None) -> dict[str, Any]:
    """Return what the panel shows: plain values that JSON holds.

    Parameters
    ----------
    state : gives the chain, its traffic, and what is known of it
    before : the numbers before the last gesture: they stand beside those of now
    last : what was known when the chain could be run last: its figures stay, as those of the chain before

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("one")
    >>> _ = chain.add(ck.LambdaFunction("pay"))
    >>> state = State(chain, ck.Steady(rate_per_s=4), requests=1_000, seed=1)
    >>> state.refresh()
    >>> figures(state)["run"]["text"]
    '1,000 requests, Steady, 4 per second, seed 1'
    """
    known, is_empty = state.figures, not state.chain.services
    errors = () if is_empty else known.errors
    made: dict[str, Any] = {
        "name": state.chain.name,
        "hint": HINT if is_empty else "",
        "errors": [{"problem": error.problem, "fix": error.fix} for error in errors[:MOST_ERRORS]],
        "more_errors": max(0, len(errors) - MOST_ERRORS),
        "findings": _findings(known.findings),
        "is_old": False,
        **NOTHING,
    }
    shown = known if known.run is not None else last
    if is_empty or shown is None or shown.run is None or shown.bill is None:
        return made
    is_old = shown is not known
    return made | {"is_old": is_old} | _of_run(state, shown, before if not is_old else None)


def _of_run(state: State, known: Reckoning, old: "Numbers | None") -> dict[str, Any]:
    """Return the parts that a run gives."""
    run, bill, now = known.run, known.bill, Numbers.of(known)
    assert run is not None
    assert bill is not None
    assert now is not None
    tiles = _headline(now, old, is_quick=known.is_quick)
    return {
        "run": {
            "text": f"{run.requests:,} requests, {_load_words(run.load)}, seed {run.seed}{_entry_words(state)}",
            "quick": f"quick look; all {state.requests:,} when your hand rests" if known.is_quick else "",
            "notes": _notes(run, bill),
        },
        "headline": tiles,
        "percentiles": _percentiles(now, old),
        "bill": _bill(bill),
        "ledger": _ledger(run),
        "bottleneck": _bottleneck(run),
        "say": ". ".join(f"{tile['label']} {tile['text']}, {tile['change']}" for tile in tiles if tile["way"]),
    }


# --- the run's numbers ---


@dataclass(frozen=True)
class _Number:
    """A figure with its interval."""

    label: str
    text: str
    value: float
    low: float = math.nan
    high: float = math.nan
    note: str = ""


@dataclass(frozen=True)
class Numbers:
    """The figures of a run that are compared with those of before, by name."""

    times: Mapping[str, _Number]
    """"response_p95_s" and so on: percentiles alone."""
    others: Mapping[str, _Number]

    @classmethod
    def of(cls, known: Reckoning) -> "Numbers | None":
        """Return those of a run and its bill; None where there is none."""
        run, bill = known.run, known.bill
        if run is None or bill is None:
            return None
        times, frame = {}, run.summary()
        columns = (frame[name].tolist() for name in ("low", "value", "high", "note"))
        for name, low, value, high, note in zip(frame.index, *columns, strict=True):
            what, which, _ = name.split("_")
            if which != "mean":
                times[name] = _Number(f"{what} {which}", seconds(value), value, low, high, note)
        total, million = bill.total_usd, bill.usd_per_million
        ledger = run.ledger.to_dict()
        lost = run.requests - ledger["completed"] - ledger["unfinished"]
        share, spread = lost / run.requests, 2 * math.sqrt(lost + 1) / run.requests
        return cls(
            times,
            {
                "usd": _Number("cost a month", usd(total), total, total * (1 - ABOUT), total * (1 + ABOUT)),
                "million": _Number(
                    "cost a million", usd(million), million, million * (1 - ABOUT), million * (1 + ABOUT)
                ),
                "lost": _Number("lost or failed", percent(share), share, share - spread, share + spread),
            },
        )


def percent(share: float) -> str:
    """Return a share for people.

    >>> percent(0), percent(0.00125), percent(0.25), percent(0.99885), percent(1)
    ('0 %', '0.12 %', '25 %', '99.89 %', '100 %')
    """
    if 0.99 <= share < 1:
        return f"{min(100 * share, 99.99):.2f} %"
    return f"{100 * share:.2g} %" if share < 1 else "100 %"


def roughly(share: float) -> str:
    """Return a share beside a bar, which says the rest.

    >>> roughly(0.00036), roughly(0.084)
    ('< 1 %', '8 %')
    """
    return "< 1 %" if 0 < share < 0.01 else f"{100 * share:.0f} %"


def _headline(now: Numbers, old: Numbers | None, *, is_quick: bool) -> list[dict[str, Any]]:
    """Return the numbers on top, each with what it was."""
    what = "response" if "response_p50_s" in now.times else "completion"
    last = "completion_p95_s" if what == "response" else "completion_p99.9_s"
    keys = [f"{what}_{name}_s" for name in ("p50", "p95", "p99")] + [last]
    tiles = []
    for key in (*keys, *now.others):
        number = {**now.times, **now.others}[key]
        was = None if old is None else {**old.times, **old.others}.get(key)
        way, change = _change(number, was, is_quick=is_quick)
        tiles.append({"key": key, "label": number.label, "text": number.text, "way": way, "change": change})
    return tiles


def _change(now: _Number, old: _Number | None, *, is_quick: bool) -> tuple[str, str]:
    """Return whether a figure became better or worse, and how much, in words; "" where nothing was before.

    A quick look whose interval meets the one of before cannot tell them apart, and says so.

    >>> _change(_Number("p95", "172 ms", 0.172), _Number("p95", "965 ms", 0.965), is_quick=False)
    ('better', '82 % less, was 965 ms')
    """
    if old is None or math.isnan(old.value) or math.isnan(now.value):
        return "", ""
    if now.text == old.text:
        return "same", "as before"
    if is_quick and not (old.high < now.low or old.low > now.high):
        return "same", f"not clear yet, was {old.text}"
    if now.value < old.value:
        return "better", f"{_less(now.value / old.value)}, was {old.text}"
    more = now.value / old.value if old.value else math.inf
    return "worse", f"{_more(more)}, was {old.text}"


def _less(ratio: float) -> str:
    return f"{100 * (1 - ratio):.2g} % less" if 0 < ratio < 0.995 else "less"


def _more(ratio: float) -> str:
    if not math.isfinite(ratio) or ratio < 1.005:
        return "more"
    return f"{100 * (ratio - 1):.2g} % more" if ratio < 2 else f"{ratio:.2g} times"


def _entry_words(state: State) -> str:
    """Return where requests enter, where that is not plain."""
    return f", enter at {state.entry}" if state.chosen_entry or len(state.chain.entries()) > 1 else ""


def _load_words(load: Load) -> str:
    """Return traffic in a few words."""
    users = getattr(load, "users", None)
    rate = f"{load.rate_per_s:.4g} per second" if users is None else f"{users:,} users"
    return f"{type(load).__name__}, {rate}"


def _notes(run: Run, bill: Bill) -> list[str]:
    """Return what the figures stand on."""
    interrupted = [f"interrupted: {run.requests:,} of {run.asked[0]:,} requests were run"] if run.is_interrupted else []
    warm = run.options["warmup_fraction"]
    return [
        *interrupted,
        f"times: over {run.replications} independent runs without the first {percent(warm)} of each; 95 % intervals"
        " from their differences; what is lost never completes",
        f"bill: a month at this rate, list prices of {bill.region},"
        f" {'with the free tier' if bill.free_tier else 'no free tier'}",
        "a run with the same seed meets the same requests, so a change of the figures is a change of the chain's",
        *bill.notes,
    ]


# --- percentiles ---


def _percentiles(now: Numbers, old: Numbers | None) -> dict[str, Any]:
    """Return the rows of the range plot, and its axis."""
    was = {key: number.value for key, number in old.times.items()} if old is not None else {}
    seen = [v for number in now.times.values() for v in (number.low, number.value, number.high)]
    seen += [was[key] for key in now.times if key in was]
    axis = _Axis(seen)
    rows = []
    for key, number in now.times.items():
        no_interval = "not enough requests" if number.note else ""
        interval = no_interval or f"{seconds(number.low)} \u2013 {seconds(number.high)}"
        rows.append(
            {
                "label": number.label, "text": number.text, "interval": interval, "note": number.note,
                "x": axis.x(number.value), "low": axis.x(number.low), "high": axis.x(number.high),
                "was": axis.x(was.get(key, math.nan)), "never": number.value == math.inf,
            }
        )  # fmt: skip
    return {"rows": rows, "ticks": axis.ticks(), "is_log": axis.is_log}


class _Axis:
    """Seconds -> place, per cent of the width. Its ends are round numbers: it stays while the figures move a little."""

    def __init__(self, values: Sequence[float]) -> None:
        finite = [value for value in values if 0 < value < math.inf]
        low, high = min(finite, default=0.1), max(finite, default=1.0)
        self.is_log = high > LOG_FROM * low
        self.low, self.high = _round(low, up=False) if self.is_log else 0.0, _round(high, up=True)
        self.last_x = LAST_X if any(value == math.inf for value in values) else NEVER_X
        self.first_x = 100 - NEVER_X

    def x(self, value: float) -> float | None:
        """Return a value's place; None: it has none."""
        if math.isnan(value):
            return None
        if value == math.inf:
            return NEVER_X
        if self.is_log:
            part = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            part = value / self.high
        return round(self.first_x + part * (self.last_x - self.first_x), 2)

    def ticks(self) -> list[dict[str, Any]]:
        """Return the marks of the axis: decades, or quarters."""
        if self.is_log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            at = [10.0**n for n in range(first, last + 1)]
        else:
            at = [self.high * n / 4 for n in range(5)]
        return [{"x": self.x(value), "text": _tick(value)} for value in at]


def _round(value: float, *, up: bool) -> float:
    """Return the next 1, 2 or 5 times a power of ten.

    >>> _round(0.117, up=False), _round(0.117, up=True)
    (0.1, 0.2)
    """
    power = 10.0 ** math.floor(math.log10(value))
    steps = [step * power for step in (1, 2, 5, 10)]
    if up:
        return round(next(step for step in steps if step >= value * (1 - 1e-9)), 9)
    return round(next(step for step in reversed(steps) if step <= value * (1 + 1e-9)), 9)


def _tick(value_s: float) -> str:
    """Return a mark of an axis: no more digits than it needs.

    >>> _tick(0), _tick(0.025), _tick(10), _tick(1.25)
    ('0', '25 ms', '10 s', '1.25 s')
    """
    if not value_s:
        return "0"
    return f"{value_s * 1000:g} ms" if value_s < 1 else f"{value_s:g} s"


# --- bill, ledger, bottleneck ---


def _bill(bill: Bill) -> dict[str, Any]:
    """Return each service's dollars, and the lines that they are made of; in the order of the chain."""
    lines: dict[str, list[dict[str, str]]] = {}
    for line in bill.lines:
        sums = line.why.removeprefix(f"{line.what}: ")
        source = f"price {line.price}: source {line.source}, {line.date}, confidence {line.confidence}"
        lines.setdefault(line.node, []).append({"what": line.what, "why": sums, "usd": usd(line.usd), "source": source})
    cost = {name: amount for name, amount in bill.node_usd().items() if name in lines}
    most = max(cost.values(), default=0.0) or 1.0
    return {
        "total": f"{usd(bill.total_usd)} a month at this rate, {usd(bill.usd_per_million)} per million requests",
        "services": [
            {"name": name, "usd": usd(amount), "x": round(100 * amount / most, 2), "lines": lines[name],
             "part": roughly(amount / bill.total_usd) if bill.total_usd else "0 %"}
            for name, amount in cost.items()
        ],
    }  # fmt: skip


def _ledger(run: Run) -> dict[str, Any]:
    """Return the requests by outcome; rare ones are drawn wide enough to be seen."""
    counts = run.ledger.to_dict()
    parts = {name: counts[name] / run.requests for name in OUTCOMES}
    wide = {name: max(part, LEAST) for name, part in parts.items() if part}
    rows, x = [], 0.0
    for name, what in OUTCOMES.items():
        width = 100 * wide.get(name, 0.0) / sum(wide.values())
        rows.append(
            {"name": name, "count": f"{counts[name]:,}", "part": percent(parts[name]), "what": what, "x": round(x, 2),
             "width": round(width, 2)}
        )  # fmt: skip
        x += width
    return {"rows": rows, "total": f"{run.requests:,}"}


def _bottleneck(run: Run) -> dict[str, Any]:
    """Return where the time goes and what is nearest to its limit, in words and bars."""
    nodes = table(run)
    found = shares(run, nodes)
    most = max(found, key=lambda share: share.own_s, default=None)
    first = sorted(found, key=lambda share: -share.own_s)[:MOST_BARS]
    bars = [
        {"name": share.node, "text": seconds(share.own_s), "part": roughly(share.part),
         "x": round(100 * share.own_s / first[0].own_s, 2)}
        for share in found if share in first
    ]  # fmt: skip
    limit, near = nearest_limit(run, nodes), ""
    if limit is not None:
        kept = "reserved for it" if limit.is_own else "that the account shares"
        of = f"{limit.peak:,} of the {limit.most:,} environments {kept} were busy at once"
        near = f"is nearest to its limit, and far from it: at most {of}."
        if limit.throttles:
            near = f"is at its limit: {limit.throttles:,} tries were throttled; {of} at most."
        elif limit.part >= 0.5:
            near = f"comes near its limit: at most {of}."
    return {
        "where": most.node if most else "",
        "words": _most_words(most) if most else "No service takes time that can be told.",
        "bars": bars,
        "limit_where": limit.node if limit else "",
        "limit": near,
    }


def _most_words(share: Share) -> str:
    slow = f", p95 {seconds(share.p95_s)}" if not math.isnan(share.p95_s) else ""
    return (
        f"takes most of a request's time in services: {seconds(share.own_s)}, {percent(share.part)} of it"
        f" ({share.runs:.3g} visits of {seconds(share.each_s)} on average{slow})."
    )


# --- findings ---


def key_of(finding: Finding) -> str:
    """Return what tells a finding from the others of a chain."""
    return f"{finding.rule} {finding.where} {finding.problem}"


def _findings(found: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return the findings by severity, worst first; the first ones are open."""
    groups = []
    opened = {key_of(finding) for finding in found[:OPEN]}
    for severity, group in groupby(found, key=lambda finding: finding.severity):
        rows = [
            {"key": key_of(each), "where": each.where, "problem": each.problem, "effect": each.effect, "fix": each.fix,
             "source": each.source, "code": [*map(str, each.change)], "is_open": key_of(each) in opened}
            for each in group
        ]  # fmt: skip
        groups.append({"severity": severity, "what": SEVERITIES[severity], "rows": rows})
    return groups
