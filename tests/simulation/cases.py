"""Hand-made chains on which the machine and its slow twin must agree.

==================== =====================================================================================
cases_first          AWS's defaults: functions, calls, events, queues, topics, machines
cases_lambda         what AWS Lambda does with environments: keep-alive, reuse, limits, provisioned, warmers
cases_callers        retries, jitter, circuit breakers, client timeouts
cases_deliveries     duplicates, retries of deliveries, quotas of EventBridge, sizes
cases_queues         provisioned pollers, refused batches, visibility that is too short
cases_machines       Step Functions: quotas, timeouts, maps, callbacks, nested executions, limits
cases_pieces         functions that have parts
cases_together       several rules at once
==================== =====================================================================================
"""

from tests.simulation import (
    cases_callers,
    cases_deliveries,
    cases_first,
    cases_lambda,
    cases_machines,
    cases_pieces,
    cases_queues,
    cases_together,
)
from tests.simulation.case import CASES, Case, case

__all__ = [
    "CASES", "Case", "case", "cases_callers", "cases_deliveries", "cases_first", "cases_lambda", "cases_machines",
    "cases_pieces", "cases_queues", "cases_together",
]  # fmt: skip
