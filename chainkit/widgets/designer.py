"""`Designer`: the chain on a canvas, with forms, panels and figures around it, in one box."""

from collections.abc import Mapping
from typing import Any

import ipywidgets

from chainkit.chain import Chain, as_chain
from chainkit.errors import ConfigError
from chainkit.pictures import svg
from chainkit.scene import scene
from chainkit.simulation.loads import Load, Poisson
from chainkit.widgets.canvas import Canvas
from chainkit.widgets.deploying import DeployPanel
from chainkit.widgets.forms import Form
from chainkit.widgets.panels import EditPanel, FiguresPanel, TrafficPanel
from chainkit.widgets.state import State, Topic


class Designer(ipywidgets.VBox):  # type: ignore[misc] # ipywidgets has no types
    """A chain to look at and to change, as the last line of a cell.

    Every gesture is an operation on the chain itself: the cell below sees it. What a cell does to the chain in turn,
    `refresh` shows. Where no widget can be shown, the same data stands as SVG and text.

    Parameters
    ----------
    chain : the chain that is changed
    load : traffic of the runs whose figures are shown; None: Poisson, 4 requests per second
    requests, seed, at : of those runs, as for `simulate`

    Raises
    ------
    ConfigError
        If `chain`, `load` or `requests` is none.

    Attributes
    ----------
    canvas, edit_panel, form, traffic_panel, figures_panel, deploy_panel : the parts, to be shown by themselves
    state : the operations

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("orders")
    >>> _ = chain.add(ck.SqsQueue("jobs"))
    >>> ck.Designer(chain, requests=100)
    Designer('orders', 1 services)
    """

    def __init__(
        self, chain: Chain, load: Load | None = None, *, requests: int = 20_000, seed: int = 1, at: str | None = None
    ) -> None:
        chain = as_chain(chain, "Designer")
        if not isinstance(load, Load | None):
            raise ConfigError(f"Designer: load={load!r} is no load", fix="give one such as ck.Poisson(rate_per_s=4)")
        if not isinstance(requests, int) or isinstance(requests, bool):
            raise ConfigError(f"Designer: requests={requests!r} is no number of requests", fix="give 1 or more")
        self.state = State(chain, load or Poisson(rate_per_s=4), requests=requests, seed=seed, at=at)
        self.canvas = Canvas(scene(chain, {}), self._gesture)
        self.edit_panel, self.form = EditPanel(self.state), Form(self.state)
        self.traffic_panel, self.figures_panel = TrafficPanel(self.state), FiguresPanel(self.state)
        self.deploy_panel = DeployPanel(self.state)
        self.state.listen(self._hear)
        self.canvas.observe(lambda change: self.state.select(change["new"]), names="selected")
        left = ipywidgets.VBox([self.traffic_panel, self.edit_panel], layout=ipywidgets.Layout(width="27%"))
        right = ipywidgets.VBox([self.figures_panel], layout=ipywidgets.Layout(width="32%", padding="0 0 0 12px"))
        self.form.layout.width = "41%"
        deploying = ipywidgets.Accordion([self.deploy_panel], titles=("Deploy and run on this machine",))
        super().__init__([self.canvas, ipywidgets.HBox([left, self.form, right]), deploying])
        self.refresh()

    def refresh(self) -> None:
        """Show the chain as it is now, also after a cell has changed it, and run it again."""
        self.state.refresh()

    def _hear(self, topic: Topic) -> None:
        """Draw what changed."""
        if topic != "selection":
            self.canvas.scene = scene(self.state.chain, self.state.figures.notes())
        self.canvas.selected = self.state.selected

    def _gesture(self, gesture: Mapping[str, Any]) -> None:
        """Carry out what was done on the canvas."""
        if gesture["kind"] == "move":
            self.state.move(gesture["places"])
        elif gesture["kind"] == "remove":
            self.state.remove(gesture["key"].removesuffix("!"))

    def __repr__(self) -> str:
        """Return the designer in a word: stable, so that notebooks can be compared."""
        return f"Designer({self.state.chain.name!r}, {len(self.state.chain.services)} services)"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """Return the widget, and its static twin for where there is no kernel."""
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        twin = {
            "text/plain": f"{self!r}\n{self.state.chain}",
            "image/svg+xml": svg(self.state.chain, self.state.figures.notes()),
        }
        return bundle | twin
