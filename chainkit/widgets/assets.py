"""The browser's side of the widgets: JavaScript and CSS files beside this one, joined for the page.

Each file of `js/` is a module with imports of its own, for editors and readers. A notebook's front end takes one text per
widget, so the modules are put one after the other, without their imports and exports.
"""

import re
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(.+)";\n', re.MULTILINE)


@cache
def module(name: str) -> str:
    """Return a module of `js/` and all that it imports as one module; its own exports stay.

    >>> module("canvas.js").count("export"), "\nimport" in module("canvas.js")
    (1, False)
    """
    texts: dict[str, str] = {}
    _gather(name, texts, ())
    *inner, own = texts.values()
    return "\n".join([*(re.sub(r"^export ", "", text, flags=re.MULTILINE) for text in inner), own])


def _gather(name: str, texts: dict[str, str], above: tuple[str, ...]) -> None:
    """Add a module after those it imports."""
    if name in texts or name in above:  # functions of two modules may use each other
        return
    text = (HERE / "js" / name).read_text(encoding="utf-8")
    for needed in _IMPORT.findall(text):
        _gather(needed, texts, (*above, name))
    texts[name] = _IMPORT.sub("", text)


@cache
def style(*names: str) -> str:
    """Return the common look, then those files of `css/`."""
    return "\n".join((HERE / "css" / name).read_text(encoding="utf-8") for name in ("look.css", *names))
