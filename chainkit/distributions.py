"""A duration is a quantile function: given a probability, how many seconds.

A *law* is a frozen value: comparable, hashable, printed as the call that makes it, one key in a design file. `as_law`
takes what users write: a law, a number, a frozen law of scipy.stats, the form of a file. `Duration` is that as a field.

Every law has a finite mean and no time below 0. A figure named `_s` is one of the whole law, its shift included:
`LogNormal(p50_s=0.1, p99_s=0.3, shift_s=0.05)` has its median at 0.1 s. scipy loads only with Gamma and Scipy.
"""

import math
import reprlib
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cached_property
from statistics import NormalDist
from typing import Annotated, Any, Self

import numpy as np
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from chainkit.errors import ConfigError, nearest
from chainkit.law import FloatArray, Law, Standard, Unit, checked_names, is_number, number, real, rounded, within_a_year
from chainkit.quantiles import first, lines, normal_cdf, normal_ppf

_Pairs = Mapping[Any, float] | Sequence[tuple[Any, float]]

_MEAN = real("mean (seconds)", above=0)
_SHIFT = real("least time of every draw, counted in all other figures (seconds)", low=0)
_TIME = real("time (seconds)", low=0)
_WEIGHT = real("weight, a fraction", above=0, high=1)


@dataclass(frozen=True, repr=False, kw_only=True)
class LogNormal(Law):
    """A duration whose logarithm is normal: the usual shape of a service time.

    By median and p99 (or p95), or by mean and deviation of ln(seconds - shift); it keeps the figures it was given.

    >>> round(LogNormal(p50_s=0.04, p99_s=0.12).mean_s, 6)
    0.044719
    """

    p50_s: float | None = field(default=None, metadata=real("median (seconds)", above=0))
    p99_s: float | None = field(default=None, metadata=real("99th percentile (seconds)", above=0))
    p95_s: float | None = field(default=None, metadata=real("95th percentile (seconds)", above=0))
    mu: float | None = field(default=None, metadata=real("mean of ln(seconds - shift)", low=-100, high=100))
    sigma: float | None = field(default=None, metadata=real("standard deviation of ln(seconds - shift)", above=0))
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

    def _as_standard(self) -> Standard:
        return Standard(LogNormal(mu=0.0, sigma=rounded(self._sigma())), *self._place())

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

    def _unit(self) -> Unit:
        sigma = self._sigma()
        return Unit(
            lambda: np.exp(sigma * sigma / 2),
            lambda p: np.exp(sigma * normal_ppf(p)),
            lambda q: np.exp(-sigma * normal_ppf(q)),
            lambda x: normal_cdf(np.log(x) / sigma),
            lambda x: normal_cdf(-np.log(x) / sigma),
        )


@dataclass(frozen=True, repr=False)
class Gamma(Law):
    """A duration that is the sum of `shape` exponential steps; below 1, many short ones and a long tail.

    >>> round(Gamma(mean_s=0.6, shape=4, shift_s=0.1).ppf(0.5), 6)
    0.559008
    """

    mean_s: float = field(metadata=_MEAN)
    shape: float = field(metadata=real("shape, 1 for an exponential", low=0.01, high=1e6))
    shift_s: float = field(default=0.0, metadata=_SHIFT)
    rising = (("shift_s", "mean_s"),)

    def _place(self) -> tuple[float, float]:
        return (self.mean_s - self.shift_s) / self.shape, self.shift_s

    def _unit(self) -> Unit:
        from scipy import special

        k = self.shape
        return Unit(
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

    def _unit(self) -> Unit:
        return Unit(
            lambda: 1.0, lambda p: -np.log1p(-p), lambda q: -np.log(q), lambda x: -np.expm1(-x), lambda x: np.exp(-x)
        )


@dataclass(frozen=True, repr=False)
class Constant(Law):
    """Always the same time; 0 is allowed.

    >>> Constant(0.2).ppf(0.99)
    0.2
    """

    value_s: float = field(metadata=_TIME)

    def _unit(self) -> Unit:
        return lines([0.0, 1.0], [1.0, 0.0], [self.value_s, self.value_s])


@dataclass(frozen=True, repr=False)
class Uniform(Law):
    """Any time between two, all equally likely.

    >>> Uniform(low_s=0.2, high_s=0.6).mean_s
    0.4
    """

    low_s: float = field(metadata=_TIME)
    high_s: float = field(metadata=real("longest time (seconds)", above=0))
    rising = (("low_s", "high_s"),)

    def _place(self) -> tuple[float, float]:
        return self.high_s - self.low_s, self.low_s

    def _unit(self) -> Unit:
        return lines([0.0, 1.0], [1.0, 0.0], [0.0, 1.0])


@dataclass(frozen=True, repr=False)
class Geometric(Law):
    """Whole steps: after each, a `fraction` of what is left ends; so AWS evicted fleets in January 2020, 380 s a step.

    >>> Geometric(step_s=380, fraction=0.5).ppf(np.array([0.4, 0.6, 0.8]))
    array([ 380.,  760., 1140.])
    """

    step_s: float = field(metadata=real("length of a step (seconds)", above=0))
    fraction: float = field(metadata=real("share that ends with each step", above=1e-6, high=1))

    def _place(self) -> tuple[float, float]:
        return self.step_s, 0.0

    def jumps(self) -> tuple[float, ...]:  # noqa: D102
        return tuple(1 - (1 - self.fraction) ** k for k in range(1, self._steps()))

    def _steps(self) -> int:
        """Return after how many steps less than 2^-41 is left: further ones a table cannot show."""
        return 1 if self.fraction == 1 else math.ceil(-41 * math.log(2) / math.log1p(-self.fraction))

    def _unit(self) -> Unit:
        stay = math.log1p(-self.fraction) if self.fraction < 1 else -math.inf

        def steps(log_left: FloatArray) -> FloatArray:
            return np.maximum(np.ceil(np.round(log_left / stay, 9)), 1.0)

        return Unit(
            lambda: 1 / self.fraction,
            lambda p: steps(np.log1p(-p)),
            lambda q: steps(np.log(q)),
            lambda x: -np.expm1(np.floor(x) * stay),
            lambda x: np.where(x < 1, 1.0, np.exp(np.floor(x) * stay)),  # none ends before its first step
        )


@dataclass(frozen=True, repr=False)
class Empirical(Law):
    """A duration as measured: straight lines between quantiles, and nothing beyond the outer ones.

    Values stand at the probabilities (i + 1/2)/n (Hazen), so that the mean of the law is that of the values. Below the
    first and above the last the time stays what it is there; with given quantiles likewise: give 0 and 1, or at least
    0.999, where the tail matters.

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
            values = () if isinstance(values, Mapping) else values  # quantiles without their name
            times_s = [number("Empirical", f"{name}, one", value, _TIME) for value in values]
        except TypeError:
            times_s = []
        if not times_s:
            problem = f"Empirical: {name}={reprlib.repr(getattr(self, name))} is not allowed"
            raise ConfigError(f"{problem}; allowed: one or more times (seconds)", fix="give numbers or quantiles={...}")
        return times_s

    def _scaled(self, factor: float) -> Self:
        if self.quantiles is None:
            return replace(self, values_s=np.array(self.values_s) * factor)
        return replace(self, quantiles={p: time_s * factor for p, time_s in dict(self.quantiles).items()})

    def _unit(self) -> Unit:
        if self.quantiles is None:
            time_s = np.array(self.values_s, dtype=np.float64)
            p = (np.arange(time_s.size) + 0.5) / time_s.size
        else:
            p, time_s = np.array(self.quantiles).T
        p = np.concatenate([[0.0], p, [1.0]])
        return lines(p, 1 - p, np.concatenate([time_s[:1], time_s, time_s[-1:]]))


@dataclass(frozen=True, repr=False)
class Mixture(Law):
    """One of several laws, each with its weight: two modes, rare slow cases, a chance of no time at all.

    A part may be anything that `as_law` takes; the parts of a mixture within a mixture become its own.

    >>> Mixture([(0.75, Constant(0)), (0.25, Uniform(1, 3))]).ppf(np.array([0.5, 0.75, 0.875]))
    array([0., 0., 2.])
    """

    parts: Sequence[tuple[float, Law]] = field(metadata={"type": "array"})

    @classmethod
    def _of(cls, given: Any) -> Law:
        return cls(given)

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
            weight, law = number("Mixture", "weight", given, _WEIGHT), as_law(part)
            flat += [(weight * w, each) for w, each in law.parts] if isinstance(law, Mixture) else [(weight, law)]
        if not abs(math.fsum(weight for weight, _ in flat) - 1) <= 1e-9:
            problem = f"Mixture: weights={[weight for weight, _ in flat]!r} do not add to 1; allowed: a sum of 1"
            raise ConfigError(problem, fix="make the last weight what the others leave of 1")
        self._set("parts", tuple(flat))

    def _scaled(self, factor: float) -> Self:
        return replace(self, parts=[(weight, law._scaled(factor)) for weight, law in self.parts])

    def _unit(self) -> Unit:
        laws = [law for _, law in self.parts]
        total = math.fsum(weight for weight, _ in self.parts)
        units = [(weight / total, *law._place(), law._unit()) for weight, law in self.parts]

        def cdf(x: FloatArray) -> FloatArray:
            return np.asarray(sum(w * unit.cdf(np.maximum((x - shift) / scale, 0)) for w, scale, shift, unit in units))

        def sf(x: FloatArray) -> FloatArray:
            return np.asarray(sum(w * unit.sf(np.maximum((x - shift) / scale, 0)) for w, scale, shift, unit in units))

        return Unit(
            lambda: math.fsum(weight * law.mean_s for weight, law in self.parts) / total,
            lambda p: first(lambda x: (cdf(x) >= p) & (p < 1), [law.ppf(p) for law in laws]),
            lambda q: first(lambda x: (sf(x) <= q) & (q > 0), [law.isf(q) for law in laws]),
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
        given = {"loc": 0.0, "scale": 1.0} | checked_names(owner, self.arguments, known=names, required=names[:-2])
        self._set("arguments", tuple((name, number(owner, name, given[name], real("argument"))) for name in names))
        low_s = float(self._frozen.support()[0])  # NaN if scipy refuses the arguments
        if not low_s >= -1e-9 * abs(self.mean_s):  # a law cut at 0 may miss it by rounding
            problem = (
                f"{self!r}: its times begin at {low_s!r}; allowed: what scipy takes, and no time below 0 (seconds)"
            )
            raise ConfigError(problem, fix="cut it at 0 (truncnorm for norm), or use LogNormal or Gamma")

    def _scaled(self, factor: float) -> Self:
        given = dict(self.arguments)
        return replace(self, arguments=given | {name: given[name] * factor for name in ("loc", "scale")})

    def _unit(self) -> Unit:
        law = self._frozen
        return Unit(law.mean, lambda p: np.maximum(law.ppf(p), 0), lambda q: np.maximum(law.isf(q), 0), law.cdf, law.sf)


_ALL: tuple[type[Law], ...] = (LogNormal, Gamma, Exponential, Constant, Uniform, Geometric, Empirical, Mixture, Scipy)
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
    if is_number(value):
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
        given = reprlib.repr(dict(plain))
        problem = f"duration={given} is no law{nearest(name, LAWS)}; allowed: one of {', '.join(LAWS)}"
        raise ConfigError(problem, fix="write {LogNormal: {p50_s: 0.04, p99_s: 0.12}}")
    if name == "Mixture":
        return Mixture(plain[name])
    known = fields(LAWS[name])
    required = [each.name for each in known if each.default is MISSING]
    return LAWS[name](**checked_names(name, plain[name], known=[each.name for each in known], required=required))


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
    Law,
    PlainValidator(lambda value: within_a_year(as_law(value))),
    PlainSerializer(lambda law: law.to_plain()),
    WithJsonSchema(law_schema()),
]
"""A pydantic field that takes what `as_law` takes and holds a law."""


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
