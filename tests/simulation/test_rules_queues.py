"""Rules of the mapping of a queue, held to what one can work out by hand; on the machine and its twin."""

from typing import Any

import numpy as np
import pytest

import chainkit as ck
from tests.simulation.case import chain_of
from tests.simulation.engines import Engine, both_engines, by_machine


def polled(mapping: dict[str, Any], visibility_s: int = 60, receives: int = 3, **pay: Any) -> ck.Chain:
    """Return a queue, a function of constant times that works it, and a dead-letter queue."""
    function = ck.LambdaFunction("pay", **{"duration": 1.0, "init": 0, "timeout_s": 10, **pay})
    chain = chain_of(ck.SqsQueue("q", visibility_timeout_s=visibility_s), function, ck.SqsQueue("dead"))
    chain.connect("q", "pay", **mapping)
    chain.connect("q", "dead", link="redrive", max_receive_count=receives)
    return chain


AT_ONCE = ck.Steady(rate_per_s=1e5)
SINGLE = {"batch_size": 1}

# --- pollers: services-sqs-scaling (2025-26) ---


@both_engines
@pytest.mark.parametrize(
    ("mapping", "first", "step_s", "most"),
    [
        (SINGLE, 5, 0.2, 1_250),
        ({**SINGLE, "maximum_concurrency": 7}, 7, 0.2, 7),
        ({**SINGLE, "minimum_pollers": 2, "maximum_pollers": 4}, 20, 0.06, 40),
    ],
    ids=["by itself", "at most seven", "provisioned"],
)
def test_pollers_begin_with_few_batches_and_grow(
    run: Engine, mapping: dict[str, Any], first: int, step_s: float, most: int
) -> None:
    """5, and 300 more a minute to 1,250; provisioned mode: 10 for each poller, and 1,000 more a minute."""
    chain = polled(mapping, visibility_s=600, duration=100.0, timeout_s=101)
    figures = run(chain, AT_ONCE, requests=60)
    began_s = np.sort(figures.completion_s) - 100
    assert np.sum(began_s < 0.01) == first
    growing = int(min(most, 60)) - first
    np.testing.assert_allclose(began_s[first : first + growing], step_s * np.arange(1, growing + 1), atol=0.01)
    assert np.all(began_s[first + growing :] > 99)


def test_no_more_than_120000_messages_are_in_flight() -> None:
    """Quotas of SQS (2026): about 120,000 for a standard queue."""
    mapping = {"batch_size": 10_000, "maximum_batching_window_s": 10, "maximum_concurrency": 100}
    chain = polled(mapping, visibility_s=3_600, duration=0.01, timeout_s=900)
    figures = by_machine(chain, AT_ONCE, requests=150_000)
    # Twelve batches of 10,000 run for 100 s each, then the other three.
    assert np.sum(figures.completion_s < 150) == 120_000
    assert np.sum(figures.completion_s > 190) == 30_000


# --- refused batches: with-sqs (2023): the poller backs off and tries again inside the visibility timeout ---


@both_engines
def test_a_refused_batch_is_tried_again_while_its_messages_are_hidden(run: Engine) -> None:
    figures = run(polled(SINGLE, duration=5.0, reserved_concurrency=1), AT_ONCE, requests=2)
    # Refused at 0, 1 and 3 s, taken at 7 s (waits double from 1 s: an assumption).
    np.testing.assert_allclose(figures.completion_s, [5.0, 12.0], atol=1e-4)
    assert figures.count("pay", "throttles") == 3
    assert figures.count("q", "receives") == 2


@both_engines
@pytest.mark.parametrize("refusal", [{"reserved_concurrency": 0}, {"service_error_rate": 1.0}])
def test_messages_of_a_batch_that_is_never_taken_come_back_and_are_dead_in_the_end(
    run: Engine, refusal: dict[str, Any]
) -> None:
    """With-sqs (2023): the receive count grows with every receive, so maxReceiveCount should be 5 or more."""
    figures = run(polled(SINGLE, visibility_s=30, **refusal), AT_ONCE, requests=4)
    assert figures.ledger == {"dead-lettered": 4}
    # Three receives each; of each, tries at 0, 1, 3, 7 and 15 s, for 31 s is after the visibility timeout.
    tries = figures.count("pay", "throttles") + figures.count("pay", "service_errors")
    assert figures.count("q", "receives") == 4 * 3
    assert tries == 4 * 3 * 5


@both_engines
def test_what_is_worked_does_not_count_the_refusals_of_its_batch(run: Engine) -> None:
    chain = polled(SINGLE, receives=1, duration=5.0, reserved_concurrency=1)
    assert run(chain, AT_ONCE, requests=2).ledger == {"completed": 2}


# --- visibility: with-sqs (2023) ---


@both_engines
def test_a_message_whose_batch_runs_longer_than_it_is_hidden_is_worked_twice(run: Engine) -> None:
    figures = run(polled(SINGLE, visibility_s=10, duration=4.0, reserved_concurrency=1), AT_ONCE, requests=2)
    # The second is refused at 0, 1 and 3 s, runs from 7 to 11 s and is seen again at 10 s; refused then, it is taken at
    # 11 s, as soon as the environment is free.
    np.testing.assert_allclose(figures.completion_s, [4.0, 15.0], atol=1e-4)
    assert figures.count("pay", "invocations") == 3
    assert figures.count("q", "returned") == 1
    assert figures.ledger == {"completed": 2}


@both_engines
def test_a_copy_that_was_received_too_often_is_dead_though_the_first_run_succeeds(run: Engine) -> None:
    chain = polled(SINGLE, visibility_s=10, receives=1, duration=4.0, reserved_concurrency=1)
    figures = run(chain, AT_ONCE, requests=2)
    assert figures.ledger == {"completed": 1, "dead-lettered": 1}
    assert figures.count("q", "dead_letters") == 1
    assert figures.count("pay", "errors") == 0


@both_engines
@pytest.mark.parametrize(
    ("visibility_s", "back_s"), [(12, 5 + 10 + 30), (15, 15)], ids=["sum is over it", "sum is within it"]
)
def test_messages_are_hidden_for_window_and_timeout_and_thirty_seconds_if_that_is_over_the_visibility(
    run: Engine, visibility_s: int, back_s: float
) -> None:
    mapping = {"batch_size": 2, "maximum_batching_window_s": 5}
    chain = polled(mapping, visibility_s=visibility_s, receives=1, error_rate=1.0)
    chain.add(ck.LambdaFunction("mend", duration=0.0, init=0))
    chain.connect("dead", "mend", batch_size=1)
    figures = run(chain, AT_ONCE, requests=2, drain_s=back_s - 1)
    assert figures.ledger == {"unfinished": 2}
    figures = run(chain, AT_ONCE, requests=2, drain_s=back_s + 1)
    assert figures.ledger == {"dead-lettered": 2}


# --- failures: one fails all, unless the function reports ---


@both_engines
@pytest.mark.parametrize(("reports", "worked"), [(False, 1), (True, 4)])
def test_one_failure_fails_its_batch_unless_the_function_reports_it(run: Engine, reports: bool, worked: int) -> None:
    """With-sqs (2023): ReportBatchItemFailures; else the whole batch is visible again."""
    mapping = {"batch_size": 4, "maximum_batching_window_s": 1, "report_batch_item_failures": reports}
    figures = run(polled(mapping, receives=1, error_rate=1.0), AT_ONCE, requests=4)
    assert figures.ledger == {"dead-lettered": 4}
    assert figures.count("pay", "billed_ms") == worked * 1_000
