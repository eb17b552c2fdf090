"""What becomes of a response's head on its way back: hop-by-hop fields end, the policy changes some, and CORS fields
are the policy's where it has any, whoever made the response.
"""

from dataclasses import dataclass

from sidecar.contract.snapshot import HeaderChanges
from sidecar.http1.fields import Headers, tokens

from .changes import NOTHING, Fields, changed
from .forwarding import response_headers

_CORS = b"access-control-"


@dataclass(frozen=True, slots=True)
class Returning:
    """``cors`` None: the service speaks for itself. ``service`` and ``route``: the policy's changes, in that order."""

    cors: Headers | None = None
    service: HeaderChanges = NOTHING
    route: HeaderChanges = NOTHING

    def from_service(self, headers: Headers, *, keep_length: bool) -> Fields:
        """The caller's head from the service's final one."""
        return self.from_here(response_headers(headers, keep_length=keep_length))

    def from_here(self, headers: Headers) -> Fields:
        """The head of a response that a policy has made."""
        return with_cors(changed(headers, self.service, self.route), self.cors)

    def keeps(self, name: bytes) -> bool:
        """Does what the service says under this name go on? Trailers are asked, too."""
        return (name, b"") in changed([(name, b"")], self.service, self.route)


def with_cors(headers: Headers, cors: Headers | None) -> Fields:
    """The fields with ``cors`` in the place of whatever they said of it. ``Vary`` adds up (RFC 9110 section 12.5.5)."""
    if cors is None:
        return list(headers)
    fields = [field for field in headers if not field[0].startswith(_CORS)]
    varies = frozenset(tokens(headers, b"vary"))
    return fields + [
        (name, value) for name, value in cors if name != b"vary" or not varies & {b"*", value.strip().lower()}
    ]
