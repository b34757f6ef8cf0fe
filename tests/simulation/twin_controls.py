"""What acts by the clock in the slow twin: provisioned environments that follow use and schedule, and warmers.

A control acts after everything else of its instant, and none acts after the last request has arrived.
"""

import itertools
import math
from enum import IntEnum
from typing import Any

from tests.simulation.twin_environments import Environments
from tests.simulation.twin_parts import Story, Visit

READY_AFTER_S = 90.0
MINUTE_S = 60.0
MINUTES_OVER, MINUTES_UNDER, UNDER = 3, 15, 0.9
FIRST_PING = 2**34


class Kind(IntEnum):
    """What comes first of several controls of one function at one instant."""

    READY = 0
    SCHEDULE = 1
    TRACKING = 2
    WARMER = 3


class Controls:
    """What the world does by the clock."""

    def _start_controls(self) -> None:
        """Start what acts by the clock."""
        for name, pool in self.pools.items():
            scaling, pings = pool.pool.provisioned, pool.pool.pings
            if scaling is not None:
                bounds = [scaling.minimum, scaling.maximum]
                for entry in range(len(scaling.schedule)):
                    self._start(self._schedule(name, pool, scaling, bounds, entry))
                if scaling.target is not None:
                    self._start(self._tracking(name, pool, scaling.target, bounds))
            if pings is not None:
                self._start(self._warmer(name, pings))

    def _want(self, name: str, pool: Environments, wanted: int) -> None:
        """Begin a change of the number of provisioned environments; it takes the place of one that is under way."""
        if wanted == pool.wanted:
            return
        pool.wanted = wanted
        pool.change += 1
        if wanted <= pool.ready:
            pool.shrink(self.clock.now)
        else:
            self._start(self._ready(name, pool, pool.change))

    def _ready(self, name: str, pool: Environments, change: int) -> Story:
        """Have what is wanted after a while, unless something else is wanted by then."""
        yield self.clock.control(self.clock.now + READY_AFTER_S, self.order[name], Kind.READY)
        if pool.change == change and not self.is_traffic_over:
            pool.grow(self.clock.now)

    def _schedule(self, name: str, pool: Environments, scaling: Any, bounds: list[int], entry: int) -> Story:
        """Set minimum and maximum at one instant of a schedule, again and again if it begins anew."""
        at_s, low, high = scaling.schedule[entry]
        for k in itertools.count() if scaling.every_s is not None else (0,):
            again_s = at_s + k * scaling.every_s if scaling.every_s is not None else at_s
            yield self.clock.control(again_s, self.order[name], Kind.SCHEDULE, entry)
            if self.is_traffic_over:
                return
            bounds[:] = low, high
            self._want(name, pool, min(max(pool.wanted, low), high))

    def _tracking(self, name: str, pool: Environments, target: float, bounds: list[int]) -> Story:
        """Follow the use of the provisioned environments, minute by minute."""
        over = under = 0
        for k in itertools.count(1):
            yield self.clock.control(k * MINUTE_S, self.order[name], Kind.TRACKING)
            if self.is_traffic_over:
                return
            use = pool.utilisation(self.clock.now)
            over = over + 1 if use > target else 0
            under = under + 1 if use < UNDER * target else 0
            if pool.wanted > pool.ready or math.isnan(use):
                continue
            fitting = math.ceil(pool.ready * use / target)
            if over >= MINUTES_OVER and min(bounds[1], fitting) > pool.ready:
                self._want(name, pool, min(bounds[1], fitting))
                over = under = 0
            elif under >= MINUTES_UNDER and max(bounds[0], fitting) < pool.ready:
                self._want(name, pool, max(bounds[0], fitting))
                over = under = 0

    def _warmer(self, name: str, pings: Any) -> Story:
        """Ping a function again and again."""
        for k in itertools.count():
            yield self.clock.control(k * pings.every_s, self.order[name], Kind.WARMER)
            if self.is_traffic_over:
                return
            for i in range(pings.environments):
                self._start(self._ping(name, Visit(FIRST_PING + k * pings.environments + i)))
