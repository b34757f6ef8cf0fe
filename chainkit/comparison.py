"""Several chains under the same traffic and the same draws, in one table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chainkit.billing.bill import Bill, bill
from chainkit.chain import Chain, as_chain
from chainkit.errors import ChainkitError, ConfigError
from chainkit.records import Trace
from chainkit.rewiring import Variant
from chainkit.simulation.loads import Load
from chainkit.simulation.run import Run, simulate

if TYPE_CHECKING:
    import pandas as pd

FIGURES = ("p50", "p95", "p99")
LOST = ("dropped", "expired", "dead-lettered")


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
            for what in ("response", "completion"):
                for p in FIGURES:
                    key = f"{what}_{p}_s"
                    row[key] = float(summary["value"].get(key, float("nan")))
            row["usd_per_million"] = self.bills[name].usd_per_million
            row["usd_per_month"] = self.bills[name].total_usd
            row["lost"] = int(ledger[list(LOST)].sum())
            row["failed"] = int(ledger["failed"] + ledger["throttled"])
            rows[name] = row
        frame = pd.DataFrame.from_dict(rows, orient="index")
        frame.index.name = "variant"
        return frame

    def __str__(self) -> str:
        """Return the table as text."""
        return self.to_frame().round(4).to_string()


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
