"""Step Functions: quotas, timeouts, maps, callbacks, nested executions, histories and sizes."""

from typing import Any

import chainkit as ck
from chainkit.distributions import Constant, Exponential
from chainkit.simulation.loads import Poisson, Steady
from tests.simulation.case import Case, case, chain_of, function, machine, rules, scope, task

PASS = {"Type": "Pass", "End": True}
FULL = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2, "JitterStrategy": "FULL"}


def wait(seconds: float, **more: Any) -> dict[str, Any]:
    """Return a state that waits."""
    return {"Type": "Wait", "Seconds": seconds, **({} if "Next" in more else {"End": True}), **more}


def calls(resource: str, **more: Any) -> dict[str, Any]:
    """Return a task of another integration; `more` says whom it calls."""
    way = {} if "Next" in more else {"End": True}
    return {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", **way, **more}


def callback(service: str, **more: Any) -> dict[str, Any]:
    """Return a task that hands a token to the queue, topic, bus or function of that name and waits for it."""
    bus = {"Entries": [{"EventBusName": f"${{{service}}}", "Detail": {}}]}
    ways = {
        "q": ("sqs:sendMessage", {"QueueUrl": f"${{{service}}}"}),
        "t": ("sns:publish", {"TopicArn": f"${{{service}}}"}),
        "b": ("events:putEvents", bus),
        "f": ("lambda:invoke", {"FunctionName": f"${{{service}}}"}),
    }
    action, parameters = ways[service[0]]
    return calls(f"{action}.waitForTaskToken", Parameters=parameters, **more)


def started(name: str, pattern: str = "", **more: Any) -> dict[str, Any]:
    """Return a task that starts an execution of another machine."""
    return calls(f"states:startExecution{pattern}", Parameters={"StateMachineArn": f"${{{name}}}"}, **more)


def mapped(states: dict[str, Any], mode: str = "INLINE", **more: Any) -> dict[str, Any]:
    """Return a Map over these states."""
    processor = scope(states, ProcessorConfig={"Mode": mode, "ExecutionType": "STANDARD"})
    if mode == "INLINE":
        processor["ProcessorConfig"] = {"Mode": mode}
    return {"Type": "Map", "ItemProcessor": processor, **({} if "Next" in more else {"End": True}), **more}


# --- quotas ---


@case
def more_executions_than_may_start() -> Case:
    """The bucket of starts is empty: what comes then is throttled."""
    return Case(
        chain_of(machine({"P": PASS}, "STANDARD"), region="eu-central-1"), Poisson(rate_per_s=2_000), requests=1_200
    )


@case
def starts_by_api_and_tasks() -> Case:
    """Express has a bucket of its own; a caller that waits is told, one that hands over is not."""
    outer = machine({"S": started("inner"), }, "EXPRESS", "outer")  # fmt: skip
    chain = chain_of(ck.HttpApi("api"), outer, machine({"P": PASS}, "STANDARD", "inner"), region="eu-central-1")
    chain.connect("api", "outer")
    return Case(chain, Poisson(rate_per_s=3_000), requests=1_200)


@case
def more_transitions_than_may_pass() -> Case:
    """Standard workflows wait for the bucket of transitions, retries too."""
    states = {f"P{i}": {"Type": "Pass", "Next": f"P{i + 1}"} for i in range(9)} | {"P9": task("f", Retry=[FULL])}
    flow = machine(states, "STANDARD")
    return Case(
        chain_of(flow, function("f", error_rate=0.3), region="sa-east-1"), Poisson(rate_per_s=200), requests=300
    )


@case
def transitions_at_equal_distances() -> Case:
    """Several executions ask for the bucket in one instant."""
    states = {f"P{i}": {"Type": "Pass", "Next": f"P{i + 1}"} for i in range(19)} | {"P19": PASS}
    both = {"Both": {"Type": "Parallel", "Branches": [scope({"A": wait(1)}), scope({"B": wait(1)})], "Next": "P0"}}
    flow = machine(both | states, "STANDARD")
    return Case(chain_of(flow, region="sa-east-1"), Steady(rate_per_s=100), requests=100, has_hops=False)


# --- timeouts ---


@case
def task_without_patience() -> Case:
    """A task's TimeoutSeconds: the state fails, the call runs on; States.Timeout is no States.TaskFailed."""
    caught = [{"ErrorEquals": ["States.TaskFailed"], "Next": "No"}, {"ErrorEquals": ["States.Timeout"], "Next": "Late"}]
    states = {
        "Slow": task("slow", TimeoutSeconds=1, Next="Done", Catch=caught),
        "Late": task("late", TimeoutSeconds=2),
        "No": {"Type": "Fail", "Error": "No"},
        "Done": {"Type": "Succeed"},
    }
    slow = function("slow", duration=Exponential(mean_s=0.8), error_rate=0.2)
    return Case(chain_of(machine(states), slow, function("late")))


@case
def task_tried_again_after_its_timeout() -> Case:
    """Each try has the whole time; calls that were left behind run beside it."""
    retry = {"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 2}
    f = function("f", duration=Exponential(mean_s=1.0), timeout_s=2, reserved_concurrency=3)
    return Case(chain_of(machine({"A": task("f", TimeoutSeconds=1, Retry=[retry])}, "STANDARD"), f))


@case
def execution_without_patience() -> Case:
    """TimeoutSeconds of the machine stops its branches: waits end, calls run on."""
    branches = [scope({"A": task("a")}), scope({"W": wait(1, Next="B"), "B": task("b")})]
    states = {"First": task("a", Next="Both"), "Both": {"Type": "Parallel", "Branches": branches, "End": True}}
    flow = machine(states, limit_s=2)
    return Case(chain_of(flow, function("a", duration=Exponential(mean_s=0.5)), function("b", duration=0.7)))


@case
def express_over_five_minutes() -> Case:
    """An Express execution ends after 300 s, whoever started it."""
    states = {"W": wait(298, Next="A"), "A": task("a", Retry=[FULL])}
    chain = chain_of(function("f"), machine(states), function("a", error_rate=0.5, duration=Exponential(mean_s=0.5)))
    chain.connect("f", "flow", link="async")
    return Case(chain)


@case
def standard_execution_without_patience() -> Case:
    """The time of a Standard execution counts from its start, overhead and retries included."""
    f = function("f", error_rate=0.6)
    return Case(chain_of(machine({"A": task("f", Retry=[FULL])}, "STANDARD", limit_s=3), f))


@case
def timeouts_at_equal_distances() -> Case:
    """Work that ends in the instant of the timeout is in time."""
    f = function("f", duration=Constant(1.0), init=Constant(0.5), keep_alive=3.0)
    g = function("g", duration=Constant(0.25), init=Constant(0.25), keep_alive=0.0, error_rate=0.4)
    states = {"A": task("f", TimeoutSeconds=1, Next="B", Catch=[{"ErrorEquals": ["States.ALL"], "Next": "B"}])}
    states["B"] = task("g", Retry=[{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2}])
    return Case(chain_of(machine(states, limit_s=4), f, g), Steady(rate_per_s=2), requests=100, has_hops=False)


# --- maps ---


@case
def map_of_ten_items() -> Case:
    """Items run three at once, each with draws of its own; the next one starts when one ends."""
    flow = machine({"Each": mapped({"A": task("a", Next="B"), "B": task("b")}, MaxConcurrency=3)}, items={"Each": 10})
    return Case(chain_of(flow, function("a"), function("b", speed_factor=Exponential(mean_s=1.0))), requests=60)


@case
def map_that_fails() -> Case:
    """The first failure stops the other items: waits end, calls run on, and the state is tried again."""
    each = mapped({"W": wait(1, Next="A"), "A": task("a")}, MaxConcurrency=4, Retry=[FULL], Next="End")
    chain = chain_of(machine({"Each": each, "End": PASS}, items={"Each": 8}), function("a", error_rate=0.1))
    return Case(chain, requests=100)


@case
def map_with_retries_inside() -> Case:
    """Items have retries and catchers of their own, and turns of a loop."""
    states = {
        "A": task("a", Retry=[FULL], Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Sorry"}], Next="More"),
        "More": {"Type": "Choice", "Choices": rules("A"), "Default": "Sorry"},
        "Sorry": {"Type": "Succeed"},
    }
    each = machine({"Each": mapped(states)}, items={"Each": 5}, choices={"More": [0.3, 0.7]})
    return Case(chain_of(each, function("a", error_rate=0.5, timeout_s=1)), requests=80)


@case
def map_without_items() -> Case:
    """Nothing to do: on to the next state."""
    each = mapped({"A": task("a")}, Next="B")
    return Case(chain_of(machine({"Each": each, "B": task("b")}, items={"Each": 0}), function("a"), function("b")))


@case
def distributed_map_with_tolerance() -> Case:
    """Children start as executions do; as many may fail as are tolerated."""
    each = mapped({"A": task("a", Next="B"), "B": task("b")}, "DISTRIBUTED", ToleratedFailureCount=2, MaxConcurrency=5)
    flow = machine({"Each": each}, "STANDARD", items={"Each": 12})
    return Case(chain_of(flow, function("a", error_rate=0.1), function("b", timeout_s=1)), requests=60)


@case
def distributed_map_of_batches() -> Case:
    """Twenty-five items in children of four; a quarter of them may fail."""
    each = mapped(
        {"A": task("a")},
        "DISTRIBUTED",
        ToleratedFailurePercentage=25,
        ItemBatcher={"MaxItemsPerBatch": 4},
        Retry=[FULL],
    )
    return Case(
        chain_of(machine({"Each": each}, "STANDARD", items={"Each": 25}), function("a", error_rate=0.3)), requests=60
    )


@case
def map_in_a_map() -> Case:
    """Items of items draw apart; a failure inside is the outer item's."""
    inner = mapped({"A": task("a")}, MaxConcurrency=2)
    flow = machine({"Outer": mapped({"Inner": inner}, MaxConcurrency=2)}, items={"Outer": 3, "Inner": 3})
    return Case(chain_of(flow, function("a", error_rate=0.05)), requests=80)


@case
def map_at_equal_distances() -> Case:
    """Items end together, and the next ones start together, in their order."""
    a = function("a", duration=Constant(0.5), init=Constant(0.25), reserved_concurrency=3, error_rate=0.03)
    each = mapped({"A": task("a", Retry=[FULL])}, MaxConcurrency=2)
    chain = chain_of(machine({"Each": each}, items={"Each": 5}), a)
    return Case(chain, Steady(rate_per_s=0.5), requests=60, has_hops=False)


# --- callbacks ---


@case
def callback_through_a_queue() -> Case:
    """The token comes back when the message is deleted; a failed run makes the state wait longer."""
    flow = machine({"Ask": callback("q", Next="Done"), "Done": task("done")}, "STANDARD")
    chain = chain_of(flow, ck.SqsQueue("q"), function("pay", error_rate=0.3), function("done"))
    chain.connect("q", "pay", batch_size=2)
    return Case(chain)


@case
def callback_by_a_function() -> Case:
    """The token comes back with the event's run; without patience the state fails, and a late token is ignored."""
    late = [{"ErrorEquals": ["States.Timeout"], "Next": "Late"}]
    flow = machine(
        {"Ask": callback("f", TimeoutSeconds=5, HeartbeatSeconds=2, Catch=late), "Late": task("late")}, "STANDARD"
    )
    return Case(chain_of(flow, function("f", error_rate=0.2, duration=Exponential(mean_s=1.0)), function("late")))


@case
def callback_by_a_topic() -> Case:
    """The first of the deliveries that completes brings the token."""
    flow = machine({"Ask": callback("t", TimeoutSeconds=90, Retry=[FULL])}, "STANDARD")
    chain = chain_of(flow, ck.SnsTopic("t"), ck.SqsQueue("q"), function("pay"), function("f", error_rate=0.5))
    chain.connect("t", "q", duplicate_rate=0.3)
    chain.connect("t", "f", delivery_error_rate=0.3)
    chain.connect("q", "pay", batch_size=1)
    chain.set("pay", error_rate=0.5)
    return Case(chain)


@case
def callback_by_a_bus_that_nobody_hears() -> Case:
    """No token comes: with a timeout the state fails, without one the execution is never over."""
    states = {
        "Ask": callback("b", TimeoutSeconds=10, Next="Again", Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Again"}])
    }
    flow = machine(states | {"Again": callback("b")}, "STANDARD")
    chain = chain_of(flow, ck.EventBus("b"), function("f", error_rate=0.1, maximum_retry_attempts=0))
    chain.connect("b", "f", match_fraction=0.5)
    return Case(chain, requests=100, drain_s=500.0)


@case
def callback_of_a_queue_without_readers() -> Case:
    """A queue that nobody polls keeps the token; a branch beside fails and stops the wait."""
    branches = [scope({"Ask": callback("q")}), scope({"A": task("a")})]
    states = {"Both": {"Type": "Parallel", "Branches": branches, "End": True}}
    flow = machine(states, "STANDARD", limit_s=60)
    return Case(chain_of(flow, ck.SqsQueue("q"), function("a", error_rate=0.5)))


# --- nested executions ---


@case
def nested_execution_that_is_waited_for() -> Case:
    """A failure of the inner execution is States.TaskFailed, whatever its name was."""
    inner = machine({"A": task("a", Next="W"), "W": wait(2)}, "STANDARD", "inner")
    bank = {"ErrorEquals": ["BankError"], "IntervalSeconds": 1, "MaxAttempts": 5}
    failed = {"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "MaxAttempts": 1}
    outer = machine(
        {"S": started("inner", ".sync:2", Retry=[bank, failed], Next="B"), "B": task("a")}, "STANDARD", "outer"
    )
    return Case(chain_of(outer, inner, function("a", error_rate=0.3, error_name="BankError")), at="outer")


@case
def nested_execution_without_patience() -> Case:
    """The outer state's time is over: the inner execution runs on."""
    inner = machine({"W": wait(1, Next="A"), "A": task("a")}, "STANDARD", "inner", limit_s=4)
    late = [{"ErrorEquals": ["States.Timeout"], "Next": "No"}]
    states = {"S": started("inner", ".sync", TimeoutSeconds=2, Catch=late), "No": {"Type": "Fail", "Error": "No"}}
    chain = chain_of(machine(states, "STANDARD", "outer"), inner, function("a", duration=Exponential(mean_s=1.5)))
    return Case(chain, at="outer")


@case
def nested_express_execution() -> Case:
    """A synchronous Express execution inside another: its timeout is the state's."""
    inner = machine({"A": task("a")}, "EXPRESS", "inner", limit_s=1)
    synchronous = calls("aws-sdk:sfn:startSyncExecution", Parameters={"StateMachineArn": "${inner}"})
    late = {"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 2}
    outer = machine({"S": {**synchronous, "Retry": [late]}}, "EXPRESS", "outer")
    return Case(chain_of(outer, inner, function("a", duration=Exponential(mean_s=0.6), error_rate=0.1)), at="outer")


# --- errors that have a way of their own ---


@case
def service_errors_of_tasks() -> Case:
    """Lambda.ServiceException is what a task sees of a 5xx."""
    service = {
        "ErrorEquals": ["Lambda.ServiceException", "Lambda.SdkClientException"],
        "IntervalSeconds": 2,
        "MaxAttempts": 1,
    }
    caught = [{"ErrorEquals": ["Lambda.ServiceException"], "Next": "B"}]
    states = {"A": task("a", Retry=[service], Catch=caught, Next="B"), "B": task("a")}
    return Case(chain_of(machine(states), function("a", service_error_rate=0.4, error_rate=0.1)))


@case
def results_that_are_too_large() -> Case:
    """A result over 256 KiB fails the execution: no Retry and no Catch takes that."""
    caught = [{"ErrorEquals": ["States.ALL"], "Next": "No"}]
    ways = {"Type": "Choice", "Choices": rules("Large"), "Default": "Each"}
    large = task("a", Retry=[FULL], Catch=caught)
    states = {"Way": ways, "Large": large, "Each": mapped({"A": task("b")}, Catch=caught), "No": PASS}
    flow = machine(
        states, choices={"Way": [0.3, 0.7]}, items={"Each": 3}, result_bytes={"Large": 262_145, "Each": 87_382}
    )
    return Case(chain_of(flow, function("a", error_rate=0.3), function("b", error_rate=0.1)))


@case
def results_that_just_fit() -> Case:
    """256 KiB are within the limit."""
    states = {"Large": task("a", Next="Each"), "Each": mapped({"A": task("b")})}
    flow = machine(states, items={"Each": 2}, result_bytes={"Large": 262_144, "Each": 131_072})
    return Case(chain_of(flow, function("a"), function("b")), requests=50)


@case
def history_that_is_too_long() -> Case:
    """A Standard execution fails when a state is entered and its history has 25,000 events; nothing catches that."""
    turn = {
        "Turn": {"Type": "Pass", "Next": "More"},
        "More": {"Type": "Choice", "Choices": rules("Turn"), "Default": "Done"},
        "Done": PASS,
    }
    caught = [{"ErrorEquals": ["States.ALL"], "Next": "End"}]
    both = {"Type": "Parallel", "Branches": [scope(turn)], "Retry": [FULL], "Catch": caught, "Next": "End"}
    flow = machine({"Both": both, "End": PASS}, "STANDARD", choices={"More": [0.9999, 0.0001]})
    return Case(chain_of(flow), Poisson(rate_per_s=0.1), requests=6)
