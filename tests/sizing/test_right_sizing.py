"""Right-sizing: closed forms, both limits, one reason for each move, and what is never taken."""

import itertools
import math
import re

import numpy as np
import pytest

import chainkit as ck
from chainkit.sizing import right_sizing

SIZES = (128, 256, 512, 1024, 1769)
PRICES = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
"""us-east-1, USD per GB-s."""
EXACT = {"latency": ck.no_latency, "requests": 1_000, "seed": 1}


def three(duration_s=(0.3, 0.5, 0.2), cpu=(0.9, 0.5, 0.7), **settings) -> ck.Chain:
    """Return a calls b calls c, each waiting: times that are the same for every request."""
    chain = ck.Chain("three")
    for name, time_s, share in zip("abc", duration_s, cpu, strict=True):
        own = {"memory_mb": 512, "timeout_s": 60, "duration": time_s, "cpu_fraction": share, "init": 0.0, **settings}
        chain.add(ck.LambdaFunction(name, **own))
    chain.connect("a", "b")
    chain.connect("b", "c")
    return chain


def by_hand(sizes, processors, duration_s=(0.3, 0.5, 0.2), cpu=(0.9, 0.5, 0.7)) -> tuple[float, float]:
    """Return seconds until the answer, and dollars of a million requests; who waits pays for the wait."""
    own_s = [d * (1 - f + f * 512 / m) for d, f, m in zip(duration_s, cpu, sizes, strict=True)]
    usd = 0.0
    for k, (m, on) in enumerate(zip(sizes, processors, strict=True)):
        billed_s = math.ceil(round(1000 * sum(own_s[k:]), 6)) / 1000
        usd += 1e6 * billed_s * m / 1024 * PRICES[on] + 0.20
    return sum(own_s), usd


def choices(*settings: str):
    values = {"memory_mb": SIZES, "architecture": ("x86_64", "arm64")}
    return {f"{name}.{setting}": values[setting] for setting in settings for name in "abc"}


@pytest.mark.parametrize("exhaustive", [0, 512])
@pytest.mark.parametrize("limit_s", [2.6, 1.2, 0.85, 0.67])
def test_the_cheapest_within_a_limit_is_that_of_the_closed_form(limit_s: float, exhaustive: int) -> None:
    sizing = ck.right_size(
        three(), ck.Steady(rate_per_s=1), latency_s=limit_s, figure="response_p50_s", choices=choices("memory_mb"),
        requests_per_month=1e6, exhaustive=exhaustive, **EXACT,
    )  # fmt: skip

    every = {sizes: by_hand(sizes, ["x86_64"] * 3) for sizes in itertools.product(SIZES, repeat=3)}
    best = min((sizes for sizes, (time_s, _) in every.items() if time_s <= limit_s), key=lambda sizes: every[sizes][1])
    found = tuple(sizing.chain.service(name).memory_mb for name in "abc")
    assert every[found] == pytest.approx(every[best], rel=1e-9)
    assert sizing.comparison.bills["after"].total_usd == pytest.approx(every[best][1], rel=1e-3)
    assert (sizing.is_feasible, sizing.is_clear) == (True, True)
    assert sizing.is_exhaustive == bool(exhaustive)


@pytest.mark.parametrize("limit_usd", [14, 18, 30])
def test_the_fastest_within_a_budget_is_that_of_the_closed_form(limit_usd: float) -> None:
    sizing = ck.right_size(
        three(), ck.Steady(rate_per_s=1), usd_per_month=limit_usd, figure="response_p50_s",
        choices=choices("memory_mb", "architecture"), requests_per_month=1e6, **EXACT,
    )  # fmt: skip

    every = [
        by_hand(sizes, on) for sizes in itertools.product(SIZES, repeat=3) for on in itertools.product(PRICES, repeat=3)
    ]
    fastest_s = min(time_s for time_s, usd in every if usd <= limit_usd)
    found = [sizing.chain.service(name) for name in "abc"]
    time_s, usd = by_hand([each.memory_mb for each in found], [each.architecture for each in found])
    assert time_s == pytest.approx(fastest_s)
    assert usd <= limit_usd
    assert sizing.combinations == 1_000


def test_each_move_says_what_it_does_to_the_design_and_why() -> None:
    sizing = ck.right_size(
        three(), ck.Steady(rate_per_s=1), latency_s=0.9, figure="response_p50_s", choices=choices("memory_mb"),
        requests_per_month=1e6, **EXACT,
    )  # fmt: skip

    after = {name: sizing.chain.service(name).memory_mb for name in "abc"}
    x86 = ["x86_64"] * 3
    for move in sizing.moves:
        name = move.key[0]
        without = [512 if each == name else after[each] for each in "abc"]
        (here_s, here_usd), (there_s, there_usd) = by_hand(after.values(), x86), by_hand(without, x86)
        assert move.time_s[1] == pytest.approx(here_s - there_s, abs=0.004)
        assert move.usd_per_month[1] == pytest.approx(here_usd - there_usd, rel=0.01)
        assert ("limit of 900 ms needs it" in move.reason) == (there_s > 0.9)
        assert ("cheaper" in move.reason) == (there_s <= 0.9)
    assert {move.key[0] for move in sizing.moves} == {name for name, size in after.items() if size != 512}
    assert len(sizing.moves) >= 2


def test_the_given_chain_stays_and_the_table_is_that_of_both_runs() -> None:
    chain = three()
    before = chain.copy()

    sizing = ck.right_size(
        chain, ck.Steady(rate_per_s=1), latency_s=1.2, figure="response_p50_s", choices=choices("memory_mb"), **EXACT
    )

    frame = sizing.to_frame()
    assert chain == before
    assert frame.loc["usd_per_month", "before"] == sizing.comparison.bills["before"].total_usd
    assert (frame["after"] - frame["before"]).to_numpy() == pytest.approx(frame["difference"].to_numpy(), abs=0.01)
    again = ck.simulate(sizing.chain, ck.Steady(rate_per_s=1), **EXACT)
    assert frame.loc["response_p95_s", "after"] == pytest.approx(again.summary().loc["response_p95_s", "value"])


def test_a_limit_out_of_reach_says_the_nearest_and_what_is_left() -> None:
    sizing = ck.right_size(
        three(cpu=(0.9, 0.0001, 0.7)), ck.Steady(rate_per_s=1), latency_s=0.3, figure="response_p50_s",
        choices=choices("memory_mb"), **EXACT,
    )  # fmt: skip

    time_s, _ = by_hand([1769] * 3, ["x86_64"] * 3, cpu=(0.9, 0.0001, 0.7))
    assert (sizing.is_feasible, sizing.is_clear) == (False, False)
    assert sizing.comparison.runs["after"].summary().loc["response_p50_s", "value"] == pytest.approx(time_s, rel=0.01)
    assert "is out of reach; this comes nearest" in str(sizing)
    assert "What is left of the slowest 1 %: b: own work 500 ms" in str(sizing)
    assert all("nearer to the limit" in move.reason for move in sizing.moves)


def test_a_budget_out_of_reach_says_so_too() -> None:
    sizing = ck.right_size(
        three(), ck.Steady(rate_per_s=1), usd_per_month=1, figure="response_p50_s", choices=choices("memory_mb"),
        requests_per_month=1e6, **EXACT,
    )  # fmt: skip

    assert not sizing.is_feasible
    every = {sizes: by_hand(sizes, ["x86_64"] * 3)[1] for sizes in itertools.product(SIZES, repeat=3)}
    # Not the smallest sizes: who waits pays for it, so that a faster callee may be cheaper.
    best = min(every, key=every.get)
    assert best != (128, 128, 128)
    assert tuple(sizing.chain.service(name).memory_mb for name in "abc") == best
    assert "$1.00 a month is out of reach" in str(sizing)


def test_what_changes_nothing_is_not_changed() -> None:
    chain = three(cpu=(1.0, 1.0, 1.0))
    chain.add(ck.LambdaFunction("d", memory_mb=256, duration=0.01))
    chain.connect("c", "d", probability=0.0)  # nobody ever goes there

    sizing = ck.right_size(
        chain, ck.Steady(rate_per_s=1), latency_s=2, figure="response_p50_s",
        choices={"d.memory_mb": [128, 256, 512], "d.timeout_s": [3, 30]}, **EXACT,
    )  # fmt: skip

    assert sizing.moves == ()
    assert sizing.chain == chain
    assert "nothing to change: no difference seen" in str(sizing)


def test_differences_that_may_be_chance_move_next_to_nothing() -> None:
    """Which idle environment is taken shuffles the draws of the environments, and makes nothing better."""
    chain, moved = ck.Chain("noise"), 0
    law, speed = ck.LogNormal(p50_s=0.2, p99_s=2), ck.Gamma(mean_s=1.0, shape=20)
    chain.add(ck.LambdaFunction("f", timeout_s=60, duration=law, init=0.0, speed_factor=speed))

    for seed in range(12):
        sizing = ck.right_size(
            chain, ck.Poisson(rate_per_s=20), usd_per_month=1e6, requests=4_000, seed=seed,
            choices={"f.reuse": ["most_recent", "least_recent", "random"]},
        )  # fmt: skip
        moved += len(sizing.moves)

    assert moved <= 2  # of 24 that are compared, each with a chance of 1 in 40 to look faster


def test_a_size_at_which_requests_fail_is_not_taken_however_cheap() -> None:
    chain = ck.Chain("cut")
    law = ck.LogNormal(p50_s=0.5, p99_s=1.0)
    chain.add(ck.LambdaFunction("f", memory_mb=1024, timeout_s=2, duration=law, cpu_fraction=1.0))

    sizing = ck.right_size(
        chain, ck.Poisson(rate_per_s=2), latency_s=30, choices={"f.memory_mb": [128, 256, 512, 1024]}, requests=5_000
    )

    # At 128 MB all runs are cut at 2 s, at 256 MB half of them, at 512 MB one in a hundred: the cheapest of all.
    assert sizing.designs.set_index("f.memory_mb")["usd_per_month"].idxmin() < 1024
    assert sizing.chain.service("f").memory_mb == 1024


def test_arm64_is_taken_as_long_as_it_pays_and_its_assumption_is_said() -> None:
    def sized(ratio: float) -> ck.Sizing:
        return ck.right_size(
            three(), ck.Steady(rate_per_s=1), latency_s=9, figure="response_p50_s", choices=["architecture"],
            arm64_ratio=ratio, **EXACT,
        )  # fmt: skip

    assumed, slower = sized(1.0), sized(1.4)

    assert {assumed.chain.service(name).architecture for name in "abc"} == {"arm64"}
    assert "duration on arm64 of a, b, c: an assumption: 1 times that on x86. Measure it: 1.25 times or more" in str(
        assumed
    )
    # c is 1.4 times as long at 0.8 times the price, and b hardly shorter; a waits most of its time, which is no longer.
    assert [move.key for move in slower.moves] == ["a.architecture"]


def test_a_standard_workflow_becomes_express_where_it_is_cheaper_and_the_price_is_said() -> None:
    chain = ck.Chain("flow")
    chain.add(ck.LambdaFunction("pay", duration=0.05, init=0.0))
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
    task["Arguments"] = {"FunctionName": "${pay}"}
    definition = {"QueryLanguage": "JSONata", "StartAt": "Pay", "States": {"Pay": task}}
    chain.add(ck.StateMachine("machine", definition=definition))

    sizing = ck.right_size(
        chain, ck.Steady(rate_per_s=1), latency_s=5, choices=["workflow"], requests=500, requests_per_month=1e6
    )

    (move,) = sizing.moves
    assert (move.key, move.before, move.after) == ("machine.workflow", "STANDARD", "EXPRESS")
    assert move.reason.endswith("an EXPRESS execution may run more than once")
    # A transition at 25 USD a million, against a request at one and a little time at 64 MB.
    assert move.usd_per_month[1] == pytest.approx(-25 + 1 + 0.1, abs=0.1)


def test_a_workflow_whose_caller_waits_stays_express() -> None:
    sizing = ck.right_size(
        ck.example("orders-sfn"), ck.Poisson(rate_per_s=4), latency_s=9, choices=["workflow"], requests=1_000
    )

    assert sizing.moves == ()
    assert math.isinf(sizing.designs.set_index("flow.workflow")["usd_per_month"]["STANDARD"])


def test_batches_are_gathered_as_far_as_the_completion_may_wait() -> None:
    chain = ck.Chain("queue")
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    chain.add(ck.LambdaFunction("pay", timeout_s=10, duration=0.02, overhead=0.1))
    chain.connect("jobs", "pay", batch_size=1)
    asked = {"jobs>pay.batch_size": [1, 5, 10], "jobs>pay.maximum_batching_window_s": [0, 1, 5]}

    tight, loose = (
        ck.right_size(chain, ck.Poisson(rate_per_s=5), latency_s=limit_s, choices=asked, requests=4_000).chain.link(
            "jobs>pay"
        )
        for limit_s in (0.4, 4.0)
    )

    assert tight.maximum_batching_window_s == 0
    assert (loose.batch_size, loose.maximum_batching_window_s) == (10, 5)


def test_environments_are_kept_ready_where_only_they_keep_the_limit() -> None:
    chain = ck.Chain("cold")
    chain.add(ck.LambdaFunction("f", memory_mb=512, duration=0.05, init=2.0, timeout_s=10))

    sizing = ck.right_size(
        chain, ck.Poisson(rate_per_s=0.002), latency_s=0.5, choices=["provisioned_concurrency"], requests=4_000
    )

    assert sizing.is_feasible
    assert sizing.chain.service("f").provisioned_concurrency == 1
    assert "needs a published version or an alias" in str(sizing)


def test_a_change_that_stands_with_another_only_is_said_to() -> None:
    chain = ck.Chain("queue")
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    chain.add(ck.LambdaFunction("pay", timeout_s=10, duration=0.001, overhead=0.1))
    chain.connect("jobs", "pay", batch_size=10)
    asked = {"jobs>pay.batch_size": [10, 100], "jobs>pay.maximum_batching_window_s": [0, 5]}

    sizing = ck.right_size(chain, ck.Poisson(rate_per_s=50), latency_s=9, choices=asked, requests=20_000)

    by_key = {move.key.rpartition(".")[2]: move for move in sizing.moves}
    assert set(by_key) == {"batch_size", "maximum_batching_window_s"}
    assert "AWS refuses the design without it" in by_key["maximum_batching_window_s"].reason
    assert by_key["batch_size"].usd_per_month[2] < 0


def test_times_without_a_limit_that_get_longer_are_said() -> None:
    chain = three()
    chain.add(ck.LambdaFunction("later", memory_mb=1024, timeout_s=60, duration=5.0, cpu_fraction=0.5))
    chain.connect("c", "later", link="async")

    sizing = ck.right_size(
        chain,
        ck.Steady(rate_per_s=1),
        latency_s=2,
        figure="response_p50_s",
        choices={"later.memory_mb": SIZES},
        **EXACT,
    )

    assert sizing.chain.service("later").memory_mb == 128
    assert "longer than before, and without a limit: completion_p50_s +" in str(sizing)


def test_many_requests_confirm_what_few_found(monkeypatch) -> None:
    monkeypatch.setattr(right_sizing, "SCREENED", 500)
    given = {"figure": "response_p50_s", "choices": choices("memory_mb"), "requests_per_month": 1e6}

    sizing = ck.right_size(three(), ck.Steady(rate_per_s=1), latency_s=0.85, **given, **EXACT)

    every = {sizes: by_hand(sizes, ["x86_64"] * 3) for sizes in itertools.product(SIZES, repeat=3)}
    best = min((sizes for sizes, (time_s, _) in every.items() if time_s <= 0.85), key=lambda sizes: every[sizes][1])
    assert tuple(sizing.chain.service(name).memory_mb for name in "abc") == best
    assert sizing.comparison.runs["after"].requests == 1_000


def test_a_design_that_had_luck_with_its_draws_is_told_so() -> None:
    """The limit is what the design gives with these draws, to the last bit: with others it is above it, or not."""
    chain = ck.Chain("luck")
    chain.add(ck.LambdaFunction("f", memory_mb=512, timeout_s=60, duration=ck.LogNormal(p50_s=0.2, p99_s=2)))
    given = {"requests": 2_000, "choices": {"f.memory_mb": [512, 1024]}}
    told, truth = [], []
    for seed in range(1, 9):
        run = ck.simulate(chain, ck.Poisson(rate_per_s=2), requests=2_000, seed=seed)
        limit_s = run.summary().loc["response_p95_s", "value"]
        sizing = ck.right_size(chain, ck.Poisson(rate_per_s=2), latency_s=limit_s, seed=seed, **given)
        told.append(f"with other draws (seed {seed + 1})" in str(sizing))
        after = ck.simulate(chain, ck.Poisson(rate_per_s=2), requests=2_000, seed=seed + 1)
        truth.append(after.summary().loc["response_p95_s", "value"] > limit_s)

    assert told == truth
    assert 0 < sum(told) < 8


def test_a_move_reads_as_a_sentence() -> None:
    sizing = ck.right_size(
        three(),
        ck.Steady(rate_per_s=1),
        latency_s=0.7,
        figure="response_p50_s",
        choices={"a.memory_mb": SIZES},
        **EXACT,
    )
    (move,) = sizing.moves

    pattern = (
        r"a: memory 512 -> 1,769 MB: -\d+ ms \(-\d+ ms to -\d+ ms\) at response p50, \+\$[\d.]+ \(.*\) a month: .*"
    )
    assert re.fullmatch(pattern, str(move))


def test_what_few_requests_lose_by_chance_hides_no_design(monkeypatch) -> None:
    """Few requests lose another share than all of them: each is held to its own."""
    chain = ck.Chain("lossy")
    law = ck.LogNormal(p50_s=0.2, p99_s=0.6)
    own = {"memory_mb": 1024, "timeout_s": 30, "cpu_fraction": 0.5, "error_rate": 0.05}
    chain.add(ck.LambdaFunction("f", duration=law, **own))
    monkeypatch.setattr(right_sizing, "SCREENED", 1_000)

    for seed in range(6):
        sizing = ck.right_size(
            chain, ck.Poisson(rate_per_s=2), latency_s=3, choices=["memory_mb"], requests=8_000, seed=seed
        )
        assert sizing.chain.service("f").memory_mb == 128
        assert (sizing.designs["worse_fraction"] == 0).all()


def test_the_same_call_gives_the_same_result() -> None:
    load = ck.Poisson(rate_per_s=4, attributes={"status": {"charged": 0.97, "declined": 0.03}})
    given = {"latency_s": 0.15, "choices": ["memory_mb"], "requests": 2_000, "exhaustive": 0}

    one, other = (ck.right_size(ck.example("orders"), load, threads=threads, **given) for threads in (1, 3))

    assert str(one) == str(other)
    assert one.designs.equals(other.designs)
    assert np.isfinite(one.designs["usd_per_month"]).all()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, "no limit given"),
        ({"latency_s": 1, "usd_per_month": 5}, "latency_s and usd_per_month given"),
        ({"latency_s": 0}, "latency_s=0 is no limit"),
        ({"latency_s": "300 ms"}, "latency_s='300 ms' is no limit"),
        ({"usd_per_month": math.inf}, "usd_per_month=inf is no limit"),
        ({"latency_s": 1, "figure": "p95"}, "figure='p95' is unknown"),
        ({"latency_s": 1, "exhaustive": -1}, "exhaustive=-1"),
        ({"latency_s": 1, "figure": "response_p99_s"}, "100 requests do not tell response_p99_s"),
        ({"latency_s": 1, "least_memory_mb": {"z": 128}, "requests": 1_000}, "no service 'z'"),
        ({"latency_s": 1, "requests": 0}, "requests=0"),
        ({"latency_s": 1, "treads": 4}, "treads"),
    ],
)
def test_what_cannot_be_is_refused(change, problem: str) -> None:
    with pytest.raises((ck.ChainkitError, TypeError), match=re.escape(problem)):
        ck.right_size(three(), ck.Steady(rate_per_s=1), **{"requests": 100, **change})


def test_one_replication_is_refused_as_it_would_keep_every_setting() -> None:
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("pay", memory_mb=1024, duration=0.1))

    with pytest.raises(ck.ConfigError, match="one replication does not tell"):
        ck.right_size(chain, ck.Poisson(rate_per_s=4), latency_s=1, requests=1_000, replications=1)
