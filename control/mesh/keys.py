"""The life of the token signing keys, step by step in the store (``control.authority.lifecycle`` says when).

A step that changes which keys sidecars trust is a version of its own; a key that begins to sign is not, because
every sidecar has it already.
"""

from sqlalchemy.orm import Session

from control.authority import keyring
from control.authority.keyring import KeyInfo
from control.authority.lifecycle import Step, next_step
from control.authority.signing_keys import Algorithm, algorithm_named
from control.authority.vault import Vault
from control.errors import Conflict
from control.store.audit import record

from .ledger import SYSTEM, Ledger
from .versions import Version


class Keys:
    """The signing keys of one mesh. Thread-safe."""

    def __init__(self, ledger: Ledger, vault: Vault, algorithm: Algorithm, rotate_after_s: int = 0) -> None:
        self._ledger, self._vault = ledger, vault
        self._algorithm, self._rotate_after_s = algorithm, rotate_after_s

    def infos(self) -> list[KeyInfo]:
        """Every key, oldest first."""
        with self._ledger.database.read() as session:
            return keyring.all_keys(session)

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public keys (RFC 7517 section 5)."""
        with self._ledger.database.read() as session:
            return {"keys": list(keyring.published(session))}

    def ensure(self) -> None:
        """At start: a mesh always has a key that signs. The first is active at once, nobody having to learn of it."""
        with self._ledger.database.write() as session:
            if not keyring.all_keys(session):
                now = self._ledger.clock()
                key = keyring.prepare(session, self._vault, self._algorithm, 0, now)
                keyring.activate(session, key.kid, now)
                record(session, now, SYSTEM, "key.create", key.kid, algorithm=key.algorithm)

    def rotate(self, actor: str, algorithm: str | None) -> Version:
        """Prepare the next key; Conflict while one is waiting."""
        chosen = self._algorithm if algorithm is None else algorithm_named(algorithm)
        with self._ledger.change("keys", actor, "prepared") as (session, version):
            key = keyring.prepare(session, self._vault, chosen, version.version, self._ledger.clock())
            record(session, self._ledger.clock(), actor, "key.prepare", key.kid, algorithm=chosen)
        return version

    def replace(self, actor: str, algorithm: str | None = None, *, revoke_old: bool) -> Version:
        """A key that signs at once, in the version in which sidecars learn of it: until they have, they refuse its
        tokens. ``revoke_old``: every other key ends with the same version, one that was prepared too. Otherwise the
        prepared one is taken, if one is waiting; Conflict if it is of another algorithm."""
        chosen = self._algorithm if algorithm is None else algorithm_named(algorithm)
        note = "replaced; every key before is revoked" if revoke_old else "replaced"
        with self._ledger.change("keys", actor, note) as (session, version):
            now, revoked = self._ledger.clock(), list[str]()
            for key in keyring.all_keys(session) if revoke_old else ():
                if key.state != "revoked":
                    keyring.revoke(session, key.kid, now)
                    revoked.append(key.kid)
            waiting = [key for key in keyring.all_keys(session) if key.state == "prepared"]
            if waiting and algorithm not in (None, waiting[0].algorithm):
                raise Conflict("a key of another algorithm is already prepared and waits to become active")
            made = waiting[0] if waiting else keyring.prepare(session, self._vault, chosen, version.version, now)
            keyring.activate(session, made.kid, now)
            record(session, now, actor, "key.replace", made.kid, algorithm=made.algorithm, revoked=revoked)
        return version

    def revoke(self, kid: str, actor: str) -> Version:
        """A key that others may have: its tokens stop counting, and if it was the one that signs, another does now
        (the one that was prepared, or else one that sidecars learn of in the same snapshot)."""
        with self._ledger.change("keys", actor, "revoked") as (session, version):
            now = self._ledger.clock()
            record(session, now, actor, "key.revoke", kid)
            if keyring.revoke(session, kid, now) == "active":
                waiting = [key.kid for key in keyring.all_keys(session) if key.state == "prepared"]
                next_kid = waiting or [keyring.prepare(session, self._vault, self._algorithm, version.version, now).kid]
                keyring.activate(session, next_kid[0], now)
        return version

    def advance(self, in_force: int | None) -> list[Version]:
        """Take the steps that are due. ``in_force``: the lowest version that any live sidecar enforces, None when
        there is none (which proves nothing: those that are away may come back). Returns the versions made."""
        made = list[Version]()
        while (step := self._due(in_force)) is not None:
            try:
                version = self._take(step, in_force)
            except _TakenMeanwhile:
                continue
            made += [version] if version else []
        return made

    def _due(self, in_force: int | None) -> Step | None:
        with self._ledger.database.read() as session:
            return self._due_in(session, in_force)

    def _due_in(self, session: Session, in_force: int | None) -> Step | None:
        keys = keyring.all_keys(session)
        waiting = [key.version for key in keys if key.state == "prepared"]
        acknowledged = in_force is not None and all(version <= in_force for version in waiting)
        return next_step([key.times for key in keys], self._ledger.clock(), acknowledged, self._rotate_after_s)

    def _take(self, step: Step, in_force: int | None) -> Version | None:
        """Looks again in the transaction in which it acts: an operator, or another control, may have been first."""
        match step.action:
            case "prepare":
                with self._ledger.change("keys", SYSTEM, "prepared: it was time") as (session, version):
                    self._check(session, step, in_force)
                    now = self._ledger.clock()
                    key = keyring.prepare(session, self._vault, self._algorithm, version.version, now)
                    record(session, now, SYSTEM, "key.prepare", key.kid, algorithm=key.algorithm)
                return version
            case "activate":
                with self._ledger.database.write() as session:
                    self._check(session, step, in_force)
                    now = self._ledger.clock()
                    keyring.activate(session, step.kid, now)
                    record(session, now, SYSTEM, "key.activate", step.kid)
                return None
            case "remove":
                with self._ledger.change("keys", SYSTEM, "removed") as (session, version):
                    self._check(session, step, in_force)
                    keyring.remove(session, step.kid)
                    record(session, self._ledger.clock(), SYSTEM, "key.remove", step.kid)
                return version

    def _check(self, session: Session, step: Step, in_force: int | None) -> None:
        if self._due_in(session, in_force) != step:
            raise _TakenMeanwhile


class _TakenMeanwhile(Exception):  # noqa: N818 - reads as the sentence it is
    """Somebody else took the step."""
