"""What a topic or a bus does by itself: subscriptions and rules, two kinds of the links that wiring.py lists."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from chainkit import patterns
from chainkit.declared import declared
from chainkit.errors import ChainkitError
from chainkit.link import Delivery
from chainkit.records import Grant, Resource, Retrier
from chainkit.service import Service, logical_id
from chainkit.wiring_calls import RULE, SUBSCRIPTION


@declared
class Subscription(Delivery):
    """A topic's delivery to a function or queue, with a filter on message attributes."""

    filter_policy: dict[str, list[Any]] | None = None
    """Attribute -> allowed values or matchers ({"prefix": "eu-"}, {"anything-but": ["x"]} ...); None: everything."""
    raw_message_delivery: bool = False
    """Whether a queue gets the bare message instead of SNS's envelope."""

    emits: ClassVar[tuple[str, ...]] = ("notification",)
    accepts: ClassVar[tuple[str, ...]] = ("delivery",)
    words: ClassVar[Mapping[str, Mapping[str, Any]]] = {"subscription": {}}

    @classmethod
    def accepted(cls, target: Service) -> str | None:
        """Return the word, if SNS has a protocol for the target."""
        return super().accepted(target) if target.delivery_protocol else None

    def problems(self, key: str, source: Service, target: Service) -> list[ChainkitError]:
        """Return filters that SNS refuses."""
        return patterns.complaints(self.filter_policy, f"link {key!r}: filter_policy")

    @property
    def phases(self) -> tuple[Retrier, ...]:
        """SNS's phases to AWS-managed endpoints, 100,015 tries over 23 days (sns-message-delivery-retries, 2026)."""
        return (
            Retrier(errors=(), interval_s=0.0, max_attempts=3),
            Retrier(errors=(), interval_s=1.0, max_attempts=2, backoff_rate=1.0),
            Retrier(errors=(), interval_s=1.0, max_attempts=10, backoff_rate=20 ** (1 / 9), max_delay_s=20.0),
            Retrier(errors=(), interval_s=20.0, max_attempts=100_000, backoff_rate=1.0),
        )

    def hop(self, target: Service) -> str:
        """Return the key of the law from Publish to the target."""
        return f"sns_to_{target.delivery_protocol}"

    def admissions(self, source: Service, target: Service) -> list[tuple[str, str, Any]]:
        """Return the policies of the target and of the dead-letter queue."""
        return [(name, "sns.amazonaws.com", source.arn()) for name in (target.name, self.dead_letter_queue) if name]

    def resources(self, source: Service, target: Service, queue: Service | None) -> tuple[Resource, ...]:
        """Return the subscription."""
        properties: dict[str, Any] = {
            "TopicArn": source.arn(),
            "Protocol": target.delivery_protocol,
            "Endpoint": target.arn(),
        }
        if self.filter_policy is not None:
            properties["FilterPolicy"] = self.filter_policy
        if self.raw_message_delivery:
            properties["RawMessageDelivery"] = True
        if queue is not None:
            properties["RedrivePolicy"] = {"deadLetterTargetArn": queue.arn()}
        name = logical_id(source.name, target.name, "subscription")
        return (Resource(id=name, properties=properties, api=SUBSCRIPTION),)


@declared
class Rule(Delivery):
    """A rule of an event bus with one target."""

    event_pattern: dict[str, Any] | None = None
    """EventBridge pattern, {"detail": {"status": ["charged"]}}; None: everything on the bus."""
    maximum_retry_attempts: int = Field(
        default=185, ge=0, le=185, json_schema_extra={"source": "API_RetryPolicy, 2026"}
    )
    """How often a delivery that the target's service refuses is tried again."""
    maximum_event_age_s: int = Field(
        default=86_400, ge=60, le=86_400, json_schema_extra={"source": "API_RetryPolicy, 2026"}
    )
    """How long such a delivery is tried, seconds."""

    emits: ClassVar[tuple[str, ...]] = ("event",)
    accepts: ClassVar[tuple[str, ...]] = ("delivery", "start", "notification", "event")
    words: ClassVar[Mapping[str, Mapping[str, Any]]] = {"rule": {}}

    @property
    def phases(self) -> tuple[Retrier, ...]:
        """EventBridge's retries: exponential (eb-rule-retry-policy, 2026); assumed: from 1 s to 10 minutes."""
        return (Retrier(errors=(), interval_s=1.0, max_attempts=self.maximum_retry_attempts, max_delay_s=600.0),)

    @property
    def delivery_age_s(self) -> float:
        """How long a delivery is tried, seconds."""
        return float(self.maximum_event_age_s)

    def hop(self, target: Service) -> str:
        """Return the key of the law from PutEvents to the target."""
        return "eventbridge_to_lambda" if target.delivery_protocol == "lambda" else "eventbridge_to_other"

    @property
    def filter_policy(self) -> dict[str, list[Any]] | None:
        """The pattern as rules by field: fields of `detail` by their names, others by theirs, nested ones by path."""
        return patterns.flat(self.event_pattern) if self.event_pattern is not None else None

    def problems(self, key: str, source: Service, target: Service) -> list[ChainkitError]:
        """Return patterns that EventBridge refuses."""
        return patterns.complaints(self.filter_policy, f"link {key!r}: event_pattern")

    def grants(self, source: Service, target: Service) -> list[tuple[str, Grant]]:
        """Return what the rule's role must allow, for targets without a policy of their own (state machines, buses)."""
        grant = None if target.lets_in() else target.grant(self.accepted(target) or "")
        return [(source.name, grant)] if grant is not None else []

    def admissions(self, source: Service, target: Service) -> list[tuple[str, str, Any]]:
        """Return the policies of targets that have one, and of the dead-letter queue (eb-use-resource-based, 2026)."""
        arn = {"Fn::GetAtt": [self._id(source, target), "Arn"]}
        taken_by_policy = [target.name] if target.lets_in() else []
        return [(n, "events.amazonaws.com", arn) for n in (*taken_by_policy, self.dead_letter_queue) if n]

    def _id(self, source: Service, target: Service) -> str:
        """Return the rule's logical id."""
        return logical_id(source.name, target.name, "rule")

    def resources(self, source: Service, target: Service, queue: Service | None) -> tuple[Resource, ...]:
        """Return the rule with its one target."""
        to: dict[str, Any] = {
            "Id": target.name,
            "Arn": target.arn(),
            "RetryPolicy": {
                "MaximumRetryAttempts": self.maximum_retry_attempts,
                "MaximumEventAgeInSeconds": self.maximum_event_age_s,
            },
        }
        if self.grants(source, target):
            to["RoleArn"] = {"Fn::GetAtt": [logical_id(source.name, "role"), "Arn"]}
        if queue is not None:
            to["DeadLetterConfig"] = {"Arn": queue.arn()}
        properties = {
            "Name": self._id(source, target),
            "EventBusName": {"Ref": source.id},
            "EventPattern": self.event_pattern or {"source": [{"prefix": ""}]},
            "State": "ENABLED",
            "Targets": [to],
        }
        return (Resource(id=self._id(source, target), properties=properties, api=RULE),)
