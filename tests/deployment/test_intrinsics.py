"""Intrinsic functions without CloudFormation."""

import pytest

from chainkit.deployment.intrinsics import resolved


def lookup(name, attribute):
    return f"<{name}>" if attribute is None else f"<{name}.{attribute}>"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        (3, 3),
        (b"zip", b"zip"),
        ({"Ref": "Jobs"}, "<Jobs>"),
        ({"Ref": "AWS::Region"}, "<AWS::Region>"),
        ({"Fn::GetAtt": ["Jobs", "Arn"]}, "<Jobs.Arn>"),
        ({"Fn::Sub": "a-${Jobs}-${Pay.Arn}-${!literal}"}, "a-<Jobs>-<Pay.Arn>-${literal}"),
        ({"Fn::Join": [":", ["a", {"Ref": "Jobs"}, 3]]}, "a:<Jobs>:3"),
        ({"A": [{"B": {"Ref": "Jobs"}}]}, {"A": [{"B": "<Jobs>"}]}),
        ({"Ref": "Jobs", "and": "more"}, {"Ref": "Jobs", "and": "more"}),
    ],
)
def test_an_intrinsic_function_becomes_what_it_stands_for(value, expected):
    assert resolved(value, lookup) == expected
