"""The run by levels gives what the event loop gives, bit for bit; where it proves nothing, the loop runs."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import chainkit as ck
from chainkit.distributions import Constant, Exponential, Law, LogNormal
from chainkit.simulation import levels, lower, machine
from chainkit.simulation import levels_memory as lm
from chainkit.simulation.loads import ClosedLoop, Load, Poisson, Steady
from chainkit.simulation.machine import Tally
from tests.simulation import strategies
from tests.simulation.case import KINDS, WAYS, Case, chain_of
from tests.simulation.cases import CASES

SUMS = ("busy_s", "init_ms", "run_ms")


def row_of_functions(count: int = 5, **more: Any) -> ck.Chain:
    """Return functions that call each other in the middle of their work."""
    usual = {"timeout_s": 900, "duration": LogNormal(p50_s=0.08, p99_s=0.25), "init": LogNormal(p50_s=0.35, p99_s=0.7)}
    chain = chain_of(*(ck.LambdaFunction(f"f{i}", **(usual | more)) for i in range(count)))
    for i in range(1, count):
        chain.connect(f"f{i - 1}", f"f{i}")
    return chain


def run(engine: str, case: Case, seed: int, hops: Mapping[str, Law] | None = None, *, batches: int = 1) -> Tally:
    """Run one replication of a case with an engine, if it may."""
    hops = case.options["latency"] if hops is None else hops
    think = case.load.think if isinstance(case.load, ClosedLoop) else None
    program = lower.lower(
        case.chain, case.at, lower.hop_laws(hops), case.load.attributes, case.account_concurrency, think=think
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(machine.ENGINE, engine)
        return machine.replicate(
            program, case.load, seed, 1, (100, 100 + case.requests), warmup_fraction=0.1, keep=True,
            drain_s=case.drain_s, batches=batches,
        )  # fmt: skip


def assert_same(case: Case, *, seed: int = 1, hops: Mapping[str, Law] | None = None) -> Tally:
    """Compare all that both engines count; return what was tried first."""
    fast, slow = run("levels", case, seed, hops), run("loop", case, seed, hops)
    for name in ("ledger", "branches", "samples", "histograms", "kept", "counters"):
        np.testing.assert_array_equal(getattr(fast, name), getattr(slow, name), name)
    for name in ("live_branches", "slowest", "counted", "bounds", "span_s", "events", "queues"):
        assert getattr(fast, name) == getattr(slow, name), name
    np.testing.assert_allclose(fast.sums, slow.sums, rtol=1e-12)
    for name, pool in slow.pools.items():
        whole_s = pool["busy_s"] + pool["idle_s"]
        for word, value in pool.items():
            if word == "idle_s":  # a difference of sums on either side
                about = pytest.approx(value, rel=1e-9, abs=1e-12 * whole_s + 1e-9)
            else:
                about = pytest.approx(value, rel=1e-12 if word in SUMS else 0, abs=0)
            assert fast.pools[name][word] == about, (name, word)
        if name in slow.areas:
            assert fast.areas[name] == pytest.approx(slow.areas[name], rel=1e-9, abs=1e-12 * whole_s + 1e-9), name
    assert fast.areas.keys() == slow.areas.keys()
    return fast


def assert_by_levels(case: Case, *, seed: int = 1) -> None:
    """Compare both engines on a case that must be proven."""
    assert assert_same(case, seed=seed).engine == "levels"


def case_of(chain: ck.Chain, load: Load, requests: int, *, has_hops: bool = False) -> Case:
    """Return a case that enters at the chain's first service."""
    return Case(chain, load, requests, next(iter(chain.services)), has_hops)


# --- what is proven gives the same ---


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("keep_s", [600, 60, 5, 0.5])
def test_a_row_of_five_functions_is_run_by_levels(keep_s: float, seed: int) -> None:
    assert_by_levels(case_of(row_of_functions(keep_alive=keep_s), Poisson(rate_per_s=20), 4_000), seed=seed)


def test_a_long_run_needs_and_forgets_levels_again_and_again() -> None:
    assert_by_levels(case_of(row_of_functions(keep_alive=60), Poisson(rate_per_s=20), 100_000))


@pytest.mark.parametrize("rate_per_s", [0.1, 0.9, 60, 100])
def test_quiet_and_busy_functions_are_run_by_levels(rate_per_s: float) -> None:
    function = ck.LambdaFunction(
        "f", timeout_s=900, init=0, duration=Exponential(mean_s=1.991), first_duration=Exponential(mean_s=2.244)
    )
    assert_by_levels(case_of(chain_of(function), Poisson(rate_per_s=rate_per_s), 10_000))
    assert_by_levels(case_of(row_of_functions(), Poisson(rate_per_s=rate_per_s), 3_000))


@pytest.mark.parametrize("keep_s", [600, 5, 0.25, 0])
@pytest.mark.parametrize("rate_per_s", [4, 8, 20])
@pytest.mark.parametrize(("work_s", "init_s"), [(0.25, 0.5), (0.25, 0), (0.0, 0), (0.5, 0.25)])
def test_where_everything_meets_in_one_instant_its_order_is_the_same(
    work_s: float, init_s: float, rate_per_s: float, keep_s: float
) -> None:
    chain = row_of_functions(3, duration=work_s, init=init_s, keep_alive=keep_s)
    assert_by_levels(case_of(chain, Steady(rate_per_s=rate_per_s), 600))
    assert_by_levels(case_of(chain, Steady(rate_per_s=rate_per_s), 600, has_hops=True))


@pytest.mark.parametrize("error_rate", [0, 0.1])
def test_a_run_that_ends_makes_room_for_an_earlier_request_in_that_instant(error_rate: float) -> None:
    """Each request calls g after 1 s and hands over to it after 0.25 s; g takes 0.25 s: every call meets an end."""
    chain = chain_of(ck.LambdaFunction("f", duration=0.0, init=0), ck.LambdaFunction("g", duration=0.25, init=0.25))
    chain.set("g", timeout_s=60, error_rate=error_rate, maximum_retry_attempts=0)
    chain.connect("f", "g", link="sync")
    chain.connect("f", "g", link="async")
    hops = {"sync_invocation": Constant(1.0), "async_invocation": Constant(0.25)}

    assert assert_same(case_of(chain, Steady(rate_per_s=4), 400), hops=hops).engine == "levels"


def test_an_overhead_and_a_first_duration_and_measured_hops_are_drawn_the_same() -> None:
    more: dict[str, Any] = {"overhead": Exponential(mean_s=0.02), "first_duration": Exponential(mean_s=0.3)}
    assert_by_levels(case_of(row_of_functions(keep_alive=5, **more), Poisson(rate_per_s=20), 5_000, has_hops=True))


BY_LEVELS = [
    "one_function", "measured_init", "everything_constant", "five_in_a_row", "calls_of_a_case", "call_of_itself",
    "routes_of_an_api", "events_to_a_function_that_is_off",
]  # fmt: skip


@pytest.mark.parametrize("has_hops", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_every_hand_made_chain_runs_the_same_whichever_way_it_is_run(name: str, has_hops: bool) -> None:
    case = CASES[name]()
    both = assert_same(dataclasses.replace(case, has_hops=has_hops), seed=2)

    assert both.engine == "levels" or name not in BY_LEVELS


def calls(link: str, **more: Any) -> ck.Chain:
    """Return a function that calls three at a time, or hands over to them, behind an API."""
    usual = {"duration": Exponential(mean_s=0.1), **more}
    chain = chain_of(ck.HttpApi("api"), *(ck.LambdaFunction(name, **usual) for name in "fghi"))
    chain.connect("api", "f")
    for name in "ghi":
        chain.connect("f", name, link=link, step=1)
    return chain


@pytest.mark.parametrize("has_hops", [True, False])
def test_calls_side_by_side_and_hand_overs_are_run_by_levels(has_hops: bool) -> None:
    for link in ("sync", "async"):
        assert_by_levels(case_of(calls(link, timeout_s=60), Poisson(rate_per_s=20), 5_000, has_hops=has_hops))
    assert_by_levels(case_of(calls("async", timeout_s=60, error_rate=0.05), Poisson(rate_per_s=2), 2_000))


@pytest.mark.parametrize("has_ways", [False, True])
def test_parts_are_run_by_levels(*, has_ways: bool) -> None:
    more = {"probability": 0.5, "error_rate": 0.1, "on_error": "continue"} if has_ways else {}
    law = LogNormal(p50_s=0.05, p99_s=0.2)
    parts = {"b": ck.Part(duration=law, first_duration=0.5, **more), "c": ck.Part(caller="b", duration=law)}
    assert_by_levels(case_of(row_of_functions(1, parts=parts), Poisson(rate_per_s=20), 3_000))


def test_retries_of_a_caller_are_run_by_levels() -> None:
    chain = chain_of(*(ck.LambdaFunction(n, duration=Exponential(mean_s=0.1), timeout_s=60) for n in "fg"))
    chain.connect("f", "g", retry=ck.Retry(max_attempts=3, interval_s=0.2), on_error="continue", probability=0.8)
    chain.set("g", error_rate=0.3)
    assert_by_levels(case_of(chain, Poisson(rate_per_s=20), 5_000, has_hops=True))


@pytest.mark.parametrize("requests", [5, 4_000])
@pytest.mark.parametrize("chain", [row_of_functions(), row_of_functions(3, error_rate=0.1)])
def test_one_long_run_is_counted_in_the_same_batches(chain: ck.Chain, requests: int) -> None:
    case = case_of(chain, Poisson(rate_per_s=20), requests)
    fast, slow = run("levels", case, 1, batches=7), run("loop", case, 1, batches=7)

    assert (fast.engine, len(fast.batches)) == ("levels", 7)
    for a, b in zip(fast.batches, slow.batches, strict=True):
        np.testing.assert_array_equal(a.histograms, b.histograms)
        np.testing.assert_allclose(a.sums, b.sums, rtol=1e-12)
        assert a.lost == b.lost


@pytest.mark.parametrize("block", [1, 777, 4_096])
def test_the_size_of_the_blocks_of_arrivals_changes_nothing(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "BLOCK", block)
    assert_by_levels(case_of(row_of_functions(keep_alive=5), Poisson(rate_per_s=20), 3_000))


def test_an_attempt_that_runs_out_of_room_starts_again_with_more(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLOTS", "BUCKETS"):
        monkeypatch.setattr(levels, name, 1 << 9)
    monkeypatch.setattr(levels, "LEVELS", 4)
    monkeypatch.setattr(levels, "VISITS", 1)
    assert_by_levels(case_of(row_of_functions(), Poisson(rate_per_s=20), 3_000))
    assert_by_levels(case_of(row_of_functions(error_rate=0.1), Poisson(rate_per_s=20), 3_000))


@pytest.mark.parametrize("factor", [0.2, 4.0])
def test_buckets_that_do_not_fit_the_rate_change_nothing(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the rate has become several times as low or as high as at the beginning."""
    fitting = levels._Attempt._set_width
    monkeypatch.setattr(levels._Attempt, "_set_width", lambda self, block: fitting(self, block * factor))
    assert_by_levels(case_of(row_of_functions(), Poisson(rate_per_s=20), 40_000))


def test_memory_does_not_grow_with_the_number_of_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    make = levels._Attempt.__init__

    def note(self: Any, *args: Any) -> None:
        make(self, *args)
        sizes.append(self.mem.size)

    monkeypatch.setattr(levels._Attempt, "__init__", note)
    for requests in (2_000, 200_000):
        assert run("levels", case_of(row_of_functions(), Poisson(rate_per_s=20), requests), 1).engine == "levels"

    assert sizes[0] == sizes[-1]
    assert len(sizes) == 2


def test_a_whole_simulation_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    chain, frames = row_of_functions(error_rate=0.01), []
    for engine in ("levels", "loop"):
        monkeypatch.setenv(machine.ENGINE, engine)
        found = ck.simulate(chain, Poisson(rate_per_s=20), requests=20_000, seed=3, replications=4)
        frames.append((found.summary(), found.nodes, found.ledger, found.slowest(), found.trace(7)))
        assert {tally.engine for tally in found.tallies} == {engine}

    for a, b in zip(frames[0][:2], frames[1][:2], strict=True):
        pd.testing.assert_frame_equal(a, b, rtol=1e-12)
    assert frames[0][2].equals(frames[1][2])
    assert frames[0][3:] == frames[1][3:]


# --- what is not proven ---


def busy(**more: Any) -> ck.Chain:
    """Return one function with other settings."""
    return row_of_functions(1, **more)


REFUSED: Mapping[str, Callable[[], Case]] = {
    "a reserved limit binds": lambda: case_of(busy(reserved_concurrency=3), Poisson(rate_per_s=20), 2_000),
    "the account's limit binds": lambda: case_of(busy(duration=60), Poisson(rate_per_s=20), 2_000),
    "too many begin at once": lambda: case_of(busy(duration=2.0), Poisson(rate_per_s=900), 2_000),
    "a timeout cuts": lambda: case_of(busy(timeout_s=1, duration=Exponential(mean_s=0.3)), Poisson(rate_per_s=5), 900),
    "a caller is cut while it waits": CASES["caller_times_out_while_it_waits"],
    "a buffer": CASES["batches"],
    "a call side by side fails": CASES["parallel_calls"],
    "the run ends before the requests": lambda: Case(row_of_functions(), Poisson(rate_per_s=20), 500, drain_s=0.0),
    "most are cold": lambda: case_of(row_of_functions(keep_alive=0.1), Poisson(rate_per_s=2), 9_000),
}


@pytest.mark.parametrize("why", REFUSED)
def test_the_event_loop_runs_where(why: str) -> None:
    assert assert_same(REFUSED[why]()).engine == "loop"


def test_the_account_limit_is_proven_at_each_time_and_not_by_the_highest_levels() -> None:
    chain = row_of_functions(40, duration=0.5, init=Constant(0.0))
    tally = assert_same(case_of(chain, Poisson(rate_per_s=1.5), 1_500))

    assert sum(pool["peak"] for pool in tally.pools.values()) > 1_000
    assert tally.engine == "levels"


def test_a_short_run_does_not_load_the_code_of_the_levels() -> None:
    tally = machine.replicate(
        lower.lower(row_of_functions(), None, {}, {}), Poisson(rate_per_s=20), 1, 0, (0, 500),
        warmup_fraction=0.0, keep=False, drain_s=600.0,
    )  # fmt: skip

    assert tally.engine == "loop"


# --- any chain ---


@st.composite
def functions(draw: Any, name: str) -> ck.LambdaFunction:
    """A function whose limits seldom bind."""
    optional = {
        "first_duration": strategies.laws(),
        "overhead": strategies.laws(),
        "error_rate": strategies.SOME,
        "poison_fraction": strategies.SOME,
        "maximum_retry_attempts": st.integers(0, 2),
        "keep_alive": st.sampled_from([0.0, 0.5, 5.0, 60.0]),
        "reserved_concurrency": st.sampled_from([20, 100]),
    }
    return ck.LambdaFunction(
        name, duration=draw(strategies.laws()), init=draw(strategies.laws()),
        timeout_s=draw(st.sampled_from([3, 10, 900])), **draw(st.fixed_dictionaries({}, optional=optional)),
    )  # fmt: skip


@st.composite
def uncoupled(draw: Any) -> Case:
    """A chain of functions, an API, a topic, a bus, a machine, with its traffic; much of it is proven."""
    chain = ck.Chain("any")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strategies, "functions", functions)
        kinds = draw(st.lists(st.sampled_from("ffffftbm"), min_size=1, max_size=6))
        for i, kind in enumerate([draw(st.sampled_from(["api", "f", "f", "m", "t"])), *kinds]):
            draw(strategies._grown(chain, kind, f"{kind}{i}"))
    rate_per_s = draw(st.sampled_from([0.3, 3, 30]))
    load = draw(st.sampled_from([Poisson, Poisson, Steady]))(rate_per_s=rate_per_s, attributes=KINDS)
    requests = draw(st.sampled_from([40, 300, 3_000]))
    return Case(chain, load, requests, next(iter(chain.services)), draw(st.booleans()))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(case=uncoupled(), seed=st.integers(1, 1000))
def test_any_chain_runs_the_same_whichever_way_it_is_run(case: Case, seed: int) -> None:
    assume(not case.chain.validate())
    assert_same(case, seed=seed)


# --- without compilation ---

SMALL: Mapping[str, tuple[ck.Chain, dict[str, Law]]] = {
    "row": (row_of_functions(keep_alive=5), WAYS),
    "ties": (row_of_functions(3, duration=0.25, init=0.5, keep_alive=1), {}),
    "ways": (row_of_functions(3, error_rate=0.2, keep_alive=5), WAYS),
    "strands": (calls("sync", timeout_s=60), WAYS),
}


def printed() -> str:
    """Return what small runs come to, as text that holds every bit."""
    lines = []
    for name, (chain, hops) in SMALL.items():
        load = (Steady if name == "ties" else Poisson)(rate_per_s=4)
        entry = next(iter(chain.services))
        tally = machine.replicate(
            lower.lower(chain, entry, hops, {}), load, 1, 0, (0, 60), warmup_fraction=0.0, keep=True, drain_s=600.0
        )
        times = " ".join(float(t).hex() for t in tally.kept.ravel())
        lines.append(f"{name} {tally.engine} {times} {tally.ledger} {tally.events} {tally.pools}")
    return "\n".join(lines)


def test_levels_give_the_same_results_without_compilation(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[2]
    program = "from tests.simulation.test_levels import printed; print(printed())"
    environment = {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(root), "PYTHONWARNINGS": "error"}
    monkeypatch.setenv(machine.ENGINE, "levels")
    found = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **environment, machine.ENGINE: "levels"}, cwd=root,
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip

    assert found.stderr == ""
    assert found.stdout.rstrip("\n") == printed()
    assert printed().count(" levels ") == len(SMALL)


def test_a_level_that_was_left_longer_ago_than_the_keep_alive_is_cold_and_at_that_age_too() -> None:
    """Runs begin at 2, 4, 6 s and last 0.5 s: idle for 1.5 s each time."""
    for keep_s, cold in ((1.5, 10), (1.5 + 1e-6, 1)):
        chain = row_of_functions(1, duration=0.5, init=0.0, keep_alive=keep_s)
        tally = assert_same(case_of(chain, Steady(rate_per_s=0.5), 10))

        assert tally.pools["f0"]["cold_starts"] == cold
        assert tally.engine == "levels"


def test_levels_lie_three_to_a_word() -> None:
    assert sum(lm.HALF << (lm.LANE_BITS * i) for i in range(3)) == lm.FULL
    assert lm.FULL < 1 << 63
