"""moto's notion of now, on the emulator's clock: visibility, delays, timestamps of messages, events and logs."""

from __future__ import annotations

import datetime as dt
import sys
from typing import TYPE_CHECKING

from chainkit.emulation.patching import patch

if TYPE_CHECKING:
    from chainkit.emulation.host import Host


def install(host: Host) -> None:
    """Let moto's time functions read the clock; all of them ask `utcnow`, many by a name that they imported."""

    def utcnow() -> dt.datetime:
        return dt.datetime.fromtimestamp(host.clock.now_s(), dt.UTC).replace(tzinfo=None)

    original = patch("core.utils:utcnow", utcnow)
    for name, module in list(sys.modules.items()):
        if name.startswith("moto.") and vars(module).get("utcnow") is original:
            module.utcnow = utcnow  # type: ignore[attr-defined]  # who was imported before has it under a name of its own
