"""Faults: which settings change in which chain, and what is refused."""

import pytest

import chainkit as ck
from chainkit.faults.changing import as_faults, changed


def chains() -> dict[str, ck.Chain]:
    one, other = ck.Chain("one"), ck.Chain("other")
    for chain in (one, other):
        chain.add(ck.LambdaFunction("ask"))
        chain.add(ck.LambdaFunction("pay", timeout_s=2))
    one.connect("ask", "pay")
    other.add(ck.SqsQueue("jobs"))
    other.connect("ask", "jobs")
    other.connect("jobs", "pay")
    return {"one": one, "other": other}


def test_the_chains_themselves_stay_as_they_are():
    known = chains()
    broken, notes = changed("down", {"pay.error_rate": 1.0, "pay.timeout_s": 1}, known)

    assert [chain.service("pay").error_rate for chain in broken.values()] == [1.0, 1.0]
    assert [chain.service("pay").timeout_s for chain in known.values()] == [2, 2]
    assert notes == {"one": "", "other": ""}


def test_a_link_breaks_where_it_is():
    broken, notes = changed("stuck", {"jobs>pay.maximum_concurrency": 2, "pay.timeout_s": 1}, chains())

    assert broken["other"].link("jobs>pay").maximum_concurrency == 2
    assert broken["one"].service("pay").timeout_s == 1
    assert notes == {"one": "has no 'jobs>pay'", "other": ""}


def test_what_is_fused_into_another_function_breaks_there():
    one = chains()["one"]
    known = {"one": one, "fused": ck.variants(one, ["fused"])["fused"].chain}
    change = {"pay.error_rate": 1.0, "pay.error_name": "Down", "pay.timeout_s": 1}
    broken, notes = changed("down", change, known)

    part = broken["fused"].service("ask").parts["pay"]
    assert (part.error_rate, part.error_name) == (1.0, "Down")
    assert known["fused"].service("ask").parts["pay"].error_rate == 0
    assert notes == {"one": "", "fused": "has no 'pay.timeout_s'"}  # which only a function of its own has
    with pytest.raises(ck.ConfigError, match=r"fault 'down': 'fused': .*error_rate=2"):
        changed("down", {"pay.error_rate": 2}, {"fused": known["fused"]})


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ([], "faults=\\[\\] is no mapping"),
        ({"down": {}}, "faults\\['down'\\]={} holds no settings"),
        ({"down": {"pay": 1.0}}, "holds no settings"),
        ({"down": 1.0}, "holds no settings"),
        ({1: {"pay.error_rate": 1.0}}, "holds no settings"),
    ],
)
def test_what_is_no_fault_is_refused(faults, words):
    with pytest.raises(ck.ConfigError, match=words):
        as_faults(faults)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pai.error_rate": 1.0}, "no chain has a service or link 'pai' .did you mean 'pay'"),
        ({"pay.error_rat": 1.0}, "'pay' has no setting 'error_rat' .did you mean 'error_rate'"),
        ({"pay.error_rate": 2.0}, "fault 'down': 'one': .*error_rate=2.0"),
        ({"pay.name": "other"}, "'pay' has no setting 'name'"),
    ],
)
def test_a_setting_that_no_chain_has_is_refused(change, words):
    with pytest.raises(ck.ConfigError, match=words):
        changed("down", change, chains())


def test_nothing_is_broken_unasked():
    assert as_faults(None) == {}
