"""Stories: who an event belongs to, what is in flight, in which order hops are told."""

import threading
import time

import pytest

from chainkit.emulation.clock import Clock
from chainkit.emulation.story import ROOTS, Story, new_root


@pytest.fixture
def story():
    clock = Clock()
    story = Story(clock)
    story.clock = clock
    yield story
    clock.close()


def test_a_header_names_its_request(story):
    root = new_root()

    assert story.roots_of(f"Root={root};Parent=1;Sampled=1") == (root,)
    assert story.roots_of(story.header_for((root,))) == (root,)
    assert story.roots_of(None) == story.roots_of("Sampled=1") == ()


def test_a_header_of_several_requests_stands_for_all_of_them(story):
    assert story.roots_of(story.header_for(("a", "b"))) == ("a", "b")
    assert story.roots_of(story.header_for(())) == ()


def test_an_event_is_told_to_all_requests_of_the_thread(story):
    with story.works_for(["a", "b"]):
        story.tell("send", "queue")

    assert [story.events(root)[0]["what"] for root in "ab"] == ["send", "send"]
    assert ROOTS.get() == ()


def test_an_event_is_flat_and_whole(story):
    with story.works_for("a"):
        story.tell("send", "queue", ids=["m1"])

    assert set(story.events("a")[0]) == {
        "at_s",
        "wall_s",
        "what",
        "resource",
        "attempt",
        "status",
        "reason",
        "span_s",
        "ids",
        "logs",
    }


def test_hops_are_told_by_the_time_at_which_they_began(story):
    with story.works_for("a"):
        began = story.clock.moment()
        time.sleep(0.01)
        story.tell("inner", "x")
        story.tell("outer", "y", began=began)

    assert [event["what"] for event in story.events("a")] == ["outer", "inner"]


def test_a_request_settles_when_the_last_thing_of_it_is_closed(story):
    story.open(("a",))
    story.open(("a",))
    story.close(("a",))
    open_still = story.settle("a", timeout_s=0.05)
    threading.Timer(0.05, story.close, [("a",)]).start()

    assert not open_still
    assert story.settle("a", timeout_s=10)


def test_a_request_with_a_queued_message_is_in_flight(story):
    story.open(("a",))
    story.close(("a",))
    story.is_queued = lambda root: root == "a"

    assert not story.settle("a", timeout_s=0.05)


def test_a_request_that_never_came_is_settled(story):
    assert story.settle("unknown", timeout_s=0)


def test_work_that_is_carried_to_another_thread_is_in_flight_until_it_ends(story):
    seen = []
    with story.works_for("a"):
        task = story.carried(lambda: seen.append(ROOTS.get()))
    before = story.settle("a", timeout_s=0.05)
    thread = threading.Thread(target=task)
    thread.start()
    thread.join()

    assert (before, seen) == (False, [("a",)])
    assert story.settle("a", timeout_s=1)
