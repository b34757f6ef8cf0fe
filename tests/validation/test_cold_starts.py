"""Cold starts against a direct simulation that shares nothing with the machine."""

import numpy as np
import pytest

from chainkit import data
from chainkit.validation import cold_starts
from chainkit.validation.rows import cold_fraction, each, environments, spread

GIVEN = data.validation("cold_starts")["V3"]


def directly(row: dict[str, float], requests: int, seed: int) -> tuple[float, float]:
    """Return cold share and mean environments of Poisson requests, the most recently used idle one first."""
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(1 / row["rate_per_s"], requests))
    warm_s, cold_s = rng.exponential(GIVEN["warm_s"], requests), rng.exponential(GIVEN["cold_s"], requests)
    running: list[float] = []  # when each ends
    idle: list[float] = []  # since when, the latest last
    cold, alive_s, life_s = 0, 0.0, row["keep_alive_s"]
    for now_s, if_warm_s, if_cold_s in zip(arrivals.tolist(), warm_s.tolist(), cold_s.tolist(), strict=True):
        idle += sorted(end_s for end_s in running if end_s <= now_s)
        running = [end_s for end_s in running if end_s > now_s]
        alive_s += life_s * sum(since_s + life_s <= now_s for since_s in idle)
        idle = [since_s for since_s in idle if since_s + life_s > now_s]
        if idle:
            alive_s += now_s - idle.pop()
            work_s = if_warm_s
        else:
            cold += 1
            work_s = if_cold_s
        running.append(now_s + work_s)
        alive_s += work_s
    return cold / requests, alive_s / float(arrivals[-1])


@pytest.mark.slow
@pytest.mark.parametrize("row", GIVEN["rows"], ids=lambda row: f"{row['rate_per_s']:.3g}-{row['keep_alive_s']}")
def test_a_direct_simulation_finds_the_same_cold_share_and_environments(row: dict[str, float]) -> None:
    run = cold_starts.pool_run({**GIVEN, **row}, requests=100_000, replications=40)
    slow = np.array([directly(row, 100_000, seed) for seed in range(20)])

    for figure, column in ((cold_fraction, 0), (environments, 1)):
        ours, theirs = spread(each(run, figure, "f")), spread(slow[:, column].tolist())
        assert abs(ours.value - theirs.value) < 4 * np.hypot(ours.standard_error, theirs.standard_error)


def test_all_of_a_fleet_is_warm_before_its_first_step_and_half_of_it_after() -> None:
    assert cold_starts.warm_after(379, 10).value == 20
    half = cold_starts.warm_after(381, 100)
    assert abs(half.value - 10) < 4 * half.standard_error
