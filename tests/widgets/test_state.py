"""The designer's state: every operation is one on the chain, and a refused one changes nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainkit as ck
from chainkit.widgets.state import State
from tests.examples import orders


def state_of(chain, **options):
    return State(chain, ck.Poisson(rate_per_s=4), **{"requests": 50, "seed": 1} | options)


@pytest.fixture
def state():
    return state_of(orders())


def topics(state):
    """Return the list into which the state's topics go from now on."""
    heard = []
    state.listen(heard.append)
    return heard


# --- what fits ---


def test_every_registered_service_can_be_added_by_its_label(state):
    assert {"SQS queue", "Lambda function", "HTTP API"} <= state.kinds().keys()


def test_a_new_service_is_offered_a_name_that_is_free(state):
    state.add("SqsQueue", "queue")

    assert state.free_name("SqsQueue") == "queue-2"
    assert state.free_name("SnsTopic") == "topic"


def test_only_links_that_fit_are_offered(state):
    assert state.words("jobs", "pay") == ["mapping"]
    assert state.words("jobs", "dead") == ["redrive"]
    assert "api" not in state.targets("validate")


def test_every_link_that_is_offered_can_be_made(state):
    offered = [(a, b, word) for a in state.sources() for b in state.targets(a) for word in state.words(a, b)]

    assert offered
    for source, target, word in offered:
        assert state_of(orders()).connect(source, target, word)


# --- operations ---


def test_an_added_service_is_in_the_chain_and_selected(state):
    assert state.add("SnsTopic", "events")
    assert state.chain.service("events") == ck.SnsTopic("events")
    assert state.selected == "events"


def test_a_name_that_is_taken_is_refused_in_the_errors_words(state):
    assert not state.add("SqsQueue", "jobs")
    assert "has a service 'jobs' already" in state.refusal.problem


def test_a_kind_that_there_is_not_is_refused(state):
    assert not state.add("SqsQueu", "more")
    assert "type='SqsQueu' is unknown (did you mean 'SqsQueue'?)" in state.refusal.problem


def test_a_connection_is_in_the_chain_and_selected(state):
    assert state.connect("validate", "pay", "async")
    assert state.chain.link("validate>pay").kind == "async"
    assert state.selected == "validate>pay"


def test_two_services_that_do_not_fit_are_refused(state):
    before = state.chain.copy()

    assert not state.connect("jobs", "api")
    assert "cannot connect 'jobs' to 'api'" in state.refusal.problem
    assert state.chain == before


def test_a_setting_is_changed_in_the_chain(state):
    assert state.set("pay", memory_mb=1024)
    assert state.chain.service("pay").memory_mb == 1024


def test_a_refused_setting_leaves_the_chain_as_it_was(state):
    before, heard = state.chain.copy(), topics(state)

    assert not state.set("pay", memory_mb=64)
    assert "memory_mb=64 is outside 128..10240 MB" in state.refusal.problem
    assert state.chain == before
    assert heard == []


def test_the_next_accepted_operation_clears_the_refusal(state):
    state.set("pay", memory_mb=64)
    state.set("pay", memory_mb=256)

    assert state.refusal is None


def test_removing_a_service_removes_its_links_and_the_selection(state):
    state.select("jobs")

    assert state.remove("jobs")
    assert {"validate>jobs", "jobs>pay"} & state.chain.links.keys() == set()
    assert state.selected == ""


def test_removing_something_else_keeps_the_selection(state):
    state.select("pay")
    state.remove("dead")

    assert state.selected == "pay"


def test_another_kind_of_link_keeps_the_settings_that_both_have(state):
    state.connect("validate", "pay", "sync")
    state.set("validate>pay", message_bytes=2048, on_error="continue")

    assert state.rewire("validate>pay", "async")
    link = state.chain.link(state.selected)
    assert (link.kind, link.message_bytes) == ("async", 2048)
    assert [key for key, link in state.chain.links.items() if (link.source, link.target) == ("validate", "pay")] == [
        state.selected
    ]


def test_a_kind_of_link_that_does_not_fit_leaves_the_old_one(state):
    before = state.chain.copy()

    assert not state.rewire("jobs>pay", "sync")
    assert state.chain == before


# --- undo ---


def test_undo_takes_the_last_operation_back(state):
    before = state.chain.copy()
    state.set("pay", memory_mb=1024)

    assert state.undo()
    assert state.chain == before


def test_undo_without_a_change_does_nothing(state):
    assert not state.undo()


operations = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(["SqsQueue", "LambdaFunction", "SnsTopic"]), st.sampled_from("abc")),
        st.tuples(st.just("connect"), *[st.sampled_from(["validate", "jobs", "pay", "dead", "a", "b"])] * 2),
        st.tuples(st.just("remove"), st.sampled_from(["jobs", "pay", "a", "jobs>pay", "api>validate"])),
    ),
    max_size=6,
)


@given(steps=operations)
@settings(max_examples=30)
def test_undoing_everything_gives_the_chain_of_the_beginning(steps):
    before, state = orders(), state_of(orders())
    state._computed = lambda: state.figures  # its runs are not what is tested here
    done = [getattr(state, name)(*arguments) for name, *arguments in steps if _can(state, name, arguments)]
    for _ in range(sum(done)):
        state.undo()

    assert state.chain == before


def _can(state, name, arguments):
    return name == "add" or set(arguments) <= state.chain.services.keys() | state.chain.links.keys()


# --- traffic, selection, layout ---


def test_the_arrival_rate_changes_and_the_attributes_of_the_traffic_stay():
    state = State(orders(), ck.Poisson(rate_per_s=4, attributes={"kind": {"a": 1.0}}), requests=50, seed=1)

    assert state.set_rate(8)
    assert (state.load.rate_per_s, dict(state.load.attributes["kind"])) == (8, {"a": 1.0})
    assert state.figures.run.load == state.load


@pytest.mark.parametrize(
    "load",
    [
        ck.Ramp(start_per_s=0, end_per_s=4, duration_s=60),
        ck.Bursts(phases=[(1, 90), (20, 10)]),
        ck.Replay.per_minute([600, 30]),
    ],
)
def test_traffic_whose_rate_changes_is_made_faster_as_a_whole(load):
    state = State(orders(), load, requests=50, seed=1)

    assert state.set_rate(8)
    assert type(state.load) is type(load)
    assert state.load.rate_per_s == pytest.approx(8)
    assert not state.figures.errors


def test_the_rate_of_users_who_wait_cannot_be_set():
    state = State(orders(), ck.ClosedLoop(users=5, think=1), requests=50, seed=1)

    assert not state.set_rate(8)
    assert "change users or think" in state.refusal.fix


def test_a_rate_of_zero_is_refused(state):
    assert not state.set_rate(0)
    assert "rate_per_s=0" in state.refusal.problem
    assert state.load.rate_per_s == 4


def test_requests_and_seed_of_the_runs_change_and_others_stay(state):
    assert state.set_run(requests=80)
    assert state.set_run(seed=-3)

    assert (state.figures.run.requests, state.figures.run.seed) == (80, -3)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"requests": 9}, "run: requests=9 is outside 10..10,000,000"),
        ({"requests": "many"}, "run: requests='many' is no whole number"),
        ({"seed": 1.5}, "run: seed=1.5 is no whole number"),
        ({"seed": True}, "run: seed=True is no whole number"),
    ],
)
def test_a_run_that_cannot_be_is_refused_and_the_last_one_stays(state, given, words):
    before = state.requests, state.seed

    assert not state.set_run(**given)
    assert state.refusal.problem == words
    assert state.refusal.fix
    assert (state.requests, state.seed) == before


def test_what_is_not_there_cannot_be_selected(state):
    state.select("nobody")

    assert state.selected == ""


def test_a_dead_letter_edge_selects_its_link(state):
    state.select("jobs>pay!")

    assert state.selected == "jobs>pay"


def test_moved_cards_stay_where_they_are_put_and_the_design_is_the_same(state):
    before, heard = state.chain.copy(), topics(state)
    state.move({"pay": (12.4, 30.6), "nobody": (0, 0)})

    assert state.chain.layout == {"pay": (12, 31)}
    assert state.chain == before
    assert heard == ["layout"]


# --- figures ---


def test_a_change_is_told_before_its_figures(state):
    heard = topics(state)
    state.set("pay", memory_mb=1024)

    assert heard == ["design", "figures"]


def test_figures_are_those_of_simulate_and_bill(state):
    state.refresh()
    run = ck.simulate(state.chain, state.load, requests=50, seed=1)

    assert state.figures.run.summary().equals(run.summary())
    assert state.figures.bill.total_usd == ck.bill(state.chain, run).total_usd


def test_a_chain_with_errors_has_them_instead_of_figures(state):
    state.set("jobs", visibility_timeout_s=1)

    assert state.figures.run is None
    assert "visibility_timeout_s=1" in state.figures.errors[0].problem


def test_what_stands_in_the_way_of_a_run_is_an_error_of_the_figures(state):
    state.add("LambdaFunction", "second-entry")

    assert state.figures.run is None
    assert len(state.figures.errors) == 1


def test_messages_that_go_round_for_ever_are_said_instead_of_run(state):
    state.connect("pay", "jobs")

    assert state.figures.errors[0].problem == "messages go round for ever: jobs > pay > jobs"
    state.set("pay>jobs", probability=0.5)
    assert state.figures.errors == ()


def test_requests_enter_where_the_state_says():
    chain = orders()
    chain.add(ck.LambdaFunction("nightly", duration=0.01))
    state = state_of(chain, at="api")
    state.refresh()

    assert state.figures.errors == ()


def test_what_a_cell_did_to_the_chain_is_seen_after_refresh(state):
    state.chain.set("pay", duration=5.0)
    state.refresh()

    assert state.figures.run.chain.service("pay") == state.chain.service("pay")


def test_cards_have_notes_with_time_and_dollars(state):
    state.refresh()
    notes = state.figures.notes()

    assert notes.keys() == state.chain.services.keys()
    assert "ms · $" in notes["pay"]
    assert notes["dead"] == ""
