"""What somebody else has changed of a chain that stands: field by field, against what was deployed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from chainkit.deployment.differences import Difference

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Drift:
    """One field of a resource that is not as it was deployed, or a resource that is gone."""

    resource: str
    """Its logical id."""
    type: str
    status: Literal["changed", "gone"]
    field: str = ""
    """"VisibilityTimeout"; "" where the whole resource is gone."""
    deployed: Any = None
    found: Any = None

    def __str__(self) -> str:
        """Return it on one line.

        >>> print(Drift(resource="Jobs", type="AWS::SQS::Queue", status="gone"))
        Jobs (AWS::SQS::Queue): gone
        """
        what = "gone" if self.status == "gone" else str(Difference(self.field, self.deployed, self.found))
        return f"{self.resource} ({self.type}): {what}"


class Drifts(Sequence[Drift]):
    """All that somebody else has changed: a sequence of `Drift`, as a table with `to_frame()`."""

    def __init__(self, chain: str, found: Sequence[Drift]) -> None:
        self.chain = chain
        self._found = tuple(found)

    def __getitem__(self, place: Any) -> Any:
        return self._found[place]

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Drift]:
        return iter(self._found)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per field, with what was deployed and what was found."""
        import pandas as pd

        columns = ("resource", "type", "status", "field", "deployed", "found")
        return pd.DataFrame([{name: getattr(each, name) for name in columns} for each in self], columns=columns)

    def __str__(self) -> str:
        """Return a line for each.

        >>> print(Drifts("orders", []))
        orders: nothing has been changed since it was deployed
        """
        if not self:
            return f"{self.chain}: nothing has been changed since it was deployed"
        return "\n".join([f"{self.chain}: changed since it was deployed", *(f"  {each}" for each in self)])

    def __repr__(self) -> str:
        """Return them in a word: stable, so that notebooks can be compared."""
        return f"Drifts({self.chain!r}, {len(self)} found)"
