"""A month's use of each AWS service, by family. A new use is its class, its name here, and its prices in data/prices/.

=============  =======================================================================================
functions.py   Lambda: functions, Lambda@Edge, Managed Instances, MicroVMs
messages.py    SQS, SNS, EventBridge
flows.py       Step Functions, API Gateway
stores.py      DynamoDB, Kinesis, S3
watching.py    CloudWatch, X-Ray
secrets.py     Secrets Manager, Parameter Store, KMS
networks.py    endpoints, NAT, addresses, transfer
priced.py      anything else, at a price that is given with it
=============  =======================================================================================
"""

from chainkit.uses.flows import ApiGatewayUse, StepFunctionsUse
from chainkit.uses.functions import LambdaEdgeUse, LambdaInstancesUse, LambdaMicrovmUse, LambdaUse
from chainkit.uses.messages import EventBridgeUse, SnsUse, SqsUse
from chainkit.uses.networks import TransferUse, VpcUse
from chainkit.uses.priced import PricedUse
from chainkit.uses.secrets import KmsUse, ParameterStoreUse, SecretsManagerUse
from chainkit.uses.stores import DynamodbUse, KinesisUse, S3Use
from chainkit.uses.watching import CloudWatchUse, XrayUse

__all__ = [
    "ApiGatewayUse", "CloudWatchUse", "DynamodbUse", "EventBridgeUse", "KinesisUse", "KmsUse", "LambdaEdgeUse",
    "LambdaInstancesUse", "LambdaMicrovmUse", "LambdaUse", "ParameterStoreUse", "PricedUse", "S3Use",
    "SecretsManagerUse", "SnsUse", "SqsUse", "StepFunctionsUse", "TransferUse", "VpcUse", "XrayUse",
]  # fmt: skip
