"""The same designer outside JupyterLab: in Notebook 7, and as a page of Voila. And the start page's links."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.conftest import CHROMIUM, serving, strangers

pytestmark = pytest.mark.browser

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SHOP = """\
chainkit: 1
chain: shop
services:
  orders: {type: SqsQueue}
"""


@pytest.fixture
def page(chromium_path: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=list(CHROMIUM))
        yield browser.new_page(viewport={"width": 1500, "height": 1500})
        browser.close()


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("notebook")
    shutil.copy(NOTEBOOKS / "apps" / "designer.ipynb", folder)
    command = (
        "notebook", "--no-browser", "--allow-root", "--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1",
        "--JupyterNotebookApp.news_url=None", f"--ServerApp.root_dir={folder}",
    )  # fmt: skip
    with serving(tmp_path_factory.mktemp("home"), *command) as server:
        yield server


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    with serving(tmp_path_factory.mktemp("home"), "chainkit", "app", "--no-browser", "--port={port}") as server:
        yield server


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    words = ("--no-browser", "--allow-root", "--ServerApp.port={port}")
    with serving(tmp_path_factory.mktemp("home"), "chainkit", "lab", *words) as server:
        yield server


def check(page: Page) -> None:
    """Hold a designer to what it must do wherever it stands."""
    expect(page.locator(".ck-stage")).to_be_visible(timeout=90_000)
    expect(page.locator(".ck-card")).to_have_count(9)
    expect(page.locator("tr", has_text="response p50").first).to_be_visible(timeout=90_000)

    page.get_by_role("group", name="Services to add").get_by_role("button", name="SQS queue").click()
    expect(page.locator(".ck-card")).to_have_count(10)
    expect(page.locator('.ck-card[data-id="queue"]')).to_be_visible()


def test_notebook_7_shows_the_designer_and_adds_a_card(page, notebook):
    url, token = notebook
    abroad = strangers(page, url)
    page.goto(f"{url}/notebooks/designer.ipynb?token={token}")
    page.get_by_text("Python 3 (ipykernel)").first.wait_for(timeout=90_000)
    page.locator(".jp-Notebook .jp-Cell").first.click(timeout=60_000)
    for _ in range(3):
        page.keyboard.press("Shift+Enter")

    check(page)
    assert abroad == []


def test_voila_shows_the_designer_and_adds_a_card(page, app):
    url, token = app
    abroad, broken = strangers(page, url), []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.goto(f"{url}/?token={token}")

    check(page)
    assert page.get_by_role("heading", name="The designer").is_visible()
    assert (abroad, broken) == ([], [])


def test_a_design_is_opened_in_the_app_and_one_that_is_none_is_refused_in_words(page, app):
    url, token = app
    page.goto(f"{url}/?token={token}")
    expect(page.locator(".ck-card")).to_have_count(9, timeout=90_000)

    def give(text: str) -> None:
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Open a design").first.click()
        chooser.value.set_files({"name": "shop.chain.yaml", "mimeType": "text/yaml", "buffer": text.encode()})

    give("chainkit: 1\nservices: 3\n")
    expect(page.get_by_role("alert").first).to_contain_text("shop.chain.yaml")
    expect(page.locator(".ck-card")).to_have_count(9)

    give(SHOP)
    expect(page.locator(".ck-card")).to_have_count(1)
    expect(page.get_by_text("shop.chain.yaml: 1 services and 0 links.").first).to_be_visible()


def test_without_its_token_nobody_sees_the_app(page, app):
    url, _ = app
    page.goto(url)

    assert "/login" in page.url


def test_chainkit_lab_opens_the_start_page_whose_links_open_notebooks(page, start):
    url, token = start
    abroad = strangers(page, url)
    page.goto(f"{url}/?token={token}")
    expect(page.get_by_role("heading", name=re.compile("^chainkit: where"))).to_be_visible(timeout=90_000)

    for name in ("00_draw_a_chain", "apps/designer"):
        page.locator(".jp-Notebook").get_by_role("link", name=name, exact=True).first.click()
        expect(page.get_by_role("tab", name=f"{Path(name).name}.ipynb")).to_be_visible(timeout=30_000)
        page.get_by_role("tab", name="index.ipynb").click()
    assert abroad == []
