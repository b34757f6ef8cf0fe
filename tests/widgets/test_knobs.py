"""Knobs: which settings they mean, where they stop, and what a value changes."""

import pytest

import chainkit as ck
from chainkit.operations import replay
from chainkit.widgets import knobs
from chainkit.widgets.knobs import Knob

LOAD = ck.Poisson(rate_per_s=4)


@pytest.fixture
def chain():
    return ck.example("orders")


def test_the_value_in_force_is_one_of_the_stops(chain):
    chain.set("payment", memory_mb=700, error_rate=0.013)

    for key, value in (("payment.memory_mb", 700), ("payment.error_rate", 0.013), (knobs.RATE, 4)):
        made = knobs.knob(key, None, [chain], LOAD)
        assert made.stops[made.near(value)] == value
        assert [*made.stops] == sorted(set(made.stops))


def test_a_pair_is_a_range_and_a_longer_list_the_values_themselves(chain):
    wide = knobs.knob("payment.memory_mb", (128, 3008), [chain], LOAD).stops
    listed = knobs.knob("payment.memory_mb", [128, 512, 1024], [chain], LOAD).stops

    assert (wide[0], wide[-1]) == (128, 3008)
    assert all(isinstance(each, int) for each in wide)
    assert len(wide) > 10
    assert listed == (128, 512, 1024)


def test_words_can_be_stops_too(chain):
    made = knobs.knob("payment.architecture", ["x86_64", "arm64"], [chain], LOAD)

    assert made.stops == ("x86_64", "arm64")
    assert made.near("arm64") == 1


@pytest.mark.parametrize(
    ("key", "asked", "words"),
    [
        ("payment.memroy_mb", None, "'payment' has no setting 'memroy_mb'"),
        ("pyment.memory_mb", None, "there is no 'pyment'"),
        ("load.rate", None, "Poisson has no field 'rate'"),
        ("payment.memory_mb", 512, "knobs['payment.memory_mb']=512 is no range"),
        ("payment.memory_mb", (512, 128), "does not ascend"),
        ("payment.architecture", None, "it has no range of its own"),
        (7, None, "7 is no setting"),
        ("memory_mb", None, "there is no ''"),
    ],
)
def test_what_is_no_knob_is_refused_with_what_there_is(chain, key, asked, words):
    with pytest.raises(ck.ConfigError) as error:
        knobs.knob(key, asked, [chain], LOAD)

    assert words in error.value.problem
    assert error.value.fix


def test_a_star_means_everything_that_has_the_setting(chain):
    held = [name for name, _ in knobs.holders(chain, "*.message_bytes")]
    replay(chain, knobs.operations(chain, "*.message_bytes", 65_536))

    assert len(held) > 2
    assert {chain.links[name].message_bytes for name in held} == {65_536}


def test_a_function_that_is_fused_is_moved_where_it_is_a_part():
    chain = ck.Chain("two")
    chain.add(ck.LambdaFunction("ask")), chain.add(ck.LambdaFunction("pay", error_rate=0.1))
    chain.connect("ask", "pay")
    fused = ck.variants(chain, ["fused"])["fused"].chain
    replay(fused, knobs.operations(fused, "pay.error_rate", 0.5))

    assert fused.service("ask").parts["pay"].error_rate == 0.5
    assert fused.service("ask").error_rate == 0
    assert knobs.current("pay.error_rate", [fused], LOAD) == 0.5
    assert not knobs.operations(fused, "pay.memory_mb", 512)  # which the whole has
    replay(fused, knobs.operations(fused, "*.error_rate", 0.2))
    assert (fused.service("ask").error_rate, fused.service("ask").parts["pay"].error_rate) == (0.2, 0.2)


def test_links_that_a_definition_holds_are_left_alone():
    chain = ck.example("orders-sfn")
    own = {name for name, _ in knobs.holders(chain, "*.message_bytes")}

    replay(chain, knobs.operations(chain, "*.message_bytes", 2_048))  # raises if one of a machine's own were among them
    assert own < {*chain.links}


def test_a_rate_changes_the_load_and_nothing_else():
    assert knobs.loaded(LOAD, knobs.RATE, 10).rate_per_s == 10
    spike = ck.Spike(base_per_s=1, peak_per_s=10, at_s=60, duration_s=5)
    assert knobs.loaded(spike, "load.peak_per_s", 20).peak_per_s == 20


def test_users_who_wait_have_no_rate_to_move():
    users = ck.ClosedLoop(users=5, think=ck.Exponential(mean_s=1.0))

    assert not knobs.has_rate(users)
    assert knobs.has_rate(LOAD)


def test_every_label_says_whose_setting_it_is():
    assert Knob("jobs>payment.batch_size", ()).label == "jobs>payment: batch size"
    assert Knob(knobs.RATE, ()).label == "traffic: rate"
