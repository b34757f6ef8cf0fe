"""Endpoints, NAT, addresses, transfer: hours and gigabytes."""

import pytest

import chainkit as ck
from chainkit.uses.networks import TransferUse, VpcUse


@pytest.mark.parametrize(
    ("use", "usd"),
    [
        (VpcUse(endpoints=2, zones=3, endpoint_gb=100), 6 * 7.30 + 1.00),
        (VpcUse(gateway_endpoints=2), 0),
        (VpcUse(nat_gateways=1, nat_gb=10, nat_kb=10 * 1024 * 1024), 32.85 + 0.90),
        (VpcUse(public_addresses=2, hours=100), 1.00),
        (TransferUse(internet_gb=10, internet_kb=1024 * 1024), 11 * 0.09),
        (TransferUse(zones_gb=10), 0.20),  # a cent on each side
        (TransferUse(regions_gb=10), 0.20),
    ],
)
def test_a_network_is_paid_by_the_hour_and_by_the_gigabyte(use, usd):
    assert ck.estimate({"a": use}).total_usd == pytest.approx(usd)


def test_a_hundred_gigabytes_to_the_internet_are_free():
    assert ck.estimate({"a": TransferUse(internet_gb=150)}, free_tier=True).total_usd == pytest.approx(4.50)
