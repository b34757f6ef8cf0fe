"""The simulator once more, on SimPy: written to be believed, not to be fast.

It follows the rules of ARCHITECTURE.md, "What a run does, exactly", and knows nothing of the virtual machine. Every
strand of a request's story is a SimPy process. Here are requests, calls and functions; twin_messages.py has events,
queues, topics and state machines; twin_parts.py what the strands share: time, draws, environments, counters.
The draws belong to the request, so that equal seeds give the same times here and there (test_kernel_vs_twin.py).
"""

import functools
import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy

from chainkit import data
from chainkit.chain import Chain
from chainkit.distributions import Law, as_law, from_plain
from chainkit.records import Buffer, FanOut, Flow, Pool, Relay
from chainkit.simulation.draws import FloatArray, again, descend
from chainkit.simulation.loads import Load
from chainkit.wiring import Caller, EventSourceMapping, Link
from tests.simulation.twin_messages import Messages
from tests.simulation.twin_parts import (
    GONE,
    ITEM,
    OK,
    THROTTLED,
    TIMEOUT,
    Account,
    Answer,
    Clock,
    Dice,
    Environments,
    Machine,
    Message,
    Queue,
    Rank,
    Request,
    Story,
    Work,
    attributes,
    passes_all,
)  # fmt: skip


@dataclass(frozen=True)
class TwinRun:
    """What a run of the twin gives: arrays by request number, counters by node."""

    response_s: FloatArray
    completion_s: FloatArray
    outcomes: list[str]
    counts: dict[str, Counter[str]]
    branches: Counter[str]


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
) -> TwinRun:
    """Return what happens to each request; arguments as of `chainkit.simulate`."""
    if latency is None:
        hops = {name: from_plain(entry["law"]) for name, entry in data.latency()["hops"].items()}
    else:
        hops = {name: as_law(value) for name, value in latency.items()}
    response, completion, outcomes, branches = [], [], [], Counter[str]()
    counts: dict[str, Counter[str]] = {name: Counter() for name in chain.services}
    for r in range(replications):
        numbers = range(r * requests // replications, (r + 1) * requests // replications)
        world = World(chain, load, Dice(seed, r), hops, at or chain.entries()[0])
        world.run(numbers, drain_s)
        for request in (world.requests[i] for i in numbers):
            response.append(request.answered_s - request.arrived_s)
            completion.append(request.completion_s)
            outcomes.append(request.outcome)
        branches += world.branches
        branches["unfinished"] += sum(request.open for request in world.requests.values())
        for name, counter in world.counts().items():
            counts[name] += counter
    return TwinRun(np.array(response), np.array(completion), outcomes, counts, branches)


class World(Messages):
    """One replication."""

    def __init__(self, chain: Chain, load: Load, dice: Dice, hops: Mapping[str, Law], entry: str) -> None:
        self.chain, self.load, self.dice, self.hops, self.entry = chain, load, dice, hops, entry
        self.clock = Clock()
        self.requests: dict[int, Request] = {}
        self.branches = Counter[str]()
        self.links = chain.links
        self.does = {name: service.behaviour() for name, service in chain.services.items()}
        self.order = {name: i for i, name in enumerate(self.does)}
        self.places = self._places()
        pools = {name: does for name, does in self.does.items() if isinstance(does, Pool)}
        account = Account(list(pools.values()))
        self.pools = {name: Environments(pool, account) for name, pool in pools.items()}
        self.queues = {name: self._queue(name, does) for name, does in self.does.items() if isinstance(does, Buffer)}
        self.machines = {name: Machine(does) for name, does in self.does.items() if isinstance(does, Flow)}
        self.relayed = {name: Counter[str]() for name, does in self.does.items() if isinstance(does, Relay)}
        self.steps_of = functools.cache(self._steps_of)

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
        key, mapping = found[0] if found else (None, None)
        return Queue(buffer, key, mapping)

    def _out(self, name: str) -> list[tuple[str, Any]]:
        """Return the links out of a service."""
        return [(key, link) for key, link in self.links.items() if link.source == name]

    def counts(self) -> dict[str, Counter[str]]:
        """Return the counters of every node."""
        parts = {**self.pools, **self.queues, **self.machines}
        return {name: part.counts for name, part in parts.items()} | self.relayed

    # --- requests ---

    def run(self, numbers: range, drain_s: float) -> None:
        """Let the requests come, and go on until nothing is left or the drain is over."""
        self.clock.process(self._traffic(numbers))
        gaps = (self.dice.time_s("arrivals", self.load.gap(), i, 0) for i in numbers)
        *_, last_s = itertools.accumulate(gaps, initial=0.0)
        while self.clock.peek() <= last_s + drain_s and self.clock.peek() < math.inf:
            self.clock.step()

    def _traffic(self, numbers: range) -> Story:
        """Let one request after another enter."""
        at_s = 0.0
        for i in numbers:
            at_s += self.dice.time_s("arrivals", self.load.gap(), i, 0)
            self.requests[i] = Request(at_s)
        for i in numbers:
            yield self.clock.at(self.requests[i].arrived_s, Rank.ARRIVAL, i)
            self.requests[i].over_s = self.clock.now
            self._start(self._enter(i))

    def _start(self, story: Story) -> simpy.Process:
        """Start a strand."""
        return self.clock.process(story)

    def _enter(self, q: int) -> Story:
        """Let a request in, and take its answer if somebody waits for one."""
        does = self.does[self.entry]
        waits = isinstance(does, Pool | Relay) or (isinstance(does, Flow) and does.answers)
        if not waits:
            self._open(q, self.entry)
            yield from self._accept(self.entry, q, 0, self.clock.now)
            return
        self.requests[q].open += 1
        answer = yield from self._serve(self.entry, q, 0)
        self.requests[q].answered_s = self.clock.now
        self._close(q, answer.outcome)

    def _open(self, q: int, target: str) -> None:
        """Begin a branch; handing something to a topic or bus is none, its deliveries are."""
        self.requests[q].open += not isinstance(self.does[target], FanOut)

    def _close(self, q: int, outcome: str, is_left_behind: bool = False) -> None:
        """End a branch; one that was left behind by its caller does not change the request's outcome."""
        request = self.requests[q]
        request.open -= 1
        request.over_s = self.clock.now
        self.branches[outcome] += 1
        if not is_left_behind:
            request.outcomes.add(outcome)

    def _left_behind(self, q: int, call: simpy.Process) -> None:
        """Let a call run on as a branch of its own: its caller is gone."""
        self.requests[q].open += 1
        assert call.callbacks is not None
        call.callbacks.append(lambda end: self._close(q, "completed" if end.value.is_ok else "failed", True))

    # --- ways ---

    def _hop_s(self, key: str, link: Link, q: int, s: int) -> float:
        """Return how long a link's way takes."""
        law = self.hops.get(link.hop(self.chain.services[link.target]))
        return self.dice.time_s(f"{key}.hop", law, q, s)

    def _pause(self, delay_s: float, q: int, s: int, name: str) -> Story:
        """Wait, unless there is nothing to wait for."""
        if delay_s > 0:
            yield self.clock.at(self.clock.now + delay_s, Rank.TIMER, q, s, self.order[name])

    def _overhead(self, name: str, purpose: str, own: Law | None, hop: str, q: int, s: int) -> Story:
        """Wait for what an API or machine itself takes: its own law, or the hop's of that name."""
        law = own if own is not None else self.hops.get(hop)
        yield from self._pause(self.dice.time_s(f"{name}.{purpose}", law, q, s), q, s, name)

    def _hand_over(self, key: str, q: int, s: int, item: int = 0) -> None:
        """Send a message along a link: nobody waits for it."""
        self._open(q, self.links[key].target)
        self._start(self._carry(key, q, descend(s, self.places[key] + ITEM * item)))

    def _carry(self, key: str, q: int, s: int) -> Story:
        """Bring a message to its target."""
        link, sent_s = self.links[key], self.clock.now
        hop_s = self._hop_s(key, link, q, s)
        if hop_s > 0:
            yield from self._pause(hop_s, q, s, link.target)
        else:
            yield self.clock.at(sent_s, Rank.HANDED)
        yield from self._accept(link.target, q, s, sent_s)

    def _accept(self, name: str, q: int, s: int, sent_s: float) -> Story:
        """Take what was handed over, each kind of service in its own way."""
        match self.does[name]:
            case Pool():
                yield from self._event(name, q, s, sent_s)
            case Buffer():
                yield from self._message(name, q, s)
            case FanOut():
                self._fan_out(name, q, s)
            case Flow():
                answer = yield from self._execution(name, q, s)
                self._end_execution(name, q, answer)

    def _serve(self, name: str, q: int, s: int) -> Story:
        """Run what a caller waits for, and return its answer."""
        match self.does[name]:
            case Pool():
                return (yield from self._invocation(name, q, s))
            case Flow():
                return (yield from self._execution(name, q, s))
            case _:
                return (yield from self._relay(name, q))

    # --- synchronous calls ---

    def _try(self, key: str, q: int, s: int) -> Story:
        """Make one call along a link."""
        link = self.links[key]
        yield from self._pause(self._hop_s(key, link, q, s), q, s, link.target)
        return (yield from self._serve(link.target, q, s))

    def _call(self, key: str, q: int, s: int) -> Story:
        """Make a call and try it again as its link says; left by its caller it stops, and what it called runs on."""
        link: Any = self.links[key]
        target = self.does[link.target]
        if isinstance(target, Flow) and not target.answers:
            self._hand_over(key, q, s)
            return OK
        delay_s = link.retry.interval_s if link.retry else 0.0
        for k in range(link.retry.max_attempts if link.retry else 1):
            if k:
                wait_s = min(delay_s, link.retry.max_delay_s)
                if link.retry.jitter == "full":
                    wait_s *= self.dice.uniform(f"{key}.jitter", q, s)
                delay_s *= link.retry.backoff_rate
                s = again(s)
                try:
                    yield self.clock.at(self.clock.now + wait_s, Rank.TIMER, q, s, self.order[link.source])
                except simpy.Interrupt:
                    return GONE
            answer = yield from self._guarded_try(key, q, s)
            if answer is None:
                return GONE
            if answer.is_ok:
                break
        return answer

    def _guarded_try(self, key: str, q: int, s: int) -> Story:
        """Make one try within the client's timeout; None if the caller is gone."""
        link: Any = self.links[key]
        began_s = self.clock.now
        one_try = self._start(self._try(key, q, descend(s, self.places[key])))
        ends: list[simpy.Event] = [one_try]
        if link.client_timeout_s is not None:
            ends.append(self.clock.at(began_s + link.client_timeout_s, Rank.TIMER, q, s, self.order[link.source]))
        try:
            happened = yield simpy.AnyOf(self.clock, ends)
        except simpy.Interrupt:
            self._left_behind(q, one_try)
            return None
        if one_try in happened:
            return one_try.value
        self._left_behind(q, one_try)
        return TIMEOUT

    def _wait_for(self, calls: Mapping[simpy.Process, bool], until: simpy.Event, q: int | None = None) -> Story:
        """Return OK once all calls are over, the first failure that counts, or None when the time is over."""
        pending = list(calls)
        while pending:
            happened = yield simpy.AnyOf(self.clock, [*pending, until])
            failed = [call for call in pending if call in happened and calls[call] and not call.value.is_ok]
            if failed or until in happened:
                after = pending[pending.index(failed[0]) + 1 :] if failed else pending
                for call in pending:
                    if call.is_alive:
                        call.callbacks.append(lambda end: self._made_too_late(q, end))
                        call.interrupt()
                    elif call in after:
                        self._made_too_late(q, call)
                return failed[0].value if failed else None
            pending = [call for call in pending if call not in happened]
        return OK

    def _made_too_late(self, q: int | None, call: simpy.Event) -> None:
        """Count a call that was made when its caller had failed already, and was over at once."""
        if q is not None and not call.value.ran_nothing:
            self.requests[q].open += 1
            self._close(q, "completed" if call.value.is_ok else "failed", True)

    # --- the API ---

    def _relay(self, name: str, q: int) -> Story:
        """Answer with the answer of one of the targets."""
        does: Any = self.does[name]
        self.relayed[name]["requests"] += 1
        yield from self._overhead(name, "start", does.overhead, does.overhead_hop, q, 0)
        routes = self._out(name)
        i = self.dice.way(f"{name}.routes.case", [link.probability for _, link in routes], q, 0)
        if i is None:
            return OK
        key, link = routes[i]
        if link.kind != "sync":
            for item in range(link.count):
                self._hand_over(key, q, 0, item)
            return OK
        until = self.clock.at(self.clock.now + does.timeout_s, Rank.TIMER, q, 0, self.order[name])
        call = self._start(self._call(key, q, 0))
        return (yield from self._wait_for({call: True}, until)) or TIMEOUT

    # --- functions ---

    def _invocation(self, name: str, q: int, s: int) -> Story:
        """Invoke a function with one request."""
        start_s, how = self.clock.now, self.pools[name].take(self.clock.now)
        if how is None:
            return THROTTLED
        answer, _ = yield from self._run(name, [Message(q, s)], how == "cold", None)
        self.pools[name].give_back(start_s, self.clock.now, answer.status)
        return answer

    def _run(self, name: str, units: list[Message], is_cold: bool, mapping: EventSourceMapping | None) -> Story:
        """Run an invocation that has its environment; return its answer and the units that failed."""
        pool: Any = self.does[name]
        q, s = units[0].request, units[0].salt
        init_s = self.dice.time_s(f"{name}.init", pool.init, q, s) if is_cold else 0.0
        extra_s = init_s + self.dice.time_s(f"{name}.overhead", pool.overhead, q, s)
        is_reporting = mapping is not None and mapping.report_batch_item_failures
        work = Work(is_cold, mapping is not None, is_reporting, extra_s, self.clock.now + init_s + pool.timeout_s)
        run = self._run_calling if self.steps_of(name) else self._run_alone
        answer, failed = yield from run(name, units, work)
        return answer, failed if answer.is_ok else units

    def _run_alone(self, name: str, units: list[Message], work: Work) -> Story:
        """Work the units of a function that calls nobody: one stretch of work."""
        stretch_s, failed = work.extra_s, []
        for k, unit in enumerate(units):
            stretch_s += self._work_s(name, unit, work.is_cold and k == 0)
            if self._fails(name, unit):
                failed.append(unit)
                if not work.is_reporting:
                    break
        is_in_time = yield from self._work_until(name, units[0], self.clock.now + stretch_s, work.deadline_s)
        if not is_in_time:
            return TIMEOUT, []
        return (OK if work.is_reporting or not failed else self._error(name)), failed

    def _run_calling(self, name: str, units: list[Message], work: Work) -> Story:
        """Work the units of a function that calls others, one after another."""
        extra_s, failed = work.extra_s, []
        if work.is_batch:
            is_in_time = yield from self._work_until(name, units[0], self.clock.now + extra_s, work.deadline_s)
            extra_s = 0.0
            if not is_in_time:
                return TIMEOUT, []
        for k, unit in enumerate(units):
            answer = yield from self._unit(name, unit, work.is_cold and k == 0, extra_s, work.deadline_s)
            if answer.status == "timeout" or not (answer.is_ok or work.is_reporting):
                return answer, []
            if not answer.is_ok:
                failed.append(unit)
        return OK, failed

    def _unit(self, name: str, unit: Message, is_first: bool, extra_s: float, deadline_s: float) -> Story:
        """Work one unit: own work, cut by steps of calls."""
        work_s, done = self._work_s(name, unit, is_first), 0.0
        steps = self.steps_of(name)
        during = [step for step in steps if step[0] < 1]
        for fraction, keys in [*during, (1.0, ())]:
            at_s = self.clock.now + (extra_s + work_s * (fraction - done))
            is_in_time = yield from self._work_until(name, unit, at_s, deadline_s)
            if not is_in_time:
                return TIMEOUT
            if fraction == 1 and self._fails(name, unit):
                return self._error(name)
            answer = yield from self._step(name, keys, unit, deadline_s)
            if not answer.is_ok:
                return answer
            extra_s, done = 0.0, fraction
        for _, keys in steps[len(during) :]:
            answer = yield from self._step(name, keys, unit, deadline_s)
            if not answer.is_ok:
                return answer
        return OK

    def _work_s(self, name: str, unit: Message, is_first: bool) -> float:
        """Return the own work of a unit."""
        pool: Any = self.does[name]
        if is_first and pool.first_work is not None:
            return self.dice.time_s(f"{name}.first", pool.first_work, unit.request, unit.salt)
        return self.dice.time_s(f"{name}.duration", pool.work, unit.request, unit.salt)

    def _work_until(self, name: str, unit: Message, at_s: float, deadline_s: float) -> Story:
        """Work until then, at most until the deadline; tell whether the work was done."""
        yield self.clock.at(min(at_s, deadline_s), Rank.END, unit.request, unit.salt, self.order[name])
        return at_s <= deadline_s

    def _fails(self, name: str, unit: Message) -> bool:
        """Tell whether a unit fails at the end of its work."""
        pool: Any = self.does[name]
        return self.dice.hits(f"{name}.error", pool.error_rate, unit.request, unit.salt) or self.dice.hits(
            f"{name}.poison", pool.poison_fraction, unit.request, 0
        )

    def _error(self, name: str) -> Answer:
        """Return the answer of a function that failed."""
        pool: Any = self.does[name]
        return Answer("error", pool.error_name)

    def _steps_of(self, name: str) -> list[tuple[float, tuple[str, ...]]]:
        """Return (fraction of the own work after which it begins, its links) of each step of calls."""
        links = [(key, link) for key, link in self._out(name) if isinstance(link, Caller)]
        numbers = sorted({link.step for _, link in links})
        found = []
        for i, number in enumerate(numbers, 1):
            step = [(key, link) for key, link in links if link.step == number]
            given = [link.after_fraction for _, link in step if link.after_fraction is not None]
            found.append((given[0] if given else i / (len(numbers) + 1), tuple(key for key, _ in step)))
        return found

    def _step(self, name: str, keys: Sequence[str], unit: Message, deadline_s: float) -> Story:
        """Hand over what is handed over, then make the calls and wait for them."""
        waited = []
        for key in keys:
            link: Any = self.links[key]
            if link.kind == "sync":
                waited.append(key)
            elif self._takes(name, key, unit):
                for item in range(link.count):
                    self._hand_over(key, unit.request, unit.salt, item)
        q, s = unit.request, unit.salt
        taken = [key for key in waited if self._takes(name, key, unit)]
        calls = {self._start(self._call(key, q, s)): self._is_needed(key) for key in taken}
        if not calls:
            return OK
        until = self.clock.at(deadline_s, Rank.TIMER, q, s, self.order[name])
        answer = yield from self._wait_for(calls, until, q)
        if answer is None:
            return TIMEOUT
        return OK if answer.is_ok else self._error(name)

    def _is_needed(self, key: str) -> bool:
        """Tell whether a failed call fails its caller."""
        link: Any = self.links[key]
        return bool(link.on_error == "fail")

    def _takes(self, name: str, key: str, unit: Message) -> bool:
        """Tell whether a request takes a link: by its attributes, and by a chance that links may share."""
        link: Any = self.links[key]
        q, s = unit.request, unit.salt
        if not passes_all(link.filter_policy or {}, attributes(self.dice, self.load.attributes, q)):
            return False
        if link.case is None:
            return self.dice.hits(f"{link.chance or key}.chance", link.probability, q, s)
        case = {o.chance or k: o.probability for k, o in self._out(name) if getattr(o, "case", None) == link.case}
        i = self.dice.way(f"{name}.{link.case}.case", [*case.values()], q, s)
        return i is not None and [*case][i] == (link.chance or key)
