"""Equal seeds give equal runs, whatever the threads and blocks; the same order costs the same work in every variant."""

import os
from collections.abc import Callable

import numpy as np
import pytest

import chainkit as ck
from chainkit.distributions import Exponential, LogNormal
from chainkit.simulation import machine
from chainkit.simulation.loads import Poisson
from tests.simulation.case import WAYS, chain_of, task
from tests.simulation.case import machine as flow
from tests.simulation.cases import CASES


def times_of(name: str, **options: int) -> np.ndarray:
    """Return response and completion of every request of a hand-made case."""
    case = CASES[name]()
    settings = {**case.options, "replications": 4, "seed": 1, **options}
    run = ck.simulate(case.chain, case.load, warmup_fraction=0, keep="requests", **settings)
    return np.array([run.response_s, run.completion_s])


NAMES = ["retries_with_jitter", "batches_of_a_calling_function", "topic_with_filters", "parallel_states"]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_run(name: str) -> None:
    np.testing.assert_array_equal(times_of(name), times_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_threads_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for threads in (1, 4):
        monkeypatch.setattr(os, "cpu_count", lambda n=threads: n)
        found.append(times_of(name))

    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("block", [1, 7, 64])
def test_the_size_of_blocks_changes_nothing(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = times_of("queue_of_single_messages")
    monkeypatch.setattr(machine, "BLOCK", block)

    np.testing.assert_array_equal(times_of("queue_of_single_messages"), whole)


def test_other_seeds_give_other_runs() -> None:
    assert not np.isin(times_of("one_function", seed=2), times_of("one_function")).any()


def test_replications_are_other_runs() -> None:
    response_s = times_of("one_function")[0].reshape(4, -1)

    assert not np.isin(response_s[0], response_s[1:]).any()


def test_requests_that_come_later_change_nothing_before_them() -> None:
    few, many = (times_of("everything_constant", requests=n, replications=1) for n in (50, 100))

    np.testing.assert_array_equal(few, many[:, :50])


# --- the same work in every variant ---


def by_call() -> ck.Chain:
    """Return two functions, the second called synchronously by the first."""
    pay = ck.LambdaFunction("pay", duration=LogNormal(p50_s=0.2, p99_s=0.9), init=0, timeout_s=60)
    return chain_of(ck.LambdaFunction("check", duration=Exponential(mean_s=0.1), init=0, timeout_s=60), pay)


def sync() -> ck.Chain:
    chain = by_call()
    chain.connect("check", "pay")
    return chain


def event() -> ck.Chain:
    chain = by_call()
    chain.connect("check", "pay", link="async")
    return chain


def queue() -> ck.Chain:
    chain = by_call()
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=360))
    chain.connect("check", "jobs")
    chain.connect("jobs", "pay", batch_size=1)
    return chain


def topic() -> ck.Chain:
    chain = by_call()
    chain.add(ck.SnsTopic("news"))
    chain.connect("check", "news")
    chain.connect("news", "pay")
    return chain


def bus() -> ck.Chain:
    chain = by_call()
    chain.add(ck.EventBus("bus"))
    chain.connect("check", "bus")
    chain.connect("bus", "pay")
    return chain


def express() -> ck.Chain:
    chain = by_call()
    chain.add(flow({"Pay": task("pay")}))
    chain.connect("check", "flow")
    return chain


VARIANTS = [sync, event, queue, topic, bus, express]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.__name__)
def test_an_order_costs_the_same_work_in_every_variant(variant: Callable[[], ck.Chain]) -> None:
    work = []
    for make in (sync, variant):
        run = ck.simulate(make(), Poisson(rate_per_s=2), requests=60, seed=1, replications=2, latency=WAYS)
        spans = [run.trace(i).spans for i in range(0, 60, 6)]
        work.append(
            [s.end_s - s.start_s for story in spans for s in story if (s.node, s.what) == ("pay", "invocation")]
        )

    assert len(work[0]) == 10
    np.testing.assert_allclose(work[1], work[0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.__name__)
def test_variants_pay_for_the_same_run_time(variant: Callable[[], ck.Chain]) -> None:
    billed_s = [
        ck.simulate(make(), Poisson(rate_per_s=2), requests=400, seed=1, replications=1, latency={}).nodes.loc[
            "pay", "billed_s"
        ]
        for make in (sync, variant)
    ]

    assert billed_s[0] == pytest.approx(billed_s[1], abs=0.002)  # a duration may end on the other side of a millisecond


def test_failures_follow_the_order_and_not_its_way() -> None:
    outcomes = []
    for make in VARIANTS:
        chain = make()
        chain.set("pay", poison_fraction=0.2)
        run = ck.simulate(chain, Poisson(rate_per_s=2), requests=100, seed=1, replications=1, drain_s=100.0)
        outcomes.append({i for i in range(100) if "ERROR" in str(run.trace(i)).replace("api", "")})

    assert all(found == outcomes[0] for found in outcomes)
    assert 5 < len(outcomes[0]) < 40
