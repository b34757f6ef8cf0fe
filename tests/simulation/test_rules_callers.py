"""Rules of callers: which failures are tried again, waits, breakers, impatience; on the machine and on its twin."""

from typing import Any

import numpy as np
import pytest

import chainkit as ck
from chainkit.simulation import draws
from tests.simulation.case import chain_of, machine, task
from tests.simulation.engines import Engine, both_engines


def f(name: str, **settings: Any) -> ck.LambdaFunction:
    """Return a function of constant times, without init."""
    return ck.LambdaFunction(name, **{"duration": 0.0, "init": 0, "timeout_s": 60, **settings})


def pair(callee: dict[str, Any], **link: Any) -> ck.Chain:
    """Return a function that calls another one."""
    chain = chain_of(f("f"), f("g", **callee))
    chain.connect("f", "g", **link)
    return chain


EVERY_SECOND = ck.Steady(rate_per_s=1)

# --- which failures ---


@both_engines
@pytest.mark.parametrize(
    ("callee", "counter", "retried"),
    [
        ({"error_rate": 1.0}, "errors", "error"),
        ({"reserved_concurrency": 0}, "throttles", "throttled"),
        ({"service_error_rate": 1.0}, "service_errors", "service"),
        ({"duration": 2, "timeout_s": 1}, "timeouts", "timeout"),
    ],
)
def test_only_the_failures_that_a_retry_names_are_tried_again(
    run: Engine, callee: dict[str, Any], counter: str, retried: str
) -> None:
    """Invocation-retries (2023): Lambda retries no synchronous call; what callers do is theirs."""
    others = tuple({"error", "throttled", "service", "timeout"} - {retried})
    tries = {}
    for errors in ((retried,), others):
        chain = pair(callee, retry=ck.Retry(max_attempts=3, interval_s=0.1, errors=errors))
        figures = run(chain, ck.Steady(rate_per_s=0.1), requests=10)
        assert figures.ledger == {"failed": 10}
        tries[errors] = figures.count("g", counter)
    assert list(tries.values()) == [30, 10]


@both_engines
def test_sdks_try_throttles_and_errors_of_the_service_again_and_function_errors_never(run: Engine) -> None:
    """Invocation-retries (2023), confirmed 2025-11-21 (cosmo-grant, lambda_retries): a function error is HTTP 200."""
    for callee, counter, tries in (
        ({"error_rate": 1.0}, "errors", 1),
        ({"service_error_rate": 1.0}, "service_errors", 3),
        ({"reserved_concurrency": 0}, "throttles", 3),
    ):
        figures = run(pair(callee, retry=ck.sdk_retry()), ck.Steady(rate_per_s=0.1), requests=10)
        assert figures.count("g", counter) == 10 * tries


@both_engines
def test_retries_of_callers_are_multiplied(run: Engine) -> None:
    chain = chain_of(f("f"), f("g"), f("h", error_rate=1.0))
    for a, b in ("fg", "gh"):
        chain.connect(a, b, retry=ck.Retry(max_attempts=3, interval_s=0.1))
    figures = run(chain, ck.Steady(rate_per_s=0.1), requests=10)
    assert [figures.count(name, "invocations") for name in "fgh"] == [10, 30, 90]


@both_engines
def test_an_impatient_client_calls_again_while_the_callee_runs_on(run: Engine) -> None:
    """Invocation-retries (2023): a client timeout does not stop the function; duplicate executions follow."""
    chain = pair(
        {"duration": 1.0}, client_timeout_s=0.25, retry=ck.Retry(max_attempts=3, interval_s=0.125, backoff_rate=1)
    )
    figures = run(chain, ck.Steady(rate_per_s=0.1), requests=10)
    assert figures.count("g", "invocations") == 30
    assert figures.count("g", "billed_ms") == 30_000
    assert figures.response_s == pytest.approx(3 * 0.25 + 2 * 0.125)


@both_engines
def test_an_execution_whose_time_is_over_is_a_timeout_to_its_caller(run: Engine) -> None:
    chain = chain_of(f("f"), machine({"A": task("a")}, limit_s=1), f("a", duration=5.0))
    chain.connect("f", "flow", retry=ck.Retry(max_attempts=2, interval_s=1, errors=("timeout",)))
    figures = run(chain, ck.Steady(rate_per_s=0.1), requests=5)
    assert figures.count("flow", "executions") == 10
    assert figures.response_s == pytest.approx(3.0)


# --- waits ---


@both_engines
@pytest.mark.parametrize("jitter", ["none", "full", "decorrelated"])
def test_a_caller_waits_as_its_jitter_says(run: Engine, jitter: Any) -> None:
    """AWS Architecture Blog, Exponential Backoff and Jitter: full and decorrelated."""
    retry = ck.Retry(max_attempts=5, interval_s=0.5, backoff_rate=2.0, max_delay_s=3.0, jitter=jitter)
    figures = run(pair({"error_rate": 1.0}, retry=retry), ck.Steady(rate_per_s=0.01), requests=20)

    expected = []
    for request in range(20):
        salt, wait_s, total_s = 0, 0.5, 0.0
        for k in range(4):
            u = draws.word(draws.site_key(1, 0, "f>g.jitter"), request, salt) / 2.0**64
            plain_s = min(3.0, 0.5 * 2**k)
            wait_s = {"none": plain_s, "full": plain_s * u, "decorrelated": min(3.0, 0.5 + u * (3 * wait_s - 0.5))}[
                jitter
            ]
            total_s, salt = total_s + wait_s, draws.again(salt)
        expected.append(total_s)
    assert figures.response_s == pytest.approx(expected)


# --- circuit breakers: Nygard, Release It!; its state is kept in a store that all callers share (an assumption) ---


@both_engines
def test_a_breaker_opens_after_so_many_failures_and_lets_a_trial_through_after_a_while(run: Engine) -> None:
    chain = pair({"error_rate": 1.0}, breaker=ck.CircuitBreaker(failures=3, window_s=10, open_s=5))
    figures = run(chain, EVERY_SECOND, requests=20)
    # Failures at 1, 2 and 3 s; trials at 8, 13 and 18 s fail too.
    assert figures.count("g", "invocations") == 6
    assert figures.ledger == {"failed": 20}


@both_engines
def test_failures_before_the_window_are_forgotten(run: Engine) -> None:
    chain = pair({"error_rate": 1.0}, breaker=ck.CircuitBreaker(failures=2, window_s=1.5, open_s=100))
    # 1 s: the first; 2 s: more than 1.5 s after the window began (0 s), so the first again; 3 s: the second.
    assert run(chain, EVERY_SECOND, requests=20).count("g", "invocations") == 3

    chain = pair({"error_rate": 1.0}, breaker=ck.CircuitBreaker(failures=2, window_s=0.5, open_s=100))
    assert run(chain, EVERY_SECOND, requests=20).count("g", "invocations") == 20


@both_engines
def test_a_trial_that_succeeds_closes_the_breaker(run: Engine) -> None:
    chain = pair({"poison_fraction": 0.5}, breaker=ck.CircuitBreaker(failures=1, window_s=10, open_s=2))
    figures = run(chain, EVERY_SECOND, requests=200)
    is_poison = [draws.hits(draws.site_key(1, 0, "g.poison"), 0.5, i, 0) for i in range(200)]
    called, open_until = 0, 0
    for second, fails in enumerate(is_poison, 1):
        if second >= open_until:
            called += 1
            open_until = second + 2 if fails else 0
    assert figures.count("g", "invocations") == called


@both_engines
def test_an_open_breaker_fails_at_once_and_is_not_tried_again(run: Engine) -> None:
    breaker = ck.CircuitBreaker(failures=1, window_s=10, open_s=1_000)
    chain = pair({"error_rate": 1.0, "duration": 0.25}, breaker=breaker, retry=ck.Retry(max_attempts=4, interval_s=0.5))
    figures = run(chain, ck.Steady(rate_per_s=0.1), requests=10)
    # The first request's first try opens it, its second finds it open half a second later.
    assert figures.count("g", "invocations") == 1
    np.testing.assert_allclose(figures.response_s, [0.75] + [0.0] * 9)


@both_engines
def test_an_answer_of_its_own_stands_in_while_the_breaker_is_open(run: Engine) -> None:
    breaker = ck.CircuitBreaker(failures=1, window_s=10, open_s=1_000)
    figures = run(pair({"error_rate": 1.0}, breaker=breaker, on_error="continue"), EVERY_SECOND, requests=10)
    assert figures.count("g", "invocations") == 1
    assert figures.ledger == {"completed": 10}
