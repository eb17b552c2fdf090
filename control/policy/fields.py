"""Header fields and query parameters in a policy: names that are free, values that stay on their line, and what a
matcher wants of them.

A field that HTTP itself lives by, that says who is calling, or that Sidegate speaks for is never a policy's to change:
such a rule would be a way around the framing or the identity that everything else rests on.
"""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, PlainValidator, WithJsonSchema

from sidecar.contract.snapshot import FieldMatch

from .problems import quoted, suggestion
from .values import kind, said

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}\Z")
_ODD = re.compile(r"[^a-z0-9]")
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?\Z")
_PARAMETER = re.compile(r"[\x21-\x7e\x80-\U0010ffff][\x20-\x7e\x80-\U0010ffff]{0,99}\Z")
_MAX_VALUE = 4096

_OURS = ("x-auth-", "proxy-")
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings", "content-length"}
)
_REQUEST_TAKEN = _HOP_BY_HOP | {
    *("host", "content-type", "authorization", "cookie", "expect"),
    *("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "via"),
    *("x-request-id", "traceparent", "tracestate", "x-real-ip", "true-client-ip", "x-client-ip", "x-cluster-client-ip"),
}
_RESPONSE_TAKEN = _HOP_BY_HOP | {"date", "www-authenticate", "x-request-id", "via", "allow"}
_TESTS = ("any", "prefix", "present", "absent")


def plain(name: str) -> str:
    """As the most careless reader of it sees it: many servers take ``_`` and other odd characters for ``-``."""
    return _ODD.sub("-", name.lower())


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _TOKEN.match(value):
        raise said(f"{quoted(str(value))} is no header name")
    return value


def header_name(value: Any) -> str:
    """A header that the service may be given."""
    name = _name(value)
    if (read := plain(name)) in _REQUEST_TAKEN or read.startswith(_OURS):
        raise said(f"the header {name} is not free to be set by a policy")
    return name


def response_header_name(value: Any) -> str:
    """A header of the response that a policy may change."""
    name = _name(value)
    read = plain(name)
    if read.startswith("access-control-"):
        raise said(f"the header {name} is told by cors, so that it is the same on every answer: write cors")
    if read in _RESPONSE_TAKEN or read.startswith(_OURS):
        raise said(f"the header {name} is not free to be set by a policy")
    return name


def header_value(value: Any) -> str:
    """One line of visible ASCII (RFC 9110 section 5.5)."""
    if not isinstance(value, str):
        shown = str(value).lower() if isinstance(value, bool) else value
        raise said(f"must be text: write '{shown}' in quotes" if isinstance(value, int | float) else _not_text(value))
    if not _VALUE.match(value) or len(value) > _MAX_VALUE:
        told = (
            "a line break or another control character in it" if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value) else ""
        )
        raise said(f"is no header value: {told or f'visible ASCII, not empty, at most {_MAX_VALUE} characters'}")
    return value


def _not_text(value: object) -> str:
    return f"must be text, not {kind(value)}"


def matched_header(name: str) -> str:
    """The name of a header that a rule may look at, in lower case."""
    lower = _name(name).lower()
    if lower == "host":
        raise said("the Host is matched by hosts: [...]")
    if lower in ("authorization", "cookie"):
        raise said(f"{name} is a credential: access, credentials and require speak of it")
    if lower in _HOP_BY_HOP or plain(lower).startswith(_OURS):
        raise said(f"{name} is removed or made by the sidecar: a rule cannot rely on it")
    return lower


def header_matches(value: Any) -> tuple[FieldMatch, ...]:
    """``{X-Version: '2'}``: what a request's headers must be for a rule to be for it."""
    return _matches(value, matched_header)


def query_matches(value: Any) -> tuple[FieldMatch, ...]:
    """``{page: {present: true}}``: the same of its query parameters, whose names are case-sensitive."""
    return _matches(value, _parameter)


def _parameter(name: str) -> str:
    if not _PARAMETER.match(name):
        raise said(f"{quoted(name)} is no name of a query parameter")
    return name


def _matches(value: Any, read_name: Any) -> tuple[FieldMatch, ...]:
    if not isinstance(value, dict):
        raise said(f"must be a mapping of name to value, not {kind(value)}")
    if not value:
        raise said("must not be empty")
    found: dict[str, FieldMatch] = {}
    for name, wanted in value.items():
        try:
            lower = read_name(name)
        except ValueError as error:
            raise said(getattr(error, "context", {}).get("sentence", str(error)), name) from None
        if lower in found:
            raise said("stands twice (the case of a header's name does not count)", name)
        found[lower] = _match(lower, wanted, name)
    return tuple(found.values())


def _match(name: str, wanted: Any, at: str) -> FieldMatch:
    if not isinstance(wanted, dict):
        return FieldMatch(name, "equals", (_wanted(wanted, at),))
    for word in wanted:
        if word not in _TESTS:
            raise said(f"unknown key {quoted(word)}{suggestion(word, _TESTS)}", at, word)
    if len(wanted) != 1:
        raise said("exactly one test: write VALUE, {any: [...]}, {prefix: X}, {present: true} or {absent: true}", at)
    [(test, value)] = wanted.items()
    if test in ("present", "absent"):
        if value is not True:
            raise said(f"only {test}: true can be asked for", at, test)
        return FieldMatch(name, "present" if test == "present" else "absent")
    if test == "any":
        if not isinstance(value, list) or not value:
            raise said("must be a list of values that is not empty", at, test)
        return FieldMatch(name, "any", tuple(dict.fromkeys(_wanted(item, at, test, n) for n, item in enumerate(value))))
    prefix = _wanted(value, at, test)
    if not prefix:
        raise said("must not be empty: for any value at all, write {present: true}", at, test)
    return FieldMatch(name, "prefix", (prefix,))


def _wanted(value: Any, *at: str | int) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        raise said("a list could mean any of them: write {any: [...]}", *at)
    if isinstance(value, bool | int | float):
        raise said(f"must be text: write '{str(value).lower() if isinstance(value, bool) else value}' in quotes", *at)
    raise said(_not_text(value), *at)


_TEXT: dict[str, Any] = {"type": "string"}
_ONE_TEST: dict[str, Any] = {
    "type": "object",
    "properties": {
        "any": {"type": "array", "items": _TEXT, "minItems": 1},
        "prefix": {"type": "string", "minLength": 1},
        "present": {"const": True},
        "absent": {"const": True},
    },
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
}
_MATCHES = WithJsonSchema(
    {"type": "object", "additionalProperties": {"oneOf": [_TEXT, _ONE_TEST]}, "minProperties": 1},
)
HeaderName = Annotated[str, AfterValidator(header_name)]
HeaderToken = Annotated[str, PlainValidator(lambda value: _name(value).lower()), WithJsonSchema(_TEXT)]
ResponseHeaderName = Annotated[str, AfterValidator(response_header_name)]
HeaderValue = Annotated[str, PlainValidator(header_value), WithJsonSchema({"type": "string", "minLength": 1})]
HeaderMatches = Annotated[tuple[FieldMatch, ...], PlainValidator(header_matches), _MATCHES]
QueryMatches = Annotated[tuple[FieldMatch, ...], PlainValidator(query_matches), _MATCHES]
