"""The traffic panel."""

from typing import Any

import ipywidgets
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from chainkit.widgets.markup import refusal
from chainkit.widgets.panel import Panel

ROW = ipywidgets.Layout(width="98%")


class TrafficPanel(Panel):
    """The arrival rate."""

    def __init__(self, of: Any) -> None:
        super().__init__(of)
        self._state = state = self.state
        self.rate = ipywidgets.Text(
            f"{state.load.rate_per_s:.6g}", description="arrivals per second", continuous_update=False,
            style={"description_width": "130px"}, layout=ROW,
        )  # fmt: skip
        self.message = ipywidgets.HTML()
        self.rate.observe(self._typed, names="value")
        self.fill(self.rate, self.message)

    def _typed(self, change: Any) -> None:
        """Change the rate, or say why not."""
        try:
            rate_per_s = YAML(typ="safe", pure=True).load(change["new"])
        except YAMLError:
            rate_per_s = change["new"]
        self.message.value = "" if self._state.set_rate(rate_per_s) else refusal(self._state.refusal)
