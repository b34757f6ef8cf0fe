"""The machine and its slow twin agree request by request: same draws, same times to the last bit, same counts."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, note, settings

import chainkit as ck
from tests.simulation.case import Case
from tests.simulation.cases import CASES
from tests.simulation.counterexamples import COUNTEREXAMPLES
from tests.simulation.engines import counter_of
from tests.simulation.simpy_twin import TwinRun, twin
from tests.simulation.strategies import cases


def assert_same(case: Case, *, seed: int = 1, replications: int = 2) -> tuple[ck.Run, TwinRun]:
    """Run a case on both and compare all there is."""
    both = {"seed": seed, "replications": replications, **case.options}
    run = ck.simulate(case.chain, case.load, warmup_fraction=0, keep="requests", **both)
    slow = twin(case.chain, case.load, **both)

    np.testing.assert_array_equal(run.response_s, slow.response_s)
    np.testing.assert_array_equal(run.completion_s, slow.completion_s)
    outcomes = Counter(slow.outcomes)
    assert {word: int(n) for word, n in run.ledger.items()} == {word: outcomes[word] for word in run.ledger.index}
    assert {word: int(n) for word, n in run.branches.items()} == {
        word: slow.branches[word] for word in run.branches.index
    }
    counts = {(node, name): n for node, counter in slow.counts.items() for name, n in counter.items()}
    assert {key: counter_of(run, *key) for key in counts} == pytest.approx(counts, rel=1e-12)
    return run, slow


@pytest.mark.parametrize("name", CASES)
def test_hand_made_chains_run_the_same(name: str) -> None:
    run, slow = assert_same(CASES[name]())

    first = {word: slow.outcomes.index(word) for word in slow.outcomes}
    assert {word: run.trace(i).outcome for word, i in first.items()} == {word: word for word in first}


@pytest.mark.parametrize("name", list(CASES))
def test_hand_made_chains_run_the_same_without_hops(name: str) -> None:
    assert_same(replace(CASES[name](), has_hops=False), seed=2)


def test_the_measured_hops_are_drawn_the_same() -> None:
    case = CASES["delayed_queue_with_a_second_life"]()
    run = ck.simulate(case.chain, case.load, requests=100, seed=3, replications=1, keep="requests")

    np.testing.assert_array_equal(run.completion_s, twin(case.chain, case.load, requests=100, seed=3).completion_s)


@pytest.mark.parametrize(
    "design", sorted((Path(__file__).parents[2] / "data" / "chains").glob("*/*.chain.yaml")), ids=lambda p: p.stem
)
def test_the_designs_that_come_with_chainkit_run_the_same(design: Path) -> None:
    chain = ck.load(design)
    charged = {"status": {"charged": 0.8, "refused": 0.2}}
    for has_hops in (True, False):
        assert_same(Case(chain, ck.Poisson(rate_per_s=4, attributes=charged), 300, has_hops=has_hops))


def check_any(case: Case) -> None:
    """Compare a random case, if AWS would take its chain."""
    note(repr(case))
    assume(not case.chain.validate())
    assert_same(case, replications=1)


# No shrinking by health: a chain is large, and a run of both takes a tenth of a second.
relaxed = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
)


@pytest.mark.parametrize("make", COUNTEREXAMPLES, ids=lambda make: make.__name__)
def test_a_chain_that_once_differed_runs_the_same(make: Callable[[], Case]) -> None:
    assert_same(make(), replications=1)


@settings(relaxed, max_examples=60)
@given(cases())
def test_any_chain_runs_the_same(case: Case) -> None:
    check_any(case)


@pytest.mark.slow
@settings(relaxed, max_examples=1500, derandomize=False)
@given(cases())
def test_very_many_chains_run_the_same(case: Case) -> None:
    check_any(case)
