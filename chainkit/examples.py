"""The designs that come with chainkit."""

from chainkit import data
from chainkit.chain import Chain, load
from chainkit.errors import ConfigError, nearest


def example(name: str) -> Chain:
    """Return one of the designs that come with chainkit: "orders", "orders-sfn", "etl" or "media".

    "orders" is a shop's order and "orders-sfn" the same as a state machine, both with code; "etl" hands files from
    stage to stage, "media" works on an upload in parallel, both without code.

    Raises
    ------
    ConfigError
        If there is no example of that name.

    Examples
    --------
    >>> example("orders")
    Chain('orders', 9 services, 8 links)
    """
    files = {path.name.removesuffix(".chain.yaml"): path for path in sorted(data.path("chains").glob("*/*.chain.yaml"))}
    if name not in files:
        raise ConfigError(f"example {name!r} is unknown{nearest(name, files)}", fix=f"examples: {', '.join(files)}")
    return load(files[name])
