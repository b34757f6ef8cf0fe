"""`Designer`: the chain on a canvas, with its settings and figures below, and further panels in tabs, in one box."""

from collections.abc import Iterator, Mapping
from typing import Any

import ipywidgets

from chainkit.chain import Chain, as_chain
from chainkit.errors import ConfigError
from chainkit.operations import Operation
from chainkit.pictures import svg
from chainkit.simulation.loads import Load
from chainkit.widgets.canvas import Answer, Canvas
from chainkit.widgets.figures_panel import FiguresPanel
from chainkit.widgets.forms import FormPanel
from chainkit.widgets.gestures import carry_out
from chainkit.widgets.panel import Panel, look, usual
from chainkit.widgets.scene import scene
from chainkit.widgets.state import State, Topic
from chainkit.widgets.story import told
from chainkit.widgets.tabs import TABS

HALF = {"flex": "1 1 380px", "min_width": "0", "max_height": "640px", "overflow": "hidden auto"}
"""Of what stands beside each other below the canvas: as wide as it can, and scrolled in itself."""


class Designer(ipywidgets.VBox):  # type: ignore[misc] # ipywidgets has no types
    """A chain to draw and to change, as the last line of a cell.

    Every gesture is an operation on the chain itself: the cell below sees it, and `history` holds it. What a cell does
    to the chain in turn, `refresh` shows. Where no widget can be shown, the same data stands as SVG and text.

    Parameters
    ----------
    chain : the chain that is changed
    load : traffic of the runs whose figures are shown; None: Poisson, 4 requests per second, with the attributes that
        filters look at, in even shares
    requests, seed, at : of those runs, as for `simulate`

    Raises
    ------
    ConfigError
        If `chain`, `load` or `requests` is none.
    WiringError
        If the chain has no service `at`.

    Attributes
    ----------
    canvas, form_panel, figures_panel : the parts, to be shown by themselves
    panels : title -> panel of the tabs (traffic, comparison ...), each made when it is first asked for
    state : the operations

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("orders")
    >>> designer = ck.Designer(chain, requests=100)
    >>> designer.state.add("SqsQueue", "jobs")
    True
    >>> designer
    Designer('orders', 1 services)
    >>> print(*designer.history)
    chain.add(ck.SqsQueue('jobs'))
    """

    def __init__(
        self, chain: Chain, load: Load | None = None, *, requests: int = 20_000, seed: int = 1, at: str | None = None
    ) -> None:
        chain = as_chain(chain, "Designer")
        if not isinstance(load, Load | None):
            raise ConfigError(f"Designer: load={load!r} is no load", fix="give one such as ck.Poisson(rate_per_s=4)")
        if not isinstance(requests, int) or isinstance(requests, bool):
            raise ConfigError(f"Designer: requests={requests!r} is no number of requests", fix="give 1 or more")
        if at is not None:
            chain.service(at)
        self.state = State(chain, load or usual(chain), requests=requests, seed=seed, at=at)
        self.canvas = Canvas(scene(chain), self._gesture, twin=lambda: svg(chain, self.state.notes()))
        self.form_panel, self.figures_panel = FormPanel(self.state), FiguresPanel(self.state)
        self.panels = _Panels(self.state)
        self.state.listen(self._hear)
        self.canvas.observe(lambda change: self.state.select(*change["new"]), names="selected")
        for panel in (self.form_panel, self.figures_panel):
            panel.layout = ipywidgets.Layout(**HALF)
        both = ipywidgets.HBox(
            [self.form_panel, self.figures_panel], layout=ipywidgets.Layout(flex_flow="row wrap", grid_gap="8px")
        )
        super().__init__([look(), self.canvas, both, self.panels.tabs])
        self.add_class("ck-beside")
        self.refresh()

    @property
    def history(self) -> tuple[Operation, ...]:
        """All that was done and not undone; `ck.replay` does it again, and each prints as a line of Python."""
        return self.state.history

    def refresh(self) -> None:
        """Show the chain as it is now, also after a cell has changed it, and run it again."""
        self.state.refresh()

    def _hear(self, topic: Topic) -> None:
        """Draw what changed."""
        if topic in ("figures", "layout"):
            steps = {"undo": self.state.can_undo, "redo": self.state.can_redo}
            off = [name for name, is_there in steps.items() if not is_there]
            self.canvas.show(scene(self.state.chain, self.state.figures, off=off), self.state.selection)
        elif topic == "selection":
            self.canvas.selected = [*self.state.selection]
        elif topic == "trace" and self.state.trace is not None:
            self.canvas.send({"story": told(self.state.chain, self.state.trace, "sent")})

    def _gesture(self, gesture: Mapping[str, Any]) -> Answer:
        """Carry out what was done on the canvas."""
        if gesture.get("kind") == "edit":
            self.state.select(str(gesture.get("key", "")))
            return {"field": self.form_panel.first_field()}
        return carry_out(self.state, gesture)

    def __repr__(self) -> str:
        """Return the designer in a word: stable, so that notebooks can be compared."""
        return f"Designer({self.state.chain.name!r}, {len(self.state.chain.services)} services)"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """Return the widget, and its static twin for where there is no kernel."""
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        twin = {
            "text/plain": f"{self!r}\n{self.state.chain}",
            "image/svg+xml": svg(self.state.chain, self.state.notes()),
        }
        return bundle | twin


class _Panels(Mapping[str, Panel]):
    """The panels in tabs: each is made when its tab is opened, or it is asked for."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._made: dict[str, Panel] = {}
        self._boxes = {title: ipywidgets.VBox() for title in TABS}
        self.tabs = ipywidgets.Tab([*self._boxes.values()], titles=[*TABS], selected_index=0)
        self.tabs.observe(lambda change: self._open(change["new"]), names="selected_index")
        self._open(0)  # a front end shows the first tab as open, whatever it is told, and hears no click on it

    def _open(self, index: int | None) -> None:
        if index is not None:
            self[[*TABS][index]]

    def __getitem__(self, title: str) -> Panel:
        if title not in self._made:
            self._made[title] = TABS[title]()(self._state)
            self._boxes[title].children = [self._made[title]]
        return self._made[title]

    def __iter__(self) -> Iterator[str]:
        return iter(TABS)

    def __len__(self) -> int:
        return len(TABS)
