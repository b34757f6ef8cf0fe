import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from chainkit import doctor
from chainkit.doctor import Row


def lights(*requirements: str) -> list[str]:
    return [row.light for row in doctor.dependencies(requirements)]


def test_each_requirement_of_the_project_gets_a_row() -> None:
    needed = doctor.requirements()

    rows = list(doctor.dependencies(needed))

    assert len(rows) == len(needed)
    assert {row.light for row in rows} == {"green"}


def test_a_missing_library_is_red_and_the_advice_installs_it() -> None:
    (row,) = doctor.dependencies(["no-such-library[extra]>=1.2"])

    assert (row.light, row.subject, row.found) == ("red", "no-such-library", "missing; >=1.2 is needed")
    assert row.advice == f'"{sys.executable}" -m pip install "no-such-library[extra]>=1.2"'


@pytest.mark.parametrize(
    ("have", "requirement", "light"),
    [
        ("5.2.5", "moto[server]>=5.2.5,<5.3", "green"),
        ("5.2.10", "moto[server]>=5.2.5,<5.3", "green"),
        ("5.3.0", "moto[server]>=5.2.5,<5.3", "red"),
        ("5.2.4", "moto[server]>=5.2.5,<5.3", "red"),
        ("5.2.5", "moto[server]<5.3,>=5.2.5", "green"),
        ("5.10", "moto>=5.9", "green"),
        ("6.0rc1", "moto>=5.9.1", "green"),
        ("6", "moto>=6.0.0", "green"),
    ],
)
def test_a_version_is_compared_with_both_bounds(
    monkeypatch: pytest.MonkeyPatch, have: str, requirement: str, light: str
) -> None:
    monkeypatch.setattr(doctor, "version", lambda name: have)

    assert lights(requirement) == [light]


def test_an_installed_copy_asks_its_metadata(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "_CHECKOUT", tmp_path)
    monkeypatch.setattr(doctor, "requires", lambda name: ["numpy>=2.4", "pytest>=9.2; extra == 'dev'"])

    assert doctor.requirements() == ["numpy>=2.4"]


def test_a_copy_without_its_data_is_red(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "_CHECKOUT", tmp_path)
    monkeypatch.setattr(doctor, "_PACKAGE", tmp_path / "chainkit")

    assert doctor.installation().light == "red"


def test_numba_compiles_and_says_where_it_keeps_the_result(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "0")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))

    row = doctor.compiler()

    assert row.light == "green"
    assert str(tmp_path) in row.found


def test_without_a_folder_for_compiled_code_the_advice_is_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = subprocess.CompletedProcess([], 1, stdout="", stderr="RuntimeError: cannot cache: no locator available")
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "0")
    monkeypatch.setattr(doctor, "_child", lambda program: answer)

    row = doctor.compiler()

    assert row.light == "red"
    assert "NUMBA_CACHE_DIR" in row.advice


def test_a_switched_off_compiler_is_yellow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")

    assert doctor.compiler().light == "yellow"


def test_the_last_line_of_a_failed_compilation_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "0")
    answer = subprocess.CompletedProcess([], 1, stdout="", stderr="Traceback\nImportError: no llvmlite\n")
    monkeypatch.setattr(doctor, "_child", lambda program: answer)

    assert doctor.compiler().found == "ImportError: no llvmlite"


def test_a_python_that_cannot_be_started_is_red(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))

    assert doctor.child_process().light == "red"


def test_a_port_that_is_refused_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(address: tuple[str, int]) -> None:
        raise PermissionError("not here")

    monkeypatch.setattr(doctor.socket, "create_server", refuse)

    row = doctor.loopback()

    assert (row.light, row.found) == ("red", "no port: not here")


def test_a_temporary_folder_that_cannot_be_written_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", os.devnull)

    assert doctor.temporary_folder().light == "red"


def test_a_widget_library_without_its_half_in_the_browser_is_red() -> None:
    assert doctor.lab_extension("anywidget", "anywidget").light == "green"
    assert doctor.lab_extension("no-such-extension", "anywidget").light == "red"


@pytest.mark.parametrize(("is_set", "light"), [(True, "yellow"), (False, "green")])
def test_a_python_that_may_not_keep_its_bytecode_is_yellow(
    monkeypatch: pytest.MonkeyPatch, is_set: bool, light: str
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", is_set)

    assert doctor.bytecode().light == light


def test_credentials_are_seen_and_never_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_secret_access_key = hidden-in-the-file\n", encoding="utf-8")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "hidden-in-the-variable")

    row = doctor.aws()

    assert row.light == "green"
    assert "AWS_ACCESS_KEY_ID" in row.found
    assert str(file) in row.found
    assert "hidden" not in repr(row)


def test_no_credentials_at_all_are_no_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    assert doctor.aws().light == "yellow"


def test_a_machine_without_chromium_is_yellow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    monkeypatch.setattr(doctor, "_BROWSER_FILES", ())

    assert doctor.browser().light == "yellow"


def test_the_light_is_a_word_and_on_a_terminal_a_colour_too() -> None:
    rows = [Row("red", "numba", "missing", "install it")]

    assert doctor.table(rows, colour=False).startswith("red     numba  missing\n")
    assert doctor.table(rows, colour=True).startswith("\033[31mred   \033[0m  numba  missing\n")


class Terminal:
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_colour_unless_its_user_does_not_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert doctor.wants_colour(Terminal())

    monkeypatch.setenv("NO_COLOR", "1")
    assert not doctor.wants_colour(Terminal())


def test_a_file_gets_no_colour(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as file:
        assert not doctor.wants_colour(file)


def test_the_prices_are_those_of_chainkit_if_there_are_no_others() -> None:
    row = doctor.price_files()

    assert row.light == "green"
    assert re.fullmatch(r"those of chainkit, checked 20\d\d-\d\d-\d\d, in \d\d regions", row.found)


def test_prices_of_ones_own_are_named_with_their_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHAINKIT_PRICES", str(tmp_path))
    table = {"region": "eu-west-1", "currency": "USD", "checked": "2027-01-02", "prices": {}}
    (tmp_path / "eu-west-1.json").write_text(json.dumps(table), encoding="utf-8")

    assert doctor.price_files() == Row(
        "green", "prices", f"your own in {tmp_path} for eu-west-1; else those of chainkit"
    )


def test_prices_of_ones_own_that_cannot_be_read_are_red_with_advice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHAINKIT_PRICES", str(tmp_path))
    (tmp_path / "eu-west-1.json").write_text("{}", encoding="utf-8")
    row = doctor.price_files()

    assert row.light == "red"
    assert "eu-west-1.json has not exactly the fields" in row.found
    assert row.advice
