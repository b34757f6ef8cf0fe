"""Sweeps: the order of the table, rows equal to single runs whoever runs them, and words for what cannot be."""

import builtins
import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from itertools import product
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import chainkit as ck
from chainkit import sweeps
from chainkit.comparison import LOST

LOAD = ck.Poisson(rate_per_s=4)
GRID = {"pay.memory_mb": [256, 512, 1769], "jobs>pay.batch_size": [1, 10]}
ATTRIBUTES = {"kind": {"digital": 0.25, "physical": 0.75}}
MEANS = ["response_mean_s", "response_p50_s", "response_p95_s", "response_p99_s"]
FIGURES = [
    *MEANS, *(name.replace("response", "completion") for name in MEANS), "lost_fraction", "failed_fraction",
    "cold_fraction", "throttles", "gb_s", "usd_per_million",
]  # fmt: skip


def shop(name: str = "shop") -> ck.Chain:
    """Return an API, a function, a queue and its consumer that fails now and then."""
    chain = ck.Chain(name)
    chain.add(ck.HttpApi("api"))
    chain.add(ck.LambdaFunction("order", timeout_s=10, duration=ck.LogNormal(p50_s=0.05, p99_s=0.3)))
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    chain.add(ck.LambdaFunction("pay", timeout_s=10, duration=ck.Gamma(mean_s=0.2, shape=2), poison_fraction=0.02))
    chain.add(ck.SqsQueue("dead"))
    chain.connect("api", "order")
    chain.connect("order", "jobs")
    chain.connect("jobs", "pay", report_batch_item_failures=True)
    chain.connect("jobs", "dead", link="redrive", max_receive_count=2)
    return chain


# --- the table ---


def test_the_table_has_a_row_per_combination_and_the_last_setting_changes_fastest() -> None:
    table = ck.sweep(shop(), GRID, LOAD, requests=200, seed=1)

    assert [*table.columns] == [*GRID, *FIGURES]
    assert [*zip(*(table[key] for key in GRID), strict=True)] == [*product(*GRID.values())]
    assert table.attrs == {"requests": 200, "seed": 1, "interrupted": False}


def test_a_row_is_what_the_design_gives_by_itself() -> None:
    table = ck.sweep(shop(), GRID, LOAD, requests=2_000, seed=3, replications=4, requests_per_month=2e6)

    for row in table.to_dict("records"):
        chain = shop()
        chain.set("pay", memory_mb=row["pay.memory_mb"])
        chain.set("jobs>pay", batch_size=row["jobs>pay.batch_size"])
        run = ck.simulate(chain, LOAD, requests=2_000, seed=3, replications=4)
        summary, nodes, bill = run.summary()["value"], run.nodes, ck.bill(chain, run, requests_per_month=2e6)
        for name in FIGURES[:8]:
            assert row[name] == summary[name]
        assert row["lost_fraction"] == run.ledger[[*LOST]].sum() / 2_000 > 0
        assert row["cold_fraction"] == nodes["cold_starts"].sum() / nodes["invocations"].sum()
        assert row["usd_per_million"] == bill.usd_per_million
        billed = [line.quantity for line in run.usage.lines if line.meter.price == "lambda-gb-s-x86"]
        assert row["gb_s"] == math.fsum(billed)


def test_throttles_and_failures_are_counted() -> None:
    chain = ck.Chain("small")
    chain.add(ck.LambdaFunction("f", duration=1.0, timeout_s=5, init=0))
    table = ck.sweep(
        chain, {"f.reserved_concurrency": [0, 1, 100]}, LOAD, requests=400, seed=1, latency=ck.no_latency, bill=False
    )

    assert table["throttles"].tolist() == (table["failed_fraction"] * 400).tolist()
    assert table["throttles"].iloc[0] == 400
    assert 0 < table["throttles"].iloc[1] < 400
    assert table["throttles"].iloc[2] == 0
    assert table["cold_fraction"].isna().tolist() == [True, False, False]
    assert "usd_per_million" not in table


def test_every_chain_meets_every_load() -> None:
    loads = {"calm": LOAD, "busy": ck.Poisson(rate_per_s=40)}
    table = ck.sweep({"today": shop(), "after": shop()}, loads, requests=200, seed=1)

    assert [*table.columns] == ["design", "load", *FIGURES]
    assert [*zip(table["design"], table["load"], strict=True)] == [*product(["today", "after"], ["calm", "busy"])]
    assert table["response_mean_s"].iloc[0] == table["response_mean_s"].iloc[2]
    assert table["response_mean_s"].iloc[0] != table["response_mean_s"].iloc[1]


def test_a_list_of_chains_is_known_by_their_names() -> None:
    table = ck.sweep([shop("a"), shop("b")], {"pay.memory_mb": [256, 512]}, LOAD, requests=100, seed=1)

    assert table["design"].tolist() == ["a", "a", "b", "b"]


def test_variants_are_designs() -> None:
    chain = ck.Chain("two")
    chain.add(ck.LambdaFunction("a", timeout_s=10))
    chain.add(ck.LambdaFunction("b", timeout_s=5))
    chain.connect("a", "b", needs_answer=False)
    table = ck.sweep(ck.variants(chain, ["sync", "sqs"]), {"b.memory_mb": [128, 512]}, LOAD, requests=100, seed=1)

    assert table["design"].tolist() == ["sync", "sync", "sqs", "sqs"]


def test_a_field_of_the_load_is_a_setting_like_another() -> None:
    table = ck.sweep(shop(), {"load.rate_per_s": [1, 50]}, LOAD, requests=500, seed=1)
    alone = ck.sweep(shop(), ck.Poisson(rate_per_s=50), requests=500, seed=1)

    assert table["load.rate_per_s"].tolist() == [1, 50]
    assert table["cold_fraction"].iloc[1] == alone["cold_fraction"].iloc[0]
    assert len(alone) == 1


def test_the_mean_rate_of_any_traffic_is_a_setting() -> None:
    bursts = ck.Bursts(phases=[(2, 90), (50, 10)])
    table = ck.sweep(shop(), {"load.rate_per_s": [5, 50]}, bursts, requests=500, seed=1)
    alone = ck.sweep(shop(), bursts.with_rate(50), requests=500, seed=1)

    assert_frame_equal(table.iloc[[1], 1:].reset_index(drop=True), alone, check_exact=True)


def test_settings_that_are_only_allowed_together_are_set_together() -> None:
    # visibility below the function's timeout is refused: neither value alone is, with the other's old value
    grid = {"jobs.visibility_timeout_s": [900], "pay.timeout_s": [800]}

    assert len(ck.sweep(shop(), grid, LOAD, requests=100, seed=1)) == 1


def test_values_may_be_laws_and_numpy_s_numbers() -> None:
    grid = {"pay.duration": [ck.Constant(0.1), ck.Exponential(mean_s=0.1)], "pay.memory_mb": np.array([256, 512])}
    table = ck.sweep(shop(), grid, LOAD, requests=100, seed=1)

    assert table["pay.duration"].tolist() == [ck.Constant(0.1)] * 2 + [ck.Exponential(mean_s=0.1)] * 2


# --- who runs it ---


@pytest.mark.parametrize("threads", [1, 3, 8])
def test_threads_change_nothing(threads: int) -> None:
    given = {"requests": 500, "seed": 7}

    assert_frame_equal(
        ck.sweep(shop(), GRID, LOAD, threads=threads, **given), ck.sweep(shop(), GRID, LOAD, **given), check_exact=True
    )


def test_an_interruption_leaves_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ck.sweep(shop(), GRID, LOAD, requests=100, seed=1)

    def some(plan: sweeps._Plan, threads: int) -> Iterator[tuple[int, sweeps.Row]]:
        points = [*plan.points()]
        yield 3, plan.row(points[3])
        yield 1, plan.row(points[1])
        raise KeyboardInterrupt

    monkeypatch.setattr(sweeps, "_on_threads", some)
    with pytest.warns(UserWarning, match="interrupted; 2 of 6 designs are in the table"):
        part = ck.sweep(shop(), GRID, LOAD, requests=100, seed=1)

    assert part.attrs["interrupted"]
    assert_frame_equal(part, whole.iloc[[1, 3]].reset_index(drop=True), check_exact=True)


def test_ctrl_c_ends_the_threads_after_what_is_under_way() -> None:
    done: list[int] = []
    plan = sweeps._plan(shop(), {"pay.memory_mb": [*range(128, 1128)]}, LOAD, {"requests": 50, "seed": 1})
    rows = sweeps._on_threads(plan, 2)
    done += [next(rows)[0], next(rows)[0]]
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        rows.throw(KeyboardInterrupt)

    assert len(done) == 2
    assert threading.active_count() == before - 2


def test_an_interruption_before_anything_is_done_is_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(plan: sweeps._Plan, threads: int) -> Iterator[tuple[int, sweeps.Row]]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(sweeps, "_on_threads", none)
    with pytest.raises(KeyboardInterrupt):
        ck.sweep(shop(), GRID, LOAD, requests=100, seed=1)


# --- a cluster ---


@pytest.fixture(scope="module")
def cluster() -> Iterator[object]:
    """Two worker processes that are spoken to over TCP."""
    import dask
    from distributed import Client, LocalCluster

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, protocol="tcp://", dashboard_address=None
        ) as machines,
        Client(machines) as client,
    ):
        assert client.scheduler.addr.startswith("tcp://")
        yield client


def many(**given: object) -> pd.DataFrame:
    """Return a sweep over two chains, one of which has lost the first of two parallel links, and two loads."""
    other = shop("other")
    first = other.connect("order", "jobs", step=2)
    other.remove("order>jobs")
    assert first in other.links.values()
    loads = {"calm": ck.Poisson(rate_per_s=4, attributes=ATTRIBUTES), "steady": ck.Steady(rate_per_s=8)}
    grid = {"pay.memory_mb": [256, 512], "pay.duration": [ck.Constant(0.1), ck.LogNormal(p50_s=0.1, p99_s=1.0)]}
    return ck.sweep([shop(), other], grid, loads, requests=1_000, seed=5, **given)


def test_a_cluster_gives_the_table_of_the_threads(cluster: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "BLOCK_S", 0.02)  # so that there are several blocks

    assert_frame_equal(many(client=cluster), many(), check_exact=True)


def test_a_killed_worker_loses_nothing(cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "BLOCK_S", 0.1)
    given = {"requests": 20_000, "seed": 2, "replications": 2}
    grid = {"pay.memory_mb": [*range(256, 286)], "pay.timeout_s": [9, 10]}
    before, over = cluster.run(os.getpid), threading.Event()
    killer = threading.Thread(target=kill_one, args=(cluster, before, over))
    killer.start()
    try:
        table = ck.sweep(shop(), grid, LOAD, client=cluster, **given)
    finally:
        over.set()
        killer.join()
    cluster.wait_for_workers(2, timeout=60)

    assert len(set(before.values()) & set(cluster.run(os.getpid).values())) == 1
    assert_frame_equal(table, ck.sweep(shop(), grid, LOAD, **given), check_exact=True)


def kill_one(client, pids: dict[str, int], over: threading.Event) -> None:
    """Kill a worker once it has finished blocks and is at work on another."""
    while not over.is_set():
        has, does = client.has_what(), client.processing()
        busy = [address for address in pids if has.get(address) and does.get(address)]
        if busy:
            os.kill(pids[busy[0]], signal.SIGKILL)
            return
        time.sleep(0.005)


def test_an_error_on_a_worker_names_the_design(cluster: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "_block_size", lambda plan: 1)  # the trial on this machine would meet it first
    with pytest.raises(ck.SimulationError, match=r"sweep: load='odd': .*where do requests enter"):
        ck.sweep(two_entries(), {"odd": LOAD}, requests=100, seed=1, client=cluster)


def test_workers_without_chainkit_are_told_apart(cluster: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(plain: object, points: object) -> None:
        import chainkit_is_not_there  # noqa: F401

    monkeypatch.setattr(sweeps, "run_block", cannot)
    with pytest.raises(
        ck.ChainkitError, match=r"cannot import.*chainkit_is_not_there.*\n  fix: there too: pip install"
    ):
        ck.sweep(shop(), GRID, LOAD, requests=100, seed=1, client=cluster)


def test_a_block_that_ends_every_worker_is_no_endless_sweep(cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "run_block", lambda plain, points: os._exit(1))
    with pytest.raises(ck.SimulationError, match=r"a block of \d+ designs ended every worker that ran it"):
        ck.sweep(shop(), GRID, LOAD, requests=100, seed=1, client=cluster)
    cluster.wait_for_workers(2, timeout=60)


@pytest.mark.parametrize(("wrong", "text"), [({"requests": "many"}, "requests='many'"), ({"seed": 0.5}, "seed=0.5")])
def test_wrong_options_are_refused_wherever_it_runs(cluster: object, wrong: dict[str, object], text: str) -> None:
    for client in (None, cluster):
        with pytest.raises(ck.ConfigError, match=text):
            ck.sweep(shop(), GRID, LOAD, client=client, **{"requests": 100, "seed": 1, **wrong})


def two_entries() -> ck.Chain:
    """Return a chain that requests may enter at two services."""
    chain = ck.Chain("open")
    chain.add(ck.LambdaFunction("a"))
    chain.add(ck.LambdaFunction("b"))
    return chain


def test_a_plan_survives_its_way_to_a_worker() -> None:
    load = ck.Poisson(rate_per_s=4, attributes=ATTRIBUTES)
    plan = sweeps._plan({"x": shop()}, {"pay.memory_mb": [256]}, load, {"requests": 10, "seed": 1})
    there = sweeps._Plan.from_plain(plan.to_plain())

    assert there.chains == plan.chains
    assert [*there.chains["x"].links] == [*plan.chains["x"].links]
    assert there.loads == plan.loads
    assert isinstance(there.loads[""].attributes, MappingProxyType)


def test_without_dask_a_client_is_answered_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    load_module = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name == "distributed":
            raise ModuleNotFoundError("No module named 'distributed'", name="distributed")
        return load_module(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ck.ChainkitError, match=r'distributed is missing\n  fix: pip install "chainkit\[dask\]"'):
        ck.sweep(shop(), GRID, LOAD, requests=100, seed=1, client="tcp://scheduler:8786")


def test_an_address_is_no_client() -> None:
    with pytest.raises(ck.ConfigError, match="is no Dask client"):
        ck.sweep(shop(), GRID, LOAD, requests=100, seed=1, client="tcp://scheduler:8786")


# --- what cannot be ---

WRONG = {
    "unknown service": ({"pai.memory_mb": [256]}, r"no service or link 'pai' \(did you mean 'pay'\?\)"),
    "unknown link": ({"job>pay.batch_size": [1]}, r"no service or link 'job>pay' \(did you mean 'jobs>pay'\?\)"),
    "unknown setting": ({"pay.memory": [256]}, r"'pay' has no setting 'memory' \(did you mean 'memory_mb'\?\)"),
    "no setting": ({"pay": [256]}, r"no service or link '' \(did you mean 'pay'\?\)"),
    "identity": ({"pay.name": ["other"]}, "'pay' has no setting 'name'"),
    "unknown field of the load": ({"load.rate": [1]}, r"Poisson has no field 'rate' \(did you mean 'rate_per_s'\?\)"),
    "nothing": ({}, "the grid is empty"),
    "no values": ({"pay.memory_mb": []}, r"grid\['pay.memory_mb'\] has no values"),
    "one value": ({"pay.memory_mb": 256}, "is no list of values"),
    "text": ({"pay.runtime": "python3.13"}, "is no list of values"),
    "no mapping": (["pay.memory_mb"], "is no mapping of settings"),
    "refused by the service": (
        {"pay.memory_mb": [512, 64]}, r"sweep: pay.memory_mb=64: LambdaFunction 'pay': memory_mb=64 is outside"
    ),
    "refused by the load": ({"load.rate_per_s": [0]}, r"sweep: load.rate_per_s=0: Poisson: rate_per_s=0 is outside"),
    "refused by the chain": (
        {"pay.timeout_s": [5, 600]}, r"sweep: pay.timeout_s=600: .*visibility"
    ),
    "too many": (
        {"pay.memory_mb": [*range(128, 640)], "order.memory_mb": [*range(128, 640)]}, "262,144 designs are more than"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("grid", "text"), WRONG.values(), ids=WRONG.keys())
def test_a_grid_that_cannot_be_is_answered_before_anything_runs(grid, text: str, monkeypatch) -> None:
    monkeypatch.setattr(sweeps, "simulate", lambda *_, **__: pytest.fail("it ran"))
    monkeypatch.setattr(sweeps, "_as_threads", lambda _: pytest.fail("it ran"))
    with pytest.raises(ck.ChainkitError, match=text):
        ck.sweep(shop(), grid, LOAD, requests=100, seed=1)


def test_designs_and_loads_that_are_none_are_refused() -> None:
    for designs, text in (({}, "there is no design"), ([shop(), shop()], "two designs have the name 'shop'"),
                          ("shop", "are no chains"), ([3], "is no chain")):  # fmt: skip
        with pytest.raises(ck.ConfigError, match=text):
            ck.sweep(designs, LOAD, requests=100, seed=1)
    for load in (None, 4, {}, {"busy": 4}):
        with pytest.raises(ck.ConfigError, match="is no traffic"):
            ck.sweep(shop(), GRID, load, requests=100, seed=1)


def test_options_that_simulate_does_not_have_are_refused() -> None:
    with pytest.raises(ck.ConfigError, match=r"unknown option 'warmup' \(did you mean 'warmup_fraction'\?\)"):
        ck.sweep(shop(), GRID, LOAD, requests=100, seed=1, warmup=0.1)
    with pytest.raises(ck.ConfigError, match="keeps no figures by request"):
        ck.sweep(shop(), GRID, LOAD, requests=100, seed=1, keep="requests")
    with pytest.raises(ck.ConfigError, match=r"outside 1\.\.1024"):
        ck.sweep(shop(), GRID, LOAD, requests=100, seed=1, threads=0)


def test_a_region_without_prices_can_be_swept_without_a_bill() -> None:
    chain = ck.Chain("far", region="mx-central-1")
    chain.add(ck.LambdaFunction("f"))

    with pytest.raises(ck.PriceMissingError):
        ck.sweep(chain, LOAD, requests=100, seed=1)
    assert len(ck.sweep(chain, LOAD, requests=100, seed=1, bill=False)) == 1
