"""Route: SQS. Messages carry their requests, queues are on the clock and safe between threads.

Kept from AWS [aws-semantics 2]: visibility, delay, receive counts, redrive and who may be its source, retention, FIFO
order, and deduplication within five minutes also of what is deleted by then. A message that an outside client holds
stays hidden by the wall, whatever the clock does; a long poll that finds nothing counts as waiting.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from typing import TYPE_CHECKING, Any

from moto.core.utils import unix_time_millis
from moto.sqs.exceptions import SQSException
from moto.sqs.models import Message, Queue, SQSBackend, sqs_backends

from chainkit.emulation.patching import patch
from chainkit.emulation.story import ROOTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.core.responses import ActionResult
    from moto.sqs.responses import SQSResponse

    from chainkit.emulation.clock import Clock
    from chainkit.emulation.faulting import Faulting, Visit
    from chainkit.emulation.host import Host
    from chainkit.emulation.story import Story

LOCK = threading.RLock()
"""Guards all queues: moto's own lists are not safe between threads, and a message must never be in two places."""

_ROOTS, _IS_OUTSIDE, CAME_FROM = "_chainkit_roots", "_chainkit_is_outside", "_chainkit_came_from"
"""What we write on moto's messages: the requests of a message, whether an outside client holds it, and the queue that
it was dead-lettered from."""

_VISIT = "_chainkit_visit"
"""And where it stands, with how often it had been received when it came there."""

_SENT = "_chainkit_sent_s"
"""What we write on moto's FIFO queues: when each deduplication id was sent."""

DEDUPLICATION_S = 300.0
"""[aws-semantics 2, "FIFO 5-min dedup"]"""

_SOURCE, _ATTRIBUTE_NAMES = "DeadLetterQueueSourceArn", ("AttributeNames", "MessageSystemAttributeNames")

_POLL_S = 0.02
"""How often a long poll looks again: a jump of the clock tells nobody that a message has become visible."""


class Queues:
    """What is done with messages, by moto's API and by our pollers."""

    def __init__(self, clock: Clock, story: Story, faults: Faulting) -> None:
        self.faults = faults
        self._clock = clock
        self._story = story
        self._moto_receive = SQSBackend.receive_message  # before it is replaced
        self._numbers = itertools.count(1)
        self.wake: Callable[[str], None] = lambda _arn: None
        clock.on_jump.append(self._keep_outside_visibility)

    def receive(
        self, queue: Queue, count: int, visibility_s: int, names: list[str] | None = None, *, is_outside: bool = False
    ) -> list[Message]:
        """Receive up to `count` messages at once, and move those received too often to the dead-letter queue."""
        backend = sqs_backends[queue.account_id][queue.region]
        with LOCK:
            self._drop_expired(queue)
            self._redrive(queue)
            received = self._moto_receive(backend, queue.name, count, 0, visibility_s, names or ["All"])
            ids = {message.id for message in received}
            for message in queue._messages:
                if message.id in ids:
                    setattr(message, _IS_OUTSIDE, is_outside)
        for message in received:
            self._tell("receive", queue, message, reason="outside client" if is_outside else "")
        return received

    def receive_from_outside(
        self, queue: Queue, count: int, wait_s: float, visibility_s: int, names: list[str] | None
    ) -> list[Message]:
        """Receive for a client, waiting up to `wait_s` wall seconds for a first message."""
        until_s = time.monotonic() + wait_s
        while not (messages := self.receive(queue, count, visibility_s, names, is_outside=True)):
            if time.monotonic() >= until_s:
                break
            with self._clock.paused():
                time.sleep(_POLL_S)
        return messages

    def take_in(self, message: Message, arn: str) -> None:
        """Write on a new message which requests it belongs to: those of its own header, or those of the sender."""
        setattr(message, _VISIT, (self.faults.here(arn), message.approximate_receive_count))
        if hasattr(message, _ROOTS):
            return  # it was in another queue before
        given = message.system_attributes.get("AWSTraceHeader", {}).get("StringValue")
        roots = self._story.roots_of(given) or ROOTS.get()
        setattr(message, _ROOTS, roots)
        if roots and not given:
            header = {"DataType": "String", "StringValue": self._story.header_for(roots)}
            message.system_attributes["AWSTraceHeader"] = header

    def enter(self, queue: Queue, message: Message) -> None:
        """Append a message to its queue, unless a FIFO queue has had the same within five minutes."""
        self.take_in(message, queue.queue_arn)
        with LOCK:
            if not queue.fifo_queue:
                queue._messages.append(message)
            elif hasattr(message, CAME_FROM) or not self._is_duplicate(queue, message):
                message.sequence_number = f"{next(self._numbers):020}"
                queue._messages.append(message)
            else:
                self._tell("duplicate", queue, message, reason=f"deduplication id {message.deduplication_id}")

    def _is_duplicate(self, queue: Queue, message: Message) -> bool:
        """Return whether a FIFO queue has had the same; moto forgets what was deleted."""
        if message.deduplication_id is None:
            return False
        is_by_group = queue.deduplication_scope == "messageGroup"  # type: ignore[attr-defined]
        key = f"{message.group_id if is_by_group else ''} {message.deduplication_id}"
        sent: dict[str, float] = queue.__dict__.setdefault(_SENT, {})
        now_s = self._clock.now_s()
        is_duplicate = now_s - sent.get(key, -DEDUPLICATION_S) < DEDUPLICATION_S
        if not is_duplicate:
            sent[key] = now_s
        return is_duplicate

    def _drop_expired(self, queue: Queue) -> None:
        """Remove what is older than the queue keeps; moto lets it block the queue."""
        oldest_ms = unix_time_millis() - queue.message_retention_period * 1000  # type: ignore[attr-defined]
        for message in queue.messages:
            if message.sent_timestamp is not None and message.sent_timestamp < oldest_ms:
                remove(queue, message)
                self._tell("dropped", queue, message, status="error", reason="older than the queue keeps messages")

    def _redrive(self, queue: Queue) -> None:
        limit, target = (queue.redrive_policy or {}).get("maxReceiveCount"), queue.dead_letter_queue
        if limit is None or target is None:
            return
        for message in queue.messages:
            if message.approximate_receive_count >= limit:
                remove(queue, message)
                setattr(message, CAME_FROM, queue.queue_arn)
                visit = self.visit_of(message, queue.queue_arn)
                for arrival in self.faults.leaving(visit, target.queue_arn):
                    with self.faults.visiting(arrival, is_there=True):
                        target.add_message(message)
                reason = f"received {message.approximate_receive_count} times from {queue.name}"
                self._tell("dead letter", target, message, reason=reason)

    def _tell(self, what: str, queue: Queue, message: Message, *, status: str = "ok", reason: str = "") -> None:
        attempt = max(message.approximate_receive_count, 1)
        self._story.tell(
            what,
            queue.queue_arn,
            status=status,
            attempt=attempt,
            reason=reason,
            ids=[message.id],
            roots=roots_of(message),
        )

    def visit_of(self, message: Message, arn: str) -> Visit | None:
        """Return the visit that this receive of a message is to `arn`: its function, or its queue."""
        visit, before = getattr(message, _VISIT, (None, 0))
        return self.faults.received(visit, arn, message.approximate_receive_count - before)

    def _keep_outside_visibility(self, span_s: float) -> None:
        """Keep what an outside client holds hidden for as long by the wall as it was promised."""
        before_ms = (self._clock.now_s() - span_s) * 1000
        for backends in list(sqs_backends.values()):
            for backend in list(backends.values()):
                for queue in list(backend.queues.values()):
                    for message in queue._messages:
                        if getattr(message, _IS_OUTSIDE, False) and message.visible_at > before_ms:
                            message.visible_at += span_s * 1000


def roots_of(message: Message) -> tuple[str, ...]:
    """Return the requests that a message belongs to."""
    roots: tuple[str, ...] = getattr(message, _ROOTS, ())
    return roots


def delete(queue: Queue, message: Message) -> None:
    """Remove a message that was received."""
    with LOCK:
        if any(each.id == message.id for each in queue._messages):
            queue.delete_message(str(message.receipt_handle))


def remove(queue: Queue, message: Message) -> None:
    """Take a message out of a queue, whoever holds it."""
    queue._messages.remove(message)
    queue.pending_messages.discard(message)


# --- moto ---


def install(host: Host) -> None:
    """Let moto's SQS use our queues."""
    _install_send(host)
    _install_policy()
    _install_redrive_allow_policy()
    _install_source_of_dead_letters()

    def receive(
        backend: SQSBackend,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> list[Message]:
        queue = backend.get_queue(queue_name)
        return host.queues.receive_from_outside(
            queue, count, wait_seconds_timeout, visibility_timeout, message_attribute_names
        )

    patch("sqs.models:SQSBackend.receive_message", receive)
    _lock("sqs.models:Queue.delete_message")
    _lock("sqs.models:SQSBackend.change_message_visibility", host)
    _lock("sqs.models:SQSBackend.purge_queue")


def _install_send(host: Host) -> None:
    def send(backend: SQSBackend, queue_name: str, *args: Any, **kwargs: Any) -> Message:
        began = host.clock.moment()
        arn = backend.get_queue(queue_name).queue_arn
        for visit in host.queues.faults.arrivals(arn, ROOTS.get()):
            with host.queues.faults.visiting(visit, is_there=True):
                message: Message = original_send(backend, queue_name, *args, **kwargs)
        span_s = host.clock.now_s() - began.at_s
        host.story.tell("send", arn, began=began, span_s=span_s, ids=[message.id])
        return message

    def add(queue: Queue, message: Message) -> None:
        host.queues.enter(queue, message)
        host.queues.wake(queue.queue_arn)

    original_send = patch("sqs.models:SQSBackend.send_message", send)
    patch("sqs.models:Queue.add_message", add)


def _install_redrive_allow_policy() -> None:
    """Keep a dead-letter queue's RedriveAllowPolicy, which moto forgets, and let it count."""

    def set_up(queue: Queue, policy: Any) -> None:
        before = queue.__dict__.get("redrive_policy"), queue.dead_letter_queue
        original(queue, policy)
        if queue.dead_letter_queue is not None and not _allows(queue.dead_letter_queue, queue.queue_arn):
            queue.redrive_policy, queue.dead_letter_queue = before
            text = f"Value {policy} for parameter RedrivePolicy is invalid. Reason: the RedriveAllowPolicy of the "
            raise SQSException("InvalidParameterValue", f"{text}dead-letter queue does not allow it.")

    original = patch("sqs.models:Queue._setup_dlq", set_up)
    patch("sqs.models:Queue.redrive_allow_policy", None)
    patch("sqs.models:Queue.BASE_ATTRIBUTES", [*Queue.BASE_ATTRIBUTES, "RedriveAllowPolicy"])


def _install_policy() -> None:
    """Keep a queue's policy when other attributes are set, as AWS does (API_SetQueueAttributes, 2026)."""

    def set_attributes(queue: Queue, attributes: dict[str, Any], now: float | None = None) -> None:
        kept = {"Policy": getattr(queue, "policy", None)}
        original(queue, {**kept, **attributes}, now)

    original = patch("sqs.models:Queue._set_attributes", set_attributes)


def _install_source_of_dead_letters() -> None:
    """Say of a received dead letter which queue gave it up, as AWS does (API_ReceiveMessage, 2026)."""

    def receive(response: SQSResponse) -> ActionResult:
        answer: ActionResult = original(response)
        asked = {name for key in _ATTRIBUTE_NAMES for name in response._get_param(key) or []}
        if asked & {"All", _SOURCE}:
            queue = response.sqs_backend.get_queue(response._get_queue_name())
            came_from = {message.id: getattr(message, CAME_FROM, None) for message in [*queue._messages]}
            result: dict[str, Any] = answer.result  # type: ignore[assignment]  # what moto made of its messages
            for told in result.get("Messages", []):
                if arn := came_from.get(told["MessageId"]):
                    told.setdefault("Attributes", {})[_SOURCE] = arn
        return answer

    original = patch("sqs.responses:SQSResponse.receive_message", receive)


def _allows(dead: Queue, source_arn: str) -> bool:
    policy = json.loads(dead.redrive_allow_policy or "{}")  # type: ignore[attr-defined]
    permission = policy.get("redrivePermission", "allowAll")
    return permission == "allowAll" or (permission == "byQueue" and source_arn in policy.get("sourceQueueArns", []))


def _lock(place: str, host: Host | None = None) -> None:
    """Hold the lock during a method; with `host`, wake the queue's pollers after it."""

    def locked(self: Any, *args: Any, **kwargs: Any) -> Any:
        with LOCK:
            result = original(self, *args, **kwargs)
        if host is not None:
            queue_name = kwargs.get("queue_name") or args[0]
            host.queues.wake(self.get_queue(queue_name).queue_arn)
        return result

    original = patch(place, locked)
