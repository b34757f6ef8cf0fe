"""Secrets Manager, Parameter Store, KMS: months and calls."""

import pytest

import chainkit as ck
from chainkit.uses.secrets import KmsUse, ParameterStoreUse, SecretsManagerUse


@pytest.mark.parametrize(
    ("use", "usd"),
    [
        (SecretsManagerUse(secrets=2, calls=20_000), 2 * 0.40 + 2 * 0.05),
        (SecretsManagerUse(secrets=1, hours=73), 0.04),
        (ParameterStoreUse(standard_parameters=100, advanced_parameters=10, paid_calls=10_000), 0.50 + 0.05),
        (KmsUse(keys=3, requests=1e6), 3 + 3),
    ],
)
def test_what_is_kept_is_paid_by_the_month_and_what_is_called_by_the_call(use, usd):
    assert ck.estimate({"a": use}).total_usd == pytest.approx(usd)


def test_twenty_thousand_requests_to_keys_are_free():
    assert ck.estimate({"a": KmsUse(requests=30_000)}, free_tier=True).total_usd == pytest.approx(0.03)
