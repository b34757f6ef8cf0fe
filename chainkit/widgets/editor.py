"""A text with line numbers: marked lines, a line with a mistake, and word when something else was typed."""

from collections.abc import Callable, Mapping
from typing import Any

import anywidget
import traitlets

from chainkit.widgets import assets
from chainkit.widgets.turns import in_turn


class Editor(anywidget.AnyWidget):
    """A text to read and to change. It reports what was typed when it is left, or by Ctrl+Enter.

    Parameters
    ----------
    label : what it is called for those who hear it
    on_typed : gets the text
    on_line : gets the line to which the hand goes, from 1
    on_back : told that what was typed is to be taken back
    """

    _esm = assets.module("editor.js")
    _css = assets.style("editor.css")
    label = traitlets.Unicode().tag(sync=True)
    shown = traitlets.Dict().tag(sync=True)
    """text: what stands there; n: how often it was shown, so that the same text takes back what was typed."""
    marks = traitlets.List(traitlets.Int()).tag(sync=True)
    """First and last of the marked lines; empty for none."""
    fault = traitlets.Int(0).tag(sync=True)
    """The line with a mistake; 0 for none."""

    def __init__(
        self, label: str, on_typed: Callable[[str], None], on_line: Callable[[int], None], on_back: Callable[[], None]
    ) -> None:
        super().__init__(label=label, shown={"text": "", "n": 0})
        self._on_typed, self._on_line, self._on_back = on_typed, on_line, on_back
        self.on_msg(lambda _, message, __: self.hear(message))

    @in_turn
    def hear(self, message: Mapping[str, Any]) -> None:
        """Follow what was done in the browser."""
        match message:
            case {"kind": "typed", "text": str(text)}:
                self._on_typed(text)
            case {"kind": "line", "line": int(line)}:
                self._on_line(line)
            case {"kind": "back"}:
                self._on_back()

    @property
    def text(self) -> str:
        """What stands there, as far as Python knows."""
        return str(self.shown["text"])

    def show(self, text: str, *, fault: int = 0) -> None:
        """Show a text, in place of what was typed."""
        with self.hold_sync():
            self.shown = {"text": text, "n": self.shown["n"] + 1}
            self.fault = fault

    def __repr__(self) -> str:
        """Return the editor in a word: stable, so that notebooks can be compared."""
        return f"Editor({self.label!r})"
