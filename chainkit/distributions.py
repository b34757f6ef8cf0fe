"""A duration is a quantile function: given a probability, how many seconds.

A *law* is a frozen value: comparable, hashable, printed as the call that makes it, one key in a design file. `as_law`
takes what users write: a law, a number, a frozen law of scipy.stats, the form of a file. `Duration` is that as a field.

Every law has a finite mean and no time below 0. A figure named `_s` is one of the whole law, its shift included:
`LogNormal(p50_s=0.1, p99_s=0.3, shift_s=0.05)` has its median at 0.1 s. scipy loads only with Gamma and Scipy.
"""

import json
import math
import reprlib
import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cached_property
from statistics import NormalDist
from typing import Annotated, Any, ClassVar, NamedTuple, Self, TypeVar, cast

import numpy as np
import numpy.typing as npt
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from chainkit.errors import ConfigError, nearest

FloatArray = npt.NDArray[np.float64]
Floats = TypeVar("Floats", float, FloatArray)
_Function = Callable[[FloatArray], FloatArray]
_Pairs = Mapping[Any, float] | Sequence[tuple[Any, float]]


class _Unit(NamedTuple):
    """The unit of a law that is `shift + scale * unit`; cdf and sf take 0 or more, each exact where it is small."""

    mean: Callable[[], float]
    ppf: _Function
    isf: _Function
    cdf: _Function
    sf: _Function


@dataclass(frozen=True, repr=False)
class Law(ABC):
    """Base of all laws.

    >>> law = LogNormal(p50_s=0.25, p99_s=1.0)
    >>> law.ppf(0.5), law.scaled(2)
    (0.25, LogNormal(p50_s=0.5, p99_s=2.0))
    """

    forms: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """The sets of optional fields of which exactly one is given."""
    rising: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Pairs of fields of which the second is above the first."""

    @cached_property
    def mean_s(self) -> float:
        """The mean, seconds."""
        scale, shift = self._place()
        with np.errstate(over="ignore"):
            return float(shift + scale * self._unit().mean())

    def ppf(self, p: Floats) -> Floats:
        """Return the time that a fraction `p` (0..1, any shape) of draws does not exceed, in seconds.

        At 1 it is the upper end of the law, `inf` for most. A `p` outside 0..1 is a ConfigError.

        >>> Uniform(low_s=1, high_s=3).ppf(np.array([0.0, 0.5]))
        array([1., 2.])
        """
        return self._times_s(self._unit().ppf, p)

    def isf(self, q: Floats) -> Floats:
        """Return the time that a fraction `q` (0..1, any shape) of draws exceeds: `ppf(1 - q)` without cancellation.

        >>> round(Exponential(mean_s=1).isf(2**-40) / math.log(2), 9)
        40.0
        """
        return self._times_s(self._unit().isf, q)

    def jumps(self) -> tuple[float, ...]:
        """Return the probabilities at which `ppf` jumps, ascending; there it has the value before the jump.

        >>> Mixture([(0.75, Constant(1)), (0.25, Uniform(2, 3))]).jumps()
        (0.75,)
        """
        return ()

    def scaled(self, factor: float) -> Self:
        """Return the law of `factor` (above 0) times this duration, shift included; the class stays the same.

        >>> Gamma(mean_s=0.5, shape=2).scaled(4)
        Gamma(mean_s=2.0, shape=2.0)
        """
        return self._scaled(_number(type(self).__name__, "factor", factor, _real("factor", above=0)))

    def standard(self) -> "Standard":
        """Return this law as `shift + scale * unit`, where laws of one shape share one unit, of mean 1 for most.

        A unit's numbers are rounded to 12 digits, so that laws which differ by rounding share it too.

        >>> Exponential(mean_s=0.5, shift_s=0.25).standard()
        Standard(key=Exponential(mean_s=1.0), scale=0.25, shift=0.25)
        """
        shift = self._place()[1]
        scale = self.mean_s - shift if self.mean_s - shift > 1e-300 else 1.0  # 0, or too small to divide by
        unshifted = (
            replace(self, **{name: time_s - shift for name, time_s in self._times_given().items()}) if shift else self
        )
        return Standard(from_plain(_rounded(unshifted._scaled(1 / scale).to_plain())), scale, shift)

    def to_plain(self) -> dict[str, Any]:
        """Return the law as a design file holds it; `from_plain` is the inverse, to the last bit.

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
                self._set(each.name, _number(owner, each.name, value, each.metadata))
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
    def _unit(self) -> _Unit:
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

    def _times_s(self, quantiles: _Function, p: Floats) -> Floats:
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


def _real(
    text: str, *, above: float | None = None, low: float | None = None, high: float | None = None
) -> dict[str, Any]:
    """Return a number's range as JSON Schema, which serves validation, error text, files and forms."""
    bounds = {"exclusiveMinimum": above, "minimum": low, "maximum": high}
    return {"type": "number", "description": text} | {key: bound for key, bound in bounds.items() if bound is not None}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _number(owner: str, name: str, value: Any, schema: Mapping[str, Any]) -> float:
    """Return `value` as a float within the range of `schema`, or raise."""
    above, low, high = (schema.get(key) for key in ("exclusiveMinimum", "minimum", "maximum"))
    is_inside = _is_number(value) and abs(value) <= sys.float_info.max and (above is None or value > above)
    if not is_inside or (low is not None and value < low) or (high is not None and value > high):
        bounds = (("above", above), ("at least", low), ("at most", high))
        allowed = " and ".join(f"{word} {bound}" for word, bound in bounds if bound is not None) or "finite"
        problem = f"{owner}: {name}={reprlib.repr(value)} is not allowed; allowed: a number {allowed}"
        raise ConfigError(problem, fix=f"give the {schema['description']} as a plain number")
    return float(value) + 0.0  # no negative zero


_MEAN = _real("mean (seconds)", above=0)
_SHIFT = _real("least time of every draw, counted in all other figures (seconds)", low=0)
_TIME = _real("time (seconds)", low=0)
_WEIGHT = _real("weight, a fraction", above=0, high=1)


@dataclass(frozen=True, repr=False, kw_only=True)
class LogNormal(Law):
    """A duration whose logarithm is normal: the usual shape of a service time.

    By median and p99 (or p95), or by mean and deviation of ln(seconds - shift); it keeps the figures it was given.

    >>> round(LogNormal(p50_s=0.04, p99_s=0.12).mean_s, 6)
    0.044719
    """

    p50_s: float | None = field(default=None, metadata=_real("median (seconds)", above=0))
    p99_s: float | None = field(default=None, metadata=_real("99th percentile (seconds)", above=0))
    p95_s: float | None = field(default=None, metadata=_real("95th percentile (seconds)", above=0))
    mu: float | None = field(default=None, metadata=_real("mean of ln(seconds - shift)", low=-100, high=100))
    sigma: float | None = field(default=None, metadata=_real("standard deviation of ln(seconds - shift)", above=0))
    shift_s: float = field(default=0.0, metadata=_SHIFT)
    forms = (("p50_s", "p99_s"), ("p50_s", "p95_s"), ("mu", "sigma"))
    rising = (("shift_s", "p50_s"), ("p50_s", "p99_s"), ("p50_s", "p95_s"))

    @classmethod
    def from_log(cls, mu: float, sigma: float, shift_s: float = 0.0) -> Self:
        """Return `shift_s` plus the exponential of a normal of mean `mu` and deviation `sigma`, in ln(seconds).

        >>> LogNormal.from_log(-1.5, 0.5, shift_s=0.0132)
        LogNormal(mu=-1.5, sigma=0.5, shift_s=0.0132)
        """
        return cls(mu=mu, sigma=sigma, shift_s=shift_s)

    def standard(self) -> Standard:  # noqa: D102
        return Standard(LogNormal(mu=0.0, sigma=_rounded(self._sigma())), *self._place())

    def _place(self) -> tuple[float, float]:
        return self.p50_s - self.shift_s if self.p50_s is not None else math.exp(self.mu or 0.0), self.shift_s

    def _sigma(self) -> float:
        if self.sigma is not None:
            return self.sigma
        high_s, p = (self.p99_s, 0.99) if self.p95_s is None else (self.p95_s, 0.95)
        return math.log(((high_s or 0.0) - self.shift_s) / self._place()[0]) / NormalDist().inv_cdf(p)

    def _scaled(self, factor: float) -> Self:
        law = super()._scaled(factor)
        return law if law.mu is None else replace(law, mu=law.mu + math.log(factor))

    def _unit(self) -> _Unit:
        sigma = self._sigma()
        return _Unit(
            lambda: np.exp(sigma * sigma / 2),
            lambda p: np.exp(sigma * _normal_ppf(p)),
            lambda q: np.exp(-sigma * _normal_ppf(q)),
            lambda x: _normal_cdf(np.log(x) / sigma),
            lambda x: _normal_cdf(-np.log(x) / sigma),
        )


@dataclass(frozen=True, repr=False)
class Gamma(Law):
    """A duration that is the sum of `shape` exponential steps; below 1, many short ones and a long tail.

    >>> round(Gamma(mean_s=0.6, shape=4, shift_s=0.1).ppf(0.5), 6)
    0.559008
    """

    mean_s: float = field(metadata=_MEAN)
    shape: float = field(metadata=_real("shape, 1 for an exponential", low=0.01, high=1e6))
    shift_s: float = field(default=0.0, metadata=_SHIFT)
    rising = (("shift_s", "mean_s"),)

    def _place(self) -> tuple[float, float]:
        return (self.mean_s - self.shift_s) / self.shape, self.shift_s

    def _unit(self) -> _Unit:
        from scipy import special

        k = self.shape
        return _Unit(
            lambda: k,
            lambda p: np.asarray(special.gammaincinv(k, p)),
            lambda q: np.asarray(special.gammainccinv(k, q)),
            lambda x: np.asarray(special.gammainc(k, x)),
            lambda x: np.asarray(special.gammaincc(k, x)),
        )


@dataclass(frozen=True, repr=False)
class Exponential(Law):
    """A duration without memory: what is left does not depend on what has passed.

    >>> round(Exponential(mean_s=2).ppf(0.5), 6)
    1.386294
    """

    mean_s: float = field(metadata=_MEAN)
    shift_s: float = field(default=0.0, metadata=_SHIFT)
    rising = (("shift_s", "mean_s"),)

    def _place(self) -> tuple[float, float]:
        return self.mean_s - self.shift_s, self.shift_s

    def _unit(self) -> _Unit:
        return _Unit(
            lambda: 1.0, lambda p: -np.log1p(-p), lambda q: -np.log(q), lambda x: -np.expm1(-x), lambda x: np.exp(-x)
        )


@dataclass(frozen=True, repr=False)
class Constant(Law):
    """Always the same time; 0 is allowed.

    >>> Constant(0.2).ppf(0.99)
    0.2
    """

    value_s: float = field(metadata=_TIME)

    def _unit(self) -> _Unit:
        return _lines([0.0, 1.0], [1.0, 0.0], [self.value_s, self.value_s])


@dataclass(frozen=True, repr=False)
class Uniform(Law):
    """Any time between two, all equally likely.

    >>> Uniform(low_s=0.2, high_s=0.6).mean_s
    0.4
    """

    low_s: float = field(metadata=_TIME)
    high_s: float = field(metadata=_real("longest time (seconds)", above=0))
    rising = (("low_s", "high_s"),)

    def _place(self) -> tuple[float, float]:
        return self.high_s - self.low_s, self.low_s

    def _unit(self) -> _Unit:
        return _lines([0.0, 1.0], [1.0, 0.0], [0.0, 1.0])


@dataclass(frozen=True, repr=False)
class Empirical(Law):
    """A duration as measured: straight lines between quantiles, and nothing beyond the outer ones.

    Values stand at the probabilities i/(n-1), as in `numpy.quantile`; `mean_s` is the mean of that law, in which the
    smallest and the largest value weigh half. Below the first and above the last of given quantiles the time stays
    what it is there: give 0 and 1, or at least 0.999, where the tail matters.

    >>> Empirical(values_s=[0.3, 0.1, 0.2])
    Empirical(values_s=(0.1, 0.2, 0.3))
    >>> Empirical(quantiles={0.1: 1, 0.5: 2, 0.9: 6}).ppf(np.array([0.0, 0.3, 0.7, 1.0]))
    array([1. , 1.5, 4. , 6. ])
    """

    values_s: Sequence[float] | FloatArray | None = field(
        default=None, metadata={"type": "array", "items": _TIME, "minItems": 1}
    )
    quantiles: _Pairs | None = field(
        default=None, metadata={"type": "object", "additionalProperties": _TIME, "minProperties": 2}
    )
    forms = (("values_s",), ("quantiles",))

    def _check(self) -> None:
        if self.quantiles is None:
            self._set("values_s", tuple(sorted(self._listed("values_s", self.values_s))))
            return
        try:  # keys may be text, as in JSON
            p, given = zip(*sorted((float(p), time_s) for p, time_s in dict(self.quantiles).items()), strict=True)
        except (TypeError, ValueError):
            p, given = (), ()
        times_s = self._listed("quantiles", given)
        if len(p) < 2 or p[0] < 0 or p[-1] > 1 or times_s != sorted(times_s) or not (np.diff(p) > 0).all():
            problem = f"Empirical: quantiles={reprlib.repr(self.quantiles)} is not allowed; allowed: two or more times"
            raise ConfigError(f"{problem} by probability 0..1, none falling", fix="write {0.5: 0.1, 0.99: 0.4}")
        self._set("quantiles", tuple(zip(p, times_s, strict=True)))

    def _listed(self, name: str, values: Any) -> list[float]:
        try:
            times_s = [_number("Empirical", f"{name}, one", value, _TIME) for value in values]
        except TypeError:
            times_s = []
        if not times_s:
            problem = f"Empirical: {name}={reprlib.repr(getattr(self, name))} is not allowed"
            raise ConfigError(f"{problem}; allowed: one or more times (seconds)", fix="give plain numbers, 0 or more")
        return times_s

    def _scaled(self, factor: float) -> Self:
        if self.quantiles is None:
            return replace(self, values_s=np.array(self.values_s) * factor)
        return replace(self, quantiles={p: time_s * factor for p, time_s in dict(self.quantiles).items()})

    def _unit(self) -> _Unit:
        if self.quantiles is None:
            time_s = np.array(self.values_s, dtype=np.float64)
            time_s = time_s.repeat(2) if time_s.size == 1 else time_s
            p = np.arange(time_s.size) / (time_s.size - 1)
            return _lines(p, p[::-1], time_s)
        p, time_s = np.array(self.quantiles).T
        p = np.concatenate([[0.0], p, [1.0]])
        return _lines(p, 1 - p, np.concatenate([time_s[:1], time_s, time_s[-1:]]))


@dataclass(frozen=True, repr=False)
class Mixture(Law):
    """One of several laws, each with its weight: two modes, rare slow cases, a chance of no time at all.

    A part may be anything that `as_law` takes; the parts of a mixture within a mixture become its own.

    >>> Mixture([(0.75, Constant(0)), (0.25, Uniform(1, 3))]).ppf(np.array([0.5, 0.75, 0.875]))
    array([0., 0., 2.])
    """

    parts: Sequence[tuple[float, Law]] = field(metadata={"type": "array"})

    def jumps(self) -> tuple[float, ...]:  # noqa: D102
        ends = sorted((law.ppf(0.0), law.ppf(1.0)) for _, law in self.parts)
        reach_s, found, cdf = ends[0][1], [], self._unit().cdf
        for low_s, high_s in ends:
            if low_s > reach_s:  # nothing lies between, and no part has a gap of its own
                with np.errstate(divide="ignore"):  # a LogNormal at its lower end
                    found.append(float(cdf(np.array(reach_s))))
            reach_s = max(reach_s, high_s)
        return tuple(found)

    def to_plain(self) -> dict[str, Any]:  # noqa: D102
        return {"Mixture": [[weight, law.to_plain()] for weight, law in self.parts]}

    def _check(self) -> None:
        flat: list[tuple[float, Law]] = []
        try:
            pairs = [(weight, law) for weight, law in self.parts]
        except (TypeError, ValueError):
            problem = f"Mixture: parts={reprlib.repr(self.parts)} is not allowed; allowed: pairs (weight, law)"
            raise ConfigError(problem, fix="write Mixture([(0.9, law), (0.1, other)])") from None
        for given, part in pairs:
            weight, law = _number("Mixture", "weight", given, _WEIGHT), as_law(part)
            flat += [(weight * w, each) for w, each in law.parts] if isinstance(law, Mixture) else [(weight, law)]
        if not abs(math.fsum(weight for weight, _ in flat) - 1) <= 1e-9:
            problem = f"Mixture: weights={[weight for weight, _ in flat]!r} do not add to 1; allowed: a sum of 1"
            raise ConfigError(problem, fix="make the last weight what the others leave of 1")
        self._set("parts", tuple(flat))

    def _scaled(self, factor: float) -> Self:
        return replace(self, parts=[(weight, law._scaled(factor)) for weight, law in self.parts])

    def _unit(self) -> _Unit:
        laws = [law for _, law in self.parts]
        total = math.fsum(weight for weight, _ in self.parts)
        units = [(weight / total, *law._place(), law._unit()) for weight, law in self.parts]

        def cdf(x: FloatArray) -> FloatArray:
            return np.asarray(sum(w * unit.cdf(np.maximum((x - shift) / scale, 0)) for w, scale, shift, unit in units))

        def sf(x: FloatArray) -> FloatArray:
            return np.asarray(sum(w * unit.sf(np.maximum((x - shift) / scale, 0)) for w, scale, shift, unit in units))

        return _Unit(
            lambda: math.fsum(weight * law.mean_s for weight, law in self.parts) / total,
            lambda p: _first(lambda x: (cdf(x) >= p) & (p < 1), [law.ppf(p) for law in laws]),
            lambda q: _first(lambda x: (sf(x) <= q) & (q > 0), [law.isf(q) for law in laws]),
            cdf,
            sf,
        )


@dataclass(frozen=True, repr=False)
class Scipy(Law):
    """A continuous law of scipy.stats by name and arguments; `as_law` makes it of a frozen one.

    >>> Scipy("weibull_min", {"c": 0.5, "scale": 0.25})
    Scipy(name='weibull_min', arguments={'c': 0.5, 'loc': 0.0, 'scale': 0.25})
    """

    name: str = field(metadata={"type": "string", "description": "continuous law of scipy.stats, such as weibull_min"})
    arguments: _Pairs = field(metadata={"type": "object", "additionalProperties": {"type": "number"}})

    @cached_property
    def _frozen(self) -> Any:
        from scipy import stats

        return getattr(stats, self.name)(**dict(self.arguments))

    def _check(self) -> None:
        from scipy import stats

        generic, owner = getattr(stats, str(self.name), None), f"Scipy {self.name!r}"
        if not isinstance(generic, stats.rv_continuous):
            known = [name for name, each in vars(stats).items() if isinstance(each, stats.rv_continuous)]
            problem = f"Scipy: name={self.name!r} is no continuous law of scipy.stats{nearest(str(self.name), known)}"
            raise ConfigError(problem, fix="give the name under which scipy.stats has it, such as weibull_min")
        names = _argument_names(generic)
        given = {"loc": 0.0, "scale": 1.0} | _names(owner, self.arguments, known=names, required=names[:-2])
        self._set("arguments", tuple((name, _number(owner, name, given[name], _real("argument"))) for name in names))
        low_s = float(self._frozen.support()[0])  # NaN if scipy refuses the arguments
        if not low_s >= -1e-9 * abs(self.mean_s):  # a law cut at 0 may miss it by rounding
            problem = (
                f"{self!r}: its times begin at {low_s!r}; allowed: what scipy takes, and no time below 0 (seconds)"
            )
            raise ConfigError(problem, fix="cut it at 0 (truncnorm for norm), or use LogNormal or Gamma")

    def _scaled(self, factor: float) -> Self:
        given = dict(self.arguments)
        return replace(self, arguments=given | {name: given[name] * factor for name in ("loc", "scale")})

    def _unit(self) -> _Unit:
        law = self._frozen
        return _Unit(
            law.mean, lambda p: np.maximum(law.ppf(p), 0), lambda q: np.maximum(law.isf(q), 0), law.cdf, law.sf
        )


_ALL: tuple[type[Law], ...] = (LogNormal, Gamma, Exponential, Constant, Uniform, Empirical, Mixture, Scipy)
LAWS: Mapping[str, type[Law]] = {law.__name__: law for law in _ALL}
"""The laws by the name that a design file uses."""


def as_law(value: Any) -> Law:
    """Return the law that `value` stands for.

    Parameters
    ----------
    value : a law, a number of seconds, a frozen law of scipy.stats, or the form of a design file
        Anything else with a `ppf` becomes an `Empirical` table, and a warning says so.

    Raises
    ------
    ConfigError
        If it is none of these, has times below 0, or has no finite mean.

    Examples
    --------
    >>> as_law(0.2), as_law({"Exponential": {"mean_s": 0.5}})
    (Constant(value_s=0.2), Exponential(mean_s=0.5))
    """
    if isinstance(value, Law):
        return value
    if _is_number(value):
        return Constant(value)
    if isinstance(value, Mapping):
        return from_plain(value)
    generic, stats = getattr(value, "dist", None), sys.modules.get("scipy.stats")  # not loaded: nothing is a law of it
    name = str(getattr(generic, "name", ""))
    is_continuous = stats is not None and isinstance(generic, stats.rv_continuous)
    if is_continuous and isinstance(generic, type(getattr(stats, name, None))):
        return Scipy(name, dict(zip(_argument_names(generic), value.args, strict=False)) | value.kwds)
    if callable(getattr(value, "ppf", None)):
        return _tabulated(value)
    allowed = f"{', '.join(LAWS)}, a number of seconds, a frozen scipy.stats law"
    problem = f"duration={reprlib.repr(value)} is no law; allowed: {allowed}"
    raise ConfigError(problem, fix="write LogNormal(p50_s=0.04, p99_s=0.12), or 0.2 for always the same")


def from_plain(plain: Mapping[str, Any]) -> Law:
    """Return the law written as `{name: {field: value}}`, the inverse of `Law.to_plain`.

    Raises
    ------
    ConfigError
        If the name or a field is unknown, a field is missing, or a value is out of range.

    Examples
    --------
    >>> from_plain({"LogNormal": {"p50_s": 0.04, "p99_s": 0.12}})
    LogNormal(p50_s=0.04, p99_s=0.12)
    """
    name = str(next(iter(plain), ""))
    if len(plain) != 1 or name not in LAWS:
        problem = (
            f"duration={reprlib.repr(dict(plain))} is no law{nearest(name, LAWS)}; allowed: one of {', '.join(LAWS)}"
        )
        raise ConfigError(problem, fix="write {LogNormal: {p50_s: 0.04, p99_s: 0.12}}")
    if name == "Mixture":
        return Mixture(plain[name])
    known = fields(LAWS[name])
    required = [each.name for each in known if each.default is MISSING]
    return LAWS[name](**_names(name, plain[name], known=[each.name for each in known], required=required))


def law_schema() -> dict[str, Any]:
    """Return the JSON Schema of a law in a file: a number of seconds, or one law's name with its fields.

    >>> law_schema()["anyOf"][1]["properties"]["Constant"]["anyOf"][0]["required"]
    ['value_s']
    """
    one: dict[str, Any] = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False}
    laws = {name: _fields_schema(law) for name, law in LAWS.items() if law is not Mixture}
    part = [_TIME, one | {"properties": laws}]
    pair = {"type": "array", "prefixItems": [_WEIGHT, {"anyOf": part}], "minItems": 2, "maxItems": 2}
    mixture = {"type": "array", "items": pair, "minItems": 1}
    return {"anyOf": [_TIME, one | {"properties": laws | {"Mixture": mixture}}]}


def _fields_schema(law: type[Law]) -> dict[str, Any]:
    """Return the schema of a law's fields, one object for each of its forms."""
    optional, objects = {name for form in law.forms for name in form}, []
    for form in law.forms or ((),):
        used = [each for each in fields(law) if each.name in form or each.name not in optional]
        required = [each.name for each in used if each.name in form or each.default is MISSING]
        properties = {each.name: dict(each.metadata) for each in used}
        objects.append({"properties": properties, "required": required, "additionalProperties": False})
    return {"type": "object", "anyOf": objects}


Duration = Annotated[
    Law, PlainValidator(as_law), PlainSerializer(lambda law: law.to_plain()), WithJsonSchema(law_schema())
]
"""A pydantic field that takes what `as_law` takes and holds a law."""


def _names(owner: str, given: Any, *, known: Sequence[str], required: Sequence[str]) -> dict[str, Any]:
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


def _argument_names(generic: Any) -> list[str]:
    return [*(generic.shapes.split(", ") if generic.shapes else []), "loc", "scale"]


def _tabulated(value: Any) -> Empirical:
    """Return the table of anything with a `ppf`: both tails in octaves of 16 steps, down to one in a million."""
    tail = (2.0 ** np.arange(-20, -1)[:, None] * (1 + np.arange(16) / 16)).ravel()
    p = np.concatenate([tail, [0.5], 1 - tail[::-1]])
    try:
        law = Empirical(quantiles=dict(zip(p.tolist(), np.asarray(value.ppf(p)).tolist(), strict=True)))
    except (TypeError, ValueError) as error:
        problem = f"duration={reprlib.repr(value)}: its ppf gives no times; allowed: finite, 0 or more, none falling"
        raise ConfigError(
            f"{problem} (seconds)", fix="freeze it with its arguments, as scipy.stats.gamma(2, scale=0.1)"
        ) from error
    kept = f"an Empirical table of {p.size} quantiles from 2**-20 to 1 - 2**-20, mean {law.mean_s:.6g} s"
    warnings.warn(f"{type(value).__name__} is kept as {kept}", stacklevel=3)
    return law


def _rounded(value: Any) -> Any:
    """Return `value` with every number in it at 12 digits; keys, the probabilities of quantiles, stay."""
    return json.loads(json.dumps(value), parse_float=lambda text: float(f"{float(text):.12g}"))


def _lines(p: npt.ArrayLike, q: npt.ArrayLike, time_s: npt.ArrayLike) -> _Unit:
    """Return the functions of straight lines between times at `p` from 0 to 1, and `q` = 1 - p."""
    p, q, time_s = np.asarray(p), np.asarray(q), np.asarray(time_s)
    return _Unit(
        lambda: float(np.sum(np.diff(p) * (time_s[1:] + time_s[:-1])) / 2),
        lambda at: np.interp(at, p, time_s),
        lambda at: np.interp(at, q[::-1], time_s[::-1]),
        lambda x: np.interp(x, time_s, p, left=0.0),  # at a repeated time the last of its probabilities
        lambda x: np.interp(x, time_s, q, left=1.0),
    )


def _first(is_reached: Callable[[FloatArray], npt.NDArray[np.bool_]], parts_s: list[FloatArray]) -> FloatArray:
    """Return the least float that is reached; it lies between the times of the parts.

    Halves the integers that floats of 0 or more are in binary: at most 63 steps to the last bit, so jumps are exact.
    """
    low_s, high_s = np.min(parts_s, axis=0), np.max(parts_s, axis=0)
    low, high = low_s.view(np.int64), np.where(is_reached(low_s), low_s, high_s).view(np.int64)
    while (high - low > 1).any():
        middle = low + (high - low) // 2
        reached = is_reached(middle.view(np.float64))
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return np.asarray(high.view(np.float64))


def _normal_ppf(p: FloatArray) -> FloatArray:
    """Return the standard normal quantile; the standard library's is exact to 1e-15 and loads nothing."""
    inverse = NormalDist().inv_cdf
    return np.array([inverse(each) if 0 < each < 1 else (each - 0.5) * math.inf for each in p.tolist()])


def _normal_cdf(x: FloatArray) -> FloatArray:
    """Return the standard normal P(X <= x), exact in both tails; numpy has no erfc."""
    return np.array([math.erfc(each) / 2 for each in (-x / math.sqrt(2)).ravel().tolist()]).reshape(x.shape)
