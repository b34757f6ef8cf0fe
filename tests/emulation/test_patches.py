"""The table of patches: each fits the installed moto, is used exactly once, and has a test that proves it."""

import ast
import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from chainkit.emulation.patches import PATCHES

REPORTED = "5.2.5"
"""The version of moto that docs/UPSTREAM.md speaks of."""
HERE = Path(__file__).parent
UPSTREAM = (HERE.parents[1] / "docs" / "UPSTREAM.md").read_text(encoding="utf-8")
EMULATION = HERE.parents[1] / "chainkit" / "emulation"

LOOK = """
import inspect, json
from chainkit.emulation import patches, patching
found = {}
for place in patches.PATCHES:
    owner, name = patching.find(place)
    found[place] = patching.described(inspect.getattr_static(owner, name, patching.ABSENT))
print(json.dumps(found))
"""

APPLY = """
import json, pathlib, tempfile
from moto.core.config import default_user_config
default_user_config["stepfunctions"] = {"execute_state_machine": True}
from chainkit.emulation import application, patching, states
with tempfile.TemporaryDirectory() as root:
    host = application.build_host("us-east-1", "http://127.0.0.1:1", pathlib.Path(root), jumps=True)
    application.Application(host, None)
    states.repair(host)
    print(json.dumps(patching.applied))
"""


def run(code):
    """Return what a new process prints as JSON: moto is changed for the whole of a process."""
    settings = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def installed():
    return run(LOOK)


def test_each_patch_fits_the_installed_moto(installed):
    assert installed == {place: row.expects for place, row in PATCHES.items()}


def test_each_patch_is_used_exactly_once():
    assert sorted(run(APPLY)) == sorted(PATCHES)


def test_each_patch_has_a_test_that_proves_it():
    files = {row.proof.partition("::")[0] for row in PATCHES.values()}
    tests = {
        f"{file}::{node.name}"
        for file in files
        for node in ast.parse((HERE / file).read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
    assert {row.proof for row in PATCHES.values()} <= tests


def test_each_patch_says_why():
    assert all(row.why and not row.why.endswith(".") for row in PATCHES.values())
    assert {True, False} == {row.is_upstream for row in PATCHES.values()}


def test_nothing_is_set_on_moto_but_by_a_patch():
    for file in EMULATION.glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
        moto = {name.asname or name.name for node in imports if node.module.startswith("moto") for name in node.names}
        changed = [target for node in ast.walk(tree) for target in getattr(node, "targets", ())]
        changed += [
            ast.Attribute(node.args[0], "setattr")
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr"
        ]
        for target in changed:
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                assert target.value.id not in moto, f"{file.name} sets {target.attr} of {target.value.id}"


def reproductions():
    """Return of docs/UPSTREAM.md what prepares, and by title (code, what it prints)."""
    head, *sections = UPSTREAM.split("\n## ")
    (prepare,) = re.findall(r"```python\n(.*?)```", head, re.S)
    found = {}
    for section in sections:
        ((code, printed),) = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)\n```", section, re.S)
        found[section.partition("\n")[0]] = (code, printed)
    return prepare, found


def test_what_belongs_into_moto_is_told_and_nothing_else():
    lines = [part.partition("\n\n")[0] for part in UPSTREAM.split("**Patch**")[1:]]
    told = {place for line in lines for place in re.findall(r"`([^`]+)`", line)}

    assert told == {row.place for row in PATCHES.values() if row.is_upstream}


def test_what_is_told_of_moto_is_what_moto_does():
    prepare, found = reproductions()
    blocks = json.dumps([prepare, *(code for code, _ in found.values())])
    stock = [sys.executable, "-W", "ignore", str(HERE / "stock.py")]
    done = subprocess.run(stock, input=blocks, capture_output=True, text=True, check=True)
    other = {
        title: printed
        for (title, (_, expected)), printed in zip(found.items(), json.loads(done.stdout.splitlines()[-1]), strict=True)
        if printed != expected
    }
    if version("moto") != REPORTED:
        pytest.skip(f"moto {version('moto')} differs from {REPORTED} in: {other or 'nothing'}")

    assert other == {}
