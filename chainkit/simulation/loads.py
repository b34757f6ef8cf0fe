"""Traffic: when requests arrive, and the attributes they carry.

A load gives the law of the gap between two requests; request i's gap is a draw of site ``arrivals``.
"""

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from chainkit.distributions import Constant, Exponential
from chainkit.errors import ConfigError
from chainkit.law import Law

Attributes = MappingProxyType[str, MappingProxyType[Any, float]]


@dataclass(frozen=True)
class Load:
    """Base of all loads.

    Parameters
    ----------
    rate_per_s : requests per second, above 0
    attributes : {attribute: {value: share}}: drawn once per request, seen by filters; the shares of each add to 1
    """

    rate_per_s: float
    attributes: Any = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what is no traffic."""
        who = type(self).__name__
        if not isinstance(self.rate_per_s, int | float) or not 0 < self.rate_per_s < 1e6:
            raise ConfigError(
                f"{who}: rate_per_s={self.rate_per_s!r} is outside 0..1000000 requests per second",
                fix="give the mean number of requests per second, above 0",
            )
        frozen: dict[str, MappingProxyType[Any, float]] = {}
        for name, shares in dict(self.attributes).items():
            if not shares or abs(sum(shares.values()) - 1) > 1e-9 or min(shares.values()) < 0 or len(shares) > 62:
                raise ConfigError(
                    f"{who}: attributes[{name!r}]={dict(shares)!r} does not add to 1",
                    fix="give each value its share of the requests, at most 62 values",
                )
            frozen[name] = MappingProxyType(dict(shares))
        object.__setattr__(self, "attributes", MappingProxyType(frozen))

    def gap(self) -> Law:
        """Return the law of the time between two requests."""
        raise TypeError(f"{type(self).__name__} has no law of gaps")


@dataclass(frozen=True)
class Poisson(Load):
    """Requests that come independently of each other.

    Examples
    --------
    >>> Poisson(rate_per_s=4).gap()
    Exponential(mean_s=0.25)
    """

    def gap(self) -> Law:
        """Return exponential gaps."""
        return Exponential(mean_s=1 / self.rate_per_s)


@dataclass(frozen=True)
class Steady(Load):
    """Requests at equal distances.

    Examples
    --------
    >>> Steady(rate_per_s=4).gap()
    Constant(value_s=0.25)
    """

    def gap(self) -> Law:
        """Return constant gaps."""
        return Constant(1 / self.rate_per_s)
