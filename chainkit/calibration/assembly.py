"""Runs of one function -> its figures: what is a duration and what is not, which law, and what to tell about it."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from chainkit.calibration.environments import Alike, Lives, alike, lives, without_factors
from chainkit.calibration.estimates import Estimate, Fitted, Prior, fitted, init_prior, restore_prior, share, warm_prior
from chainkit.calibration.intake import Run
from chainkit.calibration.memory import MemoryCurve, fit
from chainkit.calibration.modes import LEAST_FIRST, Mode, differ, drift, explained, is_significant, sentence, two_modes
from chainkit.errors import ConfigError
from chainkit.law import FloatArray, Law
from chainkit.units import seconds


@dataclass(frozen=True)
class Wanted:
    """What the user says that a log does not."""

    memory_mb: int | None = None
    runtime: str | None = None
    architecture: str = "x86_64"
    is_whole: bool = True
    """Whether every run that was read is at hand."""


@dataclass(frozen=True)
class FunctionFigures:
    """What was learned about one function."""

    name: str
    runs: int
    memory_mb: int | None
    """At which the durations were measured; None: the log does not say."""
    fits: Mapping[str, Fitted]
    """duration, first_duration, init, overhead: those there are."""
    within: Mapping[str, Law] = field(default_factory=dict)
    """duration and first_duration without what environments differ by: they go with `alike.speed_factor`."""
    alike: Alike | None = None
    memory_curve: MemoryCurve | None = None
    lives: Lives | None = None
    instances: int | None = None
    cold: Estimate | None = None
    failures: tuple[Estimate, ...] = ()
    """Shares of runs that timed out or ended in an error, as the REPORT lines say."""
    modes: tuple[Mode, Mode] | None = None
    notes: tuple[str, ...] = ()

    def law(self, name: str) -> Law | None:
        """Return a law by its name, or None."""
        return self.fits[name].law if name in self.fits else None

    def estimates(self) -> list[Estimate]:
        """Return all figures with their intervals."""
        found = [estimate for each in self.fits.values() for estimate in each.estimates]
        found += [*([self.cold] if self.cold is not None else []), *self.failures]
        curve = self.memory_curve
        if curve is not None and self.memory_mb is not None:
            n = sum(count for count, _ in curve.sizes.values())
            for figure, value, error in (
                ("io_s", curve.io_s, curve.io_se_s),
                ("cpu_mb_s", curve.cpu_mb_s, curve.cpu_se_mb_s),
                ("cpu_fraction", curve.cpu_fraction(self.memory_mb), curve.fraction_se),
            ):
                found.append(Estimate(figure, value, value - 1.96 * error, value + 1.96 * error, n, "measured"))
        like = self.alike
        if like is not None and math.isfinite(like.between_fraction):
            bounds = (like.between_fraction, like.between_low, like.between_high)
            found.append(Estimate("between_environments_fraction", *bounds, self.fits["duration"].n, "measured"))
        for figure, value in self._alone().items():
            found.append(Estimate(figure, value, math.nan, math.nan, self.runs, "measured"))
        return found

    def _alone(self) -> dict[str, float]:
        """Return figures without an interval."""
        found: dict[str, float] = {}
        if self.alike is not None and math.isfinite(self.alike.lag_1):
            found["autocorrelation"] = self.alike.lag_1
        if self.instances is not None:
            found["instances"] = float(self.instances)
        if self.lives is not None:
            found |= {"idle_survived_s": self.lives.survived_s, "idle_expired_s": self.lives.expired_s}
        return {figure: value for figure, value in found.items() if math.isfinite(value)}


def function_figures(name: str, runs: Sequence[Run], wanted: Wanted, runtimes: Counter[str]) -> FunctionFigures:
    """Return the figures of one function's runs."""
    notes = list[str]()
    good = _durations(runs, notes)
    base_mb, here = _at_one_size(good, wanted, notes)
    used, first = _warm_and_first(here, notes)
    like = alike(used) if used else None
    fits = {
        name: fitted(name, times, warm_prior(times), effective)
        for name, times, effective in (
            ("duration", [run.duration_s for run in used], like.effective if like is not None else 0.0),
            ("first_duration", [run.duration_s for run in first], 0.0),
        )
        if times
    }
    if like is not None:
        notes += [*_about_alike(like), *_about_drift(used)]
    _inits(fits, runs, wanted, runtimes, notes)
    _waits(fits, good, wanted, runtimes, notes)
    curve = _curve(good, fits, like, base_mb, notes)
    alive = lives(runs) if wanted.is_whole else None
    if alive is not None:
        notes.append(_about_lives(alive))
    return FunctionFigures(
        name, len(runs), base_mb, fits, _within({"duration": used, "first_duration": first}, like), like, curve, alive,
        instances=_instances(runs) if wanted.is_whole else None,
        cold=_cold(runs),
        failures=tuple(
            share(f"{status}_fraction", count, len(runs))
            for status, count in sorted(Counter(run.status for run in runs).items())
            if status != "ok"
        ),
        modes=_modes(here, "first_duration" in fits, notes),
        notes=(*notes, *_about_memory(runs)),
    )  # fmt: skip


def _durations(runs: Sequence[Run], notes: list[str]) -> list[Run]:
    """Return the runs whose time is a duration: those that came to their end."""
    count = Counter(run.status for run in runs)
    if cut := count["timeout"]:
        notes.append(
            f"{cut:,} of {len(runs):,} runs timed out: their times are where the timeout cut them, not durations, and "
            "are left out; the true mean is longer"
        )
    if count["error"]:
        notes.append(f"{count['error']:,} of {len(runs):,} runs ended in an error: left out of the durations")
    steps = [run for run in runs if run.billed_s > 0 and _is_billed_by_100_ms(run)]
    if steps:
        notes.append(
            f"{len(steps):,} runs were billed in steps of 100 ms, as until 2020: durations are exact all the same"
        )
    if not count["ok"]:
        notes.append("no run came to its end by itself: no duration")
    return [run for run in runs if run.status == "ok"]


def _is_billed_by_100_ms(run: Run) -> bool:
    """Tell whether more was billed than rounding up to a millisecond, and INIT, explain."""
    extra_s = run.billed_s - run.duration_s
    inits = [0.0, *(time_s for time_s in (run.init_s, run.restore_s) if math.isfinite(time_s))]
    is_step = abs(run.billed_s * 10 - round(run.billed_s * 10)) < 1e-6
    return is_step and extra_s < 0.1 and all(not -0.002 < extra_s - init_s < 0.002 for init_s in inits)


def _at_one_size(runs: Sequence[Run], wanted: Wanted, notes: list[str]) -> tuple[int | None, list[Run]]:
    """Return the memory at which the laws are measured, and its runs."""
    sizes = Counter(int(run.memory_mb) for run in runs if math.isfinite(run.memory_mb))
    if not sizes:
        return wanted.memory_mb, list(runs)
    if wanted.memory_mb is not None and wanted.memory_mb not in sizes:
        known = ", ".join(f"{size:,}" for size in sorted(sizes))
        problem = f"calibrate: memory_mb={wanted.memory_mb} is not in the log; allowed: {known} (MB)"
        raise ConfigError(problem, fix="name one of these; settings() scales from it to others if there are two sizes")
    base_mb = wanted.memory_mb or max(sizes, key=lambda size: (sizes[size], size))
    if len(sizes) > 1:
        listed = ", ".join(f"{size:,} MB ({sizes[size]:,})" for size in sorted(sizes))
        notes.append(f"runs at {len(sizes)} memory sizes: {listed}; the laws are those of {base_mb:,} MB")
    return base_mb, [run for run in runs if run.memory_mb == base_mb]


def _warm_and_first(runs: Sequence[Run], notes: list[str]) -> tuple[list[Run], list[Run]]:
    """Return the runs whose times are `duration`, and those of `first_duration` if it differs."""
    first = [run for run in runs if run.is_first]
    warm = [run for run in runs if not run.is_first]
    if not first:
        return warm, []
    if not warm:
        notes.append("only runs after an init in the log: durations of warm runs may be shorter")
        return first, []
    if len(first) < LEAST_FIRST or len(warm) < LEAST_FIRST:
        notes.append(
            f"{len(first)} runs after an init beside {len(warm)} warm ones: too few to test whether they differ "
            f"(it takes {LEAST_FIRST} of both); they are left out, and first_duration stays open"
        )
        return warm, []
    first_s, warm_s = (np.array([run.duration_s for run in each]) for each in (first, warm))
    p = differ(first_s, warm_s)
    if not is_significant(p):
        notes.append(
            f"runs after an init take as long as warm ones (Mann-Whitney, by chance: {p:.2g}): one law for both"
        )
        return list(runs), []
    notes.append(sentence(first_s, warm_s, p))
    return warm, first


def _within(samples: Mapping[str, Sequence[Run]], like: Alike | None) -> dict[str, Law]:
    """Return the laws of runs in an average environment, where there is a speed factor."""
    if like is None or like.speed_factor is None:
        return {}
    times = {name: without_factors(runs, like.factors) for name, runs in samples.items() if runs}
    return {name: fitted(name, each, warm_prior(each)).law for name, each in times.items()}


def _instances(runs: Sequence[Run]) -> int | None:
    """Return how many environments there were, if every run names its own."""
    names = {run.environment for run in runs}
    return None if "" in names else len(names)


def _cold(runs: Sequence[Run]) -> Estimate | None:
    """Return the share of runs that followed an init, if the log tells."""
    told = [run for run in runs if run.is_first is not None]
    return share("cold_fraction", sum(bool(run.is_first) for run in told), len(told)) if told else None


def _inits(
    fits: dict[str, Fitted], runs: Sequence[Run], wanted: Wanted, runtimes: Counter[str], notes: list[str]
) -> None:
    """Add the law of inits, or of restores where there are only these."""
    inits = [run.init_s for run in runs if math.isfinite(run.init_s) and run.status != "error"]
    restores = [run.restore_s for run in runs if math.isfinite(run.restore_s)]
    if inits:
        fits["init"] = fitted("init", inits, _init_shape(wanted, runtimes, len(inits), notes))
        if restores:
            notes.append(f"{len(restores):,} runs restored a snapshot: not used beside {len(inits):,} inits")
    elif restores:
        fits["init"] = fitted("init", restores, restore_prior(_runtime(wanted, runtimes)))
        notes.append(f"SnapStart: Restore Duration stands for init ({len(restores):,} runs)")
    elif any(run.is_first is not None for run in runs) and all(math.isnan(run.elapsed_s) for run in runs):
        notes.append("no cold start in the log: init stays chainkit's law of the runtime")


def _runtime(wanted: Wanted, runtimes: Counter[str]) -> str | None:
    """Return the runtime that the user names, else the one that the log names most often."""
    return wanted.runtime or (runtimes.most_common(1)[0][0] if runtimes else None)


def _init_shape(wanted: Wanted, runtimes: Counter[str], n: int, notes: list[str]) -> Prior | None:
    """Return the measured inits of the runtime, which few cold starts borrow from."""
    runtime = _runtime(wanted, runtimes)
    prior = init_prior(runtime, wanted.architecture) if runtime is not None else None
    if prior is None and n < 100:
        notes.append(
            f"init: {'the runtime is not in the log' if runtime is None else f'{runtime} was not measured'}, so few "
            "cold starts take the shape of python3.12's; say runtime=... for that of another"
        )
    return prior or init_prior("python3.12", wanted.architecture)


def _waits(
    fits: dict[str, Fitted], runs: Sequence[Run], wanted: Wanted, runtimes: Counter[str], notes: list[str]
) -> None:
    """Add what callers wait beyond the run, and from it the init where the log has none."""
    warm = [run.elapsed_s - run.duration_s for run in runs if not run.is_first and math.isfinite(run.elapsed_s)]
    cold = [run.elapsed_s - run.duration_s for run in runs if run.is_first and math.isfinite(run.elapsed_s)]
    early = sum(time_s < 0 for time_s in [*warm, *cold])
    if early:
        notes.append(f"{early:,} callers waited for less than the run took: their overhead is taken as 0")
    if warm:
        fits["overhead"] = fitted("overhead", np.maximum(warm, 0.0), None)
        notes.append("overhead: what the caller waited beyond a warm run, the way there and back included")
    if warm and cold and "init" not in fits:
        middle = float(np.median(warm))
        inits = np.maximum(np.array(cold) - middle, 0.0)
        fits["init"] = fitted("init", inits, _init_shape(wanted, runtimes, len(cold), notes))
        notes.append(
            f"init: what cold callers waited beyond the median warm overhead of {seconds(middle)}; it holds placement "
            "and download too, so it is more than AWS's Init Duration, and bills more"
        )


def _curve(
    runs: Sequence[Run], fits: Mapping[str, Fitted], like: Alike | None, base_mb: int | None, notes: list[str]
) -> MemoryCurve | None:
    """Return the memory curve through runs of the kind that `duration` holds."""
    with_first = "duration" in fits and "first_duration" not in fits and not any(not run.is_first for run in runs)
    by_size: dict[int, list[float]] = {}
    for run in runs:
        if math.isfinite(run.memory_mb) and run.duration_s > 0 and (with_first or not run.is_first):
            by_size.setdefault(int(run.memory_mb), []).append(run.duration_s)
    if base_mb is None or not by_size:
        return None
    sizes: dict[int, FloatArray] = {size: np.array(times) for size, times in by_size.items()}
    worth = like.effective / max(fits["duration"].n, 1) if like is not None else 1.0
    curve = fit(sizes, worth, base_mb)
    if curve is None:
        notes.append(
            f"memory curve: runs at {', '.join(f'{size:,}' for size in sorted(sizes))} MB only; it takes two sizes, at "
            "least one of them below 1,769 MB"
        )
        return None
    notes += [f"memory curve: {curve}", _about_more(curve, base_mb)]
    if curve.worst_fraction > 0.1:
        notes.append("memory curve: a size lies more than 10 % off; several functions in one log, or several threads?")
    return curve


def _modes(runs: Sequence[Run], is_told: bool, notes: list[str]) -> tuple[Mode, Mode] | None:
    """Return two modes in all runs, and say what they are unless first runs have been told already."""
    times = np.array([max(run.duration_s, 1e-6) for run in runs])
    first = np.array([math.nan if run.is_first is None else float(run.is_first) for run in runs])
    found = two_modes(times, first)
    if found is not None and not (is_told and found[1].first_fraction > 0.5):
        notes.append(explained(*found))
    return found


def _about_alike(like: Alike) -> list[str]:
    """Return what is told about autocorrelation and speed factors."""
    told = []
    if math.isfinite(like.lag_1) and like.lag_1 > 2 / math.sqrt(max(like.pairs, 1)):
        told.append(
            f"consecutive runs resemble each other: lag-1 autocorrelation {like.lag_1:.2f}; intervals count "
            f"{like.effective:,.0f} independent runs"
        )
    if like.speed_factor is not None:
        told.append(
            f"speed factor: {like.between_fraction:.0%} of the variance lies between {like.environments:,} "
            "environments; settings() gives durations without it, and the factor apart"
        )
    else:
        told.append(f"no speed factor: {like.why_not}")
    return told


def _about_drift(used: Sequence[Run]) -> list[str]:
    """Return what is told about a trend, where the log says when the runs were."""
    if not all(math.isfinite(run.start_s) for run in used):
        return []
    change = drift(np.array([run.duration_s for run in sorted(used, key=lambda run: run.start_s)]))
    if change is None:
        return []
    return [f"durations drift: they end up {abs(change):.0%} {'longer' if change > 0 else 'shorter'} than they began"]


def _about_more(curve: MemoryCurve, base_mb: int) -> str:
    """Return what twice the memory would bring and cost."""
    more_mb = min(2 * base_mb, 10_240)
    faster = 1 - curve.duration_s(more_mb) / curve.duration_s(base_mb)
    dearer = curve.gb_s(more_mb) / curve.gb_s(base_mb) - 1
    return (
        f"memory: {more_mb:,} MB in place of {base_mb:,} would take {faster:.0%} less time, and {dearer:.0%} more GB s"
    )


def _about_lives(alive: Lives) -> str:
    survived = f"longest idle time survived {alive.survived_s:,.1f} s" if math.isfinite(alive.survived_s) else ""
    expired = f"shortest after which one was gone {alive.expired_s:,.1f} s" if math.isfinite(alive.expired_s) else ""
    bounds = "; ".join(bound for bound in (survived, expired) if bound)
    if alive.law is None:
        return f"keep-alive: {bounds or 'no idle environment was seen again or gone'}; one bound alone gives no law"
    if not alive.is_clear:
        return f"keep-alive: {bounds}; lives vary, or a deployment or a missing log ended some: a rough law"
    return f"keep-alive: {bounds}, if these are all requests of the function"


def _about_memory(runs: Sequence[Run]) -> list[str]:
    """Return what the most memory used says about the memory that is there."""
    sized = [run for run in runs if run.memory_mb > 0 and math.isfinite(run.used_mb)]
    if not sized:
        return []
    run = max(sized, key=lambda run: run.used_mb / run.memory_mb)
    part = run.used_mb / run.memory_mb
    told = f"memory: at most {run.used_mb:,.0f} of {run.memory_mb:,.0f} MB used ({part:.0%})"
    if part >= 1 and all(run.used_mb == run.memory_mb for run in sized):
        return [f"{told} in every run: memory is full, or a local emulator wrote this"]
    if part > 0.9:
        return [f"{told}: little is left, give it more"]
    return [f"{told}: it is there for its CPU only"] if part < 0.5 else [told]
