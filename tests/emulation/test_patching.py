"""A patch is refused when moto is not what it was written against."""

import importlib

import pytest

from chainkit.emulation import patching
from chainkit.emulation.patches import Patch
from chainkit.errors import MissingError

PLACE = "sns.models:Topic.arn_of"


class Topic:
    def arn_of(self, name, region="here"):
        return f"{region} {name}"

    @staticmethod
    def check(text):
        return text


@pytest.fixture
def moto(monkeypatch):
    """A moto that holds one class, and a table whose rows the test writes."""

    class Module:
        pass

    Module.Topic = type("Topic", (Topic,), dict(vars(Topic)))
    monkeypatch.setattr(importlib, "import_module", lambda name: {"moto.sns.models": Module}[name])
    rows = {}
    monkeypatch.setattr(patching, "PATCHES", rows)
    monkeypatch.setattr(patching, "applied", [])

    def row(place, expects):
        rows[place] = Patch(place, expects, True, "names are short", "test_x.py::test_y")

    Module.row = row
    return Module


def test_a_method_is_replaced_and_the_original_returned(moto):
    moto.row(PLACE, "(self name region)")
    original = patching.patch(PLACE, lambda self, name, region="here": "new")

    assert moto.Topic().arn_of("a") == "new"
    assert original(moto.Topic(), "a") == "here a"
    assert patching.applied == [PLACE]


def test_a_static_method_is_checked_as_the_function_that_it_is(moto):
    moto.row("sns.models:Topic.check", "(text)")

    assert patching.patch("sns.models:Topic.check", staticmethod(str.upper))("a") == "a"
    assert moto.Topic.check("a") == "A"


def test_what_moto_lacks_can_be_added_until_it_has_it(moto):
    moto.row("sns.models:Topic.fresh", "absent")
    patching.patch("sns.models:Topic.fresh", lambda self: 1)

    assert moto.Topic().fresh() == 1
    with pytest.raises(MissingError, match=r"it is `\(self\)`, where the patch expects `absent`"):
        patching.patch("sns.models:Topic.fresh", lambda self: 2)


def test_other_parameters_are_refused_with_what_to_do(moto):
    moto.row(PLACE, "(self name)")
    with pytest.raises(MissingError) as refused:
        patching.patch(PLACE, None)

    assert f"at {PLACE}: it is `(self name region)`, where the patch expects `(self name)`" in refused.value.problem
    assert "names are short" in refused.value.problem
    assert "pip install" in refused.value.fix
    assert "chainkit/emulation/patches.py" in refused.value.fix
    assert "tests/emulation/test_x.py::test_y" in refused.value.fix
    assert moto.Topic().arn_of("a") == "here a"


def test_a_place_that_is_not_in_the_table_cannot_be_patched(moto):
    with pytest.raises(KeyError):
        patching.patch(PLACE, None)


def test_a_module_that_moto_has_moved_is_named(monkeypatch):
    row = Patch("nowhere.models:Topic.check", "(text)", True, "names are short", "test_x.py::test_y")
    monkeypatch.setitem(patching.PATCHES, row.place, row)
    with pytest.raises(MissingError, match=r"changed at nowhere\.models:Topic\.check: it is `no module or class`"):
        patching.patch(row.place, None)


def test_another_version_of_moto_is_refused(monkeypatch):
    monkeypatch.setattr(patching, "version", lambda name: "6.0.0")
    with pytest.raises(MissingError, match=r"moto 6\.0\.0 is not supported") as refused:
        patching.check_version()

    assert "pip install" in refused.value.fix
