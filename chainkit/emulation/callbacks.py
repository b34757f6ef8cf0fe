"""Step Functions: what workers outside say of a task by its token, and the activities that hand them tasks.

Kept from AWS (API reference of SendTaskSuccess, GetActivityTask; 2026): errors with their causes, outputs that are not
JSON, tokens of tasks that have ended, heartbeats of tasks that ask for none, polling an activity for 60 s.
"""

from __future__ import annotations

import json
import weakref
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult, EmptyResult

from chainkit.emulation.patching import patch
from chainkit.emulation.runs import LimitEvent

if TYPE_CHECKING:
    from chainkit.emulation.clock import Clock
    from chainkit.emulation.host import Host

_ANSWERS = "stepfunctions.responses:StepFunctionResponse"
_POLL_S = 60.0


class Activities:
    """The tasks of all activities that no worker has taken yet."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queues: weakref.WeakKeyDictionary[Any, _Queues] = weakref.WeakKeyDictionary()

    def of(self, backend: Any) -> _Queues:
        """Return the queues of one account and region: a mapping from ARN, as the interpreter asks for."""
        return self._queues.setdefault(backend, _Queues(self._clock, backend.activities))


class _Queues:
    def __init__(self, clock: Clock, known: dict[str, Any]) -> None:
        self._clock = clock
        self._known = known
        self._queues: dict[str, _Queue] = {}

    def get(self, arn: str) -> _Queue | None:
        """Return the tasks of an activity, or None if there is none."""
        return self._queues.setdefault(arn, _Queue(self._clock)) if arn in self._known else None


class _Queue:
    def __init__(self, clock: Clock) -> None:
        self._tasks: list[Any] = []
        self._arrived = LimitEvent(clock)

    def add_task(self, task: Any) -> None:
        """Offer a task."""
        self._tasks.append(task)
        self._arrived.set()

    def take(self) -> Any:
        """Return the oldest task; wait for one, and return None if none comes."""
        if not self._tasks:
            self._arrived.clear()
            self._arrived.wait(_POLL_S)
        return self._tasks.pop(0) if self._tasks else None


def install(host: Host) -> None:
    """Repair what workers outside can say, and hand them the tasks of activities."""

    def get_activity_task(response: Any) -> ActionResult:
        backend, arn = response.stepfunction_backend, response._get_param("activityArn")
        backend.describe_activity(arn)  # refuses what there is not
        task = host.activities.of(backend).get(arn).take()  # type: ignore[union-attr]
        if task is None:
            return ActionResult({"taskToken": None})
        endpoint = _endpoint(backend, task.task_token)
        endpoint.notify_activity_task_start(response._get_param("workerName"))
        return ActionResult({"taskToken": task.task_token, "input": task.task_input})

    patch(f"{_ANSWERS}.get_activity_task", get_activity_task)
    _install_outcomes()


def repair(_host: Host) -> None:
    """Let a task of an activity run out of time that no worker has taken."""
    patch("stepfunctions.parser.asl.eval.callback.callback:ActivityTaskStartEndpoint._outcome", None)


def _install_outcomes() -> None:
    def succeed(response: Any) -> EmptyResult:
        output = response._get_param("output")
        try:
            json.loads(output)
        except json.JSONDecodeError as error:
            from moto.stepfunctions.parser.api import InvalidOutput

            raise InvalidOutput(message=f"Invalid Output: '{error}'") from None
        return _notify(response, "CallbackOutcomeSuccess", output=output)

    def fail(response: Any) -> EmptyResult:
        error, cause = response._get_param("error"), response._get_param("cause")
        return _notify(response, "CallbackOutcomeFailure", error=error, cause=cause)

    def beat(response: Any) -> EmptyResult:
        _endpoint(response.stepfunction_backend, response._get_param("taskToken")).notify_heartbeat()
        return EmptyResult()

    patch(f"{_ANSWERS}.send_task_success", succeed)
    patch(f"{_ANSWERS}.send_task_failure", fail)
    patch(f"{_ANSWERS}.send_task_heartbeat", beat)


def _notify(response: Any, outcome: str, **said: Any) -> EmptyResult:
    from moto.stepfunctions.parser.asl.eval.callback import callback

    token = response._get_param("taskToken")
    endpoint = _endpoint(response.stepfunction_backend, token)
    endpoint.notify(getattr(callback, outcome)(callback_id=token, **said))
    return EmptyResult()


def _endpoint(backend: Any, token: str) -> Any:
    """Return where a task waits that has not ended."""
    from moto.stepfunctions.parser.api import InvalidToken, TaskTimedOut

    for execution in backend._get_executions():
        env = execution.exec_worker.env if execution.exec_worker else None
        endpoint = env.callback_pool_manager.get(token) if env else None
        if endpoint is not None:
            if execution.status != "RUNNING" or endpoint._notify_event.is_set():
                raise TaskTimedOut(message="Task Timed Out: 'Provided task does not exist anymore'")
            return endpoint
    raise InvalidToken
