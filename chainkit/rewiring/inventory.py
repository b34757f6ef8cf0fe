"""What a chain consists of, by kind, and what one chain has that another has not: the parts that somebody operates."""

from collections import Counter
from collections.abc import Mapping

from chainkit.chain import Chain
from chainkit.records import Buffer
from chainkit.service import Service

LINK, COST = "link", "further cost"


def parts(chain: Chain) -> Counter[str]:
    """Return how many links, and how many services of each kind, a chain has.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("jobs")
    >>> jobs, dead, pay = [
    ...     chain.add(each) for each in (ck.SqsQueue("jobs"), ck.SqsQueue("dead"), ck.LambdaFunction("pay"))
    ... ]
    >>> _ = chain.connect(jobs, pay), chain.connect(jobs, dead, link="redrive")
    >>> counted(parts(chain))
    '2 links, 1 SQS queue, 1 dead-letter queue, 1 Lambda function'
    """
    return more(Chain("nothing"), chain)


def more(before: Chain, after: Chain) -> Counter[str]:
    """Return how many links and services of each kind are in the second chain and, by name, not in the first."""
    links = Counter({LINK: len(after.links.keys() - before.links.keys())})
    return links + Counter(_word(after, one) for name, one in after.services.items() if name not in before.services)


def difference(before: Chain, after: Chain) -> str:
    """Return in one line what was added, removed and changed on the way from one chain to another.

    Examples
    --------
    >>> import chainkit as ck
    >>> before = ck.Chain("two")
    >>> a, b = before.add(ck.LambdaFunction("a")), before.add(ck.LambdaFunction("b"))
    >>> after = before.copy()
    >>> _ = before.connect(a, b)
    >>> jobs = after.add(ck.SqsQueue("jobs"))
    >>> _ = after.connect(a, jobs), after.connect(jobs, b)
    >>> difference(before, after)
    '2 links, 1 SQS queue added; 1 link removed'
    """
    if before.region != after.region:
        moved = f"moved from {before.region} to {after.region}"
        return "; ".join([moved, *filter(None, [_counts(before, after)])])
    return _counts(before, after) or "nothing changed"


def _counts(before: Chain, after: Chain) -> str:
    """Return how much was added, removed and changed; "" for nothing."""
    both = before.links.keys() & after.links.keys()
    others = [key for key in both if before.links[key] != after.links[key]]
    named = before.services.keys() & after.services.keys()
    changed = Counter({LINK: len(others)})
    changed += Counter(
        _word(after, after.service(name)) for name in named if before.service(name) != after.service(name)
    )
    changed[COST] = sum(after.costs[name] != cost for name, cost in before.costs.items() if name in after.costs)
    counts = {"added": _more_or_costs(before, after), "removed": _more_or_costs(after, before), "changed": +changed}
    return "; ".join(f"{counted(found)} {word}" for word, found in counts.items() if found)


def _more_or_costs(before: Chain, after: Chain) -> Counter[str]:
    """Return what `more` does, and how many of the costs besides the services are new."""
    return more(before, after) + Counter({COST: len(after.costs.keys() - before.costs.keys())})


def counted(found: Mapping[str, int]) -> str:
    """Return counts as words.

    >>> counted({"link": 3, "SQS queue": 1, "event bus": 2})
    '3 links, 1 SQS queue, 2 event buses'
    """
    return ", ".join(f"{n} {word}{'' if n == 1 else 'es' if word.endswith('s') else 's'}" for word, n in found.items())


def _word(chain: Chain, service: Service) -> str:
    """Return what a service is; a queue that nobody polls holds dead letters."""
    is_end = isinstance(service.behaviour(), Buffer) and not chain.outgoing(service.name)
    return "dead-letter queue" if is_end else service.label
