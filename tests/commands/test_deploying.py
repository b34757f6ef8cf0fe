"""`chainkit plan`, `deploy`, `destroy` against an emulator that is up."""

import pytest

import chainkit as ck
from chainkit import cli
from chainkit.emulation import Emulator


@pytest.fixture(scope="module")
def url():
    with Emulator() as emulator:
        yield emulator.endpoint_url


@pytest.fixture
def file(tmp_path):
    chain = ck.Chain("shop")
    chain.add(ck.SqsQueue("jobs"))
    chain.save(tmp_path / "shop.chain.yaml")
    return str(tmp_path / "shop.chain.yaml")


def test_a_design_is_planned_deployed_and_destroyed(url, file, capsys):
    target = ["--target", url]
    codes = [cli.main([word, file, *target]) for word in ("plan", "deploy", "plan")]
    planned, deployed, again = capsys.readouterr().out.split("plan for ")[1:]
    codes.append(cli.main(["destroy", "shop", *target]))

    assert codes == [0, 0, 0, 0]
    assert "1 to create\n  + create  Jobs" in planned
    assert "\n  create Jobs (AWS::SQS::Queue)\n" in deployed
    assert f"JobsQueueUrl  {url}/123456789012/shop-jobs" in deployed
    assert "nothing to change" in again
    assert (
        capsys.readouterr().out
        == f"  delete Jobs (AWS::SQS::Queue)\nshop has gone from {url} (us-east-1, account 123456789012)\n"
    )


def test_of_a_name_that_stands_nowhere_nothing_is_destroyed(url, capsys):
    assert cli.main(["destroy", "shop", "--target", url]) == 1
    assert "of 'shop' nothing stands on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("moon", "target 'moon' is unknown"),
        ("ministak", "did you mean 'ministack'"),
        ("ministack:two", "target 'ministack:two' is unknown"),
        ("http://example.com", "is no address of an emulator on this machine"),
        ("http://127.0.0.1.example.com:80", "is no address of an emulator on this machine"),
        ("http://127.0.0.1:9", "no emulator answers there"),
        ("local:nobody", "no emulator 'nobody' is up"),
    ],
)
def test_a_target_that_is_none_is_refused(file, target, words, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINKIT_STATE", str(tmp_path))

    assert cli.main(["plan", file, "--target", target]) == 1
    assert words in capsys.readouterr().err
