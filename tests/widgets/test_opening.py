"""Opening a design: one step that can be undone; what is none changes nothing and says why."""

import pytest

import chainkit as ck
from chainkit.widgets.opening import MOST_BYTES, OpenPanel
from tests.examples import orders

SHOP = b"chainkit: 1\nchain: shop\nregion: eu-west-1\nservices:\n  jobs: {type: SqsQueue}\n"


@pytest.fixture
def panel():
    return OpenPanel(orders())


def test_a_design_takes_the_chains_place_and_undo_brings_it_back(panel):
    before = panel.state.chain.copy()

    assert panel.take("shop.chain.yaml", SHOP)
    assert [*panel.state.chain.services] == ["jobs"]
    panel.state.undo()
    assert panel.state.chain == before


def test_it_is_the_chain_that_was_given_which_changes():
    chain = orders()
    OpenPanel(chain).take("shop.chain.yaml", SHOP)

    assert [*chain.services] == ["jobs"]


def test_what_did_not_come_along_is_said(panel):
    panel.take("shop.chain.yaml", SHOP)

    assert "stay those of us-east-1; the file says eu-west-1" in panel.message.value


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "shop.chain.yaml: is empty"),
        (b"\xff\xfe", "byte 0 is not UTF-8"),
        (b"a: [", "is not YAML"),
        (SHOP.replace(b"SqsQueue", b"SqsQueu"), "did you mean"),
        (b" " * (MOST_BYTES + 1), "above 2,000,000"),
    ],
)
def test_what_is_no_design_changes_nothing_and_says_why_in_our_words(panel, content, problem):
    before = panel.state.chain.copy()

    assert not panel.take("shop.chain.yaml", content)
    assert panel.state.chain == before
    assert problem in panel.message.value
    assert "fix:" in panel.message.value
    assert "/tmp" not in panel.message.value


def test_a_name_from_elsewhere_is_text_and_never_a_path_or_markup(panel):
    panel.take("../<b>.chain.yaml", SHOP)

    assert "<b>" not in panel.message.value
    assert [*panel.state.chain.services] == ["jobs"]


def test_the_browsers_file_is_opened(panel):
    file = {"name": "shop.chain.yaml", "type": "", "size": len(SHOP), "content": memoryview(SHOP)}
    panel._given({"new": (file,)})

    assert [*panel.state.chain.services] == ["jobs"]


def test_a_file_that_the_designer_exports_is_opened_again(panel):
    from chainkit.widgets.gestures import file

    exported = file(panel.state, "yaml")
    other = OpenPanel(ck.Chain("orders"))
    other.take(exported["name"], exported["text"].encode())

    assert other.state.chain == panel.state.chain
