"""A month of secrets: Secrets Manager, Parameter Store, KMS.

Rules    Price list of September 2026 (Secrets Manager, KMS), third parties of 2026 (Parameter Store). What is there for
         a part of the month costs that part; a secret is counted by the hour.
Ignored  Asymmetric keys, custom key stores, the monthly rise of a key that is rotated.
Checked  2026-11-23
"""

from collections.abc import Iterator

from chainkit.use import Amount, Hours, Quantity, Use, use


@use
class SecretsManagerUse(Use):
    """A month of Secrets Manager.

    Examples
    --------
    >>> import chainkit as ck
    >>> [each.quantity for each in ck.SecretsManagerUse(secrets=2, calls=10_000, hours=365).quantities()]
    [1.0, 10000.0]
    """

    secrets: Amount = 0.0
    """Secrets, replicas counted too."""
    hours: Hours = None
    """How long they are there."""
    calls: Amount = 0.0
    """API calls."""

    def _counted(self, month: float) -> Iterator[Quantity]:
        yield Quantity("secrets-manager-secrets", self.secrets * self._share(month, self.hours), "secrets", True)
        yield Quantity("secrets-manager-calls", self.calls, "calls")


@use
class ParameterStoreUse(Use):
    """A month of Systems Manager Parameter Store.

    Examples
    --------
    >>> import chainkit as ck
    >>> [each.price for each in ck.ParameterStoreUse(advanced_parameters=3, paid_calls=1e6).quantities()]
    ['parameter-store-advanced', 'parameter-store-calls']
    """

    standard_parameters: Amount = 0.0
    """Standard parameters, which are free."""
    advanced_parameters: Amount = 0.0
    """Advanced parameters."""
    hours: Hours = None
    """How long they are there."""
    paid_calls: Amount = 0.0
    """Calls on advanced parameters, or with higher throughput; all others are free."""

    def _counted(self, month: float) -> Iterator[Quantity]:
        share = self._share(month, self.hours)
        yield Quantity("parameter-store-standard", self.standard_parameters * share, "standard parameters", True)
        yield Quantity("parameter-store-advanced", self.advanced_parameters * share, "advanced parameters", True)
        yield Quantity("parameter-store-calls", self.paid_calls, "calls that are paid for")


@use
class KmsUse(Use):
    """A month of Key Management Service, symmetric keys.

    Examples
    --------
    >>> import chainkit as ck
    >>> [each.quantity for each in ck.KmsUse(keys=1, requests=30_000).quantities()]
    [1.0, 30000.0]
    """

    keys: Amount = 0.0
    """Keys that you manage; those that AWS manages are free."""
    hours: Hours = None
    """How long they are there."""
    requests: Amount = 0.0
    """Requests."""

    def _counted(self, month: float) -> Iterator[Quantity]:
        yield Quantity("kms-keys", self.keys * self._share(month, self.hours), "keys", True)
        yield Quantity("kms-requests", self.requests, "requests")
