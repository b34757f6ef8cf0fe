"""One file per AWS service. A new service is its file, one line here, and its prices in data/prices/.

Files do not import each other: how one service triggers another is a link (wiring.py).
"""

from chainkit.services.event_bus import EventBus
from chainkit.services.http_api import HttpApi
from chainkit.services.lambda_function import LambdaFunction
from chainkit.services.sns_topic import SnsTopic
from chainkit.services.sqs_queue import SqsQueue
from chainkit.services.state_machine import StateMachine

__all__ = ["EventBus", "HttpApi", "LambdaFunction", "SnsTopic", "SqsQueue", "StateMachine"]
