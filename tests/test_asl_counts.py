"""Laws of a count: both kinds agree, whatever is done with them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainkit.asl_counts import Masses, Moments, power, powers
from chainkit.errors import SimulationError

Both = tuple[Moments, Masses]


def both(p: float, count: int) -> Both:
    return Moments.fixed(p, count), Masses.fixed(p, count)


def assert_same(moments: Moments, masses: Masses) -> None:
    counts = masses.least + np.arange(masses.mass.size)
    mean = (counts * masses.mass).sum() / masses.p

    assert moments.p == pytest.approx(masses.p)
    assert moments.mean == pytest.approx(mean)
    assert moments.variance == pytest.approx(((counts - mean) ** 2 * masses.mass).sum() / masses.p, abs=1e-9)
    assert moments.least == masses.least


LAWS = st.lists(st.tuples(st.floats(0.01, 0.2), st.integers(0, 9)), min_size=1, max_size=5).map(
    lambda parts: (
        Moments.mixed([Moments.fixed(p, n) for p, n in parts]),
        Masses.mixed([Masses.fixed(p, n) for p, n in parts]),
    )
)


@given(LAWS, LAWS)
def test_both_kinds_mix_and_add_alike(first: Both, second: Both) -> None:
    assert_same(first[0].then(second[0]), first[1].then(second[1]))
    assert_same(Moments.mixed([first[0], second[0]]), Masses.mixed([first[1], second[1]]))
    assert_same(first[0].scaled(0.5).uncounted(), first[1].scaled(0.5).uncounted())


@given(LAWS, LAWS, st.integers(0, 6))
def test_powers_are_repeated_sums(first: Both, second: Both, n: int) -> None:
    whole = Masses.fixed(1.0, 0)
    for _ in range(n):
        whole = whole.then(first[1])
    around = [power(first[1], k).then(power(second[1], n - 1 - k)) for k in range(n)] or [Masses.fixed(0.0, 0)]

    assert_same(power(first[0], n), whole)
    for kind in range(2):
        assert powers(first[kind], second[kind], n)[0].p == pytest.approx(whole.p)
        assert powers(first[kind], second[kind], n)[1].p == pytest.approx(second[1].p ** n)
    if n:
        assert_same(powers(first[0], second[0], n)[2], Masses.mixed(around))
        assert powers(first[1], second[1], n)[2].mass == pytest.approx(Masses.mixed(around).mass)


@given(LAWS, LAWS, LAWS, st.floats(0.05, 0.9))
def test_a_circle_is_left_alike(there: Both, back: Both, out: Both, p: float) -> None:
    step = both(1.0, 1)
    found = []
    for k, kind in enumerate((Moments, Masses)):
        ways = {
            "a": [("b", there[k].scaled((1 - p) / there[k].p).then(step[k])), ("x", out[k].scaled(p / out[k].p))],
            "b": [("a", back[k].scaled((1 - p) / back[k].p).then(step[k])), ("y", step[k].scaled(p))],
        }
        found.append(kind.left({"a": kind.fixed(0.3, 2), "b": kind.fixed(0.7, 0)}, ways))

    assert found[0].keys() == found[1].keys() == {"x", "y"}
    for target in "xy":
        assert_same(found[0][target], found[1][target])


def test_small_probabilities_keep_their_digits() -> None:
    rare = Masses.mixed([Masses.fixed(1 - 1e-8, 0), Masses.fixed(1e-8, 1)])

    assert rare.then(rare).mass == pytest.approx([1, 2e-8, 1e-16], rel=1e-7, abs=0)


def test_a_million_sure_items_have_no_variance() -> None:
    assert power(Moments.fixed(1.0, 3), 1_000_000) == Moments(1.0, 3e6, 0.0, 3_000_000)


def test_wide_laws_add_up_as_narrow_ones_do() -> None:
    wide = power(Masses(0, np.full(1_001, 1 / 1_001)), 8)
    one = Moments.mixed([Moments.fixed(1 / 1_001, n) for n in range(1_001)])

    counts = wide.least + np.arange(wide.mass.size)
    assert wide.p == pytest.approx(1, abs=1e-12)
    assert (counts * wide.mass).sum() == pytest.approx(8 * one.mean, rel=1e-10)
    assert ((counts - 4_000) ** 2 * wide.mass).sum() == pytest.approx(8 * one.variance, rel=1e-9)


def test_what_is_too_long_to_work_out_is_refused() -> None:
    wide = Masses(0, np.full(600_000, 1 / 600_000))

    with pytest.raises(SimulationError, match="more than 1,000,000 counts"):
        wide.then(wide)
