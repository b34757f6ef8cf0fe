"""What nobody waits for, in the slow twin: handing over, topics and buses, deliveries and their retries, events."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import simpy

from chainkit.wiring import Delivery, Destination, Rule, Subscription
from tests.simulation.twin_parts import ITEM, SECOND_COPY, TURNED_AWAY, Rank, Story, Visit, attributes, passes_all

EVENT_WAITS_S = (60.0, 120.0)
BACKOFF_MOST_S = 300.0
RULE_WAIT_MOST_S = 600.0


def doubling_s(most_s: float) -> Iterator[float]:
    """Yield 1, 2, 4 ... seconds, at most so many."""
    wait_s = 1.0
    while True:
        yield min(wait_s, most_s)
        wait_s *= 2


def subscription_waits_s() -> Iterator[float]:
    """Yield SNS's waits towards AWS's own endpoints: 100,015 in all (sns-message-delivery-retries, 2026)."""
    yield from (0.0, 0.0, 0.0, 1.0, 1.0)
    wait_s = 1.0
    for _ in range(10):
        yield min(wait_s, 20.0)
        wait_s *= 20 ** (1 / 9)
    yield from itertools.repeat(20.0, 100_000)


def rule_waits_s(rule: Rule) -> Iterator[float]:
    """Yield EventBridge's waits; they end with the rule's attempts."""
    yield from itertools.islice(doubling_s(RULE_WAIT_MOST_S), rule.maximum_retry_attempts)


RECURSION = 16
"""The run of a function in one chain of events that Lambda stops."""


class Messages:
    """What the world does with what nobody waits for."""

    # --- handing over ---

    def _hand_over(self, key: str, visit: Visit, item: int = 0, token: simpy.Event | None = None) -> None:
        """Send a message along a link, sometimes twice: nobody waits for it."""
        link: Any = self.links[key]
        place = self.places[key] + ITEM * item
        sent = visit.by(place, token=token)
        self._send(key, sent)
        if self.dice.hits(f"{key}.duplicate", getattr(link, "duplicate_rate", 0.0), sent):
            self._send(key, visit.by(place + SECOND_COPY, is_repeat=True, token=token))

    def _send(self, key: str, visit: Visit) -> None:
        """Send one message; a bus sends no more than its account's quota lets it."""
        link, now_s = self.links[key], self.clock.now
        self._open(visit)
        passes_s = self.account.deliveries.pace(now_s) if isinstance(link, Rule) else now_s
        self._start(self._carry(key, visit, now_s, passes_s))

    def _carry(self, key: str, visit: Visit, sent_s: float, passes_s: float) -> Story:
        """Bring a message to its target."""
        link: Any = self.links[key]
        if passes_s > sent_s:
            yield self.clock.at(passes_s, Rank.TIMER, visit, self.order[link.target])
        hop_s = self._hop_s(key, link, visit)
        if hop_s > 0:
            yield from self._pause(hop_s, visit, link.target)
        elif passes_s == sent_s:
            yield self.clock.at(sent_s, Rank.HANDED)
        if isinstance(link, Delivery) and link.delivery_error_rate > 0:
            is_taken, visit = yield from self._delivered(key, link, visit, sent_s)
            if not is_taken:
                self._undelivered(link, visit)
                return
            sent_s = self.clock.now
        yield from self._accept(link.target, visit, sent_s)

    def _delivered(self, key: str, link: Any, visit: Visit, sent_s: float) -> Story:
        """Try a delivery until its target's service has taken it; return whether it did, and the last try's visit."""
        waits = subscription_waits_s() if isinstance(link, Subscription) else rule_waits_s(link)
        age_s = math.inf if isinstance(link, Subscription) else link.maximum_event_age_s
        while self.dice.hits(f"{key}.delivery", link.delivery_error_rate, visit):
            wait_s = next(waits, None)
            if wait_s is None or self.clock.now + wait_s > sent_s + age_s:
                return False, visit
            visit = visit.again(after="service")
            yield self.clock.at(self.clock.now + wait_s, Rank.TIMER, visit, self.order[link.target])
        return True, visit

    def _undelivered(self, link: Any, visit: Visit) -> None:
        """Give up a delivery: its dead-letter queue has it, or nobody."""
        queue = link.dead_letter_queue
        if queue is not None and self.queues[queue].mapping is not None:
            self._open(visit)
            self._start(self._put_aside(queue, visit.by(0)))
        self._close(visit, "dropped" if queue is None else "dead-lettered")

    def _put_aside(self, queue: str, visit: Visit) -> Story:
        """Bring what could not be delivered to its queue, in its turn."""
        yield self.clock.at(self.clock.now, Rank.HANDED)
        yield from self._message(queue, visit)

    # --- topics and buses ---

    def _fan_out(self, name: str, visit: Visit) -> None:
        """Deliver a message along every link whose filter lets it pass."""
        carried = attributes(self.dice, self.load.attributes, visit.request)
        for key, link in self._out(name):
            if isinstance(link, Delivery) and self._passes(key, link, carried, visit):
                self._hand_over(key, visit, token=visit.token)
        self._close(visit, None)

    def _passes(self, key: str, link: Any, carried: Mapping[str, Any], visit: Visit) -> bool:
        """Tell whether a message passes a link's filter."""
        policy = link.filter_policy or {}
        if policy and set(policy) <= set(carried):
            return passes_all(policy, carried)
        return link.match_fraction is None or self.dice.hits(f"{key}.chance", link.match_fraction, visit)

    # --- asynchronous events ---

    def _event(self, name: str, visit: Visit, sent_s: float) -> Story:
        """Run a function with an event until it succeeds or its retries or its time are used up."""
        pool: Any = self.does[name]
        visit, is_stopped = self._turned(name, visit)
        if is_stopped:
            sent = self._destinations(name, "OnFailure", visit)
            self._close(visit, "dead-lettered" if sent else "dropped")
            return
        if pool.limit == 0:
            self._close(visit, "dropped")
            return
        errors, refusals = 0, doubling_s(BACKOFF_MOST_S)
        while True:
            answer = yield from self._invocation(name, visit)
            if answer.is_ok:
                break
            if answer.status in TURNED_AWAY:
                wait_s = next(refusals)
            else:
                wait_s, errors = EVENT_WAITS_S[errors] if errors < pool.event_retries else math.inf, errors + 1
            if self.clock.now + wait_s > sent_s + pool.event_age_s:
                break
            visit = visit.again(after=answer.status)
            yield self.clock.at(self.clock.now + wait_s, Rank.TIMER, visit, self.order[name])
        sent = self._destinations(name, "OnSuccess" if answer.is_ok else "OnFailure", visit)
        is_refused = answer.status in TURNED_AWAY
        lost = "dead-lettered" if sent else "expired" if is_refused else "dropped"
        self._close(visit, "completed" if answer.is_ok else lost)

    def _turned(self, name: str, visit: Visit) -> tuple[Visit, bool]:
        """Count an event that comes to a function of a circle; return whether Lambda stops it."""
        circle, pool = self.circles.get(name), self.does[name]
        if circle is None or not pool.stops_recursion or visit.is_entry or visit.token is not None:
            return visit, False
        visit = replace(visit, turns=visit.turns + 1)
        return visit, visit.turns >= (RECURSION - 1) * circle

    def _destinations(self, name: str, condition: str, visit: Visit) -> int:
        """Send a record to each destination; return how many."""
        keys = [k for k, link in self._out(name) if isinstance(link, Destination) and link.condition == condition]
        for key in keys:
            self._hand_over(key, visit)
        return len(keys)
