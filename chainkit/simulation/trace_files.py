"""Traces in CSV files: which column holds times or counts, and what they are.

Sources of the two public formats, both CC-BY: Azure/AzurePublicDataset on GitHub, AzureFunctionsDataset2019.md
(revision 2, 2020-06-18) and AzureFunctionsInvocationTrace2021.md (revision 1, 2021-11-30).
"""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from chainkit.errors import ConfigError, nearest

Of = Literal["times", "counts"]
COUNTS = ("count", "counts", "invocations", "requests")
TIMES = ("time_s", "arrival_s", "t", "time", "timestamp", "start_timestamp")
DAY_MINUTES = [str(minute) for minute in range(1, 1441)]
MOST_MINUTES = 10_000_000


class Trace(NamedTuple):
    """What a file holds."""

    of: Of
    values: list[float]


class _File(NamedTuple):
    """A file with its columns named, and its rows, each with the number of its line."""

    path: Path
    names: list[str]
    rows: Iterable[tuple[int, Sequence[str]]]

    def error(self, problem: str, fix: str, line: int | None = None) -> ConfigError:
        """Return an error that says where."""
        at = "" if line is None else f" line {line}:"
        return ConfigError(f"Replay.read: {self.path.name}:{at} {problem}", fix=fix)

    def number(self, text: str, name: str, line: int) -> float:
        """Return a cell as a number."""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.error(f"{name}={text!r} is no number", "correct that cell, or name another column", line)
        return value


def read(path: str | PathLike[str], *, of: Of | None, column: str | None, where: Mapping[str, str]) -> Trace:
    """Return the times or counts in a file; `Replay.read` says what is understood."""
    if of not in (None, "times", "counts"):
        raise ConfigError(f"Replay.read: of={of!r} is unknown", fix='give of="times" or "counts"')
    if not isinstance(path, str | PathLike):
        raise ConfigError(f"Replay.read: path={path!r} is no path", fix="give the path of a CSV file")
    if not isinstance(where, Mapping):
        raise ConfigError(f"Replay.read: where={where!r} is no mapping", fix='write where={"Trigger": "http"}')
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as stream:
            file = _opened(Path(path), stream, of)
            return _read(_chosen(file, where), of, column)
    except OSError as error:
        problem = f"Replay.read: path={str(path)!r} cannot be read: {error.strerror}"
        raise ConfigError(problem, fix="give the path of a CSV file") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"Replay.read: {Path(path).name} is no CSV: {error}", fix="save it as UTF-8 text") from error


def _opened(path: Path, stream: Iterable[str], of: Of | None) -> _File:
    """Return a file's columns and rows; without names of columns, its only column is called by what it holds."""
    lines = csv.reader(stream)
    rows = ((lines.line_num, row) for row in lines if any(cell.strip() for cell in row))
    line, first = next(rows, (0, []))
    if not first:
        raise ConfigError(f"Replay.read: {path.name} is empty", fix="give a CSV of times or of counts per minute")
    names = [name.strip() for name in first]
    if len(names) == 1 and _is_value(names[0]):
        if of is None:
            raise ConfigError(
                f"Replay.read: {path.name} has no names of columns, so it may hold times or counts",
                fix='say which: of="times" or of="counts"',
            )
        return _File(path, [TIMES[0] if of == "times" else COUNTS[0]], _chained((line, first), rows))
    return _File(path, names, rows)


def _chained(first: tuple[int, Sequence[str]], rows: Iterable[tuple[int, Sequence[str]]]) -> Iterator[Any]:
    """Yield the first row, then the others."""
    yield first
    yield from rows


def _is_value(text: str) -> bool:
    """Tell whether a cell is a number or a date, and no name."""
    try:
        float(text)
    except ValueError:
        return _date(text) is not None
    return True


def _chosen(file: _File, where: Mapping[str, str]) -> _File:
    """Return the file with only the rows that have the values wanted, each as long as the first."""
    for name in where:
        if name not in file.names:
            raise _unknown(file, "where", name)
    wanted = {file.names.index(name): str(value) for name, value in where.items()}

    def rows() -> Iterator[tuple[int, Sequence[str]]]:
        for line, row in file.rows:
            if len(row) != len(file.names):
                problem = f"it has {len(row)} cells, the first line {len(file.names)}"
                raise file.error(problem, "complete the file", line)
            if all(row[k].strip() == value for k, value in wanted.items()):
                yield line, row

    return file._replace(rows=rows())


def _unknown(file: _File, argument: str, name: str) -> ConfigError:
    """Return the error about a column that there is not."""
    listed = ", ".join(file.names[:8]) + (" ..." if len(file.names) > 8 else "")
    return file.error(
        f"{argument}={name!r} is no column{nearest(name, file.names)}; there are: {listed}", "name one of its columns"
    )


def _read(file: _File, of: Of | None, column: str | None) -> Trace:
    """Return what a file holds, by what is asked for, else by the names of its columns."""
    if column is not None:
        if column not in file.names:
            raise _unknown(file, "column", column)
        if of is None:
            of = "counts" if column in COUNTS else "times" if column in TIMES else None
        if of is None:
            raise file.error(f"column={column!r} may hold times or counts", 'say which: of="times" or of="counts"')
        return _some(file, of, _times(file, column) if of == "times" else _counts(file, column))
    names = set(file.names)
    if of != "times" and names.issuperset(DAY_MINUTES):
        return _some(file, "counts", _day(file))
    if of != "counts" and names.issuperset({"end_timestamp", "duration"}):
        return _some(file, "times", _starts(file))
    if of != "times" and (name := next((name for name in COUNTS if name in names), None)):
        return _some(file, "counts", _counts(file, name))
    if of != "counts" and (name := next((name for name in TIMES if name in names), None)):
        return _some(file, "times", _times(file, name))
    listed = ", ".join(file.names[:8]) + (" ..." if len(file.names) > 8 else "")
    raise file.error(
        f"none of its columns is known to hold {of or 'times or counts'}; there are: {listed}",
        'name the column and say what it holds: column="arrived", of="times"',
    )


def _some(file: _File, of: Of, values: list[float]) -> Trace:
    """Return the trace, unless nothing is in it."""
    if not values or not (of == "times" or any(values)):
        raise file.error("no row of it has an arrival", "give another file, or another `where`")
    return Trace(of, values)


def _day(file: _File) -> list[float]:
    """Return the counts of a day's minutes, all rows added up."""
    places = [file.names.index(name) for name in DAY_MINUTES]
    totals = np.zeros(len(places))
    for line, row in file.rows:
        try:
            totals += np.array([row[k] for k in places], np.float64)
        except ValueError:
            totals += [file.number(row[k], f"minute {file.names[k]}", line) for k in places]
    return [float(count) for count in totals]


def _starts(file: _File) -> list[float]:
    """Return when invocations began; a trace that began with some under way counts from the earliest."""
    end, duration = file.names.index("end_timestamp"), file.names.index("duration")
    starts = sorted(
        file.number(row[end], "end_timestamp", line) - file.number(row[duration], "duration", line)
        for line, row in file.rows
    )
    return [start - min(starts[0], 0.0) for start in starts]


def _counts(file: _File, column: str) -> list[float]:
    """Return the counts of minutes: a row each, or by the column of their numbers."""
    k = file.names.index(column)
    if "minute" not in file.names or column == "minute":
        return [file.number(row[k], column, line) for line, row in file.rows]
    at, by_minute = file.names.index("minute"), dict[int, float]()
    for line, row in file.rows:
        minute = file.number(row[at], "minute", line)
        if not (minute == int(minute) and 0 <= minute < MOST_MINUTES):
            raise file.error(f"minute={row[at]!r} is no whole number from 0", "count minutes from the start", line)
        by_minute[int(minute)] = by_minute.get(int(minute), 0.0) + file.number(row[k], column, line)
    return [by_minute.get(minute, 0.0) for minute in range(max(by_minute, default=-1) + 1)]


def _times(file: _File, column: str) -> list[float]:
    """Return arrival times, sorted: seconds as they are, dates from the first on."""
    k = file.names.index(column)
    cells = [(line, row[k].strip()) for line, row in file.rows]
    if not cells or _date(cells[0][1]) is None:
        return sorted(file.number(text, column, line) for line, text in cells)
    times = []
    for line, text in cells:
        date = _date(text)
        if date is None:
            raise file.error(f"{column}={text!r} is no date, the first row has one", "write all alike (ISO 8601)", line)
        times.append(date)
    times.sort()
    return [time - times[0] for time in times]


def _date(text: str) -> float | None:
    """Return a date in seconds since 1970; None: it is none. A date without a zone is in UTC."""
    try:
        float(text)
    except ValueError:
        pass
    else:
        return None
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
