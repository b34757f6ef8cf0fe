"""AWS Lambda Power Tuning: its results, read into a memory curve and into the settings of a function; and written.

Sources  [1] alexcasalboni/aws-lambda-power-tuning (Apache-2.0): lambda/analyzer.js (fields, strategies, ties),
             lambda/utils.js (address of the picture), statemachine.asl.json (what the execution gives back), README.md;
             versions 2.0 (2019) to 4.4.0 (2025-11-19)
         [2] Its means are trimmed: the slowest and fastest fifth of the runs left out (`discardTopBottom`, 0.2)
Checked  2026-11-27
"""

import base64
import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from chainkit.calibration.estimates import fitted, warm_prior
from chainkit.calibration.memory import MemoryCurve, fit
from chainkit.errors import ConfigError
from chainkit.law import Law
from chainkit.simulation.intervals import student_t
from chainkit.units import seconds

if TYPE_CHECKING:
    import pandas as pd

Strategy = Literal["cost", "speed", "balanced"]
STRATEGIES = ("cost", "speed", "balanced")
SITE = "https://lambda-power-tuning.show/"
LARGEST_MB = 32_767
"""What its 16-bit sizes can say; functions on Managed Instances go beyond Lambda's 10,240 MB."""
MISFIT = 0.1
"""Distance of a mean from the curve, relative, from which it is said."""
_WRAPPERS = ("results", "output", "analysis", "analyzer")
"""Keys under which a result is handed on: its README, DescribeExecution, the state's data."""
_ALLOWED = "the output of its state machine with `stats` or a visualization, or the address of its picture"
_FIX = 'run it with "includeOutputResults": true, and give its output, a file of it, or the picture\'s address'


@dataclass(frozen=True)
class TunedSize:
    """What Power Tuning measured at one memory size."""

    memory_mb: int
    duration_s: float
    """Trimmed mean of the runs; [2]."""
    usd: float
    """Of the run time of one invocation, without the price of the request; NaN where the result does not say."""


@dataclass(frozen=True, repr=False)
class PowerTuning:
    """A result of AWS Lambda Power Tuning: mean duration and cost at several memory sizes.

    Examples
    --------
    >>> address = "https://lambda-power-tuning.show/#gAAAAgAE;AADIQwAASEMAAMhC;AAAAAAAAAAAAAAAA"
    >>> tuning = read_power_tuning(address)
    >>> [(size.memory_mb, size.duration_s) for size in tuning.sizes]
    [(128, 0.4), (512, 0.2), (1024, 0.1)]
    """

    sizes: tuple[TunedSize, ...]
    """By memory, ascending."""
    power_mb: int | None = None
    """The size that it recommends; None: the result does not say."""
    function: str = ""
    """ARN of the function, where the result holds its input."""
    execution_usd: float = math.nan
    """What its own workflow cost."""
    lambda_usd: float = math.nan
    """What its invocations cost."""

    @cached_property
    def curve(self) -> MemoryCurve | None:
        """T(m) = io + cpu / min(m, 1769), fitted to the means; None with fewer than two sizes up to the knee."""
        sizes = {size.memory_mb: np.array([size.duration_s]) for size in self.sizes}
        return fit(sizes, 1.0, self.sizes[-1].memory_mb) if sizes else None

    def cpu_fraction(self, memory_mb: int) -> tuple[float, float, float]:
        """Return the share of the duration at a size that is CPU work with its 95 % interval: low, value, high.

        The interval is by Student's t from how far the means are off the curve; NaN with two sizes, which always fit.

        Raises
        ------
        ConfigError
            If there are too few sizes for a curve.
        """
        curve = self._curve()
        value, degrees = curve.cpu_fraction(memory_mb), len(self.sizes) - 2
        if degrees < 1:
            return (math.nan, value, math.nan)
        sizes = {size.memory_mb: np.array([size.duration_s]) for size in self.sizes}
        here = fit(sizes, 1.0, memory_mb)
        half = student_t(degrees) * (here.fraction_se if here is not None else math.nan)
        return (max(0.0, value - half), value, min(1.0, value + half))

    def settings(self, memory_mb: int | None = None, *, like: Law | None = None) -> dict[str, Any]:
        """Return settings for a function: `chain.set("pay", **tuning.settings())`.

        Parameters
        ----------
        memory_mb : at which size the duration is given; None: the recommended one, or the largest
        like : law whose shape the duration keeps; None: the measured shape of warm runs, as in `calibrate`
            Power Tuning tells means only.

        Returns
        -------
        ``duration``, whose mean is the one measured at that size (of a size that was not, the curve's),
        ``measured_memory_mb``, and ``cpu_fraction`` by the curve.

        Raises
        ------
        ConfigError
            If there are too few sizes for a curve, or `like` is no law.
        """
        at_mb = memory_mb if memory_mb is not None else self.power_mb or self.sizes[-1].memory_mb
        measured = {size.memory_mb: size.duration_s for size in self.sizes}
        mean_s = measured.get(at_mb, self._curve().duration_s(at_mb))
        if like is None:
            like = fitted("duration", [mean_s], warm_prior([mean_s])).law
        if not isinstance(like, Law) or not like.mean_s > 0:
            problem = f"power tuning: like={like!r} is no law with a mean above 0"
            raise ConfigError(problem, fix='give the duration of the function: like=chain.service("pay").duration')
        law = like.scaled(mean_s / like.mean_s)
        cpu_fraction = round(self._curve().cpu_fraction(at_mb), 6)
        return {"duration": law, "measured_memory_mb": at_mb, "cpu_fraction": cpu_fraction}

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know before believing the curve."""
        found = ["means are trimmed: as Power Tuning is set by default, a fifth at either end is left out"]
        if self.curve is not None and self.curve.worst_fraction > MISFIT:
            found.append(
                f"the curve is up to {self.curve.worst_fraction:.0%} off: the work may gain from several"
                " threads, or from the network that grows with memory; size by what was measured"
            )
        return tuple(found)

    def recommended(self, strategy: Strategy = "cost", balanced_weight: float = 0.5) -> TunedSize:
        """Return the size that a strategy chooses, by Power Tuning's own rules; [1].

        Parameters
        ----------
        strategy : "cost", "speed", or "balanced" between both
        balanced_weight : 0..1 for "balanced": 0 is speed, 1 is cost

        Raises
        ------
        ConfigError
            If the strategy is unknown, or goes by costs that are not known.
        """
        if strategy != "speed" and any(math.isnan(size.usd) for size in self.sizes):
            problem = f"power tuning: strategy={strategy!r} needs costs, and the result holds none"
            raise ConfigError(problem, fix='choose strategy="speed", or give a result with averagePrice')
        chosen = best([(size.duration_s, size.usd) for size in self.sizes], strategy, balanced_weight)
        return self.sizes[chosen]

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per size: memory_mb, duration_s, usd, fitted_s and residual_fraction, how far off it is."""
        import pandas as pd

        frame = pd.DataFrame([vars(size) for size in self.sizes])
        frame["fitted_s"] = [self.curve.duration_s(m) if self.curve else math.nan for m in frame["memory_mb"]]
        frame["residual_fraction"] = frame["duration_s"] / frame["fitted_s"] - 1
        return frame

    def to_plain(self, strategy: Strategy = "cost", balanced_weight: float = 0.5) -> dict[str, Any]:
        """Return the result as Power Tuning's state machine gives it back, `stats` included; [1].

        Costs that are not known are 0: what running it cost, too, where nothing ran.

        Raises
        ------
        ConfigError
            If the strategy is unknown, or goes by costs that are not known.
        """
        chosen = self.recommended(strategy, balanced_weight)
        stats = [
            {"value": each.memory_mb, "averagePrice": _or_zero(each.usd), "averageDuration": _ms(each)}
            for each in self.sizes
        ]
        machine = {
            "executionCost": _or_zero(self.execution_usd),
            "lambdaCost": _or_zero(self.lambda_usd),
            "visualization": address(self.sizes),
        }
        best_of = {"power": chosen.memory_mb, "cost": _or_zero(chosen.usd), "duration": _ms(chosen)}
        return {**best_of, "stateMachine": machine, "stats": stats}

    def _curve(self) -> MemoryCurve:
        if self.curve is None:
            sizes = ", ".join(f"{size.memory_mb} MB" for size in self.sizes)
            problem = f"power tuning: {sizes} give no curve; allowed: two sizes or more, different up to 1,769 MB"
            raise ConfigError(problem, fix="tune with more powerValues, such as [128, 256, 512, 1024, 1769]")
        return self.curve

    def __str__(self) -> str:
        """Return the sizes as a table, the curve below."""
        rows = [f"{'memory':>9}  {'duration':>9}  {'USD a million':>13}  off the curve"]
        for size, row in zip(self.sizes, self.to_frame().itertuples(), strict=True):
            off = f"{row.residual_fraction:+.1%}" if self.curve else "-"
            usd = f"{size.usd * 1e6:.4g}" if size.usd == size.usd else "-"
            rows.append(f"{size.memory_mb:>6} MB  {seconds(size.duration_s):>9}  {usd:>13}  {off:>13}")
        if self.curve is None:
            return "\n".join([*rows, "one size up to 1,769 MB: no curve"])
        at_mb = self.power_mb or self.sizes[-1].memory_mb
        low, value, high = self.cpu_fraction(at_mb)
        sure = f" ({low:.0%} to {high:.0%})" if low == low else ""
        share = f"{value:.0%}{sure} of the duration at {at_mb} MB is CPU work"
        return "\n".join([*rows, str(self.curve), share, *(f"note: {note}" for note in self.notes)])

    def __repr__(self) -> str:
        return f"PowerTuning({', '.join(f'{size.memory_mb} MB: {seconds(size.duration_s)}' for size in self.sizes)})"


def best(points: Sequence[tuple[float, float]], strategy: Strategy, balanced_weight: float = 0.5) -> int:
    """Return the place of the best (seconds, dollars) by Power Tuning's rules, ties included; [1].

    Raises
    ------
    ConfigError
        If the strategy is unknown, or the weight is outside 0..1.

    Examples
    --------
    >>> best([(0.4, 1.0), (0.2, 1.0), (0.1, 4.0)], "cost"), best([(0.4, 1.0), (0.1, 4.0)], "speed")
    (1, 1)
    """
    if strategy not in STRATEGIES:
        problem = f"power tuning: strategy={strategy!r} is unknown; allowed: {', '.join(STRATEGIES)}"
        raise ConfigError(problem, fix='leave it out for "cost"')
    if not isinstance(balanced_weight, int | float) or not 0 <= balanced_weight <= 1:
        problem = f"power tuning: balanced_weight={balanced_weight!r} is outside 0..1"
        raise ConfigError(problem, fix="give 0 for speed alone, 1 for cost alone")
    longest, dearest = (max(each) or 1.0 for each in zip(*points, strict=True))

    def rank(k: int) -> tuple[float, ...]:
        time_s, dollars = points[k]
        if strategy == "balanced":
            return (balanced_weight * dollars / dearest + (1 - balanced_weight) * time_s / longest,)
        return (dollars, time_s) if strategy == "cost" else (time_s, dollars)

    return min(range(len(points)), key=rank)


def read_power_tuning(source: Mapping[str, Any] | str | PathLike[str]) -> PowerTuning:
    """Return the sizes of a Power Tuning result.

    Parameters
    ----------
    source : the output of its state machine (a mapping, JSON text, or a file's path), or the address of its picture
        Wrapped as its README shows it (``results``), as DescribeExecution gives it (``output``), or with the data of
        its states (``analysis``, ``stats``): all are understood, of every version since 2.0.

    Raises
    ------
    ConfigError
        If it is no such result, or one whose sizes, times and costs do not fit each other.

    Examples
    --------
    >>> result = {
    ...     "power": "512",
    ...     "stats": [
    ...         {"value": 256, "averagePrice": 8e-7, "averageDuration": 190.0},
    ...         {"value": 512, "averagePrice": 9e-7, "averageDuration": 105.0},
    ...     ],
    ... }
    >>> read_power_tuning(result).settings()["cpu_fraction"]
    0.809524
    """
    value = source if isinstance(source, Mapping | list) else _value(source)
    return tuning_of(value)


def tuning_of(value: Any) -> PowerTuning:
    """Return the result that a parsed value holds; see `read_power_tuning`."""
    if isinstance(value, str):
        return PowerTuning(_from_address(value))
    result, around = _unwrapped(value)
    sizes = _from_stats(result.get("stats", around.get("stats")))
    machine = result.get("stateMachine") or {}
    if not isinstance(machine, Mapping):
        raise _refused(f"stateMachine={machine!r} is no mapping")
    if not sizes and machine.get("visualization"):
        sizes = _from_address(str(machine["visualization"]))
    if not sizes and "duration" in result:
        sizes = (_size(result.get("power"), result["duration"], result.get("cost", math.nan)),)
    if not sizes:
        raise _refused("it holds no sizes with durations")
    power = result.get("power")
    given = around.get("input", around)
    return PowerTuning(
        sizes=sizes,
        power_mb=None if power is None else _memory_mb(power),
        function=str(given.get("lambdaARN", "")) if isinstance(given, Mapping) else "",
        execution_usd=_number(machine.get("executionCost", math.nan), "executionCost", may_be_nan=True),
        lambda_usd=_number(machine.get("lambdaCost", math.nan), "lambdaCost", may_be_nan=True),
    )


def is_tuning(value: Any) -> bool:
    """Tell whether a JSON value looks like a result of Power Tuning."""
    try:
        result, around = _unwrapped(value)
    except ConfigError:
        return False
    rows, machine = result.get("stats", around.get("stats")), result.get("stateMachine")
    if isinstance(machine, Mapping) and "visualization" in machine:
        return True
    given = rows if isinstance(rows, list) else []
    return bool(given) and all(isinstance(row, Mapping) and "averageDuration" in row for row in given)


def address(sizes: Sequence[TunedSize], site: str = SITE) -> str:
    """Return the address of Power Tuning's picture: sizes as 16-bit, times (ms) and costs as 32-bit numbers; [1].

    >>> address([TunedSize(128, 0.4, 0.0), TunedSize(512, 0.2, 0.0)])
    'https://lambda-power-tuning.show/#gAAAAg==;AADIQwAASEM=;AAAAAAAAAAA='
    """
    n = len(sizes)
    columns = (
        struct.pack(f"<{n}h", *(size.memory_mb for size in sizes)),
        struct.pack(f"<{n}f", *(size.duration_s * 1000 for size in sizes)),
        struct.pack(f"<{n}f", *(size.usd for size in sizes)),
    )
    return f"{site}#{';'.join(base64.b64encode(column).decode() for column in columns)}"


# --- reading ---


def _value(source: Any) -> Any:
    """Return what a text or file holds: a JSON value, or an address as text."""
    if not isinstance(source, str | PathLike):
        raise _refused(f"{type(source).__name__} is nothing to read")
    text = str(source).strip() if isinstance(source, str) else ""
    if text.count(";") >= 2 and not text.startswith(("{", "[")):
        return text
    if not text.startswith(("{", "[")):
        try:
            text = Path(source).read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "not text"
            raise _refused(f"{str(source)[:80]!r} cannot be read as a file ({reason})") from None
        if text.count(";") >= 2 and not text.startswith(("{", "[")):
            return text
    try:
        return json.loads(text)
    except ValueError as error:
        where = f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else "it"
        raise _refused(f"it is no JSON: {where} cannot be read") from None


def _unwrapped(value: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the result, and what lies around it: the execution's input and the data of its states."""
    around: Mapping[str, Any] = {}
    for _ in range(4):
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                raise _refused("its output is no JSON") from None
        if isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
            value = {"stats": value}
        if not isinstance(value, Mapping):
            raise _refused(f"{type(value).__name__} is no result (a dry run gives none)")
        inside = next((key for key in _WRAPPERS if value.get(key)), None)
        if inside is None:
            break
        around, value = {**around, **_input(value)}, value[inside]
    return value, around


def _input(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data around a result, its input read if that is text."""
    found = dict(value)
    if isinstance(found.get("input"), str):
        try:
            found["input"] = json.loads(found["input"])
        except ValueError:
            found["input"] = {}
    return found


def _from_stats(rows: Any) -> tuple[TunedSize, ...]:
    """Return the sizes of `stats`; before version 3 each had its figures one level deeper; [1]."""
    if rows is None:
        return ()
    if not isinstance(rows, list):
        raise _refused(f"stats={rows!r} is no list")
    found = []
    for row in rows:
        if not isinstance(row, Mapping):
            raise _refused(f"stats holds {row!r}, which is no mapping")
        figures = row["stats"] if isinstance(row.get("stats"), Mapping) else row
        if not figures.get("averageDuration"):  # a size whose runs all failed: Power Tuning leaves it out, too
            continue
        found.append(_size(row.get("value"), figures["averageDuration"], figures.get("averagePrice", math.nan)))
    return _in_order(found)


def _from_address(text: str) -> tuple[TunedSize, ...]:
    """Return the sizes in a picture's address, or in what follows its #."""
    parts = text.rpartition("#")[2].strip().split(";")
    if len(parts) < 3:
        raise _refused("the address holds no sizes, times and costs behind #")
    columns = [_unpacked(part, code, what) for part, code, what in zip(parts, "hff", _COLUMNS, strict=False)]
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1 or not lengths[0]:
        told = ", ".join(f"{n} {what}" for n, what in zip(lengths, _COLUMNS, strict=True))
        raise _refused(f"the address holds {told}, which do not fit each other")
    return _in_order([_size(*row) for row in zip(*columns, strict=True)])


_COLUMNS = ("sizes", "times", "costs")


def _unpacked(text: str, code: str, what: str) -> list[float]:
    """Return the numbers of one part of an address."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        return list(struct.unpack(f"<{len(raw) // struct.calcsize(code)}{code}", raw))
    except (ValueError, struct.error):
        raise _refused(f"the {what} in the address are cut off, or no base64") from None


def _size(memory: Any, time_ms: Any, usd: Any) -> TunedSize:
    """Return one size, checked."""
    memory_mb = _memory_mb(memory)
    duration_ms = _number(time_ms, f"the duration at {memory_mb} MB")
    if not 0 < duration_ms <= 900_000:
        raise _refused(f"the duration at {memory_mb} MB is {duration_ms:g} ms, outside 0 to 900,000")
    cost = _number(usd, f"the cost at {memory_mb} MB", may_be_nan=True)
    if cost < 0:
        raise _refused(f"the cost at {memory_mb} MB is {cost:g} USD, below 0")
    return TunedSize(memory_mb, duration_ms / 1000, cost)


def _memory_mb(value: Any) -> int:
    """Return a memory size, which older versions write as text."""
    number = _number(value, "a memory size")
    if number != int(number) or not 128 <= number <= LARGEST_MB:
        raise _refused(f"memory {value!r} is outside 128..{LARGEST_MB} MB")
    return int(number)


def _number(value: Any, what: str, *, may_be_nan: bool = False) -> float:
    """Return a number, or a number as text."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        raise _refused(f"{what} is {value!r}, which is no number") from None
    is_missing = may_be_nan and isinstance(value, float) and math.isnan(value)
    if not math.isfinite(number) and not is_missing:
        raise _refused(f"{what} is {value!r}, which is no finite number")
    return number


def _in_order(sizes: list[TunedSize]) -> tuple[TunedSize, ...]:
    """Return sizes by memory, each once."""
    ordered = sorted(sizes, key=lambda size: size.memory_mb)
    for one, other in pairwise(ordered):
        if one.memory_mb == other.memory_mb:
            raise _refused(f"{one.memory_mb} MB is there twice")
    return tuple(ordered)


def _ms(size: TunedSize) -> float:
    """Return the duration in Power Tuning's unit, without what the change of units adds."""
    return float(f"{size.duration_s * 1000:.15g}")


def _or_zero(value: float) -> float:
    return value if value == value else 0.0


def _refused(why: str) -> ConfigError:
    return ConfigError(f"power tuning: {why}; allowed: {_ALLOWED}", fix=_FIX)
