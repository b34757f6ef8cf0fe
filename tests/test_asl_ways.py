"""The ways between states: all of them, each with a key, led elsewhere in place."""

import pytest

import chainkit as ck
from chainkit.asl_ways import Way, find, insides, names, way, ways
from tests.test_asl_edit import FLOW


def test_every_way_is_found_and_found_again_by_its_key():
    found = ways(FLOW)

    assert [each.word for each in found if each.source in ("", "Pay", "Paid?")] == ["Start", "Next", "rule", "Default"]
    assert [way(FLOW, each.key) for each in found] == found
    assert Way("Both", "Start", 1, "Ship") in found


def test_names_are_those_of_all_scopes():
    assert names(FLOW) == ["Pay", "Paid?", "Both", "Refused", "Mail", "Ship", "Box"]


def test_what_holds_states_says_where_it_stands():
    for inside in insides(FLOW):
        there = FLOW
        for part in inside.path:
            there = there[part]
        assert there is inside.scope


def test_a_state_that_is_not_there_is_named_with_the_nearest():
    with pytest.raises(ck.ConfigError, match="did you mean 'Refused'"):
        find(FLOW, "Refuse")
