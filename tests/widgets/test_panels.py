"""Panels: choices limited to what fits, refusals in the error's words, figures that follow."""

import pytest

import chainkit as ck
from chainkit.widgets.panels import EditPanel, FiguresPanel, TrafficPanel
from chainkit.widgets.state import State
from tests.examples import orders


@pytest.fixture
def state():
    return State(orders(), ck.Poisson(rate_per_s=4), requests=50, seed=1)


def test_adding_by_kind_and_name(state):
    panel = EditPanel(state)
    panel.kind.value = "SnsTopic"

    assert panel.name.value == "topic"
    panel.add.click()
    assert "topic" in state.chain.services
    assert panel.selection.value == "topic"


def test_a_name_that_aws_would_refuse_is_said_in_the_panel(state):
    panel = EditPanel(state)
    panel.name.value = "9 lives"
    panel.add.click()

    assert "is not a name" in panel.message.value


def test_targets_and_words_follow_the_source(state):
    panel = EditPanel(state)
    panel.source.value = "jobs"
    panel.target.value = "dead"

    assert set(panel.target.options) == set(state.targets("jobs"))
    assert panel.word.options == ("redrive",)


def test_connecting_makes_the_chosen_link(state):
    panel = EditPanel(state)
    panel.source.value, panel.target.value, panel.word.value = "validate", "pay", "async"
    panel.connect.click()

    assert state.chain.link("validate>pay").word == "async"


def test_where_nothing_fits_there_is_nothing_to_connect():
    chain = ck.Chain("one")
    chain.add(ck.SqsQueue("jobs"))
    panel = EditPanel(State(chain, ck.Poisson(rate_per_s=4), requests=50, seed=1))

    assert panel.connect.disabled is bool(not panel.word.options)


def test_a_new_chain_is_built_by_hand():
    chain = ck.Chain("new")
    state = State(chain, ck.Poisson(rate_per_s=4), requests=50, seed=1)
    panel = EditPanel(state)
    for kind, name in (("SqsQueue", "jobs"), ("LambdaFunction", "pay")):
        panel.kind.value = kind
        panel.name.value = name
        panel.add.click()
    panel.source.value, panel.target.value = "jobs", "pay"
    panel.connect.click()

    assert str(chain).splitlines()[1:] == ["  jobs: SQS queue", "    -> pay (mapping)", "  pay: Lambda function"]
    assert state.figures.run is not None


def test_services_and_links_are_selected_by_name(state):
    panel = EditPanel(state)
    panel.selection.value = "jobs>pay"

    assert state.selected == "jobs>pay"


def test_undo_takes_a_change_back(state):
    panel = EditPanel(state)
    panel.add.click()
    panel.undo.click()

    assert state.chain == orders()


def test_the_arrival_rate_is_changed(state):
    panel = TrafficPanel(state)
    panel.rate.value = "12.5"

    assert state.load.rate_per_s == 12.5


def test_a_refused_rate_is_said_beside_it(state):
    panel = TrafficPanel(state)
    panel.rate.value = "often"

    assert "rate_per_s=" in panel.message.value
    assert state.load.rate_per_s == 4


def test_the_figures_show_percentiles_with_intervals_bill_and_ledger(state):
    panel = FiguresPanel(state)
    state.refresh()

    for text in ("response p95", "95 % from", "a month at this rate", "completed", "seed 1"):
        assert text in panel.value


def test_the_figures_follow_a_change(state):
    panel = FiguresPanel(state)
    state.refresh()
    before = panel.value
    state.set("pay", memory_mb=2048)

    assert panel.value != before
    assert "running" not in panel.value


def test_the_first_errors_stand_where_the_figures_were(state):
    panel = FiguresPanel(state)
    state.set("jobs", visibility_timeout_s=1)

    assert "visibility_timeout_s=1" in panel.value
    assert "response p95" not in panel.value
