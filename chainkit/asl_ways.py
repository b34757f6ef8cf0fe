"""The ways between the states of a definition: where each leads, and how one is led elsewhere.

A definition is plain JSON that `asl.read` has accepted, in its owner's order of keys. What is here reads it, or changes
a copy that its caller has made.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from chainkit.errors import ConfigError, nearest

Definition: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str | int, ...]
Word: TypeAlias = Literal["Start", "Next", "rule", "Default", "Catch"]
INSIDES = ("ItemProcessor", "Iterator")
"""Fields of a Map that hold states."""
CATCHES = ("Task", "Parallel", "Map")
"""Types that may have Retry and Catch."""
ENDS = ("Succeed", "Fail")


@dataclass(frozen=True)
class Way:
    """A way from one state to another; or, as "Start", from what holds states to the first of them."""

    source: str
    """A state; "" is the machine itself."""
    word: Word
    number: int
    """Which branch, rule or catcher it is, from 0."""
    target: str

    @property
    def key(self) -> str:
        """What it is called among all ways of its machine."""
        return f"{self.source}\n{self.word} {self.number}"


@dataclass(frozen=True)
class Inside:
    """States that lead only to each other: a machine, a branch of a Parallel, or the inside of a Map."""

    owner: str
    """The state that holds them; "" for the machine."""
    number: int
    scope: Definition
    path: Path = ()
    """Where it stands in the machine's definition."""

    @property
    def states(self) -> Definition:
        """Name -> state."""
        states: Definition = self.scope["States"]
        return states


def insides(scope: Definition, owner: str = "", number: int = 0, path: Path = ()) -> Iterator[Inside]:
    """Yield a machine, then all that its states hold, in order."""
    yield Inside(owner, number, scope, path)
    for name, state in scope["States"].items():
        for k, (part, inner) in enumerate(held(state)):
            yield from insides(inner, name, k, (*path, "States", name, *part))


def held(state: Definition) -> list[tuple[Path, Definition]]:
    """Return what a state holds, each with its path there: branches, or the inside of a Map."""
    branches = [(("Branches", k), branch) for k, branch in enumerate(state.get("Branches", ()))]
    return [*branches, *(((field,), state[field]) for field in INSIDES if field in state)]


def names(definition: Definition) -> list[str]:
    """Return the names of all states, those inside a state after it."""
    return [name for each in insides(definition) for name in each.states]


def find(definition: Definition, name: str) -> tuple[Inside, Definition]:
    """Return where a state stands, and the state.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    for inside in insides(definition):
        if name in inside.states:
            return inside, inside.states[name]
    known = names(definition)
    raise ConfigError(f"state {name!r} is not in the machine{nearest(name, known)}", fix=f"states: {', '.join(known)}")


def ways(definition: Definition) -> list[Way]:
    """Return every way of a machine.

    Examples
    --------
    >>> definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Succeed"}}}
    >>> [(way.source, way.word, way.target) for way in ways(definition)]
    [('', 'Start', 'A'), ('A', 'Next', 'B')]
    """
    found = []
    for inside in insides(definition):
        if inside.scope.get("StartAt") is not None:
            found.append(Way(inside.owner, "Start", inside.number, inside.scope["StartAt"]))
        for name, state in inside.states.items():
            found += _leaving(name, state)
    return found


def _leaving(name: str, state: Definition) -> list[Way]:
    """Return the ways that leave a state."""
    found = [Way(name, "Next", 0, state["Next"])] if state.get("Next") is not None else []
    found += [Way(name, "rule", k, rule["Next"]) for k, rule in enumerate(state.get("Choices") or ())]
    found += [Way(name, "Default", 0, state["Default"])] if state.get("Default") is not None else []
    return found + [Way(name, "Catch", k, entry["Next"]) for k, entry in enumerate(state.get("Catch") or ())]


def way(definition: Definition, key: str) -> Way:
    """Return the way of that key.

    Raises
    ------
    ConfigError
        If there is none.
    """
    for each in ways(definition):
        if each.key == key:
            return each
    raise ConfigError(f"there is no way {' '.join(key.split())!r} in the machine", fix="choose one that is drawn")


def lead(definition: Definition, of: Way, target: str) -> None:
    """Let a way lead to another state, in place."""
    if of.word == "Start":
        holding = {(each.owner, each.number): each for each in insides(definition)}
        holding[of.source, of.number].scope["StartAt"] = target
        return
    state = find(definition, of.source)[1]
    if of.word == "Next":
        _go_on(state, "Next", target)
    elif of.word == "Default":
        state["Default"] = target
    else:
        state["Choices" if of.word == "rule" else "Catch"][of.number]["Next"] = target


def drop(definition: Definition, of: Way) -> None:
    """Take a way away, in place: where Next was, the flow ends."""
    state = find(definition, of.source)[1]
    if of.word == "Next":
        _go_on(state, "End", True)
    elif of.word == "Default":
        del state["Default"]
    elif of.word == "rule":
        del state["Choices"][of.number]
    else:
        del state["Catch"][of.number]
        if not state["Catch"]:
            del state["Catch"]


def _go_on(state: Definition, field: str, value: Any) -> None:
    """Give a state Next or End, in place: where the one stood, the other stands."""
    other = "End" if field == "Next" else "Next"
    fields = {(field if key == other and field not in state else key): each for key, each in state.items()}
    state.clear()
    state |= fields | {field: value}
    state.pop(other, None)
