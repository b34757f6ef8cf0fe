"""The command line: `chainkit <word>`, which is also `python -m chainkit <word>` and `make <word>`.

What each word does is written here once; the Makefile only makes an environment first. Libraries are loaded by the
word that needs them, so that `chainkit doctor` answers where half of them are missing.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainkit import __version__, doctor
from chainkit.errors import ChainkitError, ConfigError, MissingError, nearest

_PACKAGE = Path(__file__).parent
_CHECKOUT = _PACKAGE.parent
_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

_LAB = (
    "--ServerApp.ip=127.0.0.1",  # only this machine may connect; Jupyter's own token stays on
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",  # nothing is asked of the network
)
_APP = (
    "--Voila.ip=127.0.0.1",
    "--token",
    "--template=chainkit",
    # It is made for Notebook 7 alone, and fails in Voila.
    "--VoilaConfiguration.extension_denylist=['@jupyter-notebook/lab-extension']",
)

Arguments = Sequence[str]


@dataclass(frozen=True)
class _Word:
    run: Callable[[Arguments], int]
    """Takes what follows the word; returns the exit code."""
    help: str
    takes: str = ""
    """Where to read what may follow the word; nothing may if empty."""


def main(argv: Arguments | None = None) -> int:
    """Carry out one command and return the exit code: 0 done, 1 something is wrong, 2 not understood.

    Parameters
    ----------
    argv : the words after the program's name; those of this process if left out

    Examples
    --------
    >>> main([])  # doctest: +ELLIPSIS
    usage: chainkit ...
    0
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words and not words[0].startswith("-") and words[0] not in _WORDS:
        guess = nearest(words[0], _WORDS)
        return _refuse(f"{words[0]!r} is not a command{guess}; the commands are {', '.join(_WORDS)}", code=2)
    parser = _parser()
    known, rest = parser.parse_known_args(words)
    if known.word is None and rest:
        return _refuse(f"{rest[0]!r} is not an option; the commands are {', '.join(_WORDS)}", code=2)
    if known.word is None:
        parser.print_help()
        return 0
    word = _WORDS[known.word]
    if rest and not word.takes:
        return _refuse(f"{known.word} takes nothing more, and there is {' '.join(rest)!r}", code=2)
    try:
        return word.run(rest)
    except KeyboardInterrupt:
        return 130  # what a shell reports of a program that Ctrl-C ended
    except BrokenPipeError:  # whoever read this wants no more: `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except ChainkitError as error:
        return _refuse(str(error), code=1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chainkit", description="Design, simulate, price and run Lambda chains.")
    parser.add_argument("--version", action="version", version=f"chainkit {__version__}")
    words = parser.add_subparsers(dest="word", metavar="command")
    for name, word in _WORDS.items():
        more = f" More words are handed on; see {word.takes}." if word.takes else ""
        # A word that reads its own options answers --help itself.
        is_read_here = not word.takes.startswith("chainkit ")
        description = f"{word.help[0].upper()}{word.help[1:]}.{more}"
        words.add_parser(name, help=word.help, description=description, add_help=is_read_here)
    return parser


def _refuse(text: str, *, code: int) -> int:
    print(f"chainkit: {text}", file=sys.stderr)
    return code


# --- for everyone ---


def _demo(rest: Arguments) -> int:
    from chainkit import report

    print(f"report: {report.demo(_notebooks_folder() / '01_first_chain.ipynb')}")
    return 0


def _lab(rest: Arguments) -> int:
    try:
        from jupyterlab.labapp import main as jupyterlab
    except ModuleNotFoundError as error:
        raise MissingError(f"chainkit lab: {error.name} is missing", fix="run chainkit doctor") from error
    folder, words = _own_folder().resolve(), list(rest)
    named = next((k for k, word in enumerate(words) if word.endswith(".ipynb") and not word.startswith("-")), None)
    if named is None:
        words.append("--LabApp.default_url=/lab/tree/index.ipynb")
    else:
        file = _notebook(words[named], folder)
        # Jupyter opens only what is below its folder.
        folder, words[named] = folder if file.is_relative_to(folder) else file.parent, str(file)
    jupyterlab([*_LAB, f"--ServerApp.root_dir={folder}", *words])
    return 0


def _app(rest: Arguments) -> int:
    try:
        from voila.app import main as voila
    except ModuleNotFoundError as error:
        raise MissingError(
            f"chainkit app: {error.name} is missing", fix=f'"{sys.executable}" -m pip install "chainkit[app]"'
        ) from error
    # Voila looks for templates where Jupyter keeps its data. Its own one loads icons from elsewhere, ours nothing.
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(_PACKAGE / "apps"), os.environ.get("JUPYTER_PATH")]))
    app = _own_folder().resolve() / "apps" / "designer.ipynb"
    voila([str(app), *_APP, *rest])
    return 0


def _notebook(word: str, folder: Path) -> Path:
    """Return the notebook that was named: a file from here, or one of ours."""
    file = next((each for each in (Path(word), folder / word) if each.is_file()), None)
    if file is None:
        known = [each.name for each in sorted(folder.glob("*.ipynb"))]
        raise ConfigError(
            f"chainkit lab: there is no notebook {word!r}{nearest(word, known)}", fix=f"ours are {', '.join(known)}"
        )
    return file.resolve()


def _doctor(rest: Arguments) -> int:
    rows = doctor.examine()
    print(doctor.table(rows, colour=doctor.wants_colour(sys.stdout)))
    return 1 if any(row.light == "red" for row in rows) else 0


def _validate(rest: Arguments) -> int:
    """Print the accuracy table; the exit code is 1 if a figure is further from the published one than allowed."""
    parser = argparse.ArgumentParser(prog="chainkit validate", description=_WORDS["validate"].help.capitalize() + ".")
    parser.add_argument("--only", action="append", default=[], metavar="CASE", help="a case, such as V10; repeatable")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, for a first look")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table as a document, too")
    given = parser.parse_args(rest)

    from chainkit.validation import accuracy, document

    table = accuracy.validate(given.only, quick=given.quick)
    print(table)
    if given.write is not None:
        given.write.write_text(document.as_markdown(table), encoding="utf-8")
    return 1 if table.counts["fail"] else 0


def _prices(rest: Arguments) -> int:
    """Print the price book, or read it anew from AWS's list; the exit code is 1 if a price was held back."""
    parser = argparse.ArgumentParser(prog="chainkit prices", description="Print the price book, or renew it.")
    parser.add_argument("refresh", nargs="?", choices=["refresh"], help="read prices anew from AWS's public price list")
    parser.add_argument("--region", action="append", default=[], metavar="R", help="repeatable; us-east-1 if left out")
    parser.add_argument("--find", metavar="WORD", help="only prices with this word, with their notes")
    of_refresh = parser.add_argument_group("refresh")
    of_refresh.add_argument(
        "--from", type=Path, metavar="FOLDER", help="read saved files, and nothing from the network"
    )
    of_refresh.add_argument("--to", type=Path, metavar="FOLDER", help="where to write, instead of your settings")
    of_refresh.add_argument("--nat", action="store_true", help="NAT gateways too: the list of EC2, 300 MB")
    of_refresh.add_argument("--yes", action="store_true", help="take prices too that are zero or ten times off")
    given = vars(parser.parse_args(rest))
    if given.pop("refresh"):
        return _refreshed(given)
    if wrong := [f"--{name}" for name in ("from", "to", "nat", "yes") if given[name]]:
        return _refuse(f"{', '.join(wrong)} belongs to chainkit prices refresh", code=2)
    for region in given["region"] or ["us-east-1"]:
        print(_book_text(region, given["find"]))
    return 0


def _probe(rest: Arguments) -> int:
    """Print what an endpoint does as AWS does, check by check; the exit code is 1 if a check fails."""
    parser = argparse.ArgumentParser(prog="chainkit probe", description=_WORDS["probe"].help.capitalize() + ".")
    parser.add_argument("url", metavar="URL", help="an endpoint on this machine, such as http://127.0.0.1:4566")
    parser.add_argument("--only", nargs="+", action="extend", default=[], metavar="NAME", help="these checks")
    parser.add_argument("--slow", action="store_true", help="those that take more than a minute, too")
    parser.add_argument("--order", choices=["file", "random"], default="file")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the random order; 1 if left out")
    parser.add_argument("--jobs", type=int, default=4, metavar="N", help="checks at once; 4 if left out")
    parser.add_argument(
        "--patience", type=float, default=45, metavar="S", help="seconds to wait for what should come; 45 if left out"
    )
    parser.add_argument("--region", default="us-east-1", metavar="R", help="us-east-1 if left out")
    parser.add_argument("--elsewhere", action="store_true", help="the endpoint may be on another machine")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON, too")
    given = vars(parser.parse_args(rest))
    file = given.pop("json")

    from chainkit.probing import HEADER, probe

    head = iter([HEADER])  # above the first line: what is refused at once has no table

    def show(result: object) -> None:
        print(*head, result, sep="\n", flush=True)

    report = probe(patience_s=given.pop("patience"), progress=show, **given)
    print(f"{report.url}: {report.counted()}")
    if file is not None:
        file.write_text(report.to_json(), encoding="utf-8")
    return 0 if report.passed else 1


def _book_text(region: str, word: str | None) -> str:
    """Return a region's prices as a table, or those with a word, each with its note."""
    from chainkit.billing.prices import price_book
    from chainkit.units import plain

    book = price_book(region)
    looked = [
        price
        for price in book.by_key.values()
        if word is None or word.lower() in f"{price.key} {price.unit} {price.source} {price.note}".lower()
    ]
    if not looked:
        raise ConfigError(
            f"prices: no price of {region} has the word {word!r}{nearest(word, book.by_key)}",
            fix=f"chainkit prices --region {region} shows all",
        )
    rows = [("key", "USD per", "unit", "free a month", "source", "of", "A-D")]
    rows += [
        (
            x.key,
            x.tiers_text(),
            x.unit,
            plain(x.free_per_month) if x.free_per_month else "",
            x.source,
            x.date,
            x.confidence,
        )
        for x in looked
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if word is not None:
        lines = [
            lines[0],
            *(f"{line}\n    {x.note}" if x.note else line for line, x in zip(lines[1:], looked, strict=True)),
        ]
    return "\n".join([f"{region}: {len(looked)} prices, on demand, before tax, checked {book.checked}", *lines])


def _refreshed(given: dict[str, Any]) -> int:
    import datetime as dt

    from chainkit import data
    from chainkit.billing import offers, refreshing

    if given["find"]:
        return _refuse("--find belongs to chainkit prices, without refresh", code=2)
    folder = given["to"] or data.own_prices() or data.own_prices_home()
    read = refreshing.saved(given["from"], nat=given["nat"]) if given["from"] else []
    held = 0
    for region in given["region"] or offers.regions_of(read) or ["us-east-1"]:
        lists = read if given["from"] else list(refreshing.fetched(region, nat=given["nat"]))
        renewed = refreshing.renewal(lists, region, yes=given["yes"])
        print(renewed)
        print(f"  written to {refreshing.write(renewed, folder, today=dt.date.today())}")
        held += len(renewed.held)
    if folder != data.own_prices():
        print(f"in use with CHAINKIT_PRICES={folder}")
    return 1 if held else 0


def _local(rest: Arguments) -> int:
    from chainkit.commands import emulators

    return emulators.local(rest)


def _plan(rest: Arguments) -> int:
    from chainkit.commands import deploying

    return deploying.plan(rest)


def _deploy(rest: Arguments) -> int:
    from chainkit.commands import deploying

    return deploying.deploy(rest)


def _destroy(rest: Arguments) -> int:
    from chainkit.commands import deploying

    return deploying.destroy(rest)


def _dead_letters(rest: Arguments) -> int:
    from chainkit.commands import dead_letters

    return dead_letters.dead_letters(rest)


def _reap(rest: Arguments) -> int:
    from chainkit.commands import guards

    return guards.reap(rest)


def _scan(rest: Arguments) -> int:
    from chainkit.commands import guards

    return guards.scan(rest)


def _package(rest: Arguments) -> int:
    from chainkit.commands import guards

    return guards.package(rest)


def _own_folder() -> Path:
    """Return the folder of the notebooks to work in: the checkout's, or a copy of the installed ones."""
    folder = _notebooks_folder()
    return _copied(folder, Path("chainkit-notebooks")) if folder.is_relative_to(_PACKAGE) else folder


def _notebooks_folder() -> Path:
    beside = _CHECKOUT / "notebooks"
    return beside if doctor.is_checkout() else _PACKAGE / "_notebooks"


def _copied(source: Path, target: Path) -> Path:
    """Copy the installed notebooks to where a person may change them; what stands there stays as it is."""
    for file in source.rglob("*"):
        copy = target / file.relative_to(source)
        if file.is_file() and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
    print(f"notebooks: {target}")
    return target


# --- for those who work on chainkit ---


def _test(rest: Arguments) -> int:
    if rest:
        return _python(["-m", "pytest", *rest])
    # The kernel is this very Python, whatever the machine calls "python3".
    return _python(["-m", "pytest"], ["-m", "pytest", "--nbval-lax", "--nbval-current-env", "notebooks"])


def _check(rest: Arguments) -> int:
    return _python(
        ["-m", "ruff", "check"],
        ["-m", "ruff", "format", "--check"],
        ["-m", "mypy"],
        ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        ["-m", "chainkit", "scan", "notebooks", "data"],
    )


def _bench(rest: Arguments) -> int:
    return _python(["bench/run.py", *rest])


def _fuzz(rest: Arguments) -> int:
    return _python(["-m", "tests.simulation.fuzz", *rest])


def _shots(rest: Arguments) -> int:
    return _python(["-m", "tests.browser.shots", *rest])


def _wheelhouse(rest: Arguments) -> int:
    # hatchling asks for editables when, without a network, it installs this checkout.
    wanted = [".[dev]", "editables"]
    return _python(["-m", "pip", "wheel", "--wheel-dir", "wheelhouse", "--constraint", "constraints.txt", *wanted])


def _notebooks(rest: Arguments) -> int:
    _require_checkout()
    folder = _CHECKOUT / "notebooks"
    for path in [*sorted(folder.glob("*.ipynb")), *sorted(folder.glob("apps/*.ipynb"))]:
        print(path.relative_to(folder), flush=True)
        _run_and_store(path)
    from chainkit.designfile import write_schema

    print(write_schema(_CHECKOUT / "data" / "chain.schema.json").name)
    return 0


def _run_and_store(path: Path) -> None:
    """Run a notebook top to bottom and keep its outputs, without what only a living widget can show."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],  # it would warn that it speaks TCP, which it does within this machine
    ).execute(env={**os.environ, "CI": "1"})  # no progress bars: what is kept does not depend on the machine's speed
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            # JupyterLab shows a dead widget rather than the picture stored beside it.
            output.get("data", {}).pop(_WIDGET_VIEW, None)
    # The rest of the metadata names versions of this machine and would change with every run.
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"], "language_info": {"name": "python"}}
    nbformat.write(notebook, path)


def _python(*commands: Sequence[str]) -> int:
    """Run each command with this Python at the top of the checkout; the exit code is 0 if all went well."""
    _require_checkout()
    codes = [subprocess.run([sys.executable, *command], cwd=_CHECKOUT, check=False).returncode for command in commands]
    return 1 if any(codes) else 0


def _require_checkout() -> None:
    if not doctor.is_checkout():
        raise ConfigError(
            f"chainkit: this is an installed copy ({_PACKAGE}), and the command works on a checkout",
            fix="clone the repository and run the command, or make, there",
        )


_WORDS = {
    "demo": _Word(_demo, "run the first notebook and write its report"),
    "lab": _Word(
        _lab, "open the start page of the notebooks in JupyterLab, on this machine only", takes="jupyter lab --help"
    ),
    "app": _Word(_app, "open the designer as a page without code, on this machine only", takes="voila --help"),
    "doctor": _Word(_doctor, "say what is there, what is missing and what to do"),
    "validate": _Word(
        _validate, "compare predictions with published and measured figures", takes="chainkit validate --help"
    ),
    "prices": _Word(
        _prices, "print the price book, or read it anew from AWS's public list", takes="chainkit prices --help"
    ),
    "probe": _Word(_probe, "ask a local endpoint whether its routes work as AWS's do", takes="chainkit probe --help"),
    "local": _Word(
        _local,
        "start, show and end AWS stand-ins on this machine: up, status, logs, down",
        takes="chainkit local --help",
    ),
    "plan": _Word(_plan, "show what deploying a design would change", takes="chainkit plan --help"),
    "deploy": _Word(_deploy, "deploy a design", takes="chainkit deploy --help"),
    "destroy": _Word(_destroy, "take away what was deployed", takes="chainkit destroy --help"),
    "dead-letters": _Word(
        _dead_letters, "show what was given up, and send it back", takes="chainkit dead-letters --help"
    ),
    "reap": _Word(_reap, "take away the chains on a target whose time is over", takes="chainkit reap --help"),
    "scan": _Word(
        _scan, "look for keys and secrets in notebooks, designs and other files", takes="chainkit scan --help"
    ),
    "package": _Word(
        _package, "gather the libraries that a design's code needs, for AWS", takes="chainkit package --help"
    ),
    "test": _Word(_test, "run the tests and the notebooks, or with words for pytest only those tests", "pytest --help"),
    "check": _Word(_check, "check lint, formatting, types, import contracts, and that no key stands in a notebook"),
    "bench": _Word(
        _bench, "measure the simulator and the local target beside their peers", takes="python bench/run.py --help"
    ),
    "fuzz": _Word(_fuzz, "hold ten thousand random chains to the laws of conservation", takes="chainkit fuzz --help"),
    "notebooks": _Word(_notebooks, "run the notebooks again and store their outputs; write the schema of design files"),
    "shots": _Word(
        _shots, "take the pictures of docs/ again, in Chromium", takes="python -m tests.browser.shots --help"
    ),
    "wheelhouse": _Word(_wheelhouse, "gather every wheel in wheelhouse/, to install without a network"),
}
