"""Functions with parts, as the rules of `check` read them, beside what is simulated."""

import pytest

import chainkit as ck
from chainkit.checks.wholes import as_one
from chainkit.distributions import Exponential

PARTS = {
    "b": ck.Part(duration=Exponential(mean_s=0.4), error_rate=0.1, probability=0.5),
    "c": ck.Part(duration=Exponential(mean_s=0.2), caller="b", error_rate=0.2),
    "d": ck.Part(duration=0.1, error_rate=0.5, on_error="continue"),
    "e": ck.Part(duration=0.1, caller="d", error_rate=0.5),
}


def whole() -> ck.Chain:
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("a", duration=Exponential(mean_s=0.3), timeout_s=900, init=0, parts=PARTS))
    return chain


def test_its_mean_and_its_errors_are_those_of_all_its_parts():
    pool = as_one(whole().service("a").behaviour())
    run = ck.simulate(whole(), ck.Steady(rate_per_s=1), requests=40_000, seed=1)

    assert pool.work.mean_s == pytest.approx(0.3 + 0.5 * 0.6 + 0.2)
    assert pool.error_rate == pytest.approx(1 - (1 - 0.05) * (1 - 0.1))
    assert run.ledger["failed"] / 40_000 == pytest.approx(0.5 * (0.1 + 0.9 * 0.2), abs=0.01)


def test_its_spread_is_that_of_the_sum():
    parts = {f"p{k}": ck.Part(duration=Exponential(mean_s=0.5)) for k in range(3)}
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("a", duration=Exponential(mean_s=0.5), timeout_s=5, parts=parts))
    law = as_one(chain.service("a").behaviour()).work

    assert law.mean_s == pytest.approx(2.0)
    assert law.shape == pytest.approx(4.0, rel=0.02)  # four exponentials are a Gamma of shape 4


def test_a_function_that_its_parts_bring_over_its_timeout_is_found():
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("a", duration=0.1, timeout_s=3, parts={"b": ck.Part(duration=5.0)}))

    assert "work-outlasts-timeout" in [finding.rule for finding in ck.check(chain)]
