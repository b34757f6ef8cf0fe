"""Templates: clean to cfn-lint, roles with exactly what the links need, nothing that does not resolve."""

import io
import json
import zipfile

import pytest
from cfnlint.api import ManualArgs, lint

import chainkit as ck
from chainkit.rewiring import Variant
from chainkit.service import references
from chainkit.templates import outputs, resources, template
from tests.examples import EXAMPLES, calls, orders


def pair(*links):
    """Return a chain of two functions and a queue, with links from a to b."""
    chain = ck.Chain("pair")
    chain.add(ck.LambdaFunction("a", timeout_s=10))
    chain.add(ck.LambdaFunction("b", timeout_s=10))
    chain.add(ck.SqsQueue("jobs"))
    for source, target, options in links:
        chain.connect(source, target, **options)
    return chain


def resource(chain, name):
    return template(chain)["Resources"][name]


def statements(chain, role):
    (policy,) = resource(chain, role)["Properties"]["Policies"]
    return policy["PolicyDocument"]["Statement"]


def design(chain, function):
    """Return how the stand-in of a function is to behave."""
    (made,) = [r for r in resources(chain) if r.id == function]
    return json.loads(zipfile.ZipFile(io.BytesIO(made.properties["Zip"])).read("design.json"))


@pytest.mark.parametrize("example", EXAMPLES)
def test_cfn_lint_finds_nothing_in_the_template_of_an_example(example):
    text = json.dumps(template(example()))

    assert [str(match) for match in lint(text, config=ManualArgs(regions=["us-east-1"]))] == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_resource_stands_after_what_it_refers_to(example):
    before = set()
    for each in resources(example()):
        assert {*references(each.properties), *each.depends_on} <= before
        before.add(each.id)


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_template_is_the_same_each_time(example):
    assert json.dumps(template(example())) == json.dumps(template(example()))


def test_a_function_gets_its_targets_addresses():
    variables = resource(calls(), "Order")["Properties"]["Environment"]["Variables"]

    assert variables == {
        "PAY_FUNCTION_NAME": {"Ref": "Pay"},
        "PAY_INVOCATION_TYPE": "RequestResponse",
        "MAIL_FUNCTION_NAME": {"Ref": "Mail"},
        "MAIL_INVOCATION_TYPE": "Event",
        "AUDIT_QUEUE_URL": {"Ref": "Audit"},
    }


def test_a_hyphen_in_a_name_becomes_an_underscore_in_its_variable():
    chain = pair()
    chain.add(ck.SqsQueue("to-do"))
    chain.connect("a", "to-do")

    assert "TO_DO_QUEUE_URL" in resource(chain, "A")["Properties"]["Environment"]["Variables"]


def test_a_role_allows_exactly_what_the_links_need():
    assert statements(orders(), "ValidateRole") == [
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": {"Fn::GetAtt": ["ValidateLogs", "Arn"]},
        },
        {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": {"Fn::GetAtt": ["Jobs", "Arn"]}},
    ]


def test_the_role_of_a_polling_function_reads_its_queue():
    actions = [statement["Action"] for statement in statements(orders(), "PayRole")]

    assert actions[1:] == [["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]]


def test_a_service_that_needs_no_role_gets_none():
    assert "ApiRole" not in template(orders())["Resources"]
    assert "ApiRole" in template(calls())["Resources"]


def test_the_name_of_a_role_is_never_too_long():
    chain = ck.Chain("c" * 40)
    chain.add(ck.LambdaFunction("f" * 23))
    name = resource(chain, "F" + "f" * 22 + "Role")["Properties"]["RoleName"]

    assert len(name) == 64


def test_an_api_is_let_into_a_function_once_however_many_routes_lead_there():
    permissions = [r for r in resources(calls()) if r.type == "AWS::Lambda::Permission"]

    assert [r.properties["Principal"] for r in permissions] == ["apigateway.amazonaws.com"]


def test_what_hangs_on_a_service_is_in_its_properties():
    assert resource(orders(), "Jobs")["Properties"]["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]},
        "maxReceiveCount": 3,
    }
    assert resource(calls(), "MailEvents")["Properties"]["DestinationConfig"] == {
        "OnFailure": {"Destination": {"Fn::GetAtt": ["Failed", "Arn"]}},
        "OnSuccess": {"Destination": {"Fn::GetAtt": ["Done", "Arn"]}},
    }


def test_parallel_links_have_resources_of_their_own():
    found = {r.id: r for r in resources(calls()) if r.id.startswith("ApiOrder")}

    assert sorted(found) == ["ApiOrderIntegration", "ApiOrderIntegration2", "ApiOrderRoute", "ApiOrderRoute2"]
    assert found["ApiOrderRoute2"].properties["RouteKey"] == "PUT /orders"
    assert list(references(found["ApiOrderRoute2"].properties)) == ["Api", "ApiOrderIntegration2"]


def test_code_is_an_object_called_by_its_hash_in_the_bucket_of_the_parameter():
    document = template(orders())
    code = document["Resources"]["Pay"]["Properties"]["Code"]

    assert list(document["Parameters"]) == ["CodeBucket"]
    assert code["S3Bucket"] == {"Ref": "CodeBucket"}
    assert len(code["S3Key"]) == 64 + len(".zip")


def test_a_chain_without_code_has_no_parameters():
    chain = ck.Chain("plain")
    chain.add(ck.SqsQueue("jobs"))

    assert "Parameters" not in template(chain)


def test_code_comes_from_the_folder_beside_the_design_file(tmp_path):
    (tmp_path / "pay").mkdir()
    (tmp_path / "pay" / "handler.py").write_text("def handle(event, context): ...\n")
    chain = ck.Chain("coded")
    chain.add(ck.LambdaFunction("pay", code="pay"))
    chain.save(tmp_path / "coded.chain.yaml")

    assert len(resource(chain, "Pay")["Properties"]["Code"]["S3Key"]) == 68


def test_a_stand_in_makes_the_calls_of_its_links_in_their_order():
    made = design(calls(), "Order")["calls"]

    assert [(call["do"], call["variable"], call["step"]) for call in made] == [
        ("sync", "PAY_FUNCTION_NAME", 1),
        ("async", "MAIL_FUNCTION_NAME", 2),
        ("send", "AUDIT_QUEUE_URL", 2),
    ]
    assert [round(call["after"], 6) for call in made] == [0.333333, 0.666667, 0.666667]
    assert made[0]["retry"]["max_attempts"] == 2


def test_a_stand_in_reports_failed_items_where_its_mapping_does():
    assert design(orders(), "Pay")["reports"] is True
    assert design(orders(), "Validate")["reports"] is False


def test_a_function_without_code_of_another_language_runs_the_stand_in():
    assert resource(calls(), "Pay")["Properties"]["Runtime"] == "python3.13"


def test_the_outputs_say_where_each_service_is():
    assert outputs(orders())["JobsQueueUrl"] == {"Ref": "Jobs"}
    assert template(orders())["Outputs"]["ApiApiUrl"] == {"Value": {"Fn::GetAtt": ["Api", "ApiEndpoint"]}}


def test_a_chain_with_errors_raises_its_first():
    chain = orders()
    chain.set("jobs", visibility_timeout_s=5)

    with pytest.raises(ck.ConfigError, match="visibility_timeout_s=5"):
        template(chain)


def test_a_variant_has_the_template_of_its_chain_and_anything_else_none():
    assert template(Variant("sync", orders(), (), (), ())) == template(orders())
    with pytest.raises(ck.ConfigError, match="template: 'orders' is no chain"):
        template("orders")


def test_names_that_make_one_logical_id_are_refused():
    chain = ck.Chain("twins")
    chain.add(ck.SqsQueue("to-do"))
    chain.add(ck.SqsQueue("to_do"))

    with pytest.raises(ck.TemplateError, match="'ToDo'"):
        template(chain)


def test_functions_that_call_each_other_are_refused():
    chain = pair(("a", "b", {"link": "async"}), ("b", "a", {"link": "async"}))

    with pytest.raises(ck.TemplateError, match="circle"):
        template(chain)


def test_a_breaker_that_a_stand_in_would_not_have_is_refused_and_that_of_own_code_is_not(tmp_path):
    chain = pair(("a", "b", {"link": "sync", "breaker": ck.CircuitBreaker()}))

    with pytest.raises(ck.TemplateError, match=r"'a>b': breaker is simulated(.|\n)*give 'a' code that has one"):
        template(chain)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "handler.py").write_text("def handle(event, context):\n    return event\n")
    chain.set("a", code="code")
    chain.save(tmp_path / "pair.chain.yaml")
    assert "A" in template(chain)["Resources"]
