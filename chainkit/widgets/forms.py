"""A form for whatever is selected, generated from its fields: unit, range, help and source stand with each.

What is typed goes through the same constructor as in code. A refused value stays in its field, with the error's words
beside it, and the chain stays as it was.
"""

import json
from html import escape
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import ipywidgets
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from chainkit.declared import IDENTITY, Setting, as_plain, settings, stated
from chainkit.errors import ChainkitError, ConfigError
from chainkit.service import Service
from chainkit.widgets.markup import hint, refusal
from chainkit.widgets.panel import Panel
from chainkit.widgets.state import State, Topic
from chainkit.widgets.turns import in_turn
from chainkit.wiring import Link

SEVERAL = "\n"
"""Stands for more than one selected thing: no name has a line end."""


class Looks:
    """Layouts and styles that all fields of a form share: each is a widget of its own, and takes the page time."""

    def __init__(self) -> None:
        self.wide, self.plain = ipywidgets.Layout(width="98%"), ipywidgets.Layout(flex="0 0 auto")
        self.text, self.label = ipywidgets.HTML().style, {"description_width": "190px"}
        self._labels: dict[type, Any] = {}

    def control(self, kind: type, **options: Any) -> ipywidgets.ValueWidget:
        """Return a control of that class, with its label."""
        made = kind(layout=self.wide, style=self._labels.get(kind, self.label), **options)
        self._labels.setdefault(kind, made.style)
        return made

    def words(self, text: str = "") -> ipywidgets.HTML:
        """Return a line of words."""
        return ipywidgets.HTML(text, layout=self.plain, style=self.text)


class Field(ipywidgets.VBox):  # type: ignore[misc] # ipywidgets has no types
    """One setting: its control, what it allows, and why a value was refused."""

    def __init__(self, setting: Setting, state: State, looks: Looks) -> None:
        self.setting, self._state, self._key = setting, state, ""
        self._is_showing = False
        self.control = _control(setting, looks)
        self.message = looks.words()
        self.control.observe(self._typed, names="value")
        super().__init__([self.control, self.message, looks.words(hint(_help(setting)))], layout=looks.plain)

    def show(self, key: str, value: Any) -> None:
        """Show the value that the service or link of that name has in the chain."""
        self._key, self._is_showing = key, True
        try:
            self.control.value = (
                shown(value) if isinstance(self.control, ipywidgets.Text | ipywidgets.Textarea) else value
            )
        finally:
            self._is_showing = False
        self.message.value = ""

    @in_turn
    def _typed(self, change: Any) -> None:
        """Set what was typed, or say why not."""
        if self._is_showing:
            return
        value = change["new"]
        try:
            meant = read(self.setting, value) if isinstance(value, str) and not self.setting.choices else value
        except ChainkitError as error:
            self.message.value = refusal(error)
            return
        if not self._state.set(self._key, **{self.setting.name: meant}):
            self.message.value = refusal(self._state.refusal)


class FormPanel(Panel):
    """The settings of the selected service or link, its kind of link, and its removal.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("orders")
    >>> _ = chain.add(ck.SqsQueue("jobs"))
    >>> form = FormPanel(chain)
    >>> form.state.select("jobs")
    >>> form.fields["visibility_timeout_s"].control.value
    '30'
    """

    def __init__(self, of: Any) -> None:
        super().__init__(of)
        self.add_class("ck-form")
        self._state = self.state
        self._shown: tuple[str, type | None] | None = None
        self._is_showing = False
        self.fields: dict[str, Field] = {}
        self._looks = Looks()
        self._sheets: dict[type, dict[str, Field]] = {}
        """Class -> its fields, made once: making widgets takes longer than showing other values in them."""
        self.title = ipywidgets.HTML()
        narrow = {"description_width": "90px"}
        self.name = ipywidgets.Text(description="name", continuous_update=False, style=narrow)
        self.kind = ipywidgets.Dropdown(description="kind of link", style=narrow)
        self.remove = ipywidgets.Button(description="Remove", icon="trash", tooltip="Remove what is selected")
        self.message = ipywidgets.HTML()
        self.selection = ipywidgets.Dropdown(description="selected", style=narrow)
        self.selection.observe(self._select, names="value")
        self.name.observe(self._rename, names="value")
        self.kind.observe(self._rewire, names="value")
        self.remove.on_click(lambda _: self._remove())
        self.rows = ipywidgets.VBox(layout=ipywidgets.Layout(flex="0 0 auto"))
        self.hear("selection")

    def hear(self, topic: Topic) -> None:
        """Follow the selection, and the values."""
        if topic not in ("selection", "design"):
            return
        self._show_selection()
        key, thing = self._state.selected, _selected(self._state)
        if (key, type(thing)) != self._shown:
            self._shown = key, type(thing)
            self._build(thing)
        if thing is not None:
            for name, field in self.fields.items():
                field.show(key, getattr(thing, name))
            self._show_kind(thing)
        self.message.value = ""

    def _build(self, thing: Service | Link | None) -> None:
        """Show the form of another service or link. Values alone are shown in the form there: it keeps focus."""
        self.fields = {}
        if thing is None:
            self.title.value = hint("Select a service or a link, on the canvas or here, to change it.")
            self.fill(self.selection, self.title)
            return
        cls: Any = type(thing)
        if cls not in self._sheets:
            named = [each for each in settings(cls) if each.name not in IDENTITY]
            self._sheets[cls] = {each.name: Field(each, self._state, self._looks) for each in named}
        self.fields = self._sheets[cls]
        name = f"{thing.name}: {thing.label}" if isinstance(thing, Service) else f"{thing.source} \u2192 {thing.target}"
        self.title.value = f"<h3>{escape(name)}</h3>"
        first = self.name if isinstance(thing, Service) else self.kind
        row = ipywidgets.HBox([first, self.remove], layout=ipywidgets.Layout(flex="0 0 auto"))
        self.rows.children = self._folded(thing)
        self.fill(self.selection, self.title, row, self.message, self.rows)

    def _folded(self, thing: Service | Link) -> list[ipywidgets.Widget]:
        """Return the fields that matter most, or were set, and the others folded away."""
        seen = {*(thing.main_settings or self.fields), *stated(thing)}
        first = [field for name, field in self.fields.items() if name in seen]
        rest = [field for name, field in self.fields.items() if name not in seen]
        if not rest:
            return first
        # No accordion: its head cannot be reached by keys.
        look = {
            "icon": "angle-down",
            "tooltip": "Show or fold the settings that are as usual",
            "layout": self._looks.wide,
        }
        more = ipywidgets.ToggleButton(description=f"{len(rest)} more settings", **look)
        folded = ipywidgets.VBox(rest, layout=ipywidgets.Layout(display="none", flex="0 0 auto"))
        more.observe(lambda change: setattr(folded.layout, "display", "" if change["new"] else "none"), names="value")
        return [*first, more, folded]

    def first_field(self) -> str:
        """Return the name of the first field, "" if nothing is selected."""
        shown = [field for field in self.rows.children if isinstance(field, Field)]
        return shown[0].setting.name if shown and self.fields else ""

    def _show_selection(self) -> None:
        """Offer everything that can be selected."""
        chain, chosen = self._state.chain, self._state.selection
        links = [(f"{link.source} \u2192 {link.target} ({link.word})", key) for key, link in chain.links.items()]
        several = [(f"{len(chosen)} selected", SEVERAL)] if len(chosen) > 1 else []
        self._is_showing = True
        try:
            self.selection.options = [("nothing", ""), *several, *((name, name) for name in chain.services), *links]
            self.selection.value = SEVERAL if several else self._state.selected
        finally:
            self._is_showing = False

    @in_turn
    def _select(self, change: Any) -> None:
        if not self._is_showing and change["new"] is not None and change["new"] != SEVERAL:
            self._state.select(*filter(None, [change["new"]]))

    def _show_kind(self, thing: Service | Link) -> None:
        """Show a service's name; offer the kinds of link that fit between the ends of a link."""
        self._is_showing = True
        try:
            if isinstance(thing, Service):
                self.name.value = thing.name
                return
            fitting = self._state.words(thing.source, thing.target)
            self.kind.options = fitting if thing.word in fitting else [thing.word]
            self.kind.value = thing.word
        finally:
            self._is_showing = False

    @in_turn
    def _rename(self, change: Any) -> None:
        """Give the selected service another name."""
        if self._is_showing or change["new"] == self._state.selected:
            return
        if not self._state.rename(self._state.selected, change["new"]):
            self.message.value = refusal(self._state.refusal)

    @in_turn
    def _rewire(self, change: Any) -> None:
        """Make another kind of link of the selected one."""
        key, word = self._state.selected, change["new"]
        if self._is_showing or not word or word == self._state.chain.link(key).word:
            return
        if not self._state.rewire(key, word):
            self.hear("design")
            self.message.value = refusal(self._state.refusal)

    @in_turn
    def _remove(self) -> None:
        """Remove what is selected."""
        if not self._state.remove(self._state.selected):
            self.message.value = refusal(self._state.refusal)


def _selected(state: State) -> Service | Link | None:
    """Return the selected service or link."""
    if state.selected in state.chain.services:
        return state.chain.service(state.selected)
    return state.chain.links.get(state.selected)


# --- between values and what is typed ---


def shown(value: Any) -> str:
    """Return how a value is typed: as in a design file, on one line.

    >>> shown(None), shown(512), shown("handler.handle"), shown({"kind": ["digital"]})
    ('', '512', 'handler.handle', '{"kind": ["digital"]}')
    """
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(as_plain(value))


def read(setting: Setting, text: str) -> Any:
    """Return the value that is typed for a setting; nothing typed is None, or the default where None is not allowed.

    Raises
    ------
    ConfigError
        If the text cannot be read. Whether the value is allowed, its class decides.
    """
    kinds = _kinds(setting)
    if not text.strip():
        return None if NoneType in kinds else setting.default
    if str in kinds:
        return text
    try:
        value = YAML(typ="safe", pure=True).load(text)
        json.dumps(value)  # dates, bytes and lists that hold themselves are no settings
    except (YAMLError, ValueError, TypeError):
        raise ConfigError(
            f"{setting.name}={text!r} cannot be read",
            fix="write it as in a design file: 12, 0.5, {LogNormal: {p50_s: 0.04, p99_s: 0.12}}",
        ) from None
    return value


def _kinds(setting: Setting) -> tuple[Any, ...]:
    """Return the types that a setting takes."""
    return get_args(setting.kind) if get_origin(setting.kind) in (Union, UnionType) else (setting.kind,)


def _control(setting: Setting, looks: Looks) -> ipywidgets.ValueWidget:
    """Return the control for a setting; texts report when they are left, or by Enter."""
    name = {"description": setting.name}
    if setting.choices:
        return looks.control(ipywidgets.Dropdown, options=setting.choices, value=setting.default, **name)
    if bool in _kinds(setting):
        if NoneType in _kinds(setting):
            options = [("by the kind", None), ("yes", True), ("no", False)]
            return looks.control(ipywidgets.Dropdown, options=options, **name)
        return looks.control(ipywidgets.Checkbox, **name)
    is_structure = any(str(kind).startswith("dict") for kind in _kinds(setting))
    kind = ipywidgets.Textarea if is_structure else ipywidgets.Text
    return looks.control(kind, continuous_update=False, **name)


def _help(setting: Setting) -> str:
    """Return what a setting allows, what it means, and where that is written."""
    low, high, unit = setting.low, setting.high, f" {setting.unit}" if setting.unit else ""
    allowed = ""
    if low is not None or high is not None:
        above = "above " if setting.is_low_excluded else ""
        allowed = (
            f"{above}{low}{unit} or more" if high is None else f"{above}{'' if low is None else low}..{high}{unit}"
        )
    source = f"[{setting.source}]" if setting.source else ""
    return " · ".join(part for part in (allowed, " ".join(setting.text.split()), source) if part)
