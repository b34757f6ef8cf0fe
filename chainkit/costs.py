"""What a chain costs besides its services: what watches it, keeps its secrets and carries its data.

A cost is a name and a month's use (`use.py`); `ck.bill` prices it with the services, in one account. A chain that is
run, drawn or deployed knows nothing of it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from chainkit.errors import ConfigError, WiringError, nearest
from chainkit.service import NAME, Service
from chainkit.use import Quantity, Use, from_plain

Per = Literal["month", "request"]


@dataclass(frozen=True)
class Cost:
    """A use, and whether it is a month's or one request's."""

    use: Use
    per: Per = "month"

    def quantities(self, requests_per_month: float, hours_per_month: float) -> tuple[tuple[Quantity, float], ...]:
        """Return what is counted, and how much of it the month has.

        >>> from chainkit.uses.watching import XrayUse
        >>> [(q.price, month) for q, month in Cost(XrayUse(traces=0.05), "request").quantities(1e6, 730.0)]
        [('xray-traces', 50000.0)]
        """
        times = requests_per_month if self.per == "request" else 1.0
        return tuple((each, each.quantity * times) for each in self.use.quantities(hours_per_month))

    def to_plain(self) -> dict[str, Any]:
        """Return it as a design file holds it."""
        return {**self.use.to_plain(), **({"per": self.per} if self.per != "month" else {})}


class Costed:
    """The costs of a chain, and the names that they must not take."""

    name: str
    _services: dict[str, Service]

    def __init__(self) -> None:
        self._costs: dict[str, Cost] = {}

    @property
    def costs(self) -> Mapping[str, Cost]:
        """Name -> what it costs besides its services, in the order they were added."""
        return dict(self._costs)

    def add_cost(self, name: str, use: Use, per: Per = "month") -> Cost:
        """Add a cost besides the services, and return it: a NAT gateway, alarms, a secret, traces, logs.

        Parameters
        ----------
        name : its node on the bill, which no service has
        use : a month's use, or one request's
        per : "month", or "request": the use is that of one request, and grows with them

        Raises
        ------
        ConfigError
            If the name is none, the use is none, or something that time makes is said to be a request's.
        WiringError
            If the name is taken.

        Examples
        --------
        >>> import chainkit as ck
        >>> chain = ck.Chain("shop")
        >>> gate = chain.add_cost("gate", ck.VpcUse(nat_gateways=1))
        >>> traces = chain.add_cost("traces", ck.XrayUse(traces=0.05), per="request")
        >>> ck.bill(chain, ck.usage_of(chain, {}, requests=1e6)).node_usd()
        {'gate': 32.85, 'traces': 0.25}
        """
        who = f"chain {self.name!r}: cost {name!r}"
        if not isinstance(name, str) or not re.fullmatch(NAME, name):
            raise ConfigError(
                f"{who} is not a name: a letter, then at most 47 letters, digits, - or _", fix="write it as in nat-gate"
            )
        if not isinstance(use, Use):
            raise ConfigError(f"{who}: {use!r} is no use", fix="give one: VpcUse(nat_gateways=1)")
        if per not in get_args(Per):
            raise ConfigError(f"{who}: per={per!r} is not one of 'month', 'request'", fix="choose one of them")
        timed = [each.what for each in use.quantities() if each.is_hourly]
        if per == "request" and timed:
            raise ConfigError(
                f"{who}: per='request', and time makes it, not requests: {', '.join(timed)}",
                fix='give it as a cost of its own with per="month"',
            )
        self._require_free(name)
        self._costs[name] = Cost(use, per)
        return self._costs[name]

    def remove_cost(self, name: str) -> None:
        """Remove a cost.

        Raises
        ------
        WiringError
            If there is none of that name.
        """
        if not isinstance(name, str) or name not in self._costs:
            raise WiringError(
                f"chain {self.name!r} has no cost {name!r}{nearest(name, self._costs)}",
                fix=f"its costs: {', '.join(self._costs) or 'none yet'}",
            )
        del self._costs[name]

    def _require_free(self, name: str) -> None:
        """Refuse a name that a service or a cost has: both are nodes of a bill."""
        for kind, taken, way in (
            ("service", self._services, "change the one there with chain.set"),
            ("cost", self._costs, "remove the one there with chain.remove_cost"),
        ):
            if name in taken:
                raise WiringError(
                    f"chain {self.name!r} has a {kind} {name!r} already", fix=f"choose another name, or {way}"
                )


def cost_of(name: str, plain: Mapping[str, Any]) -> tuple[Use, Any]:
    """Return the use and the `per` that a design file's entry describes; refused like a new one.

    >>> cost_of("traces", {"type": "XrayUse", "traces": 1, "per": "request"})[1]
    'request'
    """
    import chainkit.uses  # noqa: F401 - fills the registry, which a chain without costs does not need

    fields = dict(plain)
    per = fields.pop("per", "month")
    return from_plain(f"cost {name!r}", fields), per
