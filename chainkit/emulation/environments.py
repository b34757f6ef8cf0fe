"""Execution environments: one subprocess each, kept warm, reused most recent first.

An environment is built from nothing: it has dummy keys, the endpoint of this emulator and a scratch directory that goes
with it, so a handler holds no credentials of the user and cannot reach AWS. The worker talks over a loopback socket
that it opens with a secret; file descriptors are not passed on, because Windows cannot.

It is no sandbox: a handler runs as the user, and can read what the user can, by its full path. Memory above the
function's ends an environment: on Linux within `WATCH_S`, on macOS when the invocation is over, on Windows never.
Processes that a handler starts are not counted.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import os
import re
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainkit.emulation.descendants import end_all
from chainkit.emulation.output import Output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chainkit.emulation.clock import Clock

INIT_LIMIT_S = 10.0
"""How long an init may take before it counts against the timeout [aws-semantics 1, "10 s limit"]."""

WATCH_S = 0.05
"""How often the memory of a running handler is looked at, seconds. A limit of the address space would count what is
reserved and never used, several times what an environment holds."""

KEEP_ALIVE_S = 600.0
"""How long an idle environment lives, on the emulator's clock: what the simulator assumes, keep_alive."""

IDLE_LIMIT = 64
"""Idle environments kept; beyond, the one unused for longest ends. A limit of the laptop, not of AWS."""

KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT")

_OURS = re.compile(
    r"_CHAINKIT.*|.*_PROXY|AWS_(ENDPOINT_URL.*|IGNORE_CONFIGURED_ENDPOINT_URLS|.*PROFILE|CONFIG_FILE|.*CREDENTIALS.*|ROLE_.*"
    r"|WEB_IDENTITY.*|USE_FIPS.*|USE_DUALSTACK.*|EC2_METADATA.*)",
    re.IGNORECASE,
)
"""Variables that decide where calls go and with whose keys: a function's own settings of them are not handed on."""

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")


@dataclass(frozen=True)
class Spec:
    """All that makes two environments interchangeable; any change of it gives new ones."""

    arn: str
    """ARN of the function without a version."""
    name: str
    version: str
    handler: str
    runtime: str
    timeout_s: float
    memory_mb: int
    region: str
    variables: tuple[tuple[str, str], ...]
    code_sha: str
    code: bytes = field(compare=False, repr=False)
    layers: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass
class Outcome:
    """How one invocation went."""

    status: str = "ok"
    payload: str = "null"
    error_type: str = ""
    reason: str = ""
    request_id: str = ""
    logs: list[str] = field(default_factory=list)
    duration_s: float = 0.0
    init_s: float | None = None
    memory_mb: float = 0.0

    @classmethod
    def of_error(cls, error: dict[str, Any], request_id: str, *, status: str = "error") -> Outcome:
        """Return the outcome that AWS's runtime reports for `error`."""
        payload = json.dumps({**error, "requestId": request_id})
        reason = f"{error['errorType']}: {error['errorMessage']}"
        return cls(status, payload, error["errorType"], reason, request_id)


class WorkerGoneError(ConnectionError):
    """The worker's process ended or its socket closed."""


class OutOfMemoryError(WorkerGoneError):
    """The worker held more memory than its function has, and was killed."""


class Environment:
    """One worker process and the socket to it."""

    def __init__(
        self, spec: Spec, variables: dict[str, str], code: Path, layers: list[Path], scratch: Path, clock: Clock
    ) -> None:
        self.spec = spec
        self._clock = clock
        self.stream = time.strftime("%Y/%m/%d/", time.gmtime()) + f"[{spec.version}]{secrets.token_hex(16)}"
        self.used_s = 0.0
        self._scratch = scratch
        self._began_s = time.monotonic()
        token = secrets.token_hex(16)
        with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
            port = listener.getsockname()[1]
            self._process = self._spawn(variables, code, layers, f"{port}:{token}")
            self.pid = self._process.pid
            assert self._process.stdout is not None
            self.output = Output(self._process.stdout, clock)
            self._socket = self._accept(listener, token)

    def _spawn(
        self, variables: dict[str, str], code: Path, layers: list[Path], address: str
    ) -> subprocess.Popen[bytes]:
        spec, scratch = self.spec, str(self._scratch)
        own = {
            "_CHAINKIT_WORKER": address,
            "_CHAINKIT_PATHS": os.pathsep.join(map(str, _import_paths(layers, spec.runtime))),
            "_HANDLER": spec.handler,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": spec.name,
            "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": self.stream,
            "LAMBDA_TASK_ROOT": str(code),
            "HOME": scratch,
            "USERPROFILE": scratch,
            "TMPDIR": scratch,
            "TEMP": scratch,
            "TMP": scratch,
            "TZ": ":UTC" if os.name == "posix" else "UTC",
        }
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        theirs = {name: value for name, value in spec.variables if not _OURS.fullmatch(name)}
        if layers:
            kept["PATH"] = os.pathsep.join([*(str(layer / "bin") for layer in layers), kept.get("PATH", os.defpath)])
        return subprocess.Popen(
            [sys.executable, "-I", "-B", "-X", "utf8", str(_BOOTSTRAP)],
            env={**kept, **theirs, **variables, **own},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _accept(self, listener: socket.socket, token: str) -> socket.socket:
        """Return the worker's connection; others that knock are sent away."""
        listener.settimeout(0.5)
        while self._process.poll() is None:
            with contextlib.suppress(TimeoutError):
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.settimeout(5.0)
                with contextlib.suppress(OSError, ValueError):
                    if secrets.compare_digest(_receive(connection).get("token", ""), token):
                        return connection
                connection.close()
        self.end()
        raise WorkerGoneError(f"worker of {self.spec.name} ended before it began: {' '.join(self.output.rest())}")

    def initialise(self) -> tuple[float, dict[str, Any] | None]:
        """Wait until the handler is imported; return (seconds since the start, error or None)."""
        self._socket.settimeout(INIT_LIMIT_S + self.spec.timeout_s)
        reply = self._watched(_receive(self._socket, self._watch))
        return time.monotonic() - self._began_s, reply["error"]

    def call(self, request_id: str, event: str, trace: str, arn: str, client_context: str = "") -> dict[str, Any]:
        """Run the handler once and return the worker's reply.

        Raises TimeoutError after the function's timeout, WorkerGoneError if the process ended, and of these
        OutOfMemoryError if it held too much.
        """
        self.output.expect(request_id)
        self._socket.settimeout(self.spec.timeout_s)
        message = {"id": request_id, "event": event, "trace": trace, "arn": arn, "timeout_s": self.spec.timeout_s}
        message["client_context"] = client_context
        _send(self._socket, message)
        return self._watched(_receive(self._socket, self._watch))

    def _watch(self) -> None:
        """Look at the memory of a handler that is at work."""
        if (held_mb := _resident_mb(self.pid)) > self.spec.memory_mb:
            raise self._ended_for(held_mb)

    def _watched(self, reply: dict[str, Any]) -> dict[str, Any]:
        """Return the reply of a handler that never held too much."""
        if reply["memory_mb"] > self.spec.memory_mb:
            raise self._ended_for(reply["memory_mb"])
        return reply

    def _ended_for(self, held_mb: float) -> OutOfMemoryError:
        self._kill()
        return OutOfMemoryError(f"it held {math.ceil(held_mb)} MB, and its function has {self.spec.memory_mb} MB")

    def exit_code(self) -> int | None:
        """Return the exit status of a process that has ended by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(1.0)
        return None

    def end(self) -> None:
        """Kill the process and all it started, and remove its scratch directory."""
        end_all(self._scratch)
        self.bury()

    def bury(self) -> None:
        """Wait for the end of the process and its group, and remove its scratch directory."""
        with contextlib.suppress(AttributeError, OSError):
            self._socket.close()
        self._kill()
        self._process.wait()
        remove_folder(self._scratch)

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()


class Pool:
    """All environments of this emulator.

    Parameters
    ----------
    variables : what every environment gets (endpoint, region, dummy keys)
    root : directory for code and scratch files; removed with the pool
    clock : tells how long an environment has been idle
    """

    def __init__(self, variables: dict[str, str], root: Path, clock: Clock) -> None:
        self._variables = variables
        self._root = root
        self._clock = clock
        self._is_reaping = False
        self._lock = threading.Lock()
        self._idle: dict[Spec, list[Environment]] = {}
        self._all: set[Environment] = set()
        self._is_closed = False

    def acquire(self, spec: Spec) -> tuple[Environment, bool]:
        """Return (environment, is new): the idle one used last [aws-semantics 0.5], or a new one."""
        with self._lock:
            stale = [key for key in self._idle if key.arn == spec.arn and key.version == spec.version and key != spec]
            outdated = [environment for key in stale for environment in self._idle.pop(key)]
            outdated += self._take_expired()
            warm = self._idle.get(spec)
            environment = warm.pop() if warm else None
        for old in outdated:
            self.discard(old)
        if environment is not None:
            return environment, False
        return self._create(spec), True

    def release(self, environment: Environment) -> None:
        """Keep `environment` for the next invocation."""
        environment.used_s = self._clock.now_s()
        with self._lock:
            self._idle.setdefault(environment.spec, []).append(environment)
            idle = [each for environments in self._idle.values() for each in environments]
            surplus = min(idle, key=lambda each: each.used_s) if len(idle) > IDLE_LIMIT else None
            if surplus is not None:
                self._idle[surplus.spec].remove(surplus)
            begins, self._is_reaping = not self._is_reaping, True
        if begins:
            self._reap_at(environment.used_s + KEEP_ALIVE_S)
        if surplus is not None:
            self.discard(surplus)

    def _reap_at(self, due_s: float) -> None:
        # passive: nobody jumps over ten minutes for the sake of an idle process
        self._clock.call_at(due_s, self._reap, is_passive=True)

    def _reap(self) -> None:
        """End what has been idle for too long, and come again when the next one will have been."""
        with self._lock:
            expired = self._take_expired()
            idle = [each.used_s for environments in self._idle.values() for each in environments]
            self._is_reaping = bool(idle)
        for environment in expired:
            self.discard(environment)
        if idle:
            self._reap_at(min(idle) + KEEP_ALIVE_S)

    def _take_expired(self) -> list[Environment]:
        """Take out what has been idle for too long. Holds the lock."""
        limit_s = self._clock.now_s() - KEEP_ALIVE_S
        expired = [each for environments in self._idle.values() for each in environments if each.used_s <= limit_s]
        for environment in expired:
            self._idle[environment.spec].remove(environment)
        return expired

    def discard(self, environment: Environment) -> None:
        """End `environment`."""
        environment.end()
        with self._lock:
            self._all.discard(environment)

    def forget(self, arn: str) -> None:
        """End the idle environments of a function that has been deleted; `arn` is without a version."""
        with self._lock:
            gone = [environment for key in [*self._idle] if key.arn == arn for environment in self._idle.pop(key)]
        for environment in gone:
            self.discard(environment)

    def pids(self) -> list[int]:
        """Return the process ids of all live environments."""
        with self._lock:
            return sorted(environment.pid for environment in self._all)

    def close(self) -> None:
        """End all environments and remove all files."""
        with self._lock:
            self._is_closed = True
            environments, self._all, self._idle = self._all, set(), {}
        end_all(self._root)
        for environment in environments:
            environment.bury()
        remove_files(self._root)

    def _create(self, spec: Spec) -> Environment:
        with self._lock:
            code = self._unpacked(spec.code)
            layers = [self._unpacked(layer) for layer in spec.layers]
        scratch = Path(tempfile.mkdtemp(prefix="tmp-", dir=self._root))
        environment = Environment(spec, self._variables, code, layers, scratch, self._clock)
        with self._lock:
            self._all.add(environment)
            closed = self._is_closed
        if closed:
            self.discard(environment)
            raise WorkerGoneError("the emulator has been stopped")
        return environment

    def _unpacked(self, archive: bytes) -> Path:
        """Return the read-only directory that holds the content of a zip archive."""
        directory = self._root / f"code-{hashlib.sha256(archive).hexdigest()[:24]}"
        if not directory.exists():
            begun = Path(tempfile.mkdtemp(prefix="code-", dir=self._root))
            try:
                with zipfile.ZipFile(io.BytesIO(archive)) as content:
                    content.extractall(begun)
                for path in begun.rglob("*"):
                    path.chmod(0o555 if path.is_dir() else 0o444)
                begun.rename(directory)  # whole or not at all: the disk may be full
            except BaseException:
                remove_folder(begun)
                raise
            directory.chmod(0o555)
        return directory


def remove_files(root: Path) -> None:
    """End what still works in a pool's directory, and remove that; it may have gone already."""
    end_all(root)
    remove_folder(root)


def remove_folder(root: Path) -> None:
    """Remove a folder with all in it, what its owner may not write included."""
    for path, folders, files in os.walk(root):
        for name in (*folders, *(files if os.name == "nt" else ())):
            inner = Path(path, name)
            if not inner.is_symlink():  # it may lead out of the folder
                with contextlib.suppress(OSError):
                    inner.chmod(0o700)
    shutil.rmtree(root, ignore_errors=True)


def _import_paths(layers: list[Path], runtime: str) -> list[Path]:
    """Return where Python looks in layers: a later one lies above those before it, as their files do in /opt.

    Beside what is built for this host's Python, what is built for the one that the function asks for.
    """
    host = f"python{sys.version_info.major}.{sys.version_info.minor}"
    laid = layers[::-1]
    built = [layer / "python/lib" / it / "site-packages" for it in dict.fromkeys((host, runtime)) for layer in laid]
    return built + [layer / "python" for layer in laid]


def refused_variables(variables: Iterable[str]) -> list[str]:
    """Return those of a function's variables that its environments do not get.

    >>> refused_variables(["TABLE", "AWS_ENDPOINT_URL_SQS", "https_proxy"])
    ['AWS_ENDPOINT_URL_SQS', 'https_proxy']
    """
    return sorted(name for name in variables if _OURS.fullmatch(name))


def _resident_mb(pid: int) -> float:
    """Return the memory that a process holds, in MB; 0 where only the process itself can say."""
    if sys.platform != "linux":
        return 0.0
    try:
        with Path(f"/proc/{pid}/statm").open() as numbers:
            return int(numbers.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:  # it has just ended
        return 0.0


def _send(connection: socket.socket, message: dict[str, Any]) -> None:
    data = json.dumps(message).encode()
    connection.sendall(struct.pack(">I", len(data)) + data)


def _receive(connection: socket.socket, watch: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Return the next frame; look with `watch` now and then. The socket's timeout holds for the whole frame."""
    deadline_s = time.monotonic() + (connection.gettimeout() or 0)
    size = struct.unpack(">I", _read(connection, 4, deadline_s, watch))[0]
    message: dict[str, Any] = json.loads(_read(connection, size, deadline_s, watch))
    return message


def _read(connection: socket.socket, size: int, deadline_s: float, watch: Callable[[], None]) -> bytes:
    data = bytearray()
    while len(data) < size:
        left_s = max(deadline_s - time.monotonic(), 0.001)
        connection.settimeout(min(left_s, WATCH_S))
        try:
            piece = connection.recv(min(size - len(data), 1 << 20))
        except TimeoutError:
            if left_s <= WATCH_S:
                raise
            watch()
            continue
        except OSError as error:
            raise WorkerGoneError(str(error)) from error
        if not piece:
            raise WorkerGoneError("the worker has ended")
        data += piece
    return bytes(data)
