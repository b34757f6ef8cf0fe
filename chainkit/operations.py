"""Changes of a chain as values: what the designer does, findings propose, and a history replays.

An operation is one call of one of `Chain`'s own methods, so it can do nothing that a cell cannot, and it prints as the
line that a cell would hold.
"""

import dataclasses
import inspect
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from chainkit.chain import Chain
from chainkit.costs import Cost
from chainkit.declared import IDENTITY, changed, settings, stated
from chainkit.errors import ChainkitError, ConfigError, nearest
from chainkit.law import Law
from chainkit.parts import APART, Part, parts_of
from chainkit.service import Service
from chainkit.wiring import WORDS, Link, Task

VERBS = ("add", "connect", "set", "remove", "rename", "place", "group", "add_cost", "remove_cost", "become")
"""Methods of `Chain` that change it."""


@dataclass(frozen=True)
class Operation:
    """One change of a chain.

    Parameters
    ----------
    verb : name of the method: one of `VERBS`
    arguments : what it takes, by place
    settings : what it takes by name

    Raises
    ------
    ConfigError
        If the verb is none.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("orders")
    >>> steps = [
    ...     Operation("add", (ck.SqsQueue("jobs"),)),
    ...     Operation("set", ("jobs",), {"visibility_timeout_s": 60}),
    ... ]
    >>> replay(chain, steps).service("jobs").visibility_timeout_s
    60
    >>> print(*steps, sep=chr(10))
    chain.add(ck.SqsQueue('jobs'))
    chain.set('jobs', visibility_timeout_s=60)
    """

    verb: str
    arguments: tuple[Any, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.verb not in VERBS:
            raise ConfigError(
                f"operation: verb={self.verb!r} is unknown{nearest(self.verb, VERBS)}", fix=f"verbs: {', '.join(VERBS)}"
            )

    def apply(self, chain: Chain) -> Any:
        """Carry it out, and return what the chain's method returns."""
        return getattr(chain, self.verb)(*self.arguments, **self.settings)

    def __str__(self) -> str:
        """Return the line of Python that does it."""
        named = [f"{name}={code(value)}" for name, value in self.settings.items()]
        return f"chain.{self.verb}({', '.join([*map(code, self.arguments), *named])})"


def replay(chain: Chain, operations: Iterable[Operation]) -> Chain:
    """Carry out operations on a chain, in their order, and return it."""
    for each in operations:
        each.apply(chain)
    return chain


def owners(chain: Chain) -> dict[str, Any]:
    """Return everything that has settings by name: services, links, and parts, which go by the function they were."""
    parts = {name: part for name, (_, part) in parts_of(chain.services).items()}
    return {**parts, **chain.services, **chain.links}


def setting_names(thing: Any) -> list[str]:
    """Return the settings of a service, link or part that change how it runs; of nothing none."""
    cls: Any = type(thing)
    hidden = APART if isinstance(thing, Part) else IDENTITY
    return [] if thing is None else [each.name for each in settings(cls) if each.name not in hidden]


def giving(chain: Chain, names: Iterable[str], setting: str, value: Any) -> tuple[Operation, ...]:
    """Return what gives a setting of some services, links or parts a value.

    Raises
    ------
    ConfigError
        If a part refuses it; services and links do when the operation is carried out.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("one")
    >>> _ = chain.add(ck.LambdaFunction("ask", parts={"pay": ck.Part(error_rate=0.1)}))
    >>> print(*giving(chain, ["ask"], "error_rate", 0.5))
    chain.set('ask', error_rate=0.5)
    >>> replay(chain, giving(chain, ["pay"], "error_rate", 0.5)).service("ask").parts["pay"].error_rate
    0.5
    """
    parts, plain = parts_of(chain.services), {*chain.services, *chain.links}
    found: list[Operation] = []
    fused: dict[str, dict[str, Part]] = {}
    for name in names:
        if name in plain or name not in parts:
            found.append(Operation("set", (name,), {setting: value}))
            continue
        whole, part = parts[name]
        own: Any = chain.service(whole)
        fused.setdefault(whole, dict(own.parts))[name] = changed(part, **{setting: value})
    return (*found, *(Operation("set", (whole,), {"parts": changes}) for whole, changes in fused.items()))


def is_same(one: Chain, other: Chain) -> bool:
    """Tell whether two chains are equal in everything that is drawn or built: order, link ids and layout as well."""
    return (
        one == other
        and [*one.links] == [*other.links]
        and (one.layout, one.groups) == (other.layout, other.groups)
        and [*one.services] == [*other.services]
        and [*one.costs] == [*other.costs]
    )


def between(before: Chain, after: Chain) -> tuple[Operation, ...]:
    """Return operations that make of one chain the other: few and readable ones, else the other as a whole.

    Examples
    --------
    >>> import chainkit as ck
    >>> before = ck.example("orders")
    >>> after = before.copy()
    >>> _ = after.set("payment", error_rate=0.25)
    >>> print(*between(before, after))
    chain.set('payment', error_rate=0.25)
    """
    gone, new = ([name for name in a.services if name not in b.services] for a, b in ((before, after), (after, before)))
    renamed = [(Operation("rename", (*gone, *new)),)] if len(gone) == len(new) == 1 else []
    for first in (*renamed, ()):
        with suppress(ChainkitError):  # no way there: one step is in the way of another
            steps = (*first, *_steps(replay(before.copy(), first), after))
            if is_same(replay(before.copy(), steps), after):
                return steps
    return (Operation("become", (after,)),)


def _steps(before: Chain, after: Chain) -> Iterator[Operation]:
    """Yield what removes, adds and changes the things that differ."""
    old: dict[str, Any] = {**before.services, **_own_links(before)}
    new: dict[str, Any] = {**after.services, **_own_links(after)}
    gone = before.services.keys() - after.services.keys()
    for key, thing in old.items():
        goes_with_its_end = isinstance(thing, Link) and {thing.source, thing.target} & gone
        if key not in new and not goes_with_its_end:
            yield Operation("remove", (key,))
    for key, thing in new.items():
        if key in old:
            cls: Any = type(thing)
            values = {each.name: getattr(thing, each.name) for each in settings(cls)}
            if changed := {k: v for k, v in values.items() if getattr(old[key], k, None) != v}:
                yield Operation("set", (key,), changed)
        elif isinstance(thing, Link):
            yield Operation("connect", (thing.source, thing.target), {"link": thing.word, **own_settings(thing)})
        else:
            yield Operation("add", (thing,))
    names = [name for name in after.services if before.layout.get(name) != after.layout.get(name)]
    if names:
        yield Operation("place", ({name: after.layout.get(name) for name in names},))
    for name, cost in before.costs.items():
        if cost != after.costs.get(name):
            yield Operation("remove_cost", (name,))
    yield from (_cost(name, cost) for name, cost in after.costs.items() if cost != before.costs.get(name))
    for title in dict.fromkeys([*before.groups, *after.groups]):
        if before.groups.get(title) != after.groups.get(title):
            yield Operation("group", (title, after.groups.get(title, ())))


def _cost(name: str, cost: Cost) -> Operation:
    """Return the operation that adds a cost."""
    return Operation("add_cost", (name, cost.use), {"per": cost.per} if cost.per != "month" else {})


def _own_links(chain: Chain) -> dict[str, Link]:
    """Return the links that the chain itself holds: a state machine's tasks are its definition's."""
    return {key: link for key, link in chain.links.items() if not isinstance(link, Task)}


def code(value: Any) -> str:
    """Return a value as Python that makes it again, with `ck` for chainkit.

    Examples
    --------
    >>> import chainkit as ck
    >>> code(ck.LambdaFunction("pay", memory_mb=512, duration=0.2))
    "ck.LambdaFunction('pay', memory_mb=512, duration=ck.Constant(value_s=0.2))"
    """
    match value:
        case Chain():
            plain, ids = value.to_plain(), [*_own_links(value)]
            numbered = [*_own_links(Chain.from_plain(plain))]
            return f"ck.Chain.from_plain({plain!r})" + (f".name_links({ids!r})" if ids != numbered else "")
        case Service():
            settings = [f"{name}={code(getattr(value, name))}" for name in stated(value)]
            return f"ck.{type(value).__name__}({', '.join([repr(value.name), *settings])})"
        case Law():
            names = [each.name for each in dataclasses.fields(value) if each.init and each.repr]
            return f"ck.{type(value).__name__}({', '.join(f'{name}={code(getattr(value, name))}' for name in names)})"
        case dict():
            return "{" + ", ".join(f"{key!r}: {code(each)}" for key, each in value.items()) + "}"
        case list():
            return f"[{', '.join(map(code, value))}]"
        case tuple():
            return f"({', '.join(map(code, value))}{',' if len(value) == 1 else ''})"
        case _ if hasattr(value, "__pydantic_fields__"):
            names = [name for name in stated(value) if name in inspect.signature(type(value)).parameters]
            return f"ck.{type(value).__name__}({', '.join(f'{name}={code(getattr(value, name))}' for name in names)})"
        case _:
            return repr(value)


def recipe(chain: Chain) -> tuple[Operation, ...]:
    """Return the operations that make a chain of an empty one.

    Examples
    --------
    >>> import chainkit as ck
    >>> orders = ck.example("orders")
    >>> replay(ck.Chain("orders"), recipe(orders)) == orders
    True
    """
    places = {name: place for name, place in chain.layout.items() if name in chain.services}
    return (
        *(Operation("add", (service,)) for service in chain.services.values()),
        *(
            Operation("connect", (link.source, link.target), {"link": link.word, **own_settings(link)})
            for link in _own_links(chain).values()
        ),
        *(_cost(name, cost) for name, cost in chain.costs.items()),
        *((Operation("place", (places,)),) if places else ()),
        *(Operation("group", (title, services)) for title, services in chain.groups.items()),
    )


def own_settings(link: Link) -> dict[str, Any]:
    """Return a link's settings that differ from the defaults, without its ends and what its word says."""
    given = WORDS[link.word][1].keys()
    return {name: getattr(link, name) for name in stated(link) if name not in given}


def script(chain: Chain) -> str:
    """Return Python that makes a chain, as a cell or file would hold it.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("orders")
    >>> _ = chain.add(ck.SqsQueue("jobs"))
    >>> print(script(chain))
    import chainkit as ck
    <BLANKLINE>
    chain = ck.Chain('orders', region='us-east-1')
    chain.add(ck.SqsQueue('jobs'))
    <BLANKLINE>
    """
    head = f"import chainkit as ck\n\nchain = ck.Chain({chain.name!r}, region={chain.region!r})\n"
    return head + "".join(f"{each}\n" for each in recipe(chain))
