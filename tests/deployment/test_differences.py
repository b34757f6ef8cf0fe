"""Settings field by field: other forms of one setting are the same, other settings are not."""

import base64
import hashlib

import pytest

from chainkit.deployment.differences import designed, drifted

CODE = base64.b64encode(hashlib.sha256(b"zip").digest()).decode()


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        (30, "30"),
        (0.5, "0.5"),
        (True, "true"),
        ({"a": 1}, '{"a":"1"}'),
        ('{"a": 1}', {"a": 1}),
        ({"Variables": {}}, None),
        ({"Arn": "x"}, {"Arn": "x", "OnSuccess": {}}),
        ([{"a": 1}], [{"a": "1"}]),
        ("", None),
        (b"zip", CODE),
    ],
)
def test_another_form_of_a_setting_is_the_same_setting(asked, got):
    assert drifted(asked, got, "Field") == []


@pytest.mark.parametrize(
    ("asked", "got", "field"),
    [
        (30, "31", "F"),
        (True, "false", "F"),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "F.a.b"),
        ({"a": 1}, None, "F"),
        ({"a": 1}, {"a": 1, "b": 2}, "F.b"),
        ([1, 2], [1], "F"),
        ([1, 2], [1, 3], "F[1]"),
        ([{"a": 1}], [{"a": 2}], "F[0].a"),
        (b"zip", "other", "F"),
        ("a", None, "F"),
        (0, None, "F"),
    ],
)
def test_another_setting_is_a_difference_in_its_field(asked, got, field):
    assert [difference.field for difference in drifted(asked, got, "F")] == [field]


def test_an_intrinsic_function_is_one_value():
    (difference,) = designed({"Role": {"Ref": "A"}}, {"Role": {"Fn::GetAtt": ["A", "Arn"]}})

    assert str(difference) == "Role: A -> A.Arn"


def test_a_difference_knows_its_property():
    (difference,) = designed({"Targets": [{"Id": "a"}]}, {"Targets": [{"Id": "b"}]})

    assert (difference.field, difference.property) == ("Targets[0].Id", "Targets")


def test_a_long_value_is_shown_short():
    (difference,) = designed({"P": "a" * 100}, {"P": b"zip"})

    assert str(difference) == f'P: "{"a" * 56}... -> code {hashlib.sha256(b"zip").hexdigest()[:8]}'


def test_code_is_shown_by_the_same_hash_whether_it_stands_or_is_to_come():
    old, new = b"old", b"new"
    stands = base64.b64encode(hashlib.sha256(old).digest()).decode()
    (found,) = designed({"Zip": stands}, {"Zip": new})

    shown = [hashlib.sha256(each).hexdigest()[:8] for each in (old, new)]
    assert str(found) == f"Zip: code {shown[0]} -> code {shown[1]}"
