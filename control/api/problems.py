"""Every refusal as ``application/problem+json`` (RFC 9457), with a stable ``code`` and a sentence.

``type`` is the code as a URN and ``instance`` the request's id, which the log has too. What was sent is never quoted
back: it may hold a secret. A bug is 500 with nothing in it; the log has more.
"""

import json
import logging
import math
import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy import exc
from starlette.exceptions import HTTPException
from starlette.responses import Response

from control.errors import Conflict, ControlError, Denied, Invalid, NotFound, Stale
from control.policy import PolicyErrors, Problem
from control.store.audit import REQUEST

MEDIA_TYPE = "application/problem+json"
MAX_PROBLEMS = 200
RETRY_AFTER_S = 2
UNAVAILABLE = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError)
"""The database is away, full or locked; nothing was changed."""

_PHRASES = {413: "Content Too Large", 422: "Unprocessable Content"}
"""Of RFC 9110, where Python's own are older."""
_FULL = "Control's database has no room left, and nothing was changed. Try again when there is some."
_log = logging.getLogger("control")

_STATUS_OF = ((NotFound, 404), (Stale, 412), (Conflict, 409), (Invalid, 422), (Denied, 403))
_CODES = {
    400: "malformed_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "request_timeout",
    409: "conflict",
    412: "precondition_failed",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "too_many_attempts",
    500: "internal_error",
    503: "unavailable",
    505: "version_not_supported",
}
_SENTENCES = {
    400: "The request's body could not be read: it should be JSON in UTF-8.",
    404: "There is nothing at this path.",
    405: "This path does not offer that method.",
}


class Refusal(Exception):  # noqa: N818 - a noun of HTTP
    """A request that is not served, said in HTTP's words."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.members = status, detail, dict(headers or {}), members

    def response(self) -> Response:
        """As a problem document."""
        return problem(self.status, self.detail, headers=self.headers, **self.members)


def begin_request() -> str:
    """A new id for the request that this task answers."""
    made = str(uuid.uuid4())
    REQUEST.set(made)
    return made


def unauthorized(detail: str) -> Refusal:
    """401 with the challenge that RFC 6750 section 3 asks for."""
    return Refusal(401, detail, headers={"WWW-Authenticate": 'Bearer realm="control"'})


def too_many(retry_after_s: float) -> Refusal:
    """429, saying when to come back."""
    seconds = max(1, math.ceil(retry_after_s))
    detail = f"Too many failed attempts. Try again in {seconds} s."
    return Refusal(429, detail, headers={"Retry-After": str(seconds)})


def problem(status: int, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any) -> Response:
    """One problem document. ``members`` are extensions; ``code`` among them replaces the status's own word."""
    document = _document(status, detail, REQUEST.get(), **members)
    return Response(json.dumps(document), status, dict(headers or {}), MEDIA_TYPE)


def example(status: int, detail: str) -> dict[str, Any]:
    """What a refusal of that status looks like."""
    return _document(status, detail, "")


def _document(status: int, detail: str, request_id: str, **members: Any) -> dict[str, Any]:
    code = members.pop("code", _CODES.get(status, "refused"))
    return {
        "type": f"urn:sidegate:problem:{code}",
        "title": _PHRASES.get(status) or HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "instance": f"urn:uuid:{request_id or uuid.UUID(int=0)}",
        **members,
    }


def unavailable(error: Exception) -> Refusal:
    """503: the store cannot be asked now. The log says why."""
    _log.error("the database cannot be used (request %s): %s", REQUEST.get(), getattr(error, "orig", error))
    said = _FULL if _is_full(error) else "Control cannot use its database now. Try again."
    return Refusal(503, said, headers={"Retry-After": str(RETRY_AFTER_S)})


def _is_full(error: Exception) -> bool:
    cause = getattr(error, "orig", None)
    return getattr(cause, "sqlite_errorname", "") == "SQLITE_FULL" or getattr(cause, "sqlstate", "") == "53100"


def install(app: FastAPI) -> None:
    """Makes ``app`` refuse in this form and in no other."""
    app.add_exception_handler(Refusal, _refusal)
    app.add_exception_handler(ControlError, _control_error)
    app.add_exception_handler(PolicyErrors, _policy_errors)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(exc.DataError, _not_kept)
    for kind in UNAVAILABLE:
        app.add_exception_handler(kind, _unavailable)
    app.add_exception_handler(Exception, _bug)


def plain_problems(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    """A policy's problems as JSON, each with its line and its place."""
    return [{"line": p.line, "path": p.path, "message": p.message} for p in problems[:MAX_PROBLEMS]]


async def _refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - registered for this type alone
    return error.response()


async def _control_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ControlError)  # noqa: S101 - registered for this type alone
    status = next((status for kind, status in _STATUS_OF if isinstance(error, kind)), 400)
    return problem(status, str(error), code=error.code)


async def _policy_errors(_request: Request, error: Exception) -> Response:
    assert isinstance(error, PolicyErrors)  # noqa: S101 - registered for this type alone
    count = len(error.problems)
    detail = f"The policy has {count} {'problem' if count == 1 else 'problems'}; nothing was changed."
    return problem(422, detail, code="invalid_policy", problems=plain_problems(error.problems))


async def _validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type alone
    if any(item["type"] == "json_invalid" for item in error.errors()):
        return problem(400, _SENTENCES[400])
    errors = [
        {"where": ".".join(str(step) for step in item["loc"])[:200], "message": str(item["msg"])}
        for item in error.errors()[:MAX_PROBLEMS]
    ]
    first = f"{errors[0]['where']}: {errors[0]['message']}"
    return problem(422, f"The request does not fit: {first}.", errors=errors)


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type alone
    detail = _SENTENCES.get(error.status_code, HTTPStatus(error.status_code).phrase + ".")
    return problem(error.status_code, detail, headers=error.headers)


async def _unavailable(_request: Request, error: Exception) -> Response:
    return unavailable(error).response()


async def _not_kept(_request: Request, _error: Exception) -> Response:
    # PostgreSQL's text has no U+0000. Where SQLite takes it there is one here and there that nobody minds.
    return problem(422, "The request holds a character, or a number, that the database cannot keep: such as U+0000.")


async def _bug(_request: Request, _error: Exception) -> Response:
    # Starlette raises the error again after this answer, and the server logs it.
    return problem(500, "Control has a fault here; its log says more.", code="internal_error")
