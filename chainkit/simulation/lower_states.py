"""Lowering, second part: the states of a state machine."""

from collections.abc import Mapping, Sequence

from chainkit.distributions import Constant
from chainkit.errors import SimulationError
from chainkit.law import Law
from chainkit.records import Buffer, Flow, Pool, Retrier, Step
from chainkit.simulation import kernel as k
from chainkit.simulation import primitives as m
from chainkit.simulation.lower_calls import ALWAYS, ITEM, NOT_OK, Calls, all_steps, waits
from chainkit.wiring import Task


class States(Calls):
    """Writes flows."""

    def _flow(self, name: str, flow: Flow) -> None:
        """Write a state machine: its run, and the flow that an asynchronous start makes."""
        a = self.a
        a.label(f"{name}.event")
        a.emit(k.CALL, f"{name}.run", -1, -1, -1)
        a.emit(k.JUMP, NOT_OK, 0, f"{name}.lost")
        a.emit(k.END_FLOW, k.COMPLETED)
        a.label(f"{name}.lost")
        a.emit(k.END_FLOW, k.DEAD_LETTERED if self._buries(name, flow) else k.DROPPED)
        a.label(f"{name}.run")
        a.emit(k.STAMP)
        a.emit(k.METER, a.counter("executions"), 1)
        self._delay(f"{name}.start", self._law(flow.start, flow.start_hop))
        overhead = self._law(flow.task_overhead, flow.task_hop)
        self._states(name, flow.steps, f"{name}.end", overhead, is_branch=False)
        a.label(f"{name}.end")
        a.emit(k.ELAPSED, a.counter("express_100ms"), g=10.0)
        a.label(f"{name}.return")
        a.emit(k.RET)

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
        a = self.a
        order = {step.name: i for i, step in enumerate(steps)}
        for step in steps:
            at = f"{name}:{step.name}"
            a.label(at)
            a.label(f"{at}.try")
            self._stop(name, is_branch=is_branch)
            a.emit(k.METER, a.counter("transitions"), 1)
            self._state(name, step, order, end, overhead, is_branch=is_branch)

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
                self._stop(name, is_branch=is_branch, counts=True)
            case "parallel":
                self._parallel(name, step, overhead)
                self._stop(name, is_branch=is_branch)
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
        if step.kind in ("task", "parallel"):
            self._handlers(name, step, order, end)
        self._goto(name, step, step.goto, order, end)

    def _goto(self, name: str, step: Step, target: str | None, order: Mapping[str, int], end: str) -> None:
        """Write the way to the next state; a way back is a new turn."""
        if target is None:
            self.a.emit(k.JUMP, ALWAYS, 0, end)
            return
        if order[target] <= order[step.name]:
            self.a.emit(k.DESCEND, ITEM)
        self.a.emit(k.JUMP, ALWAYS, 0, f"{name}:{target}")

    def _task(self, name: str, step: Step) -> None:
        """Write what a task does: call and wait, or hand over."""
        a = self.a
        key, link = next((key, v) for key, v in self._out(name, Task) if v.state == step.name)
        if isinstance(self.behaviours[link.target], Pool | Flow) and waits(link):
            a.emit(k.CALL, f"{link.target}.run", -1, self._place(key), -1)
            a.mark(key)
        else:
            self._spawn(key, link.target, 0, link.message_bytes)

    def _parallel(self, name: str, step: Step, overhead: Law | None) -> None:
        """Write the branches of a parallel state, and the wait for all of them."""
        a, at = self.a, f"{name}:{step.name}"
        for i, branch in enumerate(step.branches):
            a.emit(k.SPAWN, f"{name}:{branch[0].name}", -1, -1, 2 if i == 0 else 1)
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
            if name in ("States.ALL", "States.TaskFailed"):
                mask |= NOT_OK
            elif name == "Lambda.TooManyRequestsException":
                mask |= 1 << m.THROTTLED
            elif name == "Sandbox.Timedout":
                mask |= 1 << m.TIMEOUT
            elif name in self.codes:
                mask |= 1 << self.codes[name]
        return mask
