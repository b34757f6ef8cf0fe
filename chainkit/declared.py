"""Fields declared once: ranges, units and sources that serve validation, the design file's schema and the forms.

`declared` makes a frozen dataclass of a class whose fields are pydantic's, and turns pydantic's refusal into our
`ConfigError`. Services and links are both made with it.
"""

import ast
import dataclasses
import functools
import inspect
import textwrap
from itertools import pairwise
from numbers import Integral
from typing import Any, Literal, NamedTuple, TypeVar, cast, dataclass_transform, get_args, get_origin

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from chainkit.errors import ConfigError, nearest
from chainkit.units import number_meant, unit_of

T = TypeVar("T")
IDENTITY = ("name", "source", "target")
"""What says which service or link it is; every other field is a setting."""
# The text under each field is read when it is asked for (`_texts`): pydantic's use_attribute_docstrings reads the
# source of every service and link at import, which takes longer than importing pydantic, networkx and numpy.
_CONFIG = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)
_classes: dict[str, type] = {}
"""Every declared class by name, which is also its name in a JSON Schema."""


class Setting(NamedTuple):
    """One field of a service or link, as forms and error texts need it."""

    name: str
    kind: type | Any
    default: Any
    low: float | None
    high: float | None
    choices: tuple[Any, ...]
    unit: str
    source: str
    text: str
    is_required: bool
    is_low_excluded: bool = False
    """Whether the value must lie above `low`."""


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field, dataclasses.field))
def declared(cls: type[T]) -> type[T]:
    """Make `cls` a frozen, validated dataclass whose refusals are `ConfigError`."""
    built: Any = dataclass(frozen=True, kw_only=True, config=_CONFIG)(cls)
    construct = built.__init__
    positional = sum(not each.kw_only for each in dataclasses.fields(built))

    @functools.wraps(construct)
    def __init__(self: Any, /, *args: Any, **given: Any) -> None:  # noqa: N807 - it takes the place of the class's own
        if len(args) > positional:  # pydantic would take them in the order of the fields
            raise ConfigError(
                f"{_who(built, args[:positional], given)}: {args[positional]!r} is given without a setting's name",
                fix=f"known settings: {_names(built)}",
            )
        try:
            construct(self, *args, **given)
        except ValidationError as error:
            raise _refusal(built, args, given, error) from None

    built.__init__ = __init__
    _classes[built.__name__] = built
    return cast("type[T]", built)


@functools.cache
def settings(cls: Any) -> tuple[Setting, ...]:
    """Return the fields of a declared class in order, with range, unit, source and text.

    Examples
    --------
    >>> from chainkit.services.sqs_queue import SqsQueue
    >>> settings(SqsQueue)[1][:5]
    ('visibility_timeout_s', <class 'int'>, 30, 0, 43200)
    """
    return tuple(_setting(cls, name, field) for name, field in cls.__pydantic_fields__.items())


def _setting(cls: type, name: str, field: Any) -> Setting:
    """Read one of pydantic's fields."""
    limits = {
        key: getattr(rule, key) for rule in field.metadata for key in ("ge", "gt", "le", "lt") if hasattr(rule, key)
    }
    kind = field.annotation
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    if isinstance(default, dataclasses.Field):  # `name`, declared through dataclasses to be positional
        default = None
    extra = field.json_schema_extra or {}
    return Setting(
        name,
        kind,
        default,
        limits.get("ge", limits.get("gt")),
        limits.get("le", limits.get("lt")),
        choices,
        unit_of(name),
        str(extra.get("source", "")),
        _texts(cls).get(name, ""),
        field.is_required(),
        "gt" in limits,
    )


@functools.cache
def _texts(cls: type) -> dict[str, str]:
    """Return the text under each field of a declared class, those that it inherits included."""
    texts = {name: text for base in reversed(cls.__bases__) for name, text in _texts(base).items()}
    if "__pydantic_fields__" in vars(cls):
        try:
            (written,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
        except (OSError, TypeError):  # typed at a prompt: no source is kept
            return texts
        for field, text in pairwise(written.body if isinstance(written, ast.ClassDef) else ()):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                    texts[name] = inspect.cleandoc(words)
    return texts


def changed(thing: T, **changes: Any) -> T:
    """Return a copy of a declared object with some settings changed; refused like a new one."""
    kept = {f.name: getattr(thing, f.name) for f in dataclasses.fields(thing)}  # type: ignore[arg-type]
    for field in IDENTITY:
        if field in changes and field in kept:
            raise ConfigError(
                f"{_who(type(thing), (), kept)}: {field}={changes[field]!r} cannot be set: it says which one this is",
                fix="remove it from the chain and add or connect a new one",
            )
    first = kept.pop("name", None)
    kept |= changes
    make: Any = type(thing)
    return cast("T", make(first, **kept) if first is not None else make(**kept))


def stated(thing: Any) -> dict[str, Any]:
    """Return the settings that differ from the defaults, as plain values that a design file can hold."""
    cls: Any = type(thing)
    return {
        s.name: as_plain(getattr(thing, s.name))
        for s in settings(cls)
        if s.name not in IDENTITY and (s.is_required or getattr(thing, s.name) != s.default)
    }


def as_plain(value: Any) -> Any:
    """Return `value` in the types that YAML has."""
    if hasattr(value, "to_plain"):
        return value.to_plain()
    if hasattr(value, "__pydantic_fields__"):
        return stated(value)
    if isinstance(value, dict):
        return {key: as_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(item) for item in value]
    return value


def schema(cls: type) -> dict[str, Any]:
    """Return the JSON Schema of a declared class's settings, with the text under each field that it adds itself."""
    made = TypeAdapter(cls).json_schema()
    for name, part in {cls.__name__: made, **made.get("$defs", {})}.items():
        if name in _classes:
            texts, properties = _texts(_classes[name]), part["properties"]
            for field in inspect.get_annotations(_classes[name]).keys() & properties.keys() & texts.keys():
                properties[field] = dict(sorted({**properties[field], "description": texts[field]}.items()))
    return made


def _refusal(cls: type, args: tuple[Any, ...], given: dict[str, Any], error: ValidationError) -> ConfigError:
    """Return our error for pydantic's first complaint."""
    first = error.errors(include_url=False)[0]
    who = _who(cls, args, given)
    where = first["loc"]
    field = str(where[0]) if where and isinstance(where[0], str) else "name"
    known = {s.name: s for s in settings(cls)}
    if first["type"] == "multiple_argument_values":
        return ConfigError(f"{who}: {field}={first['input']!r} is given a second time", fix="leave it out")
    if first["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        hint = nearest(field, known.keys() - IDENTITY)
        return ConfigError(f"{who}: unknown setting {field!r}{hint}", fix=f"known settings: {_names(cls)}")
    if first["type"] in ("missing", "missing_argument", "missing_keyword_only_argument"):
        return ConfigError(f"{who}: {field} is missing", fix=_advice(known.get(field)))
    cause = first.get("ctx", {}).get("error")
    value = first["input"]
    if isinstance(cause, ConfigError):  # raised by a field's own validator; a law speaks of any field as "duration"
        about = cause.problem.removeprefix("duration")
        problem = f"{field}{about}" if about != cause.problem else f"{field}: {cause.problem}"
        return ConfigError(f"{who}: {problem}", fix=_number_to_write(value, field, "s") or cause.fix)
    spot = field + "".join(f"[{key!r}]" for key in where[1:] if key != "[key]")  # pydantic's word for a key
    complaint = _complaint(first, known.get(field))
    fix = _number_to_write(value, field, unit_of(field)) or _whole(first) or _advice(known.get(field))
    if field == "name" and first["type"] == "string_pattern_mismatch":
        fix = "write it as in pay-orders"
    return ConfigError(f"{who}: {spot}={value!r} {complaint}", fix=fix)


def _names(cls: type) -> str:
    """Return the names of a class's settings."""
    return ", ".join(s.name for s in settings(cls) if s.name not in IDENTITY)


def _who(cls: type, args: tuple[Any, ...], given: dict[str, Any]) -> str:
    """Return which service or link is meant."""
    name = args[0] if args else given.get("name")
    if isinstance(name, str):
        return f"{cls.__name__} {name!r}"
    return f"{cls.__name__} {given['source']!r} to {given['target']!r}" if "source" in given else cls.__name__


def _complaint(first: Any, setting: Setting | None) -> str:
    """Return what is wrong with a value, and what is allowed."""
    kind = first["type"]
    if kind in ("greater_than_equal", "greater_than", "less_than_equal", "less_than") and setting is not None:
        return f"is outside {_range(setting)}"
    if kind == "string_pattern_mismatch" and (setting is None or setting.name == "name"):
        return "is not a name: a letter, then at most 47 letters, digits, - or _"
    if setting is not None and setting.choices:
        return f"is not one of {', '.join(map(repr, setting.choices))}"
    message = str(first["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
    return f"is not {message}" if message.startswith(("a ", "an ")) else f"is refused: {message}"


def _range(setting: Setting) -> str:
    """Return a setting's range with its unit."""
    unit = f" {setting.unit}" if setting.unit else ""
    if setting.is_low_excluded:
        unit += f", {setting.low} excluded"
    if setting.high is None:
        return f"{setting.low}{unit} or more"
    return f"{'' if setting.low is None else setting.low}..{setting.high}{unit}"


def _number_to_write(value: Any, field: str, unit: str) -> str:
    """Return what to write instead of text with a unit, or ""."""
    suffix = field if unit_of(field) else f"{field}_s"  # a law's field has no unit in its name: seconds
    if isinstance(value, str) and unit and (meant := number_meant(value, suffix)) is not None:
        return f"write the number in {unit}: {field}: {meant:.15g}"
    return ""


def _whole(first: Any) -> str:
    """Return what to write instead of a whole number of another type (1024.0, numpy's), or ""."""
    value = first["input"]
    if (
        first["type"] == "int_type"
        and isinstance(value, Integral | float)
        and not isinstance(value, bool)
        and value % 1 == 0
    ):
        return f"write it as an int: {int(value)}"
    return ""


def _advice(setting: Setting | None) -> str:
    """Return what a setting allows, with its source."""
    if setting is None:
        return "see the documentation of this setting"
    source = f" ({setting.source})" if setting.source else ""
    if setting.choices:
        return f"choose {setting.name} from {', '.join(map(repr, setting.choices))}{source}"
    if setting.low is not None or setting.high is not None:
        return f"choose {setting.name} in {_range(setting)}{source}"
    return f"{setting.name}: {setting.text or 'give a value'}{source}"
