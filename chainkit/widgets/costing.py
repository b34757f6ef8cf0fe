"""The cost panel: dollars a month over requests a month, a marker to drag along them, and the bill at that volume."""

from collections.abc import Mapping, Sequence
from typing import Any

import traitlets

from chainkit.billing.account import BillLine, count
from chainkit.billing.bill import bill
from chainkit.billing.statement import story
from chainkit.chain import Chain, as_chain
from chainkit.comparison import Comparison
from chainkit.errors import ChainkitError, ConfigError, nearest
from chainkit.rewiring import KINDS, variants
from chainkit.scaling import CostCurve, cost_at_scale
from chainkit.simulation.loads import Load
from chainkit.simulation.run import simulate
from chainkit.units import amount, plain, usd
from chainkit.widgets import assets
from chainkit.widgets.canvas import Answer, Canvas
from chainkit.widgets.chart import Axis, svg
from chainkit.widgets.cost_words import LEAST, MOST, Pair, pairs, picture, said, stops
from chainkit.widgets.panel import Panel, unknown
from chainkit.widgets.reckoning import entry
from chainkit.widgets.state import Topic

NOW = "this chain"
MOST_DESIGNS = 6
MOST_LINES = 12
"""Of a bill as text; the smallest are told as one."""


class CostBoard(Canvas):
    """Draws the curves, and reports where the marker stands: {"kind": "volume", "at": 41}."""

    _esm = assets.module("costs.js")
    _css = assets.style("chart.css", "costs.css")
    bill = traitlets.Dict().tag(sync=True)
    """Lines of the bill at the marker; apart from the curves, which stay while it is dragged."""

    def __repr__(self) -> str:
        """Return the board in a word: stable, so that notebooks can be compared."""
        return f"CostBoard({self.scene.get('what', '')!r})"


class CostPanel(Panel):
    """What a month costs at any volume: one line per design, break-even points, and the bill behind each dollar.

    Curves are exact for the usage of the runs, tiers and free parts included; bands are 95 % intervals. A marker is
    dragged along them: dollars, the cheapest design and the deciding sentence follow.

    Parameters
    ----------
    of : a chain, a designer, or its state; panels of one state show the same
    load : traffic, where a chain is given
    designs : two chains or more by name, or kinds of `ck.variants`; None: the chain, beside variants that are chosen
    free_tier : whether the account's free part of each month is taken off; a switch on the panel

    Raises
    ------
    ConfigError
        If a design is refused.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("one")
    >>> _ = chain.add(ck.LambdaFunction("pay", duration=0.2))
    >>> panel = CostPanel(chain)
    >>> print(panel.twin().splitlines()[0])
    cost a month, without free tier, at 10.5 million requests a month
    """

    def __init__(
        self,
        of: Any,
        load: Load | None = None,
        designs: Mapping[str, Any] | Sequence[str] | None = None,
        *,
        free_tier: bool = False,
    ) -> None:
        super().__init__(of, load)
        self.kinds: tuple[str, ...] = ()
        self.free_tier, self.volume = free_tier, 0.0
        self.curve: CostCurve | None = None
        self.comparison: Comparison | None = None
        self.billed = ""
        """Whose bill is shown."""
        self._given = designs
        self._pairs: tuple[Pair, ...] = ()
        self._stops: list[float] = []
        self._of: tuple[Any, ...] = ()
        self._refusals: list[dict[str, str]] = []
        self._base()
        self.board = CostBoard({"is_stale": True}, self.carry_out, twin=self.picture)
        self.fill(self.board)

    def hear(self, topic: Topic) -> None:
        """Say that the curves are of another chain or traffic by now; the browser asks again when it shows them."""
        if topic in ("figures", "traffic") and self.board.scene.get("is_stale") is False and self.is_stale:
            self.board.scene = {**self.board.scene, "is_stale": True}

    # --- what a hand does ---

    def carry_out(self, gesture: Mapping[str, Any]) -> Answer:
        """Carry out a gesture.

        Raises
        ------
        ConfigError
            If there is no such gesture, or it is refused.
        """
        match gesture:
            case {"kind": "current"}:
                self.refresh()
            case {"kind": "volume", "at": int(place)} if 0 <= place < len(self._stops):
                self.volume = self._stops[place]
                self._show_bill()
            case {"kind": "type", "volume": volume}:
                self.set_volume(volume)
            case {"kind": "free", "is_on": is_on}:
                self.free_tier = bool(is_on)
                self._draw()
            case {"kind": "choose", "kinds": kinds}:
                self.choose(kinds)
            case {"kind": "bill", "of": of}:
                self.show_bill_of(of)
            case _:
                raise unknown(gesture)
        return {}

    def set_volume(self, requests_per_month: Any) -> None:
        """Put the marker at a volume.

        Raises
        ------
        ConfigError
            If it is none, or outside of the picture.
        """
        is_number = isinstance(requests_per_month, int | float) and not isinstance(requests_per_month, bool)
        if not is_number or not LEAST <= requests_per_month <= MOST:
            raise ConfigError(
                f"cost: requests_per_month={requests_per_month!r} is outside {amount(LEAST)} to {amount(MOST)}",
                fix="give requests a month, such as 10000000",
            )
        self.volume = float(round(requests_per_month))
        self._draw()

    def choose(self, kinds: Sequence[str]) -> None:
        """Show variants of these kinds beside the chain.

        Raises
        ------
        ConfigError
            If one is unknown, or designs were given.
        """
        if self._given is not None:
            raise ConfigError("cost: designs were given: there is nothing to choose", fix="leave designs out")
        for kind in kinds:
            if kind not in KINDS:
                raise ConfigError(f"cost: {kind!r} is unknown{nearest(kind, KINDS)}", fix=f"known: {', '.join(KINDS)}")
        self.kinds = tuple(kind for kind in KINDS if kind in kinds)
        self.refresh()

    def show_bill_of(self, name: str) -> None:
        """Show the bill of another design.

        Raises
        ------
        ConfigError
            If there is none of that name.
        """
        names = self._names()
        if name not in names:
            raise ConfigError(f"cost: {name!r} is unknown{nearest(name, names)}", fix=f"known: {', '.join(names)}")
        self.billed = name
        self._show_bill()

    # --- what is known ---

    @property
    def is_stale(self) -> bool:
        """Whether what is shown is of another chain, traffic or choice than those in hand."""
        return self.curve is None or self._of != self._what()

    def refresh(self) -> None:
        """Run what is shown, if it has changed, and draw its curves."""
        self._of, self._refusals = self._what(), []
        runs, bills = {}, {}
        state = self.state
        for name, chain in self._base().items():
            try:
                at = state.entry if name == NOW else entry(chain)
                runs[name] = simulate(
                    chain, state.load, requests=state.requests, seed=state.seed, at=at, keep="requests"
                )
                bills[name] = bill(chain, runs[name])
            except ChainkitError as error:
                self._refuse(error.problem, error.fix)
        known = {name: runs[name] for name in bills}
        self.comparison = Comparison(known, bills) if known else None
        self._draw()

    def _base(self) -> dict[str, Chain]:
        """Return the designs; why a kind is none is kept."""
        given, chain = self._given, self.state.chain
        if given is None:
            return {NOW: chain.copy(), **self._flows(chain)}
        flows = given if isinstance(given, Mapping) else variants(chain, given)
        found = {str(name): as_chain(each, f"cost: {name!r}") for name, each in flows.items()}
        if not 1 <= len(found) <= MOST_DESIGNS:
            raise ConfigError(
                f"cost: {len(found)} designs given; allowed: 1..{MOST_DESIGNS}",
                fix='give chains by name, or kinds such as ["sqs", "sns"]; leave it out for the chain alone',
            )
        return found

    def _flows(self, chain: Chain) -> dict[str, Chain]:
        """Return the variants that are chosen."""
        if not self.kinds:
            return {}
        try:
            flows = variants(chain, self.kinds)
        except ChainkitError as error:
            self._refuse(error.problem, error.fix)
            return {}
        for kind, why in flows.refused.items():
            self._refuse(f"{kind} is refused: {why}", "choose another kind")
        return {kind: flow.chain for kind, flow in flows.items()}

    def _refuse(self, problem: str, fix: str) -> None:
        if {"problem": problem, "fix": fix} not in self._refusals:
            self._refusals.append({"problem": problem, "fix": fix})

    def _what(self) -> tuple[Any, ...]:
        """Return what the curves depend on."""
        state = self.state
        return (state.chain.copy(), state.load, state.requests, state.seed, self.kinds)

    def _names(self) -> list[str]:
        return [*self.comparison.runs] if self.comparison else []

    # --- what is shown ---

    def _draw(self) -> None:
        """Show the curves, and everything that the marker says."""
        if self.comparison is None:
            self.board.scene = {"what": "", "is_stale": False, "refusals": self._refusals}
            return
        names = self._names()
        self.curve = cost_at_scale(self.comparison, free_tier=self.free_tier)
        self._pairs = pairs(self.curve, names, self.comparison)
        if not self.volume:
            self.volume = float(round(min(max(self.comparison.bills[names[0]].requests_per_month, LEAST), MOST)))
        if self.billed not in names:
            self.billed = names[0]
        turns = [each.requests_per_month for pair in self._pairs for each in pair.points]
        self._stops = stops(self.volume, *turns)
        self.board.scene = self._scene(names)
        self._show_bill()

    def _scene(self, names: Sequence[str]) -> dict[str, Any]:
        assert self.curve is not None
        points = [pair.points for pair in self._pairs]
        drawn = picture(self.curve, names, points)
        to_x = Axis("", LEAST, MOST, True, amount).scale(drawn["box"][0], drawn["box"][2])
        return {
            "what": ", ".join(names), "is_stale": False, "refusals": self._refusals, "chart": drawn, "names": [*names],
            "at": self._stops.index(self.volume), "free_tier": self.free_tier,
            "stops": [
                {"x": to_x(volume), "requests": volume, **said(self.curve, names, volume),
                 "sentences": [pair.sentence(volume) for pair in self._pairs]}
                for volume in self._stops
            ],
            "kinds": [] if self._given is not None else [*KINDS], "chosen": [*self.kinds],
            "points": [
                f"{each.of} and {each.to}: {turn}" for each in points if each.points for turn in str(each).splitlines()
            ],
            "note": self._note(),
        }  # fmt: skip

    def _note(self) -> str:
        """Return what the curves rest on."""
        assert self.comparison is not None
        run = next(iter(self.comparison.runs.values()))
        rate = run.usage.requests / run.usage.hours / 3600
        return (
            f"Exact for the usage of {run.requests:,} requests at {rate:.3g} per second; at other rates cold starts and"
            " batches differ. Bands and ranges are 95 % intervals."
        )

    def _show_bill(self) -> None:
        """Show the bill at the marker."""
        assert self.curve is not None
        month = self.curve.bill(self.billed, self.volume)
        self.board.bill = {
            "of": self.billed,
            "title": month.title,
            "total": usd(month.total_usd),
            "lines": [
                {"node": line.node, "what": line.what, "sum": product(line), "usd": usd(line.usd),
                 "source": f"{line.source} ({line.date}), confidence {line.confidence}", "story": story(line)}
                for line in month.lines
            ],
        }  # fmt: skip

    def twin(self) -> str:
        """Return the marker's words, and the bill there, as text."""
        if self.is_stale:
            self.refresh()
        refusals = [f"{each['problem']}\n  fix: {each['fix']}" for each in self._refusals]
        if self.curve is None:
            return "\n".join(refusals)
        shown, of = said(self.curve, self._names(), self.volume), self._names()
        tier = "with the free tier" if self.free_tier else "without free tier"
        lines = [f"cost a month, {tier}, at {shown['volume']}"]
        for name, dollars, ends in zip(of, shown["usd"], shown["ranges"], strict=True):
            lines.append(f"{name}: {dollars}" + (f" ({ends})" if ends else ""))
        lines += [shown["cheapest"]] if shown["cheapest"] else []
        lines += [pair.sentence(self.volume) for pair in self._pairs]
        dearest = sorted(self.curve.bill(self.billed, self.volume).lines, key=lambda line: -line.usd)
        lines += ["", f"bill of {self.billed}:"]
        lines += [f"  {x.node}: {x.what}: {product(x)} = {usd(x.usd)}" for x in dearest[:MOST_LINES]]
        rest = dearest[MOST_LINES:]
        lines += [f"  {len(rest)} further lines: {usd(sum(x.usd for x in rest))}"] if rest else []
        return "\n".join([*refusals, *lines, self._note()])

    def picture(self) -> str:
        """Return the curves as SVG, with what is said at the marker below."""
        if self.is_stale:
            self.refresh()
        if self.curve is None:
            return super().picture()
        shown = self.board.scene["stops"][self._stops.index(self.volume)]
        words = [f"{n}: {d}" for n, d in zip(self._names(), shown["usd"], strict=True)]
        lines = [f"at {shown['volume']}: {'; '.join(words)}", shown["cheapest"], *shown["sentences"]]
        return svg([self.board.scene["chart"]], [*filter(None, lines)], cursor=shown["x"])


def product(line: BillLine) -> str:
    """Return how a line comes to its dollars: quantities times prices, tier by tier, and what is free."""
    charges = [
        f"{count(each.quantity)} {line.unit} \u00d7 ${plain(each.usd_per_unit)}" for each in line.tiers if each.quantity
    ]
    return " + ".join([*charges, *([f"{count(line.free)} free"] if line.free else [])])
