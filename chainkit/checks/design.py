"""What the rules read of a chain, gathered once, and the figures that several of them state."""

from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from itertools import count
from typing import Any, NamedTuple

from chainkit import data
from chainkit.billing.prices import Prices, price_book
from chainkit.chain import Chain
from chainkit.checks.wholes import as_one
from chainkit.distributions import from_plain
from chainkit.errors import ChainkitError, PriceMissingError
from chainkit.operations import Operation
from chainkit.records import Behaviour, Buffer, Flow, Pool, Step
from chainkit.service import Service, registry
from chainkit.units import usd
from chainkit.wiring import EventSourceMapping, Link

NOTABLE = 0.001
"""A share of runs that is worth a word: our threshold, not AWS's."""


class Polled(NamedTuple):
    """A queue, the function that its mapping invokes, and how."""

    key: str
    link: EventSourceMapping
    buffer: Buffer
    pool: Pool

    @property
    def hidden_s(self) -> float:
        """How long a message in a batch stays hidden; the visibility timeout grows where it is below the batch's."""
        needed_s = self.link.maximum_batching_window_s + self.pool.timeout_s
        stated_s = self.buffer.visibility_timeout_s
        return stated_s if stated_s >= needed_s else needed_s + quota("sqs_mapping", "visibility_margin")[0]


class Design:
    """A chain as the rules read it.

    A service whose behaviour cannot be said has none here (`validate` tells why), and no rule judges it.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("orders")
    >>> jobs, pay = chain.add(ck.SqsQueue("jobs")), chain.add(ck.LambdaFunction("pay"))
    >>> _ = chain.connect(jobs, pay)
    >>> [polled.key for polled in Design(chain).polled]
    ['jobs>pay']
    """

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.services = chain.services
        self.links = chain.links
        self.behaviours = {name: made for name, service in self.services.items() if (made := _behaviour(service))}
        self.into: dict[str, list[tuple[str, Link]]] = {name: [] for name in self.services}
        self.out_of: dict[str, list[tuple[str, Link]]] = {name: [] for name in self.services}
        for key, link in self.links.items():
            self.into[link.target].append((key, link))
            self.out_of[link.source].append((key, link))

    def pool(self, name: str) -> Pool | None:
        """Return the pool of a service that has one."""
        behaviour = self.behaviours.get(name)
        return behaviour if isinstance(behaviour, Pool) else None

    def pools(self) -> Iterator[tuple[str, Pool]]:
        """Yield the functions: (name, pool)."""
        return ((name, each) for name, each in self.behaviours.items() if isinstance(each, Pool))

    def flows(self) -> Iterator[tuple[str, Flow]]:
        """Yield the state machines: (name, flow)."""
        return ((name, each) for name, each in self.behaviours.items() if isinstance(each, Flow))

    @cached_property
    def polled(self) -> tuple[Polled, ...]:
        """Each queue that a mapping polls."""
        found = []
        for key, link in self.links.items():
            buffer, pool = self.behaviours.get(link.source), self.pool(link.target)
            if isinstance(link, EventSourceMapping) and isinstance(buffer, Buffer) and pool is not None:
                found.append(Polled(key, link, buffer, pool))
        return tuple(found)

    def run_usd(self, run_s: Mapping[str, float]) -> str:
        """Return what runs of so many seconds in all cost, by service, at the first tier, for people."""
        try:
            cost = [
                meter.factor * self._prices.price(meter.price).tiers[0].usd * each_s * 1000
                for name, each_s in run_s.items()
                for meter in self.services[name].meters()
                if meter.counter == "run_ms"
            ]
        except PriceMissingError:
            return f"an amount unknown without prices of {self.chain.region}"
        return usd(sum(cost))

    @cached_property
    def _prices(self) -> Prices:
        """The list prices of the chain's region."""
        return price_book(self.chain.region)

    def dead_letter_queue(self, name: str) -> Operation:
        """Return the operation that adds a queue for what a service could not handle: `name`-dead, or a free name."""
        room = min(48, 63 - len(self.chain.name))  # of a name, and of chain-name on AWS
        tails = (f"-dead{k}" if k > 1 else "-dead" for k in count(1))
        free = (name[: max(1, room - len(tail))] + tail for tail in tails)
        kind = next(kind for kind in registry.values() if "redrive" in kind.port.accepts)
        return Operation("add", (kind(next(each for each in free if each not in self.services)),))


def _behaviour(service: Service) -> Behaviour | None:
    """Return what a service is, or None where that cannot be said."""
    try:
        behaviour = service.behaviour()
    except ChainkitError:
        return None
    return as_one(behaviour) if isinstance(behaviour, Pool) else behaviour


def steps(each: tuple[Step, ...]) -> Iterator[Step]:
    """Yield the steps of a flow, those of its branches included."""
    for step in each:
        yield step
        for branch in step.branches:
            yield from steps(branch)


def quota(service: str, name: str) -> tuple[Any, str]:
    """Return a quota of data/quotas.json and its source.

    >>> quota("sqs_mapping", "visibility_timeouts")[0]
    6
    """
    entry = data.quotas()[service][name]
    return entry["value"], entry["source"]


@cache
def hop_s(name: str) -> float:
    """Return the mean of a hop of data/latency.json, seconds; 0 for none."""
    hops = data.latency()["hops"]
    return from_plain(hops[name]["law"]).mean_s if name in hops else 0.0


def failing(pool: Pool) -> float:
    """Return the chance that one attempt fails: by an error at the end of its work, or cut by the timeout."""
    return 1 - (1 - pool.error_rate) * (1 - pool.work.sf(pool.timeout_s))


def lost(pool: Pool, attempts: int) -> float:
    """Return the share of the messages that fail in each of so many attempts, poison included."""
    return pool.poison_fraction + (1 - pool.poison_fraction) * failing(pool) ** attempts


def of_a_million(share: float) -> str:
    """Return a share of a million for people.

    >>> of_a_million(0.0123), of_a_million(2e-7), of_a_million(0.0)
    ('12,300 of a million', '0.2 of a million', 'none of a million')
    """
    number = f"{1e6 * share:,.0f}" if share >= 1e-4 else f"{1e6 * share:.3g}"
    return f"{number if share else 'none'} of a million"


def percent(share: float) -> str:
    """Return a share for people.

    >>> percent(0.0123), percent(2e-7), percent(1.0)
    ('1.23 %', '2e-05 %', '100 %')
    """
    return f"{100 * share:.3g} %"
