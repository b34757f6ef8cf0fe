"""Functions that wait for functions: how deep, and what the waiting costs.

Sources  [1] AWS agent toolkit, production.md (2026): a function that waits for a function is an anti-pattern: both are
             billed while one works, and neither is there without the other
         [2] AWS Lambda Developer Guide, invocation-retries (2023): Lambda tries no synchronous invocation again
         Assumed: three in a row as the depth worth a word
Checked  2026-11-27
"""

import math
from collections.abc import Iterator
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from itertools import accumulate

from chainkit.checks.design import Design, failing, hop_s, percent
from chainkit.checks.findings import Finding
from chainkit.operations import Operation
from chainkit.units import seconds
from chainkit.wiring import Invocation

WAITING = "AWS agent toolkit, production.md (2026)"
DEEP = 3
"""Functions that wait for each other in a row: our threshold, not AWS's."""


def synchronous_depth(design: Design) -> Iterator[Finding]:
    """Yield the functions at the head of three or more that wait for each other; [1], [2]."""
    calls = _calls(design)
    paths: dict[str, tuple[str, ...]] = {}
    for name in _innermost_first(calls):
        paths[name] = (name, *max((paths[link.target] for _, link in calls.get(name, [])), key=len, default=()))
    called = {link.target for each in calls.values() for _, link in each}
    for name, path in paths.items():
        if len(path) < DEEP or name in called:
            continue
        pools = [pool for each in path if (pool := design.pool(each)) is not None]
        works = math.prod(
            (1 - failing(pool)) * (1 - pool.poison_fraction) * (1 - pool.service_error_rate) for pool in pools
        )
        own_s = [min(pool.work.mean_s, pool.timeout_s) for pool in pools]
        *waited_s, _ = accumulate(reversed([own_s[0], *(own + hop_s("sync_invocation") for own in own_s[1:])]))
        waiting = dict(zip(path, reversed(waited_s), strict=False))
        response_s = sum(own_s) + hop_s("sync_invocation") * (len(path) - 1)
        cost = design.run_usd({each: waited * 1e6 for each, waited in waiting.items()})
        yield Finding(
            rule="synchronous-depth",
            severity="medium",
            where=name,
            problem=f"{len(path)} functions wait for each other: {' > '.join(path)}.",
            effect=f"{percent(works)} of the requests that go all the way succeed at the first try; they take "
            f"{seconds(response_s)} on average, and {seconds(sum(waited_s))} of waiting are billed: {cost} a million.",
            source=f"{WAITING}; AWS Lambda Developer Guide, invocation-retries (2023); assumed: depth {DEEP}",
            fix="hand over to a queue or an event what needs no answer, or let a state machine make the calls",
        )


def billed_while_waiting(design: Design) -> Iterator[Finding]:
    """Yield the calls in which a function is billed while it waits for another; [1]."""
    calls = _calls(design)
    answers_s: dict[str, float] = {}
    for name in _innermost_first(calls):
        waits_s: dict[int, float] = {}
        for _, link in calls.get(name, []):
            waited_s = link.probability * _waited_s(link, answers_s)
            waits_s[link.step] = max(waits_s.get(link.step, 0.0), waited_s)
        pool = design.pool(name)
        if pool is not None:
            overhead_s = pool.overhead.mean_s if pool.overhead is not None else 0.0
            answers_s[name] = min(overhead_s + pool.work.mean_s + sum(waits_s.values()), pool.timeout_s)
    for key, link in ((key, link) for each in calls.values() for key, link in each):
        if link.target not in answers_s:
            continue
        waited_s = _waited_s(link, answers_s)
        cost = design.run_usd({link.source: waited_s * 1e6})
        yield Finding(
            rule="billed-while-waiting",
            severity="low",
            where=key,
            problem=f"{link.source!r} is billed while it waits for {link.target!r}.",
            effect=f"It waits {seconds(waited_s)} on average: {cost} a million calls.",
            source=WAITING,
            fix="hand the work over and go on"
            if link.needs_answer is False
            else "hand over what needs no answer (needs_answer=False); else let a state machine call both",
            change=_handed_over(design, key, link),
        )


def _calls(design: Design) -> dict[str, list[tuple[str, Invocation]]]:
    """Return the calls by which functions wait for functions, by caller."""
    return {
        name: [
            (key, link)
            for key, link in design.out_of[name]
            if isinstance(link, Invocation) and link.kind == "sync" and link.probability and design.pool(link.target)
        ]
        for name, _ in design.pools()
    }


def _innermost_first(calls: dict[str, list[tuple[str, Invocation]]]) -> Iterator[str]:
    """Yield the functions, each after all that it calls; those whose calls lead into a circle not at all."""
    order = TopologicalSorter({name: [link.target for _, link in each] for name, each in calls.items()})
    with suppress(CycleError):  # all that no circle holds up is given out nevertheless
        order.prepare()
    while ready := order.get_ready():
        yield from ready
        order.done(*ready)


def _waited_s(link: Invocation, answers_s: dict[str, float]) -> float:
    """Return how long a caller waits for one answer on average, seconds."""
    return min(hop_s("sync_invocation") + answers_s[link.target], link.client_timeout_s or math.inf)


def _handed_over(design: Design, key: str, link: Invocation) -> tuple[Operation, ...]:
    """Return what makes an event of a call whose answer nobody uses; () for others."""
    if link.needs_answer is not False or link.message_bytes > design.services[link.target].largest_event_bytes:
        return ()
    plain = {"retry": None, "client_timeout_s": None, "breaker": None, "on_error": "fail"}
    given = {name: value for name, value in plain.items() if getattr(link, name) != value}
    return (Operation("set", (key,), {"invocation_type": "Event", **given}),)
