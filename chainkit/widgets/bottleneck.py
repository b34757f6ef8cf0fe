"""Where a request's time goes, and which service is nearest to its limit."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chainkit import data
from chainkit.records import Pool
from chainkit.simulation.run import Run

Table = Mapping[str, Mapping[str, float]]
"""Service -> column of `Run.nodes` -> figure; 0 where there is none."""


@dataclass(frozen=True)
class Share:
    """What one service takes of a request's time."""

    node: str
    own_s: float
    """Mean per request, what it waits for in a called function left out."""
    part: float
    """Of the time of all services, 0 to 1."""
    runs: float
    """Runs, or messages received, per request."""
    each_s: float
    """Mean of a run, or of a message's wait."""
    p95_s: float
    """Of a visit; NaN where the sample does not tell."""


@dataclass(frozen=True)
class Limit:
    """How near a function comes to the most environments that it may have at once."""

    node: str
    peak: int
    """Busy at once, at most."""
    most: int
    is_own: bool
    """Whether they are reserved for it; else it shares them with the others of the account."""
    throttles: int
    """Tries that were refused."""

    @property
    def part(self) -> float:
        """The peak as a share of the limit."""
        return self.peak / self.most if self.most else 1.0


def table(run: Run) -> Table:
    """Return `run.nodes` as plain values: pandas takes as long for a row as this does for all."""
    frame = run.nodes
    rows = np.nan_to_num(frame.to_numpy(float)).tolist()
    return {str(node): dict(zip(frame.columns, row, strict=True)) for node, row in zip(frame.index, rows, strict=True)}


def shares(run: Run, nodes: Table) -> list[Share]:
    """Return what each service takes of a request's time, in the order of the chain; those that take none are left out.

    A service's time is runs x their mean duration, or messages x their mean wait. A function that waits for the answer
    of another one is busy all the while, so the called one's time is taken off: else it would count twice.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("two")
    >>> for name, work_s in (("ask", 0.1), ("pay", 0.3)):
    ...     _ = chain.add(ck.LambdaFunction(name, duration=work_s, init=0, timeout_s=3))
    >>> _ = chain.connect("ask", "pay")
    >>> run = ck.simulate(chain, ck.Steady(rate_per_s=1), requests=100, seed=1, latency=ck.no_latency)
    >>> [(share.node, round(share.own_s, 2), round(share.part, 2)) for share in shares(run, table(run))]
    [('ask', 0.1, 0.25), ('pay', 0.3, 0.75)]
    """
    runs: dict[str, float] = {}
    each_s: dict[str, float] = {}
    for node, row in nodes.items():
        if row.get("invocations"):
            runs[node], each_s[node] = row["invocations"] / run.requests, row["duration_mean_s"]
        elif row.get("receives"):
            runs[node], each_s[node] = row["receives"] / run.requests, row["wait_mean_s"]
    own_s = {node: runs[node] * each_s[node] for node in runs}
    links = run.links
    for key, calls, tries in zip(links.index, links["per_request"].tolist(), links["attempts"].tolist(), strict=True):
        link = run.chain.links.get(str(key))
        if link is not None and link.kind == "sync" and link.source in own_s and link.target in each_s and calls:
            own_s[link.source] -= calls * tries * each_s[link.target]
    own_s = {node: max(0.0, time_s) for node, time_s in own_s.items()}
    total_s = sum(own_s.values())
    p95_s = dict(zip(run.times.index, run.times["p95_s"].tolist(), strict=True))
    return [
        Share(node, time_s, time_s / total_s, runs[node], each_s[node], p95_s[node])
        for node, time_s in own_s.items()
        if time_s > 0
    ]


def nearest_limit(run: Run, nodes: Table) -> Limit | None:
    """Return the function that was throttled most, or else comes nearest to its limit; None: there is no function."""
    account = run.options["lowering"]["account_concurrency"] or int(
        data.quotas()["lambda"]["account_concurrency"]["value"]
    )
    own: dict[str, int] = {}
    for node in run.program.pool_nodes:
        pool = run.chain.service(node).behaviour()
        if isinstance(pool, Pool) and pool.limit is not None:
            own[node] = pool.limit
    shared = account - sum(own.values())
    limits = [
        Limit(node, int(nodes[node]["busy_peak"]), own.get(node, shared), node in own, int(nodes[node]["throttles"]))
        for node in run.program.pool_nodes
    ]
    return max(limits, key=lambda limit: (limit.throttles, limit.part), default=None)
