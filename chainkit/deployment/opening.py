"""Target words of the command line: "local:NAME", "ministack", "http://127.0.0.1:PORT" -> a deploy target."""

import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chainkit.deployment.accounts import aws
from chainkit.deployment.emulated import MOTO_DROPS, emulator, local, of_control, of_ministack, watched
from chainkit.deployment.targets import Target
from chainkit.emulation.control import Control
from chainkit.emulation.ministack import answers
from chainkit.errors import ConfigError, DeployError, nearest

Opener = Callable[..., AbstractContextManager[Target]]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")

openers: dict[str, Opener] = {
    "local": lambda name="local", *, region, **_: local(name, region=region),
    "ministack": lambda *, region, **_: emulator("ministack", region=region),
    "aws": lambda *, region, **options: closing(aws(region=region, **options)),
}
"""Word before a colon -> what opens it, with what follows the colon and the options of the command line."""


def opened(word: str, *, region: str = "us-east-1", **options: Any) -> AbstractContextManager[Target]:
    """Return the target that a word means, as a context manager.

    Parameters
    ----------
    word : "local" or "local:NAME", what `chainkit local up` started; "ministack"; or an emulator's address, on this
        machine: "http://127.0.0.1:4566"
    region : of the chain
    options : of other words: those of AWS

    Raises
    ------
    ConfigError
        If the word means nothing, or an address is not on this machine.
    DeployError
        If nothing answers there.
    """
    head, _, rest = word.partition(":")
    if head in ("http", "https"):
        return _at(word, region)
    if head not in openers or (head != "local" and rest):
        raise ConfigError(
            f"target {word!r} is unknown{nearest(word, openers)}",
            fix=f"targets: local, local:NAME, {', '.join(n for n in openers if n != 'local')}, http://127.0.0.1:PORT",
        )
    return openers[head](*([rest] if rest else []), region=region, **options)


@contextmanager
def _at(url: str, region: str) -> Iterator[Target]:
    """Give the emulator at an address: ours, ministack, or another that speaks as AWS does."""
    url = _require_here(url)
    control = Control(url)
    try:
        about: Mapping[str, Any] = control.about()
    except DeployError:
        about = {}
    if {"id", "region"} <= about.keys():
        with of_control(control, url, about["region"]) as target:
            yield target
        return
    if answers(url):
        with of_ministack(url, url, region) as target:
            yield target
        return
    target = watched(url, url, region, "123456789012", MOTO_DROPS)
    try:
        target.account_id = _account(target)
        yield target
    finally:
        target.close()


def _require_here(url: str) -> str:
    """Return an address on this machine, without its last slash; ConfigError for any other."""
    parts = urllib.parse.urlsplit(url)
    if parts.hostname not in _LOOPBACK or parts.scheme != "http" or parts.path.strip("/") or parts.query:
        raise ConfigError(
            f"target {url!r} is no address of an emulator on this machine; they are http://127.0.0.1:PORT",
            fix="for AWS itself, name the target aws",
        )
    return url.rstrip("/")


def _account(target: Target) -> str:
    """Return the account that an emulator answers for."""
    try:
        return str(target.client("sts").get_caller_identity()["Account"])
    except (ClientError, BotoCoreError) as error:
        raise DeployError(
            f"target {target.name!r}: no emulator answers there: {error}", fix="chainkit local status"
        ) from error
