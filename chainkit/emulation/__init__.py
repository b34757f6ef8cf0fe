"""moto with real handlers, without Docker, on one virtual clock.

====================  =================================================================================================
process.py            ``Emulator``: the parent's side; starts and ends the child
control.py            asks an emulator over loopback HTTP, whoever started it
background.py         emulators that stand by themselves: started, found, ended by name
folders.py            where records and other emulators are kept
server.py             the child: begins, says where it listens, ends when its stdin closes or it is told to
standing.py           what the child says about itself, and who may end it
application.py        the child's web application: control, HTTP APIs, moto
host.py               what all routes share
clock.py              virtual time: runs with the wall while something runs, jumps when everybody waits
story.py              what happened to each request; whether anything of it is in flight
environments.py       execution environments: one subprocess each, pooled
bootstrap.py          runs in that subprocess, standard library only
patching.py           the guarded way to replace a private part of moto
now.py                moto's notion of now
invoke.py             one run of a function: the core that every route ends in
functions.py          Lambda's API: Invoke in all its kinds
asynchronous.py       Lambda's internal queue: retries, destinations, dead letters
delivery.py           hands something to a target by its ARN
clients.py            boto3 clients of the child for its own services
queues.py             SQS: messages and their requests, on the clock
polling.py            SQS -> function, through event source mappings
notifications.py      SNS -> function and queue
events.py             EventBridge rules -> any target
states.py             Step Functions: executions, StartSyncExecution
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
