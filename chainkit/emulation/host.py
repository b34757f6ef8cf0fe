"""What all routes of one emulator share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chainkit.emulation.asynchronous import AsyncQueue
    from chainkit.emulation.callbacks import Activities
    from chainkit.emulation.clients import Clients
    from chainkit.emulation.clock import Clock
    from chainkit.emulation.consumers import Consumers
    from chainkit.emulation.delivery import Delivery
    from chainkit.emulation.environments import Pool
    from chainkit.emulation.invoke import Invoker
    from chainkit.emulation.polling import Pollers
    from chainkit.emulation.queues import Queues
    from chainkit.emulation.runs import Ends
    from chainkit.emulation.story import Story
    from chainkit.emulation.streams import Streams

ACCOUNT_ID = "123456789012"
"""The account that moto answers for."""


@dataclass
class Host:
    """The emulator's state: where it stands, its clock, its environments, what runs on them."""

    region: str
    endpoint_url: str
    clock: Clock
    story: Story
    clients: Clients
    pool: Pool
    invoker: Invoker
    asynchronous: AsyncQueue
    delivery: Delivery
    queues: Queues
    consumers: Consumers
    pollers: Pollers
    streams: Streams
    activities: Activities
    ends: Ends
