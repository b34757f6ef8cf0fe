"""Power Tuning's results: read in every version's form, written as its own code writes them, fitted, refused."""

import base64
import json
import re
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainkit as ck
from chainkit.calibration.tunings import PowerTuning, TunedSize, address, best

ROWS = [
    (128, 4.2021e-6, 2001.0), (256, 4.2063e-6, 1001.2), (512, 4.2063e-6, 500.5),
    (1024, 4.5e-6, 268.25), (1536, 6.6e-6, 261.75), (3008, 1.29e-5, 261.75),
]  # fmt: skip
STATS = [{"value": mb, "averagePrice": usd, "averageDuration": ms} for mb, usd, ms in ROWS]
PICTURE = (
    "https://lambda-power-tuning.show/#gAAAAQACAAQABsAL;ACD6RM1MekQAQPpDACCGQwDggkMA4IJD;"
    "xP+MNtgjjTbYI402tf6WNpF13TYUbVg3"
)
# What lambda/analyzer.js of aws-lambda-power-tuning 4.4.0, run by Node on STATS, gives back for each strategy.
CHOSEN = [("cost", 0.5, 128), ("speed", 0.5, 1536), ("balanced", 0.5, 1024), ("balanced", 0.25, 1024),
          ("balanced", 0.9, 512)]  # fmt: skip
RESULT = {
    "power": 512, "cost": 4.2063e-6, "duration": 500.5,
    "stateMachine": {"executionCost": 0.0006, "lambdaCost": 0.000367, "visualization": PICTURE},
    "stats": STATS,
}  # fmt: skip
README_PICTURE = (
    "https://lambda-power-tuning.show/#gAAAAQACAAQABsAL;ZooQR4yvkUa/pQRGRC5zRaADHUVjOftE;"
    "QdWhOEMkoziDT5Q4xhiIOMYYiDi6RNc4"
)


def sizes_of(tuning: PowerTuning) -> list[tuple[int, float]]:
    return [(size.memory_mb, round(size.duration_s, 6)) for size in tuning.sizes]


EXPECTED = [(mb, round(ms / 1000, 6)) for mb, _, ms in ROWS]
WITHOUT_STATS = {key: value for key, value in RESULT.items() if key != "stats"}
FORMS = {
    "version 4 with stats": RESULT,
    "version 2.1 to 4 without stats": WITHOUT_STATS | {"power": "512"},
    "as the README shows it": {"results": RESULT},
    "DescribeExecution": {"status": "SUCCEEDED", "input": '{"lambdaARN": "arn:x"}', "output": json.dumps(RESULT)},
    "the data of its states": {"lambdaARN": "arn:x", "stats": STATS, "analysis": WITHOUT_STATS},
    "version 2's branches": [{"value": str(r["value"]), "stats": r} for r in STATS],
    "the executors' list": STATS,
    "out of order": RESULT | {"stats": STATS[::-1]},
    "a size that failed": RESULT | {"stats": [*STATS, {"value": 10240, "averageDuration": 0}]},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_sizes(form: str) -> None:
    for source in (FORMS[form], json.dumps(FORMS[form])):
        assert sizes_of(ck.read_power_tuning(source)) == EXPECTED


def test_an_address_a_fragment_and_files_are_read(tmp_path) -> None:
    file, link = tmp_path / "result.json", tmp_path / "link.txt"
    file.write_text(json.dumps(RESULT), encoding="utf-8-sig")
    link.write_text(PICTURE + "\n")

    for source in (PICTURE, PICTURE.partition("#")[2], file, str(file), link):
        assert sizes_of(ck.read_power_tuning(source)) == EXPECTED


def test_the_example_of_its_readme_holds_six_sizes_and_their_costs() -> None:
    tuning = ck.read_power_tuning(README_PICTURE)

    assert [size.memory_mb for size in tuning.sizes] == [128, 256, 512, 1024, 1536, 3008]
    # 37.00 s at 128 MB: 4.626 GB-s at 0.0000166667 USD
    assert tuning.sizes[0].duration_s == pytest.approx(37.00, abs=0.01)
    assert tuning.sizes[0].usd == pytest.approx(37.0 / 8 * 0.0000166667, rel=0.002)


def test_what_the_result_says_of_itself_is_kept() -> None:
    tuning = ck.read_power_tuning(FORMS["DescribeExecution"])

    assert (tuning.power_mb, tuning.function) == (512, "arn:x")
    assert (tuning.execution_usd, tuning.lambda_usd) == (0.0006, 0.000367)


@pytest.mark.parametrize(("strategy", "weight", "power"), CHOSEN)
def test_strategies_choose_as_its_own_code_does(strategy: str, weight: float, power: int) -> None:
    tuning = ck.read_power_tuning(RESULT)

    assert tuning.recommended(strategy, weight).memory_mb == power


def test_a_result_is_written_as_its_own_code_writes_it() -> None:
    written = ck.read_power_tuning(RESULT).to_plain("balanced", 0.9)

    assert written == RESULT
    assert list(written) == list(RESULT)


@given(
    st.lists(
        st.tuples(st.integers(128, 10_240), st.floats(0.001, 900), st.floats(0, 1)),
        min_size=1, max_size=12, unique_by=lambda row: row[0],
    )
)  # fmt: skip
def test_what_is_written_is_read_again(rows) -> None:
    sizes = tuple(TunedSize(*row) for row in sorted(rows))

    from_stats = ck.read_power_tuning(PowerTuning(sizes).to_plain())
    from_address = ck.read_power_tuning(address(sizes))

    for read, precision in ((from_stats, 1e-12), (from_address, 1e-6)):
        assert [size.memory_mb for size in read.sizes] == [size.memory_mb for size in sizes]
        for name in ("duration_s", "usd"):
            expected = [getattr(size, name) for size in sizes]
            assert [getattr(size, name) for size in read.sizes] == pytest.approx(expected, rel=precision, abs=1e-30)


# --- into the design ---


def tuned(io_s: float, cpu_mb_s: float, noise=None) -> PowerTuning:
    """Return a result of a function that follows the law, each mean off by a factor of `noise`."""
    memory = [128, 256, 512, 1024, 1769, 3008]
    factors = np.ones(6) if noise is None else noise
    return PowerTuning(
        tuple(TunedSize(m, (io_s + cpu_mb_s / min(m, 1769)) * f, 1e-6) for m, f in zip(memory, factors, strict=True))
    )


def test_the_settings_give_the_measured_times_back_at_every_size() -> None:
    tuning, chain = tuned(0.05, 100.0), ck.Chain("shop")
    chain.add(ck.LambdaFunction("pay", memory_mb=512, timeout_s=10, duration=ck.Gamma(mean_s=0.3, shape=4)))

    chain.set("pay", **tuning.settings(256, like=chain.service("pay").duration))

    for size in tuning.sizes:
        chain.set("pay", memory_mb=size.memory_mb)
        work = chain.service("pay").behaviour().work
        assert isinstance(work, ck.Gamma)
        assert work.mean_s == pytest.approx(size.duration_s, rel=1e-5)


def test_the_interval_of_the_cpu_share_holds_the_truth_as_often_as_it_says() -> None:
    rng, held, true = np.random.default_rng(5), 0, (100 / 512) / (0.05 + 100 / 512)
    for _ in range(1000):
        low, _, high = tuned(0.05, 100.0, rng.normal(1, 0.02, 6)).cpu_fraction(512)
        held += low <= true <= high

    assert 930 <= held <= 970


def test_a_part_that_is_nothing_is_not_known_to_be_nothing() -> None:
    rng, held = np.random.default_rng(6), 0
    for _ in range(300):
        low, value, high = tuned(0.0, 100.0, rng.normal(1, 0.03, 6)).cpu_fraction(512)
        assert low < value <= high <= 1
        held += high == 1 or high > 0.999

    assert held >= 280


def test_two_sizes_fit_always_and_tell_no_interval() -> None:
    tuning = ck.read_power_tuning(STATS[:2])

    low, value, high = tuning.cpu_fraction(256)
    assert (low != low, high != high) == (True, True)
    assert 0.99 < value <= 1


def test_a_function_that_follows_no_curve_is_told_apart() -> None:
    assert "off: the work may gain from several threads" in str(ck.read_power_tuning(README_PICTURE))
    assert "several threads" not in str(tuned(0.05, 100.0))


def test_one_size_is_read_and_gives_no_curve() -> None:
    tuning = ck.read_power_tuning({"power": "128", "cost": 2.083e-7, "duration": 2.906})

    assert sizes_of(tuning) == [(128, 0.002906)]
    assert "no curve" in str(tuning)
    with pytest.raises(ck.ConfigError, match="128 MB give no curve"):
        tuning.settings()


def test_the_table_says_how_far_each_size_is_off() -> None:
    noise = np.array([1, 1, 1.1, 1, 1, 1])
    frame = tuned(0.05, 100.0, noise).to_frame()

    assert frame["residual_fraction"].abs().idxmax() == 2
    assert frame["duration_s"].tolist() == pytest.approx(
        (frame["fitted_s"] * (1 + frame["residual_fraction"])).tolist()
    )


def test_a_result_without_costs_is_chosen_from_by_speed_alone() -> None:
    tuning = ck.read_power_tuning([{"value": row["value"], "averageDuration": row["averageDuration"]} for row in STATS])

    assert tuning.recommended("speed").memory_mb == 1536
    assert json.loads(json.dumps(tuning.to_plain("speed"), allow_nan=False))["cost"] == 0
    with pytest.raises(ck.ConfigError, match="strategy='cost' needs costs"):
        tuning.recommended()


# --- what is refused ---


def packed(code: str, *values: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}{code}", *values)).decode()


BROKEN = {
    '{"power": "128"': "it is no JSON: line 1, column 16",
    "{}": "it holds no sizes with durations",
    "[]": "list is no result",
    "null.json": "'null.json' cannot be read as a file",
    '{"output": "not json"}': "its output is no JSON",
    '{"analysis": [1, 2]}': "list is no result",
    '{"stats": 3}': "stats=3 is no list",
    '{"stats": [3]}': "stats holds 3",
    '{"stats": [{"value": 128, "averageDuration": "soon"}]}': "the duration at 128 MB is 'soon'",
    '{"stats": [{"value": 128, "averageDuration": -4}]}': "the duration at 128 MB is -4 ms",
    '{"stats": [{"value": 128, "averageDuration": NaN}]}': "which is no finite number",
    '{"stats": [{"value": 64, "averageDuration": 4}]}': "memory 64 is outside 128..32767 MB",
    '{"stats": [{"value": 128.5, "averageDuration": 4}]}': "memory 128.5 is outside",
    '{"stats": [{"value": true, "averageDuration": 4}]}': "a memory size is True",
    '{"stats": [{"averageDuration": 4}]}': "a memory size is None",
    '{"stats": [{"value": 128, "averagePrice": -1, "averageDuration": 4}]}': "the cost at 128 MB is -1 USD",
    json.dumps({"stats": [STATS[0], STATS[0]]}): "128 MB is there twice",
    '{"power": 128, "stateMachine": {"visualization": "https://x/"}}': "no sizes, times and costs behind #",
    '{"power": 128, "stateMachine": 4}': "stateMachine=4 is no mapping",
    f"https://x/#{packed('h', 128, 256)};{packed('f', 3.0)};{packed('f', 3.0)}": "2 sizes, 1 times, 1 costs",
    "https://x/#gAA;%%;AA": "the times in the address are cut off",
    f"#{packed('h', 128)};{packed('f', 3.0)[:-3]};{packed('f', 3.0)}": "the times in the address are cut off",
    ";;": "0 sizes, 0 times, 0 costs",
}


@pytest.mark.parametrize("source", BROKEN)
def test_a_broken_result_is_refused_with_one_clear_error(source: str) -> None:
    with pytest.raises(ck.ConfigError, match=re.escape(BROKEN[source])) as caught:
        ck.read_power_tuning(source)

    assert str(caught.value).startswith("power tuning: ")
    assert caught.value.fix


@pytest.mark.parametrize("like", [0.2, ck.Constant(0), "LogNormal"])
def test_a_shape_that_is_none_is_refused(like: object) -> None:
    with pytest.raises(ck.ConfigError, match="is no law with a mean above 0"):
        tuned(0.05, 100.0).settings(like=like)


@pytest.mark.parametrize("source", [None, 3, 4.5, b"{}", [1, 2], {"analysis": None}])
def test_what_is_no_result_at_all_is_refused(source: object) -> None:
    with pytest.raises(ck.ConfigError, match="power tuning: "):
        ck.read_power_tuning(source)


@settings(max_examples=300)
@given(st.integers(0, 400), st.text(max_size=3))
def test_damage_is_an_error_of_ours_or_a_result(place: int, text: str) -> None:
    whole = json.dumps(RESULT)
    found: object = None
    try:
        found = ck.read_power_tuning(whole[:place] + text + whole[place + len(text) :]).sizes
    except ck.ConfigError as error:
        found = error.fix

    assert found


@pytest.mark.parametrize(("strategy", "weight", "problem"), [("cheap", 0.5, "'cheap' is unknown"), ("cost", 2, "0..1")])
def test_strategies_that_there_are_not_are_refused(strategy: str, weight: float, problem: str) -> None:
    with pytest.raises(ck.ConfigError, match=re.escape(problem)):
        best([(1.0, 1.0)], strategy, weight)


def test_calibrate_reads_what_is_read_here() -> None:
    cal = ck.calibrate(json.dumps(FORMS["DescribeExecution"]), memory_mb=512)

    assert cal.duration.mean_s == pytest.approx(0.5005)
