"""Amazon API Gateway, HTTP API.

Model    A relay: each request goes to the target of one route and is answered with that target's answer.
Ignored  Authorizers, CORS, throttling per route, custom domains.
Sources  [1] HTTP API: 30 s integration timeout, not adjustable (AWS agent toolkit, lambda.md, 2026)
         [2] HTTP API pricing: 512 KB units, of the larger of request and answer (assumed); data out to the internet
             apart, GB = 1024 MB (data/prices/)
Checked  2026-11-27
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from chainkit.distributions import Duration
from chainkit.records import Api, Call, Handle, Meter, Port, Properties, Relay, Resource
from chainkit.service import Service, Surroundings, given, logical_id, service
from chainkit.units import GB


@service
class HttpApi(Service):
    """An HTTP API in front of a chain: it waits for its function, at most 30 seconds.

    Several links are several routes: a request takes one of them, so their probabilities add to at most 1.

    Examples
    --------
    >>> HttpApi("api").behaviour().timeout_s
    30.0
    """

    integration_timeout_s: float = Field(
        default=30.0, ge=0.05, le=30, json_schema_extra={"source": "HTTP API quotas, 2026"}
    )
    """After this long the caller gets 503, seconds."""
    overhead: Duration | None = None
    """What the API itself takes; None: the law in data/latency.json (an assumption)."""

    port: ClassVar[Port] = Port(emits=("integration",))
    colour: ClassVar[str] = "#8C4FFF"
    label: ClassVar[str] = "HTTP API"
    icon: ClassVar[str] = "M8 6.5 3 12l5 5.5M16 6.5l5 5.5-5 5.5M13.5 4.5l-3 15"
    principal: ClassVar[str] = "apigateway.amazonaws.com"
    handle_suffix: ClassVar[str] = "API_URL"

    def behaviour(self) -> Relay:
        """Return the relay."""
        return Relay(timeout_s=self.integration_timeout_s, overhead=self.overhead, overhead_hop="http_api")

    def meters(self) -> tuple[Meter, ...]:
        """Return requests and, where the size of answers is stated, data out; [2]."""
        price, out = "http-api-requests", "transfer-internet-out-gb"
        return (
            Meter(price=price, counter="requests", why="requests, 512 KB each"),
            Meter(
                price=price, counter="extra_requests", why="512 KB steps over the first, of request or answer (assumed)"
            ),
            Meter(price=out, counter="bytes_out", factor=1 / GB, why="answers, as data out to the internet"),
        )

    def unpriced(self, leaving: Sequence[Any]) -> tuple[str, ...]:
        """Return data out, where a link with an answer does not state its size."""
        sizes = [getattr(link, "response_bytes", 0) for link in leaving if link.kind == "sync"]
        return ("data out to the internet (response_bytes of its links)",) if None in sizes else ()

    def resources(self, around: Surroundings) -> tuple[Resource, ...]:
        """Return the API and its default stage."""
        return (
            Resource(
                id=self.id,
                properties={"Name": f"{around.chain}-{self.name}", "ProtocolType": "HTTP"},
                api=HTTP_API,
            ),
            Resource(
                id=logical_id(self.name, "stage"),
                properties={"ApiId": {"Ref": self.id}, "StageName": "$default", "AutoDeploy": True},
                api=STAGE,
            ),
        )

    def link_resources(self, link: Any, target: Service) -> tuple[Resource, ...]:
        """Return the integration and the route of one link."""
        integration = Resource(
            id=logical_id(self.name, target.name, "integration"),
            properties={
                "ApiId": {"Ref": self.id},
                "TimeoutInMillis": int(self.integration_timeout_s * 1000),
                **target.integration(link.kind == "sync"),
                **self._credentials(link, target),
            },
            api=INTEGRATION,
        )
        route = Resource(
            id=logical_id(self.name, target.name, "route"),
            properties={
                "ApiId": {"Ref": self.id},
                "RouteKey": link.route,
                "Target": {"Fn::Join": ["/", ["integrations", {"Ref": integration.id}]]},
            },
            api=ROUTE,
        )
        return integration, route

    def _credentials(self, link: Any, target: Service) -> dict[str, Any]:
        """Return the role that an integration with anything but a function uses."""
        role = {"Fn::GetAtt": [logical_id(self.name, "role"), "Arn"]}
        return {"CredentialsArn": role} if link.grants(self, target) else {}

    def arn(self) -> Any:
        """Return the ARN that a function's permission names: any stage, method and path of this API."""
        return {"Fn::Sub": f"arn:aws:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{{self.id}}}/*"}

    def handle(self) -> Handle:
        """Return the API's address."""
        return Handle(self.handle_suffix, {"Fn::GetAtt": [self.id, "ApiEndpoint"]})

    def entry(self) -> tuple[str, Call]:
        """Return an HTTP request by the route of a link: no boto3 client sends it, the deploy target itself does."""

        def request(p: Properties) -> dict[str, Any]:
            method, _, path = p["Route"].rpartition(" ")
            is_any = method in ("", "ANY")  # "$default" has neither method nor path
            return {
                "url": p["ApiEndpoint"],
                "method": "POST" if is_any else method,
                "path": path if path.startswith("/") else "/",
                "body": p["Event"],
            }

        return "http", Call("request", request)


# --- the same resources by direct calls ---


def _by_api(*names: str) -> Any:
    """Return a function that picks properties, ApiId among them."""
    return lambda p: given(p, "ApiId", *names)


HTTP_API = Api(
    type="AWS::ApiGatewayV2::Api",
    client="apigatewayv2",
    create=(Call("create_api", lambda p: given(p, "Name", "ProtocolType", "Tags")),),
    read=(Call("get_api", lambda p: {"ApiId": p["Ref"]}),),
    find=(Call("get_apis", lambda _: {"MaxResults": "1000"}),),
    found=lambda answer, p: next(each["ApiId"] for each in answer["Items"] if each["Name"] == p["Name"]),
    update=(Call("update_api", lambda p: {"ApiId": p["Ref"], **given(p, "Name")}),),
    delete=(Call("delete_api", lambda p: {"ApiId": p["Ref"]}),),
    arn="arn:aws:execute-api:{region}:{account}:{Ref}",
    ref="ApiId",
    attributes={"ApiEndpoint": "ApiEndpoint"},
    settings={"Name": "Name", "ProtocolType": "ProtocolType", "Tags": "Tags"},
    fixed=("ProtocolType",),
    missing=("NotFoundException",),
    tags="map",
)

STAGE = Api(
    type="AWS::ApiGatewayV2::Stage",
    client="apigatewayv2",
    create=(Call("create_stage", _by_api("StageName", "AutoDeploy", "Tags")),),
    read=(Call("get_stage", _by_api("StageName")),),
    delete=(Call("delete_stage", _by_api("StageName")),),
    ref="StageName",
    settings={"StageName": "StageName", "AutoDeploy": "AutoDeploy", "Tags": "Tags"},
    missing=("NotFoundException",),
    tags="map",
)

_INTEGRATION = (
    "IntegrationType", "IntegrationSubtype", "IntegrationUri", "IntegrationMethod", "PayloadFormatVersion",
    "TimeoutInMillis", "RequestParameters", "CredentialsArn",
)  # fmt: skip


def _integration(p: Properties) -> dict[str, Any]:
    """Return the parameters that name one integration."""
    return {"ApiId": p["ApiId"], "IntegrationId": p["Ref"]}


INTEGRATION = Api(
    type="AWS::ApiGatewayV2::Integration",
    client="apigatewayv2",
    create=(Call("create_integration", _by_api(*_INTEGRATION)),),
    read=(Call("get_integration", _integration),),
    find=(Call("get_integrations", _by_api()),),
    found=lambda answer, p: next(
        each["IntegrationId"]
        for each in answer["Items"]
        if all(each.get(name) == p[name] for name in _INTEGRATION if name in p)
    ),
    delete=(Call("delete_integration", _integration),),
    ref="IntegrationId",
    settings={name: name for name in _INTEGRATION},
    missing=("NotFoundException",),
)

ROUTE = Api(
    type="AWS::ApiGatewayV2::Route",
    client="apigatewayv2",
    create=(Call("create_route", _by_api("RouteKey", "Target")),),
    read=(Call("get_route", lambda p: {"ApiId": p["ApiId"], "RouteId": p["Ref"]}),),
    find=(Call("get_routes", _by_api()),),
    found=lambda answer, p: next(each["RouteId"] for each in answer["Items"] if each["RouteKey"] == p["RouteKey"]),
    delete=(Call("delete_route", lambda p: {"ApiId": p["ApiId"], "RouteId": p["Ref"]}),),
    ref="RouteId",
    settings={"RouteKey": "RouteKey", "Target": "Target"},
    missing=("NotFoundException",),
)
