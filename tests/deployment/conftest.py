"""One local target for all deployment tests; each test deploys a chain of its own name and takes it away."""

import pytest

from chainkit.deployment.emulated import local
from chainkit.deployment.plan import plan
from chainkit.deployment.stack import deploy


@pytest.fixture(scope="session")
def target():
    with local() as target:
        yield target


@pytest.fixture
def stand(target):
    """Return a function that deploys a chain; whatever it deployed is destroyed at the end."""
    stacks = {}

    def make(chain):
        stacks[chain.name] = stack = deploy(plan(chain, target))
        return stack

    yield make
    for name, stack in stacks.items():
        if name in target.applier.chains():
            stack.destroy()
