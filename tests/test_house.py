"""The rules of the repository that no linter knows."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

import chainkit as ck
from chainkit import cli

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DEPENDENCIES = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
MODULES = sorted((ROOT / "chainkit").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))

# Where conda-forge's name is not the package index's.
CONDA_NAMES = {"build": "python-build", "playwright": "playwright-python"}
HEAVY = {
    "numba", "boto3", "botocore", "moto", "matplotlib", "anywidget", "ipywidgets", "pandas", "scipy", "dask",
    "distributed",
}  # fmt: skip
SAY_NOTHING = {"utils", "util", "helpers", "common", "misc", "base", "core", "types"}
# Tests of no single module: of the repository, of several modules together, or of every service.
WHOLE = {
    "by_hand",
    "conservation",
    "controls",
    "rules_callers",
    "rules_deliveries",
    "rules_effects",
    "rules_lambda",
    "rules_machines",
    "rules_queues",
    "rules_traffic",
    "contract",
    "docs",
    "examples",
    "house",
    "imports",
    "kernel_vs_twin",
    "laws",
    "notebook_shape",
    "order_machine",
    "python_kernel",
    "routes",
    "sabotage",
    "seeds",
    "slice",
    "tables",
    "wheel",
}


def name_of(requirement: str) -> str:
    return canonicalize_name(Requirement(requirement).name)


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listing.stdout.split("\0") if name]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


# --- dependencies ---


def test_environment_yml_says_what_pyproject_says() -> None:
    document = YAML(typ="safe").load(ROOT / "environment.yml")
    conda = [entry for entry in document["dependencies"] if isinstance(entry, str)]
    (pip,) = [entry["pip"] for entry in document["dependencies"] if isinstance(entry, dict)]
    index_names = {conda_name: name for name, conda_name in CONDA_NAMES.items()}
    actual = {str(Requirement(entry)) for entry in pip if not entry.startswith("--")}
    for entry in conda:
        requirement = Requirement(entry)
        requirement.name = index_names.get(requirement.name, requirement.name)
        actual.add(str(requirement))

    expected = {str(Requirement(entry)) for entry in DEPENDENCIES}
    assert actual == {*expected, f"python{PROJECT['requires-python']}", "pip"}


def test_constraints_pin_every_dependency_within_its_range() -> None:
    pinned = {canonicalize_name(name): version for name, version in pins().items()}

    wrong = [
        entry
        for entry in DEPENDENCIES
        if name_of(entry) not in pinned or not Requirement(entry).specifier.contains(pinned[name_of(entry)])
    ]
    assert wrong == []


def test_constraints_are_sorted_and_hold_names_and_versions_only() -> None:
    actual = [f"{name}=={version}" for name, version in pins().items()]

    assert actual == sorted(actual, key=str.casefold)
    assert [line for line in actual if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []


def test_the_doctor_understands_every_bound_of_a_dependency() -> None:
    signs = {bound.operator for entry in PROJECT["dependencies"] for bound in Requirement(entry).specifier}

    assert signs <= {">=", "<"}


# --- files ---


def test_no_tracked_file_names_a_package_registry_or_a_path_of_one_machine() -> None:
    hosts = "|".join(["pypi[.]org", "pythonhosted", "registry[.]npmjs", "deb[.]debian[.]org"])
    pattern = re.compile(rf"{hosts}|(?<![\w.])/(?:work|root|home/\w+|Users/\w+)/(?=\w)")
    this = Path(__file__)
    found = []
    for file in tracked_files():
        if file != this and file.suffix not in {".png", ".zip"} and file.is_file():
            text = file.read_text(encoding="utf-8")
            found += [f"{file.relative_to(ROOT)}: {match[0]}" for match in pattern.finditer(text)]

    assert found == []


def test_only_continuous_integration_knows_where_the_corpus_is() -> None:
    word = "../" + "shared"
    files = [file for file in tracked_files() if file.is_file() and file.suffix != ".png"]

    assert [file.name for file in files if word in file.read_text(encoding="utf-8")] == ["run"]


def test_every_module_has_a_name_that_says_something() -> None:
    assert [str(file.relative_to(ROOT)) for file in MODULES if file.stem in SAY_NOTHING] == []


def test_every_package_explains_itself() -> None:
    packages = [file for file in MODULES if file.name == "__init__.py"]

    assert [
        str(file.relative_to(ROOT)) for file in packages if not ast.get_docstring(ast.parse(file.read_text()))
    ] == []


def test_no_module_but_the_kernel_is_longer_than_500_lines() -> None:
    long = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in MODULES}

    # The kernel is one loop: helpers that share its dozen variables would cost speed and read no better.
    assert {name for name, lines in long.items() if lines > 500} == {str(Path("chainkit/simulation/kernel.py"))}


@pytest.mark.parametrize("test", TESTS, ids=lambda test: str(test.relative_to(ROOT)))
def test_the_path_of_a_test_mirrors_what_it_tests(test: Path) -> None:
    inside = test.parent.relative_to(ROOT / "tests")
    folder = ROOT / "chainkit" / inside
    subject = test.stem.removeprefix("test_")

    if inside.parts[:1] == ("browser",):
        return
    if inside.parts[:1] == ("chains",):
        assert (ROOT / "data" / "chains" / subject.partition("_")[0]).is_dir()
        return
    assert (folder / f"{subject}.py").is_file() or (folder / subject).is_dir() or subject in WHOLE


def test_contributing_names_files_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:chainkit|tests|data)/[\w/.]+)`", text)

    assert [name for name in named if not (ROOT / name).exists() and "/x/" not in name] == []


def test_make_and_the_command_line_have_the_same_words() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())

    assert targets - {"help", "clean"} == set(cli._WORDS)


def test_continuous_integration_runs_make_check_and_make_test_and_nothing_else_of_ours() -> None:
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")

    assert re.findall(r"^(?:make|python|pytest).*$", script, re.MULTILINE) == ["make check", "make test"]


# --- the public face ---


def public_table() -> dict[str, str]:
    """Return public name -> file, as the façade's docstring shows it."""
    _, _, body, *_ = re.split(r"^=+ +=+$", ck.__doc__, flags=re.MULTILINE)
    table, file = {}, ""
    for line in body.strip("\n").splitlines():
        names, *last = re.split(r" {2,}", line.rstrip())
        file = last[0] if last else file
        table |= dict.fromkeys(re.findall(r"\w+", names), file)
    return table


def test_the_table_in_the_facade_lists_the_public_names() -> None:
    assert sorted(public_table()) == sorted(ck.__all__)


@pytest.mark.parametrize(("name", "file"), public_table().items())
def test_a_public_name_is_in_the_file_that_the_table_names(name: str, file: str) -> None:
    module = import_module("chainkit." + file.removesuffix(".py").replace("/", "."))

    assert getattr(ck, name) is getattr(module, name)


def test_no_public_name_is_hidden_by_a_module() -> None:
    modules = {file.stem for file in (ROOT / "chainkit").iterdir()}

    assert modules & set(ck.__all__) == set()


def test_importing_chainkit_loads_nothing_heavy() -> None:
    program = f"import sys, chainkit; print(sorted({HEAVY!r} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"


def test_building_a_chain_loads_nothing_heavy() -> None:
    program = f"import sys, chainkit as ck; ck.Chain('orders'); print(sorted({HEAVY!r} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"


# --- by service at the edge, by concern in the middle ---


def test_no_engine_names_a_service() -> None:
    edge = {"__init__.py", "wiring.py", "service.py"}
    services = {file.stem: "".join(part.title() for part in file.stem.split("_")) for file in service_files()}
    found = []
    for file in MODULES:
        inside = file.relative_to(ROOT / "chainkit")
        if inside.parts[0] in {"services", "emulation", "probing", "rewiring", "validation"} or str(inside) in edge:
            continue
        words = set(code_words(file))
        found += [f"{inside}: {name}" for name in (*services, *services.values()) if name in words]

    assert found == []


def service_files() -> list[Path]:
    return [file for file in MODULES if file.parent.name == "services" and file.stem != "__init__"]


def code_words(file: Path) -> list[str]:
    """Return every identifier, and every piece of text that is not a docstring."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    words = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            words.append(node.value)
        elif isinstance(node, ast.Name):
            words.append(node.id)
        elif isinstance(node, ast.Attribute):
            words.append(node.attr)
        elif isinstance(node, ast.alias):
            words += node.name.split(".")
    return words
