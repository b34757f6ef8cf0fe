"""The decision record: its numbers are those of the frames, and it names no winner that the intervals do not."""

import math
import re

import pytest

import chainkit as ck
from chainkit.deciding import _time_cell
from tests.examples import pair
from tests.words import numbers

LOAD = ck.Poisson(rate_per_s=4)


@pytest.fixture(scope="module")
def flows():
    return ck.variants(pair(error_rate=0.02), ["sns", "sqs", "standard"])


@pytest.fixture(scope="module")
def comparison(flows):
    return ck.compare(flows, LOAD, requests=4_000, seed=3, requests_per_month=1e7)


@pytest.fixture(scope="module")
def record(comparison, flows):
    return ck.decision("How does b get  its work?", comparison, options=flows, noun="orders", time="completion_p95_s")


def table(record):
    rows = [line.strip("| ").split(" | ") for line in record["Figures"].splitlines() if line.startswith("| ")]
    return {row[0]: dict(zip(rows[0], row, strict=True)) for row in rows[2:]}


def unit(text):
    return 1e-3 if " ms" in text else 1.0


def test_it_is_markdown_with_its_sections(record):
    text = str(record)

    assert text.startswith("# How does b get its work?\n\n## Answer\n\n")
    assert re.findall(r"^## (.*)$", text, re.M) == [heading for heading, _ in record.sections]
    assert record._repr_markdown_() == text
    assert "$" not in text  # a notebook would set what stands between two as a formula
    assert repr(record) == "Decision('How does b get its work?')"
    assert len(text.split()) < 1_200


def test_dollar_signs_of_whoever_asks_stay_dollar_signs_in_a_notebook(comparison):
    record = ck.decision("$5 or $10?", comparison)

    assert str(record).startswith("# $5 or $10?")
    assert record._repr_markdown_().startswith("# \\$5 or \\$10?")


def test_every_figure_of_the_table_is_that_of_the_comparison(record, comparison):
    found = table(record)

    assert [*found] == ["sns", "sqs", "standard"]
    for name, row in found.items():
        low, value, high = comparison.interval("completion_p95_s", name)
        cell = row["completion p95"]
        assert [each * unit(cell) for each in numbers(cell)] == pytest.approx([value, low, high], rel=0.006)
        low, value, high = comparison.interval("usd_per_month", name)
        assert numbers(row["USD a month"]) == pytest.approx([value, low, high], abs=0.0051)
        low, value, high = comparison.interval("lost", name)
        assert numbers(row["lost"]) == pytest.approx([value, low, high], abs=0.51)
        assert numbers(row["to operate"])[0] == comparison.to_frame().loc[name, "to_operate"]
        assert numbers(row["cold starts"])[0] == pytest.approx(
            100 * comparison.to_frame().loc[name, "cold_fraction"], abs=0.0051
        )


def test_its_sentences_are_those_of_the_comparison(record, comparison):
    lines = [line.removeprefix("* ") for line in record["Answer"].splitlines() if " instead of " in line]

    assert lines
    for line in lines:
        of, to = re.match(r"(\w+) instead of (\w+)", line).groups()
        assert line == ck.sentence(comparison, of, to, time="completion_p95_s", noun="orders")


def test_pairs_are_of_what_no_other_option_beats():
    cheap, dear = pair(), pair()
    dear.set("b", duration=ck.LogNormal(p50_s=0.3, p99_s=2.4))
    dearer = pair()
    dearer.set("b", duration=ck.LogNormal(p50_s=0.5, p99_s=4.0))
    three = ck.compare({"dear": dear, "dearer": dearer, "cheap": cheap}, LOAD, requests=1_000, seed=1)
    said = [line for line in ck.decision("Which?", three)["Answer"].splitlines() if " instead of " in line]

    assert ck.pareto(three, time="response_p99_s").to_frame()["is_on_front"].sum() == 1
    assert [line.split(" costs")[0] for line in said] == ["* cheap instead of dear"]
    first = ck.compare({"cheap": cheap, "dear": dear, "dearer": dearer}, LOAD, requests=1_000, seed=1)
    said = [line for line in ck.decision("Which?", first)["Answer"].splitlines() if " instead of " in line]
    assert [line.split(" costs")[0] for line in said] == ["* cheap instead of dear", "* cheap instead of dearer"]


def test_break_even_points_are_what_would_change_the_answer(flows):
    both = ck.compare({name: flows[name] for name in ("sqs", "standard")}, LOAD, requests=1_000, seed=1)
    turns = ck.decision("Which?", both, requests_per_month=1e7)["Would change the answer"]
    (point,) = ck.cost_at_scale(both).break_even("sqs", "standard")

    line = next(line for line in turns.splitlines() if line.startswith("* volume"))
    assert point.requests_per_month in [pytest.approx(each, rel=0.006) for each in numbers(line)]
    assert "not asked: what the figures rest on was not varied" in turns


def test_a_month_of_its_own_prices_all_of_it_anew(comparison):
    asked = ck.decision("Which?", comparison, requests_per_month=2e6, time="completion_p95_s")
    curve = ck.cost_at_scale(comparison)

    assert "At 2 million requests a month" in asked["Figures"]
    for name, row in table(asked).items():
        assert numbers(row["USD a month"])[0] == pytest.approx(curve.usd(name, 2e6).usd, abs=0.0051)
    assert "at 2 million requests" in asked["Answer"]


def test_no_winner_is_named_where_chance_explains_it():
    runs = {str(seed): ck.simulate(pair(), LOAD, requests=1_000, seed=seed) for seed in (3, 4)}
    bills = {name: ck.bill(run.chain, run, requests_per_month=1e6) for name, run in runs.items()}
    record = ck.decision("Which seed?", ck.Comparison(runs, bills), time="completion_p95_s")

    for what in ("Cheapest", "Fastest"):
        assert re.search(rf"\*\*{what}\*\* \([^)]*\): undecided; ", record["Answer"])
    assert "Beaten by no other" not in record["Answer"]
    assert "shows no difference" in record["Answer"]
    assert "simulated requests would decide" in record["Would change the answer"]


def test_assumptions_have_their_source_and_say_how_sure_they_are(record):
    grounds = record["Rests on"]

    assert re.search(r"latency.sqs_mapping \(22.2 ms in the mean\).*: measured; Luc van Donkersgoed.*\(2022\)", grounds)
    assert re.search(r"latency.http_api \(.*\): assumed; none measured", grounds)
    assert "init, wherever left at its default" in grounds
    assert re.search(r"stated in the design and the traffic: .*b\.error_rate", grounds)
    assert re.search(r"\d prices read in copies of AWS's list or pages \(data/README.md\): .*2026-09", grounds)


def test_a_doubtful_price_stands_alone():
    chain = pair()
    chain.set("b", provisioned_concurrency=2, architecture="arm64")
    both = ck.compare({"warm": chain, "cold": pair()}, LOAD, requests=500, seed=1)
    record = ck.decision("Keep b warm?", both)

    assert re.search(r"price.lambda-provisioned-gb-s-arm64, .*: confidence D; from memory", record["Rests on"])
    assert "price lambda-provisioned-gb-s-arm64 has confidence D" in record["Not modelled"]


def test_use_and_times_are_of_the_rate_that_was_run(record):
    assert re.search(
        r"those of (3\.9|4)\d* requests per second; the month has 3\.81", record["Rests on"]
    ), record["Rests on"]  # fmt: skip


def test_what_flips_and_what_to_measure_first_come_from_the_sensitivity():
    slow, fast = pair(), pair()
    fast.set("b", memory_mb=256)
    chains = {"small": slow, "large": fast}
    ranges = {"b.memory_mb": (128, 256), "a.duration": None}
    both = ck.compare(chains, LOAD, requests=500, seed=1, requests_per_month=1e7)
    found = ck.sensitivity(chains, LOAD, requests=500, seed=1, requests_per_month=1e7, ranges=ranges)
    turns = ck.decision("How large is b?", both, sensitivity=found)["Would change the answer"]

    assert found.measure_first in turns
    flips = [each for each in found.swings if each.flips == "yes"]
    assert flips or "none of" in turns
    assert all(each.supposition.name in turns for each in flips[:4])


def test_a_flip_is_written_with_both_ends():
    a, b = ck.Chain("a"), ck.Chain("b")
    a.add(ck.LambdaFunction("f", duration=0.25, memory_mb=1024, init=0))
    b.add(ck.LambdaFunction("g", duration=0.30, memory_mb=1024, init=0))
    chains = {"a": a, "b": b}
    both = ck.compare(chains, LOAD, requests=200, seed=1, requests_per_month=1e6)
    found = ck.sensitivity(chains, LOAD, requests=200, seed=1, requests_per_month=1e6, ranges={"f.duration": (0.5, 2)})
    turns = ck.decision("f or g?", both, sensitivity=found)["Would change the answer"]
    line = next(line for line in turns.splitlines() if line.startswith("* f.duration"))

    swing = next(each for each in found.swings if each.supposition.name == "f.duration")
    assert numbers(line) == pytest.approx([swing.at_low[1], 0.5, swing.at_high[1], 2], abs=0.0051)
    assert "that turns the decision" in turns


def test_a_sensitivity_of_other_designs_is_refused(comparison):
    other = ck.sensitivity({"p": pair()}, LOAD, requests=50, seed=1)

    with pytest.raises(ck.ConfigError, match="'p' is no option"):
        ck.decision("Which?", comparison, sensitivity=other)


def test_options_may_be_told_in_words(comparison):
    told = ck.decision("Which?", comparison, options={"sqs": "a queue that we know"})["Options"]

    assert "(a queue that we know)" in told
    assert "against sns: " in told


def test_what_it_takes_to_compute_it_again(record):
    assert record["Reproduce"].startswith(f"chainkit {ck.__version__}, seed 3, 4,000 requests in 10 replications;")
    assert "Poisson(rate_per_s=4)" in record["Reproduce"]


def test_what_never_completes_and_what_nobody_waits_for():
    assert _time_cell("completion_p99_s", math.inf, math.inf, math.inf) == "never"
    assert _time_cell("completion_mean_s", math.nan, math.nan, math.nan) == "never"
    assert _time_cell("response_p99_s", math.nan, math.nan, math.nan) == "nobody waits"
    assert _time_cell("response_p99_s", math.nan, 0.25, math.nan) == "250 ms"
    assert _time_cell("response_p99_s", 0.2, 0.25, math.inf) == "250 ms (200 or more)"
    assert _time_cell("response_p99_s", 0.2, 0.25, 1.2) == "250 ms (200 to 1,200)"


def test_faults_that_were_compared_stand_in_it():
    faults = {"b is down": {"b.error_rate": 1.0}, "queue stuck": {"b-queue>b.maximum_concurrency": 2}}
    flows = ck.variants(pair(), ["sync", "sqs"])
    both = ck.compare(flows, LOAD, requests=200, seed=3, requests_per_month=1e7, faults=faults)
    record, plain = ck.decision("Which?", both), ck.decision("Which?", ck.compare(flows, LOAD, requests=200, seed=3))
    lines = record["Figures"].partition("Under the fault *b is down*:")[2].splitlines()

    assert "* sync: lost 0 (without it 0), failed 200 (without it 0), completion p99 " in "\n".join(lines)
    assert "* sqs: lost 200 (without it 0), failed 0 (without it 0), completion p99 never" in lines
    assert "has no 'b-queue>b'" in next(line for line in lines[::-1] if line.startswith("* sync"))
    assert "* failures of a whole region or of AWS itself, but for what breaks above: b is down, queue stuck" in str(
        record
    )
    assert "Under the fault" not in str(plain)
    assert plain["Not modelled"].endswith("* failures of a whole region or of AWS itself")


def test_it_is_saved_as_it_reads(record, tmp_path):
    file = record.save(tmp_path / "decision.md")

    assert file.read_text(encoding="utf-8") == str(record)
    with pytest.raises(ck.ConfigError, match="cannot be written"):
        record.save(tmp_path / "no" / "folder.md")


def test_a_curve_with_other_prices_is_refused(comparison):
    other = ck.cost_at_scale(comparison, free_tier=True)

    with pytest.raises(ck.ConfigError, match="by the curve"):
        ck.decision("Which?", comparison, curve=other)
    assert ck.decision("Which?", comparison, curve=ck.cost_at_scale(comparison)).question == "Which?"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c, r: ck.decision(" ", c), "is no question"),
        (lambda c, r: ck.decision("Which?", c.runs), "nothing to decide between"),
        (lambda c, r: ck.decision("Which?", c, time="p95"), "'p95' is unknown"),
        (lambda c, r: ck.decision("Which?", c, requests_per_month="a"), "'a' is no volume"),
        (lambda c, r: ck.decision("Which?", c, options={"sqz": "words"}), "did you mean 'sqs'"),
        (lambda c, r: ck.decision("Which?", c, options=5), "options=5 is refused"),
        (lambda c, r: ck.decision("Which?", c, curve=5), "curve=5 is refused"),
        (lambda c, r: ck.decision("Which?", c, sensitivity=5), "sensitivity=5 is refused"),
        (lambda c, r: r["Figure"], "did you mean 'Figures'"),
    ],
)
def test_nonsense_is_refused(comparison, record, call, words):
    with pytest.raises(ck.ConfigError, match=words) as caught:
        call(comparison, record)
    assert caught.value.fix
