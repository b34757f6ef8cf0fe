"""A decision, written down: question, options, figures with intervals, what they rest on, what would change the answer.

Nothing in it is anybody's opinion: every line comes from the comparison, its curve or its sensitivity, and no winner is
named where an interval holds 0.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from chainkit import data
from chainkit.billing.bill import bill
from chainkit.comparison import MEANS, TIMES, Comparison
from chainkit.errors import ConfigError, nearest
from chainkit.fronts import Front, pareto
from chainkit.rewiring import Variant
from chainkit.rewiring.inventory import counted, difference
from chainkit.rewiring.inventory import parts as inventory
from chainkit.scaling import CostCurve, a_month, cost_at_scale
from chainkit.sentences import break_even_words, chosen_time, dollars, length, sentence, span
from chainkit.simulation import lower
from chainkit.simulation.loads import Load
from chainkit.suppositions import Setup, Supposition, suppositions
from chainkit.swings import Sensitivity
from chainkit.units import amount

MOST_PAIRS = 4
"""Sentences of a record; one to two pages have no room for more."""
MOST_LINES = 12
"""Assumptions with a line of their own; the others share one."""
FEW_OPTIONS = 5
"""Up to so many there is room for what each keeps, and why."""
NEVER = "never"
NOT_MODELLED = (
    "people: what it takes to build, watch and change each option",
    "tax, support plans, discounts and commitments: prices are list prices",
)
FAILURES = "failures of a whole region or of AWS itself"


@dataclass(frozen=True, repr=False)
class Decision:
    """A decision record: what `decision` gives back."""

    question: str
    sections: tuple[tuple[str, str], ...]
    """(heading, Markdown)."""

    def __repr__(self) -> str:
        """Return the record in a word."""
        return f"Decision({self.question!r})"

    def __str__(self) -> str:
        """Return the record as Markdown."""
        sections = [f"## {heading}\n\n{text}" for heading, text in self.sections]
        return "\n\n".join([f"# {self.question}", *sections]) + "\n"

    def _repr_markdown_(self) -> str:
        """Return what a notebook shows: there, what stands between two dollar signs would be a formula."""
        return str(self).replace("$", "\\$")

    def __getitem__(self, heading: str) -> str:
        """Return the Markdown of one section.

        Raises
        ------
        ConfigError
            If there is no such section.
        """
        known = dict(self.sections)
        if heading not in known:
            raise ConfigError(
                f"decision: there is no section {heading!r}{nearest(heading, known)}", fix=f"known: {', '.join(known)}"
            )
        return known[heading]

    def save(self, path: str | Path) -> Path:
        """Write the record to a file.

        Raises
        ------
        ConfigError
            If the file cannot be written.
        """
        file = Path(path)
        try:
            file.write_text(str(self), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"decision: {str(file)!r} cannot be written: {error}", fix="name another file") from error
        return file


def decision(
    question: str,
    comparison: Comparison,
    *,
    options: Mapping[str, Any] | None = None,
    requests_per_month: float | None = None,
    time: str | None = None,
    curve: CostCurve | None = None,
    sensitivity: Sensitivity | None = None,
    noun: str = "requests",
) -> Decision:
    """Return a decision record in Markdown, one to two pages.

    Parameters
    ----------
    question : one line
    comparison : of two designs or more; the first is what others are held against
    options : by name variants, or words, that say what each option changes; None: counted from the chains
    requests_per_month : above 0; None: the month of the comparison's bills
    time : a percentile or mean of `Comparison.to_frame`; None: "response_p99_s", or "completion_p99_s" where nobody
        waits for an answer or each design gives it at the same time
    curve : what `cost_at_scale` gave for this comparison, at the rate of its runs; None: made here
    sensitivity : what `sensitivity` gave for two of them: what would turn the decision, and what to measure first
    noun : what a request is called

    Raises
    ------
    ConfigError
        If something given is refused.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("two")
    >>> a, b = chain.add(ck.LambdaFunction("a", timeout_s=10)), chain.add(ck.LambdaFunction("b", timeout_s=5))
    >>> _ = chain.connect(a, b, needs_answer=False)
    >>> flows = ck.variants(chain, ["sqs", "sns"])
    >>> both = ck.compare(flows, ck.Poisson(rate_per_s=4), requests=2_000, seed=1, requests_per_month=10e6)
    >>> record = ck.decision("SQS or SNS between a and b?", both, options=flows)
    >>> [heading for heading, _ in record.sections]
    ['Answer', 'Options', 'Figures', 'Rests on', 'Would change the answer', 'Not modelled', 'Reproduce']
    """
    if not isinstance(question, str) or not question.strip():
        raise ConfigError(f"decision: question={question!r} is no question", fix='ask one: "SQS or SNS?"')
    if not isinstance(comparison, Comparison) or len(comparison.runs) < 2:
        raise ConfigError(
            f"decision: comparison={comparison!r} leaves nothing to decide between",
            fix="give what ck.compare returns for two or more designs",
        )
    for name, given, kind, made in (
        ("options", options, Mapping, "ck.variants"),
        ("curve", curve, CostCurve, "ck.cost_at_scale"),
        ("sensitivity", sensitivity, Sensitivity, "ck.sensitivity"),
    ):
        if given is not None and not isinstance(given, kind):
            raise ConfigError(f"decision: {name}={given!r} is refused", fix=f"give what {made} returns")
    times = (*TIMES, *MEANS)
    if time is not None and time not in times:
        raise ConfigError(f"decision: time={time!r} is unknown{nearest(time, times)}", fix=f"known: {', '.join(times)}")
    asked = [*(options or {}), *([each for each in (sensitivity.of, sensitivity.to) if each] if sensitivity else [])]
    for name in asked:
        if name not in comparison.runs:
            known = ", ".join(comparison.runs)
            raise ConfigError(
                f"decision: {name!r} is no option{nearest(name, comparison.runs)}", fix=f"options: {known}"
            )
    of = _Matter(comparison, options or {}, requests_per_month, time, curve, sensitivity, noun)
    return Decision(
        " ".join(question.split()),
        (
            ("Answer", "\n".join(of.answer())),
            ("Options", "\n".join(of.choices())),
            ("Figures", "\n".join(of.figures())),
            ("Rests on", "\n".join(of.grounds())),
            ("Would change the answer", "\n".join(of.turns())),
            ("Not modelled", "\n".join(of.absent())),
            ("Reproduce", "\n".join(of.recipe())),
        ),
    )


class _Matter:
    """Everything that a record is written from."""

    def __init__(
        self,
        comparison: Comparison,
        options: Mapping[str, Any],
        requests_per_month: float | None,
        time: str | None,
        curve: CostCurve | None,
        sensitivity: Sensitivity | None,
        noun: str,
    ) -> None:
        first = next(iter(comparison.bills.values()))
        asked = first.requests_per_month if requests_per_month is None else requests_per_month
        self.month = a_month("decision", asked)
        self.comparison = _at(comparison, self.month)
        self.options, self.noun, self.sensitivity = options, noun, sensitivity
        self.curve = curve or cost_at_scale(self.comparison)
        self._require_same_dollars()
        self.time = time or chosen_time(comparison)
        self.front: Front = pareto(self.comparison, time=self.time)
        self.names = [*comparison.runs]

    def _require_same_dollars(self) -> None:
        """Raise unless the curve prices the month as the comparison does."""
        for name, priced in self.comparison.bills.items():
            usd = self.curve.usd(name, self.month).usd
            if not math.isclose(usd, priced.total_usd, rel_tol=1e-6, abs_tol=1e-9):
                raise ConfigError(
                    f"decision: {name!r} costs {dollars(usd)} USD a month by the curve, and {dollars(priced.total_usd)}"
                    " by the comparison: one of them has other prices, runs or terms",
                    fix="leave the curve out, or give ck.cost_at_scale(comparison)",
                )

    # --- sections ---

    def answer(self) -> Iterator[str]:
        """Yield what the intervals decide, and a sentence for each pair that matters."""
        for what, figure in (("Cheapest", "usd_per_month"), ("Fastest", self.time)):
            verdict = self.comparison.verdict(figure)
            doubt = "" if verdict.winner else "undecided; "
            yield f"* **{what}** ({self._called(figure)}): {doubt}{_usd(verdict.text)}."
        kept = [each.variant for each in self.front.standings if each.is_on_front]
        if kept:
            yield f"* **Beaten by no other option in both**: {', '.join(kept)}."
        yield ""
        for of, to in self._pairs():
            terms: dict[str, Any] = {"requests_per_month": self.month, "time": self.time, "noun": self.noun}
            yield f"* {sentence(self.comparison, of, to, curve=self.curve, **terms)}"

    def choices(self) -> Iterator[str]:
        """Yield what each option changes."""
        before = self.comparison.runs[self.names[0]].chain
        for name, run in self.comparison.runs.items():
            option = self.options.get(name)
            if isinstance(option, Variant):
                kept = [line for line in option.kept if not line.endswith("already")]
                more = (*kept, *option.notes) if len(self.names) <= FEW_OPTIONS else ()
                words = "; ".join(filter(None, (option.summary, *more)))
            elif option is not None:
                words = str(option)
            else:
                words = f"against {self.names[0]}: {difference(before, run.chain)}" if name != self.names[0] else ""
            has = counted(inventory(run.chain))
            yield f"* **{name}**: {has}" + (f" ({words})" if words else "")

    def figures(self) -> Iterator[str]:
        """Yield a table: each figure with its 95 % interval."""
        times = list(dict.fromkeys((self.time, "completion_p95_s")))
        heads = ["option", *map(self._called, times), "USD a month", "lost", "failed", "cold starts", "to operate"]
        yield f"At {amount(self.month)} {self.noun} a month; in brackets 95 % intervals."
        yield ""
        yield f"| {' | '.join(heads)} |"
        yield f"| --- |{' ---: |' * (len(heads) - 1)}"
        for name in self.names:
            cells = [_time_cell(time, *self.comparison.interval(time, name)) for time in times]
            cells.append(_cell(*self.curve.usd(name, self.month), dollars))
            cells += [_cell(*self.comparison.interval(key, name), _whole) for key in ("lost", "failed")]
            cells.append(f"{self.comparison.interval('cold_fraction', name)[1] * 100:.2f} %")
            cells.append(f"{self.comparison.interval('to_operate', name)[1]:.0f}")
            yield f"| {' | '.join([name, *cells])} |"
        yield ""
        yield f"Lost and failed are of {self._run.requests:,} simulated requests."
        yield from self._promises()
        yield from self._broken()

    def grounds(self) -> Iterator[str]:
        """Yield what the figures rest on, with who says so and when."""
        found = self._suppositions()
        by_source: dict[tuple[str, str], list[str]] = {}
        for each in found:
            if each.kind in ("latency", "setting") and each.confidence != "stated":
                by_source.setdefault((each.confidence, each.source), []).append(f"{each.words} ({each.taken})")
        for (confidence, source), names in [*by_source.items()][:MOST_LINES]:
            yield f"* {', '.join(names)}: {confidence}; {source}"
        if rest := [name for names in [*by_source.values()][MOST_LINES:] for name in names]:
            yield f"* as well: {', '.join(rest)}"
        stated = [each.name for each in found if each.confidence == "stated"]
        yield f"* stated in the design and the traffic: {', '.join(stated)}"
        yield from self._price_lines([each for each in found if each.kind == "price"])
        rate = self._run.usage.requests / self._run.usage.hours / 3600
        month = self.month / self._bill.hours_per_month / 3600
        yield f"* times and use per request are those of {rate:.3g} requests per second; the month has {month:.3g}"

    def turns(self) -> Iterator[str]:
        """Yield what would turn the decision."""
        points = {pair: self.curve.break_even(*pair) for pair in self._pairs()}
        for (of, to), found in points.items():
            if found.points:
                yield f"* volume: {of} instead of {to}, {break_even_words(found, self.month)}"
        if not any(found.points for found in points.values()):
            yield "* no volume from 1,000 to 10^12 a month turns which of these options costs less"
        for figure in ("usd_per_month", self.time):
            verdict = self.comparison.verdict(figure)
            if verdict.winner is None and verdict.requests_needed:
                needed = amount(verdict.requests_needed)
                yield f"* {self._called(figure)}: about {needed} simulated requests would decide"
        if self.sensitivity is None:
            yield "* not asked: what the figures rest on was not varied (`ck.sensitivity`)"
            return
        flips = [each for each in self.sensitivity.swings if self.sensitivity.to and each.flips == "yes"]
        for each in flips[:MOST_PAIRS]:
            ends = ((each.supposition.low, each.at_low[1]), (each.supposition.high, each.at_high[1]))
            said = ", ".join(f"{self.sensitivity.shown(value)} at {each.supposition.at(end)}" for end, value in ends)
            yield f"* {each.supposition.name}: {self.sensitivity.what} is {said}"
        if self.sensitivity.to and not flips:
            tried = len(self.sensitivity.swings)
            yield f"* none of {tried} suppositions that were varied turns for certain {self.sensitivity.what}"
        yield f"* {self.sensitivity.measure_first}"

    def absent(self) -> Iterator[str]:
        """Yield what is not in the figures."""
        notes = (note for each in self.comparison.bills.values() for note in each.notes)
        for note in dict.fromkeys(note for note in notes if "depend on the rate" not in note):
            yield f"* {note}"
        yield from (f"* {line}" for line in NOT_MODELLED)
        faults = [*self.comparison.faults]
        yield f"* {FAILURES}{', but for what breaks above: ' if faults else ''}{', '.join(faults)}"

    def recipe(self) -> Iterator[str]:
        """Yield what it takes to compute it again."""
        from chainkit import __version__

        run, priced = self._run, self._bill
        latency = "as given" if run.options["lowering"]["latency"] != lower.hop_laws(None) else "data/latency.json"
        tier = "with" if priced.free_tier else "without"
        yield (
            f"chainkit {__version__}, seed {run.seed}, {run.requests:,} requests in {run.replications} replications;"
            f" traffic {_traffic(run.load)}; hops {latency}, checked {data.latency()['checked']}; prices of"
            f" {priced.region}, {tier} free tier, {priced.hours_per_month:g} hours a month."
        )

    # --- parts of them ---

    @property
    def _run(self) -> Any:
        return self.comparison.runs[self.names[0]]

    @property
    def _bill(self) -> Any:
        return self.comparison.bills[self.names[0]]

    def _called(self, figure: str) -> str:
        """Return a figure for people."""
        return "USD a month" if figure == "usd_per_month" else figure.removesuffix("_s").replace("_", " ")

    def _pairs(self) -> list[tuple[str, str]]:
        """Return the pairs that matter: what was asked, then options that no other beats against the first."""
        standing = {each.variant: each for each in self.front.standings}
        kept = [name for name in self.names if standing[name].is_on_front is not False]
        first = self.names[0]
        pairs = [(name, first) for name in kept if name != first]
        pairs += [pair for pair in combinations(kept, 2) if first not in pair]
        if not pairs:  # the first beats all others: by how much?
            pairs = [(first, name) for name in self.names[1:]]
        if self.sensitivity is not None and self.sensitivity.to is not None:
            asked = (self.sensitivity.of, self.sensitivity.to)
            pairs = [asked, *(pair for pair in pairs if {*pair} != {*asked})]
        return pairs[:MOST_PAIRS]

    def _promises(self) -> Iterator[str]:
        """Yield which promises of delivery the options hold."""
        table = self.comparison.guarantees().reset_index()
        yield ""
        for name, rows in table.groupby("variant", sort=False):
            held = sorted({str(each) for each in rows["delivery"]})
            twice = sorted({str(each) for each in rows.loc[rows["needs_idempotency"].astype(bool), "service"]})
            need = f"; to be idempotent: {', '.join(twice)}" if twice else ""
            yield f"* {name}: work arrives {' or '.join(held)}{need}"

    def _broken(self) -> Iterator[str]:
        """Yield what each fault that was compared does to the options, on the same requests."""
        for fault, then in self.comparison.faults.items():
            table: Any = self.comparison.under(fault)
            yield ""
            yield f"Under the fault *{fault}*:"
            yield ""
            for name in self.names:
                found = {key: table.loc[(name, key), ["calm", "fault"]] for key in ("lost", "failed")}
                said = [
                    f"{key} {_whole(row['fault'])} (without it {_whole(row['calm'])})" for key, row in found.items()
                ]
                time_s = float(table.loc[(name, "completion_p99_s"), "fault"])
                said.append(f"completion p99 {_time_cell('completion_p99_s', math.nan, time_s, math.nan)}")
                note = f" ({then.notes[name]})" if then.notes.get(name) else ""
                yield f"* {name}: {', '.join(said)}{note}"

    def _suppositions(self) -> list[Supposition]:
        """Return what the figures rest on; what swings most first, if that was looked at."""
        run = self._run
        chains = {name: each.chain for name, each in self.comparison.runs.items()}
        setup = Setup(chains, run.load, self.month, run.options["lowering"]["latency"])
        prices = {line.price: line.list_price for each in self.comparison.bills.values() for line in each.lines}
        found = suppositions(setup, self.comparison.runs, prices)
        order = {each.supposition.name: k for k, each in enumerate(self.sensitivity.swings)} if self.sensitivity else {}
        return sorted(found, key=lambda each: order.get(each.name, len(order)))

    def _price_lines(self, found: Sequence[Supposition]) -> Iterator[str]:
        """Yield who says the prices: those in doubt one by one."""
        sure = [each for each in found if each.confidence in "AB"]
        if sure:
            sources = sorted({each.source for each in sure})
            yield f"* {len(sure)} prices read in copies of AWS's list or pages (data/README.md): {'; '.join(sources)}"
        for each in found:
            if each not in sure:
                yield f"* {each.name}, {each.taken}: confidence {each.confidence}; {each.source}"


def _at(comparison: Comparison, month: float) -> Comparison:
    """Return a comparison whose bills are of a month of so many requests."""
    if all(each.requests_per_month == month for each in comparison.bills.values()):
        return comparison
    bills = {
        name: bill(run.chain, run, requests_per_month=month, **comparison.bills[name].terms)
        for name, run in comparison.runs.items()
    }
    return replace(comparison, bills=bills)


# --- words ---


def _traffic(load: Load) -> str:
    """Return a load as the call that makes it."""
    given = {each.name: getattr(load, each.name) for each in fields(load)}
    shares = {name: dict(each) for name, each in given.pop("attributes").items()}
    words = [f"{name}={value!r}" for name, value in given.items()]
    return f"{type(load).__name__}({', '.join([*words, *([f'attributes={shares}'] if shares else [])])})"


def _usd(words: str) -> str:
    """Return words without dollar signs, between which many readers of Markdown see a formula.

    >>> _usd("$26.43 less than sqs ($26.38 to $26.48)")
    '26.43 USD less than sqs (26.38 USD to 26.48 USD)'
    """
    return re.sub(r"\$(\d[\d,]*(?:\.\d+)?)", r"\1 USD", words)


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _cell(low: float, value: float, high: float, shown: Any) -> str:
    """Return a figure with its interval."""
    ends = f" ({shown(low)} to {shown(high)})" if math.isfinite(high - low) and shown(low) != shown(high) else ""
    return f"{shown(value)}{ends}"


def _time_cell(time: str, low: float, value: float, high: float) -> str:
    """Return a time with its interval, in one unit."""
    if math.isnan(value) and time.startswith("response"):
        return "nobody waits"
    if not math.isfinite(value):
        return NEVER
    ends = f" ({span(low, high, unit_of=value)})" if not math.isnan(high - low) and low != high else ""
    return f"{length(value)}{ends}"
