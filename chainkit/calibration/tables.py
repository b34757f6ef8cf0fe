"""CSV files: rows of runs, exports of Logs Insights, per-request measurements, task times. Columns decide which."""

import csv
import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from chainkit.calibration.intake import NEGATIVE, UNREADABLE, Intake, Run, Task
from chainkit.calibration.report_lines import Around, function_of, instant_s, number_of, read_object

Kind = Literal["messages", "runs", "requests", "tasks", "start_overheads", "durations"]

COLUMNS: Mapping[Kind, str] = {
    "messages": "@message (Logs Insights)",
    "runs": "Duration with Memory_Size, Max_Memory_Used, Init_Duration, Function, RequestId, @logStream ... (ms, MB)",
    "requests": "aws_duration (ms) with is_cold, inst_id, client_elapsed_time (s), start_time, end_time (ms)",
    "tasks": "Scheduled, Start, End (seconds since 1970)",
    "start_overheads": "scheduling_overhead (ms)",
}
"""What a CSV may hold, for error texts."""
_ABOUT_RUNS = {
    "function", "functionname", "memorysize", "memorymb", "maxmemoryused", "billedduration", "initduration",
    "requestid", "logstream", "log",
}  # fmt: skip
_BYTES = 1e6
"""Logs Insights gives memory in bytes, a million to the megabyte; nothing of Lambda has a million megabytes."""


def kind_of(header: str) -> Kind | None:
    """Return what a CSV of this header line holds, or None.

    >>> kind_of("Function,Memory_Size,Duration"), kind_of("Scheduled,Start,End"), kind_of("Cost")
    ('runs', 'tasks', None)
    """
    names = set(_names(header))
    if "message" in names:
        return "messages"
    if "awsduration" in names or {"iscold", "clientelapsedtime"} <= names:
        return "requests"
    if {"scheduled", "start", "end"} <= names:
        return "tasks"
    if "schedulingoverhead" in names:
        return "start_overheads"
    if names == {"duration"}:
        return "durations"
    return "runs" if "duration" in names and names & _ABOUT_RUNS else None


def read_table(intake: Intake, lines: Iterable[str], header: str, kind: Kind, around: Around) -> None:
    """Take the rows of a CSV; `lines` begins after the header."""
    read = {
        "messages": _read_message, "runs": _read_run, "requests": _read_request, "tasks": _read_task,
        "start_overheads": _read_start_overhead, "durations": _read_task_overhead,
    }[kind]  # fmt: skip
    names = _names(header)
    for values in csv.reader(lines, delimiter=_delimiter(header)):
        if values:
            read(intake, dict(zip(names, values, strict=False)), around)


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)


def _names(header: str) -> list[str]:
    """Return the columns' names in one spelling: @maxMemoryUsed and Max_Memory_Used are the same."""
    row = next(csv.reader([header.lstrip("\ufeff").strip("\r\n")], delimiter=_delimiter(header)), [])
    return ["".join(letter for letter in name.lower() if letter.isalnum()) for name in row]


def _first(row: Mapping[str, str], *names: str) -> str:
    return next((row[name].strip() for name in names if row.get(name, "").strip()), "")


def _read_message(intake: Intake, row: Mapping[str, str], around: Around) -> None:
    wrapped: dict[str, Any] = {"message": row.get("message", "")}
    if group := _first(row, "log", "loggroup"):
        wrapped["logGroup"] = group
    if stream := _first(row, "logstream", "logstreamname"):
        wrapped["logStream"] = stream
    if time := _first(row, "timestamp"):
        wrapped["timestamp"] = time
    read_object(intake, wrapped, around)


def _read_run(intake: Intake, row: Mapping[str, str], around: Around) -> None:
    if not _first(row, "duration") and _first(row, "type") not in {"", "REPORT"}:
        return  # Logs Insights lists other lines too
    memory_mb, used_mb = number_of(_first(row, "memorysize", "memorymb")), number_of(_first(row, "maxmemoryused"))
    init, restore = _first(row, "initduration"), _first(row, "restoreduration")
    status = _first(row, "status").lower()
    intake.add(
        Run(
            duration_s=number_of(_first(row, "duration")) / 1000,
            function=_first(row, "function", "functionname") or function_of(_first(row, "log")) or around.function,
            environment=_first(row, "logstream") or around.environment,
            request=_first(row, "requestid"),
            memory_mb=memory_mb / _BYTES if memory_mb >= _BYTES else memory_mb,
            used_mb=used_mb / _BYTES if used_mb >= _BYTES else used_mb,
            init_s=number_of(init) / 1000,
            restore_s=number_of(restore) / 1000,
            billed_s=number_of(_first(row, "billedduration")) / 1000,
            status="timeout" if status == "timeout" else "ok" if status in {"", "success", "ok"} else "error",
            is_first=bool(init or restore) if "initduration" in row or "restoreduration" in row else None,
            start_s=instant_s(_first(row, "utctimestamp", "timestamp")),
        )
    )


def _read_request(intake: Intake, row: Mapping[str, str], around: Around) -> None:
    cold = _first(row, "iscold").lower()
    begun_s, ended_s = instant_s(_first(row, "starttime")), instant_s(_first(row, "endtime"))
    duration = _first(row, "awsduration")
    intake.add(
        Run(
            duration_s=number_of(duration) / 1000 if duration else ended_s - begun_s,
            function=_first(row, "function", "functionname") or around.function,
            environment=_first(row, "instid", "instanceid"),
            request=_first(row, "newid", "requestid"),
            used_mb=number_of(_first(row, "awsmaxmem")),
            billed_s=number_of(_first(row, "awsbilledduration")) / 1000,
            is_first=cold in {"true", "1", "yes"} if cold else None,
            start_s=begun_s if math.isfinite(begun_s) else instant_s(_first(row, "clientstarttime")),
            elapsed_s=number_of(_first(row, "clientelapsedtime")),
        )
    )


def _read_task(intake: Intake, row: Mapping[str, str], around: Around) -> None:
    scheduled_s, started_s, ended_s = (instant_s(_first(row, name)) for name in ("scheduled", "start", "end"))
    if not math.isfinite(scheduled_s + started_s + ended_s):
        intake.refused[UNREADABLE] += 1
    elif not scheduled_s <= started_s <= ended_s:
        intake.refused[NEGATIVE] += 1
    else:
        state, request = _first(row, "state", "function") or around.function, _first(row, "requestid")
        # One row is one task, the first of its execution for all that is known.
        task = Task(state, scheduled_s, started_s, ended_s, is_first=True, start_s=scheduled_s, request=request)
        intake.tasks.append(task)


def _read_start_overhead(intake: Intake, row: Mapping[str, str], around: Around) -> None:
    _add_overhead(intake, intake.start_overheads_s, _first(row, "schedulingoverhead"))


def _read_task_overhead(intake: Intake, row: Mapping[str, str], around: Around) -> None:
    _add_overhead(intake, intake.task_overheads_s, _first(row, "duration"))


def _add_overhead(intake: Intake, to: list[float], text: str) -> None:
    overhead_s = number_of(text) / 1000
    if not math.isfinite(overhead_s):
        intake.refused[UNREADABLE] += 1
    elif overhead_s < 0:
        intake.refused[NEGATIVE] += 1
    else:
        to.append(overhead_s)
