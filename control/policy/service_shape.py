"""The shape of a service: its routes, what is denied before them, and what becomes of requests and responses.

Only the shape: whether names refer to something and whether rules hide one another is asked by ``service_section``.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from sidecar.authz.pattern import compile_pattern
from sidecar.contract.snapshot import ClaimRule

from .amounts import RateLimits, Size, Timeouts
from .claim_paths import ClaimsExpression
from .conditions import Condition
from .durations import MaxAge
from .fields import HeaderMatches, HeaderName, HeaderToken, HeaderValue, QueryMatches, ResponseHeaderName
from .places import Destination, Host, Network, Origin, Rewrite, Sources
from .rules import claim_rules
from .shape_base import Shape
from .values import IssuerReference, Method, Scope, caller_name, label, said, text


def _pattern(value: Any) -> str:
    word = text(value)
    try:
        compile_pattern(word)
    except ValueError as error:
        raise said(str(error)) from None
    return word


def _status(low: int, high: int, only: tuple[int, ...] = ()) -> Any:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not (low <= value <= high):
            raise said(f"must be an HTTP status from {low} to {high}")
        if only and value not in only:
            raise said(f"must be {', '.join(str(code) for code in only)}")
        return value

    return PlainValidator(read)


def _body(value: Any) -> str:
    if not isinstance(value, str):
        raise said("must be text; JSON goes in quotes")
    if len(value.encode("utf-8", "replace")) > MAX_BODY_BYTES:
        raise said(f"longer than {MAX_BODY_BYTES} bytes: a fixed answer travels in every snapshot")
    return value


MAX_BODY_BYTES = 65_536
_REDIRECTS = (301, 302, 303, 307, 308)
_SCALARS: dict[str, Any] = {"type": ["string", "integer", "boolean"]}
_LIST = {"type": "array", "items": _SCALARS, "minItems": 1}
_TESTS: dict[str, Any] = {"any": _LIST, "all": _LIST, "present": {"const": True}}
_ONE_TEST = {
    "type": "object",
    "properties": _TESTS,
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
}
_CLAIMS_SCHEMA: dict[str, Any] = {
    "oneOf": [
        {"type": "object", "additionalProperties": {"oneOf": [_SCALARS, _ONE_TEST]}},
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "claim": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
                    "equals": _SCALARS,
                    **_TESTS,
                },
                "required": ["claim"],
                "additionalProperties": False,
                "minProperties": 2,
                "maxProperties": 2,
            },
        },
    ]
}
_NAME = WithJsonSchema({"type": "string", "minLength": 1})
PathPattern = Annotated[
    str, PlainValidator(_pattern), WithJsonSchema({"type": "string", "examples": ["/orders/{id}", "/public/**"]})
]
Claims = Annotated[tuple[ClaimRule, ...], PlainValidator(claim_rules), WithJsonSchema(_CLAIMS_SCHEMA)]
Caller = Annotated[str, PlainValidator(caller_name), _NAME]
Label = Annotated[str, PlainValidator(label), _NAME]
AnswerStatus = Annotated[int, _status(200, 599), WithJsonSchema({"type": "integer", "minimum": 200, "maximum": 599})]
RedirectStatus = Annotated[int, _status(301, 308, _REDIRECTS), WithJsonSchema({"enum": list(_REDIRECTS)})]
Body = Annotated[str, PlainValidator(_body), WithJsonSchema({"type": "string"})]
Methods = Annotated[list[Method], Field(min_length=1)]
Hosts = Annotated[list[Host], Field(min_length=1)]


class RequireShape(Shape):
    """What a route asks of who calls; all of it."""

    scopes: list[Scope] = Field(default=[], description="All of these.")
    any_scope: list[Scope] = Field(default=[], description="At least one of these.")
    claims: Claims = Field(default=(), description="Claim path: VALUE | {any: [...]} | {all: [...]} | {present: true}.")
    callers: list[Caller] = Field(default=[], description="Services or workloads, one of which must be calling.")
    when: Condition | None = Field(default=None, description="A CEL expression that must be true.")


class RequestHeadersShape(Shape):
    """Changes to what the service gets, in this order: remove, set, add."""

    remove: list[HeaderName] = Field(default=[], description="Names.")
    set: dict[HeaderName, HeaderValue] = Field(default={}, description="In place of every such field.")
    add: dict[HeaderName, HeaderValue] = Field(default={}, description="Beside those that are there.")


class ResponseHeadersShape(Shape):
    """Changes to what the caller gets, in this order: remove, set, add."""

    remove: list[ResponseHeaderName] = Field(default=[], description="Names.")
    set: dict[ResponseHeaderName, HeaderValue] = Field(default={}, description="In place of every such field.")
    add: dict[ResponseHeaderName, HeaderValue] = Field(default={}, description="Beside those that are there.")


class RespondShape(Shape):
    """A fixed answer instead of the service's."""

    status: AnswerStatus = Field(default=200, description="200 when left out.")
    body: Body = Field(default="", description="Text; nothing when left out.")
    content_type: HeaderValue | None = Field(default=None, description="text/plain in UTF-8 when left out.")


class RedirectShape(Shape):
    """Another place to go."""

    to: Destination = Field(description="An absolute URL, or a path.")
    status: RedirectStatus = Field(default=308, description="308 when left out: the same method again, for good.")
    keep_path: bool = Field(default=False, description="true: what ** matched is appended.")


class RouteShape(Shape):
    """One rule; the first that is for the request decides."""

    path: PathPattern = Field(description="* is one segment, ** the rest, {name} one segment by name.")
    methods: Methods | None = Field(default=None, description="Any method when left out.")
    hosts: Hosts | None = Field(default=None, description="The service's hosts when left out; *.x is one label.")
    headers: HeaderMatches = Field(
        default=(), description="Name: VALUE | {any: [...]} | {prefix: X} | {present: true}."
    )
    query: QueryMatches = Field(default=(), description="The same for query parameters.")
    access: Literal["token", "optional", "public"] = Field(
        default="token",
        description="public: a missing token passes, a bad one is 401. optional: asks only those who show one.",
    )
    issuers: list[IssuerReference] | None = Field(
        default=None, min_length=1, description="Of the service's; all by default."
    )
    credentials: Sources | None = Field(default=None, description="Where one is looked for; [bearer] when left out.")
    require: RequireShape = Field(default_factory=RequireShape)
    shadow: RequireShape | None = Field(default=None, description="Decided and recorded, and not enforced.")
    rate_limit: RateLimits | None = Field(default=None, description="One, or a list of them; 429 beyond.")
    timeout: Timeouts | None = Field(default=None, description="A duration for the response to begin, or a mapping.")
    body_limit: Size | None = Field(default=None, description="The largest request body; 413 beyond.")
    encoded_slash: Literal["refuse", "keep"] = Field(default="refuse", description="keep: %2F is text in a segment.")
    rewrite: Rewrite | None = Field(default=None, description="Takes the place of what stands before **.")
    respond: RespondShape | None = Field(default=None, description="A fixed answer.")
    redirect: RedirectShape | None = Field(default=None, description="Another place to go.")
    request_headers: RequestHeadersShape | None = None
    response_headers: ResponseHeadersShape | None = None


class DenyShape(Shape):
    """A rule that refuses (403) before any route allows; all of what it names must hold."""

    name: Label = Field(description="For logs and explain.")
    path: PathPattern | None = Field(default=None, description="Any path when left out.")
    methods: Methods | None = Field(default=None, description="Any method when left out.")
    hosts: Hosts | None = Field(default=None, description="Any host when left out.")
    headers: HeaderMatches = Field(default=(), description="As for a route.")
    query: QueryMatches = Field(default=(), description="As for a route.")
    claims: Claims = Field(default=(), description="As in require; an anonymous caller has none.")
    callers: list[Caller] = Field(default=[], description="One of these is calling.")
    addresses: list[Network] = Field(default=[], description="The caller is in one of these networks.")
    when: Condition | None = Field(default=None, description="A CEL expression that is true, or cannot be evaluated.")
    shadow: bool = Field(default=False, description="true: only recorded.")


class CorsShape(Shape):
    """Who may call from a browser (the CORS protocol of the Fetch standard)."""

    origins: Annotated[list[Origin], Field(min_length=1)] = Field(description="Exact, *, or https://*.shop.test.")
    methods: Methods | None = Field(default=None, description="Those that the path's routes offer when left out.")
    headers: list[HeaderToken] | None = Field(default=None, description="authorization and content-type when left out.")
    expose: list[HeaderToken] = Field(default=[], description="Response headers that scripts may read.")
    credentials: bool = Field(default=False, description="true: cookies are sent; not with origin *.")
    max_age: MaxAge | None = Field(default=None, description="How long a browser remembers; 10m when left out.")


class ForwardShape(Shape):
    """What reaches the service of the caller's identity, and what is changed on the way."""

    headers: dict[HeaderName, ClaimsExpression] = Field(default={}, description="Header: claims.NAME.")
    token: Literal["strip", "keep"] = Field(
        default="strip", description="keep passes the credential on to the service."
    )
    request_headers: RequestHeadersShape | None = None
    response_headers: ResponseHeadersShape | None = None


class ServiceShape(Shape):
    """One service behind its sidecar."""

    issuers: list[IssuerReference] | None = Field(default=None, description="All issuers of the policy when left out.")
    hosts: Hosts | None = Field(default=None, description="For its routes that name none; any host when left out.")
    deny: list[DenyShape] = Field(default=[], description="Refused before any route allows.")
    routes: list[RouteShape] = Field(description="First match wins; nothing matched is 404.")
    cors: CorsShape | None = None
    forward: ForwardShape = Field(default_factory=ForwardShape)
    metadata: bool = Field(default=False, description="true: says where tokens for it come from (RFC 9728).")
