"""Bursts: means, shares of time and dispersion of counts as the theory of the MMPP has them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

import chainkit as ck
from chainkit.errors import ConfigError
from chainkit.simulation import draws
from tests.simulation.traffic import arrivals_s, counts_within

TWO = [(2.0, 9.0), (50.0, 1.0)]
THREE = [(0.0, 3.0), (5.0, 6.0), (80.0, 0.5)]


def generator(phases: Sequence[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the rates at which phases change into each other, and the share of time of each phase."""
    k = len(phases)
    changes = np.array([[1 / mean_s / (k - 1)] * k for _, mean_s in phases])
    np.fill_diagonal(changes, [-1 / mean_s for _, mean_s in phases])
    shares = np.array([mean_s for _, mean_s in phases])
    return changes, shares / shares.sum()


def dispersion(phases: Sequence[tuple[float, float]], time_s: float) -> float:
    """Return variance over mean of the counts within `time_s` of a stationary MMPP.

    From Var N(t) = mean t + 2 pi R (int_0^t (t - u) (exp(Q u) - e pi) du) R e, by the eigenvalues of Q.
    """
    changes, shares = generator(phases)
    rates = np.array([rate for rate, _ in phases])
    values, right = np.linalg.eig(changes)
    left = np.linalg.inv(right)
    total = 0.0
    for k, value in enumerate(values):
        if abs(value) > 1e-12:  # the other one is the stationary part
            integral = (np.exp(value * time_s) - 1 - value * time_s) / value**2
            total += (shares * rates @ right[:, k] * (left[k] @ rates) * integral).real
    return 1 + 2 * total / (shares @ rates * time_s)


def test_the_dispersion_of_two_phases_is_the_closed_form() -> None:
    (r1, s1), (r2, s2) = ((rate, 1 / mean_s) for rate, mean_s in TWO)
    closed = 1 + 2 * s1 * s2 * (r1 - r2) ** 2 / ((s1 + s2) ** 2 * (r1 * s2 + r2 * s1))  # Fischer 1993, large t

    assert dispersion(TWO, 1e7) == pytest.approx(closed, rel=1e-5)


@pytest.mark.parametrize("phases", [TWO, THREE], ids=["two phases", "three phases"])
@pytest.mark.parametrize("time_s", [1.0, 10.0, 200.0])
def test_counts_have_the_mean_and_dispersion_of_an_mmpp(phases: list[tuple[float, float]], time_s: float) -> None:
    load, replications = ck.Bursts(phases=phases), 1_500
    counts = counts_within(load, [0, time_s], replications)[:, 0]
    mean, variance = load.rate_per_s * time_s, load.rate_per_s * time_s * dispersion(phases, time_s)

    assert counts.mean() == pytest.approx(mean, abs=4 * (variance / replications) ** 0.5)
    fourth = ((counts - counts.mean()) ** 4).mean()
    assert counts.var(ddof=1) == pytest.approx(variance, abs=4 * ((fourth - counts.var() ** 2) / replications) ** 0.5)


def test_over_a_long_time_the_dispersion_is_the_asymptotic_one() -> None:
    at_s = arrivals_s(ck.Bursts(phases=TWO), 3_000_000)
    counts = np.diff(np.searchsorted(at_s, np.arange(0, at_s[-1], 300.0)))
    ratio = counts.var(ddof=1) / counts.mean()

    assert ratio == pytest.approx(dispersion(TWO, 1e9), rel=4 * (2 / counts.size) ** 0.5 + 1 / 300)


def test_the_counts_of_a_path_follow_its_stays() -> None:
    """The path is drawn once more from the sites that the documentation names, stay by stay."""
    load = ck.Bursts(phases=THREE)
    at_s = arrivals_s(load, 20_000, seed=7, replication=2)
    rows, phase, now_s, rates, edges_s = draws.table(ck.Exponential(mean_s=1)), -1, 0.0, [], [0.0]
    for n in range(4_000):
        u = draws.uniform(7, 2, "arrivals.phase", n)
        if phase < 0:
            phase = int(np.searchsorted(np.cumsum([3, 6, 0.5]) / 9.5, u, side="right"))
        else:
            phase = [k for k in range(3) if k != phase][min(int(u * 2), 1)]
        unit = draws.sample(rows, draws.word(draws.site_key(7, 2, "arrivals.sojourn"), n, 0))
        now_s += unit * THREE[phase][1]
        rates.append(THREE[phase][0])
        edges_s.append(now_s)
    assert now_s > at_s[-1]
    cumulative = np.concatenate([[0], np.cumsum(np.diff(edges_s) * rates)])

    gaps = np.diff(np.interp(at_s, edges_s, cumulative), prepend=0.0)
    assert stats.kstest(gaps, "expon").pvalue > 1e-3
    assert not (np.array(rates)[np.searchsorted(edges_s, at_s) - 1] == 0).any()


def test_each_phase_has_its_share_of_time_and_of_requests() -> None:
    load = ck.Bursts(phases=[(1.0, 900.0), (100.0, 100.0)])
    at_s = arrivals_s(load, 2_000_000)
    per_10_s = np.diff(np.searchsorted(at_s, np.arange(0, at_s[-1], 10.0)))
    busy = (per_10_s > 300).mean()

    stays = at_s[-1] / 1000
    assert busy == pytest.approx(0.1, abs=4 * 0.1 * (2 * 0.81 / stays) ** 0.5 + 0.005)


def test_phases_with_few_requests_cost_no_memory() -> None:
    load = ck.Bursts(phases=[(1.0, 0.02), (0.5, 0.01)])
    at_s = arrivals_s(load, 20_000, block=5_000)

    assert at_s[-1] == pytest.approx(load.expected_s(20_000), rel=0.05)


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ([(2, 90)], "is no list of 2 to 64 phases"),
        (3, "phases=3 is no list"),
        ("ab", "phases='ab' is no list"),
        ([2, 90], r"phases\[0\]=2 is no pair"),
        ([(2, 90), (1, 2, 3)], r"phases\[1\]=\(1, 2, 3\) is no pair"),
        ([(2, 90), (-1, 10)], r"phases\[1\]\[0\]=-1 is outside 0..1000000 requests per second"),
        ([(2, 90), ("x", 10)], r"phases\[1\]\[0\]='x'"),
        ([(2, 0), (5, 10)], r"phases\[0\]\[1\]=0 is outside 0..100,000,000 s"),
        ([(0, 9), (0, 10)], "bring 0 requests per stay in the mean"),
        ([(1, 0.001), (2, 0.001)], "bring 0.0015 requests per stay"),
    ],
)
def test_wrong_phases_are_one_clear_error(phases: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        ck.Bursts(phases=phases)

    assert caught.value.fix
