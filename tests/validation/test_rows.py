"""When two figures agree."""

import math

import numpy as np
import pytest

from chainkit.validation.rows import Effort, Spread, by_errors, by_law, by_share, certain, exact, spread


def test_three_errors_of_both_sides_are_allowed_and_half_a_printed_digit() -> None:
    row = by_errors("V", "w", "s", "0.50", Spread(0.5, 0.003, 0.494, 0.506), published_error=0.004)

    assert row.allowed == pytest.approx(3 * 0.005 + 0.005)
    assert row.verdict == "pass"


def test_a_figure_printed_without_its_error_is_taken_to_have_two_thousandths() -> None:
    ours = Spread(10.1, 0.001, 10.09, 10.11)

    assert by_errors("V", "w", "s", "10.000", ours).verdict == "fail"
    assert by_errors("V", "w", "s", "10.050", ours).verdict == "pass"


def test_our_own_error_may_not_be_larger_than_the_printed_one() -> None:
    assert by_errors("V", "w", "s", "10.0", Spread(10, 0.5, 9, 11), published_error=0.4).verdict == "coarse"


def test_a_value_that_is_known_exactly_allows_three_of_our_errors() -> None:
    assert by_law("V", "w", "s", 1.0, Spread(1.002, 0.001, 1, 1.004)).verdict == "pass"
    assert by_law("V", "w", "s", 1.0, Spread(1.004, 0.001, 1, 1.006)).verdict == "fail"


def test_a_share_is_of_the_published_figure() -> None:
    assert by_share("V", "w", "s", 200.0, certain(204), share=0.02).verdict == "pass"
    assert by_share("V", "w", "s", 200.0, certain(204.1), share=0.02).verdict == "fail"
    assert by_share("V", "w", "s", 200.0, certain(300), share=math.nan).verdict == "shown"


@pytest.mark.parametrize("ours", [math.inf, math.nan])
def test_what_never_came_does_not_pass(ours: float) -> None:
    assert exact("V", "w", "s", 1.0, ours).verdict == "fail"


def test_few_replications_are_allowed_more_errors_each_as_unlikely_as_three() -> None:
    rng = np.random.default_rng(1)
    samples = [spread(rng.normal(size=6).tolist()) for _ in range(20_000)]
    missed = np.mean([abs(each.value) > each.errors * each.standard_error for each in samples])

    assert spread([1.0, 2.0] * 10).errors == 3
    assert 0.0015 < missed < 0.0040


def test_a_quick_run_makes_fewer_replications_and_never_too_few_for_an_interval() -> None:
    assert [Effort(is_quick=True).replications(n) for n in (100, 20)] == [10, 4]
    assert Effort().replications(100) == 100
