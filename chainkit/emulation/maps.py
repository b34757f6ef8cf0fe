"""Step Functions: Maps in DISTRIBUTED mode, whose items run as executions of their own.

Kept from AWS: ToleratedFailureCount and ToleratedFailurePercentage [1], ItemBatcher [2], what a failed child leaves in
the output and in the files of ResultWriter [3], objects of a bucket as items. Differs: children run in the history and
threads of their parent and cannot be described by themselves; a Map Run fails after all children have ended, where AWS
may start fewer; the shape of one child's record in a result file is [3]'s example, not every field of it.

Sources  docs.aws.amazon.com/step-functions/latest/dg/ (2026-11): [1] maprun-fail-threshold.html
         [2] input-output-itembatcher.html [3] input-output-resultwriter.html
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chainkit.emulation.definitions import states
from chainkit.emulation.interpreter import failure
from chainkit.emulation.patching import patch
from chainkit.emulation.runs import RUN

if TYPE_CHECKING:
    from chainkit.emulation.clock import Clock
    from chainkit.emulation.host import Host

_MAP = "stepfunctions.parser.asl.component.state.exec.state_map."
_ENDS = {"ProgramError": "failed", "ProgramStopped": "aborted", "ProgramTimedOut": "timed_out"}


@dataclass
class Child:
    """What one child execution did."""

    run_arn: str
    name: str
    status: str
    items: int
    input: Any
    output: Any
    error: dict[str, Any]
    began: str
    ended: str

    def record(self) -> dict[str, Any]:
        """Return AWS's record of it: what a failed child leaves in the output, and every child in a result file."""
        machine, _, _ = self.run_arn.replace(":mapRun:", ":execution:").rpartition(":")
        told = {"Output": json.dumps(self.output)} if self.status == "SUCCEEDED" else self.error
        return {
            "ExecutionArn": f"{machine}:{self.name}",
            "Input": json.dumps(self.input),
            "InputDetails": {"Included": True},
            "Name": self.name,
            **told,
            "StartDate": self.began,
            "StateMachineArn": machine.replace(":execution:", ":stateMachine:"),
            "Status": self.status,
            "StopDate": self.ended,
        }


def repair(host: Host) -> None:
    """Let children count, fail and be written as on AWS."""

    def map_run(component: Any, env: Any, eval_input: Any) -> None:
        batcher, run = _batcher(eval_input.state_name), RUN.get()
        env.stack[-1] = batched(env.stack[-1], batcher) if batcher else env.stack[-1]
        original_map_run(component, env, eval_input)
        record = eval_input.map_run_record
        children = [child for child in run.children if child.run_arn == record.map_run_arn] if run else []
        lost = sum(child.items for child in children if child.status in ("FAILED", "TIMED_OUT"))
        every = sum(child.items for child in children)
        if lost > allowed(every, record.tolerated_failure_count, record.tolerated_failure_percentage):
            cause = "The specified tolerated failure threshold was exceeded"
            raise failure(env, "States.ExceedToleratedFailureThreshold", cause)

    original_map_run = patch(
        f"{_MAP}iteration.distributed_iteration_component:DistributedIterationComponent._map_run", map_run
    )
    for module in (
        "itemprocessor.distributed_item_processor_worker:DistributedItemProcessorWorker",
        "iterator.distributed_iterator_worker:DistributedIteratorWorker",
    ):
        _repair_child(host.clock, f"{_MAP}iteration.{module}._eval_job")
    _repair_files()
    _repair_reader()


def allowed(items: int, count: int, percentage: float) -> float:
    """Return how many items may fail: the smaller of two thresholds, of which 0 is none; without both, no item may.

    >>> allowed(10, 0, 0.0), allowed(10, 3, 0.0), allowed(10, 3, 20.0)
    (0, 3, 2.0)
    """
    return min([limit for limit in (count, percentage / 100 * items) if limit > 0], default=0)


def _batcher(name: str) -> dict[str, Any] | None:
    run = RUN.get()
    found = (
        (state.get("ItemBatcher") for _, other, state in states(run.definition) if other == name) if run else iter(())
    )
    return next(found, None)


def batched(items: list[Any], batcher: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the inputs of child executions that take several items; a batch is full by number or by bytes.

    >>> batched([1, 2, 3], {"MaxItemsPerBatch": 2, "BatchInput": {"a": 1}})
    [{'Items': [1, 2], 'BatchInput': {'a': 1}}, {'Items': [3], 'BatchInput': {'a': 1}}]
    """
    most, most_bytes = batcher.get("MaxItemsPerBatch", len(items)), batcher.get("MaxInputBytesPerBatch", float("inf"))
    more = {"BatchInput": batcher["BatchInput"]} if "BatchInput" in batcher else {}
    batches: list[dict[str, Any]] = []
    for item in items:
        grown = {"Items": [*batches[-1]["Items"], item], **more} if batches else None
        if (
            grown
            and len(grown["Items"]) <= most
            and len(json.dumps(grown, separators=(",", ":")).encode()) <= most_bytes
        ):
            batches[-1] = grown
        else:
            batches.append({"Items": [item], **more})
    return batches


def _repair_child(clock: Clock, place: str) -> None:
    def eval_job(worker: Any, env: Any, job: Any) -> None:
        record, began, run = worker._map_run_record, clock.iso(), RUN.get()
        assert run is not None, "a Map runs in an execution"
        items = len(job.job_input["Items"]) if _batcher(worker._work_name) else 1
        counters = ((record.item_counter, items), (record.execution_counter, 1))
        for counter, n in counters:
            counter.total.count(n)
            counter.running.count(n)
        end, output, error = _child(worker, env, job)
        for counter, n in counters:
            counter.running.offset(-n)
            getattr(counter, end).count(n)
            counter.results_written.count(n if end == "succeeded" else 0)
        child = Child(
            record.map_run_arn, str(uuid.uuid4()), end.upper(), items, job.job_input, output, error, began, clock.iso()
        )
        run.children.append(child)
        job.job_output = output if end == "succeeded" else child.record()

    patch(place, eval_job)


def _child(worker: Any, env: Any, job: Any) -> tuple[str, Any, dict[str, Any]]:
    """Run one child; return how it ended, its output, and its error and cause."""
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException

    env.states.context_object.context_object_data["Map"] = {"Item": {"Index": job.job_index, "Value": job.job_input}}
    env.states.reset(job.job_input)
    env.stack.append(env.states.get_input())
    try:
        worker._eval_input(env_frame=env)
        job.job_program.eval(env)
    except FailureEventException as raised:
        name, cause = raised.extract_error_cause_pair() or (None, None)
        return "failed", None, {"Error": name, "Cause": cause}
    state = env.program_state()
    end = _ENDS.get(type(state).__name__, "succeeded")
    said = (getattr(state, "error", None) or {}) if end == "failed" else {}
    return end, env.states.get_input(), {"Error": said.get("error"), "Cause": said.get("cause")}


def _repair_files() -> None:
    def put_object(env: Any, resource_runtime_part: Any, state_credentials: Any) -> None:
        target: dict[str, str] = dict(env.stack[-1])
        original_put(env, resource_runtime_part, state_credentials)
        answer: dict[str, Any] = env.stack[-1]
        run, client = RUN.get(), _client(resource_runtime_part, state_credentials)
        assert run is not None, "a Map runs in an execution"
        key: str = answer["ResultWriterDetails"]["Key"]
        files: dict[str, list[dict[str, Any]]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
        for kind in ("FAILED", "SUCCEEDED"):
            children = [child for child in run.children if child.run_arn == answer["MapRunArn"]]
            rows = [child.record() for child in children if (child.status == "SUCCEEDED") is (kind == "SUCCEEDED")]
            if rows:
                name, body = key.replace("manifest.json", f"{kind}_0.json"), json.dumps(rows).encode()
                client.put_object(Bucket=target["Bucket"], Key=name, Body=body)
                files[kind].append({"Key": name, "Size": len(body)})
        manifest = {"DestinationBucket": target["Bucket"], "MapRunArn": answer["MapRunArn"], "ResultFiles": files}
        client.put_object(Bucket=target["Bucket"], Key=key, Body=json.dumps(manifest).encode())

    def list_objects(env: Any, resource_runtime_part: Any, state_credentials: Any) -> None:
        pages = _client(resource_runtime_part, state_credentials).get_paginator("list_objects_v2")
        found = [row for page in pages.paginate(**env.stack.pop()) for row in page.get("Contents", ())]
        env.stack.append([_item(row) for row in found])

    original_put = patch(
        f"{_MAP}result_writer.resource_eval.resource_eval_s3:ResourceEvalS3._handle_put_object",
        staticmethod(put_object),
    )
    patch(f"{_MAP}item_reader.eval.resource_eval_s3:ResourceEvalS3._handle_list_objects_v2", staticmethod(list_objects))


def _repair_reader() -> None:
    """Let a Map whose items cannot be read fail by AWS's name for that."""
    from botocore.exceptions import ClientError

    def read(reader: Any, env: Any) -> None:
        try:
            original(reader, env)
        except ClientError as error:
            raise failure(env, "States.ItemReaderFailed", error.response["Error"]["Message"]) from error

    original = patch(f"{_MAP}item_reader.item_reader_decl:ItemReader._eval_body", read)


def _client(resource_runtime_part: Any, state_credentials: Any) -> Any:
    from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for

    return boto_client_for(service="s3", region=resource_runtime_part.region, state_credentials=state_credentials)


def _item(row: dict[str, Any]) -> dict[str, Any]:
    """Return an object of a bucket as an item."""
    names = ("ETag", "Key", "Size", "StorageClass")
    return {"Etag" if name == "ETag" else name: row[name] for name in names if name in row} | {
        "LastModified": int(row["LastModified"].timestamp())
    }
