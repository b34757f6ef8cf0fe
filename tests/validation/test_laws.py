"""Arithmetic of rules."""

from chainkit.validation import laws
from chainkit.validation.rows import Effort


def test_a_delivery_that_is_never_accepted_ends_after_its_last_phase() -> None:
    tries, days = laws.delivery_phases(Effort())

    assert (tries.ours, tries.verdict) == (100_015, "pass")
    assert 23.14 < days.ours < 23.16


def test_a_chain_of_calls_is_billed_exactly() -> None:
    assert [row.verdict for row in laws.chains(Effort())] == ["pass"] * 3
