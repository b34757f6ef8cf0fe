"""The tables in data/validation/ are those of the raw logs, wherever the logs are at hand."""

import os
from pathlib import Path

import pytest

from chainkit import data
from chainkit.validation import flows, workflows
from tests.validation import tables


@pytest.fixture(scope="module")
def clones(corpus: Path) -> Path:
    """Return a folder with the public repositories of the logs."""
    folder = Path(os.environ.get("CHAINKIT_LOGS", corpus))
    if not (folder / "SLApp-PerfCost-MdlOpt").is_dir():
        pytest.skip(
            "CHAINKIT_LOGS names no folder with checkouts of the logs' repositories (tests/validation/tables.py)"
        )
    return folder


@pytest.mark.parametrize("name", ["Sequence, first 250", "Parallel, first 250"])
def test_tables_of_the_first_rows_are_those_of_the_corpus(name: str, corpus: Path) -> None:
    assert data.validation("durations")[name] == tables.WORKFLOWS[name](corpus, Path("nowhere"))


@pytest.mark.parametrize("log", ["profile", "whole log"])
@pytest.mark.parametrize("name", ["Sequence", "Parallel"])
def test_measured_figures_of_the_structures_are_those_of_the_corpus(name: str, log: str, corpus: Path) -> None:
    assert data.validation("durations")[f"{name}, {log}"]["measured"] == tables.structure_measured(corpus, name)


@pytest.mark.parametrize("name", [name for name in tables.WORKFLOWS if "250" not in name])
def test_tables_of_whole_logs_are_those_of_their_repositories(name: str, corpus: Path, clones: Path) -> None:
    assert data.validation("durations")[name] == tables.WORKFLOWS[name](corpus, clones)


def test_evictions_are_those_of_their_repository(clones: Path) -> None:
    assert data.validation("evictions") == tables.evictions(clones)


def test_every_function_of_a_workflow_has_its_tables() -> None:
    for log, entry in data.validation("durations").items():
        flow = data.validation("workflows")[log.partition(",")[0]]["flow"]

        assert set(flows.functions(flow)) == set(entry["functions"])
        for each in entry["functions"].values():
            assert {len(table) for table in each["duration_ms"]} == {len(tables.FRACTIONS)}
            assert len(each["duration_ms"]) == tables.BLOCKS


def test_the_library_reads_quantiles_at_the_probabilities_that_were_taken() -> None:
    assert workflows.FRACTIONS == tables.FRACTIONS
