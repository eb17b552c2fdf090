"""One request to the token endpoint, read strictly before Authlib sees it.

Refused here, because guessing is how one client's request becomes another's: a parameter that stands twice
(RFC 6749 section 3.2), two ways to authenticate at once (section 2.3), what is no form, and what is too large.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Request
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7523.client import ASSERTION_TYPE

MAX_BODY_BYTES = 64 * 1024
MAX_PARAMETERS = 100
_REPEATABLE = frozenset({"resource", "audience"})  # RFC 8707 section 2, RFC 8693 section 2.1


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """The form's parameters; ``resources`` are the audiences asked for, None if there are none; ``services`` are those
    that are asked for by name (the ``audience`` of RFC 8693)."""

    authorization: str | None = field(repr=False)
    parameters: Mapping[str, str] = field(repr=False)
    resources: tuple[str, ...] | None
    services: tuple[str, ...] = ()


def read_token_request(headers: Mapping[str, str], body: bytes, needs: str = "grant_type") -> TokenRequest:
    """The request; raises Authlib's InvalidRequestError for one that is not well formed."""
    lowered = {name.lower(): value for name, value in headers.items()}
    if lowered.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise InvalidRequestError("The body is to be application/x-www-form-urlencoded")
    pairs = _pairs(body)
    # RFC 6749 section 3.2: a parameter without a value counts as left out.
    single = [(name, value) for name, value in pairs if name not in _REPEATABLE and value]
    parameters = dict(single)
    if len(parameters) != len(single):
        raise InvalidRequestError("A parameter is repeated")
    if needs and not parameters.get(needs):
        raise InvalidRequestError(f"{needs} is missing")
    authorization = lowered.get("authorization")
    _check_one_authentication(authorization, parameters)
    resources = tuple(value for name, value in pairs if name == "resource" and value)
    services = tuple(value for name, value in pairs if name == "audience" and value)
    return TokenRequest(authorization, parameters, resources or None, services)


def _pairs(body: bytes) -> list[tuple[str, str]]:
    if len(body) > MAX_BODY_BYTES:
        raise InvalidRequestError("The body is too large")
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError as error:
        raise InvalidRequestError("The body is not a form") from error


def _check_one_authentication(authorization: str | None, parameters: Mapping[str, str]) -> None:
    ways = (authorization is not None, "client_secret" in parameters, "client_assertion" in parameters)
    if sum(ways) > 1:
        raise InvalidRequestError("The client authenticates in two ways at once")
    if ("client_assertion" in parameters) != (parameters.get("client_assertion_type") == ASSERTION_TYPE):
        raise InvalidRequestError("client_assertion and its client_assertion_type go together")
    name = None if authorization is None else basic_user(authorization)
    if name is not None and parameters.get("client_id", name) != name:
        raise InvalidRequestError("client_id is not the one that authenticates")


def basic_user(authorization: str) -> str | None:
    """The user name in an HTTP Basic credential (RFC 7617), or None if it is none that can be read."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, _ = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (
        unquote(user) if colon else None
    )  # RFC 6749 section 2.3.1: written as in a form, which Authlib undoes likewise


class AuthlibRequest(OAuth2Request):  # type: ignore[misc]  # Authlib has no types
    """The same as Authlib wants it."""

    def __init__(self, request: TokenRequest) -> None:
        # Authlib refuses plain http by the URI. Whether TLS ends here or before us is not its to know, so it gets
        # a URI that says https; a credential that cannot be read is not given to it at all, since it would raise.
        headers = {}
        if request.authorization is not None and basic_user(request.authorization) is not None:
            headers["Authorization"] = request.authorization
        super().__init__("POST", "https://token.invalid/", headers=headers)
        self.payload = BasicOAuth2Payload(dict(request.parameters))
        self.resources, self.services = request.resources, request.services

    @property
    def form(self) -> Mapping[str, str]:
        """The parameters of the body."""
        parameters: Mapping[str, str] = self.payload.data
        return parameters
