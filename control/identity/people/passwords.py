"""Passwords: changed with the old one, or set with a link that an operator gave."""

from .person import Person


class Passwords:
    """Thread-safe and blocking: ``change`` and ``reset`` are to be called with ``mesh.people.hashing`` as limiter."""

    def change(self, person_id: str, old: str, new: str) -> None:
        """WrongPassword, WeakPassword, TooManyTries, each with a text to show. All sessions of theirs end: begin a new
        one."""
        raise NotImplementedError

    def reset_subject(self, link_token: str) -> Person | None:
        """Whose password may be set with the link; None if it is spent. It is not used up by looking."""
        raise NotImplementedError

    def reset(self, link_token: str, new: str) -> Person:
        """Set it, and use the link up: SpentLink, WeakPassword (then the link stays good). Their sessions end; nobody
        is signed in by it."""
        raise NotImplementedError
