"""How a calibration is drawn: measured quantiles as points, the law that stands for them as a line."""

from typing import Any

import numpy as np

from chainkit.calibration.calibrate import Calibration
from chainkit.calibration.estimates import Fitted
from chainkit.law import FloatArray

_LEAST = 1e-3
"""The lowest and (1 less this) the highest probability that is drawn."""
_POINTS = 60
_STYLES = (("#0072B2", "o", "-"), ("#D55E00", "s", "--"), ("#009E73", "^", "-."), ("#E69F00", "D", ":"))


def lines(cal: Calibration) -> list[tuple[FloatArray, FloatArray, dict[str, Any]]]:
    """Return points and lines: x in seconds, y a probability, and how they look in the words of matplotlib's `plot`.

    Calibrations of several functions show the durations of the first four.
    """
    drawn: list[tuple[FloatArray, FloatArray, dict[str, Any]]] = []
    for (name, each), (colour, marker, dash) in zip(_fits(cal), _STYLES, strict=False):
        p = np.linspace(_LEAST, 1 - _LEAST, 400)
        source = "measured" if not each.weight else f"{each.source}, {each.weight:.0%} prior"
        look = {"color": colour, "linestyle": dash, "label": f"{name}: law ({source})"}
        drawn.append((each.law.ppf(p), p, look))
        if each.values_s is not None:
            n = each.values_s.size
            at = np.unique(np.linspace(0, n - 1, min(n, _POINTS)).astype(int))
            look = {"color": colour, "marker": marker, "linestyle": "", "markerfacecolor": "none"}
            drawn.append((each.values_s[at], (at + 0.5) / n, {**look, "label": f"{name}: {n:,} runs"}))
    return drawn


def _fits(cal: Calibration) -> list[tuple[str, Fitted]]:
    if len(cal.functions) > 1:
        return [
            (name or "no name", one.fits["duration"]) for name, one in cal.functions.items() if "duration" in one.fits
        ]
    found = [(each.name, each) for one in cal.functions.values() for each in one.fits.values()]
    return found or ([(each.name, each) for each in cal.machine.fits()] if cal.machine is not None else [])
