"""Several chains under the same traffic and draws: figures, differences, verdicts, promises, faults."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING, Any

from chainkit import guarantees, verdicts
from chainkit.billing.account import FreeTier
from chainkit.billing.bill import Bill, bill
from chainkit.billing.prices import Prices
from chainkit.chain import Chain, as_chain
from chainkit.errors import ChainkitError, ConfigError, nearest
from chainkit.faults.changing import as_faults, changed
from chainkit.faults.description import Faults
from chainkit.measures import (
    ALL,
    COLD,
    COUNTS,
    FAILED,
    FIGURES,
    LOST,
    MEANS,
    MONEY,
    PARTS,
    TIMES,
    Measure,
    made_of,
    measures,
)
from chainkit.records import Trace
from chainkit.rewiring import Variant
from chainkit.simulation import intervals, paired
from chainkit.simulation.loads import Load
from chainkit.simulation.run import Run, simulate
from chainkit.units import HOURS_PER_MONTH
from chainkit.verdicts import Verdict

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ALL", "COLD", "COUNTS", "FAILED", "FIGURES", "LOST", "MEANS", "MONEY", "PARTS", "TIMES", "Comparison", "beside",
    "compare",
]  # fmt: skip
SAME = "the same design"
UNDER = ("lost", "failed", "completion_p99_s", "usd_per_million")
"""Figures of a fault, in `Comparison.under`."""


@dataclass(frozen=True)
class Broken:
    """Every chain under one fault."""

    runs: Mapping[str, Run]
    bills: Mapping[str, Bill] = field(repr=False)
    notes: Mapping[str, str]
    """Chain -> what of the fault it does not have."""


@dataclass(frozen=True)
class Comparison:
    """What `compare` gives back: one run and one bill per chain, and the same under each fault."""

    runs: Mapping[str, Run]
    bills: Mapping[str, Bill] = field(repr=False)
    faults: Mapping[str, Broken] = field(default_factory=dict, repr=False)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per chain: times in seconds, dollars, what happened to the requests, and what there is to run.

        ``lost`` counts requests of which a part was dropped, expired or dead-lettered; ``failed`` those answered with
        an error or throttled. Completion percentiles are infinite where more than that share was lost, or is still
        tried when the run ends; means are over what was completed. ``cold_fraction`` counts cold starts per invocation,
        ``cold_per_request`` per request; each replication begins without environments. ``to_operate`` counts things to
        operate: services, and links that AWS carries out by itself.

        Percentiles are those of the requests themselves; `Run.summary` reads them off a histogram, within 0.8 %.
        """
        import pandas as pd

        rows = {name: {key: self.interval(key, name)[1] for key in ALL} for name in self.runs}
        frame = pd.DataFrame.from_dict(rows, orient="index").astype(dict.fromkeys((*COUNTS, *PARTS), int))
        frame.index.name = "variant"
        return frame

    def differences(self, to: str | None = None) -> "pd.DataFrame":
        """Return by how much each chain's figures are above those of one of them, with 95 % intervals.

        Two chains have the same arrivals and draws, request by request: what both have in common falls out, so the
        intervals of differences are narrower than those of the figures. Where one holds 0, no difference has been seen.

        Parameters
        ----------
        to : the chain that others are compared with; None: the first

        Returns
        -------
        One row per other chain and figure of `to_frame`; columns low, value, high, note, as in `Run.summary`.

        Raises
        ------
        ConfigError
            If there is no such chain.

        Notes
        -----
        Times: `chainkit.simulation.paired` says how. Money: Student's t over the replications. Counts and cold starts
        likewise; of fewer than 20 events exact limits of Poisson numbers, so that none seen in n requests is no
        certainty, but up to 3.7 of n. Figures of two equal designs do not differ.

        Examples
        --------
        >>> import chainkit as ck
        >>> chain = ck.Chain("two")
        >>> a, b = chain.add(ck.LambdaFunction("a", timeout_s=10)), chain.add(ck.LambdaFunction("b", timeout_s=5))
        >>> _ = chain.connect(a, b, needs_answer=False)
        >>> flows = ck.variants(chain, ["sync", "sqs"])
        >>> table = ck.compare(flows, ck.Poisson(rate_per_s=4), requests=2_000, seed=1).differences()
        >>> bool(table.loc[("sqs", "response_p50_s"), "high"] < 0)
        True
        """
        import pandas as pd

        to = next(iter(self.runs)) if to is None else to
        rows = {(name, key): self.difference(key, name, to) for name in self.runs if name != to for key in ALL}
        index = pd.MultiIndex.from_tuples([*rows], names=["variant", "figure"])
        return pd.DataFrame([*rows.values()], index=index, columns=["low", "value", "high", "note"])

    def difference(self, figure: str, of: str, to: str, confidence: float = 0.95) -> tuple[float, float, float, str]:
        """Return by how much one figure of a chain is above that of another: low, value, high, note.

        Parameters
        ----------
        figure : a column of `to_frame`
        of, to : names of chains
        confidence : above 0 and below 1, of the interval

        Raises
        ------
        ConfigError
            If there is no such figure or chain, or the confidence is none.
        """
        self._require(figure, of, to)
        if not isinstance(confidence, Real) or not 0 < confidence < 1:
            raise ConfigError(f"difference: confidence={confidence!r} is outside 0 to 1", fix="give 0.95, or 0.99")
        if figure in (*TIMES, *MEANS):
            return _later(figure, self._times[of], self._times[to], confidence)
        if figure in PARTS:
            more = float(self._made_of[of][figure] - self._made_of[to][figure])
            return (more, more, more, "")
        return self._more(figure, of, to, confidence)

    def _more(self, figure: str, of: str, to: str, confidence: float) -> tuple[float, float, float, str]:
        """Return the difference of money, a count or cold starts."""
        if _is_same(self.runs[of].chain, self.runs[to].chain, figure):
            return (0.0, 0.0, 0.0, SAME)
        one, other = self._measures[of][figure], self._measures[to][figure]
        if len(one.each) != len(other.each):
            return (math.nan, one.value - other.value, math.nan, intervals.TOO_FEW)
        value, each = one.value - other.value, [a - b for a, b in zip(one.each, other.each, strict=True)]
        if figure in MONEY:
            return (*intervals.about(value, each, confidence), "")
        return paired.events(value, each, max(one.unit, other.unit), confidence)

    def interval(self, figure: str, of: str, confidence: float = 0.95) -> tuple[float, float, float]:
        """Return a figure of a chain with its 95 % interval: low, value, high.

        Raises
        ------
        ConfigError
            If there is no such figure or chain.
        """
        self._require(figure, of)
        if figure in (*TIMES, *MEANS):
            own = self._times[of]
            nothing = {what: each and each.nothing for what, each in own.items()}
            return _later(figure, own, nothing, confidence)[:3]
        if figure in PARTS:
            return (float(self._made_of[of][figure]),) * 3
        measure = self._measures[of][figure]
        if figure in MONEY:
            return intervals.about(measure.value, measure.each, confidence)
        return paired.events(measure.value, measure.each, measure.unit, confidence, is_own=True)[:3]

    # --- what decides ---

    def verdict(self, figure: str, of: Sequence[str] | None = None) -> Verdict:
        """Return which chain has the least of a figure, if that is beyond chance.

        The chain with the least is held against each other one, with intervals that hold all at once in 95 of 100
        comparisons (Bonferroni), so that the best of seven by luck is no winner.

        Parameters
        ----------
        figure : a column of `to_frame`
        of : names of the chains to choose from, two or more; None: all

        Raises
        ------
        ConfigError
            If there is no such figure or chain, or fewer than two to choose from.

        Examples
        --------
        >>> import chainkit as ck
        >>> chain = ck.Chain("one")
        >>> _ = chain.add(ck.LambdaFunction("f", duration=0.25, init=0))
        >>> slower = chain.copy()
        >>> _ = slower.set("f", duration=0.26)
        >>> designs = {"before": chain, "after": slower}
        >>> result = ck.compare(designs, ck.Steady(rate_per_s=4), requests=1_000, seed=1, latency=ck.no_latency)
        >>> print(result.verdict("response_p95_s"))
        before: 10 ms less than after (10 ms to 10 ms)
        """
        return verdicts.verdict(self, figure, of)

    def verdicts(self, of: Sequence[str] | None = None) -> "pd.DataFrame":
        """Return the verdict on every figure, one row each: winner (None: none), against, low, value, high, text."""
        import pandas as pd

        found = [self.verdict(key, of) for key in ALL]
        columns = ["winner", "against", "low", "value", "high", "requests_needed", "text"]
        rows = [[getattr(each, name) for name in columns] for each in found]
        return pd.DataFrame(rows, columns=columns, index=pd.Index(ALL, name="figure"), dtype=object)

    def guarantees(self) -> "pd.DataFrame":
        """Return what AWS promises of each way into each function and state machine, chain by chain.

        Returns
        -------
        One row per variant, service and link into it; columns variant, service, link, delivery (at most, at least,
        exactly once), ordering, retried_by, after_last_try, duplicates (what can make them), needs_idempotency, source.

        Examples
        --------
        >>> import chainkit as ck
        >>> chain = ck.Chain("two")
        >>> a, b = chain.add(ck.LambdaFunction("a", timeout_s=10)), chain.add(ck.LambdaFunction("b", timeout_s=5))
        >>> _ = chain.connect(a, b, needs_answer=False)
        >>> flows = ck.variants(chain, ["sync", "sqs"])
        >>> table = ck.compare(flows, ck.Poisson(rate_per_s=4), requests=100, seed=1).guarantees()
        >>> table.query("service == 'b'")[["variant", "delivery"]].values.tolist()
        [['sync', 'at most once'], ['sqs', 'at least once']]
        """
        import pandas as pd

        rows = [
            {"variant": name, **each.to_plain()}
            for name, run in self.runs.items()
            for each in guarantees.promised(run.chain)
        ]
        return pd.DataFrame(rows, columns=["variant", *guarantees.COLUMNS])

    def under(self, fault: str) -> "pd.DataFrame":
        """Return what a fault does to each chain, beside the calm run: on the same requests.

        Parameters
        ----------
        fault : a name that was given to ``compare(..., faults=...)``

        Returns
        -------
        One row per variant and figure (lost, failed, the p99 of completion in seconds, USD a million requests);
        columns calm and fault, the figures; low, value, high: by how much the fault raises it, with its 95 % interval;
        note: settings of the fault that this variant does not have, among others.

        Raises
        ------
        ConfigError
            If there is no such fault.

        Examples
        --------
        >>> import chainkit as ck
        >>> chain = ck.Chain("two")
        >>> a, b = chain.add(ck.LambdaFunction("a", timeout_s=10)), chain.add(ck.LambdaFunction("b", timeout_s=5))
        >>> _ = chain.connect(a, b, needs_answer=False)
        >>> flows, faults = ck.variants(chain, ["sync", "sqs"]), {"b is down": {"b.error_rate": 1.0}}
        >>> result = ck.compare(flows, ck.Poisson(rate_per_s=4), requests=500, seed=1, faults=faults)
        >>> table = result.under("b is down")
        >>> (
        ...     table.loc["sync", "fault"][["lost", "failed"]].tolist(),
        ...     table.loc["sqs", "fault"][["lost", "failed"]].tolist(),
        ... )
        ([0.0, 500.0], [500.0, 0.0])
        """
        import pandas as pd

        if fault not in self.faults:
            known = ", ".join(self.faults) or "none"
            hint = nearest(fault, self.faults) if isinstance(fault, str) else ""
            raise ConfigError(
                f"under: fault {fault!r} is unknown{hint}; known: {known}",
                fix='give it to compare(..., faults={"provider down": {"payment.error_rate": 1.0}})',
            )
        then, rows = self.faults[fault], {}
        for name in self.runs:
            both = Comparison(
                {"calm": self.runs[name], "fault": then.runs[name]},
                {"calm": self.bills[name], "fault": then.bills[name]},
            )
            for key in UNDER:
                calm, now = (both.interval(key, each)[1] for each in ("calm", "fault"))
                *ends, note = both.difference(key, "fault", "calm")
                rows[name, key] = [calm, now, *ends, "; ".join(filter(None, (then.notes.get(name, ""), note)))]
        index = pd.MultiIndex.from_tuples([*rows], names=["variant", "figure"])
        return pd.DataFrame([*rows.values()], index=index, columns=["calm", "fault", "low", "value", "high", "note"])

    # --- what figures are made from ---

    @cached_property
    def _measures(self) -> dict[str, dict[str, Measure]]:
        """Money, counts and cold starts of every chain."""
        return {name: measures(run, self.bills[name]) for name, run in self.runs.items()}

    @cached_property
    def _times(self) -> dict[str, dict[str, paired.Times | None]]:
        """Times of every chain, request by request."""
        return {name: {what: paired.times(run, what) for what in paired.WHICH} for name, run in self.runs.items()}

    @cached_property
    def _made_of(self) -> dict[str, dict[str, int]]:
        """What every chain is made of."""
        return {name: made_of(run.chain) for name, run in self.runs.items()}

    def _require(self, figure: str, *names: str) -> None:
        """Raise unless there is such a figure, and such chains."""
        for word, known in ((figure, ALL), *((name, [*self.runs]) for name in names)):
            if word not in known:
                hint = nearest(word, known) if isinstance(word, str) else ""
                raise ConfigError(f"comparison: {word!r} is unknown{hint}", fix=f"known: {', '.join(known)}")

    def __str__(self) -> str:
        """Return the table as text, one line per figure."""
        return self.to_frame().T.to_string(float_format=_number)


def _number(value: float) -> str:
    """Return a number to four places, without zeros that say nothing.

    >>> _number(0.25), _number(1234.56789), _number(float("inf"))
    ('0.25', '1,234.5679', 'inf')
    """
    return f"{value:,.4f}".rstrip("0").rstrip(".") if value else "0"


def _later(
    figure: str, one: Mapping[str, paired.Times | None], other: Mapping[str, paired.Times | None], confidence: float
) -> tuple[float, float, float, str]:
    """Return the difference of a mean or percentile; nothing where nobody waits for an answer."""
    what, which, _ = figure.split("_")
    if which == "mean":
        return paired.mean(one[what], other[what], confidence)
    return paired.percentile(one[what], other[what], intervals.FRACTIONS[which], confidence)


def _is_same(one: Chain, other: Chain, figure: str) -> bool:
    """Tell whether two chains are equal but for their names; where dollars are asked for, in what they pay for, too."""
    is_equal = one.services == other.services and [*one.links.values()] == [*other.links.values()]
    return is_equal and (figure not in MONEY or (one.region == other.region and one.costs == other.costs))


def compare(
    chains: Mapping[str, Chain | Variant],
    load: Load,
    *,
    requests: int,
    seed: int,
    requests_per_month: float | None = None,
    free_tier: FreeTier = False,
    hours_per_month: float = HOURS_PER_MONTH,
    price_book: Prices | None = None,
    faults: Mapping[str, Faults | Mapping[str, Any]] | None = None,
    **options: Any,
) -> Comparison:
    """Return several chains under the same arrivals and draws.

    Parameters
    ----------
    chains : by name; what `variants` gives, or your own
    load, requests, seed, **options : as for `simulate`, the same for all; the times of every request are kept
    requests_per_month, free_tier, hours_per_month, price_book : as for `bill`
    faults : by name, `Faults`, or settings that change while it lasts: {"provider down": {"payment.error_rate": 1.0}}
        Each chain runs once more under each of them, on the same requests: `Comparison.under`.

    Raises
    ------
    ConfigError
        If there is nothing to compare, or no chain has a setting of a fault; else what `simulate` and `bill` raise,
        with the chain's name.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("two")
    >>> a, b = chain.add(ck.LambdaFunction("a", timeout_s=10)), chain.add(ck.LambdaFunction("b", timeout_s=5))
    >>> _ = chain.connect(a, b, needs_answer=False)
    >>> flows = ck.variants(chain, ["sync", "sqs"])
    >>> table = ck.compare(flows, ck.Poisson(rate_per_s=4), requests=2_000, seed=1).to_frame()
    >>> bool(table.loc["sync", "response_p50_s"] > table.loc["sqs", "response_p50_s"])
    True
    """
    if not isinstance(chains, Mapping) or not chains:
        raise ConfigError("compare: there is no chain to compare", fix="give a mapping of names to chains")
    known = {name: as_chain(entry, f"compare: {name!r}") for name, entry in chains.items()}
    broken = {name: changed(name, settings, known) for name, settings in as_faults(faults).items()}
    given = {"keep": "requests", **options, "requests": requests, "seed": seed}
    month = {
        "requests_per_month": requests_per_month, "free_tier": free_tier, "hours_per_month": hours_per_month,
        "price_book": price_book,
    }  # fmt: skip
    runs, bills = _run(known, load, given, month, "compare")
    found = {}
    for name, (designs, notes) in broken.items():
        found[name] = Broken(*_run(designs, load, given, month, f"compare: fault {name!r}"), notes)
    return Comparison(runs, bills, found)


def _run(
    chains: Mapping[str, Chain], load: Load, given: Mapping[str, Any], month: Mapping[str, Any], who: str
) -> tuple[dict[str, Run], dict[str, Bill]]:
    """Return a run and a bill of each chain."""
    runs, bills = {}, {}
    for name, chain in chains.items():
        try:
            runs[name] = simulate(chain, load, **given)
            bills[name] = bill(chain, runs[name], **month)
        except ChainkitError as error:
            raise type(error)(f"{who}: {name!r}: {error.problem}", fix=error.fix) from None
    return runs, bills


def beside(run: Run, traces: Sequence[Trace]) -> "pd.DataFrame":
    """Return what was predicted beside what was measured: one row per service that runs code.

    Columns: invocations per request, and their mean duration in seconds; ``predicted`` by the run, ``measured`` in the
    traces of requests sent to a deploy target. On the local target durations are those of the handlers on this
    computer, without AWS's hops; how often each function runs must agree.

    Raises
    ------
    ConfigError
        If there are no traces.
    """
    import pandas as pd

    traces = [traces] if isinstance(traces, Trace) else traces
    if not traces or not all(isinstance(trace, Trace) for trace in traces):
        raise ConfigError("beside: there is no trace to compare with", fix="send some events to the stack first")
    spans = [span for trace in traces for span in trace.spans if span.what == "invocation"]
    nodes, rows = run.nodes, {}
    for name in nodes.index[nodes["invocations"].notna()]:
        own = [span for span in spans if span.node == name]
        rows[name] = {
            ("invocations a request", "predicted"): nodes.loc[name, "invocations"] / run.requests,
            ("invocations a request", "measured"): len(own) / len(traces),
            ("duration_mean_s", "predicted"): nodes.loc[name, "duration_mean_s"],
            ("duration_mean_s", "measured"): sum(s.end_s - s.start_s for s in own) / len(own) if own else float("nan"),
        }
    return pd.DataFrame.from_dict(rows, orient="index")
