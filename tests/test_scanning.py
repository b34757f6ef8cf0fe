"""Files that are handed on hold no key: what is planted is found, masked, and ours hold none."""

import base64
import json
from pathlib import Path

import nbformat
import pytest

from chainkit import scanning
from chainkit.errors import ConfigError

ROOT = Path(__file__).parents[1]
# Put together here, so that this file holds none.
KEY_ID = "AKIA" + "Q3EGRZ7Z5XHBUT2P"
TEMPORARY = "ASIA" + "Q3EGRZ7Z5XHBUT2P"
SECRET = "kX9/" + "fQ2bLw+7RtYp0ZsVcD4mNgHjA1eUiO6yTq8B"
TOKEN = base64.b64encode(b"!\n\torigin" + bytes(range(200))).decode()
PEM = "-----BEGIN RSA " + "PRIVATE KEY-----"


def found(path, **options):
    return [(leak.path.name, leak.line, leak.what) for leak in scanning.leaks([path], **options)]


def test_the_planted_key_of_these_tests_is_as_long_as_aws_makes_them():
    assert (len(KEY_ID), len(SECRET)) == (20, 40)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"key = '{KEY_ID}'", "AWS access key id"),
        (f"https://x/?X-Amz-Credential={TEMPORARY}%2F20261127", "AWS access key id"),
        (f"aws_secret_access_key = {SECRET}", "AWS secret access key"),
        (f'"SecretAccessKey": "{SECRET}"', "AWS secret access key"),
        (f"SecretAccessKey=\\\"{SECRET}\\\"", "AWS secret access key"),
        (f"AWS_SESSION_TOKEN={TOKEN}", "AWS session token"),
        (f"'{TOKEN}'", "AWS session token"),
        ("session_token: " + 120 * "aB3/", "AWS session token"),
        (PEM, "private key"),
        ("-----BEGIN " + "PRIVATE KEY-----", "private key"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a.py", "a.json", "a.yaml", ".env", ".env.local"])
def test_a_planted_secret_is_found_with_its_line(tmp_path, text, what, name):
    (tmp_path / name).write_text(f"first\n{text}\n", encoding="utf-8")

    assert found(tmp_path) == [(name, 2, what)]


@pytest.mark.parametrize(
    "text",
    [
        f"X{KEY_ID}",
        f"{KEY_ID}7",
        "akia" + KEY_ID[4:].lower(),
        SECRET,  # forty characters alone are anything
        "secret: " + 10 * "0a1b",  # a checksum
        "secret of chainkit/deployment/cloudformation/and/of/no/one",
        "session_token: none",
        "-----BEGIN CERTIFICATE-----",
        "AKIA and sixteen letters",
    ],
)
def test_what_only_looks_like_one_is_let_pass(tmp_path, text):
    (tmp_path / "a.py").write_text(text, encoding="utf-8")

    assert found(tmp_path) == []


@pytest.mark.parametrize("where", ["source", "stream", "html", "error"])
def test_every_part_of_a_notebook_is_read(tmp_path, where):
    output = {
        "stream": nbformat.v4.new_output("stream", text=f"hello\n{KEY_ID}\n"),
        "html": nbformat.v4.new_output("display_data", {"text/html": f"<b>{KEY_ID}</b>"}),
        "error": nbformat.v4.new_output("error", ename="E", evalue="", traceback=[f"\x1b[31m{KEY_ID}"]),
    }
    cell = nbformat.v4.new_code_cell(f"k = '{KEY_ID}'" if where == "source" else "1")
    cell.outputs = [output[where]] if where in output else []
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "n.ipynb")

    assert [what for _, _, what in found(tmp_path)] == ["AWS access key id"]


def test_a_report_does_not_hold_the_secret(tmp_path):
    (tmp_path / "a.env").write_text(f"{KEY_ID}\nsecret={SECRET}\n{TOKEN}\n", encoding="utf-8")

    text = "\n".join(map(str, scanning.leaks([tmp_path])))

    assert len(text.splitlines()) == 3
    assert [s for s in (KEY_ID, SECRET, TOKEN) if s[:8] in text or s[-4:] in text] == []


def test_account_ids_are_warned_of_only_when_asked_and_not_those_of_documentation(tmp_path):
    (tmp_path / "a.json").write_text(
        json.dumps(["arn:aws:sqs:us-east-1:123456789012:jobs", "arn:aws:sqs:us-east-1:98765" + "4321098:jobs"])
    )

    assert found(tmp_path) == []
    (warned,) = scanning.leaks([tmp_path], accounts=True)
    assert (warned.shown, warned.is_warning) == ("9876********", True)


def test_every_text_is_read_whatever_it_is_called_and_hidden_folders_are_not_but_for_copies_of_notebooks(tmp_path):
    (tmp_path / "notes.weird").write_text(KEY_ID)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0" + KEY_ID.encode())
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    for folder in (".git", ".ipynb_checkpoints"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text(KEY_ID)

    assert sorted(path for path, *_ in found(tmp_path)) == ["a.py", "notes.weird"]
    assert len(found(tmp_path / "notes.weird")) == 1
    assert len(found(tmp_path / "picture.png")) == 1


@pytest.mark.parametrize(
    "text",
    [
        f"secret_access_key: >-\n  {SECRET}\n",
        f'{{"SecretAccessKey":\n  "{SECRET}"}}',
        f"User,Access key ID,Secret access key\nme,,{SECRET}\n",
    ],
    ids=["yaml", "json", "the console's csv"],
)
def test_a_secret_that_is_named_on_the_line_before_is_found_where_it_stands(tmp_path, text):
    (tmp_path / "keys.csv").write_text(text)

    assert [(line, what) for _, line, what in found(tmp_path)] == [(2, "AWS secret access key")]


def test_a_path_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="is not there"):
        found(tmp_path / "none")


def test_our_own_files_hold_none():
    folders = [ROOT / name for name in ("notebooks", "data", "chainkit", "tests", "docs")]

    assert list(scanning.leaks(folders)) == []
