"""Amazon EventBridge custom event bus (Classic).

Model    A fan-out: every event goes to each rule whose pattern it matches, and from there to the rule's one target.
Ignored  An archive's pattern, archives without end, schemas, Pipes, API destinations, more than one target a rule, the
         Custom Event Bus of 2026.
Sources  [1] EventBridge quotas, docs.aws.amazon.com eb-quota (2026)
         [2] EventBridge retries a delivery that the target's service refuses: eb-rule-retry-policy (2026); a function's
             own errors follow Lambda's asynchronous rules
         [3] EventBridge pricing: custom events in 64 KB units; delivery in the same account is free (data/prices/)
         [4] API_CreateArchive, eb-archive (2026): kept for days, 0 without end; a name of at most 48 characters; what
             is replayed is not archived again
Checked  2026-11-27
"""

import json
import zlib
from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from chainkit.records import Api, Call, FanOut, Handle, Meter, Port, Properties, Resource
from chainkit.service import Service, Surroundings, given, logical_id, service


@service
class EventBus(Service):
    """A custom event bus: rules with patterns decide who gets an event.

    Examples
    --------
    >>> EventBus("shop").port.accepts
    ('event',)
    """

    archive_days: int | None = Field(default=None, ge=1, json_schema_extra={"source": "API_CreateArchive, 2026"})
    """How long events are kept to be replayed, days; None: not at all."""

    port: ClassVar[Port] = Port(emits=("event",), accepts=("event",))
    colour: ClassVar[str] = "#E7157B"
    label: ClassVar[str] = "EventBridge bus"
    icon: ClassVar[str] = "M3 12h18M7 12V5M12 12v7M17 12V5"
    principal: ClassVar[str] = "events.amazonaws.com"
    sends_account: ClassVar[bool] = True  # EventBridge User Guide, cross-service-confused-deputy-prevention (2026)
    grants: ClassVar[dict[str, tuple[str, ...]]] = {"event": ("events:PutEvents",)}
    handle_suffix: ClassVar[str] = "BUS_NAME"

    def behaviour(self) -> FanOut:
        """Return the fan-out."""
        return FanOut(quota="eventbridge")

    def meters(self) -> tuple[Meter, ...]:
        """Return custom events; [3]."""
        return (Meter(price="events-custom", counter="messages", why="custom events, 64 KB each; deliveries are free"),)

    def unpriced(self, leaving: Sequence[Any]) -> tuple[str, ...]:
        """Return the archive: nothing says how large events are."""
        what = "events archived and kept (archived_events and archive_gb of an EventBridgeUse)"
        return (what,) if self.archive_days is not None else ()

    def resources(self, around: Surroundings) -> tuple[Resource, ...]:
        """Return the bus, and its archive."""
        name = f"{around.chain}-{self.name}"
        bus = Resource(id=self.id, properties={"Name": name}, api=BUS)
        if self.archive_days is None:
            return (bus,)
        properties = {"ArchiveName": _short(name), "SourceArn": self.arn(), "RetentionDays": self.archive_days}
        return (bus, Resource(id=logical_id(self.name, "archive"), properties=properties, api=ARCHIVE))

    def handle(self) -> Handle:
        """Return the bus's name, which PutEvents takes."""
        return Handle(self.handle_suffix, {"Ref": self.id})

    def integration(self, is_sync: bool) -> Properties:
        """Return the service integration that puts the request's body on the bus."""
        return {
            "IntegrationType": "AWS_PROXY",
            "IntegrationSubtype": "EventBridge-PutEvents",
            "PayloadFormatVersion": "1.0",
            "RequestParameters": {
                "Detail": "$request.body",
                "DetailType": "request",
                "Source": "chainkit",
                "EventBusName": {"Ref": self.id},
            },
        }

    def entry(self) -> tuple[str, Call]:
        """Return PutEvents."""

        def parameters(p: Properties) -> dict[str, Any]:
            event = {"EventBusName": p["Ref"], "Source": "chainkit", "DetailType": "request", "Detail": p["Event"]}
            return {"Entries": [event]}

        return "events", Call("put_events", parameters)

    def handover(self) -> tuple[str, Call]:
        """Return PutEvents of an event that has its source and type already."""

        def parameters(p: Properties) -> dict[str, Any]:
            event = json.loads(p["Event"])
            named = {"Source": event["source"], "DetailType": event["detail-type"], "Resources": event["resources"]}
            return {"Entries": [{"EventBusName": p["Ref"], **named, "Detail": json.dumps(event["detail"])}]}

        return "events", Call("put_events", parameters)


def _short(name: str) -> str:
    """Return a name that an archive may have [4]: a long one is cut and told from others by a sum of its letters."""
    return name if len(name) <= 48 else f"{name[:39]}-{zlib.crc32(name.encode()):08x}"


# --- the same resources by direct calls ---

BUS = Api(
    type="AWS::Events::EventBus",
    client="events",
    create=(Call("create_event_bus", lambda p: given(p, "Name", "Tags")),),
    read=(
        Call("describe_event_bus", lambda p: {"Name": p["Name"]}),
        Call("list_tags_for_resource", lambda p: {"ResourceARN": p["Answers"]["Arn"]}),
    ),
    delete=(Call("delete_event_bus", lambda p: {"Name": p["Ref"]}),),
    arn="arn:aws:events:{region}:{account}:event-bus/{Name}",
    ref="Name",
    attributes={"Arn": "Arn", "Name": "Name"},
    settings={"Name": "Name", "Tags": "Tags"},
    missing=("ResourceNotFoundException",),
    tags="list",
)

ARCHIVE = Api(
    type="AWS::Events::Archive",
    client="events",
    create=(
        Call(
            "create_archive",
            lambda p: {"EventSourceArn": p["SourceArn"], **given(p, "ArchiveName", "RetentionDays")},
        ),
    ),
    read=(Call("describe_archive", lambda p: given(p, "ArchiveName")),),
    update=(Call("update_archive", lambda p: given(p, "ArchiveName", "RetentionDays")),),
    delete=(Call("delete_archive", lambda p: given(p, "ArchiveName")),),
    arn="arn:aws:events:{region}:{account}:archive/{ArchiveName}",
    ref="ArchiveName",
    attributes={"Arn": "ArchiveArn"},
    settings={"ArchiveName": "ArchiveName", "SourceArn": "EventSourceArn", "RetentionDays": "RetentionDays"},
    fixed=("ArchiveName", "SourceArn"),
    missing=("ResourceNotFoundException",),
)
