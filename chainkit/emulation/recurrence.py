"""Schedule expressions: ``rate(..)``, ``cron(..)`` and ``at(..)``, and when they are due next.

Source: "Schedule types in EventBridge Scheduler" and "Rate expressions reference", AWS documentation (2026). Ignored:
the hour that daylight saving time skips or repeats.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_UNITS_S = {"minute": 60, "hour": 3600, "day": 86_400}
_MONTHS = {name.upper(): k for k, name in enumerate(calendar.month_abbr) if name}
_WEEKDAYS = {name: k for k, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), start=1)}
_LATEST_YEAR = 2199


class ExpressionError(ValueError):
    """No schedule expression."""


@dataclass(frozen=True)
class At:
    """Once."""

    at_s: float


@dataclass(frozen=True)
class Rate:
    """Every so often."""

    period_s: float


@dataclass(frozen=True)
class Cron:
    """At all times that the fields allow, in one time zone."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: str
    months: frozenset[int]
    weekdays: str
    years: frozenset[int]
    zone: ZoneInfo

    def next_after(self, at_s: float) -> float | None:
        """Return the first due time after `at_s` (both seconds since the epoch); None if there is none."""
        local = datetime.fromtimestamp(at_s, self.zone).replace(tzinfo=None, second=0, microsecond=0)
        moment = local + timedelta(minutes=1)
        day, last_year = moment.date(), max(self.years)
        while day.year <= last_year:
            if day.year in self.years and day.month in self.months and self._has(day):
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        due = datetime(day.year, day.month, day.day, hour, minute)
                        if due >= moment:
                            return due.replace(tzinfo=self.zone).timestamp()
            if day.year == last_year and (day.month, day.day) == (12, 31):
                return None
            day += timedelta(days=1)
        return None

    def _has(self, day: date) -> bool:
        if self.days != "?":
            return any(_is_month_day(part, day) for part in self.days.split(","))
        return any(_is_weekday(part, day) for part in self.weekdays.split(","))


def parse(expression: str, zone: str = "UTC") -> At | Rate | Cron:
    """Return what an expression says; ExpressionError if it says nothing.

    >>> parse("rate(5 minutes)")
    Rate(period_s=300)
    >>> parse("at(2026-11-27T12:00:00)", "Europe/Berlin").at_s
    1795777200.0
    >>> noon = parse("cron(0 12 ? * MON-FRI *)").next_after(1795777200.0)
    >>> datetime.fromtimestamp(noon, ZoneInfo("UTC")).isoformat()
    '2026-11-27T12:00:00+00:00'
    """
    found = re.fullmatch(r"\s*(rate|at|cron)\((.*)\)\s*", expression or "")
    if not found:
        raise ExpressionError(expression)
    kind, text = found.groups()
    try:
        place = ZoneInfo(zone or "UTC")
        if kind == "rate":
            return _rate(text)
        if kind == "at":
            return At(datetime.fromisoformat(text.strip()).replace(tzinfo=place).timestamp())
        return _cron(text, place)
    except (ValueError, KeyError, ZoneInfoNotFoundError) as error:
        raise ExpressionError(expression) from error


def _rate(text: str) -> Rate:
    number, unit = text.split()
    value = int(number)
    if value < 1 or (value == 1) == unit.endswith("s"):
        raise ValueError(text)
    return Rate(value * _UNITS_S[unit.removesuffix("s")])


def _cron(text: str, zone: ZoneInfo) -> Cron:
    minutes, hours, days, months, weekdays, years = text.upper().split()
    if (days == "?") == (weekdays == "?"):
        raise ValueError("one of day of month and day of week must be ?")
    cron = Cron(
        _numbers(minutes, 0, 59),
        _numbers(hours, 0, 23),
        days,
        _numbers(months, 1, 12, _MONTHS),
        weekdays,
        _numbers(years, 1970, _LATEST_YEAR),
        zone,
    )
    cron._has(date(2026, 1, 1))  # reads the two fields that depend on the day
    return cron


def _numbers(field: str, low: int, high: int, names: dict[str, int] | None = None) -> frozenset[int]:
    """Return the numbers that a field of lists, ranges and steps allows."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        begin, _, end = span.partition("-")
        if span == "*":
            first, last = low, high
        else:
            first = _number(begin, names)
            last = _number(end, names) if end else (high if step else first)
        if not low <= first <= last <= high:
            raise ValueError(part)
        found |= set(range(first, last + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, names: dict[str, int] | None) -> int:
    return names[text] if names and text in names else int(text)


def _is_month_day(part: str, day: date) -> bool:
    last = calendar.monthrange(day.year, day.month)[1]
    if part == "L":
        return day.day == last
    if part.endswith("W"):
        wanted = last if part == "LW" else min(int(part[:-1]), last)
        return day.day == _nearest_weekday(day, wanted, last)
    return day.day in _numbers(part, 1, 31)


def _nearest_weekday(day: date, wanted: int, last: int) -> int:
    """Return the working day of the month that is nearest to day `wanted` of it."""
    weekday = day.replace(day=wanted).weekday()
    if weekday == calendar.SATURDAY:
        return wanted - 1 if wanted > 1 else wanted + 2
    if weekday == calendar.SUNDAY:
        return wanted + 1 if wanted < last else wanted - 2
    return wanted


def _is_weekday(part: str, day: date) -> bool:
    here = day.isoweekday() % 7 + 1  # AWS: 1 is Sunday
    last = calendar.monthrange(day.year, day.month)[1]
    if part == "L":
        return here == _WEEKDAYS["SAT"]
    if part.endswith("L"):
        return here == _number(part[:-1], _WEEKDAYS) and day.day + 7 > last
    if "#" in part:
        weekday, _, which = part.partition("#")
        return here == _number(weekday, _WEEKDAYS) and (day.day - 1) // 7 + 1 == int(which)
    return here in _numbers(part, 1, 7, _WEEKDAYS)
