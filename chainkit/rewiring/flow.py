"""What functions hand each other: the connections of a chain, whatever lies between, and what each may become."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chainkit import asl
from chainkit.chain import Chain
from chainkit.records import Buffer, FanOut, Pool
from chainkit.rewiring.kinds import ANSWERING, LARGEST_BYTES
from chainkit.service import Service
from chainkit.services import EventBus, SnsTopic, SqsQueue, StateMachine
from chainkit.wiring import Caller, Delivery, Destination, EventSourceMapping, Redrive, Task

KEPT_OF_TASKS = ("Retry", "TimeoutSeconds")
"""What a state of a machine that goes hands to the state that stands for it."""


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
    task: Mapping[str, Any] | None = None
    """Retry and time limit of the state that calls, where a state machine lies between."""
    obstacle: str = ""
    """What another kind would lose of what happens on the way."""

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
        if kind == "sync" and self.link.count > 1:
            return f"stays {self.kind}; sync refused, it hands over {self.link.count} messages at once, a call one"
        if self.obstacle:
            return f"stays {self.kind}; {kind} refused, {self.obstacle}"
        if not self.is_readable:
            return f"stays {self.kind}; its two filters on one field fit in no single one"
        return ""


@dataclass(frozen=True)
class Draft:
    """A chain wired in another way, and what was done to it."""

    chain: Chain
    rewired: tuple[str, ...]
    kept: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def connections(chain: Chain) -> list[Connection]:
    """Return the connections of a chain, in the order of the callers' links."""
    found: list[Connection] = []
    for key, link in chain.links.items():
        if isinstance(link, Caller) and is_code(chain, link.source):
            begun = Connection(link.source, link.target, link, link.kind, (key,), (), link.filter_policy)
            found += _ways(chain, begun)
    return found


def is_code(chain: Chain, name: str) -> bool:
    """Tell whether a service runs code."""
    return not isinstance(chain.service(name), StateMachine) and isinstance(chain.service(name).behaviour(), Pool)


def _ways(chain: Chain, so_far: Connection) -> Iterator[Connection]:
    """Yield a connection for each function that one begun leads to, through services that do nothing else."""
    name = so_far.target
    if is_code(chain, name):
        yield replace(so_far, obstacle=so_far.obstacle or _outcome(chain, name))
        return
    service = chain.service(name)
    callers = [v for _, v in chain.incoming(name) if not isinstance(v, Redrive)]
    ways = [(key, v) for key, v in chain.outgoing(name) if isinstance(v, EventSourceMapping | Delivery | Task)]
    if isinstance(service, StateMachine):
        ways = [
            (key, v) for key, v in ways if is_code(chain, v.target) or isinstance(chain.service(v.target), StateMachine)
        ]
        if len(ways) != 1 or name in so_far.between:
            return
        so_far = _through(so_far, service, ways[0][1])
    elif not isinstance(service.behaviour(), Buffer | FanOut):
        return
    if len(callers) != 1:
        return
    for key, link in ways:
        policy, is_readable = merged(so_far.filter_policy, getattr(link, "filter_policy", None))
        fraction = getattr(link, "match_fraction", None)
        yield from _ways(
            chain,
            replace(
                so_far,
                target=link.target,
                kind=_kind_through(so_far, service),
                links=(*so_far.links, key),
                between=(*so_far.between, name),
                filter_policy=policy,
                match_fraction=fraction if so_far.match_fraction is None else so_far.match_fraction * (fraction or 1.0),
                is_readable=so_far.is_readable and is_readable,
            ),
        )


def _outcome(chain: Chain, function: str) -> str:
    """Return where the events of a function go on to from there, or "": a queue that nobody reads is an end."""
    for _, link in chain.outgoing(function):
        if isinstance(link, Destination):
            queue = chain.service(link.target)
            if not isinstance(queue, SqsQueue) or any(
                isinstance(v, EventSourceMapping) for _, v in chain.outgoing(queue.name)
            ):
                return f"{link.target!r} is told what becomes of the events of {function!r}"
    return ""


def _through(so_far: Connection, machine: StateMachine, link: Any) -> Connection:
    """Return a connection that goes on through a machine: what its state keeps, and what else the machine does."""
    states = asl.read(machine.definition)["States"]
    state = states.get(getattr(link, "state", ""), {})
    task = {key: state[key] for key in KEPT_OF_TASKS if key in state} or so_far.task
    more = _more_than_calls(machine, states)
    obstacle = so_far.obstacle or (f"state {more!r} of {machine.name!r} would go" if more else "")
    return replace(so_far, task=task, obstacle=obstacle)


def _more_than_calls(machine: StateMachine, states: Mapping[str, Any]) -> str:
    """Return a state that waits, repeats or decides, or "" where a machine only calls and catches."""
    for name, state in states.items():
        is_certain = state["Type"] == "Choice" and 1.0 in machine.choices.get(name, ())
        if state["Type"] in ("Wait", "Choice", "Map", "Parallel") and not is_certain:
            return name
    return ""


def _kind_through(so_far: Connection, service: Service) -> str:
    """Return the kind of a way that goes on through this service."""
    word = {SqsQueue: "sqs", SnsTopic: "sns", EventBus: "eventbridge"}.get(type(service), "other")
    if isinstance(service, StateMachine):
        word = service.workflow.lower()
    kind = f"{so_far.kind}-{word}" if so_far.between else word
    return "nested" if kind == "standard-express" else kind


def merged(
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


def cuts(chain: Chain, name: str) -> list[tuple[float, list[str]]]:
    """Return the steps of a function's calls in order: (share of its own work after which one begins, its links)."""
    steps: dict[int, list[tuple[str, Caller]]] = {}
    for key, link in chain.outgoing(name):
        if isinstance(link, Caller):
            steps.setdefault(link.step, []).append((key, link))
    found = []
    for i, step in enumerate(sorted(steps), start=1):
        stated = [link.after_fraction for _, link in steps[step] if link.after_fraction is not None]
        found.append((stated[0] if stated else i / (len(steps) + 1), [key for key, _ in steps[step]]))
    return sorted(found, key=lambda cut: cut[0])


def hold_steps(chain: Chain, name: str) -> int:
    """State when each step of a function begins, and number them from 1; return how many there are."""
    found = cuts(chain, name)
    for step, (fraction, keys) in enumerate(found, start=1):
        for key in keys:
            chain.set(key, step=step, after_fraction=fraction)
    return len(found)
