"""What each gesture on the canvas of a chain does: one operation of the state, or an answer."""

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chainkit import exporting
from chainkit.errors import ConfigError
from chainkit.operations import script
from chainkit.pictures import svg
from chainkit.widgets.canvas import Answer, refused
from chainkit.widgets.state import Offer, State
from chainkit.widgets.story import story
from chainkit.wiring import WORDS

Message = Mapping[str, Any]


def carry_out(state: State, gesture: Message) -> Answer:
    """Carry a gesture out and return what the hand is told.

    Raises
    ------
    ConfigError
        If there is no such gesture.
    """
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
            raise ConfigError(
                f"gesture {gesture.get('kind')!r} is unknown", fix="reload the page, and run the cell again"
            )
    return {} if done else refused(state.refusal)


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
