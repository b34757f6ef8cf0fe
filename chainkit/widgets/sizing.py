"""The sizing panel: memory of a function to move by hand, the cheapest design under a limit, Power Tuning."""

import json
from collections.abc import Mapping
from typing import Any

from chainkit.calibration.tunings import tuning_of
from chainkit.errors import ChainkitError, ConfigError
from chainkit.operations import Operation, is_same, replay
from chainkit.simulation.loads import Load
from chainkit.sizing.memory_curves import FunctionCurve, SizeFigures, figure_of, is_function, memory_curve
from chainkit.sizing.right_sizing import Move, Sizing, right_size
from chainkit.units import number_meant, seconds, usd
from chainkit.widgets import assets
from chainkit.widgets.canvas import Answer, Canvas
from chainkit.widgets.chart import Axis, Line, Mark, chart, svg
from chainkit.widgets.knobs import split
from chainkit.widgets.panel import Panel, unknown
from chainkit.widgets.state import Topic

MOST_REQUESTS = 20_000
"""Of each run of a curve or of a search."""
WIDTH, HEIGHT = 320.0, 230.0
TICKS_MB = (128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 10240.0)
FIGURES = ("response_p95_s", "response_p99_s", "completion_p95_s", "completion_p99_s")
MOST_TEXT = 1_000_000
"""Letters of a result that is read."""


class SizingBoard(Canvas):
    """Draws the curve, and reports what a hand wants: {"kind": "take_size", "memory_mb": 512}."""

    _esm = assets.module("sizing.js")
    _css = assets.style("chart.css", "sizing.css")

    def __repr__(self) -> str:
        """Return the board in a word: stable, so that notebooks can be compared."""
        return f"SizingBoard({self.scene.get('function', '')!r})"


class SizingPanel(Panel):
    """Memory against time and dollars of one function, and the cheapest design of the chain under a limit.

    A slider moves the memory of the selected function (else of the one that costs most): its duration, its cost and the
    chain's percentile follow. *Right-size* looks for the cheapest design and lists its moves, each with its reason; one
    or all of them can be taken, as steps that can be undone. Results of AWS Lambda Power Tuning can be read in.

    Parameters
    ----------
    of : a chain, a designer, or its state; panels of one state show the same
    load : traffic, where a chain is given

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("one")
    >>> _ = chain.add(ck.LambdaFunction("pay", duration=0.2, cpu_fraction=0.9, memory_mb=512))
    >>> panel = SizingPanel(chain, ck.Poisson(rate_per_s=4))
    >>> panel.refresh()
    >>> panel.curve.cheapest.memory_mb
    128
    >>> panel.take_size(1024)
    True
    >>> print(*panel.state.history)
    chain.set('pay', memory_mb=1024)
    """

    def __init__(self, of: Any, load: Load | None = None) -> None:
        super().__init__(of, load)
        self.curve: FunctionCurve | None = None
        self.sizing: Sizing | None = None
        self.figure: str | None = None
        """Which time of the chain is shown and limited; None: as `memory_curve` chooses for the function."""
        self.latency_s: float | None = None
        self._of: tuple[Any, ...] = ()
        self._refusals: dict[str, ChainkitError] = {}
        self._said = ""
        self.board = SizingBoard({"is_stale": True}, self.carry_out, twin=self.picture)
        self.fill(self.board)

    def hear(self, topic: Topic) -> None:
        """Say that the curve is of another chain, traffic or function by now."""
        if topic in ("figures", "traffic", "selection") and self.board.scene.get("is_stale") is False and self.is_stale:
            self.board.scene = {**self.board.scene, "is_stale": True}

    @property
    def function(self) -> str:
        """The selected function, else the one that costs most, or ""."""
        functions = [name for name, service in self.state.chain.services.items() if is_function(service)]
        if self.state.selected in functions or not functions:
            return self.state.selected if functions else ""
        if self.curve is not None and self.curve.function in functions and self.state.figures.bill is None:
            return self.curve.function
        cost = self.state.figures.bill.node_usd() if self.state.figures.bill else {}
        return max(functions, key=lambda name: cost.get(name, 0.0))

    @property
    def is_stale(self) -> bool:
        """Whether what is shown is of another chain, traffic or function than those in hand."""
        return self.curve is None or self._of != self._what()

    @property
    def shown_figure(self) -> str | None:
        """The time that is shown: the one that was chosen, else what `memory_curve` chose for the function."""
        return self.figure or (self.curve.figure if self.curve is not None else None)

    def _what(self) -> tuple[Any, ...]:
        state = self.state
        return (state.chain.copy(), state.load, state.requests, state.seed, self.function, self.figure)

    def _runs(self) -> dict[str, Any]:
        state = self.state
        return {"requests": min(state.requests, MOST_REQUESTS), "seed": state.seed, "at": state.entry}

    # --- what a hand does ---

    def carry_out(self, gesture: Mapping[str, Any]) -> Answer:
        """Carry out a gesture; what is refused is shown where it was asked for.

        Raises
        ------
        ConfigError
            If there is no such gesture.
        """
        match gesture:
            case {"kind": "current"}:
                self.refresh()
            case {"kind": "take_size", "memory_mb": memory_mb}:
                self.take_size(memory_mb)
            case {"kind": "right_size", "limit": limit, "figure": figure}:
                self.right_size(limit, figure)
            case {"kind": "take", "place": int(place)}:
                self.take(place)
            case {"kind": "take_all"}:
                self.take()
            case {"kind": "figure", "figure": figure}:
                self.figure = str(figure)
                self.refresh()
            case {"kind": "tuning", "text": text}:
                self.read(text)
            case {"kind": "undo"}:
                self.state.undo()
                self.state.rest()
                self.refresh()
            case _:
                raise unknown(gesture)
        return {}

    def take_size(self, memory_mb: Any) -> bool:
        """Give the function a memory size, as one step; tell whether it was accepted."""
        return self._do("size", Operation("set", (self.function,), {"memory_mb": memory_mb}))

    def right_size(self, limit: Any, figure: str | None = None) -> bool:
        """Look for the cheapest design under a limit of time, seconds or "300 ms"; tell whether it went."""
        self._refusals, self.sizing = {}, None
        try:
            self.latency_s = number_meant(limit, "latency_s") if isinstance(limit, str) else limit
            if self.latency_s is None:
                raise ConfigError(f"right_size: limit {limit!r} is no time", fix='write it as in "300 ms" or "0.3"')
            limited = figure or self.shown_figure
            if limited != self.shown_figure:
                self.figure = limited
            self._show(
                f"right-sizing {self.state.chain.name}: designs within {seconds(self.latency_s)} are looked for,"
                f" {self._runs()['requests']:,} requests each \u2026"
            )
            self.sizing = right_size(
                self.state.chain, self.state.load, latency_s=self.latency_s, figure=limited, **self._runs()
            )
        except ChainkitError as error:
            self._refusals = {"limit": error}
        self._show()
        return self.sizing is not None

    def take(self, place: int | None = None) -> bool:
        """Take one move, or all that were not taken, as one step; tell whether it was accepted."""
        moves = self.sizing.moves if self.sizing else ()
        steps = [
            self._operation(move) for k, move in enumerate(moves) if place in (None, k) and not self._is_made(move)
        ]
        if not steps:
            self._refusals = {"moves": ConfigError("there is no such move to take", fix="right-size first")}
            self._show()
            return False
        return self._do("moves", *steps)

    def read(self, text: Any) -> bool:
        """Read a result of AWS Lambda Power Tuning into the function, as one step; tell whether it was accepted."""
        try:
            tuning = tuning_of(_parsed(text))
            service = self.state.chain.service(self.function)
            like = getattr(service, "duration")  # noqa: B009 - not every service has one
            changes = tuning.settings(like=like)
        except ChainkitError as error:
            self._refusals = {"tuning": error}
            self._show()
            return False
        words = ", ".join(f"{name}={value!r}" for name, value in changes.items())
        return self._do(
            "tuning", Operation("set", (self.function,), changes), said=f"{self.function}: {words} (one step)"
        )

    def _do(self, where: str, *steps: Operation, said: str = "") -> bool:
        """Carry out operations as one step of the history, and show what came of it."""
        is_done = self.state.do(*steps)
        refusal = self.state.refusal
        self._refusals = {} if is_done or refusal is None else {where: refusal}
        self._said = said if is_done else ""
        if is_done:
            self.state.rest()
        self.refresh()
        return is_done

    def _operation(self, move: Move) -> Operation:
        """Return the operation that makes a move: its value is that of the design that was found."""
        assert self.sizing is not None
        owner, setting = split(move.key)
        found = self.sizing.chain
        thing = found.services[owner] if owner in found.services else found.link(owner)
        return Operation("set", (owner,), {setting: getattr(thing, setting)})

    def _is_made(self, move: Move) -> bool:
        """Tell whether the chain has what a move gives it."""
        step, chain = self._operation(move), self.state.chain
        thing = {**chain.services, **chain.links}.get(step.arguments[0])
        return all(getattr(thing, name, None) == value for name, value in step.settings.items())

    # --- what is shown ---

    def refresh(self) -> None:
        """Make the curve anew, if it is of something else, and show it."""
        if self.state.figures.run is None:
            self.state.refresh()
        function = self.function
        if self.is_stale:
            try:
                if not function:
                    raise ConfigError("the chain has no function with memory to choose", fix="add a function")
                state = self.state
                self.curve = memory_curve(state.chain, function, load=state.load, figure=self.figure, **self._runs())
            except ChainkitError as error:
                self.curve, self._refusals = None, {**self._refusals, "size": error}
        self._of = self._what()
        self._show()

    def _show(self, progress: str = "") -> None:
        self.board.scene = self._scene(progress)

    def _scene(self, progress: str = "") -> dict[str, Any]:
        curve = self.curve
        shown: dict[str, Any] = {
            "is_stale": False, "function": curve.function if curve else "", "progress": progress,
            "refusals": {where: {"problem": e.problem, "fix": e.fix} for where, e in self._refusals.items()},
            "said": self._said, "figure": self.shown_figure, "figures": self._choices(),
            "limit": "" if self.latency_s is None else seconds(self.latency_s),
            "can_undo": self.state.can_undo, "sizing": self._found(),
        }  # fmt: skip
        if curve is None:
            return shown
        now = getattr(self.state.chain.services.get(curve.function), "memory_mb", 0)
        sizes = [each.memory_mb for each in curve.sizes]
        charts = self.charts()
        to_x = _memory_axis(curve).scale(charts[0]["box"][0], charts[0]["box"][2])
        return {
            **shown,
            "charts": charts, "at": sizes.index(now) if now in sizes else 0, "now": now,
            "stops": [{"x": to_x(each.memory_mb), **self._stop(k, each)} for k, each in enumerate(curve.sizes)],
            "marks": [{"word": w, "at": sizes.index(mb), "text": f"{mb:,} MB"} for w, mb in self._marks().items()],
            "notes": [*curve.notes],
        }  # fmt: skip

    def _choices(self) -> list[dict[str, str]]:
        """Return the times that can be limited: no response where nobody waits for one."""
        run = self.state.figures.run
        found = []
        for figure in FIGURES:
            try:
                figure_of("sizing", figure, nobody_waits=run is None or run.program.nobody_waits)
            except ChainkitError:
                continue
            found.append({"key": figure, "words": figure.removesuffix("_s").replace("_", " ")})
        return found

    def _marks(self) -> dict[str, int]:
        assert self.curve is not None
        found = {"cheapest": self.curve.cheapest, "balanced": self.curve.balanced(), "fastest": self.curve.fastest}
        return {word: size.memory_mb for word, size in found.items()}

    def _stop(self, k: int, size: SizeFigures) -> dict[str, Any]:
        """Return what is said at one size."""
        assert self.curve is not None
        words = [word for word, mb in self._marks().items() if mb == size.memory_mb]
        figures = {
            "duration, mean": seconds(size.duration_mean_s),
            "duration, p95": seconds(size.duration_p95_s),
            "first run, cold": seconds(size.cold_mean_s),
            "a million runs": usd(size.usd_per_million),
        }
        if self.curve.chain:
            low, value, high = self.curve.chain[k]
            name = f"chain, {self.curve.figure.removesuffix('_s').replace('_', ' ')}"
            figures[name] = f"{seconds(value)} ({seconds(low)} to {seconds(high)})"
        return {
            "memory_mb": size.memory_mb,
            "memory": f"{size.memory_mb:,} MB" + (f", {' and '.join(words)}" if words else ""),
            "figures": figures,
        }

    def charts(self) -> list[dict[str, Any]]:
        """Return the curve as charts: duration, dollars, and what the chain makes of it."""
        curve = self.curve
        assert curve is not None
        sizes, marks = curve.sizes, [Mark(mb, f"{word}: {mb:,} MB") for word, mb in self._marks().items()]
        mean = [(each.memory_mb, each.duration_mean_s) for each in sizes]
        cost = [(each.memory_mb, each.usd_per_million) for each in sizes]
        found = [
            _chart(curve, "Duration, mean", [(mb, s, s, s) for mb, s in mean], marks, seconds),
            _chart(curve, "US dollars a million runs", [(mb, d, d, d) for mb, d in cost], marks, usd),
        ]
        if curve.chain:
            rows = [(each.memory_mb, *row) for each, row in zip(sizes, curve.chain, strict=True)]
            found.append(
                _chart(curve, f"Chain, {curve.figure.removesuffix('_s').replace('_', ' ')}", rows, marks, seconds)
            )
        return found

    def _found(self) -> dict[str, Any]:
        """Return what right-sizing found, in words."""
        found = self.sizing
        if found is None:
            return {}
        head, *rest = str(found).splitlines()
        return {
            "head": [head, *(line.strip() for line in rest[:2])],
            "moves": [
                {
                    "what": f"{': '.join(split(move.key))} {move.before} \u2192 {move.after}",
                    "reason": move.reason, "is_taken": self._is_made(move),
                }
                for move in found.moves
            ],
            "notes": [line.strip() for line in rest if line.strip().startswith(("tried:", "note:"))],
            "is_old": not self._leads_to(found),
        }  # fmt: skip

    def _leads_to(self, found: Sizing) -> bool:
        """Tell whether the moves still make of the chain the design that was found."""
        try:
            return is_same(
                replay(self.state.chain.copy(), [self._operation(move) for move in found.moves]), found.chain
            )
        except ChainkitError:
            return False

    def twin(self) -> str:
        """Return the curve and what right-sizing found as text."""
        if self.is_stale:
            self.refresh()
        refusals = [f"{error.problem}\n  fix: {error.fix}" for error in self._refusals.values()]
        return "\n".join([*refusals, *(str(each) for each in (self.curve, self.sizing) if each is not None)])

    def picture(self) -> str:
        """Return the curve as SVG."""
        if self.is_stale:
            self.refresh()
        if self.curve is None:
            return super().picture()
        words = " \u00b7 ".join(f"{word} {mb:,} MB" for word, mb in self._marks().items())
        return svg(self.charts(), [f"{self.curve.function}: {words}"])


def _memory_axis(curve: FunctionCurve) -> Axis:
    low, high = curve.sizes[0].memory_mb, curve.sizes[-1].memory_mb
    ticks = tuple(mb for mb in TICKS_MB if low <= mb <= high) or (float(low),)
    return Axis("memory, MB", low, max(high, low + 1), True, lambda mb: f"{mb:g}", ticks)


def _chart(curve: FunctionCurve, title: str, rows: Any, marks: Any, words: Any) -> dict[str, Any]:
    """Return one chart over memory; its upright axis begins at 0."""
    highest = max([value for row in rows for value in row[1:] if value == value and value < float("inf")], default=0.0)
    y = Axis(title, 0.0, 1.1 * highest or 1.0, False, words)
    return chart(title, _memory_axis(curve), y, [Line(title, tuple(rows))], marks, width=WIDTH, height=HEIGHT)


def _parsed(text: Any) -> Any:
    """Return a result as values: JSON, or the address of Power Tuning's picture. Never a path."""
    if not isinstance(text, str) or not text.strip() or len(text) > MOST_TEXT:
        raise ConfigError(
            "power tuning: there is no result to read", fix="paste the output of its state machine, or choose its file"
        )
    if text.strip().startswith("http"):
        return text.strip()
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigError(
            f"power tuning: this is no JSON: {error}", fix="paste the whole output of its state machine"
        ) from None
