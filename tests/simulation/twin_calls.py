"""Callers in the slow twin: synchronous calls with retries, client timeouts and circuit breakers, and the API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import simpy

from chainkit.link import CircuitBreaker, Retry
from chainkit.records import Flow
from tests.simulation.twin_parts import CIRCUIT_OPEN, GONE, OK, THROTTLED, TIMEOUT, Answer, Dice, Rank, Story, Visit


@dataclass
class Breaker:
    """A circuit breaker: one state for all who use its link."""

    settings: CircuitBreaker
    state: str = "closed"
    """closed, open or half-open: one call is on trial."""
    since_s: float = 0.0
    """When it opened, or when the trial began."""
    window_s: float = 0.0
    """When the count of failures began."""
    failures: int = 0

    def allows(self, now_s: float) -> bool:
        """Tell whether a try may be made; where it was open that try is the trial."""
        if self.state == "closed":
            return True
        if now_s < self.since_s + self.settings.open_s:
            return False
        self.state, self.since_s = "half-open", now_s
        return True

    def told(self, now_s: float, *, is_ok: bool, is_trial: bool) -> None:
        """Take the end of a try."""
        if is_trial:
            self.state, self.since_s = ("closed" if is_ok else "open"), now_s
            self.failures, self.window_s = 0, now_s
        elif self.state == "closed" and not is_ok:
            if now_s - self.window_s > self.settings.window_s:
                self.failures, self.window_s = 0, now_s
            self.failures += 1
            if self.failures >= self.settings.failures:
                self.state, self.since_s = "open", now_s


def waits_s(retry: Retry, dice: Dice, site: str, visit: Visit) -> list[float]:
    """Return the waits before each further try of a call that starts with this visit."""
    waits: list[float] = []
    delay_s = wait_s = retry.interval_s
    for _ in range(retry.max_attempts - 1):
        match retry.jitter:
            case "none":
                wait_s = min(delay_s, retry.max_delay_s)
            case "full":
                wait_s = min(delay_s, retry.max_delay_s) * dice.uniform(site, visit)
            case "decorrelated":
                spread_s = 3 * wait_s - retry.interval_s
                wait_s = min(retry.max_delay_s, retry.interval_s + dice.uniform(site, visit) * spread_s)
        waits.append(wait_s)
        delay_s *= retry.backoff_rate
        visit = visit.again()
    return waits


class Calls:
    """What the world does for callers that wait."""

    def _try(self, key: str, visit: Visit) -> Story:
        """Make one call along a link; an execution whose time was over is a timeout to its caller."""
        link = self.links[key]
        yield from self._pause(self._hop_s(key, link, visit), visit, link.target)
        answer: Answer = yield from self._serve(link.target, visit)
        return answer._replace(status="timeout") if answer.status == "impatient" else answer

    def _call(self, key: str, visit: Visit, *, in_turn: bool = False) -> Story:
        """Make a call and try it again as its link says; left by its caller it stops, and what it called runs on."""
        link: Any = self.links[key]
        if in_turn:
            try:
                yield self.clock.at(self.clock.now, Rank.HANDED)
            except simpy.Interrupt:
                self._call_too_late(key, visit)
                return GONE
        target = self.does[link.target]
        if isinstance(target, Flow) and not target.answers:
            self._hand_over(key, visit)
            return OK
        waits = waits_s(link.retry, self.dice, f"{key}.jitter", visit) if link.retry else []
        for wait_s in [*waits, None]:
            answer = yield from self._guarded_try(key, visit)
            if answer is None:
                return GONE
            is_final = wait_s is None or answer is CIRCUIT_OPEN or answer.status not in link.retry.errors
            if answer.is_ok or is_final:
                break
            visit = visit.again(after=answer.status)
            try:
                yield self.clock.at(self.clock.now + wait_s, Rank.TIMER, visit, self.order[link.source])
            except simpy.Interrupt:
                return GONE
        return answer

    def _call_too_late(self, key: str, visit: Visit) -> None:
        """Make a call that began together with one that has failed their caller in the same instant."""
        breaker = self.breakers.get(key)
        if breaker is None or breaker.allows(self.clock.now):
            self._left_behind(visit, self._start(self._try(key, visit.by(self.places[key]))), was_begun=False)

    def _guarded_try(self, key: str, visit: Visit) -> Story:
        """Make one try if the breaker allows it, within the client's timeout; None if the caller is gone."""
        link: Any = self.links[key]
        breaker = self.breakers.get(key)
        if breaker is not None and not breaker.allows(self.clock.now):
            return CIRCUIT_OPEN
        is_trial = breaker is not None and breaker.state == "half-open"
        answer = yield from self._patient_try(key, link, visit)
        if breaker is not None and answer is not None:
            breaker.told(self.clock.now, is_ok=answer.is_ok, is_trial=is_trial)
        return answer

    def _patient_try(self, key: str, link: Any, visit: Visit) -> Story:
        """Make one try within the client's timeout; None if the caller is gone."""
        one_try = self._start(self._try(key, visit.by(self.places[key])))
        ends: list[simpy.Event] = [one_try]
        if link.client_timeout_s is not None:
            at_s = self.clock.now + link.client_timeout_s
            ends.append(self.clock.at(at_s, Rank.TIMER, visit, self.order[link.source]))
        try:
            happened = yield simpy.AnyOf(self.clock, ends)
        except simpy.Interrupt:
            self._left_behind(visit, one_try)
            return None
        if one_try in happened:
            return one_try.value
        self._left_behind(visit, one_try)
        return TIMEOUT

    def _wait_for(self, calls: Mapping[simpy.Process, bool], until: simpy.Event, visit: Visit | None = None) -> Story:
        """Return OK once all calls are over, the first failure that counts, or None when the time is over."""
        pending = list(calls)
        while pending:
            happened = yield simpy.AnyOf(self.clock, [*pending, until])
            failed = [call for call in pending if call in happened and calls[call] and not call.value.is_ok]
            if failed or until in happened:
                after = pending[pending.index(failed[0]) + 1 :] if failed else pending
                for call in pending:
                    if call.is_alive:
                        call.callbacks.append(lambda end: self._made_too_late(visit, end))
                        call.interrupt()
                    elif call in after:
                        self._made_too_late(visit, call)
                return failed[0].value if failed else None
            pending = [call for call in pending if call not in happened]
        return OK

    def _made_too_late(self, visit: Visit | None, call: simpy.Event) -> None:
        """Count a call that was made when its caller had failed already, and was over at once."""
        if visit is not None and not call.value.ran_nothing:
            self.requests[visit.request].open += 1
            self._close(visit, "completed" if call.value.is_ok else "failed", is_left_behind=True)

    def _left_behind(self, visit: Visit, call: simpy.Process, *, was_begun: bool = True) -> None:
        """Let a call run on as a branch of its own: its caller is gone; one that is refused at once is none."""
        if call.callbacks is None:  # over in this very instant
            self._made_too_late(visit, call)
            return
        self.requests[visit.request].open += 1
        made_s = self.clock.now

        def over(end: Any) -> None:
            is_none = not was_begun and end.value.ran_nothing and self.clock.now == made_s
            word = "completed" if end.value.is_ok else "failed"
            self._close(visit, None if is_none else word, is_left_behind=True)

        call.callbacks.append(over)

    # --- the API ---

    def _relay(self, name: str, visit: Visit) -> Story:
        """Answer with the answer of one of the targets."""
        does: Any = self.does[name]
        self.relayed[name]["requests"] += 1
        visit = Visit(visit.request)
        yield from self._overhead(name, "start", does.overhead, does.overhead_hop, visit)
        routes = self._out(name)
        i = self.dice.way(f"{name}.routes.case", [link.probability for _, link in routes], visit)
        if i is None:
            return OK
        key, link = routes[i]
        if link.kind != "sync":
            for item in range(link.count):
                if not self._is_let_through(link):
                    return THROTTLED
                self._hand_over(key, visit, item)
            return OK
        until = self.clock.at(self.clock.now + does.timeout_s, Rank.TIMER, visit, self.order[name])
        call = self._start(self._call(key, visit))
        return (yield from self._wait_for({call: True}, until)) or TIMEOUT
