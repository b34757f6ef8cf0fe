"""The panel that opens a design: a *.chain.yaml of this computer takes the chain's place."""

import tempfile
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets

from chainkit.chain import Chain, load
from chainkit.errors import ChainkitError, ConfigError
from chainkit.operations import Operation
from chainkit.widgets.markup import hint, refusal
from chainkit.widgets.panel import Panel

SUFFIXES = ".yaml,.yml"
MOST_BYTES = 2_000_000
HINT = "Choose a design file (*.chain.yaml); it takes the place of what is drawn, and Undo brings that back."


class OpenPanel(Panel):
    r"""A design file becomes the chain: one step, which can be undone.

    Examples
    --------
    >>> import chainkit as ck
    >>> panel = OpenPanel(ck.Chain("shop"))
    >>> panel.take(
    ...     "jobs.chain.yaml", b"chainkit: 1\nchain: jobs\nregion: us-east-1\nservices: {jobs: {type: SqsQueue}}\n"
    ... )
    True
    >>> list(panel.state.chain.services)
    ['jobs']
    """

    def __init__(self, of: Any) -> None:
        super().__init__(of)
        self.upload = ipywidgets.FileUpload(
            accept=SUFFIXES, multiple=False, description="Open a design", tooltip=HINT, layout={"width": "auto"}
        )
        self.message = ipywidgets.HTML()
        self.upload.observe(self._given, names="value")
        row = ipywidgets.HBox([self.upload, ipywidgets.HTML(hint(HINT))], layout={"align_items": "center"})
        self.fill(row, self.message)

    def _given(self, change: Any) -> None:
        """Open what the browser sent."""
        for file in change["new"]:
            self.take(file["name"], bytes(file["content"]))

    def take(self, name: str, content: bytes) -> bool:
        """Put a design in the chain's place, or say why not; return which."""
        try:
            chain = _read(name, content)
        except ChainkitError as error:
            self.message.value = refusal(error)
            return False
        if not self.state.do(Operation("become", (chain,))):
            self.message.value = refusal(self.state.refusal)
            return False
        self.message.value = f'<div role="status">{escape(self._said(name, chain))}</div>'
        return True

    def _said(self, name: str, chain: Chain) -> str:
        """Return what was opened, and what of the file did not come along."""
        mine = self.state.chain
        words = f"{name}: {len(chain.services)} services and {len(chain.links)} links."
        if chain.region != mine.region:
            words += f" Times and prices stay those of {mine.region}; the file says {chain.region}."
        return words

    def twin(self) -> str:
        """Return what the panel is for."""
        return HINT


def _read(name: str, content: bytes) -> Chain:
    """Return the chain in a file that the browser sent; errors name the file as the user does."""
    if len(content) > MOST_BYTES:
        raise ConfigError(
            f"{name}: its size of {len(content):,} bytes is above {MOST_BYTES:,}", fix="choose a design file"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / (Path(name).name or "design.chain.yaml")
        path.write_bytes(content)
        chain = load(path)
    chain.path = None
    return chain
