"""The life of the token signing keys, step by step in the store (``control.authority.lifecycle`` says when).

A step that changes which keys sidecars trust is a version of its own; a key that begins to sign is not, because
every sidecar has it already.
"""

from control.authority import keyring
from control.authority.keyring import KeyInfo
from control.authority.lifecycle import Step, next_step
from control.authority.signing_keys import Algorithm, algorithm_named
from control.authority.vault import Vault
from control.store.audit import record

from .ledger import SYSTEM, Ledger
from .versions import Version


class Keys:
    """The signing keys of one mesh. Thread-safe."""

    def __init__(self, ledger: Ledger, vault: Vault, algorithm: Algorithm) -> None:
        self._ledger, self._vault, self._algorithm = ledger, vault, algorithm

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
        made = []
        while (step := self._due(in_force)) is not None:
            version = self._take(step)
            made += [version] if version else []
        return made

    def _due(self, in_force: int | None) -> Step | None:
        keys = self.infos()
        waiting = [key.version for key in keys if key.state == "prepared"]
        acknowledged = in_force is not None and all(version <= in_force for version in waiting)
        return next_step([key.times for key in keys], self._ledger.clock(), acknowledged)

    def _take(self, step: Step) -> Version | None:
        match step.action:
            case "activate":
                with self._ledger.database.write() as session:
                    now = self._ledger.clock()
                    keyring.activate(session, step.kid, now)
                    record(session, now, SYSTEM, "key.activate", step.kid)
                return None
            case "remove":
                with self._ledger.change("keys", SYSTEM, "removed") as (session, version):
                    keyring.remove(session, step.kid)
                    record(session, self._ledger.clock(), SYSTEM, "key.remove", step.kid)
                return version
