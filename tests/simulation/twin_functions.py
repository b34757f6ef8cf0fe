"""Invocations in the slow twin: environments, own work cut by steps of calls, failures, timeouts, effects."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from chainkit.records import Piece
from chainkit.wiring import Caller, EventSourceMapping, PutEvents
from tests.simulation.twin_environments import Environment
from tests.simulation.twin_parts import OK, RUN_LIMIT, TIMEOUT, Answer, Rank, Story, Visit, attributes, passes_all
from tests.simulation.twin_queues import Message


class Work(NamedTuple):
    """What an invocation starts with."""

    environment: Environment
    is_batch: bool
    is_reporting: bool
    """Whether it reports which units failed."""
    first: Visit
    """Its first unit: what ranks its time limit."""
    extra_s: float
    """Init and overhead, before the first unit."""
    deadline_s: float


class Functions:
    """What the world does with invocations of functions."""

    def _invocation(self, name: str, visit: Visit) -> Story:
        """Invoke a function with one request."""
        start_s, taken = self.clock.now, self.pools[name].take(self.clock.now, visit)
        if not isinstance(taken, Environment):
            return taken
        answer, _ = yield from self._run(name, [Message(visit)], taken, None)
        self.pools[name].give_back(taken, start_s, self.clock.now, answer.status, visit)
        return answer

    def _ping(self, name: str, visit: Visit) -> Story:
        """Invoke a function with a warmer's ping: it holds an environment, and does nothing."""
        pool, start_s = self.pools[name], self.clock.now
        taken = pool.take(start_s, visit, is_ping=True)
        if not isinstance(taken, Environment):
            return
        pool.counts["pings"] += 1
        init_s, deadline_s = self._begun(name, taken, visit)
        at_s = start_s + (init_s + self.dice.time_s(f"{name}.ping", pool.pool.pings.work, visit))
        is_in_time = yield from self._work_until(name, visit, at_s, deadline_s)
        pool.give_back(taken, start_s, self.clock.now, "ok" if is_in_time else "timeout", visit)

    def _begun(self, name: str, environment: Environment, visit: Visit) -> tuple[float, float]:
        """Return how long the start of an environment takes, and when the run in it is cut."""
        pool: Any = self.does[name]
        init_s = self.dice.time_s(f"{name}.init", pool.init, visit) if environment.is_cold else 0.0
        if pool.init_limit_s is not None and init_s > pool.init_limit_s:  # cut, and once more inside the invocation
            return pool.init_limit_s + init_s, self.clock.now + pool.init_limit_s + pool.timeout_s
        return init_s, self.clock.now + init_s + pool.timeout_s

    def _run(
        self, name: str, units: list[Message], environment: Environment, mapping: EventSourceMapping | None
    ) -> Story:
        """Run an invocation that has its environment; return its answer and the units that failed."""
        pool: Any = self.does[name]
        first = units[0].visit
        init_s, deadline_s = self._begun(name, environment, first)
        overhead_s = self.dice.time_s(f"{name}.overhead", pool.overhead, first) * environment.factor
        is_reporting = mapping is not None and mapping.report_batch_item_failures
        work = Work(environment, mapping is not None, is_reporting, first, init_s + overhead_s, deadline_s)
        self.effects.start(name, first)
        is_alone = not self.steps_of(name) and not pool.pieces
        run = self._run_alone if is_alone else self._run_calling
        answer, failed = yield from run(name, units, work)
        return answer, failed if answer.is_ok else units

    def _run_alone(self, name: str, units: list[Message], work: Work) -> Story:
        """Work the units of a function that calls nobody: one stretch of work."""
        stretch_s, failed = work.extra_s, []
        for k, unit in enumerate(units):
            if k and self.clock.now + stretch_s <= work.deadline_s:
                self.effects.start(name, unit.visit)
            stretch_s += self._work_s(name, unit.visit, work.environment, is_first=k == 0) * work.environment.factor
            if self._fails(name, unit.visit):
                failed.append(unit)
                if not work.is_reporting:
                    break
            elif self.clock.now + stretch_s <= work.deadline_s:
                self.effects.end(name, unit.visit, self.clock.now + stretch_s)
        is_in_time = yield from self._work_until(name, units[0].visit, self.clock.now + stretch_s, work.deadline_s)
        if not is_in_time:
            return TIMEOUT, []
        return (OK if work.is_reporting or not failed else self._error(name)), failed

    def _run_calling(self, name: str, units: list[Message], work: Work) -> Story:
        """Work the units of a function that calls others, one after another."""
        failed = []
        if work.is_batch:
            at_s = self.clock.now + work.extra_s
            is_in_time = yield from self._work_until(name, units[0].visit, at_s, work.deadline_s)
            if not is_in_time:
                return TIMEOUT, []
            work = work._replace(extra_s=0.0)
        for k, unit in enumerate(units):
            if k:
                self.effects.start(name, unit.visit)
            answer = yield from self._unit(name, unit.visit, work, is_first=k == 0)
            if answer.status == "timeout" or not (answer.is_ok or work.is_reporting):
                return answer, []
            if not answer.is_ok:
                failed.append(unit)
        return OK, failed

    def _unit(self, name: str, visit: Visit, work: Work, *, is_first: bool) -> Story:
        """Work one unit: own work, cut by steps of calls."""
        work_s, done, extra_s = self._work_s(name, visit, work.environment, is_first=is_first), 0.0, work.extra_s
        steps = self.steps_of(name)
        during = [step for step in steps if step[0] < 1]
        for fraction, keys in [*during, (1.0, ())]:
            at_s = self.clock.now + (extra_s + work_s * ((fraction - done) * work.environment.factor))
            is_in_time = yield from self._work_until(name, visit, at_s, work.deadline_s)
            if not is_in_time:
                return TIMEOUT
            if fraction == 1:
                if self._fails(name, visit):
                    return self._error(name)
                self.effects.end(name, visit, self.clock.now)
                answer = yield from self._pieces(name, visit, work, is_first=is_first)
                if not answer.is_ok:
                    return answer
            answer = yield from self._step(name, keys, visit, work)
            if not answer.is_ok:
                return answer
            extra_s, done = 0.0, fraction
        for _, keys in steps[len(during) :]:
            answer = yield from self._step(name, keys, visit, work)
            if not answer.is_ok:
                return answer
        return OK

    def _pieces(self, name: str, visit: Visit, work: Work, *, is_first: bool) -> Story:
        """Do the pieces after the own work, each if what leads to it was done and the request needs it."""
        pool: Any = self.does[name]
        done, factor = {""}, work.environment.factor
        by_name = {piece.name: piece for piece in pool.pieces}
        for piece in pool.pieces:
            if piece.caller not in done or not self._needs(name, piece, visit):
                continue
            is_cold = is_first and work.environment.is_cold and piece.first_work is not None
            site, law = ("first", piece.first_work) if is_cold else ("duration", piece.work)
            work_s = self.dice.time_s(f"{piece.name}.{site}", law, visit)
            is_in_time = yield from self._work_until(name, visit, self.clock.now + work_s * factor, work.deadline_s)
            if not is_in_time:
                return TIMEOUT
            is_poison = self.dice.hits(f"{piece.name}.poison", piece.poison_fraction, Visit(visit.request))
            if not is_poison and not self.dice.hits(f"{piece.name}.error", piece.error_rate, visit):
                done.add(piece.name)
                continue
            above = self._above(pool.pieces, piece)
            allowed = [name for name in above if above[name].goes_on]
            if not allowed:
                return Answer("error", piece.error_name)
            done = {name for name in done if not name or allowed[0] not in self._above(pool.pieces, by_name[name])}
        return OK

    def _above(self, pieces: Sequence[Piece], piece: Piece) -> dict[str, Piece]:
        """Return a piece and those that led to it, nearest first."""
        by_name = {other.name: other for other in pieces}
        above = {piece.name: piece}
        while piece.caller:
            piece = by_name[piece.caller]
            above[piece.name] = piece
        return above

    def _needs(self, name: str, piece: Piece, visit: Visit) -> bool:
        """Tell whether a request needs a piece: by its attributes, and by a chance."""
        if not passes_all(piece.filter_policy or {}, attributes(self.dice, self.load.attributes, visit.request)):
            return False
        caller, pool = piece.caller or name, self.does[name]
        if piece.case is None:
            return self.dice.hits(f"{piece.chance or f'{caller}>{piece.name}'}.chance", piece.probability, visit)
        group = [other for other in pool.pieces if (other.caller, other.case) == (piece.caller, piece.case)]
        case = {other.chance or other.name: other.probability for other in group}
        i = self.dice.way(f"{caller}.{piece.case}.case", [*case.values()], visit)
        return i is not None and [*case][i] == (piece.chance or piece.name)

    def _work_s(self, name: str, visit: Visit, environment: Environment, *, is_first: bool) -> float:
        """Return the own work of a unit, before the environment's factor."""
        pool: Any = self.does[name]
        if is_first and environment.is_cold and pool.first_work is not None:
            return self.dice.time_s(f"{name}.first", pool.first_work, visit)
        return self.dice.time_s(f"{name}.duration", pool.work, visit)

    def _work_until(self, name: str, visit: Visit, at_s: float, deadline_s: float) -> Story:
        """Work until then, at most until the deadline; tell whether the work was done."""
        yield self.clock.at(min(at_s, deadline_s), Rank.END, visit, self.order[name])
        return at_s <= deadline_s

    def _fails(self, name: str, visit: Visit) -> bool:
        """Tell whether a unit fails at the end of its work."""
        pool: Any = self.does[name]
        return self.dice.hits(f"{name}.error", pool.error_rate, visit) or self.dice.hits(
            f"{name}.poison", pool.poison_fraction, Visit(visit.request)
        )

    def _error(self, name: str) -> Answer:
        """Return the answer of a function that failed."""
        pool: Any = self.does[name]
        return Answer("error", pool.error_name)

    # --- steps of calls ---

    def _steps_of(self, name: str) -> list[tuple[float, tuple[str, ...]]]:
        """Return (fraction of the own work after which it begins, its links) of each step of calls."""
        links = [(key, link) for key, link in self._out(name) if isinstance(link, Caller)]
        numbers = sorted({link.step for _, link in links})
        found = []
        for i, number in enumerate(numbers, 1):
            step = [(key, link) for key, link in links if link.step == number]
            given = [link.after_fraction for _, link in step if link.after_fraction is not None]
            found.append((given[0] if given else i / (len(numbers) + 1), tuple(key for key, _ in step)))
        return found

    def _step(self, name: str, keys: Sequence[str], visit: Visit, work: Work) -> Story:
        """Hand over what is handed over, then make the calls and wait for them."""
        waited = []
        for key in keys:
            link: Any = self.links[key]
            if link.kind == "sync":
                waited.append(key)
            elif self._takes(name, key, visit):
                for item in range(link.count):
                    if not self._is_let_through(link):
                        return self._error(name)
                    self._hand_over(key, visit, item)
        taken = [key for key in waited if self._takes(name, key, visit)]
        side_by_side = len({self.links[key].case or key for key in waited}) > 1
        calls = {self._start(self._call(key, visit, in_turn=side_by_side)): self._is_needed(key) for key in taken}
        if not calls:
            return OK
        until = self.clock.at(work.deadline_s, Rank.TIMER, work.first, RUN_LIMIT)
        answer = yield from self._wait_for(calls, until, visit)
        if answer is None:
            return TIMEOUT
        return OK if answer.is_ok else self._error(name)

    def _is_let_through(self, link: Any) -> bool:
        """Tell whether the account's quota lets a message pass: only PutEvents has one that refuses."""
        return not isinstance(link, PutEvents) or self.account.put_events.take(self.clock.now)

    def _is_needed(self, key: str) -> bool:
        """Tell whether a failed call fails its caller."""
        link: Any = self.links[key]
        return bool(link.on_error == "fail")

    def _takes(self, name: str, key: str, visit: Visit) -> bool:
        """Tell whether a request takes a link: by its attributes, and by a chance that links may share."""
        link: Any = self.links[key]
        if not passes_all(link.filter_policy or {}, attributes(self.dice, self.load.attributes, visit.request)):
            return False
        if link.case is None:
            return self.dice.hits(f"{link.chance or key}.chance", link.probability, visit)
        case = {o.chance or k: o.probability for k, o in self._out(name) if getattr(o, "case", None) == link.case}
        i = self.dice.way(f"{name}.{link.case}.case", [*case.values()], visit)
        return i is not None and [*case][i] == (link.chance or key)
