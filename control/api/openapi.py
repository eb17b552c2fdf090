"""The OpenAPI 3.1 document: what FastAPI derives from the endpoints, and what all of them have in common.

``described`` lets in what it offers and nothing else; a test holds ``docs/openapi.json`` equal to it. It stays behind
the credential, like everything under ``/v1``: who may not ask control need not know which control it is.
"""

import json
import sys
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from .gate import is_guarded
from .problems import example

TITLE = "Sidegate control"
ABOUT = """The admin API of a mesh, its token endpoint and its probes.

Everything under `/v1` needs `Authorization: Bearer CREDENTIAL`. Every refusal is `application/problem+json` (RFC 9457).
Lists come in pages, answers to GET have an `ETag`, changes honour `If-Match`. What is not known here, a key or a query
parameter, is refused."""
ALWAYS = (400, 408, 413, 500, 503)
GUARDED = (401, 403, 406, 422, 429)
SAID = {
    304: "The caller has it already: If-None-Match names its ETag.",
    400: "It cannot be read.",
    401: "No credential that counts.",
    403: "The credential may not do this.",
    404: "There is no such thing.",
    406: "Accept excludes what there is.",
    408: "The body came too slowly.",
    409: "The state is against it.",
    412: "If-Match holds no longer.",
    413: "The body is too large.",
    415: "The body is of another media type.",
    422: "It was read and is not possible.",
    429: "Too many wrong credentials from there.",
    500: "A fault of control; its log says more.",
    503: "Control cannot use its database now.",
}
_RETRY = {"Retry-After": {"description": "Seconds.", "required": True, "schema": {"type": "string"}}}
_TEXT = {"schema": {"type": "string"}}
_HEADERS = {
    401: {"WWW-Authenticate": {"description": "RFC 6750.", "required": True, **_TEXT}},
    429: _RETRY,
    503: _RETRY,
}
_ETAG = {"ETag": {"description": "The tag of what there is now.", **_TEXT}}
_LOCATION = {"Location": {"description": "Where it is.", **_TEXT}}
_LINK = {"Link": {"description": "The next page, if there is one (RFC 8288).", **_TEXT}}
PROBLEM = {
    "title": "Problem",
    "description": "A refusal (RFC 9457). `code` is stable; `errors` and `problems` name places.",
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["where", "message"],
                "properties": {"where": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "problems": {"type": "array", "items": {"$ref": "#/components/schemas/PlainProblem"}},
    },
}


def install(app: FastAPI) -> None:
    """Makes ``app`` describe itself with this document."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(_derived(app))
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way of saying so


def text(app: FastAPI) -> str:
    """The document as it is kept in ``docs``: the same for every version number."""
    document = app.openapi()
    return json.dumps({**document, "info": {**document["info"], "version": "0"}}, indent=1, sort_keys=True) + "\n"


def _derived(app: FastAPI) -> dict[str, Any]:
    return get_openapi(
        title=TITLE, version=version("sidegate"), description=ABOUT, routes=app.routes, tags=app.openapi_tags
    )


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM
    document["components"]["securitySchemes"]["client"] = {
        "type": "http",
        "scheme": "basic",
        "description": "A client_id and its secret (RFC 6749 section 2.3.1).",
    }
    document["components"]["securitySchemes"]["registration"] = {
        "type": "http",
        "scheme": "bearer",
        "description": "The registration access token of the client (RFC 7592).",
    }
    document["components"]["responses"] = {f"Problem{status}": _refusal(status) for status in SAID if status != 304}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _complete(path, method, operation)
    _link(document["paths"])
    return document


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    responses, guarded = operation["responses"], is_guarded(path)
    parameters = operation.setdefault("parameters", [])
    insists = [one for one in parameters if one["name"] == "If-Match"]
    for parameter in insists:
        parameter["schema"] = {"type": "string", "pattern": TAGS}
    responses.pop("422", None)
    for status in (*ALWAYS, *(GUARDED if guarded else ())):
        responses.setdefault(str(status), {})
    if guarded:
        if "{" in path:
            responses.setdefault("404", {})
        if "requestBody" in operation:
            responses["415"] = {}
        if operation["security"][0]["operator"][1].endswith(":write"):
            responses.setdefault("409", {})
        if insists:
            responses["412"] = {}
    for status, answer in responses.items():
        if int(status) >= 400:
            responses[status] = _refused(int(status), answer)
    if method == "get" and "application/json" in responses.get("200", {}).get("content", ()):
        parameters.append(_if_none_match())
        responses["304"] = {"description": SAID[304], "headers": _ETAG}
        _add_headers(responses["200"], _ETAG)
    elif insists:
        for status in ("200", "201"):
            if status in responses:
                _add_headers(responses[status], _ETAG)
    if any(one["name"] == "cursor" for one in parameters):
        _add_headers(responses["200"], _LINK)
    operation["responses"] = dict(sorted(responses.items()))
    if not parameters:
        del operation["parameters"]


def _link(paths: dict[str, Any]) -> None:
    """What was made can be asked for: the links from a 201 to the endpoints of the thing itself."""
    for path, methods in paths.items():
        made = methods.get("post", {}).get("responses", {}).get("201")
        if made is None:
            continue
        place, name = ("/v1/versions/{version}", "version") if path == "/v1/policy" else (path + "/{key}", "id")
        below = [one for where, some in paths.items() if where.startswith(place) for one in some.values()]
        if below:
            parameters = {place.rpartition("{")[2][:-1]: f"$response.body#/{name}"}
            _add_headers(made, _LOCATION if place in paths and "get" in paths[place] else {})
            made["links"] = {
                one["operationId"]: {"operationId": one["operationId"], "parameters": parameters} for one in below
            }


def _refused(status: int, said: dict[str, Any]) -> dict[str, Any]:
    """What is ``said`` of a refusal, made whole."""
    if not said:
        return {"$ref": f"#/components/responses/Problem{status}"}
    whole = _refusal(status)
    headers = {**whole.get("headers", {}), **said.get("headers", {})}
    answer = {"description": said["description"], "content": {**whole["content"], **said.get("content", {})}}
    return {**answer, "headers": headers} if headers else answer


def _add_headers(answer: dict[str, Any], more: dict[str, Any]) -> None:
    answer["headers"] = {**answer.get("headers", {}), **more}


def _if_none_match() -> dict[str, Any]:
    return {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "Tags that the caller has, or *.",
        "schema": {"type": "string", "pattern": TAGS},
    }


TAGS = r'^(\*|(W/)?"[!#-~]*"(, *(W/)?"[!#-~]*")*)$'
"""Entity tags as they are usually written."""


def _refusal(status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": SAID[status],
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": example(status, SAID[status]),
            }
        },
    }
    return {**answer, "headers": _HEADERS[status]} if status in _HEADERS else answer


if __name__ == "__main__":
    from .app import rooms

    sys.stdout.write(text(rooms()))
