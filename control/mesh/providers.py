"""What is known of the outside providers that the policy names: their last good keys, and when each is due.

A change of the keys that count is a version, pushed like any other; everything else (a try, a failure, a tag) is
written down and nobody hears of it. Keys live through outages, restarts and rollbacks; a provider whose keys were never
obtained has none, and its tokens alone are 503.
"""

import random
from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from control.errors import Invalid, NotFound
from control.issuers import schedule
from control.issuers.held import DEFAULT_GRACE_S, HeldKey, merge, still_held, thumbprint
from control.issuers.provider import Known, Learned, Provider
from control.issuers.refresher import Wanted
from control.policy import PolicyErrors
from control.policy.model import PolicyIssuer
from control.store.audit import record
from control.store.tables import KeptKey, ProviderRow
from sidecar.contract.snapshot import Jwk

from .inputs import provider_of, providers_of
from .issuer_info import IssuerInfo, described, held_in
from .ledger import SYSTEM, Ledger
from .versions import Version

LOOK_AGAIN_S = 5.0
"""How soon another control takes over from the one that asked the providers."""


class Providers:
    """A ``control.issuers.refresher.Book`` over the store. Thread-safe."""

    def __init__(
        self,
        ledger: Ledger,
        issuer_url: str,
        grace_s: int = DEFAULT_GRACE_S,
        in_charge: Callable[[], bool] = lambda: True,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._ledger, self._issuer_url, self._grace_s, self._chance = ledger, issuer_url, grace_s, chance
        self._in_charge = in_charge
        self._asked: set[str] = set()
        self._listeners: list[Callable[[], None]] = []

    def wanted(self) -> Sequence[Wanted]:
        """Every provider of the policy in force, and in how many seconds it is due. Of several controls over a database
        one asks them all; the others ask for what their own sidecars lack."""
        everything = self._in_charge()
        return [one for one in self._wanted() if everything or one.provider.source in self._asked]

    def _wanted(self) -> Iterator[Wanted]:
        now = self._ledger.clock()
        with self._ledger.database.read() as session:
            for provider in self._named_providers():
                row = session.get(ProviderRow, provider.source)
                if row is None:
                    yield Wanted(provider, 0.0, Known())
                    continue
                asked = provider.source in self._asked
                due = schedule.due(now, row.due_at, row.tried_at, asked)
                yield Wanted(provider, max(0.0, due - now), Known(row.jwks_url, row.etag))

    def known(self, provider: Provider) -> Known | None:
        """What is known of it, or None if its keys were never obtained."""
        with self._ledger.database.read() as session:
            row = session.get(ProviderRow, provider.source)
            return None if row is None or row.fetched_at is None else Known(row.jwks_url, row.etag)

    def learned(self, provider: Provider, learned: Learned) -> None:
        """It has answered: keep what counts now, and push it if that is something else than before."""
        now = self._ledger.clock()
        self._asked.discard(provider.source)

        def write(session: Session) -> None:
            row = row_of(session, provider.source)
            row.keys = _plain(self._merged(session, row, learned, now))
            row.jwks_url, row.etag = learned.known.jwks_url, learned.known.etag
            row.fetched_at = row.tried_at = int(now)
            row.due_at = schedule.after_success(now, learned.fresh_s, self._chance())
            row.failures, row.error = 0, ""

        with self._ledger.database.read() as session:
            row = session.get(ProviderRow, provider.source)
            before = () if row is None else held_in(row)
            after = self._merged(session, row, learned, now)
        self._write(provider.source, before, after, write)

    def failed(self, provider: Provider, why: str) -> None:
        """It has not answered: its keys stay, and it is asked again, later each time."""
        now = self._ledger.clock()
        self._asked.discard(provider.source)
        with self._ledger.database.write() as session:
            row = row_of(session, provider.source)
            row.failures += 1
            row.error, row.tried_at = why[:500], int(now)
            row.due_at = schedule.after_failure(now, row.failures, self._chance())

    def expire(self) -> float:
        """Give up the keys whose grace is over. In how many seconds the next one is due."""
        if not self._in_charge():
            return LOOK_AGAIN_S
        now, nearest = self._ledger.clock(), float(self._grace_s)
        with self._ledger.database.read() as session:
            sources = [provider.source for provider in self._named_providers()]
            rows = {source: held_in(row) for source in sources if (row := session.get(ProviderRow, source)) is not None}
        for source, before in rows.items():
            after = still_held(before, now, self._grace_s)

            def write(session: Session, source: str = source) -> None:
                row = row_of(session, source)
                row.keys = _plain(still_held(held_in(row), now, self._grace_s))

            if after != before:
                self._write(source, before, after, write)
            nearest = min([nearest, *(key.gone_at + self._grace_s - now for key in after if key.gone_at is not None)])
        return nearest

    def on_news(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back, in any thread, when ``wanted`` may have changed. Returns what ends it."""
        self._listeners.append(callback)
        unsubscribe = self._ledger.subscribe(lambda _version: callback())

        def end() -> None:
            unsubscribe()
            self._listeners.remove(callback)

        return end

    def asked_for(self, issuer: str, service: str) -> None:
        """A sidecar of ``service`` has met a ``kid`` of that issuer which it does not know. Worth one look, soon; what
        its policy does not name is ignored."""
        for policy in self._ledger.policies():
            found = policy.service(service)
            named = policy.issuer(issuer) if found and issuer in found.issuers else None
            if named is not None and named.fetched and provider_of(named).source not in self._asked:
                self._asked.add(provider_of(named).source)
                for listener in tuple(self._listeners):
                    listener()

    def revoke(self, issuer: str, kid: str, actor: str) -> Version:
        """A key of a provider that others may have: it never counts again, whatever the provider publishes, wherever
        the policy comes to look for its keys, and of no other provider."""
        source = provider_of(self.named(issuer)).source
        with self._ledger.change("keys", actor, f"{issuer}: key {kid[:100]} revoked") as (session, version):
            row = row_of(session, source)
            leaked = {thumbprint(key.jwk) for key in held_in(row) if key.kid == kid}
            if not leaked:
                raise NotFound(f"the issuer {issuer[:100]!r} has no key {kid[:100]!r}")
            row.revoked = sorted({*row.revoked, *leaked})
            for other in session.scalars(select(ProviderRow)):
                other.keys = _plain([key for key in held_in(other) if thumbprint(key.jwk) not in leaked])
            record(session, self._ledger.clock(), actor, "provider.key.revoke", kid[:200], issuer=issuer)
        return version

    def named(self, issuer: str) -> PolicyIssuer:
        """The issuer of that name; NotFound, or Invalid if its keys are not fetched."""
        found = next((named for policy in self._ledger.policies() if (named := policy.issuer(issuer))), None)
        if found is None:
            raise NotFound(f"the policy in force has no issuer {issuer[:100]!r}")
        if not found.fetched:
            raise Invalid(f"the keys of {issuer!r} are not fetched: they come from {found.keys_source}")
        return found

    def infos(self) -> list[IssuerInfo]:
        """Every issuer of the policy in force, and those that a canary adds."""
        named = {issuer.name: issuer for policy in reversed(self._ledger.policies()) for issuer in policy.issuers}
        with self._ledger.database.read() as session:
            own = self._issuer_url
            return [described(session, issuer, own, self._grace_s) for issuer in named.values()]

    def _named_providers(self) -> list[Provider]:
        found = {one.source: one for policy in self._ledger.policies() for one in providers_of(policy)}
        return list(found.values())

    def _merged(self, session: Session, row: ProviderRow | None, learned: Learned, now: float) -> tuple[HeldKey, ...]:
        held = () if row is None else held_in(row)
        published = learned.keys
        if published is None:
            published = tuple(key.jwk for key in held if key.gone_at is None)
        revoked = {one for revoked in session.scalars(select(ProviderRow.revoked)) for one in revoked}
        return merge(held, published, now, self._grace_s, revoked)

    def _write(
        self, source: str, before: Sequence[HeldKey], after: Sequence[HeldKey], write: Callable[[Session], None]
    ) -> None:
        """What changes which keys count is a version; if none can be made just now, it is part of the next one."""
        policies = self._ledger.policies()
        users = sorted({issuer.name for one in policies for issuer in one.issuers if issuer.keys_from == source})
        if users and _jwks(before) != _jwks(after):
            note = f"{', '.join(users)}: {_difference(before, after)}"[:500]
            try:
                with self._ledger.change("keys", SYSTEM, note) as (session, _):
                    write(session)
            except PolicyErrors:
                pass
            else:
                return
        with self._ledger.database.write() as session:
            write(session)


def _difference(before: Sequence[HeldKey], after: Sequence[HeldKey]) -> str:
    old, new = ({key.kid or "(no kid)" for key in keys} for keys in (before, after))
    said = [f"+{kid[:60]}" for kid in sorted(new - old)] + [f"-{kid[:60]}" for kid in sorted(old - new)]
    return "keys " + "".join(c if c.isprintable() else "?" for c in " ".join(said or ["replaced"]))


def row_of(session: Session, source: str) -> ProviderRow:
    row = session.get(ProviderRow, source)
    if row is None:
        row = ProviderRow(
            source=source,
            jwks_url="",
            etag="",
            keys=[],
            revoked=[],
            fetched_at=None,
            tried_at=0,
            due_at=0,
            failures=0,
            error="",
        )
        session.add(row)
    return row


def _plain(held: Sequence[HeldKey]) -> list[KeptKey]:
    return [KeptKey(jwk=dict(key.jwk), gone_at=key.gone_at) for key in held]


def _jwks(held: Sequence[HeldKey]) -> tuple[Jwk, ...]:
    return tuple(key.jwk for key in held)
