"""ministack, another emulator of AWS, in an environment of its own: installed when asked for, run as a child process.

It is never imported: it wants other versions of botocore than we do.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
import venv
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from chainkit.emulation.environments import KEPT_VARIABLES, remove_files
from chainkit.emulation.folders import installs_folder, new_root
from chainkit.errors import ConfigError, DeployError, MissingError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

VERSION = "1.5.33"
"""The one that was read and measured; it has a release every few days."""

_WANTED = (f"ministack=={VERSION}", "boto3==1.43.106")  # handlers may import boto3; ministack wants this botocore
_FALLBACK = "import os, sys; sys.path.extend(filter(None, os.environ.get('CHAINKIT_PACKAGES', '').split(os.pathsep)))\n"
"""A .pth file: a handler finds what this environment has, after what ministack itself needs, as in our own emulator."""

_KEEPER = Path(__file__).with_name("keeper.py")
_PATIENCE_S = 60.0


def require_known(name: object) -> None:
    """Raise ConfigError for an emulator that is not known."""
    if name != "ministack":
        raise ConfigError(
            f"emulator: {name!r} is unknown{nearest(name, ['ministack'])}; there is ministack",
            fix='ck.emulator("ministack"); chainkit\'s own is ck.local()',
        )


def folder() -> Path:
    """Return the folder of its environment: $CHAINKIT_MINISTACK, else `ministack-VERSION` in the user's data folder."""
    named = os.environ.get("CHAINKIT_MINISTACK")
    return Path(named) if named else installs_folder() / f"ministack-{VERSION}"


def interpreter(at: Path) -> Path:
    """Return the Python of an environment."""
    return at / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def is_installed() -> bool:
    """Tell whether it can be run."""
    at = folder()
    found = [*at.glob(f"lib/python*/site-packages/ministack-{VERSION}.dist-info")]
    found += at.glob(f"Lib/site-packages/ministack-{VERSION}.dist-info")
    return bool(found) and interpreter(at).exists()


def install(name: str, tell: Callable[[str], object]) -> Path:
    """Install it with pip, in an environment of its own, and return where that is; nothing is done where it is.

    Raises
    ------
    ConfigError
        If there is no such emulator.
    MissingError
        If pip cannot get it: it needs the package index, as your pip is set up, or the network.
    """
    require_known(name)
    at = folder()
    if is_installed():
        return at
    tell(f"making an environment in {at}")
    at.parent.mkdir(parents=True, exist_ok=True)
    venv.create(at, with_pip=True, clear=True, symlinks=os.name != "nt")
    tell(f"installing {' '.join(_WANTED)} there, with your pip settings")
    command = [str(interpreter(at)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_WANTED]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not is_installed():
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()[-1:]
        raise MissingError(
            f"local install: pip could not get {_WANTED[0]}: {'; '.join(said)}",
            fix="connect to the network, or set pip up for an index that you reach, and try again",
        )
    where = subprocess.run(
        [str(interpreter(at)), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    (Path(where.stdout.strip()) / "chainkit-packages.pth").write_text(_FALLBACK, encoding="utf-8")
    return at


class Ministack:
    """ministack in a child process on 127.0.0.1. Nothing of it outlives `stop`, or this process.

    Parameters
    ----------
    region : the region that it stands for

    Raises
    ------
    MissingError
        On start, if it is not installed.
    """

    account_id = "123456789012"
    """The account that it answers for: it takes a key id of twelve digits for one."""

    def __init__(self, *, region: str) -> None:
        self.region = region
        self.endpoint_url = ""
        self._end: Callable[[], object] = lambda: None

    def start(self) -> Self:
        """Start it and wait until it answers."""
        if not is_installed():
            raise MissingError(
                f"emulator: ministack {VERSION} is not installed in {folder()}", fix="chainkit local install ministack"
            )
        root = new_root()
        port = _free_port()
        process = _spawn(root, port, self.region)
        self._end = weakref.finalize(self, _stop, process, root)  # also if nobody calls stop
        self.endpoint_url = f"http://127.0.0.1:{port}"
        deadline_s = time.monotonic() + _PATIENCE_S
        while not answers(self.endpoint_url):
            if process.poll() is not None or _has_failed(root) or time.monotonic() > deadline_s:
                text = _output(root)
                self.stop()
                raise DeployError(f"emulator: ministack did not start:\n{text[-2000:]}", fix="report this text")
            time.sleep(0.02)
        return self

    def stop(self) -> None:
        """End it, its workers and their files. Doing it twice does no harm."""
        self._end()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()


def answers(endpoint_url: str) -> bool:
    """Tell whether a ministack answers at an address."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{endpoint_url}/_ministack/health", timeout=5.0) as response:
            return isinstance(json.load(response), dict)
    except (OSError, ValueError):
        return False


def api_url(endpoint_url: str, api_id: str) -> str:
    """Return the address at which one of its HTTP APIs answers; add a path to it."""
    return f"{endpoint_url}/_aws/execute-api/{api_id}/$default"


def _spawn(root: Path, port: int, region: str) -> subprocess.Popen[bytes]:
    """Start it with nothing of the user's but what an interpreter needs: its workers get all that it has."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    own = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": region,
        "MINISTACK_ACCOUNT_ID": Ministack.account_id,
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",  # it would listen on a port that other programs want
        "S3_DATA_DIR": str(root / "s3"),
        "AWS_ACCESS_KEY_ID": Ministack.account_id,
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CHAINKIT_PACKAGES": os.pathsep.join(path for path in sys.path if path.endswith("site-packages")),
        "NO_PROXY": "*",
        "TZ": "UTC",
    }
    own |= dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP"), str(root))
    settings: dict[str, Any] = {"command": [str(interpreter(folder())), "-P", "-m", "ministack"], "root": str(root)}
    return subprocess.Popen(
        [sys.executable, "-I", str(_KEEPER), json.dumps(settings)],
        env=kept | own,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _stop(process: subprocess.Popen[bytes], root: Path) -> None:
    with process:
        try:
            process.communicate(timeout=20.0)  # closes stdin, at which the keeper ends it
        except subprocess.TimeoutExpired:
            process.kill()
    remove_files(root)


def _has_failed(root: Path) -> bool:
    return "Traceback" in _output(root) or "ERROR:" in _output(root)


def _output(root: Path) -> str:
    with contextlib.suppress(OSError):
        return (root / "output.log").read_text(encoding="utf-8", errors="replace")
    return ""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])
