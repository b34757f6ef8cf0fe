"""Where each service of a chain stands in a picture: layers from left to right, computed from the graph alone.

Layers are longest paths, the order within a layer comes from barycentre sweeps, and heights are the least squares fit
to the neighbours' heights that keeps cards apart. Nothing is random and ties keep the order in which services were
added, so a small edit changes little. Links over several layers get lanes of their own, and cross no card.

References
----------
Sugiyama, Tagawa and Toda (1981), IEEE Trans. SMC 11(2), 109-125.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import networkx as nx

from chainkit.chain import Chain

CARD_WIDTH, CARD_HEIGHT = 176.0, 64.0
"""Size of a card, pixels."""
COLUMN, ROW, LANE = 290.0, 104.0, 40.0
"""Distance of layers, of cards in a layer, and of links that pass between cards, pixels."""
SWEEPS, SETTLING = 12, 6

Point: TypeAlias = tuple[float, float]
Vertex: TypeAlias = tuple[str, ...]
"""A card (name,), or a place (source, target, layer) where a link passes a layer."""


@dataclass(frozen=True)
class Layout:
    """Where cards stand and links pass, in pixels: x to the right, y down."""

    places: Mapping[str, Point]
    """Service -> middle of its card."""
    lanes: Mapping[tuple[str, str], tuple[Point, ...]]
    """(source, target) -> where links between the two pass the layers in between."""

    def bounds(self) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom of all cards and lanes."""
        points = [*self.places.values(), *(point for lane in self.lanes.values() for point in lane)] or [(0.0, 0.0)]
        xs, ys = [x for x, _ in points], [y for _, y in points]
        half_width, half_height = CARD_WIDTH / 2, CARD_HEIGHT / 2
        return min(xs) - half_width, min(ys) - half_height, max(xs) + half_width, max(ys) + half_height


def arrange(chain: Chain) -> Layout:
    """Return where the services of a chain stand.

    Places in `chain.layout` are kept as they are; a service without one then stands beside its neighbours. Without any,
    everything is computed, and the top left card is at (0, 0) or beside it.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("two")
    >>> _ = chain.add(ck.SqsQueue("jobs")), chain.add(ck.LambdaFunction("pay"))
    >>> _ = chain.connect("jobs", "pay")
    >>> arrange(chain).places
    {'jobs': (0.0, 0.0), 'pay': (290.0, 0.0)}
    """
    pinned = {name: chain.layout[name] for name in chain.services if name in chain.layout}
    computed = _computed(chain)
    if not pinned:
        return computed
    return Layout(_beside(chain, pinned, computed), {})


def _computed(chain: Chain) -> Layout:
    """Return the layered layout."""
    layer = _layers(chain)
    pairs = {(a, b): None for a, b in chain.graph.edges() if layer[a] < layer[b]}
    rows: list[list[Vertex]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for name in layer:
        rows[layer[name]].append((name,))
    segments: list[tuple[Vertex, Vertex]] = []
    for a, b in pairs:
        between: list[Vertex] = [(a, b, str(k)) for k in range(layer[a] + 1, layer[b])]
        for k, vertex in enumerate(between, start=layer[a] + 1):
            rows[k].append(vertex)
        stops: list[Vertex] = [(a,), *between, (b,)]
        segments += pairwise(stops)
    before, after = _neighbours(rows, segments)
    rows = _ordered(rows, before, after)
    heights = _heights(rows, before, after)
    x = {vertex: k * COLUMN for k, row in enumerate(rows) for vertex in row}
    places = {name: (x[(name,)], heights[(name,)]) for name in layer}
    lanes = {
        (a, b): tuple((k * COLUMN, heights[a, b, str(k)]) for k in range(layer[a] + 1, layer[b])) for a, b in pairs
    }
    return Layout(places, {pair: points for pair, points in lanes.items() if points})


def _layers(chain: Chain) -> dict[str, int]:
    """Return the layer of each service: the longest way to it, links that close a circle left out."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from([*chain.entries(), *chain.services])
    graph.add_edges_from(chain.graph.edges())
    order = list(reversed(list(nx.dfs_postorder_nodes(graph))))  # topological, but for links that close a circle
    rank = {name: k for k, name in enumerate(order)}
    layer = dict.fromkeys(chain.services, 0)
    for name in order:
        for after in graph.successors(name):
            if rank[after] > rank[name]:
                layer[after] = max(layer[after], layer[name] + 1)
    return layer


def _neighbours(
    rows: list[list[Vertex]], segments: list[tuple[Vertex, Vertex]]
) -> tuple[dict[Vertex, list[Vertex]], dict[Vertex, list[Vertex]]]:
    """Return the vertices one layer to the left, and one to the right, of each."""
    before: dict[Vertex, list[Vertex]] = {vertex: [] for row in rows for vertex in row}
    after: dict[Vertex, list[Vertex]] = {vertex: [] for row in rows for vertex in row}
    for a, b in segments:
        after[a].append(b)
        before[b].append(a)
    return before, after


# --- the order within a layer ---


def _ordered(
    rows: list[list[Vertex]], before: Mapping[Vertex, list[Vertex]], after: Mapping[Vertex, list[Vertex]]
) -> list[list[Vertex]]:
    """Return the layers, sorted so that few links cross."""
    best, fewest = [list(row) for row in rows], _crossings(rows, after)
    rows = [list(row) for row in rows]
    for sweep in range(SWEEPS):
        if not fewest:
            break
        rightwards = sweep % 2 == 0
        neighbours = before if rightwards else after
        for k in range(len(rows)) if rightwards else reversed(range(len(rows))):
            beside = k - 1 if rightwards else k + 1
            if 0 <= beside < len(rows):
                rows[k] = _by_barycentre(rows[k], rows[beside], neighbours)
        crossings = _crossings(rows, after)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _by_barycentre(row: list[Vertex], beside: list[Vertex], neighbours: Mapping[Vertex, list[Vertex]]) -> list[Vertex]:
    """Return a layer sorted by the mean position of each vertex's neighbours; one without any keeps its place."""
    position = {vertex: k for k, vertex in enumerate(beside)}
    centre = {
        vertex: sum(position[other] for other in neighbours[vertex]) / len(neighbours[vertex])
        for vertex in row
        if neighbours[vertex]
    }
    moved = iter(sorted(centre, key=lambda vertex: centre[vertex]))
    return [next(moved) if vertex in centre else vertex for vertex in row]


def _crossings(rows: list[list[Vertex]], after: Mapping[Vertex, list[Vertex]]) -> int:
    """Return how many pairs of links cross between neighbouring layers."""
    crossings = 0
    for left, right in pairwise(rows):
        position = {vertex: k for k, vertex in enumerate(right)}
        seen: list[int] = []
        for vertex in left:
            ends = sorted(position[other] for other in after[vertex])
            crossings += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return crossings


# --- heights ---


def _heights(
    rows: list[list[Vertex]], before: Mapping[Vertex, list[Vertex]], after: Mapping[Vertex, list[Vertex]]
) -> dict[Vertex, float]:
    """Return y of each vertex: near its neighbours', and far enough from those above and below; the top is 0."""
    y: dict[Vertex, float] = {}
    for row in rows:
        y |= zip(row, _offsets(row), strict=True)
    both = {vertex: before[vertex] + after[vertex] for vertex in y}
    for neighbours, order in ((before, rows), (after, rows[::-1]), *((both, rows), (both, rows[::-1])) * SETTLING):
        for row in order:
            wanted = [_mean([y[other] for other in neighbours[vertex]], y[vertex]) for vertex in row]
            y |= zip(row, _kept_apart(wanted, _offsets(row)), strict=True)
    top = min(y.values(), default=0.0)
    return {vertex: round(height - top) + 0.0 for vertex, height in y.items()}


def _offsets(row: list[Vertex]) -> list[float]:
    """Return the heights of a layer whose vertices stand as close as they may."""
    offsets, at = [], 0.0
    for k, vertex in enumerate(row):
        if k:
            at += (_height(row[k - 1]) + _height(vertex)) / 2
        offsets.append(at)
    return offsets


def _height(vertex: Vertex) -> float:
    """Return the room that a card, or a passing link, takes in its layer."""
    return ROW if len(vertex) == 1 else LANE


def _mean(values: list[float], otherwise: float) -> float:
    """Return the mean of `values`, or `otherwise` if there are none."""
    return sum(values) / len(values) if values else otherwise


def _kept_apart(wanted: list[float], offsets: list[float]) -> list[float]:
    """Return the heights nearest to those wanted, by squares, that differ by at least what the offsets differ by.

    Isotonic regression by pooling neighbours that would come too close.

    >>> _kept_apart([0.0, 0.0, 9.0], [0.0, 2.0, 4.0])
    [-1.0, 1.0, 9.0]
    """
    blocks: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        level, size = want - offset, 1
        while blocks and blocks[-1][0] > level:
            other, count = blocks.pop()
            level, size = (level * size + other * count) / (size + count), size + count
        blocks.append((level, size))
    levels = [level for level, size in blocks for _ in range(size)]
    return [level + offset for level, offset in zip(levels, offsets, strict=True)]


# --- services without a place, where others have one ---


def _beside(chain: Chain, pinned: Mapping[str, Point], computed: Layout) -> dict[str, Point]:
    """Return the given places, and for the other services free ones beside their neighbours."""
    places = dict(pinned)
    for name in sorted(computed.places.keys() - pinned.keys(), key=lambda name: computed.places[name]):
        sources = [places[other] for other in dict.fromkeys(chain.graph.predecessors(name)) if other in places]
        targets = [places[other] for other in dict.fromkeys(chain.graph.successors(name)) if other in places]
        if sources:
            x, y = max(point[0] for point in sources) + COLUMN, _mean([point[1] for point in sources], 0.0)
        elif targets:
            x, y = min(point[0] for point in targets) - COLUMN, _mean([point[1] for point in targets], 0.0)
        else:
            x, y = min(point[0] for point in places.values()), max(point[1] for point in places.values()) + ROW
        places[name] = _free(x, y, places.values())
    return {name: places[name] for name in chain.services}


def _free(x: float, y: float, taken: Iterable[Point]) -> Point:
    """Return (x, y), or the next place below it where no card is in the way."""
    for other_y in sorted(other for at, other in taken if abs(at - x) < CARD_WIDTH + 20):
        if abs(other_y - y) < ROW - 8:
            y = other_y + ROW
    return x, y
