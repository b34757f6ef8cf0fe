"""What requests say: examples in turn, or made from a JSON Schema; the same seed, the same payloads."""

import json
import random
import string
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from chainkit.chain import Chain
from chainkit.errors import ConfigError

LONGEST = 12
"""Of text and lists to which a schema sets no bound."""
_UNREAD = (
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "$ref",
    "patternProperties",
    "pattern",
    "multipleOf",
    "dependentRequired",
)


def payloads(
    given: Any, chain: Chain, requests: int, seed: int, carried: Sequence[Mapping[str, Any]] = ()
) -> list[Any]:
    """Return one payload for each request.

    Parameters
    ----------
    given : a list of examples, taken in turn; the path of a .jsonl with one a line; a JSON Schema (a mapping with
        "type", "enum", "const" or "properties"); None: the .jsonl beside the design file, or {"request": number}
    chain : whose samples are taken
    requests : how many
    seed : of what is made from a schema
    carried : attributes of each request, told where nothing else is given

    Raises
    ------
    ConfigError
        If there is no payload in what was given, or a schema says something that is not made here.

    Examples
    --------
    >>> payloads({"type": "object", "properties": {"n": {"type": "integer", "minimum": 7, "maximum": 7}}}, None, 2, 1)
    [{'n': 7}, {'n': 7}]
    """
    if isinstance(given, Mapping) and given.keys() & {"type", "enum", "const", "properties"}:
        return list(islice(_made(given, seed), requests))
    examples = _examples(given, chain)
    if examples is None:
        told = carried or [{}] * requests
        return [{"request": number, **told[number]} for number in range(requests)]
    if not examples:
        raise ConfigError(f"load: payloads={given!r} holds none", fix="give a list of events, or a JSON Schema")
    return list(islice(cycle(examples), requests))


def _examples(given: Any, chain: Chain) -> list[Any] | None:
    """Return payloads that somebody wrote down; None where there is nothing."""
    if given is None:
        file = chain.path.with_name(f"{chain.name}.jsonl") if chain.path is not None else None
        return _lines(file) if file is not None and file.is_file() else None
    if isinstance(given, str | Path):
        if not Path(given).is_file():
            raise ConfigError(f"load: payloads={str(given)!r} is no file", fix="give the path of a .jsonl")
        return _lines(Path(given))
    if isinstance(given, Sequence):
        return list(given)
    raise ConfigError(f"load: payloads={given!r} is not understood", fix="give a list of events, or a JSON Schema")


def _lines(file: Path) -> list[Any]:
    """Return the JSON of each line."""
    found = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise ConfigError(
                f"{file.name}, line {number}: it is no JSON: {error}", fix="write one event a line"
            ) from None
    return found


# --- from a schema ---


def _made(schema: Mapping[str, Any], seed: int) -> Iterator[Any]:
    """Yield values that fit a schema, each checked by a validator that knows all of JSON Schema."""
    import jsonschema

    cls = jsonschema.validators.validator_for(schema)
    try:
        cls.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ConfigError(f"load: payloads is no JSON Schema: {error.message}", fix="correct the schema") from None
    rng, validator = random.Random(seed), cls(schema)
    while True:
        value = _value(schema, rng, "payloads")
        if (wrong := next(validator.iter_errors(value), None)) is not None:
            raise ConfigError(
                f"load: payloads: what was made does not fit the schema: {wrong.message}", fix="give examples instead"
            )
        yield value


def _value(schema: Mapping[str, Any], rng: random.Random, where: str) -> Any:
    """Return a value that fits a schema."""
    if said := [word for word in _UNREAD if word in schema]:
        raise ConfigError(f"load: {where}: {said[0]} is not made from a schema", fix="give examples instead")
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return rng.choice(schema["enum"])
    kind = schema.get("type", "object" if "properties" in schema else None)
    if isinstance(kind, list):
        kind = rng.choice(kind)
    if kind not in _KINDS:
        raise ConfigError(
            f"load: {where}: type={kind!r} is not made", fix=f"types: {', '.join(_KINDS)}; or give examples"
        )
    return _KINDS[kind](schema, rng, where)


def _object(schema: Mapping[str, Any], rng: random.Random, where: str) -> dict[str, Any]:
    required = schema.get("required", ())
    return {
        name: _value(inner, rng, f"{where}.{name}")
        for name, inner in schema.get("properties", {}).items()
        if name in required or rng.random() < 0.8
    }


def _array(schema: Mapping[str, Any], rng: random.Random, where: str) -> list[Any]:
    low = schema.get("minItems", 0)
    count = rng.randint(low, schema.get("maxItems", max(low, 3)))
    inner, found = schema.get("items", {"type": "integer"}), list[Any]()
    for _ in range(50 * count + 1):
        if len(found) == count:
            break
        value = _value(inner, rng, f"{where}[]")
        if not schema.get("uniqueItems") or value not in found:
            found.append(value)
    return found


def _integer(schema: Mapping[str, Any], rng: random.Random, where: str) -> int:
    low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
    return rng.randint(low, schema.get("maximum", schema.get("exclusiveMaximum", low + 1_001) - 1))


def _number(schema: Mapping[str, Any], rng: random.Random, where: str) -> float:
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0.0))
    high = schema.get("maximum", schema.get("exclusiveMaximum", low + 1_000.0))
    return float(low + (high - low) * (rng.random() * 0.998 + 0.001))


def _text(schema: Mapping[str, Any], rng: random.Random, where: str) -> str:
    formats = {
        "date-time": "2026-01-01T00:00:00Z",
        "date": "2026-01-01",
        "email": f"user{rng.randrange(10**6)}@example.com",
        "uuid": f"{rng.getrandbits(128):032x}",
    }
    if (form := schema.get("format")) in formats:
        text = formats[form]
        return "-".join([text[:8], text[8:12], text[12:16], text[16:20], text[20:]]) if form == "uuid" else text
    low = schema.get("minLength", 1)
    length = rng.randint(low, schema.get("maxLength", max(low, LONGEST)))
    return "".join(rng.choices(string.ascii_lowercase, k=length))


_KINDS: dict[str, Any] = {
    "object": _object,
    "array": _array,
    "integer": _integer,
    "number": _number,
    "string": _text,
    "boolean": lambda schema, rng, where: rng.random() < 0.5,
    "null": lambda schema, rng, where: None,
}
