"""Deploy targets on this machine: real handlers, no Docker, no account."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from chainkit.chain import REGION
from chainkit.deployment.applying import DirectApplier
from chainkit.deployment.targets import Target, keyless_session
from chainkit.emulation.process import Emulator
from chainkit.errors import ConfigError

MOTO_DROPS = frozenset(
    {
        ("AWS::Logs::LogGroup", "LogGroupClass"),
        ("AWS::SNS::Topic", "TracingConfig"),
    }
)
"""(type, property) that moto 5.2 accepts and forgets: found by setting and reading back, 2026-11."""


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
        target = Target(
            "local",
            region,
            emulator.account_id,
            emulator.endpoint_url,
            keyless_session(),
            emulator,
            MOTO_DROPS,
            emulator.api_url,
        )
        target.applier = DirectApplier(target)
        try:
            yield target
        finally:
            target.close()
