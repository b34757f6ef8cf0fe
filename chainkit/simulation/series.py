"""A run over time: its replications run again, and are read at the borders of bins. A plain run pays nothing for it."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from chainkit.simulation import primitives as m
from chainkit.simulation.assembler import POOL_WORDS, Program
from chainkit.simulation.progress import Crew

if TYPE_CHECKING:
    import pandas as pd

    from chainkit.simulation.memory import Memory, Tally, Told
    from chainkit.simulation.run import Run

FloatArray = npt.NDArray[np.float64]
MOST_BINS = 200
"""What takes longer than expected is cut into bins of twice the width."""
USUAL_BINS = 100
"""Of the time until the last arrival, at most."""
LEAST_S = 1e-3
"""Width of a bin at first, where all requests come at once."""
TOTALS = ("arrivals", "throttles", "begun", "cold", "running_s", "idle_s", "waiting_s")
"""Read at borders, counted from the start."""
PEAKS = ("concurrency_peak", "backlog_peak")


@dataclass
class Sampler:
    """Reads every node at the borders of the bins."""

    program: Program
    width_s: float
    next_s: float = 0.0
    acts_after_arrivals: bool = True
    totals: list[FloatArray] = field(default_factory=list)
    """Per border: (nodes, TOTALS)."""
    peaks: list[FloatArray] = field(default_factory=list)
    """Per bin: (nodes, PEAKS)."""
    ages_s: list[FloatArray] = field(default_factory=list)
    """Per border: (nodes,) of the oldest message that waits."""
    memory: "Memory | None" = None

    def act(self, memory: "Memory", now_s: float) -> None:
        """Read a border; at the beginning there is nothing to read, but what to read from."""
        if self.memory is None:
            self.memory, self.next_s = memory, self.width_s
            return
        if len(self.totals) == MOST_BINS:
            self.double()  # now this border is the middle of a bin
            return
        pools = memory.pools.reshape(-1, POOL_WORDS)[: len(self.program.pool_nodes)]
        queues = memory.queues.reshape(-1, 32)[: len(self.program.queue_nodes)]
        areas = memory.areas_at(now_s)
        totals = [_pool_totals(row, areas[name]) for name, row in zip(self.program.pool_nodes, pools, strict=True)]
        totals += [_queue_totals(row, areas[name]) for name, row in zip(self.program.queue_nodes, queues, strict=True)]
        self.totals.append(np.array(totals, float).reshape(-1, len(TOTALS)))
        peaks = [(row[m.PEAK], 0) for row in pools] + [(0, row[m.PEAK_WAITING]) for row in queues]
        self.peaks.append(np.array(peaks, float).reshape(-1, len(PEAKS)))
        pools[:, m.PEAK], queues[:, m.PEAK_WAITING] = pools[:, m.RUNNING], queues[:, m.WAITING_NOW]
        starts = memory.frames.view(np.float64).reshape(-1, 8)[:, m.START]
        ages = [now_s - starts[row[m.FIRST] & m.SLOT] if row[m.WAITING_NOW] else 0.0 for row in queues]
        self.ages_s.append(np.array([0.0] * len(pools) + ages))
        self.next_s = (len(self.totals) + 1) * self.width_s

    def finish(self) -> None:
        """Read the last border, after which nothing happened."""
        if self.memory is not None:
            if len(self.totals) == MOST_BINS:
                self.double()
            self.act(self.memory, self.next_s)

    def double(self) -> None:
        """Make one bin of two."""
        if len(self.totals) % 2:
            self.totals.append(self.totals[-1])
            self.peaks.append(self.peaks[-1] * 0)
            self.ages_s.append(self.ages_s[-1])
        self.totals, self.ages_s = self.totals[1::2], self.ages_s[1::2]
        self.peaks = [np.maximum(a, b) for a, b in zip(self.peaks[::2], self.peaks[1::2], strict=True)]
        self.width_s *= 2
        self.next_s = (len(self.totals) + 1) * self.width_s


def _pool_totals(row: npt.NDArray[np.int64], areas: tuple[float, float]) -> tuple[float, ...]:
    """Return TOTALS of a pool."""
    begun, throttles = row[m.INVOCATIONS], row[m.THROTTLES]
    return (begun + throttles, throttles, begun, row[m.COLD_STARTS], *areas, 0.0)


def _queue_totals(row: npt.NDArray[np.int64], areas: tuple[float, float]) -> tuple[float, ...]:
    """Return TOTALS of a queue."""
    return (row[m.RECEIVED] + row[m.WAITING_NOW], 0, 0, 0, 0.0, 0.0, areas[0])


def series(run: "Run") -> "pd.DataFrame":
    """Return one row per service and bin."""
    import pandas as pd

    samplers = _samplers(run)
    width_s = max(each.width_s for each in samplers)
    for each in samplers:
        while each.width_s < width_s:
            each.double()
    bins = max(len(each.totals) for each in samplers)
    nodes = [*run.program.pool_nodes, *run.program.queue_nodes]
    counted = sum(_per_bin(each.totals, bins) for each in samplers)
    assert not isinstance(counted, int)
    columns = {name: counted[:, :, i].T.ravel() for i, name in enumerate(TOTALS)}
    peaks = np.max([_filled(each.peaks, bins) for each in samplers], axis=0)
    ages_s = np.max([_filled(each.ages_s, bins) for each in samplers], axis=0)
    is_queue = np.repeat([name in run.program.queue_nodes for name in nodes], bins)
    seconds = width_s * len(samplers)
    with np.errstate(invalid="ignore"):
        figures = {
            "arrivals_per_s": columns["arrivals"] / seconds,
            "throttles_per_s": columns["throttles"] / seconds,
            "cold_fraction": columns["cold"] / columns["begun"],
            "concurrency_mean": columns["running_s"] / seconds,
            "concurrency_peak": peaks[:, :, 0].T.ravel(),
            "idle_mean": columns["idle_s"] / seconds,
            "backlog_mean": columns["waiting_s"] / seconds,
            "backlog_peak": peaks[:, :, 1].T.ravel(),
            "oldest_s": ages_s.T.ravel(),
        }
    of_queues = ("backlog_mean", "backlog_peak", "oldest_s")
    for name, values in figures.items():
        if name != "arrivals_per_s":
            values[is_queue != (name in of_queues)] = np.nan
    start_s = np.tile(np.arange(bins) * width_s, len(nodes))
    where = {"node": np.repeat(nodes, bins), "start_s": start_s, "end_s": start_s + width_s}
    frame = pd.DataFrame({**where, **figures})
    last_s = max(tally.span_s for tally in run.tallies)
    frame.attrs |= {"figure": "series", "chain": run.chain.name, "last_arrival_s": last_s}
    return frame


def _samplers(run: "Run") -> list[Sampler]:
    """Run every replication again and return what was read."""
    span_s = max(tally.span_s for tally in run.tallies)
    width_s = _round(max(span_s / USUAL_BINS, LEAST_S))
    samplers = [Sampler(run.program, width_s) for _ in run.tallies]

    def one(r: int, told: "Told") -> "Tally":
        return run.again(run.tallies[r], controls=[samplers[r]], keep=False, told=told)

    done = {tally.replication for tally in Crew(run.replications, run.requests).run(one)}
    kept = [each for tally, each in zip(run.tallies, samplers, strict=True) if tally.replication in done]
    for each in kept:
        each.finish()
    return kept


def _round(width_s: float) -> float:
    """Return the next greater of 1, 2, 5, 10 ... seconds.

    >>> _round(0.03), _round(7)
    (0.05, 10.0)
    """
    unit = 10.0 ** math.floor(math.log10(width_s))
    return next(step * unit for step in (1, 2, 5, 10) if step * unit >= width_s * (1 - 1e-9))


def _per_bin(totals: list[FloatArray], bins: int) -> FloatArray:
    """Return what was counted in each bin, from what was counted until each border."""
    return np.diff(_filled(totals, bins, is_total=True), axis=0, prepend=0.0)


def _filled(rows: list[FloatArray], bins: int, *, is_total: bool = False) -> FloatArray:
    """Return rows for all bins: a replication that was over before had nothing more."""
    missing = bins - len(rows)
    last = rows[-1] if is_total else rows[-1] * 0
    return np.array([*rows, *[last] * missing])
