"""The state machine panel: a machine's states on a canvas, its text beside them, and each follows the other."""

from collections.abc import Mapping
from typing import Any

import ipywidgets

from chainkit.asl_picture import start_of
from chainkit.asl_text import lines, state_at
from chainkit.asl_ways import ways
from chainkit.errors import ConfigError, nearest
from chainkit.widgets.canvas import Answer, Canvas
from chainkit.widgets.editor import Editor
from chainkit.widgets.machine_desk import Desk, machine_kind, machines
from chainkit.widgets.machine_form import StateForm
from chainkit.widgets.machine_scene import scene
from chainkit.widgets.markup import hint, refusal
from chainkit.widgets.panel import Panel
from chainkit.widgets.state import Topic

PICTURE = ipywidgets.Layout(flex="10 1 520px", min_width="0")
TEXT = ipywidgets.Layout(flex="1 1 350px", min_width="0")
BAR_HEIGHT = 84
"""Of what stands above and below the stage of the canvas, pixels."""


class MachinePanel(Panel):
    """A state machine as a picture and as text, both to be changed.

    A gesture rewrites only the lines it changes. What is typed is drawn when the text is left, or by Ctrl+Enter; while
    it has a mistake, the picture stays, and the mistake is told with its line.

    Parameters
    ----------
    of : a chain, a designer, or its state
    name : which machine, where the chain has several

    Raises
    ------
    ConfigError
        If there is no such machine.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("orders")
    >>> _ = chain.add(ck.StateMachine("flow"))
    >>> panel = MachinePanel(chain)
    >>> panel.gesture({"kind": "extend", "from": "Start", "what": "Wait"})
    {}
    >>> print(panel.twin())
    flow: 2 states
    start > Wait (Start)
    Wait > Done (Next)
    """

    def __init__(self, of: Any, name: str | None = None) -> None:
        super().__init__(of)
        known = machines(self.state)
        if name is not None and name not in known:
            raise ConfigError(
                f"MachinePanel: name={name!r} is no state machine of the chain{nearest(name, known)}",
                fix=f"choose one of {', '.join(known)}" if known else "add one to the chain first",
            )
        self._desks: dict[str, Desk] = {}
        self._is_showing, self._is_empty = False, True
        self._drawn: tuple[Any, ...] = ()
        self.which = ipywidgets.Dropdown(description="state machine", style={"description_width": "100px"})
        self.which.observe(self._choose, names="value")
        self.new = ipywidgets.Button(description="Add a state machine", icon="plus", layout={"width": "190px"})
        self.new.on_click(lambda _: self._add())
        self.message = ipywidgets.HTML()
        self.canvas: Canvas | None = None
        self.editor = Editor("Definition in Amazon States Language", self.type, self._go_to_line, self.take_back)
        self.back = ipywidgets.Button(description="Take text back", icon="undo", layout={"width": "160px"})
        self.back.on_click(lambda _: self.take_back())
        self.form = StateForm(lambda: self.desk)
        self.add_class("ck-beside")
        self._show_machines(name or self.state.selected)
        self._show()

    @property
    def desk(self) -> Desk | None:
        """The machine that is shown, if the chain has any."""
        name = self.which.value
        return self._desks.setdefault(name, Desk(self.state, name)) if name else None

    def hear(self, topic: Topic) -> None:
        """Follow the chain: its machines, their definitions, and which is selected."""
        if topic in ("selection", "design"):
            self._show_machines(self.state.selected)
        if topic in ("selection", "design", "layout"):
            self._show()

    # --- what was done here ---

    def gesture(self, gesture: Mapping[str, Any]) -> Answer:
        """Carry out what was done on the canvas."""
        desk = self.desk
        if desk is None:
            raise ConfigError("the chain has no state machine any more", fix="add one")
        if gesture.get("kind") == "edit":
            self.select(str(gesture.get("key", "")))
            return {"field": self.form.first_field()}
        answer = desk.carry_out(gesture)
        self._show()
        return answer

    def type(self, text: str) -> None:
        """Take a text as the definition, or say on which line it goes wrong."""
        if self.desk is not None:
            self.desk.type(text)
            self._show(is_typed=True)

    def take_back(self) -> None:
        """Show the definition again, in place of what was typed."""
        if self.desk is not None:
            self.desk.take_back()
            self._show(is_typed=True)

    def select(self, *keys: str) -> None:
        """Select states, or ways by their keys, in the picture and in the text."""
        if self.desk is not None:
            self.desk.select(*keys)
            self._show()

    def _go_to_line(self, line: int) -> None:
        """Select the state in whose lines the hand is."""
        if self.desk is not None and self.desk.draft is None:
            name = state_at(self.desk.definition, line)
            self.select(*([name] if name else []))

    def _choose(self, _: Any) -> None:
        if not self._is_showing:
            self._show()

    def _add(self) -> None:
        """Add a machine to the chain."""
        if not self.state.add(machine_kind()):
            self.message.value = refusal(self.state.refusal)

    # --- showing ---

    def _show_machines(self, wanted: str) -> None:
        """Offer the machines there are; the one that is selected on the chain's canvas is shown."""
        known, now = machines(self.state), self.which.value
        self._desks = {name: desk for name, desk in self._desks.items() if name in known}
        chosen = wanted if wanted in known else now if now in known else next(iter(known), None)
        self._is_showing = True
        try:
            if [*self.which.options] != known:
                self.which.options = known
            self.which.value = chosen
        finally:
            self._is_showing = False

    def _show(self, *, is_typed: bool = False) -> None:
        """Show picture, text and form of the machine, as far as they changed."""
        desk = self.desk
        if desk is None:
            self._drawn, self._is_empty = (), True
            self.fill(ipywidgets.HTML(hint("The chain has no state machine.")), self.new, self.message)
            return
        desk.select(*desk.selection)
        self._show_picture(desk)
        shown = (desk.name, desk.text, desk.misread)
        if is_typed or shown != self._drawn:
            self._drawn = shown
            self.editor.show(desk.text, fault=desk.misread.line if desk.misread else 0)
        self.editor.marks = self._marks(desk)
        self.message.value = self._said(desk)
        self.back.layout.display = "none" if desk.draft is None else ""
        self.form.show()

    def _show_picture(self, desk: Desk) -> None:
        """Show the canvas, made when it is first needed."""
        steps = {"undo": self.state.can_undo, "redo": self.state.can_redo}
        drawn = scene(
            desk.machine, self.state.chain.services, off=[name for name, is_there in steps.items() if not is_there]
        )
        if self.canvas is None:
            self.canvas = Canvas(drawn, self.gesture, twin=self.picture)
            self.canvas.observe(lambda change: self.select(*change["new"]), names="selected")
        self.canvas.show(drawn, desk.selection)
        self.editor.layout.height = f"{drawn['height'] + BAR_HEIGHT}px"
        if self._is_empty:
            self._is_empty = False
            left = ipywidgets.VBox([self.canvas], layout=PICTURE)
            right = ipywidgets.VBox([self.editor, self.message, self.back], layout=TEXT)
            both = ipywidgets.HBox([left, right], layout=ipywidgets.Layout(flex_flow="row wrap", grid_gap="8px"))
            self.fill(self.which, both, self.form)

    def _marks(self, desk: Desk) -> list[int]:
        """Return the lines of what is selected."""
        if desk.draft is not None or len(desk.selection) != 1:
            return []
        key = desk.selection[0]
        if key == start_of(desk.definition):
            key = next((each.key for each in ways(desk.definition) if not each.source), "")
        return [*lines(desk.definition, key)] if key else []

    def _said(self, desk: Desk) -> str:
        """Return the text's mistake, or what is wrong with the machine as a whole."""
        if desk.misread is not None:
            error = desk.misread.error
            return refusal(ConfigError(f"line {desk.misread.line}: {error.problem}", fix=error.fix))
        problems = desk.machine.problems(self.state.chain.services)
        return "".join(map(refusal, problems)) or hint("Ctrl+Enter draws what you type; Escape takes it back.")

    def twin(self) -> str:
        """Return the machine's ways in words."""
        return self.desk.summary() if self.desk is not None else "the chain has no state machine"

    def picture(self) -> str:
        """Return the machine as SVG."""
        return self.desk.svg() if self.desk is not None else super().picture()
