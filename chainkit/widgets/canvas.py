"""The canvas: a scene that the browser draws, and the gestures made on it, each of which is answered."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anywidget
import traitlets

from chainkit.errors import ChainkitError, ConfigError
from chainkit.widgets import assets
from chainkit.widgets.turns import in_turn

Answer = Mapping[str, Any]
Gesture = Callable[[Mapping[str, Any]], Answer]


class Canvas(anywidget.AnyWidget):
    """A canvas to draw on. It decides nothing: what a gesture does, `on_gesture` says.

    Parameters
    ----------
    scene : what `scene.scene` returns
    on_gesture : gets {"kind": "move", "places": {name: [x, y]}} and the like (js/ sends them), and returns what the
        hand is told: {} if it was done, `refused` of an error if not, or what was asked for
    twin : gives the same as SVG, for where no widget can be shown
    """

    _esm = assets.module("canvas.js")
    _css = assets.style("canvas.css", "waterfall.css")
    scene = traitlets.Dict().tag(sync=True)
    """What is drawn."""
    selected = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """Names of services and ids of links."""

    def __init__(self, scene: dict[str, Any], on_gesture: Gesture, *, twin: Callable[[], str]) -> None:
        super().__init__(scene=scene)
        self._on_gesture, self._twin = on_gesture, twin
        self.on_msg(lambda _, message, __: self._hear(message))

    @in_turn
    def _hear(self, message: Any) -> None:
        """Carry a gesture out, and answer it."""
        message = message if isinstance(message, Mapping) else {}
        answer = refused(ConfigError("this went wrong inside chainkit", fix="undo the last step; the log says more"))
        try:
            answer = self._on_gesture(message)
        except ChainkitError as error:
            answer = refused(error)
        finally:
            self.send({**answer, "to": message.get("n")})

    def show(self, scene: dict[str, Any], selected: Sequence[str]) -> None:
        """Draw a scene, with what is selected in it."""
        with self.hold_sync():
            self.scene, self.selected = scene, [*selected]

    def __repr__(self) -> str:
        """Return the canvas in a word: stable, so that notebooks can be compared."""
        return f"Canvas({self.scene.get('name', '')!r})"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Return the widget, and its static twin for where there is no kernel."""
        made = super()._repr_mimebundle_(**kwargs)
        if made is None:
            return None
        bundle, metadata = made
        return {**bundle, "text/plain": repr(self), "image/svg+xml": self._twin()}, metadata


def refused(error: ChainkitError | None) -> Answer:
    """Return an error as the answer to a gesture; nothing for none."""
    return {"refusal": {"problem": error.problem, "fix": error.fix}} if error is not None else {}
