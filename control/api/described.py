"""What the OpenAPI document does not offer is refused: methods, parameters, media types (RFC 9110 section 15.5).

One ASGI layer that reads the document, so that document and behaviour are one thing. It also answers HEAD wherever
there is GET (section 9.3.2). Knows nothing of what the endpoints do. What is not in the document passes.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import bodies
from .gate import is_guarded, replay
from .problems import Refusal

MAX_QUERY_FIELDS = 50
_JSON = "application/json"
_PARAMETER = re.compile(r"\{[^}]+\}")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    query: frozenset[str]
    takes: frozenset[str]
    gives: frozenset[str]


@dataclass(frozen=True, slots=True)
class Place:
    """One path, and what it offers."""

    pattern: re.Pattern[str]
    operations: Mapping[str, Operation]

    @property
    def allow(self) -> str:
        """For the field of that name (RFC 9110 section 10.2.1)."""
        return ", ".join(sorted({*self.operations, *(("HEAD",) if "GET" in self.operations else ())}))


class Described:
    """Wraps the application that ``document`` describes."""

    def __init__(self, app: ASGIApp, document: Mapping[str, Any]) -> None:
        # Paths without a parameter come first, as the router has them.
        self._app, self._places = app, sorted(_places(document), key=lambda place: place.pattern.groups)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        place = self._at(scope["path"]) if scope["type"] == "http" else None
        if place is None:
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        if method == "HEAD" and "GET" in place.operations:
            scope, send, method = {**scope, "method": "GET"}, _without_body(send), "GET"
        try:
            if method not in place.operations:
                raise Refusal(405, "This path does not offer that method.", headers={"Allow": place.allow})
            if is_guarded(scope["path"]):
                _check(place.operations[method], scope)
                if _JSON in place.operations[method].takes:
                    body = (await receive())["body"]  # all of it: the gate has seen to that
                    bodies.check(body)
                    receive = replay(body, receive)
        except Refusal as refusal:
            await refusal.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _at(self, path: str) -> Place | None:
        return next((place for place in self._places if place.pattern.fullmatch(path)), None)


def _places(document: Mapping[str, Any]) -> Iterator[Place]:
    for path, methods in document["paths"].items():
        literal = [re.escape(piece) for piece in _PARAMETER.split(path)]
        yield Place(
            re.compile("([^/]+)".join(literal)),
            {method.upper(): _operation(methods, said) for method, said in methods.items() if method != "parameters"},
        )


def _operation(path: Mapping[str, Any], said: Mapping[str, Any]) -> Operation:
    parameters = [*path.get("parameters", ()), *said.get("parameters", ())]
    good = [answer for status, answer in said["responses"].items() if status < "3"]
    gives = {media for answer in good for media in answer.get("content", ())}
    return Operation(
        frozenset(one["name"] for one in parameters if one["in"] == "query"),
        frozenset(said.get("requestBody", {}).get("content", ())),
        frozenset(gives or {_JSON}),
    )


def _check(operation: Operation, scope: Scope) -> None:
    headers = Headers(scope=scope)
    _check_query(operation, scope["query_string"])
    _check_accept(operation, headers)
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    if operation.takes and has_body:
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in operation.takes:
            takes = " or ".join(sorted(operation.takes))
            raise Refusal(415, f"The body should be {takes}, and say so in Content-Type.")
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise Refusal(415, "The body should not be compressed.", headers={"Accept-Encoding": "identity"})


def _check_query(operation: Operation, query: bytes) -> None:
    try:
        fields = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS, errors="strict"
        )
    except ValueError:
        raise Refusal(400, "The query cannot be read.") from None
    names = [name for name, _ in fields]
    if not set(names) <= operation.query:
        known = ", ".join(sorted(operation.query)) or "none"
        raise Refusal(422, f"The query has a parameter that is not known here; known are: {known}.")
    if len(set(names)) != len(names):
        raise Refusal(422, "The query says one parameter twice.")


def _check_accept(operation: Operation, headers: Headers) -> None:
    said = ", ".join(headers.getlist("accept")).strip()
    if not said:
        return
    if not any(_accepts(said, media) for media in operation.gives):
        raise Refusal(406, f"There is {' or '.join(sorted(operation.gives))} here, and Accept excludes it.")


def _accepts(accept: str, media: str) -> bool:
    """RFC 9110 section 12.5.1: the most specific range that matches says whether."""
    best, weight = 0, 0.0
    for item in accept.split(","):
        range_, *parameters = (part.strip().lower() for part in item.split(";"))
        rank = {media: 3, media.partition("/")[0] + "/*": 2, "*/*": 1}.get(range_, 0)
        if rank > best:
            best, weight = rank, _weight(parameters)
    return weight > 0


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return 0.0 if re.fullmatch(r"0(\.0{0,3})?", value.strip()) else 1.0
    return 1.0


def _without_body(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return sending
