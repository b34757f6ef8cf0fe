"""Which target a command is for: what goes together, what is refused, and that AWS is not reached by the way."""

import argparse
from datetime import UTC, datetime, timedelta

import pytest

import chainkit as ck
from chainkit import cli, data
from chainkit.commands import aiming
from chainkit.deployment import accounts, opening
from chainkit.errors import ConfigError
from tests.deployment.stubbed_aws import ACCOUNT, Aws


def read(*words):
    parser = argparse.ArgumentParser()
    aiming.add_target(parser)
    return parser.parse_args(words)


@pytest.fixture
def aws(monkeypatch):
    """What `--target aws` opens, and with what it was opened."""
    made = Aws()

    def opened(**options):
        made.options = options
        made.target.expires = made.target.ceiling_usd = None
        return made.target

    monkeypatch.setattr(opening, "aws", opened)
    return made


def test_an_account_is_named_or_nothing_is_opened(aws):
    with pytest.raises(ConfigError, match="no account is named"), aiming.aimed(read("--target", "aws")):
        pass

    assert not hasattr(aws, "options")


def test_what_goes_with_an_account_reaches_it(aws):
    words = ["--target", "aws", "--account", ACCOUNT, "--profile", "p", "--ceiling-usd", "20", "--expires", "8h"]

    with aiming.aimed(read(*words), "eu-west-1") as target:
        assert timedelta(hours=7) < target.expires - datetime.now(UTC) <= timedelta(hours=8)

    assert aws.options == {"region": "eu-west-1", "account": ACCOUNT, "profile": "p", "ceiling_usd": 20.0}


@pytest.mark.parametrize("words", [["--account", ACCOUNT], ["--profile", "p"], ["--ceiling-usd", "1"]])
def test_what_goes_with_an_account_is_refused_for_an_emulator(words):
    with (
        pytest.raises(ConfigError, match=f"{words[0]} belongs to --target aws"),
        aiming.aimed(read("--target", "local:none", *words)),
    ):
        pass


@pytest.mark.parametrize("text", ["8", "tomorrow", "8 hours", "2026-13-01", ""])
def test_an_expiry_that_cannot_be_read_is_refused(text):
    with pytest.raises(ConfigError, match="is no time"):
        aiming.when(text)


def test_the_opener_of_aws_is_that_of_accounts():
    assert opening.aws is accounts.aws


def test_a_deploy_to_aws_without_its_code_prints_the_plan_and_sends_nothing(aws, tmp_path, capsys):
    chain = ck.Chain("shop", region="eu-west-1")
    chain.add(ck.SqsQueue("jobs"))
    chain.save(tmp_path / "shop.chain.yaml")
    words = [str(tmp_path / "shop.chain.yaml"), "--target", "aws", "--account", ACCOUNT]
    aws.stack(None)

    assert cli.main(["deploy", *words]) == 1

    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1].startswith('approve with ck.deploy(plan, approve="')
    assert "was not approved; nothing was sent" in shown.err
    aws.is_done()


def test_a_month_is_billed_by_a_run_at_its_rate():
    chain = ck.load(data.path("chains") / "etl" / "etl.chain.yaml")

    assert aiming.billed(chain, None) is None
    of = aiming.billed(chain, 1e6)
    assert of.requests_per_month == 1e6
    assert of.total_usd == aiming.billed(chain, 1e6).total_usd > 0
    with pytest.raises(ConfigError, match="above 0"):
        aiming.billed(chain, 0)
