"""Runs the kernel: gives it memory, feeds it arrivals, lets it grow, and reads what it counted."""

import os
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from chainkit.simulation import levels, many
from chainkit.simulation import primitives as m
from chainkit.simulation.assembler import Assembler, Program
from chainkit.simulation.keepers import Keeper
from chainkit.simulation.loads import ClosedLoop, Load
from chainkit.simulation.memory import Control, Memory, Tally, Told

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

BLOCK = 1 << 16
"""Arrivals drawn at a time: memory does not grow with the number of requests."""
LEVELS_FROM = 5_000
"""Requests of a replication from which on the run by levels is tried first: its code takes a moment to load."""
ENGINE = "CHAINKIT_ENGINE"
"""Environment variable with which tests and benchmarks choose "loop" or "levels"; results are the same."""


def replicate(
    program: Program,
    load: Load,
    seed: int,
    replication: int,
    bounds: tuple[int, int],
    *,
    warmup_fraction: float,
    keep: bool,
    drain_s: float,
    traced: Iterable[int] = (),
    controls: Sequence[Control] = (),
    batches: int = 1,
    told: Told | None = None,
    logs_effects: bool = False,
) -> Tally:
    """Return one replication of a program, from empty to drained.

    Parameters
    ----------
    traced : numbers of requests to write down
    controls : what acts at instants of its own
    batches : in how many lots of equally many requests, in their order, it is counted
    told : is told how many more requests have arrived (0: only that time has passed); where it answers "end", no more
        arrive; what it raises ends the replication
    logs_effects : whether to write down when units of work begin and are done
    """
    low, high = bounds
    memory = Memory(program, seed, replication, high - low, keep=keep, batches=batches)
    memory.told = told if told is not None else lambda _: None
    memory.trace_requests([number - low for number in traced], high - low)
    if logs_effects:
        memory.log_effects()
    memory.g[m.G_NUMBERED] = low
    memory.g[m.G_WARM] = low + int(warmup_fraction * (high - low))
    memory.g[m.G_COUNTED] = high - memory.g[m.G_WARM]
    keepers = [Keeper(name, pool) for name, pool in program.keepers]
    for keeper in keepers:
        keeper.begin(memory)
    memory.keepers, memory.controls, memory.drain_s = keepers, [*keepers, *controls], drain_s
    if isinstance(load, ClosedLoop):
        return _closed(program, load, memory, low, high)
    if not (memory.controls or traced or logs_effects) and _may_use_levels(high - low):
        last_s = levels.fill(program, memory, lambda: _Traffic(load, seed, replication), bounds, BLOCK)
        if last_s is not None:
            return memory.tally(program, last_s)
    traffic = _Traffic(load, seed, replication)
    waiting = np.empty(0)
    drawn = low
    while True:
        count = min(BLOCK, high - drawn)
        arrivals = np.empty(waiting.size + count)
        arrivals[: waiting.size] = waiting
        last_s = traffic.fill(drawn, arrivals[waiting.size :])
        memory.g[m.G_FIRST_REQUEST] = drawn - waiting.size
        drawn += count
        if drawn == high:
            memory.g[m.G_FINAL], memory.last_request = 1, high
            memory.end_arrivals(last_s)
        waiting = memory.go(arrivals)
        if memory.told(count) == "end":
            high = drawn
        if memory.last_request == drawn:
            return memory.tally(program, last_s)


def _may_use_levels(requests: int) -> bool:
    """Tell whether to try the run by levels."""
    wanted = os.environ.get(ENGINE, "")
    return wanted != "loop" and (wanted == "levels" or requests >= LEVELS_FROM)


def _closed(program: Program, load: ClosedLoop, memory: Memory, low: int, high: int) -> Tally:
    """Return one replication in which users wait for their answers: each request follows from the one before."""
    users = load.active(high - low)
    memory.g[m.G_FINAL], memory.last_request = 1, high
    memory.g[m.G_USERS], memory.g[m.G_LAST_REQUEST] = users, high
    for user in range(users):
        memory.begin("arrive", low + user)
    memory.go(np.empty(0))
    memory.told(high - low)
    return memory.tally(program, memory.last_arrival_s)


class _Traffic:
    """Draws the arrivals of one replication."""

    def __init__(self, load: Load, seed: int, replication: int) -> None:
        a = Assembler()
        self.site = a.law("arrivals", load.gap())
        program = a.program([], [], pool_nodes=(), queue_nodes=(), account_limit=0, nobody_waits=False)
        self.sites, self.table = program.keyed_sites(seed, replication).ravel(), program.table
        self.clock = load.clock(seed, replication)
        self.at = 0.0
        """Operational time so far; seconds where there is no clock."""

    def fill(self, first: int, out: FloatArray) -> float:
        """Fill `out` with the arrivals of the next requests, first, first + 1 ...; return the last, seconds."""
        self.at = float(many.arrivals(self.sites, self.table, self.site, first, self.at, out))
        if self.clock is None:
            return self.at
        out[:] = self.clock(out)
        return float(out[-1])
