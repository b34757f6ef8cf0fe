"""Findings of IAM Access Analyzer, in the form of its API, beside what the design grants."""

import json

import pytest

import chainkit as ck
from tests.examples import orders

PAY = "arn:aws:iam::111122223333:role/orders-pay-us-east-1"


def finding(*details, resource=PAY, **more):
    return {"id": "f", "resource": resource, "status": "ACTIVE", "findingDetails": list(details), **more}


def permissions(service, *actions, **more):
    return {"unusedPermissionDetails": {"serviceNamespace": service, "actions": [*actions], **more}}


def rows(findings):
    return [(u.role, u.action, u.last_used, u.links) for u in ck.policies(orders()).unused(findings)]


def test_an_action_that_a_link_needs_says_that_the_link_never_ran():
    action = {"action": "DeleteMessage", "lastAccessed": "2026-08-01T00:00:00Z"}

    assert rows(finding(permissions("sqs", action))) == [
        ("orders-pay-us-east-1", "sqs:DeleteMessage", "2026-08-01T00:00:00Z", ("jobs>pay",))
    ]


def test_an_action_that_no_link_needs_is_from_elsewhere():
    (found,) = ck.policies(orders()).unused(finding(permissions("sqs", {"action": "PurgeQueue"})))

    assert found.links == ()
    assert str(found).endswith("never used; nothing in the design needs it: take it from the role")


def test_a_finding_without_actions_is_about_a_whole_service():
    assert rows(finding(permissions("logs"))) == [("orders-pay-us-east-1", "logs:*", "", ("pay",))]
    assert rows(finding(permissions("s3"))) == [("orders-pay-us-east-1", "s3:*", "", ())]


def test_a_role_that_was_never_used_lists_all_its_links():
    assert rows(finding({"unusedIamRoleDetails": {}})) == [("orders-pay-us-east-1", "*", "", ("jobs>pay", "pay"))]


def test_other_roles_and_findings_that_are_settled_count_not():
    unused = permissions("sqs", {"action": "PurgeQueue"})

    assert rows([finding(unused, resource=PAY.replace("orders", "other")), finding(unused, status="RESOLVED")]) == []


def test_findings_are_read_from_a_file(tmp_path):
    path = tmp_path / "findings.json"
    path.write_text(json.dumps({"findings": [finding(permissions("s3"))]}))

    assert [row[1] for row in rows(path)] == ["s3:*"]
    assert [row[1] for row in rows(str(path))] == ["s3:*"]


@pytest.mark.parametrize("wrong", [{"id": "f"}, [{"resource": PAY}], 3, [None]])
def test_what_is_no_finding_is_refused(wrong):
    with pytest.raises(ck.ConfigError, match="no finding of unused access"):
        rows(wrong)


def test_a_file_that_is_no_json_is_refused(tmp_path):
    (tmp_path / "text.json").write_text("text")

    for name in ("text.json", "missing.json"):
        with pytest.raises(ck.ConfigError, match=name):
            rows(tmp_path / name)
