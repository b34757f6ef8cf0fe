"""Comparison: the same arrivals and draws for every chain, and what the columns of the table mean."""

import math

import numpy as np
import pytest

import chainkit as ck
from chainkit.comparison import LOST

COLUMNS = [
    "response_p50_s", "response_p95_s", "response_p99_s", "completion_p50_s", "completion_p95_s", "completion_p99_s",
    "usd_per_million", "usd_per_month", "lost", "failed",
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
        for name in COLUMNS[:6]:
            assert row[name] == summary[name]
        assert row["usd_per_month"] == result.bills[kind].total_usd
        assert row["usd_per_million"] == result.bills[kind].usd_per_million
        assert row["lost"] == run.ledger[list(LOST)].sum()
        assert row["failed"] == run.ledger[["failed", "throttled"]].sum()


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

    assert str(result) == result.to_frame().round(4).to_string()
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


def test_an_unknown_figure_or_chain_is_refused():
    result = ck.compare({"a": chain(), "b": chain()}, LOAD, requests=50, seed=1)

    with pytest.raises(ck.ConfigError, match="'response_p5_s' is unknown"):
        result.difference("response_p5_s", "a", "b")
    with pytest.raises(ck.ConfigError, match="'c' is unknown"):
        result.differences("c")
