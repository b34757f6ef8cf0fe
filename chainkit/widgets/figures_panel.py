"""The figures panel."""

from typing import Any

import ipywidgets

from chainkit.units import seconds, usd
from chainkit.widgets.markup import refusal, table
from chainkit.widgets.panel import Panel
from chainkit.widgets.state import Topic

SHOWN = ("mean", "p50", "p95", "p99")
MOST_ERRORS = 5


class FiguresPanel(Panel):
    """Percentiles with their intervals, bill and ledger of the chain as it is; or its first errors."""

    def __init__(self, of: Any) -> None:
        super().__init__(of)
        self._state = self.state
        self.shown = ipywidgets.HTML()
        self.fill(self.shown)
        self.hear("figures")

    def hear(self, topic: Topic) -> None:
        """Say that a run is under way, then show it."""
        if topic == "design" and not self._state.figures.errors:
            self.shown.value = (
                f'<div role="status">running {self._state.requests:,} requests \u2026</div>{self.shown.value}'
            )
        elif topic in ("design", "figures"):
            self.shown.value = f'<div role="status" aria-live="polite">{self._text()}</div>'

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
