"""Random chains of the fuzz: everything of one is drawn from its seed and number, with settings that reach the limits.

A plain generator beside the Hypothesis strategies: those search for small counterexamples of any shape; here a mixture
is fixed, so that among ten thousand chains each rule, limit and dead letter is met some hundred times.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import chainkit as ck
from chainkit.distributions import Constant, Exponential, Geometric, Law, LogNormal, Uniform
from chainkit.service import Service
from chainkit.simulation.loads import Load
from chainkit.wiring import fitting
from tests.simulation.case import KINDS, WAYS
from tests.simulation.fuzz_floods import FLOODS
from tests.simulation.fuzz_machines import Around, machine_of

SHARES = dict.fromkeys(FLOODS, 5.7) | {
    "callers": 11,
    "polled": 12,
    "machines": 15,
    "publishers": 10,
    "invocations": 6.2,
}
"""Percent of the chains of each kind; the rest grows as it may."""


@dataclass(frozen=True)
class Trial:
    """One random chain with all that a run of it takes."""

    seed: int
    number: int
    kind: str
    chain: ck.Chain
    load: Load
    options: dict[str, Any]

    @property
    def call(self) -> str:
        """Return the call that makes it again."""
        return f"python -m chainkit fuzz --seed {self.seed} --only {self.number}"

    def __repr__(self) -> str:
        """Return the chain as the call that simulates it, written out."""
        given = {k: v for k, v in self.options.items() if k != "latency"}
        hops = "WAYS" if self.options["latency"] else "ck.no_latency"
        load = f"{self.load!r} attributes=KINDS"
        return f"simulate(ck.Chain.from_plain({self.chain.to_plain()}), {load}, latency={hops}, **{given})"


@dataclass
class Dice:
    """Random choices of one trial."""

    rng: random.Random

    def hits(self, p: float) -> bool:
        """Tell whether a chance hits."""
        return self.rng.random() < p

    def one(self, *values: Any) -> Any:
        """Return one of some values."""
        return self.rng.choice(values)

    def whole(self, low: int, high: int) -> int:
        """Return a whole number, both ends included."""
        return self.rng.randint(low, high)

    def some(self, p: float, settings: dict[str, Callable[[], Any]]) -> dict[str, Any]:
        """Return some of the settings, each with the same chance."""
        return {name: make() for name, make in settings.items() if self.hits(p)}


@dataclass
class Maker:
    """Makes one trial."""

    dice: Dice
    chain: ck.Chain = field(init=False)

    def __post_init__(self) -> None:
        """Begin with an empty chain."""
        self.chain = ck.Chain("any", region=self.dice.one("us-east-1", "us-east-1", "us-east-1", "af-south-1"))

    # --- services ---

    def law(self) -> Law:
        """Return the law of some work."""
        d = self.dice
        mean = d.one(0.05, 0.2, 0.8)
        return d.one(  # type: ignore[no-any-return]
            Exponential(mean_s=mean), LogNormal(p50_s=mean, p99_s=5 * mean), Constant(d.one(0.0, 0.25, 0.5)),
            Uniform(0.0, 2 * mean),
        )  # fmt: skip

    def scaling(self) -> ck.ProvisionedScaling:
        """Return how provisioned environments follow time or use."""
        d = self.dice
        times = d.one([], [(2, 2, 3)], [(1, 0, 0), (3.5, 1, 3)], [(0, 3, 3), (5, 1, 1), (20, 2, 2)])
        return ck.ProvisionedScaling(
            minimum=d.whole(0, 1), maximum=d.whole(1, 3), target=d.one(None, 0.05, 0.7), schedule=times,
            every_s=d.one(None, 30.0, 100.0),
        )  # fmt: skip

    def function(self, name: str, p: float = 0.13, **fixed: Any) -> str:
        """Add a function with any settings that change what happens in a run."""
        d, law = self.dice, self.law
        settings = d.some(
            p,
            {
                "first_duration": law,
                "overhead": law,
                "error_rate": lambda: d.one(0.1, 0.4),
                "poison_fraction": lambda: d.one(0.1, 0.3),
                "service_error_rate": lambda: d.one(0.1, 0.3),
                "reserved_concurrency": lambda: d.one(0, 1, 1, 3),
                "maximum_retry_attempts": lambda: d.whole(0, 2),
                "keep_alive": lambda: d.one(Constant(0.0), Constant(0.5), Uniform(0.1, 3.0), Geometric(0.5, 0.5)),
                "reuse": lambda: d.one("least_recent", "random"),
                "speed_factor": lambda: d.one(Uniform(0.5, 1.5), Constant(2.0)),
                "provisioned_concurrency": lambda: d.whole(1, 3),
                "provisioned_scaling": self.scaling,
                "warmer": lambda: ck.Warmer(every_s=60.0, environments=d.whole(1, 3), duration=law()),
                "snap_start": lambda: True,
                "idempotent": lambda: True,
                "error_name": lambda: "Trouble",
            },
        )
        if {"provisioned_concurrency", "provisioned_scaling"} & set(settings):
            settings.pop("snap_start", None)
            if "reserved_concurrency" in settings:
                settings["reserved_concurrency"] = 3
        timing = {
            "duration": law(),
            "init": Uniform(8.0, 12.0) if d.hits(0.06) else law(),
            "timeout_s": d.one(1, 2, 10),
            "maximum_event_age_s": d.one(70, 200),
        }
        self.chain.add(ck.LambdaFunction(name, **{**timing, **settings, **fixed}))
        return name

    def machine(self, name: str, plain: float = 0.5) -> str:
        """Add a state machine with what it calls; `plain` is the chance of an Express one that calls functions."""
        d = self.dice
        has_own = d.hits(0.6)  # a function for each task, so that its transitions can be counted a second time
        shared = [] if has_own else [self.function(f"{name}x"), self.function(f"{name}y")]

        def around(prefix: str, queue: str | None = None, inner: str | None = None) -> Around:
            return Around(d, self._workers(prefix, shared), queue, inner)

        if d.hits(plain):
            self.chain.add(machine_of(name, around(name)))
            return name
        inner = machine_of(f"{name}i", around(f"{name}j", f"{name}q" if d.hits(0.4) else None))
        self.chain.add(ck.SqsQueue(f"{name}q", visibility_timeout_s=10))
        self.chain.connect(f"{name}q", self.function(f"{name}r"), batch_size=d.whole(1, 3))
        self.chain.add(inner)
        self.chain.add(machine_of(name, around(name, f"{name}q", inner.name)))
        return name

    def _workers(self, prefix: str, shared: list[str]) -> Iterator[str]:
        """Yield the functions that tasks call."""
        i = 0
        while True:
            i += 1
            yield self.dice.one(*shared) if shared else self.function(f"{prefix}f{i}", 0.08)

    def service(self, kind: str, name: str) -> Service:
        """Add one service."""
        d = self.dice
        match kind:
            case "a":
                self.chain.add(ck.HttpApi(name, integration_timeout_s=d.one(0.3, 2.5, 30.0)))
            case "q":
                self.chain.add(ck.SqsQueue(name, visibility_timeout_s=d.one(2, 10, 10, 20, 20), delay_s=d.one(0, 0, 2)))
            case "t":
                self.chain.add(ck.SnsTopic(name))
            case "b":
                self.chain.add(ck.EventBus(name))
            case "m":
                self.machine(name)
            case _:
                self.function(name)
        return self.chain.service(name)

    # --- links ---

    def retry(self) -> ck.Retry:
        """Return a caller's retries."""
        d = self.dice
        return ck.Retry(
            max_attempts=d.whole(2, 4),
            interval_s=d.one(0.1, 1.0),
            max_delay_s=d.one(0.15, 20.0),
            jitter=d.one("none", "full", "decorrelated"),
            errors=d.one(("error", "throttled", "timeout", "service"), ("throttled", "service"), ("timeout",)),
        )

    def breaker(self) -> ck.CircuitBreaker:
        """Return a breaker that opens soon."""
        d = self.dice
        return ck.CircuitBreaker(failures=d.whole(1, 3), window_s=d.one(0.5, 5.0), open_s=d.one(0.3, 2.0))

    def link_settings(self, word: str, source: Service) -> dict[str, Any]:
        """Return settings of a link."""
        if source.port.emits == ("integration",):
            return {}
        d = self.dice
        queues = [each.name for each in self.chain.services.values() if isinstance(each, ck.SqsQueue)]
        calls: dict[str, Callable[[], Any]] = {
            "probability": lambda: d.one(0.3, 0.7),
            "step": lambda: d.whole(1, 3),
            "message_bytes": lambda: d.one(0, 100_000),
            "filter_policy": lambda: {"kind": ["digital"]},
            "chance": lambda: "coin",
            "case": lambda: "way",
        }
        sends = {**calls, "count": lambda: d.whole(1, 3), "duplicate_rate": lambda: d.one(0.1, 0.4)}
        delivers: dict[str, Callable[[], Any]] = {
            "delivery_error_rate": lambda: d.one(0.3, 0.8),
            "duplicate_rate": lambda: d.one(0.1, 0.4),
        }
        if queues and d.hits(0.6):
            delivers["dead_letter_queue"] = lambda: d.one(*queues)
        match word:
            case "sync":
                patience = {"client_timeout_s": lambda: d.one(0.1, 0.5), "on_error": lambda: "continue"}
                return self._callers({**calls, "retry": self.retry, "breaker": self.breaker, **patience}, 0.25)
            case "async" | "send" | "publish" | "put_events":
                return self._callers(sends, 0.2)
            case "mapping":
                return self._mapping()
            case "subscription":
                kinds = d.one({"kind": ["physical"]}, {"price": [{"numeric": [">", 9]}]})
                return d.some(0.35, {**delivers, "filter_policy": lambda: kinds, "match_fraction": lambda: 0.5})
            case "rule":
                kinds = d.one({"detail": {"kind": ["digital"]}}, {"detail": {"price": [5]}})
                settings = d.some(0.3, {**delivers, "event_pattern": lambda: kinds, "match_fraction": lambda: 0.5})
                ends = {"maximum_retry_attempts": d.whole(0, 3), "maximum_event_age_s": d.one(60, 200)}
                return settings | ends
            case "redrive":
                return {"max_receive_count": d.whole(1, 3)}
        return {}

    def _callers(self, known: dict[str, Callable[[], Any]], p: float) -> dict[str, Any]:
        """Return settings of a caller's link: a case states its share, and has no chance besides."""
        settings = self.dice.some(p, known)
        if "case" in settings:
            settings["probability"] = 0.25
            settings.pop("chance", None)
        return settings

    def _mapping(self) -> dict[str, Any]:
        """Return settings of a mapping."""
        d = self.dice
        settings = d.some(
            0.4,
            {
                "batch_size": lambda: d.whole(1, 10),
                "maximum_batching_window_s": lambda: d.whole(0, 3),
                "maximum_concurrency": lambda: d.whole(2, 5),
                "report_batch_item_failures": lambda: True,
            },
        )
        if "maximum_concurrency" not in settings and d.hits(0.3):
            settings |= {"minimum_pollers": 2, "maximum_pollers": d.whole(2, 3)}
        return settings

    def words(self, source: Service, target: Service) -> list[str]:
        """Return the links that can still be made between two services."""
        words = fitting(source, target)
        taken = {link.word for _, link in self.chain.outgoing(source.name)}
        words = [w for w in words if not (w in ("mapping", "redrive", "on_failure", "on_success") and w in taken)]
        words = [w for w in words if w != "sync" or target.answers()]
        if source.port.emits == ("integration",):
            words = [w for w in words if w != "async" and not taken]
        return words

    # --- chains ---

    def grow(self, kind: str, name: str) -> None:
        """Add a service and hang it on one or two before it; leave it out where it fits nowhere."""
        before, services = list(self.chain.services.values()), len(self.chain.services)
        service = self.service(kind, name)
        sources = [other for other in before if self.words(other, service)]
        if not sources:
            if services:
                for each in list(self.chain.services)[services:]:
                    self.chain.remove(each)
            return
        for source in self.dice.rng.sample(sources, min(len(sources), self.dice.one(1, 1, 2))):
            words = self.words(source, service)
            if words:
                word = self.dice.one(*words)
                self.chain.connect(source, service, link=word, **self.link_settings(word, source))

    def grown(self) -> str:
        """Grow a chain from its entry, each further service on one before it; return the entry."""
        d = self.dice
        kinds = [d.one("a", "f", "f", "q", "m", "t", "b"), *(d.one(*"fffffqqqtbm") for _ in range(d.whole(1, 6)))]
        for i, kind in enumerate(kinds):
            self.grow(kind, f"{kind}{i}")
        return next(iter(self.chain.services))

    def load(self) -> Load:
        """Return traffic of any kind."""
        d, kinds = self.dice, KINDS
        rate = d.one(0.3, 3.0, 30.0)
        match d.one(
            "poisson",
            "users",
            "ramp",
            "spike",
            "calendar",
            "bursts",
            d.one("times", "minutes"),
        ):
            case "users":
                think = d.one(Exponential(mean_s=0.5), Constant(0.0), Constant(1.0), Uniform(0.0, 20.0))
                return ck.ClosedLoop(users=d.whole(1, 6), think=think, attributes=kinds)
            case "ramp":
                return ck.Ramp(start_per_s=rate, end_per_s=3 * rate, duration_s=20.0, attributes=kinds)
            case "spike":
                return ck.Spike(base_per_s=rate, peak_per_s=10 * rate, at_s=2.0, duration_s=3.0, attributes=kinds)
            case "calendar":
                return ck.Calendar(hours_per_s=[rate, 2 * rate] * 12, attributes=kinds)
            case "bursts":
                return ck.Bursts(phases=[(rate, 5.0), (10 * rate, 1.0)], attributes=kinds)
            case "times":
                at_s = sorted(d.rng.uniform(0, 30) for _ in range(100))
                return ck.Replay.times(at_s, attributes=kinds)
            case "minutes":
                return ck.Replay.per_minute([60, 0, 60], spread=d.one("random", "even"), attributes=kinds)
        return ck.Poisson(rate_per_s=rate, attributes=kinds)


def trial(seed: int, number: int) -> Trial:
    """Return the random chain of a number: the same for ever; of several the first that AWS would take."""
    drawn = (_drawn(seed, number, Dice(random.Random(f"{seed}:{number}:{i}"))) for i in count())
    return next(each for each in drawn if not each.chain.validate())


def _drawn(seed: int, number: int, dice: Dice) -> Trial:
    """Return a random chain."""
    kinds = ["any", *FLOODS]
    kind = dice.rng.choices(kinds, weights=[100 - sum(SHARES.values()), *(SHARES[each] for each in FLOODS)])[0]
    maker = Maker(dice)
    options: dict[str, Any] = {"requests": dice.whole(20, 100), "drain_s": 30_000.0 if dice.hits(0.85) else 5.0}
    if kind == "any":
        options["at"], load = maker.grown(), maker.load()
        account = dice.one(None, None, 4, 10)
    else:
        options["at"], load, account, requests = FLOODS[kind](maker)
        options["requests"] = requests or options["requests"]
    reserved = sum(getattr(each, "reserved_concurrency", None) or 0 for each in maker.chain.services.values())
    if account is not None:
        options["account_concurrency"] = account + reserved
    hops: dict[str, Any] = dict(WAYS) if dice.hits(0.7) else {}
    if dice.hits(0.2):
        hops["per_mb"] = 1.0
    replications = min(dice.one(1, 1, 2, 3), options["requests"]) if kind in ("any", "minutes") else 1
    options |= {"latency": hops, "replications": replications, "warmup_fraction": dice.one(0.0, 0.1), "seed": number}
    return Trial(seed, number, kind, maker.chain, load, options)
