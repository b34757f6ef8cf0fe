"""The child's web application: control, HTTP APIs, function URLs, moto; and the building of what stands behind it."""

from __future__ import annotations

import json
import os
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from moto import backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from chainkit.emulation import (
    archives,
    event_invoke_configs,
    events,
    function_urls,
    functions,
    http_api,
    imports,
    log_subscriptions,
    mappings,
    message_moves,
    notifications,
    now,
    pipes,
    polling,
    queues,
    refusals,
    schedules,
    states,
    storage,
    streams,
    versions,
)
from chainkit.emulation.asynchronous import AsyncQueue
from chainkit.emulation.callbacks import Activities
from chainkit.emulation.clients import Clients
from chainkit.emulation.clock import Clock
from chainkit.emulation.consumers import Consumers
from chainkit.emulation.control import LONGEST_S
from chainkit.emulation.delivery import Delivery
from chainkit.emulation.environments import Pool
from chainkit.emulation.host import Host
from chainkit.emulation.inventory import resources
from chainkit.emulation.invoke import Invoker
from chainkit.emulation.log_lines import lines
from chainkit.emulation.metrics import Metrics
from chainkit.emulation.patching import patch
from chainkit.emulation.runs import Ends
from chainkit.emulation.story import Story, new_root
from chainkit.loading import undisturbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from chainkit.emulation.standing import Standing

CONTROL = "/_chainkit/"

ROUTES: tuple[Any, ...] = (
    imports, now, refusals, functions, event_invoke_configs, function_urls, queues, message_moves, mappings, streams,
    pipes, notifications, events, archives, schedules, storage, log_subscriptions, states,
)  # fmt: skip
"""Every module that repairs a part of moto; each has `install(host)`."""
_OTHER_SITES = frozenset({"cross-site", "same-site"})  # a site has all ports of a host
_USUAL: Any = ("s3", "iam", "logs", "sqs", "awslambda", "sns", "events", "apigateway")
"""By the names with which their calls are signed: API Gateway has one for both its kinds of API."""


class Application:
    """Passes each HTTP request to the control, to HTTP APIs, function URLs or moto, and keeps its trace."""

    def __init__(self, host: Host, standing: Standing) -> None:
        names = list(backends.list_of_moto_modules())
        patch("backends:list_of_moto_modules", lambda: names)  # moto reads its folder at each request
        self._host = host
        self._standing = standing
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._gateway = http_api.Gateway(host)
        self._urls = function_urls.Urls(host)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one WSGI request."""
        path = environ.get("PATH_INFO", "")
        if not self._is_trusted(path, environ):
            start_response("403 Forbidden", [("content-length", "0")])
            return []
        if path.startswith(CONTROL) and not function_urls.id_in_host(environ.get("HTTP_HOST", "")):
            return self._control(path[len(CONTROL) :], environ, start_response)
        header, faults = environ.get("HTTP_X_AMZN_TRACE_ID"), self._host.invoker.faults
        answer = self._answer_of(path, environ)
        roots = self._host.story.roots_of(header) or ((new_root(),) if answer is not None else ())
        faults.see(roots)
        with (
            self._host.clock.running(),
            self._host.story.works_for(roots),
            faults.visiting(self._host.story.visit_of(header)),
        ):
            if answer is not None:
                with self._at_api(path):
                    return self._serve(answer, environ, start_response)
            answered = functions.direct_invoke(self._host, environ)
            if answered is None:
                return list(self._moto(environ, start_response))
            status, named, text = answered
            body = text.encode()
            start_response(f"{status} -", [*named.items(), ("content-length", str(len(body)))])
            return [body]

    def _at_api(self, path: str) -> AbstractContextManager[None]:
        """Stand at the HTTP API that a path names, if it names one."""
        if not path.startswith(http_api.PREFIX):
            return nullcontext()
        faults = self._host.invoker.faults
        return faults.visiting(faults.arrivals(path[len(http_api.PREFIX) :].partition("/")[0], ())[0])

    def warm(self) -> None:
        """Load the services that nearly every chain has, before somebody waits for them: half of a first deploy."""
        make: Any = self._moto.create_app  # its type does not have all names that it takes
        for name in _USUAL:
            with self._moto.lock, undisturbed():
                if name not in self._moto.app_instances:
                    self._moto.app_instances[name] = make(name)

    def _is_trusted(self, path: str, environ: dict[str, Any]) -> bool:
        """Refuse what a web page may send from a browser: who can create a function can run code here."""
        port = self._host.endpoint_url.rpartition(":")[2]
        host = environ.get("HTTP_HOST", "")
        if function_urls.id_in_host(host):
            return True  # reaches that URL only
        is_named = host in (f"127.0.0.1:{port}", f"localhost:{port}")
        # A page's image or script sends no origin; browsers say of every request which site it is for.
        is_of_page = "HTTP_ORIGIN" in environ or environ.get("HTTP_SEC_FETCH_SITE", "none") in _OTHER_SITES
        return is_named and (path.startswith((http_api.PREFIX, function_urls.PREFIX)) or not is_of_page)

    def _answer_of(self, path: str, environ: dict[str, Any]) -> Callable[..., http_api.Response] | None:
        """Return what answers a request to an HTTP API or to a function URL, all but (query, headers, body) given."""
        method = environ["REQUEST_METHOD"]
        if url_id := function_urls.id_in_host(environ.get("HTTP_HOST", "")):
            return partial(self._urls.answer, url_id, method, path)
        if path.startswith(function_urls.PREFIX):
            url_id, _, rest = path[len(function_urls.PREFIX) :].partition("/")
            return partial(self._urls.answer, url_id, method, "/" + rest)
        return partial(self._gateway.answer, method, path) if path.startswith(http_api.PREFIX) else None

    def _serve(
        self, answer: Callable[..., http_api.Response], environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> list[bytes]:
        size = int(environ.get("CONTENT_LENGTH") or 0)
        headers = {name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
        if environ.get("CONTENT_TYPE"):
            headers["content-type"] = environ["CONTENT_TYPE"]
        response = answer(environ.get("QUERY_STRING", ""), headers, environ["wsgi.input"].read(size))
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
        elif name == "advance" and 0 <= float(query.get("span_s", "nan")) < LONGEST_S:
            self._host.clock.sleep(float(query["span_s"]))  # no request: this thread does not hold the clock
            result = self._host.clock.now_s()
        elif name == "workers":
            result = self._host.pool.pids()
        elif name == "resources":
            result = resources(self._host.region)
        elif name == "faults" and self._standing.is_asked_by_owner(environ):
            size = int(environ.get("CONTENT_LENGTH") or 0)
            self._host.invoker.faults.put(json.loads(environ["wsgi.input"].read(size) or "{}"))
            result = self._host.pollers.wake_all()
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
    metrics = Metrics(clock, region)
    pool = Pool(worker_variables(region, endpoint_url), root, clock)
    invoker = Invoker(clock, story, pool, metrics)
    asynchronous = AsyncQueue(clock, story, invoker, metrics)
    messages, consumers = queues.Queues(clock, story, invoker.faults), Consumers()
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
        consumers=consumers,
        pollers=polling.Pollers(clock, story, messages, consumers),
        streams=streams.Streams(clock, story, consumers),
        activities=Activities(clock),
        ends=Ends(),
    )
    story.is_queued = lambda root: host.pollers.is_queued(root) or host.streams.is_queued(root)
    versions.install()
    for route in ROUTES:
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
