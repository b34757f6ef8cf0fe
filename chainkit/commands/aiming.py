"""Which target a command is for: `--target`, and what goes with an AWS account."""

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from chainkit.errors import ConfigError

if TYPE_CHECKING:
    from chainkit.billing.bill import Bill
    from chainkit.chain import Chain
    from chainkit.deployment.accounts import Expiry
    from chainkit.deployment.targets import Target

_TARGETS = "local, local:NAME, ministack, an emulator's address (http://127.0.0.1:PORT), or aws"
_OF_AWS = ("account", "profile", "ceiling_usd")
_BILLED_REQUESTS = 5_000


def add_target(parser: argparse.ArgumentParser, *, default: str | None = None) -> None:
    """Let a command take a target."""
    parser.add_argument("--target", required=default is None, default=default, metavar="T", help=_TARGETS)
    parser.add_argument("--region", help="the design's own if left out; us-east-1 where there is none")
    parser.add_argument("--expires", metavar="WHEN", help="until when it is to stand: 8h, 7d, 2026-12-24")
    of_aws = parser.add_argument_group("aws")
    of_aws.add_argument("--account", metavar="ID", help="the account that is meant, 12 digits: needed")
    of_aws.add_argument("--profile", help="of your AWS settings")
    of_aws.add_argument("--ceiling-usd", type=float, metavar="USD", help="what it may cost a month")


@contextmanager
def aimed(given: argparse.Namespace, region: str | None = None) -> "Iterator[Target]":
    """Give the target that a command is for.

    Parameters
    ----------
    given : what was read
    region : the design's

    Raises
    ------
    ConfigError
        If what is given does not go together.
    """
    from chainkit.deployment.accounts import until
    from chainkit.deployment.opening import opened

    options = {name: getattr(given, name) for name in _OF_AWS}
    if given.target == "aws" and given.account is None:
        raise ConfigError("--target aws: no account is named", fix="--account, with the 12 digits of the one you mean")
    wrong = [f"--{name.replace('_', '-')}" for name, value in options.items() if value is not None]
    if given.target != "aws" and wrong:
        raise ConfigError(f"{', '.join(wrong)} belongs to --target aws", fix=f"leave it out for {given.target}")
    expires = until(when(given.expires), datetime.now(UTC)) if given.expires else None
    of_target = options if given.target == "aws" else {}
    with opened(given.target, region=given.region or region or "us-east-1", **of_target) as target:
        target.expires = expires
        yield target


def when(text: str) -> "Expiry":
    """Return an expiry as it is written on the command line.

    Raises
    ------
    ConfigError
        If it cannot be read.

    Examples
    --------
    >>> when("8h"), when("2026-12-24")
    (datetime.timedelta(seconds=28800), datetime.date(2026, 12, 24))
    """
    if span := re.fullmatch(r"(\d+)([hd])", text):
        return timedelta(hours=int(span[1])) if span[2] == "h" else timedelta(days=int(span[1]))
    try:
        return date.fromisoformat(text) if len(text) == len("2026-12-24") else datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"--expires={text!r} is no time", fix="write 8h, 7d, 2026-12-24 or 2026-12-24T12:00Z"
        ) from None


def billed(chain: "Chain", requests_per_month: float | None) -> "Bill | None":
    """Return what a month of so many requests costs, by a short simulation at that rate; None where none are said."""
    if requests_per_month is None:
        return None
    from chainkit.billing.bill import bill
    from chainkit.simulation.loads import Poisson
    from chainkit.simulation.run import simulate
    from chainkit.units import HOURS_PER_MONTH

    if not requests_per_month > 0:
        raise ConfigError(f"--requests-per-month={requests_per_month:g} is none", fix="give a number above 0")
    load = Poisson(rate_per_s=requests_per_month / HOURS_PER_MONTH / 3600)
    run = simulate(chain, load, requests=_BILLED_REQUESTS, seed=1)
    return bill(chain, run, requests_per_month=requests_per_month)
