"""Duration and memory: T(m) = io + cpu / min(m, 1769), fitted to runs at several memory sizes.

Source   The knee is where Lambda gives one whole vCPU; the law missed CPU-bound functions by 1 to 2 %
         (data/latency.json, `cpu`). A function that works on several threads gains beyond it, and does not follow this
law. Fit      Least squares on the mean of each size, weighted as if runs of every size spread by the same factor.
         Neither part is below 0.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chainkit import data
from chainkit.law import FloatArray
from chainkit.units import GB_MB, seconds


def knee_mb() -> float:
    """Return the memory from which a single thread gains nothing, MB."""
    return float(data.latency()["cpu"]["full_vcpu_mb"]["value"])


@dataclass(frozen=True)
class MemoryCurve:
    """T(m) = io_s + cpu_mb_s / min(m, 1769).

    Examples
    --------
    >>> curve = fit({512: np.array([0.15]), 1024: np.array([0.1])}, 1.0, 512)
    >>> round(curve.io_s, 6), round(curve.cpu_mb_s, 6), round(curve.cpu_fraction(512), 3)
    (0.05, 51.2, 0.667)
    """

    io_s: float
    """What memory does not change."""
    cpu_mb_s: float
    """CPU work: seconds at 1 MB."""
    io_se_s: float
    """Standard error."""
    cpu_se_mb_s: float
    fraction_se: float
    """Standard error of the CPU's share, at the size with most runs."""
    sizes: Mapping[int, tuple[int, float]]
    """Memory in MB -> runs, mean seconds."""
    worst_fraction: float
    """Largest relative distance of a size's mean from the curve."""

    def duration_s(self, memory_mb: float) -> float:
        """Return the mean duration at a memory size, seconds."""
        return self.io_s + self.cpu_mb_s / min(memory_mb, knee_mb())

    def cpu_fraction(self, memory_mb: float) -> float:
        """Return the share of the duration at this memory that is CPU work."""
        cpu_s = self.cpu_mb_s / min(memory_mb, knee_mb())
        return min(max(cpu_s / (self.io_s + cpu_s), 0.0), 1.0)

    def gb_s(self, memory_mb: float) -> float:
        """Return what a run is billed for at a memory size, GB s."""
        return self.duration_s(memory_mb) * memory_mb / GB_MB

    def __str__(self) -> str:
        """Return the curve as a line of text."""
        return (
            f"T(m) = {seconds(self.io_s)} (+- {seconds(self.io_se_s)}) + {self.cpu_mb_s:.4g} "
            f"(+- {self.cpu_se_mb_s:.2g}) MB s / min(m, {knee_mb():.0f}); {len(self.sizes)} sizes, "
            f"at most {self.worst_fraction:.1%} off"
        )


def fit(sizes: Mapping[int, FloatArray], effective_fraction: float, base_mb: int) -> MemoryCurve | None:
    """Return the curve through the means of several memory sizes, or None if there is one size below the knee only.

    Parameters
    ----------
    sizes : memory in MB -> (n,) durations, seconds above 0
    effective_fraction : 0..1, which share of its runs a sample is worth
    base_mb : the size for which the standard error of the share is given
    """
    if len({min(memory_mb, knee_mb()) for memory_mb in sizes}) < 2:
        return None
    memory = np.array(sorted(sizes), dtype=float)
    means = np.array([sizes[int(m)].mean() for m in memory])
    counts = np.array([sizes[int(m)].size for m in memory], dtype=float)
    # One spread for all sizes, so that a size with two runs that happen to agree is not taken for exact.
    spread = math.sqrt(_pooled_square(list(sizes.values())))
    weights = counts / means**2
    design = np.column_stack([np.ones_like(memory), 1 / np.minimum(memory, knee_mb())])
    columns = _free(design, means, weights)
    part = design[:, columns]
    inverse = np.linalg.inv(part.T @ (weights[:, None] * part))
    solved = inverse @ (part.T @ (weights * means))
    residual = means - part @ solved
    freedom = len(means) - len(columns)
    lack = float(np.sum(weights * residual**2) / freedom) if freedom > 0 else 0.0
    covariance = np.zeros((2, 2))
    variance = max(lack, spread**2 / max(effective_fraction, 1e-9))
    covariance[np.ix_(columns, columns)] = inverse * variance
    # A part that is 0 because it must not be below is not known to be 0: the share's error is that of both parts.
    both = np.linalg.inv(design.T @ (weights[:, None] * design)) * variance
    values = np.zeros(2)
    values[columns] = solved
    return MemoryCurve(
        io_s=float(values[0]),
        cpu_mb_s=float(values[1]),
        io_se_s=math.sqrt(covariance[0, 0]),
        cpu_se_mb_s=math.sqrt(covariance[1, 1]),
        fraction_se=_fraction_error(values, both, min(base_mb, knee_mb())),
        sizes={int(m): (int(n), float(t)) for m, n, t in zip(memory, counts, means, strict=True)},
        worst_fraction=float(np.max(np.abs(residual) / means)),
    )


def _pooled_square(samples: list[FloatArray]) -> float:
    """Return the squared coefficient of variation within sizes."""
    freedom = sum(sample.size - 1 for sample in samples)
    return sum(float(np.sum((sample / sample.mean() - 1) ** 2)) for sample in samples) / freedom if freedom else 0.0


def _free(design: FloatArray, means: FloatArray, weights: FloatArray) -> list[int]:
    """Return the parts (0 io, 1 cpu) that are above 0 in the best fit."""
    solved = np.linalg.solve(design.T @ (weights[:, None] * design), design.T @ (weights * means))
    return [0, 1] if (solved > 0).all() else [1] if solved[0] <= 0 else [0]


def _fraction_error(values: FloatArray, covariance: FloatArray, memory_mb: float) -> float:
    """Return the standard error of cpu/m / (io + cpu/m), to first order."""
    io_s, cpu_s = values[0], values[1] / memory_mb
    slope = np.array([-cpu_s, io_s / memory_mb]) / (io_s + cpu_s) ** 2
    return math.sqrt(max(float(slope @ covariance @ slope), 0.0))
