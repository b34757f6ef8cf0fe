"""A plan carried out: the stack that stands then, requests sent through it, and its end."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chainkit.chain import Chain, as_chain
from chainkit.deployment import log_lines, sending, stories
from chainkit.deployment.applying import lookup_in
from chainkit.deployment.drifts import Drifts
from chainkit.deployment.injecting import Injection
from chainkit.deployment.intrinsics import resolved
from chainkit.deployment.kept_traces import KeptTraces
from chainkit.deployment.measured import Measured
from chainkit.deployment.plan import Plan
from chainkit.deployment.targets import Standing, Target, Tell
from chainkit.errors import ConfigError, DeployError
from chainkit.faults.description import Faults
from chainkit.law import is_number
from chainkit.records import Pool, Relay, Trace
from chainkit.simulation.loads import Load
from chainkit.templates import outputs
from chainkit.tracing.nesting import edges

if TYPE_CHECKING:
    from datetime import datetime

    from chainkit.deployment.dead_letters import DeadLetters
    from chainkit.deployment.predicted import SideBySide
    from chainkit.deployment.replaying import Replayed
    from chainkit.simulation.run import Run


def _silent(_: str) -> None:
    """Hear nothing."""


def deploy(plan: Plan, *, approve: str | None = None, tell: Tell = _silent) -> "Stack":
    """Carry out a plan's changes in order and return the stack that stands then.

    Parameters
    ----------
    plan : what `ck.plan` returned
    approve : the code that the printed plan ends with, where it is for AWS; an emulator needs none
    tell : hears of each step while it is taken, as a line of text: `print`

    Every setting is read back and compared. What the target is known to forget is listed (`stack.dropped`); any other
    difference is an error. It stops at the first refusal; what was done stands, and a new plan goes on from there.

    Raises
    ------
    ConfigError
        If it is no plan, or one for AWS that was not approved.
    DeployError
        If the target no longer fits the plan, refuses a call, or has something else than was asked for.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("orders")
    >>> pay = chain.add(ck.LambdaFunction("pay", duration=0.01))
    >>> with ck.local() as target:
    ...     stack = ck.deploy(ck.plan(chain, target))
    ...     stack.send({"order": 1}).outcome
    'completed'
    """
    if not isinstance(plan, Plan):
        raise ConfigError(f"deploy: {plan!r} is no plan", fix="deploy the plan of a chain: ck.plan(chain, target)")
    plan.require_approval(approve)
    target = plan.target
    target.applier.apply(plan, tell)
    return Stack(plan.chain, target)


def stack(chain: Chain | str, target: Target) -> "Stack":
    """Return what stands of a chain on a target, whoever deployed it, whole or half made: to send, or to destroy.

    Parameters
    ----------
    chain : the design; its name alone is enough to destroy
    target : where

    Examples
    --------
    >>> import chainkit as ck
    >>> with ck.local() as target:
    ...     ck.stack("orders", target)
    Stack('orders' on local, 0 resources)
    """
    return Stack(Chain(chain) if isinstance(chain, str) else as_chain(chain, "stack"), target)


@dataclass(frozen=True)
class Dropped:
    """A setting that the target is known to forget, and did."""

    resource: str
    type: str
    field: str


class Stack:
    """A chain as it stands on a target.

    Parameters
    ----------
    chain : what was deployed
    target : where
    """

    def __init__(self, chain: Chain, target: Target) -> None:
        self.chain = chain
        self.target = target
        self.measured: Measured | None = None
        """What the last load test measured."""
        self._injection: Injection | None = None
        self._kept = KeptTraces()

    @property
    def dropped(self) -> list[Dropped]:
        """What the target is known to forget of this design, and did."""
        return [Dropped(id_, s.resource.type, field) for id_, s in self._stands().items() for field in s.dropped]

    @property
    def outputs(self) -> dict[str, Any]:
        """Where the services are: the template's outputs, "JobsQueueUrl" for the queue `jobs`."""
        return dict(resolved(outputs(self.chain), lookup_in(self.target, self.chain.name, self._stands())))

    def send(self, event: Any, *, timeout_s: float = 60.0, at: str | None = None) -> Trace:
        """Send one event through the chain and return its story, once nothing of it is in flight.

        Parameters
        ----------
        event : anything that JSON can say
        timeout_s : how long to wait, seconds by the wall; a request that is still in flight then is "unfinished"
        at : the service to enter by, or the link by which it leaves an API ("api>pay"); None: the chain's one entry

        Returns
        -------
        Trace
            In the target's virtual seconds since the request entered.

        Raises
        ------
        ConfigError
            If the chain has several entries and none is named, the one named is not there, or an argument is refused.
        DeployError
            If the target refuses the event or does not answer.
        """
        return self._send(event, timeout_s, at)

    def _send(self, event: Any, timeout_s: float, at: str | None, root: str | None = None) -> Trace:
        """Send one event, as the request `root` if that is known before."""
        if not is_number(timeout_s) or not 0 <= timeout_s <= threading.TIMEOUT_MAX:
            raise ConfigError(f"send: timeout_s={timeout_s!r} is no time to wait", fix="give seconds, 0 or more")
        name, route = sending.entry(self.chain, at)
        service, standing = self.chain.service(name), self._stands()[self.chain.service(name).id]
        client, call = service.entry()
        parameters = call.parameters(
            {**standing.attributes, "Ref": standing.ref, "Event": sending.as_json(event), "Route": route}
        )
        witness, deadline_s = self.target.witness, time.monotonic() + timeout_s
        root = root or witness.root_id(self.chain.name)
        answer, status = sending.within(self.target, timeout_s, root, client, call.operation, parameters)
        is_settled = witness.settle(root, max(deadline_s - time.monotonic(), 0.0))
        behaviour = service.behaviour()
        trace = stories.trace(
            root,
            witness.story(root),
            sending.names(self.chain, self._stands()),
            entry=name,
            answer=answer,
            status=status,
            is_awaited=isinstance(behaviour, Pool | Relay) or getattr(behaviour, "answers", False),
            is_settled=is_settled,
            links=edges(self.chain.links),
        )
        return self._kept.keep(trace)

    def send_many(self, events: Iterable[Any], *, timeout_s: float = 60.0, at: str | None = None) -> list[Trace]:
        """Send events together, as many at once as the target can tell apart, and return their stories in order."""
        if isinstance(events, str | Mapping) or not isinstance(events, Iterable):
            raise ConfigError(f"send_many: events={events!r} is one event or none", fix="give a list of events")
        with ThreadPoolExecutor(self.target.at_once) as threads:
            return list(threads.map(lambda event: self.send(event, timeout_s=timeout_s, at=at), events))

    def drift(self) -> Drifts:
        """Return what somebody else has changed since it was deployed: field, what was deployed, what is there.

        Examples
        --------
        >>> import chainkit as ck
        >>> chain = ck.Chain("orders")
        >>> jobs = chain.add(ck.SqsQueue("jobs"))
        >>> with ck.local() as target:
        ...     stack = ck.deploy(ck.plan(chain, target))
        ...     print(stack.drift())
        orders: nothing has been changed since it was deployed
        """
        return Drifts(self.chain.name, self.target.applier.drift(self.chain.name))

    def load(
        self,
        load: Load,
        *,
        requests: int,
        seed: int = 1,
        payloads: Any = None,
        timeout_s: float = 60.0,
        at: str | None = None,
        came: Callable[[int], object] | None = None,
    ) -> Measured:
        """Send requests when a load says, by the wall clock, and return what came of them.

        Parameters
        ----------
        load : the traffic that `simulate` takes; with its seed, the arrivals of the simulation's first replication
        requests : 1 to 100,000
        seed : any integer
        payloads : a list of events, taken in turn; the path of a .jsonl; a JSON Schema; None: the design's samples, or
            where it has none {"request": number} with the attributes of the load, as the simulation draws them
        timeout_s, at : as in `send`
        came : hears how many are through, each time that one is; what it raises ends the test

        Within `stack.faults(...)` request k draws what request k of the simulation draws, however they overtake.

        Raises
        ------
        ConfigError
            If an argument is refused, or requests are to enter elsewhere than the faults were told.
        DeployError
            If the target refuses a request or does not answer.
        """
        from chainkit.deployment import load_tests

        load_tests.check(load, requests)
        injection = self._injection
        roots = [self.target.witness.root_id(self.chain.name) if injection else None for _ in range(requests)]
        if injection is not None:
            if sending.entry(self.chain, at)[0] != injection.entry:
                raise ConfigError(
                    f"load: at={at!r}, and faults were told that requests enter at {injection.entry!r}",
                    fix="give load and faults the same at=",
                )
            self._inject(injection, {str(root): number for number, root in enumerate(roots)})

        def send(number: int, event: Any) -> Trace:
            return self._send(event, timeout_s, at, roots[number])

        self.measured = load_tests.measure(send, self, load, requests, seed, payloads, injection, came)
        return self.measured

    def trace(self, request: str) -> Trace:
        """Return the story of a request that was sent through this stack: one of the last 10,000.

        Parameters
        ----------
        request : a trace's own, or what stands in log lines of its functions, as a correlation id: the last such

        Raises
        ------
        ConfigError
            If there is none.
        """
        return self._kept.found(request, self.chain.name)

    def logs(
        self,
        correlation_id: str | None = None,
        *,
        function: str | None = None,
        since_s: float | None = None,
        limit: int = log_lines.LIMIT,
    ) -> log_lines.Logs:
        """Return what the functions logged, all in the order of their times, from CloudWatch Logs.

        Parameters
        ----------
        correlation_id : which lines: those in which it stands; None: all
        function : of which one; None: of all
        since_s : nothing older, seconds by the wall; a virtual clock is ahead of it, so more than that can come
        limit : at most so many, the oldest first: 1 to 1,000,000

        Raises
        ------
        ConfigError
            If an argument is refused, or the function logs nothing.
        DeployError
            If the target refuses, or does not answer.
        """
        return log_lines.of_stack(self, self._stands(), correlation_id, function, since_s, limit)

    def logs_query(self, correlation_id: str) -> log_lines.LogsQuery:
        """Return the query of CloudWatch Logs Insights for the lines of one correlation id, and its log groups."""
        groups = log_lines.groups_of(self.chain, self._stands())
        return log_lines.insights(log_lines.checked_id("logs_query", correlation_id), groups.values())

    def compare(self, run: "Run") -> "SideBySide":
        """Return a run beside what the last load test measured, figure by figure, each with a verdict.

        Where the load ran within `stack.faults(f, like=run)`, and load, seed and faults are those of the run, both had
        the same requests: then counts must be equal, request by request. Else they may differ by chance.

        Raises
        ------
        ConfigError
            If nothing was measured yet, or the run is of other services.
        """
        from chainkit.deployment.predicted import beside_run

        measured = self._last()
        return beside_run(measured, run, is_same=measured.is_of(run))

    def calibrate(self) -> Chain:
        """Return the chain with the work of its functions as the last load test measured it.

        Raises
        ------
        ConfigError
            If nothing was measured yet, or no function ran often enough.
        """
        return self._last().calibrated()

    def dead_letters(self) -> "DeadLetters":
        """Return what lies in the chain's dead-letter queues: to show, to edit, to send back.

        Each letter is received and put back at once, which adds one to its receive count.

        Raises
        ------
        DeployError
            If the stack stands no more, or the target refuses.
        """
        from chainkit.deployment.dead_letters import DeadLetters

        return DeadLetters(self.chain, self.target, self._stands(), sending.names(self.chain, self._stands()))

    def replay(
        self,
        bus: str | None = None,
        *,
        begin: "datetime | None" = None,
        end: "datetime | None" = None,
        since_s: float | None = None,
        links: Sequence[str] | None = None,
        timeout_s: float = 60.0,
    ) -> "Replayed":
        """Replay archived events through a bus's rules, and return what came of it.

        AWS replays to the same bus only, ten at a time in an account, in no promised order; an event may take ten
        minutes to reach its archive. What is replayed arrives again wherever it arrived before: `links` names the
        rules that are to see it.

        Parameters
        ----------
        bus : which; None: the one with an archive
        begin, end : of the range of event times, with their time zone; end None: now
        since_s : instead of `begin`: the last so many seconds
        links : ids of the rules' links ("bus>pay"); None: all rules
        timeout_s : how long to wait, seconds by the wall

        Raises
        ------
        ConfigError
            If there is no such archive or link, or the range is none.
        DeployError
            If the target refuses.
        """
        from chainkit.deployment import replaying

        archive = replaying.archive_of(self.chain, self._stands(), bus, links)
        first, last = replaying.span(begin, end, since_s)
        return replaying.replayed(
            self.target, archive, first, last, sending.names(self.chain, self._stands()), timeout_s
        )

    def _last(self) -> Measured:
        if self.measured is None:
            raise ConfigError(
                f"stack {self.chain.name!r}: nothing was measured yet",
                fix="stack.load(ck.Poisson(rate_per_s=4), requests=200) first",
            )
        return self.measured

    @contextmanager
    def faults(self, faults: Faults | None, *, like: "Run | None" = None, at: str | None = None) -> Iterator[None]:
        """Let things break inside a `with`, on the target itself: handlers stay as they are.

        What breaks says so in traces ("injected: ..."). Requests are numbered as they are sent, from 0: number 7 draws
        what request 7 of a simulation with that seed draws, so the same attempts fail here and there. Stand-ins draw
        all their failures and chances so; code of one's own runs to its end, and then fails as the design says.

        Parameters
        ----------
        faults : what breaks; None: nothing beyond what the design says
        like : a run with the draws that are wanted: `ck.simulate(chain, ..., faults=faults)`; None: seed 1
        at : the service where requests enter, as for `send`

        Raises
        ------
        ConfigError
            If the chain does not have what breaks, or it cannot happen there.
        DeployError
            If the target cannot inject faults.

        Examples
        --------
        >>> import chainkit as ck
        >>> chain = ck.Chain("one")
        >>> _ = chain.add(ck.LambdaFunction("pay", duration=0.01))
        >>> with ck.local() as target:
        ...     stack = ck.deploy(ck.plan(chain, target))
        ...     with stack.faults(ck.Faults({"pay": ck.Fault(error_rate=1.0, error_name="Down")})):
        ...         broken = stack.send({"order": 1})
        ...     stack.send({"order": 2}).outcome, broken.outcome, broken.spans[0].reason
        ('completed', 'failed', 'injected: Down')
        """
        if not hasattr(self.target.witness, "set_faults"):
            raise DeployError(
                f"faults: {self.target} cannot break anything by itself",
                fix="use ck.local(), or take faults.to_fis(chain, ...) to AWS FIS",
            )
        injection = Injection(chain=self.chain.copy(), faults=faults, entry=sending.entry(self.chain, at)[0])
        if like is not None:
            injection = replace(injection, seed=like.seed, asked=like.asked)
        before = self._injection
        self._inject(injection)
        try:
            yield
        finally:
            self._inject(before)

    def _inject(self, injection: Injection | None, numbers: Mapping[str, int] | None = None) -> None:
        """Tell the target what breaks from now on."""
        told: dict[str, Any] = {}
        if injection is not None:
            stands = self._stands()
            found = {name: stands[service.id] for name, service in self.chain.services.items()}
            arns = {name: str(each.attributes.get("Arn") or each.ref) for name, each in found.items()}
            told = injection.told(arns, numbers)
        self.target.witness.set_faults(told)  # type: ignore[attr-defined]  # `faults` has looked
        self._injection = injection

    def destroy(self, *, tell: Tell = _silent) -> None:
        """Delete everything in reverse order and make sure that it is gone.

        Raises
        ------
        DeployError
            If a call is refused or something is left.
        """
        left = self.target.applier.destroy(self.chain.name, tell)
        if left:
            raise DeployError(
                f"stack {self.chain.name!r}: left on {self.target}: {'; '.join(left)}",
                fix="look at the reasons, then destroy again",
            )

    def __repr__(self) -> str:
        """Return the stack in a word: stable, so that notebooks can be compared."""
        try:
            stands = f"{len(self.target.applier.known(self.chain.name))} resources"
        except DeployError:  # the target is gone, and the stack is still the last line of somebody's cell
            stands = "which does not answer"
        return f"Stack({self.chain.name!r} on {self.target.name}, {stands})"

    def _stands(self) -> Mapping[str, Standing]:
        stands = self.target.applier.known(self.chain.name)
        if not stands:
            raise DeployError(
                f"stack {self.chain.name!r}: it stands no more on {self.target}", fix="plan and deploy again"
            )
        return stands
