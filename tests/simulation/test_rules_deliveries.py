"""Rules of what is handed over: duplicates, refused events, deliveries, quotas, sizes; on the machine and its twin."""

import math
from itertools import accumulate
from typing import Any

import numpy as np
import pytest

import chainkit as ck
from tests.simulation.case import chain_of
from tests.simulation.engines import Engine, both_engines


def f(name: str, **settings: Any) -> ck.LambdaFunction:
    """Return a function of constant times, without init."""
    return ck.LambdaFunction(name, **{"duration": 0.0, "init": 0, "timeout_s": 60, **settings})


RARE = ck.Steady(rate_per_s=0.01)

# --- duplicates: at least once; AWS publishes no rate (invocation-async-error-handling, SQS, 2025-26) ---


@both_engines
def test_what_is_handed_over_sometimes_arrives_twice(run: Engine) -> None:
    chain = chain_of(f("f"), f("g"), ck.SqsQueue("q", visibility_timeout_s=360), f("h"))
    chain.connect("f", "g", link="async", duplicate_rate=0.3)
    chain.connect("f", "q", duplicate_rate=1.0, count=3)
    chain.connect("q", "h", batch_size=1)
    figures = run(chain, RARE, requests=1_000)
    assert abs(figures.count("g", "invocations") - 1_300) < 4 * math.sqrt(1_000 * 0.3 * 0.7)
    assert figures.count("h", "invocations") == 6_000
    assert figures.ledger == {"completed": 1_000}


@both_engines
def test_each_delivery_has_its_own_duplicates(run: Engine) -> None:
    chain = chain_of(f("f"), ck.SnsTopic("t"), f("g"), f("h"))
    chain.connect("f", "t", duplicate_rate=1.0)
    chain.connect("t", "g", duplicate_rate=1.0)
    chain.connect("t", "h")
    figures = run(chain, RARE, requests=50)
    assert [figures.count(name, "invocations") for name in "fgh"] == [50, 200, 100]


# --- events ---


@both_engines
def test_events_that_the_service_refuses_go_back_with_growing_waits_until_they_are_too_old(run: Engine) -> None:
    """Invocation-async-error-handling (2025-26): 429 and 5xx, 1 s to 5 minutes, apart from the retries of errors."""
    chain = chain_of(f("f"), f("g", service_error_rate=1.0, maximum_event_age_s=60))
    chain.connect("f", "g", link="async")
    figures = run(chain, RARE, requests=10)
    # At 0, 1, 3, 7, 15 and 31 s; the next one would come at 63 s.
    assert figures.count("g", "service_errors") == 10 * 6
    assert figures.ledger == {"expired": 10}


# --- deliveries: sns-message-delivery-retries (2026), eb-rule-retry-policy (2026) ---


@both_engines
def test_sns_tries_a_delivery_again_in_phases(run: Engine) -> None:
    chain = chain_of(ck.SnsTopic("t"), f("g"))
    chain.connect("t", "g", delivery_error_rate=0.8)
    figures = run(chain, RARE, requests=2_000)

    growing_s = [min(20.0, 20 ** (j / 9)) for j in range(10)]
    instants_s = [*accumulate([0, 0, 0, 0, 1, 1, *growing_s, *[20.0] * 100])]
    fitting = np.searchsorted(instants_s, figures.completion_s - 1e-6)
    np.testing.assert_allclose(figures.completion_s, np.array(instants_s)[fitting], rtol=1e-9)
    for tries in (4, 6, 16):
        share = 1 - 0.8**tries
        arrived = np.sum(figures.completion_s <= instants_s[tries - 1] + 1e-6)
        assert abs(arrived - 2_000 * share) < 4 * math.sqrt(2_000 * share * (1 - share))


@both_engines
def test_errors_of_the_function_are_none_of_the_delivery(run: Engine) -> None:
    """Sns-message-delivery-retries (2026): server-side failures only; once Lambda has accepted, its own retries."""
    chain = chain_of(ck.SnsTopic("t"), f("g", error_rate=1.0))
    chain.connect("t", "g")
    figures = run(chain, RARE, requests=10)
    assert figures.count("g", "invocations") == 30
    assert figures.ledger == {"dropped": 10}


@both_engines
def test_the_age_of_an_event_begins_when_lambda_has_accepted_it(run: Engine) -> None:
    chain = chain_of(ck.EventBus("b"), f("g", error_rate=1.0, maximum_event_age_s=60, maximum_retry_attempts=1))
    chain.connect("b", "g", delivery_error_rate=0.9)
    figures = run(chain, RARE, requests=30, drain_s=30_000)
    # Every event is run twice, 60 s apart, however long its delivery took.
    assert figures.count("g", "invocations") == 2 * 30


@both_engines
def test_eventbridge_gives_up_after_so_many_attempts(run: Engine) -> None:
    """Api_RetryPolicy (2026): 0 to 185 retries, 60 to 86,400 s; then the dead-letter queue, or lost."""
    for dead, outcome in ((None, "dropped"), ("dead", "dead-lettered")):
        chain = chain_of(ck.EventBus("b"), f("g"), ck.SqsQueue("dead"), f("mend", duration=0.5, timeout_s=5))
        chain.connect("b", "g", delivery_error_rate=1.0, maximum_retry_attempts=2, dead_letter_queue=dead)
        chain.connect("dead", "mend", batch_size=1)
        figures = run(chain, RARE, requests=10, at="b")
        assert figures.ledger == {outcome: 10}
        assert figures.count("g", "invocations") == 0
        assert figures.count("mend", "invocations") == (10 if dead else 0)


@both_engines
def test_eventbridge_gives_up_when_an_event_is_too_old(run: Engine) -> None:
    chain = chain_of(ck.EventBus("b"), f("g"), ck.SqsQueue("dead"))
    chain.connect("b", "g", delivery_error_rate=0.9, maximum_event_age_s=60, dead_letter_queue="dead")
    figures = run(chain, RARE, requests=2_000, at="b")
    # Tries at 0, 1, 3, 7, 15 and 31 s (waits double: an assumption); the next one would come at 63 s.
    share = 0.9**6
    assert abs(figures.ledger["dead-lettered"] - 2_000 * share) < 4 * math.sqrt(2_000 * share * (1 - share))
    assert set(figures.completion_s[np.isfinite(figures.completion_s)].round(6)) == {0, 1, 3, 7, 15, 31}


# --- quotas of EventBridge: eb-quota (2026) ---


@both_engines
def test_put_events_beyond_the_quota_is_refused(run: Engine) -> None:
    """600 a second in small regions, over all buses."""
    chain = chain_of(ck.HttpApi("api"), ck.EventBus("b"), ck.SqsQueue("q"), region="eu-south-1")
    chain.connect("api", "b")
    chain.connect("b", "q")
    figures = run(chain, ck.Steady(rate_per_s=10_000), requests=1_000)
    # A tenth of a second: a burst of 600, then 60 more.
    assert figures.ledger["completed"] == pytest.approx(660, abs=1)
    assert figures.ledger["throttled"] == 1_000 - figures.ledger["completed"]


@both_engines
def test_a_function_fails_when_its_events_are_refused(run: Engine) -> None:
    chain = chain_of(f("f", duration=0.001), ck.EventBus("b"), f("g"), region="eu-south-1")
    chain.connect("f", "b", count=4)
    chain.connect("b", "g")
    figures = run(chain, ck.Steady(rate_per_s=2_000), requests=500)
    # A quarter of a second: 600 events and 150 more, not all of them of functions that sent four.
    assert figures.count("g", "invocations") == pytest.approx(750, abs=2)
    assert figures.count("f", "errors") == figures.ledger["failed"] >= 500 - 750 / 4


@both_engines
def test_deliveries_beyond_the_quota_are_delayed_and_not_dropped(run: Engine) -> None:
    """750 targets a second in af-south-1."""
    chain = chain_of(ck.EventBus("b"), ck.SqsQueue("q"), region="af-south-1")
    chain.connect("b", "q")
    figures = run(chain, ck.Steady(rate_per_s=100_000), requests=1_500)
    assert figures.ledger == {"completed": 1_500}
    # The last one is the 750th beyond the burst, and came 0.015 s after the first.
    assert figures.completion_s.max() == pytest.approx(1.0 - 0.015, abs=2 / 750)
    assert np.sum(figures.completion_s == 0) == pytest.approx(750 * (1 + 0.0075), abs=2)


# --- sizes: SeBS (2020): 1.0 s per MB is a client's own line; 0 by default ---


@both_engines
def test_a_larger_message_takes_longer(run: Engine) -> None:
    chain = chain_of(f("f"), f("g"))
    chain.connect("f", "g", message_bytes=2 * 2**20)
    for latency, response_s in (
        ({"per_mb": 0.5}, 1.0),
        ({"sync_invocation": 0.25, "per_mb": 0.5}, 1.25),
        ({"sync_invocation": 0.25}, 0.25),
    ):
        assert run(chain, RARE, requests=3, latency=latency).response_s == pytest.approx(response_s)
