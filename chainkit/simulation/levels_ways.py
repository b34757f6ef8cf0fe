# ruff: noqa: F403, F405 - the memory layout belongs to this interpreter
"""One request of the run by levels (levels_kernel.py), instruction by instruction, where it can take several ways.

Which way it takes is decided by draws that belong to the request, not by times. So a request that is laid out again,
because one of its visits is cold, takes the same way, later; where an age could change that, the attempt ends.
"""

import numpy as np
from numba import njit

from chainkit.simulation.kernel import (
    ALIVE,
    CALL,
    CHANCE,
    COMPLETED,
    DELAY,
    DESCEND,
    ELAPSED,
    END_FLOW,
    ENTER,
    FAIL,
    FAILED_,
    JOIN,
    JUMP,
    LEAVE,
    MATCH,
    METER,
    NO_OUTCOME,
    OUT_ANSWERS,
    OUT_BRANCHES,
    OUT_LEDGER,
    PATIENCE,
    RESET,
    RESPOND,
    RET,
    RETRY,
    SPAWN,
    STAMP,
    STATUS_,
    THROTTLED_,
    WAIT,
    WORK,
)  # fmt: skip
from chainkit.simulation.levels_memory import *
from chainkit.simulation.primitives import (
    END,
    OK,
    OPTIONS,
    PAGE,
    THROTTLED,
    TIMEOUT,
    TIMER,
    below,
    descended,
    draw,
    hit,
    retried,
    unretried,
    word,
)  # fmt: skip

MOST_STEPS = 100_000
"""Instructions of one request."""


@njit(**OPTIONS)
def mark(mem, mem_f, e, slot, t, strand, rank, kind):
    """Write down when something of a request happens, and its place among others of the same instant."""
    at = mem[mem[PLACES] + e] * mem[STRIDE] + slot
    mem_f[mem[TIMES] + at] = t
    mem[mem[ORDER] + at] = (((strand << FLOW_BITS) | rank) << KIND_BITS) | kind


@njit(**OPTIONS)
def wait_s(code, code_f, c, sites, request, salt, k):
    """Return how long a RETRY waits before its attempt k (from 0)."""
    x = code_f[c + 5]
    for _ in range(k):
        x *= code_f[c + 6]
        if x > code_f[c + 7]:
            break
    x = min(x, code_f[c + 7])
    if (code[c + 1] >> 19) & 1:
        j = (((code[c + 2] >> 32) & PAGE) - 1) << 3
        x *= np.float64(word(sites[j + 1], request, salt)) * 2.0**-64
    return x


@njit(**OPTIONS)
def wander(mem, mem_f, sites, sites_f, table, slot, request, turn):
    """Lay one request out; return whether that is proven, or why not.

    `turn` 0: the first time, when it is counted which way it takes; 1: again, some visits being cold; -1: before that,
    to take back the elapsed times that were counted.
    """
    stack, flows, one = mem[STACK], mem[STACK] + CALLER_WORDS * DEEPEST, 1 if turn == FIRST_TURN else 0
    tally, answer = mem[TALLY], 2 * mem[VISITS]
    mem[flows], mem[flows + 1], mem[flows + 2] = mem[ENTRY], 0, 2
    mem_f[flows + 3] = mem_f[flows + 4] = mem_f[mem[TIMES] + slot]
    flow, count, visits, rank, depth, steps, strands = 0, 1, 0, 0, 0, 0, 0
    worst, last, last_kind = COMPLETED, -1.0, np.int64(0)
    mem_f[time_at(mem, answer, slot)] = -1.0
    mem[EVENTS_ALL] += one
    while flow < count:
        k = flows + FLOW_WORDS * flow
        pc, salt, kind, t, since = mem[k], mem[k + 1], mem[k + 2], mem_f[k + 3], mem_f[k + 4]
        status, visit, has_init, tries = np.int64(0), np.int64(-1), False, np.int64(0)
        strand, joined, joined_kind, is_watched, deadline = flow, -1.0, np.int64(0), False, np.inf
        while True:
            c = mem[PLAN] + (pc << 3)
            op = mem[c]
            rank += 1
            steps += 1
            if steps > MOST_STEPS:
                return LIMITED
            pc += 1
            at = -1.0
            klass = TIMER
            if op == ENTER:
                if visits == mem[VISITS]:
                    return MORE_VISITS
                row = mem[POOL] + POOL_ROW * mem[c + 1]
                visit = np.int64(visits)
                visits += 1
                way = mem[WAY] + 2 * visit * mem[STRIDE] + slot
                mem[way], mem[way + mem[STRIDE]] = mem[c + 1], salt
                mark(mem, mem_f, 2 * visit, slot, t, strand, rank, kind)
                has_init = turn != FIRST_TURN and is_cold(mem, slot, visit)
                since, extra = t, 0.0
                if has_init and mem[row + INIT] >= 0:
                    extra = draw(sites, sites_f, table, mem[row + INIT], request, salt)
                deadline = t + mem_f[row + LONGEST_TIME]
                if mem[row + OVERHEAD] >= 0 and mem[c + 6] == 0:
                    extra += draw(sites, sites_f, table, mem[row + OVERHEAD], request, salt)
                site = mem[c + 4] if has_init else mem[c + 2]
                at = t + (extra + draw(sites, sites_f, table, site, request, salt) * mem_f[c + 7])
                klass = END
            elif op == WORK:
                site = mem[c + 1] if has_init else mem[c + 2]
                at = t + (0.0 + draw(sites, sites_f, table, site, request, salt) * mem_f[c + 7])
                klass = END
            elif op == LEAVE:
                if status == TIMEOUT:
                    return LIMITED
                mark(mem, mem_f, 2 * visit + 1, slot, t, strand, rank, kind)
                if status != OK:
                    mem[mem[POOL] + POOL_ROW * mem[c + 1] + FAILURES] += one
                has_init = False
            elif op == CALL or (op == SPAWN and mem[c + 4] != 0):  # a frame that answers to this one, or a strand
                if depth == DEEPEST or strands == MOST_FLOWS:
                    return LIMITED
                k = stack + CALLER_WORDS * depth
                mem[k], mem[k + 1], mem[k + 2], mem[k + 3], mem[k + 4] = pc, salt, visit, 1 if has_init else 0, tries
                mem[k + 5], mem[k + 6], mem[k + 7], mem[k + 8] = op, kind, strand, joined_kind
                mem_f[k + 9], mem_f[k + 10], mem_f[k + 11], mem_f[k + 12] = since, t, joined, deadline
                if op == CALL and mem[c + 4] >= 0 and not is_watched:
                    is_watched = True
                    mem[EVENTS_ALL] += one
                mem[k + 13] = 1 if is_watched else 0
                is_watched, deadline = False, np.inf
                depth += 1
                if mem[c + 3] >= 0:
                    salt = descended(salt, mem[c + 3])
                if op == SPAWN:
                    strands += 1
                    strand = MOST_FLOWS + strands
                    since = t
                status, visit, has_init, tries, pc = np.int64(0), np.int64(-1), False, np.int64(0), mem[c + 1]
                joined = -1.0
                if mem[c + 2] >= 0:
                    at = t + draw(sites, sites_f, table, mem[c + 2], request, salt)
            elif op == RET:
                if depth == 0:
                    return LIMITED
                depth -= 1
                k = stack + CALLER_WORDS * depth
                pc, salt, visit, has_init, tries = mem[k], mem[k + 1], mem[k + 2], mem[k + 3] == 1, mem[k + 4]
                strand, joined_kind, since, joined = mem[k + 7], mem[k + 8], mem_f[k + 9], mem_f[k + 11]
                deadline, is_watched = mem_f[k + 12], mem[k + 13] == 1
                if is_watched and t >= deadline - MARGIN_S:
                    return LIMITED
                if mem[k + 5] == SPAWN:
                    if status != OK:  # the others would be cut in the middle
                        return LIMITED
                    joined_kind = max(joined_kind, kind) if t == joined else (kind if t > joined else joined_kind)
                    joined = max(joined, t)
                    kind, t = mem[k + 6], mem_f[k + 10]
            elif op == WAIT:
                if mem[c + 1] >= 0 and not is_watched:
                    is_watched = True
                    mem[EVENTS_ALL] += one
            elif op == JOIN:
                kind, t = joined_kind, joined
                joined = -1.0
                if is_watched and t >= deadline - MARGIN_S:
                    return LIMITED
            elif op == PATIENCE:
                deadline = t + mem_f[c + 7]
            elif op == RESPOND:
                mark(mem, mem_f, answer, slot, t, strand, rank, kind)
                mem[tally + OUT_ANSWERS + min(status, 4)] += one
            elif op == END_FLOW:
                k = mem[c + 1]
                if k < 0:
                    k = COMPLETED if status == OK else (THROTTLED_ if status == THROTTLED else FAILED_)
                mem[tally + OUT_BRANCHES + k] += one
                worst = max(worst, COMPLETED if k == NO_OUTCOME else k)
                last_kind = max(last_kind, kind) if t == last else (kind if t > last else last_kind)
                last = max(last, t)
                break
            elif op == SPAWN:
                if count == MOST_FLOWS:
                    return LIMITED
                k = flows + FLOW_WORDS * count
                count += 1
                mem[k], mem[k + 1], mem[k + 2], mem_f[k + 3], mem_f[k + 4] = mem[c + 1], salt, kind, t, t
                if mem[c + 3] >= 0:
                    mem[k + 1] = descended(salt, mem[c + 3])
                if mem[c + 2] >= 0:
                    x = t + draw(sites, sites_f, table, mem[c + 2], request, mem[k + 1])
                    mem[k + 2], mem_f[k + 3] = max(kind, TIMER) if x == t else TIMER, x
                    mem[EVENTS_ALL] += one
            elif op == DELAY:
                at = t + draw(sites, sites_f, table, mem[c + 2], request, salt)
            elif op == CHANCE:
                if hit(sites, mem[c + 2], request, salt):
                    pc = mem[c + 3]
            elif op == MATCH:
                k = 0
                h = word(sites[((mem[c + 2] & PAGE) << 3) + 1], request, 0)
                while k < mem[c + 5] - 1 and not below(h, sites[((mem[c + 4] + k & PAGE) << 3) + 2]):
                    k += 1
                if (mem[c + 1] >> k) & 1 == 0:
                    pc = mem[c + 3]
            elif op == FAIL:
                if hit(sites, mem[c + 2], request, 0 if mem[c + 4] == 1 else salt):
                    status |= mem[c + 1]
                    pc = mem[c + 3]
            elif op == RETRY:
                shift = 8 * ((mem[c + 1] >> 16) & 7)
                k = (tries >> shift) & 0xFF
                if status != OK and (mem[c + 1] >> status) & 1:
                    x = wait_s(mem, mem_f, c, sites, request, salt, k)
                    age = (mem[c + 2] & 0xFFFFFFFF) - 1
                    if k >= mem[c + 1] >> 24:
                        pc = mem[c + 4]
                    elif age >= 0 and t + x >= since + age:
                        return LIMITED
                    else:
                        tries += 1 << shift if k < 255 else 0
                        status = np.int64(0)
                        salt = retried(salt)
                        at = t + x
                        pc = mem[c + 3]
            elif op == STATUS_:
                status = mem[c + 1]
                pc = mem[c + 3]
            elif op == JUMP:
                if (mem[c + 1] >> status) & 1:
                    pc = mem[c + 3]
            elif op == METER:
                mem[tally + mem[c + 1]] += mem[c + 2] * one
            elif op == STAMP:
                since = t
            elif op == ELAPSED:
                units = np.int64(np.ceil((t - since) * mem_f[c + 7] - 1e-6))
                mem[tally + mem[c + 1]] += -units if turn == TAKE_BACK else units
            elif op == DESCEND:
                salt = descended(salt, mem[c + 1])
            elif op == RESET:
                while tries > 0:
                    salt = unretried(salt, tries & 0xFF)
                    tries >>= 8
            elif op != ALIVE:
                return LIMITED
            if at >= 0.0:
                kind = max(kind, klass) if at == t else klass
                t = at
                mem[EVENTS_ALL] += one
        flow += 1
    mark(mem, mem_f, answer + 1, slot, last, 0, rank, last_kind)
    mem[mem[COUNT_AT] + slot] = visits
    mem[mem[OUTCOME_AT] + slot] = worst
    mem[tally + OUT_LEDGER + worst] += one
    return PROVEN
