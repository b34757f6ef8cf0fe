"""Closed loops: users who wait for their answers, held to the laws of such systems; on the machine and on its twin."""

import numpy as np
import pytest

import chainkit as ck
from chainkit.simulation.loads import ClosedLoop
from tests.simulation.case import chain_of
from tests.simulation.engines import Engine, both_engines


def f(name: str = "f", **settings: float) -> ck.LambdaFunction:
    """Return a function of constant times, without init."""
    return ck.LambdaFunction(name, **{"duration": 1.0, "init": 0, "timeout_s": 60, **settings})


@both_engines
def test_each_user_asks_again_one_think_time_after_the_answer(run: Engine) -> None:
    """Interactive response time law: N users, think time Z and response R make N / (R + Z) requests a second."""
    chain = chain_of(f(duration=0.5, provisioned_concurrency=4))
    figures = run(chain, ClosedLoop(users=4, think=1.5), requests=40)
    # Ten turns of two seconds, less the answer to the last.
    assert figures.count("f", "provisioned_s") == pytest.approx(4 * (10 * 2.0 - 0.5))
    assert figures.ledger == {"completed": 40}


@both_engines
def test_more_users_than_there_are_environments_are_throttled_and_do_not_pile_up(run: Engine) -> None:
    chain = chain_of(f(duration=1.0, reserved_concurrency=3))
    figures = run(chain, ClosedLoop(users=5, think=1.0), requests=50)
    # Three are answered after a second, two at once: after an odd second all five ask, after an even one the two.
    assert figures.count("f", "invocations") + figures.count("f", "throttles") == 50
    assert figures.count("f", "throttles") > 0
    assert set(np.unique(figures.response_s)) == {0.0, 1.0}


@both_engines
def test_where_nobody_waits_the_next_request_follows_the_hand_over(run: Engine) -> None:
    chain = chain_of(ck.SqsQueue("q", visibility_timeout_s=360), f(duration=30.0, provisioned_concurrency=1))
    chain.connect("q", "f", batch_size=1)
    figures = run(chain, ClosedLoop(users=2, think=2.0), requests=20)
    assert figures.count("f", "provisioned_s") == pytest.approx(10 * 2.0)
    assert np.isnan(figures.response_s).all()


@both_engines
def test_no_more_users_take_part_than_there_are_requests(run: Engine) -> None:
    figures = run(chain_of(f()), ClosedLoop(users=100, think=1.0), requests=3)
    assert figures.count("f", "cold_starts") == 3
