"""The stand-in's draws: those of a simulation where a trace header says which, else random."""

import pytest

from chainkit import standin
from chainkit.simulation import draws


def test_a_told_draw_is_the_simulators():
    for request in range(50):
        salt = draws.descend(draws.again(0), 3)
        header = f"Root=1-a;Parent=b;Sampled=1;Draw=-7:2:{request}:{salt:x}"
        assert standin._uniform("a>b.chance", header) == draws.uniform(-7, 2, "a>b.chance", request, salt)


def test_without_a_header_it_is_random():
    assert standin._uniform("a>b.chance", "Root=1-a") != standin._uniform("a>b.chance", "Root=1-a")


def test_a_function_fails_as_it_is_told_whatever_its_own_rate():
    plan = {"error_rate": 1.0, "poison_fraction": 1.0, "error_name": "Own"}
    standin._fail_or_not(plan, "pay", "Root=1-a;Draw=1:0:0:0")
    with pytest.raises(Exception, match="injected") as failed:
        standin._fail_or_not(plan | {"error_rate": 0.0}, "pay", "Root=1-a;Draw=1:0:0:0;Fail=Down")
    assert type(failed.value).__name__ == "Down"
    with pytest.raises(Exception, match="failed as designed"):
        standin._fail_or_not(plan, "pay", "Root=1-a")
