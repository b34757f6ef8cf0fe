"""A chain as what the canvas draws: plain values, in the places of the layout."""

from collections.abc import Mapping
from typing import Any

from chainkit.chain import Chain
from chainkit.layout import CARD_HEIGHT, CARD_WIDTH, arrange
from chainkit.pictures import BAND, GREY, INK, PAPER, picture

BEND, SWING = 0.12, 170.0
"""How far a link swings out: beside another one, as a share of its length; where it leads back, pixels."""
USUAL_WIDTH, LOWEST, HIGHEST = 1000.0, 240.0, 560.0
"""Of the canvas in a notebook, pixels."""


def scene(chain: Chain, notes: Mapping[str, str]) -> dict[str, Any]:
    """Return cards, links, and the sizes and colours that all cards share.

    `via` are the places that a link over several layers passes; `bend` is 0 for a link that needs no room of its own.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("one")
    >>> _ = chain.add(ck.SqsQueue("jobs"))
    >>> scene(chain, {})["cards"][0]["label"]
    'SQS queue'
    """
    drawn, lanes = picture(chain, notes), arrange(chain).lanes
    places = {card.name: (card.x, card.y) for card in drawn.cards}
    cards = [
        {
            "id": card.name, "title": card.title, "label": card.label, "note": card.note, "colour": card.colour,
            "x": card.x, "y": card.y,
        }
        for card in drawn.cards
    ]  # fmt: skip
    beside: dict[tuple[str, str], int] = {}
    wires = []
    for wire in drawn.wires:
        pair = (wire.source, wire.target)
        beside[pair] = beside.get(pair, -1) + 1
        back = max(places[wire.source][0] - places[wire.target][0], 0.0)
        wires.append(
            {
                "id": wire.key, "from": wire.source, "to": wire.target, "text": wire.text,
                "colour": wire.style.colour, "dash": list(wire.style.dash), "width": wire.style.width,
                "via": [list(point) for point in lanes.get(pair, ())],
                "bend": BEND * beside[pair] + (min(0.5, SWING / back) if back else 0.0),
            }
        )  # fmt: skip
    style = {"width": CARD_WIDTH, "height": CARD_HEIGHT, "band": BAND, "ink": INK, "grey": GREY, "paper": PAPER}
    *_, width, height = drawn.box
    tall = min(max(LOWEST, height * min(1.2, USUAL_WIDTH / width) + 40), HIGHEST)
    return {"name": chain.name, "cards": cards, "wires": wires, "style": style, "height": round(tall)}
