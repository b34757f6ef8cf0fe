"""The deploy panel: where, the plan, its approval, progress; then requests, their waterfall, the prediction beside."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import traitlets

from chainkit.billing.bill import Bill
from chainkit.chain import Chain
from chainkit.deployment.plan import plan
from chainkit.deployment.predicted import SideBySide
from chainkit.deployment.stack import Stack, deploy, stack
from chainkit.errors import ConfigError
from chainkit.operations import is_same
from chainkit.records import Trace
from chainkit.simulation.loads import Load
from chainkit.simulation.run import simulate
from chainkit.widgets import assets, places
from chainkit.widgets.canvas import Answer, Canvas
from chainkit.widgets.deploy_words import beside_words, measured_words, plan_words, stack_words
from chainkit.widgets.panel import Panel, unknown
from chainkit.widgets.state import Topic
from chainkit.widgets.story import told as told_story
from chainkit.widgets.worksite import Work, Worksite, site_of

REQUESTS, MOST_REQUESTS = 100, 10_000
"""Of a load test from the panel: as offered, and at most; more from a cell."""


class DeployBoard(Canvas):
    """Draws the steps of a deployment, and reports which of them a hand takes."""

    _esm = assets.module("deploy.js")
    _css = assets.style("working.css", "waterfall.css", "deploy.css")
    progress = traitlets.Dict().tag(sync=True)
    """The work that is under way, or was last; apart from the scene, which stays meanwhile."""

    def __repr__(self) -> str:
        """Return the board in a word: stable, so that notebooks can be compared."""
        return f"DeployBoard({self.scene.get('what', '')!r})"


class DeployPanel(Panel):
    """Runs the chain for real: on this computer, or where else there is a target, after its plan was shown.

    Each step is begun by a button or a method, and goes on on a thread; `panel.site.wait()` waits for it in a cell. A
    target that was started here ends with the panel (`close`), with `destroy`, and with the kernel.

    Parameters
    ----------
    of : a chain, a designer, or its state; panels of one state work on the same target
    load : traffic, where a chain is given

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("one")
    >>> _ = chain.add(ck.LambdaFunction("pay", duration=0.01))
    >>> panel = DeployPanel(chain)
    >>> panel.make_plan(), panel.site.wait()
    (None, None)
    >>> panel.board.scene["plan"]["title"]
    'On local (us-east-1, account 123456789012): 3 added'
    >>> panel.close()
    """

    def __init__(self, of: Any, load: Load | None = None) -> None:
        super().__init__(of, load)
        self.site: Worksite = site_of(self.state)
        self.place = places.HERE
        self._places = places.places(self.state.chain.region)
        self.beside: SideBySide | None = None
        self._event = sample(self.state.chain)
        self.board = DeployBoard({}, self.carry_out, twin=self.picture)
        self.fill(self.board)
        self._show()

    def hear(self, topic: Topic) -> None:
        """Drop a plan of a chain that is another by now; show how work goes on."""
        if topic == "site":
            self._follow()
        elif topic == "design":
            made = self.site.plan
            if made is not None and not is_same(made.chain, self.state.chain):
                self.site.plan = None
            self._show()
        elif topic == "traffic":
            self._show()

    def close(self) -> None:
        """End the target, if it was started here, and the panel."""
        self.site.leave()
        super().close()

    # --- what a hand does ---

    def carry_out(self, gesture: Mapping[str, Any]) -> Answer:
        """Begin what a hand wants.

        Raises
        ------
        ConfigError
            If there is no such gesture, or it is refused.
        """
        match gesture:
            case {"kind": "look"}:
                self.look()
            case {"kind": "choose", "place": str(place)}:
                self.choose(place)
            case {"kind": "plan", "told": dict(told)}:
                self.make_plan(self.place, **told)
            case {"kind": "deploy", "code": str(code)}:
                self.deploy(code)
            case {"kind": "send", "event": str(event)}:
                self.send(event)
            case {"kind": "load", "rate": rate, "requests": requests, "event": event, "is_same": bool(is_same)}:
                self.load(rate, requests, event=event, is_same=is_same)
            case {"kind": "compare"}:
                self.compare()
            case {"kind": "stop"}:
                self.site.stop()
            case {"kind": "destroy"}:
                self.destroy()
            case _:
                raise unknown(gesture)
        return {}

    def look(self) -> None:
        """Look anew which places there are."""
        self._places = places.places(self.state.chain.region)
        self._show()

    def choose(self, place: str) -> None:
        """Plan for another place from now on.

        Raises
        ------
        ConfigError
            If there is no such place.
        """
        self.place = places.chosen(place, self._places).word
        self._show()

    def make_plan(self, place: str | None = None, **told: Any) -> None:
        """Begin to find out what deploying the chain as it is would change. Nothing is.

        Parameters
        ----------
        place : "here", or word of a target as on the command line; None: the one that is chosen
        told : what the place asks for, such as account=

        Raises
        ------
        ConfigError
            If there is no such place, or work is under way.
        """
        chosen, site, chain = places.chosen(place or self.place, self._places), self.site, self.state.chain.copy()
        self.place, bill = chosen.word, self._bill()
        with_ = (chosen.word, chain.region, tuple(sorted(told.items())))
        if site.is_standing and with_ != site.opened_with and site.is_own:
            raise ConfigError(
                f"plan: {chain.name!r} still stands on {site.target}, which would end", fix="destroy it there first"
            )

        def act(_: Work) -> None:
            target = site.target if with_ == site.opened_with else None
            if target is None:
                target = site.enter(chosen, places.opened(chosen, region=chain.region, told=told), with_)
            site.plan = made = plan(chain, target, bill=bill)
            site.is_standing = bool(made.basis)
            if made.is_empty and made.basis:
                site.stack = stack(chain, target)  # somebody has deployed it already

        site.start("plan", act)

    def deploy(self, code: str) -> None:
        """Begin to carry out the plan that is shown.

        Parameters
        ----------
        code : of that very plan (`board.scene["plan"]["code"]`); with another one nothing is sent

        Raises
        ------
        ConfigError
            If there is no plan of the chain as it is, it is another plan's code, or work is under way.
        """
        site, made = self.site, self.site.plan
        if made is None:
            raise ConfigError("deploy: there is no plan of the chain as it is", fix="plan first")
        if code != made.code:
            raise ConfigError(
                f"deploy: {code!r} is not the code of the plan that is shown; nothing was sent",
                fix="read the plan, then deploy that one",
            )

        def act(_: Work) -> None:
            site.plan, site.stack, self.beside = None, None, None
            site.is_standing = True  # also if it is refused half-way
            site.stack = deploy(made, approve=code if made.target.is_aws else None, tell=site.told)

        site.start("deploy", act, total=sum(change.action != "keep" for change in made.changes))

    def send(self, event: str) -> None:
        """Begin to send an event, JSON text, through the chain.

        Raises
        ------
        ConfigError
            If it is no JSON, nothing is deployed, or work is under way.
        """
        site, deployed = self.site, self.site.need_stack("send")
        payload, at = _json(event), self._entry(deployed)
        self._event = event

        def act(_: Work) -> None:
            site.trace = deployed.send(payload, at=at)
            self.state.show_trace(site.trace)

        site.start("send", act)

    def load(self, rate_per_s: Any, requests: Any, *, event: str | None = None, is_same: bool = True) -> None:
        """Begin to send requests when the traffic in hand says, at another rate.

        Parameters
        ----------
        rate_per_s : above 0, requests per second, by the wall clock
        requests : 1 to 10,000
        event : JSON text that each says; None: the design's samples in turn
        is_same : let the same attempts fail as in a simulation of these requests, where the target can: counts must be
            equal then. Handlers of one's own run to their end, and then fail as the design says

        Raises
        ------
        ConfigError
            If an argument is refused, nothing is deployed, or work is under way.
        """
        site, deployed = self.site, self.site.need_stack("load")
        if isinstance(requests, bool) or not isinstance(requests, int) or not 1 <= requests <= MOST_REQUESTS:
            raise ConfigError(
                f"load: requests={requests!r} is outside 1..{MOST_REQUESTS:,}",
                fix="more are sent from a cell: stack.load",
            )
        traffic, at = self.state.load.with_rate(rate_per_s), self._entry(deployed)
        sent: dict[str, Any] = {"requests": requests, "seed": self.state.seed, "at": at}
        given, can_draw = None if event is None else [_json(event)], hasattr(deployed.target.witness, "set_faults")

        def act(work: Work) -> None:
            site.run, run = None, None
            with ExitStack() as drawing:
                if is_same and can_draw:
                    run = simulate(deployed.chain, traffic, faults=site.faults, replications=1, **sent)
                    drawing.enter_context(deployed.faults(site.faults, like=run, at=at))
                measured = deployed.load(traffic, payloads=given, came=partial(self._came, work), **sent)
            site.measured, site.run = measured, run
            site.trace, self.beside = measured.trace(measured.slowest()), None

        site.start("load test", act, total=requests, can_stop=True)

    def _came(self, work: Work, done: int) -> None:
        """Tell how many requests of a load test are through; no more are sent once it is to stop."""
        work.require_going()
        if done % max(work.total // 100, 1) == 0:
            self.site.came(done)

    def compare(self) -> None:
        """Begin to set what was predicted beside what was measured: the same requests, or a run of as many as usual.

        Raises
        ------
        ConfigError
            If nothing was measured yet, or work is under way.
        """
        site, deployed, measured = self.site, self.site.need_stack("compare"), self.site.measured
        if measured is None:
            raise ConfigError("compare: nothing was measured yet", fix="run a load test first")
        run: dict[str, Any] = {"requests": self.state.requests, "seed": self.state.seed, "at": self._entry(deployed)}

        def act(_: Work) -> None:
            predicted = site.run or simulate(deployed.chain, measured.load, faults=measured.faults, **run)
            self.beside = deployed.compare(predicted)

        site.start("compare", act)

    def destroy(self) -> None:
        """Begin to take away all that was deployed; a target that was started here ends then.

        Raises
        ------
        ConfigError
            If there is no target, or work is under way.
        """
        site, target, name = self.site, self.site.target, self.state.chain.name
        if target is None:
            raise ConfigError("destroy: there is no target", fix="plan first")
        standing, is_own = site.stack or stack(name, target), site.is_own

        def act(_: Work) -> None:
            site.break_(None)
            try:
                if site.is_standing:
                    standing.destroy(tell=site.told)
                site.told("nothing is left" + (", and the target has stopped" if is_own else f" of it on {target}"))
                site.plan = site.stack = site.measured = site.trace = self.beside = None
                site.is_standing = False
            finally:  # whatever a refusal leaves goes with a target of our own
                if is_own:
                    site.leave()

        site.start("destroy", act)

    def _bill(self) -> Bill | None:
        """Return what a month of the chain as it is costs, if it can be simulated."""
        run = self.state.figures.run
        if run is None or not is_same(run.chain, self.state.chain):
            self.state.refresh()
        return self.state.figures.bill

    def _entry(self, deployed: Stack) -> str | None:
        """Return where requests enter what is deployed, which may be another chain than that in hand."""
        return self.state.entry if self.state.entry in deployed.chain.services else None

    # --- what is shown ---

    def _follow(self) -> None:
        """Show how far the work is; the rest when it begins and when it is over."""
        self.board.progress = self.site.work.words()
        if self.site.is_busy != self.board.scene["is_busy"] or not self.site.is_busy:
            self._show()

    def _show(self) -> None:
        """Show what can be done, and what was."""
        site = self.site
        with self.board.hold_sync():
            self.board.progress = self.site.work.words()
            self.board.scene = {
                "what": self.state.chain.name, "is_busy": site.is_busy, "place": self.place,
                "places": [
                    {"word": e.word, "label": e.label, "help": e.help, "is_there": e.is_there, "asks": dict(e.asks)}
                    for e in self._places
                ],
                "plan": plan_words(site.plan), "stack": self._stack(), "event": self._event,
                "load": {"rate": _rate(self.state.load), "requests": REQUESTS},
                "measured": measured_words(site.measured), "story": self._story(site.trace),
                "beside": beside_words(self.beside), "broken": repr(site.faults) if site.faults else "",
                "can": self._can(),
            }  # fmt: skip

    def _can(self) -> dict[str, bool]:
        """Return which steps can be taken."""
        site, is_free = self.site, not self.site.is_busy
        return {
            "plan": is_free,
            "deploy": is_free and site.plan is not None and not site.plan.is_empty,
            "send": is_free and site.stack is not None,
            "compare": is_free and site.stack is not None and site.measured is not None,
            "destroy": is_free and site.target is not None,
        }

    def _stack(self) -> dict[str, Any]:
        deployed = self.site.stack
        note = "" if deployed is None or is_same(deployed.chain, self.state.chain) else "The chain is another by now."
        return {**stack_words(deployed), "note": note} if deployed is not None else {}

    def _story(self, trace: Trace | None) -> dict[str, Any]:
        """Return the waterfall of the request that was sent last, or of the slowest of a load test."""
        deployed, measured = self.site.stack, self.site.measured
        if trace is None or deployed is None:
            return {}
        is_of_many = measured is not None and trace in measured.traces
        title = f"slowest of {measured.requests}" if is_of_many and measured is not None else "sent"
        answer = "" if trace.answer is None or is_of_many else str(trace.answer)
        return {**told_story(deployed.chain, trace, title), "answer": answer}

    def twin(self) -> str:
        """Return plan, stack, requests and the comparison as text."""
        site = self.site
        told = [site.plan, site.stack, site.measured, site.trace, self.beside]
        return "\n".join(
            [*(str(each) for each in told if each is not None)] or [f"{self.state.chain.name}: not planned yet"]
        )


def sample(chain: Chain) -> str:
    """Return an event to send, as JSON text: the first of the samples beside the design file, or any."""
    file = chain.path.with_name(f"{chain.name}.jsonl") if chain.path is not None else None
    if file is None or not file.is_file():
        return '{"order": 1}'
    return file.read_text(encoding="utf-8").partition("\n")[0]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"event: it is no JSON: {error}", fix='write for example {"order": 1}') from None


def _rate(load: Load) -> float:
    """Return the mean rate of a load, to three figures."""
    return float(f"{load.rate_per_s:.3g}")
