"""The words reap, scan and package: what they show, what they do, how they end."""

import io
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

import chainkit as ck
from chainkit import cli, data
from chainkit.commands import guards
from chainkit.deployment.emulated import local
from chainkit.deployment.plan import plan
from chainkit.deployment.stack import deploy
from chainkit.errors import ConfigError
from tests.test_scanning import KEY_ID

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def queue(name):
    chain = ck.Chain(name)
    chain.add(ck.SqsQueue("jobs"))
    return chain


@pytest.fixture(scope="module")
def target():
    with local() as target:
        yield target


def stand(target, name, expires):
    target.expires = expires
    deploy(plan(queue(name), target))
    target.expires = None


def test_reap_shows_what_is_over_and_takes_it_away_only_when_it_is_meant(target, capsys):
    stand(target, "over", NOW - timedelta(hours=1))
    stand(target, "young", NOW + timedelta(hours=1))
    stand(target, "lasting", None)
    deploy(plan(queue("over"), target))  # whoever says nothing leaves it as it was

    assert guards._reaped(target, NOW, is_meant=False) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[:3] == [
        "lasting                  stands  without end",
        "over                     over    until 2026-11-30 23:00 UTC",
        "young                    stands  until 2026-12-01 01:00 UTC",
    ]
    assert shown[3].endswith("with --yes it is done")
    assert target.applier.chains() == ["lasting", "over", "young"]

    assert guards._reaped(target, NOW, is_meant=True) == 0
    assert "over has gone" in capsys.readouterr().out
    assert target.applier.chains() == ["lasting", "young"]

    assert guards._reaped(target, NOW, is_meant=True) == 0
    assert "nothing is over" in capsys.readouterr().out
    assert target.applier.chains() == ["lasting", "young"]


def test_a_later_end_is_a_change_of_its_own(target):
    stand(target, "longer", NOW)
    target.expires = NOW + timedelta(days=1)
    planned = plan(queue("longer"), target)
    deploy(planned)
    target.expires = None

    assert not planned.is_empty
    assert "~ expires 2026-12-01 00:00:00+00:00 -> 2026-12-02 00:00:00+00:00" in str(planned)
    assert target.applier.expiry("longer") == NOW + timedelta(days=1)


def test_scan_ends_with_one_and_names_file_and_line(tmp_path, capsys):
    (tmp_path / "a.py").write_text(f"\nkey = '{KEY_ID}'\n")

    assert cli.main(["scan", str(tmp_path)]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert shown == [
        f"{tmp_path / 'a.py'}:2: AWS access key id AKIA****************",
        "1 found that must not be handed on",
    ]


def test_account_ids_are_only_warned_of(tmp_path, capsys):
    (tmp_path / "a.py").write_text("arn:aws:sqs:us-east-1:98765" + "4321098:jobs")

    assert cli.main(["scan", "--accounts", str(tmp_path)]) == 0
    assert "account id 9876******** (a warning)" in capsys.readouterr().out


def test_our_notebooks_and_data_are_scanned_by_check(monkeypatch):
    started = []
    monkeypatch.setattr(cli, "_python", lambda *commands: started.extend(commands) or 0)

    cli.main(["check"])

    assert ["-m", "chainkit", "scan", "notebooks", "data"] in started


def test_package_says_what_is_gathered_and_what_is_there(tmp_path, monkeypatch, capsys):
    kept = tmp_path / "kept.zip"
    with zipfile.ZipFile(kept, "w") as archive:
        archive.writestr("jsonschema/__init__.py", "")
    monkeypatch.setattr("chainkit.vendoring._kept", lambda *_: kept)
    design = str(data.path("chains") / "orders" / "orders.chain.yaml")

    assert cli.main(["package", design]) == 0
    assert capsys.readouterr().out == "validate: there already\n"


def test_code_on_aws_brings_what_was_gathered_and_says_when_it_was_not(tmp_path, monkeypatch):
    from chainkit.templates import resources

    chain = ck.load(data.path("chains") / "orders" / "orders.chain.yaml")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    with pytest.raises(
        ConfigError, match=r"requirements\.txt asks for jsonschema.*not gathered yet for python3"
    ) as told:
        resources(chain, is_vendored=True)
    assert "chainkit package" in told.value.fix

    kept = tmp_path / "kept.zip"
    with zipfile.ZipFile(kept, "w") as archive:
        archive.writestr("jsonschema/__init__.py", "")
    monkeypatch.setattr("chainkit.vendoring._kept", lambda *_: kept)
    names = {
        name
        for each in resources(chain, is_vendored=True)
        if each.id == "Validate"
        for name in zipfile.ZipFile(io.BytesIO(each.properties["Zip"])).namelist()
    }

    assert {"jsonschema/__init__.py", "handler.py"} <= names
