"""State machines for checks: made, run to their end, removed."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from chainkit.probing.checking import Unmet, shown
from chainkit.probing.place import Place

States = Mapping[str, Mapping[str, Any]]


def machine(at: Place, states: States, *, word: str = "machine", kind: str = "STANDARD", **top: Any) -> str:
    """Make a state machine; return its ARN.

    Parameters
    ----------
    states : its states; the first one is where it starts
    kind : "STANDARD" or "EXPRESS"
    top : more fields of the definition
    """
    definition = {"StartAt": next(iter(states)), "States": states, **top}
    made = at.aws("stepfunctions").create_state_machine(
        name=at.name(word), definition=json.dumps(definition), roleArn=at.role(), type=kind
    )
    arn = str(made["stateMachineArn"])
    at.later("stepfunctions", "delete_state_machine", stateMachineArn=arn)
    return arn


def outcome(at: Place, arn: str, given: Any) -> dict[str, Any]:
    """Run an execution to its end; return what DescribeExecution says."""
    client = at.aws("stepfunctions")
    started = client.start_execution(stateMachineArn=arn, name=uuid.uuid4().hex, input=json.dumps(given))
    execution = started["executionArn"]

    def ended() -> dict[str, Any] | None:
        said: dict[str, Any] = client.describe_execution(executionArn=execution)
        return said if said["status"] != "RUNNING" else None

    try:
        return at.until("the end of the execution", ended)
    except Unmet:
        client.stop_execution(executionArn=execution)
        raise


def output(at: Place, arn: str, given: Any) -> Any:
    """Run an execution and return its output, read as JSON.

    Raises
    ------
    Unmet
        If it does not succeed.
    """
    said = outcome(at, arn, given)
    if said["status"] != "SUCCEEDED":
        raise Unmet(f"the execution {said['status']}: {shown(said.get('error'))} {shown(said.get('cause'))}")
    return json.loads(said["output"])


def call(function: str, then: str | None = None, **fields: Any) -> dict[str, Any]:
    """Return a Task state that calls a function by its ARN with the state's input."""
    return {"Type": "Task", "Resource": function, **({"Next": then} if then else {"End": True}), **fields}
