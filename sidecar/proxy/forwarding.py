"""Heads rewritten, each in one pass: what the service gets of the caller's, and what the caller gets back.

Hop-by-hop fields end here (RFC 9110 section 7.6.1). Whatever a service may trust (``X-Auth-*``, the headers that
the policy sets, ``X-Forwarded-*`` and the like) is removed as received and set anew, on every route and in every
spelling: many servers read ``_`` as ``-``, and some read any odd character so.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from sidecar.authn.principal import Principal
from sidecar.authz.evaluator import Decision
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import ClaimPath, Forward, Source
from sidecar.contract.strict import ContractError
from sidecar.http1.errors import RequestError
from sidecar.http1.fields import TOKEN, Headers, plain, render_fields, tokens, values
from sidecar.http1.request import RequestHead

from .changes import changed
from .identity import Fields, claim_headers, identity_headers
from .ids import Ids
from .names import HOP_BY_HOP, IDENTITY, SET_HERE, reserved
from .origin import Forwarding, Origin
from .stripping import without_credential

HOPS = b"x-forwarded-"
ALSO_HOPS = frozenset({b"x-real-ip", b"true-client-ip", b"x-client-ip", b"x-cluster-client-ip"})
"""What services take for the truth about who is calling, beside ``X-Forwarded-*``: only a trusted proxy may say it."""
_OTHER_TARGETS = frozenset({b"x-original-url", b"x-rewrite-url", b"x-original-uri", b"x-override-url"})
"""What some frameworks take for the request's path instead of the path: another one than was authorised. Removed."""
OTHER_METHODS = (b"x-http-method-override", b"x-http-method", b"x-method-override")
"""What some frameworks take for the request's method. Refused where it differs from the one that was authorised."""
HERE = b"sidegate"
MAX_HOPS = 16
"""Sidecars that one request may pass, by its ``Via``: a service that is the sidecar itself, or a ring of them, would
otherwise be asked until every place is taken (RFC 9110 section 7.6.3)."""
_NOT_FOR_CONNECTION = SET_HERE | ALSO_HOPS | {b"authorization", b"cookie", b"transfer-encoding"}
_NAME = re.compile(TOKEN.decode())


@dataclass(frozen=True, slots=True)
class ForwardedHead:
    """What is sent to the service. Framing headers are added by the connection."""

    method: bytes
    target: bytes
    headers: Headers
    request_id: bytes


def check_policy(policy: Forward) -> None:
    """ContractError if the policy sets a header that is none, or one that is set or removed here."""
    for name, _ in policy.claims:
        read = plain(name.lower().encode("ascii", "replace"))
        taken = read in HOP_BY_HOP | SET_HERE | {b"authorization"} or reserved(read)
        if taken or not _NAME.fullmatch(name):
            raise ContractError("bad_forward", f"forward.headers: {name[:40]!r} cannot be set by a policy")


def connection_options(head: RequestHead) -> frozenset[bytes]:
    """The fields that ``Connection`` names and that must not go on; RequestError if it names one that we or the
    service rely on, since an intermediary could be made to lose it so."""
    options = frozenset(tokens(head.headers, b"connection"))
    for option in options:
        read = plain(option)
        if read in _NOT_FOR_CONNECTION or read.startswith((IDENTITY, HOPS)):
            raise RequestError(Reason.MALFORMED_REQUEST, f"Connection names {option[:40]!r}")
    return options


def refuse_override(head: RequestHead) -> None:
    """RequestError if a header asks the service to act on another method than the one that is decided on."""
    for name, value in head.headers:
        if plain(name) in OTHER_METHODS and value.strip(b" \t").upper() != head.method:
            raise RequestError(Reason.MALFORMED_REQUEST, f"{name.decode()} names another method than the request")


def goes_round(headers: Headers) -> bool:
    """Has the request passed so many sidecars that it must be in a loop?"""
    received = b",".join(values(headers, b"via")).split(b",")
    return sum(member.split()[1:2] == [HERE] for member in received) >= MAX_HOPS


def believable(
    headers: Headers, options: frozenset[bytes], origin: Origin, credentials: frozenset[bytes] = frozenset()
) -> Fields:
    """The fields on which a request is judged: without those that the service would not get, because ``Connection``
    names them, or because nobody who may say such a thing has said it. ``credentials`` may be called what they like."""
    never = IDENTITY if origin.trusted else (IDENTITY, HOPS)
    hops = frozenset[bytes]() if origin.trusted else ALSO_HOPS | {b"forwarded"}
    options_here = options - HOP_BY_HOP  # an Upgrade is asked for anew, and may be judged
    fields = []
    for name, value in headers:
        read = plain(name)
        foreign = read.startswith(never) or read in hops
        if read not in options_here and name not in options_here and (not foreign or name in credentials):
            fields.append((name, value))
    return fields


def forward_request(
    head: RequestHead,
    received: Headers,
    decision: Decision,
    policy: Forward,
    origin: Origin,
    authority: bytes,
    ids: Ids,
) -> ForwardedHead:
    """The service's head for an allowed request; UnsafeClaim if the principal cannot be written down.
    ``received``: the caller's fields that are ``believable``. ``authority`` stands in for the Host that HTTP/1.0 may
    lack."""
    principal, headers = decision.principal, head.headers
    dropped = dropped_of(policy.claims)
    request_id = ids.request_id(values(headers, b"x-request-id"))
    parents = values(headers, b"traceparent")
    traceparent = ids.traceparent(parents)
    if [traceparent] != parents:  # W3C Trace Context section 3.4: tracestate belongs to the traceparent beside it
        dropped |= {b"tracestate"}
    host = head.host or authority
    fields = [(name, value) for name, value in received if not never_sent_on(name, dropped)]
    if principal is not None and policy.token == "strip":
        fields = without_credential(fields, decision.credential or Source())
    if decision.route is not None:
        fields = changed(fields, policy.request_headers, decision.route.request_headers, careless=True)
    if principal is not None:
        fields += principal_fields(principal, policy)
    fields = [
        (b"host", host),
        *fields,
        (b"x-request-id", request_id),
        (b"traceparent", traceparent),
        *origin.headers,
        (b"via", b", ".join([*values(headers, b"via"), head.version + b" " + HERE])),
    ]
    if not decision.forwarded:
        raise AssertionError("an allowed request without a target")
    return ForwardedHead(head.method, decision.forwarded, fields, request_id)


def told_on(forwarding: Forwarding, peer: str, host: bytes) -> bytes:
    """The last lines of the service's head, for a request that says nothing of where it comes from."""
    origin = forwarding.origin(peer, host, ())
    return render_fields([*origin.headers, (b"via", b"1.1 " + HERE)])


def never_sent_on(name: bytes, dropped: frozenset[bytes]) -> bool:
    """Is a field of this name among ``dropped``, in whatever spelling?"""
    return plain(name) in dropped or name in dropped


@lru_cache(maxsize=16)
def dropped_of(claims: tuple[tuple[str, ClaimPath], ...]) -> frozenset[bytes]:
    """What is removed as received, where the policy gives headers from ``claims``."""
    names = frozenset(plain(name.lower().encode("ascii")) for name, _ in claims)
    return HOP_BY_HOP | SET_HERE | _OTHER_TARGETS | names


def principal_fields(principal: Principal, policy: Forward) -> list[tuple[bytes, bytes]]:
    fields: Fields | None = principal.derived.get(policy.claims)
    if fields is None:
        fields = identity_headers(principal) + claim_headers(principal, policy.claims)
        principal.derived.clear()  # one policy is in force
        principal.derived[policy.claims] = fields
    return fields


def response_headers(headers: Headers, *, keep_length: bool) -> Fields:
    """The caller's head from the service's. ``keep_length``: the response has no body and its Content-Length is that
    of another (HEAD, 304); otherwise the connection adds its own."""
    dropped = HOP_BY_HOP | frozenset(tokens(headers, b"connection"))
    length = b"content-length"
    return [(n, v) for n, v in headers if (keep_length if n == length else n not in dropped)]
