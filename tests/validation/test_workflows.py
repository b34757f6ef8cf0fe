"""Measured workflows: what a prediction is made of."""

import numpy as np
import pytest

import chainkit as ck
from chainkit import data
from chainkit.validation import workflows


def test_loops_and_choices_take_the_turns_they_should() -> None:
    chain = workflows.workflow_chain("App8", 0)
    run = ck.simulate(chain, ck.Steady(rate_per_s=0.1), requests=50_000, seed=1)

    visits = run.nodes["invocations"].dropna() / run.requests
    expected = {"f1": 1, "f2": 1, "f3": 1 / 0.9, "f4": 0.6, "f5": 0.4, "f6": 1 / 0.9, "f7": 1 / 0.8, "f8": 1}
    np.testing.assert_allclose([visits[name] for name in expected], list(expected.values()), rtol=0.01)


@pytest.mark.parametrize("name", ["App8", "App14"])
def test_the_logs_hold_as_many_runs_as_the_graph_says(name: str) -> None:
    chain = workflows.workflow_chain(name, 0)
    run = ck.simulate(chain, ck.Steady(rate_per_s=0.1), requests=50_000, seed=1)
    entry = data.validation("durations")[name]

    for function, logged in entry["functions"].items():
        expected = entry["measured"]["executions"] * run.nodes.loc[function, "invocations"] / run.requests
        # AWS's executions drew their ways by chance, too.
        assert abs(logged["rows"] - expected) < 4 * np.sqrt(expected)


def test_the_overhead_of_tasks_is_part_of_the_answer() -> None:
    measured_ms = data.validation("durations")["Sequence, whole log"]["measured"]["mean_ms"]["value"]
    errors = []
    for has_overhead in (True, False):
        blocks = [
            workflows.prediction("Sequence, whole log", block, 500, has_overhead=has_overhead)[0] for block in range(10)
        ]
        errors.append(abs(np.mean(blocks) / measured_ms - 1))

    assert errors[0] < errors[1] / 3


def test_the_cost_of_the_logged_executions_is_met_closely() -> None:
    for name in ("Sequence", "Parallel"):
        truth = data.validation("durations")[f"{name}, first 250"]["measured"]["usd_per_million"]["value"]
        ours = np.mean([workflows.prediction(f"{name}, first 250", block, 500)[1] for block in range(10)])

        assert ours == pytest.approx(truth, rel=0.005)
