"""Write a design file: change the text where values changed, and nowhere else.

Comments, order, quotes and number formats of everything else stay as they were written, byte for byte. Only a design
without a file is written whole. So the change of one setting is one line of a diff.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from difflib import SequenceMatcher
from io import StringIO
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, SequenceNode
from ruamel.yaml.representer import RepresenterError, SafeRepresenter

from chainkit.designfile.reading import Document, Plain, parsed, scalar
from chainkit.distributions import LAWS
from chainkit.errors import DesignFileError

_BLOCKS = {"services": 2, "links": 1, "costs": 1, "layout": 1, "groups": 1}
"""Top-level key -> how many levels below it have a line per entry, however short they are."""
_WIDTH = 100
"""A setting that would be longer gets a line per entry, laws excepted."""


def write(path: Path, plain: Plain, document: Document | None = None) -> Document:
    """Write a design and return its new document.

    Only the places whose values differ from the document's are changed, so comments, order and number formats of the
    rest stay. The file is complete at every instant: it is written beside its place and then moved there.

    Parameters
    ----------
    plain : what `Chain.to_plain` gives
    document : the file it was read from, which is left as it is; None for a design that is new

    Raises
    ------
    DesignFileError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "orders.chain.yaml"
    >>> jobs = {"type": "SqsQueue", "delay_s": 5}
    >>> print(write(file, {"chainkit": 1, "chain": "orders", "services": {"jobs": jobs}, "links": []}).text)
    chainkit: 1
    chain: orders
    <BLANKLINE>
    services:
      jobs:
        type: SqsQueue
        delay_s: 5
    <BLANKLINE>
    links: []
    <BLANKLINE>
    """
    text, newline = _fresh(plain), "\n"
    if document is not None:
        newline = document.newline
        names = _renamed(document.stated.get("services") or {}, plain.get("services") or {})
        held, stated = _with_names(document.plain, names), _with_names(document.stated, names)
        target = _patched(held, stated, plain, names)
        edited = _edited(document, held, target, _Editor(document.text, document.root, names, [*plain["services"]]))
        with suppress(DesignFileError):
            # A style of YAML that no edit foresaw costs the comments, never the design.
            if parsed(path.name, edited)[1] == target:
                text = edited
    written = Document(text, *parsed(path.name, text), plain, newline)  # what cannot be read is not written
    _replace(path, text.replace("\n", newline))
    return written


def _replace(path: Path, text: str) -> None:
    """Put `text` in the place of a file; readers see the old file or the new one, never half."""
    target = path.resolve()  # a link to a file stays a link
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        beside.write_bytes(text.encode())
        if target.exists():
            shutil.copymode(target, beside)
        beside.replace(target)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise DesignFileError(
            f"{path}: cannot be written: {error.strerror}", fix="choose a folder that exists and can be written to"
        ) from error


_MISSING: Any = object()


def _renamed(old: Plain, new: Plain) -> dict[str, str]:
    """Return old name -> new name of the services that were renamed: one of the same type stands in its place."""
    names: dict[str, str] = {}
    places, others = (_between_kept(each, old.keys() & new.keys()) for each in (old, new))
    for kept in places.keys() & others.keys():
        pairs = zip(places[kept], others[kept], strict=False)
        names |= {gone: came for gone, came in pairs if old[gone].get("type") == new[came].get("type")}
    return names


def _between_kept(services: Plain, kept: Set[str]) -> dict[str, list[str]]:
    """Return kept service -> those after it that are not kept; "" stands for the beginning."""
    found: dict[str, list[str]] = {}
    last = ""
    for name in services:
        last = name if name in kept else last
        if name not in kept:
            found.setdefault(last, []).append(name)
    return found


def _with_names(plain: Plain, names: Mapping[str, str]) -> Plain:
    """Return a design whose services, and places of cards, stand under new names; where each stands stays."""
    named = {
        section: {names.get(name, name): value for name, value in plain[section].items()}
        for section in ("services", "layout")
        if isinstance(plain.get(section), dict)
    }
    return {**plain, **named}


def _patched(held: Any, old: Any, new: Any, names: Mapping[str, str]) -> Any:
    """Return `held`, a value in the file's own words, with what changed from `old` to `new` in the chain's words."""
    if isinstance(held, dict) and isinstance(old, dict) and isinstance(new, dict):
        values = {name: held.get(name, _MISSING) for name in {**held, **new}}
        for name in values:
            before, after = old.get(name, _MISSING), new.get(name, _MISSING)
            if before != after:
                values[name] = _patched(values[name], before, after, names)
        return {name: value for name, value in values.items() if value is not _MISSING}
    if isinstance(held, list) and isinstance(old, list) and isinstance(new, list) and len(held) == len(old):
        return [
            new[j] if i is None else held[i] if old[i] == new[j] else _patched(held[i], old[i], new[j], names)
            for i, j in _aligned(old, new, names)
            if j is not None
        ]
    return new


def _aligned(
    old: Sequence[Any], new: Sequence[Any], names: Mapping[str, str]
) -> Iterator[tuple[int | None, int | None]]:
    """Return pairs of places: (i, j) the same entry, changed or not, (i, None) a removed, (None, j) a new one."""
    matcher = SequenceMatcher(a=[repr(each) for each in old], b=[repr(each) for each in new], autojunk=False)
    for _, i1, i2, j1, j2 in matcher.get_opcodes():
        before, after = [_ends(each, names) for each in old[i1:i2]], [_ends(each) for each in new[j1:j2]]
        is_of_links = None not in (*before, *after)
        if before != after and is_of_links:  # links came or went beside others that changed
            for tag, a1, a2, b1, b2 in SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes():
                yield from _pairs(range(i1 + a1, i1 + a2), range(j1 + b1, j1 + b2), are_same=tag == "equal")
        else:
            yield from _pairs(range(i1, i2), range(j1, j2), are_same=before == after)


def _pairs(old: range, new: range, *, are_same: bool) -> Iterator[tuple[int | None, int | None]]:
    if are_same:
        return zip(old, new, strict=True)
    return chain(((i, None) for i in old), ((None, j) for j in new))


def _ends(entry: Any, names: Mapping[str, str] = MappingProxyType({})) -> Any:
    """Return the two ends of a link as they are called now, None for what is no link."""
    if not isinstance(entry, dict) or "from" not in entry:
        return None
    return tuple(names.get(entry[end], entry[end]) for end in ("from", "to"))


def _edited(document: Document, held: Plain, target: Plain, editor: "_Editor") -> str:
    """Return the document's text with `target` in it."""
    assert isinstance(document.root, MappingNode)  # `read` refuses every other file
    editor.mapping(document.root, held, target, lambda name: _BLOCKS.get(name, 0))
    text = document.text
    for start, end, piece in sorted(editor.edits, key=lambda edit: edit[:2], reverse=True):
        text = text[:start] + piece + text[end:]
    return text


class _Editor:
    """Collects what to replace in a text so that its nodes hold other values: (start, end, new text)."""

    def __init__(self, text: str, root: Node, names: Mapping[str, str], order: Sequence[str]) -> None:
        self.text, self.root, self.names, self.order = text, root, names, order
        """`names`: of services, old -> new; `order`: of the services as they are now."""
        self.edits: list[tuple[int, int, str]] = []

    def mapping(self, node: CollectionNode, old: Plain, new: Plain, levels: Callable[[Any], int]) -> None:
        """Turn a mapping's values from `old` to `new`; `levels` says how many levels below an entry have lines."""
        called = self.names if self.section(node) in ("services", "layout") else {}
        held = {called.get(scalar(key), scalar(key)): (key, value) for key, value in node.value}
        added = {name: value for name, value in new.items() if name not in held}
        if node.flow_style and (added or len(new) < len(old)):
            pieces = [
                self.own(*held[name])
                if name in held and old[name] == new[name] and name not in called.values()
                else _inline({name: new[name]})[1:-1]
                for name in (filter(new.__contains__, self.order) if self.section(node) == "services" else new)
            ]
            self.edits.append((node.start_mark.index, node.end_mark.index, "{" + ", ".join(pieces) + "}"))
            return
        for name, (key, value) in held.items():
            if name in new and name in called.values():
                self.edits.append((key.start_mark.index, key.end_mark.index, _inline(name)))
            if name not in new:
                self.edits.append((self.line_start(key), self.line_end(value, key), ""))
            elif old[name] != new[name] or (self.names and self.section(value) in ("services", "layout")):
                self.value(node, key, value, old[name], new[name], levels(name))
        if added:
            self.add(node, held, added, levels)

    def add(
        self, node: CollectionNode, held: dict[Any, tuple[Node, Node]], added: Plain, levels: Callable[[Any], int]
    ) -> None:
        """Put new entries at the end of a block mapping, but before what is drawn only; services where they stand."""
        drawn = [held[key][0] for key in ("layout", "groups") if node is self.root and key in held]
        at = self.line_start(drawn[0]) if drawn else self.line_end(node)
        indent = node.start_mark.column
        is_of_services = self.section(node) == "services"
        for name in filter(added.__contains__, self.order) if is_of_services else added:
            value = added[name]
            at = self.after(node, held, self.order[: self.order.index(name)]) if is_of_services else at
            line = f"{' ' * indent}{_line(name, value, indent, levels(name))}\n"
            self.insert(at, _section(name, value) if node is self.root else line)

    def after(self, node: CollectionNode, held: dict[Any, tuple[Node, Node]], earlier: Sequence[str]) -> int:
        """Return where the line after the last of some entries begins; without any, that of the block's first."""
        for name in reversed(earlier):
            if name in held:
                return self.line_end(held[name][1], held[name][0])
        at = self.line_start(node.value[0][0])
        while (before := self.text.rfind("\n", 0, at - 1) + 1) < at and self.text[before:at].lstrip().startswith("#"):
            at = before  # a comment above the first entry is that entry's
        return at

    def section(self, node: Node) -> str:
        """Return the key at the top of the file whose value a node is, "" for any other node."""
        return next((str(scalar(key)) for key, value in self.root.value if value is node), "")

    def sequence(self, node: SequenceNode, old: list[Any], new: list[Any]) -> None:
        """Turn a list's items from `old` to `new`."""
        pairs = [*_aligned(old, new, self.names)]
        if node.flow_style and any(i is None or j is None for i, j in pairs):
            pieces = [
                self.own(node.value[i]) if i is not None and old[i] == new[j] else _inline(new[j])
                for i, j in pairs
                if j is not None
            ]
            self.edits.append((node.start_mark.index, node.end_mark.index, "[" + ", ".join(pieces) + "]"))
            return
        at, dash = self.line_start(node.value[0]), " " * node.start_mark.column + "- "
        for i, j in pairs:
            if i is None and j is not None:
                self.insert(at, f"{dash}{_inline(new[j])}\n")
            elif i is not None:
                item = node.value[i]
                at = self.line_end(item)
                if j is None:
                    self.edits.append((self.line_start(item), at, ""))
                elif old[i] != new[j] and not self.inside(item, old[i], new[j], 0):
                    self.edits.append((item.start_mark.index, self.end(item), _inline(new[j])))

    def value(self, parent: CollectionNode, key: Node, node: Node, old: Any, new: Any, levels: int) -> None:
        """Turn the value of one key from `old` to `new`."""
        if self.inside(node, old, new, levels):
            return
        text = f" {_inline(new)}" if parent.flow_style else _entry(new, parent.start_mark.column + 2, levels)
        start, end = node.start_mark.index, self.end(node, key)
        is_block = isinstance(node, CollectionNode) and not node.flow_style
        is_short = start < end and not is_block and "\n" not in text
        self.edits.append((start, end, text[1:]) if is_short else (key.end_mark.index, end, f":{text}"))

    def inside(self, node: Node, old: Any, new: Any, levels: int) -> bool:
        """Turn the entries of a collection that stays one; tell whether it is one."""
        if isinstance(node, MappingNode) and isinstance(new, dict) and old and new:
            self.mapping(node, old, new, lambda _: levels - 1)
        elif isinstance(node, SequenceNode) and isinstance(new, list) and old and new:
            self.sequence(node, old, new)
        else:
            return False
        return True

    def own(self, first: Node, last: Node | None = None) -> str:
        """Return the text from the beginning of one node to the end of that or another one."""
        return self.text[first.start_mark.index : (last or first).end_mark.index]

    def insert(self, at: int, lines: str) -> None:
        """Put lines at a place; what is put at one place keeps its order."""
        if self.edits and self.edits[-1][:2] == (at, at):
            self.edits[-1] = (at, at, self.edits[-1][2] + lines)
        else:
            self.edits.append((at, at, lines if not at or self.text[at - 1] == "\n" else f"\n{lines}"))

    def line_start(self, node: Node) -> int:
        """Return where the line begins on which a node begins."""
        return self.text.rfind("\n", 0, node.start_mark.index) + 1

    def line_end(self, node: Node, key: Node | None = None) -> int:
        """Return where the line after a node's last one begins."""
        return self.text.find("\n", self.end(node, key)) + 1 or len(self.text)

    def end(self, node: Node, key: Node | None = None) -> int:
        """Return where a node's own text ends; ruamel.yaml counts comments after a block, or before nothing, to it."""
        while isinstance(node, CollectionNode) and node.value and not node.flow_style:
            key, node = node.value[-1] if isinstance(node, MappingNode) else (None, node.value[-1])
        if key is not None and node.start_mark.index == node.end_mark.index:  # a key without a value
            return self.text.index(":", key.end_mark.index) + 1
        return len(self.text[: node.end_mark.index].rstrip())


def _fresh(plain: Plain) -> str:
    """Return the text of a design that has no file yet."""
    return "".join(_section(name, value) for name, value in plain.items())


def _section(name: str, value: Any) -> str:
    """Return one top-level key with its value, a blank line before it if it is a section."""
    return ("\n" if name in _BLOCKS else "") + _line(name, value, 0, _BLOCKS.get(name, 0)) + "\n"


def _line(name: Any, value: Any, indent: int, levels: int) -> str:
    """Return a key and its value; further lines are indented by 2 more than `indent`."""
    return f"{_inline(name)}:{_entry(value, indent + 2, levels)}"


def _entry(value: Any, indent: int, levels: int) -> str:
    """Return what stands after a key's colon: a blank and one line, or a line for each entry."""
    is_law = isinstance(value, dict) and len(value) == 1 and next(iter(value)) in LAWS
    inline = f" {_inline(value)}"
    if not value or not isinstance(value, dict | list) or (levels <= 0 and (is_law or len(inline) <= _WIDTH)):
        return inline
    pad = "\n" + " " * indent
    if isinstance(value, dict):
        return "".join(f"{pad}{_line(name, each, indent, levels - 1)}" for name, each in value.items())
    return "".join(f"{pad}- {_inline(item) if levels > 0 else _entry(item, indent + 2, 0).lstrip()}" for item in value)


def _inline(value: Any) -> str:
    """Return a value as one line of YAML that is right in every place, braces and brackets included."""
    yaml: Any = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style, yaml.width, yaml.sort_base_mapping_type_on_output = True, 2**31, False
    yaml.brace_single_entry_mapping_in_flow_sequence = True
    stream = StringIO()
    try:
        yaml.dump([value], stream)
    except RepresenterError:
        raise DesignFileError(
            f"{value!r} cannot be written in a design file; allowed: text, numbers, true, false, null, lists, mappings",
            fix="write it as one of these",
        ) from None
    return stream.getvalue().strip()[1:-1]


_BARE = re.compile(r"[A-Za-z_$]([A-Za-z0-9_./$ -]*[A-Za-z0-9_./$-])?")


class _Representer(SafeRepresenter):
    """Writes values one by one, on one line each."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write a value that occurs twice two times."""
        return True

    def represent_str(self, data: str) -> Any:
        """Write text in quotes, line ends escaped, unless it is of the plainest kind.

        Not all that ruamel.yaml writes without quotes can it read within braces: {?0: 1}.
        """
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=None if _BARE.fullmatch(data) else '"')


_Representer.add_representer(str, _Representer.represent_str)
