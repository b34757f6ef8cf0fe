"""Runs Python against moto as it is installed, without any patch, for the test of docs/UPSTREAM.md.

Reads a JSON list of code blocks from stdin: the first prepares, each other is one reproduction. Writes their outputs.
"""

import contextlib
import io
import json
import os
import sys

SETTINGS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


def main():
    """Start moto's server, run the blocks, write a JSON list of their outputs."""
    os.environ.update(SETTINGS)
    from moto.core.config import default_user_config
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ["MOTO_PORT"] = str(port)
    prepare, *blocks = json.load(sys.stdin)
    names = {"URL": f"http://{host}:{port}"}
    exec(prepare, names)
    outputs = []
    for block in blocks:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            exec(block, dict(names))
        outputs.append(said.getvalue().strip())
    sys.stdout.write(json.dumps(outputs))
    sys.stdout.flush()
    os._exit(0)  # executions that wait for nobody would keep the process


if __name__ == "__main__":
    main()
