"""People as operators know them."""

from .person import Person


class People:
    """Those in the store. Thread-safe and blocking. ``key`` is a person's username or id."""

    def find(self, person_id: str) -> Person | None:
        """By id; also one who is turned off or has expired: see ``Person.active``."""
        raise NotImplementedError

    def find_by_name(self, username: str) -> Person | None:
        """By username, as it is typed: upper or lower case, in any form of Unicode."""
        raise NotImplementedError
