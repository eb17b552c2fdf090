"""What control remembers. Everything else in control is a function of it.

``database``    opening one, SQLite or PostgreSQL; transactions
``sqlite``      SQLite's file, durable, private, and made once
``tables``      the tables, typed
``migrate``     bringing a database up to these tables; ``migrations/`` holds the steps
``backup``      the whole of it to a file and back; ``backup_file`` is the form, ``direct`` opens it as it is
``shapes``      what the JSON of a column looks like
``erasure``     what was overwritten is gone from the file
``audit``       who did what, written in the transaction that did it
"""

from .database import Database, open_database

__all__ = ["Database", "open_database"]
