"""What is made to break on a target while requests are sent, and by whose draws."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chainkit.chain import Chain
from chainkit.faults.description import Faults, broken
from chainkit.faults.local import described

if TYPE_CHECKING:
    from chainkit.simulation.run import Run


@dataclass(frozen=True, kw_only=True)
class Injection:
    """Faults as they were injected: by the draws of a run, request by request."""

    chain: Chain = field(repr=False)
    """As it was deployed."""
    faults: Faults | None
    entry: str
    """The service where requests enter."""
    seed: int = 1
    asked: tuple[int, int] = (1, 1)
    """Requests and replications of the run whose draws they are: they number the requests."""

    def told(self, arns: Mapping[str, str], numbers: Mapping[str, int] | None = None) -> dict[str, Any]:
        """Return what a target is told, with the numbers of requests that are known before they are sent."""
        requests, replications = self.asked
        return described(
            self.faults,
            self.chain,
            arns,
            seed=self.seed,
            requests=requests,
            replications=replications,
            entry=self.entry,
            numbers=numbers,
        )

    @property
    def firsts(self) -> list[int]:
        """The first request of each replication."""
        requests, replications = self.asked
        return [r * requests // replications for r in range(replications)]

    def is_of(self, run: "Run", requests: int) -> bool:
        """Tell whether the first `requests` requests of a run draw the same, in the same chain with the same faults."""
        lows = [low for low, _ in (tally.bounds for tally in run.tallies)]
        at = run.options["lowering"]["at"]
        design = broken(self.chain, self.faults, "faults")
        return (
            run.seed == self.seed
            and run.requests >= requests
            and [low for low in lows if low < requests] == [low for low in self.firsts if low < requests]
            and self.entry in ([at] if at is not None else run.chain.entries())
            and run.chain == design
            and [*run.chain.links] == [*design.links]
        )
