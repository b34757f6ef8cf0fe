"""`chainkit plan`, `deploy` and `destroy`: a design file on a target, by its words."""

import argparse
from collections.abc import Sequence

from chainkit.commands.aiming import add_target, aimed, billed


def plan(words: Sequence[str]) -> int:
    """Print what deploying a design would change; nothing is."""
    from chainkit.chain import load
    from chainkit.deployment.plan import plan

    given = _options("plan", "Show what deploying a design would change; nothing is.", file=True).parse_args(words)
    chain = load(given.file)
    with aimed(given, chain.region) as target:
        print(plan(chain, target, bill=billed(chain, given.requests_per_month)))
    return 0


def deploy(words: Sequence[str]) -> int:
    """Print the plan, carry it out step by step, print where things are."""
    from chainkit.chain import load
    from chainkit.deployment.plan import plan
    from chainkit.deployment.stack import deploy

    text = "Deploy a design: what is there is changed, what is too much is removed."
    parser = _options("deploy", text, file=True)
    parser.add_argument("--approve", metavar="CODE", help="on aws: the code that the printed plan ends with")
    given = parser.parse_args(words)
    chain = load(given.file)
    with aimed(given, chain.region) as target:
        made = plan(chain, target, bill=billed(chain, given.requests_per_month))
        print(made)
        stack = deploy(made, approve=given.approve, tell=_told)
        for each in stack.dropped:
            print(f"  {target.name} forgets {each.field} of {each.resource}")
        for name, value in stack.outputs.items():
            print(f"  {name}  {target.masked(str(value))}")
        if given.target == "ministack":
            print("ministack has ended with this command, and all that was deployed there with it")
    return 0


def destroy(words: Sequence[str]) -> int:
    """Take away all that was deployed of a chain."""
    from chainkit.deployment.stack import stack
    from chainkit.errors import ConfigError, nearest

    given = _options("destroy", "Take away all that was deployed of a chain.", file=False).parse_args(words)
    with aimed(given) as target:
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
    add_target(parser)
    if file:
        text = "print what a month of N requests costs, too; --ceiling-usd needs it"
        parser.add_argument("--requests-per-month", type=float, metavar="N", help=text)
    return parser


def _told(line: str) -> None:
    print(f"  {line}", flush=True)
