"""Every notebook as a page, opened in Chromium with the network off: pictures are there, and nothing is asked for."""

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, sync_playwright

from chainkit import report
from tests.browser.conftest import CHROMIUM

pytestmark = pytest.mark.browser

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = [*sorted(FOLDER.glob("*.ipynb")), *sorted(FOLDER.glob("apps/*.ipynb"))]
PICTURES = ("image/svg+xml", "image/png")
# Pictures of the page: how many there are, and which of them cannot be seen or stand out of their column.
LOOK = """() => {
  const all = [...document.querySelectorAll(".jp-OutputArea img, .jp-OutputArea svg")];
  const isSeen = (i) => (i.naturalWidth ?? 1) > 0 && i.clientWidth > 0 && i.clientHeight > 0;
  const fits = (i) => i.getBoundingClientRect().right <= i.closest(".jp-OutputArea").getBoundingClientRect().right + 1;
  return { count: all.length, unseen: all.filter((i) => !isSeen(i)).length, wide: all.filter((i) => !fits(i)).length };
}"""


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium_path, args=list(CHROMIUM))
        yield started
        started.close()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_shows_its_pictures_with_the_network_off(path, browser, tmp_path):
    book = nbformat.read(path, as_version=4)
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    pictures = [output for output in outputs if {*output.get("data", {})} & {*PICTURES}]
    file = tmp_path / "page.html"
    file.write_text(report.html(book), encoding="utf-8")
    asked, failed = [], []
    with browser.new_context(offline=True, viewport={"width": 1200, "height": 900}) as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: failed.append(str(error)))
        page.goto(file.as_uri())
        page.wait_for_load_state()
        seen = page.evaluate(LOOK)
        text = page.inner_text("body")

    assert pictures
    assert seen == {"count": len(pictures), "unseen": 0, "wide": 0}
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert failed == []
    # What JupyterLab and reports say where a widget has no kernel any more.
    assert "Error displaying widget" not in text
    assert "A Jupyter Widget" not in text
