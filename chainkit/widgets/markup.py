"""Pieces of HTML that forms and panels share. What comes from a chain is text, never markup."""

from collections.abc import Iterable, Sequence
from html import escape

from chainkit.errors import ChainkitError


def refusal(error: ChainkitError | None) -> str:
    """Return an error's words, "" for none.

    >>> refusal(None)
    ''
    """
    if error is None:
        return ""
    fix = f"<br>fix: {escape(error.fix)}" if error.fix else ""
    return f'<div role="alert" class="ck-refusal">&#9888; {escape(error.problem)}{fix}</div>'


def hint(text: str) -> str:
    """Return a line of help."""
    return f'<div class="ck-hint">{escape(text)}</div>'


def report(text: str) -> str:
    """Return text in columns, as `print` would show it."""
    return f'<pre class="ck-report">{escape(text)}</pre>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table: words first, then numbers."""
    heads = "".join(f'<th scope="col">{escape(each)}</th>' for each in head)
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<table class="ck-table"><tr>{heads}</tr>{body}</table>'
