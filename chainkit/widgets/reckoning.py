"""What is known of the chain in hand: its errors, what `check` found, and a run with its bill.

While a hand moves, as many requests are run as fit into a blink; all of them when it rests. A quick answer says so.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import networkx as nx

from chainkit.billing.bill import Bill, bill
from chainkit.chain import Chain
from chainkit.checks.check import check
from chainkit.checks.findings import Finding
from chainkit.errors import ChainkitError, WiringError
from chainkit.simulation.loads import Load
from chainkit.simulation.run import Run, simulate
from chainkit.units import seconds, usd

if TYPE_CHECKING:
    import pandas as pd

Heat = Literal["wait", "cost", "failure"]
HEATS: tuple[Heat, ...] = ("wait", "cost", "failure")
BLINK_S, FIXED_S = 0.03, 0.004
"""How long a run may take while a hand moves; what it takes however few its requests are."""
FEWEST = 1_000
"""Requests of a quick run."""
GOES_ON = ("sync", "async", "send", "poll", "deliver")
"""Kinds of link that every request travels, unless its settings say otherwise."""


@dataclass(frozen=True)
class Reckoning:
    """What is known of a chain: its errors, or a run and its bill; its findings in either case."""

    errors: tuple[ChainkitError, ...] = ()
    findings: tuple[Finding, ...] = ()
    run: Run | None = None
    bill: Bill | None = None
    is_quick: bool = False
    """Whether fewer requests were run than are wanted."""
    request_s: float = 0.0
    """What a request took to simulate."""

    def outdated(self, chain: Chain) -> "Reckoning":
        """Return what is known of a chain that has just changed: nothing is run yet."""
        return replace(self, errors=tuple(chain.validate()), findings=tuple(check(chain)))

    def card_notes(self) -> dict[str, tuple[str, ...]]:
        """Return the words on each card: how long a visit takes at most in 95 of 100 cases, and dollars a month."""
        if self.run is None or self.bill is None:
            return {}
        cost, times = self.bill.node_usd(), self.run.times["p95_s"]
        notes: dict[str, tuple[str, ...]] = {}
        for name in self.run.chain.services:
            p95_s = float(times.get(name, float("nan")))
            slow = [f"p95 {seconds(p95_s)}" if p95_s > 0 else "no wait"] if p95_s == p95_s else []
            notes[name] = (*slow, f"{usd(cost[name])}/mo") if cost.get(name) else (*slow,)
        return notes

    def link_notes(self) -> dict[str, str]:
        """Return the words on each link: messages per second, and times how many tries if more than one is needed."""
        if self.run is None:
            return {}
        return {
            str(key): f"{_rate(rate)}/s" + (f" \u00d7{attempts:.2f}" if attempts >= 1.005 else "")
            for key, rate, attempts in self.run.links[["rate_per_s", "attempts"]].itertuples()
        }

    def heat(self, of: Heat) -> dict[str, float]:
        """Return each service's share of the wait, cost or failures of all; nothing where there is none."""
        if self.run is None or self.bill is None:
            return {}
        columns = self.run.nodes.reindex(columns=[*_COLUMNS]).fillna(0.0)
        if of == "cost":
            cost = self.bill.node_usd()  # costs besides the services have no card
            return _shares({name: cost[name] for name in self.run.chain.services})
        if of == "wait":
            visits = columns["invocations"] + columns["messages"]
            return _shares(visits * (columns["duration_mean_s"] + columns["wait_mean_s"]))
        return _shares(columns[[*_COLUMNS[4:]]].sum(axis="columns"))


def _shares(amounts: "Mapping[str, float] | pd.Series[float]") -> dict[str, float]:
    """Return each amount's share of all; nothing if there is nothing to share."""
    total = sum(amount for _, amount in amounts.items())
    return {str(name): amount / total for name, amount in amounts.items()} if total > 0 else {}


_COLUMNS = [
    "invocations", "messages", "duration_mean_s", "wait_mean_s", "errors", "timeouts", "throttles", "dead_letters",
]  # fmt: skip


def reckon(
    known: Reckoning, chain: Chain, load: Load, *, requests: int, seed: int, at: str | None, is_quick: bool
) -> Reckoning:
    """Return what is known of a chain after a run, where `known` holds its errors and findings.

    A quick one runs as many requests as fit into a blink, all of them if they do.
    """
    known = replace(known, run=None, bill=None, is_quick=False)
    circle = _endless(chain)
    if known.errors or circle is not None:
        return known if circle is None else replace(known, errors=(*known.errors, circle))
    fitting = int((BLINK_S - FIXED_S) / known.request_s) if is_quick and known.request_s else requests
    count = min(requests, max(fitting, FEWEST))
    started_s = time.perf_counter()
    try:
        run = simulate(
            chain, load, requests=count, seed=seed, at=at, keep="requests"
        )  # for comparisons: it costs nothing
        priced = bill(chain, run)
    except ChainkitError as error:
        return replace(known, errors=(error,))
    took_s = time.perf_counter() - started_s
    return replace(known, run=run, bill=priced, is_quick=count < requests, request_s=max(took_s - FIXED_S, 0.0) / count)


def entry(chain: Chain) -> str | None:
    """Return where requests enter while nobody has said it: where nothing leads, None if there is no such service.

    Of several the first is a service that no other could call (an API), then the one from which most can be reached: a
    card that is not connected yet does not end the figures.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("new")
    >>> _ = chain.add(ck.LambdaFunction("alone")), chain.add(ck.HttpApi("api"))
    >>> entry(chain)
    'api'
    """
    reached = {name: len(nx.descendants(chain.graph, name)) for name in chain.entries()}
    return min(reached, key=lambda name: (bool(chain.service(name).port.accepts), -reached[name]), default=None)


def _rate(rate_per_s: float) -> str:
    """Return a rate for people.

    >>> _rate(4.0), _rate(0.034), _rate(1250.0)
    ('4', '0.034', '1,250')
    """
    return f"{rate_per_s:,.0f}" if rate_per_s >= 100 else f"{rate_per_s:.2g}"


def _endless(chain: Chain) -> ChainkitError | None:
    """Return what is wrong with messages that go round for ever: no run would end while somebody waits for figures."""
    certain: nx.DiGraph[str] = nx.DiGraph()
    for link in chain.links.values():
        is_sure = getattr(link, "probability", 1.0) == 1.0 and getattr(link, "match_fraction", None) in (None, 1.0)
        if link.kind in GOES_ON and is_sure and not getattr(link, "filter_policy", None):
            certain.add_edge(link.source, link.target)
    try:
        circle = [source for source, _ in nx.find_cycle(certain)]
    except nx.NetworkXNoCycle:
        return None
    return WiringError(
        f"messages go round for ever: {' > '.join([*circle, circle[0]])}",
        fix="give one of its links a probability below 1, or remove it",
    )
