"""The traffic panel: which kind of traffic, how much of it, what it carries; a load curve to draw by hand."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import ipywidgets

from chainkit.errors import ChainkitError, ConfigError
from chainkit.simulation.loads import Load
from chainkit.simulation.rates import Drawn
from chainkit.simulation.replay import Replay
from chainkit.widgets import curve
from chainkit.widgets import traffic_kinds as kinds
from chainkit.widgets.canvas import Answer, refused
from chainkit.widgets.curve import LoadCurve
from chainkit.widgets.markup import hint, refusal, report
from chainkit.widgets.panel import Panel, unknown
from chainkit.widgets.state import MOST_REQUESTS, Topic
from chainkit.widgets.turns import in_turn

GRID = ipywidgets.Layout(grid_template_columns="repeat(auto-fit, minmax(330px, 1fr))", grid_gap="6px 16px")
ALLOWED = {"s": "0..100,000,000 s", "per second": "0..1,000,000 per second"}
"""Range of a parameter with that unit."""
ABOVE_0 = ("base_per_s", "end_per_s", "duration_s", "every_s", "bin_s")
"""Parameters that may not be 0."""
FULL = ipywidgets.Layout(width="99%")
_RATE = "0..1,000,000 \u00b7 mean in the long run; all rates change alike"
_ATTRIBUTES = (
    "each value with its share, which add to 1: {status: {charged: 0.97, declined: 0.03}}; filters look at them"
)
AUTOMATIC = "where nothing leads"
_ENTRY = "the service where requests enter; of several an API comes first"
_REQUESTS = f"10..{MOST_REQUESTS:,} \u00b7 of a run, all replications together"
_FILE = "a trace in a CSV file, of times or of counts per minute: its path takes the place of the arrivals above"
LISTS = ("hours_per_s", "points", "counts", "at_s", "phases")
"""Parameters that are lists."""


class Field(ipywidgets.VBox):  # type: ignore[misc] # ipywidgets has no types
    """A control, what it means, and why the last value was refused: that value stays, until another one is shown."""

    def __init__(
        self, label: str, act: Callable[[str], ChainkitError | None], text: str, *,
        choices: tuple[str, ...] = (), is_wide: bool = False,
    ) -> None:  # fmt: skip
        made = ipywidgets.Dropdown if choices else ipywidgets.Text
        given = {"options": choices} if choices else {"continuous_update": False}
        look = {"tooltip": text, "style": {"description_width": "initial"}, "layout": FULL}
        self.control = made(description=label, **look, **given)
        self.message = ipywidgets.HTML()
        self._act = act
        self._shown: str | None = None
        self._is_showing = False
        self.control.observe(self._typed, names="value")
        layout = ipywidgets.Layout(flex=f"1 1 {'100%' if is_wide else '240px'}", max_width="100%", overflow="visible")
        layout.grid_area = "auto / 1 / auto / -1" if is_wide else None
        super().__init__([self.control, self.message, ipywidgets.HTML(hint(text))], layout=layout)

    def show(self, text: str) -> None:
        """Show the value that is in force; a refused one stays beside its reason while that is the same."""
        if text == self._shown:
            return
        self._is_showing = True
        try:
            self.control.value = self._shown = text
        finally:
            self._is_showing = False
        self.message.value = ""

    def offer(self, choices: tuple[str, ...]) -> None:
        """Offer other choices."""
        if self.control.options != choices:
            self._is_showing = True
            try:
                self.control.options, self._shown = choices, None
            finally:
                self._is_showing = False

    @in_turn
    def _typed(self, change: Any) -> None:
        """Do what was typed, or say why not."""
        if self._is_showing:
            return
        try:
            error = self._act(change["new"])
        except ChainkitError as unread:
            error = unread
        if error is not None and isinstance(self.control, ipywidgets.Dropdown):
            chosen, self._shown = self._shown, None
            self.show(chosen or "")
        self.message.value = refusal(error)


class TrafficPanel(Panel):
    """The traffic under which a chain is tried, with a load curve to draw; requests and seed of the runs.

    A drawn load is a curve whose points are dragged, or moved by keys. What is refused is said beside its field; the
    last good traffic stays in force, and another kind keeps the mean rate.

    Parameters
    ----------
    of : a chain, a designer, or its state; panels of one state show the same
    load : traffic, where a chain is given

    Attributes
    ----------
    load : the traffic that is in force
    curve : the load curve
    fields : name -> field of the parameters of this kind

    Examples
    --------
    >>> import chainkit as ck
    >>> panel = TrafficPanel(ck.Chain("orders"))
    >>> panel.kind.control.value = "Spike"
    >>> panel.load.rate_per_s
    4.0
    >>> panel.fields["peak_per_s"].control.value = "80"
    >>> panel.load.peak_per_s
    80
    >>> panel.fields["peak_per_s"].control.value = "many"
    >>> panel.load.peak_per_s, "is outside 0..1000000" in panel.fields["peak_per_s"].message.value
    (80, True)
    """

    def __init__(self, of: Any, load: Load | None = None) -> None:
        super().__init__(of, load)
        self.layout.grid_gap = "6px"
        self.fields: dict[str, Field] = {}
        self._shown_kind = ""
        self.kind = Field("kind of traffic", self._choose, "another kind keeps the mean rate", choices=(*kinds.KINDS,))
        self.rate = Field("requests per second", self._set_rate, _RATE)
        self.span = Field("time span", self._set_span, "a number with s, min, h or days")
        self.peak = Field("peak rate", self._set_peak, "requests per second at the highest point")
        self.presets = [self._preset(name) for name in kinds.PRESETS]
        self.curve = LoadCurve(curve.scene(self.load), self._gesture, twin=self.picture)
        shapes = ipywidgets.HBox(
            [ipywidgets.HTML("shape"), *self.presets],
            layout=ipywidgets.Layout(flex_flow="row wrap", grid_gap="4px", align_items="center", flex="1 1 380px"),
        )
        self._drawing = _row(shapes, self.span, self.peak)
        self.whole = ipywidgets.Button(icon="forward", layout=_own_width())
        self.whole.on_click(lambda _: self._run_all())
        self._form = ipywidgets.GridBox(layout=GRID)
        self.attributes = Field("attributes", self._set_attributes, _ATTRIBUTES, is_wide=True)
        self.state_it = ipywidgets.Button(icon="plus", layout=_own_width())
        self.state_it.on_click(lambda _: self._state_it())
        self.unstated = ipywidgets.HTML()
        self._missing = ipywidgets.VBox([self.unstated, self.state_it])
        self.requests = Field("requests", self._set_requests, _REQUESTS)
        self.seed = Field("seed", self._set_seed, "any whole number \u00b7 equal seeds draw the same")
        self.entry = Field("enter at", self._enter, _ENTRY, choices=(AUTOMATIC,))
        self.python = ipywidgets.HTML()
        self.fill(
            _row(self.kind, self.rate), self._drawing, self.curve, self.whole, self._form,
            self.attributes, self._missing, _row(self.entry, self.requests, self.seed), self.python,
        )  # fmt: skip
        self.hear("figures")

    @property
    def load(self) -> Load:
        """The traffic that is in force."""
        return self.state.load

    def hear(self, topic: Topic) -> None:
        """Show the traffic, and what the last run saw of it."""
        if topic != "figures":
            return
        load, state = self.load, self.state
        if type(load).__name__ != self._shown_kind:
            self._build()
        self.kind.show(self._shown_kind)
        self.rate.show(f"{load.rate_per_s:.6g}")
        for name, field in self.fields.items():
            field.show(kinds.shown(getattr(load, name)))
            field.control.disabled = kinds.is_long(getattr(load, name))
        if isinstance(load, Drawn):
            self.span.show(kinds.span(load.seen_s))
            self.peak.show(f"{max(rate for _, rate in load.points):.6g}")
        self.attributes.show(kinds.shown(_attributes(load)) if load.attributes else "")
        self.entry.offer((AUTOMATIC, *state.chain.services))
        self.entry.show(state.chosen_entry or AUTOMATIC)
        self.requests.show(f"{state.requests}")
        self.seed.show(f"{state.seed}")
        self.curve.scene = curve.scene(load, state.figures.run)
        self._show_unstated()
        self._show_whole()
        self.python.value = report(f"load = {kinds.line(load)}")

    def _build(self) -> None:
        """Make the form of another kind; values alone are shown in the form there: it keeps focus."""
        load = self.load
        self._shown_kind = type(load).__name__
        if self._shown_kind not in kinds.KINDS:  # a load of the user's own
            self.kind.control.options = (*kinds.KINDS, self._shown_kind)
        self.fields = {}
        for each in kinds.parameters(type(load)):
            low = "above " if each.name in ABOVE_0 else ""
            allowed = f"{low}{ALLOWED[each.unit]}" if each.unit and each.name != "start_s" else ""
            text = " \u00b7 ".join(filter(None, [allowed, each.help]))
            self.fields[each.name] = Field(
                each.name, self._setter(each.name), text, choices=each.choices, is_wide=each.name in LISTS
            )
        file = [Field("file", self._read, _FILE, is_wide=True)] if isinstance(load, Replay) else []
        self._form.children = [*self.fields.values(), *file]
        self._drawing.layout.display = None if isinstance(load, Drawn) else "none"

    # --- what is typed ---

    def _try(self, make: Callable[[], Load], *, is_held: bool = False) -> ChainkitError | None:
        """Take other traffic and run it, all requests unless a hand still moves; or return why not."""
        try:
            self.state.set_load(make())
        except ChainkitError as error:
            return error
        if not is_held:
            self.state.rest()
        return None

    def _choose(self, kind: str) -> ChainkitError | None:
        if kind not in kinds.KINDS:
            return None
        per_replication = math.ceil(self.state.requests / curve.REPLICATIONS)
        return self._try(lambda: kinds.as_kind(self.load, kind, requests=per_replication))

    def _read(self, path: str) -> ChainkitError | None:
        return self._try(lambda: Replay.read(path, attributes=_attributes(self.load)))

    def _enter(self, name: str) -> ChainkitError | None:
        if not self.state.set_entry(None if name == AUTOMATIC else name):
            return self.state.refusal
        self.state.rest()
        return None

    def _set_rate(self, text: str) -> ChainkitError | None:
        if not self.state.set_rate(kinds.typed(text, "rate_per_s")):
            return self.state.refusal
        self.state.rest()
        return None

    def _setter(self, name: str) -> Callable[[str], ChainkitError | None]:
        def change(text: str) -> ChainkitError | None:
            return self._try(lambda: kinds.changed(self.load, name, kinds.typed(text, name)))

        return change

    def _set_span(self, text: str) -> ChainkitError | None:
        return self._try(lambda: kinds.stretched(_drawn(self.load), kinds.span_meant(text)))

    def _set_peak(self, text: str) -> ChainkitError | None:
        return self._try(lambda: kinds.raised(_drawn(self.load), kinds.typed(text, "peak_per_s")))

    def _set_attributes(self, text: str) -> ChainkitError | None:
        return self._try(lambda: kinds.changed(self.load, "attributes", kinds.typed(text, "attributes") or {}))

    def _set_requests(self, text: str) -> ChainkitError | None:
        return self._set_run(requests=kinds.typed(text, "requests"))

    def _set_seed(self, text: str) -> ChainkitError | None:
        return self._set_run(seed=kinds.typed(text, "seed"))

    def _set_run(self, **given: Any) -> ChainkitError | None:
        """Run so many requests, or with that seed; or return why not."""
        if not self.state.set_run(**{name: "" if value is None else value for name, value in given.items()}):
            return self.state.refusal
        self.state.rest()
        return None

    def _preset(self, name: str) -> ipywidgets.Button:
        button = ipywidgets.Button(description=name, tooltip=f"Draw the usual shape: {name}", layout=_own_width())
        button.on_click(lambda _: self._try(lambda: kinds.preset(_drawn(self.load), name)))
        return button

    # --- the curve ---

    def _gesture(self, gesture: Mapping[str, Any]) -> Answer:
        """Take the points that a hand has drawn; run all requests when it rests."""
        match gesture:
            case {"kind": "points", "points": points}:
                make = partial(kinds.changed, _drawn(self.load), "points", points)
                return refused(self._try(make, is_held=True))
            case {"kind": "rest"}:
                self.state.rest()
                return {}
        raise unknown(gesture)

    def _show_whole(self) -> None:
        """Offer to run the whole curve, where the last run saw only its beginning."""
        needed = curve.whole(self.load, self.state.figures.run)
        is_possible = needed is not None and needed <= MOST_REQUESTS
        self.whole.layout.display = None if is_possible else "none"
        if is_possible:
            self.whole.description = f"Run all of it: {needed:,} requests"
            self.whole.tooltip = "So many that each replication sees the whole curve"

    def _run_all(self) -> None:
        self._set_run(requests=curve.whole(self.load, self.state.figures.run))

    # --- attributes ---

    def _show_unstated(self) -> None:
        """Say which attributes filters look at that the traffic does not state, and offer to state them."""
        missing = kinds.unstated(self.state.chain, self.load)
        self._missing.layout.display = None if missing else "none"
        names = ", ".join(missing)
        self.unstated.value = refusal(
            ConfigError(f"filters look at {names}, which the traffic does not state", fix="state it with its shares")
            if missing
            else None
        )
        self.state_it.description = f"State {names}"
        self.state_it.tooltip = f"Even shares of the values that filters name: {kinds.shown(missing)}"

    def _state_it(self) -> None:
        """Give the attributes even shares over the values that filters name."""
        missing = kinds.unstated(self.state.chain, self.load)
        self._try(lambda: kinds.changed(self.load, "attributes", _attributes(self.load) | missing))

    # --- where there is no kernel ---

    def twin(self) -> str:
        """Return the traffic in words, and as the line of Python that makes it."""
        runs = f"{self.state.requests:,} requests, seed {self.state.seed}"
        return f"{kinds.words(self.load)}\nload = {kinds.line(self.load)}\n{runs}"

    def picture(self) -> str:
        """Return the load curve as SVG."""
        return curve.picture(curve.scene(self.load, self.state.figures.run))


def _row(*parts: ipywidgets.Widget) -> ipywidgets.HBox:
    """Return widgets beside each other, below each other where there is no room."""
    layout = ipywidgets.Layout(flex_flow="row wrap", grid_gap="4px 12px", align_items="flex-start", overflow="visible")
    return ipywidgets.HBox(parts, layout=layout)


def _own_width() -> ipywidgets.Layout:
    """Return the layout of a button that is as wide as its words."""
    return ipywidgets.Layout(width="auto", align_self="flex-start")


def _attributes(load: Load) -> dict[str, dict[Any, float]]:
    return {name: dict(shares) for name, shares in load.attributes.items()}


def _drawn(load: Load) -> Drawn:
    """Return a load that has points, or say that it has none."""
    if not isinstance(load, Drawn):
        raise ConfigError(f"load curve: {type(load).__name__} has no points", fix="choose the kind Drawn")
    return load
