"""Kinds of traffic: what their forms say, one made of another, and each as a line of Python."""

import math

import numpy as np
import pytest

import chainkit as ck
from chainkit.errors import ConfigError
from chainkit.widgets import traffic_kinds as kinds

ATTRIBUTES = {"status": {"charged": 0.97, "declined": 0.03}}
LOADS = [
    ck.Poisson(rate_per_s=4),
    ck.Steady(rate_per_s=0.003),
    ck.Drawn(points=[(0, 2), (600, 10), (600, 1), (1200, 2)], attributes=ATTRIBUTES),
    ck.Ramp(start_per_s=0, end_per_s=7, duration_s=600),
    ck.Spike(base_per_s=2, peak_per_s=40, at_s=100, duration_s=30),
    ck.Calendar(hours_per_s=range(24), shape="linear"),
    ck.Bursts(phases=[(2, 90), (50, 10)]),
    ck.ClosedLoop(users=5, think=ck.LogNormal(p50_s=1, p99_s=4)),
    ck.Replay.per_minute([37, 0, 1_000, 1], spread="even"),
    ck.Replay.times([0.5, 0.75, 3.0]),
]
loads = pytest.mark.parametrize("load", LOADS, ids=lambda load: type(load).__name__)


def test_every_load_that_there_is_can_be_chosen():
    named = {
        name for name in ck.__all__ if isinstance(kind := getattr(ck, name), type) and issubclass(kind, kinds.Load)
    }

    assert named == kinds.KINDS.keys()


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_every_parameter_has_help(kind):
    assert [each.name for each in kinds.parameters(kinds.KINDS[kind]) if not each.help] == []


@loads
@pytest.mark.parametrize("kind", kinds.KINDS)
def test_another_kind_keeps_the_mean_rate_and_the_attributes(load, kind):
    made = kinds.as_kind(load, kind)

    assert type(made) is kinds.KINDS[kind]
    assert made.rate_per_s == pytest.approx(load.rate_per_s, rel=1e-9 if kind != "Replay" else 1e-3)
    assert made.attributes == load.attributes


@loads
def test_the_same_kind_is_the_same_load(load):
    assert kinds.as_kind(load, type(load).__name__) is load


def test_users_who_do_not_think_become_traffic_of_the_usual_rate():
    assert kinds.as_kind(ck.ClosedLoop(users=5, think=0), "Poisson").rate_per_s == kinds.USUAL_PER_S
    assert kinds.as_kind(ck.ClosedLoop(users=5, think=0), "Replay").rate_per_s == kinds.USUAL_PER_S


@pytest.mark.parametrize("requests", [10, 2_000, 100_000])
@loads
def test_a_trace_of_other_traffic_has_enough_requests_for_a_run(load, requests):
    made = kinds.as_kind(load, "Replay", requests=requests)

    assert isinstance(load, ck.Replay) or made.requests >= requests
    assert made.counts is None or made.counts.size <= kinds.MOST_BINS + 1


def test_a_kind_that_there_is_not_is_refused():
    with pytest.raises(ConfigError, match="kind='Waves' is unknown"):
        kinds.as_kind(LOADS[0], "Waves")


def test_a_line_after_a_ramp_rises_and_then_is_level():
    points = kinds.as_kind(ck.Ramp(start_per_s=0, end_per_s=6, duration_s=600), "Drawn").points

    assert [at_s for at_s, _ in points] == [0, 600, 900]
    assert points[1][1] == pytest.approx(points[2][1])


@loads
def test_the_line_of_python_makes_the_same_load(load):
    assert eval(kinds.line(load), {"ck": ck}) == load


def test_a_long_trace_is_not_written_out():
    assert kinds.line(ck.Replay.times(np.arange(1_000))).startswith(
        "ck.Replay.read(...)  # Replay.times(1,000 requests"
    )


@loads
def test_what_a_field_shows_makes_the_same_load_when_it_is_typed(load):
    for each in kinds.parameters(type(load)):
        text = kinds.shown(getattr(load, each.name))
        if text:
            assert kinds.changed(load, each.name, kinds.typed(text, each.name)) == load


@pytest.mark.parametrize("name", kinds.PRESETS)
def test_a_preset_keeps_length_and_mean_rate(name):
    drawn = ck.Drawn(points=[(0, 2), (600, 10), (1200, 2)])
    made = kinds.preset(drawn, name)

    assert (made.seen_s, made.rate_per_s) == (1200, pytest.approx(6))


def test_a_line_is_stretched_and_raised_as_a_whole():
    drawn = ck.Drawn(points=[(0, 2), (600, 10), (1200, 2)])

    assert kinds.stretched(drawn, 120).points == ((0, 2), (60, 10), (120, 2))
    assert kinds.raised(drawn, 20).points == ((0, 4), (600, 20), (1200, 4))


@pytest.mark.parametrize("text", ["90 min", "1.5 h", "1.5 hours", "5400", "5,400 s", "90 minutes"])
def test_a_time_span_is_typed_with_its_unit(text):
    assert kinds.span_meant(text) == 5400


@pytest.mark.parametrize("time_s", [1, 59, 90, 900, 3600, 5400, 86_400, 604_800])
def test_a_time_span_is_shown_as_it_may_be_typed(time_s):
    assert kinds.span_meant(kinds.span(time_s)) == time_s


def test_a_time_span_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="time span 'soon' cannot be read") as caught:
        kinds.span_meant("soon")

    assert "24 h" in caught.value.fix


def test_text_that_cannot_be_read_is_refused():
    with pytest.raises(ConfigError, match="phases='\\[1, ' cannot be read"):
        kinds.typed("[1, ", "phases")


def chain_with(policy, **settings):
    chain = ck.Chain("filters")
    events = chain.add(ck.SnsTopic("events"))
    for name in ("one", "two"):
        chain.connect(events, chain.add(ck.LambdaFunction(name)), filter_policy=policy, **settings)
    return chain


@pytest.mark.parametrize(
    ("rules", "values"),
    [
        (["charged", "declined"], {"charged": 0.5, "declined": 0.5}),
        ([{"prefix": "re"}, {"anything-but": ["a", "b"]}], dict.fromkeys(["re", "a", "b"], 1 / 3)),
        ([{"numeric": [">", 5, "<=", 9]}], {5: 0.5, 9: 0.5}),
        ([{"exists": True}], {"any": 1.0}),
        ([None, 3], {3: 1.0}),
    ],
)
def test_attributes_that_are_not_stated_get_even_shares_of_what_filters_name(rules, values):
    missing = kinds.unstated(chain_with({"status": rules}), LOADS[0])

    assert missing == {"status": pytest.approx(values)}
    assert ck.Poisson(rate_per_s=4, attributes=missing).attributes["status"] == missing["status"]


def test_nothing_is_missing_where_the_traffic_or_the_link_says_it():
    stated = ck.Poisson(rate_per_s=4, attributes=ATTRIBUTES)

    assert kinds.unstated(chain_with({"status": ["charged"]}), stated) == {}
    assert kinds.unstated(chain_with(None), LOADS[0]) == {}


@loads
def test_words_tell_kind_and_rate(load):
    assert kinds.words(load).startswith(type(load).__name__)
    assert math.isfinite(load.rate_per_s)
    assert f"{load.rate_per_s:,.6g} requests per second" in kinds.words(load)
