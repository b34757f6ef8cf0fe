"""How far a figure, or the difference of two designs, swings if what it rests on is off: one supposition at a time.

Every run has the seed, and so the draws, of the first: a swing is what the supposition does, not chance. Money comes
from tariffs (scaling.py), so that a price at another height needs no new run.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chainkit.billing.bill import bill
from chainkit.chain import Chain, as_chain
from chainkit.comparison import ALL, MONEY, Comparison
from chainkit.errors import ChainkitError, ConfigError, nearest
from chainkit.rewiring import Variant
from chainkit.scaling import CostCurve, a_month, cost_at_scale
from chainkit.simulation import lower
from chainkit.simulation.loads import Load
from chainkit.simulation.run import Run, simulate
from chainkit.suppositions import Setup, Supposition, suppositions
from chainkit.units import HOURS_PER_MONTH, seconds

if TYPE_CHECKING:
    import pandas as pd

Figure = tuple[float, float, float]
"""low, value, high."""
MONTH_S = HOURS_PER_MONTH * 3600


@dataclass(frozen=True)
class Swing:
    """What one supposition does to the figure."""

    supposition: Supposition
    at_low: Figure
    """The figure where the supposition is at its low end, with its 95 % interval."""
    at_high: Figure
    base: Figure

    @property
    def width(self) -> float:
        """From the least to the greatest of the three figures."""
        values = [self.at_low[1], self.base[1], self.at_high[1]]
        return 0.0 if len(set(values)) == 1 else max(values) - min(values)

    @property
    def flips(self) -> str:
        """Whether another design wins at one end: "yes", "no", or "undecided" where an interval holds 0."""
        first, *ends = (_winner(figure) for figure in (self.base, self.at_low, self.at_high))
        if first and -first in ends:
            return "yes"
        return "no" if first and 0 not in ends else "undecided"


def _winner(figure: Figure) -> int:
    """Return -1 if the first design has less for certain, 1 if the second has, 0 if that is open."""
    low, _, high = figure
    if math.isnan(low):
        return 0
    return -1 if high < 0 else 1 if low > 0 else 0


@dataclass(frozen=True, repr=False)
class Sensitivity:
    """What `sensitivity` gives back: swings, the largest first."""

    figure: str
    of: str
    to: str | None
    base: Figure
    swings: tuple[Swing, ...]
    requests_per_month: float
    seed: int

    def __repr__(self) -> str:
        """Return it in a word."""
        return f"Sensitivity({self.what!r}, {len(self.swings)} suppositions)"

    @property
    def what(self) -> str:
        """What swings."""
        return f"{self.figure} of {self.of}" + (f" less that of {self.to}" if self.to else "")

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per supposition, the largest swing first.

        Columns: factor, its name; taken, what it was; low and high, its ends, and whether they multiply what was taken
        (is_factor); at_low, base, at_high, the figure; swing, from the least to the greatest of them; confidence and
        source; flips: whether another design wins at one end ("yes", "no", "undecided"; "" of a single chain).
        """
        import pandas as pd

        rows = [
            {
                "factor": each.supposition.name, "taken": each.supposition.taken, "low": each.supposition.low,
                "high": each.supposition.high, "is_factor": each.supposition.is_factor, "at_low": each.at_low[1],
                "base": each.base[1], "at_high": each.at_high[1], "swing": each.width,
                "confidence": each.supposition.confidence, "source": each.supposition.source,
                "flips": each.flips if self.to else "",
            }
            for each in self.swings
        ]  # fmt: skip
        return pd.DataFrame(rows)

    @property
    def first(self) -> Swing | None:
        """The supposition that moves the decision most.

        Of those that turn it the widest swing; where none does, the one at whose end the difference comes nearest to 0.
        Of a single chain, or where it is open which design wins, the widest swing.
        """
        moving = [each for each in self.swings if each.width]
        turning = [each for each in moving if self.to and each.flips == "yes"]
        winner = _winner(self.base)
        if turning or not self.to or not winner:
            return next(iter(turning or moving), None)
        return min(moving, key=lambda each: min(winner * each.at_low[1], winner * each.at_high[1]), default=None)

    @property
    def measure_first(self) -> str:
        """Which supposition to make sure of first, and why, in words."""
        if self.first is None:
            return f"nothing that was varied moves the {self.what}"
        each, ends = self.first.supposition, (self.first.at_low[1], self.first.at_high[1])
        word = "look up" if each.kind == "price" else "measure"
        pairs = zip(ends, (each.low, each.high), strict=True)
        said = [f"{self.shown(value)} at {each.at(end)}" for value, end in pairs]
        why = f"{each.confidence}: {each.source}" if each.source != each.confidence else each.source
        turn = {"yes": "; that turns the decision", "no": "; nothing that was varied comes nearer to turning it"}
        then = turn.get(self.first.flips, "; whether that turns the decision is open") if self.to else ""
        return f"{word} {each.words} first ({each.taken}; {why}): {self.what} is {' and '.join(said)}{then}"

    def shown(self, value: float) -> str:
        """Return a value of the figure with its unit."""
        if self.figure in MONEY:
            return f"{value:,.2f} USD"
        if self.figure.endswith("_s"):
            return f"-{seconds(-value)}" if value < 0 else seconds(value)
        return f"{value:,.4g}"

    def __str__(self) -> str:
        """Return the swings as text, then what to measure first."""
        frame = self.to_frame()[["factor", "low", "high", "at_low", "base", "at_high", "swing", "flips"]]
        return f"{self.what}\n{frame.round(4).to_string(index=False)}\n{self.measure_first}"


def sensitivity(
    chains: Chain | Variant | Mapping[str, Chain | Variant],
    load: Load,
    figure: str = "usd_per_month",
    *,
    requests: int,
    seed: int,
    of: str | None = None,
    to: str | None = None,
    ranges: Mapping[str, Any] | None = None,
    requests_per_month: float | None = None,
    free_tier: bool = False,
    **options: Any,
) -> Sensitivity:
    """Return how far a figure swings if what it rests on is off: durations, failures, traffic, sizes, hops, prices.

    One supposition at a time is set to both ends of its range, with the same draws. What is varied, how far, and on
    whose word stands in `chainkit.suppositions`.

    Parameters
    ----------
    chains : one chain, or by name several, of which `of` and `to` count
    load, requests, seed, **options : as for `simulate`
    figure : a column of `Comparison.to_frame`
    of, to : whose figure, and less whose; None: the first, and the second if there are two
    ranges : {"pay.duration": (0.5, 2), "pay.error_rate": (0, 0.05), "price.lambda-requests": None}
        Ends of your own: of plain numbers of a setting the values themselves; of laws, shares of several ways, traffic,
        hops and prices factors. Any setting may be named. None leaves out what would be varied.
    requests_per_month, free_tier : as for `bill`; None: the month goes on at the rate of the load. More traffic means
        a larger month, in proportion.

    Raises
    ------
    ConfigError
        If a name, figure or range is refused; else what `simulate` and `bill` raise.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("one")
    >>> _ = chain.add(ck.LambdaFunction("pay", duration=0.25, memory_mb=1024, init=0))
    >>> load = ck.Steady(rate_per_s=4)
    >>> found = ck.sensitivity(chain, load, requests=1_000, seed=1, requests_per_month=1e6)
    >>> found.to_frame().set_index("factor").loc["pay.duration", ["at_low", "base", "at_high"]].round(2).tolist()
    [3.0, 4.37, 6.45]
    """
    named = _named(chains)
    of, to = _pair(named, of, to)
    if figure not in ALL:
        raise ConfigError(
            f"sensitivity: figure={figure!r} is unknown{nearest(figure, ALL)}", fix=f"known: {', '.join(ALL)}"
        )
    wanted = {name: as_chain(named[name], f"sensitivity: {name!r}") for name in (of, to) if name is not None}
    if not isinstance(load, Load):
        raise ConfigError(f"sensitivity: load={load!r} is no traffic", fix="give ck.Poisson(rate_per_s=4)")
    hops = lower.hop_laws(options.pop("latency", None))
    month = load.rate_per_s * MONTH_S if requests_per_month is None else a_month("sensitivity", requests_per_month)
    setup = Setup(wanted, load, month, hops)
    looking = _Looking(figure, of, to, requests, seed, free_tier, options)
    runs = looking.runs(setup)
    curve = looking.curve(runs)
    prices = {price.key: price for each in curve.tariffs.values() for price in each.prices} if curve else {}
    base = looking.figured(runs, curve, month)
    swings = []
    for each in suppositions(setup, runs, prices, ranges):
        at_low, at_high = (looking.at(setup, curve, each, end) for end in (each.low, each.high))
        swings.append(Swing(each, at_low, at_high, base))
    swings.sort(key=lambda swing: -swing.width if swing.width == swing.width else math.inf)
    return Sensitivity(figure, of, to, base, tuple(swings), month, seed)


@dataclass(frozen=True)
class _Looking:
    """What is looked at, and how it is run."""

    figure: str
    of: str
    to: str | None
    requests: int
    seed: int
    free_tier: bool
    options: Mapping[str, Any]

    def runs(self, setup: Setup) -> dict[str, Run]:
        """Return a run of each chain."""
        return {
            name: simulate(
                chain, setup.load, requests=self.requests, seed=self.seed, latency=setup.latency, **self.options
            )
            for name, chain in setup.chains.items()
        }

    def curve(self, runs: Mapping[str, Run]) -> CostCurve | None:
        """Return what the runs cost, if money is looked at."""
        return cost_at_scale(runs, free_tier=self.free_tier) if self.figure in MONEY else None

    def figured(self, runs: Mapping[str, Run], curve: CostCurve | None, month: float) -> Figure:
        """Return the figure with its interval."""
        if curve is not None:
            scale = 1.0 if self.figure == "usd_per_month" else 1e6 / month
            low, value, high = curve.difference(self.of, self.to, month) if self.to else curve.usd(self.of, month)
            return (low * scale, value * scale, high * scale)
        both = Comparison(runs, {name: bill(run.chain, run) for name, run in runs.items()})
        if self.to is None:
            return both.interval(self.figure, self.of)
        return both.difference(self.figure, self.of, self.to)[:3]

    def at(self, setup: Setup, curve: CostCurve | None, supposition: Supposition, end: float) -> Figure:
        """Return the figure where one supposition is at one end."""
        if supposition.kind == "price" and curve is not None:
            other_curve = curve.with_price_at(supposition.name.removeprefix("price."), end)
            return self.figured({}, other_curve, setup.requests_per_month)
        try:
            other = setup.with_value(supposition, end)
            runs = self.runs(other)
        except ChainkitError as error:
            raise type(error)(
                f"sensitivity: {supposition.name} at {end:g}: {error.problem}",
                fix=f"give a range that the design allows: ranges={{{supposition.name!r}: (low, high)}}",
            ) from None
        return self.figured(runs, self.curve(runs), other.requests_per_month)


def _named(chains: Any) -> dict[str, Any]:
    """Return chains by name."""
    if isinstance(chains, Chain | Variant):
        return {as_chain(chains, "sensitivity").name: chains}
    if not isinstance(chains, Mapping) or not chains:
        raise ConfigError(f"sensitivity: chains={chains!r} are no chains", fix="give a chain, or chains by name")
    return dict(chains)


def _pair(named: Mapping[str, Any], of: str | None, to: str | None) -> tuple[str, str | None]:
    """Return which chains are looked at."""
    names = [*named]
    for name in (of, to):
        if name is not None and name not in named:
            known = ", ".join(names)
            raise ConfigError(f"sensitivity: {name!r} is unknown{nearest(name, names)}", fix=f"known: {known}")
    if of is not None and of == to:
        raise ConfigError(f"sensitivity: {of!r} is held against itself", fix="give two chains, or leave `to` out")
    first = of if of is not None else next(name for name in names if name != to)
    others = [name for name in names if name != first]
    if to is None and of is None and len(names) > 2:
        raise ConfigError(
            f"sensitivity: which two of {len(names)} chains is not said",
            fix=f"give of={names[0]!r}, to={names[1]!r}",
        )
    return first, to if to is not None or of is not None or not others else others[0]
