"""Closed forms against their printed values."""

import pytest

from chainkit.validation import formulas


@pytest.mark.parametrize(
    ("load", "servers", "printed"), [(1.7919, 5, 0.0259188), (8, 10, 0.1216611), (90, 100, 0.0269574)]
)
def test_erlang_b_is_the_printed_one(load: float, servers: int, printed: float) -> None:
    assert formulas.erlang_b(load, servers) == pytest.approx(printed, abs=5e-8)


@pytest.mark.parametrize(("load", "servers", "printed"), [(8, 10, 0.4091802), (90, 100, 0.2169405)])
def test_erlang_c_is_the_printed_one(load: float, servers: int, printed: float) -> None:
    assert formulas.erlang_c(load, servers) == pytest.approx(printed, abs=5e-8)


def test_erlang_b_of_a_whole_account_does_not_overflow() -> None:
    assert formulas.erlang_b(2016, 1000) == pytest.approx(0.504455, abs=5e-7)


@pytest.mark.parametrize(("n", "printed"), [(2, 1.5), (3, 1.8333), (5, 2.2833), (10, 2.9290), (40, 4.2785)])
def test_the_longest_of_n_is_the_printed_one(n: int, printed: float) -> None:
    assert formulas.longest_of(n) == pytest.approx(printed, abs=5e-5)


def test_one_server_with_exponential_service_waits_as_many_servers_of_one_do() -> None:
    assert formulas.wait_of_one(0.7, 1.0) == pytest.approx(formulas.wait_of_many(0.7, 1))
