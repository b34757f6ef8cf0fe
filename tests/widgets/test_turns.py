"""Turns: what comes on several threads is done one after the other."""

import threading

import pytest

import chainkit as ck
from chainkit.widgets.state import State
from chainkit.widgets.turns import in_turn


def test_two_threads_never_stand_inside_at_once():
    inside, most = [], []

    @in_turn
    def act():
        inside.append(1)
        most.append(len(inside))
        threading.Event().wait(0.01)
        inside.pop()

    threads = [threading.Thread(target=act) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == [1] * 8


def test_what_is_called_in_a_turn_is_part_of_it_and_an_error_ends_it():
    @in_turn
    def outer(depth):
        return outer(depth - 1) if depth else 1 / 0

    with pytest.raises(ZeroDivisionError):
        outer(3)
    thread = threading.Thread(target=in_turn(lambda: None))
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def test_operations_of_several_threads_all_stand_in_the_history():
    chain = ck.Chain("shared")
    chain.add(ck.SqsQueue("jobs"))
    state = State(chain, ck.Poisson(rate_per_s=4), requests=20, seed=1)

    def adds(kind):
        for k in range(5):
            assert state.add("SqsQueue", f"{kind}{k}")

    threads = [threading.Thread(target=adds, args=(kind,)) for kind in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(state.history) == 20
    assert ck.replay(ck.Chain("shared"), [ck.Operation("add", (ck.SqsQueue("jobs"),)), *state.history]) == chain
