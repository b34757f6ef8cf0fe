"""Queues: figures by hand."""

import pytest

import chainkit as ck
from chainkit.checks.design import Design
from chainkit.checks.queues import concurrency, returned
from tests.checks.cases import CASES, found, polled


def effect(rule: str) -> str:
    return found(CASES[rule](True), rule)[0].effect


def test_a_receive_count_of_four_gives_up_ten_times_as_many() -> None:
    assert "failures alone move 100 of a million instead of 10 of a million" in effect("receive-count-below-five")


def test_a_failure_among_two_brings_both_back() -> None:
    assert "19 % of the full batches" in effect("batch-fails-whole")  # 1 - 0.9^2


def test_a_batch_that_is_cut_is_billed() -> None:
    text = effect("batch-outlasts-timeout")

    assert "$83.33 a million" in text  # 10 s x 0.5 GB x 0.0000166667 x 1e6


def test_a_visibility_that_lambda_refuses_is_an_error_and_no_finding() -> None:
    chain = polled(visibility_timeout_s=9)

    assert len(chain.validate()) == 1
    assert found(chain, "visibility-below-six-timeouts") == []


def test_a_message_comes_back_with_any_of_its_batch() -> None:
    settings = {"error_rate": 0.1, "poison_fraction": 0.5}
    (alone,) = Design(polled(settings, {"report_batch_item_failures": True})).polled
    (together,) = Design(polled(settings, {"batch_size": 2})).polled

    assert returned(alone) == pytest.approx(0.1)
    assert returned(together) == pytest.approx(1 - 0.9 * (0.9 * 0.5))


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [({}, 1250), ({"maximum_concurrency": 7}, 7), ({"minimum_pollers": 2, "maximum_pollers": 4}, 40)],
)
def test_how_many_batches_a_mapping_runs_at_once(mapping: dict[str, int], expected: int) -> None:
    (actual,) = Design(polled(mapping=mapping)).polled

    assert concurrency(actual) == expected


def test_two_mappings_share_a_reservation_and_no_single_change_mends_that() -> None:
    chain = polled({"reserved_concurrency": 20}, {"maximum_concurrency": 15})
    chain.add(ck.SqsQueue("more", visibility_timeout_s=60))
    chain.connect("more", "pay", maximum_concurrency=15)
    (finding,) = found(chain, "mappings-above-reservation")

    assert "may run 30 batches at once" in finding.problem
    assert finding.change == ()
