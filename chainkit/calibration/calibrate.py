"""`calibrate`: logs -> laws, curves and overheads for the services of a chain, with intervals and sources."""

import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from chainkit.calibration.assembly import FunctionFigures, Wanted, function_figures
from chainkit.calibration.environments import Alike
from chainkit.calibration.estimates import ENOUGH, PRIOR_RUNS, Estimate, Fitted, fitted, warm_prior
from chainkit.calibration.intake import Intake, Run
from chainkit.calibration.memory import MemoryCurve, fit
from chainkit.calibration.modes import Mode
from chainkit.calibration.overheads import MachineFigures, machine_figures
from chainkit.calibration.reading import KINDS, Kind, read
from chainkit.errors import ConfigError, nearest
from chainkit.law import Law
from chainkit.units import seconds

if TYPE_CHECKING:
    import pandas as pd

_LAWS = ("duration", "first_duration", "init", "overhead")


@dataclass(frozen=True, repr=False)
class Calibration:
    """What logs say: figures by function, and of the state machine if there was a history.

    Of a log with one function its figures are attributes; of one with several, name one first: ``cal["pay"].duration``.
    """

    functions: Mapping[str, FunctionFigures]
    machine: MachineFigures | None
    read: tuple[str, ...] = field(default=())
    """What was read and refused, in sentences."""

    def __getitem__(self, name: str) -> "Calibration":
        """Return what belongs to one function."""
        if name not in self.functions:
            problem = f"calibrate: the log has no function {name!r}{nearest(name, self.functions)}"
            raise ConfigError(f"{problem}; allowed: {self._names()}", fix="name one of these")
        return replace(self, functions={name: self.functions[name]}, machine=None)

    # --- figures of the one function ---

    @property
    def duration(self) -> Law | None:
        """Work of a warm run, seconds; None if no run came to its end."""
        return self._one().law("duration")

    @property
    def first_duration(self) -> Law | None:
        """Work of the first run after an init; None: it does not differ, or cannot be told."""
        return self._one().law("first_duration")

    @property
    def init(self) -> Law | None:
        """Init of a new environment, or the restore of a snapshot; None if the log shows none."""
        return self._one().law("init")

    @property
    def overhead(self) -> Law | None:
        """What a caller waited beyond a warm run, or what a state machine adds to a task; None if not known."""
        return self._one().law("overhead") if self.functions else self.task_overhead

    @property
    def memory_mb(self) -> int | None:
        """Memory at which the durations were measured."""
        return self._one().memory_mb

    @property
    def memory_curve(self) -> MemoryCurve | None:
        """T = io + cpu / min(m, 1769); None with runs at one size only."""
        return self._one().memory_curve

    @property
    def speed_factor(self) -> Law | None:
        """How much slower or faster an environment is than the average one, mean 1; None if the log cannot say."""
        alike = self._one().alike
        return None if alike is None else alike.speed_factor

    @property
    def alike(self) -> Alike | None:
        """How much runs of one environment resemble each other."""
        return self._one().alike

    @property
    def keep_alive(self) -> Law | None:
        """How long an idle environment lives, from per-request rows with instances."""
        lives = self._one().lives
        return None if lives is None else lives.law

    @property
    def instances(self) -> int | None:
        """How many environments there were."""
        return self._one().instances

    @property
    def cold_fraction(self) -> float | None:
        """Share of runs that followed an init."""
        cold = self._one().cold
        return None if cold is None else cold.value

    @property
    def modes(self) -> tuple[Mode, Mode] | None:
        """The fast and the slow mode, if the times have two."""
        return self._one().modes

    # --- figures of the machine ---

    @property
    def task_overhead(self) -> Law | None:
        """What a task takes beyond the work it calls."""
        return None if self.machine is None or self.machine.task_overhead is None else self.machine.task_overhead.law

    @property
    def start_overhead(self) -> Law | None:
        """From the start of an execution until its first task has started."""
        return None if self.machine is None or self.machine.start_overhead is None else self.machine.start_overhead.law

    @property
    def states(self) -> dict[str, Law]:
        """State -> what its tasks take beyond the work they call, where that work is known."""
        return {} if self.machine is None else {name: each.law for name, each in self.machine.states.items()}

    # --- what to do with them ---

    def settings(self) -> dict[str, Any]:
        """Return keyword arguments for a function: laws, and how they scale with memory.

        With a `speed_factor`, the durations are without it, so that both together give the measured spread.
        `keep_alive` is there if its bounds agree.

        Raises
        ------
        ConfigError
            If no function was measured.
        """
        if not self.functions and self.machine is not None:
            problem = "calibrate: settings() is for a function, and only histories were read"
            raise ConfigError(problem, fix="use machine_settings(), or read REPORT lines too")
        one = self._one()
        found: dict[str, Any] = {name: one.law(name) for name in _LAWS[:3] if one.law(name) is not None}
        if self.speed_factor is not None:
            found |= {**one.within, "speed_factor": self.speed_factor}
        if one.lives is not None and one.lives.is_clear:
            found["keep_alive"] = one.lives.law
        if one.memory_curve is not None and one.memory_mb is not None:
            found["cpu_fraction"] = round(one.memory_curve.cpu_fraction(one.memory_mb), 6)
        if one.memory_mb is not None and "duration" in found:
            found["measured_memory_mb"] = one.memory_mb
        if not found:
            problem = f"calibrate: nothing was measured of {one.name or 'the function'}: {'; '.join(one.notes)}"
            raise ConfigError(problem, fix="read a log with runs that came to their end")
        return found

    def machine_settings(self) -> dict[str, Any]:
        """Return keyword arguments for a state machine: task_overhead and start_overhead, those that are known.

        Raises
        ------
        ConfigError
            If no history was read.
        """
        laws = {"task_overhead": self.task_overhead, "start_overhead": self.start_overhead}
        found = {name: law for name, law in laws.items() if law is not None}
        if not found:
            problem = "calibrate: no overhead of a state machine was read"
            raise ConfigError(problem, fix="give GetExecutionHistory's JSON, and the functions' REPORT lines with it")
        return found

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per figure: of, figure, value, low, high, n, source, weight, prior.

        `source` is measured, shrunk (mixed with a prior of that weight) or prior. Bounds are 95 %, NaN where the runs
        give none.
        """
        import pandas as pd

        rows = [(name, estimate) for name, one in self.functions.items() for estimate in one.estimates()]
        if self.machine is not None:
            fits = [*self.machine.fits(), *self.machine.states.values()]
            rows += [("state machine", estimate) for each in fits for estimate in each.estimates]
        columns = ("figure", "value", "low", "high", "n", "source", "weight", "prior")
        return pd.DataFrame(
            [(of, *(getattr(estimate, name) for name in columns)) for of, estimate in rows], columns=["of", *columns]
        )

    def __str__(self) -> str:
        """Return what was read, refused and found, as text."""
        lines, priors = [*self.read], list[str]()
        for name, one in self.functions.items():
            size = f" at {one.memory_mb:,} MB" if one.memory_mb is not None else ""
            lines += ["", f"{name or 'function'}: {one.runs:,} runs{size}", *_table(one.fits.values(), priors)]
            if one.cold is not None:
                low, high = f"{one.cold.low:.1%}", f"{one.cold.high:.1%}"
                lines.append(f"  cold starts: {one.cold.value:.1%} of {one.cold.n:,} runs ({low} to {high})")
            if one.instances is not None:
                lines.append(f"  environments: {one.instances:,}")
            lines += [f"  - {note}" for note in one.notes]
        if self.machine is not None:
            fits = [*self.machine.fits(), *self.machine.states.values()]
            lines += ["", f"state machine: {self.machine.tasks:,} tasks", *_table(fits, priors)]
            lines += [f"  - {note}" for note in self.machine.notes]
        lines += ["", *(f"prior [{k}]: {prior}" for k, prior in enumerate(priors, 1)), _HOW]
        return "\n".join(lines)

    def __repr__(self) -> str:
        runs = sum(one.runs for one in self.functions.values())
        tasks = f", {self.machine.tasks:,} tasks" if self.machine is not None else ""
        return f"Calibration({runs:,} runs of {self._names() or 'no function'}{tasks})"

    def _names(self) -> str:
        return ", ".join(name or "a function without name" for name in self.functions)

    def _one(self) -> FunctionFigures:
        if len(self.functions) == 1:
            return next(iter(self.functions.values()))
        if not self.functions:
            problem = "calibrate: no runs of a function were read; allowed: figures of the state machine"
            raise ConfigError(problem, fix="use task_overhead, start_overhead or machine_settings()")
        problem = f"calibrate: the log holds {len(self.functions)} functions: {self._names()}"
        raise ConfigError(f"{problem}; allowed: one at a time", fix=f'name one: cal["{next(iter(self.functions))}"]')


_HOW = (
    "Intervals are 95 %: means by Student's t, quantiles by order statistics, shares by Wilson. Below "
    f"{ENOUGH} runs a law is mixed with a prior of the same mean, of weight {PRIOR_RUNS:.0f}/({PRIOR_RUNS:.0f} + n)."
)


def calibrate(
    *sources: Any,
    kind: Kind | None = None,
    function: str | None = None,
    memory_mb: int | None = None,
    runtime: str | None = None,
    architecture: Literal["x86_64", "arm64"] = "x86_64",
    workflow: Literal["STANDARD", "EXPRESS"] = "STANDARD",
) -> Calibration:
    """Return laws, memory curve and overheads from logs.

    Parameters
    ----------
    sources : paths of files (also .gz), texts, DataFrames, histories as mappings; what each is, is recognised
        REPORT lines as text or JSON, wrapped by CloudWatch or not; CSV of Logs Insights, of runs (Duration,
        Memory_Size ...), of requests (aws_duration, is_cold, inst_id, client_elapsed_time ...), of task times
        (Scheduled, Start, End); GetExecutionHistory and Express logs; results of AWS Lambda Power Tuning.
    kind : "report", "history", "requests" or "tuning", to be sure that it is read as that
    function : only this function's runs
    memory_mb : memory where the log does not say, or which of its sizes the laws are for
    runtime, architecture : whose measured inits few cold starts borrow their shape from; None: as the log says
    workflow : whose measured task overhead few tasks borrow from

    Raises
    ------
    ConfigError
        If a source cannot be read, or nothing in it is a measurement.

    Examples
    --------
    >>> cal = calibrate("REPORT RequestId: 1 Duration: 40.00 ms Memory Size: 512 MB Max Memory Used: 70 MB")
    >>> round(cal.duration.mean_s, 6), cal.settings()["measured_memory_mb"]
    (0.04, 512)
    """
    _check(sources, kind, memory_mb)
    # A list holds files, lines of a text, or histories.
    intake = read([each for source in sources for each in _flat(source)], kind)
    _fits_kind(intake, kind)
    _refuse_nothing(intake)
    wanted = Wanted(memory_mb, runtime, architecture, not intake.is_thinned)
    by_name: dict[str, list[Run]] = defaultdict(list)
    for run in intake.runs:
        by_name[run.function].append(run)
    if function is not None and function not in by_name:
        problem = f"calibrate: function={function!r} is not in the log{nearest(function, by_name)}"
        known = ", ".join(name for name in by_name if name) or "none by name"
        raise ConfigError(f"{problem}; allowed: {known}", fix="name one of these, or leave function out")
    figures = {
        name: function_figures(name, runs, wanted, intake.runtimes)
        for name, runs in sorted(by_name.items())
        if function is None or name == function
    }
    if intake.tunings and not figures:
        figures[""] = _from_tuning(intake.tunings, wanted)
    return Calibration(figures, machine_figures(intake, workflow), _told(intake, by_name))


def _check(sources: tuple[Any, ...], kind: Any, memory_mb: Any) -> None:
    if not sources:
        raise ConfigError(
            "calibrate: nothing is given; allowed: files, text, histories", fix='calibrate("logs/pay.txt")'
        )
    if kind is not None and kind not in KINDS:
        problem = f"calibrate: kind={kind!r} is unknown{nearest(kind, KINDS)}; allowed: {', '.join(KINDS)}"
        raise ConfigError(problem, fix="leave it out, and it is recognised")
    if memory_mb is not None and (not isinstance(memory_mb, int) or not 128 <= memory_mb <= 10_240):
        problem = f"calibrate: memory_mb={memory_mb!r} is not allowed; allowed: 128..10240 (MB)"
        raise ConfigError(problem, fix="give the function's memory in MB")


def _flat(source: Any) -> list[Any]:
    """Return a list of files or texts as its parts; of lines, or of events, as it is."""
    if isinstance(source, Iterator) and not isinstance(source, io.IOBase):
        source = list(source)  # what Path.glob gives
    if not isinstance(source, list | tuple) or not source or isinstance(source[0], Mapping):
        return [source]
    is_lines = isinstance(source[0], str) and any("RequestId" in str(line) for line in source[:50])
    return [source] if is_lines else list(source)


def _fits_kind(intake: Intake, kind: str | None) -> None:
    """Refuse a source that is something else than was said."""
    names = {
        "report": {"report", "messages", "runs"}, "requests": {"requests"}, "tuning": {"tuning"},
        "history": {"history", "tasks", "start_overheads", "durations"},
    }  # fmt: skip
    other = [each for each in intake.kinds if kind is not None and each not in names[kind]]
    if other:
        problem = f"calibrate: kind={kind!r}, but a source looks like {other[0]!r}"
        raise ConfigError(f"{problem}; allowed: {', '.join(sorted(names[str(kind)]))}", fix="leave kind out")


def _refuse_nothing(intake: Intake) -> None:
    """Raise if there is no measurement in all that was read."""
    if intake.runs or intake.tasks or intake.task_overheads_s or intake.start_overheads_s or intake.tunings:
        return
    who = ", ".join(repr(name) for name in intake.sources)
    why = "; ".join(f"{count:,} lines {reason}" for reason, count in intake.refused.most_common())
    why = why or f"no REPORT line, history or known table in {intake.lines:,} lines"
    problem = f"calibrate: {who} holds no measurement: {why}; allowed: logs of functions that ran on AWS"
    raise ConfigError(problem, fix="export the log of a deployed function: aws logs tail /aws/lambda/NAME --since 1d")


def _from_tuning(tunings: Mapping[int, float], wanted: Wanted) -> FunctionFigures:
    """Return the figures of a Power Tuning result, which has one mean for each memory size."""
    base_mb = max(tunings)
    if wanted.memory_mb is not None and wanted.memory_mb in tunings:
        base_mb = wanted.memory_mb
    curve = fit({size: np.array([mean_s]) for size, mean_s in tunings.items()}, 1.0, base_mb)
    notes = [f"AWS Lambda Power Tuning gives means of {len(tunings)} sizes: the shape of the duration is the prior's"]
    notes += [f"memory curve: {curve}"] if curve is not None else []
    fits = {"duration": fitted("duration", [tunings[base_mb]], warm_prior([tunings[base_mb]]))}
    return FunctionFigures("", len(tunings), base_mb, fits, memory_curve=curve, notes=tuple(notes))


def _told(intake: Intake, by_name: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what was read and what was refused, in sentences."""
    kinds = ", ".join(dict.fromkeys(intake.kinds))
    names = ", ".join(intake.sources[:5]) + (" ..." if len(intake.sources) > 5 else "")
    told = [f"read: {names} ({kinds}), {intake.lines:,} lines, {intake.runs_read:,} runs, {len(intake.tasks):,} tasks"]
    if intake.is_thinned:
        told.append(f"kept: {len(intake.runs):,} runs in whole stretches of consecutive rows, chosen by a fixed hash")
    told += [f"refused: {count:,} lines {reason}" for reason, count in intake.refused.most_common()]
    told += [f"passed over: {count:,} {reason}" for reason, count in intake.told.most_common()]
    if len(by_name) > 1:
        listed = ", ".join(f"{name or 'without name'} ({len(runs):,})" for name, runs in sorted(by_name.items()))
        told.append(f"{len(by_name)} functions, told apart by name: {listed}")
    elif "" in by_name:
        told.append("no function's name in the log: all runs are taken for one function's")
    return tuple(told)


def _table(laws: Iterable[Fitted], priors: list[str]) -> list[str]:
    """Return one line per law: mean and percentiles, runs and source; `priors` grows by those that it refers to."""
    fits = list(laws)
    if not fits:
        return []
    width = max(len(each.name) for each in fits)
    lines = [f"  {'':{width}}  {'mean (95 %)':>28}  {'p50':>8}  {'p95':>8}  {'p99':>8}  {'n':>7}  source"]
    for each in fits:
        mean, *quantiles = each.estimates
        cells = "  ".join(f"{_cell(quantile):>8}" for quantile in quantiles)
        source = each.source
        if each.prior:
            priors += [] if each.prior in priors else [each.prior]
            source += f", {each.weight:.0%} prior [{priors.index(each.prior) + 1}]"
        lines.append(f"  {each.name:{width}}  {_interval(mean):>28}  {cells}  {each.n:>7,}  {source}")
    return lines


def _cell(estimate: Estimate) -> str:
    return seconds(estimate.value)


def _interval(mean: Estimate) -> str:
    if mean.low != mean.low:
        return seconds(mean.value)
    return f"{seconds(mean.value)} ({seconds(mean.low)}..{seconds(mean.high)})"
