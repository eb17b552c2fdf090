"""The one credential of a request (RFC 6750 section 2, RFC 9110 section 11.6.2, RFC 6265 section 5.4).

A route says where one may stand; ``Authorization`` is always looked at, so that a second credential never rides along
unseen. Two are refused, whichever they are: what is verified must be what another reader would have taken. A
credential is one token68 and is never trimmed or guessed at. Knows nothing of what is inside a token.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from sidecar.contract.names import plain
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Source

from .rejection import Rejection, invalid

BEARER = Source()
API_KEY = Source(kind="api_key")

_AUTHORIZATION = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]*)(?: +(.*))?", re.DOTALL)
_SCHEMES = {b"bearer": BEARER, b"apikey": API_KEY}
_TOKEN68 = re.compile(rb"[0-9A-Za-z._~+/-]+=*")


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential as it was sent, and where it stood. Nothing of it is verified."""

    source: Source
    text: str = field(repr=False)


def find_credential(
    headers: Sequence[tuple[bytes, bytes]], query: str = "", sources: tuple[Source, ...] = (BEARER,)
) -> Credential | Rejection | None:
    """The credential, None where there is none, or why there is no telling. Header names are lower-case; ``query`` is
    what came after the ``?``; ``sources`` is where the route lets one stand."""
    lines = [value for name, value in headers if name == b"authorization"]
    if len(lines) > 1:
        return Rejection(Reason.SEVERAL_CREDENTIALS, f"{len(lines)} Authorization headers")
    found = _authorization(lines[0]) if lines else []
    found.extend(_elsewhere(headers, query, sources))
    if not found:
        return None
    if len(found) > 1:
        places = ", ".join(sorted({_shown(source) for source, _ in found}))
        return Rejection(Reason.SEVERAL_CREDENTIALS, f"{len(found)} credentials, in {places}")
    ((source, text),) = found
    if source not in sources:
        return invalid(f"the route takes no credential from {_shown(source)}")
    if not _TOKEN68.fullmatch(text):
        return invalid(f"the credential in {_shown(source)} is not one token68 (RFC 9110 section 11.2)")
    return Credential(source, text.decode("ascii"))


def _authorization(value: bytes) -> list[tuple[Source, bytes]]:
    """Of the schemes Bearer and ApiKey; another is no credential of ours."""
    parts = _AUTHORIZATION.match(value.strip(b" \t"))
    source = _SCHEMES.get(parts[1].lower()) if parts else None
    return [] if parts is None or source is None else [(source, parts[2] or b"")]


def _elsewhere(
    headers: Sequence[tuple[bytes, bytes]], query: str, sources: tuple[Source, ...]
) -> Iterator[tuple[Source, bytes]]:
    for source in sources:
        match source.place:
            case "header":
                wanted = plain(source.name.encode())  # ``X_Token`` and ``X-Token`` are one to many services
                yield from ((source, value.strip(b" \t")) for name, value in headers if plain(name) == wanted)
            case "cookie":
                cookies = (value for name, value in headers if name == b"cookie")
                yield from ((source, value) for cookie in cookies for value in _cookies(cookie, source.name.encode()))
            case "query":
                yield from ((source, value.encode()) for value in _parameters(query, source.name))


def _cookies(header: bytes, wanted: bytes) -> Iterator[bytes]:
    """Quotes belong to the value (RFC 6265 section 4.1.1), and no token68 has any."""
    for pair in header.split(b";"):
        name, _, value = pair.partition(b"=")
        if name.strip(b" \t") == wanted:
            yield value.strip(b" \t")


def _parameters(query: str, wanted: str) -> Iterator[str]:
    """Names are compared as a service reads them, so that an escaped one does not hide. One that stands after a ``;``,
    where some servers begin a parameter, is there and yet none."""
    for pair in query.split("&") if query else ():
        first, *others = pair.split(";")
        if _name_of(first) == wanted:
            yield unquote_plus(pair.partition("=")[2])
        yield from (";" for other in others if _name_of(other) == wanted)


def _name_of(pair: str) -> str:
    return unquote_plus(pair.partition("=")[0])


def _shown(source: Source) -> str:
    scheme = "ApiKey" if source.kind == "api_key" else "Bearer"
    return f"Authorization: {scheme}" if source.place == "authorization" else f"{source.place} {source.name[:40]!r}"
