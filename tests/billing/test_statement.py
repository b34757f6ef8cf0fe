"""A bill as text: its table, and the story of each line."""

import re

import pytest

import chainkit as ck
from chainkit.billing.statement import matching, story, table
from chainkit.errors import ConfigError

MONTH = ck.estimate(
    {
        "app": ck.LambdaUse(requests=3e6, duration_ms=120, memory_mb=1536),
        "logs": ck.CloudWatchUse(lambda_logs_gb=20_000, dashboards=4),
        "idle": [],
    },
    free_tier=True,
)


def words(node, meter=None):
    return [f"{line.node} {line.price}" for line in matching(MONTH.lines, MONTH.nodes, node, meter)]


@pytest.mark.parametrize(
    ("node", "meter", "found"),
    [
        ("app", "GB-s", ["app lambda-gb-s-x86"]),
        ("app", "gb-s", ["app lambda-gb-s-x86"]),
        ("app", "run time", ["app lambda-gb-s-x86"]),
        ("app", "lambda", ["app lambda-requests", "app lambda-gb-s-x86"]),
        ("app", None, ["app lambda-requests", "app lambda-gb-s-x86"]),
        (None, "request", ["app lambda-requests"]),
        (None, "GB", ["logs logs-ingestion-gb"]),  # a unit comes before a part of a word
        ("idle", None, []),
    ],
)
def test_a_word_finds_the_lines_it_means(node, meter, found):
    assert words(node, meter) == found


@pytest.mark.parametrize(
    ("node", "meter", "problem", "fix"),
    [
        ("ap", None, r"node='ap' is not on this bill \(did you mean 'app'\?\)", "app, logs, idle"),
        ("app", "GB-month", r"meter='GB-month' is on no line of 'app'", r"request \(requests\); GB-s \(run time"),
        ("idle", "GB-s", "meter='GB-s' is on no line of 'idle'", "nothing is billed there"),
        ("app", 3, "meter=3 is on no line", "request"),
        ("app", "", "meter='' is on no line", "request"),
    ],
)
def test_what_is_not_on_the_bill_is_answered_with_what_is(node, meter, problem, fix):
    with pytest.raises(ConfigError, match=problem) as refusal:
        MONTH.explain(node, meter)

    assert re.search(fix, refusal.value.fix)


def test_the_story_of_a_line_tells_its_tiers_free_part_and_source():
    (line,) = matching(MONTH.lines, MONTH.nodes, "logs", "GB")

    assert story(line).splitlines() == [
        "logs: logs of functions",
        "  quantity  20,000 GB, as given",
        "  free      5, all of 5 a month and account, which it shares with the other prices of logs-ingestion",
        "  tiers     10,240 x $0.5 (of this price up to 10,240 a month)",
        "            9,755 x $0.25 (of this price up to 30,720 a month)",
        "  price     logs-ingestion-gb, CloudWatch pricing page (2025-05)",
        "            confidence B: read in a copy of an AWS page",
        f"            {line.list_price.note}",
        "  dollars   $7,558.75, exactly 7558.75",
    ]


def test_a_bill_is_explained_line_by_line():
    assert MONTH.explain().count("quantity") == len(MONTH.lines)
    assert MONTH.explain("idle") == "idle: nothing is billed"


def test_an_invoice_that_rounds_to_another_cent_is_shown_beside_the_exact_total():
    halves = {"a": ck.SqsUse(sends=12_500), "b": ck.SnsUse(publishes=10_000)}  # half a cent each
    rows = str(ck.estimate(halves)).splitlines()

    assert rows[-2].split()[-1] == "$0.01"
    assert rows[-1].split() == ["invoice", "each", "price", "rounded", "to", "the", "cent", "$0.02"]
    assert ck.estimate({"a": ck.SqsUse(sends=12_500), "b": ck.SqsUse(sends=12_500)}).invoice_usd == 0.01  # one price
    assert table([], 0.014, 0.01)[-1].startswith("total")
