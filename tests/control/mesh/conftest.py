"""Everything here holds over SQLite and over PostgreSQL."""

from tests.control.either_store import either_store, postgresql

__all__ = ["either_store", "postgresql"]
