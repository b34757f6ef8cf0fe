"""The browser's side: modules joined so that each file's names stay inside it."""

import json
import re
import shutil
import subprocess

import pytest

from chainkit.widgets import assets

FILES = sorted((assets.HERE / "js").glob("*.js"))
ENTRIES = [path.name for path in FILES if "export default" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("name", ENTRIES)
def test_each_file_of_a_module_is_a_function_of_its_own(name):
    joined = assets.module(name)
    outside = re.sub(r"^const module_\w+ = \(\(\) => \{\n.*?^\}\)\(\);\n", "", joined, flags=re.M | re.S)
    own = (assets.HERE / "js" / name).read_text(encoding="utf-8")

    assert outside.strip().endswith(own.partition("\n\n")[2].strip()[-200:])
    assert len(re.findall(r"^(?:class|function|const|let) (\w+)", outside, re.M)) == len(
        re.findall(r"^(?:class|function|const|let) (\w+)", own, re.M)
    )
    assert not re.findall(r"^import\b|^export (?!default)", joined, re.M)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_name_that_a_file_imports_is_exported_there(path):
    for names, other in assets._IMPORT.findall(path.read_text(encoding="utf-8")):
        text = (assets.HERE / "js" / f"{other}.js").read_text(encoding="utf-8")

        assert {name.strip() for name in names.split(",")} <= {*assets._EXPORT.findall(text)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_imports_are_written_as_they_are_joined(path):
    text = path.read_text(encoding="utf-8")

    assert len(re.findall(r"^import\b", text, re.M)) == len(assets._IMPORT.findall(text))


@pytest.mark.parametrize("name", ENTRIES)
def test_the_joined_module_is_javascript(name, tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine")
    file = tmp_path / f"{name.removesuffix('.js')}.mjs"
    file.write_text(assets.module(name), encoding="utf-8")

    subprocess.run([node, "--check", file], check=True)


def test_the_common_look_comes_first_and_asks_for_nothing():
    text = assets.style("panels.css")
    look = (assets.HERE / "css" / "look.css").read_text(encoding="utf-8")

    assert text.startswith(look)
    assert re.findall(r"url\(|@import|https?:", text) == []


RESTARTED = """
const model = { on() {}, off() {}, send() { throw new Error("Cannot send"); } };
const said = [];
let answered = 0;
const asking = new Asking(model, [], (text) => said.push(text));
for (const kind of ["one", "two"]) asking.ask({ kind }, () => (answered += 1));
console.log(JSON.stringify({ said, answered, isBusy: asking.isBusy }));
"""


def test_what_cannot_be_sent_after_a_restart_is_said_at_once_and_holds_nothing_up(tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine")
    file = tmp_path / "restarted.mjs"
    file.write_text(assets.module("asking.js") + RESTARTED, encoding="utf-8")
    seen = json.loads(subprocess.run([node, file], check=True, capture_output=True, text=True).stdout)

    assert [("restarted" in text) for text in seen["said"]] == [True, True]
    assert (seen["answered"], seen["isBusy"]) == (2, False)
