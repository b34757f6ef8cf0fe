"""The canvas: a scene that vis-network draws, and the gestures made on it.

vis-network comes as a universal module, which would look for CommonJS, then for AMD, then for a global: it gets the
first, in a function of its own.
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from chainkit.scene import DRAWING, vis_network

HERE = Path(__file__).parent

Gesture = Callable[[Mapping[str, Any]], None]


class Canvas(anywidget.AnyWidget):
    """A canvas to pan, zoom, select and move on.

    Parameters
    ----------
    scene : what `scene.scene` returns
    on_gesture : gets {"kind": "move", "places": {name: [x, y]}} or {"kind": "remove", "key": name or id}
    """

    _css = HERE / "canvas.css"
    scene = traitlets.Dict().tag(sync=True)
    """What is drawn."""
    selected = traitlets.Unicode("").tag(sync=True)
    """Name of a service, id of a link, or ""."""

    def __init__(self, scene: dict[str, Any], on_gesture: Gesture) -> None:
        self._esm = _module()
        super().__init__(scene=scene)
        self.on_msg(lambda _, message, __: on_gesture(message))

    def __repr__(self) -> str:
        """Return the canvas in a word: stable, so that notebooks can be compared."""
        return f"Canvas({self.scene.get('name', '')!r})"


@cache
def _module() -> str:
    """Return the canvas's JavaScript: vis-network in a function of its own, then ours."""
    wrapped = (
        "const vis = (function () {\nconst module = { exports: {} }, exports = module.exports, define = undefined;\n"
        f"{vis_network()}\nreturn module.exports;\n}}).call(globalThis);\n"
    )
    return wrapped + "\n".join(file.read_text(encoding="utf-8") for file in (DRAWING, HERE / "canvas.js"))
