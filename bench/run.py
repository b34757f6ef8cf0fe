"""Measure the simulator beside its peers: `make bench`, or `python bench/run.py`. See the README beside this file.

Each measurement is a fresh process; they take turns, several rounds, and medians are compared within this one campaign.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
ALL_THREADS = 0
"""Stands for as many replications as the machine has processors."""


@dataclass(frozen=True)
class Job:
    """One script that simulates one workload."""

    workload: str
    engine: str
    requests: int
    script: str
    options: tuple[str, ...] = ()
    needs: str = ""
    """Module without which it is skipped."""


def of_chainkit(workload: str, requests: int, engine: str, replications: int) -> Job:
    """Return the job of a workload on chainkit."""
    options = ("--workload", workload, "--replications", str(replications))
    return Job(workload, engine, requests, "chainkit_runs.py", options)


JOBS = (
    Job("W1", "SimPy", 900_000, "simpy_w1.py", needs="simpy"),
    Job("W1", "SimFaaS", 900_000, "simfaas_w1.py", needs="simfaas"),
    Job("W1", "Ciw", 100_000, "ciw_w1.py", needs="ciw"),
    of_chainkit("W1", 900_000, "chainkit", 1),
    of_chainkit("W1", 900_000, "chainkit, all threads", ALL_THREADS),
    Job("W2", "SimPy", 200_000, "simpy_w2.py", needs="simpy"),
    Job("W2", "Ciw (less: see README)", 20_000, "ciw_w2.py", needs="ciw"),
    of_chainkit("W2", 200_000, "chainkit", 1),
    of_chainkit("W2", 200_000, "chainkit, all threads", ALL_THREADS),
    Job("W3", "SimPy", 200_000, "simpy_w3.py", needs="simpy"),
    of_chainkit("W3", 200_000, "chainkit", 1),
    of_chainkit("W3", 200_000, "chainkit, all threads", ALL_THREADS),
)
FLOORS = {("W1", "SimPy"): 60, ("W1", "SimFaaS"): 170, ("W2", "SimPy"): 25, ("W3", "SimPy"): 30}
AIMS = {("W1", "SimPy"): 200, ("W1", "SimFaaS"): 550, ("W2", "SimPy"): 150, ("W3", "SimPy"): 120}

WAITS = {
    "a changed design, 20,000 requests of W2 in 10 replications, to its table (aim: 50 ms)": ("slider", 10),
    "the same in 1 replication, on one thread": ("slider", 1),
}
STARTS = ("a first result, 1,000 requests of W2, from the start of Python", "the same, with nothing compiled yet")


def main() -> None:
    """Run the campaign and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument("--scale", type=float, default=1.0, help="share of each size, for a quick trial")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    missing = {job.needs for job in JOBS if job.needs and find_spec(job.needs) is None}
    jobs = [job for job in JOBS if job.needs not in missing]
    found: dict[Job, list[dict]] = {job: [] for job in jobs}
    for number in range(options.rounds):
        for job in turned(jobs, number):
            requests = max(1_000, int(job.requests * options.scale))
            said(f"round {number + 1} of {options.rounds}: {job.workload} on {job.engine}")
            found[job].append(measured(job.script, *job.options, requests=requests, seed=options.seed))
    waits = waited(options.rounds, options.seed)
    said("")
    print(f"{os.cpu_count()} processors, Python {sys.version.split()[0]}, {options.rounds} rounds, medians")
    for name in sorted(missing):
        print(f"skipped: {name} is not installed; `pip install {name}` to measure it")
    print("\n" + "\n".join(table(speeds(found))))
    print("\n" + "\n".join(table(ratios(found))))
    print("\n" + "\n".join(table(waits)))


def turned(jobs: Sequence[Job], number: int) -> Sequence[Job]:
    """Return the jobs with another one first in each round."""
    first = number * len(jobs) // 3 % len(jobs)
    return [*jobs[first:], *jobs[:first]]


def measured(script: str, *options: str, requests: int, seed: int, **variables: str) -> dict:
    """Return what a script tells, run in a process of its own."""
    command = [sys.executable, str(HERE / script), "--requests", str(requests), "--seed", str(seed), *options]
    # Without its .pyc files, numba takes a second more at every start.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, env=environment | variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{script} {' '.join(options)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def waited(rounds: int, seed: int) -> Iterator[Sequence[str]]:
    """Return how long a person waits: rows of a table."""
    rows = [("how long a person waits for ...", "s", "max/min")]
    for what, (measure, replications) in WAITS.items():
        said(what)
        options = ("--measure", measure, "--replications", str(replications))
        seconds = [measured("chainkit_runs.py", *options, requests=1, seed=seed)["seconds"] for _ in range(rounds)]
        rows.append(row_of(what, seconds))
    for what in STARTS:
        said(what)
        rows.append(row_of(what, [started(seed, is_compiled=what == STARTS[0]) for _ in range(rounds)]))
    return iter(rows)


def started(seed: int, *, is_compiled: bool) -> float:
    """Return the seconds from the start of a process to its figures and its end."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        variables = {} if is_compiled else {"NUMBA_CACHE_DIR": folder}
        began = time.perf_counter()
        measured("chainkit_runs.py", "--measure", "first", requests=1_000, seed=seed, **variables)
        return time.perf_counter() - began


def row_of(what: str, seconds: Sequence[float]) -> tuple[str, str, str]:
    """Return a row of the last table."""
    return what, f"{statistics.median(seconds):.3f}", f"{max(seconds) / min(seconds):.2f}"


def median_per_s(rounds: Sequence[Mapping]) -> float:
    """Return the median requests per second."""
    return statistics.median(each["per_s"] for each in rounds)


def speeds(found: Mapping[Job, Sequence[Mapping]]) -> Iterator[Sequence[str]]:
    """Yield requests per second by workload and engine, and figures that show that the same was simulated."""
    yield "workload", "engine", "requests", "requests/s", "max/min", "figures"
    for job, rounds in found.items():
        rates = [each["per_s"] for each in rounds]
        figures = " ".join(f"{name}={value:.4g}" for name, value in rounds[0]["figures"].items())
        spread = f"{max(rates) / min(rates):.2f}"
        yield (
            job.workload, job.engine, f"{rounds[0]['requests']:,}", f"{median_per_s(rounds):,.0f}", spread, figures
        )  # fmt: skip


def ratios(found: Mapping[Job, Sequence[Mapping]]) -> Iterator[Sequence[str]]:
    """Yield how many times faster chainkit is than each peer, on one thread and on all."""
    yield "workload", "against", "one thread", "floor", "aim", "all threads"
    per_s = {(job.workload, job.engine): median_per_s(rounds) for job, rounds in found.items()}
    for (workload, engine), rate in per_s.items():
        if not engine.startswith("chainkit"):
            one, all_threads = (per_s[workload, own] / rate for own in ("chainkit", "chainkit, all threads"))
            bounds = [f"{kind[workload, engine]}x" if (workload, engine) in kind else "" for kind in (FLOORS, AIMS)]
            yield workload, engine, f"{one:.0f}x", *bounds, f"{all_threads:.0f}x"


def table(rows: Iterator[Sequence[str]]) -> Iterator[str]:
    """Yield rows as a Markdown table whose columns line up."""
    cells = [*rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for k, row in enumerate(cells):
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        if k == 0:
            yield "| " + " | ".join("-" * width for width in widths) + " |"


def said(text: str) -> None:
    """Show what goes on, on a line that the next one replaces; nothing where nobody watches."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
