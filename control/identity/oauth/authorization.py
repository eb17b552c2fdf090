"""The authorization endpoint without its pages: look at a request, then allow or deny it.

Nothing is remembered between the look and the answer: the page hands the same query in again, and it is looked at
again. What cannot be believed of the client or of its redirect URI is never answered by a redirect (RFC 6749 section
4.1.2.1); every redirect says who we are (RFC 9207). Knows nothing of HTML, cookies or who signs in.
"""

from typing import Any
from urllib.parse import parse_qsl

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidRequestError, OAuth2Error

from control.errors import Invalid
from control.identity.token_request import MAX_PARAMETERS, AuthlibRequest, TokenRequest

from .question import Question, max_age_of, prompt_of
from .token_grants import refused

MAX_QUERY = 16_384
MAX_NONCE = 500


class Refused(Exception):  # noqa: N818 - a noun
    """The request is not to be allowed. ``location``: where the browser goes, or None to show a page here."""

    def __init__(self, error: str, description: str, location: str | None) -> None:
        super().__init__(description)
        self.error, self.description, self.location = error, description, location


class Authorization:
    """The endpoint, over the server of the token endpoint. Thread-safe."""

    def __init__(self, server: Any, issuer: str) -> None:
        self._server, self._issuer = server, issuer

    def look(self, query: str) -> Question:
        """What the query asks for; Refused."""
        return self._checked(query)[1]

    def at_once(self, query: str, subject: str | None, auth_time: int | None, *, fresh: bool = False) -> str | None:
        """Where the browser of ``subject`` (None: nobody has signed in) goes without a page: with a code, since they
        allowed as much before. None if a page is to ask; Refused also where ``prompt=none`` wants no page.
        ``fresh``: they signed in for this very request, which is all that ``prompt`` and ``max_age`` can ask for."""
        request, question = self._checked(query)
        if subject is None or (not fresh and question.must_sign_in(auth_time, self._server.tokens.now())):
            lacking = "login_required"
        elif not question.may_be_remembered or not self._server.grants.remembers(subject, question):
            lacking = "consent_required"
        else:
            return self.allow(query, subject, auth_time, fresh=fresh)
        if "none" in question.prompt:
            raise self._refused(_lacking(lacking, question), request)
        return None

    def allow(self, query: str, subject: str, auth_time: int | None = None, *, fresh: bool = False) -> str:
        """``subject``, who signed in at ``auth_time`` (``fresh``: for this very request, and then took their time to
        read), said yes: where the browser goes, with a code. Refused."""
        request, question = self._checked(query)
        if not fresh and question.is_too_old(auth_time, self._server.tokens.now()):
            late = OAuth2Error(
                "they signed in too long ago", error="login_required", redirect_uri=question.redirect_uri
            )
            raise self._refused(late, request)
        self._take(request, subject)
        data = request.payload.data
        code = self._server.grants.begin(
            question.client_id,
            subject,
            " ".join(question.scopes),
            question.audience,
            data.get("redirect_uri", ""),
            data["code_challenge"],
            nonce=data.get("nonce", ""),
            auth_time=auth_time,
        )
        state = {"state": data["state"]} if data.get("state") else {}
        return self._with_issuer(add_params_to_uri(question.redirect_uri, [("code", code), *state.items()]))

    def deny(self, query: str) -> str:
        """The person said no: where the browser goes, with ``access_denied``. Refused."""
        request, question = self._checked(query)
        self._take(request, "")
        error = AccessDeniedError(redirect_uri=question.redirect_uri, state=request.payload.state)
        return self._location(error) or question.redirect_uri

    def _checked(self, query: str) -> tuple[AuthlibRequest, Question]:
        request: AuthlibRequest | None = None
        try:
            request = self._request(query)
            grant = self._server.get_authorization_grant(request)
            redirect_uri = grant.validate_authorization_request()
            return request, self._question(request, redirect_uri)
        except OAuth2Error as error:
            raise self._refused(error, request) from error

    def _request(self, query: str) -> AuthlibRequest:
        """What the query says, or what the client sent ahead under the name that it says (RFC 9126 section 4)."""
        request, pushed = _read(query), self._server.pushed
        request.pushed = ""
        data = request.payload.data
        name = data.get("request_uri", "")
        if pushed is None or not name.startswith("urn:ietf:params:oauth:request_uri:"):
            return request
        found = pushed.find(name, data.get("client_id", ""))
        if found is None:
            raise OAuth2Error("it is not known, or not any more", error="invalid_request_uri")
        request = _read(found)
        request.pushed = name
        return request

    def _take(self, request: AuthlibRequest, subject: str) -> None:
        """What was sent ahead is answered once."""
        if request.pushed and not self._server.pushed.take(request.pushed, subject):
            raise Refused("invalid_request_uri", "it was answered already", None)

    def _question(self, request: AuthlibRequest, redirect_uri: str) -> Question:
        data, client = request.payload.data, request.client
        if "request" in data or "request_uri" in data:  # OpenID Connect Core section 3.1.2.6
            kind = "request_not_supported" if "request" in data else "request_uri_not_supported"
            raise OAuth2Error("requests come as parameters", error=kind, redirect_uri=redirect_uri)
        if data.get("response_mode", "query") != "query" or len(data.get("nonce", "")) > MAX_NONCE:
            raise InvalidRequestError("response_mode is query, and a nonce is short", redirect_uri=redirect_uri)
        scopes = tuple(request.scope.split(" ")) if request.scope else ()
        try:
            audience = self._server.tokens.audiences_for(client.application, request.resources, scopes)
            prompt, max_age = prompt_of(data), max_age_of(data)
        except Invalid as error:
            told = refused(error)
            told.redirect_uri = redirect_uri
            raise told from error
        return Question(
            client_id=client.client_id,
            name=client.application.name,
            scopes=scopes,
            audience=tuple(audience),
            redirect_uri=redirect_uri,
            prompt=prompt,
            max_age=max_age,
            login_hint=data.get("login_hint", ""),
            is_public=client.is_public,
        )

    def _refused(self, error: OAuth2Error, request: AuthlibRequest | None) -> Refused:
        error.state = None if request is None else request.payload.state
        return Refused(error.error, error.description or error.error, self._location(error))

    def _location(self, error: OAuth2Error) -> str | None:
        if not error.redirect_uri:
            return None
        return self._with_issuer(add_params_to_uri(error.redirect_uri, error.get_body()))

    def _with_issuer(self, location: str) -> str:
        added: str = add_params_to_uri(location, [("iss", self._issuer)])
        return added


def _lacking(error: str, question: Question) -> OAuth2Error:
    """OpenID Connect Core section 3.1.2.6."""
    return OAuth2Error("a page would have to be shown", error=error, redirect_uri=question.redirect_uri)


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
