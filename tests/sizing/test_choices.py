"""What can be chosen: which settings by themselves, which never, and the designs that choices make."""

import re

import pytest
from scipy import stats

import chainkit as ck
from chainkit.sizing.choices import SIZES, poisson_quantile, space_of

LOAD = ck.Poisson(rate_per_s=4)


def queue() -> ck.Chain:
    chain = ck.Chain("queue")
    chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    chain.add(ck.LambdaFunction("pay", memory_mb=300, timeout_s=10, duration=0.1, cpu_fraction=0.5))
    chain.add(ck.LambdaFunction("mail", timeout_s=10, duration=0.1))
    chain.connect("jobs", "pay", batch_size=2)
    chain.connect("pay", "mail", link="async")
    return chain


def space(chain: ck.Chain, asked=None, *, load=LOAD, figure="completion_p95_s", least_mb=None, ratio=1.0):
    run = ck.simulate(chain, load, requests=40_000, seed=1)
    return space_of(chain, run, figure, asked, least_mb or {}, ratio)


def test_by_itself_it_chooses_what_the_design_says_something_about() -> None:
    found, notes = space(queue())

    values = {choice.key: choice.values for choice in found.choices}
    assert values == {
        "pay.memory_mb": tuple(sorted({*SIZES, 300})),
        "pay.architecture": ("x86_64", "arm64"),
        "mail.architecture": ("x86_64", "arm64"),
        "jobs>pay.batch_size": (1, 2, 5, 10),
        "jobs>pay.maximum_batching_window_s": (0, 1, 5),
    }
    assert all(choice.values[choice.now] in (300, "x86_64", 2, 0) for choice in found.choices)
    assert ["mail: memory is not tried" in note for note in notes] == [True]


def test_a_limit_of_the_response_leaves_batches_alone() -> None:
    chain = queue()
    chain.add(ck.LambdaFunction("ask", duration=0.01, cpu_fraction=0.5))
    chain.connect("ask", "jobs")

    found, notes = space(chain, figure="response_p95_s")

    assert not [choice for choice in found.choices if "batch" in choice.key]
    assert any("batches are not tried" in note for note in notes)


def test_memory_below_what_is_used_is_not_tried() -> None:
    found, _ = space(queue(), ["memory_mb"], least_mb={"pay": 400})

    assert [choice.values for choice in found.choices] == [(300, 512, 768, 1024, 1536, 1769)]


def test_environments_kept_ready_are_tried_where_cold_starts_are_seen() -> None:
    rare, often = (
        space(queue(), ["provisioned_concurrency", "memory_mb"], load=ck.Poisson(rate_per_s=rate))[0]
        for rate in (0.002, 50)
    )

    assert [c.values for c in rare.choices if c.key == "pay.provisioned_concurrency"] == [(0, 1)]
    assert [c.key for c in often.choices] == ["pay.memory_mb"]


@pytest.mark.parametrize("mean", [0.0, 0.001, 0.7, 4.2, 130.0, 650.0])
@pytest.mark.parametrize("p", [0.5, 0.99, 0.9999])
def test_how_many_are_enough_is_the_quantile_of_the_poisson_law(mean: float, p: float) -> None:
    assert poisson_quantile(mean, p) == stats.poisson(mean).ppf(p) or mean == 0


def test_a_pool_that_is_huge_has_a_level_too() -> None:
    for p in (0.5, 0.99, 0.9999):
        assert poisson_quantile(2_000.0, p) == pytest.approx(stats.poisson(2_000).ppf(p), rel=0.05)


def test_a_design_changes_settings_and_nothing_else() -> None:
    chain = queue()
    found, _ = space(chain, {"pay.memory_mb": [300, 600], "jobs>pay.batch_size": [2, 10]})

    built = found.built((1, 1))

    expected = chain.copy()
    expected.set("pay", memory_mb=600)
    expected.set("jobs>pay", batch_size=10)
    assert built == expected
    assert found.built(found.start) == chain
    assert built.service("pay").behaviour().work.mean_s == pytest.approx(0.075)  # as measured at 300 MB


def test_what_aws_refuses_is_no_design() -> None:
    keys = {"jobs>pay.batch_size": [10, 100], "jobs>pay.maximum_batching_window_s": [0, 1]}
    found, _ = space(queue(), keys)

    values = {design: found.built(design) is not None for design in found.all()}
    refused = [design for design, is_built in values.items() if not is_built]
    assert [(found.choices[0].values[a], found.choices[1].values[b]) for a, b in refused] == [
        (100, 0)
    ]  # a batch of 100 needs a window


def test_another_processor_scales_the_laws_by_its_ratio() -> None:
    chain = queue()
    chain.set("pay", overhead=0.01, first_duration=0.3)
    found, _ = space(chain, {"pay.architecture": ["x86_64", "arm64"]}, ratio={"pay": 1.5})

    pay = found.built((1,)).service("pay")

    assert (pay.duration.mean_s, pay.overhead.mean_s, pay.first_duration.mean_s) == pytest.approx((0.15, 0.015, 0.45))
    chain.set("pay", architecture="arm64")
    back, _ = space(chain, {"pay.architecture": ["x86_64", "arm64"]}, ratio={"pay": 1.5})
    assert back.built((0,)).service("pay").duration.mean_s == pytest.approx(0.1 / 1.5)


def test_neighbours_differ_in_one_choice() -> None:
    found, _ = space(queue(), ["memory_mb", "architecture"])

    neighbours = found.neighbours(found.start)

    assert len(neighbours) == sum(len(choice.values) - 1 for choice in found.choices) == len({*neighbours})
    assert {sum(a != b for a, b in zip(d, found.start, strict=True)) for d in neighbours} == {1}


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"pay.memory_mb": [64]}, "pay.memory_mb=64"),
        ({"pay.memory_gb": [1, 2]}, "there is no setting 'memory_gb' (did you mean 'memory_mb'?)"),
        ({"paid.memory_mb": [128]}, "'paid'"),
        ({"memory_mb": [128]}, "is no setting with values"),
        ({"pay.memory_mb": 128}, "is no setting with values"),
        ({"pay.memory_mb": []}, "is no setting with values"),
        ({"pay.memory_mb": [300]}, "nothing to choose"),
        ({3: [128]}, "is no setting with values"),
        ({}, "nothing to choose"),
        (["memory"], "'memory' is unknown (did you mean 'memory_mb'?)"),
        ([], "neither values by setting nor names"),
        ("memory_mb", "neither values by setting nor names"),
        (["workflow"], "nothing to choose"),
    ],
)
def test_choices_that_cannot_be_are_refused(asked, problem: str) -> None:
    with pytest.raises(ck.ChainkitError, match=re.escape(problem)) as caught:
        space(queue(), asked)

    assert caught.value.fix


@pytest.mark.parametrize("ratio", [0, "1", True, {"pay": -1}, {"paid": 1.0}])
def test_ratios_that_are_none_are_refused(ratio) -> None:
    with pytest.raises(ck.ConfigError, match="arm64_ratio"):
        space(queue(), ["architecture"], ratio=ratio)
