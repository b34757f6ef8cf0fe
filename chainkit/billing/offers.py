"""AWS's public price list: which of its products is which of our prices, and what a file of it says.

The list has one file for each service and region, as JSON or CSV, that anyone may read [1]. A file names products by
SKU, each with a usage type, and their prices tier by tier. A usage type begins with a code of the region, none or USE1
in us-east-1 [2]; KMS writes the region's full name; SQS has other names in us-east-1 than elsewhere. What is always
free stands as a first tier at no cost in some products, and is a product of its own (Global-) for others: those are
passed over.

Sources
-------
[1] docs.aws.amazon.com/awsaccountbilling/latest/aboutv2, "Using the AWS Price List Bulk API"; layouts as in the copies
    P1 (JSON) of data/README.md, and ligoj/plugin-prov-aws, AWSLambda/current/eu-west-1/index.csv (CSV).
[2] docs.aws.amazon.com/amazondynamodb, "Understanding your AWS billing and usage reports", read in a copy of 2026.

Checked: November 2026, in copies; AWS's live list was not read.
"""

import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chainkit.billing.prices import Tier
from chainkit.errors import ConfigError

LIST_URL = "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws"
_LAYOUT = "offerCode, version, publicationDate, products by SKU, and terms.OnDemand"
_REGION_CODE = r"(?:EU|[A-Z]{3}\d)-"

# [2] Only for products that do not say their region.
_CODES = {
    "us-east-1": ("", "USE1-"), "us-east-2": ("USE2-",), "us-west-1": ("USW1-",), "us-west-2": ("USW2-",),
    "ca-central-1": ("CAN1-",), "sa-east-1": ("SAE1-",), "af-south-1": ("AFS1-",), "me-south-1": ("MES1-",),
    "eu-west-1": ("EU-", "EUW1-"), "eu-west-2": ("EUW2-",), "eu-west-3": ("EUW3-",), "eu-central-1": ("EUC1-",),
    "eu-central-2": ("EUC2-",), "eu-north-1": ("EUN1-",), "eu-south-1": ("EUS1-",), "ap-south-1": ("APS3-",),
    "ap-southeast-1": ("APS1-",), "ap-southeast-2": ("APS2-",), "ap-southeast-4": ("APS6-",),
    "ap-northeast-1": ("APN1-",), "ap-northeast-2": ("APN2-",), "ap-northeast-3": ("APN3-",), "ap-east-1": ("APE1-",),
}  # fmt: skip


@dataclass(frozen=True)
class Product:
    """How one of our prices is recognised in the list."""

    key: str
    offer: str
    """Code of the file it stands in."""
    usage_types: tuple[str, ...]
    """Without the region's code; the first that is there counts."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """What tells it from others of its usage type; a product that says nothing of it passes."""
    is_seen: bool = True
    """Whether the usage type was read in a copy of the list, a bill or AWS's documentation; else it is a guess."""


def _of(offer: str, usage_types: Mapping[str, str], *, is_seen: bool = True, **attributes: str) -> Iterator[Product]:
    for key, names in usage_types.items():
        yield Product(key, offer, tuple(names.split(" | ")), attributes, is_seen)


PRODUCTS: tuple[Product, ...] = (
    *_of("AWSLambda", {  # P1, P11, and bills
        "lambda-requests": "Request",
        "lambda-gb-s-x86": "Lambda-GB-Second",
        "lambda-gb-s-arm64": "Lambda-GB-Second-ARM",
        "lambda-ephemeral-gb-s": "Lambda-Storage-GB-Second",
        "lambda-provisioned-gb-s-x86": "Lambda-Provisioned-Concurrency",
        "lambda-provisioned-gb-s-arm64": "Lambda-Provisioned-Concurrency-ARM",
        "lambda-provisioned-duration-gb-s-x86": "Lambda-Provisioned-GB-Second",
        "lambda-provisioned-duration-gb-s-arm64": "Lambda-Provisioned-GB-Second-ARM",
        "lambda-snapstart-cache-gb-s": "Lambda-SnapStart-Cached-GB-S",
        "lambda-snapstart-restore-gb": "Lambda-SnapStart-Restored-GB",
        "lambda-streaming-gb": "Lambda-Streaming-Response-Processed-Bytes",
        "lambda-edge-requests": "Lambda-Edge-Request",
        "lambda-edge-gb-s": "Lambda-Edge-GB-Second",
    }),
    *_of("AWSQueueService", {  # P1, P7; "Tier1" elsewhere than in us-east-1
        "sqs-standard-requests": "Requests-RBP | Requests-Tier1",
        "sqs-fifo-requests": "Requests-FIFO-RBP | Requests-FIFO-Tier1",
        "sqs-fair-requests": "Requests-Fair-RBP | Requests-Fair-Tier1",
    }),
    *_of("AmazonSNS", {  # P1; F- from bills
        "sns-publishes": "Requests-Tier1",
        "sns-deliveries-lambda": "DeliveryAttempts-LAMBDA",
        "sns-deliveries-sqs": "DeliveryAttempts-SQS",
        "sns-deliveries-http": "DeliveryAttempts-HTTP",
        "sns-deliveries-email": "DeliveryAttempts-SMTP",
        "sns-deliveries-push": "DeliveryAttempts-APNS",
        "sns-fifo-publishes": "F-Request-Tier1",
        "sns-fifo-published-gb": "F-Ingress-Tier1",
        "sns-fifo-deliveries": "F-DA-SQS",
        "sns-fifo-delivered-gb": "F-Egress-SQS",
        "sns-fifo-archived-gb": "F-ArchiveProcessing",
    }),
    *_of("AmazonSNS", {
        "sns-deliveries-firehose": "DeliveryAttempts-FIREHOSE",
        "sns-filter-body-gb": "PL-Filter-Matched",
        "sns-fifo-archive-gb-month": "F-Storage",
    }, is_seen=False),
    *_of("AWSEvents", {"events-custom": "Event-64K-Chunks"}, operation="PutEvents", eventType="Custom Event"),  # P1, P7
    *_of("AWSEvents", {"events-pipes": "Request-64K-Chunks"}, operation="PipeRequest"),
    *_of("AWSEvents", {
        "events-schedules": "ScheduledInvocation",
        "events-archived-gb": "ArchivedEvents-Bytes",
        "events-archive-gb-month": "TimedStorage-ByteHrs",
        "events-schema-discovery": "Event-8K-Chunks",
    }),
    *_of("AmazonStates", {  # P1
        "stepfunctions-transitions": "StateTransition",
        "stepfunctions-express-requests": "StepFunctions-Request",
        "stepfunctions-express-gb-s": "StepFunctions-GB-Second",
    }),
    *_of("AmazonApiGateway", {  # P1; a cache of 0.5 GB from bills
        "http-api-requests": "ApiGatewayHttpRequest",
        "rest-api-requests": "ApiGatewayRequest",
        "websocket-messages": "ApiGatewayMessage",
        "websocket-connection-minutes": "ApiGatewayMinute",
        "rest-api-cache-1.6gb-hours": "ApiGatewayCacheUsage:1.6GB",
    }),
    *_of("AmazonDynamoDB", {  # [2]
        "dynamodb-writes": "WriteRequestUnits",
        "dynamodb-reads": "ReadRequestUnits",
        "dynamodb-storage-gb-month": "TimedStorage-ByteHrs",
        "dynamodb-wcu-hours": "WriteCapacityUnit-Hrs",
        "dynamodb-rcu-hours": "ReadCapacityUnit-Hrs",
        "dynamodb-stream-reads": "Streams-RequestsCount",
        "dynamodb-kinesis-capture": "ChangeDataCaptureUnits-Kinesis",
    }),
    *_of("AmazonKinesis", {  # P5, and the filters of estimators that ask the price server
        "kinesis-shard-hours": "Storage-ShardHour",
        "kinesis-put-units": "PutRequestPayloadUnits",
        "kinesis-on-demand-stream-hours": "OnDemand-StreamHour",
        "kinesis-on-demand-in-gb": "OnDemand-BilledIncomingBytes",
        "kinesis-on-demand-out-gb": "OnDemand-BilledOutgoingBytes",
        "kinesis-fan-out-shard-hours": "EnhancedFanoutHour",
    }),
    *_of("AmazonKinesis", {"kinesis-fan-out-gb": "ReadBytes"}, operation="EnhancedFanoutDataRetrieval"),
    *_of("AmazonS3", {"s3-puts": "Requests-Tier1", "s3-gets": "Requests-Tier2"}),  # P1
    *_of("AmazonS3", {"s3-storage-gb-month": "TimedStorage-ByteHrs"}, volumeType="Standard"),  # P7
    *_of("AmazonCloudWatch", {  # "Analyzing, optimizing, and reducing CloudWatch costs" of AWS's documentation
        "logs-ingestion-gb": "VendedLog-Bytes",
        "logs-ingestion-standard-gb": "DataProcessing-Bytes",
        "logs-ingestion-infrequent-gb": "DataProcessingIA-Bytes",
        "logs-storage-gb-month": "TimedStorage-ByteHrs",
        "logs-insights-gb": "DataScanned-Bytes",
        "logs-live-tail-minutes": "Logs-LiveTail",
        "cloudwatch-metrics": "CW:MetricMonitorUsage",
        "cloudwatch-api-requests": "CW:Requests",
        "cloudwatch-alarms": "CW:AlarmMonitorUsage",
        "cloudwatch-high-resolution-alarms": "CW:HighResAlarmMonitorUsage",
        "cloudwatch-composite-alarms": "CW:CompositeAlarmMonitorUsage",
        "cloudwatch-synthetics-runs": "CW:Canary-runs",
        "xray-spans-indexed": "XRay-Spans-Indexed",
    }),
    *_of("AWSXRay", {"xray-traces": "XRay-TracesStored", "xray-traces-retrieved": "XRay-TracesAccessed"}),
    *_of("AWSSecretsManager", {  # P1
        "secrets-manager-secrets": "AWSSecretsManager-Secrets",
        "secrets-manager-calls": "AWSSecretsManagerAPIRequest",
    }),
    # An advanced parameter is listed by the hour, of a month whose length is not said: it stays as it is.
    *_of("AWSSystemsManager", {"parameter-store-calls": "PS-Param-Processed-Tier1"}),
    *_of("awskms", {"kms-keys": "KMS-Keys", "kms-requests": "KMS-Requests"}),  # P1
    *_of("AmazonVPC", {
        "vpc-endpoint-hours": "VpcEndpoint-Hours",
        "vpc-endpoint-gb": "VpcEndpoint-Bytes",
        "public-ipv4-hours": "PublicIPv4:InUseAddress",
    }),
    *_of("AWSDataTransfer", {
        "transfer-zones-gb": "DataTransfer-Regional-Bytes",
        "transfer-internet-out-gb": "DataTransfer-Out-Bytes",
    }),
    *_of("AmazonEC2", {"nat-gateway-hours": "NatGateway-Hours", "nat-gb": "NatGateway-Bytes"}),
)  # fmt: skip
OFFERS = tuple(dict.fromkeys(product.offer for product in PRODUCTS))
"""Codes of the files that are read."""
_WANTED = {offer: {name for x in PRODUCTS if x.offer == offer for name in x.usage_types} for offer in OFFERS}


@dataclass(frozen=True)
class Row:
    """One tier of one product, as the list has it."""

    sku: str
    usage_type: str
    attributes: Mapping[str, str]
    low: float
    high: float
    usd: float


@dataclass(frozen=True)
class Offer:
    """What one file says of the products that we know."""

    code: str
    version: str
    published: str
    """Day, as YYYY-MM-DD."""
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Listed:
    """One of our prices as the list has it."""

    product: Product
    offer: Offer
    tiers: tuple[Tier, ...]
    """Without the free part that the list begins with."""
    free: float
    """That free part, 0 if there is none."""


def from_json(document: Any, where: str) -> Offer:
    """Return what a file of the price list says, from its parsed JSON.

    Parameters
    ----------
    document : the file's content
    where : its name or address, for errors

    Raises
    ------
    ConfigError
        If the file is in another layout, or in another currency than USD.

    Examples
    --------
    >>> from_json({"products": {}}, "index.json")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    chainkit.errors.ConfigError: index.json is no file of AWS's price list ...
    """
    try:
        code, version, published = (str(document[name]) for name in ("offerCode", "version", "publicationDate"))
        wanted = _WANTED.get(code, set())
        terms = document["terms"].get("OnDemand", {})
        rows = [
            _row(sku, product["attributes"], each["beginRange"], each["endRange"], each["pricePerUnit"], where)
            for sku, product in document["products"].items()
            if _stem(product["attributes"].get("usagetype", ""), wanted)
            for term in terms.get(sku, {}).values()
            for each in term["priceDimensions"].values()
        ]
    except ConfigError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _no_list(where, error) from error
    return Offer(code, version, published[:10], tuple(rows))


def from_csv(lines: Iterable[str], where: str) -> Offer:
    """Return what a file of the price list says, read line by line: for the file of EC2, which is hundreds of MB.

    Parameters
    ----------
    lines : of the CSV form
    where : its name or address, for errors

    Raises
    ------
    ConfigError
        If the file is in another layout, or in another currency than USD.

    Examples
    --------
    >>> head = ["OfferCode,AmazonEC2", "Version,20261101000000", "Publication Date,2026-11-01T00:00:00Z"]
    >>> names = "SKU,TermType,StartingRange,EndingRange,PricePerUnit,Currency,usageType,operation,Region Code"
    >>> row = "X1,OnDemand,0,Inf,0.0480000000,USD,EU-NatGateway-Hours,NatGateway,eu-west-1"
    >>> from_csv([*head, names, row], "index.csv").rows[0].usd
    0.048
    """
    table = csv.reader(lines)
    head: dict[str, str] = {}
    names: list[str] = []
    for cells in table:
        if cells[:1] == ["SKU"]:
            names = cells
            break
        head[cells[0] if cells else ""] = cells[1] if len(cells) > 1 else ""
    try:
        code, version, published = head["OfferCode"], head["Version"], head["Publication Date"]
        wanted = _WANTED.get(code, set())
        rows = []
        for cells in table:
            row = dict(zip(names, cells, strict=False))
            if row["TermType"] == "OnDemand" and _stem(row["usageType"], wanted):
                said = {"usagetype": row["usageType"], "operation": row["operation"]}
                said |= {"regionCode": row["Region Code"]} if row.get("Region Code") else {}
                price = {row["Currency"]: row["PricePerUnit"]}
                rows.append(_row(row["SKU"], said, row["StartingRange"], row["EndingRange"], price, where))
    except ConfigError:
        raise
    except (KeyError, ValueError, csv.Error) as error:
        raise _no_list(where, error) from error
    return Offer(code, version, published[:10], tuple(rows))


def listed(offers: Iterable[Offer], region: str) -> tuple[dict[str, Listed], dict[str, str]]:
    """Return by key the prices that the files give for one region, and what stood in the way of others.

    Parameters
    ----------
    offers : files that were read, of this region or of all
    region : AWS region code

    Returns
    -------
    The prices; and by key, why a price that has products in the files was not taken.

    Examples
    --------
    >>> row = Row("X1", "EU-Requests-Tier1", {"regionCode": "eu-west-1"}, 0.0, math.inf, 5e-7)
    >>> found, _ = listed([Offer("AmazonSNS", "20261101000000", "2026-11-01", (row,))], "eu-west-1")
    >>> found["sns-publishes"].tiers
    (Tier(up_to=inf, usd=5e-07),)
    """
    of_code: dict[str, list[Offer]] = {}
    for offer in offers:
        of_code.setdefault(offer.code, []).append(offer)
    found: dict[str, Listed] = {}
    refused: dict[str, str] = {}
    for product in PRODUCTS:
        for offer in sorted(of_code.get(product.offer, []), key=lambda offer: offer.version):  # the newest is last
            prices = _prices(product, offer, region)
            if len(prices) > 1:
                refused[product.key] = f"{len(prices)} products of usage type {product.usage_types[0]} differ in price"
            elif prices:
                tiers, free = prices.popitem()
                found[product.key] = Listed(product, offer, tiers, free)
    return {key: value for key, value in found.items() if key not in refused}, refused


def regions_of(offers: Iterable[Offer]) -> list[str]:
    """Return the regions that files speak of, as far as their products say so."""
    return sorted({region for offer in offers for row in offer.rows if (region := _region(row.attributes))})


# --- one product ---


def _prices(product: Product, offer: Offer, region: str) -> dict[tuple[Tier, ...], float]:
    """Return the tiers of the products that fit, with the free part; products of one price are one."""
    for usage_type in product.usage_types:
        fitting: dict[str, list[Row]] = {}
        for row in offer.rows:
            if _fits(row, usage_type, product, region):
                fitting.setdefault(row.sku, []).append(row)
        if fitting:
            prices: dict[tuple[Tier, ...], float] = {}
            for rows in fitting.values():
                tiers, free = _tiers(rows, f"{offer.code} {offer.version}")
                prices[tiers] = max(free, prices.get(tiers, 0.0))
            return prices
    return {}


def _fits(row: Row, usage_type: str, product: Product, region: str) -> bool:
    if any(row.attributes.get(name, wanted) != wanted for name, wanted in product.attributes.items()):
        return False
    before = row.usage_type.removesuffix(usage_type)
    if before == row.usage_type:
        return False
    said = _region(row.attributes)
    if said is None and region in _CODES:
        return before in (*_CODES[region], f"{region}-")
    return said in (region, None) and re.fullmatch(rf"(?:{_REGION_CODE}|{region}-)?", before) is not None


def _tiers(rows: list[Row], where: str) -> tuple[tuple[Tier, ...], float]:
    """Return the tiers that cost something, and how much comes before them for nothing.

    The free part comes off before the tiers begin: the list counts it in, our prices do not.
    """
    rows = sorted(rows, key=lambda row: row.low)
    lows, highs = [row.low for row in rows], [row.high for row in rows]
    if lows != [0.0, *highs[:-1]] or highs[-1] != math.inf:
        raise _no_list(where, f"the tiers of SKU {rows[0].sku} are {list(zip(lows, highs, strict=True))}")
    paid = next((k for k, row in enumerate(rows) if row.usd), 0)
    free = lows[paid]
    return tuple(Tier(row.high - free, row.usd) for row in rows[paid:]), free


def _row(
    sku: str, attributes: Mapping[str, str], low: str, high: str, price: Mapping[str, str], where: str
) -> Row:  # fmt: skip
    if "USD" not in price:
        raise ConfigError(
            f"prices: {where} has prices in {', '.join(price)}; the price book is in USD",
            fix="read the list of a region that AWS bills in USD",
        )
    ends = [math.inf if end == "Inf" else float(end) for end in (low, high)]
    return Row(sku, attributes["usagetype"], attributes, ends[0], ends[1], float(price["USD"]))


def _stem(usage_type: str, wanted: set[str]) -> bool:
    """Tell whether a usage type may be one of those wanted, in whatever region."""
    return usage_type in wanted or any(usage_type.endswith(f"-{name}") for name in wanted)


def _region(attributes: Mapping[str, str]) -> str | None:
    return attributes.get("regionCode") or attributes.get("fromRegionCode") or None


def _no_list(where: str, reason: object) -> ConfigError:
    what = f"{type(reason).__name__} {reason}" if isinstance(reason, Exception) else str(reason)
    return ConfigError(
        f"prices: {where} is no file of AWS's price list in the layout that is known here ({what}); it has {_LAYOUT}",
        fix=f"save it again from {LIST_URL}/<code>/current/<region>/index.json",
    )
