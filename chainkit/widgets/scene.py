"""What a canvas draws: cards, wires and groups in their places, the palette, and what fits what; plain values.

A chain is one kind of scene, the states of a state machine another (machine.py): the canvas draws both alike.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from chainkit.chain import Chain
from chainkit.declared import stated
from chainkit.layout import CARD_HEIGHT, CARD_WIDTH, arrange
from chainkit.pictures import Picture, picture
from chainkit.service import Service, registry
from chainkit.widgets.reckoning import HEATS, Reckoning
from chainkit.wiring import fitting, misfit

USUAL_WIDTH, LOWEST, HIGHEST = 1000.0, 340.0, 620.0
"""Of the canvas in a notebook, pixels."""
DOES = ("move", "group", "insert", "rename", "extend")
"""What a hand may do beyond adding, connecting, moving and removing."""
STORIES = ("typical", "slowest", "lost")
"""Requests that can be played."""
FILES = ("svg", "png", "html", "yaml", "py")
HINT = "Drag a service from the left to here, or press N"
SETTINGS_SHOWN = 6
"""Of a card, when the pointer rests on it."""


def scene(chain: Chain, known: Reckoning | None = None, *, off: Sequence[str] = ()) -> dict[str, Any]:
    """Return what the canvas draws of a chain, and what can be done on it.

    Parameters
    ----------
    chain : with or without errors
    known : figures and findings that stand on the cards
    off : tools that have nothing to do now

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("one")
    >>> _ = chain.add(ck.SqsQueue("jobs"))
    >>> scene(chain)["cards"][0]["label"]
    'SQS queue'
    """
    known = known or Reckoning()
    drawn = picture(chain, {name: " \u00b7 ".join(words) for name, words in known.card_notes().items()})
    return {
        "name": chain.name,
        "what": "Chain",
        "cards": _cards(chain, drawn, known),
        "wires": _wires(chain, drawn, known.link_notes()),
        "groups": [{"title": title, "cards": [*services]} for title, services in chain.groups.items()],
        "palette": _palette(),
        "fits": _fits(),
        "style": {"width": CARD_WIDTH, "height": CARD_HEIGHT},
        "height": height(drawn.box),
        "does": [*DOES],
        "heats": [*HEATS],
        "stories": [*STORIES],
        "files": [*FILES],
        "off": [*off],
        "hint": HINT,
    }


def height(box: tuple[float, float, float, float]) -> int:
    """Return how tall the canvas is at first, CSS pixels: room for everything at about its own size."""
    *_, width, tall = box
    return round(min(max(LOWEST, tall * min(1.15, USUAL_WIDTH / width) + 60), HIGHEST))


def _cards(chain: Chain, drawn: Picture, known: Reckoning) -> list[dict[str, Any]]:
    heat = {of: known.heat(of) for of in HEATS}
    cards = []
    for card in drawn.cards:
        service = chain.service(card.name)
        found = [finding for finding in known.findings if finding.where == card.name]
        cards.append(
            {
                "id": card.name, "title": card.title, "label": card.label, "note": card.note, "colour": card.colour,
                "icon": service.icon, "x": card.x, "y": card.y, "kind": type(service).__name__,
                "gives": bool(service.port.emits), "takes": bool(service.port.accepts),
                "warning": _worst(found), "warnings": [finding.problem for finding in found],
                "heat": {of: round(heat[of].get(card.name, 0.0), 4) for of in HEATS}, "hint": _hint(service),
            }
        )  # fmt: skip
    return cards


def _worst(found: Sequence[Any]) -> str:
    """Return the greatest severity among findings that are worth a mark."""
    words = {finding.severity for finding in found}
    return next((word for word in ("high", "medium") if word in words), "")


def _hint(service: Service) -> str:
    """Return what a card says when the pointer rests on it: name, kind, and what was set."""
    set_ = [f"{name}: {value}" for name, value in stated(service).items() if not isinstance(value, dict | list)]
    return "\n".join([f"{service.name}: {service.label}", *set_[:SETTINGS_SHOWN]])


def _wires(chain: Chain, drawn: Picture, notes: Mapping[str, str]) -> list[dict[str, Any]]:
    lanes = arrange(chain).lanes
    return [
        {
            "id": wire.key, "from": wire.source, "to": wire.target,
            "label": " \u00b7 ".join(filter(None, (wire.text, notes.get(wire.key, "")))),
            "colour": wire.style.colour, "dash": [*wire.style.dash], "width": wire.style.width,
            "via": [[*point] for point in lanes.get((wire.source, wire.target), ())],
        }
        for wire in drawn.wires
    ]  # fmt: skip


def _palette() -> list[dict[str, Any]]:
    """Return every service there is, by the words on its card."""
    classes = sorted(registry.values(), key=lambda cls: cls.label)
    return [
        {
            "kind": cls.__name__, "label": cls.label, "colour": cls.colour, "icon": cls.icon,
            "help": (cls.__doc__ or "").partition("\n")[0],
        }
        for cls in classes
    ]  # fmt: skip


# --- what fits: by class, because it does not hang on names ---


@cache
def _fits() -> dict[str, dict[str, Any]]:
    """Return class -> class -> the words of the links that fit, or why none does; {a} and {b} stand for the two names."""
    return {a: {b: _fit(registry[a]("from"), registry[b]("to")) for b in registry} for a in registry}


def _fit(a: Service, b: Service) -> dict[str, Any]:
    if words := fitting(a, b):
        return {"words": words}
    why = misfit(a, b)
    return {"why": f"{why.problem}. {why.fix}".replace("'from'", "{a}").replace("'to'", "{b}")}
