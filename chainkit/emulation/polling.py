"""Route: SQS -> function, through event source mappings.

Kept from AWS [aws-semantics 2]: batches, batching window, synchronous invocation, partial batch responses and their
malformed forms, filters on the body, maximum concurrency; throttled batches are tried again within their visibility.
Simplified: a mapping without MaximumConcurrency stays at the five concurrent batches that AWS starts with; a batch is
received when its window ends, not when it begins.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import EventSourceMapping, LambdaBackend, lambda_backends
from moto.events.models import EventPattern
from moto.sqs.models import Message, Queue, sqs_backends

from chainkit.emulation.invoke import unqualified
from chainkit.emulation.patching import replace
from chainkit.emulation.queues import LOCK, delete, roots_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from moto.awslambda.models import LambdaFunction

    from chainkit.emulation.clock import Clock, Timer
    from chainkit.emulation.environments import Outcome
    from chainkit.emulation.faulting import Visit
    from chainkit.emulation.host import Host
    from chainkit.emulation.invoke import Invoker
    from chainkit.emulation.queues import Queues
    from chainkit.emulation.story import Story

CONCURRENT_BATCHES = 5
"""[aws-semantics 2, "starts at 5 concurrent"]"""

PAYLOAD_LIMIT_BYTES = 6 * 2**20
"""[aws-semantics 2, "window, size, 6 MB payload"]"""


class Pollers:
    """The pollers of all event source mappings on queues."""

    def __init__(self, clock: Clock, story: Story, invoker: Invoker, queues: Queues) -> None:
        self._clock = clock
        self._story = story
        self._invoker = invoker
        self._queues = queues
        self._at_work: Counter[str] = Counter()
        self._timers: dict[str, Timer] = {}
        self._window_ends_s: dict[str, float] = {}
        self._stuck: set[tuple[str, str]] = set()
        story.is_queued = self.is_queued
        queues.wake, queues.faults = self.wake, invoker.faults

    # --- what is polled ---

    def is_queued(self, root: str) -> bool:
        """Return whether a queue that somebody polls holds a message of `root`."""
        with LOCK:
            return any(
                root in roots_of(message)
                for mapping in _mappings()
                if is_polling(mapping) and not self._is_dead(mapping) and (queue := _queue(mapping.event_source_arn))
                for message in queue._messages
            )

    def wake(self, arn: str) -> None:
        """Look at the queue `arn` again: something in it, or who polls it, has changed."""
        for mapping in _mappings():
            if mapping.event_source_arn == arn:
                self._look(mapping)

    def wake_all(self) -> int:
        """Look at all queues again, and return how many mappings there are."""
        mappings = list(_mappings())
        for mapping in mappings:
            self._look(mapping)
        return len(mappings)

    def _is_dead(self, mapping: EventSourceMapping) -> bool:
        function = _function(mapping)
        return function is not None and self._invoker.faults.is_dead(mapping.event_source_arn, unqualified(function))

    def _tell_stuck(self, mapping: EventSourceMapping, queue: Queue) -> None:
        """Tell once of each message that waits for a mapping that takes none."""
        reason = "injected: dead consumer" if self._is_dead(mapping) else "the mapping is off"
        for message in queue.messages:
            if (message.id, reason) not in self._stuck:
                self._stuck.add((message.id, reason))
                self._story.tell("stuck", queue.queue_arn, reason=reason, ids=[message.id], roots=roots_of(message))

    def _look(self, mapping: EventSourceMapping) -> None:
        """Take the batches that are due, and set a timer for what comes next."""
        with LOCK:
            queue, function = _queue(mapping.event_source_arn), _function(mapping)
            if queue is None or function is None:
                return
            if not is_polling(mapping) or self._is_dead(mapping):
                self._tell_stuck(mapping, queue)
                return
            limit = (mapping.scaling_config or {}).get("MaximumConcurrency", CONCURRENT_BATCHES)
            while self._at_work[mapping.uuid] < limit and (size := self._size_due(mapping, queue)):
                messages = self._queues.receive(queue, size, _visibility_s(mapping, queue, function))
                self._window_ends_s.pop(mapping.uuid, None)
                if not messages:  # all visible ones belong to groups that are at work
                    break
                self._start(mapping, queue, function, messages)
            self._set_timer(mapping, queue)

    def _size_due(self, mapping: EventSourceMapping, queue: Queue) -> int:
        """Return how many messages to receive now; 0 while the window is open."""
        visible = queue.messages
        if not visible:
            self._window_ends_s.pop(mapping.uuid, None)
            return 0
        size, total_bytes = 0, 0
        for message in visible[: mapping.batch_size]:
            total_bytes += len(message.body.encode())
            if size and total_bytes > PAYLOAD_LIMIT_BYTES:
                return size
            size += 1
        window_s = 0 if queue.fifo_queue else mapping.max_batch_window or 0
        ends_s = self._window_ends_s.setdefault(mapping.uuid, self._clock.now_s() + window_s)
        return size if size == mapping.batch_size or self._clock.now_s() >= ends_s else 0

    def _set_timer(self, mapping: EventSourceMapping, queue: Queue) -> None:
        """Look again when the window ends or the next message becomes visible."""
        now_s = self._clock.now_s()
        hidden = [max(message.visible_at, message.delayed_until) / 1000 for message in queue._messages]
        due = [visible_s + 0.001 for visible_s in hidden if visible_s >= now_s]  # moto hides to the millisecond
        if (ends_s := self._window_ends_s.get(mapping.uuid, now_s)) > now_s:
            due.append(ends_s)
        if old := self._timers.pop(mapping.uuid, None):
            self._clock.cancel(old)
        if due:
            self._timers[mapping.uuid] = self._clock.call_at(min(due), lambda: self._look(mapping))

    # --- one batch ---

    def _start(
        self, mapping: EventSourceMapping, queue: Queue, function: LambdaFunction, messages: list[Message]
    ) -> None:
        roots = tuple(dict.fromkeys(root for message in messages for root in roots_of(message)))
        self._at_work[mapping.uuid] += 1

        def work() -> None:
            try:
                self._run(mapping, queue, function, messages)
            finally:
                with LOCK:
                    self._at_work[mapping.uuid] -= 1
                self._look(mapping)

        self._clock.start(self._story.carried(work, roots), name="batch")

    def _run(
        self, mapping: EventSourceMapping, queue: Queue, function: LambdaFunction, messages: list[Message]
    ) -> None:
        wanted = self._filtered(mapping, queue, messages)
        if not wanted:
            return
        with self._standing(mapping, function, wanted):
            outcome = self._tried(queue, function, wanted)
        if outcome is None:
            return
        failed = set() if outcome.status == "ok" else {message.id for message in wanted}
        if outcome.status == "ok" and "ReportBatchItemFailures" in (mapping.function_response_types or []):
            failed = failed_items(outcome.payload, [message.id for message in wanted])
        for message in wanted:
            if message.id in failed:
                wait_s = message.visible_at / 1000 - self._clock.now_s()
                self._story.tell(
                    "retry wait",
                    queue.queue_arn,
                    attempt=message.approximate_receive_count,
                    reason=outcome.reason or "reported as failed",
                    span_s=max(wait_s, 0.0),
                    ids=[message.id],
                    roots=roots_of(message),
                )
            else:
                delete(queue, message)

    def _tried(self, queue: Queue, function: LambdaFunction, messages: list[Message]) -> Outcome | None:
        """Invoke a function with a batch until it is taken; None if it is not while the messages are hidden."""
        records = [record_of(message, queue) for message in messages]
        for record in records:
            if header := record["attributes"].get("AWSTraceHeader"):
                told = self._invoker.faults.record_header(unqualified(function), record["messageId"], header)
                record["attributes"]["AWSTraceHeader"] = told
        payload = json.dumps({"Records": records})
        attempt = max(message.approximate_receive_count for message in messages)
        gives_up_s = min(message.visible_at for message in messages) / 1000
        wait_s = 1.0
        while (outcome := self._invoker.invoke(function, payload, attempt=attempt)).status == "throttled":
            if self._clock.now_s() + wait_s >= gives_up_s:
                return None
            self._clock.sleep(wait_s)
            wait_s *= 2
        return outcome

    def _standing(
        self, mapping: EventSourceMapping, function: LambdaFunction, messages: list[Message]
    ) -> AbstractContextManager[None]:
        """Stand at the function with each message, so that what it sends goes on from there."""
        arn = unqualified(function)
        visits: dict[str, tuple[str, Visit | None]] = {}
        for message in messages:
            visit = self._queues.visit_of(message, arn)
            self._story.stand_at(message.system_attributes.get("AWSTraceHeader", {}).get("StringValue"), visit)
            for root in roots_of(message)[:1]:
                visits[message.id] = root, visit
        reports = "ReportBatchItemFailures" in (mapping.function_response_types or [])
        return self._invoker.faults.batch(arn, visits, reports=reports)

    def _filtered(self, mapping: EventSourceMapping, queue: Queue, messages: list[Message]) -> list[Message]:
        """Return the messages that a filter lets through; the others are deleted [aws-semantics 2, Filtering]."""
        patterns = [EventPattern.load(each["Pattern"]) for each in (mapping.filter_criteria or {}).get("Filters", [])]
        if not patterns:
            return messages
        wanted = []
        for message in messages:
            content: Any = {"body": _json_or_text(message.body)}
            if any(pattern.matches_event(content) for pattern in patterns):
                wanted.append(message)
            else:
                delete(queue, message)
                self._story.tell("filtered", mapping.arn, ids=[message.id], roots=roots_of(message))
        return wanted


# --- records and answers ---


def record_of(message: Message, queue: Queue) -> dict[str, Any]:
    """Return the record that a function gets for a message."""
    attributes = {
        "ApproximateReceiveCount": str(message.approximate_receive_count),
        "SentTimestamp": str(message.sent_timestamp),
        "SenderId": message.sender_id,
        "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
    }
    optional = {
        "MessageGroupId": message.group_id,
        "MessageDeduplicationId": message.deduplication_id if queue.fifo_queue else None,
        "SequenceNumber": message.sequence_number,
        "AWSTraceHeader": message.system_attributes.get("AWSTraceHeader", {}).get("StringValue"),
    }
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": attributes | {key: value for key, value in optional.items() if value is not None},
        "messageAttributes": {
            name: {
                "dataType": value["DataType"],
                "stringListValues": [],
                "binaryListValues": [],
                **{key[0].lower() + key[1:]: value[key] for key in ("StringValue", "BinaryValue") if key in value},
            }
            for name, value in message.message_attributes.items()
        },
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.queue_arn,
        "awsRegion": queue.region,
    }


def failed_items(payload: str, ids: list[str]) -> set[str]:
    """Return the ids that a partial batch response reports; all of them if the response is malformed.

    [aws-semantics 2, "empty/null id, wrong key, exception = whole batch; empty list = success"]

    >>> sorted(failed_items('{"batchItemFailures": [{"itemIdentifier": "a"}]}', ["a", "b"]))
    ['a']
    >>> sorted(failed_items('{"batchItemFailures": [{"itemIdentifier": ""}]}', ["a", "b"]))
    ['a', 'b']
    >>> failed_items('{"batchItemFailures": []}', ["a", "b"]), failed_items("null", ["a"])
    (set(), set())
    """
    response = json.loads(payload)
    if not response:
        return set()
    try:
        named = [item["itemIdentifier"] for item in response.get("batchItemFailures") or []]
    except (AttributeError, KeyError, TypeError):
        return set(ids)
    return set(named) if all(each in ids for each in named) else set(ids)


def _json_or_text(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


def _mappings() -> Iterable[EventSourceMapping]:
    return [
        mapping
        for backends in list(lambda_backends.values())
        for backend in list(backends.values())
        for mapping in list(backend._event_source_mappings.values())
        if ":sqs:" in mapping.event_source_arn
    ]


def is_polling(mapping: EventSourceMapping) -> bool:
    """Return whether anything takes messages for this mapping."""
    standing = lambda_backends[mapping.account_id][mapping.region]._event_source_mappings
    return mapping.uuid in standing and bool(mapping.enabled) and _function(mapping) is not None


def _queue(arn: str) -> Queue | None:
    _, _, _, region, account_id, name = arn.split(":")
    return sqs_backends[account_id][region].queues.get(name)


def _function(mapping: EventSourceMapping) -> LambdaFunction | None:
    """Return the function; by the name it was mapped with, so that a moved alias takes effect."""
    try:
        return lambda_backends[mapping.account_id][mapping.region].get_function(mapping.function_name)
    except UnknownFunctionException:
        return None


def _visibility_s(mapping: EventSourceMapping, queue: Queue, function: LambdaFunction) -> int:
    """Return the visibility timeout of a batch [aws-semantics 2, "window + timeout + 30 s"]."""
    window_s, timeout_s = mapping.max_batch_window or 0, function.timeout
    given_s = int(queue.visibility_timeout)  # type: ignore[attr-defined]
    return int(window_s + timeout_s + 30) if window_s and window_s + timeout_s > given_s else given_s


# --- moto ---


def install(host: Host) -> None:
    """Take moto's own trigger, which runs inside SendMessage, off the queue; poll instead."""

    def create(backend: LambdaBackend, spec: dict[str, Any]) -> EventSourceMapping:
        mapping: EventSourceMapping = original_create(backend, spec)
        if queue := _queue(mapping.event_source_arn) if ":sqs:" in mapping.event_source_arn else None:
            queue.lambda_event_source_mappings.clear()
            host.pollers.wake(mapping.event_source_arn)
        return mapping

    def update(backend: LambdaBackend, uuid: str, spec: dict[str, Any]) -> EventSourceMapping | None:
        mapping: EventSourceMapping | None = original_update(backend, uuid, spec)
        if mapping is not None:
            mapping.function_name = spec.get("FunctionName", mapping.function_name)
            host.pollers.wake(mapping.event_source_arn)
        return mapping

    def list_all(backend: LambdaBackend, event_source_arn: str, function_name: str) -> Iterable[EventSourceMapping]:
        # moto compares the text that each was made with: a name never finds what was made with an ARN
        name = (function_name and function_name.partition(":function:")[2]) or function_name
        return [
            mapping
            for mapping in original_list(backend, event_source_arn, "")
            if not name or mapping.function_arn.split(":")[6] == name.partition(":")[0]
        ]

    original_list = replace(
        LambdaBackend, "list_event_source_mappings", list_all, parameters="self event_source_arn function_name"
    )
    original_create = replace(LambdaBackend, "create_event_source_mapping", create, parameters="self spec")
    original_update = replace(LambdaBackend, "update_event_source_mapping", update, parameters="self uuid spec")
