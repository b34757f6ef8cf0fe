"""The traffic panel without a browser: what is chosen, typed and drawn becomes the load; refusals are said."""

import pytest

import chainkit as ck
from chainkit.widgets.state import State
from chainkit.widgets.traffic import TrafficPanel
from chainkit.widgets.traffic_kinds import KINDS
from tests.widgets.test_traffic_kinds import ATTRIBUTES, LOADS

loads = pytest.mark.parametrize("load", LOADS, ids=lambda load: type(load).__name__)


def one() -> ck.Chain:
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("f", duration=0.1))
    return chain


@pytest.fixture
def panel() -> TrafficPanel:
    return TrafficPanel(State(one(), ck.Poisson(rate_per_s=4), requests=100, seed=1))


@pytest.fixture
def drawing() -> TrafficPanel:
    load = ck.Drawn(points=[(0, 2), (600, 10), (1200, 2)], attributes=ATTRIBUTES)
    return TrafficPanel(State(one(), load, requests=100, seed=1))


@loads
def test_what_a_cell_sets_is_shown_and_typed_again_it_is_the_same_load(panel, load):
    panel.state.set_load(load)
    assert panel.kind.control.value == type(load).__name__

    for field in panel.fields.values():
        text = field.control.value
        if text and not hasattr(field.control, "options"):
            field.control.value = f" {text}"
            assert field.message.value == ""
    assert panel.load == load


@pytest.mark.parametrize("kind", KINDS)
def test_another_kind_is_chosen_and_run_at_the_same_rate(panel, kind):
    panel.state.refresh()
    panel.kind.control.value = kind

    assert type(panel.load) is KINDS[kind]
    assert panel.load.rate_per_s == pytest.approx(4, rel=1e-3)
    assert panel.state.figures.run.load == panel.load
    assert [*panel.fields] == [field.control.description for field in panel.fields.values()]


def test_a_kind_that_refuses_the_rate_is_said_and_the_last_one_stays(panel):
    panel.rate.control.value = "1e-5"
    panel.kind.control.value = "Bursts"

    assert "requests per stay in the mean" in panel.kind.message.value
    assert (panel.kind.control.value, type(panel.load)) == ("Poisson", ck.Poisson)


def test_the_rate_is_typed_and_a_wrong_one_is_said_beside_it(panel):
    panel.rate.control.value = "12.5"
    assert panel.load.rate_per_s == 12.5

    panel.rate.control.value = "often"
    assert "rate_per_s=" in panel.rate.message.value
    assert (panel.load.rate_per_s, panel.rate.control.value) == (12.5, "often")

    panel.rate.control.value = "8"
    assert (panel.load.rate_per_s, panel.rate.message.value) == (8, "")


def test_the_rate_of_users_is_refused_in_words(panel):
    panel.kind.control.value = "ClosedLoop"
    panel.rate.control.value = "9"

    assert "change users or think" in panel.rate.message.value
    assert panel.load.users == 4


@pytest.mark.parametrize(
    ("kind", "name", "text", "words"),
    [
        ("Ramp", "duration_s", "soon", "is outside 0..100,000,000 s"),
        ("Spike", "every_s", "100", "is shorter than at_s + duration_s"),
        ("Calendar", "hours_per_s", "[1, 2]", "has 2 entries; allowed: 24 numbers"),
        ("Bursts", "phases", "[1", "cannot be read"),
        ("ClosedLoop", "users", "2.5", "users=2.5 is outside 1..1,000,000"),
        ("Drawn", "points", "[[0, 1], [5, -1]]", "points[1][1]=-1 is outside"),
        ("Replay", "counts", "[0.5]", "no whole number"),
    ],
)
def test_a_refused_parameter_stays_beside_its_reason_and_the_load_stays_too(panel, kind, name, text, words):
    panel.kind.control.value = kind
    before, field = panel.load, panel.fields[name]
    field.control.value = text
    panel.state.refresh()

    assert words in field.message.value
    assert 'role="alert"' in field.message.value
    assert (field.control.value, panel.load) == (text, before)


def test_a_number_is_typed_with_its_unit(panel):
    panel.kind.control.value = "Ramp"
    panel.fields["duration_s"].control.value = "1.5 min"

    assert panel.load.duration_s == 90


def test_every_field_has_a_label_and_help(panel):
    for kind in KINDS:
        panel.kind.control.value = kind
        fields = [panel.kind, panel.rate, panel.attributes, panel.requests, panel.seed, *panel.fields.values()]

        assert [
            field.control.description for field in fields if not (field.control.description and field.control.tooltip)
        ] == []


# --- the curve ---


def send(panel, **gesture):
    """Send a gesture as the browser does, and return the answer."""
    answers = []
    panel.curve.send = answers.append
    panel.curve._hear({"n": "1", **gesture})
    return answers[0]


def test_drawn_points_are_the_load_and_the_figures_follow(drawing):
    before = drawing.state.figures

    assert send(drawing, kind="points", points=[[0, 2], [300, 20], [1200, 2]]) == {"to": "1"}
    assert drawing.load == ck.Drawn(points=[(0, 2), (300, 20), (1200, 2)], attributes=ATTRIBUTES)
    assert drawing.state.figures is not before
    assert drawing.state.figures.run.load == drawing.load
    assert drawing.curve.scene["points"] == [[0, 2], [300, 20], [1200, 2]]
    assert drawing.rate.control.value == f"{drawing.load.rate_per_s:g}"


def test_points_that_are_no_traffic_are_answered_with_the_reason(drawing):
    before = drawing.load
    answer = send(drawing, kind="points", points=[[0, 0], [1200, 0]])

    assert "no requests under their line" in answer["refusal"]["problem"]
    assert drawing.load is before


def test_when_the_hand_rests_all_requests_are_run(drawing):
    drawing.state.requests = 5_000
    for rate in (3, 4):
        send(drawing, kind="points", points=[[0, rate], [1200, 2]])
    assert send(drawing, kind="rest") == {"to": "1"}

    assert not drawing.state.figures.is_quick
    assert drawing.state.figures.run.requests == 5_000


def test_points_for_traffic_that_has_none_are_refused(panel):
    assert "Poisson has no points" in send(panel, kind="points", points=[[0, 1], [9, 1]])["refusal"]["problem"]
    assert "gesture 'dance' is unknown" in send(panel, kind="dance")["refusal"]["problem"]


def test_a_preset_time_span_and_peak_shape_the_curve(drawing):
    next(button for button in drawing.presets if button.description == "spike").click()
    drawing.span.control.value = "2 h"
    drawing.peak.control.value = "60"

    assert drawing.load.seen_s == 7200
    assert max(rate for _, rate in drawing.load.points) == pytest.approx(60)
    assert len(drawing.load.points) == 6


@pytest.mark.parametrize("text", ["soon", "0 s", "-5 min"])
def test_a_wrong_time_span_is_said(drawing, text):
    before = drawing.load
    drawing.span.control.value = text

    assert 'role="alert"' in drawing.span.message.value
    assert drawing.load is before


@pytest.mark.parametrize("text", ["lots", "0", "-3", "", "2e6"])
def test_a_wrong_peak_is_said(drawing, text):
    before = drawing.load
    drawing.peak.control.value = text

    assert 'role="alert"' in drawing.peak.message.value
    assert drawing.load is before


def test_the_whole_curve_is_run_on_request(drawing):
    drawing.state.refresh()
    assert drawing.whole.description == "Run all of it: 72,000 requests"
    drawing.whole.click()

    assert drawing.requests.control.value == "72000"
    assert drawing.whole.layout.display == "none"


# --- attributes, requests, seed ---


def test_an_attribute_that_filters_need_is_stated_by_a_button():
    panel = TrafficPanel(State(ck.example("orders"), ck.Poisson(rate_per_s=4), requests=100, seed=1))
    panel.state.refresh()
    assert "filters look at" in panel.unstated.value
    assert panel.state.figures.run is None

    panel.state_it.click()
    assert panel.state.figures.run is not None
    assert panel.unstated.value == ""
    assert panel.attributes.control.value


def test_attributes_are_typed_as_in_a_design_file(panel):
    panel.attributes.control.value = "{status: {charged: 0.97, declined: 0.03}}"
    assert panel.load.attributes == ATTRIBUTES

    panel.attributes.control.value = "{status: {charged: 0.97}}"
    assert "no set of shares that add to 1" in panel.attributes.message.value
    assert panel.load.attributes == ATTRIBUTES

    panel.attributes.control.value = ""
    assert panel.load.attributes == {}


def test_requests_and_seed_of_the_runs_are_typed(panel):
    panel.requests.control.value, panel.seed.control.value = "500", "7"

    assert (panel.state.figures.run.requests, panel.state.figures.run.seed) == (500, 7)


@pytest.mark.parametrize("text", ["", "many", "2.5", "3", "100000000", "true"])
def test_a_wrong_number_of_requests_is_said(panel, text):
    panel.requests.control.value = text

    assert "run: requests=" in panel.requests.message.value
    assert panel.state.requests == 100


def test_a_trace_is_read_from_a_file(panel, tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text("count\n120\n0\n30\n")
    panel.kind.control.value = "Replay"
    file = panel._form.children[-1]
    file.control.value = str(path)
    assert panel.load == ck.Replay.per_minute([120, 0, 30])

    file.control.value = str(tmp_path / "none.csv")
    assert 'role="alert"' in file.message.value
    assert panel.load == ck.Replay.per_minute([120, 0, 30])


# --- where there is no kernel ---


def test_the_twin_says_words_python_and_runs_and_shows_the_curve(drawing):
    bundle = drawing._repr_mimebundle_()

    assert repr(drawing) == "TrafficPanel('one')"
    assert bundle["text/plain"].splitlines()[1:] == [
        "Drawn: 6 requests per second in the mean, about 7,200 in 20 min, then the same again",
        f"load = ck.Drawn(points=((0, 2), (600, 10), (1200, 2)), attributes={ATTRIBUTES})",
        "100 requests, seed 1",
    ]
    assert bundle["image/svg+xml"].count("<circle") == 3


def test_a_panel_stands_alone_on_a_chain():
    panel = TrafficPanel(one(), ck.Steady(rate_per_s=2))

    assert panel.kind.control.value == "Steady"
    assert repr(panel.curve) == "LoadCurve('Steady')"
