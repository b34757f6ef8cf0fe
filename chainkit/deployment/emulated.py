"""Deploy targets on this machine: real handlers, no Docker, no account."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Thread
from typing import Any, Literal

from chainkit.chain import REGION
from chainkit.deployment.applying import DirectApplier
from chainkit.deployment.cloudformation import CloudFormationApplier
from chainkit.deployment.targets import Applier, Target, keyless_session, prepare
from chainkit.deployment.watching import LogWitness
from chainkit.emulation import background, ministack
from chainkit.emulation.control import Control
from chainkit.emulation.process import Emulator
from chainkit.errors import ConfigError

MOTO_DROPS = frozenset(
    {
        ("AWS::Logs::LogGroup", "LogGroupClass"),
        ("AWS::SNS::Topic", "TracingConfig"),
    }
)
"""(type, property) that moto 5.2 accepts and forgets: found by setting and reading back, 2026-11."""

APPLIERS: dict[str, Callable[[Target], Applier]] = {"direct": DirectApplier, "cloudformation": CloudFormationApplier}
"""Who can put chains on an emulator."""

_RETRY_WAITS_S = (1.0, 2.0)  # ministack 1.5.33: LAMBDA_ASYNC_RETRY_BASE_SECONDS, doubled each time

MINISTACK_DROPS = frozenset(
    {
        ("AWS::ApiGatewayV2::Integration", "CredentialsArn"),
        ("AWS::ApiGatewayV2::Integration", "IntegrationSubtype"),
    }
)
"""(type, property) that ministack 1.5.33 accepts and forgets: found by deploying every example, and by setting what our
services can set and reading back, 2026-11."""

MINISTACK_ENGINE_DROPS = frozenset({("AWS::Lambda::Function", "ReservedConcurrentExecutions")})
"""(type, property) that its CloudFormation forgets besides: found by deploying every example, 2026-11."""


@contextmanager
def local(
    name: str | None = None, *, clock: Literal["virtual", "wall"] | None = None, region: str | None = None
) -> Iterator[Target]:
    """Give a deploy target on this machine: real handlers, no Docker, no account.

    Without a name it is an emulator of its own, and nothing of it is left behind. With one it is what
    `chainkit local up NAME` has started, which stays up with all that stands in it.

    Parameters
    ----------
    name : of an emulator that is up
    clock : "virtual" (if nothing is said) lets waits take no time when nothing runs; "wall" lets them last
    region : the one region that it stands for; us-east-1 if nothing is said

    Raises
    ------
    ConfigError
        If there is no such clock, region or name, or the emulator of that name has another clock or region.
    DeployError
        If no emulator of that name is up.
    MissingError
        If moto is not installed, or is a version that the emulator does not know.

    Examples
    --------
    >>> with local() as target:
    ...     print(target)
    local (us-east-1, account 123456789012)
    """
    if clock not in (None, "virtual", "wall"):
        raise ConfigError(f"local: clock={clock!r} is unknown", fix='choose "virtual" or "wall"')
    if region is not None:
        require_region(region)
    if name is not None:
        with joined(name, clock=clock, region=region) as target:
            yield target
        return
    region, session = region or "us-east-1", keyless_session()
    preparing = Thread(target=prepare, args=(session, region), name="clients", daemon=True)
    preparing.start()  # while the child starts, there is nothing else to do here
    with Emulator(region=region, clock=clock or "virtual") as emulator:
        preparing.join()  # a session makes one client at a time
        with of_control(emulator, "local", region, session) as target:
            yield target


def require_region(region: object) -> None:
    """Raise ConfigError for what is no region's code."""
    if not isinstance(region, str) or not re.fullmatch(REGION, region):
        raise ConfigError(f"local: region={region!r} is no AWS region code", fix="write it as AWS does: us-east-1")


@contextmanager
def emulator(
    name: str, *, region: str = "us-east-1", applier: Literal["direct", "cloudformation"] = "direct"
) -> Iterator[Target]:
    """Give another emulator as a deploy target: real handlers, no Docker, no account, nothing left behind.

    A second opinion: it shares no code with `local`. It is a child process on 127.0.0.1 and tells no story, so that one
    request at a time is watched by what it logs and holds; waits last, there is no virtual clock.

    Parameters
    ----------
    name : "ministack", once `chainkit local install ministack` has been run
    region : the one region that it stands for
    applier : "direct": by each resource's own calls; "cloudformation": by its CloudFormation

    Raises
    ------
    ConfigError
        If there is no such emulator, region or applier.
    MissingError
        If it is not installed.
    """
    ministack.require_known(name)
    require_region(region)
    if applier not in APPLIERS:
        known = " or ".join(f'"{each}"' for each in APPLIERS)
        raise ConfigError(f"emulator: applier={applier!r} is unknown", fix=f"choose {known}")
    with (
        ministack.Ministack(region=region) as child,
        of_ministack(child.endpoint_url, "ministack", region, applier) as target,
    ):
        yield target


@contextmanager
def of_ministack(endpoint_url: str, name: str, region: str, applier: str = "direct") -> Iterator[Target]:
    """Give a ministack that answers at an address as a target, until the block ends."""
    target = watched(endpoint_url, name, region, ministack.Ministack.account_id, MINISTACK_DROPS)
    target.api_url = partial(ministack.api_url, endpoint_url)
    if applier == "cloudformation":
        target.drops |= MINISTACK_ENGINE_DROPS
    target.applier = APPLIERS[applier](target)
    try:
        yield target
    finally:
        target.close()


def watched(endpoint_url: str, name: str, region: str, account_id: str, drops: frozenset[tuple[str, str]]) -> Target:
    """Return the target at an address that tells no story."""
    witness, session = LogWitness(retry_waits_s=_RETRY_WAITS_S), keyless_session(account_id)
    target = Target(name, region, account_id, endpoint_url, session, witness, drops, at_once=1)
    witness.watch(target)
    target.applier = DirectApplier(target)
    return target


@contextmanager
def joined(name: str, *, clock: str | None = None, region: str | None = None) -> Iterator[Target]:
    """Give the emulator of a name as a target; it is the one that `local` gives."""
    if name in ("virtual", "wall"):
        raise ConfigError(f"local: {name!r} is a clock, and not a name", fix=f"write clock={name!r}")
    found = background.standby(name)
    for what, asked, has in (("clock", clock, found.clock), ("region", region, found.region)):
        if asked not in (None, has):
            raise ConfigError(
                f"local: {name!r} is up with {what}={has!r}, not {asked!r}",
                fix=f"leave {what}= out, or start another: chainkit local up NAME --{what} {asked}",
            )
    with of_control(found.control, f"local:{name}", found.region) as target:
        yield target


@contextmanager
def of_control(control: Control, name: str, region: str, session: Any = None) -> Iterator[Target]:
    """Give one of our emulators as a target, until the block ends."""
    target = Target(
        name,
        region,
        control.account_id,
        control.endpoint_url,
        session or keyless_session(),
        control,
        MOTO_DROPS,
        control.api_url,
    )
    target.applier = DirectApplier(target)
    try:
        yield target
    finally:
        target.close()
