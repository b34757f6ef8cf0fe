"""The local target: bound to the emulator, whatever the user's environment says."""

import json

import pytest

import chainkit as ck
from chainkit import data
from chainkit.deployment.emulated import local
from chainkit.emulation import ministack

installed = pytest.mark.skipif(
    not ministack.is_installed(), reason="ministack is not installed: chainkit local install ministack"
)


def test_the_users_profile_keys_endpoints_and_proxies_take_no_part(monkeypatch, tmp_path):
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\nuse_fips_endpoint = true\n")
    for name, value in {
        "AWS_PROFILE": "nobody",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_REGION": "eu-west-1",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)

    with local() as target:
        identity = target.client("sts").get_caller_identity()
        frozen = target.client("sqs")._request_signer._credentials.get_frozen_credentials()

    assert identity["Account"] == target.account_id
    assert frozen.access_key == "testing"


def test_a_target_that_has_been_left_says_so():
    chain = ck.Chain("late")
    chain.add(ck.SqsQueue("jobs"))
    with local() as target:
        planned = ck.plan(chain, target)

    with pytest.raises(ck.DeployError, match="does not answer") as caught:
        ck.deploy(planned)

    assert "with ck.local()" in caught.value.fix


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"clock": "real"}, "clock='real' is unknown"),
        ({"region": "mars"}, "region='mars' is no AWS region"),
        ({"region": 1}, "region=1 is no"),
    ],
)
def test_a_target_that_cannot_be_is_refused(given, problem):
    with pytest.raises(ck.ConfigError, match=problem), local(**given):
        pass


def test_two_targets_have_separate_state():
    chain = ck.Chain("twice")
    chain.add(ck.SqsQueue("jobs"))

    with local() as one, local(region="us-east-1") as other:
        ck.deploy(ck.plan(chain, one))

        assert ck.plan(chain, one).is_empty
        assert not ck.plan(chain, other).is_empty


# --- ministack ---


@pytest.fixture(scope="module")
def other():
    with ck.emulator("ministack") as target:
        yield target


@installed
@pytest.mark.parametrize("name", ["orders", "orders-sfn", "etl", "media"])
def test_each_example_stands_and_runs_on_ministack_and_leaves_nothing(other, name):
    chain = ck.example(name)
    orders = (data.path("chains", "orders") / "orders.jsonl").read_text(encoding="utf-8")
    event = json.loads(orders.splitlines()[0]) if name.startswith("orders") else {"id": 1}
    # it forgets which action an API takes, so that one enters by the flow itself
    at = "flow" if name == "orders-sfn" else None
    stack = ck.deploy(ck.plan(chain, other))
    try:
        again = ck.plan(chain, other)
        trace = stack.send(event, at=at, timeout_s=120)
    finally:
        stack.destroy()

    assert again.is_empty
    assert trace.outcome == "completed"
    ran = {span.node for span in trace.spans if span.what == "invocation"}
    assert ran <= set(chain.services)
    assert len(ran) >= 3
    assert all(span.status == "ok" for span in trace.spans)
    assert other.applier.chains() == []
    assert _left(other) == []


def _left(target):
    """Return what stands on a target, of the types that chains are made of."""
    looks = [
        ("lambda", "list_functions", "Functions"),
        ("sqs", "list_queues", "QueueUrls"),
        ("sns", "list_topics", "Topics"),
        ("stepfunctions", "list_state_machines", "stateMachines"),
        ("apigatewayv2", "get_apis", "Items"),
        ("logs", "describe_log_groups", "logGroups"),
        ("iam", "list_roles", "Roles"),
        ("s3", "list_buckets", "Buckets"),
        ("lambda", "list_event_source_mappings", "EventSourceMappings"),
    ]
    return [each for client, call, key in looks for each in getattr(target.client(client), call)().get(key, [])]


@installed
def test_both_emulators_tell_the_same_of_an_order(other):
    chain = ck.example("orders")
    order = json.loads((data.path("chains", "orders") / "orders.jsonl").read_text(encoding="utf-8").splitlines()[0])
    traces = {}
    with ck.local() as own:
        for target in (own, other):
            stack = ck.deploy(ck.plan(chain, target))
            traces[target.name] = stack.send(order)
            stack.destroy()

    assert ck.agreement(traces).differences == ()


@installed
def test_dead_letters_and_tries_are_seen_on_ministack(other):
    chain = ck.Chain("poisoned")
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=3))
    chain.add(ck.LambdaFunction("pay", duration=0.0, timeout_s=3, error_rate=1.0))
    chain.add(ck.SqsQueue("dead"))
    chain.connect("jobs", "pay", batch_size=1)
    chain.connect("jobs", "dead", link="redrive", max_receive_count=2)
    stack = ck.deploy(ck.plan(chain, other))
    trace = stack.send({"order": 1}, timeout_s=120)
    stack.destroy()

    tries = [(span.attempt, span.status) for span in trace.spans if span.what == "invocation"]
    assert tries == [(1, "error"), (2, "error")]
    assert trace.outcome == "dead-lettered"


def test_another_emulator_or_applier_is_refused():
    with pytest.raises(ck.ConfigError, match="'floci' is unknown; there is ministack"), ck.emulator("floci"):
        pass
    with pytest.raises(ck.ConfigError, match="applier='sam' is unknown"), ck.emulator("ministack", applier="sam"):
        pass
