"""One sentence that decides between two designs: dollars, time, and from which volume on it is the other way round.

Each word follows from a figure with its 95 % interval. Where an interval holds 0, no difference has been seen, and the
sentence says that; where a time is missing or infinite it says why.
"""

import math

from chainkit.comparison import MEANS, TIMES, Comparison
from chainkit.crossings import BreakEven, BreakEvens, Money
from chainkit.errors import ConfigError, nearest
from chainkit.scaling import CostCurve, a_month, cost_at_scale
from chainkit.simulation.run import Run
from chainkit.units import amount

ROUNDING = 1e-9
"""Share of a time below which a difference is the rounding of a clock."""
FAR = 10.0
"""Times the volume at whose rate usage was counted from which a break-even point is said to suppose that rate."""


def sentence(
    comparison: Comparison,
    of: str,
    to: str,
    *,
    requests_per_month: float | None = None,
    time: str | None = None,
    curve: CostCurve | None = None,
    noun: str = "requests",
) -> str:
    """Return what one design costs and saves against another, in a sentence.

    Parameters
    ----------
    comparison : that holds both
    of, to : "`of` instead of `to` ..."
    requests_per_month : above 0; None: the month of the comparison's bills
    time : percentile or mean of `Comparison.to_frame`; None: "response_p99_s", or "completion_p99_s" where nobody waits
        for an answer or each design gives it at the same time
    curve : of the same designs, as `cost_at_scale` gives it; None: made here
    noun : what a request is called

    Raises
    ------
    ConfigError
        If there is no such design or time.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("two")
    >>> a, b = chain.add(ck.LambdaFunction("a", timeout_s=10)), chain.add(ck.LambdaFunction("b", timeout_s=5))
    >>> _ = chain.connect(a, b, needs_answer=False)
    >>> flows = ck.variants(chain, ["sqs", "sns"])
    >>> both = ck.compare(flows, ck.Steady(rate_per_s=4), requests=4_000, seed=1)
    >>> print(ck.sentence(both, "sqs", "sns", requests_per_month=10e6, time="response_p50_s"))
    sqs instead of sns costs 7.26 USD a month more at 10 million requests, and takes as long at response p50; it costs\
 more at every volume from 1,000 to 10^12 a month.
    """
    if not isinstance(comparison, Comparison):
        raise ConfigError(f"sentence: {comparison!r} is no comparison", fix="give what ck.compare returns")
    for name in (of, to):
        if name not in comparison.runs:
            known = ", ".join(comparison.runs)
            raise ConfigError(f"sentence: {name!r} is unknown{nearest(name, comparison.runs)}", fix=f"known: {known}")
    if curve is not None and not isinstance(curve, CostCurve):
        raise ConfigError(f"sentence: curve={curve!r} is no curve", fix="give what ck.cost_at_scale returns")
    if of == to:
        raise ConfigError(f"sentence: {of!r} is compared with itself", fix="name two designs")
    time = time or chosen_time(comparison, of, to)
    known_times = (*TIMES, *MEANS)
    if time not in known_times:
        raise ConfigError(
            f"sentence: time={time!r} is unknown{nearest(time, known_times)}", fix=f"known: {', '.join(known_times)}"
        )
    if curve is None:
        pair = Comparison({name: comparison.runs[name] for name in (of, to)}, comparison.bills)
        curve = cost_at_scale(pair)
    points = curve.break_even(of, to)
    asked = comparison.bills[of].requests_per_month if requests_per_month is None else requests_per_month
    volume = a_month("sentence", asked)
    gap = curve.difference(of, to, volume)
    at = f"at {amount(volume)} {noun}"
    return (
        f"{of} instead of {to} {money_words(gap, at)}, and {time_words(comparison, of, to, time)};"
        f" {break_even_words(points, volume)}{_supposed(comparison.runs[of], curve, points)}."
    )


def chosen_time(comparison: Comparison, *names: str) -> str:
    """Return the p99 to compare by: of the response if somebody waits for it and it is not the same in each design."""
    first, *others = names or comparison.runs
    if any(comparison.runs[name].program.nobody_waits for name in (first, *others)):
        return "completion_p99_s"
    gaps = [comparison.difference("response_p99_s", name, first)[:3] for name in others]
    return "completion_p99_s" if others and all(gap == (0.0, 0.0, 0.0) for gap in gaps) else "response_p99_s"


# --- money ---


def money_words(gap: Money, at: str) -> str:
    """Return by how much the month is dearer.

    >>> money_words(Money(38.2, 41.26, 44.1), "at 10 million orders")
    'costs 41.26 USD (38.20 to 44.10) a month more at 10 million orders'
    >>> money_words(Money(-1.5, 0.25, 2.0), "at 10 million orders")
    'shows no difference in cost at 10 million orders (-1.50 to 2.00 USD a month)'
    """
    if gap.low == gap.usd == gap.high == 0:
        return f"costs the same {at}"
    if gap.low <= 0 <= gap.high:
        return f"shows no difference in cost {at} ({dollars(gap.low)} to {dollars(gap.high)} USD a month)"
    low, high = sorted((abs(gap.low), abs(gap.high)))
    word = "more" if gap.usd > 0 else "less"
    if math.isnan(gap.low):
        return f"costs {dollars(abs(gap.usd))} USD a month {word} {at} (no interval: one replication)"
    ends = f"({dollars(low)} to {dollars(high)}) " if dollars(low) != dollars(high) else ""
    return f"costs {dollars(abs(gap.usd))} USD {ends}a month {word} {at}"


def dollars(usd: float) -> str:
    """Return dollars as digits: whole from a thousand up, to the cent, three figures of less than ten cents.

    >>> dollars(12345.6), dollars(41.256), dollars(-1.5), dollars(0.01234)
    ('12,346', '41.26', '-1.50', '0.0123')
    """
    if abs(usd) >= 1000:
        return f"{usd:,.0f}"
    return f"{usd:.2f}" if abs(usd) >= 0.1 or usd == 0 else f"{float(f'{usd:.3g}'):.10f}".rstrip("0")


# --- time ---


def time_words(comparison: Comparison, of: str, to: str, time: str) -> str:
    """Return by how much a percentile is later, or why there is nothing to say."""
    low, value, high, note = comparison.difference(time, of, to)
    what, p, _ = time.split("_")
    at = f"in the mean {what}" if p == "mean" else f"at {what} {p}"
    ends = {name: comparison.interval(time, name)[1] for name in (of, to)}
    who = " or ".join(name for name in (of, to) if math.isnan(ends[name]))
    if who:
        why = (
            f"nobody waits for an answer of {who}" if what == "response" else f"nothing that {who} began was completed"
        )
        return f"has no {what} to compare: {why}"
    never = [name for name in (of, to) if math.isinf(ends[name])]
    if never:
        return _never_words(never, of, to, p)
    if low == value == high == 0:
        return f"takes as long {at}"
    if low <= 0 <= high:
        return f"shows no difference {at} ({span(low, high)})"
    word = f"saves {length(value)}" if value < 0 else f"takes {length(value)}"
    longer = "" if value < 0 else " longer"
    if math.isnan(low):
        word = f"{word}{longer}" if abs(value) > ROUNDING * ends[to] else "shows no difference"
        return f"{word} {at} (no interval: {note or 'one replication'})"
    interval = span(*sorted((abs(low), abs(high))), unit_of=value)
    return f"{word} ({interval}){longer} {at}"


def _never_words(never: list[str], of: str, to: str, p: str) -> str:
    """Return what an infinite completion means: so many are lost, or still being tried when the run ends."""
    share = f"{100 - float(p.removeprefix('p')):g} %"
    if len(never) == 2:
        return f"completes at {p} in neither: both leave more than {share} undone"
    return (
        f"leaves more than {share} undone: {p} is never"
        if never == [of]
        else f"completes at {p}, where {to} leaves more than {share} undone"
    )


def length(time_s: float) -> str:
    """Return a time without its sign: milliseconds below a second, else seconds; three figures.

    >>> length(0.0382), length(-59.12)
    ('38.2 ms', '59.1 s')
    """
    scale, unit = _unit(time_s)
    return f"{_figures(abs(time_s) * scale)} {unit}"


def _unit(time_s: float) -> tuple[float, str]:
    return (1000.0, "ms") if abs(time_s) < 1 else (1.0, "s")


def _figures(value: float) -> str:
    """Return three figures without an exponent."""
    return f"{float(f'{value:.3g}'):,.10g}"


def span(low: float, high: float, *, unit_of: float | None = None) -> str:
    """Return both ends of an interval of times, with the unit unless it was said.

    >>> span(-0.002, 0.0135), span(0.031, 0.045, unit_of=0.038), span(0.031, float("inf"), unit_of=0.038)
    ('-2 to 13.5 ms', '31 to 45', '31 or more')
    """
    finite = [abs(each) for each in (low, high) if math.isfinite(each)]
    scale, unit = _unit(max(finite, default=0.0) if unit_of is None else unit_of)
    if math.isinf(low) or math.isinf(high):
        end, word = (low, "or more") if math.isfinite(low) else (high, "or less")
        return f"{_figures(end * scale)}{'' if unit_of is not None else f' {unit}'} {word}" if finite else "unknown"
    return f"{_figures(low * scale)} to {_figures(high * scale)}{'' if unit_of is not None else f' {unit}'}"


# --- volumes ---


def break_even_words(points: BreakEvens, volume: float) -> str:
    """Return from which volume on it is another way: the nearest point on each side of a volume.

    >>> point = BreakEven(4.1e6, 3.9e6, 4.3e6, "sns", "sqs")
    >>> break_even_words(BreakEvens("sqs", "sns", (point,)), 10e6)
    'below 4.1 million a month (3.9 million to 4.3 million) it costs more'
    """
    if not points.points:
        word = {points.of: "it costs less", points.to: "it costs more"}.get(points.throughout, "both cost the same")
        return f"{word} at every volume from 1,000 to 10^12 a month"
    below = [point for point in points.points if point.requests_per_month <= volume][-1:]
    above = [point for point in points.points if point.requests_per_month > volume][:1]
    return ", ".join(
        [_beyond("below", point, point.below, points) for point in below]
        + [_beyond("above", point, point.above, points) for point in above]
    )


def _supposed(run: Run, curve: CostCurve, points: BreakEvens) -> str:
    """Return at which rate usage was counted, where a break-even point lies far from it and nothing was run there."""
    per_s = run.requests / (run.usage.hours * 3600)
    own = per_s * 3600 * curve.terms.hours_per_month
    far = [each for each in points.points if not own / FAR <= each.requests_per_month <= own * FAR]
    if curve.again or not far:
        return ""
    return f", by what a request uses at {per_s:.3g} a second"


def _beyond(side: str, point: BreakEven, cheaper: str, points: BreakEvens) -> str:
    """Return what holds on the other side of a point."""
    word = {points.of: "it costs less", points.to: "it costs more"}.get(cheaper, "both cost the same")
    return f"{side} {amount(point.requests_per_month)} a month ({point.interval}) {word}"
