"""Chains of the fuzz that run into one of the limits: what a few requests of a random chain would never fill."""

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import chainkit as ck
from chainkit.distributions import Constant, Exponential, Uniform
from chainkit.simulation.loads import Load
from tests.simulation.case import KINDS, scope, task
from tests.simulation.cases_machines import mapped, started, wait

if TYPE_CHECKING:
    from tests.simulation.fuzz_chains import Maker

Flood = tuple[str, Load, int | None, int | None]
"""Where requests enter, the load, the account's concurrency and the number of requests, where they are not any."""
PASS = {"Type": "Pass", "End": True}
SMALL = "ap-northeast-3"
"""A region with small quotas."""


def starts(m: "Maker") -> Flood:
    """More executions than the bucket of StartExecution holds: 800 in a small region."""
    d = m.dice
    m.chain = ck.Chain("any", region=SMALL)
    m.chain.add(ck.StateMachine("inner", definition=scope({"P": PASS}), workflow="STANDARD"))
    each = mapped({"S": started("inner", d.one("", ".sync"))}, **d.one({}, {"Catch": _caught("Z"), "Next": "Z"}))
    states = {"Each": each} | ({"Z": PASS} if "Next" in each else {})
    m.chain.add(ck.StateMachine("m", definition=scope(states), workflow="STANDARD", items={"Each": 40}))
    if d.hits(0.5):
        m.function("f", 0.05, timeout_s=10, reserved_concurrency=None)
        m.chain.connect("f", "m", link="async")
        return "f", ck.Poisson(rate_per_s=50, attributes=KINDS), None, d.whole(32, 45)
    return "m", ck.Poisson(rate_per_s=50, attributes=KINDS), None, d.whole(32, 45)


def transitions(m: "Maker") -> Flood:
    """More transitions at once than their bucket holds."""
    d = m.dice
    m.chain = ck.Chain("any", region=SMALL)
    states: dict[str, Any] = {f"P{i}": {"Type": "Pass", "Next": f"P{i + 1}"} for i in range(29)}
    states["P29"] = task(m.function("g", 0.1), Retry=[{"ErrorEquals": ["States.ALL"], "MaxAttempts": d.whole(0, 2)}])
    m.chain.add(ck.StateMachine("m", definition=scope(states), workflow="STANDARD"))
    return "m", d.one(ck.Poisson, ck.Steady)(rate_per_s=100, attributes=KINDS), None, d.whole(40, 80)


def events(m: "Maker") -> Flood:
    """More events in a second than PutEvents takes."""
    d = m.dice
    m.chain = ck.Chain("any", region=SMALL)
    m.function("f", 0.06, duration=Constant(0.01), init=Constant(0.1), timeout_s=10, reserved_concurrency=None)
    m.chain.add(ck.EventBus("b"))
    m.chain.connect("f", "b", count=d.whole(20, 30), **d.one({}, {"duplicate_rate": 0.1}))
    _listeners(m, d.whole(1, 2))
    return "f", d.one(ck.Poisson, ck.Steady)(rate_per_s=500, attributes=KINDS), None, d.whole(50, 80)


def deliveries(m: "Maker") -> Flood:
    """More events on their way than a bus hands on in a second."""
    m.chain = ck.Chain("any", region="af-south-1")
    m.chain.add(ck.EventBus("b"))
    m.chain.add(ck.SqsQueue("all"))
    for _ in range(3):
        m.chain.connect("b", "all")
    _listeners(m, m.dice.whole(1, 2))
    return "b", m.dice.one(ck.Poisson, ck.Steady)(rate_per_s=2_000, attributes=KINDS), None, m.dice.whole(450, 550)


def _listeners(m: "Maker", queues: int) -> None:
    """Add what hears of a bus: queues, of which one is polled, and a function."""
    for i in range(queues):
        m.chain.add(ck.SqsQueue(f"q{i}"))
        m.chain.connect("b", f"q{i}", **m.link_settings("rule", m.chain.service("b")))
    m.function("g", 0.1)
    m.chain.connect("b", "g", **m.link_settings("rule", m.chain.service("b")))
    m.chain.connect("q0", m.function("h", 0.1), **m.link_settings("mapping", m.chain.service("q0")))


def invocations(m: "Maker") -> Flood:
    """More invocations in a second than ten times the account's concurrency, none of them long."""
    d, short = m.dice, {"duration": Constant(0.001), "init": Constant(0.0), "reserved_concurrency": None}
    m.function("f", 0.04, **short)
    for i in range(d.whole(1, 2)):
        m.function(f"g{i}", 0.06, **short)
        word = d.one("sync", "async")
        m.chain.connect("f", f"g{i}", link=word, **m.link_settings(word, m.chain.service("f")))
    return "f", ck.Steady(rate_per_s=1_000, attributes=KINDS), d.one(30, 40), d.whole(450, 600)


def environments(m: "Maker") -> Flood:
    """More new environments than a function is given in ten seconds: 1,000."""
    d = m.dice
    work = {"duration": Uniform(3.0, 6.0), "timeout_s": 10, "reserved_concurrency": None, "keep_alive": Constant(600.0)}
    m.function("g", 0.05, **{**work, "provisioned_scaling": None})
    state = mapped({"A": task("g", Retry=[{"ErrorEquals": ["States.ALL"], "MaxAttempts": d.whole(0, 2)}])})
    m.chain.add(ck.StateMachine("m", definition=scope({"Each": state}), workflow="STANDARD", items={"Each": 40}))
    return "m", ck.Poisson(rate_per_s=100, attributes=KINDS), 3_000, d.whole(28, 34)


def histories(m: "Maker") -> Flood:
    """Executions with more than 25,000 events."""
    d = m.dice
    states = {**{f"P{i}": {"Type": "Pass", "Next": f"P{i + 1}"} for i in range(3)}, "P3": PASS}
    each = mapped(states, **d.one({}, {"Catch": _caught("Z"), "Next": "Z"}))
    whole = {"Each": each} | ({"Z": PASS} if "Next" in each else {})
    items = d.whole(2_495, 2_600)  # 2 events of its own, and 2 for each of four states
    m.chain.add(ck.StateMachine("m", definition=scope(whole), workflow="STANDARD", items={"Each": items}))
    return "m", ck.Poisson(rate_per_s=0.05, attributes=KINDS), None, d.whole(2, 3)


def minutes(m: "Maker") -> Flood:
    """Long enough for what acts by the minute: warmers, target tracking, Express workflows of five minutes."""
    d = m.dice
    fast = Exponential(mean_s=0.3)
    scaling = ck.ProvisionedScaling(minimum=1, maximum=4, target=d.one(0.01, 0.2), schedule=d.one([], [(70, 2, 3)]))
    m.function(
        "f", 0.1, duration=fast, timeout_s=10, provisioned_scaling=scaling, provisioned_concurrency=1,
        snap_start=False, reserved_concurrency=None,
    )  # fmt: skip
    m.function("g", 0.1, duration=fast, warmer=ck.Warmer(every_s=60.0, environments=d.whole(1, 3)))
    states = {"W": wait(301 if d.hits(0.95) else 299, Next="A"), "A": task("g")}
    m.chain.add(ck.StateMachine("m", definition=scope(states), workflow="EXPRESS"))
    m.chain.connect("f", "m", link="async", **m.link_settings("async", m.chain.service("f")))
    return "f", ck.Poisson(rate_per_s=0.2, attributes=KINDS), None, d.whole(60, 120)


def callers(m: "Maker") -> Flood:
    """Callers that try again, lose patience, or stop calling what fails."""
    d = m.dice
    m.function("f", timeout_s=10, reserved_concurrency=None)
    for i in range(d.whole(1, 3)):
        name = m.function(f"g{i}", error_rate=d.one(0.1, 0.5), reserved_concurrency=d.one(None, None, 0, 1))
        settings = m.link_settings("sync", m.chain.service("f"))
        more = d.some(0.75, {"retry": m.retry, "breaker": m.breaker, "client_timeout_s": lambda: d.one(0.1, 0.5)})
        m.chain.connect("f", name, **{**settings, **more, **d.one({}, {"on_error": "continue"})})
    if d.hits(0.5):
        late = m.function("late", service_error_rate=1.0)  # an event that is too old in the end
        kinds = d.one({}, {"filter_policy": {"kind": ["digital"]}})
        m.chain.connect("f", late, link="async", **{**m.link_settings("async", m.chain.service("f")), **kinds})
    return _by_api(m, "f"), m.load(), d.one(None, None, 6, 12), None


def _by_api(m: "Maker", entry: str) -> str:
    """Put an API before a service, sometimes; return where requests enter."""
    if m.dice.hits(0.7):
        return entry
    m.chain.add(ck.HttpApi("api", integration_timeout_s=m.dice.one(0.3, 2.5, 30.0)))
    m.chain.connect("api", entry)
    return "api"


def polled(m: "Maker") -> Flood:
    """Messages that come back until they are dead letters; a queue of those may be polled, too."""
    d = m.dice
    queues = ["q", "dead", *["late"] * d.hits(0.5)]
    for queue in queues:
        m.chain.add(ck.SqsQueue(queue, visibility_timeout_s=d.one(10, 20), delay_s=d.one(0, 0, 2)))
    for queue, dead in itertools.pairwise(queues):
        m.chain.connect(queue, dead, link="redrive", max_receive_count=d.whole(1, 3))
    m.function("f", error_rate=d.one(0.2, 0.6), reserved_concurrency=d.one(None, 0, 1, 1))
    m.chain.connect("q", "f", **m.link_settings("mapping", m.chain.service("q")))
    if d.hits(0.6):
        m.chain.connect("dead", m.function("g"), **m.link_settings("mapping", m.chain.service("dead")))
    if d.hits(0.5):
        m.chain.connect("f", m.function("h"), link="sync", **m.link_settings("sync", m.chain.service("f")))
    return _by_api(m, "q"), m.load(), d.one(None, None, 6), None


def machines(m: "Maker") -> Flood:
    """A Standard workflow with an inner one, callbacks, maps."""
    return _by_api(m, m.machine("m", 0.0)), m.load(), m.dice.one(None, None, 6, 12), None


def publishers(m: "Maker") -> Flood:
    """Messages through topics and buses with filters; events that fail, are too old, and are kept."""
    d = m.dice
    m.function("f", timeout_s=10, reserved_concurrency=None)
    for queue in ("kept", "q"):
        m.chain.add(ck.SqsQueue(queue, visibility_timeout_s=20))
    for hub, word, way in (("t", "publish", "subscription"), ("b", "put_events", "rule")):
        m.chain.add(ck.SnsTopic(hub) if hub == "t" else ck.EventBus(hub))
        kinds = {"filter_policy": {"kind": ["digital"]}} if d.hits(0.75) else {}
        m.chain.connect("f", hub, link=word, **{**m.link_settings(word, m.chain.service("f")), **kinds})
        fails = {"error_rate": d.one(0, 0.6), "service_error_rate": d.one(0, 0, 1.0)}
        target = m.function(f"{hub}f", reserved_concurrency=d.one(None, 0, 1), **fails)
        settings = m.link_settings(way, m.chain.service(hub))
        lost = {"delivery_error_rate": 0.8, "dead_letter_queue": "kept"} if d.hits(0.7) else {}
        m.chain.connect(hub, target, **{**settings, **lost})
        m.chain.connect(hub, "q", **m.link_settings(way, m.chain.service(hub)))
        if d.hits(0.6):
            m.chain.connect(target, "kept", link="on_failure")
        if d.hits(0.3):
            m.chain.connect(target, "kept", link="on_success")
    kinds = {"filter_policy": {"kind": ["digital"]}} if d.hits(0.75) else {}
    m.chain.connect("f", "q", link="send", **{**m.link_settings("send", m.chain.service("f")), **kinds})
    return _by_api(m, "f"), m.load(), d.one(None, 4), None


def _caught(target: str) -> list[dict[str, Any]]:
    """Return a Catch of everything."""
    return [{"ErrorEquals": ["States.ALL"], "Next": target}]


FLOODS: dict[str, Callable[["Maker"], Flood]] = {
    each.__name__: each
    for each in (
        starts, transitions, events, deliveries, invocations, environments, histories, minutes, callers, polled,
        machines, publishers,
    )
}  # fmt: skip
