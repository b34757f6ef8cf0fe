"""The faults panel: what breaks where, what the simulation says with it and without, and the same where it runs."""

from collections.abc import Iterator, Mapping
from typing import Any

from chainkit.chain import Chain
from chainkit.comparison import Comparison, compare
from chainkit.declared import Setting, settings
from chainkit.errors import ChainkitError, ConfigError, nearest
from chainkit.faults.description import Fault, Faults
from chainkit.law import is_number
from chainkit.operations import is_same, owners
from chainkit.simulation.loads import Load
from chainkit.units import seconds
from chainkit.widgets import assets
from chainkit.widgets.canvas import Answer, Canvas, refused
from chainkit.widgets.columns import ROWS, cells, known_rows
from chainkit.widgets.panel import Panel, unknown
from chainkit.widgets.state import State, Topic

CALM, BROKEN = "as designed", "with the faults"
TRIED: Mapping[str, Any] = {
    "error_rate": 0.5, "poison_fraction": 0.5, "delay": 1.0, "throttle_rate": 0.5, "reserved_concurrency": 1,
    "duplicate_rate": 0.5, "dead": True,
}  # fmt: skip
"""Setting of a fault -> a value by which it is found out where it can happen."""
BESIDE: Mapping[str, str] = {"error_name": "error_rate", "delay_rate": "delay"}
"""Setting that says more about another one -> that one."""


class FaultsBoard(Canvas):
    """Draws faults and figures, and reports which fault a hand sets, clears or lets happen."""

    _esm = assets.module("faults.js")
    _css = assets.style("sliders.css", "working.css", "faults.css")

    def __repr__(self) -> str:
        """Return the board in a word: stable, so that notebooks can be compared."""
        return f"FaultsBoard({self.scene.get('what', '')!r})"


class FaultsPanel(Panel):
    """Faults by service and link: set one, see what it does to times, losses and cost, and let it happen where it runs.

    Both columns run the same requests on the same draws. What is deployed by a `DeployPanel` of the same state can be
    broken by the same faults: its next requests meet them until they are switched off.

    Parameters
    ----------
    of : a chain, a designer, or its state; panels of one state share what is deployed
    load : traffic, where a chain is given
    faults : those that are set at first

    Raises
    ------
    ConfigError
        If the chain does not have what breaks, or it cannot happen there.

    Examples
    --------
    >>> import chainkit as ck
    >>> panel = FaultsPanel(ck.example("orders"))
    >>> panel.set("payment", error_rate=0.3)
    >>> panel.faults
    Faults({'payment': Fault(error_rate=0.3)})
    """

    def __init__(self, of: Any, load: Load | None = None, faults: Faults | None = None) -> None:
        super().__init__(of, load)
        self.faults: Faults | None = None
        self.comparison: Comparison | None = None
        self._of: tuple[Any, ...] = ()
        self._error: ChainkitError | None = None
        self._chosen = ""
        self.board = FaultsBoard({"is_stale": True}, self.carry_out, twin=self.picture)
        self.fill(self.board)
        self._take(faults)
        self._show()

    def hear(self, topic: Topic) -> None:
        """Say that figures are of another chain by now; follow the selection, and what happens where it is deployed."""
        if topic == "selection" and self.state.selected in self._possible():
            self._chosen = self.state.selected
        if topic in ("design", "traffic", "selection", "site"):
            self._show()

    # --- what a hand does ---

    def carry_out(self, gesture: Mapping[str, Any]) -> Answer:
        """Carry out a gesture.

        Raises
        ------
        ConfigError
            If there is no such gesture, or it is refused.
        """
        match gesture:
            case {"kind": "current"}:
                self.refresh()
            case {"kind": "choose", "name": str(name)}:
                self._chosen = name
                self._show()
            case {"kind": "set", "name": str(name), "fault": dict(fault)}:
                self.set(name, **fault)
            case {"kind": "clear", "name": name}:
                self.clear(name)
            case {"kind": "switch", "is_on": bool(is_on)}:
                self.switch(is_on=is_on)
            case _:
                raise unknown(gesture)
        return {}

    def set(self, name: str, /, **fault: Any) -> None:
        """Let something break at a service or link, in place of what breaks there now; without settings, nothing.

        Parameters
        ----------
        name : of a service, or a link: "validate>jobs"
        fault : settings of `ck.Fault`

        Raises
        ------
        ConfigError
            If the chain does not have it, or that cannot happen there.
        """
        others = self._others(name)
        if fault or len(others) == len(self.faults or ()):  # no settings are refused where nothing breaks
            others[name] = Faults({name: fault})[name]
        self._take(Faults(others) if others else None)
        self._chosen = name
        self.refresh()

    def clear(self, name: str | None = None) -> None:
        """Let nothing break any more: there, or anywhere. What is broken where it is deployed stays so until switched.

        Raises
        ------
        ConfigError
            If nothing breaks there.
        """
        known = [*(self.faults or ())]
        if name is not None and name not in known:
            raise ConfigError(
                f"faults: nothing breaks at {name!r}{nearest(name, known)}",
                fix=f"faults are set at: {', '.join(known)}",
            )
        others = self._others(name) if name is not None else {}
        self._take(Faults(others) if others else None)
        self.refresh()

    def switch(self, *, is_on: bool) -> None:
        """Begin to let the faults happen where the chain is deployed, or to end them there.

        Raises
        ------
        ConfigError
            If nothing is deployed, no fault is set, or work is under way there.
        """
        site, wanted = self.state.site, self.faults if is_on else None
        if site is None or site.stack is None:
            raise ConfigError("faults: nothing is deployed", fix="deploy it first: DeployPanel, or its tab")
        if is_on and wanted is None:
            raise ConfigError("faults: none is set", fix="set one first")
        site.start("break" if is_on else "mend", lambda _: site.break_(wanted))

    def _others(self, name: str) -> dict[str, Fault]:
        """Return the faults that are set at other places than this: all for ""."""
        return {each: self.faults[each] for each in self.faults if each != name} if self.faults else {}

    def _take(self, faults: Faults | None) -> None:
        """Set faults, if they can happen in the chain as it is."""
        if faults is not None:
            faults.apply(self.state.chain)
        self.faults = faults

    # --- what is known ---

    @property
    def is_stale(self) -> bool:
        """Whether the figures are of another chain, traffic or faults than those in hand."""
        return self._of != self._what()

    def _what(self) -> tuple[Any, ...]:
        state = self.state
        return (state.chain.copy(), state.load, state.requests, state.seed, self.faults)

    def refresh(self) -> None:
        """Run the chain as designed and with the faults, on the same requests, and show both."""
        state, self._of, self.comparison = self.state, self._what(), None
        self._error = None
        try:
            chains = {CALM: state.chain}
            if self.faults is not None:
                chains[BROKEN] = self.faults.apply(state.chain)
            self.comparison = compare(chains, state.load, requests=state.requests, seed=state.seed, at=state.entry)
        except ChainkitError as error:
            self._error = error
        self._show()

    def _possible(self) -> dict[str, list[str]]:
        """Return where something can break, and what: service or link -> settings of a fault."""
        found = {name: [*_possible(self.state.chain, name)] for name in owners(self.state.chain)}
        return {name: can for name, can in found.items() if can}

    # --- what is shown ---

    def _show(self) -> None:
        """Show what is set, what it does, and whether it happens where the chain is deployed."""
        possible, compared = self._possible(), self.comparison
        if self._chosen not in possible:
            self._chosen = next(iter(self.faults or ()), "") or _busiest(self.state, possible)
        names = [*compared.runs] if compared else []
        self.board.scene = {
            "what": self.state.chain.name, "is_stale": self.is_stale, "names": [*possible], "chosen": self._chosen,
            "fields": self._fields(possible.get(self._chosen, [])),
            "set": [{"name": name, "text": _words(fault)} for name, fault in self._others("").items()],
            "code": f"faults = {_code(self.faults)}" if self.faults else "",
            "rows": [{"key": key, "label": " ".join(ROWS[key])} for key in (known_rows(compared) if compared else ())],
            "columns": [{"title": each, "cells": cells(compared, each, CALM)} for each in names] if compared else [],
            "note": self._note(), "site": self._site(), **refused(self._error),
        }  # fmt: skip

    def _fields(self, can: list[str]) -> list[dict[str, Any]]:
        """Return the fields of the form: what can happen at the chosen place, and what is set there."""
        own = self.faults[self._chosen] if self.faults and self._chosen in [*self.faults] else None
        shown = [each for each in settings(Fault) if each.name in can or BESIDE.get(each.name) in can]
        return [
            {
                "name": each.name, "label": each.name.replace("_", " ") + (", seconds" if each.name == "delay" else ""),
                "kind": "flag" if each.kind is bool else "text" if each.name == "error_name" else "number",
                "most": 1 if each.high == 1 else None, "is_whole": each.name == "reserved_concurrency",
                "help": each.text.split("\n")[0], "value": _typed(own, each),
            }
            for each in shown
        ]  # fmt: skip

    def _note(self) -> str:
        """Return what the figures are of."""
        if self.comparison is None:
            return ""
        run = next(iter(self.comparison.runs.values()))
        if self.faults is None:
            return f"{run.requests:,} requests. Set a fault to see what it does."
        return f"{run.requests:,} requests each, the same for both. Intervals hold in 95 of 100 runs."

    def _site(self) -> dict[str, Any]:
        """Return whether the faults can happen, or do, where the chain is deployed."""
        site = self.state.site
        if site is None or site.stack is None:
            return {
                "text": "Nothing is deployed: the Deploy panel does that, and then it can be broken here.",
                "can": [],
            }
        where, is_on = f"{site.stack.chain.name} on {site.target}", site.faults is not None
        text = f"{where} runs as designed." if not is_on else f"{where} is broken now: {_broken(site.faults)}."
        if is_on and site.faults != self.faults and self.faults is not None:
            text += " The faults above are others."
        can = (
            []
            if site.is_busy
            else [*(["on"] if self.faults and site.faults != self.faults else []), *(["off"] if is_on else [])]
        )
        is_own = site.work.title in ("break", "mend")
        return {"text": text, "can": can, **refused(site.work.error if is_own and site.work.is_over else None)}

    def twin(self) -> str:
        """Return the faults and what they do as text."""
        if self.is_stale:
            self.refresh()
        scene = self.board.scene
        lines = [f"{each['name']}: {each['text']}" for each in scene["set"]] or ["no fault is set"]
        lines += [f"{self._error.problem}\n  fix: {self._error.fix}"] if self._error else []
        for row in scene["rows"]:
            figures = [(each["title"], each["cells"][row["key"]]) for each in scene["columns"]]
            lines.append(
                f"{row['label']}: " + "; ".join(f"{title} {c['value']} ({c['range']})" for title, c in figures)
            )
        return "\n".join([*lines, *filter(None, [scene["note"]])])


def _possible(chain: Chain, name: str) -> Iterator[str]:
    """Yield what can break at a service or link."""
    for setting, value in TRIED.items():
        try:
            Faults({name: {setting: value}}).changes(chain)
        except ConfigError:
            continue
        yield setting


def _busiest(state: State, possible: Mapping[str, Any]) -> str:
    """Return the selected service, else the function that is busy longest, of those where something can break."""
    if state.selected in possible or not possible:
        return state.selected if possible else ""
    run = state.figures.run
    if run is not None and is_same(run.chain, state.chain):
        busy = (run.nodes["invocations"] * run.nodes["duration_mean_s"]).fillna(0.0)
        names = [name for name in busy.sort_values(ascending=False).index if name in possible]
        return str(names[0]) if names else next(iter(possible))
    return next(iter(possible))


def _typed(fault: Fault | None, setting: Setting) -> Any:
    """Return what is set, as it is typed; a law that is no number of seconds as its Python; None for nothing."""
    value = getattr(fault, setting.name, None)
    if value is None or value == setting.default:
        return None
    return value if isinstance(value, bool | int | float | str) else getattr(value, "value_s", repr(value))


def _words(fault: Fault) -> str:
    """Return what breaks, for people.

    >>> _words(Fault(error_rate=0.3, delay=2.0, dead=True))
    'error rate 0.3, delay 2.00 s, dead'
    """
    told = []
    for each in settings(Fault):
        value = getattr(fault, each.name)
        if value == each.default:
            continue
        if each.name == "delay":
            told.append(f"delay {seconds(value.mean_s)}")
        else:
            told.append(
                each.name.replace("_", " ")
                + ("" if value is True else f" {value:g}" if is_number(value) else f" {value}")
            )
    return ", ".join(told)


def _broken(faults: Faults) -> str:
    return "; ".join(f"{name}: {_words(faults[name])}" for name in faults)


def _code(faults: Faults) -> str:
    """Return Python that makes the same."""
    return repr(faults).replace("Fault", "ck.Fault")
