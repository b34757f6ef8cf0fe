"""Where a request's time goes, and what is nearest to its limit."""

import pytest

import chainkit as ck
from chainkit.widgets.bottleneck import nearest_limit, shares, table


def run_of(chain, rate_per_s=1, requests=1_000):
    return ck.simulate(chain, ck.Steady(rate_per_s=rate_per_s), requests=requests, seed=1, latency=ck.no_latency)


def calling(**settings):
    """Return a function that calls another one and waits for its answer."""
    chain = ck.Chain("two")
    chain.add(ck.LambdaFunction("ask", duration=0.1, init=0, timeout_s=30))
    chain.add(ck.LambdaFunction("pay", duration=0.3, init=0, timeout_s=20, **settings))
    chain.connect("ask", "pay")
    return chain


def test_what_a_caller_waits_for_is_time_of_the_called_one():
    run = run_of(calling())
    ask, pay = shares(run, table(run))

    assert (ask.own_s, pay.own_s) == pytest.approx((0.1, 0.3), abs=0.02)
    assert ask.each_s == pytest.approx(0.4, abs=0.02)
    assert ask.part + pay.part == pytest.approx(1)


def test_two_callers_of_one_service_have_each_their_own_part_taken_off():
    chain = calling()
    chain.add(ck.LambdaFunction("start", duration=0.05, init=0, timeout_s=60))
    chain.connect("start", "ask", step=1)
    chain.connect("start", "pay", step=2)
    run = run_of(chain)
    own_s = {share.node: share.own_s for share in shares(run, table(run))}

    assert own_s == pytest.approx({"start": 0.05, "ask": 0.1, "pay": 0.6}, abs=0.02)


def test_a_backlog_is_time_of_the_queue():
    chain = ck.Chain("slow")
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    chain.add(ck.LambdaFunction("pay", duration=1.0, init=0, timeout_s=10))
    chain.connect("jobs", "pay", batch_size=1, maximum_concurrency=2)
    run = run_of(chain, rate_per_s=4)
    parts = {share.node: share.part for share in shares(run, table(run))}

    assert parts["jobs"] > 0.9


def test_a_chain_without_functions_takes_no_time_and_has_no_limit():
    chain = ck.Chain("topic")
    chain.add(ck.SnsTopic("news"))
    run = run_of(chain)

    assert shares(run, table(run)) == []
    assert nearest_limit(run, table(run)) is None


def test_the_reserved_concurrency_is_the_limit_of_its_function_alone():
    run = run_of(calling(reserved_concurrency=4))
    limit = nearest_limit(run, table(run))

    assert limit is not None
    assert (limit.node, limit.most, limit.is_own, limit.throttles) == ("pay", 4, True, 0)
    assert limit.part == limit.peak / 4


def test_who_was_throttled_comes_before_who_is_merely_near():
    chain = calling(reserved_concurrency=1)
    run = run_of(chain, rate_per_s=20)
    limit = nearest_limit(run, table(run))

    assert limit is not None
    assert limit.node == "pay"
    assert limit.throttles > 0


def test_the_account_of_the_run_is_what_functions_share():
    run = ck.simulate(calling(), ck.Steady(rate_per_s=1), requests=100, seed=1, account_concurrency=200)
    limit = nearest_limit(run, table(run))

    assert limit is not None
    assert (limit.most, limit.is_own) == (200, False)
