"""A chain as a picture: cards and wires in pixels, for whoever draws them, and the SVG drawn here.

The picture says everything twice: a card has the colour of its family and its kind in words, a wire its colour, its
dashes and its `link=` word. Colours of wires are Okabe and Ito's, which colour-blind readers tell apart.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from chainkit.chain import Chain
from chainkit.layout import CARD_HEIGHT, CARD_WIDTH, Layout, Point, arrange

INK, GREY, EDGE, PAPER = "#1B1F24", "#57606A", "#7D8590", "#FFFFFF"
BLUE, GREEN, PURPLE, VERMILION = "#0072B2", "#00795C", "#8E4585", "#BF5000"
FONT = "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"
TILE, INSET, INDENT = 30.0, 8.0, 46.0
"""The square in the colour of the service, its distance from the card's edge, and that of the words, pixels."""
ICON_SCALE = (TILE - 8) / 24
NOTE_FITS = 20
"""Letters of a note that surely have room on a card, in whatever font."""
MARGIN = 24.0
FRAME_MARGIN, FRAME_HEAD = 16.0, 22.0
"""Room between a frame and the cards in it, and for its title above them, pixels."""
FRAME_DASH = (6.0, 4.0)
TURN = 56.0
"""How sharp a way back turns: three quarters of it lie beyond the card, pixels."""


@dataclass(frozen=True)
class Style:
    """How wires of one kind look."""

    colour: str
    dash: tuple[float, ...] = ()
    """Lengths of ink and gap, pixels; empty for a solid line."""
    width: float = 1.8


STYLES: Mapping[str, Style] = {
    "sync": Style(INK, width=2.4),
    "task": Style(PURPLE, width=2.4),
    "async": Style(BLUE, (10, 4)),
    "send": Style(BLUE),
    "poll": Style(GREEN, (2, 3), 2.4),
    "deliver": Style(PURPLE, (10, 3, 2, 3)),
    "outcome": Style(VERMILION, (5, 4)),
    "redrive": Style(VERMILION, (5, 4)),
    "dead_letter": Style(VERMILION, (5, 4)),
    # the ways between the states of a machine
    "Start": Style(GREY, (2, 3)),
    "Next": Style(INK, width=2.2),
    "rule": Style(BLUE),
    "Default": Style(BLUE, (10, 4)),
    "Catch": Style(VERMILION, (5, 4)),
}
"""Kind of link -> style. Who waits is drawn thick, what was given up dashed."""
OTHER = Style(GREY)


@dataclass(frozen=True)
class Card:
    """A service in a picture."""

    name: str
    label: str
    colour: str
    x: float
    y: float
    """Of its middle, pixels."""
    icon: str = ""
    """Strokes on its tile: an SVG path in a square of 24."""
    note: str = ""
    """A third line: what a run said of it."""
    width: float = CARD_WIDTH
    """Pixels."""

    @property
    def title(self) -> str:
        """The name, as much of it as the card holds."""
        most = int((self.width - INDENT) / 8)
        return self.name if len(self.name) <= most else f"{self.name[: most - 1]}…"


@dataclass(frozen=True)
class Wire:
    """A link in a picture: a chain of cubic Bézier curves."""

    key: str
    source: str
    target: str
    kind: str
    text: str
    points: tuple[Point, ...]
    """Start, then three points per curve: two controls and the end."""
    said_at: float | None = None
    """Where on its first curve its text stands, as a share of it; None: in the middle, or above that."""

    @property
    def style(self) -> Style:
        """How it looks."""
        return STYLES.get(self.kind, OTHER)

    @property
    def middle(self) -> Point:
        """Where its text stands: in the middle of its first curve, or above it where that is level."""
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = self.points[:4]
        if self.said_at is not None:
            u, v = 1 - self.said_at, self.said_at
            a, b, c, d = u**3, 3 * u * u * v, 3 * u * v * v, v**3
            return a * ax + b * bx + c * cx + d * dx, a * ay + b * by + c * cy + d * dy
        above = 9.0 if abs(dy - ay) < 12 and by == ay else 0.0
        return (ax + 3 * bx + 3 * cx + dx) / 8, (ay + 3 * by + 3 * cy + dy) / 8 - above

    def arrow(self, length: float = 11.0) -> tuple[Point, Point, Point]:
        """Return the corners of its head: the tip first."""
        (cx, cy), (x, y) = self.points[-2:]
        away = math.hypot(x - cx, y - cy) or 1.0
        ux, uy = (x - cx) / away, (y - cy) / away
        bx, by, half = x - length * ux, y - length * uy, length * 0.42
        return (x, y), (bx - half * uy, by + half * ux), (bx + half * uy, by - half * ux)


@dataclass(frozen=True)
class Frame:
    """A group in a picture: drawn behind the cards that stand in it."""

    name: str
    """The group's whole title."""
    services: tuple[str, ...]
    box: tuple[float, float, float, float]
    """Left, top, width and height, pixels."""

    @property
    def title(self) -> str:
        """The title, as much of it as the frame is wide."""
        most = int((self.box[2] - 20) / 7.5)
        return self.name if len(self.name) <= most else f"{self.name[: most - 1]}…"


@dataclass(frozen=True)
class Picture:
    """What is drawn of a chain."""

    frames: tuple[Frame, ...]
    cards: tuple[Card, ...]
    wires: tuple[Wire, ...]
    box: tuple[float, float, float, float]
    """Left, top, width and height, pixels."""


def picture(chain: Chain, notes: Mapping[str, str] | None = None) -> Picture:
    """Return the frames, cards and wires of a chain.

    Parameters
    ----------
    chain : with or without errors
    notes : service -> a few words for the third line of its card

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("one")
    >>> _ = chain.add(ck.SqsQueue("jobs"))
    >>> [(card.name, card.label) for card in picture(chain).cards]
    [('jobs', 'SQS queue')]
    """
    layout, notes = arrange(chain), notes or {}
    cards = tuple(
        Card(
            name,
            chain.service(name).label,
            chain.service(name).colour,
            x,
            y,
            chain.service(name).icon,
            notes.get(name, ""),
        )
        for name, (x, y) in layout.places.items()
    )
    frames, wires = _frames(chain, layout), _wires(chain, layout)
    left, top, right, bottom = layout.bounds()
    corners = [
        (x + dx, y + dy) for x, y, width, height in (f.box for f in frames) for dx, dy in ((0, 0), (width, height))
    ]
    for x, y in [*corners, *(point for wire in wires for point in wire.points)]:
        left, right, top, bottom = min(left, x), max(right, x), min(top, y), max(bottom, y)
    box = (left - MARGIN, top - MARGIN, right - left + 2 * MARGIN, bottom - top + 2 * MARGIN)
    return Picture(frames, cards, wires, box)


def _frames(chain: Chain, layout: Layout) -> tuple[Frame, ...]:
    """Return the frames of a chain's groups, in their order: as large as the cards in them ask for."""
    frames = []
    for title, services in chain.groups.items():
        inside = tuple(name for name in services if name in layout.places)
        if inside:
            frames.append(Frame(title, inside, _around(layout.places[name] for name in inside)))
    return tuple(frames)


def _around(places: Iterable[Point]) -> tuple[float, float, float, float]:
    """Return left, top, width and height of the frame around cards."""
    xs, ys = zip(*places, strict=True)
    width, height = max(xs) - min(xs) + CARD_WIDTH, max(ys) - min(ys) + CARD_HEIGHT
    left, top = min(xs) - CARD_WIDTH / 2 - FRAME_MARGIN, min(ys) - CARD_HEIGHT / 2 - FRAME_MARGIN - FRAME_HEAD
    return left, top, width + 2 * FRAME_MARGIN, height + 2 * FRAME_MARGIN + FRAME_HEAD


def _wires(chain: Chain, layout: Layout) -> tuple[Wire, ...]:
    """Return the wires, parallel ones side by side."""
    edges = [(a, b, key, edge) for a, b, key, edge in chain.graph.edges(keys=True, data=True)]
    total, seen = Counter((a, b) for a, b, *_ in edges), Counter[tuple[str, str]]()
    wires = []
    for a, b, key, edge in edges:
        shift = 18.0 * (seen[a, b] - (total[a, b] - 1) / 2)
        seen[a, b] += 1
        word = "dead letters" if edge["kind"] == "dead_letter" else edge["link"].word.replace("_", " ")
        points = path(layout.places[a], layout.places[b], layout.lanes.get((a, b), ()), shift)
        wires.append(Wire(key, a, b, edge["kind"], word, points))
    return tuple(wires)


def path(
    source: Point,
    target: Point,
    lane: Sequence[Point] = (),
    shift: float = 0.0,
    *,
    width: float = CARD_WIDTH,
    is_down: bool = False,
) -> tuple[Point, ...]:
    """Return the curves from card to card, to the right, or down where layers follow each other so.

    Parameters
    ----------
    source, target : the middles of the cards
    lane : what the curves pass
    shift : moves them aside, pixels
    width : of the cards, pixels

    Examples
    --------
    >>> path((0.0, 0.0), (0.0, 130.0), is_down=True)
    ((0.0, 32.0), (0.0, 65.0), (0.0, 65.0), (0.0, 98.0))
    """
    if not is_down:
        return _path(source, target, lane, shift, width / 2, CARD_HEIGHT / 2)
    turned = _path(source[::-1], target[::-1], [xy[::-1] for xy in lane], shift, CARD_HEIGHT / 2, width / 2)
    return tuple(point[::-1] for point in turned)


def _path(
    source: Point, target: Point, lane: Sequence[Point], shift: float, half_width: float, half_height: float
) -> tuple[Point, ...]:
    """Return the curves between cards of that size whose layers stand from left to right."""
    (ax, ay), (bx, by) = source, target
    if source == target:
        top = ay - half_height
        return (ax + 30, top), (ax + 45, top - 45 - shift), (ax - 45, top - 45 - shift), (ax - 30, top)
    if bx - ax >= 2 * half_width + 20:
        points = [(ax + half_width, ay + shift)]
        for x, y in lane:
            points += [*_level(points[-1], (x - half_width, y + shift)), (x, y + shift), (x, y + shift)]
            points.append((x + half_width, y + shift))
        return *points, *_level(points[-1], (bx - half_width, by + shift))
    if lane:
        return _back((ax + half_width, ay), (bx - half_width, by), lane[0][0] + half_width, lane[0][1] + shift)
    if abs(by - ay) >= 2 * half_height + 20 and abs(bx - ax) < 2 * half_width + 20:
        way = math.copysign(half_height, by - ay)
        middle = (ay + by) / 2
        start, end = (ax + shift, ay + way), (bx + shift, by - way)
        return start, (start[0], middle), (end[0], middle), end
    below = max(ay, by) + half_height + 60 + shift
    return (ax, ay + half_height), (ax, below), (bx, below), (bx, by + half_height)


def _back(start: Point, end: Point, far: float, y: float) -> tuple[Point, ...]:
    """Return the curves that turn round at `far`, go back at height `y`, and turn into the end."""
    points = [start]
    if far > start[0]:
        points += _level(start, (far, start[1]))
    x = points[-1][0]
    points += [(x + TURN, start[1]), (x + TURN, y), (x, y)]
    points += _level((x, y), (end[0], y))
    return *points, (end[0] - TURN, y), (end[0] - TURN, end[1]), end


def _level(start: Point, end: Point) -> tuple[Point, Point, Point]:
    """Return one curve that leaves and arrives level."""
    middle = (start[0] + end[0]) / 2
    return (middle, start[1]), (middle, end[1]), end


def strokes(icon: str) -> list[list[Point]]:
    """Return an icon's strokes as lines of points, for who cannot draw an SVG path; M, L, H, V and Z are read.

    >>> strokes("M1 2h3l1 1ZM5 5 6 6")
    [[(1.0, 2.0), (4.0, 2.0), (5.0, 3.0), (1.0, 2.0)], [(5.0, 5.0), (6.0, 6.0)]]
    """
    lines: list[list[Point]] = []
    x = y = 0.0
    for command, text in re.findall(r"([MLHVZ])([^A-Za-z]*)", icon, re.IGNORECASE):
        numbers = [float(number) for number in re.findall(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)", text)]
        dx, dy = (x, y) if command.islower() else (0.0, 0.0)
        match command.upper():
            case "M":
                x, y, *numbers = numbers[0] + dx, numbers[1] + dy, *numbers[2:]
                lines.append([(x, y)])
            case "H":
                x, numbers = numbers[0] + dx, []
                lines[-1].append((x, y))
            case "V":
                y, numbers = numbers[0] + dy, []
                lines[-1].append((x, y))
            case "Z":
                x, y = lines[-1][0]
                lines[-1].append((x, y))
        for u, v in zip(numbers[::2], numbers[1::2], strict=True):
            x, y = (x + u, y + v) if command.islower() else (u, v)
            lines[-1].append((x, y))
    return lines


# --- SVG ---


def svg(chain: Chain, notes: Mapping[str, str] | None = None) -> str:
    """Return a chain as SVG: the same text for the same chain, with no script, style sheet, font file or id.

    Parameters
    ----------
    chain : with or without errors
    notes : service -> a few words for the third line of its card

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("one")
    >>> _ = chain.add(ck.SqsQueue("jobs"))
    >>> svg(chain)[:4], "SQS queue" in svg(chain)
    ('<svg', True)
    """
    return as_svg(picture(chain, notes), chain.name, str(chain))


def as_svg(drawn: Picture, title: str, text: str) -> str:
    """Return a picture as SVG, with its title and what it shows in words."""
    left, top, width, height = drawn.box
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}"'
            f' viewBox="{left:g} {top:g} {width:g} {height:g}" role="img" font-family="{FONT}"'
            f' style="max-width: 100%; height: auto; background: {PAPER}">',
            f"<title>{escape(title)}</title>",
            f"<desc>{escape(text)}</desc>",
            *map(_frame_svg, drawn.frames),
            *map(_wire_svg, drawn.wires),
            *map(_wire_text_svg, drawn.wires),
            *map(_card_svg, drawn.cards),
            "</svg>",
        ]
    )


def _frame_svg(frame: Frame) -> str:
    """Return a frame: dashed, with its title at the top left."""
    left, top, width, height = frame.box
    dash = " ".join(f"{length:g}" for length in FRAME_DASH)
    return (
        f"<g><title>{escape(frame.name)}: {escape(', '.join(frame.services))}</title>"
        f'<rect x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}" rx="10" fill="none" stroke="{GREY}"'
        f' stroke-width="1.2" stroke-dasharray="{dash}"/>'
        f'<text x="{left + 12:g}" y="{top + 20:g}" font-size="12" font-weight="600" fill="{GREY}">'
        f"{escape(frame.title)}</text></g>"
    )


def _wire_svg(wire: Wire) -> str:
    """Return a wire's line and head."""
    start, *rest = (f"{x:g} {y:g}" for x, y in wire.points)
    style = wire.style
    dash = f' stroke-dasharray="{" ".join(f"{length:g}" for length in style.dash)}"' if style.dash else ""
    head = " ".join(f"{x:.4g},{y:.4g}" for x, y in wire.arrow())
    return (
        f'<path d="M {start} C {" ".join(rest)}" fill="none" stroke="{style.colour}"'
        f' stroke-width="{style.width:g}"{dash}/><polygon points="{head}" fill="{style.colour}"/>'
    )


def _wire_text_svg(wire: Wire) -> str:
    """Return a wire's word, on a halo of paper."""
    x, y = wire.middle
    return (
        f'<text x="{x:g}" y="{y + 4:g}" font-size="11" text-anchor="middle" fill="{wire.style.colour}"'
        f' stroke="{PAPER}" stroke-width="4" stroke-linejoin="round" paint-order="stroke">{escape(wire.text)}</text>'
    )


def _card_svg(card: Card) -> str:
    """Return a card: tile, name, kind and note."""
    left, top = card.x - card.width / 2, card.y - CARD_HEIGHT / 2
    first, x = top + (21 if card.note else 28), left + INDENT
    lines = [
        f'<text x="{x:g}" y="{first:g}" font-size="14" font-weight="600" fill="{INK}">{escape(card.title)}</text>',
        f'<text x="{x:g}" y="{first + 16:g}" font-size="12" fill="{GREY}">{escape(card.label)}</text>',
    ]
    if card.note:
        room = card.width - INDENT - 6
        fitted = f' textLength="{room:g}" lengthAdjust="spacingAndGlyphs"' if len(card.note) > NOTE_FITS else ""
        lines.append(
            f'<text x="{x:g}" y="{first + 31:g}" font-size="11"{fitted} fill="{INK}">{escape(card.note)}</text>'
        )
    return (
        f"<g><title>{escape(f'{card.name}: {card.label}')}</title>"
        f'<rect x="{left:g}" y="{top:g}" width="{card.width:g}" height="{CARD_HEIGHT:g}" rx="8" fill="{PAPER}"'
        f' stroke="{EDGE}" stroke-width="1.3"/>'
        f'<rect x="{left + INSET:g}" y="{card.y - TILE / 2:g}" width="{TILE:g}" height="{TILE:g}" rx="6"'
        f' fill="{card.colour}"/><path d="{card.icon}" fill="none" stroke="{PAPER}" stroke-width="1.9"'
        f' stroke-linecap="round" stroke-linejoin="round" transform="translate({left + INSET + 4:g}'
        f' {card.y - TILE / 2 + 4:g}) scale({ICON_SCALE:.4g})"/>{"".join(lines)}</g>'
    )
