"""Bills of uses that are typed in: what they share, what they refuse, and laws that hold for every one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainkit as ck
from chainkit.billing.estimate import estimate
from chainkit.billing.prices import price_book
from chainkit.errors import ConfigError, PriceMissingError

# Round figures as people type them: sums of such floats differ in their last digits only.
amounts = st.floats(0, 1e11).map(lambda x: float(f"{x:.6g}"))
uses = st.one_of(
    st.builds(
        ck.LambdaUse,
        requests=amounts,
        duration_ms=st.floats(0, 900_000),
        memory_mb=st.sampled_from([128, 1024, 1769]),
        architecture=st.sampled_from(["x86_64", "arm64"]),
        event_kb=st.floats(0, 1024),
    ),
    st.builds(ck.SqsUse, queue=st.sampled_from(["standard", "fifo", "fair"]), sends=amounts, receives=amounts),
    st.builds(ck.CloudWatchUse, lambda_logs_gb=amounts, logs_gb=amounts, insights_gb=amounts, metrics=amounts),
    st.builds(ck.ApiGatewayUse, api=st.sampled_from(["http", "rest"]), requests=amounts, response_kb=amounts),
)
accounts = st.lists(uses, max_size=6)


def near(value):
    return pytest.approx(value, rel=1e-9, abs=1e-9)


# --- laws ---


@given(accounts, st.booleans(), st.data())
def test_how_uses_are_spread_over_nodes_never_changes_what_the_account_pays(parts, free_tier, data):
    nodes = data.draw(st.lists(st.sampled_from("abc"), min_size=len(parts), max_size=len(parts)))
    spread = {node: [part for part, name in zip(parts, nodes, strict=True) if name == node] for node in "abc"}

    together = estimate({"all": parts}, free_tier=free_tier)
    apart = estimate(spread, free_tier=free_tier)

    assert apart.total_usd == near(together.total_usd)


@given(amounts, st.lists(st.floats(0.01, 1), min_size=1, max_size=5), st.booleans())
def test_a_use_split_in_parts_costs_what_it_costs_as_a_whole(requests, shares, free_tier):
    whole = ck.LambdaUse(requests=requests, duration_ms=120, memory_mb=1536)
    parts = [
        ck.LambdaUse(requests=requests * share / math.fsum(shares), duration_ms=120, memory_mb=1536) for share in shares
    ]
    split = {f"part{k}": part for k, part in enumerate(parts)}

    assert estimate(split, free_tier=free_tier).total_usd == near(estimate({"a": whole}, free_tier=free_tier).total_usd)


@given(accounts, st.booleans())
def test_what_the_account_pays_for_a_price_is_its_tiers_of_all_quantities(parts, free_tier):
    actual, book = estimate({"all": parts}, free_tier=free_tier), price_book("us-east-1")
    for key in {line.price for line in actual.lines}:
        lines = [line for line in actual.lines if line.price == key]
        paid = math.fsum(line.quantity - line.free for line in lines)

        assert math.fsum(line.usd for line in lines) == pytest.approx(
            book.price(key).usd(max(0.0, paid)), rel=1e-9, abs=1e-4
        )


@given(accounts)
def test_no_pool_gives_more_for_free_than_it_holds(parts):
    actual, book = estimate({"all": parts}, free_tier=True), price_book("us-east-1")
    freed = {}
    for line in actual.lines:
        price = book.price(line.price)
        freed.setdefault((price.free_pool or line.price, price.free_per_month), []).append(line.free)

    for (_, most), parts_of_it in freed.items():
        assert math.fsum(parts_of_it) <= most * (1 + 1e-12)


@given(accounts, st.booleans())
def test_the_invoice_is_within_half_a_cent_per_line_of_the_exact_sum(parts, free_tier):
    actual = estimate({"all": parts}, free_tier=free_tier)

    for line in actual.lines:
        assert line.rounded_usd == pytest.approx(line.usd, abs=0.005 * (1 + 1e-9), rel=1e-11)
    assert abs(actual.invoice_usd - actual.total_usd) <= 0.005 * len(actual.lines) + 1e-10 * actual.total_usd + 1e-9


# --- what is shared, what is of the month ---


def test_several_chains_in_one_call_share_tiers_and_free_parts():
    app = ck.LambdaUse(requests=1e6, duration_ms=100, memory_mb=128)

    assert estimate({"a": app, "b": app}, free_tier=True).total_usd == pytest.approx(0.20)  # 1 M of 2 M is free
    assert estimate({"a": app}, free_tier=True).total_usd == 0


def test_a_free_tier_of_some_prices_leaves_the_others():
    app = ck.LambdaUse(requests=1e6, duration_ms=100, memory_mb=128)

    assert estimate({"a": app}, free_tier=["lambda-gb-s"]).total_usd == pytest.approx(0.20)
    assert estimate({"a": app}, free_tier=["lambda-gb-s-x86"]).total_usd == pytest.approx(0.20)
    assert estimate({"a": app}, free_tier=[]).total_usd == estimate({"a": app}).total_usd


@pytest.mark.parametrize(
    ("use", "at_730", "at_744"),
    [
        (ck.VpcUse(nat_gateways=1), 730 * 0.045, 744 * 0.045),
        (ck.VpcUse(nat_gateways=1, hours=100), 4.50, 4.50),
        (ck.CloudWatchUse(metrics=1), 0.30, 0.30),
        (ck.CloudWatchUse(metrics=1, hours=365), 0.15, 0.30 * 365 / 744),
        (ck.S3Use(storage_gb=1), 0.023, 0.023),
        (ck.SqsUse(sends=1e6), 0.40, 0.40),
    ],
)
def test_what_is_there_all_month_follows_the_length_of_the_month(use, at_730, at_744):
    assert estimate({"a": use}).total_usd == pytest.approx(at_730, rel=1e-12)
    assert estimate({"a": use}, hours_per_month=744).total_usd == pytest.approx(at_744, rel=1e-12)


def test_a_price_that_a_use_states_is_its_own():
    cheap, dear = (ck.LambdaInstancesUse(instance_hours=10, instance_usd_per_hour=usd) for usd in (0.1, 1.0))
    actual = estimate({"cheap": cheap, "dear": dear})

    assert actual.node_usd() == pytest.approx({"cheap": 1.15, "dear": 11.5})
    assert {line.confidence for line in actual.lines} == {"U"}


def test_uses_of_a_node_are_lines_of_that_node():
    actual = estimate({"api": [ck.ApiGatewayUse(requests=1e6), ck.CloudWatchUse(logs_gb=2)], "idle": []})

    assert [line.node for line in actual.lines] == ["api", "api"]
    assert actual.node_usd() == pytest.approx({"api": 2.00, "idle": 0})


def test_prices_of_low_confidence_are_noted():
    assert estimate({"board": ck.CloudWatchUse(dashboards=1)}).notes == (
        "price cloudwatch-dashboards has confidence D: from memory: verify before use",
    )


def test_requests_give_the_price_of_a_million():
    actual = estimate({"a": ck.SqsUse(sends=4e6)}, requests_per_month=2e6)

    assert actual.usd_per_million == pytest.approx(0.80)
    assert str(actual).startswith("estimate in us-east-1: 2,000,000 requests a month, without free tier")


# --- what is refused ---


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"uses": ck.SqsUse()}, r"uses=SqsUse\(.*is no mapping"),
        ({"uses": {"a": 3}}, "'a': 3 is no use"),
        ({"uses": {"a": [ck.SqsUse(), "b"]}}, "'a': 'b' is no use"),
        ({"uses": {1: ck.SqsUse()}}, "1 is no name"),
        ({"hours_per_month": 0}, "hours_per_month=0 is no quantity; allowed: above 0"),
        ({"requests_per_month": -1}, "requests_per_month=-1"),
        ({"free_tier": "lambda-gb-s"}, "free_tier='lambda-gb-s' is neither True nor False nor a list"),
        ({"free_tier": ["lambda-gbs"]}, "did you mean 'lambda-gb-s'"),
        ({"price_book": {}}, "price_book={} is no price book"),
    ],
)
def test_what_is_no_month_is_refused(given, problem):
    with pytest.raises(ConfigError, match=problem):
        estimate(**{"uses": {}, **given})


def test_a_price_that_is_missing_says_whose_it_is():
    with pytest.raises(PriceMissingError, match=r"'api': cache of 237 GB: .*'rest-api-cache-237gb-hours'.*'eu-west-1'"):
        estimate({"api": ck.ApiGatewayUse(api="rest", cache_gb=237)}, region="eu-west-1")


def test_a_region_without_prices_is_refused():
    with pytest.raises(PriceMissingError, match="'us-gov-west-1'"):
        estimate({}, region="us-gov-west-1")
