"""The closed list of ways one service triggers another: each a thing that AWS has, with AWS's fields.

=====================  ===================================  ==================================================
link                   from -> to                           `link=` word
=====================  ===================================  ==================================================
`Invocation`           function, API -> function, machine   "sync" (default), "async"
`SendMessage`          function, API -> queue               "send"
`Publish`              function -> topic                    "publish"
`PutEvents`            function, API -> bus                 "put_events"
`EventSourceMapping`   queue -> function                    "mapping"
`Subscription`         topic -> function, queue             "subscription"
`Rule`                 bus -> function, queue, machine ...  "rule"
`Task`                 machine -> anything                  read from the machine's ASL, never connected by hand
`Destination`          function -> queue, topic, bus ...    "on_failure", "on_success"
`Redrive`              queue -> queue                       "redrive"
=====================  ===================================  ==================================================

A link fits when the source emits one of its words and the target accepts one. Services hold no pairs; pairs are here.
Retry, delivery and filter rules: docs.aws.amazon.com, read 2026-11-23 (tags beside the fields).
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from chainkit.declared import declared
from chainkit.deliveries import Rule, Subscription
from chainkit.errors import ChainkitError, ConfigError, WiringError, nearest
from chainkit.link import (
    BreakerSetting,
    Caller,
    CircuitBreaker,
    Delivery,
    Kind,
    Link,
    Retry,
    RetrySetting,
    sdk_retry,
)
from chainkit.records import Grant, Meter, Resource
from chainkit.service import Service, logical_id, registry
from chainkit.wiring_calls import MAPPING

__all__ = [
    "LINKS", "WORDS", "Caller", "CircuitBreaker", "Delivery", "Destination", "EventSourceMapping", "Invocation",
    "Link", "Publish", "PutEvents", "Redrive", "Retry", "Rule", "SendMessage", "Subscription", "Task", "fitting",
    "make", "sdk_retry",
]  # fmt: skip


@declared
class Invocation(Caller):
    """A call of a function or state machine: the caller waits for the answer, or hands over an event."""

    invocation_type: Literal["RequestResponse", "Event"] = "RequestResponse"
    """RequestResponse waits for the answer; Event hands over and goes on."""
    retry: RetrySetting = None
    """How the caller tries a failed synchronous call again; None: not at all (Lambda itself never does)."""
    client_timeout_s: float | None = Field(default=None, gt=0, le=900)
    """The caller gives up waiting after this long; the callee runs on. None: as long as the caller lives."""
    breaker: BreakerSetting = None
    """A circuit breaker in front of the call; None: none. `on_error="continue"` is its fallback answer."""
    on_error: Literal["fail", "continue"] = "fail"
    """Whether a failed call fails the caller at that instant or is taken as an answer."""
    response_bytes: int | None = Field(
        default=None, ge=0, le=6_291_456, json_schema_extra={"source": "6 MB: Lambda payload, 2026"}
    )
    """Size of the answer, bytes; an API's is priced as data out. None: not stated, small and not priced."""

    main_settings: ClassVar[tuple[str, ...]] = (*Caller.main_settings, "retry", "on_error")
    emits: ClassVar[tuple[str, ...]] = ("call", "integration")
    accepts: ClassVar[tuple[str, ...]] = ("call",)
    words: ClassVar[Mapping[str, Mapping[str, Any]]] = {"sync": {}, "async": {"invocation_type": "Event"}}
    meanings: ClassVar[Mapping[str, str]] = {
        "sync": "The caller waits for the answer, and is billed while it waits.",
        "async": "The caller hands over an event and goes on; AWS tries again if it fails.",
    }

    @property
    def kind(self) -> Kind:
        """Sync waits, async does not."""
        return "sync" if self.invocation_type == "RequestResponse" else "async"

    @property
    def word(self) -> str:
        """The `link=` word."""
        return self.kind

    def problems(self, key: str, source: Service, target: Service) -> list[ChainkitError]:
        """Return calls that AWS has no way to make, and settings without effect."""
        found = super().problems(key, source, target)
        waiting = self.retry or self.breaker or self.client_timeout_s is not None or self.on_error == "continue"
        if self.kind == "async" and waiting:
            found.append(
                ConfigError(
                    f"link {key!r}: retry, breaker, client_timeout_s and on_error are for calls that wait; "
                    "this one hands over",
                    fix="leave them out; an event is tried again by the function's maximum_retry_attempts",
                )
            )
        if self.kind == "sync" and not target.answers():
            found.append(
                WiringError(
                    f"link {key!r}: {target.name!r} gives no answer to wait for: a Standard workflow is only started",
                    fix='connect with link="async", or make it an EXPRESS workflow',
                )
            )
        if self.kind == "async" and "integration" in source.port.emits and "batch" in target.port.accepts:
            found.append(
                WiringError(
                    f"link {key!r}: an HTTP API always waits for its function",
                    fix="use the synchronous link, or send to a queue or bus instead",
                )
            )
        return found

    def used(self, target: Service) -> str:
        """Return the word by which the caller uses the target: a machine whose answer nobody awaits is only started."""
        return "start" if self.kind == "async" and "start" in target.port.accepts else super().used(target)

    def hop(self, target: Service) -> str:
        """Return the key of the hop's law."""
        return "sync_invocation" if self.kind == "sync" else "async_invocation"

    def to_plain(self) -> dict[str, Any]:
        """Return the settings; the word says the invocation type."""
        plain = super().to_plain()
        plain.pop("invocation_type", None)
        return plain


@declared
class SendMessage(Caller):
    """A message sent to a queue by the caller's code."""

    emits: ClassVar[tuple[str, ...]] = ("call", "integration")
    accepts: ClassVar[tuple[str, ...]] = ("message",)
    words: ClassVar[Mapping[str, Mapping[str, Any]]] = {"send": {}}
    maximum_bytes: ClassVar[int] = 1024 * 1024  # AWS blog 2026-01-29


@declared
class Publish(Caller):
    """A message published to a topic by the caller's code."""

    emits: ClassVar[tuple[str, ...]] = ("call",)
    accepts: ClassVar[tuple[str, ...]] = ("notification",)
    words: ClassVar[Mapping[str, Mapping[str, Any]]] = {"publish": {}}
    maximum_bytes: ClassVar[int] = 256 * 1024  # not in the 1 MB announcement of 2026-01-29


@declared
class PutEvents(Caller):
    """An event put on a bus by the caller's code."""

    emits: ClassVar[tuple[str, ...]] = ("call", "integration")
    accepts: ClassVar[tuple[str, ...]] = ("event",)
    words: ClassVar[Mapping[str, Mapping[str, Any]]] = {"put_events": {}}
    maximum_bytes: ClassVar[int] = 1024 * 1024  # AWS blog 2026-01-29


@declared
class EventSourceMapping(Link):
    """Lambda's poller: takes batches off a queue and invokes the function with each, synchronously."""

    batch_size: int = Field(default=10, ge=1, le=10_000, json_schema_extra={"source": "SQS mapping, 2026"})
    """Most messages in a batch."""
    maximum_batching_window_s: int = Field(default=0, ge=0, le=300, json_schema_extra={"source": "SQS mapping, 2026"})
    """How long to gather a batch, seconds; a batch over 10 needs at least 1."""
    maximum_concurrency: int | None = Field(
        default=None, ge=2, le=1_000, json_schema_extra={"source": "SQS mapping, 2026"}
    )
    """Most batches running at once; None: 5 at first, 300 more a minute, at most 1,250."""
    minimum_pollers: int | None = Field(default=None, ge=2, le=200, json_schema_extra={"source": "SQS mapping, 2025"})
    """Provisioned mode: fewest pollers, each for 10 batches at once; None: the mapping scales by itself."""
    maximum_pollers: int | None = Field(default=None, ge=2, le=2_000, json_schema_extra={"source": "SQS mapping, 2025"})
    """Provisioned mode: most pollers."""
    report_batch_item_failures: bool = False
    """Whether the function reports which messages failed; else one failure fails its batch."""
    enabled: bool = True
    """Whether Lambda polls; False: messages wait in the queue."""

    emits: ClassVar[tuple[str, ...]] = ("batch",)
    accepts: ClassVar[tuple[str, ...]] = ("batch",)
    words: ClassVar[Mapping[str, Mapping[str, Any]]] = {"mapping": {}}

    @property
    def kind(self) -> Kind:
        """Messages are polled."""
        return "poll"

    def hop(self, target: Service) -> str:
        """Return the key of the law from SendMessage to the handler's start."""
        return "sqs_mapping"

    def problems(self, key: str, source: Service, target: Service) -> list[ChainkitError]:
        """Return what CreateEventSourceMapping refuses."""
        found: list[ChainkitError] = [*self._poller_problems(key)]
        if self.batch_size > 10 and self.maximum_batching_window_s == 0:
            found.append(
                ConfigError(
                    f"link {key!r}: batch_size={self.batch_size} needs a batching window",
                    fix="set maximum_batching_window_s to 1 or more, or batch_size to 10 or less",
                )
            )
        hidden_s, runs_s = getattr(source, "visibility_timeout_s", None), getattr(target, "timeout_s", None)
        if hidden_s is not None and runs_s is not None and hidden_s < runs_s:
            found.append(
                ConfigError(
                    f"link {key!r}: visibility_timeout_s={hidden_s} of {source.name!r} is shorter than "
                    f"timeout_s={runs_s} of {target.name!r}; Lambda refuses such a mapping",
                    fix=f"set visibility_timeout_s of {source.name!r} to {6 * runs_s}, six times the timeout",
                )
            )
        return found

    def meters(self) -> tuple[Meter, ...]:
        """Return the pollers of the provisioned mode, at their minimum: what is above it follows the load."""
        if self.minimum_pollers is None:
            return ()
        why = "event pollers, the fewest there are"
        return (
            Meter(price="lambda-sqs-poller-hours", counter="hours", factor=self.minimum_pollers, per="hour", why=why),
        )

    def _poller_problems(self, key: str) -> list[ChainkitError]:
        """Return what the provisioned mode refuses."""
        low, high = self.minimum_pollers, self.maximum_pollers
        if (low is None) != (high is None):
            problem, fix = "has one of minimum_pollers and maximum_pollers", "give both, or neither"
        elif low is not None and high is not None and low > high:
            problem, fix = f"minimum_pollers={low} is above maximum_pollers={high}", "raise maximum_pollers"
        elif low is not None and self.maximum_concurrency is not None:
            problem, fix = "has pollers and maximum_concurrency", "keep one: provisioned mode excludes the other"
        else:
            return []
        return [ConfigError(f"link {key!r}: {problem}", fix=fix)]

    def grants(self, source: Service, target: Service) -> list[tuple[str, Grant]]:
        """Return what the function's role must allow: the poller uses it."""
        grant = source.grant("batch")
        return [(target.name, grant)] if grant is not None else []

    def resources(self, source: Service, target: Service, queue: Service | None) -> tuple[Resource, ...]:
        """Return the mapping."""
        properties: dict[str, Any] = {
            "EventSourceArn": source.arn(),
            "FunctionName": {"Ref": target.id},
            "BatchSize": self.batch_size,
            "MaximumBatchingWindowInSeconds": self.maximum_batching_window_s,
        }
        if not self.enabled:
            properties["Enabled"] = False
        if self.report_batch_item_failures:
            properties["FunctionResponseTypes"] = ["ReportBatchItemFailures"]
        if self.maximum_concurrency is not None:
            properties["ScalingConfig"] = {"MaximumConcurrency": self.maximum_concurrency}
        if self.minimum_pollers is not None:
            pollers = {"MinimumPollers": self.minimum_pollers, "MaximumPollers": self.maximum_pollers}
            properties["ProvisionedPollerConfig"] = pollers
        name = logical_id(source.name, target.name, "mapping")
        role = logical_id(target.name, "role")
        return (Resource(id=name, properties=properties, api=MAPPING, depends_on=(role,)),)


@declared
class Task(Link):
    """A state machine's task: read from its ASL. Never connected by hand, never saved."""

    state: str
    """Name of the state."""
    resource: str
    """What the task calls, as the ASL names it."""
    invocation_type: Literal["RequestResponse", "Event"] = "RequestResponse"
    """Event for a task that hands over an asynchronous invocation and goes on."""
    message_bytes: int = 1024
    """Size of what the task sends, bytes."""

    emits: ClassVar[tuple[str, ...]] = ("task",)
    accepts: ClassVar[tuple[str, ...]] = ("call", "message", "notification", "event")
    words: ClassVar[Mapping[str, Mapping[str, Any]]] = {"task": {}}

    @property
    def kind(self) -> Kind:
        """Driven by the state machine."""
        return "task"

    def grants(self, source: Service, target: Service) -> list[tuple[str, Grant]]:
        """Return what the machine's role must allow."""
        is_start = ":startExecution" in self.resource and "start" in target.port.accepts
        grant = target.grant("start" if is_start else self.accepted(target) or "")
        return [(source.name, grant)] if grant is not None else []


@declared
class Destination(Link):
    """Where a function's asynchronous events go once they are done with."""

    condition: Literal["OnFailure", "OnSuccess"] = "OnFailure"
    """OnFailure: after the last retry; OnSuccess: with the function's answer."""

    emits: ClassVar[tuple[str, ...]] = ("outcome",)
    accepts: ClassVar[tuple[str, ...]] = ("delivery", "notification", "event")
    words: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "on_failure": {},
        "on_success": {"condition": "OnSuccess"},
    }
    meanings: ClassVar[Mapping[str, str]] = {
        "on_failure": "An asynchronous event goes there once its last retry has failed.",
        "on_success": "The answer to an asynchronous event goes there.",
    }

    @property
    def kind(self) -> Kind:
        """Follows the outcome of an event."""
        return "outcome"

    @property
    def word(self) -> str:
        """The `link=` word."""
        return "on_failure" if self.condition == "OnFailure" else "on_success"

    def hop(self, target: Service) -> str:
        """Return the key of the hop's law: a function gets it as an asynchronous event."""
        return "async_invocation" if target.delivery_protocol == "lambda" else ""

    def grants(self, source: Service, target: Service) -> list[tuple[str, Grant]]:
        """Return what the function's role must allow."""
        grant = target.grant(self.accepted(target) or "")
        return [(source.name, grant)] if grant is not None else []

    def attachments(self, source: Service, target: Service) -> list[tuple[str, str, Any]]:
        """Return the target, for the function's event settings."""
        return [(source.name, self.word, target.arn())]

    def to_plain(self) -> dict[str, Any]:
        """Return the settings; the word says the condition."""
        plain = super().to_plain()
        plain.pop("condition", None)
        return plain


@declared
class Redrive(Link):
    """A queue's dead-letter queue: where a message goes that was received too often."""

    max_receive_count: int = Field(
        default=5, ge=1, le=1_000, json_schema_extra={"source": "SQS; at least 5 is advised"}
    )
    """Receives after which a message that comes back is moved."""

    emits: ClassVar[tuple[str, ...]] = ("redrive",)
    accepts: ClassVar[tuple[str, ...]] = ("redrive",)
    words: ClassVar[Mapping[str, Mapping[str, Any]]] = {"redrive": {}}

    @property
    def kind(self) -> Kind:
        """Dead letters."""
        return "redrive"

    def problems(self, key: str, source: Service, target: Service) -> list[ChainkitError]:
        """Return a queue that would be its own dead-letter queue."""
        if source.name != target.name:
            return []
        problem = f"link {key!r}: a queue cannot be its own dead-letter queue"
        return [WiringError(problem, fix="redrive to another queue")]

    def attachments(self, source: Service, target: Service) -> list[tuple[str, str, Any]]:
        """Return the redrive policy, for the source queue."""
        policy = {"deadLetterTargetArn": target.arn(), "maxReceiveCount": self.max_receive_count}
        return [(source.name, "redrive", policy)]


LINKS: tuple[type[Link], ...] = (
    Invocation, SendMessage, Publish, PutEvents, EventSourceMapping, Subscription, Rule, Destination, Redrive,
)  # fmt: skip
"""In order of preference: where several fit, the plain call comes first."""

WORDS: dict[str, tuple[type[Link], Mapping[str, Any]]] = {
    word: (cls, settings) for cls in LINKS for word, settings in cls.words.items()
}


def fitting(source: Service, target: Service) -> list[str]:
    """Return the `link=` words that can lead from `source` to `target`, the default first."""
    found = [
        word
        for word, (cls, _) in WORDS.items()
        if set(cls.emits) & set(source.port.emits) and cls.accepted(target) is not None
    ]
    return sorted(found, key=lambda w: WORDS[w][0] in (Destination, Redrive))


def make(source: Service, target: Service, word: str | None, options: Mapping[str, Any]) -> Link:
    """Return the link from `source` to `target` that `word` names, or the default one.

    Raises
    ------
    WiringError
        If nothing fits, or the named link does not.
    ConfigError
        If an option is unknown or refused.
    """
    words = fitting(source, target)
    if not words:
        raise misfit(source, target)
    if word is None:
        word = words[0]
    if word not in WORDS:
        raise WiringError(
            f"{source.name!r} to {target.name!r}: link={word!r} is unknown{nearest(word, WORDS)}",
            fix=f"links that fit here: {', '.join(words)}",
        )
    if word not in words:
        raise WiringError(
            f"cannot connect {source.name!r} to {target.name!r} by link={word!r}: "
            f"it does not lead from {type(source).__name__} to {type(target).__name__}",
            fix=f"links that fit here: {', '.join(words)}",
        )
    cls, settings = WORDS[word]
    for end in ("source", "target"):
        if end in options:
            raise ConfigError(
                f"{cls.__name__} {source.name!r} to {target.name!r}: {end}={options[end]!r} is no setting",
                fix="leave it out: a link is made between its two ends",
            )
    return cls(source=source.name, target=target.name, **{**settings, **options})


def misfit(source: Service, target: Service) -> WiringError:
    """Return the error for two services that no link joins, with what could stand between them."""
    between = [
        cls.__name__
        for cls in registry.values()
        if fitting(source, (one := cls("between"))) and fitting(one, target) and not isinstance(source, cls)
    ]
    return WiringError(
        f"cannot connect {source.name!r} to {target.name!r}: {type(source).__name__} emits "
        f"{', '.join(source.port.emits) or 'nothing'}; {type(target).__name__} accepts "
        f"{', '.join(target.port.accepts) or 'nothing'}",
        fix=f"put a service between them: {' or '.join(between)}" if between else "nothing can stand between them",
    )
