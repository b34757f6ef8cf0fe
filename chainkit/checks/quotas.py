"""What AWS's quotas cut, refuse or delay, beyond what `validate` refuses. Figures and sources: data/quotas.json.

Sources  [1] AWS agent toolkit, orchestration.md (2026): States.DataLimitExceeded is not caught by States.ALL
Checked  2026-11-27
"""

from collections.abc import Callable, Iterator

from chainkit.checks.design import NOTABLE, Design, percent, quota, steps
from chainkit.checks.findings import Finding
from chainkit.operations import Operation
from chainkit.records import Flow
from chainkit.wiring import Caller, Delivery, Invocation, Link, Rule, Subscription, Task

LIMITS = {"notification": ("sns", "message"), "start": ("stepfunctions", "payload")}
"""Word by which a target accepts -> quota of a message, where it is below what a topic or bus may hand on."""

COUNTS: tuple[tuple[str, Callable[[Link], bool], str, str], ...] = (
    ("rules", lambda link: isinstance(link, Rule), "eventbridge", "rules"),
    (
        "subscriptions with a filter",
        lambda link: isinstance(link, Subscription) and link.filter_policy is not None,
        "sns",
        "filter_policies",
    ),
)
"""What a service has at most so many of: words, which links, quota."""


def payload_over_limit(design: Design) -> Iterator[Finding]:
    """Yield the links whose messages are larger than what they lead to takes."""
    for key, link in design.links.items():
        word = link.accepted(design.services[link.target])
        if isinstance(link, Delivery) and word in LIMITS:
            size, (most, source) = largest_bytes(design, link.source), quota(*LIMITS[word])
        elif (
            isinstance(link, Invocation)
            and link.kind == "sync"
            and isinstance(design.behaviours.get(link.target), Flow)
        ):
            size, (most, source) = max(link.message_bytes, link.response_bytes or 0), quota(*LIMITS["start"])
        else:
            continue
        if size <= most:
            continue
        yield Finding(
            rule="payload-over-limit",
            severity="high",
            where=key,
            problem=f"{key!r} carries up to {size:,} bytes; {link.target!r} takes {most:,}.",
            effect="Every message of that size is refused.",
            source=source,
            fix="store the data and send its key",
        )


def state_over_limit(design: Design) -> Iterator[Finding]:
    """Yield the state machines with states that give on more than an execution may hold; [1]."""
    most, source = quota("stepfunctions", "payload")
    for name, flow in design.flows():
        large = [step.name for step in steps(flow.steps) if step.is_too_large]
        if large:
            yield Finding(
                rule="state-over-limit",
                severity="high",
                where=name,
                problem=f"{name!r} gives on more than {most:,} bytes from {', '.join(map(repr, large))}.",
                effect="Every execution that comes there fails with States.DataLimitExceeded, which no Catch of "
                "States.ALL catches.",
                source=source,
                fix="store the result and give on its key, or let a distributed Map write to S3",
            )


def batch_over_payload(design: Design) -> Iterator[Finding]:
    """Yield the mappings whose full batches are larger than one invocation takes."""
    most, source = quota("sqs_mapping", "batch_payload")
    for polled in design.polled:
        key, link = polled.key, polled.link
        size = largest_bytes(design, link.source)
        if link.batch_size * size <= most:
            continue
        fits = most // size
        yield Finding(
            rule="batch-over-payload",
            severity="low",
            where=key,
            problem=f"{link.batch_size} messages of {size:,} bytes are more than the {most:,} of one invocation.",
            effect=f"Batches are cut at {fits:,} messages: {link.batch_size / fits:.3g} times as many invocations as "
            "batch_size says.",
            source=source,
            fix=f"take {fits:,} messages at most, and reckon with that, or send keys instead of data",
            change=(Operation("set", (key,), {"batch_size": fits}),),
        )


def reservations_over_account(design: Design) -> Iterator[Finding]:
    """Yield the function with which the reservations are more than an account has to give."""
    account, least = quota("lambda", "account_concurrency")[0], quota("lambda", "unreserved_concurrency")
    total, most = 0, account - least[0]
    for name, pool in design.pools():
        before, total = total, total + (pool.limit or 0)
        if before <= most < total:
            yield Finding(
                rule="reservations-over-account",
                severity="high",
                where=name,
                problem=f"reserved_concurrency={pool.limit:,} of {name!r} brings all reservations to {total:,}; an "
                f"account of {account:,} can reserve {most:,}.",
                effect=f"AWS refuses the reservation: {total - most:,} too many.",
                source=least[1],
                fix="reserve less, or have the account's concurrency raised",
            )


def links_over_quota(design: Design) -> Iterator[Finding]:
    """Yield the topics and buses with more rules or filters than AWS grants."""
    for words, counted, service, name in COUNTS:
        most, source = quota(service, name)
        for where, each in design.out_of.items():
            total = sum(counted(link) for _, link in each)
            if total > most:
                yield Finding(
                    rule="links-over-quota",
                    severity="high",
                    where=where,
                    problem=f"{where!r} has {total:,} {words}; AWS grants {most:,}.",
                    effect=f"{total - most:,} of them are refused.",
                    source=source,
                    fix="have the quota raised, or spread them over several",
                )


def init_over_limit(design: Design) -> Iterator[Finding]:
    """Yield the functions whose init is often cut by its own limit and runs again."""
    source = quota("lambda", "init_timeout")[1]
    for name, pool in design.pools():
        if pool.init is None or pool.init_limit_s is None:
            continue
        share = pool.init.sf(pool.init_limit_s)
        if share > NOTABLE:
            again_usd = design.run_usd({name: share * pool.init_limit_s * 1e6})
            yield Finding(
                rule="init-over-limit",
                severity="medium",
                where=name,
                problem=f"{percent(share)} of the inits of {name!r} take longer than {pool.init_limit_s:g} s.",
                effect=f"They are cut and run again inside the first invocation: its request waits "
                f"{pool.init_limit_s:g} s longer, billed ({again_usd} a million cold starts).",
                source=f"{source}; assumed: {percent(NOTABLE)} as the threshold",
                fix="load less before the handler, or later",
            )


def largest_bytes(design: Design, name: str) -> int:
    """Return the size of the largest message that links bring, through topics and buses too; 0 for none."""
    largest, seen, ahead = 0, {name}, [name]
    while ahead:
        for _, link in design.into[ahead.pop()]:
            if isinstance(link, Caller | Task):
                largest = max(largest, link.message_bytes)
            elif isinstance(link, Delivery) and link.source not in seen:
                seen.add(link.source)
                ahead.append(link.source)
    return largest
