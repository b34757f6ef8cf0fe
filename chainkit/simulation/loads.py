"""Traffic: when requests arrive, and the attributes they carry.

A load gives the law of the gap between two requests; request i's gap is a draw of site ``arrivals``.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from chainkit.distributions import Constant, Exponential
from chainkit.errors import ConfigError
from chainkit.law import Law

Attributes = MappingProxyType[str, MappingProxyType[Any, float]]


@dataclass(frozen=True)
class Load(ABC):
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
        is_number = isinstance(self.rate_per_s, int | float) and not isinstance(self.rate_per_s, bool)
        if not is_number or not 0 < self.rate_per_s < 1e6:
            raise ConfigError(
                f"{who}: rate_per_s={self.rate_per_s!r} is outside 0..1000000 requests per second",
                fix="give the mean number of requests per second, above 0",
            )
        if not isinstance(self.attributes, Mapping):
            raise ConfigError(f"{who}: attributes={self.attributes!r} is no mapping", fix=_ATTRIBUTES)
        frozen: dict[str, MappingProxyType[Any, float]] = {}
        for name, shares in self.attributes.items():
            if not isinstance(name, str) or not _are_shares(shares):
                raise ConfigError(
                    f"{who}: attributes[{name!r}]={shares!r} is no set of shares that add to 1", fix=_ATTRIBUTES
                )
            frozen[name] = MappingProxyType(dict(shares))
        object.__setattr__(self, "attributes", MappingProxyType(frozen))

    @abstractmethod
    def gap(self) -> Law:
        """Return the law of the time between two requests."""


_ATTRIBUTES = 'give each value its share, at most 62 values: attributes={"status": {"charged": 0.97, "declined": 0.03}}'


def _are_shares(shares: Any) -> bool:
    """Tell whether a mapping gives values shares that add to 1."""
    return (
        isinstance(shares, Mapping)
        and 0 < len(shares) <= 62
        and all(isinstance(value, str | int | float | bool) for value in shares)
        and all(isinstance(p, int | float) and p >= 0 for p in shares.values())
        and abs(sum(shares.values()) - 1) <= 1e-9
    )


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
