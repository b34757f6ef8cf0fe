"""The handler of a function that has no code yet: it behaves as designed. Runs inside Lambda, not inside chainkit.

packaging.py zips this file with `design.json`: laws as tables of quantiles, chances of failure, and calls in the order
of their steps. A call has `variable` (environment variable that holds the target's address), `do` ("sync", "async",
"send", "publish", "put_events"), `step`, and where they differ from these: `after` (share of the work before its step),
`probability` 1, `case` none, `count` 1, `bytes` 0 (the message is padded to that), `on_error` "fail",
`client_timeout_s` none, `retry` {max_attempts 1, interval_s, backoff_rate, max_delay_s, jitter}. `parts` are done after
the own work if their `draw` lies within `probability` from `from`, and their `caller` was done; of a filter only plain
values are looked at; `draw` of a call names the draw of its chance.

The unit that came in (a request's body, a message, an event's detail) goes on to whatever is called, and back.

Where faults are injected, the trace header says how this unit goes, so that a simulation and this agree: ``Fail``, the
error that it ends with, none for none; ``Draw``, seed, replication, request and salt of its draws: a chance is then a
hash of these and of its `draw`, as in chainkit/simulation/draws.py. Else chances and failures are random.
"""

import contextvars
import hashlib
import json
import os
import random
import re
import threading
import time
import zlib
from bisect import bisect_left
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

_LONGEST_CALL_S = 900.0
_lock = threading.Lock()
_runs = 0


class CallFailed(Exception):  # noqa: N818 - Retry and Catch see this name
    """A call that the design counts on was not answered."""


@cache
def design() -> dict[str, Any]:
    """Return how to behave."""
    text = Path(__file__).with_name("design.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def handle(event: Any, _context: Any) -> Any:
    """Work each unit of the event, one after another."""
    time.sleep(_drawn_s(design()["overhead"]))
    if not isinstance(event, dict) or not isinstance(event.get("Records"), list):
        unit = _work(unwrapped(event), os.environ.get("_X_AMZN_TRACE_ID", ""))
        is_web = isinstance(event, dict) and "http" in event.get("requestContext", {})
        return {"statusCode": 200, "body": json.dumps(unit)} if is_web else unit
    failed = []
    for record in event["Records"]:
        header = record.get("attributes", {}).get("AWSTraceHeader") or os.environ.get("_X_AMZN_TRACE_ID", "")
        try:
            _work(unwrapped(record), header)
        except Exception:
            if not design()["reports"] or "messageId" not in record:
                raise
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed} if design()["reports"] else None


def unwrapped(message: Any) -> Any:
    """Return what is inside a message of an API, SQS, SNS, EventBridge or a destination, also in one another."""
    match message:
        case {"requestContext": {"http": _}}:
            return unwrapped(_parsed(message.get("body")))
        case {"Sns": {"Message": text}} | {"Type": "Notification", "Message": text} | {"messageId": _, "body": text}:
            return unwrapped(_parsed(text))
        case {"detail-type": _, "detail": inner} | {"requestPayload": inner, "requestContext": _}:
            return unwrapped(inner)
    return message


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


# --- the designed work ---


def _work(unit: Any, header: str) -> Any:
    """Take the designed time for one unit, cut by the calls; fail at its end at the designed rate; do the parts."""
    global _runs
    _runs += 1
    plan, is_first, done, is_over = design(), _runs == 1, 0.0, False
    work_s = _own_s(plan, is_first=is_first)
    steps = [list(calls) for _, calls in groupby(_chosen(plan["calls"], header), key=lambda call: call["step"])]
    for calls in [*steps, []]:
        share = max(done, calls[0]["after"] if calls else 1.0)
        time.sleep((share - done) * work_s)
        done = share
        if share >= 1 and not is_over:
            is_over = True
            _fail_or_not(plan, os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""), header)
            _parts(plan.get("parts", []), unit, header, is_first=is_first)
        if calls:
            _together(calls, unit)
    return unit


def _own_s(plan: dict[str, Any], *, is_first: bool) -> float:
    """Return a draw of the work of a function or part."""
    return _drawn_s(plan["first_work"] if is_first and plan["first_work"] else plan["work"])


def _fail_or_not(plan: dict[str, Any], who: str, header: str) -> None:
    """Fail at the designed rate, and always for poison; or as the header says."""
    if "Draw=" in header and "caller" not in plan:
        if told := re.search(r"Fail=([^;]+)", header):
            raise type(told[1], (Exception,), {})("injected: failed as designed, or by a fault")
        return
    if _is_poison(plan, who, header) or random.random() < plan["error_rate"]:
        raise type(plan["error_name"], (Exception,), {})("failed as designed")


def _parts(parts: list[dict[str, Any]], unit: Any, header: str, *, is_first: bool) -> None:
    """Do the parts that this unit needs, one after another."""
    done, drawn = {""}, dict[str, float]()
    for part in parts:
        u = drawn.setdefault(part["draw"], random.random()) - part["from"]
        if part["caller"] not in done or not 0 <= u < part["probability"] or not _is_wanted(part, unit):
            continue
        time.sleep(_own_s(part, is_first=is_first))
        try:
            _fail_or_not(part, part["name"], header)
        except Exception:
            gone = _what_ends(parts, part)
            if not gone:
                raise
            done -= gone
        else:
            done.add(part["name"])


def _what_ends(parts: list[dict[str, Any]], failed: dict[str, Any]) -> set[str]:
    """Return the parts that end with a failed one: the nearest above it that is allowed to fail, and all below that."""
    by_name = {part["name"]: part for part in parts}
    top = failed
    while not top["goes_on"]:
        if not top["caller"]:
            return set()
        top = by_name[top["caller"]]
    gone = {top["name"]}
    for part in parts:
        gone |= {part["name"]} if part["caller"] in gone else set()
    return gone


def _is_wanted(part: dict[str, Any], unit: Any) -> bool:
    """Tell whether a unit's values pass a part's filter, as far as it lists plain values."""
    for field, rules in (part["filter_policy"] or {}).items():
        is_plain = not any(isinstance(rule, dict | list) for rule in rules)
        if is_plain and isinstance(unit, dict) and field in unit and unit[field] not in rules:
            return False
    return True


def _drawn_s(table: list[list[float]] | None) -> float:
    """Return a draw from a table of quantiles."""
    if table is None:
        return 0.0
    p, times_s = table
    u = random.random()
    k = max(bisect_left(p, u), 1)
    return times_s[k - 1] + (u - p[k - 1]) / (p[k] - p[k - 1]) * (times_s[k] - times_s[k - 1])


def _is_poison(plan: dict[str, Any], name: str, header: str) -> bool:
    """Tell whether this request fails here on every attempt: the same answer for the same trace, whoever asks."""
    root = re.search(r"Root=([^;\s]+)", header)
    who = f"{name} {root[1] if root else random.random()}"
    return zlib.crc32(who.encode()) / 2**32 < float(plan["poison_fraction"])


def _chosen(calls: list[dict[str, Any]], header: str = "") -> list[dict[str, Any]]:
    """Return the calls that this unit makes; of those that share a case, at most one."""
    left: dict[str, float] = {}
    kept = []
    for call in calls:
        case = call.get("case") or f"own {call['variable']} {call['do']} {len(left)}"
        chance = call.get("probability", 1.0)
        u = left.setdefault(case, _uniform(call.get("draw", ""), header))
        if 0 <= u < chance:
            kept.append(call)
        left[case] = u - chance
    return kept


_MASK = (1 << 64) - 1


def _uniform(site: str, header: str) -> float:
    """Return the draw of a site for the unit that a header tells of; a random one where it does not."""
    told = re.search(r"Draw=(-?\d+):(\d+):(\d+):([0-9a-f]+)", header)
    if not told or not site:
        return random.random()
    seed, replication, request, salt = int(told[1]), int(told[2]), int(told[3]), int(told[4], 16)
    digest = hashlib.blake2b(f"{seed}/{site}".encode(), digest_size=8).digest()
    key = _mix(int.from_bytes(digest, "little") + replication * 0x9E3779B97F4A7C15)
    return _mix(key + request * 0x9E3779B97F4A7C15 + salt * 0xD1B54A32D192ED03) / 2.0**64


def _mix(x: int) -> int:
    """Return splitmix64's finaliser of a 64-bit word."""
    x &= _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


# --- the designed calls ---


def _together(calls: list[dict[str, Any]], unit: Any) -> None:
    """Make calls at the same time; the first that fails ends the wait, and the others run on."""
    if len(calls) == 1:
        _call(calls[0], unit)
        return
    threads = ThreadPoolExecutor(len(calls))
    started = [threads.submit(contextvars.copy_context().run, _call, call, unit) for call in calls]
    done, _ = wait(started, return_when=FIRST_EXCEPTION)
    threads.shutdown(wait=False)
    for future in done:
        future.result()


def _call(call: dict[str, Any], unit: Any) -> None:
    """Make one call, again and again as designed."""
    retry = call.get("retry", {"max_attempts": 1})
    for attempt in range(1, retry["max_attempts"] + 1):
        try:
            for _ in range(call.get("count", 1)):
                _SENDERS[call["do"]](os.environ[call["variable"]], _padded(unit, call.get("bytes", 0)), call)
        except Exception:
            if attempt == retry["max_attempts"]:
                if call.get("on_error") == "continue":
                    return
                raise
            delay_s = min(retry["interval_s"] * retry["backoff_rate"] ** (attempt - 1), retry["max_delay_s"])
            time.sleep(delay_s * (random.random() if retry["jitter"] == "full" else 1.0))
        else:
            return


def _padded(unit: Any, size_bytes: int) -> str:
    """Return the unit as JSON of at least that many bytes."""
    content = unit if isinstance(unit, dict) else {"unit": unit}
    text = json.dumps(content)
    missing = size_bytes - len(json.dumps({**content, "padding": ""}))
    return json.dumps({**content, "padding": "." * missing}) if missing > 0 else text


@cache
def _client(service: str, timeout_s: float = _LONGEST_CALL_S) -> Any:
    import boto3  # here: a function that calls nothing does not wait for it at a cold start
    from botocore.config import Config

    # One try: retries belong to the design.
    config = Config(retries={"total_max_attempts": 1}, read_timeout=timeout_s, max_pool_connections=50)
    client: Any = boto3.client
    with _lock:  # boto3's default session makes one client at a time
        return client(service, config=config)


def _invoke(address: str, text: str, call: dict[str, Any]) -> None:
    timeout_s = call.get("client_timeout_s") or _LONGEST_CALL_S
    is_sync = call["do"] == "sync"
    if ":stateMachine:" in address:
        machines = _client("stepfunctions", timeout_s)
        if not is_sync:
            machines.start_execution(stateMachineArn=address, input=text)
            return
        run = machines.start_sync_execution(stateMachineArn=address, input=text)
        error = None if run["status"] == "SUCCEEDED" else run.get("error", run["status"])
    else:
        kind = "RequestResponse" if is_sync else "Event"
        run = _client("lambda", timeout_s).invoke(FunctionName=address, InvocationType=kind, Payload=text.encode())
        answer = _parsed(run["Payload"].read())
        error = answer.get("errorType", "Error") if "FunctionError" in run else None
    if error:
        raise CallFailed(f"{address}: {error}")


def _send(address: str, text: str, _: dict[str, Any]) -> None:
    _client("sqs").send_message(QueueUrl=address, MessageBody=text)


def _publish(address: str, text: str, _: dict[str, Any]) -> None:
    """Publish with the unit's own short values as attributes, so that filters can read them."""
    attributes = {
        key: {"DataType": "String" if isinstance(value, str | bool) else "Number", "StringValue": str(value)}
        for key, value in json.loads(text).items()
        if key != "padding" and isinstance(value, str | int | float) and value != ""
    }
    first = dict(list(attributes.items())[:10])  # more than ten do not pass to a queue
    _client("sns").publish(TopicArn=address, Message=text, MessageAttributes=first)


def _put_events(address: str, text: str, _: dict[str, Any]) -> None:
    source = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "chainkit")
    entry = {"EventBusName": address, "Source": source, "DetailType": "stand-in", "Detail": text}
    answer = _client("events").put_events(Entries=[entry])
    if answer["FailedEntryCount"]:  # PutEvents answers 200 for events that it did not take
        raise CallFailed(f"{address}: {answer['Entries'][0].get('ErrorCode')}")


_SENDERS = {"sync": _invoke, "async": _invoke, "send": _send, "publish": _publish, "put_events": _put_events}
