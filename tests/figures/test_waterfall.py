"""A waterfall: true to scale, but for long waits, which would hide what happens."""

import pytest

import chainkit as ck
from chainkit.figures.waterfall import Axis


def span(what, start_s, end_s, node="pay", **more):
    return ck.Span(node=node, what=what, start_s=start_s, end_s=end_s, **more)


def drawn(*spans):
    trace = ck.Trace(request="1", outcome="completed", response_s=0.5, completion_s=1.0, spans=spans)
    return ck.plot(trace).axes[0]


def test_without_long_waits_an_instant_stands_where_it_is():
    axis = Axis([span("invocation", 0, 1), span("queue wait", 1, 1.4), span("invocation", 1.4, 3)])

    assert axis.shortened == 0
    assert [axis.place(at_s) for at_s in (0, 0.7, 1.2, 3)] == pytest.approx([0, 0.7, 1.2, 3])


def test_each_long_wait_is_drawn_as_a_fifth_of_what_happens():
    axis = Axis(
        [span("invocation", 0, 2), span("retry wait", 2, 62), span("invocation", 62, 65), span("hidden", 65, 965)]
    )

    assert axis.shortened == 2
    assert [axis.place(at_s) for at_s in (2, 32, 62, 65, 965)] == pytest.approx([2, 2.5, 3, 6, 7])
    assert axis.starts_s == [0.0, 62]


def test_a_wait_beside_work_is_true_to_scale():
    axis = Axis([span("retry wait", 0, 60), span("invocation", 0, 60, node="other")])

    assert axis.shortened == 0
    assert axis.place(60) == 60


def test_an_execution_that_waits_does_nothing_meanwhile():
    axis = Axis([
        span("execution", 0, 3602, "flow"), span("invocation", 0, 1), span("state", 1, 3601, "flow"),
        span("invocation", 3601, 3602),
    ])  # fmt: skip

    assert axis.shortened == 1
    assert axis.place(3602) == pytest.approx(2.4)


def test_places_keep_the_order_of_instants():
    spans = [span(("invocation", "queue wait", "hidden")[k % 3], k * k, k * k + 7 * (k % 4)) for k in range(30)]
    axis = Axis(spans)
    places = [axis.place(at_s / 3) for at_s in range(3 * 900)]

    assert places == sorted(places)


def test_a_wait_alone_has_a_figure():
    assert Axis([span("queue wait", 0, 60)]).place(60) == 60
    assert drawn(span("queue wait", 0, 60)).get_yticklabels()[0].get_text() == "pay: queue wait"


def test_what_follows_a_long_wait_can_be_seen_and_the_axis_says_when():
    axes = drawn(span("invocation", 0, 0.5, status="error", reason="Down: no answer"), span("retry wait", 0.5, 120.5),
                 span("invocation", 120.5, 121, attempt=2))  # fmt: skip

    widths = [bar.get_width() for bar in axes.patches]
    assert widths == pytest.approx([0.5, 0.2, 0.5])
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "120.5"]
    assert "long waits are drawn shorter" in axes.get_xlabel()
    assert [text.get_text() for text in axes.texts] == ["500 ms  error  Down", "120 s", "500 ms"]
