"""Random state machines of the fuzz: a few states in a row, ways back, branches, maps, calls of every kind."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import chainkit as ck
from tests.simulation.case import rules, task
from tests.simulation.cases_machines import calls, mapped, started
from tests.simulation.strategies_machines import named

ERRORS = (
    ["Trouble", "Sandbox.Timedout"], ["Lambda.TooManyRequestsException"], ["Lambda.ServiceException"],
    ["States.Timeout"], ["States.TaskFailed"], ["States.ALL"],
)  # fmt: skip


class Chooses(Protocol):
    """What makes random choices."""

    def hits(self, p: float) -> bool:
        """Tell whether a chance hits."""

    def one(self, *values: Any) -> Any:
        """Return one of some values."""

    def whole(self, low: int, high: int) -> int:
        """Return a whole number."""


@dataclass
class Around:
    """What the tasks of a machine can call."""

    dice: Chooses
    workers: Iterator[str]
    """The function of each further task."""
    queue: str | None = None
    """A queue that takes tokens: only Standard workflows wait for them."""
    inner: str | None = None
    """Another machine, which only Standard workflows wait for."""

    @property
    def more(self) -> tuple[str, ...]:
        """Return the kinds of tasks besides a call."""
        return (*["token"] * 3, *["event"] * 3, "start", "sync")

    @property
    def is_standard(self) -> bool:
        """Whether the machine is a Standard workflow."""
        return self.queue is not None


def machine_of(name: str, around: Around) -> ck.StateMachine:
    """Return a machine over these services."""
    dice = around.dice
    definition = _scope(around)
    if dice.hits(0.3):
        definition["TimeoutSeconds"] = dice.whole(1, 5)
    return ck.StateMachine(
        name,
        definition=definition,
        workflow="STANDARD" if around.is_standard else "EXPRESS",
        choices={choice: [0.4, 0.6] for choice in named(definition, "Choice")},
        items={each: dice.whole(0, 5) for each in named(definition, "Map")},
        result_bytes={each: 300_000 for each in named(definition, "Task") if dice.hits(0.18)},
    )


def _scope(around: Around, depth: int = 0) -> dict[str, Any]:
    """Return a few states in a row."""
    dice, prefix = around.dice, f"s{depth}" if depth else "s"
    labels = [f"{prefix}{chr(97 + i)}" for i in range(dice.whole(1, 3) if depth else dice.whole(2, 4))]
    states: dict[str, Any] = {}
    for i, label in enumerate(labels):
        way = {"Next": labels[i + 1]} if i + 1 < len(labels) else {"End": True}
        match dice.one(
            "task", "task", "task", "wait", *["choice", "choice"] * (i > 0), *["parallel", "map", "map"] * (depth == 0)
        ):
            case "wait":
                states[label] = {"Type": "Wait", "Seconds": dice.whole(0, 2), **way}
            case "choice":
                states[label] = {"Type": "Choice", "Choices": rules(labels[0]), "Default": f"{label}_"}
                is_fail = dice.hits(0.7)
                states[f"{label}_"] = {"Type": "Fail", "Error": "Trouble"} if is_fail else {"Type": "Pass", **way}
            case "parallel":
                branches = [_scope(around, 10 * (i + 1) + k) for k in range(dice.whole(1, 3))]
                states[label] = {"Type": "Parallel", "Branches": branches, **way, **_failures(around, f"{prefix}z")}
            case "map":
                each = _scope(around, 10 * (i + 1) + 9)
                states[label] = {**_map(around, each), **way, **_failures(around, f"{prefix}z")}
            case _:
                states[label] = {**_task(around), **way, **_failures(around, f"{prefix}z")}
    if any("Catch" in state for state in states.values()):
        states[f"{prefix}z"] = {"Type": "Wait", "Seconds": 1, "End": True}
    reached = {state.get("Next") or state.get("Default") for state in states.values()} | {labels[0], f"{prefix}z"}
    return {"StartAt": labels[0], "States": {name: s for name, s in states.items() if name in reached}}


def _task(around: Around) -> dict[str, Any]:
    """Return a call of a function, a message with a token, an execution of another machine."""
    dice = around.dice
    kind = dice.one(*["call"] * 3, *around.more) if around.inner is not None else "call"
    match kind:
        case "token":
            state = calls("sqs:sendMessage.waitForTaskToken", Parameters={"QueueUrl": f"${{{around.queue}}}"})
        case "event":
            name = {"FunctionName": f"${{{next(around.workers)}}}"}
            state = calls("lambda:invoke.waitForTaskToken", Parameters=name)
        case "start" | "sync":
            assert around.inner is not None
            state = started(around.inner, ".sync" if kind == "sync" else "")
        case _:
            state = task(next(around.workers))
    del state["End"]
    if kind in ("token", "event"):
        state["TimeoutSeconds"] = dice.one(1, 5, 100)
        return state | ({"HeartbeatSeconds": dice.whole(1, 90)} if dice.hits(0.8) else {})
    return state | ({"TimeoutSeconds": dice.whole(1, 3)} if dice.hits(0.2) else {})


def _map(around: Around, each: dict[str, Any]) -> dict[str, Any]:
    """Return a map over a scope; distributed ones only in Standard workflows."""
    dice = around.dice
    is_distributed = around.is_standard and dice.hits(0.75)
    more: dict[str, Any] = {"MaxConcurrency": dice.whole(0, 3)} if dice.hits(0.5) else {}
    if is_distributed and dice.hits(0.6):
        more["ToleratedFailureCount"] = dice.whole(0, 2)
    elif is_distributed and dice.hits(0.8):
        more["ToleratedFailurePercentage"] = dice.one(0, 30, 50)
    if is_distributed and dice.hits(0.95):
        more["ItemBatcher"] = {"MaxItemsPerBatch": 2}
    state = mapped(each["States"], "DISTRIBUTED" if is_distributed else "INLINE", **more)
    state["ItemProcessor"]["StartAt"] = each["StartAt"]
    del state["End"]
    return state


def _failures(around: Around, caught: str) -> dict[str, Any]:
    """Return Retry and Catch of a state."""
    dice, found = around.dice, {}
    if dice.hits(0.5):
        extra = dice.one({}, {"JitterStrategy": "FULL"}, {"MaxDelaySeconds": 2})
        found["Retry"] = [{"ErrorEquals": dice.one(*ERRORS), "MaxAttempts": dice.whole(0, 2), **extra}]
    if dice.hits(0.25):
        found["Catch"] = [{"ErrorEquals": dice.one(*ERRORS), "Next": caught}]
    return found
