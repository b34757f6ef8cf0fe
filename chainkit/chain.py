"""The chain: a graph of services and links, and the one object that everything else takes.

Services and links are frozen; the chain is not. `chain.graph` is a networkx MultiDiGraph built from both.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import chainkit.services  # noqa: F401 - fills the registry, from which design files are read
from chainkit import designfile
from chainkit.costs import Costed, cost_of
from chainkit.declared import changed
from chainkit.errors import ChainkitError, ConfigError, DesignFileError, WiringError, nearest
from chainkit.problems import is_place, problems
from chainkit.service import Service, from_plain
from chainkit.wiring import Link, Task, make

if TYPE_CHECKING:
    import networkx as nx

S = TypeVar("S", bound=Service)

REGION = r"[a-z]{2}(-[a-z]+)+-[0-9]"
"""How AWS writes a region."""


class Chain(Costed):
    """A design: AWS services by name, and the links between them.

    Parameters
    ----------
    name : prefix of everything that is deployed
    region : AWS region code

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("orders")
    >>> jobs = chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    >>> pay = chain.add(ck.LambdaFunction("pay", timeout_s=10))
    >>> chain.connect(jobs, pay, batch_size=5).batch_size
    5
    >>> list(chain.graph.edges(keys=True))
    [('jobs', 'pay', 'jobs>pay')]
    """

    def __init__(self, name: str, region: str = "us-east-1") -> None:
        if not isinstance(name, str) or not name:
            raise ConfigError(f"chain: name={name!r} is no name", fix='give the chain a name: Chain("orders")')
        if not isinstance(region, str) or not re.fullmatch(REGION, region):
            raise ConfigError(
                f"chain {name!r}: region={region!r} is no AWS region code", fix="write it as AWS does: us-east-1"
            )
        super().__init__()
        self.name = name
        self.region = region
        self.layout: dict[str, tuple[float, float]] = {}
        """Where each service stands on the canvas; no part of equality."""
        self.groups: dict[str, tuple[str, ...]] = {}
        """Frames on the canvas: title -> services in it (a region, a variant); no part of equality."""
        self.path: Path | None = None
        """The design file it was read from: `code` folders are relative to it."""
        self._services: dict[str, Service] = {}
        self._links: dict[str, Link] = {}
        self._document: Any = None
        self._graph: nx.MultiDiGraph[str] | None = None

    # --- reading ---

    @property
    def services(self) -> Mapping[str, Service]:
        """Name -> service, in the order they were added."""
        return dict(self._services)

    @property
    def links(self) -> Mapping[str, Link]:
        """Id -> link, tasks of state machines included."""
        return {**self._links, **self._tasks()}

    @property
    def graph(self) -> "nx.MultiDiGraph[str]":
        """The chain as a read-only networkx graph: node["service"], edge["link"], edge["kind"], edge key = link id."""
        if self._graph is None:
            import networkx as nx

            graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(name=self.name)
            for name, service in self._services.items():
                graph.add_node(name, service=service)
            for key, link in self.links.items():
                graph.add_edge(link.source, link.target, key=key, link=link, kind=link.kind)
                if link.dead_letters in self._services:
                    graph.add_edge(link.source, link.dead_letters, key=f"{key}!", link=link, kind="dead_letter")
            self._graph = nx.freeze(graph)
        return self._graph

    def service(self, name: str) -> Service:
        """Return the service of that name.

        Raises
        ------
        WiringError
            If there is none.
        """
        if not isinstance(name, str) or name not in self._services:
            raise WiringError(
                f"chain {self.name!r} has no service {name!r}{nearest(name, self._services)}",
                fix=f"its services: {', '.join(self._services) or 'none yet'}",
            )
        return self._services[name]

    def link(self, key: str) -> Link:
        """Return the link of that id ("jobs>pay").

        Raises
        ------
        WiringError
            If there is none.
        """
        links = self.links
        if not isinstance(key, str) or key not in links:
            raise WiringError(
                f"chain {self.name!r} has no link {key!r}{nearest(key, links)}",
                fix=f"its links: {', '.join(links) or 'none yet'}",
            )
        return links[key]

    def incoming(self, name: str) -> list[tuple[str, Link]]:
        """Return (id, link) of the links into a service, in the order they were made."""
        return [(key, link) for key, link in self.links.items() if link.target == name]

    def outgoing(self, name: str) -> list[tuple[str, Link]]:
        """Return (id, link) of the links out of a service, in the order they were made."""
        return [(key, link) for key, link in self.links.items() if link.source == name]

    def entries(self) -> list[str]:
        """Return the services to which nothing leads: where requests enter."""
        led_to = {link.target for link in self.links.values()}
        led_to |= {link.dead_letters for link in self.links.values() if link.dead_letters}
        return [name for name in self._services if name not in led_to]

    def _tasks(self) -> dict[str, Link]:
        """Return the task links that state machines' definitions name, where both ends exist."""
        tasks: dict[str, Link] = {}
        for service in self._services.values():
            for state, target, resource, kind in service.tasks():
                if target in self._services:
                    settings: dict[str, Any] = {"state": state, "resource": resource, "invocation_type": kind}
                    key = _free(f"{service.name}>{target}", tasks.keys() | self._links.keys())
                    tasks[key] = Task(source=service.name, target=target, **settings)
        return tasks

    def __eq__(self, other: object) -> bool:
        """Tell whether two chains have the same name, region, services, links and costs."""
        if not isinstance(other, Chain):
            return NotImplemented
        # Links by their order, not by id: a file that lost the first of two parallel links numbers the other anew.
        one, two = (
            (each.name, each.region, each._services, [*each._links.values()], each._costs) for each in (self, other)
        )
        return one == two

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Return the chain in a word: stable, so that notebooks can be compared."""
        return f"Chain({self.name!r}, {len(self._services)} services, {len(self.links)} links)"

    def __str__(self) -> str:
        """Return the chain as text: a line per service, its links below it."""
        lines = [f"{self.name} ({self.region})"]
        for name, service in self._services.items():
            lines.append(f"  {name}: {service.label}")
            for key, target, edge in ((k, t, d) for _, t, k, d in self.graph.out_edges(name, keys=True, data=True)):
                lines.append(f"    -> {target} ({edge['kind'] if key.endswith('!') else edge['link'].word})")
        return "\n".join(lines)

    # --- changing ---

    def add(self, service: S) -> S:
        """Add a service and return it.

        Raises
        ------
        ConfigError
            If it is no service.
        WiringError
            If the name is taken.
        """
        if not isinstance(service, Service):
            raise ConfigError(
                f"chain {self.name!r}: {service!r} is no service", fix='add one with its name: SqsQueue("jobs")'
            )
        self._require_free(service.name)
        self._services[service.name] = service
        self._graph = None
        return service

    def connect(self, source: str | Service, target: str | Service, /, link: str | None = None, **options: Any) -> Link:
        """Connect two services and return the link.

        Parameters
        ----------
        source, target : services of this chain, or their names
        link : which link, where several fit ("async", "on_failure", "redrive" ...); None: the plain call
        **options : the link's fields

        Raises
        ------
        WiringError
            If an end is missing or nothing fits.
        ConfigError
            If an option is refused.
        """
        a, b = (self.service(_name(end)) for end in (source, target))
        made = make(a, b, link, options)
        self._links[_free(f"{a.name}>{b.name}", self._links.keys())] = made
        self._graph = None
        return made

    def set(self, key: str | Service, /, **settings: Any) -> Service | Link:
        """Change settings of a service ("pay") or a link ("jobs>pay") and return the new one.

        Raises
        ------
        WiringError
            If there is no such service or link, or the ASL owns the link.
        ConfigError
            If a setting is refused; the chain stays as it was.
        """
        name = _name(key)
        if name in self._links:
            self._links[name] = changed(self._links[name], **settings)
            self._graph = None
            return self._links[name]
        if name not in self._services and isinstance(self.links.get(name), Task):
            raise _owned_by_machine(name)
        self._services[name] = self.service(name).with_settings(**settings)
        self._graph = None
        return self._services[name]

    def remove(self, key: str | Service) -> None:
        """Remove a service with its links, or one link.

        Raises
        ------
        WiringError
            If there is no such service or link, or the ASL owns the link.
        """
        name = _name(key)
        if name in self._links:
            del self._links[name]
        elif isinstance(self.links.get(name), Task):
            raise _owned_by_machine(name)
        else:
            del self._services[self.service(name).name]
            self.layout.pop(name, None)
            self._regroup({name: None})
            self._links = {k: v for k, v in self._links.items() if name not in (v.source, v.target)}
        self._graph = None

    def rename(self, key: str | Service, name: str) -> Service:
        """Give a service another name, everywhere: links, dead-letter queues and state machines follow.

        Raises
        ------
        WiringError
            If there is no such service, or the name is taken.
        ConfigError
            If it is no name.

        Examples
        --------
        >>> import chainkit as ck
        >>> chain = ck.Chain("orders")
        >>> _ = chain.add(ck.SqsQueue("jobs")), chain.add(ck.LambdaFunction("pay"))
        >>> _ = chain.connect("jobs", "pay")
        >>> _ = chain.rename("jobs", "orders")
        >>> list(chain.links)
        ['orders>pay']
        """
        old = self.service(_name(key)).name
        names = {old: name}
        renamed = {n: service.renamed(names) for n, service in self._services.items()}
        if name == old:
            return self._services[name]
        self._require_free(name)
        links: dict[str, Link] = {}
        for k, link in self._links.items():
            here = old in (link.source, link.target)
            new = link.renamed(names)
            links[_free(f"{new.source}>{new.target}", links.keys()) if here else k] = new
        self._services = {service.name: service for service in renamed.values()}
        self._links = links
        self.layout = {names.get(n, n): place for n, place in self.layout.items()}
        self._regroup(names)
        self._graph = None
        return self._services[name]

    def become(self, other: "Chain") -> None:
        """Take over services, links, costs, layout and groups of another chain; name, region and file stay."""
        self._services, self._links, self._costs = dict(other._services), dict(other._links), dict(other._costs)
        self.layout, self.groups = dict(other.layout), dict(other.groups)
        self._graph = None

    def place(self, places: Mapping[str, tuple[float, float] | None]) -> None:
        """Put cards where they stand on the canvas, pixels; None lets a card be placed by itself again."""
        for name, place in places.items():
            if place is not None and not is_place(place):
                raise ConfigError(f"{self.service(name).name}: {place!r} is no place", fix="give two pixels: (266, 0)")
            self.service(name)
        placed = {**self.layout, **places}
        self.layout = {name: (float(xy[0]), float(xy[1])) for name, xy in placed.items() if xy is not None}

    def group(self, title: str, services: Iterable[str]) -> None:
        """Draw a frame with a title around services; each stands in one frame, and none ends the frame.

        A frame says what belongs together (a region, a variant, a team); it changes nothing else.

        Raises
        ------
        WiringError
            If a service is not there.
        ConfigError
            If the title is none.
        """
        if not isinstance(title, str) or not title.strip():
            raise ConfigError(f"chain {self.name!r}: title={title!r} is no title of a group", fix="give it a few words")
        inside = tuple(self.service(_name(each)).name for each in services)
        self._regroup(dict.fromkeys(inside))
        self.groups = {k: v for k, v in {**self.groups, title: inside}.items() if v}

    def _regroup(self, names: Mapping[str, str | None]) -> None:
        """Rename services in their groups, or take them out; a group that is left empty is gone."""
        self.groups = {
            title: inside
            for title, services in self.groups.items()
            if (inside := tuple(new for name in services if (new := names.get(name, name)) is not None))
        }

    def order_links(self, place: Callable[[str], Any]) -> None:
        """Sort the links by what `place` gives for their ids: their order is part of the draws of a run."""
        self._links = {key: self._links[key] for key in sorted(self._links, key=place)}
        self._graph = None

    def name_links(self, ids: Iterable[str]) -> Self:
        """Give the links other ids, in their order: a run's draws go by them."""
        self._links = dict(zip(ids, self._links.values(), strict=True))
        self._graph = None
        return self

    def copy(self, name: str | None = None) -> Self:
        """Return a chain that can be changed without changing this one."""
        twin = type(self)(self.name if name is None else name, self.region)
        twin._services, twin._links, twin._costs = dict(self._services), dict(self._links), dict(self._costs)
        twin.layout, twin.groups = dict(self.layout), dict(self.groups)
        twin.path, twin._document = self.path, self._document
        return twin

    # --- checking ---

    def validate(self) -> list[ChainkitError]:
        """Return every error: what cannot be built or run. An empty list is a chain that can."""
        return problems(self.name, self._services, self._links)

    def require_valid(self) -> None:
        """Raise the first error of `validate`, if there is one."""
        for error in self.validate():
            raise error

    # --- the design file ---

    def to_plain(self) -> dict[str, Any]:
        """Return the design as the plain dictionary that a design file holds."""
        plain: dict[str, Any] = {
            "chainkit": 1,
            "chain": self.name,
            "region": self.region,
            "services": {name: service.to_plain() for name, service in self._services.items()},
            "links": [{"from": link.source, "to": link.target, **link.to_plain()} for link in self._links.values()],
        }
        if self._costs:
            plain["costs"] = {name: cost.to_plain() for name, cost in self._costs.items()}
        if self.layout:
            plain["layout"] = {name: [*xy] for name, xy in self.layout.items() if name in self._services}
        if self.groups:
            plain["groups"] = {title: [*services] for title, services in self.groups.items()}
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], where: "designfile.Where | None" = None) -> Self:
        """Return the chain that a plain dictionary describes; `where` turns a place in it into "file:line: ".

        Raises
        ------
        ConfigError, WiringError
            For the first entry that is no service or link.
        """
        at = where or (lambda *_: "")
        chain = cls(plain["chain"], plain.get("region", "us-east-1"))
        for name, entry in plain["services"].items():
            with _Placed(at("services", name)):
                chain.add(from_plain(name, entry))
        for k, entry in enumerate(plain.get("links", [])):
            options = dict(entry)
            with _Placed(at("links", k)):
                chain.connect(options.pop("from"), options.pop("to"), **options)
        for name, entry in plain.get("costs", {}).items():
            with _Placed(at("costs", name)):
                chain.add_cost(name, *cost_of(name, entry))
        chain.layout = {name: (float(x), float(y)) for name, (x, y) in plain.get("layout", {}).items()}
        for title, services in plain.get("groups", {}).items():
            with _Placed(at("groups", title)):
                chain.group(title, services)
        return chain

    def save(self, path: str | Path) -> Path:
        """Write the design file; comments of the file it was read from are kept.

        Examples
        --------
        >>> import tempfile
        >>> import chainkit as ck
        >>> chain = ck.Chain("orders")
        >>> _ = chain.add(ck.SqsQueue("jobs"))
        >>> file = chain.save(Path(tempfile.mkdtemp()) / "orders.chain.yaml")
        >>> ck.load(file) == chain
        True
        """
        self.path = Path(path)
        self._document = designfile.write(self.path, self.to_plain(), self._document)
        return self.path


def load(path: str | Path) -> Chain:
    """Return the chain in a design file.

    Raises
    ------
    DesignFileError
        If the file cannot be read as a chain: missing, empty, not YAML, wrong shape, a name twice.
    ConfigError, WiringError
        If a service or link in it is refused; the text starts with file and line.
    """
    path = Path(path)
    plain, document, where = designfile.read(path)
    chain = Chain.from_plain(plain, where)
    # What the file says in another form than the chain would (a default written out, 0.2 for a law) is no change.
    chain.path, chain._document = path, document.stating(chain.to_plain())
    return chain


class _Placed:
    """Put "file:line: " before the text of a chainkit error raised inside."""

    def __init__(self, place: str) -> None:
        self.place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if self.place and isinstance(error, ChainkitError) and not isinstance(error, DesignFileError):
            raise type(error)(f"{self.place}{error.problem}", fix=error.fix) from None


def as_chain(thing: Any, who: str) -> Chain:
    """Return the chain that a verb was given: a chain itself, or what holds one (a variant).

    Raises
    ------
    ConfigError
        If it is neither; `who` is the verb.
    """
    chain = getattr(thing, "chain", thing)
    if not isinstance(chain, Chain):
        raise ConfigError(f"{who}: {thing!r} is no chain", fix='give a chain: ck.Chain("orders"), or ck.load of a file')
    return chain


def _name(thing: Any) -> str:
    """Return the name of a service, or what was given for one."""
    return thing.name if isinstance(thing, Service) else thing if isinstance(thing, str) else repr(thing)


def _owned_by_machine(key: str) -> WiringError:
    """Return the error for changing a task link by hand."""
    return WiringError(f"link {key!r} is part of a state machine", fix="change the machine's definition")


def _free(key: str, taken: Any) -> str:
    """Return `key`, or key#2, key#3 ... if it is taken."""
    k, free = 1, key
    while free in taken:
        k += 1
        free = f"{key}#{k}"
    return free
