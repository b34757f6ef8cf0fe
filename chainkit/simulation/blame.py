"""Where the time goes: the critical paths of a sample of requests, taken apart by service and reason.

Every request's parts add up to its time, so the parts' means add up to the sample's mean, and to that of its slowest.
"""

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from chainkit.errors import ConfigError, SimulationError
from chainkit.simulation.intervals import BATCHES, interval

if TYPE_CHECKING:
    import pandas as pd

    from chainkit.simulation.memory import Tally
    from chainkit.simulation.run import Run

SAMPLE = 2_000
"""Requests whose paths are taken apart for the mean, and as many of the slowest."""
Key = tuple[str, str]
"""Node and reason."""
Parts = Mapping[Key, float]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Sample:
    """What one replication gives."""

    spread: Sequence[Parts]
    """Of requests spread evenly."""
    slowest: Sequence[Parts]
    left_out: int
    """Requests without such a time: lost, or not over at the end."""


def blame(run: "Run", of: str | None, tail: float) -> "pd.DataFrame":
    """Return the parts of the time, largest first."""
    if of not in (None, "response", "completion"):
        raise ConfigError(f"blame: of={of!r} is unknown", fix='ask for "response" or "completion"')
    if isinstance(tail, bool) or not isinstance(tail, int | float) or not 0 <= tail < 1:
        raise ConfigError(f"blame: tail={tail!r} is outside 0..1", fix="give tail=0.99 for the slowest 1 %")
    which = int(of == "completion" or (of is None and run.program.nobody_waits))
    if which == 0 and run.program.nobody_waits:
        raise ConfigError("blame: nobody waits for an answer", fix='ask for of="completion"')
    with ThreadPoolExecutor(min(os.cpu_count() or 1, run.replications)) as pool:
        samples = list(pool.map(lambda tally: _taken_apart(run, tally, which, tail), run.tallies))
    if not any(sample.spread for sample in samples):
        raise SimulationError("blame: no request came to an end", fix="simulate more requests, or a longer drain_s")
    return _table(run, samples, ("response", "completion")[which], tail)


def _taken_apart(run: "Run", tally: "Tally", which: int, tail: float) -> _Sample:
    """Take apart a sample of one replication's requests."""
    kept = tally.kept if run.options["keep"] == "requests" else run.again(tally).kept
    low, high = tally.bounds
    times_s = kept[high - low - tally.counted :, which]
    ended = np.flatnonzero(np.isfinite(times_s))
    most = max(1, SAMPLE // run.replications)
    while True:
        spread = ended[_evenly(ended.size, most)]
        slowest = ended[
            np.argsort(times_s[ended], kind="stable")[ended.size - max(1, round((1 - tail) * ended.size)) :]
        ]
        slowest = np.sort(slowest[_evenly(slowest.size, most)])
        numbers = high - tally.counted + np.union1d(spread, slowest)
        parts = _parts(run, tally, which, numbers.tolist())
        if parts is not None:
            first = high - tally.counted
            return _Sample(
                spread=[parts[first + int(i)] for i in spread],
                slowest=[parts[first + int(i)] for i in slowest],
                left_out=times_s.size - ended.size,
            )
        if most == 1:
            raise SimulationError(
                f"blame: what request {numbers[0]} does is too much to write down", fix="simulate a smaller chain"
            )
        most = max(1, most // 4)


def _evenly(n: int, most: int) -> IntArray:
    """Return at most so many places of n, spread evenly."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64)) if n else np.zeros(0, np.int64)


def _parts(run: "Run", tally: "Tally", which: int, numbers: list[int]) -> dict[int, Parts] | None:
    """Return the parts of some requests' times; None: they do too much to write it all down."""
    from chainkit.simulation import lives

    again = run.again(tally, traced=numbers)
    if again.trace_is_cut:
        return None
    told, paths = lives.stories(run.program, again.trace, numbers), lives.Paths(run.program)
    found: dict[int, Parts] = {}
    for number in numbers:
        story = told[number]
        life, moment = story.end(float(again.kept[number - tally.bounds[0], 1])) if which else story.answer()
        found[number] = parts = dict[Key, float]()
        for part in paths.to(life, moment.at_s):
            key = part.node, part.reason
            parts[key] = parts.get(key, 0.0) + part.end_s - part.start_s
    return found


def _table(run: "Run", samples: Sequence[_Sample], of: str, tail: float) -> "pd.DataFrame":
    """Return the table, with what it stands on."""
    import pandas as pd

    spread, slowest = [each.spread for each in samples], [each.slowest for each in samples]
    keys = sorted({key for groups in (spread, slowest) for group in groups for parts in group for key in parts})
    means, tails = _figures(spread, keys), _figures(slowest, keys)
    whole_s, tail_s = (sum(value for _, value, _ in figures) for figures in (means, tails))
    frame = pd.DataFrame(keys, columns=["node", "reason"])
    frame[["mean_low_s", "mean_s", "mean_high_s"]] = means
    frame["share"] = frame["mean_s"] / whole_s
    frame[["tail_low_s", "tail_s", "tail_high_s"]] = tails
    frame["tail_share"] = frame["tail_s"] / tail_s
    frame = frame.sort_values("mean_s", ascending=False, ignore_index=True, kind="stable")
    sample, worst = (sum(len(group) for group in groups) for groups in (spread, slowest))
    frame.columns.name = f"{of}: {sample:,} requests; tail: {worst:,} of the slowest {100 * (1 - tail):.3g} %"
    frame.attrs |= {
        "figure": "blame", "chain": run.chain.name, "of": of, "tail": tail, "requests": sample, "tail_requests": worst,
        "left_out": sum(each.left_out for each in samples), "mean_s": whole_s, "tail_s": tail_s,
    }  # fmt: skip
    return frame


def _figures(groups: Sequence[Sequence[Parts]], keys: Sequence[Key]) -> list[tuple[float, float, float]]:
    """Return low, value and high of each part's mean; intervals from the replications, or from batches of one."""
    requests = [parts for group in groups for parts in group]
    if len(groups) == 1:
        groups = [[requests[int(i)] for i in part] for part in np.array_split(np.arange(len(requests)), BATCHES)]
    groups = [group for group in groups if group]
    figures = []
    for key in keys:
        value = math.fsum(parts.get(key, 0.0) for parts in requests) / max(len(requests), 1)
        each = [math.fsum(parts.get(key, 0.0) for parts in group) / len(group) for group in groups]
        figures.append(interval(value, each))
    return figures
