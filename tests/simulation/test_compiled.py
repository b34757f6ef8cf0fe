"""Compiled code goes when a module that it was made of changes."""

import tomllib
from pathlib import Path

import pytest

from chainkit.simulation.compiled import COMPILED, forget_stale_code

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the compiled modules, and what numba keeps of one."""
    for name in COMPILED:
        (tmp_path / f"{name}.py").write_text("")
    forget_stale_code(tmp_path)
    (tmp_path / "__pycache__" / "kernel.run.nbi").write_bytes(b"compiled")
    return tmp_path


def test_compiled_code_stays_while_nothing_changes(folder: Path) -> None:
    assert not forget_stale_code(folder)
    assert (folder / "__pycache__" / "kernel.run.nbi").exists()


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_code_goes_when_any_compiled_module_changes(folder: Path, name: str) -> None:
    (folder / f"{name}.py").write_text("LIMIT = 2")

    assert forget_stale_code(folder)
    assert list((folder / "__pycache__").glob("*.nb?")) == []
    assert not forget_stale_code(folder)


def test_all_compiled_modules_are_named() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    numba = next(c for c in settings["tool"]["importlinter"]["contracts"] if c["id"] == "numba")
    named = {line.split(" -> ")[0].rpartition(".")[2] for line in numba["ignore_imports"]}
    assert named == set(COMPILED) - {"draws"}
