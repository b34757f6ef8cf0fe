"""AWS Step Functions state machine.

Model    A flow: each execution goes from state to state, calls the chain's services in its tasks, retries and catches.
Ignored  Data: paths, JSONata and variables, so a Choice goes by its figures, a Map by its number of items, a result by
         its size. Logging, tracing, versions, redrive; permissions for what lies outside the chain. Refused by the
         simulation: activities, tasks outside the chain, times and errors that the data computes.
Sources  [1] The language and what AWS refuses: chainkit/asl.py
         [2] AWS agent toolkit, orchestration.md (2026): Standard against Express
         [3] Overheads of executions and tasks, measured 2021-22 (data/latency.json)
         [4] Step Functions pricing: transitions, retries included; Express by 100 ms and 64 MB (data/)
         [5] CreateStateMachine: at most 1,048,576 characters (API model in botocore, 2026)
         [6] Roles for nested executions, docs.aws.amazon.com step-functions/latest/dg/stepfunctions-iam.html (2026)
Checked  2026-11-23
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from chainkit import asl, data
from chainkit.distributions import Duration
from chainkit.errors import ConfigError, SimulationError, WiringError, nearest
from chainkit.records import Api, Call, Catcher, Flow, Grant, Meter, Port, Properties, Resource, Retrier, Step
from chainkit.service import Service, Surroundings, service, tag_list, tag_map
from chainkit.units import GB_MB, MB

# --- what cannot be simulated: (what, fix) ---


def _not_simulated(state: asl.State) -> Iterator[tuple[str, str]]:
    """Yield what of a state the simulator would get wrong."""
    computed = ("MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage")
    for field in ("TimeoutSeconds", "HeartbeatSeconds", *computed):
        if not isinstance(getattr(state, field), int | float | None):
            yield f"{field} that the data computes", f'write a typical number: "{field}": 30'
    if times := state.present("TimeoutSecondsPath", "HeartbeatSecondsPath"):
        field = times[0].removesuffix("Path")
        yield times[0], f'write a typical number instead: "{field}": 30'
    if state.Type == "Wait" and (not isinstance(state.Seconds, int | float) or isinstance(state.Seconds, bool)):
        yield "a Wait whose end is computed or a date", 'write a typical wait as a number: "Seconds": 30'
    if state.Type == "Fail" and (state.ErrorPath is not None or state.Error.startswith("{%")):
        yield "a Fail whose Error is computed", 'write its usual name: "Error": "OrderRefused"'
    if state.Type != "Task":
        return
    calls = asl.calls(state)
    if ":activity:" in state.Resource:
        yield "an activity", "let the task call a function"
    elif len(calls.services) != 1 or calls.action not in asl.ACTIONS:
        outside = f"a task outside the chain ({state.Resource})"
        yield outside, 'add what it calls to the chain and name it, for instance "FunctionName": "${pay}"'
    elif calls.messages > 1:
        yield f"a task that puts {calls.messages} events", "give each event a state of its own"


_WAITS: dict[str, Literal["answer", "end", "token"]] = {"": "answer", "waitForTaskToken": "token"}
"""Pattern of a task -> what it waits for; the others wait for the end of an execution."""


def _stuck(steps: tuple[Step, ...]) -> str | None:
    """Return a step from which no end can be reached, if there is one."""
    end = ""
    back: dict[str, list[str]] = defaultdict(list)
    for step in steps:
        ahead = [way for way, probability in step.ways if probability > 0] + [c.goto for c in step.catchers]
        for target in ahead if step.kind == "choice" else [*ahead, step.goto or end]:
            back[target].append(step.name)
    ends = asl.reached(end, back)
    return next((step.name for step in steps if step.name not in ends), None)


# --- the service ---

_PAYLOAD_BYTES = 1024  # an assumption, as every link's message_bytes


@service
class StateMachine(Service):
    """A state machine: its ASL says which services of the chain an execution calls, and in what order.

    In the definition, ``${name}`` stands for the service of that name: its URL for a queue, its ARN for any other.
    Task links are read from it and never made by `connect`.

    Examples
    --------
    >>> task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
    >>> task["Arguments"] = {"FunctionName": "${pay}"}
    >>> machine = StateMachine("flow", definition={"StartAt": "Pay", "States": {"Pay": task}})
    >>> machine.tasks()
    [('Pay', 'pay', 'arn:aws:states:::lambda:invoke', 'RequestResponse')]
    >>> [step.kind for step in machine.behaviour().steps]
    ['task']
    """

    definition: Annotated[dict[str, Any] | str, BeforeValidator(asl.read)] = Field(
        default_factory=lambda: {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    )
    """Amazon States Language, JSONPath or JSONata, as a dictionary or JSON text; kept as a dictionary."""
    workflow: Literal["STANDARD", "EXPRESS"] = "STANDARD"
    """AWS's StateMachineType: Standard is billed by transition, Express by run time and may answer its caller."""
    choices: dict[str, list[float]] = Field(default_factory=dict)
    """Choice -> how often each way is taken, in the order of the rules, Default last; adds to 1."""
    items: dict[str, Annotated[int, Field(ge=0, le=100_000_000)]] = Field(default_factory=dict)
    """Map -> how many items it has."""
    result_bytes: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    """State -> size of what a Task, or each item of a Map, gives on, bytes; 1,024 where nothing is said."""
    start_overhead: Duration | None = None
    """From the start until the first state is entered; None: the measured law."""
    task_overhead: Duration | None = None
    """What a task takes beyond the work it calls; None: the measured law of this workflow type."""

    port: ClassVar[Port] = Port(emits=("task",), accepts=("call", "start"))
    colour: ClassVar[str] = "#E7157B"
    label: ClassVar[str] = "State machine"
    main_settings: ClassVar[tuple[str, ...]] = ("workflow", "choices", "items")
    icon: ClassVar[str] = "M9 3.5h6v5H9zM3.5 15.5h6v5h-6zM14.5 15.5h6v5h-6zM12 8.5V12M6.5 15.5V12h11v3.5"
    principal: ClassVar[str] = "states.amazonaws.com"
    sends_account: ClassVar[bool] = True  # Step Functions Developer Guide, procedure-create-iam-role (2026)
    grants: ClassVar[dict[str, tuple[str, ...]]] = {
        "call": ("states:StartSyncExecution",),
        "start": ("states:StartExecution",),
    }
    largest_event_bytes: ClassVar[int] = 256 * 1024  # [2] 256 KiB of input, still so in August 2026
    handle_suffix: ClassVar[str] = "STATE_MACHINE_ARN"

    @field_validator("choices")
    @classmethod
    def _figures(cls, choices: dict[str, list[float]], info: ValidationInfo) -> dict[str, list[float]]:
        """Refuse figures that fit no Choice of the definition."""
        if "definition" not in info.data:  # refused itself
            return choices
        scope = asl.parsed(info.data["definition"])
        ways = {name: state.ways for name, state in asl.states(scope) if state.Type == "Choice"}
        for name, figures in choices.items():
            if name not in ways:
                problem = f"{name!r} is no Choice of the definition{nearest(name, ways)}"
                raise ConfigError(problem, fix=f"its Choices: {', '.join(ways) or 'none'}")
            if len(figures) != len(ways[name]) or not all(f >= 0 for f in figures) or abs(sum(figures) - 1) > 1e-9:
                raise ConfigError(
                    f"{name!r}={figures} does not fit its {len(ways[name])} ways",
                    fix=f"give each way its share, adding to 1, in this order: {', '.join(ways[name])}",
                )
        return choices

    @cached_property
    def _text(self) -> str:
        """The definition as JSON text."""
        return json.dumps(self.definition, separators=(",", ":"), ensure_ascii=False)

    @cached_property
    def _scope(self) -> asl.Scope:
        """The definition as chainkit reads it."""
        return asl.parsed(self.definition)

    def answers(self) -> bool:
        """Tell whether a caller can wait for the answer: a Standard workflow is only ever started."""
        return self.workflow == "EXPRESS"

    def renamed(self, names: Mapping[str, str]) -> Self:
        """Return the machine where services have other names now: its ${name}s follow."""
        text = json.dumps(self.definition)
        for old, new in names.items():
            text = text.replace(f"${{{old}}}", f"${{{new}}}")
        return super(StateMachine, self.with_settings(definition=json.loads(text))).renamed(names)

    def tasks(self) -> list[tuple[str, str, str, str]]:
        """Return (state, service, resource, invocation type) for each service that a task names, in order of states."""
        tasks = [(name, state, asl.calls(state)) for name, state in asl.states(self._scope) if state.Type == "Task"]
        return [
            (name, called, state.Resource, "Event" if calls.is_event else "RequestResponse")
            for name, state, calls in tasks
            for called in calls.services
        ]

    # --- the simulation ---

    def behaviour(self) -> Flow:
        """Return the flow of one execution.

        Raises
        ------
        ConfigError
            If AWS would refuse the definition.
        SimulationError
            If a Choice has no figures, or a state is of a kind that is not simulated.
        """
        for error in self._language_problems():
            raise error
        limits, own_s = data.quotas()["stepfunctions"], self._scope.TimeoutSeconds
        if not isinstance(own_s, int | float | None):
            raise self._cannot("TimeoutSeconds that the data computes", 'write a number: "TimeoutSeconds": 300')
        is_express = self.workflow == "EXPRESS"
        longest_s = float(limits["express_duration" if is_express else "standard_duration"]["value"])
        return Flow(
            steps=self._steps(self._scope),
            answers=self.answers(),
            start=self.start_overhead,
            start_hop="stepfunctions_start",
            task_overhead=self.task_overhead,
            task_hop=f"stepfunctions_task_{self.workflow.lower()}",
            timeout_s=min(longest_s, float(own_s)) if own_s is not None else longest_s,
            largest_history=None if is_express else int(limits["history"]["value"]),
            quota=self.workflow.lower(),
        )

    def _cannot(self, what: str, fix: str, state: str = "") -> SimulationError:
        """Return the error for what is not simulated."""
        return SimulationError(f"{self._who(state)}: {what} is not simulated", fix=fix)

    def _who(self, state: str = "") -> str:
        """Return the start of every error: this machine, and the state if there is one."""
        return f"StateMachine {self.name!r}" + (f": state {state!r}" if state else "")

    def _steps(self, scope: asl.Scope) -> tuple[Step, ...]:
        """Return the states of one scope as steps, the first one first."""
        names = sorted(scope.States, key=lambda name: name != scope.StartAt)
        steps = tuple(self._step(name, scope.States[name]) for name in names)
        if stuck := _stuck(steps):
            raise SimulationError(
                f"{self._who(stuck)}: no end can be reached from here; a request would run in a circle forever",
                fix="lead a Choice out of the circle, with a figure above 0",
            )
        return steps

    def _step(self, name: str, state: asl.State) -> Step:
        """Return one state as a step."""
        for what, fix in _not_simulated(state):
            raise self._cannot(what, fix, name)
        if state.Type == "Choice" and name not in self.choices:
            shares = ", ".join(["..."] * len(state.ways))
            raise SimulationError(
                f"{self._who(name)}: nothing says how often each of its {len(state.ways)} ways is taken",
                fix=f'give choices={{"{name}": [{shares}]}}, adding to 1, in this order: {", ".join(state.ways)}',
            )
        kind: Any = state.Type.lower()
        return Step(
            name=name,
            kind=kind,
            goto=state.Next,
            **self._own(name, state),
            is_too_large=self._result_bytes(name, state) > data.quotas()["stepfunctions"]["payload"]["value"],
            ways=tuple(zip(state.ways, self.choices[name], strict=True)) if kind == "choice" else (),
            branches=tuple(self._steps(scope) for scope in state.scopes),
            wait_s=float(state.Seconds) if kind == "wait" else 0.0,
            error=state.Error,
            retriers=tuple(
                Retrier(
                    errors=r.ErrorEquals,
                    interval_s=float(r.IntervalSeconds),
                    max_attempts=r.MaxAttempts,
                    backoff_rate=r.BackoffRate,
                    max_delay_s=r.MaxDelaySeconds,
                    has_full_jitter=r.JitterStrategy == "FULL",
                )
                for r in state.Retry
            ),
            catchers=tuple(Catcher(errors=c.ErrorEquals, goto=c.Next) for c in state.Catch),
        )

    def _own(self, name: str, state: asl.State) -> dict[str, Any]:
        """Return what only a task, or only a map, says."""
        if state.Type == "Task":
            pattern = asl.calls(state).pattern
            times_s = [float(s) for s in (state.TimeoutSeconds, state.HeartbeatSeconds if pattern else None) if s]
            wait_for = _WAITS.get(pattern, "end")
            return {"link": name, "wait_for": wait_for, "timeout_s": min(times_s, default=None)}
        if state.Type != "Map":
            return {}
        items = state.runs(self._items(name))
        most = data.quotas()["stepfunctions"]["distributed_concurrency" if state.is_distributed else "map_concurrency"]
        return {
            "items": items,
            "concurrency": min(int(state.MaxConcurrency or most["value"]), int(most["value"])),
            "tolerated": state.tolerated(items),
            "has_children": state.is_distributed,
        }

    def _items(self, name: str) -> int:
        """Return how many items a Map has."""
        if name not in self.items:
            fix = f'give items={{"{name}": 10}}'
            raise SimulationError(f"{self._who(name)}: nothing says how many items it has", fix=fix)
        return self.items[name]

    def _result_bytes(self, name: str, state: asl.State) -> int:
        """Return the size of what a state gives on; a distributed Map may write its results to S3."""
        size = self.result_bytes.get(name, _PAYLOAD_BYTES)
        if state.Type == "Map":
            return 0 if state.is_distributed else size * self._items(name)
        return size if state.Type == "Task" else 0

    def meters(self) -> tuple[Meter, ...]:
        """Return transitions, or requests and run time by memory; [4]."""
        if self.workflow == "STANDARD":
            why = "states entered, retries included"
            return (Meter(price="stepfunctions-transitions", counter="transitions", why=why),)
        quota = data.quotas()["stepfunctions"]
        payload_bytes = max(_PAYLOAD_BYTES, *self.result_bytes.values(), 0)
        branches = sum(len(state.scopes) for _, state in asl.states(self._scope))
        used_mb = quota["express_memory_base"]["value"] + (len(self._text.encode()) + payload_bytes * branches) / MB
        unit_mb = quota["express_memory_unit"]["value"]
        memory_mb = math.ceil(used_mb / unit_mb) * unit_mb
        gb_s = quota["express_duration_unit"]["value"] * memory_mb / GB_MB
        why = f"run time at {memory_mb} MB, by 100 ms"
        return (
            Meter(price="stepfunctions-express-requests", counter="executions", why="executions started"),
            Meter(price="stepfunctions-express-gb-s", counter="express_100ms", factor=gb_s, why=why),
        )

    # --- what cannot be built ---

    def problems(self, names: Mapping[str, Service]) -> list[ConfigError]:
        """Return what AWS would refuse about the definition, and services that it names but the chain does not fit."""
        return [*self._language_problems(), *self._figure_problems(), *self._service_problems(names)]

    def _language_problems(self) -> list[ConfigError]:
        """Return what is wrong with the definition by itself."""
        found = [*asl.complaints(self._scope, is_express=self.workflow == "EXPRESS")]
        if len(self._text) > 1_048_576:  # [5]
            size = f"definition has {len(self._text)} characters; AWS takes 1048576"
            found.append(("", size, "move parts into machines of their own"))
        return [ConfigError(f"{self._who(state)}: {problem}", fix=fix) for state, problem, fix in found]

    def _figure_problems(self) -> list[ConfigError]:
        """Return figures for states that there are not."""
        kinds = {"items": ("Map",), "result_bytes": ("Task", "Map")}
        found = []
        for field, types in kinds.items():
            known = [name for name, state in asl.states(self._scope) if state.Type in types]
            for name in getattr(self, field):
                if name not in known:
                    problem = f"{field}: {name!r} is no {' or '.join(types)} of the definition{nearest(name, known)}"
                    found.append(ConfigError(f"{self._who()}: {problem}", fix=f"there: {', '.join(known) or 'none'}"))
        return found

    def _service_problems(self, names: Mapping[str, Service]) -> list[ConfigError]:
        """Return services that are not there, or not of the kind that the task calls."""
        found = [
            ConfigError(
                f"{self._who(state)}: ${{{name}}} is not a service of the chain{nearest(name, names)}",
                fix=f"add it, or name one that is there: {', '.join(n for n in names if n != self.name) or 'none yet'}",
            )
            for state, name in dict.fromkeys(asl.named(self.definition))
            if name not in names
        ]
        waits = "sfn:startSyncExecution"
        for name, state in asl.states(self._scope):
            calls = asl.calls(state)
            for target in (names[called] for called in calls.services if called in names):
                if not asl.ACTIONS[calls.action].words <= set(target.port.accepts):
                    fitting = [a for a, action in asl.ACTIONS.items() if a and action.words <= set(target.port.accepts)]
                    problem = f"{state.Resource} does not fit {target.name!r}, a {type(target).__name__}"
                    fix = f"name another service, or call one of {', '.join(fitting) or 'nothing: tasks cannot use it'}"
                    found.append(ConfigError(f"{self._who(name)}: {problem}", fix=fix))
                elif calls.action == waits and isinstance(target, StateMachine) and not target.answers():
                    problem = f"{state.Resource} does not fit {target.name!r}, a STANDARD workflow"
                    found.append(ConfigError(f"{self._who(name)}: {problem}", fix='set its workflow to "EXPRESS"'))
        return found

    # --- what it becomes ---

    def grant(self, word: str) -> Grant | None:
        """Return what a role needs to use this machine; a Standard workflow is only ever started."""
        return super().grant("start" if word == "call" and not self.answers() else word)

    def own_grants(self, around: Surroundings) -> list[Grant]:
        """Return what tasks need that wait for another machine: to watch and stop its executions; [6]."""
        here = "${AWS::Region}:${AWS::AccountId}"
        tasks = [asl.calls(state) for _, state in asl.states(self._scope)]
        waiting = [calls for calls in tasks if calls.action == "states:startExecution" and "sync" in calls.pattern]
        found = [
            Grant(
                ("states:DescribeExecution", "states:StopExecution"),
                {"Fn::Sub": f"arn:aws:states:{here}:execution:{around.chain}-{name}:*"},
            )
            for name in dict.fromkeys(name for calls in waiting for name in calls.services)
        ]
        if found:
            rule = {"Fn::Sub": f"arn:aws:events:{here}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"}
            found.append(Grant(("events:PutTargets", "events:PutRule", "events:DescribeRule"), rule))
        return found

    def resources(self, around: Surroundings) -> tuple[Resource, ...]:
        """Return the machine."""
        properties: dict[str, Any] = {
            "StateMachineName": f"{around.chain}-{self.name}",
            "StateMachineType": self.workflow,
            "RoleArn": {"Fn::GetAtt": [around.role, "Arn"]},
            "DefinitionString": self._text,
        }
        if names := dict.fromkeys(name for _, name in asl.named(self.definition)):
            properties["DefinitionSubstitutions"] = {name: around.substitutions[name] for name in names}
        return (Resource(id=self.id, properties=properties, api=STATE_MACHINE),)

    def integration(self, is_sync: bool) -> Properties:
        """Return the service integration that starts an execution with the request's body.

        Raises
        ------
        WiringError
            If the API would wait for a Standard workflow.
        """
        if is_sync and not self.answers():
            raise WiringError(
                f"{self._who()}: a STANDARD workflow gives its caller no answer to wait for",
                fix='connect with link="async", or set workflow to "EXPRESS"',
            )
        return {
            "IntegrationType": "AWS_PROXY",
            "IntegrationSubtype": f"StepFunctions-{'StartSyncExecution' if is_sync else 'StartExecution'}",
            "PayloadFormatVersion": "1.0",
            "RequestParameters": {"StateMachineArn": {"Ref": self.id}, "Input": "$request.body"},
        }

    def entry(self) -> tuple[str, Call]:
        """Return StartSyncExecution of an Express workflow, StartExecution of a Standard one."""
        operation = "start_sync_execution" if self.answers() else "start_execution"
        return "stepfunctions", Call(operation, lambda p: {"stateMachineArn": p["Ref"], "input": p["Event"]})

    def handover(self) -> tuple[str, Call]:
        """Return StartExecution."""
        return "stepfunctions", Call("start_execution", lambda p: {"stateMachineArn": p["Ref"], "input": p["Event"]})


# --- the same resource by direct calls ---


def _definition(p: Properties) -> str:
    """Return the definition with every ${name} replaced, as CloudFormation does it."""
    names = p.get("DefinitionSubstitutions", {})
    return asl.NAMED.sub(lambda m: str(names.get(m[1], m[0])), p["DefinitionString"])


def _same_definition(answer: Mapping[str, Any], p: Properties) -> Any:
    """Return the property as it was asked for if the machine there has it, else what it has."""
    is_same = json.loads(answer["definition"]) == json.loads(_definition(p))
    return p["DefinitionString"] if is_same else answer["definition"]


STATE_MACHINE = Api(
    type="AWS::StepFunctions::StateMachine",
    client="stepfunctions",
    create=(
        Call(
            "create_state_machine",
            lambda p: {
                "name": p["StateMachineName"],
                "type": p["StateMachineType"],
                "roleArn": p["RoleArn"],
                "definition": _definition(p),
                "tags": [{"key": key, "value": value} for key, value in tag_map(p).items()],
            },
        ),
    ),
    read=(
        Call("describe_state_machine", lambda p: {"stateMachineArn": p["Ref"]}),
        Call("list_tags_for_resource", lambda p: {"resourceArn": p["Ref"]}),
    ),
    find=(Call("list_state_machines", lambda _: {"maxResults": 1000}),),
    found=lambda answer, p: next(
        each["stateMachineArn"] for each in answer["stateMachines"] if each["name"] == p["StateMachineName"]
    ),
    update=(
        Call(
            "update_state_machine",
            lambda p: {"stateMachineArn": p["Ref"], "roleArn": p["RoleArn"], "definition": _definition(p)},
        ),
    ),
    delete=(Call("delete_state_machine", lambda p: {"stateMachineArn": p["Ref"]}),),
    arn="arn:aws:states:{region}:{account}:stateMachine:{StateMachineName}",
    ref="stateMachineArn",
    attributes={"Arn": "stateMachineArn"},
    settings={
        "StateMachineName": "name",
        "StateMachineType": "type",
        "RoleArn": "roleArn",
        "DefinitionString": _same_definition,
        "Tags": lambda answer, _: tag_list({tag["key"]: tag["value"] for tag in answer["tags"]}),
        "DefinitionSubstitutions": lambda _, p: p["DefinitionSubstitutions"],  # compared with the definition
    },
    fixed=("StateMachineName", "StateMachineType"),
    unset={"DefinitionSubstitutions": {}},
    missing=("StateMachineDoesNotExist",),
    tags="list",
)
