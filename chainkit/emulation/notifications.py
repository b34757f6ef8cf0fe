"""Route: SNS -> function and queue.

Kept from AWS [aws-semantics 0.3, 3]: the real event, filter policies, raw delivery, deduplication by a FIFO topic,
asynchronous invocation; a target that is gone is a client error, not retried: dead letter or lost. Ignored: signatures
(moto makes a key and a certificate for each; ours say EXAMPLE), server-side failures and their 100,015 retries.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.core.utils import iso_8601_datetime_with_milliseconds
from moto.sns.models import Subscription, Topic
from moto.sns.responses import SNSResponse

from chainkit.emulation.delivery import TargetGoneError
from chainkit.emulation.patching import patch
from chainkit.emulation.story import ROOTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainkit.emulation.host import Host

DEDUPLICATION_S = 300.0
"""[aws-semantics 2, "FIFO 5-min dedup"]"""


def install(host: Host) -> None:
    """Replace how a topic publishes and a subscription delivers."""
    _install_topic(host)
    _install_subscription(host)
    patch("sns.models:Subscription.get_post_data", post_data)
    _install_filters()
    _install_sequence()


def _install_filters() -> None:
    """Let each rule of a field decide for itself: in moto, one that does not fit ends Publish, or the others."""

    def one(field: str, rule: Any, content: Any, by_attributes: bool) -> bool:
        try:
            return bool(original(field, [rule], content, by_attributes))
        except (AttributeError, LookupError, TypeError, ValueError):
            return False

    def field_match(field: str, rules: list[Any], dict_body: Any, attributes_based_check: bool = True) -> bool:
        return any(one(field, rule, dict_body, attributes_based_check) for rule in rules)

    original = patch("sns.utils:FilterPolicyMatcher._field_match", staticmethod(field_match))


def _install_sequence() -> None:
    """Give what a FIFO topic accepts its sequence number."""

    def number(topic: Topic | None) -> dict[str, str]:
        if topic is None or not topic.fifo_topic:
            return {}
        topic.__dict__["accepted"] = topic.__dict__.get("accepted", 0) + 1
        return {"SequenceNumber": f"{10**19 + topic.__dict__['accepted']}"}

    def publish(response: SNSResponse) -> ActionResult:
        answer: Any = original(response).result
        arn = response._get_param("TopicArn") or response._get_param("TargetArn")
        return ActionResult(answer | number(response.backend.topics.get(arn)))

    def publish_batch(response: SNSResponse) -> ActionResult:
        answer: Any = original_batch(response).result
        topic = response.backend.topics.get(response._get_param("TopicArn"))
        accepted = [entry | number(topic) for entry in answer["Successful"]]
        return ActionResult(answer | {"Successful": accepted})

    original = patch("sns.responses:SNSResponse.publish", publish)
    original_batch = patch("sns.responses:SNSResponse.publish_batch", publish_batch)


def _install_topic(host: Host) -> None:
    def publish_topic(
        topic: Topic,
        message: str,
        subject: str | None = None,
        message_attributes: dict[str, Any] | None = None,
        group_id: str | None = None,
        deduplication_id: str | None = None,
        message_structure: str | None = None,
    ) -> str:
        began = host.clock.moment()
        if topic.fifo_topic:
            deduplication_id = deduplication_id or hashlib.sha256(message.encode()).hexdigest()
            if _is_duplicate(host, topic, group_id, deduplication_id):
                message_id = str(uuid.uuid4())
                host.story.tell("duplicate", topic.arn, reason=f"deduplication id {deduplication_id}", ids=[message_id])
                return message_id
        given = (topic, message, subject, message_attributes, group_id, deduplication_id, message_structure)
        for visit in host.invoker.faults.arrivals(topic.arn, ROOTS.get()):
            with host.invoker.faults.visiting(visit):
                message_id = str(original_topic(*given))
        span_s = host.clock.now_s() - began.at_s
        host.story.tell("publish", topic.arn, began=began, span_s=span_s, ids=[message_id])
        return message_id

    original_topic = patch("sns.models:Topic.publish", publish_topic)


def _install_subscription(host: Host) -> None:
    def publish(
        subscription: Subscription,
        message: str,
        message_id: str,
        subject: str | None = None,
        message_attributes: dict[str, Any] | None = None,
        group_id: str | None = None,
        deduplication_id: str | None = None,
        message_structure: str | None = None,
    ) -> None:
        matcher = subscription._filter_policy_matcher
        if matcher is not None and not matcher.matches(message_attributes, message):
            host.story.tell("filtered", subscription.arn, ids=[message_id])
            return
        if host.invoker.faults.is_dead(subscription.topic.arn, subscription.endpoint):
            host.story.tell("filtered", subscription.arn, reason="injected: dead consumer", ids=[message_id])
            return
        if message_structure == "json":
            message = subscription._parse_message_structure(message, subscription.protocol)
        notification = subscription.get_post_data(message, message_id, subject, message_attributes)
        if subscription.protocol not in ("lambda", "sqs"):
            original_publish(subscription, message, message_id, subject, message_attributes, group_id, deduplication_id)
            return
        _deliver(host, subscription, notification, message_attributes or {}, group_id, deduplication_id)

    original_publish = patch("sns.models:Subscription.publish", publish)


def post_data(
    subscription: Subscription,
    message: str,
    message_id: str,
    subject: str | None,
    message_attributes: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the notification as a queue gets it; moto would make a key and a certificate for each."""
    url = f"https://sns.{subscription.topic.sns_backend.region_name}.amazonaws.com"
    optional = {"Subject": subject, "MessageAttributes": message_attributes}
    return {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": subscription.topic.arn,
        "Message": message,
        "Timestamp": iso_8601_datetime_with_milliseconds(),
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
        "SigningCertURL": f"{url}/EXAMPLE.pem",
        "UnsubscribeURL": f"{url}/?Action=Unsubscribe&SubscriptionArn={subscription.arn}",
        **{name: value for name, value in optional.items() if value},
    }


def _is_duplicate(host: Host, topic: Topic, group_id: str | None, deduplication_id: str) -> bool:
    """Return whether a FIFO topic was given this within the last five minutes, whoever was subscribed then."""
    is_by_group = getattr(topic, "fifo_throughput_scope", "Topic") == "MessageGroup"
    key = f"{group_id if is_by_group else ''} {deduplication_id}"
    given: dict[str, float] = topic.__dict__.setdefault("given_s", {})
    now_s = host.clock.now_s()
    is_duplicate = now_s - given.get(key, -DEDUPLICATION_S) < DEDUPLICATION_S
    if not is_duplicate:
        given[key] = now_s
    return is_duplicate


def _deliver(
    host: Host,
    subscription: Subscription,
    notification: dict[str, Any],
    attributes: dict[str, Any],
    group_id: str | None,
    deduplication_id: str | None,
) -> None:
    """Hand a notification to a function or queue; to the subscription's dead-letter queue if the target is gone."""
    is_raw = str(subscription.attributes.get("RawMessageDelivery")).lower() == "true"
    raw_attributes = {name: (each["Type"], str(each["Value"])) for name, each in attributes.items()}

    def to_queue(arn: str) -> None:
        body = notification["Message"] if is_raw else json.dumps(notification)
        is_fifo = arn.endswith(".fifo")  # a standard queue gets no group ("Message grouping for FIFO topics", 2026)
        host.delivery.to_queue(
            arn,
            body,
            raw_attributes if is_raw else None,
            group_id=group_id if is_fifo else None,
            deduplication_id=deduplication_id if is_fifo else None,
        )

    def to_function(arn: str) -> None:
        host.delivery.to_function(arn, json.dumps(event_of(subscription, notification)))

    send: Callable[[str], None] = to_queue if subscription.protocol == "sqs" else to_function
    ids = [notification["MessageId"]]
    try:
        send(subscription.endpoint)
    except TargetGoneError as error:
        host.story.tell("delivery", subscription.endpoint, status="error", reason=str(error), ids=ids)
        target = json.loads(subscription.attributes.get("RedrivePolicy") or "{}").get("deadLetterTargetArn")
        send_dead_letter(host, target, lambda: to_queue(target), subscription.arn, ids)
    else:
        host.story.tell("delivery", subscription.endpoint, ids=ids)


def send_dead_letter(host: Host, target: str | None, send: Callable[[], object], source: str, ids: list[str]) -> None:
    """Tell of a dead letter that `send` sends to `target`, or of the loss if there is no target."""
    if not target:
        host.story.tell("dropped", source, status="error", reason="no dead-letter queue", ids=ids)
        return
    try:
        send()
    except TargetGoneError as error:
        host.story.tell("dropped", target, status="error", reason=str(error), ids=ids)
    else:
        host.story.tell("dead letter", target, reason=f"not delivered by {source}", ids=ids)


def event_of(subscription: Subscription, notification: dict[str, Any]) -> dict[str, Any]:
    """Return the event that a function gets."""
    renamed = {"SigningCertURL": "SigningCertUrl", "UnsubscribeURL": "UnsubscribeUrl"}
    sns: dict[str, Any] = {"Subject": None, "MessageAttributes": {}}
    sns |= {renamed.get(name, name): value for name, value in notification.items()}
    record = {
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription.arn,
        "EventSource": "aws:sns",
        "Sns": sns,
    }
    return {"Records": [record]}
