"""Traces in files: the public formats, and what people export."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainkit as ck
from chainkit.errors import ConfigError
from tests.simulation.traffic import arrivals_s

DAY = ",".join(["HashOwner", "HashApp", "HashFunction", "Trigger", *map(str, range(1, 1441))])


def day(trigger: str, count: int, minute: int) -> str:
    """Return a row of a day of which one minute has requests."""
    return ",".join(["o", "a", f"f-{trigger}", trigger, *(str(count if k == minute else 0) for k in range(1440))])


FILES = {
    "azure2019": f"{DAY}\n{day('http', 7, 0)}\n{day('queue', 5, 0)}\n{day('http', 2, 1439)}\n",
    "azure2021": "app,func,end_timestamp,duration\na,f,9.5,9.0\na,g,2.25,2.0\na,f,11,1\n",
    "under_way": "app,func,end_timestamp,duration\na,f,1.0,1.5\na,g,2.0,0.5\n",
    "counts": "count\n3\n0\n2\n",
    "minutes": "minute,invocations\n2,5\n0,1\n2,4\n",
    "times": "time_s,user\n0.5,u\n3,v\n1.25,u\n",
    "dates": "\ufefftimestamp,path\n2026-03-02T10:00:01Z,/\n2026-03-02T11:00:00+01:00,/\n2026-03-02 10:01:00,/pay\n",
    "bare": "4\n0\n9.5\n\n",
    "named": "when,what\n3,a\n1,b\n2,a\n",
    "empty": "",
    "only_names": "count\n",
    "zeros": "count\n0\n0\n",
    "short": "time_s,user\n0.5\n",
    "words": "time_s\n0.5\nlater\n",
    "mixed": "time_s\n2026-03-02T10:00:01Z\nlater\n",
    "odd_minute": "minute,count\n1.5,3\n",
    "odd_day": f"{DAY}\n{day('http', 7, 0).replace('7', 'seven')}\n",
    "fraction": "count\n1.5\n",
}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00count")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "options", "at_s"),
    [
        ("azure2021", {}, [0.25, 0.5, 10.0]),
        ("azure2021", {"where": {"func": "f"}}, [0.5, 10.0]),
        ("azure2021", {"column": "end_timestamp", "of": "times"}, [2.25, 9.5, 11.0]),
        ("under_way", {}, [0.0, 2.0]),
        ("times", {}, [0.5, 1.25, 3.0]),
        ("times", {"where": {"user": "u"}}, [0.5, 1.25]),
        ("dates", {}, [0.0, 1.0, 60.0]),
        ("bare", {"of": "times"}, [0.0, 4.0, 9.5]),
        ("named", {"of": "times", "column": "when"}, [1.0, 2.0, 3.0]),
    ],
)
def test_times_are_read(files: Path, name: str, options: dict[str, Any], at_s: list[float]) -> None:
    assert ck.Replay.read(files / f"{name}.csv", **options) == ck.Replay.times(at_s)


@pytest.mark.parametrize(
    ("name", "options", "counts"),
    [
        ("azure2019", {}, [12, *[0] * 1438, 2]),
        ("azure2019", {"where": {"Trigger": "http"}}, [7, *[0] * 1438, 2]),
        ("counts", {}, [3, 0, 2]),
        ("minutes", {}, [1, 0, 9]),
        ("named", {"of": "counts", "column": "when"}, [3, 1, 2]),
    ],
)
def test_counts_are_read(files: Path, name: str, options: dict[str, Any], counts: list[int]) -> None:
    assert ck.Replay.read(files / f"{name}.csv", **options) == ck.Replay.per_minute(counts)


def test_spread_and_attributes_go_with_a_file(files: Path) -> None:
    kinds = {"kind": {"a": 0.5, "b": 0.5}}
    trace = ck.Replay.read(str(files / "counts.csv"), spread="even", attributes=kinds)

    assert trace == ck.Replay.per_minute([3, 0, 2], spread="even", attributes=kinds)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("missing", {}, "missing.csv' cannot be read: No such file"),
        ("binary", {}, "binary.csv is no CSV"),
        ("empty", {}, "empty.csv is empty"),
        ("only_names", {}, "no row of it has an arrival"),
        ("zeros", {}, "no row of it has an arrival"),
        ("short", {}, "short.csv: line 2: it has 1 cells, the first line 2"),
        ("words", {}, "words.csv: line 3: time_s='later' is no number"),
        ("mixed", {}, "mixed.csv: line 3: time_s='later' is no date"),
        ("odd_minute", {}, "odd_minute.csv: line 2: minute='1.5' is no whole number"),
        ("odd_day", {}, "odd_day.csv: line 2: minute 1='seven' is no number"),
        ("fraction", {}, r"counts\[0\]=1.5 is no whole number"),
        ("bare", {}, "has no names of columns, so it may hold times or counts"),
        ("named", {}, "none of its columns is known to hold times or counts; there are: when, what"),
        ("named", {"column": "when"}, "column='when' may hold times or counts"),
        ("named", {"column": "whem"}, r"column='whem' is no column \(did you mean 'when'\?\)"),
        ("times", {"where": {"usr": "u"}}, r"where='usr' is no column \(did you mean 'user'\?\)"),
        ("times", {"where": {"user": "w"}}, "no row of it has an arrival"),
        ("times", {"where": "user"}, "where='user' is no mapping"),
        ("times", {"of": "counts"}, "none of its columns is known to hold counts"),
        ("times", {"of": "gaps"}, "of='gaps' is unknown"),
    ],
)
def test_a_wrong_file_is_one_clear_error(files: Path, name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        ck.Replay.read(files / f"{name}.csv", **options)

    assert caught.value.fix


def test_what_is_no_path_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"path=\[1, 2\] is no path"):
        ck.Replay.read([1, 2])


def test_a_folder_is_no_trace(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        ck.Replay.read(tmp_path)


# --- the public traces, where they are at hand ---


def test_azures_trace_of_2021_is_replayed(corpus: Path) -> None:
    path = corpus / "traces" / "invitro-azure2021" / "Azure2021_200.csv"
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    starts = sorted(float(end) - float(duration) for _, _, end, duration in rows)
    trace = ck.Replay.read(path)

    assert trace.requests == len(rows)
    np.testing.assert_array_equal(arrivals_s(trace, len(rows)), np.array(starts) - min(starts[0], 0.0))


def test_azures_format_of_2019_is_replayed(corpus: Path) -> None:
    path = corpus / "traces" / "invitro-azure2019" / "invocations.csv"
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    totals = np.sum([[int(cell) for cell in row[4:]] for row in rows], axis=0)
    trace, timer = ck.Replay.read(path), ck.Replay.read(path, where={"Trigger": "timer"})

    assert trace.counts.tolist() == totals.tolist()
    assert timer.requests == sum(int(cell) for row in rows if row[3] == "timer" for cell in row[4:])
    at_s = arrivals_s(trace, trace.requests)
    assert np.bincount((at_s // 60).astype(int), minlength=1440).tolist() == totals.tolist()
