"""Text of a definition: written, read, and the lines of its states and of its mistakes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainkit.asl_text import Misread, lines, state_at, understood, written
from chainkit.asl_ways import names, ways
from tests.test_asl_edit import FLOW, machines, real_definitions


@given(machines())
def test_what_is_written_is_understood(definition):
    assert json.dumps(understood(written(definition))) == json.dumps(definition)


@given(machines())
def test_every_state_and_every_way_has_its_lines(definition):
    text = written(definition).split("\n")
    for name in names(definition):
        first, last = lines(definition, name)
        assert text[first - 1].strip().startswith(json.dumps(name, ensure_ascii=False) + ": {")
        assert text[last - 1].strip() in ("}", "},")
        assert state_at(definition, first) == name
    for way in ways(definition):
        first, last = lines(definition, way.key)
        assert json.dumps(way.target, ensure_ascii=False) in "\n".join(text[first - 1 : last])


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ('{\n"StartAt": "A"\n"States": {}}', 3, "a comma or a closing bracket is missing"),
        ('{\n"StartAt": "A",\n}', None, "after the last entry stands no comma"),
        ('{\n"StartAt" "A"}', 2, "a colon is missing"),
        ('{\n"StartAt": }', 2, "a value is missing"),
        ('{\n"StartAt": "A}', 2, "no closing quote"),
        ('{"StartAt": "A\n"}', 1, "broken by a line end"),
        ('{"StartAt": "A\\q"}', 1, "backslash"),
        ('{"StartAt": "A", "States": {}}\n]', 2, "stands after the end"),
        ("", 1, "a value is missing before the end"),
        ("3", 1, "is refused"),
        ('{"StartAt": "A",\n"States": {"A": {"Type": "Wait",\n"Seconds": NaN}}}', 3, "NaN is no number"),
        ('{"StartAt": "A",\n"States": {"A": {"Type": "Pass"},\n"A": {"Type": "Pass"}}}', 3, "'A' stands twice"),
        ('{"StartAt": "A",\n"States": {\n"A": {\n"Type": "Sleep"}}}', 4, "state 'A': Type='Sleep' is refused"),
        ('{"StartAt": "A",\n"States": {\n"A": {\n"Next": "B"}}}', 3, "state 'A': Type"),
        ('{"StartAt": "A"}', 1, "States"),
        (
            '{"StartAt": "A",\n"States": {"A": {"Type": "Parallel", "End": true, "Branches": [{"StartAt": "A",\n'
            '"States": {\n"A": {"Type": "Pass", "End": true}}}]}}}',
            4,
            "'A' stands more than once in the machine",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(text, line, problem):
    wrong = understood(text)

    assert isinstance(wrong, Misread)
    assert problem in wrong.error.problem
    assert wrong.error.fix
    assert line is None or wrong.line == line


@given(machines(), st.integers(0, 10_000))
def test_a_text_that_is_cut_is_told_never_raised(definition, cut):
    text = written(definition)

    assert isinstance(understood(text[: cut % len(text)]), Misread)


def test_an_argument_that_is_called_states_is_no_state():
    task = {"Type": "Task", "Resource": "${pay}", "Parameters": {"States": {"A": {"x": [1]}}}, "End": True}
    definition = {"StartAt": "T", "States": {"T": task}}

    assert {state_at(definition, k) for k in range(5, 15)} == {"T"}


def test_lines_outside_all_states_are_nobodys():
    assert state_at(FLOW, 1) is None


def test_real_definitions_have_lines(corpus):
    for real in real_definitions(corpus).values():
        assert all(lines(real, name) for name in [*names(real), *(way.key for way in ways(real))])
