"""The dead-letters panel: what was given up, by error; a letter in full, and edited; all sent back, a dry run first."""

import json
from collections.abc import Mapping
from typing import Any

from chainkit.deployment.dead_letters import DeadLetters
from chainkit.deployment.letters import DeadLetter, DeadLetterGroup, moment
from chainkit.deployment.redriving import Redriven
from chainkit.deployment.stack import Stack
from chainkit.errors import ConfigError
from chainkit.records import Trace
from chainkit.simulation.loads import Load
from chainkit.units import seconds
from chainkit.widgets import assets
from chainkit.widgets.canvas import Answer, Canvas
from chainkit.widgets.panel import Panel, unknown
from chainkit.widgets.state import Topic
from chainkit.widgets.story import told as told_story
from chainkit.widgets.worksite import Work, Worksite, site_of

MOST_SHOWN = 50
"""Letters of a group, and requests after a redrive, that are listed."""
TITLES = ("look", "dry run", "redrive")
"""Of the work that this panel begins."""


class DeadLettersBoard(Canvas):
    """Draws groups and letters, and reports which of them a hand looks at, edits or sends back."""

    _esm = assets.module("dead_letters.js")
    _css = assets.style("working.css", "waterfall.css", "dead_letters.css")

    def __repr__(self) -> str:
        """Return the board in a word: stable, so that notebooks can be compared."""
        return f"DeadLettersBoard({self.scene.get('what', '')!r})"


class DeadLettersPanel(Panel):
    """Dead letters of what is deployed: groups by error, one in full, edits, and the way back with a limit of its rate.

    It works on what a `DeployPanel` of the same state has deployed. Nothing is sent back before a dry run of the same
    has said what would be done. A look receives each letter and puts it back: its receive count grows by one.

    Parameters
    ----------
    of : a chain, a designer, or its state; panels of one state share what is deployed
    load : traffic, where a chain is given

    Examples
    --------
    >>> import chainkit as ck
    >>> panel = DeadLettersPanel(ck.example("orders"))
    >>> panel.look()
    Traceback (most recent call last):
    chainkit.errors.ConfigError: look: nothing is deployed
      fix: plan and deploy first
    """

    def __init__(self, of: Any, load: Load | None = None) -> None:
        super().__init__(of, load)
        self.site: Worksite = site_of(self.state)
        self.found: DeadLetters | None = None
        """As they were at the last look."""
        self.redriven: Redriven | None = None
        """What was sent back last, or would be."""
        self._tried: tuple[Any, ...] = ()
        """What the dry run was of."""
        self._stack: Stack | None = None
        self._group = self._letter = ""
        self._trace: Trace | None = None
        self.board = DeadLettersBoard({}, self.carry_out, twin=self.picture)
        self.fill(self.board)
        self._show()

    def hear(self, topic: Topic) -> None:
        """Forget letters of what stands no more; show how work goes on."""
        if topic != "site":
            return
        if self.site.stack is not self._stack and not self.site.is_busy:
            self._stack = self.site.stack
            self.found = self.redriven = self._trace = None
        self._show()

    # --- what a hand does ---

    def carry_out(self, gesture: Mapping[str, Any]) -> Answer:
        """Carry out what a hand wants, or begin to.

        Raises
        ------
        ConfigError
            If there is no such gesture, or it is refused.
        """
        match gesture:
            case {"kind": "look"}:
                self.look()
            case {"kind": "show", "which": str(which)}:
                self.show(which)
            case {"kind": "edit", "which": str(which), "text": str(text)}:
                self.edit(which, text)
            case {"kind": "redrive", "which": which, "rate": rate, "resend": bool(resend), "is_dry": bool(is_dry)}:
                self.redrive(which, rate_per_s=rate, resend=resend, dry_run=is_dry)
            case {"kind": "trace", "request": str(request)}:
                self.show_request(request)
            case _:
                raise unknown(gesture)
        return {}

    def look(self) -> None:
        """Begin to look which dead letters there are.

        Raises
        ------
        ConfigError
            If nothing is deployed, or work is under way.
        """
        deployed = self.site.need_stack("look")

        def act(_: Work) -> None:
            self.found, self._tried, self._stack = deployed.dead_letters(), (), deployed

        self.site.start("look", act)

    def show(self, which: str) -> None:
        """Show a group, or one letter in full, by name or id.

        Raises
        ------
        ConfigError
            If there is none.
        """
        letters = self._need("show").show(which)
        self._group, self._letter = letters[0].group, letters[0].id
        self._show()

    def edit(self, which: str, text: str) -> None:
        """Change what goes back: all of one letter, or some fields of each in a group.

        Parameters
        ----------
        which : id of a letter, or name of a group
        text : JSON; the new payload of a letter, an object with the fields to set for a group

        Raises
        ------
        ConfigError
            If there is none, or the text is no such JSON.
        """
        found = self._need("edit")
        try:
            new = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError(f"edit: it is no JSON: {error}", fix='write for example {"order": 1}') from None
        is_group = which in [group.name for group in found.groups]
        if is_group and not isinstance(new, dict):
            raise ConfigError(
                f"edit: {text} is no object with fields to set", fix='write for example {"currency": "EUR"}'
            )
        found.edit(which, new if is_group else lambda _: new)
        self._tried = ()
        self._show()

    def redrive(
        self, which: str | None = None, *, rate_per_s: Any = None, resend: bool = False, dry_run: bool = False
    ) -> None:
        """Begin to send letters back, or to say what would be done.

        Parameters
        ----------
        which : group or letter; None: all
        rate_per_s : at most so many a second; None: as fast as it goes
        resend : hand what AWS has no call for to its function or target itself
        dry_run : only say what would be done; this comes first

        Raises
        ------
        ConfigError
            If there was no dry run of the same, there are no such letters, or work is under way.
        """
        found, wanted = self._need("redrive"), (which, rate_per_s, resend)
        if not dry_run and wanted != self._tried:
            raise ConfigError(
                "redrive: nobody has seen yet what would be done", fix="a dry run of the same comes first"
            )
        found.show(which)

        def act(_: Work) -> None:
            self._tried, self.redriven = (), None
            self.redriven = found.redrive(which, rate_per_s=rate_per_s, resend=resend, dry_run=dry_run)
            self._tried = wanted if dry_run else ()

        self.site.start("dry run" if dry_run else "redrive", act)

    def show_request(self, request: str) -> None:
        """Show a request that was sent back on its way, here and on the canvas.

        Raises
        ------
        ConfigError
            If it is none of those that were sent back last.
        """
        traces = {each.request: each for each in self.redriven.traces} if self.redriven else {}
        if request not in traces:
            raise ConfigError(f"request {request!r} was not sent back last", fix="choose one from the table")
        self._trace = traces[request]
        self.state.show_trace(self._trace)
        self._show()

    def _need(self, who: str) -> DeadLetters:
        if self.found is None:
            raise ConfigError(f"{who}: nobody has looked for dead letters yet", fix="look first")
        return self.found

    # --- what is shown ---

    def _show(self) -> None:
        """Show groups, the chosen one, a letter of it, and what was done."""
        site, found = self.site, self.found
        groups = found.groups if found is not None else ()
        if self._group not in [group.name for group in groups]:
            self._group = groups[0].name if groups else ""
        letters = [*found.show(self._group)] if found is not None and self._group else []
        chosen = next((each for each in letters if each.id == self._letter), letters[0] if letters else None)
        self._letter = chosen.id if chosen else ""
        is_free = not site.is_busy
        self.board.scene = {
            "what": self.state.chain.name, "text": self._text(), "groups": [_group_words(each) for each in groups],
            "group": self._group, "letters": [_brief(each) for each in letters[:MOST_SHOWN]],
            "more": max(len(letters) - MOST_SHOWN, 0), "letter": _letter_words(chosen) if chosen else {},
            "tried": [*self._tried], "redriven": _redriven_words(self.redriven), "story": self._story(),
            "work": site.work.words() if site.work.title in TITLES else {},
            "can": {"look": is_free and site.stack is not None, "redrive": is_free and bool(groups)},
        }  # fmt: skip

    def _text(self) -> str:
        """Return where things stand, in a line or a few."""
        if self.site.stack is None:
            return "Nothing is deployed: the Deploy panel does that, and its dead letters are seen here."
        if self.found is None:
            return (
                "Nobody has looked yet. A look receives each letter and puts it back: its receive count grows by one."
            )
        head, *rest = str(self.found).split("\n")
        return "\n".join([head, *(line.strip() for line in rest if line.startswith("  note: "))])

    def _story(self) -> dict[str, Any]:
        """Return the waterfall of the request that was chosen."""
        deployed = self.site.stack
        return told_story(deployed.chain, self._trace, "sent back") if self._trace is not None and deployed else {}

    def twin(self) -> str:
        """Return the groups, and what was done, as text."""
        return "\n".join(
            [
                str(self.found) if self.found is not None else self._text(),
                *([str(self.redriven)] if self.redriven else []),
            ]
        )


def _group_words(group: DeadLetterGroup) -> dict[str, Any]:
    """Return a row of the table of groups."""
    return {
        "name": group.name, "count": f"{group.count}" + (f" ({group.edited} edited)" if group.edited else ""),
        "queues": ", ".join(group.queues), "links": ", ".join(link or "?" for link in group.links),
        "first": moment(group.first_s), "last": moment(group.last_s), "example": group.example,
    }  # fmt: skip


def _brief(letter: DeadLetter) -> dict[str, str]:
    """Return a letter as it stands in a list."""
    edited = ", edited" if letter.is_edited else ""
    return {"id": letter.id, "text": f"{letter.id[:8]} in {letter.queue}, sent {moment(letter.sent_s)}{edited}"}


def _letter_words(letter: DeadLetter) -> dict[str, Any]:
    """Return a letter in full."""
    rows = [
        ["error", f"{letter.error}: {letter.message}" if letter.message else letter.error], ["at", letter.failed],
        ["came by", letter.link or "nobody knows"], ["goes back to", letter.home or "nobody knows"],
        ["in", letter.queue], ["sent", moment(letter.sent_s)], ["received", f"{letter.receives} times, looks included"],
        ["request", letter.root or "nobody knows"], ["message id", letter.id],
    ]  # fmt: skip
    attributes = [[name, str(each.get("StringValue", "(binary)"))] for name, each in letter.attributes.items()]
    return {
        "id": letter.id, "rows": rows, "attributes": attributes, "logs": "\n".join(letter.logs),
        "payload": _json(letter.payload), "original": _json(letter.original) if letter.is_edited else "",
    }  # fmt: skip


def _json(payload: Any) -> str:
    return json.dumps(payload, indent=2, ensure_ascii=False)


def _redriven_words(redriven: Redriven | None) -> dict[str, Any]:
    """Return what was done, or would be, and the requests that were sent back."""
    if redriven is None:
        return {}
    shown = redriven.traces[:MOST_SHOWN]
    return {
        "is_dry": redriven.is_dry_run, "text": str(redriven),
        "traces": [{"request": t.request, "outcome": t.outcome, "took": seconds(t.completion_s)} for t in shown],
        "more": len(redriven.traces) - len(shown),
    }  # fmt: skip
