"""What keeps environments ready, and what that costs: provisioned concurrency and its scaling, warmers, snapshots.

Sources  [1] Application Auto Scaling on provisioned concurrency: AWS Lambda Developer Guide, provisioned-concurrency
             (2023): target tracking, about three minutes over the target before it scales out, in below 90 % of it
         [2] Lambda pricing page (2026): a period of provisioned concurrency is rounded up to 5 minutes; a snapshot is
             kept in the cache for at least 3 hours
Checked  2026-11-27
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from chainkit.declared import declared
from chainkit.distributions import Constant, Duration
from chainkit.errors import ConfigError
from chainkit.records import Meter, Pings, Provisioned
from chainkit.units import GB_MB


def _as_tuples(value: Any) -> Any:
    """Return a design file's list of lists as a list of tuples."""
    return [tuple(each) if isinstance(each, list) else each for each in value] if isinstance(value, list) else value


@declared
class ProvisionedScaling:
    """How the number of provisioned environments follows use and the clock.

    Examples
    --------
    >>> ProvisionedScaling(minimum=2, maximum=20).target
    0.7
    """

    minimum: int = Field(ge=0, le=10_000)
    """Fewest environments."""
    maximum: int = Field(ge=0, le=10_000)
    """Most environments."""
    target: float | None = Field(default=0.7, gt=0, le=1, json_schema_extra={"source": "[1]"})
    """Share of them in use that target tracking aims at; None: no tracking."""
    schedule: Annotated[list[tuple[float, int, int]], BeforeValidator(_as_tuples)] = Field(default_factory=list)
    """(seconds after the start, minimum, maximum): scheduled actions."""
    every_s: float | None = Field(default=86_400.0, gt=0)
    """The schedule begins anew after so long, seconds; None: it happens once."""

    @field_validator("maximum")
    @classmethod
    def _above(cls, maximum: int, info: ValidationInfo) -> int:
        """Refuse a maximum below the minimum."""
        minimum = info.data.get("minimum", 0)
        if maximum < minimum:
            raise ConfigError(f"{maximum} is below minimum={minimum}", fix=f"give {minimum} or more")
        return maximum

    @field_validator("schedule")
    @classmethod
    def _in_order(cls, schedule: list[tuple[float, int, int]]) -> list[tuple[float, int, int]]:
        """Refuse instants before the start or out of order, and a maximum below its minimum."""
        times_s = [at_s for at_s, _, _ in schedule]
        if times_s != sorted(set(times_s)) or any(at_s < 0 for at_s in times_s):
            raise ConfigError(f"{times_s} are no instants in order", fix="give seconds from 0 up, each once")
        for at_s, low, high in schedule:
            if not 0 <= low <= high <= 10_000:
                problem = f"minimum {low} and maximum {high} at {at_s:g} s do not fit"
                raise ConfigError(problem, fix="give 0 <= minimum <= maximum <= 10000")
        return schedule

    def provisioned(self, count: int) -> Provisioned:
        """Return the record of `count` environments that follow this scaling."""
        return Provisioned(
            count=count,
            minimum=self.minimum,
            maximum=self.maximum,
            target=self.target,
            schedule=tuple((float(at_s), low, high) for at_s, low, high in self.schedule),
            every_s=self.every_s,
        )


@declared
class Warmer:
    """Pings on a timer, so many at once, that keep so many environments warm.

    Examples
    --------
    >>> Warmer(environments=3).every_s
    300.0
    """

    every_s: float = Field(default=300.0, ge=60, le=86_400, json_schema_extra={"source": "a schedule's least is 60 s"})
    """How often, seconds."""
    environments: int = Field(default=1, ge=1, le=1_000)
    """How many pings at once."""
    duration: Duration = Constant(0.01)
    """How long a ping runs; long enough that they overlap."""

    def pings(self) -> Pings:
        """Return the record of these pings."""
        return Pings(every_s=self.every_s, environments=self.environments, work=self.duration)


def meters(provisioned: Provisioned | None, memory_mb: int, on: str) -> tuple[Meter, ...]:
    """Return what environments kept ready cost: all the time, and less while they run; `on` is x86 or arm64.

    `provisioned_s` adds up how long each was allocated, rounded up to 5 minutes where that ended [2].
    """
    if provisioned is None:
        return ()
    ready, run, gb = f"lambda-provisioned-gb-s-{on}", f"lambda-provisioned-duration-gb-s-{on}", memory_mb / GB_MB
    return (
        Meter(price=ready, counter="provisioned_s", factor=gb, per="hour", why="environments kept ready, by 5 minutes"),
        Meter(price=run, counter="provisioned_run_ms", factor=gb / 1000, why="run time in those, by the ms"),
    )


def snapshot_meters(memory_mb: int) -> tuple[Meter, ...]:
    """Return what SnapStart costs where it costs anything; a month is over the least time of its cache [2]."""
    gb, cache, restore = memory_mb / GB_MB, "lambda-snapstart-cache-gb-s", "lambda-snapstart-restore-gb"
    return (
        Meter(price=cache, counter="hours", factor=3600 * gb, per="hour", why="the snapshot kept in its cache"),
        Meter(price=restore, counter="cold_starts", factor=gb, why="restores from the snapshot"),
    )


def _as(cls: Any) -> BeforeValidator:
    """Return what makes an object of a design file's mapping; anything else stays as it is."""

    def made(value: Any) -> Any:
        is_settings = isinstance(value, dict) and all(isinstance(name, str) for name in value)
        return cls(**value) if is_settings else value

    return BeforeValidator(made)


ProvisionedScalingSetting = Annotated[ProvisionedScaling | None, _as(ProvisionedScaling)]
"""Scaling, as an object or as a design file's mapping."""
WarmerSetting = Annotated[Warmer | None, _as(Warmer)]
"""A warmer, as an object or as a design file's mapping."""
