"""Pictures of memory curves, tunings and sizings: they show the figures that they are of, in words and places."""

import pytest

import chainkit as ck
from tests.figures.test_drawing import words

LOAD = ck.Steady(rate_per_s=1)


@pytest.fixture(scope="module")
def chain():
    chain = ck.Chain("shop")
    chain.add(ck.LambdaFunction("pay", memory_mb=512, timeout_s=10, duration=0.25, cpu_fraction=0.8))
    return chain


def drawn(axes) -> dict[str, list[float]]:
    """Return where the points of each line stand, across."""
    return {line.get_label(): [float(x) for x in line.get_xdata()] for line in axes.get_lines()}


def test_a_curve_shows_times_and_dollars_of_every_size(chain) -> None:
    curve = ck.memory_curve(chain, "pay", [256, 512, 1769])

    times, dollars = ck.plot(curve).axes

    assert drawn(times)["mean"] == [each.duration_mean_s for each in curve.sizes]
    assert drawn(times)["first run, with init"] == [each.cold_mean_s for each in curve.sizes]
    assert [bar.get_width() for bar in dollars.patches] == [each.usd_per_million for each in curve.sizes]
    assert drawn(dollars)["on arm64"] == [each.usd_per_million_arm64 for each in curve.sizes]
    names = "\n".join(words(times))
    assert "256 MB\ncheapest" in names
    assert "1769 MB\nfastest" in names


def test_a_curve_with_a_load_shows_the_chain_too(chain) -> None:
    curve = ck.memory_curve(chain, "pay", [256, 1769], load=LOAD, requests=1_000)

    times, _ = ck.plot(curve).axes

    assert [text.get_text() for text in times.get_legend().get_texts()][-1] == "chain: response p95"
    (chain_bar,) = times.containers
    assert [float(x) for x in chain_bar[0].get_xdata()] == [value for _, value, _ in curve.chain]


def test_a_tuning_shows_what_was_measured_beside_its_curve() -> None:
    stats = [{"value": m, "averageDuration": t, "averagePrice": 1e-6} for m, t in ((128, 900.0), (512, 300.0))]
    tuning = ck.read_power_tuning(stats)

    times, dollars = ck.plot(tuning).axes

    assert drawn(times)["measured"] == [0.9, 0.3]
    assert drawn(times)["io + cpu / min(m, 1769)"] == pytest.approx([0.9, 0.3])
    assert [bar.get_width() for bar in dollars.patches] == pytest.approx([1.0, 1.0])


def test_a_tuning_without_costs_says_that_they_are_not_known() -> None:
    tuning = ck.read_power_tuning([{"value": 128, "averageDuration": 900.0}])

    _, dollars = ck.plot(tuning).axes

    assert "not known" in words(dollars)


@pytest.mark.parametrize(("limit", "where"), [({"latency_s": 0.2}, "x"), ({"usd_per_month": 9}, "y")])
def test_a_sizing_shows_every_design_the_limit_and_both_ends(chain, limit, where: str) -> None:
    sizing = ck.right_size(chain, LOAD, choices=["memory_mb"], requests=1_000, **limit)

    (axes,) = ck.plot(sizing).axes

    lines = {line.get_label(): line for line in axes.get_lines()}
    tried = [len(lines[f"tried: {label}"].get_xdata()) for label in ("beyond the limit", "within")]
    assert sum(tried) == len(sizing.designs) == 8
    after = sizing.comparison.runs["after"].summary()["value"]["response_p95_s"]
    assert [float(x) for x in lines["after"].get_xdata()] == [after]
    ends = lines["limit"].get_xdata() if where == "x" else lines["limit"].get_ydata()
    assert {float(end) for end in ends} == {*limit.values()}
