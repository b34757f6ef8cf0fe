"""A month of networks: endpoints, NAT, addresses, transfer.

Rules    Price list of September 2026; API Gateway pricing page, example of a private API (E24). Hours count for each
         availability zone of an interface endpoint.
Units    GB = 1024 * 1024 KB (E22, E24).
Ignored  Endpoint data beyond a petabyte, transfer by pair of regions, CloudFront.
Checked  2026-11-23
"""

from collections.abc import Iterator

from pydantic import Field

from chainkit.use import KB_PER_GB, Amount, Hours, Quantity, Use, all_month, use


@use
class VpcUse(Use):
    """A month of what a function in a VPC needs.

    Examples
    --------
    >>> import chainkit as ck
    >>> private = ck.VpcUse(endpoints=1, hours=720, endpoint_kb=16.5e6)
    >>> [round(each.quantity, 2) for each in private.quantities()]
    [720.0, 15.74]
    """

    endpoints: Amount = 0.0
    """Interface endpoints."""
    zones: float = Field(default=1.0, ge=1, allow_inf_nan=False)
    """Availability zones that each of them stands in."""
    endpoint_gb: Amount = 0.0
    """What they process, GB."""
    endpoint_kb: Amount = 0.0
    """More of it, KB."""
    gateway_endpoints: Amount = 0.0
    """Gateway endpoints, for S3 and DynamoDB; they are free."""
    nat_gateways: Amount = 0.0
    """NAT gateways."""
    nat_gb: Amount = 0.0
    """What they process, both ways, GB."""
    nat_kb: Amount = 0.0
    """More of it, KB."""
    public_addresses: Amount = 0.0
    """Public IPv4 addresses."""
    hours: Hours = None
    """How long all of these are there."""

    def _counted(self, month: float) -> Iterator[Quantity]:
        hours = all_month(month, self.hours)
        for key, count, what in (
            ("vpc-endpoint-hours", self.endpoints * self.zones, f"interface endpoints in {self.zones:g} zones"),
            ("vpc-gateway-endpoint-hours", self.gateway_endpoints, "gateway endpoints"),
            ("nat-gateway-hours", self.nat_gateways, "NAT gateways"),
            ("public-ipv4-hours", self.public_addresses, "public IPv4 addresses"),
        ):
            yield Quantity(key, count * hours, f"{what} for {hours:g} h", is_hourly=True)
        yield Quantity("vpc-endpoint-gb", self.endpoint_gb + self.endpoint_kb / KB_PER_GB, "through the endpoints")
        yield Quantity("nat-gb", self.nat_gb + self.nat_kb / KB_PER_GB, "through the NAT gateways")


@use
class TransferUse(Use):
    """A month of data that leaves: to the internet, other zones, other regions.

    Examples
    --------
    >>> import chainkit as ck
    >>> [each.quantity for each in ck.TransferUse(internet_gb=150, zones_gb=10).quantities()]
    [150.0, 20.0]
    """

    internet_gb: Amount = 0.0
    """To the internet, GB."""
    internet_kb: Amount = 0.0
    """More of it, KB."""
    zones_gb: Amount = 0.0
    """From one availability zone to another, GB: paid on the way out and on the way in."""
    regions_gb: Amount = 0.0
    """To another region, GB."""

    def _counted(self, month: float) -> Iterator[Quantity]:
        out = self.internet_gb + self.internet_kb / KB_PER_GB
        yield Quantity("transfer-internet-out-gb", out, "to the internet")
        yield Quantity("transfer-zones-gb", 2 * self.zones_gb, "between zones, out and in")
        yield Quantity("transfer-regions-gb", self.regions_gb, "to other regions")
