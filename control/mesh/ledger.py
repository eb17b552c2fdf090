"""How a change is made: one transaction that holds the new version, what the change is about, every service's signed
snapshot (or, for a revocation, one increment) and the audit row. All of it is committed, or none; listeners are told
after the commit.
"""

import datetime as dt
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy.orm import Session

from control.errors import ControlError, NotFound
from control.lines import Lines
from control.policy import Policy, PolicyErrors, load
from control.store import Database
from control.store.audit import record_version
from sidecar.contract.envelope import Sealed
from sidecar.contract.increment import Chain
from sidecar.contract.snapshot import Revocation

from . import canaries, increments, revocations, versions
from .publication import Publication
from .versions import Kind, Version

SYSTEM = "system"
"""The actor of what nobody asked for."""
_log = logging.getLogger("control.mesh")

PolicyChoice = Callable[[Session, Version | None], str | None]
"""Which policy the next version is of, given the newest one: a policy's id, or None."""


def same_policy(_session: Session, last: Version | None) -> str | None:
    """The next version is of the policy in force."""
    return None if last is None else last.policy_id


class Ledger:
    """The versions, and what sidecars get of each. Thread-safe."""

    def __init__(self, database: Database, publication: Publication, clock: Callable[[], float]) -> None:
        self.database, self.publication, self.clock = database, publication, clock
        self._listeners: list[Callable[[int], None]] = []
        self._parsed: dict[str, Policy] = {}

    @contextmanager
    def change(
        self, kind: Kind, actor: str, note: str = "", policy: PolicyChoice = same_policy
    ) -> Iterator[tuple[Session, Version]]:
        """Make the next version. What the block does to the session belongs to it, and shows in its snapshots."""
        with self.database.write() as session:
            last = versions.newest(session)
            policy_id = policy(session, last)
            version = versions.append(session, kind, policy_id, actor, self.clock(), note)
            yield session, version
            in_force = self.policy_of(session, version)
            if in_force is not None:
                if last is not None and last.policy_id != policy_id:
                    self._carry_over(session, last, in_force, version)
                candidate = self.candidate_of(session)
                if candidate is not None and kind == "canary":
                    revocations.carry_over(session, in_force, candidate, version.version, self.clock())
                self.publication.publish(session, version, in_force, candidate)
            record_version(session, self.clock(), actor, kind, version.version, note)
        self.announce(version.version)

    def _carry_over(self, session: Session, last: Version, policy: Policy, version: Version) -> None:
        try:
            before = self.policy_of(session, last)
        except PolicyErrors as error:  # one that an earlier control took, and that must not keep a better one out
            _log.warning("what was revoked stays with the issuers' names, for the policy before is not read: %s", error)
            return
        if before is not None:
            revocations.carry_over(session, before, policy, version.version, self.clock())

    def revoke(self, entries: Sequence[Revocation], actor: str, note: str) -> Version:
        """Make the next version of the policy in force, with ``entries`` added to what no longer counts."""
        with self.database.write() as session:
            version = self.add_revocations(session, entries, actor, note)
        self.announce(version.version)
        return version

    def add_revocations(self, session: Session, entries: Sequence[Revocation], actor: str, note: str) -> Version:
        """The same within the caller's writing transaction, after which the listeners are for the caller to tell."""
        version = versions.append(
            session, "revocation", same_policy(session, versions.newest(session)), actor, self.clock(), note
        )
        policy = self.policy_of(session, version)
        if policy is None:
            raise NotFound("there is no policy yet, and so no issuer whose tokens count")
        candidate = self.candidate_of(session)
        if candidate is not None:
            entries = [*entries, *revocations.renamed(entries, policy, candidate)]
        for entry in entries:
            revocations.add(session, entry, version.version, self.clock())
        folded = revocations.fold(session, version.version, self.clock())
        if folded is not None:
            version = versions.annotate(session, version, _told(*folded))
        # A cut takes entries away, which an increment cannot.
        if folded is not None or not self.publication.increment(session, version, policy.trust_domain, entries):
            self.publication.publish(session, version, policy, candidate)
        record_version(session, self.clock(), actor, "revocation", version.version, version.note)
        return version

    def current(self) -> Version | None:
        """The version in force."""
        with self.database.read() as session:
            return versions.newest(session)

    def policy_in_force(self) -> Policy | None:
        """The policy of the version in force."""
        found = self.database.rows(versions.POLICY_IN_FORCE)
        parsed = self._parsed.get(found[0].policy_id) if found else None
        if parsed is not None or not found:
            return parsed
        with self.database.read() as session:
            version = versions.newest(session)
            return None if version is None else self.policy_of(session, version)

    def policies(self) -> tuple[Policy, ...]:
        """The policy in force and, while a canary runs, the one that is tried: what some sidecar enforces."""
        with self.database.read() as session:
            version = versions.newest(session)
            found = (None if version is None else self.policy_of(session, version), self.candidate_of(session))
            return tuple(policy for policy in found if policy is not None)

    def policy_of(self, session: Session, version: Version) -> Policy | None:
        """The policy of ``version``, parsed once for as long as it stays the same."""
        return None if version.policy_id is None else self._policy(session, version.policy_id)

    def candidate_of(self, session: Session) -> Policy | None:
        """The policy of the canary that runs."""
        running = canaries.running(session)
        return None if running is None else self._policy(session, running.policy_id)

    def _policy(self, session: Session, policy_id: str) -> Policy:
        parsed = self._parsed.get(policy_id)
        if parsed is None:
            stored = versions.policy_row(session, policy_id, 0)
            parsed = load(stored.source, stored.files, stored.env)
            # The last two are kept: more are not in force at a time.
            self._parsed = {**dict([*self._parsed.items()][-1:]), policy_id: parsed}
        return parsed

    def chain_for(self, service: str) -> Chain | None:
        """What is in force for ``service``, a canary aside. None while there is no policy, or none that can be compiled
        for it."""
        lines = self.lines_for(service)
        return None if lines is None else lines.stable

    def lines_for(self, service: str) -> Lines | None:
        """What its sidecars get: its newest snapshot, made now if it is the first time that it is asked for, and the
        increments after it; and beside it what those of a canary get."""
        with self.database.read() as session:
            version = versions.newest(session)
            if version is None or version.policy_id is None:
                return None
            lines = self.publication.lines(session, version, service)
        return lines or self._first_lines(service)

    def _first_lines(self, service: str) -> Lines | None:
        try:
            with self.database.write() as session:
                version = versions.newest(session)
                policy = None if version is None else self.policy_of(session, version)
                if version is None or policy is None:
                    raise AssertionError("once there is a policy, every version is of one")
                lines = self.publication.lines(session, version, service)
                return lines or self.publication.add(session, version, policy, service, self.candidate_of(session))
        except PolicyErrors as error:
            _log.error("there is no snapshot for %s, and none can be made: %s", service, error)
            return None

    def increments_after(self, version: int) -> tuple[Sealed, ...] | None:
        """What leads from ``version`` to the newest one, for every service; None if increments alone do not."""
        with self.database.read() as session:
            newest = versions.newest(session)
            if newest is None or not increments.last_whole(session, newest.version) <= version <= newest.version:
                return None
            return increments.after(session, version)

    def refresh(self) -> None:
        """At start: if the snapshots would come out otherwise now (a secret in control's environment, its public URL
        or its own code has changed), make a version of it. If they would not come out at all, those that are stored
        stay in force: a restart takes nothing away from the sidecars."""
        try:
            with self.database.read() as session:
                version = versions.newest(session)
                policy = None if version is None else self.policy_of(session, version)
                stale = (
                    version is not None and policy is not None and self.publication.is_stale(session, version, policy)
                )
            if stale:
                with self.change("inputs", SYSTEM, "control's environment or version has changed"):
                    pass
        except (PolicyErrors, ControlError) as error:
            _log.error("the policy in force can no longer be compiled, its stored snapshots stay: %s", error)

    def subscribe(self, callback: Callable[[int], None]) -> Callable[[], None]:
        """Call ``callback`` with the newest version after each change, in the thread that made it; a call may be late
        or needless, so that it means "look again". Returns what ends it."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def announce(self, version: int) -> None:
        """Tell the listeners."""
        for listener in tuple(self._listeners):
            listener(version)


def _told(cut: Revocation, count: int) -> str:
    until = dt.datetime.fromtimestamp(min(cut.before, 2**35), dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"too many entries: the {count} oldest of {cut.issuer} became one, of all its tokens issued until {until}"
