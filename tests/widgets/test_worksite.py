"""The site of a designer: one piece of work at a time, and what was begun there ends with it."""

import gc
import threading
from contextlib import contextmanager

import pytest

import chainkit as ck
from chainkit.errors import DeployError
from chainkit.widgets.places import Place
from chainkit.widgets.state import State
from chainkit.widgets.worksite import MOST_LINES, site_of
from tests.examples import orders

OWN = Place("here", "here", "", is_own=True)


@pytest.fixture
def state():
    return State(orders(), ck.Poisson(rate_per_s=4), requests=20, seed=1)


@contextmanager
def target(said: list[str]):
    said.append("opened")
    try:
        yield "a target"
    finally:
        said.append("closed")


def test_all_panels_of_a_state_have_one_site(state):
    assert site_of(state) is site_of(state)


def test_panels_hear_of_work_when_it_begins_goes_on_and_ends(state):
    heard, site = [], site_of(state)
    state.listen(lambda topic: heard.append((topic, site.work.done, site.work.is_over)))
    site.start("count", lambda _: site.told("one"), total=1)
    site.wait()

    assert heard == [("site", 0, False), ("site", 1, False), ("site", 1, True)]


def test_an_error_is_kept_and_the_next_work_can_begin(state):
    site = site_of(state)

    def fails(_):
        raise DeployError("no")

    site.start("fail", fails)
    site.wait()
    assert str(site.work.error) == "no"
    site.start("again", lambda _: None)
    site.wait()
    assert site.work.error is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_mistake_of_our_own_ends_the_work_too(state):
    site = site_of(state)
    site.start("fail", lambda _: 1 / 0)
    site.wait()

    assert (site.is_busy, site.work.error.problem) == (False, "this went wrong inside chainkit")


def test_what_is_told_is_kept_up_to_a_limit(state):
    site = site_of(state)
    site.start("count", lambda _: [site.told(str(k)) for k in range(MOST_LINES + 5)])
    site.wait()

    assert (len(site.work.lines), site.work.lines[-1]) == (MOST_LINES, str(MOST_LINES + 4))


def test_the_target_before_is_let_go(state):
    said, site = [], site_of(state)
    site.enter(OWN, target(said), ("a",))
    assert (site.target, site.is_own, site.opened_with) == ("a target", True, ("a",))
    site.enter(OWN, target(said), ("b",))
    assert said == ["opened", "closed", "opened"]
    site.leave()

    assert said[-1] == "closed"
    assert (site.target, site.is_own) == (None, False)


def test_a_site_that_nobody_holds_any_more_lets_its_target_go():
    said, state = [], State(orders(), ck.Poisson(rate_per_s=4), requests=20, seed=1)
    site_of(state).enter(OWN, target(said), ())
    assert said == ["opened"]
    del state
    gc.collect()

    assert said == ["opened", "closed"]


def test_faults_end_before_others_begin_and_when_the_site_is_left(state):
    said, site = [], site_of(state)

    class Breaking:
        @contextmanager
        def faults(self, faults):
            said.append(f"{faults} on")
            yield
            said.append(f"{faults} off")

    site.enter(OWN, target([]), ())
    site.stack = Breaking()
    site.break_("a")
    site.break_("b")
    assert site.faults == "b"
    site.leave()

    assert said == ["a on", "a off", "b on", "b off"]
    with pytest.raises(ck.ConfigError, match="nothing is deployed"):
        site.break_("c")


def test_a_second_piece_of_work_is_refused_while_one_is_under_way(state):
    site, may_end = site_of(state), threading.Event()
    site.start("wait", lambda _: may_end.wait(30))
    with pytest.raises(ck.ConfigError, match=r"there is work under way \(wait\)"):
        site.start("again", lambda _: None)
    may_end.set()
    site.wait()

    assert (site.work.title, site.work.error) == ("wait", None)
