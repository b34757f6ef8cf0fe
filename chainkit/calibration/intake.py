"""What has been read: runs of functions, tasks of state machines, and what was refused and why.

Memory stays bounded: of a log with more than `MOST` runs, whole stretches of `STRETCH` consecutive rows are kept,
chosen by a hash of their number, so that runs that follow each other stay together and the choice does not depend on
what the rows say.
"""

import math
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

MOST = 200_000
"""Runs that are kept."""
LONGEST_S = 16 * 60.0
"""Lambda's timeout is at most 900 s (Lambda quotas, 2026)."""
STRETCH = 1_024
"""Consecutive rows that are kept or left out together."""

EMULATOR = "by a local emulator (Init Duration before Duration, Max Memory Used equal to Memory Size): no measurement"
NEGATIVE = "with a negative time"
TOO_LONG = "with a run of more than 16 minutes, where Lambda ends after 15: no run, or not in milliseconds"
UNREADABLE = "without a number where a time should be"
TWICE = "read twice (the same request, times and memory)"


@dataclass(slots=True)
class Run:
    """One run of a function, as one line or row tells it. Times in seconds, NaN where nothing is said."""

    duration_s: float
    function: str = ""
    environment: str = ""
    """Log stream or instance: whatever tells environments apart."""
    request: str = ""
    memory_mb: float = math.nan
    used_mb: float = math.nan
    init_s: float = math.nan
    restore_s: float = math.nan
    billed_s: float = math.nan
    status: Literal["ok", "error", "timeout"] = "ok"
    is_first: bool | None = None
    """Whether an init came before it; None: this log cannot say."""
    start_s: float = math.nan
    """When it began, or was logged: seconds since 1970."""
    elapsed_s: float = math.nan
    """How long its caller waited."""
    source: int = 0
    stretch: int = 0


@dataclass(slots=True)
class Task:
    """One try of a task state. Instants in seconds since 1970, NaN where nothing is said."""

    state: str
    scheduled_s: float
    started_s: float
    ended_s: float
    entered_s: float = math.nan
    left_s: float = math.nan
    """When the next state was entered, or the execution ended."""
    is_first: bool = False
    """The first task of its execution, which bears the start."""
    start_s: float = math.nan
    """When the execution started, for the first task."""
    request: str = ""
    """Request of the function that it called."""


@dataclass
class Intake:
    """Everything that one `calibrate` has read."""

    runs: list[Run] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    task_overheads_s: list[float] = field(default_factory=list)
    """Measured by somebody else, as a column."""
    start_overheads_s: list[float] = field(default_factory=list)
    tunings: dict[int, float] = field(default_factory=dict)
    """Memory in MB -> mean seconds, of AWS Lambda Power Tuning."""
    sources: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    lines: int = 0
    runs_read: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    """Lines that are understood and are no runs."""
    runtimes: Counter[str] = field(default_factory=Counter)
    has_emulator: set[int] = field(default_factory=set)
    named: dict[tuple[int, str], str] = field(default_factory=dict)
    """(source, environment) -> the function's name, where only the start of an environment tells it."""
    is_thinned: bool = False
    _mask: int = 0
    _seen: set[int] = field(default_factory=set)
    _recent: dict[str, Run] = field(default_factory=dict)

    def add(self, run: Run) -> None:
        """Take a run, unless it is none or was here before."""
        times = (run.duration_s, run.init_s, run.restore_s, run.elapsed_s)
        if math.isnan(run.duration_s) or math.isinf(run.duration_s):
            self.refused[UNREADABLE] += 1
        elif any(time_s < 0 for time_s in times):
            self.refused[NEGATIVE] += 1
        elif any(time_s > LONGEST_S for time_s in times[:3]):
            self.refused[TOO_LONG] += 1
        elif run.request and self._was_here(run):
            self.refused[TWICE] += 1
        else:
            if not 128 <= run.memory_mb <= 10_240:  # Lambda quotas, 2026
                run.memory_mb = math.nan
            run.source, run.stretch = len(self.sources) - 1, self.runs_read // STRETCH
            self.runs_read += 1
            if self._is_kept(run):
                self.runs.append(run)
                self._recent[run.request] = run
            if len(self.runs) > MOST:
                self._thin()

    def time_out(self, request: str) -> None:
        """Mark a run whose log says only afterwards that it was cut."""
        if request in self._recent:
            self._recent[request].status = "timeout"

    def close_source(self) -> None:
        """Forget what holds within one source only, and drop an emulator's later runs, which show no init."""
        source = len(self.sources) - 1
        if source in self.has_emulator:
            kept = [run for run in self.runs if run.source != source or run.used_mb != run.memory_mb]
            self.refused[EMULATOR] += len(self.runs) - len(kept)
            self.runs_read -= len(self.runs) - len(kept)
            self.runs = kept
        if self.named:
            for run in self.runs:
                run.function = run.function or self.named.get((run.source, run.environment), "")
        self._recent.clear()

    def _was_here(self, run: Run) -> bool:
        if self.is_thinned:  # a set of everything would not be bounded
            return False
        figures = (run.duration_s, run.init_s, run.restore_s, run.billed_s, run.memory_mb, run.elapsed_s)
        key = hash((run.request, *(-1.0 if math.isnan(figure) else figure for figure in figures)))
        if key in self._seen:
            return True
        self._seen.add(key)
        return False

    def _is_kept(self, run: Run) -> bool:
        return zlib.crc32(run.stretch.to_bytes(8, "big")) & self._mask == 0

    def _thin(self) -> None:
        self._mask, self.is_thinned = 2 * self._mask + 1, True
        self._seen.clear()
        self.runs = [run for run in self.runs if self._is_kept(run)]
        self._recent.clear()
