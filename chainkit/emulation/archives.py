"""Route: EventBridge archives and their replay, through the same rules and targets as the events themselves.

Kept from AWS ("Archiving and replaying events", EventBridge user guide, 2026): the time range, the rules that a replay
names, the field ``replay-name``; a replayed event is not archived again. Two clocks: an event is in the range if its
time, or the wall's time when it was archived, is. Ignored: retention. All replayed events belong to the request that
started the replay.
"""

from __future__ import annotations

import copy
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.core.utils import unix_time
from moto.events.models import Archive, Replay, ReplayState, Rule, events_backends

from chainkit.emulation.patching import patch

if TYPE_CHECKING:
    from chainkit.emulation.host import Host

_WALL = "_chainkit_wall_s"
"""What we write on moto's archives: the wall's time of each event, by its id."""


def keep(host: Host, rule: Rule, event: dict[str, Any]) -> None:
    """Put an event into the archive that a managed rule stands for."""
    for archive in events_backends[rule.account_id][rule.region_name].archives.values():
        if archive.rule is not None and archive.rule.name == rule.name:
            archive.__dict__.setdefault(_WALL, {})[event["id"]] = host.clock.moment().wall_s
            archive.events.append(copy.deepcopy(event))  # type: ignore[arg-type]  # moto's type of the same
            host.story.tell("archive", archive.arn, ids=[event["id"]])


def install(host: Host) -> None:
    """Replace how a replay goes through its archive."""

    def replay_events(replay: Replay, archive: Archive) -> None:
        backend = events_backends[replay.account_id][replay.region]
        bus = backend.describe_event_bus(replay.destination["Arn"].split("/")[-1])
        named = replay.destination.get("FilterArns") or []
        rules = [rule for rule in list(bus.rules.values()) if not named or rule.arn in named]
        for event in list(archive.events):
            if not _is_in_range(replay, archive, event):
                continue
            again: Any = {**event, "id": str(uuid.uuid4()), "replay-name": replay.name}
            host.story.tell("replay", archive.arn, ids=[again["id"]])
            for rule in rules:
                rule.send_to_targets(again)
        replay.state = ReplayState.COMPLETED
        replay.end_time = unix_time()

    patch("events.models:Replay.replay_events", replay_events)


def _is_in_range(replay: Replay, archive: Archive, event: Any) -> bool:
    begin_s, end_s = _seconds(replay.event_start_time), _seconds(replay.event_end_time)
    times_s = [float(event["time"])]
    if event["id"] in archive.__dict__.get(_WALL, {}):
        times_s.append(archive.__dict__[_WALL][event["id"]])
    return any(int(begin_s) <= time_s <= int(end_s) + 1.0 for time_s in times_s)  # times are in whole seconds


def _seconds(time: Any) -> float:
    if isinstance(time, str):
        return datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp()
    return float(time)
