"""What AWS refuses in a definition; cases and order were measured in github.com/floci-io/floci/pull/2786."""

import pytest

from chainkit.emulation.definitions import in_words_of_moto, refusals

PASS = {"Type": "Pass", "End": True}


def on(target, **more):
    return {"Type": "Pass", "Next": target, **more}


CASES = {
    "a loop that never ends": ({"A": on("B"), "B": on("A")}, ["MISSING_END_STATE: Workflow has no terminal state"]),
    "a loop without end hides what cannot be reached": (
        {"A": on("B"), "B": on("A"), "C": on("A")},
        ["MISSING_END_STATE: Workflow has no terminal state"],
    ),
    "an end that cannot be reached": (
        {"A": on("B"), "B": on("A"), "C": PASS},
        ['MISSING_TRANSITION_TARGET: State "C" is not reachable. at /States/C'],
    ),
    "a target that is no state, and so no end": (
        {"A": on("NOPE")},
        [
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: NOPE at /States/A/Next",
            "MISSING_END_STATE: Workflow has no terminal state",
        ],
    ),
    "a rule of a Choice": (
        {"A": {"Type": "Choice", "Choices": [{"Next": "NOPE"}], "Default": "B"}, "B": PASS},
        ["MISSING_TRANSITION_TARGET: Missing 'Next' target: NOPE at /States/A/Choices[0]/Next"],
    ),
    "the Default of a Choice": (
        {"A": {"Type": "Choice", "Choices": [{"Next": "B"}], "Default": "NOPE"}, "B": PASS},
        ["MISSING_TRANSITION_TARGET: Missing 'Next' target: NOPE at /States/A/Default"],
    ),
    "a Catch": (
        {"A": {**PASS, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "NOPE"}]}},
        ["MISSING_TRANSITION_TARGET: Missing 'Next' target: NOPE at /States/A/Catch[0]/Next"],
    ),
    "a branch, which leads only inside itself": (
        {"A": {**PASS, "Type": "Parallel", "Branches": [{"StartAt": "B", "States": {"B": on("A")}}]}},
        [
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: A at /States/A/Branches[0]/States/B/Next",
            "MISSING_END_STATE: Workflow has no terminal state",
        ],
    ),
    "both Next and End": (
        {"A": on("B", End=True), "B": PASS},
        ["SCHEMA_VALIDATION_FAILED: These fields are mutually exclusive: Next, End at /States/A"],
    ),
    "nothing": ({"A": on("B"), "B": {"Type": "Succeed"}}, []),
}


@pytest.mark.parametrize("name", CASES)
def test_a_definition_is_refused_as_aws_refuses_it(name):
    states, expected = CASES[name]

    assert refusals({"StartAt": "A", "States": states}) == expected


def test_a_distributed_map_is_not_for_express():
    inside = {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "StartAt": "B", "States": {"B": PASS}}
    machine = {"StartAt": "A", "States": {"A": {**PASS, "Type": "Map", "ItemProcessor": inside}}}

    assert refusals(machine) == []
    assert "DISTRIBUTED" in refusals(machine, is_express=True)[0]


def test_what_moto_reads_lacks_only_what_the_emulator_does_itself():
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}
    inside = {"ProcessorConfig": config, "StartAt": "B", "States": {"B": PASS}}
    each = {**PASS, "Type": "Map", "ItemProcessor": inside, "ToleratedFailurePercentage": 5}
    machine = {"StartAt": "A", "States": {"A": {**each, "ItemBatcher": {"MaxItemsPerBatch": 2}}}}
    read = in_words_of_moto(machine)

    assert "ItemBatcher" in machine["States"]["A"]
    assert repr(read["States"]["A"].pop("ToleratedFailurePercentage")) == "5.0"
    assert read["States"]["A"]["ItemProcessor"]["ProcessorConfig"] == {**config, "ExecutionType": "STANDARD"}
    assert set(read["States"]["A"]) == {"Type", "End", "ItemProcessor"}
