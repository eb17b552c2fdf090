"""The rules of one service: which requests they are for, what they ask, and what becomes of the request."""

from dataclasses import dataclass
from typing import Annotated, Literal

from .record import ClaimPath, Range, Text
from .strict import ContractError

Scalar = str | int | bool
Milliseconds = Annotated[int, Range(1, 86_400_000)]


@dataclass(frozen=True, slots=True)
class ClaimRule:
    """``equals``: the claim is exactly values[0], of the same type. ``any``: the claim, or a member of it if it is
    a list, is among the values. ``all``: the claim is a list that holds every value. ``present``: it is there and
    not null (values is empty)."""

    path: ClaimPath
    test: Literal["equals", "any", "all", "present"]
    values: tuple[Scalar, ...] = ()

    def __post_init__(self) -> None:
        if (self.test == "present") != (not self.values) or (self.test == "equals" and len(self.values) != 1):
            raise ContractError("malformed", f"{self.test} with {len(self.values)} values")


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a rule asks of who calls: all of ``scopes``, one of ``any_scope`` if any, every claim rule, to be one of
    the workloads ``callers`` if any, and that the CEL expression ``when`` is true."""

    scopes: tuple[str, ...] = ()
    any_scope: tuple[str, ...] = ()
    claims: tuple[ClaimRule, ...] = ()
    callers: tuple[str, ...] = ()
    when: str | None = None


@dataclass(frozen=True, slots=True)
class FieldMatch:
    """A header (``name`` in lower case) or query parameter that a rule looks at. ``equals``, ``any`` and ``prefix``
    compare with ``values``; ``present`` and ``absent`` have none. A request that gives a name twice which some rule
    of its service looks at is refused (400): it has two readings."""

    name: str
    test: Literal["equals", "any", "prefix", "present", "absent"]
    values: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        if (self.test in ("present", "absent")) != (not self.values) or (
            self.test == "equals" and len(self.values) != 1
        ):
            raise ContractError("malformed", f"{self.test} with {len(self.values)} values")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a route looks for a credential. ``authorization`` has no name: the scheme Bearer for a token, ApiKey for a
    key. ``name``: of the header (lower case), cookie or query parameter."""

    kind: Literal["token", "api_key"] = "token"
    place: Literal["authorization", "header", "cookie", "query"] = "authorization"
    name: Text = ""

    def __post_init__(self) -> None:
        if (self.place == "authorization") != (self.name == ""):
            raise ContractError("malformed", f"a credential in {self.place} named {self.name[:40]!r}")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A token bucket of ``burst`` requests, filled by ``requests`` every ``per_ms``, one for each value of ``by``
    (``route``: one for all; ``claim``: the claim at ``claim``). Each sidecar process counts for itself."""

    requests: Annotated[int, Range(1, 1_000_000_000)]
    per_ms: Milliseconds
    burst: Annotated[int, Range(1, 1_000_000_000)]
    by: Literal["subject", "client", "ip", "claim", "route"] = "subject"
    claim: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.by == "claim") != bool(self.claim):
            raise ContractError("malformed", f"a rate limit by {self.by} with {len(self.claim)} steps of a claim")


@dataclass(frozen=True, slots=True)
class HeaderChanges:
    """Made in this order: ``remove`` (names), ``set`` (replaces every such field), ``add``. Names in lower case."""

    remove: tuple[str, ...] = ()
    set: tuple[tuple[str, Text], ...] = ()
    add: tuple[tuple[str, Text], ...] = ()


@dataclass(frozen=True, slots=True)
class Respond:
    """A fixed answer instead of the service's."""

    status: Annotated[int, Range(200, 599)] = 200
    body: Text = ""
    content_type: Text = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Redirect:
    """``to``: an absolute URL or a path. ``keep_path``: what ``**`` matched is appended to it; the query always is."""

    to: str
    status: Literal["301", "302", "303", "307", "308"] = "308"
    keep_path: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One rule; the first that is for the request decides. ``methods`` None means any; ``hosts`` empty means any
    (``*.acme.test`` is one label). Every one of ``headers`` and ``query`` must match. ``access``: ``public`` asks
    for nothing, ``optional`` asks only those who show a credential. ``shadow``: what would be asked, decided and
    recorded, and not enforced. ``rewrite``: takes the place of what stands before ``**`` in ``path``.
    ``timeout_ms`` for the response to begin, ``idle_timeout_ms`` between two pieces of it, ``total_timeout_ms`` for the
    whole exchange."""

    path: str
    methods: tuple[str, ...] | None = None
    access: Literal["token", "optional", "public"] = "token"
    issuers: tuple[str, ...] | None = None
    require: Requirement = Requirement()
    timeout_ms: Milliseconds | None = None
    hosts: tuple[str, ...] = ()
    headers: tuple[FieldMatch, ...] = ()
    query: tuple[FieldMatch, ...] = ()
    credentials: tuple[Source, ...] = (Source(),)
    shadow: Requirement | None = None
    rate_limits: tuple[RateLimit, ...] = ()
    idle_timeout_ms: Milliseconds | None = None
    total_timeout_ms: Milliseconds | None = None
    body_bytes: Annotated[int, Range(0, 2**53)] | None = None
    encoded_slash: Literal["refuse", "keep"] = "refuse"
    rewrite: str | None = None
    respond: Respond | None = None
    redirect: Redirect | None = None
    request_headers: HeaderChanges = HeaderChanges()
    response_headers: HeaderChanges = HeaderChanges()


@dataclass(frozen=True, slots=True)
class Deny:
    """A rule that refuses (403 ``denied``) before any route allows; all of what it names must hold. ``when`` that
    cannot be evaluated counts as true. ``addresses``: networks in CIDR form that the caller is in. ``shadow``: only
    recorded."""

    name: str
    path: str = "/**"
    methods: tuple[str, ...] | None = None
    hosts: tuple[str, ...] = ()
    headers: tuple[FieldMatch, ...] = ()
    query: tuple[FieldMatch, ...] = ()
    claims: tuple[ClaimRule, ...] = ()
    callers: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    when: str | None = None
    shadow: bool = False
