"""What a month costs as a function of its requests: prices, tiers and free parts of a bill, for any volume at once.

A bill's quantities are straight lines in the volume: so much per request, so much per month. Two bills of the same
usage therefore give all others, and its dollars are straight between the volumes at which a tier or a free part ends:
the *knots*. `Tariff.usd` is `bill(...).total_usd` at each volume, a few hundred times faster; tests hold the two equal.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from chainkit.billing.account import FreeTier, is_freed
from chainkit.billing.bill import Bill
from chainkit.billing.prices import Price, Tier
from chainkit.errors import ConfigError

FloatArray = npt.NDArray[np.float64]
Pair = tuple[Bill, Bill]
"""The same usage, billed for `FEW` and for `MANY` requests a month."""

FEW, MANY = 1e6, 2e6
"""Volumes of the two bills. Any two do; these keep what is counted by request and by month of like size."""
ROUNDING = 1e-9
"""Share of a quantity below which what is left for the month is the rounding of the two bills."""


@dataclass(frozen=True, eq=False)
class Tariff:
    """Quantities of one design, and what they cost.

    Several samples of the usage (a whole run, then each of its replications) are priced together.
    """

    prices: tuple[Price, ...]
    anchors: FloatArray
    """(n,) ascending: the volumes at whose rate the usage was counted; one that stands for all."""
    per_request: FloatArray
    """(n, samples, prices) units."""
    per_month: FloatArray
    """(n, samples, prices) units, whatever the volume."""
    free_tier: FreeTier

    @property
    def is_straight(self) -> bool:
        """Whether dollars are straight lines between knots."""
        return len(self.anchors) == 1 and not self._is_mixed

    def with_price_at(self, key: str, factor: float) -> Self:
        """Return the tariff if one price, all its tiers, were so many times what it is."""
        prices = tuple(
            replace(price, tiers=tuple(Tier(tier.up_to, tier.usd * factor) for tier in price.tiers))
            if price.key == key
            else price
            for price in self.prices
        )
        return replace(self, prices=prices)

    def usd(self, volumes: FloatArray) -> FloatArray:
        """Return (samples, v) USD a month at (v,) volumes, requests a month.

        Between two anchors quantities per request go from one to the other with the logarithm of the volume.
        """
        weights = self._weights(volumes)
        # Samples, prices, volumes: a few hundred numbers each, so one pass for all is dearest in memory, not in time.
        quantities = np.einsum("nsk,nv->skv", self.per_request, weights * volumes)
        quantities += np.einsum("nsk,nv->skv", self.per_month, weights)
        quantities -= self._free(quantities)
        total = np.zeros((quantities.shape[0], volumes.size))
        for k, price in enumerate(self.prices):
            low, last_usd = 0.0, 0.0
            for tier in price.tiers:
                total += (tier.usd - last_usd) * np.maximum(quantities[:, k] - low, 0.0)
                low, last_usd = tier.up_to, tier.usd
        return total

    def _weights(self, volumes: FloatArray) -> FloatArray:
        """Return (n, v): how much each anchor counts at each volume."""
        logs, n = np.log(np.maximum(volumes, 1e-9)), len(self.anchors)
        return np.array([np.interp(logs, np.log(self.anchors), row) for row in np.eye(n)]).reshape(n, volumes.size)

    def _free(self, quantities: FloatArray) -> FloatArray:
        """Return what the free tier takes off: a pool's part is shared in proportion to the quantities."""
        free = np.zeros_like(quantities)
        for places in self._pools:
            own = quantities[:, places]
            pool = own.sum(axis=1, keepdims=True)
            share = np.divide(own, pool, out=np.zeros_like(own), where=pool > 0)
            free[:, places] = np.minimum(self._parts[places, None] * share, own)
        return free

    @cached_property
    def _parts(self) -> FloatArray:
        """(prices,) units of a month that are free; 0 without free tier, or where it is another price's."""
        return np.array([price.free_per_month * is_freed(price, self.free_tier) for price in self.prices])

    @cached_property
    def _pools(self) -> list[list[int]]:
        """Places of the prices that share a free part."""
        pools: dict[str, list[int]] = {}
        for k, price in enumerate(self.prices):
            pools.setdefault(price.free_pool or price.key, []).append(k)
        return [places for places in pools.values() if self._parts[places].any()]

    @cached_property
    def _is_mixed(self) -> bool:
        """Whether shares of a free part change with the volume: one price by the hour, another by request."""
        return any(
            len(places) > 1 and np.ptp(self.per_month[0, 0, places] * self.per_request[0, 0, places].sum()
            - self.per_request[0, 0, places] * self.per_month[0, 0, places].sum()) > 0
            for places in self._pools
        )  # fmt: skip

    def knots(self) -> list[float]:
        """Return the volumes, above 0, at which a tier of the whole run begins or a free part is used up."""
        found: list[float] = []
        for n in range(len(self.anchors)):
            for k, price in enumerate(self.prices):
                free = float(self._parts[k])
                places = next((places for places in self._pools if k in places), [k])
                a, b = float(self.per_request[n, 0, k]), float(self.per_month[n, 0, k])
                pool_a, pool_b = (float(each[n, 0, places].sum()) for each in (self.per_request, self.per_month))
                found += _reaching(free, pool_a, pool_b)
                for tier in price.tiers[:-1]:
                    found += _tier_ends(tier.up_to, free, (a, b), (pool_a, pool_b))
        return sorted({volume for volume in found if 0 < volume < math.inf})


def _reaching(quantity: float, slope: float, start: float) -> list[float]:
    """Return where a straight line reaches a quantity."""
    return [(quantity - start) / slope] if slope > 0 and quantity > 0 else []


def _tier_ends(end: float, free: float, own: tuple[float, float], pool: tuple[float, float]) -> list[float]:
    """Return the volume at which a quantity less its share of a free part reaches the end of a tier.

    With quantity q = aV + b and pool P = AV + B that is q (P - F) = end P, a parabola in V.
    """
    (a, b), (c, d) = own, pool
    if a <= 0:
        return []
    if not free:
        return _reaching(end, a, b)
    roots = np.roots([a * c, a * (d - free) + b * c - end * c, b * (d - free) - end * d])
    return [float(root.real) for root in roots if abs(root.imag) < 1e-9 * abs(root.real) and c * root.real + d >= free]


def tariff(pairs: Sequence[Sequence[Pair]], anchors: Sequence[float]) -> Tariff:
    """Return the tariff of one design from its bills.

    Parameters
    ----------
    pairs : for each anchor, for the whole run and then each replication, two bills of the same usage
    anchors : requests a month, ascending

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("shop")
    >>> jobs = chain.add(ck.SqsQueue("jobs"))
    >>> usage = ck.usage_of(chain, {"jobs": {"sends": 1e6}}, requests=1e6)
    >>> pair = tuple(ck.bill(chain, usage, requests_per_month=month, free_tier=True) for month in (FEW, MANY))
    >>> found = tariff([[pair]], [1e6])
    >>> found.usd(np.array([5e5, 3e6])).round(6).tolist(), found.knots()[0]
    ([[0.0, 0.8]], 1000000.0)
    """
    bills = [bill for samples in pairs for pair in samples for bill in pair]
    if len({bill.free_tier for bill in bills}) != 1:
        raise ConfigError("cost at scale: some bills have the free tier and others not", fix="bill all of them alike")
    found = tuple(dict.fromkeys(line.list_price for bill in bills for line in bill.lines))
    per_request = np.zeros((len(pairs), len(pairs[0]), len(found)))
    per_month = np.zeros_like(per_request)
    for n, samples in enumerate(pairs):
        for s, (few, many) in enumerate(samples):
            low, high = _quantities(few, found), _quantities(many, found)
            per_request[n, s] = (high - low) / (MANY - FEW)
            rest = low - per_request[n, s] * FEW
            per_month[n, s] = np.where(np.abs(rest) > ROUNDING * low, rest, 0.0)
    return Tariff(found, np.asarray(anchors, dtype=float), per_request, per_month, bills[0].free_tier)


def _quantities(bill: Bill, prices: Sequence[Price]) -> FloatArray:
    """Return the quantity of a bill per price."""
    sums = dict.fromkeys(prices, 0.0)
    for line in bill.lines:
        sums[line.list_price] += line.quantity
    return np.array([*sums.values()])
