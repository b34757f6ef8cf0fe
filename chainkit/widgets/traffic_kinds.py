"""The kinds of traffic that the panel offers: their parameters, one made of another, and each as a line of Python."""

import dataclasses
import inspect
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from chainkit.chain import Chain
from chainkit.errors import ConfigError
from chainkit.operations import code
from chainkit.simulation.bursts import Bursts
from chainkit.simulation.loads import MOST_USERS, ClosedLoop, Load, Poisson, Steady, checked
from chainkit.simulation.rates import DAY_S, HOUR_S, Calendar, Drawn, Ramp, Spike
from chainkit.simulation.replay import MINUTE_S, Replay
from chainkit.units import number_meant, unit_of

KINDS: Mapping[str, type[Load]] = {
    "Poisson": Poisson, "Steady": Steady, "Drawn": Drawn, "Ramp": Ramp, "Spike": Spike, "Calendar": Calendar,
    "Bursts": Bursts, "ClosedLoop": ClosedLoop, "Replay": Replay,
}  # fmt: skip
USUAL_PER_S = 4.0
"""Mean rate where the traffic before had no finite one: users who do not think."""
SAMPLES = 24
"""Pieces of a line that is drawn after other traffic."""
MOST_BINS = 120
"""Counts of a trace that is made of other traffic."""
MOST_TYPED = 500
"""Numbers of a parameter that can still be typed, or written into a line."""
OFFICE = (1, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 9, 8, 9, 10, 10, 9, 7, 5, 4, 3, 2, 2, 1)
"""Shape of a day, hour by hour."""

PRESETS: Mapping[str, tuple[tuple[float, float], ...]] = {
    "flat": ((0, 1), (1, 1)),
    "morning peak": ((0, 1), (0.25, 1), (0.375, 6), (0.45, 6), (0.6, 2.5), (0.8, 2), (1, 1)),
    "spike": ((0, 1), (0.48, 1), (0.5, 12), (0.54, 12), (0.56, 1), (1, 1)),
    "night batch": ((0, 0.5), (0.06, 0.5), (0.08, 8), (0.2, 8), (0.22, 0.5), (1, 0.5)),
}
"""Name -> points of a drawn line: shares of its length, and rates to be scaled."""


# --- parameters ---


@dataclass(frozen=True)
class Parameter:
    """A field of a load, as the panel's form needs it."""

    name: str
    unit: str
    help: str
    choices: tuple[Any, ...] = ()


def parameters(cls: type[Load]) -> tuple[Parameter, ...]:
    """Return the fields of a kind of traffic, with what its docstring says of them; not rate and attributes.

    Examples
    --------
    >>> [each.name for each in parameters(Ramp)]
    ['start_per_s', 'end_per_s', 'duration_s']
    >>> parameters(Ramp)[2]
    Parameter(name='duration_s', unit='s', help='length of the ramp, seconds', choices=())
    """
    helps, kinds = _helps(cls), get_type_hints(cls)
    found = []
    for each in dataclasses.fields(cls):
        if each.name not in ("attributes", "rate_per_s"):
            choices = get_args(kinds[each.name]) if get_origin(kinds[each.name]) is Literal else ()
            found.append(Parameter(each.name, unit_of(each.name), helps.get(each.name, ""), choices))
    return tuple(found)


def _helps(cls: type[Load]) -> dict[str, str]:
    """Return what the docstring's parameters, or the texts under the fields, say."""
    lines = inspect.cleandoc(cls.__doc__ or "").partition("Parameters\n----------\n")[2].partition("\n\n")[0]
    helps: dict[str, str] = {}
    name = ""
    for line in lines.splitlines():
        if match := re.match(r"(\w+) : (.*)", line):
            name, helps[match[1]] = match[1], match[2]
        else:
            helps[name] += f" {line.strip()}"
    return helps or _TRACE


_TRACE = {
    "at_s": "times of the arrivals, ascending, seconds from the start; or counts",
    "counts": "arrivals in each bin: whole numbers, the first bin first",
    "bin_s": "length of a bin: 60 s is a minute",
    "spread": "where in its bin an arrival lies: anywhere, or at equal distances",
}


def typed(text: str, name: str) -> Any:
    """Return the value that is typed for a parameter: as in a design file, or a number with its unit.

    Examples
    --------
    >>> typed("1.5 min", "duration_s"), typed("[[2, 90], [50, 10]]", "phases"), typed("", "every_s")
    (90.0, [[2, 90], [50, 10]], None)

    Raises
    ------
    ConfigError
        If the text cannot be read. Whether the value is allowed, the load decides.
    """
    try:
        value = YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        raise ConfigError(
            f"{name}={text!r} cannot be read",
            fix="write it as in a design file: 12, 0.5, [[2, 90], [50, 10]], {status: {charged: 0.97, declined: 0.03}}",
        ) from None
    if isinstance(value, str) and (number := number_meant(value, name)) is not None:
        return number
    return value


def shown(value: Any) -> str:
    """Return a parameter as it is typed; what is too long to be typed, in short.

    Examples
    --------
    >>> shown(None), shown(0.1 + 0.2), shown(((2, 90), (50, 10))), shown(np.arange(3))
    ('', '0.3', '[[2, 90], [50, 10]]', '[0, 1, 2]')
    """
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if is_long(value):
        return f"{len(value):,} numbers"
    if hasattr(value, "to_plain"):
        value = value.to_plain()
        if isinstance(value.get("Constant"), dict):
            value = value["Constant"]["value_s"]
    return json.dumps(_rounded(value))


def is_long(value: Any) -> bool:
    """Tell whether a parameter has too many numbers to be typed."""
    return isinstance(value, Sequence | np.ndarray) and len(value) > MOST_TYPED


def _rounded(value: Any) -> Any:
    """Return numbers to ten figures: enough to be the same number, without the dust of multiplications."""
    if isinstance(value, Mapping):
        return {str(name): _rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    if isinstance(value, float):
        value = float(f"{value:.10g}")
        return int(value) if value.is_integer() and abs(value) < 1e15 else value
    return value


def changed(load: Load, name: str, value: Any) -> Load:
    """Return a load with another value of a parameter; of times and counts of a trace one takes the other's place.

    Raises
    ------
    ConfigError
        If the load refuses it.
    """
    changes = {name: value}
    if isinstance(load, Replay) and name in ("at_s", "counts"):
        changes = {"at_s": None, "counts": None, **changes}
    return dataclasses.replace(load, **changes)


# --- one kind made of another ---


def as_kind(load: Load, kind: str, *, requests: int = 1_000) -> Load:
    """Return traffic of another kind with the same mean rate and attributes; a trace's is that to a whole request.

    Parameters
    ----------
    load : the traffic so far
    kind : one of `KINDS`
    requests : how many a trace should have at least

    Raises
    ------
    ConfigError
        If there is no such kind, or it refuses that rate.

    Examples
    --------
    >>> as_kind(Poisson(rate_per_s=4), "ClosedLoop").rate_per_s
    4.0
    >>> as_kind(Ramp(start_per_s=0, end_per_s=6, duration_s=600), "Drawn").rate_per_s
    6.0
    """
    if kind not in KINDS:
        raise ConfigError(f"traffic: kind={kind!r} is unknown", fix=f"kinds: {', '.join(KINDS)}")
    if type(load) is KINDS[kind]:
        return load
    rate = load.rate_per_s if math.isfinite(load.rate_per_s) else USUAL_PER_S
    attributes = {name: dict(shares) for name, shares in load.attributes.items()}
    made = _MADE[kind](load, rate, requests)
    if not isinstance(made, ClosedLoop | Replay):
        made = made.with_rate(rate)
    return dataclasses.replace(made, attributes=attributes)


def _users(load: Load, rate: float, requests: int) -> Load:
    users = min(max(1, round(rate)), MOST_USERS)
    return ClosedLoop(users, users / rate)


def _line(load: Load, rate: float, requests: int) -> Load:
    """Return what is drawn after the rate of other traffic, with no more points than its bends."""
    is_level = isinstance(load, Poisson | Steady | Bursts | ClosedLoop)
    at_s = np.linspace(0.0, HOUR_S if is_level else min(load.seen_s, DAY_S), SAMPLES + 1)
    rates = np.full(at_s.size, rate) if is_level else load.rates_per_s(np.nextafter(at_s, 0.0))
    if not rates.any():
        rates = np.full(at_s.size, rate)
    bends = ~np.isclose(np.diff(rates, 2), 0, atol=1e-9 * rates.max())
    kept = np.concatenate([[True], bends, [True]])
    return Drawn(points=[*zip(at_s[kept].tolist(), rates[kept].tolist(), strict=True)])


def _trace(load: Load, rate: float, requests: int) -> Load:
    """Return counts of other traffic, in bins so long that a few of them hold that many requests."""
    wanted_s = 1.01 * requests / rate
    bin_s = max(MINUTE_S, math.ceil(wanted_s / MOST_BINS / MINUTE_S) * MINUTE_S)
    ends_s = bin_s * np.arange(max(1, math.ceil(wanted_s / bin_s)) + 1)
    load = Poisson(rate_per_s=rate) if isinstance(load, ClosedLoop) else load
    until = np.array([load.expected_requests(each) for each in ends_s])
    if not until[-1]:
        until = ends_s  # nothing comes at first
    counts = np.diff(np.round(until / until[-1] * rate * ends_s[-1]))
    return Replay.per_minute(counts) if bin_s == MINUTE_S else Replay(counts=counts, bin_s=bin_s)


_MADE: Mapping[str, Callable[[Load, float, int], Load]] = {
    "Poisson": lambda _, rate, __: Poisson(rate_per_s=rate),
    "Steady": lambda _, rate, __: Steady(rate_per_s=rate),
    "Drawn": _line,
    "Ramp": lambda _, rate, __: Ramp(start_per_s=0, end_per_s=rate, duration_s=600),
    "Spike": lambda _, __, ___: Spike(base_per_s=1, peak_per_s=10, at_s=240, duration_s=60, every_s=600),
    "Calendar": lambda _, __, ___: Calendar(hours_per_s=OFFICE, weekdays=[1, 1, 1, 1, 1, 0.5, 0.5]),
    "Bursts": lambda _, __, ___: Bursts(phases=[(1, 90), (10, 10)]),
    "ClosedLoop": _users,
    "Replay": _trace,
}


def preset(load: Drawn, name: str) -> Drawn:
    """Return a line of one of the usual shapes, as long as another one and with its mean rate.

    Examples
    --------
    >>> flat = Drawn(points=[(0, 4), (3600, 4)])
    >>> spike = preset(flat, "spike")
    >>> round(spike.rate_per_s, 9), spike.seen_s, len(spike.points)
    (4.0, 3600.0, 6)
    """
    points = [(share * load.seen_s, rate) for share, rate in PRESETS[name]]
    return dataclasses.replace(load, points=points).with_rate(load.rate_per_s)


def stretched(load: Drawn, seconds: float) -> Drawn:
    """Return a line of the same shape that takes another time."""
    factor = seconds / load.seen_s
    times = [at_s * factor for at_s, _ in load.points[:-1]]
    return dataclasses.replace(load, points=[*zip([*times, seconds], (rate for _, rate in load.points), strict=True)])


def raised(load: Drawn, peak_per_s: float) -> Drawn:
    """Return a line of the same shape whose highest point has another rate."""
    checked(load, "peak_per_s", peak_per_s, above=0)
    factor = peak_per_s / max(rate for _, rate in load.points)
    return dataclasses.replace(load, points=[(at_s, rate * factor) for at_s, rate in load.points])


# --- attributes ---


def unstated(chain: Chain, load: Load) -> dict[str, dict[Any, float]]:
    """Return the attributes that filters of a chain look at and its traffic does not state, with even shares.

    The values are those that the filters name; "any" where they name none.

    Examples
    --------
    >>> import chainkit as ck
    >>> unstated(ck.example("orders"), Poisson(rate_per_s=4))
    {'status': {'charged': 1.0}}
    """
    named: dict[str, dict[Any, None]] = {}
    for link in chain.links.values():
        policy = getattr(link, "filter_policy", None)
        if not isinstance(policy, Mapping) or getattr(link, "match_fraction", None) is not None:
            continue
        for field, rules in policy.items():
            if field not in load.attributes:
                named.setdefault(field, {}).update(dict.fromkeys(_named(rules)))
    return {field: dict.fromkeys(values or ["any"], 1 / max(len(values), 1)) for field, values in named.items()}


def _named(rule: Any) -> list[Any]:
    """Return the values that a rule of a filter names."""
    if isinstance(rule, list):
        return [value for each in rule for value in _named(each)]
    if isinstance(rule, dict):
        operands = [operand for operator, operand in rule.items() if operator != "exists"]
        numbers_only = "numeric" in rule
        return [value for value in _named(operands) if not numbers_only or not isinstance(value, str)]
    return [] if rule is None else [rule]


# --- in words, and as Python ---


def line(load: Load) -> str:
    """Return the line of Python that makes a load again.

    Examples
    --------
    >>> print(line(Poisson(rate_per_s=4, attributes={"status": {"charged": 0.97, "declined": 0.03}})))
    ck.Poisson(rate_per_s=4, attributes={'status': {'charged': 0.97, 'declined': 0.03}})
    >>> print(line(Replay.per_minute([120, 0, 30])))
    ck.Replay(counts=[120, 0, 30])
    """
    named = []
    for each in dataclasses.fields(load):
        value = getattr(load, each.name)
        is_usual = value is each.default or (not isinstance(value, np.ndarray) and value == each.default)
        if each.name == "attributes" or is_usual:
            continue
        if is_long(value):
            return f"ck.Replay.read(...)  # {load!r}"
        named.append(f"{each.name}={code(value.tolist() if isinstance(value, np.ndarray) else value)}")
    if load.attributes:
        named.append(f"attributes={ {name: dict(shares) for name, shares in load.attributes.items()}!r}")
    return f"ck.{type(load).__name__}({', '.join(named)})"


def words(load: Load) -> str:
    """Return a load in a sentence.

    Examples
    --------
    >>> words(Drawn(points=[(0, 2), (600, 10), (1200, 2)]))
    'Drawn: 6 requests per second in the mean, about 7,200 in 20 min, then the same again'
    >>> words(ClosedLoop(50, think=2))
    'ClosedLoop: 50 users, at most 25 requests per second'
    """
    rate = f"{load.rate_per_s:,.6g} requests per second"
    if isinstance(load, ClosedLoop):
        return f"ClosedLoop: {load.users:,} users, at most {rate}"
    text = f"{type(load).__name__}: {rate} in the mean"
    if isinstance(load, Poisson | Steady):
        return text
    span_s = load.seen_s
    again = ", then the same again" if isinstance(load, Drawn | Calendar) else ""
    return f"{text}, about {load.expected_requests(span_s):,.0f} in {span(span_s)}{again}"


def span(seconds: float) -> str:
    """Return a time as it is typed, in the largest unit of which it is a whole number, or to six figures.

    >>> span(5400), span(86_400), span(7200), span(250), span(676_666.66)
    ('90 min', '1 day', '2 h', '250 s', '7.83179 days')
    """
    units = (("days", DAY_S), ("h", HOUR_S), ("min", MINUTE_S))
    whole = [unit for unit in units if seconds >= unit[1] and seconds % unit[1] == 0]
    large = [unit for unit in units if seconds >= 10 * unit[1] or seconds >= 3 * DAY_S]
    for unit, size_s in whole or large:
        count = seconds / size_s
        return "1 day" if size_s == seconds == DAY_S else f"{count:.6g} {unit}"
    return f"{seconds:.10g} s"


def span_meant(text: str) -> float:
    """Return the seconds that a time span means, typed with its unit.

    >>> span_meant("90 min"), span_meant("1 day"), span_meant("0.5 h"), span_meant("20")
    (5400.0, 86400.0, 1800.0, 20.0)

    Raises
    ------
    ConfigError
        If it is none.
    """
    days = re.fullmatch(r"\s*([0-9.]+)\s*(?:d|days?)\s*", text)
    plain = re.sub(r"(?<=\d)\s*(?:minutes?)\b", "min", re.sub(r"(?<=\d)\s*(?:hours?)\b", "h", text.replace(",", "")))
    value = number_meant(days[1] if days else plain, "span_s")
    if value is None:
        raise ConfigError(
            f"Drawn: time span {text!r} cannot be read; allowed: a number with s, min, h or days",
            fix="write for example 90 min, 24 h or 1 day",
        )
    return value * DAY_S if days else value
