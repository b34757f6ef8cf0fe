"""Transitions of an execution: closed forms, every way of small machines, a walker with a clock, the simulator."""

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

import chainkit as ck
from chainkit import asl
from chainkit.billing.prices import price_book
from tests.asl_oracle import Walker, enumerated

Plain = dict[str, Any]
ALL, FAILED = "States.ALL", "States.TaskFailed"


def scope(states: Plain, **more: Any) -> Plain:
    return {"StartAt": next(iter(states)), "States": states, **more}


def task(**more: Any) -> Plain:
    return {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", **_on(more)}


def _on(more: Plain) -> Plain:
    return more if "Next" in more else {**more, "End": True}


def retry(attempts: int, *errors: str) -> Plain:
    return {"ErrorEquals": list(errors or (ALL,)), "MaxAttempts": attempts}


def catch(target: str, *errors: str) -> Plain:
    return {"ErrorEquals": list(errors or (ALL,)), "Next": target}


def choice(*rules: str, default: str) -> Plain:
    return {
        "Type": "Choice",
        "Choices": [{"Condition": "{% $x %}", "Next": rule} for rule in rules],
        "Default": default,
    }


def parallel(*branches: Plain, **more: Any) -> Plain:
    return {"Type": "Parallel", "Branches": list(branches), **_on(more)}


def mapped(inside: Plain, mode: Plain | None = None, **more: Any) -> Plain:
    return {"Type": "Map", "ItemProcessor": {**inside, "ProcessorConfig": mode or {"Mode": "INLINE"}}, **_on(more)}


def distributed(inside: Plain, kind: str = "STANDARD", **more: Any) -> Plain:
    return mapped(inside, {"Mode": "DISTRIBUTED", "ExecutionType": kind}, **more)


DONE = {"Type": "Succeed"}
POLL = scope(
    {"Wait": {"Type": "Wait", "Seconds": 9, "Next": "Over?"}, "Over?": choice("End", default="Wait"), "End": DONE}
)


def assert_sums(result: ck.Transitions) -> None:
    """Hold mean and variance, which are solved for, to the distribution, which is passed on."""
    table = result.distribution()
    mean = float((table.transitions * table.probability).sum())
    variance = float(((table.transitions - mean) ** 2 * table.probability).sum())

    assert result.mean == pytest.approx(mean, rel=1e-9)
    assert result.variance == pytest.approx(variance, rel=1e-6, abs=1e-8)
    assert table.probability.sum() + result.remaining == pytest.approx(1, abs=1e-13)
    assert result.remaining <= 1e-12
    assert sum(result.by_state.values()) == pytest.approx(result.mean, rel=1e-12)
    assert sum(result.ends.values()) == pytest.approx(1, abs=1e-12)


# --- closed forms ---


def test_states_in_a_row_are_a_transition_each() -> None:
    row = {f"S{i}": {"Type": "Pass", "Next": f"S{i + 1}"} for i in range(6)} | {"S6": DONE}
    result = ck.transitions(scope(row))

    assert (result.mean, result.variance, result.quantile(0.5)) == (7, 0, 7)
    assert result.distribution().values.tolist() == [[7, 1, 1]]
    assert dict(result.ends) == {"S6": 1.0}


@pytest.mark.parametrize("p", [0.5, 0.9, 0.01, 1e-3])
def test_a_loop_is_geometric(p: float) -> None:
    result = ck.transitions(POLL, {"Over?": [p, 1 - p]})
    table = result.distribution()

    assert result.mean == pytest.approx(1 + 2 / p, rel=1e-9)
    assert result.variance == pytest.approx(4 * (1 - p) / p**2, rel=1e-9)
    assert table.transitions.tolist()[:20] == [3 + 2 * k for k in range(len(table))][:20]
    assert table.probability.to_numpy() == pytest.approx(p * (1 - p) ** np.arange(len(table)), rel=1e-9)
    assert result.remaining == pytest.approx((1 - p) ** len(table), abs=1e-15)
    assert result.quantile(0.9) == 1 + 2 * math.ceil(math.log(0.1) / math.log1p(-p) - 1e-12)
    assert_sums(result)


def test_a_loop_that_hardly_ever_ends_has_its_mean_still() -> None:
    result = ck.transitions(POLL, {"Over?": [1e-9, 1 - 1e-9]})

    assert result.mean == pytest.approx(2e9, rel=1e-6)
    assert result.std == pytest.approx(2e9, rel=1e-6)
    with pytest.raises(ck.SimulationError, match="more than 1,000,000"):
        result.quantile(0.5)


@pytest.mark.parametrize(("p", "most"), [(0.5, 2), (0.1, 3), (0.9, 40), (1.0, 5), (0.3, 0), (0.2, 99_999_999)])
def test_retries_are_a_geometric_series(p: float, most: int) -> None:
    result = ck.transitions(scope({"Pay": task(Retry=[retry(most)])}), {"Pay": p})
    tries = range(min(most, 400) + 1)

    assert result.mean == pytest.approx(sum(p**k for k in tries))
    assert result.failed_fraction == pytest.approx(p ** (most + 1), rel=1e-9, abs=1e-300)
    assert_sums(result)


def test_each_retrier_has_its_own_counter() -> None:
    """Alive after a and b failures: (a + b)! / a! b! p^a q^b, each at most its MaxAttempts."""
    p, q, most = 0.3, 0.2, (2, 3)
    states = {"Pay": task(Retry=[retry(most[0], "Busy"), retry(most[1])])}
    result = ck.transitions(scope(states), {"Pay": {"Busy": p, "Lambda.Unknown": q}})
    alive: dict[int, float] = defaultdict(float)
    for a in range(most[0] + 1):
        for b in range(most[1] + 1):
            alive[a + b] += math.comb(a + b, a) * p**a * q**b

    assert result.mean == pytest.approx(sum(alive.values()))
    above = 1 - result.distribution().cumulative.to_numpy()
    assert above[:-1] == pytest.approx([alive[n] for n in range(1, 6)])


@pytest.mark.parametrize(
    ("named", "error", "is_retried"),
    [
        (ALL, "Anything", True),
        (ALL, "States.Timeout", True),
        (ALL, "States.DataLimitExceeded", False),
        (ALL, "States.Runtime", False),
        ("States.Runtime", "States.Runtime", False),
        (FAILED, "Anything", True),
        (FAILED, "States.Timeout", False),
        (FAILED, "States.DataLimitExceeded", False),
        ("States.Timeout", "States.Timeout", True),
        ("States.Timeout", "States.HeartbeatTimeout", True),
        ("Mine", "Yours", False),
        ("Mine", FAILED, False),
    ],
)
def test_errors_are_named_as_aws_names_them(named: str, error: str, is_retried: bool) -> None:
    result = ck.transitions(scope({"Pay": task(Retry=[retry(1, named)])}), {"Pay": {error: 0.5}})

    assert result.mean == (1.5 if is_retried else 1.0)


def test_a_catcher_is_asked_after_the_retries_and_the_first_that_names_the_error_decides() -> None:
    handlers = {"Retry": [retry(1, "Busy")], "Catch": [catch("Wait", "Busy"), catch("Sorry")]}
    states = {"Pay": task(Next="Done", **handlers), "Done": DONE, "Wait": task(Next="Done"), "Sorry": {"Type": "Fail"}}
    result = ck.transitions(scope(states), {"Pay": {"Busy": 0.5, "Broken": 0.1}})

    busy, broken = 0.5 * 0.5, 0.1 * 1.5
    assert result.by_state == pytest.approx({"Pay": 1.5, "Done": 1 - broken, "Wait": busy, "Sorry": broken})
    assert result.ends == pytest.approx({"Done": 1 - broken, "Sorry": broken})
    assert result.failed_fraction == pytest.approx(broken)


def test_a_catcher_that_leads_back_is_a_loop_with_new_counters() -> None:
    p = 0.5
    states = {
        "Pay": task(Retry=[retry(1)], Catch=[catch("Wait")]),
        "Wait": {"Type": "Wait", "Seconds": 9, "Next": "Pay"},
    }
    result = ck.transitions(scope(states), {"Pay": p})

    turns = p**2 / (1 - p**2)
    assert result.by_state == pytest.approx({"Pay": (1 + p) * (1 + turns), "Wait": turns})
    assert_sums(result)


def test_nesting_an_express_child_saves_three_transitions() -> None:
    """The workshop of Step Functions, module 13: 1,000 executions, 3 x 1,000 x 0.000025 = 0.075 USD."""
    row = {f"T{i}": task(Next=f"T{i + 1}") for i in range(4)} | {"T4": task()}
    whole = ck.transitions(scope(row))
    nested = {"Child": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "Next": "T4"}}
    less = ck.transitions(scope({**nested, "T4": task()}))

    assert whole.mean - less.mean == 3
    assert (whole.usd_per_million() - less.usd_per_million()) / 1000 == pytest.approx(0.075)


@pytest.mark.parametrize("n", [0, 1, 7, 10_000])
def test_a_map_is_one_and_its_items_times_the_states_inside(n: int) -> None:
    inside = scope({"A": task(Next="B"), "B": {"Type": "Pass", "End": True}})
    result = ck.transitions(scope({"Each": mapped(inside)}), items={"Each": n})

    assert (result.mean, result.variance, result.quantile(0.99)) == (1 + 2 * n, 0, 1 + 2 * n)


def test_a_million_items_with_a_loop_each_add_up() -> None:
    result = ck.transitions(scope({"Each": mapped(POLL)}), {"Over?": [0.5, 0.5]}, items={"Each": 1_000_000})

    assert result.mean == pytest.approx(1 + 5e6, rel=1e-12)
    assert result.variance == pytest.approx(8e6, rel=1e-9)
    assert result.quantile(0.975) == pytest.approx(1 + 5e6 + 1.96 * math.sqrt(8e6), abs=20)


def test_items_one_after_the_other_stop_at_the_first_that_fails() -> None:
    p, n = 0.1, 8
    result = ck.transitions(
        scope({"Each": mapped(scope({"A": task()}), MaxConcurrency=1)}), {"A": p}, items={"Each": n}
    )

    assert result.is_exact
    assert result.mean == pytest.approx(1 + (1 - (1 - p) ** n) / p)
    assert result.failed_fraction == pytest.approx(1 - (1 - p) ** n)
    assert_sums(result)


@pytest.mark.parametrize("tolerated", [{"ToleratedFailureCount": 2}, {"ToleratedFailurePercentage": 40}])
def test_a_distributed_map_tolerates_failures(tolerated: Plain) -> None:
    """5 items, up to 2 may fail; a failure takes 3 tries."""
    p = 0.5**3
    each = distributed(
        scope({"A": task(Retry=[retry(2)])}), Catch=[catch("Late", "States.Timeout")], Next="Late", **tolerated
    )
    result = ck.transitions(scope({"Each": each, "Late": DONE}), {"A": 0.5}, items={"Each": 5})

    few = sum(math.comb(5, k) * p**k * (1 - p) ** (5 - k) for k in range(3))
    assert result.ends == pytest.approx({"Late": few, "Each (States.ExceedToleratedFailureThreshold)": 1 - few})
    assert result.mean == pytest.approx(1 + 5 * 1.75 + few)
    assert result.mean_low < result.mean
    assert_sums(result)


def test_children_of_a_distributed_map_are_batches_and_express_children_are_not_billed_by_transition() -> None:
    inside = scope({"A": task(Next="B"), "B": task()})
    standard = ck.transitions(
        scope({"Each": distributed(inside, ItemBatcher={"MaxItemsPerBatch": 4})}), items={"Each": 10}
    )
    express = ck.transitions(scope({"Each": distributed(inside, "EXPRESS")}), items={"Each": 10})

    assert (standard.mean, express.mean) == (1 + 3 * 2, 1)
    assert express.by_state == {"Each": 1, "A": 0, "B": 0}


def test_a_state_that_is_never_reached_needs_no_figures() -> None:
    states = {"Pay": task(Catch=[catch("Each")]), "Each": mapped(POLL)}

    assert ck.transitions(scope(states)).by_state == {"Pay": 1, "Each": 0, "Wait": 0, "Over?": 0, "End": 0}


# --- branches and items that fail ---


def test_single_tasks_side_by_side_have_all_begun_when_one_fails() -> None:
    branches = [scope({name: task()}) for name in "ABC"]
    result = ck.transitions(scope({"All": parallel(*branches, Retry=[retry(1)])}), {"A": 0.3, "B": 0.2})

    failed = 1 - 0.7 * 0.8
    assert result.is_exact
    assert result.notes == ()
    assert result.mean == pytest.approx(4 * (1 + failed))
    assert result.failed_fraction == pytest.approx(failed**2)


CUT = scope(
    {
        "All": parallel(
            scope({"A": task(Next="B"), "B": task(Retry=[retry(2)], Next="C"), "C": task()}),
            scope({"D": task(Retry=[retry(1, "Busy"), retry(2)], Next="E"), "E": task()}),
            Retry=[retry(1)],
            Next="Each",
        ),
        "Each": mapped(scope({"F": task(Next="G"), "G": task()}), Catch=[catch("Sorry")], Next="Done"),
        "Done": DONE,
        "Sorry": DONE,
    }
)
CUT_FIGURES = {"B": 0.5, "D": {"Busy": 0.3, "Broken": 0.3}, "F": 0.1, "G": 0.2, "Each": 0.1}


def test_where_siblings_are_stopped_the_mean_lies_between_the_bounds() -> None:
    result = ck.transitions(CUT, CUT_FIGURES, items={"Each": 3})
    walker = Walker(CUT, CUT_FIGURES, {"Each": 3}, seed=1)
    counts = np.array([walker.count() for _ in range(4_000)])
    slack = 4 * counts.std() / math.sqrt(counts.size)

    assert not result.is_exact
    assert "no count can know" in str(result)
    assert result.mean_low + slack < counts.mean() < result.mean - slack
    assert_sums(result)


def test_errors_of_branches_that_are_treated_differently_are_told() -> None:
    branches = scope({"A": task()}), scope({"B": task()})
    states = {"All": parallel(*branches, Catch=[catch("Done", "Mine")], Next="Done"), "Done": DONE}
    result = ck.transitions(scope(states), {"A": {"Mine": 0.5}, "B": {"Yours": 0.5}})

    assert "the one written first" in result.notes[0]
    assert result.ends == pytest.approx({"Done": 0.75, "All (Yours)": 0.25})


# --- every way of small machines ---

ERRORS = st.dictionaries(st.sampled_from(["Mine", FAILED, "States.Timeout"]), st.floats(0.01, 0.3), max_size=2)
HANDLERS = st.lists(st.sampled_from(["Mine", FAILED, "States.Timeout", ALL]), max_size=2, unique=True).map(
    lambda errors: sorted(errors, key=lambda error: error == ALL)
)


@st.composite
def machines(draw: st.DrawFn, prefix: str = "S", depth: int = 1) -> tuple[Plain, Plain, Plain]:
    """Machines whose ways back are Choices, with figures and items."""
    count = draw(st.integers(1, 4 if depth else 2))
    names = [f"{prefix}{i}" for i in range(count)]
    states: Plain = {}
    figures: Plain = {}
    items: Plain = {}
    for i, name in enumerate(names):
        ahead = names[i + 1 :]
        on = {"Next": draw(st.sampled_from(ahead))} if ahead else {"End": True}
        kinds = ["Task", "Task", "Pass", *(["Choice"] if ahead else ["Fail"]), *(["Parallel", "Map"] if depth else [])]
        kind = draw(st.sampled_from(kinds))
        if kind == "Pass":
            states[name] = {"Type": "Pass", **on}
        elif kind == "Fail":
            states[name] = {"Type": "Fail", "Error": draw(st.sampled_from(["Mine", "Other"]))}
        elif kind == "Choice":
            share = draw(st.floats(0.0, 0.5 if depth else 0.2))
            figures[name] = [share, 1 - share]
            states[name] = choice(draw(st.sampled_from(names)), default=on["Next"])
        else:
            handlers: Plain = {
                "Retry": [retry(draw(st.integers(0, 2)), error) for error in draw(HANDLERS)],
                "Catch": [catch(draw(st.sampled_from(ahead)), error) for error in (draw(HANDLERS) if ahead else [])],
            }
            figures[name] = draw(ERRORS)
            inside = [draw(machines(f"{name}{part}", 0)) for part in "ab"[: {"Task": 0, "Map": 1}.get(kind, 2)]]
            for _, inner_figures, inner_items in inside:
                figures |= inner_figures
                items |= inner_items
            if kind == "Map":
                items[name] = draw(st.integers(0, 2))
                at_once = draw(st.sampled_from([{}, {"MaxConcurrency": 1}]))
                states[name] = mapped(inside[0][0], **handlers, **on, **at_once)
            elif kind == "Parallel":
                states[name] = parallel(*(each[0] for each in inside), **handlers, **on)
            else:
                states[name] = task(**handlers, **on)
    return scope(_reachable(states)), figures, items


def _reachable(states: Plain) -> Plain:
    ways = {
        name: [state[key] for key in ("Next", "Default") if key in state]
        + [each["Next"] for key in ("Choices", "Catch") for each in state.get(key, [])]
        for name, state in states.items()
    }
    found = asl.reached(next(iter(states)), ways)
    return {name: state for name, state in states.items() if name in found}


@settings(max_examples=60)
@given(machines())
def test_small_machines_are_counted_as_every_way_says(drawn: tuple[Plain, Plain, Plain]) -> None:
    definition, figures, items = drawn
    known = {name for name, _ in asl.states(asl.parsed(definition))}
    figures = {name: each for name, each in figures.items() if name in known}
    items = {name: n for name, n in items.items() if name in known}
    by_count: dict[int, float] = defaultdict(float)
    by_end: dict[str, float] = defaultdict(float)
    for (count, state, error), p in enumerated(definition, figures, items).items():
        by_count[count] += p
        by_end[state if error is None else f"{state} ({error})"] += p

    result = ck.transitions(definition, figures, items=items)

    table = dict(result.distribution()[["transitions", "probability"]].itertuples(index=False))
    assert {n: p for n, p in by_count.items() if p > 1e-10} == pytest.approx(
        {n: p for n, p in table.items() if p > 1e-10 or by_count[n] > 1e-10}, abs=1e-11
    )
    assert dict(result.ends) == pytest.approx({end: p for end, p in by_end.items() if p > 0}, abs=1e-11)
    assert result.mean_low <= result.mean * (1 + 1e-12)
    assert_sums(result)


@settings(max_examples=60)
@given(machines(), st.integers(0, 2**32))
def test_a_walker_with_a_clock_stays_between_the_bounds(drawn: tuple[Plain, Plain, Plain], seed: int) -> None:
    definition, figures, items = drawn
    known = {name for name, _ in asl.states(asl.parsed(definition))}
    figures = {name: each for name, each in figures.items() if name in known}
    items = {name: n for name, n in items.items() if name in known}
    result = ck.transitions(definition, figures, items=items)
    if any("written first" in note for note in result.notes):
        return  # which error comes first depends on the clock
    walker = Walker(definition, figures, items, seed)
    counts = np.array([walker.count() for _ in range(400)])
    slack = 6 * max(result.std, 0.1) / math.sqrt(counts.size) + 1e-9

    assert result.mean_low - slack <= counts.mean() <= result.mean + slack


# --- the simulator ---


def simulated(chain: ck.Chain, requests: int) -> float:
    run = ck.simulate(chain, ck.Steady(rate_per_s=0.1), requests=requests, seed=5, warmup_fraction=0)
    return float(run.nodes.loc["flow", "transitions"]) / requests


def test_the_order_machine_counts_what_its_simulation_counts() -> None:
    chain = ck.example("orders-sfn")
    chain.set("payment", error_rate=0.4, poison_fraction=0.0)
    result = ck.transitions(chain.service("flow"), {"Charge": {"ProviderUnavailable": 0.4}})

    assert not result.is_billed
    assert simulated(chain, 20_000) == pytest.approx(result.mean, abs=4 * result.std / math.sqrt(20_000))


def called(name: str, **more: Any) -> Plain:
    return task(Parameters={"FunctionName": f"${{{name}}}"}, **more)


def test_loops_maps_and_two_retriers_are_counted_as_they_are_simulated() -> None:
    states = {
        "Ask": called("ask", Retry=[retry(1, "Busy"), retry(2)], Catch=[catch("Sorry")], Next="Again?"),
        "Again?": choice("Ask", default="Each"),
        "Each": mapped(
            scope(
                {
                    "In": called("in", Retry=[retry(3)]),
                }
            ),
            MaxConcurrency=1,
            Next="Both",
        ),
        "Both": parallel(scope({"L": {"Type": "Pass", "End": True}}), scope({"R": called("in", Retry=[retry(3)])})),
        "Sorry": {"Type": "Fail"},
    }
    figures = {"Ask": {"Busy": 0.5}, "Again?": [0.3, 0.7], "In": 0.3, "R": 0.3}
    settings = {"definition": scope(states), "choices": {"Again?": [0.3, 0.7]}, "items": {"Each": 4}}
    chain = ck.Chain("c")
    chain.add(ck.LambdaFunction("ask", error_rate=0.5, error_name="Busy", duration=0.1))
    chain.add(ck.LambdaFunction("in", error_rate=0.3, duration=0.1))
    machine = chain.add(ck.StateMachine("flow", **settings))
    result = ck.transitions(machine, figures)

    assert result.is_exact
    assert simulated(chain, 10_000) == pytest.approx(result.mean, abs=4 * result.std / math.sqrt(10_000))


def test_a_simulation_in_which_branches_fail_stays_between_the_bounds() -> None:
    branches = (
        scope({"A": called("a", Next="B"), "B": called("b", Next="C"), "C": called("b")}),
        scope({"D": called("d")}),
    )
    chain = ck.Chain("c")
    for name, error_rate in (("a", 0.0), ("b", 0.2), ("d", 0.3)):
        chain.add(ck.LambdaFunction(name, error_rate=error_rate, duration=ck.LogNormal(p50_s=0.1, p99_s=0.6)))
    machine = chain.add(ck.StateMachine("flow", definition=scope({"All": parallel(*branches, Retry=[retry(1)])})))
    result = ck.transitions(machine, {"B": 0.2, "C": 0.2, "D": 0.3})

    assert result.mean_low < simulated(chain, 4_000) < result.mean


# --- the face ---


def test_prices_come_from_the_book() -> None:
    result = ck.transitions(POLL, {"Over?": [1.0, 0.0]})
    book = price_book("us-east-1").with_price("stepfunctions-transitions", 0.0000375, source="São Paulo, 2026")
    assert result.usd_per_million() == pytest.approx(3 * 25)
    assert result.usd_per_million(price_book=book) == pytest.approx(3 * 37.5)
    with pytest.raises(ck.PriceMissingError, match="moon-1"):
        result.usd_per_million("moon-1")


def test_it_reads_well() -> None:
    result = ck.transitions(json.dumps(POLL), {"Over?": [0.5, 0.5]})

    assert repr(result) == "Transitions('machine', 5.0000 transitions per execution, std 2.8284)"
    assert str(result).splitlines() == [
        "machine: 5.0000 transitions per execution, std 2.8284",
        "ends: End 100 %",
        "Wait       2.0000",
        "Over?      2.0000",
        "End        1.0000",
        "$125.00 per million executions in us-east-1",
    ]


def test_an_express_machine_has_no_price_by_transition() -> None:
    result = ck.transitions(ck.StateMachine("flow", workflow="EXPRESS"))

    assert result.mean == 1
    with pytest.raises(ck.ConfigError, match="EXPRESS"):
        result.usd_per_million()


@pytest.mark.parametrize(
    ("definition", "figures", "items", "words"),
    [
        (POLL, {"Over?": [0.0, 1.0]}, {}, "no end can be reached"),
        (scope({"A": task(Catch=[catch("A")])}), {"A": 1.0}, {}, "no end can be reached"),
        (scope({"A": task(Retry=[retry(99_999)])}), {"A": 1.0}, {}, "more than 20,000 ways"),
        (
            scope(
                {
                    "P": parallel(
                        scope({"F": {"Type": "Fail", "Error": "{% $e %}"}}), Catch=[catch("D", "Mine")], Next="D"
                    ),
                    "D": DONE,
                }
            ),
            {},
            {},
            "usual name of that Fail",
        ),
        (
            scope({"M": distributed(scope({"A": task()}), ToleratedFailureCount="{% $n %}")}),
            {"A": 0.1},
            {"M": 2},
            "which the data computes",
        ),
    ],
)
def test_what_has_no_answer_is_refused(definition: Plain, figures: Plain, items: Plain, words: str) -> None:
    with pytest.raises(ck.SimulationError, match=words):
        ck.transitions(definition, figures, items=items)


@pytest.mark.parametrize(
    ("figures", "items", "words"),
    [
        ({}, {"Each": 1}, "nothing says how often each of its 2 ways"),
        ({"Over?": [0.5, 0.5]}, {}, "nothing says how many items"),
        ({"Over?": [0.5]}, {"Each": 1}, "does not fit its 2 ways"),
        ({"Over?": [0.5, 0.6]}, {"Each": 1}, "adding to 1, in this order: End, Wait"),
        ({"Over?": [-0.5, 1.5]}, {"Each": 1}, "does not fit"),
        ({"Over?": 0.5}, {"Each": 1}, "does not fit"),
        ({"Overt?": [0.5, 0.5]}, {"Each": 1}, "did you mean 'Over"),
        ({"Wait": 0.5}, {"Each": 1}, "is no Choice or Task or Parallel or Map"),
        ({"Each": 1.5}, {"Each": 1}, "no probability that one attempt fails"),
        ({"Each": {"A": 0.6, "B": 0.6}}, {"Each": 1}, "together at most 1"),
        ({"Each": {ALL: 0.1}}, {"Each": 1}, "no probability"),
        ({"Each": math.nan}, {"Each": 1}, "no probability"),
        ({}, {"Each": -1}, "no number of items"),
        ({}, {"Eech": 1}, "did you mean 'Each'"),
    ],
)
def test_figures_that_do_not_fit_are_refused(figures: Plain, items: Plain, words: str) -> None:
    with pytest.raises(ck.ConfigError, match=words) as caught:
        ck.transitions(scope({"Each": mapped(POLL)}), figures, items=items)

    assert caught.value.fix


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        ("{", "is not JSON"),
        (scope({"A": {"Type": "Pass", "Next": "B"}}), "leads to 'B'"),
        ({"StartAt": "A"}, "is refused"),
        (ck.SqsQueue("jobs"), "has no states"),
        (7, "is refused"),
    ],
)
def test_what_is_no_machine_is_refused(machine: Any, words: str) -> None:
    with pytest.raises(ck.ConfigError, match=words):
        ck.transitions(machine)


@pytest.mark.parametrize("p", [0, 1, 1.5, math.nan, "0.5"])
def test_a_quantile_is_asked_for_a_fraction(p: Any) -> None:
    with pytest.raises(ck.ConfigError, match="is not above 0 and below 1"):
        ck.transitions(POLL, {"Over?": [0.5, 0.5]}).quantile(p)


# --- real machines ---


def test_every_machine_of_the_corpus_is_counted(corpus: Path) -> None:
    files = sorted((corpus / "asl").iterdir())
    for file in files:
        definition = json.loads(json.dumps(YAML(typ="safe").load(file.read_text(encoding="utf-8")), default=str))
        states = dict(asl.states(asl.parsed(asl.read(definition))))
        figures: Plain = {name: 0.05 for name, state in states.items() if state.Type in ("Task", "Parallel", "Map")}
        figures |= {n: [1 / len(s.ways)] * len(s.ways) for n, s in states.items() if s.Type == "Choice"}
        items = {name: 3 for name, state in states.items() if state.Type == "Map"}

        assert_sums(ck.transitions(definition, figures, items=items))

    assert len(files) > 50


def test_figures_that_are_no_mapping_are_refused() -> None:
    with pytest.raises(ck.ConfigError, match="items=3 is no mapping"):
        ck.transitions(POLL, {"Over?": [0.5, 0.5]}, items=3)
    with pytest.raises(ck.ConfigError, match=r"probabilities=\[0.5, 0.5\] is no mapping"):
        ck.transitions(POLL, [0.5, 0.5])
