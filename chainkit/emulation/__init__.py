"""moto with real handlers, without Docker, on one virtual clock.

====================  =================================================================================================
process.py            ``Emulator``: the parent's side; starts and ends the child
control.py            asks an emulator over loopback HTTP, whoever started it
background.py         emulators that stand by themselves: started, found, ended by name
folders.py            where records and other emulators are kept
server.py             the child: begins, says where it listens, ends when its stdin closes or it is told to
standing.py           what the child says about itself, and who may end it
serving.py            how the child reads and writes HTTP, and from whom
application.py        the child's web application: control, HTTP APIs, moto
host.py               what all routes share
clock.py              virtual time: runs with the wall while something runs, jumps when everybody waits
faulting.py           injected faults, and where in the chain each request stands
story.py              what happened to each request; whether anything of it is in flight
environments.py       execution environments: one subprocess each, pooled
output.py             what a worker prints
descendants.py        ends what handlers have left running
bootstrap.py          runs in that subprocess, standard library only
patches.py            the table of all parts of moto that are replaced, and why
patching.py           the guarded way to replace one
imports.py            what moto imports, less what no call needs
refusals.py           calls that moto does not have
now.py                moto's notion of now
invoke.py             one run of a function: the core that every route ends in
functions.py          Lambda's API: Invoke in all its kinds, what moto forgets of a function's settings
versions.py           versions and aliases: which code an invocation runs
event_invoke_configs.py  retries and destinations of asynchronous events, for each qualifier
asynchronous.py       Lambda's internal queue: retries, destinations, dead letters
function_urls.py      function URLs -> function
metrics.py            AWS/Lambda metrics in CloudWatch
delivery.py           hands something to a target by its ARN
clients.py            boto3 clients of the child for its own services
queues.py             SQS: messages and their requests, on the clock
message_moves.py      SQS: dead letters back to their queue
consumers.py          who takes batches from a queue or stream, as these see them
filters.py            what a consumer's event patterns let through
mappings.py           event source mappings: their API; how a batch becomes an invocation
polling.py            SQS -> mappings and pipes
shards.py             what stands in DynamoDB and Kinesis streams
streams.py            DynamoDB and Kinesis streams -> mappings and pipes
pipes.py              EventBridge Pipes: filter, enrichment, template, target
notifications.py      SNS -> function and queue
events.py             EventBridge rules -> any target
archives.py           EventBridge archives and their replay
schedules.py          EventBridge Scheduler, and rules with a schedule
recurrence.py         rate(..), cron(..), at(..): when they are due
storage.py            S3 -> function, queue, topic, EventBridge
log_subscriptions.py  CloudWatch Logs -> function
states.py             Step Functions: StartSyncExecution, how tasks speak to services
definitions.py        what AWS refuses in a definition, and definitions in moto's words
creation.py           refusals when a state machine is created, and the names of errors
executions.py         executions: start, stop, description, history, logs
callbacks.py          task tokens, heartbeats, activities
maps.py               Maps in DISTRIBUTED mode
runs.py               one execution while it runs: threads, events, its end from outside
interpreter.py        moto's Step Functions interpreter, put on the clock
http_api.py           HTTP API -> function: routes, payload format 2.0
integrations.py       HTTP API -> queue, bus or state machine
inventory.py          what stands in the emulator
log_lines.py          what functions have logged
ministack.py          another emulator, in an environment and a process of its own
keeper.py             runs beside that process, and ends it with us
====================  =================================================================================================

The parent imports process.py only: moto and boto3 live in the child.

Requests are told apart by the X-Ray trace header of what enters. It travels with messages, events, invocations and
executions. A batch may hold messages of several requests: its invocation stands in the story of each. A call that the
handler makes while it iterates over ``event["Records"]`` belongs to the request of the record it is at; a call outside
of that loop, or from another thread, belongs to all requests of the batch.
"""

from chainkit.emulation.process import Emulator

__all__ = ["Emulator"]
