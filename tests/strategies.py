"""Hypothesis strategies that all tests share, made from the registry: a new service or link is in them at once.

A setting is drawn within its declared range. What a range cannot say (a state machine's definition, a filter) stays at
its default.
"""

from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st

import chainkit.services  # noqa: F401 - fills the registry
from chainkit.chain import Chain
from chainkit.declared import IDENTITY, Setting, settings
from chainkit.distributions import Constant, Empirical, Exponential, Gamma, Law, LogNormal, Mixture, Uniform
from chainkit.service import Service, registry
from chainkit.wiring import WORDS, Link, Retry, fitting

Strategy = st.SearchStrategy[Any]

names = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,11}", fullmatch=True)
variables = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{1,11}", fullmatch=True)
seconds = st.floats(0.001, 100.0)
fractions = st.floats(0.0, 1.0)


def simple_laws() -> st.SearchStrategy[Law]:
    """Laws of every class but mixtures and scipy's."""
    ratios = st.floats(1.1, 20.0)
    times = st.lists(st.floats(0.0, 100.0), min_size=1, max_size=5)
    return st.one_of(
        st.builds(Constant, st.floats(0.0, 100.0)),
        st.builds(lambda s, r: LogNormal(p50_s=s, p99_s=s * r), seconds, ratios),
        st.builds(lambda s, r: LogNormal(p50_s=s, p95_s=s * r, shift_s=s / 2), seconds, ratios),
        st.builds(LogNormal.from_log, st.floats(-5.0, 2.0), st.floats(0.1, 2.0)),
        st.builds(Gamma, mean_s=seconds, shape=st.floats(0.1, 50.0)),
        st.builds(Exponential, mean_s=seconds),
        st.builds(
            lambda low, width: Uniform(low_s=low, high_s=low + width), st.floats(0.0, 10.0), st.floats(0.1, 10.0)
        ),
        st.builds(lambda values: Empirical(values_s=values), times),
        st.builds(lambda low, width: Empirical(quantiles={0.5: low, 0.99: low + width}), seconds, seconds),
    )


def laws() -> st.SearchStrategy[Law]:
    """Laws of every class but scipy's."""
    halves = st.tuples(simple_laws(), simple_laws()).map(lambda pair: Mixture([(0.25, pair[0]), (0.75, pair[1])]))
    return st.one_of(simple_laws(), halves)


def values(setting: Setting) -> Strategy | None:
    """Values that a setting allows; None where its declaration does not say which."""
    return _values(setting.kind, setting)


def _values(kind: Any, setting: Setting) -> Strategy | None:
    if get_origin(kind) is Annotated:
        return _values(get_args(kind)[0], setting)
    if get_origin(kind) in (Union, UnionType):
        parts = [_values(part, setting) for part in get_args(kind)]
        return st.one_of(*parts) if None not in parts else None
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    low, high = setting.low, setting.high
    simple: dict[Any, Strategy] = {
        NoneType: st.none(),
        bool: st.booleans(),
        int: st.integers(low, high),  # type: ignore[arg-type]
        float: st.floats(low, high, allow_nan=False, allow_infinity=False, exclude_min=setting.is_low_excluded),
        str: st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), min_size=1, max_size=12),
        Law: laws(),
        Retry: st.deferred(retries),
        dict[str, str]: st.dictionaries(variables, st.text(max_size=12), max_size=3),
    }
    return simple.get(kind)


@cache
def _settings(cls: type, without: frozenset[str] = frozenset()) -> Strategy:
    """Some of a class's settings, each within its range."""
    drawn = {s.name: values(s) for s in settings(cls) if s.name not in IDENTITY and s.name not in without}
    return st.fixed_dictionaries({}, optional={name: value for name, value in drawn.items() if value is not None})


def retries() -> st.SearchStrategy[Retry]:
    """How a caller tries again."""
    return _settings(Retry).map(lambda given: Retry(**given))


def services(name: str = "node", kinds: tuple[str, ...] | None = None) -> st.SearchStrategy[Service]:
    """Services of that name, of the registered kinds or of some of them."""
    return st.sampled_from(kinds or tuple(sorted(registry))).flatmap(
        lambda kind: _settings(registry[kind]).map(lambda given: registry[kind](name, **given))
    )


def links(source: Service, target: Service) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """Words of the links that fit from one service to another, with options; there has to be one."""

    def options(word: str) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
        cls, fixed = WORDS[word]
        others = {name for each in cls.words.values() for name in each}
        return st.tuples(st.just(word), _settings(cls, frozenset(others | fixed.keys())))

    return st.sampled_from(fitting(source, target)).flatmap(options)


@st.composite
def chains(draw: st.DrawFn, max_services: int = 5, max_links: int = 6) -> Chain:
    """Chains that can be built, not all of which can run: filter by `not chain.validate()` where that matters."""
    chain = Chain(draw(names), draw(st.sampled_from(["us-east-1", "eu-central-1"])))
    for name in draw(st.lists(names, max_size=max_services, unique=True)):
        chain.add(draw(services(name)))
    pairs = [(a, b) for a in chain.services.values() for b in chain.services.values() if fitting(a, b)]
    for a, b in draw(st.lists(st.sampled_from(pairs), max_size=max_links)) if pairs else []:
        word, options = draw(links(a, b))
        chain.connect(a, b, link=word, **options)
    places = st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
    chain.layout = {name: draw(places) for name in chain.services if draw(st.booleans())}
    return chain


def links_of(chain: Chain) -> dict[str, Link]:
    """A chain's links that its design file holds: all but a state machine's own tasks."""
    return {key: link for key, link in chain.links.items() if link.word in WORDS}
