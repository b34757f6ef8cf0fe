"""The lines of an account: shares, rounding, words. Tiers and free parts are held by the tests of bills."""

import math
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainkit.billing.account import Used, charged, count, doubtful, settled, to_the_cent, written
from chainkit.billing.prices import price_book

BOOK = price_book("us-east-1")


def lines_of(*used, free_tier=False):
    return [
        *charged(
            [Used(node=node, what="it", price=price, quantity=q) for node, price, q in used], BOOK, free_tier=free_tier
        )
    ]


def test_lines_of_one_price_share_tiers_and_free_part_by_their_quantities():
    small, large = lines_of(("a", "lambda-gb-s-x86", 1e9), ("b", "lambda-gb-s-x86", 9e9), free_tier=True)

    assert (small.free, large.free) == pytest.approx((40_000, 360_000))
    assert [charge.quantity for charge in large.tiers] == pytest.approx([0.9 * 6e9, 0.9 * (4e9 - 4e5)])
    assert small.usd * 9 == pytest.approx(large.usd)


def test_prices_of_one_pool_share_its_free_part():
    standard, fifo = lines_of(("a", "sqs-standard-requests", 1e6), ("b", "sqs-fifo-requests", 3e6), free_tier=True)

    assert (standard.free, fifo.free) == (250_000, 750_000)


@given(st.integers(0, 10**9), st.integers(0, 99), st.floats(-3e-16, 3e-16))
def test_a_half_cent_is_rounded_up_whatever_the_last_figures_of_its_float(dollars, cents, noise):
    exact = Decimal(dollars) + Decimal(cents) / 100 + Decimal("0.005")

    if dollars < 10**6:  # further up a float's figures end before the half cent
        assert to_the_cent(float(exact) * (1 + noise)) == float(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))


@given(st.floats(0, 1e9))
def test_rounding_moves_an_amount_by_half_a_cent_at_most(amount):
    assert abs(to_the_cent(amount) - amount) <= 0.005 * (1 + 1e-9) + 1e-11 * amount


@pytest.mark.parametrize("amount", [1e14, 1e30, math.inf])
def test_an_amount_too_large_for_cents_stays_as_it_is(amount):
    assert to_the_cent(amount) == amount


def test_a_line_says_where_its_quantity_comes_from():
    used = Used(node="a", what="polls", price="sqs-standard-requests", quantity=10.0, counted="counted 1 over 1 hours")
    (line,) = charged([used], BOOK, free_tier=False)

    assert line.why == "polls: 10 x $0.0000004 per request = $4e-06 (counted 1 over 1 hours)"


def test_only_prices_of_low_confidence_are_doubtful():
    notes = [
        *doubtful(lines_of(("a", "lambda-requests", 1), ("a", "s3-notifications", 1), ("b", "s3-notifications", 1)))
    ]

    assert notes == ["price s3-notifications has confidence D: from memory: verify before use"]


@pytest.mark.parametrize("free_tier", [True, False, ("lambda-gb-s",)])
def test_a_free_tier_that_says_something_is_kept(free_tier):
    assert settled("bill", free_tier, BOOK) == free_tier


def test_quantities_and_prices_are_written_for_people():
    assert (count(1e9), count(0.12345), count(1000.4), written(2e-7)) == (
        "1,000,000,000",
        "0.1235",
        "1,000",
        "0.0000002",
    )
    assert math.isclose(float(written(1.66667e-05)), 1.66667e-05)
