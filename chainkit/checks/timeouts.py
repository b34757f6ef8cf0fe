"""Who gives up before what it waits for: timeouts of callers and of what they call.

Sources  [1] AWS Lambda Developer Guide, invocation-retries (2023): the caller of a synchronous run decides what happens
             next, and SDKs try again after a timeout of their own
         [2] AWS agent toolkit, lambda.md (2026): an HTTP API waits 30 s, and that cannot be raised
         Assumed: a callee is not told that its caller has gone; it runs on, as in the simulation (ARCHITECTURE.md)
Checked  2026-11-27
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

from chainkit.checks.design import NOTABLE, Design, percent, quota, steps
from chainkit.checks.findings import Finding
from chainkit.link import Retry
from chainkit.operations import Operation
from chainkit.records import Flow, Pool, Relay
from chainkit.units import seconds
from chainkit.wiring import Invocation, Link, Task

API = "AWS agent toolkit, lambda.md (2026)"
NESTING = "AWS Lambda Developer Guide, invocation-retries (2023); assumed: a callee runs on when its caller is gone"

LEAST_SHARE = 1e-6
"""Share of the runs that is worth telling: one of a million."""


class Wait(NamedTuple):
    """A call that somebody waits for, and how long both ends last at most, seconds."""

    key: str
    link: Link
    caller_s: float
    callee_s: float


def waits(design: Design) -> Iterator[Wait]:
    """Yield each call that somebody waits for."""
    for key, link in design.links.items():
        caller, callee = design.behaviours.get(link.source), design.behaviours.get(link.target)
        if not isinstance(callee, Pool | Flow) or callee.timeout_s is None:
            continue
        if isinstance(link, Invocation) and link.kind == "sync" and isinstance(caller, Pool | Relay):
            yield Wait(key, link, caller.timeout_s, callee.timeout_s)
        elif isinstance(link, Task) and isinstance(caller, Flow) and isinstance(callee, Pool):
            limits = [s.timeout_s for s in steps(caller.steps) if s.link == link.state and s.wait_for == "answer"]
            if limits:
                yield Wait(key, link, min(limits[0] or math.inf, caller.timeout_s or math.inf), callee.timeout_s)


def caller_gives_up_first(design: Design) -> Iterator[Finding]:
    """Yield the calls whose callee may run as long as its caller, or longer."""
    for key, link, caller_s, callee_s in waits(design):
        if callee_s < caller_s:
            continue
        is_function = design.pool(link.source) is not None
        shorter = math.ceil(caller_s) - 1
        source = API if isinstance(design.behaviours[link.source], Relay) else NESTING
        if is_function:
            fix = f"raise the timeout of {link.source!r} above {callee_s:g} s"
            is_own = link.source == link.target  # no timeout is above itself
            change = () if is_own else longer(design, link.source, math.floor(callee_s) + 1)
        else:
            fix = f"lower the timeout of {link.target!r} below {caller_s:g} s, or hand the work over and answer at once"
            is_lowered = design.pool(link.target) is not None and shorter >= 1
            change = (Operation("set", (link.target,), {"timeout_s": shorter}),) if is_lowered else ()
        yield Finding(
            rule="caller-gives-up-first",
            severity="medium",
            where=key,
            problem=f"{link.source!r} waits {caller_s:g} s at most for {link.target!r}, which may run {callee_s:g} s.",
            effect=f"{_unread(design, link, callee_s)}{_share(design, link, caller_s)}",
            source=source,
            fix=fix,
            change=change,
        )


def client_gives_up_first(design: Design) -> Iterator[Finding]:
    """Yield the calls whose own client timeout ends before the callee has to."""
    for key, link, caller_s, callee_s in waits(design):
        limit_s = link.client_timeout_s if isinstance(link, Invocation) else None
        if limit_s is None or callee_s < limit_s:
            continue
        retry = link.retry if isinstance(link, Invocation) else None
        again = retry is not None and retry.max_attempts > 1 and "timeout" in retry.errors
        fits = math.floor(callee_s) + 1 < caller_s
        yield Finding(
            rule="client-gives-up-first",
            severity="medium",
            where=key,
            problem=f"client_timeout_s={limit_s:g} of {key!r} is not above the {callee_s:g} s that {link.target!r} "
            "may run.",
            effect=f"{_unread(design, link, callee_s)}{_share(design, link, limit_s)}"
            + (" The next try then does the same work beside it." if again else ""),
            source=NESTING,
            fix=f"wait longer than {callee_s:g} s, or lower the timeout of {link.target!r}",
            change=(Operation("set", (key,), {"client_timeout_s": math.floor(callee_s) + 1.0}),) if fits else (),
        )


def calls_outlast_caller(design: Design) -> Iterator[Finding]:
    """Yield the functions whose calls each fit into their timeout, and all with their retries do not."""
    calls: dict[str, list[Wait]] = {}
    for wait in waits(design):
        calls.setdefault(wait.link.source, []).append(wait)
    for name, pool in design.pools():
        worst_s: dict[int, float] = {}
        for _, link, _, callee_s in calls.get(name, []):
            if isinstance(link, Invocation):
                worst_s[link.step] = max(worst_s.get(link.step, 0.0), tries_s(link, callee_s))
        needed_s = sum(worst_s.values())
        if needed_s < pool.timeout_s or any(wait.callee_s >= pool.timeout_s for wait in calls[name]):
            continue
        late_s = needed_s + pool.work.mean_s - pool.timeout_s
        yield Finding(
            rule="calls-outlast-caller",
            severity="medium",
            where=name,
            problem=f"{name!r} has {pool.timeout_s:g} s; its calls, with their retries, may take {needed_s:g} s.",
            effect=f"With its own work it may be cut {seconds(late_s)} before the last try has ended: that try is "
            "billed, and nobody takes its answer.",
            source=NESTING,
            fix=f"raise the timeout of {name!r} above {needed_s:g} s, or try less often",
            change=longer(design, name, math.floor(needed_s) + 1),
        )


def work_outlasts_timeout(design: Design) -> Iterator[Finding]:
    """Yield the functions whose own work is often cut by their timeout."""
    for name, pool in design.pools():
        share = pool.work.sf(pool.timeout_s)
        if share <= NOTABLE:
            continue
        cut_usd = design.run_usd({name: share * pool.timeout_s * 1e6})
        yield Finding(
            rule="work-outlasts-timeout",
            severity="high",
            where=name,
            problem=f"timeout_s={pool.timeout_s:g} of {name!r} cuts {percent(share)} of its runs by their own work.",
            effect=f"{share * 1e6:,.0f} of a million runs fail, and their {pool.timeout_s:g} s are billed: {cut_usd}.",
            source=f"{quota('lambda', 'timeout_max')[1]}; assumed: {percent(NOTABLE)} as the threshold",
            fix=f"raise the timeout above {pool.work.isf(NOTABLE):.3g} s, or give it more memory or less work",
            change=longer(design, name, math.floor(pool.work.isf(NOTABLE)) + 1),
        )


def tries_s(link: Invocation, callee_s: float) -> float:
    """Return how long all tries of a call and the waits between take at most, seconds."""
    once_s = min(callee_s, link.client_timeout_s or math.inf)
    if link.retry is None:
        return once_s
    is_slow = bool({"error", "timeout"} & {*link.retry.errors})  # a throttle, or an error of the service, comes at once
    return once_s * (link.retry.max_attempts if is_slow else 1) + _pauses_s(link.retry)


def _pauses_s(retry: Retry) -> float:
    """Return the longest that the waits between all tries can be together, seconds."""
    rate = 3.0 if retry.jitter == "decorrelated" else retry.backoff_rate
    wait_s, total_s = retry.interval_s, 0.0
    for _ in range(retry.max_attempts - 1):
        wait_s = min(wait_s, retry.max_delay_s)
        total_s += wait_s
        wait_s *= rate
    return total_s


def longer(design: Design, name: str, timeout_s: int) -> tuple[Operation, ...]:
    """Return what gives a function a longer timeout, the queues that it is polled from included; () over the quota."""
    if timeout_s > quota("lambda", "timeout_max")[0]:
        return ()
    times = quota("sqs_mapping", "visibility_timeouts")[0]
    hidden = {
        polled.link.source: times * timeout_s + polled.link.maximum_batching_window_s
        for polled in design.polled
        if polled.link.target == name
        and polled.buffer.visibility_timeout_s < times * timeout_s + polled.link.maximum_batching_window_s
    }
    queues = (Operation("set", (queue,), {"visibility_timeout_s": hidden_s}) for queue, hidden_s in hidden.items())
    return (*queues, Operation("set", (name,), {"timeout_s": timeout_s}))


def _unread(design: Design, link: Link, callee_s: float) -> str:
    """Return what a run costs that nobody waits for any more."""
    if design.pool(link.target) is None:
        return f"An execution that takes all of its {callee_s:g} s goes on, and nobody takes its answer."
    billed = design.run_usd({link.target: callee_s * 1e6})
    return f"A run of all its {callee_s:g} s goes on, is billed ({billed} a million), and nobody takes its answer."


def _share(design: Design, link: Link, limit_s: float) -> str:
    """Return how many runs of a function last longer than somebody waits."""
    pool = design.pool(link.target)
    share = pool.work.sf(limit_s) if pool is not None else 0.0
    is_seen = share >= LEAST_SHARE
    return f" {percent(share)} of the runs of {link.target!r} take longer than {limit_s:g} s." if is_seen else ""
