"""Effects in the slow twin: how often a function's work was done for a request, and how often it was meant to be."""

from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Mapping

from chainkit.records import Pool
from tests.simulation.twin_parts import Visit


class Effects:
    """What functions did for requests."""

    def __init__(self) -> None:
        self.fresh: dict[str, Counter[int]] = defaultdict(Counter)
        """Function -> request -> starts that are neither a further attempt nor a duplicate; 0 for one without any."""
        self.ends: dict[str, list[tuple[float, int]]] = defaultdict(list)
        """Function -> (instant, request) of each piece of own work that was done without failing, in order."""

    def start(self, name: str, visit: Visit) -> None:
        """Note that a unit of work begins."""
        self.fresh[name][visit.request] += not visit.is_repeat

    def end(self, name: str, visit: Visit, at_s: float) -> None:
        """Note that a unit's own work is done."""
        insort(self.ends[name], (at_s, visit.request))

    def counted(self, pools: Mapping[str, Pool]) -> dict[str, Counter[str]]:
        """Return by function how many requests had their effect once, twice, never, partly, and what was overtaken."""
        return {name: self._counted(name, pool.is_idempotent) for name, pool in pools.items() if self.fresh[name]}

    def _counted(self, name: str, is_idempotent: bool) -> Counter[str]:
        """Return the figures of one function."""
        intended = {request: max(1, fresh) for request, fresh in self.fresh[name].items()}
        applied, effects = Counter[int](), []
        for at_s, request in self.ends[name]:
            if is_idempotent and applied[request] >= intended[request]:
                continue
            applied[request] += 1
            effects.append((at_s, request))
        figures = Counter[str]()
        for request, meant in intended.items():
            figures["never"] += applied[request] == 0
            figures["partly"] += 0 < applied[request] < meant
            figures["once"] += applied[request] == meant
            figures["twice"] += applied[request] > meant
        figures["overtaken"] = sum(
            any(later > request for earlier_s, later in effects if earlier_s < at_s) for at_s, request in effects
        )
        return figures
