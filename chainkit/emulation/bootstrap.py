"""Runs inside a worker: imports the handler once, then answers one event after another.

Standard library only, and as little of it as possible: a worker should start in some 30 ms. It is run by its path in
an isolated interpreter and imports nothing of chainkit. Frames on the socket are JSON behind a 4-byte length; what the
handler prints goes to the real stdout, so that it can never break a frame. When the socket closes, the worker ends.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import sys
import threading
import time
from contextvars import ContextVar
from importlib.machinery import PathFinder
from queue import SimpleQueue
from types import SimpleNamespace

TYPE_CHECKING = False  # typing and pathlib would take a third of the start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

RECORD_TRACE: ContextVar[str] = ContextVar("record_trace", default="")
"""Trace header of the record that this thread's loop over the batch stands at."""

request_id = ""


class Records(list):  # type: ignore[type-arg]  # list[Any] would be evaluated
    """The records of a batch; who iterates over them makes its AWS calls for the record it is at.

    A context variable holds for one thread: calls from other threads belong to the whole batch.
    """

    def __iter__(self) -> Iterator[Any]:
        """Yield each record, with its trace header in force until the next."""
        try:
            for record in super().__iter__():
                RECORD_TRACE.set(record.get("attributes", {}).get("AWSTraceHeader", ""))
                yield record
        finally:
            RECORD_TRACE.set("")


class ClientContext:
    """What the caller of a synchronous invocation says of itself."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.custom = told.get("custom")
        self.env = told.get("env")
        self.client = SimpleNamespace(**told["client"]) if told.get("client") else None


class Context:
    """What AWS hands to a handler beside the event."""

    identity = None

    def __init__(self, request: dict[str, Any]) -> None:
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.invoked_function_arn = request["arn"]
        self.aws_request_id = request["id"]
        self.client_context = (
            ClientContext(json.loads(request["client_context"])) if request["client_context"] else None
        )
        self._deadline_s = time.monotonic() + request["timeout_s"]

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the environment is killed."""
        return max(int((self._deadline_s - time.monotonic()) * 1000), 0)


class AfterImport:
    """A finder that calls a function once a module has been imported; costs nothing if it never is."""

    def __init__(self, after: dict[str, Callable[[ModuleType], None]]) -> None:
        self._after = after

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the module's own spec, with the function behind its execution."""
        after = self._after.pop(name, None)
        if after is None:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                after(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]  # for this one loader
        return spec


def stamp_calls(handlers: Any) -> None:
    """Let botocore's clients send the trace header of the record at hand; botocore itself sends the invocation's."""

    def stamp(params: dict[str, Any], **_: Any) -> None:
        if RECORD_TRACE.get():
            params["headers"]["X-Amzn-Trace-Id"] = RECORD_TRACE.get()

    handlers.BUILTIN_HANDLERS.insert(0, ("before-call", stamp))


def install_log_handler(logging: Any) -> None:
    """Give the root logger the handler and the format that it has in Lambda."""
    formatter = logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)

    def add_request_id(record: Any) -> bool:
        record.aws_request_id = request_id
        return True

    handler.addFilter(add_request_id)
    logging.getLogger().addHandler(handler)


def describe(error: Exception, skip_frames: int) -> dict[str, Any]:
    """Return an exception as AWS reports it."""
    import traceback

    frames = traceback.format_tb(error.__traceback__)[skip_frames:]
    return {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": frames}


def failed(error_type: str, message: str) -> dict[str, Any]:
    """Return an error of the runtime itself."""
    return {"errorMessage": message, "errorType": error_type, "stackTrace": []}


def load_handler() -> tuple[Any, dict[str, Any] | None]:
    """Return (handler, None), or (None, error) if the code cannot be imported."""
    module_name, _, name = os.environ["_HANDLER"].rpartition(".")
    module_name = module_name.replace("/", ".")
    try:
        module = __import__(module_name, fromlist=["*"])
        return getattr(module, name), None
    except ImportError as error:
        return None, failed("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}")
    except SyntaxError as error:
        return None, failed("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}")
    except AttributeError as error:
        if name in str(error):
            return None, failed("Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{module_name}'")
        return None, describe(error, 1)
    except Exception as error:
        return None, describe(error, 1)


def plain(value: Any) -> float:
    """Return what JSON has no form for but AWS's runtime accepts."""
    if type(value).__name__ == "Decimal":
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def peak_memory_mb() -> float:
    """Return the largest memory this process has held, in MB; 0 if the system does not say."""
    if sys.platform == "linux":  # ru_maxrss would tell of the server that this process was forked from
        with open("/proc/self/status") as status:  # noqa: PTH123
            return next((int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM")), 0.0)
    if sys.platform == "win32":
        return 0.0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS counts bytes


def answer(handler: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Return the reply to one event."""
    global request_id
    request_id = request["id"]
    os.environ["_X_AMZN_TRACE_ID"] = request["trace"]
    event = json.loads(request["event"])
    if isinstance(event, dict) and isinstance(event.get("Records"), list):
        event["Records"] = Records(event["Records"])
    try:
        result = handler(event, Context(request))
    except Exception as error:
        return {"error": logged(describe(error, 1))}
    try:
        return {"payload": json.dumps(result, default=plain)}
    except (TypeError, ValueError) as error:
        return {"error": logged(failed("Runtime.MarshalError", f"Unable to marshal response: {error}"))}


def logged(error: dict[str, Any]) -> dict[str, Any]:
    """Write an error to the log as Lambda does, and return it."""
    lines = [f"[ERROR] {error['errorType']}: {error['errorMessage']}", *error["stackTrace"]]
    sys.stdout.write("\n".join(lines) + "\n")
    return error


class Channel:
    """The socket to the server: frames out, frames in, and the end of the process when it closes."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.requests: SimpleQueue[dict[str, Any]] = SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def send(self, message: dict[str, Any]) -> None:
        """Send one frame."""
        data = json.dumps(message).encode()
        self._socket.sendall(struct.pack(">I", len(data)) + data)

    def _listen(self) -> None:
        # A thread of its own, so that the end of the server ends a handler that is at work.
        stream = self._socket.makefile("rb")
        try:
            while head := stream.read(4):
                self.requests.put(json.loads(stream.read(struct.unpack(">I", head)[0])))
        finally:
            os._exit(0)


def main() -> None:
    """Serve until the server goes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    port, token = os.environ.pop("_CHAINKIT_WORKER").split(":")
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]  # both are text files here  # what was printed before a timeout must not be lost
    channel = Channel(int(port))
    channel.send({"token": token})
    sys.meta_path.insert(0, AfterImport({"botocore.handlers": stamp_calls, "logging": install_log_handler}))
    sys.path[:0] = [os.environ["LAMBDA_TASK_ROOT"], *filter(None, os.environ.pop("_CHAINKIT_PATHS").split(os.pathsep))]
    os.chdir(os.environ["LAMBDA_TASK_ROOT"])
    try:
        handler, error = load_handler()
        channel.send({"error": error and logged(error), "memory_mb": peak_memory_mb()})
        while True:
            request = channel.requests.get()
            reply = answer(handler, request)
            sys.stdout.flush()
            sys.stderr.flush()
            os.write(1, b"\0" + request["id"].encode() + b"\n")  # all lines of this invocation are written
            channel.send({**reply, "memory_mb": peak_memory_mb()})
    except SystemExit as stop:
        sys.stdout.flush()
        os._exit(stop.code if isinstance(stop.code, int) else int(stop.code is not None))


if __name__ == "__main__":
    main()
