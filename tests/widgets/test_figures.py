"""The figures as plain values: what is shown of every kind of chain, and how a change of them is told."""

import json
import math

import pytest

import chainkit as ck
from chainkit.widgets.figures import LEAST, MOST_ERRORS, OUTCOMES, Numbers, figures
from chainkit.widgets.reckoning import Reckoning
from chainkit.widgets.state import State

CHARGED = {"status": {"charged": 0.97, "declined": 0.03}}


def state_of(chain, requests=2_000, load=None, at=None):
    """Return a state whose figures are there."""
    state = State(chain, load or ck.Poisson(rate_per_s=4), requests=requests, seed=1, at=at)
    state.refresh()
    return state


def queue_and_function(**settings):
    """Return a chain in which nobody waits."""
    chain = ck.Chain("jobs")
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    chain.add(ck.LambdaFunction("pay", **{"timeout_s": 10, "duration": 0.2, **settings}))
    chain.connect("jobs", "pay")
    return chain


@pytest.fixture(scope="module")
def orders():
    return state_of(ck.example("orders"), 20_000, ck.Poisson(rate_per_s=4, attributes=CHARGED))


def tiles(made):
    return {tile["key"]: tile for tile in made["headline"]}


def test_an_empty_chain_says_what_to_do_first_and_shows_no_error():
    made = figures(state_of(ck.Chain("new")))

    assert "add a first service" in made["hint"]
    assert (made["errors"], made["run"], made["headline"], made["findings"]) == ([], None, [], [])


def test_what_the_panel_shows_is_plain_json_and_small(orders):
    text = json.dumps(figures(orders, before=Numbers.of(orders.figures), last=orders.figures), allow_nan=False)

    assert len(text) < 30_000


def test_it_is_said_which_run_it_is(orders):
    run = figures(orders)["run"]

    assert run["text"] == "20,000 requests, Poisson, 4 per second, seed 1"
    assert any("us-east-1" in note for note in run["notes"])


def test_a_closed_loop_is_told_by_its_users():
    made = figures(state_of(queue_and_function(), load=ck.ClosedLoop(users=3, think=1)))

    assert made["run"]["text"] == "2,000 requests, ClosedLoop, 3 users, seed 1"


def test_the_headline_is_response_completion_dollars_and_what_was_lost(orders):
    assert [*tiles(figures(orders))] == [
        "response_p50_s", "response_p95_s", "response_p99_s", "completion_p95_s", "usd", "million", "lost",
    ]  # fmt: skip


def test_where_nobody_waits_the_completion_is_shown():
    made = figures(state_of(queue_and_function()))

    assert [*tiles(made)][:4] == [f"completion_{each}_s" for each in ("p50", "p95", "p99", "p99.9")]
    assert {row["label"].split()[0] for row in made["percentiles"]["rows"]} == {"completion"}


def test_a_percentile_stands_inside_its_interval_and_on_the_plot(orders):
    rows = figures(orders)["percentiles"]["rows"]

    assert len(rows) == 10
    for row in rows:
        assert row["low"] <= row["x"] <= row["high"]
        assert row["low"] >= 0
        assert row["high"] <= 100


def test_later_percentiles_stand_further_right_and_the_marks_are_in_order(orders):
    percentiles = figures(orders)["percentiles"]
    responses = [row["x"] for row in percentiles["rows"] if row["label"].startswith("response")]

    assert responses == sorted(responses)
    assert [tick["x"] for tick in percentiles["ticks"]] == sorted(tick["x"] for tick in percentiles["ticks"])


def test_a_wide_spread_has_a_logarithmic_axis_and_a_narrow_one_starts_at_zero(orders):
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("pay", duration=0.2, init=0))
    narrow = figures(state_of(chain))["percentiles"]

    assert figures(orders)["percentiles"]["is_log"]
    assert (narrow["is_log"], narrow["ticks"][0]["text"]) == (False, "0")


def test_what_never_completes_is_drawn_to_the_right_of_all_times(orders):
    rows = figures(orders)["percentiles"]["rows"]
    never = [row for row in rows if row["never"]]

    assert [row["text"] for row in never] == ["never"]
    assert never[0]["x"] > max(row["x"] for row in rows if not row["never"])


def test_a_percentile_of_too_few_requests_has_no_interval():
    row = figures(state_of(queue_and_function(), requests=100))["percentiles"]["rows"][-1]

    assert (row["low"], row["high"], row["interval"]) == (None, None, "not enough requests")


def test_every_dollar_is_in_a_line_of_a_service(orders):
    bill = figures(orders)["bill"]

    assert bill["total"].startswith(orders.figures.bill.__repr__().split(", ")[1].split(" ")[0])
    assert sum(len(service["lines"]) for service in bill["services"]) == len(orders.figures.bill.lines)
    assert all("$" in line["why"] and " x " in line["why"] for service in bill["services"] for line in service["lines"])
    assert max(service["x"] for service in bill["services"]) == 100


def test_the_services_of_the_bill_keep_the_order_of_the_chain(orders):
    names = [service["name"] for service in figures(orders)["bill"]["services"]]

    assert names == [name for name in orders.chain.services if name in names]


def test_the_ledger_adds_up_and_what_is_rare_is_still_drawn(orders):
    rows = figures(orders)["ledger"]["rows"]

    assert [row["name"] for row in rows] == [*OUTCOMES]
    assert sum(int(row["count"].replace(",", "")) for row in rows) == 20_000
    assert sum(row["width"] for row in rows) == pytest.approx(100, abs=0.1)
    assert next(row["width"] for row in rows if row["name"] == "dead-lettered") > 100 * LEAST * 0.9
    assert next(row["width"] for row in rows if row["name"] == "failed") == 0


def test_lost_requests_are_a_share_of_all():
    chain = ck.Chain("lost")
    chain.add(ck.LambdaFunction("ask", duration=0.1, timeout_s=1, error_rate=0.25))
    made = figures(state_of(chain, requests=20_000))
    failed = next(row for row in made["ledger"]["rows"] if row["name"] == "failed")

    assert tiles(made)["lost"]["text"] == failed["part"]
    assert 4_600 < int(failed["count"].replace(",", "")) < 5_400


def test_the_bottleneck_is_named_with_its_figures(orders):
    bottleneck = figures(orders)["bottleneck"]
    bars = {bar["name"]: bar["x"] for bar in bottleneck["bars"]}

    assert bottleneck["where"] == "payment"
    assert "takes most of a request's time" in bottleneck["words"]
    assert max(bars, key=bars.__getitem__) == "payment"
    assert bars["payment"] == 100
    assert "environments that the account shares" in bottleneck["limit"]


def test_throttles_are_said_of_the_service_that_is_at_its_limit():
    chain = ck.Chain("narrow")
    chain.add(ck.LambdaFunction("ask", duration=1.0, timeout_s=3, reserved_concurrency=2))
    bottleneck = figures(state_of(chain))["bottleneck"]

    assert bottleneck["limit_where"] == "ask"
    assert "tries were throttled; 2 of the 2 environments reserved for it" in bottleneck["limit"]


# --- findings ---


def test_findings_are_grouped_worst_first_and_three_are_open(orders):
    groups = figures(orders)["findings"]
    rows = [row for group in groups for row in group["rows"]]

    assert [group["severity"] for group in groups] == ["high", "medium", "low"]
    assert [row["is_open"] for row in rows] == [True] * 3 + [False] * (len(rows) - 3)
    assert "chain.add(ck.SqsQueue('shipping-dead'))" in rows[0]["code"]
    assert rows[-1]["code"] == []


def test_findings_have_different_keys(orders):
    keys = [row["key"] for group in figures(orders)["findings"] for row in group["rows"]]

    assert len({*keys}) == len(keys)


# --- errors, and the chain before ---


def test_errors_come_with_their_fix_and_without_figures_if_there_never_were_any():
    chain = queue_and_function()
    chain.set("jobs", visibility_timeout_s=1)
    made = figures(state_of(chain))

    assert "visibility_timeout_s=1" in made["errors"][0]["problem"]
    assert "60" in made["errors"][0]["fix"]
    assert (made["run"], made["is_old"]) == (None, False)


def test_the_figures_of_the_chain_before_stay_while_it_cannot_be_run():
    state = state_of(queue_and_function())
    good = state.figures
    state.set("jobs", visibility_timeout_s=1)
    made = figures(state, before=Numbers.of(good), last=good)

    assert made["is_old"]
    assert made["errors"]
    assert made["headline"] == figures(state_of(queue_and_function()))["headline"]


def test_of_many_errors_the_first_are_shown_and_the_others_counted():
    chain = ck.Chain("many")
    for n in range(MOST_ERRORS + 2):
        chain.add(ck.SqsQueue(f"jobs-{n}", visibility_timeout_s=1))
        chain.add(ck.LambdaFunction(f"pay-{n}", timeout_s=10))
        chain.connect(f"jobs-{n}", f"pay-{n}")
    made = figures(state_of(chain))

    assert len(made["errors"]) == MOST_ERRORS
    assert made["more_errors"] >= 2


def test_an_attribute_that_the_traffic_does_not_state_is_an_error():
    made = figures(state_of(ck.example("orders")))

    assert "its filter looks at 'status'" in made["errors"][0]["problem"]


def test_when_the_last_service_is_gone_its_figures_go_too():
    state = state_of(queue_and_function())
    good = state.figures
    state.remove("jobs", "pay")

    assert figures(state, last=good)["run"] is None


# --- what a gesture changed ---


def test_a_gesture_is_told_by_what_each_figure_was():
    state = state_of(queue_and_function(cpu_fraction=1.0, memory_mb=128))
    before = Numbers.of(state.figures)
    was = tiles(figures(state))["completion_p95_s"]["text"]
    state.set("pay", memory_mb=1024)
    state.rest()
    made = figures(state, before=before)
    tile = tiles(made)["completion_p95_s"]

    assert tile["way"] == "better"
    assert tile["change"].endswith(f" % less, was {was}")
    assert f"completion p95 {tile['text']}, {tile['change']}" in made["say"]
    assert made["percentiles"]["rows"][0]["was"] > made["percentiles"]["rows"][0]["x"]


def test_what_did_not_change_is_as_before():
    state = state_of(queue_and_function())

    assert {tile["change"] for tile in figures(state, before=Numbers.of(state.figures))["headline"]} == {"as before"}


def test_without_a_gesture_nothing_is_said_of_a_change(orders):
    assert {(tile["way"], tile["change"]) for tile in figures(orders)["headline"]} == {("", "")}


def test_losses_where_there_were_none_are_more():
    chain = ck.Chain("sure")
    chain.add(ck.LambdaFunction("ask", duration=0.1, timeout_s=1))
    state = state_of(chain)
    before = Numbers.of(state.figures)
    state.set("ask", error_rate=0.5)

    assert tiles(figures(state, before=before))["lost"]["change"] == "more, was 0 %"


def test_a_quick_look_says_so_and_tells_no_change_that_it_cannot_see():
    state = state_of(queue_and_function(), requests=200_000)
    state.rest()
    before = Numbers.of(state.figures)
    state.figures = Reckoning(request_s=1.0)  # so slow that only the fewest requests are run
    state.set("pay", timeout_s=9)
    made = figures(state, before=before)

    assert state.figures.is_quick
    assert made["run"]["quick"] == "quick look; all 200,000 when your hand rests"
    assert made["run"]["text"].startswith("1,000 requests")
    assert tiles(made)["completion_p50_s"]["change"].startswith(("not clear yet, was", "as before"))


def test_numbers_of_no_run_are_none():
    assert Numbers.of(Reckoning()) is None


def test_a_never_is_worse_than_any_time():
    never = Numbers.of(state_of(queue_and_function(error_rate=1.0), requests=200).figures)

    assert never is not None
    assert never.times["completion_p95_s"].value == math.inf
