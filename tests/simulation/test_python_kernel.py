"""The machine's source as plain Python: the small cases give the same results as compiled, to the last bit."""

import os
import subprocess
import sys
from pathlib import Path

import chainkit as ck
from tests.simulation.cases import CASES

SMALL = [
    "reserved_limit", "everything_constant", "api_times_out", "parallel_calls", "retries_side_by_side",
    "calls_of_a_case", "events_with_retries", "throttled_events", "destinations", "batches_with_a_window",
    "partial_failures_of_a_calling_function", "few_batches_at_once", "topic_with_filters", "retriers_and_catchers",
    "parallel_states", "machine_that_hands_over",
]  # fmt: skip


def printed() -> str:
    """Return what a few requests of each small case come to, as text that holds every bit."""
    lines = []
    for name in SMALL:
        case = CASES[name]()
        options = {**case.options, "requests": 12, "drain_s": 400.0}
        run = ck.simulate(case.chain, case.load, seed=1, replications=1, warmup_fraction=0, keep="requests", **options)
        times = " ".join(float(t).hex() for t in (*run.response_s, *run.completion_s))
        lines.append(f"{name} {times} {run.ledger.to_list()} {run.branches.to_list()} {run.usage}")
    return "\n".join(lines)


def test_the_machine_gives_the_same_results_without_compilation() -> None:
    root = Path(__file__).parents[2]
    program = "from tests.simulation.test_python_kernel import printed; print(printed())"
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(root), "PYTHONWARNINGS": "error"}
    found = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=root,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert found.stderr == ""
    assert found.stdout.rstrip("\n") == printed()
