"""What other controls over the same database have changed: their commits are heard of, and our listeners are told."""

from collections.abc import Callable

from sqlalchemy import func, select

from control.store import Database
from control.store.tables import SidecarRow

from .ledger import Ledger


class News:
    """``begin`` when there is somebody to tell; ``end`` with the mesh."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database, self._ledger = database, ledger
        self._seen: tuple[int, int] | None = None
        self._stop: Callable[[], None] = lambda: None

    def begin(self) -> None:
        """Listen from now on; nothing to be heard where the database is ours alone."""
        self._stop = self._database.hear(self._look)

    def end(self) -> None:
        """No more."""
        self._stop()

    def _look(self, heard: bool) -> None:
        """A look that finds nothing new tells nobody; what was heard may be of a kind that only the listeners know."""
        current = self._ledger.current()
        version = current.version if current else 0
        with self._database.read() as session:
            revoked = session.scalar(select(func.count()).select_from(SidecarRow).where(SidecarRow.revoked)) or 0
        found = (version, revoked)
        if heard or found != self._seen:
            self._seen = found
            self._ledger.announce(version)
