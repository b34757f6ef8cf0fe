"""The faults panel: what can break is offered, figures are those of a comparison, and what runs can be broken."""

import pytest

import chainkit as ck
from chainkit.widgets.deploying import DeployPanel
from chainkit.widgets.faulting import TRIED, FaultsPanel
from chainkit.widgets.state import State
from chainkit.widgets.tabs import TABS

LOAD = ck.Poisson(rate_per_s=4, attributes={"status": {"charged": 0.97, "declined": 0.03}})


@pytest.fixture
def panel():
    return FaultsPanel(State(ck.example("orders"), LOAD, requests=2_000, seed=1))


def send(panel, kind: str, **gesture) -> dict:
    """Send a gesture as the browser does, and return the answer."""
    answers = []
    panel.board.send = answers.append
    panel.board._handle_custom_msg({"kind": kind, **gesture, "n": 7}, [])
    if panel.state.site is not None:
        panel.state.site.wait()
    return answers[-1]


def fields(panel) -> dict:
    return {field["name"]: field["value"] for field in panel.board.scene["fields"]}


def figure(panel, key: str, column: int) -> str:
    return panel.board.scene["columns"][column]["cells"][key]["value"]


def test_the_designer_has_it_in_a_tab():
    assert TABS["Faults"]() is FaultsPanel


def test_only_what_can_break_is_offered(panel):
    assert "api" not in panel.board.scene["names"]
    send(panel, "choose", name="jobs")
    assert [*fields(panel)] == ["duplicate_rate"]
    send(panel, "choose", name="payment")
    assert [*fields(panel)] == [
        "error_rate", "error_name", "poison_fraction", "delay", "delay_rate", "throttle_rate", "reserved_concurrency",
        "dead",
    ]  # fmt: skip


def test_every_setting_of_a_fault_can_be_chosen_somewhere(panel):
    offered = {each for can in panel._possible().values() for each in can}

    assert offered == {*TRIED}


def test_figures_with_a_fault_are_those_of_a_comparison_on_the_same_requests(panel):
    assert send(panel, "set", name="payment", fault={"error_rate": 0.3, "delay": 2}) == {"to": 7}
    faults = ck.Faults({"payment": ck.Fault(error_rate=0.3, delay=2.0)})
    chain = ck.example("orders")
    own = ck.compare({"a": chain, "b": faults.apply(chain)}, LOAD, requests=2_000, seed=1)

    assert panel.faults == faults
    for key in ("completion_p95_s", "lost", "usd_per_month"):
        assert panel.comparison.interval(key, "with the faults") == own.interval(key, "b")
    assert panel.board.scene["columns"][1]["cells"]["completion_p95_s"]["verdict"] == "more"
    assert panel.board.scene["set"] == [{"name": "payment", "text": "error rate 0.3, delay 2.00 s"}]
    assert (fields(panel)["error_rate"], fields(panel)["delay"]) == (0.3, 2.0)
    assert panel.state.chain == chain


def test_the_line_of_python_makes_the_same_faults(panel):
    panel.set("payment", error_rate=0.3)
    panel.set("jobs>payment", dead=True)
    scope = {"ck": ck}
    exec(panel.board.scene["code"], scope)

    assert scope["faults"] == panel.faults
    assert [*panel.faults] == ["payment", "jobs>payment"]


def test_a_fault_is_cleared_where_it_is_or_everywhere(panel):
    panel.set("payment", error_rate=0.3)
    panel.set("jobs", duplicate_rate=0.5)
    send(panel, "clear", name="payment")
    assert [*panel.faults] == ["jobs"]
    panel.set("jobs")
    assert panel.faults is None
    panel.set("payment", error_rate=0.3)
    send(panel, "clear", name=None)

    assert panel.faults is None
    assert len(panel.board.scene["columns"]) == 1
    assert "nothing breaks at 'payment'" in send(panel, "clear", name="payment")["refusal"]["problem"]


@pytest.mark.parametrize(
    ("name", "fault", "problem"),
    [
        ("jobs", {"error_rate": 0.3}, "error_rate=0.3 cannot happen there"),
        ("payment", {"error_rate": 3}, "error_rate=3 is outside 0..1"),
        ("payment", {}, "is no fault"),
        ("paymnet", {"error_rate": 0.3}, "no service or link 'paymnet'"),
    ],
)
def test_what_cannot_break_is_refused_and_nothing_changes(panel, name, fault, problem):
    panel.set("inventory", error_rate=0.1)

    assert problem in send(panel, "set", name=name, fault=fault)["refusal"]["problem"]
    assert [*panel.faults] == ["inventory"]


def test_a_chain_that_has_lost_what_breaks_says_so(panel):
    panel.set("confirm", error_rate=0.3)
    panel.state.remove("confirm")
    assert panel.is_stale
    send(panel, "current")

    assert "no service or link 'confirm'" in panel.board.scene["refusal"]["problem"]


def test_the_form_follows_the_selection(panel):
    panel.state.select("shipping")

    assert panel.board.scene["chosen"] == "shipping"


def test_the_twin_tells_the_faults_and_the_figures(panel):
    panel.set("payment", error_rate=0.3)
    lines = panel.twin().splitlines()

    assert lines[0] == "payment: error rate 0.3"
    assert lines[-1].startswith("2,000 requests each, the same for both")


def test_what_is_deployed_is_broken_and_mended_and_says_so():
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("pay", duration=0.01, init=0))
    state = State(chain, ck.Poisson(rate_per_s=50), requests=200, seed=1)
    faults, deployment = FaultsPanel(state), DeployPanel(state)
    faults.set("pay", error_rate=1.0, error_name="Down")
    assert "nothing is deployed" in send(faults, "switch", is_on=True)["refusal"]["problem"]
    try:
        send(deployment, "plan", told={})
        send(deployment, "deploy", code=deployment.board.scene["plan"]["code"])
        assert faults.board.scene["site"]["can"] == ["on"]

        send(faults, "switch", is_on=True)
        assert faults.board.scene["site"]["can"] == ["off"]
        assert deployment.board.scene["broken"] == "Faults({'pay': Fault(error_rate=1.0, error_name='Down')})"
        send(deployment, "send", event="{}")
        assert state.trace.spans[0].reason == "injected: Down"
        send(deployment, "load", rate=50, requests=10, event=None, is_same=True)
        assert deployment.site.measured.faults == faults.faults
        send(deployment, "compare")
        rows = {(row["node"], row["figure"]): row for row in deployment.board.scene["beside"]["rows"]}
        assert (rows["pay", "errors"]["predicted"], rows["pay", "errors"]["measured"]) == ("1", "1")

        send(faults, "switch", is_on=False)
        send(deployment, "send", event="{}")
        assert state.trace.outcome == "completed"
        assert "runs as designed" in faults.board.scene["site"]["text"]
    finally:
        state.site.wait()
        deployment.close()
