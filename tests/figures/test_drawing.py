"""Figures: each kind of thing has one, they say their numbers in words, and global settings stay as they were."""

import subprocess
import sys

import matplotlib as mpl
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import chainkit as ck
from tests.examples import EXAMPLES, orders

TRACE = ck.Trace(
    request="request 7", outcome="completed", response_s=0.3, completion_s=61.0,
    spans=[
        ck.Span(node="api", what="answer", start_s=0.0, end_s=0.3),
        ck.Span(node="validate", what="invocation", start_s=0.0, end_s=0.3),
        ck.Span(node="pay", what="invocation", start_s=0.4, end_s=0.9, status="error"),
        ck.Span(node="jobs", what="hidden", start_s=0.9, end_s=60.4),
        ck.Span(node="jobs", what="queue wait", start_s=60.4, end_s=60.4),
        ck.Span(node="pay", what="invocation", start_s=60.4, end_s=61.0, attempt=2),
    ],
)  # fmt: skip


@pytest.fixture(scope="module")
def run():
    return ck.simulate(orders(), ck.Poisson(rate_per_s=4), requests=500, seed=1)


@pytest.fixture(scope="module")
def bill(run):
    return ck.bill(run.chain, run, requests_per_month=1e6)


@pytest.fixture(scope="module")
def comparison():
    return ck.compare(
        {"small": orders(), "again": orders()}, ck.Poisson(rate_per_s=4), requests=500, seed=1, requests_per_month=1e6
    )


def words(axes):
    """Return every text in some axes."""
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    return [text.get_text() for text in axes.texts] + labels + [axes.get_title(loc="left")]


@pytest.mark.parametrize("make", EXAMPLES, ids=lambda make: make.__name__)
def test_a_chain_is_drawn_with_every_name_kind_and_word(make):
    chain = make()
    (axes,) = ck.plot(chain).axes

    assert {service.label for service in chain.services.values()} <= set(words(axes))
    assert {link.word.replace("_", " ") for link in chain.links.values()} <= set(words(axes))


def test_an_empty_chain_says_so():
    assert words(ck.plot(ck.Chain("new")).axes[0])[0] == "new: no services yet"


def test_a_variant_is_drawn_as_its_chain():
    chain = ck.Chain("two")
    chain.connect(chain.add(ck.LambdaFunction("a", timeout_s=9)), chain.add(ck.LambdaFunction("b", timeout_s=5)))
    variant = ck.variants(chain, ["sync"])["sync"]

    assert "a" in words(ck.plot(variant).axes[0])


def test_a_trace_is_a_waterfall_in_order_of_start():
    (axes,) = ck.plot(TRACE).axes

    assert [tick.get_text() for tick in axes.get_yticklabels()] == [
        "validate: invocation", "pay: invocation", "jobs: hidden", "pay: invocation (2)",
    ]  # fmt: skip
    assert [text.get_text() for text in axes.texts] == ["300 ms", "500 ms  error", "59.50 s", "600 ms"]


def test_the_answer_of_a_trace_is_a_line_in_the_legend():
    legend = [text.get_text() for text in ck.plot(TRACE).axes[0].get_legend().get_texts()]

    assert legend == ["invocation", "failed attempt", "wait for a retry", "answered after 300 ms"]


def test_a_trace_without_spans_has_a_figure():
    empty = ck.Trace(request="request 0", outcome="dropped", response_s=float("nan"), completion_s=0.0, spans=[])

    assert words(ck.plot(empty).axes[0]) == ["request 0: dropped"]


def test_a_run_shows_its_percentiles(run):
    (axes,) = ck.plot(run).axes
    drawn = sorted(line.get_xdata()[0] for line in axes.lines if line.get_marker() in "os")

    summary = run.summary()["value"]
    expected = sorted(value for name, value in summary.items() if "mean" not in name and value < float("inf"))
    assert drawn == pytest.approx(expected)


def test_a_percentile_that_never_ends_is_said_in_words():
    chain = ck.Chain("lossy")
    chain.connect(
        chain.add(ck.SqsQueue("jobs", visibility_timeout_s=10)),
        chain.add(ck.LambdaFunction("pay", duration=0.1, error_rate=1.0)),
    )
    chain.connect("jobs", chain.add(ck.SqsQueue("dead")), link="redrive", max_receive_count=1)
    run = ck.simulate(chain, ck.Poisson(rate_per_s=1), requests=50, seed=1, replications=2)

    assert words(ck.plot(run).axes[0])[0] == "completion: never ▸"


def test_the_bars_of_a_bill_add_up_to_its_total(bill):
    (axes,) = ck.plot(bill).axes

    assert sum(bar.get_width() for bar in axes.patches) == pytest.approx(bill.total_usd)


def test_the_bars_of_a_bill_stand_in_the_order_of_the_services(bill):
    (axes,) = ck.plot(bill).axes
    nodes = [tick.get_text().split(":")[0] for tick in axes.get_yticklabels()]

    assert list(dict.fromkeys(nodes)) == [name for name in bill.nodes if name in nodes]


def test_the_small_lines_of_a_long_bill_share_a_bar(bill):
    rows = [line for line in bill.lines for _ in range(5)]
    long = ck.Bill(**{**vars(bill), "lines": tuple(rows)})
    (axes,) = ck.plot(long).axes

    assert axes.get_yticklabels()[-1].get_text() == f"{len(rows) - 16} smaller lines"
    assert sum(bar.get_width() for bar in axes.patches) == pytest.approx(long.total_usd)


@pytest.mark.parametrize(
    "load",
    [
        ck.Poisson(rate_per_s=400),
        ck.Ramp(start_per_s=0, end_per_s=8, duration_s=600),
        ck.Calendar(hours_per_s=[1] * 24),
        ck.Bursts(phases=[(2, 90), (50, 10)]),
        ck.Drawn(points=[(0, 2), (600, 10), (1200, 2)]),
        ck.Replay.per_minute([30, 0, 600]),
        ck.Replay.times([0, 0]),
    ],
    ids=lambda load: type(load).__name__,
)
def test_a_load_shows_a_sample_and_what_is_expected(load):
    (axes,) = ck.plot(load).axes
    sample, expected = (patch.get_data() for patch in axes.patches)

    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a sample", "expected"]
    widths_s = load.seen_s / 200
    assert expected.values.sum() * widths_s == pytest.approx(load.expected_requests(load.seen_s), rel=1e-6, abs=2)
    assert sample.values.sum() == pytest.approx(expected.values.sum(), rel=0.5, abs=3 / widths_s)


def test_of_very_much_traffic_only_what_is_expected_is_drawn():
    (axes,) = ck.plot(ck.Calendar(hours_per_s=[1_000] * 24)).axes

    assert [patch.get_data().values.max() for patch in axes.patches] == pytest.approx([0, 1_000])


def test_a_closed_loop_has_no_figure_because_it_waits_for_answers():
    with pytest.raises(ck.SimulationError, match="waits for the answer"):
        ck.plot(ck.ClosedLoop(users=5, think=0))


def test_a_comparison_shows_times_beside_dollars(comparison):
    times, dollars = ck.plot(comparison).axes

    assert [tick.get_text() for tick in times.get_yticklabels()] == ["small", "again"]
    assert [bar.get_width() for bar in dollars.patches] == [b.total_usd for b in comparison.bills.values()]


def test_given_axes_are_drawn_into_and_returned(run, bill, comparison):
    for thing in (orders(), TRACE, run, bill, comparison):
        axes = Figure().add_subplot()

        assert ck.plot(thing, ax=axes) is axes
        assert isinstance(axes, Axes)
        assert words(axes)


def test_a_figure_shows_itself_as_png(run):
    assert ck.plot(run)._repr_png_().startswith(b"\x89PNG")


def test_a_thing_without_a_figure_is_refused_with_what_has_one():
    with pytest.raises(ck.ConfigError, match="no figure of a dict; allowed: Chain, Variant, Trace, Run, Bill"):
        ck.plot({})


def test_axes_that_are_none_are_refused(run):
    with pytest.raises(ck.ConfigError, match="plot: ax=3 is no matplotlib axes"):
        ck.plot(run, ax=3)


def test_plotting_changes_no_global_setting(run, bill, comparison):
    before = dict(mpl.rcParams)
    for thing in (orders(), TRACE, run, bill, comparison):
        ck.plot(thing)._repr_png_()

    assert dict(mpl.rcParams) == before


def test_plotting_does_not_load_pyplot():
    program = (
        "import sys, chainkit as ck; c = ck.Chain('c'); c.add(ck.SqsQueue('q')); ck.plot(c)._repr_png_();"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "False"
