"""Asks an emulator that stands at an endpoint, whoever started it: what happened, what stands, what was logged."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from chainkit.emulation import story
from chainkit.errors import ConfigError, DeployError

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN_HEADER = "X-Chainkit-Token"
"""Carries the secret of one emulator. A web page cannot send such a header to another origin without asking first."""


LONGEST_S = 10 * 366 * 86_400.0
"""Of the clock, at once."""


class Control:
    """The control of one emulator, over loopback HTTP.

    Parameters
    ----------
    endpoint_url : where it answers: "http://127.0.0.1:41234"
    token : its secret, without which it can be asked, but neither ended nor broken
    """

    account_id = "123456789012"
    """The account that it answers for."""

    def __init__(self, endpoint_url: str, token: str = "") -> None:
        self.endpoint_url = endpoint_url
        self.token = token
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy stands between us

    def api_url(self, api_id: str) -> str:
        """Return the address at which the API Gateway HTTP API `api_id` answers; add a path to it."""
        return f"{self.endpoint_url}/_apis/{api_id}"

    def local_url(self, function_url: str) -> str:
        """Return the address at which a function URL (https://<id>.lambda-url.<region>.on.aws/...) answers here."""
        parts = urlsplit(function_url)
        query = f"?{parts.query}" if parts.query else ""
        return f"{self.endpoint_url}/_urls/{parts.netloc.partition('.')[0]}{parts.path or '/'}{query}"

    def root_id(self, chain: str = "") -> str:
        """Return a new root for one request, of whatever chain; its sender stamps X-Amzn-Trace-Id: "Root=<id>"."""
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

        Raises
        ------
        ConfigError
            If it is no time, or more than ten years.
        """
        if not 0 <= span_s < LONGEST_S:
            raise ConfigError(f"advance: span_s={span_s!r} is outside 0..{LONGEST_S:,.0f}", fix="give seconds")
        self._ask("advance", span_s + 60.0, span_s=str(span_s))

    def workers(self) -> list[int]:
        """Return the process ids of live handler environments."""
        return list(self._ask("workers"))

    def resources(self) -> dict[str, int]:
        """Return how many resources stand in the emulator, by CloudFormation type; none of a type, no entry."""
        return dict(self._ask("resources"))

    def about(self, patience_s: float = 5.0) -> dict[str, Any]:
        """Return who it is: `id`, `pid`, `region`, `clock`, and `chains`, the names of those that stand in it.

        Raises
        ------
        DeployError
            If nothing answers within `patience_s` seconds, or something that is none of ours.
        """
        told = self._ask("about", patience_s)
        return dict(told) if isinstance(told, dict) else {}

    def lines(self, *, after: int = -1, function: str = "", correlation: str = "") -> list[dict[str, Any]]:
        """Return what functions have logged, in the order of time.

        Parameters
        ----------
        after : number of the last line that is known; -1 for all
        function : only this function's; "" for all functions
        correlation : only invocations that have this text in one of their lines

        Returns
        -------
        Objects with `number`, `at_s` (seconds since the epoch on the emulator's clock), `function`, `message`.
        """
        return list(self._ask("lines", after=str(after), function=function, correlation=correlation))

    def end(self) -> None:
        """Tell it to end; it does if the token is its own.

        Raises
        ------
        DeployError
            If it does not answer, or the token is another's.
        """
        self._tell("stop", b"", 10.0)

    def set_faults(self, description: Mapping[str, Any]) -> None:
        """Inject faults from now on, as `chainkit.faults.local.described` says them; {} ends them.

        Raises
        ------
        DeployError
            If it does not answer, or the token is not its own: code in a function may not break others.
        """
        if not self.token:
            raise DeployError(
                f"faults: who gives only the address {self.endpoint_url} may break nothing there",
                fix="name the emulator: ck.local(NAME)",
            )
        self._tell("faults", json.dumps(description).encode())

    def _tell(self, name: str, body: bytes, patience_s: float = 30.0) -> None:
        headers = {TOKEN_HEADER: self.token}
        url = f"{self.endpoint_url}/_chainkit/{name}"
        self._open(urllib.request.Request(url, body, headers, method="POST"), patience_s)

    def _ask(self, name: str, patience_s: float = 30.0, **query: str) -> Any:
        return self._open(f"{self.endpoint_url}/_chainkit/{name}?{urlencode(query)}", patience_s)

    def _open(self, request: urllib.request.Request | str, patience_s: float) -> Any:
        try:
            with self._opener.open(request, timeout=patience_s) as response:
                return json.load(response)
        except (
            OSError,
            ValueError,
            HTTPException,
        ) as error:  # a ValueError: somebody else answers there, and not in JSON
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            raise DeployError(
                f"Emulator: {self.endpoint_url} does not answer ({error})", fix="start a new one"
            ) from error
