"""A JupyterLab of our own on 127.0.0.1, and a Chromium that can reach nothing else."""

import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, expect, sync_playwright

CHROMIUM = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
START_S = 60.0


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
        made: list[dict[str, object]] = [
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


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _wait(is_there: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + START_S
    while not is_there():
        assert time.monotonic() < end, f"{what} did not start"
        time.sleep(0.2)


@contextmanager
def serving(home: Path, *command: str) -> Iterator[tuple[str, str]]:
    """Start a Jupyter server, `python -m` and these words; give its address and token. "{port}" is put in."""
    port, token = _free_port(), secrets.token_hex(16)
    inside = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "IPYTHONDIR")
    environment = {
        **os.environ, **{name: str(home / name.lower()) for name in inside}, "JUPYTER_TOKEN": token,
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }  # fmt: skip
    words = [sys.executable, "-m", *(word.format(port=port) for word in command)]
    url = f"http://127.0.0.1:{port}"
    with (home / "log").open("w") as log, subprocess.Popen(words, env=environment, stdout=log, stderr=log) as process:

        def answers() -> bool:
            try:
                with urllib.request.urlopen(f"{url}/api?token={token}", timeout=5):
                    return True
            except urllib.error.HTTPError:
                return True  # Voila has no such page, and says so
            except (urllib.error.URLError, ConnectionError):
                return False

        try:
            _wait(answers, command[0])
            yield url, token
        finally:
            process.terminate()


@contextmanager
def jupyterlab(folder: Path, home: Path) -> Iterator[tuple[str, str]]:
    """Start JupyterLab in a folder, with its settings in `home`; give its address and token."""
    command = (
        "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1",
        "--LabApp.news_url=None", "--LabApp.extension_manager=readonly",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", f"--ServerApp.root_dir={folder}",
    )  # fmt: skip
    with serving(home, *command) as found:
        yield found


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, str]]:
    """Start JupyterLab in an empty folder; give folder, address and token."""
    folder = tmp_path_factory.mktemp("lab")
    with jupyterlab(folder, tmp_path_factory.mktemp("home")) as (url, token):
        yield folder, url, token


def strangers(page: Page, url: str) -> list[str]:
    """Return the list of what a page asks of others than the server at `url`; it grows."""
    found: list[str] = []

    def remember(request: Request) -> None:
        if not request.url.startswith((url, url.replace("http", "ws", 1), "data:", "blob:")):
            found.append(request.url)

    page.on("request", remember)
    return found


@pytest.fixture
def lab(server: tuple[Path, str, str], chromium_path: str) -> Iterator[Lab]:
    """Give a page in JupyterLab; a request to anywhere else is refused and remembered."""
    folder, url, token = server
    alone = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=[*CHROMIUM, alone])
        page = browser.new_page(viewport={"width": 1500, "height": 1500})
        found = Lab(folder, url, token, page, strangers(page, url))
        page.on("pageerror", lambda error: found.failures.append(str(error)))
        yield found
        browser.close()
