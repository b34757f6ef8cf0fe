"""The clock: it runs with the wall while something runs, and jumps when everybody waits."""

import threading
import time

import pytest

from chainkit.emulation.clock import Clock, Event


@pytest.fixture
def clock():
    clock = Clock()
    yield clock
    clock.close()


def when_done(clock, work):
    """Run `work` as a counted thread and return its result."""
    results = []
    done = threading.Event()

    def task():
        results.append(work())
        done.set()

    clock.start(task)
    assert done.wait(20)
    return results[0]


def slept_s(clock, duration_s):
    began_s = clock.now_s()
    clock.sleep(duration_s)
    return clock.now_s() - began_s


def test_an_hour_of_sleep_takes_no_time(clock):
    began_s = time.monotonic()
    passed_s = when_done(clock, lambda: slept_s(clock, 3600))

    assert 3600 <= passed_s < 3601
    assert time.monotonic() - began_s < 10


def test_a_clock_on_the_wall_does_not_jump():
    clock = Clock(jumps=False)
    began_s = time.monotonic()
    when_done(clock, lambda: slept_s(clock, 0.3))
    clock.close()

    assert time.monotonic() - began_s >= 0.3


def test_no_jump_is_made_while_something_runs(clock):
    fired = threading.Event()
    with clock.running():
        clock.call_at(clock.now_s() + 3600, fired.set)

        assert not fired.wait(0.2)
    assert fired.wait(10)


def test_what_runs_keeps_its_true_duration(clock):
    def work():
        began_s = clock.now_s()
        time.sleep(0.2)
        return clock.now_s() - began_s

    clock.call_at(clock.now_s() + 3600, lambda: None)

    assert 0.2 <= when_done(clock, work) < 5


def test_timers_fire_in_the_order_of_their_times(clock):
    order, done = [], threading.Event()
    with clock.running():
        now_s = clock.now_s()
        clock.call_at(now_s + 300, lambda: (order.append("c"), done.set()))
        clock.call_at(now_s + 100, lambda: order.append("a"))
        clock.call_at(now_s + 200, lambda: order.append("b"))

    assert done.wait(10)
    assert order == ["a", "b", "c"]


def test_a_cancelled_timer_does_not_fire(clock):
    fired, done = threading.Event(), threading.Event()
    with clock.running():
        timer = clock.call_at(clock.now_s() + 10, fired.set)
        clock.call_at(clock.now_s() + 20, done.set)
        clock.cancel(timer)

    assert done.wait(10)
    assert not fired.is_set()


def test_no_jump_is_made_for_a_passive_timer_alone(clock):
    fired = threading.Event()
    clock.call_at(clock.now_s() + 3600, fired.set, is_passive=True)

    assert not fired.wait(0.2)


def test_a_passive_timer_fires_on_the_way_of_a_jump(clock):
    order, done = [], threading.Event()
    with clock.running():
        clock.call_at(clock.now_s() + 10, lambda: order.append("passive"), is_passive=True)
        clock.call_at(clock.now_s() + 20, lambda: (order.append("active"), done.set()))

    assert done.wait(10)
    assert order == ["passive", "active"]


def test_a_wait_ends_when_the_event_is_set(clock):
    event = Event(clock)
    with clock.running():
        clock.call_at(clock.now_s() + 30, event.set)

    assert when_done(clock, lambda: event.wait(60))
    assert event.is_set()


def test_a_wait_without_an_event_ends_at_its_timeout(clock):
    assert when_done(clock, lambda: Event(clock).wait(60)) is False


def test_a_woken_thread_counts_as_running_before_it_runs(clock):
    # If it did not, the clock could jump an hour between the end of the waker and the start of the woken.
    event, spans = Event(clock), []

    def woken():
        event.wait()
        began_s = clock.now_s()
        time.sleep(0.02)
        spans.append(clock.now_s() - began_s)

    for _ in range(20):
        event.clear()
        done = threading.Event()
        clock.start(lambda done=done: (woken(), done.set()))
        time.sleep(0.01)
        timer = clock.call_at(clock.now_s() + 3600, lambda: None)
        with clock.running():
            event.set()
        assert done.wait(10)
        clock.cancel(timer)

    assert max(spans) < 60
    assert when_done(clock, lambda: slept_s(clock, 3600)) >= 3600, "each waiter was counted out as often as in"


def test_a_paused_thread_lets_the_clock_jump(clock):
    fired = threading.Event()
    with clock.running():
        clock.call_at(clock.now_s() + 3600, fired.set)
        with clock.paused():
            assert fired.wait(10)


def test_listeners_hear_how_far_the_clock_jumped(clock):
    spans = []
    clock.on_jump.append(spans.append)
    when_done(clock, lambda: slept_s(clock, 100))

    assert 99 < sum(spans) <= 100
