"""Step Functions histories: GetExecutionHistory as JSON or as boto3 gives it, and the log of an Express workflow.

An event names the one before it, so branches of a Parallel state do not mix: entered <- scheduled <- started <- ended
<- exited <- next entered. Names of events and details: API model in botocore, 2026.
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from chainkit.calibration.intake import NEGATIVE, Intake, Task
from chainkit.calibration.report_lines import instant_s

_STARTED = ("TaskStarted", "LambdaFunctionStarted")  # the latter where Resource is a function's own ARN
_ENDS = ("Succeeded", "Failed", "TimedOut")
_OVER = ("ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut")


def is_event(given: Any) -> bool:
    """Tell whether a JSON value is one event of a history."""
    return (
        isinstance(given, Mapping)
        and isinstance(given.get("type"), str)
        and ("timestamp" in given or "event_timestamp" in given)
        and str(given.get("id", "")).isdecimal()
    )


def read_history(intake: Intake, events: Iterable[Mapping[str, Any]]) -> None:
    """Take the tasks of executions; events of several may be mixed if each names its execution."""
    executions: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        plain = _plain(event)
        # A history by itself names no execution; its first event starts another one.
        key = plain["execution"] or f"#{len(executions) - (plain['type'] != 'ExecutionStarted')}"
        executions[key].append(plain)
    for each in executions.values():
        _read_execution(intake, each)


def _plain(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event in one spelling: the Express log writes its own."""
    details = event.get("details")
    if details is None:
        details = next((event[name] for name in event if name.endswith("EventDetails")), {})
    before, number = str(event.get("previousEventId", event.get("previous_event_id", 0))), int(event["id"])
    return {
        "id": number,
        "before": int(before) if before.isdecimal() and int(before) < number else 0,  # so no chain runs in a circle
        "type": event["type"],
        "at_s": instant_s(event.get("timestamp", event.get("event_timestamp"))),
        "details": details if isinstance(details, Mapping) else {},
        "execution": str(event.get("execution_arn", event.get("executionArn", ""))),
    }


def _read_execution(intake: Intake, events: list[dict[str, Any]]) -> None:
    by_id = {event["id"]: event for event in events}
    after: dict[int, dict[str, Any]] = {}
    for event in sorted(events, key=lambda each: -each["id"]):
        after[event["before"]] = event  # of several the earliest
    start_s = next((each["at_s"] for each in events if each["type"] == "ExecutionStarted"), math.nan)
    entered_s = min((each["at_s"] for each in events if each["type"].endswith("StateEntered")), default=math.nan)
    begun = [each for each in events if each["type"] in _STARTED]
    first = min(begun, key=lambda each: (each["at_s"], each["id"]), default=None)
    for event in begun:
        task = _task(event, by_id, after)
        if task is None:
            intake.told["tasks without an end in the history"] += 1
            continue
        if event is first:
            # States before the first task, a Wait perhaps, are no overhead.
            task.is_first, task.start_s = True, task.entered_s - (entered_s - start_s)
        instants = [task.start_s, task.entered_s, task.scheduled_s, task.started_s, task.ended_s, task.left_s]
        known = [instant for instant in instants if math.isfinite(instant)]
        if known != sorted(known):
            intake.refused[NEGATIVE] += 1
        else:
            intake.tasks.append(task)


def _task(started: dict[str, Any], by_id: Mapping[int, Any], after: Mapping[int, Any]) -> Task | None:
    """Return the try that began with `started`, or None if it has no end."""
    scheduled, ended = by_id.get(started["before"]), after.get(started["id"])
    while ended is not None and not ended["type"].endswith(_ENDS):  # TaskSubmitted
        ended = after.get(ended["id"])
    if scheduled is None or ended is None:
        return None
    entered = by_id.get(scheduled["before"])
    is_entry = entered is not None and entered["type"].endswith("StateEntered")
    exited = after.get(ended["id"])
    left = after.get(exited["id"]) if exited is not None and exited["type"].endswith("StateExited") else None
    if left is not None and not (left["type"].endswith("StateEntered") or left["type"] in _OVER):
        left = exited  # a branch has ended and waits for the others
    return Task(
        state=_state(scheduled, by_id),
        scheduled_s=scheduled["at_s"],
        started_s=started["at_s"],
        ended_s=ended["at_s"],
        entered_s=entered["at_s"] if entered is not None and is_entry else math.nan,
        left_s=(left or exited or ended)["at_s"],
        request=_request(ended["details"]),
    )


def _state(event: dict[str, Any] | None, by_id: Mapping[int, Any]) -> str:
    """Return the state in which an event happened."""
    while event is not None and not event["type"].endswith("StateEntered"):
        event = by_id.get(event["before"])
    return str(event["details"].get("name", "")) if event is not None else ""


def _request(details: Mapping[str, Any]) -> str:
    """Return Lambda's request id in a task's output, which joins it to its REPORT line."""
    try:
        output = json.loads(details.get("output", ""))
        return str(output["SdkResponseMetadata"]["RequestId"])
    except (TypeError, ValueError, KeyError):
        return ""
