"""What duplicates, retries and impatience do: effects once, twice, never, partly; on the machine and its twin."""

from itertools import pairwise
from typing import Any

import pytest

import chainkit as ck
from tests.simulation.case import chain_of, machine, task
from tests.simulation.cases_machines import mapped
from tests.simulation.engines import Engine, both_engines


def f(name: str, **settings: Any) -> ck.LambdaFunction:
    """Return a function of constant times, without init."""
    return ck.LambdaFunction(name, **{"duration": 0.5, "init": 0, "timeout_s": 60, **settings})


RARE = ck.Steady(rate_per_s=0.001)
NOTHING = {"once": 0, "twice": 0, "never": 0, "partly": 0, "overtaken": 0}


def effects(run: Engine, chain: ck.Chain, name: str, requests: int = 10) -> dict[str, int]:
    """Return the effects of one function."""
    return NOTHING | run(chain, RARE, requests=requests).effects(name)


@both_engines
def test_each_message_of_several_is_meant_once(run: Engine) -> None:
    chain = chain_of(f("f"), f("g"))
    chain.connect("f", "g", link="async", count=3)
    assert effects(run, chain, "g") == NOTHING | {"once": 10}


@both_engines
@pytest.mark.parametrize(("idempotent", "word"), [(False, "twice"), (True, "once")])
def test_a_duplicate_has_its_effect_again_unless_the_function_is_idempotent(
    run: Engine, idempotent: bool, word: str
) -> None:
    """Invocation-async-error-handling (2025-26): an event can arrive twice, so functions should be idempotent."""
    chain = chain_of(f("f"), f("g", idempotent=idempotent))
    chain.connect("f", "g", link="async", duplicate_rate=1.0)
    assert effects(run, chain, "g") == NOTHING | {word: 10}


@both_engines
def test_an_impatient_client_has_its_effect_several_times(run: Engine) -> None:
    chain = chain_of(f("f"), f("g", duration=2.0))
    chain.connect("f", "g", client_timeout_s=1, retry=ck.Retry(max_attempts=3, interval_s=1), on_error="continue")
    assert effects(run, chain, "g") == NOTHING | {"twice": 10}


@both_engines
def test_a_retry_of_what_failed_has_its_effect_once(run: Engine) -> None:
    chain = chain_of(f("f"), f("g", error_rate=0.5))
    chain.connect("f", "g", retry=ck.Retry(max_attempts=50, interval_s=0.1, backoff_rate=1))
    assert effects(run, chain, "g", 100) == NOTHING | {"once": 100}


@both_engines
@pytest.mark.parametrize("link", ["async", "sqs"])
def test_what_was_turned_away_before_is_done_once(run: Engine, link: str) -> None:
    """Three messages at a time for a function that runs one: a throttle has run nothing, so repeats nothing."""
    chain = chain_of(f("f"), f("g", duration=5.0, reserved_concurrency=1))
    if link == "async":
        chain.connect("f", "g", link="async", count=3)
    else:
        chain.add(ck.SqsQueue("q", visibility_timeout_s=60))
        chain.connect("f", "q", count=3)
        chain.connect("q", "g", batch_size=1)
    found = run(chain, RARE, requests=10)

    assert found.count("g", "throttles") > 0
    assert found.effects("g")["once"] == 10


@both_engines
def test_what_always_fails_has_no_effect(run: Engine) -> None:
    chain = chain_of(f("f"), f("g", poison_fraction=1.0))
    chain.connect("f", "g", link="async")
    assert effects(run, chain, "g") == NOTHING | {"never": 10}


@both_engines
def test_what_ran_before_the_failure_is_done_again_by_the_retry(run: Engine) -> None:
    """The caller fails after its call: the retry calls again, and the callee's effect is there twice."""
    chain = chain_of(f("f"), f("g", poison_fraction=1.0, maximum_retry_attempts=2), f("h"))
    chain.connect("f", "g", link="async")
    chain.connect("g", "h", after_fraction=0.5)
    assert effects(run, chain, "h") == NOTHING | {"twice": 10}


@both_engines
def test_one_failure_of_a_whole_batch_repeats_the_others(run: Engine) -> None:
    """With-sqs (2023): the whole batch is visible again."""
    chain = chain_of(ck.SqsQueue("q", visibility_timeout_s=60), f("g", poison_fraction=0.2), ck.SqsQueue("dead"))
    chain.connect("q", "g", batch_size=10, maximum_batching_window_s=1)
    chain.connect("q", "dead", link="redrive", max_receive_count=2)
    figures = run(chain, ck.Steady(rate_per_s=1e4), requests=100)
    found = NOTHING | figures.effects("g")
    assert found["twice"] > 0
    assert found["once"] + found["twice"] + found["never"] <= 100


@both_engines
def test_items_that_fail_leave_a_part_undone(run: Engine) -> None:
    each = mapped({"A": task("a")}, "DISTRIBUTED", ToleratedFailurePercentage=100)
    flow = machine({"Each": each}, "STANDARD", items={"Each": 20})
    found = effects(run, chain_of(flow, f("a", error_rate=0.5)), "a")
    assert found == NOTHING | {"partly": 10, "overtaken": 0}


@both_engines
def test_an_effect_that_comes_after_a_later_requests_is_overtaken(run: Engine) -> None:
    """Standard queues and events keep no order (SQS: best effort)."""
    chain = chain_of(
        f("f", duration=0), f("g", duration=ck.Mixture([(0.5, ck.Constant(0.25)), (0.5, ck.Constant(1.0))]))
    )
    chain.connect("f", "g", link="async")
    figures = run(chain, ck.Steady(rate_per_s=2), requests=200)
    # A long run is overtaken by the next request's if that is short: 0.5 s later and 0.75 s shorter.
    times_s = figures.completion_s
    expected = sum(a > b + 0.5 for a, b in pairwise(times_s))
    assert (NOTHING | figures.effects("g"))["overtaken"] == expected > 20
