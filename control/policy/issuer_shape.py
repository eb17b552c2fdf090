"""The shape of an issuer: built in, by a provider's preset, or spelled out. Whether its keys are there and strong is
asked by ``issuer_section``.
"""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from sidecar.contract.snapshot import ClaimPath

from . import presets
from .claim_paths import ClaimPathsText, ClaimPathText
from .durations import Leeway, Lifetime
from .problems import quoted
from .shape_base import Shape
from .values import Text, Variable, host_name, said, text


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        if not value:
            raise said("must not be empty")
        return [text(item) for item in value]
    return [text(value)]


def url(value: Any) -> str:
    """An http or https URL without a query, a fragment or anybody's password."""
    word = text(value)
    try:
        parts = urlsplit(word)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound or not word.isascii() or not word.isprintable() or any(mark in word for mark in ' ?#@"<>\\'):
        raise said(f"{quoted(word)} is no URL: write https://HOST/PATH")
    return word


def _version(value: Any) -> str:
    return str(value) if type(value) is int else text(value)


def _segment(value: Any) -> str:
    word = text(value)
    if not word.isascii() or not word.replace("-", "").replace("_", "").replace(".", "").replace("~", "").isalnum():
        raise said(f"{quoted(word)} cannot stand in a URL: letters, digits, '-', '_' and '.'")
    return word


_STRING = WithJsonSchema({"type": "string", "minLength": 1})
Texts = Annotated[
    list[str],
    PlainValidator(_texts),
    WithJsonSchema({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
Url = Annotated[str, PlainValidator(url), WithJsonSchema({"type": "string", "examples": ["https://issuer.test/jwks"]})]
Segment = Annotated[str, PlainValidator(_segment), _STRING]
Version = Annotated[str, PlainValidator(_version), WithJsonSchema({"enum": [1, 2, "1", "2"]})]
Domain = Annotated[str, PlainValidator(host_name), _STRING]


class SecretShape(Shape):
    """A shared secret, read from control's own environment when a snapshot is compiled."""

    env: Variable = Field(description="The name of the variable; its value never stands in the policy.")


class JwksShape(Shape):
    """Where an issuer's keys are: exactly one of these."""

    file: Text | None = Field(default=None, description="A JWKS or PEM file beside the policy.")
    url: Url | None = Field(default=None, description="Where control fetches the JWKS, and fetches it again.")
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
    """Where an issuer keeps what Sidegate needs; a dotted path, or a list of steps. Several places: a list of lists, or
    {any_of: [PATH, PATH]}."""

    subject: ClaimPathsText = Field(default=(), description="sub when left out; of two places, the first found.")
    scopes: ClaimPathsText = Field(default=(), description="scope when left out; all that stands in any place.")
    client: ClaimPathsText = Field(default=(), description="client_id, else azp, when left out; the first found.")
    roles: ClaimPathsText = Field(default=(), description="roles when left out; all that stands in any place.")
    audience: ClaimPathText = Field(default=("aud",), description="aud when left out.")


class IssuerShape(Shape):
    """Whose tokens count: the built-in issuer, a provider's, or one from outside with its audience and keys."""

    builtin: bool = Field(default=False, description="Tokens that control itself issues; at most one such issuer.")
    preset: Literal["auth0", "okta", "ping", "keycloak", "entra", "cognito", "google"] | None = Field(
        default=None, description="A provider whose issuer, keys and claims are known."
    )
    domain: Domain | None = Field(default=None, description="auth0, okta, ping: the tenant's host name.")
    server: Segment | None = Field(default=None, description="okta: the authorization server; default when left out.")
    environment: Segment | None = Field(default=None, description="ping: the environment id of PingOne.")
    region: Segment | None = Field(default=None, description="ping: na (when left out), eu, ca, ap, au or sg.")
    url: Url | None = Field(default=None, description="keycloak; ping (PingFederate): the base URL.")
    realm: Segment | None = Field(default=None, description="keycloak: the realm.")
    tenant: Segment | None = Field(default=None, description="entra: the tenant's id.")
    version: Version | None = Field(default=None, description="entra: 1 or 2 (when left out), the token's version.")
    user_pool: Segment | None = Field(default=None, description="cognito: the id of the user pool.")
    issuer: Text | None = Field(default=None, description="The exact iss of its tokens.")
    aliases: list[Text] = Field(default=[], description="Other spellings of iss that it uses.")
    audience: Texts | None = Field(
        default=None, description="The aud that its tokens must carry; one of them. Mandatory."
    )
    jwks: JwksShape | None = Field(default=None, description="Its keys; by OIDC discovery when left out.")
    allow_http: bool = Field(default=False, description="Keys may come over plain http: for a network of your own.")
    algorithms: list[Text] | None = Field(default=None, description="Derived from the keys when left out.")
    leeway: Leeway = Field(default=5, description="How far clocks may differ; 5s when left out, 10m at most.")
    token_type: Literal["any", "at+jwt"] = Field(
        default="any", description="at+jwt: only access tokens that say so (RFC 9068)."
    )
    max_lifetime: Lifetime | None = Field(default=None, description="The longest exp - iat that counts.")
    require_claims: list[ClaimPathText] = Field(default=[], description="Claims that every token must have.")
    claims: ClaimMapShape = Field(default_factory=ClaimMapShape)

    @model_validator(mode="after")
    def _whole(self) -> "IssuerShape":
        given = set(self.model_fields_set)
        if self.builtin:
            first = min(given - {"builtin", "leeway", "max_lifetime"}, default=None)
            if first:
                raise said(f"{first} does not go with builtin: control knows its own issuer, keys and audience", first)
            return self
        if self.preset is None:
            if first := next((key for key in presets.KEYS if key in given), None):
                raise said(f"{first} belongs to a preset: write preset: one of {', '.join(presets.NAMES)}", first)
            if self.issuer is None:
                raise said("needs builtin: true, a preset, or issuer and audience")
        elif self.issuer is not None:
            raise said(f"issuer does not go with preset: {self.preset} knows it", "issuer")
        if self.audience is None:
            raise said("audience is missing: without one, a token meant for another would be accepted")
        return self

    def preset_keys(self) -> dict[str, str]:
        """The preset's own keys that were given."""
        return {key: value for key in presets.KEYS if (value := getattr(self, key)) is not None}

    def required(self) -> tuple[ClaimPath, ...]:
        """``require_claims``, once each."""
        return tuple(dict.fromkeys(self.require_claims))
