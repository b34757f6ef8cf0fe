"""The comparison panel: the same flow through other links, and designs kept by hand, side by side on the same draws."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import anywidget
import traitlets

from chainkit.chain import Chain
from chainkit.comparison import Broken, Comparison
from chainkit.deciding import Decision, decision
from chainkit.errors import ChainkitError, ConfigError, nearest
from chainkit.faults.changing import as_faults, changed
from chainkit.faults.description import Faults
from chainkit.operations import Operation, script
from chainkit.rewiring import KINDS, variants
from chainkit.simulation.loads import Load
from chainkit.simulation.run import Run
from chainkit.units import seconds
from chainkit.widgets import assets
from chainkit.widgets.canvas import Answer, Gesture, refused
from chainkit.widgets.columns import Design, columns, text
from chainkit.widgets.panel import Panel, unknown
from chainkit.widgets.reckoning import Reckoning, reckon
from chainkit.widgets.state import Topic
from chainkit.widgets.tradeoff import svg

NOW = "this chain"
FAST_S = 0.5
"""What a comparison may take to be made again by itself."""
AT_FIRST = ("sync", "async", "sqs")
HELP: Mapping[str, str] = {
    "sync": "each caller waits for the answer, and hears of a failure",
    "async": "Lambda's own event queue: two more tries, then a dead-letter queue",
    "sqs": "a queue before each function, and a dead-letter queue after 5 receives",
    "sns": "a topic that hands a copy to each function that is called together",
    "sns-sqs": "a topic, and a queue with a dead-letter queue before each function that is called together",
    "eventbridge": "a bus with a rule for each function",
    "standard": "a Standard state machine for each call, paid by transition",
    "express": "an Express state machine for each call, paid by time; it can answer",
    "nested": "a Standard machine for each call that starts an Express one, which tries it again",
    "fused": "one function does the work of all that hand it to each other",
    "split": "each part of a function becomes a function that is called",
}
MOST_KEPT = 6
LINES = ("response_p95_s", "completion_p95_s")
"""Scatters that the static picture prefers, in this order."""


class Board(anywidget.AnyWidget):
    """What the browser shows of a comparison. It decides nothing: what a gesture does, `on_gesture` says."""

    _esm = assets.module("compare.js")
    _css = assets.style("compare.css")
    controls = traitlets.Dict().tag(sync=True)
    """What can be chosen, what is under way, and what was refused."""
    result = traitlets.Dict().tag(sync=True)
    """What `columns.columns` returns; empty before the first comparison."""

    def __init__(self, on_gesture: Gesture) -> None:
        super().__init__()
        self._on_gesture = on_gesture
        self.on_msg(lambda _, message, __: self._hear(message))

    def _hear(self, message: Mapping[str, Any]) -> None:
        """Carry a gesture out, and answer it."""
        try:
            answer = self._on_gesture(message)
        except ChainkitError as error:
            answer = refused(error)
        self.send({**answer, "to": message.get("n")})


class ComparePanel(Panel):
    """Variants of the chain, and designs that were kept, side by side: times, cost, losses, and what was added.

    All run under the same arrivals and draws. Each can be taken: the chain becomes it, as a step that can be undone. A
    figure is called the least only where the verdict of `Comparison` says so; what AWS promises of delivery and order
    stands below, and all of it can be written as a decision record.

    Parameters
    ----------
    of : a chain, a designer, or its state; panels of one state show the same
    load : traffic, where a chain is given
    faults : by name, settings that change while it lasts, as for `ck.compare`; one line of each design for each

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("two")
    >>> a, b = chain.add(ck.LambdaFunction("a", timeout_s=10)), chain.add(ck.LambdaFunction("b", timeout_s=5))
    >>> _ = chain.connect(a, b, needs_answer=False)
    >>> panel = ComparePanel(chain)
    >>> panel.choose(["sqs"])
    >>> panel.compare()
    >>> [column["title"] for column in panel.board.result["columns"]]
    ['this chain', 'sqs']
    >>> panel.take("sqs")
    True
    >>> [*chain.services]
    ['a', 'b', 'b-queue', 'b-dead']
    """

    def __init__(
        self, of: Any, load: Load | None = None, *, faults: Mapping[str, Faults | Mapping[str, Any]] | None = None
    ) -> None:
        super().__init__(of, load)
        self.faults = as_faults(faults)
        self.kinds: tuple[str, ...] = AT_FIRST
        self.kept: dict[str, tuple[Chain, int]] = {}
        """Name -> a copy of the chain, and after how many steps it was made."""
        self.designs: list[Design] = []
        """Those that were compared last, in the order of the columns."""
        self.comparison: Comparison | None = None
        self._compared: tuple[Any, ...] | None = None
        self._took_s: float | None = None
        self._refusals: list[dict[str, str]] = []
        self._version = 0
        self.board = Board(self.carry_out)
        self.fill(self.board)
        self._show()

    def hear(self, topic: Topic) -> None:
        """Say that what is shown is of another chain or traffic by now; the browser asks again when the hand rests."""
        if topic in ("design", "traffic"):
            self._version += 1
            self._show()

    # --- what a hand does ---

    def carry_out(self, gesture: Mapping[str, Any]) -> Answer:
        """Carry a gesture out and return what the hand is told.

        Raises
        ------
        ConfigError
            If there is no such gesture, or it is refused.
        """
        match gesture:
            case {"kind": "compare"}:
                if self.is_stale or not gesture.get("is_automatic"):
                    self.compare()
            case {"kind": "choose", "kinds": kinds}:
                self.choose(kinds)
            case {"kind": "keep", "name": name}:
                self.keep(name)
            case {"kind": "forget", "name": name}:
                self.forget(name)
            case {"kind": "take", "name": name}:
                return {} if self.take(name) else refused(self.state.refusal)
            case {"kind": "decide"}:
                return {"record": str(self.decide(str(gesture.get("question") or "")))}
            case {"kind": "undo"}:
                if not self.state.undo():
                    raise ConfigError("there is nothing to undo", fix="take a design first")
            case _:
                raise unknown(gesture)
        return {}

    def choose(self, kinds: Sequence[str]) -> None:
        """Compare these kinds of link from now on.

        Raises
        ------
        ConfigError
            If one is unknown.
        """
        for kind in kinds:
            if kind not in KINDS:
                raise ConfigError(
                    f"compare: {kind!r} is unknown{nearest(kind, KINDS)}", fix=f"known: {', '.join(KINDS)}"
                )
        self.kinds = tuple(kind for kind in KINDS if kind in kinds)
        self._version += 1
        self._show()

    def keep(self, name: str = "") -> None:
        """Put a copy of the chain as it is into the comparison.

        Raises
        ------
        ConfigError
            If the name is taken, or enough are kept.
        """
        name = " ".join(name.split()) or self._free_name()
        if name in (NOW, *KINDS, *self.kept):
            raise ConfigError(f"keep: name={name!r} is taken", fix=f"choose another name, such as {self._free_name()}")
        if len(self.kept) >= MOST_KEPT:
            raise ConfigError(f"keep: {MOST_KEPT} designs are kept already", fix="forget one of them first")
        self.kept[name] = (self.state.chain.copy(), len(self.state.history))
        self._version += 1
        self._show()

    def forget(self, name: str) -> None:
        """Take a kept design out of the comparison."""
        self.kept.pop(name, None)
        self._version += 1
        self._show()

    def take(self, name: str) -> bool:
        """Make of the chain one of the designs that were compared; tell whether it was accepted."""
        design = next((each for each in self.designs if each.name == name), None)
        if design is None:
            raise ConfigError(
                f"take: {name!r} has not been compared", fix="compare first, then take one of the columns"
            )
        if _is_same(design.chain, self.state.chain):
            raise ConfigError(
                f"take: the chain is {design.title!r} already", fix="take another design, or change the chain"
            )
        return self.state.do(Operation("become", (design.chain.copy(),)))

    # --- comparing ---

    def compare(self) -> None:
        """Run every design that is chosen under the traffic in hand, and show them side by side."""
        started_s = time.perf_counter()
        self._refusals, self._compared = [], self._asked()
        try:
            known = self._run(self._designs())
            runs = {name: each.run for name, each in known.items() if each.run is not None}
            bills = {name: each.bill for name, each in known.items() if each.bill is not None}
            self.comparison = Comparison(runs, bills, self._under(runs)) if runs else None
            self.board.result = columns(self.comparison, self.designs) if self.comparison else {}
        finally:
            self._took_s = time.perf_counter() - started_s
            self._show()

    def _run(self, designs: Sequence[Design]) -> dict[str, Reckoning]:
        """Run designs, and say which one is under way; those that can be run are shown."""
        known = {}
        for k, design in enumerate(designs, 1):
            self._show(f"comparing {design.title}: {k} of {len(designs)}, {self.state.requests:,} requests each \u2026")
            known[design.name] = self._reckon(design)
        self.designs = [each for each in designs if known[each.name].run is not None]
        return known

    def _reckon(self, design: Design) -> Reckoning:
        """Run one design; why it cannot be run is kept for whoever looks."""
        state = self.state
        runs: dict[str, Any] = {"requests": state.requests, "seed": state.seed, "at": state.entry}
        known = reckon(Reckoning().outdated(design.chain), design.chain, state.load, **runs, is_quick=False)
        for error in known.errors:
            told = {"problem": error.problem, "fix": error.fix}
            if told not in self._refusals:
                self._refusals.append(told)
        return known

    def _under(self, runs: Mapping[str, Run]) -> dict[str, Broken]:
        """Return what each fault does to the designs that can be run; why one cannot is kept."""
        found = {}
        for name, change in self.faults.items():
            self._show(f"comparing under {name} \u2026")
            try:
                chains, notes = changed(name, change, {each: run.chain for each, run in runs.items()})
            except ChainkitError as error:
                self._refusals.append({"problem": error.problem, "fix": error.fix})
                continue
            known = {each: self._reckon(Design(each, each, chain, "")) for each, chain in chains.items()}
            again = {each: it.run for each, it in known.items() if it.run is not None}
            bills = {each: it.bill for each, it in known.items() if it.bill is not None}
            if len(again) == len(runs):
                found[name] = Broken(again, bills, notes)
        return found

    def decide(self, question: str = "") -> Decision:
        """Return the comparison as a decision record; it is made if there is none yet.

        Raises
        ------
        ConfigError
            If there are fewer than two designs.
        """
        if self.is_stale:
            self.compare()
        options = {each.name: each.variant for each in self.designs if each.variant is not None}
        question = question.strip() or f"Which way to wire {self.state.chain.name}?"
        return decision(question, self.comparison, options=options)  # type: ignore[arg-type] # it refuses None

    def _designs(self) -> list[Design]:
        """Return what is to be compared: the chain, what was kept, and its variants."""
        chain = self.state.chain
        found = [Design(NOW, NOW, chain.copy(), script(chain), is_now=True)]
        found += [Design(name, name, kept, script(kept)) for name, (kept, _) in self.kept.items()]
        if not self.kinds or chain.validate():
            return found
        try:
            flows = variants(chain, self.kinds)
        except ChainkitError as error:
            self._refusals.append({"problem": error.problem, "fix": error.fix})
            return found
        for kind, why in flows.refused.items():
            self._refusals.append({"problem": f"{kind} is refused: {why}", "fix": "choose another kind"})
        return found + [Design(kind, kind, flow.chain, _line(kind), flow) for kind, flow in flows.items()]

    def _asked(self) -> tuple[Any, ...]:
        """Return what a comparison depends on."""
        return (self.state.chain.copy(), self.state.load, self.kinds, tuple(self.kept))

    @property
    def is_stale(self) -> bool:
        """Whether what is shown is of another chain, traffic or choice than those in hand."""
        return self._compared is None or self._compared != self._asked()

    # --- what is shown ---

    def _show(self, progress: str = "") -> None:
        """Tell the browser what can be chosen, and where things stand."""
        state, is_fast = self.state, self._took_s is None or self._took_s < FAST_S
        self.board.controls = {
            "kinds": [{"word": kind, "help": HELP[kind], "is_chosen": kind in self.kinds} for kind in KINDS],
            "kept": [{"name": name, "help": self._age(name)} for name in self.kept],
            "free_name": self._free_name(),
            "progress": progress,
            "note": "" if progress else self._note(),
            "is_stale": self.is_stale,
            "asks_again": self.is_stale and is_fast and not progress,
            "version": self._version,
            "can_undo": state.can_undo,
            "refusals": self._refusals,
            "can_decide": self.comparison is not None and len(self.comparison.runs) > 1,
        }

    def _note(self) -> str:
        """Return how current the figures are, and of what."""
        if self._took_s is None:
            return "Nothing has been compared yet."
        if self.is_stale:
            took = f"The last comparison took {seconds(self._took_s)}."
            return f"Stale: the chain, its traffic or the choice has changed. {took}"
        return f"{self._traffic()}; took {seconds(self._took_s)}. Intervals hold in 95 of 100 runs."

    def _traffic(self) -> str:
        load = self.state.load
        rate = f"{type(load).__name__}, {load.rate_per_s:g} per second"
        return f"{self.state.requests:,} requests each, the same for all: {rate}, seed {self.state.seed}"

    def _age(self, name: str) -> str:
        """Return how far a kept design lies back."""
        chain, steps = self.kept[name]
        if _is_same(chain, self.state.chain):
            return "the chain as it is now"
        back = len(self.state.history) - steps
        return (
            f"the chain {back} step{'' if back == 1 else 's'} ago"
            if back > 0
            else "the chain before steps were taken back"
        )

    def _free_name(self) -> str:
        return next(name for k in range(1, MOST_KEPT + 2) if (name := f"design {k}") not in self.kept)

    def twin(self) -> str:
        """Return the comparison as text; it is made if there is none yet."""
        if self._compared is None:
            self.compare()
        refusals = [f"{each['problem']}\n  fix: {each['fix']}" for each in self._refusals]
        table = [text(self.board.result)] if self.board.result else []
        return "\n".join([*refusals, *table, self._note()])

    def picture(self) -> str:
        """Return time against cost as SVG; of the chain alone where nothing could be compared."""
        if self._compared is None:
            self.compare()
        plots = self.board.result.get("plots", {})
        key = next((key for key in LINES if key in plots), None)
        if key is None:
            return super().picture()
        rows = [_row(each, key) for each in self.board.result["columns"]]
        return svg(plots[key], rows)


def _is_same(one: Chain, other: Chain) -> bool:
    """Tell whether two chains are equal in what one takes over from the other: all but name and region."""
    return (one.services, one.links, one.costs) == (other.services, other.links, other.costs)


def _row(column: Mapping[str, Any], key: str) -> str:
    """Return one design's time and cost as a line below the picture."""
    time_, cost = column["cells"][key], column["cells"]["usd_per_month"]
    return f"{column['title']}: {time_['value']} ({time_['range']}), {cost['value']} a month"


def _line(kind: str) -> str:
    """Return Python that gives a variant."""
    return f"design = ck.variants(chain, [{kind!r}])[{kind!r}].chain"
