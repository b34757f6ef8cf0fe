"""One emulator on the wall's clock, which the probe asks from outside as it asks any endpoint."""

from collections.abc import Iterator

import pytest

from chainkit.emulation import Emulator


@pytest.fixture(scope="package")
def endpoint() -> Iterator[str]:
    with Emulator(clock="wall") as emulator:
        yield emulator.endpoint_url
