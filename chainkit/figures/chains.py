"""A chain drawn with matplotlib: the frames, cards and wires of its picture, as designed and as measured."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, PathPatch, Polygon
from matplotlib.path import Path
from matplotlib.patheffects import withStroke

from chainkit.chain import Chain, as_chain
from chainkit.deployment.measured import Measured
from chainkit.deployment.service_map import service_map
from chainkit.figures.style import say
from chainkit.layout import CARD_HEIGHT, CARD_WIDTH
from chainkit.pictures import (
    EDGE,
    FRAME_DASH,
    GREY,
    ICON_SCALE,
    INDENT,
    INK,
    INSET,
    PAPER,
    TILE,
    Card,
    Frame,
    Picture,
    Wire,
    picture,
    strokes,
)
from chainkit.rewiring import Variant

SHARPNESS, LONGEST = 2.0, 16_000.0
"""Pixels of a PNG per pixel of the layout, and of its longer side at most."""


def chain_size(chain: Chain | Variant) -> tuple[float, float]:
    """Return inches: 80 pixels each, as long as it is not wider than two pages."""
    *_, width, height = picture(as_chain(chain, "plot")).box
    scale = min(1 / 80, 20 / width)
    return max(width * scale, 3.0), max(height * scale, 1.2)


def chain_png(chain: Chain, notes: Mapping[str, str] | None = None) -> bytes:
    """Return a chain as PNG: two pixels for each of the layout, fewer where a side would be longer than 16,000.

    >>> chain_png(Chain("new"))[1:4]
    b'PNG'
    """
    *_, width, height = picture(chain, notes).box
    figure = Figure(figsize=(width / 72, height / 72), facecolor=PAPER)
    draw_chain(figure.add_axes((0, 0, 1, 1)), chain, notes)
    png = BytesIO()
    figure.savefig(png, format="png", dpi=72 * min(SHARPNESS, LONGEST / max(width, height)))
    return png.getvalue()


def draw_chain(ax: Axes, thing: Chain | Variant, notes: Mapping[str, str] | None = None) -> None:
    """Draw frames, cards and links, in the pixels of the layout."""
    chain = as_chain(thing, "plot")
    draw_picture(ax, picture(chain, notes))
    if not chain.services:
        say(ax, f"{chain.name}: no services yet")


def map_size(measured: Measured) -> tuple[float, float]:
    """Return inches, as for its chain."""
    return chain_size(measured.chain)


def draw_map(ax: Axes, measured: Measured) -> None:
    """Draw a chain with what was measured of it."""
    draw_picture(ax, service_map(measured))


def draw_picture(ax: Axes, drawn: Picture) -> None:
    """Draw frames, cards and links."""
    left, top, width, height = drawn.box
    ax.set(xlim=(left, left + width), ylim=(top + height, top), aspect="equal")
    ax.set_axis_off()
    scale = _points_per_pixel(ax, drawn)
    for frame in drawn.frames:
        _draw_frame(ax, frame, scale)
    for wire in drawn.wires:
        _draw_wire(ax, wire, scale)
    for card in drawn.cards:
        _draw_card(ax, card, scale)


def _points_per_pixel(ax: Axes, drawn: Picture) -> float:
    """Return how large a pixel of the layout comes out."""
    box = ax.get_position()
    figure_width, figure_height = ax.figure.get_figure(root=True).get_size_inches()
    *_, width, height = drawn.box
    # Constrained layout has not moved the axes yet: in a figure of its own they will fill it.
    share = (1.0, 1.0) if len(ax.figure.axes) == 1 else (box.width, box.height)
    return float(72 * min(figure_width * share[0] / width, figure_height * share[1] / height))


def _dashes(dash: tuple[float, ...], width: float) -> Any:
    """Return dashes as matplotlib counts them: in widths of the line."""
    return (0, tuple(length / width for length in dash)) if dash else "solid"


def _draw_frame(ax: Axes, frame: Frame, scale: float) -> None:
    """Draw a group: dashed, with its title at the top left."""
    left, top, width, height = frame.box
    ax.add_patch(
        FancyBboxPatch(
            (left, top), width, height, boxstyle="round,pad=0,rounding_size=10", fill=False, edgecolor=GREY,
            linewidth=1.2 * scale, linestyle=_dashes(FRAME_DASH, 1.2), zorder=0.5,
        )
    )  # fmt: skip
    ax.text(
        left + 12, top + 16, frame.title, color=GREY, fontsize=12 * scale, weight="bold", va="center", zorder=0.6,
        parse_math=False,
    )  # fmt: skip


def _draw_wire(ax: Axes, wire: Wire, scale: float) -> None:
    """Draw a link, its head and its word."""
    style = wire.style
    line = Path(list(wire.points), [Path.MOVETO, *[Path.CURVE4] * (len(wire.points) - 1)])
    ax.add_patch(
        PathPatch(
            line, fill=False, edgecolor=style.colour, linewidth=style.width * scale,
            linestyle=_dashes(style.dash, style.width), zorder=1,
        )
    )  # fmt: skip
    ax.add_patch(Polygon(wire.arrow(), facecolor=style.colour, linewidth=0, zorder=2))
    halo = [withStroke(linewidth=4 * scale, foreground=PAPER)]
    ax.text(
        *wire.middle, wire.text, color=style.colour, fontsize=11.5 * scale, ha="center", va="center", zorder=3,
        path_effects=halo,
    )  # fmt: skip


def _draw_card(ax: Axes, card: Card, scale: float) -> None:
    """Draw a service: tile, name, kind and note."""
    left, top = card.x - CARD_WIDTH / 2, card.y - CARD_HEIGHT / 2
    ax.add_patch(
        FancyBboxPatch(
            (left, top), CARD_WIDTH, CARD_HEIGHT, boxstyle="round,pad=0,rounding_size=8", facecolor=PAPER,
            edgecolor=EDGE, linewidth=1.3 * scale, zorder=4,
        )
    )  # fmt: skip
    _draw_tile(ax, card, left + INSET, card.y - TILE / 2, scale)
    up = 6.0 if card.note else 0.0
    for text, y, size, colour, weight in (
        (card.title, card.y - 9 - up, 14.5, INK, "bold"),
        (card.label, card.y + 12 - up - up / 2, 12.5, GREY, "normal"),
        (card.note, card.y + 19, 11.0, INK, "normal"),
    ):
        if text:
            ax.text(
                left + INDENT, y, text, color=colour, fontsize=size * scale, weight=weight, va="center", zorder=6,
                parse_math=False,
            )  # fmt: skip


def _draw_tile(ax: Axes, card: Card, left: float, top: float, scale: float) -> None:
    """Draw the square with the service's icon."""
    ax.add_patch(
        FancyBboxPatch(
            (left, top), TILE, TILE, boxstyle="round,pad=0,rounding_size=6", facecolor=card.colour, linewidth=0,
            zorder=5,
        )
    )  # fmt: skip
    for line in strokes(card.icon):
        xs, ys = [left + 4 + ICON_SCALE * x for x, _ in line], [top + 4 + ICON_SCALE * y for _, y in line]
        ax.plot(xs, ys, color=PAPER, linewidth=1.7 * scale, solid_capstyle="round", solid_joinstyle="round", zorder=6)
