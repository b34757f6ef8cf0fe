"""What the kernel wrote down, read as lives: one per frame, from its birth by another one to its end.

A life's moments are the rows it ran. Between two moments of different instants it was blocked, by what its last moment
began: work, a wait, a hop, or a call, which is a life of its own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np

from chainkit.simulation import kernel as k
from chainkit.simulation import primitives as m
from chainkit.simulation.assembler import IntArray, Program

_UNSEEN = (k.WATCH, k.TICK, k.RAMP, k.OVERRUN_, k.ARRIVE, k.FREE)
"""Run by frames that are no part of a request: timers, users that think."""
_FORKS, _JOINS = (k.WAIT, k.MAP), (k.JOIN, k.JOIN_MAP)


@dataclass(frozen=True, slots=True)
class Moment:
    """A row that a life ran, or what the kernel noted there."""

    at_s: float
    pc: int
    op: int
    kind: int
    state: int
    other: "Life | None" = None
    """The batch that took or settled this message; the message that a batch turned to."""
    x: float = 0.0
    y: float = 0.0

    @property
    def status(self) -> int:
        """Return the status then."""
        return self.state & m.STATUS


@dataclass(eq=False, slots=True)
class Life:
    """One frame from birth to end."""

    request: int
    born_s: float
    parent: "Life | None" = None
    via: "Life | None" = None
    """Of a life born in a batch: the message that the batch was working on."""
    born_pc: int = -1
    held_s: float = 0.0
    """How long a rate limiter held it before it went on its way."""
    is_batch: bool = False
    moments: list[Moment] = field(default_factory=list)
    children: list[tuple[int, "Life"]] = field(default_factory=list)
    """(which of this life's moments it was born in, child)."""
    unit: "Life | None" = None
    """Of a batch: the message it is working on, if it is traced."""

    @property
    def status(self) -> int:
        """Return the last status."""
        return self.moments[-1].status if self.moments else m.OK

    @property
    def end_s(self) -> float:
        """Return when it was last heard of."""
        return self.moments[-1].at_s if self.moments else self.born_s

    def child_at(self, moment: int) -> "Life | None":
        """Return the life that was born in a moment."""
        return next((child for i, child in self.children if i == moment), None)

    def later(self, moment: int, *ops: int) -> Moment | None:
        """Return the first moment from one on that runs one of these instructions."""
        return next((each for each in self.moments[moment:] if each.kind == m.NOTE_ROW and each.op in ops), None)


@dataclass(eq=False)
class Story:
    """What one request did: its root's life, and all others in order of birth."""

    request: int
    lives: list[Life] = field(default_factory=list)

    @property
    def root(self) -> Life:
        """Return the life that arrived."""
        return self.lives[0]

    def answer(self) -> tuple[Life, Moment]:
        """Return where the caller had its answer."""
        return next((life, each) for life in self.lives for each in life.moments if each.op == k.RESPOND)

    def ends(self) -> list[tuple[Life, Moment]]:
        """Return the moments in which something of the request was over, or ran out unheeded."""
        return [
            (life, each)
            for life in self.lives
            for each in life.moments
            if each.kind == m.NOTE_ROW and each.op in (k.END_FLOW, k.RET, k.ALIVE)
        ]

    def end(self, completion_s: float) -> tuple[Life, Moment]:
        """Return where the request was complete; of several ends in that instant, a flow's own."""
        found = [(life, each) for life, each in self.ends() if each.at_s - self.root.born_s == completion_s]
        return max(found, key=lambda pair: pair[1].op == k.END_FLOW)


def stories(program: Program, rows: IntArray, traced: Iterable[int]) -> dict[int, Story]:
    """Return the story of each traced request that has arrived."""
    return _Reader(program, frozenset(traced)).read(rows)


class _Reader:
    """Follows frames through the rows."""

    def __init__(self, program: Program, traced: frozenset[int]) -> None:
        self.program, self.traced = program, traced
        self.ops = program.code.reshape(-1, 8)[:, 0].tolist()
        self.entry = program.labels["entry"]
        self.now: dict[int, Life] = {}
        """Slot -> the life that has it."""
        self.stories: dict[int, Story] = {}

    def read(self, rows: IntArray) -> dict[int, Story]:
        """Read all rows."""
        floats = rows.view(np.float64)
        times, numbers = floats[:, 0].tolist(), floats[:, 8:10].tolist()
        for at_s, row, (x, y) in zip(times, rows[:, 1:8].tolist(), numbers, strict=True):
            pc, slot, state, _, request, kind, other = row
            op = self.ops[pc]
            if kind == m.NOTE_BORN:
                self._born(at_s, pc, slot, request, other, x)
            elif kind == m.NOTE_UNIT:
                batch = self.now[other]
                batch.unit = self.now.get(slot) if request in self.traced else None
                batch.moments.append(Moment(at_s, pc, op, kind, state, batch.unit))
            elif kind != m.NOTE_ROW and kind != m.NOTE_TOOK:
                batch = self._batch(at_s, other, request) if kind == m.NOTE_BATCHED else self.now[other]
                self._of(slot, request, at_s).moments.append(Moment(at_s, pc, op, kind, state, batch, x, y))
            elif op not in _UNSEEN:
                if pc == self.entry and kind == m.NOTE_ROW:
                    self._begin(slot, Life(request, at_s))
                self._of(slot, request, at_s).moments.append(Moment(at_s, pc, op, kind, state, None, x, y))
        return self.stories

    def _begin(self, slot: int, life: Life) -> Life:
        """Give a slot to a new life."""
        self.now[slot] = life
        if not life.is_batch and life.request in self.traced:
            self.stories.setdefault(life.request, Story(life.request)).lives.append(life)
        return life

    def _of(self, slot: int, request: int, at_s: float) -> Life:
        """Return the life of a slot; one of which no birth was noted begins where it is first seen."""
        return self.now[slot] if slot in self.now else self._begin(slot, Life(request, at_s))

    def _born(self, at_s: float, pc: int, slot: int, request: int, other: int, held_s: float) -> None:
        """Note a birth."""
        parent = self._of(other, request, at_s)
        child = self._begin(slot, Life(request, at_s, parent, parent.unit, pc, held_s))
        parent.children.append((len(parent.moments) - 1, child))

    def _batch(self, at_s: float, slot: int, request: int) -> Life:
        """Return the batch that takes a message: a new one with its first."""
        known = self.now.get(slot)
        if known is not None and known.is_batch and not known.moments and known.born_s == at_s:
            return known
        return self._begin(slot, Life(request, at_s, is_batch=True))


@dataclass(frozen=True)
class Part:
    """A stretch of a request's critical path, in seconds of the replication."""

    start_s: float
    end_s: float
    node: str
    reason: str


@dataclass(frozen=True)
class Paths:
    """Takes lives apart: where the time went, without gaps and without overlaps."""

    program: Program

    @cached_property
    def _code(self) -> list[list[int]]:
        code: list[list[int]] = self.program.code.reshape(-1, 8).tolist()
        return code

    def to(self, life: Life, until_s: float) -> list[Part]:
        """Return how a request came to where a life is at an instant: from its arrival on."""
        legs = [(life, until_s)]
        while legs[-1][0].parent is not None:
            child = legs[-1][0]
            legs.append((child.via or child.parent, child.born_s))  # type: ignore[arg-type]
        return [part for each, end_s in reversed(legs) for part in self.of(each, end_s)]

    def of(self, life: Life, until_s: float) -> Iterator[Part]:
        """Yield what a life did from its birth to an instant."""
        first_s = life.moments[0].at_s if life.moments else until_s
        yield from _cut(life.born_s, min(first_s, until_s), self.node(life), (("quota", life.held_s), ("hop", np.inf)))
        for i, start_s, end_s in self.gaps(life, until_s):
            yield from self._gap(life, i, start_s, end_s)

    def gaps(self, life: Life, until_s: float) -> Iterator[tuple[int, float, float]]:
        """Yield (moment that began it, from, to) of each time that a life was blocked; a wait for several is one."""
        begun = -1
        for i, (one, two) in enumerate(pairwise([*life.moments, None])):
            assert one is not None
            if one.kind == m.NOTE_ROW and one.op in _FORKS:
                begun = i
            end_s = two.at_s if two is not None else until_s
            if begun >= 0 and two is not None and two.kind == m.NOTE_ROW and two.op in _JOINS and end_s < until_s:
                continue
            start_s = life.moments[begun].at_s if begun >= 0 else one.at_s
            if min(end_s, until_s) > start_s:
                yield (begun if begun >= 0 else i), start_s, min(end_s, until_s)
            begun = -1
            if end_s >= until_s:
                return

    def node(self, life: Life) -> str:
        """Return the node a life belongs to."""
        return self.program.marks[life.moments[0].pc][0] if life.moments else ""

    def _gap(self, life: Life, i: int, start_s: float, end_s: float) -> Iterator[Part]:
        """Yield what happened while a life was blocked."""
        moment = life.moments[i]
        node = self.program.marks[moment.pc][0]
        match moment.kind, moment.op:
            case m.NOTE_BATCHED, _:
                yield from self._batched(life, moment, start_s, end_s)
            case m.NOTE_SHARE, _:
                yield from self._shared(life, i, start_s, end_s)
            case m.NOTE_SETTLED, _:
                assert moment.other is not None
                yield Part(start_s, end_s, *self._again(moment.other, node, moment.status))
            case m.NOTE_TOOK, _:
                last = life.later(i, k.LEAVE)
                work = "failed attempt" if last is not None and last.status != m.OK else "own work"
                ends = (("cold start", moment.x), ("overhead", moment.y), (work, np.inf))
                yield from _cut(start_s, end_s, node, ends)
            case _, k.WORK:
                last = life.later(i, k.LEAVE, k.UNIT_FAILED, k.UNIT)
                has_failed = last is not None and (last.status != m.OK or last.op == k.UNIT_FAILED)
                yield Part(start_s, end_s, node, "failed attempt" if has_failed else "own work")
            case _, k.CALL if (child := life.child_at(i)) is not None:
                yield from self.of(child, end_s)
            case _, k.WAIT | k.MAP:
                yield from self._strands(life, start_s, end_s)
            case _, k.AWAIT:
                yield from self._token(life, start_s, end_s)
            case _, k.RETRY:
                yield Part(start_s, end_s, *self._again(life, node, moment.status, i))
            case _, k.DELAY:
                yield Part(start_s, end_s, node, self.delay(moment.pc))
            case _:
                yield Part(start_s, end_s, node, _WAITS.get(moment.op, "wait"))

    def delay(self, pc: int) -> str:
        """Return why a delay is there: its site's name says so."""
        return _DELAYS.get(self.program.site_names[self._code[pc][2]].rpartition(".")[2], "overhead")

    def _again(self, life: Life, node: str, status: int, until: int = 1 << 30) -> tuple[str, str]:
        """Return whose failure a retry waits for, and why: what was called last, and what that called."""
        while True:
            failed = [child for j, child in life.children if j <= until and child.status != m.OK and child.moments]
            if not failed:
                return node, _AGAIN[status == m.THROTTLED]
            life, until = failed[-1], 1 << 30
            node, status = self.node(life), life.status

    def _strands(self, life: Life, start_s: float, end_s: float) -> Iterator[Part]:
        """Yield the branches that a wait was for: the one that ended it, before it the one that let that one start."""
        legs: list[tuple[Life, float]] = []
        at_s = end_s
        strands = [child for _, child in life.children if child.end_s > start_s and self._is_strand(child)]
        while at_s > start_s:
            going = [child for child in strands if child.born_s < at_s <= child.end_s]
            if not going:
                break
            ended = [child for child in going if child.end_s == at_s]
            strand = ended[-1] if ended else max(going, key=lambda child: child.end_s)
            legs.append((strand, at_s))
            at_s = strand.born_s
        if at_s > start_s:
            yield Part(start_s, at_s, self.node(life), "wait")
        for strand, until_s in reversed(legs):
            yield from self.of(strand, until_s)

    def _token(self, life: Life, start_s: float, end_s: float) -> Iterator[Part]:
        """Yield how a token came back: by the branch that the awaited message went, and that ended then."""
        given = [child for _, child in life.children if child.born_s == start_s and not self._is_strand(child)]
        ways = [way for child in given for way in _ways(child)]
        ended = [way for way in ways if way[-1].end_s == end_s]
        if not ended:  # the state gave up waiting
            yield Part(start_s, end_s, self.node(life), "callback")
            return
        way = ended[-1]
        for each, until_s in zip(way, [*(child.born_s for child in way[1:]), end_s], strict=True):
            yield from self.of(each, until_s)

    def _is_strand(self, life: Life) -> bool:
        """Tell whether a life is a branch that its parent waits for."""
        op, *operands = self._code[life.born_pc]
        return op in (k.MAP, k.JOIN_MAP) or (op == k.SPAWN and operands[3] in (1, 2))

    def _shared(self, life: Life, i: int, start_s: float, end_s: float) -> Iterator[Part]:
        """Yield a message's part in a batch that makes no calls."""
        share = life.moments[i]
        batch = share.other
        assert batch is not None
        took = next(each for each in batch.moments if each.kind == m.NOTE_TOOK)
        settled = next((each for each in life.moments[i:] if each.kind == m.NOTE_SETTLED), None)
        has_failed = settled is not None and (settled.status != m.OK or bool(settled.state & m.FAILED))
        ends = (
            ("cold start", took.x),
            ("overhead", took.y),
            ("batch companions", share.x),
            ("failed attempt" if has_failed else "own work", share.y),
            ("batch companions", np.inf),
        )
        yield from _cut(start_s, end_s, self.node(batch), ends)

    def _batched(self, life: Life, moment: Moment, start_s: float, end_s: float) -> Iterator[Part]:
        """Yield a message's part in a batch that makes calls, unit by unit."""
        batch = moment.other
        assert batch is not None
        unit: Life | None = None
        seen, at_s = -1, start_s
        for i, from_s, to_s in self.gaps(batch, end_s):
            for each in batch.moments[seen + 1 : i + 1]:
                unit = each.other if each.kind == m.NOTE_UNIT else unit
            seen, at_s = i, to_s
            begins = batch.moments[i]
            if begins.kind == m.NOTE_TOOK:
                ends = (("cold start", begins.x), ("overhead", begins.y), ("batch companions", np.inf))
                yield from _cut(from_s, to_s, self.node(batch), ends)
            elif unit is life:
                yield from self._gap(batch, i, from_s, to_s)
            elif begins.kind == m.NOTE_ROW and begins.op == k.RETRY:
                yield Part(from_s, to_s, self.node(batch), _AGAIN[begins.status == m.THROTTLED])
            else:
                yield Part(from_s, to_s, self.node(batch), "batch companions")
        if at_s < end_s:
            yield Part(at_s, end_s, self.node(batch) or self.node(life), "batch companions")


def _ways(life: Life) -> Iterator[list[Life]]:
    """Yield the ways from a life to each of those that follow from it, itself included."""
    yield [life]
    for _, child in life.children:
        for way in _ways(child):
            yield [life, *way]


_AGAIN = {True: "throttle", False: "retry wait"}
_WAITS = {k.ENQUEUE: "queue wait", k.PACE: "quota"}
_DELAYS = {"hop": "hop", "wait": "wait state", "delay": "delivery delay"}


def _cut(start_s: float, end_s: float, node: str, ends: Iterable[tuple[str, float]]) -> Iterator[Part]:
    """Yield the parts of a stretch: each with its reason and its end after the start, cut where the stretch ends."""
    at_s = start_s
    for reason, after_s in ends:
        to_s = min(start_s + after_s, end_s)
        if to_s > at_s:
            yield Part(at_s, to_s, node, reason)
            at_s = to_s
