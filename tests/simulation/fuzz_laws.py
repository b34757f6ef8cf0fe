"""What must hold of any run, read from the public face alone: `Run` and its tables.

Each law is a function that yields what is wrong, one line each; its docstring says what it holds. `is_over` says that
nothing was cut by the end of the run: then what began has ended, and inequalities become equalities.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import chainkit as ck
from chainkit.service import Service
from chainkit.simulation.loads import ClosedLoop
from chainkit.wiring import Delivery, Destination, EventSourceMapping, Invocation, Link, Redrive, Task
from tests.simulation.fuzz_chains import Trial

LOST = ("dropped", "expired", "dead-lettered")
UNIT_BYTES = 65_536
MS_SLACK = 1e-6
"""A run that is over a millisecond by less than this is not billed another one."""


@dataclass
class Ran:
    """A trial and its run, as the laws look at it."""

    trial: Trial
    run: ck.Run

    @property
    def chain(self) -> ck.Chain:
        """Return the chain."""
        return self.trial.chain

    @cached_property
    def nodes(self) -> dict[str, dict[str, float]]:
        """Return the table of nodes; what a node does not have is missing."""
        rows = self.run.nodes.to_dict("index")
        return {name: {k: v for k, v in row.items() if not math.isnan(v)} for name, row in rows.items()}

    @cached_property
    def usage(self) -> dict[tuple[str, str], float]:
        """Return what was metered, in counts."""
        return {(x.node, x.meter.counter): x.quantity / x.meter.factor for x in self.run.usage.lines}

    @cached_property
    def ledger(self) -> dict[str, int]:
        """Return requests by outcome."""
        return {str(k): int(v) for k, v in self.run.ledger.items()}

    @cached_property
    def branches(self) -> dict[str, int]:
        """Return branches by outcome."""
        return {str(k): int(v) for k, v in self.run.branches.items()}

    @cached_property
    def is_over(self) -> bool:
        """Whether everything that began has ended."""
        return self.ledger["unfinished"] == 0 and self.branches["unfinished"] == 0

    @property
    def entry(self) -> Service:
        """Return where requests enter."""
        return self.chain.service(self.trial.options["at"])

    @cached_property
    def functions(self) -> dict[str, ck.LambdaFunction]:
        """Return the functions."""
        return {k: v for k, v in self.chain.services.items() if isinstance(v, ck.LambdaFunction)}

    @cached_property
    def polled(self) -> dict[str, EventSourceMapping]:
        """Return the queues that are polled, with their mappings."""
        return {v.source: v for v in self.chain.links.values() if isinstance(v, EventSourceMapping)}

    def into(self, name: str) -> list[Link]:
        """Return the links into a node."""
        return [v for v in self.chain.links.values() if v.target == name]

    def entered(self, queue: str) -> float:
        """Return how many messages were sent to a polled queue, or redriven into it."""
        redriven = [v.source for v in self.into(queue) if isinstance(v, Redrive)]
        return self.usage[queue, "sends"] + sum(self.nodes[each].get("dead_letters", 0) for each in redriven)

    def tries(self, name: str) -> float:
        """Return how often somebody tried to run a function, pings apart."""
        row = self.nodes[name]
        return row["invocations"] - row.get("pings", 0) + row["throttles"] + row.get("service_errors", 0)

    def has_large(self, name: str) -> bool:
        """Tell whether messages of more than one billed unit may reach a node."""
        return any(getattr(v, "message_bytes", 0) > UNIT_BYTES for v in self.chain.links.values())


# --- requests ---


def requests_add_up(x: Ran) -> Iterator[str]:
    """Every request has one outcome; times say the same: infinite where lost, missing where unfinished."""
    ledger, n = x.ledger, x.trial.options["requests"]
    if sum(ledger.values()) != n or min(ledger.values()) < 0:
        yield f"ledger {ledger} does not add up to {n} requests"
    times = x.run.completion_s
    found = int(np.isinf(times).sum()), int(np.isnan(times).sum()), int(np.isfinite(times).sum())
    done = ledger["completed"] + ledger["failed"] + ledger["throttled"]
    if found != (sum(ledger[word] for word in LOST), ledger["unfinished"], done):
        yield f"lost, unfinished, done are {found} by completion times, and the ledger says {ledger}"


def answers_come_where_somebody_waits(x: Ran) -> Iterator[str]:
    """An answer for every request whose caller waits, none where nobody does; never before 0, nor after completion."""
    response, completion = x.run.response_s, x.run.completion_s
    entry = x.entry
    waits = isinstance(entry, ck.HttpApi | ck.LambdaFunction) or (
        isinstance(entry, ck.StateMachine) and entry.workflow == "EXPRESS"
    )
    answered = np.isfinite(response)
    missing = int((~answered).sum())
    if not waits and answered.any():
        yield f"{int(answered.sum())} answers, where nobody waits"
    if waits and missing > x.ledger["unfinished"]:
        lost = int((~answered & ~np.isnan(completion)).sum())
        if lost and x.trial.options["drain_s"] > 1000:
            yield f"{lost} requests are over and have no answer"
    if (response[answered] < 0).any() or (completion[~np.isnan(completion)] < 0).any():
        yield "a time below 0"
    if (completion[answered] < response[answered]).any():
        yield "a request was complete before its answer"


def branches_explain_requests(x: Ran) -> Iterator[str]:
    """A request's outcome is its worst branch's: each has one of that outcome, and none is without its request."""
    ledger, branches = x.ledger, x.branches
    if min(branches.values()) < 0:
        yield f"branches {branches}"
    for word in (*LOST, "throttled", "failed", "unfinished"):
        if ledger[word] > branches[word]:
            yield f"{ledger[word]} requests {word}, and {branches[word]} branches"
    for i, word in enumerate(LOST):
        if branches[word] and not sum(ledger[worse] for worse in LOST[: i + 1]):
            yield f"{branches[word]} branches {word}, and no request is lost so"
    nothing = isinstance(x.entry, ck.SnsTopic | ck.EventBus)
    if sum(branches.values()) < ledger["failed"] + ledger["throttled"] + (0 if nothing else ledger["completed"]):
        yield f"fewer branches {branches} than requests {ledger}"


def everything_ends(x: Ran) -> Iterator[str]:
    """Nothing is in flight for ever, but messages of queues without dead letters that come back and back."""
    if x.trial.options["drain_s"] < 1000:
        return
    redriven = {v.source for v in x.chain.links.values() if isinstance(v, Redrive)}
    stuck = [q for q in x.polled if q not in redriven and (x.nodes[q]["returned"] or math.isinf(x.nodes[q]["drain_s"]))]
    if any(x.chain.outgoing(x.polled[queue].target) for queue in stuck):
        return  # each further try hands over further work, which is in flight when the run is cut
    if x.branches["unfinished"] > sum(x.entered(queue) for queue in stuck):
        yield f"{x.branches['unfinished']} branches are never over, and no queue holds them; queues: {stuck}"


# --- functions ---


def invocations_are_cold_or_warm(x: Ran) -> Iterator[str]:
    """Cold starts, errors and timeouts are invocations; environments that run at once were created before."""
    for name, f in x.functions.items():
        row = x.nodes[name]
        ran = row["invocations"]
        if not 0 <= row["cold_starts"] <= ran or row["errors"] + row["timeouts"] > ran:
            yield f"{name}: {row}"
        if not (f.provisioned_concurrency or f.provisioned_scaling) and row["cold_starts"] < row["busy_peak"]:
            yield f"{name}: {row['busy_peak']} run at once in {row['cold_starts']} environments"
        if (ran > 0) != (row["busy_peak"] > 0):
            yield f"{name}: {ran} invocations, at most {row['busy_peak']} at once"
        tries = x.tries(name) / x.run.requests
        if not math.isclose(row["runs_per_request"], tries, rel_tol=1e-12, abs_tol=1e-12):
            yield f"{name}: runs_per_request {row['runs_per_request']}, by its counts {tries}"
        if row.get("spill_over", 0) > ran or row.get("pings", 0) > ran:
            yield f"{name}: more pings or spill-over than invocations: {row}"


def billed_is_busy_rounded_up(x: Ran) -> Iterator[str]:
    """Billed time is busy time, each invocation rounded up to a millisecond; INIT is the part that inits took."""
    for name in x.functions:
        row = x.nodes[name]
        billed, busy, ran = (
            row["billed_s"] * 1000,
            row["duration_mean_s"] * row["invocations"] * 1000,
            row["invocations"],
        )
        slack = 1e-9 * busy + MS_SLACK * (ran + 1)
        if not busy - slack <= billed < busy + ran + slack:
            yield f"{name}: {billed} ms are billed for {busy} ms of {ran} invocations"
        init, run = x.usage[name, "init_ms"], x.usage[name, "run_ms"]
        ready = x.usage.get((name, "provisioned_run_ms"), 0.0)
        if not math.isclose(init + run + ready, billed, rel_tol=1e-9, abs_tol=1e-6):
            yield f"{name}: {init} + {run} + {ready} ms are metered, {billed} billed"
        pinged = x.functions[name].warmer is not None  # a ping may be under way when all requests are over
        if x.is_over and not pinged and (init > billed + slack or run < -slack):
            yield f"{name}: {init} ms of init in {billed} billed ms"


def no_run_is_longer_than_allowed(x: Ran) -> Iterator[str]:
    """An invocation ends at its timeout, which begins after the init."""
    for name, f in x.functions.items():
        row = x.nodes[name]
        busy = row["duration_mean_s"] * row["invocations"]
        most = x.usage[name, "init_ms"] / 1000 + row["invocations"] * f.timeout_s
        if busy > most * (1 + 1e-9) + 1e-6:
            yield f"{name}: busy for {busy} s, at most {most} s are allowed"


def limits_hold(x: Ran) -> Iterator[str]:
    """No more at once than reserved, or than the account has; no throttle where nothing limits."""
    account = x.trial.options.get("account_concurrency", 1000)
    shared = account - sum(f.reserved_concurrency or 0 for f in x.functions.values())
    for name, f in x.functions.items():
        row = x.nodes[name]
        limit = shared if f.reserved_concurrency is None else f.reserved_concurrency
        if f.provisioned_scaling is None and row["busy_peak"] > limit:
            yield f"{name}: {row['busy_peak']} at once, {limit} are allowed"
        if f.reserved_concurrency == 0 and row["invocations"]:
            yield f"{name}: runs without any concurrency"
        free = f.reserved_concurrency is None and account == 1000 and row["cold_starts"] < 1000
        if free and row["throttles"] and sum(x.tries(each) for each in x.functions) < 900:
            yield f"{name}: {row['throttles']} throttles, and nothing limits it"


def retries_end_with_their_attempts(x: Ran) -> Iterator[str]:
    """A function runs no more often than calls, events, batches, each with its attempts, allow."""
    for name in x.functions:
        ran = x.nodes[name]["invocations"] - x.nodes[name].get("pings", 0)
        allowed = sum(_runs_by(x, link) for link in x.into(name)) + (x.run.requests if name == x.entry.name else 0)
        if ran > allowed:
            yield f"{name}: runs {ran} times, {allowed} are allowed"


def _runs_by(x: Ran, link: Link) -> float:
    """Return how often a link may have run its target."""
    source, target = x.nodes[link.source], x.functions[link.target]
    each, twice = 1 + target.maximum_retry_attempts, 2 if getattr(link, "duplicate_rate", 0) else 1
    match link:
        case EventSourceMapping():
            return source["batches"]
        case Task():
            return source.get("transitions", math.inf) * each
        case Delivery():
            return source["deliveries"] * twice * each
        case Destination():
            return _events(x, link.source) * each
        case Invocation():
            tries = (link.retry.max_attempts if link.retry else 1) if link.kind == "sync" else link.count * twice * each
            return _units(x, link.source) * tries
    raise AssertionError(link)


def _units(x: Ran, name: str) -> float:
    """Return the most units of work that a caller did: requests of an API, messages of batches, other runs."""
    if name not in x.functions:
        return float(x.run.requests)
    received = sum(x.nodes[v.source]["receives"] for v in x.into(name) if isinstance(v, EventSourceMapping))
    return x.nodes[name]["invocations"] + received


def _events(x: Ran, name: str) -> float:
    """Return the most events of a function that ended: each was tried, or is dropped at once."""
    return x.tries(name) if x.functions[name].reserved_concurrency != 0 else math.inf


# --- queues ---


def messages_go_in_and_out(x: Ran) -> Iterator[str]:
    """What was sent or redriven is received once, and once more for each return that was no dead letter."""
    for queue, link in x.polled.items():
        row = x.nodes[queue]
        first, entered = row["receives"] - row["returned"] + row["dead_letters"], x.entered(queue)
        is_exact = x.is_over and not x.has_large(queue) and not _may_lose(x, queue)
        if first > entered or (is_exact and first != entered):
            yield f"{queue}: {entered} messages went in, {first} came out"
        if not row["batches"] <= row["receives"] <= row["batches"] * link.batch_size:
            yield f"{queue}: {row['receives']} messages in {row['batches']} batches of {link.batch_size}"
        if row["backlog_peak"] > max(entered, row["receives"]) or (row["receives"] and not row["backlog_peak"]):
            yield f"{queue}: at most {row['backlog_peak']} waited, of {entered}"


def _may_lose(x: Ran, queue: str) -> bool:
    """Tell whether messages are metered that may never arrive: deliveries that AWS gives up."""
    return any(getattr(v, "delivery_error_rate", 0) for v in x.into(queue))


def receives_end_with_dead_letters(x: Ran) -> Iterator[str]:
    """No message is received more often than maxReceiveCount; without a redrive there are no dead letters."""
    for queue in x.polled:
        row = x.nodes[queue]
        redrive = next((v for v in x.chain.links.values() if isinstance(v, Redrive) and v.source == queue), None)
        first = row["receives"] - row["returned"] + row["dead_letters"]
        if redrive is None and row["dead_letters"]:
            yield f"{queue}: {row['dead_letters']} dead letters, and no queue for them"
        if redrive is not None and x.is_over and row["receives"] > first * redrive.max_receive_count:
            yield f"{queue}: {row['receives']} receives of {first} messages, {redrive.max_receive_count} each"
    given_up = sum(x.nodes[queue]["dead_letters"] for queue in x.polled)
    if given_up > x.branches["dead-lettered"]:
        yield f"{given_up} messages are dead letters, and {x.branches['dead-lettered']} branches"


def queues_are_empty_or_explained(x: Ran) -> Iterator[str]:
    """After the run nothing waits, unless it was cut or the consumer was throttled to the end."""
    for queue, link in x.polled.items():
        row, consumer = x.nodes[queue], x.nodes[link.target]
        if math.isfinite(row["drain_s"]):
            continue
        if x.is_over:
            yield f"{queue}: messages wait, and every request is over"
        if x.trial.options["drain_s"] > 1000 and not row["returned"] + consumer["throttles"]:
            yield f"{queue}: messages wait, and {link.target} was never refused"


def batches_are_runs(x: Ran) -> Iterator[str]:
    """A batch runs once, unless it is turned away; what succeeds is deleted."""
    for queue, link in x.polled.items():
        if len(x.into(link.target)) > 1 or x.entry.name == link.target:
            continue
        row, consumer = x.nodes[queue], x.nodes[link.target]
        ran = consumer["invocations"] - consumer.get("pings", 0)
        turned = consumer["throttles"] + consumer.get("service_errors", 0)
        if ran > row["batches"] or (x.is_over and not turned and ran != row["batches"]):
            yield f"{queue}: {row['batches']} batches, {ran} runs"
        if x.is_over and ran + turned < row["batches"]:
            yield f"{queue}: {row['batches']} batches, {ran} runs and {turned} refusals"
        if x.is_over and not row["returned"] and x.usage[queue, "deletes"] != row["batches"] and link.batch_size <= 10:
            yield f"{queue}: {x.usage[queue, 'deletes']} deletes of {row['batches']} batches without a failure"


# --- topics, buses, machines ---


def publishes_are_delivered(x: Ran) -> Iterator[str]:
    """Each publish is delivered by each link whose filter passes."""
    for name, service in x.chain.services.items():
        if not isinstance(service, ck.SnsTopic | ck.EventBus):
            continue
        links = [v for v in x.chain.links.values() if v.source == name]
        row, filters = x.nodes[name], [v for v in links if getattr(v, "filter_policy", None) or _shares(v)]
        most, least = (row.get("messages", 0) * n for n in (len(links), len(links) - len(filters)))
        is_exact = x.is_over and not x.has_large(name) and not _may_lose(x, name)
        if row.get("deliveries", 0) > most or (is_exact and row.get("deliveries", 0) < least):
            yield f"{name}: {row} by {len(links)} links, {len(filters)} with filters"


def _shares(link: Link) -> bool:
    """Tell whether a link passes on a share."""
    fraction = getattr(link, "match_fraction", None)
    return fraction is not None and fraction < 1


def executions_are_metered(x: Ran) -> Iterator[str]:
    """An Express execution is metered in steps of 100 ms: of a machine that answers requests, their answers."""
    for name, machine in x.chain.services.items():
        if not isinstance(machine, ck.StateMachine):
            continue
        row = x.nodes[name]
        if x.is_over and "TimeoutSeconds" not in machine.definition and row["transitions"] < row["executions"]:
            yield f"{name}: {row['executions']} executions made {row['transitions']} transitions"
        if machine.workflow != "EXPRESS":
            continue
        steps = x.usage[name, "express_100ms"]
        if machine is x.entry and not x.into(name) and np.isfinite(x.run.response_s).all():
            counted = float(np.ceil(x.run.response_s * 10 - MS_SLACK).sum())
            if not math.isclose(counted, steps, rel_tol=1e-12):
                yield f"{name}: {steps} steps of 100 ms are metered, its answers took {counted}"


def meters_equal_the_table(x: Ran) -> Iterator[str]:
    """What the bill counts is what the table of nodes shows."""
    pairs = {"invocations": "invocations", "transitions": "transitions", "executions": "executions"}
    pairs |= {"messages": "messages", "requests": "requests", "cold_starts": "cold_starts"}
    for (node, counter), quantity in x.usage.items():
        shown = pairs.get(counter)
        if shown is not None and not math.isclose(quantity, x.nodes[node].get(shown, 0.0), rel_tol=1e-12):
            yield f"{node}: {quantity} {counter} are metered, {x.nodes[node].get(shown)} shown"
    if isinstance(x.entry, ck.HttpApi) and x.nodes[x.entry.name]["requests"] < x.run.requests:
        yield f"{x.entry.name}: {x.nodes[x.entry.name]['requests']} of {x.run.requests} requests are metered"


# --- the same again ---


def a_replication_stands_alone(x: Ran) -> Iterator[str]:
    """The first replication of several is what its requests alone give; equal seeds give equal runs."""
    options: dict[str, Any] = dict(x.trial.options)
    replications = options["replications"]
    first = options["requests"] // replications
    if isinstance(x.trial.load, ClosedLoop) and first < 1:
        return
    options |= {"requests": first, "replications": 1}
    alone = ck.simulate(x.chain, x.trial.load, keep="requests", threads=1, **options)
    for what in ("response_s", "completion_s"):
        if not np.array_equal(getattr(alone, what), getattr(x.run, what)[:first], equal_nan=True):
            yield f"{what} of the first replication are not those of a run of its own"
    if replications == 1 and not (alone.nodes.equals(x.run.nodes) and alone.branches.equals(x.run.branches)):
        yield "the same seed gives other figures"


LAWS: tuple[Callable[[Ran], Iterator[str]], ...] = (
    requests_add_up, answers_come_where_somebody_waits, branches_explain_requests, everything_ends,
    invocations_are_cold_or_warm, billed_is_busy_rounded_up, no_run_is_longer_than_allowed, limits_hold,
    retries_end_with_their_attempts, messages_go_in_and_out, receives_end_with_dead_letters,
    queues_are_empty_or_explained, batches_are_runs, publishes_are_delivered, executions_are_metered,
    meters_equal_the_table,
)  # fmt: skip
