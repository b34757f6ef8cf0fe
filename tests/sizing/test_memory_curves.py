"""Memory curves: closed forms by hand, the simulator for what has none, and words for what cannot be."""

import math

import pytest

import chainkit as ck
from chainkit.sizing.memory_curves import SIZES

GB_S_X86, GB_S_ARM, REQUESTS = 0.0000166667, 0.0000133334, 0.20
"""us-east-1, USD: of a GB-s, and of a million requests."""


def one(**settings) -> ck.Chain:
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("f", **{"memory_mb": 512, "timeout_s": 30, "init": 0.0, **settings}))
    return chain


@pytest.mark.parametrize("cpu_fraction", [0.0, 0.3, 0.8, 1.0])
def test_times_and_dollars_are_those_of_the_law(cpu_fraction: float) -> None:
    law = ck.LogNormal(p50_s=0.2, p99_s=0.9)
    curve = ck.memory_curve(one(duration=law, cpu_fraction=cpu_fraction), "f")

    assert tuple(each.memory_mb for each in curve.sizes) == SIZES
    for each in curve.sizes:
        factor = 1 - cpu_fraction + cpu_fraction * 512 / min(each.memory_mb, 1769)
        assert each.duration_mean_s == pytest.approx(law.mean_s * factor, rel=1e-9)
        assert each.duration_p95_s == pytest.approx(law.ppf(0.95) * factor, rel=1e-9)
        # Rounding up adds half a millisecond where the law is wide.
        assert each.billed_ms == pytest.approx(law.mean_s * factor * 1000 + 0.5, abs=0.02)
        gb_s = each.billed_ms / 1000 * each.memory_mb / 1024 * 1e6
        assert each.usd_per_million == pytest.approx(gb_s * GB_S_X86 + REQUESTS)
        assert each.usd_per_million_arm64 == pytest.approx(gb_s * GB_S_ARM + REQUESTS)


def test_billed_milliseconds_are_rounded_up_run_by_run() -> None:
    exact = ck.memory_curve(one(duration=0.25), "f", [512]).sizes[0]
    wide = ck.memory_curve(one(duration=ck.Uniform(low_s=0.010, high_s=0.020)), "f", [512]).sizes[0]
    short = ck.memory_curve(one(duration=0.0001), "f", [512]).sizes[0]

    assert exact.billed_ms == 250
    assert wide.billed_ms == pytest.approx(15.5, abs=1e-3)  # 11 ... 20, each as likely
    assert short.billed_ms == pytest.approx(1.0)


def test_the_simulator_bills_the_same() -> None:
    law, overhead = ck.LogNormal(p50_s=0.02, p99_s=0.2), ck.Uniform(low_s=0.001, high_s=0.03)
    chain = one(duration=law, overhead=overhead, cpu_fraction=0.5, measured_memory_mb=256, timeout_s=1)

    for each in ck.memory_curve(chain, "f", [256, 1024]).sizes:
        chain.set("f", memory_mb=each.memory_mb)
        run = ck.simulate(chain, ck.Steady(rate_per_s=50), requests=200_000, seed=3, latency=ck.no_latency)
        node, completion = run.nodes.loc["f"], run.summary().loc["completion_p95_s"]
        assert node["billed_s"] / node["invocations"] * 1000 == pytest.approx(each.billed_ms, rel=0.01)
        assert ck.bill(chain, run).usd_per_million == pytest.approx(each.usd_per_million, rel=0.01)
        assert completion["low"] * 0.99 <= each.duration_p95_s <= completion["high"] * 1.01


def test_a_timeout_cuts_what_runs_and_what_is_billed() -> None:
    chain = one(duration=ck.Uniform(low_s=0, high_s=2), timeout_s=1)

    (each,) = ck.memory_curve(chain, "f", [512]).sizes

    assert each.duration_mean_s == pytest.approx(0.75, rel=1e-3)
    assert each.duration_p95_s == 1
    assert each.billed_ms == pytest.approx(750, rel=2e-3)


def test_a_cold_run_has_its_init_and_its_own_duration() -> None:
    chain = one(duration=0.1, first_duration=0.4, init=0.3, overhead=0.05, cpu_fraction=1.0)

    small, large = ck.memory_curve(chain, "f", [512, 1024]).sizes

    assert small.cold_mean_s == pytest.approx(0.3 + 0.4 + 0.05)
    assert large.cold_mean_s == pytest.approx(0.3 + 0.2 + 0.025)  # init is the same at every size


def test_arm64_with_its_own_duration() -> None:
    (x86,) = ck.memory_curve(one(duration=0.1), "f", [1024], arm64_ratio=1.2).sizes
    (arm,) = ck.memory_curve(one(duration=0.12, architecture="arm64"), "f", [1024], arm64_ratio=1.2).sizes

    assert x86.usd_per_million_arm64 == pytest.approx(120e-3 * 1e6 * GB_S_ARM + REQUESTS)
    assert arm.usd_per_million == pytest.approx(x86.usd_per_million_arm64)
    assert arm.usd_per_million_x86_64 == pytest.approx(x86.usd_per_million)


def test_the_cheapest_fastest_and_balanced_are_those_of_the_table() -> None:
    # io 0.05 s at every size, cpu 0.2 s at 512 MB
    curve = ck.memory_curve(one(duration=0.25, cpu_fraction=0.8), "f")
    times = {m: 0.05 + 102.4 / min(m, 1769) for m in SIZES}
    cost = {m: math.ceil(round(1000 * t, 6)) * m for m, t in times.items()}

    assert curve.cheapest.memory_mb == min(cost, key=cost.get) == 128
    assert curve.fastest.memory_mb == 1769  # beyond it is no faster, and dearer
    rule = {m: 0.5 * cost[m] / max(cost.values()) + 0.5 * times[m] / max(times.values()) for m in SIZES}
    assert curve.balanced().memory_mb == min(rule, key=rule.get)


def test_a_function_behind_the_answer_is_told_by_completions() -> None:
    chain, load = ck.example("orders"), ck.Poisson(rate_per_s=4, attributes={"status": {"charged": 1}})
    behind = ck.memory_curve(chain, "payment", [256, 1024], load=load, requests=1_000, seed=1)
    before = ck.memory_curve(chain, "validate", [256, 1024], load=load, requests=1_000, seed=1)

    assert (behind.figure, before.figure) == ("completion_p95_s", "response_p95_s")
    assert behind.chain[0][1] > behind.chain[1][1]
    asked = ck.memory_curve(chain, "payment", [256, 1024], load=load, requests=1_000, seed=1, figure="response_p95_s")
    assert asked.chain[0] == asked.chain[1]  # which is why


def test_with_a_load_each_size_has_the_figure_of_its_own_run() -> None:
    chain = one(duration=ck.LogNormal(p50_s=0.2, p99_s=0.9), cpu_fraction=0.5)
    load = ck.Poisson(rate_per_s=4)

    curve = ck.memory_curve(chain, "f", [256, 1024], load=load, requests=2_000, seed=7)

    assert curve.figure == "response_p95_s"
    chain.set("f", memory_mb=1024)
    row = ck.simulate(chain, load, requests=2_000, seed=7).summary().loc["response_p95_s"]
    assert curve.chain[1] == pytest.approx((row["low"], row["value"], row["high"]))
    assert curve.to_frame()["response_p95_s_low"].tolist() == [low for low, _, _ in curve.chain]


def test_the_chain_stays_as_it_is_and_the_curve_is_a_power_tuning() -> None:
    chain = one(duration=0.25, cpu_fraction=0.8)
    before = chain.copy()

    tuning = ck.memory_curve(chain, "f", load=ck.Steady(rate_per_s=1), requests=100).power_tuning()

    assert chain == before
    assert tuning.curve.io_s == pytest.approx(0.05)
    assert tuning.curve.cpu_mb_s == pytest.approx(102.4)
    assert tuning.sizes[0].usd == pytest.approx(0.85 / 8 * GB_S_X86)  # 850 ms at 128 MB, without the request


def test_what_nobody_measured_is_said() -> None:
    text = str(ck.memory_curve(one(duration=0.1), "f"))

    assert "cpu_fraction is 0: by the design memory changes nothing" in text
    assert "duration on arm64: 1 times that on x86, an assumption" in text


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": "jobs"}, "'jobs' is no function"),
        ({"name": "g"}, "has no service 'g'"),
        ({"sizes": [64]}, "memory_mb=64 is outside 128..10240"),
        ({"sizes": []}, "sizes=[] is no list"),
        ({"sizes": "512"}, "sizes='512' is no list"),
        ({"arm64_ratio": 0}, "arm64_ratio=0 is outside"),
        ({"arm64_ratio": math.nan}, "arm64_ratio=nan is outside"),
        ({"load": ck.Steady(rate_per_s=1), "figure": "p95"}, "figure='p95' is unknown"),
        ({"load": ck.Steady(rate_per_s=1), "figure": "response_p95_s", "at": "jobs"}, "nobody waits"),
        ({"load": 4}, "load=4 is no traffic"),
    ],
)
def test_what_cannot_be_is_refused(change, problem: str) -> None:
    chain = one(duration=0.1)
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    chain.connect("jobs", "f")
    arguments = {"name": "f", "requests": 100, **change}

    with pytest.raises(ck.ChainkitError) as caught:
        ck.memory_curve(chain, **arguments)

    assert problem in str(caught.value)
    assert caught.value.fix


def test_a_region_without_a_price_is_an_error_not_zero() -> None:
    chain = ck.Chain("far", region="xx-nowhere-1")
    chain.add(ck.LambdaFunction("f"))

    with pytest.raises(ck.PriceMissingError, match="xx-nowhere-1"):
        ck.memory_curve(chain, "f")
