"""Injected faults: what breaks on purpose, with the draws of a simulation.

A draw belongs to a request's number, a place in the design and the visit there (chainkit/simulation/draws.py). So the
emulator follows each request as the simulator does: its salt descends by the place of each link, and grows with each
further attempt. Equal seeds then let the same attempts fail here and there, whatever their order.

Where a request is travels with the thread, and in the trace header by its ``Parent``. A stand-in is told there what to
do (``Draw``, ``Fail``); a handler of the user's runs to its end, and then its invocation fails.
Not followed: branches and loops of a state machine; two links between the same two services.
"""

from __future__ import annotations

import contextlib
import json
import threading
from bisect import bisect_right
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from chainkit.emulation.clock import Clock
    from chainkit.emulation.environments import Outcome

ITEM, COPY = 65_536, 32_768
"""What the next item of a link, and a duplicate, add to its place."""
LIMITS: dict[str, int] = {}
"""ARN of a function -> reserved concurrency that a fault leaves it."""


@dataclass(eq=False)
class Visit:
    """Where work stands: a resource, the salt of the visit there, and what it has called or sent to so far."""

    at: str
    salt: int
    calls: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Unit:
    """A request, or one message of a batch, at a function."""

    number: int
    salt: int
    id: str = ""


@dataclass
class Batch:
    """Messages that one invocation gets."""

    units: list[Unit]
    reports: bool
    tries: int = 0
    """How often it was turned away."""


VISIT: ContextVar[Visit | None] = ContextVar("visit", default=None)
"""Where the work of this thread stands; None: outside, or nobody asks."""
_BATCH: ContextVar[Batch | None] = ContextVar("batch", default=None)
_IS_THERE: ContextVar[bool] = ContextVar("is_there", default=False)
"""Whether the visit is already that of the function about to run."""


@dataclass(frozen=True)
class Injected:
    """What is done to one invocation."""

    is_throttled: bool = False
    delay_s: float = 0.0
    error_name: str = ""
    failing: tuple[Unit, ...] = ()
    count: int = 1
    reports: bool = False
    orders: str = ""
    """What a stand-in is told by the trace header: it fails by itself."""

    @contextlib.contextmanager
    def late(self, clock: Clock, timeout_s: float) -> Iterator[None]:
        """Let an injected delay pass before what is inside; TimeoutError if both take longer than the timeout."""
        began_s = clock.now_s()
        if self.delay_s:
            clock.sleep(min(self.delay_s, timeout_s))
        if self.delay_s >= timeout_s:
            raise TimeoutError
        yield
        if self.delay_s and clock.now_s() - began_s > timeout_s:
            raise TimeoutError

    def after(self, outcome: Outcome) -> Outcome:
        """Return how the invocation goes, once its handler has ended so."""
        if outcome.status == "ok" and self.delay_s:
            outcome.reason = f"injected: delay of {self.delay_s:.3g} s"
        if not self.failing or (outcome.status != "ok" and not self.orders):
            return outcome
        reason = f"injected: {self.error_name}"
        if self.reports:
            reason = f"{reason} for {len(self.failing)} of {self.count} messages"
            return replace(outcome if self.orders else self._reported(outcome), reason=reason)
        if self.orders:
            return replace(outcome, reason=reason)
        error = {"errorType": self.error_name, "errorMessage": "injected"}
        return replace(outcome.of_error(error, outcome.request_id), reason=reason, memory_mb=outcome.memory_mb)

    def _reported(self, outcome: Outcome) -> Outcome:
        """Add the messages that fail to those that the handler reports."""
        said = json.loads(outcome.payload) or {}
        items = list(said.get("batchItemFailures") or []) if isinstance(said, dict) else []
        items += [{"itemIdentifier": unit.id} for unit in self.failing if {"itemIdentifier": unit.id} not in items]
        return replace(outcome, payload=json.dumps({"batchItemFailures": items}))


class Faulting:
    """What is injected, and where requests stand. Does nothing until `put` says what."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_on = False
        self._functions: dict[str, dict[str, Any]] = {}
        self._links: dict[tuple[str, str], dict[str, Any]] = {}
        self._numbers: dict[str, int] = {}
        self._seed, self._firsts = 0, [0]

    # --- what is told ---

    def put(self, description: Mapping[str, Any]) -> None:
        """Inject what is described from now on; {} ends it. Requests are numbered anew."""
        with self._lock:
            self._functions = dict(description.get("functions", {}))
            self._links = {(each["from"], each["to"]): each for each in description.get("links", ())}
            self._seed, self._firsts = int(description.get("seed", 0)), list(description.get("firsts", [0]))
            self._numbers = dict(description.get("numbers", {}))
            self._is_on = bool(description)
        LIMITS.clear()
        LIMITS.update({arn: each["limit"] for arn, each in self._functions.items() if each.get("limit") is not None})

    def see(self, roots: Iterable[str]) -> None:
        """Give requests that are new the next numbers, from 0."""
        if self._is_on:
            for root in roots:
                self._number(root)

    def _number(self, root: str) -> int:
        with self._lock:
            return self._numbers.setdefault(root, len(self._numbers))

    # --- where a request is ---

    @contextlib.contextmanager
    def visiting(self, visit: Visit | None, *, is_there: bool = False) -> Iterator[None]:
        """Stand at `visit` inside; `is_there`: a function that is about to run, not one that calls."""
        tokens = VISIT.set(visit), _IS_THERE.set(is_there)
        try:
            yield
        finally:
            VISIT.reset(tokens[0])
            _IS_THERE.reset(tokens[1])

    def here(self, arn: str) -> Visit | None:
        """Return the visit of `arn` at which this thread stands already, or to which it comes by calling it."""
        visit = VISIT.get()
        return visit if _IS_THERE.get() else next(iter(self._arrivals(arn, (), is_call=True)))

    def arrivals(self, arn: str, roots: tuple[str, ...]) -> tuple[Visit | None, ...]:
        """Return the visits of `arn` that begin when something is handed to it from here: one, or two."""
        return self._arrivals(arn, roots, is_call=False)

    def _arrivals(self, arn: str, roots: tuple[str, ...], *, is_call: bool) -> tuple[Visit | None, ...]:
        here = VISIT.get()
        if not self._is_on:
            return (None,)
        if here is None:
            return (Visit(arn, 0),)  # requests enter with salt 0
        with self._lock:
            nth = here.calls[arn]
            here.calls[arn] += 1
        link = self._links.get((here.at, arn), {})
        place = int(link.get("place", 0))
        if is_call:  # a further call of the same is a further try
            return (Visit(arn, _draws().descend(_after(here.salt, nth), place)),)
        place += ITEM * nth
        visit = Visit(arn, _draws().descend(here.salt, place))
        rate = link.get("duplicate_rate", 0.0)
        if not rate or not roots:
            return (visit,)
        is_twice = self._hits(f"{link['id']}.duplicate", rate, Unit(self._number(roots[0]), visit.salt))
        return (visit, Visit(arn, _draws().descend(here.salt, place + COPY))) if is_twice else (visit,)

    def further(self, visit: Visit | None, attempts: int) -> Visit | None:
        """Return a visit as it is after so many attempts."""
        return visit and Visit(visit.at, _after(visit.salt, attempts))

    def received(self, visit: Visit | None, arn: str, receives: int) -> Visit | None:
        """Return the visit of a function that a message in a queue begins when it is received so often."""
        if not self._is_on or visit is None:
            return None
        polling = (each for each in self._links.values() if each["from"] == visit.at and each.get("polls"))
        place = int(next(polling, {}).get("place", 0))
        return Visit(arn, _after(_draws().descend(visit.salt, place), receives - 1))

    def leaving(self, visit: Visit | None, arn: str) -> tuple[Visit | None, ...]:
        """Return the visits that begin when something leaves from `visit` for `arn`."""
        with self.visiting(visit):
            return self.arrivals(arn, ())

    # --- what happens to links ---

    def is_dead(self, source: str, target: str) -> bool:
        """Tell whether a link delivers nothing."""
        return self._is_on and bool(self._links.get((source, target), {}).get("dead"))

    # --- what happens to an invocation ---

    @contextlib.contextmanager
    def batch(self, arn: str, visits: Mapping[str, tuple[str, Visit | None]], *, reports: bool) -> Iterator[None]:
        """Let the invocations inside be tries of one batch: message id -> (request, visit of the function)."""
        units = [Unit(self._number(root), visit.salt, id_) for id_, (root, visit) in visits.items() if visit]
        token = _BATCH.set(Batch(units, reports) if self._is_on and units else None)
        try:
            with self.visiting(Visit(arn, units[0].salt) if units else None, is_there=True):
                yield
        finally:
            _BATCH.reset(token)

    @contextlib.contextmanager
    def injected(self, arn: str, roots: tuple[str, ...]) -> Iterator[Injected]:
        """Give what is done to one invocation of a function; inside, the thread stands at it."""
        if not self._is_on:
            yield Injected()
            return
        batch, rules = _BATCH.get(), self._functions.get(arn, {})
        here = self.here(arn)
        units = batch.units if batch else [Unit(self._number(root), here.salt) for root in roots[:1] if here]
        with self.visiting(here and Visit(arn, here.salt)):
            yield self._decided(rules, units, batch) if units and rules else Injected()

    def _decided(self, rules: Mapping[str, Any], units: list[Unit], batch: Batch | None) -> Injected:
        name, tries = rules["name"], batch.tries if batch else 0
        first = replace(units[0], salt=_after(units[0].salt, tries))
        if self._hits(f"{name}.service", rules.get("throttle_rate", 0.0), first):
            if batch:
                batch.tries += 1
            return Injected(is_throttled=True)
        failing = tuple(unit for unit in units if self.fails(rules, unit))
        return Injected(
            delay_s=self._delay_s(rules, units[0]),
            error_name=rules.get("error_name", "Exception"),
            failing=failing,
            count=len(units),
            reports=batch is not None and batch.reports,
            orders=self.orders(rules, units[0]) if rules.get("is_told") else "",
        )

    def fails(self, rules: Mapping[str, Any], unit: Unit) -> bool:
        """Tell whether an attempt fails."""
        is_poison = self._hits(f"{rules['name']}.poison", rules.get("poison_fraction", 0.0), replace(unit, salt=0))
        return is_poison or self._hits(f"{rules['name']}.error", rules.get("error_rate", 0.0), unit)

    def orders(self, rules: Mapping[str, Any], unit: Unit) -> str:
        """Return what a stand-in is told of one unit, as fields of a trace header."""
        fail = f";Fail={rules.get('error_name', 'Exception')}" if self.fails(rules, unit) else ""
        return f";Draw={self._seed}:{self._replication(unit)}:{unit.number}:{unit.salt:x}{fail}"

    def record_header(self, arn: str, id_: str, header: str) -> str:
        """Return the trace header of a record of this thread's batch, with what a stand-in is told."""
        batch, rules = _BATCH.get(), self._functions.get(arn, {})
        unit = next((unit for unit in batch.units if unit.id == id_), None) if batch else None
        return header + self.orders(rules, unit) if unit and rules.get("is_told") else header

    # --- draws ---

    def _replication(self, unit: Unit) -> int:
        return bisect_right(self._firsts, unit.number) - 1

    def _hits(self, site: str, rate: float, unit: Unit) -> bool:
        if rate <= 0:
            return False
        key = _draws().site_key(self._seed, self._replication(unit), site)
        return bool(_draws().hits(key, rate, unit.number, unit.salt))

    def _delay_s(self, rules: Mapping[str, Any], unit: Unit) -> float:
        if not (plain := rules.get("delay")):
            return 0.0
        law, rows = _law(json.dumps(plain))
        site = f"{rules['name']}.overhead"
        return float(_draws().draw(self._seed, self._replication(unit), site, law, unit.number, unit.salt, rows))


def _after(salt: int, attempts: int) -> int:
    """Return a salt after so many attempts."""
    return int((salt + attempts * _draws().AGAIN) & _draws().MASK)


@cache
def _draws() -> Any:
    """Return the simulator's draws: numpy is loaded when the first fault needs it."""
    from chainkit.simulation import draws

    return draws


@cache
def _law(plain: str) -> tuple[Any, Any]:
    """Return a law and its table."""
    from chainkit.distributions import Constant, from_plain

    law = from_plain(json.loads(plain))
    return law, None if isinstance(law, Constant) else _draws().table(law)
