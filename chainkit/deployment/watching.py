"""What happened to a request on a target that tells no story: read from logs, queues and executions, when it is quiet.

One request at a time: whatever its chain does after it entered is taken for its doing. What cannot be seen is left out:
what a topic or bus handed on, who waited in which queue, inits of targets that do not report them. A run that comes
after a failed one of the same function counts as its next attempt.
"""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chainkit.deployment.targets import Standing, Target, gone
from chainkit.emulation.story import new_root

_REPORT = re.compile(r"REPORT RequestId: (\S+)\s+Duration: ([\d.]+) ms")
_INIT = re.compile(r"Init Duration: ([\d.]+) ms")
_TIMED_OUT = re.compile(r"Task timed out after [\d.]+ seconds")
_UNCAUGHT = re.compile(r"^\s*result = handler_fn\(event, context\)|^\[ERROR\] [\w.]+(: |$)|\tStatus: error", re.M)
"""A traceback that goes on below the handler, as ministack prints it; Lambda's line of an error that nobody caught: a
logger's has a tabulator there."""

_LOOK_S = 0.1
"""How often the target is looked at."""

_SETTING_OUT_S = 0.5
"""A message that has left one place has reached the next by then, on an emulator."""

_LEFT_OVER = ("DeadLetterConfig", "deadLetterTargetArn", "OnFailure")
"""Settings that name where what is lost goes."""


@dataclass(frozen=True)
class Mark:
    """A place in a log: the time of its last lines, by the target's clock, and which those were."""

    at_ms: int = 0
    ids: frozenset[str] = frozenset()


@dataclass
class Watch:
    """One request: when it entered, and what stood in the queues and ran then."""

    chain: str
    """"": all that stand there."""
    began_s: float
    depths: dict[str, int]
    executions: frozenset[str]
    marks: dict[str, "Mark"]
    """ARN of a function -> where its log ended."""
    events: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class _Scene:
    """What can be watched of a chain."""

    functions: Mapping[str, Standing]
    """ARN -> function."""
    queues: Mapping[str, str]
    """ARN -> URL."""
    machines: tuple[str, ...]
    consumed: frozenset[str]
    """ARNs of queues that somebody empties."""
    left_over: frozenset[str]
    """ARNs to which what is lost goes."""
    tries: Mapping[str, int]
    """ARN of a function that may run without anybody waiting -> how often it is tried at most."""


class LogWitness:
    """The witness of a target that tells no story.

    Parameters
    ----------
    retry_waits_s : how long the target waits before it tries a function again that nobody waits for: seconds before the
        second try, and before the third
    look_s : how often it is looked at
    setting_out_s : a message that has left one place has reached the next by then, and a logged line can be read
    """

    def __init__(
        self, *, retry_waits_s: tuple[float, float], look_s: float = _LOOK_S, setting_out_s: float = _SETTING_OUT_S
    ) -> None:
        self._retry_waits_s = retry_waits_s
        self._look_s, self._setting_out_s = look_s, setting_out_s
        self._watches: dict[str, Watch] = {}
        self._marks: dict[str, Mark] = {}

    def watch(self, target: Target) -> None:
        """Watch this target from now on."""
        self._target = target

    def root_id(self, chain: str = "") -> str:
        """Return a new root for one request, and look at what stands of its chain before it enters."""
        root, scene = new_root(), self._scene(chain)
        running = frozenset(each["executionArn"] for each in self._executions(scene))
        marks = {arn: self._mark(arn) for arn in scene.functions}
        self._watches[root] = Watch(chain, time.time(), self._depths(scene), running, marks)
        return root

    def settle(self, root_id: str, timeout_s: float) -> bool:
        """Wait until nothing moves any more, and as long as a function may still run or be tried again.

        It waits on the wall, for at most `timeout_s` seconds; then it returns False.
        """
        watch = self._watches[root_id]
        scene = self._scene(watch.chain)
        deadline_s, seen, moved_s = time.time() + timeout_s, "", time.time()
        while True:
            watch.events = self._events(watch, scene)
            now, at_work = (
                json.dumps([watch.events, depths := self._depths(scene)]),
                self._is_busy(watch, scene, depths),
            )
            if now != seen or at_work:
                seen, moved_s = now, time.time()
            is_quiet = time.time() - moved_s >= self._setting_out_s and time.time() >= self._may_come_until(
                watch, scene
            )
            if is_quiet:
                return True
            if time.time() >= deadline_s:
                return False
            time.sleep(self._look_s)

    def story(self, root_id: str) -> list[dict[str, Any]]:
        """Return what could be seen of a request, in the form of `Emulator.story`."""
        watch = self._watches.get(root_id)  # of a request that somebody else sent nothing can be told
        return sorted(watch.events, key=lambda event: event["at_s"]) if watch is not None else []

    # --- what there is to watch ---

    def _scene(self, chain: str) -> _Scene:
        chains = [chain] if chain else self._target.applier.chains()
        stands = [s for name in chains for s in self._target.applier.known(name).values()]
        of = {
            kind: [s for s in stands if s.resource.type == kind and s.ref]
            for kind in ("AWS::Lambda::Function", "AWS::SQS::Queue", "AWS::StepFunctions::StateMachine")
        }
        functions = {str(s.attributes["Arn"]): s for s in of["AWS::Lambda::Function"]}
        mappings = [s for s in stands if s.resource.type == "AWS::Lambda::EventSourceMapping"]
        return _Scene(
            functions=functions,
            queues={str(s.attributes["Arn"]): s.ref for s in of["AWS::SQS::Queue"]},
            machines=tuple(s.ref for s in of["AWS::StepFunctions::StateMachine"]),
            consumed=frozenset(str(s.properties.get("EventSourceArn")) for s in mappings),
            left_over=frozenset(arn for s in stands for arn in _left_over(s.properties)),
            tries=_tries(functions, stands),
        )

    # --- what has happened ---

    def _events(self, watch: Watch, scene: _Scene) -> list[dict[str, Any]]:
        events = [event for arn in scene.functions for event in self._runs(watch, arn)]
        for execution in self._executions(scene):
            if execution["executionArn"] not in watch.executions:
                events += self._steps(watch, execution)
        now_s = time.time() - watch.began_s
        known = {(event["what"], event["resource"]): event["at_s"] for event in watch.events}
        for arn, depth in self._depths(scene).items():
            what = "dead letter" if arn in scene.left_over else "send"
            if arn in scene.consumed and what == "send":
                continue  # it comes and goes: the runs of its consumer tell
            at_s = known.get((what, arn), now_s)
            events += [_event(at_s, what, arn) for _ in range(depth - watch.depths.get(arn, 0))]
        return events

    def _runs(self, watch: Watch, arn: str) -> Iterator[dict[str, Any]]:
        """Yield the invocations of a function that its log group tells of."""
        lines = [
            (each["logStreamName"], each["timestamp"], each["message"].rstrip("\n"))
            for each in self._logged(arn, watch.marks.get(arn))
        ]
        failures = 0
        for text, report, end_ms in sorted(_framed(lines), key=lambda run: run[2]):
            span_s = float(report[2]) / 1000
            status, reason = _status(text)
            at_s = max(end_ms / 1000 - span_s - watch.began_s, 0.0)
            run = _event(at_s, "invocation", arn, status=status, reason=reason, attempt=failures + 1, span_s=span_s)
            yield {**run, "ids": [report[1]], "logs": text}
            if init := _INIT.search(text[-1]):
                yield _event(at_s, "init", arn, span_s=float(init[1]) / 1000)
            failures = failures + 1 if status != "ok" else 0

    def _mark(self, arn: str) -> Mark:
        """Return where the log of a function ends now."""
        old = self._marks.get(arn, Mark())
        lines = self._logged(arn, old)
        at_ms = max([old.at_ms, *(line["timestamp"] for line in lines)])
        kept = old.ids if at_ms == old.at_ms else frozenset[str]()
        new = Mark(at_ms, kept | {_line_id(line) for line in lines if line["timestamp"] == at_ms})
        self._marks[arn] = new
        return new

    def _logged(self, arn: str, mark: Mark | None) -> list[dict[str, Any]]:
        """Return what a function has logged since a place in its log."""
        mark = mark or Mark()
        asked = {"logGroupName": f"/aws/lambda/{arn.rpartition(':')[2]}", "startTime": mark.at_ms}
        lines: list[dict[str, Any]] = []
        while True:
            page = self._called("logs", "filter_log_events", **asked) or {}
            lines += [line for line in page.get("events", []) if _line_id(line) not in mark.ids]
            if not (token := page.get("nextToken")):
                return lines
            asked["nextToken"] = token

    def _executions(self, scene: _Scene) -> Iterator[dict[str, Any]]:
        for machine in scene.machines:
            yield from (self._called("stepfunctions", "list_executions", stateMachineArn=machine) or {}).get(
                "executions", []
            )

    def _steps(self, watch: Watch, execution: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield an execution, once it has ended, and the states that it went through."""
        machine, at_s = execution["stateMachineArn"], _since(watch, execution["startDate"])
        asked = {"executionArn": execution["executionArn"], "maxResults": 1000}
        history = (self._called("stepfunctions", "get_execution_history", **asked) or {}).get("events", [])
        if execution["status"] != "RUNNING":
            status = {"SUCCEEDED": "ok", "TIMED_OUT": "timeout"}.get(execution["status"], "error")
            span_s = _since(watch, execution["stopDate"]) - at_s
            reason = _why(history[-1]) if history and status != "ok" else ""
            yield _event(at_s, "execution", machine, status=status, reason=reason, span_s=span_s)
        name, began_s, failures = "", at_s, 0
        for step in history:
            now_s = _since(watch, step["timestamp"])
            if entered := step.get("stateEnteredEventDetails"):
                name, began_s, failures = entered["name"], now_s, 0
            elif step["type"] in ("TaskFailed", "LambdaFunctionFailed", "TaskTimedOut"):
                failures += 1
                status = "timeout" if step["type"] == "TaskTimedOut" else "error"
                failed = _event(now_s, "state", machine, status=status, reason=_why(step), attempt=failures)
                yield {**failed, "ids": [name]}
            elif step.get("stateExitedEventDetails", {}).get("name") == name:  # of branches, what cannot be mistaken
                whole = _event(began_s, "state", machine, attempt=failures + 1, span_s=now_s - began_s)
                yield {**whole, "ids": [name]}

    def _depths(self, scene: _Scene) -> dict[str, int]:
        """Return how many messages each queue holds, those included that somebody works on or that are to come."""
        names = [f"ApproximateNumberOfMessages{what}" for what in ("", "NotVisible", "Delayed")]
        found = {}
        for arn, url in scene.queues.items():
            answer = self._called("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=names)
            if answer is not None:
                found[arn] = sum(int(count) for count in answer["Attributes"].values())
        return found

    # --- whether more may come ---

    def _is_busy(self, watch: Watch, scene: _Scene, depths: Mapping[str, int]) -> bool:
        waiting = any(depths.get(arn, 0) > watch.depths.get(arn, 0) for arn in scene.consumed)
        running = (e for e in self._executions(scene) if e["executionArn"] not in watch.executions)
        return waiting or any(each["status"] == "RUNNING" for each in running)

    def _may_come_until(self, watch: Watch, scene: _Scene) -> float:
        """Return until when a function that nobody waits for may run or be tried again: it logs when it has ended."""
        until_s = watch.began_s
        moves = [event["at_s"] + (event["span_s"] or 0.0) for event in watch.events if event["what"] != "dead letter"]
        last_s = watch.began_s + max(moves, default=0.0)
        for arn, tries in scene.tries.items():
            timeout_s = float(scene.functions[arn].properties.get("Timeout", 3)) + self._setting_out_s
            runs = [event for event in watch.events if event["what"] == "invocation" and event["resource"] == arn]
            if not runs:  # whoever moved last may have called it
                until_s = max(until_s, last_s + timeout_s)
            elif (last := max(runs, key=lambda run: run["at_s"]))["status"] != "ok" and last["attempt"] < tries:
                wait_s = self._retry_waits_s[min(last["attempt"], len(self._retry_waits_s)) - 1]
                until_s = max(until_s, watch.began_s + last["at_s"] + last["span_s"] + wait_s + timeout_s)
        return until_s

    def _called(self, client: str, operation: str, **parameters: Any) -> dict[str, Any] | None:
        """Return the answer to a call; None where the target refuses it: then this cannot be seen."""
        try:
            return dict(getattr(self._target.client(client), operation)(**parameters))
        except ClientError:
            return None
        except BotoCoreError as error:
            raise gone(self._target, error) from error


def _line_id(line: Mapping[str, Any]) -> str:
    """Return what tells a line from others of the same time; ministack numbers none."""
    return str(line.get("eventId") or (line.get("logStreamName"), line["message"]))


def _event(
    at_s: float,
    what: str,
    resource: str,
    *,
    status: str = "ok",
    reason: str = "",
    attempt: int = 1,
    span_s: float | None = None,
) -> dict[str, Any]:
    return {
        "at_s": at_s,
        "wall_s": at_s,
        "what": what,
        "resource": resource,
        "attempt": attempt,
        "status": status,
        "reason": reason,
        "span_s": span_s,
        "ids": [],
        "logs": [],
    }


def _why(step: Mapping[str, Any]) -> str:
    """Return error and cause, as an entry of an execution's history has them."""
    details: dict[str, Any] = next((d for name, d in step.items() if name.endswith("EventDetails")), {})
    return f"{details.get('error', '')}: {details.get('cause', '')}"


def _since(watch: Watch, moment: Any) -> float:
    """Return seconds since the request entered, of a moment as boto3 gives it."""
    return max(float(moment.timestamp()) - watch.began_s, 0.0)


def _framed(lines: Iterable[tuple[str, int, str]]) -> Iterator[tuple[list[str], re.Match[str], int]]:
    """Yield each run that has ended: its lines, its REPORT, and when that came, in milliseconds since the epoch.

    Environments log at the same time, each into a stream of its own.

    >>> lines = [("b", 1, "START RequestId: 2"), ("a", 2, "START RequestId: 1"), ("b", 3, "two")]
    >>> reports = [(name, 4, f"REPORT RequestId: {n} Duration: 5.00 ms") for name, n in (("a", 1), ("b", 2))]
    >>> [text[:-1] for text, _, _ in _framed(lines + reports)]
    [['START RequestId: 1'], ['START RequestId: 2', 'two']]
    """
    kept: dict[str, list[str]] = {}
    for stream, at_ms, line in lines:
        kept[stream] = [line] if line.startswith("START RequestId") else [*kept.get(stream, []), line]
        if report := _REPORT.match(line):
            yield kept.pop(stream), report, at_ms


def _status(lines: list[str]) -> tuple[str, str]:
    """Return how a run ended, and why, as far as its lines tell."""
    text = "\n".join(lines)
    if found := _TIMED_OUT.search(text):
        return "timeout", found[0]
    if not _UNCAUGHT.search(text):
        return "ok", ""
    named = [line for line in lines if line.startswith("[ERROR] ")]
    own = [line for line in lines if not line.startswith(("START RequestId", "END RequestId", "REPORT RequestId"))]
    if named:
        return "error", named[-1].splitlines()[0].removeprefix("[ERROR] ")
    return "error", own[-1].strip() if own else ""


def _left_over(value: Any) -> Iterator[str]:
    """Yield the ARNs that settings name as the place for what is lost."""
    if isinstance(value, str) and value[:1] == "{":
        try:
            value = json.loads(value)
        except ValueError:
            return
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name in _LEFT_OVER:
                yield from [inner] if isinstance(inner, str) else (str(arn) for arn in inner.values())
            else:
                yield from _left_over(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _left_over(inner)


def _tries(functions: Mapping[str, Standing], stands: Iterable[Standing]) -> dict[str, int]:
    """Return the functions that something hands events to without waiting, and how often each is tried."""
    tries: dict[str, int] = {}
    named = {arn.rpartition(":")[2]: arn for arn in functions}
    for standing in stands:
        settings = standing.properties
        if standing.resource.type == "AWS::Lambda::EventInvokeConfig":
            arn = named.get(str(settings.get("FunctionName")), str(settings.get("FunctionName")))
            if arn in functions:
                tries[arn] = 1 + int(settings.get("MaximumRetryAttempts", 2))
        ends = [settings.get("Endpoint"), *(each.get("Arn") for each in settings.get("Targets", []))]
        for arn in ends:
            if arn in functions:
                tries.setdefault(str(arn), 3)
    return tries
