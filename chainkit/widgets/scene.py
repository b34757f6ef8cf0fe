"""What a canvas draws: cards, wires and groups in their places, the palette, and what fits what; plain values.

A chain is one kind of scene, the states of a state machine another (machine.py): the canvas draws both alike.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from chainkit.chain import Chain
from chainkit.checks.findings import Finding
from chainkit.declared import stated
from chainkit.layout import CARD_HEIGHT, CARD_WIDTH, arrange
from chainkit.pictures import Picture, picture
from chainkit.service import Service, registry
from chainkit.widgets.reckoning import HEATS, Reckoning
from chainkit.wiring import fitting, misfit

USUAL_WIDTH, LOWEST, HIGHEST = 1000.0, 400.0, 620.0
"""Of the canvas in a notebook, pixels."""
DOES = ("move", "group", "insert", "rename", "extend")
"""What a hand may do beyond adding, connecting, moving and removing."""
STORIES = ("typical", "slowest", "lost")
"""Requests that can be played."""
FILES = ("svg", "png", "html", "yaml", "py")
HINT = "Drag a service from above to here, or press N"
MARKED = ("high", "medium")
"""Severities that a card shows a mark for; the figures list all."""
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
        "wires": _wires(chain, drawn, known),
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
    heat, notes = {of: known.heat(of) for of in HEATS}, known.card_notes()
    cards = []
    for card in drawn.cards:
        service = chain.service(card.name)
        found = _about(known, card.name)
        cards.append(
            {
                "id": card.name, "title": card.title, "label": card.label, "notes": [*notes.get(card.name, ())],
                "colour": card.colour, "icon": service.icon, "x": card.x, "y": card.y, "kind": type(service).__name__,
                "gives": bool(service.port.emits), "takes": bool(service.port.accepts),
                "warning": _worst(found), "warnings": [finding.problem for finding in found],
                "heat": {of: round(heat[of].get(card.name, 0.0), 4) for of in HEATS}, "hint": _hint(service),
            }
        )  # fmt: skip
    return cards


def _worst(found: Sequence[Finding]) -> str:
    """Return the greatest severity among findings."""
    return next((word for word in MARKED if any(each.severity == word for each in found)), "")


def _hint(service: Service) -> str:
    """Return what a card says when the pointer rests on it: name, kind, and what was set."""
    set_ = [f"{name}: {value}" for name, value in stated(service).items() if not isinstance(value, dict | list)]
    return "\n".join([f"{service.name}: {service.label}", *set_[:SETTINGS_SHOWN]])


def _about(known: Reckoning, key: str) -> list[Finding]:
    """Return what was found about a service or link, and is worth a mark."""
    return [finding for finding in known.findings if finding.where == key and finding.severity in MARKED]


def _wires(chain: Chain, drawn: Picture, known: Reckoning) -> list[dict[str, Any]]:
    lanes, notes = arrange(chain).lanes, known.link_notes()
    return [
        {
            "id": wire.key, "from": wire.source, "to": wire.target,
            "word": wire.text, "note": notes.get(wire.key, ""),
            "colour": wire.style.colour, "dash": [*wire.style.dash], "width": wire.style.width,
            "warning": _worst(found := _about(known, wire.key)), "warnings": [each.problem for each in found],
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
    """Return class -> class -> the words of the links that fit, or why none does; {a} and {b} stand for the names."""
    return {a: {b: _fit(registry[a]("from"), registry[b]("to")) for b in registry} for a in registry}


def _fit(a: Service, b: Service) -> dict[str, Any]:
    if words := fitting(a, b):
        return {"words": words}
    why = misfit(a, b)
    return {"why": f"{why.problem}; {why.fix}".replace("'from'", "{a}").replace("'to'", "{b}")}
