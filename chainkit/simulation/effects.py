"""Effects: how often each function's work was done for a request, and how often it was meant to be."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainkit.simulation.assembler import IntArray

if TYPE_CHECKING:
    import pandas as pd

BEGUN, BEGUN_AGAIN, DONE = range(3)
"""What a row of the log tells of a unit of work: that it began, began once more (an attempt or copy), was done."""
FIGURES = ("once", "twice", "partly", "never", "overtaken")


def effects(logs: Sequence[IntArray], pools: Sequence[str], idempotent: Sequence[bool]) -> "pd.DataFrame":
    """Return one row per function: requests by how often its work was done for them; counts.

    Parameters
    ----------
    logs : of each replication, (n, 3): bits of the instant, request, pool << 2 | what
    pools : names of the functions, in the order of their numbers
    idempotent : of each, whether a run that repeats another changes nothing
    """
    import pandas as pd

    total = {name: np.zeros(len(FIGURES), np.int64) for name in pools}
    for rows in logs:
        for pool, name in enumerate(pools):
            total[name] += _counted(rows[rows[:, 2] >> 2 == pool], is_idempotent=idempotent[pool])
    frame = pd.DataFrame.from_dict(total, orient="index", columns=list(FIGURES))
    frame.index.name = "node"
    return frame


def _counted(rows: IntArray, *, is_idempotent: bool) -> IntArray:
    """Return the figures of one function in one replication."""
    what = rows[:, 2] & 3
    requests, begun = np.unique(rows[what != DONE, 1], return_inverse=True)
    fresh = np.bincount(begun, weights=what[what != DONE] == BEGUN, minlength=requests.size)
    meant = np.maximum(1, fresh.astype(np.int64))
    done = rows[what == DONE]
    done = done[np.argsort(done.view(np.float64)[:, 0], kind="stable")]
    of = np.searchsorted(requests, done[:, 1])
    if is_idempotent:  # only as many as are meant change anything, the first ones
        order = np.argsort(of, kind="stable")
        turn = np.empty(of.size, np.int64)
        turn[order] = np.arange(of.size) - np.searchsorted(of[order], of[order])
        is_new = turn < meant[of]
        done, of = done[is_new], of[is_new]
    times = np.bincount(of, minlength=requests.size)
    partly = (times > 0) & (times < meant)
    counts = [(times == meant).sum(), (times > meant).sum(), partly.sum(), (times == 0).sum(), _overtaken(done)]
    return np.array(counts, np.int64)


def _overtaken(done: IntArray) -> int:
    """Return how many effects came after, not with, one for a later request; rows in order of time."""
    if not done.size:
        return 0
    at_s, latest = done.view(np.float64)[:, 0], np.maximum.accumulate(done[:, 1])
    first = np.searchsorted(at_s, at_s)  # of the same instant
    before = np.where(first > 0, latest[first - 1], -1)
    return int((before > done[:, 1]).sum())
