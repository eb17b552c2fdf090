"""What a backup is of, and how a mesh goes on from one.

Sidecars never go back a version, and some of them may have seen versions that were made after the backup. So a restored
mesh goes on far beyond: its first version is the backup's newest plus ``STEP``. Its snapshots are made when control
starts, of the restored policy; whatever a sidecar had before is older, and it converges. People sign in again: nobody
knows who was signed out since, nor which links and codes were used.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from control.authority import keyring
from control.authority.at_rest import master_key_ids
from control.authority.authority import open_authority
from control.authority.vault import Vault
from control.identity import operators
from control.store.audit import record
from control.store.backup import NotRestored
from control.store.backup_file import Header
from control.store.tables import (
    DeviceCodeRow,
    PasswordLinkRow,
    PersonSessionRow,
    PushedRequestRow,
    SignInTicketRow,
    VersionRow,
)

from . import increments, revocations, versions
from .ledger import SYSTEM

STEP = 1_000_000_000
"""More versions than anyone makes between a backup and the day it is needed: a thousand a second for eleven days."""

MAX_VERSION = 2**62
"""More than any mesh comes to, and what every store holds."""
UNFINISHED = (PersonSessionRow, SignInTicketRow, PasswordLinkRow, PushedRequestRow, DeviceCodeRow)
"""What counts once, or until it is ended."""


def described(session: Session) -> Mapping[str, Any]:
    """What the header tells people: the newest version, and under which master keys (ids) the private keys lie."""
    ids = master_key_ids(session)
    return {
        "version": session.scalar(select(func.max(VersionRow.version))) or 0,
        "master_keys": sorted(ids - {""}),
        "plain_keys": "" in ids,
    }


def go_on(session: Session, header: Header, now: float) -> Mapping[str, Any]:
    """Make the first version after a restore, in the transaction that restores; what there is then, as ``described``,
    whatever the header says. NotRestored if there are no numbers left, Corrupt if control could not start with it."""
    keyring.check(session)
    revocations.check(session, now)
    operators.check(session)
    if not master_key_ids(session) - {""}:  # what is encrypted the next start looks at
        open_authority(session, now, Vault())
    made = dt.datetime.fromtimestamp(min(max(header.created_at, 0), 2**35), dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    last = versions.newest(session)
    if last is not None and last.version > MAX_VERSION - STEP:
        raise NotRestored("its newest version is too large a number to go on from")
    for table in UNFINISHED:
        session.execute(delete(table))
    increments.drop(session)  # they lead to the version before; revocations are in the snapshots that come
    policy_id = None if last is None else last.policy_id
    version = versions.append(session, "restore", policy_id, SYSTEM, now, f"from the backup of {made}", STEP)
    record(session, now, SYSTEM, "restore", f"version {version.version}", backup=header.created_at)
    session.flush()
    return described(session)
