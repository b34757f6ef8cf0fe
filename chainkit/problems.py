"""What cannot be built or run: everything that is wrong between the services of a chain."""

import re
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from numbers import Real
from typing import Any

from chainkit.errors import ChainkitError, ConfigError, WiringError, nearest
from chainkit.service import NAME, Service
from chainkit.wiring import Caller, Destination, EventSourceMapping, Link, Redrive


def problems(name: str, services: Mapping[str, Service], links: Mapping[str, Link]) -> list[ChainkitError]:
    """Return every error of a chain: of its services, its links, and what they are together."""
    found: list[ChainkitError] = []
    for service in services.values():
        found += service.problems(services)
    for key, link in links.items():
        found += _link_problems(key, link, services)
    for check in (_name_problems, _case_problems, _step_problems, _single_problems, _cycle_problems):
        found += check(name, services, links)
    if not services:
        found.append(WiringError(f"chain {name!r} is empty", fix="add a service with chain.add"))
    return found


def _name_problems(name: str, services: Mapping[str, Service], links: Mapping[str, Link]) -> list[ChainkitError]:
    """Return names that AWS would not take: every deployed thing is called chain-service."""
    if not re.fullmatch(NAME, name):
        return [
            ConfigError(
                f"chain {name!r}: its name is the first part of every deployed name",
                fix="use a letter, then at most 47 letters, digits, - or _",
            )
        ]
    return [
        ConfigError(
            f"{each!r}: its name on AWS, {name}-{each}, has {len(name) + len(each) + 1} characters; 64 are allowed",
            fix="shorten the name of the service or of the chain",
        )
        for each in services
        if len(name) + len(each) + 1 > 64
    ]


def _case_problems(_name: str, services: Mapping[str, Service], links: Mapping[str, Link]) -> list[ChainkitError]:
    """Return the cases, and the routes of an API, whose probabilities add to more than 1."""
    shares: dict[tuple[str, str], dict[str, float]] = {}
    for key, link in links.items():
        if not isinstance(link, Caller):
            continue
        routes = "integration" in services[link.source].port.emits
        if routes or link.case is not None:
            case = "routes" if routes else f"case {link.case!r}"
            shares.setdefault((link.source, case), {})[link.chance or key] = link.probability
    return [
        ConfigError(
            f"{source!r}: {case}: probabilities add to {sum(each.values()):g}, more than 1",
            fix="give each link its probability: they exclude each other",
        )
        for (source, case), each in shares.items()
        if sum(each.values()) > 1 + 1e-9
    ]


def _step_problems(_name: str, _services: Mapping[str, Service], links: Mapping[str, Link]) -> list[ChainkitError]:
    """Return steps that begin at two times at once."""
    begins: dict[tuple[str, int], set[float]] = {}
    for link in links.values():
        if isinstance(link, Caller) and link.after_fraction is not None:
            begins.setdefault((link.source, link.step), set()).add(link.after_fraction)
    return [
        ConfigError(
            f"{source!r}: links of step {step} have after_fraction {', '.join(f'{x:g}' for x in sorted(each))}",
            fix="links of one step begin together: give the others another step",
        )
        for (source, step), each in begins.items()
        if len(each) > 1
    ]


def _single_problems(_name: str, services: Mapping[str, Service], links: Mapping[str, Link]) -> list[ChainkitError]:
    """Return what a service can have only one of, and has twice."""
    seen: dict[tuple[str, str], int] = {}
    for link in links.values():
        if isinstance(link, EventSourceMapping | Redrive | Destination):
            key = (link.source, link.word)
        elif isinstance(link, Caller) and "integration" in services[link.source].port.emits:
            key = (link.source, f"route {link.route!r}")
        else:
            continue
        seen[key] = seen.get(key, 0) + 1
    return [
        WiringError(
            f"{each!r} has {count} links of kind {what}; it can have one",
            fix="keep one; give each consumer its own queue, and each route its own path",
        )
        for (each, what), count in seen.items()
        if count > 1
    ]


def _cycle_problems(_name: str, services: Mapping[str, Service], links: Mapping[str, Link]) -> list[ChainkitError]:
    """Return the cycles of synchronous calls that no request can leave, each from its first service on."""
    calls = [
        (link.source, link.target)
        for link in links.values()
        if isinstance(link, Caller) and link.kind == "sync" and link.probability == 1
    ]
    order: TopologicalSorter[str] = TopologicalSorter()
    for source, target in calls:
        order.add(source, target)
    try:
        order.prepare()
    except CycleError:
        return _circles(services, calls)
    return []


def _circles(services: Mapping[str, Service], calls: list[tuple[str, str]]) -> list[ChainkitError]:
    """Return the cycles among calls of which some are in one."""
    import networkx as nx

    waits = nx.DiGraph(calls)
    place = {name: k for k, name in enumerate(services)}
    cycles = []
    for knot in nx.strongly_connected_components(waits):  # one circle each: a dense graph has more than can be told
        within = waits.subgraph(sorted(knot, key=place.__getitem__))
        if within.number_of_edges():
            cycle = [step[0] for step in nx.find_cycle(within)]
            first = cycle.index(min(cycle, key=place.__getitem__))
            cycles.append([*cycle[first:], *cycle[:first]])
    return [
        WiringError(
            f"synchronous calls in a circle: {' > '.join([*cycle, cycle[0]])}; every request would wait for itself",
            fix="give one of its links a probability below 1, make one asynchronous, or remove it",
        )
        for cycle in sorted(cycles, key=lambda cycle: [place[name] for name in cycle])
    ]


def _link_problems(key: str, link: Link, services: Mapping[str, Service]) -> list[ChainkitError]:
    """Return what AWS would refuse about one link."""
    found: list[ChainkitError] = []
    queue = link.dead_letters
    if queue is not None and (queue not in services or "redrive" not in services[queue].port.accepts):
        found.append(
            WiringError(
                f"link {key!r}: dead_letter_queue={queue!r} is not a queue of this chain{nearest(queue, services)}",
                fix="add the queue, or name one that is there",
            )
        )
    found += link.problems(key, services[link.source], services[link.target])
    return found


def is_place(value: Any) -> bool:
    """Tell whether a value is a place on the canvas: two numbers of pixels, of no more than seven digits.

    >>> is_place((266.0, 0)), is_place((float("nan"), 0)), is_place("ab")
    (True, False, False)
    """
    is_pair = isinstance(value, list | tuple) and len(value) == 2
    return is_pair and all(isinstance(each, Real) and abs(float(each)) < 1e7 for each in value)
