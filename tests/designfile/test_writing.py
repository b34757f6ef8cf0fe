"""Writing design files: what did not change stays byte for byte, and what is saved is what is loaded."""

import difflib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import chainkit as ck
from chainkit import data
from chainkit.chain import Chain, load
from chainkit.designfile import read, write
from chainkit.distributions import LogNormal
from chainkit.errors import DesignFileError
from chainkit.services.lambda_function import LambdaFunction
from chainkit.services.sqs_queue import SqsQueue
from chainkit.services.state_machine import StateMachine
from chainkit.wiring import Retry
from tests.strategies import chains, links_of, services

BY_HAND = """\
# The orders chain, by hand.
chainkit: 1
chain: orders   # the name

# what there is
services:
    api:   {type: HttpApi}
    validate:
        type: LambdaFunction
        memory_mb: 0x100    # measured
        timeout_s: 1_0
        duration: { LogNormal: { p50_s: 0.040, p99_s: 0.120 } }  # from logs
        maximum_retry_attempts: 2   # the default, written out

    # a queue
    jobs: {type: 'SqsQueue', visibility_timeout_s: 60}
    pay:
        timeout_s: 10
        type: "LambdaFunction"
        memory_mb: 512
        duration: 0.20
        environment:
            GREETING: |
                two
                lines
            # none of ours
            "A:B": 'c'
        error_rate: 0.020   # seen

# how it is wired
links:
- {from: api, to: validate}   # first
- from: validate
  to: jobs
  count: 1
# the mapping
- {from: jobs, to: pay,
   batch_size: 10}   # ten

layout: {api: [0, 0]}
# the end"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "orders.chain.yaml"
    path.write_bytes(BY_HAND.encode())
    return path


def saved(chain: Chain, file: Path) -> list[str]:
    """Save and return the lines that changed, `-` those of before and `+` those of after; what is loaded is equal."""
    before = file.read_text(encoding="utf-8").splitlines()
    chain.save(file)
    assert load(file) == chain
    assert load(file).layout == chain.layout
    return [
        line.rstrip()
        for line in difflib.unified_diff(before, file.read_text(encoding="utf-8").splitlines(), n=0, lineterm="")
        if not line.startswith(("---", "+++", "@@"))
    ]


def test_nothing_changed_is_nothing_written_differently(file):
    load(file).save(file)

    assert file.read_bytes() == BY_HAND.encode()


@pytest.mark.parametrize(
    ("key", "change", "lines"),
    [
        ("pay", {"memory_mb": 1024}, ["-        memory_mb: 512", "+        memory_mb: 1024"]),
        ("pay", {"memory_mb": 128}, ["-        memory_mb: 512"]),
        ("pay", {"error_rate": 0.5}, ["-        error_rate: 0.020   # seen", "+        error_rate: 0.5   # seen"]),
        ("pay", {"reserved_concurrency": 7}, ["+        reserved_concurrency: 7"]),
        ("pay", {"duration": 0.25}, ["-        duration: 0.20", "+        duration: {Constant: {value_s: 0.25}}"]),
        (
            "validate",
            {"duration": LogNormal(p50_s=0.05, p99_s=0.12)},
            [
                "-        duration: { LogNormal: { p50_s: 0.040, p99_s: 0.120 } }  # from logs",
                "+        duration: { LogNormal: { p50_s: 0.05, p99_s: 0.120 } }  # from logs",
            ],
        ),
        (
            "validate",
            {"maximum_retry_attempts": 0},
            [
                "-        maximum_retry_attempts: 2   # the default, written out",
                "+        maximum_retry_attempts: 0   # the default, written out",
            ],
        ),
        (
            "jobs",
            {"delay_s": 3},
            [
                "-    jobs: {type: 'SqsQueue', visibility_timeout_s: 60}",
                "+    jobs: {type: 'SqsQueue', visibility_timeout_s: 60, delay_s: 3}",
            ],
        ),
        (
            "jobs",
            {"visibility_timeout_s": 30},
            ["-    jobs: {type: 'SqsQueue', visibility_timeout_s: 60}", "+    jobs: {type: 'SqsQueue'}"],
        ),
        (
            "api",
            {"overhead": 0},
            ["-    api:   {type: HttpApi}", "+    api:   {type: HttpApi, overhead: {Constant: {value_s: 0.0}}}"],
        ),
        ("jobs>pay", {"batch_size": 3}, ["-   batch_size: 10}   # ten", "+   batch_size: 3}   # ten"]),
        (
            "api>validate",
            {"retry": Retry(max_attempts=2)},
            [
                "-- {from: api, to: validate}   # first",
                "+- {from: api, to: validate, retry: {max_attempts: 2}}   # first",
            ],
        ),
        ("validate>jobs", {"count": 4}, ["-  count: 1", "+  count: 4"]),
        ("validate>jobs", {"case": "yes: no"}, ['+  case: "yes: no"']),
        (
            "pay",
            {"environment": {"A:B": "d", "GREETING": "two\nlines\n"}},
            ["-            \"A:B\": 'c'", '+            "A:B": d'],
        ),
        (
            "pay",
            {"environment": {"A:B": "c", "GREETING": "one\nline"}},
            [
                "-            GREETING: |",
                "-                two",
                "-                lines",
                '+            GREETING: "one\\nline"',
            ],
        ),
    ],
)
def test_one_setting_is_one_line_of_the_diff(key, change, lines, file):
    chain = load(file)
    chain.set(key, **change)

    assert saved(chain, file) == lines


def test_what_is_added_stands_at_the_end_of_its_section(file):
    chain = load(file)
    chain.add(SqsQueue("dead", delay_s=1))
    chain.connect("jobs", "dead", max_receive_count=3)
    chain.layout["dead"] = (1.5, 2.0)

    assert saved(chain, file) == [
        "+    dead:",
        "+      type: SqsQueue",
        "+      delay_s: 1",
        "+- {from: jobs, to: dead, link: redrive, max_receive_count: 3}",
        "-layout: {api: [0, 0]}",
        "+layout: {api: [0, 0], dead: [1.5, 2.0]}",
    ]


def test_what_is_removed_leaves_the_comments_around_it(file):
    chain = load(file)
    chain.remove("jobs")

    assert saved(chain, file) == [
        "-    jobs: {type: 'SqsQueue', visibility_timeout_s: 60}",
        "-- from: validate",
        "-  to: jobs",
        "-  count: 1",
        "-- {from: jobs, to: pay,",
        "-   batch_size: 10}   # ten",
    ]


def test_the_layout_stays_last(file):
    chain = load(file)
    chain.region = "eu-west-1"

    assert saved(chain, file) == ["+region: eu-west-1"]
    assert file.read_text(encoding="utf-8").index("region") < file.read_text(encoding="utf-8").index("layout")


def test_everything_removed_leaves_empty_sections(file):
    chain = load(file)
    for name in chain.services:
        chain.remove(name)
    saved(chain, file)

    assert "services: {}" in file.read_text(encoding="utf-8")
    assert file.read_text(encoding="utf-8").startswith("# The orders chain, by hand.\n")


def test_sections_without_entries_are_filled_line_by_line(tmp_path):
    file = tmp_path / "orders.chain.yaml"
    file.write_text("chainkit: 1\nchain: orders\nservices: {}\nlinks:   # none yet\n", encoding="utf-8")
    chain = load(file)
    chain.add(SqsQueue("jobs"))
    chain.add(LambdaFunction("pay"))
    chain.connect("jobs", "pay")
    saved(chain, file)

    assert file.read_text(encoding="utf-8") == (
        "chainkit: 1\nchain: orders\nservices:\n  jobs:\n    type: SqsQueue\n  pay:\n    type: LambdaFunction\n"
        "links:\n  - {from: jobs, to: pay, link: mapping}   # none yet\n"
    )


def test_line_ends_of_windows_stay(file):
    file.write_bytes(BY_HAND.replace("\n", "\r\n").encode())
    chain = load(file)
    chain.set("pay", memory_mb=1024)
    chain.save(file)

    assert file.read_bytes() == BY_HAND.replace("512", "1024").replace("\n", "\r\n").encode()


def test_a_new_file_reads_well(tmp_path):
    chain = Chain("orders")
    chain.add(SqsQueue("jobs", visibility_timeout_s=60))
    chain.add(LambdaFunction("pay", timeout_s=10, duration=LogNormal(p50_s=0.04, p99_s=0.12)))
    chain.connect("jobs", "pay", batch_size=5)
    chain.layout = {"jobs": (0.0, 0.0), "pay": (120.0, 0.0)}
    file = chain.save(tmp_path / "orders.chain.yaml")

    assert file.read_text(encoding="utf-8") == (
        "chainkit: 1\n"
        "chain: orders\n"
        "region: us-east-1\n"
        "\n"
        "services:\n"
        "  jobs:\n"
        "    type: SqsQueue\n"
        "    visibility_timeout_s: 60\n"
        "  pay:\n"
        "    type: LambdaFunction\n"
        "    timeout_s: 10\n"
        "    duration: {LogNormal: {p50_s: 0.04, p99_s: 0.12}}\n"
        "\n"
        "links:\n"
        "  - {from: jobs, to: pay, link: mapping, batch_size: 5}\n"
        "\n"
        "layout:\n"
        "  jobs: [0.0, 0.0]\n"
        "  pay: [120.0, 0.0]\n"
    )


def test_a_long_setting_has_a_line_per_entry_and_a_long_law_has_one(tmp_path):
    values = {
        "environment": {f"NAME_{k}": "value" for k in range(9)},
        "duration": {"Empirical": {"values_s": [0.125] * 40}},
    }
    text = write(tmp_path / "x.chain.yaml", {"services": {"pay": {"type": "LambdaFunction", **values}}}).text

    assert "\n    environment:\n      NAME_0: value\n      NAME_1: value\n" in text
    assert "\n    duration: {Empirical: {values_s: [0.125, 0.125," in text


def test_definitions_and_filters_are_kept_and_changed_in_their_place(tmp_path):
    wait = {"Type": "Wait", "Seconds": 5, "Next": "Done"}
    definition = {
        "StartAt": "Wait",
        "States": {"Wait": wait, "Done": {"Type": "Succeed", "Comment": "a: b, [c] {d} # e"}},
    }
    chain = Chain("orders")
    chain.add(StateMachine("flow", definition=definition))
    chain.add(ck.SnsTopic("news"))
    chain.add(SqsQueue("jobs"))
    chain.connect(
        "news", "jobs", filter_policy={"kind": ["x", {"prefix": "eu-"}, {"anything-but": ["y"]}], "n": [1, 2.5]}
    )
    file = chain.save(tmp_path / "orders.chain.yaml")
    assert load(file) == chain

    chain.set("flow", definition={**definition, "States": {**definition["States"], "Wait": wait | {"Seconds": 7}}})
    lines = saved(chain, file)

    assert len(lines) == 2
    assert lines[1] == lines[0].replace("-", "+", 1).replace("Seconds: 5", "Seconds: 7")


def test_saving_a_copy_leaves_the_original_s_comments(file, tmp_path):
    chain = load(file)
    copy = chain.copy()
    copy.remove("jobs")
    copy.save(tmp_path / "copy.chain.yaml")

    assert saved(chain, file) == []


def test_a_style_that_cannot_be_edited_costs_the_comments_and_not_the_design(tmp_path):
    file = tmp_path / "orders.chain.yaml"
    file.write_text("chainkit: 1\nchain: orders # x\nservices:\n  ? jobs\n  : type: SqsQueue\n", encoding="utf-8")
    chain = load(file)
    chain.remove("jobs")
    chain.add(LambdaFunction("jobs"))
    saved(chain, file)

    assert load(file) == chain


def test_a_file_is_replaced_and_nothing_is_left_beside_it(file):
    file.chmod(0o640)
    chain = load(file)
    chain.set("pay", memory_mb=1024)
    chain.save(file)

    assert [each.name for each in file.parent.iterdir()] == ["orders.chain.yaml"]
    assert os.name == "nt" or stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    path = tmp_path / "nowhere" / "orders.chain.yaml"
    with pytest.raises(DesignFileError) as caught:
        Chain("orders").save(path)

    assert caught.value.problem == f"{path}: cannot be written: No such file or directory"
    assert caught.value.fix == "choose a folder that exists and can be written to"


@pytest.mark.parametrize(
    ("value", "problem"),
    [(3j, r"3j.* cannot be written in a design file; allowed: text, numbers"), ({1, 2}, "!!set is an anchor or a tag")],
)
def test_a_value_that_yaml_does_not_have_is_refused_before_anything_is_written(value, problem, tmp_path):
    path = tmp_path / "orders.chain.yaml"
    with pytest.raises(DesignFileError, match=problem):
        write(path, {"chainkit": 1, "chain": value})

    assert not path.exists()


def test_a_place_that_is_a_folder_is_refused_and_left_clean(tmp_path):
    with pytest.raises(DesignFileError, match="cannot be written"):
        Chain("orders").save(tmp_path)

    assert [*tmp_path.iterdir()] == []
    assert not [each for each in tmp_path.parent.iterdir() if each.name.endswith(".tmp")]


# --- laws ---

SLOW = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@SLOW
@given(chain=chains())
def test_what_is_saved_is_what_is_loaded(chain):
    with TemporaryDirectory() as folder:
        file = chain.save(Path(folder) / "x.chain.yaml")
        text = file.read_text(encoding="utf-8")
        again = load(file)
        again.save(file)

        assert again == chain
        assert again.layout == chain.layout
        assert file.read_text(encoding="utf-8") == text


@SLOW
@given(before=chains(), after=chains())
def test_any_file_can_take_any_design(before, after):
    with TemporaryDirectory() as folder:
        file = before.save(Path(folder) / "x.chain.yaml")
        _, document, _ = read(file)
        write(file, after.to_plain(), document)

        assert load(file) == after


@SLOW
@given(chain=chains(max_services=3), extra=services("the-extra-one"))
def test_an_addition_leaves_every_line_and_comment_in_place(chain, extra):
    with TemporaryDirectory() as folder:
        file = chain.save(Path(folder) / "x.chain.yaml")
        lines = [f"# over {k}\n{line}" for k, line in enumerate(file.read_text(encoding="utf-8").splitlines())]
        file.write_text("\n".join(lines), encoding="utf-8")
        again = load(file)
        again.add(extra)
        changes = saved(again, file)

        assert [line for line in changes if line.startswith("-")] == [] or not chain.services


@SLOW
@given(chain=chains(), data=st.data())
def test_a_series_of_edits_is_saved_each_time(chain, data):
    with TemporaryDirectory() as folder:
        file = Path(folder) / "x.chain.yaml"
        chain.save(file)
        for k in range(3):
            keys = [*chain.services, *links_of(chain)]
            if keys and data.draw(st.booleans()):
                chain.remove(data.draw(st.sampled_from(keys)))
            else:
                chain.add(data.draw(services(f"the-extra-{k}")))
            chain.save(file)

            assert load(file) == chain


# --- the diff of a gesture is small ---

ORDERS = data.path("chains") / "orders" / "orders.chain.yaml"


def diff(change: Callable[[ck.Chain], Any], tmp_path: Path) -> tuple[list[str], list[str]]:
    """Return the lines that left the file of orders, and those that came, with a change."""
    chain = ck.load(ORDERS)
    change(chain)
    file = chain.save(tmp_path / "orders.chain.yaml")
    assert ck.load(file) == chain
    assert [*ck.load(file).services] == [*chain.services]
    lines = [*difflib.unified_diff(*(each.read_text(encoding="utf-8").splitlines() for each in (ORDERS, file)), n=0)][
        2:
    ]
    return [line[1:] for line in lines if line[0] == "-"], [line[1:] for line in lines if line[0] == "+"]


def test_a_memory_is_its_line_and_where_its_times_were_measured(tmp_path: Path) -> None:
    assert diff(lambda chain: chain.set("payment", memory_mb=1024), tmp_path) == (
        ["    memory_mb: 512"],
        ["    memory_mb: 1024", "    measured_memory_mb: 512"],
    )


def test_a_move_is_one_line(tmp_path: Path) -> None:
    assert diff(lambda chain: chain.place({"events": (1064.0, 50.0)}), tmp_path) == (
        ["  events: [1064, 0]"],
        ["  events: [1064, 50.0]"],
    )


def test_a_frame_is_its_own_lines_at_the_end(tmp_path: Path) -> None:
    gone, came = diff(lambda chain: chain.group("Payments", ["jobs", "payment"]), tmp_path)

    assert (gone, came) == ([], ["", "groups:", "  Payments: [jobs, payment]"])


def test_a_rename_is_the_lines_that_name_the_service(tmp_path: Path) -> None:
    gone, came = diff(lambda chain: chain.rename("payment", "charge"), tmp_path)

    assert gone == [
        "  payment:",
        "  - {from: jobs, to: payment, batch_size: 5, report_batch_item_failures: true}",
        "  - {from: payment, to: events, after_fraction: 1.0}",
        "  payment: [798, 0]",
    ]
    assert came == [line.replace("payment", "charge") for line in gone]


def test_a_rename_within_braces_keeps_the_rest_of_its_line(tmp_path: Path) -> None:
    gone, came = diff(lambda chain: chain.rename("jobs", "queue"), tmp_path)

    assert came == [line.replace("jobs:", "queue:").replace(" jobs", " queue", 1) if "jobs-dead" in line else
                    line.replace("jobs", "queue") for line in gone]  # fmt: skip
    assert len(gone) == 5


def test_a_rename_and_another_change_at_once_keep_all_comments(tmp_path: Path) -> None:
    def change(chain: ck.Chain) -> None:
        chain.rename("payment", "charge")
        chain.set("charge", memory_mb=1024)
        chain.remove("events>shipping")

    gone, came = diff(change, tmp_path)

    assert [line for line in gone if line.lstrip().startswith("#")] == []
    assert (len(gone), len(came)) == (6, 6)


def test_a_service_that_comes_back_stands_where_it_stood(tmp_path: Path) -> None:
    chain = ck.load(ORDERS)
    before = chain.copy()
    chain.remove("inventory")
    chain.save(tmp_path / "orders.chain.yaml")
    chain.become(before)

    assert [*ck.load(chain.save(tmp_path / "orders.chain.yaml")).services] == [*before.services]


def test_a_service_that_takes_the_place_of_another_kind_is_no_rename(tmp_path: Path) -> None:
    def change(chain: ck.Chain) -> None:
        chain.remove("confirm")
        chain.add(ck.SqsQueue("audit"))

    gone, came = diff(change, tmp_path)

    assert "  confirm:" in gone
    assert came == ["  audit:", "    type: SqsQueue"]
