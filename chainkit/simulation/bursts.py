"""Bursts: a Poisson process whose rate jumps between phases at random (MMPP).

Source: W. Fischer and K. Meier-Hellstern, The Markov-modulated Poisson process (MMPP) cookbook, Performance Evaluation
18 (1993), 149-171.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from chainkit.distributions import Exponential
from chainkit.errors import ConfigError
from chainkit.simulation import draws
from chainkit.simulation.loads import Clock, FloatArray, Load, checked, checked_s

FEWEST_STAYS, MOST_STAYS = 1 << 10, 1 << 20
"""Stays drawn at a time."""
FEWEST = 0.01
"""Requests per stay in the mean; with fewer their number varies by hardly more than a Poisson process's does."""


@dataclass(frozen=True, kw_only=True)
class Bursts(Load):
    """Traffic that changes between phases at random: quiet, then a burst, then quiet again.

    A stay in a phase lasts an exponential time, and requests come at the phase's rate meanwhile. Then one of the other
    phases follows, each as likely as another. A replication begins in a phase drawn by the share of time that each has,
    so that the mean rate is the same from the first second on. Stays are drawn at sites ``arrivals.sojourn`` and
    ``arrivals.phase``, keyed by their number, 0 first.

    Parameters
    ----------
    phases : two or more pairs (requests per second, mean seconds of a stay)

    Examples
    --------
    >>> load = Bursts(phases=[(2, 90), (50, 10)])
    >>> load.rate_per_s, load.expected_requests(100)
    (6.8, 680.0)
    """

    phases: Any

    def _check(self) -> None:
        given = self.phases.tolist() if isinstance(self.phases, np.ndarray) else self.phases
        if not isinstance(given, Sequence) or isinstance(given, str) or not 2 <= len(given) <= 64:
            raise ConfigError(f"Bursts: phases={given!r} is no list of 2 to 64 phases", fix=_PHASES)
        for k, pair in enumerate(given):
            if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
                raise ConfigError(f"Bursts: phases[{k}]={pair!r} is no pair of rate and mean time", fix=_PHASES)
            checked(self, f"phases[{k}][0]", pair[0])
            checked_s(self, f"phases[{k}][1]", pair[1], above=0)
        self._set("phases", tuple((rate, mean_s) for rate, mean_s in given))
        stay_s = sum(mean_s for _, mean_s in self.phases) / len(self.phases)
        if self.rate_per_s * stay_s < FEWEST:
            raise ConfigError(
                f"Bursts: phases={self.phases!r} bring {self.rate_per_s * stay_s:.3g} requests per stay in the mean; "
                f"allowed: {FEWEST} or more",
                fix=f"such phases cannot be seen: take Poisson(rate_per_s={self.rate_per_s:.6g}), or longer ones",
            )

    @property
    def rate_per_s(self) -> float:
        """Mean requests per second: the rates, weighted by the mean times."""
        requests, time_s = (sum(column) for column in zip(*((r * s, s) for r, s in self.phases), strict=True))
        return float(requests / time_s)

    @property
    def seen_s(self) -> float:
        """How long a figure of it is, seconds: ten times through the phases."""
        return float(10 * sum(mean_s for _, mean_s in self.phases))

    def clock(self, seed: int, replication: int) -> Clock:
        """Return the inverse of the cumulative rate along a random path of phases."""
        return _Path(self, seed, replication)

    def _faster(self, factor: float) -> Self:
        return dataclasses.replace(self, phases=[(rate * factor, mean_s) for rate, mean_s in self.phases])


_PHASES = "give two or more pairs: phases=[(2, 90), (50, 10)] is 2 requests/s for 90 s, then 50/s for 10 s, in the mean"


class _Path:
    """The clock of bursts: the path of one replication, drawn as far as it is needed."""

    def __init__(self, load: Bursts, seed: int, replication: int) -> None:
        phases = np.array(load.phases, np.float64)
        self.rates, self.means_s = phases[:, 0], phases[:, 1]
        self.mean = float((self.rates * self.means_s).mean())
        """Requests expected in a stay."""
        self.keys = [draws.site_key(seed, replication, f"arrivals.{what}") for what in ("sojourn", "phase")]
        self.unit = draws.table(Exponential(mean_s=1.0))
        self.stays, self.phase = 0, -1
        self.from_s, self.before, self.rate = np.zeros(0), np.zeros(0), np.zeros(0)
        """Of the stays at hand: start, requests expected before, rate."""
        self.until_s, self.until = 0.0, 0.0
        self.last_s = 0.0

    def __call__(self, operational: FloatArray) -> FloatArray:
        """Return seconds."""
        while operational.size and self.until <= operational[-1]:
            self._go_on(float(operational[-1]))
        k = np.searchsorted(self.before, operational, side="right") - 1  # of equal ones the last: it has a rate
        at_s = self.from_s[k] + (operational - self.before[k]) / self.rate[k]
        at_s = np.maximum.accumulate(np.maximum(at_s, self.last_s))
        if operational.size:
            self.last_s = float(at_s[-1])
            self.from_s, self.before, self.rate = self.from_s[k[-1] :], self.before[k[-1] :], self.rate[k[-1] :]
        return at_s

    def _go_on(self, wanted: float) -> None:
        """Draw about as many stays as bring the wanted requests; how many at a time does not matter."""
        missing = (wanted - self.until) / self.mean
        numbers = range(self.stays, self.stays + min(max(int(missing), FEWEST_STAYS), MOST_STAYS))
        phases = self._phases(draws.words(self.keys[1], numbers) / 2.0**64)
        lasts_s = draws.samples(self.unit, draws.words(self.keys[0], numbers)) * self.means_s[phases]
        rates = self.rates[phases]  # stays without arrivals only take time
        times_s = np.cumsum(np.concatenate([[self.until_s], lasts_s]))
        sums = np.cumsum(np.concatenate([[self.until], lasts_s * rates]))
        busy = rates > 0
        self.from_s = np.concatenate([self.from_s, times_s[:-1][busy]])
        self.before = np.concatenate([self.before, sums[:-1][busy]])
        self.rate = np.concatenate([self.rate, rates[busy]])
        self.until_s, self.until, self.stays = float(times_s[-1]), float(sums[-1]), numbers.stop

    def _phases(self, uniforms: FloatArray) -> list[int]:
        """Return the phases of the next stays: never the same twice running."""
        found, others = [], len(self.rates) - 1
        for u in uniforms.tolist():
            if self.phase < 0:
                shares = np.cumsum(self.means_s) / self.means_s.sum()
                self.phase = min(int(np.searchsorted(shares, u, side="right")), others)
            else:
                k = min(int(u * others), others - 1)
                self.phase = k + (k >= self.phase)
            found.append(self.phase)
        return found
