"""A state machine in hand: each gesture on its canvas, and each text typed, is one step of the chain's state."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chainkit import asl_edit
from chainkit.asl_bodies import Called, action_for
from chainkit.asl_figures import figures, guessed
from chainkit.asl_picture import picture, start_of
from chainkit.asl_text import Misread, understood, written
from chainkit.asl_ways import ENDS, Definition, names, way, ways
from chainkit.declared import settings
from chainkit.errors import ChainkitError, ConfigError
from chainkit.pictures import as_svg
from chainkit.service import registry
from chainkit.widgets.canvas import Answer, refused
from chainkit.widgets.machine_scene import scope_at
from chainkit.widgets.state import State

WORDS = {
    "Next": "goes there when it is done",
    "rule": "goes there if a condition holds",
    "Default": "goes there if no rule holds",
    "Catch": "goes there when it has failed, whatever the error",
    "Start": "begins there",
}
"""Ways in words."""


def machines(state: State) -> list[str]:
    """Return the services of a chain that have a definition."""
    return [name for name, service in state.chain.services.items() if hasattr(service, "definition")]


def machine_kind() -> str:
    """Return the kind of service that has a definition."""
    return next(kind for kind, cls in registry.items() if "definition" in {s.name for s in settings(cls)})


class Desk:
    r"""One machine of a chain, its selected states, and a text that is not yet right.

    Examples
    --------
    >>> import chainkit as ck
    >>> from chainkit.widgets.panel import as_state
    >>> chain = ck.Chain("orders")
    >>> _ = chain.add(ck.StateMachine("flow"))
    >>> desk = Desk(as_state(chain), "flow")
    >>> desk.carry_out({"kind": "insert", "what": "Wait", "key": "\nStart 0"})
    {}
    >>> chain.service("flow").definition["StartAt"], desk.selection
    ('Wait', ('Wait',))
    """

    def __init__(self, state: State, name: str) -> None:
        self.state, self.name = state, name
        self.selection: tuple[str, ...] = ()
        """Names of states and keys of ways."""
        self.draft: str | None = None
        """What was typed and is no definition yet."""
        self.misread: Misread | None = None

    @property
    def machine(self) -> Any:
        """The service."""
        return self.state.chain.service(self.name)

    @property
    def definition(self) -> Definition:
        """What is drawn and written."""
        definition: Definition = self.machine.definition
        return definition

    @property
    def text(self) -> str:
        """What stands in the editor."""
        return written(self.definition) if self.draft is None else self.draft

    @property
    def selected(self) -> str:
        """The one state that is selected, or ""."""
        return self.selection[0] if len(self.selection) == 1 and self.selection[0] in names(self.definition) else ""

    def select(self, *keys: str) -> None:
        """Select states and ways."""
        known = {start_of(self.definition), *names(self.definition), *(each.key for each in ways(self.definition))}
        self.selection = tuple(key for key in keys if key in known)

    # --- changes: each tells why it was refused ---

    def change(
        self, edit: Callable[[Definition], Definition], renamed: Mapping[str, str] | None = None
    ) -> ChainkitError | None:
        """Make one step of an edit: the definition, and the figures that are kept by its names."""
        if self.misread is not None:
            return ConfigError(
                f"the text has a mistake on line {self.misread.line}: {self.misread.error.problem}",
                fix="correct it, or take the text back with Escape, before you draw",
            )
        try:
            return self._keep(edit(self.definition), renamed)
        except ChainkitError as error:
            return error

    def _keep(self, new: Definition, renamed: Mapping[str, str] | None) -> ChainkitError | None:
        """Set the definition, and what hangs on it."""
        machine, chosen, before = self.machine, self.state.selection, self.selection
        kept = {name: getattr(machine, name) for name in ("choices", "items", "result_bytes")}
        fitted = figures(self.definition, new, **kept, renamed=renamed)
        changed = {name: value for name, value in fitted.items() if value != kept[name]}
        self.selection = tuple((renamed or {}).get(key, key) for key in before)
        if not self.state.set(self.name, definition=new, **changed):
            self.selection = before
            return self.state.refusal
        self.state.select(*chosen)  # the links of new tasks are selected otherwise
        self.select(*self.selection)
        return None

    def set(self, **changes: Any) -> ChainkitError | None:
        """Change settings of the machine beside its definition."""
        return None if self.state.set(self.name, **changes) else self.state.refusal

    def type(self, text: str) -> ChainkitError | None:
        """Take a text as the definition; if it is none, keep it as it is, and the definition as it was."""
        new = understood(text)
        self.draft = self.misread = None
        if isinstance(new, Misread):
            self.draft, self.misread = text, new
            return new.error
        if written(new) == written(self.definition):
            return None
        error = self.change(lambda _: new, guessed(self.definition, new))
        if error is not None:
            self.draft, self.misread = text, Misread(1, ConfigError(error.problem, fix=error.fix))
        return error

    def take_back(self) -> None:
        """Forget what was typed and is no definition."""
        self.draft = self.misread = None

    def add_branch(self, name: str) -> ChainkitError | None:
        """Add a branch to a Parallel."""
        return self.change(lambda d: asl_edit.add_branch(d, name))

    def callable_services(self) -> list[str]:
        """Return the services of the chain that a task can call."""
        services = self.state.chain.services
        return [name for name in services if name != self.name and action_for(services[name].port.accepts)]

    def call(self, name: str, service: str) -> ChainkitError | None:
        """Let a task call a service of the chain."""
        return self.change(lambda d: asl_edit.call(d, name, self._called(service)))

    def _called(self, service: str) -> Called:
        action = action_for(self.state.chain.service(service).port.accepts)
        return Called(service, action or "")

    def _next_call(self) -> Called | None:
        """Return what a new task calls: the first service that no task calls yet, else the first."""
        services = self.callable_services()
        used = {service for _, service, *_ in self.machine.tasks()}
        first = next((name for name in services if name not in used), next(iter(services), None))
        return self._called(first) if first is not None else None

    # --- gestures ---

    def carry_out(self, gesture: Mapping[str, Any]) -> Answer:
        """Carry a gesture out and return what the hand is told.

        Raises
        ------
        ConfigError
            If there is no such gesture.
        """
        start = start_of(self.definition)
        match gesture:
            case {"kind": "add", "what": kind}:
                error = self._add(kind, gesture.get("at"))
            case {"kind": "insert", "what": kind, "key": key}:
                error = self._new(kind, lambda d, name, calls: asl_edit.insert(d, name, kind, key, calls=calls))
            case {"kind": "extend", "from": source, "what": kind}:
                error = self._extend(source, kind)
            case {"kind": "connect", "from": source, "to": target, "word": word}:
                error = self.change(lambda d: asl_edit.connect(d, "" if source == start else source, target, word))
            case {"kind": "remove", "keys": keys}:
                error = self._remove(keys)
            case {"kind": "rename", "key": key, "name": name}:
                error = self.change(lambda d: asl_edit.rename(d, key, name), {key: name})
            case {"kind": "offers", "from": source, "to": target}:
                return self._offers("" if source == start else source, target)
            case {"kind": "undo"}:
                error = (
                    None if self.state.undo() else ConfigError("there is nothing to undo", fix="change something first")
                )
            case {"kind": "redo"}:
                error = (
                    None if self.state.redo() else ConfigError("there is nothing to redo", fix="undo something first")
                )
            case {"kind": "file", "as": "svg"}:
                return {"file": {"name": f"{self.name}.svg", "type": "image/svg+xml", "text": self.svg()}}
            case {"kind": "tidy" | "move" | "group" | "ungroup"}:
                error = ConfigError("states stand where the layout puts them", fix="change the ways between them")
            case {"kind": "duplicate" | "copy" | "paste"}:
                error = ConfigError(
                    "states are not copied on the canvas", fix="copy the state in the text, and rename it"
                )
            case _:
                raise ConfigError(
                    f"gesture {gesture.get('kind')!r} is unknown", fix="reload the page, and run the cell again"
                )
        return refused(error)

    def _new(self, kind: str, edit: Callable[[Definition, str, Called | None], Definition]) -> ChainkitError | None:
        """Add a state, and select it."""
        name = asl_edit.free_name(self.definition, kind)
        calls = self._next_call() if kind == "Task" else None
        before, self.selection = self.selection, (name,)
        error = self.change(lambda d: edit(d, name, calls))
        if error is not None:
            self.selection = before
        return error

    def _add(self, kind: str, at: Sequence[float] | None) -> ChainkitError | None:
        """Add a state in the frame in which it was let go; without a place, after what is selected."""
        after = self.selected or None if at is None else None
        within = scope_at(self.machine, at) if at is not None else ("", 0)
        return self._new(
            kind, lambda d, name, calls: asl_edit.add(d, name, kind, after=after, within=within, calls=calls)
        )

    def _extend(self, source: str, kind: str) -> ChainkitError | None:
        """Add a state to which a way leads from one that is there."""
        if source != start_of(self.definition):
            return self._new(kind, lambda d, name, calls: asl_edit.add(d, name, kind, after=source, calls=calls))

        def first(definition: Definition, name: str, calls: Called | None) -> Definition:
            begins = next((each.key for each in ways(definition) if not each.source), None)
            if begins is not None and kind not in ENDS:
                return asl_edit.insert(definition, name, kind, begins, calls=calls)
            return asl_edit.connect(asl_edit.add(definition, name, kind, calls=calls), "", name)

        return self._new(kind, first)

    def _remove(self, keys: Sequence[str]) -> ChainkitError | None:
        """Remove ways, the last ones of a state first, then states."""
        there = names(self.definition)
        if start_of(self.definition) in keys:
            return ConfigError("the start cannot be removed", fix="lead it to another state instead")
        led = [way(self.definition, key) for key in keys if key not in there]
        led.sort(key=lambda each: -each.number)

        def edit(definition: Definition) -> Definition:
            for each in led:
                definition = asl_edit.disconnect(definition, each.key)
            for name in (key for key in keys if key in there):
                if name in names(definition):  # it may have stood inside one that is gone
                    definition = asl_edit.remove(definition, name)
            return definition

        return self.change(edit)

    def _offers(self, source: str, target: str) -> Answer:
        """Return the ways that can lead from one state to another."""
        words = asl_edit.fitting(self.definition, source, target)
        return {
            "offers": [
                {"word": word, "label": word, "text": WORDS[word], "brings": self._brings(source, target, word)}
                for word in words
            ]
        }

    def _brings(self, source: str, target: str, word: Any) -> list[str]:
        """Return which lines of the text a way would change."""
        before, after = self.definition, asl_edit.connect(self.definition, source, target, word)
        old = written(before).split("\n")
        new = [line.strip() for line in written(after).split("\n") if line not in old]
        return new[:6] or ["nothing new"]

    def svg(self) -> str:
        """Return the machine as SVG."""
        machine = self.machine
        drawn = picture(self.definition, choices=machine.choices, items=machine.items)
        return as_svg(drawn, self.name, self.summary())

    def summary(self) -> str:
        """Return the ways of the machine in words."""
        lines = [f"{each.source or 'start'} > {each.target} ({each.word})" for each in ways(self.definition)]
        return "\n".join([f"{self.name}: {len(names(self.definition))} states", *lines])
