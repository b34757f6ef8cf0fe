"""Calls: depth and waiting, figures by hand."""

import pytest

from chainkit.checks.design import hop_s
from chainkit.units import seconds, usd
from tests.checks.cases import CASES, calling, found

GB_S = 0.0000166667
HOP_S = hop_s("sync_invocation")


def test_depth_multiplies_success_adds_time_and_nests_the_bill() -> None:
    (finding,) = found(CASES["synchronous-depth"](True), "synchronous-depth")
    first_s, second_s = (HOP_S + 0.25) + (HOP_S + 0.125), HOP_S + 0.125  # what order and pay wait

    assert finding.problem == "3 functions wait for each other: order > pay > bank."
    assert finding.effect.startswith("25 % of the requests")
    assert f"take {seconds(0.5 + 0.25 + 0.125 + 2 * HOP_S)} on average" in finding.effect
    assert f"{seconds(first_s + second_s)} of waiting" in finding.effect
    assert f"{usd((first_s * 1.0 + second_s * 0.5) * GB_S * 1e6)} a million" in finding.effect


def test_waiting_is_billed_at_the_callers_memory() -> None:
    (finding,) = found(CASES["billed-while-waiting"](True), "billed-while-waiting")

    assert f"waits {seconds(HOP_S + 0.25)} on average: {usd((HOP_S + 0.25) * GB_S * 1e6)} a million" in finding.effect


def test_a_callee_that_waits_itself_makes_its_caller_wait_longer() -> None:
    chain = CASES["synchronous-depth"](True)
    chain.set("pay>bank", probability=0.5)
    outer, inner = found(chain, "billed-while-waiting")

    assert f"waits {seconds(HOP_S + 0.25 + 0.5 * (HOP_S + 0.125))} on average" in outer.effect
    assert f"waits {seconds(HOP_S + 0.125)} on average" in inner.effect


def test_no_wait_is_longer_than_the_clients_timeout() -> None:
    (finding,) = found(calling(client_timeout_s=0.05), "billed-while-waiting")

    assert "waits 50 ms on average" in finding.effect


@pytest.mark.parametrize(
    ("call", "change"),
    [
        ({}, []),
        ({"needs_answer": True}, []),
        ({"needs_answer": False, "message_bytes": 2_000_000}, []),
        ({"needs_answer": False}, ["chain.set('order>pay', invocation_type='Event')"]),
        (
            {"needs_answer": False, "on_error": "continue", "client_timeout_s": 30.0},
            ["chain.set('order>pay', invocation_type='Event', client_timeout_s=None, on_error='fail')"],
        ),
    ],
)
def test_only_a_call_whose_answer_nobody_needs_is_handed_over(call: dict, change: list[str]) -> None:
    (finding,) = found(calling(**call), "billed-while-waiting")

    assert [str(each) for each in finding.change] == change


def test_circles_are_left_out() -> None:
    chain = calling()
    chain.connect("pay", "order", probability=0.5)

    assert found(chain, "billed-while-waiting") == []
    assert found(chain, "synchronous-depth") == []
