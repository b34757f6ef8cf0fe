"""Pictures of what a run shows besides percentiles: over time, where the time goes, where it breaks."""

import pytest
from matplotlib.figure import Figure

import chainkit as ck
from chainkit.figures import runs, waterfall


def chain():
    chain = ck.Chain("shop")
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    chain.add(ck.LambdaFunction("pay", duration=0.5, timeout_s=5, error_rate=0.1, reserved_concurrency=3))
    chain.connect("jobs", "pay", batch_size=1, maximum_concurrency=3)
    return chain


@pytest.fixture(scope="module")
def run():
    return ck.simulate(chain(), ck.Poisson(rate_per_s=8), requests=2_000, seed=1, replications=2)


def titles(figure):
    return [axes.get_title(loc="left") for axes in figure.axes]


def test_a_run_over_time_has_a_panel_for_what_there_is(run):
    figure = ck.plot(run.series)

    assert titles(figure) == [
        "environments that run", "cold starts, share of invocations", "messages that wait",
        "age of the oldest message that waits, seconds",
    ]  # fmt: skip
    backlog = figure.axes[2].lines[0].get_ydata()
    assert backlog.max() == run.series["backlog_mean"].max()
    assert "last arrival" in [text.get_text() for text in figure.axes[0].texts]


def test_a_run_in_which_nothing_happens_says_so():
    quiet = ck.Chain("quiet")
    quiet.add(ck.SqsQueue("jobs"))
    quiet.add(ck.LambdaFunction("never", duration=0.1))
    quiet.connect("jobs", "never", maximum_batching_window_s=300)
    run = ck.simulate(quiet, ck.Steady(rate_per_s=1), requests=3, seed=1, replications=1, drain_s=0)
    frame = run.series[run.series["node"] == "never"]

    assert [text.get_text() for text in ck.plot(frame).axes[0].texts] == ["quiet: nothing ran, and nothing waited"]


def test_blame_shows_the_mean_beside_the_tail(run):
    frame = run.blame()
    left, right = ck.plot(frame).axes

    assert sum(bar.get_width() for bar in left.patches) == pytest.approx(frame["mean_s"].sum())
    assert sum(bar.get_width() for bar in right.patches) == pytest.approx(frame["tail_s"].sum())
    assert left.get_yticklabels()[0].get_text() == f"{frame.loc[0, 'node']}: {frame.loc[0, 'reason']}"
    assert titles(left.figure)[1].startswith("the slowest 1 %: ")


def test_of_very_many_parts_the_smallest_share_a_bar(run, monkeypatch):
    monkeypatch.setattr(runs, "MOST_PARTS", 3)
    frame = run.blame()
    left, right = ck.plot(frame).axes

    assert left.get_yticklabels()[-1].get_text() == f"{len(frame) - 2} smaller parts"
    assert sum(bar.get_width() for bar in right.patches) == pytest.approx(frame["tail_s"].sum())


def test_a_breaking_point_shows_every_rate_that_was_tried():
    point = ck.breaking_point(chain(), ck.Poisson(rate_per_s=1), seed=1, precision=0.2)
    (axes,) = ck.plot(point).axes
    drawn = sorted(x for line in axes.lines if line.get_marker() in "oX^" for x in line.get_xdata())

    assert drawn == pytest.approx(point.to_frame()["rate_per_s"].tolist())
    assert "the backlog of jobs grows without bound" in titles(axes.figure)[0].replace("\n", " ")


def test_axes_that_are_given_are_drawn_into(run):
    for thing in (run.series, run.blame()):
        axes = Figure().add_subplot()

        assert ck.plot(thing, ax=axes) is axes
        assert axes.get_title(loc="left")


def test_any_other_table_draws_itself(run):
    with pytest.raises(ck.ConfigError, match="no figure of a DataFrame"):
        ck.plot(run.nodes)


def test_a_cold_start_is_drawn_into_its_invocation():
    cold = ck.Chain("cold")
    cold.add(ck.LambdaFunction("f", duration=1.0, init=2.0))
    trace = ck.simulate(cold, ck.Steady(rate_per_s=1), requests=1, seed=1, replications=1).trace(0)
    (axes,) = ck.plot(trace).axes

    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["f: invocation"]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([3.0, 2.0])
    assert [text.get_text() for text in axes.texts] == ["3.00 s  cold start"]


def test_a_long_trace_shows_its_longest_spans():
    spans = [ck.Span(node="f", what="hop", start_s=i, end_s=i + 1 + i / 100) for i in range(100)]
    long = ck.Trace(request="request 1", outcome="completed", response_s=1.0, completion_s=200.0, spans=spans)
    (axes,) = ck.plot(long).axes

    assert len(axes.get_yticklabels()) == waterfall.MOST_ROWS
    assert axes.get_xlabel() == "seconds since the request entered (60 shorter spans are not drawn)"
    assert axes.patches[0].get_x() == 60.0
