"""Zips of code folders and of stand-ins: the same bytes everywhere, and handlers that behave as designed."""

import importlib
import io
import json
import os
import statistics
import sys
import threading
import zipfile

import pytest

from chainkit import packaging
from chainkit.distributions import Constant, Exponential, Mixture
from chainkit.errors import ConfigError
from chainkit.records import Piece, Pool


def pool(**settings):
    return Pool(**{"work": Constant(0.0), "timeout_s": 3.0, **settings})


def call(do="send", variable="JOBS_QUEUE_URL", **more):
    return {"do": do, "variable": variable, "step": 1, "after": 0.5, **more}


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Return a function that unpacks a stand-in and gives its module, time and calls recorded instead of made."""

    def make(behaviour, calls=(), **options):
        archive = zipfile.ZipFile(io.BytesIO(packaging.stand_in(behaviour, "app.main", calls, **options)))
        archive.extractall(tmp_path)
        module = importlib.import_module("chainkit_standin")
        module.slept_s, module.made = [], []
        monkeypatch.setattr(module.time, "sleep", module.slept_s.append)

        def send(address, text, call):
            module.made.append((call["do"], address, text))
            if address == "broken":
                raise module.CallFailed("as asked")

        for do in module._SENDERS:
            monkeypatch.setitem(module._SENDERS, do, send)
        module.main = importlib.import_module("app").main
        return module

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("JOBS_QUEUE_URL", "jobs")
    monkeypatch.setenv("BROKEN_FUNCTION_NAME", "broken")
    yield make
    for name in ("chainkit_standin", "app"):
        sys.modules.pop(name, None)


def batch(*bodies):
    return {
        "Records": [{"messageId": str(k), "body": json.dumps(body), "attributes": {}} for k, body in enumerate(bodies)]
    }


# --- folders ---


def test_a_folder_is_zipped_without_caches_and_hidden_files(tmp_path):
    for name in ("pay/handler.py", "pay/lib/money.py", "pay/__pycache__/handler.pyc", "pay/.git/config"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)

    archive = zipfile.ZipFile(io.BytesIO(packaging.folder(tmp_path, "pay", "pay")))

    assert archive.namelist() == ["handler.py", "lib/money.py"]


def test_the_same_folder_gives_the_same_bytes_whenever_it_was_written(tmp_path):
    (tmp_path / "pay").mkdir()
    file = tmp_path / "pay" / "handler.py"
    file.write_text("1")
    first = packaging.folder(tmp_path, "pay", "pay")
    os.utime(file, (1e9, 1e9))

    assert packaging.folder(tmp_path, "pay", "pay") == first


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("nothing", "is not a folder"),
        ("../elsewhere", "is not below"),
        (".", "is not below"),
        ("empty", "holds no files"),
        ("linked", "leads out"),
    ],
)
def test_a_folder_that_is_missing_empty_or_leads_out_is_refused(tmp_path, name, problem):
    home = tmp_path / "design"
    (home / "empty").mkdir(parents=True)
    (home / "linked").mkdir()
    (tmp_path / "secret.txt").write_text("x")
    try:
        (home / "linked" / "handler.py").symlink_to(tmp_path / "secret.txt")
    except OSError:
        pytest.skip("this system lets nobody make links")

    with pytest.raises(ConfigError, match=problem):
        packaging.folder(home, name, "LambdaFunction 'pay'")


def test_code_of_a_chain_without_a_design_file_is_refused():
    with pytest.raises(ConfigError, match="the chain has none"):
        packaging.folder(None, "pay", "LambdaFunction 'pay'")


# --- stand-ins ---


def test_a_stand_in_is_the_same_bytes_each_time():
    assert packaging.stand_in(pool(), "handler.handle") == packaging.stand_in(pool(), "handler.handle")


def test_a_handler_of_another_language_is_refused():
    with pytest.raises(ConfigError, match="not a Python module"):
        packaging.stand_in(pool(), "com.example.App::run")


def test_a_stand_in_draws_the_designed_law(stand_in):
    module = stand_in(pool(work=Exponential(mean_s=2.0)))

    for _ in range(4000):
        module.main({}, None)

    assert statistics.mean(module.slept_s) * 2 == pytest.approx(2.0, rel=0.1)


def test_a_law_with_two_modes_has_nothing_between_them(stand_in):
    module = stand_in(pool(work=Mixture([(0.75, Constant(1.0)), (0.25, Constant(3.0))])))

    for _ in range(500):
        module.main({}, None)

    assert set(module.slept_s) == {0.0, 1.0, 3.0}


def test_the_first_run_of_an_environment_takes_its_own_time(stand_in):
    module = stand_in(pool(work=Constant(1.0), first_work=Constant(5.0)))

    module.main({}, None)
    module.main({}, None)

    assert [slept_s for slept_s in module.slept_s if slept_s] == [5.0, 1.0]


def test_steps_cut_the_work_and_the_unit_goes_on(stand_in):
    calls = [call("sync", step=1, after=0.25), call("send", step=2, after=0.75)]
    module = stand_in(pool(work=Constant(4.0)), calls)

    answer = module.main({"order": 1}, None)

    assert answer == {"order": 1}
    assert module.slept_s == [0.0, 1.0, 2.0, 1.0]
    assert module.made == [("sync", "jobs", '{"order": 1}'), ("send", "jobs", '{"order": 1}')]


def test_calls_of_one_step_run_together_and_the_first_failure_ends_the_wait(stand_in, monkeypatch):
    calls = [call(variable="JOBS_QUEUE_URL"), call("sync", variable="BROKEN_FUNCTION_NAME")]
    module = stand_in(pool(work=Constant(1.0)), calls)
    release, failed = threading.Event(), module._SENDERS["sync"]
    monkeypatch.setitem(module._SENDERS, "send", lambda *_: release.wait(10))
    monkeypatch.setitem(module._SENDERS, "sync", failed)

    with pytest.raises(module.CallFailed):
        module.main({}, None)

    assert not release.is_set()
    release.set()


def test_a_failed_call_is_tried_again_as_designed_and_may_be_taken_as_an_answer(stand_in):
    retry = {"max_attempts": 3, "interval_s": 1.0, "backoff_rate": 2.0, "max_delay_s": 1.5, "jitter": "none"}
    calls = [call("sync", variable="BROKEN_FUNCTION_NAME", retry=retry, on_error="continue")]
    module = stand_in(pool(), calls)

    assert module.main({"order": 1}, None) == {"order": 1}
    assert len(module.made) == 3
    assert [slept_s for slept_s in module.slept_s if slept_s] == [1.0, 1.5]


def test_of_calls_that_share_a_case_each_unit_makes_one(stand_in):
    calls = [
        call(case="kind", probability=0.5),
        call(variable="BROKEN_FUNCTION_NAME", case="kind", probability=0.5, on_error="continue"),
    ]
    module = stand_in(pool(), calls)

    for _ in range(200):
        module.main({}, None)

    assert len(module.made) == 200
    assert {address for _, address, _ in module.made} == {"jobs", "broken"}


def test_a_message_has_the_designed_size_and_number(stand_in):
    module = stand_in(pool(), [call(bytes=1024, count=3)])

    module.main({"order": 1}, None)

    assert [len(text) for _, _, text in module.made] == [1024] * 3


def test_an_attempt_fails_with_the_designed_error_name(stand_in):
    module = stand_in(pool(error_rate=1.0, error_name="CardDeclined"))

    with pytest.raises(Exception, match="as designed") as caught:
        module.main({}, None)

    assert type(caught.value).__name__ == "CardDeclined"


def test_a_poisoned_request_fails_on_every_attempt_and_others_on_none(stand_in, monkeypatch):
    module = stand_in(pool(poison_fraction=0.5))

    def outcome(root):
        monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root=1-{root}-0;Parent=1")
        try:
            module.main({}, None)
        except Exception:
            return "failed"
        return "ok"

    first = [outcome(k) for k in range(100)]
    assert first == [outcome(k) for k in range(100)]
    assert 25 < first.count("failed") < 75


def test_an_api_gets_an_http_answer(stand_in):
    module = stand_in(pool())

    answer = module.main({"requestContext": {"http": {"method": "POST"}}, "body": '{"order": 1}'}, None)

    assert answer == {"statusCode": 200, "body": '{"order": 1}'}


def test_each_record_of_a_batch_is_worked(stand_in):
    module = stand_in(pool(work=Constant(1.0)), [call()])

    answer = module.main(batch({"order": 1}, {"order": 2}), None)

    assert answer is None
    assert [text for _, _, text in module.made] == ['{"order": 1}', '{"order": 2}']
    assert sum(module.slept_s) == 2.0


def test_a_batch_is_answered_with_the_items_that_failed_where_the_mapping_reports_them(stand_in):
    module = stand_in(pool(error_rate=1.0), reports=True)

    assert module.main(batch(1, 2), None) == {"batchItemFailures": [{"itemIdentifier": "0"}, {"itemIdentifier": "1"}]}


def test_a_batch_fails_as_a_whole_where_the_mapping_does_not_report(stand_in):
    module = stand_in(pool(error_rate=1.0))

    with pytest.raises(Exception, match="as designed"):
        module.main(batch(1, 2), None)


@pytest.mark.parametrize(
    "event",
    [
        {"Records": [{"Sns": {"Message": '{"order": 1}'}}]},
        {"Records": [{"messageId": "1", "body": json.dumps({"Type": "Notification", "Message": '{"order": 1}'})}]},
        {"detail-type": "stand-in", "detail": {"order": 1}},
        {"requestContext": {}, "requestPayload": {"order": 1}},
    ],
)
def test_the_unit_is_found_inside_what_aws_wraps_around_it(stand_in, event):
    module = stand_in(pool(), [call()])

    module.main(event, None)

    assert module.made == [("send", "jobs", '{"order": 1}')]


# --- parts ---


def piece(name, **settings):
    return Piece(**{"name": name, "work": Constant(1.0), **settings})


def test_parts_follow_the_own_work_before_the_steps_that_begin_after_all_of_it(stand_in):
    calls = [call("send", step=1, after=0.5), call("publish", step=2, after=1.0)]
    module = stand_in(pool(work=Constant(4.0), pieces=(piece("b"), piece("c", work=Constant(3.0), caller="b"))), calls)

    module.main({"order": 1}, None)

    assert [slept_s for slept_s in module.slept_s if slept_s] == [2.0, 2.0, 1.0, 3.0]
    assert [do for do, _, _ in module.made] == ["send", "publish"]


def test_a_part_that_fails_ends_the_attempt_with_its_name_and_nothing_leaves_after_it(stand_in):
    failing = piece("b", error_rate=1.0, error_name="CardDeclined")
    module = stand_in(pool(pieces=(failing, piece("c"))), [call(after=1.0)])

    with pytest.raises(Exception, match="as designed") as caught:
        module.main({"order": 1}, None)

    assert type(caught.value).__name__ == "CardDeclined"
    assert module.made == []
    assert sum(module.slept_s) == 1.0


def test_a_part_whose_failure_is_taken_leaves_out_what_hangs_on_it(stand_in):
    failing = piece("b", error_rate=1.0, goes_on=True)
    module = stand_in(pool(pieces=(failing, piece("c", caller="b", work=Constant(8.0)), piece("d"))))

    module.main({"order": 1}, None)

    assert sum(module.slept_s) == 2.0


def test_a_failure_ends_at_the_nearest_part_above_that_may_fail(stand_in):
    below = [piece("c", caller="b", error_rate=1.0), piece("d", caller="b", work=Constant(8.0))]
    module = stand_in(pool(pieces=(piece("b", goes_on=True), *below, piece("e"))))

    module.main({"order": 1}, None)

    assert sum(module.slept_s) == 3.0


def test_of_parts_that_share_a_case_at_most_one_is_done(stand_in):
    shares = {"b": 0.25, "c": 0.5}
    pieces = tuple(piece(name, work=Constant(10.0 * p), case="way", probability=p) for name, p in shares.items())
    module = stand_in(pool(pieces=pieces))

    done = []
    for _ in range(2000):
        module.slept_s.clear()
        module.main({}, None)
        done.append(sum(module.slept_s))

    assert {*done} == {0.0, 2.5, 5.0}
    assert [done.count(s) / 2000 for s in (2.5, 5.0)] == pytest.approx([0.25, 0.5], abs=0.04)


@pytest.mark.parametrize(("unit", "took_s"), [({"status": "charged"}, 1.0), ({"status": "declined"}, 0.0), ({}, 1.0)])
def test_a_part_s_filter_looks_at_plain_values_of_the_unit(stand_in, unit, took_s):
    module = stand_in(pool(pieces=(piece("b", filter_policy={"status": ["charged"]}),)))

    module.main(unit, None)

    assert sum(module.slept_s) == took_s


# --- the same source, the same bytes ---


def test_copies_times_rights_and_the_order_of_creation_do_not_change_the_bytes(tmp_path):
    files = {"handler.py": "def handle(e, c): ...\n", "b/inner.py": "B = 1\n", "a.txt": "a", "b.py": "", "B.md": "x"}
    zips = []
    for k, names in enumerate((list(files), sorted(files, reverse=True))):
        home = tmp_path / f"copy{k}" / "code"
        mask = os.umask(0o077 if k else 0o022)
        try:
            for name in names:
                (home / name).parent.mkdir(parents=True, exist_ok=True)
                (home / name).write_text(files[name])
                os.utime(home / name, (1e9 + k, 1e9 + k))
        finally:
            os.umask(mask)
        if k:
            (home / "handler.py").chmod(0o755)
            (home / "__pycache__").mkdir()
            (home / "__pycache__" / "handler.pyc").write_bytes(b"x")
        zips.append(packaging.folder(home.parent, "code", "pay"))

    assert zips[0] == zips[1]
    (tmp_path / "copy1" / "code" / "a.txt").write_text("A")
    assert packaging.folder(tmp_path / "copy1", "code", "pay") != zips[0]


def test_code_larger_than_lambda_takes_is_refused_with_its_size(tmp_path, monkeypatch):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.bin").write_bytes(bytes(3 * 2**20))
    monkeypatch.setattr(packaging, "_LARGEST_MB", 2)

    with pytest.raises(ConfigError, match=r"is 3\.0 MB with its libraries; Lambda takes 2 MB unzipped"):
        packaging.folder(tmp_path, "code", "pay")
