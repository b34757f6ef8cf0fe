"""Hypothesis strategies of whole runs: a random chain of any services, its traffic and its hops."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

import chainkit as ck
from chainkit.distributions import Constant, Exponential, Geometric, Law, LogNormal, Mixture, Uniform
from chainkit.service import Service
from chainkit.simulation.loads import ClosedLoop, Load, Poisson, Steady
from chainkit.wiring import fitting
from tests.simulation.case import KINDS, Case
from tests.simulation.strategies_machines import Around, machines

SOME = st.sampled_from([0.1, 0.4])
REGIONS = ["us-east-1"] * 4 + ["af-south-1"]


def laws() -> st.SearchStrategy[Law]:
    """Work that is mostly of continuous length, and sometimes constant."""
    means = st.sampled_from([0.05, 0.2, 0.8])
    return st.one_of(
        st.builds(lambda mean: Exponential(mean_s=mean), means),
        st.builds(lambda mean: LogNormal(p50_s=mean, p99_s=5 * mean), means),
        st.builds(lambda mean: Mixture([(0.75, Uniform(0.0, mean)), (0.25, Uniform(2 * mean, 5 * mean))]), means),
        st.builds(Constant, st.sampled_from([0.0, 0.25, 0.5])),
    )


@st.composite
def some(draw: Any, settings: Mapping[str, st.SearchStrategy[Any]], most: int) -> dict[str, Any]:
    """A few of the settings."""
    names = draw(st.lists(st.sampled_from(sorted(settings)), max_size=min(most, len(settings)), unique=True))
    return {name: draw(settings[name]) for name in names}


# --- services ---


def scalings() -> st.SearchStrategy[Any]:
    """How the number of provisioned environments changes: by a schedule within seconds, by use within minutes."""
    times = st.sampled_from([[], [(2, 2, 3)], [(1, 0, 0), (3.5, 1, 3)], [(0, 3, 3), (5, 1, 1), (20, 2, 2)]])
    return st.builds(
        ck.ProvisionedScaling,
        minimum=st.integers(0, 1),
        maximum=st.integers(1, 3),
        target=st.sampled_from([None, 0.05, 0.7]),
        schedule=times,
        every_s=st.sampled_from([None, 30.0, 100.0]),
    )


def _settings() -> dict[str, st.SearchStrategy[Any]]:
    """Settings of a function that change what happens in a run."""
    lives = st.sampled_from([Constant(0.0), Constant(0.5), Constant(5.0), Uniform(0.1, 3.0), Geometric(0.5, 0.5)])
    warmer = st.builds(ck.Warmer, every_s=st.just(60.0), environments=st.integers(1, 3), duration=laws())
    return {
        "first_duration": laws(),
        "overhead": laws(),
        "error_rate": SOME,
        "poison_fraction": SOME,
        "service_error_rate": SOME,
        "reserved_concurrency": st.sampled_from([0, 1, 3]),
        "maximum_retry_attempts": st.integers(0, 2),
        "keep_alive": lives,
        "reuse": st.sampled_from(["least_recent", "random"]),
        "speed_factor": st.sampled_from([Uniform(0.5, 1.5), LogNormal(p50_s=1.0, p99_s=2.0), Constant(2.0)]),
        "provisioned_concurrency": st.integers(1, 3),
        "provisioned_scaling": scalings(),
        "warmer": warmer,
        "snap_start": st.just(True),
        "idempotent": st.just(True),
        "error_name": st.just("Trouble"),
    }


@st.composite
def parts(draw: Any, function: str) -> dict[str, ck.Part]:
    """One to four parts, each handed its work by the function or by a part that it can follow."""
    found: dict[str, ck.Part] = {}
    way = [""]
    for i in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(way) - 1))
        del way[place + 1 :]
        settings = draw(
            some(
                {
                    "first_duration": laws(),
                    "error_rate": SOME,
                    "poison_fraction": SOME,
                    "probability": st.sampled_from([0.0, 0.3, 0.7]),
                    "chance": st.just("coin"),
                    "filter_policy": st.just({"kind": ["digital"]}),
                    "case": st.just("way"),
                    "on_error": st.just("continue"),
                    "error_name": st.just("Trouble"),
                },
                4,
            )
        )
        settings |= {"probability": 0.25} if "case" in settings else {}
        found[f"{function}p{i}"] = ck.Part(duration=draw(laws()), caller=way[place], **settings)
        way.append(f"{function}p{i}")
    return found


@st.composite
def functions(draw: Any, name: str) -> Service:
    """A function with a few of these settings, and sometimes parts."""
    settings = draw(some(_settings(), 6))
    settings |= {"parts": draw(parts(name))} if draw(st.integers(0, 3)) == 0 else {}
    if {"provisioned_concurrency", "provisioned_scaling"} & set(settings):
        settings.pop("snap_start", None)
        settings |= {"reserved_concurrency": 3} if "reserved_concurrency" in settings else {}
    inits = laws() if draw(st.integers(0, 9)) else st.just(Uniform(8.0, 12.0))
    return ck.LambdaFunction(
        name,
        duration=draw(laws()),
        init=draw(inits),
        timeout_s=draw(st.sampled_from([1, 2, 10])),
        maximum_event_age_s=draw(st.sampled_from([70, 200])),
        **settings,
    )


@st.composite
def _machine(draw: Any, chain: ck.Chain, name: str) -> Service:
    """A state machine, with two functions of its own; a Standard one with a queue and a machine besides."""
    workers = [f"{name}x", f"{name}y"]
    for worker in workers:
        chain.add(draw(functions(worker)))
    if draw(st.booleans()):
        return draw(machines(name, Around(workers)))
    inner = draw(machines(f"{name}i", Around(workers, f"{name}q") if draw(st.booleans()) else Around(workers)))
    chain.add(ck.SqsQueue(f"{name}q", visibility_timeout_s=10))
    chain.connect(f"{name}q", workers[0], batch_size=draw(st.integers(1, 3)))
    chain.add(inner)
    return draw(machines(name, Around(workers, f"{name}q", inner.name)))


@st.composite
def _service(draw: Any, chain: ck.Chain, kind: str, name: str) -> Service:
    """One service; a state machine brings what it calls, and so enters with it."""
    match kind:
        case "api":
            return ck.HttpApi(name, integration_timeout_s=draw(st.sampled_from([0.3, 2.5, 30.0])))
        case "q":
            delay_s = draw(st.sampled_from([0, 0, 2]))
            return ck.SqsQueue(name, visibility_timeout_s=draw(st.sampled_from([2, 10, 10, 20, 20])), delay_s=delay_s)
        case "t":
            return ck.SnsTopic(name)
        case "b":
            return ck.EventBus(name)
        case "m":
            return draw(_machine(chain, name))
    return draw(functions(name))


# --- links ---


def _retries() -> st.SearchStrategy[ck.Retry]:
    """Retries of callers."""
    return st.builds(
        ck.Retry,
        max_attempts=st.integers(1, 4),
        interval_s=st.sampled_from([0.1, 1.0]),
        max_delay_s=st.sampled_from([0.15, 20.0]),
        jitter=st.sampled_from(["none", "full", "decorrelated"]),
        errors=st.sampled_from([("error", "throttled", "timeout", "service"), ("throttled", "service"), ("timeout",)]),
    )


def _breakers() -> st.SearchStrategy[ck.CircuitBreaker]:
    """Breakers that open soon."""
    return st.builds(
        ck.CircuitBreaker,
        failures=st.integers(1, 3),
        window_s=st.sampled_from([0.5, 5.0]),
        open_s=st.sampled_from([0.3, 2.0]),
    )


def _options(queues: list[str]) -> dict[str, dict[str, st.SearchStrategy[Any]]]:
    """Settings of each kind of link; `queues` are those that can take its dead letters."""
    sizes = {"message_bytes": st.sampled_from([0, 100_000])}
    calls = {"probability": st.sampled_from([0.3, 0.7]), "step": st.integers(1, 3), **sizes}
    calls |= {"filter_policy": st.just({"kind": ["digital"]}), "chance": st.just("coin"), "case": st.just("way")}
    sends = {**calls, "count": st.integers(1, 3), "duplicate_rate": SOME}
    delivers = {"delivery_error_rate": st.sampled_from([0.3, 0.8]), "duplicate_rate": SOME}
    if queues:
        delivers["dead_letter_queue"] = st.sampled_from(queues)
    return {
        "sync": {
            **calls,
            "retry": _retries(),
            "breaker": _breakers(),
            "client_timeout_s": st.sampled_from([0.1, 0.17, 0.3, 0.5]),
            "on_error": st.just("continue"),
        },
        "async": sends,
        "send": sends,
        "publish": sends,
        "put_events": sends,
        "mapping": {
            "batch_size": st.integers(1, 10),
            "maximum_batching_window_s": st.integers(0, 3),
            "maximum_concurrency": st.integers(2, 5),
            "report_batch_item_failures": st.booleans(),
        },
        "subscription": {
            **delivers,
            "filter_policy": st.sampled_from([{"kind": ["physical"]}, {"price": [{"numeric": [">", 9]}]}]),
        },
        "rule": {
            **delivers,
            "event_pattern": st.sampled_from([{"detail": {"kind": ["digital"]}}, {"detail": {"price": [5]}}]),
            "maximum_retry_attempts": st.integers(0, 3),
            "maximum_event_age_s": st.sampled_from([60, 200]),
        },
        "redrive": {"max_receive_count": st.integers(1, 3)},
    }


@st.composite
def options(draw: Any, word: str, queues: list[str]) -> dict[str, Any]:
    """A few settings of a link."""
    known = _options(queues).get(word)
    settings: dict[str, Any] = draw(some(known, 4)) if known else {}
    if word == "mapping" and "maximum_concurrency" not in settings and draw(st.integers(0, 3)) == 0:
        settings |= {"minimum_pollers": 2, "maximum_pollers": draw(st.integers(2, 3))}
    return settings


def _words(chain: ck.Chain, source: Service, target: Service) -> list[str]:
    """Return the links that can still be made between two services."""
    words = fitting(source, target)
    taken = {link.word for _, link in chain.outgoing(source.name)}
    words = [w for w in words if not (w in ("mapping", "redrive", "on_failure", "on_success") and w in taken)]
    words = [w for w in words if w != "sync" or target.answers()]
    if source.port.emits == ("integration",):
        words = [w for w in words if w != "async" and not taken]
    return words


# --- chains ---


@st.composite
def chains(draw: Any) -> ck.Chain:
    """A chain that grows from its entry: each further service hangs on one before it."""
    chain = ck.Chain("any", region=draw(st.sampled_from(REGIONS)))
    kinds = draw(st.lists(st.sampled_from("ffffqqtbm"), min_size=1, max_size=6))
    entry = draw(st.sampled_from(["api", "f", "f", "q", "m", "t"]))
    for i, kind in enumerate([entry, *kinds]):
        draw(_grown(chain, kind, f"{kind}{i}"))
    return chain


@st.composite
def _grown(draw: Any, chain: ck.Chain, kind: str, name: str) -> None:
    """Add one service and hang it on one or two before it; leave it out where it fits nowhere."""
    before = list(chain.services.values())
    service = draw(_service(chain, kind, name))
    sources = [other for other in before if _words(chain, other, service)]
    if before and not sources:
        return
    chain.add(service)
    for source in draw(st.lists(st.sampled_from(sources), min_size=1, max_size=2, unique_by=id)) if sources else []:
        words = _words(chain, source, service)
        if words:
            word = draw(st.sampled_from(words))
            queues = [each.name for each in chain.services.values() if isinstance(each, ck.SqsQueue)]
            settings = {} if source.port.emits == ("integration",) else draw(options(word, queues))
            if "case" in settings:
                settings["probability"] = 0.25
                settings.pop("chance", None)
            chain.connect(source, service, link=word, **settings)


@st.composite
def loads(draw: Any) -> Load:
    """Traffic: slow enough for what acts by the minute, quick enough for limits, of equal distances, or of users."""
    rates = [Poisson(rate_per_s=rate, attributes=KINDS) for rate in (3, 3, 30, 0.3, 0.1)]
    thinks = st.sampled_from([Exponential(mean_s=0.5), Constant(0.0), Constant(1.0), Uniform(0.0, 20.0)])
    users = st.builds(lambda n, think: ClosedLoop(users=n, think=think, attributes=KINDS), st.integers(1, 6), thinks)
    equal = st.just(Steady(rate_per_s=4, attributes=KINDS))
    rest: Load = draw(st.one_of(st.sampled_from(rates), st.sampled_from(rates), users, equal))
    return rest


@st.composite
def cases(draw: Any) -> Case:
    """A chain, its traffic, its hops, its account."""
    chain = draw(chains())
    has_hops = draw(st.integers(0, 2)) > 0
    concurrency = draw(st.sampled_from([None, None, None, 10, 12]))
    reserved = sum(getattr(each, "reserved_concurrency", None) or 0 for each in chain.services.values())
    concurrency = None if concurrency is None else concurrency + reserved
    per_mb_s = draw(st.sampled_from([0.0, 0.0, 1.0]))
    return Case(chain, draw(loads()), 40, next(iter(chain.services)), has_hops, 600.0, concurrency, per_mb_s)
