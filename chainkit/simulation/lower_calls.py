"""Lowering, second part: the code that a node runs to call and to hand over."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainkit.errors import SimulationError, nearest
from chainkit.patterns import passes
from chainkit.records import FanOut, Pool, Relay
from chainkit.simulation import kernel as k
from chainkit.simulation import primitives as m
from chainkit.simulation.lower_links import ALWAYS, FAILURE_MASKS, ITEM, NOT_OK, OWN, Links
from chainkit.wiring import Caller, Invocation, Retry


@dataclass(frozen=True, kw_only=True)
class Ends:
    """Where a node's code goes when it is over, and what its own work is."""

    leave: str
    """Where it goes at the end, and when its deadline cuts it."""
    failed: str
    """Where it goes when a call has failed it."""
    watched: bool
    """Whether its deadline can cut a wait."""
    work: tuple[int, int] | None = None
    """Sites of its own work: usual, and first after an init."""
    over: Callable[[], None] = lambda: None
    """Writes what happens at the end of the own work, before the steps that begin after all of it."""


class Calls(Links):
    """Writes calls and hand-overs."""

    def _steps(self, name: str, ends: "Ends") -> None:
        """Write a node's calls, and the own work between and after them."""
        cuts = self._cuts(name)
        is_over = False
        for i, (fraction, links) in enumerate(cuts):
            if fraction >= 1 and not is_over:
                ends.over()
                is_over = True
            self._step(name, links, ends)
            rest = (cuts[i + 1][0] if i + 1 < len(cuts) else 1.0) - fraction
            if ends.work is not None and rest > 0:
                work, first = ends.work
                self.a.emit(k.WORK, first, work, ends.leave, self._speed(name), g=float(rest))
        if not is_over:
            ends.over()

    def _step(self, name: str, links: Sequence[tuple[str, Caller]], ends: "Ends") -> None:
        """Write one step: hand over what is handed over, then call and wait."""
        a = self.a
        waits = [(key, v) for key, v in links if v.kind == "sync"]
        for key, link in links:
            if link.kind != "sync":
                with_end = self._only_if(name, key, link, f"{ends.leave}.{key}")
                self._meter_route(link)
                for item in range(link.count):
                    self._take(link.target, ends.failed)
                    self._spawn(key, link.target, item)
                self._after(with_end)
        is_relay = isinstance(self.behaviours[name], Relay)
        one_case = len({v.case for _, v in waits}) == 1 and all(v.case for _, v in waits)
        excludes = one_case and len({v.chance or key for key, v in waits}) == len(waits)
        if len(waits) == 1 or is_relay or excludes or not waits:
            for key, link in waits:
                with_end = self._only_if(name, key, link, f"{ends.leave}.{key}")
                self._meter_route(link)
                self._call(key, link, ends)
                self._meter_answer(link)
                self._after(with_end)
            return
        for n, (key, link) in enumerate(waits):
            assert isinstance(link, Invocation)
            self._queue_stub(f"{ends.leave}.{key}.branch", key, link)
            a.emit(k.SPAWN, f"{ends.leave}.{key}.branch", -1, -1, 2 if n == 0 else 1, -1)
            a.mark(key)
        a.emit(k.WAIT, ends.leave if ends.watched else -1)
        a.emit(k.JOIN, 0, 0, ends.failed)

    def _is_exclusive(self, name: str, link: Caller) -> bool:
        """Tell whether a link excludes its siblings: a route of an API, or a case."""
        return isinstance(self.behaviours[name], Relay) or link.case is not None

    def _only_if(self, name: str, key: str, link: Caller, label: str) -> str | None:
        """Write the test whether a request takes a link; return the label to put after it."""
        is_filtered = not self._filter(key, link, f"{label}.skip")
        skip = self._by_chance(name, key, link, label)
        return f"{label}.skip" if is_filtered else skip

    def _by_chance(self, name: str, key: str, link: Caller, label: str) -> str | None:
        """Write the part of that test which is drawn."""
        if self._is_exclusive(name, link):
            is_relay = isinstance(self.behaviours[name], Relay)
            group = [(other, v) for other, v in self._out(name, Caller) if is_relay or v.case == link.case]
            shares = {v.chance or other: v.probability for other, v in group}
            before = sum(list(shares.values())[: list(shares).index(link.chance or key)])
            site = f"{name}.{link.case or 'routes'}.case"
            return self._within(site, before, link.probability, label)
        return self._within(f"{link.chance or key}.chance", 0.0, link.probability, label)

    def _within(self, site: str, before: float, p: float, label: str) -> str | None:
        """Write that what follows is skipped unless a uniform draw lies within so much after `before`."""
        a = self.a
        if before == 0 and p >= 1:
            return None
        if before > 0:
            a.emit(k.CHANCE, 0, a.chance(site, before), f"{label}.skip")
        a.emit(k.CHANCE, 0, a.chance(site, min(1.0, before + p)), f"{label}.do")
        a.emit(k.JUMP, ALWAYS, 0, f"{label}.skip")
        a.label(f"{label}.do")
        return f"{label}.skip"

    def _filter(self, key: str, link: Any, skip: str) -> bool:
        """Write a filter on the request's attributes; return whether there is none."""
        a, policy = self.a, link.filter_policy
        known = {field: rules for field, rules in (policy or {}).items() if field in self.attributes}
        fraction = getattr(link, "match_fraction", None)
        if fraction is not None and (not policy or len(known) < len(policy)):
            if fraction >= 1:
                return True
            a.emit(k.CHANCE, 0, a.chance(f"{key}.chance", fraction), f"{key}.do")
            a.emit(k.JUMP, ALWAYS, 0, skip)
            a.label(f"{key}.do")
            return False
        if not policy:
            return True
        for field in policy:
            if field not in known:
                fraction_too = ", or the link a match_fraction" if hasattr(link, "match_fraction") else ""
                raise SimulationError(
                    f"link {key!r}: its filter looks at {field!r}, which the traffic does not state"
                    f"{nearest(field, self.attributes)}",
                    fix=f"give the load attributes={{{field!r}: {{value: share}}}}{fraction_too}",
                )
        for field, rules in known.items():
            shares = {value: p for value, p in self.attributes[field].items() if p > 0}
            bits = sum(1 << i for i, value in enumerate(shares) if passes(rules, value))
            cumulative = np.cumsum(list(shares.values()))
            sites = [a.chance(f"attribute:{field}", float(min(p, 1.0))) for p in cumulative]
            a.emit(k.MATCH, bits, sites[0], skip, sites[0], len(sites))  # they stand in one row: made together
        return False

    def _after(self, label: str | None) -> None:
        """Put the label that skips a link."""
        if label is not None:
            self.a.label(label)

    def _take(self, target: str, refused: str) -> None:
        """Write that what is handed over counts against the account's quota of its target, if there is one."""
        behaviour = self.behaviours[target]
        if isinstance(behaviour, FanOut) and behaviour.quota:
            self.a.emit(k.TAKE, self._limiter(f"{behaviour.quota}.put"), 0, refused)

    def _spawn(self, key: str, target: str, item: int, *, way: int = OWN, limiter: int = -1) -> None:
        """Write that one message leaves by a link, and that sometimes it does so twice."""
        a, start = self.a, self._delivery(key, target)
        place, size = self._place(key) + ITEM * item, self._bytes_of(key)
        self._meter_arrival(target, size)
        a.emit(k.SPAWN, start, self._hop(key), place, way, limiter)
        a.mark(key)
        rate = getattr(self.links[key], "duplicate_rate", 0.0)
        if rate > 0:
            once = f"{key}.once{len(a.rows)}"
            a.emit(k.DUPLICATE, place, a.chance(f"{key}.duplicate", rate), once)
            self._meter_arrival(target, size)
            a.emit(k.SPAWN, start, self._hop(key), place + ITEM // 2, way, limiter, 1)
            a.mark(key)
            a.label(once)

    def _delivery(self, key: str, target: str) -> str:
        """Return the label at which what a link hands over starts: where deliveries fail, their tries."""
        if getattr(self.links[key], "delivery_error_rate", 0.0) > 0:
            self.deliveries.setdefault(key, f"{key}.deliver")
            return f"{key}.deliver"
        return self._start(target)

    def _call(self, key: str, link: Caller, ends: "Ends") -> None:
        """Write one synchronous call and what its failure does."""
        assert isinstance(link, Invocation)
        a, watch = self.a, ends.leave if ends.watched else -1
        if link.retry is None and link.client_timeout_s is None and link.breaker is None:
            a.emit(k.CALL, f"{link.target}.run", self._hop(key), self._place(key), watch)
        else:
            self._queue_stub(f"{ends.leave}.{key}.stub", key, link)
            a.emit(k.CALL, f"{ends.leave}.{key}.stub", -1, -1, watch)
        a.mark(key)
        if link.on_error == "continue":
            a.emit(k.STATUS_, m.OK, 0, f"{ends.leave}.{key}.answered")
            a.label(f"{ends.leave}.{key}.answered")
        else:
            a.emit(k.JUMP, NOT_OK, 0, ends.failed)

    def _queue_stub(self, label: str, key: str, link: Invocation) -> None:
        """Remember a stub to write after this node."""
        self.stubs.append((label, key, link))

    def _stub(self, label: str, key: str, link: Invocation) -> None:
        """Write the frame between a caller and its callee that tries again, gives up waiting, or is one of several."""
        a = self.a
        a.label(label)
        over = f"{label}.over"
        with_end = None
        if label.endswith(".branch"):
            with_end = self._only_if(link.source, key, link, label)
        a.label(f"{label}.try")
        breaker = self._breaker(key, link)
        if breaker >= 0:
            a.emit(k.ASK, breaker, 0, f"{label}.open")
        if link.client_timeout_s is None:
            a.emit(k.CALL, f"{link.target}.run", self._hop(key), self._place(key), -1)
        else:
            a.emit(k.CALL, f"{label}.patience", -1, -1, -1)
        a.mark(key)
        if link.client_timeout_s is not None:
            a.emit(k.JUMP, 1 << m.IMPATIENT, 0, f"{label}.late")
        is_instant = self._hop(key) < 0 and isinstance(self.behaviours[link.target], Pool)
        if is_instant:
            a.emit(k.JUMP, 1 << m.THROTTLED, 0, f"{label}.refused")
        a.emit(k.ALIVE, f"{label}.back", 1)
        a.label(f"{label}.answered")
        if breaker >= 0:
            a.emit(k.TELL, breaker)
        if link.retry is not None:
            self._caller_retry(link.retry, key, f"{label}.again", over)
        if with_end is not None:
            a.emit(k.JUMP, ALWAYS, 0, over)
            a.label(with_end)
            a.emit(k.ALIVE, f"{label}.back")  # a call that is not made is no branch, even if its caller is gone already
        a.label(over)
        if link.on_error == "continue":
            a.emit(k.STATUS_, m.OK, 0, f"{label}.out")
            a.label(f"{label}.out")
        a.label(f"{label}.back")
        a.emit(k.RET)
        if is_instant:
            a.label(f"{label}.refused")
            a.emit(k.ALIVE, f"{label}.back")  # refused in the instant it was made: nothing ran on
            a.emit(k.JUMP, ALWAYS, 0, f"{label}.answered")
        if breaker >= 0:
            a.label(f"{label}.open")
            a.emit(k.ALIVE, f"{label}.back")  # not made: no branch
            a.emit(k.JUMP, ALWAYS, 0, over)
        a.label(f"{label}.again")
        a.emit(k.ALIVE, f"{label}.back")
        a.emit(k.JUMP, ALWAYS, 0, f"{label}.try")
        if link.client_timeout_s is not None:
            a.label(f"{label}.patience")
            a.emit(k.PATIENCE, g=float(link.client_timeout_s))
            a.emit(k.CALL, f"{link.target}.run", self._hop(key), self._place(key), f"{label}.impatient")
            a.mark(key)
            a.emit(k.JUMP, 1 << m.IMPATIENT, 0, f"{label}.expired")  # an execution that took too long, not this caller
            a.emit(k.RET)
            a.label(f"{label}.expired")
            a.emit(k.STATUS_, m.TIMEOUT, 0, f"{label}.back")
            a.label(f"{label}.impatient")
            a.emit(k.STATUS_, m.IMPATIENT, 0, f"{label}.back")
            a.label(f"{label}.late")
            a.emit(k.ALIVE, f"{label}.back")
            a.emit(k.STATUS_, m.TIMEOUT, 0, f"{label}.answered")

    def _breaker(self, key: str, link: Invocation) -> int:
        """Return the row of a link's circuit breaker, or -1."""
        if link.breaker is None:
            return -1
        if key not in self.limiters:
            row = np.zeros(32, np.int64)
            floats = row.view(np.float64)
            row[m.B_FAILURES] = link.breaker.failures
            floats[m.B_WINDOW_F], floats[m.B_OPEN_F] = link.breaker.window_s, link.breaker.open_s
            self.limiters[key] = self._station(row)
        return self.limiters[key]

    def _caller_retry(self, retry: Retry, key: str, back: str, over: str) -> None:
        """Write a caller's own retry policy: every failure but an answer."""
        jitter = self.a.chance(f"{key}.jitter", 0.5) + 1 if retry.jitter != "none" else 0
        kinds = (int(retry.jitter == "full") << 19) | (int(retry.jitter == "decorrelated") << 20)
        mask = 0
        for failure in retry.errors:
            mask |= FAILURE_MASKS[failure]
        word = mask | kinds | ((retry.max_attempts - 1) << 24)
        self.a.emit(
            k.RETRY, word, jitter << 32, back, over,
            float(retry.interval_s), float(retry.backoff_rate), float(retry.max_delay_s),
        )  # fmt: skip
