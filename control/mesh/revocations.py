"""Tokens that no longer count, as kept by control: a list that every snapshot carries, and that cannot grow forever.

An entry is dropped when the last token that it can name has expired; naming the same tokens again replaces the
older entry. When there are too many all the same, the oldest of the issuer that has most become one cut: every token
that it issued until then is refused. That refuses more than was asked for, and never less.
"""

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from control.errors import Corrupt, Invalid
from control.policy.model import Policy, PolicyIssuer
from control.store.tables import RevocationRow
from sidecar.authn.principal import MAX_NAME_CHARS, is_name
from sidecar.contract.snapshot import Revocation, Snapshot, decode, encode
from sidecar.contract.strict import ContractError

MAX_REVOCATIONS = 20_000
"""In the whole mesh."""
FOLD = 1_000
"""So many become a cut at once, so that the next ones have room."""
FOR_GOOD = 2**53 - 1
"""``before`` of a revocation by ``jti``: that token never counts again, whenever it was issued."""


@dataclass(frozen=True, slots=True)
class RevocationInfo:
    """One entry. ``version``: where sidecars learned of it."""

    id: str
    issuer: str
    by: str
    value: str
    before: int
    until: int
    version: int
    created_at: int


def revocation(
    issuer: str,
    by: str,
    value: str,
    now: float,
    *,
    lives_s: int | None,
    before: int | None,
    until: int | None,
    ahead_s: int = 0,
) -> Revocation:
    """The entry that was asked for; Invalid if it names nothing. ``lives_s``: how long after it was issued the
    issuer's longest token can count, None if that is not known. ``ahead_s``: of the issuer's clock, at most."""
    if by not in ("jti", "subject", "client", "issuer"):
        raise Invalid("tokens are revoked by jti, subject, client or issuer")
    if (by == "issuer") != (value == "") or len(value) > MAX_NAME_CHARS or (value and not is_name(value)):
        raise Invalid(f"that is no {by} to revoke by")
    named = FOR_GOOD if by == "jti" else int(now) + ahead_s if before is None else before
    last_issued = int(now) if by == "jti" else max(named, int(now))
    kept = until if until is not None else 0 if lives_s is None else min(last_issued + lives_s, FOR_GOOD)
    if not 0 <= named <= FOR_GOOD or not 0 <= kept <= FOR_GOOD:
        raise Invalid("a time is unix seconds")
    return Revocation(issuer, by, value, named, kept)  # type: ignore[arg-type]  # ``by`` is one of the words


def add(session: Session, revocation: Revocation, version: int, now: float) -> None:
    """Keep ``revocation``, and forget those that it makes needless."""
    r = revocation
    older = delete(RevocationRow).where(
        RevocationRow.issuer == r.issuer,
        RevocationRow.by == r.by,
        RevocationRow.value == r.value,
        RevocationRow.before <= r.before,
    )
    if r.until:  # an entry that is kept for longer than the new one is still needed
        older = older.where(RevocationRow.until != 0, RevocationRow.until <= r.until)
    session.execute(older)
    session.execute(delete(RevocationRow).where(RevocationRow.until != 0, RevocationRow.until < int(now)))
    session.add(
        RevocationRow(
            id=str(uuid.uuid4()),
            issuer=r.issuer,
            by=r.by,
            value=r.value,
            before=r.before,
            until=r.until,
            version=version,
            created_at=int(now),
        )
    )
    session.flush()


def in_force(session: Session, at: float) -> list[RevocationInfo]:
    """The entries that can still name a token at ``at``, in the order in which they were made."""
    wanted = or_(RevocationRow.until == 0, RevocationRow.until >= int(at))
    rows = session.scalars(select(RevocationRow).where(wanted).order_by(RevocationRow.version, RevocationRow.id))
    return [RevocationInfo(r.id, r.issuer, r.by, r.value, r.before, r.until, r.version, r.created_at) for r in rows]


def names(session: Session, issuers: Collection[str], claims: Mapping[str, Any], at: float) -> bool:
    """Is a token of one of ``issuers``, of which it is known what it says, revoked?"""
    said = {"jti": claims.get("jti"), "subject": claims.get("sub"), "client": claims.get("client_id"), "issuer": ""}
    named = or_(*((RevocationRow.by == by) & (RevocationRow.value == value) for by, value in said.items()))
    found = select(RevocationRow.id).where(
        RevocationRow.issuer.in_(issuers),
        RevocationRow.before >= int(claims.get("iat", 0)),
        or_(RevocationRow.until == 0, RevocationRow.until >= int(at)),
        named,
    )
    return session.scalar(found.limit(1)) is not None


def fold(session: Session, version: int, now: float) -> tuple[Revocation, int] | None:
    """If there are too many entries: the cut that takes the place of some, already kept, and of how many."""
    total = session.scalar(select(func.count()).select_from(RevocationRow)) or 0
    if total <= MAX_REVOCATIONS:
        return None
    single = RevocationRow.by != "issuer"
    most = (
        select(RevocationRow.issuer).where(single).group_by(RevocationRow.issuer).order_by(func.count().desc()).limit(1)
    )
    rows = session.scalars(
        select(RevocationRow)
        .where(single, RevocationRow.issuer == most.scalar_subquery())
        .order_by(RevocationRow.created_at, RevocationRow.version, RevocationRow.id)
        .limit(max(FOLD, total - MAX_REVOCATIONS))
    ).all()
    if not rows:
        return None
    # A jti is revoked once its token is out; the others name tokens issued until ``before``.
    before = max(row.created_at if row.by == "jti" else max(row.created_at, row.before) for row in rows)
    until = 0 if any(row.until == 0 for row in rows) else max(row.until for row in rows)
    cut = Revocation(rows[0].issuer, "issuer", "", min(before, FOR_GOOD), until)
    for row in rows:
        session.delete(row)
    session.flush()
    add(session, cut, version, now)
    return cut, len(rows)


def carry_over(session: Session, before: Policy, after: Policy, version: int, now: float) -> None:
    """An issuer that comes back under another name issues the same tokens: what was revoked of it stays so. The entries
    stay under the old name as well, for whoever still has the policy before."""
    for old, new in _renamed(before, after):
        of_old = [replace(entry, issuer=new) for entry in in_force(session, now) if entry.issuer == old]
        for entry in as_contract(of_old):
            add(session, entry, version, now)


def renamed(entries: Sequence[Revocation], one: Policy, other: Policy) -> Iterator[Revocation]:
    """The same of issuers that the one of two policies has under another name than the other."""
    names = {*_renamed(one, other), *_renamed(other, one)}
    return (replace(entry, issuer=new) for entry in entries for old, new in sorted(names) if entry.issuer == old)


def _renamed(before: Policy, after: Policy) -> Iterator[tuple[str, str]]:
    for old in before.issuers:
        for new in after.issuers:
            if old.name != new.name and _identifiers(old) & _identifiers(new):
                yield old.name, new.name


def _identifiers(issuer: PolicyIssuer) -> set[str]:
    """What ``iss`` its tokens have; "" is control's own."""
    return {issuer.outside.issuer, *issuer.outside.aliases} if issuer.outside is not None else {""}


def as_contract(entries: list[RevocationInfo]) -> tuple[Revocation, ...]:
    """The same as a snapshot carries them."""
    # ``by`` was checked when the entry was made.
    return tuple(Revocation(e.issuer, e.by, e.value, e.before, e.until) for e in entries)  # type: ignore[arg-type]


def check(session: Session, at: float) -> None:
    """Corrupt, if an entry is none that a sidecar would take: for a database that came from elsewhere."""
    try:
        decode(encode(Snapshot("check", "check", 1, 0, revocations=as_contract(in_force(session, at)))))
    except ContractError as error:
        raise Corrupt(f"a revocation is none that sidecars take: {error}") from None
