"""Keeps a program that has no such rule of its own from outliving us: it ends when our stdin closes.

Run as a file, by ``python -I keeper.py '{"command": [...], "root": "..."}'``; standard library only. The program goes,
all that it began, and the folder of its files.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

PATIENCE_S = 5.0
"""How long a program that is told to end may take before it is killed."""


def main() -> None:
    """Run the command until it ends, stdin closes or a signal comes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt of the notebook's kernel is not meant for us
    settings = json.loads(sys.argv[1])
    root = Path(settings["root"])
    with (root / "output.log").open("wb") as output:
        process = subprocess.Popen(
            settings["command"],
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    threading.Thread(target=_until_stdin_closes, args=(process,), daemon=True).start()
    try:
        process.wait()
        if process.returncode:
            os.read(0, 1)  # it could not go on: its last words are in the folder until we are told to end
    finally:
        _end(process)
        os.chdir(root.parent)
        shutil.rmtree(root, ignore_errors=True)
        os._exit(0)


def _until_stdin_closes(process: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1):
        pass
    _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it began: asked first, then not."""
    if os.name == "nt":
        subprocess.run(["taskkill", "/PID", str(process.pid), "/T", "/F"], capture_output=True, check=False)
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE_S)
        os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
