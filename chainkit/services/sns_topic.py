"""Amazon SNS standard topic.

Model    A fan-out: every published message goes at once to each subscription whose filter lets it pass.
Ignored  FIFO topics, HTTP and e-mail endpoints, message archive; delivery retries (only for failures inside AWS).
Sources  [1] SNS message delivery retries, docs.aws.amazon.com sns-message-delivery-retries (2026): 100,015 tries to
             Lambda and SQS, which end when Lambda accepts the event
         [2] SNS pricing: publishes in 64 KB units; delivery to SQS and Lambda is free (data/prices/)
Checked  2026-11-23
"""

from typing import Any, ClassVar

from chainkit.records import Api, Call, FanOut, Meter, Port, Resource
from chainkit.service import Service, Surroundings, as_text, given, service


@service
class SnsTopic(Service):
    """A standard topic: publishers do not know who listens.

    Examples
    --------
    >>> SnsTopic("events").port.emits
    ('notification',)
    """

    port: ClassVar[Port] = Port(emits=("notification",), accepts=("notification",))
    colour: ClassVar[str] = "#E7157B"
    label: ClassVar[str] = "SNS topic"
    icon: ClassVar[str] = "M3.5 12h6M9.5 12l8-7M9.5 12h9M9.5 12l8 7M17.5 5h.01M18.5 12h.01M17.5 19h.01"
    grants: ClassVar[dict[str, tuple[str, ...]]] = {"notification": ("sns:Publish",)}
    handle_suffix: ClassVar[str] = "TOPIC_ARN"

    def behaviour(self) -> FanOut:
        """Return the fan-out."""
        return FanOut()

    def meters(self) -> tuple[Meter, ...]:
        """Return publishes; [2]."""
        return (Meter(price="sns-publishes", counter="messages", why="publishes, 64 KB each; deliveries are free"),)

    def resources(self, around: Surroundings) -> tuple[Resource, ...]:
        """Return the topic."""
        properties = {"TopicName": f"{around.chain}-{self.name}"}
        return (Resource(id=self.id, properties=properties, api=TOPIC),)

    def admission(self, principals: tuple[tuple[str, Any], ...]) -> tuple[Resource, ...]:
        """Return the topic policy that lets AWS services publish here by themselves."""
        statements = [
            {
                "Effect": "Allow",
                "Principal": {"Service": principal},
                "Action": "sns:Publish",
                "Resource": self.arn(),
                "Condition": {"ArnEquals": {"aws:SourceArn": source}},
            }
            for principal, source in principals
        ]
        document = {"Version": "2012-10-17", "Statement": statements}
        return (
            Resource(
                id=f"{self.id}Policy",
                properties={"Topics": [{"Ref": self.id}], "PolicyDocument": document},
                api=TOPIC_POLICY,
            ),
        )

    def arn(self) -> Any:
        """Return the topic's ARN, which is also its physical id."""
        return {"Ref": self.id}

    def entry(self) -> tuple[str, Call]:
        """Return Publish."""
        return "sns", Call("publish", lambda p: {"TopicArn": p["Ref"], "Message": p["Event"]})


# --- the same resources by direct calls ---

TOPIC = Api(
    type="AWS::SNS::Topic",
    client="sns",
    create=(Call("create_topic", lambda p: {"Name": p["TopicName"], **given(p, "Tags")}),),
    read=(
        Call("get_topic_attributes", lambda p: {"TopicArn": p["Ref"]}),
        Call("list_tags_for_resource", lambda p: {"ResourceArn": p["Ref"]}),
    ),
    find=(Call("list_topics", lambda _: {}),),
    found=lambda answer, p: next(
        each["TopicArn"] for each in answer["Topics"] if each["TopicArn"].rpartition(":")[2] == p["TopicName"]
    ),
    delete=(Call("delete_topic", lambda p: {"TopicArn": p["Ref"]}),),
    arn="arn:aws:sns:{region}:{account}:{TopicName}",
    ref="TopicArn || Attributes.TopicArn",
    attributes={"TopicName": "Attributes.TopicArn"},
    settings={"TopicName": lambda answer, p: answer["Attributes"]["TopicArn"].rsplit(":", 1)[1], "Tags": "Tags"},
    missing=("NotFoundException", "NotFound"),
    tags="list",
)

_POLICY = Call(
    "set_topic_attributes",
    lambda p: {"TopicArn": p["Topics"][0], "AttributeName": "Policy", "AttributeValue": as_text(p["PolicyDocument"])},
)

TOPIC_POLICY = Api(
    type="AWS::SNS::TopicPolicy",
    client="sns",
    create=(_POLICY,),
    read=(Call("get_topic_attributes", lambda p: {"TopicArn": p["Topics"][0]}),),
    update=(_POLICY,),
    delete=(),
    ref="Attributes.TopicArn",
    settings={"PolicyDocument": "Attributes.Policy"},
    missing=("NotFoundException", "NotFound"),
)
