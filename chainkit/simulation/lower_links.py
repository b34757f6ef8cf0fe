"""Lowering, first part: what every node needs: rows, places, hops, quotas, and the longest that things can take."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainkit import data
from chainkit.asl import reached
from chainkit.chain import Chain
from chainkit.distributions import Constant
from chainkit.errors import SimulationError
from chainkit.law import Law
from chainkit.records import Buffer, FanOut, Flow, Pool, Relay, Step
from chainkit.simulation import kernel as k
from chainkit.simulation import primitives as m
from chainkit.simulation.assembler import POOL_WORDS, Assembler, IntArray
from chainkit.wiring import Caller, EventSourceMapping, Invocation, Link, Redrive, Task

ALWAYS, NOT_OK = 0xFFFF, 0xFFFE
CAUGHT = NOT_OK & ~(1 << m.FATAL)
"""Statuses that States.ALL catches."""
ERRORS = 1 << m.ERROR | sum(1 << code for code in range(m.FIRST_NAME, m.LAST_NAME + 1))
FAILURE_MASKS = {
    "error": ERRORS,
    "throttled": 1 << m.THROTTLED,
    "timeout": 1 << m.TIMEOUT | 1 << m.IMPATIENT,
    "service": 1 << m.SERVICE,
}
TURNED_AWAY = 1 << m.THROTTLED | 1 << m.SERVICE
"""Statuses of an invocation that did not run."""
OWN, TOKEN, TOKEN_OF_THIS = 0, 3, 4
"""What becomes of what is spawned: a flow of its own, one whose end gives a token back, one that hands it on."""
NEVER = 1 << 40
ITEM = 65_536
"""What the next item of a link adds to its place."""
UNIT_BYTES, EVENT_BYTES, HTTP_BYTES = 65_536, 262_144, 524_288
MB_BYTES = 1_048_576
"""Payload per billed request of messaging; of an asynchronous event's first request; of an HTTP API [data/prices]."""


class Links:
    """One chain on its way to a program: what every kind of node needs."""

    def __init__(
        self,
        chain: Chain,
        latency: Mapping[str, Law],
        attributes: Mapping[str, Mapping[Any, float]],
        entry: str,
        account_concurrency: int | None = None,
        *,
        has_effects: bool = False,
    ) -> None:
        self.a = Assembler()
        self.chain = chain
        self.latency = latency
        self.per_mb_s = latency["per_mb"].mean_s if "per_mb" in latency else 0.0
        account = data.quotas()["lambda"]["account_concurrency"]["value"]
        self.account_concurrency = int(account if account_concurrency is None else account_concurrency)
        self.has_effects = has_effects
        self.think: Law | None = None
        self.limiters: dict[str, int] = {}
        self.stations: list[IntArray] = []
        self.attributes = attributes
        self.entry = entry
        self.longest_s: dict[tuple[str, int], float] = {}
        self.behaviours = {name: service.behaviour() for name, service in chain.services.items()}
        self.links = dict(chain.links)
        self.knots = self._knots()
        self.pools: list[IntArray] = []
        self.queues: list[IntArray] = []
        self.pool_of: dict[str, int] = {}
        self.queue_of: dict[str, int] = {}
        self.stubs: list[tuple[str, str, Invocation]] = []
        self.after_states: list[Callable[[], None]] = []
        """What stands after the states of the machine that is being written."""
        self.long_histories: dict[str, bool] = {}
        self.deliveries: dict[str, str] = {}
        """Links whose deliveries can fail -> where their tries start."""
        self.codes = self._error_codes()
        self.watched: dict[str, bool] = {}
        self._place_all()

    def _place_all(self) -> None:
        """Give each pool and each polled buffer its row."""
        for name, behaviour in self.behaviours.items():
            if isinstance(behaviour, Pool):
                self.pool_of[name] = len(self.pools)
                self.pools.append(self._pool_row(name, behaviour))
            elif isinstance(behaviour, Buffer) and self._mapping(name) is not None:
                self.queue_of[name] = len(self.queues)
                self.queues.append(self._queue_row(name, behaviour))

    def _station(self, row: IntArray) -> int:
        """Return the place of a new row behind those of the buffers."""
        self.stations.append(row)
        return len(self.queues) + len(self.stations) - 1

    def _limiter(self, quota: str) -> int:
        """Return the row of an account-wide rate limiter, made once."""
        if quota not in self.limiters:
            rate, burst = rate_quota(quota, self.chain.region)
            row = np.zeros(32, np.int64)
            floats = row.view(np.float64)
            floats[m.STEP_F], floats[m.SLACK_F] = 1 / rate, (burst - 1) / rate
            self.limiters[quota] = self._station(row)
        return self.limiters[quota]

    def _pool_row(self, name: str, pool: Pool) -> IntArray:
        """Return the row of a pool."""
        rules, a, row = data.quotas()["lambda"], self.a, np.zeros(POOL_WORDS, np.int64)
        row[m.LIMIT] = NEVER if pool.limit is None else pool.limit
        row[m.IN_ACCOUNT] = int(pool.limit is None)
        row[m.INIT_SITE] = a.law(f"{name}.init", pool.init)
        row[m.OVERHEAD_SITE] = a.law(f"{name}.overhead", pool.overhead)
        burst = float(rules["scaling_environments"]["value"])
        floats = row.view(np.float64)
        is_fixed = isinstance(pool.keep_alive, Constant)
        floats[m.KEEP_F], floats[m.TIMEOUT_F] = pool.keep_alive.mean_s, pool.timeout_s
        floats[m.INIT_LIMIT_F] = np.inf if pool.init_limit_s is None else pool.init_limit_s
        floats[m.TOKENS_F] = floats[m.BURST_F] = burst
        floats[m.REFILL_F] = burst / rules["scaling_period"]["value"]
        row[m.KEEP_SITE] = -1 if is_fixed else a.law(f"{name}.keep_alive", pool.keep_alive)
        row[m.REUSE] = ("most_recent", "least_recent", "random").index(pool.reuse)
        row[m.REUSE_SITE] = a.chance(f"{name}.reuse", 0.5)
        row[m.SPEED_SITE] = a.law(f"{name}.speed", pool.speed)
        is_plain = is_fixed and pool.reuse == "most_recent" and pool.speed is None and pool.provisioned is None
        row[m.IS_SPECIAL] = int(not is_plain)
        return row

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
        most = link.maximum_concurrency or int(rules["concurrency_max"]["value"])
        ramp = "concurrency_per_minute"
        if link.minimum_pollers is not None and link.maximum_pollers is not None:
            each, ramp = int(rules["poller_concurrency"]["value"]), "poller_concurrency_per_minute"
            start, most = each * link.minimum_pollers, each * link.maximum_pollers
        if not link.enabled:
            start = most = 0
        row[m.MOST] = row[m.START_MOST] = start
        row[m.CAP] = most
        floats = row.view(np.float64)
        floats[m.WINDOW_F], floats[m.VISIBILITY_F] = link.maximum_batching_window_s, self._hidden_s(behaviour, link)
        floats[m.RAMP_F] = 60.0 / rules[ramp]["value"]
        return row

    def _hidden_s(self, buffer: Buffer, link: EventSourceMapping) -> float:
        """Return the visibility timeout that the mapping really uses [with-sqs, 2023]."""
        pool = self.behaviours[link.target]
        assert isinstance(pool, Pool)
        least_s = link.maximum_batching_window_s + pool.timeout_s
        if least_s <= buffer.visibility_timeout_s:
            return buffer.visibility_timeout_s
        return float(least_s + data.quotas()["sqs_mapping"]["visibility_margin"]["value"])

    def _most_turns(self, name: str) -> int:
        """Return how many events of a circle may lead to a function before Lambda stops the next; 0 for no limit.

        Lambda follows chains of events through Lambda, SQS and SNS [invocation-recursion] and stops a function's 16th
        run in one. Here the runs of all functions of a circle are counted together.
        """
        pool = self.behaviours[name]
        knot = next((knot for knot in self.knots if name in knot), set())
        if not knot or not isinstance(pool, Pool) or not pool.stops_recursion:
            return 0
        functions = sum(isinstance(self.behaviours[other], Pool) for other in knot)
        return int(data.quotas()["lambda"]["recursion_limit"]["value"] - 1) * functions

    def _knots(self) -> list[set[str]]:
        """Return the circles of services that hand over to each other."""
        ways: dict[str, list[str]] = {}
        for link in self.links.values():
            ways.setdefault(link.source, []).append(link.target)
        ahead = {name: reached(name, ways) for name in self.behaviours}
        hands = [(v.source, v.target) for v in self.links.values() if v.kind not in ("sync", "task", "redrive")]
        return [{b for b in ahead[a] if a in ahead[b]} for a, b in hands if a in ahead[b]]

    def _error_codes(self) -> dict[str, int]:
        """Return a status for each error name that some Retry or Catch tells apart."""
        told = {name for b in self.behaviours.values() if isinstance(b, Flow) for name in error_names(b.steps)}
        pools = [b for b in self.behaviours.values() if isinstance(b, Pool)]
        raised = {b.error_name for b in pools} | {piece.error_name for b in pools for piece in b.pieces}
        raised |= {
            s.error for b in self.behaviours.values() if isinstance(b, Flow) for s in all_steps(b.steps) if s.error
        }
        names = sorted(told & raised)
        most = m.LAST_NAME - m.FIRST_NAME + 1
        if len(names) > most:
            raise SimulationError(
                f"chain {self.chain.name!r}: Retry and Catch tell {len(names)} error names apart; at most {most} can",
                fix="catch some of them together",
            )
        return {name: m.FIRST_NAME + k for k, name in enumerate(names)}

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
        """Return a link's place among the links into its target; where requests enter, the entry itself is place 0."""
        target = self.links[key].target
        return [other for other, v in self.links.items() if v.target == target].index(key) + (target == self.entry)

    def _bytes_into(self, name: str, seen: tuple[str, ...] = ()) -> int:
        """Return the size of the largest message that reaches a node."""
        sizes = [1024]
        for link in self.links.values():
            if link.target == name and link.source not in seen:
                size = getattr(link, "message_bytes", None)
                sizes.append(size if size is not None else self._bytes_into(link.source, (*seen, name)))
        return max(sizes)

    def _bytes_of(self, key: str) -> int:
        """Return the size of what a link carries; what a topic or bus hands on is as large as what reaches it."""
        size = getattr(self.links[key], "message_bytes", None)
        return size if size is not None else self._bytes_into(self.links[key].source)

    def _hop(self, key: str) -> int:
        """Return the site of a link's latency, or -1 for none."""
        law, size_s = self._hop_law(self.links[key])
        is_none = size_s == 0 and (law is None or law == Constant(0.0))
        return -1 if is_none else self.a.law(f"{key}.hop", law or Constant(0.0), size_s)

    def _hop_law(self, link: Link) -> tuple[Law | None, float]:
        """Return the law of a link's latency, and what its payload adds to it, seconds."""
        name = link.hop(self.chain.service(link.target))
        if not name:
            return None, 0.0
        return self.latency.get(name), getattr(link, "message_bytes", 0) / MB_BYTES * self.per_mb_s

    def _law(self, own: Law | None, hop: str) -> Law | None:
        """Return a service's own law, or the hop's; None for no time at all."""
        law = own if own is not None else self.latency.get(hop)
        return None if law == Constant(0.0) else law

    def _delay(self, site: str, law: Law | None) -> None:
        """Write a delay, if there is one."""
        if law is not None:
            self.a.emit(k.DELAY, 0, self.a.law(site, law))

    def _start(self, name: str) -> str:
        """Return the label at which a message or event for a node starts."""
        match self.behaviours[name]:
            case Pool() | Flow():
                return f"{name}.event"
            case Buffer():
                return f"{name}.message"
        return f"{name}.in"

    def _meter_arrival(self, name: str, size: int) -> None:
        """Count what handing one message of a size, in bytes, to a node costs there."""
        chunks = max(1, -(-size // UNIT_BYTES))
        match self.behaviours[name]:
            case Buffer():
                self.a.emit(k.METER, self.a.counter("sends", name), chunks)
            case FanOut():
                self.a.emit(k.METER, self.a.counter("messages", name), chunks)
            case Pool() if size > EVENT_BYTES:
                self.a.emit(k.METER, self.a.counter("extra_requests", name), -(-(size - EVENT_BYTES) // UNIT_BYTES))

    def _meter_answer(self, link: Caller) -> None:
        """Count what an API's answer costs beyond its request: data out, where it is stated."""
        size = getattr(link, "response_bytes", None) or 0
        if size and isinstance(self.behaviours[link.source], Relay):
            self.a.emit(k.METER, self.a.counter("bytes_out", link.source), size)

    def _meter_route(self, link: Caller) -> None:
        """Count the units of a request to an API beyond the first; assumed: of the larger of request and answer."""
        size = max(link.message_bytes, getattr(link, "response_bytes", None) or 0)
        if size > HTTP_BYTES and isinstance(self.behaviours[link.source], Relay):
            self.a.emit(k.METER, self.a.counter("extra_requests", link.source), -(-size // HTTP_BYTES) - 1)

    def _speed(self, name: str) -> int:
        """Return the site of a pool's speed factor, or -1."""
        pool = self.behaviours[name]
        return self.a.law(f"{name}.speed", pool.speed) if isinstance(pool, Pool) else -1

    def _work(self, name: str, pool: Pool) -> tuple[int, int]:
        """Return the sites of a pool's work: usual, and first after an init."""
        work = self.a.law(f"{name}.duration", pool.work)
        return work, work if pool.first_work is None else self.a.law(f"{name}.first", pool.first_work)

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

    def _is_watched(self, name: str, pool: Pool, units: int) -> bool:
        """Tell whether a pool's invocation could reach its timeout while it waits for a callee."""
        if not any(v.kind == "sync" for _, v in self._out(name, Caller)):
            return False
        return self._tight_s(name, pool, units, ()) > pool.timeout_s

    def _tight_s(self, name: str, pool: Pool, units: int, above: tuple[str, ...]) -> float:
        """Return the longest an invocation can take, were there no timeout."""
        if (name, units) in self.longest_s:
            return self.longest_s[name, units]
        works = [(pool.work, pool.first_work), *((piece.work, piece.first_work) for piece in pool.pieces)]
        own = sum(max(self.a.greatest_s(work), self.a.greatest_s(first)) for work, first in works)
        tight = self.a.greatest_s(pool.overhead) + units * (own + self._calls_s(name, (*above, name)))
        self.longest_s[name, units] = tight
        return tight

    def _calls_s(self, name: str, above: tuple[str, ...]) -> float:
        """Return the longest that a node can wait for its calls."""
        calls = [v for _, v in self._out(name, Invocation) if v.kind == "sync"]
        return sum(self._call_s(v, above) for v in calls)

    def _call_s(self, link: Invocation, above: tuple[str, ...]) -> float:
        """Return the longest a synchronous call can take."""
        target = self.behaviours[link.target]
        if link.target in above or not isinstance(target, Pool) or link.retry is not None:
            return float("inf")
        law, size_s = self._hop_law(link)
        tight = self._tight_s(link.target, target, 1, above)
        return self.a.greatest_s(law) + size_s + self.a.greatest_s(target.init) + min(tight, target.timeout_s)


def rate_quota(quota: str, region: str) -> tuple[float, float]:
    """Return requests per second and burst of an account's quota in a region (data/quotas.json)."""
    quotas = data.quotas()
    if quota.startswith("eventbridge"):
        what = "put_events" if quota.endswith("put") else "invocations"
        rules = quotas["eventbridge"]
        rate = rules[f"{what}_by_region"]["value"].get(region, rules[f"{what}_elsewhere"]["value"])
        return float(rate), float(rate)
    rules = quotas["stepfunctions"]
    name = quota.replace(".", "_")
    is_large = region in rules["large_regions"]["value"] or f"{name}_rate_elsewhere" not in rules
    tail = "" if is_large else "_elsewhere"
    return float(rules[f"{name}_rate{tail}"]["value"]), float(rules[f"{name}_bucket{tail}"]["value"])


def waits(task: Task) -> bool:
    """Tell whether a task waits for what it calls."""
    return task.invocation_type == "RequestResponse"


def all_steps(steps: Sequence[Step]) -> list[Step]:
    """Return the steps of a flow and of its branches."""
    return [s for step in steps for s in (step, *(t for branch in step.branches for t in all_steps(branch)))]


def error_names(steps: Sequence[Step]) -> set[str]:
    """Return the error names that a flow's retriers and catchers tell apart."""
    lists: list[tuple[str, ...]] = []
    for step in all_steps(steps):
        lists += [rule.errors for rule in step.retriers] + [rule.errors for rule in step.catchers]
    return {name for errors in lists for name in errors if not name.startswith("States.")}
