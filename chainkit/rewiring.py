"""Variants: the same business flow through other links.

A connection is work that one function hands another: directly, or through a queue, topic or bus that does nothing else.
Rewiring replaces what lies between; functions, their order, branches, durations, failure rates and sizes stay. New
services get the defaults of AWS, except: visibility 6 x the function timeout, maxReceiveCount 5, and a dead-letter
queue each.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from chainkit.chain import Chain, as_chain
from chainkit.errors import ConfigError, nearest
from chainkit.records import Buffer, FanOut, Pool
from chainkit.service import Service
from chainkit.services import EventBus, SnsTopic, SqsQueue, StateMachine
from chainkit.wiring import Caller, Delivery, Destination, EventSourceMapping, Redrive, Task

KINDS = ("sync", "async", "sqs", "sns", "eventbridge", "standard", "express")
ANSWERING = ("sync", "express")
"""Kinds whose caller gets the callee's answer. A Standard machine would need a callback, which is not simulated yet."""
MAX_RECEIVE_COUNT = 5
VISIBILITY_TIMEOUTS = 6


LARGEST_BYTES = {
    "sync": 6_291_456,
    "async": 1_048_576,
    "sqs": 1_048_576,
    "sns": 262_144,
    "eventbridge": 1_048_576,
    "standard": 262_144,
    "express": 262_144,
}
"""What each kind carries (data/quotas.json)."""


@dataclass(frozen=True)
class Connection:
    """Work that `source` hands `target`, both functions, and what lies between them now."""

    source: str
    target: str
    link: Caller
    """The caller's own link, whose step, case, sizes and chance stay."""
    kind: str
    links: tuple[str, ...]
    """Ids of the links on the way, the caller's own first."""
    between: tuple[str, ...] = ()
    """Services on the way, which do nothing else."""
    filter_policy: Mapping[str, list[Any]] | None = None
    match_fraction: float | None = None
    is_readable: bool = True
    """False where two filters look at one field in ways that no single filter can say."""

    @property
    def needs_answer(self) -> bool:
        """Whether the caller uses the answer."""
        return self.link.kind == "sync" if self.link.needs_answer is None else self.link.needs_answer

    @property
    def way(self) -> str:
        """Its two ends, for people."""
        return f"{self.source} to {self.target}"

    def refusal(self, kind: str) -> str:
        """Return why this connection stays what it is, or "" if it can become `kind`."""
        if self.kind == kind:
            return f"is {kind} already"
        if self.link.keep:
            return "protected by keep=True"
        if self.needs_answer and kind not in ANSWERING:
            return f"stays {self.kind}; {kind} refused, its caller needs the answer (needs_answer)"
        if self.link.message_bytes > LARGEST_BYTES[kind]:
            return f"stays {self.kind}; {kind} refused, it carries {LARGEST_BYTES[kind]} bytes at most"
        if not self.is_readable:
            return f"stays {self.kind}; its two filters on one field fit in no single one"
        return ""


@dataclass(frozen=True)
class Variant:
    """One way to wire a flow: the chain, and what differs from the original."""

    kind: str
    chain: Chain
    rewired: tuple[str, ...]
    """Connections that changed: "validate to payment: was sqs"."""
    kept: tuple[str, ...]
    """Connections that stayed, and why."""
    added: tuple[str, ...]
    """New services with their settings."""

    def __str__(self) -> str:
        """Return what changed as text."""
        parts = (("rewired", self.rewired), ("kept", self.kept), ("added", self.added))
        lines = [f"{self.kind}:"]
        lines += [f"  {word}: {line}" for word, found in parts for line in found]
        return "\n".join(lines)


class Variants(Mapping[str, Variant]):
    """Variants by kind, in the order asked for; prints what each changed."""

    def __init__(self, found: Sequence[Variant]) -> None:
        self._found = {variant.kind: variant for variant in found}

    def __getitem__(self, kind: str) -> Variant:
        return self._found[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"Variants({', '.join(self._found)})"

    def __str__(self) -> str:
        return "\n".join(str(variant) for variant in self._found.values())


def variants(chain: Chain, kinds: Sequence[str]) -> Variants:
    """Return the same flow wired in other ways.

    Parameters
    ----------
    chain : without errors
    kinds : of "sync", "async", "sqs", "sns", "eventbridge", "standard", "express"

    A connection whose caller needs the answer goes only to "sync" and "express"; other kinds leave it as it is, and the
    variant's `kept` says so. `keep=True` on a link protects it.

    Raises
    ------
    ConfigError
        If a kind is unknown, or the chain has no connection that could be rewired.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("two")
    >>> a, b = chain.add(ck.LambdaFunction("a")), chain.add(ck.LambdaFunction("b", timeout_s=10))
    >>> _ = chain.connect(a, b, needs_answer=False)
    >>> flows = ck.variants(chain, ["sync", "sqs"])
    >>> print(flows["sqs"])
    sqs:
      rewired: a to b: was sync
      added: b-queue: SqsQueue, visibility_timeout_s=60
      added: b-dead: SqsQueue
    """
    chain = as_chain(chain, "variants")
    if isinstance(kinds, str) or not isinstance(kinds, Iterable):
        raise ConfigError(f"variants: kinds={kinds!r} is no list", fix=f"give some of {', '.join(KINDS)}")
    for kind in kinds:
        if kind not in KINDS:
            raise ConfigError(f"variants: {kind!r} is unknown{nearest(kind, KINDS)}", fix=f"known: {', '.join(KINDS)}")
    chain.require_valid()
    found = connections(chain)
    if not found:
        raise ConfigError(
            f"chain {chain.name!r} has no function that hands work to another function: there is nothing to rewire",
            fix="connect two functions, directly or through a queue, topic or bus",
        )
    return Variants([_variant(chain, kind, found) for kind in kinds])


def connections(chain: Chain) -> list[Connection]:
    """Return the connections of a chain, in the order of the callers' links."""
    found: list[Connection] = []
    for key, link in chain.links.items():
        if isinstance(link, Caller) and _is_code(chain, link.source):
            begun = Connection(link.source, link.target, link, link.kind, (key,), (), link.filter_policy)
            found += _ways(chain, begun)
    return found


def _is_code(chain: Chain, name: str) -> bool:
    """Tell whether a service runs code."""
    return not isinstance(chain.service(name), StateMachine) and isinstance(chain.service(name).behaviour(), Pool)


def _ways(chain: Chain, so_far: Connection) -> Iterator[Connection]:
    """Yield a connection for each function that one begun leads to, through services that do nothing else."""
    name = so_far.target
    if _is_code(chain, name):
        yield so_far
        return
    service = chain.service(name)
    callers = [v for _, v in chain.incoming(name) if not isinstance(v, Redrive)]
    ways = [(key, v) for key, v in chain.outgoing(name) if isinstance(v, EventSourceMapping | Delivery | Task)]
    if isinstance(service, StateMachine):
        ways = [(key, v) for key, v in ways if _is_code(chain, v.target)]
        if len(ways) != 1:
            return
    elif not isinstance(service.behaviour(), Buffer | FanOut):
        return
    if len(callers) != 1:
        return
    for key, link in ways:
        policy, is_readable = _both(so_far.filter_policy, getattr(link, "filter_policy", None))
        fraction = getattr(link, "match_fraction", None)
        yield from _ways(
            chain,
            replace(
                so_far,
                target=link.target,
                kind=so_far.kind if so_far.between else _kind_through(service),
                links=(*so_far.links, key),
                between=(*so_far.between, name),
                filter_policy=policy,
                match_fraction=fraction if so_far.match_fraction is None else so_far.match_fraction * (fraction or 1.0),
                is_readable=so_far.is_readable and is_readable,
            ),
        )


def _kind_through(service: Service) -> str:
    """Return the kind of a way whose first service this is."""
    if isinstance(service, StateMachine):
        return service.workflow.lower()
    return {SqsQueue: "sqs", SnsTopic: "sns", EventBus: "eventbridge"}.get(type(service), "other")


def _both(
    first: Mapping[str, list[Any]] | None, second: Mapping[str, list[Any]] | None
) -> tuple[Mapping[str, list[Any]] | None, bool]:
    """Return the filter that lets pass what both do, and whether there is one."""
    if not first or not second:
        return first or second, True
    both, is_readable = {**first, **second}, True
    for field in set(first) & set(second):
        plain = not any(isinstance(rule, dict) for rule in (*first[field], *second[field]))
        is_readable &= plain or first[field] == second[field]
        if plain:
            both[field] = [rule for rule in first[field] if rule in second[field]]
    return both, is_readable and all(both.values())


def _variant(chain: Chain, kind: str, found: Sequence[Connection]) -> Variant:
    """Return one variant."""
    twin = chain.copy(f"{chain.name}-{kind}")
    builder = _Builder(twin)
    moved = [one for one in found if not one.refusal(kind)]
    kept = tuple(f"{one.way}: {one.refusal(kind)}" for one in found if one.refusal(kind))
    builder.take_out(moved)
    for one in moved:
        builder.put_in(one, kind)
    builder.restore_order(list(chain.links))
    rewired = tuple(f"{one.way}: was {one.kind}" for one in moved)
    return Variant(kind, twin, rewired, kept, tuple(builder.added))


class _Builder:
    """Changes one copy of a chain, link by link."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.added: list[str] = []
        self.made: dict[tuple[Any, ...], Service] = {}
        """What was made for several connections to share."""
        self.instead: dict[str, str] = {}
        """New link -> the link in whose place it stands."""

    # --- what goes ---

    def take_out(self, moved: Sequence[Connection]) -> None:
        """Remove the connections, and what nothing leads to any more."""
        for one in moved:
            link = self.chain.links[one.links[-1]]
            if one.links[-1] in self.chain.links and not isinstance(link, Task):
                self.chain.remove(one.links[-1])
            if link.dead_letters is not None:
                self._drop_if_unused(link.dead_letters)
        for name in {name: None for one in moved for name in reversed(one.between)}:
            self._drop_between(name)
        for name in {one.target: None for one in moved}:
            self._drop_destinations(name)

    def _drop_between(self, name: str) -> None:
        """Remove a service on the way that leads nowhere any more, with its dead-letter queue."""
        if name not in self.chain.services:
            return
        left = [v for _, v in self.chain.outgoing(name) if not isinstance(v, Redrive | Task)]
        if not left:
            kept = [v.target for _, v in self.chain.outgoing(name)]
            self.chain.remove(name)
            for queue in kept:
                self._drop_if_unused(queue)

    def _drop_destinations(self, function: str) -> None:
        """Remove where a function's events go after failures, if it gets no events any more."""
        if any(v.kind in ("async", "deliver", "outcome") for _, v in self.chain.incoming(function)):
            return
        for key, link in self.chain.outgoing(function):
            if isinstance(link, Destination):
                self.chain.remove(key)
                self._drop_if_unused(link.target)

    def _drop_if_unused(self, name: str) -> None:
        """Remove a queue that no link names."""
        links = self.chain.links.values()
        used = any(name in (v.source, v.target, v.dead_letters) for v in links)
        if name in self.chain.services and not used and isinstance(self.chain.service(name), SqsQueue):
            self.chain.remove(name)

    # --- what comes ---

    def put_in(self, one: Connection, kind: str) -> None:
        """Add what the connection becomes."""
        before = set(self.chain.links)
        getattr(self, f"_{kind}")(one, self._options(one))
        for key, link in self.chain.links.items():
            if key not in before and link.target == one.target:
                self.instead[key] = one.links[-1]
            elif key not in before and link.source == one.source:
                self.instead[key] = one.links[0]

    def restore_order(self, old: list[str]) -> None:
        """Put new links where the old ones stood: the order of the links into a service is part of its draws."""
        place = {key: k for k, key in enumerate(old)}
        last = len(old)
        self.chain.order_links(lambda key: place.get(self.instead.get(key, key), last))

    def _options(self, one: Connection) -> dict[str, Any]:
        """Return the caller's settings that stay; the draw that decides its chance, too."""
        names = ("step", "after_fraction", "probability", "case", "count", "message_bytes")
        chance = one.link.chance or (one.links[0] if one.link.probability < 1 else None)
        return {name: getattr(one.link, name) for name in names} | {"needs_answer": one.needs_answer, "chance": chance}

    def _filtered(self, one: Connection, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options of a link on which the caller's own code decides what a filter decided before."""
        if one.filter_policy:
            return options | {"filter_policy": dict(one.filter_policy)}
        if one.match_fraction is None:
            return options
        shared = options["chance"] or f"{one.links[-1]}"
        return options | {"probability": options["probability"] * one.match_fraction, "chance": shared}

    def _delivered(self, one: Connection) -> dict[str, Any]:
        """Return the options of a delivery."""
        return {} if one.match_fraction is None else {"match_fraction": one.match_fraction}

    def _sync(self, one: Connection, options: dict[str, Any]) -> None:
        self.chain.connect(one.source, one.target, **self._filtered(one, options))

    def _async(self, one: Connection, options: dict[str, Any]) -> None:
        self.chain.connect(one.source, one.target, link="async", **self._filtered(one, options))
        self._on_failure(one.target)

    def _sqs(self, one: Connection, options: dict[str, Any]) -> None:
        function = self.chain.service(one.target)
        visibility_s = VISIBILITY_TIMEOUTS * int(getattr(function, "timeout_s", 5))
        queue = self._add(SqsQueue(self._free(f"{one.target}-queue"), visibility_timeout_s=visibility_s))
        self.chain.connect(one.source, queue, **self._filtered(one, options))
        self.chain.connect(queue, one.target)
        self.chain.connect(queue, self._dead(one.target), link="redrive", max_receive_count=MAX_RECEIVE_COUNT)

    def _sns(self, one: Connection, options: dict[str, Any]) -> None:
        topic = self._shared(one, SnsTopic, "topic", options)
        policy: dict[str, Any] = {"filter_policy": dict(one.filter_policy)} if one.filter_policy else {}
        self.chain.connect(topic, one.target, **policy, **self._delivered(one))
        self._on_failure(one.target)

    def _eventbridge(self, one: Connection, options: dict[str, Any]) -> None:
        bus = self._shared(one, EventBus, "bus", options)
        pattern = {"detail": dict(one.filter_policy)} if one.filter_policy else None
        self.chain.connect(bus, one.target, event_pattern=pattern, **self._delivered(one))
        self._on_failure(one.target)

    def _standard(self, one: Connection, options: dict[str, Any]) -> None:
        self._machine(one, options, "STANDARD")

    def _express(self, one: Connection, options: dict[str, Any]) -> None:
        self._machine(one, options, "EXPRESS")

    def _machine(self, one: Connection, options: dict[str, Any], workflow: Literal["STANDARD", "EXPRESS"]) -> None:
        """Add a machine with one task, whose failures go to a dead-letter queue unless the caller hears of them."""
        task: dict[str, Any] = {"Type": "Task", "Resource": f"${{{one.target}}}", "End": True}
        states: dict[str, Any] = {"Call": task}
        if not one.needs_answer:
            dead = self._dead(one.target)
            task["Catch"] = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Bury"}]
            states["Bury"] = {
                "Type": "Task",
                "Resource": "arn:aws:states:::sqs:sendMessage",
                "Parameters": {"QueueUrl": f"${{{dead.name}}}", "MessageBody.$": "$"},
                "Next": "Failed",
            }
            states["Failed"] = {"Type": "Fail", "Error": "NotDelivered"}
        definition = {"StartAt": "Call", "States": states}
        machine = self._add(StateMachine(self._free(f"{one.target}-flow"), definition=definition, workflow=workflow))
        word = "sync" if one.needs_answer else "async"
        self.chain.connect(one.source, machine, link=word, **self._filtered(one, options))

    def _shared(self, one: Connection, cls: type[Service], word: str, options: dict[str, Any]) -> Service:
        """Return the topic or bus for a connection: one for all that left by one link, or always leave together."""
        is_plain = options["probability"] >= 1 and options["case"] is None
        key: tuple[Any, ...] = (word, one.source, *map(repr, options.values())) if is_plain else (word, one.links[0])
        if key not in self.made:
            self.made[key] = self._add(cls(self._free(f"{one.source}-{word}")))
            self.chain.connect(one.source, self.made[key], **options)
        return self.made[key]

    def _on_failure(self, function: str) -> None:
        """Give a function's events a dead-letter queue, once."""
        if not any(v.word == "on_failure" for _, v in self.chain.outgoing(function)):
            self.chain.connect(function, self._dead(function), link="on_failure")

    def _dead(self, function: str) -> Service:
        """Return a function's dead-letter queue, made when first needed."""
        key = ("dead", function)
        if key not in self.made:
            self.made[key] = self._add(SqsQueue(self._free(f"{function}-dead")))
        return self.made[key]

    def _free(self, name: str) -> str:
        """Return a name that is not taken."""
        k, free = 1, name
        while free in self.chain.services:
            k += 1
            free = f"{name}{k}"
        return free

    def _add(self, service: Service) -> Service:
        """Add a service and note its settings."""
        plain = service.to_plain()
        words = [f"{key}={value}" for key, value in plain.items() if key not in ("type", "definition")]
        self.added.append(f"{service.name}: {', '.join([plain['type'], *words])}")
        return self.chain.add(service)
