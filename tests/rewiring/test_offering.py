"""Every kind, on the designs that come with chainkit and on any chain: it can be built, and does the same work."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

import chainkit as ck
from chainkit import data
from chainkit.errors import ChainkitError
from chainkit.records import Pool
from chainkit.rewiring import KINDS, connections
from tests.strategies import chains
from tests.test_rewiring import alone_in_time, functions

WORK = ck.LogNormal(p50_s=0.1, p99_s=0.8)
NAMES = sorted(path.name.removesuffix(".chain.yaml") for path in data.path("chains").glob("*/*.chain.yaml"))


def fan_out() -> ck.Chain:
    """A function whose event three others get, one of which hands on through a queue."""
    chain = functions("in", "resize", "scan", "tag", "index", duration=WORK)
    chain.connect("in", chain.add(ck.SnsTopic("uploads")), after_fraction=1.0)
    for target in ("resize", "scan", "tag"):
        chain.connect("uploads", target)
    chain.connect("tag", chain.add(ck.SqsQueue("tags", visibility_timeout_s=60)), after_fraction=1.0)
    chain.connect("tags", "index")
    return chain


def etl() -> ck.Chain:
    """Steps in a row, each by a queue."""
    names = ("extract", "clean", "transform", "load")
    chain = functions(*names, duration=WORK)
    for source, target in pairwise(names):
        queue = chain.add(ck.SqsQueue(f"{target}-jobs", visibility_timeout_s=60))
        chain.connect(source, queue, after_fraction=1.0)
        chain.connect(queue, target)
    return chain


MADE = {"fan_out": fan_out, "etl": etl}
SHIPPED = {name: (lambda name=name: ck.example(name)) for name in NAMES if connections(ck.example(name))}
every_chain = pytest.mark.parametrize("make", [*MADE.values(), *SHIPPED.values()], ids=[*MADE, *SHIPPED])


def attributes(chain: ck.Chain) -> dict[str, dict[Any, float]]:
    """Return traffic of which nine in ten pass each filter that lists plain values."""
    policies = [getattr(link, "filter_policy", None) or {} for link in chain.links.values()]
    passing = {field: rules[0] for policy in policies for field, rules in policy.items()}
    return {field: {value: 0.9, "other": 0.1} for field, value in passing.items() if not isinstance(value, dict)}


@every_chain
def test_every_kind_is_offered_or_refused_and_what_is_offered_can_be_built(make):
    chain = make()
    flows = ck.variants(chain, KINDS)

    assert {*flows, *flows.refused} == {*KINDS}
    for flow in flows.values():
        assert flow.chain.validate() == []
        assert flow.chain.entries() == chain.entries()
        assert ck.template(flow.chain)["Resources"]


def test_a_circle_of_events_is_not_offered_as_calls_that_would_wait_for_themselves():
    chain = functions("a", "b")
    chain.connect("a", "b", link="async")
    chain.connect("b", "a", link="async")
    flows = ck.variants(chain, ["sync", "sqs"])

    assert list(flows) == ["sqs"]
    assert flows.refused["sync"].startswith("synchronous calls in a circle")


@every_chain
def test_every_kind_runs_and_loses_no_request(make):
    chain = make()
    load = ck.Poisson(rate_per_s=2, attributes=attributes(chain))
    result = ck.compare(ck.variants(chain, KINDS), load, requests=200, seed=1, replications=1)

    for name, run in result.runs.items():
        assert (run.ledger.sum(), run.ledger["unfinished"]) == (200, 0), name
        assert result.bills[name].total_usd > 0, name


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "split"])
def test_the_same_request_has_the_same_work_in_every_kind(make, kind):
    chain = make()
    before, after = alone_in_time(chain, 40), alone_in_time(ck.variants(chain, [kind])[kind].chain, 40)
    # Nobody waits while another works: each hands over at the end of its work, or is a part of it.
    work = [[run_s(run, chain, i) for i in range(40)] for run in (before, after)]

    if kind == "sync":  # a caller's run holds that of its callees
        work[1] = [run_s(after, chain, i) - held_s(after, chain, i) for i in range(40)]
    np.testing.assert_allclose(work[1], work[0], rtol=1e-9)


def invocations(run: ck.Run, request: int) -> dict[str, tuple[float, float]]:
    """Return when each function began and ended."""
    return {s.node: (s.start_s, s.end_s) for s in run.trace(request).spans if s.what == "invocation"}


def run_s(run: ck.Run, chain: ck.Chain, request: int) -> float:
    """Return how long all invocations of a request took together."""
    return sum(end - start for start, end in invocations(run, request).values())


def held_s(run: ck.Run, chain: ck.Chain, request: int) -> float:
    """Return how long callers waited for callees: from the first of a step to the last."""
    spans, waited_s = invocations(run, request), 0.0
    for name in spans:
        called = [spans[one.target] for one in connections(chain) if one.source == name]
        waited_s += max((end for _, end in called), default=0.0) - min((start for start, _ in called), default=0.0)
    return waited_s


MOST_RUNS = 10_000
"""Runs that one request may lead to in a chain that is tried here."""
relaxed = settings(
    max_examples=25,
    phases=[Phase.explicit, Phase.generate],  # a chain is large: to shrink one takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def simulated(chain: ck.Chain, **options: Any) -> ck.Run:
    entries = [name for name in chain.entries() if isinstance(chain.service(name).behaviour(), Pool)]
    at = (entries or [*chain.services])[0]
    return ck.simulate(chain, ck.Poisson(rate_per_s=1), requests=20, seed=1, replications=1, at=at, **options)


@st.composite
def valid(draw: st.DrawFn) -> ck.Chain:
    chain = draw(chains(max_services=6, max_links=8))
    assume(not chain.validate() and connections(chain))
    # Tries and messages multiply along a way: a hundred tries three links deep are a million runs for a request.
    tries = [getattr(getattr(link, "retry", None), "max_attempts", 1) for link in chain.links.values()]
    assume(math.prod(tries) * math.prod(getattr(link, "count", 1) for link in chain.links.values()) <= MOST_RUNS)
    return chain


@relaxed
@given(chain=valid())
def test_whatever_is_offered_of_any_chain_can_be_built_and_run(chain):
    flows = ck.variants(chain, KINDS)
    try:
        simulated(chain)
    except ChainkitError:
        assume(condition=False)  # it enters a machine without figures, say

    for flow in flows.values():
        assert flow.chain.validate() == []
        run = simulated(flow.chain)
        assert run.ledger.sum() == 20
