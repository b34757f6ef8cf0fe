"""The child's web application: control, HTTP APIs, moto; and the building of all that stands behind them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from moto import backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from chainkit.emulation import events, functions, http_api, notifications, now, polling, queues, states
from chainkit.emulation.asynchronous import AsyncQueue
from chainkit.emulation.clients import Clients
from chainkit.emulation.clock import Clock
from chainkit.emulation.delivery import Delivery
from chainkit.emulation.environments import Pool
from chainkit.emulation.host import Host
from chainkit.emulation.inventory import resources
from chainkit.emulation.invoke import Invoker
from chainkit.emulation.log_lines import lines
from chainkit.emulation.patching import replace
from chainkit.emulation.story import Story, new_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from chainkit.emulation.standing import Standing

CONTROL = "/_chainkit/"

_USUAL: Final = ("s3", "iam", "logs", "sqs", "awslambda", "sns", "events", "apigatewayv2")


class Application:
    """Passes each HTTP request to the control, to the HTTP APIs or to moto, and keeps its trace."""

    def __init__(self, host: Host, standing: Standing) -> None:
        names = list(backends.list_of_moto_modules())
        replace(backends, "list_of_moto_modules", lambda: names, parameters="")  # moto reads its folder at each request
        self._host = host
        self._standing = standing
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._gateway = http_api.Gateway(host)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one WSGI request."""
        path = environ.get("PATH_INFO", "")
        if not self._is_trusted(path, environ):
            start_response("403 Forbidden", [("content-length", "0")])
            return []
        if path.startswith(CONTROL):
            return self._control(path[len(CONTROL) :], environ, start_response)
        roots = self._host.story.roots_of(environ.get("HTTP_X_AMZN_TRACE_ID"))
        if path.startswith(http_api.PREFIX):
            with self._host.clock.running(), self._host.story.works_for(roots or (new_root(),)):
                return self._serve_api(path, environ, start_response)
        with self._host.clock.running(), self._host.story.works_for(roots):
            return list(self._moto(environ, start_response))

    def warm(self) -> None:
        """Load the services that nearly every chain has, before somebody waits for them: half of a first deploy."""
        for name in _USUAL:
            with self._moto.lock:
                if name not in self._moto.app_instances:
                    self._moto.app_instances[name] = self._moto.create_app(name)

    def _is_trusted(self, path: str, environ: dict[str, Any]) -> bool:
        """Refuse what a web page may send from a browser: who can create a function can run code here."""
        port = self._host.endpoint_url.rpartition(":")[2]
        is_named = environ.get("HTTP_HOST") in (f"127.0.0.1:{port}", f"localhost:{port}")
        return is_named and (path.startswith(http_api.PREFIX) or "HTTP_ORIGIN" not in environ)

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
            result = resources(self._host.region)
        elif name == "about":
            result = self._standing.about(self._host)
        elif name == "lines":
            result = lines(self._host.region, int(query["after"]), query.get("function"), query.get("correlation"))
        elif name == "stop" and self._standing.is_ended_by(environ):
            result = True
        else:
            start_response("404 Not Found", [("content-length", "0")])
            return []
        body = json.dumps(result).encode()
        start_response("200 OK", [("content-type", "application/json"), ("content-length", str(len(body)))])
        return [body]


def build_host(region: str, endpoint_url: str, root: Path, *, jumps: bool) -> Host:
    """Return the emulator's state, with moto's routes repaired to use it."""
    clock = Clock(jumps=jumps)
    story = Story(clock)
    pool = Pool(worker_variables(region, endpoint_url), root)
    invoker = Invoker(clock, story, pool)
    asynchronous = AsyncQueue(clock, story, invoker)
    messages = queues.Queues(clock, story)
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
        queues=messages,
        pollers=polling.Pollers(clock, story, invoker, messages),
    )
    for route in (now, functions, queues, polling, notifications, events, states):
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
