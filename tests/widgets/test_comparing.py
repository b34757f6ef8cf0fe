"""The comparison panel: kinds are chosen, designs kept, compared, taken and taken back; what is refused is told."""

import xml.etree.ElementTree as ET

import pytest

import chainkit as ck
from chainkit.rewiring import KINDS
from chainkit.widgets.comparing import HELP, MOST_KEPT, ComparePanel
from chainkit.widgets.state import State
from chainkit.widgets.tabs import TABS

LOAD = ck.Poisson(rate_per_s=4, attributes={"status": {"charged": 0.97, "declined": 0.03}})


def panel_of(chain: ck.Chain, load=LOAD) -> ComparePanel:
    return ComparePanel(State(chain, load, requests=600, seed=1))


@pytest.fixture
def panel():
    return panel_of(ck.example("orders"))


def titles(panel: ComparePanel) -> list[str]:
    return [each["title"] for each in panel.board.result.get("columns", [])]


def send(panel: ComparePanel, **gesture) -> dict:
    """Send a gesture as the browser does, and return the answer."""
    answers = []
    panel.board.send = answers.append
    panel.board._handle_custom_msg({**gesture, "n": 7}, [])
    return answers[-1]


def test_the_designer_has_it_in_a_tab():
    assert TABS["Compare"]() is ComparePanel


def test_every_kind_has_a_line_of_help(panel):
    assert [*HELP] == [*KINDS]
    assert [each["word"] for each in panel.board.controls["kinds"]] == [*KINDS]


def test_the_chain_and_the_chosen_kinds_are_compared_in_their_order(panel):
    send(panel, kind="choose", kinds=["sqs", "async", "standard"])
    send(panel, kind="compare")

    assert titles(panel) == ["this chain", "async", "sqs", "standard"]
    assert not panel.board.controls["is_stale"]
    assert panel.board.controls["progress"] == ""


def test_what_is_under_way_is_said_design_by_design(panel):
    said = []
    panel.board.observe(lambda change: said.append(change["new"]["progress"]), names="controls")
    panel.choose(["sqs"])
    panel.compare()

    assert said[1:3] == [
        "comparing this chain: 1 of 2, 600 requests each \u2026", "comparing sqs: 2 of 2, 600 requests each \u2026",
    ]  # fmt: skip
    assert said[-1] == ""


def test_the_figures_are_those_of_compare(panel):
    panel.choose(["sync", "sqs"])
    panel.compare()
    chain = panel.state.chain
    frame = ck.compare(
        {"this chain": chain, **ck.variants(chain, ["sync", "sqs"])}, LOAD, requests=600, seed=1
    ).to_frame()

    assert panel.comparison.to_frame().equals(frame)


def test_a_change_of_chain_or_traffic_makes_it_stale_and_undo_current_again(panel):
    panel.compare()
    panel.state.set("payment", memory_mb=2048)
    assert panel.is_stale
    assert panel.board.controls["note"].startswith("Stale")

    panel.state.undo()
    assert not panel.is_stale
    panel.state.set_rate(9)
    assert panel.is_stale


def test_the_browser_asks_again_by_itself_only_while_that_is_quick(panel):
    assert panel.board.controls["asks_again"]
    panel.compare()
    panel._took_s = 0.1
    panel.state.set("payment", memory_mb=2048)
    assert panel.board.controls["asks_again"]

    panel._took_s = 3.0
    panel.state.set("payment", memory_mb=1024)
    assert not panel.board.controls["asks_again"]


def test_what_is_current_is_not_compared_again_unasked(panel):
    panel.compare()
    before = panel.comparison
    send(panel, kind="compare", is_automatic=True)
    assert panel.comparison is before

    send(panel, kind="compare")
    assert panel.comparison is not before


def test_a_kept_design_is_compared_with_what_became_of_it(panel):
    send(panel, kind="choose", kinds=[])
    send(panel, kind="keep", name="before")
    panel.state.set("payment", memory_mb=2048)
    panel.compare()

    assert titles(panel) == ["this chain", "before"]
    assert panel.board.result["columns"][1]["changed"][0] == "payment: memory_mb was 2048, is 512"
    assert panel.board.controls["kept"] == [{"name": "before", "help": "the chain 1 step ago"}]

    send(panel, kind="forget", name="before")
    panel.compare()
    assert titles(panel) == ["this chain"]


def test_a_design_without_a_name_gets_a_free_one(panel):
    send(panel, kind="keep", name="  ")
    send(panel, kind="keep", name="")

    assert [*panel.kept] == ["design 1", "design 2"]


def test_a_name_that_is_taken_is_refused_and_nothing_lost(panel):
    send(panel, kind="keep", name="before")

    assert "name='before' is taken" in send(panel, kind="keep", name="before")["refusal"]["problem"]
    assert "name='sqs' is taken" in send(panel, kind="keep", name="sqs")["refusal"]["problem"]
    assert [*panel.kept] == ["before"]


def test_not_more_designs_are_kept_than_can_be_seen(panel):
    for _ in range(MOST_KEPT):
        panel.keep()

    assert "are kept already" in send(panel, kind="keep", name="one more")["refusal"]["problem"]


def test_a_design_is_taken_in_one_step_and_taken_back(panel):
    chain, before = panel.state.chain, panel.state.chain.copy()
    panel.choose(["sqs"])
    panel.compare()

    assert send(panel, kind="take", name="sqs") == {"to": 7}
    expected = ck.variants(before, ["sqs"])["sqs"].chain
    assert (chain.services, chain.links, chain.name) == (expected.services, expected.links, "orders")
    assert [each.verb for each in panel.state.history] == ["become"]
    assert panel.board.controls["can_undo"]

    send(panel, kind="undo")
    assert chain == before


def test_taking_what_the_chain_is_already_or_what_is_not_there_is_refused(panel):
    panel.choose(["sqs"])
    panel.compare()
    send(panel, kind="take", name="sqs")

    assert "the chain is 'sqs' already" in send(panel, kind="take", name="sqs")["refusal"]["problem"]
    assert "'express' has not been compared" in send(panel, kind="take", name="express")["refusal"]["problem"]


def test_the_line_of_python_gives_the_design(panel):
    panel.choose(["sqs"])
    panel.keep("before")
    panel.compare()
    codes = {each["name"]: each["code"] for each in panel.board.result["columns"]}
    names = {"ck": ck, "chain": panel.state.chain}
    exec(codes["sqs"], names)
    assert names["design"] == panel.designs[-1].chain

    exec(codes["before"], names)
    assert names["chain"] == panel.state.chain


def test_an_attribute_that_the_traffic_lacks_is_told_in_the_errors_words():
    panel = panel_of(ck.example("orders"), ck.Poisson(rate_per_s=4))
    panel.compare()

    assert titles(panel) == []
    assert any("status" in each["problem"] and each["fix"] for each in panel.board.controls["refusals"])
    assert "status" in panel.twin()
    assert panel.picture().startswith("<svg")


def test_a_chain_with_errors_is_told_and_what_was_kept_is_still_compared(panel):
    panel.keep("sound")
    panel.state.set("jobs", visibility_timeout_s=1)
    panel.compare()

    assert titles(panel) == ["sound"]
    assert any("visibility_timeout_s=1" in each["problem"] for each in panel.board.controls["refusals"])


def test_messages_that_go_round_for_ever_are_not_run():
    chain = ck.Chain("circle")
    for name in "ab":
        chain.add(ck.LambdaFunction(name, timeout_s=5))
    chain.connect("a", "b", link="async")
    chain.connect("b", "a", link="async")
    panel = panel_of(chain)
    panel.compare()

    assert titles(panel) == []
    assert panel.board.controls["refusals"]


def test_a_chain_without_connections_is_compared_alone_and_says_why():
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("pay"))
    panel = panel_of(chain)
    panel.compare()

    assert titles(panel) == ["this chain"]
    assert "there is nothing to rewire" in panel.board.controls["refusals"][0]["problem"]


def test_an_unknown_kind_or_gesture_is_refused(panel):
    assert "'sqss' is unknown (did you mean 'sqs'?)" in send(panel, kind="choose", kinds=["sqss"])["refusal"]["problem"]
    assert "gesture 'dance' is unknown" in send(panel, kind="dance")["refusal"]["problem"]


def test_it_stands_alone_with_a_static_twin_of_the_same_data():
    panel = ComparePanel(ck.example("orders"), LOAD)
    bundle = panel._repr_mimebundle_()

    assert repr(panel) == "ComparePanel('orders')"
    assert "sqs, beside this chain:" in bundle["text/plain"]
    words = "".join(ET.fromstring(bundle["image/svg+xml"]).itertext())
    for column in panel.board.result["columns"]:
        assert f"{column['title']}: {column['cells']['response_p95_s']['value']}" in words


def test_the_javascript_and_style_ask_for_no_file(panel):
    for text in (panel.board._esm, str(panel.board._css)):
        assert not any(word in text for word in ("fetch(", "XMLHttpRequest", "<iframe", "url(", "\nimport "))


def test_a_figure_without_a_winner_says_what_would_decide_and_one_with_a_winner_has_its_mark_alone(panel):
    panel.choose(["sqs", "sns"])
    panel.compare()
    for row in panel.board.result["rows"]:
        known = panel.comparison.verdict(row["key"])
        marked = [each["name"] for each in panel.board.result["columns"] if each["cells"][row["key"]]["best"]]
        assert marked == ([known.winner] if known.winner else [])
        assert row["verdict"] == ("" if known.winner else known.text)
    assert "no difference" in panel.twin()


def test_what_aws_promises_stands_below_every_design(panel):
    panel.choose(["sync", "sqs"])
    panel.compare()
    table = panel.comparison.guarantees().reset_index()

    for column in panel.board.result["columns"]:
        own = table[table["variant"] == column["name"]]
        for key in ("delivery", "ordering", "after_last_try"):
            told = {
                (link, line.rpartition(": ")[0])
                for line in column[key]
                for link in line.rpartition(": ")[2].split(", ")
            }
            assert told == {*zip(own["link"], own[key], strict=True)}
        twice = sorted({*own.loc[own["needs_idempotency"].astype(bool), "service"]})
        assert column["idempotent"] == ([", ".join(twice)] if twice else [])


def test_the_summary_of_a_variant_is_shown(panel):
    panel.choose(["sqs"])
    panel.compare()

    assert panel.board.result["columns"][1]["summary"] == [ck.variants(panel.state.chain, ["sqs"])["sqs"].summary]


def test_each_fault_has_a_line_with_what_it_does():
    state = State(ck.example("orders"), LOAD, requests=600, seed=1)
    panel = ComparePanel(state, faults={"provider down": {"payment.error_rate": 1.0}})
    panel.choose(["sync", "sqs"])
    panel.compare()
    table = panel.comparison.under("provider down")

    for column in panel.board.result["columns"]:
        (line,) = column["faults"]
        assert line.startswith("provider down: ")
        lost = table.loc[(column["name"], "lost")]
        assert f"{100 * lost['fault'] / 600:.3g} %" in line
    assert "provider down" in panel.twin()


def test_a_fault_that_no_design_has_is_told_and_the_rest_is_shown():
    panel = ComparePanel(
        State(ck.example("orders"), LOAD, requests=200, seed=1), faults={"x": {"nobody.error_rate": 1.0}}
    )
    panel.choose(["sqs"])
    panel.compare()

    assert "no chain has a service or link 'nobody'" in panel.board.controls["refusals"][0]["problem"]
    assert titles(panel) == ["this chain", "sqs"]
    with pytest.raises(ck.ConfigError):
        ComparePanel(ck.example("orders"), LOAD, faults=["down"])


def test_the_decision_record_is_that_of_the_comparison(panel):
    assert not panel.board.controls["can_decide"]
    panel.choose(["sqs"])
    panel.compare()
    assert panel.board.controls["can_decide"]
    record = send(panel, kind="decide")["record"]

    assert record.startswith("# Which way to wire orders?")
    assert record == str(panel.decide())
    assert "sqs instead of this chain" in record
    assert send(panel, kind="decide", question="Queue or not?")["record"].startswith("# Queue or not?")


def test_one_design_leaves_nothing_to_decide(panel):
    panel.choose([])

    assert "nothing to decide" in send(panel, kind="decide")["refusal"]["problem"]
