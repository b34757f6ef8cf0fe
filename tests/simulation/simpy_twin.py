"""The simulator once more, on SimPy: written to be believed, not to be fast.

It follows the rules of ARCHITECTURE.md, "What a run does, exactly", and knows nothing of the virtual machine. Every
strand of a request's story is a SimPy process. The draws belong to the request, so that equal seeds give the same times
here and there (test_kernel_vs_twin.py). Here a replication is put together and requests enter; the rest:

===================== ============================================================================================
twin_parts            time and its ties, draws, visits, answers, requests
twin_limits           the account: quotas by region, shared environments
twin_environments     the environments of one function, cold, warm and provisioned
twin_functions        invocations, units of work, steps of calls
twin_calls            retries, client timeouts, circuit breakers, the API
twin_messages         handing over, topics and buses, deliveries, asynchronous events
twin_queues           queues, pollers, batches, what comes back
twin_machines         executions, states, branches, maps, callbacks
twin_controls         scaling of provisioned environments, warmers
twin_effects          how often the work was done, and was meant to be
===================== ============================================================================================
"""

import functools
import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
import simpy

from chainkit import data
from chainkit.chain import Chain
from chainkit.distributions import Law, as_law, from_plain
from chainkit.records import Buffer, FanOut, Flow, Pool, Relay
from chainkit.simulation.draws import FloatArray
from chainkit.simulation.loads import ClosedLoop, Load
from chainkit.wiring import EventSourceMapping, Link
from tests.simulation.twin_calls import Breaker, Calls
from tests.simulation.twin_controls import Controls
from tests.simulation.twin_effects import Effects
from tests.simulation.twin_environments import Environments
from tests.simulation.twin_functions import Functions
from tests.simulation.twin_limits import Account
from tests.simulation.twin_machines import Machine, Machines
from tests.simulation.twin_messages import Messages
from tests.simulation.twin_parts import Clock, Dice, Rank, Request, Story, Visit
from tests.simulation.twin_queues import Queue, Queues

MB = 2**20
LoadClock = Callable[[FloatArray], FloatArray]
"""Turns a load's operational times into seconds."""


@dataclass(frozen=True)
class TwinRun:
    """What a run of the twin gives: arrays by request number, counters by node."""

    response_s: FloatArray
    completion_s: FloatArray
    outcomes: list[str]
    counts: dict[str, Counter[str]]
    branches: Counter[str]
    effects: dict[str, Counter[str]]
    """By function: requests with the effect once, twice, never, partly; effects overtaken by later requests' ones."""


def twin(
    chain: Chain,
    load: Load,
    *,
    requests: int,
    seed: int,
    replications: int = 1,
    at: str | None = None,
    latency: Mapping[str, Any] | None = None,
    drain_s: float = 30_000.0,
    account_concurrency: int | None = None,
) -> TwinRun:
    """Return what happens to each request; arguments as of `chainkit.simulate`."""
    hops, per_mb_s = _hops(latency)
    response, completion, outcomes, branches = [], [], [], Counter[str]()
    counts: dict[str, Counter[str]] = {name: Counter() for name in chain.services}
    effects: dict[str, Counter[str]] = {}
    for r in range(replications):
        numbers = range(r * requests // replications, (r + 1) * requests // replications)
        world = World(chain, load, Dice(seed, r), hops, per_mb_s, at or chain.entries()[0], account_concurrency)
        world.run(numbers, load.clock(seed, r), drain_s)
        for request in (world.requests.get(i, Request(math.nan)) for i in numbers):
            response.append(request.answered_s - request.arrived_s)
            completion.append(request.completion_s)
            outcomes.append(request.outcome)
        branches += world.branches
        branches["unfinished"] += sum(request.open for request in world.requests.values())
        for name, counter in world.counts().items():
            counts[name].update(counter)
        for name, counter in world.effects.counted(world.pool_records).items():
            effects.setdefault(name, Counter()).update(counter)
    return TwinRun(np.array(response), np.array(completion), outcomes, counts, branches, effects)


def _hops(latency: Mapping[str, Any] | None) -> tuple[dict[str, Law], float]:
    """Return the laws of the hops, and how much longer one takes for each MB of a message."""
    if latency is None:
        measured = data.latency()
        return {name: from_plain(entry["law"]) for name, entry in measured["hops"].items()}, measured["per_mb"]["value"]
    return {name: as_law(value) for name, value in latency.items() if name != "per_mb"}, latency.get("per_mb", 0.0)


class World(Calls, Functions, Messages, Queues, Machines, Controls):
    """One replication."""

    def __init__(
        self,
        chain: Chain,
        load: Load,
        dice: Dice,
        hops: Mapping[str, Law],
        per_mb_s: float,
        entry: str,
        concurrency: int | None,
    ) -> None:
        self.chain, self.load, self.dice, self.entry = chain, load, dice, entry
        self.hops, self.per_mb_s = hops, per_mb_s
        self.clock = Clock()
        self.requests: dict[int, Request] = {}
        self.branches = Counter[str]()
        self.effects = Effects()
        self.links = chain.links
        self.does = {name: service.behaviour() for name, service in chain.services.items()}
        self.order = {name: i for i, name in enumerate(self.does)}
        self.places = self._places()
        self.circles = self._circles()
        self.pool_records = {name: does for name, does in self.does.items() if isinstance(does, Pool)}
        self.account = Account(chain.region, concurrency, self.pool_records.values())
        self.pools = {n: Environments(n, pool, self.account, dice) for n, pool in self.pool_records.items()}
        self.queues = {name: self._queue(name, does) for name, does in self.does.items() if isinstance(does, Buffer)}
        self.machines = {name: Machine(does) for name, does in self.does.items() if isinstance(does, Flow)}
        self.relayed = {name: Counter[str]() for name, does in self.does.items() if isinstance(does, Relay)}
        breakers = {key: getattr(link, "breaker", None) for key, link in self.links.items()}
        self.breakers = {key: Breaker(settings) for key, settings in breakers.items() if settings is not None}
        self.steps_of = functools.cache(self._steps_of)
        self.to_come = 0
        self.last_s = math.inf
        """When the last request arrived."""

    def _circles(self) -> dict[str, int]:
        """Return for functions in a circle of services that hand over how many functions it has."""
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_edges_from((link.source, link.target) for link in self.links.values())
        hands = [(v.source, v.target) for v in self.links.values() if v.kind not in ("sync", "task", "redrive")]
        found = {}
        for knot in nx.strongly_connected_components(graph):
            functions = [name for name in knot if isinstance(self.does[name], Pool)]
            if any({a, b} <= knot for a, b in hands):
                found |= dict.fromkeys(functions, len(functions))
        return found

    def _places(self) -> dict[str, int]:
        """Return each link's position among the links into its target; where requests enter, they are the first."""
        into = Counter({self.entry: 1})
        places = {}
        for key, link in self.links.items():
            places[key] = into[link.target]
            into[link.target] += 1
        return places

    def _queue(self, name: str, buffer: Buffer) -> Queue:
        """Return a queue with its mapping, if it has one."""
        found = [(key, link) for key, link in self._out(name) if isinstance(link, EventSourceMapping)]
        if not found:
            return Queue(buffer, "", None, None)
        key, mapping = found[0]
        return Queue(buffer, key, mapping, self.pool_records[mapping.target])

    def _out(self, name: str) -> list[tuple[str, Any]]:
        """Return the links out of a service."""
        return [(key, link) for key, link in self.links.items() if link.source == name]

    def counts(self) -> dict[str, Counter[str]]:
        """Return the counters of every node."""
        parts = {**self.pools, **self.queues, **self.machines}
        for pool in self.pools.values():
            if pool.pool.provisioned is not None:
                pool.counts["provisioned_s"] = pool.allocated_s  # type: ignore[assignment]
        return {name: part.counts for name, part in parts.items()} | self.relayed

    # --- requests ---

    def run(self, numbers: range, clock: LoadClock | None, drain_s: float) -> None:
        """Let the requests come, and go on until nothing is left or the drain is over."""
        self.to_come = len(numbers)
        self._start_controls()
        if isinstance(self.load, ClosedLoop):
            users = min(self.load.users, len(numbers))
            for user in range(users):
                self._start(self._user(numbers[user::users]))
        else:
            self._start(self._traffic(numbers, clock))
        while self.clock.peek() <= self.last_s + drain_s and self.clock.peek() < math.inf:
            self.clock.step()

    def _traffic(self, numbers: range, clock: LoadClock | None) -> Story:
        """Let one request after another enter."""
        gaps = (self.dice.time_s("arrivals", self.load.gap(), Visit(i)) for i in numbers)
        times = np.array([*itertools.accumulate(gaps)])
        for i, at_s in zip(numbers, (clock(times) if clock is not None else times).tolist(), strict=True):
            yield self.clock.at(at_s, Rank.ARRIVAL, Visit(i))
            self._arrive(i)

    def _user(self, numbers: range) -> Story:
        """Let one user think, ask, and wait for the answer, request by request."""
        for number in numbers:
            think_s = self.dice.time_s("think", self.load.think, Visit(number))
            yield self.clock.at(self.clock.now + think_s, Rank.ARRIVAL, Visit(number))
            entered = self._arrive(number)
            if self._somebody_waits():
                yield entered

    def _arrive(self, i: int) -> simpy.Process:
        """Let a request arrive."""
        self.requests[i] = Request(self.clock.now, over_s=self.clock.now)
        self.to_come -= 1
        if not self.to_come:
            self.last_s = self.clock.now
            for pool in self.pools.values():
                pool.stop_counting(self.clock.now)
        return self._start(self._enter(i))

    @property
    def is_traffic_over(self) -> bool:
        """Whether the last request has arrived before this instant."""
        return self.clock.now > self.last_s

    def _start(self, story: Story) -> simpy.Process:
        """Start a strand."""
        return self.clock.process(story)

    def _somebody_waits(self) -> bool:
        """Tell whether somebody waits for the answer where requests enter."""
        does = self.does[self.entry]
        return isinstance(does, Pool | Relay) or (isinstance(does, Flow) and does.answers)

    def _enter(self, i: int) -> Story:
        """Let a request in, and take its answer if somebody waits for one."""
        visit = Visit(i, is_entry=True)
        if not self._somebody_waits():
            self._open(visit)
            yield from self._accept(self.entry, visit, self.clock.now)
            return
        self.requests[i].open += 1
        answer = yield from self._serve(self.entry, visit)
        self.requests[i].answered_s = self.clock.now
        self._close(visit, answer.outcome)

    def _open(self, visit: Visit) -> None:
        """Begin a branch, or the way of a message to a topic or bus, which ends where that has delivered it."""
        self.requests[visit.request].open += 1

    def _close(self, visit: Visit, outcome: str | None, *, is_left_behind: bool = False) -> None:
        """End a branch, without an outcome if others go on in its place; left behind it is not the request's."""
        request = self.requests[visit.request]
        request.open -= 1
        request.over_s = self.clock.now
        if outcome is not None:
            self.branches[outcome] += 1
        if outcome is not None and not is_left_behind:
            request.outcomes.add(outcome)
            if outcome == "completed" and visit.token is not None and not visit.token.triggered:
                visit.token.succeed()

    # --- ways ---

    def _hop_s(self, key: str, link: Link, visit: Visit) -> float:
        """Return how long a link's way takes; longer for a larger message."""
        hop = link.hop(self.chain.services[link.target])
        longer_s = getattr(link, "message_bytes", 0) / MB * self.per_mb_s if hop else 0.0
        return self.dice.time_s(f"{key}.hop", self.hops.get(hop), visit, longer_s)

    def _pause(self, delay_s: float, visit: Visit, name: str) -> Story:
        """Wait, unless there is nothing to wait for."""
        if delay_s > 0:
            yield self.clock.at(self.clock.now + delay_s, Rank.TIMER, visit, self.order[name])

    def _overhead(self, name: str, purpose: str, own: Law | None, hop: str, visit: Visit) -> Story:
        """Wait for what an API or machine itself takes: its own law, or the hop's of that name."""
        law = own if own is not None else self.hops.get(hop)
        yield from self._pause(self.dice.time_s(f"{name}.{purpose}", law, visit), visit, name)

    def _accept(self, name: str, visit: Visit, sent_s: float) -> Story:
        """Take what was handed over, each kind of service in its own way."""
        match self.does[name]:
            case Pool():
                yield from self._event(name, visit, sent_s)
            case Buffer():
                yield from self._message(name, visit)
            case FanOut():
                self._fan_out(name, visit)
            case Flow():
                answer = yield from self._execution(name, visit)
                self._end_execution(name, visit, answer)

    def _serve(self, name: str, visit: Visit) -> Story:
        """Run what a caller waits for, and return its answer."""
        match self.does[name]:
            case Pool():
                return (yield from self._invocation(name, visit))
            case Flow():
                return (yield from self._execution(name, visit))
            case _:
                return (yield from self._relay(name, visit))
