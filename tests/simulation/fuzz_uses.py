"""What a chain of the fuzz used: each primitive, link, setting, load, limit reached and lost branch.

Everything is said by the design, by the instructions of its program, or by what the run counted.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

import chainkit as ck
from chainkit.simulation import kernel as k
from chainkit.wiring import Caller, Delivery, Destination, EventSourceMapping, Invocation, Redrive, Task
from tests.simulation.fuzz_laws import Ran

OPS = {
    getattr(k, name): name
    for name in (
        "ENTER", "ENTER_BATCH", "WORK", "LEAVE", "CALL", "RET", "RESPOND", "END_FLOW", "SPAWN", "WAIT", "JOIN", "ALIVE",
        "DELAY", "CHANCE", "MATCH", "FAIL", "DOOM", "RETRY", "STATUS_", "JUMP", "ENQUEUE", "AGAIN", "TICK", "RAMP",
        "UNIT", "UNIT_FAILED", "SETTLE", "WATCH", "PATIENCE", "METER", "STAMP", "ELAPSED", "DESCEND", "RESET", "TAKE",
        "PACE", "ASK", "TELL", "MAP", "JOIN_MAP", "AWAIT", "HISTORY", "DUPLICATE", "OVERRUN", "OVERRUN_", "NEXT",
        "ARRIVE", "FREE", "TURN",
    )
}  # fmt: skip
"""Every instruction but EFFECT, which only `run.effects` has."""
FUNCTION = (
    "first_duration", "overhead", "error_rate", "poison_fraction", "service_error_rate", "reserved_concurrency",
    "speed_factor", "snap_start", "provisioned_concurrency", "provisioned_scaling", "warmer", "idempotent",
)  # fmt: skip
LINK = (
    "client_timeout_s", "breaker", "filter_policy", "case", "chance", "delivery_error_rate", "duplicate_rate",
    "report_batch_item_failures", "maximum_batching_window_s", "maximum_concurrency", "minimum_pollers",
)  # fmt: skip


def uses(x: Ran) -> set[str]:
    """Return what a run used, as `kind: name`."""
    found = {f"primitive: {OPS[op]}" for op in set(x.run.program.code[::8].tolist()) if op in OPS}
    found |= set(_of_services(x)) | set(_of_links(x)) | set(_of_limits(x)) | set(_of_losses(x))
    found.add(f"load: {type(x.trial.load).__name__}")
    found.add("replications: " + ("one" if x.run.replications == 1 else "several"))
    found.add("hops: " + ("as given" if x.trial.options["latency"] else "none"))
    return found


def _of_services(x: Ran) -> Iterator[str]:
    """Yield services and their settings."""
    for service in x.chain.services.values():
        yield f"service: {type(service).__name__}"
        if isinstance(service, ck.LambdaFunction):
            for name in FUNCTION:
                if getattr(service, name) not in (0, None, False):
                    yield f"function: {name}"
            yield f"function: reuse {service.reuse}"
            yield f"function: keep_alive {type(service.keep_alive).__name__}"
        if isinstance(service, ck.StateMachine):
            yield f"machine: {service.workflow}"
            yield from _of_states(service, service.definition)


def _of_states(machine: ck.StateMachine, scope: Mapping[str, Any]) -> Iterator[str]:
    """Yield what states there are."""
    if "TimeoutSeconds" in scope:
        yield "machine: TimeoutSeconds"
    for name, state in scope["States"].items():
        yield f"state: {state['Type']}"
        for word in ("Catch", "TimeoutSeconds", "HeartbeatSeconds", "ItemBatcher"):
            if word in state:
                yield f"state: with {word}"
        for retrier in state.get("Retry", []):
            yield f"retry: of a state, jitter {retrier.get('JitterStrategy', 'NONE')}"
        if "Resource" in state:
            yield f"state: {state['Resource'].removeprefix('arn:aws:states:::')}"
        if machine.result_bytes.get(name, 0) > 262_144:
            yield "limit in the design: payload"
        if "ItemProcessor" in state:
            yield f"state: Map {state['ItemProcessor']['ProcessorConfig']['Mode']}"
            if any(word.startswith("Tolerated") for word in state):
                yield "state: Map with tolerance"
        for each in [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]:
            yield from _of_states(machine, each)


def _of_links(x: Ran) -> Iterator[str]:
    """Yield links and their settings."""
    for link in x.chain.links.values():
        yield f"link: {link.word}"
        for name in LINK:
            if getattr(link, name, None):
                yield f"link: {link.word if name == 'filter_policy' else ''} {name}".replace("  ", " ")
        if isinstance(link, Invocation) and link.retry is not None and link.retry.max_attempts > 1:
            yield f"retry: of a caller, jitter {link.retry.jitter}"
        if isinstance(link, Invocation) and link.on_error == "continue":
            yield "link: on_error continue"
        if isinstance(link, Caller) and link.count > 1:
            yield "link: count"
        if isinstance(link, Caller) and link.probability < 1 and link.case is None:
            yield "link: probability"
        if isinstance(link, Delivery) and link.delivery_error_rate:
            yield f"retry: of a delivery, {link.word}"
        is_event = (isinstance(link, Invocation) and link.kind == "async") or isinstance(link, Delivery | Destination)
        if link.target in x.functions and is_event and x.functions[link.target].maximum_retry_attempts:
            row = x.nodes[link.target]
            if row["errors"] + row["timeouts"]:
                yield "retry: of an event, after an error"
            if row["throttles"] + row.get("service_errors", 0):
                yield "retry: of an event, after a throttle"
        if isinstance(link, EventSourceMapping) and x.nodes[link.source]["returned"]:
            yield "retry: of a message"
            row = x.nodes[link.target]
            if row["throttles"] + row.get("service_errors", 0):
                yield "retry: of a batch turned away"
        if isinstance(link, Task) and link.invocation_type == "Event":
            yield "link: task that hands an event over"


def _of_limits(x: Ran) -> Iterator[str]:
    """Yield limits that were reached, as far as the tables tell."""
    account = x.trial.options.get("account_concurrency", 1000)
    account -= sum(f.reserved_concurrency or 0 for f in x.functions.values())
    shared = [x.nodes[name] for name, f in x.functions.items() if f.reserved_concurrency is None]
    at_once = sum(row["busy_peak"] for row in shared)
    for name, f in x.functions.items():
        row = x.nodes[name]
        if row["timeouts"]:
            yield "limit: function timeout"
        if row["throttles"]:
            if f.reserved_concurrency is not None and row["busy_peak"] == f.reserved_concurrency:
                yield "limit: no concurrency (0)" if f.reserved_concurrency == 0 else "limit: reserved concurrency"
            elif f.reserved_concurrency is None and at_once < account:
                yield "limit: scaling tokens" if row["cold_starts"] >= 1000 else "limit: account request quota"
            elif f.reserved_concurrency is None and row["busy_peak"] == account:
                yield "limit: account concurrency"
        if row.get("spill_over"):
            yield "limit: provisioned, spill-over"
    for link in x.polled.values():
        if link.maximum_concurrency and x.nodes[link.target]["busy_peak"] >= link.maximum_concurrency:
            yield "limit: maximum_concurrency of a mapping"
    yield from _of_quotas(x)


def _of_quotas(x: Ran) -> Iterator[str]:
    """Yield what shows only beside the same run without it: quotas of small regions, and open breakers."""
    name = QUOTAS.get(x.trial.kind)
    if name is not None and _differs(x, x.chain.to_plain() | {"region": "us-east-1"}):
        yield f"limit: {name}"
    if x.trial.kind == "histories" and x.ledger["dropped"]:
        yield "limit: history of 25,000 events"
    waits = x.trial.kind == "minutes" and x.chain.service("m").definition["States"]["W"]["Seconds"] > 300  # type: ignore[attr-defined]
    if waits and x.nodes["m"]["executions"]:
        yield "limit: Express workflow of five minutes"
    if any(getattr(link, "breaker", None) for link in x.chain.links.values()):
        plain = x.chain.to_plain()
        if _differs(x, plain | {"links": [{k: v for k, v in e.items() if k != "breaker"} for e in plain["links"]]}):
            yield "limit: circuit breaker, open"


QUOTAS = {
    "starts": "StartExecution",
    "transitions": "state transitions",
    "events": "PutEvents",
    "deliveries": "invocations of a bus",
}


def _differs(x: Ran, plain: Mapping[str, Any]) -> bool:
    """Tell whether another chain gives other times or outcomes on the same draws."""
    other = ck.simulate(ck.Chain.from_plain(plain), x.trial.load, keep="requests", threads=1, **x.trial.options)
    same = np.array_equal(other.completion_s, x.run.completion_s, equal_nan=True)
    return not (same and other.branches.equals(x.run.branches))


def _of_losses(x: Ran) -> Iterator[str]:
    """Yield outcomes, and dead letters of each kind."""
    for word, n in x.ledger.items():
        if n:
            yield f"outcome: {word}"
    redriven = {v.source: v for v in x.chain.links.values() if isinstance(v, Redrive)}
    for queue in x.polled:
        if x.nodes[queue]["dead_letters"]:
            polled = redriven[queue].target in x.polled
            yield f"dead letter: redriven to a queue that is {'polled' if polled else 'kept'}"
    for link in x.chain.links.values():
        is_kept = isinstance(link, Delivery) and link.delivery_error_rate and link.dead_letter_queue
        if is_kept and link.word == "rule" and x.branches["dead-lettered"]:
            yield "dead letter: of a rule"
        if isinstance(link, Destination) and link.condition == "OnFailure" and x.branches["dead-lettered"]:
            yield "dead letter: to an OnFailure destination"
