"""All rules: each has a case on both sides of its boundary, its change mends it, and none ever raises."""

import dataclasses

import pytest
from hypothesis import given

import chainkit as ck
from chainkit.checks.check import RULES
from chainkit.checks.findings import SEVERITIES
from chainkit.operations import replay
from tests.checks.cases import CASES, found
from tests.examples import EXAMPLES
from tests.strategies import chains

# Where two ways are open, or data and code have to change, there is no change to offer.
BY_HAND = {
    "dead-letters-to-the-same-function",
    "payload-over-limit",
    "state-over-limit",
    "reservations-over-account",
    "links-over-quota",
    "init-over-limit",
    "synchronous-depth",
}


def test_every_rule_has_its_cases_and_is_named_as_its_findings() -> None:
    assert {rule.__name__.replace("_", "-") for rule in RULES} == set(CASES)


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_finds_its_case_once_and_not_the_one_at_the_boundary(rule: str) -> None:
    has, has_not = CASES[rule](True), CASES[rule](False)

    assert (has.validate(), has_not.validate()) == ([], [])
    assert len(found(has, rule)) == 1
    assert found(has_not, rule) == []


@pytest.mark.parametrize("rule", CASES)
def test_its_change_mends_it_and_leaves_a_chain_that_can_be_built(rule: str) -> None:
    chain = CASES[rule](True)
    (finding,) = found(chain, rule)
    mended = replay(chain.copy(), finding.change)

    assert (finding.change == ()) == (rule in BY_HAND)
    if finding.change:
        assert found(mended, rule) == []
        assert mended.validate() == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.__name__)
def test_all_changes_of_an_example_can_be_carried_out_one_after_the_other(example) -> None:
    chain = example()
    findings = ck.check(chain)
    replay(chain, [operation for finding in findings for operation in finding.change])
    mended = {(finding.rule, finding.where) for finding in findings if finding.change}

    assert chain.validate() == []
    assert mended & {(finding.rule, finding.where) for finding in ck.check(chain)} == set()


@given(chain=chains())
def test_every_finding_says_everything_about_something_that_is_there(chain: ck.Chain) -> None:
    there = {*chain.services, *chain.links}
    before = chain.copy()
    for finding in ck.check(chain):
        texts = [getattr(finding, field.name) for field in dataclasses.fields(finding) if field.name != "change"]

        assert all(isinstance(text, str) and text for text in texts)
        assert finding.severity in SEVERITIES
        assert finding.where in there
    assert chain == before


@given(chain=chains().filter(lambda chain: not chain.validate()))
def test_a_change_never_breaks_a_chain_and_always_removes_its_finding(chain: ck.Chain) -> None:
    for finding in ck.check(chain):
        mended = replay(chain.copy(), finding.change)

        assert mended.validate() == []
        assert not finding.change or finding.where not in [other.where for other in found(mended, finding.rule)]


def test_the_findings_of_the_order_chain() -> None:
    actual = [(finding.severity, finding.where, finding.rule) for finding in ck.check(ck.example("orders"))]

    assert actual == [
        ("high", "shipping", "events-without-destination"),
        ("high", "confirm", "events-without-destination"),
        ("medium", "events", "deliveries-without-dead-letters"),
        ("medium", "jobs>jobs-dead", "receive-count-below-five"),
        ("low", "validate>inventory", "billed-while-waiting"),
    ]


def test_the_findings_of_the_order_chain_as_a_state_machine() -> None:
    actual = [(finding.severity, finding.where, finding.rule) for finding in ck.check(ck.example("orders-sfn"))]

    assert actual == [("medium", "api>flow", "caller-gives-up-first")]


def test_a_chain_with_errors_is_judged_as_far_as_it_can_be() -> None:
    chain = CASES["queue-without-dead-letters"](True)
    chain.add(ck.StateMachine("flow", definition={"StartAt": "Nowhere", "States": {}}))
    chain.set("jobs", visibility_timeout_s=5)

    assert len(chain.validate()) > 1
    assert [finding.rule for finding in ck.check(chain)] == ["queue-without-dead-letters", "batch-fails-whole"]


def test_what_is_no_chain_is_refused() -> None:
    with pytest.raises(ck.ConfigError, match="check: 'orders' is no chain"):
        ck.check("orders")
