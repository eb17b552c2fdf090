"""Everything here holds over SQLite and over PostgreSQL."""

from tests.control.either_store import either_store

__all__ = ["either_store"]
