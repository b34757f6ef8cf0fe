"""Half of the slow twin's stories: events, queues, topics and state machines. The other half is simpy_twin.py."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import simpy

from chainkit.records import Buffer, Flow, Pool, Step
from chainkit.simulation.draws import again, descend
from chainkit.wiring import Delivery, Destination, Redrive, Task
from tests.simulation.twin_parts import ITEM, OK, Answer, Message, Queue, Rank, Story, attributes, matches, passes_all

EVENT_WAITS_S = (60.0, 120.0)
BACKOFF_MOST_S = 300.0


def _all_steps(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield steps and those of their branches."""
    for step in steps:
        yield step
        for branch in step.branches:
            yield from _all_steps(branch)


class Messages:
    """What the world does with what nobody waits for, and with state machines; the rest is `simpy_twin.World`'s."""

    # --- asynchronous events ---

    def _event(self, name: str, q: int, s: int, sent_s: float) -> Story:
        """Run a function with an event until it succeeds or its retries or its time are used up."""
        pool: Any = self.does[name]
        if pool.limit == 0:
            self._close(q, "dropped")
            return
        errors = throttles = 0
        while True:
            answer = yield from self._invocation(name, q, s)
            if answer.is_ok:
                break
            if answer.status == "throttled":
                wait_s, throttles = min(2.0**throttles, BACKOFF_MOST_S), throttles + 1
            else:
                wait_s, errors = EVENT_WAITS_S[errors] if errors < pool.event_retries else math.inf, errors + 1
            if self.clock.now + wait_s > sent_s + pool.event_age_s:
                break
            s = again(s)
            yield self.clock.at(self.clock.now + wait_s, Rank.TIMER, q, s, self.order[name])
        sent = self._destinations(name, "OnSuccess" if answer.is_ok else "OnFailure", q, s)
        lost = "dead-lettered" if sent else "expired" if answer.status == "throttled" else "dropped"
        self._close(q, "completed" if answer.is_ok else lost)

    def _destinations(self, name: str, condition: str, q: int, s: int) -> int:
        """Send a record to each destination; return how many."""
        keys = [k for k, link in self._out(name) if isinstance(link, Destination) and link.condition == condition]
        for key in keys:
            self._hand_over(key, q, s)
        return len(keys)

    # --- queues ---

    def _message(self, name: str, q: int, s: int) -> Story:
        """Bring a message to its queue's poller."""
        queue = self.queues[name]
        if queue.mapping is None:
            self._close(q, "completed")
            return
        yield from self._pause(queue.buffer.delay_s, q, s, name)
        s = descend(s, self.places[queue.mapping_id])
        yield from self._pause(self._hop_s(queue.mapping_id, queue.mapping, q, s), q, s, name)
        self._enqueue(queue, Message(q, s))

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
        while queue.is_ready(self.clock.now):
            if queue.running >= queue.most:
                self._ramp_up(queue)
                return
            queue.running += 1
            self._start(self._batch(queue, queue.receive()))

    def _ramp_up(self, queue: Queue) -> None:
        """See to it that one more batch may run soon, unless that is under way or not allowed."""
        if queue.is_ramping and not queue.has_timer and queue.most < queue.LAST:
            queue.has_timer = True
            self._start(self._ramp(queue))

    def _ramp(self, queue: Queue) -> Story:
        """Let one more batch run after a while."""
        yield self.clock.at(self.clock.now + queue.STEP_S, Rank.TIMER)
        queue.has_timer = False
        queue.one_more()
        self._form(queue)

    def _batch(self, queue: Queue, batch: list[Message]) -> Story:
        """Run the function with a batch, if it has an environment for it."""
        start_s, name = self.clock.now, queue.mapping.target
        yield self.clock.at(start_s, Rank.HANDED)
        how = self.pools[name].take(start_s)
        if how is None:
            failed = batch
        else:
            answer, failed = yield from self._run(name, batch, how == "cold", queue.mapping)
            self.pools[name].give_back(start_s, self.clock.now, answer.status)
        queue.running -= 1
        self._end_batch(queue, batch, failed, start_s)
        self._form(queue)

    def _end_batch(self, queue: Queue, batch: list[Message], failed: list[Message], start_s: float) -> None:
        """Delete the messages that are done; the others come back."""
        for message in batch:
            if message in failed:
                queue.counts["returned"] += 1
                self._start(self._back(queue, message, start_s))
            else:
                self._close(message.request, "completed")
        queue.calm_down()

    def _back(self, queue: Queue, message: Message, start_s: float) -> Story:
        """Let a message become visible again, or move it to the dead-letter queue."""
        at_s = max(start_s + queue.buffer.visibility_timeout_s, self.clock.now)
        yield self.clock.at(at_s, Rank.TIMER, message.request, message.salt, self.order[queue.mapping.source])
        redrives = [(key, link) for key, link in self._out(queue.mapping.source) if isinstance(link, Redrive)]
        for key, link in redrives:
            if message.receives >= link.max_receive_count:
                queue.counts["dead_letters"] += 1
                if self.queues[link.target].mapping is not None:
                    self._hand_over(key, message.request, message.salt)
                self._close(message.request, "dead-lettered")
                return
        message.salt = again(message.salt)
        self._enqueue(queue, message)

    # --- topics and buses ---

    def _fan_out(self, name: str, q: int, s: int) -> None:
        """Deliver a message along every link whose filter lets it pass."""
        self.requests[q].over_s = self.clock.now
        carried = attributes(self.dice, self.load.attributes, q)
        for key, link in self._out(name):
            if isinstance(link, Delivery) and self._passes(key, link, carried, q, s):
                self._hand_over(key, q, s)

    def _passes(self, key: str, link: Any, carried: Mapping[str, Any], q: int, s: int) -> bool:
        """Tell whether a message passes a link's filter."""
        policy = link.filter_policy or {}
        if policy and set(policy) <= set(carried):
            return passes_all(policy, carried)
        return link.match_fraction is None or self.dice.hits(f"{key}.chance", link.match_fraction, q, s)

    # --- state machines ---

    def _execution(self, name: str, q: int, s: int) -> Story:
        """Run a state machine to its end."""
        machine, began_s = self.machines[name], self.clock.now
        machine.counts["executions"] += 1
        yield from self._overhead(name, "start", machine.flow.start, machine.flow.start_hop, q, s)
        answer = yield from self._states(name, machine.flow.steps, q, s)
        if machine.flow.answers:
            machine.counts["express_100ms"] += math.ceil((self.clock.now - began_s) * 10 - 1e-6)
        return answer._replace(ran_nothing=False)

    def _end_execution(self, name: str, q: int, answer: Answer) -> None:
        """End the branch of an execution that nobody waits for: a failure is heard of only where a catcher sends it."""
        steps = [*_all_steps(self.machines[name].flow.steps)]
        caught = {catcher.goto for step in steps for catcher in step.catchers}
        sends = [
            link.target
            for _, link in self._out(name)
            if isinstance(link, Task) and link.state in caught and isinstance(self.does[link.target], Buffer)
        ]
        is_kept = any(self.queues[target].mapping is None for target in sends)
        lost = "dead-lettered" if is_kept else "dropped"
        self._close(q, "completed" if answer.is_ok else lost)

    def _states(self, name: str, steps: Sequence[Step], q: int, s: int) -> Story:
        """Go from state to state; return how it ended."""
        index = {step.name: i for i, step in enumerate(steps)}
        i = 0
        while True:
            self.machines[name].counts["transitions"] += 1
            answer, goto = yield from self._state(name, steps[i], q, s)
            if goto is None:
                return answer
            if index[goto] <= i:
                s = descend(s, ITEM)
            i = index[goto]

    def _state(self, name: str, step: Step, q: int, s: int) -> Story:
        """Run one state; return how it ended and which comes next, None at an end."""
        match step.kind:
            case "task" | "parallel":
                return (yield from self._with_retries(name, step, q, s))
            case "choice":
                i = self.dice.way(f"{name}.{step.name}.choice", [share for _, share in step.ways], q, s)
                return OK, step.ways[-1 if i is None else i][0]
            case "wait":
                yield self.clock.at(self.clock.now + step.wait_s, Rank.TIMER, q, s, self.order[name])
            case "fail":
                return Answer("error", step.error), None
        return OK, step.goto

    def _with_retries(self, name: str, step: Step, q: int, s: int) -> Story:
        """Run a state that can fail, as its Retry and Catch say."""
        used = [0] * len(step.retriers)
        run = self._task if step.kind == "task" else self._parallel
        while True:
            answer = yield from run(name, step, q, s)
            if answer.is_ok:
                return OK, step.goto
            k = next((k for k, retrier in enumerate(step.retriers) if matches(retrier.errors, answer)), None)
            if k is None or used[k] >= step.retriers[k].max_attempts:
                return answer, next((c.goto for c in step.catchers if matches(c.errors, answer)), None)
            wait_s = self._backoff_s(f"{name}.{step.name}.jitter", step.retriers[k], used[k], q, s)
            used[k] += 1
            s = again(s)
            yield self.clock.at(self.clock.now + wait_s, Rank.TIMER, q, s, self.order[name])
            self.machines[name].counts["transitions"] += 1

    def _backoff_s(self, site: str, retrier: Any, used: int, q: int, s: int) -> float:
        """Return how long to wait before the next retry."""
        wait_s = retrier.interval_s
        for _ in range(used):
            wait_s *= retrier.backoff_rate
        wait_s = min(wait_s, retrier.max_delay_s)
        return wait_s * self.dice.uniform(site, q, s) if retrier.has_full_jitter else wait_s

    def _task(self, name: str, step: Step, q: int, s: int) -> Story:
        """Call what a task names, and wait for it if it answers."""
        flow = self.machines[name].flow
        yield from self._overhead(name, f"{step.name}.overhead", flow.task_overhead, flow.task_hop, q, s)
        links = [(k, link) for k, link in self._out(name) if isinstance(link, Task) and link.state == step.link]
        for key, link in links:
            target = self.does[link.target]
            answers = isinstance(target, Pool) or (isinstance(target, Flow) and target.answers)
            if answers and link.invocation_type == "RequestResponse":
                return (yield from self._waited_for(link.target, q, descend(s, self.places[key])))
            self._hand_over(key, q, s)
        return OK

    def _waited_for(self, target: str, q: int, s: int) -> Story:
        """Wait for what a task calls; it runs on if the task is stopped."""
        call = self._start(self._serve(target, q, s))
        try:
            return (yield call)
        except simpy.Interrupt:
            self._left_behind(q, call)
            raise

    def _parallel(self, name: str, step: Step, q: int, s: int) -> Story:
        """Run branches at once; the first failure is the state's, and stops the others."""
        branches = {self._start(self._branch(name, branch, q, s)): True for branch in step.branches}
        never = self.clock.event()
        try:
            return (yield from self._wait_for(branches, never))
        except simpy.Interrupt:
            for branch in branches:
                if branch.is_alive:
                    branch.interrupt()
            raise

    def _branch(self, name: str, steps: Sequence[Step], q: int, s: int) -> Story:
        """Run one branch of a parallel state until its end, or until another one has failed."""
        try:
            yield self.clock.at(self.clock.now, Rank.HANDED)
            return (yield from self._states(name, steps, q, s))
        except simpy.Interrupt:
            return OK
