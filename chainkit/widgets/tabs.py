"""The panels that stand in tabs below the canvas: one line each, loaded when a tab is opened."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from chainkit.widgets.panel import Panel


def _of(module: str, name: str) -> Callable[[], type[Panel]]:
    """Return what gives a panel's class; its module, and what that needs, are loaded then."""

    def load() -> type[Panel]:
        panel: Any = getattr(import_module(f"chainkit.widgets.{module}"), name)
        return panel  # type: ignore[no-any-return]

    return load


TABS: Mapping[str, Callable[[], type[Panel]]] = {
    "Traffic": _of("traffic", "TrafficPanel"),
    "Compare": _of("comparing", "ComparePanel"),
    "Cost": _of("costing", "CostPanel"),
    "Sliders": _of("sliders", "SlidersPanel"),
    "Sizes": _of("sizing", "SizingPanel"),
    "State machine": _of("machine", "MachinePanel"),
    "Deploy": _of("deploying", "DeployPanel"),
    "Faults": _of("faulting", "FaultsPanel"),
    "Dead letters": _of("dead_letters", "DeadLettersPanel"),
    "History": _of("history", "HistoryPanel"),
    "Open": _of("opening", "OpenPanel"),
}
"""Title -> what gives the panel's class."""
