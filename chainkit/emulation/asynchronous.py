"""Route: asynchronous invocation, as behind Invoke(Event), SNS, EventBridge and destinations.

Kept from AWS [aws-semantics 0.2, 1]: 202 at once; up to two more runs, one and two minutes after errors; throttles go
back to the queue with a backoff of 1 s to 5 min until the event is too old; reserved concurrency 0 drops at once;
destinations and dead letters. Ignored: the jitter of the backoff, duplicates of the internal queue.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections import deque
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.utils import get_backend

from chainkit.emulation.delivery import Delivery, TargetGoneError
from chainkit.emulation.event_invoke_configs import config_of
from chainkit.emulation.faulting import Visit
from chainkit.emulation.functions import dead_letter_config
from chainkit.emulation.invoke import reserved_concurrency, unqualified
from chainkit.emulation.story import ROOTS
from chainkit.emulation.versions import resolve

if TYPE_CHECKING:
    from moto.awslambda.models import LambdaFunction

    from chainkit.emulation.clock import Clock
    from chainkit.emulation.environments import Outcome
    from chainkit.emulation.invoke import Invoker
    from chainkit.emulation.metrics import Metrics
    from chainkit.emulation.story import Story

RETRY_WAITS_S = (60.0, 120.0)
"""[aws-semantics 1, "1 min after 1st, 2 min after 2nd"]"""

BACKOFF_LOW_S, BACKOFF_HIGH_S = 1.0, 300.0
"""[aws-semantics 1, "interval grows exponentially 1 s -> 5 min max"]"""

MAXIMUM_AGE_S = 21_600.0
"""[aws-semantics 1, "default lifetime 6 h"]"""

AT_ONCE = 16
"""Events run at the same time: a limit of the laptop, not of AWS. Who waits behind it counts as running."""


@dataclass
class Event:
    """One event in the internal queue."""

    account_id: str
    region: str
    arn: str
    """Qualified as it was invoked; looked up anew for each attempt."""
    payload: str
    roots: tuple[str, ...]
    request_id: str
    entered_s: float
    attempts: int = 0
    throttles: int = 0
    visit: Visit | None = None


class AsyncQueue:
    """Lambda's internal queue of asynchronous events."""

    def __init__(self, clock: Clock, story: Story, invoker: Invoker, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._story = story
        self._invoker = invoker
        self._lock = threading.Lock()
        self._waiting: deque[Event] = deque()
        self._at_work = 0
        self._delivery = Delivery(self)

    def submit(self, function: LambdaFunction, payload: str, arn: str = "") -> str:
        """Accept an event for `function`, invoked as `arn`; return its request id."""
        event = Event(
            function.account_id,
            function.region,
            arn or function.function_arn,
            payload,
            ROOTS.get(),
            str(uuid.uuid4()),
            self._clock.now_s(),
        )
        self._metrics.event(function.function_name, "AsyncEventsReceived")
        for visit in self._invoker.faults.arrivals(unqualified(function), event.roots):
            self._story.open(event.roots)
            self._enqueue(replace(event, visit=visit))
        return event.request_id

    def _enqueue(self, event: Event) -> None:
        with self._lock:
            self._waiting.append(event)
            if self._at_work >= AT_ONCE:
                return
            self._at_work += 1
        self._clock.start(self._work, name="async")

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._at_work -= 1
                    return
                event = self._waiting.popleft()
            wait_s = None
            try:
                faults = self._invoker.faults
                visit = faults.further(event.visit, event.attempts + event.throttles)
                with self._story.works_for(event.roots), faults.visiting(visit, is_there=True):
                    wait_s = self._attempt(event)
            except BaseException:
                with self._lock:
                    self._at_work -= 1
                raise
            finally:
                if wait_s is None:
                    self._story.close(event.roots)
            if wait_s is not None:
                self._clock.call_at(self._clock.now_s() + wait_s, partial(self._enqueue, event))

    def _attempt(self, event: Event) -> float | None:
        """Try once; return the seconds until the next try, or None if the event is done with."""
        try:
            backend = get_backend(event.account_id, event.region)
            function = resolve(backend, event.arn).function
        except LambdaClientError:
            self._story.tell("dropped", event.arn, status="error", reason="the function is gone")
            return None
        config = config_of(backend, event.arn)
        if reserved_concurrency(function) == 0:
            # [aws-semantics 0.10]; that the destination still gets it is an assumption
            self._give_up(event, function, config, None, "ReservedConcurrencyIsZero")
        elif self._clock.now_s() - event.entered_s > config.get("MaximumEventAgeInSeconds", MAXIMUM_AGE_S):
            self._give_up(event, function, config, None, "EventAgeExceeded")
        else:
            return self._run(event, function, config)
        return None

    def _run(self, event: Event, function: LambdaFunction, config: dict[str, Any]) -> float | None:
        age_ms = (self._clock.now_s() - event.entered_s) * 1000
        self._metrics.event(function.function_name, "AsyncEventAge", age_ms, "Milliseconds")
        outcome = self._invoker.invoke(
            function, event.payload, attempt=event.attempts + 1, arn=event.arn, request_id=event.request_id
        )
        if outcome.status == "throttled":
            wait_s = min(BACKOFF_LOW_S * 2.0**event.throttles, BACKOFF_HIGH_S)
            event.throttles += 1
            return self._wait(event, wait_s, "throttled")
        event.attempts += 1
        if outcome.status == "ok":
            self._send_record(event, function, config, outcome, "Success")
        elif event.attempts <= config.get("MaximumRetryAttempts", len(RETRY_WAITS_S)):
            return self._wait(event, RETRY_WAITS_S[event.attempts - 1], outcome.reason)
        else:
            self._give_up(event, function, config, outcome, "RetriesExhausted")
        return None

    def _wait(self, event: Event, wait_s: float, reason: str) -> float:
        tries = event.attempts + event.throttles
        self._story.tell("retry wait", event.arn, attempt=tries, reason=reason, span_s=wait_s)
        return wait_s

    def _give_up(
        self, event: Event, function: LambdaFunction, config: dict[str, Any], outcome: Outcome | None, condition: str
    ) -> None:
        is_kept = self._send_record(event, function, config, outcome, condition)
        is_kept |= self._send_dead_letter(event, function, outcome, condition)
        self._metrics.event(function.function_name, "AsyncEventsDropped")
        if not is_kept:
            self._story.tell("dropped", event.arn, status="error", attempt=event.attempts, reason=condition)

    def _send_record(
        self, event: Event, function: LambdaFunction, config: dict[str, Any], outcome: Outcome | None, condition: str
    ) -> bool:
        """Send AWS's record to the destination for this end, if there is one."""
        side = "OnSuccess" if condition == "Success" else "OnFailure"
        target = config.get("DestinationConfig", {}).get(side, {}).get("Destination")
        if not target:
            return False
        record = self._record(event, function, outcome, condition)
        end = "Success" if condition == "Success" else "Failure"
        try:
            self._delivery.to(
                target,
                record,
                source="lambda",
                detail_type=f"Lambda Function Invocation Result - {end}",
                resources=[record["requestContext"]["functionArn"], target],
            )
        except TargetGoneError as error:
            self._story.tell("destination", target, status="error", reason=str(error))
            return False
        self._story.tell("destination", target, attempt=event.attempts, reason=condition)
        return True

    def _record(
        self, event: Event, function: LambdaFunction, outcome: Outcome | None, condition: str
    ) -> dict[str, Any]:
        arn = event.arn if event.arn.count(":") > 6 else f"{event.arn}:$LATEST"
        record: dict[str, Any] = {
            "version": "1.0",
            "timestamp": self._clock.iso(),
            "requestContext": {
                "requestId": event.request_id,
                "functionArn": arn,
                "condition": condition,
                "approximateInvokeCount": event.attempts,
            },
            "requestPayload": json.loads(event.payload),
        }
        if outcome is not None:
            record["responseContext"] = {"statusCode": 200, "executedVersion": str(function.version)}
            if outcome.status != "ok":
                record["responseContext"]["functionError"] = "Unhandled"
            record["responsePayload"] = json.loads(outcome.payload)
        return record

    def _send_dead_letter(
        self, event: Event, function: LambdaFunction, outcome: Outcome | None, condition: str
    ) -> bool:
        """Send the event itself to the function's DeadLetterConfig, if it has one."""
        target = dead_letter_config(function).get("TargetArn")
        if not target:
            return False
        attributes = {
            "RequestID": ("String", event.request_id),
            "ErrorCode": ("Number", "200"),
            "ErrorMessage": ("String", _message(outcome) if outcome else condition),
        }
        send = self._delivery.to_queue if ":sqs:" in target else self._delivery.to_topic
        try:
            send(target, event.payload, attributes)
        except TargetGoneError as error:
            self._story.tell("dead letter", target, status="error", reason=str(error))
            return False
        self._story.tell("dead letter", target, attempt=event.attempts, reason=condition)
        return True


def _message(outcome: Outcome) -> str:
    """Return the message of an error without its name, at most 1 KB [invocation-async-retain-records.html, 2026]."""
    error = json.loads(outcome.payload)
    return str(error.get("errorMessage", outcome.reason)).encode()[:1024].decode(errors="ignore")
