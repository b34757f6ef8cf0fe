"""Settings that keep environments ready: what is refused, how they are saved, and what they cost."""

from typing import Any

import pytest

import chainkit as ck
from chainkit.distributions import Constant
from chainkit.records import Pings, Provisioned


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: ck.ProvisionedScaling(minimum=5, maximum=2), "maximum: 2 is below minimum=5"),
        (lambda: ck.ProvisionedScaling(minimum=1, maximum=2, target=0.0), "target=0.0 is outside"),
        (
            lambda: ck.ProvisionedScaling(minimum=1, maximum=2, schedule=[(60, 1, 2), (0, 1, 2)]),
            "are no instants in order",
        ),
        (lambda: ck.ProvisionedScaling(minimum=1, maximum=2, schedule=[(0, 3, 1)]), "minimum 3 and maximum 1 at 0 s"),
        (lambda: ck.Warmer(every_s=5), "every_s=5 is outside 60..86400 s"),
        (lambda: ck.Warmer(environments=0), "environments=0 is outside 1..1000"),
    ],
)
def test_what_aws_would_not_take_is_refused(make: Any, problem: str) -> None:
    with pytest.raises(ck.ConfigError) as caught:
        make()

    assert problem in caught.value.problem
    assert caught.value.fix


def test_settings_come_back_from_a_design_file(tmp_path: Any) -> None:
    scaling = ck.ProvisionedScaling(minimum=1, maximum=8, schedule=[(3600, 4, 8)], every_s=None)
    chain = ck.Chain("ready")
    chain.add(ck.LambdaFunction("f", provisioned_concurrency=2, provisioned_scaling=scaling))
    chain.add(ck.LambdaFunction("g", warmer=ck.Warmer(environments=3, duration=0.02)))
    chain.save(tmp_path / "ready.chain.yaml")

    assert ck.load(tmp_path / "ready.chain.yaml") == chain


def test_a_function_says_what_is_kept_ready() -> None:
    f = ck.LambdaFunction("f", provisioned_concurrency=2, warmer=ck.Warmer(environments=3))

    assert f.behaviour().provisioned == Provisioned(count=2, minimum=2, maximum=2)
    assert f.behaviour().pings == Pings(every_s=300.0, environments=3, work=Constant(0.01))
    assert ck.LambdaFunction("f").behaviour().provisioned is None


def test_provisioned_environments_are_paid_for_all_the_time_and_less_while_they_run() -> None:
    chain = ck.Chain("ready")
    chain.add(ck.LambdaFunction("f", memory_mb=1024, duration=0.5, provisioned_concurrency=1))
    run = ck.simulate(chain, ck.Steady(rate_per_s=1), requests=100, seed=1, replications=1, latency=ck.no_latency)
    quantities = {line.meter.counter: line.quantity for line in run.usage.lines}

    assert quantities["provisioned_s"] == pytest.approx(100.0)
    assert quantities["provisioned_run_ms"] == pytest.approx(50.0)
    assert quantities["run_ms"] == 0
    assert quantities["init_ms"] == 0
    assert run.nodes.loc["f", "spill_over"] == 0


@pytest.mark.parametrize(
    "settings", [{"provisioned_concurrency": 1}, {"snap_start": True}, {"warmer": ck.Warmer()}], ids=str
)
def test_what_is_not_deployed_is_refused_by_the_template(settings: dict[str, Any]) -> None:
    chain = ck.Chain("ready")
    chain.add(ck.LambdaFunction("f", **settings))

    with pytest.raises(ck.TemplateError, match="simulated and priced, and not deployed"):
        ck.template(chain)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"snap_start": True, "provisioned_concurrency": 1}, "excludes provisioned concurrency"),
        ({"snap_start": True, "runtime": "nodejs22.x"}, "snap_start=True on nodejs22.x"),
        ({"provisioned_concurrency": 5, "reserved_concurrency": 4}, "provisions 5 of reserved_concurrency=4"),
    ],
)
def test_settings_that_exclude_each_other_are_errors_of_the_function(settings: dict[str, Any], problem: str) -> None:
    chain = ck.Chain("ready")
    chain.add(ck.LambdaFunction("f", **settings))

    assert [problem in error.problem for error in chain.validate()] == [True]
