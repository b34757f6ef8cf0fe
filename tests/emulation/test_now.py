"""moto's notion of now follows the emulator's clock, also where it goes hours ahead."""

import json

from chainkit.emulation import Emulator
from tests.emulation.conftest import Aws


def test_logs_and_records_of_the_far_future_are_kept():
    with Emulator() as emulator:
        aws = Aws(emulator)
        root = emulator.root_id()
        definition = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 36_000, "End": True}}}
        machine = aws.client("stepfunctions").create_state_machine(
            name="m", definition=json.dumps(definition), roleArn=aws.role()
        )["stateMachineArn"]
        aws.traced("stepfunctions", root).start_execution(stateMachineArn=machine)
        assert emulator.settle(root)
        name, _ = aws.function("def handler(event, context):\n    print('hello')")
        aws.client("lambda").invoke(FunctionName=name)
        aws.client("kinesis").create_stream(StreamName="s", ShardCount=1)
        stream = aws.client("kinesis").describe_stream(StreamName="s")["StreamDescription"]
        (execution,) = (event for event in emulator.story(root) if event["what"] == "execution")
        logged = aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        written_s = next(each["timestamp"] for each in logged if each["message"].strip() == "hello") / 1000

        assert execution["span_s"] > 35_990
        assert abs(stream["StreamCreationTimestamp"].timestamp() - written_s) < 60
