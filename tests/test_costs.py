"""Costs besides the services: they are kept, saved, replayed and priced, and refused where they cannot be."""

from pathlib import Path

import pytest

import chainkit as ck
from chainkit.costs import Cost, cost_of
from chainkit.errors import ChainkitError, ConfigError, WiringError
from chainkit.operations import between, recipe, replay

GATE = ck.VpcUse(nat_gateways=2)
TRACE = ck.XrayUse(traces=0.05)


def shop():
    chain = ck.Chain("shop")
    for service in (ck.LambdaFunction("check"), ck.LambdaFunction("pay")):
        chain.add(service)
    chain.connect("check", "pay", link="async")
    chain.add_cost("gate", GATE)
    chain.add_cost("traces", TRACE, per="request")
    return chain


def test_costs_are_read_in_the_order_they_were_added():
    assert dict(shop().costs) == {"gate": Cost(GATE), "traces": Cost(TRACE, "request")}
    assert [*shop().costs] == ["gate", "traces"]


def test_costs_are_part_of_what_makes_chains_equal():
    other = shop()
    other.remove_cost("gate")

    assert other != shop()
    other.add_cost("gate", GATE)
    assert other == shop()


def test_a_copy_has_costs_of_its_own():
    chain = shop()
    twin = chain.copy()
    twin.remove_cost("gate")

    assert [*chain.costs] == ["gate", "traces"]
    assert [*twin.costs] == ["traces"]


def test_a_chain_becomes_another_with_its_costs():
    chain = ck.Chain("other")
    chain.become(shop())

    assert chain.costs == shop().costs


def test_variants_keep_the_costs():
    for flow in ck.variants(shop(), ["sqs", "sns"]).values():
        assert {name: flow.chain.costs[name] for name in shop().costs} == shop().costs


def test_costs_survive_the_design_file(tmp_path: Path):
    file = shop().save(tmp_path / "shop.chain.yaml")

    assert ck.load(file) == shop()
    assert "  gate: {type: VpcUse, nat_gateways: 2.0}\n" in file.read_text()
    assert "  traces: {type: XrayUse, traces: 0.05, per: request}\n" in file.read_text()


def test_a_cost_that_goes_and_one_that_comes_leave_comments_and_all_other_lines(tmp_path: Path):
    file = tmp_path / "shop.chain.yaml"
    file.write_text(
        "chainkit: 1\nchain: shop\nservices:\n  jobs: {type: SqsQueue}\n\ncosts:\n  # two of them\n"
        "  gate: {type: VpcUse, nat_gateways: 2} # dear\n  key: {type: KmsUse, keys: 1}\n"
    )
    chain = ck.load(file)
    chain.remove_cost("key")
    chain.add_cost("alarms", ck.CloudWatchUse(alarms=3))
    before = file.read_text()
    chain.save(file)

    assert file.read_text() == before.replace(
        "  key: {type: KmsUse, keys: 1}\n", "  alarms: {type: CloudWatchUse, alarms: 3.0}\n"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("costs: [gate]", r"shop.chain.yaml:5: costs is a list; allowed: a mapping"),
        ("costs:\n  gate: VpcUse", r"shop.chain.yaml:6: cost 'gate' is text; allowed: a mapping"),
        ("costs:\n  gate: {nat_gateways: 1}", r"shop.chain.yaml:6: cost 'gate': type=None is unknown"),
        ("costs:\n  gate: {type: VpcUs}", r"shop.chain.yaml:6: cost 'gate': type='VpcUs' is unknown .*'VpcUse'"),
        ("costs:\n  gate: {type: VpcUse, nat: 1}", r"shop.chain.yaml:6: VpcUse: unknown setting 'nat'"),
        ("costs:\n  gate: {type: VpcUse, zones: -1}", r"shop.chain.yaml:6: VpcUse: zones=-1 is outside 1 or more"),
        ("costs:\n  jobs: {type: VpcUse}", r"shop.chain.yaml:6: chain 'shop' has a service 'jobs' already"),
        ("costs:\n  t: {type: XrayUse, per: day}", r"shop.chain.yaml:6: .*cost 't': per='day' is not one of"),
    ],
)
def test_costs_that_are_none_are_refused_with_their_line(tmp_path: Path, text: str, problem: str):
    file = tmp_path / "shop.chain.yaml"
    file.write_text(f"chainkit: 1\nchain: shop\nservices:\n  jobs: {{type: SqsQueue}}\n{text}\n")

    with pytest.raises(ChainkitError, match=problem):
        ck.load(file)


def test_costs_are_replayed_as_operations():
    before, after = shop(), shop()
    after.remove_cost("gate")
    after.add_cost("secret", ck.SecretsManagerUse(secrets=1))
    steps = between(before, after)

    assert [*map(str, steps)] == [
        "chain.remove_cost('gate')",
        "chain.add_cost('secret', ck.SecretsManagerUse(secrets=1.0))",
    ]
    assert replay(before.copy(), steps) == after
    assert replay(ck.Chain("shop"), recipe(after)) == after
    assert eval(str(recipe(after)[-2]).removeprefix("chain."), {"ck": ck, "add_cost": lambda *a, **k: (a, k)})


def test_a_cost_that_changes_goes_and_comes_again():
    before, after = shop(), ck.Chain("shop")
    after.become(shop())
    after.remove_cost("gate")
    after.add_cost("gate", ck.VpcUse(nat_gateways=3))

    assert [step.verb for step in between(before, after)] == ["remove_cost", "add_cost"]
    assert replay(before.copy(), between(before, after)).costs == after.costs


@pytest.mark.parametrize(
    ("given", "error", "problem"),
    [
        (("", GATE), ConfigError, "cost '' is not a name"),
        ((3, GATE), ConfigError, "cost 3 is not a name"),
        (("gate", "NAT"), ConfigError, "'NAT' is no use"),
        (("gate", GATE, "hour"), ConfigError, "per='hour' is not one of 'month', 'request'"),
        (("gate", GATE, "request"), ConfigError, "per='request', and time makes it, not requests: NAT gateways"),
        (("traces", TRACE), WiringError, "has a cost 'traces' already"),
        (("pay", TRACE), WiringError, "has a service 'pay' already"),
    ],
)
def test_a_cost_that_cannot_be_is_refused_and_the_chain_stays(given, error, problem):
    chain = shop()

    with pytest.raises(error, match=problem):
        chain.add_cost(*given)
    assert chain == shop()


def test_a_service_takes_no_name_of_a_cost():
    chain = shop()

    with pytest.raises(WiringError, match="has a cost 'gate' already"):
        chain.add(ck.SqsQueue("gate"))
    with pytest.raises(WiringError, match="has a cost 'gate' already"):
        chain.rename("pay", "gate")


def test_a_cost_that_is_not_there_is_answered_with_the_nearest():
    with pytest.raises(WiringError, match=r"has no cost 'gat' \(did you mean 'gate'\?\)"):
        shop().remove_cost("gat")


def test_an_entry_of_a_design_file_says_use_and_what_it_is_per():
    assert cost_of("traces", {"type": "XrayUse", "traces": 0.05, "per": "request"}) == (TRACE, "request")
    assert cost_of("gate", Cost(GATE).to_plain()) == (GATE, "month")


# --- on the bill ---


def test_a_months_cost_stays_and_a_requests_cost_grows_with_the_requests():
    chain = shop()
    usage = ck.usage_of(chain, {}, requests=1000, hours=1)
    small, large = (ck.bill(chain, usage, requests_per_month=month).node_usd() for month in (1e6, 3e6))

    assert small == pytest.approx({"check": 0, "pay": 0, "gate": 2 * 32.85, "traces": 0.25})
    assert large == pytest.approx({"check": 0, "pay": 0, "gate": 2 * 32.85, "traces": 0.75})
    assert ck.bill(chain, usage, hours_per_month=720, requests_per_month=0).node_usd() == pytest.approx(
        {"check": 0, "pay": 0, "gate": 2 * 720 * 0.045, "traces": 0}
    )


def test_costs_share_free_parts_with_the_services():
    chain = shop()
    chain.add_cost("elsewhere", ck.LambdaUse(requests=1e6))
    usage = ck.usage_of(chain, {"pay": {"invocations": 1e6}}, requests=1e6)
    actual = ck.bill(chain, usage, free_tier=True).node_usd()

    assert (actual["pay"], actual["elsewhere"]) == pytest.approx((0.10, 0.10))


def test_a_chain_and_its_costs_cost_what_the_same_uses_cost():
    chain = shop()
    usage = ck.usage_of(chain, {"pay": {"invocations": 2e6, "run_ms": 2e8}}, requests=1e6)
    same = ck.estimate(
        {"pay": ck.LambdaUse(requests=2e6, duration_ms=100), "gate": GATE, "traces": ck.XrayUse(traces=5e4)}
    )

    assert ck.bill(chain, usage).total_usd == pytest.approx(same.total_usd, rel=1e-12)


def test_a_requests_cost_says_for_how_many():
    chain = shop()
    told = ck.bill(chain, ck.usage_of(chain, {}, requests=1e6)).explain("traces")

    assert "quantity  50,000 trace, 0.05 for each of 1,000,000 requests" in told
