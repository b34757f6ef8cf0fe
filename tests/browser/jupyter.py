"""A JupyterLab of our own on 127.0.0.1, and what our Chromium is started with."""

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

CHROMIUM = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
START_S = 60.0


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
def running(folder: Path, home: Path) -> Iterator[tuple[str, str]]:
    """Start JupyterLab in a folder, with its settings in `home`; give address and token, and end it."""
    port, token = _free_port(), secrets.token_hex(16)
    inside = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "IPYTHONDIR")
    environment = {
        **os.environ, **{name: str(home / name.lower()) for name in inside}, "JUPYTER_TOKEN": token,
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }  # fmt: skip
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={port}",
        "--ServerApp.ip=127.0.0.1", "--LabApp.news_url=None", "--LabApp.extension_manager=readonly",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", f"--ServerApp.root_dir={folder}",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with (home / "log").open("w") as log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process:

        def answers() -> bool:
            try:
                with urllib.request.urlopen(f"{url}/api?token={token}", timeout=5):
                    return True
            except (urllib.error.URLError, ConnectionError):
                return False

        try:
            _wait(answers, "JupyterLab")
            yield url, token
        finally:
            process.terminate()
