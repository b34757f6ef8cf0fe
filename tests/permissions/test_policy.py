"""The documents of a chain: references become ARNs of the form that AWS's service authorization reference gives."""

import re

import pytest

import chainkit as ck
from chainkit.permissions.policy import Deployed
from chainkit.service import references
from tests.examples import EXAMPLES, events, orders

# Service Authorization Reference, resource types (2026), with names of "events", "orders" in place of the variables.
ARNS = {
    "Audit": "arn:aws:sqs:us-east-1:123456789012:events-audit",
    "News": "arn:aws:sns:us-east-1:123456789012:events-news",
    "Shop": "arn:aws:events:us-east-1:123456789012:event-bus/events-shop",
    "ShopMailRule": "arn:aws:events:us-east-1:123456789012:rule/events-shop/ShopMailRule",
    "Pay": "arn:aws:lambda:us-east-1:123456789012:function:events-pay",
    "PayLogs": "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/events-pay:*",
    "PayRole": "arn:aws:iam::123456789012:role/events-pay-us-east-1",
    "Flow": "arn:aws:states:us-east-1:123456789012:stateMachine:events-flow",
}


@pytest.mark.parametrize(("logical", "expected"), ARNS.items())
def test_a_resource_has_the_arn_that_aws_gives_it(logical, expected):
    assert Deployed(events()).arn(logical) == expected


@pytest.mark.parametrize("example", EXAMPLES)
def test_no_document_has_an_unresolved_or_unknown_name_in_it(example):
    deployed = Deployed(example())
    documents = [d for r in deployed.roles.values() for d in (r.trust, r.allows)]
    documents += [d for found in deployed.policies.values() for d in found]

    assert [*references([d.statements for d in documents])] == []
    assert re.findall(r"\$\{|arn:aws:unknown|Fn::", str([d.statements for d in documents])) == []


def test_a_role_has_its_trust_and_what_it_allows():
    role = Deployed(orders()).roles["arn:aws:iam::123456789012:role/orders-validate-us-east-1"]

    assert role.trust.statements == (
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
        },
    )
    assert role.allows.statements[1] == {
        "Effect": "Allow",
        "Action": ["sqs:SendMessage"],
        "Resource": "arn:aws:sqs:us-east-1:123456789012:orders-jobs",
    }


def test_a_permission_is_the_statement_that_lambda_makes_of_it():
    found = Deployed(orders()).policies["arn:aws:lambda:us-east-1:123456789012:function:orders-validate"]

    (document,) = found
    assert document.statements == (
        {
            "Effect": "Allow",
            "Principal": {"Service": "apigateway.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": "arn:aws:lambda:us-east-1:123456789012:function:orders-validate",
            "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:execute-api:us-east-1:123456789012:Api/*"}},
        },
    )


def test_the_region_is_the_chains():
    chain = ck.Chain("far", region="ap-southeast-1")
    chain.add(ck.SqsQueue("jobs"))

    assert Deployed(chain).arn("Jobs") == "arn:aws:sqs:ap-southeast-1:123456789012:far-jobs"
