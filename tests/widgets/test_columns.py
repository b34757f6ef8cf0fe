"""A comparison as columns: every figure with its interval and difference, what was added, and why a link stayed."""

import json

import pytest

import chainkit as ck
from chainkit.rewiring import KINDS
from chainkit.widgets.columns import ROWS, Design, changes, columns, text, told

LOAD = ck.Poisson(rate_per_s=4, attributes={"status": {"charged": 0.97, "declined": 0.03}})
NAN = float("nan")
SHOP = [kind for kind in KINDS if kind != "split"]  # none of its functions has parts


def compared(chains: dict, requests: int = 4_000, load=LOAD):
    """Return the columns of chains or variants, by name."""
    designs = [
        Design(name, name, each, "") if isinstance(each, ck.Chain) else Design(name, name, each.chain, "", each)
        for name, each in chains.items()
    ]
    return columns(ck.compare(chains, load, requests=requests, seed=1), designs)


@pytest.fixture(scope="module")
def shop():
    chain = ck.example("orders")
    return compared({"now": chain, **ck.variants(chain, SHOP)})


def by_name(result: dict, name: str) -> dict:
    return next(each for each in result["columns"] if each["name"] == name)


def one(memory_mb: int) -> ck.Chain:
    chain = ck.Chain("one")
    chain.add(
        ck.LambdaFunction(
            "pay",
            memory_mb=memory_mb,
            duration=ck.LogNormal(p50_s=0.1, p99_s=0.4),
            cpu_fraction=1,
            measured_memory_mb=128,
        )
    )
    return chain


def test_there_is_a_column_for_each_design_and_a_cell_for_each_figure(shop):
    assert [each["name"] for each in shop["columns"]] == ["now", *SHOP]
    assert all([*each["cells"]] == [*ROWS] for each in shop["columns"])


def test_the_columns_are_plain_values(shop):
    assert json.loads(json.dumps(shop)) == shop


def test_an_answer_that_is_needed_keeps_its_link_in_the_words_of_the_refusal(shop):
    for kind in ("async", "sqs", "sns", "eventbridge", "standard"):
        assert (
            f"validate to inventory: stays sync; {kind} refused, its caller needs the answer (needs_answer)"
            in (by_name(shop, kind)["kept"])
        )
    assert by_name(shop, "express")["kept"] == []


def test_what_a_variant_adds_and_takes_away_is_counted(shop):
    sqs = by_name(shop, "sqs")

    assert sqs["added"] == ["6 links", "2 SQS queues", "2 dead-letter queues"]
    assert sqs["gone"] == ["3 links", "1 SNS topic"]
    assert by_name(shop, "eventbridge")["added"][1] == "2 EventBridge buses"


def test_the_first_column_is_compared_with_nothing(shop):
    first = shop["columns"][0]

    assert {cell["difference"] for cell in first["cells"].values()} == {""}
    assert (first["added"], first["gone"], first["changed"]) == ([], [], [])


def test_the_same_draws_give_the_same_response_where_nothing_before_the_answer_changed(shop):
    assert by_name(shop, "sqs")["cells"]["response_p95_s"]["verdict"] == "same"
    assert by_name(shop, "sync")["cells"]["response_p95_s"]["verdict"] == "more"


def test_best_is_said_once_and_only_beyond_chance(shop):
    best = {key: [each["name"] for each in shop["columns"] if each["cells"][key]["best"]] for key in ROWS}

    assert best["response_p50_s"] == []  # six variants answer alike
    assert best["usd_per_month"] == ["fused"]
    assert best["failed"] == []


def test_two_equal_chains_have_no_best_and_no_difference():
    result = compared({"a": one(128), "b": one(128)})

    assert {cell["best"] for each in result["columns"] for cell in each["cells"].values()} == {""}
    assert {cell["verdict"] for cell in by_name(result, "b")["cells"].values()} == {"same"}


def test_before_and_after_tell_the_settings_that_changed():
    result = compared({"before": one(128), "after": one(512)})

    assert by_name(result, "after")["changed"][0] == "pay: memory_mb was 128, is 512"
    assert by_name(result, "after")["cells"]["response_p50_s"]["verdict"] == "less"
    assert by_name(result, "after")["cells"]["response_p50_s"]["best"]


def test_many_changes_are_counted_not_listed():
    before, after = ck.Chain("many"), ck.Chain("many")
    for k in range(12):
        before.add(ck.SqsQueue(f"q{k}"))
        after.add(ck.SqsQueue(f"q{k}", visibility_timeout_s=99))

    assert changes(before, after)[-1] == "and 4 more"


def test_another_kind_of_link_is_a_change():
    before, after = ck.Chain("two"), ck.Chain("two")
    for chain, word in ((before, "sync"), (after, "async")):
        chain.add(ck.LambdaFunction("a", timeout_s=10))
        chain.add(ck.LambdaFunction("b", timeout_s=5))
        chain.connect("a", "b", link=word)

    assert any("link was sync, is async" in line for line in changes(before, after))


def test_where_nobody_waits_there_is_no_response_to_compare():
    chain = ck.Chain("queue")
    chain.add(ck.SqsQueue("jobs"))
    chain.add(ck.LambdaFunction("work"))
    chain.connect("jobs", "work")
    result = compared({"a": chain, "b": chain.copy()}, load=ck.Poisson(rate_per_s=4))

    assert by_name(result, "b")["cells"]["response_p50_s"]["range"] == "nobody waits for an answer"
    assert [*result["plots"]] == ["completion_p50_s", "completion_p95_s", "completion_p99_s"]


@pytest.mark.parametrize(
    ("key", "difference", "expected"),
    [
        ("response_p95_s", (-0.045, -0.038, -0.031, ""), ("less", "38 ms less (31 to 45)")),
        ("completion_p95_s", (1.5, 2.0, 2.5, ""), ("more", "2 s more (1.5 to 2.5)")),
        ("usd_per_month", (-28.0, -26.5, -25.0, ""), ("less", "$26.50 less ($25.00 to $28.00)")),
        ("lost", (100.0, 200.0, 300.0, ""), ("more", "1 points more (0.5 to 1.5)")),
        ("response_p95_s", (-0.01, 0.02, 0.05, ""), ("open", "no difference seen")),
        ("response_p95_s", (0.0, 0.0, 0.0, ""), ("same", "the same")),
        ("response_p99_s", (NAN, 0.1, NAN, "not enough requests"), ("open", "not enough requests to tell")),
        ("completion_p99_s", (1.0, float("inf"), float("inf"), ""), ("more", "never comes to an end")),
    ],
)  # fmt: skip
def test_a_difference_is_told_in_one_unit_with_its_interval(key, difference, expected):
    assert told(key, difference, 20_000) == expected


def test_the_text_holds_the_table_and_what_is_said_of_each_design(shop):
    said = text(shop)

    assert "Cost a month at this rate" in said
    assert "sqs, beside now:" in said
    assert "kept: validate to inventory: stays sync; sqs refused" in said
    assert "added: 6 links, 2 SQS queues, 2 dead-letter queues" in said
