"""People over a real store, with a clock that goes when it is told to and a hasher that counts what it computes."""

import base64
from pathlib import Path

from control.authority.at_rest import FactorBox
from control.authority.vault import Vault
from control.identity.endings import untold
from control.identity.people import Person, Room, SecondFactorNeeded, SignedIn
from control.identity.people.hashing import Hasher
from control.identity.people.second_factors import STEP_S, totp
from control.store import open_database

NOW = 1_800_000_000
HOME, ELSEWHERE = "192.0.2.1", "198.51.100.9"
PASSWORD, OTHER = "violet otters juggle", "marble kites whisper"


class CountingHasher(Hasher):
    """The real one; ``computed`` says how often."""

    computed = 0

    def hash(self, password: str) -> str:
        """Counted."""
        self.computed += 1
        return super().hash(password)

    def matches(self, password: str, kept: str | None) -> bool:
        """Counted."""
        self.computed += 1
        return super().matches(password, kept)


class Rig:
    """The room, and a person or two in it."""

    def __init__(self, data: Path, vault: Vault | None = None) -> None:
        self.now, self.hasher = float(NOW), CountingHasher()
        self.database = open_database(data)
        endings, box = untold(self.database, self.clock), FactorBox(vault or Vault())
        self.people = Room(self.database, self.clock, endings, box, "https://control.shop.test", self.hasher)
        self.users, self.passwords, self.sessions = self.people.users, self.people.passwords, self.people.sessions
        self.factors = self.people.second_factors

    def clock(self) -> float:
        """Goes when it is told to."""
        return self.now

    def add(self, username: str = "ann", password: str = PASSWORD) -> Person:
        """Somebody who can sign in."""
        self.users.create(username, "op")
        return self.passwords.reset(self.passwords.link(username, "op")[1], password)

    def try_password(self, username: str, password: str, address: str = HOME, known: bool = False) -> object:
        """What comes of it."""
        return self.people.sign_in.password(username, password, address, known)

    def sign_in(self, username: str = "ann", password: str = PASSWORD) -> SignedIn:
        """By the password alone."""
        outcome = self.try_password(username, password)
        assert isinstance(outcome, SignedIn)
        return outcome

    def ticket(self, username: str = "ann", password: str = PASSWORD) -> str:
        """The password was right, and a second factor is waited for."""
        outcome = self.try_password(username, password)
        assert isinstance(outcome, SecondFactorNeeded)
        return outcome.ticket

    def second(self, ticket: str, code: str, address: str = HOME) -> object:
        """What comes of it."""
        return self.people.sign_in.second_factor(ticket, code, address)

    def enrol(self, person_id: str) -> tuple[bytes, tuple[str, ...]]:
        """An authenticator: its secret, and the recovery codes. The next code counts a step later."""
        secret = base64.b32decode(self.factors.begin(person_id).secret_base32)
        codes = self.factors.confirm(person_id, self.code(secret))
        self.now += STEP_S
        return secret, codes

    def code(self, secret: bytes, steps: int = 0) -> str:
        """What the authenticator shows, so many steps from now."""
        return totp(secret, int(self.now) // STEP_S + steps).decode()

    def cookie(self, username: str = "ann", password: str = PASSWORD) -> str:
        """Of a browser in which they have signed in."""
        return self.sessions.begin(self.sign_in(username, password), HOME, "Browser/1")
