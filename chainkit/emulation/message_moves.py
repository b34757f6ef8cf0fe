"""Route: SQS message move tasks: what stands in a dead-letter queue goes back, or to another queue.

Kept from AWS (API_StartMessageMoveTask, 2026; error texts as recorded against AWS in 2024): the source must be the
dead-letter queue of another; one task for a source; a rate; a message moved is a new one (id, time, receives) with its
attributes; without a destination each goes to where it came from, and the task fails at one of which nobody knows from
where. Assumed: without a rate, 500 messages a second. The task waits on the clock; each message keeps its request.
"""

from __future__ import annotations

import base64
import json
import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.sqs.exceptions import SQSException
from moto.sqs.models import Message, Queue, sqs_backends
from moto.sqs.responses import SQSResponse

from chainkit.emulation.patching import patch
from chainkit.emulation.queues import CAME_FROM, LOCK, remove, roots_of

if TYPE_CHECKING:
    from chainkit.emulation.host import Host

FASTEST_PER_S = 500
"""[aws-semantics 2, "<= 500 msg/s"]"""


@dataclass
class Task:
    """One move."""

    handle: str
    source: Queue
    destination: Queue | None
    rate_per_s: int | None
    started_s: float
    to_move: int
    moved: int = 0
    status: str = "RUNNING"
    reason: str = ""

    def result(self) -> dict[str, Any]:
        """Return the task as ListMessageMoveTasks does."""
        optional = {
            "TaskHandle": self.handle if self.status == "RUNNING" else None,
            "DestinationArn": self.destination.queue_arn if self.destination else None,
            "MaxNumberOfMessagesPerSecond": self.rate_per_s,
            "FailureReason": self.reason or None,
        }
        return {
            "Status": self.status,
            "SourceArn": self.source.queue_arn,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "StartedTimestamp": int(self.started_s * 1000),
            **{name: value for name, value in optional.items() if value is not None},
        }


class Moves:
    """The move tasks of one emulator."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._tasks: list[Task] = []
        self._lock = threading.Lock()

    def start(self, source_arn: str, destination_arn: str | None, rate_per_s: int | None) -> Task:
        """Begin to move; SQSException where AWS refuses."""
        source = _queue_of(source_arn, "SourceArn")
        backend = sqs_backends[source.account_id][source.region]
        if not any(queue.dead_letter_queue is source for queue in list(backend.queues.values())):
            raise SQSException("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
        destination = _queue_of(destination_arn, "DestinationArn") if destination_arn else None
        if rate_per_s is not None and not 1 <= rate_per_s <= FASTEST_PER_S:
            text = f"Value for parameter MaxNumberOfMessagesPerSecond is invalid. It must be 1 to {FASTEST_PER_S}."
            raise SQSException("InvalidParameterValue", text)
        with LOCK:
            messages = list(source.messages)
        with self._lock:
            if any(task.source is source and task.status == "RUNNING" for task in self._tasks):
                text = "There is already a task running. Only one active task is allowed for a source queue arn at a "
                raise SQSException("InvalidParameterValue", text + "given time.")
            handle = base64.b64encode(json.dumps({"taskId": str(uuid.uuid4()), "sourceArn": source_arn}).encode())
            now_s = self._host.clock.now_s()
            task = Task(handle.decode(), source, destination, rate_per_s, now_s, len(messages))
            self._tasks.append(task)
        roots = tuple(dict.fromkeys(root for message in messages for root in roots_of(message)))
        work = self._host.story.carried(lambda: self._work(task, messages), roots)
        self._host.clock.start(work, name="move")
        return task

    def cancel(self, handle: str) -> Task:
        """Stop a task that runs; SQSException where AWS refuses."""
        try:
            source_arn = json.loads(base64.b64decode(handle))["sourceArn"]
        except (ValueError, KeyError, TypeError) as error:
            raise SQSException("InvalidParameterValue", "Value for parameter TaskHandle is invalid.") from error
        _queue_of(source_arn, "SourceArn")
        with self._lock:
            for task in self._tasks:
                if task.handle == handle and task.status == "RUNNING":
                    task.status = "CANCELLED"
                    return task
        raise SQSException("ResourceNotFoundException", "Task does not exist.")

    def tasks(self, source_arn: str, most: int) -> list[Task]:
        """Return the latest tasks of a source, the last first."""
        source = _queue_of(source_arn, "SourceArn")
        return [task for task in reversed(self._tasks) if task.source is source][:most]

    def _work(self, task: Task, messages: list[Message]) -> None:
        for message in messages:
            with self._lock:
                if task.status != "RUNNING":
                    return
            task.reason = self._move(task, message)
            if task.reason:
                task.status = "FAILED"
                return
            self._host.clock.sleep(1.0 / (task.rate_per_s or FASTEST_PER_S))
        with self._lock:
            if task.status == "RUNNING":
                task.status = "COMPLETED"

    def _move(self, task: Task, message: Message) -> str:
        """Move one message; return why it could not be."""
        arn = task.destination.queue_arn if task.destination else getattr(message, CAME_FROM, None)
        if arn is None:
            return "CouldNotDetermineMessageSource"
        name, backend = arn.rsplit(":", 1)[1], sqs_backends[task.source.account_id][task.source.region]
        if name not in backend.queues:
            return "AWS.SimpleQueueService.NonExistentQueue"
        with LOCK:
            if not any(each is message for each in task.source._messages):
                return ""  # somebody took it meanwhile
            remove(task.source, message)
        task.moved += 1
        with self._host.story.works_for(roots_of(message)):
            sent = backend.send_message(
                name,
                message.body,
                message_attributes=message.message_attributes,
                group_id=message.group_id,
                deduplication_id=str(uuid.uuid4()) if backend.queues[name].fifo_queue else None,
                system_attributes=message.system_attributes,
            )
            self._host.story.tell("redrive", arn, reason=f"from {task.source.name}", ids=[message.id, sent.id])
        return ""


def _queue_of(arn: str, parameter: str) -> Queue:
    parts = (arn or "").split(":")
    queue = sqs_backends[parts[4]][parts[3]].queues.get(parts[5]) if len(parts) == 6 else None
    if queue is None:
        text = f"The resource that you specified for the {parameter} parameter doesn't exist."
        raise SQSException("ResourceNotFoundException", text)
    return queue


# --- moto ---


def install(host: Host) -> None:
    """Answer the three operations; moto has none of them."""
    moves = Moves(host)

    def start(response: SQSResponse) -> ActionResult:
        rate_per_s = response._get_param("MaxNumberOfMessagesPerSecond")
        task = moves.start(
            response._get_param("SourceArn"),
            response._get_param("DestinationArn"),
            None if rate_per_s is None else int(rate_per_s),
        )
        return ActionResult({"TaskHandle": task.handle})

    def cancel(response: SQSResponse) -> ActionResult:
        return ActionResult({"ApproximateNumberOfMessagesMoved": moves.cancel(response._get_param("TaskHandle")).moved})

    def list_tasks(response: SQSResponse) -> ActionResult:
        tasks = moves.tasks(response._get_param("SourceArn"), int(response._get_param("MaxResults") or 1))
        return ActionResult({"Results": [task.result() for task in tasks]})

    patch("sqs.responses:SQSResponse.start_message_move_task", start)
    patch("sqs.responses:SQSResponse.cancel_message_move_task", cancel)
    patch("sqs.responses:SQSResponse.list_message_move_tasks", list_tasks)
