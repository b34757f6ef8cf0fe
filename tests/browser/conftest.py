"""A page in a JupyterLab of our own, in a Chromium that can reach nothing else."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect, sync_playwright

from tests.browser.jupyter import CHROMIUM, running


@dataclass
class Lab:
    """A running JupyterLab, and a page in it."""

    folder: Path
    url: str
    token: str
    page: Page
    abroad: list[str] = field(default_factory=list)
    """Requests that would have left this machine."""
    failures: list[str] = field(default_factory=list)
    """Errors of the page's own that nothing caught."""

    def open(self, *cells: str) -> Page:
        """Write a notebook of these cells, open it, and run it."""
        made: list[dict[str, Any]] = [
            {"cell_type": "code", "id": f"c{k}", "execution_count": None, "metadata": {}, "outputs": [], "source": text}
            for k, text in enumerate(cells)
        ]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
        notebook = {"cells": made, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
        (self.folder / "designer.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
        self.page.goto(f"{self.url}/lab/tree/designer.ipynb?reset&token={self.token}")
        # Before its kernel is there a notebook may run nothing of what it is told to.
        self.page.get_by_role("button", name=re.compile(r"\| Idle$")).wait_for(timeout=90_000)
        self.page.locator(".jp-Notebook .jp-CodeCell").first.click(timeout=60_000)
        for _ in cells:
            self.page.keyboard.press("Shift+Enter")
        return self.page

    def run(self, cell: int) -> str:
        """Run a cell again and return what it prints."""
        found = self.page.locator(".jp-Notebook .jp-CodeCell").nth(cell)
        prompt = found.locator(".jp-InputPrompt").first
        before = prompt.inner_text()
        found.locator(".cm-content").first.click()
        self.page.keyboard.press("Shift+Enter")
        expect(prompt).to_have_text(re.compile(r"^\[\d+\]:$"), timeout=30_000)
        expect(prompt).not_to_have_text(before, timeout=30_000)
        return "\n".join(found.locator(".jp-OutputArea-output pre").all_inner_texts()).strip()

    def restart(self) -> None:
        """Restart every kernel, as the notebook's menu does: its memory is gone, the page stays."""
        query = f"?token={self.token}"
        for kernel in self.page.request.get(f"{self.url}/api/kernels{query}").json():
            answer = self.page.request.post(f"{self.url}/api/kernels/{kernel['id']}/restart{query}")
            assert answer.ok


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, str]]:
    """Start JupyterLab in an empty folder; give folder, address and token."""
    folder = tmp_path_factory.mktemp("lab")
    with running(folder, tmp_path_factory.mktemp("home")) as (url, token):
        yield folder, url, token


@pytest.fixture
def lab(server: tuple[Path, str, str], chromium_path: str) -> Iterator[Lab]:
    """Give a page in JupyterLab; a request to anywhere else is refused and remembered."""
    folder, url, token = server
    alone = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=[*CHROMIUM, alone])
        page = browser.new_page(viewport={"width": 1500, "height": 1500})
        found = Lab(folder, url, token, page)

        def remember(request: Request) -> None:
            if not request.url.startswith((url, url.replace("http", "ws", 1), "data:", "blob:")):
                found.abroad.append(request.url)

        page.on("request", remember)
        page.on("pageerror", lambda error: found.failures.append(str(error)))
        yield found
        browser.close()
