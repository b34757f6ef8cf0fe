"""Where the data files are, and nothing else: the only code that knows.

In a checkout they stand in `data/` beside the package; in an installed copy they are inside it, in `chainkit/_data/`.
What each file holds, from where and of which date, is in the README beside them.
"""

import json
from functools import cache
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
        If there are no prices of this region.

    Examples
    --------
    >>> prices("us-east-1")["prices"]["lambda-requests"]["free_per_month"]
    1000000
    """
    known = sorted(file.stem for file in path("prices").glob("*.json"))
    if region not in known:
        raise PriceMissingError(
            f"prices: region={region!r} has no price file; there is one for {', '.join(known)}",
            fix=f"choose one of these{nearest(region, known)}, or write data/prices/{region}.json after their pattern",
        )
    return dict(_parsed("prices", f"{region}.json"))


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
