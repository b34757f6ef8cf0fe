"""The one way in which moto's private parts are replaced: checked first, with one clear error."""

from __future__ import annotations

import inspect
from importlib.metadata import version
from typing import Any

from chainkit.errors import MissingError

SUPPORTED = "5.2."
"""The moto versions that these patches were written against and tested with."""


def check_version() -> None:
    """Raise MissingError unless the installed moto is one that the patches know."""
    found = version("moto")
    if not found.startswith(SUPPORTED):
        raise MissingError(f"emulator: moto {found} is not supported; it must be {SUPPORTED}x", fix=_FIX)


def replace(owner: Any, name: str, new: Any, *, parameters: str) -> Any:
    """Replace attribute `name` of a moto class or module and return the original.

    Parameters
    ----------
    owner : class or module
    name : attribute
    new : the replacement
    parameters : names of the original's parameters, separated by blanks, as `new` expects them

    Raises
    ------
    MissingError
        If the original is not there or takes other parameters.
    """
    original = inspect.getattr_static(owner, name, None)
    place = f"{getattr(owner, '__module__', '')}.{owner.__name__}.{name}".lstrip(".")
    if original is None:
        raise MissingError(f"emulator: moto has no {place}", fix=_FIX)
    function = original.__func__ if isinstance(original, (staticmethod, classmethod)) else original
    found = " ".join(inspect.signature(function).parameters)
    if found != parameters:
        raise MissingError(f"emulator: moto's {place} takes ({found}), not ({parameters})", fix=_FIX)
    setattr(owner, name, new)
    return function


def swap(module: Any, name: str, new: Any, *, expected: Any) -> None:
    """Replace what a moto module has imported as `name`, if it is `expected`; MissingError if not."""
    if getattr(module, name, None) is not expected:
        raise MissingError(f"emulator: moto's {module.__name__}.{name} is not what it was", fix=_FIX)
    setattr(module, name, new)


_FIX = "pip install 'moto[server]>=5.2.5,<5.3'"
