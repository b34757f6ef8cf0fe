"""The parent's side: start the emulator in a child process, talk to it over loopback HTTP, end it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
import weakref
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlencode, urlsplit

from chainkit.emulation import story
from chainkit.emulation.environments import KEPT_VARIABLES, remove_files
from chainkit.errors import DeployError, MissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

_KEPT_BY_THE_CHILD = (
    "HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
)  # fmt: skip
_PACKAGES = str(Path(__file__).resolve().parents[2])


class Emulator:
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

    account_id = "123456789012"
    """The account that it answers for."""

    def __init__(self, *, region: str = "us-east-1", clock: Literal["virtual", "wall"] = "virtual") -> None:
        self.region = region
        self.clock = clock
        self.endpoint_url = ""
        self._process: subprocess.Popen[str] | None = None
        self._end: Callable[[], object] = lambda: None
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __repr__(self) -> str:
        return f"Emulator(region={self.region!r}, clock={self.clock!r})"

    def start(self) -> Self:
        """Start the child and wait until it answers; some two seconds."""
        if self._process is not None:
            return self
        with tempfile.TemporaryFile() as errors:
            root = tempfile.mkdtemp(prefix="chainkit-")
            self._process = _spawn({"region": self.region, "clock": self.clock, "root": root}, errors)
            self._end = weakref.finalize(self, _end, self._process, Path(root))  # also if nobody calls stop
            assert self._process.stdout is not None
            line = self._process.stdout.readline()
            greeting = json.loads(line) if line.startswith("{") else {}
            if "endpoint_url" not in greeting:
                self.stop()
                raise _start_error(greeting, errors)
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

    def api_url(self, api_id: str) -> str:
        """Return the address at which the API Gateway HTTP API `api_id` answers; add a path to it."""
        return f"{self.endpoint_url}/_apis/{api_id}"

    def local_url(self, function_url: str) -> str:
        """Return the address at which a function URL (https://<id>.lambda-url.<region>.on.aws/...) answers here."""
        parts = urlsplit(function_url)
        query = f"?{parts.query}" if parts.query else ""
        return f"{self.endpoint_url}/_urls/{parts.netloc.partition('.')[0]}{parts.path or '/'}{query}"

    def root_id(self) -> str:
        """Return a new root for one request; its sender puts "Root=<id>" into the X-Amzn-Trace-Id header."""
        return story.new_root()

    def settle(self, root_id: str, timeout_s: float = 60.0) -> bool:
        """Wait until nothing of a request is in flight; False after `timeout_s` wall seconds."""
        return bool(self._ask("settle", timeout_s + 10.0, root=root_id, timeout_s=str(timeout_s)))

    def story(self, root_id: str) -> list[dict[str, Any]]:
        """Return what happened to a request: hops by the time at which they began.

        Each is a flat object: `at_s` (virtual seconds since the request entered), `wall_s` (the same, by the wall),
        `what`, `resource`, `attempt` (from 1), `status` ("ok", "error", "timeout", "throttled"), `reason`, `span_s`
        (virtual seconds it took, or None), `ids`, `logs`.
        """
        return list(self._ask("story", root=root_id))

    def advance(self, span_s: float) -> None:
        """Let `span_s` seconds of the emulator's clock pass, limits included; on the virtual clock, without waiting.

        Timeouts of tasks that wait for somebody outside let no time be skipped by themselves: he may still come.
        """
        self._ask("advance", span_s + 60.0, span_s=str(span_s))

    def workers(self) -> list[int]:
        """Return the process ids of live handler environments."""
        return list(self._ask("workers"))

    def resources(self) -> dict[str, int]:
        """Return how many resources stand in the emulator, by CloudFormation type; none of a type, no entry."""
        return dict(self._ask("resources"))

    def set_faults(self, description: Mapping[str, Any]) -> None:
        """Inject faults from now on, as `chainkit.faults.local.described` says them; {} ends them."""
        self._ask("faults", sent=description)

    def _ask(self, name: str, patience_s: float = 30.0, *, sent: Mapping[str, Any] | None = None, **query: str) -> Any:
        if self._process is None:
            raise DeployError("Emulator: it is not running", fix="use it inside `with`, or call start() first")
        url = f"{self.endpoint_url}/_chainkit/{name}?{urlencode(query)}"
        body = None if sent is None else json.dumps(sent).encode()
        try:
            request = urllib.request.Request(url, body, method="GET" if body is None else "PUT")
            with self._opener.open(request, timeout=patience_s) as response:
                return json.load(response)
        except OSError as error:
            raise DeployError(
                f"Emulator: the child process does not answer ({error})", fix="start a new one"
            ) from error


def _spawn(settings: dict[str, str], errors: IO[bytes]) -> subprocess.Popen[str]:
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
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        start_new_session=True,
    )


def _end(process: subprocess.Popen[str], root: Path) -> None:
    with process:
        try:
            process.communicate(timeout=10.0)  # closes stdin, at which the child ends
        except subprocess.TimeoutExpired:
            process.kill()
    remove_files(root)  # the child has done so, unless it was killed


def _start_error(greeting: dict[str, str], errors: IO[bytes]) -> Exception:
    if "problem" in greeting:
        return MissingError(greeting["problem"], fix=greeting["fix"])
    errors.seek(0)
    text = errors.read().decode("utf-8", "replace")
    if "ModuleNotFoundError" in text:
        return MissingError(f"emulator: {text.strip().splitlines()[-1]}", fix="pip install 'moto[server]>=5.2.5,<5.3'")
    return DeployError(f"emulator: the child process did not start:\n{text[-2000:]}", fix="report this text")
