"""How sure a run is of its figures: 95 % intervals by replications, or by batches of one long replication.

A mean has the interval of Student's t over its values in the replications. A percentile has that of the share of slower
requests, turned round: the interval holds all times of which it is not clear that more, or fewer, than 1 % are slower
(p99). Shares are means, so this holds for few slow requests too, where percentiles of single replications are off; for
very few it is no narrower than that of as many independent requests, which is that of order statistics. What a run with
fewer cannot tell, it does not: "not enough requests".
"""

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

    from chainkit.simulation.memory import Tally

FRACTIONS = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
TOO_FEW = "not enough requests"
CORRELATED = "batches are correlated: simulate more requests"
BATCHES = 20
"""As many as a run of one replication is cut into: enough for Student's t, few enough to be long."""
LEAST_BATCH = 20
"""Requests of a batch; a shorter run is not cut."""
MOST_CORRELATION = 1.5 / math.sqrt(BATCHES)
"""Between neighbouring batches: independent ones pass it in about five runs of a hundred."""

FEW = 5
"""Slower requests in a sample below which their spread says little: then independent requests set the least width."""
NORMAL = 1.96
"""The 97.5 % point of the normal law."""
MANY = 200
"""Degrees of freedom above which an expansion about the normal law gives Student's t to nine digits."""

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Row = tuple[float, float, float, str]
"""low, value, high, note."""


@dataclass(frozen=True)
class _Samples:
    """One kind of time in every replication, or in every batch."""

    counts: IntArray
    """(samples, bins)."""
    totals: FloatArray
    """(samples,) requests, those that never came to an end included."""
    sums_s: FloatArray
    slowest_s: float
    correlation: float = 0.0
    """Of neighbouring batches."""

    @property
    def note(self) -> str:
        """Return what is to be said of all figures."""
        return CORRELATED if self.correlation > MOST_CORRELATION else ""

    @property
    def widening(self) -> float:
        """Return how much correlation widens the variance of a mean: that of a process of first order."""
        return (1 + self.correlation) / (1 - self.correlation)


def summary(tallies: Sequence["Tally"], *, is_answered: bool, note: str) -> "pd.DataFrame":
    """Return response and completion: means and percentiles, each with low, value, high and a note."""
    import pandas as pd

    rows: dict[str, Row] = {}
    for what, which in (("response", 0), ("completion", 1)):
        if which == 0 and not is_answered:
            continue
        samples = _samples(tallies, which)
        rows[f"{what}_mean_s"] = _mean(samples, is_batched=len(tallies) == 1)
        for name, fraction in FRACTIONS.items():
            rows[f"{what}_{name}_s"] = _percentile(samples, fraction)
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["low", "value", "high", "note"])
    frame["note"] = ["; ".join(filter(None, (note, own))) for own in frame["note"]]
    frame.index.name = "figure"
    return frame


def _samples(tallies: Sequence["Tally"], which: int) -> _Samples:
    """Return one kind of time: by replications, or of a single one by batches."""
    slowest_s = max(tally.slowest[which][0] for tally in tallies)
    if len(tallies) > 1 or not tallies[0].batches:
        counts = np.array([tally.histograms[which] for tally in tallies])
        sums = np.array([tally.sums[2 * which] for tally in tallies])
        return _Samples(counts, np.array([float(tally.counted) for tally in tallies]), sums, slowest_s)
    counts = np.array([batch.histograms[which] for batch in tallies[0].batches])
    sums = np.array([batch.sums[2 * which] for batch in tallies[0].batches])
    totals = counts.sum(axis=1) + np.array([float(batch.lost) * which for batch in tallies[0].batches])
    totals[-1] += max(0.0, tallies[0].counted - totals.sum())  # what was not over at the end
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / counts.sum(axis=1)
    return _Samples(counts, totals, sums, slowest_s, _correlation(means))


def _correlation(means: FloatArray) -> float:
    """Return how much neighbouring batches resemble each other: the correlation of lag 1, 0 if it is negative."""
    if not np.isfinite(means).all() or np.ptp(means) == 0:
        return 0.0
    off = means - means.mean()
    return min(max(0.0, float((off[1:] * off[:-1]).sum() / (off**2).sum())), 0.95)


def _mean(samples: _Samples, *, is_batched: bool) -> Row:
    """Return the mean of what came to an end."""
    came = samples.counts.sum(axis=1)
    if not came.any():
        return (math.nan, math.nan, math.nan, TOO_FEW)
    each = samples.sums_s[came > 0] / came[came > 0]
    value = float(samples.sums_s.sum() / came.sum() if is_batched else each.mean())
    low, value, high = interval(value, each, samples.widening)
    return (low, value, high, TOO_FEW if each.size < 2 else samples.note)


def _percentile(samples: _Samples, fraction: float) -> Row:
    """Return a percentile, with the interval that the shares of slower requests give."""
    total, n = float(samples.totals.sum()), len(samples.totals)
    if not total:
        return (math.nan, math.nan, math.nan, TOO_FEW)
    shares = samples.counts.sum(axis=0).cumsum() / total
    value = _reaches(shares, fraction, samples.slowest_s)
    if n < 2 or not samples.totals.all():
        return (math.nan, value, math.nan, TOO_FEW)
    alike = [_likeness(samples, shares, each) for each in FRACTIONS.values() if each <= fraction]
    slower, t = total * (1 - fraction), student_t(n - 1)
    if slower <= t * t * fraction * max(1.0, *alike) and shares[-1] > 1 - 0.5 / total:
        return (math.nan, value, math.nan, TOO_FEW)
    least = 1.0 if slower / n < FEW else 0.0
    half = t * math.sqrt(max(*alike[-2:], least * (NORMAL / t) ** 2) * fraction * (1 - fraction) / total)
    low, high = (_reaches(shares + sign * half, fraction, samples.slowest_s) for sign in (1, -1))
    return (low, value, high, samples.note)


def about(value: float, each: Iterable[float], confidence: float = 0.95) -> tuple[float, float, float]:
    """Return (low, value, high) of a figure of a whole run, from what it is in each of its parts."""
    sample = np.asarray(each, dtype=float)
    if sample.size < 2:
        return (math.nan, value, math.nan)
    if not np.isfinite(sample).all() or not math.isfinite(value):
        return (min(value, float(sample.min())), value, max(value, float(sample.max())))
    n = sample.size
    half = student_t(n - 1, confidence) * math.sqrt(float(((sample - value) ** 2).sum()) / (n * (n - 1)))
    return (value - half, value, value + half)


def _likeness(samples: _Samples, shares: FloatArray, fraction: float) -> float:
    """Return how much more the shares of slower requests spread than those of independent requests would: 1 like them.

    Slow requests come in groups where one waits for another. Then a hundred of them say as much as some ten that are
    independent, and a run with a hundred knows less than it seems.
    """
    n, total = len(samples.totals), samples.totals.sum()
    j = min(int((shares < fraction).sum()), shares.size - 1)
    own = samples.counts[:, : j + 1].sum(axis=1) / samples.totals
    p = float(np.clip(shares[j], 0.5 / total, 1 - 0.5 / total))
    spread = float((samples.totals * (own - shares[j]) ** 2).sum()) / (n - 1)
    return samples.widening * spread / (p * (1 - p))


def _reaches(shares: FloatArray, fraction: float, slowest_s: float) -> float:
    """Return where a cumulative share first reaches a fraction, within a bin; infinite: nowhere."""
    from chainkit.simulation.memory import time_in_bin

    reached = shares >= fraction
    j = int(reached.argmax())
    if not reached[j]:
        return math.inf
    before = shares[j - 1] if j else 0.0
    within = (fraction - before) / (shares[j] - before) if shares[j] > before else 1.0
    return min(time_in_bin(j, min(max(within, 0.0), 1.0)), slowest_s)  # within a bin the slowest is known exactly


def interval(value: float, each: Iterable[float], widening: float = 1.0) -> tuple[float, float, float]:
    """Return (low, value, high) of a mean, from its value in each replication; `widening` multiplies its variance."""
    sample = np.asarray(each, dtype=float)
    if sample.size < 2:
        return (math.nan, value, math.nan)
    if not np.isfinite(sample).all():
        return (float(sample.min()), value, float(sample.max()))
    half = student_t(sample.size - 1) * float(sample.std(ddof=1)) * math.sqrt(widening / sample.size)
    return (value - half, value, value + half)


@functools.cache
def student_t(degrees: int, confidence: float = 0.95) -> float:
    """Return the factor of a two-sided interval of Student's t: of a 95 % interval its 97.5 % point.

    References
    ----------
    Abramowitz and Stegun (1964), 26.7.3, 26.7.4 and 26.7.5. scipy has it, too, and takes as long to import as a run of
    100,000 requests.

    >>> round(student_t(9), 4)
    2.2622
    >>> round(student_t(9, 0.99), 4)
    3.2498
    """
    if degrees > MANY:
        z = NormalDist().inv_cdf(0.5 + confidence / 2)
        first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
        third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
        return z + first / degrees + second / degrees**2 + third / degrees**3
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, degrees) < confidence else (low, middle)
    return math.sqrt(degrees) * math.tan(high)


def _within(angle: float, degrees: int) -> float:
    """Return the chance that |t| is at most sqrt(degrees) * tan(angle)."""
    term = total = math.cos(angle) if degrees % 2 else 1.0
    for k in range(2 + degrees % 2, degrees - 1, 2):
        term *= (k - 1) / k * math.cos(angle) ** 2
        total += term
    if degrees % 2 == 0:
        return math.sin(angle) * total
    return (angle + (math.sin(angle) * total if degrees > 1 else 0.0)) * 2 / math.pi
