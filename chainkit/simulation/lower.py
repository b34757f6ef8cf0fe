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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainkit import data
from chainkit.chain import Chain
from chainkit.distributions import Constant, Law, from_plain
from chainkit.errors import SimulationError, nearest
from chainkit.patterns import passes
from chainkit.records import Buffer, FanOut, Flow, Pool, Relay, Retrier, Step
from chainkit.simulation import kernel as k
from chainkit.simulation import primitives as m
from chainkit.simulation.assembler import Assembler, IntArray, Program
from chainkit.wiring import Caller, Delivery, Destination, EventSourceMapping, Invocation, Link, Redrive, Retry, Task

ALWAYS, NOT_OK = 0xFFFF, 0xFFFE
NEVER = 1 << 40
ITEM = 65_536
"""What the next item of a link adds to its place."""
UNIT_BYTES, EVENT_BYTES, HTTP_BYTES = 65_536, 262_144, 524_288
"""Payload per billed request of messaging; of an asynchronous event's first request; of an HTTP API [data/prices]."""


def lower(
    chain: Chain, at: str | None, latency: Mapping[str, Law], attributes: Mapping[str, Mapping[Any, float]]
) -> Program:
    """Return the program of a chain whose requests enter at `at`.

    Raises
    ------
    SimulationError
        If `at` is missing or ambiguous, or something in the chain cannot be simulated.
    """
    chain.require_valid()
    return _Lowering(chain, latency, attributes).program(_entry(chain, at))


def _entry(chain: Chain, at: str | None) -> str:
    """Return the service at which requests enter."""
    if at is not None:
        return chain.service(at).name
    entries = chain.entries()
    if len(entries) != 1:
        names = ", ".join(entries or chain.services)
        raise SimulationError(
            f"chain {chain.name!r}: {len(entries) or 'no'} services are entered by nothing, so where requests enter is open",
            fix=f"say where with at=: one of {names}",
        )
    return entries[0]


class _Lowering:
    """One chain on its way to a program."""

    def __init__(self, chain: Chain, latency: Mapping[str, Law], attributes: Mapping[str, Mapping[Any, float]]) -> None:
        self.a = Assembler()
        self.chain = chain
        self.latency = latency
        self.attributes = attributes
        self.behaviours = {name: service.behaviour() for name, service in chain.services.items()}
        self.links = dict(chain.links)
        self.pools: list[IntArray] = []
        self.queues: list[IntArray] = []
        self.pool_of: dict[str, int] = {}
        self.queue_of: dict[str, int] = {}
        self.stubs: list[tuple[str, str, Invocation]] = []
        self.codes = self._error_codes()
        self.watched: dict[str, bool] = {}
        self._place_all()

    def program(self, entry: str) -> Program:
        """Return the finished program."""
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
                self._stub(*self.stubs.pop())
        a.node = ""
        a.label("watch")
        a.emit(k.WATCH)
        for name, q in self.queue_of.items():
            self._wire_queue(name, self.queues[q])
        reserved = sum(b.limit or 0 for b in self.behaviours.values() if isinstance(b, Pool))
        return a.program(
            self.pools,
            self.queues,
            pool_nodes=tuple(self.pool_of),
            queue_nodes=tuple(self.queue_of),
            account_limit=int(data.quotas()["lambda"]["account_concurrency"]["value"]) - reserved,
            nobody_waits=not isinstance(self.behaviours[entry], Pool | Relay) and not self._answers(entry),
        )

    # --- preparation ---

    def _place_all(self) -> None:
        """Give each pool and each polled buffer its row."""
        quotas = data.quotas()
        for name, behaviour in self.behaviours.items():
            if isinstance(behaviour, Pool):
                row = np.zeros(32, np.int64)
                row[m.LIMIT] = NEVER if behaviour.limit is None else behaviour.limit
                row[m.IN_ACCOUNT] = int(behaviour.limit is None)
                row[m.INIT_SITE] = self.a.law(f"{name}.init", behaviour.init)
                row[m.OVERHEAD_SITE] = self.a.law(f"{name}.overhead", behaviour.overhead)
                burst = float(quotas["lambda"]["scaling_environments"]["value"])
                floats = row.view(np.float64)
                floats[m.KEEP_F], floats[m.TIMEOUT_F] = behaviour.keep_alive_s, behaviour.timeout_s
                floats[m.TOKENS_F] = floats[m.BURST_F] = burst
                floats[m.REFILL_F] = burst / quotas["lambda"]["scaling_period"]["value"]
                self.pool_of[name] = len(self.pools)
                self.pools.append(row)
            elif isinstance(behaviour, Buffer) and self._mapping(name) is not None:
                self.queue_of[name] = len(self.queues)
                self.queues.append(self._queue_row(name, behaviour))

    def _queue_row(self, name: str, behaviour: Buffer) -> IntArray:
        """Return the row of a polled buffer."""
        found = self._mapping(name)
        assert found is not None
        link, rules = found[1], data.quotas()["sqs_mapping"]
        redrive = self._redrive(name)
        row = np.zeros(32, np.int64)
        row[m.SIZE], row[m.MESSAGE_BYTES] = link.batch_size, self._bytes_into(name)
        row[m.MAX_RECEIVES] = redrive.max_receive_count if redrive is not None else NEVER
        start = link.maximum_concurrency or int(rules["concurrency_start"]["value"])
        row[m.MOST] = row[m.START_MOST] = start
        row[m.CAP] = link.maximum_concurrency or int(rules["concurrency_max"]["value"])
        floats = row.view(np.float64)
        floats[m.WINDOW_F], floats[m.VISIBILITY_F] = link.maximum_batching_window_s, behaviour.visibility_timeout_s
        floats[m.RAMP_F] = 60.0 / rules["concurrency_per_minute"]["value"]
        return row

    def _wire_queue(self, name: str, row: IntArray) -> None:
        """Tell a buffer's row where its instructions stand."""
        labels = self.a.labels
        row[m.BATCH_PC], row[m.AFTER_PC] = labels[f"{name}.batch"], labels[f"{name}.after"]
        row[m.DEAD_PC], row[m.AGAIN_PC] = labels[f"{name}.dead"], labels[f"{name}.again"]

    def _error_codes(self) -> dict[str, int]:
        """Return a status for each error name that some Retry or Catch tells apart."""
        told = {name for b in self.behaviours.values() if isinstance(b, Flow) for name in _error_names(b.steps)}
        raised = {b.error_name for b in self.behaviours.values() if isinstance(b, Pool)}
        raised |= {
            s.error for b in self.behaviours.values() if isinstance(b, Flow) for s in _all_steps(b.steps) if s.error
        }
        names = sorted(told & raised)
        if len(names) > 12:
            raise SimulationError(
                f"chain {self.chain.name!r}: {len(names)} error names are told apart by Retry and Catch; at most 12 can be",
                fix="catch some of them together",
            )
        return {name: 4 + k for k, name in enumerate(names)}

    def _mapping(self, queue: str) -> tuple[str, EventSourceMapping] | None:
        """Return (link id, mapping) of a polled queue."""
        return next(
            ((key, v) for key, v in self.links.items() if isinstance(v, EventSourceMapping) and v.source == queue), None
        )

    def _redrive(self, queue: str) -> Redrive | None:
        """Return a queue's redrive link."""
        return next((v for v in self.links.values() if isinstance(v, Redrive) and v.source == queue), None)

    def _out(self, name: str, kind: type[Link]) -> list[tuple[str, Any]]:
        """Return (id, link) of a node's outgoing links of one class."""
        return [(key, v) for key, v in self.links.items() if v.source == name and isinstance(v, kind)]

    def _place(self, key: str) -> int:
        """Return a link's place among the links into its target."""
        target = self.links[key].target
        return [other for other, v in self.links.items() if v.target == target].index(key)

    def _bytes_into(self, name: str, seen: tuple[str, ...] = ()) -> int:
        """Return the size of the largest message that reaches a node."""
        sizes = [1024]
        for link in self.links.values():
            if link.target == name and link.source not in seen:
                size = getattr(link, "message_bytes", None)
                sizes.append(size if size is not None else self._bytes_into(link.source, (*seen, name)))
        return max(sizes)

    def _hop(self, key: str) -> int:
        """Return the site of a link's latency, or -1 for none."""
        link = self.links[key]
        name = link.hop(self.chain.service(link.target))
        law = self.latency.get(name) if name else None
        return -1 if law is None or law == Constant(0.0) else self.a.law(f"{key}.hop", law)

    def _law(self, own: Law | None, hop: str) -> Law | None:
        """Return a service's own law, or the hop's; None for no time at all."""
        law = own if own is not None else self.latency.get(hop)
        return None if law == Constant(0.0) else law

    def _delay(self, site: str, law: Law | None) -> None:
        """Write a delay, if there is one."""
        if law is not None:
            self.a.emit(k.DELAY, 0, self.a.law(site, law))

    def _answers(self, name: str) -> bool:
        """Tell whether a caller of a node waits for what it does."""
        behaviour = self.behaviours[name]
        return isinstance(behaviour, Pool) or (isinstance(behaviour, Flow) and behaviour.answers)

    # --- where requests enter ---

    def _root(self, entry: str) -> None:
        """Write what each request runs first."""
        a, behaviour = self.a, self.behaviours[entry]
        a.node = entry
        a.label("entry")
        match behaviour:
            case Relay():
                a.emit(k.METER, a.counter("requests"), -(-max(1, self._bytes_into(entry)) // HTTP_BYTES))
                self._delay(f"{entry}.start", self._law(behaviour.overhead, behaviour.overhead_hop))
                a.emit(k.PATIENCE, g=float(behaviour.timeout_s))
                watched = self._calls_s(entry, (entry,)) > behaviour.timeout_s
                self._steps(entry, _Ends(leave="entry.answer", failed="entry.answer", watched=watched))
                a.label("entry.answer")
            case Pool():
                a.emit(k.CALL, f"{entry}.run", -1, -1, -1)
            case Flow() if behaviour.answers:
                a.emit(k.CALL, f"{entry}.run", -1, -1, -1)
            case _:
                self._meter_arrival(entry)
                a.emit(k.JUMP, ALWAYS, 0, self._start(entry))
                return
        a.emit(k.RESPOND)
        a.emit(k.END_FLOW, -1)

    def _start(self, name: str) -> str:
        """Return the label at which a message or event for a node starts."""
        match self.behaviours[name]:
            case Pool() | Flow():
                return f"{name}.event"
            case Buffer():
                return f"{name}.message"
        return f"{name}.in"

    def _meter_arrival(self, name: str, size: int | None = None) -> None:
        """Count what handing one message to a node costs there."""
        size = self._bytes_into(name) if size is None else size
        chunks = max(1, -(-size // UNIT_BYTES))
        match self.behaviours[name]:
            case Buffer():
                self.a.emit(k.METER, self.a.counter("sends", name), chunks)
            case FanOut():
                self.a.emit(k.METER, self.a.counter("messages", name), chunks)
            case Pool() if size > EVENT_BYTES:
                self.a.emit(k.METER, self.a.counter("extra_requests", name), -(-(size - EVENT_BYTES) // UNIT_BYTES))

    # --- pools ---

    def _pool(self, name: str, pool: Pool) -> None:
        """Write a pool's run and, where events reach it, their retries."""
        a, code = self.a, self.codes.get(pool.error_name, m.ERROR)
        work, first = self._work(name, pool)
        ends = _Ends(
            leave=f"{name}.leave",
            failed=f"{name}.failed",
            watched=self._is_watched(name, pool, 1),
            work=(work, first),
            over=lambda: self._fail(name, pool, code, f"{name}.leave"),
        )
        a.label(f"{name}.run")
        cuts = self._cuts(name)
        fraction = cuts[0][0] if cuts else 1.0
        a.emit(k.ENTER, self.pool_of[name], work, ends.leave, first, f"{name}.return", 0, fraction)
        self._steps(name, ends)
        a.label(ends.leave)
        a.emit(k.LEAVE, self.pool_of[name])
        a.label(f"{name}.return")
        a.emit(k.RET)
        a.label(ends.failed)
        a.emit(k.STATUS_, code, 0, ends.leave)
        if self._gets_events(name):
            self._pool_event(name, pool)

    def _work(self, name: str, pool: Pool) -> tuple[int, int]:
        """Return the sites of a pool's work: usual, and first after an init."""
        work = self.a.law(f"{name}.duration", pool.work)
        return work, work if pool.first_work is None else self.a.law(f"{name}.first", pool.first_work)

    def _fail(self, name: str, pool: Pool, code: int, target: str) -> None:
        """Write the chances that an attempt fails at the end of its own work."""
        if pool.error_rate > 0:
            self.a.emit(k.FAIL, code, self.a.chance(f"{name}.error", pool.error_rate), target)
        if pool.poison_fraction > 0:
            self.a.emit(k.FAIL, code, self.a.chance(f"{name}.poison", pool.poison_fraction), target, 1)

    def _gets_events(self, name: str) -> bool:
        """Tell whether events for this node start a flow of their own."""
        return any(
            v.target == name and (v.kind in ("async", "deliver", "outcome") or (isinstance(v, Task) and not _waits(v)))
            for v in self.links.values()
        )

    def _pool_event(self, name: str, pool: Pool) -> None:
        """Write Lambda's asynchronous rules: errors twice more, throttles until the event is too old [semantics 1]."""
        a, rules = self.a, data.quotas()["lambda"]
        first_s, second_s = rules["async_retry_delays"]["value"]
        a.label(f"{name}.event")
        if pool.limit == 0:
            a.emit(k.END_FLOW, k.DROPPED)
            return
        errors = NOT_OK & ~(1 << m.THROTTLED)
        a.label(f"{name}.event.try")
        a.emit(k.CALL, f"{name}.run", -1, -1, -1)
        self._retry(
            errors, 0, pool.event_retries, first_s, second_s / first_s, second_s, "event", name, pool.event_age_s
        )
        backoff_s, cap_s = rules["async_backoff_first"]["value"], rules["async_backoff_max"]["value"]
        self._retry(1 << m.THROTTLED, 1, NEVER >> 8, backoff_s, 2.0, cap_s, "event", name, pool.event_age_s)
        self._destinations(name, "OnSuccess")
        a.emit(k.END_FLOW, k.COMPLETED)
        a.label(f"{name}.event.over")
        sinks = self._destinations(name, "OnFailure")
        if sinks:
            a.emit(k.END_FLOW, k.DEAD_LETTERED)
            return
        a.emit(k.JUMP, 1 << m.THROTTLED, 0, f"{name}.event.expired")
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

    def _destinations(self, name: str, condition: str) -> int:
        """Write what goes to a function's destinations; return how many there are."""
        links = [(key, v) for key, v in self._out(name, Destination) if v.condition == condition]
        for key, link in links:
            self._spawn(key, link.target, 0)
        return len(links)

    # --- calls ---

    def _cuts(self, name: str) -> list[tuple[float, list[tuple[str, Caller]]]]:
        """Return the steps of a node's code: (share of the own work after which it begins, its links)."""
        steps: dict[int, list[tuple[str, Caller]]] = {}
        for key, link in self._out(name, Caller):
            steps.setdefault(link.step, []).append((key, link))
        cuts = []
        for i, step in enumerate(sorted(steps), start=1):
            stated = [v.after_fraction for _, v in steps[step] if v.after_fraction is not None]
            cuts.append((stated[0] if stated else i / (len(steps) + 1), steps[step]))
        return sorted(cuts, key=lambda cut: cut[0])

    def _steps(self, name: str, ends: "_Ends") -> None:
        """Write a node's calls, and the own work between and after them."""
        cuts = self._cuts(name)
        is_over = False
        for i, (fraction, links) in enumerate(cuts):
            if fraction >= 1 and not is_over:
                ends.over()
                is_over = True
            self._step(name, links, ends)
            rest = (cuts[i + 1][0] if i + 1 < len(cuts) else 1.0) - fraction
            if ends.work is not None and rest > 0:
                work, first = ends.work
                self.a.emit(k.WORK, first, work, ends.leave, g=float(rest))
        if not is_over:
            ends.over()

    def _step(self, name: str, links: Sequence[tuple[str, Caller]], ends: "_Ends") -> None:
        """Write one step: hand over what is handed over, then call and wait."""
        a = self.a
        waits = [(key, v) for key, v in links if v.kind == "sync"]
        for key, link in links:
            if link.kind != "sync":
                with_end = self._only_if(name, key, link, f"{ends.leave}.{key}")
                for item in range(link.count):
                    self._spawn(key, link.target, item, link.message_bytes)
                self._after(with_end)
        exclusive = all(self._is_exclusive(name, v) for _, v in waits)
        if len(waits) == 1 or exclusive:
            for key, link in waits:
                with_end = self._only_if(name, key, link, f"{ends.leave}.{key}")
                self._call(key, link, ends)
                self._after(with_end)
            return
        for n, (key, link) in enumerate(waits):
            assert isinstance(link, Invocation)
            self._queue_stub(f"{ends.leave}.{key}.branch", key, link)
            a.emit(k.SPAWN, f"{ends.leave}.{key}.branch", -1, -1, 2 if n == 0 else 1)
            a.mark(key)
        a.emit(k.WAIT, ends.leave if ends.watched else -1)
        a.emit(k.JOIN, 0, 0, ends.failed)

    def _is_exclusive(self, name: str, link: Caller) -> bool:
        """Tell whether a link excludes its siblings: a route of an API, or a case."""
        return isinstance(self.behaviours[name], Relay) or link.case is not None

    def _only_if(self, name: str, key: str, link: Caller, label: str) -> str | None:
        """Write the test whether a request takes a link; return the label to put after it."""
        is_filtered = not self._filter(key, link, f"{label}.skip")
        skip = self._by_chance(name, key, link, label)
        return f"{label}.skip" if is_filtered else skip

    def _by_chance(self, name: str, key: str, link: Caller, label: str) -> str | None:
        """Write the part of that test which is drawn."""
        a = self.a
        if self._is_exclusive(name, link):
            group = [
                (other, v) for other, v in self._out(name, Caller)
                if (v.case == link.case) or isinstance(self.behaviours[name], Relay)
            ]  # fmt: skip
            before = sum(v.probability for other, v in group[: [o for o, _ in group].index(key)])
            site = f"{name}.{link.case or 'routes'}.case"
            if before == 0 and link.probability >= 1:
                return None
            if before > 0:
                a.emit(k.CHANCE, 0, a.chance(site, before), f"{label}.skip")
            a.emit(k.CHANCE, 0, a.chance(site, min(1.0, before + link.probability)), f"{label}.do")
        elif link.probability >= 1:
            return None
        else:
            a.emit(k.CHANCE, 0, a.chance(f"{key}.chance", link.probability), f"{label}.do")
        a.emit(k.JUMP, ALWAYS, 0, f"{label}.skip")
        a.label(f"{label}.do")
        return f"{label}.skip"

    def _after(self, label: str | None) -> None:
        """Put the label that skips a link."""
        if label is not None:
            self.a.label(label)

    def _spawn(self, key: str, target: str, item: int, size: int | None = None) -> None:
        """Write that one message leaves by a link."""
        self._meter_arrival(target, size)
        self.a.emit(k.SPAWN, self._start(target), self._hop(key), self._place(key) + ITEM * item, 0)
        self.a.mark(key)

    def _call(self, key: str, link: Caller, ends: "_Ends") -> None:
        """Write one synchronous call and what its failure does."""
        assert isinstance(link, Invocation)
        a, watch = self.a, ends.leave if ends.watched else -1
        if link.retry is None and link.client_timeout_s is None:
            a.emit(k.CALL, f"{link.target}.run", self._hop(key), self._place(key), watch)
        else:
            self._queue_stub(f"{ends.leave}.{key}.stub", key, link)
            a.emit(k.CALL, f"{ends.leave}.{key}.stub", -1, -1, watch)
        a.mark(key)
        if link.on_error == "continue":
            a.emit(k.STATUS_, m.OK, 0, f"{ends.leave}.{key}.answered")
            a.label(f"{ends.leave}.{key}.answered")
        else:
            a.emit(k.JUMP, NOT_OK, 0, ends.failed)

    def _queue_stub(self, label: str, key: str, link: Invocation) -> None:
        """Remember a stub to write after this node."""
        self.stubs.append((label, key, link))

    def _stub(self, label: str, key: str, link: Invocation) -> None:
        """Write the frame between a caller and its callee that tries again, gives up waiting, or is one of several."""
        a = self.a
        a.label(label)
        over = f"{label}.over"
        with_end = None
        if label.endswith(".branch"):
            with_end = self._only_if(link.source, key, link, label)
        a.label(f"{label}.try")
        if link.client_timeout_s is None:
            a.emit(k.CALL, f"{link.target}.run", self._hop(key), self._place(key), -1)
        else:
            a.emit(k.CALL, f"{label}.patience", -1, -1, -1)
        a.mark(key)
        if link.retry is not None:
            self._caller_retry(link.retry, key, f"{label}.try", over)
        self._after(with_end)
        a.label(over)
        if link.on_error == "continue":
            a.emit(k.STATUS_, m.OK, 0, f"{label}.out")
            a.label(f"{label}.out")
        a.emit(k.RET)
        if link.client_timeout_s is not None:
            a.label(f"{label}.patience")
            a.emit(k.PATIENCE, g=float(link.client_timeout_s))
            a.emit(k.CALL, f"{link.target}.run", self._hop(key), self._place(key), f"{label}.gone")
            a.mark(key)
            a.label(f"{label}.gone")
            a.emit(k.RET)

    def _caller_retry(self, retry: Retry, key: str, back: str, over: str) -> None:
        """Write a caller's own retry policy: every failure but an answer."""
        jitter = self.a.chance(f"{key}.jitter", 0.5) + 1 if retry.has_full_jitter else 0
        word = NOT_OK | (int(retry.has_full_jitter) << 19) | ((retry.max_attempts - 1) << 24)
        self.a.emit(
            k.RETRY, word, jitter << 32, back, over,
            float(retry.interval_s), float(retry.backoff_rate), float(retry.max_delay_s),
        )  # fmt: skip

    # --- how long a caller can wait: where it cannot reach its timeout, no timer is set ---

    def _is_watched(self, name: str, pool: Pool, units: int) -> bool:
        """Tell whether a pool's invocation could reach its timeout while it waits for a callee."""
        if not any(v.kind == "sync" for _, v in self._out(name, Caller)):
            return False
        return self._tight_s(name, pool, units, ()) > pool.timeout_s

    def _tight_s(self, name: str, pool: Pool, units: int, above: tuple[str, ...]) -> float:
        """Return the longest an invocation can take, were there no timeout."""
        own = max(self.a.greatest_s(pool.work), self.a.greatest_s(pool.first_work))
        return self.a.greatest_s(pool.overhead) + units * (own + self._calls_s(name, (*above, name)))

    def _calls_s(self, name: str, above: tuple[str, ...]) -> float:
        """Return the longest that a node can wait for its calls."""
        calls = [v for _, v in self._out(name, Invocation) if v.kind == "sync"]
        return sum(self._call_s(v, above) for v in calls)

    def _call_s(self, link: Invocation, above: tuple[str, ...]) -> float:
        """Return the longest a synchronous call can take."""
        target = self.behaviours[link.target]
        if link.target in above or not isinstance(target, Pool) or link.retry is not None:
            return float("inf")
        hop = link.hop(self.chain.service(link.target))
        tight = self._tight_s(link.target, target, 1, above)
        return self.a.greatest_s(self.latency.get(hop)) + self.a.greatest_s(target.init) + min(tight, target.timeout_s)

    # --- buffers ---

    def _buffer(self, name: str, buffer: Buffer) -> None:
        """Write a buffer and the batches that its mapping takes."""
        a, found = self.a, self._mapping(name)
        a.label(f"{name}.message")
        if found is None:
            a.emit(k.END_FLOW, k.COMPLETED)
            return
        key, link = found
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
            a.emit(k.SPAWN, f"{redrive.target}.message", -1, self._place(redrive_key), 0)
            a.mark(redrive_key)
        a.emit(k.END_FLOW, k.DEAD_LETTERED)
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
        if cuts:
            a.emit(k.ENTER, self.pool_of[name], 0, leave, 0, settle, 0, 0.0)
            a.label(f"{queue}.batch.unit")
            a.emit(k.UNIT, 0, 0, leave)
            if cuts[0][0] > 0:
                a.emit(k.WORK, first, work, leave, g=float(cuts[0][0]))
            watched = self._is_watched(name, pool, link.batch_size)
            ends = _Ends(
                leave=leave,
                failed=f"{queue}.batch.failed",
                watched=watched,
                work=(work, first),
                over=lambda: self._fail(name, pool, code, f"{queue}.batch.spoiled"),
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
            a.emit(k.ENTER_BATCH, self.pool_of[name], work, leave, first, settle, error, poison)
            a.emit(k.DOOM, code, 0, leave)
        a.label(leave)
        a.emit(k.LEAVE, self.pool_of[name])
        a.label(settle)
        a.emit(k.SETTLE, self.queue_of[queue])
        a.node = queue

    # --- fan-outs ---

    def _fan_out(self, name: str) -> None:
        """Write a topic's or bus's deliveries."""
        a = self.a
        a.label(f"{name}.in")
        for key, link in self._out(name, Delivery):
            skip = f"{key}.skip"
            is_open = self._filter(key, link, skip)
            a.emit(k.METER, a.counter("deliveries", name), 1)
            self._spawn(key, link.target, 0)
            if not is_open:
                a.label(skip)
        a.emit(k.END_FLOW, k.NO_OUTCOME)

    def _filter(self, key: str, link: Any, skip: str) -> bool:
        """Write a filter on the request's attributes; return whether there is none."""
        a, policy = self.a, link.filter_policy
        known = {field: rules for field, rules in (policy or {}).items() if field in self.attributes}
        fraction = getattr(link, "match_fraction", None)
        if fraction is not None and (not policy or len(known) < len(policy)):
            if fraction >= 1:
                return True
            a.emit(k.CHANCE, 0, a.chance(f"{key}.chance", fraction), f"{key}.do")
            a.emit(k.JUMP, ALWAYS, 0, skip)
            a.label(f"{key}.do")
            return False
        if not policy:
            return True
        for field in policy:
            if field not in known:
                raise SimulationError(
                    f"link {key!r}: its filter looks at {field!r}, which the traffic does not state"
                    f"{nearest(field, self.attributes)}",
                    fix=f"give the load attributes={{{field!r}: {{value: share}}}}, or the link a match_fraction",
                )
        for field, rules in known.items():
            shares = {value: p for value, p in self.attributes[field].items() if p > 0}
            bits = sum(1 << i for i, value in enumerate(shares) if passes(rules, value))
            cumulative = np.cumsum(list(shares.values()))
            sites = [a.chance(f"attribute:{field}", float(min(p, 1.0))) for p in cumulative]
            a.emit(k.MATCH, bits, sites[0], skip, sites[0], len(sites))  # they stand in one row: made together
        return False

    # --- flows ---

    def _flow(self, name: str, flow: Flow) -> None:
        """Write a state machine: its run, and the flow that an asynchronous start makes."""
        a = self.a
        a.label(f"{name}.event")
        a.emit(k.CALL, f"{name}.run", -1, -1, -1)
        a.emit(k.JUMP, NOT_OK, 0, f"{name}.lost")
        a.emit(k.END_FLOW, k.COMPLETED)
        a.label(f"{name}.lost")
        a.emit(k.END_FLOW, k.DEAD_LETTERED if self._buries(name, flow) else k.DROPPED)
        a.label(f"{name}.run")
        a.emit(k.STAMP)
        a.emit(k.METER, a.counter("executions"), 1)
        self._delay(f"{name}.start", self._law(flow.start, flow.start_hop))
        overhead = self._law(flow.task_overhead, flow.task_hop)
        self._states(name, flow.steps, f"{name}.end", overhead, is_branch=False)
        a.label(f"{name}.end")
        a.emit(k.ELAPSED, a.counter("express_100ms"), g=10.0)
        a.label(f"{name}.return")
        a.emit(k.RET)

    def _buries(self, name: str, flow: Flow) -> bool:
        """Tell whether a flow's failures are kept: a catcher leads to a task that sends to a queue nobody polls."""
        kept = {
            link.state
            for _, link in self._out(name, Task)
            if isinstance(self.behaviours[link.target], Buffer) and self._mapping(link.target) is None
        }
        return any(catcher.goto in kept for step in _all_steps(flow.steps) for catcher in step.catchers)

    def _states(self, name: str, steps: Sequence[Step], end: str, overhead: Law | None, *, is_branch: bool) -> None:
        """Write the states of a machine, or of one branch."""
        a = self.a
        order = {step.name: i for i, step in enumerate(steps)}
        for step in steps:
            at = f"{name}:{step.name}"
            a.label(at)
            if is_branch:
                a.emit(k.ALIVE, f"{name}.return")
            a.label(f"{at}.try")
            a.emit(k.METER, a.counter("transitions"), 1)
            self._state(name, step, order, end, overhead)

    def _state(self, name: str, step: Step, order: Mapping[str, int], end: str, overhead: Law | None) -> None:
        """Write one state after its transition is counted."""
        a, at = self.a, f"{name}:{step.name}"
        match step.kind:
            case "task":
                self._delay(f"{name}.{step.name}.overhead", overhead)
                self._task(name, step)
            case "parallel":
                self._parallel(name, step, overhead)
            case "choice":
                total = 0.0
                for target, p in step.ways:
                    total += p
                    a.emit(k.CHANCE, 0, a.chance(f"{name}.{step.name}.choice", min(1.0, total)), f"{at}>{target}")
                a.emit(k.JUMP, ALWAYS, 0, f"{at}>{step.ways[-1][0]}")
                for target in dict.fromkeys(target for target, _ in step.ways):
                    a.label(f"{at}>{target}")
                    self._goto(name, step, target, order, end)
                return
            case "wait":
                a.emit(k.DELAY, 0, a.law(f"{name}.{step.name}.wait", Constant(step.wait_s)))
            case "fail":
                a.emit(k.STATUS_, self.codes.get(step.error, m.ERROR), 0, end)
                return
        if step.kind in ("task", "parallel"):
            self._handlers(name, step, order, end)
        self._goto(name, step, step.goto, order, end)

    def _goto(self, name: str, step: Step, target: str | None, order: Mapping[str, int], end: str) -> None:
        """Write the way to the next state; a way back is a new turn."""
        if target is None:
            self.a.emit(k.JUMP, ALWAYS, 0, end)
            return
        if order[target] <= order[step.name]:
            self.a.emit(k.DESCEND, ITEM)
        self.a.emit(k.JUMP, ALWAYS, 0, f"{name}:{target}")

    def _task(self, name: str, step: Step) -> None:
        """Write what a task does: call and wait, or hand over."""
        a = self.a
        key, link = next((key, v) for key, v in self._out(name, Task) if v.state == step.name)
        if isinstance(self.behaviours[link.target], Pool | Flow) and _waits(link):
            a.emit(k.CALL, f"{link.target}.run", -1, self._place(key), -1)
            a.mark(key)
        else:
            self._spawn(key, link.target, 0, link.message_bytes)

    def _parallel(self, name: str, step: Step, overhead: Law | None) -> None:
        """Write the branches of a parallel state, and the wait for all of them."""
        a, at = self.a, f"{name}:{step.name}"
        for i, branch in enumerate(step.branches):
            a.emit(k.SPAWN, f"{name}:{branch[0].name}", -1, -1, 2 if i == 0 else 1)
        a.emit(k.WAIT, -1)
        a.emit(k.JOIN, 0, 0, f"{at}.joined")
        a.emit(k.JUMP, ALWAYS, 0, f"{at}.joined")
        for branch in step.branches:
            self._states(name, branch, f"{name}.return", overhead, is_branch=True)
        a.label(f"{at}.joined")

    def _handlers(self, name: str, step: Step, order: Mapping[str, int], end: str) -> None:
        """Write a state's Retry and Catch, and that leaving it forgets its attempts."""
        a, at = self.a, f"{name}:{step.name}"
        for i, retrier in enumerate(step.retriers):
            self._retrier(name, step, retrier, i)
        a.label(f"{at}.caught")
        if step.retriers:
            a.emit(k.RESET)
        for i, catcher in enumerate(step.catchers):
            a.emit(k.JUMP, self._mask(catcher.errors), 0, f"{at}.catch{i}")
        a.emit(k.JUMP, NOT_OK, 0, end)
        a.emit(k.JUMP, ALWAYS, 0, f"{at}.left")
        for i, catcher in enumerate(step.catchers):
            a.label(f"{at}.catch{i}")
            a.emit(k.STATUS_, m.OK, 0, f"{at}.catch{i}.go")
            a.label(f"{at}.catch{i}.go")
            self._goto(name, step, catcher.goto, order, end)
        a.label(f"{at}.left")

    def _retrier(self, name: str, step: Step, retrier: Retrier, i: int) -> None:
        """Write one entry of a Retry."""
        if i > 7:
            raise SimulationError(f"{name!r}: state {step.name!r} has more than 8 retriers", fix="merge some of them")
        a, at = self.a, f"{name}:{step.name}"
        jitter = a.chance(f"{name}.{step.name}.jitter", 0.5) + 1 if retrier.has_full_jitter else 0
        most = min(retrier.max_attempts, 255)
        word = self._mask(retrier.errors) | (i << 16) | (int(retrier.has_full_jitter) << 19) | (most << 24)
        cap_s = min(float(retrier.max_delay_s), 1e9)
        a.emit(
            k.RETRY, word, jitter << 32, f"{at}.try", f"{at}.caught",
            float(retrier.interval_s), float(retrier.backoff_rate), cap_s,
        )  # fmt: skip

    def _mask(self, errors: Sequence[str]) -> int:
        """Return the statuses that a list of error names matches [semantics 5]."""
        mask = 0
        for name in errors:
            if name in ("States.ALL", "States.TaskFailed"):
                mask |= NOT_OK
            elif name == "Lambda.TooManyRequestsException":
                mask |= 1 << m.THROTTLED
            elif name == "Sandbox.Timedout":
                mask |= 1 << m.TIMEOUT
            elif name in self.codes:
                mask |= 1 << self.codes[name]
        return mask


@dataclass(frozen=True, kw_only=True)
class _Ends:
    """Where a node's code goes when it is over, and what its own work is."""

    leave: str
    """Where it goes at the end, and when its deadline cuts it."""
    failed: str
    """Where it goes when a call has failed it."""
    watched: bool
    """Whether its deadline can cut a wait."""
    work: tuple[int, int] | None = None
    """Sites of its own work: usual, and first after an init."""
    over: Callable[[], None] = lambda: None
    """Writes what happens at the end of the own work, before the steps that begin after all of it."""


def _waits(task: Task) -> bool:
    """Tell whether a task waits for what it calls."""
    return task.invocation_type == "RequestResponse"


def _all_steps(steps: Sequence[Step]) -> list[Step]:
    """Return the steps of a flow and of its branches."""
    return [s for step in steps for s in (step, *(t for branch in step.branches for t in _all_steps(branch)))]


def _error_names(steps: Sequence[Step]) -> set[str]:
    """Return the error names that a flow's retriers and catchers tell apart."""
    lists = [rule.errors for step in _all_steps(steps) for rule in (*step.retriers, *step.catchers)]
    return {name for errors in lists for name in errors if not name.startswith("States.")}


def hop_laws(latency: Mapping[str, Any] | None) -> dict[str, Law]:
    """Return the hop laws of data/latency.json, or those given; an empty mapping switches the hops off."""
    if latency is None:
        return {name: from_plain(entry["law"]) for name, entry in data.latency()["hops"].items()}
    return {name: law if isinstance(law, Law) else from_plain(law) for name, law in latency.items()}
