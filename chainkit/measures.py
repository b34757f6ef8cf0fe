"""What a comparison weighs of each chain: its figures by name, of the whole run and of each replication.

=================  =====================================================================================================
`TIMES`, `MEANS`   percentiles and means of response and completion, seconds
`MONEY`            USD a million requests, and a month
`COUNTS`           requests of which something was lost; requests that were answered with an error
`COLD`             cold starts, as a share of the invocations, and per request
`PARTS`            services, links, and things to operate
=================  =====================================================================================================
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from chainkit.billing.bill import Bill, bill
from chainkit.chain import Chain
from chainkit.simulation.run import Run
from chainkit.simulation.tables import OUTCOMES

FIGURES = ("p50", "p95", "p99")
LOST = ("dropped", "expired", "dead-lettered")
FAILED = ("failed", "throttled")
TIMES = tuple(f"{what}_{p}_s" for what in ("response", "completion") for p in FIGURES)
MEANS = ("response_mean_s", "completion_mean_s")
MONEY = ("usd_per_million", "usd_per_month")
COUNTS = ("lost", "failed")
COLD = ("cold_fraction", "cold_per_request")
PARTS = ("services", "links", "to_operate")
ALL = (MEANS[0], *TIMES[:3], MEANS[1], *TIMES[3:], *MONEY, *COUNTS, *COLD, *PARTS)
"""Columns of the table."""
BY_AWS = ("poll", "deliver", "outcome", "redrive")
"""Kinds of links that AWS carries out by itself: each has settings of its own, and fails by itself."""


@dataclass(frozen=True)
class Measure:
    """A figure of a run."""

    value: float
    each: tuple[float, ...]
    """What it would be if all of the run had been like each replication."""
    unit: float = 1.0
    """What one event is worth: 1 of a count, 1 / n of a share of n."""


def made_of(chain: Chain) -> dict[str, int]:
    """Return how many services and links a chain has, and how many things there are to operate.

    To operate: services, and the links that AWS carries out by itself (mappings, subscriptions, rules, destinations,
    redrives). A call is a line of the caller's code.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("two")
    >>> for service in (ck.LambdaFunction("a"), ck.SqsQueue("jobs"), ck.LambdaFunction("b")):
    ...     _ = chain.add(service)
    >>> _ = chain.connect("a", "jobs"), chain.connect("jobs", "b")
    >>> made_of(chain)
    {'services': 3, 'links': 2, 'to_operate': 4}
    """
    by_aws = [link for link in chain.links.values() if link.kind in BY_AWS]
    services = len(chain.services)
    return {"services": services, "links": len(chain.links), "to_operate": services + len(by_aws)}


def measures(run: Run, whole: Bill) -> dict[str, Measure]:
    """Return money, counts and cold starts of a run, and of each replication by itself."""
    found = _amounts(run, whole)
    each: dict[str, list[float]] = {key: [] for key in found}
    for tally in run.tallies:
        own = tally.bounds[1] - tally.bounds[0]
        part = replace(run, tallies=(tally,), requests=own, replications=1, asked=(own, 1))
        priced = bill(run.chain, part, requests_per_month=whole.requests_per_month, **whole.terms)
        for key, value in _amounts(part, priced).items():
            each[key].append(value * (run.requests / own if key in COUNTS else 1.0))
    units = {"cold_fraction": 1 / max(_pools(run)["invocations"], 1.0), "cold_per_request": 1 / run.requests}
    return {key: Measure(value, tuple(each[key]), units.get(key, 1.0)) for key, value in found.items()}


def _amounts(run: Run, priced: Bill) -> dict[str, float]:
    """Return money, counts of requests, and cold starts."""
    ledger = np.sum([tally.ledger for tally in run.tallies], axis=0)
    counts = {
        key: float(sum(ledger[OUTCOMES.index(word)] for word in words))
        for key, words in (("lost", LOST), ("failed", FAILED))
    }
    pools = _pools(run)
    cold = {
        "cold_fraction": pools["cold_starts"] / pools["invocations"] if pools["invocations"] else 0.0,
        "cold_per_request": pools["cold_starts"] / run.requests,
    }
    return {"usd_per_million": priced.usd_per_million, "usd_per_month": priced.total_usd} | counts | cold


def _pools(run: Run) -> Mapping[str, float]:
    """Return invocations and cold starts of all functions together."""
    pools = [pool for tally in run.tallies for pool in tally.pools.values()]
    return {key: float(sum(pool[key] for pool in pools)) for key in ("invocations", "cold_starts")}
