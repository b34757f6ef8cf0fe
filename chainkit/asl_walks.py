"""A walk from node to node until it ends: where, after how many transitions, and how often it was at each node."""

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import networkx as nx
import numpy as np

from chainkit.asl_counts import Law

L = TypeVar("L", bound=Law)
Edges = Mapping[Hashable, Sequence[tuple[Hashable, L]]]
"""Node -> its ways on: a target with the law of going there. A target that is no node is an end."""


class EndlessError(Exception):
    """From a node that is reached there is no way to an end."""

    def __init__(self, node: Hashable) -> None:
        self.node = node
        super().__init__(node)


def walk(edges: Edges[L], start: Hashable, kind: type[L]) -> tuple[dict[Hashable, L], dict[Hashable, float]]:
    """Return the law of each end, and how often each node is entered on average.

    Parameters
    ----------
    edges : node -> its ways on; nodes that cannot be reached may be left out
    start : the first node
    kind : the law to reckon in

    Raises
    ------
    EndlessError
        If from a node that is reached there is no way to an end.

    Examples
    --------
    >>> from chainkit.asl_counts import Moments
    >>> again, done = Moments.fixed(0.75, 1), Moments.fixed(0.25, 1)
    >>> walk({"try": [("try", again), ("end", done)]}, "try", Moments)
    ({'end': Moments(p=1.0, mean=4.0, variance=12.0, least=1)}, {'try': 4.0})
    """
    arrived: dict[Hashable, list[L]] = {start: [kind.fixed(1.0, 0)]}
    entered: dict[Hashable, float] = {}
    for part in _parts(edges):
        here = {node: kind.mixed(arrived.pop(node)) for node in part if node in arrived}
        if not here:
            continue
        ways = {node: [way for way in edges[node] if way[1].p > 0] for node in part}
        if len(part) == 1 and all(target not in ways for target, _ in ways[part[0]]):
            entered[part[0]] = here[part[0]].p
            out = [(target, here[part[0]].then(law)) for target, law in ways[part[0]]]
        else:
            entered |= _entries(here, ways)
            out = list(kind.left(here, ways).items())
        for target, law in out:
            arrived.setdefault(target, []).append(law)
    return {end: kind.mixed(laws) for end, laws in arrived.items()}, entered


def _parts(edges: Edges[L]) -> list[list[Hashable]]:
    """Return the nodes in the order of the walk, those that lead to each other together."""
    graph: nx.DiGraph[Hashable] = nx.DiGraph()
    graph.add_nodes_from(edges)
    graph.add_edges_from((a, b) for a, ways in edges.items() for b, law in ways if b in edges and law.p > 0)
    place = {node: i for i, node in enumerate(edges)}
    parts = nx.condensation(graph)
    return [sorted(parts.nodes[k]["members"], key=lambda node: place[node]) for k in nx.topological_sort(parts)]


def _entries(here: Mapping[Hashable, L], ways: Edges[L]) -> dict[Hashable, float]:
    """Return how often each node of a circle is entered."""
    place = {node: i for i, node in enumerate(ways)}
    if all(target in place for each in ways.values() for target, _ in each):
        raise EndlessError(next(iter(here)))
    moves, first = np.eye(len(place)), np.zeros(len(place))
    for node, law in here.items():
        first[place[node]] = law.p
    for a, each in ways.items():
        for b, law in each:
            if b in place:
                moves[place[b], place[a]] -= law.p
    return dict(zip(ways, np.linalg.solve(moves, first).tolist(), strict=True))
