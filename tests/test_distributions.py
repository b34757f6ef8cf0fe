"""Laws against scipy.stats, quadrature and numeric inversion; their forms in files, in pydantic and in print."""

import io
import json
import math
import pickle
import subprocess
import sys

import jsonschema
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from ruamel.yaml import YAML
from scipy.integrate import quad
from scipy.optimize import brentq

from chainkit import distributions
from chainkit.distributions import (
    LAWS,
    Constant,
    Duration,
    Empirical,
    Exponential,
    Gamma,
    Geometric,
    Law,
    LogNormal,
    Mixture,
    Scipy,
    Uniform,
    as_law,
    from_plain,
    law_schema,
)
from chainkit.errors import ConfigError

TAILS = np.sort(np.outer(2.0 ** np.arange(-40, 0), [1, 1.25, 1.5, 1.9]).ravel())
TAILS = TAILS[TAILS < 1]

# A shifted lognormal with a rare slow mode, and a chance of no time at all: the shapes of measured hops.
FIFO_HOP = Mixture([(0.9756, LogNormal.from_log(-4.88, 1.19, shift_s=0.0202)), (0.0244, Uniform(0.2, 0.946))])
FIRST_STATE = Mixture([(0.618, Constant(0)), (0.382, Gamma(mean_s=0.0208, shape=7))])
TWO_GAPS = Mixture([(0.25, Uniform(3, 4)), (0.5, Constant(1)), (0.125, Uniform(1.5, 2)), (0.125, Constant(1.75))])
EXAMPLES = [
    LogNormal(p50_s=0.04, p99_s=0.12),
    LogNormal(p50_s=0.1, p95_s=0.4, shift_s=0.05),
    LogNormal.from_log(-1.5, 2.0),
    Gamma(mean_s=0.0855, shape=0.47, shift_s=0.062),
    Gamma(mean_s=0.395, shape=7.58),
    Exponential(mean_s=0.2, shift_s=0.01),
    Constant(0.3),
    Constant(0),
    Uniform(0.2, 0.946),
    Empirical(values_s=[0.3, 0.1, 0.2, 0.2, 5.0]),
    Empirical(values_s=[0.3]),
    Empirical(quantiles={0.1: 0.0137, 0.5: 0.0162, 0.9: 0.0338, 0.99: 0.105}),
    FIFO_HOP,
    FIRST_STATE,
    TWO_GAPS,
    Scipy("weibull_min", {"c": 0.5, "scale": 0.25}),
    Scipy("truncnorm", {"a": -0.0208 / 0.0078, "b": 50.0, "loc": 0.0208, "scale": 0.0078}),
]
untimed = settings(deadline=None)
few_examples = settings(untimed, max_examples=30)  # a mixture is inverted bit by bit
every_law = pytest.mark.parametrize("law", EXAMPLES, ids=repr)


def seconds(low: float = 1e-4, high: float = 1e4) -> st.SearchStrategy[float]:
    return st.floats(low, high)


@st.composite
def log_normals(draw: st.DrawFn) -> LogNormal:
    median_s, shift_fraction = draw(seconds()), draw(st.sampled_from([0.0, 0.3, 0.9]))
    other = draw(st.sampled_from(["p99_s", "p95_s"]))
    return LogNormal(p50_s=median_s, shift_s=median_s * shift_fraction, **{other: median_s * draw(st.floats(1.01, 50))})


@st.composite
def quantile_tables(draw: st.DrawFn) -> Empirical:
    p = draw(st.lists(st.floats(0, 1), min_size=2, max_size=6, unique=True))
    return Empirical(quantiles=dict(zip(sorted(p), sorted(draw(seconds(0)) for _ in p), strict=True)))


def single_laws() -> st.SearchStrategy[Law]:
    return st.one_of(
        log_normals(),
        st.builds(LogNormal.from_log, st.floats(-9, 5), st.floats(0.01, 3), st.floats(0, 5)),
        st.builds(Gamma, mean_s=seconds(1), shape=st.floats(0.05, 100), shift_s=st.floats(0, 0.9)),
        st.builds(Exponential, mean_s=seconds(1), shift_s=st.floats(0, 0.9)),
        st.builds(Constant, seconds(0)),
        st.builds(Uniform, low_s=st.floats(0, 1), high_s=seconds(2)),
        st.builds(Empirical, values_s=st.lists(seconds(0), min_size=1, max_size=9)),
        quantile_tables(),
        st.builds(lambda c, scale: Scipy("weibull_min", {"c": c, "scale": scale}), st.floats(0.3, 5), seconds()),
    )


@st.composite
def laws(draw: st.DrawFn) -> Law:
    """Return any law: one of one shape, or a mixture of up to three."""
    parts = draw(st.lists(single_laws(), min_size=1, max_size=3))
    shares = [draw(st.integers(1, 9)) for _ in parts]
    return Mixture([(share / sum(shares), law) for share, law in zip(shares, parts, strict=True)])


# --- quantiles ---


@pytest.mark.parametrize(
    ("law", "reference"),
    [
        (LogNormal.from_log(-3.2, 0.5), scipy.stats.lognorm(0.5, scale=math.exp(-3.2))),
        (LogNormal.from_log(1.0, 2.5, shift_s=0.25), scipy.stats.lognorm(2.5, loc=0.25, scale=math.e)),
        (Gamma(mean_s=0.6, shape=3), scipy.stats.gamma(3, scale=0.2)),
        (Gamma(mean_s=2.47, shape=0.47, shift_s=2), scipy.stats.gamma(0.47, loc=2, scale=1)),
        (Gamma(mean_s=1.0, shape=1e4), scipy.stats.gamma(1e4, scale=1e-4)),
        (Exponential(mean_s=0.75, shift_s=0.25), scipy.stats.expon(0.25, 0.5)),
        (Uniform(0.5, 2), scipy.stats.uniform(0.5, 1.5)),
        (Scipy("lomax", {"c": 1.5, "scale": 0.1}), scipy.stats.lomax(1.5, scale=0.1)),
    ],
    ids=repr,
)
def test_quantiles_are_those_of_scipy_down_to_two_to_the_minus_40_on_both_sides(law, reference):
    np.testing.assert_allclose(law.ppf(TAILS), reference.ppf(TAILS), rtol=1e-12)
    np.testing.assert_allclose(law.isf(TAILS), reference.isf(TAILS), rtol=1e-12)
    np.testing.assert_allclose(law.ppf(1 - TAILS), reference.isf(1 - (1 - TAILS)), rtol=1e-12)


@pytest.mark.parametrize("law", [LogNormal(p50_s=0.04, p99_s=0.12), LogNormal(p50_s=0.04, p99_s=0.12, shift_s=0.03)])
def test_the_figures_of_a_lognormal_are_quantiles_of_the_whole_law(law):
    assert law.ppf(0.5) == pytest.approx(0.04, rel=1e-14)
    assert law.ppf(0.99) == pytest.approx(0.12, rel=1e-14)


def test_a_lognormal_by_p95_has_that_p95():
    assert LogNormal(p50_s=0.04, p95_s=0.12).isf(0.05) == pytest.approx(0.12, rel=1e-14)


@every_law
def test_isf_is_ppf_of_the_rest(law):
    q = TAILS[TAILS > 2.0**-20]
    inside = ~np.isin(1 - q, law.jumps())  # at a jump the two stand on either side of it

    np.testing.assert_allclose(law.isf(q)[inside], law.ppf(1 - q)[inside], rtol=1e-9, atol=1e-15)


@few_examples
@given(laws())
def test_quantiles_rise_and_are_never_negative(law):
    p = np.linspace(0, 1 - 2.0**-40, 200)

    assert (np.diff(law.ppf(p)) >= -1e-12 * law.ppf(p)[1:]).all()
    assert (np.diff(law.isf(1 - p)) >= -1e-12 * law.isf(1 - p)[1:]).all()
    assert law.ppf(0.0) >= 0


@every_law
def test_a_number_gives_a_number_and_an_array_its_shape(law):
    assert type(law.ppf(0.5)) is float
    assert type(law.isf(np.float64(0.5))) is float
    assert law.ppf(np.full((2, 3), 0.5)).shape == (2, 3)
    assert law.isf(np.array([])).shape == (0,)


@every_law
def test_the_ends_of_a_law_are_reached_without_a_warning(law):
    assert law.ppf(0.0) == law.isf(1.0)
    assert law.ppf(1.0) == law.isf(0.0)


@every_law
def test_the_mean_is_the_integral_of_the_quantiles(law):
    # dq = q dt, with q = exp(-t): both tails are smooth in t, and kinks and jumps are left to the subdivision
    half = math.log(2)
    lower = quad(lambda t: law.ppf(math.exp(-t)) * math.exp(-t), half, 100, limit=200, epsabs=0, epsrel=1e-5)[0]
    upper = quad(lambda t: law.isf(math.exp(-t)) * math.exp(-t), half, 100, limit=200, epsabs=1e-12, epsrel=1e-5)[0]

    assert law.mean_s == pytest.approx(lower + upper, rel=1e-5)


# --- measured values ---


def test_values_are_interpolated_as_hazen_does():
    values_s = np.random.default_rng(1).lognormal(size=100)
    p = np.linspace(0, 1, 1001)

    np.testing.assert_allclose(
        Empirical(values_s=values_s).ppf(p), np.quantile(values_s, p, method="hazen"), rtol=1e-12
    )


def test_the_mean_of_measured_values_is_kept():
    law = Empirical(values_s=[0.2] * 999 + [13.2])

    assert math.isclose(law.mean_s, 0.213)


def test_the_order_of_values_does_not_matter():
    assert Empirical(values_s=[3, 1, 2]) == Empirical(values_s=np.array([1.0, 2.0, 3.0]))


def test_repeated_values_are_a_point_mass_without_a_jump():
    law = Empirical(values_s=[1, 2, 2, 2, 3])

    assert law.ppf(np.array([0.3, 0.5, 0.7])).tolist() == [2.0, 2.0, 2.0]
    assert law.jumps() == ()


def test_beyond_the_outer_quantiles_the_time_stays():
    law = Empirical(quantiles={0.9: 3, 0.1: 1})

    assert (law.ppf(0.0), law.ppf(0.05), law.ppf(0.5), law.ppf(0.95), law.isf(2**-40)) == (1.0, 1.0, 2.0, 3.0, 3.0)


def test_the_far_tail_of_a_table_is_not_lost_in_one_minus_q():
    law = Empirical(quantiles={0: 0, 1 - 2**-40: 1, 1: 3})

    assert law.isf(2**-42) == 2.5


# --- mixtures ---


def mixed(parts):
    return lambda x: sum(weight * law.cdf(x) for weight, law in parts), lambda x: sum(w * law.sf(x) for w, law in parts)


def test_a_mixture_inverts_the_weighted_cdf():
    parts = [(0.7, scipy.stats.gamma(2, scale=0.05)), (0.2, scipy.stats.lognorm(1)), (0.1, scipy.stats.uniform(1, 4))]
    cdf, sf = mixed(parts)
    law = Mixture([(0.7, Gamma(mean_s=0.1, shape=2)), (0.2, LogNormal.from_log(0, 1)), (0.1, Uniform(1, 5))])
    p = TAILS[::7]

    expected = [brentq(lambda x, at=at: cdf(x) - at, 0, 1e4, xtol=1e-300, rtol=1e-14) for at in p]
    expected_upper = [brentq(lambda x, at=at: sf(x) - at, 0, 1e4, xtol=1e-300, rtol=1e-14) for at in p]
    np.testing.assert_allclose(law.ppf(p), expected, rtol=1e-11)
    np.testing.assert_allclose(law.isf(p), expected_upper, rtol=1e-11)


@pytest.mark.parametrize(
    "part",
    [law for law in EXAMPLES if not isinstance(law, Mixture)],
    ids=repr,
)
def test_a_mixture_of_a_law_with_itself_is_that_law(part):
    law = Mixture([(0.5, part), (0.5, part)])

    np.testing.assert_allclose(law.ppf(TAILS), part.ppf(TAILS), rtol=1e-11)
    np.testing.assert_allclose(law.isf(TAILS), part.isf(TAILS), rtol=1e-11)


def test_jumps_are_exact_to_the_last_bit():
    assert TWO_GAPS.jumps() == (0.5, 0.75)
    assert TWO_GAPS.ppf(0.5) == 1
    assert TWO_GAPS.ppf(math.nextafter(0.5, 1)) >= 1.5
    assert TWO_GAPS.isf(0.5) == 1
    assert TWO_GAPS.isf(math.nextafter(0.5, 0)) >= 1.5
    assert TWO_GAPS.ppf(0.75) == pytest.approx(2, rel=1e-15)
    assert TWO_GAPS.ppf(math.nextafter(0.75, 1)) == pytest.approx(3, rel=1e-15)


@few_examples
@given(st.lists(st.integers(1, 20), min_size=2, max_size=6))
def test_constants_of_any_weights_jump_from_one_to_the_next(shares):
    law = Mixture([(share / sum(shares), Constant(i)) for i, share in enumerate(shares)])

    assert [law.ppf(p) for p in law.jumps()] == list(range(len(shares) - 1))
    assert [law.ppf(math.nextafter(p, 1)) for p in law.jumps()] == list(range(1, len(shares)))


def test_a_point_mass_takes_exactly_its_weight():
    law = Mixture([(0.618, Constant(0)), (0.382, Exponential(mean_s=1))])

    assert law.jumps() == ()
    assert law.ppf(0.618) == 0
    assert 0 < law.ppf(0.618 + 1e-12) < 1e-10


def test_a_gap_below_a_shifted_lognormal_is_a_jump():
    assert Mixture([(0.25, 0), (0.75, LogNormal(p50_s=1, p99_s=2, shift_s=0.3))]).jumps() == (0.25,)


def test_a_mixture_takes_numbers_and_mixtures_as_parts():
    inner = Mixture([(0.5, 1), (0.5, {"Constant": {"value_s": 2}})])

    assert Mixture([(0.5, inner), (0.5, 3)]) == Mixture([(0.25, Constant(1)), (0.25, Constant(2)), (0.5, Constant(3))])


# --- shape, scale, shift ---


@few_examples
@given(laws(), st.floats(1e-3, 1e3))
def test_scaling_multiplies_every_quantile_and_keeps_the_class(law, factor):
    p = np.linspace(0.01, 0.99, 25)
    scaled = law.scaled(factor)

    assert type(scaled) is type(law)
    assert scaled.mean_s == pytest.approx(law.mean_s * factor, rel=1e-9)
    if not law.jumps():
        np.testing.assert_allclose(scaled.ppf(p), law.ppf(p) * factor, rtol=1e-6, atol=1e-12)


@untimed
@given(single_laws())
def test_a_law_is_shift_plus_scale_times_its_unit(law):
    key, scale, shift = law.standard()

    assert scale > 0
    assert shift >= 0
    np.testing.assert_allclose(shift + scale * key.ppf(TAILS), law.ppf(TAILS), rtol=1e-9, atol=1e-11 * scale)
    np.testing.assert_allclose(shift + scale * key.isf(TAILS), law.isf(TAILS), rtol=1e-9, atol=1e-11 * scale)


@every_law
def test_laws_of_one_shape_share_one_key_at_any_memory(law):
    keys = {law.scaled(factor).standard().key for factor in (1, 1 / 3, 0.7, 1769 / 128, 128 / 1769, 2)}

    assert len(keys) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (LogNormal(p50_s=1, p99_s=2), LogNormal(p50_s=0.3, p99_s=0.5, shift_s=0.1)),
        (LogNormal.from_log(0, 0.5), LogNormal(p50_s=0.1, p99_s=0.1 * LogNormal.from_log(0, 0.5).ppf(0.99))),
        (Gamma(mean_s=1, shape=3), Gamma(mean_s=0.7, shape=3, shift_s=0.2)),
        (Exponential(mean_s=1), Exponential(mean_s=0.3, shift_s=0.1)),
        (Uniform(0, 1), Uniform(0.3, 0.7)),
        (Constant(1), Constant(0.3)),
        (Scipy("lomax", {"c": 3}), Scipy("lomax", {"c": 3, "scale": 0.7})),
    ],
    ids=repr,
)
def test_scale_and_shift_do_not_change_the_key(one, other):
    assert one.standard().key == other.standard().key
    assert hash(one.standard().key) == hash(other.standard().key)


def test_another_shape_is_another_key():
    keys = {law.standard().key for law in (LogNormal.from_log(0, 0.5), LogNormal.from_log(0, 0.6), Exponential(1))}

    assert len(keys) == 3


def test_the_jumps_of_a_unit_are_those_of_its_law():
    assert TWO_GAPS.standard().key.jumps() == TWO_GAPS.jumps()


# --- values, files, print ---


@untimed
@given(laws())
def test_plain_form_repr_and_pickle_are_lossless(law):
    assert from_plain(law.to_plain()) == law
    assert from_plain(json.loads(json.dumps(law.to_plain()))) == law
    assert eval(repr(law), vars(distributions)) == law
    assert pickle.loads(pickle.dumps(law)) == law


@every_law
def test_a_law_survives_a_yaml_file(law):
    yaml, file = YAML(), io.StringIO()
    yaml.dump({"duration": law.to_plain()}, file)

    assert from_plain(yaml.load(file.getvalue())["duration"]) == law


@every_law
def test_the_plain_form_fits_the_schema(law):
    jsonschema.validate(json.loads(json.dumps(law.to_plain())), law_schema())


@pytest.mark.parametrize(
    "plain",
    [
        -1,
        "40 ms",
        {"LogNormal": {"p50_s": 0.1}},
        {"LogNormal": {"p50_s": 0.1, "p99_s": 0.2, "mu": 1}},
        {"Gamma": {"mean_s": 0, "shape": 1}},
        {"Gamma": {"mean_s": 1, "shape": 1}, "Constant": {"value_s": 1}},
        {"Mixture": [[2, {"Constant": {"value_s": 1}}]]},
        {"Normal": {}},
    ],
    ids=repr,
)
def test_the_schema_refuses_what_the_laws_refuse(plain):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plain, law_schema())
    with pytest.raises(ConfigError):
        as_law(plain)


def test_a_lognormal_keeps_the_figures_it_was_given():
    assert LogNormal(p50_s=0.04, p99_s=0.12).to_plain() == {"LogNormal": {"p50_s": 0.04, "p99_s": 0.12}}
    assert LogNormal.from_log(-3.1, 0.5).to_plain() == {"LogNormal": {"mu": -3.1, "sigma": 0.5}}


def test_equal_laws_are_equal_values():
    law = LogNormal(p50_s=1, p99_s=np.float64(2))

    assert law == LogNormal(p50_s=1.0, p99_s=2)
    assert len({law, LogNormal(p50_s=1.0, p99_s=2)}) == 1
    assert law != LogNormal(p50_s=1, p95_s=2)
    assert Exponential(1) != Constant(1)


def test_a_law_cannot_be_changed():
    with pytest.raises(AttributeError):
        Constant(1).value_s = 2


# --- what users write ---


@pytest.mark.parametrize("value", [0.2, np.float64(0.2), {"Constant": {"value_s": 0.2}}, Constant(0.2)])
def test_a_number_and_a_plain_form_are_laws(value):
    assert as_law(value) == Constant(0.2)


def test_negative_zero_is_zero():
    assert repr(Constant(-0.0)) == "Constant(value_s=0.0)"


@pytest.mark.parametrize(
    ("frozen", "arguments"),
    [
        (scipy.stats.gamma(2, scale=0.1), {"a": 2.0, "loc": 0.0, "scale": 0.1}),
        (scipy.stats.gamma(2, 1, 0.1), {"a": 2.0, "loc": 1.0, "scale": 0.1}),
        (scipy.stats.expon(scale=0.1), {"loc": 0.0, "scale": 0.1}),
        (scipy.stats.burr12(c=3, d=2), {"c": 3.0, "d": 2.0, "loc": 0.0, "scale": 1.0}),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else value.dist.name,
)
def test_a_frozen_scipy_law_is_kept_by_name_and_arguments(frozen, arguments):
    law = as_law(frozen)

    assert law == Scipy(frozen.dist.name, arguments)
    np.testing.assert_array_equal(law.ppf(TAILS), frozen.ppf(TAILS))
    np.testing.assert_array_equal(law.isf(TAILS), frozen.isf(TAILS))


class Pareto:
    """Something with a `ppf` that scipy does not know."""

    def ppf(self, p):
        return 0.1 * (1 - p) ** (-1 / 3)


def test_anything_else_with_a_ppf_becomes_a_table_and_says_so():
    with pytest.warns(UserWarning, match=r"Pareto is kept as an Empirical table of 609 quantiles .* mean 0\.15000"):
        law = as_law(Pareto())

    assert isinstance(law, Empirical)
    np.testing.assert_allclose(
        law.isf(np.array([0.5, 0.01, 1e-4])), Pareto().ppf(1 - np.array([0.5, 0.01, 1e-4])), rtol=1e-3
    )


def test_a_discrete_law_and_one_made_of_a_histogram_become_tables():
    with pytest.warns(UserWarning, match="Empirical table"):
        assert as_law(scipy.stats.poisson(3)).ppf(0.5) == 3
    with pytest.warns(UserWarning, match="Empirical table"):
        assert as_law(scipy.stats.rv_histogram(np.histogram([1, 2, 2, 3], bins=3))).mean_s == pytest.approx(2, rel=1e-3)


def test_a_law_that_scipy_cuts_at_zero_by_rounding_is_accepted():
    law = as_law(scipy.stats.truncnorm(-0.3 / 0.7, 9, 0.3, 0.7))

    assert law.ppf(0.0) >= 0
    assert law.scaled(1 / 3).standard().key.ppf(0.0) >= 0


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: LogNormal(p50_s=0, p99_s=1), r"LogNormal: p50_s=0 is not allowed; allowed: a number above 0"),
        (lambda: LogNormal(p50_s=math.nan, p99_s=1), r"p50_s=nan is not allowed"),
        (
            lambda: LogNormal(p50_s="40 ms", p99_s=1),
            r"p50_s='40 ms' .*\n  fix: give the median \(seconds\) as a plain number",
        ),
        (lambda: LogNormal(p50_s=True, p99_s=1), r"p50_s=True is not allowed"),
        (
            lambda: LogNormal(p50_s=0.1),
            r"p50_s is given; allowed: p50_s with p99_s, or p50_s with p95_s, or mu with sigma",
        ),
        (lambda: LogNormal(p50_s=0.1, p99_s=1, p95_s=0.5), r"p50_s with p95_s with p99_s is given"),
        (LogNormal, r"nothing is given"),
        (lambda: LogNormal(0.1, 0.4), r"LogNormal: 0.1 is given without a name; allowed: p50_s"),
        (lambda: Gamma(0.2), r"Gamma: shape missing; needed: mean_s, shape"),
        (
            lambda: Empirical({0.5: 0.1, 0.99: 0.4}),
            r"values_s=\{0.5: 0.1, 0.99: 0.4\} is not allowed; .*\n  fix: give numbers or quantiles=",
        ),
        (lambda: LogNormal(p50=0.1, p99=1), r"LogNormal: 'p50' is unknown \(did you mean 'p50_s'\?\); allowed: p50_s"),
        (
            lambda: LogNormal(p50_s=2, p99_s=1),
            r"p99_s=1.0 is not above p50_s=2.0 \(seconds\)\n  fix: raise p99_s, or use Con",
        ),
        (lambda: LogNormal(p50_s=2, p99_s=3, shift_s=2), r"p50_s=2.0 is not above shift_s=2.0"),
        (lambda: LogNormal.from_log(0, 50), r"its mean is inf; allowed: a finite mean"),
        (lambda: LogNormal(p50_s=1e-300, p99_s=1e300), r"its mean is inf"),
        (
            lambda: Gamma(mean_s=1, shape=0),
            r"Gamma: shape=0 is not allowed; allowed: a number at least 0.01 and at most",
        ),
        (lambda: Gamma(mean_s=1, shape=2, shift_s=1), r"mean_s=1.0 is not above shift_s=1.0"),
        (lambda: Gamma(mean_s=None, shape=2), r"mean_s=None is not allowed"),
        (lambda: Exponential(0), r"Exponential: mean_s=0 is not allowed"),
        (lambda: Exponential(math.inf), r"mean_s=inf is not allowed"),
        (lambda: Exponential(10**400), r"mean_s=1000+\.\.\.0+ is not allowed"),
        (
            lambda: Constant(-1),
            r"Constant: value_s=-1 is not allowed; allowed: a number at least 0\n  fix: give the time",
        ),
        (lambda: Uniform(2, 2), r"high_s=2.0 is not above low_s=2.0"),
        (Empirical, r"Empirical: nothing is given; allowed: values_s, or quantiles"),
        (lambda: Empirical(values_s=[]), r"values_s=\[\] is not allowed; allowed: one or more times"),
        (lambda: Empirical(values_s=3), r"values_s=3 is not allowed"),
        (lambda: Empirical(values_s=[1, -1]), r"values_s, one=-1 is not allowed; allowed: a number at least 0"),
        (lambda: Empirical(values_s=[1, math.nan]), r"values_s, one=nan"),
        (lambda: Empirical(values_s=["a"]), r"values_s, one='a'"),
        (lambda: Empirical(quantiles={0.5: 1}), r"allowed: two or more times by probability 0..1, none falling"),
        (lambda: Empirical(quantiles={0.5: 2, 0.9: 1}), r"quantiles=\{0.5: 2, 0.9: 1\} is not allowed"),
        (lambda: Empirical(quantiles={50: 2, 99: 3}), r"by probability 0..1"),
        (lambda: Empirical(quantiles={0.5: 2, "0.5": 3}), r"quantiles=.* is not allowed"),
        (lambda: Empirical(quantiles={0.5: 2, math.nan: 3}), r"quantiles=.* is not allowed"),
        (lambda: Empirical(quantiles={"half": 2}), r"quantiles=\{'half': 2\} is not allowed"),
        (lambda: Empirical(quantiles=[1, 2]), r"quantiles=\[1, 2\] is not allowed"),
        (lambda: Mixture([(0.5, 1), (0.4, 2)]), r"weights=\[0.5, 0.4\] do not add to 1; allowed: a sum of 1"),
        (lambda: Mixture([(0, 1), (1, 2)]), r"Mixture: weight=0 is not allowed"),
        (lambda: Mixture([]), r"weights=\[\] do not add to 1"),
        (lambda: Mixture([Constant(1)]), r"parts=.* is not allowed; allowed: pairs"),
        (lambda: Scipy("gama", {}), r"name='gama' is no continuous law of scipy.stats \(did you mean 'gamma'\?\)"),
        (lambda: Scipy("poisson", {"mu": 1}), r"name='poisson' is no continuous law"),
        (lambda: Scipy("gamma", {}), r"Scipy 'gamma': a missing; needed: a"),
        (
            lambda: Scipy("gamma", {"a": 1, "scal": 1}),
            r"'scal' is unknown \(did you mean 'scale'\?\); allowed: a, loc, scale",
        ),
        (lambda: Scipy("gamma", {"a": "2"}), r"Scipy 'gamma': a='2' is not allowed; allowed: a number finite"),
        (lambda: Scipy("gamma", {"a": -2}), r"its times begin at nan"),
        (lambda: Scipy("gamma", 3), r"3 is no mapping; allowed: a, loc, scale"),
        (
            lambda: as_law(scipy.stats.norm(10, 0.1)),
            r"its times begin at -inf.*\n  fix: cut it at 0 \(truncnorm for norm\)",
        ),
        (lambda: as_law(scipy.stats.pareto(1)), r"its mean is inf; allowed: a finite mean"),
        (lambda: as_law(scipy.stats.gamma), r"its ppf gives no times; .*\n  fix: freeze it with its arguments"),
        (lambda: as_law("40 ms"), r"duration='40 ms' is no law; allowed: LogNormal, Gamma, .* a number of seconds"),
        (lambda: as_law(True), r"duration=True is no law"),
        (lambda: as_law(None), r"duration=None is no law"),
        (lambda: as_law([0.1, 0.2]), r"duration=\[0.1, 0.2\] is no law"),
        (lambda: as_law(-1), r"value_s=-1 is not allowed"),
        (lambda: from_plain({}), r"duration=\{\} is no law; allowed: one of LogNormal"),
        (lambda: from_plain({"Lognormal": {}}), r"is no law \(did you mean 'LogNormal'\?\)"),
        (lambda: from_plain({"Gamma": {"mean": 1}}), r"Gamma: 'mean' is unknown \(did you mean 'mean_s'\?\)"),
        (lambda: from_plain({"Gamma": {"mean_s": 1}}), r"Gamma: shape missing; needed: mean_s, shape"),
        (lambda: from_plain({"Gamma": 3}), r"Gamma: 3 is no mapping"),
        (lambda: Constant(1).scaled(0), r"Constant: factor=0 is not allowed; allowed: a number above 0"),
        (lambda: Constant(1).ppf(95), r"Constant: probability 95 is outside 0..1\n  fix: give a fraction such as 0.99"),
        (lambda: Constant(1).isf(np.array([0.5, math.nan])), r"probability array.* is outside 0..1"),
    ],
)
def test_a_mistake_is_named_with_what_is_allowed(make, text):
    with pytest.raises(ConfigError, match=text) as error:
        make()

    assert error.value.fix


# --- pydantic ---


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Work:
    duration: Duration = Constant(0.1)
    overhead: Duration | None = None


@pytest.mark.parametrize(
    ("value", "law"),
    [
        (0.2, Constant(0.2)),
        ({"Gamma": {"mean_s": 1, "shape": 2}}, Gamma(mean_s=1, shape=2)),
        (scipy.stats.expon(scale=2), Scipy("expon", {"scale": 2})),
        (FIFO_HOP, FIFO_HOP),
    ],
    ids=["number", "plain", "scipy", "law"],
)
def test_a_strict_field_takes_whatever_stands_for_a_law(value, law):
    work = Work(duration=value, overhead=value)

    assert work == Work(duration=law, overhead=law)
    assert Work(**TypeAdapter(Work).dump_python(work)) == work


def test_a_refused_field_carries_our_error():
    with pytest.raises(ValidationError) as error:
        Work(duration="soon")

    [first] = error.value.errors()
    assert first["loc"] == ("duration",)
    assert isinstance(first["ctx"]["error"], ConfigError)


def test_the_schema_of_a_field_is_that_of_a_law():
    properties = TypeAdapter(Work).json_schema()["properties"]

    assert properties["duration"]["anyOf"] == law_schema()["anyOf"]
    assert set(law_schema()["anyOf"][1]["properties"]) == set(LAWS)


def test_neither_the_module_nor_a_lognormal_loads_scipy():
    program = (
        "import sys; from chainkit.distributions import *; "
        "Mixture([(0.5, LogNormal(p50_s=1, p99_s=2)), (0.5, 3)]).ppf(0.2); as_law(1).standard(); "
        "print([name for name in sys.modules if name.startswith('scipy')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@given(law=laws(), q=st.floats(0.001, 0.999))
def test_sf_is_the_inverse_of_isf_but_for_jumps(law, q):
    time_s = law.isf(q)

    assert law.sf(time_s * (1 + 1e-9) + 1e-12) <= q + 1e-6
    assert law.sf(max(time_s * (1 - 1e-9) - 1e-12, 0)) >= q - 1e-6 or time_s == 0


def test_sf_at_the_ends_and_at_a_jump():
    law = LogNormal(p50_s=0.1, p99_s=0.4, shift_s=0.05)

    assert (law.sf(0.0), law.sf(0.05), law.sf(math.inf)) == (1.0, 1.0, 0.0)
    assert (Constant(0.5).sf(0.25), Constant(0.5).sf(0.5)) == (1.0, 0.0)
    assert (Geometric(step_s=2, fraction=1).sf(1.0), Geometric(step_s=2, fraction=0.5).sf(2.0)) == (1.0, 0.5)
