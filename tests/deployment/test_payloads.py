"""Payloads: examples in turn, or made from a schema that they fit."""

import json

import jsonschema
import pytest

import chainkit as ck
from chainkit.deployment.payloads import payloads

SCHEMA = {
    "type": "object",
    "required": ["order", "lines"],
    "properties": {
        "order": {"type": "string", "format": "uuid"},
        "kind": {"enum": ["physical", "digital"]},
        "amount_usd": {"type": "number", "minimum": 1, "exclusiveMaximum": 500},
        "lines": {
            "type": "array",
            "minItems": 1,
            "maxItems": 4,
            "uniqueItems": True,
            "items": {"type": "integer", "minimum": 1, "maximum": 9},
        },
        "note": {"type": ["string", "null"], "minLength": 3, "maxLength": 5},
        "gift": {"type": "boolean"},
    },
}


def test_what_a_schema_makes_fits_it_and_is_the_same_again():
    made = payloads(SCHEMA, ck.Chain("any"), 300, seed=7)

    for each in made:
        jsonschema.validate(each, SCHEMA)
    assert made == payloads(SCHEMA, ck.Chain("any"), 300, seed=7)
    assert made != payloads(SCHEMA, ck.Chain("any"), 300, seed=8)
    assert {each.get("kind") for each in made} == {"physical", "digital", None}


def test_examples_are_taken_in_turn():
    assert payloads([{"a": 1}, {"b": 2}], ck.Chain("any"), 3, seed=1) == [{"a": 1}, {"b": 2}, {"a": 1}]


def test_a_designs_samples_are_taken_where_nothing_is_given(tmp_path):
    chain = ck.Chain("shop")
    chain.add(ck.LambdaFunction("pay"))
    chain.save(tmp_path / "shop.chain.yaml")

    assert payloads(None, chain, 2, seed=1) == [{"request": 0}, {"request": 1}]
    (tmp_path / "shop.jsonl").write_text('{"order": 1}\n\n{"order": 2}\n')
    assert payloads(None, chain, 3, seed=1) == [{"order": 1}, {"order": 2}, {"order": 1}]
    assert payloads(tmp_path / "shop.jsonl", chain, 1, seed=1) == [{"order": 1}]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ([], "holds none"),
        (7, "is not understood"),
        ("nowhere.jsonl", "is no file"),
        ({"type": "object", "properties": {"a": {"oneOf": []}}}, "is no JSON Schema"),
        (
            {"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "pattern": "x+"}}},
            "pattern is not made",
        ),
        ({"type": "tuple"}, "is no JSON Schema"),
        ({"type": "array", "items": {"enum": [1]}, "minItems": 2, "uniqueItems": True}, "does not fit the schema"),
    ],
)
def test_what_gives_no_payload_is_refused(given, problem):
    with pytest.raises(ck.ConfigError, match=problem):
        payloads(given, ck.Chain("any"), 1, seed=1)


def test_a_line_that_is_no_json_is_named(tmp_path):
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps({"a": 1}) + "\n{oops\n")

    with pytest.raises(ck.ConfigError, match=r"events\.jsonl, line 2"):
        payloads(file, ck.Chain("any"), 1, seed=1)
