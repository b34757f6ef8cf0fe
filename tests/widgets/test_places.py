"""Places to deploy to: the one that is always there, those that are up, and what is missing, in a sentence."""

from datetime import date
from types import SimpleNamespace

import pytest

import chainkit as ck
from chainkit.widgets import places

UP = [
    SimpleNamespace(name="workshop", region="us-east-1", endpoint_url="http://127.0.0.1:4001"),
    SimpleNamespace(name="far", region="eu-west-1", endpoint_url="http://127.0.0.1:4002"),
]


@pytest.fixture
def found(monkeypatch):
    monkeypatch.setattr(places.background, "standbys", lambda: UP)
    monkeypatch.setattr(places.ministack, "is_installed", lambda: False)
    return {each.word: each for each in places.places("us-east-1")}


def test_one_of_its_own_comes_first_and_ends_with_the_panel(found):
    assert next(iter(found)) == places.HERE
    assert [each.word for each in found.values() if each.is_own and each.is_there] == [places.HERE]


def test_emulators_that_are_up_are_offered_if_they_fit(found):
    assert found["local:workshop"].is_there
    assert not found["local:far"].is_there
    assert found["local:far"].help == "'far' stands for eu-west-1, and the chain is of us-east-1."


def test_what_is_not_installed_says_how(found):
    with pytest.raises(ck.ConfigError, match="chainkit local install ministack"):
        places.chosen("ministack", [*found.values()])


def test_a_word_that_is_unknown_is_refused_with_those_that_are_known(found):
    with pytest.raises(ck.ConfigError, match=r"place: 'her' is unknown.*here"):
        places.chosen("her", [*found.values()])


def test_what_an_account_was_told_becomes_numbers_and_dates(monkeypatch):
    heard = {}
    monkeypatch.setattr(places.opening, "opened", lambda word, **options: heard.update(options, word=word))
    (aws,) = [each for each in places.places("eu-west-1") if each.word == places.AWS]
    places.opened(aws, region="eu-west-1", told={"account": "1" * 12, "ceiling_usd": "20", "expires": "2026-12-24"})

    assert heard == {
        "word": "aws", "region": "eu-west-1", "account": "1" * 12, "ceiling_usd": 20.0, "expires": date(2026, 12, 24),
    }  # fmt: skip


def test_the_place_of_its_own_is_an_emulator_of_the_region():
    own = places.places("eu-west-1")[0]
    with places.opened(own, region="eu-west-1", told={}) as target:
        assert target.region == "eu-west-1"
