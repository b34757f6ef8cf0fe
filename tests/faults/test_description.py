"""Faults: what they change in a chain, what that does in a simulation, and what is refused."""

import math

import pytest

import chainkit as ck


def queued(**pay):
    """Return a chain of a function, a queue with three receives, and a consumer."""
    chain = ck.Chain("orders")
    chain.add(ck.LambdaFunction("ask", duration=0.01))
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=30))
    chain.add(ck.SqsQueue("dead"))
    chain.add(ck.LambdaFunction("pay", duration=0.05, timeout_s=5, **pay))
    chain.connect("ask", "jobs")
    chain.connect("jobs", "pay", batch_size=1)
    chain.connect("jobs", "dead", link="redrive", max_receive_count=3)
    return chain


def fanned():
    """Return a topic and a bus before functions."""
    chain = ck.Chain("news")
    for service in (ck.LambdaFunction("ask"), ck.SnsTopic("topic"), ck.EventBus("bus")):
        chain.add(service)
    for name in ("mail", "log", "ship"):
        chain.add(ck.LambdaFunction(name))
    chain.connect("ask", "topic")
    chain.connect("ask", "bus")
    chain.connect("topic", "mail", filter_policy={"colour": ["red"]}, match_fraction=0.5)
    chain.connect("topic", "log")
    chain.connect("bus", "ship", event_pattern={"detail": {"colour": ["red"]}}, match_fraction=0.5)
    return chain


def simulated(chain, faults=None, requests=4_000, **options):
    return ck.simulate(chain, ck.Poisson(rate_per_s=1), requests=requests, seed=1, faults=faults, **options)


# --- what they change ---


def test_chances_come_on_top_of_the_designs_own():
    faults = ck.Faults({"pay": ck.Fault(error_rate=0.3, poison_fraction=0.02, throttle_rate=0.1, error_name="Down")})
    chain = queued(error_rate=0.1)
    pay = faults.apply(chain).service("pay")

    assert pay.error_rate == pytest.approx(1 - 0.9 * 0.7)
    assert (pay.poison_fraction, pay.service_error_rate, pay.error_name) == (0.02, 0.1, "Down")
    assert chain.service("pay").error_rate == 0.1


def test_duplicates_of_a_queue_and_of_its_mapping_are_those_of_what_is_sent_there():
    for name in ("jobs", "jobs>pay", "ask>jobs"):
        changes = ck.Faults({name: ck.Fault(duplicate_rate=0.1)}).changes(queued())
        assert changes == {"ask>jobs.duplicate_rate": 0.1}
    twice = ck.Faults({"jobs": ck.Fault(duplicate_rate=0.1), "ask>jobs": ck.Fault(duplicate_rate=0.5)})
    assert twice.changes(queued()) == {"ask>jobs.duplicate_rate": pytest.approx(0.55)}


def test_a_delay_is_added_to_a_constant_overhead_and_is_not_scaled_by_memory():
    fault = ck.Faults({"pay": ck.Fault(delay=2.0)})
    slow = fault.apply(queued(overhead=0.5)).service("pay").behaviour()
    small = fault.apply(queued(cpu_fraction=1.0, measured_memory_mb=256)).service("pay").behaviour()

    assert slow.overhead == ck.Constant(2.5)
    assert small.overhead.mean_s == pytest.approx(2.0)
    assert small.work.mean_s == pytest.approx(0.1)
    some = ck.Faults({"pay": ck.Fault(delay=2.0, delay_rate=0.25)}).apply(queued()).service("pay")
    assert some.overhead.mean_s == pytest.approx(0.5)


def test_a_limit_never_allows_more_than_the_design():
    for own, limit, least in ((None, 3, 3), (2, 3, 2), (5, 0, 0)):
        chain = queued(reserved_concurrency=own)
        broken = ck.Faults({"pay": ck.Fault(reserved_concurrency=limit)}).apply(chain)
        assert broken.service("pay").reserved_concurrency == least


def test_what_is_dead_delivers_nothing_whatever_its_filter():
    dead = ck.Fault(dead=True)
    broken = ck.Faults({"mail": dead, "bus>ship": dead}).apply(fanned())
    colours = {"colour": {"red": 0.9, "blue": 0.1}}
    run = ck.simulate(broken, ck.Poisson(rate_per_s=1, attributes=colours), requests=300, seed=1, at="ask")

    assert run.nodes.loc[["mail", "ship"], "invocations"].tolist() == [0, 0]
    assert run.nodes.loc["log", "invocations"] == 300
    assert ck.Faults({"jobs>pay": dead}).changes(queued()) == {"jobs>pay.enabled": False}
    assert ck.Faults({"pay": dead}).apply(queued()).link("jobs>pay").enabled is False


def test_a_part_fails_where_it_is():
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("ask", parts={"pay": ck.Part()}))
    assert ck.Faults({"pay": ck.Fault(error_rate=0.5)}).apply(chain).service("ask").parts["pay"].error_rate == 0.5
    with pytest.raises(ck.ConfigError, match=r"'pay': delay=.* cannot happen there"):
        ck.Faults({"pay": ck.Fault(delay=1.0)}).apply(chain)


def test_they_print_as_the_call_that_makes_them():
    faults = ck.Faults({"pay": {"error_rate": 0.3, "delay": 2.0}, "ask>jobs": ck.Fault(duplicate_rate=0.1)})
    names = {"Faults": ck.Faults, "Fault": ck.Fault, "Constant": ck.Constant}
    assert eval(repr(faults), names) == faults
    assert [*faults] == ["pay", "ask>jobs"]
    assert len(faults) == 2
    assert faults["pay"].delay == ck.Constant(2.0)


# --- what that does: against closed forms ---


def test_a_run_with_faults_is_the_run_of_the_broken_chain():
    faults = ck.Faults({"pay": ck.Fault(error_rate=0.3)})
    one, other = simulated(queued(), faults), simulated(faults.apply(queued()))

    assert one.ledger.equals(other.ledger)
    assert one.chain.service("pay").error_rate == 0.3


def test_messages_are_dead_after_as_many_failures_in_a_row_as_the_queue_allows():
    lost = simulated(queued(), ck.Faults({"pay": ck.Fault(error_rate=0.5)})).ledger["dead-lettered"]
    p, n = 0.5**3, 4_000
    assert abs(lost - n * p) < 4 * math.sqrt(n * p * (1 - p))


def test_poison_dies_and_nothing_else():
    run = simulated(queued(), ck.Faults({"pay": ck.Fault(poison_fraction=0.1)}))
    lost, n = run.ledger["dead-lettered"], 4_000
    assert abs(lost - 0.1 * n) < 4 * math.sqrt(n * 0.09)
    assert run.nodes.loc["pay", "invocations"] == n + 2 * lost


def test_duplicates_are_worked_twice():
    run = simulated(queued(), ck.Faults({"jobs": ck.Fault(duplicate_rate=0.2)}))
    more = run.nodes.loc["pay", "invocations"] - 4_000
    assert abs(more - 800) < 4 * math.sqrt(4_000 * 0.16)


def test_a_delay_lasts_as_long_as_it_says():
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("f", duration=0.25, init=0))
    for rate, mean_s in ((1.0, 1.25), (0.5, 0.75)):
        faults = ck.Faults({"f": ck.Fault(delay=1.0, delay_rate=rate)})
        run = ck.simulate(chain, ck.Steady(rate_per_s=1), requests=4_000, seed=1, latency=ck.no_latency, faults=faults)
        assert run.summary().loc["response_mean_s", "value"] == pytest.approx(mean_s, abs=0.04 if rate < 1 else 1e-9)


def test_messages_before_a_dead_consumer_wait_at_the_end():
    run = simulated(queued(), ck.Faults({"pay": ck.Fault(dead=True)}), requests=200)
    assert run.ledger["unfinished"] == 200
    assert run.nodes.loc["pay", "invocations"] == 0


def test_a_comparison_takes_them_as_far_as_each_chain_has_what_breaks():
    flows = ck.variants(queued(), ["sqs", "async"])
    faults = {"pay is down": ck.Faults({"pay": ck.Fault(error_rate=1.0), "jobs": ck.Fault(duplicate_rate=0.5)})}
    result = ck.compare(flows, ck.Poisson(rate_per_s=1), requests=200, seed=1, faults=faults)

    assert result.under("pay is down").xs("lost", level="figure")["fault"].tolist() == [200, 200]
    assert dict(result.faults["pay is down"].notes) == {"sqs": "", "async": "has no 'jobs'"}


# --- what is refused ---


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ({}, "is no mapping"),
        ([("pay", ck.Fault(error_rate=1.0))], "is no mapping"),
        ({"pay": 0.3}, "'pay': 0.3 is no fault"),
        ({"pay": {}}, "'pay': {} is no fault"),
        ({"pay": ck.Fault()}, "breaks nothing"),
        ({"pay": ck.Fault(error_name="Down", delay_rate=0.5)}, "breaks nothing"),
        ({"pay": {"error_rate": 1.5}}, "error_rate=1.5"),
        ({"pay": {"eror_rate": 0.5}}, "eror_rate"),
    ],
)
def test_what_is_no_fault_is_refused(faults, words):
    with pytest.raises(ck.ConfigError, match=words):
        ck.Faults(faults)


@pytest.mark.parametrize(
    ("name", "fault", "words"),
    [
        ("pai", {"error_rate": 1.0}, "no service or link 'pai' .did you mean 'pay'"),
        ("jobs", {"error_rate": 1.0}, "'jobs': error_rate=1.0 cannot happen there"),
        ("jobs", {"delay": 1.0}, "'jobs': delay=.* cannot happen there"),
        ("ask", {"duplicate_rate": 0.1}, "'ask': duplicate_rate=0.1 cannot happen there"),
        ("ask", {"dead": True}, "'ask': dead=True cannot happen there"),
        ("ask>jobs", {"dead": True}, "'ask>jobs': dead=True cannot happen there"),
        ("jobs>pay", {"throttle_rate": 0.1}, "'jobs>pay': throttle_rate=0.1 cannot happen there"),
    ],
)
def test_what_cannot_happen_there_is_refused(name, fault, words):
    with pytest.raises(ck.ConfigError, match=words) as refused:
        ck.Faults({name: fault}).apply(queued())
    assert refused.value.fix


def test_a_call_that_waits_has_no_duplicates():
    chain = ck.Chain("two")
    chain.add(ck.LambdaFunction("a")), chain.add(ck.LambdaFunction("b"))
    chain.connect("a", "b")
    for name in ("a>b", "b"):
        with pytest.raises(ck.ConfigError, match=r"duplicate_rate=0\.1 cannot happen there"):
            ck.Faults({name: ck.Fault(duplicate_rate=0.1)}).apply(chain)


def test_a_delay_and_an_overhead_without_a_law_together_are_refused():
    chain = queued(overhead=ck.LogNormal(p50_s=0.1, p99_s=0.3))
    with pytest.raises(ck.ConfigError, match="have no law together"):
        ck.Faults({"pay": ck.Fault(delay=1.0)}).apply(chain)


def test_a_simulation_refuses_what_is_no_faults():
    with pytest.raises(ck.ConfigError, match=r"simulate: faults={'pay.error_rate': 1.0} is no Faults"):
        simulated(queued(), {"pay.error_rate": 1.0})


def test_a_comparison_refuses_what_no_chain_has():
    with pytest.raises(ck.ConfigError, match="fault 'down': no chain has a service or link 'pai'"):
        ck.compare({"one": queued()}, ck.Poisson(rate_per_s=1), requests=10, seed=1,
                   faults={"down": ck.Faults({"pai": ck.Fault(error_rate=1.0)})})  # fmt: skip
