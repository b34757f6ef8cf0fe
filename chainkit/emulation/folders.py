"""Where chainkit keeps what belongs to a user and outlives a process: emulators that are up, and others' emulators."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def emulators_folder() -> Path:
    """Return the folder of the records of emulators that are up; it is made, for its owner only, if it is not there.

    $CHAINKIT_STATE names it; else it is `chainkit/emulators` in $XDG_STATE_HOME, in %LOCALAPPDATA% on Windows, else in
    `~/.local/state`: the same in a terminal and in a notebook, which may have other temporary folders.
    """
    named = os.environ.get("CHAINKIT_STATE")
    folder = Path(named) if named else _of_user("XDG_STATE_HOME", ".local/state") / "chainkit" / "emulators"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)  # records hold the secrets that end emulators
    return folder


def installs_folder() -> Path:
    """Return the folder of emulators that chainkit has installed apart from itself; it need not be there.

    It is `chainkit` in $XDG_DATA_HOME, in %LOCALAPPDATA% on Windows, else in `~/.local/share`.
    """
    return _of_user("XDG_DATA_HOME", ".local/share") / "chainkit"


def _of_user(variable: str, place: str) -> Path:
    named = os.environ.get(variable) or (os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None)
    return Path(named) if named else Path.home() / place
