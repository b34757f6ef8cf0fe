"""What the data files promise to those who read them, and how they are found."""

import json
import re
from itertools import pairwise
from typing import Any

import nbformat
import pytest

from chainkit import asl, data
from chainkit.distributions import Empirical, Law, from_plain
from chainkit.errors import ConfigError, PriceMissingError

PRICES = data.prices("us-east-1")["prices"]
SHARED = ("unit", "free_per_month", "free_pool")
HOPS = data.latency()["hops"]
INIT = data.latency()["init"]
LAWS = {**HOPS, **INIT}
FIRST_RUN = data.latency()["first_run"]["mean_s"]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package without its checkout: `site-packages/chainkit`, its data inside, someone else's `data/` beside it."""
    package = tmp_path / "chainkit"
    (package / "_data" / "prices").mkdir(parents=True)
    (package / "_data" / "latency.json").write_text('{"hops": {}}', encoding="utf-8")
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(data, "_PACKAGE", package)
    data._root.cache_clear()
    yield package
    data._root.cache_clear()


# --- finding ---


def test_a_checkout_reads_the_data_beside_the_package():
    assert data.path("latency.json").parent.name == "data"


def test_an_installed_package_reads_the_data_inside_it(installed):
    assert data.path("latency.json") == installed / "_data" / "latency.json"


def test_a_missing_file_is_answered_with_what_exists():
    with pytest.raises(ConfigError, match=r"'prices/us-east-9.json' does not exist; .* us-east-1.json") as caught:
        data.path("prices", "us-east-9.json")

    assert "did you mean 'us-east-2.json'" in caught.value.fix


def test_a_region_without_prices_is_an_error_and_never_free():
    with pytest.raises(PriceMissingError, match=r"region='eu-west-9' has no price file; there is one for .*us-east-1"):
        data.prices("eu-west-9")


# --- prices of the user's own ---


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder of price files of the user's own, in use, and what writes one there."""
    monkeypatch.setenv("CHAINKIT_PRICES", str(tmp_path))

    def write(name: str, prices: dict[str, Any], **fields: Any) -> None:
        table = {"region": name, "currency": "USD", "checked": "2027-01-02", "prices": prices, **fields}
        (tmp_path / f"{name}.json").write_text(json.dumps(table), encoding="utf-8")

    return write


def test_a_price_of_ones_own_file_goes_before_and_the_others_stay(own):
    dear = {**PRICES["sns-publishes"], "tiers": [{"up_to": None, "usd": 1.0}]}
    own("us-east-1", {"sns-publishes": dear})
    table = data.prices("us-east-1")

    assert table["prices"] == {**PRICES, "sns-publishes": dear}
    assert table["checked"] == "2026-11-23"


def test_a_file_of_ones_own_may_bring_a_region(own):
    own("us-gov-west-1", {"sns-publishes": PRICES["sns-publishes"]})

    assert "us-gov-west-1" in data.price_regions()
    assert set(data.prices("us-gov-west-1")["prices"]) == {"sns-publishes"}


def test_a_file_that_changes_is_read_again(own):
    own("us-east-1", {})
    before = data.prices("us-east-1")["prices"]["sns-publishes"]
    own("us-east-1", {"sns-publishes": {**before, "note": "new"}})

    assert data.prices("us-east-1")["prices"]["sns-publishes"]["note"] == "new"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"currency": "CNY"}, "currency='CNY'; its name and place want 'eu-west-1' in 'USD'"),
        ({"region": "eu-west-2"}, "region='eu-west-2'"),
        ({"more": 1}, "has not exactly the fields checked, currency, prices, region"),
    ],
)
def test_a_file_of_ones_own_that_cannot_be_is_named(own, fields, problem):
    own("eu-west-1", {}, **fields)

    with pytest.raises(ConfigError, match=problem) as caught:
        data.prices("eu-west-1")

    assert "eu-west-1.json" in caught.value.problem


def test_a_file_of_ones_own_that_is_no_json_is_named(own, tmp_path):
    (tmp_path / "eu-west-1.json").write_text("{", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"eu-west-1.json is no JSON"):
        data.prices("eu-west-1")


def test_a_folder_that_is_named_and_not_there_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINKIT_PRICES", str(tmp_path / "none"))

    with pytest.raises(ConfigError, match=r"CHAINKIT_PRICES=.* is no folder"):
        data.own_prices()


def test_without_a_name_the_folder_is_in_the_users_settings(monkeypatch, tmp_path):
    monkeypatch.delenv("CHAINKIT_PRICES")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    home = tmp_path / "chainkit" / "prices"

    assert data.own_prices() is None
    home.mkdir(parents=True)
    assert data.own_prices() == data.own_prices_home() == home


@pytest.mark.parametrize(("platform", "folder"), [("linux", ".config"), ("darwin", ".config"), ("win32", "Roaming")])
def test_the_users_settings_are_where_the_system_keeps_them(monkeypatch, tmp_path, platform, folder):
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("APPDATA", str(tmp_path / "Roaming"))
    monkeypatch.setattr(data.sys, "platform", platform)
    monkeypatch.setattr(data.Path, "home", lambda: tmp_path)

    assert data.own_prices_home() == tmp_path / folder / "chainkit" / "prices"


# --- prices ---


@pytest.mark.parametrize("region", data.price_regions())
def test_a_price_says_unit_tiers_free_part_source_date_and_confidence(region):
    fields = {"unit", "tiers", "free_per_month", "free_pool", "source", "date", "confidence", "note"}
    prices = data.prices(region)["prices"]

    assert prices
    for key, price in prices.items():
        assert set(price) == fields, key
        assert price["unit"], key
        assert price["source"], key
        assert price["free_per_month"] >= 0, key
        assert re.fullmatch(r"20\d\d(-\d\d)?", price["date"]), key
        assert price["confidence"] in "ABCD", key


@pytest.mark.parametrize("region", data.price_regions())
def test_tiers_rise_to_no_limit_and_never_get_dearer(region):
    for key, price in data.prices(region)["prices"].items():
        bounds = [tier["up_to"] for tier in price["tiers"]]
        usd = [tier["usd"] for tier in price["tiers"]]

        assert bounds[-1] is None, key
        assert bounds[:-1] == sorted(set(bounds[:-1])), key
        assert usd == sorted(usd, reverse=True), key
        assert usd[-1] >= 0, key


@pytest.mark.parametrize("region", data.price_regions())
def test_a_price_has_the_unit_and_the_free_part_of_the_same_price_elsewhere(region):
    for key, price in data.prices(region)["prices"].items():
        if key in PRICES:
            assert [price[name] for name in SHARED] == [PRICES[key][name] for name in SHARED], key


def test_meters_that_share_a_free_pool_agree_on_its_size():
    pools: dict[str, set[float]] = {}
    for price in PRICES.values():
        if price["free_pool"]:
            pools.setdefault(price["free_pool"], set()).add(price["free_per_month"])

    assert all(len(sizes) == 1 for sizes in pools.values())


@pytest.mark.parametrize(
    ("key", "quantity", "usd"),
    [  # the AWS pricing pages' own examples, without free tier
        ("lambda-requests", 7_440_000, 1.488),  # E02
        ("lambda-gb-s-x86", 14_880_000, 248.000496),  # E02
        ("http-api-requests", 432e6, 418.8),  # E20: two tiers
        ("events-custom", 5e6, 5.0),  # E30
        ("stepfunctions-transitions", 3000, 0.075),  # E28
        ("lambda-gb-s-x86", 20e9, 6e9 * 0.0000166667 + 9e9 * 0.000015 + 5e9 * 0.0000133334),  # all three tiers
    ],
)
def test_tiers_give_the_published_amounts(key, quantity, usd):
    amount, below = 0.0, 0.0
    for tier in PRICES[key]["tiers"]:
        top = min(quantity, tier["up_to"] or quantity)
        amount += max(top - below, 0) * tier["usd"]
        below = top

    assert amount == pytest.approx(usd, rel=1e-12)


def test_every_price_source_is_explained_in_the_readme():
    readme = data.path("README.md").read_text(encoding="utf-8")
    prices = [price for region in data.price_regions() for price in data.prices(region)["prices"].values()]
    tags = {tag for price in prices for tag in re.findall(r"\b[PWE]\d+\b", price["source"])}

    assert {tag for tag in tags if f"| {tag} |" not in readme} == set()


# --- latency ---


def law(key: str) -> Law:
    return from_plain(LAWS[key]["law"])


@pytest.mark.parametrize("key", LAWS)
def test_a_law_is_written_as_design_files_write_it(key):
    plain = json.loads(json.dumps(law(key).to_plain()))

    assert from_plain(plain) == law(key)


@pytest.mark.parametrize("key", HOPS)
def test_a_hop_says_where_it_comes_from_and_how_sure_it_is(key):
    hop = HOPS[key]

    assert set(hop) == {"what", "law", "confidence", "source", "year", "region", "sample", "note"}
    assert hop["confidence"] in ("measured", "derived", "assumed")
    assert (hop["sample"] > 0 and hop["region"] is not None) or hop["confidence"] != "measured"


@pytest.mark.parametrize(
    ("key", "p10_ms", "p50_ms", "p90_ms", "p99_ms", "error"),
    [  # as published, and the largest relative error of the fit that the note admits
        ("sqs_mapping", 13.7, 16.2, 33.8, 105, 0.015),
        ("sns_to_lambda", 62, 73, 125, 225, 0.037),
        ("async_invocation", 31, 41, 71, 131, 0.03),
        ("eventbridge_to_lambda", 39, 52, 80, 128, 0.03),
        ("stepfunctions_task_standard", 11.7, 14.0, 18.3, 28.9, 0.01),
        ("stepfunctions_task_standard_2022", 19.5, 40.1, 90.9, 198.6, 0.1),
        ("python3.12-x86", 76, 84, 101, 138, 0.01),
        ("java25-x86", 172, 191, 301, 496, 0.01),
    ],
)
def test_a_law_has_the_published_quantiles(key, p10_ms, p50_ms, p90_ms, p99_ms, error):
    found = [1000 * law(key).ppf(p) for p in (0.1, 0.5, 0.9, 0.99)]

    assert found == pytest.approx([p10_ms, p50_ms, p90_ms, p99_ms], rel=error)


@pytest.mark.parametrize(
    ("key", "mean_ms"), [("stepfunctions_task_standard", 14.85), ("stepfunctions_start", 7.92)]
)  # means of the raw rows: a workflow's duration is made of these
def test_a_law_has_the_mean_of_its_rows(key, mean_ms):
    assert 1000 * law(key).mean_s == pytest.approx(mean_ms, rel=0.01)


@pytest.mark.parametrize("architecture", ["x86", "arm64"])
@pytest.mark.parametrize("runtime", FIRST_RUN)
def test_every_runtime_has_a_measured_init_with_both_its_ends(runtime, architecture):
    init = law(f"{runtime}-{architecture}")

    assert isinstance(init, Empirical)
    assert INIT[f"{runtime}-{architecture}"]["sample"] >= 2000
    assert 0 < init.ppf(0.0) < init.ppf(0.5) < init.ppf(1.0) < 1.5


@pytest.mark.parametrize("runtime", FIRST_RUN)
def test_the_first_run_never_gets_slower_with_memory_by_more_than_noise(runtime):
    means = [FIRST_RUN[runtime][mb] for mb in ("128", "256", "512", "1024")]

    assert all(more <= less * 1.05 for less, more in pairwise(means))


# --- quotas ---


def test_every_quota_has_a_value_a_unit_and_a_source():
    entries: list[dict[str, Any]] = [
        entry for service in data.quotas().values() if isinstance(service, dict) for entry in service.values()
    ]

    assert len(entries) > 50
    assert all(entry["value"] and entry["unit"] and entry["source"] for entry in entries)


# --- Standard and Express, side by side ---


def test_the_rows_on_workflow_types_say_what_the_quotas_and_the_prices_say():
    limits = {name: entry["value"] for name, entry in data.quotas()["stepfunctions"].items()}
    price = {name: PRICES[f"stepfunctions-{name}"] for name in ("transitions", "express-requests", "express-gb-s")}
    usd = {name: f"${entry['tiers'][0]['usd']:.8f}".rstrip("0") for name, entry in price.items()}
    unit_ms, unit_mb = 1000 * limits["express_duration_unit"], limits["express_memory_unit"]
    rows = {row["what"]: (row["standard"], row["express"]) for row in data.workflow_types()}

    assert rows["longest execution"] == (
        f"{limits['standard_duration'] / 86_400 / 365:g} year",
        f"{limits['express_duration'] / 60:g} minutes",
    )
    assert rows["history (audit)"][0].startswith(f"full: up to {limits['history']:,} events")
    assert rows["price (us-east-1)"] == (
        f"{usd['transitions']} per state entered, retries included; waiting is free",
        f"{usd['express-requests']} per execution, and {usd['express-gb-s']} per GB-s of its whole time, "
        f"by {unit_ms:g} ms and {unit_mb} MB",
    )
    assert rows["free each month"] == (f"{price['transitions']['free_per_month']:,.0f} transitions", "nothing")
    assert {price[name].get("free_per_month") or 0 for name in ("express-requests", "express-gb-s")} == {0}
    assert rows["starts (us-east-1)"] == tuple(
        f"{limits[f'{kind}_start_rate']:,} a second, {limits[f'{kind}_start_bucket']:,} at once"
        for kind in ("standard", "express")
    )
    assert rows["states entered (us-east-1)"] == (
        f"{limits['transition_rate']:,} a second, {limits['transition_bucket']:,} at once",
        "no limit",
    )
    assert rows["data of a state"] == (f"{limits['payload']:,} bytes",) * 2


@pytest.mark.parametrize("row", [row for row in data.workflow_types() if "pattern" in row], ids=lambda row: row["what"])
def test_what_the_rows_say_is_not_for_express_is_refused_there_alone(row):
    task = {"Type": "Task", "End": True}
    inner = {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
    state = {
        "sync": {**task, "Resource": "arn:aws:states:::states:startExecution.sync:2"},
        "token": {**task, "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken"},
        "activity": {**task, "Resource": "arn:aws:states:us-east-1:123456789012:activity:approve"},
        "distributed": {"Type": "Map", "ItemProcessor": inner, "End": True},
    }[row["pattern"]]
    definition = {"StartAt": "S", "States": {"S": state}}
    complaints = {
        workflow: [
            c for c in asl.complaints(asl.parsed(asl.read(definition)), is_express=workflow == "express") if c[0] == "S"
        ]
        for workflow in ("standard", "express")
    }

    assert {workflow: "no" if complaints[workflow] else "yes" for workflow in complaints} == {
        workflow: row[workflow] for workflow in complaints
    }


def test_every_row_on_workflow_types_has_its_source_and_date():
    rows = data.workflow_types()

    assert all(row["standard"] and row["express"] and row["source"] and re.match("20", row["date"]) for row in rows)
    assert [row["what"] for row in rows if row["told"]] == ["longest execution", "history (audit)", "made for"]


# --- tables that lessons show ---


def test_the_rules_that_a_lesson_shows_are_those_of_the_data():
    lesson = nbformat.read(data.path("provisioned.json").parents[1] / "notebooks" / "09_right_size.ipynb", as_version=4)
    words = "\n".join(cell.source for cell in lesson.cells if cell.cell_type == "markdown")
    shown = re.findall(r"^\| ([a-z ]+) \| (.+) \|$", words, re.M)

    assert shown == [("role", "rule"), *((role, rule["text"]) for role, rule in data.provisioned()["roles"].items())]
