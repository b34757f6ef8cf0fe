"""`chainkit reap`, `scan` and `package`: what is over, what must not be handed on, what code needs."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chainkit.commands.aiming import add_target, aimed


def reap(words: Sequence[str]) -> int:
    """Show which chains on a target are over, and with --yes destroy them; 1 if something of one was left."""
    parser = argparse.ArgumentParser(
        prog="chainkit reap", description="Take away the chains whose time (--expires, expires=) is over."
    )
    add_target(parser)
    parser.add_argument("--yes", action="store_true", help="destroy them; without it they are only shown")
    given = parser.parse_args(list(words))
    with aimed(given) as target:
        return _reaped(target, datetime.now(UTC), is_meant=given.yes)


def _reaped(target: Any, now: datetime, *, is_meant: bool) -> int:
    """Show, and take away if it is meant, what is over on a target."""
    from chainkit.deployment.stack import stack
    from chainkit.errors import DeployError

    until = {name: target.applier.expiry(name) for name in target.applier.chains()}
    over = {name: end for name, end in until.items() if end is not None and end <= now}
    for name, end in until.items():
        state = "over" if name in over else "stands"
        print(f"{name:<24} {state:<7} {f'until {end:%Y-%m-%d %H:%M} UTC' if end is not None else 'without end'}")
    if not over:
        print(f"nothing is over on {target}")
        return 0
    if not is_meant:
        print(f"{len(over)} to destroy on {target}: with --yes it is done")
        return 0
    failed = 0
    for name in over:
        try:
            stack(name, target).destroy(tell=lambda line: print(f"  {line}", flush=True))
            print(f"{name} has gone")
        except DeployError as error:  # the others are over all the same
            print(f"{name}: {error}")
            failed += 1
    return 1 if failed else 0


def scan(words: Sequence[str]) -> int:
    """Show what must not be handed on, as file:line: what; 1 if there is any."""
    from chainkit.scanning import leaks

    parser = argparse.ArgumentParser(
        prog="chainkit scan", description="Look for AWS keys, secrets and tokens in notebooks (with outputs) and files."
    )
    parser.add_argument("paths", nargs="+", help="files and folders")
    parser.add_argument("--accounts", action="store_true", help="warn of account ids, too")
    given = parser.parse_args(list(words))
    found = list(leaks(given.paths, accounts=given.accounts))
    for leak in found:
        print(f"{leak}{' (a warning)' if leak.is_warning else ''}")
    held = sum(not leak.is_warning for leak in found)
    print(f"{held} found that must not be handed on" if held else "nothing found that must not be handed on")
    return 1 if held else 0


def package(words: Sequence[str]) -> int:
    """Gather what the functions of a design need, for where they will run."""
    from chainkit.chain import load

    parser = argparse.ArgumentParser(
        prog="chainkit package",
        description="Gather the wheels that requirements.txt of functions name, for their runtime and architecture.",
    )
    parser.add_argument("file", help="the design: *.chain.yaml")
    given = parser.parse_args(list(words))
    chain = load(given.file)
    root = Path(given.file).parent
    found = {name: service.gather(root) for name, service in chain.services.items()}
    for name, is_new in found.items():
        if is_new is not None:
            print(f"{name}: {'gathered' if is_new else 'there already'}")
    if all(is_new is None for is_new in found.values()):
        print("nothing to gather: no code has a requirements.txt")
    return 0
