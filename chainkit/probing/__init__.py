"""The route probe: does an endpoint do what AWS does? Asked through boto3 alone, as a stranger would.

================  =====================================================================================================
running.py        ``probe``, its ``Report`` and the results
checking.py       what a check is; how it says what came instead
place.py          where a check works: clients, fresh names, queues, functions, the removal of all that it made
handlers.py       the code of every function that a check deploys
machines.py       state machines: made, run to their end
functions.py      Lambda itself: calls, environments, throttles, versions, metrics, URLs
asynchronous.py   Lambda's own queue: retries, destinations, dead letters
queues.py         SQS, alone and as a source
topics.py         SNS
events.py         EventBridge: rules, archives, schedules, pipes
streams.py        DynamoDB's and Kinesis' streams, subscriptions of log groups
storage.py        S3's notifications
states.py         Step Functions
================  =====================================================================================================

A check knows nothing of the endpoint but its address: it judges chainkit's own emulator as it judges any other. What it
expects is AWS's documented behaviour. It waits for what should come and never sleeps for a fixed time; where it has to
see that nothing more comes, it listens for a second. A time has only a lower bound, which a slow machine cannot break.
"""

from chainkit.probing.checking import Check
from chainkit.probing.running import CHECKS, HEADER, Report, Result, chosen, probe

__all__ = ["CHECKS", "HEADER", "Check", "Report", "Result", "chosen", "probe"]
