"""The environments of one function in the slow twin: on demand and provisioned, cold and warm, and what they count."""

import math
from collections import Counter
from dataclasses import dataclass

from chainkit.records import Pool
from tests.simulation.twin_limits import Account
from tests.simulation.twin_parts import SERVICE, THROTTLED, Answer, Dice, Visit

BURST, REFILL_PER_S = 1000.0, 100.0


@dataclass(eq=False)
class Environment:
    """One environment."""

    factor: float
    """Of all work in it."""
    is_provisioned: bool
    is_cold: bool = False
    """Whether the run that is in it has started it."""
    gone_s: float = math.inf
    """When it is reclaimed if nothing takes it before."""


class Environments:
    """The environments of one function."""

    def __init__(self, name: str, pool: Pool, account: Account, dice: Dice) -> None:
        self.name, self.pool, self.account, self.dice = name, pool, account, dice
        self.counts = Counter[str]()
        self.running = 0
        self.idle: list[Environment] = []
        """In the order in which they became idle."""
        self.created = 0
        self.tokens, self.filled_s = BURST, 0.0
        # --- provisioned ones ---
        self.ready = 0
        """How many are allocated."""
        self.wanted = 0
        """How many there will be when what is under way is done."""
        self.change = self.existing = 0
        """Those allocated, and those that leave when their run ends."""
        self.busy = 0
        self.noted_s = self.busy_s = self.ready_s = 0.0
        """Integrals over the minute under way, up to when they were noted."""
        self.allocated_s, self.is_counted = 0.0, True
        if pool.provisioned is not None:
            self.wanted = pool.provisioned.count
            self.grow(0.0)

    # --- invocations ---

    def take(
        self, now_s: float, visit: Visit, *, tried: Visit | None = None, is_ping: bool = False
    ) -> Answer | Environment:
        """Return the environment that takes an invocation, or the refusal; `tried` is what the 5xx is keyed by."""
        if not is_ping and self.dice.hits(f"{self.name}.service", self.pool.service_error_rate, tried or visit):
            self.counts["service_errors"] += 1
            return SERVICE
        self.idle = [environment for environment in self.idle if environment.gone_s > now_s]
        environment = self._free(now_s, visit)
        if environment is None:
            self.counts["throttles"] += 1
            return THROTTLED
        if environment in self.idle:
            self.idle.remove(environment)
        self.running += 1
        self.counts["invocations"] += 1
        self.counts["cold_starts"] += environment.is_cold
        if environment.is_provisioned:
            self.note(now_s)
            self.busy += 1
        else:
            self.account.running += self.pool.limit is None
            if self.ready:
                self.counts["spill_over"] += 1
        return environment

    def _free(self, now_s: float, visit: Visit) -> Environment | None:
        """Return the environment that can be had."""
        provisioned = [environment for environment in self.idle if environment.is_provisioned]
        if self.pool.limit is not None and self.running >= self.pool.limit:
            return None
        if self.pool.limit is None and not provisioned and self.account.is_full:
            return None
        if not self.account.requests.take(now_s):
            return None
        if self.idle:
            return self._chosen(provisioned or self.idle, visit)
        return self._new(is_cold=True) if self._may_scale(now_s) else None

    def _chosen(self, idle: list[Environment], visit: Visit) -> Environment:
        """Return one of the idle environments: the most or least recently used one, or any."""
        match self.pool.reuse:
            case "most_recent":
                return idle[-1]
            case "least_recent":
                return idle[0]
        u = self.dice.uniform(f"{self.name}.reuse", visit)
        return idle[min(int(u * len(idle)), len(idle) - 1)]

    def _may_scale(self, now_s: float) -> bool:
        """Tell whether the function may have one more environment at this moment; if so it is counted."""
        self.tokens = min(BURST, self.tokens + (now_s - self.filled_s) * REFILL_PER_S)
        self.filled_s = now_s
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def _new(self, *, is_cold: bool) -> Environment:
        """Return a new environment, on demand if it is cold, else provisioned."""
        number, self.created = self.created, self.created + 1
        speed = self.pool.speed
        factor = 1.0 if speed is None else self.dice.time_s(f"{self.name}.speed", speed, Visit(number))
        return Environment(factor, is_provisioned=not is_cold, is_cold=is_cold)

    def give_back(self, environment: Environment, start_s: float, now_s: float, status: str, visit: Visit) -> None:
        """End an invocation: bill it, and keep the environment unless it was cut."""
        self.running -= 1
        self.counts["errors"] += status == "error"
        self.counts["timeouts"] += status == "timeout"
        self.counts["billed_ms"] += math.ceil((now_s - start_s) * 1000 - 1e-6)
        environment.is_cold = False
        if environment.is_provisioned:
            self._give_back_provisioned(environment, now_s, status)
            return
        self.account.running -= self.pool.limit is None
        if status != "timeout":
            environment.gone_s = now_s + self.dice.time_s(f"{self.name}.keep_alive", self.pool.keep_alive, visit)
            self.idle.append(environment)

    def _give_back_provisioned(self, environment: Environment, now_s: float, status: str) -> None:
        """Keep a provisioned environment unless there are to be fewer; one that was cut is replaced."""
        self.note(now_s)
        self.busy -= 1
        if self.existing > self.ready:
            self.existing -= 1
        else:
            self.idle.append(environment if status != "timeout" else self._new(is_cold=False))

    # --- how many are provisioned ---

    def note(self, now_s: float) -> None:
        """Bring the integrals up to this moment."""
        passed_s, self.noted_s = now_s - self.noted_s, now_s
        self.busy_s += self.busy * passed_s
        self.ready_s += self.ready * passed_s
        self.allocated_s += self.ready * passed_s * self.is_counted

    def stop_counting(self, now_s: float) -> None:
        """Count what was allocated until now, and no further: the last request has arrived."""
        self.note(now_s)
        self.is_counted = False

    def utilisation(self, now_s: float) -> float:
        """Return which share of the provisioned environments was busy since it was asked last; NaN without any."""
        self.note(now_s)
        share = self.busy_s / self.ready_s if self.ready_s > 0 else math.nan
        self.busy_s = self.ready_s = 0.0
        return share

    def grow(self, now_s: float) -> None:
        """Make as many ready as are wanted."""
        more = self.wanted - self.ready
        self._allocate(now_s, self.wanted)
        self.existing += more
        self.idle += [self._new(is_cold=False) for _ in range(more)]

    def shrink(self, now_s: float) -> None:
        """Keep no more than are wanted: idle ones leave now, the least recently used first, busy ones when they end."""
        self._allocate(now_s, self.wanted)
        provisioned = [environment for environment in self.idle if environment.is_provisioned]
        for environment in provisioned[: self.existing - self.ready]:
            self.idle.remove(environment)
            self.existing -= 1

    def _allocate(self, now_s: float, ready: int) -> None:
        """Set how many are allocated; without a reservation they are taken from the account."""
        self.note(now_s)
        if self.pool.limit is None:
            self.account.ready += ready - self.ready
        self.ready = ready
