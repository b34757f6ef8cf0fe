"""Emulators that stand by themselves: started, found, ended by name.

Each keeps a record in the user's folder: a JSON file with its address, process and secret. A record is believed only if
the one that it names answers at its address; what a killed emulator left behind is removed by whoever looks next.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.error import HTTPError

from chainkit.emulation.control import Control
from chainkit.emulation.environments import remove_files
from chainkit.emulation.folders import emulators_folder, new_root
from chainkit.emulation.process import end_child, greeting_of, spawn, start_error, tell_token
from chainkit.errors import ConfigError, DeployError, nearest

NAME = r"[a-z0-9][a-z0-9-]{0,31}"
"""What an emulator may be called: it is the name of a file, on any system."""

_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}  # by Windows


@dataclass(frozen=True, kw_only=True)
class Standby:
    """An emulator that is up, as its record says."""

    name: str
    id: str
    pid: int
    endpoint_url: str
    region: str
    clock: str
    since_s: float
    """When it began, seconds since the epoch."""
    root: str
    """Folder of its code and scratch files."""
    token: str

    def __repr__(self) -> str:
        return f"Standby({self.name!r} at {self.endpoint_url})"  # without the secret

    @property
    def control(self) -> Control:
        """Its control."""
        return Control(self.endpoint_url, self.token)

    def is_up(self) -> bool:
        """Tell whether it answers, itself and not another that has its address now, or is too busy to."""
        try:
            return self.control.about().get("id") == self.id
        except DeployError as error:
            cause = error.__cause__
            is_busy = isinstance(cause, TimeoutError) or (isinstance(cause, HTTPError) and cause.code >= 500)
            return is_busy and _is_alive(self.pid)


def require_name(name: object) -> str:
    """Return a name that an emulator can have; ConfigError for others."""
    if not isinstance(name, str) or not re.fullmatch(NAME, name) or name in _RESERVED:
        raise ConfigError(
            f"local: name={name!r} cannot be an emulator's; it is 1 to 32 of a-z, 0-9 and -, and no device of Windows",
            fix='choose a word such as "workshop"',
        )
    return name


def standbys() -> list[Standby]:
    """Return the emulators that are up, by name; what is left of killed ones is removed."""
    found = []
    for path in sorted(emulators_folder().glob("*.json")):
        each = _read(path)
        if each is not None and each.is_up():
            found.append(each)
        else:
            _clear(path, each)
    return found


def standby(name: str) -> Standby:
    """Return the emulator of a name; DeployError if none of that name is up."""
    known = {each.name: each for each in standbys()}
    if require_name(name) not in known:
        words = "" if name == "local" else f" {name}"
        raise DeployError(
            f"local: no emulator {name!r} is up{nearest(name, known)}; up are {', '.join(known) or 'none'}",
            fix=f"chainkit local up{words}",
        )
    return known[name]


def up(
    name: str, *, region: str, clock: Literal["virtual", "wall"], port: int = 0, stays: bool = True
) -> tuple[Standby, subprocess.Popen[str]]:
    """Start an emulator and return it, once it answers, with its process.

    Parameters
    ----------
    name : by which others find it
    region, clock : as of `Emulator`
    port : on 127.0.0.1; 0: any that is free
    stays : whether it outlives this process; else it ends when the process' stdin closes

    Raises
    ------
    DeployError
        If one of that name is up already, or the port cannot be had.
    """
    if (same := {each.name: each for each in standbys()}.get(require_name(name))) is not None:
        raise DeployError(
            f"local: {name!r} is up already, at {same.endpoint_url} (since {stamp(same.since_s)})",
            fix=f"use it, give another name, or end it: chainkit local down {name}",
        )
    record = emulators_folder() / f"{name}.json"
    root = new_root()
    settings: dict[str, Any] = {"region": region, "clock": clock, "root": str(root), "stays": stays}
    settings |= {"name": name, "id": secrets.token_hex(8), "record": str(record), "port": port}
    with (root / "emulator.log").open("w+b") as errors:
        process = spawn(settings, errors, stays=stays)
        tell_token(process)
        greeting = greeting_of(process)
        if "endpoint_url" not in greeting:
            error = start_error(greeting, errors)
            end_child(process, root)
            raise error
    if stays:
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        process.returncode = 0  # it is not waited for: Python would warn of a child that still runs
    made = _read(record)
    assert made is not None
    return made, process


def down(each: Standby) -> list[int]:
    """End an emulator, its workers and its files; return the process ids that were ended.

    Raises
    ------
    DeployError
        If it does not end within ten seconds.
    """
    workers = each.control.workers()
    each.control.end()
    record, deadline_s = emulators_folder() / f"{each.name}.json", time.monotonic() + 10.0
    while (_is_alive(each.pid) or _is_recorded(record, each)) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    if _is_alive(each.pid):
        raise DeployError(f"local: {each.name!r} does not end", fix=f"end process {each.pid} by hand")
    _clear(record, each)
    return [each.pid, *workers]


def stamp(at_s: float) -> str:
    """Return a moment for people, in local time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_s))


def _is_recorded(record: Path, each: Standby) -> bool:
    found = _read(record)
    return found is not None and found.id == each.id


def _read(path: Path) -> Standby | None:
    """Return what a record says, None for one that says nothing."""
    for _ in range(20):
        try:
            return Standby(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):  # it may be written at this moment
            time.sleep(0.02)
    return None


def _clear(path: Path, each: Standby | None) -> None:
    """Remove what an emulator that is gone has left."""
    if each is None or _is_recorded(path, each):  # else another has come meanwhile
        path.unlink(missing_ok=True)
    if each is not None and Path(each.root).name.startswith("chainkit-"):
        remove_files(Path(each.root))


def _is_alive(pid: int) -> bool:
    """Tell whether a process of this id runs."""
    if os.name == "nt":
        listed = subprocess.run(
            ["tasklist", "/FI", f"PID eq {pid}", "/NH", "/FO", "CSV"], capture_output=True, text=True, check=False
        )
        return f'"{pid}"' in listed.stdout
    with contextlib.suppress(ChildProcessError):  # one that this process began is there until it is looked for
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):  # there is none, or it is another user's
        return False
    return True
