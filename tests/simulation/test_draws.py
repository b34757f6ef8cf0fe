"""Draws: the same bits in plain and compiled code, uniform, independent; tables that keep means, tails and jumps."""

import itertools

import numpy as np
import pytest
from scipy import stats

import chainkit as ck
from chainkit.distributions import (
    Constant,
    Empirical,
    Exponential,
    Gamma,
    Law,
    LogNormal,
    Mixture,
    Scipy,
    Uniform,
)  # fmt: skip
from chainkit.services.lambda_function import default_init
from chainkit.simulation import draws
from chainkit.simulation.primitives import descended, retried, word

LAWS: list[Law] = [
    LogNormal(p50_s=0.04, p99_s=0.12),
    LogNormal(p50_s=0.1, p95_s=3.0, shift_s=0.05),
    LogNormal.from_log(-5.77, 1.454),
    Gamma(mean_s=0.2, shape=0.3),
    Gamma(mean_s=0.2, shape=2.0, shift_s=0.1),
    Gamma(mean_s=0.2, shape=40.0),
    Exponential(mean_s=2.0),
    Exponential(mean_s=0.5, shift_s=0.25),
    Uniform(0.2, 0.6),
    Empirical(values_s=[0.1, 0.1, 0.3, 0.7]),
    Empirical(quantiles={0.1: 1, 0.5: 2, 0.9: 6}),
    default_init("python3.12", "x86_64"),
    Mixture([(0.75, Constant(0)), (0.25, Uniform(1, 3))]),
    Mixture([(0.9, LogNormal(p50_s=0.1, p99_s=0.3)), (0.1, Constant(2.0))]),
    Mixture([(0.5, Uniform(0.1, 0.2)), (0.3, Uniform(0.4, 0.5)), (0.2, Exponential(mean_s=2, shift_s=1))]),
    Scipy("weibull_min", {"c": 0.7, "scale": 0.25}),
]


def words(site: str, requests: range, salt: int = 0, replication: int = 0) -> np.ndarray:
    """Return uniform numbers of one site."""
    key = draws.site_key(1, replication, site)
    return np.array([draws.word(key, i, salt) for i in requests], np.float64) / 2.0**64


def quantile(law: Law, p: float) -> float:
    """Return what the law's table gives at a probability, by the plain sampler."""
    unit, side = law.standard(), int(p >= 0.5)
    tail = 1 - p if side else p
    bits = (min(int(tail * 2.0**64), 2**63 - 1) << 1) | side
    return draws.sample(draws.table(law), bits) * unit.scale + unit.shift


def mean_of(rows: np.ndarray) -> float:
    """Return the mean of what a table gives, by small steps within each bin."""
    edges = draws.bin_edges()
    at = edges[:-1, None] + np.diff(edges)[:, None] * (np.arange(64) + 0.5) / 64
    total = 0.0
    for side, (row, tails, width) in itertools.product((0, 1), zip(range(draws.BINS), at, np.diff(edges), strict=True)):
        line = rows[side, row]
        x = np.ldexp(tails, 64)
        values = line[0] + line[1] * x
        if line.size == draws.SPLIT and line[2] != 0:
            values = np.where(x >= line[2], line[3] + line[4] * x, values)
        total += float(values.mean() * width)
    return total


# --- the same in plain and in compiled code ---


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_the_machine_draws_the_plain_values_bit_for_bit(law: Law) -> None:
    # Requests come so close together that the arrival's own bits hardly round those of the work.
    chain = ck.Chain("one")
    chain.add(ck.LambdaFunction("f", duration=law, init=0, timeout_s=900))
    run = ck.simulate(chain, ck.Steady(rate_per_s=1e5), requests=400, seed=7, replications=1, keep="requests")
    rows, at_s, expected = draws.table(law), 0.0, []
    for i in range(400):
        at_s += 1 / 1e5
        expected.append((at_s + draws.draw(7, 0, "f.duration", law, i, 0, rows)) - at_s)

    np.testing.assert_array_equal(run.response_s, expected)


@pytest.mark.parametrize("salt", [0, 1, 12345678901234567890, draws.MASK])
def test_compiled_words_and_salts_are_the_plain_ones(salt: int) -> None:
    signed = np.array([salt], np.uint64).view(np.int64)[0]
    key = draws.site_key(3, 2, "f.duration")
    signed_key = np.array([key], np.uint64).view(np.int64)[0]

    assert int(retried(signed)) % 2**64 == draws.again(salt)
    for place in (0, 1, 65_536, 65_536 * 999 + 3):
        assert int(descended(signed, place)) % 2**64 == draws.descend(salt, place)
    for request in (0, 1, 10**9):
        assert int(word(signed_key, request, signed)) % 2**64 == draws.word(key, request, salt)


# --- tables ---


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_a_table_keeps_the_mean(law: Law) -> None:
    unit = law.standard()

    assert mean_of(draws.table(law)) * unit.scale + unit.shift == pytest.approx(law.mean_s, rel=2e-4)


@pytest.mark.parametrize("law", LAWS, ids=repr)
@pytest.mark.parametrize(("p", "error"), [(0.1, 2e-3), (0.49, 2e-3), (0.52, 2e-3), (0.95, 2e-3), (0.9999, 2e-4)])
def test_a_table_keeps_the_quantiles(law: Law, p: float, error: float) -> None:
    assert quantile(law, p) == pytest.approx(float(law.ppf(p)), rel=error, abs=1e-9)


@pytest.mark.parametrize("law", [law for law in LAWS if law.jumps()], ids=repr)
def test_a_jump_of_the_law_is_a_jump_of_the_table(law: Law) -> None:
    for jump in law.jumps():
        for near in (jump - 1e-9, jump + 1e-9):
            assert quantile(law, near) == pytest.approx(float(law.ppf(near)), rel=1e-6, abs=1e-9)


def test_no_draw_is_below_zero_or_without_end() -> None:
    extremes = (0, 1, 2, 3, 2**63, 2**63 + 1, draws.MASK - 1, draws.MASK)
    for law in LAWS:
        unit, rows = law.standard(), draws.table(law)
        values = [draws.sample(rows, bits) * unit.scale + unit.shift for bits in extremes]

        assert min(values) >= 0
        assert max(values) < np.inf


# --- random enough ---


@pytest.mark.parametrize(
    ("site", "salt"),
    [("arrivals", 0), ("f.duration", 0), ("f.duration", draws.again(0)), ("f.error", draws.descend(0, 1))],
)
def test_words_are_uniform(site: str, salt: int) -> None:
    assert stats.kstest(words(site, range(20_000), salt), "uniform").pvalue > 1e-3


def test_neighbours_are_independent() -> None:
    requests = range(20_000)
    first = words("f.duration", requests)
    others = {
        "next request": words("f.duration", range(1, 20_001)),
        "next attempt": words("f.duration", requests, draws.again(0)),
        "next place": words("f.duration", requests, draws.descend(0, 1)),
        "next item": words("f.duration", requests, draws.descend(0, 65_536)),
        "next replication": words("f.duration", requests, replication=1),
        "other site": words("f.error", requests),
    }
    for name, other in others.items():
        assert abs(np.corrcoef(first, other)[0, 1]) < 4 / len(requests) ** 0.5, name
        cells = np.histogram2d(first, other, bins=10, range=[(0, 1), (0, 1)])[0].ravel()
        assert stats.chisquare(cells).pvalue > 1e-4, name


def test_the_first_attempt_by_the_first_link_keeps_its_draws() -> None:
    assert draws.descend(0, 0) == 0
    assert (
        draws.uniform(1, 0, "pay.error", 17, 0, 1)
        == draws.word(draws.site_key(1, 0, "pay.error"), 17, draws.again(0)) / 2.0**64
    )
