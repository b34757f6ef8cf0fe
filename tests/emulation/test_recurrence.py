"""Schedule expressions: AWS's own examples, read off the calendar."""

from datetime import UTC, datetime

import pytest

from chainkit.emulation.recurrence import At, ExpressionError, Rate, parse

NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC).timestamp()  # a Friday


@pytest.mark.parametrize(
    ("expression", "zone", "due"),
    [
        ("cron(0 12 * * ? *)", "UTC", ["2026-11-28T12:00", "2026-11-29T12:00"]),
        ("cron(5,35 14 * * ? *)", "UTC", ["2026-11-27T14:05", "2026-11-27T14:35", "2026-11-28T14:05"]),
        ("cron(0/15 * * * ? *)", "UTC", ["2026-11-27T12:15", "2026-11-27T12:30"]),
        ("cron(0/5 8-17 ? * MON-FRI *)", "UTC", ["2026-11-27T12:05"]),
        ("cron(0 18 ? * MON-FRI *)", "UTC", ["2026-11-27T18:00", "2026-11-30T18:00"]),
        ("cron(0 9 1 * ? *)", "UTC", ["2026-12-01T09:00", "2027-01-01T09:00"]),
        ("cron(0 9 L * ? *)", "UTC", ["2026-11-30T09:00", "2026-12-31T09:00"]),
        ("cron(0 9 LW * ? *)", "UTC", ["2026-11-30T09:00", "2026-12-31T09:00", "2027-01-29T09:00"]),
        ("cron(0 9 1W * ? *)", "UTC", ["2026-12-01T09:00", "2027-01-01T09:00", "2027-02-01T09:00"]),
        ("cron(0 9 6W * ? *)", "UTC", ["2026-12-07T09:00"]),
        ("cron(15 10 ? * 6L 2026-2027)", "UTC", ["2026-12-25T10:15", "2027-01-29T10:15"]),
        ("cron(0 9 ? * 2#1 *)", "UTC", ["2026-12-07T09:00", "2027-01-04T09:00"]),
        ("cron(0 0 29 FEB ? *)", "UTC", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        ("cron(0 12 * * ? *)", "America/New_York", ["2026-11-27T17:00"]),
        ("cron(0 9 1 7 ? 2027)", "Europe/Berlin", ["2027-07-01T07:00"]),
    ],
)
def test_cron_is_due(expression, zone, due):
    cron, at_s, found = parse(expression, zone), NOON, []
    for _ in due:
        at_s = cron.next_after(at_s)
        found.append(datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M"))

    assert found == due


def test_a_cron_of_the_past_is_never_due():
    assert parse("cron(0 9 1 1 ? 2020)").next_after(NOON) is None


def test_rate_and_at():
    assert parse("rate(1 minute)") == Rate(60)
    assert parse("rate(2 days)") == Rate(172_800)
    assert parse("at(2026-11-27T13:00:00)", "Europe/Berlin") == At(NOON)


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 minutes)",
        "rate(5 minute)",
        "rate(0 minutes)",
        "rate(5 weeks)",
        "cron(0 12 * * * *)",
        "cron(0 12 ? * ? *)",
        "cron(60 12 * * ? *)",
        "cron(0 12 * * ?)",
        "cron(0 12 32 * ? *)",
        "at(tomorrow)",
        "every 5 minutes",
        "",
    ],
)
def test_what_aws_refuses_is_refused(expression):
    with pytest.raises(ExpressionError):
        parse(expression)


def test_an_unknown_time_zone_is_refused():
    with pytest.raises(ExpressionError):
        parse("rate(5 minutes)", "Mars/Olympus")
