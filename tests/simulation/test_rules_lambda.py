"""AWS Lambda's rules about environments, each held to what one can work out by hand, on the machine and on its twin."""

import math
from typing import Any

import numpy as np
import pytest

import chainkit as ck
from chainkit.simulation import draws
from tests.simulation.case import chain_of
from tests.simulation.engines import Engine, both_engines


def f(name: str = "f", **settings: Any) -> ck.LambdaFunction:
    """Return a function of constant times."""
    return ck.LambdaFunction(name, **{"duration": 0.5, "init": 0.25, "timeout_s": 60, **settings})


def one(**settings: Any) -> ck.Chain:
    """Return a chain of one function."""
    return chain_of(f(**settings))


# --- keep-alive: no documented number (facts: aws-latency.md 3, measured 2017 to 2021) ---


@both_engines
def test_an_idle_environment_is_reclaimed_when_its_life_is_over(run: Engine) -> None:
    # One request every two seconds: 1.5 s between an end and the next start.
    steady = ck.Steady(rate_per_s=0.5)
    assert run(one(keep_alive=1.75, init=0), steady, requests=20).count("f", "cold_starts") == 1
    assert run(one(keep_alive=1.5, init=0), steady, requests=20).count("f", "cold_starts") == 20


@both_engines
@pytest.mark.parametrize(("gap_s", "share"), [(300, 0.0), (700, 0.5), (1_100, 0.75)])
def test_a_fleet_halves_every_380_s(run: Engine, gap_s: float, share: float) -> None:
    """SeBS artifact, analysis/container_eviction, January 2020: warm = D * 2^-floor(t / 380 s)."""
    chain = one(keep_alive=ck.Geometric(step_s=380, fraction=0.5))
    cold = run(chain, ck.Steady(rate_per_s=1 / gap_s), requests=1_000).count("f", "cold_starts")
    assert abs(cold / 1_000 - share) <= 4 * math.sqrt(share * (1 - share) / 1_000) + 0.001


@both_engines
def test_the_most_recently_used_environment_is_taken_first(run: Engine) -> None:
    """Measurements agree with it (facts: validation.md, V1 and V2); with the least recent one all stay warm."""
    chain = {how: one(keep_alive=4.0, reuse=how) for how in ("most_recent", "least_recent")}
    load = ck.Poisson(rate_per_s=4)
    cold = {how: run(chain[how], load, requests=1_000).count("f", "cold_starts") for how in chain}
    assert cold["least_recent"] < cold["most_recent"] / 3


@both_engines
def test_a_random_idle_environment_is_each_of_them_alike(run: Engine) -> None:
    chain = one(provisioned_concurrency=2, reuse="random", speed_factor=ck.Uniform(0.5, 1.5))
    times_s, counts = np.unique(run(chain, ck.Steady(rate_per_s=1), requests=1_000).response_s, return_counts=True)
    assert len(np.unique(times_s.round(9))) == 2
    assert abs(counts[times_s < times_s.mean()].sum() - 500) < 4 * math.sqrt(250)


# --- work and init ---


@both_engines
def test_all_runs_in_one_environment_have_its_speed(run: Engine) -> None:
    """Durations of one environment are alike: lag-1 autocorrelation 0.71 (facts: aws-latency.md 5, 2020-22)."""
    law = ck.LogNormal(p50_s=1.0, p99_s=2.0)
    factor = draws.draw(1, 0, "f.speed", law, 0, 0, draws.table(law))
    figures = run(one(speed_factor=law, init=0), ck.Steady(rate_per_s=0.5), requests=20)
    assert figures.response_s == pytest.approx(0.5 * factor)


@both_engines
@pytest.mark.parametrize(
    ("settings", "response_s", "outcome"),
    [
        ({"init": 10}, 10.5, "completed"),
        ({"init": 12}, 22.5, "completed"),
        ({"init": 12, "timeout_s": 12}, 22.0, "failed"),
        ({"init": 12, "snap_start": True}, 12.5, "completed"),
        ({"init": 12, "provisioned_concurrency": 1}, 0.5, "completed"),
    ],
)
def test_an_init_over_ten_seconds_runs_again_inside_the_invocation(
    run: Engine, settings: dict[str, Any], response_s: float, outcome: str
) -> None:
    """Lambda-runtime-environment (2026): 10 s, then once more under the function's timeout."""
    figures = run(one(**settings), ck.Steady(rate_per_s=0.001), requests=1)
    assert figures.response_s == pytest.approx([response_s])
    assert figures.ledger == {outcome: 1}


@both_engines
def test_a_restore_from_a_snapshot_takes_as_long_as_was_measured(run: Engine) -> None:
    """maxday/lambda-perf, daily data of 2024: java21 at 1,024 MB, p50 0.612 s."""
    java = ck.LambdaFunction("f", runtime="java21", snap_start=True, duration=0.0, keep_alive=0, timeout_s=5)
    times_s = run(chain_of(java), ck.Steady(rate_per_s=0.1), requests=2_000).response_s
    assert np.median(times_s) == pytest.approx(0.612, rel=0.02)


# --- errors and quotas ---


@both_engines
def test_an_error_of_the_service_runs_nothing_and_bills_nothing(run: Engine) -> None:
    """Invocation-retries (2023): 5xx-type errors are retried by callers, not by Lambda."""
    figures = run(one(service_error_rate=0.3), ck.Poisson(rate_per_s=1), requests=2_000)
    failed = figures.count("f", "service_errors")
    assert abs(failed - 600) < 4 * math.sqrt(2_000 * 0.3 * 0.7)
    assert figures.ledger == {"completed": 2_000 - failed, "failed": failed}
    assert figures.count("f", "invocations") == 2_000 - failed
    assert np.sum(figures.response_s == 0) == failed


@both_engines
def test_functions_share_the_concurrency_that_an_account_has(run: Engine) -> None:
    """Gettingstarted-limits (2026): 1,000, new accounts less; reservations are taken from it (concurrency.md, 2026)."""
    chain = one(duration=30)
    chain.add(f("other", reserved_concurrency=4))
    at_once = ck.Steady(rate_per_s=100)
    figures = run(chain, at_once, requests=50, at="f", account_concurrency=10)
    assert figures.ledger == {"completed": 6, "throttled": 44}
    assert run(chain, at_once, requests=50, at="f").ledger == {"completed": 50}


@both_engines
def test_an_account_answers_ten_requests_a_second_for_each_environment(run: Engine) -> None:
    """concurrency.md (2026): 10 x the account's concurrency, over all functions, whatever they take."""
    chain = one(duration=0.001, init=0)
    figures = run(chain, ck.Steady(rate_per_s=500), requests=1_000, account_concurrency=10)
    # Two seconds: a burst of 100, then 100 a second.
    assert figures.count("f", "invocations") == pytest.approx(300, abs=1)
    assert figures.count("f", "throttles") == 1_000 - figures.count("f", "invocations")


@both_engines
def test_a_thousand_environments_start_at_once_and_a_hundred_more_each_second(run: Engine) -> None:
    """Scaling-behavior (November 2023 on): 1,000 per 10 s per function, refilled continuously, never above 1,000."""
    figures = run(one(duration=30), ck.Steady(rate_per_s=1_000), requests=3_000, account_concurrency=10_000)
    assert figures.count("f", "cold_starts") == pytest.approx(1_000 + 3 * 100, abs=1)


# --- provisioned concurrency ---


@both_engines
def test_provisioned_environments_are_warm_and_the_rest_spills_over(run: Engine) -> None:
    """concurrency.md (2026): spill-over to on-demand environments, with a cold start."""
    figures = run(one(provisioned_concurrency=2), ck.Steady(rate_per_s=10), requests=3)
    assert figures.response_s == pytest.approx([0.5, 0.5, 0.75])
    assert figures.count("f", "spill_over") == figures.count("f", "cold_starts") == 1
    assert figures.count("f", "provisioned_s") == pytest.approx(2 * 0.3)


@both_engines
def test_a_provisioned_environment_that_was_cut_is_replaced(run: Engine) -> None:
    figures = run(one(provisioned_concurrency=1, duration=2, timeout_s=1), ck.Steady(rate_per_s=0.5), requests=5)
    assert figures.ledger == {"failed": 5}
    assert figures.count("f", "timeouts") == 5
    assert figures.count("f", "cold_starts") == figures.count("f", "spill_over") == 0


@both_engines
def test_provisioned_environments_count_against_the_account_even_when_idle(run: Engine) -> None:
    """concurrency.md (2026)."""
    chain = one(duration=30)
    chain.add(f("ready", provisioned_concurrency=7))
    figures = run(chain, ck.Steady(rate_per_s=100), requests=20, at="f", account_concurrency=10)
    assert figures.ledger == {"completed": 3, "throttled": 17}


@both_engines
def test_provisioned_runs_count_against_the_functions_own_reservation(run: Engine) -> None:
    """concurrency.md (2026): provisioned within reserved."""
    chain = one(duration=30, provisioned_concurrency=2, reserved_concurrency=3)
    figures = run(chain, ck.Steady(rate_per_s=100), requests=10)
    assert figures.ledger == {"completed": 3, "throttled": 7}
    assert figures.count("f", "spill_over") == 1


def scaled(count: int, duration: float, **scaling: Any) -> ck.Chain:
    """Return a function whose number of provisioned environments changes; others never live on."""
    settings = ck.ProvisionedScaling(**{"minimum": 0, "maximum": 10, **scaling})
    return one(provisioned_concurrency=count, provisioned_scaling=settings, duration=duration, keep_alive=0)


@both_engines
def test_more_provisioned_environments_are_ready_after_a_minute_and_a_half(run: Engine) -> None:
    """Provisioned-concurrency (2023): allocation begins after one to two minutes; 90 s is their middle."""
    chain = scaled(1, 1.5, target=None, schedule=[(10, 2, 2)], every_s=None)
    figures = run(chain, ck.Steady(rate_per_s=1), requests=200)
    # Every second request finds the only one busy, until the other is ready at 100 s, after that instant's arrival.
    assert figures.count("f", "spill_over") == figures.count("f", "cold_starts") == 50
    assert figures.count("f", "provisioned_s") == pytest.approx(100 + 2 * 100)


@both_engines
def test_fewer_provisioned_environments_are_kept_from_now_on(run: Engine) -> None:
    chain = scaled(1, 0.5, target=None, schedule=[(100.25, 0, 0)], every_s=None)
    figures = run(chain, ck.Steady(rate_per_s=1), requests=150)
    # The run that began at 100 s ends in its environment, which then leaves.
    assert figures.count("f", "cold_starts") == 50
    assert figures.response_s[99:101] == pytest.approx([0.5, 0.75])
    assert figures.count("f", "provisioned_s") == pytest.approx(100.25)


@both_engines
def test_a_schedule_begins_anew_every_day(run: Engine) -> None:
    chain = scaled(0, 0.5, target=None, schedule=[(10, 1, 1), (200, 0, 0)], every_s=300.0)
    figures = run(chain, ck.Steady(rate_per_s=1), requests=600)
    # Ready from 100 to 200 s and from 400 to 500 s; controls come after the request of their instant.
    assert figures.count("f", "provisioned_s") == pytest.approx(200)
    assert figures.count("f", "cold_starts") == 600 - 200


@both_engines
def test_three_minutes_over_the_target_scale_out(run: Engine) -> None:
    """Provisioned-concurrency (2023): target tracking, about three minutes of breach; ceil(1 * 0.8 / 0.5) = 2."""
    figures = run(scaled(1, 0.8, minimum=1, target=0.5), ck.Steady(rate_per_s=1), requests=600)
    assert figures.count("f", "provisioned_s") == pytest.approx(270 + 2 * 330)


@both_engines
def test_a_quarter_of_an_hour_under_nine_tenths_of_the_target_scales_in(run: Engine) -> None:
    """Provisioned-concurrency (2023): in below 90 % of the target; down to the minimum."""
    figures = run(scaled(4, 0.5, minimum=2), ck.Steady(rate_per_s=1), requests=1_200)
    assert figures.count("f", "provisioned_s") == pytest.approx(4 * 900 + 2 * 300)


@both_engines
def test_target_tracking_never_leaves_zero(run: Engine) -> None:
    """Measured 2026-07-13 (cosmo-grant, lambda_scale_from_zero): without the metric the alarm stays "missing"."""
    figures = run(scaled(0, 0.9, minimum=0), ck.Steady(rate_per_s=1), requests=600)
    assert figures.count("f", "provisioned_s") == 0
    assert figures.count("f", "spill_over") == 0


# --- warmers ---


@both_engines
def test_pings_keep_environments_warm_as_long_as_these_live_longer_than_pings_are_apart(run: Engine) -> None:
    rare = ck.Steady(rate_per_s=1 / 1_010)
    kept = run(one(warmer=ck.Warmer(every_s=300, environments=2), keep_alive=400), rare, requests=9)
    assert kept.count("f", "cold_starts") == 2  # the first two pings, at 0 s
    assert kept.count("f", "pings") == 2 * (9_090 // 300 + 1)
    assert kept.count("f", "invocations") == 9 + kept.count("f", "pings")
    assert kept.response_s == pytest.approx(0.5)

    lost = run(one(warmer=ck.Warmer(every_s=300, environments=2), keep_alive=90), rare, requests=9)
    # Requests come 110, 220, 30, 140, 250, 60, 170, 280 and 90 s after a ping: three are warm. Pings are cold, but for
    # one each after the requests at 220, 250 and 280 s.
    assert lost.count("f", "cold_starts") == 6 + lost.count("f", "pings") - 3


@both_engines
def test_pings_are_throttled_like_requests(run: Engine) -> None:
    chain = one(warmer=ck.Warmer(every_s=60, environments=5), reserved_concurrency=2)
    figures = run(chain, ck.Steady(rate_per_s=1 / 95), requests=2)
    assert figures.count("f", "pings") == 4 * 2  # at 0, 60, 120 and 180 s
    assert figures.count("f", "throttles") == 4 * 3
