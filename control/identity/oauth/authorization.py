"""The authorization endpoint without its pages: look at a request, then allow or deny it.

Nothing is remembered between the look and the answer: the page hands the same query in again, and it is looked at
again. What cannot be believed of the client or of its redirect URI is never answered by a redirect (RFC 6749 section
4.1.2.1); every redirect says who we are (RFC 9207). Knows nothing of HTML, cookies or who signs in.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidRequestError, OAuth2Error

from control.errors import Invalid
from control.identity.token_request import MAX_PARAMETERS, AuthlibRequest, TokenRequest

from .token_grants import refused

MAX_QUERY = 16_384


class Refused(Exception):  # noqa: N818 - a noun
    """The request is not to be allowed. ``location``: where the browser goes, or None to show a page here."""

    def __init__(self, error: str, description: str, location: str | None) -> None:
        super().__init__(description)
        self.error, self.description, self.location = error, description, location


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked."""

    client_id: str
    name: str
    scopes: tuple[str, ...]
    audience: tuple[str, ...]
    redirect_uri: str


class Authorization:
    """The endpoint, over the server of the token endpoint. Thread-safe."""

    def __init__(self, server: Any, issuer: str) -> None:
        self._server, self._issuer = server, issuer

    def look(self, query: str) -> Question:
        """What the query asks for; Refused."""
        grant, question = self._checked(query)
        del grant
        return question

    def allow(self, query: str, subject: str) -> str:
        """``subject`` said yes: where the browser goes, with a code. Refused."""
        grant, question = self._checked(query)
        data = grant.request.payload.data
        code = self._server.grants.begin(
            question.client_id,
            subject,
            " ".join(question.scopes),
            question.audience,
            data.get("redirect_uri", ""),
            data["code_challenge"],
        )
        state = {"state": data["state"]} if data.get("state") else {}
        return self._with_issuer(add_params_to_uri(question.redirect_uri, [("code", code), *state.items()]))

    def deny(self, query: str) -> str:
        """The person said no: where the browser goes, with ``access_denied``. Refused."""
        grant, question = self._checked(query)
        error = AccessDeniedError(redirect_uri=question.redirect_uri, state=grant.request.payload.state)
        return self._location(error) or question.redirect_uri

    def _checked(self, query: str) -> tuple[Any, Question]:
        state: str | None = None
        try:
            request = _read(query)
            state = request.payload.state
            grant = self._server.get_authorization_grant(request)
            redirect_uri = grant.validate_authorization_request()
            return grant, self._question(request, redirect_uri)
        except OAuth2Error as error:
            error.state = state
            raise Refused(error.error, error.description or error.error, self._location(error)) from error

    def _question(self, request: AuthlibRequest, redirect_uri: str) -> Question:
        data, application = request.payload.data, request.client.application
        if "request" in data or "request_uri" in data:  # OpenID Connect Core section 3.1.2.6
            kind = "request_not_supported" if "request" in data else "request_uri_not_supported"
            raise OAuth2Error("requests come as parameters", error=kind, redirect_uri=redirect_uri)
        if data.get("response_mode", "query") != "query":
            raise InvalidRequestError("response_mode is query", redirect_uri=redirect_uri)
        try:
            audience = self._server.tokens.audiences_for(application, request.resources)
        except Invalid as error:
            told = refused(error)
            told.redirect_uri = redirect_uri
            raise told from error
        scopes = tuple(request.scope.split(" ")) if request.scope else ()
        return Question(application.client_id, application.name, scopes, tuple(audience), redirect_uri)

    def _location(self, error: OAuth2Error) -> str | None:
        if not error.redirect_uri:
            return None
        return self._with_issuer(add_params_to_uri(error.redirect_uri, error.get_body()))

    def _with_issuer(self, location: str) -> str:
        added: str = add_params_to_uri(location, [("iss", self._issuer)])
        return added


def _read(query: str) -> AuthlibRequest:
    """The request; Authlib's InvalidRequestError."""
    if len(query) > MAX_QUERY or not query.isascii():
        raise InvalidRequestError("The query is too long, or not of ASCII")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError as error:
        raise InvalidRequestError("The query is not of parameters") from error
    # RFC 6749 section 3.1: without a value it counts as left out, and none stands twice.
    single = [(name, value) for name, value in pairs if name != "resource" and value]
    parameters = dict(single)
    if len(parameters) != len(single):
        raise InvalidRequestError("A parameter is repeated")
    for name, value in parameters.items():
        # Authlib puts some of them into descriptions, which may hold these alone (RFC 6749 section 4.1.2.1).
        if name != "state" and not (value.isascii() and value.isprintable() and not set(value) & {'"', "\\"}):
            raise InvalidRequestError("A parameter holds a character that it cannot")
    resources = tuple(value for name, value in pairs if name == "resource" and value)
    return AuthlibRequest(TokenRequest(None, parameters, resources or None))
