"""What a canvas draws of a state machine: states as cards, ways as wires, what a state holds in frames."""

from collections.abc import Mapping, Sequence
from typing import Any

from chainkit import asl_edit
from chainkit.asl_bodies import TYPES
from chainkit.asl_picture import LOOKS, START, WIDTH, Drawn, picture, start_of
from chainkit.asl_text import written
from chainkit.asl_ways import ENDS, Definition, find, held, insides
from chainkit.errors import ConfigError
from chainkit.layout import CARD_HEIGHT
from chainkit.service import Service

DOES = ("insert", "rename", "extend")
"""What a hand may do beyond adding, connecting and removing: places are computed."""
FILES = ("svg",)
OTHERWISE = "{a} cannot lead to {b}: states lead only to those beside them, in the same machine, branch or Map"
HINT = "Drag a state from the left to here, or press N"
HEIGHT = 600
"""Of the canvas at first, CSS pixels: the text beside it is as tall."""
LINES_SHOWN = 12
"""Of a state's text, when the pointer rests on its card."""


def scene(machine: Any, services: Mapping[str, Service], *, off: Sequence[str] = ()) -> dict[str, Any]:
    """Return what the canvas draws of a state machine, and what can be done on it.

    Parameters
    ----------
    machine : the service that has the definition
    services : of its chain, by name
    off : tools that have nothing to do now

    Examples
    --------
    >>> import chainkit as ck
    >>> drawn = scene(ck.StateMachine("flow"), {})
    >>> [card["id"] for card in drawn["cards"]], [wire["to"] for wire in drawn["wires"]]
    (['Start', 'Done'], ['Done'])
    """
    definition: Definition = machine.definition
    drawn = picture(definition, choices=machine.choices, items=machine.items)
    return {
        "name": machine.name,
        "what": "State machine",
        "cards": _cards(machine, drawn, services),
        "wires": _wires(drawn),
        "groups": _groups(drawn),
        "palette": [
            {
                "kind": kind,
                "label": kind,
                "colour": LOOKS[kind].colour,
                "icon": LOOKS[kind].icon,
                "help": LOOKS[kind].help,
            }
            for kind in TYPES
        ],
        "fits": _fits(definition),
        "otherwise": OTHERWISE,
        "brings": "What it writes",
        "style": {"width": WIDTH, "height": CARD_HEIGHT, "isDown": True},
        "height": HEIGHT,
        "does": [*DOES],
        "heats": [],
        "stories": [],
        "files": [*FILES],
        "off": [*off, "duplicate", "tidy"],
        "hint": HINT,
    }


def _cards(machine: Any, drawn: Drawn, services: Mapping[str, Service]) -> list[dict[str, Any]]:
    definition: Definition = machine.definition
    kinds, problems = _kinds(definition), [error.problem for error in machine.problems(services)]
    start = start_of(definition)
    cards: list[dict[str, Any]] = []
    for card in drawn.cards:
        state = {"Type": START} if card.name == start else find(definition, card.name)[1]
        wrong = [problem.partition(f"state {card.name!r}: ")[2] for problem in problems]
        wrong = [f"{state['Type']} {each}" if each.startswith("has ") else each for each in wrong if each]
        missing = _missing(machine, card.name, state)
        look = LOOKS[state["Type"]]
        cards.append(
            {
                "id": card.name, "title": card.title, "label": card.label, "notes": [card.note] if card.note else [],
                "colour": look.colour,
                "icon": look.icon, "x": card.x, "y": card.y, "kind": kinds[card.name],
                "gives": state["Type"] not in ENDS, "takes": state["Type"] != START,
                "warning": "error" if wrong else "medium" if missing else "", "warnings": [*wrong, *missing],
                "heat": {}, "hint": look.help if card.name == start else _hint(card.name, state),
            }
        )  # fmt: skip
    return cards


def _missing(machine: Any, name: str, state: Definition) -> list[str]:
    """Return the figures without which no run can be made."""
    if state["Type"] == "Choice" and state.get("Choices") and name not in machine.choices:
        return ["nothing says how often each way is taken: select it and give shares"]
    if state["Type"] == "Map" and name not in machine.items:
        return ["nothing says how many items it has: select it and give a number"]
    return []


def _hint(name: str, state: Definition) -> str:
    """Return a state's name and the beginning of its text."""
    lines = written(state).split("\n")
    return "\n".join([name, *lines[:LINES_SHOWN], *(["\u2026"] if len(lines) > LINES_SHOWN else [])])


def _wires(drawn: Drawn) -> list[dict[str, Any]]:
    return [
        {
            "id": wire.key, "from": wire.source, "to": wire.target, "word": wire.text, "note": "",
            "colour": wire.style.colour,
            "dash": [*wire.style.dash], "width": wire.style.width, "saidAt": wire.said_at, "warning": "",
            "via": [[*point] for point in drawn.lanes.get((wire.source, wire.target), ())],
        }
        for wire in drawn.wires
    ]  # fmt: skip


def _groups(drawn: Drawn) -> list[dict[str, Any]]:
    """Return what states hold; a title tells it from all others, the text alone is shown."""
    return [
        {
            "title": f"{k} {frame.name}", "text": frame.name, "cards": [*frame.services], "box": [*frame.box],
            "hint": f"{frame.name}: {', '.join(frame.services)}",
        }
        for k, frame in enumerate(drawn.frames)
    ]  # fmt: skip


# --- what may lead to what: states of one type in one scope are alike ---


def _kinds(definition: Definition) -> dict[str, str]:
    """Return a word for each card: cards with the same word may lead to, and be led to by, the same."""
    kinds = {start_of(definition): START}
    for inside in insides(definition):
        for name, state in inside.states.items():
            own = f" {name}" if held(state) else ""
            kinds[name] = f"{state['Type']}{own} @{inside.owner} {inside.number}"
    return kinds


def _fits(definition: Definition) -> dict[str, dict[str, Any]]:
    """Return kind -> kind -> the words of the ways that fit, or why none does; {a} and {b} stand for the two names."""
    kinds, start = _kinds(definition), start_of(definition)
    some: dict[str, list[str]] = {}
    for name, kind in kinds.items():
        some.setdefault(kind, []).append(name)
    fits: dict[str, dict[str, Any]] = {}
    for a, sources in some.items():
        fits[a] = {kind: _leads(a.split()[0]) for kind in TYPES}
        for b, targets in some.items():
            if _are_near(a, b) or a.split()[0] in ENDS:  # of the others, `otherwise` tells why not
                fits[a][b] = _fit(definition, sources[0], targets[-1], start)
    for kind in TYPES:
        fits[kind] = {b: _leads(kind) for b in some if b != START}
    return fits


def _are_near(a: str, b: str) -> bool:
    """Tell whether cards of these kinds stand in one scope, or the first holds the second."""
    (own, _, scope), (_, _, other) = a.partition(" @"), b.partition(" @")
    holder = own.partition(" ")[2]
    return START in (a, b) or scope == other or bool(holder and other.rpartition(" ")[0] == holder)


def _leads(kind: str) -> dict[str, Any]:
    """Return whether a state of a type can lead to a new one."""
    return {"why": f"a {kind} leads nowhere"} if kind in ENDS else {"words": ["Next"]}


def _fit(definition: Definition, source: str, target: str, start: str) -> dict[str, Any]:
    if target == start:
        return {"why": "nothing leads to the start"}
    try:
        return {"words": asl_edit.fitting(definition, "" if source == start else source, target)}
    except ConfigError as error:
        text = f"{error.problem}. {error.fix}"
        return {"why": text.replace(repr(source), "{a}").replace(repr(target), "{b}")}


def scope_at(machine: Any, at: Sequence[float]) -> tuple[str, int]:
    """Return the innermost scope in whose frame a place on the canvas lies: owner and number, ("", 0) outside all."""
    found = ("", 0)
    frames = picture(machine.definition).frames
    for frame in frames:  # the outer ones first
        x, y, width, height = frame.box
        if x <= at[0] <= x + width and y <= at[1] <= y + height and frame.services:
            inside = find(machine.definition, frame.services[0])[0]
            found = (inside.owner, inside.number)
    return found
