"""What the designer shows, and every operation on it. No widget: a test, or a cell, can do all that a hand can.

An operation that chainkit refuses changes nothing; the error is kept in `refusal` for whoever shows it.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import networkx as nx

from chainkit.billing.bill import Bill, bill
from chainkit.chain import Chain
from chainkit.declared import IDENTITY, settings, stated
from chainkit.errors import ChainkitError, WiringError
from chainkit.service import from_plain, registry
from chainkit.simulation.loads import Load
from chainkit.simulation.run import Run, simulate
from chainkit.units import seconds, usd
from chainkit.wiring import WORDS, Link, Task, fitting

Topic = Literal["design", "figures", "selection", "layout"]
"""What a listener hears of: the chain or its traffic changed; its figures are there; something else is selected; cards
were moved."""
MOST_UNDO = 50
GOES_ON = ("sync", "async", "send", "poll", "deliver")
"""Kinds of link that every request travels, unless its settings say otherwise."""


@dataclasses.dataclass(frozen=True)
class Figures:
    """What is known of the chain as it is: its errors, or a run and its bill."""

    errors: tuple[ChainkitError, ...] = ()
    run: Run | None = None
    bill: Bill | None = None

    def notes(self) -> dict[str, str]:
        """Return a line for each card: mean time, and dollars a month at the rate of the run."""
        if self.run is None or self.bill is None:
            return {}
        nodes, cost = self.run.nodes, self.bill.node_usd()
        notes = {}
        for name in nodes.index:
            row = nodes.loc[name]
            times = [float(row[column]) for column in ("duration_mean_s", "wait_mean_s") if column in nodes.columns]
            words = [seconds(time_s) for time_s in times if time_s == time_s][:1]
            paid = [f"{usd(cost[str(name)])}/mo"] if cost[str(name)] else []
            notes[str(name)] = " · ".join([*words, *paid])
        return notes


class State:
    """A chain in hand: what is selected, under which traffic it is tried, and what came of it.

    Parameters
    ----------
    chain : the chain that operations change
    load : traffic of the runs
    requests, seed, at : as for `simulate`
    """

    def __init__(self, chain: Chain, load: Load, *, requests: int, seed: int, at: str | None = None) -> None:
        self.chain, self.load, self.requests, self.seed, self.at = chain, load, requests, seed, at
        self.selected = ""
        """Name of a service, id of a link, or ""."""
        self.refusal: ChainkitError | None = None
        """Why the last operation was refused."""
        self.figures = Figures()
        self._listeners: list[Callable[[Topic], None]] = []
        self._undo: list[Chain] = []

    def listen(self, listener: Callable[[Topic], None]) -> None:
        """Call `listener` with the topic of every change from now on."""
        self._listeners.append(listener)

    def _tell(self, topic: Topic) -> None:
        for listener in self._listeners:
            listener(topic)

    # --- what fits ---

    def kinds(self) -> dict[str, str]:
        """Return label -> class name of every service there is."""
        return {registry[name].label: name for name in sorted(registry, key=lambda name: registry[name].label)}

    def free_name(self, kind: str) -> str:
        """Return a name for a new service: "queue", then "queue-2"."""
        stem = registry[kind].label.split()[-1].lower()
        names = [stem, *(f"{stem}-{k}" for k in range(2, len(self.chain.services) + 3))]
        return next(name for name in names if name not in self.chain.services)

    def sources(self) -> list[str]:
        """Return the services from which a link can lead somewhere."""
        return [name for name in self.chain.services if self.targets(name)]

    def targets(self, source: str) -> list[str]:
        """Return the services to which a link from `source` can lead."""
        return [name for name in self.chain.services if self.words(source, name)]

    def words(self, source: str, target: str) -> list[str]:
        """Return the kinds of link that fit between two services, the plain one first."""
        return fitting(self.chain.service(source), self.chain.service(target))

    # --- operations on the chain ---

    def add(self, kind: str, name: str) -> bool:
        """Add a service and select it. Tells whether it was accepted, as every operation does."""
        return self._operate(lambda: self.chain.add(from_plain(name, {"type": kind})).name)

    def connect(self, source: str, target: str, word: str | None = None) -> bool:
        """Connect two services, and select the link."""
        return self._operate(lambda: self._key_after(lambda: self.chain.connect(source, target, link=word)))

    def set(self, key: str, **changes: Any) -> bool:
        """Change settings of a service or link."""

        def change() -> str:
            self.chain.set(key, **changes)
            return self.selected

        return self._operate(change)

    def remove(self, key: str) -> bool:
        """Remove a service with its links, or a link."""

        def removal() -> str:
            self.chain.remove(key)
            return self.selected if self._exists(self.selected) else ""

        return self._operate(removal)

    def rewire(self, key: str, word: str) -> bool:
        """Make another kind of link of one; settings that both kinds have are kept."""

        def other() -> str:
            link = self.chain.link(key)
            made: Any = WORDS[word][0]
            fixed = WORDS[word][1].keys() | WORDS[link.word][1].keys()
            own = {setting.name for setting in settings(made)} & stated(link).keys() - fixed
            kept = {name: value for name, value in _settings_of(link).items() if name in own}
            # The new one first: if it is refused, the old one is still there.
            new_key = self._key_after(lambda: self.chain.connect(link.source, link.target, link=word, **kept))
            self.chain.remove(key)
            return new_key

        return self._operate(other)

    def undo(self) -> bool:
        """Take the last operation on the chain back."""
        if not self._undo:
            return False
        self._restore(self._undo.pop())
        self.selected = self.selected if self._exists(self.selected) else ""
        self.refresh()
        return True

    def move(self, places: dict[str, tuple[float, float]]) -> None:
        """Keep where services were put by hand; from now on the layout is the user's."""
        known = {name: (round(x), round(y)) for name, (x, y) in places.items() if name in self.chain.services}
        self.chain.layout = {**self.chain.layout, **known}
        self._tell("layout")

    # --- traffic and selection ---

    def set_rate(self, rate_per_s: Any) -> bool:
        """Change the arrival rate, requests per second."""
        try:
            self.load = self.load.with_rate(rate_per_s)
        except ChainkitError as error:
            self.refusal = error
            return False
        self.refusal = None
        self.refresh()
        return True

    def select(self, key: str) -> None:
        """Select a service, a link, or with "" nothing."""
        key = key.removesuffix("!")  # a dead-letter edge is part of its link
        key = key if self._exists(key) else ""
        if key != self.selected:
            self.selected = key
            self._tell("selection")

    # --- figures ---

    def refresh(self) -> None:
        """Look at the chain anew, also after a cell has changed it: show it, run it, and show the figures."""
        self.figures = Figures(tuple(self.chain.validate()))
        self._tell("design")
        if not self.figures.errors:
            self.figures = self._computed()
        self._tell("figures")

    def _computed(self) -> Figures:
        """Return a run and its bill, or what stands in their way."""
        if (circle := _endless(self.chain)) is not None:
            return Figures((circle,))
        try:
            run = simulate(self.chain, self.load, requests=self.requests, seed=self.seed, at=self.at)
            return Figures(run=run, bill=bill(self.chain, run))
        except ChainkitError as error:
            return Figures((error,))

    # --- how an operation is carried out ---

    def _operate(self, operation: Callable[[], str]) -> bool:
        """Carry an operation out, select what it returns, and show what came of it; or keep why it was refused."""
        before = self.chain.copy()
        try:
            self.selected = operation()
        except ChainkitError as error:
            self.refusal = error
            return False
        self.refusal = None
        self._undo = [*self._undo, before][-MOST_UNDO:]
        self.refresh()
        return True

    def _key_after(self, connecting: Callable[[], object]) -> str:
        """Return the id of the link that `connecting` makes."""
        before = self.chain.links.keys()
        connecting()
        return next(key for key in self.chain.links if key not in before)

    def _exists(self, key: str) -> bool:
        return key in self.chain.services or key in self.chain.links

    def _restore(self, before: Chain) -> None:
        """Bring the chain to what it was, by its own operations: every other holder of it sees the same."""
        for name in self.chain.services:
            self.chain.remove(name)
        for service in before.services.values():
            self.chain.add(service)
        for link in before.links.values():
            if not isinstance(link, Task):  # a machine brings its own
                self.chain.connect(link.source, link.target, link=link.word, **_settings_of(link))
        self.chain.layout = dict(before.layout)


def _endless(chain: Chain) -> ChainkitError | None:
    """Return what is wrong with messages that go round for ever: no run would end while somebody waits for figures."""
    certain: nx.DiGraph[str] = nx.DiGraph()
    for link in chain.links.values():
        is_sure = getattr(link, "probability", 1.0) == 1.0 and getattr(link, "match_fraction", None) in (None, 1.0)
        if link.kind in GOES_ON and is_sure and not getattr(link, "filter_policy", None):
            certain.add_edge(link.source, link.target)
    try:
        circle = [source for source, _ in nx.find_cycle(certain)]
    except nx.NetworkXNoCycle:
        return None
    return WiringError(
        f"messages go round for ever: {' > '.join([*circle, circle[0]])}",
        fix="give one of its links a probability below 1, or remove it",
    )


def _settings_of(link: Link) -> dict[str, Any]:
    """Return a link's settings without its ends."""
    cls: Any = type(link)
    return {s.name: getattr(link, s.name) for s in settings(cls) if s.name not in IDENTITY}
