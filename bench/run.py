"""Measure simulator and local target beside their peers: `make bench`, or `python bench/run.py`. See the README.

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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import local_target
import tables

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
BOUNDS = {
    ("W1", "SimPy"): (60, 200),
    ("W1", "SimFaaS"): (170, 550),
    ("W2", "SimPy"): (25, 150),
    ("W3", "SimPy"): (30, 120),
}
"""Floor and aim, times faster."""


# --- what is no ratio: seconds and megabytes, each measured in a process of its own ---


@dataclass(frozen=True)
class Campaign:
    """What the options say."""

    rounds: int
    scale: float
    seed: int

    def chainkit(self, measure: str, *options: str, requests: int = 1, **variables: str) -> dict:
        """Return what chainkit_runs.py tells."""
        command = ("--measure", measure, *options)
        return measured("chainkit_runs.py", *command, requests=requests, seed=self.seed, **variables)

    def scaled(self, requests: int) -> int:
        """Return a size for this campaign."""
        return max(1_000, int(requests * self.scale))

    def sweep_s(self) -> float:
        """Return the seconds of 1,000 designs; a trial sweeps fewer, and reckons in proportion."""
        values = min(10, max(2, round(10 * self.scale ** (1 / 3))))
        told = self.chainkit("sweep", "--values", str(values), requests=100_000)
        return told["seconds"] / told["figures"]["designs"] * 1_000

    def overhead_ms(self) -> float:
        """Return the milliseconds that a design takes beyond its simulation."""
        told = self.chainkit("overhead", "--values", "5")
        return told["seconds"] / told["figures"]["designs"] * 1_000

    def slider_s(self, workload: str, replications: int) -> float:
        """Return the seconds until a changed design shows its table."""
        return self.chainkit("slider", "--workload", workload, "--replications", str(replications))["seconds"]

    def import_s(self, statement: str) -> float:
        """Return the seconds of an import in a process that has just begun."""
        program = f"import time; began = time.perf_counter(); {statement}; print(time.perf_counter() - began)"
        return float(output([sys.executable, "-c", program])[-1])

    def first_s(self, *, is_compiled: bool) -> float:
        """Return the seconds from the start of Python until a table stands on the screen."""
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            variables = {} if is_compiled else {"NUMBA_CACHE_DIR": folder}
            command = [sys.executable, str(HERE / "chainkit_runs.py"), "--measure", "first", "--requests", "1000"]
            began = time.perf_counter()
            with subprocess.Popen(command, env=surroundings(**variables), stdout=subprocess.PIPE, text=True) as shown:
                for line in shown.stdout:
                    if line.startswith("{"):
                        return time.perf_counter() - began
        raise SystemExit("chainkit_runs.py --measure first showed no table")

    def peak_mb(self, workload: str, requests: int) -> float:
        """Return the most memory that a run took."""
        told = self.chainkit("memory", "--workload", workload, requests=self.scaled(requests))
        return told["figures"]["peak_mb"]


@dataclass(frozen=True)
class Figure:
    """A figure that is beside no peer's."""

    what: str
    unit: str
    measure: Callable[[Campaign], float]
    floor: str = ""
    aim: str = ""


FIGURES = (
    Figure("a sweep: 1,000 designs x 100,000 requests of W2, two threads", "s", Campaign.sweep_s, "25", "3"),
    Figure("what a design of a sweep takes beyond its simulation", "ms", Campaign.overhead_ms),
    Figure(
        "a changed design of the order chain, 20,000 requests in 10 replications, to its table", "s",
        lambda run: run.slider_s("orders", 10), "0.05",
    ),
    Figure("the same of W2", "s", lambda run: run.slider_s("W2", 10), aim="0.05"),
    Figure("the same of W2 in 1 replication, on one thread", "s", lambda run: run.slider_s("W2", 1)),
    Figure("import chainkit", "s", lambda run: run.import_s("import chainkit"), "0.3"),
    Figure(
        "from chainkit import Chain, LambdaFunction, Poisson", "s",
        lambda run: run.import_s("from chainkit import Chain, LambdaFunction, Poisson"), "0.3",
    ),
    Figure(
        "a first result, 1,000 requests of W2, from the start of Python to its table", "s",
        lambda run: run.first_s(is_compiled=True), "1",
    ),
    Figure("the same, with nothing compiled yet", "s", lambda run: run.first_s(is_compiled=False)),
    Figure("most memory of 1,000,000 requests of W1", "MB", lambda run: run.peak_mb("W1", 1_000_000)),
    Figure("most memory of 100,000,000 requests of W1", "MB", lambda run: run.peak_mb("W1", 100_000_000), "the same"),
)  # fmt: skip


def main() -> None:
    """Run the campaign and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument("--scale", type=float, default=1.0, help="share of each size, for a quick trial")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="store the tables in bench/RESULTS.md")
    options = parser.parse_args()
    campaign = Campaign(options.rounds, options.scale, options.seed)
    missing = {job.needs for job in JOBS if job.needs and find_spec(job.needs) is None}
    jobs = [job for job in JOBS if job.needs not in missing]
    found: dict[tuple[str, str], list[dict]] = {(job.workload, job.engine): [] for job in jobs}
    others: dict[Figure, list[float]] = {figure: [] for figure in FIGURES}
    for number in range(options.rounds):
        for job in turned(jobs, number):
            said(f"round {number + 1} of {options.rounds}: {job.workload} on {job.engine}")
            requests = campaign.scaled(job.requests)
            told = measured(job.script, *job.options, requests=requests, seed=options.seed)
            found[job.workload, job.engine].append(told)
        for figure in FIGURES:
            said(f"round {number + 1} of {options.rounds}: {figure.what}")
            others[figure].append(figure.measure(campaign))
    said("")
    parts = [tables.setting(options.rounds, options.scale)]
    parts += [f"Skipped: {name} is not installed; `pip install {name}` to measure it." for name in sorted(missing)]
    parts += map(tables.table, (tables.ratios(found, BOUNDS), figures(others), tables.speeds(found)))
    print("\n\n".join(parts))
    if options.write:
        print(f"\nwritten: {tables.write(parts)}")
    targets = local_target.parts(options.rounds, said)
    said("")
    print("\n" + "\n\n".join(targets))
    if options.write:
        print(f"\nwritten: {local_target.write(options.rounds, targets)}")


def figures(found: dict[Figure, list[float]]) -> Iterator[Sequence[str]]:
    """Yield the figures that are beside no peer's: rows of a table."""
    yield "what", "measured", "floor", "aim", "max/min"
    for figure, values in found.items():
        bounds = (f"{each} {figure.unit}" if each[:1].isdigit() else each for each in (figure.floor, figure.aim))
        yield figure.what, f"{statistics.median(values):.3g} {figure.unit}", *bounds, tables.spread(values)


def turned(jobs: Sequence[Job], number: int) -> Sequence[Job]:
    """Return the jobs with another one first in each round."""
    first = number * len(jobs) // 3 % len(jobs)
    return [*jobs[first:], *jobs[:first]]


def measured(script: str, *options: str, requests: int, seed: int, **variables: str) -> dict:
    """Return what a script tells, run in a process of its own."""
    command = [sys.executable, str(HERE / script), "--requests", str(requests), "--seed", str(seed), *options]
    return json.loads(output(command, **variables)[-1])


def output(command: Sequence[str], **variables: str) -> list[str]:
    """Return the lines that a process prints."""
    done = subprocess.run(command, env=surroundings(**variables), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout.splitlines()


def surroundings(**variables: str) -> dict[str, str]:
    """Return this process's variables; without its .pyc files, numba would take a second more at every start."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | variables


def said(text: str) -> None:
    """Show what goes on, on a line that the next one replaces; nothing where nobody watches."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
