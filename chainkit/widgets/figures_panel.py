"""The figures panel: what a run says of the chain in hand, and what `check` found, each with its repair."""

from collections.abc import Mapping
from typing import Any

import anywidget
import traitlets

from chainkit.errors import ConfigError
from chainkit.simulation.loads import Load
from chainkit.widgets import assets, figures_twin
from chainkit.widgets.canvas import Answer, refused
from chainkit.widgets.figures import Numbers, figures, key_of
from chainkit.widgets.panel import Panel
from chainkit.widgets.state import Topic
from chainkit.widgets.turns import in_turn


class FiguresBoard(anywidget.AnyWidget):
    """Draws what `figures` returns, and reports which button was pressed, and that the hand rests."""

    _esm = assets.module("figures.js")
    _css = assets.style("figures.css")
    figures = traitlets.Dict().tag(sync=True)
    is_running = traitlets.Bool().tag(sync=True)
    """Whether a run is under way, and the figures are those of before."""

    def __repr__(self) -> str:
        """Return the board in a word: stable, so that notebooks can be compared."""
        return f"FiguresBoard({self.figures.get('name', '')!r})"


class FiguresPanel(Panel):
    """Percentiles with intervals, bill, ledger, bottleneck, errors and findings, which follow every gesture.

    Beside each number stands what it was before the last gesture. A gesture is over when the hand has rested for 0.4 s.

    Parameters
    ----------
    of : a chain, a designer, or its state
    load : traffic, where a chain is given; None: Poisson, 4 requests per second

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("one")
    >>> _ = chain.add(ck.LambdaFunction("pay"))
    >>> panel = FiguresPanel(chain)
    >>> panel
    FiguresPanel('one')
    >>> panel.twin().splitlines()[0]
    '20,000 requests, Poisson, 4 per second, seed 1'
    """

    def __init__(self, of: Any, load: Load | None = None) -> None:
        super().__init__(of, load)
        self.board = FiguresBoard()
        self.board.on_msg(lambda _, message, __: self._pressed(message))
        self._before: Numbers | None = None
        """Those before the gesture that is under way."""
        self._last = self.state.figures
        """What was known when the chain could be run last."""
        self._has_said = False
        self.fill(self.board)
        if self.state is of or getattr(of, "state", None) is self.state:
            self._show()
        else:
            self.state.refresh()
        self._before = Numbers.of(self._last)

    def hear(self, topic: Topic) -> None:
        """Say that a run is under way, then show it."""
        if topic in ("design", "layout") and self._has_said:  # it was of the step before, and so was its undo
            self._say({"said": ""})
        if topic == "design":
            self.board.is_running = True
        elif topic == "figures":
            self._show()

    def _show(self) -> None:
        known = self.state.figures
        made = figures(self.state, before=self._before, last=self._last)
        if known.run is not None:
            self._last = known
        with self.board.hold_sync():
            self.board.figures, self.board.is_running = made, False

    @in_turn
    def _pressed(self, message: Mapping[str, Any]) -> None:
        """Carry out what the browser reports; it is told of a fix whether it was done."""
        match message:
            case {"kind": "rest"}:
                self.state.rest()
                self._before = Numbers.of(self._last)  # of the next gesture
            case {"kind": "show", "where": where}:
                self.state.select(where)
            case {"kind": "undo"}:
                self._say({"said": "Taken back." if self.state.undo() else "There is nothing to take back."})
            case {"kind": "fix", "key": key}:
                self._say(self._fix(key))

    def _say(self, answer: Answer) -> None:
        """Tell the hand how a button ended."""
        self._has_said = answer != {"said": ""}
        self.board.send(answer)

    def _fix(self, key: str) -> Answer:
        """Carry a finding's change out, and return what the hand is told."""
        finding = next((each for each in self.state.figures.findings if key_of(each) == key), None)
        if finding is None or not finding.change:
            return refused(ConfigError("there is no such finding any more", fix="look at those that are shown"))
        if not self.state.do(*finding.change):
            return refused(self.state.refusal)
        return {"said": f"Done: {finding.fix}.", "can_undo": True}

    def _made(self) -> dict[str, Any]:
        return figures(self.state, last=self._last)

    def twin(self) -> str:
        """Return the figures as text."""
        return figures_twin.text(self._made())

    def picture(self) -> str:
        """Return percentiles and bill as SVG."""
        return figures_twin.svg(self._made())
