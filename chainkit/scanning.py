"""What must not stand in a file that is handed on: AWS keys, secrets, session tokens, private keys.

Notebooks are read with their outputs. What is found is shown masked: a report of a leak is none itself.

Forms: an access key id is AKIA or ASIA and 16 letters or digits, a secret access key 40 characters of base64
(docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html, read 2026-11); a session token is base64 of a
header that says "origin" or "er/aws". AWS's own examples are found, too: whoever reads a report cannot tell them.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from chainkit.errors import ConfigError

_KEY_ID = re.compile(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])")
_SECRET = re.compile(
    r"secret.{0,60}?(?<![A-Za-z0-9/+])([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])", re.IGNORECASE | re.DOTALL
)
_TOKEN = re.compile(r"(?<![A-Za-z0-9/+])(?:IQoJb3JpZ2lu|F[Qw]oGZXIvYXdz)[A-Za-z0-9/+=_%-]{60,}")
_NAMED_TOKEN = re.compile(r"(?:session|security)[_-]?token[\\\"' :=]{1,8}([A-Za-z0-9/+=]{100,})", re.IGNORECASE)
_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----")
_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
_EXAMPLE_ACCOUNTS = frozenset({"000000000000", "123456789012", "111122223333", "444455556666", "111111111111"})
"""Of emulators, and of AWS's documentation."""

_SEEN_HIDDEN = frozenset({".ipynb_checkpoints", ".github", ".aws"})
"""Hidden folders that are handed on, or hold keys."""
_LOOKED_AT_BYTES = 8192
"""Of a file's beginning: a zero byte in it, and it is no text."""
_TAIL = 80
"""Characters of the line before, in which what a secret is called may stand: in YAML, JSON and the console's CSV."""
_NOT_OURS = frozenset({"__pycache__", "node_modules", "venv"})


@dataclass(frozen=True)
class Leak:
    """One thing that must not be handed on, and where it stands."""

    path: Path
    line: int
    """From 1."""
    what: str
    shown: str
    """Masked."""
    is_warning: bool = False
    """An account id: no secret, but nobody else's business."""

    def __str__(self) -> str:
        """Return it on one line, as editors find it.

        >>> print(Leak(Path("orders.ipynb"), 12, "AWS access key id", "AKIA****************"))
        orders.ipynb:12: AWS access key id AKIA****************
        """
        return f"{self.path}:{self.line}: {self.what} {self.shown}"


def leaks(paths: Iterable[str | Path], *, accounts: bool = False) -> Iterator[Leak]:
    """Yield what must not be handed on, file by file.

    Parameters
    ----------
    paths : files, and folders with all text files below; hidden folders are left out, but for copies of notebooks
    accounts : whether account ids are warned of, too; those of AWS's documentation and of emulators are not

    Raises
    ------
    ConfigError
        If a path is not there or cannot be read.
    """
    for path in paths:
        for file in _files(Path(path)):
            try:
                text = file.read_text(encoding="utf-8", errors="replace")
            except OSError as error:
                raise ConfigError(f"scan: {file} cannot be read: {error.strerror}", fix="look at its rights") from None
            before = ""
            for number, line in enumerate(text.split("\n"), start=1):
                for what, found in _found(line, before):
                    yield Leak(file, number, what, masked(found))
                before = line[-_TAIL:]
                if accounts:
                    ids = [each for each in _ACCOUNT.findall(line) if each not in _EXAMPLE_ACCOUNTS]
                    yield from (Leak(file, number, "account id", masked(each), is_warning=True) for each in ids)


def masked(text: str) -> str:
    """Return a secret as it may be shown: its first characters, and how long it is.

    >>> masked("AKIA" + 16 * "X")
    'AKIA****************'
    """
    return text if text.startswith("-----") else f"{text[:4]}{'*' * min(len(text) - 4, 36)}"


def _found(line: str, before: str = "") -> Iterator[tuple[str, str]]:
    """Yield kind and text of what must not stand in a line; a secret may be named at the end of the one before."""
    yield from (("AWS access key id", each[0]) for each in _KEY_ID.finditer(line))
    for each in _SECRET.finditer(f"{before}\n{line}"):
        is_here, is_mixed = each.start(1) > len(before), all(re.search(k, each[1]) for k in ("[a-z]", "[A-Z]", "[0-9]"))
        if is_here and is_mixed:  # a path or a checksum is no secret
            yield "AWS secret access key", each[1]
    tokens = [each[0] for each in _TOKEN.finditer(line)]
    tokens += [each[1] for each in _NAMED_TOKEN.finditer(line) if each[1] not in tokens]
    yield from (("AWS session token", each) for each in tokens)
    yield from (("private key", each[0]) for each in _PRIVATE_KEY.finditer(line))


def _files(path: Path) -> Iterator[Path]:
    """Yield a file, or those of a folder that can hold text, in the order of their names."""
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise ConfigError(f"scan: {path} is not there", fix="name files or folders")
    for folder, inner, names in os.walk(path):
        inner[:] = sorted(
            name for name in inner if name not in _NOT_OURS and (name in _SEEN_HIDDEN or not name.startswith("."))
        )
        for name in sorted(names):
            file = Path(folder) / name
            if _is_text(file):
                yield file


def _is_text(file: Path) -> bool:
    """Tell whether a file can be read as text; what cannot be read is told by who reads it."""
    if not file.is_file():  # a socket, a link to nowhere
        return False
    try:
        with file.open("rb") as content:
            return b"\0" not in content.read(_LOOKED_AT_BYTES)
    except OSError:
        return True
