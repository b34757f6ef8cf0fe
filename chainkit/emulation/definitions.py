"""What CreateStateMachine and UpdateStateMachine refuse, in AWS's words; and definitions put into the words of moto.

Kept from AWS: targets that are no state, states that nobody leads to, machines that never end, states with both or
neither of Next and End, what Express does not allow; the messages and their order are those of [1] and [2].
Refused here, and not by AWS: the fields of `_ABSENT`; an execution would ignore them.

Sources  [1] github.com/localstack/localstack/pull/12487 (2025): an answer of AWS to two wrong transitions
         [2] github.com/floci-io/floci/pull/2786 (2026): MISSING_END_STATE hides what is not reachable; positions
         [3] docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html (2026)
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chainkit.asl import reached

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDS = ("Succeed", "Fail")
_ABSENT = ("MaxItemsPerBatchPath", "MaxInputBytesPerBatchPath")


def scopes(machine: dict[str, Any], place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a machine and each branch and item processor inside it, with its place.

    >>> [place for place, _ in scopes({"States": {"M": {"Type": "Map", "Iterator": {"States": {}}}}})]
    ['', '/States/M/Iterator']
    """
    yield place, machine
    for name, state in machine.get("States", {}).items():
        inside = f"{place}/States/{name}"
        for number, branch in enumerate(state.get("Branches", ())):
            yield from scopes(branch, f"{inside}/Branches[{number}]")
        for field in ("ItemProcessor", "Iterator"):
            if field in state:
                yield from scopes(state[field], f"{inside}/{field}")


def states(machine: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each state of a machine, those inside states included: its place, its name, itself."""
    for place, scope in scopes(machine):
        for name, state in scope.get("States", {}).items():
            yield f"{place}/States/{name}", name, state


def refusals(machine: dict[str, Any], *, is_express: bool = False) -> list[str]:
    """Return why AWS would not take a machine whose shape is right; empty if it would.

    >>> refusals({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}})[0]
    "MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /States/A/Next"
    """
    found = [
        f"SCHEMA_VALIDATION_FAILED: {what} at {place}"
        for place, _, state in states(machine)
        for what in (*_malformed(state), *(_not_for_express(state) if is_express else ()))
    ]
    for place, scope in scopes(machine):
        found += _lost(place, scope)
    return found


def _malformed(state: dict[str, Any]) -> Iterator[str]:
    if state["Type"] not in ("Choice", *_ENDS) and ("Next" in state) is bool(state.get("End")):
        yield "These fields are mutually exclusive: Next, End" if "Next" in state else "Either Next or End is required"
    for field in _ABSENT:
        if field in state.get("ItemBatcher", {}):
            yield f"the emulator does not have ItemBatcher.{field}"
    if "ItemBatcher" in state and "ItemSelector" in state:
        yield "the emulator does not have ItemBatcher together with ItemSelector"
    if _has_reference(state.get("ItemBatcher", {}).get("BatchInput")):
        yield "the emulator has ItemBatcher.BatchInput with fixed values only"
    if "WriterConfig" in state.get("ResultWriter", {}):
        yield "the emulator does not have ResultWriter.WriterConfig"


def _has_reference(value: Any) -> bool:
    text = json.dumps(value)
    return '.$"' in text or "{%" in text


def _not_for_express(state: dict[str, Any]) -> Iterator[str]:
    resource = str(state.get("Resource", ""))
    if ":activity:" in resource:
        yield "Express state machine does not support Activity ARN"
    for pattern in (".sync", ".sync:2", ".waitForTaskToken"):
        if resource.endswith(pattern):
            yield f"Express state machine does not support '{pattern}' service integration"
    if state.get("ItemProcessor", {}).get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED":
        yield "Express state machine does not support a Map state in DISTRIBUTED mode"


def _lost(place: str, scope: dict[str, Any]) -> Iterator[str]:
    """Yield the transitions that lead nowhere, then that nothing ends, or else the states that nothing leads to."""
    names, start = scope["States"], scope["StartAt"]
    ways = {name: list(_ways(state)) for name, state in names.items()}
    targets = [("/StartAt", start)]
    targets += [(f"/States/{name}/{where}", target) for name, ends in ways.items() for where, target in ends]
    for where, target in targets:
        if target not in names:
            yield f"MISSING_TRANSITION_TARGET: Missing 'Next' target: {target} at {place}{where}"
    if not any(state.get("End") or state["Type"] in _ENDS for state in names.values()):
        yield "MISSING_END_STATE: Workflow has no terminal state"
        return
    found = reached(start, {name: [target for _, target in ends] for name, ends in ways.items()})
    for name in names:
        if name not in found:
            yield f'MISSING_TRANSITION_TARGET: State "{name}" is not reachable. at {place}/States/{name}'


def _ways(state: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for field in ("Next", "Default"):
        if field in state:
            yield field, state[field]
    for field in ("Choices", "Catch"):
        for number, rule in enumerate(state.get(field, ())):
            if "Next" in rule:
                yield f"{field}[{number}]/Next", rule["Next"]


def in_words_of_moto(machine: dict[str, Any]) -> dict[str, Any]:
    """Return a copy without what moto's grammar cannot read and what we do in its place.

    Batches are made by the emulator; whether a child execution is Express does not show in what it does; a percentage
    must have a decimal point.
    """
    made: dict[str, Any] = json.loads(json.dumps(machine))
    for _, _, state in states(made):
        if state.get("Type") != "Map":
            continue
        state.pop("ItemBatcher", None)
        config = state.get("ItemProcessor", {}).get("ProcessorConfig", {})
        if config.get("ExecutionType") == "EXPRESS":
            config["ExecutionType"] = "STANDARD"
        if isinstance(percentage := state.get("ToleratedFailurePercentage"), int):
            state["ToleratedFailurePercentage"] = float(percentage)
    return made
