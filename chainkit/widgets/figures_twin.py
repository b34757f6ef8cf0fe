"""The figures panel where no widget can be shown: the same values as text, and percentiles and bill as SVG."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from chainkit.pictures import BLUE, FONT, GREEN, GREY, INK, PAPER

WIDTH, ROW = 760, 24
PLOT_X, PLOT_WIDTH = 150, 330
"""Where plots begin, and how wide they are, pixels."""
TEXT_X = PLOT_X + PLOT_WIDTH + 12


def text(figures: Mapping[str, Any]) -> str:
    """Return what `figures` made as text.

    Examples
    --------
    >>> from chainkit.widgets.figures import figures
    >>> from chainkit.widgets.panel import as_state
    >>> import chainkit as ck
    >>> print(text(figures(as_state(ck.Chain("new")))))
    There are no figures yet: add a first service, and a link to a second one. Every change is run at once.
    """
    parts = [*_what_is_wrong(figures), *_run_lines(figures), *_finding_lines(figures["findings"])]
    return "\n".join(parts)


def _what_is_wrong(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield what comes before all figures."""
    if figures["hint"]:
        yield figures["hint"]
    for error in figures["errors"]:
        yield f"error: {error['problem']}"
        if error["fix"]:
            yield f"  fix: {error['fix']}"
    if figures["more_errors"]:
        yield f"and {figures['more_errors']} more errors"
    if figures["is_old"]:
        yield "of the chain before:"


def _run_lines(figures: Mapping[str, Any]) -> list[str]:
    """Return the figures of the run as tables."""
    if figures["run"] is None:
        return []
    bill, ledger, bottleneck = figures["bill"], figures["ledger"], figures["bottleneck"]
    lines = [f"{figures['run']['text']}{', ' * bool(figures['run']['quick'])}{figures['run']['quick']}"]
    lines += _columns([("time", "value", "95 % interval")] + [
        (row["label"], row["text"], row["interval"]) for row in figures["percentiles"]["rows"]
    ])  # fmt: skip
    lines.append(f"bill: {bill['total']}")
    lines += _columns([(row["name"], row["usd"], row["part"]) for row in bill["services"]])
    lines.append(f"ledger: {ledger['total']} requests")
    lines += _columns([(row["name"], row["count"], row["part"]) for row in ledger["rows"] if row["count"] != "0"])
    lines.append(" ".join(filter(None, (bottleneck["where"], bottleneck["words"]))))
    if bottleneck["limit"]:
        lines.append(f"{bottleneck['limit_where']} {bottleneck['limit']}")
    return lines


def _finding_lines(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the findings, worst first."""
    return [
        line
        for group in groups
        for row in group["rows"]
        for line in (f"{group['severity']}  {row['where']}: {row['problem']}", f"  fix: {row['fix']}")
    ]


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as text: the first column flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
    return [
        "  " + "  ".join([f"{row[0]:<{widths[0]}}", *(f"{c:>{w}}" for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]


# --- SVG ---


def svg(figures: Mapping[str, Any]) -> str:
    """Return percentiles and bill as SVG; where there are none, what the text says."""
    if figures["run"] is None:
        lines = text(figures).splitlines() or ["There are no figures yet."]
        drawn = [_text(16, 24 + 18 * k, line[:110], colour=INK) for k, line in enumerate(lines)]
        return _page(figures, drawn, 30 + 18 * len(lines))
    drawn = [_text(16, 24, figures["name"], weight=600, size=15), _text(16, 43, figures["run"]["text"], colour=GREY)]
    if figures["is_old"]:
        drawn.append(_text(WIDTH - 16, 24, "of the chain before", anchor="end", colour=GREY))
    rows = figures["percentiles"]["rows"]
    drawn += _plot(figures["percentiles"], 56)
    y = 56 + ROW * len(rows) + 56
    drawn.append(_text(16, y, f"Bill: {figures['bill']['total']}", weight=600))
    for k, row in enumerate(figures["bill"]["services"]):
        top = y + 10 + ROW * k
        width = max(1.5, row["x"] * PLOT_WIDTH / 100)
        drawn += [
            _text(16, top + 16, _short(row["name"])),
            f'<rect x="{PLOT_X}" y="{top + 4}" width="{width:.1f}" height="{ROW - 8}" fill="{GREEN}"/>',
            _text(TEXT_X, top + 16, f"{row['usd']}  ({row['part']})"),
        ]
    return _page(figures, drawn, y + 24 + ROW * len(figures["bill"]["services"]))


def _plot(percentiles: Mapping[str, Any], top: int) -> Iterator[str]:
    """Yield the range plot: a dot for each value, a bar for its interval."""
    rows = percentiles["rows"]
    bottom = top + ROW * len(rows)
    for tick in percentiles["ticks"]:
        x = _x(tick["x"])
        yield f'<line x1="{x}" y1="{top}" x2="{x}" y2="{bottom}" stroke="#C9D1D9"/>'
        yield _text(x, bottom + 15, tick["text"], anchor="middle", colour=GREY, size=11)
    for k, row in enumerate(rows):
        y = top + ROW * k + ROW / 2
        yield _text(16, y + 4, row["label"])
        if row["low"] is not None and row["high"] is not None:
            ends = f'x1="{_x(row["low"])}" y1="{y:g}" x2="{_x(row["high"])}" y2="{y:g}"'
            yield f'<line {ends} stroke="{BLUE}" stroke-width="6" opacity="0.45"/>'
        if row["never"]:
            yield _text(_x(row["x"]), y + 4, "\u25b6", anchor="middle")
        elif row["x"] is not None:
            yield f'<circle cx="{_x(row["x"])}" cy="{y:g}" r="4.5" fill="{BLUE}"/>'
        yield _text(TEXT_X, y + 4, row["text"], weight=600)
        yield _text(TEXT_X + 78, y + 4, row["interval"], colour=GREY)


def _x(percent: float) -> float:
    return round(PLOT_X + percent * PLOT_WIDTH / 100, 1)


def _short(name: str) -> str:
    return name if len(name) <= 18 else f"{name[:17]}\u2026"


def _text(
    x: float, y: float, words: str, *, colour: str = INK, size: int = 13, weight: int = 400, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" font-weight="{weight}" fill="{colour}" text-anchor="{anchor}">'
        f"{escape(words)}</text>"
    )


def _page(figures: Mapping[str, Any], drawn: Sequence[str], height: int) -> str:
    """Return the whole picture."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
            f' role="img" font-family="{FONT}" style="max-width: 100%; height: auto; background: {PAPER}">',
            f"<title>Figures of {escape(figures['name'])}</title>",
            f"<desc>{escape(text(figures))}</desc>",
            f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>',
            *drawn,
            "</svg>",
        ]
    )
