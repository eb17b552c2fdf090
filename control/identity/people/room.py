"""Everything about people as one object: ``mesh.people``."""

import trio

from .passwords import Passwords
from .scopes import Scopes
from .second_factors import SecondFactors
from .sessions import Sessions
from .sign_in import SignIn
from .users import People

HASHES_AT_ONCE = 2
"""Each takes a processor for tens of milliseconds, and 19 MiB."""


class Room:
    """``hashing``: the limiter of whatever hashes passwords, so that those who sign in keep no thread from anyone else;
    ``trio.to_thread.run_sync(mesh.people.sign_in.password, ..., limiter=mesh.people.hashing)``."""

    def __init__(self) -> None:
        self.hashing = trio.CapacityLimiter(HASHES_AT_ONCE)
        self.users, self.sign_in, self.sessions = People(), SignIn(), Sessions()
        self.passwords, self.second_factors, self.scopes = Passwords(), SecondFactors(), Scopes()
