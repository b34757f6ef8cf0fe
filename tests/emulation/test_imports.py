"""What moto imports: less than it would, and nothing that a call of ours needs is missing."""

import json
import subprocess
import sys

import pytest
from botocore.exceptions import ClientError

BEGIN = """
import json, pathlib, sys, tempfile
from moto.core.config import default_user_config
default_user_config["stepfunctions"] = {"execute_state_machine": True}
from chainkit.emulation import application, imports, states
with tempfile.TemporaryDirectory() as root:
    host = application.build_host("us-east-1", "http://127.0.0.1:1", pathlib.Path(root), jumps=True)
"""


def run(code):
    """Return what a new process prints as JSON, once it is an emulator that nobody has asked for anything."""
    command = [sys.executable, "-W", "ignore", "-c", BEGIN + code]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def test_api_gateway_comes_without_a_grammar_of_addresses():
    loaded = run("import moto.apigateway.models; print(json.dumps([*sys.modules]))")

    assert {"moto.apigateway.models", "jsonschema", "openapi_spec_validator"} <= {*loaded}
    assert "lark" not in loaded


def test_an_api_from_a_description_is_still_checked(aws):
    gateway = aws.client("apigateway")
    described = {"openapi": "3.0.1", "info": {"title": "described", "version": "1", "description": ""}, "paths": {}}

    made = gateway.import_rest_api(body=json.dumps(described))
    with pytest.raises(ClientError, match="title"):
        gateway.import_rest_api(failOnWarnings=True, body=json.dumps({**described, "info": {}}))

    assert gateway.get_rest_api(restApiId=made["id"])["name"] == "described"
    gateway.delete_rest_api(restApiId=made["id"])


def test_the_interpreter_comes_without_ec2_and_batch_whole_later():
    loaded, is_whole = run(
        "states.repair(host); loaded = [*sys.modules]\n"
        "from moto.batch import batch_backends, utils\n"
        "from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_batch\n"
        "print(json.dumps([loaded, utils.JobStatus is state_task_service_batch.JobStatus]))"
    )

    assert "moto.batch.utils" in loaded
    assert not {"moto.ec2", "moto.batch.models"} & {*loaded}
    assert is_whole


def test_a_package_that_is_there_already_is_left_alone():
    assert run(
        "import moto.dax as dax; imports.import_inside('moto.dax', 'utils')\n"
        "print(json.dumps(sys.modules['moto.dax'] is dax))"
    )


def test_botocores_folders_are_looked_through_once():
    looks = run(
        "from moto.core import utils\n"
        "from botocore.loaders import JSONFileLoader\n"
        "exists, looked = JSONFileLoader.exists, []\n"
        "JSONFileLoader.exists = lambda self, path: looked.append(path) or exists(self, path)\n"
        "counts = []\n"
        "for name in ('sqs', 'sns'):\n"
        "    utils.get_service_model(name); counts.append(len(looked))\n"
        "print(json.dumps(counts))"
    )

    assert looks[0] > 100 > looks[1] - looks[0]
