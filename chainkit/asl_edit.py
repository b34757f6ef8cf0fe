"""Edits of a definition in Amazon States Language: each returns a new one and leaves the rest of it as it stood.

A definition is plain JSON that `asl.read` accepts: keys keep their order, and a field that chainkit does not know is
kept. What results always has the shape of ASL. It may be incomplete, as a Choice that leads nowhere yet or a state that
nothing leads to: `StateMachine.problems` lists that, and nothing raises it.
"""

import json
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from chainkit import asl
from chainkit.asl_bodies import LONGEST_NAME, TYPES, Called, body, inner, is_jsonata, rule, task
from chainkit.asl_ways import (
    CATCHES,
    ENDS,
    Definition,
    Inside,
    Way,
    Word,
    drop,
    find,
    held,
    insides,
    lead,
    names,
    way,
    ways,
)
from chainkit.errors import ConfigError, nearest

# --- states ---


def free_name(definition: Definition, wanted: str, also: Iterable[str] = ()) -> str:
    """Return a name that no state has: "Wait", then "Wait 2".

    Examples
    --------
    >>> free_name({"StartAt": "Wait", "States": {"Wait": {"Type": "Succeed"}}}, "Wait")
    'Wait 2'
    """
    taken, k, free = {*names(definition), *also}, 1, wanted
    while free in taken:
        k += 1
        free = f"{wanted} {k}"
    return free


def add(
    definition: Definition,
    name: str,
    kind: str,
    *,
    after: str | None = None,
    within: tuple[str, int] = ("", 0),
    calls: Called | None = None,
) -> Definition:
    """Add a state.

    Parameters
    ----------
    name : unique over the whole machine
    kind : its type
    after : the state it follows and whose Next it takes over; a Choice gets a rule, or the Default after its rules, and
        what ends the flow follows a Task, Parallel or Map that goes on as its Catch
    within : where `after` is not given: the state that holds it and which of its branches; ("", 0) is the machine
    calls : the service that a Task calls

    Raises
    ------
    ConfigError
        If the name is taken or too long, the type unknown, or nothing can follow `after`.

    Examples
    --------
    >>> done = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    >>> add(done, "Rest", "Wait")["States"]["Rest"]
    {'Type': 'Wait', 'Seconds': 10, 'End': True}
    """
    new, fresh = deepcopy(definition), _made(definition, name, kind, calls)
    if after is not None:
        inside, state = find(new, after)
        word = _following(after, state, kind)
        _put(inside, name, fresh, after)
        old = state.get("Next") if word == "Next" else None
        _lead_on(new, name, old)
        _connect(new, after, name, word)
        return new
    inside = _inside(new, *within)
    if inside.scope.get("StartAt") not in inside.states:
        inside.scope["StartAt"] = name
    _put(inside, name, fresh, None)
    _lead_on(new, name, None)
    return new


def insert(definition: Definition, name: str, kind: str, key: str, *, calls: Called | None = None) -> Definition:
    """Add a state into a way: it leads to where the way led.

    Raises
    ------
    ConfigError
        As for `add`; also for a type that leads nowhere.

    Examples
    --------
    >>> done = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    >>> insert(done, "Rest", "Wait", ways(done)[0].key)["States"]["Rest"]["Next"]
    'Done'
    """
    new, fresh, of = deepcopy(definition), _made(definition, name, kind, calls), way(definition, key)
    if kind in ENDS:
        raise ConfigError(f"a {kind} leads nowhere: it cannot stand before {of.target!r}", fix="add it at an end")
    inside = find(new, of.target)[0]
    _put(inside, name, fresh, of.source if of.source in inside.states else None)
    _lead_on(new, name, of.target)
    lead(new, of, name)
    return new


def rename(definition: Definition, old: str, name: str) -> Definition:
    """Give a state another name; every way to it follows, and its place stays.

    Raises
    ------
    ConfigError
        If there is no such state, or the new name is taken or too long.

    Examples
    --------
    >>> rename({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}, "Done", "Paid")
    {'StartAt': 'Paid', 'States': {'Paid': {'Type': 'Succeed'}}}
    """
    new = deepcopy(definition)
    inside, _ = find(new, old)
    if name == old:
        return new
    _check_name(definition, name)
    led = [each for each in ways(new) if each.target == old]
    inside.scope["States"] = {(name if key == old else key): state for key, state in inside.states.items()}
    for each in led:
        own = Way(name if each.source == old else each.source, each.word, each.number, name)
        lead(new, own, name)
    return new


def remove(definition: Definition, name: str) -> Definition:
    """Remove a state, with all inside it: what led to it leads on to what came after it, or ends.

    The last state of one branch among several takes the branch with it.

    Raises
    ------
    ConfigError
        If there is no such state, or it is the only one of its machine, Map or Parallel.

    Examples
    --------
    >>> remove({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Succeed"}}}, "A")
    {'StartAt': 'B', 'States': {'B': {'Type': 'Succeed'}}}
    """
    new = deepcopy(definition)
    inside, state = find(new, name)
    if len(inside.states) == 1:
        return _without_branch(new, inside, name)
    onward = _onward(name, state)
    for each in reversed(ways(new)):  # the last first: the numbers of the others stay
        if each.target != name or each.source == name:
            continue
        if each.word == "Start":
            lead(new, each, onward or next(key for key in inside.states if key != name))
        elif onward is None or (each.word == "Next" and onward == each.source):
            drop(new, each)
        else:
            lead(new, each, onward)
    del inside.states[name]
    return new


def _without_branch(definition: Definition, inside: Inside, name: str) -> Definition:
    """Remove a branch with its only state."""
    owner = find(definition, inside.owner)[1] if inside.owner else {}
    if len(owner.get("Branches", ())) < 2:
        what = repr(inside.owner) if inside.owner else "the machine"
        raise ConfigError(f"state {name!r} is the only one of {what}", fix="add another one first")
    del owner["Branches"][inside.number]
    return definition


def add_branch(definition: Definition, name: str) -> Definition:
    """Add a branch to a Parallel, with a state that does nothing yet.

    Raises
    ------
    ConfigError
        If that is no Parallel.
    """
    new = deepcopy(definition)
    state = find(new, name)[1]
    if state["Type"] != "Parallel":
        raise ConfigError(f"state {name!r} is a {state['Type']}: only a Parallel has branches", fix="choose a Parallel")
    state.setdefault("Branches", []).append(inner(free_name(new, "Branch")))
    return new


def call(definition: Definition, name: str, called: Called) -> Definition:
    """Let a Task call another service; where the action stays, so do its other arguments.

    Raises
    ------
    ConfigError
        If that is no Task.

    Examples
    --------
    >>> flow = add({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}, "Pay", "Task")
    >>> call(flow, "Pay", Called("pay"))["States"]["Pay"]["Parameters"]["FunctionName"]
    '${pay}'
    """
    new = deepcopy(definition)
    state = find(new, name)[1]
    if state["Type"] != "Task":
        raise ConfigError(f"state {name!r} is a {state['Type']}: only a Task calls a service", fix="choose a Task")
    speaks = state.get("QueryLanguage") == "JSONata" or ("QueryLanguage" not in state and is_jsonata(new))
    fresh, now = task(called, jsonata=speaks), asl.calls(asl.State.model_validate_json(json.dumps(state)))
    field = "Arguments" if speaks else "Parameters"
    argument = asl.ACTIONS[called.action].argument
    holder = state.get(field)
    if now.action == called.action and isinstance(holder, dict):
        inner_ = holder["Entries"][0] if holder.get("Entries") else holder
        inner_[argument] = f"${{{called.service}}}"
        return new
    for leftover in ("OutputPath", "Output"):
        if state.get(leftover) == task(Called("x"), jsonata=speaks).get(leftover):
            state.pop(leftover, None)
    state |= fresh
    return new


def put(definition: Definition, name: str, **fields: Any) -> Definition:
    """Set fields of a state; None takes a field away. What leaves the state is `connect`'s business.

    Raises
    ------
    ConfigError
        If there is no such state, or ASL does not know such a value.

    Examples
    --------
    >>> put({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}, "A", Comment="paid")["States"]["A"]
    {'Type': 'Succeed', 'Comment': 'paid'}
    """
    new = deepcopy(definition)
    state = find(new, name)[1]
    for field, value in fields.items():
        if value is None:
            state.pop(field, None)
        else:
            state[field] = value
    return asl.read(new)


# --- ways ---


def fitting(definition: Definition, source: str, target: str) -> list[Word]:
    """Return how a way can lead from one state to another, the usual one first; "" as source is the machine itself.

    Raises
    ------
    ConfigError
        If none can, with the reason.
    """
    where, _ = find(definition, target)
    if not source or source == where.owner:
        if source == where.owner:
            return ["Start"]
        raise ConfigError(
            f"the machine cannot start at {target!r}: it stands inside {where.owner!r}", fix=f"start at {where.owner!r}"
        )
    own, state = find(definition, source)
    if state["Type"] in ENDS:
        raise ConfigError(
            f"{source!r} is a {state['Type']}: it leads nowhere", fix="lead what comes before it elsewhere"
        )
    if own.scope is not where.scope:
        raise ConfigError(
            f"{source!r} cannot lead to {target!r}: it stands {_place(where)}, and {source!r} {_place(own)}",
            fix="states lead only to those beside them",
        )
    if state["Type"] == "Choice":
        return ["rule", "Default"]
    found: list[Word] = ["Next"] if source != target else []
    if state["Type"] in CATCHES:
        found.append("Catch")
    if not found:
        raise ConfigError(f"{source!r} cannot lead to itself: it would never end", fix="put a Choice between")
    return found


def connect(definition: Definition, source: str, target: str, word: Word | None = None) -> Definition:
    """Lead one state to another: sets Next, adds a rule, sets Default, or adds a Catch of all errors.

    Raises
    ------
    ConfigError
        If no such way can be.

    Examples
    --------
    >>> flow = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}, "B": {"Type": "Succeed"}}}
    >>> connect(flow, "A", "B")["States"]["A"]
    {'Type': 'Pass', 'Next': 'B'}
    """
    words = fitting(definition, source, target)
    word = word or words[0]
    if word not in words:
        raise ConfigError(f"{word!r} does not lead from {source!r} to {target!r}", fix=f"choose {' or '.join(words)}")
    new = deepcopy(definition)
    _connect(new, source, target, word)
    return new


def disconnect(definition: Definition, key: str) -> Definition:
    """Take a way away; what had Next ends there.

    Raises
    ------
    ConfigError
        If there is no such way, or it is the start.
    """
    of = way(definition, key)
    if of.word == "Start":
        owner = repr(of.source) if of.source else "the machine"
        raise ConfigError(f"{owner} needs a state to start at", fix="lead the start to another state instead")
    new = deepcopy(definition)
    drop(new, of)
    return new


def _connect(definition: Definition, source: str, target: str, word: Word) -> None:
    """Lead a state to another, in place."""
    if word == "Start":
        inside, _ = find(definition, target)
        inside.scope["StartAt"] = target
        return
    inside, state = find(definition, source)
    if word == "rule":
        state["Choices"] = [*state.get("Choices", ()), rule(target, jsonata=is_jsonata(definition))]
    elif word == "Catch":
        _catch(state, target)
    else:
        lead(definition, Way(source, word, 0, target), target)


def _catch(state: Definition, target: str) -> None:
    """Catch all errors, after what is caught by name; an entry for all of them is led elsewhere."""
    if entry := _catch_all(state):
        entry["Next"] = target
        return
    state["Catch"] = [*state.get("Catch", ()), {"ErrorEquals": ["States.ALL"], "Next": target}]


def _catch_all(state: Definition) -> Definition | None:
    """Return the entry that catches all errors, if there is one."""
    return next((entry for entry in state.get("Catch", ()) if entry["ErrorEquals"] == ["States.ALL"]), None)


# --- pieces ---


def _made(definition: Definition, name: str, kind: str, calls: Called | None) -> Definition:
    """Return a new state whose name and type are allowed."""
    if kind not in TYPES:
        raise ConfigError(f"type {kind!r} is unknown{nearest(kind, TYPES)}", fix=f"types: {', '.join(TYPES)}")
    _check_name(definition, name)
    taken = [name]

    def free(wanted: str) -> str:
        taken.append(free_name(definition, wanted, taken))
        return taken[-1]

    return body(kind, free, calls, jsonata=is_jsonata(definition))


def _check_name(definition: Definition, name: str) -> None:
    """Refuse a name that is taken, or that AWS would not take."""
    if name in names(definition):
        raise ConfigError(
            f"state {name!r} is there already; names are unique over the whole machine, its branches included",
            fix=f"choose another name, for instance {free_name(definition, name)!r}",
        )
    if not 1 <= len(name) <= LONGEST_NAME:
        raise ConfigError(
            f"state {name!r}: a name of {len(name)} characters is outside 1..{LONGEST_NAME}",
            fix="choose a shorter name",
        )


def _put(inside: Inside, name: str, fresh: Definition, after: str | None) -> None:
    """Put a state behind another one in the order of keys, or last."""
    states = list(inside.states.items())
    at = next((k + 1 for k, (key, _) in enumerate(states) if key == after), len(states))
    inside.scope["States"] = dict([*states[:at], (name, fresh), *states[at:]])


def _lead_on(definition: Definition, name: str, target: str | None) -> None:
    """Lead a new state on, or let the flow end with it, in place."""
    state = find(definition, name)[1]
    if state["Type"] == "Choice":
        if target is not None:
            state["Choices"], state["Default"] = [rule(target, jsonata=is_jsonata(definition))], target
    elif state["Type"] not in ENDS:
        state |= {"Next": target} if target is not None else {"End": True}


def _following(after: str, state: Definition, kind: str) -> Word:
    """Return by which way a new state of a type follows another."""
    if state["Type"] in ENDS:
        raise ConfigError(f"{after!r} is a {state['Type']}: nothing can follow it", fix="add the state before it")
    if state["Type"] == "Choice":
        return "rule" if not state.get("Choices") or "Default" in state else "Default"
    if kind in ENDS and state.get("Next") is not None:
        if state["Type"] in CATCHES and not _catch_all(state):
            return "Catch"
        raise ConfigError(
            f"a {kind} leads nowhere: between {after!r} and {state['Next']!r} it would cut the flow",
            fix=f"take the way from {after!r} away first, or put a Choice there",
        )
    return "Next"


def _onward(name: str, state: Definition) -> str | None:
    """Return where the flow goes on when a state is removed."""
    ahead = [state.get("Next"), state.get("Default"), *(each["Next"] for each in state.get("Choices") or ())]
    return next((target for target in ahead if target is not None and target != name), None)


def _inside(definition: Definition, owner: str, number: int) -> Inside:
    """Return the machine, or what a state holds."""
    for each in insides(definition):
        if (each.owner, each.number) == (owner, number):
            return each
    find(definition, owner)
    raise ConfigError(
        f"state {owner!r} has no branch {number + 1}", fix=f"it has {len(held(find(definition, owner)[1]))}"
    )


def _place(inside: Inside) -> str:
    """Return where states stand, in words."""
    return f"inside {inside.owner!r}" if inside.owner else "in the machine itself"
