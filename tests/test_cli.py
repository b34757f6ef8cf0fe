import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest

from chainkit import __version__, cli, doctor
from chainkit.doctor import Row

WORDS_FOR_A_CHECKOUT = ["test", "check", "bench", "fuzz", "notebooks", "shots", "wheelhouse"]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """Return the list of commands that the command line would have started."""
    commands: list[Sequence[str]] = []

    def record(command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command[1:])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(cli.subprocess, "run", record)
    return commands


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Pretend that chainkit is an installed copy with one notebook; return its folder."""
    package = tmp_path / "site-packages" / "chainkit"
    (package / "_notebooks").mkdir(parents=True)
    (package / "_notebooks" / "01_first_chain.ipynb").write_text("original", encoding="utf-8")
    monkeypatch.setattr(cli, "_PACKAGE", package)
    monkeypatch.setattr(doctor, "_CHECKOUT", package.parent)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return package


def test_no_word_shows_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    shown = capsys.readouterr().out
    assert [word for word in cli._WORDS if word not in shown] == []


def test_the_module_runs_as_a_program() -> None:
    answer = subprocess.run([sys.executable, "-m", "chainkit", "--version"], capture_output=True, text=True, check=True)

    assert answer.stdout == f"chainkit {__version__}\n"


def test_an_unknown_word_is_one_line_with_the_nearest_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dokter"]) == 2
    assert capsys.readouterr().err == (
        "chainkit: 'dokter' is not a command (did you mean 'doctor'?); the commands are demo, lab, app, doctor, "
        "validate, prices, probe, local, plan, deploy, destroy, dead-letters, reap, scan, package, test, check, bench, "
        "fuzz, notebooks, shots, wheelhouse\n"
    )


def test_an_unknown_option_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--fast"]) == 2
    assert capsys.readouterr().err.startswith("chainkit: '--fast' is not an option; the commands are demo, lab")


def test_a_word_that_takes_nothing_refuses_more(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "everything"]) == 2
    assert capsys.readouterr().err == "chainkit: check takes nothing more, and there is 'everything'\n"


def test_test_runs_the_tests_and_then_the_notebooks_with_this_python(started: list[Sequence[str]]) -> None:
    assert cli.main(["test"]) == 0
    assert started == [
        ["-m", "pytest"],
        ["-m", "pytest", "--nbval-lax", "--nbval-current-env", "notebooks"],
    ]


def test_test_hands_words_on_to_pytest(started: list[Sequence[str]]) -> None:
    assert cli.main(["test", "-k", "queue", "--maxfail=1"]) == 0
    assert started == [["-m", "pytest", "-k", "queue", "--maxfail=1"]]


def test_check_goes_on_after_a_failure_and_then_fails(
    started: list[Sequence[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        started.append(command[1:])
        return subprocess.CompletedProcess(command, 1 if command[1:] == ["-m", "ruff", "check"] else 0)

    monkeypatch.setattr(cli.subprocess, "run", fail)

    assert cli.main(["check"]) == 1
    assert [command[1] for command in started[:3]] == ["ruff", "ruff", "mypy"]
    assert len(started) == 5


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("word", WORDS_FOR_A_CHECKOUT)
def test_what_needs_a_checkout_says_so_in_an_installed_copy(
    word: str, started: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([word]) == 1
    assert "fix: clone the repository" in capsys.readouterr().err
    assert started == []


def test_the_doctor_fails_on_red_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for light, code in (("green", 0), ("yellow", 0), ("red", 1)):
        monkeypatch.setattr(doctor, "examine", lambda light=light: [Row(light, "one", "thing")])

        assert cli.main(["doctor"]) == code


def test_the_demo_says_where_its_report_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from chainkit import report

    asked: list[Path] = []
    monkeypatch.setattr(report, "demo", lambda notebook: asked.append(notebook) or tmp_path / "demo.html")

    assert cli.main(["demo"]) == 0
    assert [notebook.name for notebook in asked] == ["01_first_chain.ipynb"]
    assert capsys.readouterr().out == f"report: {tmp_path / 'demo.html'}\n"


@pytest.fixture
def jupyterlab(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """Return what JupyterLab would have been started with."""
    import jupyterlab.labapp

    asked: list[Sequence[str]] = []
    monkeypatch.setattr(jupyterlab.labapp, "main", asked.append)
    return asked


@pytest.fixture
def voila(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """Return what Voila would have been started with."""
    import voila.app

    asked: list[Sequence[str]] = []
    monkeypatch.setattr(voila.app, "main", asked.append)
    monkeypatch.setenv("JUPYTER_PATH", "mine")
    return asked


def test_lab_opens_the_start_page_on_this_machine_only_and_hands_words_on(jupyterlab: list[Sequence[str]]) -> None:
    assert cli.main(["lab", "--no-browser"]) == 0
    assert jupyterlab == [
        [
            "--ServerApp.ip=127.0.0.1",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            f"--ServerApp.root_dir={cli._CHECKOUT / 'notebooks'}",
            "--no-browser",
            "--LabApp.default_url=/lab/tree/index.ipynb",
        ]
    ]


def test_lab_opens_one_of_our_notebooks_by_its_name(jupyterlab: list[Sequence[str]]) -> None:
    assert cli.main(["lab", "01_first_chain.ipynb"]) == 0
    assert jupyterlab[0][-1] == str(cli._CHECKOUT / "notebooks" / "01_first_chain.ipynb")
    assert f"--ServerApp.root_dir={cli._CHECKOUT / 'notebooks'}" in jupyterlab[0]


def test_lab_opens_a_notebook_from_elsewhere_in_its_own_folder(
    jupyterlab: list[Sequence[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.ipynb").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    assert cli.main(["lab", "mine.ipynb"]) == 0
    assert jupyterlab[0][-2:] == [f"--ServerApp.root_dir={tmp_path}", str(tmp_path / "mine.ipynb")]


def test_a_notebook_that_is_not_there_is_one_error_with_the_nearest(
    jupyterlab: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["lab", "01_frist_chain.ipynb"]) == 1
    assert "no notebook '01_frist_chain.ipynb' (did you mean '01_first_chain.ipynb'?)" in capsys.readouterr().err
    assert jupyterlab == []


def test_the_app_is_our_notebook_on_this_machine_only_behind_a_token(voila: list[Sequence[str]]) -> None:
    assert cli.main(["app", "--no-browser", "--port=8900"]) == 0
    (words,) = voila
    assert words[0] == str(cli._CHECKOUT / "notebooks" / "apps" / "designer.ipynb")
    assert {"--Voila.ip=127.0.0.1", "--token", "--template=chainkit"} <= set(words)
    assert list(words[-2:]) == ["--no-browser", "--port=8900"]


def test_the_apps_template_is_where_voila_looks(voila: list[Sequence[str]]) -> None:
    cli.main(["app"])
    ours, users = os.environ["JUPYTER_PATH"].split(os.pathsep)

    assert (Path(ours) / "voila" / "templates" / "chainkit" / "index.html.j2").is_file()
    assert users == "mine"


def test_the_app_without_voila_is_one_error_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "voila.app", None)

    assert cli.main(["app"]) == 1
    assert capsys.readouterr().err == (
        f'chainkit: chainkit app: voila.app is missing\n  fix: "{sys.executable}" -m pip install "chainkit[app]"\n'
    )


@pytest.mark.usefixtures("installed")
def test_lab_of_an_installed_copy_opens_copies_that_a_person_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    import jupyterlab.labapp

    monkeypatch.setattr(jupyterlab.labapp, "main", lambda words: None)
    copy = Path("chainkit-notebooks/01_first_chain.ipynb")

    assert cli.main(["lab"]) == 0
    assert copy.read_text(encoding="utf-8") == "original"

    copy.write_text("changed", encoding="utf-8")
    assert cli.main(["lab"]) == 0
    assert copy.read_text(encoding="utf-8") == "changed"


def test_a_stored_notebook_has_its_outputs_without_the_living_widget(tmp_path: Path) -> None:
    path = tmp_path / "01_show_widget.ipynb"
    cell = nbformat.v4.new_code_cell("import ipywidgets, os\nprint(os.environ['CI'])\nipywidgets.IntSlider(3)")
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}, "widgets": {}}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=metadata), path)

    cli._run_and_store(path)

    stored = nbformat.read(path, as_version=4)
    said, shown = stored.cells[0].outputs
    assert list(shown["data"]) == ["text/plain"]
    assert said["text"] == "1\n"  # so no progress bar was kept either
    assert set(stored.metadata) == {"kernelspec", "language_info"}


# --- prices ---

LISTS = Path(__file__).parent / "billing" / "price_lists"


def test_prices_prints_the_book_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["prices", "--region", "me-south-1"]) == 0
    assert capsys.readouterr().out == (
        "me-south-1: 1 prices, on demand, before tax, checked 2026-11-23\n"
        "key                        USD per    unit        free a month  source  of       A-D\n"
        "stepfunctions-transitions  0.0000275  transition  4000          P9      2026-04  C\n"
    )


def test_prices_finds_a_word_and_shows_the_notes(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["prices", "--find", "PIPES"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert [line.split()[0] for line in lines[2::2]] == ["events-pipes"]
    assert lines[3].startswith("    after the filter; a batch is one")


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (["--find", "zebra"], 1, "prices: no price of us-east-1 has the word 'zebra'"),
        (["--region", "eu-west-9"], 1, "region='eu-west-9' has no price file"),
        (["--yes", "--from", "x"], 2, "--from, --yes belongs to chainkit prices refresh"),
        (["refresh", "--find", "sqs"], 2, "--find belongs to chainkit prices, without refresh"),
        (["refresh", "--from", "no-such-folder"], 1, "in no-such-folder there is no file of the price list"),
    ],
)
def test_prices_refuses_in_one_line(
    words: list[str], code: int, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["prices", *words]) == code
    assert problem in capsys.readouterr().err


def test_refresh_writes_what_saved_lists_give_and_says_what_it_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["prices", "refresh", "--region", "ap-northeast-1", "--from", str(LISTS), "--to", str(tmp_path)]

    assert cli.main(words) == 0
    shown = capsys.readouterr().out
    assert "lambda-provisioned-gb-s-arm64: none -> 0.0000043068 USD per GB-s\n" in shown
    assert f"written to {tmp_path / 'ap-northeast-1.json'}\nin use with CHAINKIT_PRICES={tmp_path}\n" in shown
    assert [file.name for file in tmp_path.iterdir()] == ["ap-northeast-1.json"]


def test_refresh_takes_the_regions_of_the_files_and_fails_where_a_price_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["prices", "refresh", "--from", str(LISTS), "--to", str(tmp_path)]

    assert cli.main(words) == 1
    assert "held back" in capsys.readouterr().out
    assert sorted(file.stem for file in tmp_path.iterdir()) == ["ap-northeast-1", "eu-west-1", "us-east-1"]
    assert cli.main([*words, "--yes"]) == 0


def test_refresh_writes_to_the_users_settings_if_nothing_else_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CHAINKIT_PRICES")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    assert cli.main(["prices", "refresh", "--region", "eu-west-1", "--from", str(LISTS)]) == 0
    assert "in use with" not in capsys.readouterr().out
    assert cli.main(["prices", "--region", "eu-west-1", "--find", "sqs-standard"]) == 0
    assert "0.00000044 to 100,000,000,000" in capsys.readouterr().out


@pytest.mark.parametrize("word", ["prices", "validate"])
def test_a_word_with_options_of_its_own_explains_them(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main([word, "--help"])

    assert {"prices": "--from FOLDER", "validate": "--only CASE"}[word] in capsys.readouterr().out


def test_probe_refuses_an_endpoint_elsewhere_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["probe", "https://sqs.us-east-1.amazonaws.com"]) == 1
    assert "is on another machine" in capsys.readouterr().err


def test_probe_prints_the_table_and_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from chainkit.emulation import Emulator

    file = tmp_path / "report.json"
    with Emulator(clock="wall") as emulator:
        words = ["probe", emulator.endpoint_url, "--only", "sqs_visibility", "eb_sqs_transform", "--json", str(file)]
        code = cli.main([*words, "--order", "random", "--seed", "2", "--jobs", "1"])
    shown = capsys.readouterr().out

    assert code == 0
    assert "sqs_visibility" in shown
    assert shown.endswith(": 2 of 2 checks passed\n")
    assert json.loads(file.read_text())["passed"] is True


def test_the_exit_code_of_probe_is_1_if_a_check_fails(capsys: pytest.CaptureFixture[str]) -> None:
    from chainkit.emulation import Emulator

    with Emulator(clock="wall", region="eu-west-1") as emulator:
        words = ["probe", emulator.endpoint_url, "--only", "eb_schedule_rule", "--patience", "0.1", "--region", "x y"]
        assert cli.main(words) == 1
    assert ": 0 of 1 checks passed" in capsys.readouterr().out


def test_a_reader_who_has_seen_enough_is_no_error():
    process = subprocess.Popen(
        [sys.executable, "-m", "chainkit", "prices"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()

    assert process.stderr.read() == ""
    assert process.wait() in (0, 141)
    process.stderr.close()
