"""The history panel: every step as a line of Python that does the same."""

from typing import Any

import ipywidgets

from chainkit.widgets.markup import hint, report
from chainkit.widgets.panel import Panel
from chainkit.widgets.state import Topic


class HistoryPanel(Panel):
    """What was done so far, as Python to copy.

    Examples
    --------
    >>> import chainkit as ck
    >>> panel = HistoryPanel(ck.Chain("orders"))
    >>> panel.state.add("SqsQueue", "jobs")
    True
    >>> print(panel.twin())
    chain.add(ck.SqsQueue('jobs'))
    """

    def __init__(self, of: Any) -> None:
        super().__init__(of)
        self.lines = ipywidgets.HTML()
        self.fill(ipywidgets.HTML(hint("Each gesture is an operation on the chain. The same, as cells:")), self.lines)
        self.hear("design")

    def hear(self, topic: Topic) -> None:
        """Show the steps."""
        if topic in ("design", "layout"):
            self.lines.value = report(self.twin() or "nothing has been done yet")

    def twin(self) -> str:
        """Return the steps as Python."""
        return "\n".join(map(str, self.state.history))
