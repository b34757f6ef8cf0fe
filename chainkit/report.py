"""The demo: runs a notebook headless, says on the terminal what it found, and writes it as one HTML file.

The file holds everything it shows: no widget state, no script from elsewhere. It opens with the network off.
"""

import re
from pathlib import Path
from typing import Any

from chainkit.errors import ConfigError

TAG = "demo"
"""Cells with this tag are printed: what somebody at a terminal wants to know."""
_WIDGET = "application/vnd.jupyter.widget-view+json"
_STYLE = ".jp-RenderedSVG img, .jp-RenderedSVG svg { max-width: 100%; height: auto; }"


def demo(notebook: Path, report: Path | None = None) -> Path:
    """Run a notebook and return the path of its HTML report.

    Parameters
    ----------
    notebook : what to run, in its own folder; the file itself is not changed
    report : where to write; None: ``chainkit-demo.html`` in the working directory

    Raises
    ------
    ConfigError
        If the notebook cannot be read, a cell fails, or the report cannot be written.
    """
    report = Path("chainkit-demo.html") if report is None else report
    book = _run(notebook)
    for cell in book.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(_WIDGET, None)
        if TAG in cell.metadata.get("tags", []):
            _say(cell)
    book.metadata.pop("widgets", None)
    try:
        report.write_text(html(book), encoding="utf-8")
    except OSError as error:
        problem = f"demo: {report.resolve()} cannot be written: {error.strerror}"
        raise ConfigError(problem, fix="run it in a folder that can be written to") from error
    return report.resolve()


def _run(notebook: Path) -> Any:
    """Return a notebook after running it, or raise our error."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    try:
        book = nbformat.read(notebook, as_version=4)
    except (OSError, ValueError) as error:
        raise ConfigError(f"demo: {notebook} cannot be read: {error}", fix="install chainkit anew") from error
    client = NotebookClient(
        book,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(notebook.parent)}},
        extra_arguments=["--log-level=ERROR"],  # it would warn that it speaks TCP, which stays within this machine
    )
    try:
        client.execute()
    except CellExecutionError as error:
        problem = f"demo: a cell of {notebook} fails: {error.ename}: {error.evalue}"
        raise ConfigError(problem, fix="run chainkit doctor; it says what is missing") from error
    return book


def _say(cell: Any) -> None:
    """Print the text of a cell's outputs."""
    for output in cell.get("outputs", []):
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        print(f"{text.rstrip()}\n")  # noqa: T201 - the demo's purpose


def html(book: Any) -> str:
    """Return a notebook as one HTML page without any address to load from."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(
        template_name="lab", mathjax_url="", require_js_url="", jquery_url="", widget_renderer_url="", mermaid_js_url=""
    )
    page, _ = exporter.from_notebook_node(book)
    page = page.replace("</head>", f"<style>{_STYLE}</style></head>", 1)
    # The template's loaders would still ask for an empty address.
    page = re.sub(r"<script[^>]*\bsrc=\"[^\"]*\"[^>]*>\s*</script>", "", page)
    return re.sub(r"<script type=\"module\">.*?mermaid.*?</script>", "", page, flags=re.S)
