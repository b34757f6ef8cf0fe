"""The zip of a function's code: its own folder, or a stand-in that behaves as designed.

The same content gives the same bytes on every machine: names in order, one timestamp, nothing compressed (what deflate
writes differs between versions of zlib, and a plan compares hashes).
"""

import io
import json
import math
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainkit.errors import ConfigError
from chainkit.law import Law
from chainkit.records import Piece, Pool, within
from chainkit.vendoring import Platform, gather, libraries

_LARGEST_MB = 250
"""Unzipped: Lambda quotas, docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, read 2026-11. The 50 MB of
a zip are for uploads without a bucket."""

_BOTH_TAILS = np.concatenate([np.arange(1, 64) / 64, 2.0 ** -np.arange(7.0, 21.0), 1 - 2.0 ** -np.arange(7.0, 21.0)])
"""Probabilities of a stand-in's table: 64 equal steps, and the tails in octaves to one in a million."""


def folder(root: Path | None, name: str, who: str, platform: Platform | None = None) -> bytes:
    """Return the zip of the code folder `name`, without caches and hidden files.

    Parameters
    ----------
    root : folder of the design file; None: the chain has none yet
    name : folder of the code, relative to `root` and inside it
    who : the service, for the text of an error
    platform : where it will run, if the zip is to hold what requirements.txt names for it

    Raises
    ------
    ConfigError
        If the folder, or a link in it, is missing, leads out of `root`, or holds nothing; if what requirements.txt
        names was not gathered; if it is larger than Lambda takes.

    Examples
    --------
    >>> from chainkit import data
    >>> len(zipfile.ZipFile(io.BytesIO(folder(data.path("chains"), "orders/confirm", "pay"))).namelist())
    2
    """
    top, home = _home(root, name, who)
    files = {file.relative_to(home).as_posix(): file for file in sorted(home.rglob("*")) if _is_code(file, home)}
    for inside, file in files.items():
        if not file.resolve().is_relative_to(top):
            raise ConfigError(
                f"{who}: code={name!r}: {inside} leads out of the design file's folder",
                fix="copy the file itself there",
            )
    if not files:
        raise ConfigError(f"{who}: code={name!r} holds no files", fix="put the handler there")
    content = {inside: file.read_bytes() for inside, file in files.items()}
    if platform is not None:
        content = {**libraries(home, platform, who), **content}
    if (size_mb := sum(map(len, content.values())) / 2**20) > _LARGEST_MB:
        raise ConfigError(
            f"{who}: code={name!r} is {size_mb:.1f} MB with its libraries; Lambda takes {_LARGEST_MB} MB unzipped",
            fix="leave files or dependencies out",
        )
    return zipped(sorted(content.items()))


def gather_libraries(root: Path | None, name: str, who: str, platform: Platform) -> bool | None:
    """Gather what the requirements.txt of a code folder names; return whether it was not there, None for nothing.

    Raises
    ------
    ConfigError, MissingError
        As `folder` for the folder, and if there is no wheel.
    """
    return gather(_home(root, name, who)[1], platform, who)


def _home(root: Path | None, name: str, who: str) -> tuple[Path, Path]:
    """Return the folder of the design file and that of the code, both resolved."""
    if root is None:
        raise ConfigError(
            f"{who}: code={name!r} is relative to the design file, and the chain has none", fix="save the chain first"
        )
    top = root.resolve()
    home = (top / name).resolve()
    if not home.is_relative_to(top) or home == top:
        raise ConfigError(
            f"{who}: code={name!r} is not below the design file's folder {top}",
            fix="put the code into a folder beside the design file and name it relative to that file",
        )
    if not home.is_dir():
        raise ConfigError(
            f"{who}: code={name!r} is not a folder; looked for {home}", fix="create it, or correct the name"
        )
    return top, home


def stand_in(pool: Pool, handler: str, calls: Sequence[Mapping[str, Any]] = (), *, reports: bool = False) -> bytes:
    """Return the zip of a function that behaves as designed: its time, its failures, its calls.

    Parameters
    ----------
    pool : the function's behaviour; its init is not imitated, the place where it runs has its own
    handler : module and function, "handler.handle"
    calls : what it calls, in the order of the steps; the keys are listed in standin.py
    reports : whether it answers a batch with the items that failed, instead of failing

    Raises
    ------
    ConfigError
        If `handler` names no Python module and function.

    Examples
    --------
    >>> from chainkit.distributions import Constant
    >>> zipped = stand_in(Pool(work=Constant(0.1), timeout_s=3), "src/app.main")
    >>> zipfile.ZipFile(io.BytesIO(zipped)).namelist()
    ['chainkit_standin.py', 'design.json', 'src/app.py']
    """
    named = re.fullmatch(r"((?:[A-Za-z_]\w*[./])*[A-Za-z_]\w*)\.([A-Za-z_]\w*)", handler)
    if named is None:
        raise ConfigError(
            f"stand-in: handler={handler!r} is not a Python module and function",
            fix='write "handler.handle", or name the code\'s folder with code=',
        )
    module = named[1].replace(".", "/") + ".py"
    design = {
        "work": _table(pool.work),
        "first_work": _table(pool.first_work),
        "overhead": _table(pool.overhead),
        "error_rate": pool.error_rate,
        "poison_fraction": pool.poison_fraction,
        "error_name": pool.error_name,
        "reports": reports,
        "calls": list(calls),
        "parts": [_part(pool, piece) for piece in pool.pieces],
    }
    source = Path(__file__).with_name("standin.py").read_text(encoding="utf-8")  # newlines become "\n" everywhere
    files = {
        "chainkit_standin.py": source,
        "design.json": json.dumps(design, sort_keys=True, separators=(",", ":")),
        module: f"from chainkit_standin import handle as {named[2]}\n",
    }
    return zipped((inside, text.encode()) for inside, text in sorted(files.items()))


def _part(pool: Pool, piece: Piece) -> dict[str, Any]:
    """Return a piece of work as standin.py does it."""
    names = ("name", "caller", "error_name", "goes_on", "filter_policy", "error_rate", "poison_fraction", "probability")
    draw, low = within(pool.pieces, piece, "")
    laws = {"work": _table(piece.work), "first_work": _table(piece.first_work)}
    return {**{name: getattr(piece, name) for name in names}, **laws, "draw": draw, "from": low}


def _is_code(file: Path, home: Path) -> bool:
    parts = file.relative_to(home).parts
    is_cache = "__pycache__" in parts or file.suffix == ".pyc"
    return file.is_file() and not is_cache and not any(part.startswith(".") for part in parts)


def zipped(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a zip of (name, content) pairs."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, on every system: Lambda reads the permissions
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return out.getvalue()


def _table(law: Law | None) -> list[list[float]] | None:
    """Return probabilities and seconds between which a stand-in draws along straight lines."""
    if law is None:
        return None
    jumps = [end for p in law.jumps() for end in (p, math.nextafter(p, 1.0))]
    p = np.unique(np.concatenate([[0.0], _BOTH_TAILS, jumps]))
    times_s = [float(f"{time_s:.6g}") for time_s in law.ppf(p).tolist()]
    if len(set(times_s)) == 1:
        return [[0.0, 1.0], times_s[:1] * 2]
    return [[*p.tolist(), 1.0], [*times_s, times_s[-1]]]
