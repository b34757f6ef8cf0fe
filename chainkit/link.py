"""What every link between two services is made from. The kinds of links there are stand in wiring.py."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field

from chainkit import patterns
from chainkit.declared import declared, stated
from chainkit.errors import ChainkitError, ConfigError
from chainkit.records import Grant, Handle, Meter, Resource, Retrier
from chainkit.service import Service

Kind = Literal["sync", "async", "send", "poll", "deliver", "task", "outcome", "redrive"]
Failure = Literal["error", "throttled", "timeout", "service"]
FAILURES: tuple[Failure, ...] = ("error", "throttled", "timeout", "service")


@declared
class Retry:
    """How a caller tries a synchronous call again: SDK retries, or the code's own loop."""

    max_attempts: int = Field(default=3, ge=1, le=100)
    """Tries in all, the first included."""
    interval_s: float = Field(default=1.0, ge=0, le=900)
    """Wait before the second try, seconds."""
    backoff_rate: float = Field(default=2.0, ge=1, le=100)
    """Each further wait is this many times longer."""
    max_delay_s: float = Field(default=20.0, ge=0, le=900)
    """No wait is longer, seconds."""
    jitter: Literal["none", "full", "decorrelated"] = "none"
    """full: wait uniformly between 0 and that instead; decorrelated: between the interval and three times the wait
    before, whatever the backoff rate."""
    errors: tuple[Failure, ...] = FAILURES
    """Which failures are tried again: the function's error, a throttle, a timeout (its own or the client's), a 5xx."""


def sdk_retry() -> Retry:
    """Return what AWS's SDKs do by themselves: throttles, timeouts and 5xx three times in all, never function errors.

    Attempts and waits are botocore's "standard" mode: base 2, at most 20 s, full jitter (assumption: the first wait is
    at most 1 s).

    Examples
    --------
    >>> sdk_retry().errors
    ('throttled', 'timeout', 'service')
    """
    return Retry(jitter="full", errors=("throttled", "timeout", "service"))


@declared
class CircuitBreaker:
    """A caller that stops calling what keeps failing; one state for all who use the link (as kept in a store).

    Examples
    --------
    >>> CircuitBreaker(failures=3).open_s
    30.0
    """

    failures: int = Field(default=5, ge=1, le=1_000_000)
    """So many failures within the window open it."""
    window_s: float = Field(default=10.0, gt=0, le=86_400)
    """Failures are counted anew after so long, seconds."""
    open_s: float = Field(default=30.0, gt=0, le=86_400)
    """How long calls fail at once before one is let through on trial, seconds."""


def _as(cls: Any) -> BeforeValidator:
    """Return what makes an object of a design file's mapping; anything else stays as it is."""

    def made(value: Any) -> Any:
        is_settings = isinstance(value, dict) and all(isinstance(name, str) for name in value)
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}) if is_settings else value

    return BeforeValidator(made)


RetrySetting = Annotated[Retry | None, _as(Retry)]
"""A retry, as an object or as a design file's mapping."""
BreakerSetting = Annotated[CircuitBreaker | None, _as(CircuitBreaker)]
"""A circuit breaker, as an object or as a design file's mapping."""


@declared
class Link:
    """An edge of a chain: how `source` triggers `target`, both named."""

    source: str
    """Name of the service the link leaves."""
    target: str
    """Name of the service the link enters."""

    emits: ClassVar[tuple[str, ...]] = ()
    accepts: ClassVar[tuple[str, ...]] = ()
    words: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """`link=` word -> the settings it stands for."""
    meanings: ClassVar[Mapping[str, str]] = {}
    """`link=` word -> what it means, where there are several; else the class's first line says it."""
    main_settings: ClassVar[tuple[str, ...]] = ()
    """What a form shows first, while the rest is folded away; () shows all."""

    @property
    def kind(self) -> Kind:
        """How the link invokes: what drives latency, retry, cost and checks."""
        raise TypeError(type(self).__name__)

    @property
    def word(self) -> str:
        """The `link=` word of this link."""
        return next(iter(self.words))

    @classmethod
    def meaning(cls, word: str) -> str:
        """Return a sentence on what a link of that word does."""
        return cls.meanings.get(word) or (cls.__doc__ or "").partition("\n")[0]

    @property
    def dead_letters(self) -> str | None:
        """Name of the queue that hangs on this link, if any."""
        return None

    def hop(self, target: Service) -> str:
        """Return the key of this hop's law in data/latency.json, "" for none."""
        return ""

    def fits(self, source: Service, target: Service) -> bool:
        """Tell whether this kind of link can lead from `source` to `target`."""
        return bool(set(self.emits) & set(source.port.emits)) and self.accepted(target) is not None

    @classmethod
    def accepted(cls, target: Service) -> str | None:
        """Return the word by which `target` accepts this link, or None."""
        return next((word for word in cls.accepts if word in target.port.accepts), None)

    def grants(self, source: Service, target: Service) -> list[tuple[str, Grant]]:
        """Return (service, grant) pairs: what whose role must allow."""
        return []

    def admissions(self, source: Service, target: Service) -> list[tuple[str, str, Any]]:
        """Return (service, principal, source ARN): whom a resource policy lets in."""
        return []

    def attachments(self, source: Service, target: Service) -> list[tuple[str, str, Any]]:
        """Return (service, setting, value): what the link hangs on a service."""
        return []

    def resources(self, source: Service, target: Service, queue: Service | None) -> tuple[Resource, ...]:
        """Return the CloudFormation resources of the link itself; `queue` is its dead-letter queue."""
        return ()

    def handle(self, target: Service) -> Handle | None:
        """Return what the caller is told about the target, for links that code travels."""
        return None

    def meters(self) -> tuple[Meter, ...]:
        """Return what of this link itself is billed."""
        return ()

    def problems(self, key: str, source: Service, target: Service) -> list[ChainkitError]:
        """Return what AWS would refuse about this link; `key` is its id."""
        return []

    def renamed(self, names: Mapping[str, str]) -> Self:
        """Return the link between services that have other names now: old -> new."""
        ends = {field: getattr(self, field, None) or "" for field in ("source", "target", "dead_letter_queue")}
        new = {field: names[name] for field, name in ends.items() if name in names}
        return dataclasses.replace(self, **new) if new else self

    def to_plain(self) -> dict[str, Any]:
        """Return the link's settings as a design file holds them, without its ends."""
        return {"link": self.word, **stated(self)}


@declared
class Caller(Link):
    """A link that its source's own code (or an API's route) travels: once, or several times, per request."""

    step: int = Field(default=1, ge=1, le=100)
    """Links of equal step start together; of k steps, step i begins after i/(k+1) of the own work."""
    after_fraction: float | None = Field(default=None, ge=0, le=1)
    """Share of the own work after which the step begins; None: evenly."""
    probability: float = Field(default=1.0, ge=0, le=1)
    """Chance that a request takes this link."""
    chance: str | None = None
    """Name of the draw that decides: links of one caller that share it are taken by the same requests. None: its id."""
    filter_policy: dict[str, list[Any]] | None = None
    """Attribute -> values for which the caller's code takes this link (matchers as in a subscription); None: always."""
    case: str | None = None
    """Links sharing a case exclude each other; their probabilities add to at most 1."""
    count: int = Field(default=1, ge=1, le=1_000)
    """Messages a call sends; a call that waits for its answer is one, whatever this says."""
    message_bytes: int = Field(
        default=1024, ge=0, le=6_291_456, json_schema_extra={"source": "6 MB: Lambda payload, 2026"}
    )
    """Size of each, bytes."""
    duplicate_rate: float = Field(default=0.0, ge=0, le=1, json_schema_extra={"source": "AWS publishes none"})
    """Chance that what is handed over arrives twice; of no effect on a call that waits."""
    needs_answer: bool | None = None
    """Whether the caller uses the answer; None: yes for synchronous calls, no for others."""
    keep: bool = False
    """True protects the link from being rewired in variants."""
    route: str = "$default"
    """Route of an API, "POST /orders"; of no effect elsewhere."""
    maximum_bytes: ClassVar[int] = 6 * 1024 * 1024
    main_settings: ClassVar[tuple[str, ...]] = ("probability", "step", "count", "message_bytes")

    @property
    def kind(self) -> Kind:
        """The caller goes on at once, unless the link says otherwise."""
        return "send"

    def grants(self, source: Service, target: Service) -> list[tuple[str, Grant]]:
        """Return what the caller's role must allow."""
        if self._is_admitted(source, target):
            return []
        grant = target.grant(self.used(target))
        return [(source.name, grant)] if grant is not None else []

    def used(self, target: Service) -> str:
        """Return the word by which the caller uses the target."""
        return self.accepted(target) or ""

    def admissions(self, source: Service, target: Service) -> list[tuple[str, str, Any]]:
        """Return the resource policy that an API needs to call a function; other callers use their role."""
        return [(target.name, source.principal, source.arn())] if self._is_admitted(source, target) else []

    def _is_admitted(self, source: Service, target: Service) -> bool:
        """Tell whether the target lets the caller in by its own policy."""
        return "integration" in source.port.emits and {"delivery", "call"} <= {*target.port.accepts}

    def resources(self, source: Service, target: Service, queue: Service | None) -> tuple[Resource, ...]:
        """Return what the source needs for this link."""
        return source.link_resources(self, target)

    def handle(self, target: Service) -> Handle | None:
        """Return what the caller's code is told about the target."""
        return target.handle()

    def problems(self, key: str, source: Service, target: Service) -> list[ChainkitError]:
        """Return filters that cannot be read, and messages over the limit of what carries them."""
        found = patterns.complaints(self.filter_policy, f"link {key!r}: filter_policy")
        most = min(self.maximum_bytes, target.largest_event_bytes if self.kind != "sync" else self.maximum_bytes)
        if self.message_bytes <= most:
            return found
        return [
            *found,
            ConfigError(
                f"link {key!r}: message_bytes={self.message_bytes} is over the {most} bytes "
                f"that {type(self).__name__} carries",
                fix="store the data and send its key",
            ),
        ]


@declared
class Delivery(Link):
    """What a topic or bus does by itself: hand each message that passes to a target."""

    match_fraction: float | None = Field(default=None, ge=0, le=1)
    """Share of the messages that pass, where the traffic does not state the attributes; None: by the attributes."""
    dead_letter_queue: str | None = None
    """Name of the queue that gets what could not be delivered."""
    delivery_error_rate: float = Field(default=0.0, ge=0, le=1, json_schema_extra={"source": "your own figures"})
    """Chance that one try of a delivery fails inside AWS; a function's own errors come after acceptance."""
    duplicate_rate: float = Field(default=0.0, ge=0, le=1, json_schema_extra={"source": "AWS publishes none"})
    """Chance that a message is delivered twice."""

    @property
    def phases(self) -> tuple[Retrier, ...]:
        """How a failed delivery is tried again: one policy after the other."""
        return ()

    @property
    def delivery_age_s(self) -> float:
        """How long it is tried at most, seconds."""
        return math.inf

    @property
    def kind(self) -> Kind:
        """Deliveries are pushed."""
        return "deliver"

    @property
    def dead_letters(self) -> str | None:
        """The queue that hangs on this delivery."""
        return self.dead_letter_queue
