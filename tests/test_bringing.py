"""What a link brings: exactly what the template has with it and has not without it."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import chainkit as ck
from chainkit.bringing import Brought, brings
from chainkit.chain import Chain
from chainkit.service import logical_id, references, registry
from chainkit.wiring import fitting
from tests.examples import EXAMPLES
from tests.strategies import chains, links_of

PAIRS = [
    (a, b, word)
    for a in sorted(registry)
    for b in sorted(registry)
    for word in fitting(registry[a]("a"), registry[b]("b"))
]
ADMISSIONS = {"AWS::Lambda::Permission", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"}
TOLD_BY_OTHERS = {"Policies", "Environment", "Code"}
"""Properties whose gain is a permission, a variable, or the stand-in's own code."""


def joined(a: str, b: str, word: str) -> tuple[Chain, Chain]:
    """Return two services without and with a link between them."""
    apart = ck.Chain("one")
    apart.add(registry[a]("first"))
    apart.add(registry[b]("second"))
    chain = apart.copy()
    chain.connect("first", "second", link=word)
    return apart, chain


class Parts:
    """A template in the words that `brings` uses: names of services instead of ids."""

    def __init__(self, chain: Chain) -> None:
        self.resources = ck.template(chain)["Resources"]
        self.names = {logical_id(name): name for name in chain.services}
        self.roles = {logical_id(name, "role"): name for name in chain.services}

    def permissions(self) -> set[tuple[str, tuple[str, ...], frozenset[str]]]:
        """Return (service, actions, services that they are allowed on)."""
        return {
            (self.roles[key], tuple(statement["Action"]), frozenset(self._about(statement["Resource"])))
            for key, resource in self.resources.items()
            if resource["Type"] == "AWS::IAM::Role"
            for policy in resource["Properties"].get("Policies", [])
            for statement in policy["PolicyDocument"]["Statement"]
        }

    def admitted(self) -> set[tuple[str, str]]:
        """Return (service, principal) of every resource policy."""
        found = set()
        for resource in self.resources.values():
            p = resource["Properties"]
            if resource["Type"] == "AWS::Lambda::Permission":
                found |= {(name, p["Principal"]) for name in self._about(p["FunctionName"])}
            elif resource["Type"] in ADMISSIONS:
                statements, where = p["PolicyDocument"]["Statement"], p.get("Queues") or p.get("Topics")
                found |= {(name, s["Principal"]["Service"]) for name in self._about(where) for s in statements}
        return found

    def variables(self) -> set[tuple[str, str]]:
        """Return (service, name) of every environment variable."""
        return {
            (self.names[key], name)
            for key, resource in self.resources.items()
            for name in resource["Properties"].get("Environment", {}).get("Variables", {})
        }

    def types(self) -> list[str]:
        """Return the types of all resources but the policies that let others in, sorted."""
        return sorted(r["Type"] for r in self.resources.values() if r["Type"] not in ADMISSIONS)

    def changed(self, other: "Parts") -> set[str]:
        """Return the services whose own resources have a property of another value there."""
        return {
            self.names[key]
            for key, resource in self.resources.items()
            for name, value in resource["Properties"].items()
            if key in self.names and name not in TOLD_BY_OTHERS
            if other.resources.get(key, {"Properties": {}})["Properties"].get(name) != value
        }

    def _about(self, value: Any) -> set[str]:
        return {self.names[key] for key in references(value) if key in self.names}


def of(kind: str, told: tuple[Brought, ...]) -> list[Brought]:
    return [each for each in told if each.kind == kind]


@pytest.mark.parametrize(("a", "b", "word"), PAIRS)
def test_a_link_brings_what_the_template_gains(a: str, b: str, word: str) -> None:
    apart, chain = joined(a, b, word)
    if chain.validate():
        pytest.skip("AWS has no such link: the chain says so itself")
    told, before, after = brings(chain, "first>second"), Parts(apart), Parts(chain)

    permissions = {(where, what.rpartition(" on ")) for _, where, what in map(_parts, of("permission", told))}
    assert {
        (who, ", ".join(actions), *about) for who, actions, about in after.permissions() - before.permissions()
    } == {(where, actions, other) for where, (actions, _, other) in permissions}
    policies = {(each.where, each.what.split()[1]) for each in of("policy", told)}
    assert after.admitted() - before.admitted() == policies
    assert {(each.where, each.what) for each in of("variable", told)} == after.variables() - before.variables()
    gained = sorted([*before.types(), *(each.what.partition(",")[0] for each in of("resource", told))])
    assert gained == after.types()
    settings = {each.where for each in of("setting", told)}
    assert after.changed(before) <= settings


def _parts(each: Brought) -> tuple[str, str, str]:
    return each.kind, each.where, each.what


@given(data=st.data())
def test_what_a_chain_has_because_of_a_link_is_told(data: st.DataObject) -> None:
    chain = data.draw(st.one_of(st.sampled_from(EXAMPLES).map(lambda make: make()), chains()))
    assume(links_of(chain))
    key = data.draw(st.sampled_from(sorted(links_of(chain))))
    apart = chain.copy()
    apart.remove(key)
    assume(not chain.validate())
    assume(not apart.validate())
    try:
        before, after = Parts(apart), Parts(chain)
    except ck.ChainkitError:  # no CloudFormation form, or no code: what it brings is told all the same
        assert brings(chain, key) is not None
        return
    told = brings(chain, key)

    permissions = {(each.where, each.what.rpartition(" on ")[0]) for each in of("permission", told)}
    gained = after.permissions() - before.permissions()
    assert {(who, ", ".join(actions)) for who, actions, _ in gained} <= permissions
    assert after.admitted() - before.admitted() <= {(e.where, e.what.split()[1]) for e in of("policy", told)}
    assert after.variables() - before.variables() <= {(each.where, each.what) for each in of("variable", told)}
    assert {*after.types()} - {*before.types()} <= {each.what.partition(",")[0] for each in of("resource", told)}


def test_a_destination_on_a_topic_is_told_by_its_name_alone() -> None:
    _, chain = joined("LambdaFunction", "SnsTopic", "on_failure")

    assert [str(each) for each in of("setting", brings(chain, "first>second"))] == [
        "setting of first: on failure to second"
    ]


def test_a_role_that_stands_already_is_not_brought_again() -> None:
    chain = ck.Chain("one")
    chain.add(ck.HttpApi("api"))
    chain.add(ck.SqsQueue("jobs"))
    chain.add(ck.SqsQueue("more"))
    chain.connect("api", "jobs", probability=0.5, route="POST /jobs")
    first = brings(chain, "api>jobs")
    chain.connect("api", "more", probability=0.5, route="POST /more")

    assert "resource of api: AWS::IAM::Role" in map(str, first)
    assert "resource of api: AWS::IAM::Role" not in map(str, brings(chain, "api>more"))


def test_a_link_of_a_chain_with_errors_says_what_it_brings() -> None:
    _, chain = joined("HttpApi", "LambdaFunction", "async")

    assert chain.validate()
    assert "policy of second: lets apigateway.amazonaws.com in, for first alone" in map(
        str, brings(chain, "first>second")
    )


def test_a_link_that_aws_does_not_have_is_refused() -> None:
    _, chain = joined("HttpApi", "StateMachine", "sync")

    with pytest.raises(ck.WiringError, match="gives its caller no answer to wait for"):
        brings(chain, "first>second")


def test_a_link_that_is_not_there_is_refused() -> None:
    with pytest.raises(ck.WiringError, match="has no link 'a>b'"):
        brings(ck.Chain("one"), "a>b")
