"""Amazon SQS standard queue.

Model    A buffer: messages wait until a poller takes a batch; one that is not deleted in time comes back.
Ignored  FIFO, fair queues, retention (four days by default), server-side encryption with KMS.
Sources  [1] Amazon SQS quotas, docs.aws.amazon.com quotas-messages (2026)
         [2] SQS pricing: every API action counts, 64 KB of payload each (data/prices/)
         [3] Lambda's mapping polls all day: 5 pollers, 20 s waits, 180 empty receives an hour each (AWS text quoted in
             2024-25; the 20 s is an assumption). Counted as if none of these polls brought a message: at most
         [4] Each message is sent by a call of its own, never as a batch of ten; so is what a topic or bus delivers here
             (an assumption). What fails comes back by itself: no ChangeMessageVisibility. The way to a dead-letter
             queue is no request
Checked  2026-11-27
"""

from typing import Any, ClassVar

from pydantic import Field

from chainkit.records import Api, Buffer, Call, Meter, Port, Properties, Resource
from chainkit.service import Service, Surroundings, as_text, service, tag_list, tag_map


@service
class SqsQueue(Service):
    """A standard queue: a buffer that pollers empty in batches, each message at least once, in no promised order.

    Examples
    --------
    >>> SqsQueue("jobs", visibility_timeout_s=60).behaviour()
    Buffer(visibility_timeout_s=60.0, delay_s=0.0)
    """

    visibility_timeout_s: int = Field(default=30, ge=0, le=43_200, json_schema_extra={"source": "SQS quotas, 2026"})
    """How long a received message stays hidden, seconds."""
    delay_s: int = Field(default=0, ge=0, le=900, json_schema_extra={"source": "SQS quotas, 2026"})
    """How long a new message stays hidden, seconds."""
    retention_s: int = Field(default=345_600, ge=60, le=1_209_600, json_schema_extra={"source": "SQS quotas, 2026"})
    """How long a message that nobody deletes is kept, seconds."""

    port: ClassVar[Port] = Port(emits=("batch", "redrive"), accepts=("message", "delivery", "redrive"))
    colour: ClassVar[str] = "#E7157B"
    label: ClassVar[str] = "SQS queue"
    icon: ClassVar[str] = "M3.5 7.5h4v9h-4zM10 7.5h4v9h-4zM16.5 7.5h4v9h-4z"
    grants: ClassVar[dict[str, tuple[str, ...]]] = {
        "message": ("sqs:SendMessage",),
        "delivery": ("sqs:SendMessage",),
        "batch": ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    }
    handle_suffix: ClassVar[str] = "QUEUE_URL"
    delivery_protocol: ClassVar[str] = "sqs"

    def behaviour(self) -> Buffer:
        """Return the buffer."""
        return Buffer(visibility_timeout_s=float(self.visibility_timeout_s), delay_s=float(self.delay_s))

    def meters(self) -> tuple[Meter, ...]:
        """Return every kind of request that is billed; [2], [3], [4]."""
        price = "sqs-standard-requests"
        return (
            Meter(price=price, counter="sends", why="messages sent, 64 KB each"),
            Meter(price=price, counter="receives", why="receives that brought a batch"),
            Meter(price=price, counter="deletes", why="deletes, ten messages each"),
            Meter(price=price, counter="empty_receives", per="hour", why="long polls of the mapping that find nothing"),
        )

    def resources(self, around: Surroundings) -> tuple[Resource, ...]:
        """Return the queue."""
        properties: dict[str, Any] = {
            "QueueName": f"{around.chain}-{self.name}",
            "VisibilityTimeout": self.visibility_timeout_s,
            "DelaySeconds": self.delay_s,
            "MessageRetentionPeriod": self.retention_s,
        }
        if "redrive" in around.attached:
            properties["RedrivePolicy"] = around.attached["redrive"]
        return (Resource(id=self.id, properties=properties, api=QUEUE),)

    def admission(self, principals: tuple[tuple[str, Any], ...]) -> tuple[Resource, ...]:
        """Return the queue policy that lets AWS services send here by themselves."""
        statements = [
            {
                "Effect": "Allow",
                "Principal": {"Service": principal},
                "Action": "sqs:SendMessage",
                "Resource": self.arn(),
                "Condition": {"ArnEquals": {"aws:SourceArn": source}},
            }
            for principal, source in principals
        ]
        document = {"Version": "2012-10-17", "Statement": statements}
        return (
            Resource(
                id=f"{self.id}Policy",
                properties={"Queues": [{"Ref": self.id}], "PolicyDocument": document},
                api=QUEUE_POLICY,
            ),
        )

    def integration(self, is_sync: bool) -> Properties:
        """Return the service integration that sends the request's body."""
        return {
            "IntegrationType": "AWS_PROXY",
            "IntegrationSubtype": "SQS-SendMessage",
            "PayloadFormatVersion": "1.0",
            "RequestParameters": {"QueueUrl": {"Ref": self.id}, "MessageBody": "$request.body"},
        }

    def address(self) -> Any:
        """Return the queue's URL."""
        return {"Ref": self.id}

    def entry(self) -> tuple[str, Call]:
        """Return SendMessage."""
        return "sqs", Call("send_message", lambda p: {"QueueUrl": p["Ref"], "MessageBody": p["Event"]})

    def handover(self) -> tuple[str, Call]:
        """Return SendMessage, attributes included."""

        def parameters(p: Properties) -> dict[str, Any]:
            return {"QueueUrl": p["Ref"], "MessageBody": p["Event"], "MessageAttributes": dict(p["Attributes"])}

        return "sqs", Call("send_message", parameters)


# --- the same resources by direct calls ---

_ATTRIBUTES = ("VisibilityTimeout", "DelaySeconds", "MessageRetentionPeriod", "RedrivePolicy")


def _attributes(p: Properties) -> dict[str, str]:
    """Return a queue's attributes as SQS takes them: text."""
    return {name: as_text(p[name]) for name in _ATTRIBUTES if name in p}


QUEUE = Api(
    type="AWS::SQS::Queue",
    client="sqs",
    create=(
        Call("create_queue", lambda p: {"QueueName": p["QueueName"], "Attributes": _attributes(p), "tags": tag_map(p)}),
    ),
    read=(
        Call("get_queue_url", lambda p: {"QueueName": p["QueueName"]}),
        Call("get_queue_attributes", lambda p: {"QueueUrl": p["Ref"], "AttributeNames": ["All"]}),
        Call("list_queue_tags", lambda p: {"QueueUrl": p["Ref"]}),
    ),
    update=(Call("set_queue_attributes", lambda p: {"QueueUrl": p["Ref"], "Attributes": _attributes(p)}),),
    delete=(Call("delete_queue", lambda p: {"QueueUrl": p["Ref"]}),),
    arn="arn:aws:sqs:{region}:{account}:{QueueName}",
    ref="QueueUrl",
    attributes={"Arn": "Attributes.QueueArn"},
    settings={
        "QueueName": lambda answer, _: answer["Attributes"]["QueueArn"].rpartition(":")[2],
        **{name: f"Attributes.{name}" for name in _ATTRIBUTES},
        "Tags": lambda answer, _: tag_list(answer["Tags"]),
    },
    fixed=("QueueName",),
    unset={"RedrivePolicy": ""},
    missing=("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"),
    tags="list",
)

QUEUE_POLICY = Api(
    type="AWS::SQS::QueuePolicy",
    client="sqs",
    create=(
        Call(
            "set_queue_attributes",
            lambda p: {"QueueUrl": p["Queues"][0], "Attributes": {"Policy": as_text(p["PolicyDocument"])}},
        ),
    ),
    read=(
        Call(
            "get_queue_attributes",
            lambda p: {"QueueUrl": p["Queues"][0], "AttributeNames": ["Policy"]},
        ),
    ),
    update=(
        Call(
            "set_queue_attributes",
            lambda p: {"QueueUrl": p["Queues"][0], "Attributes": {"Policy": as_text(p["PolicyDocument"])}},
        ),
    ),
    delete=(Call("set_queue_attributes", lambda p: {"QueueUrl": p["Queues"][0], "Attributes": {"Policy": ""}}),),
    ref="Attributes.Policy",
    settings={"PolicyDocument": "Attributes.Policy"},
    missing=("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"),
)
