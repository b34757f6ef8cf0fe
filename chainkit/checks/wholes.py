"""A function with parts as the rules read it: one piece of work that takes, and fails, as all of it does."""

import math
from dataclasses import replace

import numpy as np

from chainkit.distributions import Constant, Gamma
from chainkit.law import Law
from chainkit.records import Piece, Pool

STEPS = 4_000
"""Quantiles from which a variance is taken."""


def as_one(pool: Pool) -> Pool:
    """Return the pool with its pieces in its own work.

    Mean and variance of the work are those of the sum, each piece as often as its probability says; its law is taken
    for a Gamma (an assumption: the law of a sum has no closed form). Filters are taken to pass everything.

    Examples
    --------
    >>> piece = Piece(name="b", work=Constant(0.3), probability=0.5, error_rate=0.1)
    >>> whole = as_one(Pool(work=Constant(0.1), timeout_s=3, pieces=(piece,)))
    >>> round(whole.work.mean_s, 6), round(whole.error_rate, 6)
    (0.25, 0.05)
    """
    if not pool.pieces:
        return pool
    shares = _shares(pool.pieces)
    mean_s = pool.work.mean_s + sum(shares[piece.name] * piece.work.mean_s for piece in pool.pieces)
    spread = _variance(pool.work) + sum(
        share * (_variance(piece.work) + piece.work.mean_s**2) - (share * piece.work.mean_s) ** 2
        for piece in pool.pieces
        for share in [shares[piece.name]]
    )
    fatal = [piece for piece in pool.pieces if not _is_taken(piece, pool.pieces)]
    return replace(
        pool,
        work=Gamma(mean_s=mean_s, shape=min(max(mean_s**2 / spread, 0.01), 1e6)) if spread > 0 else Constant(mean_s),
        error_rate=_any([(1.0, pool.error_rate), *((shares[each.name], each.error_rate) for each in fatal)]),
        poison_fraction=_any(
            [(1.0, pool.poison_fraction), *((shares[each.name], each.poison_fraction) for each in fatal)]
        ),
        pieces=(),
    )


def _shares(pieces: tuple[Piece, ...]) -> dict[str, float]:
    """Return how often each piece is done for a request."""
    shares = {"": 1.0}
    for piece in pieces:
        shares[piece.name] = shares[piece.caller] * piece.probability
    return shares


def _is_taken(piece: Piece, pieces: tuple[Piece, ...]) -> bool:
    """Tell whether a piece's failure ends at it, or at one above it."""
    by_name = {each.name: each for each in pieces}
    while not piece.goes_on and piece.caller:
        piece = by_name[piece.caller]
    return piece.goes_on


def _any(chances: list[tuple[float, float]]) -> float:
    """Return the chance that any happens of several that are independent: (share of the requests, chance in those)."""
    return 1 - math.prod(1 - share * chance for share, chance in chances)


def _variance(law: Law) -> float:
    """Return the variance of a law, as its quantiles have it."""
    times_s = law.ppf((np.arange(STEPS) + 0.5) / STEPS)
    return float(np.mean((times_s - law.mean_s) ** 2))
