"""moto's notion of now, on the emulator's clock: visibility, delays, timestamps of messages, events and logs."""

from __future__ import annotations

import datetime as dt
import sys
from typing import TYPE_CHECKING

from moto.core import utils

from chainkit.emulation.patching import replace

if TYPE_CHECKING:
    from chainkit.emulation.host import Host


def install(host: Host) -> None:
    """Let moto's time functions read the clock; all of them ask `utcnow`, many by a name that they imported."""

    def utcnow() -> dt.datetime:
        return dt.datetime.fromtimestamp(host.clock.now_s(), dt.UTC).replace(tzinfo=None)

    original = replace(utils, "utcnow", utcnow, parameters="")
    for name, module in list(sys.modules.items()):
        if name.startswith("moto.") and vars(module).get("utcnow") is original:
            vars(module)["utcnow"] = utcnow
