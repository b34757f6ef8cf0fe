"""Rewiring one connection at a time: what lies between two functions goes, and what the kind needs comes.

New services get the defaults of AWS, except: visibility 6 x the function timeout, maxReceiveCount 5, and a dead-letter
queue each. A machine that hands over tries its task again with the defaults of Retry [2], as queues and events do.

Sources  [1] StartSyncExecution answers 200 although the execution has failed: API reference of Step Functions,
             docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html (2026)
         [2] AWS agent toolkit, error-handling.md (2026): Retry defaults, 1 s, 3 times, doubling
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from chainkit.chain import Chain
from chainkit.rewiring.flow import Connection, Draft
from chainkit.rewiring.kinds import ANSWERING
from chainkit.service import Service
from chainkit.services import EventBus, SnsTopic, SqsQueue, StateMachine
from chainkit.wiring import Destination, Redrive, Task

MAX_RECEIVE_COUNT = 5
VISIBILITY_TIMEOUTS = 6
OF_CALLS = ("retry", "client_timeout_s", "breaker", "on_error", "duplicate_rate")
"""Settings of a call that its caller carries out."""
OF_QUEUES = ("delay_s", "maximum_concurrency", "max_receive_count")
"""Settings of a queue, its mapping and its redrive that a request feels whatever comes instead."""
OF_BATCHES = (
    "batch_size",
    "maximum_batching_window_s",
    "minimum_pollers",
    "maximum_pollers",
    "report_batch_item_failures",
)
"""Settings of a mapping that mean nothing without a queue."""
RETRY = {"Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 3, "BackoffRate": 2.0}]}
"""Of a call whose failure nobody hears of; [2]."""


def draft(chain: Chain, kind: str, found: Sequence[Connection]) -> Draft | str:
    """Return the chain with every connection of this kind that can be, or why there is none."""
    reasons = {one.way: one.refusal(kind) for one in found}
    kept = tuple(f"{way}: {why}" for way, why in reasons.items() if why)
    moved = [one for one in found if not one.refusal(kind)]
    if not moved and not any(one.kind == kind for one in found):
        return "; ".join(kept)
    twin = chain.copy(f"{chain.name}-{kind}")
    builder = Builder(twin)
    builder.take_out(moved)
    for one in moved:
        builder.put_in(one, kind)
    builder.restore_order(list(chain.links))
    rewired = tuple(f"{one.way}: was {one.kind}" for one in moved)
    gone = [(one.way, ", ".join(_gone(chain, one, kind))) for one in moved]
    notes = tuple(f"{way}: without {what}" for way, what in gone if what)
    return Draft(twin, rewired, kept, tuple(builder.added), notes)


def _gone(chain: Chain, one: Connection, kind: str) -> Iterator[str]:
    """Yield settings of what lay between that nothing has now, each with its owner."""
    is_call = one.link.kind == "sync" and one.needs_answer and kind in ANSWERING
    of_queues = (*OF_BATCHES, *OF_QUEUES) if kind in ("sqs", "sns-sqs") else OF_QUEUES
    of_calls: tuple[str, ...] = () if is_call else OF_CALLS
    owners: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [(one.links[0], one.link.to_plain(), of_calls)]
    owners += [(key, chain.links[key].to_plain(), of_queues) for key in one.links[1:]]
    for name in one.between:
        owners.append((name, chain.service(name).to_plain(), of_queues))
        owners += [(key, v.to_plain(), of_queues) for key, v in chain.outgoing(name) if isinstance(v, Redrive)]
    for owner, plain, names in owners:
        for name in (name for name in names if name in plain):
            yield f"{name} of {owner}" if isinstance(plain[name], dict) else f"{name}={plain[name]} of {owner}"
    if one.task and kind not in ("standard", "express", "nested"):
        yield f"{' and '.join(one.task)} of {one.between[-1]}"
    if kind in ("standard", "express") and not one.needs_answer and "Retry" not in (one.task or {}):
        yield "a Retry: what fails once is dead-lettered"


class Builder:
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
        getattr(self, f"_{kind.replace('-', '_')}")(one, options_of(one))
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

    def _delivered(self, one: Connection) -> dict[str, Any]:
        """Return the options of a delivery."""
        return {} if one.match_fraction is None else {"match_fraction": one.match_fraction}

    def _sync(self, one: Connection, options: dict[str, Any]) -> None:
        self.chain.connect(one.source, one.target, **filtered(one, options), **_carried(one))

    def _async(self, one: Connection, options: dict[str, Any]) -> None:
        self.chain.connect(one.source, one.target, link="async", **filtered(one, options))
        self.on_failure(one.target)

    def _sqs(self, one: Connection, options: dict[str, Any]) -> None:
        queue = self._queue(one)
        self.chain.connect(one.source, queue, **filtered(one, options))
        self._polled(one, queue)

    def _queue(self, one: Connection) -> Service:
        """Add the queue before a function."""
        function = self.chain.service(one.target)
        visibility_s = VISIBILITY_TIMEOUTS * int(getattr(function, "timeout_s", 5))
        return self.add(SqsQueue(self._free(f"{one.target}-queue"), visibility_timeout_s=visibility_s))

    def _polled(self, one: Connection, queue: Service) -> None:
        """Connect a queue with its function and its dead-letter queue."""
        self.chain.connect(queue, one.target)
        self.chain.connect(queue, self._dead(one.target), link="redrive", max_receive_count=MAX_RECEIVE_COUNT)

    def _sns(self, one: Connection, options: dict[str, Any]) -> None:
        topic = self._shared(one, SnsTopic, "topic", options)
        policy: dict[str, Any] = {"filter_policy": dict(one.filter_policy)} if one.filter_policy else {}
        self.chain.connect(topic, one.target, **policy, **self._delivered(one))
        self.on_failure(one.target)

    def _sns_sqs(self, one: Connection, options: dict[str, Any]) -> None:
        topic, queue = self._shared(one, SnsTopic, "topic", options), self._queue(one)
        policy: dict[str, Any] = {"filter_policy": dict(one.filter_policy)} if one.filter_policy else {}
        self.chain.connect(topic, queue, **policy, **self._delivered(one))
        self._polled(one, queue)

    def _eventbridge(self, one: Connection, options: dict[str, Any]) -> None:
        bus = self._shared(one, EventBus, "bus", options)
        pattern = {"detail": dict(one.filter_policy)} if one.filter_policy else None
        self.chain.connect(bus, one.target, event_pattern=pattern, **self._delivered(one))
        self.on_failure(one.target)

    def _standard(self, one: Connection, options: dict[str, Any]) -> None:
        self._machine(one, options, "STANDARD")

    def _express(self, one: Connection, options: dict[str, Any]) -> None:
        self._machine(one, options, "EXPRESS")

    def _nested(self, one: Connection, options: dict[str, Any]) -> None:
        """Add a Standard machine that starts an Express one, which calls the function and tries again."""
        call = {"Type": "Task", "Resource": f"${{{one.target}}}", **(one.task or RETRY), "End": True}
        child = self.add(self._made(f"{one.target}-call", {"Call": call}, "EXPRESS"))
        start = _task("aws-sdk:sfn:startSyncExecution", {"StateMachineArn": f"${{{child.name}}}", "Input.$": "$"})
        succeeded = {"Variable": "$.started.Status", "StringEquals": "SUCCEEDED", "Next": "Done"}
        states = {
            "Start": start | {"ResultPath": "$.started", "Next": "Succeeded"},
            "Succeeded": {"Type": "Choice", "Choices": [succeeded], "Default": "Bury"},  # [1]
            "Done": {"Type": "Succeed"},
        }
        # The simulated task fails where its execution does, so that what comes to the Choice has succeeded.
        self._started(one, options, self._buried(one, states, "Start"), "STANDARD", choices={"Succeeded": [1.0, 0.0]})

    def _machine(self, one: Connection, options: dict[str, Any], workflow: Literal["STANDARD", "EXPRESS"]) -> None:
        """Add a machine with one task; unless the caller hears of a failure it is tried again, then dead-lettered."""
        again = {} if one.needs_answer else RETRY
        call = {"Type": "Task", "Resource": f"${{{one.target}}}", **(one.task or again), "End": True}
        states: dict[str, Any] = {"Call": call}
        if not one.needs_answer:
            states = self._buried(one, states, "Call")
        self._started(one, options, states, workflow)

    def _buried(self, one: Connection, states: dict[str, Any], task: str) -> dict[str, Any]:
        """Return states with a way for what a task cannot do: to a dead-letter queue."""
        caught = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Bury"}]
        message = {"QueueUrl": f"${{{self._dead(one.target).name}}}", "MessageBody.$": "$"}
        return {
            **states,
            task: states[task] | {"Catch": caught},
            "Bury": _task("sqs:sendMessage", message) | {"Next": "Failed"},
            "Failed": {"Type": "Fail", "Error": "NotDelivered"},
        }

    def _started(
        self, one: Connection, options: dict[str, Any], states: dict[str, Any], workflow: Any, **figures: Any
    ) -> None:
        """Add a machine, and the caller's link to it."""
        machine = self.add(self._made(f"{one.target}-flow", states, workflow, **figures))
        word = "sync" if one.needs_answer else "async"
        self.chain.connect(one.source, machine, link=word, **filtered(one, options), **_carried(one))

    def _made(self, name: str, states: dict[str, Any], workflow: Any, **figures: Any) -> StateMachine:
        """Return a machine that starts with its first state."""
        definition = {"StartAt": next(iter(states)), "States": states}
        return StateMachine(self._free(name), definition=definition, workflow=workflow, **figures)

    def _shared(self, one: Connection, cls: type[Service], word: str, options: dict[str, Any]) -> Service:
        """Return the topic or bus for a connection: one for all that left by one link, or always leave together."""
        is_plain = options["probability"] >= 1 and options["case"] is None
        key: tuple[Any, ...] = (word, one.source, *map(repr, options.values())) if is_plain else (word, one.links[0])
        if key not in self.made:
            self.made[key] = self.add(cls(self._free(f"{one.source}-{word}")))
            self.chain.connect(one.source, self.made[key], **options)
        return self.made[key]

    def on_failure(self, function: str) -> None:
        """Give a function's events a dead-letter queue, once."""
        if not any(v.word == "on_failure" for _, v in self.chain.outgoing(function)):
            self.chain.connect(function, self._dead(function), link="on_failure")

    def _dead(self, function: str) -> Service:
        """Return a function's dead-letter queue, made when first needed."""
        key = ("dead", function)
        if key not in self.made:
            self.made[key] = self.add(SqsQueue(self._free(f"{function}-dead")))
        return self.made[key]

    def _free(self, name: str) -> str:
        """Return a name that is not taken."""
        k, free = 1, name
        while free in self.chain.services:
            k += 1
            free = f"{name}{k}"
        return free

    def add(self, service: Service) -> Service:
        """Add a service and note its settings."""
        plain = service.to_plain()
        words = [f"{key}={value}" for key, value in plain.items() if key not in ("type", "definition")]
        self.added.append(f"{service.name}: {', '.join([plain['type'], *words])}")
        return self.chain.add(service)


def _task(action: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return a task that makes an API call."""
    return {"Type": "Task", "Resource": f"arn:aws:states:::{action}", "Parameters": parameters}


def options_of(one: Connection) -> dict[str, Any]:
    """Return the caller's settings that stay; the draw that decides its chance, too."""
    names = ("step", "after_fraction", "probability", "case", "count", "message_bytes")
    chance = one.link.chance or (one.links[0] if one.link.probability < 1 else None)
    return {name: getattr(one.link, name) for name in names} | {"needs_answer": one.needs_answer, "chance": chance}


def _carried(one: Connection) -> dict[str, Any]:
    """Return what the caller of a needed answer does about its call, whoever answers."""
    if one.link.kind != "sync" or not one.needs_answer:
        return {}
    return {name: getattr(one.link, name) for name in OF_CALLS}


def filtered(one: Connection, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a link on which the caller's own code decides what a filter decided before."""
    if one.filter_policy:
        return options | {"filter_policy": dict(one.filter_policy)}
    if one.match_fraction is None:
        return options
    shared = options["chance"] or f"{one.links[-1]}"
    return options | {"probability": options["probability"] * one.match_fraction, "chance": shared}
