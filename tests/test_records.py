"""What services and traces say of themselves."""

import chainkit as ck


def test_a_very_long_trace_prints_its_beginning_and_its_end() -> None:
    spans = [ck.Span(node="jobs", what="retry wait", start_s=60 * n, end_s=60 * n + 60) for n in range(1000)]
    told = str(ck.Trace(request="r", outcome="expired", response_s=0.1, completion_s=60_000, spans=spans))
    lines = told.splitlines()

    assert len(lines) < 100
    assert lines[0].startswith("r: expired")
    assert lines[1].split()[0] == "0.000"
    assert lines[-1].split()[0] == "59940.000"
    assert "... 921 more" in told


def test_a_trace_that_fits_is_printed_whole() -> None:
    spans = [ck.Span(node="jobs", what="retry wait", start_s=n, end_s=n + 1) for n in range(79)]
    told = str(ck.Trace(request="r", outcome="completed", response_s=0.1, completion_s=79, spans=spans))

    assert told.count("retry wait") == 79
    assert "more" not in told
