"""Faults as the local target's emulator is told them: plain values, resources by their ARNs.

The emulator draws as the simulator does, so equal seeds let the same attempts fail on both sides. What it takes over is
what a whole chain needs for that: the rates of all functions, the places of all links, the numbers of the requests.
"""

from collections.abc import Mapping
from typing import Any

from chainkit.chain import Chain
from chainkit.errors import ConfigError
from chainkit.faults.description import Faults, broken, delay_of
from chainkit.operations import owners

_KINDS = ("poll", "deliver")
"""Links that AWS itself delivers by: what can be dead."""


def described(
    faults: Faults | None,
    chain: Chain,
    arns: Mapping[str, str],
    *,
    seed: int = 1,
    requests: int = 1,
    replications: int = 1,
    entry: str | None = None,
    numbers: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return what `Emulator.set_faults` takes.

    Parameters
    ----------
    faults : what breaks; None: nothing beyond what the design says
    chain : as it was deployed
    arns : service -> its ARN there; of an API its id
    seed, requests, replications : those of the simulation whose draws are wanted; of other requests, any seed and 1
    entry : the service where requests enter; None: the one that nothing leads to
    numbers : root of a request -> its number; others are numbered from 0 as they come

    Raises
    ------
    ConfigError
        If the chain does not have what breaks, it cannot happen there, or not on the local target.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("one")
    >>> _ = chain.add(ck.LambdaFunction("pay", error_rate=0.1))
    >>> told = described(ck.Faults({"pay": ck.Fault(error_rate=0.3)}), chain, {"pay": "arn:pay"}, seed=7)
    >>> round(told["functions"]["arn:pay"]["error_rate"], 3), told["seed"]
    (0.37, 7)
    """
    changed = broken(chain, faults, "faults")
    for name in faults or ():
        _require_local(name, chain)
    entries = chain.entries()
    enters = entry if entry is not None else entries[0] if len(entries) == 1 else None
    functions = {
        arns[name]: _function(name, service, faults)
        for name, service in changed.services.items()
        if name in arns and hasattr(service, "error_rate")
    }
    links = [
        {"id": key, "from": arns[link.source], "to": arns[link.target], **_link(chain, changed, key, enters)}
        for key, link in changed.links.items()
        if link.source in arns and link.target in arns
    ]
    firsts = [r * requests // replications for r in range(replications)]
    return {
        "seed": seed, "firsts": firsts, "functions": functions, "links": links, "numbers": dict(numbers or {}),
    }  # fmt: skip


def _require_local(name: str, chain: Chain) -> None:
    """Refuse a fault at a part: it is code inside a function, which the emulator cannot break."""
    if name not in chain.services and name not in chain.links:
        raise ConfigError(
            f"faults: {name!r} is a part of a function: the local target breaks whole invocations",
            fix="name the function that it is a part of, or simulate it: ck.simulate(chain, ..., faults=faults)",
        )


def _function(name: str, function: Any, faults: Faults | None) -> dict[str, Any]:
    """Return the rates of a function, its own included, and whether it fails by itself when it is told to."""
    delay = delay_of(faults[name]) if faults is not None and name in faults else None
    return {
        "name": name,
        "error_rate": function.error_rate,
        "error_name": function.error_name,
        "poison_fraction": function.poison_fraction,
        "throttle_rate": function.service_error_rate,
        "limit": faults[name].reserved_concurrency if faults is not None and name in faults else None,
        "delay": delay.to_plain() if delay is not None else None,
        "is_told": function.code is None,
    }


def _link(chain: Chain, changed: Chain, key: str, entry: str | None) -> dict[str, Any]:
    """Return where a link stands among those into its target, and what happens on it."""
    link: Any = changed.links[key]
    place = [other for other, each in changed.links.items() if each.target == link.target].index(key)
    own = owners(chain)[key]
    is_dead = link.kind in _KINDS and link != own and not _still_delivers(link)
    return {
        "place": place + (link.target == entry),
        "duplicate_rate": getattr(link, "duplicate_rate", 0.0),
        "dead": is_dead,
        "polls": link.kind == "poll",
    }


def _still_delivers(link: Any) -> bool:
    """Tell whether a link that is changed by faults delivers anything."""
    return bool(getattr(link, "enabled", True)) and getattr(link, "match_fraction", None) != 0
