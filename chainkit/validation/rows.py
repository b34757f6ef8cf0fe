"""A row of the accuracy table: what was published, what we predict, how far apart they may be."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from chainkit.simulation.intervals import student_t
from chainkit.simulation.run import Run

if TYPE_CHECKING:
    from chainkit.simulation.memory import Tally

Verdict = Literal["pass", "fail", "coarse", "shown"]
ERRORS = 3
"""How many standard errors two figures may be apart."""
FEW = 20
"""Replications below which a standard error is itself so uncertain that more of them are allowed."""
UNPRINTED = 0.002
"""Standard error, as a share of the value, of a simulated figure that was printed without one."""
COARSE = 0.005
"""Largest standard error of ours, as a share of the value, beside a value that is known exactly."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure, published or measured, beside ours."""

    case: str
    what: str
    source: str
    published: float
    published_low: float = math.nan
    """95 % interval of the published figure, where it can be told."""
    published_high: float = math.nan
    ours: float
    low: float
    """95 % interval of ours."""
    high: float
    allowed: float = math.nan
    """Largest distance between the two; NaN where no line is stated."""
    rule: str = ""
    """Where `allowed` comes from."""
    is_coarse: bool = False
    """Whether our own standard error is larger than the rule lets it be."""

    @property
    def verdict(self) -> Verdict:
        """Whether the two agree; see the words below the table."""
        if math.isnan(self.allowed):
            return "shown"
        if not abs(self.ours - self.published) <= self.allowed:
            return "fail"
        return "coarse" if self.is_coarse else "pass"


@dataclass(frozen=True)
class Effort:
    """How much is simulated: everything, or a tenth of it for a first look."""

    is_quick: bool = False

    def replications(self, full: int) -> int:
        """Return how many independent runs to make; their length stays, so that the same start is in each."""
        return max(full // 10, 4) if self.is_quick else full


@dataclass(frozen=True)
class Spread:
    """A figure from independent replications."""

    value: float
    standard_error: float
    low: float
    high: float
    errors: float = ERRORS
    """How many standard errors of it are as unlikely as three of a figure from many replications."""


def certain(value: float) -> Spread:
    """Return a figure without chance in it."""
    return Spread(value, 0.0, value, value)


def spread(each: Sequence[float], value: float | None = None) -> Spread:
    """Return the mean of a figure over replications (or its `value` over all of them) and its 95 % interval.

    >>> round(spread([1.0, 2.0, 3.0]).high, 3)
    4.484
    """
    error = float(np.std(each, ddof=1) / math.sqrt(len(each)))
    middle = float(np.mean(each)) if value is None else value
    half = student_t(len(each) - 1) * error
    errors = ERRORS if len(each) >= FEW else _as_unlikely(len(each) - 1)
    return Spread(middle, error, middle - half, middle + half, errors)


def _as_unlikely(degrees: int) -> float:
    """Return how many errors of few replications are as unlikely as three of many."""
    from scipy.special import ndtr, stdtrit

    return float(stdtrit(degrees, ndtr(ERRORS)))


def by_errors(
    case: str, what: str, source: str, published: str, ours: Spread, *, published_error: float | None = None
) -> Row:
    """Return a row of a simulated figure: three standard errors apart at most, its last printed digit aside."""
    value = float(published)
    error = published_error if published_error is not None else UNPRINTED * abs(value)
    digit = 0.5 * 10 ** -len(published.partition(".")[2])
    told = published_error is not None
    return Row(
        case=case, what=what, source=source, published=value, ours=ours.value, low=ours.low, high=ours.high,
        published_low=value - 1.96 * error if told else math.nan,
        published_high=value + 1.96 * error if told else math.nan,
        allowed=math.hypot(ERRORS * error, ours.errors * ours.standard_error) + digit,
        rule="3 errors, theirs printed" if told else "3 errors, theirs taken as 0.2 %",
        is_coarse=ours.standard_error > error,
    )  # fmt: skip


def by_law(case: str, what: str, source: str, exact: float, ours: Spread) -> Row:
    """Return a row of a value that is known exactly: three of our own standard errors apart at most."""
    return Row(
        case=case, what=what, source=source, published=exact, published_low=exact, published_high=exact,
        ours=ours.value, low=ours.low, high=ours.high, allowed=ours.errors * ours.standard_error,
        rule="3 errors of ours", is_coarse=ours.standard_error > COARSE * abs(exact),
    )  # fmt: skip


def by_share(
    case: str,
    what: str,
    source: str,
    published: float,
    ours: Spread,
    *,
    share: float,
    between: tuple[float, float] = (math.nan, math.nan),
) -> Row:
    """Return a row of a measured figure: at most a share of it apart; a share of NaN only shows the two."""
    return Row(
        case=case, what=what, source=source, published=published, published_low=between[0], published_high=between[1],
        ours=ours.value, low=ours.low, high=ours.high, allowed=share * abs(published),
        rule="" if math.isnan(share) else f"{100 * share:.3g} %",
    )  # fmt: skip


def exact(case: str, what: str, source: str, published: float, ours: float, *, within: float = 1e-9) -> Row:
    """Return a row of two figures without chance in them: the same but for rounding."""
    return Row(
        case=case, what=what, source=source, published=published, published_low=published, published_high=published,
        ours=ours, low=ours, high=ours, allowed=within, rule="equal" if within <= 1e-6 else f"{within:g}",
    )  # fmt: skip


# --- what a run counted, replication by replication ---


def each(run: Run, figure: Callable[["Tally", str], float], name: str) -> list[float]:
    """Return a figure of one function in every replication."""
    return [figure(tally, name) for tally in run.tallies]


def cold_fraction(tally: "Tally", name: str) -> float:
    """Return the share of invocations that were cold."""
    return tally.pools[name]["cold_starts"] / tally.pools[name]["invocations"]


def busy(tally: "Tally", name: str) -> float:
    """Return how many environments ran, on average until the last arrival."""
    return tally.areas[name][0] / tally.span_s


def idle(tally: "Tally", name: str) -> float:
    """Return how many environments were idle, on average until the last arrival."""
    return tally.areas[name][1] / tally.span_s


def environments(tally: "Tally", name: str) -> float:
    """Return how many environments there were, on average until the last arrival."""
    return busy(tally, name) + idle(tally, name)


def completion_mean_s(tally: "Tally") -> float:
    """Return the mean completion after the warm-up of what came to an end."""
    return float(tally.sums[2] / tally.histograms[1].sum())


def after_warm_up(run: Run, times_s: np.ndarray, share: float = 0.1) -> list[np.ndarray]:
    """Return per-request times by replication, without the first share of each, when everything was still empty."""
    parts = np.array_split(times_s, run.replications)
    return [part[int(share * part.size) :] for part in parts]
