"""Route: EventBridge Scheduler, and EventBridge rules with a schedule -> any target, on the clock.

Time: what recurs (``rate``, ``cron``) never makes the clock jump and keeps no request unsettled: it fires when its time
comes, by the wall, or when something else that waits carries the clock past it (then every firing on the way happens,
in order). What is due once (``at``) belongs to the request that created it, if there is one: the request is in flight
until then, and the clock jumps for it. A time that a client names is on its own clock, the wall: it is due as long
after now as it is by the wall. Each firing of what recurs is a request of its own.

Kept from AWS ("EventBridge Scheduler", user guide, 2026): state, time zone, start and end, ActionAfterCompletion, the
default event, context attributes in the input, templated and universal targets; a target that is gone is a dead letter
at once, one that is busy is tried again within the retry policy. Assumed: a time that is past is due at once; such
retries wait 1 s, doubling to 60 s; the condition's words in the dead letter. Simplified: a flexible window ends at
once.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError
from moto.events.exceptions import ValidationException as RuleRefused
from moto.events.models import EventsBackend, Rule
from moto.scheduler.exceptions import ValidationException
from moto.scheduler.models import EventBridgeSchedulerBackend, Schedule

from chainkit.emulation import events, recurrence
from chainkit.emulation.delivery import TargetBusyError, TargetGoneError
from chainkit.emulation.notifications import send_dead_letter
from chainkit.emulation.patching import patch
from chainkit.emulation.story import ROOTS, new_root

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainkit.emulation.clock import Timer
    from chainkit.emulation.host import Host

RETRY_LOW_S, RETRY_HIGH_S = 1.0, 60.0
"""Assumption: AWS says exponential, and no figures."""

_UNIVERSAL = "arn:aws:scheduler:::aws-sdk:"
_NAMES = {"sfn": "stepfunctions", "eventbridge": "events", "cloudwatchlogs": "logs"}
"""Services whose name in a universal target is not boto3's."""


@dataclass(frozen=True)
class Plan:
    """When something is due, and what then happens."""

    when: recurrence.At | recurrence.Rate | recurrence.Cron
    stands: Callable[[], bool]
    fire: Callable[[float], None]
    end_s: float | None = None
    done: Callable[[], None] = field(default=lambda: None)
    """What happens after the last time."""


@dataclass(eq=False)
class Waiting:
    """A plan until it is due, and the requests that are in flight for it."""

    plan: Plan
    due_s: float
    roots: tuple[str, ...]
    timer: Timer | None = None


class Schedules:
    """What is due at some time."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lock = threading.RLock()
        self._waiting: dict[str, Waiting] = {}

    def put(self, key: str, plan: Plan, *, first_s: float | None = None) -> None:
        """Plan `key` anew; what recurs at a rate begins at `first_s`."""
        self.drop(key)
        now_s = self._host.clock.now_s()
        if isinstance(plan.when, recurrence.At):
            self._set(key, plan, max(self.from_wall(plan.when.at_s), now_s), ROOTS.get())
        elif isinstance(plan.when, recurrence.Cron):
            self._set_next(key, plan, max(now_s, first_s or now_s))
        else:
            self._set(key, plan, max(now_s, first_s if first_s is not None else now_s + plan.when.period_s), ())

    def drop(self, key: str) -> None:
        """Forget `key`."""
        with self._lock:
            waiting = self._waiting.pop(key, None)
        if waiting is not None and waiting.timer is not None:
            self._host.clock.cancel(waiting.timer)
            self._host.story.close(waiting.roots)

    def from_wall(self, at_s: float) -> float:
        """Return the virtual time that is as far off as `at_s` is by the wall."""
        now = self._host.clock.moment()
        return at_s - now.wall_s + now.at_s

    def _set(self, key: str, plan: Plan, due_s: float, roots: tuple[str, ...]) -> None:
        self._host.story.open(roots)
        with self._lock:
            waiting = self._waiting[key] = Waiting(plan, due_s, roots)
            work = partial(self._ring, key, waiting)
            waiting.timer = self._host.clock.call_at(due_s, work, is_passive=not roots)

    def _set_next(self, key: str, plan: Plan, after_s: float) -> None:
        """Set the timer of what recurs for its next time; end it after its last."""
        if isinstance(plan.when, recurrence.Rate):
            due_s: float | None = after_s + plan.when.period_s
        else:
            assert isinstance(plan.when, recurrence.Cron)
            due_s = plan.when.next_after(after_s)
        if due_s is None or (plan.end_s is not None and due_s > plan.end_s):
            plan.done()
        else:
            self._set(key, plan, due_s, ())

    def _ring(self, key: str, waiting: Waiting) -> None:
        with self._lock:
            if self._waiting.get(key) is not waiting:
                return  # planned anew, or dropped, in this moment
            del self._waiting[key]
        plan = waiting.plan
        with self._host.story.works_for(waiting.roots or (new_root(),)):
            self._host.story.close(waiting.roots)
            if not plan.stands():
                return
            if not isinstance(plan.when, recurrence.At):
                self._set_next(key, plan, waiting.due_s)
            plan.fire(waiting.due_s)
            if isinstance(plan.when, recurrence.At):
                plan.done()


# --- Scheduler ---


def _plan_schedule(host: Host, schedules: Schedules, backend: EventBridgeSchedulerBackend, schedule: Schedule) -> None:
    group = backend.schedule_groups[schedule.group_name]

    def stands() -> bool:
        return group.schedules.get(schedule.name) is schedule and backend.schedule_groups.get(group.name) is group

    def done() -> None:
        if schedule.action_after_completion == "DELETE" and stands():
            group.delete_schedule(schedule.name)

    def wall(given: Any) -> float | None:
        return schedules.from_wall(float(given)) if given else None

    when = recurrence.parse(schedule.schedule_expression, schedule.schedule_expression_timezone)
    plan = Plan(when, stands, partial(_fire_schedule, host, schedule), wall(schedule.end_date), done)
    first_s = wall(schedule.start_date)
    if first_s is None and isinstance(when, recurrence.Rate):
        first_s = host.clock.now_s()  # "your schedule starts invoking the target immediately"
    schedules.put(schedule.arn, plan, first_s=first_s)


def _fire_schedule(host: Host, schedule: Schedule, due_s: float) -> None:
    """Hand a schedule's input to its target, again while the target is busy."""
    if schedule.state == "DISABLED":
        return
    host.story.tell("schedule", schedule.arn)
    policy, began_s, attempt = schedule.target.get("RetryPolicy") or {}, host.clock.now_s(), 1
    execution_id = str(uuid.uuid4())
    while True:
        text = input_of(schedule, due_s, execution_id, attempt)
        try:
            _send(host, schedule, text)
        except TargetGoneError as error:
            _tell_failed(host, schedule, error, attempt)
            _send_dead_letter(host, schedule, text, error, attempt, "")
            return
        except TargetBusyError as error:
            _tell_failed(host, schedule, error, attempt)
            wait_s = min(RETRY_LOW_S * 2.0 ** (attempt - 1), RETRY_HIGH_S)
            age_s = host.clock.now_s() - began_s + wait_s
            condition = "MaximumRetryAttempts" if attempt > policy.get("MaximumRetryAttempts", 185) else ""
            if age_s > policy.get("MaximumEventAgeInSeconds", 86_400):
                condition = "MaximumEventAgeInSeconds"
            if condition:
                _send_dead_letter(host, schedule, text, error, attempt, condition)
                return
            host.story.tell("retry wait", schedule.arn, attempt=attempt, reason=str(error), span_s=wait_s)
            host.clock.sleep(wait_s)
            attempt += 1
        else:
            host.story.tell("delivery", schedule.target["Arn"], attempt=attempt)
            return


def input_of(schedule: Schedule, due_s: float, execution_id: str, attempt: int) -> str:
    """Return the text that the target gets."""
    time = datetime.fromtimestamp(due_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    given = schedule.target.get("Input")
    if given is None:
        parts = schedule.arn.split(":")
        return json.dumps(
            {
                "version": "0",
                "id": execution_id,
                "detail-type": "Scheduled Event",
                "source": "aws.scheduler",
                "account": parts[4],
                "time": time,
                "region": parts[3],
                "resources": [schedule.arn],
                "detail": "{}",
            }
        )
    values = {
        "<aws.scheduler.schedule-arn>": schedule.arn,
        "<aws.scheduler.scheduled-time>": time,
        "<aws.scheduler.execution-id>": execution_id,
        "<aws.scheduler.attempt-number>": str(attempt),
    }
    return re.sub(r"<aws\.scheduler\.[a-z-]+>", lambda found: values.get(found[0], found[0]), str(given))


def _send(host: Host, schedule: Schedule, text: str) -> None:
    target, arn = schedule.target, schedule.target["Arn"]
    service = arn.split(":")[2]
    if arn.startswith(_UNIVERSAL):
        _call(host, schedule.arn.split(":")[3], arn.removeprefix(_UNIVERSAL), text)
    elif service == "sqs":
        host.delivery.to_queue(arn, text, group_id=(target.get("SqsParameters") or {}).get("MessageGroupId"))
    elif service == "sns":
        host.delivery.to_topic(arn, text)
    elif service == "lambda":
        host.delivery.to_function(arn, text)
    elif service == "states":
        host.delivery.to_machine(arn, text)
    elif service == "events":
        given = target.get("EventBridgeParameters") or {}
        host.delivery.to_bus(arn, given.get("Source", ""), given.get("DetailType", ""), text)
    elif service == "kinesis":
        host.delivery.to_stream(arn, text, (target.get("KinesisParameters") or {}).get("PartitionKey") or arn)
    else:
        raise TargetGoneError(f"{arn} is no target that chainkit emulates")


def _call(host: Host, region: str, name: str, text: str) -> None:
    """Call an operation of AWS's API: a universal target."""
    service, _, action = name.partition(":")
    try:
        client = host.clients.get(_NAMES.get(service, service), region)
        call = getattr(client, xform_name(action[:1].upper() + action[1:]))
        with host.clock.paused():
            call(**json.loads(text))
    except ClientError as error:
        details, status = error.response["Error"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        is_busy = status >= 500 or status == 429 or "Throttl" in details["Code"]
        raise (TargetBusyError if is_busy else TargetGoneError)(f"{details['Code']}: {details['Message']}") from error
    except (BotoCoreError, AttributeError, TypeError, ValueError) as error:
        raise TargetGoneError(f"ValidationException: {error}") from error


def _tell_failed(host: Host, schedule: Schedule, error: Exception, attempt: int) -> None:
    host.story.tell("delivery", schedule.target["Arn"], status="error", attempt=attempt, reason=str(error))


def _send_dead_letter(
    host: Host, schedule: Schedule, text: str, error: Exception, attempt: int, condition: str
) -> None:
    queue = (schedule.target.get("DeadLetterConfig") or {}).get("Arn", "")
    given = {
        "SCHEDULE_ARN": schedule.arn,
        "TARGET_ARN": schedule.target["Arn"],
        "ERROR_CODE": str(error).partition(":")[0],
        "ERROR_MESSAGE": str(error),
        "RETRY_ATTEMPTS": str(attempt - 1),
        "EXHAUSTED_RETRY_CONDITION": condition,
    }
    attributes = {name: ("String", value) for name, value in given.items() if value}
    send_dead_letter(host, queue, lambda: host.delivery.to_queue(queue, text, attributes), schedule.arn, [])


# --- rules ---


def _plan_rule(host: Host, schedules: Schedules, backend: EventsBackend, rule: Rule) -> None:
    key = rule.arn
    if not rule.scheduled_expression:
        schedules.drop(key)
        return

    def stands() -> bool:
        bus = backend.event_buses.get("default")
        return bus is not None and bus.rules.get(rule.name) is rule

    def fire(due_s: float) -> None:
        if rule.state == "DISABLED":
            return
        host.story.tell("schedule", rule.arn)
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": rule.account_id,
            "time": due_s,
            "region": rule.region_name,
            "resources": [rule.arn],
            "detail": {},
        }
        events.send_all(host, rule, event)

    schedules.put(key, Plan(recurrence.parse(rule.scheduled_expression), stands, fire))


# --- moto ---


def install(host: Host) -> None:
    """Let schedules and scheduled rules fire."""
    schedules = Schedules(host)
    _install_scheduler(host, schedules)

    def put_rule(backend: EventsBackend, name: str, *args: Any, **kwargs: Any) -> Rule:
        if expression := kwargs.get("scheduled_expression"):
            try:
                kind = recurrence.parse(expression)
            except recurrence.ExpressionError:
                kind = None
            if kind is None or isinstance(kind, recurrence.At):
                raise RuleRefused("Parameter ScheduleExpression is not valid.")
        rule: Rule = original(backend, name, *args, **kwargs)
        if rule.event_bus_name == "default":
            _plan_rule(host, schedules, backend, rule)
        return rule

    original = patch("events.models:EventsBackend.put_rule", put_rule)


def _install_scheduler(host: Host, schedules: Schedules) -> None:
    def wrap(name: str) -> None:
        def put(backend: EventBridgeSchedulerBackend, **kwargs: Any) -> Schedule:
            expression = kwargs["schedule_expression"]
            try:
                recurrence.parse(expression, kwargs["schedule_expression_timezone"] or "UTC")
            except recurrence.ExpressionError as error:
                raise ValidationException(f"Invalid Schedule Expression {expression}.") from error
            schedule: Schedule = original(backend, **kwargs)
            _plan_schedule(host, schedules, backend, schedule)
            return schedule

        original = patch(f"scheduler.models:EventBridgeSchedulerBackend.{name}", put)

    wrap("create_schedule")
    wrap("update_schedule")

    def delete(backend: EventBridgeSchedulerBackend, group_name: str | None, name: str) -> None:
        schedule = backend.get_schedule(group_name, name)
        original_delete(backend, group_name, name)
        schedules.drop(schedule.arn)

    original_delete = patch("scheduler.models:EventBridgeSchedulerBackend.delete_schedule", delete)
