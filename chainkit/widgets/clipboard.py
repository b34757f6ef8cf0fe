"""Copies of services, and where they go: the operations that paste what was copied, under free names in free places."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

from chainkit.chain import Chain
from chainkit.declared import changed
from chainkit.layout import ROW, arrange
from chainkit.operations import Operation, own_settings
from chainkit.problems import is_place
from chainkit.service import LONGEST, Service
from chainkit.wiring import Link, Task

Point = tuple[float, float]
COPY_SHIFT = (40.0, ROW)
"""From a card to its copy, pixels."""


@dataclass(frozen=True)
class Clipboard:
    """Copied services, the links among them, and where they stood."""

    services: tuple[Service, ...] = ()
    links: tuple[Link, ...] = ()
    places: Mapping[str, Point] = field(default_factory=dict)


def copied(chain: Chain, names: Iterable[str]) -> Clipboard:
    """Return services of a chain, with the links among them, as they are now."""
    places = arrange(chain).places
    chosen = [name for name in dict.fromkeys(names) if name in chain.services]
    links = [v for v in chain.links.values() if not isinstance(v, Task) and ends(v) <= {*chosen}]
    services = tuple(chain.service(name) for name in chosen)
    return Clipboard(services, tuple(links), {name: places[name] for name in chosen})


def pasting(chain: Chain, what: Clipboard) -> tuple[Operation, ...]:
    """Return the operations that add what was copied, under free names, beside where it stood.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("orders")
    >>> _ = chain.add(ck.SqsQueue("jobs"))
    >>> print(*pasting(chain, copied(chain, ["jobs"])), sep=chr(10))
    chain.add(ck.SqsQueue('jobs-2'))
    chain.place({'jobs': (0.0, 0.0), 'jobs-2': (40.0, 104.0)})
    """
    names: dict[str, str] = {}
    for service in what.services:
        names[service.name] = free_name(service.name, [*chain.services, *names.values()])
    there = {*chain.services, *names}
    links = [bare if link.dead_letters and link.dead_letters not in there else link for link, bare in _bare(what.links)]
    links = [link.renamed(names) for link in links]
    return (
        *(Operation("add", (service.renamed(names),)) for service in what.services),
        *(Operation("connect", (v.source, v.target), {"link": v.word, **own_settings(v)}) for v in links),
        placing(chain, {names[name]: place for name, place in _beside(chain, what.places).items()}),
    )


def _bare(links: Iterable[Link]) -> Iterator[tuple[Link, Link]]:
    """Yield links, each also without its dead-letter queue."""
    for link in links:
        yield link, changed(link, dead_letter_queue=None) if link.dead_letters else link


def _beside(chain: Chain, places: Mapping[str, Point]) -> dict[str, Point]:
    """Return places moved so far that no copy hides another card."""
    taken = {(round(x), round(y)) for x, y in arrange(chain).places.values()}
    ways = ({name: (x + k * COPY_SHIFT[0], y + k * COPY_SHIFT[1]) for name, (x, y) in places.items()} for k in count(1))
    return next(moved for moved in ways if not taken & {(round(x), round(y)) for x, y in moved.values()})


def placing(chain: Chain, places: Mapping[str, Point]) -> Operation:
    """Return the operation that puts services there, and keeps the others where they are seen."""
    seen = {name: place for name, place in arrange(chain).places.items() if name not in chain.layout}
    return Operation("place", ({name: _rounded(place) for name, place in {**seen, **places}.items()},))


def _rounded(place: Point) -> Point:
    """Return a place in whole pixels; what is none stays as it is, for the chain to refuse."""
    return (float(round(place[0])), float(round(place[1]))) if is_place(place) else place


def free_name(name: str, taken: Iterable[str]) -> str:
    """Return a name that is not taken, and no longer than names may be.

    >>> free_name("queue", ["queue"])
    'queue-2'
    """
    taken, k, free = {*taken}, 1, name
    while free in taken:
        k += 1
        free = f"{name[: LONGEST - len(f'-{k}')]}-{k}"
    return free


def ends(link: Link) -> set[str]:
    """Return the two services of a link."""
    return {link.source, link.target}
