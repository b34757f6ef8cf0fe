"""What a worker prints, and how much of it is kept."""

import io

import pytest

from chainkit.emulation import output
from chainkit.emulation.clock import Clock
from chainkit.emulation.output import Output


@pytest.fixture
def taken():
    clock = Clock()

    def take(printed):
        made = Output(io.BytesIO(printed), clock)
        made.expect("r1")
        return made.take("r1", is_ended=True)

    yield take
    clock.close()


def test_lines_are_told_apart_from_the_mark_of_the_end(taken):
    assert taken(b"one\n\ntwo\n\0r1\n") == ["one", "two"]


def test_a_line_without_end_is_cut_and_the_mark_behind_it_is_found(taken, monkeypatch):
    monkeypatch.setattr(output, "LINE_BYTES", 10)
    for length in range(1, 25):
        lines = taken(b"x" * length + b"\0r1\nnext\n")

        assert "".join(lines) == "x" * length + "next"
        assert all(len(line) <= 10 for line in lines)


def test_what_is_too_much_is_left_out_and_said(taken, monkeypatch):
    monkeypatch.setattr(output, "KEPT_BYTES", 12)

    lines = taken(b"0123456789\n" * 5 + b"\0r1\n")

    assert lines == ["0123456789", "0", "[chainkit] 43 bytes more were printed, and left out"]
    assert all(line.at_s >= 0 for line in lines)
