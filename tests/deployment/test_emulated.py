"""The local target: bound to the emulator, whatever the user's environment says."""

import pytest

import chainkit as ck
from chainkit.deployment.emulated import local


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
        ({"region": None}, "region=None is no"),
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
