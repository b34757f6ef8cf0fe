"""The history panel: every step as a line of Python that does the same."""

import chainkit as ck
from chainkit.widgets.history import HistoryPanel
from tests.examples import orders


def test_the_lines_do_the_same_to_the_chain_at_the_start():
    panel = HistoryPanel(orders())
    panel.state.add("SnsTopic", "news")
    panel.state.connect("pay", "news")
    panel.state.rename("jobs", "queue")
    panel.state.move({"pay": (10, 20)})
    panel.state.group("Payments", ["pay"])
    names = {"ck": ck, "chain": orders()}
    exec(panel.twin(), names)

    assert names["chain"] == panel.state.chain
    assert (names["chain"].layout, names["chain"].groups) == (panel.state.chain.layout, panel.state.chain.groups)


def test_a_step_taken_back_is_a_line_less():
    panel = HistoryPanel(orders())
    panel.state.add("SnsTopic", "news")
    assert "ck.SnsTopic(" in panel.lines.value
    panel.state.undo()

    assert "nothing has been done yet" in panel.lines.value


def test_names_are_shown_as_text_and_no_markup():
    panel = HistoryPanel(orders())
    panel.state.group("<b>A</b>", ["pay"])

    assert "<b>A" not in panel.lines.value
    assert "&lt;b&gt;A" in panel.lines.value
