"""From measured times to a law: intervals, tables that keep the mean, and what few runs borrow from sourced priors.

Intervals are 95 %. A mean has Student's t, a quantile two order statistics (exact for independent runs, no law
assumed), a share Wilson's. Runs that resemble their neighbours count for fewer: `effective` says for how many.

Fewer than `ENOUGH` runs say little about a tail. Their quantile table is mixed with that of a prior of the same mean:
``(1 - w) * measured + w * prior`` with ``w = PRIOR_RUNS / (PRIOR_RUNS + n)``, so the mean stays the measured one and
the shape moves from the prior's to the runs' own. The prior weighs as much as ten runs, about as many as it takes to
see the slowest tenth at all.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chainkit import data
from chainkit.distributions import Empirical, LogNormal, from_plain
from chainkit.law import FloatArray, Law

ENOUGH = 100
PRIOR_RUNS = 10.0
_CONFIDENCE = 0.95
_KNOTS = 160
_CLOSE = 1e-4
"""Largest error of a table's mean, before it is made exact by scaling."""
_PROBABILITIES = (0.0, 0.01, 0.05, *(k / 10 for k in range(1, 10)), 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)
FRACTIONS = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True)
class Prior:
    """A shape that few runs borrow, and where it comes from."""

    law: Law
    source: str


def warm_prior(times_s: Sequence[float] | FloatArray) -> Prior:
    """Return the shape of durations: of the measured kind of function whose spread is nearer to these times.

    Fewer than ten times tell too little: they get the wider of the two kinds, as a function may wait for others. Times
    that spread more than both kinds keep a spread of their own.
    """
    measured = data.latency()["warm_run"]
    cpu_cv, network_cv = float(measured["cpu_cv"]), float(measured["network_cv"])
    times = np.asarray(times_s, dtype=np.float64)
    own = float(times.std(ddof=1) / times.mean()) if times.size >= 10 and times.mean() > 0 else network_cv
    source = f"data/latency.json warm_run, {measured['year']}, {measured['confidence']}"
    if own > network_cv:
        cv, what = own, f"a lognormal of these runs' own cv {own:.2f}, wider than both kinds of {source}"
    elif own >= math.sqrt(cpu_cv * network_cv):
        cv, what = network_cv, f"warm runs of network functions, cv {network_cv}: {source}"
    else:
        cv, what = cpu_cv, f"warm runs of CPU-bound functions, cv {cpu_cv}: {source}"
    return Prior(LogNormal.from_log(0.0, math.sqrt(math.log(1 + cv * cv))), what)


def restore_prior(runtime: str | None) -> Prior:
    """Return the measured restore of a snapshot on a runtime; java21's stands in for those not measured."""
    known = data.latency()["restore"]
    name = runtime if runtime is not None and isinstance(known.get(runtime), dict) else "java21"
    return Prior(
        from_plain(known[name]["law"]), f"data/latency.json restore {name}, {known[name]['sample']:,} restores"
    )


def init_prior(runtime: str, architecture: str) -> Prior | None:
    """Return the measured init of a small function on a runtime, or None if it was not measured."""
    known = data.latency()["init"]
    key = f"{runtime}-{'arm64' if architecture == 'arm64' else 'x86'}"
    if key not in known:
        return None
    return Prior(from_plain(known[key]["law"]), f"data/latency.json init {key}, {known[key]['sample']:,} cold starts")


def hop_prior(name: str) -> Prior:
    """Return a measured hop of data/latency.json."""
    hop = data.latency()["hops"][name]
    return Prior(from_plain(hop["law"]), f"data/latency.json {name}, {hop['year']}, {hop['confidence']}")


@dataclass(frozen=True)
class Estimate:
    """One figure with its 95 % interval; NaN for a bound that the runs do not give."""

    figure: str
    value: float
    low: float
    high: float
    n: int
    source: str
    """"measured", "prior" or "shrunk"."""
    weight: float = 0.0
    """Of the prior, 0..1."""
    prior: str = ""


@dataclass(frozen=True)
class Fitted:
    """A law, and what is known about it."""

    name: str
    law: Law
    estimates: tuple[Estimate, ...]
    n: int
    effective: float
    source: str = "measured"
    weight: float = 0.0
    prior: str = ""
    values_s: FloatArray | None = None
    """What was measured, ascending."""


def fitted(name: str, values_s: Sequence[float] | FloatArray, prior: Prior | None, effective: float = 0) -> Fitted:
    """Return the law of measured times, shrunk to a prior if they are few, with intervals of what was measured.

    Parameters
    ----------
    name : of the figure, such as "duration"
    values_s : (n,) seconds, 1 or more
    prior : None leaves few runs as they are
    effective : for how many independent runs these count; 0: for all of them
    """
    values = np.sort(np.asarray(values_s, dtype=np.float64))
    n = values.size
    effective = min(float(n), effective) if effective else float(n)
    law: Law = Empirical(values_s=values)
    weight = 0.0
    if n < ENOUGH and prior is not None and law.mean_s > 0:
        weight = PRIOR_RUNS / (PRIOR_RUNS + n)
        law = mixed(law, prior.law, weight)
    else:
        law = table(values)
    source, of = ("shrunk", prior.source) if weight and prior is not None else ("measured", "")
    low, high = mean_interval(values, effective)
    estimates = [Estimate(f"{name}_mean_s", law.mean_s, low, high, n, "measured")]
    for label, p in FRACTIONS.items():
        low, high = quantile_interval(values, p, effective)
        estimates.append(Estimate(f"{name}_{label}_s", law.ppf(p), low, high, n, source, weight, of))
    return Fitted(name, law, tuple(estimates), n, effective, source, weight, of, values)


def mixed(law: Law, prior: Law, weight: float) -> Empirical:
    """Return the table ``(1 - weight) * law + weight * prior``, quantile by quantile, at the mean of `law`.

    >>> round(mixed(Empirical(values_s=[0.2]), LogNormal(p50_s=1, p99_s=2), 0.5).mean_s, 9)
    0.2
    """
    p = np.unique(
        np.concatenate([np.linspace(0.001, 0.999, 81), _PROBABILITIES[1:-1], [0.9995, 0.9999], *_knots_of(law)])
    )
    shape = prior.ppf(np.clip(p, 1e-4, 1 - 1e-4)) * (law.mean_s / prior.mean_s)
    times = (1 - weight) * law.ppf(p) + weight * shape
    return _at_mean(dict(zip(p.tolist(), times.tolist(), strict=True)), law.mean_s)


def _knots_of(law: Law) -> list[FloatArray]:
    n = len(law.values_s) if isinstance(law, Empirical) and law.values_s is not None else 0
    return [(np.arange(n) + 0.5) / n] if n else []


def table(values_s: FloatArray) -> Empirical:
    """Return a law of the same mean as measured times, in a table that is short enough to read and to keep.

    Knots are added where straight lines between them miss the mean most, until they miss it by less than 1e-4. What is
    left is put right by scaling.

    Parameters
    ----------
    values_s : (n,) seconds, ascending
    """
    if values_s.size <= ENOUGH or values_s[0] == values_s[-1]:
        return Empirical(values_s=values_s)
    exact = Empirical(values_s=values_s)
    grid, area = _areas(values_s)
    p = np.array(_PROBABILITIES)
    while p.size < _KNOTS:
        times, sums = exact.ppf(p), np.interp(p, grid, area)
        error = np.abs(np.diff(p) * (times[1:] + times[:-1]) / 2 - np.diff(sums))
        if error.sum() <= _CLOSE * exact.mean_s:
            break
        worst = int(np.argmax(error))
        p = np.insert(p, worst + 1, (p[worst] + p[worst + 1]) / 2)
    return _at_mean(dict(zip(p.tolist(), exact.ppf(p).tolist(), strict=True)), exact.mean_s)


def _areas(values_s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return probabilities and the integral of the quantile function up to them, fine enough to interpolate."""
    n = values_s.size
    p = np.concatenate([[0.0], (np.arange(n) + 0.5) / n, [1.0]])
    times = np.concatenate([values_s[:1], values_s, values_s[-1:]])
    fine = np.unique(np.concatenate([p, (p[1:] + p[:-1]) / 2]))
    at = np.interp(fine, p, times)
    return fine, np.concatenate([[0.0], np.cumsum(np.diff(fine) * (at[1:] + at[:-1]) / 2)])


def _at_mean(quantiles: dict[float, float], mean_s: float) -> Empirical:
    """Return the table scaled to a mean, and rounded to what a person reads."""
    rising = np.maximum.accumulate(np.array(list(quantiles.values())))
    law = Empirical(quantiles=dict(zip(quantiles, rising.tolist(), strict=True)))
    scale = mean_s / law.mean_s if law.mean_s > 0 else 1.0
    return law.scaled(scale) if abs(scale - 1) > 1e-12 else law


# --- intervals ---


def mean_interval(values_s: FloatArray, effective: float) -> tuple[float, float]:
    """Return Student's interval of the mean for so many effective runs; NaN for fewer than two."""
    if effective < 2:
        return math.nan, math.nan
    from scipy import stats

    half = stats.t.ppf((1 + _CONFIDENCE) / 2, effective - 1) * values_s.std(ddof=1) / math.sqrt(effective)
    return max(float(values_s.mean() - half), 0.0), float(values_s.mean() + half)


def quantile_interval(values_s: FloatArray, p: float, effective: float) -> tuple[float, float]:
    """Return two order statistics between which the quantile lies; NaN where no run is far enough out.

    Parameters
    ----------
    values_s : (n,) seconds, ascending
    """
    from scipy import stats

    n, m = values_s.size, max(int(effective), 1)
    low = int(stats.binom.ppf((1 - _CONFIDENCE) / 2, m, p))
    high = int(stats.binom.ppf((1 + _CONFIDENCE) / 2, m, p)) + 1
    first = math.floor((low - 1) * n / m) if low >= 1 else None
    last = math.ceil(high * n / m) - 1 if high <= m else None
    return (
        math.nan if first is None else float(values_s[first]),
        math.nan if last is None else float(values_s[min(last, n - 1)]),
    )


def share(figure: str, hits: int, n: int) -> Estimate:
    """Return a share of runs with Wilson's interval."""
    z = 1.959964
    middle = (hits + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(hits * (n - hits) / n + z * z / 4)
    return Estimate(figure, hits / n, max(middle - half, 0.0), min(middle + half, 1.0), n, "measured")
