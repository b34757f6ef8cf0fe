"""The sliders panel: a few settings to move by hand, and the figures of one chain or several that move with them."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from chainkit.billing.bill import bill
from chainkit.chain import Chain, as_chain
from chainkit.comparison import Comparison
from chainkit.errors import ChainkitError, ConfigError
from chainkit.operations import is_same, replay
from chainkit.rewiring import variants
from chainkit.sentences import sentence
from chainkit.simulation.loads import Load
from chainkit.simulation.run import simulate
from chainkit.widgets import assets, knobs, tradeoff
from chainkit.widgets.canvas import Answer, Canvas
from chainkit.widgets.columns import ROWS, cells, known_rows
from chainkit.widgets.knobs import Knob
from chainkit.widgets.panel import Panel, unknown
from chainkit.widgets.reckoning import BLINK_S, FEWEST, FIXED_S, entry
from chainkit.widgets.state import Topic

NOW = "this chain"
MOST_DESIGNS = 6
Designs = Mapping[str, Chain]


class SlidersBoard(Canvas):
    """Draws sliders and a table of figures, and reports where a slider is: {"kind": "move", "key": ..., "at": 3}."""

    _esm = assets.module("sliders.js")
    _css = assets.style("sliders.css")

    def __repr__(self) -> str:
        """Return the board in a word: stable, so that notebooks can be compared."""
        return f"SlidersBoard({self.scene.get('what', '')!r})"


class SlidersPanel(Panel):
    """Sliders for a few settings, and the figures that move while one is dragged.

    While a hand moves, as many requests are run as fit into a blink; all of them when it rests. Each drag is one step:
    of the chain's history, where the chain is moved. With `designs` the sliders move copies of all of them at once.

    Parameters
    ----------
    of : a chain, a designer, or its state; panels of one state show the same
    load : traffic, where a chain is given
    knobs : dotted settings with their ranges, {"load.rate_per_s": (1, 400), "pay.memory_mb": [128, 512]}; a list of
        them goes by usual ranges. "*.message_bytes" is that setting of everything that has it. None: the rate; memory
        and failure rate of the selected function, or of the busiest; message size of its busiest link
    designs : two chains or more by name, or kinds of `ck.variants`; the figures are those of a comparison then

    Raises
    ------
    ConfigError
        If a knob or design is refused.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("one")
    >>> _ = chain.add(ck.LambdaFunction("pay", duration=0.2, cpu_fraction=1.0, memory_mb=128))
    >>> panel = SlidersPanel(chain)
    >>> [knob.label for knob in panel.knobs]
    ['traffic: rate', 'pay: memory', 'pay: error rate']
    >>> panel.move("pay.memory_mb", 256)
    True
    >>> print(*panel.state.history)
    chain.set('pay', memory_mb=256)
    """

    def __init__(
        self,
        of: Any,
        load: Load | None = None,
        knobs: Mapping[str, Any] | Sequence[str] | None = None,
        designs: Mapping[str, Any] | Sequence[str] | None = None,
    ) -> None:
        super().__init__(of, load)
        self._asked, self._designs = knobs, designs
        self._moved: dict[str, Any] = {}
        """Settings of a comparison that a hand has moved."""
        self._drags: list[tuple[str, Any, int]] = []
        """Key, value before, and how long the history was after it."""
        self._refusals: dict[str, ChainkitError] = {}
        self._request_s = 0.0
        self._made: tuple[Chain, Mapping[str, Any] | None] = (self.state.chain, None)
        self._is_moving = False
        """Whether the chain is changed by this panel itself."""
        self.comparison: Comparison | None = None
        self._said = ""
        self.knobs: tuple[Knob, ...] = ()
        self.board = SlidersBoard({}, self.carry_out, twin=self.picture)
        self.fill(self.board)
        self.refresh()

    @property
    def designs(self) -> dict[str, Chain]:
        """The chains whose figures are shown, as the sliders have them."""
        return self._moved_designs(self._moved)

    @property
    def load(self) -> Load:
        """The traffic that is in force."""
        return self._moved_load(self._moved)

    def hear(self, topic: Topic) -> None:
        """Say that the chain, its traffic or the selection is another one; the browser asks again where it is seen."""
        if not self._is_moving and topic in ("figures", "selection") and not self.is_stale:
            self.board.scene = {**self.board.scene, "is_stale": True}

    @property
    def is_stale(self) -> bool:
        """Whether the figures may be of another chain, traffic or selection than those in hand."""
        return bool(self.board.scene.get("is_stale", True))

    def refresh(self) -> None:
        """Show the chain, its traffic and its figures as they are now."""
        self._refusals = {}
        if self._designs is None and self.state.figures.run is None:
            self.state.refresh()
        self._rest()

    # --- what a hand does ---

    def carry_out(self, gesture: Mapping[str, Any]) -> Answer:
        """Carry out a gesture: a slider is moved, let go, or the last drag is taken back.

        Raises
        ------
        ConfigError
            If there is no such gesture.
        """
        match gesture:
            case {"kind": "move", "key": key, "at": int(place)} if not gesture.get("is_over"):
                self._try(key, self._stop(key, place))
            case {"kind": "move", "key": key, "at": int(place)}:
                self.move(key, self._stop(key, place))
            case {"kind": "current"}:
                self.refresh()
            case {"kind": "undo"}:
                self.undo()
            case _:
                raise unknown(gesture)
        return {}

    def move(self, key: str, value: Any) -> bool:
        """Give a setting a value, as one step, and run all requests; tell whether it was accepted."""
        before = self._value(key)
        error = self._refused(key, value)
        self._refusals = {} if error is None else {key: error}
        if error is not None:
            self._show()
            return False
        if value == before:
            self._rest()
            return True
        self._give(key, value)
        self._drags.append((key, before, len(self.state.history)))
        self._rest()
        return True

    def undo(self) -> bool:
        """Take the last drag of this panel back; tell whether there was one."""
        self._refusals = {}
        if not self._drags:
            return False
        key, before, steps = self._drags.pop()
        is_last = steps == len(self.state.history) and not self._is_of_load(key) and self._designs is None
        if not (is_last and self.state.undo()):
            self._give(key, before)
        if self._designs is None:
            self.state.rest()
        self._rest()
        return True

    def _give(self, key: str, value: Any) -> None:
        """Let a setting have a value from now on."""
        if self._designs is not None:
            self._moved = {**self._moved, key: value}
            return
        self._is_moving = True
        try:
            if self._is_of_load(key):
                self.state.set_load(knobs.loaded(self.state.load, key, value))
            else:
                self.state.do(*knobs.operations(self.state.chain, key, value))
            self.state.rest()
        finally:
            self._is_moving = False

    def _try(self, key: str, value: Any) -> None:
        """Show what a value would do while a hand moves: on copies, with as many requests as fit into a blink."""
        error = self._refused(key, value)
        self._refusals = {} if error is None else {key: error}
        if error is None:
            trial = {**self._moved, key: value}
            fitting = int((BLINK_S - FIXED_S) / self._request_s) if self._request_s else FEWEST
            self._compare(self._moved_designs(trial), self._moved_load(trial), max(fitting, FEWEST))
        self._show({key: value})

    def _refused(self, key: str, value: Any) -> ChainkitError | None:
        """Return why a setting cannot have a value."""
        trial = {**self._moved, key: value}
        try:
            self._moved_load(trial)
            before, after = self.designs, self._moved_designs(trial)
        except ChainkitError as error:
            return error
        for name, chain in after.items():
            known = {*map(str, before[name].validate())}
            for each in chain.validate():
                if str(each) not in known:  # what was wrong before stands above the figures
                    return each
        return None

    def _stop(self, key: str, place: int) -> Any:
        """Return the value of a slider's place."""
        found = next((each for each in self.knobs if each.key == key), None)
        if found is None or not 0 <= place < len(found.stops):
            raise ConfigError(f"sliders: {key!r} has no place {place}", fix="reload the page, and run the cell again")
        return found.stops[place]

    # --- what the sliders make ---

    def _base(self) -> dict[str, Chain]:
        """Return the designs before any slider moves them."""
        given = self._designs
        if given is None:
            return {NOW: self.state.chain}
        flows = given if isinstance(given, Mapping) else self._variants(given)
        found = {str(name): as_chain(each, f"sliders: {name!r}") for name, each in flows.items()}
        if not 2 <= len(found) <= MOST_DESIGNS:
            raise ConfigError(
                f"sliders: {len(found)} designs given; allowed: 2..{MOST_DESIGNS}",
                fix='give chains by name, or kinds such as ["sqs", "sns"]; leave it out for the chain alone',
            )
        return found

    def _variants(self, kinds: Sequence[str]) -> Mapping[str, Any]:
        """Return the variants of the chain as it is, made anew only where it has changed."""
        chain, made = self._made
        if made is None or not is_same(chain, self.state.chain):
            self._made = (self.state.chain.copy(), variants(self.state.chain, kinds))
        return self._made[1] or {}

    def _moved_designs(self, moved: Mapping[str, Any]) -> dict[str, Chain]:
        """Return copies of the designs with settings moved."""
        designs = {name: chain.copy() for name, chain in self._base().items()}
        for chain in designs.values():
            for key, value in moved.items():
                if not self._is_of_load(key):
                    replay(chain, knobs.operations(chain, key, value))
        return designs

    def _moved_load(self, moved: Mapping[str, Any]) -> Load:
        load = self.state.load
        for key, value in moved.items():
            load = knobs.loaded(load, key, value) if self._is_of_load(key) else load
        return load

    def _is_of_load(self, key: str) -> bool:
        return knobs.is_of_load(key, self.state.chain)

    def _value(self, key: str) -> Any:
        """Return the value that a setting has."""
        return knobs.current(key, [*self.designs.values()], self.load)

    def _knobs(self) -> tuple[Knob, ...]:
        """Return the knobs: those asked for, else the usual ones."""
        chains, load = [*self.designs.values()], self.load
        if isinstance(self._asked, Mapping):
            return tuple(knobs.knob(key, stops, chains, load) for key, stops in self._asked.items())
        asked = [self._asked] if isinstance(self._asked, str) else self._asked
        keys = self._usual(chains[0]) if asked is None else [*asked]
        return tuple(knobs.knob(key, None, chains, load) for key in keys)

    def _usual(self, chain: Chain) -> list[str]:
        """Return the usual knobs: rate, memory, failure rate, message size."""
        keys = [knobs.RATE] if knobs.has_rate(self.load) else []
        function = self._function(chain)
        keys += [f"{function}.{field}" for field in ("memory_mb", "error_rate") if function]
        if self._designs is not None:
            return keys + (["*.message_bytes"] if knobs.holders(chain, "*.message_bytes") else [])
        links = {key: link for key, link in chain.links.items() if knobs.holders(chain, f"{key}.message_bytes")}
        own = {key: link for key, link in links.items() if function in (link.source, link.target)} or links
        rates = {} if self._run is None else self._run.links["rate_per_s"].to_dict()
        return keys + [f"{key}.message_bytes" for key in sorted(own, key=lambda key: -rates.get(key, 0.0))[:1]]

    def _function(self, chain: Chain) -> str:
        """Return the selected function, else the one that is busy longest, or ""."""
        names = [name for name in chain.services if knobs.holders(chain, f"{name}.memory_mb")]
        if self.state.selected in names or not names or self._run is None:
            return self.state.selected if self.state.selected in names else next(iter(names), "")
        nodes = self._run.nodes
        busy = (nodes["invocations"] * nodes["duration_mean_s"]).reindex(names).fillna(0.0)
        return str(busy.idxmax())

    @property
    def _run(self) -> Any:
        return next(iter(self.comparison.runs.values())) if self.comparison else None

    # --- figures ---

    def _rest(self) -> None:
        """Show the figures of all requests."""
        known = self.state.figures
        self._said = ""
        if self._designs is not None:
            self._compare(self.designs, self.load, self.state.requests)
        elif known.run is not None and known.bill is not None:
            self._request_s = known.request_s
            self.comparison = Comparison({NOW: known.run}, {NOW: known.bill})
        else:
            self.comparison = None
            self._refusals |= {"": known.errors[0]} if known.errors else {}
        self.knobs = self._knobs()
        if self.comparison is not None and len(self.comparison.runs) > 1:
            first, *others = self.comparison.runs
            self._said = "\n".join(sentence(self.comparison, other, first) for other in others)
        self._show()

    def _compare(self, designs: Designs, load: Load, most: int) -> None:
        """Run designs on the same draws; why one cannot be run is kept."""
        count, state = min(most, self.state.requests), self.state
        started_s = time.perf_counter()
        try:
            runs = {
                name: simulate(chain, load, requests=count, seed=state.seed, at=self._entry(chain), keep="requests")
                for name, chain in designs.items()
            }
            bills = {name: bill(designs[name], run) for name, run in runs.items()}
        except ChainkitError as error:
            self._refusals, self.comparison = {"": error}, None
            return
        self._request_s = max(time.perf_counter() - started_s - FIXED_S, 1e-9) / count
        self.comparison = Comparison(runs, bills)

    def _entry(self, chain: Chain) -> str | None:
        """Return where requests enter a design: of the chain itself where they were told to."""
        return self.state.entry if self._designs is None else entry(chain)

    # --- what is shown ---

    def _show(self, held: Mapping[str, Any] | None = None) -> None:
        """Tell the browser where sliders stand, and the figures."""
        self.board.scene = self._scene(held or {})

    def _scene(self, held: Mapping[str, Any]) -> dict[str, Any]:
        found, chains, load = self.comparison, [*self.designs.values()], self.load
        names = [*found.runs] if found else []
        return {
            "what": ", ".join(names) or self.state.chain.name,
            "knobs": [
                {
                    "key": each.key, "label": each.label, "stops": [knobs.shown(each.key, stop) for stop in each.stops],
                    "at": each.near(held[each.key] if each.key in held else knobs.current(each.key, chains, load)),
                }
                for each in self.knobs
            ],
            "rows": [{"key": key, "label": " ".join(ROWS[key])} for key in (known_rows(found) if found else ())],
            "columns": [{"title": name, "cells": cells(found, name, names[0])} for name in names] if found else [],
            "said": "" if held else self._said,
            "note": self._note(),
            "is_quick": bool(held), "is_stale": False,
            "refusals": {key: {"problem": e.problem, "fix": e.fix} for key, e in self._refusals.items()},
            "can_undo": bool(self._drags),
        }  # fmt: skip

    def _note(self) -> str:
        """Return how many requests the figures are of."""
        if self._run is None:
            return "Nothing can be run."
        count, wanted = self._run.requests, self.state.requests
        each = " each, the same for all" if self._designs is not None else ""
        if count < wanted:
            return f"{count:,} of {wanted:,} requests{each} while the hand moves"
        return f"{count:,} requests{each}. Intervals hold in 95 of 100 runs."

    def twin(self) -> str:
        """Return where the sliders stand and the figures as text."""
        if self.is_stale:
            self.refresh()
        shown = self._scene({})
        lines = [f"{each['label']}: {each['stops'][each['at']]}" for each in shown["knobs"]]
        lines += [f"{each['problem']}\n  fix: {each['fix']}" for each in shown["refusals"].values()]
        for row in shown["rows"]:
            figures = [(each["title"], each["cells"][row["key"]]) for each in shown["columns"]]
            lines.append(f"{row['label']}: " + "; ".join(f"{t} {c['value']} ({c['range']})" for t, c in figures))
        return "\n".join([*lines, *filter(None, [shown["said"], shown["note"]])])

    def picture(self) -> str:
        """Return time against cost of the designs as SVG; of the chain alone its picture with figures."""
        if self.is_stale:
            self.refresh()
        found = self.comparison
        if found is None or len(found.runs) < 2:
            return super().picture()
        points = [
            (name, found.interval("usd_per_month", name), found.interval("completion_p99_s", name))
            for name in found.runs
        ]
        return tradeoff.svg(tradeoff.tradeoff(points, "completion p99"), self._said.splitlines())
