"""Load tests: sent when the load says, all of them, in the order of their numbers."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

import chainkit as ck
from chainkit.deployment.load_tests import measure
from chainkit.records import Trace

STACK = SimpleNamespace(chain=ck.Chain("any"), target=SimpleNamespace(name="fake", at_once=32))


def answered(_number, event):
    return Trace(request=str(event), outcome="completed", response_s=0.0, completion_s=0.0, spans=())


def test_requests_are_sent_at_the_arrivals_of_the_simulation():
    load = ck.Poisson(rate_per_s=100)

    measured = measure(answered, STACK, load, 60, 3, [{"n": k} for k in range(60)])

    assert measured.asked_s.tolist() == load.arrivals_s(60, seed=3).tolist()
    assert (measured.sent_s >= measured.asked_s).all()
    assert [trace.request for trace in measured.traces] == [str({"n": k}) for k in range(60)]


def test_a_slow_answer_does_not_hold_up_an_open_load():
    under_way, most, lock = [0], [0], threading.Lock()

    def slow(number, event):
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        threading.Event().wait(0.3)
        with lock:
            under_way[0] -= 1
        return answered(number, event)

    measure(slow, STACK, ck.Steady(rate_per_s=200), 40, 1, None)

    assert most[0] > 10


def test_users_of_a_closed_loop_wait_for_their_answer():
    busy: dict[str, int] = {}
    most = [0]

    def counting(number, event):
        busy[threading.current_thread().name] = 1
        most[0] = max(most[0], len(busy))
        return answered(number, event)

    measured = measure(counting, STACK, ck.ClosedLoop(users=3, think=0.001), 20, 1, None)

    assert measured.requests == 20
    assert most[0] <= 3
    assert np.isnan(measured.asked_s).all()


@pytest.mark.parametrize(
    ("load", "requests", "problem"),
    [
        (4, 10, "load=4 is no traffic"),
        (ck.Steady(rate_per_s=4), 0, "requests=0 is outside"),
        (ck.Steady(rate_per_s=4), True, "requests=True"),
    ],
)
def test_what_is_no_load_test_is_refused(load, requests, problem):
    with pytest.raises(ck.ConfigError, match=problem):
        measure(answered, STACK, load, requests, 1, None)


def test_a_refusal_ends_the_test():
    def refused(_number, event):
        raise ck.DeployError("no", fix="")

    with pytest.raises(ck.DeployError):
        measure(refused, STACK, ck.Steady(rate_per_s=200), 40, 1, None)


def test_nothing_more_is_sent_after_a_refusal():
    sent = []

    def refuses(_number, event):
        sent.append(event)
        raise ck.ConfigError("no")

    with pytest.raises(ck.ConfigError, match="no"):
        measure(refuses, STACK, ck.Steady(rate_per_s=100), 5_000, 1, None)

    assert len(sent) < 500


def test_how_many_are_through_is_told_one_after_the_other_and_what_it_raises_ends_the_test():
    heard = []
    measure(answered, STACK, ck.Steady(rate_per_s=1_000), 40, 1, None, None, heard.append)

    assert heard == [*range(1, 41)]

    def stops(done):
        if done == 3:
            raise ck.ConfigError("enough")

    with pytest.raises(ck.ConfigError, match="enough"):
        measure(answered, STACK, ck.Steady(rate_per_s=100), 5_000, 1, None, None, stops)
