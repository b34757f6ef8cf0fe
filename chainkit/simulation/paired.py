"""By how much a figure of one run is above that of another with the same draws, and how sure that is.

Request number i of both runs has the same arrival and the same draws. What is asked is how much the difference of a
figure would move in another run, so all that is common to both falls out before anything is estimated.

A *mean*: the differences of the means of batches, each of the same requests in both, have Student's interval.

A *percentile* p: in another run a share of p + u of the requests of one, and p + v of the other, would be done by the
time that it has here. u and v have the covariance S of the shares of batches; how much either moves the percentile is
read off the run itself, over the width of its own interval. The direction in which the difference moves most for what
it costs, S g (g: both slopes), is followed to where it costs t standard deviations, up and down: there the two
percentiles are read, not computed from slopes. So the interval of one percentile is that of order statistics; of two
that a straight line would do for, the textbook's; and beside a jump of the law it takes in the jump where chance may.
One that both runs have in the same requests falls out.

*Batches* are as short as they may be: the shorter, the more there are, and the surer their spread. Where neighbours
resemble each other, or longer ones spread more than independence allows, longer ones are taken, in the end whole
replications, which are independent. What is left of the correlation of neighbours widens the spread.

A *count of few* has no spread that could be trusted: its limits are those of a Poisson number (Garwood 1936), and those
of a difference are put together from both (square and add: Donner and Zou 2012, Stat. Methods Med. Res. 21, 347-359).
Nothing seen in n requests means up to 3.7.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from chainkit.simulation.intervals import (
    BATCHES,
    CORRELATED,
    LEAST_BATCH,
    MOST_CORRELATION,
    NORMAL,
    TOO_FEW,
    FloatArray,
    IntArray,
    Row,
    about,
    student_t,
)

if TYPE_CHECKING:
    from chainkit.simulation.run import Run

LEVELS = (400, 100, 40)
"""How many batches a run is cut into, the shortest first; then come the replications."""
SURE = 1.645
"""Standard errors beyond which a correlation, or a spread, is not taken for chance: one in twenty."""
WIDER = 5
"""By how many times more slow requests a percentile's spread is tested for groups."""
FEW = 20
"""Events below which replications do not tell how they spread."""
WAY = tuple(k / 16 for k in range(-16, 17))
"""Where the way of a percentile is looked at, as shares of it: between its ends one law may jump before the other."""
ROUNDING = 1e-9
"""Share of a figure that is left open for what a clock of 53 bits rounds."""
EXACT = "few events: exact limits"
NOBODY = (math.nan, math.nan, math.nan, "nobody waits for an answer")
WHICH = {"response": 0, "completion": 1}


@dataclass(frozen=True, eq=False)
class Times:
    """One kind of time of a run after its warm-ups, request by request."""

    values: FloatArray
    """(n,) seconds; infinite where it was lost, or not over at the end."""
    edges: IntArray
    """(replications + 1,) where each replication begins."""

    @cached_property
    def ordered(self) -> FloatArray:
        """(n,) seconds, ascending."""
        return np.sort(self.values)

    def reach(self, share: float) -> float:
        """Return by when a share of the requests is done, seconds; a share of 1 or more is the last."""
        n = self.values.size
        return float(self.ordered[min(max(math.ceil(n * share - 1e-9) - 1, 0), n - 1)])

    @cached_property
    def slowest_s(self) -> float:
        """The slowest that came to an end, seconds; 0 if none did."""
        done = int(np.searchsorted(self.ordered, np.inf))
        return float(self.ordered[done - 1]) if done else 0.0

    @property
    def least_length(self) -> int:
        """How many requests the shortest replication has."""
        return int(np.diff(self.edges).min())

    @cached_property
    def nothing(self) -> "Times":
        """As many requests that take no time: a difference to them is the figure itself."""
        return Times(np.zeros_like(self.values), self.edges)

    @cached_property
    def _known(self) -> dict[tuple[float | None, int], FloatArray]:
        """What has been asked of batches: each run is held against several others."""
        return {}

    def means(self, per_replication: int) -> FloatArray:
        """Return the mean of what was done, (replications, batches of each); NaN where nothing was."""
        key = (None, per_replication)
        if key not in self._known:
            is_done = np.isfinite(self.values)
            done = self._sums(is_done.astype(float), per_replication)
            with np.errstate(invalid="ignore", divide="ignore"):
                self._known[key] = self._sums(np.where(is_done, self.values, 0.0), per_replication) / done
        return self._known[key]

    def shares(self, until_s: float, per_replication: int) -> FloatArray:
        """Return the share that was done by then, (replications, batches of each)."""
        key = (until_s, per_replication)
        if key not in self._known:
            sizes = self._sums(np.ones_like(self.values), per_replication)
            self._known[key] = self._sums((self.values <= until_s).astype(float), per_replication) / sizes
        return self._known[key]

    def _sums(self, of: FloatArray, per_replication: int) -> FloatArray:
        """Return the sum over each batch; those of a replication are of (almost) equal length."""
        low, high = self.edges[:-1, None], self.edges[1:, None]
        starts = (low + (high - low) * np.arange(per_replication) // per_replication).ravel()
        return np.asarray(np.add.reduceat(of, starts).reshape(-1, per_replication))


def times(run: "Run", what: str) -> Times | None:
    """Return one kind of time of a run; None where nobody waits for an answer.

    A run that kept none runs again, which gives the same.
    """
    which = WHICH[what]
    if which == 0 and run.program.nobody_waits:
        return None
    is_kept = run.options["keep"] == "requests"
    tallies = run.tallies if is_kept else [run.again(tally) for tally in run.tallies]
    kept = [tally.kept[len(tally.kept) - tally.counted :, which] for tally in tallies]
    values = np.concatenate(kept)
    return Times(np.where(np.isnan(values), np.inf, values), np.cumsum([0, *map(len, kept)]))


# --- means and percentiles ---


def mean(one: Times | None, other: Times | None, confidence: float = 0.95) -> Row:
    """Return by how much the mean of `one` is above that of `other`: low, value, high, note.

    Means are over what was done, and each replication counts alike, as in `Run.summary`.
    """
    if one is None or other is None:
        return NOBODY
    whole = one.means(1) - other.means(1)
    value = float(whole.mean()) if np.isfinite(whole).all() else math.nan
    if one.edges.size != other.edges.size or math.isnan(value):
        return (math.nan, value, math.nan, TOO_FEW)
    levels = [d for k in _cuts(one, other) if np.isfinite(d := one.means(k) - other.means(k)).all()]
    if not levels:
        return (math.nan, value, math.nan, TOO_FEW)
    spread = _spread(levels)
    half = student_t(spread.degrees, confidence) * math.sqrt(spread.variance)
    return (*_rounded(value, value - half, value + half, float(one.means(1).mean())), spread.note)


def percentile(one: Times | None, other: Times | None, fraction: float, confidence: float = 0.95) -> Row:
    """Return by how much a percentile of `one` is above that of `other`: low, value, high, note; seconds.

    Where both never come to an end they are equal.

    Examples
    --------
    >>> first = np.random.default_rng(1).exponential(size=10_000)
    >>> edges = np.arange(0, 10_001, 1_000)
    >>> low, value, high, _ = percentile(Times(first + 0.25, edges), Times(first, edges), 0.99)
    >>> round(low, 6), round(value, 6), round(high, 6)
    (0.25, 0.25, 0.25)
    """
    if one is None or other is None:
        return NOBODY
    pair = (one, other)
    value = _less(*(each.reach(fraction) for each in pair))
    cuts = _cuts(*pair) if one.edges.size == other.edges.size else []
    if not cuts:
        return (math.nan, value, math.nan, TOO_FEW)
    own = _Shares.of(pair, fraction, cuts)
    t, covariance = student_t(own.spread.degrees, confidence), own.covariance * _groups(pair, fraction, cuts, own)
    if any(_is_too_few(each, fraction, t, covariance[i, i]) for i, each in enumerate(pair)):
        return (math.nan, value, math.nan, TOO_FEW)
    way = covariance @ own.gradient
    cost = float(own.gradient @ way)
    step = way * (t / math.sqrt(cost)) if cost > 0 else np.zeros(2)
    seen = [_less(*(each.reach(fraction + part * h) for each, h in zip(pair, step, strict=True))) for part in WAY]
    return (*_rounded(value, min(value, *seen), max(value, *seen), one.reach(fraction)), own.spread.note)


def _groups(pair: Sequence[Times], fraction: float, cuts: Sequence[int], own: "_Shares") -> float:
    """Return by what to widen the spread of a percentile's few slow requests, where slow ones come in groups.

    A few groups vary too little among themselves to tell how they do; those of a lower percentile are more.
    """
    lower = 1 - WIDER * (1 - fraction)
    if lower < 0.5 or not own.likeness:
        return 1.0
    likeness, degrees = (found := _Shares.of(pair, lower, cuts)).likeness, found.spread.degrees
    return max(1.0, likeness / own.likeness) if likeness > 1 + SURE * math.sqrt(2 / degrees) else 1.0


@dataclass(frozen=True)
class _Shares:
    """How the shares that are done by two percentiles spread, together."""

    gradient: FloatArray
    """(2,) how many seconds the difference moves per share."""
    covariance: FloatArray
    """(2, 2) of the shares of the whole run."""
    spread: "_Spread"
    likeness: float
    """By what the difference's variance is above that of independent requests; 0 if nothing spreads."""

    @classmethod
    def of(cls, pair: Sequence[Times], fraction: float, cuts: Sequence[int]) -> Self:
        """Return how they spread; `cuts` as `_cuts` gives them."""
        here = [each.reach(fraction) for each in pair]
        gradient = _gradient(pair, fraction)
        shares = {k: [each.shares(at, k) for each, at in zip(pair, here, strict=True)] for k in cuts}
        spread = _spread([gradient[0] * a + gradient[1] * b for a, b in shares.values()])
        covariance = _covariance(*shares[spread.per_replication]) * spread.widening
        alone = _covariance(*((each.values <= at).astype(float)[None] for each, at in zip(pair, here, strict=True)))
        of_one = float(gradient @ alone @ gradient)
        likeness = float(gradient @ covariance @ gradient) / of_one if of_one > 0 else 0.0
        done = [own.mean() for own in shares[cuts[-1]]]
        room = [
            math.sqrt(fraction * (1 - fraction) / _odds(share, each)) for share, each in zip(done, pair, strict=True)
        ]
        return cls(gradient, covariance * np.outer(room, room), spread, likeness)


def _covariance(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return the covariance of the means of two samples of batches, (2, 2)."""
    off = np.array([_off(one).ravel(), _off(other).ravel()])
    return np.asarray(off @ off.T / (one.size * _degrees(one)))


def _gradient(pair: Sequence[Times], fraction: float) -> FloatArray:
    """Return how many seconds a difference moves per share of either, over the width of each percentile's interval."""
    never, found = 2 * max(each.slowest_s for each in pair), []
    for each in pair:
        h = NORMAL * math.sqrt(fraction * (1 - fraction) / each.values.size)
        low, high = (min(each.reach(fraction + sign * h), never) for sign in (-1, 1))
        found.append((high - low) / (2 * h))
    return np.array([found[0], -found[1]])


def _odds(share: float, each: Times) -> float:
    """Return the variance of one request that is done by then or not; there is always half a request left to chance."""
    least = 0.5 / each.values.size
    share = min(max(share, least), 1 - least)
    return share * (1 - share)


def _is_too_few(each: Times, fraction: float, t: float, variance: float) -> bool:
    """Tell whether the interval of a percentile would reach beyond the slowest request, and none was lost."""
    n = each.values.size
    likeness = max(1.0, variance * n / (fraction * (1 - fraction)))
    return n * (1 - fraction) <= t * t * fraction * likeness and math.isfinite(each.ordered[-1])


def _less(a: float, b: float) -> float:
    """Return a - b; two that never come to an end are equal."""
    return 0.0 if a == b else a - b


def _rounded(value: float, low: float, high: float, figure: float) -> tuple[float, float, float]:
    """Return low, value, high, with room for rounding unless they say that there is no difference at all."""
    if low == value == high == 0:
        return (0.0, 0.0, 0.0)
    room = ROUNDING * max(abs(value), abs(figure)) if math.isfinite(value) and math.isfinite(figure) else 0.0
    return (low - room, value, high + room)


# --- how much a mean of batches spreads ---


@dataclass(frozen=True)
class _Spread:
    """How sure the mean of all batches is."""

    per_replication: int
    """Batches that each replication is cut into."""
    variance: float
    """Of the mean, `widening` included."""
    degrees: int
    widening: float
    """By what the correlation of neighbours multiplies the variance."""
    note: str


def _cuts(one: Times, other: Times) -> list[int]:
    """Return into how many batches each replication may be cut, most first; none if there are too few requests."""
    replications, length = one.edges.size - 1, min(one.least_length, other.least_length)
    last = 1 if replications > 1 else BATCHES
    found = [level // replications for level in LEVELS if level // replications > last]
    return [k for k in [*found, last] if length // k >= (LEAST_BATCH if k > 1 else 1)]


def _spread(levels: Sequence[FloatArray]) -> _Spread:
    """Return the spread by the shortest batches that are independent, as far as one can see.

    Parameters
    ----------
    levels : (replications, batches) each, the shortest batches first
    """
    found = [_spread_of(each) for each in levels]
    for k, (spread, correlation) in enumerate(found[:-1]):
        pairs = levels[k].size - len(levels[k])
        if correlation <= SURE / math.sqrt(pairs) and all(_is_alike(spread, other) for other, _ in found[k + 1 :]):
            return spread
    return found[-1][0]


def _spread_of(sample: FloatArray) -> tuple[_Spread, float]:
    """Return the spread by batches of one length, and the correlation of neighbours, 0 if it is negative."""
    off = _off(sample)
    squares, degrees = float((off**2).sum()), _degrees(sample)
    correlation = float((off[:, 1:] * off[:, :-1]).sum()) / squares if squares > 0 else 0.0
    correlation = min(max(0.0, correlation), 0.95)
    widening = (1 + correlation) / (1 - correlation)  # of a process of first order
    is_lone = len(sample) == 1 and correlation > MOST_CORRELATION
    variance = widening * squares / (degrees * sample.size)
    return _Spread(sample.shape[1], variance, degrees, widening, CORRELATED if is_lone else ""), correlation


def _off(sample: FloatArray) -> FloatArray:
    """Return how far batches are off what they should be: in several replications the mean of those at their place.

    What all replications have in common, a load that grows or a first hour that is quick, is no chance.
    """
    return np.asarray(sample - sample.mean(axis=0 if len(sample) > 1 else None))


def _degrees(sample: FloatArray) -> int:
    """Return how many of the batches are free."""
    replications, batches = sample.shape
    return int((replications - 1) * batches if replications > 1 else batches - 1)


def _is_alike(fine: _Spread, coarse: _Spread) -> bool:
    """Tell whether longer batches spread no more than shorter ones do by chance (Wilson and Hilferty 1931)."""
    error = 2 / 9 * (1 / coarse.degrees + 1 / fine.degrees)
    return coarse.variance <= fine.variance * (1 - 2 / 9 / coarse.degrees + SURE * math.sqrt(error)) ** 3


# --- counts ---


def events(
    value: float, each: Sequence[float], unit: float = 1.0, confidence: float = 0.95, *, is_own: bool = False
) -> Row:
    """Return a count of events, or by how much one is above another: low, value, high, note.

    Parameters
    ----------
    value : of the whole run, or the difference of two
    each : (replications,) what it would be if all of the run had been like each of them
    unit : what one event is worth: 1 of a count, 1 / n of a share of n
    is_own : whether it is a count itself, which is never below 0

    Examples
    --------
    >>> low, value, high, note = events(0.0, [0.0] * 10)
    >>> round(low, 2), value, round(high, 2), note
    (-3.69, 0.0, 3.69, 'few events: exact limits')
    >>> [round(end, 2) for end in events(0.0, [0.0] * 10, is_own=True)[:3]]
    [0.0, 0.0, 3.69]
    """
    low, _, high = about(value, each, confidence)
    own = np.asarray(each, dtype=float) / (unit * len(each))
    more, less = float(own[own > 0].sum()), float(-own[own < 0].sum())
    if more + less >= FEW:
        return (max(low, 0.0) if is_own else low, value, high, TOO_FEW if own.size < 2 else "")
    of_more = poisson_limits(more, confidence)
    of_less = (0.0, 0.0) if is_own else poisson_limits(less, confidence)
    down, up = (
        math.hypot(more - of_more[0], of_less[1] - less) * unit, math.hypot(of_more[1] - more, less - of_less[0]) * unit
    )  # fmt: skip
    ends = [value - down, value + up, *(end for end in (low, high) if not math.isnan(end))]
    return (max(min(ends), 0.0) if is_own else min(ends), value, max(ends), EXACT)


def poisson_limits(count: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact limits of a Poisson mean of which `count` events were seen.

    References
    ----------
    Garwood (1936), Biometrika 28, 437-442.

    Examples
    --------
    >>> [round(end, 3) for end in poisson_limits(5)]
    [1.623, 11.668]
    """
    tail = (1 - confidence) / 2
    low = _mean_with(lambda mean: 1 - _at_most(count - 1, mean) < tail, count) if count > 0 else 0.0
    return low, _mean_with(lambda mean: _at_most(count, mean) > tail, count)


def _mean_with(is_below: Callable[[float], bool], count: float) -> float:
    """Return the mean up to which something holds."""
    low, high = 0.0, 2 * count + 50
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return low


def _at_most(count: float, mean: float) -> float:
    """Return the chance that a Poisson number is at most `count`."""
    term = total = math.exp(-mean)
    for k in range(1, int(count) + 1):
        term *= mean / k
        total += term
    return total
