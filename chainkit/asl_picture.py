"""A state machine as a picture: its states from top to bottom, and what a state holds in frames below and beside it.

Scopes are laid out inside out. Frames hang to the right below their state, so that the way onwards runs straight down
beside them; a way back runs up on the right of everything it passes.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chainkit import asl
from chainkit.asl_ways import Definition, Inside, Way, find, held, insides, names, ways
from chainkit.layout import CARD_HEIGHT, Point, Spacing, layered
from chainkit.pictures import MARGIN, Card, Frame, Picture, Wire, path

WIDTH = 208.0
"""Of a card, pixels: names of states are sentences."""
DOWN = Spacing(column=130.0, row=232.0, has_returns=True)
"""Layers stand below each other: a column is a step down."""
SIDE, HEAD, FOOT = 14.0, 38.0, 14.0
"""Room between a frame and what is in it: at its sides, for its title, and below, pixels."""
INDENT, BELOW, GAP = 30.0, 60.0, 16.0
"""From a state to its frames: to the right of its middle, below it, and from frame to frame, pixels."""
FURTHER = 10.0
"""Further below for each frame after the second: the ways to the last ones run above the others, pixels."""
SAID_AT = (0.75, 0.5, 0.3, 0.15)
"""Where the words of a way stand: near its end, where ways have parted; those that stay together below each other."""
TEXT = 28
"""Characters of the words on a way."""
START = "Start"


@dataclass(frozen=True)
class Look:
    """How states of a type look."""

    colour: str
    icon: str
    """Strokes in a square of 24."""
    help: str


LOOKS: Mapping[str, Look] = {
    "Task": Look("#0062A3", "M4 7h16v10H4zM9 12h6M12.5 9.5L15 12l-2.5 2.5", "Calls a service of the chain"),
    "Choice": Look("#8A4B00", "M12 3.5l8.5 8.5-8.5 8.5L3.5 12zM12 9v3.5M12 15.5v.1", "Goes one of several ways"),
    "Parallel": Look("#8E4585", "M4 12h4M8 12V6h12M8 12h12M8 12v6h12", "Goes several ways at once, and waits for all"),
    "Map": Look("#6F42C1", "M4 5h10v8H4zM7 16h10V8M10 19h10v-8", "Does the same for each item of a list"),
    "Wait": Look("#57606A", "M12 3.5a8.5 8.5 0 1 0 .1 0zM12 7.5V12l3.5 2", "Waits for a time"),
    "Pass": Look("#00664F", "M4 12h15M14 7l5 5-5 5", "Gives its input on, or changes it"),
    "Succeed": Look("#2E7D32", "M12 3.5a8.5 8.5 0 1 0 .1 0zM8 12.5l3 3 5-6", "Ends well"),
    "Fail": Look("#B42318", "M12 3.5a8.5 8.5 0 1 0 .1 0zM9 9l6 6M15 9l-6 6", "Ends with an error"),
    START: Look("#4B5A6B", "M8 5.5v13l10.5-6.5z", "Where every execution starts"),
}
"""Type -> look; each has its colour, its icon and its word."""


@dataclass(frozen=True)
class Block:
    """One scope laid out: where its states stand, and all inside them."""

    places: Mapping[str, Point] = field(default_factory=dict)
    lanes: Mapping[tuple[str, str], tuple[Point, ...]] = field(default_factory=dict)
    frames: tuple[Frame, ...] = ()

    def bounds(self) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom of all that is drawn."""
        half_width, half_height = WIDTH / 2, CARD_HEIGHT / 2
        sides = [(dx, dy) for dx in (-half_width, half_width) for dy in (-half_height, half_height)]
        corners = [(x + dx, y + dy) for x, y in self.places.values() for dx, dy in sides]
        corners += [point for lane in self.lanes.values() for point in lane]
        corners += [(x + dx, y + dy) for x, y, w, h in (f.box for f in self.frames) for dx, dy in ((0, 0), (w, h))]
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        return min(xs), min(ys), max(xs), max(ys)

    def moved(self, dx: float, dy: float) -> "Block":
        """Return the block elsewhere."""
        return Block(
            {name: (x + dx, y + dy) for name, (x, y) in self.places.items()},
            {pair: tuple((x + dx, y + dy) for x, y in lane) for pair, lane in self.lanes.items()},
            tuple(Frame(f.name, f.services, (f.box[0] + dx, f.box[1] + dy, *f.box[2:])) for f in self.frames),
        )


@dataclass(frozen=True)
class Drawn(Picture):
    """A machine's picture, and what the ways in it pass."""

    lanes: Mapping[tuple[str, str], tuple[Point, ...]] = field(default_factory=dict)


def start_of(definition: Definition) -> str:
    """Return what the card is called from which executions start: no state has that name.

    >>> start_of({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
    'Start'
    """
    start = START
    while start in names(definition):
        start += "\u00b7"
    return start


def arranged(definition: Definition) -> Block:
    """Return where the states of a machine stand, its start among them.

    Examples
    --------
    >>> arranged({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}).places
    {'Start': (0.0, 0.0), 'Done': (0.0, 130.0)}
    """
    return _block(next(insides(definition)), ways(definition), start_of(definition))


def _block(inside: Inside, all_ways: Iterable[Way], start: str = "") -> Block:
    """Lay one scope out, what its states hold first."""
    states = inside.states
    edges = {(w.source, w.target): None for w in all_ways if w.word != "Start" and w.source in states}
    first = inside.scope.get("StartAt")
    if start and first in states:
        edges = {(start, first): None, **edges}
    held_ = {name: _held(name, state, all_ways) for name, state in states.items() if held(state)}
    rooms = {name: _room(block) for name, block in held_.items()}
    chosen = [start] if start else [first] if first in states else []
    layout = layered(
        [*([start] if start else []), *states],
        [(a, b) for a, b in edges if b in states],
        first=chosen, rooms=rooms, spacing=DOWN,
    )  # fmt: skip
    places = {name: (x, y) for name, (y, x) in layout.places.items()}
    lanes = {pair: tuple((x, y) for y, x in lane) for pair, lane in layout.lanes.items()}
    frames: tuple[Frame, ...] = ()
    for name, block in held_.items():
        there = block.moved(*places[name])
        places, lanes, frames = {**places, **there.places}, {**lanes, **there.lanes}, (*frames, *there.frames)
    return Block(places, lanes, frames)


def _held(name: str, state: Definition, all_ways: Iterable[Way]) -> Block:
    """Lay out what a state holds, seen from the middle of its card: frames beside each other."""
    left, top = INDENT, CARD_HEIGHT / 2 + BELOW + FURTHER * max(len(held(state)) - 2, 0)
    places: dict[str, Point] = {}
    lanes: dict[tuple[str, str], tuple[Point, ...]] = {}
    frames: tuple[Frame, ...] = ()
    for k, (part, scope) in enumerate(held(state)):
        block = _block(Inside(name, k, scope), all_ways)
        x1, y1, x2, y2 = block.bounds() if block.places else (0.0, 0.0, WIDTH, 0.0)
        block = block.moved(left + SIDE - x1, top + HEAD - y1)
        box = (left, top, x2 - x1 + 2 * SIDE, y2 - y1 + HEAD + FOOT)
        title = f"branch {k + 1}" if part[0] == "Branches" else "each item"
        frames = (*frames, Frame(title, tuple(scope["States"]), box), *block.frames)
        places |= block.places
        lanes |= block.lanes
        left += box[2] + GAP
    return Block(places, lanes, frames)


def _room(block: Block) -> Point:
    """Return what a state needs beyond its card, down and to the right, for what it holds."""
    bottom, right = max(f.box[1] + f.box[3] for f in block.frames), max(f.box[0] + f.box[2] for f in block.frames)
    return max(bottom - CARD_HEIGHT / 2, 0.0), max(right + GAP - DOWN.row / 2, 0.0)


def picture(
    definition: Definition,
    *,
    choices: Mapping[str, list[float]] | None = None,
    items: Mapping[str, int] | None = None,
) -> Drawn:
    """Return the frames, cards and wires of a state machine.

    Parameters
    ----------
    choices, items : as of a state machine: how often each way is taken, how many items a Map has

    Examples
    --------
    >>> drawn = picture({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
    >>> [(card.name, card.label) for card in drawn.cards], [wire.kind for wire in drawn.wires]
    ([('Start', 'every execution'), ('Done', 'Succeed')], ['Start'])
    """
    block, start = arranged(definition), start_of(definition)
    cards = {
        start: Card(start, "every execution", LOOKS[START].colour, *block.places[start], LOOKS[START].icon, width=WIDTH)
    }
    for inside in insides(definition):
        for name, state in inside.states.items():
            own = (items or {}).get(name)
            look, (x, y) = LOOKS[state["Type"]], block.places[name]
            cards[name] = Card(name, label(state, own), look.colour, x, y, look.icon, _note(state), WIDTH)
    wires = _wires(definition, block, start, choices or {})
    left, top, right, bottom = block.bounds()
    for x, y in [point for wire in wires for point in wire.points]:
        left, right, top, bottom = min(left, x), max(right, x), min(top, y), max(bottom, y)
    box = (left - MARGIN, top - MARGIN, right - left + 2 * MARGIN, bottom - top + 2 * MARGIN)
    return Drawn(block.frames, tuple(cards.values()), wires, box, block.lanes)


def _wires(definition: Definition, block: Block, start: str, choices: Mapping[str, list[float]]) -> tuple[Wire, ...]:
    """Return the ways as wires, parallel ones side by side."""
    known = {each.key: each for each in ways(definition) if each.target in block.places}
    found = [(each, each.source or start) for each in known.values()]
    total: dict[tuple[str, str], int] = {}
    for each, source in found:
        total[source, each.target] = total.get((source, each.target), 0) + 1
    seen = dict.fromkeys(total, 0)
    wires = []
    for each, source in found:
        pair = source, each.target
        shift = 18.0 * (seen[pair] - (total[pair] - 1) / 2)
        seen[pair] += 1
        ends, lane = (block.places[source], block.places[each.target]), block.lanes.get(pair, ())
        points = path(*ends, lane, shift, width=WIDTH, is_down=True)
        said_at = SAID_AT[min(seen[pair] - 1 + bool(lane), len(SAID_AT) - 1)]
        text = words(definition, each, choices)
        wires.append(Wire(each.key, source, each.target, each.word, text, points, said_at))
    return tuple(wires)


# --- words ---


def label(state: Definition, items: int | None = None) -> str:
    """Return a state's type and the most important thing about it.

    >>> label({"Type": "Wait", "Seconds": 5}), label({"Type": "Map"}, 10), label({"Type": "Succeed"})
    ('Wait 5 s', 'Map of 10 items', 'Succeed')
    """
    kind = state["Type"]
    match kind:
        case "Task":
            said = f": {_called(state)}"
        case "Wait":
            fields = [state[f] for f in ("Seconds", "SecondsPath", "Timestamp", "TimestampPath") if f in state]
            said = f" {fields[0]} s" if fields and isinstance(fields[0], int | float) else f": {_bare(*fields)}"
        case "Map":
            said = f" of {items:,} items" if items is not None else ""
        case "Parallel":
            said = f" of {len(held(state))}"
        case "Fail":
            said = f": {_bare(state.get('Error', ''))}" if state.get("Error") else ""
        case _:
            said = ""
    return cut(f"{kind}{said}".rstrip(": "), 24)


def _called(state: Definition) -> str:
    """Return the service that a task calls, or the last word of what it calls outside the chain."""
    resource = state.get("Resource", "")
    fields = {field: state.get(field) for field in ("Arguments", "Parameters")}
    called = asl.calls(asl.State.model_construct(Type="Task", Resource=resource, **fields))
    return ", ".join(called.services) or resource.rpartition(":::")[2].removeprefix("aws-sdk:") or resource


def _note(state: Definition) -> str:
    """Return what else is worth a line: tries, and where the flow ends."""
    tries = sum(entry.get("MaxAttempts", 3) for entry in state.get("Retry", ()))
    said = [f"{tries} {'retry' if tries == 1 else 'retries'}"] if tries else []
    return " \u00b7 ".join([*said, *(["then ends"] if state.get("End") else [])])


def words(definition: Definition, of: Way, choices: Mapping[str, list[float]]) -> str:
    """Return what stands on a way: a rule's condition and share, the errors that are caught."""
    if of.word in ("Start", "Next"):
        return ""
    state = find(definition, of.source)[1]
    if of.word == "Catch":
        return cut("on " + ", ".join(state["Catch"][of.number]["ErrorEquals"]).replace("States.ALL", "any error"), TEXT)
    rules = state.get("Choices") or []
    said = condition(rules[of.number]) if of.word == "rule" else "otherwise"
    shares = choices.get(of.source, [])
    k = of.number if of.word == "rule" else len(rules)
    share = f" \u00b7 {100 * shares[k]:.3g} %" if k < len(shares) else ""
    return cut(said, TEXT - len(share)) + share


_SIGNS = {
    "Equals": "=", "GreaterThan": ">", "GreaterThanEquals": "\u2265", "LessThan": "<", "LessThanEquals": "\u2264",
    "Matches": "like",
}  # fmt: skip
_TEST = re.compile(r"(?:String|Numeric|Boolean|Timestamp)([A-Z]\w*?)(?:Path)?")


def condition(rule: Any) -> str:
    """Return a rule's condition as people write it.

    Examples
    --------
    >>> condition({"Variable": "$.total", "NumericGreaterThan": 100})
    'total > 100'
    >>> condition({"Not": {"Variable": "$.ok", "IsPresent": True}})
    'not ok present'
    >>> condition({"Condition": "{% $states.input.total > 100 %}"})
    'total > 100'
    """
    if not isinstance(rule, dict):
        return ""
    if "Condition" in rule:
        return _bare(rule["Condition"])
    for field_, joint in (("And", " and "), ("Or", " or ")):
        if isinstance(rule.get(field_), list):
            return joint.join(condition(each) for each in rule[field_])
    if "Not" in rule:
        return f"not {condition(rule['Not'])}"
    what = _bare(rule.get("Variable", ""))
    for field_, value in rule.items():
        if match := _TEST.fullmatch(field_):
            shown = _bare(value) if isinstance(value, str) else str(value).lower()
            return f"{what} {_SIGNS.get(match[1], match[1])} {shown}"
        if field_.startswith("Is"):
            return f"{what} {'' if value else 'not '}{field_.removeprefix('Is').lower()}"
    return what


def _bare(*values: Any) -> str:
    """Return a path or an expression without what all of them have in common."""
    text = str(values[0]) if values else ""
    text = " ".join(text.removeprefix("{%").removesuffix("%}").split())
    return text.replace("$states.input.", "").removeprefix("$.")


def cut(text: str, most: int) -> str:
    """Return as much of a text as fits.

    >>> cut("every execution", 8)
    'every e…'
    """
    return text if len(text) <= most else f"{text[: max(most - 1, 1)]}…"
