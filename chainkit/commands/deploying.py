"""`chainkit plan`, `deploy` and `destroy`: a design file on a target, by its words."""

import argparse
from collections.abc import Sequence
from typing import Any

_TARGETS = "local, local:NAME, ministack, or an emulator's address: http://127.0.0.1:PORT"


def plan(words: Sequence[str]) -> int:
    """Print what deploying a design would change; nothing is."""
    from chainkit.chain import load
    from chainkit.deployment.opening import opened
    from chainkit.deployment.plan import plan

    given = _options("plan", "Show what deploying a design would change; nothing is.", file=True).parse_args(words)
    chain = load(given.file)
    with opened(given.target, **_of_target(given, chain.region)) as target:
        print(plan(chain, target))
    return 0


def deploy(words: Sequence[str]) -> int:
    """Print the plan, carry it out step by step, print where things are."""
    from chainkit.chain import load
    from chainkit.deployment.opening import opened
    from chainkit.deployment.plan import plan
    from chainkit.deployment.stack import deploy

    text = "Deploy a design: what is there is changed, what is too much is removed."
    given = _options("deploy", text, file=True).parse_args(words)
    chain = load(given.file)
    with opened(given.target, **_of_target(given, chain.region)) as target:
        made = plan(chain, target)
        print(made)
        stack = deploy(made, tell=_told)
        for each in stack.dropped:
            print(f"  {target.name} forgets {each.field} of {each.resource}")
        for name, value in stack.outputs.items():
            print(f"  {name}  {value}")
        if given.target == "ministack":
            print("ministack has ended with this command, and all that was deployed there with it")
    return 0


def destroy(words: Sequence[str]) -> int:
    """Take away all that was deployed of a chain."""
    from chainkit.deployment.opening import opened
    from chainkit.deployment.stack import stack
    from chainkit.errors import ConfigError, nearest

    given = _options("destroy", "Take away all that was deployed of a chain.", file=False).parse_args(words)
    with opened(given.target, **_of_target(given, given.region)) as target:
        if given.name not in (known := target.applier.chains()):
            raise ConfigError(
                f"destroy: of {given.name!r} nothing stands on {target}{nearest(given.name, known)}",
                fix=f"there stand {', '.join(known) or 'none'}",
            )
        stack(given.name, target).destroy(tell=_told)
        print(f"{given.name} has gone from {target}")
    return 0


def _options(word: str, text: str, *, file: bool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"chainkit {word}", description=text)
    if file:
        parser.add_argument("file", help="the design: *.chain.yaml")
    else:
        parser.add_argument("name", help="of the chain")
    parser.add_argument("--target", required=True, metavar="T", help=_TARGETS)
    if not file:
        parser.add_argument("--region", help="where the target has several")
    return parser


def _of_target(given: argparse.Namespace, region: str | None) -> dict[str, Any]:
    """Return what the target is opened with."""
    return {"region": region} if region else {}


def _told(line: str) -> None:
    print(f"  {line}", flush=True)
