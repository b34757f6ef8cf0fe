"""Variants: the same business flow through other links.

A connection is work that one function hands another: directly, or through a queue, topic or bus that does nothing else.
Rewiring replaces what lies between; functions, their order, branches, durations, failure rates and sizes stay. New
services get the defaults of AWS, except: visibility 6 x the function timeout, maxReceiveCount 5, and a dead-letter
queue each.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chainkit.chain import Chain, as_chain
from chainkit.errors import ConfigError, nearest
from chainkit.records import Buffer, FanOut, Pool
from chainkit.service import Service
from chainkit.services import EventBus, SnsTopic, SqsQueue, StateMachine
from chainkit.wiring import Caller, Delivery, EventSourceMapping, Redrive

KINDS = ("sync", "async", "sqs", "sns", "eventbridge", "standard", "express")
ANSWERING = ("sync", "express")
"""Kinds whose caller gets the callee's answer. A Standard machine would need a callback, which is not simulated yet."""
MAX_RECEIVE_COUNT = 5
VISIBILITY_TIMEOUTS = 6


@dataclass(frozen=True)
class Connection:
    """Work that `source` hands `target`, both functions, and what lies between them now."""

    source: str
    target: str
    link: Caller
    """The caller's own link, whose step, case, sizes and chance stay."""
    kind: str
    links: tuple[str, ...]
    """Ids of the links on the way."""
    between: tuple[str, ...]
    """Services on the way, which do nothing else."""
    filter_policy: Mapping[str, Sequence[Any]] | None

    @property
    def needs_answer(self) -> bool:
        """Whether the caller uses the answer."""
        return self.kind == "sync" if self.link.needs_answer is None else self.link.needs_answer


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
        if isinstance(link, Caller) and isinstance(chain.service(link.source).behaviour(), Pool):
            found += _follow(chain, link, key)
    return found


def _follow(chain: Chain, link: Caller, key: str) -> list[Connection]:
    """Return the connections that a caller's link begins."""
    if isinstance(chain.service(link.target).behaviour(), Pool):
        kind = link.kind
        return [Connection(link.source, link.target, link, kind, (key,), (), link.filter_policy)]
    ways = _ways(chain, link.target, (key,), (), link.filter_policy)
    return [
        Connection(link.source, target, link, _kind_through(chain, between), links, between, policy)
        for target, links, between, policy in ways
    ]


def _ways(
    chain: Chain, name: str, links: tuple[str, ...], between: tuple[str, ...], policy: Any
) -> list[tuple[str, tuple[str, ...], tuple[str, ...], Any]]:
    """Return (function, links, services between, filter) for each function behind `name`, if it does nothing else."""
    behaviour = chain.service(name).behaviour()
    if isinstance(behaviour, Pool):
        return [(name, links, between, policy)]
    callers = [v for _, v in chain.incoming(name) if not isinstance(v, Redrive)]
    if not isinstance(behaviour, Buffer | FanOut) or len(callers) != 1:
        return []
    found = []
    for key, link in chain.outgoing(name):
        if isinstance(link, EventSourceMapping | Delivery):
            own = getattr(link, "filter_policy", None)
            both = {**(policy or {}), **(own or {})} or None
            found += _ways(chain, link.target, (*links, key), (*between, name), both)
    return found


def _kind_through(chain: Chain, between: tuple[str, ...]) -> str:
    """Return the kind of a way through services: the first of them names it."""
    words = {SqsQueue: "sqs", SnsTopic: "sns", EventBus: "eventbridge"}
    return words.get(type(chain.service(between[0])), "other")


def _variant(chain: Chain, kind: str, found: Sequence[Connection]) -> Variant:
    """Return one variant."""
    twin = chain.copy(f"{chain.name}-{kind}")
    builder = _Builder(twin)
    rewired, kept, moved = [], [], []
    for one in found:
        way = f"{one.source} to {one.target}"
        if one.kind == kind:
            kept.append(f"{way}: is {kind} already")
        elif one.link.keep:
            kept.append(f"{way}: protected by keep=True")
        elif one.needs_answer and kind not in ANSWERING:
            kept.append(f"{way}: stays {one.kind}; {kind} refused, its caller needs the answer (needs_answer)")
        else:
            rewired.append(f"{way}: was {one.kind}")
            moved.append(one)
    for one in moved:
        builder.take_out(one)
    for one in moved:
        builder.put_in(one, kind)
    builder.drop_unused(moved)
    return Variant(kind, twin, tuple(rewired), tuple(kept), tuple(builder.added))


class _Builder:
    """Changes one copy of a chain, link by link."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.added: list[str] = []

    def take_out(self, one: Connection) -> None:
        """Remove the last link of a connection: what it shares with others goes when nobody uses it."""
        if one.links[-1] in self.chain.links:
            self.chain.remove(one.links[-1])

    def drop_unused(self, moved: Sequence[Connection]) -> None:
        """Remove services between that lead nowhere any more, and their dead-letter queues."""
        for name in {name: None for one in moved for name in reversed(one.between)}:
            if name in self.chain.services and not any(
                not isinstance(v, Redrive) for _, v in self.chain.outgoing(name)
            ):
                dead = [v.target for _, v in self.chain.outgoing(name)]
                self.chain.remove(name)
                for queue in dead:
                    if not self.chain.incoming(queue) and not self.chain.outgoing(queue):
                        self.chain.remove(queue)

    def put_in(self, one: Connection, kind: str) -> None:
        """Add what the connection becomes."""
        getattr(self, f"_{kind}")(one, self._options(one))

    def _options(self, one: Connection) -> dict[str, Any]:
        """Return the caller's settings that stay."""
        names = ("step", "after_fraction", "probability", "case", "count", "message_bytes")
        return {name: getattr(one.link, name) for name in names} | {"needs_answer": one.needs_answer}

    def _filtered(self, one: Connection) -> dict[str, Any]:
        """Return the filter for a link on which the caller's own code decides."""
        return {"filter_policy": dict(one.filter_policy)} if one.filter_policy else {}

    def _sync(self, one: Connection, options: dict[str, Any]) -> None:
        self.chain.connect(one.source, one.target, **options, **self._filtered(one))

    def _async(self, one: Connection, options: dict[str, Any]) -> None:
        self.chain.connect(one.source, one.target, link="async", **options, **self._filtered(one))
        self._on_failure(one.target)

    def _sqs(self, one: Connection, options: dict[str, Any]) -> None:
        function = self.chain.service(one.target)
        visibility_s = VISIBILITY_TIMEOUTS * int(getattr(function, "timeout_s", 5))
        queue = self._add(SqsQueue(self._free(f"{one.target}-queue"), visibility_timeout_s=visibility_s))
        self.chain.connect(one.source, queue, **options, **self._filtered(one))
        self.chain.connect(queue, one.target)
        dead = self._dead(one.target)
        self.chain.connect(queue, dead, link="redrive", max_receive_count=MAX_RECEIVE_COUNT)

    def _sns(self, one: Connection, options: dict[str, Any]) -> None:
        topic = self._shared(one, SnsTopic, "topic", options)
        self.chain.connect(topic, one.target, **self._filtered(one))
        self._on_failure(one.target)

    def _eventbridge(self, one: Connection, options: dict[str, Any]) -> None:
        bus = self._shared(one, EventBus, "bus", options)
        pattern: dict[str, Any] = {"event_pattern": {"detail": dict(one.filter_policy)}} if one.filter_policy else {}
        self.chain.connect(bus, one.target, **pattern)
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
        self.chain.connect(one.source, machine, link=word, **options, **self._filtered(one))

    def _shared(self, one: Connection, cls: type[Service], word: str, options: dict[str, Any]) -> Service:
        """Return the topic or bus that all connections of one caller's link share, made for the first of them."""
        name = f"{one.source}-{word}"
        if name in self.chain.services:
            return self.chain.service(name)
        made = self._add(cls(name))
        self.chain.connect(one.source, made, **options)
        return made

    def _on_failure(self, function: str) -> None:
        """Give a function's events a dead-letter queue, once."""
        if not any(v.word == "on_failure" for _, v in self.chain.outgoing(function)):
            self.chain.connect(function, self._dead(function), link="on_failure")

    def _dead(self, function: str) -> Service:
        """Return a function's dead-letter queue, made when first needed."""
        name = f"{function}-dead"
        return self.chain.service(name) if name in self.chain.services else self._add(SqsQueue(name))

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
