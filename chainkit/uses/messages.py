"""A month of what carries messages: SQS, SNS, EventBridge.

Rules    [1] SQS pricing page and FAQ: every API action is a request, and each 64 KB of its payload is one
         [2] SNS pricing (price list of September 2026, read through third parties): 64 KB of a publish, and of an HTTP
             delivery; FIFO topics by request and GB, delivered or filtered out
         [3] EventBridge pricing page, copies of 2021-2024: 64 KB of an event; of a pipe's batch; 8 KB for discovery
Units    1 KB = 1024 bytes; GB = 1024 * 1024 KB where kilobytes are given (assumed, see chainkit/use.py).
Assumed  A fair queue's surcharge is for messages sent: only a send states a message group.
Ignored  Transfer to other regions, KMS calls of encrypted queues and topics; SMS.
Checked  2026-11-23
"""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from chainkit.use import KB_PER_GB, Amount, Quantity, Use, each, refuse_elsewhere, units, use

UNIT_KB, DISCOVERY_KB = 64, 8
Batch = Field(default=1, ge=1, le=10, json_schema_extra={"source": "at most 10 messages per action"})


@use
class SqsUse(Use):
    """A month of an SQS queue: API actions, or the messages that make them.

    Examples
    --------
    >>> import chainkit as ck
    >>> ck.SqsUse(requests=1, message_kb=256).quantities()[0].quantity
    4.0
    >>> batched = ck.SqsUse(sends=1e6, receives=1e6, deletes=1e6, batch_size=10)
    >>> sum(each.quantity for each in batched.quantities())
    300000.0
    """

    queue: Literal["standard", "fifo", "fair"] = "standard"
    """Kind of queue; fair: a standard one whose messages name a message group."""
    requests: Amount = 0.0
    """API actions of any kind, each with a payload of `message_kb`."""
    sends: Amount = 0.0
    """Messages sent."""
    receives: Amount = 0.0
    """Messages received."""
    deletes: Amount = 0.0
    """Messages deleted."""
    empty_receives: Amount = 0.0
    """Receives that bring nothing."""
    message_kb: float = Field(
        default=0.0, ge=0, le=1024, allow_inf_nan=False, json_schema_extra={"source": "a message has 1 MiB at most"}
    )
    """Size of a message, KB."""
    batch_size: float = Batch
    """Messages per action, where messages are given."""

    def _counted(self, month: float) -> Iterator[Quantity]:
        key = f"sqs-{'fifo' if self.queue == 'fifo' else 'standard'}-requests"
        one, batch = (units(count * self.message_kb, UNIT_KB) for count in (1, self.batch_size))
        in_batches = f" in batches of {self.batch_size:g}" if self.batch_size > 1 else ""
        sends = self.sends / self.batch_size * batch
        yield Quantity(key, self.requests * one, f"requests{each(one, '64 KB')}")
        yield Quantity(key, sends, f"messages sent{in_batches}{each(batch, '64 KB')}")
        received = f"messages received{in_batches}{each(batch, '64 KB')}"
        yield Quantity(key, self.receives / self.batch_size * batch, received)
        yield Quantity(key, self.deletes / self.batch_size, f"messages deleted{in_batches}")
        yield Quantity(key, self.empty_receives, "receives that bring nothing")
        if self.queue == "fair":
            yield Quantity("sqs-fair-requests", self.requests * one + sends, "message groups on a standard queue")


@use
class SnsUse(Use):
    """A month of an SNS topic.

    Examples
    --------
    >>> import chainkit as ck
    >>> fan_out = ck.SnsUse(publishes=1e6, message_kb=100, to_sqs=3e6, to_http=1e6)
    >>> [(each.price, each.quantity) for each in fan_out.quantities()]
    [('sns-publishes', 2000000.0), ('sns-deliveries-sqs', 3000000.0), ('sns-deliveries-http', 2000000.0)]
    """

    topic: Literal["standard", "fifo"] = "standard"
    """Kind of topic."""
    publishes: Amount = 0.0
    """Messages published."""
    message_kb: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """Size of a message, KB."""
    batch_size: float = Batch
    """Messages per publish."""
    to_lambda: Amount = 0.0
    """Messages delivered to functions."""
    to_sqs: Amount = 0.0
    """Messages delivered to queues."""
    to_http: Amount = 0.0
    """Messages delivered to HTTP endpoints."""
    to_email: Amount = 0.0
    """Messages delivered by mail."""
    to_push: Amount = 0.0
    """Messages delivered to mobile devices."""
    to_firehose: Amount = 0.0
    """Messages delivered to Data Firehose."""
    filter_scanned_gb: Amount = 0.0
    """What filters on the message body read, GB; filters on attributes are free."""
    subscriptions: Amount = 0.0
    """Of a FIFO topic: every message counts for each, filtered out or not."""
    archived_messages: Amount = 0.0
    """Of a FIFO topic: messages put into the archive."""
    archive_gb: Amount = 0.0
    """Kept in the archive all month, GB."""

    @field_validator("to_lambda", "to_sqs", "to_http", "to_email", "to_push", "to_firehose")
    @classmethod
    def _of_standard(cls, count: float, info: ValidationInfo) -> float:
        """Refuse deliveries by protocol of a FIFO topic, which counts by subscription."""
        refuse_elsewhere(count, info, "topic", "standard")
        return count

    @field_validator("subscriptions", "archived_messages", "archive_gb")
    @classmethod
    def _of_fifo(cls, value: float, info: ValidationInfo) -> float:
        """Refuse what a standard topic does not count."""
        refuse_elsewhere(value, info, "topic", "fifo")
        return value

    def _counted(self, month: float) -> Iterator[Quantity]:
        if self.topic == "fifo":
            yield from self._fifo()
        else:
            yield from self._standard()
        yield Quantity("sns-filter-body-gb", self.filter_scanned_gb, "scanned by filters on the message body")

    def _standard(self) -> Iterator[Quantity]:
        batch, one = (units(count * self.message_kb, UNIT_KB) for count in (self.batch_size, 1))
        published = self.publishes / self.batch_size * batch
        yield Quantity("sns-publishes", published, f"messages published{each(batch, '64 KB')}")
        for protocol in ("lambda", "sqs", "http", "email", "push", "firehose"):
            count = getattr(self, f"to_{protocol}")
            size = one if protocol == "http" else 1  # the others are counted by message; [2]
            yield Quantity(f"sns-deliveries-{protocol}", count * size, f"deliveries{each(size, '64 KB')}")

    def _fifo(self) -> Iterator[Quantity]:
        batch = units(self.batch_size * self.message_kb, UNIT_KB)
        delivered, gb = self.publishes * self.subscriptions, self.message_kb / KB_PER_GB
        published = self.publishes / self.batch_size * batch
        yield Quantity("sns-fifo-publishes", published, f"messages published{each(batch, '64 KB')}")
        yield Quantity("sns-fifo-published-gb", self.publishes * gb, "payload published")
        yield Quantity("sns-fifo-deliveries", delivered, f"for {self.subscriptions:g} subscriptions")
        yield Quantity("sns-fifo-delivered-gb", delivered * gb, "payload for those")
        yield Quantity("sns-fifo-archived-gb", self.archived_messages * gb, "payload archived")
        yield Quantity("sns-fifo-archive-gb-month", self.archive_gb, "kept in the archive")


@use
class EventBridgeUse(Use):
    """A month of EventBridge: events, pipes, schedules.

    Examples
    --------
    >>> import chainkit as ck
    >>> ck.EventBridgeUse(custom_events=1e6, event_kb=256).quantities()[0].quantity
    4000000.0
    >>> piped = ck.EventBridgeUse(pipe_events=1e7, pipe_pass_fraction=0.25, pipe_batch_size=5)
    >>> piped.quantities()[0].quantity
    500000.0
    """

    event_kb: Amount = 0.0
    """Size of an event, KB."""
    custom_events: Amount = 0.0
    """Custom, partner and opt-in events (S3 object events are among them)."""
    replayed_events: Amount = 0.0
    """Events replayed from an archive: they cost what custom events cost."""
    management_events: Amount = 0.0
    """Events of AWS services on the default bus."""
    cross_account_events: Amount = 0.0
    """Custom events delivered to another account."""
    cross_account_management_events: Amount = 0.0
    """Events of AWS services delivered to another account."""
    api_destination_calls: Amount = 0.0
    """Calls of API destinations."""
    pipe_events: Amount = 0.0
    """Events that a pipe reads."""
    pipe_pass_fraction: float = Field(default=1.0, ge=0, le=1)
    """Share of them that the pipe's filter lets pass; only those are paid for."""
    pipe_batch_size: float = Field(default=1, ge=1, le=10_000, json_schema_extra={"source": "pipe quotas, 2026"})
    """Events per batch: each 64 KB of a batch is a request."""
    schedules: Amount = 0.0
    """Invocations by EventBridge Scheduler."""
    discovered_events: Amount = 0.0
    """Events read by schema discovery; each 8 KB is one."""
    archived_events: Amount = 0.0
    """Events put into an archive, of `event_kb` each."""
    archived_gb: Amount = 0.0
    """What goes into an archive, as a size, GB; besides those."""
    archive_gb: Amount = 0.0
    """What stays in it all month, GB."""

    def _counted(self, month: float) -> Iterator[Quantity]:
        one = units(self.event_kb, UNIT_KB)
        more = each(one, "64 KB")
        yield Quantity("events-custom", self.custom_events * one, f"custom events{more}")
        yield Quantity("events-custom", self.replayed_events * one, f"events replayed{more}")
        yield Quantity("events-management", self.management_events, "events of AWS services")
        yield Quantity(
            "events-deliveries-cross-account", self.cross_account_events * one, f"custom events to other accounts{more}"
        )
        abroad = self.cross_account_management_events * one
        yield Quantity("events-management-cross-account", abroad, f"events of AWS services to other accounts{more}")
        yield Quantity("events-api-destinations", self.api_destination_calls * one, f"API destinations{more}")
        yield from self._pipes()
        yield Quantity("events-schedules", self.schedules, "schedules")
        found = units(self.event_kb, DISCOVERY_KB)
        yield Quantity("events-schema-discovery", self.discovered_events * found, f"discovery{each(found, '8 KB')}")
        yield Quantity("events-archived-gb", self.archived_events * self.event_kb / KB_PER_GB, "events archived")
        yield Quantity("events-archived-gb", self.archived_gb, "archived")
        yield Quantity("events-archive-gb-month", self.archive_gb, "kept in the archive")

    def _pipes(self) -> Iterator[Quantity]:
        """Yield the requests of pipes, after their filter and in their batches."""
        size, share = self.pipe_batch_size, self.pipe_pass_fraction
        batch = units(size * self.event_kb, UNIT_KB)
        passed = "" if share == 1 else f", {share:g} of the events pass"
        in_batches = f", {size:g} to a batch" if size > 1 else ""
        what = f"requests of pipes{passed}{in_batches}{each(batch, '64 KB')}"
        yield Quantity("events-pipes", self.pipe_events * share / size * batch, what)
