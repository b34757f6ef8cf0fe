"""`chainkit local`: emulators on this machine, started, looked at and ended by name."""

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from chainkit.emulation import background
from chainkit.emulation.background import Standby
from chainkit.errors import ConfigError, DeployError

_FOLLOW_S = 0.5
"""How often `logs --follow` looks."""


def local(words: Sequence[str]) -> int:
    """Carry out `chainkit local ...`; the exit code is 0 if it was done."""
    given = vars(_parser().parse_args(list(words)))
    run: Callable[..., int] = given.pop("run")
    return run(**given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chainkit local", description="AWS stand-ins on this machine, 127.0.0.1 only."
    )
    verbs = parser.add_subparsers(metavar="up|status|logs|down|install", required=True)

    starts = verbs.add_parser("up", help="start one, and return when it answers")
    starts.add_argument("name", nargs="?", default="local")
    starts.add_argument("--clock", choices=["wall", "virtual"], default="wall", help="virtual: waits take no time")
    starts.add_argument("--region", default="us-east-1")
    starts.add_argument("--port", type=int, default=0, help="a free one if left out")
    starts.add_argument("--foreground", action="store_true", help="stay with it: Ctrl-C ends it")
    starts.set_defaults(run=_up)

    verbs.add_parser("status", help="show those that are up").set_defaults(run=_status)

    tells = verbs.add_parser("logs", help="show what functions have logged, in the order of time")
    tells.add_argument("name", nargs="?", default="local")
    tells.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    tells.add_argument("--function", default="", metavar="F", help="only this function's")
    tells.add_argument("--id", default="", metavar="CORRELATION", help="only invocations that logged this text")
    tells.set_defaults(run=_logs)

    ends = verbs.add_parser("down", help="end one, with its workers and files")
    ends.add_argument("name", nargs="?", default=None)
    ends.add_argument("--all", action="store_true", help="end all")
    ends.set_defaults(run=_down)

    adds = verbs.add_parser("install", help="install another emulator, in an environment of its own")
    adds.add_argument("name", metavar="ministack")
    adds.set_defaults(run=_install)
    return parser


# --- up ---


def _up(*, name: str, clock: Any, region: str, port: int, foreground: bool) -> int:
    from chainkit.deployment.emulated import require_region

    if not 0 <= port <= 65_535:
        raise ConfigError(f"local: port={port} is outside 1..65535", fix="leave --port out: a free one is taken")
    require_region(region)
    made, process = background.up(name, region=region, clock=clock, port=port, stays=not foreground)
    if not foreground:
        print(_welcome(made, foreground=False))
        return 0
    with process:
        with contextlib.suppress(KeyboardInterrupt):
            print(_welcome(made, foreground=True), flush=True)
            process.wait()
        if process.poll() is None:
            process.communicate(timeout=20.0)  # closes its stdin, at which it ends
            print(f"{name} has ended")
    return 0


def _welcome(made: Standby, *, foreground: bool) -> str:
    """Return what somebody who has just started an emulator wants to know."""
    rows = {
        "in Python": f'with ck.local("{made.name}") as target:',
        "other tools": _exported(AWS_ENDPOINT_URL=made.endpoint_url, AWS_DEFAULT_REGION=made.region),
        "": _exported(AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing"),
        " ": _exported(AWS_DISABLE_HOST_PREFIX_INJECTION="true"),  # or StartSyncExecution goes to sync-127.0.0.1
        "check it": f"chainkit probe {made.endpoint_url}",
        "end it": "Ctrl-C" if foreground else f"chainkit local down {made.name}",
    }
    lines = [f"  {what:<12} {how}" for what, how in rows.items()]
    return "\n".join([f"{made.name} is up: {made.endpoint_url} ({made.region}, {made.clock} clock)", *lines])


def _exported(**variables: str) -> str:
    """Return the line for a shell of this system that sets environment variables."""
    told = [f"{name}={value}" for name, value in variables.items()]
    return "&& ".join(f"set {each}" for each in told) if os.name == "nt" else f"export {' '.join(told)}"


# --- status ---


def _status() -> int:
    """Show a table of all that are up; the exit code is 1 if there is none."""
    found = background.standbys()
    if not found:
        print("no emulator is up; chainkit local up starts one")
        return 1
    rows = [("name", "endpoint", "since", "clock", "region", "chains", "workers", "memory"), *map(_row, found)]
    if all(not row[-1] for row in rows[1:]):
        rows = [row[:-1] for row in rows]
    print(_table(rows))
    return 0


def _row(each: Standby) -> tuple[str, ...]:
    head = (each.name, each.endpoint_url, background.stamp(each.since_s), each.clock, each.region)
    try:
        workers, chains = each.control.workers(), each.control.about()["chains"]
    except DeployError:
        return (*head, "does not answer", "", "")
    return (*head, ", ".join(chains) or "none", str(len(workers)), _memory([each.pid, *workers]))


def _memory(pids: Iterable[int]) -> str:
    """Return what processes hold, if psutil is there to say."""
    try:
        import psutil
    except ModuleNotFoundError:
        return ""
    held = 0
    for pid in pids:
        with contextlib.suppress(psutil.Error):  # it has ended meanwhile
            held += psutil.Process(pid).memory_info().rss
    return f"{held / 2**20:.0f} MB"


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


# --- logs ---


def _logs(*, name: str, follow: bool, function: str, id: str) -> int:  # noqa: A002
    control, after = background.standby(name).control, -1
    while True:
        lines = control.lines(after=after, function=function, correlation=id)
        for line in lines:
            at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(line["at_s"]))
            print(f"{at}.{int(line['at_s'] * 1000) % 1000:03d}  {line['function']}  {line['message']}", flush=True)
        after = max([after, *(line["number"] for line in lines)])
        if not follow:
            return 0
        time.sleep(_FOLLOW_S)


# --- down ---


def _down(*, name: str | None, all: bool) -> int:  # noqa: A002
    if all and name is not None:
        raise ConfigError(f"local down: {name!r} and --all are given", fix="give one of them")
    ended = background.standbys() if all else [background.standby(name or "local")]
    if not ended:
        print("no emulator is up")
    for each in ended:
        gone = background.down(each)
        workers = f", {len(gone) - 1} worker{'s' if len(gone) != 2 else ''}" if len(gone) > 1 else ""
        print(f"{each.name} has ended: process {each.pid}{workers}, its files")
    return 0


# --- install ---


def _install(*, name: str) -> int:
    from chainkit.emulation import ministack

    print(f"{name} is in {ministack.install(name, tell=lambda line: print(line, file=sys.stderr, flush=True))}")
    return 0
