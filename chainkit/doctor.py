"""What `chainkit doctor` looks at: one row per thing, green, yellow or red, and what to do about it.

Nothing here needs more than Python itself, so that it answers on a machine where the installation failed. Red stops
chainkit from working; yellow takes something away or slows it down.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal, TextIO

from chainkit import data
from chainkit.errors import ConfigError

Light = Literal["green", "yellow", "red"]

_PACKAGE = Path(__file__).parent
_CHECKOUT = _PACKAGE.parent
_ANSI = {"green": "32", "yellow": "33", "red": "31"}
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_BROWSER_FILES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)

# In a child process: where numba and this machine do not agree, the child crashes and not the doctor.
_COMPILE = """
import numba
from chainkit.simulation import kernel

assert numba.njit(lambda x: x / 2)(3.0) == 1.5
print(next(function.stats.cache_path for function in vars(kernel).values() if hasattr(function, "stats")))
"""


@dataclass(frozen=True)
class Row:
    """One thing that was looked at."""

    light: Light
    subject: str
    found: str
    """What is there, or what is missing."""
    advice: str = ""
    """What to do; empty if nothing."""


def examine() -> list[Row]:
    """Return one row for each thing that chainkit needs or can use.

    Takes a few seconds, most of them for compiling a function with numba. Reads no credentials and calls nothing
    outside this machine.
    """
    return [
        python(),
        installation(),
        *dependencies(requirements()),
        compiler(),
        child_process(),
        loopback(),
        temporary_folder(),
        lab_extension("@jupyter-widgets/jupyterlab-manager", "ipywidgets"),
        lab_extension("anywidget", "anywidget"),
        bytecode(),
        price_files(),
        aws(),
        browser(),
    ]


def table(rows: Sequence[Row], *, colour: bool) -> str:
    """Return the rows as text, one line each and one more where there is something to do.

    Examples
    --------
    >>> print(table([Row("green", "Python", "3.12.1"), Row("red", "numba", "missing", "install it")], colour=False))
    green   Python  3.12.1
    red     numba   missing
                    do: install it
    <BLANKLINE>
    1 green, 0 yellow, 1 red
    """
    width = max(len(row.subject) for row in rows)
    lines = []
    for row in rows:
        light = f"\033[{_ANSI[row.light]}m{row.light:6}\033[0m" if colour else f"{row.light:6}"
        lines.append(f"{light}  {row.subject:{width}}  {row.found}")
        if row.advice:
            lines.append(f"{'':{width + 10}}do: {row.advice}")
    counts = ", ".join(f"{sum(row.light == light for row in rows)} {light}" for light in _ANSI)
    return "\n".join([*lines, "", counts])


def wants_colour(stream: TextIO) -> bool:
    """Return whether the stream is a terminal whose user has not asked for plain text (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def is_checkout() -> bool:
    """Return whether this package stands in a checkout of the repository rather than in an installed copy."""
    return (_CHECKOUT / "pyproject.toml").is_file() and (_CHECKOUT / "notebooks").is_dir()


# --- what it looks at ---


def python() -> Row:
    """Return whether this Python is new enough."""
    found = f"{sys.version.split()[0]} at {sys.executable}"
    if sys.version_info < (3, 11):  # noqa: UP036 - a checkout runs without the installer that would refuse
        return Row("red", "Python", found, "make an environment with Python 3.11 or newer")
    return Row("green", "Python", found)


def installation() -> Row:
    """Return whether this is a checkout or an installed copy, and whether its data came along."""
    beside = is_checkout()
    folder = _CHECKOUT / "data" if beside else _PACKAGE / "_data"
    found = f"{'a checkout' if beside else 'an installed copy'} at {_CHECKOUT if beside else _PACKAGE}"
    if not (folder / "latency.json").is_file():
        return Row("red", "chainkit", f"{found}, without its data", "install chainkit again, or clone it again")
    return Row("green", "chainkit", found)


def requirements() -> list[str]:
    """Return what chainkit needs at run time, as its project file or its metadata says, for example 'numpy>=2.4'."""
    if is_checkout():
        # The project file, because a checkout's metadata is as old as its installation.
        project = tomllib.loads((_CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return list(project["dependencies"])
    return [line for line in requires("chainkit") or [] if "extra ==" not in line]


def dependencies(requirements: Sequence[str]) -> Iterator[Row]:
    """Yield for each requirement whether it is there, in a version that fits.

    Parameters
    ----------
    requirements : name, extras and bounds of release numbers, for example 'moto[server]>=5.2.5,<5.3'

    Examples
    --------
    >>> [row.light for row in dependencies(["numpy>=2", "numpy<2", "no-such-library>=1"])]
    ['green', 'red', 'red']
    """
    for requirement in requirements:
        name = re.split(r"[\[<>]", requirement)[0]
        bounds = requirement.partition("]")[2] or requirement.removeprefix(name)
        advice = f'"{sys.executable}" -m pip install "{requirement}"'
        try:
            have = version(name)
        except PackageNotFoundError:
            yield Row("red", name, f"missing; {bounds} is needed", advice)
            continue
        if all(_meets(have, bound) for bound in bounds.split(",")):
            yield Row("green", name, f"{have} ({bounds})")
        else:
            yield Row("red", name, f"{have}, and {bounds} is needed", advice)


def compiler() -> Row:
    """Return whether numba compiles here, and can keep what it compiled for the next start."""
    subject = "numba compiles"
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        found = "NUMBA_DISABLE_JIT is set: simulations take about a hundred times as long"
        return Row("yellow", subject, found, "unset NUMBA_DISABLE_JIT")
    answer = _child(_COMPILE)
    if answer.returncode == 0:
        return Row("green", subject, f"and keeps the result in {answer.stdout.strip()}")
    reason = (answer.stderr.strip().splitlines() or ["the process ended without a word"])[-1]
    if "no locator" in reason:  # numba's words for: neither beside the module nor in the user's cache
        return Row("red", subject, reason, "set NUMBA_CACHE_DIR to a folder that can be written")
    return Row("red", subject, reason, "install numba again; it has wheels for 64-bit systems, Intel Macs excepted")


def child_process() -> Row:
    """Return whether this Python can start another one, as the emulator and the notebooks do."""
    answer = _child("print('ready')")
    if answer.stdout.strip() != "ready":
        return Row(
            "red", "child process", answer.stderr.strip() or "no answer", "let Python start programs on this machine"
        )
    return Row("green", "child process", "starts and answers")


def loopback() -> Row:
    """Return whether a port of 127.0.0.1 can be opened and reached, as the emulator and JupyterLab need it."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=5).close()
    except OSError as error:
        return Row(
            "red", "127.0.0.1", f"no port: {error}", "let a firewall or sandbox allow connections within this machine"
        )
    return Row("green", "127.0.0.1", "a port opens and answers")


def temporary_folder() -> Row:
    """Return whether temporary files can be written."""
    try:
        with tempfile.TemporaryFile() as file:
            file.write(b"chainkit")
    except OSError as error:
        return Row("red", "temporary files", str(error), "set TMPDIR (Windows: TEMP) to a folder that can be written")
    return Row("green", "temporary files", f"in {tempfile.gettempdir()}")


def lab_extension(extension: str, package: str) -> Row:
    """Return whether JupyterLab will find the browser's half of a widget library."""
    try:
        from jupyter_core.paths import jupyter_path
    except ModuleNotFoundError:
        return Row("red", f"{package} in JupyterLab", "JupyterLab is missing", "install what is red above")
    for folder in jupyter_path("labextensions"):
        if (Path(folder) / extension / "package.json").is_file():
            return Row("green", f"{package} in JupyterLab", f"in {folder}")
    advice = f'"{sys.executable}" -m pip install --force-reinstall {package}, with the Python that runs JupyterLab'
    return Row("red", f"{package} in JupyterLab", f"no {extension} where JupyterLab looks", advice)


def bytecode() -> Row:
    """Return whether Python may keep its compiled modules."""
    if sys.dont_write_bytecode:
        found = "PYTHONDONTWRITEBYTECODE is set: numba and pandas are compiled from source at every start, some seconds"
        return Row("yellow", "start-up", found, "unset PYTHONDONTWRITEBYTECODE")
    return Row("green", "start-up", "Python keeps its compiled modules")


def price_files() -> Row:
    """Return which prices a bill is made with: those that come with chainkit, or the user's own before them."""
    try:
        own = data.own_prices()
        ours = [] if own is None else sorted(file.stem for file in own.glob("*.json"))
        dates = {region: data.prices(region)["checked"] for region in data.price_regions()}
    except ConfigError as error:
        return Row("red", "prices", error.problem, error.fix)
    if not ours:
        return Row("green", "prices", f"those of chainkit, checked {max(dates.values())}, in {len(dates)} regions")
    return Row("green", "prices", f"your own in {own} for {', '.join(ours)}; else those of chainkit")


def aws() -> Row:
    """Return whether AWS credentials are in sight. Only looks whether they exist: reads and prints none."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE")
    files = [
        Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")).expanduser(),
        Path(os.environ.get("AWS_CONFIG_FILE", "~/.aws/config")).expanduser(),
    ]
    seen = [name for name in names if name in os.environ] + [str(file) for file in files if file.is_file()]
    if not seen:
        return Row("yellow", "AWS account", "none in sight, which is fine", "nothing, unless you want to deploy to AWS")
    return Row(
        "green", "AWS account", f"in sight: {', '.join(seen)} (not read; nothing is sent unless you name the account)"
    )


def browser() -> Row:
    """Return whether Chromium is here, for the browser tests; people need only the browser they have."""
    found = chromium()
    if found is None:
        return Row("yellow", "Chromium", "not found; only the browser tests use it", "install Chromium to run them")
    return Row("green", "Chromium", found)


def chromium() -> str | None:
    """Return the path of a Chromium or Chrome on this machine, or None."""
    on_path = (shutil.which(name) for name in _BROWSERS)
    return next(filter(None, on_path), None) or next((file for file in _BROWSER_FILES if Path(file).is_file()), None)


def _meets(have: str, bound: str) -> bool:
    """Return whether a version meets '>=2.4' or '<5.3', the two kinds of bound that our project file uses.

    >>> _meets("2.10.0", ">=2.4"), _meets("5.3rc1", "<5.3"), _meets("5.3", ">=5.3.0")
    (True, False, True)
    """
    if bound.startswith(">="):
        return _release(have) >= _release(bound)
    return _release(have) < _release(bound)


def _release(text: str) -> tuple[int, ...]:
    numbers = [int(number) for number in re.findall(r"(?:^|[.=<])(\d+)", text)]
    return tuple(numbers + [0] * (4 - len(numbers)))


def _child(program: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False, cwd=_CHECKOUT
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess([], 1, stdout="", stderr=str(error))
