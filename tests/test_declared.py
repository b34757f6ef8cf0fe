"""Fields declared once: what they tell, and how their refusals read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from chainkit.declared import changed, declared, settings, stated
from chainkit.distributions import Constant, LogNormal
from chainkit.errors import ConfigError
from chainkit.service import from_plain, registry
from chainkit.services.lambda_function import LambdaFunction
from chainkit.services.sqs_queue import SqsQueue
from chainkit.wiring import LINKS, Caller, Invocation, Redrive, Retry
from tests.strategies import services

FUNCTION_SETTINGS = ", ".join(s.name for s in settings(LambdaFunction) if s.name != "name")


def setting(cls, name):
    return next(each for each in settings(cls) if each.name == name)


def refusal(cls, *args, **given):
    with pytest.raises(ConfigError) as caught:
        cls(*args, **given)
    return caught.value.problem, caught.value.fix


# --- what a field tells ---


def test_the_text_of_a_field_is_the_one_of_the_class_that_writes_it():
    assert {cls.__name__: setting(cls, "message_bytes").text for cls in LINKS if issubclass(cls, Caller)} == {
        cls.__name__: setting(Caller, "message_bytes").text for cls in LINKS if issubclass(cls, Caller)
    }
    assert setting(Caller, "message_bytes").text == "Size of each, bytes."


def test_a_class_typed_at_a_prompt_has_no_texts_and_the_same_refusals():
    names = {"declared": declared, "Field": Field}
    exec('class Typed:\n    size_mb: int = Field(default=1, ge=1)\n    """Size, MB."""\n', names)
    typed = declared(names["Typed"])

    assert setting(typed, "size_mb").text == ""
    assert refusal(typed, size_mb=0)[0] == "Typed: size_mb=0 is outside 1 MB or more"


def test_a_setting_tells_range_unit_source_and_text():
    memory = setting(LambdaFunction, "memory_mb")

    assert (memory.kind, memory.default, memory.low, memory.high, memory.unit) == (int, 128, 128, 10_240, "MB")
    assert memory.source == "Lambda quotas, 2026"
    assert memory.text == "Memory, MB; CPU is in proportion."
    assert not memory.is_required


def test_the_name_is_required_and_comes_first():
    assert settings(SqsQueue)[0].name == "name"
    assert settings(SqsQueue)[0].is_required


def test_choices_are_told():
    assert setting(LambdaFunction, "architecture").choices == ("x86_64", "arm64")


def test_an_open_end_of_a_range_is_told():
    assert setting(Invocation, "client_timeout_s").is_low_excluded
    assert not setting(Invocation, "probability").is_low_excluded


def test_a_default_that_is_made_anew_is_told():
    assert setting(LambdaFunction, "environment").default == {}


def test_inherited_fields_keep_their_texts():
    assert setting(Invocation, "step").text == setting(Caller, "step").text != ""


@pytest.mark.parametrize("cls", [*registry.values(), *LINKS, Retry], ids=lambda cls: cls.__name__)
def test_every_setting_has_a_text(cls):
    assert [s.name for s in settings(cls) if not s.text] == []


@pytest.mark.parametrize("cls", registry.values(), ids=lambda cls: cls.__name__)
def test_every_range_of_a_service_has_a_source(cls):
    with_range = [s for s in settings(cls) if s.low is not None or s.high is not None]

    assert [s.name for s in with_range if not s.source] == []


# --- refusals ---


@pytest.mark.parametrize(
    ("given", "problem", "fix"),
    [
        (
            {"memory_mb": 64},
            "memory_mb=64 is outside 128..10240 MB",
            "choose memory_mb in 128..10240 MB (Lambda quotas, 2026)",
        ),
        ({"timeout_s": 901}, "timeout_s=901 is outside 1..900 s", "choose timeout_s in 1..900 s (Lambda quotas, 2026)"),
        (
            {"timeout_s": 1.5},
            "timeout_s=1.5 is not a valid integer",
            "choose timeout_s in 1..900 s (Lambda quotas, 2026)",
        ),
        ({"timeout_s": 10.0}, "timeout_s=10.0 is not a valid integer", "write it as an int: 10"),
        ({"timeout_s": np.int64(10)}, "timeout_s=np.int64(10) is not a valid integer", "write it as an int: 10"),
        ({"timeout_s": "10 s"}, "timeout_s='10 s' is not a valid integer", "write the number in s: timeout_s: 10"),
        (
            {"timeout_s": "1.5 min"},
            "timeout_s='1.5 min' is not a valid integer",
            "write the number in s: timeout_s: 90",
        ),
        ({"memory_mb": "1 GB"}, "memory_mb='1 GB' is not a valid integer", "write the number in MB: memory_mb: 1024"),
        (
            {"memory_mb": "lots"},
            "memory_mb='lots' is not a valid integer",
            "choose memory_mb in 128..10240 MB (Lambda quotas, 2026)",
        ),
        (
            {"error_rate": float("nan")},
            "error_rate=nan is outside 0..1 (a share of 1)",
            "choose error_rate in 0..1 (a share of 1) (your own figures)",
        ),
        (
            {"architecture": "riscv"},
            "architecture='riscv' is not one of 'x86_64', 'arm64'",
            "choose architecture from 'x86_64', 'arm64'",
        ),
        (
            {"memroy_mb": 256},
            "unknown setting 'memroy_mb' (did you mean 'memory_mb'?)",
            f"known settings: {FUNCTION_SETTINGS}",
        ),
        ({"self": 256}, "unknown setting 'self'", f"known settings: {FUNCTION_SETTINGS}"),
        ({"zzz": 256}, "unknown setting 'zzz'", f"known settings: {FUNCTION_SETTINGS}"),
        (
            {"environment": {"A": 1}},
            "environment['A']=1 is not a valid string",
            "environment: Environment variables besides those that links give.",
        ),
        (
            {"environment": {1: "a"}},
            "environment[1]=1 is not a valid string",
            "environment: Environment variables besides those that links give.",
        ),
        (
            {"code": ""},
            "code='' is refused: String should have at least 1 character",
            "code: Folder of the handler's code, relative to the design file; None: a stand-in that behaves as "
            "designed.",
        ),
        (
            {"error_name": ""},
            "error_name='' is refused: String should have at least 1 character",
            "error_name: Name of the error it then raises, as Retry and Catch see it.",
        ),
        *[
            (
                {"handler": handler},
                f"handler={handler!r} is refused: String should match pattern '^\\S+$'",
                "handler: Module and function that Lambda calls.",
            )
            for handler in ("", "my handler.handle")
        ],
        (
            {"log_retention_days": True},
            "log_retention_days: True is no number of days",
            "give a number of days, such as 14",
        ),
        (
            {"duration": 1e30},
            "duration=Constant(value_s=1e+30) has a mean of 1e+30 s; allowed: at most a year, 31536000 s",
            "give the time in seconds",
        ),
        ({"name": "pay2"}, "name='pay2' is given a second time", "leave it out"),
    ],
)
def test_a_refusal_says_who_what_and_how_to_mend_it(given, problem, fix):
    assert refusal(LambdaFunction, "pay", **given) == (f"LambdaFunction 'pay': {problem}", fix)


def test_a_variable_that_lambda_would_refuse_is_an_error_of_the_function():
    (error,) = LambdaFunction("pay", environment={"TABLE": "a", "TABLE-NAME": "a"}).problems({})

    assert "environment: 'TABLE-NAME' is no name of a variable" in error.problem


def test_a_duration_with_a_unit_is_refused_with_the_number_to_write():
    problem, fix = refusal(LambdaFunction, "pay", duration="40 ms")

    assert problem.startswith("LambdaFunction 'pay': duration='40 ms' is no law; allowed: LogNormal, ")
    assert fix == "write the number in s: duration: 0.04"


def test_an_unknown_law_is_refused_under_the_name_of_its_field():
    problem, fix = refusal(LambdaFunction, "pay", overhead={"LogNorml": {}})

    assert problem.startswith("LambdaFunction 'pay': overhead")
    assert "'LogNorml'" in problem
    assert "(did you mean 'LogNormal'?)" in problem
    assert fix == "write {LogNormal: {p50_s: 0.04, p99_s: 0.12}}"


def test_a_law_out_of_range_names_the_field_and_the_law():
    problem, _ = refusal(LambdaFunction, "pay", overhead={"LogNormal": {"p50_s": 2, "p99_s": 1}})

    assert problem == "LambdaFunction 'pay': overhead: LogNormal: p99_s=1.0 is not above p50_s=2.0 (seconds)"


@pytest.mark.parametrize("name", ["", "1st", "with blank", "-", "ä", "a" * 49])
def test_a_name_that_aws_would_refuse_is_refused(name):
    problem, _ = refusal(SqsQueue, name)

    assert (
        problem == f"SqsQueue {name!r}: name={name!r} is not a name: a letter, then at most 47 letters, digits, - or _"
    )


def test_a_service_needs_a_name():
    assert refusal(SqsQueue)[0] == "SqsQueue: name is missing"


def test_settings_are_given_by_name():
    problem, fix = refusal(SqsQueue, "jobs", 30)

    assert problem == "SqsQueue 'jobs': 30 is given without a setting's name"
    assert fix == "known settings: visibility_timeout_s, delay_s, retention_s"


def test_a_link_s_refusal_names_both_ends():
    problem, fix = refusal(Redrive, source="jobs", target="dead", max_receive_count=0)

    assert problem == "Redrive 'jobs' to 'dead': max_receive_count=0 is outside 1..1000"
    assert fix == "choose max_receive_count in 1..1000 (SQS; at least 5 is advised)"


def test_an_excluded_end_is_said():
    problem, _ = refusal(Invocation, source="a", target="b", client_timeout_s=0)

    assert problem == "Invocation 'a' to 'b': client_timeout_s=0 is outside 0..900 s, 0 excluded"


def test_a_setting_within_a_setting_is_checked():
    problem, fix = refusal(Invocation, source="a", target="b", retry={"max_attempts": 0})

    assert problem == "Invocation 'a' to 'b': retry: Retry: max_attempts=0 is outside 1..100"
    assert fix == "choose max_attempts in 1..100"


def test_a_setting_without_an_upper_end_says_so():
    @declared
    class Thing:
        """A thing."""

        size: int = Field(1, ge=1)
        """Its size."""

    assert refusal(Thing, size=0) == ("Thing: size=0 is outside 1 or more", "choose size in 1 or more")


def test_whole_numbers_do_where_fractions_are_asked_for():
    assert LambdaFunction("pay", keep_alive=60).keep_alive.mean_s == 60.0


def test_truth_is_no_number():
    assert refusal(SqsQueue, "jobs", delay_s=True)[0] == "SqsQueue 'jobs': delay_s=True is not a valid integer"


# --- frozen, changed, stated ---


def test_services_are_frozen():
    queue = SqsQueue("jobs")
    with pytest.raises(AttributeError):
        queue.delay_s = 3


def test_a_change_makes_another_one_and_leaves_the_first():
    queue = SqsQueue("jobs", delay_s=3)

    assert changed(queue, visibility_timeout_s=60) == SqsQueue("jobs", delay_s=3, visibility_timeout_s=60)
    assert queue == SqsQueue("jobs", delay_s=3)


def test_a_change_is_refused_like_a_new_one():
    with pytest.raises(ConfigError, match=r"SqsQueue 'jobs': delay_s=901 is outside 0\.\.900 s"):
        changed(SqsQueue("jobs"), delay_s=901)


@pytest.mark.parametrize(
    ("thing", "field", "who"),
    [
        (SqsQueue("jobs"), "name", "SqsQueue 'jobs'"),
        (Redrive(source="jobs", target="dead"), "target", "Redrive 'jobs' to 'dead'"),
    ],
)
def test_what_says_which_one_it_is_cannot_be_changed(thing, field, who):
    with pytest.raises(ConfigError) as caught:
        changed(thing, **{field: "other"})

    assert caught.value.problem == f"{who}: {field}='other' cannot be set: it says which one this is"
    assert caught.value.fix == "remove it from the chain and add or connect a new one"


def test_only_what_differs_from_the_defaults_is_stated():
    function = LambdaFunction("pay", memory_mb=256, timeout_s=3, duration=LogNormal(p50_s=0.1, p99_s=0.2))

    assert stated(function) == {"memory_mb": 256, "duration": {"LogNormal": {"p50_s": 0.1, "p99_s": 0.2}}}
    assert stated(LambdaFunction("pay", duration=Constant(0.1))) == {}


def test_settings_within_settings_are_stated_plainly():
    link = Invocation(source="a", target="b", retry=Retry(max_attempts=2))

    assert stated(link) == {"retry": {"max_attempts": 2}}
    assert Invocation(source="a", target="b", **stated(link)) == link


@given(data=st.data())
@pytest.mark.parametrize("kind", sorted(registry))
def test_what_is_stated_makes_the_same_service(kind, data):
    service = data.draw(services("node", (kind,)))

    assert from_plain("node", service.to_plain()) == service


def test_an_unknown_type_is_refused_with_the_nearest():
    with pytest.raises(ConfigError) as caught:
        from_plain("jobs", {"type": "SqsQue"})

    assert caught.value.problem == "service 'jobs': type='SqsQue' is unknown (did you mean 'SqsQueue'?)"
    assert caught.value.fix == f"choose from {', '.join(sorted(registry))}"


def test_a_missing_type_is_refused():
    with pytest.raises(ConfigError, match="service 'jobs': type=None is unknown"):
        from_plain("jobs", {})
