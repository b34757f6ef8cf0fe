"""Checks of Lambda's own queue: calls that wait for nobody, their retries, destinations and dead letters."""

import json

from chainkit.probing.checking import check, expect, require
from chainkit.probing.place import Place

RETRY_S = 60
"""AWS: Lambda waits one minute before the second attempt. An endpoint on the wall's clock does, too."""


@check
def invoke_async(at: Place) -> None:
    """The answer is 202 at once, and the event arrives."""
    gate, variables = at.gate()
    function = at.function("wait", variables=variables)
    try:
        # The handler stays until the gate opens: an answer before that has not waited for it.
        response, _ = function.invoke({"order": 7}, InvocationType="Event")
        came = function.seen(1, "the event")
    finally:
        at.open(gate, 1)

    expect("StatusCode", response["StatusCode"], 202)
    expect("the event", came, [{"order": 7}])
    at.drained(gate)  # the call goes on; it ends before its function is removed


@check
def async_retry_dest_onfailure(at: Place) -> None:
    """With one retry there are two attempts, then a record with the condition RetriesExhausted."""
    function = at.function("refuse")
    url, arn = at.queue("failed")
    at.aws("lambda").put_function_event_invoke_config(
        FunctionName=function.name, MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    function.invoke({"order": 7}, InvocationType="Event")
    came = function.reports(2, "attempts", longer_s=2 * RETRY_S)
    (record,) = at.bodies(url, 1, "the OnFailure record")

    expect("what the attempts got", [report["value"] for report in came], [{"order": 7}] * 2)
    context = record["requestContext"]
    expect("condition", context["condition"], "RetriesExhausted")
    expect("attempts by the record", context["approximateInvokeCount"], 2)
    expect("requestPayload", record["requestPayload"], {"order": 7})
    expect("the error of the response", record["responsePayload"]["errorType"], "OrderRefusedError")


@check
def async_dest_onsuccess(at: Place) -> None:
    """The OnSuccess record holds what the function answered."""
    function = at.function("tell")
    url, arn = at.queue("succeeded")
    at.aws("lambda").put_function_event_invoke_config(
        FunctionName=function.name, DestinationConfig={"OnSuccess": {"Destination": arn}}
    )
    function.invoke({"order": 7}, InvocationType="Event")
    (record,) = at.bodies(url, 1, "the OnSuccess record")

    expect("condition", record["requestContext"]["condition"], "Success")
    expect("requestPayload", record["requestPayload"], {"order": 7})
    expect("responsePayload", record["responsePayload"], {"told": {"order": 7}})


@check
def async_dlq(at: Place) -> None:
    """The dead-letter queue of a function receives the event after its attempts."""
    url, arn = at.queue("dead")
    function = at.function("refuse", DeadLetterConfig={"TargetArn": arn})
    at.aws("lambda").put_function_event_invoke_config(FunctionName=function.name, MaximumRetryAttempts=0)
    function.invoke({"order": 7}, InvocationType="Event")
    attempts = function.seen(1, "the only attempt")
    (letter,) = at.messages(url, 1, "the dead letter")

    expect("what the attempt got", attempts, [{"order": 7}])
    expect("the dead letter", json.loads(letter["Body"]), {"order": 7})
    told = letter.get("MessageAttributes", {}).get("ErrorMessage", {}).get("StringValue", "")
    require("no stock" in told, "the dead letter's ErrorMessage is the error's", told)
