"""The CORS protocol of the Fetch standard: which origins may read an answer, and what a preflight is told.

Which of a path's methods may be called is asked of the router, so that the policy says it once. Refuses to know who
calls: a preflight carries no credential (Fetch, CORS-preflight fetch), and is answered before one is looked for.
"""

import re

from sidecar.contract.snapshot import Cors

from .decision import RequestFacts
from .router import Router
from .target import Target, normalise

Fields = list[tuple[bytes, bytes]]

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PREFLIGHT_VARY = b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


class CompiledCors:
    """A service's ``cors``, compiled."""

    def __init__(self, cors: Cors, router: Router) -> None:
        self._cors = cors
        self._router = router
        self._any = "*" in cors.origins
        self._exact = frozenset(origin.encode() for origin in cors.origins if "*" not in origin)
        self._wild = tuple(_any_label(origin) for origin in cors.origins if "*" in origin and origin != "*")

    def preflight(self, request: RequestFacts, now: float) -> Fields | None:  # noqa: ARG002  # a decision has a time
        """The fields of the 204 that answers ``request``; None if it is no preflight, or for a path without routes."""
        origins, methods, headers = (
            [value for name, value in request.headers if name == wanted]
            for wanted in (b"origin", b"access-control-request-method", b"access-control-request-headers")
        )
        if request.method != "OPTIONS" or len(origins) != 1 or len(methods) != 1:
            return None
        target = normalise(request.target, self._router.keeps_slashes)
        if not isinstance(target, Target):
            return None
        offered = self._router.offered(target.segments, request.host)
        if offered is not None and not offered:
            return None
        answer: Fields = [(b"vary", _PREFLIGHT_VARY)]
        if not self._allows(origins[0]):
            return answer
        answer += self._origin_fields(origins[0])
        listed = self._methods(methods[0], offered)
        if listed:
            answer.append((b"access-control-allow-methods", listed))
        allowed = self._headers(b",".join(headers))
        if allowed:
            answer.append((b"access-control-allow-headers", allowed))
        answer.append((b"access-control-max-age", b"%d" % self._cors.max_age_s))
        return answer

    def response_headers(self, origin: bytes | None) -> Fields:
        """What every response to a request with this ``Origin`` gets, refusals included."""
        vary: Fields = [] if self._any else [(b"vary", b"Origin")]
        if origin is None or not self._allows(origin):
            return vary
        exposed = ", ".join(self._cors.expose).encode()
        expose: Fields = [(b"access-control-expose-headers", exposed)] if exposed else []
        return [*self._origin_fields(origin), *expose, *vary]

    def _allows(self, origin: bytes) -> bool:
        return self._any or origin in self._exact or any(pattern.fullmatch(origin) for pattern in self._wild)

    def _origin_fields(self, origin: bytes) -> Fields:
        fields: Fields = [(b"access-control-allow-origin", b"*" if self._any else origin)]
        if self._cors.credentials:
            fields.append((b"access-control-allow-credentials", b"true"))
        return fields

    def _methods(self, wanted: bytes, offered: tuple[str, ...] | None) -> bytes:
        named = self._cors.methods or offered
        if named is None:  # any method: the one that was asked for, if it is one
            return wanted if _TOKEN.fullmatch(wanted) else b""
        return ", ".join(named).encode()

    def _headers(self, wanted: bytes) -> bytes:
        if "*" not in self._cors.headers:
            return ", ".join(self._cors.headers).encode()
        # ``*`` itself would leave out authorization, and means nothing beside credentials.
        asked = (name.strip(b" \t") for name in wanted.split(b","))
        return b", ".join(name for name in asked if _TOKEN.fullmatch(name))


def _any_label(origin: str) -> re.Pattern[bytes]:
    return re.compile(rb"[a-z0-9-]+".join(re.escape(part.encode()) for part in origin.split("*")))
