"""A provider's keys: OIDC discovery (OpenID Connect Discovery 1.0), and the key set (RFC 7517) that it names.

A document is read strictly. One bad key among good ones is passed over and named; a document that is no key set, or has
no key that can be used, is a fault, so that what is held stays in force.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sidecar.authn.keys import ALGORITHMS, load_keys
from sidecar.contract.snapshot import Issuer, Jwk
from sidecar.contract.strict import ContractError

from .fetch import Document, Fetcher, FetchError, Place, shown_url
from .keys import MAX_KEYS, KeysError, keys_from_jwks

_ASYMMETRIC = tuple(sorted(name for name in ALGORITHMS if not name.startswith("HS")))
_JUDGE = Issuer("provider", "provider", ("any",), _ASYMMETRIC)
MAX_PASSED_OVER = 5


@dataclass(frozen=True, slots=True)
class Provider:
    """Where an issuer's keys are, as the policy says. ``jwks_url`` None: discovery says."""

    issuer: str
    jwks_url: str | None = None
    allow_http: bool = False

    @property
    def source(self) -> str:
        """What its keys are kept under: two issuers of one key set share it."""
        return self.jwks_url or self.issuer

    @property
    def shown(self) -> str:
        """The same for a log: a query may hold a credential."""
        return shown_url(self.source)

    @property
    def first_url(self) -> str:
        """The URL that is asked first. Section 4.1: a trailing slash of the issuer is removed before the path."""
        return self.jwks_url or self.issuer.removesuffix("/") + "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known from the last time: the key set's URL, and the tag of what it held."""

    jwks_url: str = ""
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Learned:
    """What a provider publishes now. ``keys`` None: the same as the last time."""

    keys: tuple[Jwk, ...] | None
    known: Known
    fresh_s: int | None = None
    passed_over: tuple[str, ...] = ()


async def learn(fetcher: Fetcher, provider: Provider, known: Known) -> Learned:
    """Ask the provider; FetchError."""
    place = Place(provider.first_url, provider.allow_http)
    if provider.jwks_url is None:
        place = _key_set_place(await fetcher.get(place), provider)
    etag = known.etag if place.url == known.jwks_url else ""
    document = await fetcher.get(place, etag)
    if document.body is None and not etag:
        raise FetchError(f"{shown_url(place.url)}: answered 304 to a request without a condition")
    keys, passed_over = (None, ()) if document.body is None else usable_keys(document.body)
    return Learned(
        keys, Known(place.url, document.etag or (etag if keys is None else "")), document.fresh_s, passed_over
    )


def _key_set_place(document: Document, provider: Provider) -> Place:
    """Where the configuration says that the keys are. Section 4.3: its issuer is exactly the one that was asked for."""
    configuration = _object(document.body or b"", "the configuration")
    if configuration.get("issuer") != provider.issuer:
        raise FetchError("the configuration is of another issuer than the policy names (OIDC Discovery, section 4.3)")
    url = configuration.get("jwks_uri")
    if not isinstance(url, str):
        raise FetchError("the configuration has no jwks_uri")
    same_host = _origin(url) == _origin(provider.issuer)
    return Place(url, provider.allow_http, named_by_policy=same_host)


def _origin(url: str) -> str:
    return "/".join(url.split("/", 3)[:3]).lower()


def usable_keys(body: bytes) -> tuple[tuple[Jwk, ...], tuple[str, ...]]:
    """The public signature keys in a key set, and why others were passed over; FetchError if there are none."""
    listed = _object(body, "the key set").get("keys")
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise FetchError(f"the key set has no list of at most {MAX_KEYS} keys")
    found: list[Jwk] = []
    passed_over: list[str] = []
    kids: set[str] = set()
    for number, key in enumerate(listed):
        try:
            (jwk,) = keys_from_jwks({"keys": [key]})
            load_keys(replace(_JUDGE, keys=(jwk,)))
        except (KeysError, ContractError):
            # Which, and not why: the reason may quote what a stranger wrote.
            passed_over.append(f"key {number + 1} of the set cannot verify a signature, or is weak or damaged")
            continue
        kid = jwk.get("kid")
        if kid is not None and kid in kids:
            passed_over.append(f"key {number + 1} of the set has the kid of one before it")
            continue
        kids |= {kid} if kid is not None else set()
        found.append(jwk)
    if not found:
        raise FetchError("no key of the set can verify a signature")
    return tuple(found), tuple(passed_over[:MAX_PASSED_OVER])


def _object(body: bytes, what: str) -> Mapping[str, object]:
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise FetchError(f"{what} is not JSON that has one reading") from None
    if not isinstance(value, dict):
        raise FetchError(f"{what} is not a JSON object")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a member stands twice")
    return result


def _no_number(text: str) -> object:
    raise ValueError(f"{text} is no JSON")
