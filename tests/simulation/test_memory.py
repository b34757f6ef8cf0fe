"""Controls act at instants of their own: everything of an instant happens before them, and the run is the same."""

import math
from dataclasses import dataclass, field

import numpy as np
import pytest

import chainkit as ck
from chainkit.simulation import machine, primitives
from tests.simulation.cases import CASES


@dataclass
class Watcher:
    """Notes how many things have begun and how long they took, every so often."""

    every_s: float
    acts_after_arrivals: bool = False
    next_s: float = 0.0
    seen: list = field(default_factory=list)

    def act(self, memory, now_s):
        self.seen.append((now_s, memory.pools[primitives.INVOCATIONS], memory.areas_at(now_s)))
        self.next_s = now_s + self.every_s


def again(run, replication, *controls):
    """Run one replication of a run again."""
    n, r = run.requests, run.replications
    bounds = (replication * n // r, (replication + 1) * n // r)
    return machine.replicate(
        run.program, run.load, run.seed, replication, bounds, warmup_fraction=0.1, keep=True,
        drain_s=run.options["drain_s"], controls=controls,
    )  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_control_that_only_looks_changes_nothing(name):
    case = CASES[name]()
    run = ck.simulate(case.chain, case.load, seed=3, replications=1, keep="requests", **case.options)
    tally = again(run, 0, Watcher(7.3, acts_after_arrivals=True), Watcher(1.7))

    np.testing.assert_array_equal(tally.kept, run.tallies[0].kept)
    np.testing.assert_array_equal(tally.ledger, run.tallies[0].ledger)
    assert tally.areas == run.tallies[0].areas


def steady():
    chain = ck.Chain("c")
    chain.add(ck.LambdaFunction("f", duration=0.5, init=0.25, timeout_s=10, keep_alive=3))
    return ck.simulate(
        chain, ck.Steady(rate_per_s=0.25), requests=4, replications=1, seed=1, latency=ck.no_latency, keep="requests"
    )  # fmt: skip


def test_arrivals_of_the_instant_come_before_the_control():
    watcher = Watcher(4.0, acts_after_arrivals=True)
    again(steady(), 0, watcher)

    assert [(now_s, int(begun)) for now_s, begun, _ in watcher.seen] == [(0, 0), (4, 1), (8, 2), (12, 3), (16, 4)]


def test_a_control_acts_between_arrivals_though_nothing_is_in_flight():
    watcher = Watcher(1.0)
    again(steady(), 0, watcher)

    assert [now_s for now_s, _, _ in watcher.seen] == [float(i) for i in range(17)]


def test_running_and_idle_times_can_be_read_at_any_instant():
    watcher = Watcher(0.3, acts_after_arrivals=True)
    run = steady()
    tally = again(run, 0, watcher)

    for now_s, _, areas in watcher.seen:  # runs of 0.75 s from 4, 8, 12, 16 s, then idle for 3 s: all are cold
        busy_s = sum(min(max(now_s - start_s, 0.0), 0.75) for start_s in (4, 8, 12, 16))
        idle_s = sum(min(max(now_s - start_s - 0.75, 0.0), 3.0) for start_s in (4, 8, 12, 16))
        assert areas["f"] == pytest.approx((busy_s, idle_s))
    assert tally.areas["f"] == pytest.approx((3 * 0.75, 3 * 3.0))


def test_waiting_times_of_messages_can_be_read_at_any_instant():
    chain = ck.Chain("c")
    chain.add(ck.SqsQueue("jobs"))
    chain.add(ck.LambdaFunction("f", duration=1.0, init=0, timeout_s=3))
    chain.connect("jobs", "f", batch_size=1, maximum_concurrency=2)
    run = ck.simulate(
        chain, ck.Steady(rate_per_s=4), requests=40, replications=1, seed=1, latency=ck.no_latency, keep="requests"
    )  # fmt: skip
    watcher = Watcher(0.3)
    tally = again(run, 0, watcher)

    arrived = 0.25 * np.arange(1, 41)
    begun = arrived + run.completion_s - 1.0
    for now_s, _, areas in watcher.seen:
        waited = np.clip(np.minimum(begun, now_s) - arrived, 0, math.inf)
        assert areas["jobs"][0] == pytest.approx(waited.sum())
    assert tally.areas["jobs"][0] == pytest.approx(np.clip(np.minimum(begun, 10.0) - arrived, 0, math.inf).sum())
