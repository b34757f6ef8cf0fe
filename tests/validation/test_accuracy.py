"""`ck.validate()` and its table."""

import pytest

import chainkit as ck
from chainkit import cli
from chainkit.validation import accuracy


@pytest.fixture(scope="module")
def memory() -> ck.Accuracy:
    return ck.validate("V11")


def test_the_table_has_a_row_for_each_figure(memory: ck.Accuracy) -> None:
    frame = memory.to_frame()

    assert tuple(frame.columns) == accuracy.COLUMNS
    assert list(frame["published"]) == [2898.2, 700.4, 344.5, 202.7, 200.6]
    assert set(frame["verdict"]) == {"pass"}


def test_the_table_prints_case_source_and_verdict(memory: ck.Accuracy) -> None:
    text = str(memory)

    assert "V11: duration and memory measured on AWS" in text
    assert "factorial(28000)" in text
    assert text.endswith("5 figures: 5 pass")
    assert repr(memory) == "Accuracy(5 figures: 5 pass)"
    assert "<table" in memory._repr_html_()


def test_a_case_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(ck.ConfigError, match=r"'V99' is no case.*\n.*V1, V3, V4"):
        ck.validate(["V99"])


def test_every_case_has_a_title() -> None:
    assert list(accuracy._cases()) == list(accuracy.TITLES)


def test_the_command_prints_the_table_and_writes_the_document(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "accuracy.md"

    assert cli.main(["validate", "--only", "V11", "--quick", "--write", str(file)]) == 0
    assert "5 figures: 5 pass" in capsys.readouterr().out
    assert file.read_text(encoding="utf-8").startswith("# Accuracy\n")


def test_the_command_refuses_a_case_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["validate", "--only", "V2"]) == 1
    assert "cases: V1, V3, V4" in capsys.readouterr().err
