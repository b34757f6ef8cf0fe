"""Lowering, third part: the states of a state machine."""

import math
from collections.abc import Mapping, Sequence

from chainkit.distributions import Constant
from chainkit.errors import SimulationError
from chainkit.law import Law
from chainkit.records import Buffer, Flow, Pool, Retrier, Step
from chainkit.simulation import kernel as k
from chainkit.simulation import primitives as m
from chainkit.simulation.lower_links import ALWAYS, CAUGHT, ITEM, NOT_OK, TOKEN, all_steps, waits
from chainkit.simulation.lower_pieces import Pieces
from chainkit.wiring import Task

EVENTS = {"parallel": 4, "map": 4}
"""Events that a state adds to a history: 2, and 2 more where it starts others."""
EVENTS_OF_A_TRY = 3
"""Scheduled, started, ended."""


def _are_entered_once(steps: Sequence[Step]) -> bool:
    """Tell whether no state of one list can be entered twice: there is no retry, and no way leads back."""
    order = {step.name: i for i, step in enumerate(steps)}
    for step in steps:
        ahead = [step.goto, *(way for way, _ in step.ways), *(catcher.goto for catcher in step.catchers)]
        if step.retriers or any(order.get(way or "", len(steps)) <= order[step.name] for way in ahead):
            return False
    return True


def _most_events(steps: Sequence[Step]) -> float:
    """Return the most events that some states can add to one history; a way back, or a retry, has no bound here."""
    if not _are_entered_once(steps):
        return math.inf
    total = 0.0
    for step in steps:
        total += EVENTS.get(step.kind, 2) + (EVENTS_OF_A_TRY if step.kind == "task" else 0)
        inside = sum(2 + _most_events(branch) for branch in step.branches)
        total = max(total, inside) if step.has_children else total + max(step.items, 1) * inside
    return total


class States(Pieces):
    """Writes flows."""

    def _flow(self, name: str, flow: Flow) -> None:
        """Write a state machine: its run, and the flow that an asynchronous start makes."""
        a = self.a
        a.label(f"{name}.event")
        self._start_quota(name, flow, f"{name}.refused")
        a.emit(k.CALL, f"{name}.begin", -1, -1, -1)
        a.emit(k.JUMP, NOT_OK, 0, f"{name}.lost")
        a.emit(k.END_FLOW, k.COMPLETED)
        a.label(f"{name}.refused")
        a.emit(k.END_FLOW, k.THROTTLED_)
        a.label(f"{name}.lost")
        a.emit(k.END_FLOW, k.DEAD_LETTERED if self._buries(name, flow) else k.DROPPED)
        a.label(f"{name}.run")
        self._start_quota(name, flow, f"{name}.return")
        a.label(f"{name}.begin")
        a.emit(k.STAMP)
        a.emit(k.METER, a.counter("executions"), 1)
        is_cut = flow.timeout_s is not None and self._flow_s(name, flow) > flow.timeout_s
        if is_cut:  # a strand of its own, so that the execution can end without it
            a.emit(k.PATIENCE, g=float(flow.timeout_s or 0.0))
            a.emit(k.SPAWN, f"{name}.body", -1, -1, 2, -1)
            a.emit(k.WAIT, f"{name}.expired")
            a.emit(k.JOIN, 0, 0, f"{name}.end")
        else:
            a.emit(k.TURN)
            self._body(name, flow, f"{name}.end", is_branch=False)
        a.label(f"{name}.end")
        a.emit(k.ELAPSED, a.counter("express_100ms"), g=10.0)
        a.label(f"{name}.return")
        a.emit(k.RET)
        if is_cut:
            a.label(f"{name}.body")
            self._body(name, flow, f"{name}.return", is_branch=True)
            a.label(f"{name}.expired")
            a.emit(k.STATUS_, m.IMPATIENT, 0, f"{name}.end")
        while self.after_states:
            self.after_states.pop()()

    def _start_quota(self, name: str, flow: Flow, refused: str) -> None:
        """Write that a start counts against the account's quota."""
        if flow.quota:
            self.a.emit(k.TAKE, self._limiter(f"{flow.quota}.start"), 0, refused)

    def _body(self, name: str, flow: Flow, end: str, *, is_branch: bool) -> None:
        """Write an execution from its start to its end."""
        self._delay(f"{name}.start", self._law(flow.start, flow.start_hop))
        self._history(name, 1, -1)
        overhead = self._law(flow.task_overhead, flow.task_hop)
        self._states(name, flow.steps, end, overhead, is_branch=is_branch)

    def _flow_s(self, name: str, flow: Flow) -> float:
        """Return the longest that an execution can take, were there no timeout."""
        start = self.a.greatest_s(self._law(flow.start, flow.start_hop))
        overhead = self.a.greatest_s(self._law(flow.task_overhead, flow.task_hop))
        return start + self._steps_s(name, flow.steps, overhead)

    def _steps_s(self, name: str, steps: Sequence[Step], overhead_s: float) -> float:
        """Return the longest that some states can take together; a way back, or a retry, has no bound here."""
        if not _are_entered_once(steps):
            return math.inf
        total = 0.0
        for step in steps:
            if step.kind == "task":
                total += overhead_s + self._task_s(name, step)
            elif step.kind in ("parallel", "map"):
                rounds = 1 if step.kind == "parallel" else -(-step.items // max(1, step.concurrency))
                total += rounds * max((self._steps_s(name, b, overhead_s) for b in step.branches), default=0.0)
                total += math.inf if step.has_children else 0.0
            else:
                total += step.wait_s
        return total

    def _task_s(self, name: str, step: Step) -> float:
        """Return the longest that a task's call can take."""
        link = next(v for _, v in self._out(name, Task) if v.state == step.name)
        target = self.behaviours[link.target]
        if step.timeout_s is not None:
            return step.timeout_s
        if step.wait_for == "token" or isinstance(target, Flow):
            return math.inf
        if not isinstance(target, Pool) or not waits(link):
            return 0.0
        longest_s = min(self._tight_s(link.target, target, 1, ()), target.timeout_s)
        return 2 * self.a.greatest_s(target.init) + longest_s

    def _buries(self, name: str, flow: Flow) -> bool:
        """Tell whether a flow's failures are kept: a catcher leads to a task that sends to a queue nobody polls."""
        kept = {
            link.state
            for _, link in self._out(name, Task)
            if isinstance(self.behaviours[link.target], Buffer) and self._mapping(link.target) is None
        }
        return any(catcher.goto in kept for step in all_steps(flow.steps) for catcher in step.catchers)

    def _states(self, name: str, steps: Sequence[Step], end: str, overhead: Law | None, *, is_branch: bool) -> None:
        """Write the states of a machine, or of one branch."""
        a, flow = self.a, self.behaviours[name]
        assert isinstance(flow, Flow)
        limiter = self._limiter("transition") if flow.quota == "standard" else -1
        order = {step.name: i for i, step in enumerate(steps)}
        for step in steps:
            at = f"{name}:{step.name}"
            a.label(at)
            if self._is_long(name, flow):  # entering counts in the history, a retry does not
                self._transition(name, limiter, is_branch=is_branch)
                self._history(name, 1, end)
                a.emit(k.JUMP, ALWAYS, 0, f"{at}.begin")
            a.label(f"{at}.try")
            self._transition(name, limiter, is_branch=is_branch)
            a.label(f"{at}.begin")
            self._history(name, {"task": EVENTS_OF_A_TRY, "parallel": 2, "map": 2}.get(step.kind, 0), -1)
            self._state(name, step, order, end, overhead, is_branch=is_branch)

    def _transition(self, name: str, limiter: int, *, is_branch: bool) -> None:
        """Write one transition: where the account's quota delays it, and its count."""
        self._stop(name, is_branch=is_branch)
        if limiter >= 0:
            self.a.emit(k.PACE, limiter)
            self._stop(name, is_branch=is_branch)
        self.a.emit(k.METER, self.a.counter("transitions", name), 1)

    def _history(self, name: str, events: int, end: str | int, *, begins: bool = False) -> None:
        """Write that an execution's history grows, where it could grow too long; `end` of -1 does not ask."""
        flow = self.behaviours[name]
        assert isinstance(flow, Flow)
        if events and self._is_long(name, flow):
            self.a.emit(k.HISTORY, events, flow.largest_history, end, int(begins))

    def _is_long(self, name: str, flow: Flow) -> bool:
        """Tell whether an execution's history could go over its limit."""
        if name not in self.long_histories:
            most = flow.largest_history
            self.long_histories[name] = most is not None and 1 + _most_events(flow.steps) > most
        return self.long_histories[name]

    def _stop(self, name: str, *, is_branch: bool, counts: bool = False) -> None:
        """Write that a branch whose parallel state has failed ends here; `counts`: as what its task just did."""
        if is_branch:
            self.a.emit(k.ALIVE, f"{name}.return", int(counts))

    def _state(
        self, name: str, step: Step, order: Mapping[str, int], end: str, overhead: Law | None, *, is_branch: bool
    ) -> None:
        """Write one state after its transition is counted."""
        a, at = self.a, f"{name}:{step.name}"
        match step.kind:
            case "task":
                self._delay(f"{name}.{step.name}.overhead", overhead)
                self._stop(name, is_branch=is_branch)
                self._task(name, step)
                if step.timeout_s is not None or step.wait_for == "token":
                    a.emit(k.JUMP, 1 << m.IMPATIENT, 0, f"{at}.late")
                self._stop(name, is_branch=is_branch, counts=step.wait_for != "token")
                if step.timeout_s is not None or step.wait_for == "token":
                    a.emit(k.JUMP, ALWAYS, 0, f"{at}.told")
                    a.label(f"{at}.late")  # what it called runs on as a branch of its own
                    self._stop(name, is_branch=is_branch)
                    a.label(f"{at}.told")
                self._size(step, at)
            case "parallel":
                self._parallel(name, step, overhead)
                self._stop(name, is_branch=is_branch)
            case "map":
                self._map(name, step, overhead)
                self._stop(name, is_branch=is_branch)
                self._size(step, at)
            case "choice":
                total = 0.0
                for target, p in step.ways:
                    total += p
                    a.emit(k.CHANCE, 0, a.chance(f"{name}.{step.name}.choice", min(1.0, total)), f"{at}>{target}")
                a.emit(k.JUMP, ALWAYS, 0, f"{at}>{step.ways[-1][0]}")
                for target in dict.fromkeys(target for target, _ in step.ways):
                    a.label(f"{at}>{target}")
                    self._goto(name, step, target, order, end)
                return
            case "wait":
                a.emit(k.DELAY, 0, a.law(f"{name}.{step.name}.wait", Constant(step.wait_s)))
                self._stop(name, is_branch=is_branch)
            case "fail":
                a.emit(k.STATUS_, self.codes.get(step.error, m.ERROR), 0, end)
                return
        if step.kind in ("task", "parallel", "map"):
            self._handlers(name, step, order, end)
        self._goto(name, step, step.goto, order, end)

    def _goto(self, name: str, step: Step, target: str | None, order: Mapping[str, int], end: str) -> None:
        """Write the way to the next state; a way back is a new turn."""
        self._history(name, 1, -1)  # this one is left
        if target is None:
            self.a.emit(k.JUMP, ALWAYS, 0, end)
            return
        if order[target] <= order[step.name]:
            self.a.emit(k.DESCEND, ITEM)
        self.a.emit(k.JUMP, ALWAYS, 0, f"{name}:{target}")

    def _task(self, name: str, step: Step) -> None:
        """Write what a task does: call and wait, or hand over."""
        a, at = self.a, f"{name}:{step.name}"
        key, link = next((key, v) for key, v in self._out(name, Task) if v.state == step.name)
        if step.timeout_s is not None:
            a.emit(k.CALL, f"{at}.timed", -1, -1, -1)
            self.after_states.append(lambda: self._timed(at, key, link, step))
        else:
            self._make(at, key, link, step, -1)

    def _make(self, at: str, key: str, link: Task, step: Step, leave: int | str) -> None:
        """Write the call or hand-over of a task, and that it waits for it."""
        a, is_call = self.a, isinstance(self.behaviours[link.target], Pool | Flow) and waits(link)
        if step.wait_for == "token":
            self._take(link.target, f"{at}.made")
            self._spawn(key, link.target, 0, way=TOKEN)
            a.emit(k.AWAIT, leave)
        elif is_call and step.wait_for == "end":
            flow = self.behaviours[link.target]
            assert isinstance(flow, Flow)
            self._start_quota(link.target, flow, f"{at}.made")
            a.emit(k.CALL, f"{link.target}.begin", -1, self._place(key), leave)
            a.mark(key)
            a.emit(k.JUMP, 1 << m.OK, 0, f"{at}.made")
            a.emit(k.STATUS_, m.ERROR, 0, f"{at}.made")  # whatever failed there, here it is a task that failed
        elif is_call:
            a.emit(k.CALL, f"{link.target}.run", -1, self._place(key), leave)
            a.mark(key)
        else:
            self._take(link.target, f"{at}.made")
            self._spawn(key, link.target, 0)
        a.label(f"{at}.made")

    def _timed(self, at: str, key: str, link: Task, step: Step) -> None:
        """Write a task's try that is given up when its time is over."""
        a = self.a
        a.label(f"{at}.timed")
        a.emit(k.PATIENCE, g=float(step.timeout_s or 0.0))
        self._make(at, key, link, step, f"{at}.impatient")
        a.label(f"{at}.answer")
        a.emit(k.RET)
        a.label(f"{at}.impatient")
        a.emit(k.STATUS_, m.IMPATIENT, 0, f"{at}.answer")

    def _size(self, step: Step, at: str) -> None:
        """Write that a result over the limit fails its execution, whatever it catches [semantics 5]."""
        if step.is_too_large:
            self.a.emit(k.JUMP, NOT_OK, 0, f"{at}.sized")
            self.a.emit(k.STATUS_, m.FATAL, 0, f"{at}.sized")
            self.a.label(f"{at}.sized")

    def _map(self, name: str, step: Step, overhead: Law | None) -> None:
        """Write a map: a frame that counts its items, each a strand of that frame."""
        self.a.emit(k.CALL, f"{name}:{step.name}.map", -1, -1, -1)
        self.after_states.append(lambda: self._items(name, step, overhead))

    def _items(self, name: str, step: Step, overhead: Law | None) -> None:
        """Write the frame of a map, and what each item runs."""
        a, at, flow = self.a, f"{name}:{step.name}", self.behaviours[name]
        assert isinstance(flow, Flow)
        a.label(f"{at}.map")
        word = (f"{at}.item", step.items, max(1, step.concurrency), f"{at}.mapped", step.tolerated)
        a.emit(k.MAP, *word)
        a.emit(k.JOIN_MAP, *word)
        a.label(f"{at}.mapped")
        a.emit(k.ALIVE, f"{name}.return")
        a.emit(k.RET)
        a.label(f"{at}.item")
        if step.has_children:
            self._stop(name, is_branch=True)
            self._delay(f"{name}.{step.name}.start", self._law(flow.start, flow.start_hop))
        self._history(name, 1 if step.has_children else 2, -1, begins=step.has_children)
        self._states(name, step.branches[0], f"{name}.return", overhead, is_branch=True)

    def _parallel(self, name: str, step: Step, overhead: Law | None) -> None:
        """Write the branches of a parallel state, and the wait for all of them."""
        a, at = self.a, f"{name}:{step.name}"
        for i, branch in enumerate(step.branches):
            a.emit(k.SPAWN, f"{name}:{branch[0].name}", -1, -1, 2 if i == 0 else 1, -1)
        a.emit(k.WAIT, -1)
        a.emit(k.JOIN, 0, 0, f"{at}.joined")
        a.emit(k.JUMP, ALWAYS, 0, f"{at}.joined")
        for branch in step.branches:
            self._states(name, branch, f"{name}.return", overhead, is_branch=True)
        a.label(f"{at}.joined")

    def _handlers(self, name: str, step: Step, order: Mapping[str, int], end: str) -> None:
        """Write a state's Retry and Catch, and that leaving it forgets its attempts."""
        a, at = self.a, f"{name}:{step.name}"
        for i, retrier in enumerate(step.retriers):
            self._retrier(name, step, retrier, i)
        a.label(f"{at}.caught")
        if step.retriers:
            a.emit(k.RESET)
        for i, catcher in enumerate(step.catchers):
            a.emit(k.JUMP, self._mask(catcher.errors), 0, f"{at}.catch{i}")
        a.emit(k.JUMP, NOT_OK, 0, end)
        a.emit(k.JUMP, ALWAYS, 0, f"{at}.left")
        for i, catcher in enumerate(step.catchers):
            a.label(f"{at}.catch{i}")
            a.emit(k.STATUS_, m.OK, 0, f"{at}.catch{i}.go")
            a.label(f"{at}.catch{i}.go")
            self._goto(name, step, catcher.goto, order, end)
        a.label(f"{at}.left")

    def _retrier(self, name: str, step: Step, retrier: Retrier, i: int) -> None:
        """Write one entry of a Retry."""
        if i > 7:
            raise SimulationError(f"{name!r}: state {step.name!r} has more than 8 retriers", fix="merge some of them")
        a, at = self.a, f"{name}:{step.name}"
        jitter = a.chance(f"{name}.{step.name}.jitter", 0.5) + 1 if retrier.has_full_jitter else 0
        most = min(retrier.max_attempts, 255)
        word = self._mask(retrier.errors) | (i << 16) | (int(retrier.has_full_jitter) << 19) | (most << 24)
        cap_s = min(float(retrier.max_delay_s), 1e9)
        a.emit(
            k.RETRY, word, jitter << 32, f"{at}.try", f"{at}.caught",
            float(retrier.interval_s), float(retrier.backoff_rate), cap_s,
        )  # fmt: skip

    def _mask(self, errors: Sequence[str]) -> int:
        """Return the statuses that a list of error names matches [semantics 5]."""
        mask = 0
        for name in errors:
            if name == "States.ALL":
                mask |= CAUGHT
            elif name == "States.TaskFailed":
                mask |= CAUGHT & ~(1 << m.IMPATIENT)
            elif name == "States.Timeout":
                mask |= 1 << m.IMPATIENT
            elif name == "Lambda.ServiceException":
                mask |= 1 << m.SERVICE
            elif name == "Lambda.TooManyRequestsException":
                mask |= 1 << m.THROTTLED
            elif name == "Sandbox.Timedout":
                mask |= 1 << m.TIMEOUT
            elif name in self.codes:
                mask |= 1 << self.codes[name]
        return mask
