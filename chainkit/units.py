"""Constants and the one way numbers with units are read and shown. Inside the library: seconds, US dollars, bytes."""

import re
from decimal import Decimal

KB = 1024
MB = 1024 * KB
GB = 1024 * MB
GB_MB = 1024
"""Megabytes in the gigabyte that Lambda bills by."""

HOURS_PER_MONTH = 730.0
"""The month of AWS's calculator: 365 * 24 / 12 hours."""

SUFFIXES = {
    "_s": "s",
    "_ms": "ms",
    "_kb": "KB",
    "_mb": "MB",
    "_gb": "GB",
    "_usd": "USD",
    "_per_s": "per second",
    "_bytes": "bytes",
    "_fraction": "(a share of 1)",
    "_rate": "(a share of 1)",
    "_days": "days",
}
_SECONDS = {"ms": 0.001, "s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}
_MEGABYTES = {
    "KB": 1 / 1024, "KiB": 1 / 1024, "MB": 1.0, "MiB": 1.0, "GB": 1024.0, "GiB": 1024.0, "TB": 1024.0**2,
}  # fmt: skip
_SCALES = {
    "s": _SECONDS,
    "ms": {unit: scale * 1000 for unit, scale in _SECONDS.items()},
    "KB": {unit: scale * 1024 for unit, scale in _MEGABYTES.items()},
    "MB": _MEGABYTES,
    "GB": {unit: scale / 1024 for unit, scale in _MEGABYTES.items()},
}


def unit_of(field: str) -> str:
    """Return the unit that a field's name states, or "".

    >>> unit_of("timeout_s"), unit_of("memory_mb"), unit_of("batch_size")
    ('s', 'MB', '')
    """
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if field.endswith(suffix):
            return SUFFIXES[suffix]
    return ""


def number_meant(text: str, field: str) -> float | None:
    """Return the number that `text` with a unit means in the unit of `field`, or None if it means none.

    >>> number_meant("1.5 min", "timeout_s"), number_meant("1 GB", "memory_mb"), number_meant("soon", "timeout_s")
    (90.0, 1024.0, None)
    >>> number_meant("1.5 s", "duration_ms"), number_meant("1 MB", "event_kb"), number_meant("2 TB", "logs_gb")
    (1500.0, 1024.0, 2048.0)
    """
    match = re.fullmatch(r"\s*([0-9.]+)\s*([A-Za-z]+)?\s*", text)
    if match is None:
        return None
    scales = _SCALES.get(unit_of(field), {})
    scale = scales.get(match[2], None) if match[2] else 1.0
    try:
        return None if scale is None else float(match[1]) * scale
    except ValueError:
        return None


def seconds(value_s: float) -> str:
    """Return a duration for people: three figures and the unit that fits.

    >>> seconds(0.0412), seconds(1.5), seconds(150), seconds(float("inf"))
    ('41.2 ms', '1.50 s', '150 s', 'never')
    """
    if value_s != value_s:
        return "-"
    if value_s == float("inf"):
        return "never"
    if abs(value_s) < 1.0:
        return f"{value_s * 1000:.3g} ms" if value_s else "0 ms"
    return f"{value_s:.2f} s" if value_s < 100 else f"{value_s:.0f} s"


def usd(value_usd: float) -> str:
    """Return an amount for people: to the cent, and three figures of what is less than one.

    >>> usd(1234.5), usd(0.2), usd(0.00012345)
    ('$1,234.50', '$0.20', '$0.000123')
    """
    return f"${value_usd:,.2f}" if abs(value_usd) >= 0.01 or value_usd == 0 else f"${value_usd:.3g}"


def plain(value: float) -> str:
    """Return a number with all its digits and no exponent, as prices are read.

    >>> plain(2e-7), plain(0.0000166667), plain(3.0), plain(0)
    ('0.0000002', '0.0000166667', '3', '0')
    """
    text = format(Decimal(repr(float(value))), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def amount(value: float) -> str:
    """Return a count for people, two or three figures of it, from a million up in words.

    >>> amount(4_130_000), amount(10e6), amount(2.5e9), amount(12_345), amount(1e12)
    ('4.13 million', '10 million', '2.5 billion', '12,300', '1,000 billion')
    """
    for size, word in ((1e9, " billion"), (1e6, " million")):
        if abs(value) >= size * 0.9995:
            return f"{float(f'{value / size:.3g}'):,.10g}{word}"
    return f"{float(f'{value:.3g}'):,.10g}"
