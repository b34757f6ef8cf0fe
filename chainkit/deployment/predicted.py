"""Predicted beside measured: counts and durations, service by service, with a verdict for each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from chainkit.deployment.measured import COUNTED, Measured, counted, quantile_of
from chainkit.errors import ConfigError
from chainkit.records import Pool, Trace
from chainkit.units import seconds

if TYPE_CHECKING:
    import pandas as pd

    from chainkit.simulation.run import Run

SAMPLE = 1_000
"""Predicted requests that are looked at one by one."""
BUSY_S = 0.01
"""What a local target itself takes for an invocation, at most: a difference below this says nothing about a design."""
_REPORTED = "a run that reports failed messages succeeds itself; the prediction counts the messages"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One figure of one service, predicted and measured."""

    node: str
    figure: str
    """A count per request, "own_p50_s" of a function's own run, or a share of the requests by outcome."""
    predicted: float
    measured: float
    low: float
    """What the difference measured - predicted may be, 95 %."""
    high: float
    verdict: str
    """agrees, differs or cannot say."""
    note: str = ""


@dataclass(frozen=True, kw_only=True, repr=False)
class SideBySide:
    """A run beside what was measured."""

    chain: str
    target: str
    lines: tuple[Line, ...]
    is_same: bool
    """Whether both had the same requests with the same faults, so that counts must be equal."""

    @property
    def verdict(self) -> str:
        """What the figures say together: "differs" if one does, "agrees" if all that can be compared do."""
        found = {line.verdict for line in self.lines}
        return next((word for word in ("differs", "agrees") if word in found), "cannot say")

    @property
    def differing(self) -> tuple[Line, ...]:
        """The figures that differ."""
        return tuple(line for line in self.lines if line.verdict == "differs")

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per figure: node, figure, predicted, measured, low, high, verdict, note."""
        import pandas as pd

        names = [*Line.__dataclass_fields__]
        return pd.DataFrame([[getattr(line, name) for name in names] for line in self.lines], columns=names)

    def __repr__(self) -> str:
        """Return the comparison in a word: stable, so that notebooks can be compared."""
        return f"SideBySide({self.chain!r}: {self.verdict})"

    def __str__(self) -> str:
        """Return a sentence, and a table of what is not nothing on both sides."""
        told = [line for line in self.lines if line.predicted or line.measured]
        rows = [(*_row(line), line.note) for line in told]
        head = f"{self.chain!r} as predicted and as measured on {self.target}: {self._sentence(told)}"
        widths = [max((len(row[k]) for row in rows), default=0) for k in range(5)]
        return "\n".join(
            [head, *("  " + "  ".join([*map(str.ljust, row[:5], widths), row[5]]).rstrip() for row in rows)]
        )

    def _sentence(self, told: Sequence[Line]) -> str:
        how = "the same requests and faults, so counts must be equal" if self.is_same else "counts within chance"
        sure = [line for line in told if line.verdict != "cannot say"]
        agreeing = sum(line.verdict == "agrees" for line in sure)
        return f"{agreeing} of {len(sure)} figures agree ({how})"


def beside_run(measured: Measured, run: "Run", *, is_same: bool = False) -> SideBySide:
    """Return a run beside what was measured.

    Counts are per request. Where both had the same requests and faults they must be equal; else the difference must
    be one that chance makes (95 %, by the spread between requests). Durations are those of a function's own runs,
    warm, which a local target has as AWS would; hops are not compared: a local hop is no hop of AWS.

    Raises
    ------
    ConfigError
        If the run is of other services than what was measured.
    """
    if [*run.chain.services] != [*measured.chain.services]:
        raise ConfigError(
            f"compare: the run is of {run.chain.name!r} with services {', '.join(run.chain.services)}, what was "
            f"measured of {measured.chain.name!r} with {', '.join(measured.chain.services)}",
            fix="simulate the chain that was deployed",
        )
    predicted = _predicted(run, measured.requests, is_same=is_same)
    lines = [
        *_outcomes(predicted, measured.traces, is_same=is_same),
        *_counts(run, predicted, measured.traces, is_same=is_same),
        *_durations(run, predicted, measured.traces),
    ]
    return SideBySide(chain=run.chain.name, target=measured.target, lines=tuple(lines), is_same=is_same)


def _predicted(run: "Run", requests: int, *, is_same: bool) -> list[Trace]:
    """Return predicted traces: of the very same requests, or of enough after the warm-up."""
    from chainkit.simulation import stories

    if is_same and run.requests < requests:
        raise ConfigError(
            f"compare: the run has {run.requests} requests, and {requests} were measured",
            fix=f"simulate(..., requests={requests})",
        )
    if is_same:
        wanted = [(tally, [*range(tally.bounds[0], min(tally.bounds[1], requests))]) for tally in run.tallies]
    else:
        tally = max(run.tallies, key=lambda each: each.counted)
        high = tally.bounds[1]
        wanted = [(tally, [*range(high - tally.counted, min(high - tally.counted + SAMPLE, high))])]
    return [
        trace
        for tally, numbers in wanted
        if numbers
        for trace in stories.traces(run.program, run.again(tally, traced=numbers), numbers)
    ]


def _outcomes(predicted: Sequence[Trace], measured: Sequence[Trace], *, is_same: bool) -> list[Line]:
    names = dict.fromkeys(trace.outcome for trace in (*predicted, *measured))
    return [
        _count(
            "(requests)", name, [t.outcome == name for t in predicted], [t.outcome == name for t in measured], is_same
        )
        for name in names
    ]


def _counts(run: "Run", predicted: Sequence[Trace], measured: Sequence[Trace], *, is_same: bool) -> list[Line]:
    ours, theirs = ([counted(trace) for trace in traces] for traces in (predicted, measured))
    lines = [
        _count(node, what, [each[node, what] for each in ours], [each[node, what] for each in theirs], is_same)
        for node in run.chain.services
        for what in COUNTED
        if any(each[node, what] for each in (*ours, *theirs))
    ]
    reporting = {link.target for link in run.chain.links.values() if getattr(link, "report_batch_item_failures", False)}
    return [
        replace(line, verdict="cannot say", note=_REPORTED)
        if line.node in reporting and line.figure == "errors"
        else line
        for line in lines
    ]


def _count(node: str, figure: str, predicted: Sequence[int], measured: Sequence[int], is_same: bool) -> Line:
    """Return how often something happens per request, on both sides."""
    one, other = np.array(predicted, dtype=float), np.array(measured, dtype=float)
    differs = float(other.mean() - one.mean())
    half = 1.96 * math.sqrt(sum(each.var() / each.size for each in (one, other)))
    # Nothing seen on one side is not nothing for sure: about three in so many requests may be missed.
    half = max(half, 3.0 / min(one.size, other.size)) if not is_same else 0.0
    note = ""
    if is_same and (unlike := int((one != other).sum())):
        note = f"in {unlike} of {other.size} requests"
    agrees = not note if is_same else abs(differs) <= half
    return Line(
        node=node, figure=figure, predicted=float(one.mean()), measured=float(other.mean()), low=differs - half,
        high=differs + half, verdict="agrees" if agrees else "differs", note=note,
    )  # fmt: skip


def _durations(run: "Run", predicted: Sequence[Trace], measured: Sequence[Trace]) -> list[Line]:
    found = []
    for node, service in run.chain.services.items():
        if not isinstance(service.behaviour(), Pool):
            continue
        one, other = _warm_s(node, predicted), _warm_s(node, measured)
        for name, fraction in (("p50", 0.5), ("p95", 0.95)):
            found.append(_duration(node, f"warm_{name}_s", fraction, one, other))
    return found


def _warm_s(node: str, traces: Sequence[Trace]) -> np.ndarray:
    """Return seconds of the warm invocations of a function that ended well, its waits for callees included."""
    times_s = []
    for trace in traces:
        starts_s = [span.start_s for span in trace.spans if (span.node, span.what) == (node, "init")]
        for span in trace.spans:
            is_cold = any(span.start_s <= start_s <= span.end_s for start_s in starts_s)
            if (span.node, span.what, span.status) == (node, "invocation", "ok") and not is_cold:
                times_s.append(span.end_s - span.start_s)
    return np.array(times_s)


def _duration(node: str, figure: str, fraction: float, predicted: np.ndarray, measured: np.ndarray) -> Line:
    if not predicted.size or not measured.size:
        which = "measured" if predicted.size else "predicted"
        return Line(node=node, figure=figure, predicted=math.nan, measured=math.nan, low=math.nan, high=math.nan,
                    verdict="cannot say", note=f"no warm run was {which}")  # fmt: skip
    p_low, p, p_high, p_note = quantile_of(predicted, fraction)
    m_low, m, m_high, m_note = quantile_of(measured, fraction)
    if p_note or m_note:
        return Line(node=node, figure=figure, predicted=p, measured=m, low=math.nan, high=math.nan,
                    verdict="cannot say", note="not enough runs")  # fmt: skip
    low, high = m_low - p_high, m_high - p_low
    agrees = low <= BUSY_S and high >= 0
    note = "" if low <= 0 else f"within the {seconds(BUSY_S)} that a local target itself takes" if agrees else ""
    return Line(node=node, figure=figure, predicted=p, measured=m, low=low, high=high,
                verdict="agrees" if agrees else "differs", note=note)  # fmt: skip


def _row(line: Line) -> tuple[str, str, str, str, str]:
    """Return what a line says, as text."""
    return (line.node, line.figure, _shown(line, line.predicted), _shown(line, line.measured), line.verdict)


def _shown(line: Line, value: float) -> str:
    if math.isnan(value):
        return "-"
    return seconds(value) if line.figure.endswith("_s") else f"{value:.4g}"
