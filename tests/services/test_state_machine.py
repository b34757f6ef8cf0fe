"""State machines: from ASL to steps, what is refused, what they become. Every definition here is our own."""

import json
from pathlib import Path
from typing import Any

import boto3
import jmespath
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from ruamel.yaml import YAML

import chainkit as ck
from chainkit import asl, data
from chainkit.records import Catcher, Resource, Retrier, Step
from chainkit.service import Service, Surroundings

INVOKE = "arn:aws:states:::lambda:invoke"
PAY = {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": "${pay}"}}
END = {"End": True}
DONE = {"Type": "Succeed"}


def machine(states: dict[str, Any], start: str | None = None, **settings: Any) -> ck.StateMachine:
    """Return a machine of these states; it starts at the first unless told."""
    return ck.StateMachine("flow", definition={"StartAt": start or next(iter(states)), "States": states}, **settings)


def only(state: dict[str, Any], **settings: Any) -> Step:
    """Return the step that a machine of one state becomes."""
    return machine({"One": {**state, **END}}, **settings).behaviour().steps[0]


def chain_of(*services: Service) -> ck.Chain:
    chain = ck.Chain("shop")
    for one in services:
        chain.add(one)
    return chain


# --- from states to steps ---


def test_a_task_becomes_a_step_that_travels_its_own_link() -> None:
    assert only(PAY) == Step(name="One", kind="task", link="One")


def test_pass_and_succeed_take_no_time_and_call_nothing() -> None:
    flow = machine({"Shape": {"Type": "Pass", "Next": "Done"}, "Done": DONE}).behaviour()

    assert flow.steps == (Step(name="Shape", kind="pass", goto="Done"), Step(name="Done", kind="succeed"))


def test_a_fail_carries_the_name_of_its_error() -> None:
    step = machine({"No": {"Type": "Fail", "Error": "Refused", "Cause": "no stock"}}).behaviour().steps[0]

    assert step == Step(name="No", kind="fail", error="Refused")


def test_a_wait_lasts_its_seconds() -> None:
    assert only({"Type": "Wait", "Seconds": 30}) == Step(name="One", kind="wait", wait_s=30.0)


def test_a_choice_has_its_ways_in_the_order_of_the_rules_and_default_last() -> None:
    rules = [{"Variable": "$.vip", "BooleanEquals": True, "Next": "A"}, {"Condition": "{% $n > 3 %}", "Next": "B"}]
    states = {"IsVip": {"Type": "Choice", "Choices": rules, "Default": "C"}, "A": DONE, "B": DONE, "C": DONE}
    step = machine(states, choices={"IsVip": [0.2, 0.3, 0.5]}).behaviour().steps[0]

    assert step == Step(name="IsVip", kind="choice", ways=(("A", 0.2), ("B", 0.3), ("C", 0.5)))


def test_a_parallel_holds_the_steps_of_its_branches() -> None:
    branches = [
        {"StartAt": "Y", "States": {"X": DONE, "Y": {**PAY, "Next": "X"}}},
        {"StartAt": "Z", "States": {"Z": DONE}},
    ]
    step = only({"Type": "Parallel", "Branches": branches, "Retry": [{"ErrorEquals": ["States.ALL"]}]})

    assert step.branches == (
        (Step(name="Y", kind="task", link="Y", goto="X"), Step(name="X", kind="succeed")),
        (Step(name="Z", kind="succeed"),),
    )
    assert step.retriers == (Retrier(errors=("States.ALL",)),)


def test_the_flow_begins_with_start_at_wherever_it_stands() -> None:
    flow = machine({"Last": DONE, "First": {"Type": "Pass", "Next": "Last"}}, start="First").behaviour()

    assert [step.name for step in flow.steps] == ["First", "Last"]


def test_retry_has_the_defaults_of_the_language() -> None:
    step = only({**PAY, "Retry": [{"ErrorEquals": ["Lambda.ServiceException", "Lambda.SdkClientException"]}]})

    assert step.retriers == (
        Retrier(
            errors=("Lambda.ServiceException", "Lambda.SdkClientException"),
            interval_s=1.0,
            max_attempts=3,
            backoff_rate=2.0,
            max_delay_s=float("inf"),
            has_full_jitter=False,
        ),
    )


def test_every_field_of_retry_is_read_and_entries_keep_their_order() -> None:
    given = {
        "IntervalSeconds": 5,
        "MaxAttempts": 0,
        "BackoffRate": 1.5,
        "MaxDelaySeconds": 60,
        "JitterStrategy": "FULL",
    }
    step = only({**PAY, "Retry": [{"ErrorEquals": ["Busy"], **given}, {"ErrorEquals": ["States.ALL"]}]})

    assert step.retriers == (
        Retrier(errors=("Busy",), interval_s=5, max_attempts=0, backoff_rate=1.5, max_delay_s=60, has_full_jitter=True),
        Retrier(errors=("States.ALL",)),
    )


def test_a_catcher_leads_to_its_state() -> None:
    catch = [{"ErrorEquals": ["Refused"], "Next": "Sorry"}, {"ErrorEquals": ["States.ALL"], "Next": "Done"}]
    flow = machine(
        {"Pay": {**PAY, "Next": "Done", "Catch": catch}, "Sorry": {"Type": "Fail"}, "Done": DONE}
    ).behaviour()

    assert flow.steps[0].catchers == (
        Catcher(errors=("Refused",), goto="Sorry"),
        Catcher(errors=("States.ALL",), goto="Done"),
    )


def test_json_text_and_dictionary_are_the_same_definition() -> None:
    definition = {"StartAt": "Pay", "States": {"Pay": {**PAY, **END}}}

    assert ck.StateMachine("flow", definition=json.dumps(definition)) == ck.StateMachine("flow", definition=definition)


def test_a_definition_does_not_follow_later_changes_of_the_dictionary_it_came_from() -> None:
    definition: dict[str, Any] = {"StartAt": "Done", "States": {"Done": dict(DONE)}}
    made = ck.StateMachine("flow", definition=definition)
    definition["States"]["Done"]["Type"] = "Fail"

    assert made.behaviour().steps[0].kind == "succeed"


def test_overheads_are_the_measured_hops_unless_given() -> None:
    standard, express = (machine({"One": DONE}, workflow=w).behaviour() for w in ("STANDARD", "EXPRESS"))
    mine = machine({"One": DONE}, start_overhead=0.5, task_overhead=0).behaviour()

    assert {standard.start_hop, standard.task_hop, express.start_hop, express.task_hop} <= data.latency()["hops"].keys()
    assert standard.task_hop != express.task_hop
    assert (standard.start, standard.task_overhead) == (None, None)
    assert (mine.start, mine.task_overhead) == (ck.Constant(0.5), ck.Constant(0.0))


def test_only_an_express_workflow_answers() -> None:
    assert not machine({"One": DONE}).behaviour().answers
    assert machine({"One": DONE}, workflow="EXPRESS").behaviour().answers


# --- transitions, by hand ---

FIVE = ["Validate", "Reserve", "Pay", "Ship", "Confirm"]
STRAIGHT = {
    name: {**PAY, "Next": after} if after else {**PAY, **END}
    for name, after in zip(FIVE, [*FIVE[1:], None], strict=True)
}


def with_a_broken_payment(**retry: Any) -> dict[str, Any]:
    """Return five tasks of which the third always fails, and leads to a Fail."""
    broken = {
        **PAY,
        "Parameters": {"FunctionName": "${broken}"},
        "Next": "Ship",
        "Retry": [{"ErrorEquals": ["Busy"], **retry}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "No"}],
    }
    return {**STRAIGHT, "Pay": broken, "No": {"Type": "Fail", "Error": "Refused"}}


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (STRAIGHT, 5),
        (with_a_broken_payment(MaxAttempts=0), 4),  # Validate, Reserve, Pay, No
        (with_a_broken_payment(), 7),  # three retries
        (with_a_broken_payment(ErrorEquals=["Other"]), 4),
    ],
)
def test_every_state_entered_and_every_retry_is_a_transition(states: dict[str, Any], expected: int) -> None:
    broken = ck.LambdaFunction("broken", error_rate=1.0, error_name="Busy")
    chain = chain_of(machine(states), ck.LambdaFunction("pay"), broken)
    run = ck.simulate(chain, ck.Poisson(rate_per_s=1), requests=100, seed=1, at="flow")

    (transitions,) = (line.quantity for line in run.usage.lines if line.node == "flow")
    assert transitions == expected * 100


def test_a_standard_workflow_is_billed_by_transitions() -> None:
    (meter,) = machine({"One": DONE}).meters()

    assert (meter.counter, meter.factor, meter.price) == ("transitions", 1.0, "stepfunctions-transitions")


def test_express_is_billed_by_executions_and_by_steps_of_100_ms_at_64_mb() -> None:
    requests, duration = machine({"One": DONE}, workflow="EXPRESS").meters()

    assert requests.counter == "executions"
    assert (duration.counter, duration.factor) == ("express_100ms", 0.1 * 64 / 1024)


def test_express_memory_goes_up_to_the_next_64_mb() -> None:
    one_mb = {"One": {**DONE, "Comment": "x" * 1024 * 1024}}
    many = {"One": {"Type": "Parallel", **END, "Branches": [{"StartAt": "B", "States": {"B": DONE}}] * 14_000}}

    assert machine(one_mb, workflow="EXPRESS").meters()[1].factor == 0.1 * 64 / 1024
    assert machine(many, workflow="EXPRESS").meters()[1].factor == 0.1 * 128 / 1024


# --- tasks ---


@pytest.mark.parametrize("arguments", ["Parameters", "Arguments"])
@pytest.mark.parametrize(
    ("action", "given", "expected"),
    [
        ("lambda:invoke", {"FunctionName": "${to}", "Payload.$": "$"}, "RequestResponse"),
        ("lambda:invoke", {"FunctionName": "${to}", "InvocationType": "Event"}, "Event"),
        ("sqs:sendMessage", {"QueueUrl": "${to}", "MessageBody": "x"}, "RequestResponse"),
        ("sns:publish", {"TopicArn": "${to}", "Message": "x"}, "RequestResponse"),
        ("events:putEvents", {"Entries": [{"EventBusName": "${to}", "Detail": {}}]}, "RequestResponse"),
        ("states:startExecution", {"StateMachineArn": "${to}"}, "Event"),
        ("aws-sdk:sqs:sendMessage", {"QueueUrl": "${to}"}, "RequestResponse"),
        ("aws-sdk:eventbridge:putEvents", {"Entries": [{"EventBusName": "${to}"}]}, "RequestResponse"),
        ("aws-sdk:sfn:startSyncExecution", {"StateMachineArn": "${to}"}, "RequestResponse"),
    ],
)
def test_a_task_names_its_service_by_the_argument_of_its_action(
    action: str, given: dict[str, Any], arguments: str, expected: str
) -> None:
    resource = f"arn:aws:states:::{action}"
    made = machine({"One": {"Type": "Task", "Resource": resource, arguments: given, **END}})

    assert made.tasks() == [("One", "to", resource, expected)]
    assert made.behaviour().steps[0].kind == "task"


def test_a_function_can_be_the_resource_itself() -> None:
    assert machine({"One": {"Type": "Task", "Resource": "${pay}", **END}}).tasks() == [
        ("One", "pay", "${pay}", "RequestResponse")
    ]


def test_tasks_stand_in_the_order_of_states_with_branches_and_maps_inside() -> None:
    inner = {"StartAt": "Inner", "States": {"Inner": {**PAY, **END}}}
    each = {"StartAt": "Each", "States": {"Each": {**PAY, **END}}}
    states = {
        "Both": {"Type": "Parallel", "Branches": [inner], "Next": "All"},
        "All": {"Type": "Map", "ItemProcessor": each, "Next": "Last"},
        "Last": {**PAY, **END},
    }

    assert [state for state, *_ in machine(states).tasks()] == ["Inner", "Each", "Last"]


def test_the_chain_makes_a_link_of_each_task() -> None:
    states = {"First": {**PAY, "Next": "Again"}, "Again": {**PAY, **END}}
    chain = chain_of(machine(states), ck.LambdaFunction("pay"))

    assert {key: link.state for key, link in chain.links.items()} == {"flow>pay": "First", "flow>pay#2": "Again"}
    assert chain.validate() == []


# --- what cannot be simulated ---

INSIDE = {"StartAt": "Each", "States": {"Each": DONE}}


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ({"Type": "Map", "ItemProcessor": INSIDE}, "nothing says how many items it has"),
        ({"Type": "Map", "Iterator": INSIDE}, "nothing says how many items it has"),
        ({**PAY, "Resource": "arn:aws:states:::ecs:runTask.sync"}, "outside the chain (arn:aws:states:::ecs"),
        ({"Type": "Task", "Resource": "arn:aws:states:us-east-1:123456789012:activity:pack"}, "an activity"),
        (
            {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem"},
            "outside the chain (arn:aws:states:::dynamodb",
        ),
        ({"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:pay"}, "outside the chain"),
        ({"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName.$": "$.which"}}, "outside the chain"),
        ({"Type": "Task", "Resource": INVOKE, "Arguments": "{% $all %}"}, "outside the chain"),
        (
            {
                "Type": "Task",
                "Resource": "arn:aws:states:::events:putEvents",
                "Parameters": {"Entries": [{"EventBusName": "${bus}"}] * 2},
            },
            "puts 2 events",
        ),
        ({**PAY, "TimeoutSeconds": "{% $patience %}"}, "TimeoutSeconds that the data computes"),
        ({**PAY, "TimeoutSecondsPath": "$.patience"}, "TimeoutSecondsPath is not simulated"),
        ({**PAY, "HeartbeatSecondsPath": "$.beat"}, "HeartbeatSecondsPath is not simulated"),
        (
            {"Type": "Map", "ItemProcessor": INSIDE, "MaxConcurrency": "{% $n %}"},
            "MaxConcurrency that the data computes",
        ),
        ({"Type": "Wait", "SecondsPath": "$.wait"}, "a Wait whose end is computed or a date"),
        ({"Type": "Wait", "Seconds": "{% $wait %}"}, "a Wait whose end is computed or a date"),
        ({"Type": "Wait", "Timestamp": "2027-01-01T00:00:00Z"}, "a Wait whose end is computed or a date"),
    ],
)
def test_what_is_not_simulated_is_said_with_its_state_and_a_fix(state: dict[str, Any], problem: str) -> None:
    made = machine({"One": {**state, **END}})

    with pytest.raises(ck.SimulationError) as caught:
        made.behaviour()
    assert "state 'One': " in caught.value.problem
    assert problem in caught.value.problem
    assert caught.value.fix


def test_an_error_name_that_is_computed_cannot_be_simulated() -> None:
    with pytest.raises(ck.SimulationError, match="a Fail whose Error is computed"):
        machine({"No": {"Type": "Fail", "ErrorPath": "$.error"}}).behaviour()


def test_a_timeout_of_the_whole_machine_is_its_own_or_aws_s() -> None:
    scope = {"StartAt": "A", "States": {"A": DONE}}
    own = ck.StateMachine("flow", definition={**scope, "TimeoutSeconds": 60})
    express = ck.StateMachine("flow", definition={**scope, "TimeoutSeconds": 900}, workflow="EXPRESS")

    assert own.behaviour().timeout_s == 60
    assert express.behaviour().timeout_s == 300
    assert ck.StateMachine("flow", definition=scope).behaviour().timeout_s == 31_536_000


def test_a_map_says_how_many_items_it_has_at_once_and_may_lose() -> None:
    many = {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, **INSIDE}
    batched = {"ItemBatcher": {"MaxItemsPerBatch": 4}, "ToleratedFailurePercentage": 25}
    inline = machine({"One": {"Type": "Map", "ItemProcessor": INSIDE, "MaxConcurrency": 90, **END}}, items={"One": 7})
    children = machine({"One": {"Type": "Map", "ItemProcessor": many, **batched, **END}}, items={"One": 25})
    step, child = inline.behaviour().steps[0], children.behaviour().steps[0]

    assert (step.kind, step.items, step.concurrency, step.tolerated) == ("map", 7, 40, 0)
    assert (child.items, child.concurrency, child.tolerated, child.has_children) == (7, 10_000, 1, True)


def test_figures_for_states_that_there_are_not_are_errors() -> None:
    made = machine({"One": {**PAY, **END}}, items={"Each": 3}, result_bytes={"Oen": 5})
    problems = [error.problem for error in made.problems({"pay": ck.LambdaFunction("pay")})]

    assert problems == [
        "StateMachine 'flow': items: 'Each' is no Map of the definition",
        "StateMachine 'flow': result_bytes: 'Oen' is no Task or Map of the definition (did you mean 'One'?)",
    ]


def test_what_a_task_waits_for_is_in_its_step() -> None:
    token = {**PAY, "Resource": f"{INVOKE}.waitForTaskToken", "TimeoutSeconds": 60, "HeartbeatSeconds": 20, **END}
    step = machine({"One": token}).behaviour().steps[0]

    assert (step.wait_for, step.timeout_s) == ("token", 20)


def test_what_is_not_simulated_can_still_be_built() -> None:
    made = machine({"One": {"Type": "Map", "ItemProcessor": INSIDE, **END}})

    assert made.problems({}) == []
    assert made.resources(Surroundings(chain="shop", role="FlowRole"))[0].type == "AWS::StepFunctions::StateMachine"


CHOICE = {"Type": "Choice", "Choices": [{"Next": "A"}, {"Next": "B"}], "Default": "A"}
LOOP = {"Ask": CHOICE, "A": {"Type": "Pass", "Next": "Ask"}, "B": DONE}


def test_a_choice_without_figures_says_how_to_write_them() -> None:
    with pytest.raises(ck.SimulationError) as caught:
        machine(LOOP).behaviour()

    assert caught.value.problem == (
        "StateMachine 'flow': state 'Ask': nothing says how often each of its 3 ways is taken"
    )
    assert caught.value.fix == 'give choices={"Ask": [..., ..., ...]}, adding to 1, in this order: A, B, A'


@pytest.mark.parametrize(
    ("choices", "problem"),
    [
        ({"Ask": [0.5, 0.5]}, "choices: 'Ask'=[0.5, 0.5] does not fit its 3 ways"),
        ({"Ask": [0.5, 0.4, 0.2]}, "does not fit its 3 ways"),
        ({"Ask": [1.5, -0.5, 0.0]}, "does not fit its 3 ways"),
        ({"Ask": [float("nan"), 0.5, 0.5]}, "does not fit its 3 ways"),
        ({"Aks": [0.5, 0.5, 0.0]}, "choices: 'Aks' is no Choice of the definition (did you mean 'Ask'?)"),
        ({"B": [1.0]}, "choices: 'B' is no Choice"),
    ],
)
def test_figures_that_fit_no_choice_are_refused(choices: dict[str, list[float]], problem: str) -> None:
    with pytest.raises(ck.ConfigError) as caught:
        machine(LOOP, choices=choices)

    assert problem in caught.value.problem


def test_a_loop_that_a_choice_leaves_is_a_flow() -> None:
    assert len(machine(LOOP, choices={"Ask": [0.3, 0.5, 0.2]}).behaviour().steps) == 3


def test_a_loop_that_no_request_leaves_is_refused() -> None:
    with pytest.raises(ck.SimulationError, match="state 'Ask': no end can be reached"):
        machine(LOOP, choices={"Ask": [0.5, 0.0, 0.5]}).behaviour()


def test_a_definition_over_one_mebibyte_is_refused() -> None:
    (error,) = machine({"One": {**DONE, "Comment": "x" * 2**20}}).problems({})

    assert "AWS takes 1048576" in error.problem


# --- the services it names ---


def test_a_name_that_is_no_service_is_an_error_with_the_nearest() -> None:
    (error,) = machine({"One": {**PAY, **END}}).problems({"pya": ck.LambdaFunction("pya")})

    assert error.problem == (
        "StateMachine 'flow': state 'One': ${pay} is not a service of the chain (did you mean 'pya'?)"
    )


def test_a_name_is_looked_up_wherever_it_stands() -> None:
    made = machine({"One": {"Type": "Pass", "Result": {"deep": ["see ${jobs}"]}, **END}})

    assert "state 'One': ${jobs}" in made.problems({})[0].problem


@pytest.mark.parametrize(
    ("resource", "argument", "target"),
    [
        (INVOKE, "FunctionName", ck.SqsQueue("to")),
        (INVOKE, "FunctionName", ck.StateMachine("to")),
        ("${to}", "", ck.SqsQueue("to")),
        ("arn:aws:states:::sqs:sendMessage", "QueueUrl", ck.LambdaFunction("to")),
        ("arn:aws:states:::states:startExecution", "StateMachineArn", ck.LambdaFunction("to")),
        ("arn:aws:states:::sns:publish", "TopicArn", ck.HttpApi("to")),
    ],
)
def test_an_action_that_does_not_fit_its_service_is_an_error(resource: str, argument: str, target: Service) -> None:
    made = machine({"One": {"Type": "Task", "Resource": resource, "Parameters": {argument: "${to}"}, **END}})
    (error,) = made.problems({"to": target})

    assert f"state 'One': {resource} does not fit 'to', a {type(target).__name__}" in error.problem


def test_a_task_waits_for_an_express_workflow_only() -> None:
    resource = "arn:aws:states:::aws-sdk:sfn:startSyncExecution"
    made = machine({"One": {"Type": "Task", "Resource": resource, "Arguments": {"StateMachineArn": "${to}"}, **END}})

    assert made.problems({"to": ck.StateMachine("to", workflow="EXPRESS")}) == []
    assert "a STANDARD workflow" in made.problems({"to": ck.StateMachine("to")})[0].problem


# --- what it becomes ---

AROUND = Surroundings(
    chain="shop",
    role="FlowRole",
    substitutions={"pay": {"Fn::GetAtt": ["Pay", "Arn"]}, "jobs": {"Ref": "Jobs"}, "idle": {"Ref": "Idle"}},
)


def pay_then_send(**settings: Any) -> ck.StateMachine:
    send = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {"QueueUrl": "${jobs}"}}
    return machine({"Pay": {**PAY, "Next": "Send"}, "Send": {**send, **END}}, **settings)


def test_the_resource_replaces_the_names_it_uses_and_no_others() -> None:
    (resource,) = pay_then_send(workflow="EXPRESS").resources(AROUND)

    assert resource.properties["StateMachineName"] == "shop-flow"
    assert resource.properties["StateMachineType"] == "EXPRESS"
    assert resource.properties["RoleArn"] == {"Fn::GetAtt": ["FlowRole", "Arn"]}
    assert resource.properties["DefinitionSubstitutions"] == {
        "pay": {"Fn::GetAtt": ["Pay", "Arn"]},
        "jobs": {"Ref": "Jobs"},
    }
    assert "${jobs}" in resource.properties["DefinitionString"]


def test_a_standard_workflow_is_only_started_and_an_express_one_called_or_started() -> None:
    standard, express = machine({"One": DONE}), machine({"One": DONE}, workflow="EXPRESS")

    assert standard.grant("call").actions == standard.grant("start").actions == ("states:StartExecution",)
    assert express.grant("call").actions == ("states:StartSyncExecution",)
    assert express.grant("start").actions == ("states:StartExecution",)
    assert (standard.entry()[1].operation, express.entry()[1].operation) == ("start_execution", "start_sync_execution")


def test_an_api_starts_a_standard_workflow_and_waits_for_an_express_one() -> None:
    standard, express = machine({"One": DONE}), machine({"One": DONE}, workflow="EXPRESS")

    assert standard.integration(is_sync=False)["IntegrationSubtype"] == "StepFunctions-StartExecution"
    assert express.integration(is_sync=True)["IntegrationSubtype"] == "StepFunctions-StartSyncExecution"
    assert express.integration(is_sync=True)["RequestParameters"] == {
        "StateMachineArn": {"Ref": "Flow"},
        "Input": "$request.body",
    }
    with pytest.raises(ck.WiringError, match='link="async"'):
        standard.integration(is_sync=True)


def test_a_task_that_waits_for_a_machine_may_watch_its_executions() -> None:
    resource = "arn:aws:states:::states:startExecution.sync:2"
    made = machine(
        {"One": {"Type": "Task", "Resource": resource, "Parameters": {"StateMachineArn": "${child}"}, **END}}
    )
    executions, rule = made.own_grants(AROUND)

    assert executions.resource["Fn::Sub"].endswith(":execution:shop-child:*")
    assert rule.actions == ("events:PutTargets", "events:PutRule", "events:DescribeRule")
    assert pay_then_send().own_grants(AROUND) == []


def test_a_design_file_keeps_a_machine_as_it_was(tmp_path: Path) -> None:
    chain = chain_of(machine(LOOP, choices={"Ask": [0.2, 0.5, 0.3]}, workflow="EXPRESS", task_overhead=0.01))

    assert ck.load(chain.save(tmp_path / "shop.chain.yaml")) == chain


# --- on moto ---


def applied(resource: Resource, calls: Any, properties: dict[str, Any]) -> dict[str, Any]:
    """Run some of a resource's calls and return their answers, merged."""
    client = boto3.client(
        resource.api.client, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    answers: dict[str, Any] = {}
    for call in calls:
        answers |= getattr(client, call.operation)(**call.parameters(properties))
    return answers


def read_back(resource: Resource, properties: dict[str, Any]) -> dict[str, Any]:
    answers = applied(resource, resource.api.read, properties)
    return {
        name: jmespath.search(where, answers) if isinstance(where, str) else where(answers, properties)
        for name, where in resource.api.settings.items()
    }


def test_direct_calls_create_what_is_read_back_then_change_and_delete_it() -> None:
    (resource,) = pay_then_send(workflow="EXPRESS").resources(AROUND)
    arn = "arn:aws:lambda:us-east-1:123456789012:function:shop-pay"
    names = {"pay": arn, "jobs": "https://sqs.us-east-1.amazonaws.com/123456789012/shop-jobs"}
    asked = {
        **resource.properties,
        "RoleArn": "arn:aws:iam::123456789012:role/shop-flow",
        "DefinitionSubstitutions": names,
        "Tags": [{"Key": "chainkit:chain", "Value": "shop"}],
    }
    with mock_aws():
        asked["Ref"] = jmespath.search(resource.api.ref, applied(resource, resource.api.create, asked))
        there = applied(resource, resource.api.read, asked)
        first = read_back(resource, asked)
        changed = {**asked, "DefinitionSubstitutions": {**names, "pay": f"{arn}-2"}}
        differs = read_back(resource, changed)
        applied(resource, resource.api.update, changed)
        second = read_back(resource, changed)
        applied(resource, resource.api.delete, changed)
        with pytest.raises(ClientError, match=resource.api.missing[0]):
            applied(resource, resource.api.read, changed)

    assert json.loads(there["definition"])["States"]["Pay"]["Parameters"] == {"FunctionName": arn}
    assert first == {name: asked[name] for name in resource.api.settings}
    assert differs["DefinitionString"] != changed["DefinitionString"]
    assert second["DefinitionString"] == changed["DefinitionString"]


# --- real machines ---


def real_machines(corpus: Path) -> dict[str, ck.StateMachine]:
    """Return the machines of the corpus, each way of a Choice taken equally often, each Map of ten items."""
    machines = {}
    for file in sorted((corpus / "asl").iterdir()):
        yaml = YAML(typ="safe")
        yaml.version = (1, 1)  # type: ignore[assignment]
        definition = yaml.load(file.read_text(encoding="utf-8"))
        choices = {n: s.ways for n, s in asl.states(asl.parsed(definition)) if s.Type == "Choice"}
        figures = {name: [1 / len(ways)] * len(ways) for name, ways in choices.items()}
        items = {n: 10 for n, s in asl.states(asl.parsed(definition)) if s.Type == "Map"}
        machines[file.name] = ck.StateMachine("real", definition=definition, choices=figures, items=items)
    return machines


def test_real_machines_become_flows_unless_they_call_what_is_outside_the_chain(corpus: Path) -> None:
    refused = []
    for made in real_machines(corpus).values():
        assert [e.problem for e in made.problems({}) if "is not a service of the chain" not in e.problem] == []
        try:
            made.behaviour()
        except ck.SimulationError as error:
            refused.append(error.problem)

    assert [problem for problem in refused if ": a task outside the chain" not in problem] == []
    assert len(real_machines(corpus)) - len(refused) >= 25


def test_tasks_of_real_machines_are_found_where_others_find_them(corpus: Path) -> None:
    services = ("lambda", "sqs", "sns", "states", "sfn", "substituted")
    facts = json.loads((corpus / "expected.json").read_text(encoding="utf-8"))["asl"]
    for file, made in real_machines(corpus).items():
        expected = sorted(
            (task["state"].split("]/")[-1], task["target"][2:-1])
            for task in facts[f"asl/{file}"]["tasks"]
            if task["service"] in services and (task["target"] or "").startswith("${")
        )
        actual = sorted((state, to) for state, to, resource, _ in made.tasks() if "putEvents" not in resource)

        assert actual == expected, file
