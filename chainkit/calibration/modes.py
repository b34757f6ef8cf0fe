"""First runs against warm ones, two modes in the times of all runs and whether cold starts are the reason, and drift.

Tests    First runs differ from warm ones if Mann and Whitney's rank test says so at 1 %. Two modes are there if two
         normals on ln(duration) beat one by 10 in the Bayesian criterion, stand apart by Ashman's D > 2, neither has
         less than 2 % of the runs, and the slow one takes a quarter longer. Durations drift if Kendall's rank
         correlation of the medians of 20 successive batches with their order is more than chance at 1 %, and they end
         up 5 % off.
"""

import math
from dataclasses import dataclass

import numpy as np

from chainkit.law import FloatArray
from chainkit.units import seconds

LEAST_FIRST = 4
"""First runs from which a difference is tested; fewer cannot reach 1 % beside the few warm runs of a short log."""
_SIGNIFICANT = 0.01
_LEAST = 20
_SMALLEST = 0.02
_APART = 1.25
_BATCHES = 20
_DRIFT = 0.05


@dataclass(frozen=True)
class Mode:
    """One of two modes of a function's times."""

    median_s: float
    fraction: float
    """Of all runs."""
    first_fraction: float
    """Which share of its runs followed an init; NaN where the log cannot say."""


def differ(first_s: FloatArray, warm_s: FloatArray) -> float:
    """Return the probability of such a difference by chance alone (two-sided)."""
    from scipy import stats

    return float(stats.mannwhitneyu(first_s, warm_s, alternative="two-sided").pvalue)


def is_significant(p: float) -> bool:
    """Tell whether a difference is more than chance."""
    return p < _SIGNIFICANT


def two_modes(times_s: FloatArray, is_first: FloatArray) -> tuple[Mode, Mode] | None:
    """Return the fast and the slow mode, or None if there is but one.

    Parameters
    ----------
    times_s : (n,) seconds, above 0
    is_first : (n,) 1 after an init, 0 warm, NaN unknown
    """
    if times_s.size < _LEAST:
        return None
    logs = np.log(times_s)
    fit = _two_normals(logs)
    if fit is None:
        return None
    weights, means, deviations, slow = fit
    apart = math.sqrt(2) * abs(means[1] - means[0]) / math.hypot(*deviations)
    if apart <= 2 or min(weights) < _SMALLEST or not _is_better(logs, weights, means, deviations):
        return None
    fast_mode, slow_mode = (
        Mode(float(np.median(times_s[inside])), float(inside.mean()), float(is_first[inside].mean()))
        for inside in (~slow, slow)
        if inside.any()
    )
    return (fast_mode, slow_mode) if slow_mode.median_s >= _APART * fast_mode.median_s else None


def drift(times_s: FloatArray) -> float | None:
    """Return by what fraction durations rise from the first to the last quarter (below 0: fall), or None.

    Parameters
    ----------
    times_s : (n,) seconds, in the order of time
    """
    if times_s.size < 5 * _BATCHES:
        return None
    from scipy import stats

    medians = np.array([np.median(batch) for batch in np.array_split(times_s, _BATCHES)])
    p = stats.kendalltau(np.arange(_BATCHES), medians).pvalue
    quarter = _BATCHES // 4
    change = float(np.median(medians[-quarter:]) / np.median(medians[:quarter]) - 1) if medians[:quarter].all() else 0.0
    return change if p < _SIGNIFICANT and abs(change) >= _DRIFT else None


def sentence(first_s: FloatArray, warm_s: FloatArray, p: float) -> str:
    """Return what a difference between first and warm runs means, in plain words."""
    first, warm = float(np.median(first_s)), float(np.median(warm_s))
    chance = "less than one in a million" if p < 1e-6 else f"{p:.2g}"
    return (
        f"two modes because of cold starts: after an init a run takes {seconds(first)} at the median, a warm one "
        f"{seconds(warm)} ({first_s.size} and {warm_s.size} runs; by chance: {chance}, Mann-Whitney)"
    )


def explained(fast: Mode, slow: Mode) -> str:
    """Return what two modes are, and whether cold starts are the reason."""
    what = f"two modes: {fast.fraction:.0%} of runs around {seconds(fast.median_s)}, {slow.fraction:.0%} around "
    what += seconds(slow.median_s)
    if math.isnan(slow.first_fraction):
        return f"{what}; whether cold starts are the slow ones, this log cannot say (no Init Duration in it)"
    if slow.first_fraction > 0.5:
        return f"{what}; {slow.first_fraction:.0%} of the slow ones follow a cold start, so that is the reason"
    return f"{what}; cold starts are not the reason: {slow.first_fraction:.0%} of the slow ones follow one"


def _two_normals(logs: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, np.typing.NDArray[np.bool_]] | None:
    """Return weights, means, deviations of two normals (fast one first) by EM, and which values are of the slow one."""
    middle, least = float(logs.mean()), 0.02 * float(logs.std()) + 1e-6
    if logs.min() >= middle or logs.max() <= middle:
        return None
    # Begin with the split that leaves least variance inside, as k-means would.
    order = np.sort(logs)
    n = order.size
    heads, squares = np.cumsum(order), np.cumsum(order**2)
    k = np.arange(1, n)
    inside = (squares[:-1] - heads[:-1] ** 2 / k) + (
        squares[-1] - squares[:-1] - (heads[-1] - heads[:-1]) ** 2 / (n - k)
    )
    slow = (logs > order[int(np.argmin(inside))]).astype(float)
    for _ in range(200):
        shares = np.array([1 - slow.mean(), slow.mean()])
        if min(shares) * n < 2:
            return None
        means = np.array([np.average(logs, weights=1 - slow), np.average(logs, weights=slow)])
        deviations = np.array(
            [
                max(math.sqrt(float(np.average((logs - means[0]) ** 2, weights=1 - slow))), least),
                max(math.sqrt(float(np.average((logs - means[1]) ** 2, weights=slow))), least),
            ]
        )
        parts = _densities(logs, shares, means, deviations)
        before, slow = slow, parts[1] / parts.sum(axis=0)
        if np.abs(slow - before).max() < 1e-6:
            break
    return (shares, means, deviations, slow > 0.5) if means[0] < means[1] else None


def _densities(logs: FloatArray, shares: FloatArray, means: FloatArray, deviations: FloatArray) -> FloatArray:
    z = (logs[None, :] - means[:, None]) / deviations[:, None]
    return np.asarray(np.maximum(shares[:, None] / deviations[:, None] * np.exp(-z * z / 2), 1e-300))


def _is_better(logs: FloatArray, shares: FloatArray, means: FloatArray, deviations: FloatArray) -> bool:
    """Tell whether two normals with five parameters beat one with two, by 10 in the Bayesian criterion."""
    one = float(np.sum(np.log(_densities(logs, np.ones(1), logs.mean(keepdims=True), logs.std(keepdims=True)))))
    two = float(np.sum(np.log(_densities(logs, shares, means, deviations).sum(axis=0))))
    return 2 * (two - one) - 3 * math.log(logs.size) > 10
