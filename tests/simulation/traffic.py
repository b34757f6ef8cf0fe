"""Loads of every kind, and their arrivals drawn outside the machine."""

from typing import Any

import numpy as np
import numpy.typing as npt

import chainkit as ck
from chainkit.distributions import Constant
from chainkit.simulation import draws
from chainkit.simulation.loads import Load

FloatArray = npt.NDArray[np.float64]
HOURS = [1, 1, 0, 0, 0, 1, 2, 4, 8, 9, 9, 8, 7, 8, 9, 9, 8, 7, 6, 5, 4, 3, 2, 1]
WEEKDAYS = [1, 1.1, 1, 1, 0.9, 0.4, 0]

OPEN: dict[str, Any] = {
    "Poisson": ck.Poisson(rate_per_s=4),
    "Steady": ck.Steady(rate_per_s=4),
    "Ramp": ck.Ramp(start_per_s=0, end_per_s=8, duration_s=600),
    "Ramp down": ck.Ramp(start_per_s=20, end_per_s=1, duration_s=300),
    "Spike": ck.Spike(base_per_s=2, peak_per_s=40, at_s=100, duration_s=30),
    "Spikes": ck.Spike(base_per_s=2, peak_per_s=0, at_s=0, duration_s=30, every_s=100),
    "Calendar by steps": ck.Calendar(hours_per_s=HOURS, weekdays=WEEKDAYS),
    "Calendar by lines": ck.Calendar(hours_per_s=HOURS, weekdays=WEEKDAYS, shape="linear", start_s=36_000),
    "Drawn": ck.Drawn(points=[(0, 2), (60, 20), (60, 0), (100, 0), (140, 8), (200, 2)]),
    "Bursts": ck.Bursts(phases=[(2, 90), (50, 10)]),
    "Bursts of three phases": ck.Bursts(phases=[(0, 30), (5, 60), (80, 5)]),
    "Replay of times": ck.Replay.times(np.arange(200_000) ** 2 / 1e7),
    "Replay of counts": ck.Replay.per_minute([37, 0, 100_000, 1, 70_000, 400_000]),
    "Replay of even counts": ck.Replay.per_minute([37, 0, 100_000, 1, 70_000, 400_000], spread="even"),
}
"""Every load whose arrivals do not wait for answers, in several forms."""


def arrivals_s(load: Load, requests: int, *, seed: int = 1, replication: int = 0, block: int = 1 << 20) -> FloatArray:
    """Return the arrivals of requests 0 to `requests` - 1 in one replication, seconds; the clock is asked in blocks."""
    gap = load.gap()
    if isinstance(gap, Constant):
        gaps = np.full(requests, gap.value_s)
    else:
        words = draws.words(draws.site_key(seed, replication, "arrivals"), range(requests))
        unit = gap.standard()
        gaps = draws.samples(draws.table(gap), words) * unit.scale + unit.shift
    operational = np.cumsum(gaps)
    clock = load.clock(seed, replication)
    if clock is None:
        return operational
    return np.concatenate([clock(operational[i : i + block]) for i in range(0, requests, block)])


def counts_within(load: Load, edges_s: list[float], replications: int) -> npt.NDArray[np.int64]:
    """Return (replications, intervals) how many requests come between instants, in independent replications."""
    expected = load.expected_requests(edges_s[-1])
    requests = int(3 * expected + 20 * expected**0.5 + 50)
    found = []
    for r in range(replications):
        at_s = arrivals_s(load, requests, replication=r)
        assert at_s[-1] > edges_s[-1], "too few arrivals to count"
        found.append(np.diff(np.searchsorted(at_s, edges_s)))
    return np.array(found)
