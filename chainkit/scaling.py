"""What designs cost at any volume, and from which volume on another one is the cheaper.

A run says what a request uses; a bill is straight in the volume between the ends of tiers and free parts
(billing/tariffs.py). So nothing is sampled: curves and break-even points are exact for the usage of the runs, and the
only doubt in them is that of the runs, whose replications give the intervals.

What a request uses depends on the rate, too: cold starts, batches, receives that find nothing. `simulate_at` runs the
designs anew at the rates of some volumes, and `CostCurve.moved` says which lines that changes.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from chainkit.billing.account import FreeTier
from chainkit.billing.bill import Bill, bill
from chainkit.billing.prices import Prices
from chainkit.billing.tariffs import FEW, MANY, Tariff, tariff
from chainkit.chain import Chain
from chainkit.comparison import FAILED, LOST, Comparison
from chainkit.crossings import BreakEvens, Gap, Money, break_evens
from chainkit.errors import ChainkitError, ConfigError, nearest
from chainkit.law import is_number
from chainkit.records import Usage
from chainkit.simulation import intervals
from chainkit.simulation.run import Run, simulate
from chainkit.units import HOURS_PER_MONTH, amount

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]
Source = Run | tuple[Chain, Usage]
"""What says how much a design uses: a run, or usage that is typed in."""

EQUAL = 1e-10
"""Difference of two bills, as a share of them, that is rounding."""
NEAR = 0.005
"""Logarithm of a break-even point over the volume of a run at which it is as good as there."""
MOST_ROUNDS = 8
MOVED = 0.001
"""Change of a line, as a share of the bill, that is told."""


@dataclass(frozen=True)
class Terms:
    """How months are billed, besides their volume."""

    free_tier: FreeTier
    price_book: Prices | None
    hours_per_month: float

    def bill(self, chain: Chain, usage: Usage, volume: float) -> Bill:
        """Return the bill of a month."""
        return bill(
            chain, usage, requests_per_month=volume, free_tier=self.free_tier, price_book=self.price_book,
            hours_per_month=self.hours_per_month,
        )  # fmt: skip


@dataclass(frozen=True, repr=False, eq=False)
class CostCurve:
    """What designs cost at any volume: what `cost_at_scale` gives back."""

    sources: Mapping[str, Source]
    requests_per_month: tuple[float, ...]
    """Volumes of the table and of the picture; every other one can be asked for."""
    tariffs: Mapping[str, Tariff] = field(repr=False)
    terms: "Terms"
    again: Mapping[float, Mapping[str, Run]] = field(default_factory=dict, repr=False)
    """Runs at the rate of a volume, if that was asked for."""
    repriced: tuple[tuple[str, float], ...] = ()
    """Prices that are other than listed: key, and so many times what it is."""
    _finer: dict[tuple[str, str], "CostCurve"] = field(default_factory=dict, init=False, repr=False)
    """Pairs whose break-even points have been looked for, simulated anew about them."""

    def __repr__(self) -> str:
        """Return the curve in a word."""
        return f"CostCurve({', '.join(self.tariffs)})"

    def __str__(self) -> str:
        """Return the dollars of each design by volume as text."""
        import pandas as pd

        volumes = np.array(self.requests_per_month)
        table = {name: [money.usd for money in self._priced(name, volumes)] for name in self.tariffs}
        frame = pd.DataFrame(table, index=pd.Index([amount(each) for each in volumes], name="requests a month"))
        return frame.to_string(float_format="{:,.2f}".format)

    def at(self, *requests_per_month: float) -> Self:
        """Return the same curves with other volumes in their table and picture."""
        return replace(self, requests_per_month=_volumes(requests_per_month))

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per design and volume: variant, requests_per_month, low, usd, high (95 %), knot.

        ``knot`` is True where a tier or a free part of the design ends; these volumes are added to those asked for.
        """
        import pandas as pd

        rows: list[dict[str, Any]] = []
        for name in self.tariffs:
            asked = set(self.requests_per_month)
            inside = {v for v in self.knots(name) if min(asked) <= v <= max(asked)}
            volumes = np.array(sorted(asked | inside))
            for volume, money in zip(volumes.tolist(), self._priced(name, volumes), strict=True):
                at = {"variant": name, "requests_per_month": volume}
                rows.append({**at, **money._asdict(), "knot": volume in inside})
        return pd.DataFrame(rows)

    def usd(self, of: str, requests_per_month: float) -> Money:
        """Return what a design costs in a month of so many requests, with its interval: low, usd, high.

        It equals ``bill(of, requests_per_month).total_usd``, whose lines say what each dollar is for.
        """
        self._require(of)
        return self._priced(of, np.array(_volumes((requests_per_month,))))[0]

    def difference(self, of: str, to: str, requests_per_month: float) -> Money:
        """Return by how much a design costs more than another in such a month: low, usd, high; paired by replication.

        Examples
        --------
        >>> import chainkit as ck
        >>> chain = ck.Chain("two")
        >>> a, b = chain.add(ck.LambdaFunction("a", timeout_s=10)), chain.add(ck.LambdaFunction("b", timeout_s=5))
        >>> _ = chain.connect(a, b, needs_answer=False)
        >>> flows = ck.variants(chain, ["sqs", "sns"])
        >>> curve = ck.cost_at_scale(ck.compare(flows, ck.Poisson(rate_per_s=4), requests=2_000, seed=1))
        >>> bool(curve.difference("sqs", "sns", 10e6).low > 0)
        True
        """
        return self._apart(of, to, np.array(_volumes((requests_per_month,))))[0]

    def with_price_at(self, key: str, factor: float) -> Self:
        """Return the curves if one price, all its tiers, were so many times what it is; bills stay as they were.

        Raises
        ------
        ConfigError
            If no design uses such a price, or the factor makes it none.
        """
        known = sorted({price.key for each in self.tariffs.values() for price in each.prices})
        if key not in known:
            raise ConfigError(
                f"cost at scale: price {key!r} is on no bill{nearest(key, known)}",
                fix=f"on the bills: {', '.join(known)}",
            )
        tariffs = {name: each.with_price_at(key, factor) for name, each in self.tariffs.items()}
        return replace(self, tariffs=tariffs, repriced=(*self.repriced, (key, factor)))

    def bill(self, of: str, requests_per_month: float) -> Bill:
        """Return the bill behind a point of the curve, line by line.

        Where designs were simulated anew, it is that of the run whose volume is nearest.
        """
        self._require(of)
        (volume,) = _volumes((requests_per_month,))
        source = self.sources[of]
        if self.again:
            source = self.again[min(self.again, key=lambda each: abs(math.log(each / max(volume, 1e-9))))][of]
        return self._billed(source, volume)

    def knots(self, of: str) -> list[float]:
        """Return the volumes at which a tier or a free part of a design ends: between two its curve is straight.

        A curve through runs at several rates has none: what a request uses changes all along it.
        """
        self._require(of)
        return [] if self.again else self.tariffs[of].knots()

    def break_even(self, of: str, to: str) -> BreakEvens:
        """Return all volumes from a thousand to 10^12 requests a month at which two designs cost the same.

        Returns
        -------
        Points in ascending order, each with which one is cheaper below and above. The 95 % interval holds the volumes
        around a point at which the difference has not been seen to be other than 0 (Fieller's, where the costs are
        straight): outside it the cheaper one is certain. Nearly parallel costs have no bound, and say so. Where designs
        were simulated anew (`simulate_at`), both are also run at a point that lies between two such volumes, until it
        stays where it is.

        Raises
        ------
        ConfigError
            If there is no such design.

        References
        ----------
        Fieller (1954), J. R. Stat. Soc. B 16, 175-185: the interval of a ratio by inverting a test.

        Examples
        --------
        >>> import chainkit as ck
        >>> chain = ck.Chain("two")
        >>> a, b = chain.add(ck.LambdaFunction("a", timeout_s=10)), chain.add(ck.LambdaFunction("b", timeout_s=5))
        >>> _ = chain.connect(a, b, needs_answer=False)
        >>> flows = ck.variants(chain, ["sns", "eventbridge"])
        >>> curve = ck.cost_at_scale(ck.compare(flows, ck.Poisson(rate_per_s=4), requests=2_000, seed=1))
        >>> print(curve.break_even("sns", "eventbridge"))
        sns costs less than eventbridge at every volume from 1,000 to 10^12 requests a month
        """
        for name in (of, to):
            self._require(name)
        if self.again and (of, to) not in self._finer:
            self._finer[of, to] = self._refined(of, to)
        return self._finer.get((of, to), self)._crossings(of, to)

    def _crossings(self, of: str, to: str) -> BreakEvens:
        """Return where two designs cost the same by the usage that is known."""
        corners = {*self.again, *self.knots(of), *self.knots(to)}
        is_straight = all(self.tariffs[name].is_straight for name in (of, to))
        gap = Gap(lambda v: self._gaps(of, to, v)[0], lambda v: self._apart(of, to, v), corners, is_straight)
        return break_evens(of, to, gap)

    def moved(self) -> "pd.DataFrame":
        """Return which lines of the bills the rate has changed, where designs were simulated anew: one row each.

        ``usd`` is the line by the usage of the run, ``usd_again`` by that of a run at the rate of the volume, and
        ``share`` their difference in the whole bill; lines of a thousandth or more, the largest first. ``lost`` and
        ``failed`` are shares of the requests in the new run: a design that does not hold the rate is no bargain.
        """
        import pandas as pd

        rows: list[dict[str, Any]] = []
        for volume, runs in self.again.items():
            for name, run in runs.items():
                was, now = (self._billed(source, volume) for source in (self.sources[name], run))
                rows += _moved(name, volume, was, now, run)
        columns = ("variant", "requests_per_month", "node", "what", "usd", "usd_again", "share", "lost", "failed")
        frame = pd.DataFrame(rows, columns=columns)
        return frame.sort_values("share", key=abs, ascending=False, ignore_index=True)

    # --- how it is found ---

    def _refined(self, of: str, to: str) -> "CostCurve":
        """Return the curves of two designs, run also where they cost the same: between two runs usage is a guess."""
        again: dict[float, Mapping[str, Run]] = {
            v: {name: runs[name] for name in (of, to)} for v, runs in self.again.items()
        }
        sources = {name: self.sources[name] for name in (of, to)}
        for _ in range(MOST_ROUNDS):
            tariffs = {
                name: _tariff(self.terms, name, [again[v][name] for v in sorted(again)], again) for name in sources
            }
            curve = CostCurve(sources, self.requests_per_month, tariffs, self.terms, dict(sorted(again.items())))
            for key, factor in self.repriced:
                curve = curve.with_price_at(key, factor)
            points = [point.requests_per_month for point in curve._crossings(of, to)]
            inside = [point for point in points if min(again) < point < max(again)]
            new = [point for point in inside if min(abs(math.log(point / v)) for v in again) > NEAR]
            if not new:
                break
            again |= {v: _at_volume(sources, v, self.terms.hours_per_month) for v in new}
        return curve

    def _billed(self, source: Source, volume: float) -> Bill:
        """Return a bill of one source."""
        return self.terms.bill(*_used(source), volume)

    def _require(self, name: str) -> None:
        """Raise unless there is a design of that name."""
        if name not in self.tariffs:
            raise ConfigError(
                f"cost at scale: {name!r} is unknown{nearest(name, self.tariffs)}",
                fix=f"known: {', '.join(self.tariffs)}",
            )

    def _priced(self, name: str, volumes: FloatArray) -> list[Money]:
        """Return dollars with intervals."""
        whole, *each = self.tariffs[name].usd(volumes)
        return _money(whole, each, is_exact=not isinstance(self.sources[name], Run))

    def _apart(self, of: str, to: str, volumes: FloatArray) -> list[Money]:
        """Return differences with intervals."""
        for name in (of, to):
            self._require(name)
        kinds = [isinstance(self.sources[name], Run) for name in (of, to)]
        whole, *each = self._gaps(of, to, volumes)
        return _money(whole, each, is_exact=not any(kinds))

    def _gaps(self, of: str, to: str, volumes: FloatArray) -> FloatArray:
        """Return (samples, v) differences, 0 where they are rounding: of the whole runs, then of each replication."""
        one, other = (self.tariffs[name].usd(volumes) for name in (of, to))
        samples = {len(each) for each in (one, other)} - {1}
        if len(samples) > 1 or (1 in (len(one), len(other)) and self._are_runs(of, to)):
            one, other = one[:1], other[:1]  # of other replications: nothing pairs them
        gap = one - other
        return np.where(np.abs(gap) <= EQUAL * np.maximum(one, other), 0.0, gap)

    def _are_runs(self, *names: str) -> bool:
        """Tell whether all are runs, which have replications."""
        return all(isinstance(self.sources[name], Run) for name in names)


def cost_at_scale(
    runs: Comparison | Mapping[str, Source] | Run,
    requests_per_month: Sequence[float] = (1e5, 1e6, 1e7, 1e8, 1e9),
    *,
    free_tier: FreeTier | None = None,
    price_book: Prices | None = None,
    hours_per_month: float | None = None,
    simulate_at: Sequence[float] = (),
) -> CostCurve:
    """Return what designs cost at any volume, tiers and free parts included.

    Parameters
    ----------
    runs : a comparison; or by name runs, or pairs of a chain and its usage, as `usage_of` gives it
    requests_per_month : 0 or more each; volumes of the table and of the picture
    free_tier : as for `bill`; None: as the comparison was priced, else without
    price_book : prices to use instead of the list prices of each design's region; None: as the comparison was priced
    hours_per_month : above 0, how long the month is; None: as the comparison was priced, else 730
    simulate_at : volumes, requests a month, at whose rates the designs are run anew
        By default every request uses what it used at the rate of its own run. That is right within a few percent while
        batches and cold starts are much the same: for the order chain at 10 million a month it is 0.1 % from 100,000
        to 10 million; at 100 million fuller batches make the bill 5 % smaller, and at 10,000 cold starts make it up to
        5 % larger. Between two of these volumes usage goes from one to the other with the logarithm of the volume,
        beyond them it stays.

    Raises
    ------
    ConfigError
        If there is nothing to price, or a volume is refused; else what `bill` and `simulate` raise.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("shop")
    >>> jobs = chain.add(ck.SqsQueue("jobs"))
    >>> usage = ck.usage_of(chain, {"jobs": {"sends": 1e6}}, requests=1e6)
    >>> curve = ck.cost_at_scale({"queue": (chain, usage)}, [5e5, 3e6], free_tier=True)
    >>> curve.to_frame()[["requests_per_month", "usd", "knot"]].round(6).values.tolist()
    [[500000.0, 0.0, False], [1000000.0, 0.0, True], [3000000.0, 0.8, False]]
    """
    sources = _sources(runs)
    volumes, anchors = _volumes(requests_per_month), sorted(set(_volumes(simulate_at)) if simulate_at else ())
    billed = next(iter(runs.bills.values())) if isinstance(runs, Comparison) else None
    if free_tier is None:
        free_tier = False if billed is None else billed.free_tier
    if hours_per_month is None:
        hours_per_month = HOURS_PER_MONTH if billed is None else billed.hours_per_month
    if price_book is None and billed is not None:
        price_book = billed.price_book
    terms = Terms(free_tier, price_book, hours_per_month)
    again = {volume: _at_volume(sources, volume, hours_per_month) for volume in anchors}
    tariffs = {
        name: _tariff(terms, name, [again[volume][name] for volume in anchors] or [source], anchors or [1.0])
        for name, source in sources.items()
    }
    return CostCurve(sources, volumes, tariffs, terms, again)


# --- what is given ---


def _sources(runs: Any) -> dict[str, Source]:
    """Return runs or usage by name."""
    if isinstance(runs, Comparison):
        return dict(runs.runs)
    found = {runs.chain.name: runs} if isinstance(runs, Run) else runs
    fix = 'give what ck.compare returns, or runs by name: {"sqs": run}, or {"sqs": (chain, usage)}'
    if not isinstance(found, Mapping) or not found:
        raise ConfigError(f"cost at scale: runs={runs!r} are no runs", fix=fix)
    for name, source in found.items():
        kinds = tuple(map(type, source)) if isinstance(source, tuple) else ()
        if not isinstance(source, Run) and kinds != (Chain, Usage):
            raise ConfigError(f"cost at scale: {name!r}: {source!r} is neither a run nor usage of a chain", fix=fix)
    return dict(found)


def _volumes(given: Any) -> tuple[float, ...]:
    """Return volumes, ascending, checked."""
    listed = given.tolist() if hasattr(given, "tolist") else given
    fix = "give numbers of requests a month, such as [1e6, 10e6, 100e6]"
    if isinstance(listed, str | Mapping) or not isinstance(listed, Sequence | range) or not len(listed):
        raise ConfigError(f"cost at scale: requests_per_month={given!r} is no list of volumes", fix=fix)
    for volume in listed:
        if not is_number(volume) or not 0 <= volume < math.inf:
            raise ConfigError(f"cost at scale: requests_per_month={volume!r} is no volume; allowed: 0 or more", fix=fix)
    return tuple(sorted({float(volume) for volume in listed}))


def a_month(who: str, requests: Any) -> float:
    """Return how many requests a month has, above 0.

    Raises
    ------
    ConfigError
        If it is no such number.
    """
    if not is_number(requests) or not 0 < requests < math.inf:
        raise ConfigError(
            f"{who}: requests_per_month={requests!r} is no volume; allowed: above 0", fix="give a number: 10e6"
        )
    return float(requests)


def _used(source: Source) -> tuple[Chain, Usage]:
    """Return a chain and what it used."""
    return (source.chain, source.usage) if isinstance(source, Run) else source


def _samples(source: Source) -> Iterator[tuple[Chain, Usage]]:
    """Yield the usage of a whole source, and of each replication of a run."""
    yield _used(source)
    if isinstance(source, Run) and source.replications > 1:
        for tally in source.tallies:
            own = tally.bounds[1] - tally.bounds[0]
            yield source.chain, replace(source, tallies=(tally,), requests=own, replications=1, asked=(own, 1)).usage


def _tariff(terms: Terms, name: str, counted: Sequence[Source], anchors: Iterable[float]) -> Tariff:
    """Return the tariff of a design whose usage is known at some volumes."""
    try:
        pairs = [[(terms.bill(*part, FEW), terms.bill(*part, MANY)) for part in _samples(each)] for each in counted]
        return tariff(pairs, sorted(anchors))
    except ChainkitError as error:
        raise type(error)(f"cost at scale: {name!r}: {error.problem}", fix=error.fix) from None


def _at_volume(sources: Mapping[str, Source], volume: float, hours_per_month: float) -> dict[str, Run]:
    """Return runs of the same designs at the rate of a volume."""
    return {name: _at_rate(name, source, volume / hours_per_month / 3600) for name, source in sources.items()}


def _at_rate(name: str, source: Source, rate_per_s: float) -> Run:
    """Return a run of the same design at another rate."""
    if not isinstance(source, Run):
        raise ConfigError(
            f"cost at scale: {name!r} is usage that was typed in, which cannot be simulated at another rate",
            fix="leave simulate_at out, or give a run of ck.simulate",
        )
    if not rate_per_s:
        raise ConfigError("cost at scale: simulate_at=0 is no traffic", fix="give volumes above 0")
    lowering = {key: source.options["lowering"][key] for key in ("at", "latency", "account_concurrency")}
    kept = {key: source.options[key] for key in ("warmup_fraction", "drain_s")}
    return simulate(
        source.chain, source.load.with_rate(rate_per_s), requests=source.requests,
        seed=source.seed, replications=source.replications, **lowering, **kept,
    )  # fmt: skip


def _money(whole: FloatArray, each: Sequence[FloatArray], *, is_exact: bool) -> list[Money]:
    """Return dollars with the intervals that replications give; of usage that is typed in there is no doubt."""
    if is_exact:
        return [Money(value, value, value) for value in whole.tolist()]
    parts = np.array(each).T.reshape(whole.size, -1)
    return [Money(*intervals.about(value, part)) for value, part in zip(whole.tolist(), parts, strict=True)]


def _moved(name: str, volume: float, was: Bill, now: Bill, run: Run) -> Iterator[dict[str, Any]]:
    """Yield the lines of two bills that differ."""
    before, after = ({(line.node, line.what): line.usd for line in each.lines} for each in (was, now))
    ledger, total = run.ledger, now.total_usd
    for key in dict.fromkeys([*before, *after]):
        usd, usd_again = before.get(key, 0.0), after.get(key, 0.0)
        if total and abs(usd_again - usd) >= MOVED * total:
            yield {
                "variant": name, "requests_per_month": volume, "node": key[0], "what": key[1], "usd": usd,
                "usd_again": usd_again, "share": (usd_again - usd) / total,
                "lost": float(ledger[list(LOST)].sum()) / run.requests,
                "failed": float(ledger[list(FAILED)].sum()) / run.requests,
            }  # fmt: skip
