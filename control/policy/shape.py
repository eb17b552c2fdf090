"""The shape of a policy document, key by key: what ``policy.yaml`` may hold, and what the JSON Schema is made from.

Only the shape: whether names refer to something, whether routes hide one another and whether keys are strong is
asked by ``load``, ``shadow`` and ``sidecar.authn.keys``.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import WithDefaultSchema

from sidecar.authz.pattern import compile_pattern
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import ClaimRule

from .rules import Expectation, claim_rules, expectation
from .values import (
    ClaimPathText,
    ClaimsExpression,
    HeaderName,
    IssuerName,
    IssuerReference,
    Leeway,
    Method,
    Offset,
    Scope,
    ServiceName,
    Text,
    Timeout,
    TrustDomain,
    Variable,
    said,
    text,
)


def _pattern(value: Any) -> str:
    word = text(value)
    try:
        compile_pattern(word)
    except ValueError as error:
        raise said(str(error)) from None
    return word


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        if not value:
            raise said("must not be empty")
        return [text(item) for item in value]
    return [text(value)]


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
_EXPECT_SCHEMA: dict[str, Any] = {
    "oneOf": [
        {"enum": ["allow", "deny"]},
        {
            "type": "object",
            "properties": {"status": {"type": "integer"}, "reason": {"enum": [str(reason) for reason in Reason]}},
            "additionalProperties": False,
            "minProperties": 1,
        },
    ]
}

PathPattern = Annotated[
    str, PlainValidator(_pattern), WithJsonSchema({"type": "string", "examples": ["/orders/{id}", "/public/**"]})
]
Texts = Annotated[
    list[str],
    PlainValidator(_texts),
    WithJsonSchema(
        {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]},
    ),
]
Claims = Annotated[tuple[ClaimRule, ...], PlainValidator(claim_rules), WithJsonSchema(_CLAIMS_SCHEMA)]
Expect = Annotated[Expectation, PlainValidator(expectation), WithJsonSchema(_EXPECT_SCHEMA)]


class Shape(BaseModel):
    """A mapping with known keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class SecretShape(Shape):
    """A shared secret, read from control's own environment when a snapshot is compiled."""

    env: Variable = Field(description="The name of the variable; its value never stands in the policy.")


class JwksShape(Shape):
    """Where an issuer's keys are: exactly one of these."""

    file: Text | None = Field(default=None, description="A JWKS or PEM file beside the policy.")
    inline: dict[str, Any] | None = Field(default=None, description="The JWKS itself.")
    pem: Text | None = Field(default=None, description="PEM text: public keys or certificates.")
    secret: SecretShape | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "JwksShape":
        given = [name for name in JwksShape.model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise said(f"exactly one of {', '.join(JwksShape.model_fields)}, not {len(given) or 'none'} of them")
        return self


class ClaimMapShape(Shape):
    """Where an issuer keeps what Sidegate needs; a dotted path, or a list of steps."""

    subject: ClaimPathText = Field(default=("sub",), description="sub when left out.")
    scopes: ClaimPathText = Field(default=("scope",), description="scope when left out.")
    client: ClaimPathText = Field(default=("client_id",), description="client_id when left out.")
    roles: ClaimPathText = Field(default=("roles",), description="roles when left out.")


class IssuerShape(Shape):
    """Whose tokens count: the built-in issuer, or one from outside with its audience and keys."""

    builtin: bool = Field(default=False, description="Tokens that control itself issues; at most one such issuer.")
    issuer: Text | None = Field(default=None, description="The exact iss of its tokens.")
    audience: Texts | None = Field(
        default=None, description="The aud that its tokens must carry; one of them. Mandatory."
    )
    jwks: JwksShape | None = None
    algorithms: list[Text] | None = Field(default=None, description="Derived from the keys when left out.")
    leeway: Leeway = Field(default=5, description="How far clocks may differ; 5s when left out, 10m at most.")
    claims: ClaimMapShape = Field(default_factory=ClaimMapShape)

    @model_validator(mode="before")
    @classmethod
    def _not_in_this_version(cls, value: Any) -> Any:
        if isinstance(value, dict) and "preset" in value:
            told = "presets are not in this version: write issuer, audience and jwks with the provider's keys"
            raise said(told, "preset")
        return value

    @model_validator(mode="after")
    def _whole(self) -> "IssuerShape":
        outside = {"issuer", "audience", "jwks", "algorithms", "claims"} & self.model_fields_set
        if self.builtin:
            if outside:
                first = sorted(outside)[0]
                raise said(f"{first} does not go with builtin: control knows its own issuer, keys and audience", first)
            return self
        if self.issuer is None:
            raise said("needs builtin: true, or issuer, audience and jwks")
        if self.audience is None:
            raise said("audience is missing: without one, a token meant for another would be accepted")
        if self.jwks is None:
            raise said("jwks is missing: discovery is not in this version; write jwks with file, inline, pem or secret")
        return self


class RequireShape(Shape):
    """What a route asks of the caller's token; all of it."""

    scopes: list[Scope] = Field(default=[], description="All of these.")
    any_scope: list[Scope] = Field(default=[], description="At least one of these.")
    claims: Claims = Field(default=(), description="Claim path: VALUE | {any: [...]} | {all: [...]} | {present: true}.")


class RouteShape(Shape):
    """One rule; the first whose path and method match decides."""

    path: PathPattern = Field(description="* is one segment, ** the rest, {name} one segment by name.")
    methods: list[Method] | None = Field(default=None, min_length=1, description="Any method when left out.")
    access: Literal["token", "public"] = Field(
        default="token", description="public: a missing token passes, a bad one is 401."
    )
    issuers: list[IssuerReference] | None = Field(
        default=None, min_length=1, description="Of the service's; all by default."
    )
    require: RequireShape = Field(default_factory=RequireShape)
    timeout: Timeout | None = Field(default=None, description="For the upstream's answer to begin; 504 after it.")


class ForwardShape(Shape):
    """What reaches the service of the caller's identity."""

    headers: dict[HeaderName, ClaimsExpression] = Field(default={}, description="Header: claims.PATH")
    token: Literal["strip", "keep"] = Field(
        default="strip", description="keep passes the credential on to the service."
    )


class ServiceShape(Shape):
    """One service behind its sidecar."""

    issuers: list[IssuerReference] | None = Field(default=None, description="All issuers of the policy when left out.")
    routes: list[RouteShape] = Field(description="First match wins; nothing matched is 404.")
    forward: ForwardShape = Field(default_factory=ForwardShape)


class RequestShape(Shape):
    """A request to decide on; no body and no headers, since no rule reads them."""

    path: Text
    method: Method = "GET"


class TokenShape(BaseModel):
    """The claims of a test's token. iss, aud, sub, iat and exp are filled in where they are left out, so that the
    token is a good one but for what the test says."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    issuer: IssuerReference | None = Field(default=None, description="The name of an issuer of the policy.")
    expired: bool = Field(default=False, description="true: it expired an hour ago.")
    expires_in: Offset | None = Field(default=None, description="exp relative to now, such as -10s.")


class TestShape(Shape):
    """A request, and what must become of it."""

    __test__ = False  # pytest: not a test class

    service: Text
    request: RequestShape
    token: TokenShape | None = Field(default=None, description="None: an anonymous call.")
    expect: Expect
    name: Text | None = None


class PolicyShape(Shape):
    """A whole policy.yaml."""

    trust_domain: TrustDomain = Field(description="The mesh's name; audiences and workload names end in it.")
    issuers: dict[IssuerName, IssuerShape] = {}
    services: dict[ServiceName, ServiceShape]
    tests: list[TestShape] = []


class _Generator(GenerateJsonSchema):
    """A default is what reading gives, and not what an author would write: the descriptions tell it."""

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        """The schema of the value alone."""
        return self.generate_inner(schema["schema"])


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a policy document, for editors."""
    schema = _without_null(PolicyShape.model_json_schema(schema_generator=_Generator))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Sidegate policy"}


def _without_null(schema: Any) -> Any:
    """An optional key is left out, and never written with nothing after it."""
    if isinstance(schema, list):
        return [_without_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name != "title" or not isinstance(value, str)}
    if len(choices) == 1:
        rest = {**choices[0], **{name: value for name, value in rest.items() if name != "anyOf"}}
    return {name: _without_null(value) for name, value in rest.items()}
