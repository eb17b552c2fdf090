"""A canary's begin and end, as versions: begun with a policy that few sidecars try, then promoted or aborted.

Whoever ends one names the version that it began with, so that several controls (or a control and an operator) that
come to a verdict at the same time end it once. Who may ask, and when a verdict is due, is known elsewhere.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from control.errors import Conflict, Invalid, NotFound
from control.lines import is_chosen, place_of
from control.policy import Policy, load
from control.store.tables import SidecarRow

from . import canaries, traffic, versions
from .canaries import Canary, Verdict
from .freeze import refuse_if_frozen
from .ledger import Ledger
from .traffic import Counted
from .versions import Kind, StoredPolicy, Version

Known = tuple[str, str]
"""A sidecar's id and its service."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What has begun: ``chosen`` of the sidecars there are try it. ``widened``: the share that was asked would have
    been nobody, and the one whose place comes first was taken."""

    version: Version
    policy_id: str
    chosen: int
    of: int
    widened: bool


class Trials:
    """The canary of one mesh. Thread-safe."""

    def __init__(self, ledger: Ledger, check: Callable[[Policy], None]) -> None:
        self._ledger, self._check = ledger, check

    def begin(
        self,
        source: str,
        files: Mapping[str, str],
        env: Mapping[str, str],
        actor: str,
        *,
        share: int,
        note: str = "",
        connected: Collection[Known] | None = None,
        replace: bool = False,
        expected_version: int | None = None,
    ) -> Begun:
        """Let ``share`` of 10,000 places try a policy. ``connected``: who is here, of whom at least one shall try it;
        None: all that joined. Stale as for ``Mesh.push``; Conflict if one runs (unless ``replace``), if there is
        nothing to compare with, or if it would be nobody."""
        policy = load(source, files, env)
        self._check(policy)

        def choose(session: Session, last: Version | None) -> str | None:
            versions.insist(last, expected_version)
            _refuse(session, replace)
            if last is None or last.policy_id is None:
                raise Conflict("there is no policy in force to compare with: push this one", "no_policy")
            return last.policy_id

        with self._ledger.change("canary", actor, note, choose) as (session, version):
            stable = self._ledger.policy_of(session, version)
            if stable is None or stable.trust_domain != policy.trust_domain:
                raise Invalid("a canary cannot change the trust domain: push the policy to all")
            before = canaries.running(session)
            if before is not None:
                canaries.end(session, before.since, version.version, "replaced", f"by {actor}")
            differing = self._ledger.publication.differing(session, version, stable, policy)
            known = _all_joined(session) if connected is None else connected
            asked_of = [one for one, service in known if service in differing]
            taken = _widened(asked_of, share, differing)
            policy_id = versions.add_policy(session, source, files, env, actor, self._ledger.clock())
            canaries.begin(session, version.version, policy_id, taken, share)
            traffic.drop_before(session, version.version)
        chosen = sum(is_chosen(one, taken) for one in set(asked_of))
        return Begun(version, policy_id, chosen, len(set(asked_of)), taken != share)

    def promote(self, actor: str, reason: str = "", since: int | None = None) -> Version:
        """The policy on trial is in force for all. NotFound, or Conflict if it is not the one of ``since`` any more."""
        return self._end("promote", "promoted", actor, reason, since)

    def abort(self, actor: str, reason: str = "", since: int | None = None) -> Version:
        """Nobody tries it any more. NotFound, or Conflict if it is not the one of ``since`` any more."""
        return self._end("abort", "aborted", actor, reason, since)

    def running(self) -> Canary | None:
        """The canary that runs."""
        with self._ledger.database.read() as session:
            return canaries.running(session)

    def last(self) -> Canary | None:
        """The one that runs, or else the newest that has ended."""
        with self._ledger.database.read() as session:
            return canaries.last(session)

    def at(self, since: int) -> Canary:
        """The one that began with that version; NotFound."""
        with self._ledger.database.read() as session:
            found = canaries.at(session, since)
        if found is None:
            raise NotFound(f"no canary began with version {since}")
        return found

    def candidate(self) -> StoredPolicy:
        """The policy on trial, as it was pushed; NotFound."""
        with self._ledger.database.read() as session:
            found = _running(session, None)
            return versions.policy_row(session, found.policy_id, found.since)

    def differing(self) -> frozenset[str]:
        """The services whose sidecars get something else on trial."""
        with self._ledger.database.read() as session:
            return self._ledger.publication.on_trial(session)

    def count(self, since: int, counted: Iterable[Counted]) -> None:
        """What sidecars reported meanwhile. Of a canary that has ended nothing is kept."""
        with self._ledger.database.note() as session:
            found = canaries.running(session)
            if found is not None and found.since == since:
                traffic.add(session, since, counted)

    def counted(self, since: int) -> list[Counted]:
        """All that was reported since it began."""
        with self._ledger.database.read() as session:
            return traffic.of(session, since)

    def _end(self, kind: Kind, verdict: Verdict, actor: str, reason: str, since: int | None) -> Version:
        def choose(session: Session, last: Version | None) -> str | None:
            found = _running(session, since)
            if kind == "promote":
                refuse_if_frozen(session)
                return found.policy_id
            return None if last is None else last.policy_id

        with self._ledger.change(kind, actor, reason, choose) as (session, version):
            found = _running(session, since)
            canaries.end(session, found.since, version.version, verdict, reason or f"by {actor}")
        return version


def refuse_if_closed(session: Session) -> None:
    """Conflict while a canary runs or the mesh is frozen."""
    _refuse(session, replace=False)


def _refuse(session: Session, replace: bool) -> None:
    refuse_if_frozen(session)
    found = canaries.running(session)
    if found is not None and not replace:
        raise Conflict(
            f"a canary runs since version {found.since}. First: control canary promote, or control canary abort",
            "canary_runs",
        )


def _running(session: Session, since: int | None) -> Canary:
    found = canaries.running(session)
    if found is None:
        raise NotFound("no canary runs")
    if since is not None and found.since != since:
        raise Conflict(f"the canary of version {since} has ended; another runs since version {found.since}")
    return found


def _widened(asked_of: Collection[str], share: int, differing: Collection[str]) -> int:
    if not differing:
        raise Conflict("it says the same as the policy in force, for every service", "no_difference")
    if not asked_of:
        raise Conflict(f"no sidecar of {', '.join(sorted(differing)[:10])} is here to try it", "nobody_to_try")
    return max(share, min(map(place_of, asked_of)) + 1)


def _all_joined(session: Session) -> list[Known]:
    rows = session.execute(select(SidecarRow.id, SidecarRow.service).where(~SidecarRow.revoked))
    return [(sidecar_id, service) for sidecar_id, service in rows]
