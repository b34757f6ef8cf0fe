"""What all routes of one emulator share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .asynchronous import AsyncQueue
    from .clock import Clock
    from .delivery import Delivery
    from .environments import Pool
    from .invoke import Invoker
    from .queues import Pollers
    from .story import Story

ACCOUNT_ID = "123456789012"
"""The account that moto answers for."""


@dataclass
class Host:
    """The emulator's state: where it stands, its clock, its environments, what runs on them."""

    region: str
    endpoint_url: str
    clock: Clock
    story: Story
    pool: Pool
    invoker: Invoker
    asynchronous: AsyncQueue
    delivery: Delivery
    pollers: Pollers
