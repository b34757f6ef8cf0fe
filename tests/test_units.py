"""Amounts: half a cent goes up, and a price keeps all its digits."""

import math
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainkit.units import plain, to_the_cent, usd


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


@given(st.integers(0, 10**6), st.integers(0, 99))
def test_what_people_read_is_rounded_as_an_invoice_is(dollars, cents):
    exact = Decimal(dollars) + Decimal(cents) / 100 + Decimal("0.005")

    if exact >= Decimal("0.01"):
        assert usd(float(exact)) == f"${exact.quantize(Decimal('0.01'), ROUND_HALF_UP):,}"


@given(st.floats(1e-12, 1e9))
def test_a_price_keeps_all_its_digits(value):
    assert float(plain(value)) == value
    assert "e" not in plain(value)
