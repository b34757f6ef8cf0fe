"""A definition as text: how it is written, which lines are whose, and on which line a mistake stands."""

import json
import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from chainkit import asl
from chainkit.asl_ways import Definition, Path, find, insides, way
from chainkit.errors import ConfigError

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_SYNTAX = (
    ("Expecting ',' delimiter", "a comma or a closing bracket is missing before {here}"),
    (
        "Expecting property name",
        "a name in quotes is missing before {here}; after the last entry stands no comma",
    ),
    ("Illegal trailing comma", "after the last entry stands no comma"),
    ("Expecting ':' delimiter", "a colon is missing before {here}"),
    ("Expecting value", "a value is missing before {here}"),
    ("Unterminated string", "a text has no closing quote: {here}"),
    ("Invalid control character", "a text is broken by a line end or a tab"),
    ("Invalid \\", "a backslash stands before {here}; write \\\\ for a backslash"),
    ("Extra data", "{here} stands after the end of the machine"),
)
"""What Python's reader says, and what we say."""


@dataclass(frozen=True)
class Misread:
    """A text that is no definition."""

    line: int
    """Where, from 1."""
    error: ConfigError


def written(definition: Definition) -> str:
    """Return a definition as JSON with two spaces, its keys in their order.

    Examples
    --------
    >>> print(written({"StartAt": "Done", "States": {}}))
    {
      "StartAt": "Done",
      "States": {}
    }
    """
    return json.dumps(definition, indent=2, ensure_ascii=False)


def understood(text: str) -> Definition | Misread:
    r"""Return the definition that a text holds, or why it holds none.

    Examples
    --------
    >>> understood('{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}')["StartAt"]
    'A'
    >>> wrong = understood('{\n"StartAt": "A"\n"States": {}}')
    >>> wrong.line, wrong.error.problem
    (3, 'a comma or a closing bracket is missing before "States"')
    """
    try:
        plain = json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        return Misread(error.lineno, ConfigError(_said(error, text), fix="correct the text there; it is JSON"))
    except ConfigError as error:
        return Misread(_line_at(text, text.find(error.problem.split()[0])), error)
    try:
        definition = asl.read(text)
    except ConfigError as error:
        return Misread(_line_of_mistake(text, plain), error)
    return _twice(definition, text) or definition


def _twice(definition: Definition, text: str) -> Misread | None:
    """Return what is wrong with a name that stands in two branches: no picture could tell the two apart."""
    first = {path: line for path, line, _ in _spans(text)}
    seen: set[str] = set()
    for inside in insides(definition):
        for name in inside.states:
            if name in seen:
                problem = f"state {name!r} stands more than once in the machine, its branches included"
                return Misread(first[*inside.path, "States", name], ConfigError(problem, fix="rename one"))
            seen.add(name)
    return None


def _refuse(word: str) -> None:
    raise ConfigError(f"{word} is no number of JSON", fix="write a number, or a text in quotes")


def _said(error: json.JSONDecodeError, text: str) -> str:
    """Return what is wrong with JSON, in our words."""
    token = _TOKEN.search(text, error.pos)
    here = token[0][:40] if token and not text[error.pos : token.start()].strip() else text[error.pos :][:20].strip()
    for known, ours in _SYNTAX:
        if error.msg.startswith(known):
            return ours.replace("{here}", here or "the end")
    return error.msg


def _line_of_mistake(text: str, plain: Any) -> int:
    """Return the line on which JSON that is no ASL goes wrong."""
    seen: set[Path] = set()
    spans = _spans(text)
    for path, first, _ in spans:
        if path in seen:
            return first
        seen.add(path)
    lines = {path: first for path, first, _ in spans}
    try:
        asl.parsed(plain)
    except ValidationError as error:
        path = error.errors(include_url=False)[0]["loc"]
        while path not in lines and path:
            path = path[:-1]
        return lines.get(path, 1)
    return 1


def lines(definition: Definition, key: str) -> tuple[int, int]:
    """Return the first and last line of a state, by its name, or of a way, by its key, in what `written` returns.

    Raises
    ------
    ConfigError
        If there is no such state or way.

    Examples
    --------
    >>> lines({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}, "A")
    (4, 6)
    """
    path = _way_path(definition, key) if "\n" in key else (*find(definition, key)[0].path, "States", key)
    return next((first, last) for at, first, last in _spans(written(definition)) if at == path)


def state_at(definition: Definition, line: int) -> str | None:
    """Return the state, the innermost one, to which a line of what `written` returns belongs."""
    found = None
    for path, first, last in _spans(written(definition)):
        if first <= line <= last and len(path) > 1 and path[-2] == "States" and _is_state(definition, path):
            found = str(path[-1])
    return found


def _is_state(definition: Definition, path: Path) -> bool:
    """Tell whether a state stands at a path, and no argument of that name."""
    try:
        return (*find(definition, str(path[-1]))[0].path, "States", path[-1]) == path
    except ConfigError:
        return False


def _way_path(definition: Definition, key: str) -> Path:
    """Return where a way is written."""
    of = way(definition, key)
    inside, _ = find(definition, of.target if of.word == "Start" else of.source)
    if of.word == "Start":
        return (*inside.path, "StartAt")
    own = (*inside.path, "States", of.source)
    if of.word in ("Next", "Default"):
        return (*own, of.word)
    return (*own, "Choices" if of.word == "rule" else "Catch", of.number)


# --- where values stand ---


def _spans(text: str) -> list[tuple[Path, int, int]]:
    """Return (path, first line, last line) of each value of a JSON text, a holder before what it holds."""
    tokens = [(match[0], match.start(), match.end()) for match in _TOKEN.finditer(text)]
    ends = [match.start() for match in re.finditer("\n", text)]
    found: list[tuple[Path, int, int]] = []

    def value(k: int, path: Path, start: int) -> int:
        """Note the value that begins at a token, and return the token behind it."""
        at, opening = len(found), tokens[k][0]
        found.append((path, 0, 0))
        end = k + 1
        if opening in "{[":
            number = 0
            while tokens[end][0] not in "}]":
                if tokens[end][0] == ",":
                    end += 1
                if opening == "{":
                    end = value(end + 2, (*path, json.loads(tokens[end][0])), tokens[end][1])
                else:
                    end = value(end, (*path, number), tokens[end][1])
                    number += 1
            end += 1
        found[at] = (path, bisect_right(ends, start) + 1, bisect_right(ends, tokens[end - 1][1]) + 1)
        return end

    value(0, (), 0)
    return found


def _line_at(text: str, position: int) -> int:
    return text.count("\n", 0, max(position, 0)) + 1
