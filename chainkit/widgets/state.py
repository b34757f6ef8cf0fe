"""What the designer shows, and every operation on it. No widget: a test, or a cell, can do all that a hand can.

An operation that chainkit refuses changes nothing; the error is kept in `refusal` for whoever shows it. Each accepted
one is a step that can be undone, and stands in `history` as the lines of Python that do the same.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from chainkit.bringing import Brought, brings
from chainkit.chain import Chain
from chainkit.declared import IDENTITY, settings
from chainkit.errors import ChainkitError, ConfigError
from chainkit.layout import COLUMN, ROW, arrange, free
from chainkit.operations import Operation, between, is_same, own_settings
from chainkit.records import Trace
from chainkit.service import Service, from_plain, registry
from chainkit.simulation.loads import Load
from chainkit.widgets.clipboard import Clipboard, copied, ends, free_name, pasting, placing
from chainkit.widgets.reckoning import Reckoning, entry, reckon
from chainkit.widgets.turns import in_turn
from chainkit.wiring import WORDS, Link, fitting

Topic = Literal["design", "figures", "selection", "layout", "traffic", "trace", "site"]
"""What a listener hears of: the chain changed; its figures are there; something else is selected; cards were moved or
framed; the traffic changed; a request is to be seen on its way; something happened where the chain is deployed."""
Point = tuple[float, float]
MOST_STEPS = 500
FEWEST_REQUESTS, MOST_REQUESTS = 10, 10_000_000
"""Requests of a run: `simulate` makes 10 replications of them."""
DRAWN = ("place", "group")
"""Verbs that change the picture alone."""


@dataclass(frozen=True)
class Step:
    """What one gesture did."""

    before: Chain
    after: Chain
    operations: tuple[Operation, ...]


@dataclass(frozen=True)
class Offer:
    """A kind of link that fits between two services, what it would bring, and what AWS would refuse about it."""

    word: str
    brings: tuple[Brought, ...] = ()
    refusal: ChainkitError | None = None


class State:
    """A chain in hand: what is selected, under which traffic it is tried, and what came of it.

    Parameters
    ----------
    chain : the chain that operations change
    load : traffic of the runs
    requests, seed, at : as for `simulate`
    """

    clipboard: ClassVar[Clipboard] = Clipboard()
    """What was copied last, in whichever designer: it can be pasted into another one."""

    def __init__(self, chain: Chain, load: Load, *, requests: int, seed: int, at: str | None = None) -> None:
        self.chain, self.load, self.requests, self.seed, self.at = chain, load, requests, seed, at
        self.selection: tuple[str, ...] = ()
        """Names of services and ids of links."""
        self.refusal: ChainkitError | None = None
        """Why the last operation was refused."""
        self.figures = Reckoning()
        self.trace: Trace | None = None
        """The request that is shown on its way."""
        self.site: Any = None
        """Where the chain is deployed, for the panels that work there (`worksite.site_of`)."""
        self._listeners: list[Callable[[Topic], None]] = []
        self._done: list[Step] = []
        self._undone: list[Step] = []
        self._old: list[Operation] = []
        self._seen = chain.copy()

    def listen(self, listener: Callable[[Topic], None]) -> None:
        """Call `listener` with the topic of every change from now on."""
        self._listeners.append(listener)

    def _tell(self, topic: Topic) -> None:
        for listener in self._listeners:
            listener(topic)

    # --- what fits ---

    def free_name(self, kind: str) -> str:
        """Return a name for a new service: "queue", then "queue-2"."""
        return free_name(registry[kind].label.split()[-1].lower(), self.chain.services)

    def words(self, source: str, target: str) -> list[str]:
        """Return the kinds of link that fit between two services, the plain one first."""
        return fitting(self.chain.service(source), self.chain.service(target))

    def offers(self, source: str, target: str) -> list[Offer]:
        """Return the kinds of link that fit between two services, and what each would bring; nothing is changed."""
        offers = []
        for word in self.words(source, target):
            tried = self.chain.copy()
            try:
                link = tried.connect(source, target, link=word)
                (key,) = _new(self.chain.links, tried.links)
                wrong = link.problems(key, tried.service(source), tried.service(target))
                offers.append(Offer(word, brings(tried, key), next(iter(wrong), None)))
            except ChainkitError as error:
                offers.append(Offer(word, refusal=error))
        return sorted(offers, key=lambda offer: offer.refusal is not None)

    # --- operations on the chain: each tells whether it was accepted ---

    @in_turn
    def do(self, *operations: Operation) -> bool:
        """Carry operations out as one step, all of them or none; what they add is selected."""
        self._notice()
        before = self.chain.copy()
        try:
            for each in operations:
                each.apply(self.chain)
        except ChainkitError as error:
            self.chain.become(before)
            return self._refuse(error)
        except BaseException:
            self.chain.become(before)  # never half of a step
            raise
        step = Step(before, self.chain.copy(), operations)
        if not is_same(step.before, step.after):  # what changes nothing leaves nothing to take back
            self._keep(step)
        self._show(before, is_drawn_only=all(each.verb in DRAWN for each in operations))
        return True

    def _keep(self, step: Step) -> None:
        """Keep a step that was done; the oldest can be taken back no more, but stay in the history."""
        steps = [*self._done, step]
        self._old += [each for old in steps[:-MOST_STEPS] for each in old.operations]
        self._done, self._undone = steps[-MOST_STEPS:], []

    def _refuse(self, error: ChainkitError) -> bool:
        self.refusal = error
        return False

    def _made(self, kind: str, name: str | None = None) -> Service:
        """Return a new service, under a free name if none is given."""
        return from_plain(name or (self.free_name(kind) if kind in registry else kind), {"type": kind})

    def add(self, kind: str, name: str | None = None, at: Point | None = None) -> bool:
        """Add a service, at a place on the canvas or where there is room."""
        try:
            service = self._made(kind, name)
        except ChainkitError as error:
            return self._refuse(error)
        return self.do(Operation("add", (service,)), *self._placed(service, at))

    def insert(self, kind: str, key: str, at: Point | None = None) -> bool:
        """Put a new service into a link: what went from one service to the other goes through it."""
        try:
            link, service = self.chain.link(key), self._made(kind)
        except ChainkitError as error:
            return self._refuse(error)
        word = next(iter(fitting(self.chain.service(link.source), service)), None)
        kept = _shared(link, WORDS[word][0]) if word else {}
        return self.do(
            Operation("remove", (key,)),
            Operation("add", (service,)),
            Operation("connect", (link.source, service.name), kept),
            Operation("connect", (service.name, link.target)),
            *self._between(service, link, at),
        )

    def extend(self, source: str, kind: str, at: Point | None = None) -> bool:
        """Add a service to which a link leads from one that is there."""
        try:
            service = self._made(kind)
        except ChainkitError as error:
            return self._refuse(error)
        if not self.chain.layout:
            at = None
        if at is not None and source in (places := arrange(self.chain).places):
            x, y = places[source]
            at = (max(at[0], x + COLUMN), at[1]) if abs(at[1] - y) < ROW / 2 and at[0] > x else at
        return self.do(
            Operation("add", (service,)),
            Operation("connect", (source, service.name)),
            *self._placed(service, at),
        )

    def connect(self, source: str, target: str, word: str | None = None) -> bool:
        """Connect two services."""
        return self.do(Operation("connect", (source, target), {"link": word} if word else {}))

    def set(self, key: str, /, **changes: Any) -> bool:
        """Change settings of a service or link."""
        return self.do(Operation("set", (key,), changes))

    def remove(self, *keys: str) -> bool:
        """Remove services with their links, and links; a dead-letter queue is taken off the deliveries that stay."""
        gone = {key: None for key in keys if key in self.chain.services}
        links = self.chain.links
        others = {
            key: None for key in keys if key not in gone and not (key in links and ends(links[key]) & gone.keys())
        }
        bare = [key for key, link in links.items() if link.dead_letters in gone and not ends(link) & gone.keys()]
        return self.do(
            *(Operation("set", (key,), {"dead_letter_queue": None}) for key in bare if key not in others),
            *(Operation("remove", (key,)) for key in [*others, *gone]),
        )

    def rename(self, name: str, new: str) -> bool:
        """Give a service another name."""
        return self.do(Operation("rename", (name, new)))

    def rewire(self, key: str, word: str) -> bool:
        """Make another kind of link of one; settings that both kinds have are kept."""
        try:
            link = self.chain.link(key)
        except ChainkitError as error:
            return self._refuse(error)
        if word not in WORDS:
            return self._refuse(
                ConfigError(f"link {key!r}: {word!r} is no kind of link", fix=f"kinds: {', '.join(WORDS)}")
            )
        is_own = link.word in WORDS  # not a machine's task, which `remove` refuses
        kept = _shared(link, WORDS[word][0], WORDS[word][1].keys() | WORDS[link.word][1].keys()) if is_own else {}
        again = Operation("connect", (link.source, link.target), {"link": word, **kept})
        return self.do(Operation("remove", (key,)), again)

    def copy(self, names: Iterable[str]) -> None:
        """Remember services, and the links among them, for `paste`."""
        State.clipboard = copied(self.chain, names)

    def paste(self) -> bool:
        """Add what was copied, under free names, beside where it stood."""
        return self._pasted(State.clipboard)

    def duplicate(self, names: Iterable[str]) -> bool:
        """Add services once more, with the links among them; what was copied stays so."""
        return self._pasted(copied(self.chain, names))

    def _pasted(self, what: Clipboard) -> bool:
        if not what.services:
            return self._refuse(ConfigError("paste: nothing has been copied", fix="select services, then copy them"))
        return self.do(*pasting(self.chain, what))

    def move(self, places: Mapping[str, Point]) -> bool:
        """Keep where services were put by hand; from now on the layout is the user's."""
        known = {name: place for name, place in places.items() if name in self.chain.services}
        return self.do(*([placing(self.chain, known)] if known else []))

    def tidy(self) -> bool:
        """Let every service stand where the layout puts it."""
        return self.do(Operation("place", (dict.fromkeys(self.chain.services),)))

    def group(self, title: str, names: Sequence[str]) -> bool:
        """Draw a frame with a title around services; a frame that holds others keeps its title."""
        there = self.chain.groups.get(title, ()) if isinstance(title, str) else ()
        if others := [name for name in there if name not in names]:
            problem = f"group: title={title!r} is that of the frame around {', '.join(others)}"
            return self._refuse(ConfigError(problem, fix="choose another title, or select those cards too"))
        return self.do(Operation("group", (title, tuple(names))))

    def ungroup(self, title: str) -> bool:
        """Take a frame away."""
        return self.do(Operation("group", (title, ())))

    def _placed(self, service: Service, at: Point | None) -> tuple[Operation, ...]:
        """Return what puts a new service at a place, or just below what stands there; nothing without a place."""
        if at is None:
            return ()
        return (placing(self.chain, {service.name: free(*at, arrange(self.chain).places.values())}),)

    def _between(self, service: Service, link: Link, at: Point | None) -> tuple[Operation, ...]:
        """Return what puts a service between the ends of a link, and moves on what leaves too little room.

        Where nothing was placed by hand, the layout does it.
        """
        if not self.chain.layout:
            return ()
        places = arrange(self.chain).places
        (x, y), (to_x, to_y) = places[link.source], places[link.target]
        if to_x - x < COLUMN / 2:
            return self._placed(service, at)
        more = max(2 * COLUMN - (to_x - x), 0.0)
        moved = {name: (u + more, v) for name, (u, v) in places.items() if u >= to_x} if more else {}
        return (placing(self.chain, {**moved, service.name: ((x + to_x + more) / 2, (y + to_y) / 2)}),)

    # --- history ---

    @property
    def history(self) -> tuple[Operation, ...]:
        """All that was done and not undone, in order; it makes of the chain at the start the chain as it is."""
        self._notice()
        return (*self._old, *(each for step in self._done for each in step.operations))

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        self._notice()
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to do again."""
        self._notice()
        return bool(self._undone)

    @in_turn
    def undo(self) -> bool:
        """Take the last step back."""
        self._notice()
        if not self._done:
            return False
        step = self._done.pop()
        self._undone.append(step)
        self._go(step, step.before)
        return True

    @in_turn
    def redo(self) -> bool:
        """Do the step again that was taken back last."""
        self._notice()
        if not self._undone:
            return False
        step = self._undone.pop()
        self._done.append(step)
        self._go(step, step.after)
        return True

    def _go(self, step: Step, chain: Chain) -> None:
        """Bring the chain to what it was before or after a step."""
        before = self.chain.copy()
        self.chain.become(chain)
        self.refusal = None
        self._show(before, is_drawn_only=all(each.verb in DRAWN for each in step.operations))

    def _notice(self) -> None:
        """Make a step of what a cell has done to the chain meanwhile; its name and region are no part of steps."""
        self._seen.name, self._seen.region = self.chain.name, self.chain.region
        if not is_same(self._seen, self.chain):
            before, copy = self._seen, self.chain.copy()
            self._keep(Step(before, copy, between(before, copy)))
            self._seen = copy
            self._follow(before)
            self.selection = tuple(filter(self._exists, self.selection))

    def _follow(self, before: Chain) -> None:
        """Let requests enter where they did, if that service has another name now."""
        gone, came = _new(self.chain.services, before.services), _new(before.services, self.chain.services)
        if [self.at] == gone and len(came) == 1:
            self.at = came[0]

    def _show(self, before: Chain, *, is_drawn_only: bool) -> None:
        """Select what is new, and tell what changed."""
        self._seen, self.refusal = self.chain.copy(), None
        self._follow(before)
        new = _new(before.services, self.chain.services) or _new(before.links, self.chain.links)
        self.selection = (*new,) if new else tuple(filter(self._exists, self.selection))
        if is_drawn_only:
            self._tell("layout")
        else:
            self.refresh()

    # --- traffic and selection ---

    @property
    def selected(self) -> str:
        """Name of the one service, or id of the one link, that is selected, or ""."""
        return self.selection[0] if len(self.selection) == 1 else ""

    @in_turn
    def select(self, *keys: str) -> None:
        """Select services and links; without any, nothing."""
        known = dict.fromkeys(key.removesuffix("!") for key in keys)  # a dead-letter edge is part of its link
        chosen = tuple(key for key in known if self._exists(key))
        if chosen != self.selection:
            self.selection = chosen
            self._tell("selection")

    @in_turn
    def set_load(self, load: Load) -> None:
        """Try the chain under other traffic."""
        self.load, self.refusal = load, None
        self._tell("traffic")
        self.refresh()

    def set_rate(self, rate_per_s: Any) -> bool:
        """Change the arrival rate, requests per second."""
        try:
            load = self.load.with_rate(rate_per_s)
        except ChainkitError as error:
            return self._refuse(error)
        self.set_load(load)
        return True

    @in_turn
    def show_trace(self, trace: Trace) -> None:
        """Let a request be seen on its way, simulated or measured."""
        self.trace = trace
        self._tell("trace")

    @in_turn
    def tell_site(self) -> None:
        """Let panels hear that something happened where the chain is deployed."""
        self._tell("site")

    @in_turn
    def set_run(self, *, requests: Any = None, seed: Any = None) -> bool:
        """Change how many requests a run has, or its seed; None: as before."""
        try:
            self.requests, self.seed = _run_of(self, requests, seed)
        except ConfigError as error:
            self.refusal = error
            return False
        self.refusal = None
        self.refresh()
        return True

    @property
    def chosen_entry(self) -> str | None:
        """The service where requests were told to enter, as long as it is there."""
        return self.at if self.at in self.chain.services else None

    @property
    def entry(self) -> str | None:
        """Where requests enter: where they were told to, or where nothing leads."""
        return self.chosen_entry or entry(self.chain)

    @in_turn
    def set_entry(self, name: str | None) -> bool:
        """Let requests enter at a service; None: where nothing leads."""
        try:
            self.at = None if name is None else self.chain.service(name).name
        except ChainkitError as error:
            self.refusal = error
            return False
        self.refusal = None
        self.refresh()
        return True

    # --- figures ---

    @in_turn
    def refresh(self) -> None:
        """Look at the chain anew, also after a cell has changed it: show it, run it, and show the figures."""
        self._notice()
        self.figures = self.figures.outdated(self.chain)
        self._tell("design")
        self._reckon(is_quick=True)

    @in_turn
    def rest(self) -> None:
        """Run all the requests, if the last run was a quick one: the hand rests."""
        if self.figures.is_quick:
            self._reckon(is_quick=False)

    def _reckon(self, *, is_quick: bool) -> None:
        runs: dict[str, Any] = {"requests": self.requests, "seed": self.seed, "at": self.entry}
        self.figures = reckon(self.figures, self.chain, self.load, **runs, is_quick=is_quick)
        self._tell("figures")

    def notes(self) -> dict[str, str]:
        """Return the line of figures on each card."""
        return {name: " \u00b7 ".join(words) for name, words in self.figures.card_notes().items()}

    def _exists(self, key: str) -> bool:
        return key in self.chain.services or key in self.chain.links


def _run_of(state: State, requests: Any, seed: Any) -> tuple[int, int]:
    """Return requests and seed of a run, or refuse them."""
    given = {"requests": state.requests if requests is None else requests, "seed": state.seed if seed is None else seed}
    for name, value in given.items():
        if not isinstance(value, int) or isinstance(value, bool):
            raise ConfigError(f"run: {name}={value!r} is no whole number", fix=f"give one: {name}={_USUAL[name]}")
    if requests is not None and not FEWEST_REQUESTS <= requests <= MOST_REQUESTS:
        raise ConfigError(
            f"run: requests={requests!r} is outside {FEWEST_REQUESTS}..{MOST_REQUESTS:,}",
            fix="give at least one to each replication, and no more than are run while somebody waits",
        )
    return given["requests"], given["seed"]


_USUAL = {"requests": 20_000, "seed": 1}


def _new(before: Iterable[str], after: Iterable[str]) -> list[str]:
    """Return what is there now and was not."""
    old = {*before}
    return [key for key in after if key not in old]


def _shared(link: Link, cls: Any, fixed: Iterable[str] = ()) -> dict[str, Any]:
    """Return the settings of a link that another kind of link has too, where they differ from the defaults."""
    own = {setting.name for setting in settings(cls)} - {*fixed, *IDENTITY}
    return {name: value for name, value in own_settings(link).items() if name in own}
