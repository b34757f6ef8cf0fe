"""One function over memory sizes: how long it runs, what that costs, and what the chain makes of it.

Alone, the law is known: T(m) = io + cpu / min(m, 1769), so that nothing is simulated. What a caller waits for its
callees is not the function's own, and shows in the figures of the chain.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainkit.billing.prices import Prices
from chainkit.billing.prices import price_book as list_prices
from chainkit.calibration.tunings import PowerTuning, Strategy, TunedSize, best
from chainkit.chain import Chain, as_chain
from chainkit.declared import settings
from chainkit.errors import ConfigError, nearest
from chainkit.law import FloatArray
from chainkit.records import Pool
from chainkit.service import Service
from chainkit.simulation.loads import Load
from chainkit.simulation.run import Run, simulate

if TYPE_CHECKING:
    import pandas as pd

SIZES = (128, 256, 512, 768, 1024, 1536, 1769, 2048, 3008)
"""Sizes that are tried unless others are given, MB: Power Tuning's, and 1,769, where a thread has a whole vCPU."""
GRID = 4_096
"""Points of a law at which what lies between whole milliseconds is averaged."""
PROCESSORS = ("x86_64", "arm64")
RUN_COUNTERS = ("run_ms", "invocations")
BEHIND = "completion_p95_s"
"""What memory of a function changes that no answer waits for."""


class SizeFigures(NamedTuple):
    """One function at one memory size, alone: seconds, and dollars of a million invocations."""

    memory_mb: int
    duration_mean_s: float
    """Of a warm run, without its calls, cut at the timeout."""
    duration_p95_s: float
    cold_mean_s: float
    """Of the first run of a new environment, its init included."""
    billed_ms: float
    """Mean of what is billed of a warm run, each rounded up to a millisecond."""
    usd_per_million: float
    """Requests and run time on its own processor, first tier, without free tier; INIT of cold starts not included."""
    usd_per_million_x86_64: float
    usd_per_million_arm64: float
    """On the other processor with `arm64_ratio` times the duration."""
    run_usd_per_million: float
    """Run time alone on its own processor, as Power Tuning counts."""


@dataclasses.dataclass(frozen=True, repr=False)
class FunctionCurve:
    """A function over memory sizes; what `memory_curve` gives back."""

    function: str
    architecture: str
    sizes: tuple[SizeFigures, ...]
    """By memory, ascending."""
    figure: str = ""
    """Which figure of the chain was simulated; "" where there was no load."""
    chain: tuple[tuple[float, float, float], ...] = ()
    """low, value, high of that figure with each size, seconds."""
    notes: tuple[str, ...] = ()
    """What to know before believing it."""

    @property
    def cheapest(self) -> SizeFigures:
        """The size whose run costs least; of equals the fastest."""
        return self.balanced(1.0)

    @property
    def fastest(self) -> SizeFigures:
        """The size with the shortest mean; of equals the cheapest."""
        return self.balanced(0.0)

    def balanced(self, weight: float = 0.5) -> SizeFigures:
        """Return the size between both by Power Tuning's rule: `weight` 0 is the fastest, 1 the cheapest."""
        strategy: Strategy = "speed" if weight == 0 else "cost" if weight == 1 else "balanced"
        points = [(each.duration_mean_s, each.run_usd_per_million) for each in self.sizes]
        return self.sizes[best(points, strategy, weight)]

    def power_tuning(self) -> PowerTuning:
        """Return the curve as a result of AWS Lambda Power Tuning, which `write_power_tuning` writes."""
        sizes = [TunedSize(e.memory_mb, e.duration_mean_s, e.run_usd_per_million / 1e6) for e in self.sizes]
        return PowerTuning(tuple(sizes))

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per size: what `SizeFigures` says, and low, value and high of the chain's figure."""
        import pandas as pd

        frame = pd.DataFrame(self.sizes, columns=SizeFigures._fields)
        for k, end in enumerate(("_low", "", "_high")):
            if self.figure:
                frame[f"{self.figure}{end}"] = [row[k] for row in self.chain]
        return frame

    def __str__(self) -> str:
        """Return the curve as a table, with the sizes that stand out and what to know."""
        from chainkit.units import seconds

        head = f"{'memory':>9}  {'mean':>8}  {'p95':>8}  {'cold':>8}  {'USD a million':>13}"
        lines = [f"{self.function} on {self.architecture}", head + (f"  chain {self.figure}" if self.figure else "")]
        marks = {self.cheapest: "cheapest", self.balanced(): "balanced", self.fastest: "fastest"}
        for k, each in enumerate(self.sizes):
            times = "  ".join(f"{seconds(t):>8}" for t in (each.duration_mean_s, each.duration_p95_s, each.cold_mean_s))
            line = f"{each.memory_mb:>6} MB  {times}  {each.usd_per_million:>13.4g}"
            if self.figure:
                low, value, high = self.chain[k]
                line += f"  {seconds(value)} ({seconds(low)} to {seconds(high)})"
            lines.append(f"{line}  {marks[each]}" if each in marks else line)
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def __repr__(self) -> str:
        """Return the curve in a word."""
        return f"FunctionCurve({self.function!r}, {len(self.sizes)} sizes, cheapest {self.cheapest.memory_mb} MB)"


def memory_curve(
    chain: Chain,
    name: str,
    sizes: Sequence[int] | None = None,
    *,
    load: Load | None = None,
    requests: int = 20_000,
    seed: int = 1,
    figure: str | None = None,
    arm64_ratio: float = 1.0,
    price_book: Prices | None = None,
    **options: Any,
) -> FunctionCurve:
    """Return a function's duration and cost over memory sizes, and with a load what the chain makes of each.

    Parameters
    ----------
    chain, name : whose function
    sizes : MB, 128..10240; None: `SIZES` and the size that it has
    load, requests, seed, **options : as for `simulate`; the same draws for every size. No load: no simulation
    figure : of `Run.summary`, such as "response_p95_s"; None: that, or "completion_p95_s" where nobody waits, or where
        only this one changes with memory, as of a function behind the answer
    arm64_ratio : duration on arm64 over that on x86, above 0; 1, the default, is an assumption: measure it
    price_book : prices to use instead of the region's list prices

    Raises
    ------
    WiringError, ConfigError
        If there is no such function, or a size or figure is refused.
    PriceMissingError
        If the region has no price of it.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("shop")
    >>> _ = chain.add(ck.LambdaFunction("pay", memory_mb=512, duration=0.25, cpu_fraction=0.8, init=0))
    >>> curve = memory_curve(chain, "pay", [512, 1024, 2048])
    >>> [round(each.duration_mean_s, 4) for each in curve.sizes]
    [0.25, 0.15, 0.1079]
    >>> curve.cheapest.memory_mb, curve.fastest.memory_mb
    (512, 2048)
    """
    chain = as_chain(chain, "memory_curve")
    service = _function(chain, name)
    book = list_prices(chain.region) if price_book is None else price_book
    ratio = as_ratio("memory_curve", arm64_ratio)
    tried = [service.with_settings(memory_mb=size) for size in _sizes(service, sizes)]
    found = FunctionCurve(
        function=name,
        architecture=getattr(service, "architecture", PROCESSORS[0]),
        sizes=tuple(size_figures(each, book, ratio) for each in tried),
        notes=tuple(_notes(service, ratio)),
    )
    if load is None:
        return found
    runs = []
    for each in tried:
        twin = chain.copy()
        twin.set(name, memory_mb=getattr(each, "memory_mb"))  # noqa: B009 - not every service has one
        runs.append(simulate(twin, load, requests=requests, seed=seed, **options))
    chosen = figure_of("memory_curve", figure, nobody_waits=runs[0].program.nobody_waits)
    rows = _rows(runs, chosen)
    if figure is None and chosen != BEHIND and len({*rows}) == 1 < len({*_rows(runs, BEHIND)}):
        chosen, rows = BEHIND, _rows(runs, BEHIND)  # nobody waits for this function
    return dataclasses.replace(found, figure=chosen, chain=rows)


def size_figures(service: Service, book: Prices, arm64_ratio: float = 1.0) -> SizeFigures:
    """Return the figures of a function at the memory that it has; closed form, nothing is simulated."""
    pool = service.behaviour()
    assert isinstance(pool, Pool)
    exact_s = _exact_s(pool)
    first = pool.first_work if pool.first_work is not None else pool.work
    cold_s = exact_s - pool.work.mean_s + first.mean_s + (pool.init.mean_s if pool.init is not None else 0.0)
    warm, mean_s = _warm(pool, 1.0)
    billed_ms = {each: _billed_ms(*_warm(pool, _slower(service, each, arm64_ratio))) for each in PROCESSORS}
    usd = {each: _usd(each, service, book, billed_ms[each]) for each in PROCESSORS}
    own = getattr(service, "architecture", PROCESSORS[0])
    return SizeFigures(
        memory_mb=getattr(service, "memory_mb"),  # noqa: B009 - not every service has one
        duration_mean_s=mean_s,
        duration_p95_s=_p95_s(pool, warm),
        cold_mean_s=cold_s,
        billed_ms=billed_ms[own],
        usd_per_million=sum(usd[own]),
        usd_per_million_x86_64=sum(usd["x86_64"]),
        usd_per_million_arm64=sum(usd["arm64"]),
        run_usd_per_million=usd[own][0],
    )


def figure_of(who: str, figure: str | None, *, nobody_waits: bool) -> str:
    """Return the figure of a run that is meant, checked."""
    from chainkit.comparison import TIMES

    default = "completion_p95_s" if nobody_waits else "response_p95_s"
    chosen = default if figure is None else figure
    if chosen not in TIMES:
        problem = f"{who}: figure={figure!r} is unknown{nearest(str(figure), TIMES)}"
        raise ConfigError(f"{problem}; allowed: {', '.join(TIMES)}", fix=f'leave it out for "{default}"')
    if nobody_waits and chosen.startswith("response"):
        problem = f"{who}: figure={figure!r}: nobody waits for an answer of this chain"
        raise ConfigError(problem, fix=f'ask for "{chosen.replace("response", "completion")}"')
    return chosen


def as_ratio(who: str, value: Any) -> float:
    """Return a ratio of durations, checked."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0.1 <= value <= 10:
        problem = f"{who}: arm64_ratio={value!r} is outside 0.1..10"
        raise ConfigError(problem, fix="give the duration on arm64 over that on x86: 1 is as fast, 1.2 a fifth longer")
    return float(value)


def is_function(service: Service) -> bool:
    """Tell whether a service runs code at a memory size that can be chosen."""
    names = {setting.name for setting in settings(type(service))}
    return {"memory_mb", "cpu_fraction"} <= names


# --- parts ---


def _rows(runs: Sequence[Run], figure: str) -> tuple[tuple[float, float, float], ...]:
    """Return low, value and high of a figure, one row for each run."""
    found = [run.summary().loc[figure, ["low", "value", "high"]].to_numpy(dtype=float) for run in runs]
    return tuple((float(low), float(value), float(high)) for low, value, high in found)


def _function(chain: Chain, name: str) -> Service:
    service = chain.service(name)
    if not is_function(service):
        functions = ", ".join(n for n, each in chain.services.items() if is_function(each)) or "none"
        problem = f"memory_curve: {name!r} is no function: it has no memory to choose"
        raise ConfigError(problem, fix=f"functions of the chain: {functions}")
    return service


def _sizes(service: Service, sizes: Sequence[int] | None) -> list[int]:
    """Return the sizes to try, ascending, each once."""
    now = getattr(service, "memory_mb")  # noqa: B009 - not every service has one
    if sizes is None:
        return sorted({*SIZES, now})
    if isinstance(sizes, str) or not hasattr(sizes, "__iter__") or not list(sizes):
        raise ConfigError(f"memory_curve: sizes={sizes!r} is no list of sizes", fix="give MB: [128, 512, 1769]")
    return sorted({size.item() if hasattr(size, "item") else size for size in sizes})


def _notes(service: Service, ratio: float) -> list[str]:
    """Return what to know: a share of CPU work that nobody gave, and what is assumed of arm64."""
    found = []
    if not getattr(service, "cpu_fraction"):  # noqa: B009 - not every service has one
        found.append("cpu_fraction is 0: by the design memory changes nothing; measure it (ck.read_power_tuning)")
    measured = "an assumption" if ratio == 1 else "as given"
    return [*found, f"duration on arm64: {ratio:g} times that on x86, {measured}"]


def _slower(service: Service, processor: str, ratio: float) -> float:
    """Return the duration on a processor over that on the function's own."""
    own = getattr(service, "architecture", PROCESSORS[0])
    return 1.0 if processor == own else ratio if processor == "arm64" else 1 / ratio


def _grid(pool: Pool) -> FloatArray:
    """Return equally likely times of a warm run, one unit and the overhead, seconds."""
    p = (np.arange(GRID) + 0.5) / GRID
    work = np.asarray(pool.work.ppf(p))
    if pool.overhead is None:
        return work
    # Every part of one law meets every part of the other: they are independent.
    coarse = (np.arange(256) + 0.5) / 256
    both = np.add.outer(np.asarray(pool.work.ppf(coarse)), np.asarray(pool.overhead.ppf(coarse)))
    return np.sort(both.ravel())


def _exact_s(pool: Pool) -> float:
    """Return the mean of a run that no timeout cuts, seconds."""
    return pool.work.mean_s + (pool.overhead.mean_s if pool.overhead is not None else 0.0)


def _warm(pool: Pool, slower: float) -> tuple[FloatArray, float]:
    """Return times of a warm run, equally likely, and their mean, exact where the timeout cuts none; seconds."""
    times_s = _grid(pool) * slower
    cut_s = np.minimum(times_s, pool.timeout_s)
    return cut_s, float(cut_s.mean()) if times_s.max() > pool.timeout_s else _exact_s(pool) * slower


def _p95_s(pool: Pool, warm: FloatArray) -> float:
    """Return the 95th percentile, exact where it is that of one law."""
    exact_s = pool.work.ppf(0.95) if pool.overhead is None else float(np.quantile(warm, 0.95))
    return min(exact_s, pool.timeout_s)


def _billed_ms(warm: FloatArray, mean_s: float) -> float:
    """Return the mean of times rounded up to milliseconds: the mean, and the mean of what rounding adds."""
    times_ms = np.round(warm * 1000, 9)
    return mean_s * 1000 + float(np.mean(np.ceil(times_ms) - times_ms))


def _usd(processor: str, service: Service, book: Prices, billed_ms: float) -> tuple[float, float]:
    """Return what a million runs of so many ms cost: run time, requests."""
    names = {setting.name for setting in settings(type(service))}
    twin = service.with_settings(architecture=processor) if "architecture" in names else service
    counts = dict(zip(RUN_COUNTERS, (1e6 * billed_ms, 1e6), strict=True))
    meters = [meter for meter in twin.meters() if meter.counter in counts]
    parts = {
        counter: math.fsum(
            book.price(meter.price).tiers[0].usd * meter.factor * counts[counter]
            for meter in meters
            if meter.counter == counter
        )
        for counter in RUN_COUNTERS
    }
    return (parts[RUN_COUNTERS[0]], parts[RUN_COUNTERS[1]])
