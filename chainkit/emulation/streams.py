"""Route: DynamoDB and Kinesis streams -> event source mappings and pipes.

Kept from AWS [aws-semantics 6]: each shard in order, one batch at a time (or one for each of ParallelizationFactor
lanes, by key); batch, window, starting position, filters; a failed batch blocks its lane and comes again until it
passes, its retries are used up, or it is too old; partial batch responses go on from the lowest failed record;
bisecting halves a failed batch and uses up no retry; the record of what is given up goes to the destination. Assumed,
where AWS says nothing: a retry waits 1 s, doubling to 60 s; a partial answer uses up a retry unless the mapping
bisects; the name of the condition when a record is too old. Ignored: resharding (what stands in a shard that is split
comes again), polls four times a second (a record is seen at once), the readers per shard.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from moto.core import utils
from moto.dynamodb.models.table import StreamShard
from moto.kinesis.models import Stream

from chainkit.emulation.consumers import Batch, Handled
from chainkit.emulation.filters import lets_through
from chainkit.emulation.patching import patch
from chainkit.emulation.shards import ENTERED, Entered, shards_of
from chainkit.emulation.story import ROOTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainkit.emulation.clock import Clock, Timer
    from chainkit.emulation.consumers import Consumer, Consumers
    from chainkit.emulation.host import Host
    from chainkit.emulation.shards import Entry, Shard
    from chainkit.emulation.story import Story

RETRY_LOW_S, RETRY_HIGH_S = 1.0, 60.0
"""Assumption: AWS documents no figure."""

PAYLOAD_LIMIT_BYTES = 6 * 2**20
"""[aws-semantics 6, "6 MB"]"""


class Lane(NamedTuple):
    """What is passed on in line: a shard's entries, or those of its keys that fall to one of several lanes."""

    consumer: str
    shard: str
    lanes: int
    place: int


@dataclass(frozen=True)
class Due:
    """Entries that are tried together; retries used and tries made."""

    entries: tuple[Entry, ...]
    retries: int = 0
    tries: int = 0


class Streams:
    """Reads shards for their consumers."""

    def __init__(self, clock: Clock, story: Story, consumers: Consumers) -> None:
        self._clock = clock
        self._story = story
        self._consumers = consumers
        self._lock = threading.RLock()
        self._passed: dict[Lane, int] = {}
        """Number of the last entry that a lane is done with."""
        self._at_work: set[Lane] = set()
        self._window_ends_s: dict[Lane, float] = {}
        self._timers: dict[Lane, Timer] = {}
        consumers.on_begin.append(self._begin)
        consumers.on_change.append(self.wake)

    def _begin(self, consumer: Consumer) -> None:
        """Decide where a new consumer starts."""
        with self._lock:
            for shard in shards_of(consumer.source_arn):
                for lane in _lanes(consumer, shard):
                    self._passed[lane] = _start_of(consumer, shard) - 1

    def is_queued(self, root: str) -> bool:
        """Return whether a stream holds something of `root` that a consumer has yet to pass."""
        with self._lock:
            return any(
                root in entry.roots
                for consumer in self._consumers.all()
                if ":sqs:" not in consumer.source_arn and consumer.is_on()
                for shard in shards_of(consumer.source_arn)
                for lane in _lanes(consumer, shard)
                for entry in self._left(lane, shard)
            )

    def wake(self, arn: str) -> None:
        """Look at the stream `arn` again: something in it, or who reads it, has changed."""
        if ":sqs:" in arn:
            return
        for consumer in self._consumers.of(arn):
            for shard in shards_of(arn):
                for lane in _lanes(consumer, shard):
                    self._look(consumer, shard, lane)

    def _look_again(self, lane: Lane, arn: str) -> None:
        for consumer in self._consumers.of(arn):
            for shard in shards_of(arn):
                if (consumer.key, shard.id, consumer.lanes) == lane[:3]:
                    self._look(consumer, shard, lane)

    def _look(self, consumer: Consumer, shard: Shard, lane: Lane) -> None:
        """Begin with the batch that is due, or set a timer for the end of its window."""
        with self._lock:
            if lane in self._at_work or not consumer.is_on():
                return
            entries = self._left(lane, shard, consumer.batch_size)
            if not entries:
                self._passed[lane] = shard.end - 1
                return
            ends_s = self._window_ends_s.setdefault(lane, self._clock.now_s() + consumer.window_s)
            if len(entries) < consumer.batch_size and self._clock.now_s() < ends_s:
                if lane not in self._timers:
                    again = partial(self._window_ends, lane, shard.source_arn)
                    self._timers[lane] = self._clock.call_at(ends_s, again)
                return
            self._window_ends_s.pop(lane, None)
            self._at_work.add(lane)
        roots = tuple(dict.fromkeys(root for entry in entries for root in entry.roots))
        work = partial(self._work, consumer, shard, lane, entries)
        self._clock.start(self._story.carried(work, roots), name="stream")

    def _window_ends(self, lane: Lane, arn: str) -> None:
        with self._lock:
            self._timers.pop(lane, None)
        self._look_again(lane, arn)

    def _left(self, lane: Lane, shard: Shard, most: int | None = None) -> tuple[Entry, ...]:
        """Return what a lane is not yet done with, up to `most` entries."""
        found: list[Entry] = []
        for number in range(max(self._last_passed(lane, shard) + 1, shard.first), shard.end):
            entry = shard.entry(number)
            if entry is not None and _place_of(entry, lane) == lane.place:
                found.append(entry)
                if len(found) == most:
                    break
        return tuple(found)

    def _last_passed(self, lane: Lane, shard: Shard) -> int:
        """Return where a lane stands; one that is new since the number of lanes changed starts at the slowest."""
        if lane not in self._passed:
            others = [number for other, number in self._passed.items() if other[:2] == lane[:2]]
            self._passed[lane] = min(others, default=shard.first - 1)
        return self._passed[lane]

    # --- one batch ---

    def _work(self, consumer: Consumer, shard: Shard, lane: Lane, entries: tuple[Entry, ...]) -> None:
        passed = None
        try:
            passed = self._pass_on(consumer, shard, entries)
        finally:
            with self._lock:
                if passed is not None:
                    self._passed[lane] = passed
                self._at_work.discard(lane)
            if passed is not None:
                self._look_again(lane, shard.source_arn)

    def _pass_on(self, consumer: Consumer, shard: Shard, entries: tuple[Entry, ...]) -> int | None:
        """Try until all is done or given up; return the last number that is, or None if the consumer went off first."""
        wanted = self._filtered(consumer, entries)
        due = [Due(part) for part in _parts(wanted, consumer)]
        passed, throttles = entries[0].number - 1, 0
        while due:
            first = due.pop(0)
            if not consumer.is_on():
                return passed if passed >= entries[0].number else None
            fresh = self._without_old(consumer, shard, first)
            if not fresh.entries:
                continue
            handled = consumer.handle(_batch_of(fresh, consumer))
            if handled.status == "throttled":
                self._wait(consumer, throttles, fresh.tries + 1, handled.reason)
                throttles += 1
                due.insert(0, fresh)
                continue
            due[:0] = self._after(consumer, shard, fresh, handled)
            if not due or due[0].entries[0].number > fresh.entries[-1].number:
                passed = fresh.entries[-1].number
        return entries[-1].number

    def _after(self, consumer: Consumer, shard: Shard, tried: Due, handled: Handled) -> list[Due]:
        """Return what must come again after a try: all from the lowest failed entry on, maybe in halves."""
        at = next((k for k, entry in enumerate(tried.entries) if str(entry.number) in handled.failed), None)
        if at is None:
            return []
        rest, tries = tried.entries[at:], tried.tries + 1
        if consumer.bisects and (len(rest) > 1 or at):
            half = (len(rest) + 1) // 2
            parts = [rest] if at else [rest[:half], rest[half:]]
            return [Due(part, tried.retries, tries) for part in parts]
        if 0 <= consumer.retries <= tried.retries:
            self._give_up(consumer, shard, Due(rest, tried.retries, tries), handled, "RetryAttemptsExhausted")
            return []
        self._wait(consumer, tried.retries, tries, handled.reason)
        return [Due(rest, tried.retries + 1, tries)]

    def _without_old(self, consumer: Consumer, shard: Shard, due: Due) -> Due:
        """Return what is young enough; what is too old is given up."""
        limit_s = min(consumer.age_limit_s or shard.retention_s, shard.retention_s)
        oldest_s = self._clock.now_s() - limit_s
        old = tuple(entry for entry in due.entries if entry.entered_s < oldest_s)
        if old:
            condition = "MaximumRecordAgeExceeded" if limit_s < shard.retention_s else "RecordExpired"
            self._give_up(consumer, shard, Due(old, due.retries, due.tries), Handled("error", condition), condition)
        return Due(tuple(entry for entry in due.entries if entry not in old), due.retries, due.tries)

    def _wait(self, consumer: Consumer, before: int, tries: int, reason: str) -> None:
        wait_s = min(RETRY_LOW_S * 2.0 ** min(before, 10), RETRY_HIGH_S)
        self._story.tell("retry wait", consumer.arn, attempt=tries, reason=reason, span_s=wait_s)
        self._clock.sleep(wait_s)

    def _give_up(self, consumer: Consumer, shard: Shard, due: Due, handled: Handled, condition: str) -> None:
        info = {
            "shardId": shard.id,
            "startSequenceNumber": str(due.entries[0].number),
            "endSequenceNumber": str(due.entries[-1].number),
            "approximateArrivalOfFirstRecord": _iso(due.entries[0].entered_s),
            "approximateArrivalOfLastRecord": _iso(due.entries[-1].entered_s),
            "batchSize": len(due.entries),
            "streamArn": shard.source_arn,
        }
        if condition == "RecordExpired" or not consumer.give_up(handled, condition, due.tries, info):
            ids = [str(entry.number) for entry in due.entries]
            roots = tuple(dict.fromkeys(root for entry in due.entries for root in entry.roots))
            self._story.tell("dropped", consumer.arn, status="error", reason=condition, ids=ids, roots=roots)

    def _filtered(self, consumer: Consumer, entries: Sequence[Entry]) -> list[Entry]:
        wanted = []
        for entry in entries:
            record = entry.record(consumer.is_pipe)
            if lets_through(consumer.patterns, record, is_pipe=consumer.is_pipe):
                wanted.append(entry)
            else:
                self._story.tell("filtered", consumer.arn, ids=[str(entry.number)], roots=entry.roots)
        return wanted


def _lanes(consumer: Consumer, shard: Shard) -> list[Lane]:
    return [Lane(consumer.key, shard.id, consumer.lanes, place) for place in range(consumer.lanes)]


def _place_of(entry: Entry, lane: Lane) -> int:
    return crc32(entry.key.encode()) % lane.lanes if lane.lanes > 1 else 0


def _start_of(consumer: Consumer, shard: Shard) -> int:
    """Return the number of the first entry that a new consumer reads."""
    if consumer.starts_at == "TRIM_HORIZON":
        return shard.first
    if consumer.starts_at == "LATEST":
        return shard.end
    numbers = range(shard.first, shard.end)
    entries = (shard.entry(number) for number in numbers)
    return next((e.number for e in entries if e is not None and e.wall_s >= float(consumer.starts_at)), shard.end)


def _parts(entries: Sequence[Entry], consumer: Consumer) -> list[tuple[Entry, ...]]:
    """Return entries in batches that an invocation can carry."""
    parts: list[list[Entry]] = []
    size_bytes = 0
    for entry in entries:
        entry_bytes = len(str(entry.record(consumer.is_pipe)))
        if not parts or size_bytes + entry_bytes > PAYLOAD_LIMIT_BYTES:
            parts.append([])
            size_bytes = 0
        parts[-1].append(entry)
        size_bytes += entry_bytes
    return [tuple(part) for part in parts]


def _batch_of(due: Due, consumer: Consumer) -> Batch:
    records = [entry.record(consumer.is_pipe) for entry in due.entries]
    return Batch(records, [str(entry.number) for entry in due.entries], due.tries + 1)


def _iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- moto ---

_ADDING = threading.Lock()
"""moto's shards are not safe between threads."""


def install(host: Host) -> None:
    """Note the requests of what enters a stream, and wake who reads it."""

    def add(shard: StreamShard, old: Any, new: Any) -> None:
        if old is not None and new is not None and old.to_json() == new.to_json():
            return  # a write that changes nothing makes no record
        with _ADDING:
            original_add(shard, old, new)
            item = shard.items[-1]
            setattr(item, ENTERED, Entered(host.clock.moment(), ROOTS.get()))
            item.record["dynamodb"]["ApproximateCreationDateTime"] = utils.utcnow()
        arn = f"{shard.table.table_arn}/stream/{shard.table.latest_stream_label}"
        host.story.tell("stream record", arn, ids=[item.record["dynamodb"]["SequenceNumber"]])
        host.consumers.wake(arn)

    def put(stream: Stream, partition_key: str, explicit_hash_key: str, data: str) -> tuple[str, str]:
        with _ADDING:
            sequence_number, shard_id = original_put(stream, partition_key, explicit_hash_key, data)
            record = stream.shards[shard_id].records[int(sequence_number)]
            setattr(record, ENTERED, Entered(host.clock.moment(), ROOTS.get()))
            record.created_at_datetime = utils.utcnow()  # moto's own is by the wall
            record.created_at = host.clock.now_s()
        host.story.tell("put record", stream.arn, ids=[f"{shard_id}:{sequence_number}"])
        host.consumers.wake(stream.arn)
        return sequence_number, shard_id

    original_add = patch("dynamodb.models.table:StreamShard.add", add)
    original_put = patch("kinesis.models:Stream.put_record", put)
