"""What stands in DynamoDB and Kinesis streams: shards, and their entries in order, as consumers get them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from moto.dynamodb.models import dynamodb_backends
from moto.kinesis.models import kinesis_backends

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.dynamodb.models.table import StreamRecord, StreamShard
    from moto.kinesis.models import Record, Stream
    from moto.kinesis.models import Shard as KinesisShard

    from chainkit.emulation.clock import Moment

ENTERED = "_chainkit_entered"
"""What we write on moto's records: when they entered, and the requests that they belong to."""

DYNAMODB_RETENTION_S = 86_400.0
"""[aws-semantics 6, "DDB 24 h"]"""


class Entered(NamedTuple):
    """When a record entered its stream, and for which requests."""

    moment: Moment
    roots: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """One record of a shard."""

    number: int
    key: str
    """What order is kept for."""
    entered_s: float
    wall_s: float
    """The same by the wall: what a client means by a time."""
    roots: tuple[str, ...]
    record: Callable[[bool], dict[str, Any]]
    """Its form; True gives that of a pipe."""


@dataclass(frozen=True)
class Shard:
    """A shard: entries with numbers in [first, end)."""

    id: str
    source_arn: str
    first: int
    end: int
    retention_s: float
    entry: Callable[[int], Entry | None]
    """None: no such number."""


def shards_of(source_arn: str) -> list[Shard]:
    """Return the shards of a stream; none if it is gone."""
    _, _, service, region, account_id, path = source_arn.split(":", 5)
    if service == "dynamodb":
        name, _, label = path.removeprefix("table/").partition("/stream/")
        table = dynamodb_backends[account_id][region].tables.get(name)
        if table is None or table.stream_shard is None or (label and label != table.latest_stream_label):
            return []
        return [_of_table(table.stream_shard, source_arn, region)]
    if service == "kinesis":
        stream = kinesis_backends[account_id][region].streams.get(path.removeprefix("stream/"))
        return [_of_stream(stream, shard) for shard in list(stream.shards.values())] if stream else []
    return []


def _of_table(shard: StreamShard, source_arn: str, region: str) -> Shard:
    first = int(shard.starting_sequence_number)

    def entry(number: int) -> Entry | None:
        item: StreamRecord = shard.items[number - first]
        change = item.record["dynamodb"]
        entered: Entered = getattr(item, ENTERED)
        return Entry(
            number,
            json.dumps(change["Keys"], sort_keys=True, default=str),
            *entered.moment,
            entered.roots,
            lambda _is_pipe: _table_record(item, source_arn, region, entered.moment.at_s),
        )

    return Shard(shard.id, source_arn, first, first + len(shard.items), DYNAMODB_RETENTION_S, entry)


def _table_record(item: StreamRecord, source_arn: str, region: str, entered_s: float) -> dict[str, Any]:
    raw = item.record
    record = {name: raw[name] for name in ("eventID", "eventName", "eventVersion", "eventSource")}
    record["awsRegion"] = region
    record["dynamodb"] = {**raw["dynamodb"], "ApproximateCreationDateTime": float(int(entered_s))}
    record["eventSourceARN"] = source_arn
    text = json.dumps(record, default=_base64)  # binary attributes
    return dict(json.loads(text))


def _base64(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{value!r} is no JSON")


def _of_stream(stream: Stream, shard: KinesisShard) -> Shard:
    def entry(number: int) -> Entry | None:
        record = shard.records.get(number)
        if record is None:
            return None
        entered: Entered = getattr(record, ENTERED)
        return Entry(
            number,
            record.partition_key,
            *entered.moment,
            entered.roots,
            lambda is_pipe: _stream_record(stream, shard.shard_id, record, is_pipe=is_pipe),
        )

    end = shard.get_max_sequence_number() + 1
    retention_s = float(stream.retention_period_hours) * 3600.0
    return Shard(shard.shard_id, stream.arn, 1, end, retention_s, entry)


def _stream_record(stream: Stream, shard_id: str, record: Record, *, is_pipe: bool) -> dict[str, Any]:
    inner = {
        "kinesisSchemaVersion": "1.0",
        "partitionKey": record.partition_key,
        "sequenceNumber": str(record.sequence_number),
        "data": record.data,
        "approximateArrivalTimestamp": round(record.created_at, 3),
    }
    outer = {
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{record.sequence_number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": f"arn:aws:iam::{stream.account_id}:role/EXAMPLE",
        "awsRegion": stream.region,
        "eventSourceARN": stream.arn,
    }
    return {**inner, **outer} if is_pipe else {"kinesis": inner, **outer}
