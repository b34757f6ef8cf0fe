"""The rules of notebooks that a machine can check: short, told in words, run in order, without widget state."""

import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def test_there_is_a_first_notebook_and_the_index_names_each():
    index = (NOTEBOOKS[0].parent / "README.md").read_text(encoding="utf-8")

    assert NOTEBOOKS[0].name == "01_first_chain.ipynb"
    assert [path.name for path in NOTEBOOKS if path.name not in index] == []


@every_notebook
def test_the_name_is_a_number_and_words(path):
    assert re.fullmatch(r"\d\d_[a-z]+(_[a-z]+)+\.ipynb", path.name)


@every_notebook
def test_the_title_is_a_question_that_says_what_it_takes(path):
    first = read(path).cells[0].source

    assert first.splitlines()[0].startswith("# ")
    assert first.splitlines()[0].endswith("?")
    assert "You will learn" in first
    assert "Takes" in first


@every_notebook
def test_cells_are_few_and_short_and_follow_words(path):
    cells = read(path).cells

    assert len(code_cells(path)) <= 25
    assert [len(cell.source.splitlines()) for cell in code_cells(path) if len(cell.source.splitlines()) > 15] == []
    assert "Exercise" in cells[-1].source
    assert "assert " in code_cells(path)[-1].source


@every_notebook
def test_it_was_run_from_top_to_bottom(path):
    assert [cell.execution_count for cell in code_cells(path)] == list(range(1, len(code_cells(path)) + 1))
    assert [o for cell in code_cells(path) for o in cell.outputs if o.output_type == "error"] == []


@every_notebook
def test_it_keeps_no_widget_and_stays_small(path):
    assert "widgets" not in read(path).metadata
    assert "widget-view" not in path.read_text(encoding="utf-8")
    assert path.stat().st_size <= 300 * 1024


@every_notebook
def test_a_designer_is_kept_as_picture_and_text(path):
    shown = [o.data for cell in code_cells(path) for o in cell.outputs if "Designer(" in str(o.get("data", ""))]

    assert all("image/svg+xml" in data and "text/plain" in data for data in shown)
    assert ("ck.Designer(" in str(read(path))) == bool(shown)
