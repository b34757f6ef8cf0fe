"""The front of time and cost: what is better in both, and what the intervals leave open."""

import math
from dataclasses import dataclass

import pytest

import chainkit as ck
from chainkit.fronts import Standing, _beats

LOAD = ck.Poisson(rate_per_s=4)


def work(duration, memory_mb=128, *, polled=False):
    made = ck.Chain("work")
    made.add(ck.SqsQueue("in")) if polled else made.add(ck.HttpApi("in"))
    made.add(ck.LambdaFunction("f", duration=duration, memory_mb=memory_mb, timeout_s=30))
    made.connect("in", "f")
    return made


@dataclass
class Known:
    """A comparison of which every interval is said."""

    rows: dict

    def difference(self, figure, of, to):
        low, high = self.rows[figure]
        return (low, (low + high) / 2, high, "")


@pytest.mark.parametrize(
    ("time", "money", "verdict"),
    [
        ((-2, -1), (-2, -1), True),
        ((-2, -1), (0, 0), True),  # faster, and costs exactly the same
        ((0, 0), (0, 0), False),  # the same design
        ((1, 2), (-2, -1), False),  # slower for certain
        ((-2, -1), (-1, 1), None),  # faster, and perhaps dearer
        ((-1, 1), (-1, 1), None),
        ((-1, 1), (1, 2), False),
        ((0, 0), (-1, 1), None),
    ],
)
def test_who_beats_whom(time, money, verdict):
    assert _beats(Known({"t": time, "m": money}), "one", "other", ("t", "m")) is verdict


def test_fast_and_dear_and_slow_and_cheap_are_both_on_the_front():
    chains = {"small": work(1.0), "large": work(0.3, 1024), "worse": work(1.5)}
    front = ck.pareto(ck.compare(chains, LOAD, requests=2_000, seed=1, latency=ck.no_latency))
    frame = front.to_frame()

    assert frame["is_on_front"].to_dict() == {"small": True, "large": True, "worse": False}
    assert frame["dominated_by"].to_dict() == {"small": "", "large": "", "worse": "small"}
    assert str(front).splitlines()[2] == "worse: beaten by small"


def test_where_intervals_do_not_tell_it_is_undecided():
    # one design, two seeds: which is faster, and which cheaper, is chance
    chain = work(ck.LogNormal(p50_s=0.1, p99_s=1.0))
    runs = {str(seed): ck.simulate(chain, LOAD, requests=1_000, seed=seed) for seed in (3, 4)}
    comparison = ck.Comparison(runs, {name: ck.bill(chain, run) for name, run in runs.items()})
    front = ck.pareto(comparison)

    assert [each.is_on_front for each in front.standings] == [None, None]
    assert front.to_frame()["undecided_with"].to_dict() == {"3": "4", "4": "3"}
    assert str(front).startswith("3: undecided: 4 may beat it")


def test_equal_designs_share_the_front():
    front = ck.pareto(ck.compare({"a": work(0.1), "b": work(0.1)}, LOAD, requests=500, seed=1))

    assert [each.is_on_front for each in front.standings] == [True, True]


def test_a_design_without_the_time_has_no_place():
    front = ck.pareto(
        ck.compare({"asked": work(0.1), "polled": work(0.1, polled=True)}, LOAD, requests=500, seed=1),
        time="response_p50_s",
    )

    assert front.standings[0].is_on_front is True
    assert front.standings[1].is_on_front is None
    assert "polled: nobody waits for its answer" in str(front)


def test_what_never_completes_is_beaten_by_what_does_and_is_cheaper():
    lossy = work(0.2)
    lossy.set("f", poison_fraction=0.2)
    lost = ck.Chain("lost")
    lost.add(ck.SqsQueue("in", visibility_timeout_s=60)), lost.add(ck.SqsQueue("dead"))
    lost.add(ck.LambdaFunction("f", duration=0.2, poison_fraction=0.2, timeout_s=10))
    lost.connect("in", "f"), lost.connect("in", "dead", link="redrive", max_receive_count=2)
    front = ck.pareto(ck.compare({"lost": lost, "kept": work(0.1)}, LOAD, requests=1_000, seed=1))

    assert math.isinf(front.standings[0].time_s[1])
    assert front.standings[0].dominated_by == ("kept",)


def test_intervals_in_the_table_are_those_of_the_comparison():
    runs = ck.compare({"a": work(0.1), "b": work(0.2)}, LOAD, requests=500, seed=1)
    frame = ck.pareto(runs).to_frame()

    assert tuple(frame.loc["b", ["usd_per_month_low", "usd_per_month", "usd_per_month_high"]]) == pytest.approx(
        runs.interval("usd_per_month", "b")
    )
    assert Standing("a", (1, 2, 3), (1, 2, 3), (), ("b",)).is_on_front is None


def test_nonsense_is_refused():
    runs = ck.compare({"a": work(0.1)}, LOAD, requests=100, seed=1)

    with pytest.raises(ck.ConfigError, match="did you mean 'response_p99_s'"):
        ck.pareto(runs, time="response_p99")
    with pytest.raises(ck.ConfigError, match="is no comparison"):
        ck.pareto(runs.runs)
