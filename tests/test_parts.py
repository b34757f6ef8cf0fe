"""Parts of a function: what is refused, what a change of memory leaves, and how a design file holds them."""

import pytest

import chainkit as ck
from chainkit.records import Pool


def function(**parts: ck.Part) -> ck.LambdaFunction:
    return ck.LambdaFunction("all", parts=parts)


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"b": ck.Part(caller="c"), "c": ck.Part()}, "parts: 'b': caller='c' is no part before it"),
        ({"b": ck.Part(), "c": ck.Part(), "d": ck.Part(caller="b")}, "parts: 'd' does not follow its caller 'b'"),
        ({"1b": ck.Part()}, "parts: '1b' is not a name"),
        (
            {"b": ck.Part(case="way", probability=0.7), "c": ck.Part(case="way", probability=0.7)},
            "parts: the probabilities of case 'way' add to 1.4",
        ),
        ({"b": ck.Part(filter_policy={"kind": []})}, r"parts: 'b': filter_policy\['kind'\]=\[\] is no list"),
    ],
)
def test_parts_that_cannot_be_done_are_refused(parts, problem):
    with pytest.raises(ck.ConfigError, match=f"LambdaFunction 'all': {problem}"):
        function(**parts)


def test_a_part_with_a_value_out_of_range_is_refused_by_its_own_words():
    with pytest.raises(ck.ConfigError, match=r"error_rate=2 is outside 0..1"):
        ck.LambdaFunction("all", parts={"b": {"error_rate": 2}})


def test_cases_of_other_callers_are_others():
    way = {"case": "way", "probability": 0.7}

    assert [*function(b=ck.Part(**way), c=ck.Part(caller="b", **way)).parts] == ["b", "c"]


def test_a_part_may_not_have_the_name_of_a_service():
    chain = ck.Chain("two")
    chain.add(function(pay=ck.Part()))
    chain.add(ck.LambdaFunction("pay"))

    (error,) = chain.validate()
    assert "part 'pay' is a service of the chain, too" in error.problem


def test_laws_stay_measured_at_the_memory_that_they_were_given_for():
    before = function(b=ck.Part(duration=0.4, cpu_fraction=1.0), c=ck.Part(duration=0.4))
    pool = before.with_settings(memory_mb=256).behaviour()

    assert isinstance(pool, Pool)
    assert [piece.work.mean_s for piece in pool.pieces] == pytest.approx([0.2, 0.4])


def test_a_design_file_gives_parts_back_in_their_order(tmp_path):
    chain = ck.Chain("one")
    chain.add(function(z=ck.Part(duration=ck.LogNormal(p50_s=0.1, p99_s=0.5)), a=ck.Part(caller="z", probability=0.5)))
    again = ck.load(chain.save(tmp_path / "one.chain.yaml"))

    assert again == chain
    assert [*again.service("all").parts] == ["z", "a"]


def test_a_filter_on_what_the_traffic_does_not_state_is_refused():
    chain = ck.Chain("one")
    chain.add(function(b=ck.Part(filter_policy={"kind": ["digital"]})))

    with pytest.raises(ck.SimulationError, match="looks at 'kind', which the traffic does not state"):
        ck.simulate(chain, ck.Poisson(rate_per_s=1), requests=10, seed=1)
