"""AWS accounts as targets: the account is named and compared before anything is sent; its id is never shown whole."""

from datetime import UTC, date, datetime, timedelta, timezone

import boto3
import pytest

import chainkit as ck
from chainkit.deployment import accounts
from chainkit.errors import ConfigError, DeployError
from tests.deployment.stubbed_aws import ACCOUNT, Session

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


@pytest.fixture
def session(monkeypatch):
    """Whoever asks for a session gets one whose STS answers with ACCOUNT, once, and nothing else."""
    made = Session()
    monkeypatch.setattr(accounts, "_session", lambda profile: made)
    return made


@pytest.fixture
def answers(session, monkeypatch):
    """Return a function that writes down whose the keys are."""
    client = session.client

    def make(name, **options):
        made = client(name, **options)
        assert name == "sts", f"nothing but STS is asked, and {name} was"
        session.stubbers["sts"].add_response("get_caller_identity", {"Account": answers.account}, {})
        return made

    def answers(account):
        answers.account = account
        monkeypatch.setattr(session, "client", make)

    return answers


def test_the_account_is_compared_and_nothing_else_is_asked(answers, session):
    answers(ACCOUNT)

    target = ck.aws(account=ACCOUNT, region="eu-west-1", ceiling_usd=20, expires=timedelta(hours=8))

    assert list(session.stubbers) == ["sts"]
    session.stubbers["sts"].assert_no_pending_responses()
    assert str(target) == "aws (eu-west-1, account ********4321)"
    assert repr(target) == f"Target({target})"
    assert target.is_aws
    assert target.ceiling_usd == 20
    assert timedelta(hours=7) < target.expires - datetime.now(UTC) <= timedelta(hours=8)


def test_keys_of_another_account_are_refused_and_neither_id_is_shown(answers):
    answers("000011112222")

    with pytest.raises(ConfigError) as refusal:
        ck.aws(account=ACCOUNT, region="eu-west-1")

    assert refusal.value.problem == "aws: account=********4321 was named, and the keys are those of ********2222"
    assert ACCOUNT not in str(refusal.value)


@pytest.mark.parametrize("account", ["", "12345678901", "1234567890123", 123456789012, None, "12345678901a"])
def test_an_account_that_is_none_is_refused_before_anything_is_asked(session, account):
    with pytest.raises(ConfigError, match="no account id"):
        ck.aws(account=account, region="eu-west-1")

    assert session.stubbers == {}


@pytest.mark.parametrize("region", ["eu-west-9", "", None, "Ireland"])
def test_a_region_that_is_none_is_refused(session, region):
    with pytest.raises(ConfigError, match="is no region that boto3 knows"):
        ck.aws(account=ACCOUNT, region=region)


@pytest.mark.parametrize("ceiling_usd", [0, -1, "20", True, float("nan")])
def test_a_ceiling_that_is_none_is_refused(session, ceiling_usd):
    with pytest.raises(ConfigError, match="ceiling_usd"):
        ck.aws(account=ACCOUNT, region="eu-west-1", ceiling_usd=ceiling_usd)


def test_a_profile_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="profile='none' is not in your AWS settings"):
        ck.aws(account=ACCOUNT, region="eu-west-1", profile="none")


def test_without_keys_it_says_how_to_sign_in():
    with pytest.raises(ConfigError, match="no keys to sign with") as refusal:
        ck.aws(account=ACCOUNT, region="eu-west-1")

    assert "aws configure" in refusal.value.fix


def test_keys_that_aws_refuses_are_told_in_its_words(session, monkeypatch):
    client = session.client

    def make(name, **options):
        made = client(name, **options)
        session.stubbers[name].add_client_error("get_caller_identity", "ExpiredToken", "it has expired")
        return made

    monkeypatch.setattr(session, "client", make)

    with pytest.raises(DeployError, match="ExpiredToken: it has expired") as refusal:
        ck.aws(account=ACCOUNT, region="eu-west-1")

    assert "sign in again" in refusal.value.fix


def test_an_emulators_address_in_the_shell_does_not_turn_aws_into_an_emulator(monkeypatch):
    from chainkit.deployment.targets import Target

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    target = Target("aws", "eu-west-1", ACCOUNT, None, boto3.Session("k", "s"), None)

    assert target.client("sts").meta.endpoint_url == "https://sts.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("given", "instant"),
    [
        (timedelta(days=1), "2026-12-02T09:00:00+00:00"),
        (date(2026, 12, 24), "2026-12-24T23:59:59+00:00"),
        (datetime(2026, 12, 24, 12, tzinfo=timezone(timedelta(hours=1))), "2026-12-24T11:00:00+00:00"),
    ],
)
def test_what_expires_is_an_instant_in_utc(given, instant):
    assert accounts.until(given, NOW).isoformat() == instant


@pytest.mark.parametrize("given", [timedelta(0), date(2026, 11, 30), datetime(2026, 12, 1, 8, tzinfo=UTC)])
def test_what_is_over_already_is_refused(given):
    with pytest.raises(ConfigError, match="not in the future"):
        accounts.until(given, NOW)


def test_what_is_no_time_is_refused():
    with pytest.raises(ConfigError, match="is no time"):
        accounts.until("tomorrow", NOW)
