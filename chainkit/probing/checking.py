"""What a check is: a function that asks one thing of an endpoint, under its own name; and how it says what came."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainkit.probing.place import Place

LONGEST = 300
"""Characters of a value that are shown."""


class Unmet(Exception):  # noqa: N818 - no error of anybody: what came instead is the check's result
    """Something else came than AWS would have sent."""


@dataclass(frozen=True)
class Check:
    """One question to an endpoint."""

    name: str
    expects: str
    """What AWS does, in a sentence."""
    ask: Callable[["Place"], None]
    is_slow: bool = False


def check(ask: Callable[["Place"], None]) -> Check:
    """Return a function as a check: its name is the check's, and its docstring says what is expected."""
    return Check(ask.__name__, (ask.__doc__ or "").strip(), ask)


def slow_check(ask: Callable[["Place"], None]) -> Check:
    """Return a function as a check that takes more than a minute: it runs when it is asked for."""
    return replace(check(ask), is_slow=True)


def expect(what: str, came: Any, wanted: Any) -> None:
    """Raise `Unmet` if something else came than was wanted.

    >>> expect("the answer", 41, 42)
    Traceback (most recent call last):
    chainkit.probing.checking.Unmet: the answer: 41 instead of 42
    """
    if came != wanted:
        raise Unmet(f"{what}: {shown(came)} instead of {shown(wanted)}")


def require(is_so: bool, what: str, came: Any) -> None:
    """Raise `Unmet` unless something is so.

    >>> require(False, "an answer is above 40", 3)
    Traceback (most recent call last):
    chainkit.probing.checking.Unmet: an answer is above 40: 3 came
    """
    if not is_so:
        raise Unmet(f"{what}: {shown(came)} came")


def shown(value: Any) -> str:
    """Return a value on one line, cut where it is long.

    >>> shown({"order": 7}), len(shown("x" * 1000))
    ("{'order': 7}", 301)
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
