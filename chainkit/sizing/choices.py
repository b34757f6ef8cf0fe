"""What can be chosen in a chain, and the designs that choices make.

A choice is a setting of a service or link and the values that are tried; a design is one value of each. Which settings
there are is read from the declared fields, so that no service is named here.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from chainkit.chain import Chain
from chainkit.declared import settings
from chainkit.errors import ChainkitError, ConfigError, nearest
from chainkit.service import Service
from chainkit.simulation.run import Run
from chainkit.sizing.memory_curves import as_ratio, is_function

SIZES = (128, 256, 384, 512, 768, 1024, 1536, 1769)
"""Memory sizes, MB; beyond 1,769 a single thread gains nothing."""
BATCHES = (1, 5, 10)
WINDOWS_S = (0, 1, 5)
LEAST_COLD = 0.005
"""Share of cold starts from which environments kept ready are tried."""
READY = (0.5, 0.99, 0.9999)
"""Chances that so many environments are enough: levels that are tried."""
KINDS = (
    "memory_mb", "architecture", "workflow", "batch_size", "maximum_batching_window_s", "provisioned_concurrency",
)  # fmt: skip
LAWS = ("duration", "first_duration", "overhead")
Design = tuple[int, ...]
"""Place of the value of each choice."""


@dataclass(frozen=True)
class Choice:
    """A setting and the values that it may have."""

    key: str
    """"pay.memory_mb", "jobs>pay.batch_size"."""
    values: tuple[Any, ...]
    now: int
    """Place of the value that the chain has."""

    @property
    def owner(self) -> str:
        """Name of the service or link."""
        return self.key.rpartition(".")[0]

    @property
    def setting(self) -> str:
        """Name of the setting."""
        return self.key.rpartition(".")[2]


@dataclass(frozen=True)
class Space:
    """A chain and its choices: every combination is a design."""

    chain: Chain
    choices: tuple[Choice, ...]
    arm64_ratio: Mapping[str, float]
    """Function -> its duration on arm64 over that on x86; others: 1."""

    def __len__(self) -> int:
        """Return how many combinations there are."""
        return math.prod(len(choice.values) for choice in self.choices)

    @property
    def start(self) -> Design:
        """The chain as it is."""
        return tuple(choice.now for choice in self.choices)

    def all(self) -> Iterator[Design]:
        """Yield every combination."""
        return product(*(range(len(choice.values)) for choice in self.choices))

    def neighbours(self, design: Design) -> list[Design]:
        """Return the designs that differ in one choice."""
        return [
            (*design[:i], value, *design[i + 1 :])
            for i, choice in enumerate(self.choices)
            for value in range(len(choice.values))
            if value != design[i]
        ]

    def built(self, design: Design) -> Chain | None:
        """Return the chain of a design; None if AWS would refuse it."""
        chain = self.chain.copy()
        changes: dict[str, dict[str, Any]] = {}
        for choice, place in zip(self.choices, design, strict=True):
            if place != choice.now:
                changes.setdefault(choice.owner, {})[choice.setting] = choice.values[place]
        try:
            for owner, change in changes.items():
                chain.set(owner, **change, **self._slowed(owner, change))
        except ChainkitError:
            return None
        return None if chain.validate() else chain

    def _slowed(self, owner: str, change: Mapping[str, Any]) -> dict[str, Any]:
        """Return the laws of a function that changes its processor."""
        ratio = self.arm64_ratio.get(owner, 1.0)
        if "architecture" not in change or ratio == 1.0:
            return {}
        factor = ratio if change["architecture"] == "arm64" else 1 / ratio
        laws = {name: getattr(self.chain.service(owner), name) for name in LAWS}
        return {name: law.scaled(factor) for name, law in laws.items() if law is not None}


def space_of(
    chain: Chain, run: Run, figure: str, asked: Any, least_mb: Mapping[str, int], arm64_ratio: Any
) -> tuple[Space, tuple[str, ...]]:
    """Return the choices in a chain, and what is not tried and why.

    Parameters
    ----------
    chain, run : the chain as it is, and a run of it
    figure : which time is limited
    asked : values by key, names of settings, or None for all of `KINDS`
    least_mb : function -> memory below which it cannot run
    arm64_ratio : one for all functions, or by function
    """
    notes: list[str] = []
    if isinstance(asked, Mapping):
        choices = [_given(chain, key, values) for key, values in asked.items()]
    else:
        kinds = _kinds(asked)
        choices = [*_of_services(chain, run, kinds, least_mb, notes), *_of_links(chain, kinds, figure, notes)]
    choices = [choice for choice in choices if len(choice.values) > 1]
    if not choices:
        problem = f"right_size: chain {chain.name!r} has nothing to choose{': ' if notes else ''}{'; '.join(notes)}"
        raise ConfigError(problem, fix='give values to try: choices={"pay.memory_mb": [128, 512, 1024]}')
    return Space(chain, tuple(choices), _ratios(chain, arm64_ratio)), tuple(notes)


def _kinds(asked: Any) -> tuple[str, ...]:
    """Return the names of settings that are tried."""
    if asked is None:
        return KINDS
    if isinstance(asked, str) or not isinstance(asked, Sequence) or not asked:
        problem = f"right_size: choices={asked!r} are neither values by setting nor names of settings"
        raise ConfigError(problem, fix=f'write {{"pay.memory_mb": [128, 512]}}, or some of {", ".join(KINDS)}')
    for name in asked:
        if name not in KINDS:
            problem = f"right_size: choices: {name!r} is unknown{nearest(name, KINDS)}; allowed: {', '.join(KINDS)}"
            raise ConfigError(problem, fix='others need values: choices={"pay.timeout_s": [3, 10]}')
    return tuple(asked)


def _given(chain: Chain, key: Any, values: Any) -> Choice:
    """Return a choice with values of the user's, each checked alone."""
    owner, _, setting = key.rpartition(".") if isinstance(key, str) else ("", "", "")
    if not owner or isinstance(values, str | Mapping) or not hasattr(values, "__iter__") or not [*values]:
        problem = f"right_size: choices: {key!r}: {values!r} is no setting with values"
        raise ConfigError(problem, fix='write "name.setting" with a list: {"pay.memory_mb": [128, 512]}')
    plain = [each.item() if hasattr(each, "item") else each for each in values]
    held: Any = chain.services.get(owner) or chain.link(owner)
    _require_setting(held, key, setting)
    now = getattr(held, setting)
    for value in plain:
        try:
            chain.copy().set(owner, **{setting: value})
        except ChainkitError as error:
            raise type(error)(f"right_size: {key}={value!r}: {error.problem}", fix=error.fix) from None
    return _choice(key, [*plain, now], now)


def _require_setting(held: Any, key: str, setting: str) -> None:
    """Raise unless a service or link has a setting of that name."""
    names = _names(held)
    if setting not in names:
        problem = f"right_size: {key!r}: there is no setting {setting!r}{nearest(setting, names)}"
        raise ConfigError(problem, fix=f"its settings: {', '.join(names)}")


def _names(held: Any) -> list[str]:
    """Return the names of the settings of a service or link."""
    kind: Any = type(held)
    return [each.name for each in settings(kind)]


def _choice(key: str, values: Sequence[Any], now: Any) -> Choice:
    """Return a choice; numbers ascend, each value is there once, the one that there is among them."""
    unique = list(dict.fromkeys([*values, now]))
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in unique):
        unique.sort()
    return Choice(key, tuple(unique), unique.index(now))


def _of_services(
    chain: Chain, run: Run, kinds: Sequence[str], least_mb: Mapping[str, int], notes: list[str]
) -> Iterator[Choice]:
    """Yield the choices of functions and workflows."""
    for name in least_mb:
        chain.service(name)
    nodes = run.nodes
    for name, service in chain.services.items():
        fields = {each.name: each for each in settings(type(service))}
        for kind in ("architecture", "workflow"):
            if kind in kinds and kind in fields:
                yield _choice(f"{name}.{kind}", fields[kind].choices, getattr(service, kind))
        if not is_function(service):
            continue
        if "memory_mb" in kinds:
            yield from _memory(name, service, least_mb.get(name, 0), notes)
        if "provisioned_concurrency" in kinds:
            yield from _ready(name, service, nodes.loc[name])


def _memory(name: str, service: Service, least_mb: int, notes: list[str]) -> Iterator[Choice]:
    """Yield the memory of a function, unless the design says that it changes nothing but the price."""
    own: Any = service
    if own.cpu_fraction == 0:
        notes.append(f"{name}: memory is not tried: cpu_fraction=0 says that it changes no duration; measure it")
        return
    yield _choice(f"{name}.memory_mb", [size for size in SIZES if size >= least_mb], own.memory_mb)


def _ready(name: str, service: Service, node: Any) -> Iterator[Choice]:
    """Yield numbers of environments kept ready, where cold starts are seen: enough for so many that are busy."""
    own: Any = service
    busy, cold = float(node["busy_mean"]), float(node["cold_fraction"])
    if own.snap_start or own.provisioned_scaling is not None or not math.isfinite(busy):
        return
    if cold < LEAST_COLD and not own.provisioned_concurrency:
        return
    levels = {poisson_quantile(busy, p) for p in READY} - {0}
    most = math.inf if own.reserved_concurrency is None else own.reserved_concurrency
    now = own.provisioned_concurrency
    yield _choice(f"{name}.provisioned_concurrency", [0, *(n for n in sorted(levels) if n <= most)], now)


def _of_links(chain: Chain, kinds: Sequence[str], figure: str, notes: list[str]) -> Iterator[Choice]:
    """Yield batch sizes and windows; only where what they delay is limited."""
    own = {key: _names(link) for key, link in chain.links.items()}
    polled = [key for key, names in own.items() if "batch_size" in names]
    if polled and figure.startswith("response") and {"batch_size", "maximum_batching_window_s"} & {*kinds}:
        what = ", ".join(polled)
        notes.append(f"{what}: batches are not tried: they delay no response; limit a completion figure to try them")
        return
    for key in polled:
        link: Any = chain.link(key)
        if "batch_size" in kinds:
            yield _choice(f"{key}.batch_size", BATCHES, link.batch_size)
        if "maximum_batching_window_s" in kinds:
            yield _choice(f"{key}.maximum_batching_window_s", WINDOWS_S, link.maximum_batching_window_s)


def _ratios(chain: Chain, given: Any) -> dict[str, float]:
    """Return the ratio of durations of every function."""
    functions = [name for name, service in chain.services.items() if is_function(service)]
    if not isinstance(given, Mapping):
        return dict.fromkeys(functions, as_ratio("right_size", given))
    for name in given:
        if name not in functions:
            problem = f"right_size: arm64_ratio: {name!r} is no function{nearest(str(name), functions)}"
            raise ConfigError(problem, fix=f"functions: {', '.join(functions)}")
    return {name: as_ratio("right_size", given.get(name, 1.0)) for name in functions}


def poisson_quantile(mean: float, p: float) -> int:
    """Return how many are enough with chance `p`, where the number in use is Poisson with this mean (0 or more).

    The number of busy environments is, where none has to wait and requests arrive by a Poisson process, whatever the
    law of the durations (M/G/infinity).

    >>> poisson_quantile(2.0, 0.5), poisson_quantile(2.0, 0.99)
    (2, 6)
    """
    count, term = 0, math.exp(-min(mean, 700.0))
    if mean > 700:  # e^-mean is no longer a number; the normal law is near enough
        return math.ceil(mean + 4 * math.sqrt(mean) * (2 * p - 1))
    total = term
    while total < p:
        count += 1
        term *= mean / count
        total += term
    return count


def described(choice: Choice, place: int) -> str:
    """Return a value as people read it, without its unit."""
    value = choice.values[place]
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def as_settings(space: Space, design: Design) -> dict[str, Any]:
    """Return the value of every choice by key."""
    return {choice.key: choice.values[place] for choice, place in zip(space.choices, design, strict=True)}
