"""Knobs: settings that a slider moves, the values it stops at, and what a value changes in a chain or its traffic.

A key is dotted, as in a sweep: "payment.memory_mb", "jobs>payment.batch_size", "load.rate_per_s"; "*.message_bytes" is
that setting of everything in the chain that has it, so that one slider moves designs whose links have other names.
Where a function is fused into another, its name means the part that it is there.
"""

import dataclasses
import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chainkit.chain import Chain
from chainkit.errors import ChainkitError, ConfigError, nearest
from chainkit.law import is_number
from chainkit.operations import Operation, giving, owners, setting_names
from chainkit.simulation.loads import Load
from chainkit.units import KB, unit_of
from chainkit.wiring import WORDS, Link

RATE = "load.rate_per_s"
ALL, LOAD = "*", "load"
MEMORY_MB = (
    128, 192, 256, 384, 512, 640, 768, 896, 1024, 1280, 1536, 1769, 2048, 2560, 3008, 4096, 5120, 6144, 8192, 10240,
)  # fmt: skip
SHARES = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
BYTES = tuple(2**power for power in range(8, 19))
STOPS: Mapping[str, tuple[float, ...]] = {"memory_mb": MEMORY_MB, "error_rate": SHARES, "message_bytes": BYTES}
"""Setting -> where its slider stops unless a range is given."""
RATE_REACH = 100.0
"""A rate's slider goes from a hundredth of what it is to its hundredfold."""
DIGITS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
"""Where a wide range stops, in each decade."""
WIDE = 10.0
"""Largest by smallest value from which a range has stops by decades; a narrower one has `EVEN` equal steps."""
EVEN = 40


@dataclass(frozen=True)
class Knob:
    """One setting with the values its slider stops at, ascending; the value that is in force is one of them."""

    key: str
    stops: tuple[Any, ...]

    @property
    def label(self) -> str:
        """Return what it moves, for people.

        >>> Knob("payment.memory_mb", ()).label, Knob("*.message_bytes", ()).label
        ('payment: memory', 'all links: message')
        """
        owner, field = split(self.key)
        unit = unit_of(field)
        name = field.removesuffix(f"_{unit.lower()}").removesuffix("_per_s") if unit else field
        return f"{ {ALL: 'all links', LOAD: 'traffic'}.get(owner, owner) }: {name.replace('_', ' ')}"

    def near(self, value: Any) -> int:
        """Return the place of a value among the stops."""
        if value in self.stops:
            return self.stops.index(value)
        return min(bisect_left(self.stops, value), len(self.stops) - 1)

    def with_value(self, value: Any) -> "Knob":
        """Return the knob with one more stop, where there is none."""
        if value in self.stops:
            return self
        if not all(map(is_number, (value, *self.stops))):
            return dataclasses.replace(self, stops=(value, *self.stops))
        return dataclasses.replace(self, stops=tuple(sorted((*self.stops, value))))


def split(key: str) -> tuple[str, str]:
    """Return owner and setting of a key.

    >>> split("jobs>payment.batch_size")
    ('jobs>payment', 'batch_size')
    """
    owner, _, field = key.rpartition(".")
    return owner, field


def shown(key: str, value: Any) -> str:
    """Return a value with its unit.

    >>> shown("f.memory_mb", 512), shown("f.error_rate", 0.02), shown("a>b.message_bytes", 65536), shown(RATE, 40.0)
    ('512 MB', '2 %', '64 KB', '40 per second')
    """
    unit = unit_of(split(key)[1])
    if not is_number(value):
        return str(value)
    if unit.startswith("(a share"):
        return f"{100 * value:.4g} %"
    if unit == "bytes":
        return f"{value / KB:,.4g} KB" if value >= KB else f"{value:,g} bytes"
    return f"{value:,.6g} {unit}".strip()


# --- which knobs there are ---


def knob(key: Any, asked: Any, chains: Sequence[Chain], load: Load) -> Knob:
    """Return the knob that is asked for: a range as a pair of numbers, or the values themselves; None: as usual.

    Raises
    ------
    ConfigError
        If no chain has the setting, or the values are none.
    """
    if not isinstance(key, str):
        raise ConfigError(f"sliders: knobs: {key!r} is no setting", fix='write it as in "pay.memory_mb"')
    value = current(key, chains, load)
    if asked is None:
        return Knob(key, usual_stops(key, value)).with_value(value)
    is_listed = isinstance(asked, Sequence) and not isinstance(asked, str) and len(asked) >= 2
    if not is_listed:
        raise ConfigError(
            f"sliders: knobs[{key!r}]={asked!r} is no range", fix='give its ends: {"pay.memory_mb": (128, 3008)}'
        )
    values = tuple(asked)
    if len(values) == 2 and all(map(is_number, values)):
        if not values[0] < values[1]:
            raise ConfigError(
                f"sliders: knobs[{key!r}]={asked!r} does not ascend", fix="give the least value first, then the largest"
            )
        values = steps(*values, is_whole=isinstance(value, int) and all(isinstance(end, int) for end in values))
    return Knob(key, values).with_value(value)


def usual_stops(key: str, value: Any) -> tuple[Any, ...]:
    """Return where a slider stops while no range is given."""
    if key == RATE:
        if not is_number(value) or not 0 < value < math.inf:
            raise ConfigError(f"sliders: {key!r} is {value!r}: nothing to move", fix="choose another kind of traffic")
        return steps(value / RATE_REACH, value * RATE_REACH)
    field = split(key)[1]
    if field in STOPS:
        return STOPS[field]
    if isinstance(value, bool) or not is_number(value):
        raise ConfigError(
            f"sliders: {key!r} is {value!r}: it has no range of its own", fix="give the values to try as a list"
        )
    low, high = value / 4, value * 4
    return steps(low, high, is_whole=isinstance(value, int)) if value > 0 else (0, 1)


def steps(low: float, high: float, *, is_whole: bool = False) -> tuple[float, ...]:
    """Return round values from `low` to `high`: by decades where the range is wide, else evenly spaced.

    >>> steps(1, 100)[:6], steps(128, 130, is_whole=True)
    ((1.0, 1.2, 1.5, 2.0, 2.5, 3.0), (128, 129, 130))
    """
    if low > 0 and high / low >= WIDE:
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        found = [float(f"{digit * 10.0**power:.6g}") for power in powers for digit in DIGITS]
        found = [low, *(value for value in found if low < value < high), high]
    else:
        found = [low + (high - low) * k / EVEN for k in range(EVEN + 1)]
    return tuple(dict.fromkeys(round(value) if is_whole else float(f"{value:.6g}") for value in found))


def current(key: str, chains: Sequence[Chain], load: Load) -> Any:
    """Return the value in force: that of the first chain that has the setting.

    Raises
    ------
    ConfigError
        If there is none.
    """
    owner, field = split(key)
    if owner == LOAD and not any(LOAD in chain.services for chain in chains):
        names = ["rate_per_s", *(each.name for each in dataclasses.fields(load))]
        if field not in names:
            raise ConfigError(
                f"sliders: {key!r}: {type(load).__name__} has no field {field!r}{nearest(field, names)}",
                fix=f"its fields: {', '.join(dict.fromkeys(names))}",
            )
        return getattr(load, field)
    for chain in chains:
        for _, thing in holders(chain, key):
            return getattr(thing, field)
    names = [*dict.fromkeys(name for chain in chains for name in (*chain.services, *chain.links)), LOAD]
    fields = {each for chain in chains for each in setting_names(owners(chain).get(owner))}
    why = f"{owner!r} has no setting {field!r}{nearest(field, fields)}" if fields else f"there is no {owner!r}"
    raise ConfigError(
        f"sliders: {key!r}: {why}",
        fix=f"its settings: {', '.join(sorted(fields))}"
        if fields
        else f'write "name.setting"; names: {", ".join(names)}',
    )


# --- what a value changes ---


def holders(chain: Chain, key: str) -> list[tuple[str, Any]]:
    """Return what a key means in a chain: names with services, links or parts that have the setting, to be changed."""
    owner, field = split(key)
    things = owners(chain)
    names: Iterable[str] = things if owner == ALL else [owner] if owner in things else []
    return [(name, things[name]) for name in names if field in setting_names(things[name]) and _is_own(things[name])]


def operations(chain: Chain, key: str, value: Any) -> tuple[Operation, ...]:
    """Return what gives a setting a value in a chain; nothing where the chain has no such setting."""
    field = split(key)[1]
    return giving(chain, [name for name, _ in holders(chain, key)], field, value)


def loaded(load: Load, key: str, value: Any) -> Load:
    """Return traffic with one of its fields changed.

    Raises
    ------
    ConfigError
        If it refuses the value.
    """
    if key == RATE:
        return load.with_rate(value)
    changes: dict[str, Any] = {split(key)[1]: value}
    return dataclasses.replace(load, **changes)


def has_rate(load: Load) -> bool:
    """Tell whether traffic has a rate that can be moved: that of users who wait for answers follows from those."""
    try:
        usual_stops(RATE, load.with_rate(load.rate_per_s).rate_per_s)
    except ChainkitError:
        return False
    return True


def is_of_load(key: str, chain: Chain) -> bool:
    """Tell whether a key is the traffic's."""
    return split(key)[0] == LOAD and LOAD not in chain.services


def _is_own(thing: Any) -> bool:
    """Tell whether a thing is not a state machine's own link, which its definition holds."""
    return not isinstance(thing, Link) or thing.word in WORDS
