"""Libraries for where code will run: wheels alone, of that Python and machine, kept and used without a network."""

import base64
import hashlib
import sys
import zipfile

import pytest

from chainkit import vendoring
from chainkit.errors import ConfigError
from chainkit.vendoring import Platform

HERE = Platform("python3.12", "x86_64")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """Let pip find wheels in a folder, and nowhere else; return a function that makes one."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "none"))

    def make(name, tag, needs=()):
        info = f"{name}-1.0.dist-info"
        required = "".join(f"Requires-Dist: {each}\n" for each in needs)
        files = {
            f"{name}.py": f"TAG = {tag!r}\n",
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{required}",
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
        }
        hashes = [
            f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},"
            f"{len(text)}"
            for path, text in files.items()
        ]
        files[f"{info}/RECORD"] = "\n".join([*hashes, f"{info}/RECORD,,", ""])
        with zipfile.ZipFile(folder / f"{name}-1.0-{tag}.whl", "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)

    return make


def code(tmp_path, requirements):
    home = tmp_path / "code"
    home.mkdir(exist_ok=True)
    (home / "requirements.txt").write_text(requirements, encoding="utf-8")
    return home


def test_the_wheel_of_the_runtime_is_gathered_not_that_of_this_machine(tmp_path, wheels):
    for tag in (
        "cp312-cp312-manylinux_2_28_x86_64",
        "cp312-cp312-manylinux_2_28_aarch64",
        "cp39-cp39-macosx_11_0_arm64",
    ):
        wheels("fast", tag)
    home = code(tmp_path, "fast  # for speed\n# and nothing else\n")

    assert vendoring.gather(home, HERE, "pay") is True
    assert vendoring.gather(home, Platform("python3.12", "arm64"), "pay") is True
    found = [vendoring.libraries(home, each, "pay")["fast.py"] for each in (HERE, Platform("python3.12", "arm64"))]
    assert found == [
        b"TAG = 'cp312-cp312-manylinux_2_28_x86_64'\n",
        b"TAG = 'cp312-cp312-manylinux_2_28_aarch64'\n",
    ]


def test_what_only_the_runtimes_python_needs_is_gathered_too(tmp_path, wheels):
    is_old = sys.version_info < (3, 13)
    there, bound = ("3.13", '>= "3.13"') if is_old else ("3.12", '< "3.13"')
    wheels("plain", "py3-none-any", needs=[f"more (>=1.0) ; python_version {bound}", 'none; python_version < "3.0"'])
    wheels("more", "py3-none-any", needs=[f"yetmore; python_version {bound}"])
    wheels("yetmore", "py3-none-any")
    home, platform = code(tmp_path, "plain\n"), Platform(f"python{there}", "x86_64")

    vendoring.gather(home, platform, "pay")

    found = {name for name in vendoring.libraries(home, platform, "pay") if name.endswith(".py")}
    assert found == {"plain.py", "more.py", "yetmore.py"}


def test_what_was_gathered_is_used_without_a_network(tmp_path, wheels, monkeypatch):
    wheels("plain", "py3-none-any")
    home = code(tmp_path, "plain==1.0\n")
    vendoring.gather(home, HERE, "pay")
    monkeypatch.setattr(vendoring.subprocess, "run", lambda *_, **__: pytest.fail("pip was asked"))

    assert vendoring.gather(home, HERE, "pay") is False
    assert "plain.py" in vendoring.libraries(home, HERE, "pay")


def test_a_wheel_that_is_not_there_is_an_error_with_pips_words_and_leaves_nothing(tmp_path, wheels, cache):
    wheels("fast", "cp312-cp312-manylinux_2_39_x86_64")  # needs a newer Linux than Lambda's
    home = code(tmp_path, "fast\n")

    with pytest.raises(
        ConfigError, match=r"pay: requirements\.txt: no wheels for python3\.12 on x86_64: .*fast"
    ) as told:
        vendoring.gather(home, HERE, "pay")

    assert "name a version that has a wheel" in told.value.fix
    assert list((cache / "chainkit" / "packages").iterdir()) == []
    with pytest.raises(ConfigError, match="asks for fast, not gathered yet"):
        vendoring.libraries(home, HERE, "pay")


def test_other_words_or_another_place_are_another_cache(tmp_path):
    def kept(text, platform=HERE):
        return vendoring._kept(text, platform, "pay")

    assert kept("a\nb") == kept("b\na")
    assert (
        len(
            {
                kept("a"),
                kept("a==1"),
                kept("a", Platform("python3.13", "x86_64")),
                kept("a", Platform("python3.12", "arm64")),
            }
        )
        == 4
    )


@pytest.mark.parametrize("text", [None, "", "# only words\n\n"])
def test_code_that_asks_for_nothing_needs_nothing(tmp_path, text):
    home = code(tmp_path, text or "")
    if text is None:
        (home / "requirements.txt").unlink()

    assert vendoring.gather(home, HERE, "pay") is None
    assert vendoring.libraries(home, HERE, "pay") == {}


def test_requirements_of_what_is_no_python_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"is for Python, and the runtime is nodejs22\.x"):
        vendoring.gather(code(tmp_path, "fast\n"), Platform("nodejs22.x", "x86_64"), "pay")


def test_an_old_runtime_takes_older_wheels_only():
    assert Platform("python3.11", "x86_64").tags[0] == "manylinux_2_26_x86_64"
    assert Platform("python3.12", "arm64").tags[0] == "manylinux_2_34_aarch64"
