"""boto3 clients of the child for its own services; each call carries the requests that its thread works for."""

from __future__ import annotations

import threading
from typing import Any

import boto3
from botocore import handlers
from botocore.config import Config

from chainkit.emulation.story import ROOTS, Story


class Clients:
    """Makes clients, one for each service and region: making one is slow."""

    def __init__(self, endpoint_url: str, story: Story) -> None:
        self._endpoint_url = endpoint_url
        self._story = story
        self._lock = threading.Lock()
        self._made: dict[tuple[str, str], Any] = {}
        handlers.BUILTIN_HANDLERS.insert(0, ("before-call", self._stamp))

    def get(self, service: str, region: str) -> Any:
        """Return a client that does not retry, waits as long as it takes and leaves checks to the service."""
        make: Any = boto3.client
        with self._lock:
            if (service, region) not in self._made:
                config = Config(
                    parameter_validation=False,
                    inject_host_prefix=False,
                    retries={"total_max_attempts": 1},
                    read_timeout=None,
                    max_pool_connections=64,
                )
                self._made[service, region] = make(
                    service, region_name=region, endpoint_url=self._endpoint_url, config=config
                )
            return self._made[service, region]

    def _stamp(self, params: dict[str, Any], **_: Any) -> None:
        if roots := ROOTS.get():
            params["headers"]["X-Amzn-Trace-Id"] = self._story.header_for(roots)
