"""What AWS promises of each way into a function or state machine, and what is left to the design.

A promise holds for one link; what comes before may break it. A function that is called once by one that may itself run
twice runs twice: repeats are followed along the links, and every row says where they come from.

A FIFO queue is not in the model. It would keep the order within a message group, and refuse a copy that is *sent*
within five minutes; after a failure, or once its visibility timeout is over, the function sees a message again all the
same, so it must be idempotent there, too.

Sources  [1] AWS Lambda Developer Guide, invocation-retries (2023): nobody tries a synchronous invocation again but its
             caller
         [2] docs.aws.amazon.com lambda invocation-async-error-handling (2025-26): two more tries after an error, up to
             the event's age after a throttle; duplicates without any error; then the destination, or discarded
         [3] AWS Lambda Developer Guide, with-sqs (2023); docs.aws.amazon.com sqs quotas-messages (2026)
         [4] docs.aws.amazon.com sns sns-message-delivery-retries, sns-dead-letter-queues (2026)
         [5] docs.aws.amazon.com eventbridge eb-rule-retry-policy (2026)
         [6] docs.aws.amazon.com step-functions express-at-least-once-execution (2026): Standard exactly once (a start
             by the name of one that runs starts nothing), asynchronous Express at least once, synchronous at most once
         [7] AWS agent toolkit, orchestration.md (2026): a task is tried again by its state's Retry; then its Catch, or
             the execution fails
         Assumed: a topic keeps no order; SNS and EventBridge may deliver twice (the pages above say how a failed
         delivery is tried again, not that one that worked is never repeated)
Checked  2026-11-27
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from chainkit.chain import Chain
from chainkit.records import Behaviour, Flow, Pool, Step
from chainkit.wiring import Delivery, Link

AT_MOST, AT_LEAST, EXACTLY = "at most once", "at least once", "exactly once"
Promise = Literal["at most once", "at least once", "exactly once"]
COLUMNS = (
    "service", "link", "delivery", "ordering", "retried_by", "after_last_try", "duplicates", "needs_idempotency",
    "source",
)  # fmt: skip
SYNC = "AWS Lambda Developer Guide, invocation-retries (2023)"
EVENT = "docs.aws.amazon.com lambda invocation-async-error-handling (2025-26)"
QUEUE = "AWS Lambda Developer Guide, with-sqs (2023); docs.aws.amazon.com sqs quotas-messages (2026)"
WORKFLOW = "docs.aws.amazon.com step-functions express-at-least-once-execution (2026)"
TASK = "AWS agent toolkit, orchestration.md (2026)"
DELIVERIES: Mapping[str, str] = {
    "subscription": "docs.aws.amazon.com sns sns-message-delivery-retries (2026); assumed: order, duplicates",
    "rule": "docs.aws.amazon.com eventbridge eb-rule-retry-policy (2026); assumed: duplicates",
}
"""Word of a delivery -> who says how it is tried again."""
WAITS = "startSyncExecution"
"""Action by which a task starts an execution and waits for its end: never started twice by itself; [6]."""
NO_ORDER = "none"
IN_ORDER = "as called: the caller waits"


@dataclass(frozen=True, kw_only=True)
class Guarantee:
    """What is promised of one link into a service that does work."""

    service: str
    link: str
    delivery: Promise
    ordering: str
    retried_by: str
    after_last_try: str
    duplicates: str
    """What can make a second run of one request; "none"."""
    needs_idempotency: bool
    """Whether there can be one."""
    source: str

    def to_plain(self) -> dict[str, Any]:
        """Return the columns of the table."""
        return {name: getattr(self, name) for name in COLUMNS}


def promised(chain: Chain) -> tuple[Guarantee, ...]:
    """Return what is promised of every link into a function or state machine, in the chain's order.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("two")
    >>> for service in (ck.LambdaFunction("a"), ck.SqsQueue("jobs"), ck.LambdaFunction("b"), ck.LambdaFunction("c")):
    ...     _ = chain.add(service)
    >>> _ = chain.connect("a", "jobs"), chain.connect("jobs", "b"), chain.connect("b", "c")
    >>> for each in promised(chain):
    ...     print(each.service, "|", each.delivery, "|", each.duplicates)
    b | at least once | SQS may hand a message over twice, and does after each failure
    c | at most once | 'b' may run twice
    """
    found = [_guarantee(chain, key, link) for key, link in chain.links.items() if _works(chain, link.target)]
    rows = [each for name in chain.services for each in found if each is not None and each.service == name]
    repeated = _spread(chain, {each.service for each in rows if each.needs_idempotency})
    return tuple(_followed(chain, each, repeated) for each in rows)


def _works(chain: Chain, name: str) -> bool:
    """Tell whether a service does work for a request."""
    return isinstance(_behaviour(chain, name), Pool | Flow)


def _behaviour(chain: Chain, name: str) -> Behaviour:
    return chain.service(name).behaviour()


# --- repeats, along the links ---


def _spread(chain: Chain, repeated: set[str]) -> set[str]:
    """Return the services that may run twice for one request, because something before them may."""
    found, links = set(repeated), [(link.source, link.target) for link in chain.links.values()]
    while more := {target for source, target in links if source in found} - found:
        found |= more
    return found


def _followed(chain: Chain, own: Guarantee, repeated: set[str]) -> Guarantee:
    """Return a guarantee with what comes before it taken into account."""
    source = chain.link(own.link).source
    if source not in repeated:
        return own
    reason = f"{source!r} may run twice" if _works(chain, source) else f"{source!r} may be given it twice"
    duplicates = reason if own.duplicates == "none" else f"{own.duplicates}; {reason}"
    return Guarantee(**{**vars(own), "duplicates": duplicates, "needs_idempotency": True})


# --- one link ---


def _guarantee(chain: Chain, key: str, link: Link) -> Guarantee | None:
    """Return what is promised of one link by itself; None if it brings no work."""
    target = _behaviour(chain, link.target)
    is_event = link.kind in ("async", "deliver", "outcome") or getattr(link, "invocation_type", "") == "Event"
    if isinstance(target, Flow):
        found = _of_execution(chain, link, target, is_event)
    elif link.kind == "poll":
        found = _of_poll(chain, link)
    elif is_event and isinstance(target, Pool):
        found = _of_event(chain, link, target)
    elif link.kind == "task":
        found = _of_task(chain, link)
    elif link.kind == "sync":
        found = _of_call(link)
    else:
        return None
    duplicates = found["duplicates"]
    return Guarantee(service=link.target, link=key, needs_idempotency=duplicates != "none", **found)


def _of_call(link: Link) -> dict[str, Any]:
    """Return what is promised of a synchronous call; [1]."""
    retry = getattr(link, "retry", None)
    return {
        "delivery": AT_MOST if retry is None else AT_LEAST,
        "ordering": IN_ORDER,
        "retried_by": "nobody"
        if retry is None
        else f"the caller: {retry.max_attempts} tries, {' or '.join(retry.errors)}",
        "after_last_try": "told to the caller",
        "duplicates": "none"
        if retry is None
        else "a try that did its work, and whose answer came too late or not at all",
        "source": SYNC,
    }


def _of_event(chain: Chain, link: Link, pool: Pool) -> dict[str, Any]:
    """Return what is promised of an event that a caller, a topic or a bus hands over; [2], [4], [5]."""
    ends = [other.target for _, other in chain.outgoing(link.target) if other.word == "on_failure"]
    after = f"to {' and '.join(map(repr, ends))}" if ends else "dropped"
    tries = f"Lambda: {pool.event_retries} more after an error, for {pool.event_age_s:,.0f} s after a throttle"
    plain = {
        "delivery": AT_LEAST,
        "ordering": NO_ORDER,
        "retried_by": tries,
        "after_last_try": after,
        "duplicates": "Lambda may run an event twice without any error",
        "source": EVENT,
    }
    return {**plain, **_delivered(link, plain)} if isinstance(link, Delivery) else plain


def _delivered(link: Delivery, plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the own tries of a topic or bus add to those of an event."""
    tries = sum(phase.max_attempts for phase in link.phases)
    lost = "dropped" if link.dead_letters is None else f"to {link.dead_letters!r}"
    return {
        "retried_by": f"{link.source!r} until accepted, {tries:,} more; then {plain['retried_by']}",
        "after_last_try": f"not accepted: {lost}; failed: {plain['after_last_try']}",
        "source": f"{DELIVERIES[link.word]}; {plain['source']}",
    }


def _of_poll(chain: Chain, link: Link) -> dict[str, Any]:
    """Return what is promised of a message that is polled from a standard queue; [3]."""
    hidden_s = getattr(_behaviour(chain, link.source), "visibility_timeout_s", 0.0)
    redrive = next((each for _, each in chain.outgoing(link.source) if each.kind == "redrive"), None)
    kept_s = getattr(chain.service(link.source), "retention_s", 0)
    after = f"dropped after {kept_s / 86_400:g} days"
    if redrive is not None:
        after = f"to {redrive.target!r} after {getattr(redrive, 'max_receive_count', 0)} receives"
    return {
        "delivery": AT_LEAST,
        "ordering": "best effort",
        "retried_by": f"the queue: visible again after {hidden_s:g} s",
        "after_last_try": after,
        "duplicates": "SQS may hand a message over twice, and does after each failure",
        "source": QUEUE,
    }


def _of_task(chain: Chain, link: Link) -> dict[str, Any]:
    """Return what is promised of a task's call; [7]."""
    flow = _behaviour(chain, link.source)
    steps = _steps(flow.steps) if isinstance(flow, Flow) else iter(())
    step = next((each for each in steps if each.link == getattr(link, "state", "")), None)
    tries = sum(each.max_attempts for each in step.retriers) if step is not None else 0
    catch = [each.goto for each in step.catchers] if step is not None else []
    after = f"caught: state {' or '.join(map(repr, dict.fromkeys(catch)))}" if catch else "the execution fails"
    return {
        "delivery": AT_LEAST if tries else AT_MOST,
        "ordering": "as the states go",
        "retried_by": f"the state's Retry: {tries} more" if tries else "nobody: the state has no Retry",
        "after_last_try": after,
        "duplicates": "a try that did its work and failed or timed out all the same" if tries else "none",
        "source": TASK,
    }


def _of_execution(chain: Chain, link: Link, flow: Flow, is_event: bool) -> dict[str, Any]:
    """Return what is promised of an execution: a synchronous one, or one that is started and left to itself; [6]."""
    is_task = link.kind == "task"
    if flow.answers and not is_event and (not is_task or getattr(link, "resource", "").endswith(WAITS)):
        return {**(_of_task(chain, link) if is_task else _of_call(link)), "source": WORKFLOW}
    plain = {
        "delivery": AT_LEAST if flow.answers else EXACTLY,
        "ordering": NO_ORDER,
        "retried_by": "Step Functions may start it again" if flow.answers else "nobody: states have their own Retry",
        "after_last_try": "the execution has failed; nobody waits",
        "duplicates": "an Express execution may run twice" if flow.answers else "none",
        "source": WORKFLOW,
    }
    if flow.answers:
        return plain
    if isinstance(link, Delivery):
        more = {"duplicates": f"{link.source!r} may start it twice: it gives no name", "delivery": AT_LEAST}
        return {**plain, **_delivered(link, plain), **more}
    return {**plain, "retried_by": "the caller, by the same name: one that runs is not started again"}


def _steps(each: tuple[Step, ...]) -> Iterator[Step]:
    """Yield the steps of a flow, those of its branches too."""
    for step in each:
        yield step
        for branch in step.branches:
            yield from _steps(branch)
