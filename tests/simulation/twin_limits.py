"""The account of the slow twin: rates that AWS allows, by region, and the environments that functions share.

Figures: facts of AWS's documentation as of 2026 (Lambda quotas, eventbridge eb-quota) and of 2022 (Step Functions
limits-overview), written down here once more, so that the library's data files are checked too.
"""

from collections.abc import Iterable

from chainkit.records import Pool

ACCOUNT = 1_000
LARGE = ("us-east-1", "us-west-2", "eu-west-1")
PUT_EVENTS_PER_S = {"us-east-1": 10_000, "us-east-2": 2_400}
SMALL_PUT_EVENTS_PER_S = 600
DELIVERIES_PER_S = {
    **dict.fromkeys(LARGE, 18_750),
    **dict.fromkeys(("us-east-2", "eu-central-1"), 4_500),
    **dict.fromkeys(("us-west-1", "ap-northeast-1", "ap-southeast-1", "ap-southeast-2", "eu-west-2"), 2_250),
    **dict.fromkeys(("af-south-1", "ap-northeast-3", "ap-southeast-3", "eu-south-1"), 750),
}
OTHER_DELIVERIES_PER_S = 1_100


class Rate:
    """So many a second, and a burst: one number says when the next one would be due."""

    def __init__(self, per_s: float, burst: float) -> None:
        self.slack_s, self.step_s = (burst - 1) / per_s, 1 / per_s
        self.due_s = 0.0

    def take(self, now_s: float) -> bool:
        """Tell whether one more may pass now; if so it has."""
        due_s = max(self.due_s, now_s)
        if due_s - now_s > self.slack_s:
            return False
        self.due_s = due_s + self.step_s
        return True

    def pace(self, now_s: float) -> float:
        """Return when one more passes: now, or later."""
        due_s = max(self.due_s, now_s)
        self.due_s = due_s + self.step_s
        return max(now_s, due_s - self.slack_s)


class Account:
    """What all services of one account and region share."""

    def __init__(self, region: str, concurrency: int | None, pools: Iterable[Pool]) -> None:
        concurrency = ACCOUNT if concurrency is None else concurrency
        self.unreserved = concurrency - sum(pool.limit or 0 for pool in pools)
        """Environments that no function has reserved."""
        self.ready = 0
        """Of these, provisioned ones."""
        self.running = 0
        """Runs of functions without reservation, but for those in provisioned environments."""
        self.requests = Rate(10 * concurrency, 10 * concurrency)
        per_s = PUT_EVENTS_PER_S.get(region, SMALL_PUT_EVENTS_PER_S)
        self.put_events = Rate(per_s, per_s)
        per_s = DELIVERIES_PER_S.get(region, OTHER_DELIVERIES_PER_S)
        self.deliveries = Rate(per_s, per_s)
        is_large = region in LARGE
        self.starts = {
            "standard": Rate(300, 1_300) if is_large else Rate(150, 800),
            "express": Rate(6_000, 6_000),
        }
        self.transitions = Rate(1_500, 5_000) if is_large else Rate(500, 800)

    @property
    def is_full(self) -> bool:
        """Whether no further on-demand run of a function without reservation may start."""
        return self.running >= self.unreserved - self.ready
