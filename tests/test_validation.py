"""docs/ACCURACY.md is what `chainkit validate` writes, and says that the predictions hold."""

import re
from pathlib import Path

import pytest

import chainkit as ck
from chainkit.validation import accuracy, document, laws, limits, rows

DOCUMENT = Path(__file__).parents[1] / "docs" / "ACCURACY.md"


def rows_of(text: str) -> dict[tuple[str, str], list[str]]:
    """Return the cells of each figure in a document, by case and name of the figure."""
    found, case = {}, ""
    for line in text.splitlines():
        if line.startswith("## "):
            case = line.split(":")[0].removeprefix("## ")
        elif line.startswith("| ") and not line.startswith(("| figure", "| ---")):
            figure, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            found[case, figure] = cells
    return found


@pytest.fixture(scope="module")
def committed() -> dict[tuple[str, str], list[str]]:
    return rows_of(DOCUMENT.read_text(encoding="utf-8"))


def test_the_document_has_every_case(committed: dict[tuple[str, str], list[str]]) -> None:
    assert list(dict.fromkeys(case for case, _ in committed)) == list(accuracy.TITLES)


def test_the_document_counts_its_verdicts_right(committed: dict[tuple[str, str], list[str]]) -> None:
    verdicts = [cells[-1] for cells in committed.values()]
    (line,) = re.findall(r"^(\d+) figures: (.*)\.$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    told = {word: int(count) for count, word in re.findall(r"(\d+) (\w+)", line[1])}

    assert int(line[0]) == len(verdicts)
    assert told == {word: verdicts.count(word) for word in told}
    assert set(verdicts) == set(told)


def test_figures_without_chance_are_those_of_the_document(committed: dict[tuple[str, str], list[str]]) -> None:
    effort = rows.Effort()
    families = (limits.memory, laws.chains, laws.delivery_phases, limits.pollers)
    again = accuracy.Accuracy(tuple(row for family in families for row in family(effort)))

    found = rows_of(document.as_markdown(again))
    assert found == {figure: committed[figure] for figure in found}


def test_measured_figures_are_those_of_the_document(committed: dict[tuple[str, str], list[str]]) -> None:
    again = rows_of(document.as_markdown(ck.validate(["V9", "V10"], quick=True)))

    assert {figure: cells[0] for figure, cells in again.items()} == {
        figure: cells[0] for figure, cells in committed.items() if figure[0] in ("V9", "V10")
    }


@pytest.mark.slow
def test_the_document_is_what_the_command_writes() -> None:
    assert document.as_markdown(ck.validate()) == DOCUMENT.read_text(encoding="utf-8")
