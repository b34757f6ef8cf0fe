"""The design file as a JSON Schema (draft 2020-12), so that editors complete keys, show their texts and flag mistakes.

It is made from what is declared once: the fields of services, links and uses with their ranges, defaults and texts, and
the laws. What takes more than one entry to see (a link that cannot be, a circle of calls) is left to `chain.validate`.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import chainkit.services  # noqa: F401 - fills the registry
from chainkit.declared import IDENTITY, Setting, settings
from chainkit.declared import schema as declared_schema
from chainkit.designfile.reading import VERSION
from chainkit.distributions import law_schema
from chainkit.service import NAME, registry
from chainkit.use import registry as uses_registry
from chainkit.wiring import LINKS, WORDS, Link

Schema = dict[str, Any]
_PER: Schema = {
    "enum": ["month", "request"],
    "default": "month",
    "description": "Whether the use is a month's, or one request's.",
}


def schema() -> Schema:
    """Return the JSON Schema of a design file.

    Examples
    --------
    >>> schema()["$defs"]["SqsQueue"]["properties"]["visibility_timeout_s"]["maximum"]
    43200
    """
    name = {"type": "string", "pattern": NAME}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "chainkit design file",
        "type": "object",
        "additionalProperties": False,
        "required": ["chainkit", "chain"],
        "properties": {
            "chainkit": {"const": VERSION, "description": "Version of this format."},
            "chain": {"type": "string", "description": "Name of the chain: the prefix of everything deployed."},
            "region": {"type": ["string", "null"], "default": "us-east-1", "description": "AWS region code."},
            "services": {
                "type": ["object", "null"],
                "propertyNames": name,
                "additionalProperties": {"$ref": "#/$defs/service"},
                "description": "The services by name.",
            },
            "links": {
                "type": ["array", "null"],
                "items": {"$ref": "#/$defs/link"},
                "description": "How one service triggers another.",
            },
            "costs": {
                "type": ["object", "null"],
                "propertyNames": name,
                "additionalProperties": {"$ref": "#/$defs/cost"},
                "description": "What it costs besides its services: uses by name.",
            },
            "layout": {
                "type": ["object", "null"],
                "additionalProperties": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
                "description": "Where each service stands on the canvas, [x, y].",
            },
            "groups": {
                "type": ["object", "null"],
                "additionalProperties": {"type": "array", "items": name},
                "description": "Frames on the canvas: title -> the services in it.",
            },
        },
        "$defs": _definitions(),
    }


def write_schema(path: Path) -> Path:
    """Write the JSON Schema to a file for an editor to use, and return its path.

    Examples
    --------
    >>> import tempfile
    >>> write_schema(Path(tempfile.mkdtemp()) / "chain.schema.json").name
    'chain.schema.json'
    """
    path.write_text(json.dumps(schema(), indent=2) + "\n", encoding="utf-8")
    return path


def _definitions() -> dict[str, Schema]:
    """Return the schema of every service, link, use, law, and of what they share."""
    import chainkit.uses  # noqa: F401 - fills the registry of uses, which a chain without costs does not need

    kinds = {name: _settings_schema(cls, {"type": {"const": name}}, ("type",)) for name, cls in registry.items()}
    links = {cls.__name__: _link_schema(cls) for cls in LINKS}
    uses = {
        name: _settings_schema(cls, {"type": {"const": name}, "per": _PER}, ("type",))
        for name, cls in uses_registry.items()
    }
    shared: dict[str, Schema] = {}
    for each in (*kinds.values(), *links.values(), *uses.values()):
        shared |= each.pop("$defs", {})
    return {
        "service": {
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"enum": [*kinds]}},
            "allOf": [_when("type", [name], name) for name in kinds],
        },
        "link": {
            "type": "object",
            "required": ["from", "to"],
            "properties": {"link": {"enum": [*WORDS], "description": "Which link; left out: the plain call."}},
            "allOf": [_when("link", cls.words, cls.__name__) for cls in LINKS],
            "if": {"not": {"required": ["link"]}},
            "then": {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in links]},
        },
        "cost": {
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"enum": [*uses]}},
            "allOf": [_when("type", [name], name) for name in uses],
        },
        "law": law_schema(),
        **shared,
        **kinds,
        **links,
        **uses,
    }


def _when(key: str, values: Iterable[str], name: str) -> Schema:
    """Return the rule that an entry with one of these values has the shape of that name."""
    return {
        "if": {"properties": {key: {"enum": [*values]}}, "required": [key]},
        "then": {"$ref": f"#/$defs/{name}"},
    }


def _link_schema(cls: type[Link]) -> Schema:
    """Return the schema of a link, without the settings that its word stands for."""
    end = {"type": "string", "pattern": NAME}
    made = _settings_schema(cls, {"from": end, "to": end, "link": {"enum": [*cls.words]}}, ("from", "to"))
    for word in cls.words.values():
        for name in word:
            made["properties"].pop(name, None)
    return made


def _settings_schema(cls: type, first: dict[str, Schema], required: tuple[str, ...]) -> Schema:
    """Return the schema of a declared class as a design file holds it: `first` instead of its identity."""
    made = declared_schema(cls)
    properties = {
        each.name: _lean(made["properties"][each.name]) | _annotations(each)
        for each in settings(cls)
        if each.name not in IDENTITY
    }
    return {
        "type": "object",
        "description": (cls.__doc__ or "").split("\n")[0],
        "additionalProperties": False,
        "required": [*required, *(name for name in made.get("required", ()) if name not in IDENTITY)],
        "properties": {**first, **properties},
        "$defs": {name: _lean(each) for name, each in made.get("$defs", {}).items()},
    }


def _annotations(setting: Setting) -> Schema:
    """Return what an editor shows of a setting: its text with the source, and its default."""
    source = f" Source: {setting.source}." if setting.source else ""
    default = setting.default.to_plain() if hasattr(setting.default, "to_plain") else setting.default
    return {"description": f"{setting.text}{source}"} | ({} if setting.is_required else {"default": default})


def _lean(part: Any) -> Any:
    """Return a part of pydantic's schema without its titles, and with a reference for all that spells out a law."""
    if isinstance(part, list):
        return [_lean(each) for each in part]
    if not isinstance(part, dict):
        return part
    # A title or source that is a mapping is a setting of that name.
    kept = {k: _lean(each) for k, each in part.items() if k not in ("title", "source") or isinstance(each, dict)}
    ways, law = kept.get("anyOf", []), law_schema()["anyOf"]
    if all(way in ways for way in law):  # a law, or a law or null
        kept["anyOf"] = [{"$ref": "#/$defs/law"}, *(way for way in ways if way not in law)]
    return kept
