"""What every service promises. The tests run over the registry and name no service: a new one is covered at once."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import jmespath
import pytest
from botocore import xform_name
from botocore.model import Shape
from botocore.session import get_session
from botocore.validate import ParamValidator
from cfnlint.api import ManualArgs, lint
from hypothesis import given
from hypothesis import strategies as st

import chainkit as ck
from chainkit import data
from chainkit.billing.prices import price_book
from chainkit.declared import IDENTITY, Setting, settings
from chainkit.records import Behaviour, Call, Resource
from chainkit.service import Service, from_plain, references, registry
from chainkit.templates import resources, template
from chainkit.wiring import WORDS, fitting
from tests.strategies import services

ROOT = Path(__file__).parents[2]
KINDS = sorted(registry)
PAIRS = [(a, b, word) for a in KINDS for b in KINDS for word in fitting(registry[a]("a"), registry[b]("b"))]

PHYSICAL_ID = "12345678-1234-1234-1234-123456789012"  # long enough for every API
TOLD = {"Ref": PHYSICAL_ID, "Answers": {"Arn": "arn:aws:x", "EventSourceMappingArn": "arn:aws:x:us-east-1:1:m"}}
"""What a call knows besides the properties."""

every_kind = pytest.mark.parametrize("kind", KINDS)
every_pair = pytest.mark.parametrize(("source", "target", "word"), PAIRS)


def own_settings(kind: str) -> list[Setting]:
    return [setting for setting in settings(registry[kind]) if setting.name not in IDENTITY]


def is_ranged(setting: Setting) -> bool:
    return setting.low is not None or setting.high is not None


def choices(annotation: Any) -> tuple[Any, ...]:
    """Return the values of a setting that allows only some, None or not."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    if get_origin(annotation) in (Union, UnionType):
        return tuple(value for part in get_args(annotation) for value in choices(part))
    return ()


def choice_made(kind: str) -> list[Service]:
    """Return a service of default settings, and one for each value of each setting that has a list of values."""
    cls = registry[kind]
    chosen = [{setting.name: value} for setting in own_settings(kind) for value in choices(setting.kind)]
    return [cls("node"), *(cls("node", **settings) for settings in chosen)]


def outside(setting: Setting) -> Iterator[float]:
    """Yield values just outside a setting's range."""
    is_whole = setting.kind is int or int in get_args(setting.kind)
    low, high = setting.low, setting.high
    if low is not None:
        yield low if setting.is_low_excluded else low - 1 if is_whole else math.nextafter(low, -math.inf)
    if high is not None:
        yield high + 1 if is_whole else math.nextafter(high, math.inf)


def alone(service: Service) -> ck.Chain:
    chain = ck.Chain("alone")
    chain.add(service)
    return chain


def join(chain: ck.Chain, source: str, target: str, word: str, number: int = 0) -> None:
    """Add a service that triggers another, with messages as large as the link carries, up to 1 MB, and answers."""
    link = WORDS[word][0]
    size = {"message_bytes": min(2**20, link.maximum_bytes)} if hasattr(link, "maximum_bytes") else {}
    size |= {"response_bytes": 2**20} if hasattr(link, "response_bytes") and word == "sync" else {}
    a, b = chain.add(registry[source](f"a{number}")), chain.add(registry[target](f"b{number}"))
    chain.connect(a, b, link=word, **size)


def pair(source: str, target: str, word: str) -> ck.Chain:
    chain = ck.Chain("pair")
    join(chain, source, target, word)
    return chain


# --- declaration ---


@every_kind
def test_a_service_stands_in_the_file_of_its_name(kind: str) -> None:
    words = re.findall("[A-Z][a-z0-9]*", kind)

    assert registry[kind].__module__ == f"chainkit.services.{'_'.join(words).lower()}"
    assert (ROOT / "chainkit" / "services" / f"{'_'.join(words).lower()}.py").is_file()


def test_every_file_of_a_service_registers_one() -> None:
    files = {file.stem for file in (ROOT / "chainkit" / "services").glob("*.py")} - {"__init__"}

    assert files == {registry[kind].__module__.rpartition(".")[2] for kind in KINDS}


@every_kind
def test_a_service_is_public_and_in_the_table_of_the_readme(kind: str) -> None:
    assert kind in ck.__all__
    assert getattr(ck, kind) is registry[kind]
    assert kind in (ROOT / "README.md").read_text(encoding="utf-8")


@every_kind
def test_a_service_says_what_it_is_called_and_how_it_is_drawn(kind: str) -> None:
    cls = registry[kind]

    assert cls.label
    assert cls.label != Service.label
    assert re.fullmatch("#[0-9A-F]{6}", cls.colour)
    assert all(setting.text for setting in own_settings(kind))


@every_kind
def test_a_service_is_made_from_a_name_alone(kind: str) -> None:
    assert registry[kind]("node").name == "node"


@every_kind
def test_every_range_has_a_source(kind: str) -> None:
    assert [s.name for s in own_settings(kind) if is_ranged(s) and not s.source] == []


@every_kind
def test_a_value_out_of_range_is_refused_with_its_field(kind: str) -> None:
    for setting in filter(is_ranged, own_settings(kind)):
        for value in outside(setting):
            with pytest.raises(ck.ConfigError, match=f"'node': {setting.name}=") as refusal:
                registry[kind]("node", **{setting.name: value})
            assert refusal.value.fix


@every_kind
def test_the_ends_of_a_range_are_allowed(kind: str) -> None:
    for setting in filter(is_ranged, own_settings(kind)):
        ends = [setting.high] if setting.is_low_excluded else [setting.low, setting.high]
        for value in ends:
            if value is not None:
                assert getattr(registry[kind]("node", **{setting.name: value}), setting.name) == value


@every_kind
def test_an_unknown_setting_is_refused_with_the_known_ones(kind: str) -> None:
    with pytest.raises(ck.ConfigError, match="unknown setting 'nonsense'") as refusal:
        registry[kind]("node", nonsense=1)

    assert all(setting.name in refusal.value.fix for setting in own_settings(kind))


@every_kind
@given(drawn=st.data())
def test_settings_survive_the_way_through_plain_values(kind: str, drawn: st.DataObject) -> None:
    service = drawn.draw(services("node", (kind,)))

    assert from_plain("node", service.to_plain()) == service


@every_kind
@given(drawn=st.data())
def test_settings_survive_the_way_through_a_design_file(
    kind: str, drawn: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    chain = alone(drawn.draw(services("node", (kind,))))
    file = chain.save(tmp_path_factory.mktemp("design") / "alone.chain.yaml")

    assert ck.load(file) == chain


# --- links ---


@every_kind
def test_a_service_has_a_link_in_or_out(kind: str) -> None:
    assert [pair for pair in PAIRS if kind in pair[:2]]


@every_pair
def test_a_link_that_fits_is_built_or_refused_by_validate(source: str, target: str, word: str) -> None:
    chain = pair(source, target, word)
    errors = chain.validate()

    if not errors:
        assert template(chain)["Resources"]
    else:
        with pytest.raises(type(errors[0])):
            template(chain)


# --- behaviour ---


@every_kind
def test_a_service_behaves_whatever_is_chosen(kind: str) -> None:
    for service in choice_made(kind):
        assert isinstance(service.behaviour(), Behaviour)


@every_kind
def test_a_service_runs_alone(kind: str) -> None:
    run = ck.simulate(alone(registry[kind]("node")), ck.Poisson(rate_per_s=1), requests=20, seed=1, replications=1)

    assert run.ledger["completed"] == 20


@every_pair
def test_what_a_service_triggers_runs(source: str, target: str, word: str) -> None:
    chain = pair(source, target, word)
    if chain.validate():
        pytest.skip("the chain says itself that it cannot run")
    run = ck.simulate(chain, ck.Poisson(rate_per_s=1), requests=20, seed=1, replications=1, at="a0")

    assert run.ledger.sum() == 20
    assert run.ledger["unfinished"] == 0


# --- money ---


@cache
def counted() -> frozenset[tuple[str, str]]:
    """Return (kind, counter) of what some run of every service alone, and of every pair, counted."""
    chains = [alone(service) for kind in KINDS for service in choice_made(kind)]
    chains += [pair(*each) for each in PAIRS]
    found = set()
    for chain in chains:
        if not chain.validate():
            entry = next(iter(chain.services))
            run = ck.simulate(chain, ck.Poisson(rate_per_s=1), requests=20, seed=1, replications=1, at=entry)
            lines = [line for line in run.usage.lines if line.quantity > 0]
            found |= {(type(chain.service(line.node)).__name__, line.meter.counter) for line in lines}
    return frozenset(found)


@every_kind
def test_every_meter_is_counted_by_some_run(kind: str) -> None:
    meters = {meter.counter for service in choice_made(kind) for meter in service.meters()} - {"hours"}

    assert meters - {counter for known, counter in counted() if known == kind} == set()


@every_kind
def test_every_meter_has_a_price(kind: str) -> None:
    book = price_book("us-east-1")

    for service in choice_made(kind):
        for meter in service.meters():
            assert book.price(meter.price).unit
            assert meter.why


def test_a_meter_without_a_price_in_a_region_is_an_error_that_names_both() -> None:
    keys = {meter.price for kind in KINDS for service in choice_made(kind) for meter in service.meters()}
    books = [price_book(region) for region in data.price_regions()]
    missing = [(book, key) for book in books for key in keys if key not in book.by_key]

    assert missing
    for book, key in missing:
        with pytest.raises(ck.PriceMissingError, match=f"'{key}'.*'{book.region}'.*known in .*us-east-1"):
            book.price(key)


# --- what it becomes ---


@cache
def everything() -> ck.Chain:
    """Return one chain with every service alone and every pair that can be built."""
    chain = ck.Chain("everything")
    for kind in KINDS:
        chain.add(registry[kind](f"only{kind}"))
    for number, each in enumerate(PAIRS):
        if is_built(pair(*each)):
            join(chain, *each, number)
    return chain


def is_built(chain: ck.Chain) -> bool:
    """Tell whether a chain has a template: one test above says of each pair why not."""
    try:
        return bool(resources(chain))
    except ck.ChainkitError:
        return False


def test_cfn_lint_finds_nothing_in_a_chain_of_every_service_and_link() -> None:
    text = json.dumps(template(everything()))

    assert [str(match) for match in lint(text, config=ManualArgs(regions=["us-east-1"]))] == []


@every_kind
def test_every_choice_is_clean_to_cfn_lint(kind: str) -> None:
    chain = ck.Chain("choices")
    for number, service in enumerate(choice_made(kind)):
        chain.add(from_plain(f"node{number}", service.to_plain()))
    text = json.dumps(template(chain))

    assert [str(match) for match in lint(text, config=ManualArgs(regions=["us-east-1"]))] == []


def test_every_reference_in_the_template_resolves() -> None:
    document = template(everything())
    known = {*document["Resources"], *document.get("Parameters", {})}

    assert {*references(document["Resources"]), *references(document["Outputs"])} - known == set()


def test_every_resource_names_a_type_of_cloudformation() -> None:
    for resource in resources(everything()):
        assert re.fullmatch(r"AWS::\w+::\w+", resource.type), resource.id
        assert re.fullmatch(r"[A-Za-z0-9]{1,255}", resource.id)


# --- the same by direct calls ---


@cache
def operations(client: str) -> Mapping[str, Any]:
    """Return botocore's model of each operation of one client, by boto3's name."""
    model = get_session().get_service_model(client)
    return {xform_name(name): model.operation_model(name) for name in model.operation_names}


def resolved(value: Any) -> Any:
    """Return a property with text in place of every intrinsic function."""
    match value:
        case {"Ref": str(name)}:
            return f"ref-{name}"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"arn:aws:any:us-east-1:111111111111:{name}-{attribute}"
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([^}]+)\}", r"\1", text)
        case {"Fn::Join": [str(glue), list(parts)]}:
            return glue.join(resolved(part) for part in parts)
        case Mapping():
            return {name: resolved(inner) for name, inner in value.items()}
        case list() | tuple():
            return [resolved(inner) for inner in value]
    return value


def complaints(client: str, call: Call, properties: Mapping[str, Any]) -> str:
    """Return what boto3 would refuse about a call, "" for nothing."""
    if call.operation not in operations(client):
        return f"{client} has no operation {call.operation}"
    parameters = call.parameters(properties)
    shape = operations(client)[call.operation].input_shape
    if not parameters or shape is None:
        return ""
    report = ParamValidator().validate(parameters, shape)
    return f"{call.operation}: {report.generate_report()}" if report.has_errors() else ""


def by_type() -> dict[str, list[Resource]]:
    found: dict[str, list[Resource]] = {}
    for resource in resources(everything()):
        found.setdefault(resource.type, []).append(resource)
    return found


@pytest.mark.parametrize("stage", ["create", "read", "update", "delete"])
def test_every_api_call_is_one_that_boto3_takes(stage: str) -> None:
    wrong = [
        f"{resource.id}: {complaint}"
        for resource in resources(everything())
        for call in getattr(resource.api, stage)
        if (complaint := complaints(resource.api.client, call, {**resolved(resource.properties), **TOLD}))
    ]

    assert wrong == []


def test_every_resource_is_created_and_found_again() -> None:
    for resource in resources(everything()):
        assert resource.api.create, resource.id
        assert resource.api.read, resource.id
        assert resource.api.settings, resource.id


def first_words(expression: str) -> set[str]:
    """Return the names with which a JMESPath begins, one for each alternative."""

    def begin(node: Mapping[str, Any]) -> Iterator[str]:
        if node["type"] == "field":
            yield node["value"]
        elif node["type"] == "or_expression":
            yield from (word for child in node["children"] for word in begin(child))
        elif node["children"]:
            yield from begin(node["children"][0])

    return set(begin(jmespath.compile(expression).parsed))


def test_every_answer_is_looked_for_where_an_operation_gives_it() -> None:
    for resource in (each[0] for each in by_type().values()):
        api = resource.api
        shapes: list[Shape | None] = [
            operations(api.client)[call.operation].output_shape for call in (*api.create, *api.read)
        ]
        given_back = {name for shape in shapes if shape is not None for name in shape.members}
        looks = [look for look in (api.ref, *api.attributes.values(), *api.settings.values()) if isinstance(look, str)]

        assert {word for look in looks for word in first_words(look)} - given_back == set(), resource.type


def test_what_is_compared_and_what_is_fixed_are_properties_of_the_resource() -> None:
    for kind, found in by_type().items():
        properties = {name for resource in found for name in resource.properties}
        api = found[0].api

        assert set(api.fixed) <= properties, kind
        assert set(api.unset) <= {*api.settings}, kind


@every_kind
def test_a_person_can_send_one_event(kind: str) -> None:
    for service in choice_made(kind):
        client, call = service.entry()
        parameters = {
            "Ref": PHYSICAL_ID,
            "ApiEndpoint": "http://127.0.0.1",
            "Event": '{"order": 1}',
            "Route": "POST /orders",
        }

        if client in get_session().get_available_services():
            assert complaints(client, call, parameters) == ""
        else:  # no client of boto3 sends it: the deploy target does
            assert call.parameters(parameters)
