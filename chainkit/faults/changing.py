"""Faults of a comparison: settings that change in every chain, as far as each has them; or `Faults`.

A function that is fused into another breaks there as well: a part goes by the function's name.
"""

from collections.abc import Mapping
from typing import Any

from chainkit.chain import Chain
from chainkit.errors import ChainkitError, ConfigError, nearest
from chainkit.faults.description import Faults
from chainkit.operations import giving, owners, replay, setting_names

FIX = 'write settings with a value each: faults={"provider down": {"payment.error_rate": 1.0}}'


def as_faults(faults: Any) -> dict[str, Faults | dict[str, Any]]:
    """Return faults by name, checked for form: each is a `Faults`, or settings with their values.

    Raises
    ------
    ConfigError
        If they are no mapping of names to settings.
    """
    if faults is None:
        return {}
    if not isinstance(faults, Mapping):
        raise ConfigError(f"compare: faults={faults!r} is no mapping of names to settings", fix=FIX)
    for name, change in faults.items():
        is_dotted = isinstance(change, Faults) or (
            isinstance(change, Mapping) and change and all(isinstance(key, str) and "." in key for key in change)
        )
        if not isinstance(name, str) or not is_dotted:
            raise ConfigError(f"compare: faults[{name!r}]={change!r} holds no settings", fix=FIX)
    return {name: change if isinstance(change, Faults) else dict(change) for name, change in faults.items()}


def changed(
    fault: str, change: Faults | Mapping[str, Any], chains: Mapping[str, Chain]
) -> tuple[dict[str, Chain], dict[str, str]]:
    """Return copies of the chains with the settings of a fault, and what each chain does not have.

    Raises
    ------
    ConfigError
        If no chain has one of the settings, or refuses its value.

    Examples
    --------
    >>> import chainkit as ck
    >>> one, other = ck.Chain("one"), ck.Chain("other")
    >>> _ = one.add(ck.LambdaFunction("pay")), other.add(ck.LambdaFunction("ship"))
    >>> chains, notes = changed("down", {"pay.error_rate": 1.0}, {"one": one, "other": other})
    >>> chains["one"].service("pay").error_rate, notes
    (1.0, {'one': '', 'other': "has no 'pay'"})
    """
    owned = {name: owners(chain) for name, chain in chains.items()}
    if isinstance(change, Faults):
        return _broken(fault, change, chains, owned)
    for key in change:
        _require(fault, key, owned)
    copies = {name: chain.copy() for name, chain in chains.items()}
    for name, copy in copies.items():
        for key, value in change.items():
            owner, _, setting = key.rpartition(".")
            if setting not in setting_names(owned[name].get(owner)):
                continue
            try:
                replay(copy, giving(copy, [owner], setting, value))
            except ChainkitError as error:
                raise type(error)(f"compare: fault {fault!r}: {name!r}: {error.problem}", fix=error.fix) from None
    return copies, {name: _missing(change, own) for name, own in owned.items()}


def _broken(
    fault: str, faults: Faults, chains: Mapping[str, Chain], owned: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Chain], dict[str, str]]:
    """Return copies of the chains with what breaks at those services and links that each has."""
    for name in faults:
        _having(fault, name, owned, "name a service or link")
    copies, notes = {}, {}
    for name, chain in chains.items():
        missing = faults.missing(chain)
        here = {each: faults[each] for each in faults if each not in missing}
        try:
            copies[name] = Faults(here).apply(chain) if here else chain.copy()
        except ChainkitError as error:
            raise type(error)(f"compare: fault {fault!r}: {name!r}: {error.problem}", fix=error.fix) from None
        notes[name] = f"has no {', '.join(map(repr, missing))}" if missing else ""
    return copies, notes


def _having(fault: str, owner: str, owned: Mapping[str, Mapping[str, Any]], form: str) -> list[Any]:
    """Return the services, links or parts of a name; there is at least one."""
    having = [own[owner] for own in owned.values() if owner in own]
    if not having:
        names = [*dict.fromkeys(name for own in owned.values() for name in own)]
        raise ConfigError(
            f"compare: fault {fault!r}: no chain has a service or link {owner!r}{nearest(owner, names)}",
            fix=f"{form}; names: {', '.join(names)}",
        )
    return having


def _require(fault: str, key: str, owned: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise unless some chain has a setting."""
    owner, _, setting = key.rpartition(".")
    having = _having(fault, owner, owned, 'write "name.setting"')
    names = [*dict.fromkeys(name for each in having for name in setting_names(each))]
    if setting not in names:
        raise ConfigError(
            f"compare: fault {fault!r}: {owner!r} has no setting {setting!r}{nearest(setting, names)}",
            fix=f"its settings: {', '.join(names)}",
        )


def _missing(change: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """Return which services, links and settings of a fault a chain does not have."""
    found = []
    for key in change:
        owner, _, setting = key.rpartition(".")
        if owner not in own:
            found.append(repr(owner))
        elif setting not in setting_names(own[owner]):
            found.append(repr(key))
    return f"has no {', '.join(dict.fromkeys(found))}" if found else ""
