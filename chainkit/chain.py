"""The chain: a graph of services and links, and the one object that everything else takes.

Services and links are frozen; the chain is not. `chain.graph` is a networkx MultiDiGraph built from both.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import networkx as nx

import chainkit.services  # noqa: F401 - fills the registry, from which design files are read
from chainkit import data, designfile
from chainkit.declared import changed
from chainkit.errors import ChainkitError, ConfigError, DesignFileError, WiringError, nearest
from chainkit.service import NAME, Service, from_plain
from chainkit.wiring import Caller, Destination, EventSourceMapping, Link, Redrive, Task, make

S = TypeVar("S", bound=Service)


class Chain:
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
        self.name = name
        self.region = region
        self.layout: dict[str, tuple[float, float]] = {}
        """Where each service stands on the canvas; no part of equality."""
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
        if name not in self._services:
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
        if key not in links:
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
        """Tell whether two chains have the same name, region, services and links."""
        if not isinstance(other, Chain):
            return NotImplemented
        # Links by their order, not by id: a file that lost the first of two parallel links numbers the other anew.
        return (self.name, self.region, self._services, [*self._links.values()]) == (
            other.name,
            other.region,
            other._services,
            [*other._links.values()],
        )

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
        WiringError
            If the name is taken.
        """
        if service.name in self._services:
            raise WiringError(
                f"chain {self.name!r} has a service {service.name!r} already",
                fix="choose another name, or change the one there with chain.set",
            )
        self._services[service.name] = service
        self._graph = None
        return service

    def connect(self, source: str | Service, target: str | Service, *, link: str | None = None, **options: Any) -> Link:
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
        a, b = (self.service(x if isinstance(x, str) else x.name) for x in (source, target))
        made = make(a, b, link, options)
        self._links[_free(f"{a.name}>{b.name}", self._links.keys())] = made
        self._graph = None
        return made

    def set(self, key: str, **settings: Any) -> Service | Link:
        """Change settings of a service ("pay") or a link ("jobs>pay") and return the new one.

        Raises
        ------
        WiringError
            If there is no such service or link, or the ASL owns the link.
        ConfigError
            If a setting is refused; the chain stays as it was.
        """
        if key in self._links:
            self._links[key] = changed(self._links[key], **settings)
            self._graph = None
            return self._links[key]
        if key not in self._services and isinstance(self.links.get(key), Task):
            raise _owned_by_machine(key)
        self._services[key] = self.service(key).with_settings(**settings)
        self._graph = None
        return self._services[key]

    def remove(self, key: str) -> None:
        """Remove a service with its links, or one link.

        Raises
        ------
        WiringError
            If there is no such service or link, or the ASL owns the link.
        """
        if key in self._links:
            del self._links[key]
        elif isinstance(self.links.get(key), Task):
            raise _owned_by_machine(key)
        else:
            del self._services[self.service(key).name]
            self.layout.pop(key, None)
            self._links = {k: v for k, v in self._links.items() if key not in (v.source, v.target)}
        self._graph = None

    def copy(self, name: str | None = None) -> Self:
        """Return a chain that can be changed without changing this one."""
        twin = type(self)(name or self.name, self.region)
        twin._services, twin._links = dict(self._services), dict(self._links)
        twin.layout, twin.path, twin._document = dict(self.layout), self.path, self._document
        return twin

    # --- checking ---

    def validate(self) -> list[ChainkitError]:
        """Return every error: what cannot be built or run. An empty list is a chain that can."""
        found: list[ChainkitError] = []
        for service in self._services.values():
            found += service.problems(self._services)
        for key, link in self._links.items():
            found += _link_problems(key, link, self._services)
        found += self._name_problems()
        found += self._case_problems()
        found += self._single_problems()
        found += self._cycle_problems()
        if not self._services:
            found.append(WiringError(f"chain {self.name!r} is empty", fix="add a service with chain.add"))
        return found

    def require_valid(self) -> None:
        """Raise the first error of `validate`, if there is one."""
        for error in self.validate():
            raise error

    def _case_problems(self) -> list[ChainkitError]:
        """Return the cases, and the routes of an API, whose probabilities add to more than 1."""
        sums: dict[tuple[str, str], float] = {}
        for link in self._links.values():
            if not isinstance(link, Caller):
                continue
            routes = "integration" in self._services[link.source].port.emits
            if routes or link.case is not None:
                case = "routes" if routes else f"case {link.case!r}"
                sums[link.source, case] = sums.get((link.source, case), 0.0) + link.probability
        return [
            ConfigError(
                f"{source!r}: {case}: probabilities add to {total:g}, more than 1",
                fix="give each link its probability: they exclude each other",
            )
            for (source, case), total in sums.items()
            if total > 1 + 1e-9
        ]

    def _name_problems(self) -> list[ChainkitError]:
        """Return names that AWS would not take: every deployed thing is called chain-service."""
        if not re.fullmatch(NAME, self.name):
            return [
                ConfigError(
                    f"chain {self.name!r}: its name is the first part of every deployed name",
                    fix="use a letter, then at most 47 letters, digits, - or _",
                )
            ]
        return [
            ConfigError(
                f"{name!r}: its name on AWS, {self.name}-{name}, has {len(self.name) + len(name) + 1} characters; "
                "64 are allowed",
                fix="shorten the name of the service or of the chain",
            )
            for name in self._services
            if len(self.name) + len(name) + 1 > 64
        ]

    def _single_problems(self) -> list[ChainkitError]:
        """Return what a service can have only one of, and has twice."""
        seen: dict[tuple[str, str], int] = {}
        for link in self._links.values():
            if isinstance(link, EventSourceMapping | Redrive | Destination):
                key = (link.source, link.word)
            elif isinstance(link, Caller) and "integration" in self._services[link.source].port.emits:
                key = (link.source, f"route {link.route!r}")
            else:
                continue
            seen[key] = seen.get(key, 0) + 1
        return [
            WiringError(
                f"{name!r} has {count} links of kind {what}; it can have one",
                fix="keep one; give each consumer its own queue, and each route its own path",
            )
            for (name, what), count in seen.items()
            if count > 1
        ]

    def _cycle_problems(self) -> list[ChainkitError]:
        """Return the cycles of synchronous calls that no request can leave, each from its first service on."""
        waits: nx.DiGraph[str] = nx.DiGraph()
        for link in self._links.values():
            if isinstance(link, Caller) and link.kind == "sync" and link.probability == 1:
                waits.add_edge(link.source, link.target)
        place = {name: k for k, name in enumerate(self._services)}
        cycles = []
        for knot in nx.strongly_connected_components(waits):  # one circle each: a dense graph has more than can be told
            within = waits.subgraph(sorted(knot, key=place.__getitem__))
            if within.number_of_edges():
                cycle = [step[0] for step in nx.find_cycle(within)]
                first = cycle.index(min(cycle, key=place.__getitem__))
                cycles.append([*cycle[first:], *cycle[:first]])
        return [
            WiringError(
                f"synchronous calls in a circle: {' > '.join([*cycle, cycle[0]])}; every request would wait for itself",
                fix="give one of its links a probability below 1, make one asynchronous, or remove it",
            )
            for cycle in sorted(cycles, key=lambda cycle: [place[name] for name in cycle])
        ]

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
        if self.layout:
            plain["layout"] = {name: [*xy] for name, xy in self.layout.items() if name in self._services}
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
        chain.layout = {name: (float(x), float(y)) for name, (x, y) in plain.get("layout", {}).items()}
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


def example(name: str) -> Chain:
    """Return one of the designs that come with chainkit: "orders" or "orders-sfn".

    Raises
    ------
    ConfigError
        If there is no example of that name.

    Examples
    --------
    >>> example("orders")
    Chain('orders', 9 services, 8 links)
    """
    files = {path.name.removesuffix(".chain.yaml"): path for path in sorted(data.path("chains").glob("*/*.chain.yaml"))}
    if name not in files:
        raise ConfigError(f"example {name!r} is unknown{nearest(name, files)}", fix=f"examples: {', '.join(files)}")
    return load(files[name])


class _Placed:
    """Put "file:line: " before the text of a chainkit error raised inside."""

    def __init__(self, place: str) -> None:
        self.place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if self.place and isinstance(error, ChainkitError) and not isinstance(error, DesignFileError):
            raise type(error)(f"{self.place}{error.problem}", fix=error.fix) from None


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


def _link_problems(key: str, link: Link, services: Mapping[str, Service]) -> list[ChainkitError]:
    """Return what AWS would refuse about one link."""
    found: list[ChainkitError] = []
    queue = link.dead_letters
    if queue is not None and (queue not in services or "redrive" not in services[queue].port.accepts):
        found.append(
            WiringError(
                f"link {key!r}: dead_letter_queue={queue!r} is not a queue of this chain{nearest(queue, services)}",
                fix="add the queue, or name one that is there",
            )
        )
    found += link.problems(key, services[link.source], services[link.target])
    return found
