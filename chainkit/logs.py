"""What logs cost: taken in by the GB, and kept for some days.

Sources  [1] CloudWatch Logs: data/prices; GB = 1024 MB (assumed, as for its tiers)
         [2] What is kept is compressed: the share of the raw size in data/quotas.json (assumed)
Checked  2026-11-27
"""

from chainkit import data
from chainkit.records import Meter
from chainkit.units import GB

_DAYS = 30  # of a month of logs


def meters(log_bytes: int, retention_days: int) -> tuple[Meter, ...]:
    """Return what the logs of an invocation cost: once, and while they are kept.

    Parameters
    ----------
    log_bytes : 0 or more
        That an invocation writes.
    retention_days : 1 or more
        How long they are kept. The second meter holds for an account where that long has passed: what was taken in
        within the retention is there, compressed.

    Examples
    --------
    >>> [(meter.price, round(meter.factor * 1e6, 4)) for meter in meters(1024, 30)]
    [('logs-ingestion-gb', 0.9537), ('logs-storage-gb-month', 0.1907)]
    """
    if not log_bytes:
        return ()
    gb, share = log_bytes / GB, float(data.quotas()["logs"]["compressed_share"]["value"])
    kept = gb * share * retention_days / _DAYS
    why = f"logs kept for {retention_days} days, at {share:g} of their size (assumed)"
    return (
        Meter(price="logs-ingestion-gb", counter="invocations", factor=gb, why=f"logs, {log_bytes:,} bytes a run"),
        Meter(price="logs-storage-gb-month", counter="invocations", factor=kept, why=why),
    )
