"""The parent's side: start the emulator in a child process, and end it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Self

from chainkit.emulation.control import Control
from chainkit.emulation.environments import KEPT_VARIABLES, remove_files
from chainkit.emulation.folders import new_root
from chainkit.errors import DeployError, MissingError

if TYPE_CHECKING:
    import urllib.request
    from collections.abc import Callable, Mapping
    from types import TracebackType

_KEPT_BY_THE_CHILD = (
    "HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
)  # fmt: skip
_DETACHED = 0x08000200  # Windows: CREATE_NO_WINDOW | CREATE_NEW_PROCESS_GROUP, names that other systems do not have
_PACKAGES = str(Path(__file__).resolve().parents[2])


class Emulator(Control):
    """moto with real handlers, in a child process on 127.0.0.1.

    Several emulators have separate state. Nothing of one outlives it: it ends with `stop`, or with this process.

    Parameters
    ----------
    region : the one region that it emulates
    clock : "virtual" lets waits take no time when nothing runs; "wall" lets them last

    Raises
    ------
    MissingError
        On start, if moto is not installed or is a version that the patches do not know.

    Examples
    --------
    >>> with Emulator() as emulator:
    ...     emulator.endpoint_url.startswith("http://127.0.0.1:"), emulator.workers()
    (True, [])
    """

    def __init__(self, *, region: str = "us-east-1", clock: Literal["virtual", "wall"] = "virtual") -> None:
        super().__init__("")
        self.region = region
        self.clock = clock
        self._process: subprocess.Popen[str] | None = None
        self._end: Callable[[], object] = lambda: None

    def __repr__(self) -> str:
        return f"Emulator(region={self.region!r}, clock={self.clock!r})"

    def start(self) -> Self:
        """Start the child and wait until it answers; some two seconds."""
        if self._process is not None:
            return self
        root = new_root()
        with tempfile.TemporaryFile() as errors:
            self._process = spawn({"region": self.region, "clock": self.clock, "root": str(root)}, errors)
            self.token = tell_token(self._process)
            self._end = weakref.finalize(self, end_child, self._process, root)  # also if nobody calls stop
            greeting = greeting_of(self._process)
            if "endpoint_url" not in greeting:
                self.stop()
                raise start_error(greeting, errors)
        self.endpoint_url = greeting["endpoint_url"]
        return self

    def stop(self) -> None:
        """End the child, its workers and their files. Doing it twice does no harm."""
        self._process = None
        self._end()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _open(self, request: urllib.request.Request | str, patience_s: float) -> Any:
        if self._process is None:
            raise DeployError("Emulator: it is not running", fix="use it inside `with`, or call start() first")
        return super()._open(request, patience_s)


def spawn(settings: Mapping[str, Any], errors: IO[bytes], *, stays: bool = False) -> subprocess.Popen[str]:
    """Start the child that serves.

    Parameters
    ----------
    settings : what server.py reads
    errors : file for what it says besides
    stays : whether it outlives this process, instead of ending when its stdin closes
    """
    # Nothing of the user's may reach the child but what an interpreter needs: handlers can read its environment.
    kept = {name: os.environ[name] for name in (*KEPT_VARIABLES, *_KEPT_BY_THE_CHILD) if name in os.environ}
    own = {
        "PYTHONPATH": _PACKAGES,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": settings["region"],
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "TZ": "UTC",  # moto's Step Functions takes local time where AWS means UTC
    }
    # -P keeps the working directory off sys.path; -W: moto warns of what it leaves out, which our plan reports itself
    command = [sys.executable, "-P", "-W", "ignore", "-m", "chainkit.emulation.server", json.dumps(settings)]
    return subprocess.Popen(
        command,
        env=kept | own,
        cwd=tempfile.gettempdir() if stays else None,  # so that it does not hold on to the user's folder
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        start_new_session=True,  # on Windows it does nothing, and the flags do
        creationflags=_DETACHED if stays and os.name == "nt" else 0,
    )


def tell_token(process: subprocess.Popen[str]) -> str:
    """Give a child its secret and return it; not on the command line, which all users can read."""
    assert process.stdin is not None
    token = secrets.token_urlsafe(32)
    with contextlib.suppress(OSError):  # a child that has ended already says why in its greeting
        process.stdin.write(token + "\n")
        process.stdin.flush()
    return token


def greeting_of(process: subprocess.Popen[str]) -> dict[str, str]:
    """Wait for the child's one line: where it listens, or why it cannot; nothing if it ended without a word."""
    assert process.stdout is not None
    line = process.stdout.readline()
    return dict(json.loads(line)) if line.startswith("{") else {}


def end_child(process: subprocess.Popen[str], root: Path) -> None:
    """End a child by closing its stdin, and remove its files."""
    with process:
        try:
            process.communicate(timeout=10.0)  # closes stdin, at which the child ends
        except subprocess.TimeoutExpired:
            process.kill()
    remove_files(root)  # the child has done so, unless it was killed


def start_error(greeting: Mapping[str, str], errors: IO[bytes]) -> Exception:
    """Return the error for a child that did not begin to serve."""
    if "problem" in greeting:
        kind = MissingError if "pip install" in greeting["fix"] else DeployError
        return kind(greeting["problem"], fix=greeting["fix"])
    errors.seek(0)
    text = errors.read().decode("utf-8", "replace")
    if "ModuleNotFoundError" in text:
        return MissingError(f"emulator: {text.strip().splitlines()[-1]}", fix="pip install 'moto[server]>=5.2.5,<5.3'")
    return DeployError(f"emulator: the child process did not start:\n{text[-2000:]}", fix="report this text")
