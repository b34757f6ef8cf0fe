"""The shape of a workflow in a few words -> its state language.

A flow is a list of steps, one after another: the name of a function; ``{"parallel": [flow, ...]}``; ``{"share":
[0.6, 0.4], "of": [flow, ...]}``; ``{"again": 0.2, "after": flow}`` for a flow that is repeated with a chance.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from chainkit.services.state_machine import StateMachine

Step = str | Mapping[str, Any]
Flow = Sequence[Step]


def machine(name: str, flow: Flow, **settings: Any) -> StateMachine:
    """Return the state machine of a flow.

    >>> flow = ["a", {"again": 0.25, "after": ["b"]}]
    >>> machine("m", flow).choices
    {'again': [0.25, 0.75]}
    """
    written = _Writer()
    return StateMachine(name, definition=written.scope(flow), choices=written.choices, **settings)


def functions(flow: Flow) -> list[str]:
    """Return the names of the functions in a flow, each once, in order.

    >>> functions(["a", {"parallel": [["b"], ["a", "c"]]}])
    ['a', 'b', 'c']
    """
    found: dict[str, None] = {}
    for step in flow:
        parts = [step] if isinstance(step, str) else None
        inner = [] if isinstance(step, str) else [*step.get("parallel", ()), *step.get("of", ()), step.get("after", ())]
        found |= dict.fromkeys(parts if parts is not None else [name for part in inner for name in functions(part)])
    return list(found)


class _Writer:
    """Writes states from the last to the first, because each names the next one."""

    def __init__(self) -> None:
        self.choices: dict[str, list[float]] = {}
        self.taken: set[str] = set()

    def scope(self, flow: Flow) -> dict[str, Any]:
        """Return a state machine, or a branch of one."""
        states: dict[str, Any] = {}
        end = self.name("Done")
        states[end] = {"Type": "Succeed"}
        start = self.lay(flow, end, states)
        # The order of states tells the simulator which transitions lead back.
        return {"StartAt": start, "States": dict(reversed(states.items()))}

    def lay(self, flow: Flow, goto: str, states: dict[str, Any]) -> str:
        """Write the states of a flow that goes on to a state; return the first."""
        for step in reversed(flow):
            goto = self.step(step, goto, states)
        return goto

    def step(self, step: Step, goto: str, states: dict[str, Any]) -> str:
        """Write one step; return its first state."""
        if isinstance(step, str):
            name = self.name(step)
            states[name] = {"Type": "Task", "Resource": f"${{{step}}}", "Next": goto}
        elif "parallel" in step:
            name = self.name("parallel")
            branches = [self.scope(flow) for flow in step["parallel"]]
            states[name] = {"Type": "Parallel", "Branches": branches, "Next": goto}
        elif "share" in step:
            name = self.name("share")
            ways = [self.lay(flow, goto, states) for flow in step["of"]]
            states[name] = self.choice(name, ways, step["share"])
        else:
            back = self.name("again")
            states[back] = {}  # its place is behind what it repeats
            name = self.lay(step["after"], back, states)
            states[back] = self.choice(back, [name, goto], [step["again"], 1 - step["again"]])
        return name

    def choice(self, name: str, ways: Sequence[str], shares: Sequence[float]) -> dict[str, Any]:
        """Return a Choice that takes each way by its share."""
        self.choices[name] = list(shares)
        rules = [{"Variable": "$.drawn", "NumericEquals": k, "Next": way} for k, way in enumerate(ways[:-1])]
        return {"Type": "Choice", "Choices": rules, "Default": ways[-1]}

    def name(self, word: str) -> str:
        """Return a name for a state that no other has."""
        name, k = word, 1
        while name in self.taken:
            name, k = f"{word} {k + 1}", k + 1
        self.taken.add(name)
        return name
