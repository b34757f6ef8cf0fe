"""Puts a chain on a deploy target, sends requests through it, takes it away: the only code that uses boto3.

====================  ==================================================================================
targets.py            ``Target``: clients of one region of one account; who applies there, who tells what happens
emulated.py           ``local``, ``emulator``: targets on this machine
accounts.py           ``aws``: an AWS account as a target, named and compared
opening.py            target words of the command line -> a target
plan.py               ``plan``: what would change; touches nothing
monthly.py            what a plan costs a month; the ceiling
stack.py              ``deploy`` and ``Stack``: carries a plan out, sends requests, destroys
applying.py           plans carried out by each resource's own calls; what a crash left, repaired
journal.py            what was put on an emulator, kept there
cloudformation.py     plans carried out as change sets of a stack; drift; its end
change_sets.py        what CloudFormation would do, beside what the plan showed
progress.py           a stack on its way: its states, events, failures, and what to try
code_bucket.py        a chain's own bucket: code, and templates too large to be sent
drifts.py             what somebody else has changed
asking.py             one call to a target; its refusal as our error
direct.py             one resource by its own API calls: create, read back, change, delete
intrinsics.py         Ref, Fn::GetAtt, Fn::Sub and Fn::Join without CloudFormation
differences.py        settings field by field: what was asked, what is there
injecting.py          ``Injection``: what is made to break meanwhile, and by whose draws
sending.py            how one request enters a stack
load_tests.py         requests sent when a load says
payloads.py           what they say: examples, or made from a JSON Schema
measured.py           ``Measured``: their traces, in the words of a run; what they say of the design
predicted.py          ``SideBySide``: a run beside what was measured
service_map.py        what was measured, on the chain's own picture
log_lines.py          ``Logs``: what all functions logged, in one order; found by a correlation id
kept_traces.py        the last traces, found again by their ids
dead_letters.py       ``DeadLetters``: what lies in a chain's dead-letter queues, by error; edited, sent back
letters.py            one dead letter: what it says of itself, its envelope
redriving.py          how letters leave their queue: AWS's move, one by one, deleted
replaying.py          ``Replayed``: archived events once more through the rules of their bus
watching.py           what happened where no story is told: from logs, queues and executions
agreeing.py           ``agreement``: the traces of one request on several targets, beside each other
stories.py            what happened to a request on a target -> ``Trace``
====================  ==================================================================================

CloudFormation on moto reports success for resources that do not exist, so the local target gets the same resources by
their own API calls, and each setting is read back.
"""
