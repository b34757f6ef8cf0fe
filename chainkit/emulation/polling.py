"""Route: SQS -> event source mappings and pipes.

Kept from AWS [aws-semantics 2]: batches, batching window, filters, maximum concurrency; throttled batches are tried
again within their visibility. Simplified: a mapping without MaximumConcurrency stays at the five concurrent batches
that AWS starts with; a batch is received when its window ends, not when it begins.
"""

from __future__ import annotations

import base64
from collections import Counter
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from moto.sqs.models import Message, Queue, sqs_backends

from chainkit.emulation.consumers import Batch
from chainkit.emulation.filters import lets_through
from chainkit.emulation.queues import LOCK, delete, roots_of

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from chainkit.emulation.clock import Clock, Timer
    from chainkit.emulation.consumers import Consumer, Consumers, Handled
    from chainkit.emulation.faulting import Visit
    from chainkit.emulation.queues import Queues
    from chainkit.emulation.story import Story

PAYLOAD_LIMIT_BYTES = 6 * 2**20
"""[aws-semantics 2, "window, size, 6 MB payload"]"""


class Pollers:
    """The pollers of all consumers of queues."""

    def __init__(self, clock: Clock, story: Story, queues: Queues, consumers: Consumers) -> None:
        self._clock = clock
        self._story = story
        self._queues = queues
        self._consumers = consumers
        self._at_work: Counter[str] = Counter()
        self._timers: dict[str, Timer] = {}
        self._window_ends_s: dict[str, float] = {}
        self._stuck: set[tuple[str, str]] = set()
        consumers.on_change.append(self.wake)
        queues.wake = self.wake

    # --- what is polled ---

    def is_queued(self, root: str) -> bool:
        """Return whether a queue that somebody polls holds a message of `root`."""
        with LOCK:
            return any(
                root in roots_of(message)
                for consumer in self._consumers.all()
                if self._takes(consumer) and (queue := _queue(consumer.source_arn))
                for message in queue._messages
            )

    def wake(self, arn: str) -> None:
        """Look at the queue `arn` again: something in it, or who polls it, has changed."""
        if ":sqs:" in arn:
            for consumer in self._consumers.of(arn):
                self._look(consumer)

    def wake_all(self) -> int:
        """Look at all queues again, and return how many consumers there are."""
        consumers = self._consumers.all()
        for consumer in consumers:
            self._look(consumer)
        return len(consumers)

    def _look_again(self, key: str, arn: str) -> None:
        for consumer in self._consumers.of(arn):
            if consumer.key == key:
                self._look(consumer)

    def _is_dead(self, consumer: Consumer) -> bool:
        return self._queues.faults.is_dead(consumer.source_arn, consumer.function_arn)

    def _takes(self, consumer: Consumer) -> bool:
        return consumer.is_on() and not self._is_dead(consumer)

    def _tell_stuck(self, consumer: Consumer, queue: Queue) -> None:
        """Tell once of each message that waits for consumers of which none takes it."""
        if any(self._takes(other) for other in self._consumers.of(consumer.source_arn)):
            return
        reason = "the pipe is off" if consumer.is_pipe else "the mapping is off, or its function is gone"
        if self._is_dead(consumer):
            reason = "injected: dead consumer"
        for message in queue.messages:
            if (message.id, reason) not in self._stuck:
                self._stuck.add((message.id, reason))
                self._story.tell("stuck", queue.queue_arn, reason=reason, ids=[message.id], roots=roots_of(message))

    def _look(self, consumer: Consumer) -> None:
        """Take the batches that are due, and set a timer for what comes next."""
        with LOCK:
            queue = _queue(consumer.source_arn)
            if queue is None:
                return
            if not self._takes(consumer):
                self._tell_stuck(consumer, queue)
                return
            while self._at_work[consumer.key] < consumer.concurrency and (size := self._size_due(consumer, queue)):
                given_s = int(queue.visibility_timeout)  # type: ignore[attr-defined]
                messages = self._queues.receive(queue, size, consumer.visibility_s(given_s))
                self._window_ends_s.pop(consumer.key, None)
                if not messages:  # all visible ones belong to groups that are at work
                    break
                self._start(consumer, queue, messages)
            self._set_timer(consumer, queue)

    def _size_due(self, consumer: Consumer, queue: Queue) -> int:
        """Return how many messages to receive now; 0 while the window is open."""
        visible = queue.messages
        if not visible:
            self._window_ends_s.pop(consumer.key, None)
            return 0
        size, total_bytes = 0, 0
        for message in visible[: consumer.batch_size]:
            total_bytes += len(message.body.encode())
            if size and total_bytes > PAYLOAD_LIMIT_BYTES:
                return size
            size += 1
        window_s = 0 if queue.fifo_queue else consumer.window_s
        ends_s = self._window_ends_s.setdefault(consumer.key, self._clock.now_s() + window_s)
        return size if size == consumer.batch_size or self._clock.now_s() >= ends_s else 0

    def _set_timer(self, consumer: Consumer, queue: Queue) -> None:
        """Look again when the window ends or the next message becomes visible."""
        now_s, key = self._clock.now_s(), consumer.key
        hidden = [max(message.visible_at, message.delayed_until) / 1000 for message in queue._messages]
        due = [visible_s + 0.001 for visible_s in hidden if visible_s >= now_s]  # moto hides to the millisecond
        if (ends_s := self._window_ends_s.get(key, now_s)) > now_s:
            due.append(ends_s)
        if old := self._timers.pop(key, None):
            self._clock.cancel(old)
        if due:
            self._timers[key] = self._clock.call_at(min(due), lambda: self._look_again(key, consumer.source_arn))

    # --- one batch ---

    def _start(self, consumer: Consumer, queue: Queue, messages: list[Message]) -> None:
        roots = tuple(dict.fromkeys(root for message in messages for root in roots_of(message)))
        self._at_work[consumer.key] += 1

        def work() -> None:
            try:
                self._run(consumer, queue, messages)
            finally:
                with LOCK:
                    self._at_work[consumer.key] -= 1
                self._look_again(consumer.key, consumer.source_arn)

        self._clock.start(self._story.carried(work, roots), name="poller")

    def _run(self, consumer: Consumer, queue: Queue, messages: list[Message]) -> None:
        """Hand over a batch; delete what is done, tell of what will be visible again."""
        wanted = self._filtered(consumer, queue, messages)
        if not wanted:
            return
        attempt = max(message.approximate_receive_count for message in wanted)
        with self._standing(consumer, wanted):
            records = [self._told(consumer, record_of(each, queue)) for each in wanted]
            handled = self._handled(consumer, Batch(records, [each.id for each in wanted], attempt), wanted)
        if handled is None:
            return
        for message in wanted:
            if message.id in handled.failed:
                self._tell_failed(queue, message, handled)
            else:
                delete(queue, message)

    def _handled(self, consumer: Consumer, batch: Batch, messages: list[Message]) -> Handled | None:
        """Hand over a batch until it is taken; None if it is not while the messages are hidden."""
        gives_up_s = min(message.visible_at for message in messages) / 1000
        wait_s = 1.0
        while (handled := consumer.handle(batch)).status == "throttled":
            if self._clock.now_s() + wait_s >= gives_up_s:
                return None
            self._clock.sleep(wait_s)
            wait_s *= 2
        return handled

    def _standing(self, consumer: Consumer, messages: list[Message]) -> AbstractContextManager[None]:
        """Stand at the function with each message, so that what it sends goes on from there."""
        if not consumer.function_arn:
            return nullcontext()
        visits: dict[str, tuple[str, Visit | None]] = {}
        for message in messages:
            visit = self._queues.visit_of(message, consumer.function_arn)
            self._story.stand_at(message.system_attributes.get("AWSTraceHeader", {}).get("StringValue"), visit)
            for root in roots_of(message)[:1]:
                visits[message.id] = root, visit
        return self._queues.faults.batch(consumer.function_arn, visits, reports=consumer.reports)

    def _told(self, consumer: Consumer, record: dict[str, Any]) -> dict[str, Any]:
        """Write into a record's trace header what a stand-in is told of it."""
        if header := record["attributes"].get("AWSTraceHeader"):
            told = self._queues.faults.record_header(consumer.function_arn, record["messageId"], header)
            record["attributes"]["AWSTraceHeader"] = told
        return record

    def _tell_failed(self, queue: Queue, message: Message, handled: Handled) -> None:
        wait_s = message.visible_at / 1000 - self._clock.now_s()
        self._story.tell(
            "retry wait",
            queue.queue_arn,
            attempt=message.approximate_receive_count,
            reason=handled.reason,
            span_s=max(wait_s, 0.0),
            ids=[message.id],
            roots=roots_of(message),
        )

    def _filtered(self, consumer: Consumer, queue: Queue, messages: list[Message]) -> list[Message]:
        """Return the messages that a filter lets through; the others are deleted [aws-semantics 2, Filtering]."""
        if not consumer.patterns:
            return messages
        wanted = []
        for message in messages:
            if lets_through(consumer.patterns, record_of(message, queue), is_pipe=consumer.is_pipe):
                wanted.append(message)
            else:
                delete(queue, message)
                self._story.tell("filtered", consumer.arn, ids=[message.id], roots=roots_of(message))
        return wanted


# --- records ---


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
                **{
                    key[0].lower() + key[1:]: _plain(value[key])
                    for key in ("StringValue", "BinaryValue")
                    if key in value
                },
            }
            for name, value in message.message_attributes.items()
        },
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.queue_arn,
        "awsRegion": queue.region,
    }


def _plain(value: str | bytes) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _queue(arn: str) -> Queue | None:
    if ":sqs:" not in arn:
        return None
    _, _, _, region, account_id, name = arn.split(":")
    return sqs_backends[account_id][region].queues.get(name)
