"""What a run counted, counted a second time: from the traces of all its requests, over time, and state by state."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

import chainkit as ck
from chainkit.records import Span, Trace
from chainkit.wiring import EventSourceMapping, Task
from tests.simulation.fuzz_laws import LAWS, LOST, MS_SLACK, Ran, a_replication_stands_alone

MOST_TRACED, MOST_RUNS = 60, 1_500
"""Requests and invocations of a run that is traced: each request runs the replication again."""
ENDS = {"dead-lettered": "dead letter", "expired": "expired", "dropped": "dropped"}


class Traced:
    """A run with the traces of all its requests."""

    def __init__(self, x: Ran) -> None:
        self.x = x
        self.traces: list[Trace] = [x.run.trace(number) for number in range(x.run.requests)]

    @cached_property
    def spans(self) -> dict[tuple[str, str], list[Span]]:
        """Return all spans by (node, what)."""
        found: dict[tuple[str, str], list[Span]] = {}
        for trace in self.traces:
            for span in trace.spans:
                found.setdefault((span.node, span.what), []).append(span)
        return found

    def of(self, node: str, what: str) -> list[Span]:
        """Return the spans of a node."""
        return self.spans.get((node, what), [])


def traces_tell_the_same(x: Ran) -> Iterator[str]:
    """Traces of all requests give the ledger, the times, and what every function, queue and machine counted."""
    runs = sum(x.nodes[name]["invocations"] for name in x.functions) + sum(x.nodes[q]["receives"] for q in x.polled)
    if x.run.requests > MOST_TRACED or runs > MOST_RUNS or x.trial.kind == "histories":
        return
    traced = Traced(x)
    found = Counter(trace.outcome for trace in traced.traces)
    if any(found[word] != n for word, n in x.ledger.items()):
        yield f"traces say {dict(found)}, the ledger {x.ledger}"
    for what in ("response_s", "completion_s"):
        if not np.array_equal([getattr(t, what) for t in traced.traces], getattr(x.run, what), equal_nan=True):
            yield f"{what} of traces differ from the run's"
    if not x.is_over:
        return
    for word in LOST:
        told = sum(len(v) for (_, what), v in traced.spans.items() if what == ENDS[word])
        if told != x.branches[word]:
            yield f"traces tell {told} branches {word}, the run {x.branches[word]}"
    for name in x.functions:
        yield from _function(traced, name)
    for queue, link in x.polled.items():
        if x.into(link.target) == [link] and x.entry.name != link.target:
            yield from _queue(traced, queue, link)
    for name, machine in x.chain.services.items():
        if isinstance(machine, ck.StateMachine):
            yield from _machine(traced, name, machine)


def _function(traced: Traced, name: str) -> Iterator[str]:
    """Count what a function did, from the spans of its invocations; a batch's are told by each message."""
    x, row = traced.x, traced.x.nodes[name]
    if any(isinstance(link, EventSourceMapping) for link in x.into(name)) or x.functions[name].warmer:
        return
    spans = [span for span in traced.of(name, "invocation") if span.status != "throttled"]
    refused = len(traced.of(name, "invocation")) - len(spans)
    ran = [span for span in spans if not (span.status == "error" and span.end_s == span.start_s)]
    counts = {
        "invocations": len(spans),
        "cold_starts": sum(span.reason == "cold start" for span in spans),
        "timeouts": sum(span.status == "timeout" for span in spans),
        "errors": sum(span.status == "error" for span in spans),
        "throttles": refused,
    }
    if x.functions[name].service_error_rate == 0:
        wrong = {what: (n, row[what]) for what, n in counts.items() if n != row[what]}
        if wrong:
            yield f"{name}: traces tell, and the run counted, {wrong}"
    billed = sum(math.ceil((span.end_s - span.start_s) * 1000 - MS_SLACK) for span in ran)
    if billed != round(row["billed_s"] * 1000):
        yield f"{name}: its traces make {billed} billed ms, and {row['billed_s'] * 1000} are counted"


def _queue(traced: Traced, queue: str, link: EventSourceMapping) -> Iterator[str]:
    """Count what became of a queue's messages, from their parts in batches."""
    row, spans = traced.x.nodes[queue], traced.of(link.target, "invocation")
    if len(spans) != row["receives"]:
        yield f"{queue}: traces tell {len(spans)} receives, and {row['receives']} are counted"
    done = sum(span.status == "ok" for span in spans)
    deletes = traced.x.usage[queue, "deletes"]
    if (link.batch_size == 1 and done != deletes) or not deletes <= done <= 10 * deletes:
        yield f"{queue}: traces tell {done} messages worked off, and {deletes} deletes of at most ten are counted"


def _machine(traced: Traced, name: str, machine: ck.StateMachine) -> Iterator[str]:
    """Count transitions from the overheads of tasks and executions, and from waits."""
    x, row = traced.x, traced.x.nodes[name]
    if "stepfunctions_start" not in x.trial.options["latency"] or not row["transitions"]:
        return
    states = list(_states(machine.definition))
    tries = len(traced.of(name, "overhead")) - row["executions"]
    waits = len(traced.of(name, "wait state"))
    is_plain = all(each["Type"] == "Task" or each.get("Seconds") for each in states)
    if is_plain and tries + waits != row["transitions"]:
        yield f"{name}: traces tell {tries} tries of tasks and {waits} waits, and {row['transitions']} are counted"
    if not any("DISTRIBUTED" in str(each) for each in states) and tries + waits > row["transitions"]:
        yield f"{name}: traces tell {tries + waits} tries and waits, and {row['transitions']} transitions are counted"


def _states(scope: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield all states, those inside others too."""
    for state in scope["States"].values():
        yield state
        inner = [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]
        for each in inner:
            yield from _states(each)


# --- state by state ---


def transitions_are_entries_and_retries(x: Ran) -> Iterator[str]:
    """A task's entries and retries are the tries of its function; any other state is entered when one before ends."""
    for name, machine in x.chain.services.items():
        if not isinstance(machine, ck.StateMachine) or not x.is_over:
            continue
        calls = _own_functions(x, name)
        counted = x.nodes[name]["transitions"]
        least = sum(x.tries(f) for f in calls.values())
        if counted < least:
            yield f"{name}: {counted} transitions, and its tasks made {least} tries"
        exact = _entries(x, machine.definition, x.nodes[name]["executions"], calls)
        if exact is not None and counted != exact:
            yield f"{name}: {counted} transitions, and by its functions there were {exact}"


def _own_functions(x: Ran, name: str) -> dict[str, str]:
    """Return the functions that one task alone calls, and nothing else does, by state."""
    found = {}
    for link in x.chain.links.values():
        if isinstance(link, Task) and link.source == name and link.target in x.functions:
            pinged = x.functions[link.target].warmer is not None
            if x.into(link.target) == [link] and not pinged and link.target != x.entry.name:
                state = next((s for s in _named(x.chain.service(name).definition, link.state)), None)  # type: ignore[attr-defined]
                if state is not None and "Token" not in state["Resource"]:
                    found[link.state] = link.target
    return found


def _named(scope: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    """Yield the states of a name."""
    for label, state in scope["States"].items():
        if label == name:
            yield state
        for each in [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]:
            yield from _named(each, name)


def _entries(x: Ran, scope: Mapping[str, Any], executions: float, calls: Mapping[str, str]) -> float | None:
    """Return how often the states of a machine were entered or tried again; None where functions do not tell.

    They do in a row of tasks and waits: what enters a wait is what succeeded before it. A task's successes are its
    function's; those of the state that a Catch leads to are not told apart, so it must be a task or unreachable so.
    """
    states = scope["States"]
    if "TimeoutSeconds" in scope or any("TimeoutSeconds" in s for s in states.values()):
        return None
    caught = {c["Next"] for s in states.values() for c in s.get("Catch", [])}
    total, entered = 0.0, {scope["StartAt"]: executions}
    for name, state in states.items():  # in a row: each leads to later ones, or this is given up
        if state["Type"] == "Task" and name in calls and not _is_large(x, scope):
            row = x.nodes[calls[name]]
            total += x.tries(calls[name])
            gone = row["invocations"] - row["errors"] - row["timeouts"]
        elif state["Type"] in ("Wait", "Pass") and name not in caught and name in entered:
            total += entered[name]
            gone = entered[name]
        else:
            return None
        if "Next" in state:
            if state["Next"] in entered:
                return None
            entered[state["Next"]] = gone
    return total


def _is_large(x: Ran, scope: Mapping[str, Any]) -> bool:
    """Tell whether a result is over the limit: its task fails after its function has succeeded."""
    machines = [m for m in x.chain.services.values() if isinstance(m, ck.StateMachine)]
    return any(m.result_bytes for m in machines if m.definition == scope)


# --- over time ---


def bins_add_up(x: Ran) -> Iterator[str]:
    """The bins of the series add up to the table: tries, throttles, time at work; peaks are the table's."""
    series = x.run.series
    width_s = (series["end_s"] - series["start_s"]).to_numpy() * x.run.replications
    totals: dict[str, dict[str, float]] = {}
    for name, rows in series.assign(width_s=width_s).groupby("node"):
        weights = rows["width_s"].to_numpy()
        sums = {column: float((rows[column] * weights).sum()) for column in _ADDED}
        totals[str(name)] = sums | {column: float(rows[column].max()) for column in _PEAKS}
    for name in x.functions:
        found, row = totals[name], x.nodes[name]
        pairs = {
            "arrivals_per_s": row["invocations"] + row["throttles"],
            "throttles_per_s": row["throttles"],
            "concurrency_peak": row["busy_peak"],
        }
        if x.is_over:
            pairs["concurrency_mean"] = row["duration_mean_s"] * row["invocations"]
        yield from _unequal(name, found, pairs)
    for name in x.polled:
        row = x.nodes[name]
        pairs = {"backlog_peak": row["backlog_peak"]}
        if x.is_over:
            pairs |= {"arrivals_per_s": row["receives"], "backlog_mean": row["wait_mean_s"] * row["receives"]}
        yield from _unequal(name, totals[name], pairs)
    yield from _account(x, series)


_ADDED = ("arrivals_per_s", "throttles_per_s", "concurrency_mean", "backlog_mean")
_PEAKS = ("concurrency_peak", "backlog_peak")


def _unequal(name: str, found: Mapping[str, float], pairs: Mapping[str, float]) -> Iterator[str]:
    """Yield what is not the same."""
    for column, value in pairs.items():
        if not math.isclose(found[column], value, rel_tol=1e-6, abs_tol=1e-6):
            yield f"{name}: the bins of {column} make {found[column]}, the table says {value}"


def _account(x: Ran, series: Any) -> Iterator[str]:
    """Yield where functions without a reservation together had more environments at work than the account has."""
    if any(f.provisioned_scaling is not None for f in x.functions.values()):
        return  # what is taken away while it is busy runs on
    shared = [name for name, f in x.functions.items() if f.reserved_concurrency is None]
    limit = x.trial.options.get("account_concurrency", 1000)
    limit -= sum(f.reserved_concurrency or 0 for f in x.functions.values())
    most = series[series["node"].isin(shared)].groupby("start_s")["concurrency_mean"].sum().max()
    if most > limit * (1 + 1e-9) + 1e-6:
        yield f"{most} environments at work in the mean of a bin, and the account has {limit}"


def effects_are_of_requests(x: Ran) -> Iterator[str]:
    """A function's effects: none for requests that never came to it, all of them where each unit succeeds."""
    for name, row in x.run.effects.iterrows():
        counts = {str(what): int(n) for what, n in row.items()}
        node, asked = x.nodes[str(name)], sum(counts[what] for what in ("once", "twice", "partly", "never"))
        ran = node["invocations"] - node.get("pings", 0)
        if asked > x.run.requests or min(counts.values()) < 0 or (ran == 0) != (asked == 0):
            yield f"{name}: effects {counts} of {x.run.requests} requests, {ran} invocations"
        f = x.functions[str(name)]
        if x.is_over and f.idempotent and counts["twice"]:
            yield f"{name}: an idempotent function has effects twice: {counts}"
        fails = f.error_rate or f.poison_fraction or node["errors"] or node["timeouts"] or x.chain.outgoing(f.name)
        if x.is_over and not fails and counts["never"]:
            yield f"{name}: nothing fails, and {counts['never']} requests have no effect"


TURNS: tuple[Callable[[Ran], Iterator[str]], ...] = (
    traces_tell_the_same, bins_add_up, effects_are_of_requests, a_replication_stands_alone,
)  # fmt: skip
"""Laws that take another run: each trial is held to one of them, in turn."""


def broken(x: Ran) -> list[str]:
    """Return what is wrong with a run: one line for each law that does not hold."""
    laws = (*LAWS, transitions_are_entries_and_retries, TURNS[x.trial.number % len(TURNS)])
    return [f"{law.__name__}: {wrong}" for law in laws for wrong in law(x)]
