"""Forms: made for every service and link; what is typed goes through the constructor, refusals stand beside."""

import ipywidgets
import pytest

import chainkit as ck
from chainkit.declared import IDENTITY, settings
from chainkit.service import registry
from chainkit.widgets.forms import SEVERAL, Field, FormPanel, read, shown
from chainkit.widgets.state import State
from chainkit.wiring import LINKS
from tests.examples import EXAMPLES, orders


@pytest.fixture
def state():
    return State(orders(), ck.Poisson(rate_per_s=4), requests=50, seed=1)


def form_of(state, key):
    form = FormPanel(state)
    state.select(key)
    return form


def shown_fields(form):
    """Return what stands in the box of fields: fields, and at the end those that are folded away."""
    return next(
        box.children for box in form.children if any(isinstance(each, Field) for each in getattr(box, "children", ()))
    )


def type_in(form, name, text):
    """Type into a field, as a hand does."""
    form.fields[name].control.value = text


def setting(cls, name):
    return next(s for s in settings(cls) if s.name == name)


# --- every service, every link ---


@pytest.mark.parametrize("name", sorted(registry))
def test_the_form_of_a_service_has_a_field_for_every_setting(name):
    chain = ck.Chain("one")
    chain.add(registry[name]("it"))
    form = form_of(State(chain, ck.Poisson(rate_per_s=4), requests=50, seed=1), "it")

    assert list(form.fields) == [s.name for s in settings(registry[name]) if s.name not in IDENTITY]


@pytest.mark.parametrize("make", EXAMPLES, ids=lambda make: make.__name__)
def test_every_service_and_link_of_the_examples_has_a_form_that_shows_its_values(make):
    state = State(make(), ck.Poisson(rate_per_s=4), requests=50, seed=1)
    form = FormPanel(state)
    for key, thing in {**state.chain.services, **state.chain.links}.items():
        state.select(key)

        for name, field in form.fields.items():
            value = getattr(thing, name)
            if isinstance(field.control, ipywidgets.Text | ipywidgets.Textarea):
                assert field.control.value == shown(value)
            else:
                assert field.control.value == value


@pytest.mark.parametrize("cls", [*registry.values(), *LINKS], ids=lambda cls: cls.__name__)
def test_what_is_shown_of_a_default_reads_as_that_default(cls):
    for s in settings(cls):
        if s.name in IDENTITY or s.is_required or s.choices or isinstance(s.default, bool):
            continue
        again = read(s, shown(s.default))
        assert shown(again) == shown(s.default)


# --- typing ---


def test_a_number_that_is_typed_is_in_the_chain(state):
    type_in(form_of(state, "pay"), "memory_mb", "1024")

    assert state.chain.service("pay").memory_mb == 1024


def test_a_refused_number_stays_in_its_field_with_the_errors_words_beside_it(state):
    form = form_of(state, "pay")
    type_in(form, "memory_mb", "64")

    assert "memory_mb=64 is outside 128..10240 MB" in form.fields["memory_mb"].message.value
    assert "fix: choose memory_mb in 128..10240 MB" in form.fields["memory_mb"].message.value
    assert form.fields["memory_mb"].control.value == "64"
    assert state.chain.service("pay").memory_mb == 128


def test_an_accepted_number_clears_the_message(state):
    form = form_of(state, "pay")
    type_in(form, "memory_mb", "64")
    type_in(form, "memory_mb", "256")

    assert form.fields["memory_mb"].message.value == ""


def test_a_number_with_a_unit_is_refused_with_the_number_to_write(state):
    form = form_of(state, "pay")
    type_in(form, "memory_mb", "1 GB")

    assert "memory_mb: 1024" in form.fields["memory_mb"].message.value


def test_text_that_cannot_be_read_is_refused_and_not_raised(state):
    form = form_of(state, "pay")
    type_in(form, "duration", "{LogNormal: [")

    assert "cannot be read" in form.fields["duration"].message.value


def test_what_is_typed_is_shown_as_text_and_no_markup(state):
    form = form_of(state, "pay")
    type_in(form, "memory_mb", "<b>1</b>")

    assert "<b>" not in form.fields["memory_mb"].message.value


def test_a_law_is_typed_as_in_a_design_file(state):
    type_in(form_of(state, "pay"), "duration", "{LogNormal: {p50_s: 0.2, p99_s: 0.9}}")

    assert state.chain.service("pay").duration == ck.LogNormal(p50_s=0.2, p99_s=0.9)


def test_a_choice_offers_what_the_field_allows(state):
    control = form_of(state, "pay").fields["architecture"].control
    control.value = "arm64"

    assert control.options == ("x86_64", "arm64")
    assert state.chain.service("pay").architecture == "arm64"


def test_nothing_typed_is_none_where_that_is_allowed_and_else_the_default(state):
    form = form_of(state, "pay")
    type_in(form, "reserved_concurrency", "5")
    type_in(form, "reserved_concurrency", "")
    type_in(form, "memory_mb", "")

    assert state.chain.service("pay").reserved_concurrency is None
    assert state.chain.service("pay").memory_mb == 128


def test_digits_in_a_field_for_text_stay_text():
    assert read(setting(ck.LambdaFunction, "error_name"), "404") == "404"


def test_a_links_settings_are_typed_like_a_services(state):
    type_in(form_of(state, "jobs>pay"), "batch_size", "7")

    assert state.chain.link("jobs>pay").batch_size == 7


# --- following the chain ---


def test_the_form_keeps_its_fields_when_only_values_change(state):
    form = form_of(state, "pay")
    field = form.fields["memory_mb"]
    state.set("pay", memory_mb=512)

    assert form.fields["memory_mb"] is field
    assert field.control.value == "512"


def test_nothing_selected_has_no_fields(state):
    assert FormPanel(state).fields == {}


def test_help_says_range_unit_and_source(state):
    *_, text = form_of(state, "pay").fields["memory_mb"].children

    assert "128..10240 MB" in text.value
    assert "[Lambda quotas, 2026]" in text.value


# --- the kind of link, and removal ---


def test_the_kinds_of_link_are_limited_to_those_that_fit(state):
    state.connect("validate", "pay", "sync")
    form = form_of(state, "validate>pay")

    assert form.kind.options == tuple(state.words("validate", "pay"))
    assert form.kind.value == "sync"


def test_another_kind_of_link_is_made_and_its_form_shown(state):
    state.connect("validate", "pay", "sync")
    form = form_of(state, "validate>pay")
    form.kind.value = "async"

    assert [link.word for link in state.chain.links.values() if link.target == "pay"] == ["mapping", "async"]
    assert form.kind.value == "async"


def test_the_remove_button_removes_what_is_selected(state):
    form = form_of(state, "dead")
    form.remove.click()

    assert "dead" not in state.chain.services
    assert form.fields == {}


def test_a_machines_task_is_refused_in_the_errors_words():
    chain = ck.Chain("flow")
    chain.add(ck.LambdaFunction("pay"))
    definition = {
        "StartAt": "Pay",
        "States": {"Pay": {"Type": "Task", "Resource": "${pay}", "End": True}},
    }
    chain.add(ck.StateMachine("flow", definition=definition))
    state = State(chain, ck.Poisson(rate_per_s=4), requests=50, seed=1)
    form = form_of(state, "flow>pay")
    form.remove.click()

    assert "is part of a state machine" in form.message.value


# --- what stands where ---


@pytest.mark.parametrize("cls", [*registry.values(), *LINKS], ids=lambda cls: cls.__name__)
def test_main_settings_are_settings(cls):
    assert {*cls.main_settings} <= {s.name for s in settings(cls)} - {*IDENTITY}


def test_main_settings_and_those_that_were_set_stand_before_the_folded_ones(state):
    state.set("pay", error_rate=0.5)
    form = form_of(state, "pay")
    *first, more, folded = shown_fields(form)
    names = [field.setting.name for field in first]

    assert {*ck.LambdaFunction.main_settings, "error_rate"} <= {*names}
    assert more.description == f"{len(form.fields) - len(first)} more settings"
    assert {id(field) for field in form.fields.values()} == {id(field) for field in (*first, *folded.children)}
    assert folded.layout.display == "none"
    more.value = True
    assert folded.layout.display == ""


def test_the_fields_of_a_class_are_made_once_and_show_what_is_selected(state):
    form = form_of(state, "pay")
    fields = form.fields
    state.select("validate")
    fields["memory_mb"].control.value = "333"

    assert form.fields is fields
    assert state.chain.service("validate").memory_mb == 333
    assert state.chain.service("pay").memory_mb != 333


def test_a_new_name_is_typed_and_followed(state):
    form = form_of(state, "jobs")
    form.name.value = "queue"

    assert "queue" in state.chain.services
    assert form.selection.value == "queue"
    assert form.message.value == ""


def test_a_refused_name_stays_typed_with_the_errors_words_beside_it(state):
    form = form_of(state, "jobs")
    form.name.value = "pay"

    assert "has a service &#x27;pay&#x27; already" in form.message.value
    assert form.name.value == "pay"
    assert "jobs" in state.chain.services


def test_services_and_links_are_selected_by_name(state):
    form = FormPanel(state)
    form.selection.value = "jobs>pay"

    assert state.selection == ("jobs>pay",)
    assert "batch_size" in form.fields
    form.selection.value = ""
    assert state.selection == ()


def test_several_selected_things_are_said_to_be_several(state):
    form = FormPanel(state)
    state.select("jobs", "pay")

    assert form.selection.value == SEVERAL
    assert ("2 selected", SEVERAL) in form.selection.options
    assert form.fields == {}


def test_every_control_has_a_label(state):
    form = form_of(state, "pay")

    for control in [form.name, form.selection, form.kind, *(field.control for field in form.fields.values())]:
        assert control.description


def test_what_a_cell_removed_is_in_no_form(state):
    form = form_of(state, "jobs>pay")
    state.chain.remove("jobs")
    state.refresh()

    assert form.fields == {}


def test_a_change_of_what_a_cell_removed_meanwhile_is_refused(state):
    form = form_of(state, "jobs>pay")
    state.chain.remove("jobs")
    type_in(form, "batch_size", "7")

    assert "has no service" in form.fields["batch_size"].message.value


@pytest.mark.parametrize("text", ["2024-01-01", "{day: [2024-01-01]}", "2024-13-45", "&x [*x]", "!!binary aGk="])
def test_what_a_design_file_could_not_hold_is_refused_beside_its_field(state, text):
    form = form_of(state, "validate>jobs" if "validate>jobs" in state.chain.links else next(iter(state.chain.links)))
    field = form.fields["filter_policy"]
    field.control.value = text

    assert "cannot be read" in field.message.value
    assert state.set("pay", memory_mb=512)


def test_parts_are_typed_as_in_a_design_file(state):
    form = form_of(state, "pay")
    type_in(form, "parts", "{book: {duration: 0.2}, mail: {caller: book, probability: 0.5}}")

    assert {name: part.caller for name, part in state.chain.service("pay").parts.items()} == {
        "book": "", "mail": "book",
    }  # fmt: skip
    form.hear("design")
    assert form.fields["parts"].control.value == (
        '{"book": {"duration": {"Constant": {"value_s": 0.2}}}, "mail": {"caller": "book", "probability": 0.5}}'
    )


def test_a_part_that_nothing_leads_to_is_refused_beside_its_field(state):
    form = form_of(state, "pay")
    type_in(form, "parts", "{book: {caller: bok}}")

    assert "caller=&#x27;bok&#x27; is no part before it" in form.fields["parts"].message.value
    assert state.chain.service("pay").parts == {}


def test_variables_are_typed_as_in_a_design_file(state):
    type_in(form_of(state, "pay"), "environment", "{SHOP: chainkit}")

    assert state.chain.service("pay").environment == {"SHOP": "chainkit"}
