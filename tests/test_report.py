"""The demo's report: one file that shows everything with the network off."""

import re
from pathlib import Path

import nbformat
import pytest

from chainkit import report
from chainkit.errors import ConfigError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("report")
    book = nbformat.v4.new_notebook()
    book.cells = [
        nbformat.v4.new_markdown_cell("# Does $x$ show?"),
        nbformat.v4.new_code_cell(
            "import chainkit as ck\nprint(ck.example('orders'))", metadata={"tags": [report.TAG]}
        ),
        nbformat.v4.new_code_cell("ck.plot(ck.example('orders'))"),
        nbformat.v4.new_code_cell("ck.Designer(ck.example('orders'))"),
    ]
    nbformat.write(book, folder / "book.ipynb")
    path = report.demo(folder / "book.ipynb", folder / "report.html")
    return path, path.read_text(encoding="utf-8")


def test_cells_with_the_tag_are_told_on_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book = nbformat.v4.new_notebook()
    book.cells = [
        nbformat.v4.new_code_cell("print('said')", metadata={"tags": [report.TAG]}),
        nbformat.v4.new_code_cell("print('kept')"),
    ]
    nbformat.write(book, tmp_path / "book.ipynb")

    report.demo(tmp_path / "book.ipynb", tmp_path / "report.html")

    assert capsys.readouterr().out == "said\n\n"


@pytest.mark.parametrize(
    ("source", "report_name", "problem"),
    [
        (None, "report.html", "book.ipynb cannot be read: .*No such file"),
        ("", "report.html", "book.ipynb cannot be read: .*JSON"),
        ("1 / 0", "report.html", "book.ipynb fails: ZeroDivisionError: division by zero"),
        ("1", "nowhere/report.html", "report.html cannot be written: No such file"),
    ],
)
def test_a_demo_that_cannot_be_is_one_error(tmp_path: Path, source: str | None, report_name: str, problem: str) -> None:
    notebook = tmp_path / "book.ipynb"
    if source:
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), notebook)
    elif source is not None:
        notebook.write_text(source)

    with pytest.raises(ConfigError, match=problem):
        report.demo(notebook, tmp_path / report_name)


def test_the_report_loads_nothing_from_elsewhere(made: tuple[Path, str]) -> None:
    _, page = made

    assert re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(?!data:)[^\"]+\"", page) == []
    assert "widget-view" not in page


def test_pictures_stand_in_the_report(made: tuple[Path, str]) -> None:
    _, page = made

    assert "data:image/png;base64," in page
    assert "data:image/svg+xml" in page


@pytest.mark.browser
def test_the_report_opens_with_the_network_off(made: tuple[Path, str], chromium_path: str) -> None:
    from playwright.sync_api import sync_playwright

    path, _ = made
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium_path, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(offline=True)
        page = context.new_page()
        asked: list[str] = []
        failed: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: failed.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_timeout(500)
        fits = page.evaluate(
            "[...document.querySelectorAll('.jp-RenderedSVG img')].map(i => i.naturalWidth > 0 && "
            "i.clientWidth <= i.closest('.jp-OutputArea').clientWidth)"
        )
        browser.close()

    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert failed == []
    assert fits == [True]
