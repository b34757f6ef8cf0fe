"""Amazon States Language, as far as chainkit reads it: states, what their tasks call, and what AWS would refuse.

`read` takes a definition and gives it back as plain JSON; `parsed` makes a `Scope` of it. ``${name}`` in a definition
stands for a service of the chain. The actions of tasks are ASL's words, each with what it asks of the service it names.

Sources  [1] Amazon States Language, states-language.net/spec.html (2026)
         [2] AWS agent toolkit, orchestration.md and error-handling.md (2026): Retry defaults, Standard v. Express
         [3] What CreateStateMachine answers: github.com/localstack/localstack/issues/11978 (2024) and
             github.com/floci-io/floci/pull/2786 (2026): MISSING_TRANSITION_TARGET, MISSING_END_STATE
"""

import json
import math
import re
import reprlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chainkit.errors import ConfigError, nearest

# --- states; [1] ---


class _Part(BaseModel):
    """A piece of ASL: fields that are not named here are AWS's business."""

    model_config = ConfigDict(strict=True, frozen=True)


class ChoiceRule(_Part):
    """One rule of a Choice."""

    Next: str


class _Handler(_Part):
    """An entry for some errors."""

    ErrorEquals: tuple[str, ...] = Field(min_length=1)


class RetryRule(_Handler):
    """One entry of a state's Retry; [2]."""

    IntervalSeconds: int = Field(1, ge=1)
    MaxAttempts: int = Field(3, ge=0)
    BackoffRate: float = Field(2.0, ge=1)
    MaxDelaySeconds: float = Field(float("inf"), gt=0)
    JitterStrategy: Literal["NONE", "FULL"] = "NONE"


class CatchRule(_Handler):
    """One entry of a state's Catch."""

    Next: str


class State(_Part):
    """One state, of any type."""

    Type: Literal["Task", "Choice", "Parallel", "Map", "Wait", "Pass", "Succeed", "Fail"]
    Next: str | None = None
    End: bool = False
    Resource: str = ""
    Parameters: Any = None
    Arguments: Any = None
    Choices: tuple[ChoiceRule, ...] = ()
    Default: str | None = None
    Branches: tuple["Scope", ...] = ()
    ItemProcessor: "Scope | None" = None
    Iterator: "Scope | None" = None
    Retry: tuple[RetryRule, ...] = ()
    Catch: tuple[CatchRule, ...] = ()
    Seconds: Any = None
    SecondsPath: Any = None
    Timestamp: Any = None
    TimestampPath: Any = None
    TimeoutSeconds: Any = None
    TimeoutSecondsPath: Any = None
    HeartbeatSeconds: Any = None
    HeartbeatSecondsPath: Any = None
    MaxConcurrency: Any = None
    ToleratedFailureCount: Any = None
    ToleratedFailurePercentage: Any = None
    ItemBatcher: dict[str, Any] = Field(default_factory=dict)
    Error: str = ""
    ErrorPath: str | None = None

    @property
    def ways(self) -> list[str]:
        """Where a Choice can lead, in the order of its rules, Default last."""
        return [rule.Next for rule in self.Choices] + ([self.Default] if self.Default is not None else [])

    @property
    def scopes(self) -> list["Scope"]:
        """The states inside this one."""
        return [*self.Branches, *(s for s in (self.ItemProcessor, self.Iterator) if s is not None)]

    @property
    def is_distributed(self) -> bool:
        """Whether each item of a Map is an execution of its own."""
        return any(scope.ProcessorConfig.get("Mode") == "DISTRIBUTED" for scope in self.scopes)

    def runs(self, items: int) -> int:
        """Return how often a Map runs what is inside for so many items: a distributed one may take them in batches."""
        size = self.ItemBatcher.get("MaxItemsPerBatch", 1) if self.is_distributed else 1
        return -(-items // size) if isinstance(size, int) and size > 0 else items

    def tolerated(self, runs: int) -> int:
        """Return how many runs of a Map may fail; only a distributed one tolerates any.

        Where both thresholds are set, it fails at the first that is exceeded (maprun-fail-threshold.html, 2026).
        """
        limits = []
        if self.ToleratedFailureCount:
            limits.append(int(self.ToleratedFailureCount))
        if self.ToleratedFailurePercentage:
            limits.append(math.floor(float(self.ToleratedFailurePercentage) / 100 * runs + 1e-9))
        return min(limits, default=0) if self.is_distributed else 0

    def present(self, *fields: str) -> list[str]:
        """Return those of the fields that are there."""
        return [field for field in fields if getattr(self, field) not in (None, (), "")]


class Scope(_Part):
    """A machine, a branch of a Parallel or the inside of a Map: states that lead only to each other."""

    States: dict[str, State]
    StartAt: str | None = None
    TimeoutSeconds: Any = None
    ProcessorConfig: dict[str, Any] = Field(default_factory=dict)


def scopes(scope: Scope, owner: str = "") -> Iterator[tuple[str, Scope]]:
    """Yield a machine and all inside it, each with the name of the state that holds it."""
    yield owner, scope
    for name, state in scope.States.items():
        for inner in state.scopes:
            yield from scopes(inner, name)


def states(scope: Scope) -> Iterator[tuple[str, State]]:
    """Yield the states of a machine in order, those inside a state right after it."""
    for name, state in scope.States.items():
        yield name, state
        for inner in state.scopes:
            yield from states(inner)


def read(definition: Any) -> dict[str, Any]:
    """Return a definition, given as a dictionary or as JSON text, as plain JSON that has the shape of ASL.

    Raises
    ------
    ConfigError
        If it is not JSON, or a field has a value that ASL does not know.

    Examples
    --------
    >>> read('{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}')
    {'StartAt': 'Done', 'States': {'Done': {'Type': 'Succeed'}}}
    """
    try:
        text = definition if isinstance(definition, str) else json.dumps(definition)
        plain: dict[str, Any] = json.loads(text, object_pairs_hook=_once)
    except (TypeError, json.JSONDecodeError) as error:
        raise ConfigError(f"is not JSON: {error}", fix="give a dictionary of JSON's types, or JSON text") from None
    try:
        parsed(plain)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = [str(part) for part in first["loc"]]
        inside = max((k for k, part in enumerate(path[:-1]) if part == "States"), default=-2) + 2
        where = f"state {path[inside - 1]!r}: " if inside else ""
        what = f"{'.'.join(path[inside:]) or 'it'}={reprlib.repr(first['input'])} is refused: {first['msg']}"
        raise ConfigError(where + what, fix="write it as the Amazon States Language has it") from None
    return plain


def parsed(definition: Any) -> Scope:
    """Return what chainkit reads of a definition that `read` has accepted."""
    return Scope.model_validate_json(json.dumps(definition, allow_nan=False))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object, and refuse a key that stands twice: the first would vanish without a word."""
    twice = [key for key, n in Counter(key for key, _ in pairs).items() if n > 1]
    if twice:
        raise ConfigError(f"{twice[0]!r} stands twice in one object", fix="rename or remove one")
    return dict(pairs)


# --- which service a task calls ---

NAMED = re.compile(r"\$\{([^{}]*)\}")
"""A service's name in a definition."""
_INTEGRATION = re.compile(r"arn:[^:]+:states:::(?:aws-sdk:)?([^.]+)(?:\.(.+))?")


class Action(NamedTuple):
    """An API action of a task."""

    argument: str
    """Which argument names the service."""
    words: frozenset[str]
    """What that service must accept."""


_FUNCTION, _MACHINE = frozenset({"call", "delivery"}), frozenset({"start"})
ACTIONS = {
    "": Action("", _FUNCTION),  # the resource is the function itself
    "lambda:invoke": Action("FunctionName", _FUNCTION),
    "sqs:sendMessage": Action("QueueUrl", frozenset({"message"})),
    "sns:publish": Action("TopicArn", frozenset({"notification"})),
    "events:putEvents": Action("EventBusName", frozenset({"event"})),
    "eventbridge:putEvents": Action("EventBusName", frozenset({"event"})),
    "states:startExecution": Action("StateMachineArn", _MACHINE),
    "sfn:startExecution": Action("StateMachineArn", _MACHINE),
    "sfn:startSyncExecution": Action("StateMachineArn", _MACHINE),
}
"""The actions by which a task can call a service of the chain."""


class Calls(NamedTuple):
    """What a task calls."""

    action: str
    """Key of ACTIONS, or another action of AWS."""
    pattern: str
    """What stands after the action: "", "sync", "sync:2" or "waitForTaskToken"."""
    services: tuple[str, ...]
    """The services it names as ${name}."""
    messages: int
    """How many it sends at once."""
    is_event: bool
    """Whether it goes on before the called code has run."""


def calls(state: State) -> Calls:
    """Return what a task calls."""
    match = _INTEGRATION.fullmatch(state.Resource)
    action, pattern = (match[1], match[2] or "") if match else ("", "")
    either = state.Arguments if state.Arguments is not None else state.Parameters
    arguments = either if isinstance(either, dict) else {}
    holders: list[Any] = [arguments]
    if action.endswith(":putEvents"):
        holders = arguments["Entries"] if isinstance(arguments.get("Entries"), list) else []
    field = ACTIONS[action].argument if action in ACTIONS else None
    named = [h.get(field) for h in holders if isinstance(h, dict)] if match else [state.Resource]
    found = [NAMED.fullmatch(value) for value in named if isinstance(value, str)]
    services = tuple(dict.fromkeys(m[1] for m in found if m))
    is_event = arguments.get("InvocationType") == "Event" or (action.endswith(":startExecution") and not pattern)
    return Calls(action, pattern, services, len(holders), is_event)


def named(value: Any, state: str = "") -> Iterator[tuple[str, str]]:
    """Yield (state, name) for each ${name} in a definition."""
    if isinstance(value, str):
        yield from ((state, name) for name in NAMED.findall(value))
    elif isinstance(value, list):
        for item in value:
            yield from named(item, state)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "States" and isinstance(item, dict):
                for name, inner in item.items():
                    yield from named(inner, name)
            else:
                yield from named(item, state)


# --- what AWS would refuse ---

Complaint = tuple[str, str, str]
"""(state or "", problem, fix)."""
_NEEDS = {
    "Task": ("Resource",),
    "Choice": ("Choices",),
    "Parallel": ("Branches",),
    "Map": ("ItemProcessor", "Iterator"),
    "Wait": ("Seconds", "SecondsPath", "Timestamp", "TimestampPath"),
}


def reached(start: str, ways: Mapping[str, Iterable[str]]) -> set[str]:
    """Return everything that `ways` lead to from `start`, itself included.

    >>> sorted(reached("a", {"a": ["b"], "b": ["a"], "c": ["a"]}))
    ['a', 'b']
    """
    found, left = {start}, [start]
    while left:
        new = set(ways.get(left.pop(), ())) - found
        found |= new
        left += new
    return found


def complaints(machine: Scope, is_express: bool) -> Iterator[Complaint]:
    """Yield what AWS would refuse about a definition by itself."""
    for owner, scope in scopes(machine):
        yield from _scope_complaints(owner, scope)
    for name, n in Counter(name for name, _ in states(machine)).items():
        if n > 1:
            yield name, "stands more than once in the machine, its branches included", "rename one"
    for name, state in states(machine):
        yield from _state_complaints(name, state)
        if is_express:
            yield from _express_complaints(name, state)


def _scope_complaints(owner: str, scope: Scope) -> Iterator[Complaint]:
    """Yield what is wrong with the ways between the states of one scope; [3]."""
    names = scope.States
    fix = f"states there: {', '.join(names) or 'none'}"
    ways: dict[str, list[str]] = {}
    for name, state in names.items():
        ways[name] = [state.Next] if state.Next is not None else []
        ways[name] += [*state.ways, *(entry.Next for entry in state.Catch)]
        for target in dict.fromkeys(way for way in ways[name] if way not in names):
            yield name, f"leads to {target!r}, which is no state beside it{nearest(target, names)}", fix
    if scope.StartAt is None:
        yield owner, "StartAt is missing", fix
        return
    if scope.StartAt not in names:
        yield owner, f"StartAt={scope.StartAt!r} is no state{nearest(scope.StartAt, names)}", fix
        return
    found = reached(scope.StartAt, ways)
    for name in (name for name in names if name not in found):
        yield name, "cannot be reached", "lead a state to it, or remove it"
    if not any(state.End or state.Type in ("Succeed", "Fail") for state in names.values()):
        yield owner, "no state ends: every execution would run in a circle", 'give a last state "End": true'


def _state_complaints(name: str, state: State) -> Iterator[Complaint]:
    """Yield what is wrong with one state by itself; [1]."""
    if state.Type not in ("Choice", "Succeed", "Fail") and (state.Next is None) is not state.End:
        both = "both Next and End" if state.End else "neither Next nor End"
        yield name, f"{state.Type} has {both}", 'write "Next": the next state, or "End": true'
    needs = _NEEDS.get(state.Type, ())
    if needs and len(state.present(*needs)) != 1:
        has = " and ".join(state.present(*needs)) or f"no {needs[0]}"
        yield name, f"{state.Type} has {has}", f"give it {'one of ' if len(needs) > 1 else ''}{', '.join(needs)}"
    for field, entries in (("Retry", state.Retry), ("Catch", state.Catch)):
        for k, entry in enumerate(entries, 1):
            if "States.ALL" in entry.ErrorEquals and (len(entry.ErrorEquals) > 1 or k < len(entries)):
                where = "with other errors" if len(entry.ErrorEquals) > 1 else "before other entries"
                yield name, f"{field}: States.ALL stands {where}", "let States.ALL stand alone, in the last entry"


def _express_complaints(name: str, state: State) -> Iterator[Complaint]:
    """Yield what only a Standard workflow may hold; [2]."""
    pattern = calls(state).pattern
    found = [f"a task that waits ({pattern})"] if pattern else []
    found += ["an activity"] if ":activity:" in state.Resource else []
    found += ["a distributed Map"] if state.is_distributed else []
    for what in found:
        yield name, f"{what} is not for EXPRESS workflows", 'set workflow to "STANDARD", or take it out'
