"""Random chains are held to the laws of conservation: a sample of `make fuzz`, and that the laws see what is wrong."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainkit as ck
from tests.simulation.case import chain_of, function
from tests.simulation.fuzz import examine
from tests.simulation.fuzz_chains import Trial, trial
from tests.simulation.fuzz_counts import broken
from tests.simulation.fuzz_laws import Ran


@pytest.mark.parametrize("first", range(0, 150, 30))
def test_random_chains_keep_every_law(first: int) -> None:
    report = examine(2, range(first, first + 30))

    assert report.failures == []


def test_a_number_is_the_same_chain_for_ever() -> None:
    assert trial(1, 5).chain.to_plain() == trial(1, 5).chain.to_plain()
    assert trial(1, 5).chain.to_plain() != trial(2, 5).chain.to_plain()


def test_a_crash_is_told_with_the_call_that_makes_the_chain_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(ck, "simulate", fails)
    failure = examine(3, [7]).failures[0]

    assert failure["broken"] == ["crashed: ZeroDivisionError: by nothing"]
    assert failure["call"] == "python -m chainkit fuzz --seed 3 --only 7"


def spoiled(change: Callable[[dict[str, dict[str, float]]], None]) -> list[str]:
    """Return what the laws say of a good run, a figure of which is changed."""
    chain = chain_of(ck.SqsQueue("q", visibility_timeout_s=20), function("f", error_rate=0.3))
    chain.connect("q", "f", batch_size=1)
    options = {"requests": 40, "replications": 1, "seed": 1, "at": "q", "drain_s": 30_000.0, "latency": {}}
    each = Trial(1, 3, "any", chain, ck.Steady(rate_per_s=2), options)
    run = ck.simulate(chain, each.load, keep="requests", **options)
    x = Ran(each, run)
    change(x.nodes)
    return [wrong.partition(":")[0] for wrong in broken(x)]


@pytest.mark.parametrize(
    ("node", "figure", "law"),
    [
        ("f", "billed_s", "billed_is_busy_rounded_up"),
        ("f", "invocations", "batches_are_runs"),
        ("f", "busy_peak", "invocations_are_cold_or_warm"),
        ("q", "receives", "messages_go_in_and_out"),
        ("q", "returned", "messages_go_in_and_out"),
        ("q", "dead_letters", "receives_end_with_dead_letters"),
    ],
)
def test_a_figure_that_is_wrong_breaks_its_law(node: str, figure: str, law: str) -> None:
    def change(nodes: dict[str, dict[str, float]]) -> None:
        nodes[node][figure] += 100

    assert spoiled(lambda nodes: None) == []
    assert law in spoiled(change)


def test_a_request_that_is_lost_on_the_way_breaks_the_ledger() -> None:
    each = trial(1, 0)
    run = ck.simulate(each.chain, each.load, keep="requests", **each.options)
    asked = dataclasses.replace(each, options={**each.options, "requests": each.options["requests"] + 1})

    assert any(wrong.startswith("requests_add_up") for wrong in broken(Ran(asked, run)))


# --- what the fuzz found ---


def all_at_once() -> ck.Run:
    """Return a run whose requests all arrive at its beginning."""
    chain = chain_of(ck.SqsQueue("q"), function("f"))
    chain.connect("q", "f")
    return ck.simulate(chain, ck.ClosedLoop(users=9, think=0.0), requests=9, seed=1, replications=1)


def test_averages_until_the_last_arrival_mean_nothing_where_all_arrive_at_once() -> None:
    run = all_at_once()

    assert np.isnan(run.nodes.loc["f", "busy_mean"])
    assert np.isnan(run.nodes.loc["q", "backlog_mean"])
    assert run.series["concurrency_peak"].max() == run.nodes.loc["f", "busy_peak"]


def test_a_run_that_is_cut_while_it_waits_was_cold_all_the_same() -> None:
    chain = chain_of(function("f", timeout_s=1, keep_alive=0.0, duration=0.1), function("slow", duration=5.0))
    chain.connect("f", "slow")
    run = ck.simulate(chain, ck.Steady(rate_per_s=1), requests=3, seed=1, replications=1)
    spans = [span for span in run.trace(1).spans if (span.node, span.what) == ("f", "invocation")]

    assert [(span.status, span.reason) for span in spans] == [("timeout", "cold start")]


def test_the_trace_of_a_request_that_failed_and_goes_on_is_unfinished() -> None:
    chain = chain_of(function("f", error_rate=1.0, duration=0.1), function("slow", duration=9.0))
    chain.connect("f", "slow", link="async")
    run = ck.simulate(chain, ck.Steady(rate_per_s=1), requests=1, seed=1, replications=1, drain_s=1.0)

    assert run.ledger["unfinished"] == 1
    assert run.trace(0).outcome == "unfinished"


def test_a_ping_under_way_at_the_end_is_no_try_for_a_request() -> None:
    warmer = ck.Warmer(every_s=60, environments=2, duration=50.0)
    chain = chain_of(function("f", duration=0.1, warmer=warmer, timeout_s=90))
    run = ck.simulate(chain, ck.Steady(rate_per_s=1), requests=5, seed=1, replications=1, drain_s=1.0)

    assert run.nodes.loc["f", "runs_per_request"] == 1.0


def test_bins_that_become_wider_on_the_way_lose_no_time() -> None:
    chain = chain_of(ck.SqsQueue("q", visibility_timeout_s=20), function("f", duration=1.0, init=0, timeout_s=3))
    chain.connect("q", "f", batch_size=1, maximum_concurrency=2)
    run = ck.simulate(chain, ck.Steady(rate_per_s=10), requests=200, seed=1, replications=1)
    busy = run.series[run.series["node"] == "f"]["concurrency_mean"]

    assert busy.max() <= 2 + 1e-9
    assert busy.iloc[5:-2].min() >= 2 - 1e-9


def test_a_replication_that_is_over_before_the_first_bin_has_a_series() -> None:
    chain = chain_of(function("f", duration=0.01, init=0))
    run = ck.simulate(chain, ck.Replay.times([0.0]), requests=2, seed=1, replications=2, latency=ck.no_latency)

    assert run.series["arrivals_per_s"].max() > 0


def test_users_who_come_again_do_not_disturb_traces_of_batches() -> None:
    chain = chain_of(function("f", duration=0.05), ck.SqsQueue("q", visibility_timeout_s=20), function("g"))
    chain.connect("f", "q", count=3)
    chain.connect("q", "g", batch_size=3)
    load = ck.ClosedLoop(users=4, think=0.5)
    run = ck.simulate(chain, load, requests=200, seed=1, replications=1, keep="requests")

    assert [run.trace(number).completion_s for number in range(200)] == list(run.completion_s)
