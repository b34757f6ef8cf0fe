"""Queues and their pollers in the slow twin: messages, batches, what comes back, and dead letters."""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

import simpy

from chainkit.records import Buffer, Pool
from chainkit.wiring import EventSourceMapping, Redrive
from tests.simulation.twin_environments import Environment
from tests.simulation.twin_parts import Answer, Rank, Story, Visit

FIRST, LAST, PER_MINUTE = 5, 1_250, 300
PER_POLLER, PROVISIONED_PER_MINUTE = 10, 1_000
MOST_IN_FLIGHT = 120_000
MARGIN_S = 30.0
BACKOFF_FIRST_S, BACKOFF_MOST_S = 1.0, 60.0


@dataclass(eq=False)
class Message:
    """A message in a queue with a mapping, or whatever one invocation works on."""

    visit: Visit
    receives: int = 0
    visible_s: float = 0.0
    is_copied: bool = False
    """Whether it became visible once more while its batch ran: the copy is what goes on if the run fails."""


class Queue:
    """A queue and its mapping's poller."""

    def __init__(self, buffer: Buffer, mapping_id: str, mapping: EventSourceMapping | None, pool: Pool | None) -> None:
        self.buffer, self.mapping_id, self.mapping = buffer, mapping_id, mapping
        self.waiting: deque[Message] = deque()
        self.running = self.in_flight = 0
        self.is_ramping, self.has_timer = False, False
        self.counts = Counter[str]()
        self.first = self.last = self.most = 0
        self.visibility_s = buffer.visibility_timeout_s
        if mapping is not None and pool is not None:
            self._set_up(mapping, pool)

    def _set_up(self, mapping: EventSourceMapping, pool: Pool) -> None:
        """Take how fast the poller grows and how long messages stay hidden from the mapping."""
        self.first, self.last, self.step_s = FIRST, LAST, 60 / PER_MINUTE
        if mapping.minimum_pollers is not None and mapping.maximum_pollers is not None:
            self.first, self.last = PER_POLLER * mapping.minimum_pollers, PER_POLLER * mapping.maximum_pollers
            self.step_s = 60 / PROVISIONED_PER_MINUTE
        self.is_ramping = mapping.maximum_concurrency is None
        self.most = self.first if mapping.maximum_concurrency is None else mapping.maximum_concurrency
        if not mapping.enabled:
            self.is_ramping, self.most = False, 0
        least_s = mapping.maximum_batching_window_s + pool.timeout_s
        if least_s > self.visibility_s:
            self.visibility_s = least_s + MARGIN_S

    def next_size(self, now_s: float) -> int:
        """Return how many messages the next batch would have; 0 if they make none yet."""
        assert self.mapping is not None
        if not self.waiting:
            return 0
        is_full = len(self.waiting) >= self.mapping.batch_size
        is_due = is_full or self.waiting[0].visible_s + self.mapping.maximum_batching_window_s <= now_s
        return min(len(self.waiting), self.mapping.batch_size) if is_due else 0

    def receive(self, size: int) -> list[Message]:
        """Take the next batch."""
        batch = [self.waiting.popleft() for _ in range(size)]
        for message in batch:
            message.receives += 1
        self.running += 1
        self.in_flight += size
        self.counts["batches"] += 1
        self.counts["receives"] += size
        return batch

    def one_more(self) -> None:
        """Let one more batch run at once, if all are busy and something waits."""
        if self.waiting and self.running >= self.most:
            self.most += 1

    def calm_down(self) -> None:
        """Go back to the first pollers when there is little to do."""
        if self.is_ramping and not self.waiting and self.running < self.first:
            self.most = self.first


class Queues:
    """What the world does with messages in queues."""

    def _message(self, name: str, visit: Visit) -> Story:
        """Bring a message to its queue's poller; where nothing polls it has arrived, and no token comes back."""
        queue = self.queues[name]
        if queue.mapping is None:
            self._close(Visit(visit.request), "completed")
            return
        visit, is_stopped = self._turned(queue.mapping.target, visit)
        if is_stopped:
            self._stop_message(name, visit)
            return
        yield from self._pause(queue.buffer.delay_s, visit, name)
        visit = visit.by(self.places[queue.mapping_id], token=visit.token)
        yield from self._pause(self._hop_s(queue.mapping_id, queue.mapping, visit), visit, name)
        self._enqueue(queue, Message(visit))

    def _enqueue(self, queue: Queue, message: Message) -> None:
        """Make a message visible."""
        message.visible_s = self.clock.now
        queue.waiting.append(message)
        if queue.mapping.maximum_batching_window_s:
            self._start(self._window(queue))
        self._form(queue)

    def _window(self, queue: Queue) -> Story:
        """See when the window of a message is over whether a batch can form."""
        yield self.clock.at(self.clock.now + queue.mapping.maximum_batching_window_s, Rank.TIMER)
        self._form(queue)

    def _form(self, queue: Queue) -> None:
        """Start the batches that can start."""
        while size := queue.next_size(self.clock.now):
            if queue.running >= queue.most:
                self._ramp_up(queue)
                return
            if queue.in_flight + size > MOST_IN_FLIGHT:
                return
            self._start(self._batch(queue, queue.receive(size)))

    def _ramp_up(self, queue: Queue) -> None:
        """See to it that one more batch may run soon, unless that is under way or not allowed."""
        if queue.is_ramping and not queue.has_timer and queue.most < queue.last:
            queue.has_timer = True
            self._start(self._ramp(queue))

    def _ramp(self, queue: Queue) -> Story:
        """Let one more batch run after a while."""
        yield self.clock.at(self.clock.now + queue.step_s, Rank.TIMER)
        queue.has_timer = False
        queue.one_more()
        self._form(queue)

    # --- batches ---

    def _batch(self, queue: Queue, batch: list[Message]) -> Story:
        """Run the function with a batch, if it has an environment for it before the messages are visible again."""
        hidden_until_s = self.clock.now + queue.visibility_s
        yield self.clock.at(self.clock.now, Rank.HANDED)
        taken = yield from self._environment_for(queue, batch, hidden_until_s)
        failed = batch
        if isinstance(taken, Environment):
            name, start_s = queue.mapping.target, self.clock.now
            run = self._start(self._run(name, batch, taken, queue.mapping))
            self._start(self._watch(queue, batch, hidden_until_s, run))
            answer, failed = yield run
            self.pools[name].give_back(taken, start_s, self.clock.now, answer.status, batch[0].visit)
        queue.running -= 1
        queue.in_flight -= len(batch)
        for message in batch:
            after = "error" if isinstance(taken, Environment) else taken.status
            self._end_message(queue, message, message in failed, hidden_until_s, after)
        queue.calm_down()
        self._form(queue)

    def _environment_for(self, queue: Queue, batch: list[Message], hidden_until_s: float) -> Story:
        """Return the environment that takes a batch; a refused one is tried again while its messages are hidden."""
        pool, first = self.pools[queue.mapping.target], batch[0].visit
        tried, wait_s = first, BACKOFF_FIRST_S
        while True:
            taken: Answer | Environment = pool.take(self.clock.now, first, tried=tried)
            if isinstance(taken, Environment) or self.clock.now + wait_s >= hidden_until_s:
                return taken
            tried = tried.again()
            yield self.clock.at(self.clock.now + wait_s, Rank.TIMER, tried, self.order[queue.mapping.source])
            wait_s = min(2 * wait_s, BACKOFF_MOST_S)

    def _end_message(self, queue: Queue, message: Message, has_failed: bool, hidden_until_s: float, after: str) -> None:
        """Delete a message that is done; another comes back, if it has not done so already."""
        if not has_failed:
            self._close(message.visit, "completed")
        elif message.is_copied:
            self._close(message.visit, None)
        else:
            queue.counts["returned"] += 1
            self._start(self._back(queue, message, max(hidden_until_s, self.clock.now), after))

    def _back(self, queue: Queue, message: Message, at_s: float, after: str) -> Story:
        """Let a message become visible again."""
        yield self.clock.at(at_s, Rank.TIMER, message.visit, self.order[queue.mapping.source])
        self._seen_again(queue, message, after)

    def _watch(self, queue: Queue, batch: list[Message], hidden_until_s: float, run: simpy.Process) -> Story:
        """Let the messages of a batch that still runs become visible again: copies, branches of their own."""
        yield self.clock.at(hidden_until_s, Rank.TIMER, batch[0].visit, self.order[queue.mapping.source])
        if run.triggered:
            return
        for message in batch:
            message.is_copied = True
            queue.counts["returned"] += 1
            self._open(message.visit)
            self._seen_again(queue, Message(message.visit, message.receives), "error")

    def _stop_message(self, name: str, visit: Visit) -> None:
        """End a message that goes in a circle."""
        for key, link in self._out(name):
            if isinstance(link, Redrive):
                if self.queues[link.target].mapping is not None:
                    self._hand_over(key, visit)
                self._close(visit, "dead-lettered")
                return
        self._close(visit, "dropped")

    def _seen_again(self, queue: Queue, message: Message, after: str) -> None:
        """Make a message visible again, or move it to the dead-letter queue if it was received too often."""
        for key, link in self._out(queue.mapping.source):
            if isinstance(link, Redrive) and message.receives >= link.max_receive_count:
                self._redrive(queue, key, link, message)
                return
        message.visit = message.visit.again(after=after)
        self._enqueue(queue, message)

    def _redrive(self, queue: Queue, key: str, link: Any, message: Message) -> None:
        """Move a message to the dead-letter queue, where it is a new one if something polls there."""
        queue.counts["dead_letters"] += 1
        if self.queues[link.target].mapping is not None:
            self._hand_over(key, message.visit)
        self._close(message.visit, "dead-lettered")
