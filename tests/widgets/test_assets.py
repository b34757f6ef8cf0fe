"""The browser's side: modules joined so that each file's names stay inside it."""

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


def test_python_is_told_where_a_restarted_kernel_is_noticed_and_nowhere_else():
    sends = {path.name: path.read_text(encoding="utf-8").count("model.send(") for path in FILES}

    assert {name: count for name, count in sends.items() if count} == {"dom.js": 1}
