"""What all panels of the designer share: a state to look at, one look, and a static twin."""

from collections.abc import Mapping
from typing import Any

import ipywidgets

from chainkit.chain import Chain, as_chain
from chainkit.errors import ConfigError
from chainkit.pictures import svg
from chainkit.simulation.loads import Load, Poisson
from chainkit.widgets import assets
from chainkit.widgets.state import State, Topic
from chainkit.widgets.traffic_kinds import unstated


def as_state(of: Any, load: Load | None = None, *, requests: int = 20_000, seed: int = 1) -> State:
    """Return the state that a panel is given: of a designer, or a new one of a chain.

    Raises
    ------
    ConfigError
        If it is none of these.
    """
    state = of if isinstance(of, State) else getattr(of, "state", None)
    if isinstance(state, State):
        return state
    chain = as_chain(of, "panel")
    return State(chain, load or usual(chain), requests=requests, seed=seed)


def usual(chain: Chain) -> Load:
    """Return the traffic of a chain while none is given: what its filters look at is stated, in even shares."""
    bare = Poisson(rate_per_s=4)
    return Poisson(rate_per_s=4, attributes=unstated(chain, bare))


class Panel(ipywidgets.VBox):  # type: ignore[misc] # ipywidgets has no types
    """A part of the designer that also stands alone, as the last line of a cell.

    Parameters
    ----------
    of : a chain, a designer, or its state; panels of one state show the same
    load : traffic, where a chain is given
    """

    def __init__(self, of: Any, load: Load | None = None) -> None:
        self.state = as_state(of, load)
        super().__init__()
        self.add_class("ck")
        self.add_class("ck-panel")
        self.state.listen(self.hear)

    def hear(self, topic: Topic) -> None:
        """Follow what changed."""

    def fill(self, *children: ipywidgets.Widget) -> None:
        """Show these widgets, in the common look."""
        self.children = [look(), *children]

    def twin(self) -> str:
        """Return what the panel says as text, for where no widget can be shown."""
        return str(self.state.chain)

    def picture(self) -> str:
        """Return what the panel shows as SVG."""
        return svg(self.state.chain, self.state.notes())

    def __repr__(self) -> str:
        """Return the panel in a word: stable, so that notebooks can be compared."""
        return f"{type(self).__name__}({self.state.chain.name!r})"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """Return the widget, and its static twin for where there is no kernel."""
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        return bundle | {"text/plain": f"{self!r}\n{self.twin()}", "image/svg+xml": self.picture()}


def unknown(gesture: Mapping[str, Any]) -> ConfigError:
    """Return the error for a gesture that a panel does not know."""
    return ConfigError(f"gesture {gesture.get('kind')!r} is unknown", fix="reload the page, and run the cell again")


def look() -> ipywidgets.HTML:
    """Return the common look of all widgets, as a widget that shows nothing itself."""
    return ipywidgets.HTML(f"<style>{assets.style('panels.css')}</style>", layout=ipywidgets.Layout(display="none"))
