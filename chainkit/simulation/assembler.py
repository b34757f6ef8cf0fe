"""An assembler for the virtual machine: rows with labels, sites with shared tables, pools, buffers and counters."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from chainkit.distributions import Constant
from chainkit.law import Law
from chainkit.records import Pool
from chainkit.simulation import draws

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

POOL_WORDS = 64
"""Words of a pool's row; the layout stands in primitives.py."""
FIRST_COUNTER = 40
"""Counters of nodes begin here among a run's integers."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A chain as the virtual machine reads it: everything but the seed."""

    code: IntArray
    site_names: tuple[str, ...]
    site_rows: IntArray
    table: FloatArray
    pools: IntArray
    queues: IntArray
    pool_nodes: tuple[str, ...]
    queue_nodes: tuple[str, ...]
    counters: Mapping[tuple[str, str], int]
    """(node, counter) -> place among a run's integers."""
    labels: Mapping[str, int]
    marks: Mapping[int, tuple[str, str]]
    """Row -> (node, link id) for traces."""
    account_limit: int
    nobody_waits: bool
    graves: Mapping[int, str] = field(default_factory=dict)
    """Row at which something is lost -> node that keeps it, for traces."""
    request_quota: float = math.inf
    """Invocations per second that the account takes."""
    most_in_flight: int = 1 << 40
    """Messages that a buffer hides at once."""
    keepers: tuple[tuple[str, Pool], ...] = ()
    """Pools with provisioned environments or pings, which are tended at instants."""
    """True where requests enter at a queue, topic or bus."""

    def keyed_sites(self, seed: int, replication: int) -> IntArray:
        """Return the sites with the keys of one replication."""
        rows = self.site_rows.copy()
        keys = [draws.site_key(seed, replication, name) for name in self.site_names]
        rows[:, 1] = np.array(keys, np.uint64).view(np.int64)
        return rows


@dataclass
class Assembler:
    """Collects rows; `program` resolves the labels."""

    rows: list[list[Any]] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    marks: dict[int, tuple[str, str]] = field(default_factory=dict)
    graves: dict[int, str] = field(default_factory=dict)
    counters: dict[tuple[str, str], int] = field(default_factory=dict)
    node: str = ""
    _sites: dict[tuple[Any, ...], int] = field(default_factory=dict)
    _site_rows: list[IntArray] = field(default_factory=list)
    _site_names: list[str] = field(default_factory=list)
    _tables: dict[Law, tuple[int, FloatArray]] = field(default_factory=dict)
    _size: int = 2

    def __post_init__(self) -> None:
        """Keep site 0 for "no time at all"."""
        self.law("", Constant(0.0))

    def label(self, name: str) -> None:
        """Name the next row."""
        self.labels[name] = len(self.rows)

    def emit(self, op: int, a: Any = 0, b: Any = 0, c: Any = 0, d: Any = 0, e: Any = 0, f: Any = 0, g: Any = 0) -> None:
        """Add a row; text operands are labels, floats keep their bits."""
        self.marks[len(self.rows)] = (self.node, "")
        self.rows.append([op, a, b, c, d, e, f, g])

    def mark(self, link: str) -> None:
        """Say which link the last row travels."""
        self.marks[len(self.rows) - 1] = (self.node, link)

    def buried(self, node: str) -> None:
        """Say which node keeps what the last row loses."""
        self.graves[len(self.rows) - 1] = node

    def counter(self, name: str, node: str | None = None) -> int:
        """Return the place of a counter of a node (this one)."""
        key = (node if node is not None else self.node, name)
        return self.counters.setdefault(key, FIRST_COUNTER + len(self.counters))

    def law(self, name: str, law: Law | None, more_s: float = 0.0) -> int:
        """Return the site that draws from a law and `more_s`, or -1 for none; laws of one shape share a table."""
        if law is None:
            return -1
        key = (name, law, more_s)
        if key in self._sites:
            return self._sites[key]
        row = np.zeros(8, np.int64)
        if isinstance(law, Constant):
            row.view(np.float64)[7] = law.value_s + more_s
        else:
            unit = law.standard()
            at, rows = self._table(unit.key)
            row[0] = 1 if rows.shape[2] == draws.SMOOTH else 2
            row[2] = at
            row.view(np.float64)[6:8] = unit.scale, unit.shift + more_s
        return self._add(key, name, row)

    def chance(self, name: str, p: float) -> int:
        """Return the site that hits with chance `p`, or -1 for never."""
        if p <= 0:
            return -1
        row = np.zeros(8, np.int64)
        row[2] = np.array([draws.threshold(p)], np.uint64).view(np.int64)[0]
        row[3] = int(p >= 1)
        return self._add((name, "chance", p), name, row)

    def greatest_s(self, law: Law | None) -> float:
        """Return the longest time that a law's table can give."""
        if law is None:
            return 0.0
        if isinstance(law, Constant):
            return law.value_s
        unit = law.standard()
        return draws.greatest(self._table(unit.key)[1]) * unit.scale + unit.shift

    def _table(self, shape: Law) -> tuple[int, FloatArray]:
        """Return where a shape's table stands, and the table."""
        if shape not in self._tables:
            rows = _table_of(shape)
            self._tables[shape] = (self._size, rows)
            self._size += rows.size
        return self._tables[shape]

    def _add(self, key: tuple[Any, ...], name: str, row: IntArray) -> int:
        """Add a site, once."""
        if key not in self._sites:
            self._sites[key] = len(self._site_rows)
            self._site_rows.append(row)
            self._site_names.append(name)
        return self._sites[key]

    def program(self, pools: list[IntArray], queues: list[IntArray], **rest: Any) -> Program:
        """Return the program, labels resolved."""
        code = np.zeros((len(self.rows), 8), np.int64)
        for row, operands in zip(code, self.rows, strict=True):
            for k, value in enumerate(operands):
                if isinstance(value, float):
                    row.view(np.float64)[k] = value
                else:
                    row[k] = self.labels[value] if isinstance(value, str) else value
        table = np.concatenate([np.zeros(2), *(rows.ravel() for _, rows in self._tables.values()), np.zeros(2)])
        return Program(
            code=code.ravel(),
            site_names=tuple(self._site_names),
            site_rows=np.array(self._site_rows),
            table=table,
            pools=np.concatenate([*pools, np.zeros(POOL_WORDS, np.int64)]),
            queues=np.concatenate([*queues, np.zeros(32, np.int64)]),
            counters=dict(self.counters),
            labels=dict(self.labels),
            marks=dict(self.marks),
            graves=dict(self.graves),
            **rest,
        )


_TABLES: dict[Law, FloatArray] = {}
"""Tables made so far in this process: a slider moves laws of the same shapes again and again."""


def _table_of(shape: Law) -> FloatArray:
    """Return the table of a shape, made once."""
    rows = _TABLES.get(shape)
    if rows is None:
        if len(_TABLES) > 256:
            _TABLES.clear()  # another thread may look at this moment: it keeps the rows that it got
        rows = _TABLES[shape] = draws.unit_table(shape)
    return rows
