"""The panels beside the canvas: add and connect, traffic, and the figures."""

from typing import Any

import ipywidgets
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from chainkit.units import seconds, usd
from chainkit.widgets.markup import refusal, table
from chainkit.widgets.state import State, Topic

SHOWN = ("mean", "p50", "p95", "p99")
MOST_ERRORS = 5
NARROW = {"description_width": "70px"}
ROW = ipywidgets.Layout(width="98%")


class EditPanel(ipywidgets.VBox):  # type: ignore[misc] # ipywidgets has no types
    """Add a service, connect two, select by name. Every choice is limited to what fits."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._is_showing = False
        self.selection = _dropdown("selected")
        self.kind = _dropdown("service")
        self.name = ipywidgets.Text(description="name", style=NARROW, layout=ROW)
        self.add = ipywidgets.Button(description="Add", icon="plus", tooltip="Add this service to the chain")
        self.source, self.target, self.word = _dropdown("from"), _dropdown("to"), _dropdown("by")
        self.connect = ipywidgets.Button(description="Connect", icon="link", tooltip="Make this link")
        self.undo = ipywidgets.Button(description="Undo", icon="undo", tooltip="Take the last change back")
        self.message = ipywidgets.HTML()
        self.kind.options = list(state.kinds().items())
        self.kind.index = 0
        self.kind.observe(lambda _: self._offer_name(), names="value")
        self.selection.observe(self._select, names="value")
        self.source.observe(lambda _: self._offer_targets(), names="value")
        self.target.observe(lambda _: self._offer_words(), names="value")
        self.add.on_click(lambda _: self._report(accepted=state.add(self.kind.value, self.name.value)))
        self.connect.on_click(lambda _: self._connect())
        self.undo.on_click(lambda _: self._report(accepted=state.undo()))
        super().__init__(
            [
                self.selection, self.kind, self.name, ipywidgets.HBox([self.add, self.undo]),
                self.source, self.target, self.word, self.connect, self.message,
            ]
        )  # fmt: skip
        state.listen(self._hear)
        self._hear("design")

    def _hear(self, topic: Topic) -> None:
        """Offer what fits the chain as it is."""
        if topic == "design":
            self._offer_name()
            _offer(self.source, self._state.sources())
            self._offer_targets()
        if topic in ("design", "selection"):
            links = [
                (f"{link.source} \u2192 {link.target} ({link.word})", key)
                for key, link in self._state.chain.links.items()
            ]
            self._is_showing = True
            try:
                self.selection.options = [
                    ("nothing", ""),
                    *((name, name) for name in self._state.chain.services),
                    *links,
                ]
                self.selection.value = self._state.selected
            finally:
                self._is_showing = False
            self.message.value = ""

    def _select(self, change: Any) -> None:
        if not self._is_showing:
            self._state.select(change["new"] or "")

    def _offer_name(self) -> None:
        self.name.value = self._state.free_name(self.kind.value)

    def _offer_targets(self) -> None:
        _offer(self.target, self._state.targets(self.source.value) if self.source.value else [])
        self._offer_words()

    def _offer_words(self) -> None:
        ends = self.source.value, self.target.value
        _offer(self.word, self._state.words(*ends) if all(ends) else [])
        self.connect.disabled = not self.word.options

    def _connect(self) -> None:
        self._report(accepted=self._state.connect(self.source.value, self.target.value, self.word.value))

    def _report(self, *, accepted: bool) -> None:
        """Show why an operation was refused."""
        self.message.value = "" if accepted else refusal(self._state.refusal)


class TrafficPanel(ipywidgets.VBox):  # type: ignore[misc] # ipywidgets has no types
    """The arrival rate."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.rate = ipywidgets.Text(
            f"{state.load.rate_per_s:.6g}", description="arrivals per second", continuous_update=False,
            style={"description_width": "130px"}, layout=ROW,
        )  # fmt: skip
        self.message = ipywidgets.HTML()
        self.rate.observe(self._typed, names="value")
        super().__init__([self.rate, self.message])

    def _typed(self, change: Any) -> None:
        """Change the rate, or say why not."""
        try:
            rate_per_s = YAML(typ="safe", pure=True).load(change["new"])
        except YAMLError:
            rate_per_s = change["new"]
        self.message.value = "" if self._state.set_rate(rate_per_s) else refusal(self._state.refusal)


class FiguresPanel(ipywidgets.HTML):  # type: ignore[misc] # ipywidgets has no types
    """Percentiles with their intervals, bill and ledger of the chain as it is; or its first errors."""

    value: str

    def __init__(self, state: State) -> None:
        self._state = state
        super().__init__()
        state.listen(self._hear)

    def _hear(self, topic: Topic) -> None:
        """Say that a run is under way, then show it."""
        if topic == "design" and not self._state.figures.errors:
            self.value = f'<div role="status">running {self._state.requests:,} requests \u2026</div>{self.value}'
        elif topic in ("design", "figures"):
            self.value = f'<div role="status" aria-live="polite">{self._text()}</div>'

    def _text(self) -> str:
        """Return what is known of the chain."""
        figures = self._state.figures
        if figures.errors:
            more = len(figures.errors) - MOST_ERRORS
            rest = [f"and {more} more"] if more > 0 else []
            return "".join([*map(refusal, figures.errors[:MOST_ERRORS]), *rest])
        if figures.run is None or figures.bill is None:
            return ""
        run, bill = figures.run, figures.bill
        summary = run.summary()
        rows = [
            [
                name.removesuffix("_s").replace("_", " "),
                *(seconds(float(row[column])) for column in ("value", "low", "high")),
            ]
            for name, row in ((str(index), row) for index, row in summary.iterrows())
            if name.split("_")[1] in SHOWN
        ]
        load = self._state.load
        head = f"{run.requests:,} requests, {type(load).__name__}, {load.rate_per_s:g} per second, seed {run.seed}"
        money = f"<b>{usd(bill.total_usd)}</b> a month at this rate, {usd(bill.usd_per_million)} per million requests"
        nodes = [[name, usd(cost)] for name, cost in bill.node_usd().items() if cost]
        ledger = [[str(outcome), f"{count:,}"] for outcome, count in run.ledger.items() if count]
        return "<hr>".join(
            [
                head + table(["time", "value", "95 % from", "to"], rows),
                money + table(["service", "USD a month"], nodes),
                table(["outcome", "requests"], ledger),
            ]
        )


def _dropdown(description: str) -> ipywidgets.Dropdown:
    """Return an empty dropdown."""
    return ipywidgets.Dropdown(description=description, style=NARROW, layout=ROW)


def _offer(dropdown: ipywidgets.Dropdown, options: list[str]) -> None:
    """Offer other options, and keep the choice if it is still among them."""
    chosen = dropdown.value
    if list(dropdown.options) == options:
        return
    dropdown.options = options
    dropdown.value = chosen if chosen in options else next(iter(options), None)
