"""The child process: begins, says where it listens, ends when its stdin closes or, if it stays, when it is told to.

Started by process.py as ``python -m chainkit.emulation.server '<settings as JSON>'``. It says on stdout, in one line of
JSON, where it listens or why it cannot. Because it ends with its stdin, it never outlives its parent, on any system.
It gets a secret as the first line of stdin: whoever knows it may end the emulator or let things break in it. One that
has a name keeps a record of itself in a file, the secret too (background.py).
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import secrets
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainkit.emulation.patching import check_version
from chainkit.errors import ChainkitError, DeployError
from chainkit.loading import undisturbed

if TYPE_CHECKING:
    from chainkit.emulation.application import Application
    from chainkit.emulation.host import Host


def main() -> None:
    """Serve until stdin closes, a signal or a request says that it is over."""
    settings = json.loads(sys.argv[1])
    out, sys.stdout = sys.stdout, sys.stderr  # the parent reads one line only
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt of the notebook's kernel is not meant for us
    settings["token"] = _first_line()
    over = threading.Event()
    try:
        server, host = _start(settings, over)
        threading.Thread(target=server.serve_forever, name="server", daemon=True).start()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        record = _recorded(settings, host)
    except ChainkitError as error:
        print(json.dumps({"problem": error.problem, "fix": error.fix}), file=out, flush=True)
        return
    try:
        print(json.dumps({"endpoint_url": host.endpoint_url}), file=out, flush=True)
        if not settings.get("stays"):
            threading.Thread(target=_until_stdin_closes, args=(over,), name="parent", daemon=True).start()
        while not over.wait(3600.0):  # Windows: a wait without end hears of no signal
            pass
    finally:
        if record is not None:
            record.unlink(missing_ok=True)
        host.clock.close()
        host.pool.close()
        os._exit(0)  # request threads may still hang in calls that nobody waits for


def _first_line() -> str:
    """Return the first line of stdin; what follows stays there."""
    line = b""
    while (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    return line.decode().strip()


def _until_stdin_closes(over: threading.Event) -> None:
    while os.read(0, 1):
        pass
    over.set()


def _recorded(settings: dict[str, Any], host: Host) -> Path | None:
    """Write down who this is; whoever comes first has the name."""
    if not settings.get("name"):
        return None
    path = Path(settings["record"])
    record = {
        "name": settings["name"],
        "id": settings["id"],
        "pid": os.getpid(),
        "endpoint_url": host.endpoint_url,
        "region": settings["region"],
        "clock": settings["clock"],
        "since_s": round(host.clock.moment().wall_s, 3),
        "root": settings["root"],
        "token": settings["token"],
    }
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        host.pool.close()
        raise DeployError(f"local: {settings['name']!r} is up already", fix="chainkit local status") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(record))
    except OSError as error:
        path.unlink(missing_ok=True)
        raise DeployError(
            f"local: {path} cannot be written: {error.strerror}",
            fix="make room, or name another folder in CHAINKIT_STATE",
        ) from error
    return path


def _start(settings: dict[str, Any], over: threading.Event) -> tuple[Any, Host]:
    check_version()  # before anything of moto is imported
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with undisturbed():
        from moto.core.config import default_user_config
        from werkzeug.serving import make_server

        from chainkit.emulation.application import Application, build_host
        from chainkit.emulation.serving import RequestHandler, refuse_others
        from chainkit.emulation.standing import Standing

    # Step Functions' interpreter runs only if this is set before its first use.
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    holder: list[Application] = []
    port = settings.get("port") or 0
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # werkzeug would explain itself there, and then end the process
            server = make_server(
                "127.0.0.1",
                port,
                lambda environ, start_response: holder[0](environ, start_response),
                threaded=True,
                request_handler=RequestHandler,
            )
    except (OSError, SystemExit) as error:
        raise DeployError(
            f"local: port={port} cannot be had", fix="name another, or none: a free one is taken"
        ) from error
    refuse_others(server)
    os.environ["MOTO_PORT"] = str(server.server_port)  # where moto's own calls to itself go
    url, is_virtual = f"http://127.0.0.1:{server.server_port}", settings["clock"] == "virtual"
    host = build_host(settings["region"], url, Path(settings["root"]), jumps=is_virtual)
    settings.setdefault("id", secrets.token_hex(8))
    holder.append(Application(host, Standing(settings["id"], settings["clock"], settings["token"], over)))
    threading.Thread(target=holder[0].warm, name="warm", daemon=True).start()
    return server, host


if __name__ == "__main__":
    main()
