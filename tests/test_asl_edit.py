"""Edits of a definition: the shape of ASL always, nothing lost, and what is refused is told."""

import json
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

import chainkit as ck
from chainkit import asl, asl_edit
from chainkit.asl_bodies import TYPES, Called, action_for
from chainkit.asl_figures import figures
from chainkit.asl_ways import ENDS, names, way, ways

DONE = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
FLOW = {
    "Comment": "our own",
    "StartAt": "Pay",
    "States": {
        "Pay": {"Type": "Task", "Resource": "${pay}", "Next": "Paid?", "Retry": [{"ErrorEquals": ["States.ALL"]}]},
        "Paid?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.paid", "BooleanEquals": True, "Next": "Both"}],
            "Default": "Refused",
        },
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Mail", "States": {"Mail": {"Type": "Pass", "End": True}}},
                {
                    "StartAt": "Ship",
                    "States": {"Ship": {"Type": "Pass", "Next": "Box"}, "Box": {"Type": "Pass", "End": True}},
                },
            ],
            "End": True,
        },
        "Refused": {"Type": "Fail", "Error": "Refused"},
    },
}  # fmt: skip


def machine(definition, **settings):
    return ck.StateMachine("flow", definition=definition, **settings)


def problems(definition):
    return [error.problem for error in machine(definition).problems({"pay": ck.LambdaFunction("pay")})]


def as_text(definition):
    """Return a definition with its order of keys."""
    return json.dumps(definition)


def led(definition):
    return {(each.source, each.word, each.target) for each in ways(definition)}


# --- adding ---


@pytest.mark.parametrize("language", ["JSONPath", "JSONata"])
@pytest.mark.parametrize("kind", TYPES)
def test_a_state_put_into_a_way_is_what_aws_accepts(kind, language):
    start = {"QueryLanguage": language, **DONE}
    if kind in ENDS:
        with pytest.raises(ck.ConfigError, match="leads nowhere"):
            asl_edit.insert(start, "New", kind, ways(start)[0].key)
        return
    made = asl_edit.insert(start, "New", kind, ways(start)[0].key, calls=Called("pay"))

    assert problems(made) == []
    assert made["StartAt"] == "New"


def test_a_state_takes_over_where_the_one_before_it_led():
    made = asl_edit.add(FLOW, "Rest", "Wait", after="Pay")

    assert {("Pay", "Next", "Rest"), ("Rest", "Next", "Paid?")} <= led(made)
    assert [*made["States"]][:2] == ["Pay", "Rest"]
    assert [*made["States"]["Pay"]] == [*FLOW["States"]["Pay"]]


def test_a_state_behind_a_choice_gets_its_default_and_then_rules():
    one = asl_edit.add(DONE, "Which", "Choice")
    for k, word in enumerate(("rule", "Default", "rule")):
        one = asl_edit.add(one, f"Way {k}", "Pass", after="Which")
        assert ("Which", word, f"Way {k}") in led(one)


def test_what_fails_after_a_task_that_goes_on_catches_its_errors():
    made = asl_edit.add(FLOW, "Lost", "Fail", after="Pay")

    assert ("Pay", "Catch", "Lost") in led(made)
    assert ("Pay", "Next", "Paid?") in led(made)


def test_states_are_added_inside_a_branch():
    made = asl_edit.add(FLOW, "Stamp", "Pass", within=("Both", 1))

    assert [*made["States"]["Both"]["Branches"][1]["States"]] == ["Ship", "Box", "Stamp"]


def test_a_task_names_the_service_it_calls_as_the_action_wants_it():
    services = [ck.LambdaFunction("s"), ck.SqsQueue("s"), ck.SnsTopic("s"), ck.EventBus("s"), ck.StateMachine("s")]
    for language in ("JSONPath", "JSONata"):
        for service in services:
            made = asl_edit.insert(
                {"QueryLanguage": language, **DONE}, "Call", "Task", ways(DONE)[0].key,
                calls=Called("s", action_for(service.port.accepts)),
            )  # fmt: skip
            assert machine(made).problems({"s": service}) == []
            assert [(task[0], task[1]) for task in machine(made).tasks()] == [("Call", "s")]


def test_a_task_calls_another_service_and_keeps_its_retries():
    plain = asl_edit.call(FLOW, "Pay", Called("jobs", "sqs:sendMessage"))
    again = asl_edit.call(plain, "Pay", Called("other", "sqs:sendMessage"))

    assert again["States"]["Pay"]["Parameters"] == {"QueueUrl": "${other}", "MessageBody.$": "$"}
    assert again["States"]["Pay"]["Retry"] == FLOW["States"]["Pay"]["Retry"]


def test_an_unwrapped_answer_goes_when_no_function_is_called_any_more():
    task = asl_edit.insert(DONE, "Call", "Task", ways(DONE)[0].key, calls=Called("pay"))

    assert "OutputPath" in task["States"]["Call"]
    assert "OutputPath" not in asl_edit.call(task, "Call", Called("jobs", "sqs:sendMessage"))["States"]["Call"]


# --- connecting ---


def test_next_takes_the_place_of_end_and_end_that_of_next():
    start = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True, "Comment": "c"}, "B": {"Type": "Succeed"}}}
    there = asl_edit.connect(start, "A", "B")

    assert as_text(there["States"]["A"]) == '{"Type": "Pass", "Next": "B", "Comment": "c"}'
    assert as_text(asl_edit.disconnect(there, "A\nNext 0")) == as_text(start)


def test_a_choice_is_led_by_rules_and_by_default():
    assert asl_edit.fitting(FLOW, "Paid?", "Pay") == ["rule", "Default"]
    assert ("Paid?", "rule", "Pay") in led(asl_edit.connect(FLOW, "Paid?", "Pay"))
    assert ("Paid?", "Default", "Pay") in led(asl_edit.connect(FLOW, "Paid?", "Pay", "Default"))


def test_a_task_catches_all_errors_once():
    once = asl_edit.connect(FLOW, "Pay", "Refused", "Catch")
    twice = asl_edit.connect(once, "Pay", "Both", "Catch")

    assert once["States"]["Pay"]["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "Refused"}]
    assert twice["States"]["Pay"]["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "Both"}]
    assert as_text(asl_edit.disconnect(once, "Pay\nCatch 0")) == as_text(FLOW)


def test_the_start_of_a_machine_and_of_a_branch_can_be_led_elsewhere():
    assert asl_edit.connect(FLOW, "", "Both")["StartAt"] == "Both"
    inner = asl_edit.connect(FLOW, "Both", "Box")["States"]["Both"]["Branches"]
    assert [branch["StartAt"] for branch in inner] == ["Mail", "Box"]


@pytest.mark.parametrize(
    ("act", "problem"),
    [
        (lambda: asl_edit.add(FLOW, "Mail", "Pass"), "'Mail' is there already"),
        (lambda: asl_edit.add(FLOW, "x" * 81, "Pass"), "81 characters"),
        (lambda: asl_edit.add(FLOW, "", "Pass"), "0 characters"),
        (lambda: asl_edit.add(FLOW, "New", "Taks"), r"'Taks' is unknown \(did you mean 'Task'"),
        (lambda: asl_edit.add(FLOW, "New", "Pass", after="Refused"), "nothing can follow"),
        (lambda: asl_edit.add(FLOW, "New", "Fail", after="Ship"), "would cut the flow"),
        (lambda: asl_edit.add(FLOW, "New", "Pass", within=("Both", 2)), "no branch 3"),
        (lambda: asl_edit.add(FLOW, "New", "Pass", within=("Pay", 0)), "no branch 1"),
        (lambda: asl_edit.connect(FLOW, "Pya", "Both"), r"'Pya' is not in the machine \(did you mean 'Pay'"),
        (lambda: asl_edit.connect(FLOW, "Refused", "Pay"), "it leads nowhere"),
        (
            lambda: asl_edit.connect(FLOW, "Pay", "Mail"),
            "'Mail': it stands inside 'Both', and 'Pay' in the machine itself",
        ),
        (lambda: asl_edit.connect(FLOW, "Mail", "Ship"), "inside 'Both'"),
        (lambda: asl_edit.connect(FLOW, "", "Mail"), "cannot start at 'Mail'"),
        (lambda: asl_edit.connect(FLOW, "Mail", "Mail"), "never end"),
        (lambda: asl_edit.connect(FLOW, "Mail", "Mail", "Next"), "never end"),
        (lambda: asl_edit.connect(FLOW, "Ship", "Box", "Catch"), "'Catch' does not lead"),
        (lambda: asl_edit.disconnect(FLOW, "\nStart 0"), "needs a state to start at"),
        (lambda: asl_edit.disconnect(FLOW, "Pay\nCatch 0"), "there is no way"),
        (lambda: asl_edit.rename(FLOW, "Pay", "Box"), "'Box' is there already"),
        (lambda: asl_edit.remove(DONE, "Done"), "the only one of the machine"),
        (lambda: asl_edit.add_branch(FLOW, "Pay"), "only a Parallel has branches"),
        (lambda: asl_edit.call(FLOW, "Both", Called("pay")), "only a Task calls"),
        (lambda: asl_edit.put(FLOW, "Pay", Retry=[{"ErrorEquals": []}]), "Retry.0.ErrorEquals"),
    ],
)
def test_a_wrong_edit_says_what_is_wrong_and_what_to_do(act, problem):
    with pytest.raises(ck.ConfigError, match=problem) as refused:
        act()
    assert refused.value.fix


# --- removing and renaming ---


def test_what_led_to_a_removed_state_leads_on():
    gone = asl_edit.remove(FLOW, "Paid?")

    assert ("Pay", "Next", "Refused") in led(gone)  # where the Default led


def test_what_led_to_a_removed_end_ends():
    gone = asl_edit.remove(FLOW, "Both")

    assert gone["States"]["Paid?"]["Choices"] == []
    assert asl_edit.remove(FLOW, "Refused")["States"]["Paid?"].keys() == {"Type", "Choices"}


def test_the_last_state_of_a_branch_takes_the_branch_with_it():
    gone = asl_edit.remove(FLOW, "Mail")

    assert len(gone["States"]["Both"]["Branches"]) == 1
    with pytest.raises(ck.ConfigError, match="only one of 'Both'"):
        asl_edit.remove(asl_edit.remove(gone, "Box"), "Ship")


def test_branches_are_added():
    more = asl_edit.add_branch(FLOW, "Both")

    assert problems(more) == problems(FLOW)
    assert more["States"]["Both"]["Branches"][2]["StartAt"] == "Branch"


# --- laws, over random edits of random machines ---

PICK = st.integers(0, 10_000)
VERBS = ("add", "after", "within", "insert", "connect", "disconnect", "rename", "remove", "branch")
STEPS = st.lists(st.tuples(st.sampled_from(VERBS), PICK, PICK, PICK), max_size=25)


def edited(definition, step):
    """Return the definition after one random edit; what is refused leaves it as it is."""
    verb, a, b, c = step
    there, kind = names(definition), TYPES[c % len(TYPES)]
    one, other = there[a % len(there)], there[b % len(there)]
    new = asl_edit.free_name(definition, kind)
    led_ = ways(definition)
    holders = [(n, 0) for n in there] + [("", 0)]
    try:
        match verb:
            case "add":
                return asl_edit.add(definition, new, kind, calls=Called("pay"))
            case "after":
                return asl_edit.add(definition, new, kind, after=one)
            case "within":
                return asl_edit.add(definition, new, kind, within=holders[a % len(holders)])
            case "insert":
                return asl_edit.insert(definition, new, kind, led_[a % len(led_)].key)
            case "connect":
                words = asl_edit.fitting(definition, one, other)
                return asl_edit.connect(definition, one, other, words[c % len(words)])
            case "disconnect":
                return asl_edit.disconnect(definition, led_[a % len(led_)].key)
            case "rename":
                return asl_edit.rename(definition, one, f"{one}{c % 7}")
            case "remove":
                return asl_edit.remove(definition, one)
            case _:
                return asl_edit.add_branch(definition, one)
    except ck.ConfigError:
        return definition


def machines():
    def build(steps, language):
        made = {"QueryLanguage": language, **deepcopy(FLOW)}
        for step in steps:
            made = edited(made, step)
        return made

    return st.builds(build, STEPS, st.sampled_from(["JSONPath", "JSONata"]))


@given(start=machines(), steps=STEPS)
def test_edits_never_lose_the_shape_of_asl_nor_change_what_they_were_given(start, steps):
    now = start
    for step in steps:
        before = as_text(now)
        new = edited(now, step)
        assert as_text(now) == before
        kept = figures(now, new, choices={}, items={}, result_bytes={})
        assert machine(new, **kept).definition == new
        assert asl.read(as_text(new)) == new
        assert all(each.target in names(new) for each in ways(new))
        assert len(set(names(new))) == len(names(new))
        now = new


@given(start=machines(), pick=PICK)
def test_renaming_back_and_forth_is_identity(start, pick):
    old = names(start)[pick % len(names(start))]
    there = asl_edit.rename(start, old, "quite another name")

    assert old not in names(there)
    assert as_text(asl_edit.rename(there, "quite another name", old)) == as_text(start)


@given(start=machines(), pick=PICK, kind=st.sampled_from(TYPES), verb=st.sampled_from(["add", "after", "insert"]))
def test_removing_what_was_added_is_identity(start, pick, kind, verb):
    all_ways = [each for each in ways(start) if each.source != each.target]
    after = names(start)[pick % len(names(start))]
    try:
        if verb == "add":
            there = asl_edit.add(start, "New", kind)
        elif verb == "after":
            there = asl_edit.add(start, "New", kind, after=after)
        else:
            there = asl_edit.insert(start, "New", kind, all_ways[pick % len(all_ways)].key)
    except ck.ConfigError:
        return

    assert as_text(asl_edit.remove(there, "New")) == as_text(start)


@given(start=machines(), pick=PICK)
def test_taking_away_a_way_that_was_drawn_is_identity(start, pick):
    one = names(start)[pick % len(names(start))]
    for other in names(start):
        try:
            there = asl_edit.connect(start, one, other)
        except ck.ConfigError:
            continue
        drawn = [each.key for each in ways(there) if each.key not in {w.key for w in ways(start)}]
        if drawn and way(there, drawn[0]).word == "Next":
            assert as_text(asl_edit.disconnect(there, drawn[0])) == as_text(start)


# --- real definitions ---


def real_definitions(corpus: Path):
    yaml = YAML(typ="safe")
    yaml.version = (1, 1)
    return {f.name: asl.read(yaml.load(f.read_text(encoding="utf-8"))) for f in sorted((corpus / "asl").iterdir())}


def test_editing_a_real_definition_loses_nothing(corpus: Path):
    for file, real in real_definitions(corpus).items():
        for name in names(real):
            back = asl_edit.rename(asl_edit.rename(real, name, "another"), "another", name)
            assert as_text(back) == as_text(real), file
        for each in ways(real):
            there = asl_edit.insert(real, "New", "Wait", each.key)
            if each.source != each.target:
                assert as_text(asl_edit.remove(there, "New")) == as_text(real), file
