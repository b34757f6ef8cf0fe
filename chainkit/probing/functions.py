"""Checks of Lambda itself: calls that wait for the answer, environments, throttles, versions, metrics, URLs."""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from chainkit.probing.checking import check, expect, require
from chainkit.probing.place import Place, code


@check
def invoke_sync(at: Place) -> None:
    """The payload comes back; the remaining time is within (0, timeout]; the log's tail has what was printed."""
    function = at.function("echo", timeout_s=7)
    response, answer = function.invoke({"order": 7}, LogType="Tail")

    expect("StatusCode", response["StatusCode"], 200)
    expect("FunctionError", response.get("FunctionError"), None)
    expect("the event", answer["event"], {"order": 7})
    require(0 < answer["remaining_ms"] <= 7000, "the remaining time is within 7000 ms", answer["remaining_ms"])
    tail = base64.b64decode(response.get("LogResult", "")).decode()
    require("echo was here" in tail, "LogResult has what the handler printed", tail)
    require("REPORT RequestId" in tail, "LogResult has the REPORT line", tail)


@check
def invoke_warm_reuse(at: Place) -> None:
    """Three calls in line run in one environment, which counts 1, 2, 3."""
    function = at.function("count")
    answers = [function.invoke({})[1] for _ in range(3)]

    expect("what the module counted", [answer["calls"] for answer in answers], [1, 2, 3])
    expect("environments", len({answer["environment"] for answer in answers}), 1)


@check
def invoke_error(at: Place) -> None:
    """FunctionError is Unhandled, and errorType the exception's own name."""
    response, answer = at.function("refuse").invoke({"order": 7})

    expect("FunctionError", response.get("FunctionError"), "Unhandled")
    expect("errorType", answer.get("errorType"), "OrderRefusedError")
    expect("errorMessage", answer.get("errorMessage"), "no stock")


@check
def invoke_timeout(at: Place) -> None:
    """A function is ended at its timeout; the payload says "Task timed out"."""
    response, answer = at.function("oversleep", timeout_s=2).invoke({})

    require(bool(response.get("FunctionError")), "FunctionError is set", response.get("FunctionError"))
    text = str(answer.get("errorMessage"))
    require("Task timed out after 2.00 seconds" in text, "the payload says that it timed out after 2.00 seconds", text)


@check
def reentrant_sync(at: Place) -> None:
    """A function calls another through boto3 and answers with its answer."""
    inner, outer = at.function("echo"), at.function("call")
    response, answer = outer.invoke({"call": inner.name, "with": {"order": 7}})

    expect("FunctionError", response.get("FunctionError"), None)
    expect("what the inner function got", answer["called"]["event"], {"order": 7})


@check
def concurrent_envs(at: Place) -> None:
    """Four calls are under way at the same time, each in an environment of its own."""
    gate, variables = at.gate()
    function = at.function("wait", variables=variables)
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(function.invoke, {"call": k}) for k in range(4)]
        try:
            # No call can end before the gate opens, so four reports are four calls at once, however slow the machine.
            came = function.reports(4, "calls at the same time")
        finally:
            at.open(gate, 4)
        answers = [call.result()[1] for call in calls]

    expect("calls", sorted(report["value"]["call"] for report in came), [0, 1, 2, 3])
    expect("environments", len({report["environment"] for report in came}), 4)
    expect("answers", sorted(answers), sorted(report["environment"] for report in came))


@check
def reserved_concurrency_throttle(at: Place) -> None:
    """With a reserved concurrency of 1 and a call under way, a second one gets TooManyRequestsException."""
    gate, variables = at.gate()
    function = at.function("wait", variables=variables)
    at.aws("lambda").put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(function.invoke, {"call": 1})
        try:
            function.reports(1, "the first call")
            refused = _error_of(pool.submit(function.invoke, {"call": 2}), at.patience_s)
        finally:
            at.open(gate, 2)  # the second's too, if it was let in
        first.result()

    expect("the second call's error", refused, "TooManyRequestsException")


def _error_of(call: Future[Any], patience_s: float) -> str | None:
    """Return the code of the error that a call ends with, or None if it ends well or not at all."""
    try:
        call.result(patience_s)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    except TimeoutError:
        return None
    return None


@check
def alias_invoke_version_pin(at: Place) -> None:
    """An alias runs the version that it names after $LATEST has changed."""
    client, function = at.aws("lambda"), at.function("release")
    version = client.publish_version(FunctionName=function.name)["Version"]
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion=version)
    client.update_function_code(FunctionName=function.name, ZipFile=code(release=2))
    look = client.get_function_configuration
    at.until("the update is through", lambda: look(FunctionName=function.name).get("LastUpdateStatus") != "InProgress")
    pinned, by_alias = function.invoke({}, Qualifier="live")
    _, latest = function.invoke({})

    expect("releases by alias and without", (by_alias, latest), ("1", "2"))
    expect("ExecutedVersion by alias", pinned.get("ExecutedVersion"), version)


@check
def lambda_metrics(at: Place) -> None:
    """A failed call is a datapoint of AWS/Lambda's Errors."""
    function = at.function("refuse")
    function.invoke({})
    now = datetime.now(UTC)

    def points() -> list[float]:
        answer = at.aws("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="Errors",
            Dimensions=[{"Name": "FunctionName", "Value": function.name}],
            StartTime=now - timedelta(minutes=10),
            EndTime=now + timedelta(minutes=10),
            Period=60,
            Statistics=["Sum"],
        )
        return [point["Sum"] for point in answer["Datapoints"]]

    expect("errors", sum(at.until("a datapoint of Errors", points)), 1.0)


@check
def function_url(at: Place) -> None:
    """The host of a function's URL answers with the handler's status and body."""
    client, function = at.aws("lambda"), at.function("page")
    url = client.create_function_url_config(FunctionName=function.name, AuthType="NONE")["FunctionUrl"]
    at.later("lambda", "delete_function_url_config", FunctionName=function.name)
    client.add_permission(
        FunctionName=function.name,
        StatementId="everyone",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )
    status, body = _requested(at, url)

    expect("status", status, 201)
    expect("body", body, {"path": "/orders/7", "body": '{"amount": 5}'})


def _requested(at: Place, url: str) -> tuple[int, object]:
    """Send a request to the endpoint in the name of a URL's host, as if that name led there."""
    host, path = urllib.parse.urlsplit(url).netloc, "/orders/7"
    request = urllib.request.Request(
        at.aws.url.rstrip("/") + path,
        json.dumps({"amount": 5}).encode(),
        {"Host": host, "Content-Type": "application/json"},
        method="POST",
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=at.patience_s) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
