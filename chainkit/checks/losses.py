"""Messages that can be lost without a dead-letter queue.

Sources  [1] SQS: only a queue's own redrive keeps what its mapping could not handle: AWS Lambda Developer Guide,
             with-sqs (2023); what nobody deletes is gone after the retention: docs.aws.amazon.com sqs quotas-messages
         [2] docs.aws.amazon.com lambda invocation-async-error-handling (2025-26): an event whose tries are used up is
             discarded unless the function has a destination for failures
         [3] docs.aws.amazon.com sns sns-dead-letter-queues, sns-message-delivery-retries (2026)
         [4] docs.aws.amazon.com eventbridge eb-rule-retry-policy (2026): then to the dead-letter queue, or dropped
Checked  2026-11-27
"""

from collections.abc import Iterator

from chainkit.checks.design import Design, lost, of_a_million, percent, quota
from chainkit.checks.findings import Finding
from chainkit.operations import Operation
from chainkit.wiring import Delivery, Link, Redrive

DAY_S = 86_400
UNDELIVERED = {
    "subscription": "docs.aws.amazon.com sns sns-dead-letter-queues (2026)",
    "rule": "docs.aws.amazon.com eventbridge eb-rule-retry-policy (2026)",
}
"""Word of a delivery -> who says what becomes of it in the end."""


def queue_without_dead_letters(design: Design) -> Iterator[Finding]:
    """Yield the queues that a mapping polls and that give up nothing; [1]."""
    for polled in design.polled:
        name, pool = polled.link.source, polled.pool
        if any(isinstance(link, Redrive) for _, link in design.out_of[name]):
            continue
        runs = DAY_S / polled.hidden_s
        day_usd = design.run_usd({polled.link.target: runs * min(pool.work.mean_s, pool.timeout_s)})
        add = design.dead_letter_queue(name)
        yield Finding(
            rule="queue-without-dead-letters",
            severity="high",
            where=name,
            problem=f"{name!r} is polled and has no dead-letter queue.",
            effect=f"A message that always fails ({percent(pool.poison_fraction)} of them) is received every "
            f"{polled.hidden_s:g} s, {runs:,.0f} times a day ({day_usd} of run time), and is lost when the queue's "
            "retention ends.",
            source="AWS Lambda Developer Guide, with-sqs (2023)",
            fix="give it a dead-letter queue",
            change=(add, _redrive(name, add)),
        )


def events_without_destination(design: Design) -> Iterator[Finding]:
    """Yield the functions that get events and say nothing of those that fail; [2]."""
    for name, pool in design.pools():
        has_end = any(link.word == "on_failure" for _, link in design.out_of[name])
        if has_end or not any(_is_event(link) for _, link in design.into[name]):
            continue
        tries = pool.event_retries + 1
        share = lost(pool, tries)
        add = design.dead_letter_queue(name)
        yield Finding(
            rule="events-without-destination",
            severity="high",
            where=name,
            problem=f"{name!r} gets events and has no on_failure destination.",
            effect=f"An event that fails {tries} time{'s' if tries > 1 else ''} is discarded, and nothing says so: "
            f"{of_a_million(share)} by the error rate, the poison and the timeout stated.",
            source="docs.aws.amazon.com lambda invocation-async-error-handling (2025-26)",
            fix="send what fails to a queue",
            change=(add, Operation("connect", (name, add.arguments[0].name), {"link": "on_failure"})),
        )


def deliveries_without_dead_letters(design: Design) -> Iterator[Finding]:
    """Yield the topics and buses that give up a delivery and keep nothing of it; [3], [4]."""
    for name in design.services:
        bare = [
            (key, link) for key, link in design.out_of[name] if isinstance(link, Delivery) and link.dead_letters is None
        ]
        if not bare:
            continue
        retries = {key: sum(phase.max_attempts for phase in link.phases) for key, link in bare}
        worst = max(link.delivery_error_rate ** (1 + retries[key]) for key, link in bare)
        add = design.dead_letter_queue(name)
        queue = {"dead_letter_queue": add.arguments[0].name}
        yield Finding(
            rule="deliveries-without-dead-letters",
            severity="medium",
            where=name,
            problem=f"{name!r} delivers without a dead_letter_queue by {', '.join(repr(key) for key, _ in bare)}.",
            effect="A message that a target's policy refuses, or whose target is gone, is not tried again and is lost; "
            f"so is one that AWS fails to deliver ({percent(worst)} by the delivery_error_rate stated, "
            f"retries at most: {', '.join(f'{n:,}' for n in sorted({*retries.values()}))}).",
            source=UNDELIVERED[bare[0][1].word],
            fix="give each a dead-letter queue",
            change=(add, *(Operation("set", (key,), queue) for key, _ in bare)),
        )


def dead_letters_to_the_same_function(design: Design) -> Iterator[Finding]:
    """Yield the dead-letter queues from which the function that failed gets its messages again."""
    for name, _ in design.pools():
        feeds = {link.source for _, link in design.into[name] if link.kind == "poll"}
        redriven = [link.target for queue in feeds for _, link in design.out_of[queue] if isinstance(link, Redrive)]
        failed = [link.target for _, link in design.out_of[name] if link.word == "on_failure"]
        undelivered = [link.dead_letters for _, link in design.into[name]]
        for queue in sorted(feeds & {*redriven, *failed, *undelivered}):
            yield Finding(
                rule="dead-letters-to-the-same-function",
                severity="medium",
                where=queue,
                problem=f"{queue!r} holds what {name!r} could not handle, and {name!r} is fed from it.",
                effect="A message that always fails takes all its tries again, billed, and nobody gets to see it.",
                source=f"assumed: AWS does not say; follows from {quota('sqs_mapping', 'receive_count_min')[1]}",
                fix="let another function, or a person, read it, and move messages back once the cause is mended",
            )


def _is_event(link: Link) -> bool:
    """Tell whether a link into a function brings events: nobody waits for how they end."""
    return link.kind in ("async", "deliver", "outcome") or getattr(link, "invocation_type", "") == "Event"


def _redrive(name: str, add: Operation) -> Operation:
    """Return the operation that makes a new queue the dead-letter queue of another."""
    least = quota("sqs_mapping", "receive_count_min")[0]
    return Operation("connect", (name, add.arguments[0].name), {"link": "redrive", "max_receive_count": least})
