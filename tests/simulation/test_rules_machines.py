"""Rules of Step Functions, held to what one can work out by hand; on the machine and its twin."""

import math
from typing import Any

import numpy as np
import pytest

import chainkit as ck
from tests.simulation.case import chain_of, machine, rules, scope, task
from tests.simulation.cases_machines import PASS, callback, calls, mapped, started, wait
from tests.simulation.engines import Engine, both_engines


def f(name: str, **settings: Any) -> ck.LambdaFunction:
    """Return a function of constant times, without init."""
    return ck.LambdaFunction(name, **{"duration": 1.0, "init": 0, "timeout_s": 60, **settings})


RARE = ck.Steady(rate_per_s=0.001)
AT_ONCE = ck.Steady(rate_per_s=1e5)
CAUGHT = {"Next": "Caught"}

# --- quotas: limits-overview (2022) ---


@both_engines
@pytest.mark.parametrize(("region", "bucket", "per_s"), [("eu-west-1", 1_300, 300), ("eu-central-1", 800, 150)])
def test_a_bucket_limits_the_starts_of_standard_workflows(run: Engine, region: str, bucket: int, per_s: int) -> None:
    chain = chain_of(machine({"P": PASS}, "STANDARD"), region=region)
    figures = run(chain, ck.Steady(rate_per_s=10_000), requests=2_000)
    assert figures.ledger["completed"] == pytest.approx(bucket + 0.2 * per_s, abs=1)
    assert figures.ledger["throttled"] == 2_000 - figures.ledger["completed"]


@both_engines
def test_a_bucket_of_its_own_limits_the_starts_of_express_workflows(run: Engine) -> None:
    figures = run(chain_of(machine({"P": PASS})), AT_ONCE, requests=7_000)
    assert figures.ledger["completed"] == pytest.approx(6_000 * 1.07, abs=1)


@both_engines
def test_transitions_of_standard_workflows_wait_for_their_bucket(run: Engine) -> None:
    states = {f"P{i}": {"Type": "Pass", "Next": f"P{i + 1}"} for i in range(12)} | {"P12": PASS}
    figures = run(chain_of(machine(states, "STANDARD"), region="sa-east-1"), AT_ONCE, requests=100)
    assert figures.count("flow", "transitions") == 1_300
    assert figures.completion_s.max() == pytest.approx((1_300 - 800) / 500, abs=0.01)
    assert run(chain_of(machine(states), region="sa-east-1"), AT_ONCE, requests=100).completion_s.max() == 0


# --- timeouts: error-handling (2026): States.Timeout is matched by States.ALL, not by States.TaskFailed ---


@both_engines
@pytest.mark.parametrize(
    ("errors", "outcome"),
    [("States.Timeout", "completed"), ("States.ALL", "completed"), ("States.TaskFailed", "failed")],
)
def test_a_task_whose_time_is_over_has_failed_while_its_call_runs_on(run: Engine, errors: str, outcome: str) -> None:
    states = {"A": task("a", TimeoutSeconds=2, Catch=[{"ErrorEquals": [errors], **CAUGHT}]), "Caught": PASS}
    figures = run(chain_of(machine(states), f("a", duration=5.0)), RARE, requests=4)
    assert figures.response_s == pytest.approx(2.0)
    assert figures.completion_s == pytest.approx(5.0)
    assert figures.ledger == {outcome: 4}
    assert figures.count("a", "billed_ms") == 4 * 5_000


@both_engines
def test_an_execution_whose_time_is_over_has_failed(run: Engine) -> None:
    states = {"A": task("a", Next="W"), "W": wait(5)}
    figures = run(chain_of(machine(states, limit_s=3), f("a")), RARE, requests=4)
    assert figures.response_s == pytest.approx(3.0)
    assert figures.ledger == {"failed": 4}
    assert figures.count("flow", "express_100ms") == 4 * 30


@both_engines
def test_an_express_execution_has_five_minutes(run: Engine) -> None:
    """orchestration.md (2026); a Standard one has a year."""
    for seconds, response_s, outcome in ((299, 299.0, "completed"), (400, 300.0, "failed")):
        figures = run(chain_of(machine({"W": wait(seconds)})), RARE, requests=2)
        assert figures.response_s == pytest.approx(response_s)
        assert figures.ledger == {outcome: 2}
    assert run(chain_of(machine({"W": wait(400)}, "STANDARD")), RARE, requests=2).ledger == {"completed": 2}


# --- names of errors: error-handling (2026) ---


@both_engines
@pytest.mark.parametrize(
    ("function", "name"),
    [
        ({"error_rate": 1.0, "error_name": "BankError"}, "BankError"),
        ({"duration": 5.0, "timeout_s": 1}, "Sandbox.Timedout"),
        ({"reserved_concurrency": 0}, "Lambda.TooManyRequestsException"),
        ({"service_error_rate": 1.0}, "Lambda.ServiceException"),
    ],
)
def test_a_catcher_takes_the_error_of_its_name(run: Engine, function: dict[str, Any], name: str) -> None:
    names = ["BankError", "Sandbox.Timedout", "Lambda.TooManyRequestsException", "Lambda.ServiceException"]
    others = [each for each in names if each != name]
    for errors, completed in (([name], 3), (["States.TaskFailed"], 3), (others, 0)):
        states = {"A": task("a", Catch=[{"ErrorEquals": errors, **CAUGHT}]), "Caught": PASS}
        ledger = run(chain_of(machine(states), f("a", **function)), RARE, requests=3).ledger
        assert ledger.get("completed", 0) == completed


# --- maps: orchestration.md (2026): inline 40 at once, distributed 10,000 ---


@both_engines
@pytest.mark.parametrize(
    ("items", "more", "response_s"), [(10, {"MaxConcurrency": 3}, 4.0), (100, {}, 3.0), (0, {}, 0.0)]
)
def test_a_map_runs_so_many_items_at_once(run: Engine, items: int, more: dict[str, Any], response_s: float) -> None:
    flow = machine({"Each": mapped({"A": task("a")}, **more)}, items={"Each": items})
    figures = run(chain_of(flow, f("a")), RARE, requests=3)
    assert figures.response_s == pytest.approx(response_s)
    assert figures.count("a", "invocations") == 3 * items
    assert figures.count("flow", "transitions") == 3 * (items + 1)


@both_engines
def test_a_distributed_map_has_ten_thousand_children_at_once_each_with_a_start_of_its_own(run: Engine) -> None:
    flow = machine(
        {"Each": mapped({"W": wait(1)}, "DISTRIBUTED")}, "STANDARD", items={"Each": 2_000}, start_overhead=0.5
    )
    figures = run(chain_of(flow), RARE, requests=1)
    # 2,001 transitions are within the bucket of 5,000.
    assert figures.completion_s == pytest.approx(0.5 + 0.5 + 1.0)


@both_engines
def test_the_first_failure_of_an_inline_map_stops_the_others(run: Engine) -> None:
    states = {"A": task("a", Next="W"), "W": wait(5)}
    flow = machine({"Each": mapped(states)}, items={"Each": 5})
    figures = run(chain_of(flow, f("a", error_rate=1.0)), RARE, requests=3)
    assert figures.response_s == pytest.approx(1.0)
    assert figures.ledger == {"failed": 3}


@both_engines
@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({}, "dropped"),
        ({"ToleratedFailureCount": 9}, "dropped"),
        ({"ToleratedFailureCount": 10}, "completed"),
        ({"ToleratedFailurePercentage": 99}, "dropped"),
        ({"ToleratedFailurePercentage": 100}, "completed"),
    ],
)
def test_a_distributed_map_tolerates_so_many_failures(run: Engine, more: dict[str, Any], outcome: str) -> None:
    flow = machine({"Each": mapped({"A": task("a")}, "DISTRIBUTED", **more)}, "STANDARD", items={"Each": 10})
    assert run(chain_of(flow, f("a", error_rate=1.0)), RARE, requests=3).ledger == {outcome: 3}


@both_engines
def test_a_distributed_map_gives_its_children_batches_of_items(run: Engine) -> None:
    each = mapped({"A": task("a")}, "DISTRIBUTED", ItemBatcher={"MaxItemsPerBatch": 4})
    figures = run(chain_of(machine({"Each": each}, "STANDARD", items={"Each": 25}), f("a")), RARE, requests=3)
    assert figures.count("a", "invocations") == 3 * math.ceil(25 / 4)


# --- callbacks and nested executions: Standard only ---


@both_engines
def test_a_callback_comes_back_when_its_message_is_done(run: Engine) -> None:
    flow = machine({"Ask": callback("q", Next="A"), "A": task("a")}, "STANDARD")
    chain = chain_of(flow, ck.SqsQueue("q", visibility_timeout_s=360), f("pay", duration=3.0), f("a"))
    chain.connect("q", "pay", batch_size=1)
    figures = run(chain, RARE, requests=3)
    assert figures.completion_s == pytest.approx(3.0 + 1.0)


@both_engines
@pytest.mark.parametrize("more", [{"TimeoutSeconds": 50}, {"TimeoutSeconds": 90, "HeartbeatSeconds": 50}])
def test_a_callback_that_does_not_come_is_a_timeout(run: Engine, more: dict[str, Any]) -> None:
    caught = [{"ErrorEquals": ["States.Timeout"], **CAUGHT}]
    flow = machine({"Ask": callback("q", Catch=caught, **more), "Caught": PASS}, "STANDARD")
    figures = run(chain_of(flow, ck.SqsQueue("q")), RARE, requests=3)
    assert figures.completion_s == pytest.approx(50.0)
    assert figures.ledger == {"completed": 3}


@both_engines
def test_a_callback_without_a_timeout_waits_for_ever(run: Engine) -> None:
    flow = machine({"Ask": callback("f")}, "STANDARD")
    figures = run(chain_of(flow, f("f", error_rate=1.0, maximum_retry_attempts=0)), RARE, requests=3)
    assert figures.ledger == {"dropped": 3}
    assert figures.count("f", "invocations") == 3


@both_engines
def test_the_first_delivery_that_completes_brings_the_callback(run: Engine) -> None:
    flow = machine({"Ask": callback("t", Next="A"), "A": task("a")}, "STANDARD")
    chain = chain_of(flow, ck.SnsTopic("t"), f("quick", duration=2.0), f("slow", duration=9.0), f("a"))
    chain.connect("t", "quick")
    chain.connect("t", "slow")
    figures = run(chain, RARE, requests=3)
    assert figures.completion_s == pytest.approx(9.0)
    assert figures.count("a", "invocations") == 3


@both_engines
def test_sync_waits_for_the_end_of_a_standard_execution(run: Engine) -> None:
    inner = machine({"W": wait(7, Next="A"), "A": task("a")}, "STANDARD", "inner")
    for pattern, completion_s in ((".sync", 9.0), (".sync:2", 9.0), ("", 8.0)):
        outer = machine({"S": started("inner", pattern, Next="B"), "B": task("a")}, "STANDARD", "outer")
        figures = run(chain_of(outer, inner, f("a")), RARE, requests=3, at="outer")
        assert figures.completion_s == pytest.approx(completion_s)


@both_engines
@pytest.mark.parametrize(("errors", "outcome"), [("States.TaskFailed", "completed"), ("BankError", "dropped")])
def test_the_failure_of_a_nested_execution_is_states_task_failed(run: Engine, errors: str, outcome: str) -> None:
    inner = machine({"A": task("a")}, "STANDARD", "inner")
    states = {"S": started("inner", ".sync", Catch=[{"ErrorEquals": [errors], **CAUGHT}]), "Caught": PASS}
    chain = chain_of(machine(states, "STANDARD", "outer"), inner, f("a", error_rate=1.0, error_name="BankError"))
    assert run(chain, RARE, requests=3, at="outer").ledger == {outcome: 3}


@both_engines
def test_a_nested_execution_that_ran_and_failed_by_a_throttle_is_states_task_failed_too(run: Engine) -> None:
    catch = [
        {"ErrorEquals": ["Lambda.TooManyRequestsException"], "Next": "Throttled"},
        {"ErrorEquals": ["States.TaskFailed"], "Next": "Failed"},
    ]
    ends = {"Throttled": PASS, "Failed": wait(3, End=True)}
    inner = machine({"A": task("a")}, "STANDARD", "inner")
    outer = machine({"S": started("inner", ".sync", Catch=catch), **ends}, "STANDARD", "outer")
    figures = run(chain_of(outer, inner, f("a", reserved_concurrency=0)), RARE, requests=3, at="outer")
    assert figures.completion_s == pytest.approx(3.0)


@both_engines
def test_an_express_execution_started_as_an_event_runs_at_least_once_and_a_synchronous_one_at_most_once(
    run: Engine,
) -> None:
    """orchestration.md (2026)."""
    for settings, executions in (({"link": "async", "duplicate_rate": 1.0}, 6), ({"link": "sync"}, 3)):
        chain = chain_of(f("f"), machine({"P": PASS}))
        chain.connect("f", "flow", **settings)
        assert run(chain, RARE, requests=3).count("flow", "executions") == executions


# --- histories and sizes: limits-overview (2022): 25,000 events, 262,144 bytes; never caught ---


@both_engines
def test_an_execution_fails_when_its_history_is_too_long(run: Engine) -> None:
    turn = {
        "Turn": {"Type": "Pass", "Next": "More"},
        "More": {"Type": "Choice", "Choices": rules("Turn"), "Default": "Done"},
        "Done": PASS,
    }
    caught = [{"ErrorEquals": ["States.ALL"], **CAUGHT}]
    both = {"Type": "Parallel", "Branches": [scope(turn)], "Catch": caught, "End": True}
    flow = machine({"Both": both, "Caught": PASS}, "STANDARD", choices={"More": [1 - 1e-12, 1e-12]})
    figures = run(chain_of(flow), RARE, requests=1)
    # 1 for the start, 1 + 2 for the parallel state, 2 for each state inside it: entering the 12,499th is one too many.
    assert figures.count("flow", "transitions") == 1 + 12_499
    assert figures.ledger == {"dropped": 1}


@both_engines
@pytest.mark.parametrize(("size", "outcome"), [(262_144, "completed"), (262_145, "failed")])
def test_a_result_over_256_kib_fails_and_is_not_caught(run: Engine, size: int, outcome: str) -> None:
    caught = [{"ErrorEquals": ["States.ALL"], **CAUGHT}]
    flow = machine({"A": task("a", Catch=caught, Next="Caught"), "Caught": PASS}, result_bytes={"A": size})
    assert run(chain_of(flow, f("a")), RARE, requests=3).ledger == {outcome: 3}

    flow = machine({"Each": mapped({"A": task("a")})}, items={"Each": 2}, result_bytes={"Each": math.ceil(size / 2)})
    assert run(chain_of(flow, f("a")), RARE, requests=3).ledger == {outcome: 3}


@both_engines
def test_a_synchronous_express_execution_answers_a_task(run: Engine) -> None:
    synchronous = calls("aws-sdk:sfn:startSyncExecution", Parameters={"StateMachineArn": "${inner}"})
    chain = chain_of(machine({"S": synchronous}, name="outer"), machine({"A": task("a")}, name="inner"), f("a"))
    figures = run(chain, RARE, requests=3, at="outer")
    np.testing.assert_allclose(figures.response_s, 1.0)
