"""The settings of a state that are used most, each with why a value was refused beside it."""

import json
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets

from chainkit import asl_edit
from chainkit.asl_picture import condition
from chainkit.asl_ways import Definition, find
from chainkit.errors import ChainkitError, ConfigError
from chainkit.widgets.machine_desk import Desk
from chainkit.widgets.markup import hint, refusal
from chainkit.widgets.turns import in_turn

LABELS = {"description_width": "150px"}
ENTRY = ipywidgets.Layout(width="330px")
Act = Callable[[str], ChainkitError | None]


class Entry(ipywidgets.VBox):  # type: ignore[misc] # ipywidgets has no types
    """One setting: its text, what it means, and why a value was refused."""

    def __init__(self, label: str, help_: str, act: Act) -> None:
        self._act = act
        self._is_showing = False
        self.control = ipywidgets.Text(description=label, continuous_update=False, style=LABELS, layout=ENTRY)
        self.message = ipywidgets.HTML()
        self.control.observe(self._typed, names="value")
        super().__init__([self.control, self.message, ipywidgets.HTML(hint(help_))])
        self.layout.width = "345px"

    def show(self, value: Any) -> None:
        """Show the value that the machine has."""
        self._is_showing = True
        try:
            self.control.value = "" if value is None else value if isinstance(value, str) else json.dumps(value)
        finally:
            self._is_showing = False
        self.message.value = ""

    @in_turn
    def _typed(self, change: Any) -> None:
        """Set what was typed, or say why not."""
        if not self._is_showing:
            self.message.value = refusal(self._act(change["new"].strip()))


class StateForm(ipywidgets.VBox):  # type: ignore[misc] # ipywidgets has no types
    """The settings of the state that is selected on a desk.

    Parameters
    ----------
    desk : gives the desk that is shown now, or None
    """

    def __init__(self, desk: Callable[[], Desk | None]) -> None:
        super().__init__()
        self.add_class("ck-form")
        self._desk = desk
        self._shown: tuple[str, ...] = ()
        self.fields: dict[str, Entry] = {}
        self.service = ipywidgets.Dropdown(description="calls", style=LABELS, layout=ENTRY)
        self.branch = ipywidgets.Button(
            description="Add a branch", icon="plus", layout=ipywidgets.Layout(width="150px")
        )
        self.title, self.message = ipywidgets.HTML(), ipywidgets.HTML()
        self._is_showing = False
        self.service.observe(self._call, names="value")
        self.branch.on_click(lambda _: self._add_branch())
        self.show()

    def show(self) -> None:
        """Follow the selection, and the values."""
        desk = self._desk()
        name = desk.selected if desk is not None else ""
        self.message.value = ""
        if desk is None or not name:
            self._shown, self.fields = (), {}
            self.title.value = hint("Select a state on the canvas or in the text to change its settings here.")
            self.children = [self.title]
            return
        state = find(desk.definition, name)[1]
        wanted = _fields(desk, name, state)
        key = (desk.name, name, state["Type"], *wanted)
        if key != self._shown:
            self._shown = key
            self.fields = {label: Entry(label, help_, act) for label, (_, help_, act) in wanted.items()}
            self._build(name, state["Type"])
        for label, (value, _, _) in wanted.items():
            self.fields[label].show(value)
        if state["Type"] == "Task":
            self._show_service(desk, name)

    def _build(self, name: str, kind: str) -> None:
        """Make the form of another state. Values alone are shown in the form there: it keeps focus."""
        self.title.value = f"<h3>{escape(name)}: {kind}</h3>"
        first = {"Task": [self.service], "Parallel": [self.branch]}.get(kind, [])
        rows = ipywidgets.HBox(
            [*first, *self.fields.values()], layout=ipywidgets.Layout(flex_flow="row wrap", grid_gap="4px 14px")
        )
        self.children = [self.title, self.message, rows]

    def _show_service(self, desk: Desk, name: str) -> None:
        """Offer the services that a task can call."""
        called = next((service for state, service, *_ in desk.machine.tasks() if state == name), "")
        known = desk.callable_services()
        self._is_showing = True
        try:
            lost = (
                [] if called in known else [(f"{called} (not in the chain)" if called else "something outside", called)]
            )
            self.service.options = [*lost, *((each, each) for each in known)]
            self.service.value = called
        finally:
            self._is_showing = False

    @in_turn
    def _call(self, change: Any) -> None:
        desk = self._desk()
        if not self._is_showing and change["new"] and desk is not None:
            self.message.value = refusal(desk.call(desk.selected, change["new"]))

    @in_turn
    def _add_branch(self) -> None:
        desk = self._desk()
        if desk is not None:
            self.message.value = refusal(desk.add_branch(desk.selected))

    def first_field(self) -> str:
        """Return the label of the first field, "" if nothing is selected."""
        return next((field.control.description for field in self.fields.values()), "")


def _fields(desk: Desk, name: str, state: Definition) -> dict[str, tuple[Any, str, Act]]:
    """Return label -> (value, help, what is done with a text) of a state's settings."""

    def field(key: str, help_: str, read: Callable[[str, str], Any]) -> tuple[Any, str, Act]:
        def act(text: str) -> ChainkitError | None:
            try:
                value = read(key, text) if text else None
            except ConfigError as error:
                return error
            return desk.change(lambda d: asl_edit.put(d, name, **{key: value}))

        return state.get(key), help_, act

    found: dict[str, tuple[Any, str, Act]] = {}
    match state["Type"]:
        case "Task":
            found["TimeoutSeconds"] = field("TimeoutSeconds", "seconds until States.Timeout; empty: none", _seconds)
        case "Wait" if not {"SecondsPath", "Timestamp", "TimestampPath"} & state.keys():
            found["Seconds"] = field("Seconds", "seconds, or an expression {% ... %}", _seconds)
        case "Fail":
            found["Error"] = field("Error", "the error's name, which a Catch can ask for", _text)
            found["Cause"] = field("Cause", "a sentence for people", _text)
        case "Choice":
            found |= _share_fields(desk, name, state)
        case "Map":
            found["items"] = _items_field(desk, name)
            found["MaxConcurrency"] = field("MaxConcurrency", "items at once; empty: as many as AWS lets", _count)
    if state["Type"] in ("Task", "Parallel", "Map"):
        found["retries"] = _retry_field(desk, name, state)
    return found | {"Comment": field("Comment", "a note for people", _text)}


def _retry_field(desk: Desk, name: str, state: Definition) -> tuple[Any, str, Act]:
    """Return the tries of the first entry of Retry; without one, typing adds one for all errors."""
    retry = state.get("Retry") or []
    catch = ", ".join(error for entry in state.get("Catch") or [] for error in entry["ErrorEquals"])
    errors = ", ".join(retry[0]["ErrorEquals"]) if retry else "any error"
    more = f", and {len(retry) - 1} more in the text" if len(retry) > 1 else ""
    help_ = f"tries after {errors}{more}; " + (f"catches {catch}" if catch else "catches nothing")

    def act(text: str) -> ChainkitError | None:
        try:
            tries = _count("retries", text) if text else None
        except ConfigError as error:
            return error
        rest = retry[1:]
        first = {**(retry[0] if retry else {"ErrorEquals": ["States.ALL"]}), "MaxAttempts": tries}
        entries = rest if tries is None else [first, *rest]
        return desk.change(lambda d: asl_edit.put(d, name, Retry=entries or None))

    return retry[0].get("MaxAttempts", 3) if retry else None, help_, act


def _items_field(desk: Desk, name: str) -> tuple[Any, str, Act]:
    """Return how many items a Map has."""
    items = desk.machine.items

    def act(text: str) -> ChainkitError | None:
        try:
            new = {**items, name: _count("items", text)} if text else {n: k for n, k in items.items() if n != name}
        except ConfigError as error:
            return error
        return desk.set(items=new)

    return items.get(name), "how many items each execution has: for the simulation", act


def _share_fields(desk: Desk, name: str, state: Definition) -> dict[str, tuple[Any, str, Act]]:
    """Return how often each way of a Choice is taken; the other ways share the rest as before."""
    rules = state.get("Choices") or []
    ways = [(f"rule {k + 1}", condition(rule), rule["Next"]) for k, rule in enumerate(rules)]
    ways += [("Default", "otherwise", state["Default"])] if "Default" in state else []
    shares = desk.machine.choices.get(name)

    def act(k: int) -> Act:
        def change(text: str) -> ChainkitError | None:
            try:
                share = _share(text)
            except ConfigError as error:
                return error
            return desk.set(
                choices={**desk.machine.choices, name: shared(shares or [1 / len(ways)] * len(ways), k, share)}
            )

        return change

    return {
        f"share of {label}": (shares[k] if shares else None, f"{said}: to {to}; all add to 1", act(k))
        for k, (label, said, to) in enumerate(ways)
    }


def shared(shares: list[float], k: int, share: float) -> list[float]:
    """Return shares that add to 1, one of them as given, the others in their proportions.

    Examples
    --------
    >>> shared([0.5, 0.25, 0.25], 0, 0.8), shared([1.0, 0.0], 0, 0.5), shared([1.0], 0, 0.3)
    ([0.8, 0.1, 0.1], [0.5, 0.5], [1.0])
    """
    if len(shares) == 1:
        return [1.0]
    rest = sum(shares) - shares[k]
    equal = (1 - share) / (len(shares) - 1)
    made = [round((1 - share) * each / rest, 6) if rest > 0 else round(equal, 6) for each in shares]
    made[k] = share
    last = max((j for j in range(len(made)) if j != k), key=lambda j: made[j])
    made[last] = round(1 - sum(each for j, each in enumerate(made) if j != last), 9)
    return made


# --- what is typed ---


def _text(_: str, text: str) -> str:
    return text


def _seconds(field: str, text: str) -> Any:
    """Return a whole number of seconds, or an expression."""
    return text if text.startswith("{%") else _count(field, text)


def _count(field: str, text: str) -> int:
    """Return a whole number, 0 or more."""
    if not text.isdecimal():
        raise ConfigError(f"{field}={text!r} is no whole number of 0 or more", fix="write digits, for instance 10")
    return int(text)


def _share(text: str) -> float:
    """Return a share, written as 0.3 or as 30 %."""
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ConfigError(f"share={text!r} is outside 0..1", fix="write for instance 0.3, or 30 %")
    return share
