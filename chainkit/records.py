"""The records that services and links speak, and that every engine reads.

A service file says what a service *is* with these; no engine ever asks which service it has before it.

=============  ==================================================================================
`Port`         what a service can emit and accept: the words that wiring.py matches
Behaviour      `Pool`, `Relay`, `Buffer`, `FanOut` or `Flow`: what the virtual machine makes of it
`Meter`        what of its use is billed: counter x factor, priced under one key of the price book
`Resource`     one CloudFormation resource, and the API calls that do the same without CloudFormation
`Grant`        what a caller must be allowed to do
`Usage`        what a run, or a month, used: meter -> quantity, per node
`Trace`        the story of one request, predicted or measured: spans
=============  ==================================================================================
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from chainkit.distributions import Constant
from chainkit.law import Law

if TYPE_CHECKING:
    from datetime import datetime

Properties = Mapping[str, Any]
"""Settings of a resource in CloudFormation's own names; values may hold Ref, Fn::GetAtt, Fn::Sub and Fn::Join."""


@dataclass(frozen=True)
class Port:
    """What a service emits towards others and accepts from them, in the words of wiring.py."""

    emits: tuple[str, ...] = ()
    accepts: tuple[str, ...] = ()


# --- behaviour: what the virtual machine makes of a service ---


_TEN_MINUTES = Constant(600.0)


@dataclass(frozen=True, kw_only=True)
class Provisioned:
    """Environments kept ready, and how their number follows use and the clock."""

    count: int
    """How many there are when a run begins."""
    minimum: int
    maximum: int
    target: float | None = None
    """Share of them in use that is aimed at; None: their number follows the schedule alone."""
    schedule: tuple[tuple[float, int, int], ...] = ()
    """(instant in seconds, minimum, maximum) from then on."""
    every_s: float | None = None
    """The schedule begins anew after this; None: it happens once."""


@dataclass(frozen=True, kw_only=True)
class Pings:
    """Invocations on a timer that keep environments warm."""

    every_s: float
    environments: int
    """How many run at once, each in an environment of its own."""
    work: Law


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Work that an invocation does after its own: drawn where a pool of that name would draw, failing at its end."""

    name: str
    work: Law
    first_work: Law | None = None
    """Replaces `work` for the first unit of the run that follows an init."""
    caller: str = ""
    """The piece before it that leads to it: where that one is not done, nor is this; "": the pool's own work."""
    error_rate: float = 0.0
    error_name: str = "Exception"
    poison_fraction: float = 0.0
    probability: float = 1.0
    chance: str | None = None
    """Name of the draw that decides whether a request needs it; None: that of a link from its caller."""
    filter_policy: Mapping[str, list[Any]] | None = None
    case: str | None = None
    """Pieces of one caller that share a case exclude each other."""
    goes_on: bool = False
    """Whether its failure, or that of what hangs on it, ends there; else it fails its caller, and so the invocation."""


def within(pieces: Sequence[Piece], piece: Piece, function: str) -> tuple[str, float]:
    """Return the draw that decides whether a request needs a piece, and from where on: for `probability` from there.

    >>> from chainkit.distributions import Constant
    >>> one, two = (Piece(name=name, work=Constant(0.1), case="way", probability=0.25) for name in ("one", "two"))
    >>> within((one, two), two, "all")
    ('all.way.case', 0.25)
    """
    caller = piece.caller or function
    if piece.case is None:
        return f"{piece.chance or f'{caller}>{piece.name}'}.chance", 0.0
    shares: dict[str, float] = {}
    for other in pieces:
        if other is piece or (piece.chance is not None and other.chance == piece.chance):
            break
        if (other.caller, other.case) == (piece.caller, piece.case):
            shares[other.chance or f" {other.name}"] = other.probability
    return f"{caller}.{piece.case}.case", sum(shares.values())


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Environments that run one invocation at a time, cold when none is idle."""

    work: Law
    """Own work for one request or message, at this service's memory."""
    first_work: Law | None = None
    """Replaces `work` for the first unit of the run that follows an init."""
    overhead: Law | None = None
    """What an invocation takes beyond its units."""
    init: Law | None = None
    """Start of a new environment; None starts at once."""
    timeout_s: float
    error_rate: float = 0.0
    poison_fraction: float = 0.0
    error_name: str = "Exception"
    limit: int | None = None
    """Most environments at once (reserved concurrency); None shares the account's."""
    keep_alive: Law = _TEN_MINUTES
    """How long an idle environment lives."""
    reuse: Literal["most_recent", "least_recent", "random"] = "most_recent"
    """Which idle environment is taken: the one that became idle last, first, or any."""
    speed: Law | None = None
    """Factor of an environment's work, drawn once for each."""
    service_error_rate: float = 0.0
    """Chance that an attempt to invoke is answered with an error of the service itself; nothing runs."""
    init_limit_s: float | None = None
    """An init beyond this is cut there and runs again inside the invocation; None: no limit."""
    provisioned: Provisioned | None = None
    pings: Pings | None = None
    stops_recursion: bool = True
    """Whether a chain of events that leads here again and again is stopped."""
    is_idempotent: bool = False
    """Whether a repeated run for one request has no further effect."""
    event_retries: int = 2
    """How often an asynchronous event is tried again after an error."""
    event_age_s: float = 21_600.0
    """How long an asynchronous event lives."""
    pieces: tuple[Piece, ...] = ()
    """Further work of the same invocation, one after another; one that hangs on another follows it and its like."""


@dataclass(frozen=True, kw_only=True)
class Relay:
    """Hands a request to one of its targets and answers with that one's answer, within a timeout."""

    timeout_s: float
    overhead: Law | None = None
    """What it takes itself; None: the hop law of that name."""
    overhead_hop: str = ""


@dataclass(frozen=True, kw_only=True)
class Buffer:
    """Keeps messages until a poller takes them; one that is not deleted comes back after the visibility timeout."""

    visibility_timeout_s: float
    delay_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class FanOut:
    """Gives each message to every outgoing link whose filter lets it pass, and keeps nothing."""

    quota: str = ""
    """Which of the account's quotas its messages and deliveries count against."""


@dataclass(frozen=True, kw_only=True)
class Retrier:
    """One entry of a state's Retry: waits interval * backoff^(k-1), at most `max_delay_s`, before retry k."""

    errors: tuple[str, ...]
    interval_s: float = 1.0
    max_attempts: int = 3
    backoff_rate: float = 2.0
    max_delay_s: float = float("inf")
    has_full_jitter: bool = False


@dataclass(frozen=True, kw_only=True)
class Catcher:
    """One entry of a state's Catch: go to `goto` on one of these errors."""

    errors: tuple[str, ...]
    goto: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """One state of a `Flow`. `kind` says which of the other fields count.

    ========  ========================================================================================
    task      `link` (the `state` of the Task link it travels), `wait_for`, `timeout_s`, `retriers`, `catchers`
    choice    `ways`: (state, probability) in the order of the rules, default last
    parallel  `branches`, `retriers`, `catchers`
    map       `branches` (one: what each item runs), `items`, `concurrency`, `tolerated`, `has_children`,
              `retriers`, `catchers`
    wait      `wait_s`
    pass      nothing
    succeed   nothing; ends the flow
    fail      `error`
    ========  ========================================================================================

    `goto` is the next state, None at an end.
    """

    name: str
    kind: Literal["task", "choice", "parallel", "map", "wait", "pass", "succeed", "fail"]
    goto: str | None = None
    link: str = ""
    ways: tuple[tuple[str, float], ...] = ()
    branches: tuple[tuple["Step", ...], ...] = ()
    wait_for: Literal["answer", "end", "token"] = "answer"
    """What a task waits for: the call's answer, the end of the execution it starts, or a token that comes back."""
    timeout_s: float | None = None
    """A task that is not over by then has failed."""
    items: int = 0
    """How many times a map runs its branch."""
    concurrency: int = 40
    """How many of them at once."""
    tolerated: int = 0
    """How many of them may fail."""
    has_children: bool = False
    """Whether each item is an execution of its own."""
    is_too_large: bool = False
    """Whether what the state gives on is over the limit of a payload."""
    wait_s: float = 0.0
    error: str = ""
    retriers: tuple[Retrier, ...] = ()
    catchers: tuple[Catcher, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Runs its steps one after another for each request; the first of `steps` is where it starts."""

    steps: tuple[Step, ...]
    answers: bool = False
    """Whether a caller can wait for the end (a synchronous Express execution)."""
    start: Law | None = None
    """Before the first state is entered; None: the hop law of that name."""
    start_hop: str = ""
    task_overhead: Law | None = None
    """What a task takes beyond the work it calls; None: the hop law of that name."""
    task_hop: str = ""
    timeout_s: float | None = None
    """An execution that is not over by then has failed."""
    largest_history: int | None = None
    """How many events an execution may have; None: any number."""
    quota: str = ""
    """Which of the account's quotas its starts and transitions count against."""


Behaviour = Pool | Relay | Buffer | FanOut | Flow


# --- money ---


@dataclass(frozen=True, kw_only=True)
class Meter:
    """Something AWS counts and bills: `counter` x `factor` units, priced under `price`."""

    price: str
    """Key in the price book."""
    counter: str
    """Which of the machine's counters of this service, or "hours" for what time alone costs."""
    why: str
    """Half a sentence for the bill: what this line pays for."""
    factor: float = 1.0
    per: Literal["request", "hour"] = "request"


@dataclass(frozen=True)
class UsageLine:
    """How much one meter of one node counted, in the unit of its price."""

    node: str
    meter: Meter
    quantity: float


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a run, or a month, used."""

    lines: tuple[UsageLine, ...]
    requests: float
    """How many requests used it."""
    hours: float
    """How long they took to arrive. Lines that are per hour count these."""
    region: str = "us-east-1"


# --- what a service becomes ---


@dataclass(frozen=True)
class Call:
    """One API call: boto3's operation name, and its parameters as a function of the resource's properties.

    The properties come with every intrinsic function resolved, and with "Ref" (the physical id) once there is one.
    Empty parameters mean that the call is not needed.
    """

    operation: str
    parameters: Callable[[Properties], dict[str, Any]]


Look = str | Callable[[Mapping[str, Any], Properties], Any]
"""Where something stands in the answers of API calls: a JMESPath, or a function of the answers and the properties."""


@dataclass(frozen=True, kw_only=True)
class Api:
    """How to create, read, change and delete a resource by direct calls, without CloudFormation."""

    type: str
    """"AWS::SQS::Queue"."""
    client: str
    """boto3's client name."""
    create: tuple[Call, ...]
    read: tuple[Call, ...] = ()
    """Their answers, merged, are what `ref`, `attributes` and `settings` look into; each call is told those before it
    as `Answers`."""
    find: tuple[Call, ...] = ()
    """What lists the like, for a resource that only the answer to its creation names."""
    found: Look = ""
    """Its Ref, in their answers."""
    update: tuple[Call, ...] = ()
    """Empty: a change replaces the resource."""
    delete: tuple[Call, ...]
    ref: Look
    """What {"Ref": id} stands for; nothing where the resource is not there."""
    arn: str = ""
    """Its ARN, with {region}, {account}, {Ref} and names of text properties; "" for what no policy names."""
    attributes: Mapping[str, Look] = field(default_factory=dict)
    """Name for Fn::GetAtt -> its value."""
    settings: Mapping[str, Look] = field(default_factory=dict)
    """Property -> what is read back and compared."""
    fixed: tuple[str, ...] = ()
    """Properties that no update changes: another value replaces the resource."""
    unset: Mapping[str, Any] = field(default_factory=dict)
    """Property -> what an update says to take it away; one that is not here cannot be, and replaces the resource."""
    missing: tuple[str, ...] = ()
    """Error codes that mean "not there"."""
    tags: Literal["", "list", "map"] = ""
    """The form of the property Tags, for a resource that can have tags."""

    def __post_init__(self) -> None:
        apis[self.type] = self


apis: dict[str, Api] = {}
"""Type -> how to make one by direct calls, for every kind of resource that has been imported."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One CloudFormation resource that a service or link needs."""

    id: str
    """Logical id, letters and digits."""
    properties: Properties
    api: Api
    depends_on: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """Return "AWS::SQS::Queue"."""
        return self.api.type


@dataclass(frozen=True)
class Grant:
    """Actions that a caller's role must allow on one resource."""

    actions: tuple[str, ...]
    resource: Any
    """ARN, or an intrinsic function that gives it."""


@dataclass(frozen=True)
class Handle:
    """What a link tells its caller about the target: an environment variable's last words and its value."""

    suffix: str
    """`jobs` with "QUEUE_URL" gives JOBS_QUEUE_URL."""
    value: Any


# --- one request's story ---


@dataclass(frozen=True, kw_only=True)
class Span:
    """Something that happened to a request between two instants, in seconds since it entered."""

    node: str
    what: str
    """"invocation", "init", "hop", "queue wait", "retry wait", "wait", "delivery", "dead letter", "answer" ..."""
    start_s: float
    end_s: float
    attempt: int = 1
    status: str = "ok"
    """ok, error, timeout, throttled."""
    reason: str = ""
    logs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Trace:
    """The story of one request, predicted by a run or measured on a deploy target."""

    request: str
    outcome: str
    """completed, failed, throttled, dead-lettered, expired, dropped or unfinished."""
    response_s: float
    """Until the caller had its answer; NaN where nobody waits."""
    completion_s: float
    """Until the last effect of the last branch; infinite if a branch was lost."""
    spans: Sequence[Span]
    answer: str = ""
    links: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)
    """(source, target, kind) of the chain's links: who may have led to whom; empty: not known."""

    def to_xray(self, began_at: "datetime | None" = None) -> list[dict[str, Any]]:
        """Return the request as segment documents of AWS X-Ray, predicted and measured alike.

        `json.dumps` each, and `put_trace_segments` takes them. A callee's segment hangs on the call in its caller's.

        Parameters
        ----------
        began_at : when it entered, with a time zone; None: the second in a measured request's id, and for a predicted
            one 2026-01-01T00:00:00Z, so that the same trace gives the same documents

        Raises
        ------
        ConfigError
            If `began_at` is no instant.

        Examples
        --------
        >>> run = Span(node="pay", what="invocation", start_s=0, end_s=0.2)
        >>> [segment] = Trace(request="1", outcome="completed", response_s=0.2, completion_s=0.2, spans=[run]).to_xray()
        >>> segment["name"], segment["start_time"], segment["end_time"]
        ('pay', 1767225600.0, 1767225600.2)
        """
        from chainkit.tracing import xray

        return xray.segments(self, began_at)

    def to_otel(self, began_at: "datetime | None" = None) -> dict[str, Any]:
        """Return the request as OpenTelemetry's OTLP/JSON, which a collector takes at /v1/traces; else as `to_xray`.

        One resource per service; a span's parent is the one that led to it, as far as links and times tell.

        Examples
        --------
        >>> run = Span(node="pay", what="invocation", start_s=0, end_s=0.2)
        >>> told = Trace(request="1", outcome="completed", response_s=0.2, completion_s=0.2, spans=[run]).to_otel()
        >>> told["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["endTimeUnixNano"]
        '1767225600200000000'
        """
        from chainkit.tracing import otel

        return otel.spans(self, began_at)

    def __str__(self) -> str:
        """Return the story as text, one line per span, in order of start; the middle of a very long one is left out."""
        from chainkit.units import seconds

        head = f"{self.request}: {self.outcome}"
        if self.response_s == self.response_s:
            head += f", answered after {seconds(self.response_s)}"
        lines, most = [f"{head}, complete after {seconds(self.completion_s)}"], 80
        for span in sorted(self.spans, key=lambda s: (s.start_s, s.end_s)):
            again = f" (attempt {span.attempt})" if span.attempt > 1 else ""
            status = "" if span.status == "ok" else f" {span.status.upper()}"
            reason = f": {span.reason}" if span.reason else ""
            took = seconds(span.end_s - span.start_s)
            lines.append(f"  {span.start_s:10.3f} s  {took:>8}  {span.node}: {span.what}{again}{status}{reason}")
        if (more := len(lines) - most) > 0:
            lines[most // 2 : -most // 2] = [f"  ... {more:,} more, all of them in .spans ..."]
        return "\n".join(lines)
