"""Requests sent to a stack when a load says: the arrivals of the simulation, by the wall."""

import threading
import time
from bisect import bisect_right
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any

import numpy as np

from chainkit.deployment.injecting import Injection
from chainkit.deployment.measured import Measured
from chainkit.deployment.payloads import payloads
from chainkit.errors import ConfigError
from chainkit.records import Trace
from chainkit.simulation.loads import ClosedLoop, Load

MOST = 100_000
"""Requests of one load test."""

_Sent = tuple[list[Trace], list[float], list[float]]
"""Traces; when each was sent, and when it was to be: seconds."""

Send = Callable[[int, Any], Trace]
"""Sends the event of a request, by its number, and waits for its story."""


def check(load: Load, requests: int) -> None:
    """Refuse what is no load test.

    Raises
    ------
    ConfigError
        If the load is none, or the number of requests is out of range.
    """
    if not isinstance(load, Load):
        raise ConfigError(f"load: load={load!r} is no traffic", fix="give ck.Poisson(rate_per_s=4)")
    if isinstance(requests, bool) or not isinstance(requests, int) or not 1 <= requests <= MOST:
        raise ConfigError(f"load: requests={requests!r} is outside 1..{MOST:,}", fix="give a number of requests")
    load.check_requests(requests)


def measure(
    send: Send,
    stack: Any,
    load: Load,
    requests: int,
    seed: int,
    given: Any,
    injection: Injection | None = None,
    came: Callable[[int], object] | None = None,
) -> Measured:
    """Return what came of requests that were sent as a load says; see `Stack.load`."""
    check(load, requests)
    firsts = injection.firsts if injection is not None else [0]
    carried = [load.carried(n, seed=seed, replication=bisect_right(firsts, n) - 1) for n in range(requests)]
    events = payloads(given, stack.chain, requests, seed, carried)
    sending = _closed if isinstance(load, ClosedLoop) else _open
    send = send if came is None else _heard(send, came)
    traces, sent_s, asked_s = sending(send, load, events, seed, stack.target.at_once)
    return Measured(
        chain=stack.chain.copy(),
        target=stack.target.name,
        load=load,
        seed=seed,
        traces=tuple(traces),
        sent_s=np.array(sent_s),
        asked_s=np.array(asked_s),
        injection=injection,
    )


def _heard(send: Send, came: Callable[[int], object]) -> Send:
    """Return what sends and tells how many requests are through, one at a time."""
    done, lock = count(1), threading.Lock()

    def heard(number: int, event: Any) -> Trace:
        trace = send(number, event)
        with lock:
            came(next(done))
        return trace

    return heard


def _open(send: Send, load: Load, events: list[Any], seed: int, at_once: int) -> _Sent:
    """Send each event at its arrival, whatever has become of those before; what is late is sent at once."""
    asked_s = load.arrivals_s(len(events), seed=seed)
    sent_s = np.zeros(len(events))
    waiting: list[Future[Trace]] = []
    has_failed = threading.Event()
    began_s = time.monotonic()

    def one(number: int) -> Trace:
        sent_s[number] = time.monotonic() - began_s
        try:
            return send(number, events[number])
        except BaseException:
            has_failed.set()
            raise

    with ThreadPoolExecutor(at_once) as threads:
        try:
            for number, at_s in enumerate(asked_s.tolist()):
                if has_failed.wait(max(at_s - (time.monotonic() - began_s), 0.0)):
                    break  # the rest would be refused, too
                waiting.append(threads.submit(one, number))
            traces = [each.result() for each in waiting]
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
    return traces, sent_s.tolist(), asked_s.tolist()


def _closed(send: Send, load: Load, events: list[Any], seed: int, at_once: int) -> _Sent:
    """Let users think, ask, wait for the answer, and think again."""
    assert isinstance(load, ClosedLoop)
    users = load.active(len(events))
    thinks_s = load.think.ppf(np.random.default_rng(seed).random(len(events)))
    traces: dict[int, Trace] = {}
    sent_s = np.zeros(len(events))
    began_s = time.monotonic()

    def user(who: int) -> None:
        for number in range(who, len(events), users):
            time.sleep(float(thinks_s[number]))
            sent_s[number] = time.monotonic() - began_s
            traces[number] = send(number, events[number])

    with ThreadPoolExecutor(min(users, at_once)) as threads:
        for done in [threads.submit(user, who) for who in range(users)]:
            done.result()
    return [traces[number] for number in range(len(events))], sent_s.tolist(), [float("nan")] * len(events)
