"""The bus and its archive."""

import json

import pytest

import chainkit as ck


def made(name, bus="bus", **settings):
    chain = ck.Chain(name)
    chain.add(ck.EventBus(bus, **settings))
    return chain


def test_an_archive_belongs_to_its_bus_and_keeps_events_for_days():
    template = ck.template(made("shop", archive_days=7))["Resources"]

    assert template["BusArchive"] == {
        "Type": "AWS::Events::Archive",
        "Properties": {"ArchiveName": "shop-bus", "SourceArn": {"Fn::GetAtt": ["Bus", "Arn"]}, "RetentionDays": 7},
    }
    assert "BusArchive" not in ck.template(made("shop"))["Resources"]


def test_long_names_are_cut_to_what_an_archive_may_have_and_stay_different():
    names = {
        ck.template(made("c" * 30, "b" * 20 + end, archive_days=1))["Resources"][f"B{'b' * 19}{end}Archive"][
            "Properties"
        ]["ArchiveName"]
        for end in ("x", "y")
    }

    assert len(names) == 2
    assert {len(name) for name in names} == {48}


def test_the_bill_says_that_it_leaves_the_archive_out():
    def notes(chain):
        pay = chain.add(ck.LambdaFunction("pay", duration=0.01))
        chain.connect("bus", pay)
        run = ck.simulate(chain, ck.Poisson(rate_per_s=1), requests=100, seed=1)
        return str(ck.bill(chain, run, requests_per_month=1e6))

    assert "events archived and kept" in notes(made("shop", archive_days=7))
    assert "events archived" not in notes(made("shop"))


@pytest.mark.parametrize("days", [0, -1, 1.5])
def test_an_archive_keeps_whole_days(days):
    with pytest.raises(ck.ConfigError, match="archive_days"):
        ck.EventBus("bus", archive_days=days)


def test_an_event_that_is_handed_over_keeps_its_source_and_type():
    event = {"source": "shop", "detail-type": "paid", "resources": ["a"], "detail": {"order": 1}}
    client, call = ck.EventBus("bus").handover()
    (entry,) = call.parameters({"Ref": "shop-bus", "Event": json.dumps(event), "Attributes": {}})["Entries"]

    assert client == "events"
    assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == ("shop-bus", "shop", "paid")
    assert (entry["Resources"], json.loads(entry["Detail"])) == (["a"], {"order": 1})
