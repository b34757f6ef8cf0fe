"""What an emulator is asked over loopback HTTP."""

import math
import urllib.error
import urllib.request

import pytest

from chainkit.errors import ConfigError


@pytest.mark.parametrize("span_s", [-1.0, math.nan, math.inf, 1e12])
def test_no_time_and_too_much_of_it_are_refused(aws, span_s):
    with pytest.raises(ConfigError, match="advance: span_s="):
        aws.emulator.advance(span_s)


@pytest.mark.parametrize("query", ["", "?span_s=nan", "?span_s=-1", "?span_s=inf"])
def test_a_question_without_sense_is_answered_at_once(aws, query):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{aws.emulator.endpoint_url}/_chainkit/advance{query}", timeout=20)

    assert caught.value.code == 404
    caught.value.close()


def test_addresses_of_function_urls_keep_path_and_query(aws):
    url = aws.emulator.local_url("https://abc.lambda-url.us-east-1.on.aws/orders/7?full=1")

    assert url == f"{aws.emulator.endpoint_url}/_urls/abc/orders/7?full=1"
