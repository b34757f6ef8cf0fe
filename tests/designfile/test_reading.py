"""Reading design files: the values, the places, and one clear error for each mistake."""

from pathlib import Path

import pytest

from chainkit.chain import load
from chainkit.designfile import read
from chainkit.errors import ChainkitError, DesignFileError
from tests.designfile.broken_designs import BROKEN

HEAD = "chainkit: 1\nchain: orders\n"


def written(folder: Path, text: str) -> Path:
    file = folder / "orders.chain.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def refusal(folder: Path, text: str) -> DesignFileError:
    with pytest.raises(DesignFileError) as caught:
        read(written(folder, text))
    return caught.value


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_design_gives_one_clear_error(case, tmp_path):
    broken = BROKEN[case]
    file = written(tmp_path, broken.text)
    if broken.at == "load":
        with pytest.raises(ChainkitError) as caught:
            load(file)
        errors = [caught.value]
    else:
        errors = load(file).validate()

    assert [(type(error), error.problem, error.fix) for error in errors] == [(broken.kind, broken.problem, broken.fix)]


def test_values_are_plain_python(tmp_path):
    text = (
        HEAD
        + "region: 'eu-west-1'\nservices:\n  a: {x: 1_000, y: 0.50, z: yes, n: , d: 2026-01-31, t: true, l: [1e3]}\n"
    )
    plain, _, _ = read(written(tmp_path, text))

    entry = {"x": 1000, "y": 0.5, "z": "yes", "n": None, "d": "2026-01-31", "t": True, "l": [1000.0]}
    assert plain == {"chainkit": 1, "chain": "orders", "region": "eu-west-1", "services": {"a": entry}, "links": []}
    assert [type(value) for value in plain["services"]["a"].values()] == [int, float, str, type(None), str, bool, list]


def test_keys_without_a_value_count_as_missing(tmp_path):
    plain, _, _ = read(written(tmp_path, HEAD + "region:\nservices:\nlinks:\nlayout:\n"))

    assert plain == {"chainkit": 1, "chain": "orders", "services": {}, "links": []}


def test_entries_are_placed_by_line(tmp_path):
    services = "services:\n\n  # a queue\n  jobs:\n    type: SqsQueue\n"
    text = HEAD + services + "links:\n  - {from: jobs, to: pay}\n  -\n    from: pay\n"
    _, _, where = read(written(tmp_path, text + "    to: jobs\n"))

    assert where("services", "jobs") == "orders.chain.yaml:6: "
    assert where("services", "jobs", "type") == "orders.chain.yaml:7: "
    assert where("links", 0) == "orders.chain.yaml:9: "
    assert where("links", 1) == "orders.chain.yaml:11: "
    assert where("services", "nobody") == "orders.chain.yaml:3: "
    assert where() == "orders.chain.yaml: "


@pytest.mark.parametrize(
    ("text", "problem", "fix"),
    [
        ("# nothing\n", ": is empty", 'begin with "chainkit: 1" and "chain: <name>"'),
        (
            "- chainkit\n",
            ": holds a list; allowed: a mapping with the keys chainkit, chain, region, services, links, costs, layout, "
            "groups",
            'begin with "chainkit: 1" and "chain: <name>"',
        ),
        (
            "orders\n",
            ": holds text; allowed: a mapping with the keys chainkit, chain, region, services, links, costs, layout, "
            "groups",
            'begin with "chainkit: 1" and "chain: <name>"',
        ),
        ("chain: orders\n", ": chainkit is missing; allowed: 1", "begin with chainkit: 1"),
        (
            "chain: orders\nchainkit: 2\n",
            ":2: chainkit=2 is no version of the format; allowed: 1",
            "write chainkit: 1, or take the release of chainkit that wrote this file",
        ),
        (
            "chainkit: true\nchain: orders\n",
            ":1: chainkit=True is no version of the format; allowed: 1",
            "write chainkit: 1, or take the release of chainkit that wrote this file",
        ),
        ("chainkit: 1\n", ": chain is missing; allowed: a name", 'add a line such as "chain: orders"'),
        ("chainkit: 1\nchain: 12\n", ":2: chain is a number; allowed: text", "put it in quotes"),
        (HEAD + "region: [eu-west-1]\n", ":3: region is a list; allowed: text", "put it in quotes"),
        (
            HEAD + "service:\n",
            ":3: unknown key 'service' (did you mean 'services'?); "
            "allowed: chainkit, chain, region, services, links, costs, layout, groups",
            "rename or remove it",
        ),
        (
            HEAD + "services: [jobs]\n",
            ":3: services is a list; allowed: a mapping",
            "write services: {jobs: {type: SqsQueue}}, or one per line",
        ),
        (
            HEAD + "services:\n  jobs:\n",
            ":4: service 'jobs' is nothing; allowed: a mapping",
            "write jobs: {type: SqsQueue}, or another type",
        ),
        (
            HEAD + "services:\n  api: HttpApi\n",
            ":4: service 'api' is text; allowed: a mapping",
            "write api: {type: HttpApi}",
        ),
        (
            HEAD + "services:\n  7: {type: SqsQueue}\n",
            ":4: services: the name 7 is a number; allowed: text",
            "put it in quotes",
        ),
        (
            HEAD + "services:\n  jobs:\n    type: SqsQueue\n    30: 1\n",
            ":6: service 'jobs': the key 30 is a number; allowed: text",
            "name a setting",
        ),
        (
            HEAD + "links: {from: a, to: b}\n",
            ":3: links is a mapping; allowed: a list",
            "write links: [{from: jobs, to: pay}], or one per line after a dash",
        ),
        (HEAD + "links:\n  - jobs\n", ":4: link 1 is text; allowed: a mapping", "write {from: jobs, to: pay}"),
        (
            HEAD + "links:\n  - {from: a, to: b}\n  - {from: a}\n",
            ":5: link 2: to is missing",
            "write {from: jobs, to: pay}",
        ),
        (HEAD + "links:\n  - {to: b}\n", ":4: link 1: from is missing", "write {from: jobs, to: pay}"),
        (
            HEAD + "links:\n  - {from: a, to: [b]}\n",
            ":4: link 1: to is a list; allowed: text",
            "write the name of a service",
        ),
        (
            HEAD + "links:\n  - {from: a, to: b, link: 1}\n",
            ":4: link 1: link is a number; allowed: text",
            "write a word such as async",
        ),
        (
            HEAD + "links:\n  - {from: a, to: b, 1: 2}\n",
            ":4: link 1: the key 1 is a number; allowed: text",
            "name a setting",
        ),
        (
            HEAD + "layout:\n  jobs: [1, left]\n",
            ":4: layout: jobs=[1, 'left'] is no place; allowed: two numbers, [x, y]",
            "write layout: {jobs: [120, 80]}, or one per line",
        ),
        (
            HEAD + "layout:\n  jobs: [.nan, 2]\n",
            ":4: layout: jobs=[nan, 2] is no place; allowed: two numbers, [x, y]",
            "write layout: {jobs: [120, 80]}, or one per line",
        ),
        (
            HEAD + "layout: [1, 2]\n",
            ":3: layout is a list; allowed: a mapping",
            "write layout: {jobs: [120, 80]}, or one per line",
        ),
        (
            HEAD + "services: &all {}\n",
            ":3: &all is an anchor or a tag; a design file has none",
            "write the value itself",
        ),
        (
            HEAD + "services: !Ref jobs\n",
            ":3: !Ref is an anchor or a tag; a design file has none",
            "write the value itself",
        ),
        (HEAD + "? [a]\n: 1\n", ":3: a key is a list or mapping", "write a name before the colon"),
        (
            HEAD + "chain: again\n",
            ":3: 'chain' is there already, in line 2; a name may stand only once",
            "rename or remove one of the two",
        ),
        (
            HEAD + "\tregion: x\n",
            ":3: column 1: is not YAML: found character '\\t' that cannot start any token",
            "check indentation, quotes, brackets and the blank after each colon there",
        ),
        (
            HEAD + "region: \x07\n",
            ":3: is not YAML: special characters are not allowed",
            "check indentation, quotes, brackets and the blank after each colon there",
        ),
    ],
)
def test_what_is_no_design_is_refused_with_its_line(text, problem, fix, tmp_path):
    error = refusal(tmp_path, text)

    assert (error.problem, error.fix) == (f"orders.chain.yaml{problem}", fix)


def test_a_missing_file_names_those_that_are_there(tmp_path):
    written(tmp_path, HEAD)
    with pytest.raises(DesignFileError) as caught:
        read(tmp_path / "order.chain.yaml")

    assert caught.value.problem == (
        f"{tmp_path / 'order.chain.yaml'}: there is no such file (did you mean 'orders.chain.yaml'?)"
    )
    assert caught.value.fix == "design files in this folder: orders.chain.yaml"


def test_a_file_in_a_missing_folder_is_missing(tmp_path):
    with pytest.raises(DesignFileError, match="there is no such file") as caught:
        read(tmp_path / "nowhere" / "orders.chain.yaml")

    assert caught.value.fix == "design files in this folder: none"


def test_a_folder_is_no_design_file(tmp_path):
    with pytest.raises(DesignFileError, match="cannot be read"):
        read(tmp_path)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    file = tmp_path / "orders.chain.yaml"
    file.write_bytes(b"chain: caf\xe9\n")
    with pytest.raises(DesignFileError) as caught:
        read(file)

    assert str(caught.value) == (
        "orders.chain.yaml: byte 10 is not UTF-8\n  fix: save the file with the encoding UTF-8"
    )


def test_a_byte_order_mark_is_no_part_of_the_design(tmp_path):
    file = tmp_path / "orders.chain.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + HEAD.encode())

    assert read(file)[0]["chain"] == "orders"


@pytest.mark.parametrize(
    ("setting", "advice"),
    [
        ("visibility_timeout_s: 2 min", "write the number in s: visibility_timeout_s: 120"),
        ("delay_s: 500ms", "write the number in s: delay_s: 0.5"),
        ("retention_s: soon", "choose retention_s in 60..1209600 s (SQS quotas, 2026)"),
    ],
)
def test_text_with_a_unit_is_refused_with_the_number_to_write(setting, advice, tmp_path):
    with pytest.raises(ChainkitError) as caught:
        load(written(tmp_path, HEAD + f"services:\n  jobs:\n    type: SqsQueue\n    {setting}\n"))

    assert caught.value.fix == advice


def test_a_link_s_mistake_is_placed_at_the_link(tmp_path):
    services = "services:\n  jobs: {type: SqsQueue}\n  pay: {type: LambdaFunction}\n"
    text = HEAD + services + "links:\n  - {from: jobs, to: pay, batchsize: 5}\n"
    with pytest.raises(ChainkitError) as caught:
        load(written(tmp_path, text))

    assert caught.value.problem == (
        "orders.chain.yaml:7: EventSourceMapping 'jobs' to 'pay': "
        "unknown setting 'batchsize' (did you mean 'batch_size'?)"
    )
