"""AWS FIS: the template is one that its API takes; what it cannot cause is said."""

import json

import boto3
import pytest
from botocore.validate import ParamValidator

import chainkit as ck

ACCOUNT, ROLE = "123456789012", "arn:aws:iam::123456789012:role/fis"
ALARM = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:too many errors"


def exported(faults, chain=None, **options):
    return ck.Faults(faults).to_fis(chain or ck.example("orders"), **{"account": ACCOUNT, "role_arn": ROLE, **options})


def complaints(template):
    """Return what the API's own model finds wrong with a template, lengths and patterns left aside."""
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    shape = boto3.client("fis", region_name="us-east-1", **keys).meta.service_model.operation_model(
        "CreateExperimentTemplate"
    )
    return ParamValidator().validate({"clientToken": "one", **template}, shape.input_shape).generate_report()


def test_the_template_is_one_that_the_api_takes():
    faults = {"payment": ck.Fault(error_rate=0.3, delay=2.0, delay_rate=0.5), "validate": ck.Fault(error_rate=1.0)}
    found = exported(faults, stop_alarm_arn=ALARM, http_status=503, minutes=30)

    assert complaints(found.template) == ""
    assert complaints({**found.template, "actions": {"a": {"parameters": {}}}}) != ""
    assert json.loads(found.to_json()) == found.template
    assert found.template["stopConditions"] == [{"source": "aws:cloudwatch:alarm", "value": ALARM}]
    assert found.untranslated == ()


def test_each_function_breaks_as_it_is_said_to():
    faults = {"payment": ck.Fault(error_rate=0.3, delay=2.0, delay_rate=0.5), "validate": ck.Fault(error_rate=0.1)}
    template = exported(faults, http_status=503, minutes=30).template
    parameters = {name: (each["actionId"], each["parameters"]) for name, each in template["actions"].items()}

    assert parameters == {
        "payment-error": (
            "aws:lambda:invocation-error",
            {"duration": "PT30M", "invocationPercentage": "30", "preventExecution": "false"},
        ),
        "payment-delay": (
            "aws:lambda:invocation-add-delay",
            {"duration": "PT30M", "invocationPercentage": "50", "startupDelayMilliseconds": "2000"},
        ),
        "validate-status": (
            "aws:lambda:invocation-http-integration-response",
            {
                "duration": "PT30M", "invocationPercentage": "10", "preventExecution": "false", "statusCode": "503",
                "contentTypeHeader": "application/json",
            },
        ),
    }  # fmt: skip
    arn = template["targets"]["payment"]["resourceArns"]
    names = {r["Properties"]["FunctionName"] for r in ck.template(ck.example("orders"))["Resources"].values()
             if r["Type"] == "AWS::Lambda::Function"}  # fmt: skip
    assert arn == [f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:orders-payment"]
    assert "orders-payment" in names


def test_what_fis_cannot_cause_is_said():
    every = ck.Fault(
        error_rate=0.305, error_name="Down", poison_fraction=0.1, throttle_rate=0.1, reserved_concurrency=3, dead=True,
        duplicate_rate=0.1, delay=ck.Exponential(mean_s=1.0),
    )  # fmt: skip
    found = exported({"shipping": every, "jobs": ck.Fault(duplicate_rate=0.1), "jobs>payment": {"dead": True}})

    assert [f"{each.name}.{each.setting}" for each in found.untranslated] == [
        "shipping.error_rate", "shipping.error_name", "shipping.delay", "shipping.poison_fraction",
        "shipping.throttle_rate", "shipping.reserved_concurrency", "shipping.duplicate_rate", "shipping.dead",
        "jobs.duplicate_rate", "jobs>payment.dead",
    ]  # fmt: skip
    assert "0.305 is 30 % there" in str(found)
    assert found.template["stopConditions"] == [{"source": "none"}]


def test_the_tag_serves_where_all_functions_of_a_chain_break_alike():
    chain = ck.Chain("two")
    chain.add(ck.LambdaFunction("a", timeout_s=9)), chain.add(ck.LambdaFunction("b"))
    chain.connect("a", "b")
    both = {name: ck.Fault(error_rate=0.2) for name in "ab"}
    found = exported(both, chain, account=None)

    (target,) = found.template["targets"].values()
    assert target["resourceTags"] == {"chainkit:chain": "two"}
    assert len(found.template["actions"]) == 1
    assert complaints(found.template) == ""
    for faults in ({"a": both["a"]}, {**both, "b": ck.Fault(error_rate=0.3)}):
        with pytest.raises(ck.ConfigError, match="do not all break alike"):
            exported(faults, chain, account=None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"role_arn": "fis"}, "role_arn='fis' is none"),
        ({"role_arn": None}, "role_arn=None is none"),
        ({"account": 123456789012}, "account=123456789012 is none"),
        ({"minutes": 0}, "minutes=0 is outside 1..720"),
        ({"minutes": 1.5}, "minutes=1.5"),
        ({"stop_alarm_arn": "alarm"}, "stop_alarm_arn='alarm'"),
        ({"http_status": 42}, "http_status=42 is outside"),
    ],
)
def test_arguments_that_are_none_are_refused(options, words):
    with pytest.raises(ck.ConfigError, match=words):
        exported({"payment": ck.Fault(error_rate=0.3)}, **options)


def test_faults_of_which_fis_can_do_nothing_are_refused():
    with pytest.raises(ck.ConfigError, match="can do nothing of") as refused:
        exported({"jobs": ck.Fault(duplicate_rate=0.1)})
    assert "jobs.duplicate_rate" in refused.value.fix
    with pytest.raises(ck.ConfigError, match="no service or link 'paiment'"):
        exported({"paiment": ck.Fault(error_rate=0.1)})
