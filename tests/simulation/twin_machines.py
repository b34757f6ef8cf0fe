"""State machines in the slow twin: executions, states with retries, branches, maps, callbacks, limits."""

import math
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import simpy

import chainkit as ck
from chainkit.records import Buffer, Flow, Pool, Step
from chainkit.wiring import Task
from tests.simulation.twin_parts import (
    EXECUTION_LIMIT,
    IMPATIENT,
    ITEM,
    OK,
    STATE_LIMIT,
    THROTTLED,
    Answer,
    Rank,
    Story,
    Visit,
    matches,
)

LONG_HISTORY = Answer("error", "States.Runtime", is_fatal=True)
TOO_LARGE = Answer("error", "States.DataLimitExceeded", is_fatal=True)
TASK_FAILED = Answer("error", "States.TaskFailed")


class Machine:
    """A state machine's counters."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.counts = Counter[str]()


@dataclass
class History:
    """The events that an execution has had; Standard workflows keep 25,000 at most (limits-overview, 2022)."""

    is_limited: bool
    events: int = 1
    """The start is one."""

    @property
    def is_full(self) -> bool:
        """Whether there are too many."""
        return self.is_limited and self.events > 25_000


@dataclass(eq=False)
class Items:
    """The items of a map that runs."""

    step: Step
    waiting: deque[Visit]
    over: simpy.Event
    history: History
    running: list["Item"] = field(default_factory=list)
    failures: int = 0


@dataclass(eq=False)
class Item:
    """One item of a map, or one child execution."""

    visit: Visit
    story: simpy.Process | None = None
    has_begun: bool = False
    is_stopped: bool = False


def all_steps(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield steps and those of their branches."""
    for step in steps:
        yield step
        for branch in step.branches:
            yield from all_steps(branch)


class Machines:
    """What the world does with executions of state machines."""

    def _execution(self, name: str, visit: Visit) -> Story:
        """Run a state machine to its end, or until its time is over."""
        machine, began_s = self.machines[name], self.clock.now
        if not self.account.starts[machine.flow.quota].take(began_s):
            return THROTTLED
        machine.counts["executions"] += 1
        body = self._start(self._body(name, visit))
        late = self.clock.at(began_s + machine.flow.timeout_s, Rank.TIMER, visit, EXECUTION_LIMIT)
        happened = yield simpy.AnyOf(self.clock, [body, late])
        if body not in happened:
            body.interrupt()
        answer: Answer = body.value if body in happened else IMPATIENT
        if machine.flow.answers:
            machine.counts["express_100ms"] += math.ceil((self.clock.now - began_s) * 10 - 1e-6)
        return answer._replace(ran_nothing=False)

    def _body(self, name: str, visit: Visit) -> Story:
        """Go through the states from the first one; stopped from outside it just ends."""
        flow = self.machines[name].flow
        try:
            yield self.clock.at(self.clock.now, Rank.HANDED)
            yield from self._overhead(name, "start", flow.start, flow.start_hop, visit)
            return (yield from self._states(name, flow.steps, visit, History(flow.largest_history is not None)))
        except simpy.Interrupt:
            return OK

    def _end_execution(self, name: str, visit: Visit, answer: Answer) -> None:
        """End the branch of an execution that nobody waits for: a failure is heard of only where a catcher sends it."""
        if answer.ran_nothing:
            self._close(visit, "throttled")
            return
        steps = [*all_steps(self.machines[name].flow.steps)]
        caught = {catcher.goto for step in steps for catcher in step.catchers}
        sends = [
            link.target
            for _, link in self._out(name)
            if isinstance(link, Task) and link.state in caught and isinstance(self.does[link.target], Buffer)
        ]
        is_kept = any(self.queues[target].mapping is None for target in sends)
        lost = "dead-lettered" if is_kept else "dropped"
        self._close(visit, "completed" if answer.is_ok else lost)

    # --- states ---

    def _states(self, name: str, steps: Sequence[Step], visit: Visit, history: History) -> Story:
        """Go from state to state; return how it ended."""
        index = {step.name: i for i, step in enumerate(steps)}
        i = 0
        while True:
            yield from self._transition(name, visit)
            history.events += 1
            if history.is_full:
                return LONG_HISTORY
            answer, goto = yield from self._state(name, steps[i], visit, history)
            history.events += 1
            if goto is None:
                return answer
            if index[goto] <= i:
                visit = visit.by(ITEM)
            i = index[goto]

    def _transition(self, name: str, visit: Visit) -> Story:
        """Count a transition; Standard workflows wait for the account's bucket first."""
        machine, now_s = self.machines[name], self.clock.now
        if machine.flow.quota == "standard":
            passes_s = self.account.transitions.pace(now_s)
            if passes_s > now_s:
                yield self.clock.at(passes_s, Rank.TIMER, visit, self.order[name])
        machine.counts["transitions"] += 1

    def _state(self, name: str, step: Step, visit: Visit, history: History) -> Story:
        """Run one state; return how it ended and which comes next, None at an end."""
        match step.kind:
            case "task" | "parallel" | "map":
                return (yield from self._with_retries(name, step, visit, history))
            case "choice":
                i = self.dice.way(f"{name}.{step.name}.choice", [share for _, share in step.ways], visit)
                return OK, step.ways[-1 if i is None else i][0]
            case "wait":
                yield self.clock.at(self.clock.now + step.wait_s, Rank.TIMER, visit, self.order[name])
            case "fail":
                return Answer("error", step.error), None
        return OK, step.goto

    def _with_retries(self, name: str, step: Step, visit: Visit, history: History) -> Story:
        """Run a state that can fail, as its Retry and Catch say."""
        used = [0] * len(step.retriers)
        run = {"task": self._task, "parallel": self._parallel, "map": self._map}[step.kind]
        while True:
            answer = yield from run(name, step, visit, history)
            if answer.is_ok and step.is_too_large:
                answer = TOO_LARGE
            if answer.is_ok:
                return OK, step.goto
            k = next((k for k, retrier in enumerate(step.retriers) if matches(retrier.errors, answer)), None)
            if k is None or used[k] >= step.retriers[k].max_attempts:
                return answer, next((c.goto for c in step.catchers if matches(c.errors, answer)), None)
            wait_s = self._backoff_s(f"{name}.{step.name}.jitter", step.retriers[k], used[k], visit)
            used[k] += 1
            visit = visit.again(after=answer.status)
            yield self.clock.at(self.clock.now + wait_s, Rank.TIMER, visit, self.order[name])
            yield from self._transition(name, visit)

    def _backoff_s(self, site: str, retrier: Any, used: int, visit: Visit) -> float:
        """Return how long to wait before the next retry."""
        wait_s = retrier.interval_s
        for _ in range(used):
            wait_s *= retrier.backoff_rate
        wait_s = min(wait_s, retrier.max_delay_s)
        return wait_s * self.dice.uniform(site, visit) if retrier.has_full_jitter else wait_s

    # --- tasks ---

    def _task(self, name: str, step: Step, visit: Visit, history: History) -> Story:
        """Call what a task names, and wait for what it waits for."""
        flow = self.machines[name].flow
        history.events += 3
        yield from self._overhead(name, f"{step.name}.overhead", flow.task_overhead, flow.task_hop, visit)
        links = [(k, link) for k, link in self._out(name) if isinstance(link, Task) and link.state == step.link]
        for key, link in links:
            if step.wait_for == "token":
                return (yield from self._callback(key, step, visit))
            target = self.does[link.target]
            answers = isinstance(target, Pool) or (isinstance(target, Flow) and target.answers)
            if step.wait_for == "end" or (answers and link.invocation_type == "RequestResponse"):
                return (yield from self._waited_for(key, step, visit))
            if not self._is_put(link):
                return THROTTLED
            self._hand_over(key, visit)
        return OK

    def _is_put(self, link: Task) -> bool:
        """Tell whether the account's quota lets a task's event pass."""
        is_bus = isinstance(self.chain.services[link.target], ck.EventBus)
        return not is_bus or self.account.put_events.take(self.clock.now)

    def _late(self, step: Step, visit: Visit) -> simpy.Event:
        """Return when a task's time is over; never if it has no limit."""
        if step.timeout_s is None:
            return self.clock.event()
        return self.clock.at(self.clock.now + step.timeout_s, Rank.TIMER, visit, STATE_LIMIT)

    def _waited_for(self, key: str, step: Step, visit: Visit) -> Story:
        """Wait for what a task calls; it runs on if the task is stopped or its time is over."""
        target, sent = self.links[key].target, visit.by(self.places[key])
        call = self._start(self._serve(target, sent))
        try:
            happened = yield simpy.AnyOf(self.clock, [call, self._late(step, visit)])
        except simpy.Interrupt:
            self._left_behind(visit, call)
            raise
        if call not in happened:
            self._left_behind(visit, call)
            return IMPATIENT
        answer: Answer = call.value
        is_failure = step.wait_for == "end" and not answer.is_ok and not answer.ran_nothing
        return TASK_FAILED if is_failure else answer

    def _callback(self, key: str, step: Step, visit: Visit) -> Story:
        """Hand a token over and wait until it comes back: when the branch that took it has completed."""
        link: Any = self.links[key]
        if not self._is_put(link):
            return THROTTLED
        token = self.clock.event()
        self._hand_over(key, visit, token=token)
        happened = yield simpy.AnyOf(self.clock, [token, self._late(step, visit)])
        return OK if token in happened else IMPATIENT

    # --- several at once ---

    def _parallel(self, name: str, step: Step, visit: Visit, history: History) -> Story:
        """Run branches at once; the first failure is the state's, and stops the others."""
        history.events += 2
        branches = {self._start(self._branch(name, branch, visit, history)): True for branch in step.branches}
        never = self.clock.event()
        try:
            return (yield from self._wait_for(branches, never))
        except simpy.Interrupt:
            for branch in branches:
                if branch.is_alive:
                    branch.interrupt()
            raise

    def _branch(self, name: str, steps: Sequence[Step], visit: Visit, history: History) -> Story:
        """Run one branch of a parallel state until its end, or until another one has failed."""
        try:
            yield self.clock.at(self.clock.now, Rank.HANDED)
            return (yield from self._states(name, steps, visit, history))
        except simpy.Interrupt:
            return OK

    def _map(self, name: str, step: Step, visit: Visit, history: History) -> Story:
        """Run a map's items, so many at once; one failure too many is the state's, and stops the others."""
        history.events += 2
        visits = deque(visit.by(ITEM * (i + 1)) for i in range(step.items))
        items = Items(step, visits, self.clock.event(), history)
        if not visits:
            return OK
        for _ in range(min(step.concurrency, step.items)):
            self._start_item(name, items)
        try:
            return (yield items.over)
        except simpy.Interrupt:
            self._stop_items(items)
            raise

    def _start_item(self, name: str, items: Items) -> None:
        """Start the next item."""
        item = Item(items.waiting.popleft())
        items.running.append(item)
        item.story = self._start(self._item(name, items, item))

    def _item(self, name: str, items: Items, item: Item) -> Story:
        """Run one item, in its turn; a child of a distributed map starts as an execution does."""
        flow, step, history = self.machines[name].flow, items.step, items.history
        item.has_begun = True
        if item.is_stopped:
            return
        try:
            yield self.clock.at(self.clock.now, Rank.HANDED)
            if step.has_children:
                history = History(is_limited=True)
                yield from self._overhead(name, f"{step.name}.start", flow.start, flow.start_hop, item.visit)
            else:
                history.events += 2
            answer = yield from self._states(name, step.branches[0], item.visit, history)
        except simpy.Interrupt:
            return
        items.running.remove(item)
        self._end_item(name, items, answer)

    def _end_item(self, name: str, items: Items, answer: Answer) -> None:
        """Take the end of an item: the next one starts, or the map is over."""
        items.failures += not answer.is_ok
        if items.failures > items.step.tolerated:
            self._stop_items(items)
            items.over.succeed(answer)
        elif items.waiting:
            self._start_item(name, items)
        elif not items.running:
            items.over.succeed(OK)

    def _stop_items(self, items: Items) -> None:
        """Stop the items that run."""
        for item in items.running:
            item.is_stopped = True
            if item.has_begun and item.story is not None and item.story.is_alive:
                item.story.interrupt()
        items.running.clear()
