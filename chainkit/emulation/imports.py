"""What moto imports and reads before it answers a first call, without what no call of ours needs: speed, nothing else.

Measured 2026-11 with moto 5.2.5, in seconds of a processor: API Gateway's models 1.2 -> 0.15, since the grammar of
internationalised addresses is not compiled; the interpreter of Step Functions 0.9 -> 0.25, since EC2's tables of
machines and images are not read.
"""

from __future__ import annotations

import importlib
import sys
from functools import cache
from importlib.util import find_spec, module_from_spec
from typing import TYPE_CHECKING, Any

from chainkit.emulation.patching import patch

if TYPE_CHECKING:
    from chainkit.emulation.host import Host


def install(_host: Host) -> None:
    """Leave out a grammar that only checks addresses in other alphabets, and look once which models botocore has."""
    absent: Any = None  # an import of it fails, which jsonschema expects: it is optional there
    sys.modules.setdefault("rfc3987_syntax", absent)

    @cache
    def create_loader() -> Any:
        return original()

    original = patch("core.utils:create_loader", create_loader)


def import_inside(package: str, module: str) -> None:
    """Import a module of a package without what the package itself imports; who wants the package later gets it whole.

    >>> import_inside("moto.dax", "utils")
    >>> "moto.dax.utils" in sys.modules, "moto.dax.models" in sys.modules
    (True, False)
    """
    spec = find_spec(package)
    if package in sys.modules or spec is None:
        return
    sys.modules[package] = module_from_spec(spec)
    try:
        importlib.import_module(f"{package}.{module}")
    finally:
        del sys.modules[package]
