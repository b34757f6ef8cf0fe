"""Shares, items and sizes by names of states follow the edits of a definition."""

import chainkit as ck
from chainkit import asl_edit
from chainkit.asl_figures import ITEMS, figures, guessed
from chainkit.asl_ways import ways
from tests.test_asl_edit import FLOW, machine


def test_shares_items_and_sizes_follow_a_renamed_state():
    for old, kind in (("Paid?", "choices"), ("Pay", "result_bytes")):
        new = asl_edit.rename(FLOW, old, "New")
        kept = figures(
            FLOW, new, choices={"Paid?": [0.75, 0.25]}, items={}, result_bytes={"Pay": 5}, renamed={old: "New"}
        )
        assert "New" in kept[kind]
        assert machine(new, **kept).problems({"pay": ck.LambdaFunction("pay")}) == []


def test_a_new_way_gets_its_equal_part_and_the_others_keep_their_proportions():
    more = asl_edit.connect(asl_edit.connect(FLOW, "Paid?", "Pay"), "Paid?", "Refused")
    kept = figures(FLOW, more, choices={"Paid?": [0.8, 0.2]}, items={}, result_bytes={})

    assert kept["choices"] == {"Paid?": [0.4, 0.25, 0.25, 0.1]}
    assert machine(more, **kept).choices == kept["choices"]


def test_a_choice_whose_figures_nobody_gave_stays_without_them():
    more = asl_edit.connect(FLOW, "Paid?", "Pay")

    assert figures(FLOW, more, choices={}, items={}, result_bytes={})["choices"] == {}


def test_a_new_map_has_items_and_a_new_choice_equal_ways():
    new = asl_edit.insert(FLOW, "Each", "Map", ways(FLOW)[0].key)
    new = asl_edit.insert(new, "Which", "Choice", ways(FLOW)[0].key)
    kept = figures(FLOW, new, choices={}, items={}, result_bytes={})

    assert kept == {"choices": {"Which": [0.5, 0.5]}, "items": {"Each": ITEMS}, "result_bytes": {}}


def test_a_state_that_was_renamed_in_the_text_is_found_by_its_type():
    assert guessed(FLOW, asl_edit.rename(FLOW, "Paid?", "Paid")) == {"Paid?": "Paid"}
    assert guessed(FLOW, asl_edit.add(FLOW, "New", "Pass")) == {}
