"""Hypothesis strategies of state machines: a few states in a row, ways back, branches, maps, calls of every kind."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

import chainkit as ck
from tests.simulation.case import rules, task
from tests.simulation.cases_machines import calls, mapped, started


@dataclass(frozen=True)
class Around:
    """What the tasks of a machine can call."""

    functions: list[str]
    queue: str | None = None
    """A queue that takes tokens: only Standard workflows wait for them."""
    inner: str | None = None
    """Another machine, which only Standard workflows wait for."""

    @property
    def is_standard(self) -> bool:
        """Whether the machine is a Standard workflow."""
        return self.queue is not None


@st.composite
def states(draw: Any, around: Around, depth: int = 0) -> dict[str, Any]:
    """A few states over services of the chain, in a row, with ways back, branches and items."""
    prefix = f"s{depth}" if depth else "s"
    count = draw(st.integers(1, 3))
    labels = [f"{prefix}{chr(97 + i)}" for i in range(count)]
    scope: dict[str, Any] = {}
    for i, label in enumerate(labels):
        way = {"Next": labels[i + 1]} if i + 1 < count else {"End": True}
        kinds = ["task", "task", "task", "wait"] + ["choice"] * (i > 0) + ["parallel", "map"] * (depth == 0)
        match draw(st.sampled_from(kinds)):
            case "wait":
                scope[label] = {"Type": "Wait", "Seconds": draw(st.integers(0, 2)), **way}
            case "choice":
                scope[label] = {"Type": "Choice", "Choices": rules(labels[0]), "Default": f"{label}_"}
                scope[f"{label}_"] = {"Type": "Pass", **way}
            case "parallel":
                branches = [draw(states(around, 10 * (i + 1) + k)) for k in range(draw(st.integers(1, 3)))]
                scope[label] = {"Type": "Parallel", "Branches": branches, **way, **draw(failures(f"{prefix}z"))}
            case "map":
                inner = draw(states(around, 10 * (i + 1) + 9))
                scope[label] = {**draw(maps(inner, around.is_standard)), **way, **draw(failures(f"{prefix}z"))}
            case _:
                scope[label] = {**draw(tasks(around)), **way, **draw(failures(f"{prefix}z"))}
    if any("Catch" in state for state in scope.values()):
        scope[f"{prefix}z"] = {"Type": "Wait", "Seconds": 1, "End": True}
    return {"StartAt": labels[0], "States": scope}


@st.composite
def tasks(draw: Any, around: Around) -> dict[str, Any]:
    """A call of a function, a message with a token, an execution of another machine."""
    state = task(draw(st.sampled_from(around.functions)))
    if around.inner is not None:
        kind = draw(st.sampled_from(["call"] * 6 + ["token", "event", "start", "sync"]))
        if kind == "token":
            state = calls("sqs:sendMessage.waitForTaskToken", Parameters={"QueueUrl": f"${{{around.queue}}}"})
        elif kind == "event":
            name = draw(st.sampled_from(around.functions))
            state = calls("lambda:invoke.waitForTaskToken", Parameters={"FunctionName": f"${{{name}}}"})
        elif kind in ("start", "sync"):
            state = started(around.inner, ".sync" if kind == "sync" else "")
    del state["End"]
    limits = {"TimeoutSeconds": st.integers(1, 3)} if "Token" not in state["Resource"] else {}
    if "Token" in state["Resource"]:
        state["TimeoutSeconds"] = draw(st.sampled_from([1, 5, 30]))
        limits["HeartbeatSeconds"] = st.integers(1, 90)
    return state | (draw(st.fixed_dictionaries(limits)) if draw(st.integers(0, 3)) == 0 else {})


@st.composite
def maps(draw: Any, inner: dict[str, Any], is_standard: bool) -> dict[str, Any]:
    """A map over a scope; distributed ones only in Standard workflows."""
    is_distributed = is_standard and draw(st.booleans())
    optional: dict[str, Any] = {"MaxConcurrency": st.integers(0, 3)}
    if is_distributed:
        optional["ToleratedFailureCount"] = st.integers(0, 2)
        optional["ToleratedFailurePercentage"] = st.sampled_from([0, 30, 50])
        optional["ItemBatcher"] = st.just({"MaxItemsPerBatch": 2})
    more = draw(st.fixed_dictionaries({}, optional=optional))
    state = mapped(inner["States"], "DISTRIBUTED" if is_distributed else "INLINE", **more)
    state["ItemProcessor"]["StartAt"] = inner["StartAt"]
    del state["End"]
    return state


@st.composite
def failures(draw: Any, caught: str) -> dict[str, Any]:
    """Retry and Catch of a state."""
    known = [
        ["Trouble", "Sandbox.Timedout"], ["Lambda.TooManyRequestsException"], ["Lambda.ServiceException"],
        ["States.Timeout"], ["States.TaskFailed"], ["States.ALL"],
    ]  # fmt: skip
    errors = st.sampled_from(known)
    found: dict[str, Any] = {}
    if draw(st.booleans()):
        extra = draw(st.sampled_from([{}, {"JitterStrategy": "FULL"}, {"MaxDelaySeconds": 2}]))
        found["Retry"] = [{"ErrorEquals": draw(errors), "MaxAttempts": draw(st.integers(0, 2)), **extra}]
    if draw(st.integers(0, 3)) == 0:
        found["Catch"] = [{"ErrorEquals": draw(errors), "Next": caught}]
    return found


def named(scope: dict[str, Any], kind: str) -> Iterator[str]:
    """Yield the names of the states of a kind, those inside others included."""
    for name, state in scope["States"].items():
        if state["Type"] == kind:
            yield name
        for inner in [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]:
            yield from named(inner, kind)


@st.composite
def machines(draw: Any, name: str, around: Around) -> ck.StateMachine:
    """A machine over these services."""
    definition = draw(states(around))
    if draw(st.integers(0, 4)) == 0:
        definition["TimeoutSeconds"] = draw(st.sampled_from([7, 13]))  # seldom in the instant of a state's limit
    items = {each: draw(st.integers(0, 5)) for each in named(definition, "Map")}
    sizes = {each: 300_000 for each in named(definition, "Task") if draw(st.integers(0, 19)) == 0}
    return ck.StateMachine(
        name,
        definition=definition,
        workflow="STANDARD" if around.is_standard else "EXPRESS",
        choices={choice: [0.4, 0.6] for choice in named(definition, "Choice")},
        items=items,
        result_bytes=sizes,
    )
