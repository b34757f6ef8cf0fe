"""What a state machine adds: from its start to its first task, and around the work that each task calls.

Start    From the start of the execution until its first state is entered, and on until that task has started.
Task     From TaskStarted to the end, less the function's own run: known where a REPORT line of the same request was
         read too. Then the time between states: entered until started (but for the first task), ended until the next
         state. Without REPORT lines the part inside the call comes from the prior, and only the time between states is
         measured.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chainkit.calibration.estimates import Estimate, Fitted, Prior, fitted, hop_prior
from chainkit.calibration.intake import Intake, Run, Task
from chainkit.distributions import Empirical
from chainkit.law import Law
from chainkit.units import seconds

_RESOLUTION_S = 0.001
"""Instants of a history are whole milliseconds."""


@dataclass(frozen=True)
class MachineFigures:
    """What was learned about a state machine."""

    task_overhead: Fitted | None
    start_overhead: Fitted | None
    states: Mapping[str, Fitted]
    """State -> overhead of its tasks, where the calls' own runs are known."""
    tasks: int
    notes: tuple[str, ...]

    def fits(self) -> list[Fitted]:
        """Return every law with its figures."""
        return [each for each in (self.task_overhead, self.start_overhead) if each is not None]


def machine_figures(intake: Intake, workflow: str) -> MachineFigures | None:
    """Return what tasks and columns of overheads say, or None if there are none."""
    if not (intake.tasks or intake.task_overheads_s or intake.start_overheads_s):
        return None
    notes: list[str] = []
    by_request = {run.request: run for run in intake.runs if run.request}
    joined, between = _joined(intake.tasks, by_request, notes)
    starts = [*intake.start_overheads_s, *(_start_s(task) for task in intake.tasks if task.is_first)]
    starts = [start_s for start_s in starts if math.isfinite(start_s)]
    prior = hop_prior(f"stepfunctions_task_{workflow.lower()}")
    measured = [*intake.task_overheads_s, *(time_s for times in joined.values() for time_s in times)]
    if measured:
        task_overhead: Fitted | None = fitted("task_overhead", measured, prior)
    else:
        task_overhead = _from_prior(between, prior, notes)
    return MachineFigures(
        task_overhead,
        fitted("start_overhead", starts, hop_prior("stepfunctions_start")) if starts else None,
        {state: fitted(f"task_overhead[{state}]", times, prior) for state, times in joined.items() if state},
        len(intake.tasks),
        tuple(notes),
    )


def _start_s(task: Task) -> float:
    return task.started_s - task.start_s


def _between_s(task: Task) -> float:
    """Return the time that a task spends between states, without what is the start's."""
    before = task.entered_s if math.isfinite(task.entered_s) else task.scheduled_s
    wait_s = 0.0 if task.is_first else task.started_s - before
    return wait_s + (task.left_s - task.ended_s if math.isfinite(task.left_s) else 0.0)


def _joined(
    tasks: Sequence[Task], by_request: Mapping[str, Run], notes: list[str]
) -> tuple[dict[str, list[float]], list[float]]:
    """Return the overheads by state of tasks whose runs are known, and the time between states of all."""
    joined: dict[str, list[float]] = defaultdict(list)
    early = 0
    for task in tasks:
        run = by_request.get(task.request) if task.request else None
        if run is None:
            continue
        start_s = sum(time_s for time_s in (run.init_s, run.restore_s) if math.isfinite(time_s))
        inside_s = task.ended_s - task.started_s - run.duration_s - start_s
        early += inside_s < -_RESOLUTION_S
        joined[task.state].append(max(inside_s, 0.0) + _between_s(task))
    if joined:
        notes.append(f"{sum(map(len, joined.values())):,} of {len(tasks):,} tasks joined to REPORT lines by request")
    if early:
        notes.append(f"{early:,} tasks ended before their REPORT says that the run did: overhead taken as 0")
    return joined, [_between_s(task) for task in tasks if math.isfinite(task.left_s)]


def _from_prior(between: list[float], prior: Prior, notes: list[str]) -> Fitted | None:
    """Return the prior's law, later by the measured time between states."""
    if not between:
        notes.append(
            "task_overhead: how long the called functions ran is not in these rows; read their REPORT lines with a "
            "history (joined by request), or a column of overheads"
        )
        return None
    more_s = float(np.mean(between))
    notes.append(
        f"task_overhead: how long the called functions ran is not known (read their REPORT lines too), so what is "
        f"inside a call is the prior's; {seconds(more_s)} between states, measured, comes on top"
    )
    law: Law = prior.law
    if more_s > 0:
        p = np.unique(np.concatenate([np.linspace(0, 1, 101), [0.995, 0.999, 0.9999]]))
        times = np.minimum(prior.law.ppf(p), prior.law.isf(1e-5)) + more_s
        law = Empirical(quantiles=dict(zip(p.tolist(), times.tolist(), strict=True)))
    figures = {"mean": law.mean_s, "p50": law.ppf(0.5), "p95": law.ppf(0.95), "p99": law.ppf(0.99)}
    estimates = tuple(
        Estimate(f"task_overhead_{name}_s", value, math.nan, math.nan, 0, "prior", 1.0, prior.source)
        for name, value in figures.items()
    )
    return Fitted("task_overhead", law, estimates, 0, 0.0, "prior", 1.0, prior.source)
