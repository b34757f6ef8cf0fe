"""A request's critical path has no gap and no overlap: its parts add up to the time the request took."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, note, settings

import chainkit as ck
from chainkit.simulation import lives, machine, memory
from tests.simulation.case import Case, chain_of, function
from tests.simulation.cases import CASES
from tests.simulation.strategies import cases
from tests.simulation.test_kernel_vs_twin import relaxed


def traced(case, seed=3):
    """Run a case in one replication with every request written down; return its program and tally."""
    run = ck.simulate(case.chain, case.load, seed=seed, replications=1, keep="requests", **case.options)
    tally = machine.replicate(
        run.program, run.load, seed, 0, (0, case.requests), warmup_fraction=0.1, keep=True, drain_s=case.drain_s,
        traced=range(case.requests),
    )  # fmt: skip
    np.testing.assert_array_equal(tally.kept, run.tallies[0].kept)
    return run.program, tally


def paths_of(case):
    """Return (seconds taken, parts) of the response and completion of every request that has them."""
    program, tally = traced(case)
    told = lives.stories(program, tally.trace, range(case.requests))
    paths, found = lives.Paths(program), []
    for q, (response_s, completion_s) in enumerate(tally.kept):
        story = told[q]
        if math.isfinite(response_s):
            life, moment = story.answer()
            found.append((response_s, story.root.born_s, paths.to(life, moment.at_s)))
        if math.isfinite(completion_s):
            life, moment = story.end(completion_s)
            found.append((completion_s, story.root.born_s, paths.to(life, moment.at_s)))
    return found


def assert_whole(case):
    """Check that the parts of every request follow each other, and add up."""
    for total_s, arrived_s, parts in paths_of(case):
        edges = [arrived_s, *(part.end_s for part in parts)]
        assert [part.start_s for part in parts] == edges[:-1]
        assert edges[-1] - arrived_s == total_s
        assert sum(part.end_s - part.start_s for part in parts) == pytest.approx(total_s, abs=1e-9)
        assert all(part.node and part.reason != "wait" for part in parts)


@pytest.mark.parametrize("name", CASES)
def test_the_parts_of_hand_made_chains_add_up(name):
    assert_whole(CASES[name]())


@settings(relaxed, max_examples=40)
@given(cases())
def test_the_parts_of_any_chain_add_up(case):
    note(repr(case))
    assume(not case.chain.validate())
    assert_whole(case)


def reasons(case):
    """Return the seconds of each (node, reason) of the responses, or where nobody waits of the completions."""
    found: dict[tuple[str, str], float] = {}
    for _, _, parts in paths_of(case):
        for part in parts:
            key = part.node, part.reason
            found[key] = found.get(key, 0.0) + part.end_s - part.start_s
    return found


def test_init_overhead_and_work_are_told_apart():
    f = function("f", duration=1.0, init=0.5, overhead=0.25, keep_alive=0)
    found = reasons(Case(chain_of(f), ck.Steady(rate_per_s=0.1), requests=10))

    both = 2  # response and completion
    assert found == pytest.approx({
        ("f", "cold start"): both * 5.0, ("f", "overhead"): both * 2.5, ("f", "own work"): both * 10.0
    })  # fmt: skip


def test_a_message_waits_for_the_companions_of_its_batch():
    chain = chain_of(ck.SqsQueue("jobs"), function("f", duration=1.0, init=0.0, error_rate=0.0))
    chain.connect("jobs", "f", batch_size=4, maximum_batching_window_s=300)
    found = reasons(Case(chain, ck.Steady(rate_per_s=2), requests=4, has_hops=False))

    assert found == pytest.approx({
        ("jobs", "queue wait"): 1.5 + 1.0 + 0.5, ("f", "own work"): 4.0, ("f", "batch companions"): 12.0
    })  # fmt: skip


def test_of_parallel_calls_the_slowest_is_to_blame():
    chain = chain_of(*(function(name, init=0.0, duration=1.0) for name in "fgh"))
    chain.set("h", duration=3.0)
    chain.connect("f", "g")
    chain.connect("f", "h")
    found = reasons(Case(chain, ck.Steady(rate_per_s=0.1), requests=1, has_hops=False))

    assert found == pytest.approx({("f", "own work"): 2 * 1.0, ("h", "own work"): 2 * 3.0})


def test_a_retry_is_blamed_on_what_failed_and_a_throttle_on_what_throttled():
    chain = chain_of(function("f", init=0.0, duration=1.0), function("g", init=0.0, reserved_concurrency=0))
    chain.connect("f", "g", retry=ck.Retry(max_attempts=3, interval_s=2, backoff_rate=1))
    found = reasons(Case(chain, ck.Steady(rate_per_s=0.1), requests=1, has_hops=False))

    assert found == pytest.approx({("f", "failed attempt"): 2 * 0.5, ("g", "throttle"): 2 * 4.0})


def test_what_the_caller_no_longer_waits_for_is_in_the_completion_alone():
    chain = chain_of(ck.HttpApi("api", integration_timeout_s=1.0), function("f", init=0.0, duration=3.0))
    chain.connect("api", "f")
    (response_s, _, first), (completion_s, _, second) = paths_of(
        Case(chain, ck.Steady(rate_per_s=0.1), requests=1, has_hops=False)
    )

    assert (response_s, completion_s) == (1.0, 3.0)
    assert [(part.node, part.reason, part.end_s - part.start_s) for part in first] == [("f", "own work", 1.0)]
    assert [(part.node, part.reason, part.end_s - part.start_s) for part in second] == [("f", "own work", 3.0)]


def test_a_trace_that_does_not_fit_is_cut_and_says_so(monkeypatch):
    monkeypatch.setattr(memory, "MOST_TRACE_ROWS", memory.TRACE_ROWS)
    case = CASES["poller_ramp"]()
    _, whole = traced(case)
    case = Case(case.chain, case.load, 200 * case.requests, case.at, case.has_hops)
    _, tally = traced(case)

    assert not whole.trace_is_cut
    assert tally.trace_is_cut
