"""What the documents say runs, and what they name is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(ROOT.glob("*.md"))
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)


def test_the_readme_runs_from_top_to_bottom() -> None:
    assert len(BLOCKS) == 2

    done = subprocess.run([sys.executable, "-c", "\n".join(BLOCKS)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "response_p99_s" in done.stdout
    assert "jobs" in done.stdout


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_links_of_a_document_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8"))

    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []


def test_the_code_map_names_every_module() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    modules = {path.name for path in (ROOT / "chainkit").glob("*.py")} - {"__init__.py", "__main__.py"}
    packages = {f"{path.parent.name}/" for path in (ROOT / "chainkit").glob("*/__init__.py")}

    assert {name for name in modules | packages if name not in text} == set()


def test_every_dependency_has_its_reason() -> None:
    table = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split("## Dependencies")[1].split("##")[0]
    listed = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("\ndependencies = [")[1].split("\n]")[0]
    names = re.findall(r'^\s+"([\w.-]+)', listed, re.M)

    assert {name for name in names if name not in table} == set()
