"""`check`: all rules, one list."""

from collections.abc import Callable, Iterator

from chainkit.chain import Chain, as_chain
from chainkit.checks import calls, losses, queues, quotas, timeouts
from chainkit.checks.design import Design
from chainkit.checks.findings import SEVERITIES, Finding, Findings

RULES: tuple[Callable[[Design], Iterator[Finding]], ...] = (
    losses.queue_without_dead_letters,
    losses.events_without_destination,
    losses.deliveries_without_dead_letters,
    losses.dead_letters_to_the_same_function,
    timeouts.work_outlasts_timeout,
    timeouts.caller_gives_up_first,
    timeouts.client_gives_up_first,
    timeouts.calls_outlast_caller,
    queues.batch_outlasts_timeout,
    queues.visibility_below_six_timeouts,
    queues.receive_count_below_five,
    queues.batch_fails_whole,
    queues.mappings_above_reservation,
    quotas.payload_over_limit,
    quotas.state_over_limit,
    quotas.reservations_over_account,
    quotas.links_over_quota,
    quotas.init_over_limit,
    quotas.batch_over_payload,
    calls.synchronous_depth,
    calls.billed_while_waiting,
)
"""Every rule, in the order in which findings of one severity are told."""


def check(chain: Chain) -> Findings:
    """Return what AWS would build and what would still go wrong, worst first. Nothing is simulated.

    Errors are told by `chain.validate`; what cannot be judged because of one is left out here.

    Parameters
    ----------
    chain : a chain, or a variant

    Raises
    ------
    ConfigError
        If it is no chain.

    Examples
    --------
    >>> import chainkit as ck
    >>> from chainkit.operations import replay
    >>> chain = ck.Chain("orders")
    >>> jobs = chain.add(ck.SqsQueue("jobs", visibility_timeout_s=60))
    >>> pay = chain.add(ck.LambdaFunction("pay", timeout_s=10, duration=0.2, poison_fraction=0.001))
    >>> _ = chain.connect(jobs, pay, batch_size=1)
    >>> findings = ck.check(chain)
    >>> findings
    Findings('orders', 1 high)
    >>> print(findings[0].problem, findings[0].fix, *findings[0].change, sep=chr(10))
    'jobs' is polled and has no dead-letter queue.
    give it a dead-letter queue
    chain.add(ck.SqsQueue('jobs-dead'))
    chain.connect('jobs', 'jobs-dead', link='redrive', max_receive_count=5)
    >>> ck.check(replay(chain, findings[0].change))
    Findings('orders', none)
    """
    design = Design(as_chain(chain, "check"))
    found = [finding for rule in RULES for finding in rule(design)]
    worst_first = sorted(found, key=lambda finding: [*SEVERITIES].index(finding.severity))
    return Findings(design.chain.name, tuple(worst_first))
