"""Findings as text, frame and HTML."""

import chainkit as ck
from chainkit.checks.findings import COLUMNS
from tests.checks.cases import CASES, chain_of

FINDINGS = ck.check(CASES["visibility-below-six-timeouts"](True))


def test_findings_are_a_sequence() -> None:
    first = FINDINGS[0]

    assert (len(FINDINGS), list(FINDINGS), FINDINGS[:1], first in FINDINGS) == (1, [first], (first,), True)


def test_their_repr_counts_them_by_severity() -> None:
    assert repr(FINDINGS) == "Findings('shop', 1 medium)"
    assert repr(ck.check(chain_of(ck.SqsQueue("jobs")))) == "Findings('shop', none)"


def test_their_text_says_everything_and_the_fix_as_code() -> None:
    assert str(FINDINGS).splitlines() == [
        "medium  jobs: visibility-below-six-timeouts",
        "  'jobs' hides a message for 64 s; 6 timeouts of 'pay' and the window of 'jobs>pay' are 65 s.",
        "  effect: A throttled batch is tried again for 64 s instead of 65 s; then its messages come back and count as "
        "received, though nothing ran.",
        "  fix: hide messages for 65 s",
        "    chain.set('jobs', visibility_timeout_s=65)",
        "  source: AWS Lambda Developer Guide, with-sqs (2023)",
    ]
    assert str(ck.check(chain_of(ck.SqsQueue("jobs")))) == "shop: nothing found"


def test_their_frame_has_a_row_each() -> None:
    frame = FINDINGS.to_frame()

    assert list(frame.columns) == [*COLUMNS]
    assert frame.loc[0, "change"] == "chain.set('jobs', visibility_timeout_s=65)"
    assert list(ck.check(chain_of(ck.SqsQueue("jobs"))).to_frame().columns) == [*COLUMNS]


def test_their_html_holds_text_and_no_markup_of_the_chain() -> None:
    finding = ck.Finding(
        rule="r", severity="low", where="w", problem="<script>alert(1)</script>", effect="e", source="s", fix="f"
    )
    html = ck.Findings("shop", (finding,))._repr_html_()

    assert "<script>" not in html
    assert "&lt;script&gt;" in html
