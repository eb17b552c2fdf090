"""What the judge has said, to be said again of the next request that is the same in all that was looked at.

Nothing is ruled here. A ruling is what the judge said of one request under one evaluator, and is kept only where the
evaluator says that the next one like it would be decided alike (``authz.again``): the same first line, host, rules and
token. Asked each time: has the token's time begun, and not ended (the only thing that a clock changes); is there room
in its rate limits. Whatever else could change makes another evaluator, which begins with no ruling on any token: a
policy, a key, a revocation. A token is known by its digest, as in ``authn.cache``, and so is one whose signature is
false, apart from the others.
"""

import math
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import NamedTuple

from sidecar.authn.principal import Principal, Validity, validity
from sidecar.authz.again import Keys
from sidecar.authz.evaluator import Decision, Evaluator, RequestFacts
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Route
from sidecar.http1.fields import render, render_fields

from ..changes import NOTHING
from ..forwarding import dropped_of, principal_fields
from ..refusals import Refusal, answer
from .asked import Asked, AskedReader
from .memo import Memo

_PLACE_OF_ID = "decision-id-to-be-put-in"
MAX_TARGETS = 1024
MAX_TOKENS_BYTES = 12 * 1024 * 1024
"""Of what is known of tokens, in each of a memo's two generations: some 13,000 that were seen on one route each."""
MAX_ROUTES = 64
"""Of one token."""
MAX_KEY_BYTES = 512
MAX_FALSE = 1024


_ALWAYS = Validity(-math.inf, math.inf, 0)


@dataclass(frozen=True, slots=True)
class Place:
    """What is asked for: a first line, and a host where the rules look at it. ``first``: the first line as sent on, b""
    so long as nobody was let through. ``path``: as the log has it."""

    route: int
    method: str
    path: str
    pattern: str
    first: bytes
    body_limit: int | None


@dataclass(frozen=True, slots=True)
class Who:
    """Who calls: the fields that tell the service so, the same as the log has it, and the numbers of the routes that he
    may take, with the limits that each request then takes from."""

    identity: bytes = b""
    subject: str = ""
    issuer: str = ""
    client: str = ""
    validity: Validity = _ALWAYS
    routes: dict[int, Keys] = field(default_factory=dict)


class Ruling(NamedTuple):
    """A request is let through."""

    place: Place
    who: Who


class Refused(NamedTuple):
    """Its token's signature is false."""

    place: Place
    detail: str


class Rulings:
    """Under ``evaluator``. ``before``: those that these take the place of."""

    def __init__(
        self, evaluator: Evaluator, count_limit: int, body_limit: int | None, before: "Rulings | None"
    ) -> None:
        self.evaluator = evaluator
        self._body_limit = body_limit
        forward = evaluator.snapshot.forward
        plain = forward.request_headers == forward.response_headers == NOTHING
        self._open = plain and forward.token == "strip"
        self._counts = evaluator.verifier.counts
        same = before if before is not None and before.evaluator.steady is evaluator.steady else None
        self.asked: AskedReader = same.asked if same else AskedReader(count_limit, dropped_of(forward.claims))
        self._places: Memo[bytes, Place] = same._places if same else Memo(MAX_TARGETS)
        self._reads_host = evaluator.steady.reads_host
        self._who: Memo[bytes, Who] = Memo(MAX_TOKENS_BYTES, _bytes_of)
        self._false: Memo[bytes, str] = Memo(MAX_FALSE)
        self._anybody = Who()
        self._refusal: tuple[bytes, bytes] | None = None

    def find(self, asked: Asked, now: float) -> Ruling | Refused | None:
        """What was said of a request like ``asked``, if it holds at ``now``; None if the judge is to be asked."""
        key = b"%b\n%b" % (asked.first, asked.host) if self._reads_host else asked.first
        place = self._places.young.get(key) or self._places.recall(key)
        if place is None:
            return None
        if asked.authorization:
            digest = sha256(asked.authorization).digest()
            who = self._who.young.get(digest) or self._who.recall(digest)
            if who is None:
                detail = self._false.get(digest)
                return None if detail is None else Refused(place, detail)
            if not who.validity.holds(now):
                return None
        else:
            who = self._anybody
        limits = who.routes.get(place.route)
        if limits is None or not place.first or (place.body_limit is not None and asked.length > place.body_limit):
            return None
        if limits and not self.evaluator.spend(limits, now):
            return None
        if asked.authorization:
            self._counts.hits += 1
        return Ruling(place, who)

    def refusal(self, decision_id: str) -> bytes:
        """The whole response to who was ``Refused``."""
        if self._refusal is None:
            snapshot = self.evaluator.snapshot
            refusal = Refusal(Reason.INVALID_TOKEN, metadata=snapshot.resource_metadata)
            said = answer(refusal, _PLACE_OF_ID, snapshot.version)
            fields = [*said.headers, (b"content-length", b"%d" % len(said.body))]
            whole = render(b"HTTP/1.1 %d %b" % (said.status, said.phrase), fields) + said.body
            before, _, after = whole.partition(_PLACE_OF_ID.encode())
            self._refusal = before, after
        return self._refusal[0] + decision_id.encode("ascii") + self._refusal[1]

    def learn(self, asked: Asked, facts: RequestFacts, decision: Decision, now: float) -> None:
        """The judge has decided so."""
        route, steady = decision.route, self.evaluator.steady
        number = steady.number(route)
        if not self._open or route is None or number is None or not _is_plain(route) or decision.target is None:
            return
        if b" /" not in asked.first:  # whether a URL's host is the Host is to be asked each time
            return
        if decision.allowed and (again := steady.again(facts, decision, now)) is not None:
            self._place(asked, number, route, facts, decision)
            self._let_pass(asked, number, decision.principal, again.limits)
        elif decision.reason is Reason.INVALID_TOKEN and self._is_false(asked.authorization):
            self._place(asked, number, route, facts, decision)
            self._false.put(sha256(asked.authorization).digest(), decision.detail)

    def _place(self, asked: Asked, number: int, route: Route, facts: RequestFacts, decision: Decision) -> None:
        key = self._key(asked)
        if len(key) > MAX_KEY_BYTES or (not decision.allowed and self._places.get(key) is not None):
            return
        first = b"%b %b HTTP/1.1\r\n" % (facts.method.encode("ascii"), decision.forwarded) if decision.allowed else b""
        limits = [limit for limit in (route.body_bytes, self._body_limit) if limit is not None]
        path = decision.target.path if decision.target else ""
        self._places.put(key, Place(number, facts.method, path, route.path, first, min(limits, default=None)))

    def _let_pass(self, asked: Asked, number: int, principal: Principal | None, limits: Keys) -> None:
        if principal is None:
            if not asked.authorization:
                self._anybody.routes[number] = limits
            return
        digest = sha256(asked.authorization).digest()
        who = self._who.get(digest) or self._told(principal)
        routes = who.routes if len(who.routes) < MAX_ROUTES else {}
        self._who.put(digest, replace(who, routes={**routes, number: limits}))

    def _told(self, principal: Principal) -> Who:
        snapshot = self.evaluator.snapshot
        (issuer,) = (issuer for issuer in snapshot.issuers if issuer.name == principal.issuer_name)
        identity = render_fields(principal_fields(principal, snapshot.forward))
        names = principal.subject, principal.issuer_name, principal.client or ""
        return Who(identity, *names, validity(issuer, principal))

    def _is_false(self, authorization: bytes) -> bool:
        credential = authorization.rpartition(b" ")[2]
        return self.evaluator.verifier.knows_false(credential.decode("latin-1"))

    def _key(self, asked: Asked) -> bytes:
        return b"%b\n%b" % (asked.first, asked.host) if self._reads_host else asked.first


def _bytes_of(who: Who) -> int:
    """In memory, roughly: the objects around them take so much."""
    routes = sum(100 + sum(200 + len(key) for key, _ in limits) for limits in who.routes.values())
    return 540 + len(who.identity) + 2 * len(who.subject) + routes


def _is_plain(route: Route) -> bool:
    """Does the service answer, within the usual times, with heads that nobody changes?"""
    waits = route.timeout_ms, route.idle_timeout_ms, route.total_timeout_ms
    changes = route.request_headers, route.response_headers
    return waits == (None,) * 3 and changes == (NOTHING,) * 2 and route.respond is None and route.redirect is None
