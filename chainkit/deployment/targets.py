"""Where chains are deployed: the clients, what the target cannot hold, who applies there, who tells what happens."""

import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import boto3
import botocore.session
from botocore.config import Config

from chainkit.errors import DeployError
from chainkit.records import Properties, Resource

if TYPE_CHECKING:
    from chainkit.deployment.drifts import Drift
    from chainkit.deployment.plan import Plan

ROOT: ContextVar[str] = ContextVar("root", default="")
"""The request that this thread's calls belong to."""

_OWN_ENDPOINTS = "ignore_configured_endpoint_urls"

Tell = Callable[[str], object]
"""Hears of each step while it is taken, as one line."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A resource that chainkit has put on a target."""

    resource: Resource
    """As it was designed."""
    ref: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    properties: Properties = field(default_factory=dict)
    """As they were sent: every intrinsic function resolved."""
    dropped: tuple[str, ...] = ()
    """Properties that the target is known to forget, and did."""
    is_whole: bool = True
    """False if a refusal left it half made."""
    before: "Standing | None" = None
    """What it was to take the place of, when nobody knows how far that went."""


class Applier(Protocol):
    """Puts chains on a target and takes them away: by each resource's own calls, or through CloudFormation."""

    def known(self, chain: str) -> Mapping[str, Standing]:
        """Return what stands of a chain as far as was last seen, without looking again."""

    def standing(self, chain: str) -> dict[str, Standing]:
        """Return what stands of a chain, by logical id, in the order in which it was made; nothing where none does."""

    def chains(self) -> list[str]:
        """Return the names of the chains of which something stands."""

    def apply(self, plan: "Plan", tell: Tell) -> None:
        """Carry a plan out."""

    def destroy(self, chain: str, tell: Tell) -> list[str]:
        """Take away all that was made for a chain; return what is left, each with the reason."""

    def drift(self, chain: str) -> "list[Drift]":
        """Return what somebody else has changed of a chain, or taken away."""

    def expiry(self, chain: str) -> datetime | None:
        """Return until when a chain is to stand; None: nobody said."""


class Witness(Protocol):
    """Tells what happened to a request."""

    def root_id(self, chain: str = "") -> str:
        """Return a new root for a request, of this chain if it is known, as in the X-Ray header: "1-...-..."."""

    def settle(self, root_id: str, timeout_s: float) -> bool:
        """Wait until nothing of a request is in flight; False after `timeout_s` wall seconds."""

    def story(self, root_id: str) -> list[dict[str, Any]]:
        """Return what happened to a request, in the form of `Emulator.story`."""


@dataclass(eq=False)
class Target:
    """A place for chains: one region of one account. Made by `local`, `emulator` and `aws`."""

    name: str
    region: str
    account_id: str
    endpoint_url: str | None
    """None: AWS itself."""
    session: Any = field(repr=False)
    """boto3's session: whose keys are used."""
    witness: Witness = field(repr=False)
    drops: frozenset[tuple[str, str]] = frozenset()
    """(type, property) pairs that it is known not to hold."""
    api_url: Callable[[str], str] | None = field(default=None, repr=False)
    """HTTP API's id -> where it answers; None: where the API itself says."""
    ceiling_usd: float | None = None
    """What a chain may cost here a month; None: nobody said."""
    expires: datetime | None = None
    """Until when what is deployed is to stand; None: nobody said, and what stands keeps what was said of it."""
    at_once: int = 16
    """Requests that may be under way together: as many as a laptop's emulator works well with, or one where the witness
    can tell no two apart."""
    applier: Applier = field(init=False, repr=False)
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def client(self, name: str) -> Any:
        """Return the boto3 client of a service, bound to this target."""
        with self._lock:  # a session makes one client at a time
            if name not in self._clients:
                self._clients[name] = self._new_client(name)
            return self._clients[name]

    def _new_client(self, name: str) -> Any:
        alone: dict[str, Any] = {
            "inject_host_prefix": False,
            "use_fips_endpoint": False,
            "use_dualstack_endpoint": False,
            "proxies": {},
        }
        # AWS is AWS, also where the shell's settings lead to an emulator.
        real: dict[str, Any] = {"retries": {"mode": "standard", "max_attempts": 10}, _OWN_ENDPOINTS: True}
        here = {"retries": {"total_max_attempts": 1}, **alone} if self.endpoint_url else real
        config = Config(read_timeout=900, max_pool_connections=50, **here)
        client = self.session.client(name, endpoint_url=self.endpoint_url, region_name=self.region, config=config)
        client.meta.events.register("before-call", _stamp)
        return client

    def request(self, url: str, method: str, path: str, body: str) -> tuple[int, str]:
        """Send an HTTP request to an API on this target; return status and body."""
        headers = {"Content-Type": "application/json", "X-Amzn-Trace-Id": f"Root={ROOT.get()}"}
        request = urllib.request.Request(url + path, body.encode(), headers, method=method)
        handlers = [urllib.request.ProxyHandler({})] if self.endpoint_url else []
        opener = urllib.request.build_opener(*handlers)
        try:
            with opener.open(request) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except urllib.error.URLError as error:
            raise gone(self, error) from error

    def attribute(self, kind: str, name: str, ref: str, found: Any) -> Any:
        """Return an attribute of a resource as it is on this target: an API answers at an emulator's own address."""
        is_address = (kind, name) == ("AWS::ApiGatewayV2::Api", "ApiEndpoint")
        return self.api_url(ref) if self.api_url is not None and is_address else found

    def close(self) -> None:
        """Close the clients."""
        while self._clients:
            self._clients.popitem()[1].close()

    @property
    def is_aws(self) -> bool:
        """Whether it is AWS itself, where things cost money."""
        return self.endpoint_url is None

    def masked(self, text: str) -> str:
        """Return a text with the account's id as it may be shown: of an account of one's own, the last digits."""
        return text.replace(self.account_id, masked(self.account_id)) if self.is_aws else text

    def __repr__(self) -> str:
        """Return the target as a notebook may show and keep it: without the account's id."""
        return f"Target({self})"

    def __str__(self) -> str:
        """Return the target in a few words."""
        return self.masked(f"{self.name} ({self.region}, account {self.account_id})")


def masked(account_id: str) -> str:
    """Return an account id that may stand in a notebook.

    >>> masked("123456789012")
    '********9012'
    """
    return "*" * (len(account_id) - 4) + account_id[-4:]


def keyless_session(key_id: str = "testing") -> Any:
    """Return a boto3 session with keys that open nothing: no profile, key or setting of the user's takes part.

    Parameters
    ----------
    key_id : some emulators read the account out of it
    """
    # (name in files, in the environment, value, conversion)
    files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    core = botocore.session.Session(session_vars={"profile": (None, None, None, None), **files})
    keys = dict.fromkeys(("aws_secret_access_key", "aws_session_token"), "testing")
    return boto3.Session(botocore_session=core, aws_access_key_id=key_id, **keys)


def prepare(session: Any, region: str) -> None:
    """Let a session read what AWS's usual interfaces are: it keeps that, and half of a client's making is saved."""
    for name in ("s3", "iam", "logs", "sqs", "lambda", "sns", "events", "apigatewayv2"):
        session.client(name, endpoint_url="http://127.0.0.1:9", region_name=region).close()


def gone(target: Target, error: Exception) -> DeployError:
    """Return the error for a target that does not answer."""
    fix = "use it inside `with ck.local() as target:`" if target.endpoint_url else "look at the network, and try again"
    return DeployError(f"target {target}: it does not answer: {error}", fix=fix)


def _stamp(params: dict[str, Any], **_: Any) -> None:
    """Send the trace header of the request that this thread works for."""
    if ROOT.get():
        params["headers"]["X-Amzn-Trace-Id"] = f"Root={ROOT.get()}"
