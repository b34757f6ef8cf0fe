"""Parts of a function: further pieces of work that the same invocation does, one after another, after its own.

A monolith is one function with parts. Each part draws at the sites that a function of its name would draw at, so that
the same request costs the same work whether parts are functions of their own or not.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from chainkit import patterns
from chainkit.declared import changed, declared
from chainkit.distributions import Constant, Duration
from chainkit.errors import ConfigError, nearest
from chainkit.records import Piece
from chainkit.service import NAME

Complaint = tuple[str, str]
"""(problem, fix)."""
APART = ("memory_mb", "timeout_s", "needs_answer")
"""Settings that a part has for the function it would be: as a part it does not feel them."""


@declared
class Part:
    """A piece of work of a function; at its end it may fail its caller, and so the invocation.

    Examples
    --------
    >>> Part(duration=0.2, error_rate=0.01).caller
    ''
    """

    duration: Duration = Constant(0.1)
    """Work of this part for one request or message, as measured at `measured_memory_mb`; a law or seconds."""
    first_duration: Duration | None = None
    """Replaces `duration` for the first unit after an init; None: no difference."""
    caller: str = ""
    """Part that hands it this work: done only where that one was, and right after it; "": the function itself."""
    error_rate: float = Field(default=0.0, ge=0, le=1, json_schema_extra={"source": "your own figures"})
    """Chance that an attempt fails at the end of this part."""
    error_name: str = Field(default="Exception", min_length=1)
    """Name of the error it then raises."""
    poison_fraction: float = Field(default=0.0, ge=0, le=1, json_schema_extra={"source": "your own figures"})
    """Share of the requests that fail here on every attempt."""
    cpu_fraction: float = Field(
        default=0.0, ge=0, le=1, json_schema_extra={"source": "T = io + cpu / min(memory, 1769)"}
    )
    """Share of the work that is CPU work and so scales with the function's memory."""
    measured_memory_mb: int | None = Field(
        default=None, ge=128, le=10_240, json_schema_extra={"source": "Lambda quotas, 2026"}
    )
    """Memory at which the laws were measured; None: at the function's."""
    probability: float = Field(default=1.0, ge=0, le=1)
    """Chance that a request needs this part."""
    chance: str | None = None
    """Name of the draw that decides; None: that of a link from its caller."""
    filter_policy: dict[str, list[Any]] | None = None
    """Attribute -> values for which this part is done (matchers as in a subscription); None: always."""
    case: str | None = None
    """Parts of one caller that share a case exclude each other; their probabilities add to at most 1."""
    on_error: Literal["fail", "continue"] = "fail"
    """Whether its failure, or that of what hangs on it, fails what called it; else all of it is left off there."""
    needs_answer: bool = True
    """Whether its caller uses its answer: as a function of its own it is called synchronously, else by an event."""
    memory_mb: int | None = Field(default=None, ge=128, le=10_240, json_schema_extra={"source": "Lambda quotas, 2026"})
    """Memory that a function of its own would have; None: the function's."""
    timeout_s: int | None = Field(default=None, ge=1, le=900, json_schema_extra={"source": "Lambda quotas, 2026"})
    """Timeout that a function of its own would have, seconds; None: the function's."""

    def piece(self, name: str, scale: float) -> Piece:
        """Return the record of this part, its laws scaled to the function's memory."""
        return Piece(
            name=name,
            caller=self.caller,
            work=self.duration.scaled(scale),
            first_work=self.first_duration.scaled(scale) if self.first_duration is not None else None,
            error_rate=self.error_rate,
            error_name=self.error_name,
            poison_fraction=self.poison_fraction,
            probability=self.probability,
            chance=self.chance,
            filter_policy=self.filter_policy,
            case=self.case,
            goes_on=self.on_error == "continue",
        )


def _as_parts(value: Any) -> Any:
    """Return a design file's mapping of mappings as a mapping of parts."""
    if not isinstance(value, dict):
        return value
    return {name: Part(**part) if _is_plain(part) else part for name, part in value.items()}


def _is_plain(part: Any) -> bool:
    """Tell whether this is a mapping of settings."""
    return isinstance(part, dict) and all(isinstance(key, str) for key in part)


def _in_order(parts: dict[str, Part]) -> dict[str, Part]:
    """Refuse names that are none, and parts that no part before them can lead to."""
    for problem, fix in complaints(parts):
        raise ConfigError(problem, fix=fix)
    return parts


PartsSetting = Annotated[dict[str, Part], BeforeValidator(_as_parts), AfterValidator(_in_order)]
"""Name -> part, in the order in which they are done."""


def measured_at(parts: Mapping[str, Part], memory_mb: int) -> dict[str, Part]:
    """Return parts whose laws stay measured at a function's memory when that changes."""
    return {
        name: changed(part, measured_memory_mb=memory_mb)
        if part.cpu_fraction and part.measured_memory_mb is None
        else part
        for name, part in parts.items()
    }


def parts_of(services: Mapping[str, Any]) -> dict[str, tuple[str, Part]]:
    """Return the parts of all services by name, each with the service that does it.

    >>> from chainkit.services import LambdaFunction
    >>> [*parts_of({"f": LambdaFunction("f", parts={"book": Part()}), "g": LambdaFunction("g")})]
    ['book']
    """
    return {
        part: (name, settings)
        for name, each in services.items()
        for part, settings in getattr(each, "parts", {}).items()
    }


def complaints(parts: Mapping[str, Part]) -> Iterator[Complaint]:
    """Yield what is wrong with the parts of a function.

    >>> list(complaints({"book": Part(caller="bok")}))
    [("'book': caller='bok' is no part before it", 'parts before it: none')]
    """
    way, before = [""], list[str]()
    for name, part in parts.items():
        if not re.fullmatch(NAME, name):
            yield f"{name!r} is not a name: a letter, then at most 47 letters, digits, - or _", "rename it"
        if part.caller and part.caller not in before:
            problem = f"{name!r}: caller={part.caller!r} is no part before it{nearest(part.caller, before)}"
            yield problem, f"parts before it: {', '.join(before) or 'none'}"
        elif part.caller not in way:
            yield f"{name!r} does not follow its caller {part.caller!r}", "put it right behind its caller's parts"
        else:
            del way[way.index(part.caller) + 1 :]
        way.append(name)
        before.append(name)
        for error in patterns.complaints(part.filter_policy, f"{name!r}: filter_policy"):
            yield error.problem, error.fix
    yield from _case_complaints(parts)


def _case_complaints(parts: Mapping[str, Part]) -> Iterator[Complaint]:
    """Yield cases whose probabilities add to more than 1."""
    shares: dict[tuple[str, str], dict[str, float]] = {}
    for name, part in parts.items():
        if part.case is not None:
            shares.setdefault((part.caller, part.case), {})[part.chance or name] = part.probability
    for (_, case), found in shares.items():
        if (total := sum(found.values())) > 1 + 1e-9:
            yield f"the probabilities of case {case!r} add to {total:g}", "let them add to at most 1"
