"""A patch is refused when moto is not what it was written against."""

import types

import pytest

from chainkit.emulation import patching
from chainkit.errors import MissingError


class Service:
    def send(self, message, delay=0):
        return f"{message} {delay}"

    @staticmethod
    def check(text):
        return text


def test_a_method_is_replaced_and_the_original_returned(monkeypatch):
    monkeypatch.setattr(Service, "send", Service.send)
    original = patching.replace(Service, "send", lambda self, message, delay=0: "new", parameters="self message delay")

    assert Service().send("a") == "new"
    assert original(Service(), "a") == "a 0"


def test_a_static_method_is_checked_as_the_function_that_it_is(monkeypatch):
    monkeypatch.setattr(Service, "check", staticmethod(Service.check))

    assert patching.replace(Service, "check", staticmethod(str.upper), parameters="text")("a") == "a"


def test_other_parameters_are_refused_with_both_lists():
    with pytest.raises(MissingError, match=r"Service.send takes \(self message delay\), not \(self message\)"):
        patching.replace(Service, "send", None, parameters="self message")


def test_a_missing_name_is_refused():
    with pytest.raises(MissingError, match=r"no .*Service\.receive"):
        patching.replace(Service, "receive", None, parameters="self")


def test_a_name_that_a_module_imports_is_swapped_only_if_it_is_the_expected_one():
    module = types.ModuleType("module")
    module.clock = 1
    patching.swap(module, "clock", 2, expected=1)

    assert module.clock == 2
    with pytest.raises(MissingError, match=r"module.clock is not what it was"):
        patching.swap(module, "clock", 3, expected=1)


def test_another_version_of_moto_is_refused(monkeypatch):
    monkeypatch.setattr(patching, "version", lambda name: "6.0.0")
    with pytest.raises(MissingError, match=r"moto 6\.0\.0 is not supported") as refused:
        patching.check_version()

    assert "pip install" in refused.value.fix
