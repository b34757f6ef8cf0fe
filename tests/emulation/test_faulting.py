"""What is injected and where requests stand, without an emulator: the draws are the simulator's."""

import pytest

from chainkit.emulation.environments import Outcome
from chainkit.emulation.faulting import LIMITS, VISIT, Faulting, Injected, Unit, Visit
from chainkit.simulation import draws

PAY = {"name": "pay", "error_rate": 0.3, "error_name": "Down", "poison_fraction": 0.0}


def link(source, target, **settings):
    return {"id": f"{source}>{target}", "from": source, "to": target, "place": 0, **settings}


@pytest.fixture
def faults():
    made = Faulting()
    yield made
    made.put({})


def test_nothing_is_done_until_something_is_said(faults):
    with faults.injected("pay", ("root",)) as injected:
        assert injected == Injected()
        assert VISIT.get() is None
    assert faults.arrivals("jobs", ("root",)) == (None,)
    assert not faults.is_dead("jobs", "pay")


def test_each_attempt_fails_as_the_draw_of_its_request_says(faults):
    faults.put({"seed": 7, "firsts": [0, 50], "functions": {"pay": PAY}})
    for number in range(100):
        for attempt in range(3):
            salt = attempt * draws.AGAIN & draws.MASK
            with (
                faults.visiting(Visit("pay", salt), is_there=True),
                faults.injected("pay", (f"r{number}",)) as injected,
            ):
                u = draws.uniform(7, number // 50, "pay.error", number, 0, attempt)
                assert bool(injected.failing) == (u < 0.3)


def test_requests_are_numbered_as_they_come_unless_their_number_is_told(faults):
    faults.put({"functions": {"pay": PAY}, "numbers": {"known": 41}})
    faults.see(["a", "b", "a"])
    assert [faults._number(root) for root in ("a", "known", "b")] == [1, 41, 2]


def test_salts_descend_by_places_items_copies_and_further_calls(faults):
    faults.put({"functions": {}, "links": [link("a", "b", place=2), link("a", "q", place=1, duplicate_rate=1.0)]})
    with faults.visiting(Visit("a", 5)):
        first, again = faults.here("b"), faults.here("b")
        one, copy = faults.arrivals("q", ("r",))
        next_one, _ = faults.arrivals("q", ("r",))
    assert first.salt == draws.descend(5, 2)
    assert again.salt == draws.descend(draws.again(5), 2)
    assert (one.salt, copy.salt) == (draws.descend(5, 1), draws.descend(5, 1 + 32_768))
    assert next_one.salt == draws.descend(5, 1 + 65_536)


def test_a_message_goes_on_by_the_place_of_the_mapping_and_once_more_for_each_return(faults):
    faults.put({"functions": {}, "links": [link("q", "f", place=3, polls=True)]})
    salt = draws.descend(9, 3)
    assert faults.received(Visit("q", 9), "f", 1).salt == salt
    assert faults.received(Visit("q", 9), "f", 3).salt == draws.again(draws.again(salt))


def test_a_limit_lasts_as_long_as_the_fault(faults):
    faults.put({"functions": {"pay": {**PAY, "limit": 0}}})
    assert LIMITS == {"pay": 0}
    faults.put({})
    assert LIMITS == {}


def test_a_handler_that_has_failed_by_itself_keeps_its_own_error():
    own = Outcome.of_error({"errorType": "Mine", "errorMessage": "no"}, "id")
    failing = Injected(error_name="Down", failing=(Unit(0, 0),))
    assert failing.after(own) is own
    assert failing.after(Outcome(request_id="id")).reason == "injected: Down"


def test_injected_messages_join_those_that_the_handler_reports():
    injected = Injected(error_name="Down", failing=(Unit(0, 0, "a"), Unit(1, 0, "b")), count=3, reports=True)
    outcome = injected.after(Outcome(payload='{"batchItemFailures": [{"itemIdentifier": "b"}]}'))
    assert outcome.status == "ok"
    assert outcome.payload == '{"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "a"}]}'
    assert outcome.reason == "injected: Down for 2 of 3 messages"


def test_a_stand_in_is_told_and_left_alone(faults):
    faults.put({"seed": 7, "functions": {"pay": {**PAY, "error_rate": 1.0, "is_told": True}}})
    with faults.visiting(Visit("pay", 255), is_there=True), faults.injected("pay", ("r",)) as injected:
        assert injected.orders == ";Draw=7:0:0:ff;Fail=Down"
        answered = Outcome(payload="1")
        assert injected.after(answered).payload == "1"
