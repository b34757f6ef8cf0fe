# ruff: noqa: F403, F405 - the memory layout is some 120 names, and all of them belong to this loop
"""The virtual machine: one event loop that knows no AWS service, only primitives.

A program is rows of eight words, [op, a, b, c, d, e, f, g]; `lower` writes it. "Blocks" means that the frame gives up
control: it goes to the event heap, a list, or waits for others. The instruction set, with its exact rules, stands in
ARCHITECTURE.md. Kernels never raise: `run` returns why it stopped, and machine.py turns that into what users see.
"""

import numpy as np
from numba import njit

from chainkit.simulation.primitives import *
from chainkit.simulation.stations import *

(
    ENTER, ENTER_BATCH, WORK, LEAVE, CALL, RET, RESPOND, END_FLOW, SPAWN, WAIT, JOIN, ALIVE, DELAY, CHANCE, MATCH, FAIL,
    DOOM, RETRY, STATUS_, JUMP, ENQUEUE, AGAIN, TICK, RAMP, UNIT, UNIT_FAILED, SETTLE, WATCH, PATIENCE, METER, STAMP,
    ELAPSED, DESCEND, RESET, TAKE, PACE, ASK, TELL, MAP, JOIN_MAP, AWAIT, HISTORY, DUPLICATE, OVERRUN, OVERRUN_, NEXT,
    ARRIVE, EFFECT, FREE, RECUR, TURN,
) = range(51)  # fmt: skip

VANISHED, LEFT_BEHIND = -2, -1
"""Ends that no instruction makes: a strand without its caller, and a callee that ran on after its caller was cut."""

DONE, MORE_ARRIVALS, MORE_FRAMES, MORE_RING, TIME_UP, TRACE_FULL, PAUSED, ALL_ISSUED, MORE_EFFECTS = range(9)
"""Why `run` stopped."""

COMPLETED, FAILED_, THROTTLED_, DEAD_LETTERED, EXPIRED, DROPPED, NO_OUTCOME = range(7)
"""Outcomes, the worst last."""
OUT_LEDGER, OUT_BRANCHES, OUT_ANSWERS, OUT_SAMPLES, OUT_SLOWEST = 0, 8, 16, 24, 32
"""Places in the integers that a run gives back: requests and branches by outcome, answers by status, a request of each
outcome (+ 1), the slowest to be answered and to complete; then counters."""
SUM_SLOWEST = 4
"""Place of their times among the sums; behind them the sums of each batch, by request number."""
RESPONSES, COMPLETIONS = 0, 1


@njit(**OPTIONS)
def run(
    code_, sites_, table_, pools_, ring_, queues_, frames_, heap_, arrivals_, g_, histograms_, sums_, kept_, out_,
    trace_, marks_, effects_
):  # fmt: skip
    """Run until the arrivals are used up or nothing is left; return why it stopped."""
    code, sites, table, pools, ring, queues = (
        ints(code_),
        ints(sites_),
        floats(table_),
        ints(pools_),
        floats(ring_),
        ints(queues_),
    )
    frames, heap, arrival, g, histograms = ints(frames_), ints(heap_), floats(arrivals_), ints(g_), ints(histograms_)
    sums, kept, out, trace, marks = floats(sums_), floats(kept_), ints(out_), ints(trace_), ints(marks_)
    effects, effects_f, is_logged = ints(effects_), floats(effects_), ints(g_)[G_EFFECT_ROOM] > 0
    code_f, sites_f, pools_f, queues_f = floats(code_), floats(sites_), floats(pools_), floats(queues_)
    frames_f, heap_f, g_f = floats(frames_), floats(heap_), floats(g_)
    size, account = g[G_HEAP], g[G_ACCOUNT]
    form = g[G_FORM]
    batches, counted = g[G_BATCHES], g[G_COUNTED]
    batch = 0
    batch_low = batch_high = np.int64(-1)
    most_in_flight, counts_turns = g[G_MOST_IN_FLIGHT], g[G_COUNTS_TURNS] == 1
    is_final, first_request, entry, room = g[G_FINAL] == 1, g[G_FIRST_REQUEST], g[G_ENTRY], g[G_RING]
    reserve, is_kept, traced, warm, stop = g[G_RESERVE], g[G_KEEP] == 1, g[G_TRACED], g[G_WARM], g_f[G_STOP_F]
    account_limit, budget, numbered, users = g[G_ACCOUNT_LIMIT], g[G_BUDGET], g[G_NUMBERED], g[G_USERS]
    quota, quota_step, quota_slack = g_f[G_TAT_F], g_f[G_STEP_F], g_f[G_SLACK_F]
    mask = room - 1
    count = arrivals_.size
    taken = 0
    upcoming = arrival[0] if count > 0 else np.inf
    is_hole = False
    events = 0
    t = g_f[G_NOW_F]
    why = DONE
    f = 0
    pc = 0
    at = 0.0
    site = cut = -1
    klass = 0
    extra = 0.0
    fraction = 0.0
    factor = 1.0
    number = -1
    while True:
        # --- pick what runs next: a batch to form, a ready frame, the earliest event, an arrival ---
        if traced > 0 and g[G_TRACE_ROOM] - g[G_TRACES] < TRACE_SPARE:
            why = TRACE_FULL
        if is_logged and g[G_EFFECT_ROOM] - g[G_EFFECTS] < TRACE_SPARE:
            why = MORE_EFFECTS
        if g[G_FREE_COUNT] < reserve:
            why = MORE_FRAMES
        if why != DONE:
            break
        if form >= 0:
            q = form << 5
            while (
                g[G_FREE_COUNT] > 8
                and queues[q + IN_FLIGHT] + min(queues[q + WAITING_NOW], queues[q + SIZE]) <= most_in_flight
                and queues[q + BATCHES_NOW] < queues[q + MOST]
                and queues[q + WAITING_NOW] > 0
                and (
                    queues[q + WAITING_NOW] >= queues[q + SIZE]
                    or frames_f[((queues[q + FIRST] & SLOT) << 3) + START] + queues_f[q + WINDOW_F] <= t
                )
            ):
                c = min(queues[q + WAITING_NOW], queues[q + SIZE])
                m = queues[q + FIRST] & SLOT
                b2 = take(frames, g)
                b = b2 << 3
                frames[b + PC] = queues[q + BATCH_PC]
                frames[b + PARENT] = BATCH | (c << 48) | (m << 24) | m
                frames[b + REQUEST] = frames[(m << 3) + REQUEST]
                frames[b + ROOT] = frames[(m << 3) + ROOT] & SLOT
                frames[b + SALT] = frames[(m << 3) + SALT]
                frames_f[b + START] = t
                frames[b + STATE] = (frames[b + STATE] >> 40 << 40) | ONE
                for _ in range(c):
                    e = m << 3
                    if frames[e + STATE] & RECEIVES != RECEIVES:
                        frames[e + STATE] += RECEIVE
                    queues_f[q + WAITED_F] += t - frames_f[e + START]
                    queues_f[q + SINCE_Q_F] -= frames_f[e + START]
                    if traced > 0 and is_marked(marks, frames[e + REQUEST] - numbered, traced):
                        note(trace, g, t, queues[q + BATCH_PC], frames, m, 0, NOTE_BATCHED, b2, 0.0, 0.0)
                    frames_f[e + START] = t  # from now on: when it was received
                    m = frames[e + LINK] & SLOT
                if c == queues[q + WAITING_NOW]:
                    queues[q + WAITING_NOW] = 0
                    queues_f[q + EMPTIED_F] = t
                else:
                    queues[q + FIRST] = m
                    queues[q + WAITING_NOW] -= c
                queues[q + BATCHES_NOW] += 1
                queues[q + BATCHES] += 1
                queues[q + IN_FLIGHT] += c
                queues[q + RECEIVED] += c
                h = queues[q + MESSAGE_BYTES]  # ReceiveMessage brings at most ten, and each 64 KB of it is a request
                queues[q + RECEIVE_CHUNKS] += (c // 10) * ((10 * h + 65535) >> 16) + ((c % 10 * h + 65535) >> 16)
                make_ready(frames, g, b2)
            if g[G_FREE_COUNT] <= 8:
                why = MORE_FRAMES
                break
            if queues[q + WAITING_NOW] > 0:
                x = frames_f[((queues[q + FIRST] & SLOT) << 3) + START] + queues_f[q + WINDOW_F]
                if queues[q + WAITING_NOW] < queues[q + SIZE] and x > t:  # not due yet
                    if queues[q + ARMED] == 0:
                        queues[q + ARMED] = 1
                        size = schedule(heap, frames, size, is_hole, x, (TIMER << CLASS_SHIFT) | queues[q + TICK_FRAME])
                        is_hole = False
                elif (
                    queues[q + BATCHES_NOW] >= queues[q + MOST]
                    and queues[q + MOST] < queues[q + CAP]
                    and queues[q + RAMPING] == 0
                ):
                    queues[q + RAMPING] = 1
                    size = schedule(
                        heap, frames, size, is_hole, t + queues_f[q + RAMP_F],
                        (TIMER << CLASS_SHIFT) | queues[q + RAMP_FRAME],
                    )  # fmt: skip
                    is_hole = False
            form = -1
        if g[G_READY] >= 0:
            f = g[G_READY] & SLOT
            g[G_READY] = frames[(f << 3) + LINK]
            frames[(f << 3) + LINK] = 0
            pc = frames[(f << 3) + PC]
        else:
            if is_hole:
                size -= 1
                sift(heap, frames, size, heap[2 * size], heap[2 * size + 1])
                is_hole = False
            if size > 0 and heap_f[0] <= upcoming:
                if heap_f[0] > stop:
                    t = stop
                    why = TIME_UP
                    break
                t = heap_f[0]
                f = heap[1] & SLOT
                pc = frames[(f << 3) + PC]
                is_hole = True
            elif taken < count:
                if upcoming > stop:
                    t = stop
                    why = TIME_UP
                    break
                t = upcoming
                f = take(frames, g)
                b = f << 3
                frames_f[b + PARENT] = t
                frames[b + REQUEST] = first_request + taken
                frames[b + ROOT] = f | LIVE
                frames[b + SALT] = 0
                frames_f[b + START] = t
                frames[b + LINK] = 0
                frames[b + STATE] = (frames[b + STATE] >> 40 << 40) | ONE
                taken += 1
                pc = entry
                if taken < count:
                    upcoming = arrival[taken]
                elif is_final:
                    upcoming = np.inf
                else:  # this arrival runs at the start of the next block
                    taken -= 1
                    release(frames, g, f)
                    why = MORE_ARRIVALS
                    break
            else:
                break
            events += 1
            if events == budget:
                why = PAUSED
        # --- run the frame until it blocks ---
        at = -1.0
        site = -1
        klass = TIMER
        extra = 0.0
        fraction = 1.0
        while True:
            b = (f & SLOT) << 3
            c = (pc & PAGE) << 3
            op = code[c]
            if traced > 0 and concerns(frames, marks, f, numbered, traced):
                note(trace, g, t, pc, frames, f, 0, NOTE_ROW, 0, 0.0, 0.0)
            if op == ENTER or op == ENTER_BATCH:  # noqa: SIM109 - a pool, b site, c leave, d first site, e refused, g fraction
                p = (code[c + 1] & PAGE) << POOL_SHIFT
                refused = pools[p + RUNNING] >= pools[p + LIMIT]
                limit = BY_RESERVATION
                v = (pools[p + READY_ROW] & PAGE) << POOL_SHIFT  # its provisioned environments, if one is idle
                if v > 0 and pools[v + TAIL] == pools[v + HEAD]:
                    v = 0
                if v == 0 and pools[p + IN_ACCOUNT] == 1 and account >= account_limit:
                    limit = limit if refused else BY_ACCOUNT
                    refused = True
                if not refused:  # the account's request quota
                    x = max(quota, t)
                    if x - t > quota_slack:
                        refused = True
                        limit = BY_QUOTA
                    else:
                        quota = x + quota_step
                number = -1
                if pools[p + IS_SPECIAL] != 0:
                    if not refused:
                        number = seek(
                            pools, pools_f, ring, sites, v if v > 0 else p, mask, t, frames[b + REQUEST],
                            frames[b + SALT],
                        )  # fmt: skip
                    is_cold = number < 0
                else:
                    h = pools[p + HEAD]
                    tl = pools[p + TAIL]
                    base = pools[p + RING]
                    keep = pools_f[p + KEEP_F]
                    while h < tl and ring[base + (h & mask)] + keep <= t:
                        h += 1
                        pools_f[p + IDLE_F] += keep
                    pools[p + HEAD] = h
                    is_cold = h == tl
                    if not is_cold and not refused:
                        tl -= 1
                        pools[p + TAIL] = tl
                        pools_f[p + IDLE_F] += t - ring[base + (tl & mask)]
                if is_cold and not refused:
                    tokens = min(
                        pools_f[p + BURST_F],
                        pools_f[p + TOKENS_F] + (t - pools_f[p + TOKENS_AT_F]) * pools_f[p + REFILL_F],
                    )
                    pools_f[p + TOKENS_AT_F] = t
                    if tokens < 1.0:
                        refused = True
                        limit = BY_SCALING
                    else:
                        tokens -= 1.0
                    pools_f[p + TOKENS_F] = tokens
                if refused:
                    pools[p + THROTTLES] += 1
                    pools[p + limit] += 1
                    frames[b + STATE] |= THROTTLED
                    pc = code[c + 5]
                    continue
                pools[p + RUNNING] += 1
                if v > 0:
                    pools[v + RUNNING] += 1
                    pools[v + INVOCATIONS] += 1
                    pools_f[v + SINCE_F] += t
                else:
                    account += pools[p + IN_ACCOUNT]
                if pools[p + RUNNING] > pools[p + PEAK]:
                    pools[p + PEAK] = pools[p + RUNNING]
                pools[p + INVOCATIONS] += 1
                site = code[c + 2]
                extra = 0.0
                x = 0.0
                if is_cold:
                    pools[p + COLD_STARTS] += 1
                    frames[b + STATE] |= COLD
                    site = code[c + 4]
                    number = pools[p + NUMBER]
                    pools[p + NUMBER] += 1
                    if pools[p + RUNNING] + pools[p + TAIL] - pools[p + HEAD] > room - 64:
                        why = MORE_RING
                    if pools[p + INIT_SITE] >= 0:
                        extra = draw(sites, sites_f, table, pools[p + INIT_SITE], frames[b + REQUEST], frames[b + SALT])
                        x = min(extra, pools_f[p + INIT_LIMIT_F])
                        pools_f[p + INIT_MS_F] += x * 1000.0
                        if extra > x:  # it runs again, whole, inside the invocation
                            extra = x + extra
                        else:
                            x = extra
                frames_f[b + START] = t
                pools_f[p + SINCE_F] += t
                frames_f[b + LINK] = t + x + pools_f[p + TIMEOUT_F]
                factor = 1.0
                x = extra
                if pools[p + IS_SPECIAL] != 0:
                    frames[b + ROOT] = (frames[b + ROOT] & SLOT) | (number << ENVIRONMENT) | (READY_BIT if v > 0 else 0)
                    if pools[p + SPEED_SITE] >= 0:
                        factor = draw(sites, sites_f, table, pools[p + SPEED_SITE], number, 0)
                if pools[p + OVERHEAD_SITE] >= 0 and (op == ENTER_BATCH or code[c + 6] == 0):
                    extra += (
                        draw(sites, sites_f, table, pools[p + OVERHEAD_SITE], frames[b + REQUEST], frames[b + SALT])
                        * factor
                    )
                if traced > 0 and concerns(frames, marks, f, numbered, traced):
                    note(trace, g, t, pc, frames, f, 0, NOTE_TOOK, 0, x, extra)
                if is_logged and code[c + 6] != 1:
                    e = b if frames[b + PARENT] >= -(1 << 62) else (frames[b + PARENT] & SLOT) << 3
                    h = 0 if frames[e + STATE] & (RETRIED | COPY) == 0 else 1
                    log(effects, effects_f, g, t, frames[e + REQUEST], code[c + 1], h)
                cut = code[c + 3]
                klass = END
                fraction = code_f[c + 7] * factor
                if op == ENTER:
                    if code[c + 6] == 1:  # a ping takes as long wherever it runs
                        fraction = 1.0
                    break
                # ENTER_BATCH: f error site, g poison site: all units at once, where a unit makes no calls
                m = frames[b + PARENT] & SLOT
                whole = code[c + 6] >> 32
                for i in range((frames[b + PARENT] >> 48) & BATCH_COUNT):
                    e = m << 3
                    if is_logged and i > 0 and t + extra <= frames_f[b + LINK]:
                        h = 0 if frames[e + STATE] & (RETRIED | COPY) == 0 else 1
                        log(effects, effects_f, g, t + extra, frames[e + REQUEST], code[c + 1], h)
                    x = extra
                    extra += draw(sites, sites_f, table, site, frames[e + REQUEST], frames[e + SALT]) * factor
                    site = code[c + 2]
                    if traced > 0 and is_marked(marks, frames[e + REQUEST] - numbered, traced):
                        note(trace, g, t, pc, frames, m, 0, NOTE_SHARE, f, x, extra)
                    if hit(sites, (code[c + 6] & PAGE) - 1, frames[e + REQUEST], frames[e + SALT]) or hit(
                        sites, code[c + 7], frames[e + REQUEST], 0
                    ):
                        frames[e + STATE] |= FAILED
                        if whole != 0:
                            frames[b + STATE] |= DOOMED
                            break
                    elif is_logged and t + extra <= frames_f[b + LINK]:
                        log(effects, effects_f, g, t + extra, frames[e + REQUEST], code[c + 1], 2)
                    m = frames[e + LINK] & SLOT
                site = 0
                fraction = 0.0
                break
            if op == LEAVE:  # a pool; releases the environment and bills
                p = (code[c + 1] & PAGE) << POOL_SHIFT
                pools[p + RUNNING] -= 1
                pools_f[p + SINCE_F] -= frames_f[b + START]
                d = t - frames_f[b + START]
                pools_f[p + BUSY_F] += d
                h = np.int64(np.ceil(d * 1000.0 - 1e-6))
                pools[p + BILLED_MS] += h
                status = frames[b + STATE] & STATUS
                if status == TIMEOUT:
                    pools[p + TIMEOUTS] += 1
                elif status != OK:
                    pools[p + ERRORS] += 1
                if pools[p + IS_SPECIAL] == 0:
                    account -= pools[p + IN_ACCOUNT]
                    if status != TIMEOUT:
                        tl = pools[p + TAIL]
                        ring[pools[p + RING] + (tl & mask)] = t
                        pools[p + TAIL] = tl + 1
                elif frames[b + ROOT] & READY_BIT:
                    v = (pools[p + READY_ROW] & PAGE) << POOL_SHIFT
                    pools[v + RUNNING] -= 1
                    pools_f[v + SINCE_F] -= frames_f[b + START]
                    pools_f[v + BUSY_F] += d
                    pools[v + BILLED_MS] += h
                    number = frames[b + ROOT] >> ENVIRONMENT
                    if pools[v + EXCESS] > 0:
                        pools[v + EXCESS] -= 1
                    else:
                        if status == TIMEOUT:  # replaced at once
                            number = pools[p + NUMBER]
                            pools[p + NUMBER] += 1
                        put_idle(pools, pools_f, ring, v, mask, t, np.inf, number)
                else:
                    account -= pools[p + IN_ACCOUNT]
                    if status != TIMEOUT:
                        x = t + pools_f[p + KEEP_F]
                        if pools[p + KEEP_SITE] >= 0:
                            e = b if frames[b + PARENT] >= -(1 << 62) else (frames[b + PARENT] & SLOT) << 3
                            x = t + draw(
                                sites, sites_f, table, pools[p + KEEP_SITE], frames[e + REQUEST], frames[e + SALT]
                            )
                        put_idle(pools, pools_f, ring, p, mask, t, x, frames[b + ROOT] >> ENVIRONMENT)
                frames[b + STATE] &= ~(COLD | DOOMED)
                pc += 1
                continue
            if op == ALIVE:  # a RET, b 1: what just ran counts; a strand whose caller is gone ends here
                k = f & SLOT
                while True:  # a strand of a strand asks further up
                    parent = frames[(k << 3) + PARENT]
                    e = (parent & SLOT) << 3
                    is_gone = parent < 0 or frames[e + STATE] >> 40 != parent >> 24
                    if is_gone or frames[e + STATE] & STRAND == 0 or frames[e + PARENT] < 0:
                        break
                    k = parent & SLOT
                if not is_gone:
                    pc += 1
                    continue
                if k != f & SLOT:  # its own caller is still there, to be told
                    e = (frames[b + ROOT] & SLOT) << 3
                    if code[c + 2] == 1:
                        out[OUT_BRANCHES + (COMPLETED if frames[b + STATE] & STATUS == OK else FAILED_)] += 1
                        if frames[e + STATE] & ENDED:
                            frames_f[e + START] = t
                    frames[b + STATE] = (frames[b + STATE] & ~STATUS) | ERROR
                    pc = code[c + 1]
                    continue
                if code[c + 2] == 1:
                    pc = code[c + 1]
                    continue
                op = VANISHED
            if op == RET:  # back to the caller; where it was cut this is a flow of its own now
                status = frames[b + STATE] & STATUS
                parent = frames[b + PARENT]
                e = (parent & SLOT) << 3
                if parent >= 0 and frames[e + STATE] >> 40 == parent >> 24:
                    release(frames, g, f)
                    f = parent & SLOT
                    frames[e + STATE] = (frames[e + STATE] & ~(WAITING | STATUS)) | status
                    pc = frames[e + PC]
                    continue
                out[OUT_BRANCHES + (COMPLETED if status == OK else FAILED_)] += 1
                op = LEFT_BEHIND
            # END_FLOW: a outcome, -1: by status, 6: none; b 1: gives no token back; the last one completes the request
            if op == END_FLOW or op < 0:
                r = frames[b + ROOT] & SLOT
                e = r << 3
                worst = (frames[e + ROOT] >> 24) & 15
                if op == END_FLOW:
                    k = code[c + 1]
                    if k < 0:
                        status = frames[b + STATE] & STATUS
                        k = COMPLETED if status == OK else (THROTTLED_ if status == THROTTLED else FAILED_)
                    out[OUT_BRANCHES + k] += 1
                    if k == NO_OUTCOME:
                        k = COMPLETED
                    if k > worst:
                        frames[e + ROOT] += (k - worst) << 24
                        worst = k
                    parent = frames[b + PARENT]
                    if f != r and parent >= 0 and k == COMPLETED and code[c + 2] == 0:
                        h = (parent & SLOT) << 3  # the token goes back to the state that waits for it
                        if frames[h + STATE] >> 40 == parent >> 24:
                            is_strand = frames[h + STATE] & (STRAND | RETRIED | COPY)
                            frames[h + STATE] = (((parent >> 24) + 1 & GENERATIONS) << 40) | ONE | is_strand
                            make_ready(frames, g, parent & SLOT)
                frames[e + ROOT] -= LIVE
                if f == r:  # the root stays until its last flow is over; START tells when something last happened
                    frames[e + STATE] = (((frames[e + STATE] >> 40) + 1 & GENERATIONS) << 40) | ENDED
                    frames_f[e + START] = t
                else:
                    release(frames, g, f)
                    if frames[e + STATE] & ENDED and op != VANISHED:
                        frames_f[e + START] = t
                if frames[e + ROOT] >> 32 == 0:
                    x = frames_f[e + START] - frames_f[e + PARENT]
                    out[OUT_LEDGER + worst] += 1
                    if out[OUT_SAMPLES + worst] == 0:
                        out[OUT_SAMPLES + worst] = frames[e + REQUEST] + 1
                    if frames[e + REQUEST] >= warm:
                        if batches > 1 and (frames[e + REQUEST] < batch_low or frames[e + REQUEST] >= batch_high):
                            batch, batch_low, batch_high = batch_of(frames[e + REQUEST], warm, counted, batches)
                        if worst >= DEAD_LETTERED:
                            sums[SUM_BATCHES + SUM_WORDS * batch + SUM_LOST] += 1.0
                    if frames[e + REQUEST] >= warm and worst < DEAD_LETTERED:
                        tally(histograms, sums, batch, COMPLETIONS, x)
                        if x > sums[SUM_SLOWEST + COMPLETIONS]:
                            sums[SUM_SLOWEST + COMPLETIONS] = x
                            out[OUT_SLOWEST + COMPLETIONS] = frames[e + REQUEST]
                    if is_kept:
                        kept[2 * (frames[e + REQUEST] - numbered) + 1] = np.inf if worst >= DEAD_LETTERED else x
                    release(frames, g, r)
                break
            if op == WORK:  # a first site, b site, c leave, d speed site or -1, g fraction: more work
                site = code[c + 1] if frames[b + STATE] & COLD else code[c + 2]
                cut = code[c + 3]
                klass = END
                fraction = code_f[c + 7]
                if code[c + 4] >= 0:
                    fraction *= draw(sites, sites_f, table, code[c + 4], frames[b + ROOT] >> ENVIRONMENT, 0)
                break
            if (
                op == CALL
            ):  # a target, b hop site, c place (-1: same salt), d leave where the caller's deadline cuts, -1: none
                frames[b + PC] = pc + 1
                k = take(frames, g)
                e = k << 3
                frames[e + PARENT] = ((frames[b + STATE] >> 40) << 24) | f
                frames[e + REQUEST] = frames[b + REQUEST]
                frames[e + ROOT] = frames[b + ROOT] & SLOT
                frames[e + SALT] = frames[b + SALT] if code[c + 3] < 0 else descended(frames[b + SALT], code[c + 3])
                frames[e + LINK] = 0
                frames[e + STATE] = (frames[e + STATE] >> 40 << 40) | ONE | handed_down(frames[b + STATE])
                if code[c + 4] >= 0:
                    if frames[b + STATE] & WATCHED == 0:
                        size = watch(frames, heap, g, size, is_hole, f, frames_f[b + LINK], code[c + 4])
                        is_hole = False
                    frames[b + STATE] |= WATCHED
                frames[b + STATE] |= WAITING
                if traced > 0 and is_marked(marks, frames[b + REQUEST] - numbered, traced):
                    note(trace, g, t, pc, frames, k, 0, NOTE_BORN, f, 0.0, 0.0)
                f = k
                pc = code[c + 1]
                if code[c + 2] >= 0:
                    site = code[c + 2]
                    frames[e + PC] = pc
                    cut = -2
                    break
                continue
            if op == RESPOND:  # the caller has its answer
                x = t - frames_f[((frames[b + ROOT] & SLOT) << 3) + PARENT]
                out[OUT_ANSWERS + min(frames[b + STATE] & STATUS, 4)] += 1
                if frames[b + REQUEST] >= warm:
                    if batches > 1 and (frames[b + REQUEST] < batch_low or frames[b + REQUEST] >= batch_high):
                        batch, batch_low, batch_high = batch_of(frames[b + REQUEST], warm, counted, batches)
                    tally(histograms, sums, batch, RESPONSES, x)
                    if x > sums[SUM_SLOWEST + RESPONSES]:
                        sums[SUM_SLOWEST + RESPONSES] = x
                        out[OUT_SLOWEST + RESPONSES] = frames[b + REQUEST]
                if is_kept:
                    kept[2 * (frames[b + REQUEST] - numbered)] = x
                pc += 1
                continue
            # a target, b hop site, c place (-1: same salt), d 0: own flow, 1: branch, 2: first branch, 3: own flow that
            # gives its token back to this frame, 4: to whom this one's goes; e limiter that delays it, or -1, f 1: copy
            if op == SPAWN:
                k = take(frames, g)
                e = k << 3
                frames[e + PC] = code[c + 1]
                frames[e + REQUEST] = frames[b + REQUEST]
                frames[e + ROOT] = frames[b + ROOT] & SLOT
                frames[e + SALT] = frames[b + SALT] if code[c + 3] < 0 else descended(frames[b + SALT], code[c + 3])
                frames_f[e + START] = t
                frames[e + LINK] = 0
                frames[e + STATE] = (frames[e + STATE] >> 40 << 40) | ONE | handed_down(frames[b + STATE])
                if code[c + 6] == 1:
                    frames[e + STATE] |= COPY
                if code[c + 4] == 1 or code[c + 4] == 2:
                    frames[e + STATE] |= STRAND
                    frames[e + PARENT] = ((frames[b + STATE] >> 40) << 24) | f
                    frames[b + STATE] = (frames[b + STATE] & ~COUNT if code[c + 4] == 2 else frames[b + STATE]) + ONE
                else:
                    frames[e + PARENT] = -1
                    if code[c + 4] == 3:
                        frames[e + PARENT] = ((frames[b + STATE] >> 40) << 24) | f
                    elif code[c + 4] == 4 and f != frames[b + ROOT] & SLOT and frames[b + PARENT] >= 0:
                        frames[e + PARENT] = frames[b + PARENT]
                    elif counts_turns:
                        frames[e + PARENT] = -1 - turns(frames, f & SLOT)
                    frames[((frames[b + ROOT] & SLOT) << 3) + ROOT] += LIVE
                x = t
                if code[c + 5] >= 0:
                    x = paced(queues_f, (code[c + 5] & PAGE) << 5, t)
                if traced > 0 and is_marked(marks, frames[b + REQUEST] - numbered, traced):
                    note(trace, g, t, pc, frames, k, 0, NOTE_BORN, f, x - t, 0.0)
                if code[c + 2] >= 0:
                    x += draw(sites, sites_f, table, code[c + 2], frames[e + REQUEST], frames[e + SALT])
                if code[c + 2] >= 0 or x > t:
                    size = schedule(
                        heap, frames, size, is_hole, x, (TIMER << CLASS_SHIFT) | (frames[e + REQUEST] << 24) | k
                    )
                    is_hole = False
                else:
                    make_ready(frames, g, k)
                pc += 1
                continue
            if op == WAIT:  # for the branches, a leave where the deadline cuts, -1: none
                frames[b + PC] = pc + 1
                frames[b + STATE] |= FORKED
                if code[c + 1] >= 0 and frames[b + STATE] & WATCHED == 0:
                    size = watch(frames, heap, g, size, is_hole, f, frames_f[b + LINK], code[c + 1])
                    is_hole = False
                    frames[b + STATE] |= WATCHED
                break
            if (
                op == JOIN
            ):  # a branch came back; c: where to go on the first failure, the others go on as flows of their own
                status = frames[b + STATE] & STATUS
                if status != OK:
                    others = ((frames[b + STATE] & COUNT) >> COUNT_SHIFT) - 1
                    frames[((frames[b + ROOT] & SLOT) << 3) + ROOT] += others * LIVE
                    kept_flags = frames[b + STATE] & (COLD | RECEIVES | RETRIED | COPY)
                    frames[b + STATE] = (
                        ((((frames[b + STATE] >> 40) + 1) & GENERATIONS) << 40) | ONE | status | kept_flags
                    )
                    pc = code[c + 3]
                    if g[G_TOKENS] == 1:
                        wake_lost(frames, g)
                    continue
                frames[b + STATE] -= ONE
                if frames[b + STATE] & COUNT:
                    break
                frames[b + STATE] = (frames[b + STATE] | ONE) & ~FORKED
                pc += 1
                continue
            if op == DELAY:  # b site
                site = code[c + 2]
                cut = -1
                break
            if op == CHANCE:  # b site, c target of a hit
                pc = code[c + 3] if hit(sites, code[c + 2], frames[b + REQUEST], frames[b + SALT]) else pc + 1
                continue
            if (
                op == MATCH
            ):  # a values that pass (bits), b site, c target of a miss, d table offset, e values: an attribute filter
                k = 0
                h2 = word(sites[((code[c + 2] & PAGE) << 3) + 1], frames[b + REQUEST], 0)
                while k < code[c + 5] - 1 and not below(h2, sites[((code[c + 4] + k & PAGE) << 3) + 2]):
                    k += 1
                pc = pc + 1 if (code[c + 1] >> k) & 1 else code[c + 3]
                continue
            if op == FAIL:  # a status, b site, c target, d 1: keyed by the request alone
                if hit(sites, code[c + 2], frames[b + REQUEST], 0 if code[c + 4] == 1 else frames[b + SALT]):
                    frames[b + STATE] |= code[c + 1]
                    pc = code[c + 3]
                else:
                    pc += 1
                continue
            if op == DOOM:  # a status, c target: a batch in which a unit has failed as a whole
                if frames[b + STATE] & DOOMED:
                    frames[b + STATE] |= code[c + 1]
                    pc = code[c + 3]
                else:
                    pc += 1
                continue
            # a mask | counter << 16 | jitter << 19 | decorrelated << 20 | strictly within the age << 21 | most << 24,
            # b age limit + 1 | jitter site + 1 << 32, c back, d end, e interval, f rate, g longest
            if op == RETRY:
                status = frames[b + STATE] & STATUS
                s = 8 * ((code[c + 1] >> 16) & 7)
                k = (frames[b + LINK] >> s) & 0xFF
                if status == OK or (code[c + 1] >> status) & 1 == 0:
                    pc += 1
                    continue
                x = code_f[c + 5]
                for _ in range(k):
                    x *= code_f[c + 6]
                    if x > code_f[c + 7]:
                        break
                x = min(x, code_f[c + 7])
                j = (((code[c + 2] >> 32) & PAGE) - 1) << 3
                if (code[c + 1] >> 19) & 1:
                    x *= np.float64(word(sites[j + 1], frames[b + REQUEST], frames[b + SALT])) * 2.0**-64
                elif (code[c + 1] >> 20) & 1:
                    x = code_f[c + 5]
                    for i in range(k + 1):
                        h2 = word(sites[j + 1], frames[b + REQUEST], unretried(frames[b + SALT], k - i))
                        keep = np.float64(h2) * 2.0**-64
                        x = min(code_f[c + 7], code_f[c + 5] + keep * (3.0 * x - code_f[c + 5]))
                age = (code[c + 2] & 0xFFFFFFFF) - 1
                is_late = age >= 0 and (
                    t + x > frames_f[b + START] + age
                    or ((code[c + 1] >> 21) & 1 == 1 and t + x == frames_f[b + START] + age)
                )
                if k >= code[c + 1] >> 24 or is_late:
                    pc = code[c + 4]
                    continue
                frames[b + LINK] += 1 << s if k < 255 else 0
                frames[b + STATE] &= ~STATUS
                if status not in (THROTTLED, SERVICE):  # what was turned away has not run
                    frames[b + STATE] |= RETRIED
                frames[b + SALT] = retried(frames[b + SALT])
                at = t + x
                frames[b + PC] = code[c + 3]
                break
            if op == STATUS_:  # a status, c target
                frames[b + STATE] = (frames[b + STATE] & ~STATUS) | code[c + 1]
                pc = code[c + 3]
                continue
            if op == JUMP:  # c target by status, where bit a of it is set; else on
                pc = code[c + 3] if (code[c + 1] >> (frames[b + STATE] & STATUS)) & 1 else pc + 1
                continue
            if op == ENQUEUE:  # a queue: the frame is the message
                q = (code[c + 1] & PAGE) << 5
                frames[b + PC] = pc
                frames_f[b + START] = t
                queues_f[q + SINCE_Q_F] += t
                if queues[q + WAITING_NOW] == 0:
                    queues[q + FIRST] = f
                else:
                    frames[((queues[q + LAST] & SLOT) << 3) + LINK] = f
                queues[q + LAST] = f
                queues[q + WAITING_NOW] += 1
                if queues[q + WAITING_NOW] > queues[q + PEAK_WAITING]:
                    queues[q + PEAK_WAITING] = queues[q + WAITING_NOW]
                form = q >> 5
                break
            if op == AGAIN:  # a queue: the visibility of a message is over
                q = (code[c + 1] & PAGE) << 5
                k = frames[b + STATE] & FAILED
                frames[b + STATE] &= ~FAILED
                if (frames[b + STATE] & RECEIVES) >> RECEIVE_SHIFT >= queues[q + MAX_RECEIVES]:
                    queues[q + DEAD_LETTERS] += 1
                    pc = queues[q + DEAD_PC]
                else:
                    frames[b + SALT] = retried(frames[b + SALT])
                    frames[b + STATE] |= RETRIED if k != 0 else 0
                    pc = code[c + 3]
                continue
            if op == TICK:  # a queue: the window of its oldest message may be over
                q = (code[c + 1] & PAGE) << 5
                queues[q + ARMED] = 0
                form = q >> 5
                break
            if op == RAMP:  # a queue: one more batch at once, as long as all are busy
                q = (code[c + 1] & PAGE) << 5
                queues[q + RAMPING] = 0
                if queues[q + WAITING_NOW] > 0 and queues[q + BATCHES_NOW] >= queues[q + MOST]:
                    queues[q + MOST] += 1
                    form = q >> 5
                break
            if op == UNIT:  # a pool, c: where to go after the last; the batch's next message
                k = (frames[b + STATE] & RECEIVES) >> RECEIVE_SHIFT  # of a batch: units begun
                n = (frames[b + PARENT] >> 48) & BATCH_COUNT
                if k == n:
                    pc = code[c + 3]
                    continue
                m = (frames[b + PARENT] >> 24) & SLOT
                if k > 0:
                    m = frames[(m << 3) + LINK] & SLOT
                    frames[b + STATE] &= ~COLD
                frames[b + STATE] += RECEIVE
                frames[b + PARENT] = BATCH | (n << 48) | (m << 24) | (frames[b + PARENT] & SLOT)
                e = m << 3
                frames[b + REQUEST] = frames[e + REQUEST]
                frames[b + ROOT] = (frames[b + ROOT] & ~SLOT) | (frames[e + ROOT] & SLOT)
                frames[b + SALT] = frames[e + SALT]
                frames[b + STATE] = (frames[b + STATE] & ~(RETRIED | COPY)) | (frames[e + STATE] & (RETRIED | COPY))
                if is_logged and k > 0:
                    h = 0 if frames[e + STATE] & (RETRIED | COPY) == 0 else 1
                    log(effects, effects_f, g, t, frames[e + REQUEST], code[c + 1], h)
                if traced > 0 and concerns(frames, marks, f, numbered, traced):
                    note(trace, g, t, pc, frames, m, 0, NOTE_UNIT, f, 0.0, 0.0)
                pc += 1
                continue
            if op == UNIT_FAILED:  # a 1: fails its batch, b next unit, c leave
                frames[(((frames[b + PARENT] >> 24) & SLOT) << 3) + STATE] |= FAILED
                if code[c + 1] == 1:
                    pc = code[c + 3]
                else:
                    frames[b + STATE] &= ~STATUS
                    pc = code[c + 2]
                continue
            if op == SETTLE:  # a queue: the batch is over
                q = (code[c + 1] & PAGE) << 5
                status = frames[b + STATE] & STATUS
                m = frames[b + PARENT] & SLOT
                n = (frames[b + PARENT] >> 48) & BATCH_COUNT
                x = max(frames_f[(m << 3) + START] + queues_f[q + VISIBILITY_F], t)
                deleted = 0
                queues[q + IN_FLIGHT] -= n
                for _ in range(n):
                    e = m << 3
                    k = m
                    m = frames[e + LINK] & SLOT
                    if traced > 0 and is_marked(marks, frames[e + REQUEST] - numbered, traced):
                        note(trace, g, t, pc, frames, k, status, NOTE_SETTLED, f, frames_f[b + START], 0.0)
                    is_over = status == OK and frames[e + STATE] & FAILED == 0
                    if not is_over and frames[e + STATE] & COPIED:  # a copy of it goes on
                        frames[e + PC] = g[G_GONE_PC]
                        make_ready(frames, g, k)
                    elif not is_over:
                        queues[q + RETURNED] += 1
                        frames[e + STATE] |= FAILED if status not in (THROTTLED, SERVICE) else 0
                        frames[e + PC] = queues[q + AGAIN_PC]
                        size = schedule(
                            heap, frames, size, is_hole, x, (TIMER << CLASS_SHIFT) | (frames[e + REQUEST] << 24) | k
                        )
                        is_hole = False
                    else:
                        deleted += 1
                        frames[e + PC] = queues[q + AFTER_PC]
                        make_ready(frames, g, k)
                queues[q + DELETES] += (deleted + 9) // 10
                release(frames, g, f)
                queues[q + BATCHES_NOW] -= 1
                if queues[q + WAITING_NOW] > 0:
                    form = q >> 5
                elif queues[q + BATCHES_NOW] < queues[q + START_MOST]:
                    queues[q + MOST] = queues[q + START_MOST]
                break
            if op == WATCH:  # the caller named by this frame may have timed out while it waits
                parent = frames[b + PARENT]
                e = (parent & SLOT) << 3
                state = frames[e + STATE]
                if state >> 40 == parent >> 24 and state & (WAITING | FORKED):
                    others = (state & COUNT) >> COUNT_SHIFT if state & FORKED else 1
                    frames[((frames[e + ROOT] & SLOT) << 3) + ROOT] += others * LIVE
                    frames[e + STATE] = ((((state >> 40) + 1) & GENERATIONS) << 40) | ONE | TIMEOUT
                    k = parent & SLOT
                    frames[e + PC] = frames[b + ROOT]
                    make_ready(frames, g, k)
                    if g[G_TOKENS] == 1:
                        wake_lost(frames, g)
                release(frames, g, f)
                break
            if op == PATIENCE:  # g seconds: this frame's deadline
                frames_f[b + LINK] = t + code_f[c + 7]
                pc += 1
                continue
            if op == METER:  # a place, b amount
                out[code[c + 1]] += code[c + 2]
                pc += 1
                continue
            if op == STAMP:  # this frame's start, without attempts so far
                frames_f[b + START] = t
                frames[b + LINK] = 0
                pc += 1
                continue
            if op == ELAPSED:  # a place, g units per second: counts the time since the start, rounded up
                out[code[c + 1]] += np.int64(np.ceil((t - frames_f[b + START]) * code_f[c + 7] - 1e-6))
                pc += 1
                continue
            if op == DESCEND:  # a place: the visit goes on below it
                frames[b + SALT] = descended(frames[b + SALT], code[c + 1])
                pc += 1
                continue
            # a 0: a state is left, its retries are forgotten; 1: back to the salt before them; 2: forth again
            if op == RESET:
                k = frames[b + LINK]
                while k > 0:
                    h = k & 0xFF
                    frames[b + SALT] = unretried(frames[b + SALT], -h if code[c + 1] == 2 else h)
                    k >>= 8
                if code[c + 1] == 0:
                    frames[b + LINK] = 0
                    frames[b + STATE] &= ~RETRIED
                pc += 1
                continue
            if op == TAKE:  # a rate limiter, c where to go when it refuses
                if taken_in(queues, queues_f, (code[c + 1] & PAGE) << 5, t):
                    pc += 1
                else:
                    frames[b + STATE] = (frames[b + STATE] & ~STATUS) | THROTTLED
                    pc = code[c + 3]
                continue
            if op == PACE:  # a rate limiter: go on when it lets this through
                at = paced(queues_f, (code[c + 1] & PAGE) << 5, t)
                pc += 1
                if at > t:
                    frames[b + PC] = pc
                    break
                at = -1.0
                continue
            if op == ASK:  # a breaker, c where to go when it is open
                if asked(queues, queues_f, (code[c + 1] & PAGE) << 5, frames, b, t):
                    pc += 1
                else:
                    frames[b + STATE] = (frames[b + STATE] & ~STATUS) | ERROR
                    pc = code[c + 3]
                continue
            if op == TELL:  # a breaker: how the call ended
                told(queues, queues_f, (code[c + 1] & PAGE) << 5, frames, b, t)
                pc += 1
                continue
            if op == MAP:  # a item, b items, c at once, d leave: START holds items begun | failed << 32
                k = min(code[c + 2], code[c + 3])
                if g[G_FREE_COUNT] < k + 8:  # not enough frames: again, before anybody else
                    if g[G_READY] < 0:
                        g[G_READY_LAST] = f
                    frames[b + LINK] = g[G_READY]
                    g[G_READY] = f & SLOT
                    frames[b + PC] = pc
                    why = MORE_FRAMES
                    break
                frames[b + START] = k
                frames[b + STATE] = (frames[b + STATE] & ~COUNT) + k * ONE | FORKED | STRAND
                frames[b + PC] = pc + 1
                for i in range(k):
                    m = item(frames, g, f, i, code[c + 1])
                    make_ready(frames, g, m)
                    if traced > 0 and is_marked(marks, frames[b + REQUEST] - numbered, traced):
                        note(trace, g, t, pc, frames, m, 0, NOTE_BORN, f, 0.0, 0.0)
                if k > 0:
                    break
                frames[b + STATE] = (frames[b + STATE] | ONE) & ~FORKED
                pc = code[c + 4]
                continue
            if op == JOIN_MAP:  # as MAP, e failures that are tolerated: an item came back
                status = frames[b + STATE] & STATUS
                frames[b + STATE] -= ONE
                if status != OK:
                    frames[b + START] += 1 << 32
                    if frames[b + START] >> 32 > code[c + 5]:
                        others = (frames[b + STATE] & COUNT) >> COUNT_SHIFT
                        frames[((frames[b + ROOT] & SLOT) << 3) + ROOT] += others * LIVE
                        frames[b + STATE] = (
                            ((((frames[b + STATE] >> 40) + 1) & GENERATIONS) << 40) | ONE | STRAND | status
                        )
                        pc = code[c + 4]
                        if g[G_TOKENS] == 1:
                            wake_lost(frames, g)
                        continue
                    frames[b + STATE] &= ~STATUS
                k = frames[b + START] & 0xFFFFFFFF
                if k < code[c + 2]:
                    frames[b + START] += 1
                    frames[b + STATE] += ONE
                    m = item(frames, g, f, k, code[c + 1])
                    make_ready(frames, g, m)
                    if traced > 0 and is_marked(marks, frames[b + REQUEST] - numbered, traced):
                        note(trace, g, t, pc, frames, m, 0, NOTE_BORN, f, 0.0, 0.0)
                if frames[b + STATE] & COUNT:
                    break
                frames[b + STATE] = (frames[b + STATE] | ONE) & ~FORKED
                pc = code[c + 4]
                continue
            if op == AWAIT:  # a token; a leave where the deadline cuts, -1: none
                frames[b + PC] = pc + 1
                frames[b + STATE] = (frames[b + STATE] & ~COUNT) | FORKED
                if code[c + 1] >= 0:
                    size = watch(frames, heap, g, size, is_hole, f, frames_f[b + LINK], code[c + 1])
                    is_hole = False
                break
            if op == HISTORY:  # a events, b most, c where to go beyond them, -1: not asked, d 1: a history begins here
                if code[c + 4] == 1:
                    frames[b + STATE] |= DOOMED
                k = f & SLOT
                while (
                    frames[(k << 3) + STATE] & STRAND
                    and frames[(k << 3) + STATE] & DOOMED == 0
                    and frames[(k << 3) + PARENT] >= 0
                ):
                    k = frames[(k << 3) + PARENT] & SLOT
                frames[(k << 3) + ROOT] += code[c + 1] << 24
                pc += 1
                if code[c + 3] >= 0 and frames[(k << 3) + ROOT] >> 24 > code[c + 2]:
                    frames[b + STATE] = (frames[b + STATE] & ~STATUS) | FATAL
                    pc = code[c + 3]
                continue
            if op == DUPLICATE:  # a place of the message just sent, b site, c where to go if it comes once
                salt = descended(frames[b + SALT], code[c + 1])
                pc = pc + 1 if hit(sites, code[c + 2], frames[b + REQUEST], salt) else code[c + 3]
                continue
            if op == OVERRUN:  # a queue, b fire, g longest run: a timer where it may outlive the messages' hiding
                q = (code[c + 1] & PAGE) << 5
                x = frames_f[((frames[b + PARENT] & SLOT) << 3) + START] + queues_f[q + VISIBILITY_F]
                if frames[b + STATE] & FAILED == 0 and t + code_f[c + 7] > x:
                    frames[b + STATE] |= FAILED  # of a batch: it has its timer
                    m = take(frames, g)
                    e = m << 3
                    frames[e + PC] = code[c + 2]
                    frames[e + PARENT] = ((frames[b + STATE] >> 40) << 24) | f
                    frames[e + REQUEST] = frames[b + REQUEST]
                    frames[e + ROOT] = SLOT
                    frames[e + SALT] = frames[((frames[b + PARENT] & SLOT) << 3) + SALT]
                    size = schedule(
                        heap, frames, size, is_hole, x, (TIMER << CLASS_SHIFT) | (frames[b + REQUEST] << 24) | m
                    )
                    is_hole = False
                pc += 1
                continue
            if op == OVERRUN_:  # a queue: the messages of a batch that still runs are seen again, as copies
                q = (code[c + 1] & PAGE) << 5
                parent = frames[b + PARENT]
                e = (parent & SLOT) << 3
                if frames[e + STATE] >> 40 == parent >> 24:
                    n = (frames[e + PARENT] >> 48) & BATCH_COUNT
                    if g[G_FREE_COUNT] < n + 8:
                        if g[G_READY] < 0:
                            g[G_READY_LAST] = f
                        frames[b + LINK] = g[G_READY]
                        g[G_READY] = f & SLOT
                        frames[b + PC] = pc
                        why = MORE_FRAMES
                        break
                    m = frames[e + PARENT] & SLOT
                    queues[q + RETURNED] += n
                    for _ in range(n):
                        k = copy_of(frames, g, m, queues[q + AGAIN_PC])
                        make_ready(frames, g, k)
                        if traced > 0 and is_marked(marks, frames[(m << 3) + REQUEST] - numbered, traced):
                            note(trace, g, t, pc, frames, k, 0, NOTE_BORN, m, 0.0, 0.0)
                        m = frames[(m << 3) + LINK] & SLOT
                release(frames, g, f)
                break
            if op == EFFECT:  # a pool: a unit's own work is done
                log(effects, effects_f, g, t, frames[b + REQUEST], code[c + 1], 2)
                pc += 1
                continue
            if op == NEXT:  # a request of a closed loop has its answer: its user thinks, and then makes the next
                if frames[b + REQUEST] + users < g[G_LAST_REQUEST]:
                    m = take(frames, g)
                    frames[(m << 3) + REQUEST] = frames[b + REQUEST] + users
                    frames[(m << 3) + PARENT] = -1  # what the frame was before could be taken for a batch
                    frames[(m << 3) + PC] = g[G_ARRIVE_PC]
                    make_ready(frames, g, m)
                pc += 1
                continue
            if op == RECUR:  # a most, c where to go then: events of a circle that one led to the other
                if f != frames[b + ROOT] & SLOT and frames[b + PARENT] < 0:
                    frames[b + PARENT] -= 1
                    if -1 - frames[b + PARENT] >= code[c + 1]:
                        pc = code[c + 3]
                        continue
                pc += 1
                continue
            if op == TURN:  # this frame goes on after those that are ready already
                frames[b + PC] = pc + 1
                make_ready(frames, g, f)
                break
            if op == FREE:  # an activity of no request is over
                release(frames, g, f)
                break
            if op == ARRIVE:  # b site: a user thinks, and then this request enters
                x = t + draw(sites, sites_f, table, code[c + 2], frames[b + REQUEST], 0)
                frames[b + PC] = entry
                frames_f[b + PARENT] = x
                frames[b + ROOT] = f | LIVE
                frames[b + SALT] = 0
                frames_f[b + START] = x
                frames[b + STATE] = (frames[b + STATE] >> 40 << 40) | ONE
                size = schedule(
                    heap, frames, size, is_hole, x, (ARRIVAL << CLASS_SHIFT) | (frames[b + REQUEST] << 24) | f
                )
                is_hole = False
                g[G_ISSUED] += 1
                g_f[G_LAST_F] = max(g_f[G_LAST_F], x)
                if g[G_ISSUED] == g[G_LAST_REQUEST] - numbered:
                    why = ALL_ISSUED
                break
            break
        if site >= 0:  # it blocks for a drawn time
            b = (f & SLOT) << 3
            x = draw(sites, sites_f, table, site, frames[b + REQUEST], frames[b + SALT]) * fraction
            if klass == END:  # work, which the invocation's deadline may cut
                at = t + (extra + x)
                pc += 1
                if at > frames_f[b + LINK]:
                    at = frames_f[b + LINK]
                    frames[b + STATE] = (frames[b + STATE] & ~STATUS) | TIMEOUT
                    pc = cut
            else:  # a hop (the frame starts at pc) or a delay (it goes on after it)
                at = t + x
                pc += 2 + cut
            frames[b + PC] = pc
        if at >= 0.0:
            size = schedule(
                heap,
                frames,
                size,
                is_hole,
                at,
                (klass << CLASS_SHIFT) | (frames[((f & SLOT) << 3) + REQUEST] << 24) | f,
            )
            is_hole = False
    if is_hole:
        size -= 1
        sift(heap, frames, size, heap[2 * size], heap[2 * size + 1])
    g[G_HEAP], g[G_TAKEN], g[G_ACCOUNT], g[G_FORM] = size, taken, account, form
    g[G_EVENTS] += events
    g_f[G_NOW_F], g_f[G_TAT_F] = t, quota
    return why
