"""Environments kept ready: Erlang's formula against the simulator, roles by links, dollars against bills."""

import pytest

import chainkit as ck
from chainkit.sizing.ready import erlang_b

LOAD = ck.Poisson(rate_per_s=8)


def shop(**settings) -> ck.Chain:
    chain = ck.Chain("shop")
    chain.add(ck.HttpApi("api"))
    law = ck.LogNormal(p50_s=0.4, p99_s=2.0)
    chain.add(ck.LambdaFunction("ask", memory_mb=512, timeout_s=20, duration=law, init=0.0, **settings))
    chain.connect("api", "ask")
    return chain


@pytest.mark.parametrize(
    ("servers", "load", "share"), [(1, 1.0, 0.5), (3, 2.0, 4 / 19), (10, 5.0, 0.018385), (5, 0, 0)]
)
def test_erlangs_formula_gives_its_published_values(servers: int, load: float, share: float) -> None:
    assert erlang_b(servers, load) == pytest.approx(share, abs=1e-6)


@pytest.mark.parametrize("kept", [2, 4, 7])
def test_the_simulator_spills_over_as_much(kept: int) -> None:
    chain = shop(provisioned_concurrency=kept)
    run = ck.simulate(chain, LOAD, requests=200_000, seed=2, latency=ck.no_latency)

    node = run.nodes.loc["ask"]

    assert node["spill_over"] / node["invocations"] == pytest.approx(erlang_b(kept, node["busy_mean"]), abs=0.01)


def test_the_dollars_are_those_of_two_bills() -> None:
    requests = 100_000
    without = ck.simulate(shop(), LOAD, requests=requests, seed=2, latency=ck.no_latency)
    rules = ck.provisioned_rules(shop(), without)

    for word in ("low", "high", "enough"):
        kept = int(rules.loc["ask", word])
        chain = shop(provisioned_concurrency=kept)
        run = ck.simulate(chain, LOAD, requests=requests, seed=2, latency=ck.no_latency)
        more = ck.bill(chain, run).total_usd - ck.bill(shop(), without).total_usd
        assert rules.loc["ask", f"usd_{word}"] == pytest.approx(more, rel=0.05)


def test_enough_is_the_least_number_of_which_one_in_a_hundred_spills_over() -> None:
    row = ck.provisioned_rules(shop(), ck.simulate(shop(), LOAD, requests=20_000, seed=1)).loc["ask"]

    assert erlang_b(row["enough"], row["busy_mean"]) <= 0.01 < erlang_b(row["enough"] - 1, row["busy_mean"])
    assert (row["low"], row["high"]) == (-(-row["busy_peak"] // 2), row["busy_peak"])
    assert row["spill_over_enough"] == erlang_b(row["enough"], row["busy_mean"])


def test_roles_go_by_the_links_that_lead_to_a_function() -> None:
    chain = shop()
    for name in ("work", "call", "fix", "sweep"):
        chain.add(ck.LambdaFunction(name, duration=0.01, timeout_s=10))
    for name in ("jobs", "dead"):
        chain.add(ck.SqsQueue(name, visibility_timeout_s=60))
    chain.connect("ask", "jobs")
    chain.connect("jobs", "work")
    chain.connect("jobs", "dead", link="redrive")
    chain.connect("dead", "sweep")
    chain.connect("ask", "call", link="async")
    chain.connect("call", "fix", link="on_failure")

    rules = ck.provisioned_rules(chain, ck.simulate(chain, LOAD, requests=2_000, seed=1))

    assert rules["role"].to_dict() == {
        "ask": "entry", "work": "batch", "call": "internal", "fix": "error handler", "sweep": "error handler",
    }  # fmt: skip
    assert rules.loc["work", ["low", "high", "usd_high"]].tolist() == [0, 0, 0.0]
    assert rules.loc["fix", "high"] == 1
    assert "contradicts its 50 to 100 %" in rules.attrs["note"]


def test_a_snapshot_excludes_it_and_another_chains_run_is_refused() -> None:
    chain = shop(snap_start=True)
    run = ck.simulate(chain, LOAD, requests=1_000, seed=1)

    assert ck.provisioned_rules(chain, run).empty
    other = ck.Chain("other")
    other.add(ck.LambdaFunction("f"))
    with pytest.raises(ck.ConfigError, match="is no run of this chain"):
        ck.provisioned_rules(other, run)
