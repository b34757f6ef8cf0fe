"""Comparison: the same arrivals and draws for every chain, and what the columns of the table mean."""

import math

import numpy as np
import pytest

import chainkit as ck
from chainkit.comparison import LOST
from chainkit.simulation.paired import EXACT
from tests.known_differences import KNOWN, held

COLUMNS = [
    "response_mean_s", "response_p50_s", "response_p95_s", "response_p99_s",
    "completion_mean_s", "completion_p50_s", "completion_p95_s", "completion_p99_s",
    "usd_per_million", "usd_per_month", "lost", "failed", "cold_fraction", "cold_per_request",
    "services", "links", "to_operate",
]  # fmt: skip
LOAD = ck.Poisson(rate_per_s=4)
HANDING = ["async", "sqs", "sns", "eventbridge", "standard", "express"]


def chain(**settings) -> ck.Chain:
    """Return an API with a function that hands its work to another."""
    made = ck.Chain("pair")
    made.add(ck.HttpApi("api"))
    made.add(ck.LambdaFunction("a", timeout_s=10, duration=ck.LogNormal(p50_s=0.05, p99_s=0.3)))
    made.add(ck.LambdaFunction("b", timeout_s=10, duration=ck.LogNormal(p50_s=0.1, p99_s=0.8), **settings))
    made.connect("api", "a")
    made.connect("a", "b", needs_answer=False)
    return made


def test_the_table_has_a_row_per_chain_in_the_order_given():
    flows = ck.variants(chain(), ["sqs", "sync", "sns"])
    frame = ck.compare(flows, LOAD, requests=200, seed=1).to_frame()

    assert [*frame.index] == ["sqs", "sync", "sns"]
    assert [*frame.columns] == COLUMNS
    assert frame.index.name == "variant"


def test_chains_of_one_s_own_are_compared_under_their_names():
    fast, slow = chain(), chain()
    slow.set("a", duration=1.0)
    frame = ck.compare({"today": slow, "after": fast}, LOAD, requests=200, seed=1).to_frame()

    assert [*frame.index] == ["today", "after"]
    assert frame.loc["today", "response_p50_s"] > frame.loc["after", "response_p50_s"]


def test_what_comes_before_the_change_is_the_same_request_by_request():
    result = ck.compare(ck.variants(chain(), HANDING), LOAD, requests=2_000, seed=7, keep="requests")
    first, *others = [run.response_s for run in result.runs.values()]

    assert np.isfinite(first).all()
    for other in others:
        np.testing.assert_array_equal(other, first)


def test_another_seed_gives_other_arrivals():
    flows = ck.variants(chain(), ["sqs"])
    runs = [ck.compare(flows, LOAD, requests=200, seed=seed, keep="requests").runs["sqs"] for seed in (1, 2)]

    assert (runs[0].response_s != runs[1].response_s).any()


def test_a_comparison_is_the_runs_and_bills_that_each_chain_has_by_itself():
    flows = ck.variants(chain(), ["sqs", "express"])
    result = ck.compare(flows, LOAD, requests=500, seed=3, requests_per_month=2e6, free_tier=True)

    for kind, flow in flows.items():
        run = ck.simulate(flow.chain, LOAD, requests=500, seed=3)
        bill = ck.bill(flow.chain, run, requests_per_month=2e6, free_tier=True)
        assert result.runs[kind].summary().equals(run.summary())
        assert str(result.bills[kind]) == str(bill)


def test_the_columns_are_the_figures_of_runs_and_bills():
    result = ck.compare(ck.variants(chain(error_rate=0.3), ["sync", "sqs"]), LOAD, requests=1_000, seed=3)
    frame = result.to_frame()

    for kind, run in result.runs.items():
        row, summary = frame.loc[kind], run.summary()["value"]
        for name in COLUMNS[:8]:  # a summary reads percentiles off bins of 0.8 %
            assert row[name] == pytest.approx(summary[name], rel=0.004 if "mean" not in name else 1e-9)
        assert row["usd_per_month"] == result.bills[kind].total_usd
        assert row["usd_per_million"] == result.bills[kind].usd_per_million
        assert row["lost"] == run.ledger[list(LOST)].sum()
        assert row["failed"] == run.ledger[["failed", "throttled"]].sum()
        pools = run.nodes[["cold_starts", "invocations"]].sum()
        assert row["cold_fraction"] == pools["cold_starts"] / pools["invocations"]
        assert row["cold_per_request"] == pools["cold_starts"] / 1_000


def test_percentiles_are_those_of_the_requests_themselves():
    result = ck.compare({"a": chain()}, LOAD, requests=1_000, seed=3)
    counted = np.concatenate([tally.kept[-tally.counted :, 0] for tally in result.runs["a"].tallies])

    assert result.to_frame().loc["a", "response_p95_s"] == np.quantile(counted, 0.95, method="inverted_cdf")


def test_runs_that_kept_no_times_are_run_again_for_them():
    flows = ck.variants(chain(), ["sync", "sqs"])
    kept, not_kept = (ck.compare(flows, LOAD, requests=500, seed=1, keep=keep) for keep in ("requests", None))

    assert not_kept.runs["sqs"].options["keep"] is None
    assert not_kept.differences().equals(kept.differences())


def test_a_failure_is_the_caller_s_where_it_waits_and_a_lost_order_where_it_does_not():
    frame = ck.compare(
        ck.variants(chain(poison_fraction=0.25), ["sync", *HANDING]), ck.Steady(rate_per_s=1), requests=400, seed=3
    ).to_frame()

    assert frame.loc["sync", "lost"] == 0
    assert frame.loc["sync", "failed"] > 50
    assert (frame.loc[HANDING, "failed"] == 0).all()
    # a poisoned request fails in every variant
    assert (frame.loc[HANDING, "lost"] == frame.loc["sync", "failed"]).all()


def test_completion_is_infinite_where_too_many_orders_are_lost():
    frame = ck.compare(ck.variants(chain(poison_fraction=0.25), ["sqs"]), LOAD, requests=400, seed=3).to_frame()

    assert math.isfinite(frame.loc["sqs", "completion_p50_s"])
    assert frame.loc["sqs", "completion_p95_s"] == math.inf
    assert math.isfinite(frame.loc["sqs", "response_p99_s"])


def test_nobody_waits_where_requests_enter_at_a_queue():
    entered = ck.Chain("queue")
    entered.add(ck.SqsQueue("jobs"))
    entered.add(ck.LambdaFunction("b"))
    entered.connect("jobs", "b")
    frame = ck.compare({"queue": entered}, LOAD, requests=200, seed=1).to_frame()

    assert math.isnan(frame.loc["queue", "response_p50_s"])
    assert math.isfinite(frame.loc["queue", "completion_p50_s"])


def test_waiting_for_the_work_costs_more_than_handing_it_over():
    frame = ck.compare(
        ck.variants(chain(), ["sync", "async"]), LOAD, requests=2_000, seed=1, requests_per_month=1e6
    ).to_frame()

    assert frame.loc["sync", "response_p50_s"] > frame.loc["async", "response_p50_s"]
    assert frame.loc["sync", "usd_per_month"] > frame.loc["async", "usd_per_month"]


def test_options_are_the_same_for_all():
    result = ck.compare(
        ck.variants(chain(), ["sync", "sqs"]), LOAD, requests=200, seed=1, replications=4, latency=ck.no_latency
    )

    assert [run.replications for run in result.runs.values()] == [4, 4]
    assert [run.seed for run in result.runs.values()] == [1, 1]


def test_the_text_is_the_table():
    result = ck.compare(ck.variants(chain(), ["sync", "sqs"]), LOAD, requests=200, seed=1)

    lines = str(result).splitlines()
    assert lines[0].split() == ["variant", "sync", "sqs"]
    assert [line.split()[0] for line in lines[1:]] == COLUMNS
    assert lines[-3].split() == ["services", "3", "5"]
    assert float(lines[2].split()[1]) == pytest.approx(result.to_frame().loc["sync", "response_p50_s"], abs=1e-4)
    assert "Bill" not in repr(result)


def test_nothing_to_compare_is_refused():
    with pytest.raises(ck.ConfigError, match="there is no chain to compare"):
        ck.compare({}, LOAD, requests=200, seed=1)


def test_a_chain_that_cannot_run_is_named():
    picky = chain()
    picky.set("a>b", filter_policy={"kind": ["physical"]})

    with pytest.raises(ck.SimulationError, match="picky"):
        ck.compare({"good": chain(), "picky": picky}, LOAD, requests=200, seed=1)


# --- differences ---


def test_a_chain_differs_from_itself_in_nothing():
    table = ck.compare({"a": chain(), "b": chain()}, LOAD, requests=2_000, seed=1).differences()

    assert (table[["low", "value", "high"]].dropna() == 0).all(axis=None)


@pytest.mark.parametrize("change", ["cost", "region"])
def test_the_same_services_at_other_costs_or_in_another_region_are_not_the_same_dollars(change):
    here, there = chain(), chain()
    if change == "cost":
        there.add_cost("gate", ck.VpcUse(nat_gateways=1))
    else:
        there = ck.Chain("pair", region="ap-northeast-1")
        for each in here.services.values():
            there.add(each)
        there.connect("api", "a")
        there.connect("a", "b", needs_answer=False)
    found = ck.compare({"here": here, "there": there}, LOAD, requests=500, seed=1)
    low, value, high, note = found.difference("usd_per_month", "there", "here")

    assert value == pytest.approx(found.bills["there"].total_usd - found.bills["here"].total_usd)
    assert 0 < low <= value <= high
    assert not note
    assert found.verdict("usd_per_month").winner == "here"
    assert found.difference("cold_fraction", "there", "here")[:3] == (0.0, 0.0, 0.0)


def test_differences_are_those_of_the_columns_and_within_their_intervals():
    result = ck.compare(ck.variants(chain(), ["sync", "sqs", "sns"]), LOAD, requests=5_000, seed=1)
    table, frame = result.differences("sqs"), result.to_frame()

    assert [*table.index.unique("variant")] == ["sync", "sns"]
    assert [*table.index.unique("figure")] == COLUMNS
    for (name, key), row in table.iterrows():
        assert row["value"] == pytest.approx(frame.loc[name, key] - frame.loc["sqs", key])
        assert math.isnan(row["low"]) or row["low"] <= row["value"] <= row["high"]


def test_a_difference_turned_round_has_the_other_sign():
    result = ck.compare(ck.variants(chain(), ["sync", "sqs"]), LOAD, requests=5_000, seed=1)
    low, value, high, _ = result.difference("completion_p95_s", "sync", "sqs")

    assert result.difference("completion_p95_s", "sqs", "sync")[:3] == pytest.approx((-high, -value, -low))


def test_the_same_draws_make_a_difference_surer_than_the_figures():
    fast, slow = chain(), chain()
    slow.set("a", duration=ck.LogNormal(p50_s=0.052, p99_s=0.31))
    result = ck.compare({"fast": fast, "slow": slow}, LOAD, requests=10_000, seed=1)
    low, _, high, _ = result.difference("response_p50_s", "slow", "fast")
    own = result.runs["fast"].summary().loc["response_p50_s"]

    assert low > 0
    assert high - low < own["high"] - own["low"]


def test_intervals_of_differences_hold_the_difference_of_a_long_run():
    flows = ck.variants(chain(), ["sync", "sqs"])
    truth = ck.compare(flows, LOAD, requests=400_000, seed=99).difference("completion_p95_s", "sqs", "sync")[1]
    found = [
        ck.compare(flows, LOAD, requests=5_000, seed=k).difference("completion_p95_s", "sqs", "sync") for k in range(40)
    ]

    assert sum(low <= truth <= high for low, _, high, _ in found) >= 34


def test_one_replication_is_compared_by_its_batches():
    result = ck.compare(ck.variants(chain(), ["sync", "sqs"]), LOAD, requests=5_000, seed=1, replications=1)
    low, value, high, _ = result.difference("response_p50_s", "sqs", "sync")

    assert low < value < high < 0


def test_too_few_requests_have_a_difference_without_an_interval():
    result = ck.compare(ck.variants(chain(), ["sync", "sqs"]), LOAD, requests=50, seed=1)
    low, _, high, note = result.difference("response_p99_s", "sqs", "sync")

    assert math.isnan(low)
    assert math.isnan(high)
    assert note == "not enough requests"


def test_a_higher_confidence_has_a_wider_interval():
    result = ck.compare(ck.variants(chain(error_rate=0.1), ["sync", "sqs"]), LOAD, requests=5_000, seed=1)

    for figure in ("response_p95_s", "completion_mean_s", "usd_per_million", "failed"):
        narrow, wide = (result.difference(figure, "sync", "sqs", c) for c in (0.95, 0.999))
        assert wide[0] < narrow[0] < narrow[2] < wide[2]
        assert wide[1] == narrow[1]


def test_nothing_lost_in_either_is_no_certainty():
    result = ck.compare(ck.variants(chain(), ["sync", "sqs"]), LOAD, requests=1_000, seed=1)

    assert result.difference("lost", "sqs", "sync") == (
        pytest.approx(-3.689, abs=1e-3),
        0,
        pytest.approx(3.689, abs=1e-3),
        EXACT,
    )
    assert result.interval("lost", "sqs") == (0, 0, pytest.approx(3.689, abs=1e-3))


def test_what_there_is_to_operate_is_known_without_an_interval():
    result = ck.compare(ck.variants(chain(), ["sync", "sqs"]), LOAD, requests=100, seed=1)

    assert result.difference("services", "sqs", "sync") == (2, 2, 2, "")  # a queue, and one for dead letters
    assert result.difference("links", "sqs", "sync") == (2, 2, 2, "")
    assert result.difference("to_operate", "sqs", "sync") == (4, 4, 4, "")  # and a mapping, and a redrive


# --- two designs whose difference is known exactly ---


@pytest.mark.parametrize("pair", [name for name in KNOWN if name != "queues"])
def test_intervals_hold_a_difference_that_is_known_exactly(pair):
    known, repetitions = KNOWN[pair](), 40

    for figure, (share, half, _) in held(known, repetitions).items():
        assert share >= 0.82, figure  # of 40 at 95 %: less is seen in one of a thousand
        if figure in known.textbook:
            assert 0.9 <= half / known.textbook[figure] <= 1.25, figure


@pytest.mark.slow
@pytest.mark.parametrize("pair", [*KNOWN])
def test_95_of_100_intervals_hold_a_difference_that_is_known_exactly(pair):
    known = KNOWN[pair]()

    for figure, (share, half, count) in held(known, 1_000).items():
        most = 0.97 if (pair, figure) != ("jump", "response_p99_s") else 0.99  # half a jump cannot be taken in
        assert 0.93 - 0.007 <= share <= most + 0.007, figure  # a standard error of 0.7 %
        assert count >= 800, figure
        if figure in known.textbook:
            assert half <= 1.2 * known.textbook[figure], figure


def test_an_unknown_figure_or_chain_is_refused():
    result = ck.compare({"a": chain(), "b": chain()}, LOAD, requests=50, seed=1)

    with pytest.raises(ck.ConfigError, match="'response_p5_s' is unknown"):
        result.difference("response_p5_s", "a", "b")
    with pytest.raises(ck.ConfigError, match="'c' is unknown"):
        result.differences("c")
    with pytest.raises(ck.ConfigError, match="confidence=95 is outside 0 to 1"):
        result.difference("lost", "a", "b", confidence=95)
    with pytest.raises(ck.ConfigError, match="confidence='high' is outside 0 to 1"):
        result.difference("lost", "a", "b", confidence="high")


# --- faults ---


def test_a_fault_is_the_same_requests_with_other_settings():
    flows, down = ck.variants(chain(), ["sync", "sqs"]), {"b is down": {"b.error_rate": 1.0}}
    result = ck.compare(flows, LOAD, requests=500, seed=1, faults=down)
    table = result.under("b is down")

    assert [*table.index.unique("figure")] == ["lost", "failed", "completion_p99_s", "usd_per_million"]
    for name, flow in flows.items():
        broken = flow.chain.copy()
        broken.set("b", error_rate=1.0)
        alone = ck.compare({name: broken}, LOAD, requests=500, seed=1).to_frame().loc[name]
        assert table.loc[name, "fault"].tolist() == alone[[*table.index.unique("figure")]].tolist()
        assert table.loc[name, "calm"].tolist() == result.to_frame().loc[name, [*table.index.unique("figure")]].tolist()
    assert table.loc[("sync", "failed"), ["low", "value", "high"]].tolist() == pytest.approx([500] * 3)
    assert table.loc[("sqs", "completion_p99_s"), "value"] == math.inf  # all are dead letters


def test_a_fault_of_a_function_that_is_fused_fails_the_whole():
    flows, down = ck.variants(chain(), ["sync", "fused"]), {"b is down": {"b.error_rate": 1.0}}
    table = ck.compare(flows, LOAD, requests=200, seed=1, faults=down).under("b is down")

    assert table.loc[("sync", "failed"), "fault"] == table.loc[("fused", "failed"), "fault"] == 200
    assert not table.loc[("fused", "lost"), "note"].startswith("has no")


def test_a_variant_without_what_breaks_is_told_and_stays_calm():
    flows, slow = ck.variants(chain(), ["sync", "sqs"]), {"slow queue": {"b-queue.delay_s": 900}}
    table = ck.compare(flows, LOAD, requests=2_000, seed=1, faults=slow).under("slow queue")

    assert (table.loc["sync", "fault"] == table.loc["sync", "calm"]).all()
    assert table.loc["sync", "note"].str.startswith("has no 'b-queue'").all()
    assert table.loc[("sqs", "completion_p99_s"), "low"] > 800
    assert table.loc[("sqs", "completion_p99_s"), "note"] == ""


def test_a_fault_that_nobody_gave_is_refused():
    result = ck.compare({"a": chain()}, LOAD, requests=50, seed=1, faults={"b is down": {"b.error_rate": 1.0}})

    with pytest.raises(ck.ConfigError, match="fault 'b is dwn' is unknown"):
        result.under("b is dwn")


# --- verdicts and guarantees as tables ---


def test_every_figure_has_its_verdict():
    result = ck.compare(ck.variants(chain(), ["sync", "async"]), LOAD, requests=2_000, seed=1)
    table = result.verdicts()

    assert [*table.index] == COLUMNS
    assert table.loc["response_p50_s", "winner"] == "async"
    assert table.loc["usd_per_million", "winner"] == "async"
    assert table.loc["services", "winner"] == "sync"
    assert table.loc["lost", "winner"] is None
    assert table.loc["completion_p50_s", "text"] == str(result.verdict("completion_p50_s"))


def test_guarantees_stand_beside_each_other():
    table = ck.compare(ck.variants(chain(), ["sync", "sqs"]), LOAD, requests=50, seed=1).guarantees()
    of_b = table[table["service"] == "b"].set_index("variant")

    assert of_b.loc["sync", ["link", "delivery"]].tolist() == ["a>b", "at most once"]
    assert of_b.loc["sqs", ["link", "delivery"]].tolist() == ["b-queue>b", "at least once"]


def test_prices_of_ones_own_and_the_length_of_the_month_hold_in_every_figure_and_behind_it() -> None:
    chain = ck.Chain("two")
    chain.add(ck.LambdaFunction("a", timeout_s=10)), chain.add(ck.LambdaFunction("b", timeout_s=5))
    chain.connect("a", "b", needs_answer=False)
    flows = ck.variants(chain, ["sqs", "sns"])
    book = ck.price_book("us-east-1").with_price("sns-publishes", 5e-6)
    both = ck.compare(
        flows, ck.Poisson(rate_per_s=4), requests=1_000, seed=1, requests_per_month=1e6, price_book=book,
        hours_per_month=744,
    )  # fmt: skip

    for name, run in both.runs.items():
        own = ck.bill(run.chain, run, requests_per_month=1e6, price_book=book, hours_per_month=744)
        low, value, high = both.interval("usd_per_month", name)
        assert value == own.total_usd
        assert low <= value <= high < value * 1.1
        assert ck.cost_at_scale(both).usd(name, 1e6).usd == pytest.approx(own.total_usd)
    assert both.bills["sns"].total_usd > 5
    assert f"{both.bills['sns'].total_usd * 2:.2f}" in str(ck.decision("Which?", both, requests_per_month=2e6))
