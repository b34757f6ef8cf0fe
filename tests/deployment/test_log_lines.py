"""Log lines of all functions in one order: paged, found by id, parsed; the example's own handlers are the oracle."""

import json
import time
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

import chainkit as ck
from chainkit.data import path
from chainkit.deployment.log_lines import LogLine, insights, line_of, names, read


class FakeLogs:
    """CloudWatch Logs with two events a page; an empty page stands in the middle."""

    def __init__(self, groups):
        self.groups = groups
        self.asked = []

    def filter_log_events(self, **asked):
        self.asked.append(asked)
        if asked["logGroupName"] not in self.groups:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}, "FilterLogEvents")
        events = self.groups[asked["logGroupName"]]
        at = int(asked.get("nextToken", "0"))
        if at == 2 and asked["nextToken"] == "2":
            return {"events": [], "nextToken": "02"}
        page = [{"timestamp": at_ms, "message": text} for at_ms, text in events[at : at + 2]]
        return {"events": page, **({"nextToken": str(at + 2)} if at + 2 < len(events) else {})}


def target_of(groups):
    logs = FakeLogs(groups)
    return SimpleNamespace(name="fake", endpoint_url="x", client=lambda _: logs), logs


GROUPS = {
    "/pay": [(5, "five"), (7, "seven id-1"), (9, "nine"), (11, "eleven id-1 x"), (13, "id-12")],
    "/ship": [(6, "six id-1"), (7, "seven too"), (12, '{"correlationId": "id-1"}')],
}


def read_all(*, correlation_id=None, groups=GROUPS, **options):
    target, logs = target_of(GROUPS)
    names = {group.strip("/"): group for group in groups}
    return read(target, "orders", names, correlation_id=correlation_id, **options), logs


def test_all_pages_of_all_groups_come_in_the_order_of_their_times():
    found, _ = read_all()

    assert [line.text.split()[0] for line in found] == [
        "five", "six", "seven", "seven", "nine", "eleven", '{"correlationId":', "id-12",
    ]  # fmt: skip
    assert [line.function for line in found][:4] == ["pay", "ship", "pay", "ship"]
    assert not found.is_cut


def test_an_id_is_asked_for_and_must_be_a_word_of_its_own():
    found, logs = read_all(correlation_id="id-1")

    assert [line.at.microsecond // 1000 for line in found] == [6, 7, 11, 12]
    assert {asked["filterPattern"] for asked in logs.asked} == {'"id-1"'}


def test_no_more_than_asked_for_are_read_and_that_is_said():
    found, logs = read_all(limit=3)

    assert [line.text for line in found] == ["five", "six id-1", "seven id-1"]
    assert found.is_cut
    assert str(found).endswith("only the first 3 are shown; ask with limit= or since_s=")
    assert not read_all(limit=8)[0].is_cut
    assert read_all(groups=("/pay",), limit=4)[0].is_cut
    assert sum(asked["logGroupName"] == "/pay" for asked in logs.asked) < 4


def test_a_group_that_is_not_there_yet_has_no_lines():
    assert len(read_all(groups=("/pay", "/none"))[0]) == 5


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (
            ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "FilterLogEvents"),
            "was refused: Acc",
        ),
        (EndpointConnectionError(endpoint_url="x"), "it does not answer"),
    ],
)
def test_a_refusal_is_told(error, problem):
    def refuses(**_):
        raise error

    target = SimpleNamespace(endpoint_url="x", client=lambda _: SimpleNamespace(filter_log_events=refuses))
    with pytest.raises(ck.DeployError, match=problem):
        read(target, "orders", {"pay": "/pay"}, correlation_id=None)


@pytest.mark.parametrize(
    ("text", "level", "message", "id_"),
    [
        ('{"level": "INFO", "message": "done", "correlationId": "c-1"}', "INFO", "done", "c-1"),
        ('{"level": "WARN", "message": "slow", "correlation_id": "c-2"}', "WARN", "slow", "c-2"),
        ('{"log_level": "INFO", "msg": "m", "x-correlation-id": 7}', "INFO", "m", "7"),
        ('{"correlationId": null}', "", '{"correlationId": null}', ""),
        ("[ERROR] Down: no answer", "ERROR", "Down: no answer", ""),
        ("[ERROR]\t2026-11-27T12:00:00Z\tid\tDown", "ERROR", "2026-11-27T12:00:00Z\tid\tDown", ""),
        ("START RequestId: 1 Version: $LATEST\n", "", "START RequestId: 1 Version: $LATEST", ""),
        ("{broken", "", "{broken", ""),
        ("[1, 2]", "", "[1, 2]", ""),
        ("", "", "", ""),
    ],
)
def test_lines_say_level_message_and_id(text, level, message, id_):
    line = line_of(0, "pay", text)

    assert (line.level, line.message, line.correlation_id) == (level, message, id_)
    assert isinstance(str(line), str)


def test_an_id_with_signs_of_patterns_is_taken_as_it_is():
    assert names('x "a.b(c" y', "a.b(c")
    assert not names("axb(c", "a.b(c")
    assert 'like "a\\"b\\\\c"' in insights('a"b\\c', []).query


def test_lines_become_a_frame_with_what_json_says_besides():
    frame = read_all()[0].to_frame()

    assert [*frame.columns] == ["at", "function", "level", "message", "correlation_id", "text"]
    assert len(frame) == 8
    assert [*ck.Logs(chain="x", lines=()).to_frame().columns] == [*frame.columns]
    fields = {"orderId": "7", "level": "INFO", "text": "own"}
    line = LogLine(at=read_all()[0][0].at, function="pay", message="m", fields=fields, text="{}")
    assert ck.Logs(chain="x", lines=(line,)).to_frame().loc[0, ["orderId", "text"]].tolist() == ["7", "{}"]


# --- on a target ---


@pytest.fixture(scope="module")
def orders():
    chain = ck.example("orders")
    events = [json.loads(line) for line in path("chains", "orders", "orders.jsonl").read_text("utf-8").splitlines()][:3]
    with ck.local() as target:
        stack = ck.deploy(ck.plan(chain, target))
        yield stack, stack.send_many(events)


def test_the_lines_of_one_order_come_from_all_its_functions_in_the_order_in_which_they_were_written(orders):
    stack, _ = orders
    id_ = next(line.correlation_id for line in stack.logs() if line.correlation_id)
    found = stack.logs(id_)

    assert [line.function for line in found][:3] == ["validate", "inventory", "payment"]
    assert {line.function for line in found} == {"validate", "inventory", "payment", "shipping", "confirm"}
    assert [line.fields["timestamp"] for line in found] == sorted(line.fields["timestamp"] for line in found)
    assert len({line.fields["orderId"] for line in found}) == 1
    assert repr(found) == "Logs('orders', 5 lines of one correlation id)"
    assert "validate   INFO  order accepted  orderId=ord-2026-0" in str(found)


def test_a_correlation_id_leads_to_the_trace_and_so_does_the_root(orders):
    stack, traces = orders
    id_ = next(line.correlation_id for line in stack.logs() if line.correlation_id)

    assert any(id_ in line for span in stack.trace(id_).spans for line in span.logs)
    assert all(stack.trace(trace.request) is trace for trace in traces)


def test_the_query_is_one_that_logs_insights_takes(orders):
    stack, _ = orders
    asked = stack.logs_query("some-id")
    client = stack.target.client("logs")
    end = int(time.time()) + 60

    assert asked.groups == tuple(
        f"/aws/lambda/orders-{n}" for n in ("validate", "inventory", "payment", "shipping", "confirm")
    )
    assert client.start_query(logGroupNames=[*asked.groups], startTime=0, endTime=end, queryString=asked.query)[
        "queryId"
    ]


def test_one_function_and_a_time_can_be_asked_for(orders):
    stack, _ = orders

    assert {line.function for line in stack.logs(function="payment")} == {"payment"}
    assert len(stack.logs(since_s=3600)) == len(stack.logs()) > len(stack.logs(since_s=0))


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"correlation_id": ""}, "is no id"),
        ({"correlation_id": 7}, "is no id"),
        ({"function": "jobs"}, "'jobs' of 'orders' logs nothing"),
        ({"function": "paymnt"}, "did you mean 'payment'"),
        ({"since_s": -1}, "is no time"),
        ({"since_s": float("nan")}, "is no time"),
        ({"limit": 0}, r"outside 1\.\.1,000,000"),
        ({"limit": True}, "limit=True"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(orders, asked, problem):
    with pytest.raises(ck.ConfigError, match=problem):
        orders[0].logs(**asked)


def test_an_id_of_nothing_is_refused(orders):
    for wrong in ("nothing", "", None, 7):
        with pytest.raises(ck.ConfigError, match="there is no trace"):
            orders[0].trace(wrong)
    with pytest.raises(ck.ConfigError, match="is no id"):
        orders[0].logs_query("")
