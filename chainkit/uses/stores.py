"""A month of what keeps data and streams: DynamoDB, Kinesis, S3.

Rules    [1] DynamoDB: 1 KB of a write, 4 KB of a read; eventually consistent half, transactional double (price list of
             September 2026 and its pages)
         [2] Kinesis: 25 KB of a record put into shards, 1 KB of one put into a stream on demand (Kinesis pricing page);
             shards and streams by the hour (price list of September 2026; third parties)
         [3] S3 requests and storage (price list of September 2026)
Units    GB = 1024 * 1024 KB where kilobytes are given (assumed, see chainkit/use.py).
Ignored  Backups, global tables, other storage classes; Kinesis beyond 24 hours, and its on-demand advantage mode.
Checked  2026-11-23
"""

from collections.abc import Iterator

from pydantic import Field

from chainkit.use import KB_PER_GB, Amount, Hours, Quantity, Use, all_month, each, rounded_up, units, use

WRITE_KB, READ_KB, PUT_KB, STREAM_KB = 1, 4, 25, 1
EVENTUAL, TRANSACTIONAL = 0.5, 2


@use
class DynamodbUse(Use):
    """A month of a DynamoDB table, on demand or provisioned.

    Examples
    --------
    >>> import chainkit as ck
    >>> table = ck.DynamodbUse(writes=1e6, transactional_writes=1e6, eventual_reads=1e6, item_kb=2.5)
    >>> [(each.price, each.quantity) for each in table.quantities()]
    [('dynamodb-writes', 3000000.0), ('dynamodb-writes', 6000000.0), ('dynamodb-reads', 500000.0)]
    """

    item_kb: float = Field(default=1.0, ge=0, le=400, json_schema_extra={"source": "an item has at most 400 KB"})
    """Size of an item, KB."""
    writes: Amount = 0.0
    """Items written, on demand."""
    transactional_writes: Amount = 0.0
    """Items written in transactions, on demand: two units for one."""
    reads: Amount = 0.0
    """Items read strongly consistent, on demand."""
    eventual_reads: Amount = 0.0
    """Items read eventually consistent, which is DynamoDB's default: half a unit for one."""
    transactional_reads: Amount = 0.0
    """Items read in transactions, on demand: two units for one."""
    write_capacity: Amount = 0.0
    """Provisioned write units (WCU)."""
    read_capacity: Amount = 0.0
    """Provisioned read units (RCU)."""
    hours: Hours = None
    """How long those are provisioned."""
    storage_gb: Amount = 0.0
    """Kept all month, GB."""
    stream_reads: Amount = 0.0
    """Reads of its stream by others than Lambda, which reads it free of charge."""
    kinesis_captures: Amount = 0.0
    """Changes sent to a Kinesis stream, of `item_kb` each."""

    def _counted(self, month: float) -> Iterator[Quantity]:
        written, read = units(self.item_kb, WRITE_KB), units(self.item_kb, READ_KB)
        for key, count, size, weight, what in (
            ("dynamodb-writes", self.writes, written, 1, f"writes{each(written, '1 KB')}"),
            ("dynamodb-writes", self.transactional_writes, written, TRANSACTIONAL, "writes in transactions, twice"),
            ("dynamodb-reads", self.reads, read, 1, f"strongly consistent reads{each(read, '4 KB')}"),
            ("dynamodb-reads", self.eventual_reads, read, EVENTUAL, "eventually consistent reads, half"),
            ("dynamodb-reads", self.transactional_reads, read, TRANSACTIONAL, "reads in transactions, twice"),
            ("dynamodb-kinesis-capture", self.kinesis_captures, written, 1, "changes sent to a Kinesis stream"),
        ):
            yield Quantity(key, count * size * weight, what)
        hours = all_month(month, self.hours)
        yield Quantity("dynamodb-wcu-hours", self.write_capacity * hours, f"write units for {hours:g} h", True)
        yield Quantity("dynamodb-rcu-hours", self.read_capacity * hours, f"read units for {hours:g} h", True)
        yield Quantity("dynamodb-storage-gb-month", self.storage_gb, "storage")
        yield Quantity("dynamodb-stream-reads", self.stream_reads, "reads of the stream by others than Lambda")


@use
class KinesisUse(Use):
    """A month of a Kinesis data stream: shards, or on demand.

    Examples
    --------
    >>> import chainkit as ck
    >>> stream = ck.KinesisUse(shards=2, records=1e6, record_kb=35)
    >>> [(each.price, each.quantity) for each in stream.quantities(hours_per_month=720)]
    [('kinesis-shard-hours', 1440.0), ('kinesis-put-units', 2000000.0)]
    """

    shards: Amount = 0.0
    """Shards of a provisioned stream."""
    on_demand_streams: Amount = 0.0
    """Streams on demand."""
    hours: Hours = None
    """How long those are there."""
    records: Amount = 0.0
    """Records put: into shards, each 25 KB is a unit; without shards into streams on demand, each KB begun counts."""
    record_kb: Amount = 0.0
    """Size of a record, KB."""
    on_demand_in_gb: Amount = 0.0
    """Put into streams on demand, GB, as it is billed; 0: what `records` and `record_kb` make."""
    on_demand_out_gb: Amount = 0.0
    """Read from them, by Lambda too, GB."""
    fan_out_consumers: Amount = 0.0
    """Consumers with enhanced fan-out on those shards."""
    fan_out_gb: Amount = 0.0
    """What they read, GB; 0 with consumers: every record by each."""

    def _counted(self, month: float) -> Iterator[Quantity]:
        hours, one = all_month(month, self.hours), units(self.record_kb, PUT_KB)
        yield Quantity("kinesis-shard-hours", self.shards * hours, f"{self.shards:g} shards for {hours:g} h", True)
        yield Quantity("kinesis-put-units", self.records * one if self.shards else 0, f"records{each(one, '25 KB')}")
        streams = f"{self.on_demand_streams:g} streams for {hours:g} h"
        yield Quantity("kinesis-on-demand-stream-hours", self.on_demand_streams * hours, streams, True)
        whole_kb = rounded_up(self.record_kb / STREAM_KB) * STREAM_KB
        gb_in = self.on_demand_in_gb or (0 if self.shards else self.records * whole_kb / KB_PER_GB)
        yield Quantity("kinesis-on-demand-in-gb", gb_in, "put into streams on demand")
        yield Quantity("kinesis-on-demand-out-gb", self.on_demand_out_gb, "read from streams on demand")
        shared = self.shards * self.fan_out_consumers
        yield Quantity("kinesis-fan-out-shard-hours", shared * hours, "consumers with enhanced fan-out", True)
        gb_out = self.fan_out_gb or self.records * self.record_kb / KB_PER_GB * self.fan_out_consumers
        yield Quantity("kinesis-fan-out-gb", gb_out, "read with enhanced fan-out")


@use
class S3Use(Use):
    """A month of an S3 bucket, Standard class.

    Examples
    --------
    >>> import chainkit as ck
    >>> [each.price for each in ck.S3Use(puts=1e6, gets=1e6, storage_gb=100).quantities()]
    ['s3-puts', 's3-gets', 's3-storage-gb-month']
    """

    puts: Amount = 0.0
    """PUT, COPY, POST and LIST requests."""
    gets: Amount = 0.0
    """GET and all other requests."""
    storage_gb: Amount = 0.0
    """Kept all month, GB."""
    notifications: Amount = 0.0
    """Events to SQS, SNS and Lambda, which are free; to EventBridge they are its custom events."""

    def _counted(self, month: float) -> Iterator[Quantity]:
        yield Quantity("s3-puts", self.puts, "PUT, COPY, POST, LIST")
        yield Quantity("s3-gets", self.gets, "GET and others")
        yield Quantity("s3-storage-gb-month", self.storage_gb, "storage")
        yield Quantity("s3-notifications", self.notifications, "notifications")
