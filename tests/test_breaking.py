"""The breaking point lies where theory puts it, and is blamed on what breaks."""

import math
import re

import pytest

import chainkit as ck


def function(name="work", **settings):
    return ck.LambdaFunction(name, **{"duration": 1.0, "init": 0, "timeout_s": 30, **settings})


def chain_of(*services):
    chain = ck.Chain("c")
    for service in services:
        chain.add(service)
    return chain


def found(chain, load, **options):
    return ck.breaking_point(chain, load, seed=1, latency=ck.no_latency, **options)


def erlang_b(servers, offered):
    """Return the share of requests that find all servers busy."""
    lost = 1.0
    for n in range(1, servers + 1):
        lost = offered * lost / (n + offered * lost)
    return lost


def rate_at_which(share, servers):
    """Return the offered load at which that share is lost."""
    low, high = 0.0, 10.0 * servers
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if erlang_b(servers, middle) < share else (low, middle)
    return low


@pytest.mark.parametrize(("reserved", "tolerance"), [(5, 0.01), (20, 0.05)])
def test_a_reservation_breaks_where_erlang_says(reserved, tolerance):
    point = found(chain_of(function(reserved_concurrency=reserved)), ck.Poisson(rate_per_s=1), tolerance=tolerance)

    truth_per_s = rate_at_which(tolerance, reserved)
    assert point.low_per_s < truth_per_s < point.high_per_s < 1.05 * point.low_per_s
    assert point.node == "work"
    assert re.search(rf"`work` throttles first: its reserved concurrency of {reserved} is used up", str(point))


@pytest.mark.parametrize("servers", [2, 10])
def test_a_queue_breaks_where_its_consumers_are_all_busy(servers):
    chain = chain_of(ck.SqsQueue("jobs", visibility_timeout_s=200), function(duration=ck.Exponential(mean_s=1.0)))
    chain.connect("jobs", "work", batch_size=1, maximum_concurrency=servers)
    point = found(chain, ck.Poisson(rate_per_s=1))

    assert point.low_per_s <= servers <= point.high_per_s * 1.01
    assert point.high_per_s < 1.1 * servers
    assert "the backlog of `jobs` grows without bound" in str(point)


def test_the_account_breaks_by_several_functions_together():
    chain = chain_of(function("a", duration=0.5), function("b"), function("c", reserved_concurrency=10))
    chain.connect("a", "b")
    point = found(chain, ck.Poisson(rate_per_s=2), at="a", account_concurrency=40)

    assert "all 30 environments of the account that are not reserved are in use" in str(point)
    assert point.node in ("a", "b")
    assert 0.5 * 30 / 2.5 < point.low_per_s < 30 / 2.5


def test_the_request_quota_breaks_at_ten_times_the_concurrency():
    point = found(chain_of(function(duration=0.01)), ck.Steady(rate_per_s=500), account_concurrency=10)

    assert point.low_per_s <= 100 / 0.99 <= point.high_per_s
    assert "the account's quota of 100 requests/s is used up" in str(point)


def machine(chain, states):
    definition = {"StartAt": next(iter(states)), "States": states}
    return chain.add(ck.StateMachine("flow", definition=definition, workflow="STANDARD"))


def test_a_quota_that_slows_down_breaks_at_its_rate():
    chain = ck.Chain("c", region="eu-north-1")  # 500 transitions a second
    passes = {f"s{i}": {"Type": "Pass", "Next": f"s{i + 1}"} for i in range(8)}
    machine(chain, {**passes, "s8": {"Type": "Wait", "Seconds": 1, "End": True}})
    point = found(chain, ck.Poisson(rate_per_s=20), precision=0.05)

    transitions = ck.simulate(chain, ck.Steady(rate_per_s=1), requests=100, seed=1).nodes.loc["flow", "transitions"]
    assert point.node == "flow"
    assert "a quota that `flow` waits for is used up" in str(point)
    assert point.low_per_s < 500 / (transitions / 100) * 1.02
    assert point.high_per_s > 500 / (transitions / 100)


def test_messages_that_hide_for_long_break_nothing():
    chain = chain_of(ck.SqsQueue("jobs", visibility_timeout_s=600), function(duration=0.1, error_rate=0.2))
    chain.connect("jobs", "work", batch_size=1)
    point = found(chain, ck.Poisson(rate_per_s=4), duration_s=60.0, precision=0.2, account_concurrency=100)

    assert point.low_per_s > 100


def test_errors_that_there_always_are_break_nothing():
    chain = chain_of(function(error_rate=0.3, reserved_concurrency=5))
    point = found(chain, ck.Poisson(rate_per_s=0.5), precision=0.1)

    assert point.low_per_s > 1
    assert point.node == "work"
    assert "throttles" in str(point)


def test_messages_can_be_too_old_before_the_backlog_grows():
    chain = chain_of(ck.SqsQueue("jobs", visibility_timeout_s=200), function(duration=ck.Exponential(mean_s=1.0)))
    chain.connect("jobs", "work", batch_size=1, maximum_concurrency=2)
    point = found(chain, ck.Poisson(rate_per_s=1), most_age_s=2.0, precision=0.1)

    assert "messages get too old in `jobs`" in str(point)
    assert point.high_per_s <= 2


def test_what_never_breaks_says_so(monkeypatch):
    monkeypatch.setattr("chainkit.breaking.MOST", 2_000)
    point = found(chain_of(ck.SqsQueue("jobs")), ck.Steady(rate_per_s=1_000))

    assert point.first is None
    assert point.high_per_s == math.inf
    assert str(point) == "c: nothing breaks up to 512,000 requests/s"


def test_what_never_holds_says_so():
    point = found(chain_of(function(reserved_concurrency=0)), ck.Poisson(rate_per_s=0.001), duration_s=1.0)

    assert point.low_per_s == 0
    assert "nor does it hold at any lower rate tried" in str(point)


def test_the_table_has_every_rate_that_was_tried():
    point = found(chain_of(function(reserved_concurrency=5)), ck.Poisson(rate_per_s=1), precision=0.2)
    frame = point.to_frame()

    assert frame["rate_per_s"].is_monotonic_increasing
    assert len(frame) == len(point.trials)
    held, broke = frame[frame["verdict"] == "holds"], frame[frame["verdict"] == "breaks"]
    assert held["rate_per_s"].max() == point.low_per_s
    assert (broke["low"] > broke["limit"]).all()
    assert (held["high"] <= held["limit"]).all()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"load": 4}, "load=4 is no traffic"),
        ({"load": ck.ClosedLoop(users=5, think=1.0)}, "cannot be set"),
        ({"duration_s": 0}, r"duration_s=0 is outside 0\.\."),
        ({"replications": 1}, "replications=1 is outside"),
        ({"tolerance": True}, "tolerance=True is outside"),
        ({"chain": 3}, "breaking_point: 3 is no chain"),
    ],
)
def test_wrong_arguments_are_refused_in_one_sentence(wrong, said):
    given = {"chain": chain_of(function()), "load": ck.Poisson(rate_per_s=1), "seed": 1, **wrong}

    with pytest.raises(ck.ConfigError, match=said):
        ck.breaking_point(**given)
