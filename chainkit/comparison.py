"""Several chains under the same traffic and the same draws, in one table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chainkit.billing.bill import Bill, bill
from chainkit.chain import Chain, as_chain
from chainkit.errors import ChainkitError, ConfigError, nearest
from chainkit.records import Trace
from chainkit.rewiring import Variant
from chainkit.simulation import intervals
from chainkit.simulation.loads import Load
from chainkit.simulation.run import Run, simulate
from chainkit.simulation.tables import OUTCOMES

if TYPE_CHECKING:
    import pandas as pd

FIGURES = ("p50", "p95", "p99")
LOST = ("dropped", "expired", "dead-lettered")
FAILED = ("failed", "throttled")
TIMES = tuple(f"{what}_{p}_s" for what in ("response", "completion") for p in FIGURES)
MONEY = ("usd_per_million", "usd_per_month")
COUNTS = ("lost", "failed")


@dataclass(frozen=True)
class Comparison:
    """What `compare` gives back: one run and one bill per chain."""

    runs: Mapping[str, Run]
    bills: Mapping[str, Bill] = field(repr=False)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per chain: percentiles in seconds, dollars, and what happened to the requests.

        ``lost`` counts requests of which a part was dropped, expired or dead-lettered; ``failed`` those answered with
        an error or throttled. Completion percentiles are infinite where more than that share was lost.
        """
        import pandas as pd

        rows = {}
        for name, run in self.runs.items():
            summary, ledger = run.summary(), run.ledger
            row: dict[str, float] = {}
            for key in TIMES:
                row[key] = float(summary["value"].get(key, float("nan")))
            row["usd_per_million"] = self.bills[name].usd_per_million
            row["usd_per_month"] = self.bills[name].total_usd
            row["lost"] = int(ledger[list(LOST)].sum())
            row["failed"] = int(ledger[list(FAILED)].sum())
            rows[name] = row
        frame = pd.DataFrame.from_dict(rows, orient="index")
        frame.index.name = "variant"
        return frame

    def differences(self, to: str | None = None) -> "pd.DataFrame":
        """Return by how much each chain's figures are above those of one of them, with 95 % intervals.

        Replications of two chains have the same arrivals and draws, so intervals of differences are narrower than those
        of the figures. Where one holds 0, no difference has been seen.

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

    def difference(self, figure: str, of: str, to: str) -> tuple[float, float, float, str]:
        """Return by how much one figure of a chain is above that of another: low, value, high, note.

        Raises
        ------
        ConfigError
            If there is no such figure or chain.
        """
        for word, known in ((figure, ALL), (of, [*self.runs]), (to, [*self.runs])):
            if word not in known:
                raise ConfigError(
                    f"difference: {word!r} is unknown{nearest(word, known)}", fix=f"known: {', '.join(known)}"
                )
        if figure in TIMES:
            what, p, _ = figure.split("_")
            return self._later(what, p, of, to)
        (one, each), (other, others) = self._parts[of][figure], self._parts[to][figure]
        return (*intervals.about(one - other, [a - b for a, b in zip(each, others, strict=True)]), "")

    def _later(self, what: str, p: str, of: str, to: str) -> tuple[float, float, float, str]:
        """Return the difference of a percentile; nothing where nobody waits for an answer."""
        runs = [self.runs[of], self.runs[to]]
        if what == "response" and any(run.program.nobody_waits for run in runs):
            return (float("nan"), float("nan"), float("nan"), "nobody waits for an answer")
        one, other = (run.tallies for run in runs)
        return intervals.difference(one, other, ("response", "completion").index(what), intervals.FRACTIONS[p])

    @cached_property
    def _parts(self) -> dict[str, dict[str, tuple[float, list[float]]]]:
        """Money and counts of every chain: of the whole run, and as if it had all been like each replication."""
        return {name: _parts(run, self.bills[name]) for name, run in self.runs.items()}

    def interval(self, figure: str, of: str) -> tuple[float, float, float]:
        """Return money or a count of requests of a chain with its 95 % interval: low, value, high."""
        return intervals.about(*self._parts[of][figure])

    def __str__(self) -> str:
        """Return the table as text."""
        return self.to_frame().round(4).to_string()


ALL = (*TIMES, *MONEY, *COUNTS)
"""Columns of the table."""


def _parts(run: Run, whole: Bill) -> dict[str, tuple[float, list[float]]]:
    """Return money and counts of a run, and what they would be if all of it had been like each replication."""
    found: dict[str, tuple[float, list[float]]] = {key: (value, []) for key, value in _amounts(run, whole).items()}
    for tally in run.tallies:
        own = tally.bounds[1] - tally.bounds[0]
        part = replace(run, tallies=(tally,), requests=own, replications=1, asked=(own, 1))
        priced = bill(run.chain, part, requests_per_month=whole.requests_per_month, free_tier=whole.free_tier)
        for key, value in _amounts(part, priced).items():
            found[key][1].append(value * (run.requests / own if key in COUNTS else 1.0))
    return found


def _amounts(run: Run, priced: Bill) -> dict[str, float]:
    """Return money and counts of requests."""
    money = {"usd_per_million": priced.usd_per_million, "usd_per_month": priced.total_usd}
    places = {key: [OUTCOMES.index(each) for each in of] for key, of in (("lost", LOST), ("failed", FAILED))}
    return money | {key: float(sum(tally.ledger[at].sum() for tally in run.tallies)) for key, at in places.items()}


def compare(
    chains: Mapping[str, Chain | Variant],
    load: Load,
    *,
    requests: int,
    seed: int,
    requests_per_month: float | None = None,
    free_tier: bool = False,
    **options: Any,
) -> Comparison:
    """Return several chains under the same arrivals and draws.

    Parameters
    ----------
    chains : by name; what `variants` gives, or your own
    load, requests, seed, **options : as for `simulate`, the same for all
    requests_per_month, free_tier : as for `bill`

    Raises
    ------
    ConfigError
        If there is nothing to compare; else what `simulate` and `bill` raise, with the chain's name.

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
    runs, bills = {}, {}
    for name, entry in chains.items():
        chain = as_chain(entry, f"compare: {name!r}")
        try:
            runs[name] = simulate(chain, load, requests=requests, seed=seed, **options)
            bills[name] = bill(chain, runs[name], requests_per_month=requests_per_month, free_tier=free_tier)
        except ChainkitError as error:
            raise type(error)(f"compare: {name!r}: {error.problem}", fix=error.fix) from None
    return Comparison(runs, bills)


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
