"""Where chains are deployed: the target's clients, what it cannot hold, and what stands there."""

import os
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

import boto3
import botocore.session
from botocore.config import Config

from chainkit.chain import REGION
from chainkit.emulation.process import Emulator
from chainkit.errors import ConfigError, DeployError
from chainkit.records import Properties, Resource

ROOT: ContextVar[str] = ContextVar("root", default="")
"""The request that this thread's calls belong to."""

MOTO_DROPS = frozenset(
    {
        ("AWS::Lambda::Function", "LoggingConfig"),
        ("AWS::Lambda::Function", "SnapStart"),
        ("AWS::Logs::LogGroup", "LogGroupClass"),
        ("AWS::SNS::Topic", "TracingConfig"),
        ("AWS::SQS::Queue", "RedriveAllowPolicy"),
    }
)
"""(type, property) that moto 5.2 accepts and forgets: found by setting and reading back, 2026-11."""


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


@dataclass(eq=False)
class Target:
    """A place for chains: one region of one account, here that of an emulator. Made by `local`."""

    name: str
    region: str
    account_id: str
    endpoint_url: str
    emulator: Emulator
    drops: frozenset[tuple[str, str]] = MOTO_DROPS
    """(type, property) pairs that it is known not to hold."""
    stacks: dict[str, dict[str, Standing]] = field(default_factory=dict)
    """Chain -> logical id -> what stands, in the order in which it was made."""
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def client(self, name: str) -> Any:
        """Return the boto3 client of a service, bound to this target with keys that open nothing."""
        with self._lock:  # a session makes one client at a time
            if name not in self._clients:
                self._clients[name] = self._new_client(name)
            return self._clients[name]

    def _new_client(self, name: str) -> Any:
        # No profile, key or setting of the user's takes part: (name in files, in the environment, value, conversion)
        files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
        session = botocore.session.Session(session_vars={"profile": (None, None, None, None), **files})
        make: Any = boto3.Session(botocore_session=session, region_name=self.region).client
        client = make(
            name,
            endpoint_url=self.endpoint_url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            aws_session_token="testing",
            config=Config(
                retries={"total_max_attempts": 1},
                read_timeout=900,
                max_pool_connections=50,
                inject_host_prefix=False,
                use_fips_endpoint=False,
                use_dualstack_endpoint=False,
                proxies={},
            ),
        )
        client.meta.events.register("before-call", _stamp)
        return client

    def request(self, api_id: str, method: str, path: str, body: str) -> tuple[int, str]:
        """Send an HTTP request to an API on this target; return status and body."""
        headers = {"Content-Type": "application/json", "X-Amzn-Trace-Id": f"Root={ROOT.get()}"}
        request = urllib.request.Request(self.emulator.api_url(api_id) + path, body.encode(), headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except urllib.error.URLError as error:
            raise gone(self, error) from error

    def attribute(self, kind: str, name: str, ref: str, found: Any) -> Any:
        """Return an attribute of a resource as it is on this target: an API answers at the emulator's own address."""
        return self.emulator.api_url(ref) if (kind, name) == ("AWS::ApiGatewayV2::Api", "ApiEndpoint") else found

    def close(self) -> None:
        """Close the clients."""
        while self._clients:
            self._clients.popitem()[1].close()

    def __str__(self) -> str:
        """Return the target in a few words."""
        return f"{self.name} ({self.region}, account {self.account_id})"


def gone(target: Target, error: Exception) -> DeployError:
    """Return the error for a target that does not answer."""
    return DeployError(
        f"target {target}: it does not answer: {error}", fix="use it inside `with ck.local() as target:`"
    )


def _stamp(params: dict[str, Any], **_: Any) -> None:
    """Send the trace header of the request that this thread works for."""
    if ROOT.get():
        params["headers"]["X-Amzn-Trace-Id"] = f"Root={ROOT.get()}"


@contextmanager
def local(clock: Literal["virtual", "wall"] = "virtual", *, region: str = "us-east-1") -> Iterator[Target]:
    """Give a deploy target on this machine: real handlers, no Docker, no account, nothing left behind.

    Parameters
    ----------
    clock : "virtual" lets waits take no time when nothing runs; "wall" lets them last
    region : the one region that it stands for

    Raises
    ------
    ConfigError
        If there is no such clock or region.
    MissingError
        If moto is not installed, or is a version that the emulator does not know.

    Examples
    --------
    >>> with local() as target:
    ...     print(target)
    local (us-east-1, account 123456789012)
    """
    if clock not in ("virtual", "wall"):
        raise ConfigError(f"local: clock={clock!r} is unknown", fix='choose "virtual" or "wall"')
    if not isinstance(region, str) or not re.fullmatch(REGION, region):
        raise ConfigError(f"local: region={region!r} is no AWS region code", fix="write it as AWS does: us-east-1")
    with Emulator(region=region, clock=clock) as emulator:
        target = Target("local", region, emulator.account_id, emulator.endpoint_url, emulator)
        try:
            yield target
        finally:
            target.close()
