"""Files, text and objects -> intake. What a source is, is recognised from its first lines; a file is streamed."""

import gzip
import io
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import chain, islice
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from chainkit.calibration import tables
from chainkit.calibration.histories import is_event, read_history
from chainkit.calibration.intake import Intake
from chainkit.calibration.report_lines import Around, parsed, read_object, read_text, surroundings_of
from chainkit.calibration.tunings import is_tuning, tuning_of
from chainkit.errors import ConfigError

Kind = Literal["report", "history", "requests", "tuning"]
KINDS = ("report", "history", "requests", "tuning")
_LOOK = 200
"""Lines at which is looked to see what a file is."""
_DOCUMENT_CHARACTERS = 256 * 1024 * 1024
"""Of one JSON document, which has to be read whole."""
_ALLOWED = "REPORT lines (text, JSON, exports), Step Functions histories, CSV files"


def read(sources: Iterable[Any], kind: Kind | None) -> Intake:
    """Return what all sources say.

    Raises
    ------
    ConfigError
        If a source is missing, empty, or nothing that can be read.
    """
    intake = Intake()
    for source in sources:
        is_value = isinstance(source, Mapping) or (isinstance(source, list | tuple) and not _are_texts(source))
        intake.sources.append("an object" if is_value else _name(source))
        if is_value:
            _read_value(intake, source, kind, Around())
        else:
            with closing(_lines(source)) as lines:
                _read_lines(intake, lines, kind, surroundings_of(_place(source), Around()))
        intake.close_source()
    return intake


def _are_texts(source: Any) -> bool:
    return bool(source) and all(isinstance(each, str) for each in source)


def _is_text(source: Any) -> bool:
    marks = ("\n", "REPORT ", '"platform.')
    return isinstance(source, str) and (source.lstrip()[:1] in {"{", "["} or any(mark in source for mark in marks))


def _name(source: Any) -> str:
    return "text" if _is_text(source) or not isinstance(source, str | PathLike) else Path(source).name


def _place(source: Any) -> str:
    return "" if _is_text(source) or not isinstance(source, str | PathLike) else Path(source).absolute().as_posix()


def _lines(source: Any) -> Generator[str, None, None]:
    """Yield the lines of a text, a list of lines or a file."""
    if _is_text(source):
        yield from source.splitlines(keepends=True)
    elif isinstance(source, list | tuple):
        yield from source
    elif isinstance(source, str | PathLike):
        yield from _file_lines(Path(source))
    elif hasattr(source, "to_csv"):  # a DataFrame
        yield from source.to_csv(index=False).splitlines(keepends=True)
    elif isinstance(source, io.TextIOBase):
        yield from source
    else:
        problem = f"calibrate: {type(source).__name__} cannot be read; allowed: a path, text, or a history's mapping"
        raise ConfigError(problem, fix='give the name of a file, such as "logs/pay.txt"')


def _file_lines(path: Path) -> Generator[str, None, None]:
    if path.is_dir():
        problem = f"calibrate: {str(path)!r} is a folder; allowed: files"
        raise ConfigError(problem, fix='name its files: calibrate(*Path("logs").glob("*.txt"))')
    try:
        with path.open("rb") as raw:
            is_packed = raw.read(2) == b"\x1f\x8b"
        with (
            path.open("rb") as raw,
            gzip.open(raw) if is_packed else raw as unpacked,
            io.TextIOWrapper(unpacked, encoding="utf-8-sig", errors="replace", newline="") as text,
        ):
            yield from text
    except FileNotFoundError:
        problem = f"calibrate: there is no file {str(path)!r}; allowed: files that exist, or the text itself"
        raise ConfigError(problem, fix="give the path from the folder in which Python runs") from None
    except (OSError, EOFError) as error:  # EOFError: a .gz that was cut off
        problem = f"calibrate: {str(path)!r} cannot be read: {error}; allowed: readable files"
        raise ConfigError(problem, fix="look at the file's permissions, and whether it is whole") from error


def _read_lines(intake: Intake, lines: Iterator[str], kind: Kind | None, around: Around) -> None:
    """Recognise a text by its first lines, and read it."""
    head = list(islice((line for line in lines if line.strip()), _LOOK))
    who = intake.sources[-1]
    if not head:
        raise ConfigError(f"calibrate: {who!r} is empty; allowed: {_ALLOWED}", fix="export the log once more")
    everything = _counted(intake, chain(head, lines))
    first = head[0].lstrip("\ufeff \t")
    if first[:1] in {"{", "["} and "REPORT RequestId" not in first.partition("{")[0]:
        _read_json(intake, everything, first, kind, around)
        return
    table = tables.kind_of(first)
    if table == "durations" and kind is None:
        problem = f"calibrate: {who!r} has one column, Duration: of a function or of a task's overhead?"
        raise ConfigError(problem, fix='say kind="report" (runs of a function) or kind="history" (overheads), ms')
    if table is not None:
        table = "runs" if table == "durations" and kind == "report" else table
        intake.kinds.append("requests" if table == "requests" else table)
        tables.read_table(intake, islice(everything, 1, None), first, table, around)
        return
    _refuse_other_text(who, head, kind)
    intake.kinds.append("report")
    for line in everything:
        read_text(intake, line, around)


def _refuse_other_text(who: str, head: list[str], kind: Kind | None) -> None:
    """Raise if a text is surely no log, saying what it is."""
    start = head[0].lstrip().lower()
    if start.startswith(("<!doctype", "<html", "<?xml")):
        problem = f"calibrate: {who!r} is HTML or XML, perhaps a page of the console; allowed: {_ALLOWED}"
        raise ConfigError(problem, fix="export the log events (aws logs tail, filter-log-events) instead of the page")
    if "\x00" in "".join(head[:3]):
        raise ConfigError(f"calibrate: {who!r} is no text; allowed: {_ALLOWED}", fix="unpack it first")
    is_log = any(mark in line for line in head for mark in ("RequestId", "INIT_", "RESTORE_", '"platform.'))
    separators = max(head[0].count(mark) for mark in ",;\t")
    if kind == "report" or is_log:
        return
    is_table = separators > 0 and all(line.count(",") == head[0].count(",") for line in head[1:5])
    if (is_table or len(head[0].split()) == 1) or kind in {"requests", "history"}:
        names = head[0].strip()[:80]
        known = "; ".join(tables.COLUMNS.values())
        problem = f"calibrate: {who!r} begins with {names!r}, columns that are not known; allowed: {known}"
        raise ConfigError(problem, fix="rename the columns, or export them so")


def _counted(intake: Intake, lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        intake.lines += 1
        yield line


def _read_json(intake: Intake, lines: Iterator[str], first: str, kind: Kind | None, around: Around) -> None:
    """Read one JSON value a line, or one document."""
    if parsed(first) is None:
        text, size = [], 0
        for line in lines:
            text.append(line)
            size += len(line)
            if size > _DOCUMENT_CHARACTERS:
                problem = f"calibrate: {intake.sources[-1]!r} is one JSON document of over {size:,} characters"
                raise ConfigError(f"{problem}; allowed: 256 MB", fix="export it with one JSON value on each line")
        whole = parsed("".join(text))
        if whole is None:
            problem = f"calibrate: {intake.sources[-1]!r} begins like JSON and is none; allowed: {_ALLOWED}"
            raise ConfigError(problem, fix="look whether it was cut off")
        _read_value(intake, whole, kind, around)
        return
    events: list[Mapping[str, Any]] = []
    for line in lines:
        value = parsed(line)
        if is_event(value):
            events.append(value)
        elif value is None:
            read_text(intake, line, around)  # logs mix JSON with text
        else:
            _read_value(intake, value, kind, around)
    if events:
        intake.kinds.append("history")
        read_history(intake, events)


def _read_value(intake: Intake, value: Any, kind: Kind | None, around: Around) -> None:
    """Read one JSON value: a history, several of them, a tuning's result, or log events."""
    inside = value.get("events") if isinstance(value, Mapping) else value
    if is_tuning(value):
        intake.kinds.append("tuning")
        intake.tunings |= {size.memory_mb: size.duration_s for size in tuning_of(value).sizes}
    elif isinstance(inside, list | tuple) and inside and all(is_event(each) for each in inside):
        intake.kinds.append("history")
        intake.lines += len(inside)
        read_history(intake, inside)
    elif isinstance(value, list | tuple) and any(isinstance(each, Mapping) and "events" in each for each in value):
        for each in value:
            _read_value(intake, each, kind, around)
    else:
        intake.kinds.append("report")
        read_object(intake, value, around)
