"""What each gesture on the canvas of a chain does: one operation of the state, or an answer."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chainkit import exporting
from chainkit.errors import ConfigError
from chainkit.operations import script
from chainkit.pictures import svg
from chainkit.problems import is_place
from chainkit.widgets.canvas import Answer, refused
from chainkit.widgets.state import Offer, State
from chainkit.widgets.story import story
from chainkit.wiring import WORDS

Message = Mapping[str, Any]


NEEDS: Mapping[str, tuple[str, ...]] = {
    "add": ("what", "at"), "insert": ("what", "key", "at"), "extend": ("from", "what", "at"),
    "connect": ("from", "to", "word"), "remove": ("keys",), "rename": ("key", "name"), "move": ("places",),
    "group": ("title", "keys"), "ungroup": ("title",), "duplicate": ("keys",), "copy": ("keys",), "paste": (),
    "tidy": (), "undo": (), "redo": (), "edit": ("key",), "offers": ("from", "to"), "story": ("which",),
    "file": ("as",),
}  # fmt: skip
"""Every gesture that there is -> what its message holds; js/ sends these and no others."""


def carry_out(state: State, gesture: Message) -> Answer:
    """Carry a gesture out and return what the hand is told.

    Raises
    ------
    ChainkitError
        If there is no such gesture, its message is not whole, or what it asks for is not there.
    """
    _require_whole(gesture)
    match gesture:
        case {"kind": "add", "what": kind}:
            done = state.add(kind, at=_place(gesture))
        case {"kind": "insert", "what": kind, "key": key}:
            done = state.insert(kind, key, at=_place(gesture))
        case {"kind": "extend", "from": source, "what": kind}:
            done = state.extend(source, kind, at=_place(gesture))
        case {"kind": "connect", "from": source, "to": target, "word": word}:
            done = state.connect(source, target, word)
        case {"kind": "remove", "keys": keys}:
            done = state.remove(*(key.removesuffix("!") for key in keys))
        case {"kind": "rename", "key": key, "name": name}:
            done = state.rename(key, name)
        case {"kind": "move", "places": places}:
            done = state.move({name: (x, y) for name, (x, y) in places.items()})
        case {"kind": "group", "title": title, "keys": keys}:
            done = state.group(title, keys)
        case {"kind": "ungroup", "title": title}:
            done = state.ungroup(title)
        case {"kind": "duplicate", "keys": keys}:
            done = state.duplicate(keys)
        case {"kind": "copy", "keys": keys}:
            state.copy(keys)
            done = True
        case {"kind": "paste"}:
            done = state.paste()
        case {"kind": "edit"}:  # whoever has a form beside the canvas shows it
            done = True
        case {"kind": "tidy"}:
            done = state.tidy()
        case {"kind": "undo"}:
            return {} if state.undo() else _nothing("undo")
        case {"kind": "redo"}:
            return {} if state.redo() else _nothing("redo")
        case {"kind": "offers", "from": source, "to": target}:
            return {"offers": [_offer(each) for each in state.offers(source, target)]}
        case {"kind": "story", "which": which}:
            return {"story": story(state.figures, which)}
        case {"kind": "file", "as": kind}:
            return {"file": file(state, kind)}
        case _:
            raise AssertionError(gesture)  # `NEEDS` names it, so that a case is missing here
    return {} if done else refused(state.refusal)


def _require_whole(gesture: Message) -> None:
    """Raise what is wrong with a message."""
    kind = gesture.get("kind")
    if not isinstance(kind, str) or kind not in NEEDS:
        raise ConfigError(f"gesture {kind!r} is unknown", fix="reload the page, and run the cell again")
    for name in NEEDS[kind]:
        value = gesture.get(name)
        is_right, allowed = _ALLOWED.get(name, (_is_text, "a text"))
        if not is_right(value):
            raise ConfigError(
                f"gesture {kind!r}: {name}={value!r} is not {allowed}", fix="reload the page, and run the cell again"
            )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_ALLOWED: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "at": (lambda value: value is None or is_place(value), "a place, two numbers of pixels"),
    "word": (lambda value: value is None or _is_text(value), "a kind of link"),
    "keys": (lambda value: isinstance(value, list) and all(map(_is_text, value)), "a list of names"),
    "places": (
        lambda value: isinstance(value, dict) and all(map(_is_text, value)) and all(map(is_place, value.values())),
        "a mapping of names to places",
    ),
}
"""Field -> what it may be; any other is text."""


def _place(gesture: Message) -> tuple[float, float] | None:
    at = gesture.get("at")
    return (float(at[0]), float(at[1])) if at else None


def _nothing(verb: str) -> Answer:
    return refused(ConfigError(f"there is nothing to {verb}", fix="change something first"))


def _offer(offer: Offer) -> dict[str, Any]:
    """Return a kind of link as the canvas shows it."""
    return {
        "word": offer.word,
        "label": offer.word.replace("_", " "),
        "text": WORDS[offer.word][0].meaning(offer.word),
        "brings": [str(each) for each in offer.brings],
        **refused(offer.refusal),
    }


def file(state: State, kind: str) -> dict[str, str]:
    """Return the chain as a file that the browser keeps: svg, png, html, yaml or py."""
    chain, notes = state.chain, state.notes()
    match kind:
        case "svg":
            return {"name": f"{chain.name}.svg", "type": "image/svg+xml", "text": svg(chain, notes)}
        case "png":
            image = b64encode(exporting.png(chain, notes)).decode()
            return {"name": f"{chain.name}.png", "type": "image/png", "base64": image}
        case "html":
            return {"name": f"{chain.name}.html", "type": "text/html", "text": exporting.html(chain, notes)}
        case "yaml":
            with TemporaryDirectory() as folder:
                text = chain.copy().save(Path(folder) / "design.chain.yaml").read_text(encoding="utf-8")
            return {"name": f"{chain.name}.chain.yaml", "type": "application/yaml", "text": text}
        case "py":
            return {"name": f"{chain.name}.py", "type": "text/x-python", "text": script(chain)}
        case _:
            raise ConfigError(f"file kind {kind!r} is unknown", fix="choose svg, png, html, yaml or py")
