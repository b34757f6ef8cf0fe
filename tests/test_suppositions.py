"""What a result rests on: found everywhere in a design, named once, varied within what it may be."""

import pytest

import chainkit as ck
from chainkit.billing.prices import CONFIDENCE, price_book
from chainkit.simulation.lower import hop_laws
from chainkit.suppositions import RANGES, Setup, Supposition, suppositions

LOAD = ck.Poisson(rate_per_s=4, attributes={"status": {"charged": 0.75, "declined": 0.25}})


def orders():
    made = ck.Chain("orders")
    made.add(ck.LambdaFunction("ask", duration=ck.LogNormal(p50_s=0.05, p99_s=0.3), timeout_s=10))
    made.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    made.add(ck.LambdaFunction("pay", duration=0.2, init=0.5, error_rate=0.5, timeout_s=10))
    made.connect("ask", "jobs", message_bytes=40_000, filter_policy={"status": ["charged"]})
    made.connect("jobs", "pay")
    return made


@pytest.fixture(scope="module")
def setup():
    return Setup({"orders": orders()}, LOAD, 1e6, hop_laws(None))


@pytest.fixture(scope="module")
def runs(setup):
    return {"orders": ck.simulate(setup.chains["orders"], LOAD, requests=100, seed=1)}


@pytest.fixture(scope="module")
def found(setup, runs):
    return {each.name: each for each in suppositions(setup, runs, {"lambda-requests": price("lambda-requests")})}


def price(key):
    return price_book("us-east-1").price(key)


def of(name, **other):
    first = name.partition(".")[0]
    kind = first if first in ("load", "latency", "price") else "setting"
    known = {"low": 0.5, "high": 2.0, "confidence": "stated", "source": "a test", "taken": "", "kind": kind}
    return Supposition(name, **known | other)


def test_everything_that_may_be_off_is_found(found):
    assert {*found} == {
        "load.rate_per_s", "load.status", "ask.duration", "*.init", "*.keep_alive", "pay.duration", "pay.init",
        "pay.error_rate", "ask>*.message_bytes", "latency.sqs_mapping", "price.lambda-requests",
    }  # fmt: skip


def test_who_says_it_decides_how_far_off_it_may_be(found):
    says = {name: each.confidence for name, each in found.items()}

    assert says["pay.init"] == "stated"
    assert says["*.init"] == "assumed"
    assert says["*.keep_alive"] == "measured"
    assert says["latency.sqs_mapping"] == "measured"
    assert "bitesizedserverless.com (2022)" in found["latency.sqs_mapping"].source
    assert says["price.lambda-requests"] == "A"
    assert all((each.low, each.high) == RANGES[each.confidence] for each in found.values())
    assert found["pay.duration"].taken == "200 ms in the mean"


def test_every_confidence_of_prices_and_hops_has_a_range():
    from chainkit import data

    assert {*CONFIDENCE, *(hop["confidence"] for hop in data.latency()["hops"].values()), "stated"} == {*RANGES}


def test_a_law_is_stretched(setup):
    other = setup.with_value(of("ask.duration"), 2.0).chains["orders"]

    assert other.service("ask").duration == ck.LogNormal(p50_s=0.1, p99_s=0.6)
    assert setup.chains["orders"].service("ask").duration == ck.LogNormal(p50_s=0.05, p99_s=0.3)


def test_what_was_left_at_its_default_changes_wherever_it_was(setup):
    other = setup.with_value(of("*.keep_alive"), 0.5).chains["orders"]
    init = setup.with_value(of("*.init"), 2.0).chains["orders"]
    default = setup.chains["orders"].service("ask").behaviour().init

    assert [other.service(name).keep_alive.value_s for name in ("ask", "pay")] == [300.0, 300.0]
    assert init.service("ask").init == default.scaled(2.0)
    assert init.service("pay").init.value_s == 0.5  # stated


def test_shares_move_by_their_odds(setup):
    assert setup.with_value(of("pay.error_rate"), 3.0).chains["orders"].service("pay").error_rate == 0.75
    assert setup.with_value(of("load.status"), 1 / 3).load.attributes["status"] == {"charged": 0.5, "declined": 0.5}


def test_sizes_stay_whole(setup):
    assert setup.with_value(of("ask>*.message_bytes"), 1.5).chains["orders"].links["ask>jobs"].message_bytes == 60_000


def test_more_traffic_is_a_larger_month(setup):
    other = setup.with_value(of("load.rate_per_s"), 1.5)

    assert other.load.rate_per_s == 6.0
    assert other.requests_per_month == 1.5e6
    assert other.load.attributes == LOAD.attributes


def test_hops_are_stretched_and_only_those_used_are_named(setup, found):
    other = setup.with_value(of("latency.sqs_mapping"), 2.0)

    assert other.latency["sqs_mapping"] == setup.latency["sqs_mapping"].scaled(2.0)
    assert other.latency["sns_to_lambda"] == setup.latency["sns_to_lambda"]
    assert "latency.sns_to_lambda" not in found


def test_hops_that_were_given_are_the_user_s(runs):
    chain = orders()
    mine = hop_laws({"sqs_mapping": 0.02})
    setup = Setup({"orders": chain}, LOAD, 1e6, mine)
    run = ck.simulate(chain, LOAD, requests=100, seed=1, latency=mine)
    found = {each.name: each for each in suppositions(setup, {"orders": run}, {})}

    assert found["latency.sqs_mapping"].confidence == "stated"
    assert "price.lambda-requests" not in found


def test_ways_of_a_machine_are_shares():
    states = {
        "Ask": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": True, "Next": "A"}], "Default": "B"},
        "A": {"Type": "Pass", "End": True},
        "B": {"Type": "Succeed"},
    }
    chain = ck.Chain("flow")
    chain.add(
        ck.StateMachine("flow", definition={"StartAt": "Ask", "States": states}, choices={"Ask": [0.5, 0.5]})
    )  # fmt: skip
    setup = Setup({"flow": chain}, ck.Steady(rate_per_s=4), 1e6, {})
    run = ck.simulate(chain, setup.load, requests=100, seed=1, latency=ck.no_latency)
    names = [each.name for each in suppositions(setup, {"flow": run}, {})]

    assert "flow.choices.Ask" in names
    assert setup.with_value(of("flow.choices.Ask"), 3.0).chains["flow"].service("flow").choices == {"Ask": [0.75, 0.25]}


def test_a_part_of_a_function_goes_by_its_own_name():
    from chainkit.parts import Part

    whole = ck.Chain("whole")
    whole.add(ck.LambdaFunction("all", duration=0.1, parts={"pay": Part(duration=0.2, error_rate=0.25)}, timeout_s=10))
    both = Setup({"whole": whole, "orders": orders()}, LOAD, 1e6, {})
    other = both.with_value(of("pay.duration"), 2.0).chains

    assert other["whole"].service("all").parts["pay"].duration.value_s == 0.4
    assert other["orders"].service("pay").duration.value_s == 0.4
    assert both.with_value(of("pay.error_rate"), 3.0).chains["whole"].service("all").parts["pay"].error_rate == 0.5


def test_one_thing_has_one_name_however_it_is_wired():
    # the share of a link, and the size of what is sent, in five wirings of which none keeps the link's id
    chain = ck.Chain("two")
    chain.add(ck.LambdaFunction("ask", timeout_s=20)), chain.add(ck.LambdaFunction("pay", timeout_s=5))
    chain.connect("ask", "pay", needs_answer=False, probability=0.5, message_bytes=5_000)
    flows = ck.variants(chain, ["sync", "sqs", "sns", "express", "fused"])
    setup = Setup({kind: each.chain for kind, each in flows.items()}, ck.Steady(rate_per_s=4), 1e6, {})
    other = setup.with_value(of("ask>pay.probability"), 3.0).chains
    larger = setup.with_value(of("ask>*.message_bytes"), 2.0).chains

    for kind in ("sync", "sqs", "sns", "express"):
        (link,) = (link for _, link in other[kind].outgoing("ask") if hasattr(link, "probability"))
        (sent,) = (link for _, link in larger[kind].outgoing("ask") if hasattr(link, "message_bytes"))
        assert link.probability == 0.75, kind
        assert sent.message_bytes == 10_000, kind
    assert other["fused"].service("ask").parts["pay"].probability == 0.75


def test_a_share_that_a_topic_decides_is_that_which_code_decides():
    chain = ck.Chain("topic")
    for each in (ck.LambdaFunction("ask", timeout_s=20), ck.SnsTopic("news"), ck.LambdaFunction("pay", timeout_s=5)):
        chain.add(each)
    chain.connect("ask", "news"), chain.connect("news", "pay", match_fraction=0.5)
    flows = ck.variants(chain, ["sqs", "sns"])
    setup = Setup({"own": chain, **{kind: each.chain for kind, each in flows.items()}}, LOAD, 1e6, {})
    other = setup.with_value(of("news>pay.probability"), 3.0).chains

    assert other["own"].links["news>pay"].match_fraction == 0.75
    assert next(link.probability for _, link in other["sqs"].outgoing("ask")) == 0.75


def test_a_service_may_be_called_load():
    chain = ck.Chain("etl")
    chain.add(ck.LambdaFunction("load", duration=0.25, timeout_s=5))
    found = ck.sensitivity(chain, ck.Steady(rate_per_s=4), requests=50, seed=1, ranges={"load.duration": (0.5, 2)})
    swings = found.to_frame().set_index("factor")

    assert swings.loc["load.duration", "swing"] > 0
    assert swings.loc["load.rate_per_s", "swing"] > 0


def test_ranges_of_the_user_take_the_place_of_ours(setup, runs):
    mine = {"pay.error_rate": (0.0, 0.1), "pay.duration": (0.9, 1.1), "jobs>pay.batch_size": (1, 10), "*.init": None}
    found = {each.name: each for each in suppositions(setup, runs, {}, mine)}

    assert "*.init" not in found
    assert (found["pay.error_rate"].low, found["pay.error_rate"].is_factor) == (0.0, False)
    assert (found["pay.duration"].high, found["pay.duration"].is_factor) == (1.1, True)
    assert found["pay.duration"].confidence == "stated"
    batch = found["jobs>pay.batch_size"]
    assert (batch.taken, batch.is_factor) == ("10", False)
    assert setup.with_value(batch, 1.0).chains["orders"].links["jobs>pay"].batch_size == 1
    assert setup.with_value(found["pay.error_rate"], 0.1).chains["orders"].service("pay").error_rate == 0.1


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        ({"pay.durations": (1, 2)}, "did you mean 'pay.duration'"),
        ({"latency.sns_to_lambda": (1, 2)}, "is unknown"),
        ({"pay.duration": 2}, "no pair of ascending numbers"),
        ({"pay.duration": (2, 1)}, "no pair of ascending numbers"),
        ({"pay.duration": ("a", "b")}, "no pair of ascending numbers"),
    ],
)
def test_ranges_that_make_no_sense_are_refused(setup, runs, ranges, words):
    with pytest.raises(ck.ConfigError, match=words) as caught:
        suppositions(setup, runs, {}, ranges)
    assert caught.value.fix
