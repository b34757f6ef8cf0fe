"""Queues and the mappings that poll them: visibility, receive counts, batches, concurrency.

Sources  [1] AWS Lambda Developer Guide, with-sqs (2023): visibility of six function timeouts plus the window,
             maxReceiveCount of 5, a throttled batch is tried again while it is hidden and counts as received
         [2] AWS agent toolkit, event-sources.md (2026): a failure returns the whole batch unless the function reports
             which messages failed
         [3] AWS agent toolkit, concurrency.md (2026): reserve at least what the mappings may use, else they throttle
Checked  2026-11-27
"""

import math
from collections.abc import Iterator

from chainkit.checks.design import Design, Polled, failing, of_a_million, percent, quota
from chainkit.checks.findings import Finding
from chainkit.operations import Operation
from chainkit.wiring import Redrive


def visibility_below_six_timeouts(design: Design) -> Iterator[Finding]:
    """Yield the queues that hide messages for less than six timeouts of their function; [1]."""
    times, source = quota("sqs_mapping", "visibility_timeouts")
    for polled in design.polled:
        key, link, buffer, pool = polled
        needed_s = times * pool.timeout_s + link.maximum_batching_window_s
        if not pool.timeout_s <= buffer.visibility_timeout_s < needed_s:  # below the timeout it is an error
            continue
        yield Finding(
            rule="visibility-below-six-timeouts",
            severity="medium",
            where=link.source,
            problem=f"{link.source!r} hides a message for {buffer.visibility_timeout_s:g} s; {times} timeouts of "
            f"{link.target!r} and the window of {key!r} are {needed_s:g} s.",
            effect=f"A throttled batch is tried again for {polled.hidden_s:g} s instead of {needed_s:g} s; then its "
            "messages come back and count as received, though nothing ran.",
            source=source,
            fix=f"hide messages for {needed_s:g} s",
            change=(Operation("set", (link.source,), {"visibility_timeout_s": math.ceil(needed_s)}),),
        )


def receive_count_below_five(design: Design) -> Iterator[Finding]:
    """Yield the redrives that move a message after fewer receives than AWS advises; [1]."""
    least, source = quota("sqs_mapping", "receive_count_min")
    for polled in design.polled:
        for key, link in design.out_of[polled.link.source]:
            if not isinstance(link, Redrive) or link.max_receive_count >= least:
                continue
            share = returned(polled)
            now, then = of_a_million(share**link.max_receive_count), of_a_million(share**least)
            yield Finding(
                rule="receive-count-below-five",
                severity="medium",
                where=key,
                problem=f"max_receive_count={link.max_receive_count} of {key!r} is below {least}.",
                effect=f"{link.max_receive_count} throttled receives move a message that nothing is wrong with"
                f"; failures alone move {now} instead of {then}.",
                source=source,
                fix=f"allow {least} receives",
                change=(Operation("set", (key,), {"max_receive_count": least}),),
            )


def batch_fails_whole(design: Design) -> Iterator[Finding]:
    """Yield the mappings where one message that fails brings its whole batch back; [2]."""
    for polled in design.polled:
        key, link, _, pool = polled
        one = 1 - (1 - pool.error_rate) * (1 - pool.poison_fraction)
        if link.report_batch_item_failures or link.batch_size == 1 or not one:
            continue
        share = 1 - (1 - one) ** link.batch_size
        yield Finding(
            rule="batch-fails-whole",
            severity="medium",
            where=key,
            problem=f"report_batch_item_failures=False of {key!r}, with batches of {link.batch_size} messages of which "
            f"{percent(one)} fail.",
            effect=f"{percent(share)} of the full batches come back whole: with each message that fails, the other "
            f"{link.batch_size - 1} count as received, and those before it are done again.",
            source="AWS agent toolkit, event-sources.md (2026)",
            fix="report which messages failed; the function's code has to answer with their ids",
            change=(Operation("set", (key,), {"report_batch_item_failures": True}),),
        )


def batch_outlasts_timeout(design: Design) -> Iterator[Finding]:
    """Yield the mappings whose full batches take longer than the function may run, on average."""
    for key, link, _, pool in design.polled:
        batch_s = link.batch_size * pool.work.mean_s
        if batch_s <= pool.timeout_s:
            continue
        most = int(pool.timeout_s / 2 / pool.work.mean_s)
        batches_usd = design.run_usd({link.target: pool.timeout_s * 1e6})
        yield Finding(
            rule="batch-outlasts-timeout",
            severity="high",
            where=key,
            problem=f"a full batch of {link.batch_size} messages takes {batch_s:.3g} s on average; {link.target!r} is "
            f"cut after {pool.timeout_s:g} s.",
            effect=f"Such a batch fails after {pool.timeout_s:g} s, is billed ({batches_usd} a million), and all its "
            "messages come back.",
            source=quota("lambda", "timeout_max")[1],
            fix="take fewer messages, so that a batch needs half the timeout; or raise the timeout",
            change=(Operation("set", (key,), {"batch_size": most}),) if most >= 1 else (),
        )


def mappings_above_reservation(design: Design) -> Iterator[Finding]:
    """Yield the functions whose mappings may run more batches at once than are reserved; [3]."""
    for name, pool in design.pools():
        own = [polled for polled in design.polled if polled.link.target == name]
        most = sum(map(concurrency, own))
        if pool.limit is None or most <= pool.limit:
            continue
        can_be_set = len(own) == 1 and own[0].link.maximum_pollers is None and 2 <= pool.limit <= 1000
        change = (Operation("set", (own[0].key,), {"maximum_concurrency": pool.limit}),) if can_be_set else ()
        yield Finding(
            rule="mappings-above-reservation",
            severity="medium",
            where=name,
            problem=f"mappings may run {most:,} batches at once on {name!r}, which has reserved {pool.limit:,}.",
            effect=f"Under load {most - pool.limit:,} of them at a time are throttled; each counts as a receive, "
            "so messages that nothing is wrong with come nearer to the dead-letter queue.",
            source=quota("sqs_mapping", "maximum_concurrency_max")[1],
            fix=f"let the mappings together run {pool.limit:,} batches at most, or reserve {most:,}",
            change=change,
        )


def returned(polled: Polled) -> float:
    """Return the chance that a message which is not poison comes back from one receive, in a full batch."""
    fails = failing(polled.pool)
    if polled.link.report_batch_item_failures:
        return fails
    others = 1 - (1 - fails) * (1 - polled.pool.poison_fraction)
    return float(1 - (1 - fails) * (1 - others) ** (polled.link.batch_size - 1))


def concurrency(polled: Polled) -> int:
    """Return how many batches a mapping may run at once."""
    if polled.link.maximum_pollers is not None:
        return int(polled.link.maximum_pollers * quota("sqs_mapping", "poller_concurrency")[0])
    return polled.link.maximum_concurrency or int(quota("sqs_mapping", "concurrency_max")[0])
