"""SQS, SNS, EventBridge: batches, kinds, sizes."""

import pytest

from chainkit.errors import ConfigError
from chainkit.uses.messages import EventBridgeUse, SnsUse, SqsUse


def counted(use):
    totals = {}
    for each in use.quantities():
        totals[each.price] = totals.get(each.price, 0) + each.quantity
    return totals


def test_a_message_through_a_queue_is_three_requests_and_three_tenths_in_full_batches():
    through = {"sends": 1e6, "receives": 1e6, "deletes": 1e6}

    assert counted(SqsUse(**through)) == {"sqs-standard-requests": 3e6}
    assert counted(SqsUse(**through, batch_size=10)) == {"sqs-standard-requests": 3e5}


def test_a_delete_and_an_empty_receive_have_no_payload():
    assert counted(SqsUse(deletes=10, empty_receives=5, message_kb=1024)) == {"sqs-standard-requests": 15}


@pytest.mark.parametrize(
    ("queue", "expected"),
    [
        ("standard", {"sqs-standard-requests": 6}),
        ("fifo", {"sqs-fifo-requests": 6}),
        ("fair", {"sqs-standard-requests": 6, "sqs-fair-requests": 2}),
    ],
)
def test_a_queue_is_priced_by_its_kind(queue, expected):
    assert counted(SqsUse(queue=queue, sends=1, receives=2, message_kb=65)) == pytest.approx(expected)


def test_an_http_delivery_is_counted_by_size_and_others_by_message():
    use = SnsUse(publishes=1, message_kb=65, to_http=1, to_lambda=1, to_email=1)

    assert counted(use) == {
        "sns-publishes": 2, "sns-deliveries-http": 2, "sns-deliveries-lambda": 1, "sns-deliveries-email": 1,
    }  # fmt: skip


def test_a_fifo_topic_counts_every_message_for_every_subscription_and_its_gigabytes():
    use = SnsUse(topic="fifo", publishes=1024 * 1024, message_kb=1, subscriptions=5)

    assert counted(use) == {
        "sns-fifo-publishes": 1024 * 1024, "sns-fifo-published-gb": 1, "sns-fifo-deliveries": 5 * 1024 * 1024,
        "sns-fifo-delivered-gb": 5,
    }  # fmt: skip


@pytest.mark.parametrize(
    "given", [{"topic": "fifo", "to_email": 1}, {"subscriptions": 1}, {"archive_gb": 1}, {"archived_messages": 1}]
)
def test_what_a_kind_of_topic_does_not_have_is_refused(given):
    with pytest.raises(ConfigError, match="1 is counted for topic="):
        SnsUse(**given)


def test_a_pipe_pays_for_what_passes_its_filter_by_batch_and_by_64_kb():
    assert counted(EventBridgeUse(pipe_events=100, pipe_pass_fraction=0.5, pipe_batch_size=10)) == {"events-pipes": 5}
    assert counted(EventBridgeUse(pipe_events=100, pipe_batch_size=10, event_kb=10)) == {"events-pipes": 20}


def test_discovery_counts_each_8_kb_and_an_archive_gigabytes():
    use = EventBridgeUse(discovered_events=1, archived_events=1024 * 1024, event_kb=17)

    assert counted(use) == {"events-schema-discovery": 3, "events-archived-gb": 17}


def test_a_batch_of_more_than_ten_is_refused():
    with pytest.raises(ConfigError, match=r"batch_size=11 is outside 1\.\.10"):
        SqsUse(batch_size=11)
