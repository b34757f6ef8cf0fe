"""What a plan costs a month: shown beside the changes; a ceiling without a bill, or below it, is refused."""

import re

import pytest

import chainkit as ck
from chainkit.billing.bill import bill, usage_of
from chainkit.deployment.plan import plan
from chainkit.errors import ConfigError
from tests.deployment.stubbed_aws import Aws


def shop(name="shop", memory_mb=1024):
    chain = ck.Chain(name, region="eu-west-1")
    chain.add(ck.SqsQueue("jobs"))
    chain.add(ck.LambdaFunction("pay", duration=0.01, memory_mb=memory_mb, log_bytes=0))
    chain.connect("jobs", "pay")
    return chain


def month(chain):
    """Return the bill of a million requests of 100 ms."""
    counts = {"pay": {"invocations": 1e6, "run_ms": 1e8}, "jobs": {"sends": 1e6, "receives": 1e6, "deletes": 1e6}}
    return bill(chain, usage_of(chain, counts, requests=1e6))


def planned(chain, of=None, **settings):
    aws = Aws(**settings)
    aws.stack(None)
    return plan(chain, aws.target, bill=of)


def test_the_plan_shows_what_each_change_and_all_of_it_costs():
    of = month(shop())
    lines = str(planned(shop(), of, ceiling_usd=50.0)).splitlines()
    by_node = of.node_usd()

    shown = {line.split()[2]: line.rpartition("  ")[2] for line in lines if " a month" in line and "+ create" in line}
    assert shown == {"Jobs": f"${by_node['jobs']:.2f} a month", "Pay": f"${by_node['pay']:.2f} a month"}
    assert f"a month: ${of.total_usd:.2f} in all, of at most $50.00; shop in eu-west-1" in lines[-2]
    assert by_node["pay"] == pytest.approx(1e5 * 0.0000166667 + 0.2, rel=0.1)  # 100,000 GB-s and a million requests


def test_a_ceiling_needs_a_bill_and_says_how_to_make_one():
    with pytest.raises(ConfigError, match="needs to know what a month costs") as refusal:
        planned(shop(), ceiling_usd=50.0)

    assert "ck.bill(chain, ck.simulate(" in refusal.value.fix


def test_a_bill_above_the_ceiling_is_refused_with_both_figures_and_the_dearest_lines():
    of = month(shop())

    with pytest.raises(ConfigError) as refusal:
        planned(shop(), of, ceiling_usd=2.0)

    assert f"a month costs ${of.total_usd:.2f}, and ceiling_usd is $2.00" in refusal.value.problem
    dear = re.findall(r"(\w+), [^:;]+: \$([\d.]+)", refusal.value.problem.partition("The dearest: ")[2])
    usds = [float(usd) for _, usd in dear]
    assert len(dear) == 3
    assert usds == sorted(usds, reverse=True)
    assert usds[0] == pytest.approx(max(line.usd for line in of.lines), abs=0.005)


def test_a_bill_of_another_chain_is_refused():
    with pytest.raises(ConfigError, match="the bill is that of 'other'"):
        planned(shop(), month(shop("other")), ceiling_usd=50.0)


def test_a_bill_from_before_a_change_is_refused():
    with pytest.raises(ConfigError, match="before the design was changed: pay: run time at 1024 MB"):
        planned(shop(memory_mb=2048), month(shop()), ceiling_usd=50.0)


def test_what_is_no_bill_is_refused():
    with pytest.raises(ConfigError, match="is no bill"):
        planned(shop(), 12.5)


def test_a_bill_is_part_of_what_is_approved():
    assert planned(shop(), month(shop())).code != planned(shop()).code
