"""The canvas: a scene that vis-network draws, and the gestures made on it.

vis-network is read from the pyvis wheel, so nothing is fetched. It comes as a universal module, which would look for
CommonJS, then for AMD, then for a global: it gets the first, in a function of its own.
"""

from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from chainkit.errors import MissingError

HERE = Path(__file__).parent
VIS = Path("lib", "vis-9.1.2", "vis-network.min.js")
"""In the pyvis package."""

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
    source = _vis_source().partition("//# sourceMappingURL")[0]
    wrapped = (
        "const vis = (function () {\nconst module = { exports: {} }, exports = module.exports, define = undefined;\n"
        f"{source}\nreturn module.exports;\n}}).call(globalThis);\n"
    )
    return wrapped + (HERE / "canvas.js").read_text(encoding="utf-8")


def _vis_source() -> str:
    """Return vis-network as the pyvis wheel has it; the package itself is not imported.

    Raises
    ------
    MissingError
        If it is not there.
    """
    found = find_spec("pyvis")
    folders = found.submodule_search_locations if found is not None else None
    files = [Path(folder) / VIS for folder in folders or ()]
    for file in files:
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise MissingError(
        f"the canvas needs {VIS.name}, and pyvis {'has' if files else 'is not installed, which has'} none",
        fix='pip install "pyvis>=0.3.2,<0.4"',
    )
