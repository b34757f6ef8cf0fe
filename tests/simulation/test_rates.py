"""Planned rates, drawn ones too: counts, gaps and instants as the theory of Poisson processes with a rate has them."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

import chainkit as ck
from chainkit.errors import ConfigError
from chainkit.simulation.rates import Curve
from tests.simulation.traffic import HOURS, OPEN, WEEKDAYS, FloatArray, arrivals_s, counts_within

HOUR_S, DAY_S, WEEK_S = 3600.0, 86_400.0, 604_800.0


def week_by_steps(at_s: FloatArray) -> FloatArray:
    """Return the rate at some instants of the week, as the docstring of Calendar has it."""
    hours = (at_s % WEEK_S // HOUR_S).astype(int)
    return np.array(HOURS)[hours % 24] * np.array(WEEKDAYS)[hours // 24]


def week_by_lines(at_s: FloatArray) -> FloatArray:
    """Return the same with straight lines between full hours; the plan begins Monday at ten."""
    hours = (36_000 + at_s) % WEEK_S / HOUR_S
    low, high = (week_by_steps((hours // 1 + k) * HOUR_S) for k in (0, 1))
    return low + hours % 1 * (high - low)


def drawn(at_s: FloatArray) -> FloatArray:
    """Return the rate of the drawn line, which jumps at 60 s and begins anew after 200."""
    at_s = at_s % 200
    rise, hill = 2 + 18 * at_s / 60, np.interp(at_s, [100, 140, 200], [0, 8, 2])
    return np.where(at_s < 60, rise, hill)


PLANS: dict[str, tuple[Callable[[FloatArray], FloatArray], list[float]]] = {
    "Ramp": (lambda t: np.minimum(8 * t / 600, 8), [0, 60, 300, 600, 700]),
    "Ramp down": (lambda t: np.maximum(20 - 19 * t / 300, 1), [0, 60, 250, 300, 400]),
    "Spike": (lambda t: np.where((t >= 100) & (t < 130), 40, 2), [0, 50, 100, 110, 130, 200]),
    "Spikes": (lambda t: np.where(t % 100 < 30, 0, 2), [0, 30, 60, 130, 200, 215, 330]),
    "Drawn": (drawn, [0, 30, 60, 100, 120, 200, 230, 330]),
    "Calendar by steps": (week_by_steps, [0, 7200, 18_000, 25_000, 40_000]),
    "Calendar by lines": (week_by_lines, [0, 1800, 5400, 9000]),
}
"""The rate of each load once more, and the instants between which arrivals are counted."""
plans = pytest.mark.parametrize("name", PLANS)


def expected(name: str, low_s: float, high_s: float) -> float:
    """Return the requests expected between two instants, by quadrature."""
    at_s = np.linspace(low_s, high_s, 200_001)
    return float(PLANS[name][0]((at_s[1:] + at_s[:-1]) / 2).mean() * (high_s - low_s))


def expected_gaps(name: str, at_s: FloatArray) -> FloatArray:
    """Return the requests expected between consecutive arrivals, by the rate's own integral."""
    grid_s = np.linspace(0, at_s[-1], 1_000_001)
    cumulative = integrate.cumulative_trapezoid(PLANS[name][0](grid_s), x=grid_s, initial=0.0)
    return np.diff(np.interp(at_s, grid_s, cumulative), prepend=0.0)


def thinned_s(name: str, until_s: float, rng: np.random.Generator) -> FloatArray:
    """Return arrivals by thinning (Lewis and Shedler 1979): another way to the same process."""
    rate = PLANS[name][0]
    most = rate(np.linspace(0, until_s, 10_001)).max()
    at_s = np.sort(rng.uniform(0, until_s, rng.poisson(most * until_s)))
    return at_s[rng.uniform(0, most, at_s.size) < rate(at_s)]


@plans
def test_the_curve_expects_what_the_integral_of_its_rate_says(name: str) -> None:
    edges_s = PLANS[name][1]
    for low_s, high_s in pairwise(edges_s):
        found = OPEN[name].expected_requests(high_s) - OPEN[name].expected_requests(low_s)
        assert found == pytest.approx(expected(name, low_s, high_s), rel=1e-4, abs=1e-4)


@plans
def test_mean_counts_of_every_interval_are_as_expected(name: str) -> None:
    edges_s, replications = PLANS[name][1], 60
    counts = counts_within(OPEN[name], edges_s, replications)

    for k, found in enumerate(counts.mean(axis=0)):
        mean = expected(name, edges_s[k], edges_s[k + 1])
        assert found == pytest.approx(mean, abs=4 * (mean / replications) ** 0.5 + 1e-9), edges_s[k]


@plans
def test_counts_vary_as_much_as_their_mean(name: str) -> None:
    edges_s, replications = PLANS[name][1], 60
    counts = counts_within(OPEN[name], edges_s, replications)
    means = np.array([expected(name, *pair) for pair in pairwise(edges_s)])
    busy = means > 0

    # squared deviations in units of the mean: a chi-square, but for the discreteness of small counts
    spread = ((counts[:, busy] - means[busy]) ** 2 / means[busy]).sum()
    size = counts[:, busy].size
    assert spread == pytest.approx(size, abs=4 * (2 * size * (1 + 1 / (2 * means[busy].min()))) ** 0.5)


@plans
def test_gaps_in_expected_requests_are_exponential(name: str) -> None:
    gaps = expected_gaps(name, arrivals_s(OPEN[name], 5_000))

    assert stats.kstest(gaps, "expon").pvalue > 1e-3


@plans
def test_thinning_gives_arrivals_of_the_same_law(name: str) -> None:
    load, rng, until_s = OPEN[name], np.random.default_rng(5), PLANS[name][1][-1]
    requests = int(2 * load.expected_requests(until_s) + 100)
    ours = [at_s[at_s < until_s] for at_s in (arrivals_s(load, requests, replication=r) for r in range(20))]
    theirs = [thinned_s(name, until_s, rng) for _ in range(20)]

    assert stats.ks_2samp(np.concatenate(ours), np.concatenate(theirs)).pvalue > 1e-3
    counts = [sum(each.size for each in found) for found in (ours, theirs)]
    assert abs(counts[0] - counts[1]) < 4 * sum(counts) ** 0.5


def test_nothing_arrives_where_the_rate_is_zero() -> None:
    at_s = arrivals_s(OPEN["Spikes"], 20_000)
    assert (at_s % 100 >= 30).all()

    hours = arrivals_s(OPEN["Calendar by steps"], 300_000) // HOUR_S
    assert not np.isin(hours % 24, [2, 3, 4]).any()


def test_sunday_rests_and_the_next_week_is_like_the_first() -> None:
    week = OPEN["Calendar by steps"]
    per_week = week.expected_requests(WEEK_S)

    assert week.expected_requests(6 * DAY_S) == per_week
    assert week.expected_requests(5 * WEEK_S + 9 * HOUR_S) == pytest.approx(
        5 * per_week + week.expected_requests(9 * HOUR_S), rel=1e-12
    )
    assert week.rate_per_s == pytest.approx(per_week / WEEK_S)


def test_a_calendar_may_begin_anywhere_in_the_week() -> None:
    week = ck.Calendar(hours_per_s=HOURS, weekdays=WEEKDAYS)
    saturday = ck.Calendar(hours_per_s=HOURS, weekdays=WEEKDAYS, start_s=5 * DAY_S)

    assert saturday.expected_requests(DAY_S) == pytest.approx(0.4 * 3600 * sum(HOURS))
    assert saturday.expected_requests(2 * DAY_S) == pytest.approx(saturday.expected_requests(DAY_S))
    assert saturday.expected_requests(WEEK_S) == pytest.approx(week.expected_requests(WEEK_S))
    assert saturday.expected_s(1) < DAY_S


def test_the_inverse_of_a_curve_is_its_inverse() -> None:
    curve = Curve([0, 1, 3, 4, 7], [0, 4, 0, 1], [4, 4, 0, 0])
    at_s = np.array([0.001, 0.5, 1.0, 2.9, 4.5, 6.99, 7.5, 9.25, 17_000.25])

    assert curve.seconds(curve.requests(at_s)) == pytest.approx(at_s, rel=1e-9)


def test_a_spike_that_begins_at_once_or_ends_with_its_period_has_no_empty_piece() -> None:
    full = ck.Spike(base_per_s=1, peak_per_s=3, at_s=5, duration_s=5, every_s=10)

    assert (full.rate_per_s, full.expected_requests(20)) == (2, 40)
    assert ck.Spike(base_per_s=1, peak_per_s=3, at_s=0, duration_s=5).expected_requests(10) == 20


def test_under_a_drawn_line_as_many_requests_come_as_it_has_area() -> None:
    hill = ck.Drawn(points=[(0, 2), (600, 10), (1200, 2)])
    counts = counts_within(hill, [0, 300, 600, 1500], 100)

    areas = [1200, 2400, 3600 + 1200]  # trapezoids by hand; the last one goes into the next hill
    assert [hill.expected_requests(at_s) for at_s in (300, 600, 1500)] == [1200, 3600, 8400]
    for found, area in zip(counts.mean(axis=0), areas, strict=True):
        assert found == pytest.approx(area, abs=4 * (area / 100) ** 0.5)


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("Ramp", {"start_per_s": -1}, "Ramp: start_per_s=-1 is outside"),
        ("Ramp", {"end_per_s": 0}, "Ramp: end_per_s=0 is outside 0..1000000 requests per second"),
        ("Ramp", {"end_per_s": None}, "end_per_s=None"),
        ("Ramp", {"duration_s": 0}, "Ramp: duration_s=0 is outside"),
        ("Ramp", {"duration_s": "10 min"}, "duration_s='10 min'"),
        ("Ramp", {"over_s": 3}, "'over_s' is unknown"),
        ("Spike", {"base_per_s": 0}, "Spike: base_per_s=0"),
        ("Spike", {"peak_per_s": float("inf")}, "Spike: peak_per_s=inf"),
        ("Spike", {"at_s": -1}, "Spike: at_s=-1"),
        ("Spike", {"every_s": 100}, r"every_s=100 is shorter than at_s \+ duration_s = 130"),
        ("Spike", {"at_s": 0, "every_s": 30, "peak_per_s": 0}, "peak_per_s=0 lasts for ever"),
        ("Calendar", {"hours_per_s": [1, 2, 3]}, "Calendar: hours_per_s has 3 entries; allowed: 24 numbers"),
        ("Calendar", {"hours_per_s": 4}, "Calendar: hours_per_s is 4"),
        ("Calendar", {"hours_per_s": "1" * 24}, "Calendar: hours_per_s is '1"),
        ("Calendar", {"hours_per_s": [*HOURS[:23], -1]}, r"hours_per_s\[23\]=-1 is outside"),
        ("Calendar", {"hours_per_s": [*HOURS[:23], "x"]}, r"hours_per_s\[23\]='x'"),
        ("Calendar", {"hours_per_s": [0] * 24}, "is 0 all week"),
        ("Calendar", {"weekdays": {"Monday": 1}}, "Calendar: weekdays is {'Monday': 1}"),
        ("Calendar", {"weekdays": [0] * 7}, "is 0 all week"),
        ("Calendar", {"weekdays": [1, 1, 1, 1, 1, 0.5, float("nan")]}, r"weekdays\[6\]=nan"),
        ("Calendar", {"shape": "smooth"}, "shape='smooth' is unknown"),
        ("Calendar", {"start_s": WEEK_S}, "start_s=604800.0 is outside"),
        ("Drawn", {"points": [(0, 1)]}, r"Drawn: points=\[\(0, 1\)\] is no list of 2 to 1,000 points"),
        ("Drawn", {"points": "steep"}, "Drawn: points='steep'"),
        ("Drawn", {"points": [(0, 1), 5]}, r"points\[1\]=5 is no pair"),
        ("Drawn", {"points": [(0, 1), (5, -1)]}, r"points\[1\]\[1\]=-1 is outside 0..1000000 requests per second"),
        ("Drawn", {"points": [(0, 1), (9, 1), (5, 1)]}, r"points\[2\]\[0\]=5 s comes before 9"),
        ("Drawn", {"points": [(1, 1), (5, 1)]}, r"points\[0\]\[0\]=1 s is not the start"),
        ("Drawn", {"points": [(0, 1), (0, 5)]}, "no requests under their line"),
        ("Drawn", {"points": [(0, 0), (5, 0)]}, "no requests under their line"),
    ],
)
def test_a_wrong_plan_is_one_clear_error(kind: str, change: dict[str, Any], message: str) -> None:
    right: dict[str, dict[str, Any]] = {
        "Ramp": {"start_per_s": 1, "end_per_s": 10, "duration_s": 60},
        "Spike": {"base_per_s": 1, "peak_per_s": 10, "at_s": 100, "duration_s": 30},
        "Calendar": {"hours_per_s": HOURS},
        "Drawn": {"points": [(0, 1), (60, 10)]},
    }
    with pytest.raises(ConfigError, match=message) as caught:
        getattr(ck, kind)(**{**right[kind], **change})

    assert caught.value.fix
