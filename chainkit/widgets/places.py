"""Where a chain can be deployed from here: what is there, what is missing, and what each place asks for."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from chainkit.deployment import opening
from chainkit.deployment.emulated import local
from chainkit.deployment.targets import Target
from chainkit.emulation import background, ministack
from chainkit.errors import ConfigError, nearest

HERE = "here"
"""The place that is always there: an emulator that is started for the panel."""
AWS = "aws"
OF_AWS: Mapping[str, str] = {
    "account": "account that you mean, 12 digits",
    "profile": "profile of your AWS settings, if not the usual",
    "ceiling_usd": "at most a month, USD, if there is a limit",
    "expires": "stands until (2026-12-24), if it is to expire",
}
"""What an account must be told -> its words."""


@dataclass(frozen=True)
class Place:
    """A place for chains, as a panel offers it."""

    word: str
    """As on the command line: "local:workshop"; or "here"."""
    label: str
    help: str
    """A sentence; of a place that is not there, what to do."""
    is_there: bool = True
    is_own: bool = False
    """Whether it is started for the panel, and ends with it."""
    asks: Mapping[str, str] = field(default_factory=dict)
    """Name of what it must be told -> its words."""


def places(region: str) -> list[Place]:
    """Return the places there are for chains of a region: one of its own, those that are up, those that can be had.

    >>> places("us-east-1")[0].label
    'this computer, for this panel'
    """
    own = "An AWS stand-in with real Python handlers. It is started now, and ends with this panel."
    return [
        Place(HERE, "this computer, for this panel", own, is_own=True),
        *_standing(region),
        _ministack(),
        _aws(region),
    ]


def _standing(region: str) -> list[Place]:
    """Return the emulators that are up by themselves."""
    found = []
    for each in background.standbys():
        fits = each.region == region
        what = f"The emulator {each.name!r} at {each.endpoint_url}, which stays when this panel goes."
        why = f"{each.name!r} stands for {each.region}, and the chain is of {region}."
        found.append(Place(f"local:{each.name}", f"local: {each.name}", what if fits else why, fits))
    return found


def _ministack() -> Place:
    """Return the other emulator: a second opinion."""
    if ministack.is_installed():
        what = "Another stand-in, which shares no code with ours: a second opinion. It ends with this panel."
        return Place("ministack", "ministack", what, is_own=True)
    return Place(
        "ministack", "ministack", "chainkit local install ministack, in a terminal, installs it.", is_there=False
    )


def _aws(region: str) -> Place:
    """Return accounts of the user's own."""
    what = f"An AWS account of yours, in {region}: it costs money. Nothing is sent before you have read the plan."
    return Place(AWS, "AWS", what, asks=OF_AWS)


def chosen(word: str, among: Sequence[Place]) -> Place:
    """Return the place of a word.

    Raises
    ------
    ConfigError
        If there is no such place, or it is not there now.
    """
    known = {each.word: each for each in among}
    if word not in known:
        raise ConfigError(f"place: {word!r} is unknown{nearest(word, known)}", fix=f"places: {', '.join(known)}")
    if not known[word].is_there:
        raise ConfigError(f"place: {known[word].label} is not there", fix=known[word].help)
    return known[word]


def opened(place: Place, *, region: str, told: Mapping[str, Any]) -> AbstractContextManager[Target]:
    """Return the target of a place, as a context manager.

    Parameters
    ----------
    place : one of `places`
    region : the chain's
    told : what the place asked for

    Raises
    ------
    ConfigError, DeployError
        If it is not there, or what was told is refused.
    """
    if place.word == HERE:
        return local(region=region)
    return opening.opened(place.word, region=region, **(_of_aws(told) if place.word == AWS else told))


def _of_aws(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an account was told, as `aws` takes it: numbers and dates from what was typed."""
    if not told.get("account"):
        raise ConfigError("aws: no account is named", fix="write the 12 digits of the one you mean")
    found = dict(told)
    for name, read, fix in (
        ("ceiling_usd", float, "write dollars, such as 20"),
        ("expires", date.fromisoformat, "write 2026-12-24"),
    ):
        if isinstance(found.get(name), str):
            try:
                found[name] = read(found[name])
            except ValueError:
                raise ConfigError(f"aws: {name}={found[name]!r} cannot be read", fix=fix) from None
    return found
