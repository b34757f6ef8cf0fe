"""The sentence that decides, in every case: what it says follows from the figures of the comparison and the curve."""

import math
import re

import pytest

import chainkit as ck
from chainkit.crossings import BreakEven, BreakEvens, Money
from chainkit.sentences import break_even_words, chosen_time, dollars, money_words, span
from tests.examples import pair
from tests.words import numbers

LOAD = ck.Poisson(rate_per_s=4)


@pytest.fixture(scope="module")
def both():
    return ck.compare(ck.variants(pair(), ["sqs", "sns", "sync"]), LOAD, requests=4_000, seed=1, requests_per_month=1e7)


def test_every_number_is_that_of_a_frame(both):
    text = ck.sentence(both, "sqs", "sns", time="completion_p50_s", noun="orders")
    usd = both.difference("usd_per_month", "sqs", "sns")
    wait = both.difference("completion_p50_s", "sqs", "sns")
    costs, saves = re.match(r"(.*) at 10 million orders, and (.*); it costs more at every volume", text).groups()

    assert costs.startswith("sqs instead of sns costs ")
    assert numbers(costs) == pytest.approx([usd[1]] if usd[0] == usd[2] else [usd[1], usd[0], usd[2]], abs=0.005)
    assert saves.startswith("saves ")
    assert saves.endswith("at completion p50")
    found = numbers(saves.removesuffix("50"))
    assert found == pytest.approx([-1e3 * wait[1], -1e3 * wait[2], -1e3 * wait[0]], rel=0.006)


def test_a_mean_is_a_time_too(both):
    low, _, high, _ = both.difference("completion_mean_s", "sqs", "sns")
    text = ck.sentence(both, "sqs", "sns", time="completion_mean_s")
    words = {-1: "saves", 1: "takes"}.get((low > 0) - (high < 0), "shows no difference")

    assert re.search(rf"and {words} .*in the mean completion", text)


def test_the_month_is_that_of_the_bills_unless_said_otherwise(both):
    assert "at 10 million requests" in ck.sentence(both, "sqs", "sns")
    assert "at 2 million requests" in ck.sentence(both, "sqs", "sns", requests_per_month=2e6)


def test_the_time_is_what_a_user_feels(both):
    assert "response p99" in ck.sentence(both, "sqs", "sync")
    polled = ck.Chain("polled")
    polled.add(ck.SqsQueue("in")), polled.add(ck.LambdaFunction("f")), polled.connect("in", "f")
    queues = ck.compare({"one": polled, "two": polled}, LOAD, requests=500, seed=1)

    assert "completion p99" in ck.sentence(queues, "one", "two")


def test_a_break_even_point_is_said_with_its_interval():
    flows = ck.variants(pair(), ["sqs", "standard"])
    both = ck.compare(flows, LOAD, requests=4_000, seed=1, requests_per_month=1e7)
    curve = ck.cost_at_scale(both)
    (point,) = curve.break_even("sqs", "standard")
    text = ck.sentence(both, "sqs", "standard", curve=curve)

    assert point.below == "standard"
    assert text == ck.sentence(both, "sqs", "standard")
    assert re.search(
        r"; below [\d,]+ a month \([\d,]+ to [\d,]+\) it costs more, by what a request uses at [\d.]+ a second\.$", text
    )
    assert numbers(text.split("; below ")[1].split(", by what")[0]) == pytest.approx(
        [point.requests_per_month, point.low, point.high], rel=0.006
    )
    at_point = ck.sentence(both, "sqs", "standard", requests_per_month=point.requests_per_month)
    assert "shows no difference in cost" in at_point
    above = ck.sentence(both, "sqs", "standard", requests_per_month=point.requests_per_month / 2)
    assert "USD" in above
    assert "a month more" in above
    assert re.search(r"; above [\d,]+ a month", above)


def test_equal_designs_cost_the_same_and_take_as_long():
    both = ck.compare({"one": pair(), "two": pair()}, LOAD, requests=500, seed=1, requests_per_month=1e6)

    assert ck.sentence(both, "one", "two", time="response_p50_s") == (
        "one instead of two costs the same at 1 million requests, and takes as long at response p50;"
        " both cost the same at every volume from 1,000 to 10^12 a month."
    )


def test_a_difference_that_chance_explains_is_none():
    runs = {
        str(seed): ck.compare({"x": pair()}, LOAD, requests=1_000, seed=seed, requests_per_month=1e6).runs["x"]
        for seed in (1, 2)
    }
    bills = {name: ck.bill(run.chain, run, requests_per_month=1e6) for name, run in runs.items()}
    text = ck.sentence(ck.Comparison(runs, bills), "1", "2", time="completion_p50_s")

    assert re.search(r"shows no difference in cost at 1 million requests \(-[\d.]+ to [\d.]+ USD a month\)", text)
    assert re.search(r"shows no difference at completion p50 \(-[\d.]+ to [\d.]+ ms\)", text)


def test_nobody_who_waits_has_no_response():
    polled = ck.Chain("polled")
    polled.add(ck.SqsQueue("in")), polled.add(ck.LambdaFunction("f")), polled.connect("in", "f")
    both = ck.compare({"polled": polled, "asked": pair()}, LOAD, requests=500, seed=1)
    text = ck.sentence(both, "polled", "asked", time="response_p95_s")

    assert "has no response to compare: nobody waits for an answer of polled;" in text


def test_what_never_completes_is_said():
    lossy = ck.variants(pair(poison_fraction=0.1), ["sqs"])["sqs"]
    both = ck.compare({"lossy": lossy, "kept": pair(), "again": lossy}, LOAD, requests=1_000, seed=1)
    say = {names: ck.sentence(both, *names, time="completion_p95_s") for names in (
        ("lossy", "kept"), ("kept", "lossy"), ("lossy", "again"))}  # fmt: skip

    assert "and leaves more than 5 % undone: p95 is never;" in say["lossy", "kept"]
    assert "and completes at p95, where lossy leaves more than 5 % undone;" in say["kept", "lossy"]
    assert "and completes at p95 in neither: both leave more than 5 % undone;" in say["lossy", "again"]


def test_the_mean_of_what_was_never_completed_is_no_number_and_is_not_for_want_of_an_answer():
    down, kept = (ck.variants(pair(error_rate=rate), ["async"])["async"] for rate in (1.0, 0.0))
    both = ck.compare({"down": down, "kept": kept}, LOAD, requests=200, seed=1)
    time = "completion_mean_s"
    record = ck.decision("Which?", both, time=time)

    assert "and has no completion to compare: nothing that down began was completed;" in ck.sentence(
        both, "down", "kept", time=time
    )
    assert both.verdict(time).text == "there is nothing to compare: nothing was completed"
    assert str(ck.pareto(both, time=time)).splitlines()[0] == "down: nothing was completed"
    assert "| down | never | never |" in record["Figures"]
    assert "nan" not in str(record).replace("\n", " ").split()


def test_without_intervals_it_says_so():
    few = ck.compare({"one": pair(), "two": pair(memory_mb=256)}, LOAD, requests=60, seed=1, replications=1)
    text = ck.sentence(few, "two", "one", time="completion_p99_s", requests_per_month=1e6)

    assert re.search(r"costs [\d.]+ USD a month more at 1 million requests \(no interval: one replication\)", text)
    other = ck.compare(ck.variants(pair(), ["sqs", "sns"]), LOAD, requests=60, seed=1)
    assert "(no interval: not enough requests)" in ck.sentence(other, "sqs", "sns", time="completion_p99_s")
    same = ck.compare({"one": pair(), "two": pair()}, LOAD, requests=60, seed=1)
    assert "and shows no difference at response p99 (no interval: not enough requests);" in ck.sentence(
        same, "one", "two", time="response_p99_s"
    )


def test_the_words_for_money():
    assert money_words(Money(-3.0, -2.0, -1.0), "at 5") == "costs 2.00 USD (1.00 to 3.00) a month less at 5"
    assert money_words(Money(2.0, 2.0, 2.0), "at 5") == "costs 2.00 USD a month more at 5"
    assert dollars(0.0) == "0.00"
    assert dollars(0.00002) == "0.00002"
    assert span(1.2, 3.456) == "1.2 to 3.46 s"
    assert span(-math.inf, 3.456) == "3.46 s or less"
    assert span(-math.inf, math.inf) == "unknown"


def test_the_words_for_several_points():
    points = BreakEvens(
        "a", "b", (BreakEven(1e5, 1e5, 1e5, "", "a"), BreakEven(1e6, 9e5, float("inf"), "a", "b"))
    )  # fmt: skip

    assert break_even_words(points, 5e5) == (
        "below 100,000 a month (100,000 to 100,000) both cost the same, "
        "above 1 million a month (at least 900,000) it costs more"
    )
    assert break_even_words(points, 5e6).startswith("below 1 million a month")
    assert break_even_words(BreakEvens("a", "b", (), "a"), 5e6) == (
        "it costs less at every volume from 1,000 to 10^12 a month"
    )


def test_nonsense_is_refused(both):
    with pytest.raises(ck.ConfigError, match="'p99' is unknown"):
        ck.sentence(both, "sqs", "sns", time="p99")
    with pytest.raises(ck.ConfigError, match="is no comparison"):
        ck.sentence(both.runs, "sqs", "sns")
    with pytest.raises(ck.ConfigError, match="requests_per_month=0 is no volume"):
        ck.sentence(both, "sqs", "sns", requests_per_month=0)
    with pytest.raises(ck.ConfigError, match="curve=3 is no curve"):
        ck.sentence(both, "sqs", "sns", curve=3)
    with pytest.raises(ck.ConfigError, match="'fifo' is unknown"):
        ck.sentence(both, "sqs", "fifo", time="completion_p99_s")


def test_designs_that_answer_at_the_same_time_are_told_apart_by_completion() -> None:
    chain = ck.Chain("two")
    first, second = chain.add(ck.LambdaFunction("a", timeout_s=10)), chain.add(ck.LambdaFunction("b", timeout_s=5))
    chain.connect(first, second, needs_answer=False)
    flows = ck.variants(chain, ["sync", "sqs", "sns"])
    three = ck.compare(flows, ck.Poisson(rate_per_s=4), requests=4_000, seed=1)

    assert chosen_time(three, "sqs", "sync") == "response_p99_s"
    assert chosen_time(three) == "response_p99_s"
    assert three.difference("response_p99_s", "sqs", "sns")[:3] == (0, 0, 0)
    assert chosen_time(three, "sqs", "sns") == "completion_p99_s"
