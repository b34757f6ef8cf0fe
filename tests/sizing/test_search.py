"""The search: equal to all combinations on small spaces, made up and simulated; its front against brute force."""

import itertools
import math
import random
from collections.abc import Callable

import numpy as np
import pytest

import chainkit as ck
from chainkit.sizing.choices import Choice, Space
from chainkit.sizing.search import (
    HOPELESS,
    PROPOSALS,
    WIDEST,
    Desk,
    Goal,
    Judged,
    _guided,
    _Steps,
    _undominated,
    judge_by_sweep,
    search,
)


def desk_of(space: Space, value: Callable[[tuple[int, ...]], Judged]) -> Desk:
    """Return a desk that asks a function instead of a simulation."""

    class Asked(Desk):
        def __call__(self, designs) -> None:
            self.found |= {design: value(design) for design in designs if design not in self.found}

    return Asked(space, lambda chains: [])


def made_up(shape: tuple[int, ...], rng: random.Random) -> tuple[Space, Callable[[tuple[int, ...]], Judged]]:
    """Return a space, and figures that resemble a chain's: dearer is faster, times add up roughly, and more."""
    choices = tuple(Choice(f"f{i}.memory_mb", tuple(range(n)), rng.randrange(n)) for i, n in enumerate(shape))
    io, cpu = ([rng.uniform(0.01, 0.2) for _ in shape] for _ in range(2))
    weight = [rng.uniform(0.5, 3) for _ in shape]

    def value(design: tuple[int, ...]) -> Judged:
        times = [a + b / 2**m for a, b, m in zip(io, cpu, design, strict=True)]
        tail = math.sqrt(sum(t * t for t in times))  # of a percentile: no sum
        usd = sum(w * t * 2**m for w, t, m in zip(weight, times, design, strict=True))
        return Judged(usd, 0.6 * sum(times) + 0.8 * tail, 0.0)

    return Space(ck.Chain("made-up"), choices, {}), value


def goals(found: list[Judged]) -> list[Goal]:
    """Return limits from hardly reachable to hardly a limit, of time and of money."""
    times, usd = sorted(each.time_s for each in found), sorted(each.usd for each in found)
    places = [round(share * (len(found) - 1)) for share in (0.0, 0.02, 0.1, 0.3, 0.7)]
    return [Goal("usd", times[k]) for k in places] + [Goal("time_s", usd[k]) for k in places]


@pytest.mark.parametrize("shape", [(4, 4, 4), (8, 8), (3, 3, 3, 3, 3), (2, 5, 2, 5, 2)])
def test_the_guided_search_finds_what_all_combinations_find(shape: tuple[int, ...]) -> None:
    rng, gaps, tried = random.Random(str(shape)), [], []
    for _ in range(20):
        space, value = made_up(shape, rng)
        every = {design: value(design) for design in space.all()}
        for goal in goals([*every.values()]):
            desk = desk_of(space, value)
            _guided(space, desk, goal)
            found = desk.found[desk.best(goal)]
            optimum = min(every.values(), key=goal.rank)
            assert goal.is_met(found) == goal.is_met(optimum)
            gaps.append(getattr(found, goal.least) / getattr(optimum, goal.least) - 1)
            tried.append(len(desk.found) / len(every))

    # Not always: it stops where no single change and nothing that the model proposes is better.
    assert np.mean(np.array(gaps) < 1e-12) >= 0.99
    assert max(gaps) < 0.01
    assert np.mean(tried) < 0.6


def test_simulated_chains_have_the_same_optimum_by_both_ways() -> None:
    rng = random.Random(4)
    for k in range(3):
        chain = ck.Chain(f"chain-{k}")
        for name in "abc":
            law = ck.LogNormal(p50_s=(p50_s := rng.uniform(0.02, 0.5)), p99_s=p50_s * rng.uniform(1.5, 6))
            chain.add(ck.LambdaFunction(name, timeout_s=60, duration=law, cpu_fraction=rng.uniform(0.2, 1)))
        chain.connect("a", "b", step=1)
        chain.connect(rng.choice("ab"), "c", step=rng.choice([1, 2]), link=rng.choice(["sync", "async"]))
        sizes = (128, 512, 1769)
        space = Space(chain, tuple(Choice(f"{name}.memory_mb", sizes, 0) for name in "abc"), {})
        options = {"load": ck.Poisson(rate_per_s=5), "requests": 1_000, "seed": k, "requests_per_month": 1e7}
        every = Desk(space, judge_by_sweep("completion_p95_s", 10.0, options))
        every(space.all())
        for goal in goals([*every.found.values()]):
            desk = desk_of(space, every.found.__getitem__)
            _guided(space, desk, goal)
            assert desk.found[desk.best(goal)] == every.found[every.best(goal)]


def test_the_best_few_sums_within_any_limit_are_kept() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        choice, value = np.repeat(np.arange(4), 3), np.tile(np.arange(3), 4)
        least, limited = rng.normal(size=12).round(1), rng.normal(size=12).round(1)

        times, usd, designs = _Steps(choice, value, least, limited, 5.0).front()

        every = itertools.product(range(3), repeat=4)
        sums = {d: [sum(column[3 * i + v] for i, v in enumerate(d)) for column in (limited, least)] for d in every}
        assert len({tuple(map(int, d)) for d in designs}) == len(designs)
        for time_s, dollars, design in zip(times, usd, designs, strict=True):
            assert (time_s, dollars) == pytest.approx((5.0 + sums[tuple(design)][0], sums[tuple(design)][1]))
        for limit in np.linspace(times.min(), 8, 12):
            within = sorted(dollars for time_s, dollars in sums.values() if 5.0 + time_s <= limit + 1e-9)
            assert sorted(usd[times <= limit + 1e-9])[:PROPOSALS] == pytest.approx(within[:PROPOSALS])


def test_fronts_with_too_many_sums_are_thinned_and_keep_their_ends() -> None:
    n = 20_000
    kept = _undominated(-np.arange(n, dtype=float), np.arange(n, dtype=float))

    assert kept.size == WIDEST
    assert (kept[0], kept[-1]) == (0, n - 1)


def test_designs_that_lose_more_or_miss_the_limit_come_after_all_others() -> None:
    goal = Goal("usd", 1.0)
    designs = [Judged(9, 0.9, 0.0), Judged(5, 1.1, 0.0), Judged(5, 1.2, 0.0), Judged(1, 0.1, 0.2), HOPELESS]

    assert sorted([designs[k] for k in (4, 2, 0, 3, 1)], key=goal.rank) == designs
    assert [goal.is_met(each) for each in designs] == [True, False, False, False, False]


def test_of_equal_designs_the_one_with_fewest_changes_is_the_best() -> None:
    space = Space(ck.Chain("equal"), (Choice("a.x", (1, 2, 3), 1), Choice("b.x", (1, 2), 0)), {})
    desk = desk_of(space, lambda design: Judged(1.0, 1.0, 0.0))

    assert search(space, desk, desk, Goal("usd", 2.0)) == space.start


def test_what_few_requests_find_is_confirmed_with_all() -> None:
    space, value = made_up((4, 4, 4), random.Random(1))
    rng = random.Random(2)

    def rough(design: tuple[int, ...]) -> Judged:
        usd, time_s, bad = value(design)
        return Judged(usd, time_s * rng.uniform(0.97, 1.03), bad)

    every = {design: value(design) for design in space.all()}
    for goal in goals([*every.values()])[1:5]:
        found = search(space, desk_of(space, rough), desk_of(space, value), goal)
        assert every[found] == min(every.values(), key=goal.rank)


def test_a_design_that_cannot_be_simulated_is_hopeless_and_stops_no_other() -> None:
    chain = ck.Chain("flood")
    chain.add(ck.LambdaFunction("f", timeout_s=900, duration=ck.Constant(0.1)))
    other = chain.copy()
    other.add(ck.SnsTopic("news"))
    other.connect("f", "news")
    other.add(ck.LambdaFunction("g"))
    other.connect("news", "g", filter_policy={"kind": ["a"]})  # the traffic does not state it
    options = {"load": ck.Poisson(rate_per_s=5), "requests": 500, "seed": 1, "requests_per_month": 1e6}

    good, bad = judge_by_sweep("completion_p95_s", 1.0, options)([chain, other])

    assert math.isfinite(good.usd)
    assert bad == HOPELESS
