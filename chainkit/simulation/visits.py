"""What is seen at each service and link: how long a visit takes, how often a link is travelled and tried.

The kernel counts neither. One replication runs again with a sample of its requests written down; its rows are read as
arrays, for this is asked after every stroke of a designer. A test holds it equal to the lives of the same requests.

A visit begins in one row of a frame and ends in a later one of the same frame, so in order of frames and then of time
they stand next to each other. A try belongs to the last life that was born in the frame which made it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from chainkit.errors import SimulationError
from chainkit.link import Link
from chainkit.records import Relay
from chainkit.simulation import kernel as k
from chainkit.simulation import primitives as m
from chainkit.simulation.assembler import FloatArray, IntArray, Program
from chainkit.wiring import EventSourceMapping, Redrive, Task

if TYPE_CHECKING:
    import pandas as pd

    from chainkit.simulation.run import Run

SAMPLE = 1_000
"""Requests that are written down, at most: some 6 ms, of which half go into running them again (2026)."""
PERCENTILES = {"p50_s": 50, "p95_s": 95, "p99_s": 99}
FEW = 4
"""There is no percentile p of n visits where n (100 - p) <= 4 p: as in intervals.py, with t of about 2."""
GOLDEN = (5**0.5 - 1) / 2
KINDS = 7
"""Kinds of notes."""
BEGINS, ENDS = 1, 2


@dataclass(frozen=True)
class Sample:
    """What one replication wrote down of some of its requests."""

    program: Program
    rows: IntArray
    """(n, TRACE_WORDS) in order of time."""
    requests: IntArray
    """(requests,) their numbers, ascending."""
    response_s: FloatArray
    """Of each sampled request; NaN: none."""
    unfinished: int
    """Sampled requests that were not over at the end."""

    @cached_property
    def code(self) -> IntArray:
        """(rows, 8) the program."""
        return self.program.code.reshape(-1, 8)

    @cached_property
    def kinds(self) -> IntArray:
        """(n,) kind * rows of the program + row of the program."""
        return self.rows[:, 6] * len(self.code) + self.rows[:, 1]

    @cached_property
    def counts(self) -> IntArray:
        """(KINDS, rows of the program) how many notes there are of each."""
        return np.bincount(self.kinds, minlength=KINDS * len(self.code)).reshape(KINDS, -1)


def sample(run: "Run") -> Sample:
    """Return what a replication writes down of requests spread over all after its warm-ups."""
    tally = max(run.tallies, key=lambda each: each.counted)
    low, high = tally.bounds
    most = SAMPLE
    while True:
        places = high - low - tally.counted + _spread(tally.counted, most)
        again = run.again(tally, traced=(low + places).tolist())
        if not again.trace_is_cut:
            response_s, completion_s = again.kept[places].T
            unfinished = int(np.isnan(completion_s).sum())
            return Sample(run.program, again.trace, low + places, response_s, unfinished)
        if most == 1:
            raise SimulationError(
                f"what request {low + places[0]} does is too much to write down", fix="simulate a smaller chain"
            )
        most = max(1, most // 4)


def _spread(n: int, most: int) -> IntArray:
    """Return up to so many places of n, one in each stretch of equal length.

    Not in its middle: of batches that always hold ten messages every tenth place would see the same message.

    >>> _spread(20, 5), _spread(3, 5)
    (array([ 0,  6,  8, 15, 17]), array([0, 1, 2]))
    """
    i = np.arange(min(n, most))
    return np.unique(((i + i * GOLDEN % 1.0) * n / max(i.size, 1)).astype(np.int64))


# --- how long a visit takes ---


def times(run: "Run", seen: Sample) -> "pd.DataFrame":
    """Return percentiles of what a visit of each service takes."""
    import pandas as pd

    services, took_s = _visits(seen, {name: i for i, name in enumerate(run.chain.services)})
    entry = seen.program.marks[seen.program.labels["entry"]][0]
    figures = []
    for i, (name, service) in enumerate(run.chain.services.items()):
        each_s = took_s[services == i]
        if name == entry and isinstance(service.behaviour(), Relay):
            each_s = np.nan_to_num(seen.response_s, nan=np.inf)
        figures.append((each_s.size, *_percentiles(each_s)))
    index = pd.Index([*run.chain.services], name="node", dtype=str)
    return _said(pd.DataFrame(figures, index, ["visits", *PERCENTILES]), run, seen)


def _visits(seen: Sample, place: Mapping[str, int]) -> tuple[IntArray, FloatArray]:
    """Return of each visit its service's place, and the seconds it took; infinite: not over.

    One of a batch counts where its first message is in the sample, so that large batches do not count for more.
    """
    edges = _edges(seen.program, seen.code)[seen.kinds]
    at = np.flatnonzero(edges)
    at = at[np.argsort(_keys(seen.rows[at, 2], at))]
    edge, frame, at_s = edges[at], seen.rows[at, 2], seen.rows.view(np.float64)[at, 0]
    begun = np.flatnonzero(edge == BEGINS)
    then = np.minimum(begun + 1, at.size - 1)
    is_over = (edge[then] == ENDS) & (frame[then] == frame[begun])
    took_s = np.where(is_over, at_s[then] - at_s[begun], np.inf)
    rows = seen.rows[at[begun]]
    counts = np.isin(rows[:, 5], seen.requests)
    services = np.array([place.get(seen.program.marks[pc][0], -1) for pc in range(len(seen.code))])
    return services[rows[counts, 1]], took_s[counts]


def _edges(program: Program, code: IntArray) -> IntArray:
    """Return of each kind of note and row of the program, flat, whether a visit begins or ends there."""
    edges = np.zeros((KINDS, len(code)), np.int64)
    edges[m.NOTE_TOOK], edges[m.NOTE_BATCHED] = BEGINS, ENDS
    edges[m.NOTE_ROW, code[:, 0] == k.ENQUEUE] = BEGINS
    edges[m.NOTE_ROW, (code[:, 0] == k.LEAVE) | (code[:, 0] == k.ELAPSED)] = ENDS
    for pc in np.flatnonzero(code[:, 0] == k.ELAPSED).tolist():  # of a machine
        edges[m.NOTE_ROW, program.labels[f"{program.marks[pc][0]}.begin"]] = BEGINS
    return edges.ravel()


def _percentiles(each_s: FloatArray) -> list[float]:
    """Return the least times within which enough visits are over; NaN where there are too few.

    >>> _percentiles(np.arange(1.0, 101.0))
    [50.0, 95.0, nan]
    """
    n, each_s = each_s.size, np.sort(each_s)
    return [float(each_s[-(-n * p // 100) - 1]) if n * (100 - p) > FEW * p else math.nan for p in PERCENTILES.values()]


# --- how often a link is travelled and tried ---


def links(run: "Run", seen: Sample) -> "pd.DataFrame":
    """Return how often each link is travelled, and tried for each time."""
    import pandas as pd

    travels = _Travels(seen, run.chain.links)
    counts: dict[str, tuple[int, int]] = {}
    for key, link in run.chain.links.items():
        counts[key] = travels.of(key, link)
        if link.dead_letters is not None:
            counts[f"{key}!"] = (travels.ran(f"{key}.lost"),) * 2
    travelled, tried = np.array([*counts.values()], float).reshape(-1, 2).T
    span_s = sum(tally.span_s for tally in run.tallies)
    with np.errstate(divide="ignore", invalid="ignore"):
        per_request = travelled / np.float64(seen.requests.size)
        figures = {
            "per_request": per_request,
            "rate_per_s": per_request * run.requests / (span_s or math.nan),
            "attempts": tried / travelled,
        }
    return _said(pd.DataFrame(figures, pd.Index([*counts], name="link", dtype=str)), run, seen)


class _Travels:
    """Counts what travels the links, and its tries."""

    def __init__(self, seen: Sample, links: Mapping[str, Link]) -> None:
        self.seen, self.labels, self.code = seen, seen.program.labels, seen.code
        self.number = {key: i for i, key in enumerate(links)}
        marks = seen.program.marks
        self.link_of = np.array([self.number.get(marks[pc][1], -1) for pc in range(len(self.code))])
        """Row of the program -> the link that it travels."""
        self.stubs = [pc for label, pc in self.labels.items() if label.endswith((".stub", ".branch"))]
        """Where the frames begin in which a caller tries a call again."""
        self.births = np.flatnonzero(seen.rows[:, 6] == m.NOTE_BORN)
        keys = _keys(seen.rows[self.births, 2], self.births)
        order = np.argsort(keys)
        self.lives, self.keys = self.births[order], keys[order]

    @cached_property
    def events(self) -> IntArray:
        """(links,) attempts of functions at the events that came by each link."""
        tries = self._born([self.labels.get(f"{name}.event.try", -1) for name in self.seen.program.pool_nodes])
        by = self.link_of[self.seen.rows[self._lives_of(tries), 1]]
        return np.bincount(by + 1, minlength=len(self.number) + 1)[1:]

    def of(self, key: str, link: Link) -> tuple[int, int]:
        """Return how often a link was travelled, and tried."""
        if isinstance(link, EventSourceMapping):
            return self._received(link)
        if isinstance(link, Redrive):
            return (self.ran(f"{link.source}.dead"),) * 2
        rows = np.flatnonzero(self.link_of == self.number[key])
        is_outer = np.isin(self.code[rows, 1], self.stubs)
        if is_outer.any():
            inner = rows[~is_outer]
            tries = self._born(inner[self.code[inner - 1, 0] != k.PATIENCE])
            return np.unique(self._lives_of(tries)).size, tries.size
        return self._travelled(link, rows), self._tried(key, link, rows)

    def ran(self, label: str) -> int:
        """Return how often the row at a label ran; 0 where there is none."""
        return int(self.seen.counts[m.NOTE_ROW, self.labels[label]]) if label in self.labels else 0

    def _received(self, link: EventSourceMapping) -> tuple[int, int]:
        """Return how many messages were received from a queue, and how often."""
        taken = self._at(m.NOTE_BATCHED, self.labels[f"{link.source}.batch"])
        return int((self.seen.rows[taken, 3] & m.RECEIVES == m.RECEIVE).sum()), taken.size

    def _tried(self, key: str, link: Link, rows: IntArray) -> int:
        """Return the tries of what travels by some rows: of a delivery, of an event, or each once."""
        if link.target in self.seen.program.pool_nodes and (self.code[rows, 0] == k.SPAWN).any():
            return self.ran(f"{key}.refused") + int(self.events[self.number[key]])
        if f"{key}.deliver" in self.labels:
            return self.ran(f"{key}.deliver")
        return int(self.seen.counts[m.NOTE_BORN, rows].sum())

    def _travelled(self, link: Link, rows: IntArray) -> int:
        """Return how often something set out by some rows for the first time."""
        if isinstance(link, Task):
            left = self.labels[f"{link.source}:{link.state}.caught"]
            if self.code[left, 0] == k.RESET:
                return self._entered(link, rows, self._at(m.NOTE_ROW, left))
        is_copy = (self.code[rows, 0] == k.SPAWN) & (self.code[rows, 6] == 1)
        return int(self.seen.counts[m.NOTE_BORN, rows[~is_copy]].sum())

    def _entered(self, link: Task, rows: IntArray, left: IntArray) -> int:
        """Return how often a task was tried for the first time in a life since its state was left."""
        at = self._born(rows)
        lives = self._lives_of(at)
        timed = self.labels.get(f"{link.source}:{link.state}.timed", -1)
        if timed >= 0:  # a try is a frame of its own there
            at, lives = lives, self._lives_of(lives)
        since = np.searchsorted(np.sort(_keys(self.seen.rows[left, 2], left)), _keys(self.seen.rows[at, 7], at))
        return np.unique(lives * (left.size + 1) + since).size

    def _at(self, kind: int, row: int) -> IntArray:
        """Return which notes are of a kind and a row of the program."""
        return np.flatnonzero(self.seen.kinds == kind * len(self.code) + row)

    def _born(self, rows: Sequence[int] | IntArray) -> IntArray:
        """Return which notes are of births by some rows of the program."""
        is_one = np.zeros(len(self.code) + 1, bool)
        is_one[rows] = True
        found: IntArray = self.births[is_one[self.seen.rows[self.births, 1]]]
        return found

    def _lives_of(self, births: IntArray) -> IntArray:
        """Return the births of the frames in which others were born; not for those of roots and batches."""
        own = _keys(self.seen.rows[births, 7], births)
        lives: IntArray = self.lives[np.searchsorted(self.keys, own) - 1]
        return lives


def _keys(frames: IntArray, at: IntArray) -> IntArray:
    """Return keys that sort notes by frame, those of one frame by time."""
    return frames << 32 | at


def _said(frame: "pd.DataFrame", run: "Run", seen: Sample) -> "pd.DataFrame":
    """Return a table that says what it stands on."""
    frame.attrs |= {"chain": run.chain.name, "requests": seen.requests.size, "unfinished": seen.unfinished}
    return frame
