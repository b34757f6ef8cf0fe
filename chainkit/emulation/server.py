"""The child process: moto on 127.0.0.1 with our routes, and the few addresses under which the parent controls it.

Started by process.py as ``python -m chainkit.emulation.server '<settings as JSON>'``. It says on stdout, in one line of
JSON, where it listens, and ends when its stdin closes: so it never outlives its parent, on any system.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from chainkit.emulation.clock import Clock
from chainkit.emulation.environments import Pool
from chainkit.emulation.patching import check_version
from chainkit.emulation.story import Story, new_root
from chainkit.errors import ChainkitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chainkit.emulation.host import Host

CONTROL = "/_chainkit/"


class Application:
    """Passes each HTTP request to the control, to the HTTP APIs or to moto, and keeps its trace."""

    def __init__(self, host: Host) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        from chainkit.emulation.http_api import Gateway

        self._host = host
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._gateway = Gateway(host)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one WSGI request."""
        path = environ.get("PATH_INFO", "")
        if path.startswith(CONTROL):
            return self._control(path[len(CONTROL) :], environ, start_response)
        roots = self._host.story.roots_of(environ.get("HTTP_X_AMZN_TRACE_ID"))
        if path.startswith("/_apis/"):
            with self._host.clock.running(), self._host.story.works_for(roots or (new_root(),)):
                return self._serve_api(path, environ, start_response)
        with self._host.clock.running(), self._host.story.works_for(roots):
            return list(self._moto(environ, start_response))

    def _serve_api(self, path: str, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        size = int(environ.get("CONTENT_LENGTH") or 0)
        headers = {name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
        if environ.get("CONTENT_TYPE"):
            headers["content-type"] = environ["CONTENT_TYPE"]
        response = self._gateway.answer(
            environ["REQUEST_METHOD"], path, environ.get("QUERY_STRING", ""), headers, environ["wsgi.input"].read(size)
        )
        length = ("content-length", str(len(response.body)))
        start_response(f"{response.status} -", [*response.headers, length])
        return [response.body]

    def _control(self, name: str, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        query = {key: values[0] for key, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        result: Any
        if name == "settle":
            result = self._host.story.settle(query["root"], float(query["timeout_s"]))
        elif name == "story":
            result = self._host.story.events(query["root"])
        elif name == "workers":
            result = self._host.pool.pids()
        elif name == "resources":
            from chainkit.emulation.inventory import resources

            result = resources(self._host.region)
        else:
            start_response("404 Not Found", [("content-length", "0")])
            return []
        body = json.dumps(result).encode()
        start_response("200 OK", [("content-type", "application/json"), ("content-length", str(len(body)))])
        return [body]


def build_host(region: str, endpoint_url: str, *, jumps: bool) -> Host:
    """Return the emulator's state, with moto's routes repaired to use it."""
    from chainkit.emulation import events, invoke, notifications, now, queues, states
    from chainkit.emulation.asynchronous import AsyncQueue
    from chainkit.emulation.clients import Clients
    from chainkit.emulation.delivery import Delivery
    from chainkit.emulation.host import Host
    from chainkit.emulation.invoke import Invoker

    clock = Clock(jumps=jumps)
    story = Story(clock)
    pool = Pool(worker_variables(region, endpoint_url))
    invoker = Invoker(clock, story, pool)
    asynchronous = AsyncQueue(clock, story, invoker)
    pollers = queues.Pollers(clock, story, invoker)
    host = Host(
        region=region,
        endpoint_url=endpoint_url,
        clock=clock,
        story=story,
        clients=Clients(endpoint_url, story),
        pool=pool,
        invoker=invoker,
        asynchronous=asynchronous,
        delivery=Delivery(asynchronous),
        pollers=pollers,
    )
    for route in (now, invoke, queues, notifications, events, states):
        route.install(host)
    return host


def worker_variables(region: str, endpoint_url: str) -> dict[str, str]:
    """Return what every environment gets: this endpoint, no credentials, no profile of the user."""
    return {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_SESSION_TOKEN": "testing",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "*",
    }


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
    check_version()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    from moto.core.config import default_user_config
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    # Step Functions' interpreter runs only if this is set before its first use.
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    holder: list[Application] = []
    server = make_server(
        "127.0.0.1",
        0,
        lambda environ, start_response: holder[0](environ, start_response),
        threaded=True,
        request_handler=MotoRequestHandler,
    )
    os.environ["MOTO_PORT"] = str(server.server_port)  # where moto's own calls to itself go
    host = build_host(
        settings["region"], f"http://127.0.0.1:{server.server_port}", jumps=settings["clock"] == "virtual"
    )
    holder.append(Application(host))
    return server, host


if __name__ == "__main__":
    main()
