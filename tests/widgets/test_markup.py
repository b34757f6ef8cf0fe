"""Pieces of HTML: what comes from a chain is text, never markup."""

import pytest

import chainkit as ck
from chainkit.widgets import markup


@pytest.mark.parametrize(
    "made",
    [
        markup.refusal(ck.ConfigError("<b>it</b>", fix="<i>so</i>")),
        markup.hint("<b>it</b>"),
        markup.report("<b>it</b>"),
        markup.table(["<b>it</b>"], [["<i>so</i>"]]),
    ],
)
def test_what_is_shown_is_text(made):
    assert "<b>" not in made
    assert "&lt;b&gt;it" in made


def test_a_refusal_is_told_to_those_who_cannot_see_it():
    assert 'role="alert"' in markup.refusal(ck.ConfigError("it is wrong"))
