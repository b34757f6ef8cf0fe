"""Words of the deploy panel: changes of a plan with their dollars, figures with their intervals, verdicts."""

import math
from types import SimpleNamespace

import pytest

import chainkit as ck
from chainkit.deployment.predicted import Line, SideBySide
from chainkit.widgets.deploy_words import beside_words, measured_words, plan_words, stack_words


def line(figure: str, predicted: float, measured: float, verdict: str, note: str = "") -> Line:
    return Line(
        node="pay", figure=figure, predicted=predicted, measured=measured, low=0.0, high=0.0, verdict=verdict, note=note
    )


@pytest.fixture(scope="module")
def deployed():
    chain = ck.Chain("shop")
    chain.add(ck.SqsQueue("jobs")), chain.add(ck.SqsQueue("old"))
    chain.add(ck.LambdaFunction("pay", duration=0.01, init=0))
    with ck.local() as target:
        yield ck.deploy(ck.plan(chain, target))


def test_nothing_is_said_of_what_is_not_there():
    assert [words(None) for words in (plan_words, stack_words, measured_words, beside_words)] == [{}, {}, {}, {}]


def test_changes_are_told_with_sign_and_difference_and_dollars_where_they_are_known(deployed):
    chain = deployed.chain.copy()
    chain.set("jobs", visibility_timeout_s=60)
    chain.remove("old")
    run = ck.simulate(chain, ck.Poisson(rate_per_s=4), requests=1_000, seed=1, at="pay")
    month = ck.bill(chain, run)
    words = plan_words(ck.plan(chain, deployed.target, bill=month))

    told = {row["id"]: (row["sign"], row["action"], row["differences"], row["usd"]) for row in words["rows"]}
    assert told["Jobs"] == ("~", "changed", ["VisibilityTimeout: 30 -> 60"], "")
    assert told["Old"] == ("-", "removed", [], "")
    assert words["title"].endswith(": 1 changed, 1 removed, 3 unchanged")
    assert "on AWS; here it costs nothing" in words["month"]
    assert words["must_be_read"] == ""

    again = plan_words(ck.plan(deployed.chain, deployed.target))
    assert (again["title"].rpartition(": ")[2], again["is_empty"], again["rows"], again["month"]) == (
        "nothing to change", True, [], "",
    )  # fmt: skip


def test_a_new_resource_shows_what_its_service_costs(deployed):
    chain = deployed.chain.copy()
    chain.rename("pay", "charge")
    run = ck.simulate(chain, ck.Poisson(rate_per_s=4), requests=1_000, seed=1, at="charge")
    month = ck.bill(chain, run)
    rows = {row["id"]: row["usd"] for row in plan_words(ck.plan(chain, deployed.target, bill=month))["rows"]}

    assert rows["Charge"] == f"${month.node_usd()['charge']:.2f}"
    assert rows["Pay"] == ""


def test_a_load_test_is_told_with_intervals(deployed):
    words = measured_words(deployed.load(ck.Poisson(rate_per_s=50), requests=8, at="pay"))

    assert words["said"][0] == "8 requests to 'shop' on local: 8 completed"
    assert [row[0] for row in words["rows"]][:2] == ["response mean", "response p50"]
    assert words["rows"][3][2] == "not enough requests"


def test_predicted_and_measured_have_their_units_and_what_is_nothing_on_both_sides_is_left_out():
    lines = (
        line("invocations", 1.0, 1.25, "differs", "in 2 of 8 requests"),
        line("warm_p50_s", 0.2, 0.205, "agrees"),
        line("warm_p95_s", math.nan, math.nan, "cannot say", "no warm run was measured"),
        line("errors", 0.0, 0.0, "agrees"),
    )
    words = beside_words(SideBySide(chain="shop", target="local", lines=lines, is_same=False))

    assert words["said"] == "Of 3 figures 1 agree, 1 differ, 1 cannot be told."
    assert [(row["figure"], row["predicted"], row["measured"]) for row in words["rows"]] == [
        ("invocations", "1", "1.25"), ("warm p50", "200 ms", "205 ms"), ("warm p95", "-", "-"),
    ]  # fmt: skip


def test_the_account_of_ones_own_is_masked_in_outputs():
    target = SimpleNamespace(masked=lambda text: text.replace("210987654321", "********4321"))
    stack = SimpleNamespace(
        chain=SimpleNamespace(name="shop"), target=target, dropped=[], outputs={"Arn": "arn:aws:sns:x:210987654321:t"}
    )

    assert stack_words(stack)["outputs"] == [["Arn", "arn:aws:sns:x:********4321:t"]]
