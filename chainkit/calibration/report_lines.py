"""REPORT lines of AWS Lambda: text with tabs or spaces, JSON logs, and the wrappings that exports put around them.

Formats  Lines in public logs of 2019-26, and the JSON log format's platform.report, platform.initStart. A line that an
         emulator wrote puts Init Duration before Duration and reports all memory as used: it is refused.
Wrapping {"message": ...} of JSON exports, {"logEvents": [...]} of subscriptions, {"events": [...]} of
         filter-log-events, {"results": [[{"field": ..., "value": ...}]]} of Logs Insights, and time and stream before
         a line (aws logs tail).
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from chainkit.calibration.intake import EMULATOR, UNREADABLE, Intake, Run

_FIELD = re.compile(
    r"(Billed Restore Duration|Restore Duration|Billed Duration|Init Duration|Duration|Max Memory Used|Memory Size)"
    r": *(\S+) *(?:ms|MB)\b"
)
_REQUEST = re.compile(r"REPORT RequestId: *(\S+)")
_STATUS = re.compile(r"\bStatus: *(\w+)")
_CUT = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) Task timed out after")
_RUNTIME = re.compile(r"Runtime Version: *([a-z]+)[:-]([\w.]+?)(?:\.v\S*)?\s")
_STREAM = re.compile(r"\d{4}[/-]\d\d[/-]\d\d[/-]([\w.-]*)\[[^\]]+\][0-9a-f]{8,}")
_TIME = re.compile(r"^\s*\"?(\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z|[+-]\d\d:?\d\d)?)")
_OTHER = {
    "INIT_REPORT": "INIT_REPORT lines: failed or repeated inits, not used as init",
    "RESTORE_REPORT": "RESTORE_REPORT lines: their time stands in the REPORT that follows",
    "XRAY TraceId": "XRAY lines: no time in them",
}
_STATUSES = {"success": "ok", "timeout": "timeout", "error": "error", "failure": "error"}


@dataclass(frozen=True)
class Around:
    """What the wrapping of a line says about it."""

    function: str = ""
    environment: str = ""
    time_s: float = math.nan


def read_text(intake: Intake, line: str, around: Around) -> None:
    """Take what one line of a text log says."""
    if "REPORT RequestId" in line:
        _read_report(intake, line.replace("\\t", "\t"), around)
        return
    if '"platform.' in line:  # JSON after a time or a stream's name
        before, brace, after = line.partition("{")
        event = parsed((brace + after).rstrip())
        if event is not None:
            read_object(intake, event, surroundings_of(before, around))
        return
    if cut := _CUT.search(line):
        intake.time_out(cut[1])
    elif "INIT_START" in line or "RESTORE_START" in line:
        _note_runtime(intake, f"{line} ")
    else:
        for word, told in _OTHER.items():
            if word in line:
                intake.told[told] += 1
                return


def read_object(intake: Intake, given: Any, around: Around) -> None:
    """Take what a JSON value says, however it is wrapped."""
    for message, inner in unwrapped(given, around):
        if isinstance(message, Mapping):
            _read_record(intake, message, inner)
        else:
            for line in str(message).splitlines():
                read_text(intake, line, inner)


def unwrapped(given: Any, around: Around) -> Iterator[tuple[Any, Around]]:
    """Yield each message inside a JSON value, with what surrounds it: text, or the mapping of a platform event."""
    if isinstance(given, list | tuple):
        for each in given:
            yield from unwrapped(each, around)
    elif isinstance(given, Mapping):
        inside = _surrounding(given, around)
        for name in ("logEvents", "events", "results"):
            if isinstance(given.get(name), Sequence) and not isinstance(given[name], str):
                rows = given[name]
                yield from unwrapped([_row(each) for each in rows], inside)
                return
        message = given.get("message", given.get("@message"))
        if str(given.get("type", "")).startswith("platform."):
            yield given, inside
        elif isinstance(message, Mapping):
            yield from unwrapped(message, inside)
        elif isinstance(message, str):
            inner = parsed(message)
            yield from [(message, inside)] if inner is None else unwrapped(inner, inside)


def parsed(text: str) -> Any:
    """Return the JSON object or array that a text is, or None."""
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def surroundings_of(text: str, around: Around) -> Around:
    """Return what stands before a message in a line, or in a path: the log stream and the time."""
    stream, time = _STREAM.search(text), _TIME.match(text)
    if stream is not None:
        around = replace(around, environment=stream[0], function=stream[1].rstrip("-") or around.function)
    return around if time is None else replace(around, time_s=instant_s(time[1]))


def instant_s(given: Any) -> float:
    """Return an instant as seconds since 1970, NaN if it is none; numbers may be seconds or milliseconds.

    >>> instant_s("2024-02-09T08:42:44.078Z"), instant_s(1707468164078), instant_s("soon")
    (1707468164.078, 1707468164.078, nan)
    """
    if isinstance(given, datetime):
        return (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()
    try:
        value = float(given)
        return value / 1000 if value > 1e11 else value  # 1e11 s is the year 5138
    except (TypeError, ValueError):
        pass
    try:
        when = datetime.fromisoformat(str(given))
    except ValueError:
        return math.nan
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def function_of(log_group: str) -> str:
    """Return the function's name in the name of its log group.

    >>> function_of("123456789012:/aws/lambda/pay")
    'pay'
    """
    return log_group.rpartition("/aws/lambda/")[2] if "/aws/lambda/" in log_group else log_group


def number_of(text: Any) -> float:
    """Return a number, NaN if it is none."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return math.nan


def _row(given: Any) -> Any:
    """Return a row of Logs Insights, a list of fields and values, as a mapping."""
    if isinstance(given, list) and all(isinstance(each, Mapping) and "field" in each for each in given):
        return {each["field"]: each.get("value") for each in given}
    return given


def _surrounding(given: Mapping[str, Any], around: Around) -> Around:
    """Return what a wrapping adds to what is known already."""
    group = given.get("logGroup", given.get("logGroupName", given.get("@log", given.get("functionName"))))
    stream = given.get("logStream", given.get("logStreamName", given.get("@logStream")))
    time = given.get("timestamp", given.get("@timestamp", given.get("time")))
    if isinstance(group, str) and group:
        around = replace(around, function=function_of(group))
    if isinstance(stream, str) and stream:
        around = replace(around, environment=stream)
    return around if time is None else replace(around, time_s=instant_s(time))


def _read_report(intake: Intake, line: str, around: Around) -> None:
    found: dict[str, float] = {}
    for name, value in _FIELD.findall(line):
        found.setdefault(name, number_of(value))
    names = list(found)
    before, _, _ = line.partition("REPORT RequestId")
    around = surroundings_of(before, around)
    request = _REQUEST.search(line)
    used, size = found.get("Max Memory Used", math.nan), found.get("Memory Size", math.nan)
    if "Duration" not in found:
        intake.refused[UNREADABLE] += 1
        return
    if "Init Duration" in names and names.index("Init Duration") < names.index("Duration") and used == size:
        intake.refused[EMULATOR] += 1
        intake.has_emulator.add(len(intake.sources) - 1)
        return
    status = _STATUS.search(line)
    intake.add(
        Run(
            duration_s=found["Duration"] / 1000,
            function=around.function,
            environment=around.environment,
            request=request[1] if request else "",
            memory_mb=size,
            used_mb=used,
            init_s=found.get("Init Duration", math.nan) / 1000,
            restore_s=found.get("Restore Duration", math.nan) / 1000,
            billed_s=found.get("Billed Duration", math.nan) / 1000,
            status=_status(status[1] if status else "success"),
            is_first="Init Duration" in found or "Restore Duration" in found,
            start_s=around.time_s - found["Duration"] / 1000,  # it is written at the end
        )
    )


def _read_record(intake: Intake, event: Mapping[str, Any], around: Around) -> None:
    """Take one event of the JSON log format."""
    record = event.get("record")
    kind = event["type"]
    if not isinstance(record, Mapping):
        return
    if kind == "platform.initStart":
        _note_runtime(intake, f"Runtime Version: {record.get('runtimeVersion', '')} ")
        if isinstance(record.get("functionName"), str):
            intake.named[len(intake.sources) - 1, around.environment] = record["functionName"]
    elif kind == "platform.report":
        metrics = record.get("metrics")
        metrics = metrics if isinstance(metrics, Mapping) else {}
        intake.add(
            Run(
                duration_s=number_of(metrics.get("durationMs")) / 1000,
                function=around.function,
                environment=around.environment,
                request=str(record.get("requestId", "")),
                memory_mb=number_of(metrics.get("memorySizeMB")),
                used_mb=number_of(metrics.get("maxMemoryUsedMB")),
                init_s=number_of(metrics.get("initDurationMs")) / 1000,
                restore_s=number_of(metrics.get("restoreDurationMs")) / 1000,
                billed_s=number_of(metrics.get("billedDurationMs")) / 1000,
                status=_status(str(record.get("status", "success"))),
                is_first="initDurationMs" in metrics or "restoreDurationMs" in metrics,
                start_s=around.time_s - number_of(metrics.get("durationMs")) / 1000,
            )
        )
    else:
        intake.told["other platform events: no run's figures in them"] += 1


def _status(word: str) -> Any:
    return _STATUSES.get(word.lower(), "error")


def _note_runtime(intake: Intake, line: str) -> None:
    """Count the runtime that an environment names at its start, in the names of functions' settings."""
    if found := _RUNTIME.search(line):
        family, version = found[1], found[2]
        ending = ".x" if family == "nodejs" else ""
        intake.runtimes[f"{family}{'.' if family == 'provided' else ''}{version}{ending}"] += 1
