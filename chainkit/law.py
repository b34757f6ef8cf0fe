"""What every law of a duration is: a quantile function, `shift + scale * unit`. distributions.py holds the laws."""

import json
import math
import reprlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from functools import cached_property, lru_cache
from typing import Any, ClassVar, NamedTuple, Self, TypeVar, cast

import numpy as np
import numpy.typing as npt

from chainkit.errors import ConfigError, nearest

FloatArray = npt.NDArray[np.float64]
Floats = TypeVar("Floats", float, FloatArray)
Function = Callable[[FloatArray], FloatArray]
YEAR_S = 365 * 86_400.0


class Unit(NamedTuple):
    """The unit of a law that is `shift + scale * unit`; cdf and sf take 0 or more, each exact where it is small."""

    mean: Callable[[], float]
    ppf: Function
    isf: Function
    cdf: Function
    sf: Function


@dataclass(frozen=True, repr=False)
class Law(ABC):
    """Base of all laws.

    >>> from chainkit.distributions import LogNormal
    >>> law = LogNormal(p50_s=0.25, p99_s=1.0)
    >>> law.ppf(0.5), law.scaled(2)
    (0.25, LogNormal(p50_s=0.5, p99_s=2.0))
    """

    forms: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """The sets of optional fields of which exactly one is given."""
    rising: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Pairs of fields of which the second is above the first."""

    def __new__(cls, *args: Any, **named: Any) -> Self:
        """Refuse fields that are missing, or that there are not: p50 for p50_s. Unpickling gives none at all."""
        known = [each.name for each in fields(cls)]
        positional = [each.name for each in fields(cls) if not each.kw_only]
        if len(args) > len(positional):
            problem = f"{cls.__name__}: {args[len(positional)]!r} is given without a name; allowed: {', '.join(known)}"
            raise ConfigError(problem, fix="write name=value")
        if args or named:
            required = [each.name for each in fields(cls) if each.default is MISSING]
            given = dict(zip(positional, args, strict=False)) | named
            checked_names(cls.__name__, given, known=known, required=required)
        return super().__new__(cls)

    @cached_property
    def mean_s(self) -> float:
        """The mean, seconds."""
        scale, shift = self._place()
        with np.errstate(over="ignore"):
            return float(shift + scale * self._unit().mean())

    def ppf(self, p: Floats) -> Floats:
        """Return the time that a fraction `p` (0..1, any shape) of draws does not exceed, in seconds.

        At 1 it is the upper end of the law, `inf` for most. A `p` outside 0..1 is a ConfigError.

        >>> from chainkit.distributions import Uniform
        >>> Uniform(low_s=1, high_s=3).ppf(np.array([0.0, 0.5]))
        array([1., 2.])
        """
        return self._times_s(self._unit().ppf, p)

    def isf(self, q: Floats) -> Floats:
        """Return the time that a fraction `q` (0..1, any shape) of draws exceeds: `ppf(1 - q)` without cancellation.

        >>> from chainkit.distributions import Exponential
        >>> round(Exponential(mean_s=1).isf(2**-40) / math.log(2), 9)
        40.0
        """
        return self._times_s(self._unit().isf, q)

    def sf(self, time_s: float) -> float:
        """Return the chance that a draw is longer than `time_s` seconds.

        >>> from chainkit.distributions import Uniform
        >>> Uniform(low_s=1, high_s=3).sf(2.5)
        0.25
        """
        scale, shift = self._place()
        if time_s < shift:
            return 1.0
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # the ends of the law
            return float(self._unit().sf(np.array([(time_s - shift) / scale]))[0])

    def jumps(self) -> tuple[float, ...]:
        """Return the probabilities at which `ppf` jumps, ascending; there it has the value before the jump.

        >>> from chainkit.distributions import Constant, Mixture, Uniform
        >>> Mixture([(0.75, Constant(1)), (0.25, Uniform(2, 3))]).jumps()
        (0.75,)
        """
        return ()

    def scaled(self, factor: float) -> Self:
        """Return the law of `factor` (above 0) times this duration, shift included; the class stays the same.

        >>> from chainkit.distributions import Gamma
        >>> Gamma(mean_s=0.5, shape=2).scaled(4)
        Gamma(mean_s=2.0, shape=2.0)
        """
        return self._scaled(number(type(self).__name__, "factor", factor, real("factor", above=0)))

    def standard(self) -> "Standard":
        """Return this law as `shift + scale * unit`, where laws of one shape share one unit, of mean 1 for most.

        A unit's numbers are rounded to 12 digits, so that laws which differ by rounding share it too.

        >>> from chainkit.distributions import Exponential
        >>> Exponential(mean_s=0.5, shift_s=0.25).standard()
        Standard(key=Exponential(mean_s=1.0), scale=0.25, shift=0.25)
        """
        return _standard(self)

    def _as_standard(self) -> "Standard":
        """Return the standard form of a law whose mean is its scale."""
        shift = self._place()[1]
        scale = self.mean_s - shift if self.mean_s - shift > 1e-300 else 1.0  # 0, or too small to divide by
        unshifted = (
            replace(self, **{name: time_s - shift for name, time_s in self._times_given().items()}) if shift else self
        )
        (unit,) = rounded(unshifted._scaled(1 / scale).to_plain()).values()
        return Standard(self._of(unit), scale, shift)

    @classmethod
    def _of(cls, given: Any) -> "Law":
        return cls(**given)

    def to_plain(self) -> dict[str, Any]:
        """Return the law as a design file holds it; `from_plain` is the inverse, to the last bit.

        >>> from chainkit.distributions import Empirical
        >>> Empirical(quantiles={0.5: 1, 0.9: 3}).to_plain()
        {'Empirical': {'quantiles': {0.5: 1.0, 0.9: 3.0}}}
        """
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in self._given().items()}
        return {type(self).__name__: listed}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._given().items())})"

    def __post_init__(self) -> None:
        owner = type(self).__name__
        for each in fields(self):
            value = getattr(self, each.name)
            if each.metadata.get("type") == "number" and not (value is None and each.default is None):
                self._set(each.name, number(owner, each.name, value, each.metadata))
        given = {name for form in self.forms for name in form if getattr(self, name) is not None}
        if self.forms and given not in [set(form) for form in self.forms]:
            allowed = ", or ".join(" with ".join(form) for form in self.forms)
            problem = f"{owner}: {' with '.join(sorted(given)) or 'nothing'} is given; allowed: {allowed}"
            raise ConfigError(problem, fix="give exactly one of these sets")
        for low, high in self.rising:
            low_s, high_s = getattr(self, low), getattr(self, high)
            # the margin keeps out laws without spread, and the order whole when `standard` rounds
            if low_s is not None and high_s is not None and not high_s > low_s * (1 + 1e-9):
                problem = f"{owner}: {high}={high_s!r} is not above {low}={low_s!r} (seconds)"
                raise ConfigError(problem, fix=f"raise {high}, or use Constant for a time that does not vary")
        self._check()
        if not math.isfinite(self.mean_s):
            problem = f"{self!r}: its mean is {self.mean_s!r}; allowed: a finite mean (seconds)"
            raise ConfigError(problem, fix="choose a lighter tail, or an Empirical law, which has a largest value")

    @abstractmethod
    def _unit(self) -> Unit:
        """Return the functions of the law without its place."""

    def _place(self) -> tuple[float, float]:
        """Return scale and shift; a law that is no family of these keeps its seconds in the unit."""
        return 1.0, 0.0

    def _check(self) -> None:  # noqa: B027
        """Refuse what no single number shows, and bring collections into their stored form."""

    def _times_given(self) -> dict[str, float]:
        return {name: time_s for name, time_s in self._given().items() if name.endswith("_s")}

    def _scaled(self, factor: float) -> Self:
        return replace(self, **{name: time_s * factor for name, time_s in self._times_given().items()})

    def _times_s(self, quantiles: Function, p: Floats) -> Floats:
        array, (scale, shift) = np.asarray(p, dtype=np.float64), self._place()
        if not ((array >= 0) & (array <= 1)).all():
            problem = f"{type(self).__name__}: probability {reprlib.repr(p)} is outside 0..1"
            raise ConfigError(problem, fix="give a fraction such as 0.99, not a percentage")
        with np.errstate(divide="ignore", over="ignore"):  # the ends of the law
            times_s = shift + scale * quantiles(array.ravel()).reshape(array.shape)
        return cast("Floats", times_s if array.ndim else float(times_s))

    def _given(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, pairs as the mapping that they were."""
        given = [(each, getattr(self, each.name)) for each in fields(self)]
        is_map = "additionalProperties"
        return {f.name: dict(value) if is_map in f.metadata else value for f, value in given if value != f.default}

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


class Standard(NamedTuple):
    """A law as `shift + scale * unit`; laws whose `key` is equal share one table."""

    key: Law
    """The unit, itself a law: `key.ppf`, `key.isf` and `key.jumps()` are those of the table."""
    scale: float
    """Above 0."""
    shift: float
    """0 or more, seconds."""


@lru_cache(maxsize=1024)
def _standard(law: Law) -> Standard:
    """Return a law's standard form: a sweep asks for those of the same few laws again and again."""
    return law._as_standard()


def real(
    text: str, *, above: float | None = None, low: float | None = None, high: float | None = None
) -> dict[str, Any]:
    """Return a number's range as JSON Schema, which serves validation, error text, files and forms."""
    bounds = {"exclusiveMinimum": above, "minimum": low, "maximum": high}
    return {"type": "number", "description": text} | {key: bound for key, bound in bounds.items() if bound is not None}


def is_number(value: object) -> bool:
    """Tell whether a value is a number; True and False are not."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def number(owner: str, name: str, value: Any, schema: Mapping[str, Any]) -> float:
    """Return `value` as a float within the range of `schema`, or raise."""
    above, low, high = (schema.get(key) for key in ("exclusiveMinimum", "minimum", "maximum"))
    is_inside = is_number(value) and abs(value) <= sys.float_info.max and (above is None or value > above)
    if not is_inside or (low is not None and value < low) or (high is not None and value > high):
        bounds = (("above", above), ("at least", low), ("at most", high))
        allowed = " and ".join(f"{word} {bound}" for word, bound in bounds if bound is not None) or "finite"
        problem = f"{owner}: {name}={reprlib.repr(value)} is not allowed; allowed: a number {allowed}"
        raise ConfigError(problem, fix=f"give the {schema['description']} as a plain number")
    return float(value) + 0.0  # no negative zero


def checked_names(owner: str, given: Any, *, known: Sequence[str], required: Sequence[str]) -> dict[str, Any]:
    """Return a mapping, or its stored form of pairs, as a dictionary of known names, or raise."""
    try:
        named = dict(given)
    except (TypeError, ValueError):
        problem = f"{owner}: {reprlib.repr(given)} is no mapping; allowed: {', '.join(known)}"
        raise ConfigError(problem, fix="write name: value pairs in braces") from None
    for name in named:
        if name not in known:
            problem = f"{owner}: {name!r} is unknown{nearest(str(name), known)}; allowed: {', '.join(known)}"
            raise ConfigError(problem, fix="use one of the allowed names")
    if missing := ", ".join(name for name in required if name not in named):
        raise ConfigError(f"{owner}: {missing} missing; needed: {', '.join(required)}", fix=f"add {missing}")
    return named


def within_a_year(law: Law) -> Law:
    """Return a law whose mean is at most a year, as nothing on AWS takes longer (a Standard execution), or raise."""
    if law.mean_s > YEAR_S:
        problem = f"duration={law!r} has a mean of {law.mean_s:.3g} s; allowed: at most a year, {YEAR_S:.0f} s"
        raise ConfigError(problem, fix="give the time in seconds")
    return law


def rounded(value: Any) -> Any:
    """Return `value` with every number in it at 12 digits; keys, the probabilities of quantiles, stay."""
    return json.loads(json.dumps(value), parse_float=lambda text: float(f"{float(text):.12g}"))
