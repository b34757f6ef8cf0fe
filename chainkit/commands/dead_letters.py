"""`chainkit dead-letters`: what lies in the dead-letter queues of a deployed design; sent back if asked for."""

import argparse
from collections.abc import Sequence

from chainkit.commands.aiming import add_target, aimed


def dead_letters(words: Sequence[str]) -> int:
    """Print the groups, or one in full; with --redrive send them back, and print what became of them."""
    from chainkit.chain import load
    from chainkit.deployment.stack import stack

    given = _parser().parse_args(words)
    chain = load(given.file)
    with aimed(given, chain.region) as target:
        found = stack(chain, target).dead_letters()
        if not given.redrive:
            print(found if given.only is None else found.show(given.only))
            return 0
        done = found.redrive(given.only, rate_per_s=given.rate, resend=given.resend, dry_run=given.dry_run)
        print(done)
    return 0


def _parser() -> argparse.ArgumentParser:
    text = "Show what lies in the dead-letter queues of a design that was deployed; send it back if asked for."
    parser = argparse.ArgumentParser(prog="chainkit dead-letters", description=text)
    parser.add_argument("file", help="the design: *.chain.yaml")
    parser.add_argument("--only", metavar="G", help="a group ('pay: ValueError'), an error, a queue or a message id")
    parser.add_argument("--redrive", action="store_true", help="send them back to where they were to be worked")
    parser.add_argument("--rate", type=int, metavar="N", help="at most N a second, 1 to 500")
    parser.add_argument("--resend", action="store_true", help="hand over what AWS has no call for, one by one")
    parser.add_argument("--dry-run", action="store_true", help="only say what --redrive would do")
    add_target(parser)
    return parser
