"""Chain -> Program: behaviours and links written as instructions of the virtual machine.

Engines read records: which primitive a service is decides everything here, never which service it is. Each node gives

==============  ==============================================================================================
label           what starts there
==============  ==============================================================================================
``n.run``       a synchronous call of a pool or flow: answers its caller
``n.event``     an asynchronous event for a pool or flow: a flow of its own, tried again by the pool's rules
``n.message``   a message on its way into a buffer
``n.in``        a message at a fan-out
==============  ==============================================================================================
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainkit import data
from chainkit.chain import Chain
from chainkit.distributions import Constant, as_law, from_plain
from chainkit.errors import ConfigError, SimulationError, nearest
from chainkit.law import Law
from chainkit.records import Buffer, FanOut, Flow, Pings, Pool, Relay
from chainkit.simulation import kernel as k
from chainkit.simulation import primitives as m
from chainkit.simulation.assembler import POOL_WORDS, IntArray, Program
from chainkit.simulation.lower_calls import Ends
from chainkit.simulation.lower_links import (
    ALWAYS,
    NEVER,
    NOT_OK,
    OWN,
    TOKEN_OF_THIS,
    TURNED_AWAY,
    all_steps,
    waits,
)
from chainkit.simulation.lower_states import States
from chainkit.wiring import Delivery, Destination, EventSourceMapping, Task

MOST_COUNTED = 255
"""Retries of one kind that a frame counts."""


def lower(
    chain: Chain,
    at: str | None,
    latency: Mapping[str, Law],
    attributes: Mapping[str, Mapping[Any, float]],
    account_concurrency: int | None = None,
    *,
    think: Law | None = None,
    has_effects: bool = False,
) -> Program:
    """Return the program of a chain whose requests enter at `at`.

    `think` is what users of a closed loop do between requests; `has_effects` counts effects by request too.

    Raises
    ------
    SimulationError
        If `at` is missing or ambiguous, or something in the chain cannot be simulated.
    """
    chain.require_valid()
    lowering = _Lowering(chain, latency, attributes, _entry(chain, at), account_concurrency, has_effects=has_effects)
    lowering.think = think
    return lowering.program()


def _entry(chain: Chain, at: str | None) -> str:
    """Return the service at which requests enter."""
    if at is not None:
        return chain.service(at).name
    entries = chain.entries()
    if len(entries) != 1:
        names = ", ".join(entries or chain.services)
        raise SimulationError(
            f"chain {chain.name!r}: {len(entries) or 'no'} services are entered by nothing: where do requests enter?",
            fix=f"say where with at=: one of {names}",
        )
    return entries[0]


class _Lowering(States):
    """Writes pools, buffers, fan-outs, and where requests enter."""

    def program(self) -> Program:
        """Return the finished program."""
        entry = self.entry
        a = self.a
        self._root(entry)
        for name, behaviour in self.behaviours.items():
            a.node = name
            match behaviour:
                case Pool():
                    self._pool(name, behaviour)
                case Buffer():
                    self._buffer(name, behaviour)
                case FanOut():
                    self._fan_out(name)
                case Flow():
                    self._flow(name, behaviour)
            while self.stubs:
                label, key, link = self.stubs.pop()
                a.node = link.source  # it is the caller that waits there
                self._stub(label, key, link)
        a.node = ""
        for key in self.deliveries:
            self._tries(key)
        a.label("watch")
        a.emit(k.WATCH)
        a.label("gone")
        a.emit(k.END_FLOW, k.NO_OUTCOME, 1)
        a.label("arrive")
        a.emit(k.ARRIVE, 0, a.law("think", self.think) if self.think is not None else 0)
        for name, q in self.queue_of.items():
            self._wire_queue(name, self.queues[q])
        pools = {name: b for name, b in self.behaviours.items() if isinstance(b, Pool)}
        each = data.quotas()["lambda"]["requests_per_concurrency"]["value"]
        return a.program(
            [*self.pools, *self._ready_rows(pools)],
            [*self.queues, *self.stations],
            pool_nodes=tuple(self.pool_of),
            queue_nodes=tuple(self.queue_of),
            account_limit=self.account_concurrency - sum(pool.limit or 0 for pool in pools.values()),
            request_quota=float(each * self.account_concurrency),
            most_in_flight=int(data.quotas()["sqs"]["in_flight"]["value"]),
            keepers=tuple((name, pool) for name, pool in pools.items() if pool.provisioned or pool.pings),
            nobody_waits=not isinstance(self.behaviours[entry], Pool | Relay) and not self._answers(entry),
        )

    def _ready_rows(self, pools: Mapping[str, Pool]) -> list[IntArray]:
        """Return the rows of provisioned environments, and tell their pools where they stand."""
        rows: list[IntArray] = []
        for name, pool in pools.items():
            if pool.provisioned is not None:
                row = self.pools[self.pool_of[name]]
                row[m.READY_ROW] = len(self.pools) + len(rows)
                ready = np.zeros(POOL_WORDS, np.int64)
                ready[m.IS_SPECIAL], ready[m.REUSE], ready[m.REUSE_SITE] = 1, row[m.REUSE], row[m.REUSE_SITE]
                rows.append(ready)
        return rows

    def _wire_queue(self, name: str, row: IntArray) -> None:
        """Tell a buffer's row where its instructions stand."""
        labels = self.a.labels
        row[m.BATCH_PC], row[m.AFTER_PC] = labels[f"{name}.batch"], labels[f"{name}.after"]
        row[m.DEAD_PC], row[m.AGAIN_PC] = labels[f"{name}.dead"], labels[f"{name}.again"]

    def _answers(self, name: str) -> bool:
        """Tell whether a caller of a node waits for what it does."""
        behaviour = self.behaviours[name]
        return isinstance(behaviour, Pool) or (isinstance(behaviour, Flow) and behaviour.answers)

    def _root(self, entry: str) -> None:
        """Write what each request runs first."""
        a, behaviour = self.a, self.behaviours[entry]
        a.node = entry
        a.label("entry")
        match behaviour:
            case Relay():
                a.emit(k.METER, a.counter("requests"), 1)
                self._delay(f"{entry}.start", self._law(behaviour.overhead, behaviour.overhead_hop))
                a.emit(k.PATIENCE, g=float(behaviour.timeout_s))
                watched = self._calls_s(entry, (entry,)) > behaviour.timeout_s
                self._steps(entry, Ends(leave="entry.answer", failed="entry.answer", watched=watched))
                a.label("entry.answer")
            case Pool():
                a.emit(k.CALL, f"{entry}.run", -1, -1, -1)
            case Flow() if behaviour.answers:
                a.emit(k.CALL, f"{entry}.run", -1, -1, -1)
            case _:
                self._meter_arrival(entry, self._bytes_into(entry))
                self._next_request()
                a.emit(k.JUMP, ALWAYS, 0, self._start(entry))
                return
        a.emit(k.RESPOND)
        self._next_request()
        a.emit(k.END_FLOW, -1)

    def _next_request(self) -> None:
        """Write that a user of a closed loop goes on."""
        if self.think is not None:
            self.a.emit(k.NEXT)

    def _pool(self, name: str, pool: Pool) -> None:
        """Write a pool's run and, where events reach it, their retries."""
        a, code = self.a, self.codes.get(pool.error_name, m.ERROR)
        work, first = self._work(name, pool)
        ends = Ends(
            leave=f"{name}.leave",
            failed=f"{name}.failed",
            watched=self._is_watched(name, pool, 1),
            work=(work, first),
            over=lambda: self._own_work_over(name, pool, f"{name}.leave", f"{name}.leave"),
        )
        a.label(f"{name}.run")
        cuts = self._cuts(name)
        fraction = cuts[0][0] if cuts else 1.0
        self._turn_away(name, pool, f"{name}.return")
        a.emit(k.ENTER, self.pool_of[name], work, ends.leave, first, f"{name}.return", 0, fraction)
        self._steps(name, ends)
        a.label(ends.leave)
        a.emit(k.LEAVE, self.pool_of[name])
        a.label(f"{name}.return")
        a.emit(k.RET)
        a.label(ends.failed)
        a.emit(k.STATUS_, code, 0, ends.leave)
        if pool.pings is not None:
            self._ping(name, pool.pings)
        if self._gets_events(name):
            self._pool_event(name, pool)

    def _turn_away(self, name: str, pool: Pool, returned: str) -> None:
        """Write the chance that the service itself answers an attempt with an error."""
        if pool.service_error_rate > 0:
            a, site = self.a, self.a.chance(f"{name}.service", pool.service_error_rate)
            a.emit(k.CHANCE, 0, site, f"{returned}.service")
            a.emit(k.JUMP, ALWAYS, 0, f"{returned}.asked")
            a.label(f"{returned}.service")
            a.emit(k.METER, a.counter("service_errors", name), 1)
            a.emit(k.STATUS_, m.SERVICE, 0, returned)
            a.label(f"{returned}.asked")

    def _ping(self, name: str, pings: Pings) -> None:
        """Write one ping of a warmer: an invocation of its own, for no request."""
        a, work = self.a, self.a.law(f"{name}.ping", pings.work)
        a.label(f"{name}.ping")
        a.emit(k.METER, a.counter("pings", name), 1)  # counted as it begins, as every invocation is
        a.emit(k.ENTER, self.pool_of[name], work, f"{name}.ping.leave", work, f"{name}.ping.refused", 1, 1.0)
        a.label(f"{name}.ping.leave")
        a.emit(k.LEAVE, self.pool_of[name])
        a.emit(k.FREE)
        a.label(f"{name}.ping.refused")
        a.emit(k.METER, a.counter("pings", name), -1)
        a.emit(k.FREE)

    def _own_work_over(self, name: str, pool: Pool, leave: str, failed: str) -> None:
        """Write the chances that an attempt fails at the end of its own work, and the pieces after it."""
        code = self.codes.get(pool.error_name, m.ERROR)
        if pool.error_rate > 0:
            self.a.emit(k.FAIL, code, self.a.chance(f"{name}.error", pool.error_rate), failed)
        if pool.poison_fraction > 0:
            self.a.emit(k.FAIL, code, self.a.chance(f"{name}.poison", pool.poison_fraction), failed, 1)
        if self.has_effects:
            self.a.emit(k.EFFECT, self.pool_of[name])
        self._pieces(name, pool, leave, failed)

    def _gets_events(self, name: str) -> bool:
        """Tell whether events for this node start a flow of their own."""
        return any(
            v.target == name and (v.kind in ("async", "deliver", "outcome") or (isinstance(v, Task) and self._hands(v)))
            for v in self.links.values()
        )

    def _hands(self, task: Task) -> bool:
        """Tell whether a task hands over: it goes on at once, or when a token comes back."""
        flow = self.behaviours[task.source]
        steps = all_steps(flow.steps) if isinstance(flow, Flow) else []
        return not waits(task) or any(step.link == task.state and step.wait_for == "token" for step in steps)

    def _pool_event(self, name: str, pool: Pool) -> None:
        """Write Lambda's asynchronous rules: errors twice more, throttles until the event is too old [semantics 1]."""
        a, rules = self.a, data.quotas()["lambda"]
        first_s, second_s = rules["async_retry_delays"]["value"]
        a.label(f"{name}.event")
        if most := self._most_turns(name):
            a.emit(k.RECUR, most, 0, f"{name}.event.over")
        if pool.limit == 0:
            a.emit(k.END_FLOW, k.DROPPED)
            return
        errors = NOT_OK & ~TURNED_AWAY
        a.label(f"{name}.event.try")
        a.emit(k.CALL, f"{name}.run", -1, -1, -1)
        self._retry(
            errors, 0, pool.event_retries, first_s, second_s / first_s, second_s, "event", name, pool.event_age_s
        )
        backoff_s, cap_s = rules["async_backoff_first"]["value"], rules["async_backoff_max"]["value"]
        self._retry(TURNED_AWAY, 1, NEVER >> 8, backoff_s, 2.0, cap_s, "event", name, pool.event_age_s)
        self._destinations(name, "OnSuccess")
        a.emit(k.END_FLOW, k.COMPLETED)
        a.label(f"{name}.event.over")
        sinks = self._destinations(name, "OnFailure")
        if sinks:
            a.emit(k.END_FLOW, k.DEAD_LETTERED)
            a.buried(sinks[0])
            return
        a.emit(k.JUMP, TURNED_AWAY, 0, f"{name}.event.expired")
        a.emit(k.END_FLOW, k.DROPPED)
        a.label(f"{name}.event.expired")
        a.emit(k.END_FLOW, k.EXPIRED)

    def _retry(
        self,
        mask: int,
        counter: int,
        most: int,
        interval_s: float,
        rate: float,
        cap_s: float,
        what: str,
        name: str,
        age_s: float,
    ) -> None:
        """Write one retry policy of a node's events."""
        word = mask | (counter << 16) | (most << 24)
        self.a.emit(
            k.RETRY, word, int(age_s) + 1, f"{name}.{what}.try", f"{name}.{what}.over",
            float(interval_s), float(rate), float(cap_s),
        )  # fmt: skip

    def _destinations(self, name: str, condition: str) -> list[str]:
        """Write what goes to a function's destinations; return these."""
        links = [(key, v) for key, v in self._out(name, Destination) if v.condition == condition]
        for key, link in links:
            self._spawn(key, link.target, 0)
        return [link.target for _, link in links]

    def _buffer(self, name: str, buffer: Buffer) -> None:
        """Write a buffer and the batches that its mapping takes."""
        a, found = self.a, self._mapping(name)
        a.label(f"{name}.message")
        if found is None:
            a.emit(k.END_FLOW, k.COMPLETED, 1)
            return
        key, link = found
        if most := self._most_turns(link.target):
            a.emit(k.RECUR, most, 0, f"{name}.recursive")
        if buffer.delay_s > 0:
            a.emit(k.DELAY, 0, a.law(f"{name}.delay", Constant(buffer.delay_s)))
        a.emit(k.DESCEND, self._place(key))
        if self._hop(key) >= 0:
            a.emit(k.DELAY, 0, self._hop(key))
            a.mark(key)
        a.label(f"{name}.enqueue")
        a.emit(k.ENQUEUE, self.queue_of[name])
        a.label(f"{name}.again")
        a.emit(k.AGAIN, self.queue_of[name], 0, f"{name}.enqueue")
        a.label(f"{name}.after")
        a.emit(k.END_FLOW, k.COMPLETED)
        a.label(f"{name}.dead")
        redrive = self._redrive(name)
        if redrive is not None and self._mapping(redrive.target) is not None:
            redrive_key = next(o for o, v in self.links.items() if v is redrive)
            a.emit(k.SPAWN, f"{redrive.target}.message", -1, self._place(redrive_key), OWN, -1)
            a.mark(redrive_key)
        a.emit(k.END_FLOW, k.DEAD_LETTERED)
        a.buried(redrive.target if redrive is not None else name)
        a.label(f"{name}.recursive")
        a.emit(k.JUMP, ALWAYS, 0, f"{name}.dead") if redrive is not None else a.emit(k.END_FLOW, k.DROPPED)
        a.label(f"{name}.tick")
        a.emit(k.TICK, self.queue_of[name])
        a.label(f"{name}.ramp")
        a.emit(k.RAMP, self.queue_of[name])
        self._batch(name, link)

    def _batch(self, queue: str, link: EventSourceMapping) -> None:
        """Write one batch of a queue: the consumer's invocation, unit by unit, and what becomes of the messages."""
        a, name = self.a, link.target
        pool = self.behaviours[name]
        assert isinstance(pool, Pool)
        code, whole = self.codes.get(pool.error_name, m.ERROR), int(not link.report_batch_item_failures)
        work, first = self._work(name, pool)
        leave, settle = f"{queue}.batch.leave", f"{queue}.batch.settle"
        a.node = name
        a.label(f"{queue}.batch")
        cuts = self._cuts(name)
        refused = f"{queue}.batch.refused"
        longest_s = self.a.greatest_s(pool.init) * 2 + pool.timeout_s
        a.emit(k.OVERRUN, self.queue_of[queue], f"{queue}.batch.overrun", g=float(longest_s))
        self._turn_away(name, pool, refused)
        a.emit(k.RESET, 1)  # only the service's own errors are drawn anew for each try
        if cuts or pool.pieces:
            a.emit(k.ENTER, self.pool_of[name], 0, leave, 0, f"{queue}.batch.throttled", 0, 0.0)
            a.label(f"{queue}.batch.unit")
            a.emit(k.UNIT, self.pool_of[name], 0, leave)
            if (fraction := cuts[0][0] if cuts else 1.0) > 0:
                a.emit(k.WORK, first, work, leave, self._speed(name), g=float(fraction))
            watched = self._is_watched(name, pool, link.batch_size)
            ends = Ends(
                leave=leave,
                failed=f"{queue}.batch.failed",
                watched=watched,
                work=(work, first),
                over=lambda: self._own_work_over(name, pool, leave, f"{queue}.batch.spoiled"),
            )
            self._steps(name, ends)
            a.emit(k.JUMP, ALWAYS, 0, f"{queue}.batch.unit")
            a.label(f"{queue}.batch.failed")
            a.emit(k.STATUS_, code, 0, f"{queue}.batch.spoiled")
            a.label(f"{queue}.batch.spoiled")
            a.emit(k.UNIT_FAILED, whole, f"{queue}.batch.unit", leave)
        else:
            error = a.chance(f"{name}.error", pool.error_rate) + 1 | (whole << 32)
            poison = a.chance(f"{name}.poison", pool.poison_fraction)
            a.emit(k.ENTER_BATCH, self.pool_of[name], work, leave, first, f"{queue}.batch.throttled", error, poison)
            a.emit(k.DOOM, code, 0, leave)
        a.label(leave)
        a.emit(k.LEAVE, self.pool_of[name])
        a.label(settle)
        a.emit(k.SETTLE, self.queue_of[queue])
        a.label(f"{queue}.batch.throttled")
        a.emit(k.RESET, 2)
        a.label(refused)
        self._poll_again(queue, link)
        a.label(f"{queue}.batch.overrun")
        a.emit(k.OVERRUN_, self.queue_of[queue])
        a.node = queue

    def _poll_again(self, queue: str, link: EventSourceMapping) -> None:
        """Write that a poller whose batch was turned away tries again while the messages are hidden."""
        rules, buffer = data.quotas()["sqs_mapping"], self.behaviours[queue]
        assert isinstance(buffer, Buffer)
        word = TURNED_AWAY | (1 << 21) | (NEVER >> 8 << 24)
        first_s, most_s = float(rules["throttle_backoff_first"]["value"]), float(rules["throttle_backoff_max"]["value"])
        age = int(self._hidden_s(buffer, link)) + 1
        self.a.emit(k.RETRY, word, age, f"{queue}.batch", f"{queue}.batch.settle", first_s, 2.0, most_s)

    def _fan_out(self, name: str) -> None:
        """Write a topic's or bus's deliveries."""
        a, behaviour = self.a, self.behaviours[name]
        assert isinstance(behaviour, FanOut)
        limiter = self._limiter(f"{behaviour.quota}.invocations") if behaviour.quota else -1
        a.label(f"{name}.in")
        for key, link in self._out(name, Delivery):
            skip = f"{key}.skip"
            is_open = self._filter(key, link, skip)
            a.emit(k.METER, a.counter("deliveries", name), 1)
            self._spawn(key, link.target, 0, way=TOKEN_OF_THIS, limiter=limiter)
            if not is_open:
                a.label(skip)
        a.emit(k.END_FLOW, k.NO_OUTCOME, 1)

    def _tries(self, key: str) -> None:
        """Write a delivery that may fail inside AWS, and its policies, one after the other, until it is accepted."""
        a, link = self.a, self.links[key]
        assert isinstance(link, Delivery)
        a.node = link.source
        a.label(f"{key}.deliver")
        site = a.chance(f"{key}.delivery", link.delivery_error_rate)
        a.emit(k.FAIL, m.SERVICE, site, f"{key}.refused")
        a.emit(k.STAMP)
        a.emit(k.JUMP, ALWAYS, 0, self._start(link.target))
        a.label(f"{key}.refused")
        a.emit(k.METER, a.counter("failed_deliveries", link.source), 1)
        age, waited_s = int(min(link.delivery_age_s, 1e9)) + 1, 0.0
        for i, phase in enumerate(link.phases):
            if phase.max_attempts > MOST_COUNTED:
                # A frame counts no further: a long phase of equal waits ends by the clock, half a wait after its last.
                age = min(age, int(waited_s + (phase.max_attempts + 0.5) * phase.interval_s) + 1)
            for attempt in range(min(phase.max_attempts, MOST_COUNTED)):
                waited_s += min(phase.interval_s * phase.backoff_rate**attempt, phase.max_delay_s)
            a.label(f"{key}.phase{i}")
            word = 1 << m.SERVICE | i << 16 | phase.max_attempts << 24
            over = f"{key}.phase{i + 1}" if i + 1 < len(link.phases) else f"{key}.lost"
            a.emit(
                k.RETRY, word, age, f"{key}.deliver", over,
                float(phase.interval_s), float(phase.backoff_rate), float(min(phase.max_delay_s, 1e9)),
            )  # fmt: skip
        a.label(f"{key}.lost")
        queue = link.dead_letter_queue
        if queue is None:
            a.emit(k.END_FLOW, k.DROPPED)
            return
        self._meter_arrival(queue, self._bytes_of(key))
        if self._mapping(queue) is not None:
            a.emit(k.SPAWN, f"{queue}.message", -1, 0, OWN, -1)
        a.emit(k.END_FLOW, k.DEAD_LETTERED)
        a.buried(queue)


def hop_laws(latency: Mapping[str, Any] | None) -> dict[str, Law]:
    """Return the hop laws of data/latency.json, or those given; an empty mapping switches the hops off."""
    if latency is None:
        found = {name: from_plain(entry["law"]) for name, entry in data.latency()["hops"].items()}
        return found | {"per_mb": Constant(float(data.latency()["per_mb"]["value"]))}
    known = [*data.latency()["hops"], "per_mb"]
    if not isinstance(latency, Mapping) or not set(latency) <= set(known):
        odd = next((name for name in latency if name not in known), None) if isinstance(latency, Mapping) else latency
        raise ConfigError(f"simulate: latency has no hop {odd!r}{nearest(odd, known)}", fix=f"hops: {', '.join(known)}")
    return {name: as_law(law) for name, law in latency.items()}
