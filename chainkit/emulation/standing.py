"""An emulator as others see it: who it is, and who may end it."""

from __future__ import annotations

import os
import secrets
import threading
from typing import TYPE_CHECKING, Any

from chainkit.emulation.control import TOKEN_HEADER
from chainkit.emulation.inventory import chains

if TYPE_CHECKING:
    from chainkit.emulation.host import Host

_ANSWERED_S = 0.1
"""By then, the one who ends an emulator has its answer."""


class Standing:
    """What an emulator says about itself.

    Parameters
    ----------
    id : of this one emulator, so that nobody takes another at the same address for it
    clock : "virtual" or "wall"
    token : who knows it may end this emulator, and break what runs in it; "": nobody may by a request
    over : set when it is to end
    """

    def __init__(self, id: str, clock: str, token: str, over: threading.Event) -> None:  # noqa: A002
        self._id = id
        self._clock = clock
        self._token = token
        self._over = over

    def about(self, host: Host) -> dict[str, Any]:
        """Return who this is, in the form of `Control.about`."""
        here = {"region": host.region, "chains": chains(host.region)}
        return {"id": self._id, "pid": os.getpid(), "clock": self._clock, **here}

    def is_ended_by(self, environ: dict[str, Any]) -> bool:
        """Tell whether a request may end this emulator, and if it may, do so soon."""
        if not self.is_asked_by_owner(environ):
            return False
        threading.Timer(_ANSWERED_S, self._over.set).start()
        return True

    def is_asked_by_owner(self, environ: dict[str, Any]) -> bool:
        """Tell whether a request comes from who started this emulator: no handler and no web page has the token."""
        given = environ.get("HTTP_" + TOKEN_HEADER.upper().replace("-", "_"), "")
        may = environ["REQUEST_METHOD"] == "POST" and bool(self._token)
        return may and secrets.compare_digest(given.encode(), self._token.encode())
