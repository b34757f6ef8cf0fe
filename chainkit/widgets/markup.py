"""Pieces of HTML that forms and panels share. What comes from a chain is text, never markup."""

from collections.abc import Iterable, Sequence
from html import escape

from chainkit.errors import ChainkitError
from chainkit.pictures import GREY

RED = "#B42318"


def refusal(error: ChainkitError | None) -> str:
    """Return an error's words, "" for none.

    >>> refusal(None)
    ''
    """
    if error is None:
        return ""
    fix = f"<br>fix: {escape(error.fix)}" if error.fix else ""
    return f'<div role="alert" style="color:{RED};line-height:1.35">&#9888; {escape(error.problem)}{fix}</div>'


def hint(text: str) -> str:
    """Return a line of help."""
    return f'<div style="color:{GREY};font-size:12px;line-height:1.3;white-space:normal">{escape(text)}</div>'


def report(text: str) -> str:
    """Return text in columns, as `print` would show it."""
    return f'<pre style="font-size:12px;line-height:1.35;margin:0;overflow-x:auto">{escape(text)}</pre>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table: words first, then numbers."""
    sides = ["left", *["right"] * (len(head) - 1)]
    cells = [
        f'<th style="text-align:{side};padding:0 10px 2px 0;white-space:nowrap">{escape(h)}</th>'
        for side, h in zip(sides, head, strict=True)
    ]
    lines = [
        "".join(
            f'<td style="text-align:{side};padding:0 10px 2px 0;white-space:nowrap">{escape(cell)}</td>'
            for side, cell in zip(sides, row, strict=True)
        )
        for row in rows
    ]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    look = "border-collapse:collapse;font-size:13px;line-height:1.35"
    return f'<table style="{look}"><tr>{"".join(cells)}</tr>{body}</table>'
