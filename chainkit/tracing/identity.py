"""Ids of traces and spans, and the instant at which a request began: the same trace has the same ones each time."""

import hashlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chainkit.errors import ConfigError

if TYPE_CHECKING:
    from chainkit.records import Trace

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""When a predicted request began, unless somebody says: a prediction has no date."""

_ROOT = re.compile(r"1-([0-9a-f]{8})-[0-9a-f]{24}")


def began_s(trace: "Trace", began_at: datetime | None) -> float:
    """Return when a request began, seconds since 1970: as told, else as a measured one's id says, else at `EPOCH`.

    Raises
    ------
    ConfigError
        If it is no instant: a datetime without a time zone is none.
    """
    if began_at is None:
        measured = _ROOT.fullmatch(trace.request)
        return float(int(measured[1], 16)) if measured else EPOCH.timestamp()
    if not isinstance(began_at, datetime) or began_at.tzinfo is None:
        raise ConfigError(
            f"trace {trace.request!r}: began_at={began_at!r} is no instant",
            fix="give a datetime with a time zone: datetime.now(UTC)",
        )
    return began_at.timestamp()


def trace_id(trace: "Trace", began: float) -> str:
    """Return an id as X-Ray writes it: a measured request's own; else its second and 96 bits of what it says."""
    if _ROOT.fullmatch(trace.request):
        return trace.request
    said = f"{trace.request} {trace.outcome} {trace.response_s} {[*trace.spans]}"
    return f"1-{int(began):08x}-{_digits(said, 24)}"


def span_id(trace: str, *told: object) -> str:
    """Return 16 hexadecimal digits for something of a trace; never all zero, which would be no id."""
    return _digits(f"{trace} {told}", 15) + "1"


def _digits(text: str, count: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:count]
