"""Walks: ends and entries of random graphs, held to the plain linear equations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainkit.asl_counts import Masses, Moments
from chainkit.asl_walks import EndlessError, walk


@given(st.integers(1, 6), st.integers(0, 2**32))
def test_entries_and_ends_solve_the_equations_of_the_chain(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    moves = rng.random((n, n)) * (rng.random((n, n)) < 0.4)
    moves /= moves.sum(axis=1, keepdims=True) + rng.random((n, 1)) + 0.1
    leaves = 1 - moves.sum(axis=1)
    entries = np.linalg.inv(np.eye(n) - moves)[0]
    for kind in (Moments, Masses):
        ways = {i: [(j, kind.fixed(float(moves[i, j]), 1)) for j in range(n)] for i in range(n)}
        for i in range(n):
            ways[i].append((f"end {i % 2}", kind.fixed(float(leaves[i]), 1)))
        ends, entered = walk(ways, 0, kind)

        assert entered == pytest.approx({i: x for i, x in enumerate(entries) if x > 0})
        for parity in range(2):
            expected = (entries * leaves)[parity::2].sum()
            assert (ends[f"end {parity}"].p if f"end {parity}" in ends else 0) == pytest.approx(expected)
        if kind is Moments:
            assert Moments.mixed(list(ends.values())).mean == pytest.approx(entries.sum())


def test_a_circle_without_a_way_out_is_told_by_its_entry() -> None:
    step = Moments.fixed(1.0, 1)
    half = Moments.fixed(0.5, 1)
    with pytest.raises(EndlessError) as caught:
        walk({"a": [("end", half), ("b", half)], "b": [("c", step)], "c": [("b", step)]}, "a", Moments)

    assert caught.value.node == "b"


def test_a_circle_that_is_never_entered_may_be_endless() -> None:
    step, never = Moments.fixed(1.0, 1), Moments.fixed(0.0, 1)

    assert walk({"a": [("end", step), ("b", never)], "b": [("b", step)]}, "a", Moments)[1] == {"a": 1.0}
