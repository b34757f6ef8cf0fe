"""Blame adds up to the whole, and names what a hand would name."""

import numpy as np
import pytest

import chainkit as ck
from chainkit.simulation import blame, memory
from tests.simulation.case import chain_of, function
from tests.simulation.cases import CASES


@pytest.mark.parametrize("of", ["response", "completion"])
@pytest.mark.parametrize("name", ["five_in_a_row", "retries_with_jitter", "parallel_states", "machine_behind_an_api"])
def test_the_parts_add_up_to_the_mean_and_to_the_tail(name, of):
    case = CASES[name]()
    options = {**case.options, "requests": 400, "warmup_fraction": 0.25, "keep": "requests"}
    run = ck.simulate(case.chain, case.load, seed=1, replications=4, **options)
    frame = run.blame(of=of, tail=0.9)

    times_s = (run.response_s if of == "response" else run.completion_s).reshape(4, 100)[:, 25:]
    tails = [np.sort(row[np.isfinite(row)]) for row in times_s]
    slowest = np.concatenate([row[row.size - round((1 - 0.9) * row.size) :] for row in tails])
    assert frame["mean_s"].sum() == pytest.approx(times_s[np.isfinite(times_s)].mean(), abs=1e-9)
    assert frame["tail_s"].sum() == pytest.approx(slowest.mean(), abs=1e-9)
    assert frame["share"].sum() == pytest.approx(1)
    assert frame["tail_share"].sum() == pytest.approx(1)
    assert frame.attrs["requests"] + frame.attrs["left_out"] == times_s.size
    assert frame["mean_s"].is_monotonic_decreasing


def test_blame_of_a_run_that_kept_nothing_is_the_same():
    case = CASES["diamond"]()
    options = {"seed": 1, "replications": 2, **case.options}
    plain, kept = (ck.simulate(case.chain, case.load, keep=keep, **options).blame() for keep in (None, "requests"))

    assert plain.equals(kept)


def test_intervals_hold_the_part_that_each_node_has():
    chain = chain_of(*(function(name, init=0, duration=ck.Exponential(mean_s=0.2), timeout_s=60) for name in "ab"))
    chain.connect("a", "b")
    run = ck.simulate(chain, ck.Poisson(rate_per_s=5), requests=50_000, seed=2, latency=ck.no_latency)
    frame = run.blame()

    assert frame.attrs["requests"] == blame.SAMPLE
    assert ((frame["mean_low_s"] < 0.2) & (frame["mean_high_s"] > 0.2)).all()
    assert (frame["tail_s"] > 2 * frame["mean_s"]).all()
    assert frame.columns.name == "response: 2,000 requests; tail: 450 of the slowest 1 %"


def test_cold_starts_make_the_tail_though_not_the_mean():
    chain = chain_of(function("f", init=5.0, duration=0.1))
    run = ck.simulate(chain, ck.Poisson(rate_per_s=1), requests=20_000, seed=1, warmup_fraction=0)
    frame = run.blame(tail=0.999).set_index("reason")

    assert frame.loc["own work", "share"] > 0.6
    assert frame.loc["cold start", "tail_share"] > 0.8


def test_a_single_replication_has_intervals_by_batches():
    chain = chain_of(function("f", init=0, duration=ck.Exponential(mean_s=0.2), timeout_s=60))
    run = ck.simulate(chain, ck.Poisson(rate_per_s=5), requests=5_000, seed=2, replications=1, latency=ck.no_latency)

    (row,) = run.blame().to_dict("records")
    assert row["mean_low_s"] < 0.2 < row["mean_high_s"]


def test_what_writes_too_much_is_sampled_less(monkeypatch):
    monkeypatch.setattr(memory, "TRACE_ROWS", 1 << 15)
    monkeypatch.setattr(memory, "MOST_TRACE_ROWS", 1 << 16)
    case = CASES["loop_of_states"]()
    run = ck.simulate(case.chain, case.load, seed=1, replications=1, **{**case.options, "requests": 20_000})
    frame = run.blame()

    assert 1 <= frame.attrs["requests"] < blame.SAMPLE
    assert frame["share"].sum() == pytest.approx(1)


def test_blame_refuses_what_it_cannot_tell():
    chain = chain_of(ck.SqsQueue("jobs"), function("f"))
    chain.connect("jobs", "f")
    run = ck.simulate(chain, ck.Poisson(rate_per_s=5), requests=100, seed=1)

    assert run.blame().attrs["of"] == "completion"
    with pytest.raises(ck.ConfigError, match="nobody waits for an answer"):
        run.blame("response")
    with pytest.raises(ck.ConfigError, match="of='answer' is unknown"):
        run.blame("answer")
    with pytest.raises(ck.ConfigError, match=r"tail=1 is outside 0\.\.1"):
        run.blame(tail=1)
