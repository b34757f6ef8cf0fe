"""Where chainkit keeps what belongs to a user and outlives a process: emulators that are up, and others' emulators."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from chainkit.errors import DeployError


def emulators_folder() -> Path:
    """Return the folder of the records of emulators that are up; it is made, for its owner only, if it is not there.

    $CHAINKIT_STATE names it; else it is `chainkit/emulators` in $XDG_STATE_HOME, in %LOCALAPPDATA% on Windows, else in
    `~/.local/state`: the same in a terminal and in a notebook, which may have other temporary folders.

    Raises
    ------
    DeployError
        If it cannot be made, or is not this user's.
    """
    named = os.environ.get("CHAINKIT_STATE")
    folder = Path(named) if named else _of_user("XDG_STATE_HOME", ".local/state") / "chainkit" / "emulators"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)  # records hold the secrets that end emulators
    except OSError as error:
        raise DeployError(
            f"local: {folder}, for records of emulators, cannot be had: {error.strerror}",
            fix="name a folder of yours in CHAINKIT_STATE",
        ) from error
    return folder


def new_root() -> Path:
    """Return a new folder for the files of one emulator; it goes with the emulator.

    Raises
    ------
    DeployError
        If there is no room for it.
    """
    try:
        return Path(tempfile.mkdtemp(prefix="chainkit-"))
    except OSError as error:
        raise DeployError(
            f"local: no folder for an emulator's files can be made: {error}",
            fix="make room, or name a folder that can be written in TMPDIR",
        ) from error


def installs_folder() -> Path:
    """Return the folder of emulators that chainkit has installed apart from itself; it need not be there.

    It is `chainkit` in $XDG_DATA_HOME, in %LOCALAPPDATA% on Windows, else in `~/.local/share`.
    """
    return _of_user("XDG_DATA_HOME", ".local/share") / "chainkit"


def _of_user(variable: str, place: str) -> Path:
    named = os.environ.get(variable) or (os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None)
    return Path(named) if named else Path.home() / place
