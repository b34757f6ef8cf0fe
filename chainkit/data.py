"""Where the data files are, and nothing else: the only code that knows.

In a checkout they stand in `data/` beside the package; in an installed copy they are inside it, in `chainkit/_data/`.
What each file holds, from where and of which date, is in the README beside them. Price files of the user's own, in the
same form, go before them, price by price.
"""

import json
import os
import sys
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from chainkit.errors import ConfigError, PriceMissingError, nearest

_PACKAGE = Path(__file__).parent


@cache
def _root() -> Path:
    checkout = _PACKAGE.parent / "data"
    # Beside an installed package, some other project's `data/` may stand: ours holds latency.json.
    return checkout if (checkout / "latency.json").is_file() else _PACKAGE / "_data"


def path(*parts: str) -> Path:
    """Return the path of a data file or folder.

    Parameters
    ----------
    parts : names of folders and, last, of the file or folder, from the top of the data

    Returns
    -------
    A path that exists.

    Raises
    ------
    ConfigError
        If nothing is there; the text lists what is.

    Examples
    --------
    >>> path("prices", "us-east-1.json").name
    'us-east-1.json'
    """
    here = _root()
    for depth, part in enumerate(parts):
        if not (here / part).exists():
            known = sorted(entry.name for entry in here.iterdir()) if here.is_dir() else []
            missing = "/".join(parts[: depth + 1])
            raise ConfigError(
                f"data: {missing!r} does not exist; in {here} there is {', '.join(known) or 'nothing'}",
                fix=f"name one of these{nearest(part, known)}",
            )
        here /= part
    return here


@cache
def _parsed(*parts: str) -> Any:
    return json.loads(path(*parts).read_text(encoding="utf-8"))


def prices(region: str) -> dict[str, Any]:
    """Return the list prices of one region. Shared by all callers: read it, do not change it.

    Prices of the user's own (`own_prices`) take the place of those that come with chainkit.

    Parameters
    ----------
    region : AWS region name, such as "us-east-1"

    Returns
    -------
    `region`, `currency`, `checked` and `prices`: by key, the unit, the tiers in USD per unit, the free part of a month
    in units, its source, date and confidence.

    Raises
    ------
    PriceMissingError
        If there are no prices of this region; the text lists those there are.
    ConfigError
        If a file of the user's own cannot be read.

    Examples
    --------
    >>> prices("us-east-1")["prices"]["lambda-requests"]["free_per_month"]
    1000000
    """
    return _merged(region, price_files(region))


def price_files(region: str) -> tuple[tuple[Path, int], ...]:
    """Return the price files of one region with their times of change (ns): chainkit's first, then the user's own.

    Raises
    ------
    PriceMissingError
        If there is none.

    Examples
    --------
    >>> [file.name for file, _ in price_files("us-east-1")]
    ['us-east-1.json']
    """
    known = price_regions()
    if region not in known:
        raise PriceMissingError(
            f"prices: region={region!r} has no price file; there is one for {', '.join(known)}",
            fix=f"choose one of these{nearest(region, known)}, or chainkit prices refresh --region {region}",
        )
    files = [folder / f"{region}.json" for folder in _price_folders()]
    return tuple((file, file.stat().st_mtime_ns) for file in files if file.is_file())


def price_regions() -> list[str]:
    """Return the regions that have a price file, chainkit's or the user's own, in order.

    >>> "eu-west-1" in price_regions()
    True
    """
    return sorted({file.stem for folder in _price_folders() for file in folder.glob("*.json")})


def own_prices() -> Path | None:
    """Return the folder of the user's own price files, or None if there is none.

    The environment variable CHAINKIT_PRICES names it; set to nothing it switches such files off. Where it is not set,
    it is `own_prices_home()`, if that is there.

    Raises
    ------
    ConfigError
        If the variable names no folder.
    """
    named = os.environ.get("CHAINKIT_PRICES")
    if named is None:
        return own_prices_home() if own_prices_home().is_dir() else None
    if named and not Path(named).is_dir():
        raise ConfigError(
            f"prices: CHAINKIT_PRICES={named!r} is no folder",
            fix="name a folder with price files, or unset the variable",
        )
    return Path(named) if named else None


def own_prices_home() -> Path:
    """Return where the user's own price files stand if nothing else is said: `chainkit/prices` in the user's settings.

    The settings are in $XDG_CONFIG_HOME, else in %APPDATA% on Windows, else in `~/.config`.
    """
    named = os.environ.get("XDG_CONFIG_HOME") or (os.environ.get("APPDATA") if sys.platform == "win32" else None)
    return (Path(named) if named else Path.home() / ".config") / "chainkit" / "prices"


def _price_folders() -> list[Path]:
    own = own_prices()
    return [path("prices")] if own is None else [path("prices"), own]


@lru_cache(maxsize=128)
def _merged(region: str, files: tuple[tuple[Path, int], ...]) -> dict[str, Any]:
    """Return the table of one region; the times only tell one state of the files from another."""
    tables = [price_table(file, region) for file, _ in files]
    entries = {key: entry for table in tables for key, entry in table["prices"].items()}
    # What comes from the older of two files was compared with its sources then.
    return {**tables[0], "checked": min(table["checked"] for table in tables), "prices": entries}


def price_table(file: Path, region: str) -> dict[str, Any]:
    """Return one price file, as `prices` does.

    Raises
    ------
    ConfigError
        If it is no price file of this region.
    """
    fix = "write it after the pattern of those that come with chainkit, or delete it"
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"prices: {file} is no JSON: {error}", fix=fix) from error
    fields = {"region", "currency", "checked", "prices"}
    if not isinstance(table, dict) or set(table) != fields or not isinstance(table["prices"], dict):
        raise ConfigError(f"prices: {file} has not exactly the fields {', '.join(sorted(fields))}", fix=fix)
    if (table["region"], table["currency"]) != (region, "USD"):
        found = f"region={table['region']!r}, currency={table['currency']!r}"
        raise ConfigError(f"prices: {file} has {found}; its name and place want {region!r} in 'USD'", fix=fix)
    return table


def latency() -> dict[str, Any]:
    """Return the laws of hops, cold starts and idle environments. Shared by all callers: read it, do not change it.

    Returns
    -------
    `hops` by name, `init` and `restore` by runtime, `first_run`, `warm_run`, `per_mb`, `keep_alive` and `cpu`; a law
    is in the plain form of design files, in seconds.

    Examples
    --------
    >>> latency()["hops"]["sqs_mapping"]["confidence"]
    'measured'
    """
    return dict(_parsed("latency.json"))


def quotas() -> dict[str, Any]:
    """Return the limits and defaults of AWS. Shared by all callers: read it, do not change it.

    Returns
    -------
    By service, then by name: `value`, `unit` and `source`.

    Examples
    --------
    >>> quotas()["lambda"]["account_concurrency"]["value"]
    1000
    """
    return dict(_parsed("quotas.json"))


def provisioned() -> dict[str, Any]:
    """Return rules of thumb for provisioned concurrency. Shared by all callers: read them, do not change them.

    Returns
    -------
    `source`, `note` and `confidence`; `roles` by name: `low` and `high`, shares of the peak, and the rule's `text`.

    Examples
    --------
    >>> provisioned()["roles"]["internal"]["high"]
    0.3
    """
    return dict(_parsed("provisioned.json"))


def permissions() -> dict[str, Any]:
    """Return what IAM calls things and who calls what at run time. Shared by all callers: read it, do not change it.

    Returns
    -------
    `actions` by prefix; the others say in their `about` what they hold.

    Examples
    --------
    >>> permissions()["polled"]["sqs"][0], "PurgeQueue" in permissions()["actions"]["sqs"]
    ('sqs:ReceiveMessage', True)
    """
    return dict(_parsed("permissions.json"))


def workflow_types() -> list[dict[str, Any]]:
    """Return how Standard and Express workflows differ, row by row. Shared by all callers: read it, do not change it.

    Returns
    -------
    Rows with `what`, `standard`, `express`, `source` and `date`; `told` where the usual table has it, `pattern` where
    it is something that a definition can ask for.

    Examples
    --------
    >>> [(row["standard"], row["express"]) for row in workflow_types() if row["what"] == "longest execution"]
    [('1 year', '5 minutes')]
    """
    return list(_parsed("workflow_types.json")["rows"])


def validation(name: str) -> Any:
    """Return figures that predictions are compared with. Shared by all callers: read them, do not change them.

    Parameters
    ----------
    name : of a file in `data/validation/`, without its ending

    Examples
    --------
    >>> validation("memory")["measured_memory_mb"]
    1792
    """
    return _parsed("validation", f"{name}.json")
