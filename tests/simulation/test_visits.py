"""What is read from raw rows is what the lives of the same requests say, and what the kernel counts."""

import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, note, settings

import chainkit as ck
from chainkit.simulation import kernel as k
from chainkit.simulation import lives, visits
from chainkit.simulation import primitives as m
from chainkit.wiring import Delivery, EventSourceMapping, Redrive, Task
from tests.simulation.case import Case, chain_of, function
from tests.simulation.cases import CASES
from tests.simulation.counterexamples import COUNTEREXAMPLES
from tests.simulation.strategies import cases
from tests.simulation.test_kernel_vs_twin import relaxed

DESIGNS = sorted((Path(__file__).parents[2] / "data" / "chains").glob("*/*.chain.yaml"))


# --- the slow twin: life by life ---


class Oracle:
    """Reads the stories of all requests, and counts those of the sample."""

    def __init__(self, run, requests):
        (tally,) = run.tallies
        self.run, self.program, self.labels = run, run.program, run.program.labels
        self.code = run.program.code.reshape(-1, 8).tolist()
        self.requests = set(requests.tolist())
        self.size = len(self.requests)
        told = lives.stories(run.program, run.again(tally, traced=range(*tally.bounds)).trace, range(*tally.bounds))
        self.stories = [story for number, story in told.items() if number in self.requests]
        self.lives = [life for story in self.stories for life in story.lives]
        every = [life for story in told.values() for life in story.lives]
        batches = {id(each.other): each.other for life in every for each in life.moments if each.kind == m.NOTE_BATCHED}
        self.batches = [batch for batch in batches.values() if batch.request in self.requests]

    def link_of(self, life):
        return self.program.marks[life.born_pc][1] if life.parent is not None else ""

    def ran(self, label, lives_):
        pc = self.labels.get(label)
        return sum(each.pc == pc and each.kind == m.NOTE_ROW for life in lives_ for each in life.moments)

    def links(self):
        """Return (travelled, tries) of each link."""
        counts = {}
        for key, link in self.run.chain.links.items():
            counts[key] = self.link(key, link)
            if isinstance(link, Delivery) and link.dead_letter_queue:
                counts[f"{key}!"] = (self.ran(f"{key}.lost", self.lives),) * 2
        return counts

    def link(self, key, link):
        if isinstance(link, EventSourceMapping):
            pc = self.labels[f"{link.source}.batch"]
            taken = [(li, e) for li in self.lives for e in li.moments if e.kind == m.NOTE_BATCHED and e.pc == pc]
            messages = {id(self.original(life)) for life, _ in taken}
            return len(messages), len(taken)
        if isinstance(link, Redrive):
            return (self.ran(f"{link.source}.dead", self.lives),) * 2
        born = [life for life in self.lives if self.link_of(life) == key]
        ends_at = {self.labels.get(f"{link.target}.run"), self.labels.get(f"{link.target}.begin")}
        calls = [li for li in born if self.code[li.born_pc][0] == k.CALL and self.code[li.born_pc][1] in ends_at]
        if isinstance(link, Task):
            sent = [life for life in born if self.code[life.born_pc][0] == k.SPAWN]
            tries = len(calls) + self.messages(key, link, sent)[1]
            return sum(self.is_first(life, key, link.state, link.source) for life in calls + sent), tries
        if link.kind == "sync":
            return len({id(self.call(life, key, ends_at)) for life in calls}), len(calls)
        return self.messages(key, link, [life for life in born if self.code[life.born_pc][0] == k.SPAWN])

    def original(self, life):
        """Return the message of which one is a copy that became visible too early."""
        while life.parent is not None and self.code[life.born_pc][0] == k.OVERRUN_:
            life = life.parent
        return life

    def call(self, life, key, ends_at):
        """Return the frame that a caller waits for, whatever stands between."""
        while self.link_of(life.parent) == key and self.code[life.parent.born_pc][1] not in ends_at:
            life = life.parent
        return life

    def messages(self, key, link, sent):
        """Return (sent, tries) of messages and events."""
        copies = sum(self.code[life.born_pc][6] == 1 for life in sent)
        if link.target in self.program.pool_nodes:
            at = self.labels.get(f"{link.target}.event.try")
            tries = sum(child.born_pc == at for life in sent for _, child in life.children)
            return len(sent) - copies, tries + self.ran(f"{key}.refused", sent)
        delivered = self.ran(f"{key}.deliver", sent)
        return len(sent) - copies, delivered if f"{key}.deliver" in self.labels else len(sent)

    def is_first(self, life, key, state, machine):
        """Tell whether a task's try is no retry: none came before it since its state was last left."""
        own, timed = life, self.labels.get(f"{machine}:{state}.timed")
        if timed is not None:
            own = life.parent
        at = next(i for i, child in own.parent.children if child is own)
        before = [i for i, child in own.parent.children if i < at and self.is_try(child, key, timed)]
        left = self.labels[f"{machine}:{state}.caught"]
        moments = own.parent.moments[max(before, default=0) : at]
        return not before or self.code[left][0] != k.RESET or any(each.pc == left for each in moments)

    def is_try(self, child, key, timed):
        if timed is None:
            return self.link_of(child) == key
        return self.code[child.born_pc][1] == timed and any(self.link_of(each) == key for _, each in child.children)

    def times(self):
        """Return the seconds of each visit of each service."""
        found = defaultdict(list)
        for life in [*self.lives, *self.batches]:
            for i, each in enumerate(life.moments):
                node, row = self.program.marks[each.pc][0], each.kind == m.NOTE_ROW
                if each.kind == m.NOTE_TOOK:
                    found[node].append(self.until(life, i, lambda e: e.kind == m.NOTE_ROW and e.op == k.LEAVE))
                elif row and each.op == k.ENQUEUE:
                    found[node].append(self.until(life, i, lambda e: e.kind == m.NOTE_BATCHED))
                elif row and each.pc == self.labels.get(f"{node}.begin") and f"{node}.end" in self.labels:
                    found[node].append(self.until(life, i, lambda e: e.op == k.ELAPSED))
        entry = self.program.marks[self.labels["entry"]][0]
        if isinstance(self.run.chain.service(entry), ck.HttpApi):
            found[entry] = [self.answer_s(story) for story in self.stories]
        return found

    def until(self, life, i, is_end):
        return next((each.at_s for each in life.moments[i + 1 :] if is_end(each)), math.inf) - life.moments[i].at_s

    def answer_s(self, story):
        found = [each.at_s for life in story.lives for each in life.moments if each.op == k.RESPOND]
        return found[0] - story.root.born_s if found else math.inf


def percentile(each_s, p):
    """Return the least time within which p % of the visits are over."""
    each_s = sorted(each_s)
    if len(each_s) * (100 - p) <= 4 * p:
        return math.nan
    return next(x for n, x in enumerate(each_s, 1) if 100 * n >= p * len(each_s))


def run_of(case, **more):
    options = {"seed": 3, "replications": 1, **case.options, **more}
    return ck.simulate(case.chain, case.load, **options)


def assert_same(case, **more):
    """Compare both tables with the slow twin's."""
    run = run_of(case, **more)
    oracle = Oracle(run, run._sample.requests)

    assert run.links.attrs["requests"] == run.times.attrs["requests"] == oracle.size
    travelled = {key: n for key, (n, _) in oracle.links().items()}
    attempts = {key: tries / n if n else math.nan for key, (n, tries) in oracle.links().items()}
    assert (run.links["per_request"] * oracle.size).round(9).to_dict() == travelled
    assert run.links["attempts"].to_dict() == pytest.approx(attempts, nan_ok=True)
    took_s = oracle.times()
    for name in run.chain.services:
        figures = [len(took_s[name]), *(percentile(took_s[name], p) for p in (50, 95, 99))]
        np.testing.assert_array_equal(run.times.loc[name].to_numpy(), figures, err_msg=name)
    return run


@pytest.fixture
def a_quarter(monkeypatch):
    monkeypatch.setattr(visits, "SAMPLE", 50)


@pytest.fixture
def all_of_them(monkeypatch):
    monkeypatch.setattr(visits, "SAMPLE", 1 << 20)


@pytest.mark.usefixtures("all_of_them")
@pytest.mark.parametrize("name", CASES)
def test_hand_made_chains_are_read_as_their_lives(name):
    assert_counted(assert_same(CASES[name](), warmup_fraction=0))


@pytest.mark.usefixtures("a_quarter")
@pytest.mark.parametrize("name", CASES)
def test_a_sample_of_hand_made_chains_is_read_as_its_lives(name):
    assert_same(CASES[name]())


@pytest.mark.parametrize("design", DESIGNS, ids=lambda p: p.stem)
def test_the_designs_that_come_with_chainkit_are_read_as_their_lives(design):
    load = ck.Poisson(rate_per_s=4, attributes={"status": {"charged": 0.8, "refused": 0.2}})
    assert_counted(assert_same(Case(ck.load(design), load, 300), warmup_fraction=0))


@pytest.mark.usefixtures("all_of_them")
@pytest.mark.parametrize("make", COUNTEREXAMPLES, ids=lambda make: make.__name__)
def test_chains_that_once_were_hard_are_read_as_their_lives(make):
    assert_counted(assert_same(make(), warmup_fraction=0))


def check_any(case):
    """Compare all requests of a random case, and then some, if AWS would take its chain."""
    note(repr(case))
    assume(not case.chain.validate())
    assert_counted(assert_same(case, warmup_fraction=0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(visits, "SAMPLE", 10)
        assert_same(case)


@settings(relaxed, max_examples=60)
@given(cases())
def test_any_chain_is_read_as_its_lives(case):
    check_any(case)


@pytest.mark.slow
@settings(relaxed, max_examples=1500, derandomize=False)
@given(cases())
def test_very_many_chains_are_read_as_their_lives(case):
    check_any(case)


# --- what the kernel counts itself ---


def counter_of(run, node, name):
    return float(np.nan_to_num(run.nodes.loc[node, name])) if name in run.nodes else 0.0


def assert_counted(run):
    """Compare a run of which every request is in the sample with the kernel's counters."""
    assert run.times.attrs["requests"] == run.requests
    requests, travelled = run.requests, run.links["per_request"] * run.requests
    tries = (travelled * run.links["attempts"]).fillna(0)
    links = run.chain.links
    for name in run.chain.services:
        seen, into = run.times.loc[name, "visits"], [key for key, link in links.items() if link.target == name]
        if name in run.program.pool_nodes:
            assert seen == counter_of(run, name, "invocations") - counter_of(run, name, "pings")
            polled = any(isinstance(links[key], EventSourceMapping) for key in into)
            refusing = any(getattr(links[key], "delivery_error_rate", 0) for key in into)
            pinged = run.chain.service(name).behaviour().pings is not None  # refused pings count as throttles
            if not (polled or refusing or pinged or run.times.attrs["unfinished"]):
                own = requests if run.program.marks[run.program.labels["entry"]][0] == name else 0
                runs = run.nodes.loc[name, "runs_per_request"] * requests
                assert tries[into].sum() + own == pytest.approx(runs)
        elif name in run.program.queue_nodes:
            assert seen >= counter_of(run, name, "receives")  # and those that wait still
            assert seen == counter_of(run, name, "receives") or run.nodes.loc[name, "drain_s"] == math.inf
            (mapping,) = (key for key, link in links.items() if link.source == name and link.kind == "poll")
            assert tries[mapping] == pytest.approx(counter_of(run, name, "receives"))
        elif isinstance(run.chain.service(name), ck.StateMachine):
            assert seen == counter_of(run, name, "executions")
        delivered = [key for key, link in links.items() if link.source == name and isinstance(link, Delivery)]
        if delivered:
            assert travelled[delivered].sum() == pytest.approx(counter_of(run, name, "deliveries"))


# --- closed forms ---


@pytest.mark.usefixtures("all_of_them")
def test_a_caller_tries_until_an_answer_or_the_last_attempt():
    p, n = 0.4, 3
    chain = chain_of(function("f", timeout_s=60), function("g", error_rate=p))
    chain.connect("f", "g", retry=ck.Retry(max_attempts=n, interval_s=0.1), on_error="continue")
    run = run_of(Case(chain, requests=20_000), warmup_fraction=0)

    variance = sum(t * t * (p ** (t - 1) * (1 - p) if t < n else p ** (n - 1)) for t in (1, 2, 3))
    mean = (1 - p**n) / (1 - p)
    assert run.links.loc["f>g", "per_request"] == 1
    assert run.links.loc["f>g", "attempts"] == pytest.approx(mean, abs=4 * math.sqrt((variance - mean**2) / 20_000))


@pytest.mark.usefixtures("all_of_them")
def test_poison_is_received_until_it_is_a_dead_letter():
    q = 0.2
    chain = chain_of(
        ck.SqsQueue("jobs", visibility_timeout_s=30), ck.SqsQueue("dead"), function("f", poison_fraction=q)
    )
    chain.connect("jobs", "f", batch_size=1)
    chain.connect("jobs", "dead", link="redrive", max_receive_count=3)
    run = run_of(Case(chain, ck.Steady(rate_per_s=5), requests=10_000), warmup_fraction=0)
    links = run.links

    dead = links.loc["jobs>dead", "per_request"]
    assert dead == pytest.approx(q, abs=4 * math.sqrt(q * (1 - q) / 10_000))
    assert links.loc["jobs>f", "attempts"] == pytest.approx(1 + 2 * dead)
    assert links.loc["jobs>f", "rate_per_s"] == pytest.approx(5)
    assert links.loc["jobs>dead"].tolist() == [dead, pytest.approx(5 * dead), 1]


@pytest.mark.usefixtures("all_of_them")
def test_the_percentiles_of_a_function_are_those_of_its_law():
    chain = chain_of(function("f", init=0, timeout_s=60, duration=ck.Exponential(mean_s=0.5)))
    times = run_of(Case(chain, requests=40_000), warmup_fraction=0).times.loc["f"]

    assert times["visits"] == 40_000
    for name, p in {"p50_s": 0.5, "p95_s": 0.95, "p99_s": 0.99}.items():
        spread_s = 0.5 * math.sqrt(p * (1 - p) / 40_000) / (1 - p)
        assert times[name] == pytest.approx(-0.5 * math.log(1 - p), abs=4 * spread_s)


def test_an_asynchronous_event_is_tried_twice_more():
    chain = chain_of(function("f"), function("g", error_rate=1.0))
    chain.connect("f", "g", link="async", duplicate_rate=1.0)

    assert run_of(Case(chain)).links.loc["f>g", ["per_request", "attempts"]].tolist() == [1, 6]


def test_what_nothing_travels_has_no_attempts_and_no_times():
    chain = chain_of(function("f"), function("g"), ck.SqsQueue("q"))
    chain.connect("f", "g", probability=0)
    chain.connect("f", "q", link="send")
    run = run_of(Case(chain, requests=100))

    assert run.links.loc["f>g"].tolist() == [0, 0, pytest.approx(math.nan, nan_ok=True)]
    assert run.times.loc["g", "visits"] == run.times.loc["q", "visits"] == 0
    assert run.times.loc[["g", "q"], "p50_s"].isna().all()


# --- the sample ---


def batched(load, requests):
    """Return the times of batches of what is sent: a second for each message."""
    chain = chain_of(ck.SqsQueue("jobs", visibility_timeout_s=360), function("f", duration=1.0, init=0, timeout_s=60))
    chain.connect("jobs", "f", batch_size=10, maximum_batching_window_s=5)
    return run_of(Case(chain, load, requests=requests, has_hops=False), warmup_fraction=0)


def test_large_batches_do_not_count_for_more(monkeypatch):
    load = ck.Poisson(rate_per_s=0.4)
    monkeypatch.setattr(visits, "SAMPLE", 1 << 20)
    whole = batched(load, 20_000).times.loc["f"]
    monkeypatch.setattr(visits, "SAMPLE", 2_000)
    part = batched(load, 20_000).times.loc["f"]

    assert part["visits"] == pytest.approx(whole["visits"] / 10, rel=0.1)
    assert part["p50_s"] == whole["p50_s"] == 3
    assert abs(part["p95_s"] - whole["p95_s"]) <= 1


def test_a_sample_does_not_keep_step_with_full_batches(monkeypatch):
    monkeypatch.setattr(visits, "SAMPLE", 1_000)
    run = batched(ck.Steady(rate_per_s=10), 10_000)

    assert run.nodes.loc["jobs", "batches"] == 1_000
    assert 80 < run.times.loc["f", "visits"] < 120


def test_what_is_not_over_takes_infinitely_long():
    chain = chain_of(ck.SqsQueue("jobs"), function("f", duration=10.0, init=0, timeout_s=30))
    chain.connect("jobs", "f", batch_size=1, maximum_concurrency=2)
    run = run_of(Case(chain, ck.Steady(rate_per_s=1), requests=100, drain_s=0, has_hops=False), warmup_fraction=0)

    assert run.times.attrs["unfinished"] == 82
    assert run.times.loc["jobs", ["visits", "p50_s", "p95_s"]].tolist() == [100, math.inf, math.inf]
    assert run.links.loc["jobs>f", ["per_request", "attempts"]].tolist() == [0.2, 1.0]


def test_one_replication_runs_again_for_both_and_without_the_warm_up(monkeypatch):
    case = CASES["five_in_a_row"]()
    run = ck.simulate(case.chain, case.load, seed=1, replications=4, warmup_fraction=0.25, **case.options)
    traced, again = [], ck.Run.again
    monkeypatch.setattr(
        ck.Run, "again", lambda self, *a, **more: traced.append(more["traced"]) or again(self, *a, **more)
    )

    assert run.links.attrs == run.times.attrs == {"chain": "c", "requests": 38, "unfinished": 0}
    assert len(traced) == 1
    assert set(traced[0]) == set(range(12, 50))


def test_what_is_too_much_to_write_down_is_written_of_fewer(monkeypatch):
    monkeypatch.setattr("chainkit.simulation.memory.TRACE_ROWS", 1 << 15)
    monkeypatch.setattr("chainkit.simulation.memory.MOST_TRACE_ROWS", 1 << 16)
    case = CASES["five_in_a_row"]()
    run = ck.simulate(case.chain, case.load, seed=1, replications=1, **{**case.options, "requests": 4_000})

    assert 0 < run.times.attrs["requests"] < visits.SAMPLE
