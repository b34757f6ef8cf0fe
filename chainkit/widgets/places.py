"""Where a chain can be deployed from here: what is there, what is missing, and what each place asks for."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from chainkit.deployment.emulated import local
from chainkit.deployment.targets import Target
from chainkit.errors import ConfigError, nearest


@dataclass(frozen=True)
class Place:
    """A place for chains, as a panel offers it."""

    word: str
    """As on the command line: "local"."""
    label: str
    help: str
    """A sentence; of a place that is not there, what to do."""
    is_there: bool = True
    is_own: bool = False
    """Whether it is started for the panel, and ends with it."""
    asks: Mapping[str, str] | None = None
    """Name of what it must be told -> its words."""


def places() -> list[Place]:
    """Return the places there are, the nearest first."""
    return [
        Place("local", "this computer", "An AWS stand-in with real Python handlers; it ends with this panel.", is_own=True)
    ]


def place(word: str) -> Place:
    """Return a place.

    Raises
    ------
    ConfigError
        If there is no such place, or it is not there now.

    Examples
    --------
    >>> place("local").label
    'this computer'
    """
    known = {each.word: each for each in places()}
    if word not in known:
        raise ConfigError(f"place: {word!r} is unknown{nearest(word, known)}", fix=f"places: {', '.join(known)}")
    if not known[word].is_there:
        raise ConfigError(f"place: {known[word].label} is not there", fix=known[word].help)
    return known[word]


def opened(word: str, *, region: str, told: Mapping[str, Any]) -> AbstractContextManager[Target]:
    """Return the target of a place, as a context manager.

    Parameters
    ----------
    word : of the place
    region : the chain's
    told : what the place asked for

    Raises
    ------
    ConfigError, DeployError
        If it is not there.
    """
    place(word)
    return local(region=region)
