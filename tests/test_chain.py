"""The chain: every way to read, change and check it, and the graph it is."""

import subprocess
import sys
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import chainkit as ck
from chainkit.chain import Chain, load
from chainkit.errors import ChainkitError, ConfigError, WiringError
from chainkit.services.http_api import HttpApi
from chainkit.services.lambda_function import LambdaFunction
from chainkit.services.sqs_queue import SqsQueue
from chainkit.services.state_machine import StateMachine
from tests.strategies import chains, links_of

SLOW = settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
MACHINE = {
    "StartAt": "Pay",
    "States": {
        "Pay": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "${pay}"},
            "End": True,
        }
    },
}


@pytest.fixture
def orders():
    chain = Chain("orders")
    chain.add(HttpApi("api"))
    chain.add(LambdaFunction("validate", timeout_s=10))
    chain.add(SqsQueue("jobs", visibility_timeout_s=60))
    chain.add(LambdaFunction("pay", timeout_s=10))
    chain.connect("api", "validate")
    chain.connect("validate", "jobs")
    chain.connect("jobs", "pay", batch_size=5)
    return chain


def refusal(kind, call, *args, **options):
    with pytest.raises(kind) as caught:
        call(*args, **options)
    return caught.value.problem, caught.value.fix


def texts(errors):
    return [str(error) for error in errors]


# --- adding ---


def test_what_is_added_is_returned_and_kept_in_order(orders):
    assert orders.add(SqsQueue("dead")) == SqsQueue("dead")
    assert [*orders.services] == ["api", "validate", "jobs", "pay", "dead"]


def test_a_name_that_is_taken_is_refused(orders):
    assert refusal(WiringError, orders.add, SqsQueue("pay")) == (
        "chain 'orders' has a service 'pay' already",
        "choose another name, or change the one there with chain.set",
    )
    assert isinstance(orders.services["pay"], LambdaFunction)


@SLOW
@given(chain=chains())
def test_adding_and_removing_again_changes_nothing(chain):
    before = chain.copy()
    chain.add(SqsQueue("the-new-queue"))
    chain.remove("the-new-queue")

    assert chain == before


# --- connecting ---


def test_ends_are_services_or_their_names(orders):
    link = orders.connect(orders.services["pay"], "jobs")

    assert (link.word, link.source, link.target) == ("send", "pay", "jobs")
    assert orders.links["pay>jobs"] is link


def test_parallel_links_are_numbered(orders):
    orders.connect("validate", "jobs", link="on_failure")
    orders.connect("validate", "jobs", step=2)

    assert [key for key in orders.links if key.startswith("validate")] == [
        "validate>jobs",
        "validate>jobs#2",
        "validate>jobs#3",
    ]


def test_a_missing_end_is_refused_with_the_nearest(orders):
    assert refusal(WiringError, orders.connect, "validat", "jobs") == (
        "chain 'orders' has no service 'validat' (did you mean 'validate'?)",
        "its services: api, validate, jobs, pay",
    )


def test_what_does_not_fit_is_refused_and_adds_nothing(orders):
    before = orders.copy()
    refusal(WiringError, orders.connect, "jobs", "api")
    refusal(ConfigError, orders.connect, "jobs", "pay", batch_size=0)

    assert orders == before


# --- reading ---


def test_an_empty_chain_has_no_service_to_name():
    assert refusal(WiringError, Chain("orders").service, "pay") == (
        "chain 'orders' has no service 'pay'",
        "its services: none yet",
    )


def test_links_are_found_by_id(orders):
    assert orders.link("jobs>pay").batch_size == 5
    assert refusal(WiringError, orders.link, "jobs>pya") == (
        "chain 'orders' has no link 'jobs>pya' (did you mean 'jobs>pay'?)",
        "its links: api>validate, validate>jobs, jobs>pay",
    )


def test_what_enters_and_leaves_a_service(orders):
    assert [key for key, _ in orders.incoming("jobs")] == ["validate>jobs"]
    assert [key for key, _ in orders.outgoing("jobs")] == ["jobs>pay"]


def test_requests_enter_where_nothing_leads(orders):
    assert orders.entries() == ["api"]


def test_a_queue_that_only_takes_dead_letters_is_no_entry(orders):
    orders.add(ck.SnsTopic("news"))
    orders.add(SqsQueue("dead"))
    orders.connect("validate", "news")
    orders.connect("news", "pay", dead_letter_queue="dead")

    assert orders.entries() == ["api"]


def test_the_mappings_are_copies(orders):
    orders.services.clear()
    orders.links.clear()

    assert (len(orders.services), len(orders.links)) == (4, 3)


def test_a_chain_shows_itself_the_same_way_each_time(orders):
    assert repr(orders) == "Chain('orders', 4 services, 3 links)"
    assert str(orders) == (
        "orders (us-east-1)\n"
        "  api: HTTP API\n"
        "    -> validate (sync)\n"
        "  validate: Lambda function\n"
        "    -> jobs (send)\n"
        "  jobs: SQS queue\n"
        "    -> pay (mapping)\n"
        "  pay: Lambda function"
    )


# --- the graph ---


def test_nodes_and_edges_carry_services_and_links(orders):
    graph = orders.graph

    assert graph.nodes["pay"]["service"] is orders.services["pay"]
    assert graph.edges["jobs", "pay", "jobs>pay"]["link"] is orders.links["jobs>pay"]
    assert [kind for _, _, kind in graph.edges(data="kind")] == ["sync", "send", "poll"]
    assert graph.name == "orders"


def test_the_graph_is_read_only(orders):
    with pytest.raises(nx.NetworkXError, match="Frozen"):
        orders.graph.add_node("more")
    with pytest.raises(nx.NetworkXError, match="Frozen"):
        orders.graph.remove_edge("jobs", "pay")


def test_the_graph_follows_every_change(orders):
    first = orders.graph
    orders.add(SqsQueue("dead"))
    orders.connect("jobs", "dead")

    assert "dead" not in first
    assert orders.graph.has_edge("jobs", "dead", key="jobs>dead")
    assert orders.graph is orders.graph

    orders.set("jobs>dead", max_receive_count=3)
    orders.set("dead", delay_s=1)

    assert orders.graph.edges["jobs", "dead", "jobs>dead"]["link"].max_receive_count == 3
    assert orders.graph.nodes["dead"]["service"].delay_s == 1

    orders.remove("dead")

    assert "dead" not in orders.graph


def test_dead_letters_are_edges_from_the_link_s_source(orders):
    orders.add(ck.SnsTopic("news"))
    orders.add(SqsQueue("dead"))
    orders.connect("news", "pay", dead_letter_queue="dead")

    assert orders.graph.edges["news", "dead", "news>pay!"]["kind"] == "dead_letter"
    assert "-> dead (dead_letter)" in str(orders)


def test_networkx_works_on_the_graph_as_it_is(orders):
    orders.add(LambdaFunction("audit"))
    orders.connect("validate", "audit", link="async")
    graph = orders.graph

    assert [*nx.topological_sort(graph)][:2] == ["api", "validate"]
    assert nx.descendants(graph, "validate") == {"jobs", "pay", "audit"}
    assert nx.shortest_path(graph, "api", "pay") == ["api", "validate", "jobs", "pay"]
    assert nx.dag_longest_path(graph) == ["api", "validate", "jobs", "pay"]
    assert [*nx.simple_cycles(graph)] == []


def test_networkx_finds_a_cycle(orders):
    orders.connect("pay", "jobs")

    assert [sorted(cycle) for cycle in nx.simple_cycles(orders.graph)] == [["jobs", "pay"]]


@SLOW
@given(chain=chains())
def test_the_graph_holds_every_service_and_link(chain):
    assert [*chain.graph] == [*chain.services]
    assert {key for *_, key in chain.graph.edges(keys=True) if not key.endswith("!")} == {*chain.links}


# --- setting ---


def test_a_setting_is_changed_and_the_new_service_returned(orders):
    before = orders.services["pay"]

    assert orders.set("pay", memory_mb=1024).memory_mb == 1024
    assert orders.services["pay"] == before.with_settings(memory_mb=1024)
    assert before.memory_mb == 128


def test_a_link_s_setting_is_changed(orders):
    assert orders.set("jobs>pay", batch_size=7).batch_size == 7
    assert orders.links["jobs>pay"].batch_size == 7


@pytest.mark.parametrize(
    ("key", "change", "kind", "problem"),
    [
        ("pay", {"memory_mb": 64}, ConfigError, "LambdaFunction 'pay': memory_mb=64 is outside 128..10240 MB"),
        (
            "pay",
            {"memory": 512},
            ConfigError,
            "LambdaFunction 'pay': unknown setting 'memory' (did you mean 'memory_mb'?)",
        ),
        (
            "pay",
            {"name": "charge"},
            ConfigError,
            "LambdaFunction 'pay': name='charge' cannot be set: it says which one this is",
        ),
        (
            "jobs>pay",
            {"batch_size": 0},
            ConfigError,
            "EventSourceMapping 'jobs' to 'pay': batch_size=0 is outside 1..10000",
        ),
        (
            "jobs>pay",
            {"target": "validate"},
            ConfigError,
            "EventSourceMapping 'jobs' to 'pay': target='validate' cannot be set: it says which one this is",
        ),
        ("pya", {"memory_mb": 512}, WiringError, "chain 'orders' has no service 'pya' (did you mean 'pay'?)"),
    ],
)
def test_a_refused_setting_leaves_the_chain_as_it_was(key, change, kind, problem, orders):
    before, graph = orders.copy(), orders.graph

    assert refusal(kind, orders.set, key, **change)[0] == problem
    assert orders == before
    assert orders.graph is graph


@SLOW
@given(chain=chains(), data=st.data())
def test_setting_what_is_there_already_changes_nothing(chain, data):
    before = chain.copy()
    for key, link in links_of(chain).items():
        plain = {name: getattr(link, name) for name in link.to_plain() if name != "link"}
        chain.set(key, **plain)

    assert chain == before


# --- removing ---


def test_a_service_leaves_with_its_links_and_place(orders):
    orders.layout = {"jobs": (0.0, 0.0), "pay": (1.0, 0.0)}
    orders.remove("jobs")

    assert [*orders.services] == ["api", "validate", "pay"]
    assert [*orders.links] == ["api>validate"]
    assert orders.layout == {"pay": (1.0, 0.0)}


def test_a_link_leaves_alone(orders):
    orders.remove("jobs>pay")

    assert [*orders.links] == ["api>validate", "validate>jobs"]
    assert len(orders.services) == 4


def test_what_is_not_there_cannot_be_removed(orders):
    problem, _ = refusal(WiringError, orders.remove, "job")

    assert problem == "chain 'orders' has no service 'job' (did you mean 'jobs'?)"


@SLOW
@given(chain=chains())
def test_everything_can_be_removed_in_any_order(chain):
    for name in reversed([*chain.services]):
        chain.remove(name)

    assert (chain.services, chain.links, chain.layout) == ({}, {}, {})


# --- copying, equality ---


def test_a_copy_is_equal_and_its_changes_are_its_own(orders):
    twin = orders.copy()
    assert twin == orders

    twin.set("pay", memory_mb=1024)
    twin.remove("jobs>pay")
    twin.layout["pay"] = (1.0, 1.0)

    assert twin != orders
    assert orders.services["pay"].memory_mb == 128
    assert "jobs>pay" in orders.links
    assert orders.layout == {}


def test_a_copy_can_have_another_name(orders):
    assert orders.copy("orders-sns").name == "orders-sns"
    assert orders.copy("orders-sns") != orders


def test_the_layout_is_no_part_of_equality(orders):
    twin = orders.copy()
    twin.layout["pay"] = (1.0, 1.0)

    assert twin == orders


def test_the_region_is_part_of_equality(orders):
    twin = orders.copy()
    twin.region = "eu-west-1"

    assert twin != orders


def test_a_chain_equals_no_other_thing(orders):
    assert orders != "orders"


def test_the_number_of_a_parallel_link_is_no_part_of_equality(orders):
    orders.connect("validate", "jobs", step=2)
    orders.remove("validate>jobs")

    assert Chain.from_plain(orders.to_plain()) == orders


@SLOW
@given(chain=chains())
def test_a_chain_is_equal_to_what_its_plain_form_makes(chain):
    assert Chain.from_plain(chain.to_plain()) == chain


# --- state machines ---


@pytest.fixture
def flow():
    chain = Chain("orders")
    chain.add(StateMachine("flow", definition=MACHINE))
    chain.add(LambdaFunction("pay"))
    return chain


def test_tasks_are_links_of_the_graph(flow):
    assert flow.graph.edges["flow", "pay", "flow>pay"]["kind"] == "task"
    assert flow.entries() == ["flow"]


def test_tasks_are_not_saved(flow):
    assert flow.to_plain()["links"] == []
    assert Chain.from_plain(flow.to_plain()).links == flow.links


@pytest.mark.parametrize("change", [lambda c: c.set("flow>pay", message_bytes=1), lambda c: c.remove("flow>pay")])
def test_tasks_are_changed_in_the_definition_only(change, flow):
    assert refusal(WiringError, change, flow) == (
        "link 'flow>pay' is part of a state machine",
        "change the machine's definition",
    )


def test_a_task_goes_with_its_target(flow):
    flow.remove("pay")

    assert flow.links == {}


# --- checking ---


def test_a_design_that_runs_has_no_errors(orders):
    assert orders.validate() == []
    orders.require_valid()


def test_an_empty_chain_cannot_run():
    assert texts(Chain("orders").validate()) == ["chain 'orders' is empty\n  fix: add a service with chain.add"]


def test_the_first_error_is_raised_where_a_valid_chain_is_needed():
    chain = Chain("orders")

    assert refusal(ChainkitError, chain.require_valid)[0] == "chain 'orders' is empty"


def test_links_are_checked_with_their_ids(orders):
    orders.set("jobs>pay", batch_size=100)

    assert texts(orders.validate()) == [
        "link 'jobs>pay': batch_size=100 needs a batching window\n"
        "  fix: set maximum_batching_window_s to 1 or more, or batch_size to 10 or less"
    ]


@pytest.mark.parametrize(("queue", "hint"), [("ded", " (did you mean 'dead'?)"), ("pay", " (did you mean 'pay'?)")])
def test_dead_letters_need_a_queue_of_the_chain(queue, hint, orders):
    orders.add(ck.SnsTopic("news"))
    orders.add(SqsQueue("dead"))
    orders.connect("news", "pay", dead_letter_queue=queue)

    [error] = orders.validate()
    assert error.problem.startswith(f"link 'news>pay': dead_letter_queue={queue!r} is not a queue of this chain")
    assert error.fix == "add the queue, or name one that is there"


def test_cases_exclude_each_other(orders):
    orders.connect("validate", "pay", case="kind", probability=0.7)
    orders.connect("validate", "pay", case="kind", probability=0.3)
    assert orders.validate() == []

    orders.set("validate>pay", probability=0.8)
    assert texts(orders.validate()) == [
        "'validate': case 'kind': probabilities add to 1.1, more than 1\n"
        "  fix: give each link its probability: they exclude each other"
    ]


def test_the_routes_of_an_api_exclude_each_other(orders):
    orders.connect("api", "pay", route="POST /pay")

    assert "'api': routes: probabilities add to 2, more than 1" in texts(orders.validate())[0]


def test_a_queue_has_one_consumer(orders):
    orders.connect("jobs", "validate")

    assert texts(orders.validate()) == [
        "'jobs' has 2 links of kind mapping; it can have one\n"
        "  fix: keep one; give each consumer its own queue, and each route its own path"
    ]


def test_a_queue_has_one_dead_letter_queue(orders):
    for name in ("dead", "deader"):
        orders.add(SqsQueue(name))
        orders.connect("jobs", name)

    assert "'jobs' has 2 links of kind redrive" in texts(orders.validate())[0]


def test_a_function_has_one_destination_of_each_kind(orders):
    orders.add(SqsQueue("dead"))
    for _ in range(2):
        orders.connect("pay", "dead", link="on_failure")

    assert "'pay' has 2 links of kind on_failure" in texts(orders.validate())[0]


def test_two_routes_of_an_api_are_not_the_same(orders):
    orders.connect("api", "pay", probability=0.5)
    orders.set("api>validate", probability=0.5)
    assert "'api' has 2 links of kind route '$default'" in texts(orders.validate())[0]

    orders.set("api>pay", route="POST /pay")
    assert orders.validate() == []


def test_a_chain_has_a_name_that_aws_takes():
    chain = Chain("my orders!")
    chain.add(SqsQueue("jobs"))

    assert texts(chain.validate()) == [
        "chain 'my orders!': its name is the first part of every deployed name\n"
        "  fix: use a letter, then at most 47 letters, digits, - or _"
    ]


def test_names_on_aws_have_at_most_64_characters():
    chain = Chain("a" * 40)
    chain.add(SqsQueue("b" * 30))

    assert "has 71 characters; 64 are allowed" in texts(chain.validate())[0]


def test_a_circle_of_calls_is_an_error_unless_requests_can_leave_it(orders):
    orders.connect("validate", "pay")
    orders.connect("pay", "validate")
    assert texts(orders.validate()) == [
        "synchronous calls in a circle: validate > pay > validate; every request would wait for itself\n"
        "  fix: give one of its links a probability below 1, make one asynchronous, or remove it"
    ]

    orders.set("pay>validate", probability=0.1)
    assert orders.validate() == []


def test_a_circle_of_messages_is_no_error(orders):
    orders.connect("pay", "jobs")

    assert orders.validate() == []


def test_a_function_that_calls_itself_is_a_circle(orders):
    orders.connect("pay", "pay")

    assert "synchronous calls in a circle: pay > pay" in texts(orders.validate())[0]


@SLOW
@given(chain=chains())
def test_every_error_says_how_to_mend_it(chain):
    errors = chain.validate()

    assert [error for error in errors if not error.fix] == []
    assert texts(errors) == texts(Chain.from_plain(chain.to_plain()).validate())


# --- the design file ---


def test_a_chain_remembers_its_file(orders, tmp_path):
    file = orders.save(str(tmp_path / "orders.chain.yaml"))

    assert orders.path == file
    assert load(file).path == file


def test_a_saved_chain_loads_in_a_new_process(orders, tmp_path):
    file = orders.save(tmp_path / "orders.chain.yaml")
    code = f"import chainkit as ck; print(ck.load({str(file)!r}))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert out.strip() == str(orders)


# --- names, places and groups ---


def test_a_rename_reaches_links_dead_letters_machines_layout_and_groups() -> None:
    chain = ck.example("orders-sfn")
    chain.group("Payments", ["payment", "jobs-dead"] if "jobs-dead" in chain.services else ["payment"])
    before = [(key, type(link)) for key, link in chain.links.items()]
    chain.rename("payment", "charge")

    assert chain.validate() == []
    assert "payment" not in chain.services
    assert [kind for _, kind in before] == [type(link) for link in chain.links.values()]
    assert not any("payment" in (link.source, link.target) for link in chain.links.values())
    assert chain.groups["Payments"][0] == "charge"


def test_a_renamed_dead_letter_queue_is_still_that_of_its_delivery() -> None:
    chain = ck.Chain("events")
    for service in (ck.SnsTopic("topic"), ck.LambdaFunction("f"), ck.SqsQueue("dead")):
        chain.add(service)
    chain.connect("topic", "f", dead_letter_queue="dead")
    chain.rename("dead", "lost")

    assert chain.link("topic>f").dead_letters == "lost"
    assert chain.validate() == []


def test_a_rename_keeps_order_numbers_of_parallel_links_and_the_chain_when_refused() -> None:
    chain = ck.Chain("two")
    chain.add(ck.LambdaFunction("a")), chain.add(ck.LambdaFunction("b"))
    chain.connect("a", "b"), chain.connect("a", "b", link="async")
    chain.rename("a", "first")

    assert list(chain.services) == ["first", "b"]
    assert list(chain.links) == ["first>b", "first>b#2"]
    before = chain.copy()
    for old, new, problem in (("b", "first", "already"), ("b", "no name!", "is not a name"), ("c", "d", "no service")):
        with pytest.raises(ck.ChainkitError, match=problem):
            chain.rename(old, new)
    assert chain == before
    assert chain.rename("b", "b").name == "b"


def test_groups_are_saved_and_follow_what_is_removed(tmp_path: Path) -> None:
    chain = ck.Chain("grouped")
    chain.add(ck.SqsQueue("jobs")), chain.add(ck.LambdaFunction("pay"))
    chain.group("Payments", ["jobs", "pay"])
    again = ck.load(chain.save(tmp_path / "grouped.chain.yaml"))
    assert again.groups == {"Payments": ("jobs", "pay")}

    chain.remove("jobs")
    assert chain.groups == {"Payments": ("pay",)}
    chain.group("Other", ["pay"])
    assert chain.groups == {"Other": ("pay",)}
    chain.group("Other", [])
    assert chain.groups == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("groups: [jobs]", "groups is a list"),
        ("groups: {Payments: jobs}", "group 'Payments' is text"),
        ("groups: {Payments: [pays]}", "orders.chain.yaml:4: chain 'orders' has no service 'pays'"),
    ],
)
def test_groups_that_are_none_are_refused_with_their_line(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "orders.chain.yaml"
    file.write_text(f"chainkit: 1\nchain: orders\nservices: {{pay: {{type: LambdaFunction}}}}\n{text}\n")

    with pytest.raises(ck.ChainkitError, match=problem):
        ck.load(file)


def test_a_chain_becomes_another_and_keeps_its_name_and_file() -> None:
    chain, other = ck.Chain("mine"), ck.example("orders")
    chain.become(other)

    assert chain.name == "mine"
    assert chain.links.keys() == other.links.keys()
    assert chain.layout == other.layout
