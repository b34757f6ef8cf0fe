"""Where each service of a chain stands in a picture: layers from left to right, computed from the graph alone.

Layers are longest paths. Within a layer services stand as they are met on the way along the links, and each is then
sifted: moved past others only where fewer links cross for it. Heights are the least squares fit to the neighbours'
heights that keeps cards apart. Nothing is random. Links over several layers get lanes of their own, and cross no card.

Sifting is local, so a small edit changes little: one service or link more or less moves 4 % and 19 % of the cards by
more than a card's place (with sweeps of barycentres 15 % and 26 %, for a fifth fewer crossings in dense graphs).

References
----------
Sugiyama, Tagawa and Toda (1981), IEEE Trans. SMC 11(2), 109-125.
Matuszewski, Schönfeld and Molitor (1999), Graph Drawing, LNCS 1731, 217-224.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import networkx as nx

from chainkit.chain import Chain

CARD_WIDTH, CARD_HEIGHT = 180.0, 64.0
"""Size of a card, pixels."""
COLUMN, ROW, LANE = 266.0, 104.0, 40.0
"""Distance of layers, of cards in a layer, and of links that pass between cards, pixels."""
SIFTINGS, SETTLING = 2, 6

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
    {'jobs': (0.0, 0.0), 'pay': (266.0, 0.0)}
    """
    pinned = {name: chain.layout[name] for name in chain.services if name in chain.layout}
    computed = _computed(chain)
    if not pinned:
        return computed
    return Layout(_beside(chain, pinned, computed), {})


def _computed(chain: Chain) -> Layout:
    """Return the layered layout of a chain."""
    return layered([*chain.services], [*chain.graph.edges()], first=chain.entries())


@dataclass(frozen=True)
class Spacing:
    """How far apart things stand, pixels."""

    column: float = COLUMN
    """From a layer to the next."""
    row: float = ROW
    """From a card to the next in its layer."""
    has_returns: bool = False
    """Whether links that lead back get lanes too, beside everything; else they have none."""


def layered(
    names: Sequence[str],
    edges: Iterable[tuple[str, str]],
    *,
    first: Iterable[str] = (),
    rooms: Mapping[str, Point] | None = None,
    spacing: Spacing = Spacing(),  # frozen
) -> Layout:
    """Return where cards stand: in layers along x, beside each other along y.

    Parameters
    ----------
    names, edges : the graph; the order of the names counts
    first : where the walk that finds the layers begins
    rooms : name -> what it needs beyond a card, after it along x and along y, pixels

    Examples
    --------
    >>> layered(["a", "b"], [("a", "b")]).places
    {'a': (0.0, 0.0), 'b': (266.0, 0.0)}
    >>> layered(["a", "b"], [("a", "b")], rooms={"a": (90.0, 0.0)}).places["b"]
    (356.0, 0.0)
    """
    edges, rooms = dict.fromkeys(edges), rooms or {}
    layer = _layers(names, edges, first)
    rows: list[list[Vertex]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for name in layer:
        rows[layer[name]].append((name,))
    pairs = [(a, b) for a, b in edges if layer[a] < layer[b]]
    segments: list[tuple[Vertex, Vertex]] = []
    for a, b in pairs:
        between: list[Vertex] = [(a, b, str(k)) for k in range(layer[a] + 1, layer[b])]
        for k, vertex in enumerate(between, start=layer[a] + 1):
            rows[k].append(vertex)
        stops: list[Vertex] = [(a,), *between, (b,)]
        segments += pairwise(stops)
    before, after = _neighbours(rows, segments)
    rows = _ordered(rows, before, after)
    sides = {vertex: _sides(vertex, spacing.row, rooms) for row in rows for vertex in row}
    heights = _heights(rows, before, after, sides)
    longer = [max((rooms[v[0]][0] for v in row if len(v) == 1 and v[0] in rooms), default=0.0) for row in rows]
    xs = [k * spacing.column + sum(longer[:k]) for k in range(len(rows))]
    places = {name: (xs[layer[name]], heights[(name,)]) for name in layer}

    def stop(k: int, y: float) -> list[Point]:
        """Return where a link passes a layer: at its beginning, and at its end where it is longer than a card."""
        return [(xs[k], y), *([(xs[k] + longer[k], y)] if longer[k] else [])]

    lanes: dict[tuple[str, str], tuple[Point, ...]] = {}
    for a, b in pairs:
        passed = [point for k in range(layer[a] + 1, layer[b]) for point in stop(k, heights[a, b, str(k)])]
        lanes[a, b] = (*stop(layer[a], heights[(a,)])[1:], *passed)
    if spacing.has_returns:
        back = sorted(
            ((a, b) for a, b in edges if layer[a] >= layer[b] and a != b), key=lambda ab: layer[ab[0]] - layer[ab[1]]
        )
        ends = [max(heights[v] + sides[v][1] for v in row) for row in rows]
        for k, (a, b) in enumerate(back):
            y = max(ends[layer[b] : layer[a] + 1]) + LANE * (k + 0.5)
            is_last = rows[layer[a]][-1] == (a,)  # nothing beside it is in the way
            lanes[a, b] = (stop(layer[a], y)[0 if is_last and a not in rooms else -1], (xs[layer[b]], y))
    return Layout(places, {pair: points for pair, points in lanes.items() if points})


def _layers(names: Sequence[str], edges: Iterable[tuple[str, str]], first: Iterable[str]) -> dict[str, int]:
    """Return the layer of each name: the longest way to it, edges that close a circle left out."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from([*first, *names])
    graph.add_edges_from(edges)
    order = list(reversed(list(nx.dfs_postorder_nodes(graph))))  # topological, but for edges that close a circle
    rank = {name: k for k, name in enumerate(order)}
    layer = dict.fromkeys(names, 0)
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
    rows = _as_met(rows, before, after)
    position = {vertex: k for row in rows for k, vertex in enumerate(row)}
    for _ in range(SIFTINGS):
        was = dict(position)
        for row in rows:
            # The neighbours stand in other layers: where they are does not change meanwhile.
            ends = {v: tuple([position[other] for other in side[v]] for side in (before, after)) for v in row}
            for vertex in list(row):
                _sift(vertex, row, ends)
            position |= {vertex: k for k, vertex in enumerate(row)}
        if was == position:
            break
    return rows


def _as_met(
    rows: list[list[Vertex]], before: Mapping[Vertex, list[Vertex]], after: Mapping[Vertex, list[Vertex]]
) -> list[list[Vertex]]:
    """Return the layers in the order in which a walk along the links, depth first, meets their vertices."""
    layer = {vertex: k for k, row in enumerate(rows) for vertex in row}
    met: dict[Vertex, None] = {}
    for root in (vertex for row in rows for vertex in row if not before[vertex]):
        ahead = [root]
        while ahead:
            vertex = ahead.pop()
            if vertex not in met:
                met[vertex] = None
                ahead += reversed(after[vertex])
    found: list[list[Vertex]] = [[] for _ in rows]
    for vertex in met:
        found[layer[vertex]].append(vertex)
    return found


def _sift(vertex: Vertex, row: list[Vertex], ends: Mapping[Vertex, tuple[list[int], ...]]) -> None:
    """Move a vertex to where the fewest links cross; it stays where no place has fewer."""
    start = best = row.index(vertex)
    most = 0
    for passed, step in ((range(start - 1, -1, -1), -1), (range(start + 1, len(row)), 1)):
        gain = 0
        for k in passed:
            for own, others in zip(ends[vertex], ends[row[k]], strict=True):
                for a in own:
                    for b in others:
                        gain += step * ((a > b) - (a < b))
            if gain > most:
                most, best = gain, k
    if best != start:
        row.insert(best, row.pop(start))


# --- heights ---


def _heights(
    rows: list[list[Vertex]],
    before: Mapping[Vertex, list[Vertex]],
    after: Mapping[Vertex, list[Vertex]],
    sides: Mapping[Vertex, Point],
) -> dict[Vertex, float]:
    """Return y of each vertex: near its neighbours', and far enough from those above and below; the top is 0."""
    y: dict[Vertex, float] = {}
    for row in rows:
        y |= zip(row, _offsets(row, sides), strict=True)
    both = {vertex: before[vertex] + after[vertex] for vertex in y}
    for neighbours, order in ((before, rows), (after, rows[::-1]), *((both, rows), (both, rows[::-1])) * SETTLING):
        for row in order:
            wanted = [_mean([y[other] for other in neighbours[vertex]], y[vertex]) for vertex in row]
            y |= zip(row, _kept_apart(wanted, _offsets(row, sides)), strict=True)
    top = min(y.values(), default=0.0)
    return {vertex: round(height - top) + 0.0 for vertex, height in y.items()}


def _offsets(row: list[Vertex], sides: Mapping[Vertex, Point]) -> list[float]:
    """Return the heights of a layer whose vertices stand as close as they may."""
    offsets, at = [], 0.0
    for k, vertex in enumerate(row):
        if k:
            at += sides[row[k - 1]][1] + sides[vertex][0]
        offsets.append(at)
    return offsets


def _sides(vertex: Vertex, row: float, rooms: Mapping[str, Point]) -> Point:
    """Return the room that a card, or a passing link, takes above and below its height."""
    if len(vertex) > 1:
        return LANE / 2, LANE / 2
    return row / 2, row / 2 + (rooms[vertex[0]][1] if vertex[0] in rooms else 0.0)


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
        places[name] = free(x, y, places.values())
    return {name: places[name] for name in chain.services}


def free(x: float, y: float, taken: Iterable[Point]) -> Point:
    """Return (x, y), or the next place below it where no card is in the way."""
    for other_y in sorted(other for at, other in taken if abs(at - x) < CARD_WIDTH + 20):
        if abs(other_y - y) < ROW - 8:
            y = other_y + ROW
    return x, y
