"""What a month's use of an AWS service is made from, and the register of all of them.

A use is a frozen set of numbers as AWS's price examples state them: requests, milliseconds, MB, KB, hours. It knows
AWS's rules of counting (which step sizes are rounded up, what is counted per hour), and no price: it says how much of
which price it uses. Prices are those of `chainkit/billing/`.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, dataclass_transform

from pydantic import Field

from chainkit.declared import declared, stated
from chainkit.errors import ConfigError, nearest
from chainkit.units import HOURS_PER_MONTH, KB, MB

U = TypeVar("U", bound="Use")

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A quantity: 0 or more."""
Said = Annotated[Amount | None, Field(validate_default=True)]
"""A price that goes with a quantity; None, which a validator refuses where there is that quantity."""
Hours = Annotated[float | None, Field(ge=0, allow_inf_nan=False)]
"""A stretch of time; None: the whole month."""

KB_PER_GB = 1024 * MB // KB
"""A price's gigabyte is 1024 * 1024 KB: API Gateway's own examples (E22 and E24 of the price examples that
tests/billing/test_examples.py holds). The same is assumed for logs, events, streams and topics, of which AWS shows no
sum with kilobytes; give the `_gb` field to decide it yourself."""

_SLACK = 1e-12
"""What a product of floats may lie above a whole number without being rounded up to the next."""


@dataclass(frozen=True)
class Quantity:
    """How much of one price is used in a month."""

    price: str
    """Key in the price book."""
    quantity: float
    """In the unit of that price."""
    what: str
    """What is paid for, and how it was counted, in words."""
    is_hourly: bool = False
    """Whether time makes it, not requests."""
    usd_per_unit: float | None = None
    """A price that the use itself states, for what has no list price here; None: the price book's."""
    unit: str = ""
    """Of such a price."""
    source: str = "given by the user"
    """Who says such a price."""


class Use(ABC):
    """A month's use of one AWS service: numbers in, quantities of prices out."""

    @abstractmethod
    def _counted(self, month: float) -> Iterator[Quantity]:
        """Yield what is counted in a month of so many hours."""

    def quantities(self, hours_per_month: float = HOURS_PER_MONTH) -> tuple[Quantity, ...]:
        """Return how much of which price a month uses; what is not used is left out.

        Parameters
        ----------
        hours_per_month : above 0
            What is there all the time counts these, and what is kept for a part of the month is that part of them.

        Examples
        --------
        >>> import chainkit as ck
        >>> for each in ck.SqsUse(sends=1_000_000, message_kb=100).quantities():
        ...     print(each.price, each.quantity, each.what)
        sqs-standard-requests 2000000.0 messages sent, 2 units of 64 KB each
        """
        return tuple(each for each in self._counted(float(hours_per_month)) if each.quantity)

    def _share(self, month: float, hours: float | None) -> float:
        """Return the part of the month that so many hours are; None: all of it.

        Raises
        ------
        ConfigError
            If the month has fewer.
        """
        if hours is not None and hours > month * (1 + _SLACK):
            raise ConfigError(
                f"{type(self).__name__}: hours={hours:g} is more than the month of {month:g} hours",
                fix="give fewer hours, or hours_per_month: 744 for 31 days",
            )
        return all_month(month, hours) / month

    def __repr__(self) -> str:
        """Return the class and the fields that were given."""
        given = ", ".join(f"{name}={value!r}" for name, value in stated(self).items())
        return f"{type(self).__name__}({given})"

    def to_plain(self) -> dict[str, Any]:
        """Return the class's name and the fields that are not 0, as a design file holds them."""
        return {"type": type(self).__name__, **stated(self)}


registry: dict[str, type[Use]] = {}
"""Class name -> class, for every use that has been imported: chainkit/uses/ imports all."""


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
def use(cls: type[U]) -> type[U]:
    """Make a use of `cls`, a class of fields, and register it under its name."""
    built = declared(cls)
    built.__repr__ = Use.__repr__  # type: ignore[method-assign]  # of the 27 fields of a function most are 0
    registry[built.__name__] = built
    return built


def from_plain(who: str, plain: Mapping[str, Any]) -> Use:
    """Return the use that a design file's entry describes: its class in `type`, its fields beside.

    Raises
    ------
    ConfigError
        If the class or a field is unknown, or a value is refused; `who` says whose it is.

    Examples
    --------
    >>> import chainkit.uses
    >>> from_plain("cost 'gate'", {"type": "VpcUse", "nat_gateways": 2}).quantities()[0].quantity
    1460.0
    """
    fields = dict(plain)
    kind = fields.pop("type", None)
    if not isinstance(kind, str) or kind not in registry:
        hint = nearest(kind, registry)
        raise ConfigError(f"{who}: type={kind!r} is unknown{hint}", fix=f"choose from {', '.join(sorted(registry))}")
    return registry[kind](**fields)


def units(size: float, step: float) -> int:
    """Return into how many units AWS cuts a size: begun ones count, and nothing is one.

    >>> units(64, 64), units(65, 64), units(0, 64)
    (1, 2, 1)
    """
    return max(1, rounded_up(size / step))


def rounded_up(value: float) -> int:
    """Return the next whole number, forgiving what floats add to one.

    >>> rounded_up(0.1 * 3 * 10), rounded_up(3.001)
    (3, 4)
    """
    return math.ceil(value * (1 - _SLACK) if value > 1 else value - _SLACK)


def each(count: int, unit: str) -> str:
    """Return how many units one thing is, in words; nothing to say for one.

    >>> each(1, "64 KB"), each(2, "64 KB")
    ('', ', 2 units of 64 KB each')
    """
    return "" if count == 1 else f", {count:,} units of {unit} each"


def all_month(month: float, hours: float | None) -> float:
    """Return the hours of a use: its own, or those of the month."""
    return month if hours is None else hours


def refuse_more(value: float, most: Any, than: str) -> None:
    """Refuse a part that is larger than its whole; the text goes on behind the name of the field.

    Raises
    ------
    ConfigError
        If it is.
    """
    if isinstance(most, int | float) and value > most * (1 + _SLACK):
        raise ConfigError(f"{value:g} is more than {than}={most:g}", fix=f"give at most {most:g}, or more {than}")


def refuse_unpriced(usd: float | None, quantity: Any) -> None:
    """Refuse a quantity whose price the use should state and does not; the text goes on behind the name of the field.

    Raises
    ------
    ConfigError
        If there is one: no price is taken as zero.
    """
    if usd is None and quantity:
        raise ConfigError(f"missing, and {quantity:g} would cost nothing", fix="give USD per unit; 0 if it is free")


def refuse_elsewhere(value: float | None, info: Any, field: str, *kinds: str) -> None:
    """Refuse a figure of a kind that does not have it: it would be left out in silence.

    Raises
    ------
    ConfigError
        If it is none; the text goes on behind the name of the field.
    """
    kind = info.data.get(field)
    if value and kind is not None and kind not in kinds:
        allowed = " or ".join(kinds)
        raise ConfigError(f"{value:g} is counted for {field}={allowed} only", fix=f"leave it out, or change {field}")
