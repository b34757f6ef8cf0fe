"""What a chain consists of, counted by hand."""

import chainkit as ck
from chainkit.rewiring.inventory import counted, difference, more, parts


def shop() -> ck.Chain:
    chain = ck.Chain("shop")
    for one in (ck.HttpApi("api"), ck.LambdaFunction("a"), ck.SqsQueue("jobs"), ck.SqsQueue("dead")):
        chain.add(one)
    chain.connect("api", "a")
    chain.connect("jobs", "dead", link="redrive")
    return chain


def test_links_and_services_are_counted_by_kind_and_dead_letters_apart():
    assert parts(shop()) == {
        "link": 2, "HTTP API": 1, "Lambda function": 1, "SQS queue": 1, "dead-letter queue": 1,
    }  # fmt: skip


def test_what_has_another_kind_or_other_settings_has_changed():
    before, after = shop(), shop()
    before.connect("a", before.add(ck.LambdaFunction("b")))
    after.connect("a", after.add(ck.LambdaFunction("b", memory_mb=256)), link="async")

    assert difference(before, after) == "1 link, 1 Lambda function changed"


def test_links_with_other_settings_further_costs_and_another_region_are_no_nothing():
    before, after = shop(), shop()
    after.set("jobs>dead", max_receive_count=3)
    assert difference(before, after) == "1 link changed"

    after = shop()
    after.add_cost("gate", ck.VpcUse(nat_gateways=1))
    assert difference(before, after) == "1 further cost added"
    assert difference(after, before) == "1 further cost removed"
    dearer = shop()
    dearer.add_cost("gate", ck.VpcUse(nat_gateways=2))
    assert difference(after, dearer) == "1 further cost changed"

    abroad = ck.Chain("shop", region="eu-west-1")
    assert difference(ck.Chain("shop"), abroad) == "moved from us-east-1 to eu-west-1"


def test_a_chain_differs_in_nothing_from_itself():
    assert more(shop(), shop()) == {}
    assert difference(shop(), shop()) == "nothing changed"


def test_words_have_their_plurals():
    assert counted({"EventBridge bus": 2, "link": 1}) == "2 EventBridge buses, 1 link"
