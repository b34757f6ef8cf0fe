"""The ways in which a flow can be wired, and what each of them can carry."""

BY_LINK = ("sync", "async", "sqs", "sns", "sns-sqs", "eventbridge", "standard", "express", "nested")
"""Kinds that replace what lies between two functions; the functions stay."""
KINDS = (*BY_LINK, "fused", "split")
"""All kinds; the last two make one function of several, and several of one."""
ANSWERING = ("sync", "express")
"""Kinds by link whose caller gets the callee's answer. A Standard machine would need a callback: not simulated yet."""

LARGEST_BYTES = {
    "sync": 6_291_456,
    "async": 1_048_576,
    "sqs": 1_048_576,
    "sns": 262_144,
    "sns-sqs": 262_144,
    "eventbridge": 1_048_576,
    "standard": 262_144,
    "express": 262_144,
    "nested": 262_144,
}
"""What each kind by link carries (data/quotas.json)."""
