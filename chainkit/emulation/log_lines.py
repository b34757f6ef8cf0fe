"""What functions have logged, over all of them in the order of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.logs.models import logs_backends

from chainkit.emulation.host import ACCOUNT_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PREFIX = "/aws/lambda/"


def lines(region: str, after: int, function: str | None, correlation: str | None) -> list[dict[str, Any]]:
    """Return log lines in the form of `Control.lines`."""
    found = []
    for name, group in list(logs_backends[ACCOUNT_ID][region].groups.items()):
        of = name.removeprefix(_PREFIX)
        if not name.startswith(_PREFIX) or function not in (None, "", of):
            continue
        for stream in list(group.streams.values()):
            for invocation in _invocations(list(stream.events)):
                if correlation and not any(correlation in event.message for event in invocation):
                    continue
                found += [
                    {"number": e.event_id, "at_s": e.timestamp / 1000, "function": of, "message": e.message}
                    for e in invocation
                    if e.event_id > after
                ]
    return sorted(found, key=lambda line: (line["at_s"], line["number"]))


def _invocations(events: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield the events of a stream by invocation: an environment has one at a time."""
    kept: list[Any] = []
    for event in events:
        if event.message.startswith("START RequestId") and kept:
            yield kept
            kept = []
        kept.append(event)
    if kept:
        yield kept
