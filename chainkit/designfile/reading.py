"""Read a design file: YAML 1.2 without anchors, aliases and tags.

Everything goes through ruamel.yaml's nodes, which know where each entry stands.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from chainkit.errors import DesignFileError, nearest

Plain = dict[str, Any]
VERSION = 1
KEYS = ("chainkit", "chain", "region", "services", "links", "costs", "layout", "groups")
_SHAPES = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}


@dataclass(frozen=True)
class Where:
    """Say where an entry of a design file stands."""

    name: str
    root: Node

    def __call__(self, *keys: str | int) -> str:
        """Return "orders.chain.yaml:12: " for ("services", "pay") or ("links", 3); as deep as the file goes.

        Without keys, or if not even the first is there, it is the file's name alone.
        """
        place, node = self.name, self.root
        for wanted in keys:
            pairs: list[tuple[Any, Node, Node]] = []
            if isinstance(node, MappingNode):
                pairs = [(scalar(key), key, value) for key, value in node.value]
            elif isinstance(node, SequenceNode):
                pairs = [(k, item, item) for k, item in enumerate(node.value)]
            found = next((pair for pair in pairs if pair[0] == wanted), None)
            if found is None:
                break
            _, entry, node = found
            place = f"{self.name}:{entry.start_mark.line + 1}"
        return f"{place}: "


@dataclass(frozen=True)
class Document:
    """A design file as it was read: its text, its nodes, and the design they hold."""

    text: str
    root: Node
    plain: Plain
    """What the text says."""
    stated: Plain
    """The same as the chain says it, without defaults and with Constant for 0.2: what differs from this has changed."""
    newline: str = "\n"

    def stating(self, plain: Plain) -> "Document":
        """Return this document with the chain's own words for what it holds."""
        return replace(self, stated=plain)


def read(path: Path) -> tuple[Plain, Document, Where]:
    r"""Return the design in a file as plain values, the document it was read from, and where its entries stand.

    Returns
    -------
    plain : the keys chainkit, chain, services and links, with region, costs, layout and groups where the file has them
    document : what `write` needs to keep the file's comments
    where : turns ("services", "pay") into "orders.chain.yaml:12: "

    Raises
    ------
    DesignFileError
        If the file cannot be read as a chain: missing, empty, no YAML, wrong shape, a name twice.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "orders.chain.yaml"
    >>> _ = file.write_text("chainkit: 1\nchain: orders\nservices:\n  jobs: {type: SqsQueue}\n")
    >>> plain, _, where = read(file)
    >>> plain["services"], where("services", "jobs")
    ({'jobs': {'type': 'SqsQueue'}}, 'orders.chain.yaml:4: ')
    """
    text = _content(path)
    newline = "\r\n" if "\r\n" in text else "\n"
    text = text.replace("\r\n", "\n")
    root, plain = parsed(path.name, text)
    where = Where(path.name, root)
    design = _checked(plain, where)
    return design, Document(text, root, plain, design, newline), where


def _content(path: Path) -> str:
    """Return the text of a file, its line ends as they are."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        there = sorted(each.name for each in path.parent.glob("*.chain.yaml")) if path.parent.is_dir() else []
        raise DesignFileError(
            f"{path}: there is no such file{nearest(path.name, there)}",
            fix=f"design files in this folder: {', '.join(there) or 'none'}",
        ) from None
    except OSError as error:
        raise DesignFileError(f"{path}: cannot be read: {error.strerror}", fix="name a file that can be read") from None
    except UnicodeDecodeError as error:
        raise DesignFileError(
            f"{path.name}: byte {error.start} is not UTF-8", fix="save the file with the encoding UTF-8"
        ) from None


def parsed(name: str, text: str) -> tuple[Node, Any]:
    """Return the nodes of a YAML text and their plain value; `name` is the file's, for errors."""
    root = _compose(name, text)
    return root, _Reader(name, text).plain(root)


def _compose(name: str, text: str) -> Node:
    """Return the nodes of a YAML text."""
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}: column {mark.column + 1}" if mark is not None else ""
        problem = f"{name}{place}: is not YAML: {error.problem or error.context}"
    except ReaderError as error:
        problem = f"{name}:{text.count(chr(10), 0, error.position) + 1}: is not YAML: {error.reason}"
    else:
        if isinstance(root, Node):
            return root
        raise DesignFileError(f"{name}: is empty", fix='begin with "chainkit: 1" and "chain: <name>"')
    raise DesignFileError(problem, fix="check indentation, quotes, brackets and the blank after each colon there")


@dataclass(frozen=True)
class _Reader:
    """Turn nodes into plain values."""

    name: str
    text: str

    def refuse(self, node: Node, problem: str, fix: str) -> NoReturn:
        """Raise the error for something at a node."""
        raise DesignFileError(f"{self.name}:{node.start_mark.line + 1}: {problem}", fix=fix)

    def plain(self, node: Node) -> Any:
        """Return the plain value of a node and all below it."""
        first = self.text[node.start_mark.index : node.start_mark.index + 1]
        if first and first in "&!":
            word = self.text[node.start_mark.index : node.end_mark.index].split()[0]
            self.refuse(node, f"{word} is an anchor or a tag; a design file has none", "write the value itself")
        if isinstance(node, ScalarNode):
            return scalar(node)
        if isinstance(node, SequenceNode):
            return [self.plain(item) for item in node.value]
        plain: dict[Any, Any] = {}
        lines: dict[Any, int] = {}
        for key_node, value in node.value:
            if not isinstance(key_node, ScalarNode):
                self.refuse(key_node, "a key is a list or mapping", "write a name before the colon")
            key = self.plain(key_node)
            if key in plain:
                problem = f"{key!r} is there already, in line {lines[key]}; a name may stand only once"
                self.refuse(key_node, problem, "rename or remove one of the two")
            plain[key], lines[key] = self.plain(value), key_node.start_mark.line + 1
        return plain


def scalar(node: ScalarNode) -> Any:
    """Return the value of a scalar: YAML 1.2 core has numbers, booleans, null and text, but no dates."""
    kind = str(node.tag).removeprefix("tag:yaml.org,2002:")
    if kind in ("int", "float", "bool", "null"):
        return getattr(_CONSTRUCTOR, f"construct_yaml_{kind}")(node)
    return node.value


_CONSTRUCTOR = YAML(typ="safe", pure=True).constructor


def _checked(plain: Any, where: Where) -> Plain:
    """Return the design with its parts in the right shapes, or raise; a key without a value counts as missing."""
    if not isinstance(plain, dict):
        raise DesignFileError(
            f"{where()}holds {_shape(plain)}; allowed: a mapping with the keys {', '.join(KEYS)}",
            fix='begin with "chainkit: 1" and "chain: <name>"',
        )
    design = {key: value for key, value in plain.items() if value is not None}
    version = design.get("chainkit")
    if version is None:
        raise DesignFileError(
            f"{where()}chainkit is missing; allowed: {VERSION}", fix=f"begin with chainkit: {VERSION}"
        )
    if version != VERSION or isinstance(version, bool):
        raise DesignFileError(
            f"{where('chainkit')}chainkit={version!r} is no version of the format; allowed: {VERSION}",
            fix=f"write chainkit: {VERSION}, or take the release of chainkit that wrote this file",
        )
    for key in plain:
        if key not in KEYS:
            raise DesignFileError(
                f"{where(key)}unknown key {key!r}{nearest(str(key), KEYS)}; allowed: {', '.join(KEYS)}",
                fix="rename or remove it",
            )
    if "chain" not in design:
        raise DesignFileError(f"{where()}chain is missing; allowed: a name", fix='add a line such as "chain: orders"')
    for key in ("chain", "region"):
        _expect(design.get(key, ""), str, where(key), key, "put it in quotes")
    for key, empty in (("services", {}), ("links", [])):
        _expect(design.setdefault(key, empty), type(empty), where(key), key, _EXAMPLES[key])
    _check_entries(design["services"], where, "services")
    _expect(design.get("costs", {}), dict, where("costs"), "costs", _EXAMPLES["costs"])
    _check_entries(design.get("costs", {}), where, "costs")
    _check_links(design["links"], where)
    _check_layout(design.get("layout", {}), where)
    _check_groups(design.get("groups", {}), where)
    return design


_EXAMPLES = {
    "services": "write services: {jobs: {type: SqsQueue}}, or one per line",
    "links": "write links: [{from: jobs, to: pay}], or one per line after a dash",
    "costs": "write costs: {gate: {type: VpcUse, nat_gateways: 1}}, or one per line",
    "layout": "write layout: {jobs: [120, 80]}, or one per line",
    "groups": "write groups: {Payments: [jobs, pay]}, or one per line",
}


def _check_entries(entries: dict[Any, Any], where: Where, section: str) -> None:
    """Refuse entries that are no service, or no cost."""
    one = section.removesuffix("s")
    example = {"services": "{type: SqsQueue}", "costs": "{type: VpcUse}"}[section]
    for name, entry in entries.items():
        place = where(section, name)
        _expect(name, str, place, f"{section}: the name {name!r}", "put it in quotes")
        is_kind = isinstance(entry, str)
        fix = f"write {name}: {{type: {entry}}}" if is_kind else f"write {name}: {example}, or another type"
        _expect(entry, dict, place, f"{one} {name!r}", fix)
        for key in entry:
            _expect(key, str, where(section, name, key), f"{one} {name!r}: the key {key!r}", "name a setting")


def _check_links(links: list[Any], where: Where) -> None:
    """Refuse entries that are no link."""
    for k, entry in enumerate(links):
        place, who = where("links", k), f"link {k + 1}"
        _expect(entry, dict, place, who, "write {from: jobs, to: pay}")
        for key in entry:
            _expect(key, str, place, f"{who}: the key {key!r}", "name a setting")
        for end in ("from", "to"):
            if end not in entry:
                raise DesignFileError(f"{place}{who}: {end} is missing", fix="write {from: jobs, to: pay}")
            _expect(entry[end], str, place, f"{who}: {end}", "write the name of a service")
        if entry.get("link") is not None:
            _expect(entry["link"], str, place, f"{who}: link", "write a word such as async")


def _check_layout(layout: Any, where: Where) -> None:
    """Refuse places that are no pair of numbers."""
    _expect(layout, dict, where("layout"), "layout", _EXAMPLES["layout"])
    for name, place in layout.items():
        is_pair = isinstance(place, list) and [type(each) in (int, float) for each in place] == [True, True]
        if not is_pair or not all(map(math.isfinite, place)):
            raise DesignFileError(
                f"{where('layout', name)}layout: {name}={place!r} is no place; allowed: two numbers, [x, y]",
                fix=_EXAMPLES["layout"],
            )


def _check_groups(groups: Any, where: Where) -> None:
    """Refuse groups that are no lists of names."""
    _expect(groups, dict, where("groups"), "groups", _EXAMPLES["groups"])
    for title, services in groups.items():
        place = where("groups", title)
        _expect(title, str, place, f"groups: the title {title!r}", "put it in quotes")
        _expect(services, list, place, f"group {title!r}", _EXAMPLES["groups"])
        for name in services:
            _expect(name, str, place, f"group {title!r}: {name!r}", "write the names of services")


def _expect(value: Any, kind: type, place: str, who: str, fix: str) -> None:
    """Refuse a value of another type."""
    if not isinstance(value, kind):
        raise DesignFileError(f"{place}{who} is {_shape(value)}; allowed: {_SHAPES[kind]}", fix=fix)


def _shape(value: Any) -> str:
    """Return what a value is, in words."""
    return "nothing" if value is None else _SHAPES[type(value)]
