"""A winner only beyond chance: who is named, against whom, and what it would take to tell."""

import math

import pytest

import chainkit as ck
from chainkit.verdicts import Verdict, verdict

LOAD = ck.Poisson(rate_per_s=20)
FIGURE = "response_mean_s"


def function(**settings) -> ck.Chain:
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("f", **{"init": 0, "timeout_s": 900, "memory_mb": 1769, **settings}))
    return chain


def compared(requests: int = 2_000, seed: int = 1, **laws) -> ck.Comparison:
    designs = {name: function(duration=law) for name, law in laws.items()}
    return ck.compare(designs, LOAD, requests=requests, seed=seed, latency=ck.no_latency)


def own_draws(count: int, seed: int) -> ck.Comparison:
    """Compare functions of one law: draws belong to names, so each has its own."""
    designs = {}
    for k in range(count):
        designs[f"{k}"] = ck.Chain("one")
        designs[f"{k}"].add(ck.LambdaFunction(f"f{k}", duration=ck.Exponential(mean_s=0.1), init=0, memory_mb=1769))
    return ck.compare(designs, LOAD, requests=500, seed=seed, latency=ck.no_latency)


def test_the_least_wins_where_its_difference_to_all_others_is_beyond_chance():
    found = compared(slow=0.3, fast=0.1, middle=0.2).verdict(FIGURE)

    assert (found.winner, found.leader, found.against) == ("fast", "fast", "middle")
    assert found.requests_needed is None
    assert found.low <= found.value <= found.high < 0
    assert str(found).startswith("fast: 100 ms less than middle (100 ms to 100 ms), and less than 1 more; 2 intervals")


def test_what_lies_within_chance_has_no_winner():
    found = own_draws(2, seed=1).verdict(FIGURE)

    assert found.winner is None
    assert found.low < 0 <= found.high
    assert found.text.startswith("no difference seen between ")


def test_the_requests_that_would_decide_follow_from_the_interval():
    result = compared(a=ck.Exponential(mean_s=0.1), b=ck.LogNormal(p50_s=0.0777, p99_s=0.4))
    found = result.verdict(FIGURE)
    *_, value, high, _ = result.difference(FIGURE, found.leader, found.against)

    exact = 2_000 * ((high - value) / abs(value)) ** 2
    assert exact > 2_000
    assert found.winner is None
    assert exact <= found.requests_needed <= 1.1 * exact + 1
    assert f"about {found.requests_needed:,} requests would decide" in found.text


def test_as_many_requests_as_were_said_decide_about_every_second_time():
    law = {"a": ck.Exponential(mean_s=0.1), "b": ck.LogNormal(p50_s=0.075, p99_s=0.4)}
    truth = law["b"].mean_s - law["a"].mean_s
    low, _, high, _ = compared(20_000, **law).difference(FIGURE, "b", "a")
    enough = int(20_000 * ((high - low) / 2 / truth) ** 2)
    decided = sum(compared(enough, seed, **law).verdict(FIGURE).winner is not None for seed in range(40))

    assert 8 <= decided <= 32


def test_the_best_of_seven_alike_is_seldom_a_winner():
    assert sum(own_draws(7, seed).verdict(FIGURE).winner is not None for seed in range(60)) <= 6


def test_several_intervals_hold_at_once():
    result = compared(a=ck.Exponential(mean_s=0.1), b=ck.LogNormal(p50_s=0.1, p99_s=0.5), c=ck.Exponential(mean_s=0.3))
    alone, together = result.verdict(FIGURE, ["a", "b"]), result.verdict(FIGURE)

    assert alone.value == together.value
    assert together.low < alone.low
    assert together.high > alone.high


def test_equal_designs_have_no_winner():
    found = compared(a=0.1, b=0.1).verdict(FIGURE)

    assert found.winner is None
    assert found.requests_needed is None
    assert found.text == "no difference between a and b"


def test_what_is_too_rare_is_told_as_such():
    found = compared(50, a=0.1, b=0.2).verdict("response_p99_s")

    assert (found.winner, math.isnan(found.high)) == (None, True)
    assert found.text == "not enough requests to tell a from b"


def test_nobody_waits_for_an_answer_of_a_queue():
    designs = {}
    for name, work in (("a", 0.1), ("b", 0.2)):
        designs[name] = function(duration=work)
        designs[name].add(ck.SqsQueue("q", visibility_timeout_s=900))
        designs[name].connect("q", "f")
    found = ck.compare(designs, LOAD, requests=200, seed=1).verdict("response_p50_s")

    assert found.winner is None
    assert found.text == "there is nothing to compare: nobody waits for an answer"


def test_one_that_comes_to_an_end_wins_over_one_that_does_not():
    def lossy(poison: float) -> ck.Chain:
        chain = function(duration=0.1, poison_fraction=poison, maximum_retry_attempts=0)
        chain.add(ck.SnsTopic("t"))
        chain.connect("t", "f")
        return chain

    result = ck.compare({"whole": lossy(0.0), "leaks": lossy(0.1)}, LOAD, requests=2_000, seed=1)

    assert result.verdict("completion_p99_s").winner == "whole"
    assert (
        result.verdict("completion_p99_s").text
        == "whole: comes to an end, where more of leaks than that share does not"
    )
    assert result.verdict("lost").winner == "whole"


def test_a_rare_loss_is_no_winner_and_says_what_would_be_seen():
    found = compared(a=0.1, b=0.2).verdict("failed")

    assert found.winner is None
    assert found.text == (
        "no difference seen between a and b (at most 0.184 % less, 0.184 % more); "
        "2,000 requests would show a difference of 0.184 %; few events: exact limits"
    )


def test_no_difference_seen_has_limits_that_hold_for_all_that_are_level():
    class Known:
        """Differences of the leader "a" to others: the one nearest to it is not the one that varies most."""

        def __init__(self) -> None:
            self.runs = dict.fromkeys("abc", compared(50, a=0.1, b=0.2).runs["a"])

        def interval(self, figure, of):
            return (0.0, {"a": 1.0, "b": 1.02, "c": 1.01}[of], 2.0)

        def difference(self, figure, of, to, confidence):
            return {"b": (-0.05, -0.02, 0.01, ""), "c": (-0.03, -0.01, 0.02, "")}[to]

    found = verdict(Known(), FIGURE)

    assert (found.against, found.low) == ("c", -0.03)
    assert found.text.startswith("no difference seen between a, b and c (at most 50 ms less, 20 ms more)")


@pytest.mark.parametrize("of", [["a"], "a", [], 5])
def test_one_chain_is_nothing_to_choose_from(of):
    with pytest.raises(ck.ConfigError, match="leaves nothing to choose from"):
        compared(50, a=0.1, b=0.2).verdict(FIGURE, of)


def test_an_unknown_chain_or_figure_is_refused():
    result = compared(50, a=0.1, b=0.2)

    with pytest.raises(ck.ConfigError, match="'c' is unknown"):
        result.verdict(FIGURE, ["a", "c"])
    with pytest.raises(ck.ConfigError, match="'response_p5_s' is unknown"):
        verdict(result, "response_p5_s")


def test_a_verdict_is_a_value():
    found = compared(a=0.1, b=0.2).verdict(FIGURE)

    assert isinstance(found, Verdict)
    assert found == compared(a=0.1, b=0.2).verdict(FIGURE)
