"""What a function's requirements.txt names, as wheels for where it will run: gathered once, kept, used offline.

`chainkit package FILE` gathers with pip: wheels only, for the function's runtime and architecture, never for the
machine at hand. They are kept per user, under the hash of all that decides about them. Whatever is not there is said;
nothing is fetched by the way.
"""

import hashlib
import operator
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainkit.errors import ConfigError, MissingError

REQUIREMENTS = "requirements.txt"

_GLIBC = {"3.9": 26, "3.10": 26, "3.11": 26}
"""Runtimes up to Python 3.11 run on Amazon Linux 2 (glibc 2.26), later ones on Amazon Linux 2023 (glibc 2.34):
docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html, read 2026-11."""
_LATER_GLIBC = 34
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True)
class Platform:
    """Where code is to run."""

    runtime: str
    """"python3.13"."""
    architecture: str
    """"x86_64" or "arm64"."""

    @property
    def python(self) -> str:
        """Its version of Python, "" for a runtime that is none."""
        return self.runtime.removeprefix("python") if self.runtime.startswith("python") else ""

    @property
    def tags(self) -> list[str]:
        """The platform tags of wheels that run there, the newest first."""
        machine = "aarch64" if self.architecture == "arm64" else "x86_64"
        newest = _GLIBC.get(self.python, _LATER_GLIBC)
        return [f"manylinux_2_{k}_{machine}" for k in range(newest, 16, -1)] + [f"manylinux2014_{machine}"]

    def __str__(self) -> str:
        """Return it in two words."""
        return f"{self.runtime} on {self.architecture}"


def wanted(home: Path) -> str:
    """Return what a code folder's requirements.txt asks for, without comments; "" for nothing."""
    file = home / REQUIREMENTS
    if not file.is_file():
        return ""
    lines = (line.partition(" #")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))


def libraries(home: Path, platform: Platform, who: str) -> dict[str, bytes]:
    """Return the files of what a code folder needs, as they were gathered: path in the zip -> content.

    Raises
    ------
    ConfigError
        If they were not gathered yet, or the runtime is not Python.
    """
    if not (text := wanted(home)):
        return {}
    kept = _kept(text, platform, who)
    if not kept.is_file():
        raise ConfigError(
            f"{who}: {REQUIREMENTS} asks for {', '.join(text.splitlines())}, not gathered yet for {platform}",
            fix="chainkit package FILE, with the design file; it needs the network once",
        )
    with zipfile.ZipFile(kept) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def gather(home: Path, platform: Platform, who: str) -> bool | None:
    """Gather what a code folder needs, if it is not kept yet; return whether it was not, None if it needs nothing.

    Raises
    ------
    ConfigError
        If no wheel fits, or the runtime is not Python; with pip's own words.
    MissingError
        If this Python has no pip.
    """
    if not (text := wanted(home)):
        return None
    if (kept := _kept(text, platform, who)).is_file():
        return False
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        site = _installed(text, platform, Path(folder), who)
        half = Path(folder) / "half.zip"
        with zipfile.ZipFile(half, "w") as archive:
            for file in sorted(file for file in site.rglob("*") if file.is_file()):
                name = file.relative_to(site).as_posix()
                if "__pycache__" not in name and not name.startswith("bin/"):  # scripts name the Python of this machine
                    archive.writestr(zipfile.ZipInfo(name), file.read_bytes())
        half.replace(kept)  # whole, or not there
    return True


def _installed(text: str, platform: Platform, folder: Path, who: str) -> Path:
    """Return a folder with all that some requirements need on a platform.

    pip reads `; python_version < "3.13"` as the Python that runs it, whatever platform is asked for: what the platform
    needs besides is asked for by name.
    """
    wanted = text.splitlines()
    while True:
        site = folder / f"site{len(wanted)}"
        _install("\n".join(wanted), platform, folder, site, who)
        more = [each for each in _passed_over(site, platform.python) if each not in wanted]
        if not more:
            return site
        wanted += more


def _passed_over(site: Path, python: str) -> list[str]:
    """Return what installed wheels need under a Python, and not under the one that runs this."""
    form = r"Requires-Dist: ([^;]+?)\s*;\s*python_version\s*(<=?|>=?|==|!=)\s*['\"](\d+)\.(\d+)['\"]\s*"
    there, here = tuple(int(part) for part in python.split(".")), sys.version_info[:2]
    found: dict[str, None] = {}
    for file in sorted(site.glob("*.dist-info/METADATA")):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            if match := re.fullmatch(form, line):
                holds, bound = _COMPARED[match[2]], (int(match[3]), int(match[4]))
                if holds(there, bound) and not holds(here, bound):
                    found[match[1]] = None
    return list(found)


def _install(text: str, platform: Platform, folder: Path, site: Path, who: str) -> None:
    """Let pip put wheels for a platform into `site`."""
    (folder / REQUIREMENTS).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
    command += ["--no-input", "--only-binary=:all:", "--implementation", "cp", "--python-version", platform.python]
    command += [word for tag in platform.tags for word in ("--platform", tag)]
    command += ["--target", str(site), "--requirement", str(folder / REQUIREMENTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode == 0:
        return
    if "No module named pip" in done.stderr:
        raise MissingError(f"{who}: this Python has no pip", fix=f"{sys.executable} -m ensurepip")
    said = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")] or [done.stderr.strip()]
    raise ConfigError(
        f"{who}: {REQUIREMENTS}: no wheels for {platform}: {said[-1].removeprefix('ERROR: ')}",
        fix="name a version that has a wheel for it, or put the code itself into the folder; without a network, "
        "run this once where there is one",
    )


def _kept(text: str, platform: Platform, who: str) -> Path:
    """Return where the files of some requirements are kept."""
    if not platform.python:
        raise ConfigError(
            f"{who}: {REQUIREMENTS} is for Python, and the runtime is {platform.runtime}",
            fix="bring the dependencies in the code's folder, or choose a Python runtime",
        )
    said = "\n".join([platform.runtime, platform.architecture, *sorted(text.splitlines())])
    return cache_home() / f"{hashlib.sha256(said.encode()).hexdigest()}.zip"


def cache_home() -> Path:
    """Return where gathered wheels are kept: `chainkit/packages` in the user's cache.

    The cache is in $XDG_CACHE_HOME, else in %LOCALAPPDATA% on Windows, else in `~/.cache`.
    """
    named = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None)
    return (Path(named) if named else Path.home() / ".cache") / "chainkit" / "packages"
