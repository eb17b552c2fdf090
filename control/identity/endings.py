"""What ends with a person, an application or a secret: what clients were let do, and tokens that are out.

Whoever turns something off says so in the transaction that does it. Grants, with their codes and refresh tokens, end
in it here; the access tokens are for whoever knows the sidecars to tell (``control.mesh.endings``), in the same one.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import ColumnElement, and_, delete, select
from sqlalchemy.orm import Session

from control.store import Database
from control.store.audit import record
from control.store.tables import DeviceCodeRow, GrantedTokenRow, OAuthGrantRow

MARGIN_S = 5
"""Tokens that were about to be issued when something was turned off do not slip through: those of so long after are
refused as well."""


class Ending:
    """One transaction, and whose tokens end with it: ``subjects`` and ``clients`` with the last moment of issue that
    counts no more, and single tokens."""

    def __init__(self, session: Session, now: float) -> None:
        self.session, self.now = session, now
        self.subjects, self.clients, self.token_ids = dict[str, int](), dict[str, int](), set[str]()

    def of_subject(self, subject: str, why: str) -> None:
        """Everything of that person, and what they let clients do."""
        self.subjects[subject] = int(self.now) + MARGIN_S
        self._end_grants(OAuthGrantRow.subject == subject, why)
        self.session.execute(delete(DeviceCodeRow).where(DeviceCodeRow.subject == subject))

    def of_grants(self, why: str, *, subject: str | None = None, client_id: str | None = None) -> None:
        """What that person let clients do, what people let that client do, or what the one let the other; and no token
        that they get from now on."""
        if subject is None and client_id is None:
            raise ValueError("of whom?")
        whose = [(OAuthGrantRow.subject, DeviceCodeRow.subject, subject)] if subject is not None else []
        whose += [(OAuthGrantRow.client_id, DeviceCodeRow.client_id, client_id)] if client_id is not None else []
        self.token_ids |= self._end_grants(and_(*(grant == one for grant, _, one in whose)), why, also_own=True)
        self.session.execute(delete(DeviceCodeRow).where(*(code == one for _, code, one in whose)))

    def of_client(self, client_id: str, why: str, *, goes_on: bool = False) -> None:
        """Everything of that client. ``goes_on``: it may ask for tokens again at once."""
        self.clients[client_id] = int(self.now) + (0 if goes_on else MARGIN_S)
        self.token_ids |= self._end_grants(OAuthGrantRow.client_id == client_id, why)
        self.session.execute(delete(DeviceCodeRow).where(DeviceCodeRow.client_id == client_id))

    def _end_grants(self, whose: ColumnElement[bool], why: str, *, also_own: bool = False) -> set[str]:
        """The tokens that came of them and are named by nothing else: those of other clients, by exchange."""
        for row in self.session.scalars(select(OAuthGrantRow).where(whose, OAuthGrantRow.revoked.is_(False))):
            row.revoked = True
            record(self.session, self.now, row.subject, "grant.revoke", row.client_id, why=why)
        theirs = GrantedTokenRow.grant_id.in_(select(OAuthGrantRow.id).where(whose))
        alive = select(GrantedTokenRow.jti).where(theirs, GrantedTokenRow.expires_at > self.now)
        found = set(self.session.scalars(alive if also_own else alive.where(GrantedTokenRow.exchanged.is_(True))))
        self.session.execute(delete(GrantedTokenRow).where(theirs))
        return found


Endings = Callable[[str], AbstractContextManager[Ending]]
"""Begins one, on behalf of an actor; committed and told when the block ends."""


def untold(database: Database, clock: Callable[[], float]) -> Endings:
    """Where there are no sidecars to tell."""

    @contextmanager
    def ending(_actor: str) -> Iterator[Ending]:
        with database.write() as session:
            yield Ending(session, clock())

    return ending
