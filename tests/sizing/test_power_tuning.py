"""Power Tuning's input for a chain, and curves written as its results."""

import json
import re

import pytest

import chainkit as ck

FORM = {
    "lambdaARN", "powerValues", "num", "payload", "parallelInvocation", "strategy", "balancedWeight", "autoOptimize",
    "autoOptimizeAlias", "dryRun", "preProcessorARN", "postProcessorARN", "discardTopBottom", "sleepBetweenRunsMs",
    "disablePayloadLogs", "includeOutputResults", "onlyColdStarts", "allowedExceptions", "payloadS3",
}  # fmt: skip
"""Parameters of version 4.4.0, README-EXECUTE.md."""
ACCOUNT = "123456789012"


def test_every_function_gets_an_input_of_its_own(tmp_path) -> None:
    chain = ck.example("orders")

    inputs = ck.power_tuning_input(
        chain, account=ACCOUNT, num=20, payload={"payment": {"order": 1}}, strategy="balanced", folder=tmp_path / "new"
    )

    assert list(inputs) == ["validate", "inventory", "payment", "shipping", "confirm"]
    assert inputs["payment"]["payload"] == {"order": 1}
    assert inputs["confirm"]["payload"] == {}
    assert inputs["confirm"]["balancedWeight"] == 0.5
    for name, given in inputs.items():
        assert given.keys() <= FORM
        assert given["lambdaARN"] == f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:orders-{name}"
        assert json.loads((tmp_path / "new" / f"{name}.json").read_text()) == given


def test_the_names_are_those_of_the_template() -> None:
    chain = ck.example("orders")
    template = ck.template(chain)
    named = {
        resource["Properties"]["FunctionName"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
    }

    inputs = ck.power_tuning_input(chain, account=ACCOUNT)

    assert {given["lambdaARN"].rpartition(":")[2] for given in inputs.values()} == named


def test_one_payload_serves_all_and_other_parameters_are_handed_on() -> None:
    weighted = [{"payload": {"n": 1}, "weight": 3}, {"payload": {"n": 2}, "weight": 1}]

    inputs = ck.power_tuning_input(ck.example("orders"), account=ACCOUNT, payload=weighted, onlyColdStarts=True)

    assert all(given["payload"] == weighted and given["onlyColdStarts"] for given in inputs.values())


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"account": "1234"}, "account='1234' is no AWS account"),
        ({"account": 123456789012}, "is no AWS account"),
        ({"num": 4}, "num=4 is below 5"),
        ({"sizes": [64]}, "sizes=[64] are not all MB"),
        ({"sizes": []}, "sizes=[] are not all MB"),
        ({"strategy": "cheap"}, "strategy='cheap' is unknown"),
        ({"balanced_weight": 1.5}, "balanced_weight=1.5 is outside 0..1"),
    ],
)
def test_what_power_tuning_would_refuse_is_refused(change, problem: str) -> None:
    with pytest.raises(ck.ConfigError, match=re.escape(problem)):
        ck.power_tuning_input(ck.example("orders"), **{"account": ACCOUNT, **change})


def test_a_chain_without_functions_has_nothing_to_tune() -> None:
    chain = ck.Chain("empty")
    chain.add(ck.SqsQueue("jobs"))

    with pytest.raises(ck.ConfigError, match="no function to tune"):
        ck.power_tuning_input(chain, account=ACCOUNT)


def test_a_curve_is_written_and_read_again(tmp_path) -> None:
    chain = ck.Chain("shop")
    chain.add(ck.LambdaFunction("pay", memory_mb=512, timeout_s=10, duration=0.25, cpu_fraction=0.8))
    curve = ck.memory_curve(chain, "pay")

    written = ck.write_power_tuning(curve, tmp_path / "pay.json", strategy="speed")
    read = ck.read_power_tuning(tmp_path / "pay.json")

    assert json.loads((tmp_path / "pay.json").read_text()) == written
    assert (written["power"], read.power_mb) == (curve.fastest.memory_mb, curve.fastest.memory_mb)
    assert read.settings(512)["cpu_fraction"] == pytest.approx(0.8)
    assert written["stateMachine"]["executionCost"] == 0  # nothing ran


def test_what_is_no_curve_is_not_written() -> None:
    with pytest.raises(ck.ConfigError, match="is no curve"):
        ck.write_power_tuning({"power": 128})
