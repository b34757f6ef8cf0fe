"""The rules of notebooks that a machine can check: short, told in words, run in order, without widget state."""

import re
from pathlib import Path

import nbformat
import pytest

from chainkit.widgets.tabs import TABS

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("[0-9]*.ipynb"))
START = FOLDER / "index.ipynb"
APPS = sorted(FOLDER.glob("apps/*.ipynb"))
every_lesson = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
# The start page asks nothing, it leads on; an app has nothing to teach, it is used. So neither has a lesson to assert,
# a number, or an exercise. All else holds for them as well.
every_notebook = pytest.mark.parametrize("path", [*NOTEBOOKS, START, *APPS], ids=lambda path: path.name)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def words(path):
    return "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def test_there_is_a_first_notebook_and_every_notebook_is_listed():
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")

    assert NOTEBOOKS[0].name == "00_draw_a_chain.ipynb"
    assert [path.name for path in [*NOTEBOOKS, START, *APPS] if path.name not in listed] == []
    assert {*FOLDER.rglob("*.ipynb")} - {*FOLDER.rglob(".*/*")} == {*NOTEBOOKS, START, *APPS}


@every_lesson
def test_the_start_page_leads_to_each_with_its_question_and_its_minutes(path):
    first = read(path).cells[0].source
    question, minutes = first.splitlines()[0].removeprefix("# "), re.search(r"\*\*Takes\*\* (\d+) minutes", first)[1]

    assert re.search(rf"\| \[{path.stem}\]\({path.name}\) \| {re.escape(question)} \| {minutes} \|", words(START))


def test_the_start_page_names_every_panel_of_the_designer():
    assert [title for title in TABS if f"| tab *{title}* |" not in words(START)] == []


@every_notebook
def test_links_lead_to_files_that_are_there(path):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", words(path))

    assert [link for link in links if not link.startswith("http") and not (path.parent / link).exists()] == []


@every_lesson
def test_the_name_is_a_number_and_words(path):
    assert re.fullmatch(r"\d\d(_[a-z]+)+\.ipynb", path.name)


@every_lesson
def test_the_title_is_a_question_that_says_what_it_takes(path):
    first = read(path).cells[0].source

    assert first.splitlines()[0].startswith("# ")
    assert first.splitlines()[0].endswith("?")
    assert "You will learn" in first
    assert "Takes" in first


@every_notebook
def test_cells_are_few_and_short_and_follow_words(path):
    assert read(path).cells[0].cell_type == "markdown"
    assert len(code_cells(path)) <= 25
    assert [len(cell.source.splitlines()) for cell in code_cells(path) if len(cell.source.splitlines()) > 15] == []


@every_lesson
def test_it_ends_with_its_lesson_as_checks_and_an_exercise(path):
    assert "Exercise" in read(path).cells[-1].source
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
