"""A month of anything else, at the price that is given with it."""

from collections.abc import Iterator

from pydantic import Field, ValidationInfo, field_validator

from chainkit.use import Amount, Quantity, Said, Use, refuse_unpriced, use


@use
class PricedUse(Use):
    """A month of something that no other use counts, such as a database: a line like others, at your price.

    Examples
    --------
    >>> import chainkit as ck
    >>> database = ck.PricedUse(what="database instance", quantity=730, unit="hour", usd_per_unit=0.082)
    >>> print(ck.estimate({"orders-db": database}).explain("orders-db"))
    orders-db: database instance
      quantity  730 hour, as given
      tiers     730 x $0.082
      price     database instance, given by the user
                confidence U: given by the user
      dollars   $59.86, exactly 59.86
    """

    what: str = Field(default="other", min_length=1)
    """What is paid for."""
    quantity: Amount = 0.0
    """Of the month, or of one request."""
    unit: str = Field(default="unit", min_length=1)
    """Of the quantity."""
    usd_per_unit: Said = None
    """What one costs, USD; to be given with a quantity."""
    said_by: str = Field(default="given by the user", min_length=1)
    """Who says so."""

    @field_validator("usd_per_unit")
    @classmethod
    def _said(cls, usd: float | None, info: ValidationInfo) -> float | None:
        """Refuse a quantity without a price, which would cost nothing."""
        refuse_unpriced(usd, info.data.get("quantity"))
        return usd

    def _counted(self, month: float) -> Iterator[Quantity]:
        yield Quantity(
            self.what, self.quantity, self.what, usd_per_unit=self.usd_per_unit, unit=self.unit, source=self.said_by
        )
