"""The same business flow wired in other ways.

=============  ======================================================================================
offering.py    `variants`: which kinds there are of a chain, which are refused, and what each changed
kinds.py       the kinds, and what each can carry
flow.py        the connections of a chain: work that one function hands another
building.py    rewiring one connection at a time
fusing.py      functions that hand each other work become parts of one
splitting.py   parts become functions
inventory.py   what a chain consists of, and what one has that another has not
=============  ======================================================================================
"""

from chainkit.rewiring.flow import Connection, connections
from chainkit.rewiring.kinds import ANSWERING, BY_LINK, KINDS
from chainkit.rewiring.offering import Variant, Variants, variants

__all__ = ["ANSWERING", "BY_LINK", "KINDS", "Connection", "Variant", "Variants", "connections", "variants"]
