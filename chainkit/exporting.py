"""A chain as a file to hand on: SVG, PNG, or a page that opens with the network off."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chainkit.chain import Chain, as_chain
from chainkit.errors import ConfigError, nearest
from chainkit.network import DRAWING, scene, settings_in_words, vis_network
from chainkit.pictures import svg

PAGE = Path(__file__).with_suffix(".html")
"""Our template of the page."""


def export(chain: Chain, path: str | Path, *, notes: Mapping[str, str] | None = None) -> Path:
    """Write a chain as a picture and return the file's path; an older file is replaced.

    ========  ===========================================================================================
    suffix    what it is
    ========  ===========================================================================================
    .svg      vector graphics: for documents, and for repositories, since equal chains give equal text
    .png      pixels, two for each of the layout
    .html     one page to drag, zoom and hover on, with all it shows as text; it loads nothing
    ========  ===========================================================================================

    Parameters
    ----------
    chain : with or without errors; a variant's chain too
    path : where to write; its suffix says what
    notes : service -> a few words for the third line of its card

    Raises
    ------
    ConfigError
        If it is no chain, the suffix is another, a note is of no service, or the file cannot be written.
    MissingError
        If a page is asked for and pyvis is not installed.

    Notes
    -----
    A page tells every setting that differs from its default, environment variables of functions among them.

    Examples
    --------
    >>> import tempfile
    >>> import chainkit as ck
    >>> chain = ck.Chain("orders")
    >>> _ = chain.add(ck.SqsQueue("jobs"))
    >>> export(chain, Path(tempfile.mkdtemp()) / "orders.svg", notes={"jobs": "41 wait"}).name
    'orders.svg'
    """
    design = as_chain(chain, "export")
    try:
        file = Path(path)
    except TypeError:
        raise ConfigError(f"export: path={path!r} is no path", fix='name a file: "orders.svg"') from None
    suffix = file.suffix.lower()
    if suffix not in _WRITERS:
        kinds = ", ".join(_WRITERS)
        raise ConfigError(
            f"export: path={str(path)!r} ends with {suffix!r}{nearest(suffix, _WRITERS)}; allowed: {kinds}",
            fix=f"name the file {(file.stem or design.name)}.svg, .png or .html",
        )
    if not file.parent.is_dir():
        raise ConfigError(
            f"export: path={str(path)!r}: there is no folder {str(file.parent)!r}", fix="make the folder first"
        )
    written = _WRITERS[suffix](design, notes)
    try:
        file.write_bytes(written)
    except OSError as error:
        problem = f"export: path={str(path)!r} cannot be written: {error.strerror}"
        raise ConfigError(problem, fix="choose a file that can be written") from error
    return file


def png(chain: Chain, notes: Mapping[str, str] | None = None) -> bytes:
    """Return a chain as PNG: two pixels for each of the layout.

    Raises
    ------
    ConfigError
        If it is no chain, or a note is of no service.
    """
    from chainkit.figures.chains import chain_png

    return chain_png(*_checked(chain, notes))


def html(chain: Chain, notes: Mapping[str, str] | None = None) -> str:
    """Return a chain as one page that holds all it needs: pyvis's network with our cards, dashes and places.

    Raises
    ------
    ConfigError
        If it is no chain, or a note is of no service.
    MissingError
        If pyvis is not installed.

    Examples
    --------
    >>> import chainkit as ck
    >>> "<title>new</title>" in html(ck.Chain("new"))
    True
    """
    chain, notes = _checked(chain, notes)
    bundle, drawn = vis_network(), scene(chain, notes)
    from pyvis.network import Network  # it loads jinja2, jsonpickle and IPython

    # A page has half as much room again as a cell of a notebook.
    height = f"{round(1.5 * drawn['height'])}px"
    network = Network(height=height, directed=True, heading=chain.name, cdn_resources="in_line")
    # The template of pyvis 0.3.2 loads Bootstrap from a CDN even when it is to be "in_line".
    # https://github.com/WestHealth/pyvis/issues/229
    network.set_template_dir(str(PAGE.parent), PAGE.name)
    network.templateEnv.globals.update(
        vis_network=bundle,
        drawing=DRAWING.read_text(encoding="utf-8"),
        description=str(chain),
        services=_services(chain, notes),
        frames=drawn["frames"],
        style=drawn["style"],
        scene={key: drawn[key] for key in ("frames", "cards", "style")},
    )
    network.set_options(json.dumps(drawn["options"]))
    for node in drawn["nodes"]:
        given = dict(node)
        network.add_node(given.pop("id"), **given)
    for edge in drawn["edges"]:
        given = dict(edge)
        network.add_edge(given.pop("from"), given.pop("to"), **given)
    page: str = network.generate_html()
    return page


def _checked(chain: Any, notes: Mapping[str, str] | None) -> tuple[Chain, Mapping[str, str]]:
    """Return a chain and its notes, or raise our error."""
    chain, notes = as_chain(chain, "export"), notes or {}
    for name in notes:
        if name not in chain.services:
            raise ConfigError(
                f"export: notes: chain {chain.name!r} has no service {name!r}{nearest(name, chain.services)}",
                fix=f"its services: {', '.join(chain.services) or 'none yet'}",
            )
    return chain, notes


def _services(chain: Chain, notes: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what the list below the drawing says."""
    told = []
    for name, service in chain.services.items():
        links = [
            {
                "target": target,
                "word": "dead letters" if key.endswith("!") else edge["link"].word.replace("_", " "),
                "settings": [] if key.endswith("!") else settings_in_words(edge["link"]),
            }
            for _, target, key, edge in chain.graph.out_edges(name, keys=True, data=True)
        ]
        told.append(
            {
                "name": name, "label": service.label, "note": notes.get(name, ""),
                "settings": settings_in_words(service), "links": links,
            }
        )  # fmt: skip
    return told


_WRITERS: Mapping[str, Callable[[Chain, Mapping[str, str] | None], bytes]] = {
    ".svg": lambda chain, notes: svg(*_checked(chain, notes)).encode(),
    ".png": png,
    ".html": lambda chain, notes: html(chain, notes).encode(),
}
