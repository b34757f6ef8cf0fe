"""Ends what handlers have started and left behind, by the folder that stands in its environment.

A process that begins a session of its own leaves the group of its environment, and one whose parent ends has another;
but both keep the variables that they began with, TMPDIR among them. Linux tells them (/proc); elsewhere only groups are
ended. What also wipes its variables and lets its parent end is not found: it cannot be told from what the user began.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections import defaultdict
from pathlib import Path

_ROUNDS = 5
"""How often it is looked anew for what was begun meanwhile."""


def end_all(folder: Path, proc: Path = Path("/proc")) -> None:
    """Kill every process that has a folder, or what lies in it, in its environment, and all that descends from it."""
    ended: set[int] = set()
    for _ in range(_ROUNDS):
        found = _found(folder, proc) - ended
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        ended |= found


def _found(folder: Path, proc: Path) -> set[int]:
    """Return the ids of such processes, without this one."""
    children, found = defaultdict(list), []
    name = os.fsencode(folder)
    for each in proc.glob("[0-9]*"):
        try:  # of another user, or gone: not ours
            environment, stat = (each / "environ").read_bytes(), (each / "stat").read_bytes()
        except OSError:
            continue
        pid, parent = int(each.name), int(stat.rpartition(b")")[2].split()[1])
        children[parent].append(pid)
        if any(_lies_in(value.partition(b"=")[2], name) for value in environment.split(b"\0")):
            found.append(pid)
    all_: set[int] = set()
    while found:
        if (pid := found.pop()) not in all_ and pid != os.getpid():
            all_.add(pid)
            found += children[pid]
    return all_


def _lies_in(path: bytes, folder: bytes) -> bool:
    return path == folder or path.startswith(folder + b"/")
