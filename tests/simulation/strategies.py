"""Hypothesis strategies of whole runs: a random chain of any services, its traffic and its hops."""

from typing import Any

from hypothesis import strategies as st

import chainkit as ck
from chainkit.distributions import Constant, Exponential, Law, LogNormal, Mixture, Uniform
from chainkit.service import Service
from chainkit.simulation.loads import Poisson, Steady
from chainkit.wiring import fitting
from tests.simulation.case import KINDS, Case, rules, task

ATTEMPTS = st.integers(0, 3)
SOME = st.sampled_from([0.1, 0.4])


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
def functions(draw: Any, name: str) -> Service:
    """A function with any settings that change what happens in a run."""
    optional = {
        "first_duration": laws(),
        "overhead": laws(),
        "error_rate": SOME,
        "poison_fraction": SOME,
        "reserved_concurrency": st.sampled_from([0, 1, 3]),
        "maximum_retry_attempts": st.integers(0, 2),
        "keep_alive": st.sampled_from([0.0, 0.5, 5.0]),
        "error_name": st.just("Trouble"),
    }
    settings = draw(st.fixed_dictionaries({}, optional=optional))
    return ck.LambdaFunction(
        name,
        duration=draw(laws()),
        init=draw(laws()),
        timeout_s=draw(st.sampled_from([1, 2, 10])),
        maximum_event_age_s=draw(st.sampled_from([70, 200])),
        **settings,
    )


@st.composite
def states(draw: Any, names: list[str], depth: int = 0) -> dict[str, Any]:
    """A few states over functions of the chain, in a row, with ways back and branches."""
    prefix = f"s{depth}" if depth else "s"
    count = draw(st.integers(1, 3))
    labels = [f"{prefix}{chr(97 + i)}" for i in range(count)]
    scope: dict[str, Any] = {}
    for i, label in enumerate(labels):
        way = {"Next": labels[i + 1]} if i + 1 < count else {"End": True}
        kinds = ["task", "task", "wait"] + ["choice"] * (i > 0) + ["parallel"] * (depth == 0)
        match draw(st.sampled_from(kinds)):
            case "wait":
                scope[label] = {"Type": "Wait", "Seconds": draw(st.integers(0, 2)), **way}
            case "choice":
                scope[label] = {"Type": "Choice", "Choices": rules(labels[0]), "Default": f"{label}_"}
                scope[f"{label}_"] = {"Type": "Pass", **way}
            case "parallel":
                branches = [draw(states(names, 10 * (i + 1) + k)) for k in range(draw(st.integers(1, 3)))]
                scope[label] = {"Type": "Parallel", "Branches": branches, **way, **draw(_failures(f"{prefix}z"))}
            case _:
                scope[label] = {**task(draw(st.sampled_from(names))), **draw(_failures(f"{prefix}z"))}
                del scope[label]["End"]
                scope[label] |= way
    if any("Catch" in state for state in scope.values()):
        scope[f"{prefix}z"] = {"Type": "Wait", "Seconds": 1, "End": True}
    return {"StartAt": labels[0], "States": scope}


@st.composite
def _failures(draw: Any, caught: str) -> dict[str, Any]:
    """Retry and Catch of a state."""
    errors = st.sampled_from([["Trouble", "Sandbox.Timedout"], ["Lambda.TooManyRequestsException"], ["States.ALL"]])
    found: dict[str, Any] = {}
    if draw(st.booleans()):
        extra = draw(st.sampled_from([{}, {"JitterStrategy": "FULL"}, {"MaxDelaySeconds": 2}]))
        found["Retry"] = [{"ErrorEquals": draw(errors), "MaxAttempts": draw(st.integers(0, 2)), **extra}]
    if draw(st.integers(0, 3)) == 0:
        found["Catch"] = [{"ErrorEquals": draw(errors), "Next": caught}]
    return found


def choice_names(scope: dict[str, Any]) -> list[str]:
    """Return the choices of a definition, those of branches included."""
    found = []
    for name, state in scope["States"].items():
        found += [name] * (state["Type"] == "Choice")
        for branch in state.get("Branches", []):
            found += choice_names(branch)
    return found


@st.composite
def options(draw: Any, word: str) -> dict[str, Any]:
    """Settings of a link."""
    calls = {"probability": st.sampled_from([0.3, 0.7]), "step": st.integers(1, 3)}
    calls |= {"filter_policy": st.just({"kind": ["digital"]}), "chance": st.just("coin"), "case": st.just("way")}
    retry = st.builds(
        ck.Retry,
        max_attempts=st.integers(1, 4),
        interval_s=st.sampled_from([0.1, 1.0]),
        max_delay_s=st.sampled_from([0.15, 20.0]),
        jitter=st.sampled_from(["none", "full"]),
    )
    known: dict[str, dict[str, Any]] = {
        "sync": {
            **calls,
            "retry": retry,
            "client_timeout_s": st.sampled_from([0.1, 0.5]),
            "on_error": st.just("continue"),
        },
        "async": {**calls, "count": st.integers(1, 3)},
        "send": {**calls, "count": st.integers(1, 3)},
        "publish": {**calls, "count": st.integers(1, 3)},
        "put_events": {**calls, "count": st.integers(1, 3)},
        "mapping": {
            "batch_size": st.integers(1, 10),
            "maximum_batching_window_s": st.integers(0, 3),
            "maximum_concurrency": st.integers(2, 5),
            "report_batch_item_failures": st.booleans(),
        },
        "subscription": {
            "filter_policy": st.sampled_from([{"kind": ["physical"]}, {"price": [{"numeric": [">", 9]}]}])
        },
        "rule": {"event_pattern": st.sampled_from([{"detail": {"kind": ["digital"]}}, {"detail": {"price": [5]}}])},
        "redrive": {"max_receive_count": st.integers(1, 3)},
    }
    return draw(st.fixed_dictionaries({}, optional=known.get(word, {})))


@st.composite
def chains(draw: Any) -> ck.Chain:
    """A chain that grows from its entry: each further service hangs on one before it."""
    chain = ck.Chain("any")
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
            settings = {} if source.port.emits == ("integration",) else draw(options(word))
            if "case" in settings:
                settings["probability"] = 0.25
                settings.pop("chance", None)
            chain.connect(source, service, link=word, **settings)


@st.composite
def _service(draw: Any, chain: ck.Chain, kind: str, name: str) -> Service:
    """One service; a state machine brings two functions of its own, and so enters with them."""
    match kind:
        case "api":
            return ck.HttpApi(name, integration_timeout_s=draw(st.sampled_from([0.3, 2.5, 30.0])))
        case "q":
            delay_s = draw(st.sampled_from([0, 0, 2]))
            return ck.SqsQueue(name, visibility_timeout_s=draw(st.sampled_from([10, 20])), delay_s=delay_s)
        case "t":
            return ck.SnsTopic(name)
        case "b":
            return ck.EventBus(name)
        case "m":
            workers = [f"{name}x", f"{name}y"]
            for worker in workers:
                chain.add(draw(functions(worker)))
            scope = draw(states(workers))
            return ck.StateMachine(
                name,
                definition=scope,
                workflow=draw(st.sampled_from(["STANDARD", "EXPRESS", "EXPRESS"])),
                choices={choice: [0.4, 0.6] for choice in choice_names(scope)},
            )
    return draw(functions(name))


def _words(chain: ck.Chain, source: Service, target: Service) -> list[str]:
    """Return the links that can still be made between two services."""
    words = fitting(source, target)
    taken = {link.word for _, link in chain.outgoing(source.name)}
    words = [w for w in words if not (w in ("mapping", "redrive") and w in taken)]
    if source.port.emits == ("integration",):
        words = [w for w in words if w != "async" and not taken]
    return words


@st.composite
def cases(draw: Any) -> Case:
    """A chain, its traffic, its hops."""
    load = draw(st.sampled_from([Poisson(rate_per_s=3, attributes=KINDS), Poisson(rate_per_s=30, attributes=KINDS)]))
    if draw(st.integers(0, 9)) == 0:
        load = Steady(rate_per_s=4, attributes=KINDS)
    chain = draw(chains())
    has_hops = draw(st.integers(0, 2)) > 0
    return Case(chain, load, 40, next(iter(chain.services)), has_hops, 600.0)
