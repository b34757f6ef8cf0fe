"""What runs in one environment share: how alike neighbours are, how fast each is, how long an idle one lives.

Model    ln(duration) = level + factor of the environment + rest. Variances by one-way analysis of variance (Searle,
         Casella and McCulloch, Variance Components, 1992, 3.6); each factor is its environment's mean, shrunk by what
         it is worth. Measured on AWS: lag-1 autocorrelations of 0.71 and 0.42 between successive runs
         (pacslab/SLAppMdlOpt, 2021-22).
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chainkit.calibration.intake import Run
from chainkit.distributions import Constant, LogNormal, Uniform
from chainkit.law import FloatArray, Law

_LEAST_ENVIRONMENTS = 5
_LEAST_RUNS = 30
_SIGNIFICANT = 0.01
_UNKNOWN = (math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Alike:
    """How much runs of one environment, or of one log in its order, resemble each other."""

    lag_1: float
    """Autocorrelation of ln(duration) between consecutive runs; NaN if there are too few."""
    pairs: int
    between_fraction: float
    """Share of the variance of ln(duration) that lies between environments; NaN if they are not told apart."""
    between_low: float
    between_high: float
    environments: int
    effective: float
    """For how many independent runs these count in intervals."""
    speed_factor: Law | None
    """Mean 1: how long runs of an environment take, beside the average one."""
    factors: Mapping[str, float]
    """Environment -> its own factor, shrunk; empty where there is no speed factor."""
    why_not: str
    """Why there is no speed factor."""


def alike(runs: Sequence[Run]) -> Alike:
    """Return how much runs resemble each other, in the order of their times (of the log, where they have none).

    Parameters
    ----------
    runs : one or more, all of one function at one memory size, durations above 0
    """
    groups: dict[tuple[str, int], list[float]] = defaultdict(list)
    by_environment: dict[str, list[float]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.start_s if math.isfinite(run.start_s) else math.inf):
        log = math.log(max(run.duration_s, 1e-9))
        groups[run.environment, run.stretch].append(log)
        by_environment[run.environment].append(log)
    lag_1, pairs = _lag_1(list(groups.values()))
    n = len(runs)
    shrink = 1.0
    if pairs >= 10 and lag_1 > 2 / math.sqrt(pairs):
        shrink = (1 + lag_1) / max(1 - lag_1, 0.02)
    named = {name: logs for name, logs in by_environment.items() if name}
    why_not = _why_not(named, n)
    if why_not:
        return Alike(lag_1, pairs, *_UNKNOWN, len(named), max(n / shrink, 1.0), None, {}, why_not)
    between, within, is_clear, low, high = _components(list(named.values()))
    fraction = between / (between + within) if between + within > 0 else 0.0
    shares = (fraction, low, high)
    if not is_clear:
        why_not = "environments do not differ more than chance would have it (F test at 1 %)"
        return Alike(lag_1, pairs, *shares, len(named), max(n / shrink, 1.0), None, {}, why_not)
    typical = sum(len(logs) ** 2 for logs in named.values()) / n
    shrink = max(shrink, 1 + (typical - 1) * fraction)
    law = LogNormal.from_log(-between / 2, math.sqrt(between))  # mean exactly 1
    return Alike(lag_1, pairs, *shares, len(named), n / shrink, law, _factors(named, between, within), "")


def _lag_1(groups: list[list[float]]) -> tuple[float, int]:
    """Return the autocorrelation of neighbours about the overall mean, and the number of pairs."""
    everything = np.concatenate([np.array(group) for group in groups])
    variance = float(everything.var())
    pairs = sum(len(group) - 1 for group in groups)
    if pairs < 3 or variance <= 0:
        return math.nan, pairs
    middle = everything.mean()
    products = sum(float(np.sum((np.array(g[1:]) - middle) * (np.array(g[:-1]) - middle))) for g in groups)
    return min(products / pairs / variance, 1.0), pairs


def _why_not(named: Mapping[str, list[float]], n: int) -> str:
    inside = sum(len(logs) for logs in named.values())
    if not named:
        return "no log stream or instance in the log: environments cannot be told apart"
    if inside < n:
        return f"only {inside:,} of {n:,} runs name their environment"
    if len(named) < _LEAST_ENVIRONMENTS or n < _LEAST_RUNS or n < 2 * len(named):
        return (
            f"{len(named)} environments with {n} runs; it takes {_LEAST_ENVIRONMENTS} environments, {_LEAST_RUNS} "
            "runs, two runs in each on average"
        )
    return ""


def _components(groups: list[list[float]]) -> tuple[float, float, bool, float, float]:
    """Return the variance between groups and within, whether the former is more than chance, and its share's interval.

    The interval is exact for normal logarithms and groups of one size, and near it for others.
    """
    from scipy import stats

    sizes = np.array([len(group) for group in groups], dtype=float)
    means = np.array([np.mean(group) for group in groups])
    n, k = sizes.sum(), sizes.size
    inside = sum(float(np.sum((np.array(g) - m) ** 2)) for g, m in zip(groups, means, strict=True)) / (n - k)
    outside = float(np.sum(sizes * (means - np.sum(sizes * means) / n) ** 2)) / (k - 1)
    typical = (n - np.sum(sizes**2) / n) / (k - 1)
    if inside <= 0:
        return outside / typical, inside, outside > 0, math.nan, math.nan
    ratio = outside / inside
    bounds = [ratio / float(stats.f.ppf(p, k - 1, n - k)) for p in (0.975, 0.025)]
    low, high = (min(max((bound - 1) / (bound - 1 + typical), 0.0), 1.0) for bound in bounds)
    is_clear = bool(stats.f.sf(ratio, k - 1, n - k) < _SIGNIFICANT)
    return max((outside - inside) / typical, 0.0), inside, is_clear, low, high


def _factors(named: Mapping[str, list[float]], between: float, within: float) -> dict[str, float]:
    """Return how much slower than the average one each environment is, drawn to 1 the more the fewer its runs."""
    middle = np.concatenate([np.array(logs) for logs in named.values()]).mean()
    return {
        name: math.exp(between / (between + within / len(logs)) * (float(np.mean(logs)) - middle))
        for name, logs in named.items()
    }


def without_factors(runs: Sequence[Run], factors: Mapping[str, float]) -> FloatArray:
    """Return durations without their environments' factors, at the mean that they have with them."""
    times = np.array([run.duration_s for run in runs])
    rest = np.array([run.duration_s / factors.get(run.environment, 1.0) for run in runs])
    return rest * (times.mean() / rest.mean()) if rest.mean() > 0 else rest


@dataclass(frozen=True)
class Lives:
    """How long idle environments lived."""

    survived_s: float
    """The longest idle time after which one was used again; NaN if none was."""
    expired_s: float
    """The shortest after which one was gone, as a cold start beside it shows; NaN if none was seen."""
    law: Law | None

    @property
    def is_clear(self) -> bool:
        """Whether there are two bounds, and they allow one life for all."""
        return self.law is not None and self.survived_s <= self.expired_s


def lives(runs: Sequence[Run]) -> Lives | None:
    """Return what per-request rows with instances say about keep-alive, or None if they name no instances and times.

    An instance that is used again after an idle time has survived it. One that is idle when another request gets a cold
    start, and is never used again, was gone: AWS starts no environment while one is idle. Rows have to be all requests
    of the function, or a cold start would be taken for one that was needed.
    """
    known = [run for run in runs if run.environment and math.isfinite(run.start_s) and run.is_first is not None]
    if len(known) < len(runs) or not known:
        return None
    survived, expired = math.nan, math.nan
    last_end: dict[str, float] = {}
    last_start = {run.environment: run.start_s for run in sorted(known, key=lambda run: run.start_s)}
    for run in sorted(known, key=lambda run: run.start_s):
        if run.environment in last_end and not run.is_first:
            survived = np.fmax(survived, run.start_s - last_end[run.environment])
        if run.is_first:
            came_s = run.start_s - np.nanmax(
                [run.init_s, run.elapsed_s - run.duration_s, 0.0]
            )  # its environment was made
            gone = [came_s - end for name, end in last_end.items() if last_start[name] < run.start_s]
            expired = np.fmin(expired, min((idle for idle in gone if idle > 0), default=math.nan))
        last_end[run.environment] = run.start_s + run.duration_s
        if run.status != "ok":  # Lambda itself ends an environment after a timeout or a crash
            del last_end[run.environment]
    return Lives(float(survived), float(expired), _life(float(survived), float(expired)))


def _life(survived_s: float, expired_s: float) -> Law | None:
    """Return a law between the two bounds: one time if they allow it, else anything between them."""
    if not (math.isfinite(survived_s) and math.isfinite(expired_s)) or max(survived_s, expired_s) <= 0:
        return None
    if survived_s <= expired_s:
        return Constant(round((survived_s + expired_s) / 2, 1))
    return (
        Uniform(round(expired_s, 1), round(survived_s, 1)) if survived_s > expired_s * 1.001 else Constant(survived_s)
    )
