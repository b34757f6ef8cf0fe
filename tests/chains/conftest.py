"""The order chain's code as Lambda would load it, and AWS as its code sees it."""

import importlib
import io
import json
import os
import sys
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import pytest
from botocore import xform_name
from botocore.session import get_session
from botocore.validate import ParamValidator

from chainkit import data

FOLDER = data.path("chains", "orders")
LINK_ENDINGS = ("_FUNCTION_NAME", "_QUEUE_URL", "_TOPIC_ARN", "_BUS_NAME", "_STATE_MACHINE_ARN")

Order = dict[str, Any]


@cache
def operations(service: str) -> dict[str, Any]:
    """Return the input shape of each operation of one AWS service, by boto3's name."""
    model = get_session().get_service_model(service)
    return {xform_name(name): model.operation_model(name).input_shape for name in model.operation_names}


class FakeClient:
    """Stands in for one boto3 client: refuses what botocore would, keeps what it is asked, gives prepared answers."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Any] = {"put_events": {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}}

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def operate(**parameters: Any) -> Any:
            report = ParamValidator().validate(parameters, operations(self.service)[operation])
            assert not report.has_errors(), report.generate_report()
            self.calls.append((operation, parameters))
            answer = self.answers.get(operation, {})
            return answer(**parameters) if callable(answer) else answer

        return operate


class Aws(dict[str, FakeClient]):
    """All clients by service name."""

    def __missing__(self, service: str) -> FakeClient:
        self[service] = FakeClient(service)
        return self[service]

    def sent(self) -> list[tuple[str, dict[str, Any]]]:
        return [call for client in self.values() for call in client.calls]

    def let_functions_answer(self, answer: Callable[[str, Order], Any], error: bool = False) -> None:
        def invoke(FunctionName: str, Payload: bytes, **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's names
            body = json.dumps(answer(FunctionName, json.loads(Payload))).encode()
            return {"Payload": io.BytesIO(body)} | ({"FunctionError": "Unhandled"} if error else {})

        self["lambda"].answers["invoke"] = invoke


@pytest.fixture
def load(monkeypatch):
    """Return a function that imports one folder as Lambda would: alone, under the name `handler`."""
    aws = Aws()
    monkeypatch.setitem(sys.modules, "rfc3987_syntax", None)  # what validate does for good, undone here
    for variable in [name for name in os.environ if name.endswith(LINK_ENDINGS)]:
        monkeypatch.delenv(variable)

    def loaded(name: str) -> tuple[ModuleType, Aws]:
        for module in ("handler", "envelope"):
            sys.modules.pop(module, None)
        with monkeypatch.context() as path:
            path.syspath_prepend(FOLDER / name)
            handler = importlib.import_module("handler")
        monkeypatch.setattr(sys.modules["envelope"], "client", aws.__getitem__)
        return handler, aws

    yield loaded
    for module in ("handler", "envelope"):
        sys.modules.pop(module, None)


@pytest.fixture
def sample_orders() -> list[Order]:
    text = (FOLDER / "orders.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def accepted(load, sample_orders) -> Order:
    return load("validate")[0].completed(sample_orders[0])


@pytest.fixture
def reserved(load, accepted) -> Order:
    return load("inventory")[0].handle(accepted, None)


@pytest.fixture
def charged(load, reserved) -> Order:
    return load("payment")[0].handle(reserved, None)
