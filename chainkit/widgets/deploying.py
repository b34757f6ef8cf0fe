"""The deploy panel: plan, deploy, send an event, destroy, on the local target; each step shows what it did."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import ipywidgets

from chainkit.chain import Chain
from chainkit.deployment.emulated import local
from chainkit.deployment.plan import Plan, plan
from chainkit.deployment.stack import Stack, deploy
from chainkit.deployment.targets import Target
from chainkit.errors import ChainkitError, ConfigError
from chainkit.widgets.markup import refusal, report
from chainkit.widgets.panel import Panel
from chainkit.widgets.state import Topic


class DeployPanel(Panel):
    """Runs the chain for real on this machine. The target starts with the first plan and ends with `destroy`."""

    def __init__(self, of: Any) -> None:
        super().__init__(of)
        self._state = self.state
        self._target: Target | None = None
        self._closing = ExitStack()
        self._plan: Plan | None = None
        self.stack: Stack | None = None
        self.plan = _button("Plan", "list", "Show what would change on the local target", self._make_plan)
        self.deploy = _button("Deploy", "play", "Carry the plan out", self._deploy)
        self.send = _button("Send", "paper-plane", "Send this event through the chain", self._send_event)
        self.destroy = _button("Destroy", "trash", "Delete everything and stop the target", self._destroy)
        self.event = ipywidgets.Textarea(
            _sample(self._state.chain), description="event (JSON)", style={"description_width": "90px"},
            layout=ipywidgets.Layout(width="98%"),
        )  # fmt: skip
        self.shown = ipywidgets.HTML()
        self.fill(ipywidgets.HBox([self.plan, self.deploy, self.send, self.destroy]), self.event, self.shown)
        self._enable()

    def hear(self, topic: Topic) -> None:
        """Drop a plan of a chain that is another by now."""
        if topic == "design":
            self._plan = None
            self._enable()

    def _enable(self) -> None:
        """Let only those steps be taken that can be."""
        self.deploy.disabled = self._plan is None
        self.send.disabled = self.stack is None
        self.destroy.disabled = self._target is None

    def _step(self, step: Callable[[], str]) -> None:
        """Take a step and show its text, or why it was refused."""
        self.shown.value = report("working \u2026")
        try:
            self.shown.value = report(step())
        except ChainkitError as error:
            self.shown.value = refusal(error)
        self._enable()

    def _make_plan(self) -> None:
        def step() -> str:
            if self._target is None:
                self._target = self._closing.enter_context(local(region=self._state.chain.region))
            self._plan = plan(self._state.chain, self._target)
            return str(self._plan)

        self._step(step)

    def _deploy(self) -> None:
        def step() -> str:
            if self._plan is None:
                raise ConfigError("deploy: there is no plan of the chain as it is", fix="plan first")
            planned, self._plan = self._plan, None
            self.stack = deploy(planned)
            dropped = [f"not held by the target: {each.resource}.{each.field}" for each in self.stack.dropped]
            return "\n".join([repr(self.stack), *(f"{k}: {v}" for k, v in self.stack.outputs.items()), *dropped])

        self._step(step)

    def _send_event(self) -> None:
        def step() -> str:
            if self.stack is None:
                raise ConfigError("send: nothing is deployed", fix="plan and deploy first")
            try:
                event = json.loads(self.event.value)
            except json.JSONDecodeError as error:
                raise ConfigError(f"event: it is no JSON: {error}", fix='write for example {"order": 1}') from None
            trace = self.stack.send(event, at=self._state.entry)
            self._state.show_trace(trace)
            return f"{trace}\nanswer: {trace.answer}" if trace.answer else str(trace)

        self._step(step)

    def _destroy(self) -> None:
        def step() -> str:
            stack, self.stack, self._plan, self._target = self.stack, None, None, None
            with self._closing:  # whatever a refusal leaves goes with the target
                if stack is not None:
                    stack.destroy()
            self._closing = ExitStack()
            return "destroyed: nothing is left, and the target has stopped"

        self._step(step)


def _sample(chain: Chain) -> str:
    """Return an event to send: the first line of the samples beside the design file, or any."""
    file = chain.path.with_name(f"{chain.name}.jsonl") if chain.path is not None else None
    if file is None or not file.is_file():
        return '{"order": 1}'
    return file.read_text(encoding="utf-8").partition("\n")[0]


def _button(text: str, icon: str, tooltip: str, act: Callable[[], None]) -> ipywidgets.Button:
    """Return a button that does one step."""
    button = ipywidgets.Button(description=text, icon=icon, tooltip=tooltip)
    button.on_click(lambda _: act())
    return button
