"""The shape of a policy document: what ``policy.yaml`` may hold, and what the JSON Schema is made from. Issuers and
services have shapes of their own (``issuer_shape``, ``service_shape``).

Only the shape: whether names refer to something, whether routes hide one another and whether keys are strong is
asked by ``load``, ``shadow`` and ``sidecar.authn.keys``.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import WithDefaultSchema

from sidecar.contract.reasons import Reason

from .durations import Offset
from .fields import HeaderValue
from .issuer_shape import IssuerShape
from .rules import Expectation, expectation
from .service_shape import ServiceShape
from .shape_base import Shape
from .values import Address, IssuerName, IssuerReference, Method, ServiceName, Text, TrustDomain

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

Expect = Annotated[Expectation, PlainValidator(expectation), WithJsonSchema(_EXPECT_SCHEMA)]


class RequestShape(Shape):
    """A request to decide on; no body, since no rule reads it."""

    path: Text = Field(description="With its query, if a rule reads it.")
    method: Method = "GET"
    host: Text | None = Field(default=None, description="The Host that was called; the service's own when left out.")
    headers: dict[str, HeaderValue] = Field(default={}, description="What rules may look at, and credentials.")
    address: Address | None = Field(default=None, description="Where the call comes from; 192.0.2.1 when left out.")


class TokenShape(BaseModel):
    """The claims of a test's token. iss, aud, sub, iat and exp are filled in where they are left out, so that the
    token is a good one but for what the test says."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    issuer: IssuerReference | None = Field(default=None, description="The name of an issuer of the policy.")
    caller: Text | None = Field(default=None, description="A service or workload: its own token.")
    expired: bool = Field(default=False, description="true: it expired an hour ago.")
    expires_in: Offset | None = Field(default=None, description="exp relative to now, such as -10s.")


class TestShape(Shape):
    """A request, and what must become of it."""

    __test__ = False  # pytest: not a test class

    service: Text
    request: RequestShape
    token: TokenShape | None = Field(default=None, description="None: an anonymous call.")
    expect: Expect
    shadow: list[Text] | None = Field(default=None, description="What shadow rules would have refused; [] for nothing.")
    name: Text | None = None


class PolicyShape(Shape):
    """A whole policy.yaml."""

    trust_domain: TrustDomain = Field(description="The mesh's name; audiences and workload names end in it.")
    issuers: dict[IssuerName, IssuerShape] = Field(default={})
    services: dict[ServiceName, ServiceShape]
    tests: list[TestShape] = Field(default=[])


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
    if len(choices) > 1:
        rest["anyOf"] = choices
    elif choices:
        rest = {**choices[0], **{name: value for name, value in rest.items() if name != "anyOf"}}
    return {name: _without_null(value) for name, value in rest.items()}
