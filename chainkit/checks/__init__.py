"""What AWS would build and run, and what would still go wrong: findings, each with its source, effect and fix.

Errors are told by `Chain.validate`; a finding is about a chain that can be built. No rule simulates: the designer asks
at every gesture. A rule is a function of a `Design` whose name, with dashes, is the finding's `rule`.

============  ======================================================================
findings.py   `Finding`, `Findings`: what is found, as text, frame and HTML
design.py     what the rules read of a chain, gathered once
wholes.py     a function with parts as one piece of work
timeouts.py   who gives up before what it waits for
queues.py     visibility, receive counts, batches
losses.py     messages that can be lost without a dead-letter queue
calls.py      functions that wait for functions: depth, double billing
quotas.py     what AWS's quotas cut, refuse or delay
check.py      `check`, and the list of all rules
============  ======================================================================
"""
