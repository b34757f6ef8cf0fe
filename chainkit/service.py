"""What every AWS service is made from, and the register of all of them.

`@service` turns a class of fields into a frozen, validated dataclass and registers it. What a service says about itself
it says with the records of records.py, through the methods of `Service`; engines call those and ask nothing else.
"""

import dataclasses
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeVar, dataclass_transform

from pydantic import Field

from chainkit.declared import changed, declared, stated
from chainkit.errors import ConfigError, nearest
from chainkit.records import Call, Grant, Handle, Port, Properties

if TYPE_CHECKING:
    from chainkit.records import Behaviour, Meter, Resource

S = TypeVar("S", bound="Service")

registry: dict[str, type["Service"]] = {}
"""Class name -> class, for every service that has been imported."""

LONGEST = 48
NAME = rf"^[A-Za-z][A-Za-z0-9_-]{{0,{LONGEST - 1}}}$"
"""A name that every AWS service takes, and that fits a logical id."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a service may know of the chain around it while it says what it becomes."""

    chain: str
    """Name of the chain: the prefix of physical names."""
    role: str = ""
    """Logical id of the role made for this service, if it has one."""
    environment: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Variables that this service's links give to its code."""
    substitutions: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What ${name} in this service's definition stands for: {"Ref": id}, the URL, of what accepts messages (a queue),
    the ARN of any other service; every service of the chain may be in it."""
    package: bytes = b""
    """Zip of the code that runs here, for a service that runs code."""
    attached: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What links hang on this service: "redrive", "on_failure", "on_success"."""


@declared
class Service(ABC):
    """A node of a chain. Frozen: change one through the chain (`chain.set`)."""

    name: Annotated[str, Field(pattern=NAME)] = dataclasses.field(kw_only=False)
    """Name in the chain, and last part of its name on AWS."""

    port: ClassVar[Port] = Port()
    colour: ClassVar[str] = "#888888"
    """Of the card on the canvas: AWS's colour for the service's family."""
    label: ClassVar[str] = ""
    """Two or three words on the card: "Lambda function"."""
    icon: ClassVar[str] = "M5 5h14v14H5z"
    """What its card shows: the strokes of an SVG path in a square of 24."""
    main_settings: ClassVar[tuple[str, ...]] = ()
    """What a form shows first, while the rest is folded away; () shows all."""
    principal: ClassVar[str] = ""
    """Who assumes this service's role, for a service that needs one."""
    sends_account: ClassVar[bool] = False
    """Whether AWS documents that it then sends aws:SourceAccount, so that the role's trust can ask for it."""
    grants: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Word of `port.accepts` or `port.emits` -> actions that the other end's role must allow."""
    delivery_protocol: ClassVar[str] = ""
    """What SNS calls a delivery here ("lambda", "sqs"); "" where no topic can deliver."""
    largest_event_bytes: ClassVar[int] = 1024 * 1024
    """Of what is handed over to this service without waiting (AWS blog 2026-01-29)."""
    handle_suffix: ClassVar[str] = ""
    """Last words of the environment variable that tells callers where this service is."""

    @abstractmethod
    def behaviour(self) -> "Behaviour":
        """Return what the virtual machine makes of this service."""

    def meters(self) -> tuple["Meter", ...]:
        """Return what of this service's use is billed."""
        return ()

    def unpriced(self, leaving: Sequence[Any]) -> tuple[str, ...]:
        """Return what AWS bills here and no setting says how much of, given the links that leave; with the setting."""
        return ()

    def problems(self, names: Mapping[str, "Service"]) -> list[ConfigError]:
        """Return what cannot be built or run, given the other services of the chain by name."""
        return []

    @abstractmethod
    def resources(self, around: Surroundings) -> tuple["Resource", ...]:
        """Return the CloudFormation resources this service becomes."""

    def tasks(self) -> list[tuple[str, str, str, str]]:
        """Return (state, service, resource, invocation type) for each task that this service's definition names."""
        return []

    def package(
        self, root: Path | None, calls: list[dict[str, Any]], *, reports: bool = False, is_vendored: bool = False
    ) -> bytes:
        """Return the zip of what runs here: code below `root`, or a stand-in that makes `calls`; b"" for no code."""
        return b""

    def gather(self, root: Path | None) -> bool | None:
        """Gather what the code needs where it will run; return whether it was not there, None if it needs nothing."""
        return None

    def answers(self) -> bool:
        """Tell whether a caller can wait for the answer."""
        return True

    def link_resources(self, link: Any, target: "Service") -> tuple["Resource", ...]:
        """Return what this service needs for one outgoing link (an API's integration and route)."""
        return ()

    def admission(self, principals: tuple[tuple[str, Any], ...]) -> tuple["Resource", ...]:
        """Return the resource policy that lets other AWS services in: (principal, source ARN) pairs."""
        return ()

    @classmethod
    def lets_in(cls) -> bool:
        """Tell whether a policy of its own can let AWS services in; a rule needs its role for any other target."""
        return cls.admission is not Service.admission

    def arn(self) -> Any:
        """Return the intrinsic function that gives this service's ARN."""
        return {"Fn::GetAtt": [self.id, "Arn"]}

    def address(self) -> Any:
        """Return what a state machine's task calls this service by."""
        return self.arn()

    def handle(self) -> Handle:
        """Return what callers are told about this service."""
        return Handle(self.handle_suffix, {"Ref": self.id})

    @abstractmethod
    def entry(self) -> tuple[str, Call]:
        """Return the boto3 client and call with which a person sends one event; it gets Ref and Event (JSON text)."""

    def handover(self) -> tuple[str, Call]:
        """Return the client and call that give an event to this service as AWS does by itself: nobody waits.

        It gets Ref, Event (JSON text) and Attributes (of a message).
        """
        return self.entry()

    @property
    def id(self) -> str:
        """Logical id of this service's main resource."""
        return logical_id(self.name)

    def integration(self, is_sync: bool) -> Properties:
        """Return how an API calls this service: the properties of its integration."""
        return {}

    def own_grants(self, around: Surroundings) -> list[Grant]:
        """Return what this service's role must allow besides what its links need."""
        return []

    def grant(self, word: str) -> Grant | None:
        """Return what a role needs to use this service by `word`, or None if nothing."""
        actions = self.grants.get(word, ())
        return Grant(actions, self.arn()) if actions else None

    def with_settings(self, **changes: Any) -> Self:
        """Return a copy with some settings changed."""
        return changed(self, **changes)

    def renamed(self, names: Mapping[str, str]) -> Self:
        """Return the service where some, or it itself, have other names now: old -> new."""
        return dataclasses.replace(self, name=names[self.name]) if self.name in names else self

    def to_plain(self) -> dict[str, Any]:
        """Return the type and the settings that differ from AWS's defaults, as a design file holds them."""
        return {"type": type(self).__name__, **stated(self)}


def logical_id(*words: str) -> str:
    """Return words joined to a CloudFormation logical id: letters and digits.

    >>> logical_id("my-jobs", "policy")
    'MyJobsPolicy'
    """
    parts = "-".join(words).replace("_", "-").split("-")
    return "".join(part[:1].upper() + part[1:] for part in parts)


def references(value: Any) -> Iterator[str]:
    """Yield the logical ids that a property refers to by Ref, Fn::GetAtt or Fn::Sub.

    >>> list(references([{"Ref": "Jobs"}, {"Fn::Sub": "${AWS::Region}/${Api}"}, {"Fn::GetAtt": ["Pay", "Arn"]}]))
    ['Jobs', 'Api', 'Pay']
    """
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            found = [name]
        case {"Fn::Sub": str(text)}:
            found = re.findall(r"\$\{(?!!)([^}.]+)", text)
        case Mapping():
            found = [name for inner in value.values() for name in references(inner)]
        case list() | tuple():
            found = [name for inner in value for name in references(inner)]
        case _:
            found = []
    yield from (name for name in found if not name.startswith("AWS::"))


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field, dataclasses.field))
def service(cls: type[S]) -> type[S]:
    """Make a service class of `cls` and register it under its name."""
    built = declared(cls)
    registry[built.__name__] = built
    return built


def from_plain(name: str, plain: Mapping[str, Any]) -> Service:
    """Return the service that a design file's entry describes.

    Raises
    ------
    ConfigError
        If the type or a setting is unknown, or a value is refused.
    """
    settings = dict(plain)
    kind = settings.pop("type", None)
    if not isinstance(kind, str) or kind not in registry:
        hint = nearest(kind, registry) if isinstance(kind, str) else ""
        raise ConfigError(
            f"service {name!r}: type={kind!r} is unknown{hint}", fix=f"choose from {', '.join(sorted(registry))}"
        )
    return registry[kind](name, **settings)


def given(properties: Properties, *names: str) -> dict[str, Any]:
    """Return those of the named properties that are there: most API calls take them as they are."""
    return {name: properties[name] for name in names if name in properties}


def tag_map(properties: Properties) -> dict[str, str]:
    """Return the tags as most APIs take them.

    >>> tag_map({"Tags": [{"Key": "chainkit:chain", "Value": "orders"}]})
    {'chainkit:chain': 'orders'}
    """
    tags = properties.get("Tags", {})
    return dict(tags) if isinstance(tags, Mapping) else {tag["Key"]: tag["Value"] for tag in tags}


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as most properties have them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def as_text(value: Any) -> str:
    """Return a value as APIs with string attributes take it: JSON for structures, digits for numbers."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
