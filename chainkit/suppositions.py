"""What a result rests on: settings, traffic, hops and prices that were stated, measured or assumed, and how far off.

How far each may be off depends on who says so. The ranges are our judgement, not data: wide enough that a figure of
that kind is seldom outside. Give your own where you know better.

===========  ============  ============================================================================
confidence   range         of what
===========  ============  ============================================================================
measured     x 0.8 - 1.25  hops and idle times measured by others: of another region, and some years old
derived      x 0.67 - 1.5  hops that were worked out from published figures
assumed      x 0.5 - 2     what nobody measured; and settings left at their defaults: sizes, start-up of your code
stated       x 0.67 - 1.5  what the design says: durations, failure rates, shares, traffic
A, B         x 0.95 - 1.05 prices read in a copy of AWS's list or page: it may have moved, or you have a discount
C            x 0.8 - 1.25  prices told by a third party
D            x 0.5 - 2     prices from memory
U            x 1 - 1       prices that you gave
===========  ============  ============================================================================

Shares (failure rates, probabilities) are varied by their odds p / (1 - p), so that they stay shares.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from chainkit import data
from chainkit.billing.prices import Price
from chainkit.chain import Chain
from chainkit.declared import IDENTITY, settings
from chainkit.distributions import from_plain
from chainkit.errors import ConfigError, nearest
from chainkit.law import Law, is_number
from chainkit.simulation import lower
from chainkit.simulation.loads import ClosedLoop, Load
from chainkit.simulation.run import Run
from chainkit.units import seconds
from chainkit.wiring import Task

RANGES: Mapping[str, tuple[float, float]] = {
    "measured": (0.8, 1.25), "derived": (0.67, 1.5), "assumed": (0.5, 2.0), "stated": (0.67, 1.5),
    "A": (0.95, 1.05), "B": (0.95, 1.05), "C": (0.8, 1.25), "D": (0.5, 2.0), "U": (1.0, 1.0),
}  # fmt: skip
STATED = "the design says so"
TRAFFIC = "load.rate_per_s"
_NO_SHARE = ("cpu_fraction", "after_fraction")
"""Shares that say how work is arranged, not how often something happens."""
_SHARES = ("probability", "match_fraction")
"""How often a link is taken, whether the caller's code decides that or a topic or bus: one thing, one name."""
_FIX = 'give factors, or values of a setting: ranges={"pay.duration": (0.5, 2), "pay.error_rate": (0.0, 0.05)}'


@dataclass(frozen=True)
class Supposition:
    """Something that may be other than it was taken to be."""

    name: str
    """"pay.duration", "*.keep_alive" (wherever it was left at its default), "load.rate_per_s", "latency.sqs_mapping",
    "price.lambda-requests", "ask>*.message_bytes" (of all that it sends), "ask>jobs.probability" (by its draw)."""
    low: float
    high: float
    confidence: str
    """A key of `RANGES`."""
    source: str
    taken: str
    """What it was taken to be, in a word."""
    is_factor: bool = True
    """Whether low and high multiply what was taken; else they stand in its place."""
    kind: Literal["setting", "load", "latency", "price"] = "setting"
    """What it is about: a service may be called "load", too."""

    @property
    def words(self) -> str:
        """Its name for people."""
        first, _, rest = self.name.partition(".")
        return f"{rest}, wherever left at its default" if first == "*" else self.name

    def at(self, end: float) -> str:
        """Return one end in words."""
        return f"{end:g} times what was taken" if self.is_factor else f"{end:g}"


@dataclass(frozen=True)
class Setup:
    """Everything that figures are computed from, but for the prices."""

    chains: Mapping[str, Chain]
    load: Load
    requests_per_month: float
    latency: Mapping[str, Law] = field(repr=False)

    def with_value(self, supposition: Supposition, value: float) -> "Setup":
        """Return the same with one supposition at another value.

        Raises
        ------
        ConfigError
            If a setting refuses it.
        """
        rest = supposition.name.partition(".")[2]
        if supposition.kind == "latency":
            return replace(self, latency={**self.latency, rest: self.latency[rest].scaled(value)})
        if supposition.kind == "load" and supposition.name == TRAFFIC:
            factor = value if supposition.is_factor else value / self.load.rate_per_s
            faster = self.load.with_rate(self.load.rate_per_s * factor)
            return replace(self, load=faster, requests_per_month=self.requests_per_month * factor)
        if supposition.kind == "load":
            shares = {**self.load.attributes, rest: _shifted_shares(self.load.attributes[rest], value)}
            return replace(self, load=replace(self.load, attributes=shares))
        chains = {name: chain.copy() for name, chain in self.chains.items()}
        for chain in chains.values():
            for place in _places(chain, supposition.name):
                place.change(chain, value, is_factor=supposition.is_factor)
        return replace(self, chains=chains)


# --- where settings stand ---


@dataclass(frozen=True)
class _Place:
    """One setting of a service or link of a chain, or of a part of a service."""

    owner: str
    setting: str
    value: Any
    part: str = ""
    way: str = ""
    """Which of several lists of shares."""
    shared: str = ""
    """What designs that are wired in other ways have in common: the draw that decides, or who sends."""
    is_default: bool = False

    @property
    def name(self) -> str:
        """How a supposition calls it: alike in all designs in which it is the same thing."""
        last = f".{self.way}" if self.way else ""
        setting = _SHARES[0] if self.setting in _SHARES else self.setting
        return f"{'*' if self.is_default else self.shared or self.part or self.owner}.{setting}{last}"

    def change(self, chain: Chain, value: float, *, is_factor: bool) -> None:
        """Set it to a value, or to a multiple of what it was."""
        new = _changed(self.setting, self.value, value) if is_factor else value
        if not is_factor and isinstance(self.value, int):
            new = int(value)
        if self.way:
            new = {**getattr(chain.service(self.owner), self.setting), self.way: new}
        if self.part:
            parts = _parts(chain.service(self.owner))
            chain.set(self.owner, parts={**parts, self.part: replace(parts[self.part], **{self.setting: new})})
        else:
            chain.set(self.owner, **{self.setting: new})


def _changed(setting: str, value: Any, factor: float) -> Any:
    """Return a multiple of a setting."""
    if isinstance(value, Law):
        return value.scaled(factor)
    if isinstance(value, list):
        return [*_shifted_shares(dict(enumerate(value)), factor).values()]
    if _is_share(setting):
        return _shifted(value, factor)
    return max(1, round(value * factor)) if isinstance(value, int) else value * factor


def _is_share(setting: str) -> bool:
    """Tell whether a setting is a chance or a share that may be off."""
    return (setting.endswith(("_rate", "_fraction")) or setting == "probability") and setting not in _NO_SHARE


def _shifted(p: float, factor: float) -> float:
    """Return the share whose odds are a multiple of those of `p`.

    >>> _shifted(0.5, 3.0), _shifted(0.0, 2.0), _shifted(1.0, 2.0)
    (0.75, 0.0, 1.0)
    """
    return factor * p / (1 - p + factor * p)


def _shifted_shares(shares: Mapping[Any, float], factor: float) -> dict[Any, float]:
    """Return shares of which the first has other odds, the others in proportion as before.

    >>> _shifted_shares({"a": 0.5, "b": 0.25, "c": 0.25}, 3.0)
    {'a': 0.75, 'b': 0.125, 'c': 0.125}
    """
    (first, p), *others = shares.items()
    new = _shifted(p, factor)
    rest = (1 - new) / (1 - p) if p < 1 else 0.0
    return {first: new, **{name: each * rest for name, each in others}}


def _all_places(chain: Chain) -> Iterator[_Place]:
    """Yield every setting that may be off: laws, shares above 0, sizes, lists of shares."""
    links = {key: link for key, link in chain.links.items() if not isinstance(link, Task)}  # the definition owns tasks
    for owner, thing in {**chain.services, **links}.items():
        yield from _places_of(owner, thing)
        for name, part in _parts(thing).items():
            at = f"{part.caller or owner}>{name}"
            yield from (replace(each, part=name, is_default=False) for each in _places_of(owner, part, at))


def _parts(thing: Any) -> Mapping[str, Any]:
    """Return the parts of a service, if it can have some."""
    parts = getattr(thing, "parts", {})
    return parts if isinstance(parts, Mapping) else {}


def _places_of(owner: str, thing: Any, at: str = "") -> Iterator[_Place]:
    """Yield the settings of one service, link or part (which stands `at` the end of a call) that may be off."""
    cls: Any = type(thing)
    for setting in settings(cls):
        value = _taken(thing, setting.name)
        is_default = getattr(thing, setting.name) == setting.default
        place = _Place(
            owner, setting.name, value, shared=_shared(thing, setting.name, at or owner), is_default=is_default
        )
        is_amount = is_number(value) and (
            (_is_share(setting.name) and 0 < value < 1) or (setting.name.endswith("_bytes") and value > 0)
        )
        if isinstance(value, Law) or is_amount:
            yield place
        elif isinstance(value, Mapping):
            yield from (replace(place, value=each, way=way) for way, each in value.items() if _are_shares(each))


def _shared(thing: Any, setting: str, at: str) -> str:
    """Return what a setting goes by where links have other names in other designs, or ""."""
    if setting in _SHARES:
        return getattr(thing, "chance", None) or at
    return f"{thing.source}>*" if setting.endswith("_bytes") and hasattr(thing, "source") else ""


def _taken(thing: Any, setting: str) -> Any:
    """Return what a setting is, or what a service takes in its place where it was left open."""
    value = getattr(thing, setting)
    return getattr(thing.behaviour(), setting, None) if value is None and hasattr(thing, "behaviour") else value


def _are_shares(value: Any) -> bool:
    """Tell whether this is a list of shares, the first of which may be another."""
    return isinstance(value, list) and len(value) > 1 and all(map(is_number, value)) and 0 < value[0] < 1


def _places(chain: Chain, name: str) -> list[_Place]:
    """Return where a chain has a setting; nowhere if it does not."""
    found = [place for place in _all_places(chain) if place.name == name]
    owner, _, setting = name.rpartition(".")
    thing = {**chain.services, **chain.links}.get(owner)
    cls: Any = type(thing)
    known = [each.name for each in settings(cls) if each.name not in IDENTITY] if thing is not None else []
    return found or ([_Place(owner, setting, _taken(thing, setting))] if setting in known else [])


# --- what there is to suppose ---


def suppositions(
    setup: Setup, runs: Mapping[str, Run], prices: Mapping[str, Price], ranges: Mapping[str, Any] | None = None
) -> list[Supposition]:
    """Return everything that figures rest on and that may be off, with its range.

    Parameters
    ----------
    setup : what was computed from
    runs : of its chains
    prices : by key, those that the figures need; none where they are no money
    ranges : ends of the user's own by name; None in place of a pair leaves one out

    Raises
    ------
    ConfigError
        If a range names nothing that there is, or is no pair.
    """
    if not isinstance(ranges, Mapping | None):
        raise ConfigError(f"sensitivity: ranges={ranges!r} is no mapping of names to pairs", fix=_FIX)
    found = {each.name: each for each in _found(setup, runs, prices)}
    for name, pair in (ranges or {}).items():
        if name not in found and not any(_places(chain, name) for chain in setup.chains.values()):
            known = ", ".join(found)
            raise ConfigError(f"sensitivity: {name!r} is unknown{nearest(name, found)}", fix=f"known: {known}")
        if pair is None:
            found.pop(name, None)
            continue
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(map(is_number, pair)) or pair[0] > pair[1]:
            raise ConfigError(f"sensitivity: ranges[{name!r}]={pair!r} is no pair of ascending numbers", fix=_FIX)
        found[name] = _own(setup, name, found.get(name), float(pair[0]), float(pair[1]))
    return [each for each in found.values() if each.low != each.high]


def _own(setup: Setup, name: str, before: Supposition | None, low: float, high: float) -> Supposition:
    """Return a supposition with the user's own range."""
    places = [place for chain in setup.chains.values() for place in _places(chain, name)]
    is_factor = not any(is_number(place.value) for place in places)
    if before is not None:
        return replace(before, low=low, high=high, is_factor=is_factor or before.kind != "setting")
    return Supposition(name, low, high, "stated", STATED, _words(places[0].value), is_factor)


def _found(setup: Setup, runs: Mapping[str, Run], prices: Mapping[str, Price]) -> Iterator[Supposition]:
    """Yield what there is, with the ranges of the table above."""
    rate = f"{setup.load.rate_per_s:.4g} requests per second"
    if not isinstance(setup.load, ClosedLoop):  # whose rate follows from its users
        yield Supposition(TRAFFIC, *RANGES["stated"], "stated", "the traffic says so", rate, kind="load")
    for name, shares in setup.load.attributes.items():
        if len(shares) > 1:
            taken = ", ".join(f"{value} {share:g}" for value, share in shares.items())
            yield Supposition(f"load.{name}", *RANGES["stated"], "stated", "the traffic says so", taken, kind="load")
    named = {place.name: place for chain in setup.chains.values() for place in _all_places(chain)}
    for name, place in named.items():
        confidence, source = _who_says(place)
        yield Supposition(name, *RANGES[confidence], confidence, source, _words(place.value))
    for name in _hops_used(setup, runs):
        entry = data.latency()["hops"].get(name, {})
        is_known = entry and from_plain(entry["law"]) == setup.latency[name]
        confidence = entry["confidence"] if is_known else "stated"
        source = f"{entry['source']} ({entry['year']})" if is_known else "the latency that was given"
        taken = _words(setup.latency[name])
        yield Supposition(f"latency.{name}", *RANGES[confidence], confidence, source, taken, kind="latency")
    for key, price in prices.items():
        taken = f"{price.tiers[0].usd:.10f}".rstrip("0") + f" USD per {price.unit}"
        source = f"{price.source}, {price.date}" if price.date else price.source
        ends = RANGES[price.confidence]
        yield Supposition(f"price.{key}", *ends, price.confidence, source, taken, kind="price")


def _who_says(place: _Place) -> tuple[str, str]:
    """Return confidence and source of a setting: the user's own, or of a default."""
    if not place.is_default:
        return "stated", STATED
    if place.setting == "keep_alive":
        entry = data.latency()["keep_alive"]
        return entry["confidence"], f"{entry['source']}, {entry['year']}"
    if place.setting == "init":
        return "assumed", f"hello world, without your own imports: {data.latency()['init_source']['source']}"
    return "assumed", "left at its default"


def _words(value: Any) -> str:
    """Return what was taken, in a word."""
    if isinstance(value, Law):
        return f"{seconds(value.mean_s)} in the mean"
    return ", ".join(f"{each:g}" for each in value) if isinstance(value, list) else f"{value:g}"


def _hops_used(setup: Setup, runs: Mapping[str, Run]) -> list[str]:
    """Return the hops that are in some program: those whose law changes it."""
    return [
        name
        for name, law in setup.latency.items()
        if any(_is_in(run, {**setup.latency, name: law.scaled(2.0)}) for run in runs.values())
    ]


def _is_in(run: Run, latency: Mapping[str, Law]) -> bool:
    """Tell whether other hops make another program of a run's chain."""
    program = lower.lower(run.chain, **{**run.options["lowering"], "latency": latency})
    tables = ("code", "site_rows", "table")
    return any(not np.array_equal(getattr(program, each), getattr(run.program, each)) for each in tables)
