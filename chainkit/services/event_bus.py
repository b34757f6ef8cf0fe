"""Amazon EventBridge custom event bus (Classic).

Model    A fan-out: every event goes to each rule whose pattern it matches, and from there to the rule's one target.
Ignored  Archives, schemas, Pipes, API destinations, more than one target a rule, the Custom Event Bus of 2026.
Sources  [1] EventBridge quotas, docs.aws.amazon.com eb-quota (2026)
         [2] EventBridge retries a delivery that the target's service refuses: eb-rule-retry-policy (2026); a function's
             own errors follow Lambda's asynchronous rules
         [3] EventBridge pricing: custom events in 64 KB units; delivery in the same account is free (data/prices/)
Checked  2026-11-23
"""

from typing import Any, ClassVar

from chainkit.records import Api, Call, FanOut, Handle, Meter, Port, Properties, Resource
from chainkit.service import Service, Surroundings, given, service


@service
class EventBus(Service):
    """A custom event bus: rules with patterns decide who gets an event.

    Examples
    --------
    >>> EventBus("shop").port.accepts
    ('event',)
    """

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

    def resources(self, around: Surroundings) -> tuple[Resource, ...]:
        """Return the bus."""
        properties = {"Name": f"{around.chain}-{self.name}"}
        return (Resource(id=self.id, properties=properties, api=BUS),)

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


# --- the same resource by direct calls ---

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
