"""Route: EventBridge rules -> function, queue, topic, state machine, bus, stream, log group, archive.

Kept from AWS [aws-semantics 4]: rule state, patterns, Input, InputPath, InputTransformer, asynchronous invocation;
PutEvents never fails because of a target; a target that is gone is a client error: dead letter or lost. Ignored:
retriable errors and their 24 h. A target that the emulator does not have (an API destination) is told as a failure.
"""

from __future__ import annotations

import copy
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import JsonRESTError, ServiceException
from moto.events.exceptions import ResourceNotFoundException
from moto.events.models import EventsBackend, Rule

from chainkit.emulation import archives
from chainkit.emulation.delivery import TargetGoneError
from chainkit.emulation.faulting import VISIT
from chainkit.emulation.notifications import send_dead_letter
from chainkit.emulation.patching import patch
from chainkit.emulation.story import ROOTS

if TYPE_CHECKING:
    from chainkit.emulation.host import Host


def install(host: Host) -> None:
    """Replace how a rule sends to its targets."""

    def put_one(backend: EventsBackend, event: dict[str, Any]) -> list[dict[str, Any]]:
        arn = _bus_arn(backend, event.get("EventBusName") or "default")
        for visit in host.invoker.faults.arrivals(arn, ROOTS.get()):
            with host.invoker.faults.visiting(visit):
                answer: list[dict[str, Any]] = original_put(backend, [event])
        return answer

    def put(backend: EventsBackend, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        began = host.clock.moment()
        if len(events) > 10:
            original_put(backend, events)  # which refuses so many
        entries = [entry for event in events for entry in put_one(backend, event)]
        for event, entry in zip(events, entries, strict=True):
            host.story.tell(
                "put events",
                _bus_arn(backend, event.get("EventBusName") or "default"),
                status="error" if "ErrorCode" in entry else "ok",
                reason=entry.get("ErrorMessage", ""),
                began=began,
                span_s=host.clock.now_s() - began.at_s,
                ids=[entry["EventId"]] if "EventId" in entry else [],
            )
        return entries

    def send(rule: Rule, original_event: Any, transform_input: bool = True) -> None:
        is_schedule = rule.scheduled_expression and not rule.event_pattern.get_pattern()
        if rule.state == "DISABLED" or is_schedule or not rule.event_pattern.matches_event(original_event):
            return
        send_all(host, rule, original_event)

    original_put = patch("events.models:EventsBackend.put_events", put)
    patch("events.models:Rule.send_to_targets", send)
    _install_tags()


def _install_tags() -> None:
    """Let tags belong to an ARN: moto looks a rule up by its name, whichever bus it is on."""
    place = "events.models:EventsBackend."

    def checked(backend: EventsBackend, arn: str) -> str:
        buses = backend.event_buses.values()
        if arn in {bus.arn for bus in buses} | {rule.arn for bus in buses for rule in bus.rules.values()}:
            return arn
        raise ResourceNotFoundException(f"{arn} does not exist.")

    def list_tags(backend: EventsBackend, arn: str) -> dict[str, list[dict[str, str]]]:
        return backend.tagger.list_tags_for_resource(checked(backend, arn))

    def tag(backend: EventsBackend, arn: str, tags: dict[str, str]) -> None:
        backend.tagger.tag_resource(checked(backend, arn), backend.tagger.convert_dict_to_tags_input(tags))

    def untag(backend: EventsBackend, arn: str, tag_keys: list[str]) -> None:
        backend.tagger.untag_resource_using_names(checked(backend, arn), tag_keys)

    patch(f"{place}list_tags_for_resource", list_tags)
    patch(f"{place}tag_resource", tag)
    patch(f"{place}untag_resource", untag)


def _bus_arn(backend: EventsBackend, name: str) -> str:
    is_arn = name.startswith("arn:")
    return name if is_arn else f"arn:aws:events:{backend.region_name}:{backend.account_id}:event-bus/{name}"


def send_all(host: Host, rule: Rule, raw: dict[str, Any]) -> None:
    """Hand an event, as moto keeps it, to all targets of a rule; none of them makes this fail."""
    for target in list(rule.targets):
        visit = VISIT.get()
        if visit is not None and host.invoker.faults.is_dead(visit.at, target["Arn"]):
            host.story.tell("filtered", rule.arn, reason="injected: dead consumer", ids=[raw["id"]])
        elif target["Arn"].endswith(":::"):
            archives.keep(host, rule, raw)
        else:
            _deliver(host, rule, target, event_of(raw))


def _deliver(host: Host, rule: Rule, target: dict[str, Any], event: dict[str, Any]) -> None:
    arn, ids = target["Arn"], [event["id"]]
    try:
        _send(host, rule, target, event)
    except (TargetGoneError, ServiceException, JsonRESTError, RecursionError) as error:
        host.story.tell("delivery", arn, status="error", reason=str(error), ids=ids)
        attributes = {
            "RULE_ARN": ("String", rule.arn),
            "TARGET_ARN": ("String", arn),
            "ERROR_CODE": ("String", str(error).partition(":")[0]),
            "ERROR_MESSAGE": ("String", str(error)),
        }
        queue = target.get("DeadLetterConfig", {}).get("Arn")
        body = json.dumps(event)
        send_dead_letter(host, queue, lambda: host.delivery.to_queue(queue, body, attributes), rule.arn, ids)
    else:
        host.story.tell("delivery", arn, ids=ids)


def _send(host: Host, rule: Rule, target: dict[str, Any], event: dict[str, Any]) -> None:
    arn, text = target["Arn"], input_of(target, event, rule)
    service = arn.split(":")[2]
    if service == "sqs":
        host.delivery.to_queue(arn, text, group_id=target.get("SqsParameters", {}).get("MessageGroupId"))
    elif service == "sns":
        host.delivery.to_topic(arn, text)
    elif service == "lambda":
        host.delivery.to_function(arn, text)
    elif service == "states":
        host.delivery.to_machine(arn, text)
    elif service == "kinesis":
        path = target.get("KinesisParameters", {}).get("PartitionKeyPath", "$.id")
        host.delivery.to_stream(arn, text, str(value_at(event, path)))
    elif service == "logs":
        host.delivery.to_log_group(arn, json.loads(text)["message"] if "InputTransformer" in target else text)
    elif ":event-bus/" in arn:
        time_s = datetime.fromisoformat(event["time"]).timestamp()
        detail = json.dumps(event["detail"])
        host.delivery.to_bus(
            arn, event["source"], event["detail-type"], detail, resources=event["resources"], time_s=time_s
        )
    else:
        raise TargetGoneError(f"NotEmulated: chainkit has no target {arn}")


def event_of(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the event as targets see it: moto keeps the time as a number and adds a field of its own."""
    event = {name: value for name, value in copy.deepcopy(raw).items() if name != "ingestion-time"}
    if isinstance(event["time"], (int, float)):
        event["time"] = datetime.fromtimestamp(event["time"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return event


def input_of(target: dict[str, Any], event: dict[str, Any], rule: Rule) -> str:
    """Return the text that a target gets."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        return json.dumps(value_at(event, target["InputPath"]))
    transformer = target.get("InputTransformer")
    if not transformer:
        return json.dumps(event)
    values = {name: value_at(event, path) for name, path in transformer.get("InputPathsMap", {}).items()}
    values |= {
        "aws.events.rule-arn": rule.arn,
        "aws.events.rule-name": rule.name,
        "aws.events.event.json": event,
        "aws.events.event": event,
        "aws.events.event.ingestion-time": event["time"],
    }
    return fill_in(transformer["InputTemplate"], values)


def value_at(event: Any, path: str) -> Any:
    """Return the value at a path such as ``$.detail.items[0].id``; None if there is none.

    >>> value_at({"detail": {"items": [{"id": 7}]}}, "$.detail.items[0].id")
    7
    """
    value = event
    for name, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path):
        try:
            value = value[int(index)] if index else value[name]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def fill_in(template: str, values: dict[str, Any]) -> str:
    """Return an input template with ``<name>`` replaced: as JSON, or as bare text within a string.

    >>> fill_in('{"id": <id>, "say": "order <id>"}', {"id": "A1"})
    '{"id": "A1", "say": "order A1"}'
    >>> fill_in("<$.body.items[0]>", {"$.body.items[0]": {"id": 7}})
    '{"id": 7}'
    """

    def insert(found: re.Match[str]) -> str:
        name = found[1]
        if name not in values:
            return found[0]
        is_in_string = len(re.findall(r'(?<!\\)"', template[: found.start()])) % 2 == 1
        if not is_in_string:
            return json.dumps(values[name])
        value = values[name]
        return json.dumps(value if isinstance(value, str) else json.dumps(value))[1:-1]

    return re.sub(r"<([\w.$\[\]/*-]+)>", insert, template)
