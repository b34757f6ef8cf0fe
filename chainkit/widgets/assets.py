"""The browser's side of the widgets: JavaScript and CSS files beside this one, joined for the page.

Each file of `js/` is a module with imports of its own, for editors and readers. A notebook's front end takes one text
per widget, so the modules are put one after the other, without their imports and exports.
"""

import re
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
_IMPORT = re.compile(r'^import \{ (.*) \} from "\./(.+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:class|function|const) (\w+))", re.MULTILINE)


@cache
def module(name: str) -> str:
    r"""Return a module of `js/` and all that it imports as one module; its own exports stay.

    >>> module("canvas.js").count("export"), "\nimport" in module("canvas.js")
    (1, False)
    """
    texts: dict[str, str] = {}
    _gather(name.removesuffix(".js"), texts)
    *inner, own = texts.items()
    return "\n".join([*(_enclosed(*each) for each in inner), own[1]])


def _gather(name: str, texts: dict[str, str]) -> None:
    """Add a module after those it imports."""
    if name in texts:
        return
    text = (HERE / "js" / f"{name}.js").read_text(encoding="utf-8")
    for _, needed in _IMPORT.findall(text):
        _gather(needed, texts)
    texts[name] = _IMPORT.sub(r"const { \1 } = module_\2;\n", text)


def _enclosed(name: str, text: str) -> str:
    """Return a module as a function of its own, whose names nobody else sees, and what it exports."""
    names = ", ".join(_EXPORT.findall(text))
    return f"const module_{name} = (() => {{\n{_EXPORT.sub('', text)}return {{ {names} }};\n}})();\n"


@cache
def style(*names: str) -> str:
    """Return the common look, then those files of `css/`."""
    return "\n".join((HERE / "css" / name).read_text(encoding="utf-8") for name in ("look.css", *names))
