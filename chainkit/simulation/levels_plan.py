"""Program -> Plan: one request written as a fixed list of steps, where no request can take another way.

A chain is *uncoupled* if all that one request learns of another is whether it finds a warm environment: calls, hops and
hand-overs to functions, one constant keep-alive, no buffer, no deadline that cuts a wait. The plan holds while no limit
binds and no invocation reaches its timeout; levels.py proves that as it goes.
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from chainkit.simulation import draws
from chainkit.simulation import kernel as k
from chainkit.simulation import levels_memory as lm
from chainkit.simulation import primitives as m
from chainkit.simulation.assembler import POOL_WORDS, IntArray, Program

MOST_VISITS = 256
"""Invocations of one request that a plan may have."""
MOST_ROWS = 20_000
END, TIMER, ARRIVAL = range(3)
"""Kinds of events, in the order in which they go at one instant."""


class NotStraightError(Exception):
    """A request can take more than one way, or learn more of others; says which instruction."""


@dataclass
class Visit:
    """One invocation of a request: its pool, its salt, and the columns of its start and end."""

    pool: int
    salt: int
    start: int
    flow: int
    rank: int
    end: int = -1
    end_rank: int = -1


@dataclass
class Plan:
    """A request as steps over columns of times; column 0 is its arrival."""

    steps: list[tuple[int, int, int, int, int, int, int, float]] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    origins: list[tuple[int, int, int]] = field(default_factory=lambda: [(-1, ARRIVAL, -1)])
    """Of each column: the time before, the kind of event between, and of the later of two the second one."""
    counters: dict[int, int] = field(default_factory=dict)
    """Place among a run's integers -> what one request adds."""
    spans: list[tuple[int, int, int, float]] = field(default_factory=list)
    """Counters of elapsed time: place, column of its start and end, units per second; place -1: less than seconds."""
    longest_wait_s: float = 0.0
    """How long after the last event a timer may be left that nobody needs any more."""
    answer: int = -1
    end: int = -1
    flows: int = 0
    events: int = 1
    pending: deque[tuple[int, int, int]] = field(default_factory=deque)
    """Flows that are handed over: row, salt, column."""
    _drawn: dict[tuple[int, int, int, int], int] = field(default_factory=dict)

    def column(self, origin: tuple[int, int, int]) -> int:
        """Return a new column."""
        self.origins.append(origin)
        return len(self.origins) - 1

    def drawn(self, site: int, salt: int, first: int = -1, visit: int = -1) -> int:
        """Return the column of a site's draws; `first`: the site that a cold visit draws from."""
        key = (site, salt, first if first != site else -1, visit if first not in (site, -1) else -1)
        if key not in self._drawn:
            self._drawn[key] = self.column((-1, END, -1))
            self.steps.append((lm.DRAW, self._drawn[key], site, salt, first, key[3], 0, 0.0))
        return self._drawn[key]

    def later(self, since: int, drawn: int, kind: int, *, over: int = -1, visit: int = -1, part: float = 1.0) -> int:
        """Return the column of a time that comes a draw after another."""
        to = self.column((since, kind, -1))
        self.steps.append((lm.ADD, to, since, drawn, over, visit, 0, part))
        self.events += 1
        return to

    def latest(self, first: int, second: int) -> int:
        """Return the column of the later of two times; of one time if the other is -1."""
        if first < 0 or first == second:
            return second
        to = self.column((first, END, second))
        self.steps.append((lm.LATEST, to, first, second, 0, -1, 0, 0.0))
        return to

    def flow(self) -> int:
        """Return the number of a new flow or strand."""
        self.flows += 1
        return self.flows - 1

    def count(self, place: int, amount: int = 1) -> None:
        """Add to a counter."""
        self.counters[place] = self.counters.get(place, 0) + amount


def plan_of(program: Program) -> Plan:
    """Return the one way that every request of a program takes.

    Raises
    ------
    NotStraightError
        If there is more than one, or requests meet elsewhere than in pools.
    """
    plan = Plan()
    plan.pending.append((program.labels["entry"], 0, 0))
    while plan.pending:
        row, salt, column = plan.pending.popleft()
        _Flow(program, plan, column).run(row, salt)
    if plan.end < 0 or not plan.visits or any(visit.end < 0 for visit in plan.visits):
        raise NotStraightError("a request that never ends")
    return plan


@dataclass
class _Frame:
    """What a caller goes on with."""

    row: int
    salt: int
    now: int
    flow: int
    visit: int = -1
    since: int = 0
    joined: int = -1
    """Column of when the last of its strands came back."""
    is_strand: bool = False
    is_watched: bool = False
    patience: tuple[int, float] | None = None
    """Since when it waits for its callees, and how long."""


class _Flow:
    """Follows one flow of a request, instruction by instruction, as if everything succeeded."""

    def __init__(self, program: Program, plan: Plan, column: int) -> None:
        self.code = program.code.reshape(-1, 8)
        self.parts = program.code.view(np.float64).reshape(-1, 8)
        self.sites = program.site_rows
        pools = program.pools.reshape(-1, POOL_WORDS)
        self.overheads, self.timeouts_s = pools[:, m.OVERHEAD_SITE], pools.view(np.float64)[:, m.TIMEOUT_F]
        self.plan, self.rank = plan, 0
        self.frame = _Frame(0, 0, column, plan.flow(), since=column)
        self.callers: list[_Frame] = []

    def run(self, row: int, salt: int) -> None:
        """Write the flow's steps, up to its end."""
        self.frame.salt = salt
        for _ in range(MOST_ROWS):
            if len(self.plan.visits) > MOST_VISITS:
                break
            op = int(self.code[row, 0])
            if op == k.END_FLOW:
                self._end(row)
                return
            row = self._step(op, row)
        raise NotStraightError("a request of very many steps")

    def _step(self, op: int, row: int) -> int:
        """Write one instruction; return the row of the next."""
        code, plan, frame = self.code[row], self.plan, self.frame
        self.rank += 1
        match op:
            case k.ENTER:
                self._enter(row)
            case k.WORK if code[4] < 0:
                drawn = self._work(int(code[2]), int(code[1]))
                frame.now = plan.later(frame.now, drawn, END, part=float(self.parts[row, 7]))
            case k.LEAVE:
                visit = plan.visits[frame.visit]
                visit.end, visit.end_rank = frame.now, self.rank
            case k.CALL:
                self._watch(int(code[4]))
                return self._call(row, is_strand=False)
            case k.SPAWN if code[4] in (1, 2) and code[5] < 0:
                return self._call(row, is_strand=True)
            case k.RET if self.callers:
                return self._return()
            case k.WAIT:
                self._watch(int(code[1]))
            case k.JOIN:
                frame.now, frame.joined = frame.joined, -1
                self._check_patience()
            case k.PATIENCE:
                frame.patience = frame.now, float(self.parts[row, 7])
            case k.SPAWN if code[4] == 0 and code[5] < 0:
                self._hand_over(row)
            case k.DELAY:
                self._hop(int(code[2]))
            case k.DESCEND:
                self._descend(int(code[1]))
            case k.RESPOND:
                plan.answer = frame.now
                plan.count(k.OUT_ANSWERS + m.OK)
            case k.METER:
                plan.count(int(code[1]), int(code[2]))
            case k.STAMP:
                frame.since = frame.now
            case k.ELAPSED:
                plan.spans.append((int(code[1]), frame.since, frame.now, float(self.parts[row, 7])))
            case _:
                return self._branch(op, row)
        return row + 1

    def _branch(self, op: int, row: int) -> int:
        """Follow an instruction that could lead elsewhere."""
        code = self.code[row]
        match op:
            case k.JUMP:
                return int(code[3]) if code[1] & 1 else row + 1
            case k.STATUS_ if code[1] == m.OK:
                return int(code[3])
            case k.CHANCE if self._always(int(code[2])) is not None:
                return int(code[3]) if self._always(int(code[2])) else row + 1
            case k.FAIL if self._always(int(code[2])) is False:
                return row + 1
            case k.RETRY | k.ALIVE | k.RESET:
                return row + 1  # nothing fails and nobody is cut: nothing to try again, to ask after or to forget
        raise NotStraightError(f"instruction {op}")

    def _call(self, row: int, *, is_strand: bool) -> int:
        """Write that a frame answers to this one; return where it starts."""
        code, frame = self.code[row], self.frame
        frame.row = row + 1
        self.callers.append(frame)
        flow = self.plan.flow() if is_strand else frame.flow
        self.frame = _Frame(0, frame.salt, frame.now, flow, since=frame.now, is_strand=is_strand)
        self._descend(int(code[3]))
        self._hop(int(code[2]))
        return int(code[1])

    def _return(self) -> int:
        """Write that a frame is over; return where its caller goes on: at that time, unless it waits for more."""
        over, self.frame = self.frame, self.callers.pop()
        if over.is_strand:
            self.frame.joined = self.plan.latest(self.frame.joined, over.now)
        else:
            self.frame.now = over.now
            self._check_patience()
        return self.frame.row

    def _watch(self, leave: int) -> None:
        """Write that a deadline could cut a wait: it has its timer, and must not be reached."""
        frame = self.frame
        if leave < 0 or frame.is_watched:
            return
        frame.is_watched = True
        self.plan.events += 1
        if frame.visit < 0 and frame.patience is None:
            raise NotStraightError("a deadline that nothing sets")
        seconds = frame.patience[1] if frame.patience else float(self.timeouts_s[self.plan.visits[frame.visit].pool])
        self.plan.longest_wait_s = max(self.plan.longest_wait_s, seconds)

    def _check_patience(self) -> None:
        """Write that what came back must have come in time; a pool's own timeout is looked at for every visit."""
        if self.frame.is_watched and self.frame.patience is not None:
            since, seconds = self.frame.patience
            self.plan.spans.append((-1, since, self.frame.now, seconds))

    def _always(self, site: int) -> bool | None:
        """Return whether a chance always or never hits; None if neither."""
        if site < 0:
            return False
        return True if self.sites[site, 3] == 1 else None

    def _enter(self, row: int) -> None:
        """Write that an invocation begins, and the first part of its work."""
        code, plan, frame = self.code[row], self.plan, self.frame
        pool, overhead = int(code[1]), int(self.overheads[code[1]])
        frame.visit = len(plan.visits)
        plan.visits.append(Visit(pool, frame.salt, frame.now, frame.flow, self.rank))
        over = plan.drawn(overhead, frame.salt) if overhead >= 0 and code[6] == 0 else -1
        drawn = self._work(int(code[2]), int(code[4]))
        part = float(self.parts[row, 7])
        frame.now = plan.later(frame.now, drawn, END, over=over, visit=frame.visit, part=part)

    def _work(self, usual: int, first: int) -> int:
        """Return the column of the running invocation's own work."""
        return self.plan.drawn(usual, self.frame.salt, first, self.frame.visit)

    def _descend(self, place: int) -> None:
        """Travel a link by its place; -1 stays."""
        if place >= 0:
            salt = draws.descend(self.frame.salt & draws.MASK, place)
            self.frame.salt = salt - (1 << 64) if salt >> 63 else salt

    def _hop(self, site: int) -> None:
        """Write a delay; site -1 is none."""
        if site >= 0:
            frame = self.frame
            frame.now = self.plan.later(frame.now, self.plan.drawn(site, frame.salt), TIMER)

    def _hand_over(self, row: int) -> None:
        """Write that a flow of its own begins, after its hop."""
        code, frame = self.code[row], self.frame
        before = frame.salt, frame.now
        self._descend(int(code[3]))
        self._hop(int(code[2]))
        self.plan.pending.append((int(code[1]), frame.salt, frame.now))
        frame.salt, frame.now = before

    def _end(self, row: int) -> None:
        """Write that the flow is over, with its outcome."""
        outcome = int(self.code[row, 1])
        outcome = k.COMPLETED if outcome < 0 else outcome
        if outcome not in (k.COMPLETED, k.NO_OUTCOME):
            raise NotStraightError("a branch that is always lost")
        self.plan.count(k.OUT_BRANCHES + outcome)
        self.plan.end = self.plan.latest(self.plan.end, self.frame.now)


def has_ways(program: Program) -> bool:
    """Tell whether levels_ways.py can follow every way that a request of a program may take."""
    code = program.code.reshape(-1, 8)
    seen: set[int] = set()
    open_rows = [program.labels["entry"]]
    while open_rows:
        row = open_rows.pop()
        if row not in seen:
            seen.add(row)
            following = _following(code[row], row)
            if following is None:
                return False
            open_rows += following
    return bool((code[list(seen), 0] == k.ENTER).any())


def longest_wait_s(program: Program) -> float:
    """Return the longest deadline of a program that can take several ways; 0 where none can cut a wait."""
    code, parts = program.code.reshape(-1, 8), program.code.view(np.float64).reshape(-1, 8)
    pools = program.pools.view(np.float64).reshape(-1, POOL_WORDS)
    watched = (code[:, 0] == k.CALL) & (code[:, 4] >= 0) | (code[:, 0] == k.WAIT) & (code[:, 1] >= 0)
    if not watched.any():
        return 0.0
    return float(max(pools[:, m.TIMEOUT_F].max(), parts[code[:, 0] == k.PATIENCE, 7].max(initial=0.0)))


def _following(code: IntArray, row: int) -> list[int] | None:
    """Return the rows that can come after one in any frame; None if it is more than levels_ways.py knows."""
    match int(code[0]):
        case k.WORK if code[4] >= 0:
            return None
        case k.ENTER | k.WORK | k.LEAVE | k.RESPOND | k.DELAY | k.METER | k.DESCEND | k.RESET | k.PATIENCE | k.ALIVE:
            return [row + 1]
        case k.STAMP | k.ELAPSED:
            return [row + 1]
        case k.WAIT:
            return [row + 1]
        case k.JOIN:
            return [int(code[3]), row + 1]
        case k.CALL:
            return [int(code[1]), row + 1]
        case k.SPAWN if code[4] in (0, 1, 2) and code[5] < 0:
            return [int(code[1]), row + 1]
        case k.CHANCE | k.MATCH | k.FAIL | k.JUMP:
            return [int(code[3]), row + 1]
        case k.STATUS_:
            return [int(code[3])]
        case k.RETRY if (code[1] >> 20) & 1 == 0:
            return [int(code[3]), int(code[4]), row + 1]
        case k.RET | k.END_FLOW:
            return []
    return None


def steps_of(plan: Plan) -> IntArray:
    """Return a plan's steps as rows of words."""
    rows = np.zeros((len(plan.steps), lm.STEP_WORDS), np.int64)
    for row, step in zip(rows, plan.steps, strict=True):
        row[:7] = step[:7]
        row.view(np.float64)[7] = step[7]
    return rows
