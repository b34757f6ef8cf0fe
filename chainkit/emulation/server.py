"""The child process: begins, says where it listens, ends when its stdin closes.

Started by process.py as ``python -m chainkit.emulation.server '<settings as JSON>'``. It says on stdout, in one line of
JSON, where it listens or why it cannot. Because it ends with its stdin, it never outlives its parent, on any system.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainkit.emulation.patching import check_version
from chainkit.errors import ChainkitError

if TYPE_CHECKING:
    from chainkit.emulation.application import Application
    from chainkit.emulation.host import Host


def main() -> None:
    """Serve until stdin closes."""
    settings = json.loads(sys.argv[1])
    out, sys.stdout = sys.stdout, sys.stderr  # the parent reads one line only
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt of the notebook's kernel is not meant for us
    try:
        server, host = _start(settings)
    except ChainkitError as error:
        print(json.dumps({"problem": error.problem, "fix": error.fix}), file=out, flush=True)
        return
    threading.Thread(target=server.serve_forever, name="server", daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    print(json.dumps({"endpoint_url": host.endpoint_url}), file=out, flush=True)
    try:
        while os.read(0, 1):
            pass
    finally:
        host.clock.close()
        host.pool.close()
        os._exit(0)  # request threads may still hang in calls that nobody waits for


def _start(settings: dict[str, Any]) -> tuple[Any, Host]:
    check_version()  # before anything of moto is imported
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    from moto.core.config import default_user_config
    from werkzeug.serving import make_server

    from chainkit.emulation.application import Application, build_host
    from chainkit.emulation.serving import RequestHandler, refuse_others

    # Step Functions' interpreter runs only if this is set before its first use.
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    holder: list[Application] = []
    server = make_server(
        "127.0.0.1",
        0,
        lambda environ, start_response: holder[0](environ, start_response),
        threaded=True,
        request_handler=RequestHandler,
    )
    refuse_others(server)
    os.environ["MOTO_PORT"] = str(server.server_port)  # where moto's own calls to itself go
    url, is_virtual = f"http://127.0.0.1:{server.server_port}", settings["clock"] == "virtual"
    host = build_host(settings["region"], url, Path(settings["root"]), jumps=is_virtual)
    holder.append(Application(host))
    return server, host


if __name__ == "__main__":
    main()
