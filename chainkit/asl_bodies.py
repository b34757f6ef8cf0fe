"""The least that AWS accepts as a state of each type, in the language of its machine, JSONPath or JSONata."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from chainkit import asl
from chainkit.asl_ways import Definition

TYPES = ("Task", "Choice", "Parallel", "Map", "Wait", "Pass", "Succeed", "Fail")
LONGEST_NAME = 80
"""Characters of a state's name: states-language.net/spec.html (2026)."""
PLACEHOLDER = "function"
"""What a Task names while nothing is said: `validate` tells that there is no such service."""


class Called(NamedTuple):
    """What a Task calls."""

    service: str
    action: str = "lambda:invoke"


def action_for(accepts: Iterable[str]) -> str | None:
    """Return the first action by which a task can call a service that accepts these words.

    Examples
    --------
    >>> action_for(["message"]), action_for(["http"])
    ('sqs:sendMessage', None)
    """
    words = frozenset(accepts)
    return next((name for name, action in asl.ACTIONS.items() if name and action.words <= words), None)


def is_jsonata(definition: Definition) -> bool:
    """Tell whether a machine speaks JSONata; else it speaks JSONPath."""
    return definition.get("QueryLanguage") == "JSONata"


def task(called: Called, *, jsonata: bool) -> Definition:
    """Return the fields of a Task by which it calls a service and gives its input on.

    Examples
    --------
    >>> task(Called("jobs", "sqs:sendMessage"), jsonata=False)["Parameters"]
    {'QueueUrl': '${jobs}', 'MessageBody.$': '$'}
    """
    field = asl.ACTIONS[called.action].argument
    own = {field: f"${{{called.service}}}"}
    given = _PAYLOADS.get(called.action)
    said: Definition = own
    if called.action.endswith(":putEvents"):
        own = own | {"Source": "chainkit", "DetailType": "event"}
        said = {"Entries": [own | _input("Detail", jsonata)]}
    elif given:
        said = own | _input(given, jsonata)
    body = {"Resource": f"arn:aws:states:::{called.action}", "Arguments" if jsonata else "Parameters": said}
    if called.action == "lambda:invoke":
        body |= {"Output": "{% $states.result.Payload %}"} if jsonata else {"OutputPath": "$.Payload"}
    return body


_PAYLOADS = {
    "lambda:invoke": "Payload", "sqs:sendMessage": "MessageBody", "sns:publish": "Message",
    "states:startExecution": "Input", "sfn:startExecution": "Input", "sfn:startSyncExecution": "Input",
}  # fmt: skip


def _input(field: str, jsonata: bool) -> Definition:
    """Return the state's whole input as a field."""
    return {field: "{% $states.input %}"} if jsonata else {f"{field}.$": "$"}


def rule(target: str, *, jsonata: bool) -> Definition:
    """Return a rule of a Choice that asks whether the input has `ok`: a condition to be written over."""
    if jsonata:
        return {"Condition": "{% $exists($states.input.ok) %}", "Next": target}
    return {"Variable": "$.ok", "IsPresent": True, "Next": target}


def body(kind: str, free: Callable[[str], str], called: Called | None, *, jsonata: bool) -> Definition:
    """Return a new state of a type, without the way that leaves it.

    Parameters
    ----------
    free : gives a name that no state has yet, near to the one wanted
    called : what a Task calls
    """
    match kind:
        case "Task":
            return {"Type": "Task", **task(called or Called(PLACEHOLDER), jsonata=jsonata)}
        case "Choice":
            return {"Type": "Choice", "Choices": []}
        case "Parallel":
            return {"Type": "Parallel", "Branches": [inner(free("Branch")), inner(free("Branch"))]}
        case "Map":
            own: Any = {"Items": "{% $states.input.items %}"} if jsonata else {"ItemsPath": "$.items"}
            return {
                "Type": "Map",
                **own,
                "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, **inner(free("Item"))},
            }
        case "Wait":
            return {"Type": "Wait", "Seconds": 10}
        case "Fail":
            return {"Type": "Fail", "Error": "Failed"}
        case _:
            return {"Type": kind}


def inner(name: str) -> Definition:
    """Return a branch that does nothing yet."""
    return {"StartAt": name, "States": {name: {"Type": "Pass", "End": True}}}
