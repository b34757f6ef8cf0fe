"""The one way in which moto's private parts are replaced: looked up in the table of patches, checked, and then done.

A patch is named by its place below ``moto.``, "module:attribute" or "module:Class.attribute". A place that is not in
the table cannot be patched, and neither can one where moto no longer has what the table expects.
"""

from __future__ import annotations

import importlib
import inspect
from importlib.metadata import version
from types import ModuleType
from typing import Any

from chainkit.emulation.patches import PATCHES, Patch
from chainkit.errors import MissingError

SUPPORTED = "5.2."
"""The moto versions that these patches were written against and tested with."""

applied: list[str] = []
"""The places that this process has patched, in order."""

_FIX = "pip install 'moto[server]>=5.2.5,<5.3'"
ABSENT = object()
"""What stands where nothing stands."""


def check_version() -> None:
    """Raise MissingError unless the installed moto is one that the patches know."""
    found = version("moto")
    if not found.startswith(SUPPORTED):
        raise MissingError(f"emulator: moto {found} is not supported; it must be {SUPPORTED}x", fix=_FIX)


def patch(place: str, new: Any) -> Any:
    """Put `new` at `place` of moto and return what was there: for a method, its function.

    Raises
    ------
    KeyError
        If the table has no such place.
    MissingError
        If moto has something else there than the table expects.
    """
    row = PATCHES[place]
    owner, name = find(place)
    original = ABSENT if owner is None else inspect.getattr_static(owner, name, ABSENT)
    check(row, "no module or class" if owner is None else described(original))
    setattr(owner, name, new)
    applied.append(place)
    return original.__func__ if isinstance(original, (staticmethod, classmethod)) else original


def find(place: str) -> tuple[Any, str]:
    """Return the module or class that holds a place, and the attribute's name; None if moto has no such holder."""
    module, _, path = place.partition(":")
    *classes, name = path.split(".")
    owner: Any
    try:
        owner = importlib.import_module(f"moto.{module}")
    except ModuleNotFoundError:
        return None, name
    for part in classes:
        owner = getattr(owner, part, None)
    return owner, name


def check(row: Patch, found: str) -> None:
    """Raise MissingError, with what to do, unless what stands there is what the row expects."""
    if found == row.expects:
        return
    raise MissingError(
        f"emulator: moto {version('moto')} has changed at {row.place}: it is `{found}`, where the patch expects "
        f"`{row.expects}` ({row.why})",
        fix=f"{_FIX}; to support this moto, read what changed there, adapt the patch and its row in "
        f"chainkit/emulation/patches.py, and let tests/emulation/{row.proof} pass",
    )


def described(value: Any) -> str:
    """Return a short text of what stands at a place, to compare with a row of the table.

    >>> import threading
    >>> described(threading), described(threading.Thread), described(described), described(None)
    ('module threading', 'class threading.Thread', '(value)', 'None')
    """
    if value is ABSENT:
        return "absent"
    if isinstance(value, ModuleType):
        return f"module {value.__name__}"
    if isinstance(value, type):
        return f"class {value.__module__}.{value.__qualname__}"
    function = value.__func__ if isinstance(value, (staticmethod, classmethod)) else value
    if inspect.isfunction(function):
        return f"({' '.join(inspect.signature(function).parameters)})"
    return repr(value)
