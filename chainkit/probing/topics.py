"""Checks of SNS: topics that feed functions and queues."""

import json

from chainkit.probing.checking import check, expect
from chainkit.probing.place import Place, records

_KIND = {"kind": {"DataType": "String", "StringValue": "order"}}


@check
def sns_lambda(at: Place) -> None:
    """The event has the real TopicArn, the message and its attributes."""
    function = at.function("tell")
    topic = _topic(at)
    function.allow("sns")
    _subscribe(at, topic, "lambda", function.arn)
    at.aws("sns").publish(TopicArn=topic, Message="order 7", MessageAttributes=_KIND)
    (record,) = records(function.seen(1, "an invocation"))

    expect("EventSource", record["EventSource"], "aws:sns")
    expect("TopicArn", record["Sns"]["TopicArn"], topic)
    expect("Message", record["Sns"]["Message"], "order 7")
    expect("MessageAttributes", record["Sns"]["MessageAttributes"], {"kind": {"Type": "String", "Value": "order"}})


@check
def sns_sqs_filter_raw(at: Place) -> None:
    """A filter on attributes with raw delivery keeps attributes; a filter on the body compares numbers."""
    topic = _topic(at)
    (raw_url, raw_arn), (body_url, body_arn) = at.queue("raw"), at.queue("body")
    by_kind = {"FilterPolicy": json.dumps({"kind": ["order"]}), "RawMessageDelivery": "true"}
    _subscribe(at, topic, "sqs", raw_arn, **by_kind)
    above = json.dumps({"amount": [{"numeric": [">", 100]}]})
    _subscribe(at, topic, "sqs", body_arn, FilterPolicy=above, FilterPolicyScope="MessageBody")
    small, large = json.dumps({"amount": 50}), json.dumps({"amount": 500})
    at.aws("sns").publish(TopicArn=topic, Message=small, MessageAttributes=_KIND)
    at.aws("sns").publish(TopicArn=topic, Message=large)
    (raw,) = at.messages(raw_url, 1, "messages by attribute", rest_s=1)
    (wrapped,) = at.bodies(body_url, 1, "messages by body", rest_s=1)

    expect("the raw body", raw["Body"], small)
    expect("the raw message's attribute", raw["MessageAttributes"]["kind"]["StringValue"], "order")
    expect("the wrapped message", (wrapped["Message"], wrapped["TopicArn"]), (large, topic))


@check
def sns_fifo_sqs_fifo(at: Place) -> None:
    """With content-based deduplication of the topic, two equal publishes give one message."""
    topic = _topic(at, FifoTopic="true", ContentBasedDeduplication="true")
    url, arn = at.queue("orders", FifoQueue="true")
    _subscribe(at, topic, "sqs", arn, RawMessageDelivery="true")
    # The third comes last: once it is here, a copy of the first would be, too.
    for message in ("order 7", "order 7", "order 8"):
        at.aws("sns").publish(TopicArn=topic, Message=message, MessageGroupId="one")
    came = at.messages(url, 2, "messages", rest_s=1)

    expect("bodies in order", [message["Body"] for message in came], ["order 7", "order 8"])


def _topic(at: Place, **attributes: str) -> str:
    name = at.name("topic") + (".fifo" if attributes else "")
    arn = str(at.aws("sns").create_topic(Name=name, Attributes=attributes)["TopicArn"])
    at.later("sns", "delete_topic", TopicArn=arn)
    return arn


def _subscribe(at: Place, topic: str, protocol: str, to: str, **attributes: str) -> None:
    made = at.aws("sns").subscribe(
        TopicArn=topic, Protocol=protocol, Endpoint=to, Attributes=attributes, ReturnSubscriptionArn=True
    )
    at.later("sns", "unsubscribe", SubscriptionArn=made["SubscriptionArn"])
