"""The JSON Schema of design files: it takes every chain, and flags what one entry alone shows to be wrong."""

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings

from chainkit import data
from chainkit.chain import load
from chainkit.declared import IDENTITY
from chainkit.declared import settings as settings_of
from chainkit.designfile import read, schema, write_schema
from chainkit.designfile.reading import parsed
from chainkit.service import registry
from chainkit.wiring import LINKS, WORDS
from tests.designfile.broken_designs import BROKEN
from tests.strategies import chains

SCHEMA = schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
HEAD = {"chainkit": 1, "chain": "orders"}


def complaints(plain: object) -> list[str]:
    """Return where and what, for each complaint."""
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(plain)]


def examples() -> list[Path]:
    folder = Path(data.path("latency.json")).parent / "chains"
    return sorted(folder.glob("*/*.chain.yaml"))


def test_it_is_a_json_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(chain=chains())
def test_it_takes_every_chain(chain):
    assert complaints(chain.to_plain()) == []


@pytest.mark.parametrize("file", examples(), ids=lambda file: file.name)
def test_it_takes_the_example_designs(file):
    assert complaints(read(file)[0]) == []
    assert load(file).validate() == []


@pytest.mark.parametrize("case", [case for case, broken in BROKEN.items() if broken.is_seen_by_schema])
def test_it_flags_broken_designs(case):
    text = BROKEN[case].text
    plain = parsed("broken", text)[1] if text else None

    assert complaints(plain)


@pytest.mark.parametrize(
    ("plain", "complaint"),
    [
        ({**HEAD, "service": {}}, "$: Additional properties are not allowed ('service' was unexpected)"),
        ({"chainkit": 2, "chain": "orders"}, "$.chainkit: 1 was expected"),
        ({**HEAD, "services": {"pay": {"memory_mb": 256}}}, "$.services.pay: 'type' is a required property"),
        (
            {**HEAD, "services": {"pay": {"type": "LambdaFunction", "memory_mb": 64}}},
            "$.services.pay.memory_mb: 64 is less than the minimum of 128",
        ),
        (
            {**HEAD, "services": {"pay": {"type": "LambdaFunction", "batch_size": 1}}},
            "$.services.pay: Additional properties are not allowed ('batch_size' was unexpected)",
        ),
        (
            {**HEAD, "links": [{"from": "jobs", "to": "pay", "link": "mapping", "batch_size": 0}]},
            "$.links[0].batch_size: 0 is less than the minimum of 1",
        ),
        (
            {**HEAD, "links": [{"from": "a", "to": "b", "link": "sync", "batch_size": 5}]},
            "$.links[0]: Additional properties are not allowed ('batch_size' was unexpected)",
        ),
        ({**HEAD, "links": [{"from": "a", "link": "sync"}]}, "$.links[0]: 'to' is a required property"),
        ({**HEAD, "layout": {"a": [1]}}, "$.layout.a: [1] is too short"),
    ],
)
def test_its_complaint_names_the_place(plain, complaint):
    assert complaint in complaints(plain)


def test_a_link_without_a_word_may_have_the_settings_of_any_one_link():
    assert complaints({**HEAD, "links": [{"from": "jobs", "to": "pay", "batch_size": 5}]}) == []
    assert complaints({**HEAD, "links": [{"from": "jobs", "to": "pay", "batch_size": 5, "route": "POST /"}]}) != []


@pytest.mark.parametrize("cls", [*registry.values(), *LINKS], ids=lambda cls: cls.__name__)
def test_every_setting_is_in_it_with_its_text_and_default(cls):
    fixed = {name for word in getattr(cls, "words", {}).values() for name in word}
    properties = SCHEMA["$defs"][cls.__name__]["properties"]
    for setting in settings_of(cls):
        if setting.name not in IDENTITY and setting.name not in fixed:
            assert properties[setting.name]["description"].startswith(setting.text)
            assert setting.text
            assert "default" in properties[setting.name] or setting.is_required


def test_every_word_of_a_link_is_allowed():
    assert SCHEMA["$defs"]["link"]["properties"]["link"]["enum"] == [*WORDS]


def test_it_is_written_as_json(tmp_path):
    file = write_schema(tmp_path / "chain.schema.json")

    assert json.loads(file.read_text(encoding="utf-8")) == SCHEMA


def test_the_schema_that_editors_read_is_the_one_of_the_code():
    kept = json.loads(data.path("chain.schema.json").read_text(encoding="utf-8"))

    assert kept == schema()  # else run make notebooks, which writes it
