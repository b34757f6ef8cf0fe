"""A chain as what vis-network draws in an exported page: plain values, in the places of the layout.

Python decides all of it; `network.js` draws it. vis-network is read from the pyvis wheel, so nothing is fetched.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from chainkit.chain import Chain
from chainkit.declared import stated
from chainkit.errors import MissingError
from chainkit.layout import CARD_HEIGHT, CARD_WIDTH, Point, arrange
from chainkit.pictures import (
    EDGE,
    FONT,
    FRAME_DASH,
    FRAME_HEAD,
    FRAME_MARGIN,
    GREY,
    ICON_SCALE,
    INDENT,
    INK,
    INSET,
    PAPER,
    TILE,
    Wire,
    picture,
)  # fmt: skip
from chainkit.service import Service
from chainkit.wiring import Link

BEND, SWING = 0.12, 170.0
"""How far a link swings out: beside another one, as a share of its length; where it leads back, pixels."""
USUAL_WIDTH, LOWEST, HIGHEST = 1000.0, 240.0, 560.0
"""Of the drawing at first, pixels."""
OPTIONS: Mapping[str, Any] = {
    "physics": {"enabled": False},
    "layout": {"improvedLayout": False},
    "interaction": {"hover": True, "multiselect": False, "selectConnectedEdges": False, "zoomSpeed": 0.6},
    "edges": {"selectionWidth": 2, "hoverWidth": 1},
}
"""Of vis-network."""
STYLE: Mapping[str, Any] = {
    "width": CARD_WIDTH, "height": CARD_HEIGHT, "tile": TILE, "inset": INSET, "indent": INDENT, "icon": ICON_SCALE,
    "edge": EDGE, "ink": INK, "grey": GREY, "paper": PAPER, "font": FONT,
    "margin": FRAME_MARGIN, "head": FRAME_HEAD, "dash": list(FRAME_DASH),
}  # fmt: skip
"""Sizes and colours that all cards and frames share."""
VIS = Path("lib", "vis-9.1.2", "vis-network.min.js")
"""In the pyvis package."""
DRAWING = Path(__file__).with_suffix(".js")
"""Our JavaScript that draws cards and frames."""


def scene(chain: Chain, notes: Mapping[str, str]) -> dict[str, Any]:
    """Return frames, cards, and the nodes and edges of vis-network.

    A link over several layers passes them at places without a card, which are nodes too. These, and the edges between
    them, are called by the id of their link, a line break, and a number.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("one")
    >>> _ = chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    >>> drawn = scene(chain, {})
    >>> drawn["cards"][0]["label"]
    'SQS queue'
    >>> print(drawn["nodes"][0]["title"])
    jobs: SQS queue
    visibility_timeout_s: 60
    """
    drawn, lanes = picture(chain, notes), arrange(chain).lanes
    places = {card.name: (card.x, card.y) for card in drawn.cards}
    cards, nodes, edges = [], [], []
    for card in drawn.cards:
        cards.append(
            {
                "id": card.name, "title": card.title, "label": card.label, "note": card.note, "colour": card.colour,
                "icon": card.icon, "x": card.x, "y": card.y,
            }
        )  # fmt: skip
        hover = "\n".join([f"{card.name}: {card.label}", *settings_in_words(chain.service(card.name))])
        nodes.append(
            {
                "id": card.name, "label": card.name, "shape": "custom", "x": card.x, "y": card.y, "title": hover,
                "color": card.colour,
            }
        )  # fmt: skip
    links, beside = chain.links, dict[tuple[str, str], int]()
    for wire in drawn.wires:
        pair = (wire.source, wire.target)
        beside[pair] = beside.get(pair, -1) + 1
        back = max(places[wire.source][0] - places[wire.target][0], 0.0)
        bend = BEND * beside[pair] + (min(0.5, SWING / back) if back else 0.0)
        via = [_stop(wire, k, point) for k, point in enumerate(lanes.get(pair, ()))]
        nodes += via
        settings = settings_in_words(links[wire.key]) if wire.key in links else []
        hover = "\n".join([f"{wire.source} > {wire.target}: {wire.text}", *settings])
        edges += _edges(wire, hover, [wire.source, *(stop["id"] for stop in via), wire.target], bend)
    *_, width, height = drawn.box
    tall = min(max(LOWEST, height * min(1.2, USUAL_WIDTH / width) + 40), HIGHEST)
    frames = [{"title": frame.name, "services": list(frame.services)} for frame in drawn.frames]
    return {
        "name": chain.name, "frames": frames, "cards": cards, "nodes": nodes, "edges": edges, "style": dict(STYLE),
        "options": dict(OPTIONS), "height": round(tall),
    }  # fmt: skip


def settings_in_words(thing: Service | Link) -> list[str]:
    """Return "field: value" of each setting of a service, or a link, that differs from its default."""
    return [f"{field}: {_words(value)}" for field, value in stated(thing).items()]


def _words(value: Any) -> str:
    """Return a setting's value as text; a long one is cut."""
    text = str(value)
    return text if len(text) <= 100 else f"{text[:99]}…"


def _stop(wire: Wire, k: int, place: Point) -> dict[str, Any]:
    """Return a node that nobody sees or holds, at a place that a link passes."""
    return {
        "id": f"{wire.key}\n{k}", "label": " ", "shape": "dot", "x": place[0], "y": place[1], "size": 0.1,
        "fixed": True, "chosen": False, "color": wire.style.colour,
    }  # fmt: skip


def _edges(wire: Wire, hover: str, stops: list[str], bend: float) -> list[dict[str, Any]]:
    """Return a link from stop to stop: its word at the first edge, its head at the last."""
    style = wire.style
    look = {
        "color": {"color": style.colour, "highlight": style.colour, "hover": style.colour},
        "dashes": list(style.dash) or False,
        "width": style.width,
        "font": {"face": FONT, "size": 11, "color": style.colour, "strokeWidth": 4, "strokeColor": PAPER},
        # A link that needs no room of its own leaves and arrives level.
        "smooth": {"enabled": True, "type": "curvedCW", "roundness": bend}
        if bend
        else {"enabled": True, "type": "cubicBezier", "forceDirection": "horizontal", "roundness": 0.5},
    }
    return [
        {
            **look, "id": f"{wire.key}\n{k}", "from": stops[k], "to": stops[k + 1], "title": hover,
            "arrows": {"to": {"enabled": k + 2 == len(stops), "scaleFactor": 0.7}},
            **({"label": wire.text} if k == 0 else {}),
        }
        for k in range(len(stops) - 1)
    ]  # fmt: skip


def vis_network() -> str:
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
            return file.read_text(encoding="utf-8").partition("//# sourceMappingURL")[0]
    raise MissingError(
        f"a page needs {VIS.name}, and pyvis {'has' if files else 'is not installed, which has'} none",
        fix='pip install "pyvis>=0.3.2,<0.4"',
    )
