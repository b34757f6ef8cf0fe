"""What the rules read of a chain."""

import pytest

import chainkit as ck
from chainkit.checks.design import Design, failing, lost, quota
from tests.checks.cases import chain_of, polled


def test_a_visibility_below_window_and_timeout_grows_by_the_margin() -> None:
    (stated,) = Design(polled(visibility_timeout_s=15, mapping={"maximum_batching_window_s": 5})).polled
    (grown,) = Design(polled(visibility_timeout_s=14, mapping={"maximum_batching_window_s": 5})).polled

    assert (stated.hidden_s, grown.hidden_s) == (15, 5 + 10 + 30)


def test_an_attempt_fails_by_its_error_or_by_the_timeout() -> None:
    pool = ck.LambdaFunction(
        "pay", timeout_s=3, duration=ck.Uniform(low_s=0, high_s=4), error_rate=0.5, poison_fraction=0.2
    ).behaviour()

    assert failing(pool) == 1 - 0.5 * 0.75
    assert lost(pool, 2) == pytest.approx(0.2 + 0.8 * 0.625**2)


def test_run_time_is_priced_by_memory_and_architecture() -> None:
    design = Design(chain_of(ck.LambdaFunction("pay", memory_mb=2048), ck.LambdaFunction("arm", architecture="arm64")))

    assert design.run_usd({"pay": 1e6}) == "$33.33"  # 2 GB x 0.0000166667
    assert design.run_usd({"pay": 1e6, "arm": 8e6}) == "$46.67"  # and 8/8 GB x 0.0000133334


def test_a_region_without_prices_has_no_amounts() -> None:
    chain = ck.Chain("shop", region="us-gov-west-1")
    chain.add(ck.LambdaFunction("pay"))

    assert Design(chain).run_usd({"pay": 1.0}) == "an amount unknown without prices of us-gov-west-1"


def test_a_new_dead_letter_queue_has_a_free_name_that_aws_takes() -> None:
    chain = ck.Chain("a" * 30)
    for name in ("jobs", "jobs-dead", "j" * 33):
        chain.add(ck.SqsQueue(name))
    design = Design(chain)
    names = [design.dead_letter_queue(name).arguments[0].name for name in ("jobs", "j" * 33)]

    assert names == ["jobs-dead2", "j" * 28 + "-dead"]
    assert len(f"{chain.name}-{names[1]}") == 64


def test_a_service_that_cannot_be_simulated_has_no_behaviour() -> None:
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.a", "StringEquals": "b", "Next": "End"}], "Default": "End"}
    definition = {"StartAt": "Ask", "States": {"Ask": choice, "End": {"Type": "Succeed"}}}
    chain = chain_of(ck.StateMachine("flow", definition=definition), ck.SqsQueue("jobs"))

    assert list(Design(chain).behaviours) == ["jobs"]


def test_a_quota_comes_with_its_source() -> None:
    assert quota("sqs_mapping", "receive_count_min") == (5, "AWS Lambda Developer Guide, with-sqs (2023)")
