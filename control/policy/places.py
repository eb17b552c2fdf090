"""Where from and where to: hosts, addresses, origins, targets, and the places of a credential."""

import re
from ipaddress import ip_network
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import PlainValidator, WithJsonSchema

from sidecar.authz.target import Target, normalise
from sidecar.contract.snapshot import Source

from .problems import quoted, suggestion
from .values import kind, said, text

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*\Z")
_IPV6 = re.compile(r"\[[0-9a-f:.]{2,45}\]\Z")
_ORIGIN = re.compile(rf"https?://(\*\.)?({_LABEL}(\.{_LABEL})*|\[[0-9a-f:.]{{2,45}}\])(:[1-9][0-9]{{0,4}})?\Z")
_COOKIE = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}\Z")
_PARAMETER = re.compile(r"[A-Za-z0-9_.~-]{1,100}\Z")
_NOT_FOR_CREDENTIALS = frozenset(
    {"host", "cookie", "connection", "content-length", "transfer-encoding", "te", "upgrade", "trailer", "keep-alive"}
)
_PLACES = ("header", "cookie", "query")


def host(value: Any) -> str:
    """``orders.shop.test``, or ``*.acme.test`` for any one label in its place; no port."""
    word = text(value)
    if re.search(r":[0-9]+\Z", word) and not _IPV6.match(word):
        raise said(f"{quoted(word)} has a port: a rule is for a host on whatever port it was called")
    if len(word) > 253 or not (_HOST.match(word) or _IPV6.match(word)):
        hint = ": write it in lower case" if word != word.lower() else ""
        hint = hint or (": '*' stands for the first label alone, as in *.acme.test" if "*" in word else "")
        raise said(f"{quoted(word)} is no host{hint}")
    return word


def network(value: Any) -> str:
    """``10.0.0.0/8``, or one address."""
    word = text(value)
    try:
        return str(ip_network(word))
    except ValueError:
        pass
    try:
        raise said(f"{quoted(word)} has bits beyond its mask: write {ip_network(word, strict=False)}")
    except ValueError as error:
        if hasattr(error, "context"):
            raise
        raise said(f"{quoted(word)} is no network: write 10.0.0.0/8, 2001:db8::/32 or one address") from None


def origin(value: Any) -> str:
    """``https://app.shop.test``, ``https://*.shop.test`` for any one label, or ``*``."""
    word = text(value)
    if word != "*" and (not _ORIGIN.match(word) or word.endswith((":80", ":443"))):
        hint = "scheme and host in lower case, and a port unless it is the usual one: no path, no '/' at the end"
        raise said(f"{quoted(word)} is no origin: {hint}")
    return word


def target(value: Any) -> str:
    """Where a redirect leads: an absolute http(s) URL, or a path of this host."""
    word = text(value)
    if not re.fullmatch(r"[\x21-\x7e]{1,2000}", word) or any(mark in word for mark in '\\"<>#'):
        raise said(f"{quoted(word)} is no place to go: visible ASCII without a fragment")
    if word.startswith("/") and not word.startswith("//"):
        return word
    try:
        parts = urlsplit(word)
    except ValueError:
        raise said(f"{quoted(word)} is no URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise said(f"{quoted(word)}: write an absolute URL (https://...) or a path that begins with one '/'")
    return word


def rewrite(value: Any) -> str:
    """A path without wildcards, in its normal form, that takes the place of what stands before ``**``."""
    word = text(value)
    if any(mark in word for mark in "*{}?#"):
        raise said("a rewrite is a plain path: without '*', '{name}' and a query")
    found = normalise(word.encode("utf-8", "surrogatepass")) if word.startswith("/") else None
    if not isinstance(found, Target):
        raise said(f"{quoted(word)} is no path: it begins with '/'")
    if (normal := found.forward().decode("ascii", "replace")) != word:
        raise said(f"{quoted(word)} is not as a path is passed on: write {normal}")
    return word


def sources(value: Any) -> tuple[Source, ...]:
    """``[bearer, api_key, {cookie: NAME}, {api_key: {header: X-API-Key}}]``."""
    if not isinstance(value, list):
        raise said(f"must be a list, not {kind(value)}: write [bearer, {{cookie: NAME}}]")
    if not value:
        raise said("must not be empty: a public route is access: public")
    found = [_source(item, number) for number, item in enumerate(value)]
    for number, source in enumerate(found):
        if source in found[:number]:
            raise said("stands twice", number)
    return tuple(found)


def _source(item: Any, number: int) -> Source:
    forms = ("bearer", "api_key", *_PLACES)
    if isinstance(item, str):
        if item not in ("bearer", "api_key"):
            raise said(f"{quoted(item)} is no credential{suggestion(item, forms)}", number)
        return Source("token" if item == "bearer" else "api_key")
    if not isinstance(item, dict) or len(item) != 1:
        raise said("write bearer, api_key, {cookie: NAME}, {header: NAME}, {query: NAME} or {api_key: {...}}", number)
    [(word, value)] = item.items()
    if word == "api_key":
        if not isinstance(value, dict) or len(value) != 1:
            raise said("write {api_key: {header: NAME}}, or with cookie or query", number, word)
        [(place, name)] = value.items()
        return _placed("api_key", place, name, number, word)
    return _placed("token", word, item[word], number)


def _placed(kind_of: Any, place: Any, name: Any, *at: str | int) -> Source:
    if place not in _PLACES:
        raise said(f"unknown key {quoted(place)}{suggestion(place, ('api_key', *_PLACES))}", *at, place)
    if not isinstance(name, str) or not (_PARAMETER if place == "query" else _COOKIE).match(name):
        raise said(f"{quoted(str(name))} is no name for a {place}", *at, place)
    if place != "header":
        return Source(kind_of, place, name)
    if name.lower() == "authorization":
        raise said("Authorization is where bearer and api_key are looked for: write that", *at, place)
    if name.lower() in _NOT_FOR_CREDENTIALS or name.lower().startswith("proxy-"):
        raise said(f"the header {name} is not one for credentials", *at, place)
    return Source(kind_of, "header", name.lower())


_STRING = {"type": "string", "minLength": 1}
_ONE_PLACE: dict[str, Any] = {
    "type": "object",
    "properties": dict.fromkeys(_PLACES, _STRING),
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
}
_SOURCE = {
    "oneOf": [
        {"enum": ["bearer", "api_key"]},
        {**_ONE_PLACE, "properties": {**_ONE_PLACE["properties"], "api_key": _ONE_PLACE}},
    ]
}
Host = Annotated[
    str, PlainValidator(host), WithJsonSchema({**_STRING, "examples": ["orders.shop.test", "*.acme.test"]})
]
Network = Annotated[str, PlainValidator(network), WithJsonSchema({**_STRING, "examples": ["10.0.0.0/8"]})]
Origin = Annotated[str, PlainValidator(origin), WithJsonSchema({**_STRING, "examples": ["https://app.shop.test"]})]
Destination = Annotated[str, PlainValidator(target), WithJsonSchema(_STRING)]
Rewrite = Annotated[str, PlainValidator(rewrite), WithJsonSchema(_STRING)]
Sources = Annotated[
    tuple[Source, ...], PlainValidator(sources), WithJsonSchema({"type": "array", "items": _SOURCE, "minItems": 1})
]
