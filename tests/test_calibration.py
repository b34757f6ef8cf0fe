"""Logs made from known laws give these laws back; real logs give what was published of them; the rest is refused.

Tests that ask for `corpus` read real logs: observability/ of the folder that CHAINKIT_CORPUS names (its README says
whose they are). What every line of its two files of REPORT lines means is written down here by hand.
"""

import base64
import datetime as dt
import gzip
import json
import math
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainkit as ck
from chainkit.calibration import calibrate as module
from chainkit.calibration import intake
from chainkit.calibration.environments import alike, lives
from chainkit.calibration.estimates import (
    ENOUGH,
    PRIOR_RUNS,
    fitted,
    init_prior,
    mean_interval,
    mixed,
    table,
    warm_prior,
)
from chainkit.calibration.histories import read_history
from chainkit.calibration.intake import Intake, Run
from chainkit.calibration.reading import read
from chainkit.errors import ConfigError

STREAM = "2024/02/09/[$LATEST]{:032x}"
LAW = ck.LogNormal(p50_s=0.2, p99_s=0.9)


def report(
    ms: float, *, number: int = 0, memory: int = 512, used: int = 80, init: float | None = None, more: str = ""
) -> str:
    """Return a REPORT line as Lambda writes it."""
    line = f"REPORT RequestId: {number:08x}-0000-4000-8000-000000000000\tDuration: {ms:.2f} ms\t"
    line += f"Billed Duration: {math.ceil(ms)} ms\tMemory Size: {memory} MB\tMax Memory Used: {used} MB\t"
    return line + (f"Init Duration: {init:.2f} ms\t" if init is not None else "") + more


def emulated(ms: float, *, number: int = 0, init: float | None = 0.42) -> str:
    """Return a REPORT line as a local emulator writes it."""
    first = f"Init Duration: {init} ms\t" if init is not None else ""
    return (
        f"REPORT RequestId: {number:08x}-1111-4000-8000-000000000000\t{first}Duration: {ms:.2f} ms\t"
        f"Billed Duration: {math.ceil(ms)} ms\tMemory Size: 512 MB\tMax Memory Used: 512 MB"
    )


def draws(law: Any, n: int, seed: int = 1) -> np.ndarray:
    """Return n draws of a law."""
    return law.ppf(np.random.default_rng(seed).uniform(size=n))


def log_of(times_s: Any, **options: Any) -> str:
    """Return a log of warm runs that took these times."""
    return "\n".join(report(time_s * 1000, number=k, **options) for k, time_s in enumerate(times_s))


def in_environments(factors: Any, runs: int, spread: float, seed: int = 1) -> list[Run]:
    """Return runs of about 0.2 s in environments of known speed."""
    rng = np.random.default_rng(seed)
    times = 0.2 * np.asarray(factors)[:, None] * np.exp(spread * rng.normal(size=(len(factors), runs)))
    return [
        Run(float(t), environment=f"e{k}", start_s=float(i)) for k, row in enumerate(times) for i, t in enumerate(row)
    ]


def row(cal: ck.Calibration, figure: str) -> Any:
    """Return one row of the tidy frame."""
    frame = cal.to_frame()
    return frame[frame.figure == figure].iloc[0]


# --- lines come back as they were written ---


def test_every_duration_of_a_log_comes_back_to_the_last_digit() -> None:
    times = np.round(draws(LAW, 99), 5)

    runs = read([log_of(times)], None).runs

    assert [run.duration_s for run in runs] == pytest.approx(times.tolist(), abs=1e-12)
    assert {run.memory_mb for run in runs} == {512.0}
    assert {run.used_mb for run in runs} == {80.0}
    assert not any(run.is_first for run in runs)


LINE = report(40, number=7, init=120.5)
EVENT = {
    "time": "2024-02-09T08:42:44.080Z",
    "type": "platform.report",
    "record": {
        "requestId": "00000007-0000-4000-8000-000000000000",
        "status": "success",
        "metrics": {
            "durationMs": 40, "billedDurationMs": 40, "memorySizeMB": 512, "maxMemoryUsedMB": 80,
            "initDurationMs": 120.5,
        },
    },
}  # fmt: skip
GROUP, STREAM_1 = "/aws/lambda/pay", STREAM.format(1)
WRAPPED = {
    "tabs": LINE,
    "spaces": " ".join(LINE.split()),
    "written tabs": LINE.replace("\t", "\\t") + "\n",
    "aws logs tail": f"2024-02-09T08:42:44.080000+00:00 {STREAM_1} {LINE}",
    "JSON event": json.dumps(EVENT),
    "JSON after a stream's name": f"2024-02-09T08:42:44.080000+00:00 {STREAM_1} {json.dumps(EVENT)}",
    "message": json.dumps({"timestamp": 1707468164080, "message": LINE, "logStream": STREAM_1, "logGroup": GROUP}),
    "event in a message": json.dumps({"timestamp": 1707468164080, "message": json.dumps(EVENT), "logGroup": GROUP}),
    "filter-log-events": json.dumps(
        {"events": [{"logStreamName": STREAM_1, "timestamp": 1707468164080, "message": LINE}]}
    ),
    "subscription": json.dumps({"logGroup": GROUP, "logStream": STREAM_1, "logEvents": [{"id": "1", "message": LINE}]}),
    "get-query-results": json.dumps(
        {"results": [[{"field": "@message", "value": LINE}, {"field": "@log", "value": "1:" + GROUP}]]}
    ),
    "Insights as JSON": json.dumps([{"@message": LINE, "@logStream": STREAM_1, "@log": "1:" + GROUP}], indent=1),
    "Insights' messages as CSV": f'@timestamp,@message,@logStream\n2024-02-09 08:42:44.080,"{LINE}\n",{STREAM_1}\n',
    "Insights' fields as CSV": (
        "@timestamp,@requestId,@duration,@billedDuration,@memorySize,@maxMemoryUsed,@initDuration,@log\n"
        f"2024-02-09 08:42:44.080,00000007-0000-4000-8000-000000000000,40.0,40.0,5.12E8,8.0E7,120.5,1:{GROUP}\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", WRAPPED.values(), ids=WRAPPED.keys())
def test_a_run_is_the_same_whatever_is_wrapped_around_it(text: str) -> None:
    (run,) = read([text], None).runs

    assert (run.duration_s, run.billed_s, run.memory_mb, run.used_mb) == (0.04, 0.04, 512, 80)
    assert (run.init_s, run.is_first, run.status) == (0.1205, True, "ok")
    assert run.request.startswith("00000007")
    assert run.environment == (STREAM_1 if STREAM_1 in text else "")
    assert run.function == ("pay" if GROUP in text else "")
    if "2024" in text.replace(STREAM_1, "") or "1707468164080" in text:
        assert run.start_s == pytest.approx(1707468164.04)  # written at the end of a run of 40 ms


def test_a_log_may_mix_text_with_json_and_with_what_functions_print() -> None:
    text = "\n".join(
        ["START RequestId: 1 Version: $LATEST", "hello, world", LINE, json.dumps({"level": "INFO"}), "END"]
    )

    assert len(read([text], None).runs) == 1


def test_packed_files_and_folders_named_after_streams_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "2024-02-09-[$LATEST]0123456789abcdef0123456789abcdef"
    folder.mkdir()
    with gzip.open(folder / "000000.gz", "wt") as file:
        file.write(f"2024-02-09T08:42:44.080Z {LINE}\n")

    (run,) = read([folder / "000000.gz"], None).runs

    assert run.environment == folder.name
    assert run.start_s == pytest.approx(1707468164.04)


def test_the_start_of_an_environment_names_function_and_runtime() -> None:
    record = {"functionName": "pay", "runtimeVersion": "java:21.v20"}
    start = {"time": "2024-02-09T08:42:43Z", "type": "platform.initStart", "record": record}

    cal = ck.calibrate("\n".join([json.dumps(start), json.dumps(EVENT)]))

    assert list(cal.functions) == ["pay"]
    assert "java21-x86" in row(cal, "init_p99_s").prior


# --- every line of two files of real and of typical lines ---


def test_every_line_of_the_real_report_lines_is_what_it_is(corpus: Path) -> None:
    path = corpus / "observability/lambda_report_lines.tsv"
    got = read([path], None)

    # (ms, MB, used, init ms, restore ms) by hand, in the order of the file; 7 lines are an emulator's.
    nan = math.nan
    expected = [
        (38.12, 512, 85, 512.08, nan), (198.79, 256, 38, 132.79, nan), (1.56, 256, 38, nan, nan),
        (1351.47, 128, 65, 261.91, nan), (191.02, 128, 65, nan, nan), (1.35, 128, 37, 105.23, nan),
        (397.75, 128, 65, nan, nan), (469.40, 1024, 21, 100.99, nan), (469.40, 1024, 21, nan, 474.16),
        (1.317, 1024, 68, 10, nan), (147.156, 512, 91, nan, 500.795), (1.317, 1024, 68, 20, nan),
        (1.317, 1024, 68, 30, nan), (8.40, 128, 66, 170.13, nan), (8.40, 128, 66, nan, nan),
        (297.48, 128, 55, nan, nan), (612.50, 128, 55, nan, nan),
    ]  # fmt: skip
    actual = [(r.duration_s * 1e3, r.memory_mb, r.used_mb, r.init_s * 1e3, r.restore_s * 1e3) for r in got.runs]
    assert np.array(actual) == pytest.approx(np.array(expected), nan_ok=True)
    assert got.refused == {intake.EMULATOR: 7}
    assert got.runtimes == {"python3.10": 1, "python3.13": 1}
    assert sum(got.told.values()) == 2  # platform.start, platform.runtimeDone
    assert got.lines == len(path.read_text().splitlines()) == 1 + 7 + 17 + 2 + 2


def test_100_ms_steps_of_the_first_years_are_told(corpus: Path) -> None:
    cal = ck.calibrate(corpus / "observability/lambda_report_lines.tsv")

    # 469.40/500 twice, 297.48/300, 612.50/700; one is read twice, with a restore
    assert "4 runs were billed in steps of 100 ms, as until 2020" in str(cal)


def test_every_line_of_the_typical_formats_is_what_it_is(corpus: Path) -> None:
    got = read([corpus / "observability/report_format_variants.txt"], None)

    actual = [(run.duration_s, run.memory_mb, run.init_s, run.restore_s, run.status, run.is_first) for run in got.runs]
    nan = math.nan
    expected = [
        (0.0031, 2048, 0.54201, nan, "ok", True),
        (0.09578, 512, nan, nan, "error", False),
        (10.0, 256, nan, nan, "timeout", False),
        (0.1271, 2048, nan, 0.32593, "ok", True),
    ]
    for got_run, wanted in zip(actual, expected, strict=True):
        assert got_run[:4] == pytest.approx(wanted[:4], nan_ok=True)
        assert got_run[4:] == wanted[4:]
    assert got.refused == {intake.EMULATOR: 1}
    assert sorted(name.split()[0] for name in got.told) == ["INIT_REPORT", "RESTORE_REPORT", "XRAY"]
    assert got.runtimes == {"java21": 1}


# --- what is no measurement ---


def test_lines_of_an_emulator_alone_are_one_clear_error() -> None:
    with pytest.raises(ConfigError, match=r"2 lines by a local emulator .*Init Duration before Duration") as caught:
        ck.calibrate("\n".join([emulated(1218, number=1), emulated(3, number=2, init=None)]))

    assert "deployed" in caught.value.fix


def test_lines_of_an_emulator_among_others_are_left_out_and_counted_with_their_warm_runs() -> None:
    text = "\n".join([emulated(3, number=2, init=None), emulated(1218, number=1), log_of([0.04] * 5)])

    cal = ck.calibrate(text)

    assert cal.duration.mean_s == pytest.approx(0.04)
    assert "refused: 2 lines by a local emulator" in str(cal)


def test_a_function_that_fills_its_memory_on_aws_is_no_emulator() -> None:
    cal = ck.calibrate(log_of([0.04] * 5, used=512))

    assert cal.duration.mean_s == pytest.approx(0.04)
    assert "memory is full, or a local emulator wrote this" in str(cal)


def test_timed_out_runs_are_no_durations() -> None:
    cut = [report(3000, number=900 + k, more="Status: timeout") for k in range(5)]

    cal = ck.calibrate("\n".join([log_of([0.04] * 45), *cut]))

    assert cal.duration.ppf(1.0) < 0.1
    assert "5 of 50 runs timed out" in str(cal)
    assert row(cal, "timeout_fraction").value == 0.1


def test_a_timeout_that_an_older_log_tells_in_a_line_of_its_own_counts() -> None:
    late = "2020-05-01T10:00:03.000Z 00000009-0000-4000-8000-000000000000 Task timed out after 3.00 seconds"

    cal = ck.calibrate("\n".join([log_of([0.04] * 5), report(3000, number=9), late]))

    assert cal.duration.mean_s == pytest.approx(0.04)


def test_timeouts_alone_give_no_duration_and_say_why() -> None:
    cal = ck.calibrate(report(3000, more="Status: timeout"))

    assert cal.duration is None
    with pytest.raises(ConfigError, match="timed out"):
        cal.settings()


def test_a_run_read_twice_counts_once_and_an_event_tried_again_counts_twice() -> None:
    text = log_of([0.04, 0.05])

    assert len(read([text, text], None).runs) == 2
    assert len(read([text + "\n" + report(90, number=0)], None).runs) == 3  # the same request, a further attempt


def test_negative_and_missing_times_are_refused_and_counted() -> None:
    broken = report(40, number=3).replace("Duration: 40.00", "Duration: none", 1)
    got = read(["\n".join([report(-5, number=1), broken, report(40, number=2)])], None)

    assert [run.duration_s for run in got.runs] == [0.04]
    assert got.refused == {intake.NEGATIVE: 1, intake.UNREADABLE: 1}


WRONG = {
    "empty": ("", "is empty"),
    "blank": ("\n \n", "is empty"),
    "HTML": ("<!DOCTYPE html>\n<html><body>CloudWatch</body></html>", "is HTML"),
    "other columns": ("Region,Cost\nus-east-1,3\n", "columns that are not known"),
    "executions only": ("Start,End\n1641152267.673,1641152268.716\n", "columns that are not known"),
    "a lone Duration": ("Duration\n19.1\n", "one column, Duration"),
    "cut JSON": ('{"events": [\n {"message": "REPORT', "begins like JSON and is none"),
    "other JSON": ('{"a": 1}\n', "holds no measurement"),
    "prose": ("Dear all,\nthe log is attached.\n", "holds no measurement"),
    "seconds for milliseconds": (report(1_000_001), "more than 16 minutes"),
    "all negative": (report(-5), "with a negative time"),
    "zeros": ("PK\x03\x04\x00\x00\x00\n", "is no text"),
}


@pytest.mark.parametrize(("text", "problem"), WRONG.values(), ids=WRONG.keys())
def test_a_source_that_is_no_log_is_refused_with_what_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "pay.log"
    file.write_text(text)

    with pytest.raises(ConfigError, match=problem) as caught:
        ck.calibrate(file)

    assert "allowed" in caught.value.problem or "kind=" in caught.value.fix
    assert caught.value.fix


@pytest.mark.parametrize(
    ("sources", "options", "problem"),
    [
        ((), {}, "nothing is given"),
        (("missing.txt",), {}, "no file 'missing.txt'"),
        ((".",), {}, "is a folder"),
        ((3,), {}, "int cannot be read"),
        ((LINE,), {"kind": "reports"}, r"kind='reports' is unknown \(did you mean 'report'"),
        ((LINE,), {"kind": "history"}, "columns that are not known|looks like"),
        ((LINE,), {"memory_mb": 64}, "memory_mb=64"),
        ((LINE,), {"memory_mb": 256}, "memory_mb=256 is not in the log; allowed: 512"),
        ((LINE,), {"function": "pay"}, "function='pay' is not in the log"),
        (({},), {}, "holds no measurement"),
        (([],), {}, "cannot be read|is empty|holds no measurement"),
    ],
)
def test_a_call_that_cannot_be_meant_says_so(sources: Any, options: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        ck.calibrate(*sources, **options)


PIECES = [
    LINE, emulated(40), json.dumps(EVENT), "REPORT RequestId: 1", "Duration: nan ms",
    "REPORT RequestId: 2 Duration: 1 ms",
    "REPORT RequestId: 3 Duration: 3 ms Memory Size: 0 MB Max Memory Used: inf MB", "INIT_START Runtime Version: ",
    "{", '{"type": "platform.report"}', '{"type": "platform.report", "record": {"metrics": 3}}',
    '{"type": "platform.report", "record": {"metrics": {"durationMs": 1e999}}}',
    '{"id": 1, "type": "ExecutionStarted", "timestamp": 0, "previousEventId": 1}',
    '{"id": 1, "type": "TaskScheduled", "timestamp": 1}', '{"id": "x", "type": "A", "timestamp": 1}',
    '{"id": 2, "type": "TaskStarted", "timestamp": "soon", "previousEventId": 1}',
    '{"id": 3, "type": "TaskSucceeded", "timestamp": 9, "previousEventId": 2}', '{"events": [3, null]}', "[]", "[[{}]]",
    '{"stats": [{"averageDuration": null}]}', '{"stats": [{"averageDuration": 3, "value": 512}]}', '{"message": null}',
    '{"stateMachine": {"visualization": "#!;;"}}', "Duration,Memory_Size", "1e999,-1", "40,512", "40,0", '"',
    "is_cold,aws_duration", "true,3", "Scheduled,Start,End", "1,2,3", "3,2,1", "@message", "\x00", "\ud7ff",
]  # fmt: skip


def sentences_of(text: str, kind: Any) -> str:
    """Return what a calibration, or the error in its place, says."""
    try:
        cal = ck.calibrate(text, kind=kind)
    except ConfigError as error:
        return error.fix
    frame = cal.to_frame()
    return str(cal) if (frame.value >= -1).all() and len(frame) == len(frame.dropna(subset=["value"])) else ""


@given(
    st.lists(st.sampled_from(PIECES), max_size=6), st.sampled_from([None, "report", "history", "requests", "tuning"])
)
def test_whatever_is_read_gives_figures_or_one_error_of_ours(pieces: list[str], kind: Any) -> None:
    assert sentences_of("\n".join([*pieces, ""]), kind)


def test_frames_files_and_what_glob_gives_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(report(40, number=1))
    (tmp_path / "b.txt").write_text(report(60, number=2))
    frame = pd.DataFrame({"Duration": [40.0, 60.0], "Memory_Size": [512, 512]})

    with (tmp_path / "a.txt").open() as opened:
        assert ck.calibrate(opened).duration.mean_s == pytest.approx(0.04)
    for given_ in (tmp_path.glob("*.txt"), list(tmp_path.glob("*.txt")), frame, [report(40), report(60, number=1)]):
        assert ck.calibrate(given_).duration.mean_s == pytest.approx(0.05)


def test_a_gz_that_was_cut_off_is_one_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "pay.gz"
    file.write_bytes(gzip.compress((LINE * 500).encode())[:-20])

    with pytest.raises(ConfigError, match="cannot be read"):
        ck.calibrate(file)


# --- several functions ---


def test_functions_in_one_log_are_told_apart_by_log_group() -> None:
    lines = [
        json.dumps({"logGroup": f"/aws/lambda/{name}", "message": report(ms, number=k)})
        for name, ms in (("pay", 40), ("ship", 400))
        for k in range(30)
    ]

    cal = ck.calibrate("\n".join(lines))

    assert cal["pay"].duration.mean_s == pytest.approx(0.04)
    assert cal["ship"].duration.mean_s == pytest.approx(0.4)
    assert ck.calibrate("\n".join(lines), function="ship").duration.mean_s == pytest.approx(0.4)
    with pytest.raises(ConfigError, match=r"2 functions: pay, ship"):
        _ = cal.duration
    with pytest.raises(ConfigError, match="did you mean 'ship'"):
        _ = cal["shop"]


def test_a_log_without_names_is_taken_for_one_function_and_says_so() -> None:
    assert "all runs are taken for one function's" in str(ck.calibrate(log_of([0.04])))


# --- laws ---


def test_a_law_is_recovered_and_its_mean_is_that_of_the_runs_exactly() -> None:
    times = draws(LAW, 20_000)

    law = fitted("duration", times, None).law

    assert law.mean_s == pytest.approx(times.mean(), rel=1e-12)
    for p in (0.1, 0.5, 0.9, 0.99):
        assert law.ppf(p) == pytest.approx(LAW.ppf(p), rel=0.05)
        assert law.ppf(p) == pytest.approx(np.quantile(times, p, method="hazen"), rel=2e-3)
    assert len(law.quantiles) < 200


def test_one_outlier_neither_moves_the_mean_nor_smears_over_the_tail() -> None:
    times = np.sort(np.append(draws(ck.Uniform(0.19, 0.21), 9_999), 13.2))  # rare slow calls of a network function

    law = table(times)

    assert law.mean_s == pytest.approx(times.mean(), rel=1e-12)
    assert law.ppf(0.999) == pytest.approx(0.21, rel=0.01)
    assert law.ppf(1.0) == pytest.approx(13.2, rel=0.01)


@pytest.mark.parametrize("times", [[0.2], [0.2, 0.2], [0.0, 0.0], [0.1, 0.4], [0.2] * 200])
def test_few_or_equal_times_make_a_law_of_their_mean(times: list[float]) -> None:
    each = fitted("duration", times, warm_prior(times))

    assert each.law.mean_s == pytest.approx(np.mean(times), abs=1e-12)
    assert each.n == len(times)


def test_few_runs_shrink_to_the_prior_by_the_stated_weight() -> None:
    prior = init_prior("java21", "x86_64")
    one, ten, many = (fitted("init", draws(LAW, n), prior) for n in (1, 10, ENOUGH))

    assert one.weight == pytest.approx(PRIOR_RUNS / (PRIOR_RUNS + 1))
    assert ten.weight == 0.5
    assert (many.weight, many.source) == (0.0, "measured")
    shape = prior.law.ppf(0.99) / prior.law.mean_s
    assert one.law.ppf(0.99) / one.law.mean_s == pytest.approx(one.weight * shape + 1 - one.weight, rel=0.01)


def test_a_mixture_of_tables_is_the_sum_of_its_parts() -> None:
    half = mixed(ck.Empirical(values_s=[0.1, 0.3]), ck.Uniform(0.2, 0.6), 0.5)

    assert half.mean_s == pytest.approx(0.2)
    assert half.ppf(0.5) == pytest.approx((0.2 + 0.2) / 2, rel=1e-3)
    assert half.ppf(0.9) == pytest.approx((0.3 + 0.56 / 2) / 2, rel=1e-2)


@pytest.mark.parametrize(
    ("cv", "kind"), [(0.01, "CPU-bound"), (0.04, "CPU-bound"), (0.1, "network"), (0.6, "these runs' own")]
)
def test_few_runs_borrow_from_the_kind_of_function_that_they_spread_like(cv: float, kind: str) -> None:
    times = 0.2 * (1 + cv * np.random.default_rng(3).normal(size=50) / 1.1).clip(0.05)

    assert kind in warm_prior(times).source


def test_small_samples_say_so_in_print_and_frame() -> None:
    cal = ck.calibrate(log_of(draws(LAW, 5)))

    p99 = row(cal, "duration_p99_s")
    assert (p99.source, p99.weight, p99.n) == ("shrunk", pytest.approx(10 / 15), 5)
    assert math.isnan(p99.high)  # five runs give no bound of a p99
    assert "data/latency.json warm_run" in p99.prior
    assert "shrunk, 67% prior [1]" in str(cal)
    assert "no cold start in the log" in str(cal)
    assert cal.init is None


# --- intervals ---


def test_intervals_cover_what_they_should() -> None:
    hits = {"duration_mean_s": 0, "duration_p50_s": 0, "duration_p95_s": 0, "duration_p99_s": 0}
    truth = {"duration_mean_s": LAW.mean_s} | {f"duration_p{k}_s": LAW.ppf(k / 100) for k in (50, 95, 99)}
    for seed in range(300):
        for each in fitted("duration", draws(LAW, 600, seed), None).estimates:
            hits[each.figure] += each.low <= truth[each.figure] <= each.high

    # 300 repetitions: two standard errors of 95 % are 2.5 %; order statistics are on the safe side.
    assert {figure: 0.92 <= count / 300 <= 1.0 for figure, count in hits.items()} == dict.fromkeys(hits, True)


def test_intervals_of_runs_that_share_environments_are_as_wide_as_they_must_be() -> None:
    naive = honest = 0
    for seed in range(200):
        factors = np.exp(np.random.default_rng(1000 + seed).normal(-0.125 / 2, math.sqrt(0.125), size=40))
        runs = in_environments(factors, 20, 0.1, seed)
        times, truth = [run.duration_s for run in runs], 0.2 * math.exp(0.1**2 / 2)
        alone, together = (mean_interval(np.array(times), n) for n in (len(times), alike(runs).effective))
        naive += alone[0] <= truth <= alone[1]
        honest += together[0] <= truth <= together[1]

    assert naive / 200 < 0.6
    assert honest / 200 > 0.9


# --- environments ---


def test_the_speed_of_environments_is_recovered_and_taken_out_of_the_durations() -> None:
    sigma = 0.15
    factors = np.exp(np.random.default_rng(5).normal(-(sigma**2) / 2, sigma, size=200))
    runs = in_environments(factors, 25, 0.05)
    lines = []
    for k, run in enumerate(runs):
        line = report(run.duration_s * 1000, number=k)
        lines.append(json.dumps({"message": line, "logStream": run.environment, "timestamp": run.start_s}))

    cal = ck.calibrate("\n".join(lines))

    assert cal.speed_factor.mean_s == pytest.approx(1.0, rel=1e-12)
    assert cal.speed_factor.sigma == pytest.approx(sigma, rel=0.15)
    share = row(cal, "between_environments_fraction")
    assert share.low <= sigma**2 / (sigma**2 + 0.05**2) <= share.high
    assert cal.alike.lag_1 == pytest.approx(sigma**2 / (sigma**2 + 0.05**2), abs=0.05)
    settings = cal.settings()
    within = settings["duration"]
    assert within.mean_s == pytest.approx(cal.duration.mean_s, rel=1e-6)
    assert within.ppf(0.95) / within.ppf(0.5) == pytest.approx(math.exp(1.645 * 0.05), rel=0.02)
    assert settings["speed_factor"] is cal.speed_factor
    assert ck.LambdaFunction("pay", **settings).speed_factor == cal.speed_factor


@pytest.mark.parametrize(
    ("runs", "why"),
    [
        ([Run(0.2, start_s=float(k)) for k in range(50)], "no log stream or instance"),
        (in_environments([1.0], 50, 0.1), "1 environments with 50 runs"),
        (in_environments(np.ones(20), 20, 0.1), "do not differ more than chance"),
        ([*in_environments(np.ones(20), 20, 0.1), Run(0.2)], "only 400 of 401 runs name"),
    ],
)
def test_without_information_there_is_no_speed_factor_and_it_says_why(runs: list[Run], why: str) -> None:
    got = alike(runs)

    assert got.speed_factor is None
    assert why in got.why_not


def test_autocorrelation_is_found_without_names_of_environments() -> None:
    rng = np.random.default_rng(2)
    level, logs = 0.0, []
    for _ in range(2_000):
        level = 0.7 * level + rng.normal()
        logs.append(level)

    got = alike([Run(0.2 * math.exp(0.02 * each)) for each in logs])

    assert got.lag_1 == pytest.approx(0.7, abs=0.05)
    assert got.effective == pytest.approx(2_000 * 0.3 / 1.7, rel=0.2)


def requests_csv(rows: list[tuple[float, float, str, bool]]) -> str:
    """Return per-request rows of (start s, run s, instance, cold)."""
    lines = ["is_cold,inst_id,aws_duration,start_time,end_time,client_elapsed_time"]
    for start_s, run_s, instance, cold in rows:
        begun = 1.6e12 + start_s * 1000
        waited = run_s + 0.1 + 0.4 * cold
        lines.append(f"{cold},{instance},{run_s * 1000},{begun},{begun + run_s * 1000},{waited}")
    return "\n".join(lines)


def test_requests_with_instances_give_keep_alive_cold_share_and_what_callers_wait() -> None:
    rows = [
        (0.0, 1.0, "a", True), (500.0, 1.0, "a", False), (1_000.0, 1.0, "a", False), (1_580.0, 1.0, "a", False),
        (2_201.5, 1.0, "b", True),  # a was idle for 620 s when b was made, 0.5 s before
    ]  # fmt: skip

    cal = ck.calibrate(requests_csv(rows), memory_mb=128)

    assert (cal.instances, cal.cold_fraction) == (2, 0.4)
    assert row(cal, "idle_survived_s").value == pytest.approx(579.0)
    assert row(cal, "idle_expired_s").value == pytest.approx(620.0)
    assert cal.keep_alive == ck.Constant(599.5)
    assert ck.LambdaFunction("pay", **cal.settings()).keep_alive == ck.Constant(599.5)
    assert cal.overhead.mean_s == pytest.approx(0.1)
    assert cal.init.mean_s == pytest.approx(0.4)
    assert cal.memory_mb == 128


def test_bounds_that_contradict_each_other_give_a_rough_law_and_no_setting() -> None:
    rows = [(0.0, 1.0, "a", True), (900.0, 1.0, "a", False), (950.0, 1.0, "b", True), (1_200.0, 1.0, "b", False)]

    cal = ck.calibrate(requests_csv(rows))

    assert (cal.keep_alive.low_s, cal.keep_alive.high_s) == pytest.approx((48.5, 899.0))
    assert "keep_alive" not in cal.settings()
    assert "a deployment or a missing log" in str(cal)


def test_an_environment_that_ended_with_a_timeout_says_nothing_about_keep_alive() -> None:
    def run(start_s: float, environment: str, **options: Any) -> Run:
        return Run(1.0, environment=environment, start_s=start_s, is_first=options.pop("first", False), **options)

    ends = lives([run(0, "a", first=True), run(300, "a", status="timeout"), run(310, "b", first=True), run(500, "b")])

    assert (ends.survived_s, math.isnan(ends.expired_s), ends.law) == (299.0, True, None)


def test_one_bound_alone_gives_no_keep_alive() -> None:
    cal = ck.calibrate(requests_csv([(0.0, 1.0, "a", True), (500.0, 1.0, "a", False)]))

    assert cal.keep_alive is None
    assert "one bound alone" in str(cal)


# --- memory ---


def test_the_memory_curve_is_recovered_with_its_errors() -> None:
    io_s, cpu = 0.06, 263.0
    lines = [
        report(1000 * (io_s + cpu / min(memory, 1769)) * factor, number=1000 * memory + k, memory=memory)
        for memory in (128, 256, 512, 1024, 1769, 3008)
        for k, factor in enumerate(np.random.default_rng(memory).normal(1, 0.02, size=40))
    ]

    cal = ck.calibrate("\n".join(lines), memory_mb=512)

    curve = cal.memory_curve
    assert abs(curve.io_s - io_s) < 3 * curve.io_se_s < 0.02
    assert abs(curve.cpu_mb_s - cpu) < 3 * curve.cpu_se_mb_s < 12
    assert curve.worst_fraction < 0.02
    share = (cpu / 512) / (io_s + cpu / 512)
    fraction = row(cal, "cpu_fraction")
    assert fraction.low < share < fraction.high
    assert cal.settings()["cpu_fraction"] == pytest.approx(share, abs=0.02)
    assert cal.settings()["measured_memory_mb"] == 512
    assert cal.duration.mean_s == pytest.approx(io_s + cpu / 512, rel=0.02)
    assert "1,024 MB in place of 512" in str(cal)


def test_standard_errors_of_the_memory_curve_are_what_repetition_shows() -> None:
    found, errors = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        sizes = {m: (0.05 + 200 / m) * (1 + 0.05 * rng.normal(size=30)) for m in (256, 512, 1024)}
        curve = module.fit(sizes, 1.0, 512)
        found.append(curve.cpu_fraction(512))
        errors.append(curve.fraction_se)

    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.25)


@pytest.mark.parametrize(("io_s", "cpu"), [(0.0, 200.0), (0.3, 0.0)])
def test_neither_part_of_a_memory_curve_is_below_0(io_s: float, cpu: float) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        sizes = {m: (io_s + cpu / m) * (1 + 0.05 * rng.normal(size=20)) for m in (256, 512, 1024)}
        curve = module.fit(sizes, 1.0, 512)
        assert curve.io_s >= 0
        assert curve.cpu_mb_s >= 0
        assert 0 <= curve.cpu_fraction(512) <= 1


@pytest.mark.parametrize("sizes", [(512,), (1769, 3008)])
def test_one_size_below_the_knee_gives_no_curve_and_says_why(sizes: tuple[int, ...]) -> None:
    lines = [report(40 + k, number=100 * m + k, memory=m) for m in sizes for k in range(20)]

    cal = ck.calibrate("\n".join(lines))

    assert cal.memory_curve is None
    assert "cpu_fraction" not in cal.settings()
    assert "it takes two sizes" in str(cal)


def test_a_power_tuning_result_gives_the_curve() -> None:
    sizes, times = [128, 512, 1024], [1500.0, 450.0, 275.0]
    packed = [base64.b64encode(np.array(v, dtype=t).tobytes()).decode() for v, t in ((sizes, "<i2"), (times, "<f4"))]
    address = "https://lambda-power-tuning.show/#" + ";".join([*packed, packed[1]])
    result = {"power": "1024", "duration": 275.0, "stateMachine": {"visualization": address}}
    stats = {"power": "1024", "stats": [{"value": m, "averageDuration": t} for m, t in zip(sizes, times, strict=True)]}

    for source in (result, json.dumps(stats)):
        cal = ck.calibrate(source, memory_mb=512)
        assert cal.memory_curve.io_s == pytest.approx(0.1, abs=1e-6)
        assert cal.memory_curve.cpu_mb_s == pytest.approx(179.2, abs=1e-3)
        assert cal.duration.mean_s == pytest.approx(0.45)


# --- cold starts ---


def cold_and_warm(first_ms: float, firsts: int, warm_ms: float, warms: int) -> str:
    rng = np.random.default_rng(4)
    first = [report(first_ms * rng.normal(1, 0.02), number=k, init=150 + k) for k in range(firsts)]
    return "\n".join([*first, *(report(warm_ms * rng.normal(1, 0.02), number=500 + k) for k in range(warms))])


def test_slower_first_runs_are_a_law_of_their_own_and_said_in_plain_words() -> None:
    cal = ck.calibrate(cold_and_warm(800, 30, 200, 170))

    assert cal.first_duration.mean_s == pytest.approx(0.8, rel=0.02)
    assert cal.duration.mean_s == pytest.approx(0.2, rel=0.01)
    assert cal.cold_fraction == 0.15
    assert re.search(r"two modes because of cold starts: after an init a run takes (79|80)\d ms", str(cal))
    fast, slow = cal.modes
    assert (round(fast.median_s, 1), round(slow.median_s, 1)) == (0.2, 0.8)
    assert (fast.first_fraction, slow.first_fraction) == (0.0, 1.0)
    assert set(cal.settings()) == {"duration", "first_duration", "init", "measured_memory_mb"}


def test_first_runs_that_take_as_long_as_warm_ones_share_their_law() -> None:
    cal = ck.calibrate(cold_and_warm(200, 30, 200, 170))

    assert cal.first_duration is None
    assert cal.modes is None
    assert row(cal, "duration_mean_s").n == 200
    assert "one law for both" in str(cal)


def test_too_few_first_runs_to_test_are_left_out_and_said() -> None:
    cal = ck.calibrate(cold_and_warm(800, 2, 200, 50))

    assert cal.first_duration is None
    assert row(cal, "duration_mean_s").n == 50
    assert row(cal, "init_mean_s").n == 2
    assert "too few to test" in str(cal)


def test_two_modes_of_warm_runs_are_not_put_down_to_cold_starts() -> None:
    rng = np.random.default_rng(6)
    times = np.where(rng.uniform(size=400) < 0.3, 1.0, 0.2) * np.exp(0.05 * rng.normal(size=400))

    cal = ck.calibrate(log_of(times))

    assert "two modes" in str(cal)
    assert "cold starts are not the reason" in str(cal)


def test_one_skewed_mode_is_not_two() -> None:
    assert all(ck.calibrate(log_of(draws(LAW, 300, seed))).modes is None for seed in range(20))


def test_durations_that_drift_are_told() -> None:
    times = 0.2 * (1 + np.linspace(0, 0.3, 400)) * np.exp(0.05 * np.random.default_rng(8).normal(size=400))
    lines = [json.dumps({"message": report(t * 1000, number=k), "timestamp": 1.7e9 + k}) for k, t in enumerate(times)]
    steady = [json.dumps({"message": report(200 + k % 7, number=k), "timestamp": 1.7e9 + k}) for k in range(400)]

    assert "durations drift: they end up 2" in str(ck.calibrate("\n".join(lines)))
    assert "drift" not in str(ck.calibrate("\n".join(steady)))


def test_restores_stand_for_inits_under_snapstart() -> None:
    lines = [
        report(40, number=k, more=f"Restore Duration: {500 + k}.00 ms\tBilled Restore Duration: 60 ms")
        for k in range(10)
    ]

    cal = ck.calibrate("\n".join([*lines, *(report(40, number=100 + k) for k in range(10))]))

    assert cal.init.mean_s == pytest.approx(0.5045)
    assert "SnapStart" in str(cal)
    assert "3,530 restores" in row(cal, "init_p99_s").prior


# --- state machines ---


def history(
    start_s: float, runs_s: list[float], ids: list[str] | None = None, between_s: float = 0.004
) -> list[dict[str, Any]]:
    """Return a history of task states T0, T1 ...: started 20 ms after the start, 12 ms around each run."""
    events: list[dict[str, Any]] = []

    def add(kind: str, at_s: float, **details: Any) -> None:
        stamp = dt.datetime.fromtimestamp(at_s, dt.UTC).isoformat(timespec="milliseconds")
        key = kind[0].lower() + kind[1:] + "EventDetails"
        before = {"previousEventId": len(events)}
        events.append({"id": len(events) + 1, "timestamp": stamp, "type": kind, key: details} | before)

    now = start_s
    add("ExecutionStarted", now)
    now += 0.008
    for k, run_s in enumerate(runs_s):
        add("TaskStateEntered", now, name=f"T{k}")
        add("TaskScheduled", now + (0 if k == 0 else 0.001), resource="invoke")
        now += 0.012 if k == 0 else 0.002
        add("TaskStarted", now)
        now += run_s + 0.012
        output = {"SdkResponseMetadata": {"RequestId": ids[k]}} if ids else {}
        add("TaskSucceeded", now, output=json.dumps(output))
        add("TaskStateExited", now, name=f"T{k}")
        now += between_s
    add("ExecutionSucceeded", now)
    return events


def request(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


def test_a_history_joined_to_report_lines_gives_the_overheads_that_went_in() -> None:
    runs = np.round(np.random.default_rng(9).uniform(0.1, 0.3, size=(60, 2)), 3)
    histories = [
        {"events": history(1.7e9 + 10 * k, pair.tolist(), [request(2 * k), request(2 * k + 1)])}
        for k, pair in enumerate(runs)
    ]

    cal = ck.calibrate(histories, log_of(runs.ravel()))

    # T0: 12 around the run, 4 to the next state. T1: besides these 2 from entered until started.
    assert cal.states["T0"].mean_s == pytest.approx(0.016, abs=1e-5)
    assert cal.states["T1"].mean_s == pytest.approx(0.018, abs=1e-5)
    assert cal.task_overhead.mean_s == pytest.approx(0.017, abs=1e-5)
    assert cal.start_overhead.mean_s == pytest.approx(0.020, abs=1e-5)
    assert row(cal, "task_overhead_mean_s").n == 120
    assert "120 of 120 tasks joined" in str(cal)
    assert set(cal.machine_settings()) == {"task_overhead", "start_overhead"}
    assert "duration" in cal.settings()
    assert ck.StateMachine("flow", **cal.machine_settings()).task_overhead == cal.task_overhead


def test_a_history_alone_takes_what_is_inside_the_calls_from_the_prior_and_says_so() -> None:
    cal = ck.calibrate({"events": history(1.7e9, [0.1, 0.2])})
    prior = ck.calibrate({"events": history(1.7e9, [0.1, 0.2], between_s=0.0)})

    assert cal.task_overhead.mean_s - prior.task_overhead.mean_s == pytest.approx(0.004, abs=1e-5)
    assert row(cal, "task_overhead_p99_s").source == "prior"
    assert row(cal, "start_overhead_p99_s").source == "shrunk"
    assert "stepfunctions_task_standard" in row(cal, "task_overhead_p99_s").prior
    assert "on top" in str(cal)
    with pytest.raises(ConfigError, match="only histories were read"):
        cal.settings()
    with pytest.raises(ConfigError, match="no runs of a function"):
        _ = cal.duration


def test_an_express_log_and_boto3s_answer_say_the_same() -> None:
    events = history(1.7e9, [0.1, 0.2])
    python = [{**event, "timestamp": dt.datetime.fromisoformat(event["timestamp"])} for event in events]
    express = [
        {
            "id": str(event["id"]), "type": event["type"], "previous_event_id": str(event["previousEventId"]),
            "event_timestamp": str(round(dt.datetime.fromisoformat(event["timestamp"]).timestamp() * 1000)),
            "details": next(event[name] for name in event if name.endswith("EventDetails")),
            "execution_arn": "arn:aws:states:us-east-1:111111111111:express:flow:1:1",
        }
        for event in events
    ]  # fmt: skip
    mixed_up = [
        line for pair in zip(express, [e | {"execution_arn": "arn:2"} for e in express], strict=True) for line in pair
    ]

    sources: list[Any] = [
        python,
        json.dumps({"events": events}),
        "\n".join(map(json.dumps, express)),
        "\n".join(map(json.dumps, mixed_up)),
    ]
    for source, count in zip(sources, (2, 2, 2, 4), strict=True):
        tasks = read([source], None).tasks
        assert len(tasks) == count
        assert [task.state for task in tasks] == sorted(task.state for task in tasks) or count == 4
        first = next(task for task in tasks if task.is_first)
        assert first.started_s - first.start_s == pytest.approx(0.020, abs=1e-3)
    assert ck.calibrate("\n".join(map(json.dumps, express)), workflow="EXPRESS").start_overhead is not None


def test_branches_and_retries_of_a_history_do_not_mix() -> None:
    def event(number: int, before: int, kind: str, at_s: float, **details: Any) -> dict[str, Any]:
        return {"id": number, "previousEventId": before, "type": kind, "timestamp": at_s, "details": details}

    events = [
        event(1, 0, "ExecutionStarted", 0.0), event(2, 0, "WaitStateEntered", 0.01, name="Wait"),
        event(3, 2, "WaitStateExited", 5.01), event(4, 3, "ParallelStateEntered", 5.01, name="Both"),
        event(5, 4, "ParallelStateStarted", 5.01), event(6, 5, "TaskStateEntered", 5.02, name="A"),
        event(7, 5, "TaskStateEntered", 5.03, name="B"), event(8, 6, "TaskScheduled", 5.02),
        event(9, 7, "TaskScheduled", 5.03), event(10, 8, "TaskStarted", 5.05), event(11, 9, "TaskStarted", 5.06),
        event(12, 11, "TaskFailed", 5.5), event(13, 10, "TaskSucceeded", 5.3), event(14, 13, "TaskStateExited", 5.31),
        event(15, 12, "TaskScheduled", 6.5), event(16, 15, "TaskStarted", 6.51), event(17, 16, "TaskSucceeded", 7.0),
        event(18, 17, "TaskStateExited", 7.0), event(19, 18, "ParallelStateSucceeded", 7.0),
        event(20, 19, "ParallelStateExited", 7.0), event(21, 20, "ExecutionSucceeded", 7.0),
    ]  # fmt: skip
    got = Intake(sources=["history"])

    read_history(got, events)

    spans = [(task.state, round(task.started_s, 2), round(task.ended_s, 2), task.is_first) for task in got.tasks]
    assert spans == [("A", 5.05, 5.3, True), ("B", 5.06, 5.5, False), ("B", 6.51, 7.0, False)]
    assert got.tasks[0].started_s - got.tasks[0].start_s == pytest.approx(0.01 + 0.03)  # the Wait is no overhead


def test_a_task_that_ends_before_its_report_is_taken_for_no_overhead_and_told() -> None:
    cal = ck.calibrate(history(1.7e9, [0.1], [request(0)]), log_of([0.5]))

    assert cal.states["T0"].mean_s == pytest.approx(0.004, abs=1e-5)
    assert "1 tasks ended before" in str(cal)


# --- a log of any length ---


def long_log(rows: int) -> Iterator[str]:
    for k in range(rows):
        yield report(100 + k % 50, number=k) + "\n"


def test_of_a_long_log_whole_stretches_are_kept_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MOST", 2_000)
    monkeypatch.setattr(intake, "STRETCH", 100)
    peaks, file = [], tmp_path / "long.log"
    for rows in (5_000, 30_000):
        with file.open("w") as out:
            out.writelines(long_log(rows))
        tracemalloc.start()
        got = read([file], None)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < 1.2 * peaks[0]
    assert got.runs_read == 30_000
    assert 200 <= len(got.runs) <= 2_000
    by_stretch = np.bincount([run.stretch for run in got.runs])
    assert set(by_stretch[by_stretch > 0]) == {100}
    cal = ck.calibrate(file)
    assert cal.duration.mean_s == pytest.approx(0.1245, rel=0.01)
    assert "whole stretches of consecutive rows" in str(cal)
    assert cal.instances is None


# --- into a chain ---


def test_settings_make_a_function_that_runs_as_the_log_says() -> None:
    cal = ck.calibrate(log_of(draws(LAW, 2_000), memory=256))
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("pay", memory_mb=256, timeout_s=60))
    chain.set("pay", **cal.settings(), init=0)

    run = ck.simulate(chain, ck.Steady(rate_per_s=1), requests=20_000, seed=1)

    assert run.summary()["value"]["response_mean_s"] == pytest.approx(cal.duration.mean_s, rel=0.02)
    assert run.summary()["value"]["response_p95_s"] == pytest.approx(cal.duration.ppf(0.95), rel=0.05)


def test_the_frame_is_tidy_and_repr_is_short() -> None:
    cal = ck.calibrate(cold_and_warm(800, 30, 200, 170))

    frame = cal.to_frame()

    assert list(frame.columns) == ["of", "figure", "value", "low", "high", "n", "source", "weight", "prior"]
    assert set(frame.source) <= {"measured", "shrunk", "prior"}
    assert ((frame.source == "measured") == (frame.weight == 0)).all()
    inside = frame.dropna(subset=["low", "high"])
    assert (inside.low <= inside.high).all()
    assert repr(cal) == "Calibration(200 runs of a function without name)"


def test_a_picture_shows_what_was_measured_and_the_laws_made_of_it() -> None:
    cal = ck.calibrate(cold_and_warm(800, 30, 200, 170))

    lines = ck.plot(cal).axes[0].get_lines()

    labels = [line.get_label() for line in lines]
    assert labels[:2] == ["duration: law (measured)", "duration: 170 runs"]
    assert "init: law (shrunk, 25% prior)" in labels
    points = dict(zip(labels, lines, strict=True))["duration: 170 runs"]
    assert np.interp(0.5, points.get_ydata(), points.get_xdata()) == pytest.approx(cal.duration.ppf(0.5), rel=0.01)


def test_the_same_log_gives_the_same_calibration() -> None:
    text = cold_and_warm(800, 30, 200, 170)

    assert ck.calibrate(text).settings() == ck.calibrate(text).settings()


# --- real logs ---


@pytest.mark.parametrize(
    ("workflow", "means_ms"),
    [
        ("sequence", {"f1": 276.990, "f2": 204.718, "f3": 695.299, "f4": 290.728}),  # they add up to 1,468 ms
        ("parallel", {"f1": 278.724, "f2": 207.008, "f3": 709.346, "f4": 302.715}),
    ],
)
def test_functions_of_measured_workflows_have_their_published_means(
    corpus: Path, workflow: str, means_ms: dict[str, float]
) -> None:
    cal = ck.calibrate(corpus / f"observability/measured-workflows/{workflow}/lambda_logs.csv")

    assert {name: round(cal[name].duration.mean_s * 1000, 3) for name in cal.functions} == means_ms
    assert {name: cal[name].memory_mb for name in cal.functions} == {"f1": 1280, "f2": 896, "f3": 1536, "f4": 1088}
    assert all(cal[name].cold_fraction is None for name in cal.functions)  # the rows do not tell cold starts


def test_the_sequence_adds_up_to_what_was_measured(corpus: Path) -> None:
    folder = corpus / "observability/measured-workflows"
    cal = ck.calibrate(folder / "sequence/lambda_logs.csv")
    delay = ck.calibrate(folder / "sfn-delay/Function_Execution_Delay.csv", kind="history")
    start = ck.calibrate(folder / "sfn-delay/Scheduling_Overhead.csv")

    work_s = sum(cal[name].duration.mean_s for name in cal.functions)
    assert work_s == pytest.approx(1.468, abs=5e-4)
    assert delay.task_overhead.mean_s == pytest.approx(0.0149, abs=5e-5 + 1e-5)
    assert start.start_overhead.mean_s == pytest.approx(0.0079, abs=5e-5)
    total_s = work_s + 4 * (delay.task_overhead.mean_s + start.start_overhead.mean_s)
    assert total_s == pytest.approx(1.559, abs=1e-3)  # measured: 1,563.8 ms


def test_measured_task_events_give_the_scheduling_overhead(corpus: Path) -> None:
    cal = ck.calibrate(corpus / "observability/measured-workflows/sfn-delay/f1_task_events.csv")

    mean = row(cal, "start_overhead_mean_s")
    assert mean.value == pytest.approx(8.0313e-3, abs=1e-6)  # the first 1,500 of the 5,000 rows whose mean is 7.92 ms
    assert mean.low < 7.92e-3 < mean.high
    assert cal.task_overhead is None
    assert "REPORT lines" in str(cal)


def test_measured_requests_give_instances_cold_share_and_both_durations(corpus: Path) -> None:
    (path,) = (corpus / "observability/lambda-client-requests").glob("res-01*.csv")
    cal = ck.calibrate(path, memory_mb=128)

    assert cal.instances == 60
    assert cal.cold_fraction == 59 / 186
    assert cal.duration.mean_s == pytest.approx(1.842899, abs=1e-6)
    assert cal.first_duration.mean_s == pytest.approx(1.977222, abs=1e-6)
    assert cal.overhead.mean_s == pytest.approx(0.111458, abs=1e-6)
    # all files of this experiment: longest survivor 635.8 s, shortest expired 645.0 s; this one is a part of them
    assert row(cal, "idle_survived_s").value == pytest.approx(632.7, abs=0.1)
    assert row(cal, "idle_expired_s").value > 645.0
    assert 635.8 < cal.keep_alive.value_s < 645.0
    assert "two modes because of cold starts" in str(cal)


def test_a_function_made_of_measured_requests_starts_cold_as_often_as_it_did(corpus: Path) -> None:
    (path,) = (corpus / "observability/lambda-client-requests").glob("res-01*.csv")
    cal = ck.calibrate(path, memory_mb=128)
    rows = pd.read_csv(path)
    span_s = (rows.start_time.max() - rows.start_time.min()) / 1000
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("f", memory_mb=128, timeout_s=60, **cal.settings()))

    run = ck.simulate(chain, ck.Poisson(rate_per_s=len(rows) / span_s), requests=20_000, seed=1)

    cold = row(cal, "cold_fraction")
    assert cold.low < run.nodes.loc["f", "cold_fraction"] < cold.high
    share = run.nodes.loc["f", "cold_fraction"]
    slower_s = cal.first_duration.mean_s - cal.duration.mean_s + cal.init.mean_s
    assert run.summary()["value"]["response_mean_s"] == pytest.approx(cal.duration.mean_s + slower_s * share, rel=0.005)


def test_measured_profiles_hold_one_size_each_and_give_no_curve_across_functions(corpus: Path) -> None:
    cal = ck.calibrate(corpus / "observability/measured-workflows/profiles/lambda_logs.csv")

    means_ms = {"f1": 276.804, "f2": 206.780, "f3": 659.653, "f4": 308.386}
    assert {name: round(cal[name].duration.mean_s * 1000, 3) for name in cal.functions} == means_ms
    for name in cal.functions:
        assert cal[name].memory_curve is None
        assert row(cal[name], "duration_p99_s").weight == pytest.approx(10 / 50)
    assert str(cal).count("it takes two sizes") == 4


@pytest.mark.parametrize(
    "name",
    [
        "measured-workflows/sequence/cost_aws.csv", "measured-workflows/sequence/sfn_executions.csv",
        "measured-workflows/sfn-delay/Function_Execution_Delay.csv", "measured-workflows/sequence/definition.asl.json",
        "xray/batch-get-traces.json", "xray/get-service-graph.json", "xray/get-trace-summaries.json",
        "lambda-perf-2026-08-22.json", "README.md",
    ],
)  # fmt: skip
def test_files_that_are_no_logs_are_refused(corpus: Path, name: str) -> None:
    with pytest.raises(ConfigError):
        ck.calibrate(corpus / "observability" / name)
