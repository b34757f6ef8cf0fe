"""Predicted beside measured: another seed agrees, another design differs, the same seed is equal."""

import pytest

import chainkit as ck
from chainkit.deployment.predicted import beside_run
from tests.deployment.test_measured import chain_of, simulated


def verdicts(agreement):
    return {(line.node, line.figure): line.verdict for line in agreement.lines}


def test_the_same_design_with_other_draws_agrees():
    measured, _ = simulated(chain_of(error_rate=0.1), 400, seed=2)
    _, run = simulated(chain_of(error_rate=0.1), 2_000, seed=1)

    agreement = beside_run(measured, run)

    assert agreement.verdict == "agrees", str(agreement)
    assert {line.node for line in agreement.lines} == {"(requests)", "order", "pay"}


@pytest.mark.parametrize(
    ("changed", "node", "figure"),
    [
        ({"error_rate": 0.4}, "pay", "errors"),
        ({"duration": 0.5}, "pay", "warm_p50_s"),
        ({"duration": 0.5}, "order", "warm_p50_s"),
        ({"reserved_concurrency": 1, "duration": 2.0}, "pay", "throttles"),
    ],
)
def test_another_design_differs_where_it_was_changed(changed, node, figure):
    measured, _ = simulated(chain_of(**{"error_rate": 0.1, **changed}), 300, seed=2)
    _, run = simulated(chain_of(error_rate=0.1), 1_000)

    agreement = beside_run(measured, run)

    assert agreement.verdict == "differs"
    assert verdicts(agreement)[node, figure] == "differs", str(agreement)


def test_false_alarms_are_as_rare_as_said():
    _, run = simulated(chain_of(error_rate=0.1), 1_000)
    lines = [
        line
        for seed in range(10, 24)
        for line in beside_run(simulated(chain_of(error_rate=0.1), 120, seed=seed)[0], run).lines
        if line.verdict != "cannot say"
    ]

    assert sum(line.verdict == "differs" for line in lines) <= 0.08 * len(lines)


def test_the_same_requests_must_be_equal_and_one_more_failure_is_seen():
    measured, run = simulated(chain_of(error_rate=0.1), 300)
    other, _ = simulated(chain_of(error_rate=0.1), 300, seed=2)

    assert beside_run(measured, run, is_same=True).verdict == "agrees"
    differing = beside_run(other, run, is_same=True)
    assert ("pay", "errors") in {(line.node, line.figure) for line in differing.differing}
    assert any("requests" in line.note for line in differing.differing)


def test_a_run_of_something_else_or_too_short_is_refused():
    measured, _ = simulated(chain_of(), 50)
    alone = ck.Chain("alone")
    alone.add(ck.LambdaFunction("pay"))
    short = ck.simulate(chain_of(), ck.Poisson(rate_per_s=2), requests=40, seed=1)

    with pytest.raises(ck.ConfigError, match="the run is of 'alone'"):
        beside_run(measured, ck.simulate(alone, ck.Poisson(rate_per_s=2), requests=10, seed=1))
    with pytest.raises(ck.ConfigError, match="the run has 40 requests, and 50"):
        beside_run(measured, short, is_same=True)


def test_it_reads_well():
    measured, run = simulated(chain_of(), 50)

    agreement = beside_run(measured, run, is_same=True)

    assert repr(agreement) == "SideBySide('loop': agrees)"
    assert str(agreement).splitlines()[0] == (
        "'loop' as predicted and as measured on twin: 5 of 5 figures agree (the same requests and faults, so counts "
        "must be equal)"
    )
    assert [*agreement.to_frame().columns][:4] == ["node", "figure", "predicted", "measured"]


def test_dead_letters_are_compared_where_they_lie():
    chain = ck.Chain("given-up")
    for service in (
        ck.SqsQueue("jobs", visibility_timeout_s=30), ck.SqsQueue("dead"), ck.SqsQueue("gone"),
        ck.LambdaFunction("pay", duration=0.05, poison_fraction=0.2), ck.LambdaFunction("take", duration=0.05),
        ck.LambdaFunction("tell", duration=0.05, poison_fraction=0.3),
    ):  # fmt: skip
        chain.add(service)
    chain.connect("take", "jobs")
    chain.connect("jobs", "pay", batch_size=1)
    chain.connect("jobs", "dead", link="redrive", max_receive_count=2)
    chain.connect("take", "tell", link="async")
    chain.connect("tell", "gone", link="on_failure")
    measured, run = simulated(chain, 100)

    agreement = beside_run(measured, run, is_same=True)

    assert agreement.verdict == "agrees", str(agreement)
    lost = {line.node: line.measured for line in agreement.lines if line.figure == "dead_letters"}
    assert lost.keys() == {"dead", "gone"}
    assert min(lost.values()) > 0.1


def test_failed_messages_of_a_batch_are_no_failed_runs():
    chain = ck.Chain("reports")
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    chain.add(ck.LambdaFunction("pay", duration=0.01, timeout_s=10, error_rate=0.2))
    chain.connect("jobs", "pay", batch_size=5, report_batch_item_failures=True)
    measured, run = simulated(chain, 200)

    found = {(line.node, line.figure): line for line in beside_run(measured, run).lines}

    assert found["pay", "errors"].verdict == "cannot say"
    assert "succeeds itself" in found["pay", "errors"].note
