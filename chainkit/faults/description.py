"""What is made to break, in one object: the simulator and the local target take the same.

A fault is a change of the design, so the simulator needs no way of its own: `Faults.apply` gives the chain as it is
while the fault lasts. What a design cannot hold is no fault.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from chainkit.chain import Chain
from chainkit.declared import declared, stated
from chainkit.distributions import Constant, Duration, Mixture
from chainkit.errors import ChainkitError, ConfigError, nearest
from chainkit.law import Law
from chainkit.operations import code, giving, owners, replay, setting_names

FIX = 'write ck.Faults({"payment": ck.Fault(error_rate=0.3), "validate>jobs": ck.Fault(duplicate_rate=0.1)})'
RATES = {
    "error_rate": "error_rate",
    "poison_fraction": "poison_fraction",
    "throttle_rate": "service_error_rate",
    "duplicate_rate": "duplicate_rate",
}
"""Chances of a fault, and the setting of the design that each is added to."""


@declared
class Fault:
    """What breaks at one service or link. What is not said stays whole.

    Rates are chances of each attempt, drawn anew for each, and come on top of the design's own: 0.3 on 0.1 makes 0.37.

    Examples
    --------
    >>> Fault(error_rate=0.3, delay=2.0, delay_rate=0.5)
    Fault(error_rate=0.3, delay=Constant(value_s=2.0), delay_rate=0.5)
    """

    error_rate: float = Field(default=0.0, ge=0, le=1)
    """Chance that an attempt of a function fails at the end of its own work: what it has sent by then stays sent.
    The local target lets a handler of your own run to its end first; a stand-in fails where the design says."""
    error_name: str | None = Field(default=None, min_length=1)
    """Name of the error, as Retry and Catch see it, also of the function's own errors; None: as designed."""
    poison_fraction: float = Field(default=0.0, ge=0, le=1)
    """Share of the requests that fail here on every attempt."""
    delay: Duration | None = None
    """Time by which an invocation is longer, before its code begins: billed, part of its timeout; a law or seconds."""
    delay_rate: float = Field(default=1.0, gt=0, le=1)
    """Share of the invocations that are delayed; a batch is one."""
    throttle_rate: float = Field(default=0.0, ge=0, le=1)
    """Chance that an attempt to invoke is turned away: nothing runs, nothing is billed, whoever called may try again.
    Simulated as `service_error_rate`; a caller's Retry that tells throttles from 5xx sees a 5xx there."""
    reserved_concurrency: int | None = Field(default=None, ge=0, le=10_000)
    """Most environments at once, if the design does not allow fewer; None: no limit by a fault."""
    duplicate_rate: float = Field(default=0.0, ge=0, le=1)
    """Chance that what a link hands over arrives twice; of a service or mapping: what is handed to it, or its queue."""
    dead: bool = False
    """A mapping, subscription or rule delivers nothing; of a service: none of those that lead into it do."""

    def __repr__(self) -> str:
        """Return the call that makes it."""
        return code(self).replace("ck.", "")


class Faults:
    """Faults by the name of a service, a link ("validate>jobs") or a part.

    Parameters
    ----------
    faults : name -> `Fault`, or its settings as a mapping

    Raises
    ------
    ConfigError
        If there are none, or one is no fault.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.example("orders")
    >>> faults = Faults({"payment": Fault(error_rate=0.3, poison_fraction=0.01)})
    >>> broken = faults.apply(chain).service("payment")
    >>> round(broken.error_rate, 3), chain.service("payment").error_rate
    (0.307, 0.01)
    """

    def __init__(self, faults: Mapping[str, Fault | Mapping[str, Any]]) -> None:
        if not isinstance(faults, Mapping) or not faults or not all(isinstance(name, str) for name in faults):
            raise ConfigError(f"Faults: {faults!r} is no mapping of services or links to faults", fix=FIX)
        self._faults = {name: _as_fault(name, fault) for name, fault in faults.items()}

    def __getitem__(self, name: str) -> Fault:
        """Return the fault of a service or link."""
        return self._faults[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._faults)

    def __len__(self) -> int:
        """Return how many services and links break."""
        return len(self._faults)

    def __eq__(self, other: object) -> bool:
        """Tell whether the same breaks."""
        return isinstance(other, Faults) and self._faults == other._faults

    def __hash__(self) -> int:
        """Return a hash that equal faults share."""
        return hash(repr(self))

    def __repr__(self) -> str:
        """Return the call that makes them."""
        return f"Faults({{{', '.join(f'{name!r}: {fault!r}' for name, fault in self._faults.items())}}})"

    def apply(self, chain: Chain) -> Chain:
        """Return a copy of a chain as it is while these faults last.

        Raises
        ------
        ConfigError
            If the chain has no such service, link or part, or a fault cannot happen there.
        """
        if missing := self.missing(chain):
            known = [*owners(chain)]
            raise ConfigError(
                f"faults: chain {chain.name!r} has no service or link {missing[0]!r}{nearest(missing[0], known)}",
                fix=f"names: {', '.join(known)}",
            )
        copy = chain.copy()
        for key, value in self.changes(chain).items():
            owner, _, setting = key.rpartition(".")
            try:
                replay(copy, giving(copy, [owner], setting, value))
            except ChainkitError as error:
                raise type(error)(f"faults: {error.problem}", fix=error.fix) from None
        return copy

    def missing(self, chain: Chain) -> list[str]:
        """Return the names that a chain does not have."""
        known = owners(chain)
        return [name for name in self._faults if name not in known]

    def changes(self, chain: Chain) -> dict[str, Any]:
        """Return the settings of a chain that differ while these faults last: "payment.error_rate" -> value.

        Raises
        ------
        ConfigError
            If a fault cannot happen where it is said to.
        """
        owned = owners(chain)
        found: dict[str, Any] = {}
        for name, fault in self._faults.items():
            if name in owned:
                found |= _settings(chain, owned, name, fault)
                for key, rate in _rates(chain, owned, name, fault):
                    owner, _, setting = key.rpartition(".")
                    found[key] = _both(found.get(key, getattr(owned[owner], setting)), rate)
        return found

    def to_fis(self, chain: Chain, **options: Any) -> Any:
        """Return these faults as an experiment template of AWS FIS, and what FIS cannot do: see `fis.experiment`."""
        from chainkit.faults import fis

        return fis.experiment(self, chain, **options)


def broken(chain: Chain, faults: Any, who: str) -> Chain:
    """Return a chain as it is while faults last, or as it is if there are none.

    Raises
    ------
    ConfigError
        If they are no `Faults`, with the name of who was given them.
    """
    if faults is None:
        return chain
    if not isinstance(faults, Faults):
        raise ConfigError(f"{who}: faults={faults!r} is no Faults", fix=FIX)
    return faults.apply(chain)


def _as_fault(name: str, fault: Any) -> Fault:
    """Return a fault, or one made of its settings."""
    if isinstance(fault, Mapping) and fault and all(isinstance(key, str) for key in fault):
        fault = Fault(**fault)
    if not isinstance(fault, Fault):
        raise ConfigError(f"Faults: {name!r}: {fault!r} is no fault", fix=FIX)
    if not any(setting not in ("error_name", "delay_rate") for setting in stated(fault)):
        raise ConfigError(f"Faults: {name!r}: {fault!r} breaks nothing", fix="say what breaks: error_rate=0.3")
    return fault


def handed(chain: Chain, name: str) -> list[str]:
    """Return the links by which something is handed to a service, or over a link: what can arrive twice."""
    links = chain.links
    if name in links and "duplicate_rate" in setting_names(links[name]):
        return [name] if _hands_over(links[name]) else []
    target = links[name].source if name in links else name
    return [key for key, link in links.items() if link.target == target and _hands_over(link)]


def consumers(chain: Chain, name: str) -> list[str]:
    """Return the links that can be dead: those that AWS itself delivers by."""
    links = chain.links
    found = [name] if name in links else [key for key, link in links.items() if link.target == name]
    return [key for key in found if {"enabled", "match_fraction"} & {*setting_names(links[key])}]


def _hands_over(link: Any) -> bool:
    """Tell whether a link hands over and waits for nothing."""
    return "duplicate_rate" in setting_names(link) and link.kind != "sync"


def _rates(chain: Chain, owned: Mapping[str, Any], name: str, fault: Fault) -> Iterator[tuple[str, float]]:
    """Yield ("payment.error_rate", chance that is added) of one fault."""
    has = setting_names(owned[name])
    for own, setting in RATES.items():
        if rate := getattr(fault, own):
            where = handed(chain, name) if own == "duplicate_rate" else [name] if setting in has else []
            if not where:
                raise _impossible(name, fault, own)
            yield from ((f"{each}.{setting}", rate) for each in where)


def _settings(chain: Chain, owned: Mapping[str, Any], name: str, fault: Fault) -> dict[str, Any]:
    """Return the settings that one fault replaces: "payment.overhead" -> value."""
    thing, found = owned[name], dict[str, Any]()
    for setting in ("reserved_concurrency", "delay"):
        if getattr(fault, setting) is not None and "reserved_concurrency" not in setting_names(thing):
            raise _impossible(name, fault, setting)
    if fault.error_name is not None and (fault.error_rate or fault.poison_fraction):
        found[f"{name}.error_name"] = fault.error_name
    if fault.reserved_concurrency is not None:
        limits = (fault.reserved_concurrency, thing.reserved_concurrency)
        found[f"{name}.reserved_concurrency"] = min(limit for limit in limits if limit is not None)
    if (delay := delay_of(fault)) is not None:
        found[f"{name}.overhead"] = _longer(name, thing, delay)
    if fault.dead and not consumers(chain, name):
        raise _impossible(name, fault, "dead")
    for key in consumers(chain, name) if fault.dead else ():
        found |= _dead(key, owned[key])
    return found


def _dead(key: str, link: Any) -> dict[str, Any]:
    """Return what makes a link deliver nothing."""
    has = setting_names(link)
    if "enabled" in has:
        return {f"{key}.enabled": False}
    rules = "event_pattern" if "event_pattern" in has else "filter_policy"
    return {f"{key}.{rules}": None, f"{key}.match_fraction": 0.0}


def _both(one: float, other: float) -> float:
    """Return the chance that at least one of two independent things happens."""
    return other if one == 0 else one if other == 0 else 1 - (1 - one) * (1 - other)


def delay_of(fault: Fault) -> Law | None:
    """Return the law of what a fault adds to an invocation."""
    if fault.delay is None or fault.delay_rate >= 1:
        return fault.delay
    return Mixture([(fault.delay_rate, fault.delay), (1 - fault.delay_rate, Constant(0.0))])


def _longer(name: str, function: Any, delay: Law) -> Law:
    """Return a function's overhead with a delay added, so that its memory does not scale the delay."""
    own, work_s = function.overhead or Constant(0.0), function.duration.mean_s
    scale = function.behaviour().work.mean_s / work_s if work_s > 0 else 1.0
    if own == Constant(0.0):
        return delay if math.isclose(scale, 1.0) else delay.scaled(1 / scale)
    if isinstance(own, Constant) and isinstance(delay, Constant):
        return Constant(own.mean_s + delay.mean_s / scale)
    raise ConfigError(
        f"faults: {name!r}: its overhead {own!r} and a delay {delay!r} have no law together",
        fix="give both as a number of seconds, with delay_rate=1, or leave one out",
    )


def _impossible(name: str, fault: Fault, setting: str) -> ConfigError:
    """Return the error for a fault that cannot happen at a service or link."""
    where = {
        "duplicate_rate": "a link that hands over, a queue, or a function or topic that something is handed to",
        "dead": "a mapping, subscription or rule, or a service that one leads into",
    }.get(setting, "a function")
    return ConfigError(
        f"faults: {name!r}: {setting}={getattr(fault, setting)!r} cannot happen there", fix=f"it can at {where}"
    )
